//! Mappings with a name: used, kept and forgotten where a file is mapped.

use axum::response::Response;

use super::{show, upload_error};
use crate::console::desk::Desk;
use crate::console::typed::Typed;
use crate::error::Error;
use crate::jobs::upload::{Kept, Mapping, Upload};

/// What mappings are called is short enough for a list.
const NAME_MAX: usize = 80;

/// Uses, keeps or forgets a mapping with a name, if that is what is wanted.
pub(super) async fn act(
    desk: &Desk,
    upload: &Upload,
    typed: &Typed,
    chosen: &Mapping,
    header: &[String],
) -> Result<Option<Response>, Error> {
    let act = match typed.one("act") {
        // Enter in any control of the form: who has written a name means that one.
        "enter" if !typed.one("mapping-name").trim().is_empty() => "keep",
        act => act,
    };
    let done = match act {
        "use" => {
            let known = desk.app.uploads.mappings(upload).into_iter().find(|mapping| mapping.name == typed.one("mapping"));
            known.map(|mapping| mapping.of_header(header)).ok_or("import.mapping_gone")
        }
        "keep" => keep_mapping(desk, upload, typed, chosen)?,
        "forget" => match desk.app.uploads.drop_mapping(upload, typed.one("mapping"), administers(desk)).map_err(upload_error)? {
            true => Ok(chosen.clone()),
            false => Err("import.mapping_not_theirs"),
        },
        _ => return Ok(None),
    };
    let (chosen, error) = match done {
        Ok(chosen) => (chosen, None),
        Err(key) => (chosen.clone(), Some(desk.words.say(key).to_owned())),
    };
    show(desk, upload, Some(chosen), None, error).await.map(Some)
}

fn administers(desk: &Desk) -> bool {
    desk.may(sync_core::access::Right::Administer)
}

/// Keeps what was chosen under the name that was typed; or the key of the words that say why not.
fn keep_mapping(desk: &Desk, upload: &Upload, typed: &Typed, chosen: &Mapping) -> Result<Result<Mapping, &'static str>, Error> {
    let name: String = typed.one("mapping-name").trim().chars().take(NAME_MAX).collect();
    if name.is_empty() {
        return Ok(Err("import.mapping_name_missing"));
    }
    let mapping = Mapping { name, ..chosen.clone() };
    Ok(match desk.app.uploads.keep_mapping(upload, mapping.clone(), administers(desk)).map_err(upload_error)? {
        Kept::Yes => Ok(mapping),
        Kept::Full => Err("import.mappings_full"),
        Kept::NotTheirs => Err("import.mapping_not_theirs"),
    })
}

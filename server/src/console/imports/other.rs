//! A file that was taken for one of a kind, and looks like an export of another: said, and mended with one click.

use axum::response::{IntoResponse, Redirect, Response};
use sync_core::schema::Kind;

use super::{author, kinds, show, upload_error};
use crate::console::desk::Desk;
use crate::error::Error;
use crate::jobs::import::Preset;
use crate::jobs::upload::Upload;

/// The kind that a file rather looks like.
pub(super) struct OtherKind {
    /// Its name.
    pub name: String,
    /// What was recognised.
    pub says: String,
    /// What the button says that takes the file for it.
    pub switch: String,
}

/// The kind whose export a header is, if it is none of this one: of those that the caller may bring in.
pub(super) fn looks_like(desk: &Desk, kind: &Kind, header: &[String]) -> Option<OtherKind> {
    if Preset::of(&kind.name, header).is_some() {
        return None;
    }
    let author = author(desk);
    let fitting = kinds(desk, &author).filter_map(|other| Some((Preset::of(&other.name, header)?, other)));
    let (preset, other) = fitting.max_by_key(|(preset, _)| preset.known(header))?;
    let (plural, chosen) = (desk.words.label(&other.plural), desk.words.label(&kind.plural));
    Some(OtherKind {
        name: other.name.to_string(),
        says: desk.words.fill("import.looks_like", &[plural, &preset.name, chosen]),
        switch: desk.words.fill("import.switch", &[plural]),
    })
}

/// Takes the file for one of another kind, which the caller may bring in, too.
pub(super) async fn switch(desk: &Desk, upload: &Upload, wanted: &str) -> Result<Response, Error> {
    let author = author(desk);
    let kind = kinds(desk, &author).find(|kind| *kind.name == *wanted).map(|kind| kind.name.clone());
    let Some(kind) = kind else { return show(desk, upload, None, None, Some(desk.words.say("import.which").to_owned())).await };
    desk.app.uploads.change_kind(upload, kind).map_err(upload_error)?;
    Ok(Redirect::to(&format!("/imports/{}", upload.id)).into_response())
}

//! The records that an import, or another act on many, made or changed: those in sight.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use sync_core::id::RecordId;

use crate::console::desk::{Desk, Frame, icon, page as answer};
use crate::console::{format, list};
use crate::error::Error;
use crate::jobs::import::{self, ImportId};
use crate::place::Path;
use crate::store::imports::{self, Act};

/// Records of a page: as many ids fit into the address of a list.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "import_records.html")]
struct RecordsPage {
    frame: Frame,
    rows: Vec<RecordView>,
    /// The same as a list, with columns and all that can be done there.
    list: Option<String>,
    next: Option<String>,
}

struct RecordView {
    icon: String,
    href: String,
    title: String,
    archived: bool,
}

/// What the address asks for.
#[derive(Deserialize)]
pub struct Asked {
    /// The record that the page begins after.
    after: Option<RecordId>,
}

/// `GET /imports/records/{import}`.
pub async fn page(desk: Desk, Path(act): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let act: ImportId = act.parse().map_err(|_| Error::NotFound)?;
    let acts = import::list(&desk.app, desk.caller.workspace).await?;
    let row = acts.into_iter().find(|row| row.import == act.0).ok_or(Error::NotFound)?;
    let mut tx = desk.app.store.reader().await?;
    let mut ids = imports::records_of(&mut tx, desk.caller.workspace, act.0, asked.after, PAGE as u32 + 1).await?;
    drop(tx);
    let is_more = ids.len() > PAGE;
    ids.truncate(PAGE);
    let next = ids.last().filter(|_| is_more).map(|last| format!("/imports/records/{act}?after={last}"));
    let names = desk.reading.names_of(ids).await?;
    let view = |linked: &crate::reading::Linked| RecordView {
        icon: icon(&linked.kind).to_owned(),
        href: format!("/records/{}/{}", linked.kind, linked.id),
        title: if linked.title.is_empty() { format::short(&linked.id.to_string()) } else { linked.title.clone() },
        archived: linked.archived,
    };
    let of_kind: Vec<RecordId> =
        names.values().filter(|linked| linked.kind == row.kind && !linked.archived).map(|linked| linked.id).collect();
    let filter = json!([{"type": "in", "attribute": "id", "value": of_kind}]).to_string();
    let title = if row.act == Act::File && !row.file_name.is_empty() { &*row.file_name } else { desk.words.say("import.records") };
    let frame = desk.frame(title, "/imports").await?;
    let list = (!of_kind.is_empty()).then(|| format!("/records/{}?where={}", row.kind, list::encoded(&filter)));
    answer(StatusCode::OK, &RecordsPage { frame, rows: names.values().map(view).collect(), list, next })
}

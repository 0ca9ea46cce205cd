//! Everything about a person, to be shown and to be handed out.

use serde::Serialize;
use serde_json::{Value, json};
use sync_core::id::RecordId;
use sync_core::schema::{Kind, Label};

use super::check;
use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::Caller;
use crate::error::Error;
use crate::reading::{History, LinkedRecord, Reading, RefusedEdit, Row};

/// The log in which a kind keeps what somebody agreed to.
pub const CONSENTS: &str = "consents";

/// Everything about one record.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dossier {
    /// Its present values, all facets, with its links and what links to it.
    pub record: LinkedRecord,
    /// Everything that was ever written to it, by whom and when.
    pub history: Option<History>,
    /// The records that were merged into it.
    pub merged: Vec<Merged>,
    /// The present consents, by purpose: the last word on each.
    pub consents: Vec<Consent>,
    /// The contents of the files about it.
    pub files: Vec<FileOf>,
    /// Every other record that names it, in use or archived, with its values.
    pub about: Vec<Row>,
    /// Edits of it that were not accepted, newest first, whatever has become of them.
    pub refused: Vec<RefusedEdit>,
}

/// How much there is about one record.
#[derive(Debug)]
pub struct Glance {
    /// Its present values, all facets.
    pub row: Row,
    /// The present consents, by purpose: the last word on each.
    pub consents: Vec<Consent>,
    /// What was written to it.
    pub changes: usize,
    /// Records that were merged into it.
    pub merged: usize,
    /// Files about it.
    pub files: usize,
    /// Every other record that names it, in use or archived.
    pub about: Vec<RecordId>,
    /// Edits of it that were not accepted.
    pub refused: usize,
}

/// A record that was merged into another one, with all that was ever written to it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Merged {
    /// Its present values.
    pub record: Row,
    /// Who wrote what, and when.
    pub history: Option<History>,
}

/// The last word on one purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consent {
    /// What for.
    pub purpose: String,
    /// Whether it was given.
    pub given: bool,
    /// When, as it was noted: milliseconds since 1970 UTC.
    pub at: Option<i64>,
}

/// A file about a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileOf {
    /// Its record.
    pub id: RecordId,
    /// What it is called.
    pub name: String,
    /// Where its content is.
    pub content: String,
}

/// Everything about a record as a file, for whoever may erase; that it was taken out is written down.
///
/// # Errors
/// When it is out of sight, or the caller may not.
pub async fn take_out(app: &App, caller: &Caller, id: RecordId) -> Result<Dossier, Error> {
    let dossier = dossier(app, caller, id).await?;
    Note::of(caller.workspace, Some(caller.user), Act::Downloaded, id).keep(&app.store, app.clock.now()).await?;
    Ok(dossier)
}

/// How much there is about a record, for a page; that somebody looked at it is written down once a day, however often they come
/// back.
///
/// # Errors
/// As [`take_out`].
pub async fn look_at(app: &App, caller: &Caller, id: RecordId) -> Result<Glance, Error> {
    let reading = Reading::of(app, caller);
    let row = reading.row(id).await?.ok_or(Error::NotFound)?;
    check(app, caller, &row)?;
    let (all, merged) = with_merged(&reading, id).await?;
    let naming = reading.pointing_at(&all).await?;
    let (files, about): (Vec<_>, Vec<_>) = naming.into_iter().partition(|(_, kind)| &**kind == crate::files::KIND);
    let glance = Glance {
        consents: consents(&row.fields),
        changes: reading.history(id).await?.map_or(0, |history| history.entries.len()),
        merged: merged.len(),
        files: files.len(),
        about: about.into_iter().map(|(record, _)| record).collect(),
        refused: refused_of(&reading, &all).await?.len(),
        row,
    };
    Note::of(caller.workspace, Some(caller.user), Act::Disclosed, id).keep_once_a_day(&app.store, app.clock.now()).await?;
    Ok(glance)
}

async fn dossier(app: &App, caller: &Caller, id: RecordId) -> Result<Dossier, Error> {
    let reading = Reading::of(app, caller);
    let view = reading.record(id).await?.ok_or(Error::NotFound)?;
    check(app, caller, &view.row)?;
    let (all, rows) = with_merged(&reading, id).await?;
    let mut merged = Vec::new();
    for record in rows {
        merged.push(Merged { history: reading.history(record.id).await?, record });
    }
    let naming = reading.those(reading.pointing_at(&all).await?.into_keys().collect()).await?;
    let (files, about): (Vec<Row>, Vec<Row>) = naming.into_iter().partition(|row| &*row.kind == crate::files::KIND);
    let file = |row: Row| FileOf { id: row.id, name: row.title, content: format!("/api/v1/file/{}/content", row.id) };
    Ok(Dossier {
        consents: consents(&view.row.fields),
        history: reading.history(id).await?,
        record: LinkedRecord { view, linked_from: reading.linked_from(id).await? },
        merged,
        files: files.into_iter().map(file).collect(),
        about,
        refused: refused_of(&reading, &all).await?,
    })
}

/// The records that were merged into one, and the ids of all of them.
async fn with_merged(reading: &Reading, id: RecordId) -> Result<(Vec<RecordId>, Vec<Row>), Error> {
    let merged = reading.behind(id).await?;
    Ok((merged.iter().map(|row| row.id).chain([id]).collect(), merged))
}

async fn refused_of(reading: &Reading, records: &[RecordId]) -> Result<Vec<RefusedEdit>, Error> {
    let mut refused = Vec::new();
    for record in records {
        refused.extend(reading.refused_of(*record).await?);
    }
    Ok(refused)
}

/// What people call the purpose of a consent, if it is one that the kind names.
pub fn purpose_of<'k>(kind: &'k Kind, consent: &Consent) -> Option<&'k Label> {
    let purposes = kind.field(CONSENTS).and_then(|field| field.item("purpose"))?;
    purposes.option(&consent.purpose).map(|option| &option.label)
}

/// The last word on each purpose, from a log of consents.
fn consents(fields: &serde_json::Map<String, Value>) -> Vec<Consent> {
    let mut last: Vec<Consent> = Vec::new();
    for entry in fields.get(CONSENTS).and_then(Value::as_array).into_iter().flatten() {
        let Some(purpose) = entry["purpose"].as_str() else { continue };
        let consent = Consent { purpose: purpose.to_owned(), given: entry["given"] == json!(true), at: entry["at"].as_i64() };
        match last.iter_mut().find(|known| known.purpose == consent.purpose) {
            // What was noted without a time is newer than nothing.
            Some(known) if known.at <= consent.at => *known = consent,
            Some(_) => {}
            None => last.push(consent),
        }
    }
    last
}

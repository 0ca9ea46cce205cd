//! Everything about one record as a page for whoever it is about: readable without this system, in the reader's language.
//!
//! Holds what the file for programs holds. Loads nothing, and links nowhere: it is handed over.

use askama::Template;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sync_core::id::RecordId;
use sync_core::schema::{Field, Kind};

use super::desk::{Desk, page};
use super::format::{Formatter, minute};
use super::history::{change_view, names};
use super::made::{device_of, name_of};
use super::words::Words;
use crate::error::Error;
use crate::privacy::{self, Dossier};
use crate::reading::{Linked, RecordView};

#[derive(Template)]
#[template(path = "dossier.html")]
struct DossierPage {
    words: Words,
    title: String,
    /// What sort of record, which one, and when and for whom the page was made.
    about: Vec<String>,
    values: Vec<(String, String)>,
    consents: Vec<String>,
    /// Records it names and records that name it: by what, and what they are called.
    links: Vec<(String, String)>,
    files: Vec<String>,
    entries: Vec<EntryView>,
    /// Whether older entries were left out.
    cut: bool,
}

/// What one change did to one field.
struct EntryView {
    when: String,
    who: String,
    field: String,
    old: String,
    new: String,
}

/// `GET /privacy/{id}/page.html`: that it was taken out is written down, as for the file for programs.
pub async fn take_out(desk: Desk, Path(id): Path<RecordId>) -> Result<Response, Error> {
    let dossier = privacy::take_out(&desk.app, &desk.caller, id).await?;
    let kind = desk.reading.kind(&dossier.record.row.kind)?.clone();
    let mut response = page(StatusCode::OK, &view(&desk, &kind, &dossier).await?)?.into_response();
    let name = HeaderValue::try_from(format!("attachment; filename=\"{id}.html\"")).map_err(|error| Error::Internal(error.into()))?;
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

async fn view(desk: &Desk, kind: &Kind, dossier: &Dossier) -> Result<DossierPage, Error> {
    let Dossier { record, history, consents, files } = dossier;
    let entries = history.as_ref().map_or(&[][..], |history| &history.entries);
    let mut known = names(desk, kind, entries, None).await?;
    known.extend(record.links.iter().flat_map(|links| &links.records).map(|linked| (linked.id, linked.clone())));
    let format = Formatter { words: desk.words, names: &known };
    let label = |field: &Field| desk.words.label(&field.label).to_owned();
    let value = |field: &Field| Some((label(field), format.field(field, record.row.fields.get(&*field.name)?).text()));
    let entry = |at: usize| {
        let (entry, change) = (&entries[at], change_view(&format, kind, &entries[at..]));
        EntryView {
            when: minute(entry.edit_time),
            who: format!("{} · {}", name_of(desk, &entry.who), device_of(desk, &entry.who)),
            field: change.field,
            old: change.old.text(),
            new: change.new.text(),
        }
    };
    Ok(DossierPage {
        words: desk.words,
        title: record.row.title.clone(),
        about: vec![
            desk.words.label(&kind.label).to_owned(),
            record.row.id.to_string(),
            format!("{} · {}", minute(desk.now), desk.caller.name),
        ],
        values: kind.fields.iter().filter_map(value).filter(|(_, text)| !text.is_empty()).collect(),
        consents: consents.iter().map(|consent| consented(desk, kind, consent)).collect(),
        links: linked(desk, kind, record),
        files: files.iter().map(|file| file.name.clone()).collect(),
        entries: (0..entries.len()).map(entry).collect(),
        cut: history.as_ref().is_some_and(|history| history.cut),
    })
}

/// A purpose, what was said of it last, and when.
fn consented(desk: &Desk, kind: &Kind, consent: &privacy::Consent) -> String {
    let said = desk.words.say(if consent.given { "value.yes" } else { "value.no" });
    let at = consent.at.map(|at| format!(" ({})", minute(at))).unwrap_or_default();
    format!("{}: {said}{at}", privacy::purpose_of(kind, consent).map_or(&*consent.purpose, |label| desk.words.label(label)))
}

fn linked(desk: &Desk, kind: &Kind, record: &RecordView) -> Vec<(String, String)> {
    let titles = |records: &[Linked]| records.iter().map(|linked| linked.title.as_str()).collect::<Vec<_>>().join("; ");
    let called =
        |role: &str| kind.field(role.split('.').next().unwrap_or_default()).map_or(role, |field| desk.words.label(&field.label)).to_owned();
    let out = record.links.iter().map(|links| (called(&links.role), titles(&links.records)));
    let of = |name: &str| desk.reading.kind(name).map_or(name.to_owned(), |kind| desk.words.label(&kind.plural).to_owned());
    let back = record.linked_from.iter().map(|links| {
        let more = links.count.saturating_sub(links.records.len() as u64);
        let more = if more > 0 { format!("; {}", desk.words.count("record.more", more)) } else { String::new() };
        (of(&links.kind), format!("{}{more}", titles(&links.records)))
    });
    out.chain(back).collect()
}

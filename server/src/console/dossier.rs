//! Everything about one record as a page for whoever it is about: readable without this system, in the reader's language.
//!
//! Holds what the file for programs holds. Loads nothing, and links nowhere: it is handed over.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sync_core::id::RecordId;
use sync_core::schema::{Field, Kind};

use super::desk::{Desk, page};
use super::format::{Formatter, minute};
use super::history::{self, change_view};
use super::links::ids_in;
use super::made::{device_of, name_of};
use super::rejected::{FieldView, field_views, named_in};
use super::words::Words;
use crate::error::Error;
use crate::place::Path;
use crate::privacy::{self, Dossier, Merged};
use crate::reading::{History, Linked, LinkedRecord, Names, RefusedEdit, Row, Who};

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
    /// Its history, what was merged into it, edits that were not accepted, and what names it.
    sections: Vec<Section>,
}

/// A part of the page: a record, or what was done or wanted to one.
#[derive(Default)]
struct Section {
    /// What this and the following are, by the key of its words.
    heading: Option<&'static str>,
    title: String,
    values: Vec<(String, String)>,
    entries: Vec<EntryView>,
    /// What the last column of the entries is called.
    new: &'static str,
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
    let kind = desk.reading.kind(&dossier.record.view.row.kind)?.clone();
    let mut response = page(StatusCode::OK, &view(&desk, &kind, &dossier).await?)?.into_response();
    let name = HeaderValue::try_from(format!("attachment; filename=\"{id}.html\"")).map_err(|error| Error::Internal(error.into()))?;
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

async fn view(desk: &Desk, kind: &Kind, dossier: &Dossier) -> Result<DossierPage, Error> {
    let Dossier { record: linked, consents, files, .. } = dossier;
    let row = &linked.view.row;
    let known = called(desk, kind, dossier).await?;
    let format = desk.formatter(&known);
    Ok(DossierPage {
        words: desk.words,
        title: row.title.clone(),
        about: vec![desk.words.label(&kind.label).to_owned(), row.id.to_string(), format!("{} · {}", minute(desk.now), desk.caller.name)],
        values: values(&format, kind, row),
        consents: consents.iter().map(|consent| consented(desk, kind, consent)).collect(),
        links: links(desk, kind, linked),
        files: files.iter().map(|file| file.name.clone()).collect(),
        sections: sections(desk, &format, kind, dossier),
    })
}

/// What the records are called that anything of it leads to.
async fn called(desk: &Desk, kind: &Kind, dossier: &Dossier) -> Result<Names, Error> {
    let histories = dossier.merged.iter().map(|merged| &merged.history).chain([&dossier.history]).flatten();
    let mut ids: Vec<RecordId> = histories.flat_map(|history| history::linked(kind, &history.entries, None)).collect();
    let rows = dossier.about.iter().chain(dossier.merged.iter().map(|merged| &merged.record));
    let texts = rows.flat_map(|row| row.fields.values()).flat_map(ids_in);
    ids.extend(texts.chain(dossier.refused.iter().flat_map(named_in)));
    let mut known = desk.reading.names_of(ids).await?;
    known.extend(dossier.record.view.links.iter().flat_map(|links| &links.records).map(|linked| (linked.id, linked.clone())));
    Ok(known)
}

fn sections(desk: &Desk, format: &Formatter<'_>, kind: &Kind, dossier: &Dossier) -> Vec<Section> {
    let of_kind = |row: &Row| desk.reading.kind(&row.kind).map_or(Vec::new(), |kind| values(format, kind, row));
    let named = |row: &Row| match desk.reading.kind(&row.kind) {
        Ok(kind) => format!("{} · {}", row.title, desk.words.label(&kind.label)),
        Err(_) => row.title.clone(),
    };
    let own = Section { heading: Some("privacy.history"), ..written(desk, format, kind, dossier.history.as_ref()) };
    let merged = dossier.merged.iter().map(|Merged { record, history }| Section {
        title: record.title.clone(),
        values: values(format, kind, record),
        ..written(desk, format, kind, history.as_ref())
    });
    let refused = dossier.refused.iter().flat_map(|edit| refused(desk, format, kind, edit)).collect::<Vec<_>>();
    let refused = Section { entries: refused, new: "privacy.wanted", ..Section::default() };
    let about = dossier.about.iter().map(|row| Section { title: named(row), values: of_kind(row), ..Section::default() });
    let groups = [("privacy.of_merged", merged.collect()), ("privacy.of_refused", vec![refused]), ("privacy.about", about.collect())];
    let mut sections = vec![own];
    for (heading, group) in groups {
        let told = group.into_iter().filter(|one: &Section| !one.title.is_empty() || !one.entries.is_empty());
        sections.extend(told.enumerate().map(|(at, one)| Section { heading: (at == 0).then_some(heading), ..one }));
    }
    sections
}

fn values(format: &Formatter<'_>, kind: &Kind, row: &Row) -> Vec<(String, String)> {
    let label = |field: &Field| format.words.label(&field.label).to_owned();
    let value = |field: &Field| Some((label(field), format.field(field, row.fields.get(&*field.name)?).text()));
    kind.fields.iter().filter_map(value).filter(|(_, text)| !text.is_empty()).collect()
}

fn written(desk: &Desk, format: &Formatter<'_>, kind: &Kind, history: Option<&History>) -> Section {
    let entries = history.map_or(&[][..], |history| &history.entries);
    let entry = |at: usize| {
        let (entry, change) = (&entries[at], change_view(format, kind, &entries[at..]));
        EntryView {
            when: minute(entry.edit_time),
            who: by(desk, &entry.who),
            field: change.field,
            old: change.old.text(),
            new: change.new.text(),
        }
    };
    Section {
        entries: (0..entries.len()).map(entry).collect(),
        new: "privacy.after",
        cut: history.is_some_and(|history| history.cut),
        ..Section::default()
    }
}

/// What one edit that was not accepted wanted, field by field.
fn refused(desk: &Desk, format: &Formatter<'_>, kind: &Kind, edit: &RefusedEdit) -> Vec<EntryView> {
    let entry = |view: FieldView| EntryView {
        when: minute(edit.edit_time.unwrap_or(edit.received_at)),
        who: by(desk, &edit.who),
        field: view.label,
        old: view.from.text(),
        new: view.to.text(),
    };
    field_views(format, Some(kind), edit).into_iter().map(entry).collect()
}

fn by(desk: &Desk, who: &Who) -> String {
    format!("{} · {}", name_of(desk, who), device_of(desk, who))
}

/// A purpose, what was said of it last, and when.
fn consented(desk: &Desk, kind: &Kind, consent: &privacy::Consent) -> String {
    let said = desk.words.say(if consent.given { "value.yes" } else { "value.no" });
    let at = consent.at.map(|at| format!(" ({})", minute(at))).unwrap_or_default();
    format!("{}: {said}{at}", privacy::purpose_of(kind, consent).map_or(&*consent.purpose, |label| desk.words.label(label)))
}

fn links(desk: &Desk, kind: &Kind, linked: &LinkedRecord) -> Vec<(String, String)> {
    let titles = |records: &[Linked]| records.iter().map(|linked| linked.title.as_str()).collect::<Vec<_>>().join("; ");
    let called =
        |role: &str| kind.field(role.split('.').next().unwrap_or_default()).map_or(role, |field| desk.words.label(&field.label)).to_owned();
    let out = linked.view.links.iter().map(|links| (called(&links.role), titles(&links.records)));
    let of = |name: &str| desk.reading.kind(name).map_or(name.to_owned(), |kind| desk.words.label(&kind.plural).to_owned());
    let back = linked.linked_from.iter().map(|links| {
        let more = links.count.saturating_sub(links.records.len() as u64);
        let more = if more > 0 { format!("; {}", desk.words.count("record.more", more)) } else { String::new() };
        (of(&links.kind), format!("{}{more}", titles(&links.records)))
    });
    out.chain(back).collect()
}

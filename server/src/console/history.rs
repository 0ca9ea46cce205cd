//! Who changed what, from which value to which; and the record as it was on a day.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::id::{Millis, RecordId, UserId};
use sync_core::record::fields::ARCHIVED;
use sync_core::schema::{Field, Kind, ValueType};

use super::desk::{Desk, Frame, page as answer};
use super::format::{self, Formatter, Shown};
use super::links::ids_in;
use super::made::{decides, device_of, later, name_of};
use super::record::{Head, head, view};
use crate::error::{Error, Text};
use crate::place::Path;
use crate::reading::{AsOf, Entry, Names, ReviewedBy};

/// What the address asks for.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    at: String,
    #[serde(default)]
    tz: String,
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    frame: Frame,
    head: Head,
    at: String,
    past: Option<Past>,
    entries: Vec<EntryView>,
    cut: bool,
}

struct Past {
    title: String,
    /// None when there was no such record yet.
    fields: Option<Vec<(String, Shown)>>,
}

/// What one person did at one moment.
pub struct EntryView {
    /// When.
    pub when: Shown,
    /// Who.
    pub who: String,
    /// On which device.
    pub device: String,
    /// How much later it came, if it did.
    pub later: Option<String>,
    /// Who asked for it and who accepted it, in words, where somebody had to.
    pub review: Option<String>,
    /// What it did.
    pub changes: Vec<ChangeView>,
}

/// What a change did to one field.
pub struct ChangeView {
    /// The field's label.
    pub field: String,
    /// Whether it ended a disagreement.
    pub decided: bool,
    /// What was there.
    pub old: Shown,
    /// What came instead.
    pub new: Shown,
}

/// `GET /records/{kind}/{id}/history`.
pub async fn page(desk: Desk, Path((kind, id)): Path<(String, RecordId)>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let view = view(&desk, &kind.name, id).await?;
    let history = desk.reading.history(id).await?.ok_or(Error::NotFound)?;
    let past = match end_of_day(&asked) {
        Some(moment) => Some((moment, desk.reading.as_of(id, moment).await?)),
        None if asked.at.is_empty() => None,
        // Today's record is no answer to that.
        None => return Err(no_day(&asked.at)),
    };
    let names = names(&desk, &kind, &history.entries, past.as_ref().and_then(|(_, past)| past.as_ref())).await?;
    let format = desk.formatter(&names);
    let head = head(&desk, &kind, &view, "history");
    let page = HistoryPage {
        frame: desk.frame(&head.title, &format!("/records/{}", kind.name)).await?,
        past: past.map(|(_, past)| as_it_was(&format, &kind, &asked.at, past)),
        entries: entry_views(&desk, &format, &kind, &history.entries),
        cut: history.cut,
        at: if asked.at.is_empty() { format::day(desk.now) } else { asked.at },
        head,
    };
    answer(StatusCode::OK, &page)
}

fn no_day(typed: &str) -> Error {
    let message = Text::new(format!("“{typed}” is no day: write it as 2026-05-03"), format!("“{typed}”不是日期，请写作 2026-05-03。"));
    Error::Invalid { field: Some("at".to_owned()), message }
}

/// The last moment of the day asked for, where the reader is.
fn end_of_day(asked: &Asked) -> Option<Millis> {
    let day: jiff::civil::Date = asked.at.parse().ok()?;
    let end = day.at(23, 59, 59, 999_000_000).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    let minutes: Millis = asked.tz.parse().unwrap_or(0);
    Some(end + minutes.clamp(-1440, 1440) * 60_000)
}

/// What the records are called that values lead to.
pub async fn names(desk: &Desk, kind: &Kind, entries: &[Entry], past: Option<&AsOf>) -> Result<Names, Error> {
    Ok(desk.reading.names_of(linked(kind, entries, past)).await?)
}

/// The records that entries, and what stood there, link to.
pub fn linked(kind: &Kind, entries: &[Entry], past: Option<&AsOf>) -> Vec<RecordId> {
    let then = past.iter().flat_map(|past| past.fields.iter().map(|(name, value)| (&**name, value)));
    let values = entries.iter().flat_map(|entry| [&entry.old, &entry.new].into_iter().flatten().map(|value| (&*entry.field, value)));
    let leads = |name: &str| kind.field(name).is_some_and(|field| field.value == ValueType::Link || !field.items.is_empty());
    values.chain(then).filter(|(name, _)| leads(name)).flat_map(|(_, value)| ids_in(value)).collect()
}

fn as_it_was(format: &Formatter<'_>, kind: &Kind, day: &str, past: Option<AsOf>) -> Past {
    let title = format.words.fill("history.on", &[day]);
    let fields = past.map(|past| {
        let shown = |field: &Field| {
            let value = past.fields.get(&*field.name)?;
            Some((format.words.label(&field.label).to_owned(), format.field(field, value)))
        };
        kind.fields.iter().filter(|field| !field.hidden).filter_map(shown).collect()
    });
    Past { title, fields }
}

/// What one person did at one moment is one act, however many fields it touched.
pub fn acts(entries: &[Entry]) -> Vec<&[Entry]> {
    entries.chunk_by(|one, other| (one.edit_time, one.who.device) == (other.edit_time, other.who.device)).collect()
}

fn entry_views(desk: &Desk, format: &Formatter<'_>, kind: &Kind, entries: &[Entry]) -> Vec<EntryView> {
    let mut rest = entries;
    let view = |act: &[Entry]| {
        let view = entry_view(desk, format, kind, act, rest);
        rest = &rest[act.len()..];
        view
    };
    acts(entries).into_iter().map(view).collect()
}

/// An act; `rest` begins with it, the older entries after it say whether it ended a disagreement.
pub fn entry_view(desk: &Desk, format: &Formatter<'_>, kind: &Kind, act: &[Entry], rest: &[Entry]) -> EntryView {
    let first = &act[0];
    EntryView {
        when: format::moment(first.edit_time),
        who: name_of(desk, &first.who),
        device: device_of(desk, &first.who),
        later: later(desk, first.edit_time, first.received_at).filter(|_| first.offline),
        review: first.review.as_ref().map(|review| reviewed(desk, review, first.who.user)),
        changes: (0..act.len()).map(|index| change_view(format, kind, &rest[index..])).rev().collect(),
    }
}

/// Whoever is not named as the author of the change.
pub fn reviewed(desk: &Desk, review: &ReviewedBy, author: UserId) -> String {
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| desk.words.say("who.unknown").to_owned());
    if author == review.asked_by {
        return desk.words.fill("history.accepted_by", &[&name(&review.accepted_by_name)]);
    }
    desk.words.fill("history.asked_by", &[&name(&review.asked_by_name)])
}

/// The first entry; the older ones after it say whether it ended a disagreement.
pub fn change_view(format: &Formatter<'_>, kind: &Kind, newest_first: &[Entry]) -> ChangeView {
    let entry = &newest_first[0];
    value_view(format, kind, &entry.field, (entry.old.clone(), entry.new.clone()), decides(newest_first))
}

/// What becomes of one field, in words.
pub fn value_view(format: &Formatter<'_>, kind: &Kind, name: &str, values: (Option<Json>, Option<Json>), decided: bool) -> ChangeView {
    let field = kind.field(name);
    let shown = |value: Option<Json>| match (field, value) {
        (Some(field), Some(value)) => format.field(field, &value),
        _ => Shown::Nothing,
    };
    let label = match field {
        Some(field) => format.words.label(&field.label).to_owned(),
        None if name == ARCHIVED => {
            let is_away = values.1 == Some(Json::Bool(true));
            format.words.say(if is_away { "record.archived" } else { "record.restored" }).to_owned()
        }
        None => name.to_owned(),
    };
    // Of a set or a log only what came and went is worth reading.
    let (old, new) = differences(values);
    ChangeView { field: label, decided, old: shown(old), new: shown(new) }
}

fn differences(values: (Option<Json>, Option<Json>)) -> (Option<Json>, Option<Json>) {
    match &values {
        (Some(Json::Array(old)), Some(Json::Array(new))) => {
            let without = |all: &[Json], others: &[Json]| {
                let left: Vec<Json> = all.iter().filter(|value| !others.contains(value)).cloned().collect();
                (!left.is_empty()).then_some(Json::Array(left))
            };
            (without(old, new), without(new, old))
        }
        _ => values,
    }
}

//! What stands in a file, in people's words: its columns, and what its first rows hold.

use jiff::tz::TimeZone;
use sync_core::id::RecordId;
use sync_core::schema::{Field, Kind};

use super::{CHOICES_MAX, ColumnView, Seen};
use crate::console::desk::Desk;
use crate::console::format::{Shown, short};
use crate::console::history::{ChangeView, value_view};
use crate::console::links::ids_in;
use crate::error::Error;
use crate::jobs::cell::value_of;
use crate::jobs::import::{self, Becomes, Preview};
use crate::jobs::upload::Mapping;
use crate::reading::Names;

/// The columns of a file, with what stands in its first rows and where each goes; `choices` is how many targets each has.
pub(super) fn columns(desk: &Desk, kind: &Kind, chosen: &Mapping, seen: &Seen, choices: usize) -> Vec<ColumnView> {
    let is_cards = chosen.columns.iter().any(|(head, _)| head == import::CARD_COLUMN);
    let column = |(index, (head, target)): (usize, &(String, String))| {
        // A card names no columns: what it holds is read into ours, under names for programs.
        let place = if is_cards { head } else { target };
        let cells = seen.samples.iter().filter_map(|row| row.get(index)).filter(|cell| !cell.is_empty());
        ColumnView {
            index,
            head: if is_cards { called(desk, kind, head) } else { head.clone() },
            samples: cells.map(|cell| shown(desk, kind, place, cell, is_cards)).collect(),
            target: target.clone(),
            typed: (index + 1) * choices > CHOICES_MAX,
            is_void: is_cards && !seen.filled.get(index).is_some_and(|filled| *filled),
        }
    };
    // What only numbers cards goes nowhere.
    chosen.columns.iter().enumerate().filter(|(_, (head, _))| head != import::CARD_COLUMN).map(column).collect()
}

/// The fields that a target leads through: a field, and the part of its rows.
fn fields<'k>(kind: &'k Kind, target: &str) -> Vec<&'k Field> {
    let path = target.split([':', '|']).next().unwrap_or_default();
    let (name, item) = path.split_once('.').map_or((path, None), |(name, item)| (name, Some(item)));
    let field = kind.field(name);
    field.into_iter().chain(item.and_then(|item| field?.item(item))).collect()
}

fn called(desk: &Desk, kind: &Kind, head: &str) -> String {
    let labels: Vec<&str> = fields(kind, head).iter().map(|field| desk.words.label(&field.label)).collect();
    if labels.is_empty() { head.to_owned() } else { labels.join(" › ") }
}

/// A cell as the record's page shows its value. Of a table that somebody wrote only what is written for programs is put into
/// words: the rest stands there as they know it.
fn shown(desk: &Desk, kind: &Kind, target: &str, cell: &str, is_card: bool) -> Shown {
    let is_meant = is_card || cell.starts_with(['[', '{']);
    // What a link is looked up by is no value of it.
    let field = fields(kind, target).last().copied().filter(|_| is_meant && !target.contains(':'));
    let value = field.and_then(|field| Some((field, value_of(field, &[("", cell)], &TimeZone::UTC).ok()?)));
    let none = Names::new();
    let format = desk.formatter(&none);
    value.map_or_else(|| Shown::Text(cell.to_owned()), |(field, value)| format.field(field, &value))
}

/// What would become of a row, in words.
pub(super) struct RowView {
    /// Where it stands.
    pub place: String,
    /// What the record is called, and where its page is, if it is there and in sight.
    pub record: Option<(String, String)>,
    /// What happens to it.
    pub becomes: &'static str,
    /// Field by field.
    pub changes: Vec<ChangeView>,
}

/// What would become of the first rows. Of records and fields that are out of sight nothing is told.
pub(super) async fn rows(desk: &Desk, kind: &Kind, place: &'static str, previews: &[Preview]) -> Result<Vec<RowView>, Error> {
    let there: Vec<RecordId> = previews.iter().filter(|row| row.becomes != Becomes::New).map(|row| row.record).collect();
    let titles = desk.reading.names_of(there).await?;
    let values = previews.iter().flat_map(|row| &row.fields).flat_map(|one| [&one.old, &one.new]).flatten();
    let names = desk.reading.names_of(values.flat_map(ids_in).collect::<Vec<_>>()).await?;
    let format = desk.formatter(&names);
    let row = |row: &Preview| {
        let known = titles.get(&row.record);
        // What a row above makes is in nobody's sight yet, and no secret.
        let is_above = previews.iter().any(|other| other.becomes == Becomes::New && other.record == row.record);
        let in_sight = row.becomes == Becomes::New || known.is_some() || is_above;
        let seen =
            row.fields.iter().filter(|one| in_sight && (kind.field(&one.field).is_none() || desk.reading.may_read(kind, &one.field)));
        let title = |title: &str| if title.is_empty() { short(&row.record.to_string()) } else { title.to_owned() };
        RowView {
            place: desk.words.fill(place, &[&row.line.to_string()]),
            record: known.map(|known| (title(&known.title), format!("/records/{}/{}", kind.name, row.record))),
            becomes: desk.words.say(match row.becomes {
                Becomes::New => "import.is_made",
                Becomes::Changed => "import.is_changed",
                Becomes::Unchanged => "import.is_so",
            }),
            changes: seen.map(|one| value_view(&format, kind, &one.field, (one.old.clone(), one.new.clone()), false)).collect(),
        }
    };
    Ok(previews.iter().map(row).collect())
}

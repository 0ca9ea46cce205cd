//! What links to a record: its orders, deals and activities beside it, and those that would if somebody let them in.

use std::collections::HashSet;

use futures_util::future::try_join_all;
use serde_json::{Value as Json, json};
use sync_core::access::Action;
use sync_core::actions::duplicates;
use sync_core::id::RecordId;
use sync_core::schema::{Field, Kind, Merge, ValueType};

use super::desk::{Desk, icon};
use super::format::{self, Shown};
use super::gaps::Note;
use super::list::{Column, title_of};
use super::rejected::title_of_refused;
use super::worth;
use crate::error::Error;
use crate::reading::{LinksIn, Names, RecordView, Row};

/// Records shown of each kind and role, those that happened or were changed last: a table of them is a glance, all are a click away.
const ROWS_MAX: usize = 10;

/// Columns beside the title: more do not fit beside a record.
const COLUMNS_MAX: usize = 3;

/// The records of one kind that link to a record by one role.
pub struct LinkGroup {
    /// What they are.
    pub label: String,
    /// Which icon.
    pub icon: String,
    /// How many.
    pub count: String,
    /// The columns.
    pub heads: Vec<HeadView>,
    /// Those that happened last, or were changed last where nothing says when they did.
    pub rows: Vec<RowView>,
    /// Where another one is made.
    pub new: Option<String>,
    /// What that is called.
    pub new_label: String,
    /// How many more there are, in words.
    pub more: Option<String>,
    /// What they add up to.
    pub sum: String,
    /// How many of them count, their average, and the day of the last of them.
    pub facts: Vec<String>,
    /// All of them, as a list.
    pub all: String,
}

/// The head of a column.
pub struct HeadView {
    /// What stands in it.
    pub label: String,
    /// Whether it holds numbers.
    pub number: bool,
}

/// A record that links here.
pub struct RowView {
    /// Its page.
    pub href: String,
    /// What names it.
    pub title: String,
    /// Whether another one stands for it.
    pub merged: bool,
    /// A value for each column behind the title.
    pub cells: Vec<CellView>,
}

/// A value of it.
pub struct CellView {
    /// The column's label.
    pub label: String,
    /// The value.
    pub shown: Shown,
    /// Whether it stands under others by its last digit.
    pub number: bool,
    /// Whether it stays on one line.
    pub whole: bool,
}

/// A record that is not there before somebody has given their word.
pub struct WaitingView {
    /// Which icon.
    pub icon: String,
    /// Of which kind.
    pub kind: String,
    /// What would name it.
    pub title: String,
    /// Where it is decided about.
    pub href: String,
    /// Who made it.
    pub who: String,
}

/// The new records that would link to a record, had they been let in; and whether the desk has more of them.
pub async fn waiting(desk: &Desk, id: RecordId) -> Result<(Vec<WaitingView>, bool), Error> {
    let view = |edit: crate::reading::RefusedEdit| {
        let kind = desk.reading.kind(&edit.kind).ok().map(|kind| &**kind);
        WaitingView {
            icon: icon(&edit.kind).to_owned(),
            kind: kind.map_or_else(|| edit.kind.to_string(), |kind| desk.words.label(&kind.label).to_owned()),
            title: title_of_refused(desk, kind, &edit),
            href: format!("/rejected/{}", edit.name()),
            who: super::made::name_of(desk, &edit.who),
        }
    };
    let (edits, is_cut) = desk.reading.waiting_for(id).await?;
    Ok((edits.into_iter().map(view).collect(), is_cut))
}

/// The edits of a record that wait for somebody's word, or were refused: whose, of which fields, and where they are decided.
pub async fn undecided(desk: &Desk, kind: &Kind, id: RecordId) -> Result<Vec<Note>, Error> {
    let note = |edit: crate::reading::RefusedEdit| {
        let labels = edit.fields.iter().filter_map(|wanted| kind.field(&wanted.field)).map(|field| desk.words.label(&field.label));
        let labels = labels.collect::<Vec<_>>().join(", ");
        let who = super::made::name_of(desk, &edit.who);
        Note { text: desk.words.fill("record.undecided", &[&who, &labels]), href: Some(format!("/rejected/{}", edit.name())) }
    };
    Ok(desk.reading.undecided_of(id).await?.into_iter().map(note).collect())
}

/// The title and what else lists of the kind show first, as far as any of the records has it.
fn table(
    desk: &Desk,
    kind: &Kind,
    role: &str,
    (rows, names): &(Vec<Row>, Names),
    merged: &HashSet<RecordId>,
) -> (Vec<HeadView>, Vec<RowView>) {
    let columns = columns(desk, kind, role, rows);
    let format = desk.formatter(names);
    let cell = |field: &Field, column: &Column<'_>, row: &Row| CellView {
        label: column.label(desk),
        shown: row.fields.get(&*field.name).map_or(Shown::Nothing, |value| format.brief(field, value)),
        number: column.is_number(),
        whole: column.is_whole(),
    };
    let row = |row: &Row| RowView {
        href: format!("/records/{}/{}", row.kind, row.id),
        title: title_of(&format, kind, row),
        merged: merged.contains(&row.id),
        cells: columns.iter().filter_map(|column| Some(cell(column.field()?, column, row))).collect(),
    };
    let title = kind.field(&kind.title).map_or(&kind.label, |field| &field.label);
    let title = HeadView { label: desk.words.label(title).to_owned(), number: false };
    let head = |column: &Column<'_>| HeadView { label: column.label(desk), number: column.is_number() };
    (std::iter::once(title).chain(columns.iter().map(head)).collect(), rows.iter().map(row).collect())
}

/// The columns behind the title: not where all of them link to, and none that would be empty.
fn columns<'k>(desk: &Desk, kind: &'k Kind, role: &str, rows: &[Row]) -> Vec<Column<'k>> {
    let here = role.split('.').next().unwrap_or_default();
    let is_told = |field: &Field| rows.iter().any(|row| row.fields.get(&*field.name).is_some_and(|value| !value.is_null()));
    let is_shown = |field: &Field| field.name != kind.title && *field.name != *here && !field.hidden && field.items.is_empty();
    let listed = kind.list.iter().filter_map(|name| kind.field(name));
    let fit = listed.filter(|field| is_shown(field) && is_told(field) && desk.reading.may_read(kind, &field.name));
    fit.take(COLUMNS_MAX).map(Column::Field).collect()
}

/// The records that link to a record, by kind and role.
pub async fn groups(desk: &Desk, view: &RecordView) -> Result<Vec<LinkGroup>, Error> {
    let linked = desk.reading.linked_from(view.row.id).await?;
    let groups = try_join_all(linked.iter().map(|links| group(desk, view, &linked, links))).await?;
    Ok(groups.into_iter().flatten().collect())
}

async fn group(desk: &Desk, view: &RecordView, linked: &[LinksIn], links: &LinksIn) -> Result<Option<LinkGroup>, Error> {
    let filter = json!({"type": "linkedWith", "attribute": links.role, "value": [view.row.id]});
    let is_only = linked.iter().filter(|other| other.kind == links.kind).count() == 1;
    let Some(mut group) = link_group(desk, view, (links, is_only), &filter) else { return Ok(None) };
    let kind = desk.reading.kind(&links.kind)?.clone();
    let found = last(desk, links).await?;
    let ids: Vec<RecordId> = found.0.iter().map(|row| row.id).collect();
    let merged = if duplicates::can_merge(&kind) { desk.reading.merged_among(&ids).await? } else { HashSet::new() };
    (group.heads, group.rows) = table(desk, &kind, &links.role, &found, &merged);
    (group.sum, group.facts) = worth::of(desk, &kind, filter, links.count).await?;
    if !group.sum.is_empty() {
        group.facts.extend(last_of(desk, &kind, &found));
    }
    Ok(Some(group))
}

async fn last(desk: &Desk, links: &LinksIn) -> Result<(Vec<Row>, Names), Error> {
    let ids: Vec<RecordId> = links.records.iter().take(ROWS_MAX).map(|linked| linked.id).collect();
    let (mut rows, names) = desk.reading.rows(&ids).await?;
    Ok((ids.iter().filter_map(|id| rows.remove(id)).collect(), names))
}

fn day_of<'k>(desk: &Desk, kind: &'k Kind) -> Option<&'k Field> {
    let field = kind.happens.first().and_then(|name| kind.field(name))?;
    desk.reading.may_read(kind, &field.name).then_some(field)
}

/// The last day on which one of the records happened that do not come to nothing.
fn last_of(desk: &Desk, kind: &Kind, (rows, names): &(Vec<Row>, Names)) -> Option<String> {
    let field = day_of(desk, kind).filter(|field| matches!(field.value, ValueType::Date | ValueType::Datetime))?;
    let by = kind.board.as_ref().map(|board| &*board.by);
    let state = |row: &Row| row.fields.get(by?).and_then(Json::as_str).map(str::to_owned);
    let counts = |row: &&Row| !kind.never().any(|option| state(row).is_some_and(|state| state == option.value));
    let value = rows.iter().filter(counts).find_map(|row| row.fields.get(&*field.name))?;
    Some(desk.words.fill("record.last", &[&desk.formatter(names).field(field, value).text()]))
}

fn link_group(desk: &Desk, view: &RecordView, (links, is_only): (&LinksIn, bool), filter: &Json) -> Option<LinkGroup> {
    let id = view.row.id;
    let kind = desk.reading.kind(&links.kind).ok()?;
    let (field, part) = links.role.split_once('.').map_or((&*links.role, None), |(field, part)| (field, Some(part)));
    // Who is the same stands on top of the page.
    let field = kind.field(field).filter(|field| *field.name != *duplicates::FIELD)?;
    let is_simple = part.is_none() && matches!(field.merge, Merge::Register | Merge::Visible | Merge::Set);
    let may = is_simple && desk.reading.may_some(kind, Action::Create);
    let plural = desk.words.label(&kind.plural);
    let left = links.count.saturating_sub(links.records.len().min(ROWS_MAX) as u64);
    Some(LinkGroup {
        label: if is_only { plural.to_owned() } else { format!("{plural} · {}", desk.words.label(&field.label)) },
        icon: icon(&kind.name).to_owned(),
        count: format::grouped(&links.count.to_string()),
        heads: Vec::new(),
        rows: Vec::new(),
        new: may.then(|| format!("/records/{}/new?{}={id}", kind.name, super::typed::name_of(field))),
        new_label: desk.words.fill("list.new", &[&desk.words.inside(&kind.label)]),
        more: (left > 0).then(|| desk.words.count("record.more", left)),
        sum: String::new(),
        facts: Vec::new(),
        all: format!("/records/{}?where={}", kind.name, super::list::encoded(&json!([filter]).to_string())),
    })
}

//! Which list it is: what a saved view says, and what the address asks for instead.

use serde_json::{Value as Json, json};
use sync_core::id::FieldName;
use sync_core::query::{Query, with_me};
use sync_core::schema::{Field, Kind, Merge, ValueType};

use super::asked::Asked;
use super::chart::{self, Form, Spec};
use super::views::Saved;
use super::{calendar, groups};
use crate::console::conditions::Together;
use crate::console::desk::Desk;
use crate::console::format::is_number;
use crate::reading::{List, ReadError};
use crate::store::lists::Shelf;

/// A screenful and a bit.
const ROWS: u32 = 50;

/// Cells of one page: some 100 KB.
const CELLS_MAX: usize = 700;

/// Columns of one list: more is no list.
pub const COLUMNS_MAX: usize = 30;

/// Rows of a page with so many columns.
pub fn rows(columns: usize) -> u32 {
    ROWS.min(u32::try_from(CELLS_MAX / columns.max(1)).unwrap_or(ROWS))
}

/// How records are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// Rows.
    #[default]
    Table,
    /// Cards in columns, by the kind's board.
    Board,
    /// On days.
    Calendar,
    /// As a chart.
    Chart(Form),
}

impl Layout {
    /// Its word in addresses and views.
    pub fn word(self) -> &'static str {
        match self {
            Layout::Table => "table",
            Layout::Board => "board",
            Layout::Calendar => "calendar",
            Layout::Chart(form) => form.word(),
        }
    }

    fn of(word: &str, desk: &Desk, kind: &Kind) -> Self {
        match word {
            "board" if kind.board.is_some() => Layout::Board,
            "calendar" if seen_days(desk, kind).next().is_some() => Layout::Calendar,
            word => Form::of(word).map_or(Layout::Table, Layout::Chart),
        }
    }
}

/// The fields that put a record on a day: as attributes.
pub fn days(kind: &Kind) -> impl Iterator<Item = (&Field, String)> {
    let is_day = |field: &&Field| !field.hidden && is_single(field);
    kind.fields.iter().filter(is_day).filter_map(|field| match field.value {
        ValueType::Date | ValueType::Datetime => Some((field, field.name.to_string())),
        ValueType::Period => Some((field, format!("{}.start", field.name))),
        _ => None,
    })
}

/// Those of them that the reader may see.
pub fn seen_days<'k>(desk: &Desk, kind: &'k Kind) -> impl Iterator<Item = (&'k Field, String)> {
    days(kind).filter(|(field, _)| desk.reading.may_read(kind, &field.name))
}

/// A column of a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Column<'a> {
    /// A field.
    Field(&'a Field),
    /// When the record was made.
    Created,
    /// When it was last changed.
    Updated,
}

impl<'a> Column<'a> {
    /// Its word in addresses and views.
    pub fn word(&self) -> &str {
        match self {
            Column::Field(field) => &field.name,
            Column::Created => "createdAt",
            Column::Updated => "updatedAt",
        }
    }

    /// What stands above it.
    pub fn label(&self, desk: &Desk) -> String {
        match self {
            Column::Field(field) => desk.words.label(&field.label).to_owned(),
            Column::Created => desk.words.say("record.created").to_owned(),
            Column::Updated => desk.words.say("record.updated").to_owned(),
        }
    }

    /// Whether its values stand under each other by their last digit.
    pub fn is_number(&self) -> bool {
        matches!(self, Column::Field(field) if is_number(&field.value) && field.items.is_empty())
    }

    /// Whether its values stay on one line: days, moments, and the numbers that the server gives. A browser would
    /// break them behind their hyphens.
    pub fn is_whole(&self) -> bool {
        let is_whole = |value: &ValueType| matches!(value, ValueType::Date | ValueType::Datetime | ValueType::Period);
        match self {
            Column::Created | Column::Updated => true,
            Column::Field(field) => field.items.is_empty() && (is_whole(&field.value) || field.merge == Merge::Assigned),
        }
    }

    /// What a list is ordered by when its head is clicked, if it can be.
    pub fn order(&self) -> Option<String> {
        match self {
            Column::Created | Column::Updated => Some(self.word().to_owned()),
            Column::Field(field) if !is_single(field) => None,
            Column::Field(field) => match &field.value {
                ValueType::Link | ValueType::Address | ValueType::Geo | ValueType::Unknown(_) => None,
                ValueType::Money => Some(format!("{}.amount", field.name)),
                ValueType::Period => Some(format!("{}.start", field.name)),
                ValueType::String | ValueType::Paragraph | ValueType::Integer | ValueType::Number | ValueType::Boolean => {
                    Some(field.name.to_string())
                }
                ValueType::Date | ValueType::Datetime | ValueType::Choice | ValueType::Phone | ValueType::Email | ValueType::Url => {
                    Some(field.name.to_string())
                }
            },
        }
    }

    /// The field.
    pub fn field(&self) -> Option<&'a Field> {
        match self {
            Column::Field(field) => Some(field),
            Column::Created | Column::Updated => None,
        }
    }
}

/// Whether a record has one value there.
pub fn is_single(field: &Field) -> bool {
    match &field.merge {
        Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Derived => true,
        Merge::Set | Merge::List | Merge::Log | Merge::Counter | Merge::Text | Merge::Unknown(_) => false,
    }
}

/// A list, with all that its address leaves to the view or to the kind filled in.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The saved view that it began with.
    pub view: Option<Saved>,
    /// What must hold.
    pub conditions: Vec<Json>,
    /// Whether any one of them is enough.
    pub any: bool,
    /// The columns, by name.
    pub columns: Vec<String>,
    /// The attribute to order by; empty for the title.
    pub sort: String,
    /// From its other end.
    pub desc: bool,
    /// The attribute to put together by, or nothing.
    pub group: String,
    /// How it is laid out.
    pub layout: Layout,
    /// What a chart of it shows.
    pub chart: Spec,
}

impl Shape {
    /// From the address and the views that there are.
    pub fn of(desk: &Desk, kind: &Kind, asked: &Asked, views: &[Saved]) -> Self {
        let view = views.iter().find(|view| view.id.to_string() == asked.view).cloned();
        let base = view.as_ref().map(|view| view.shape.clone()).unwrap_or_default();
        let filter = asked.filter.as_deref().map_or(base.filter, str::to_owned);
        let (any, conditions) = conditions(&filter);
        let usual = || kind.list.iter().map(FieldName::to_string).collect::<Vec<_>>();
        let asked_columns = asked.columns.as_deref().map(|text| text.split(',').map(str::to_owned).collect::<Vec<_>>());
        let mut columns = asked_columns.unwrap_or(base.columns);
        columns.retain(|name| !name.is_empty());
        let (sort, desc) = if asked.sort.is_empty() { (base.sort, base.desc != asked.desc) } else { (asked.sort.clone(), asked.desc) };
        Self {
            conditions,
            any,
            columns: if columns.is_empty() { usual() } else { columns },
            sort,
            desc,
            group: asked.group.clone().unwrap_or(base.group),
            layout: Layout::of(asked.layout.as_deref().unwrap_or(&base.layout), desk, kind),
            chart: Spec::of(asked, base.chart),
            view,
        }
    }

    /// The conditions in the filter language.
    pub fn filter(&self) -> String {
        filter_of(&self.conditions, self.any)
    }

    /// The columns that may be shown. The title is what a row is opened by: it stands first, whatever is asked.
    pub fn columns<'a>(&self, desk: &Desk, kind: &'a Kind) -> Vec<Column<'a>> {
        let title = kind.field(&kind.title).map(Column::Field);
        let others = self.columns.iter().filter(|name| **name != *kind.title).filter_map(|name| column(desk, kind, name));
        title.into_iter().chain(others).take(COLUMNS_MAX).collect()
    }

    /// Whether a list is shown in groups: a board has columns, and a calendar days.
    pub fn is_grouped(&self, kind: &Kind) -> bool {
        let is_table = self.layout == Layout::Table || (self.layout == Layout::Board && kind.board.is_none());
        is_table && !self.group.is_empty()
    }

    /// The attribute to order by: what is asked for, or else the title.
    pub fn order<'a>(&'a self, desk: &Desk, kind: &'a Kind) -> &'a str {
        if is_order(desk, kind, &self.sort) { &self.sort } else { &kind.title }
    }

    /// Whether the address asks for what there is. What a view says that is gone by now falls back to what is usual;
    /// an address that was cut off must not come to mean another list.
    ///
    /// # Errors
    /// Names the parameter that is wrong.
    pub fn check(&self, desk: &Desk, kind: &Kind, asked: &Asked) -> Result<(), ReadError> {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let is_layout = |word: String| Layout::of(&word, desk, kind).word() == word;
        let is_group = |group: String| groups::attributes(desk, kind).iter().any(|(known, _)| *known == group);
        let checks: [(&'static str, bool, (&'static str, &'static str)); 8] = [
            (
                "view",
                asked.view.is_empty() || self.view.is_some(),
                ("names no view: it was removed, or is not shared with you any more", "没有对应的视图：已被删除，或不再与您共享"),
            ),
            (
                "sort",
                asked.sort.is_empty() || is_order(desk, kind, &asked.sort),
                ("is nothing that this list can be ordered by", "不能用来给此列表排序"),
            ),
            ("layout", said(&asked.layout).is_none_or(is_layout), ("is no layout of this list", "不是此列表的展示方式")),
            (
                "month",
                asked.has_month(),
                ("is a month or a day, such as 2026-05 or 2026-05-04", "应为月份或日期，如 2026-05 或 2026-05-04"),
            ),
            ("columns", names_columns(kind, asked), ("names a column that there is not", "包含不存在的列")),
            (
                "group",
                said(&asked.group).is_none_or(is_group),
                ("is nothing that this list can be put together by", "不能用来给此列表分组"),
            ),
            (
                "measure",
                said(&asked.measure).is_none_or(|text| chart::is_measure(desk, kind, &text)),
                ("is nothing that can be measured here", "不是此处可用的统计方式"),
            ),
            (
                "by",
                asked.by.is_empty() || calendar::puts_on_days(desk, kind, &asked.by),
                ("is nothing that puts these records on days", "不能用来在日历上安排这些记录"),
            ),
        ];
        let wrong = checks.into_iter().find(|(_, is_right, _)| !is_right);
        wrong.map_or(Ok(()), |(name, _, why)| Err(ReadError::Address { name, why }))
    }

    /// The records of the list, all pages together or from `after` on.
    pub fn list(&self, desk: &Desk, kind: &Kind, asked: &Asked, more: &[Json], size: u32) -> Result<List, ReadError> {
        self.check(desk, kind, asked)?;
        let me = desk.caller.user;
        let mut all: Vec<Json> = match (self.any, self.conditions.is_empty()) {
            (true, false) => vec![json!({"type": "or", "value": with_me(Json::Array(self.conditions.clone()), me)})],
            _ => self.conditions.iter().cloned().map(|condition| with_me(condition, me)).collect(),
        };
        all.extend_from_slice(more);
        let (filter, size) = (Json::Array(all).to_string(), size.to_string());
        let order = [("orderBy", self.order(desk, kind)), ("order", if self.desc { "desc" } else { "asc" })];
        let mut params = vec![order[0], order[1], ("maxSize", &*size), ("where", &*filter)];
        params.extend(asked.after.as_deref().map(|place| ("after", place)));
        let query: Query = desk.reading.query(&kind.name, params)?;
        let shelf = if asked.archived { Shelf::Archived } else { Shelf::InUse };
        desk.reading.narrowed(List { shelf, offset_minutes: desk.offset_minutes, ..List::of(query) }, &asked.q)
    }
}

/// Whether the caller's lists of the kind can be ordered so.
fn is_order(desk: &Desk, kind: &Kind, sort: &str) -> bool {
    let field = kind.field(sort.split('.').next().unwrap_or_default());
    let fits = |field: &Field| desk.reading.may_read(kind, &field.name) && Column::Field(field).order().as_deref() == Some(sort);
    field.is_some_and(fits) || ["createdAt", "updatedAt"].contains(&sort)
}

/// Whether the kind has the columns that an address names. Those that the reader may not see are left out of the list, not
/// refused: a colleague's address is of use to whoever sees less.
fn names_columns(kind: &Kind, asked: &Asked) -> bool {
    let mut names = asked.columns.iter().flat_map(|text| text.split(',')).filter(|name| !name.is_empty());
    names.all(|name| kind.field(name).is_some() || ["createdAt", "updatedAt"].contains(&name))
}

fn column<'a>(desk: &Desk, kind: &'a Kind, name: &str) -> Option<Column<'a>> {
    match name {
        "createdAt" => Some(Column::Created),
        "updatedAt" => Some(Column::Updated),
        name => kind.field(name).filter(|field| !field.hidden && desk.reading.may_read(kind, &field.name)).map(Column::Field),
    }
}

/// All columns that a list may have, in the order of the record page.
pub fn every_column<'a>(desk: &Desk, kind: &'a Kind) -> Vec<Column<'a>> {
    let is_there = |field: &&Field| field.merge != Merge::Derived || field.computed().is_some();
    let fields = kind.fields.iter().filter(|field| field.name != kind.title).filter(is_there);
    let fields = fields.filter_map(|field| column(desk, kind, &field.name));
    fields.chain([Column::Created, Column::Updated]).collect()
}

/// The conditions of a filter, all of which hold.
pub fn conditions_of(filter: &str) -> Vec<Json> {
    match serde_json::from_str(filter) {
        Ok(Json::Array(all)) => all,
        Ok(Json::Null) => Vec::new(),
        Ok(other) => vec![other],
        Err(_) if filter.trim().is_empty() => Vec::new(),
        Err(_) => vec![Json::from(filter)],
    }
}

/// Conditions as a list, and whether any one of them is enough. What are none stay as they are, to be refused: an address
/// that was cut off on its way must not come to mean all records.
pub fn conditions(filter: &str) -> (bool, Vec<Json>) {
    match Together::of_list(conditions_of(filter)) {
        (Together::Any, any) => (true, any),
        _ => (false, conditions_of(filter)),
    }
}

/// The other way round.
pub fn filter_of(conditions: &[Json], any: bool) -> String {
    Json::from(if any { Together::Any } else { Together::All }.list(conditions)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_taken_apart_and_put_together_again() {
        for nothing in ["", " ", "[]", "null"] {
            assert_eq!(conditions(nothing), (false, Vec::new()), "{nothing}");
        }
        assert_eq!(conditions("[{\"type\":"), (false, vec![json!("[{\"type\":")]));
        for group in [json!({"type": "or"}), json!({"type": "or", "value": [], "note": "mine"})] {
            assert_eq!(conditions(&json!([group]).to_string()), (false, vec![group.clone()]), "it does not come to mean all records");
        }
        let two = [json!({"type": "isNull", "attribute": "a"}), json!({"type": "isNull", "attribute": "b"})];
        for any in [false, true] {
            assert_eq!(conditions(&filter_of(&two, any)), (any, two.to_vec()));
        }
        assert_eq!(conditions(&filter_of(&two[..1], true)), (false, two[..1].to_vec()));
    }
}

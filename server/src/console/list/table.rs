//! A list as rows: its heads, its cells, and the one cell that is being edited.

use axum::Form;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use sync_core::id::RecordId;
use sync_core::schema::{Field, Kind};

use super::asked::Asked;
use super::page;
use super::shape::{Column, Shape};
use crate::console::desk::Desk;
use crate::console::edit::{self, Posted};
use crate::console::format::{self, Formatter, Shown};
use crate::console::inputs::{Candidates, Input, Inputs, filled};
use crate::console::links;
use crate::console::record::{Editing, fingerprint};
use crate::console::typed::Typed;
use crate::error::Error;
use crate::place::Path;
use crate::reading::{Names, Row};

/// The head of a column.
pub struct Head {
    /// The field's name.
    pub name: String,
    /// What stands in it.
    pub label: String,
    /// Whether it holds numbers.
    pub number: bool,
    /// Where a click on it leads, if the list can be ordered by it.
    pub sort: Option<String>,
    /// `ascending` or `descending`, if the list is.
    pub order: Option<&'static str>,
}

/// A record.
pub struct Line {
    /// Its id.
    pub id: String,
    /// Its page.
    pub href: String,
    /// What names it.
    pub title: String,
    /// In how many places people disagree.
    pub conflicts: u64,
    /// The same in words.
    pub conflicts_text: String,
    /// Whether it was put away.
    pub archived: bool,
    /// A value for each column.
    pub cells: Vec<Cell>,
}

/// A value of a record.
pub struct Cell {
    /// The column's name.
    pub name: String,
    /// Its label.
    pub label: String,
    /// The value.
    pub shown: Shown,
    /// Whether it stands under others by its last digit.
    pub number: bool,
    /// Whether it stays on one line.
    pub whole: bool,
    /// Whether it opens the record.
    pub title: bool,
    /// Whether it can be edited here.
    pub editable: bool,
    /// The form, while it is.
    pub form: Option<CellForm>,
}

/// The form of a cell.
pub struct CellForm {
    /// Where it goes.
    pub action: String,
    /// The control.
    pub input: Input,
    /// What the value was when the form was made.
    pub seen: String,
    /// Why it was not taken.
    pub error: Option<String>,
    /// The list without the form.
    pub cancel: String,
}

/// Draws the rows of one list.
pub struct Rows<'a> {
    /// Who asks.
    pub desk: &'a Desk,
    /// Of what.
    pub kind: &'a Kind,
    /// Which list.
    pub asked: &'a Asked,
    /// Its columns.
    pub columns: &'a [Column<'a>],
    /// What linked records are called.
    pub names: &'a Names,
    /// What links in the open form may lead to.
    pub candidates: &'a Candidates,
    /// What is being edited.
    pub editing: &'a Editing,
}

/// The heads of a list's columns.
pub fn heads(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, columns: &[Column<'_>]) -> Vec<Head> {
    let order = shape.order(desk, kind);
    let head = |column: &Column<'_>| {
        let by = column.order();
        let is_order = by.as_deref() == Some(order);
        let turned = |by: String| Asked { sort: by, desc: is_order && !shape.desc, ..asked.plain() }.address(kind);
        Head {
            name: column.word().to_owned(),
            label: column.label(desk),
            number: column.is_number(),
            sort: by.map(turned),
            order: is_order.then_some(if shape.desc { "descending" } else { "ascending" }),
        }
    };
    columns.iter().map(head).collect()
}

impl Rows<'_> {
    /// A record as a row.
    pub fn line(&self, row: &Row) -> Line {
        let format = self.desk.formatter(self.names);
        Line {
            id: row.id.to_string(),
            href: format!("/records/{}/{}", self.kind.name, row.id),
            title: title_of(&format, self.kind, row),
            conflicts: row.conflicts,
            conflicts_text: format.words.count("record.conflicts", row.conflicts),
            archived: row.archived,
            cells: self.columns.iter().map(|column| self.cell(&format, column, row)).collect(),
        }
    }

    fn cell(&self, format: &Formatter<'_>, column: &Column<'_>, row: &Row) -> Cell {
        let title = column.field().is_some_and(|field| field.name == self.kind.title);
        let value = |field: &Field| row.fields.get(&*field.name).map_or(Shown::Nothing, |value| format.brief(field, value));
        let shown = match column {
            Column::Created => format::moment(row.created_at),
            Column::Updated => format::moment(row.updated_at),
            Column::Field(_) if title => Shown::Text(title_of(format, self.kind, row)),
            Column::Field(field) => value(field),
        };
        let editable = column.field().is_some_and(|field| self.may_edit(field, row));
        let form = column
            .field()
            .filter(|field| editable && self.editing.place == place(row.id, &field.name))
            .and_then(|field| self.form(field, row));
        let (number, whole) = (column.is_number(), column.is_whole());
        Cell { name: column.word().to_owned(), label: column.label(self.desk), number, whole, shown, title, editable, form }
    }

    fn may_edit(&self, field: &Field, row: &Row) -> bool {
        let is_frozen =
            field.frozen.as_ref().is_some_and(|frozen| frozen.holds(row.fields.get(&*frozen.field).and_then(|value| value.as_str())));
        !row.archived && !is_frozen && is_typeable(field) && self.desk.reading.may_write(self.kind, &field.name)
    }

    fn form(&self, field: &Field, row: &Row) -> Option<CellForm> {
        let inputs = Inputs { words: self.desk.words, names: self.names, candidates: self.candidates };
        let value = row.fields.get(&*field.name);
        let present = filled(field, value);
        let closed = self.asked.closed();
        Some(CellForm {
            action: Asked { cell: place(row.id, &field.name), ..closed.clone() }.below(self.kind, "cell"),
            input: inputs.of(field, self.editing.typed.as_ref().unwrap_or(&present))?,
            seen: fingerprint(value),
            error: self.editing.error.clone(),
            cancel: closed.address(self.kind),
        })
    }
}

/// Whether a field has a control that fits into a cell.
pub fn is_typeable(field: &Field) -> bool {
    use sync_core::schema::Merge;
    match &field.merge {
        Merge::Register | Merge::Visible | Merge::Monotone | Merge::Text => true,
        Merge::Set => field.items.is_empty(),
        Merge::Counter | Merge::List | Merge::Log | Merge::Assigned | Merge::Derived | Merge::Unknown(_) => false,
    }
}

fn place(id: RecordId, field: &str) -> String {
    format!("{id}.{field}")
}

/// The record and the field of a cell.
fn parse(cell: &str) -> Option<(RecordId, &str)> {
    let (id, field) = cell.split_once('.')?;
    Some((id.parse().ok()?, field))
}

/// What the links of the open cell may lead to.
pub async fn candidates(desk: &Desk, kind: &Kind, editing: &Editing) -> Result<Candidates, Error> {
    let field = parse(&editing.place).and_then(|(_, field)| kind.field(field));
    let mut candidates = links::candidates(desk, field.into_iter()).await?;
    candidates.matches = editing.matches.iter().cloned().collect();
    Ok(candidates)
}

/// `POST /records/{kind}/cell`: saves the cell that the address names.
pub async fn save(desk: Desk, Path(kind): Path<String>, Query(asked): Query<Asked>, Form(posted): Posted) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let (id, field) = parse(&asked.cell).ok_or(Error::NotFound)?;
    let field = kind.field(field).filter(|field| desk.reading.may_read(&kind, &field.name)).ok_or(Error::NotFound)?;
    let mut typed = Typed::new(posted);
    match edit::save_typed(&desk, &kind, id, field, &mut typed).await? {
        Ok(()) => Ok(Redirect::to(&asked.closed().address(&kind)).into_response()),
        Err(refused) => {
            let editing = Editing { place: asked.cell.clone(), typed: Some(typed), ..refused };
            page::show(&desk, &kind, asked, editing, None).await
        }
    }
}

/// What names a record: its title, or else its number, or else its kind and the end of its id.
pub fn title_of(format: &Formatter<'_>, kind: &Kind, row: &Row) -> String {
    let number = || row.fields.get("number").and_then(|number| number.as_str()).map(str::to_owned);
    let fallback = || format!("{} {}", format.words.label(&kind.label), format::short(&row.id.to_string()));
    if row.title.trim().is_empty() { number().unwrap_or_else(fallback) } else { row.title.clone() }
}

//! Which column goes into which field: as told, or by the field's name or label in either language.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sync_core::id::FieldName;
use sync_core::record::fields::ARCHIVED;
use sync_core::schema::{Field, Kind, Label, Merge, Schema, ValueType};

use super::ImportError;
use super::source::CARD_COLUMN;
use crate::jobs::cell::parts_of;

/// Where a cell goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Nowhere.
    Skip,
    /// It is the record's id.
    Id,
    /// It says whether the record is archived.
    Archived,
    /// Into a field.
    Field(Place),
}

/// A field, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Index of the field in its kind.
    pub field: usize,
    /// Index of the sub-field of its rows: the cell makes a row.
    pub item: Option<usize>,
    /// The part of a compound value; empty for the whole of it.
    pub part: &'static str,
    /// For a link: the field of the other kind in which the cell is looked up.
    pub via: Option<Via>,
    /// For rows that the column alone does not name: which row is meant.
    pub of_row: Option<Box<OfRow>>,
}

/// A row by what one of its parts says, as the price of one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfRow {
    /// The part.
    pub place: Place,
    /// What it says.
    pub text: String,
}

/// What stands for what a column is called, where a row is named.
pub const AS_COLUMN: &str = "*";

/// Where a link's cell is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// A field of the kinds that the link points at.
    pub field: FieldName,
    /// What people call it.
    pub label: Label,
    /// A field and what it says of those that are meant, if there are any.
    pub among: Option<(FieldName, String)>,
    /// The text to which a line is added where not exactly one record is found.
    pub otherwise: Option<Box<Place>>,
}

/// The plan for a whole file.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The kind.
    pub kind: Arc<Kind>,
    /// One target for each column.
    pub columns: Vec<Target>,
    /// Which row of its field each column fills: the second of two columns with phone numbers makes a second one.
    pub turns: Vec<usize>,
    /// Targets that no cell fills, with their text.
    pub defaults: Vec<(Target, String)>,
    /// What words of cells mean, by field; without regard to case.
    pub words: HashMap<usize, HashMap<String, String>>,
}

/// What was told about the mapping.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Column and target; an empty target leaves the column out.
    pub maps: Vec<(String, String)>,
    /// The target of each column by its place, before all that is told by names: two columns may be called the same.
    pub places: Vec<String>,
    /// Target and text.
    pub sets: Vec<(String, String)>,
    /// Field, a word of its cells, and what that means.
    pub words: Vec<(String, String, String)>,
    /// Whether columns without a field are left out instead of being an error.
    pub skip_others: bool,
}

/// The column that a file of failed rows has.
pub const ERROR_COLUMN: &str = "error";

impl Mapping {
    /// What a cell of a field says: an option that the field has, or else what the word means where it comes from.
    pub fn meant(&self, place: &Place, text: String) -> String {
        let is_option = self.kind.fields[place.field].option(text.trim()).is_some();
        let meant = self.words.get(&place.field).filter(|_| !is_option).and_then(|words| words.get(&text.trim().to_lowercase()));
        meant.cloned().unwrap_or(text)
    }

    /// The fields whose values have several parts, some of which only cells say.
    pub fn left_empty(&self) -> BTreeSet<usize> {
        let places = || self.columns.iter().filter_map(|target| if let Target::Field(place) = target { Some(place) } else { None });
        let has_default = |place: &Place| {
            let same = |known: &Place| (known.field, known.item, known.part) == (place.field, place.item, place.part);
            self.defaults.iter().any(|(target, _)| matches!(target, Target::Field(known) if same(known)))
        };
        let has_parts = |field: &Field| field.value.is_group() || !field.items.is_empty();
        places().filter(|place| has_parts(&self.kind.fields[place.field]) && !has_default(place)).map(|place| place.field).collect()
    }

    /// Plans a file with this header.
    ///
    /// # Errors
    /// When a column or a field is not known, or a column has no field.
    pub fn of(schema: &Schema, kind: &Arc<Kind>, header: &[String], told: &Told) -> Result<Self, ImportError> {
        let finder = Finder { schema, kind };
        if let Some((column, _)) = told.maps.iter().find(|(column, _)| !header.iter().any(|cell| same(cell, column))) {
            return Err(ImportError::NoSuchColumn { column: column.clone(), columns: header.to_vec() });
        }
        let (mut columns, mut without) = (Vec::new(), Vec::new());
        for (index, cell) in header.iter().enumerate() {
            let named = || told.maps.iter().find(|(column, _)| same(cell, column)).map(|(_, target)| target);
            let target = match told.places.get(index).or_else(named) {
                Some(target) => finder.target(target)?,
                None => finder.by_header(cell).unwrap_or_else(|| {
                    without.push(cell.clone());
                    Target::Skip
                }),
            };
            columns.push(as_column(target, cell));
        }
        if columns.iter().all(|target| *target == Target::Skip) || !(told.skip_others || without.is_empty()) {
            return Err(ImportError::NoField { columns: without, kind: kind.name.to_string(), fields: finder.writable() });
        }
        finder.each_once(header, &columns)?;
        let defaults = finder.defaults(told)?;
        let mut words: HashMap<usize, HashMap<String, String>> = HashMap::new();
        for (name, word, meant) in &told.words {
            if let Some(field) = kind.fields.iter().position(|field| *field.name == **name) {
                words.entry(field).or_default().insert(word.to_lowercase(), meant.clone());
            }
        }
        let turns = turns(&columns);
        Ok(Self { kind: Arc::clone(kind), columns, turns, defaults, words })
    }

    /// Plans a file of objects, which name their fields themselves.
    ///
    /// # Errors
    /// When a default's field is not known, or columns are mapped.
    pub fn of_objects(schema: &Schema, kind: &Arc<Kind>, told: &Told) -> Result<Self, ImportError> {
        if let Some((column, _)) = told.maps.first() {
            return Err(ImportError::NoSuchColumn { column: column.clone(), columns: vec!["fields of JSON objects, by name".to_owned()] });
        }
        let finder = Finder { schema, kind };
        let defaults = finder.defaults(told)?;
        Ok(Self { kind: Arc::clone(kind), columns: Vec::new(), turns: Vec::new(), defaults, words: HashMap::new() })
    }

    /// The place of a whole field, if a column or default goes there.
    pub fn place_of(&self, name: &str) -> Option<&Place> {
        let (field, part) = name.split_once('.').map_or((name, None), |(field, part)| (field, Some(part)));
        let is_part = |place: &Place| {
            let item = place.item.and_then(|item| self.kind.fields[place.field].items.get(item));
            part.is_none_or(|part| item.is_some_and(|item| *item.name == *part))
        };
        let targets = self.columns.iter().chain(self.defaults.iter().map(|(target, _)| target));
        targets.into_iter().find_map(|target| match target {
            Target::Field(place) if *self.kind.fields[place.field].name == *field && is_part(place) => Some(place),
            Target::Field(_) | Target::Skip | Target::Id | Target::Archived => None,
        })
    }

    /// Whether a column is the record's id.
    pub fn has_id(&self) -> bool {
        self.columns.contains(&Target::Id)
    }
}

/// A target without the row that it names.
pub fn without_row(target: &str) -> String {
    let parts = target.split_once('[').and_then(|(rows, rest)| Some((rows, rest.split_once("].")?.1)));
    parts.filter(|(rows, _)| !rows.contains([':', '.'])).map_or_else(|| target.to_owned(), |(rows, leaf)| format!("{rows}.{leaf}"))
}

/// Whether a target is a whole sum of money: that of a field, or of the rows of one.
pub fn is_money(kind: &Kind, target: &str) -> bool {
    let leaf = target.split_once('.').map_or_else(|| kind.field(target), |(rows, item)| kind.field(rows)?.item(item));
    leaf.is_some_and(|field| field.value == ValueType::Money && field.items.is_empty())
}

/// A target whose row is called as its column is.
fn as_column(mut target: Target, column: &str) -> Target {
    if let Target::Field(Place { of_row: Some(row), .. }) = &mut target
        && row.text == AS_COLUMN
    {
        row.text = column.trim().to_owned();
    }
    target
}

/// Which row of its field each column fills. Columns that name their row share one, apart from those that name none.
fn turns(columns: &[Target]) -> Vec<usize> {
    let row_of = |target: &Target| if let Target::Field(Place { of_row, .. }) = target { of_row.clone() } else { None };
    let mut named = Vec::new();
    let turn = |(index, target): (usize, &Target)| {
        let earlier = columns[..index].iter().filter(|earlier: &&Target| *earlier == target).count();
        let Some(row) = row_of(target) else { return earlier };
        let place = named.iter().position(|known| *known == row).unwrap_or(named.len());
        if place == named.len() {
            named.push(row);
        }
        columns.len() * (place + 1) + earlier
    };
    columns.iter().enumerate().map(turn).collect()
}

/// Two headers that a person would not tell apart.
pub(super) fn same(left: &str, right: &str) -> bool {
    let plain = |text: &str| text.trim().to_lowercase().replace(['_', '-'], " ");
    plain(left) == plain(right)
}

/// Finds targets in a kind.
pub(super) struct Finder<'a> {
    /// All kinds.
    pub schema: &'a Schema,
    /// The kind.
    pub kind: &'a Kind,
}

impl Finder<'_> {
    fn defaults(&self, told: &Told) -> Result<Vec<(Target, String)>, ImportError> {
        told.sets.iter().map(|(target, text)| Ok((self.target(target)?, text.clone()))).collect()
    }

    /// The target that a header names by itself.
    fn by_header(&self, header: &str) -> Option<Target> {
        match header.trim() {
            "" | CARD_COLUMN => return Some(Target::Skip),
            ERROR_COLUMN if self.kind.field(ERROR_COLUMN).is_none() => return Some(Target::Skip),
            _ => {}
        }
        if let Ok(target) = self.target(header.trim()) {
            return Some(target);
        }
        let named = |field: &&Field| same(&field.name, header) || same(&field.label.en, header) || field.label.zh == header.trim();
        let field = self.kind.fields.iter().filter(|field| field.merge != Merge::Derived).find(named)?;
        self.target(&field.name).ok()
    }

    /// The target that is written as `field`, `field.part`, `rows.item`, `rows.item.part`, `rows[item=text].item` of the row
    /// that says so (`*`: what the column is called), `link:field`, `link:field[other=value]` where those are meant, if there are any, or, for what stays text in another field where not exactly one record
    /// is found, `link:field|text`.
    pub fn target(&self, text: &str) -> Result<Target, ImportError> {
        match text {
            "" => return Ok(Target::Skip),
            "id" => return Ok(Target::Id),
            ARCHIVED => return Ok(Target::Archived),
            _ => {}
        }
        if let Some((rows, rest)) = text.split_once('[').filter(|(rows, _)| self.kind.field(rows).is_some()) {
            return self.of_row(text, rows, rest);
        }
        let (path, via) = text.split_once(':').map_or((text, None), |(path, via)| (path, Some(via)));
        let unknown = || ImportError::NoSuchField { kind: self.kind.name.to_string(), target: text.to_owned(), fields: self.writable() };
        let mut words = path.split('.');
        let name = words.next().unwrap_or_default();
        let field = self.kind.fields.iter().position(|field| &*field.name == name).ok_or_else(unknown)?;
        let declared = &self.kind.fields[field];
        if declared.merge == Merge::Derived {
            return Err(ImportError::Computed { field: name.to_owned() });
        }
        let rest: Vec<&str> = words.collect();
        let (item, rest) = match (declared.items.is_empty(), rest.split_first()) {
            (false, Some((name, rest))) => (Some(declared.items.iter().position(|item| &*item.name == *name).ok_or_else(unknown)?), rest),
            _ => (None, &rest[..]),
        };
        let leaf = item.map_or(declared, |item| &declared.items[item]);
        let part = match rest {
            [] => "",
            [part] => parts_of(&leaf.value).iter().find(|known| *known == part).copied().ok_or_else(unknown)?,
            _ => return Err(unknown()),
        };
        let (via, otherwise) =
            via.map_or((None, None), |via| via.split_once('|').map_or((Some(via), None), |(via, text)| (Some(via), Some(text))));
        let is_text = |field: &Field| field.merge == Merge::Text;
        let text = |name: &str| self.kind.fields.iter().position(|field| *field.name == *name && is_text(field)).ok_or_else(unknown);
        let otherwise = otherwise.map(text).transpose()?.map(|field| Place { field, item: None, part: "", via: None, of_row: None });
        let via = via.map(|via| self.via(leaf, via, otherwise)).transpose()?;
        Ok(Target::Field(Place { field, item, part, via, of_row: None }))
    }

    /// The target behind `rows[`: `item=text].item`.
    fn of_row(&self, text: &str, rows: &str, rest: &str) -> Result<Target, ImportError> {
        let unknown = || ImportError::NoSuchField { kind: self.kind.name.to_string(), target: text.to_owned(), fields: self.writable() };
        let (row, leaf) = rest.split_once("].").ok_or_else(unknown)?;
        let (item, said) = row.split_once('=').filter(|(_, said)| !said.trim().is_empty()).ok_or_else(unknown)?;
        match (self.target(&format!("{rows}.{leaf}"))?, self.target(&format!("{rows}.{item}"))?) {
            (Target::Field(place), Target::Field(row)) if place.item.is_some() && place.item != row.item => {
                let of_row = Some(Box::new(OfRow { place: row, text: said.trim().to_owned() }));
                Ok(Target::Field(Place { of_row, ..place }))
            }
            _ => Err(unknown()),
        }
    }

    fn via(&self, field: &Field, via: &str, otherwise: Option<Place>) -> Result<Via, ImportError> {
        let bad = || ImportError::BadLink { field: field.name.to_string(), via: via.to_owned() };
        let (name, among) =
            via.strip_suffix(']').and_then(|via| via.split_once('[')).map_or((via, None), |(name, among)| (name, Some(among)));
        let kind = field.to.iter().filter_map(|kind| self.schema.kind(kind)).find(|kind| kind.field(name).is_some());
        let kind = kind.filter(|_| field.value == ValueType::Link).ok_or_else(bad)?;
        let (found, among) = (kind.field(name).ok_or_else(bad)?, among.map(|among| among.split_once('=').ok_or_else(bad)).transpose()?);
        let among = match among {
            Some((name, value)) => Some((kind.field(name).ok_or_else(bad)?.name.clone(), value.to_owned())),
            None => None,
        };
        Ok(Via { field: found.name.clone(), label: found.label.clone(), among, otherwise: otherwise.map(Box::new) })
    }

    fn each_once(&self, header: &[String], columns: &[Target]) -> Result<(), ImportError> {
        // Of rows there may be several.
        let is_row = |target: &Target| matches!(target, Target::Field(Place { item: Some(_), via: None, .. }));
        for (index, target) in columns.iter().enumerate().filter(|(_, target)| **target != Target::Skip && !is_row(target)) {
            if let Some(first) = columns[..index].iter().position(|earlier| earlier == target) {
                return Err(ImportError::Twice { columns: [header[first].clone(), header[index].clone()] });
            }
        }
        Ok(())
    }

    fn writable(&self) -> Vec<String> {
        self.kind.fields.iter().filter(|field| field.merge != Merge::Derived).map(|field| field.name.to_string()).collect()
    }
}

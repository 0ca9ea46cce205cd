//! One row of a file as the values of one record. Never writes, and never asks what the record has now.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};
use sync_core::access::Roles;
use sync_core::actions::duplicates::country::Country;
use sync_core::actions::duplicates::normal;
use sync_core::id::RecordId;
use sync_core::record::fields::{ARCHIVED, unknown as unknown_field};
use sync_core::schema::{Field, Kind, Label, Merge, Schema, ValueType};

use super::directory::{Directory, Found, compared, key_of};
use super::mapping::{Mapping, Place, Target, Via};
use super::source::{Content, Row};
use crate::jobs::cell::{self, label};
use crate::writing::values_at;

/// The kind of colleagues.
pub const MEMBER: &str = "member";
/// What they sign in by is no field, and finds them all the same.
pub const LOGIN: &str = "login";

/// What a row wants a record to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// The record's id, if the row names it.
    pub id: Option<RecordId>,
    /// Whether the record is to be archived.
    pub archived: bool,
    /// Fields, by their index in the kind, with their values.
    pub values: Vec<(usize, Json)>,
    /// Fields of which the value is a line that goes before what the record has there: the row itself says nothing of them.
    pub lines: BTreeSet<usize>,
    /// What the row is matched by.
    pub key: Option<String>,
    /// Fields that the row says something of that cannot be read: they are wrong, not missing.
    pub unread: BTreeSet<usize>,
}

impl Draft {
    /// What the row says in a field, or in a part of rows: in the first that has it.
    pub fn text_of(&self, kind: &Kind, name: &str) -> Option<String> {
        let (whole, part) = name.split_once('.').unwrap_or((name, ""));
        let index = kind.fields.iter().position(|field| &*field.name == whole)?;
        let (_, value) = self.values.iter().find(|(field, _)| *field == index)?;
        match part {
            "" => Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
            part => values_at(value, part).into_iter().next(),
        }
    }

    /// The same as it is compared with what records have.
    fn key_part(&self, kind: &Kind, name: &str, home: Country) -> Option<String> {
        let (whole, part) = name.split_once('.').unwrap_or((name, ""));
        let field = kind.field(whole)?;
        let leaf = if part.is_empty() { Some(field) } else { field.item(part) };
        Some(compared(leaf?, &self.text_of(kind, name)?, home))
    }
}

/// Why a row is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// For people.
    pub message: Label,
    /// Whether the record that was looked up may be among the rows that are not written yet.
    pub waits: bool,
}

impl From<Label> for Problem {
    fn from(message: Label) -> Self {
        Self { message, waits: false }
    }
}

/// What reading a row needs.
pub struct Reader<'a> {
    /// Where cells go.
    pub mapping: &'a Mapping,
    /// Records by their values.
    pub directory: &'a Directory,
    /// As [`Mapping::left_empty`].
    pub left_empty: &'a BTreeSet<usize>,
    /// The fields that rows are matched by.
    pub matches: &'a [String],
    /// The zone of moments that say none.
    pub zone: &'a TimeZone,
    /// Whether apostrophes in front of formulas are part of the text.
    pub is_raw: bool,
    /// The header, for defaults that name a column.
    pub header: &'a [String],
    /// What rows before this one, which are not written yet, put into fields by which links are looked up.
    pub pending: &'a HashSet<String>,
}

/// What a value is of: the field, the sub-field of its rows, and the row.
type Key = (usize, Option<usize>, usize);

/// The texts of one value by part.
type Texts<'a> = BTreeMap<Key, Vec<(&'a Place, String)>>;

impl Reader<'_> {
    /// Reads a row: what it says, and all that cannot be read of it.
    ///
    /// # Errors
    /// Why it is no row of this file at all.
    pub fn draft(&self, row: &Row) -> Result<(Draft, Vec<Problem>), Label> {
        let (mut draft, problems) = match &row.content {
            Content::Cells(cells) => self.of_cells(cells),
            Content::Object(object) => self.of_object(object),
            Content::Broken(_, why) => return Err(why.clone()),
        };
        let texts: Option<Vec<String>> = self.matches.iter().map(|name| draft.key_part(self.kind(), name, self.directory.home)).collect();
        draft.key = texts.filter(|texts| !texts.is_empty()).map(|texts| key_of(&texts));
        Ok((draft, problems))
    }

    fn kind(&self) -> &Kind {
        &self.mapping.kind
    }

    fn of_cells(&self, cells: &[String]) -> (Draft, Vec<Problem>) {
        let (mut draft, mut problems) = (Draft::default(), Vec::new());
        let mut texts: Texts<'_> = BTreeMap::new();
        let mut said: BTreeSet<usize> = BTreeSet::new();
        let columns = self.mapping.columns.iter().zip(&self.mapping.turns);
        let filled = columns.zip(cells).map(|((target, turn), text)| (target, *turn, text.clone(), true));
        let defaults = self.mapping.defaults.iter().map(|(target, text)| (target, 0, self.filled_in(text, cells), false));
        for (target, turn, text, is_cell) in filled.chain(defaults) {
            let text = if self.is_raw { text } else { cell::unguarded(&text).to_owned() };
            if text.is_empty() {
                continue;
            }
            match target {
                Target::Skip => {}
                Target::Id => draft.id = kept(record_id(&text), &mut problems),
                Target::Archived => {
                    let archived = cell::boolean(&text).map_err(Problem::from);
                    draft.archived = kept(archived, &mut problems) == Some(Json::Bool(true));
                }
                Target::Field(place) => {
                    let text = if is_cell { self.mapping.meant(place, text) } else { text };
                    if is_cell {
                        said.insert(place.field);
                    }
                    put(&mut texts, turn, place, text);
                    if let Some(row) = &place.of_row {
                        put(&mut texts, turn, &row.place, row.text.clone());
                    }
                }
            }
        }
        self.in_one_currency(&mut texts);
        // A constant beside empty cells, such as a currency, is no value of its own.
        texts.retain(|(field, ..), _| said.contains(field) || !self.left_empty.contains(field));
        draft.lines = self.keep_as_text(&mut texts);
        self.read_values(&texts, &mut draft, &mut problems);
        (draft, problems)
    }

    /// A currency that is said for all holds for the amount of each row.
    fn in_one_currency<'t>(&'t self, texts: &mut Texts<'t>) {
        for (target, text) in &self.mapping.defaults {
            let Target::Field(place) = target else { continue };
            let is_money = place.part == "currency" && place.item.is_some();
            let turns = texts.keys().filter(|(field, item, _)| is_money && (*field, *item) == (place.field, place.item));
            for (.., turn) in turns.copied().collect::<Vec<_>>() {
                put(texts, turn, place, text.clone());
            }
        }
    }

    /// A link that may stay text, and does not lead to exactly one record, becomes a line of the text that the mapping
    /// names, with all of its row. Answers the texts that have no more than such lines.
    fn keep_as_text<'t>(&'t self, texts: &mut Texts<'t>) -> BTreeSet<usize> {
        let mut lines = BTreeSet::new();
        let unfound = |key: Key, parts: &[(&'t Place, String)]| {
            let [(Place { via: Some(via), .. }, text)] = parts else { return None };
            let (field, place) = (&self.kind().fields[key.0], via.otherwise.as_deref()?);
            let leaf = key.1.map_or(field, |item| &field.items[item]);
            let words = words(leaf, text).ok()?;
            let problems: Vec<Problem> = words.iter().filter_map(|word| self.linked(leaf, via, word).err()).collect();
            (!problems.is_empty() && problems.iter().all(|problem| !problem.waits)).then_some((key.0, place))
        };
        while let Some((field, place)) = texts.iter().find_map(|(key, parts)| unfound(*key, parts)) {
            let mut line: Vec<String> = Vec::new();
            texts.retain(|key, parts| {
                let is_meant = key.0 == field;
                line.extend(parts.iter().filter(|_| is_meant).map(|(_, text)| text.clone()));
                !is_meant
            });
            let line = line.join(", ");
            match texts.entry((place.field, None, 0)).or_default().first_mut() {
                Some((_, text)) => *text = cell::with_line(&line, text),
                None => {
                    texts.insert((place.field, None, 0), vec![(place, line)]);
                    lines.insert(place.field);
                }
            }
        }
        lines
    }

    /// A default with the cells of the columns that it names in braces; an empty one leaves no space at either end.
    fn filled_in(&self, text: &str, cells: &[String]) -> String {
        if !text.contains('{') {
            return text.to_owned();
        }
        let columns = self.header.iter().zip(cells);
        let filled = columns.fold(text.to_owned(), |text, (column, cell)| text.replace(&format!("{{{column}}}"), cell));
        filled.trim().to_owned()
    }

    fn read_values(&self, texts: &Texts<'_>, draft: &mut Draft, problems: &mut Vec<Problem>) {
        let mut rows: BTreeMap<usize, BTreeMap<usize, Map<String, Json>>> = BTreeMap::new();
        for ((index, item, turn), parts) in texts {
            let field = &self.kind().fields[*index];
            let leaf = item.map_or(field, |item| &field.items[item]);
            if leaf.value == ValueType::Money && parts.iter().all(|(place, _)| place.part == "currency") {
                // A currency is said of an amount: without one it says nothing.
                continue;
            }
            let read = self.value(leaf, parts).map_err(|problem| named(field, problem));
            match (kept(read, problems), item) {
                (Some(value), Some(_)) => {
                    drop(rows.entry(*index).or_default().entry(*turn).or_default().insert(leaf.name.to_string(), value))
                }
                (Some(value), None) => draft.values.push((*index, value)),
                (None, _) => drop(draft.unread.insert(*index)),
            }
        }
        draft.values.extend(rows.into_iter().map(|(index, rows)| (index, rows.into_values().map(Json::Object).collect())));
    }

    fn value(&self, field: &Field, parts: &[(&Place, String)]) -> Result<Json, Problem> {
        if let [(Place { via: Some(via), .. }, text)] = parts {
            let links = words(field, text)?.iter().map(|word| self.linked(field, via, word)).collect::<Result<Vec<_>, _>>()?;
            // Of what is no set there is one.
            return Ok(if cell::is_elements(field) { Json::from(links) } else { links.into_iter().next().unwrap_or_default() });
        }
        let texts: Vec<(&str, &str)> = parts.iter().map(|(place, text)| (place.part, text.as_str())).collect();
        let value = cell::value_of(field, &texts, self.zone)?;
        if field.value == ValueType::Link && value.as_str().is_some_and(|text| text.parse::<RecordId>().is_err()) {
            let (text, name, to) = (texts[0].1, &field.name, field.to.first().map_or("kind", |kind| kind.as_str()));
            let en = format!("`{text}` is no record id; map the column as `{name}:FIELD`, FIELD being one of `{to}`'s, to look it up");
            return Err(label(en, format!("“{text}”不是记录编号；请用 `{name}:字段` 指定按“{to}”的哪个字段查找")).into());
        }
        Ok(value)
    }

    /// The id of the one record that has this text in the field that links are looked up by.
    fn linked(&self, field: &Field, via: &Via, text: &str) -> Result<Json, Problem> {
        let find = |fields: &[&str], key: &str| -> Vec<Found> {
            field.to.iter().filter_map(|kind| self.directory.find(kind, fields, key)).collect()
        };
        let waits = self.pending.contains(text);
        let found = match &via.among {
            None => find(&[&via.field], text),
            Some((name, value)) => {
                let of = |value: &str| find(&[&via.field, name], &key_of(&[text.to_owned(), value.to_owned()]));
                // Whether there is such a one is known only once the rows before it that bear the name are written. Who says
                // nothing of it may be meant sooner than who says something else.
                let is_meant = |found: &Vec<Found>| !found.is_empty() || waits;
                Some(of(value)).filter(is_meant).or_else(|| Some(of("")).filter(is_meant)).unwrap_or_else(|| find(&[&via.field], text))
            }
        };
        let found = match found[..] {
            [Found::One(_) | Found::Behind(_)] => found,
            // A login names one colleague, whatever they are called, and so does an e-mail address.
            _ => {
                let address = normal::email(text).unwrap_or_else(|| text.to_owned());
                Some(find(&[LOGIN], &address)).filter(|known| !known.is_empty()).unwrap_or(found)
            }
        };
        match found[..] {
            [Found::One(record) | Found::Behind(record)] => Ok(Json::from(record.to_string())),
            [] => Err(Problem { message: unknown(field, via, text), waits }),
            _ => Err(several(&via.label, text).into()),
        }
    }

    fn of_object(&self, object: &Map<String, Json>) -> (Draft, Vec<Problem>) {
        let (mut draft, mut problems) = (Draft::default(), Vec::new());
        for (name, value) in object {
            match (name.as_str(), value) {
                ("id", Json::String(text)) => draft.id = kept(record_id(text), &mut problems),
                (ARCHIVED, value) => draft.archived = *value == Json::Bool(true),
                ("kind", Json::String(kind)) if *kind != *self.kind().name => {
                    let en = format!("it is of the kind `{kind}`, not `{}`", self.kind().name);
                    problems.push(label(en, format!("该记录属于“{kind}”，不是“{}”", self.kind().name)).into());
                }
                (super::mapping::ERROR_COLUMN, _) if self.kind().field(name).is_none() => {}
                ("kind" | "created_at" | "updated_at", _) | (_, Json::Null) => {}
                _ => match self.kind().fields.iter().position(|field| *field.name == **name) {
                    Some(index) => draft.values.push((index, value.clone())),
                    None => {
                        let bad = unknown_field(self.kind(), name);
                        problems.push(label(bad.to_string(), bad.message_zh()).into());
                    }
                },
            }
        }
        let texts = self.defaults_without(&draft);
        self.read_values(&texts, &mut draft, &mut problems);
        (draft, problems)
    }

    fn defaults_without(&self, draft: &Draft) -> Texts<'_> {
        let mut texts: Texts<'_> = BTreeMap::new();
        for (target, text) in &self.mapping.defaults {
            if let Target::Field(place) = target
                && !draft.values.iter().any(|(field, _)| *field == place.field)
            {
                texts.entry((place.field, place.item, 0)).or_default().push((place, text.clone()));
            }
        }
        texts
    }
}

/// Notes what a place says in a row. A column comes before the default for the same place.
fn put<'t>(texts: &mut Texts<'t>, turn: usize, place: &'t Place, text: String) {
    let parts = texts.entry((place.field, place.item, turn)).or_default();
    if !parts.iter().any(|(known, _)| known.part == place.part) {
        parts.push((place, text));
    }
}

/// What could be read; why something could not is noted.
fn kept<T>(read: Result<T, Problem>, problems: &mut Vec<Problem>) -> Option<T> {
    read.map_err(|problem| problems.push(problem)).ok()
}

/// What a cell of a link looks up: each element of a set, or all of it.
fn words(field: &Field, text: &str) -> Result<Vec<String>, Label> {
    if cell::is_elements(field) { cell::elements(text) } else { Ok(vec![text.to_owned()]) }
}

/// The message for a value that leads to no record. Colleagues are not brought in: they are called otherwise.
fn unknown(field: &Field, via: &Via, text: &str) -> Label {
    let Label { en, zh } = &via.label;
    if field.to.iter().all(|kind| **kind == *MEMBER) {
        let hint = "the list of members says what they are called; a login will do, too";
        return label(
            format!("no colleague has the “{en}” `{text}`: {hint}"),
            format!("没有“{zh}”为“{text}”的同事：请按成员列表中的写法填写，也可以填登录名"),
        );
    }
    label(format!("no record has the “{en}” `{text}`; bring those in first"), format!("没有“{zh}”为“{text}”的记录，请先导入它们"))
}

fn record_id(text: &str) -> Result<RecordId, Problem> {
    text.trim().parse().map_err(|_| label(format!("`{text}` is no record id"), format!("“{text}”不是记录编号")).into())
}

fn named(field: &Field, problem: Problem) -> Problem {
    let Label { en, zh } = problem.message;
    Problem { message: label(format!("{}: {en}", field.label.en), format!("{}：{zh}", field.label.zh)), ..problem }
}

/// The message for a value that leads to several records.
pub fn several(field: &Label, text: &str) -> Label {
    label(format!("several records have the “{}” `{text}`", field.en), format!("多条记录的“{}”都是“{text}”", field.zh))
}

/// All that is missing in a record that is made and has no default.
pub fn missing<'a>(kind: &'a Kind, draft: &'a Draft) -> impl Iterator<Item = Label> + 'a {
    let has = |index: usize| draft.values.iter().any(|(field, value)| *field == index && !value.is_null()) || draft.unread.contains(&index);
    let missing = kind.fields.iter().enumerate().filter(move |(index, field)| field.required && field.usual().is_none() && !has(*index));
    missing.map(|(_, field)| label(format!("“{}” is missing", field.label.en), format!("缺少“{}”", field.label.zh)))
}

/// A field that nobody may bring in with this role, among those that are mapped.
pub fn forbidden<'a>(roles: &Roles, role: &str, mapping: &'a Mapping) -> Option<&'a Field> {
    let targets = mapping.columns.iter().chain(mapping.defaults.iter().map(|(target, _)| target));
    let fields = targets.filter_map(|target| match target {
        Target::Field(place) => Some(&mapping.kind.fields[place.field]),
        Target::Skip | Target::Id | Target::Archived => None,
    });
    let may = |field: &&Field| field.merge == Merge::Assigned || roles.may_write_field(role, &mapping.kind, &field.name);
    fields.into_iter().find(|field| !may(field))
}

/// The kinds in which links of this mapping are looked up, each with the field, or the fields.
pub fn lookups<'a>(schema: &'a Schema, mapping: &Mapping) -> Vec<(&'a Kind, Vec<String>)> {
    let targets = mapping.columns.iter().chain(mapping.defaults.iter().map(|(target, _)| target));
    let mut lookups = Vec::new();
    for target in targets {
        let Target::Field(Place { field, item, via: Some(via), .. }) = target else { continue };
        let field = &mapping.kind.fields[*field];
        let leaf = item.map_or(field, |item| &field.items[item]);
        let kinds = leaf.to.iter().filter_map(|kind| schema.kind(kind)).filter(|kind| kind.field(&via.field).is_some());
        let among = via.among.as_ref().map(|(name, _)| vec![via.field.to_string(), name.to_string()]);
        for kind in kinds {
            lookups.push((&**kind, vec![via.field.to_string()]));
            lookups.extend(among.clone().map(|fields| (&**kind, fields)));
        }
    }
    lookups
}

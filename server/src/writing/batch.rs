//! Many records at once, made or brought up to date by a value that names them elsewhere.
//!
//! One transaction for all of them, one result for each: what stands against one item stands against no other.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use sync_core::id::RecordId;
use sync_core::projection;
use sync_core::query::{MAX_PAGE, MAX_WHERE};
use sync_core::record::authored;
use sync_core::record::fields::{FieldEdit, computed, unknown};
use sync_core::schema::{Formula, Kind, Label, Merge};

use super::{WriteError, Writing, keeps_required};
use crate::body;
use crate::error::{Error, Text};
use crate::intake::{Expect, NotEdited, RecordEdit};
use crate::jobs::import::{Draft, edits, made_of, unclear};
use crate::reading::{List, Row};
use crate::store::lists::Shelf;

/// Items of one batch: as many as one page of a list, so that what is there is found with one question.
pub const ITEMS_MAX: usize = MAX_PAGE as usize;

/// Records that were made under one name and are called otherwise by now, or were archived. Whoever gives a name to so many
/// records one after the other does not name them by it.
const BYGONE_MAX: u32 = 100;

/// Records of one name that are read: of more than one it is only said that there are several.
const OF_ONE_NAME: usize = 2;

/// Bytes of a value that names a record, as JSON: those of all items together fit one question.
const NAME_MAX_BYTES: usize = MAX_WHERE / ITEMS_MAX - 8;

/// What a batch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Makes records; one that is there is an error.
    Create,
    /// Changes records; one that is not there is an error.
    Update,
    /// Makes what is not there and changes what is.
    #[default]
    Upsert,
}

/// Many records at once.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Batch {
    /// What to do.
    #[serde(default)]
    pub mode: Mode,
    /// The attribute that names a record: `external_id`, `emails.value`; by default what imports match by.
    #[serde(default)]
    pub match_by: Option<String>,
    /// The records, each an [`Item`]: read one by one, so that one that cannot be read stands against itself alone.
    pub items: Vec<Json>,
}

/// One record of a batch.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Item {
    /// Its id, if that is known; then it is not matched.
    #[serde(default)]
    pub id: Option<RecordId>,
    /// What its fields are to be; those that are not named stay.
    pub fields: Map<String, Json>,
    /// The value that names it, where it has no id.
    #[serde(skip)]
    name: Option<String>,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A record was made.
    Created,
    /// A record was changed.
    Updated,
    /// The record said so already.
    Unchanged,
    /// It waits until somebody with the right decides.
    Held,
    /// Nothing was written.
    Failed,
}

/// The result of an item.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// What became of it.
    pub status: Status,
    /// The record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<RecordId>,
    /// Why nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Json>,
}

/// What is to be written for an item.
struct Plan {
    record: RecordId,
    is_new: bool,
    changes: Vec<Vec<FieldEdit>>,
}

impl Outcome {
    fn failed(error: Error) -> Self {
        let problem = error.problem();
        let text = json!({"code": problem.code, "detail": problem.text.en, "field": problem.field});
        let status = if matches!(error, Error::Held { .. }) { Status::Held } else { Status::Failed };
        Self { status, id: None, problem: Some(text) }
    }
}

impl Writing {
    /// Writes a batch; the results are in the order of its items.
    ///
    /// # Errors
    /// When the batch as a whole cannot be taken; then nothing was written.
    pub async fn batch(&self, kind: &str, batch: Batch) -> Result<Vec<Outcome>, Error> {
        let kind = self.reading.kind(kind)?.clone();
        if !self.grant.may_write(&kind.name) {
            return Err(WriteError::OutOfScope(kind.name.clone()).into());
        }
        if batch.items.len() > ITEMS_MAX {
            let message = Text::new(format!("A batch has at most {ITEMS_MAX} items."), format!("一批最多 {ITEMS_MAX} 条。"));
            return Err(Error::Invalid { field: Some("items".to_owned()), message });
        }
        let attribute = batch.match_by.clone().or_else(|| kind.matches.first().map(ToString::to_string));
        if let Some(attribute) = &attribute {
            // What cannot be matched by at all stands against the batch.
            self.asking(&kind, json!({"type": "isNotNull", "attribute": attribute}))?;
        }
        let mut outcomes: Vec<Option<Outcome>> = Vec::new();
        let mut items: Vec<Item> = Vec::new();
        for item in batch.items {
            let read = self.read(&kind, attribute.as_deref(), item);
            let (item, outcome) = read.map_or_else(|error| (Item::default(), Some(Outcome::failed(error))), |item| (item, None));
            items.push(item);
            outcomes.push(outcome);
        }
        let mut tried = BTreeSet::new();
        let mut waiting: Vec<usize> = (0..items.len()).filter(|index| outcomes[*index].is_none()).collect();
        // Two items about one record: the second is written on top of the first, in a round of its own.
        while !waiting.is_empty() {
            let (now, later) = first_of_each(&items, &waiting);
            let overtaken = self.round(&kind, (batch.mode, &items), attribute.as_deref(), &now, &mut outcomes).await?;
            waiting = later;
            for (index, record) in overtaken {
                if tried.insert(index) {
                    waiting.insert(0, index);
                } else {
                    outcomes[index] = Some(Outcome::failed(Error::Exists(record)));
                }
            }
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// One item, as far as it can be judged alone: what stands against it here stands against no other.
    fn read(&self, kind: &Kind, attribute: Option<&str>, item: Json) -> Result<Item, Error> {
        let mut item: Item = body::read_part(item)?;
        if let (None, Some(attribute)) = (item.id, attribute)
            && let Some(name) = name_of(&item.fields, attribute)
        {
            if Json::from(name.as_str()).to_string().len() > NAME_MAX_BYTES {
                let (en, zh) = (
                    format!("A name to match by has at most {NAME_MAX_BYTES} bytes."),
                    format!("用于匹配的值最多 {NAME_MAX_BYTES} 字节。"),
                );
                return Err(Error::Invalid { field: Some(attribute.to_owned()), message: Text::new(en, zh) });
            }
            self.asking(kind, json!({"type": "equals", "attribute": attribute, "value": name}))?;
            item.name = Some(name);
        }
        Ok(item)
    }

    /// Whether records may be looked for by a condition.
    fn asking(&self, kind: &Kind, condition: Json) -> Result<(), Error> {
        let condition = json!([condition]).to_string();
        self.reading.query(&kind.name, [("where", condition.as_str())])?;
        Ok(())
    }

    /// Answers the items whose record somebody else has made meanwhile, each with that record: it is looked for again.
    async fn round(
        &self,
        kind: &Kind,
        (mode, all): (Mode, &[Item]),
        attribute: Option<&str>,
        now: &[usize],
        outcomes: &mut [Option<Outcome>],
    ) -> Result<Vec<(usize, RecordId)>, Error> {
        let items: Vec<&Item> = now.iter().map(|index| &all[*index]).collect();
        let found = self.found(kind, &items, attribute).await?;
        let (mut writes, mut of_write, mut plans) = (Vec::new(), Vec::new(), HashMap::new());
        for index in now {
            match self.plan(kind, mode, &all[*index], attribute, &found) {
                Err(error) => outcomes[*index] = Some(Outcome::failed(error)),
                Ok(plan) => {
                    for (turn, list) in plan.changes.iter().enumerate() {
                        let expect = if plan.is_new && turn == 0 { Expect::New } else { Expect::Existing };
                        writes.push(RecordEdit { kind: kind.name.clone(), record: plan.record, edits: list.clone(), expect });
                        of_write.push(*index);
                    }
                    plans.insert(*index, plan);
                }
            }
        }
        let edited = if writes.is_empty() { Vec::new() } else { self.write(writes).await? };
        let mut overtaken = BTreeMap::new();
        for (index, edited) in of_write.into_iter().zip(edited) {
            let Err(why) = edited else { continue };
            let exists = plans.get(&index).filter(|_| why == NotEdited::Exists).map(|plan| plan.record);
            match exists.filter(|_| all[index].name.is_some()) {
                Some(record) => {
                    overtaken.insert(index, record);
                }
                None if overtaken.contains_key(&index) => {}
                None => {
                    outcomes[index].get_or_insert_with(|| Outcome::failed(exists.map_or_else(|| why.into(), Error::Exists)));
                }
            }
        }
        for (index, plan) in plans.into_iter().filter(|(index, _)| !overtaken.contains_key(index)) {
            let status = match (plan.is_new, plan.changes.is_empty()) {
                (true, _) => Status::Created,
                (false, false) => Status::Updated,
                (false, true) => Status::Unchanged,
            };
            outcomes[index].get_or_insert(Outcome { status, id: Some(plan.record), problem: None });
        }
        Ok(overtaken.into_iter().collect())
    }

    /// The records that the items are about, by id and by the value that names them.
    async fn found(&self, kind: &Kind, items: &[&Item], attribute: Option<&str>) -> Result<Found, Error> {
        let ids: Vec<Json> = items.iter().filter_map(|item| item.id).map(|id| id.to_string().into()).collect();
        let mut found = Found::default();
        if !ids.is_empty() {
            let (rows, _) = self.rows(Shelf::InUse, kind, ("id", ids), None).await?;
            found.by_id = rows.into_iter().map(|row| (row.id, row)).collect();
        }
        let names: Vec<&str> = items.iter().filter_map(|item| item.name.as_deref()).collect();
        if let Some(attribute) = attribute.filter(|_| !names.is_empty()) {
            self.find_names(kind, attribute, names.clone(), &mut found).await?;
            let new = names.into_iter().map(|name| (folded(name), name)).filter(|(name, _)| !found.by_name.contains_key(name)).collect();
            self.free_ids(kind, attribute, new, &mut found).await?;
        }
        Ok(found)
    }

    /// The ids that records of these names get: the same for a name each time, so that two batches at once do not make it
    /// twice, and another one behind each record that bore the name once. One out of sight is not passed over: it may bear it;
    /// nor is one that another batch has made since names were looked for.
    async fn free_ids(&self, kind: &Kind, attribute: &str, mut names: BTreeMap<String, &str>, found: &mut Found) -> Result<(), Error> {
        for bygone in 0..=BYGONE_MAX {
            let made = |name: &String| made_of(&format!("upsert {} {attribute} {name}", kind.name), bygone);
            found.free.extend(names.keys().map(|name| (name.clone(), made(name))));
            let (seen, _) = self.reading.rows(&names.keys().map(made).collect::<Vec<_>>()).await?;
            names.retain(|name, _| seen.contains_key(&made(name)));
            if names.is_empty() {
                break;
            }
            self.find_names(kind, attribute, names.values().copied().collect(), found).await?;
            names.retain(|name, _| !found.by_name.contains_key(name));
        }
        Ok(())
    }

    /// The records of some names. One that no record bears may be that of one that was merged into another: what stands for
    /// it is meant.
    async fn find_names(&self, kind: &Kind, attribute: &str, mut names: Vec<&str>, found: &mut Found) -> Result<(), Error> {
        self.find_on(Shelf::InUse, kind, attribute, names.clone(), &mut found.by_name).await?;
        names.retain(|name| !found.by_name.contains_key(&folded(name)));
        let mut behind = HashMap::new();
        self.find_on(Shelf::Behind, kind, attribute, names, &mut behind).await?;
        let ids: Vec<RecordId> = behind.values().flatten().map(|row| row.id).collect();
        let standing = self.reading.standing_for(&ids).await?;
        for (name, rows) in behind {
            let mut rows: Vec<Row> = rows.into_iter().filter_map(|row| standing.get(&row.id).cloned()).collect();
            rows.dedup_by_key(|row| row.id);
            if !rows.is_empty() {
                found.behind.insert(name.clone());
                found.by_name.insert(name, rows);
            }
        }
        Ok(())
    }

    /// Page by page; a name of which enough is known is not asked for again, so that there are no more pages than names.
    async fn find_on(
        &self,
        shelf: Shelf,
        kind: &Kind,
        attribute: &str,
        mut names: Vec<&str>,
        by_name: &mut HashMap<String, Vec<Row>>,
    ) -> Result<(), Error> {
        let mut after = None;
        while !names.is_empty() {
            let values = names.iter().map(|name| Json::from(*name)).collect();
            let (rows, next) = self.rows(shelf, kind, (attribute, values), after).await?;
            for row in rows {
                for name in values_of(&row.fields, attribute) {
                    let of_name = by_name.entry(folded(&name)).or_default();
                    if of_name.len() < OF_ONE_NAME {
                        of_name.push(row.clone());
                    }
                }
            }
            after = next;
            if after.is_none() {
                break;
            }
            names.retain(|name| by_name.get(&folded(name)).is_none_or(|rows| rows.len() < OF_ONE_NAME));
        }
        Ok(())
    }

    /// A page of the records that have one of some values, and where the next one begins.
    async fn rows(
        &self,
        shelf: Shelf,
        kind: &Kind,
        (attribute, values): (&str, Vec<Json>),
        after: Option<String>,
    ) -> Result<(Vec<Row>, Option<String>), Error> {
        let condition = json!([{"type": "in", "attribute": attribute, "value": values}]).to_string();
        let size = MAX_PAGE.to_string();
        let mut params = vec![("where", condition.as_str()), ("maxSize", size.as_str())];
        params.extend(after.as_deref().map(|after| ("after", after)));
        let page = self.reading.list(&List { shelf, ..List::of(self.reading.query(&kind.name, params)?) }).await?;
        Ok((page.rows, page.next))
    }

    fn plan(&self, kind: &Kind, mode: Mode, item: &Item, attribute: Option<&str>, found: &Found) -> Result<Plan, Error> {
        let name = &item.name;
        let invalid = |field: &str, en: String, zh: String| Error::Invalid { field: Some(field.to_owned()), message: Text::new(en, zh) };
        let row = match (item.id, name) {
            (Some(id), _) => found.by_id.get(&id),
            (None, Some(name)) => match found.by_name.get(&folded(name)).map(Vec::as_slice).unwrap_or_default() {
                [] => None,
                [row] => Some(row),
                _ => {
                    let attribute = attribute.unwrap_or_default();
                    let (en, zh) =
                        (format!("Several records have the {attribute} `{name}`."), format!("多条记录的 {attribute} 为“{name}”。"));
                    return Err(invalid(attribute, en, zh));
                }
            },
            (None, None) => None,
        };
        let mut fields = Cow::Borrowed(&item.fields);
        if let (Some(name), Some(attribute)) = (name, attribute)
            && found.behind.contains(&folded(name))
        {
            // It is known by what it was merged with, and keeps what it is called itself.
            fields.to_mut().remove(attribute.split('.').next().unwrap_or_default());
        }
        let draft = draft(kind, &fields)?;
        let plan = self.planned(kind, mode, item, row, (attribute, &draft), found)?;
        let before = row.map(|row| &row.fields);
        computed_as_said(kind, item, (plan.record, before.unwrap_or(&Map::new())), &plan.changes)?;
        Ok(plan)
    }

    /// What is to be written of an item whose record is known.
    fn planned(
        &self,
        kind: &Kind,
        mode: Mode,
        item: &Item,
        row: Option<&Row>,
        (attribute, draft): (Option<&str>, &Draft),
        found: &Found,
    ) -> Result<Plan, Error> {
        let name = &item.name;
        match (row, mode) {
            (Some(row), Mode::Create) => Err(Error::Exists(row.id)),
            (Some(row), _) => {
                let changes = fitting(kind, &row.fields, clear_edits(kind, (row.id, &row.fields), draft)?)?;
                changes.iter().try_for_each(|edits| keeps_required(kind, edits))?;
                Ok(Plan { record: row.id, is_new: false, changes })
            }
            (None, Mode::Update) => match (item.id, name, attribute) {
                (None, None, attribute) => {
                    let attribute = attribute.unwrap_or("id");
                    let message = Text::new(format!("There is no {attribute} to match by."), format!("缺少用于匹配的 {attribute}。"));
                    Err(Error::Invalid { field: Some(attribute.to_owned()), message })
                }
                _ => Err(Error::NotFound),
            },
            (None, Mode::Create | Mode::Upsert) => {
                let named = name.as_deref().and_then(|name| found.free.get(&folded(name)).copied());
                let record = item.id.or(named).unwrap_or_else(|| self.new_id());
                let mut changes = clear_edits(kind, (record, &Map::new()), draft)?;
                let first = changes.first_mut().ok_or(WriteError::Empty)?;
                *first = self.fit_to_make(kind, std::mem::take(first))?;
                let changes = fitting(kind, &Map::new(), changes)?;
                Ok(Plan { record, is_new: true, changes })
            }
        }
    }
}

impl Writing {
    /// Gives a record that the caller sees these values, in as few edits as that takes, and edits it. Rows with ids are all
    /// there is afterwards; rows without are added unless one like them, or with their key, is there.
    ///
    /// # Errors
    /// As [`Writing::edit`], and where a computed field is to be something else than what is computed.
    pub async fn change(&self, kind: &str, id: RecordId, fields: Map<String, Json>, more: Vec<FieldEdit>) -> Result<(), Error> {
        let row = self.reading.row(id).await?.filter(|row| &*row.kind == kind).ok_or(Error::NotFound)?;
        let declared = self.reading.kind(kind)?;
        let changes = clear_edits(declared, (id, &row.fields), &draft(declared, &fields)?)?;
        let item = Item { id: Some(id), fields, ..Item::default() };
        computed_as_said(declared, &item, (id, &row.fields), &changes)?;
        let all: Vec<FieldEdit> = changes.into_iter().flatten().chain(more).collect();
        // What is there already is not written again; whoever says what they saw is told all the same that it has changed.
        if all.is_empty() {
            return if self.seen.is_none_or(|seen| seen == row.version) { Ok(()) } else { Err(Error::Stale) };
        }
        Ok(self.edit(kind, id, all).await?)
    }
}

/// The edits that give a record these values. Rows that may mean several, or two of which mean one, are refused.
fn clear_edits(kind: &Kind, (record, current): (RecordId, &Map<String, Json>), draft: &Draft) -> Result<Vec<Vec<FieldEdit>>, Error> {
    match unclear(kind, current, draft).into_iter().next() {
        Some(Label { en, zh }) => Err(Error::Invalid { field: None, message: Text::new(en, zh) }),
        None => Ok(edits(kind, record, current, draft)),
    }
}

/// The records that a round is about.
#[derive(Default)]
struct Found {
    by_id: HashMap<RecordId, Row>,
    by_name: HashMap<String, Vec<Row>>,
    /// Names that no record bears, but one that was merged into the one found.
    behind: HashSet<String>,
    /// For a name that no record bears: the id of the one that is to be made.
    free: HashMap<String, RecordId>,
}

/// The values of an item as what imports write by.
fn draft(kind: &Kind, fields: &Map<String, Json>) -> Result<Draft, Error> {
    let index = |name: &String| kind.fields.iter().position(|field| *field.name == **name);
    let value = |(name, value): (&String, &Json)| match index(name) {
        Some(index) => Ok((index, value.clone())),
        None => Err(Error::from(NotEdited::from(unknown(kind, name)))),
    };
    Ok(Draft { values: fields.iter().map(value).collect::<Result<_, _>>()?, ..Draft::default() })
}

/// That computed fields of an item say what is computed of its record once the item is written. As for one record that is
/// made, what equals that is passed over, and another value is refused, by its name.
fn computed_as_said(
    kind: &Kind,
    item: &Item,
    (record, before): (RecordId, &Map<String, Json>),
    changes: &[Vec<FieldEdit>],
) -> Result<(), Error> {
    let is_computed = |name: &str| kind.field(name).is_some_and(|field| field.merge == Merge::Derived);
    // Of what was once chosen, and when, what was read is as good an answer as there is.
    let looks_back = |name: &str| kind.field(name).and_then(|field| field.computed()).is_some_and(Formula::looks_back);
    let stands = |name: &String, value: &Json| (changes.is_empty() || looks_back(name)) && before.get(name) == Some(value);
    let mut said = item.fields.iter().filter(|(name, value)| is_computed(name) && !stands(name, value)).peekable();
    if said.peek().is_none() {
        return Ok(());
    }
    let known = before.iter().filter(|(name, _)| kind.field(name).is_some()).map(|(name, value)| (name.clone(), value.clone())).collect();
    let whole = edits(kind, record, &Map::new(), &draft(kind, &known)?).into_iter().chain(changes.iter().cloned());
    let row = projection::foreseen(kind, &whole.flatten().collect::<Vec<_>>());
    match said.find(|(name, value)| row.get(*name) != Some(*value)) {
        Some((name, _)) => Err(NotEdited::from(computed(name)).into()),
        None => Ok(()),
    }
}

/// What an author may write.
fn fitting(kind: &Kind, before: &Map<String, Json>, changes: Vec<Vec<FieldEdit>>) -> Result<Vec<Vec<FieldEdit>>, Error> {
    changes.iter().try_for_each(|edits| authored::check(kind, before, edits)).map_err(NotEdited::from)?;
    Ok(changes)
}

/// The first item of each record, and the others.
fn first_of_each(items: &[Item], waiting: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut taken = HashSet::new();
    let mut token = |index: &usize| {
        let item = &items[*index];
        let name = || item.name.as_deref().map(folded);
        item.id.map(|id| id.to_string()).or_else(name).is_none_or(|token| taken.insert(token))
    };
    waiting.iter().copied().partition(|index| token(index))
}

/// The one value of an item at the attribute that names it.
fn name_of(fields: &Map<String, Json>, attribute: &str) -> Option<String> {
    values_of(fields, attribute).first().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The texts at an attribute of a record.
pub fn values_of(fields: &Map<String, Json>, attribute: &str) -> Vec<String> {
    let (first, rest) = attribute.split_once('.').unwrap_or((attribute, ""));
    fields.get(first).map(|value| values_at(value, rest)).unwrap_or_default()
}

/// The texts at an attribute: `emails.value` of every row.
pub fn values_at(json: &Json, attribute: &str) -> Vec<String> {
    match (json, attribute.split_once('.')) {
        (Json::Array(elements), _) => elements.iter().flat_map(|element| values_at(element, attribute)).collect(),
        (Json::Object(parts), None) if !attribute.is_empty() => parts.get(attribute).map(|value| values_at(value, "")).unwrap_or_default(),
        (Json::Object(parts), Some((first, rest))) => parts.get(first).map(|value| values_at(value, rest)).unwrap_or_default(),
        (Json::String(text), None) if attribute.is_empty() => vec![text.clone()],
        (Json::Number(number), None) if attribute.is_empty() => vec![number.to_string()],
        _ => Vec::new(),
    }
}

/// Texts are compared as queries compare them.
fn folded(text: &str) -> String {
    text.trim().to_ascii_lowercase()
}

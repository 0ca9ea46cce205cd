//! What people did, as a plain set of intents with who had seen what: the judge of every replica.
//!
//! Knows no automerge, no path and none of the merge code. From the intents that a replica holds it
//! says what must be shown there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};
use sync_core::id::{Facet, Millis, RecordId};

/// Names one edit by one person.
pub type IntentId = u32;

/// One thing that an edit does.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Writes a value; `visible`: disagreement is shown to people.
    Write { field: String, value: Json, visible: bool },
    /// Raises what never goes back.
    Raise { field: String, rank: i64, value: Json },
    /// Adds an element.
    Add { field: String, element: String },
    /// Removes an element.
    Remove { field: String, element: String },
    /// Writes parts of a row; `makes` it when its author saw none.
    Row { field: String, row: String, makes: bool, parts: Vec<(String, Json)> },
    /// Removes a row.
    DropRow { field: String, row: String },
    /// Adds to a log.
    Append { field: String, item: String, values: Map<String, Json> },
    /// Adds to a counter.
    Increment { field: String, by: i64 },
    /// Types and removes characters; every character of a world is typed once. `after` is what its author saw then.
    Type { field: String, typed: String, removed: String, after: String },
    /// Archives the record.
    Archive,
}

impl Act {
    fn field(&self) -> &str {
        match self {
            Act::Write { field, .. }
            | Act::Raise { field, .. }
            | Act::Add { field, .. }
            | Act::Remove { field, .. }
            | Act::Row { field, .. }
            | Act::DropRow { field, .. }
            | Act::Append { field, .. }
            | Act::Increment { field, .. }
            | Act::Type { field, .. } => field,
            Act::Archive => "archived",
        }
    }
}

/// One edit, and what its author had seen of the record.
#[derive(Debug, Clone)]
pub struct Intent {
    /// Its name.
    pub id: IntentId,
    /// Who.
    pub author: String,
    /// Which record.
    pub record: RecordId,
    /// Which of its documents.
    pub facet: Facet,
    /// What.
    pub acts: Vec<Act>,
    /// The intents of the same document that its author saw.
    pub seen: BTreeSet<IntentId>,
}

/// Everything that anybody did.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By name.
    pub intents: BTreeMap<IntentId, Intent>,
    /// Intents that their author's phone has written again without others that they followed.
    pub rewritten: BTreeSet<IntentId>,
    /// Intents of which an older copy of the phone may have sent another version, which followed others.
    pub uncertain: BTreeSet<IntentId>,
    /// Intents that typed into a text whose past was forgotten before they arrived: where it stands, and what it removed, is
    /// found again as far as the text is as it was.
    pub displaced: BTreeSet<IntentId>,
    last: IntentId,
}

/// What a replica shows of one document.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Field by field.
    pub row: Map<String, Json>,
    /// What people disagree on: by path, the claims.
    pub claims: BTreeMap<String, Vec<Json>>,
}

/// An intent that a replica holds, with the time that its change bears.
pub type Held = (IntentId, Millis);

#[derive(Clone, Copy)]
struct Done<'a> {
    intent: &'a Intent,
    time: Millis,
    act: &'a Act,
}

/// What deals weigh, in percent, by their stage.
const WEIGHTS: [(&str, i64); 6] = [("lead", 10), ("qualified", 25), ("proposal", 50), ("negotiation", 75), ("won", 100), ("lost", 0)];

/// What follows from the values of a document: of deals by their stage, of offers by their lines. In numbers as small as the
/// world's, floating point is exact enough.
/// `stages` are all that anybody ever chose for a deal.
fn computed(kind: &str, row: &Map<String, Json>, stages: &[&str]) -> BTreeMap<&'static str, Option<Json>> {
    let part = |money: &Json, factor: f64| (money["amount"].as_f64().unwrap_or_default() * factor).round() as i64;
    let stage = row.get("stage").and_then(Json::as_str);
    let weight = WEIGHTS.iter().find(|(known, _)| Some(*known) == stage).map(|(_, weight)| *weight);
    let weigh = |money: &Json, weight: i64| json!({"amount": part(money, weight as f64 / 100.0), "currency": money["currency"]});
    let weighted = row.get("amount").filter(|money| money.is_object()).zip(weight).map(|(money, weight)| weigh(money, weight));
    let lines = row.get("lines").and_then(Json::as_array).into_iter().flatten().filter(|line| line["price"].is_object());
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for line in lines {
        let factor = line["quantity"].as_f64().unwrap_or(1.0) * (1.0 - line["discount_percent"].as_f64().unwrap_or_default() / 100.0);
        *sums.entry(line["price"]["currency"].as_str().unwrap_or_default()).or_default() += part(&line["price"], factor);
    }
    let total = sums.first_key_value().filter(|_| sums.len() == 1).map(|(currency, sum)| json!({"amount": sum, "currency": currency}));
    let steps = WEIGHTS.iter().filter(|(known, weight)| *weight > 0 && stages.contains(known));
    let reached = steps.max_by_key(|(_, weight)| *weight).map(|(stage, _)| Json::from(*stage));
    match kind {
        "deal" => {
            let people = row.get("people").and_then(Json::as_array).map(Vec::len).filter(|count| *count > 0);
            let contacts = people.map(Json::from);
            BTreeMap::from([("probability", weight.map(Json::from)), ("weighted", weighted), ("reached", reached), ("contacts", contacts)])
        }
        "offer" => BTreeMap::from([("total", total)]),
        _ => BTreeMap::new(),
    }
}

/// Fields that say since when a choice is what it is: of a kind, the field, the choice.
const SINCE: [(&str, &str, &str); 2] = [("deal", "stage_since", "stage"), ("activity", "status_since", "status")];

/// How long it took to win.
const DAYS_TO_WIN: &str = "days_to_win";

const DAY: Millis = 86_400_000;

/// A choice is what it is since the first of those who chose it and were not written over.
fn judge_since(field: &str, of: &[Done<'_>], chosen: &Json, row: &Map<String, Json>) -> Result<(), String> {
    let chose = standing(of).iter().filter(|one| written(one) == chosen).map(|one| one.time).min();
    let expected = chose.filter(|_| !chosen.is_null()).map_or(Json::Null, Json::from);
    expect(row.get(field).unwrap_or(&Json::Null), expected).map_err(|problem| format!("`{field}`: {problem}"))
}

/// A deal that is won took the days from its first edit to that.
fn days_to_win(row: &Map<String, Json>, begun: Option<Millis>) -> Result<(), String> {
    let won = row.get("stage").is_some_and(|stage| stage == "won").then(|| row.get("stage_since").and_then(Json::as_i64)).flatten();
    let days = won.zip(begun).map(|(won, begun)| (won - begun).max(0) / DAY);
    match row.get(DAYS_TO_WIN).and_then(Json::as_i64) == days {
        true => Ok(()),
        false => Err(format!("`{DAYS_TO_WIN}` is {:?} and follows as {days:?}", row.get(DAYS_TO_WIN))),
    }
}

impl Ledger {
    /// A name for the next intent.
    pub fn new_id(&mut self) -> IntentId {
        self.last += 1;
        self.last
    }

    /// Notes an intent.
    pub fn note(&mut self, intent: Intent) {
        self.intents.insert(intent.id, intent);
    }

    /// Whether a replica that holds these intents of a document of a kind may show this.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn judge(&self, kind: &str, held: &[Held], shown: &Shown) -> Result<(), String> {
        let mut fields: BTreeMap<&str, Vec<Done<'_>>> = BTreeMap::new();
        for (id, time) in held {
            let intent = self.intents.get(id).ok_or_else(|| format!("nobody did {id}"))?;
            for act in &intent.acts {
                fields.entry(act.field()).or_default().push(Done { intent, time: *time, act });
            }
        }
        let stages: Vec<&str> = fields.get("stage").into_iter().flatten().filter_map(stage_of).collect();
        let computed = computed(kind, &shown.row, &stages);
        for (field, value) in &computed {
            if shown.row.get(*field) != value.as_ref() {
                return Err(format!("`{field}` is {:?} and follows as {value:?}", shown.row.get(*field)));
            }
        }
        let begun = held.iter().map(|(_, time)| *time).min();
        days_to_win(&shown.row, begun)?;
        let is_known = |field: &str| {
            fields.contains_key(field)
                || computed.contains_key(field)
                || SINCE.iter().any(|(of, since, _)| (*of, *since) == (kind, field))
                || (kind, field) == ("deal", DAYS_TO_WIN)
        };
        if let Some(field) = shown.row.keys().find(|field| !is_known(field)) {
            return Err(format!("`{field}` is shown and nobody wrote it"));
        }
        for (field, done) in fields {
            let names: BTreeSet<IntentId> = done.iter().map(|done| done.intent.id).collect();
            if names.len() < done.len() && is_twice(&done) || names.iter().any(|id| self.uncertain.contains(id)) {
                // Two copies of one phone sent it: which of them was seen by whom, the intents do not say.
                continue;
            }
            let is_text = matches!(done[0].act, Act::Type { .. });
            if is_text && names.iter().any(|id| self.displaced.contains(id)) {
                continue;
            }
            if let Some((_, since, of)) = SINCE.iter().find(|(since_of, _, of)| (*since_of, *of) == (kind, field)) {
                judge_since(since, &done, shown.row.get(*of).unwrap_or(&Json::Null), &shown.row)?;
            }
            judge_field(field, &done, shown).map_err(|problem| {
                let who: Vec<String> = done
                    .iter()
                    .map(|done| format!("{} by {} at {}: {:?}", done.intent.id, done.intent.author, done.time, done.act))
                    .collect();
                format!("`{field}`: {problem}\n  {}", who.join("\n  "))
            })?;
        }
        Ok(())
    }
}

/// The word that a field was given, if it was given one.
fn stage_of<'a>(done: &Done<'a>) -> Option<&'a str> {
    if let Act::Write { value, .. } = done.act { value.as_str() } else { None }
}

/// Whether an intent is there by two changes: one act, with two times or at two places.
fn is_twice(done: &[Done<'_>]) -> bool {
    let same = |a: &Done<'_>, b: &Done<'_>| a.intent.id == b.intent.id && std::ptr::eq(a.act, b.act);
    done.iter().enumerate().any(|(index, one)| done[..index].iter().any(|other| same(one, other)))
}

/// Those that nobody who had seen them wrote over.
fn standing<'a>(done: &[Done<'a>]) -> Vec<Done<'a>> {
    let replaced = |one: &Done<'_>| done.iter().any(|other| other.intent.id != one.intent.id && other.intent.seen.contains(&one.intent.id));
    done.iter().filter(|one| !replaced(one)).copied().collect()
}

fn judge_field(field: &str, done: &[Done<'_>], shown: &Shown) -> Result<(), String> {
    let value = shown.row.get(field).unwrap_or(&Json::Null);
    match done[0].act {
        Act::Write { visible, .. } => judge_register(field, done, value, visible.then_some(&shown.claims)),
        Act::Raise { .. } => judge_highest(done, value),
        Act::Add { .. } | Act::Remove { .. } => expect(value, list(elements(done))),
        Act::Row { .. } | Act::DropRow { .. } => judge_rows(done, value),
        Act::Append { .. } => expect(value, list(items(done))),
        Act::Increment { .. } => expect(value, Json::from(done.iter().map(increment).sum::<i64>())),
        Act::Type { .. } => judge_text(done, value.as_str().unwrap_or_default()),
        Act::Archive => expect(value, Json::Bool(true)),
    }
}

fn expect(found: &Json, expected: Json) -> Result<(), String> {
    if *found == expected { Ok(()) } else { Err(format!("shown is {found}, it must be {expected}")) }
}

fn list(items: Vec<Json>) -> Json {
    if items.is_empty() { Json::Null } else { Json::Array(items) }
}

fn written<'a>(done: &Done<'a>) -> &'a Json {
    match done.act {
        Act::Write { value, .. } | Act::Raise { value, .. } => value,
        _ => &Json::Null,
    }
}

fn judge_register(field: &str, done: &[Done<'_>], shown: &Json, claims: Option<&BTreeMap<String, Vec<Json>>>) -> Result<(), String> {
    let standing = standing(done);
    newest(&standing, written, shown)?;
    let Some(claims) = claims else { return Ok(()) };
    let sorted = |mut values: Vec<String>| {
        values.sort();
        values.dedup();
        values
    };
    let expected = sorted(standing.iter().map(|done| written(done).to_string()).collect());
    let found = sorted(claims.get(field).map(|values| values.iter().map(Json::to_string).collect()).unwrap_or_default());
    let alike = expected.len() == 1 && found.is_empty();
    if alike || expected == found { Ok(()) } else { Err(format!("the claims are {found:?}, they must be {expected:?}")) }
}

/// The shown value is one of the newest standing ones.
fn newest<'a>(standing: &[Done<'a>], value: impl Fn(&Done<'a>) -> &'a Json, shown: &Json) -> Result<(), String> {
    let time = standing.iter().map(|done| done.time).max().unwrap_or(0);
    let newest: Vec<&Json> = standing.iter().filter(|done| done.time == time).map(value).collect();
    if newest.contains(&shown) { Ok(()) } else { Err(format!("shown is {shown}, it must be one of {newest:?}")) }
}

fn judge_highest(done: &[Done<'_>], shown: &Json) -> Result<(), String> {
    let rank = |done: &Done<'_>| if let Act::Raise { rank, .. } = done.act { *rank } else { i64::MIN };
    let highest = done.iter().map(rank).max().unwrap_or(i64::MIN);
    let values: Vec<&Json> = done.iter().filter(|done| rank(done) == highest).map(written).collect();
    if values.contains(&shown) { Ok(()) } else { Err(format!("shown is {shown}, the highest is {values:?}")) }
}

fn elements(done: &[Done<'_>]) -> Vec<Json> {
    let removed = |element: &str, add: IntentId| {
        done.iter()
            .any(|other| matches!(other.act, Act::Remove { element: gone, .. } if gone == element) && other.intent.seen.contains(&add))
    };
    let mut present = BTreeSet::new();
    for one in done {
        if let Act::Add { element, .. } = one.act
            && !removed(element, one.intent.id)
        {
            present.insert(element.as_str());
        }
    }
    present.into_iter().map(Json::from).collect()
}

fn items(done: &[Done<'_>]) -> Vec<Json> {
    let mut items = BTreeMap::new();
    for one in done {
        if let Act::Append { item, values, .. } = one.act {
            let mut values = values.clone();
            values.insert("id".to_owned(), Json::from(item.as_str()));
            items.insert(item.as_str(), Json::Object(values));
        }
    }
    items.into_values().collect()
}

fn increment(done: &Done<'_>) -> i64 {
    if let Act::Increment { by, .. } = done.act { *by } else { 0 }
}

fn judge_rows(done: &[Done<'_>], shown: &Json) -> Result<(), String> {
    let rows: BTreeSet<&str> = done
        .iter()
        .filter_map(|done| match done.act {
            Act::Row { row, .. } | Act::DropRow { row, .. } => Some(row.as_str()),
            _ => None,
        })
        .collect();
    let empty = Vec::new();
    let shown = shown.as_array().unwrap_or(&empty);
    let of = |id: &str| shown.iter().find(|row| row["id"] == id);
    for row in &rows {
        let here: Vec<Done<'_>> = done
            .iter()
            .filter(|done| matches!(done.act, Act::Row { row: id, .. } | Act::DropRow { row: id, .. } if id == row))
            .copied()
            .collect();
        let dropped = |make: IntentId| here.iter().any(|one| matches!(one.act, Act::DropRow { .. }) && one.intent.seen.contains(&make));
        let lives = here.iter().any(|one| matches!(one.act, Act::Row { makes: true, .. }) && !dropped(one.intent.id));
        match of(row) {
            None if lives => return Err(format!("row {row} is missing")),
            Some(_) if !lives => return Err(format!("row {row} is shown, it was removed")),
            None => {}
            Some(shown) => judge_row(&here, shown).map_err(|problem| format!("row {row}: {problem}"))?,
        }
    }
    if shown.len() <= rows.len() { Ok(()) } else { Err("more rows are shown than were ever made".to_owned()) }
}

fn judge_row(done: &[Done<'_>], shown: &Json) -> Result<(), String> {
    let part = |done: &Done<'_>, name: &str| match done.act {
        Act::Row { parts, .. } => parts.iter().find(|(part, _)| part == name).map(|(_, value)| value.clone()),
        _ => None,
    };
    let names: BTreeSet<&str> = done
        .iter()
        .filter_map(|done| if let Act::Row { parts, .. } = done.act { Some(parts.iter().map(|(name, _)| name.as_str())) } else { None })
        .flatten()
        .collect();
    for name in names {
        let writers: Vec<Done<'_>> = done.iter().filter(|done| part(done, name).is_some()).copied().collect();
        let standing = standing(&writers);
        let time = standing.iter().map(|done| done.time).max().unwrap_or(0);
        let newest: Vec<Json> = standing.iter().filter(|done| done.time == time).filter_map(|done| part(done, name)).collect();
        let found = shown.get(name).unwrap_or(&Json::Null);
        if !newest.contains(found) {
            return Err(format!("`{name}` is {found}, it must be one of {newest:?}"));
        }
    }
    Ok(())
}

fn judge_text(done: &[Done<'_>], shown: &str) -> Result<(), String> {
    let mut present: BTreeSet<char> = BTreeSet::new();
    for one in done {
        if let Act::Type { typed, .. } = one.act {
            present.extend(typed.chars());
        }
    }
    for one in done {
        if let Act::Type { removed, .. } = one.act {
            removed.chars().for_each(|gone| {
                present.remove(&gone);
            });
        }
    }
    let mut found: Vec<char> = shown.chars().collect();
    found.sort_unstable();
    let expected: Vec<char> = present.into_iter().collect();
    if found != expected {
        return Err(format!("the characters are {shown:?}, they must be those of {:?}", expected.iter().collect::<String>()));
    }
    let places: BTreeMap<char, usize> = shown.chars().enumerate().map(|(place, character)| (character, place)).collect();
    for one in done {
        if let Act::Type { after, .. } = one.act {
            let order: Vec<usize> = after.chars().filter_map(|character| places.get(&character).copied()).collect();
            if order.windows(2).any(|pair| pair[0] > pair[1]) {
                return Err(format!("the characters of {after:?} are in another order in {shown:?}"));
            }
        }
    }
    Ok(())
}

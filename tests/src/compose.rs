//! Makes up edits of every merge policy, each with what it means to the model.

use serde_json::{Map, Value as Json, json};
use sync_core::id::{Facet, RecordId};
use sync_core::record::change::{Change, Op};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Field, Kind, Merge, ValueType};
use sync_core::value::Scalar;

use crate::dice::Dice;
use crate::model::{Act, IntentId};

/// The kinds that a world plays with: together they have every merge policy.
pub const KINDS: [&str; 6] = ["party", "deal", "offer", "activity", "case", "article"];
/// Fields that say which teams and territories share a record, and the few words that are in them.
const SHARED: [&str; 2] = ["teams", "territories"];
/// Teams and territories of a world.
pub const AREAS: [&str; 3] = ["east", "west", "north"];
/// Increments are told apart by their amounts: the intent's name times this, plus seven.
const INCREMENT_STEP: i64 = 1_000;
/// Every character of a world is typed once; these are the first one, and how many one intent may type.
const FIRST_CHARACTER: u32 = 0x2_0000;
const CHARACTERS: u32 = 8;

/// An edit and its meaning.
#[derive(Debug, Clone)]
pub struct Composed {
    /// What the device is asked to do.
    pub edits: Vec<FieldEdit>,
    /// What the model knows of it.
    pub acts: Vec<Act>,
}

/// What the author of an edit has before them.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    /// The record's kind.
    pub kind: &'a Kind,
    /// The document to edit.
    pub facet: Facet,
    /// What it shows.
    pub row: &'a Map<String, Json>,
    /// Whether the record is made by this.
    pub is_new: bool,
    /// Whether discounts that need approval are asked for.
    pub asks_much: bool,
    /// Whether somebody is there to approve them: then they are asked for all the time.
    pub asks_often: bool,
    /// The records that links may lead to, with their kinds: without them links lead nowhere.
    pub linkable: &'a [(RecordId, &'static str)],
}

/// The set of a kind that takes any word: a mark of the intent goes there.
fn marks(kind: &Kind) -> Option<&Field> {
    ["tags", "categories"].into_iter().find_map(|name| kind.field(name))
}

/// The word that stands for an intent.
pub fn token(id: IntentId) -> String {
    format!("i{id}")
}

/// Makes up an edit.
pub fn compose(dice: &mut Dice, id: IntentId, desk: &Desk<'_>) -> Composed {
    let mut composed = Composed { edits: Vec::new(), acts: Vec::new() };
    let kind = desk.kind;
    if desk.is_new && desk.facet == Facet::Main {
        composed.write(&kind.title, json!(token(id)), kind.field(&kind.title).is_some_and(|field| field.merge == Merge::Visible));
    }
    if desk.asks_often && desk.facet == Facet::Main && !desk.is_new && dice.chance(40) {
        composed.ask(dice, id, desk);
    }
    let fields: Vec<&Field> = kind.fields.iter().filter(|field| field.facet == desk.facet && field.name != kind.title).collect();
    for _ in 0..=dice.below(3) {
        let field = dice.pick(&fields);
        if !composed.acts.iter().any(|act| is_about(act, &field.name)) {
            composed.field(dice, id, desk, field);
        }
    }
    if desk.facet == Facet::Main && dice.chance(20) && !desk.is_new {
        composed.write(&kind.title, json!(token(id)), kind.field(&kind.title).is_some_and(|field| field.merge == Merge::Visible));
    }
    composed.sign(dice, id, desk);
    composed
}

/// An edit that archives.
pub fn archive(id: IntentId, desk: &Desk<'_>) -> Composed {
    let mut composed = Composed { edits: vec![FieldEdit::archive()], acts: vec![Act::Archive] };
    composed.mark(id, desk);
    composed
}

/// An edit that gives a record to somebody.
pub fn hand_over(id: IntentId, desk: &Desk<'_>, owner: &str, to: &str) -> Composed {
    let mut composed = Composed { edits: Vec::new(), acts: Vec::new() };
    composed.write(owner, json!(to), desk.kind.field(owner).is_some_and(|field| field.merge == Merge::Visible));
    composed.mark(id, desk);
    composed
}

fn is_about(act: &Act, name: &str) -> bool {
    match act {
        Act::Write { field, .. }
        | Act::Raise { field, .. }
        | Act::Add { field, .. }
        | Act::Remove { field, .. }
        | Act::Row { field, .. }
        | Act::DropRow { field, .. }
        | Act::Append { field, .. }
        | Act::Increment { field, .. }
        | Act::Type { field, .. } => field == name,
        Act::Archive => name == "archived",
    }
}

impl Composed {
    fn write(&mut self, field: &str, value: Json, visible: bool) {
        self.edits.push(FieldEdit::Set { field: field.to_owned(), value: value.clone() });
        self.acts.push(Act::Write { field: field.to_owned(), value, visible });
    }

    fn field(&mut self, dice: &mut Dice, id: IntentId, desk: &Desk<'_>, field: &Field) {
        let name = field.name.to_string();
        let shown = desk.row.get(&name).unwrap_or(&Json::Null);
        match &field.merge {
            Merge::Register | Merge::Visible => {
                let clears = dice.chance(10) && !field.required;
                let value = if clears { Json::Null } else { value(dice, id, field, desk) };
                self.write(&name, value, field.merge == Merge::Visible);
            }
            Merge::Monotone => self.raise(dice, id, field, shown),
            Merge::Set if field.items.is_empty() => self.element(dice, id, desk, field, shown),
            Merge::Set | Merge::List => self.row(dice, id, desk, field, shown),
            Merge::Log => {
                let values: Map<String, Json> =
                    field.items.iter().map(|item| (item.name.to_string(), value(dice, id, item, desk))).collect();
                let item = token(id);
                self.edits.push(FieldEdit::Append { field: name.clone(), item: item.clone(), values: values.clone() });
                self.acts.push(Act::Append { field: name, item, values });
            }
            Merge::Counter => {
                let by = i64::from(id) * INCREMENT_STEP + 7;
                self.edits.push(FieldEdit::Increment { field: name.clone(), by });
                self.acts.push(Act::Increment { field: name, by });
            }
            Merge::Text => self.text(dice, id, &name, shown.as_str().unwrap_or_default()),
            Merge::Assigned | Merge::Derived | Merge::Unknown(_) => {}
        }
    }

    fn raise(&mut self, dice: &mut Dice, id: IntentId, field: &Field, shown: &Json) {
        let (rank, value) = match field.value {
            ValueType::Choice => {
                let now = field.options.iter().position(|option| Some(option.value.as_str()) == shown.as_str()).unwrap_or(0);
                let rank = now + dice.below(field.options.len() - now);
                (rank as i64, json!(field.options[rank].value))
            }
            ValueType::Boolean => (1, json!(true)),
            _ => {
                let rank = shown.as_i64().unwrap_or(1_700_000_000_000) + i64::from(id);
                (rank, json!(rank))
            }
        };
        self.edits.push(FieldEdit::set(&field.name, value.clone()));
        self.acts.push(Act::Raise { field: field.name.to_string(), rank, value });
    }

    fn element(&mut self, dice: &mut Dice, id: IntentId, desk: &Desk<'_>, field: &Field, shown: &Json) {
        let (name, present) = (field.name.to_string(), shown.as_array().cloned().unwrap_or_default());
        if !present.is_empty() && dice.chance(35) {
            let element = dice.pick(&present).as_str().unwrap_or_default().to_owned();
            self.edits.push(FieldEdit::Remove { field: name.clone(), value: element.clone() });
            self.acts.push(Act::Remove { field: name, element });
            return;
        }
        let again = !present.is_empty() && dice.chance(20);
        let element = if again { dice.pick(&present).clone() } else { value(dice, id, field, desk) };
        let element = element.as_str().unwrap_or_default().to_owned();
        self.edits.push(FieldEdit::Add { field: name.clone(), value: element.clone() });
        self.acts.push(Act::Add { field: name, element });
    }

    fn row(&mut self, dice: &mut Dice, id: IntentId, desk: &Desk<'_>, field: &Field, shown: &Json) {
        let name = field.name.to_string();
        let present: Vec<String> = shown.as_array().into_iter().flatten().filter_map(|row| row["id"].as_str().map(str::to_owned)).collect();
        let choice = dice.below(100);
        if present.is_empty() || choice < 45 {
            return self.set_row(dice, id, desk, field, token(id), true);
        }
        let row = dice.pick(&present).clone();
        if choice < 70 {
            return self.set_row(dice, id, desk, field, row, false);
        }
        if field.merge == Merge::List && choice < 85 {
            let after = Some(dice.pick(&present).clone()).filter(|after| *after != row);
            self.edits.push(FieldEdit::MoveRow { field: name.clone(), row: row.clone(), after });
            self.acts.push(Act::Row { field: name, row, makes: false, parts: Vec::new() });
            return;
        }
        self.edits.push(FieldEdit::RemoveRow { field: name.clone(), row: row.clone() });
        self.acts.push(Act::DropRow { field: name, row });
    }

    fn set_row(&mut self, dice: &mut Dice, id: IntentId, desk: &Desk<'_>, field: &Field, row: String, makes: bool) {
        let mut parts = Vec::new();
        for item in &field.items {
            if (makes && item.required) || dice.chance(50) {
                let asked = is_discount(item) && !desk.asks_much;
                parts.push((item.name.to_string(), if asked { json!(f64::from(id % 100) / 10.0) } else { value(dice, id, item, desk) }));
            }
        }
        self.put_row(field, row, makes, parts);
    }

    fn put_row(&mut self, field: &Field, row: String, makes: bool, parts: Vec<(String, Json)>) {
        let (name, values) = (field.name.to_string(), parts.iter().cloned().collect());
        self.edits.push(FieldEdit::SetRow { field: name.clone(), row: row.clone(), values });
        self.acts.push(Act::Row { field: name, row, makes, parts });
    }

    /// A line with a discount that somebody has to approve, in kinds that have such.
    fn ask(&mut self, dice: &mut Dice, id: IntentId, desk: &Desk<'_>) {
        let Some(field) = desk.kind.fields.iter().find(|field| field.items.iter().any(is_discount)) else { return };
        let wanted: Vec<&Field> = field.items.iter().filter(|item| item.required || is_discount(item)).collect();
        let parts = wanted.into_iter().map(|item| (item.name.to_string(), value(dice, id, item, desk))).collect();
        self.put_row(field, token(id), true, parts);
    }

    fn text(&mut self, dice: &mut Dice, id: IntentId, name: &str, shown: &str) {
        let shown: Vec<char> = shown.chars().collect();
        let at = dice.below(shown.len() + 1);
        let delete = if dice.chance(40) { dice.below(4).min(shown.len() - at) } else { 0 };
        let first = FIRST_CHARACTER + id * CHARACTERS;
        let typed: String = (0..=dice.below(CHARACTERS as usize - 1) as u32).filter_map(|n| char::from_u32(first + n)).collect();
        let (removed, rest): (String, String) = (shown[at..at + delete].iter().collect(), shown[at + delete..].iter().collect());
        let after = format!("{}{typed}{rest}", shown[..at].iter().collect::<String>());
        self.edits.push(FieldEdit::Splice { field: name.to_owned(), at, delete, insert: typed.clone() });
        self.acts.push(Act::Type { field: name.to_owned(), typed, removed, after });
    }

    /// Marks the edit with its intent's name, unless something in it says it already.
    fn sign(&mut self, dice: &mut Dice, id: IntentId, desk: &Desk<'_>) {
        let says_it = self.acts.iter().any(|act| match act {
            Act::Write { value, .. } => *value == json!(token(id)) || value["amount"] == json!(id),
            Act::Add { element, .. } => *element == token(id),
            Act::Row { row, makes, .. } => *makes && *row == token(id),
            Act::Append { .. } | Act::Increment { .. } | Act::Type { .. } => true,
            Act::Raise { .. } | Act::Remove { .. } | Act::DropRow { .. } | Act::Archive => false,
        });
        if says_it && dice.chance(50) {
            return;
        }
        self.mark(id, desk);
    }

    fn mark(&mut self, id: IntentId, desk: &Desk<'_>) {
        match desk.facet {
            Facet::Main => {
                let Some(field) = marks(desk.kind) else { return };
                self.edits.push(FieldEdit::Add { field: field.name.to_string(), value: token(id) });
                self.acts.push(Act::Add { field: field.name.to_string(), element: token(id) });
            }
            Facet::Commercial | Facet::Private => {
                let signs = |field: &&Field| field.facet == desk.facet && matches!(field.value, ValueType::Money | ValueType::String);
                let Some(field) =
                    desk.kind.fields.iter().find(|field| signs(field) && matches!(field.merge, Merge::Register | Merge::Visible))
                else {
                    return;
                };
                self.edits.retain(|edit| edit.field() != &*field.name);
                self.acts.retain(|act| !is_about(act, &field.name));
                let value = if field.value == ValueType::Money { json!({"amount": id, "currency": "CNY"}) } else { json!(token(id)) };
                self.write(&field.name, value, field.merge == Merge::Visible);
            }
        }
    }
}

fn is_discount(item: &Field) -> bool {
    &*item.name == "discount_percent"
}

/// A value for a field; the intent's name is in it where the type leaves room.
fn value(dice: &mut Dice, id: IntentId, field: &Field, desk: &Desk<'_>) -> Json {
    match &field.value {
        ValueType::String if SHARED.contains(&&*field.name) => json!(dice.pick(&AREAS)),
        ValueType::String | ValueType::Paragraph => json!(token(id)),
        ValueType::Integer => json!(id),
        ValueType::Number => json!(f64::from(id) + 10.5),
        ValueType::Boolean => json!(dice.chance(50)),
        ValueType::Date => json!(format!("20{:02}-{:02}-{:02}", id / 336 % 100, id / 28 % 12 + 1, id % 28 + 1)),
        ValueType::Datetime => json!(1_600_000_000_000_i64 + i64::from(id)),
        ValueType::Choice => json!(dice.pick(&field.options).value),
        ValueType::Link => {
            let fits: Vec<RecordId> =
                desk.linkable.iter().filter(|(_, kind)| field.to.iter().any(|to| &**to == *kind)).map(|(record, _)| *record).collect();
            let somewhere = fits.is_empty() || dice.chance(20);
            json!(if somewhere { RecordId::of_cause(&format!("linked {id}")) } else { *dice.pick(&fits) })
        }
        ValueType::Phone => json!(format!("+86 10 {id:07}")),
        ValueType::Email => json!(format!("i{id}@example.com")),
        ValueType::Url => json!(format!("https://example.com/i{id}")),
        ValueType::Money => json!({"amount": id, "currency": "CNY"}),
        ValueType::Address => json!({"city": token(id)}),
        ValueType::Period => json!({"start": 1_600_000_000_000_i64 + i64::from(id)}),
        ValueType::Geo => json!({"lat": f64::from(id % 90), "lon": f64::from(id / 90)}),
        ValueType::Unknown(_) => Json::Null,
    }
}

/// The intent that a change carries: the newest name in it.
pub fn intent_of(change: &Change) -> Option<IntentId> {
    change.ops.iter().filter_map(intent_in).max()
}

fn intent_in(op: &Op) -> Option<IntentId> {
    match op {
        Op::Put { path, value, .. } => {
            let of_value = match value {
                Scalar::Counter(by) => of_increment(*by),
                Scalar::Text(text) => of_token(text).or_else(|| of_money(text)),
                Scalar::Null | Scalar::Bool(_) | Scalar::Int(_) | Scalar::Float(_) => None,
            };
            path.split('/').filter_map(of_token).max().max(of_value)
        }
        Op::Increment { by, .. } => of_increment(*by),
        Op::Insert { characters, .. } => characters.chars().filter_map(typed_by).max(),
        Op::Delete { .. } | Op::Remove { .. } | Op::MakeText { .. } => None,
    }
}

/// The intent that typed a character.
pub fn typed_by(character: char) -> Option<IntentId> {
    (character as u32).checked_sub(FIRST_CHARACTER).map(|offset| offset / CHARACTERS)
}

fn of_token(text: &str) -> Option<IntentId> {
    text.strip_prefix('i').filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

fn of_money(text: &str) -> Option<IntentId> {
    let amount: Json = serde_json::from_str(text).ok()?;
    amount["amount"].as_u64().and_then(|amount| IntentId::try_from(amount).ok())
}

fn of_increment(by: i64) -> Option<IntentId> {
    (by % INCREMENT_STEP == 7).then_some((by / INCREMENT_STEP) as IntentId)
}

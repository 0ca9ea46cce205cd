//! What strangers send in by a form: it becomes a record, or is added to the one that is there.
//!
//! Whoever knows a form's address may send; what they may reach is the form's alone: the fields that it shows, in the name of
//! whoever made it. Nothing is read out to them, not even whether somebody is known already.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};
use sync_core::access::Action;
use sync_core::actions::duplicates::country::Country;
use sync_core::actions::duplicates::normal;
use sync_core::actions::next::{ABOUT, ACTIVITY};
use sync_core::id::{Millis, RecordId, UserId, WorkspaceId};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Field, Kind, Label, Merge, ValueType};

use crate::app::App;
use crate::auth::Caller;
use crate::auth::secret::{Token, TokenKind};
use crate::error::{Error, Text};
use crate::jobs::cell;
use crate::jobs::import::{Draft, edits};
use crate::reading::{List, Reading, Row};
use crate::store::forms::{self, LeadForm};
use crate::store::{StoreError, people};
use crate::writing::{Writing, values_of};

/// Bytes that somebody may send: a long letter.
pub const SENT_MAX_BYTES: usize = 32 * 1024;
/// Values that somebody may send.
pub const VALUES_MAX: usize = 60;
/// A control that people do not see: what stands in it was written by a program.
pub const TRAP: &str = "_homepage";
/// The control that says when the page was made.
pub const MADE_AT: &str = "_at";
/// Nobody fills in a form faster.
const FASTEST_MS: Millis = 2_000;
/// What campaigns write behind an address.
pub const CAMPAIGN: [&str; 5] = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"];
/// Bytes of an e-mail address or a phone number by which somebody is looked for.
const ADDRESS_MAX_BYTES: usize = 320;
/// Digits by which two phone numbers are one, whatever stands before them.
const PHONE_DIGITS: usize = 8;

/// A form that is open, and who it writes for.
pub struct Open {
    /// The form.
    pub form: LeadForm,
    /// What becomes of it.
    pub kind: Arc<Kind>,
    workspace: WorkspaceId,
    maker: Caller,
    reading: Reading,
}

/// What was sent: the name of a control, and what stands in it.
pub type Sent = BTreeMap<String, String>;

/// What became of it. Whoever sent it is told the same of all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// A record was made.
    Made(RecordId),
    /// It was added to a record that was there.
    Added(RecordId),
    /// A program sent it: it was not kept.
    Dropped,
}

/// What is wrong with a value, at its field.
#[derive(Debug, Clone, PartialEq)]
pub struct Wrong {
    /// The field.
    pub field: String,
    /// What is wrong.
    pub why: Label,
}

/// The form behind an address.
///
/// # Errors
/// When there is none, it was taken back, or whoever made it is shut out or may not make such records any more.
pub async fn open(app: &App, key: &str) -> Result<Open, Error> {
    let token = Token::parse(TokenKind::Form, key).ok_or(Error::NotFound)?;
    let workspace = token.workspace();
    let found = forms::by_key(&mut app.store.reader().await?, workspace, key).await?;
    let (form, user) = found.filter(|(form, user)| form.revoked_at.is_none() && user.disabled_at.is_none()).ok_or(Error::NotFound)?;
    let maker = Caller::seeing(user);
    let reading = Reading::of(app, &maker);
    let kind = reading.kind(&form.kind).map_err(|_| Error::NotFound)?.clone();
    let may = reading.may_some(&kind, Action::Create);
    if may { Ok(Open { form, kind, workspace, maker, reading }) } else { Err(Error::NotFound) }
}

impl Open {
    /// What its maker may see.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// In whose name it writes.
    pub fn maker(&self) -> &Caller {
        &self.maker
    }

    /// The fields that it asks for, those that are still there.
    pub fn fields(&self) -> Vec<&Field> {
        fields_of(&self.kind, &self.form.fields)
    }

    /// What stands in the way of what was sent.
    pub fn mistakes(&self, sent: &Sent) -> Vec<Wrong> {
        let wrong = |field: &Field| {
            let text = sent.get(&*field.name).map_or("", |text| text.trim());
            let why = match text.is_empty() {
                true if field.required => Err(Label { en: "This is needed.".to_owned(), zh: "此项必填。".to_owned() }),
                true => Ok(()),
                false => checked(field, text).map(drop),
            };
            why.err().map(|why| Wrong { field: field.name.to_string(), why })
        };
        self.fields().into_iter().filter_map(wrong).collect()
    }

    /// What it makes of what was sent, by field.
    fn values(&self, sent: &Sent) -> Map<String, Json> {
        let mut values: Map<String, Json> = serde_json::from_str(&self.form.preset).unwrap_or_default();
        for name in CAMPAIGN {
            if let (Some(field), Some(text)) = (self.kind.field(name), said(sent, name)) {
                values.extend(checked(field, text).ok().map(|value| (name.to_owned(), value)));
            }
        }
        for field in self.fields() {
            if let Some(Ok(value)) = said(sent, &field.name).map(|text| checked(field, text)) {
                values.insert(field.name.to_string(), value);
            }
        }
        values
    }
}

fn said<'s>(sent: &'s Sent, name: &str) -> Option<&'s str> {
    sent.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// The fields of a kind that a form may ask for, of those that are named.
pub fn fields_of<'k>(kind: &'k Kind, names: &str) -> Vec<&'k Field> {
    let names = names.split([',', '，', '、']).map(str::trim).filter(|name| !name.is_empty());
    names.filter_map(|name| kind.field(name)).filter(|field| is_askable(field)).collect()
}

/// Whether a stranger can be asked for it: one value that needs no look at records.
pub fn is_askable(field: &Field) -> bool {
    let one = if field.items.is_empty() { Some(field) } else { field.item("value").filter(|_| field.merge == Merge::Set) };
    let is_plain = |field: &Field| match field.value {
        ValueType::String | ValueType::Paragraph | ValueType::Phone | ValueType::Email | ValueType::Url => true,
        ValueType::Date | ValueType::Choice | ValueType::Integer | ValueType::Number | ValueType::Boolean => true,
        ValueType::Datetime | ValueType::Link | ValueType::Money | ValueType::Address | ValueType::Period | ValueType::Geo => false,
        ValueType::Unknown(_) => false,
    };
    let is_one = field.items.is_empty() && matches!(field.merge, Merge::Register | Merge::Visible | Merge::Text | Merge::Monotone);
    !field.hidden && one.is_some_and(is_plain) && (is_one || !field.items.is_empty())
}

/// The field whose type says what is typed: a row's value, or the field's own.
pub fn typed_as(field: &Field) -> &Field {
    field.item("value").unwrap_or(field)
}

/// A text as the value of a field.
fn checked(field: &Field, text: &str) -> Result<Json, Label> {
    let typed = typed_as(field);
    let value = cell::value_of(typed, &[("", text)], &TimeZone::UTC)?;
    let said = |bad: sync_core::record::valid::BadValue| Label { en: bad.to_string(), zh: bad.message_zh() };
    sync_core::record::authored::check_value(typed, &value).map_err(said)?;
    sync_core::record::valid::json(typed, &value).map_err(said)?;
    Ok(if field.items.is_empty() { value } else { json!([{"value": value}]) })
}

/// What people must fill in of a kind, and neither a form asks for nor comes with it.
pub fn missing<'k>(kind: &'k Kind, fields: &[&str], preset: &str) -> Option<&'k Field> {
    let preset: Map<String, Json> = serde_json::from_str(preset).unwrap_or_default();
    let is_there = |field: &&Field| fields.contains(&&*field.name) || preset.contains_key(&*field.name) || field.usual().is_some();
    kind.fields.iter().filter(|field| field.required && !field.hidden).find(|field| !is_there(field))
}

/// Presets as an administrator types them: one `field = value` a line.
///
/// # Errors
/// What is wrong, for people.
pub fn presets(kind: &Kind, text: &str) -> Result<String, Label> {
    let mut values = Map::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let none = || Label {
            en: format!("`{line}` is no preset: write field = value"),
            zh: format!("“{line}”不是预设值：请写 字段 = 值"),
        };
        let (name, value) = line.split_once('=').ok_or_else(none)?;
        let field = kind.field(name.trim()).filter(|field| field.items.is_empty()).ok_or_else(none)?;
        values.insert(field.name.to_string(), cell::value_of(field, &[("", value.trim())], &TimeZone::UTC)?);
    }
    Ok(Json::Object(values).to_string())
}

/// Keeps what was sent by somebody at an address.
///
/// # Errors
/// When too much comes from there, or the record cannot be made.
pub async fn keep(app: &App, open: &Open, sent: &Sent, address: IpAddr) -> Result<Kept, Error> {
    count(app, open, address).await?;
    if is_by_a_program(sent, app.clock.now()) {
        return Ok(Kept::Dropped);
    }
    let (workspace, form, now) = (open.workspace, open.form.form, app.clock.now());
    let counting = app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { forms::count(tx, workspace, form, now).await }));
    let turn = counting.await?;
    let (reading, writing) = (&open.reading, Writing::of(app, &open.maker));
    let values = open.values(sent);
    if let Some(known) = known(reading, &open.kind, &values).await? {
        note(reading, &writing, open, sent, known.id).await?;
        return Ok(Kept::Added(known.id));
    }
    let record = writing.new_id();
    let mut all: Vec<FieldEdit> = edits(&open.kind, record, &Map::new(), &draft(&open.kind, values)).into_iter().flatten().collect();
    if let Some((field, owner)) = open.kind.owner.as_ref().zip(owner(app, open, turn).await?) {
        all.push(FieldEdit::set(field, owner.to_string()));
    }
    let made = writing.create(&open.kind.name, Some(record), all).await?;
    note(reading, &writing, open, sent, made).await?;
    Ok(Kept::Made(made))
}

/// Counts what comes from an address.
///
/// # Errors
/// When too much does.
pub async fn count(app: &App, open: &Open, address: IpAddr) -> Result<(), Error> {
    Ok(app.auth.count_sent(open.workspace, &open.form.key, address).await?)
}

/// Whether no human typed it: the control that nobody sees is filled in, or it came back at once. A page that stood open for
/// days is somebody's, too.
fn is_by_a_program(sent: &Sent, now: Millis) -> bool {
    let is_trapped = said(sent, TRAP).is_some();
    let is_at_once = |text: &str| text.parse::<Millis>().ok().is_none_or(|at| now.saturating_sub(at) < FASTEST_MS);
    is_trapped || said(sent, MADE_AT).is_some_and(is_at_once)
}

fn draft(kind: &Kind, values: Map<String, Json>) -> Draft {
    let index = |name: &str| kind.fields.iter().position(|field| &*field.name == name);
    Draft { values: values.into_iter().filter_map(|(name, value)| Some((index(&name)?, value))).collect(), ..Draft::default() }
}

/// Whose the next record is: they take turns, those who are still there.
async fn owner(app: &App, open: &Open, turn: u64) -> Result<Option<UserId>, Error> {
    let owners: Vec<UserId> = serde_json::from_str(&open.form.owners).unwrap_or_default();
    if owners.is_empty() {
        return Ok(None);
    }
    let users = people::users(&mut app.store.reader().await?, open.workspace).await?;
    let is_there = |owner: &UserId| users.iter().any(|user| user.user == *owner && user.disabled_at.is_none());
    let there: Vec<UserId> = owners.into_iter().filter(is_there).collect();
    let place = usize::try_from(turn).unwrap_or_default().checked_rem(there.len());
    Ok(place.and_then(|place| there.get(place).copied()))
}

/// The record that has one of the e-mail addresses or phone numbers already, the one that stands for it.
async fn known(reading: &Reading, kind: &Kind, values: &Map<String, Json>) -> Result<Option<Row>, Error> {
    let mut candidates: Vec<Row> = reading.likely(&kind.name, values, None).await?.into_iter().map(|likely| likely.row).collect();
    let conditions = conditions(kind, values);
    if !conditions.is_empty() {
        let filter = json!([{"type": "or", "value": conditions}]).to_string();
        let query = reading.query(&kind.name, [("where", &*filter), ("maxSize", "5")])?;
        candidates.extend(reading.list(&List::of(query)).await?.rows);
    }
    let Some(row) = candidates.into_iter().find(|row| is_same((kind, reading.country()), values, &row.fields)) else { return Ok(None) };
    let standing = reading.standing_for(&[row.id]).await?;
    Ok(Some(standing.get(&row.id).cloned().unwrap_or(row)))
}

/// The attributes by which somebody is known: e-mail addresses and phone numbers.
fn ways(kind: &Kind) -> impl Iterator<Item = (String, &ValueType)> {
    let way = |field: &Field| if field.items.is_empty() { field.name.to_string() } else { format!("{}.value", field.name) };
    let fields = kind.fields.iter().filter(|field| !field.hidden);
    fields.map(move |field| (way(field), &typed_as(field).value)).filter(|(_, value)| matches!(value, ValueType::Email | ValueType::Phone))
}

fn conditions(kind: &Kind, values: &Map<String, Json>) -> Vec<Json> {
    let of = |(way, _): (String, &ValueType)| {
        let texts = values_of(values, &way);
        // No address is longer, and no question takes more.
        let short = texts.into_iter().filter(|text| text.len() <= ADDRESS_MAX_BYTES);
        short.map(|text| json!({"type": "equals", "attribute": way, "value": text})).collect::<Vec<_>>()
    };
    ways(kind).flat_map(of).collect()
}

fn is_same((kind, home): (&Kind, Country), one: &Map<String, Json>, other: &Map<String, Json>) -> bool {
    ways(kind).any(|(way, value)| {
        let told = |fields| values_of(fields, &way).into_iter().filter_map(|text| told_apart(value, &text, home)).collect::<Vec<String>>();
        let others = told(other);
        told(one).iter().any(|text| others.contains(text))
    })
}

/// What tells two addresses or numbers apart.
fn told_apart(value: &ValueType, text: &str, home: Country) -> Option<String> {
    match value {
        ValueType::Email => normal::email(text),
        _ => {
            let digits = normal::phone(text, home)?;
            let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
            Some(digits.chars().skip(digits.len().saturating_sub(PHONE_DIGITS)).collect())
        }
    }
}

/// What was sent, word for word, as an event of the record.
async fn note(reading: &Reading, writing: &Writing, open: &Open, sent: &Sent, about: RecordId) -> Result<(), Error> {
    if !reading.has_next_steps(&open.kind.name) {
        return Ok(());
    }
    let shown: Vec<String> = open
        .fields()
        .into_iter()
        .map(|field| (field.label.zh.as_str(), field.label.en.as_str(), &*field.name))
        .filter_map(|(zh, en, name)| Some(format!("{zh} / {en}: {}", said(sent, name)?)))
        .chain(CAMPAIGN.iter().chain(&["page"]).filter_map(|name| Some(format!("{name}: {}", said(sent, name)?))))
        .collect();
    let edits = vec![
        FieldEdit::set("subject", open.form.name.as_str()),
        FieldEdit::set("type", "note"),
        FieldEdit::set("status", "done"),
        FieldEdit::set("body", shown.join("\n")),
        FieldEdit::Add { field: ABOUT.to_owned(), value: about.to_string() },
    ];
    writing.create(ACTIVITY, None, edits).await?;
    Ok(())
}

/// That more was sent than a form takes.
pub fn too_much() -> Error {
    let en = format!("A form takes at most {VALUES_MAX} values and {} KB.", SENT_MAX_BYTES / 1024);
    Error::Invalid { field: None, message: Text::new(en, format!("表单最多 {VALUES_MAX} 项，共 {} KB。", SENT_MAX_BYTES / 1024)) }
}

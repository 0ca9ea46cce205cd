//! How likely two records are one customer, and why: weighed evidence, the same on phone and server.
//!
//! After Fellegi and Sunter, "A Theory for Record Linkage" (Journal of the American Statistical
//! Association 64, 1969): what two records agree on weighs log2(m / u), what they differ in
//! log2((1 - m) / (1 - u)), where m is how often records of one customer agree and u how often records
//! of two do. The sum, with the odds before anything is known, says how likely they are one. The m and u
//! here are set by hand for companies and people of one sales territory, on the side of not asking in vain.
//! Names that are near are told by Winkler's measure (1990).

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::country::Country;
use super::{APART, FIELD, normal};
use crate::id::{Facet, RecordId};
use crate::projection::texts_in;
use crate::record::fields::FieldEdit;
use crate::schema::{Field, Kind, Label, ValueType};
use crate::search::spelled;

/// The field of a kind that holds the tax number, if it has one.
pub const TAX_ID: &str = "tax_id";
/// The field of a kind that tells companies from people, if it has one.
const TYPE: &str = "type";

/// What is known for or against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// One tax number.
    TaxId,
    /// One e-mail address.
    Email,
    /// One phone number.
    Phone,
    /// One name, apart from legal form and place.
    Name,
    /// Names that sound the same.
    Pinyin,
    /// Names that are nearly the same, or one within the other.
    NearName,
    /// Mail or web addresses of one company.
    Domain,
    /// They belong to one record: cases of one customer.
    Belongs,
    /// Two tax numbers.
    OtherTaxId,
    /// Names that have nothing in common.
    OtherName,
    /// A company and a person.
    OtherType,
    /// They belong to two records.
    BelongsElsewhere,
}

/// Weights in tenths of a bit, so that every build adds up the same.
impl Evidence {
    /// What it weighs; names of two or three characters are borne by many.
    pub fn weight(self, short: bool) -> i32 {
        match self {
            Evidence::TaxId => 199,            // m 0.95, u 0.000001
            Evidence::Email => 130,            // m 0.80, u 0.0001: some share an address
            Evidence::Phone => 115,            // m 0.85, u 0.0003: enough by itself, under whatever name
            Evidence::Name if short => 61,     // m 0.70, u 0.01
            Evidence::Name => 105,             // m 0.70, u 0.0005
            Evidence::Pinyin if short => 53,   // m 0.80, u 0.02
            Evidence::Pinyin => 96,            // m 0.80, u 0.001
            Evidence::NearName => 64,          // m 0.85, u 0.01
            Evidence::Domain => 69,            // m 0.60, u 0.005: a group of companies, colleagues
            Evidence::Belongs => 109,          // m 0.95, u 0.0005: one customer in two thousand
            Evidence::OtherTaxId => -43,       // m 0.95: mistyped
            Evidence::OtherName => -27,        // m 0.85, u 0.01
            Evidence::OtherType => -46,        // m 0.98, u 0.5
            Evidence::BelongsElsewhere => -43, // m 0.95: two people of one house write
        }
    }
}

/// Of pairs that share anything at all, one in 360 is one customer: what evidence must outweigh.
const PRIOR: i32 = -85;

/// One thing that two records have in common, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What sort of thing.
    pub evidence: Evidence,
    /// What it is: the number, the address, the name.
    pub value: String,
}

impl Reason {
    /// In words.
    pub fn words(&self) -> Label {
        let (en, zh) = match self.evidence {
            Evidence::TaxId => ("same tax id", "税号相同"),
            Evidence::Email => ("same e-mail address", "邮箱相同"),
            Evidence::Phone => ("same phone number", "电话相同"),
            Evidence::Name => ("same name", "名称相同"),
            Evidence::Pinyin => ("name sounds the same", "名称同音"),
            Evidence::NearName => ("similar name", "名称相近"),
            Evidence::Domain => ("same company address on the net", "企业域名相同"),
            Evidence::Belongs => ("belongs to the same", "归属相同"),
            Evidence::OtherTaxId => ("different tax ids", "税号不同"),
            Evidence::OtherName => ("different names", "名称不同"),
            Evidence::OtherType => ("one is a company, one a person", "一为公司，一为个人"),
            Evidence::BelongsElsewhere => ("belong to different ones", "归属不同"),
        };
        match self.value.as_str() {
            "" => Label { en: en.to_owned(), zh: zh.to_owned() },
            value => Label { en: format!("{en}: {value}"), zh: format!("{zh}：{value}") },
        }
    }
}

/// How alike two records are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Likeness {
    /// All evidence together, in tenths of a bit: 0 is as likely as not.
    pub weight: i32,
    /// What speaks for it and against it, the heaviest first.
    pub reasons: Vec<Reason>,
}

impl Likeness {
    /// Whether people should be asked.
    pub fn is_likely(&self) -> bool {
        self.weight >= 0
    }

    /// How likely they are one, in percent; never 100, nobody is that sure.
    pub fn percent(&self) -> u8 {
        let odds = (f64::from(self.weight) / 10.0).exp2();
        (odds / (1.0 + odds) * 100.0).floor().clamp(0.0, 99.0) as u8
    }
}

/// A name, or a record that they belong to, that more records share tells nothing apart.
pub const SHARED_BY_MAX: u32 = 50;
/// A number or address that alone is enough to ask people: where more records share it, such as a switchboard's, each
/// of them would be asked about with each other.
const ALONE_SHARED_BY_MAX: u32 = 5;

/// By how many records a key may be shared and still tell them apart.
pub fn shared_by_max(key: &str) -> u32 {
    let is_alone_enough = ["t:", "e:", "p:"].iter().any(|sort| key.starts_with(sort));
    if is_alone_enough { ALONE_SHARED_BY_MAX } else { SHARED_BY_MAX }
}

/// Longer values are told apart no further: a key in an index.
const KEY_CHARS: usize = 64;
/// Names that begin with so many of the same letters are compared.
const START_LETTERS: usize = 8;

/// What is compared of a record: each value written one way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    tax_ids: BTreeSet<String>,
    emails: BTreeSet<String>,
    phones: BTreeSet<String>,
    domains: BTreeSet<String>,
    name: String,
    /// The name in Latin letters, without gaps.
    sound: String,
    kind_of_thing: Option<String>,
    belongs: Option<RecordId>,
    apart: BTreeSet<RecordId>,
    same: BTreeSet<RecordId>,
}

impl Profile {
    /// Of what a record's main facet shows; what few may read is no evidence, the answer would tell it.
    pub fn of(kind: &Kind, fields: &Map<String, Json>, home: Country) -> Self {
        let mut profile = Self::default();
        for field in kind.fields.iter().filter(|field| field.facet == Facet::Main) {
            if let Some(value) = fields.get(&*field.name) {
                profile.take(field, value, home);
            }
        }
        if let Some(title) = fields.get(&*kind.title).and_then(Json::as_str) {
            profile.name = normal::name(title);
            profile.sound = spelled(&profile.name);
        }
        let belongs = kind.sharing.follows.as_ref().and_then(|field| fields.get(&**field));
        profile.belongs = belongs.and_then(|value| value.as_str()?.parse().ok());
        match is_closed(kind, fields) {
            true => Self { apart: profile.apart, same: profile.same, ..Self::default() },
            false => profile,
        }
    }

    fn take(&mut self, field: &Field, value: &Json, home: Country) {
        let parts = field.items.iter().map(|item| (item.value.clone(), Some(&*item.name)));
        for (value_type, item) in std::iter::once((field.value.clone(), None)).chain(parts) {
            let texts = texts_of(value, item);
            match value_type {
                ValueType::Phone => self.phones.extend(texts.iter().filter_map(|text| normal::phone(text, home))),
                ValueType::Email => {
                    self.emails.extend(texts.iter().filter_map(|text| normal::email(text)));
                    self.domains.extend(texts.iter().filter_map(|text| normal::domain(text)));
                }
                ValueType::Url => self.domains.extend(texts.iter().filter_map(|text| normal::domain(text))),
                ValueType::String if &*field.name == TAX_ID => self.tax_ids.extend(texts.iter().filter_map(|text| normal::tax_id(text))),
                ValueType::Choice if &*field.name == TYPE => self.kind_of_thing = texts.into_iter().next(),
                ValueType::Link if &*field.name == APART => {
                    self.apart.extend(texts.iter().filter_map(|text| text.parse::<RecordId>().ok()))
                }
                ValueType::Link if &*field.name == FIELD => self.same.extend(texts.iter().filter_map(|text| text.parse::<RecordId>().ok())),
                ValueType::String
                | ValueType::Paragraph
                | ValueType::Integer
                | ValueType::Number
                | ValueType::Boolean
                | ValueType::Date
                | ValueType::Datetime
                | ValueType::Choice
                | ValueType::Link
                | ValueType::Money
                | ValueType::Address
                | ValueType::Period
                | ValueType::Geo
                | ValueType::Unknown(_) => {}
            }
        }
    }

    /// The record that it belongs to, as a case to its customer.
    pub fn belongs(&self) -> Option<RecordId> {
        self.belongs
    }

    /// Whether there is nothing to compare.
    pub fn is_empty(&self) -> bool {
        self.keys().is_empty()
    }

    /// What records must share at least one of to be compared at all: keys of an index, so that a record
    /// meets a handful of others and never all of them.
    pub fn keys(&self) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        keys.extend(self.belongs.map(|belongs| key('b', &belongs.to_string())));
        let sorts = [('t', &self.tax_ids), ('e', &self.emails), ('p', &self.phones), ('d', &self.domains)];
        for (sort, values) in sorts {
            keys.extend(values.iter().map(|value| key(sort, value)));
        }
        if !self.name.is_empty() {
            keys.insert(key('n', &self.name));
        }
        if self.sound.len() >= START_LETTERS {
            keys.insert(key('s', &self.sound[..start(&self.sound)]));
        }
        if !self.sound.is_empty() {
            keys.insert(key('y', &self.sound));
        }
        keys
    }

    /// What to look up in a full-text index that has no such keys, on a phone: each finds some that may be the same.
    pub fn searches(&self) -> Vec<String> {
        const LAST_DIGITS: usize = 8;
        let phones = self.phones.iter().map(|phone| phone[phone.len().saturating_sub(LAST_DIGITS)..].to_owned());
        let mut searches: Vec<String> = phones.chain(self.emails.iter().cloned()).chain(self.tax_ids.iter().cloned()).collect();
        if !self.name.is_empty() {
            searches.push(self.name.clone());
            searches.push(self.sound.clone());
            searches.push(match self.name.split_once(' ') {
                Some((first, _)) => first.to_owned(),
                None => self.name.chars().take(2).collect(),
            });
        }
        searches
    }

    /// Whether people have said what these two are: the same, or not.
    pub fn is_decided(&self, id: RecordId, other: &Profile, other_id: RecordId) -> bool {
        let said = |profile: &Profile, of: RecordId| profile.apart.contains(&of) || profile.same.contains(&of);
        said(self, other_id) || said(other, id)
    }

    /// How alike this record and another one are.
    pub fn compare(&self, other: &Profile) -> Likeness {
        let mut reasons = Vec::new();
        let mut agree = |evidence, mine: &BTreeSet<String>, theirs: &BTreeSet<String>| {
            let value = mine.intersection(theirs).next();
            reasons.extend(value.map(|value| Reason { evidence, value: value.clone() }));
            value.is_some()
        };
        let one_tax_id = agree(Evidence::TaxId, &self.tax_ids, &other.tax_ids);
        let one_email = agree(Evidence::Email, &self.emails, &other.emails);
        agree(Evidence::Phone, &self.phones, &other.phones);
        // An address says its domain already.
        if !one_email {
            agree(Evidence::Domain, &self.domains, &other.domains);
        }
        let bare = |evidence| Reason { evidence, value: String::new() };
        if !one_tax_id && is_known(&self.tax_ids) && is_known(&other.tax_ids) {
            reasons.push(bare(Evidence::OtherTaxId));
        }
        if matches!((&self.kind_of_thing, &other.kind_of_thing), (Some(mine), Some(theirs)) if mine != theirs) {
            reasons.push(bare(Evidence::OtherType));
        }
        if let Some((mine, theirs)) = self.belongs.zip(other.belongs) {
            reasons.push(bare(if mine == theirs { Evidence::Belongs } else { Evidence::BelongsElsewhere }));
        }
        reasons.extend(self.names(other));
        let short = self.is_short() || other.is_short();
        reasons.sort_by_key(|reason| -reason.evidence.weight(short));
        Likeness { weight: PRIOR + reasons.iter().map(|reason| reason.evidence.weight(short)).sum::<i32>(), reasons }
    }

    /// The one thing that two names say.
    fn names(&self, other: &Profile) -> Option<Reason> {
        if self.name.is_empty() || other.name.is_empty() {
            return None;
        }
        if self.name == other.name {
            return Some(Reason { evidence: Evidence::Name, value: self.name.clone() });
        }
        if self.sound == other.sound {
            return Some(Reason { evidence: Evidence::Pinyin, value: self.sound.clone() });
        }
        let (shorter, longer) = if self.name.len() < other.name.len() { (self, other) } else { (other, self) };
        match longer.name.contains(&shorter.name) {
            // A short name within a longer one is an abbreviation, or chance: it speaks neither way.
            true if shorter.is_short() => None,
            true => Some(Reason { evidence: Evidence::NearName, value: shorter.name.clone() }),
            false if nearness(&self.sound, &other.sound) >= NEAR => Some(Reason { evidence: Evidence::NearName, value: String::new() }),
            false => Some(Reason { evidence: Evidence::OtherName, value: String::new() }),
        }
    }

    /// Whether the name is one that many bear: two or three characters, or one short word.
    fn is_short(&self) -> bool {
        let characters = self.name.chars().count();
        if self.name.is_ascii() { characters < START_LETTERS } else { characters < 4 }
    }
}

/// Whether nothing is left to do about a record: what is solved is nobody's duplicate any more.
fn is_closed(kind: &Kind, fields: &Map<String, Json>) -> bool {
    kind.board.as_ref().is_some_and(|board| board.is_closed(fields))
}

/// Shows in a row what an edit of a record will write: what is typed is compared before it is saved.
pub fn typed(fields: &mut Map<String, Json>, edit: &FieldEdit) {
    let name = edit.field().to_owned();
    match edit {
        FieldEdit::Set { value, .. } => {
            fields.insert(name, value.clone());
        }
        FieldEdit::Splice { insert, .. } => {
            fields.insert(name, Json::from(insert.as_str()));
        }
        FieldEdit::Add { value, .. } => elements(fields, name).push(Json::from(value.as_str())),
        FieldEdit::Append { values, .. } => elements(fields, name).push(Json::Object(values.clone())),
        FieldEdit::SetRow { row, values, .. } => {
            let rows = elements(fields, name);
            match rows.iter_mut().find(|known| known["id"] == **row) {
                Some(Json::Object(known)) => known.extend(values.clone()),
                _ => rows.push(Json::Object(values.clone().into_iter().chain([("id".to_owned(), Json::from(row.as_str()))]).collect())),
            }
        }
        FieldEdit::Remove { value, .. } => elements(fields, name).retain(|element| *element != **value),
        FieldEdit::RemoveRow { row, .. } => elements(fields, name).retain(|known| known["id"] != **row),
        FieldEdit::MoveRow { .. } | FieldEdit::Increment { .. } => {}
    }
}

/// What a set, a list or a log holds; what is none becomes one.
fn elements(fields: &mut Map<String, Json>, name: String) -> &mut Vec<Json> {
    let value = fields.entry(name).or_insert(Json::Null);
    if !value.is_array() {
        *value = Json::Array(Vec::new());
    }
    match value {
        Json::Array(elements) => elements,
        _ => unreachable!("it was made one just now"),
    }
}

fn texts_of(value: &Json, item: Option<&str>) -> Vec<String> {
    let mut texts = Vec::new();
    match (value, item) {
        (Json::Array(rows), Some(item)) => rows.iter().filter_map(|row| row.get(item)).for_each(|value| texts_in(value, &mut texts)),
        (Json::Array(elements), None) => {
            elements.iter().filter(|element| element.is_string()).for_each(|value| texts_in(value, &mut texts))
        }
        (_, Some(_)) => {}
        (value, None) => texts_in(value, &mut texts),
    }
    texts
}

/// Whether there is a tax number, and none whose check character says that it was mistyped.
fn is_known(tax_ids: &BTreeSet<String>) -> bool {
    const CREDIT_CODE_LEN: usize = 18;
    !tax_ids.is_empty() && tax_ids.iter().all(|id| id.len() != CREDIT_CODE_LEN || normal::is_credit_code(id))
}

fn key(sort: char, value: &str) -> String {
    let value: String = value.chars().take(KEY_CHARS).collect();
    format!("{sort}:{value}")
}

fn start(text: &str) -> usize {
    text.char_indices().nth(START_LETTERS).map_or(text.len(), |(end, _)| end)
}

/// Names nearer than this are taken for one mistyped.
const NEAR: f64 = 0.93;

/// Jaro's measure with Winkler's bonus for a common beginning: 1 for equal texts, 0 for nothing in common.
fn nearness(left: &str, right: &str) -> f64 {
    const PREFIX_MAX: usize = 4;
    const PREFIX_BONUS: f64 = 0.1;
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().take(KEY_CHARS).collect(), right.chars().take(KEY_CHARS).collect());
    if left.is_empty() || right.is_empty() {
        return 0.0;
    }
    let window = (left.len().max(right.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; right.len()];
    let mut matched = Vec::new();
    for (index, letter) in left.iter().enumerate() {
        let from = index.saturating_sub(window);
        let found = (from..right.len().min(index + window + 1)).find(|place| !taken[*place] && right[*place] == *letter);
        if let Some(place) = found {
            taken[place] = true;
            matched.push(*letter);
        }
    }
    if matched.is_empty() {
        return 0.0;
    }
    let there = right.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(letter, _)| letter);
    let swapped = matched.iter().zip(there).filter(|(mine, theirs)| mine != theirs).count() as f64 / 2.0;
    let count = matched.len() as f64;
    let jaro = (count / left.len() as f64 + count / right.len() as f64 + (count - swapped) / count) / 3.0;
    let prefix = left.iter().zip(&right).take(PREFIX_MAX).take_while(|(mine, theirs)| mine == theirs).count() as f64;
    jaro + prefix * PREFIX_BONUS * (1.0 - jaro)
}

#[cfg(test)]
mod tests;

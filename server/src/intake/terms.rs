//! Records that say how the workspace works: its settings, exchange rates, number sequences, and rules as far as they name
//! a kind. What nothing could follow is refused when it is written, whichever door it comes through.
//!
//! What is wrong already is no reason to refuse another edit of the same record.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};
use sync_core::actions::approvals::PURPOSE;
use sync_core::actions::currency::{RATE, SETTINGS, USUAL};
use sync_core::actions::duplicates::country::{COUNTRY, Country};
use sync_core::id::{RecordId, WorkspaceId};
use sync_core::record::currencies::is_currency;
use sync_core::schema::{Kind, Label, Schema};
use sync_core::spelling;

use super::decide::Refused;
use super::govern::{bad_value, text};
use crate::jobs::sequences::{DIGITS_MAX, SEQUENCE, is_numbered};
use crate::store::{self, Tx, sequences};

/// Whether records of a kind are looked at here.
pub(super) fn is_term(kind: &str) -> bool {
    [SETTINGS, RATE, SEQUENCE].contains(&kind)
}

/// What stands in these records within one unit of work, by kind: of those that it has to do with.
#[derive(Debug, Default)]
pub(super) struct Terms(BTreeMap<&'static str, BTreeMap<RecordId, Row>>);

type Row = Map<String, Json>;

/// What is wrong with a record, and in which field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wrong {
    field: &'static str,
    words: Label,
}

impl Wrong {
    pub fn new(field: &'static str, en: String, zh: String) -> Self {
        Self { field, words: Label { en, zh } }
    }
}

impl Terms {
    /// Reads what an edit of a kind is compared with, if that was not read yet.
    pub async fn need(&mut self, tx: &mut Tx, workspace: WorkspaceId, kind: &str) -> store::Result<()> {
        let needed: &[&'static str] = match kind {
            SETTINGS => &[SETTINGS],
            RATE => &[SETTINGS, RATE],
            SEQUENCE => &[SEQUENCE],
            _ => &[],
        };
        for kind in needed {
            if !self.0.contains_key(kind) {
                let found = sequences::all_of_kind(tx, workspace, kind).await?;
                let read = |row: sequences::FewRow| Some((row.record, serde_json::from_str(&row.main).ok()?));
                self.0.insert(kind, found.into_iter().filter_map(read).collect());
            }
        }
        Ok(())
    }

    /// Takes over what was accepted; none when it is archived.
    pub fn take(&mut self, kind: &str, record: RecordId, row: Option<Row>) {
        if let Some(all) = self.0.get_mut(kind) {
            all.remove(&record);
            all.extend(row.map(|row| (record, row)));
        }
    }

    fn others<'t>(&'t self, kind: &str, record: RecordId) -> impl Iterator<Item = &'t Row> + use<'t> {
        self.0.get(kind).into_iter().flatten().filter(move |(other, _)| **other != record).map(|(_, row)| row)
    }

    /// Why a record may not say this, if it did not say so before; `was_in_use`: it was there, and not archived.
    pub fn check(&self, schema: &Schema, kind: &str, record: RecordId, before: (&Row, bool), after: &Row) -> Result<(), Refused> {
        let wrong = |row: &Row| match kind {
            SETTINGS => settings(row),
            RATE => rate(row),
            _ => sequence(row, schema),
        };
        let ((before, was_in_use), mut found) = (before, wrong(after));
        found.extend(self.taken(kind, record, after));
        let mut known = wrong(before);
        known.extend(self.taken(kind, record, before).filter(|_| was_in_use));
        refuse(found, &known)
    }

    /// What another record says already.
    fn taken(&self, kind: &str, record: RecordId, row: &Row) -> Option<Wrong> {
        // Codes of currencies are read whatever their case.
        let same = |other: &Row, fields: [&str; 2]| {
            fields.iter().all(|field| text(row, field).trim().eq_ignore_ascii_case(text(other, field).trim()))
        };
        match kind {
            RATE => {
                let currency = word(row, "currency").filter(|currency| *currency == self.home());
                let own = |home: &str| {
                    let en = format!("totals are in {home} already: rates say what other currencies are worth in it");
                    Wrong::new("currency", en, format!("汇总货币就是 {home}，汇率只用于其他货币"))
                };
                let twice = || {
                    let (currency, from) = (word(row, "currency")?, word(row, "from")?);
                    self.others(RATE, record).find(|other| same(other, ["currency", "from"]))?;
                    let en = format!("there is a rate of {currency} from {from} already: change that one");
                    Some(Wrong::new("from", en, format!("{currency} 自 {from} 起的汇率已存在，请修改该条记录")))
                };
                currency.map(own).or_else(twice)
            }
            SEQUENCE => {
                let (about, field) = (word(row, "about")?, word(row, "field")?);
                let other = text(self.others(SEQUENCE, record).find(|other| same(other, ["about", "field"]))?, "name");
                let en =
                    format!("the rule `{other}` numbers `{field}` of `{about}` already, and holds: change that one, or archive it first");
                let zh = format!("规则“{other}”已为“{about}”的“{field}”编号并继续有效：请修改该规则，或先将其归档");
                Some(Wrong::new("field", en, zh))
            }
            _ => None,
        }
    }

    /// The currency of totals.
    fn home(&self) -> &str {
        self.0.get(SETTINGS).into_iter().flat_map(BTreeMap::values).find_map(|row| word(row, "currency")).unwrap_or(USUAL)
    }
}

/// What a rule says of kinds and conditions that nothing could follow.
pub(super) fn rule(schema: &Schema, before: &Row, after: &Row) -> Result<(), Refused> {
    let wrong = |row: &Row| -> Vec<Wrong> {
        let kind = word(row, "about").and_then(|about| kind_of(schema, about).err());
        let is_approval = text(row, "purpose") == PURPOSE && row.get("enabled").and_then(Json::as_bool).unwrap_or_default();
        let condition = Some(text(row, "condition").trim()).filter(|text| is_approval && !["", "[]"].contains(text));
        kind.into_iter().chain(condition.map(|_| conditional())).collect()
    };
    refuse(wrong(after), &wrong(before))
}

/// Nobody evaluates it: what was meant would not be followed.
fn conditional() -> Wrong {
    let en = "an approval takes no condition: its steps hold for every edit of its kind that waits. Leave it empty, \
              and say in the roles' limits which edits wait"
        .to_owned();
    let zh = "审批规则不支持条件：其步骤适用于该类型所有待审批的修改。请留空，并在角色的限制中设定哪些修改需要审批".to_owned();
    Wrong::new("condition", en, zh)
}

fn settings(row: &Row) -> Vec<Wrong> {
    let currency = word(row, "currency").and_then(code);
    let zone = word(row, "time_zone").filter(|name| TimeZone::get(name).is_err()).map(|name| {
        let en = format!("there is no time zone `{name}`: write it as `Asia/Shanghai`");
        Wrong::new("time_zone", en, format!("没有名为“{name}”的时区，请写作 Asia/Shanghai"))
    });
    let rows = row.get("working_hours").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_object);
    let country = word(row, COUNTRY).filter(|name| Country::named(name).is_none()).map(|name| {
        let en = format!("there is no country `{name}` whose numbers are known: write two letters, such as CN, DE or US");
        Wrong::new(COUNTRY, en, format!("未知国家“{name}”：请填写两位字母代码，例如 CN、DE、US"))
    });
    currency.into_iter().chain(zone).chain(country).chain(rows.filter_map(hours)).collect()
}

/// What is wrong with the working hours of a day.
fn hours(row: &Row) -> Option<Wrong> {
    let (from, to) = (text(row, "from").trim(), text(row, "to").trim());
    let is_in_order = minutes(from).zip(minutes(to)).is_some_and(|(from, to)| from < to);
    let en = || format!("working hours from `{from}` to `{to}`: write them as 09:00 and 18:00, the earlier one first");
    let zh = || format!("工作时间“{from}”至“{to}”有误：请写作 09:00 和 18:00，且开始早于结束");
    (!is_in_order).then(|| Wrong::new("working_hours", en(), zh()))
}

/// The minutes since midnight of a time such as `09:00`; the day ends at `24:00`.
fn minutes(time: &str) -> Option<u32> {
    let (hour, minute) = time.split_once(':')?;
    let digits = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hour) || minute.len() != 2 || !digits(minute) {
        return None;
    }
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && (hour < 24 || (hour, minute) == (24, 0))).then_some(hour * 60 + minute)
}

fn rate(row: &Row) -> Vec<Wrong> {
    let currency = word(row, "currency").and_then(code);
    let worth = row.get("rate").and_then(Json::as_f64).filter(|rate| !(rate.is_finite() && *rate > 0.0)).map(|rate| {
        let en = format!("a rate is a number above 0, not {rate}");
        Wrong::new("rate", en, format!("汇率须大于 0，不能为 {rate}"))
    });
    currency.into_iter().chain(worth).collect()
}

fn sequence(row: &Row, schema: &Schema) -> Vec<Wrong> {
    let mut found = Vec::new();
    match word(row, "about").map(|about| kind_of(schema, about)) {
        Some(Ok(kind)) => found.extend(word(row, "field").and_then(|field| numbered(kind, field))),
        Some(Err(wrong)) => found.push(wrong),
        None => {}
    }
    let number = |field: &str| row.get(field).and_then(Json::as_i64);
    let is_width = |digits: i64| usize::try_from(digits).is_ok_and(|digits| (1..=DIGITS_MAX).contains(&digits));
    if let Some(digits) = number("digits").filter(|digits| !is_width(*digits)) {
        let en = format!("digits are a whole number from 1 to {DIGITS_MAX}, not {digits}");
        found.push(Wrong::new("digits", en, format!("位数须为 1 至 {DIGITS_MAX} 的整数，不能为 {digits}")));
    }
    if let Some(first) = number("first").filter(|first| *first < 1) {
        let en = format!("the first number is at least 1, not {first}");
        found.push(Wrong::new("first", en, format!("起始编号至少为 1，不能为 {first}")));
    }
    found
}

/// What is wrong with a field as one that the server numbers.
fn numbered(kind: &Kind, field: &str) -> Option<Wrong> {
    let known: Vec<&str> = kind.fields.iter().filter(|field| is_numbered(field)).map(|field| &*field.name).collect();
    if known.contains(&field) {
        return None;
    }
    let (en, zh) = match known.is_empty() {
        true => ("it has no field that the server numbers".to_owned(), "该对象没有由服务器编号的字段".to_owned()),
        false => (format!("one of: {}", known.join(", ")), format!("可用：{}", known.join("、"))),
    };
    let name = &kind.name;
    Some(Wrong::new("field", format!("`{field}` of `{name}` cannot be numbered: {en}"), format!("“{name}”的“{field}”不能编号：{zh}")))
}

/// What is wrong with the code of a currency.
fn code(currency: &str) -> Option<Wrong> {
    let en = || format!("`{currency}` is no currency: write its three letters, as CNY or EUR (ISO 4217)");
    let zh = || format!("“{currency}”不是货币代码：请写三个大写字母，例如 CNY 或 EUR（ISO 4217）");
    (!is_currency(currency)).then(|| Wrong::new("currency", en(), zh()))
}

/// The kind that a record is about; or the words that would do.
pub(super) fn kind_of<'s>(schema: &'s Schema, about: &str) -> Result<&'s Kind, Wrong> {
    if let Some(kind) = schema.kind(about) {
        return Ok(kind);
    }
    let lower = about.to_lowercase();
    let labels = |kind: &Kind| [&kind.label, &kind.plural].map(|label| [label.en.to_lowercase(), label.zh.to_lowercase()]).concat();
    let names = || schema.kinds().map(|kind| &*kind.name);
    let labelled = schema.kinds().find(|kind| labels(kind).contains(&lower)).map(|kind| &*kind.name);
    let (en, zh) = match labelled.or_else(|| spelling::meant(about, names())) {
        Some(name) => (format!("write `{name}`"), format!("请写“{name}”")),
        None => (format!("one of {}", names().collect::<Vec<_>>().join(", ")), format!("可用：{}", names().collect::<Vec<_>>().join("、"))),
    };
    Err(Wrong::new("about", format!("there is no kind `{about}`: {en}"), format!("没有名为“{about}”的对象：{zh}")))
}

/// The first thing that is wrong now and was not before.
pub(super) fn refuse(found: Vec<Wrong>, known: &[Wrong]) -> Result<(), Refused> {
    match found.into_iter().find(|wrong| !known.contains(wrong)) {
        Some(Wrong { field, words }) => Err(bad_value(field, &words.en, &words.zh)),
        None => Ok(()),
    }
}

/// A text without the space around it; none when it is empty.
pub(super) fn word<'r>(row: &'r Row, field: &str) -> Option<&'r str> {
    Some(text(row, field).trim()).filter(|text| !text.is_empty())
}

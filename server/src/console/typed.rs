//! What somebody typed into a form, turned into field edits.
//!
//! Pure: the same names that `inputs` gives to controls are read here. Only differences are written: a
//! field that was not touched makes no edit, an element that somebody else added meanwhile stays.

use serde_json::{Map, Value as Json, json};
use sync_core::actions::currency::USUAL;
use sync_core::id::Millis;
use sync_core::record::authored::{is_email, web_address};
use sync_core::record::currencies::is_currency;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Field, Merge, ValueType};

use super::format::decimals;
use crate::jobs::cell::ungrouped;

/// The row of a form that makes a new one.
pub const NEW_ROW: &str = "new";

/// The name of a field's control.
pub fn name_of(field: &Field) -> String {
    format!("f.{}", field.name)
}

/// Names and values of a form, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Typed(Vec<(String, String)>);

/// Why a value cannot be taken: a message, and what goes into it.
#[derive(Debug, Clone, PartialEq)]
pub struct Wrong {
    /// The message.
    pub key: &'static str,
    /// What goes into it.
    pub part: String,
}

/// What edits need besides the form.
pub struct Maker<'a> {
    /// The time now.
    pub now: Millis,
    /// Who edits.
    pub user: String,
    /// Makes ids of rows and items; they sort by time.
    pub new_id: &'a dyn Fn() -> String,
}

impl Typed {
    /// From what a browser sent. Nobody types a zero character, and many databases cannot hold it: it is left out.
    pub fn new(mut pairs: Vec<(String, String)>) -> Self {
        pairs.iter_mut().for_each(|(_, value)| value.retain(|letter| letter != '\0'));
        Self(pairs)
    }

    /// The last value of a name, without the space around it; empty when there is none.
    pub fn one(&self, name: &str) -> &str {
        self.0.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// As [`Typed::one`], with the space around it: texts keep theirs.
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Whether a control of this name was sent.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Whether the form came to its end, where a hidden control stands. A page that was still loading sends
    /// what it has: of a form that replaces all there is, what is missing would be taken away.
    pub fn is_whole(&self) -> bool {
        self.has("whole")
    }

    /// All values of a name that say something.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty()).collect()
    }

    /// Adds all that another form says.
    pub fn extend(&mut self, other: Typed) {
        self.0.extend(other.0);
    }

    /// Adds a value.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Replaces the values of a name.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.retain(|(known, _)| known != name);
        self.add(name, value);
    }

    /// The names, each as often as it was sent.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// All values of a name and of the names below it.
    pub fn below<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is_below = move |known: &str| known.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.0.iter().filter(move |(known, _)| is_below(known)).map(|(_, value)| value.trim())
    }

    /// The values of the names below a name, which is left out of them.
    #[must_use]
    pub fn under(&self, name: &str) -> Self {
        let rest = |known: &str| known.strip_prefix(name)?.strip_prefix('.').map(str::to_owned);
        Self(self.0.iter().filter_map(|(known, value)| Some((rest(known)?, value.clone()))).collect())
    }

    /// The values of one name alone.
    #[must_use]
    pub fn only(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|(known, _)| known == name).cloned().collect())
    }

    /// The values of the names whose last part this is, however deep.
    pub fn ending_in<'a>(&'a self, part: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known.rsplit('.').next() == Some(part)).map(|(_, value)| value.trim())
    }

    /// The names that end in a suffix, without it.
    pub fn names_with(&self, suffix: &str) -> Vec<String> {
        self.0.iter().filter_map(|(name, _)| name.strip_suffix(suffix)).map(str::to_owned).collect()
    }
}

fn wrong(key: &'static str, part: impl Into<String>) -> Wrong {
    Wrong { key, part: part.into() }
}

/// The edits that make `present` what was typed.
///
/// # Errors
/// [`Wrong`] when a value cannot be read as the field's type.
pub fn edits(field: &Field, typed: &Typed, present: Option<&Json>, maker: &Maker<'_>) -> Result<Vec<FieldEdit>, Wrong> {
    let name = name_of(field);
    match &field.merge {
        Merge::Register | Merge::Visible | Merge::Monotone | Merge::Unknown(_) => {
            let value = scalar_beside(field, typed, &name, present)?;
            let same = value == *present.unwrap_or(&Json::Null);
            Ok(if same { Vec::new() } else { vec![FieldEdit::set(&field.name, value)] })
        }
        Merge::Text => {
            let text = lines(typed.raw(&name));
            let same = text == present.and_then(Json::as_str).unwrap_or_default();
            Ok(if same { Vec::new() } else { vec![FieldEdit::set(&field.name, text)] })
        }
        Merge::Counter => match whole(typed.one(&name))? {
            None | Some(0) => Ok(Vec::new()),
            Some(by) => Ok(vec![FieldEdit::Increment { field: field.name.to_string(), by }]),
        },
        Merge::Set if field.items.is_empty() => Ok(elements(field, typed, &name)),
        Merge::Set | Merge::List => rows(field, typed, &name, present, maker),
        Merge::Log => item(field, typed, &name, maker),
        Merge::Assigned | Merge::Derived => Ok(Vec::new()),
    }
}

/// The elements that were ticked or typed, against those that the form was made with.
fn elements(field: &Field, typed: &Typed, name: &str) -> Vec<FieldEdit> {
    let was = typed.all(&format!("{name}.was"));
    let sent = typed.all(name);
    let words: Vec<&str> = match field.value {
        ValueType::Choice | ValueType::Link => sent,
        _ => sent.into_iter().flat_map(|text| text.split([',', '，', '、', ';', '；', '\n'])).map(str::trim).collect(),
    };
    let field = || field.name.to_string();
    let new = words.iter().filter(|word| !word.is_empty() && !was.contains(word));
    let gone = was.iter().filter(|word| !words.contains(word));
    let added = new.map(|word| FieldEdit::Add { field: field(), value: (*word).to_owned() });
    added.chain(gone.map(|word| FieldEdit::Remove { field: field(), value: (*word).to_owned() })).collect()
}

fn rows(field: &Field, typed: &Typed, name: &str, present: Option<&Json>, maker: &Maker<'_>) -> Result<Vec<FieldEdit>, Wrong> {
    let none = Vec::new();
    let present = present.and_then(Json::as_array).unwrap_or(&none);
    let mut edits = Vec::new();
    for row in typed.all(&format!("{name}.rows")) {
        let known = present.iter().find(|known| known.get("id").and_then(Json::as_str) == Some(row));
        if row != NEW_ROW && known.is_none() {
            continue;
        }
        if typed.has(&format!("{name}.{row}.remove")) {
            edits.push(FieldEdit::RemoveRow { field: field.name.to_string(), row: row.to_owned() });
            continue;
        }
        let values = parts(field, typed, &format!("{name}.{row}"), known)?;
        if !values.is_empty() {
            let row = if row == NEW_ROW { (maker.new_id)() } else { row.to_owned() };
            edits.push(FieldEdit::SetRow { field: field.name.to_string(), row, values });
        }
    }
    if field.merge == Merge::List {
        edits.extend(moves(field, typed, name, present));
    }
    Ok(edits)
}

/// The parts of a row that differ from what is known of it.
fn parts(field: &Field, typed: &Typed, row: &str, known: Option<&Json>) -> Result<Map<String, Json>, Wrong> {
    let (mut values, mut says_something) = (Map::new(), false);
    for item in &field.items {
        let before = known.and_then(|known| known.get(&*item.name));
        let value = scalar_beside(item, typed, &format!("{row}.{}", item.name), before)?;
        says_something |= !value.is_null();
        if value != *before.unwrap_or(&Json::Null) {
            values.insert(item.name.to_string(), value);
        }
    }
    let missing = field.items.iter().find(|item| item.required && typed_nothing(item, typed, &format!("{row}.{}", item.name)));
    match missing {
        Some(item) if says_something => Err(wrong("bad.part_missing", item.label.en.clone())),
        Some(_) if known.is_none() => Ok(Map::new()),
        _ => Ok(values),
    }
}

fn typed_nothing(item: &Field, typed: &Typed, name: &str) -> bool {
    scalar(item, typed, name).is_ok_and(|value| value.is_null())
}

/// Moves from the first row on that is not where the numbers say.
fn moves(field: &Field, typed: &Typed, name: &str, present: &[Json]) -> Vec<FieldEdit> {
    let ids: Vec<&str> = present.iter().filter_map(|row| row.get("id").and_then(Json::as_str)).collect();
    let place = |(index, id): &(usize, &str)| {
        let typed = typed.one(&format!("{name}.{id}.place"));
        typed.parse::<f64>().unwrap_or(*index as f64 + 1.0)
    };
    let mut wanted: Vec<(usize, &str)> = ids.iter().copied().enumerate().collect();
    wanted.sort_by(|a, b| place(a).total_cmp(&place(b)));
    let first = wanted.iter().zip(&ids).position(|((_, wanted), id)| wanted != id).unwrap_or(ids.len());
    let behind = |index: usize| index.checked_sub(1).map(|before| wanted[before].1.to_owned());
    let moved = wanted.iter().enumerate().skip(first);
    moved
        .map(|(index, (_, row))| FieldEdit::MoveRow { field: field.name.to_string(), row: (*row).to_owned(), after: behind(index) })
        .collect()
}

fn item(field: &Field, typed: &Typed, name: &str, maker: &Maker<'_>) -> Result<Vec<FieldEdit>, Wrong> {
    let mut values = parts(field, typed, &format!("{name}.{NEW_ROW}"), None)?;
    if values.is_empty() {
        return Ok(Vec::new());
    }
    // When and by whom is known; asking would only invite mistakes.
    for item in field.items.iter().filter(|item| !values.contains_key(&*item.name)).collect::<Vec<_>>() {
        match (&*item.name, &item.value) {
            ("at", ValueType::Datetime) => values.insert("at".to_owned(), json!(maker.now)),
            ("by", ValueType::Link) => values.insert("by".to_owned(), json!(maker.user)),
            _ => None,
        };
    }
    Ok(vec![FieldEdit::Append { field: field.name.to_string(), item: (maker.new_id)(), values }])
}

/// As [`scalar`]; what stands there stays, though it would not be taken today.
fn scalar_beside(field: &Field, typed: &Typed, name: &str, present: Option<&Json>) -> Result<Json, Wrong> {
    match present.filter(|present| present.as_str().is_some_and(|text| [typed.one(name), typed.raw(name)].contains(&text))) {
        Some(present) => Ok(present.clone()),
        None => scalar(field, typed, name),
    }
}

/// One value of a field's type; null when nothing was typed.
///
/// # Errors
/// [`Wrong`] when it cannot be read.
pub fn scalar(field: &Field, typed: &Typed, name: &str) -> Result<Json, Wrong> {
    let text = typed.one(name);
    let some = |value: Option<Json>| value.unwrap_or(Json::Null);
    match &field.value {
        ValueType::String | ValueType::Phone | ValueType::Choice | ValueType::Link | ValueType::Unknown(_) => Ok(some(said(text))),
        ValueType::Paragraph => Ok(some(said(&lines(typed.raw(name))))),
        ValueType::Email if !text.is_empty() && !is_email(text) => Err(wrong("bad.email", text)),
        ValueType::Url if !text.is_empty() && web_address(text).is_none() => Err(wrong("bad.url", text)),
        ValueType::Email | ValueType::Url => Ok(some(said(text))),
        ValueType::Integer => Ok(some(whole(text)?.map(Json::from))),
        ValueType::Number => Ok(some(number(text)?)),
        ValueType::Boolean => Ok(match text {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            _ => Json::Null,
        }),
        ValueType::Date => Ok(some(date(text)?.map(Json::from))),
        ValueType::Datetime => Ok(some(moment(text)?.map(Json::from))),
        ValueType::Money => money(typed, name),
        ValueType::Address => Ok(group(typed, name, &["country", "region", "city", "postal_code", "street"])),
        ValueType::Period => period(typed, name),
        ValueType::Geo => place(typed, name),
    }
}

fn said(text: &str) -> Option<Json> {
    (!text.is_empty()).then(|| Json::from(text))
}

/// Browsers send line ends as Windows has them.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Digits as people type them, with a Chinese keyboard, too.
fn plain(text: &str) -> String {
    let plain = |c: char| match c {
        '０'..='９' => char::from_u32(c as u32 - '０' as u32 + '0' as u32).unwrap_or(c),
        '．' | '。' => '.',
        '－' | '−' => '-',
        '，' => ',',
        other => other,
    };
    text.chars().map(plain).collect()
}

/// A number without what stands between its thousands: commas or spaces. None where they stand elsewhere: `12,50` is
/// twelve and a half to some, and no thousand to anybody.
fn digits(text: &str) -> Option<String> {
    let text = plain(text);
    let text = text.trim().replace(char::is_whitespace, ",");
    let (whole, fraction) = text.split_once('.').map_or((&*text, None), |(whole, fraction)| (whole, Some(fraction)));
    let whole = ungrouped(whole)?;
    match fraction {
        Some(fraction) if fraction.contains(',') => None,
        Some(fraction) => Some(format!("{whole}.{fraction}")),
        None => Some(whole),
    }
}

fn whole(text: &str) -> Result<Option<i64>, Wrong> {
    let bad = || wrong("bad.integer", text);
    let digits = digits(text).ok_or_else(bad)?;
    if digits.is_empty() { Ok(None) } else { digits.parse().map(Some).map_err(|_| bad()) }
}

fn number(text: &str) -> Result<Option<Json>, Wrong> {
    let bad = || wrong("bad.number", text);
    let digits = digits(text).ok_or_else(bad)?;
    if digits.is_empty() {
        return Ok(None);
    }
    // A whole number stays one: 3 is not 3.0 to whoever compares.
    if let Ok(whole) = digits.parse::<i64>() {
        return Ok(Some(json!(whole)));
    }
    let number: Option<f64> = digits.parse().ok().filter(|number: &f64| number.is_finite());
    number.map(|number| Some(json!(number))).ok_or_else(bad)
}

/// `2026-05-03`, `2026/5/3` and `2026年5月3日` are the same day.
fn date(text: &str) -> Result<Option<String>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    let text: String = plain(text).split_whitespace().collect();
    let parts: Vec<&str> = text.split(['-', '/', '.', '年', '月', '日']).filter(|part| !part.is_empty()).collect();
    let bad = || wrong("bad.date", text.clone());
    let [year, month, day] = parts[..] else { return Err(bad()) };
    let date = jiff::civil::Date::new(year.parse().map_err(|_| bad())?, month.parse().map_err(|_| bad())?, day.parse().map_err(|_| bad())?);
    date.map(|date| Some(date.to_string())).map_err(|_| bad())
}

/// In UTC: the script shows moments where the reader is, and turns them back before they are sent.
fn moment(text: &str) -> Result<Option<Millis>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    let local: jiff::civil::DateTime = text.replace(' ', "T").parse().map_err(|_| wrong("bad.moment", text))?;
    let utc = local.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong("bad.moment", text))?;
    Ok(Some(utc.timestamp().as_millisecond()))
}

fn money(typed: &Typed, name: &str) -> Result<Json, Wrong> {
    let text = typed.one(&format!("{name}.amount"));
    let currency = typed.one(&format!("{name}.currency")).to_ascii_uppercase();
    let currency = if currency.is_empty() { USUAL.to_owned() } else { currency };
    let decimals = decimals(&currency);
    let amount = digits(text).ok_or_else(|| wrong(not_an_amount(decimals), text))?;
    if amount.is_empty() {
        return Ok(Json::Null);
    }
    if !is_currency(&currency) {
        return Err(wrong("bad.currency", currency));
    }
    let minor = minor_units(&amount, decimals).map_err(|key| wrong(key, text))?;
    Ok(json!({"amount": minor, "currency": currency}))
}

/// The message that says how many decimals an amount may have.
fn not_an_amount(decimals: usize) -> &'static str {
    match decimals {
        0 => "bad.money_whole",
        3 => "bad.money_three",
        _ => "bad.money",
    }
}

/// The amount in the smallest unit of its currency, or the key of what is wrong with it.
fn minor_units(amount: &str, decimals: usize) -> Result<i64, &'static str> {
    let (sign, amount) = amount.strip_prefix('-').map_or((1, amount), |rest| (-1, rest));
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    let clean = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if fraction.len() > decimals || !clean(whole) || !clean(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(not_an_amount(decimals));
    }
    format!("{whole}{fraction:0<decimals$}").parse::<i64>().map(|minor| sign * minor).map_err(|_| "bad.money_large")
}

fn group(typed: &Typed, name: &str, parts: &[&str]) -> Json {
    let part = |part: &&str| said(typed.one(&format!("{name}.{part}"))).map(|value| ((*part).to_owned(), value));
    let parts: Map<String, Json> = parts.iter().filter_map(part).collect();
    if parts.is_empty() { Json::Null } else { Json::Object(parts) }
}

/// A day or a moment at either end, whichever control the form had.
fn period(typed: &Typed, name: &str) -> Result<Json, Wrong> {
    let mut parts = Map::new();
    for side in ["start", "end"] {
        let text = typed.one(&format!("{name}.{side}"));
        let value = if text.contains(['T', ':']) { moment(text)?.map(Json::from) } else { date(text)?.map(Json::from) };
        parts.extend(value.map(|value| (side.to_owned(), value)));
    }
    Ok(if parts.is_empty() { Json::Null } else { Json::Object(parts) })
}

fn place(typed: &Typed, name: &str) -> Result<Json, Wrong> {
    let degrees = |part, limit: f64| {
        let text = typed.one(&format!("{name}.{part}"));
        let value = number(text)?.and_then(|value| value.as_f64());
        if value.is_some_and(|value| value.abs() > limit) { Err(wrong("bad.place", text)) } else { Ok(value) }
    };
    match (degrees("lat", 90.0)?, degrees("lon", 180.0)?) {
        (None, None) => Ok(Json::Null),
        (Some(lat), Some(lon)) => Ok(json!({"lat": lat, "lon": lon})),
        _ => Err(wrong("bad.place", "")),
    }
}

#[cfg(test)]
mod tests {
    use sync_core::schema::Schema;

    use super::*;

    fn typed(pairs: &[(&str, &str)]) -> Typed {
        Typed::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn edits_of(kind: &str, field: &str, pairs: &[(&str, &str)], present: Option<Json>) -> Result<Vec<FieldEdit>, &'static str> {
        let field = Schema::builtin().kind(kind).unwrap().field(field).unwrap().clone();
        let maker = Maker { now: 1, user: "u".to_owned(), new_id: &|| "r1".to_owned() };
        edits(&field, &typed(pairs), present.as_ref(), &maker).map_err(|wrong| wrong.key)
    }

    fn set(kind: &str, field: &str, pairs: &[(&str, &str)]) -> Result<Json, &'static str> {
        edits_of(kind, field, pairs, Some(json!("before"))).map(|edits| match &edits[..] {
            [FieldEdit::Set { value, .. }] => value.clone(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn an_address_that_would_not_be_taken_today_does_not_stand_in_the_way_of_other_edits() {
        let old = json!("a@x.cn; b@x.cn");
        assert_eq!(edits_of("party", "website", &[("f.website", "n/a")], Some(json!("n/a"))), Ok(Vec::new()));
        assert_eq!(edits_of("party", "website", &[("f.website", "n/b")], Some(json!("n/a"))), Err("bad.url"));
        let row = json!([{"id": "e1", "value": old, "label": "work"}]);
        let typed = |value| [("f.emails.rows", "e1"), ("f.emails.e1.value", value), ("f.emails.e1.label", "home")];
        let edits = edits_of("party", "emails", &typed("a@x.cn; b@x.cn"), Some(row.clone())).unwrap();
        assert!(matches!(&edits[..], [FieldEdit::SetRow { values, .. }] if !values.contains_key("value")), "{edits:?}");
        assert_eq!(edits_of("party", "emails", &typed("a@x.cn; c@x.cn"), Some(row)), Err("bad.email"));
    }

    #[test]
    fn values_are_read_as_people_type_them() {
        let money = |amount, currency| set("offer", "amount", &[("f.amount.amount", amount), ("f.amount.currency", currency)]);
        assert_eq!(money("290,000.5", ""), Ok(json!({"amount": 29_000_050, "currency": "CNY"})));
        assert_eq!(money("１２３", "jpy"), Ok(json!({"amount": 123, "currency": "JPY"})));
        assert_eq!(money("-1.25", "USD"), Ok(json!({"amount": -125, "currency": "USD"})));
        assert_eq!(money("-1，290,000", ""), Ok(json!({"amount": -129_000_000, "currency": "CNY"})));
        assert_eq!(money("1.5", "JPY"), Err("bad.money_whole"));
        assert_eq!(money("1.2345", "KWD"), Err("bad.money_three"));
        for large in ["99999999999999999999", "-92233720368547758.08"] {
            assert_eq!(money(large, "CNY"), Err("bad.money_large"), "{large}");
        }
        for bad in ["1.234", "abc", ".", "1.2.3", "12,50", "12，50", "1,5", "1.234,50", "1,23,456", ",5", "12 50"] {
            assert_eq!(money(bad, "CNY"), Err("bad.money"), "{bad}");
        }
        assert_eq!(money("1", "RMB!"), Err("bad.currency"));
        for day in ["2026-05-03", "2026/5/3", "2026年5月3日", "2026.05.03"] {
            assert_eq!(set("offer", "date", &[("f.date", day)]), Ok(json!("2026-05-03")), "{day}");
        }
        assert_eq!(set("offer", "date", &[("f.date", "2026-02-30")]), Err("bad.date"));
        assert_eq!(set("party", "website", &[("f.website", "javascript:alert(1)")]), Err("bad.url"));
        assert_eq!(set("activity", "due", &[("f.due", "2027-01-15T08:00")]), Ok(json!(1_800_000_000_000_i64)));
        for bad in ["two", "1,2", "12,50"] {
            assert_eq!(set("offer", "version", &[("f.version", bad)]), Err("bad.integer"), "{bad}");
        }
        assert_eq!(set("offer", "version", &[("f.version", "1,234")]), Ok(json!(1234)));
    }

    #[test]
    fn what_was_not_touched_is_not_written() {
        let amount = json!({"amount": 100, "currency": "CNY"});
        assert_eq!(edits_of("offer", "amount", &[("f.amount.amount", "1.00"), ("f.amount.currency", "CNY")], Some(amount)), Ok(vec![]));
        assert_eq!(edits_of("party", "notes", &[("f.notes", "a\r\nb")], Some(json!("a\nb"))), Ok(vec![]));
        assert_eq!(edits_of("party", "industry", &[], None), Ok(vec![]));
    }

    #[test]
    fn only_own_changes_of_a_set_are_written() {
        let edits = edits_of("party", "tags", &[("f.tags", "vip，north"), ("f.tags.was", "vip"), ("f.tags.was", "old")], None).unwrap();
        let add = FieldEdit::Add { field: "tags".to_owned(), value: "north".to_owned() };
        let remove = FieldEdit::Remove { field: "tags".to_owned(), value: "old".to_owned() };
        assert_eq!(edits, [add, remove]);
    }

    #[test]
    fn rows_are_made_changed_moved_and_removed() {
        let lines = json!([{"id": "a", "product_name": "Chair"}, {"id": "b", "product_name": "Desk"}, {"id": "c"}]);
        let form = [
            ("f.lines.rows", "a"),
            ("f.lines.a.product_name", "Chair"),
            ("f.lines.a.quantity", "2"),
            ("f.lines.a.place", "3"),
            ("f.lines.rows", "b"),
            ("f.lines.b.remove", "on"),
            ("f.lines.rows", NEW_ROW),
            ("f.lines.new.product_name", "Lamp"),
        ];
        let edits = edits_of("offer", "lines", &form, Some(lines)).unwrap();
        let words = serde_json::to_string(&edits).unwrap();
        for part in [
            r#""row":"a","values":{"quantity":2}"#,
            r#""op":"remove_row","field":"lines","row":"b""#,
            r#""row":"r1","values":{"product_name":"Lamp"}"#,
        ] {
            assert!(words.contains(part), "{words} lacks {part}");
        }
        assert!(words.contains(r#""op":"move_row","field":"lines","row":"a""#), "{words}");
        let missing = [("f.phones.rows", NEW_ROW), ("f.phones.new.label", "office")];
        assert_eq!(edits_of("party", "phones", &missing, None), Err("bad.part_missing"));
    }

    #[test]
    fn a_log_knows_when_and_who() {
        let form = [("f.approvals.rows", NEW_ROW), ("f.approvals.new.decision", "approved")];
        let edits = edits_of("offer", "approvals", &form, None).unwrap();
        let FieldEdit::Append { values, .. } = &edits[0] else { panic!("{edits:?}") };
        assert_eq!(json!(values), json!({"decision": "approved", "by": "u", "at": 1}));
    }
}

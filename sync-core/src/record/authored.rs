//! What an author is held to beyond that is admitted: an e-mail address is one, a web address can be visited, a phone number
//! can be called, a year is one that somebody means, nothing ends before it begins, an amount is in a currency that there is,
//! a number is within the bounds of its field, a key account has somebody who answers for it, a record has what its state
//! needs, and no text has a zero character, which many databases cannot hold.
//!
//! Asked by everything that people and programs write through: phones, forms, the API, imports. Never asked about changes
//! of others: an older app did not know these rules, and what it wrote stays readable, can be taken back and be merged. So
//! may two people, one who moves the begin and one who moves the end, make an end before its begin: it stands, and whoever
//! writes one of the two next is held to it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Number, Value as Json};

use super::currencies::is_currency;
use super::fields::{BadEdit, FieldEdit};
use super::gates;
use super::valid::BadValue;
use crate::schema::{Field, Kind, ValueType};

/// Digits that a phone number has at least: 110, 120 and 911 are called, too.
pub const PHONE_DIGITS_MIN: usize = 3;
/// The first year that a day or a moment may be in: firms are older than people, and `0026` is a slip of the hand.
pub const FIRST_YEAR: i16 = 1600;
/// The last one: leases of 99 years end before it, and `2206` for 2026 does not pass.
pub const LAST_YEAR: i16 = 2200;
/// What many systems write for a day that never comes.
const NEVER: &str = "9999-12-31";

/// Whether edits of a kind may be written by an author. `before` is what the record has, as far as that is known; fields
/// that the kind has not are not looked at.
///
/// ```
/// use serde_json::Map;
/// use sync_core::record::{authored, fields::FieldEdit};
/// let schema = sync_core::schema::Schema::builtin();
/// let (party, before) = (schema.kind("party").unwrap(), Map::new());
/// assert!(authored::check(party, &before, &[FieldEdit::set("website", "https://jiamei.example")]).is_ok());
/// assert!(authored::check(party, &before, &[FieldEdit::set("website", "javascript:alert(1)")]).is_err());
/// ```
///
/// # Errors
/// [`BadEdit::BadValue`] for the first value that does not fit.
pub fn check(kind: &Kind, before: &Map<String, Json>, edits: &[FieldEdit]) -> Result<(), BadEdit> {
    mistakes(kind, before, edits).into_iter().next().map_or(Ok(()), Err)
}

/// All that stands against edits, as [`check`] finds it.
pub fn mistakes(kind: &Kind, before: &Map<String, Json>, edits: &[FieldEdit]) -> Vec<BadEdit> {
    let mut found = Vec::new();
    let mut note =
        |field: String, checked: Result<(), BadValue>| found.extend(checked.err().map(|problem| BadEdit::BadValue { field, problem }));
    for edit in edits {
        if let Some(field) = kind.field(edit.field()) {
            of_edit(field, edit, &mut note);
        }
    }
    ends(&kind.fields, before, &written(edits), "", &mut note);
    managed(kind, before, &written(edits), &mut note);
    for field in kind.fields.iter().filter(|field| field.items.iter().any(|item| item.after.is_some())) {
        for (row, values) in rows_written(field, edits) {
            ends(&field.items, &row_of(before, field, row), &values, &format!("{}.", field.name), &mut note);
        }
    }
    found.extend(gates::mistakes(kind, before, edits));
    found
}

/// The fields of a record that [`check`] asks `before` for: begins of the ends that edits write, ends of the begins, rows
/// with such parts, who answers for a key account, and what the states that edits choose need. Mostly none, so that nobody has to read a whole record.
pub fn beside<'k>(kind: &'k Kind, edits: &[FieldEdit]) -> Vec<&'k Field> {
    let is_written = |name: &str| edits.iter().any(|edit| edit.field() == name);
    let mut beside = Vec::new();
    for field in &kind.fields {
        let begin = field.after.as_deref().and_then(|begin| kind.field(begin));
        if let Some(begin) = begin.filter(|begin| is_written(&begin.name) || is_written(&field.name)) {
            beside.extend([field, begin]);
        }
        if field.items.iter().any(|item| item.after.is_some()) && is_written(&field.name) {
            beside.push(field);
        }
    }
    if let Some((key, manager)) = kind.sharing.key_account().filter(|(key, manager)| is_written(key) || is_written(manager)) {
        beside.extend([key, manager].into_iter().filter_map(|name| kind.field(name)));
    }
    beside.extend(gates::beside(kind, edits));
    beside
}

fn of_edit(field: &Field, edit: &FieldEdit, note: &mut impl FnMut(String, Result<(), BadValue>)) {
    match edit {
        FieldEdit::Set { value, .. } => note(field.name.to_string(), check_value(field, value)),
        FieldEdit::Add { value, .. } => note(field.name.to_string(), text(&field.value, value)),
        FieldEdit::Splice { insert, .. } => note(field.name.to_string(), text(&field.value, insert)),
        FieldEdit::SetRow { values, .. } | FieldEdit::Append { values, .. } => {
            for (name, value) in values {
                note(format!("{}.{name}", field.name), field.item(name).map_or(Ok(()), |item| check_value(item, value)));
            }
        }
        FieldEdit::Remove { .. } | FieldEdit::RemoveRow { .. } | FieldEdit::MoveRow { .. } | FieldEdit::Increment { .. } => {}
    }
}

/// The values that edits set, the last one of each field.
fn written(edits: &[FieldEdit]) -> BTreeMap<&str, &Json> {
    let mut written = BTreeMap::new();
    for edit in edits {
        if let FieldEdit::Set { field, value } = edit {
            written.insert(field.as_str(), value);
        }
    }
    written
}

/// The same of each row that edits write.
fn rows_written<'e>(field: &Field, edits: &'e [FieldEdit]) -> BTreeMap<&'e str, BTreeMap<&'e str, &'e Json>> {
    let mut rows: BTreeMap<&str, BTreeMap<&str, &Json>> = BTreeMap::new();
    for edit in edits.iter().filter(|edit| edit.field() == &*field.name) {
        if let FieldEdit::SetRow { row, values, .. } | FieldEdit::Append { item: row, values, .. } = edit {
            rows.entry(row).or_default().extend(values.iter().map(|(name, value)| (name.as_str(), value)));
        }
    }
    rows
}

/// A row as the record has it; empty where it has none.
pub(crate) fn row_of(before: &Map<String, Json>, field: &Field, row: &str) -> Map<String, Json> {
    let rows = before.get(&*field.name).and_then(Json::as_array);
    rows.into_iter().flatten().find(|known| known["id"] == row).and_then(Json::as_object).cloned().unwrap_or_default()
}

/// Looks at each end of which it, or its begin, is written, where both are known.
fn ends(
    fields: &[Field],
    before: &Map<String, Json>,
    written: &BTreeMap<&str, &Json>,
    prefix: &str,
    note: &mut impl FnMut(String, Result<(), BadValue>),
) {
    for field in fields {
        let Some(begin) = field.after.as_ref() else { continue };
        let touched = [&*field.name, &**begin].into_iter().find(|name| written.contains_key(*name));
        let value = |name: &str| written.get(name).copied().or_else(|| before.get(name));
        if let (Some(touched), Some(begin), Some(end)) = (touched, value(begin), value(&field.name)) {
            note(format!("{prefix}{touched}"), in_order(begin, end));
        }
    }
}

/// Whether a key account that is made one, or whose manager is written, has one after that.
fn managed(kind: &Kind, before: &Map<String, Json>, written: &BTreeMap<&str, &Json>, note: &mut impl FnMut(String, Result<(), BadValue>)) {
    let Some((key, manager)) = kind.sharing.key_account() else { return };
    let value = |name: &str| written.get(name).copied().or_else(|| before.get(name));
    let is_touched = [key, manager].into_iter().any(|name| written.contains_key(&**name));
    let is_key = value(key).and_then(Json::as_bool).unwrap_or_default();
    let has_manager = value(manager).and_then(Json::as_str).is_some_and(|id| !id.is_empty());
    if is_touched && is_key && !has_manager {
        note(manager.to_string(), Err(BadValue::NoManager));
    }
}

/// Whether a value of a field, or of a part of a row, may be written by an author.
///
/// # Errors
/// [`BadValue`] with what is wrong.
pub fn check_value(field: &Field, value: &Json) -> Result<(), BadValue> {
    match (&field.value, value) {
        (ValueType::Datetime, Json::Number(_)) => year(value),
        (ValueType::Period, Json::Object(parts)) => {
            parts.values().try_for_each(year)?;
            parts.get("start").zip(parts.get("end")).map_or(Ok(()), |(begin, end)| in_order(begin, end))
        }
        (ValueType::Money, Json::Object(parts)) => currency(parts),
        (ValueType::Integer | ValueType::Number, Json::Number(number)) => within(field, number),
        (ValueType::Choice, Json::String(word)) if field.option(word).is_some_and(|option| option.hidden) => {
            let options = field.offered().map(|option| option.value.clone()).collect();
            Err(BadValue::NoSuchOption { found: word.clone(), options })
        }
        (_, Json::String(word)) => text(&field.value, word),
        (_, Json::Array(elements)) => elements.iter().try_for_each(|element| check_value(field, element)),
        (_, Json::Object(parts)) => parts.values().try_for_each(|part| check_value(field, part)),
        (_, Json::Null | Json::Bool(_) | Json::Number(_)) => Ok(()),
    }
}

fn currency(parts: &Map<String, Json>) -> Result<(), BadValue> {
    match parts.get("currency").and_then(Json::as_str) {
        Some(code) if !is_currency(code) => Err(BadValue::NoCurrency { found: code.to_owned() }),
        _ => Ok(()),
    }
}

/// Whether a number is within the bounds of its field.
fn within(field: &Field, number: &Number) -> Result<(), BadValue> {
    let is_beyond = |bound: &i64, way| number.as_f64().is_some_and(|found| found.partial_cmp(&(*bound as f64)) == Some(way));
    let (below, above) =
        (field.min.filter(|min| is_beyond(min, Ordering::Less)), field.max.filter(|max| is_beyond(max, Ordering::Greater)));
    match (below, above) {
        (Some(min), _) => Err(BadValue::TooLow { found: number.to_string(), min }),
        (_, Some(max)) => Err(BadValue::TooHigh { found: number.to_string(), max }),
        (None, None) => Ok(()),
    }
}

fn text(value: &ValueType, text: &str) -> Result<(), BadValue> {
    if text.contains('\0') {
        return Err(BadValue::ZeroCharacter);
    }
    match value {
        ValueType::Email if !text.is_empty() && !is_email(text) => Err(BadValue::NoEmail { found: text.to_owned() }),
        ValueType::Url if !text.is_empty() && web_address(text).is_none() => Err(BadValue::NoWebAddress { found: text.to_owned() }),
        ValueType::Phone if !text.is_empty() && !is_phone(text) => Err(BadValue::NoPhone { found: text.to_owned() }),
        ValueType::Date => year(&Json::from(text)),
        _ => Ok(()),
    }
}

/// Whether a day, or a moment in milliseconds, is in a year that somebody means. What is neither is refused elsewhere.
fn year(value: &Json) -> Result<(), BadValue> {
    let of_day = |text: &str| text.parse::<jiff::civil::Date>().ok().filter(|_| text != NEVER).map(jiff::civil::Date::year);
    let year = match value {
        Json::String(text) => of_day(text),
        Json::Number(millis) => {
            let moment = millis.as_i64().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
            moment.map(|moment| moment.to_zoned(jiff::tz::TimeZone::UTC).year())
        }
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    };
    match year {
        Some(year) if !(FIRST_YEAR..=LAST_YEAR).contains(&year) => Err(BadValue::NoYear { year }),
        _ => Ok(()),
    }
}

/// Whether an end is not before its begin: two days, or two moments. A day and a moment are not compared: where the day
/// begins is known to nobody here.
fn in_order(begin: &Json, end: &Json) -> Result<(), BadValue> {
    let ends_before = match (begin, end) {
        (Json::String(begin), Json::String(end)) => end < begin,
        (Json::Number(begin), Json::Number(end)) => end.as_i64() < begin.as_i64(),
        _ => false,
    };
    if ends_before { Err(BadValue::EndsBefore { begin: said(begin), end: said(end) }) } else { Ok(()) }
}

/// A day as it stands, a moment as people can read it, in UTC.
fn said(value: &Json) -> String {
    let moment = value.as_i64().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    moment.map(|moment| moment.to_string()).or_else(|| value.as_str().map(str::to_owned)).unwrap_or_else(|| value.to_string())
}

/// Whether a text is a phone number: it has enough digits, whatever stands between and behind them, such as `ext. 12`.
///
/// ```
/// use sync_core::record::authored::is_phone;
/// for good in ["+86 138 0013 8000", "021-5888 8888 转 12", "(0571) 8888-0000 ext. 12", "95588", "12345", "１３８００１３８０００"] {
///     assert!(is_phone(good), "{good}");
/// }
/// assert!(!is_phone("abc") && !is_phone("n/a") && !is_phone("12"));
/// ```
pub fn is_phone(text: &str) -> bool {
    text.chars().filter(|letter| letter.is_ascii_digit() || ('０'..='９').contains(letter)).count() >= PHONE_DIGITS_MIN
}

/// Whether a text is an e-mail address: something on both sides of one `@`, and nothing that ends an address in a list.
pub fn is_email(text: &str) -> bool {
    let sides = text.trim().split_once('@').filter(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    sides.is_some() && !has_gap(text.trim()) && !text.contains([',', ';'])
}

/// Where a browser may be sent for a text: the address itself if it begins with `http://` or `https://`, and with
/// `https://` in front if it is a host, as people and other systems write it. `None` for anything else.
///
/// ```
/// use sync_core::record::authored::web_address;
/// assert_eq!(web_address("www.jiamei.example/a").as_deref(), Some("https://www.jiamei.example/a"));
/// assert_eq!(web_address("javascript:alert(1)"), None);
/// ```
pub fn web_address(text: &str) -> Option<String> {
    let text = text.trim();
    if has_gap(text) {
        return None;
    }
    let scheme =
        ["https://", "http://"].into_iter().find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    match scheme {
        Some(scheme) => (text.len() > scheme.len()).then(|| text.to_owned()),
        None => is_host(text.split(['/', '?', '#']).next().unwrap_or_default()).then(|| format!("https://{text}")),
    }
}

/// A name with a dot in it, and a port if need be: no scheme is mistaken for one.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "443"));
    let label = |label: &str| !label.is_empty() && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-');
    name.contains('.') && name.split('.').all(label) && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Characters that no address has, and with which one would get out of where it is shown.
fn has_gap(text: &str) -> bool {
    text.chars().any(|letter| letter.is_whitespace() || letter.is_control() || "\"<>\\".contains(letter))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Schema;

    fn refused(edit: FieldEdit) -> Option<String> {
        let schema = Schema::builtin();
        check(schema.kind("party").unwrap(), &Map::new(), &[edit]).err().map(|bad| bad.to_string())
    }

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for good in ["a@b.cn", "王@例.cn", "o'neil+x@mail.example.com", "root@localhost"] {
            assert!(is_email(good), "{good}");
        }
        for bad in ["a", "@b.cn", "a@", "a@b@c", "a b@c.cn", "a@b.cn, c@d.cn", "a@b.cn;c@d.cn", "<a@b.cn>"] {
            assert!(!is_email(bad), "{bad}");
        }
        for good in ["https://a.example/?q=1", "HTTP://a", "jiamei.example", "www.a.cn:8080/x?y#z", "例子.cn"] {
            assert!(web_address(good).is_some(), "{good}");
        }
        let bad =
            ["javascript:alert(1)", "JaVaScRiPt://x.y", "javascript:1.5", "data:text/html,x.y", "https://a b", "http://", "//evil.cn"];
        for bad in bad.into_iter().chain(["https://x\"onclick=1", "no address", "mailto:a@b.cn", "jiamei", ".cn", "a..b"]) {
            assert_eq!(web_address(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_beyond_their_bounds_and_amounts_in_no_currency_are_refused() {
        let schema = Schema::builtin();
        let line = |part: &str, value: Json| {
            let values = [(part.to_owned(), value)].into_iter().collect();
            let edit = FieldEdit::SetRow { field: "lines".to_owned(), row: "1".to_owned(), values };
            check(schema.kind("offer").unwrap(), &Map::new(), &[edit]).err().map(|bad| bad.to_string())
        };
        for (part, value) in [("quantity", json!(0)), ("quantity", json!(2.5)), ("discount_percent", json!(100)), ("tax_percent", json!(0))]
        {
            assert_eq!(line(part, value.clone()), None, "{part} {value}");
        }
        assert_eq!(line("quantity", json!(-1)).as_deref(), Some("field `lines.quantity`: at least 0, not -1"));
        assert_eq!(line("discount_percent", json!(100.5)).as_deref(), Some("field `lines.discount_percent`: at most 100, not 100.5"));
        assert!(line("tax_percent", json!(-0.1)).is_some());
        let amount = |code: &str| json!({"amount": -5, "currency": code});
        assert_eq!(line("price", amount("EUR")), None, "credit notes are negative");
        assert!(line("price", amount("XXQ")).is_some_and(|why| why.contains("`XXQ` is no currency")));
        assert!(refused(FieldEdit::set("credit_limit", amount("ABC"))).is_some_and(|why| why.contains("`ABC` is no currency")));
    }

    #[test]
    fn every_sort_of_edit_is_looked_into() {
        let row = |value: &str| FieldEdit::SetRow {
            field: "emails".to_owned(),
            row: "1".to_owned(),
            values: [("value".to_owned(), json!(value))].into_iter().collect(),
        };
        assert_eq!(refused(row("a@b.cn")), None);
        assert_eq!(refused(row("n/a")).as_deref(), Some("field `emails.value`: `n/a` is not an e-mail address"));
        let zero = [
            FieldEdit::set("name", "a\0b"),
            FieldEdit::set("notes", "a\0b"),
            FieldEdit::set("tags", json!(["a\0b"])),
            FieldEdit::Splice { field: "notes".to_owned(), at: 0, delete: 0, insert: "\0".to_owned() },
        ];
        for edit in zero {
            assert!(refused(edit.clone()).is_some_and(|why| why.contains("zero character")), "{edit:?}");
        }
        assert_eq!(refused(FieldEdit::set("website", json!(null))), None);
        assert_eq!(refused(FieldEdit::set("nothing", "\0")), None, "it is named as unknown elsewhere");
    }

    #[test]
    fn what_nobody_can_call_and_years_that_nobody_means_are_refused() {
        let phone = |value: &str| FieldEdit::SetRow {
            field: "phones".to_owned(),
            row: "1".to_owned(),
            values: [("value".to_owned(), json!(value))].into_iter().collect(),
        };
        assert_eq!(refused(phone("+86 138 0013 8000 转 12")), None);
        assert!(refused(phone("abc")).is_some_and(|why| why.contains("`abc` is not a phone number")));
        for (day, is_meant) in
            [("1987-05-03", true), ("1668-01-01", true), ("9999-12-31", true), ("0027-05-03", false), ("2927-05-03", false)]
        {
            let why = refused(FieldEdit::set("birthday", day));
            assert_eq!(why.is_none(), is_meant, "{day}: {why:?}");
            assert!(why.is_none_or(|why| why.contains("from 1600 to 2200")));
        }
        assert_eq!(refused(FieldEdit::set("birthday", json!(null))), None);
    }

    #[test]
    fn all_mistakes_of_an_edit_are_told_at_once() {
        let schema = Schema::builtin();
        let edits = [FieldEdit::set("website", "no address"), FieldEdit::set("birthday", "0027-05-03"), FieldEdit::set("name", "Ann")];
        let found = mistakes(schema.kind("party").unwrap(), &Map::new(), &edits);
        assert_eq!(found.iter().map(BadEdit::field).collect::<Vec<_>>(), ["website", "birthday"]);
    }

    #[test]
    fn nothing_ends_before_it_begins() {
        let schema = Schema::builtin();
        let (asset, activity) = (schema.kind("asset").unwrap(), schema.kind("activity").unwrap());
        let before = json!({"bought_on": "2026-05-03", "warranty_until": "2028-05-03"});
        let found = |before: &Json, edits: &[FieldEdit]| {
            check(asset, before.as_object().unwrap(), edits).err().map(|bad| (bad.field().to_owned(), bad.to_string()))
        };
        let (begin, end) = (|day: &str| FieldEdit::set("bought_on", day), |day: &str| FieldEdit::set("warranty_until", day));
        assert_eq!(found(&before, &[end("2026-05-03")]), None, "the same day will do");
        assert_eq!(found(&before, &[begin("2029-01-01"), end("2030-01-01")]), None, "they are looked at together");
        assert_eq!(found(&json!({}), &[end("2020-01-01")]), None, "what is not known is not compared");
        let (field, why) = found(&before, &[end("2026-05-02")]).unwrap();
        assert!(field == "warranty_until" && why.ends_with("it would end on 2026-05-02, before it begins on 2026-05-03"), "{why}");
        assert_eq!(found(&before, &[begin("2029-01-01")]).unwrap().0, "bought_on", "at what was written");
        let old = json!({"bought_on": "2026-05-03", "warranty_until": "2020-05-03"});
        assert_eq!(found(&old, &[FieldEdit::set("name", "Press")]), None, "what stands blocks no edit of something else");
        let when = |period: Json| check(activity, &Map::new(), &[FieldEdit::set("when", period)]);
        assert!(when(json!({"start": 1_777_797_000_000_i64, "end": 1_777_793_000_000_i64})).is_err());
        assert!(when(json!({"start": "2026-05-03", "end": "2026-05-02"})).is_err());
        assert!(when(json!({"end": "2026-05-02"})).is_ok() && when(json!({"start": "0027-05-02"})).is_err());
    }
}

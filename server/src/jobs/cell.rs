//! A field's value as the text of a CSV cell, both ways.
//!
//! What [`texts_of`] writes, [`value_of`] reads back as the same value. Amounts are whole minor units
//! and decimal text; no floating-point number is between them. Never knows a record.

use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};
use sync_core::schema::{Field, Label, Merge, ValueType};

/// Characters with which a spreadsheet begins a formula, and the apostrophe that guards against it.
const FORMULA_STARTS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// A message in both languages.
pub(crate) fn label(en: impl Into<String>, zh: impl Into<String>) -> Label {
    Label { en: en.into(), zh: zh.into() }
}

/// The text with an apostrophe in front where a spreadsheet would run it.
pub fn guarded(text: String) -> String {
    if text.starts_with(FORMULA_STARTS) { format!("'{text}") } else { text }
}

/// The text without the apostrophe that [`guarded`] puts in front.
pub fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA_STARTS)).unwrap_or(text)
}

/// A text with a line before it, unless it has that line already: what goes out and comes in again does not grow.
pub fn with_line(line: &str, text: &str) -> String {
    let is_there = format!("\n{}\n", text.replace("\r\n", "\n")).contains(&format!("\n{line}\n"));
    match text {
        "" => line.to_owned(),
        _ if is_there => text.to_owned(),
        _ => format!("{line}\n{text}"),
    }
}

/// The parts of a compound value, in the order of their columns; none for others.
pub fn parts_of(value: &ValueType) -> &'static [&'static str] {
    match value {
        ValueType::Money => &["amount", "currency"],
        ValueType::Address => &["country", "region", "city", "postal_code", "street"],
        ValueType::Period => &["start", "end"],
        ValueType::Geo => &["lat", "lon"],
        ValueType::String | ValueType::Paragraph | ValueType::Integer | ValueType::Number | ValueType::Boolean => &[],
        ValueType::Date | ValueType::Datetime | ValueType::Choice | ValueType::Link => &[],
        ValueType::Phone | ValueType::Email | ValueType::Url | ValueType::Unknown(_) => &[],
    }
}

/// Whether the value of a field is a list of elements: one cell holds them all.
pub fn is_elements(field: &Field) -> bool {
    field.merge == Merge::Set && field.items.is_empty()
}

/// The cells of a field: one, or one for each part of a compound value. `None` is an empty row.
pub fn texts_of(field: &Field, value: Option<&Json>) -> Vec<String> {
    let parts = parts_of(&field.value);
    if parts.is_empty() || !field.items.is_empty() {
        return vec![value.map_or_else(String::new, |value| text_of(field, value))];
    }
    let part = |name: &&str| match (value.and_then(|value| value.get(*name)), &field.value) {
        (None, _) => String::new(),
        (Some(amount), ValueType::Money) if *name == "amount" => {
            let currency = value.and_then(|value| value["currency"].as_str()).unwrap_or_default();
            amount.as_i64().map_or_else(|| amount.to_string(), |minor| decimal(minor, currency))
        }
        (Some(Json::Number(millis)), ValueType::Period) => millis.as_i64().map_or_else(|| millis.to_string(), moment),
        (Some(Json::String(text)), _) => text.clone(),
        (Some(other), _) => other.to_string(),
    };
    parts.iter().map(part).collect()
}

fn text_of(field: &Field, value: &Json) -> String {
    match (value, &field.value) {
        (Json::Array(elements), _) if is_elements(field) => elements_text(elements),
        (Json::Number(millis), ValueType::Datetime) => millis.as_i64().map_or_else(|| millis.to_string(), moment),
        (Json::String(text), _) => text.clone(),
        (other, _) => other.to_string(),
    }
}

/// `a; b`, or a JSON array where that could be read otherwise.
fn elements_text(elements: &[Json]) -> String {
    let plain = |word: &&str| !word.contains([';', '；', '\n']) && !word.starts_with('[') && word.trim() == *word;
    let words: Option<Vec<&str>> = elements.iter().map(|element| element.as_str().filter(|word| plain(word))).collect();
    words.map_or_else(|| Json::from(elements).to_string(), |words| words.join("; "))
}

/// What stands between begin and end where one cell holds both.
const PERIOD_DASH: &str = "–";
/// The same as people write it. A hyphen needs blanks around it: days have hyphens of their own.
const PERIOD_DASHES: [&str; 8] = [PERIOD_DASH, "—", "～", "~", "至", " to ", " - ", "→"];

/// A period in one cell, as people read it where they are and as [`value_of`] reads it back: `2026-05-03 – 2026-06-02`.
/// Moments say how far their clock is from UTC.
pub fn period_text(value: &Json, offset_minutes: i32) -> String {
    let part = |name: &str| match &value[name] {
        Json::String(day) => day.clone(),
        Json::Number(millis) => millis.as_i64().map_or_else(|| millis.to_string(), |millis| moment_there(millis, offset_minutes)),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => String::new(),
    };
    let text = format!("{} {PERIOD_DASH} {}", part("start"), part("end"));
    text.trim().to_owned()
}

/// The zone of a clock so far from UTC.
pub fn zone_at(offset_minutes: i32) -> TimeZone {
    TimeZone::fixed(jiff::tz::Offset::from_seconds(offset_minutes.saturating_mul(60)).unwrap_or(jiff::tz::Offset::UTC))
}

/// A moment on a clock so far from UTC, which it says: so [`value_of`] reads the same moment, wherever. Seconds only where
/// there are some.
pub fn moment_there(millis: i64, offset_minutes: i32) -> String {
    let there = jiff::Timestamp::from_millisecond(millis).unwrap_or_default().to_zoned(zone_at(offset_minutes));
    let form = match (there.millisecond(), there.second()) {
        (0, 0) => "%Y-%m-%d %H:%M%:z",
        (0, _) => "%Y-%m-%d %H:%M:%S%:z",
        _ => "%Y-%m-%d %H:%M:%S%.3f%:z",
    };
    there.strftime(form).to_string()
}

/// Begin and end out of one cell; either may be missing.
fn period(text: &str, zone: &TimeZone) -> Result<Json, Label> {
    let halves = PERIOD_DASHES.into_iter().find_map(|dash| text.split_once(dash));
    let Some((start, end)) = halves else {
        return Err(label(
            format!("`{text}` is no period: expected its begin, a dash and its end, such as 2026-05-03 – 2026-06-02"),
            format!("“{text}”不是时间段：应为“开始 – 结束”，例如 2026-05-03 – 2026-06-02"),
        ));
    };
    let mut parts = Map::new();
    for (name, text) in [("start", start.trim()), ("end", end.trim())].into_iter().filter(|(_, text)| !text.is_empty()) {
        parts.insert(name.to_owned(), day_or_moment(text, zone)?);
    }
    Ok(Json::Object(parts))
}

fn day_or_moment(text: &str, zone: &TimeZone) -> Result<Json, Label> {
    date(text).map_or_else(|| timestamp(text, zone), |day| Ok(Json::from(day)))
}

fn moment(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |time| format!("{time:.3}"))
}

/// How many decimal digits a currency's amounts have (ISO 4217); two unless listed.
fn decimals(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

fn decimal(minor: i64, currency: &str) -> String {
    let digits = decimals(currency) as usize;
    if digits == 0 {
        return minor.to_string();
    }
    let sign = if minor < 0 { "-" } else { "" };
    let text = format!("{:0>width$}", minor.unsigned_abs(), width = digits + 1);
    let (whole, fraction) = text.split_at(text.len() - digits);
    format!("{sign}{whole}.{fraction}")
}

/// Reads `1,234.50` as minor units of a currency: exactly, or not at all.
fn minor_units(text: &str, currency: &str) -> Result<i64, Label> {
    let digits = decimals(currency);
    let bad = || {
        label(
            format!("`{text}` is no amount of {currency}: expected digits with at most {digits} decimals, such as 1234.50"),
            format!("“{text}”不是有效的 {currency} 金额：应为数字，最多 {digits} 位小数，例如 1234.50"),
        )
    };
    let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let whole = ungrouped(whole).ok_or_else(bad)?;
    let kept = fraction.trim_end_matches('0');
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(&whole) || !all_digits(fraction) || kept.len() > digits as usize {
        return Err(bad());
    }
    let fraction: i64 = format!("{kept:0<width$}", width = digits as usize).parse().unwrap_or(0);
    let minor = whole.parse::<i64>().ok().and_then(|whole| whole.checked_mul(10_i64.pow(digits))?.checked_add(fraction));
    minor.map(|minor| if negative { -minor } else { minor }).ok_or_else(bad)
}

/// `1,234` without its commas, if they stand where they should: between thousands.
pub fn ungrouped(whole: &str) -> Option<String> {
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    let groups: Vec<&str> = unsigned.split(',').collect();
    let fits = groups.len() == 1 || (!groups[0].is_empty() && groups[0].len() <= 3 && groups[1..].iter().all(|group| group.len() == 3));
    fits.then(|| whole.replace(',', ""))
}

/// Reads the cells of one value: `texts` by part, the empty part being the whole value. Moments that say no zone are in `zone`.
///
/// # Errors
/// What is wrong with the text, for people.
pub fn value_of(field: &Field, texts: &[(&str, &str)], zone: &TimeZone) -> Result<Json, Label> {
    let whole = texts.iter().find(|(part, _)| part.is_empty()).map(|(_, text)| *text);
    match whole {
        Some(text) if field.value.is_group() && text.starts_with('{') => json_text(text),
        _ if field.value == ValueType::Money => money(texts),
        Some(text) if field.value == ValueType::Period => period(text, zone),
        Some(_) if field.value.is_group() => Err(label(
            format!(
                "map its parts: {}",
                parts_of(&field.value).iter().map(|part| format!("{}.{part}", field.name)).collect::<Vec<_>>().join(", ")
            ),
            format!(
                "请分别对应各部分：{}",
                parts_of(&field.value).iter().map(|part| format!("{}.{part}", field.name)).collect::<Vec<_>>().join("、")
            ),
        )),
        None => group(field, texts, zone),
        Some(text) if !field.items.is_empty() => json_text(text),
        Some(text) if is_elements(field) => Ok(Json::from(elements(text)?.iter().map(|word| choice(field, word)).collect::<Vec<_>>())),
        Some(text) => scalar(field, text, zone),
    }
}

fn json_text(text: &str) -> Result<Json, Label> {
    serde_json::from_str(text).map_err(|error| label(format!("expected JSON: {error}"), format!("应为 JSON：{error}")))
}

/// The elements of a cell: a JSON array, lines, or words between semicolons.
pub fn elements(text: &str) -> Result<Vec<String>, Label> {
    if text.starts_with('[') {
        let expected = || label("expected words between semicolons, or a JSON array of texts", "应为分号分隔的词，或 JSON 文本数组");
        return serde_json::from_str(text).map_err(|_| expected());
    }
    Ok(text.split([';', '；', '\n']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

fn money(texts: &[(&str, &str)]) -> Result<Json, Label> {
    let part = |name: &str| texts.iter().find(|(part, _)| *part == name).map(|(_, text)| *text);
    let (amount, written) = amount_and_currency(part("amount").or_else(|| part("")).unwrap_or_default());
    let Some(currency) = written.or_else(|| part("currency")).map(str::to_uppercase).filter(|code| is_code(code)) else {
        return Err(of_no_currency(amount));
    };
    Ok(json!({"amount": minor_units(amount, &currency)?, "currency": currency}))
}

/// Whether a cell says the currency of its amount, as our own exports do.
pub fn says_currency(text: &str) -> bool {
    text.starts_with('{') || amount_and_currency(text).1.is_some()
}

/// An amount, and the currency that is written before or behind it: what has no digit, as `a lot`, is neither.
fn amount_and_currency(text: &str) -> (&str, Option<&str>) {
    match text.split_once(char::is_whitespace) {
        Some((amount, code)) if is_code(code.trim()) && has_digits(amount) => (amount, Some(code.trim())),
        Some((code, amount)) if is_code(code) && has_digits(amount) => (amount.trim(), Some(code)),
        _ => (text, None),
    }
}

fn is_code(word: &str) -> bool {
    word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn has_digits(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

/// What is wrong with an amount that no currency is known of. A currency would not mend what is none.
fn of_no_currency(amount: &str) -> Label {
    if !has_digits(amount) {
        return label(
            format!("`{amount}` is no amount: expected digits, such as 1234.50"),
            format!("“{amount}”不是金额：应为数字，例如 1234.50"),
        );
    }
    label(
        "an amount needs its currency: write it behind the amount, such as 1234.50 CNY, or say it in a column of its own or for all rows",
        "金额需要币种：请写在金额之后（例如 1234.50 CNY），也可用单独一列或统一取值指定",
    )
}

fn group(field: &Field, texts: &[(&str, &str)], zone: &TimeZone) -> Result<Json, Label> {
    let mut parts = Map::new();
    for (part, text) in texts {
        let value = match &field.value {
            ValueType::Geo => number(text)?,
            ValueType::Period => day_or_moment(text, zone)?,
            ValueType::Money | ValueType::Address | ValueType::Unknown(_) => Json::from(*text),
            ValueType::String | ValueType::Paragraph | ValueType::Integer | ValueType::Number | ValueType::Boolean => Json::from(*text),
            ValueType::Date | ValueType::Datetime | ValueType::Choice | ValueType::Link => Json::from(*text),
            ValueType::Phone | ValueType::Email | ValueType::Url => Json::from(*text),
        };
        parts.insert((*part).to_owned(), value);
    }
    Ok(Json::Object(parts))
}

fn scalar(field: &Field, text: &str, zone: &TimeZone) -> Result<Json, Label> {
    if field.merge == Merge::Counter {
        return integer(text);
    }
    match &field.value {
        ValueType::String | ValueType::Paragraph | ValueType::Link => Ok(Json::from(text)),
        ValueType::Phone | ValueType::Email | ValueType::Url => Ok(Json::from(text.trim())),
        ValueType::Integer => integer(text),
        ValueType::Number => number(text),
        ValueType::Boolean => boolean(text),
        ValueType::Date => date(text).or_else(|| day_of(text)).map(Json::from).ok_or_else(|| {
            label(
                format!("`{text}` is no day, or may be two: expected 2026-05-03, 2026/5/3, 20260503, or 12/31/2026 where only one can be the month"),
                format!("“{text}”不是日期，或有两种读法：应为 2026-05-03、2026/5/3、20260503；12/31/2026 仅在只有一个数可能是月份时可用"),
            )
        }),
        ValueType::Datetime => timestamp(text, zone),
        ValueType::Choice => Ok(Json::from(choice(field, text.trim()))),
        ValueType::Unknown(_) => Ok(serde_json::from_str(text).unwrap_or_else(|_| Json::from(text))),
        ValueType::Money | ValueType::Address | ValueType::Period | ValueType::Geo => json_text(text),
    }
}

/// The stored word of an option, from the word itself or what people read; others stay as they are.
fn choice(field: &Field, text: &str) -> String {
    let named = |option: &&sync_core::schema::Choice| {
        option.value.eq_ignore_ascii_case(text) || option.label.en.eq_ignore_ascii_case(text) || option.label.zh == text
    };
    field.option(text).or_else(|| field.options.iter().find(named)).map_or_else(|| text.to_owned(), |option| option.value.clone())
}

fn integer(text: &str) -> Result<Json, Label> {
    let expected = || label(format!("`{text}` is no whole number"), format!("“{text}”不是整数"));
    ungrouped(text.trim()).and_then(|text| text.parse::<i64>().ok()).map(Json::from).ok_or_else(expected)
}

fn number(text: &str) -> Result<Json, Label> {
    let expected = || label(format!("`{text}` is no number"), format!("“{text}”不是数字"));
    let plain = text.trim();
    match plain.parse::<i64>() {
        Ok(number) => Ok(Json::from(number)),
        Err(_) => plain.parse::<f64>().ok().filter(|number| number.is_finite()).map(Json::from).ok_or_else(expected),
    }
}

pub(crate) fn boolean(text: &str) -> Result<Json, Label> {
    match text.trim().to_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "是" | "真" => Ok(Json::Bool(true)),
        "false" | "no" | "n" | "0" | "否" | "假" => Ok(Json::Bool(false)),
        _ => Err(label(format!("`{text}` is neither yes nor no"), format!("“{text}”不是“是”或“否”"))),
    }
}

/// A day in the one form that is stored, from the forms that spreadsheets write.
fn date(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    let parts: Vec<&str> = match text.len() {
        8 if digits(text) => vec![&text[..4], &text[4..6], &text[6..]],
        _ => text.trim_end_matches('日').split(['-', '/', '.', '年', '月']).collect(),
    };
    let [year, month, day] = year_first(&parts)?;
    let fits = digits(year) && year.len() == 4 && digits(month) && month.len() <= 2 && digits(day) && day.len() <= 2;
    let day = jiff::civil::Date::new(year.parse().ok().filter(|_| fits)?, month.parse().ok()?, day.parse().ok()?).ok()?;
    Some(day.to_string())
}

/// Year, month and day. Where the year comes last, as in `12/31/2026` and `31.12.2026`, only one of the others can be the
/// month, or both are the same: whoever reads `03/04/2026` would have to guess.
fn year_first<'t>(parts: &[&'t str]) -> Option<[&'t str; 3]> {
    let [first, second, third] = parts[..] else { return None };
    if third.len() != 4 || first.len() > 2 {
        return Some([first, second, third]);
    }
    let may_be_month = |part: &str| part.parse::<u8>().is_ok_and(|number| (1..=12).contains(&number));
    match (may_be_month(first), may_be_month(second)) {
        (true, false) => Some([third, first, second]),
        (false, true) => Some([third, second, first]),
        (true, true) if first.parse::<u8>() == second.parse::<u8>() => Some([third, first, second]),
        _ => None,
    }
}

/// The day of a moment as it is written, which other systems export where a day is meant; with a `Z` that of UTC.
fn day_of(text: &str) -> Option<String> {
    let text = text.trim();
    let utc = || zoned(text).map(|time| time.to_zoned(TimeZone::UTC).date());
    clock(text).map(jiff::civil::DateTime::date).or_else(utc).map(|day| day.to_string())
}

/// Day and time as spreadsheets write them, `2026/5/3 8:30`, in the one form that is read.
fn by_hand(text: &str) -> Option<String> {
    let (day, time) = text.split_once(' ')?;
    let zero = if time.find(':') == Some(1) { "0" } else { "" };
    Some(format!("{}T{zero}{time}", date(day)?))
}

/// A moment that says how far its clock is from UTC.
fn zoned(text: &str) -> Option<jiff::Timestamp> {
    text.parse().ok().or_else(|| by_hand(text)?.parse().ok())
}

/// Day and time as a clock shows them. How far it is from UTC is not looked at.
fn clock(text: &str) -> Option<jiff::civil::DateTime> {
    text.parse().ok().or_else(|| by_hand(text)?.parse().ok())
}

fn timestamp(text: &str, zone: &TimeZone) -> Result<Json, Label> {
    let text = text.trim();
    let with_zone = || zoned(text).map(jiff::Timestamp::as_millisecond);
    let local = || Some(clock(text)?.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond());
    text.parse::<i64>().ok().filter(|_| text.len() > 8).or_else(with_zone).or_else(local).map(Json::from).ok_or_else(|| {
        label(
            format!("`{text}` is no moment: expected 2026-05-03 08:30, or 2026-05-03 08:30+08:00 with how far its clock is from UTC"),
            format!("“{text}”不是时间：应为 2026-05-03 08:30，或带时区 2026-05-03 08:30+08:00"),
        )
    })
}

#[cfg(test)]
mod tests {
    use sync_core::schema::Schema;

    use super::*;

    fn field(kind: &str, name: &str) -> Field {
        Schema::builtin().kind(kind).unwrap().field(name).unwrap().clone()
    }

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        for (text, currency, minor) in [
            ("11.77", "USD", 1177),
            ("0.07", "USD", 7),
            ("-5", "CNY", -500),
            ("1,234.5", "CNY", 123_450),
            ("1.500", "CNY", 150),
            ("1200", "JPY", 1200),
            ("1.234", "KWD", 1234),
            ("92233720368547758.07", "USD", i64::MAX),
        ] {
            assert_eq!(minor_units(text, currency).unwrap(), minor, "{text}");
        }
        for (text, currency) in [
            ("11.775", "USD"),
            ("1e3", "USD"),
            ("12,34", "USD"),
            ("", "USD"),
            ("1.5", "JPY"),
            ("92233720368547758.08", "USD"),
            ("¥5", "CNY"),
        ] {
            assert!(minor_units(text, currency).is_err(), "{text}");
        }
        assert_eq!(decimal(-7, "USD"), "-0.07");
    }

    #[test]
    fn a_cell_that_holds_no_amount_is_told_so_whether_its_currency_is_known_or_not() {
        let amount = field("offer", "amount");
        let why = |texts: &[(&str, &str)]| value_of(&amount, texts, &TimeZone::UTC).unwrap_err().en;
        for text in ["abc", "a lot"] {
            assert!(why(&[("", text)]).starts_with(&format!("`{text}` is no amount")), "{text}");
            assert!(why(&[("", text), ("currency", "CNY")]).starts_with(&format!("`{text}` is no amount of CNY")), "{text}");
        }
        assert!(why(&[("", "5")]).starts_with("an amount needs its currency"));
        let both = value_of(&amount, &[("", "5"), ("currency", "CNY")], &TimeZone::UTC);
        assert_eq!(both.unwrap(), json!({"amount": 500, "currency": "CNY"}), "one that is said for all rows");
    }

    #[test]
    fn what_is_written_into_cells_is_read_back() {
        for (kind, name, value) in [
            ("offer", "amount", json!({"amount": -1_177, "currency": "USD"})),
            ("offer", "valid", json!({"start": "2026-05-03", "end": 1_777_777_777_123_i64})),
            ("offer", "sent_at", json!(1_777_777_777_123_i64)),
            ("offer", "lines", json!([{"id": "a", "quantity": 2.5, "price": {"amount": 5, "currency": "CNY"}}])),
            ("party", "tags", json!(["vip", "重点"])),
            ("party", "tags", json!(["a; b", "[x", " y "])),
            ("party", "do_not_call", json!(true)),
            ("product", "tax_percent", json!(13)),
            ("product", "tax_percent", json!(0.1)),
        ] {
            let field = field(kind, name);
            let texts = texts_of(&field, Some(&value));
            let parts = if texts.len() == 1 { &[""][..] } else { parts_of(&field.value) };
            let cells: Vec<(&str, &str)> =
                parts.iter().copied().zip(texts.iter().map(String::as_str)).filter(|(_, text)| !text.is_empty()).collect();
            assert_eq!(value_of(&field, &cells, &TimeZone::UTC).unwrap(), value, "{name}: {texts:?}");
        }
    }

    #[test]
    fn cells_are_read_as_people_write_them() {
        for (kind, name, text, value) in [
            ("offer", "date", "2026/5/3", json!("2026-05-03")),
            ("offer", "date", "20260503", json!("2026-05-03")),
            ("offer", "date", "2026年5月3日", json!("2026-05-03")),
            ("offer", "status", "已完成", json!("completed")),
            ("offer", "status", "Completed", json!("completed")),
            ("offer", "amount", "11.77 usd", json!({"amount": 1177, "currency": "USD"})),
            ("offer", "amount", "USD 11.77", json!({"amount": 1177, "currency": "USD"})),
            ("party", "tags", "a；b\nc", json!(["a", "b", "c"])),
            ("party", "opt_out", "是", json!(true)),
            ("offer", "sent_at", "2026-05-03 08:30", json!(1_777_797_000_000_i64)),
        ] {
            assert_eq!(value_of(&field(kind, name), &[("", text)], &TimeZone::UTC).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn no_cell_starts_a_formula_and_none_changes_on_the_way() {
        for text in ["=1+1", "+86 10", "-x", "@a", "'=x", "'x", "plain", ""] {
            let guarded = guarded(text.to_owned());
            assert!(!guarded.starts_with(['=', '+', '-', '@']), "{guarded}");
            assert_eq!(unguarded(&guarded), text);
        }
    }

    #[test]
    fn a_period_is_read_back_from_one_cell() {
        let when = field("activity", "when");
        for value in [
            json!({"start": "2026-05-03", "end": "2026-06-02"}),
            json!({"start": 1_777_797_000_000_i64, "end": 1_777_800_600_000_i64}),
            json!({"start": 1_777_797_001_000_i64, "end": 1_777_800_600_123_i64}),
            json!({"start": "2026-05-03"}),
            json!({"end": 1_777_797_000_000_i64}),
        ] {
            for offset in [0, 480, -210] {
                let text = period_text(&value, offset);
                assert_eq!(value_of(&when, &[("", &text)], &TimeZone::UTC).unwrap(), value, "{text}");
            }
        }
        assert_eq!(period_text(&json!({"start": 1_777_797_000_000_i64}), 480), "2026-05-03 16:30+08:00 –");
        let days = json!({"start": "2026-05-03", "end": "2026-06-02"});
        for text in ["2026/5/3 - 2026/6/2", "2026-05-03~2026-06-02", "2026年5月3日至2026年6月2日", "20260503 to 20260602"] {
            assert_eq!(value_of(&when, &[("", text)], &TimeZone::UTC).unwrap(), days, "{text}");
        }
        assert!(value_of(&when, &[("", "2026-05-03")], &TimeZone::UTC).is_err_and(|why| why.en.contains("no period")));
    }

    #[test]
    fn a_moment_without_a_zone_is_on_the_clock_of_whoever_brings_it() {
        let sent_at = field("offer", "sent_at");
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        for text in [
            "2026-05-03 16:30",
            "2026/5/3 16:30",
            "2026年5月3日 16:30:00",
            "2026-05-03T16:30:00+08:00",
            "2026-05-03T08:30:00Z",
            "2026/5/3 10:30+02:00",
            "2026年5月3日 8:30Z",
        ] {
            assert_eq!(value_of(&sent_at, &[("", text)], &zone).unwrap(), json!(1_777_797_000_000_i64), "{text}");
        }
        assert_eq!(value_of(&sent_at, &[("", "2026/5/3 8:30")], &TimeZone::UTC).unwrap(), json!(1_777_797_000_000_i64));
        assert!(value_of(&sent_at, &[("", "03/04/2026 8:30")], &zone).is_err(), "day or month first: nobody can tell");
    }

    #[test]
    fn a_moment_is_taken_for_its_day_where_a_day_is_asked() {
        let close_date = field("deal", "close_date");
        for text in ["2026-05-03 10:00", "2026-05-03T23:30:00+08:00", "2026-05-03T08:30:00Z", "2026年5月3日 8:30Z", "2026/5/3"] {
            assert_eq!(value_of(&close_date, &[("", text)], &TimeZone::UTC).unwrap(), json!("2026-05-03"), "{text}");
        }
        assert!(value_of(&close_date, &[("", "05/03/2026 10:00")], &TimeZone::UTC).is_err(), "day or month first: nobody can tell");
    }
}

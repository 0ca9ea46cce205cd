//! Values as people read them: a JSON value and its field become something a template can show.
//!
//! Never makes HTML: `templates/value.html` does, and escapes. Addresses that a browser would follow are
//! made only for schemes that are harmless: tel, mailto, http and https.

use askama::Template;
use serde_json::{Map, Value as Json};
use sync_core::actions::doubts::{self, doubt};
use sync_core::actions::duplicates::country::Country;
use sync_core::id::{Millis, RecordId};
use sync_core::record::authored::{is_email, web_address};
use sync_core::schema::{Field, Merge, ValueType};

use super::list::encoded;
use super::words::Words;
use crate::reading::Names;

/// A value, ready to be shown.
#[derive(Debug, Clone, PartialEq, Template)]
#[template(path = "value.html")]
pub enum Shown {
    /// There is none.
    Nothing,
    /// One line.
    Text(String),
    /// Lines as they were typed.
    Prose(String),
    /// A number: right-aligned in tables.
    Number(String),
    /// A word of a list, or a yes.
    Badge {
        /// What people read.
        text: String,
        /// A colour of the style sheet, or nothing.
        colour: String,
    },
    /// A word that somebody made up.
    Tag(String),
    /// Another record.
    Record {
        /// Where its page is.
        href: String,
        /// Its title.
        text: String,
    },
    /// Something outside: a phone, a mailbox, a site.
    Outside {
        /// What the browser opens.
        href: String,
        /// What people read.
        text: String,
    },
    /// A value that is probably a slip, and why.
    Doubtful(Box<Shown>, String),
    /// A moment; the script shows it in the reader's own time zone.
    Moment {
        /// For programs.
        iso: String,
        /// For people, in UTC.
        text: String,
    },
    /// Several values in a line.
    Many(Vec<Shown>),
    /// Several values, one below the other.
    Stack(Vec<Shown>),
    /// Rows.
    Table {
        /// The columns' names, and whether they hold numbers.
        heads: Vec<(String, bool)>,
        /// A value for each column.
        rows: Vec<Vec<Shown>>,
    },
    /// Items that are never altered, oldest first: named parts of each.
    Log(Vec<Vec<(String, Shown)>>),
}

/// `value.html` escapes every text it is given: what it makes needs no escaping again.
impl askama::filters::HtmlSafe for Shown {}

impl Shown {
    /// Whether there is nothing to show.
    pub fn is_nothing(&self) -> bool {
        *self == Shown::Nothing
    }

    /// Whether it stands under others by its last digit.
    pub fn is_number(&self) -> bool {
        matches!(self, Shown::Number(_))
    }

    /// As text, for files.
    pub fn text(&self) -> String {
        let all = |items: &[Shown], between: &str| {
            items.iter().map(Shown::text).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(between)
        };
        match self {
            Shown::Nothing => String::new(),
            Shown::Text(text) | Shown::Prose(text) | Shown::Number(text) | Shown::Tag(text) => text.clone(),
            Shown::Badge { text, .. } | Shown::Record { text, .. } | Shown::Outside { text, .. } | Shown::Moment { text, .. } => {
                text.clone()
            }
            Shown::Doubtful(shown, _) => shown.text(),
            Shown::Many(items) => all(items, ", "),
            Shown::Stack(items) => all(items, "; "),
            Shown::Table { rows, .. } => rows.iter().map(|row| all(row, " ")).collect::<Vec<_>>().join("; "),
            Shown::Log(items) => {
                let line = |item: &Vec<(String, Shown)>| item.iter().map(|(_, part)| part.text()).collect::<Vec<_>>().join(" ");
                items.iter().map(line).collect::<Vec<_>>().join("; ")
            }
        }
    }

    /// Whether it needs the whole width of the page.
    pub fn is_wide(&self) -> bool {
        match self {
            Shown::Prose(text) => text.len() > 160 || text.contains('\n'),
            Shown::Table { .. } | Shown::Log(_) => true,
            Shown::Nothing | Shown::Text(_) | Shown::Number(_) | Shown::Badge { .. } | Shown::Tag(_) | Shown::Record { .. } => false,
            Shown::Outside { .. } | Shown::Moment { .. } | Shown::Many(_) | Shown::Stack(_) | Shown::Doubtful(..) => false,
        }
    }
}

/// Formats the values of one page: its language, and what the records are called that it links to.
#[derive(Clone, Copy)]
pub struct Formatter<'a> {
    /// The language.
    pub words: Words,
    /// What linked records are called.
    pub names: &'a Names,
    /// The country whose numbers are written without its code.
    pub home: Country,
}

impl Formatter<'_> {
    /// The value of a field, as it stands in a row.
    pub fn field(&self, field: &Field, value: &Json) -> Shown {
        match value {
            Json::Null => Shown::Nothing,
            Json::Array(rows) if !field.items.is_empty() => self.rows(field, rows),
            Json::Array(elements) => Shown::Many(elements.iter().map(|element| self.element(field, element)).collect()),
            value => self.judged(field, value),
        }
    }

    /// A value with what is doubtful about it.
    fn judged(&self, field: &Field, value: &Json) -> Shown {
        let shown = self.scalar(field, value);
        match value.as_str().and_then(|text| doubt(field, text, self.home)) {
            Some(why) => Shown::Doubtful(Box::new(shown), self.words.label(&why.words()).to_owned()),
            None => shown,
        }
    }

    /// The value of a field in a list: as short as it can be.
    pub fn brief(&self, field: &Field, value: &Json) -> Shown {
        const MOST: usize = 2;
        let Json::Array(values) = value else { return self.scalar(field, value).in_one_line() };
        let first = |row: &Json| {
            let item = field.items.iter().find(|item| row.get(&*item.name).is_some());
            item.and_then(|item| Some(self.scalar(item, row.get(&*item.name)?)))
        };
        let mut shown: Vec<Shown> = match field.items.is_empty() {
            true => values.iter().take(MOST + 1).map(|element| self.element(field, element)).collect(),
            false => values.iter().take(MOST + 1).filter_map(first).collect(),
        };
        if values.len() > MOST + 1 {
            shown.truncate(MOST);
            shown.push(Shown::Text(format!("+{}", values.len() - MOST)));
        }
        if shown.is_empty() { Shown::Nothing } else { Shown::Many(shown) }
    }

    fn element(&self, field: &Field, value: &Json) -> Shown {
        match (&field.value, value.as_str()) {
            (ValueType::String, Some(word)) => Shown::Tag(word.to_owned()),
            _ => self.scalar(field, value),
        }
    }

    fn rows(&self, field: &Field, rows: &[Json]) -> Shown {
        let part = |item: &Field, row: &Json| row.get(&*item.name).map_or(Shown::Nothing, |value| self.judged(item, value));
        let label = |item: &Field| self.words.label(&item.label).to_owned();
        if field.merge == Merge::Log {
            let item = |row: &Json| {
                let parts = field.items.iter().map(|item| (label(item), part(item, row)));
                parts.filter(|(_, shown)| !shown.is_nothing()).collect()
            };
            return Shown::Log(rows.iter().map(item).collect());
        }
        let rows = in_order(field, rows);
        let used: Vec<&Field> = field.items.iter().filter(|item| rows.iter().any(|row| row.get(&*item.name).is_some())).collect();
        // One column and a note, such as a phone and its label, read better without a table's frame.
        let is_note = |item: &Field| matches!(item.value, ValueType::String | ValueType::Boolean | ValueType::Choice) && !item.required;
        if let Some((first, notes)) = used.split_first().filter(|(first, notes)| !is_note(first) && notes.iter().all(|note| is_note(note)))
        {
            let line = |row: &Json| Shown::Many(self.with_notes(first, notes, row));
            return Shown::Stack(rows.into_iter().map(line).collect());
        }
        let heads = used.iter().map(|item| (label(item), is_number(&item.value))).collect();
        Shown::Table { heads, rows: rows.into_iter().map(|row| used.iter().map(|item| part(item, row)).collect()).collect() }
    }

    fn with_notes(&self, first: &Field, notes: &[&Field], row: &Json) -> Vec<Shown> {
        let mut line = vec![row.get(&*first.name).map_or(Shown::Nothing, |value| self.judged(first, value))];
        for note in notes {
            match (&note.value, row.get(&*note.name)) {
                // "Primary: no" is noise.
                (ValueType::Boolean, Some(Json::Bool(true))) => {
                    line.push(Shown::Badge { text: self.words.label(&note.label).to_owned(), colour: String::new() });
                }
                (ValueType::Boolean, _) | (_, None) => {}
                (_, Some(value)) => line.push(self.scalar(note, value)),
            }
        }
        line
    }

    /// One value of a field, or of a part of a row.
    pub fn scalar(&self, field: &Field, value: &Json) -> Shown {
        if value.is_null() {
            return Shown::Nothing;
        }
        match (&field.value, value) {
            (ValueType::Paragraph, Json::String(text)) => Shown::Prose(text.clone()),
            (ValueType::Integer | ValueType::Number, Json::Number(number)) => Shown::Number(grouped(&number.to_string())),
            (ValueType::Boolean, Json::Bool(flag)) => Shown::Text(self.words.say(if *flag { "value.yes" } else { "value.no" }).to_owned()),
            (ValueType::Datetime, Json::Number(number)) => number.as_i64().map_or(Shown::Nothing, moment),
            (ValueType::Choice, Json::String(word)) => self.choice(field, word),
            (ValueType::Link, Json::String(id)) => self.link(id),
            (ValueType::Phone, Json::String(text)) => outside("tel:", &dialled(text, self.home), text),
            (ValueType::Email, Json::String(text)) if is_email(text) => outside("mailto:", &mailed(text.trim()), text),
            (ValueType::Url, Json::String(text)) => {
                web_address(text).map_or_else(|| Shown::Text(text.clone()), |address| outside("", &address, text))
            }
            (ValueType::Money, Json::Object(parts)) => Shown::Number(money(parts)),
            (ValueType::Address, Json::Object(parts)) => Shown::Text(self.address(parts)),
            (ValueType::Period, Json::Object(parts)) => period(parts),
            (ValueType::Geo, Json::Object(parts)) => Shown::Text(place(parts)),
            (ValueType::String | ValueType::Date | ValueType::Email, Json::String(text)) => Shown::Text(text.clone()),
            // Of another type than declared, or of one this build does not know: shown as it is.
            (_, Json::String(text)) => Shown::Prose(text.clone()),
            (_, other) => Shown::Text(other.to_string()),
        }
    }

    fn choice(&self, field: &Field, word: &str) -> Shown {
        let option = field.option(word);
        let text = option.map_or(word, |option| self.words.label(&option.label)).to_owned();
        Shown::Badge { text, colour: option.and_then(|option| option.colour.clone()).unwrap_or_default() }
    }

    fn link(&self, id: &str) -> Shown {
        id.parse::<RecordId>().map_or_else(|_| Shown::Text(id.to_owned()), |id| self.record(id))
    }

    /// A record by its title; one out of sight by the end of its id.
    pub fn record(&self, id: RecordId) -> Shown {
        let short = short(&id.to_string());
        let Some(linked) = self.names.get(&id) else { return Shown::Text(short) };
        let text = if linked.title.is_empty() { short } else { linked.title.clone() };
        Shown::Record { href: format!("/records/{}/{id}", linked.kind), text }
    }

    /// Chinese addresses go from the large to the small, English ones the other way.
    fn address(&self, parts: &Map<String, Json>) -> String {
        let part = |name| parts.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        let order = ["country", "region", "city", "street", "postal_code"];
        match self.words.0 {
            crate::language::Language::Zh => order.into_iter().filter_map(part).collect::<Vec<_>>().join(" "),
            crate::language::Language::En => {
                ["street", "postal_code", "city", "region", "country"].into_iter().filter_map(part).collect::<Vec<_>>().join(", ")
            }
        }
    }
}

impl Shown {
    fn in_one_line(self) -> Self {
        const CHARS: usize = 80;
        match self {
            Shown::Prose(text) => {
                let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
                Shown::Text(if line.chars().count() > CHARS { line.chars().take(CHARS).chain(['…']).collect() } else { line })
            }
            other => other,
        }
    }
}

/// Rows that have no order of their own, in that of the choice that each begins with: days from Monday on.
pub fn in_order<'a>(field: &Field, rows: &'a [Json]) -> Vec<&'a Json> {
    let mut rows: Vec<&Json> = rows.iter().collect();
    let first = field.items.first().filter(|item| field.merge == Merge::Set && item.value == ValueType::Choice);
    if let Some(first) = first {
        let place =
            |row: &Json| first.options.iter().position(|option| row.get(&*first.name).and_then(Json::as_str) == Some(&*option.value));
        rows.sort_by_key(|row| place(row).unwrap_or(usize::MAX));
    }
    rows
}

/// Whether values of a type stand under each other by their last digit.
pub fn is_number(value: &ValueType) -> bool {
    matches!(value, ValueType::Money | ValueType::Integer | ValueType::Number)
}

pub use sync_core::actions::currency::decimals;

/// An amount in minor units as digits with a decimal point, as people type it.
pub fn plain_amount(amount: i64, currency: &str) -> String {
    let (decimals, digits) = (decimals(currency), amount.unsigned_abs().to_string());
    let digits = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let (sign, point) = (if amount < 0 { "-" } else { "" }, if decimals > 0 { "." } else { "" });
    format!("{sign}{whole}{point}{fraction}")
}

fn money(parts: &Map<String, Json>) -> String {
    let (amount, currency) = (parts.get("amount").and_then(Json::as_i64), parts.get("currency").and_then(Json::as_str));
    let (Some(amount), Some(currency)) = (amount, currency) else { return Json::Object(parts.clone()).to_string() };
    price(amount, currency)
}

/// An amount in minor units, with its currency.
pub fn price(amount: i64, currency: &str) -> String {
    let digits = grouped(&plain_amount(amount, currency));
    let (sign, digits) = digits.strip_prefix('-').map_or(("", &*digits), |rest| ("−", rest));
    match currency {
        "CNY" => format!("{sign}¥{digits}"),
        "USD" => format!("{sign}US${digits}"),
        "EUR" => format!("{sign}€{digits}"),
        "GBP" => format!("{sign}£{digits}"),
        _ => format!("{sign}{currency} {digits}"),
    }
}

/// What amounts of several currencies come to in one: by rates, and so about; `+ …` where some have none.
pub fn about(amount: i64, currency: &str, is_partial: bool) -> String {
    format!("≈ {}{}", price(amount, currency), if is_partial { " + …" } else { "" })
}

/// Digits in groups of three.
pub fn grouped(number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (whole, fraction) = rest.split_at(end);
    let mut text = String::with_capacity(number.len() + whole.len() / 3 + 1);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{sign}{text}{fraction}")
}

fn outside(scheme: &str, target: &str, text: &str) -> Shown {
    Shown::Outside { href: format!("{scheme}{target}"), text: text.to_owned() }
}

/// From anywhere, where the number says enough for that; or else as it was typed.
fn dialled(text: &str, home: Country) -> String {
    let as_typed = || text.chars().filter(|c| c.is_ascii_digit() || "+*#,;".contains(*c)).collect();
    // An extension is dialled once somebody has answered: it stays in what is shown.
    doubts::dialled(text, home).unwrap_or_else(as_typed)
}

/// An address behind `mailto:`: what is not plain is written so that it begins no subject and no second address.
fn mailed(address: &str) -> String {
    let sides = address.split_once('@').unwrap_or((address, ""));
    format!("{}@{}", encoded(sides.0), encoded(sides.1))
}

fn period(parts: &Map<String, Json>) -> Shown {
    let side = |name| match parts.get(name) {
        Some(Json::Number(millis)) => millis.as_i64().map(moment),
        Some(Json::String(day)) => Some(Shown::Text(day.clone())),
        _ => None,
    };
    let arrow = || Shown::Text("→".to_owned());
    match (side("start"), side("end")) {
        (Some(start), Some(end)) => Shown::Many(vec![start, arrow(), end]),
        (Some(start), None) => Shown::Many(vec![start, arrow()]),
        (None, Some(end)) => Shown::Many(vec![arrow(), end]),
        (None, None) => Shown::Nothing,
    }
}

fn place(parts: &Map<String, Json>) -> String {
    let degrees = |name| parts.get(name).and_then(Json::as_f64).unwrap_or_default();
    format!("{:.5}, {:.5}", degrees("lat"), degrees("lon"))
}

/// A moment.
pub fn moment(millis: Millis) -> Shown {
    Shown::Moment { iso: iso(millis), text: minute(millis) }
}

fn timestamp(millis: Millis) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// For programs: `2026-05-03T14:20:00Z`.
pub fn iso(millis: Millis) -> String {
    timestamp(millis).to_string()
}

/// The day in UTC.
pub fn day(millis: Millis) -> String {
    timestamp(millis).strftime("%Y-%m-%d").to_string()
}

/// Day and minute in UTC, said to be so.
pub fn minute(millis: Millis) -> String {
    timestamp(millis).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The end of an id, enough to tell two records of one screen apart: ids of one day begin alike.
pub fn short(id: &str) -> String {
    let tail: Vec<char> = id.chars().rev().take(6).collect();
    format!("#{}", tail.iter().rev().collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sync_core::schema::Schema;

    use super::*;
    use crate::language::Language;

    fn html(kind: &str, field: &str, value: Json) -> String {
        let names = Names::new();
        let formatter = Formatter { words: Words(Language::En), names: &names, home: Country::default() };
        let field = Schema::builtin().kind(kind).unwrap().field(field).unwrap();
        formatter.field(field, &value).render().unwrap()
    }

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        for (amount, currency, text) in [
            (29_000_000, "CNY", "¥290,000.00"),
            (-5, "CNY", "−¥0.05"),
            (1_234_567, "JPY", "JPY 1,234,567"),
            (1_234, "KWD", "KWD 1.234"),
            (100, "USD", "US$1.00"),
        ] {
            assert!(html("offer", "amount", json!({"amount": amount, "currency": currency})).contains(text), "{text}");
        }
    }

    #[test]
    fn only_harmless_addresses_become_links() {
        for bad in ["javascript:alert(1)", "JaVaScRiPt://x", "data:text/html,x", "https://a b", "http://", "//evil", "https://x\"onclick=1"]
        {
            let html = html("party", "website", json!(bad));
            assert!(!html.contains("href"), "{html}");
        }
        assert!(html("party", "website", json!("https://a.example/?q=1")).contains("href=\"https://a.example/?q=1\""));
        let phone = html("party", "phones", json!([{"id": "1", "value": "+86 138-0000 (office)", "primary": true}]));
        assert!(phone.contains("href=\"tel:+861380000\"") && phone.contains("Primary"), "{phone}");
        assert!(!html("member", "email", json!("a@b.c?subject=<x>")).contains("href"));
        assert!(html("member", "email", json!("o'neil+x@b.c?subject=x")).contains("href=\"mailto:o%27neil%2Bx@b.c%3Fsubject%3Dx\""));
    }

    #[test]
    fn numbers_are_dialled_from_anywhere_and_slips_are_marked_beside_what_was_typed() {
        let phones =
            json!([{"id": "1", "value": "138 1234 5678"}, {"id": "2", "value": "8888 1234"}, {"id": "3", "value": "0755-8888 1234 转 8"}]);
        let phones = html("party", "phones", phones);
        for part in
            ["href=\"tel:+8613812345678\"", "title=\"+8613812345678\"", ">138 1234 5678</a>", "href=\"tel:+8675588881234\"", "转 8</a>"]
        {
            assert!(phones.contains(part), "{part}: {phones}");
        }
        assert_eq!(phones.matches("class=\"doubt").count(), 1, "{phones}");
        assert!(phones.contains("The area code is missing"), "{phones}");
        assert!(html("party", "tax_id", json!("91350100M000100Y34")).contains("The check character does not fit"));
        assert!(!html("party", "tax_id", json!("91350100M000100Y43")).contains("doubt"));
    }

    #[test]
    fn what_people_typed_is_never_markup() {
        for (kind, field, value) in [
            ("party", "name", json!("<script>alert(1)</script>")),
            ("party", "notes", json!("<img src=x onerror=alert(1)>\n\"'")),
            ("party", "tags", json!(["<b>", "a&b"])),
            ("offer", "status", json!("<i>")),
            ("offer", "lines", json!([{"id": "<x>", "product_name": "<svg/onload=1>", "quantity": 2}])),
            ("case", "replies", json!([{"id": "1", "text": "</li><script>"}])),
            ("activity", "when", json!({"start": "<u>"})),
            ("party", "owner", json!("<script>")),
        ] {
            let html = html(kind, field, value);
            for bad in ["<script", "<img", "<b>", "<i>", "<u>", "<svg/", "<x>"] {
                assert!(!html.contains(bad), "{html}");
            }
        }
    }

    #[test]
    fn moments_and_periods_read_as_days() {
        assert!(html("offer", "sent_at", json!(1_800_000_000_000_i64)).contains("2027-01-15 08:00 UTC"));
        let valid = html("offer", "valid", json!({"start": "2026-05-03", "end": "2026-06-02"}));
        assert!(valid.contains("2026-05-03") && valid.contains("2026-06-02"), "{valid}");
        assert_eq!(grouped("-1234567.25"), "-1,234,567.25");
    }
}

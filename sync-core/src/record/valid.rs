//! Does a value fit its field? The same answer when it is written and when it is admitted.
//!
//! Never looks at rights, and never at what the record holds.

use serde_json::{Map, Value as Json};

use crate::id::RecordId;
use crate::schema::{Field, Label, Merge, ValueType};
use crate::value::Scalar;

/// One-line texts above this are no names, numbers or addresses.
pub const MAX_STRING_CHARS: usize = 2_000;
/// Longer texts are documents: they belong into files.
pub const MAX_TEXT_CHARS: usize = 50_000;
/// Of texts that are written together, letter by letter, no more are inserted at once: half a change is left for what goes.
pub const MAX_INSERT_CHARS: usize = super::change::MAX_CHANGE_OPS / 2;
/// Elements and row ids are keys: they travel with every edit of their row.
pub const MAX_KEY_CHARS: usize = 200;

/// No counter is changed by more at once: eight billion such steps fit what it holds, so no sum overflows.
pub const MAX_INCREMENT: i64 = 1_000_000_000;

/// Why a value does not fit its field.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadValue {
    /// Another type is expected.
    #[error("expected {expected}")]
    Type {
        /// What is expected.
        expected: &'static str,
    },
    /// Not one of the options.
    #[error("`{found}` is not one of {}", .options.join(", "))]
    NoSuchOption {
        /// What came.
        found: String,
        /// What is allowed.
        options: Vec<String>,
    },
    /// A text is too long.
    #[error("{chars} characters, the limit is {limit}")]
    TooLong {
        /// How long it is.
        chars: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A row has no such sub-field.
    #[error("there is no such sub-field")]
    NoSuchItem,
    /// A log item may not be altered.
    #[error("the item exists and is never altered")]
    ItemExists,
    /// An author wrote what is no e-mail address.
    #[error("`{found}` is not an e-mail address")]
    NoEmail {
        /// What came.
        found: String,
    },
    /// An author wrote what no browser may be sent to.
    #[error("`{found}` is not a web address: expected https://, http://, or a host such as www.example.com")]
    NoWebAddress {
        /// What came.
        found: String,
    },
    /// An author wrote what nobody can call.
    #[error("`{found}` is not a phone number: it has fewer than {} digits", super::authored::PHONE_DIGITS_MIN)]
    NoPhone {
        /// What came.
        found: String,
    },
    /// An author wrote a day or a moment of a year that nobody means.
    #[error("the year {year} is none from {} to {}", super::authored::FIRST_YEAR, super::authored::LAST_YEAR)]
    NoYear {
        /// The year.
        year: i16,
    },
    /// An author made a key account, or left one, without anybody who answers for it.
    #[error("a key account needs somebody who answers for it: choose one, or take the mark away")]
    NoManager,
    /// An author wrote an end that is before its begin, or a begin that is after its end.
    #[error("it would end on {end}, before it begins on {begin}")]
    EndsBefore {
        /// The begin.
        begin: String,
        /// The end.
        end: String,
    },
    /// An author wrote a number below the least that its field takes.
    #[error("at least {min}, not {found}")]
    TooLow {
        /// What came.
        found: String,
        /// The least.
        min: i64,
    },
    /// An author wrote a number above the most that its field takes.
    #[error("at most {max}, not {found}")]
    TooHigh {
        /// What came.
        found: String,
        /// The most.
        max: i64,
    },
    /// An author wrote an amount in what is no currency.
    #[error("`{found}` is no currency: its code has three letters, as CNY or EUR (ISO 4217)")]
    NoCurrency {
        /// What came.
        found: String,
    },
    /// An author linked to a record that is not there, or that they do not see.
    #[error("there is no such record")]
    NoRecord,
    /// An author linked to a record of a kind that the field does not name.
    #[error("it leads to {}, and `{found}` is {}", .to.en, .is.en)]
    OtherKind {
        /// The record.
        found: String,
        /// What the field leads to.
        to: Box<Label>,
        /// What the record is.
        is: Box<Label>,
    },
    /// An author put a record into a state before it has what the state needs.
    #[error("“{}” needs first: {}", .state.en, .lacking.iter().map(|label| label.en.as_str()).collect::<Vec<_>>().join(", "))]
    Unmet {
        /// What the state is called.
        state: Box<Label>,
        /// What is needed.
        lacking: Vec<Label>,
    },
    /// An author wrote a character that many databases cannot hold.
    #[error("a text has no zero character")]
    ZeroCharacter,
}

impl BadValue {
    /// What a person reads in Chinese; the English is its `Display`.
    pub fn message_zh(&self) -> String {
        match self {
            BadValue::Type { expected } => format!("值的类型不正确（应为 {expected}）"),
            BadValue::NoSuchOption { found, options } => format!("“{found}”不在可选值中（{}）", options.join("、")),
            BadValue::TooLong { chars, limit } => format!("共 {chars} 个字符，上限为 {limit}"),
            BadValue::NoSuchItem => "没有这个子字段".to_owned(),
            BadValue::ItemExists => "这一项已存在，不能修改".to_owned(),
            BadValue::NoEmail { found } => format!("“{found}”不是邮箱地址"),
            BadValue::NoWebAddress { found } => format!("“{found}”不是网址，应为 https://、http:// 或 www.example.com 这样的域名"),
            BadValue::NoPhone { found } => format!("“{found}”不是电话号码：数字少于 {} 位", super::authored::PHONE_DIGITS_MIN),
            BadValue::NoYear { year } => {
                format!("年份 {year} 不在 {} 至 {} 之间", super::authored::FIRST_YEAR, super::authored::LAST_YEAR)
            }
            BadValue::NoManager => "重点客户须有人负责：请选择客户经理，或取消重点标记".to_owned(),
            BadValue::EndsBefore { begin, end } => format!("结束（{end}）早于开始（{begin}）"),
            BadValue::TooLow { found, min } => format!("不能小于 {min}（所填为 {found}）"),
            BadValue::TooHigh { found, max } => format!("不能大于 {max}（所填为 {found}）"),
            BadValue::NoCurrency { found } => format!("“{found}”不是货币代码，应为 CNY、EUR 这样的三个字母（ISO 4217）"),
            BadValue::NoRecord => "没有这条记录".to_owned(),
            BadValue::OtherKind { found, to, is } => format!("应关联{}，而“{found}”是{}", to.zh, is.zh),
            BadValue::Unmet { state, lacking } => {
                let lacking: Vec<&str> = lacking.iter().map(|label| label.zh.as_str()).collect();
                format!("进入“{}”之前须先填写：{}", state.zh, lacking.join("、"))
            }
            BadValue::ZeroCharacter => "文本中不能有空字符（NUL）".to_owned(),
        }
    }
}

/// Whether a JSON value fits a field (or sub-field); `null` always does.
///
/// # Errors
/// [`BadValue`] with what is expected.
pub fn json(field: &Field, value: &Json) -> Result<(), BadValue> {
    let expected = |expected| BadValue::Type { expected };
    match (&field.value, value) {
        (_, Json::Null) | (ValueType::Unknown(_), _) => Ok(()),
        (ValueType::String | ValueType::Phone | ValueType::Email | ValueType::Url, Json::String(text)) => chars(text, MAX_STRING_CHARS),
        (ValueType::Paragraph, Json::String(text)) => chars(text, MAX_TEXT_CHARS),
        (ValueType::Integer | ValueType::Datetime, Json::Number(number)) if number.is_i64() => Ok(()),
        (ValueType::Number, Json::Number(number)) if number.as_f64().is_some_and(f64::is_finite) => Ok(()),
        (ValueType::Boolean, Json::Bool(_)) => Ok(()),
        (ValueType::Date, Json::String(text)) if is_day(text) => Ok(()),
        (ValueType::Choice, Json::String(text)) => option(field, text),
        // Only the one spelling: links are compared, searched and joined as text.
        (ValueType::Link, Json::String(text)) if text.parse::<RecordId>().is_ok_and(|id| id.to_string() == *text) => Ok(()),
        (ValueType::Money, Json::Object(parts)) => money(parts),
        (ValueType::Address, Json::Object(parts)) => address(parts),
        (ValueType::Period, Json::Object(parts)) => period(parts),
        (ValueType::Geo, Json::Object(parts)) => geo(parts),
        (ValueType::String | ValueType::Phone | ValueType::Email | ValueType::Url | ValueType::Paragraph, _) => Err(expected("a text")),
        (ValueType::Integer, _) => Err(expected("a whole number")),
        (ValueType::Datetime, _) => Err(expected("a moment: milliseconds since 1970 UTC")),
        (ValueType::Number, _) => Err(expected("a number")),
        (ValueType::Boolean, _) => Err(expected("true or false")),
        (ValueType::Date, _) => Err(expected("a day like 2026-05-03")),
        (ValueType::Choice, _) => Err(expected("one of the field's options")),
        (ValueType::Link, _) => Err(expected("the id of a record")),
        (ValueType::Money, _) => Err(expected(MONEY)),
        (ValueType::Address, _) => Err(expected(ADDRESS)),
        (ValueType::Period, _) => Err(expected(PERIOD)),
        (ValueType::Geo, _) => Err(expected(GEO)),
    }
}

/// Whether a scalar, as it stands in a change, fits a field.
///
/// # Errors
/// [`BadValue`] with what is expected.
pub fn scalar(field: &Field, value: &Scalar) -> Result<(), BadValue> {
    match (value, field.value.is_group()) {
        (Scalar::Null, _) => Ok(()),
        (Scalar::Counter(_), _) => Err(BadValue::Type { expected: "a plain value" }),
        (_, true) => match value.to_object() {
            Some(object) if Scalar::from_json(&Json::Object(object.clone())) == *value => json(field, &Json::Object(object)),
            _ => Err(BadValue::Type { expected: "a compound value in canonical JSON" }),
        },
        (Scalar::Float(number), false) if !number.is_finite() => Err(BadValue::Type { expected: "a finite number" }),
        (_, false) => json(field, &value.to_json()),
    }
}

/// Whether a word may be an element of a set.
///
/// # Errors
/// [`BadValue`] with what is expected.
pub fn element(field: &Field, word: &str) -> Result<(), BadValue> {
    row_id(word)?;
    json(field, &Json::from(word))
}

/// Whether a word may name a row or an item.
///
/// # Errors
/// [`BadValue`] when it is empty, too long or has control characters.
pub fn row_id(word: &str) -> Result<(), BadValue> {
    if word.is_empty() || word.chars().any(char::is_control) {
        return Err(BadValue::Type { expected: "a key without control characters" });
    }
    chars(word, MAX_KEY_CHARS)
}

/// Whether an object may be an item of a log.
///
/// # Errors
/// [`BadValue`] for the first part that does not fit.
pub fn item(field: &Field, values: &Map<String, Json>) -> Result<(), BadValue> {
    for (name, value) in values {
        json(field.item(name).ok_or(BadValue::NoSuchItem)?, value)?;
    }
    Ok(())
}

/// Whether a text may be inserted at once into one that has so many characters, removed ones included.
///
/// # Errors
/// [`BadValue::TooLong`].
pub fn text_length(text: &str, held: usize) -> Result<(), BadValue> {
    chars(text, MAX_INSERT_CHARS)?;
    chars(text, MAX_TEXT_CHARS.saturating_sub(held))
}

/// Whether a counter may start with, or change by, so much at once.
///
/// # Errors
/// [`BadValue::Type`].
pub fn increment(by: i64) -> Result<(), BadValue> {
    let fits = by.unsigned_abs() <= MAX_INCREMENT as u64;
    if fits { Ok(()) } else { Err(BadValue::Type { expected: "a step of at most a billion" }) }
}

/// Where a value of a monotone field stands: a write may not go below what its author saw.
pub fn rank(field: &Field, value: &Scalar) -> Option<Rank> {
    debug_assert!(field.merge == Merge::Monotone);
    match value {
        Scalar::Null | Scalar::Counter(_) => None,
        Scalar::Bool(flag) => Some(Rank::Number(f64::from(u8::from(*flag)))),
        Scalar::Int(number) => Some(Rank::Number(*number as f64)),
        Scalar::Float(number) => Some(Rank::Number(*number)),
        Scalar::Text(text) if field.value == ValueType::Choice => {
            let index = field.options.iter().position(|option| *option.value == **text);
            index.map(|index| Rank::Number(index as f64))
        }
        Scalar::Text(text) => Some(Rank::Text(text.clone())),
    }
}

/// A place in the order of a monotone field.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub enum Rank {
    /// Numbers, flags, and options by their place in the list.
    Number(f64),
    /// Dates, by their text.
    Text(Box<str>),
}

const MONEY: &str = "an amount like {\"amount\": 290000, \"currency\": \"CNY\"}, in minor units";
const ADDRESS: &str = "an address of country, region, city, postal_code and street";
const PERIOD: &str = "a period like {\"start\": \"2026-05-03\", \"end\": \"2026-06-02\"}";
const GEO: &str = "a place like {\"lat\": 31.2, \"lon\": 121.5}";

fn chars(text: &str, limit: usize) -> Result<(), BadValue> {
    // Bytes bound characters from above: most texts are never counted.
    if text.len() <= limit {
        return Ok(());
    }
    let chars = text.chars().count();
    if chars > limit { Err(BadValue::TooLong { chars, limit }) } else { Ok(()) }
}

fn option(field: &Field, text: &str) -> Result<(), BadValue> {
    if field.options.iter().any(|option| option.value == text) {
        return Ok(());
    }
    Err(BadValue::NoSuchOption { found: text.to_owned(), options: field.options.iter().map(|option| option.value.clone()).collect() })
}

fn only(parts: &Map<String, Json>, known: &[&str], expected: &'static str) -> Result<(), BadValue> {
    if parts.keys().all(|key| known.contains(&key.as_str())) { Ok(()) } else { Err(BadValue::Type { expected }) }
}

/// Whether a text is the code of a currency by its form: three capital letters. Which there are is asked of authors.
fn is_code(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|letter| letter.is_ascii_uppercase())
}

fn money(parts: &Map<String, Json>) -> Result<(), BadValue> {
    only(parts, &["amount", "currency"], MONEY)?;
    let amount = parts.get("amount").is_some_and(Json::is_i64);
    let currency = parts.get("currency").and_then(Json::as_str).is_some_and(is_code);
    if amount && currency { Ok(()) } else { Err(BadValue::Type { expected: MONEY }) }
}

fn address(parts: &Map<String, Json>) -> Result<(), BadValue> {
    only(parts, &["country", "region", "city", "postal_code", "street"], ADDRESS)?;
    let texts = parts.values().map(|part| part.as_str().ok_or(BadValue::Type { expected: ADDRESS }));
    texts.into_iter().try_for_each(|text| chars(text?, MAX_STRING_CHARS))
}

fn period(parts: &Map<String, Json>) -> Result<(), BadValue> {
    only(parts, &["start", "end"], PERIOD)?;
    let moment = |part: &Json| part.is_i64() || part.as_str().is_some_and(is_day);
    if parts.values().all(moment) { Ok(()) } else { Err(BadValue::Type { expected: PERIOD }) }
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok_and(|day| day.to_string() == text)
}

fn geo(parts: &Map<String, Json>) -> Result<(), BadValue> {
    only(parts, &["lat", "lon"], GEO)?;
    let within = |name: &str, limit: f64| parts.get(name).and_then(Json::as_f64).is_some_and(|degrees| degrees.abs() <= limit);
    if within("lat", 90.0) && within("lon", 180.0) { Ok(()) } else { Err(BadValue::Type { expected: GEO }) }
}

//! Bodies of requests that are JSON: read whole, or refused with the place that does not fit and what would.
//!
//! The one place where serde's words become ours, in both languages. Knows no business.

use std::collections::HashSet;
use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;
use serde_json::error::Category;
use sync_core::query::Hint;

use crate::error::{Error, Text};

/// Characters of a name that are said again: a longer one was not typed by a person.
const NAME_CHARS_MAX: usize = 64;

/// What an id looks like.
const ID_EXAMPLE: &str = "01936f5e-8c1a-7d3e-9b54-2f6a7c8d9e01";
/// The same, where another type came.
const ID: &str = "an id, such as `01936f5e-8c1a-7d3e-9b54-2f6a7c8d9e01`";
const ID_ZH: &str = "编号（例如 01936f5e-8c1a-7d3e-9b54-2f6a7c8d9e01）";

/// A JSON body.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if !is_json(request.headers()) {
            let zh = "请以 JSON 发送内容，并注明 Content-Type: application/json。";
            return Err(Error::Unsupported(Text::new("Send the body as JSON, with `Content-Type: application/json`.", zh)));
        }
        read(&Bytes::from_request(request, state).await?).map(Self)
    }
}

/// Whether a request says that its body is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads a body: one object, in which no name stands twice. Of two values of one name nobody knows which was meant, and of a
/// list the places would count, not the names.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        return Err(no_object("The body", "请求内容"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let _: Unique = serde_path_to_error::deserialize(&mut json).map_err(|error| refused(place_of(&error), error.inner()))?;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| refused(place_of(&error), error.inner()))?;
    json.end().map_err(|error| refused(String::new(), &error))?;
    Ok(value)
}

/// Reads a part of a body that stands for itself, such as one of many records.
pub fn read_part<T: DeserializeOwned>(part: Json) -> Result<T, Error> {
    if part.is_array() {
        return Err(no_object("The item", "该项"));
    }
    serde_path_to_error::deserialize(part).map_err(|error| refused(place_of(&error), error.inner()))
}

fn no_object(subject: &str, subject_zh: &str) -> Error {
    let (en, zh) = of_type("sequence", "a map");
    Error::Invalid { field: None, message: Text::new(format!("{subject} {en}."), format!("{subject_zh}{zh}。")) }
}

/// Any JSON in which no object names something twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Unique)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if names.contains(&name) {
                return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
            }
            names.insert(name);
            map.next_value::<Unique>()?;
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self, A::Error> {
        while elements.next_element::<Unique>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}

fn place_of(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    if error.path().iter().next().is_none() { String::new() } else { error.path().to_string() }
}

fn refused(path: String, error: &serde_json::Error) -> Error {
    if error.classify() != Category::Data {
        return not_json(error);
    }
    let whole = error.to_string();
    let said = whole.rsplit_once(" at line ").map_or(&*whole, |(said, _)| said);
    let (path, (en, zh)) = in_words(path, said);
    let place: String = path.chars().take(NAME_CHARS_MAX).collect();
    let (subject, subject_zh) = if place.is_empty() {
        ("The body".to_owned(), "请求内容".to_owned())
    } else {
        (format!("`{place}`"), format!("“{place}”"))
    };
    Error::Invalid {
        field: Some(place).filter(|place| !place.is_empty()),
        message: Text::new(format!("{subject} {en}."), format!("{subject_zh}{zh}。")),
    }
}

/// What serde says of a value, in our words: the place, and what is wrong there.
pub fn in_words(path: String, said: &str) -> (String, (String, String)) {
    let (start, expected) = said.split_once(", expected ").unwrap_or((said, ""));
    let named = quoted(start).next().unwrap_or_default().to_owned();
    if start.starts_with("missing field") {
        (below(path, &named), missing())
    } else if start.starts_with("unknown field") {
        (below(path, &named), unknown(&named, quoted(expected)))
    } else if start.starts_with("duplicate field") {
        (below(path, &named), ("stands there twice".to_owned(), "重复出现".to_owned()))
    } else if start.starts_with("unknown variant") {
        (path, one_of(quoted(expected)))
    } else if let Some(found) = start.strip_prefix("invalid type: ").or(start.strip_prefix("invalid value: ")) {
        (path, of_type(found, expected))
    } else {
        (path, named_wrongly(start).unwrap_or_else(|| (format!("is not taken: {said}"), "的值无法识别".to_owned())))
    }
}

/// What is wrong with a text that names nothing: what such names look like.
fn named_wrongly(said: &str) -> Option<(String, String)> {
    if said.starts_with("UUID parsing failed") {
        return Some((format!("is an id, such as `{ID_EXAMPLE}`"), format!("应为编号，例如 {ID_EXAMPLE}")));
    }
    let (_, what) = said.split_once("` is no ")?;
    let zh = match what {
        "change hash" => "64 位十六进制的更改编号",
        _ if what.starts_with("name ") => "标识（a-z、0-9 和 _，以字母开头）",
        _ => "编号",
    };
    let en = if what == "change hash" { "the hash of a change: 64 characters, 0 to 9 and a to f".to_owned() } else { format!("a {what}") };
    Some((format!("is {en}"), format!("应为{zh}")))
}

fn not_json(error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let message = match error.classify() {
        Category::Eof if column == 0 => Text::new("The body is empty: a JSON object is expected.", "请求内容为空，应为 JSON 对象。"),
        Category::Eof => Text::new(
            format!("The body is not JSON: it ends too early, at line {line}, column {column}."),
            format!("请求内容不是有效的 JSON：在第 {line} 行第 {column} 列提前结束。"),
        ),
        _ => Text::new(
            format!("The body is not JSON: look at line {line}, column {column}."),
            format!("请求内容不是有效的 JSON：请检查第 {line} 行第 {column} 列。"),
        ),
    };
    Error::Invalid { field: None, message }
}

/// The place of a member. Where members are read by a tag, the path ends with the object that has it.
fn below(path: String, name: &str) -> String {
    match path.as_str() {
        "" => name.to_owned(),
        whole if whole == name || whole.ends_with(&format!(".{name}")) => path,
        parent => format!("{parent}.{name}"),
    }
}

/// The words between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn missing() -> (String, String) {
    ("is missing".to_owned(), "缺失".to_owned())
}

/// That a name is none of those that are valid there, and which was probably meant.
pub fn unknown<'a>(name: &str, valid: impl Iterator<Item = &'a str>) -> (String, String) {
    let hint = Hint::for_word(name, valid);
    (format!("is unknown{hint}"), format!("未知{}", hint.zh()))
}

fn one_of<'a>(valid: impl Iterator<Item = &'a str>) -> (String, String) {
    let valid: Vec<&str> = valid.collect();
    (format!("is one of: {}", valid.join(", ")), format!("应为以下之一：{}", valid.join("、")))
}

fn of_type(found: &str, expected: &str) -> (String, String) {
    let number = format!("`{}`", quoted(found).next().unwrap_or_default());
    let (found, found_zh) = match found.split([' ', ',']).next().unwrap_or_default() {
        "string" | "character" => ("a text", "文本"),
        "integer" | "floating" => (&*number, &*number),
        "boolean" => ("a boolean", "布尔值"),
        "null" | "unit" => ("null", "null"),
        "sequence" => ("a list", "列表"),
        "map" => ("an object", "对象"),
        other => (other, other),
    };
    let (wanted, wanted_zh) = match expected {
        "a boolean" => ("`true` or `false`", "true 或 false"),
        "a string" | "a borrowed string" => ("a text", "文本"),
        "a sequence" => ("a list", "列表"),
        "u8" | "u16" | "u32" | "u64" | "usize" => ("a whole number of 0 or more", "不小于 0 的整数"),
        "i8" | "i16" | "i32" | "i64" | "isize" => ("a whole number", "整数"),
        "f32" | "f64" => ("a number", "数字"),
        "a map" => ("an object", "对象"),
        "a formatted UUID string" => (ID, ID_ZH),
        structure if structure.starts_with("struct ") || structure.contains("enum ") => ("an object", "对象"),
        other => (other, other),
    };
    (format!("is {wanted}, not {found}"), format!("应为{wanted_zh}，而不是{found_zh}"))
}

//! What texts are ordered by: Chinese by pinyin and among Latin letters, in memory and in every database alike.
//!
//! Beside the row of a facet stand the keys of those of its texts that are ordered by something else than their letters;
//! texts of ASCII have none. Databases compare keys byte by byte: they know no language, and any program reads them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::schema::{Field, Kind, Merge, ValueType};
use crate::search::sounds;
use crate::value::JsonRef;

/// To be raised whenever keys come out otherwise, those of titles included: a database makes what it holds again when
/// it is opened.
pub const VERSION: u8 = 1;

/// Characters that a key spells out, each with some eight bytes: names of places and people have no more, and texts
/// that begin alike are told apart by their bytes.
pub const KEY_CHARS: usize = 24;

/// What a text is ordered by before its bytes: Chinese by pinyin, equal syllables by character, without accents and
/// punctuation; a text of ASCII by its letters without regard to case.
///
/// ```
/// use sync_core::collation::key;
/// assert_eq!((key("北京"), key("O'Brien"), key("Émile")), ("bei 北 jing 京".into(), "o'brien".into(), "emile".into()));
/// ```
pub fn key(text: &str) -> Cow<'_, str> {
    match text.is_ascii() {
        true if text.bytes().any(|byte| byte.is_ascii_uppercase()) => Cow::Owned(text.to_ascii_lowercase()),
        true => Cow::Borrowed(text),
        false => Cow::Owned(sounds(text, KEY_CHARS)),
    }
}

/// A text with all that it is ordered by.
pub fn order(text: &str) -> (Cow<'_, str>, &str) {
    (key(text), text)
}

/// As [`order`], for what outlives the text: keys that are worked out once for a whole list.
pub fn owned_order(text: &str) -> (String, String) {
    (key(text).into_owned(), text.to_owned())
}

/// Whether a record's texts in a field have keys: short ones of which it has one. The title has a key of its own, and
/// nobody orders by what takes a paragraph.
pub fn has_keys(kind: &Kind, field: &Field) -> bool {
    let is_short = match &field.value {
        ValueType::String | ValueType::Phone | ValueType::Email | ValueType::Address => true,
        ValueType::Paragraph | ValueType::Url | ValueType::Integer | ValueType::Number | ValueType::Boolean => false,
        ValueType::Date | ValueType::Datetime | ValueType::Choice | ValueType::Link | ValueType::Money => false,
        ValueType::Period | ValueType::Geo | ValueType::Unknown(_) => false,
    };
    let is_single = match &field.merge {
        Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Unknown(_) => true,
        Merge::Set | Merge::List | Merge::Log | Merge::Counter | Merge::Text | Merge::Derived => false,
    };
    is_short && is_single && field.name != kind.title
}

/// The keys of a facet's row as a JSON object, by `field` or `field.part`; none for nearly every row of Latin text.
pub fn keys(kind: &Kind, row: &Map<String, Json>) -> Option<String> {
    let row: Vec<(&str, JsonRef<'_>)> = row.iter().map(|(name, value)| (name.as_str(), JsonRef::Owned(value.clone()))).collect();
    keys_in(kind, &row)
}

/// As [`keys`], of a row that is borrowed from its document.
pub(crate) fn keys_in(kind: &Kind, row: &[(&str, JsonRef<'_>)]) -> Option<String> {
    let mut keys = BTreeMap::new();
    for (name, value) in row {
        match value {
            JsonRef::Text(text) => add(&mut keys, kind, (name, None), text),
            JsonRef::Owned(Json::String(text)) => add(&mut keys, kind, (name, None), text),
            JsonRef::Owned(Json::Object(parts)) => {
                let texts = parts.iter().filter_map(|(part, value)| Some((part, value.as_str()?)));
                texts.for_each(|(part, text)| add(&mut keys, kind, (name, Some(part)), text));
            }
            JsonRef::Bool(_) | JsonRef::Int(_) | JsonRef::Float(_) | JsonRef::Array(_) | JsonRef::Object(_) | JsonRef::Owned(_) => {}
        }
    }
    // Texts by texts cannot fail.
    if keys.is_empty() { None } else { serde_json::to_string(&keys).ok() }
}

/// What is ASCII costs a look at its bytes and nothing else.
fn add(keys: &mut BTreeMap<String, String>, kind: &Kind, (name, part): (&str, Option<&String>), text: &str) {
    if !text.is_ascii() && kind.field(name).is_some_and(|field| has_keys(kind, field)) {
        let path = part.map_or_else(|| name.to_owned(), |part| format!("{name}.{part}"));
        keys.insert(path, key(text).into_owned());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Schema;
    use crate::search::sort_key;

    fn ordered(mut texts: Vec<&str>) -> Vec<&str> {
        texts.sort_by(|left, right| order(left).cmp(&order(right)));
        texts
    }

    #[test]
    fn cities_come_by_pinyin_and_among_latin_letters() {
        let cities = ["重庆", "Berlin", "长沙", "北京", "安庆", "西安", "Xi", "厦门", "Äther", "", "zurich", "Zürich", "beijing", "吕梁"];
        let expected = ["", "安庆", "Äther", "北京", "beijing", "Berlin", "长沙", "重庆", "吕梁", "Xi", "西安", "厦门", "Zürich", "zurich"];
        assert_eq!(ordered(cities.to_vec()), expected);
    }

    #[test]
    fn latin_texts_are_ordered_as_ever_and_chinese_ones_as_titles_are() {
        let latin = ["a-b", "A b", "ab", "AB", "Ab", "a_b", "b", "", "O'Brien", "obrien", "12", "2"];
        let mut as_ever = latin.to_vec();
        as_ever.sort_by_key(|text| (text.to_ascii_lowercase(), *text));
        assert_eq!(ordered(latin.to_vec()), as_ever);
        let chinese = ["张三", "张三丰", "章三", "李四", "李 四", "重庆", "重要", "长春", "银行", "行走", "女", "一", "（李）"];
        let mut as_titles = chinese.to_vec();
        as_titles.sort_by_key(|text| sort_key(text));
        assert_eq!(ordered(chinese.to_vec()), as_titles);
    }

    #[test]
    fn keys_are_short_however_long_the_text_is() {
        let (text, longer) = ("庄".repeat(KEY_CHARS), "庄".repeat(KEY_CHARS + 900));
        assert_eq!(key(&text), key(&longer));
        assert!(key(&longer).len() <= KEY_CHARS * "zhuang 庄 ".len());
    }

    #[test]
    fn only_short_texts_that_are_not_ascii_have_keys_beside_the_row() {
        let schema = Schema::builtin();
        let party = schema.kind("party").unwrap();
        let row = |row: Json| keys(party, row.as_object().unwrap());
        assert_eq!(
            row(json!({"name": "佳美", "notes": "北京", "industry": "Hotels", "tax_id": 5, "tags": ["酒店"], "unknown": "京"})),
            None
        );
        let found = row(json!({"name": "佳美", "industry": "酒店", "source": "Messe Köln"}));
        assert_eq!(found.as_deref(), Some(r#"{"industry":"jiu 酒 dian 店","source":"messe koln"}"#));
    }
}

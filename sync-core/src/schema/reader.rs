//! A TOML text read by hand, so that every refusal knows its line and the nearest valid word.
//!
//! Knows nothing about kinds or roles: their parsers ask for keys, this answers with values and places.

use toml::de::{DeTable, DeValue};

use super::write::quoted;
use super::{Label, Reading};
use crate::id::BadId;
use crate::spelling;

/// What is wrong, and the byte of the text where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) at: usize,
    pub(crate) message: String,
    /// The same in Chinese, where the mistake may be one of a form.
    pub(crate) message_zh: Option<String>,
}

impl Mistake {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), message_zh: None }
    }

    /// The same mistake, told in Chinese, too.
    pub(crate) fn zh(self, message: impl Into<String>) -> Self {
        Self { message_zh: Some(message.into()), ..self }
    }

    /// What people read; in English where nothing else is said.
    pub(crate) fn words(self) -> Label {
        Label { zh: self.message_zh.unwrap_or_else(|| self.message.clone()), en: self.message }
    }

    /// The line of the mistake in its text, counted from one.
    pub(crate) fn line(&self, text: &str) -> usize {
        1 + text.bytes().take(self.at).filter(|byte| *byte == b'\n').count()
    }
}

/// A string of the text and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<'t> {
    pub(crate) text: &'t str,
    pub(crate) at: usize,
}

impl Word<'_> {
    /// The word as a name, id or the like.
    pub(crate) fn parse<T: std::str::FromStr<Err = BadId>>(&self) -> Result<T, Mistake> {
        self.text.parse().map_err(|bad: BadId| {
            let Label { en, zh } = bad.words();
            self.mistake(en).zh(zh)
        })
    }

    /// A mistake at this word.
    pub(crate) fn mistake(&self, message: impl Into<String>) -> Mistake {
        Mistake::new(self.at, message)
    }
}

/// One table of the text.
#[derive(Clone, Copy)]
pub(crate) struct Section<'t> {
    table: &'t DeTable<'t>,
    at: usize,
    reading: Reading,
}

/// Reads a whole text with `read`, which gets its top level.
pub(crate) fn read<T>(text: &str, reading: Reading, read: impl FnOnce(Section<'_>) -> Result<T, Mistake>) -> Result<T, Mistake> {
    let root = DeTable::parse(text).map_err(|error| {
        let mistake = Mistake::new(error.span().map_or(0, |span| span.start), error.message());
        mistake.zh("不是有效的 TOML")
    })?;
    read(Section { table: root.get_ref(), at: root.span().start, reading })
}

impl<'t> Section<'t> {
    pub(crate) fn is_strict(&self) -> bool {
        self.reading == Reading::Strict
    }

    /// A mistake about the table as a whole.
    pub(crate) fn mistake(&self, message: impl Into<String>) -> Mistake {
        Mistake::new(self.at, message)
    }

    /// A mistake at a key of the table, or at the table when the key is missing.
    pub(crate) fn mistake_at(&self, key: &str, message: impl Into<String>) -> Mistake {
        Mistake::new(self.table.get(key).map_or(self.at, |value| value.span().start), message)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Refuses keys that nobody asks for; a lenient reading ignores them.
    pub(crate) fn only(&self, what: &str, known: &[&str]) -> Result<(), Mistake> {
        if self.is_strict() { self.nothing_but(what, known) } else { Ok(()) }
    }

    /// Refuses keys that nobody asks for, whoever reads.
    pub(crate) fn nothing_but(&self, what: &str, known: &[&str]) -> Result<(), Mistake> {
        let Some((key, _)) = self.table.iter().find(|(key, _)| !known.contains(&key.get_ref().as_ref())) else { return Ok(()) };
        let message = format!("{what} has no key `{}`{}", key.get_ref(), nearest(key.get_ref(), known.iter().copied()));
        let zh = format!("不能有 `{}`{}", key.get_ref(), nearest_zh(key.get_ref(), known.iter().copied()));
        Err(Mistake::new(key.span().start, message).zh(zh))
    }

    /// The value of a key as TOML on one line, whatever it is.
    pub(crate) fn raw(&self, key: &str) -> Option<String> {
        self.table.get(key).map(|value| inline(value.get_ref()))
    }

    pub(crate) fn word(&self, key: &str) -> Result<Option<Word<'t>>, Mistake> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::String(text) => Ok(Some(Word { text, at: value.span().start })),
            other => Err(wrong_type(value.span().start, key, "a string", other)),
        }
    }

    /// A word that must be there.
    pub(crate) fn required(&self, what: &str, key: &str) -> Result<Word<'t>, Mistake> {
        self.word(key)?.ok_or_else(|| self.mistake(format!("{what} has no `{key}`")).zh(format!("缺少 `{key}`")))
    }

    pub(crate) fn words(&self, key: &str) -> Result<Vec<Word<'t>>, Mistake> {
        let read = |value: &'t toml::Spanned<DeValue<'t>>| match value.get_ref() {
            DeValue::String(text) => Ok(Word { text, at: value.span().start }),
            other => Err(wrong_type(value.span().start, key, "a list of strings", other)),
        };
        self.array(key, "a list of strings")?.map_or(Ok(Vec::new()), |array| array.iter().map(read).collect())
    }

    pub(crate) fn flag(&self, key: &str) -> Result<bool, Mistake> {
        let Some(value) = self.table.get(key) else { return Ok(false) };
        match value.get_ref() {
            DeValue::Boolean(flag) => Ok(*flag),
            other => Err(wrong_type(value.span().start, key, "true or false", other)),
        }
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>, Mistake> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let number = match value.get_ref() {
            DeValue::Integer(digits) if digits.radix() == 10 => digits.as_str().parse::<f64>().ok(),
            DeValue::Float(digits) => digits.as_str().parse::<f64>().ok().filter(|number| number.is_finite()),
            _ => None,
        };
        number.map(Some).ok_or_else(|| wrong_type(value.span().start, key, "a number", value.get_ref()))
    }

    pub(crate) fn section(&self, key: &str) -> Result<Option<Section<'t>>, Mistake> {
        self.table.get(key).map(|value| self.enter(key, value)).transpose()
    }

    pub(crate) fn sections(&self, key: &str) -> Result<Vec<Section<'t>>, Mistake> {
        let array = self.array(key, "a list of tables")?;
        array.map_or(Ok(Vec::new()), |array| array.iter().map(|value| self.enter(key, value)).collect())
    }

    fn enter(&self, key: &str, value: &'t toml::Spanned<DeValue<'t>>) -> Result<Section<'t>, Mistake> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(Section { table, at: value.span().start, reading: self.reading }),
            other => Err(wrong_type(value.span().start, key, "a table", other)),
        }
    }

    fn array(&self, key: &str, wanted: &str) -> Result<Option<&'t toml::de::DeArray<'t>>, Mistake> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Array(array) => Ok(Some(array)),
            other => Err(wrong_type(value.span().start, key, wanted, other)),
        }
    }
}

fn inline(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
        DeValue::Array(array) => format!("[{}]", array.iter().map(|value| inline(value.get_ref())).collect::<Vec<_>>().join(", ")),
        DeValue::Table(table) => {
            let parts = table.iter().map(|(key, value)| format!("{} = {}", quoted(key.get_ref()), inline(value.get_ref())));
            format!("{{ {} }}", parts.collect::<Vec<_>>().join(", "))
        }
    }
}

fn wrong_type(at: usize, key: &str, wanted: &str, got: &DeValue<'_>) -> Mistake {
    Mistake::new(at, format!("`{key}` must be {wanted}, not {}", got.type_str())).zh(format!("`{key}` 的类型不对"))
}

/// `, did you mean ...?` when one of `words` is close, otherwise the words there are.
pub(crate) fn nearest<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> String {
    /// A longer list helps nobody.
    const LISTED_MAX: usize = 24;
    if word.len() > spelling::WORD_MAX {
        return String::new();
    }
    let words: Vec<&str> = words.into_iter().collect();
    match spelling::meant(word, words.iter().copied()) {
        Some(known) => format!(", did you mean `{known}`?"),
        None if words.is_empty() => String::new(),
        None => {
            format!(": one of {}{}", words[..words.len().min(LISTED_MAX)].join(", "), if words.len() > LISTED_MAX { ", ..." } else { "" })
        }
    }
}

/// As [`nearest`] in Chinese; a longer list of words is left out.
pub(crate) fn nearest_zh<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> String {
    let meant = if word.len() > spelling::WORD_MAX { None } else { spelling::meant(word, words) };
    meant.map(|known| format!("，是不是“{known}”？")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_and_otherwise_all_of_them() {
        let known = ["register", "visible", "set"];
        assert_eq!(nearest("visibel", known), ", did you mean `visible`?");
        assert_eq!(nearest("regsiter", known), ", did you mean `register`?");
        assert_eq!(nearest("lww", known), ": one of register, visible, set");
        assert_eq!(nearest("x", []), "");
    }
}

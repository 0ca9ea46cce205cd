//! The one door for kinds: built-in files and custom definitions are read here.
//!
//! Reading is here, the rules of good kinds are in `validate`; who may author a kind is `access`.

use std::collections::BTreeSet;

use super::reader::{self, Mistake, Section, Word, nearest};
use super::words::{COLOURS, DEFINITION_MAX};
use super::{
    Board, Choice, Field, Fill, Formula, Frozen, Heading, Kind, Label, Menu, Merge, Need, Sharing, Trait, ValueType, gate, validate,
};
use crate::id::{Facet, FieldName};

/// A kind that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}:{line}: {message}")]
pub struct BadKind {
    /// The file or record it came from.
    pub origin: String,
    /// The line of the text, counted from one.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
    /// The same in Chinese, where the form of kinds can go wrong so.
    pub message_zh: Option<String>,
}

impl BadKind {
    /// What is wrong, without the line.
    pub fn words(&self) -> Label {
        Label { en: self.message.clone(), zh: self.message_zh.clone().unwrap_or_else(|| self.message.clone()) }
    }
}

/// Who is reading: an author who wants to be told, or the wire that must not lose anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Every unknown key, type and policy is refused, and so is whatever makes no sense.
    Strict,
    /// What is unknown is carried through; only what cannot be a kind at all is refused.
    Lenient,
}

impl Kind {
    /// Reads a kind from its TOML text; `origin` names it in errors.
    ///
    /// # Errors
    /// [`BadKind`] with line and words, for the first mistake in the text.
    pub fn parse(origin: &str, text: &str, reading: Reading) -> Result<Kind, BadKind> {
        let bad = |mistake: Mistake| {
            let line = mistake.line(text);
            BadKind { origin: origin.to_owned(), line, message: mistake.message, message_zh: mistake.message_zh }
        };
        if text.len() > DEFINITION_MAX {
            let mistake = Mistake::new(0, format!("a kind of {} bytes is larger than {DEFINITION_MAX}", text.len()));
            return Err(bad(mistake.zh(format!("对象定义有 {} 字节，上限为 {DEFINITION_MAX}", text.len()))));
        }
        reader::read(text, reading, |root| {
            let kind = kind(root)?;
            if root.is_strict() {
                validate::kind(&kind, root)?;
            }
            Ok(kind)
        })
        .map_err(bad)
    }
}

/// Whole numbers up to here are told apart by every reader.
const BOUND_MAX: f64 = 9_007_199_254_740_991.0;
const KIND_KEYS: [&str; 16] = [
    "name", "label", "plural", "menu", "title", "list", "search", "match", "owner", "sharing", "board", "happens", "answers", "gap",
    "portrait", "field",
];
const FIELD_KEYS: [&str; 19] = [
    "name", "label", "type", "merge", "facet", "required", "options", "default", "after", "min", "max", "to", "items", "key", "fill",
    "copies", "frozen", "formula", "hidden",
];

fn kind(root: Section<'_>) -> Result<Kind, Mistake> {
    root.only("a kind", &KIND_KEYS)?;
    let name = root.required("the kind", "name")?;
    let label = label(root, "label", &format!("kind `{}`", name.text), name)?;
    let plural = if root.is_strict() || root.has("plural") {
        self::label(root, "plural", &format!("kind `{}`", name.text), name)?
    } else {
        label.clone()
    };
    if root.is_strict() && !root.has("list") {
        return Err(root.mistake("the kind has no `list`: the columns of its list, in order"));
    }
    Ok(Kind {
        name: name.parse()?,
        label,
        plural,
        menu: root.section("menu")?.map(menu).transpose()?.flatten(),
        title: root.required("the kind", "title")?.parse()?,
        list: names(root, "list")?,
        search: names(root, "search")?,
        matches: names(root, "match")?,
        owner: root.word("owner")?.map(|word| word.parse()).transpose()?,
        sharing: root.section("sharing")?.map(sharing).transpose()?.unwrap_or_default(),
        board: root.section("board")?.map(board).transpose()?,
        happens: names(root, "happens")?,
        answers: root.word("answers")?.map(|word| word.parse()).transpose()?,
        gaps: gate::gaps(root)?,
        portrait: Trait::read_all(root)?,
        fields: fields(root, "field", "the kind")?,
    })
}

/// Where a kind stands in menus; nowhere under a heading that only a newer server knows.
fn menu(section: Section<'_>) -> Result<Option<Menu>, Mistake> {
    section.only("`menu`", &["under", "place"])?;
    let under = section.required("`menu`", "under")?;
    let known = Heading::EVERY.into_iter().find(|heading| heading.word() == under.text);
    match known {
        None if section.is_strict() => {
            let hint = nearest(under.text, Heading::EVERY.map(Heading::word));
            let mistake = under.mistake(format!("there is no heading `{}`{hint}", under.text));
            Err(mistake.zh(format!("没有菜单分组 `{}`", under.text)))
        }
        None => Ok(None),
        Some(under) => Ok(Some(Menu { under, place: bound(section, "place")?.unwrap_or_default() })),
    }
}

fn sharing(section: Section<'_>) -> Result<Sharing, Mistake> {
    section.only("`sharing`", &["follows", "teams", "territories", "everyone", "personal", "key", "manager"])?;
    let field = |key| section.word(key)?.map(|word| word.parse()).transpose();
    Ok(Sharing {
        follows: field("follows")?,
        teams: field("teams")?,
        territories: field("territories")?,
        everyone: section.flag("everyone")?,
        personal: section.flag("personal")?,
        key: field("key")?,
        manager: field("manager")?,
    })
}

fn board(section: Section<'_>) -> Result<Board, Mistake> {
    section.only("a board", &["by", "sum", "closed", "pipelines"])?;
    let sum = section.word("sum")?.map(|word| word.parse()).transpose()?;
    let closed = section.words("closed")?.into_iter().map(|word| word.text.to_owned()).collect();
    let pipelines = section.word("pipelines")?.map(|word| word.parse()).transpose()?;
    Ok(Board { by: section.required("the board", "by")?.parse()?, sum, closed, pipelines })
}

/// The fields of a kind or of a row. Two of one name would share a path, so no reading allows that.
fn fields(section: Section<'_>, key: &str, what: &str) -> Result<Vec<Field>, Mistake> {
    let mut fields: Vec<Field> = Vec::new();
    let mut names = BTreeSet::new();
    for section in section.sections(key)? {
        let Some(field) = field(section)? else { continue };
        if !names.insert(field.name.clone()) {
            let mistake = section.mistake_at("name", format!("{what} has two fields `{}`", field.name));
            return Err(mistake.zh(format!("有两个字段都叫“{}”", field.name)));
        }
        fields.push(field);
    }
    Ok(fields)
}

/// A field; none when it lives in a facet this build does not know, and so never receives.
fn field(section: Section<'_>) -> Result<Option<Field>, Mistake> {
    section.only("a field", &FIELD_KEYS)?;
    let name = section.required("the field", "name")?;
    let what = format!("field `{}`", name.text);
    let Some(facet) = facet(section)? else { return Ok(None) };
    Ok(Some(Field {
        name: name.parse()?,
        label: label(section, "label", &what, name)?,
        value: value_type(section)?,
        merge: merge(section)?,
        facet,
        required: section.flag("required")?,
        options: section.sections("options")?.into_iter().map(choice).collect::<Result<_, _>>()?,
        default: section.word("default")?.map(|word| word.text.to_owned()),
        after: section.word("after")?.map(|word| word.parse()).transpose()?,
        min: bound(section, "min")?,
        max: bound(section, "max")?,
        to: section.words("to")?.iter().map(Word::parse).collect::<Result<_, _>>()?,
        items: fields(section, "items", &what)?,
        key: section.words("key")?.iter().map(Word::parse).collect::<Result<_, _>>()?,
        fill: Fill::read(section)?,
        copies: section.word("copies")?.map(|word| word.parse()).transpose()?,
        frozen: section.section("frozen")?.map(frozen).transpose()?,
        formula: Formula::read(section)?,
        hidden: section.flag("hidden")?,
    }))
}

fn value_type(section: Section<'_>) -> Result<ValueType, Mistake> {
    let Some(word) = section.word("type")? else { return Ok(ValueType::String) };
    match ValueType::of_word(word.text) {
        ValueType::Unknown(text) if section.is_strict() => {
            Err(word.mistake(format!("there is no type `{text}`{}", nearest(&text, ValueType::KNOWN.iter().map(ValueType::as_str)))))
        }
        value => Ok(value),
    }
}

fn merge(section: Section<'_>) -> Result<Merge, Mistake> {
    let Some(word) = section.word("merge")? else { return Ok(Merge::Register) };
    match Merge::of_word(word.text) {
        Merge::Unknown(text) if section.is_strict() => {
            Err(word.mistake(format!("there is no merge policy `{text}`{}", nearest(&text, Merge::KNOWN.iter().map(Merge::as_str)))))
        }
        merge => Ok(merge),
    }
}

fn facet(section: Section<'_>) -> Result<Option<Facet>, Mistake> {
    let Some(word) = section.word("facet")? else { return Ok(Some(Facet::Main)) };
    match word.text.parse() {
        Ok(facet) => Ok(Some(facet)),
        Err(_) if section.is_strict() => {
            Err(word.mistake(format!("there is no facet `{}`{}", word.text, nearest(word.text, Facet::ALL.map(Facet::as_str)))))
        }
        Err(_) => Ok(None),
    }
}

fn choice(section: Section<'_>) -> Result<Choice, Mistake> {
    const KEYS: [&str; 11] = ["value", "label", "colour", "weight", "hidden", "needs", "asks", "tasks", "days", "escalate_days", "columns"];
    section.only("an option", &KEYS)?;
    let value = section.required("the option", "value")?;
    let colour = section.word("colour")?;
    if let Some(colour) = colour.filter(|colour| section.is_strict() && !COLOURS.contains(&colour.text)) {
        return Err(colour.mistake(format!("there is no colour `{}`{}", colour.text, nearest(colour.text, COLOURS))));
    }
    Ok(Choice {
        value: value.text.to_owned(),
        label: label(section, "label", &format!("option `{}`", value.text), value)?,
        colour: colour.map(|colour| colour.text.to_owned()),
        weight: weight(section)?,
        hidden: section.flag("hidden")?,
        needs: Need::read_all(section)?,
        asks: names(section, "asks")?,
        tasks: section.words("tasks")?.iter().map(|word| word.text.to_owned()).collect(),
        days: gate::days(section, "days")?,
        escalate_days: gate::days(section, "escalate_days")?,
        columns: section.words("columns")?.iter().map(|word| word.text.to_owned()).collect(),
    })
}

/// Percent, whole.
fn weight(section: Section<'_>) -> Result<Option<u8>, Mistake> {
    let Some(number) = section.number("weight")? else { return Ok(None) };
    let is_percent = (0.0..=100.0).contains(&number) && number.fract() == 0.0;
    match is_percent {
        true => Ok(Some(number as u8)),
        false if section.is_strict() => {
            let mistake = section.mistake_at("weight", "`weight` is a percentage: a whole number from 0 to 100");
            Err(mistake.zh("选项的比重是百分比：0 到 100 的整数"))
        }
        false => Ok(None),
    }
}

/// A whole number; another one is not heard of where a newer server may have said it.
fn bound(section: Section<'_>, key: &str) -> Result<Option<i64>, Mistake> {
    let Some(number) = section.number(key)? else { return Ok(None) };
    let is_whole = number.fract() == 0.0 && number.abs() <= BOUND_MAX;
    match is_whole {
        true => Ok(Some(number as i64)),
        false if section.is_strict() => {
            let mistake = section.mistake_at(key, format!("`{key}` is a whole number"));
            Err(mistake.zh(format!("`{key}` 须为整数")))
        }
        false => Ok(None),
    }
}

fn frozen(section: Section<'_>) -> Result<Frozen, Mistake> {
    section.only("`frozen`", &["field", "in"])?;
    Ok(Frozen {
        field: section.required("`frozen`", "field")?.parse()?,
        values: section.words("in")?.iter().map(|word| word.text.to_owned()).collect(),
    })
}

/// A label in both languages; a lenient reading falls back to the other language, then to the name.
pub(crate) fn label(section: Section<'_>, key: &str, what: &str, fallback: Word<'_>) -> Result<Label, Mistake> {
    let Some(words) = section.section(key)? else {
        if section.is_strict() {
            let mistake = section.mistake(format!("{what} has no `{key}`: {{ en = \"...\", zh = \"...\" }}"));
            return Err(mistake.zh(format!("缺少 `{key}`：{{ en = \"...\", zh = \"...\" }}")));
        }
        return Ok(Label { en: fallback.text.to_owned(), zh: fallback.text.to_owned() });
    };
    words.only("a label", &["en", "zh"])?;
    let (en, zh) = (words.word("en")?, words.word("zh")?);
    for (language, word) in [("en", en), ("zh", zh)] {
        if section.is_strict() && word.is_none_or(|word| word.text.trim().is_empty()) {
            let named = if language == "en" { "英文" } else { "中文" };
            return Err(words.mistake(format!("the `{key}` of {what} has no `{language}`")).zh(format!("`{key}` 缺少{named}")));
        }
    }
    let text = |first: Option<Word<'_>>, second: Option<Word<'_>>| first.or(second).unwrap_or(fallback).text.to_owned();
    Ok(Label { en: text(en, zh), zh: text(zh, en) })
}

fn names(section: Section<'_>, key: &str) -> Result<Vec<FieldName>, Mistake> {
    section.words(key)?.iter().map(Word::parse).collect()
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;

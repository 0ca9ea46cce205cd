//! What stands between a record and a state, and what is easily overlooked: declared as data.
//!
//! Here it is read, written and held to what makes sense; `record/gates` looks at records, and who lists them asks for gaps.

use std::fmt::Write as _;

use serde::Serialize;

use super::reader::{Mistake, Section, Word, nearest, nearest_zh};
use super::write::{label, line, quoted};
use super::{Choice, Field, Kind, Label, Merge, ValueType, is_false, parse};
use crate::id::{Facet, FieldName};

/// Stands in the conditions of a gap for its number of days.
pub const DAYS: &str = "\"@days\"";

/// A gap is about so many days at most: ten years.
const DAYS_MAX: f64 = 3_650.0;

/// Tasks that a state brings: more is no checklist.
const TASKS_MAX: usize = 20;
/// The subject of a task is one line.
const TASK_CHARS_MAX: usize = 200;

/// A fact that a record must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// The field that has it.
    pub field: FieldName,
    /// The part that some row of the field has it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<FieldName>,
    /// The option that must stand there; none where anything will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
}

/// Something that is easily overlooked: records of which the conditions hold want somebody's attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Its name within the kind.
    pub name: FieldName,
    /// What people read: `No next step`.
    pub label: Label,
    /// A list of conditions in the filter language, as JSON.
    #[serde(rename = "where")]
    pub filter: String,
    /// After so many days; `"@days"` stands for it in the conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// Whether it opens a task for whoever answers for the record, once.
    #[serde(skip_serializing_if = "is_false")]
    pub task: bool,
}

impl Gap {
    /// Its conditions, after its own number of days or another one.
    pub fn conditions(&self, days: Option<u32>) -> String {
        match self.days {
            Some(usual) => self.filter.replace(DAYS, &days.unwrap_or(usual).to_string()),
            None => self.filter.clone(),
        }
    }

    fn read(section: Section<'_>) -> Result<Self, Mistake> {
        section.only("a gap", &["name", "label", "where", "days", "task"])?;
        let name = section.required("the gap", "name")?;
        Ok(Self {
            name: name.parse()?,
            label: parse::label(section, "label", &format!("gap `{}`", name.text), name)?,
            filter: section.required("the gap", "where")?.text.to_owned(),
            days: days(section, "days")?,
            task: section.flag("task")?,
        })
    }

    /// The gap as a table of a kind's text.
    pub(super) fn write(&self, text: &mut String) {
        text.push_str("\n[[gap]]\n");
        line(text, "name", &quoted(&self.name));
        line(text, "label", &label(&self.label));
        if let Some(days) = self.days {
            line(text, "days", &days.to_string());
        }
        line(text, "where", &quoted(&self.filter));
        if self.task {
            line(text, "task", "true");
        }
    }
}

/// The gaps of a kind.
pub(super) fn gaps(root: Section<'_>) -> Result<Vec<Gap>, Mistake> {
    let mut gaps: Vec<Gap> = Vec::new();
    for section in root.sections("gap")? {
        let gap = Gap::read(section)?;
        if gaps.iter().any(|other| other.name == gap.name) {
            let mistake = section.mistake_at("name", format!("the kind has two gaps `{}`", gap.name));
            return Err(mistake.zh(format!("有两个盲区都叫“{}”", gap.name)));
        }
        gaps.push(gap);
    }
    Ok(gaps)
}

/// A number of days.
pub(super) fn days(section: Section<'_>, key: &'static str) -> Result<Option<u32>, Mistake> {
    let Some(number) = section.number(key)? else { return Ok(None) };
    match (1.0..=DAYS_MAX).contains(&number) && number.fract() == 0.0 {
        true => Ok(Some(number as u32)),
        false if section.is_strict() => {
            let mistake = section.mistake_at(key, format!("`{key}` is a whole number from 1 to {DAYS_MAX}"));
            Err(mistake.zh(format!("`{key}` 须为 1 到 {DAYS_MAX} 的整数")))
        }
        false => Ok(None),
    }
}

impl Need {
    /// The needs of an option.
    pub(super) fn read_all(option: Section<'_>) -> Result<Vec<Self>, Mistake> {
        let read = |section: Section<'_>| {
            section.only("what is needed", &["field", "part", "is"])?;
            Ok(Self {
                field: section.required("what is needed", "field")?.parse()?,
                part: section.word("part")?.map(|word| word.parse()).transpose()?,
                is: section.word("is")?.map(|word| word.text.to_owned()),
            })
        };
        option.sections("needs")?.into_iter().map(read).collect()
    }

    fn to_toml(&self) -> String {
        let part = self.part.as_ref().map(|part| format!(", part = {}", quoted(part))).unwrap_or_default();
        let is = self.is.as_ref().map(|is| format!(", is = {}", quoted(is))).unwrap_or_default();
        format!("{{ field = {}{part}{is} }}", quoted(&self.field))
    }

    /// What people call it: `People (Role: Decision maker)`.
    pub fn label(&self, kind: &Kind) -> Label {
        let Some(field) = kind.field(&self.field) else { return Label { en: self.field.to_string(), zh: self.field.to_string() } };
        let part = self.part.as_ref().and_then(|part| field.item(part));
        let option = self.is.as_ref().and_then(|is| part.unwrap_or(field).option(is));
        let said = |language| {
            let of = |label: &Label| label.in_language(language).to_owned();
            [part.map(|part| of(&part.label)), option.map(|option| of(&option.label))].into_iter().flatten().collect::<Vec<_>>()
        };
        let (en, zh) = (said("en").join(": "), said("zh").join("："));
        let Label { en: whole_en, zh: whole_zh } = &field.label;
        match en.is_empty() {
            true => field.label.clone(),
            false => Label { en: format!("{whole_en} ({en})"), zh: format!("{whole_zh}（{zh}）") },
        }
    }
}

/// What an option brings with it, as keys of its table.
pub(super) fn written(choice: &Choice) -> String {
    let mut text = String::new();
    let list = |words: Vec<String>| format!("[{}]", words.join(", "));
    let keys = [
        ("needs", choice.needs.iter().map(Need::to_toml).collect::<Vec<_>>()),
        ("asks", choice.asks.iter().map(|name| quoted(name)).collect()),
        ("tasks", choice.tasks.iter().map(|task| quoted(task)).collect()),
        ("columns", choice.columns.iter().map(|column| quoted(column)).collect()),
    ];
    for (key, words) in keys.into_iter().filter(|(_, words)| !words.is_empty()) {
        write!(text, ", {key} = {}", list(words)).expect("writing to a string does not fail");
    }
    for (key, days) in [("days", choice.days), ("escalate_days", choice.escalate_days)] {
        if let Some(days) = days {
            write!(text, ", {key} = {days}").expect("writing to a string does not fail");
        }
    }
    text
}

/// Holds what options bring with them to what makes sense; `section` is the field's.
pub(super) fn check(kind: &Kind, field: &Field, section: Section<'_>) -> Result<(), Mistake> {
    for (option, section) in field.options.iter().zip(section.sections("options")?) {
        let is_state = field.merge.is_single() && field.facet == Facet::Main && field.merge != Merge::Derived;
        if let Some(key) = ["needs", "asks", "tasks", "days"].into_iter().find(|key| section.has(key) && !is_state) {
            let mistake = section.mistake_at(key, format!("`{}` is no state that people choose: its options have no `{key}`", field.name));
            return Err(mistake.zh(format!("“{}”不是由人选择的单一状态，其选项不能有 `{key}`", field.name)));
        }
        for (need, section) in option.needs.iter().zip(section.sections("needs")?) {
            needed(kind, field, need, section)?;
        }
        for word in section.words("asks")? {
            writable(kind, field, word)?;
        }
        tasks(option, section)?;
        if option.days.is_none() && option.escalate_days.is_some() {
            let mistake = section.mistake_at("escalate_days", "`escalate_days` come after `days`: say those, too");
            return Err(mistake.zh("`escalate_days` 在 `days` 之后计算：请同时填写 `days`"));
        }
        columns(kind, field, section)?;
    }
    Ok(())
}

/// A field of the main document, so that whoever may choose the state sees it, and that people write.
fn writable<'k>(kind: &'k Kind, state: &Field, word: Word<'_>) -> Result<&'k Field, Mistake> {
    let known = || kind.fields.iter().map(|field| &*field.name);
    let missing = || {
        let mistake = word.mistake(format!("there is no field `{}`{}", word.text, nearest(word.text, known())));
        mistake.zh(format!("没有“{}”这个字段{}", word.text, nearest_zh(word.text, known())))
    };
    let field = kind.field(word.text).ok_or_else(missing)?;
    let is_written = !matches!(field.merge, Merge::Derived | Merge::Assigned) && field.facet == Facet::Main;
    if !is_written || field.name == state.name {
        let mistake = word.mistake(format!("`{}` cannot be asked for: that is a field that people write, in the main facet", word.text));
        return Err(mistake.zh(format!("不能要求填写“{}”：应为所有人可见、由人填写的其他字段", word.text)));
    }
    Ok(field)
}

fn needed(kind: &Kind, state: &Field, need: &Need, section: Section<'_>) -> Result<(), Mistake> {
    let field = writable(kind, state, section.required("what is needed", "field")?)?;
    let part = match section.word("part")? {
        Some(word) => Some(field.item(word.text).ok_or_else(|| {
            let mistake = word.mistake(format!("`{}` has no part `{}`", field.name, word.text));
            mistake.zh(format!("“{}”没有子字段“{}”", field.name, word.text))
        })?),
        None => None,
    };
    let Some(is) = &need.is else { return Ok(()) };
    let chosen = part.unwrap_or(field);
    if chosen.value != ValueType::Choice || chosen.option(is).is_none() {
        let mistake = section.mistake_at("is", format!("`{is}` is no option of `{}`", chosen.name));
        return Err(mistake.zh(format!("“{is}”不是“{}”的选项", chosen.name)));
    }
    Ok(())
}

/// A list of what is to be done is short, and so is each of its lines.
fn tasks(option: &Choice, section: Section<'_>) -> Result<(), Mistake> {
    let is_good = |task: &String| (1..=TASK_CHARS_MAX).contains(&task.trim().chars().count());
    if option.tasks.len() <= TASKS_MAX && option.tasks.iter().all(is_good) {
        return Ok(());
    }
    let message = format!("`tasks` are at most {TASKS_MAX} texts of 1 to {TASK_CHARS_MAX} characters");
    Err(section.mistake_at("tasks", message).zh(format!("`tasks` 最多 {TASKS_MAX} 项，每项 1 到 {TASK_CHARS_MAX} 个字符")))
}

fn columns(kind: &Kind, field: &Field, section: Section<'_>) -> Result<(), Mistake> {
    let words = section.words("columns")?;
    let Some(first) = words.first() else { return Ok(()) };
    let board = kind.board.as_ref().filter(|board| board.pipelines.as_ref() == Some(&field.name));
    let Some(by) = board.and_then(|board| kind.field(&board.by)) else {
        let mistake = first.mistake(format!("`{}` is not the board's `pipelines`: its options have no `columns`", field.name));
        return Err(mistake.zh(format!("“{}”不是看板的 `pipelines` 字段，其选项不能有 `columns`", field.name)));
    };
    match words.iter().find(|word| by.option(word.text).is_none()) {
        Some(word) => {
            let known = by.options.iter().map(|option| &*option.value);
            let mistake = word.mistake(format!("`{}` has no option `{}`{}", by.name, word.text, nearest(word.text, known.clone())));
            Err(mistake.zh(format!("“{}”没有选项“{}”{}", by.name, word.text, nearest_zh(word.text, known))))
        }
        None => Ok(()),
    }
}

/// The choice that a board is apart by: one of a record's own, and not its columns.
pub(super) fn pipelines(kind: &Kind, board: Section<'_>) -> Result<(), Mistake> {
    let Some(word) = board.word("pipelines")? else { return Ok(()) };
    let is_choice = |field: &&Field| field.value == ValueType::Choice && field.merge.is_single() && field.facet == Facet::Main;
    let by = kind.board.as_ref().map(|board| &board.by);
    match kind.field(word.text).filter(is_choice).filter(|field| Some(&field.name) != by) {
        Some(_) => Ok(()),
        None => {
            let mistake =
                word.mistake(format!("`board.pipelines` must be another choice with one value in the main facet: `{}` is not", word.text));
            Err(mistake.zh(format!("看板的 `pipelines` 应为另一个所有人可见的单选字段：“{}”不是", word.text)))
        }
    }
}

//! Why rows were left out, in the words that people see: labels of fields and choices, in both languages.

use sync_core::fence::Refusal;
use sync_core::record::fields::BadEdit;
use sync_core::record::valid::BadValue;
use sync_core::schema::{Field, Kind, Label};

use crate::intake::NotEdited;
use crate::jobs::cell::label;

/// What people call a field, or a part of its rows (`emails.value`).
pub(super) fn called(kind: &Kind, name: &str) -> Label {
    let (Some(field), Some(leaf)) = (whole(kind, name), leaf(kind, name)) else { return label(name, name) };
    match std::ptr::eq(field, leaf) {
        true => field.label.clone(),
        false => label(format!("{} · {}", field.label.en, leaf.label.en), format!("{} · {}", field.label.zh, leaf.label.zh)),
    }
}

/// The field that a name begins with.
fn whole<'a>(kind: &'a Kind, name: &str) -> Option<&'a Field> {
    kind.field(name.split(['.', '/']).next().unwrap_or_default())
}

/// The field that a name ends with.
fn leaf<'a>(kind: &'a Kind, name: &str) -> Option<&'a Field> {
    let field = whole(kind, name)?;
    Some(name.split_once('.').and_then(|(_, part)| field.item(part)).unwrap_or(field))
}

/// As [`reason`], with the field as people call it.
pub(super) fn reason_in(kind: &Kind, why: &NotEdited) -> Label {
    match why {
        NotEdited::BadEdit(BadEdit::BadValue { field, problem }) | NotEdited::Refused(Refusal::BadValue { field, problem }) => {
            let (Label { en, zh }, Label { en: why, zh: why_zh }) = (called(kind, field), bad_value(kind, field, problem));
            label(format!("{en}: {why}"), format!("{zh}：{why_zh}"))
        }
        other => reason(other),
    }
}

/// What is wrong with a value; choices by their labels, as people see them.
fn bad_value(kind: &Kind, name: &str, problem: &BadValue) -> Label {
    match (problem, leaf(kind, name)) {
        (BadValue::NoSuchOption { found, options }, Some(field)) => {
            let labels = |of: fn(&Label) -> &str| -> Vec<String> {
                options.iter().map(|word| field.option(word).map_or(word.clone(), |option| of(&option.label).to_owned())).collect()
            };
            let named = |options| BadValue::NoSuchOption { found: found.clone(), options };
            label(named(labels(|label| label.en.as_str())).to_string(), named(labels(|label| label.zh.as_str())).message_zh())
        }
        _ => label(problem.to_string(), problem.message_zh()),
    }
}

/// Why a record was not written, for people.
pub(crate) fn reason(why: &NotEdited) -> Label {
    let en = why.to_string();
    match why {
        NotEdited::Stale(_) => label(why.to_string(), "该记录在此期间已被修改"),
        NotEdited::Denied { message, .. } | NotEdited::Held { message, .. } => message.clone(),
        NotEdited::Refused(refusal) => label(en, refusal.message_zh()),
        NotEdited::UnknownKind(kind) => label(en, format!("没有名为“{kind}”的对象")),
        NotEdited::NoSuchRecord => label(en, "没有这条记录"),
        NotEdited::Crowded => label(en, "待处理的修改过多，请等待部分处理完成后重试"),
        NotEdited::Exists => label(en, "该记录已存在"),
        NotEdited::BadEdit(bad) => label(en, bad.message_zh()),
    }
}

//! Conditions of rules in words, in both languages: what somebody reads of what they may do.
//!
//! Names no record: a link that is asked for leads to a chosen one, whoever that is.

use super::message::both;
use crate::query::{Bound, Condition, Filter, Holder, Match, Scalar, Spot, Test};
use crate::schema::{Field, Kind, Label, ValueType};

/// What a filter of a kind asks for, as a part of a sentence.
pub(super) fn said(kind: &Kind, filter: &Filter) -> Label {
    match filter {
        Filter::All(inner) if inner.is_empty() => plain("there is a record", "有记录"),
        Filter::Any(inner) if inner.is_empty() => plain("nothing fits", "无"),
        Filter::All(inner) => joined(inner.iter().map(|one| nested(kind, one)), [" and ", "且"]),
        Filter::Any(inner) => joined(inner.iter().map(|one| nested(kind, one)), [" or ", "或"]),
        Filter::Not(inner) => match &**inner {
            Filter::Is(Condition { place, test: Test::Present }) => about(&spot(kind, &place.spot), "is empty", "为空"),
            other => {
                let Label { en, zh } = nested(kind, other);
                both(format!("not: {en}"), format!("非：{zh}"))
            }
        },
        Filter::Is(Condition { place, test }) => {
            let (named, field) = (spot(kind, &place.spot), field(kind, &place.spot));
            test_said(&named, field, test)
        }
        // No rule looks at others.
        Filter::Pointed(_) => plain("others point at it", "有其他记录关联到它"),
    }
}

/// The same within another one.
fn nested(kind: &Kind, filter: &Filter) -> Label {
    let Label { en, zh } = said(kind, filter);
    match filter {
        Filter::All(inner) | Filter::Any(inner) if inner.len() > 1 => both(format!("({en})"), format!("（{zh}）")),
        Filter::All(_) | Filter::Any(_) | Filter::Not(_) | Filter::Is(_) | Filter::Pointed(_) => both(en, zh),
    }
}

fn test_said(named: &Label, field: Option<&Field>, test: &Test) -> Label {
    match test {
        Test::Present => about(named, "is filled in", "已填写"),
        Test::OneOf(values) => {
            let Label { en, zh } = joined(values.iter().map(|value| value_said(field, value)), [" or ", "或"]);
            about(named, &format!("is {en}"), &format!("为{zh}"))
        }
        Test::Range { from, until } => {
            let ends = [(from, ["at least", "above"], ["不小于", "大于"]), (until, ["at most", "below"], ["不大于", "小于"])];
            let end = |(bound, en, zh): (&Option<Bound>, [&str; 2], [&str; 2])| {
                let Bound { value, inclusive } = bound.as_ref()?;
                let (at, value) = (usize::from(!inclusive), value_said(field, value));
                Some(both(format!("{} {}", en[at], value.en), format!("{}{}", zh[at], value.zh)))
            };
            let Label { en, zh } = joined(ends.into_iter().filter_map(end), [" and ", "且"]);
            about(named, &format!("is {en}"), &zh)
        }
        Test::Text(how, text) => {
            let (en, zh) = match how {
                Match::Contains => ("contains", "包含"),
                Match::Starts => ("begins with", "开头为"),
                Match::Ends => ("ends with", "结尾为"),
            };
            about(named, &format!("{en} “{text}”"), &format!("{zh}“{text}”"))
        }
        // No rule looks at the clock.
        Test::When(_) => about(named, "is at a certain time", "在指定时间"),
        Test::Near(_) => about(named, "is near a certain place", "在指定地点附近"),
    }
}

/// A value, as far as it may be said.
fn value_said(field: Option<&Field>, value: &Scalar) -> Label {
    let quoted = |label: &Label| both(format!("“{}”", label.en), format!("“{}”", label.zh));
    match value {
        Scalar::Text(_) if field.is_some_and(|field| field.value == ValueType::Link) => plain("a chosen record", "指定的记录"),
        Scalar::Text(text) => match field.and_then(|field| field.option(text)) {
            Some(option) => quoted(&option.label),
            None => quoted(&both(text.clone(), text.clone())),
        },
        Scalar::Integer(number) if field.is_some_and(|field| field.value == ValueType::Money) => {
            let text = format!("{}.{:02}", number / 100, (number % 100).abs());
            both(text.clone(), text)
        }
        Scalar::Integer(number) => both(number.to_string(), number.to_string()),
        Scalar::Number(number) => both(number.to_string(), number.to_string()),
        Scalar::Boolean(true) => plain("“yes”", "“是”"),
        Scalar::Boolean(false) => plain("“no”", "“否”"),
        Scalar::Id(_) => plain("a chosen record", "指定的记录"),
    }
}

/// The field that a value stands in, or the part of its rows.
fn field<'k>(kind: &'k Kind, spot: &Spot) -> Option<&'k Field> {
    let (field, path) = match &spot.holder {
        Holder::Value { path, .. } => path.split_first()?,
        Holder::Each { field, path, .. } => (field, &path[..]),
        Holder::Id | Holder::Archived | Holder::CreatedAt | Holder::UpdatedAt => return None,
    };
    let field = kind.field(field)?;
    Some(path.iter().find_map(|part| field.item(part)).unwrap_or(field))
}

fn spot(kind: &Kind, spot: &Spot) -> Label {
    let quoted = |Label { en, zh }: &Label| both(format!("“{en}”"), format!("“{zh}”"));
    field(kind, spot).map_or_else(|| plain("it", "该记录"), |field| quoted(&field.label))
}

fn about(named: &Label, en: &str, zh: &str) -> Label {
    both(format!("{} {en}", named.en), format!("{}{zh}", named.zh))
}

pub(super) fn joined(labels: impl Iterator<Item = Label>, [en, zh]: [&str; 2]) -> Label {
    let (ens, zhs): (Vec<String>, Vec<String>) = labels.map(|Label { en, zh }| (en, zh)).unzip();
    both(ens.join(en), zhs.join(zh))
}

fn plain(en: &str, zh: &str) -> Label {
    both(en.to_owned(), zh.to_owned())
}

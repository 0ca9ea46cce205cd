//! What can be wrong with a query, said so that its author can repair it. Never quotes a record.

use std::fmt;

use super::Class;
use super::words::{Excess, Needed, Unfit, Wrong};
use crate::schema::Label;

/// A query that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The `where` text is not JSON.
    #[error("`where` is not JSON: {why}")]
    NotJson {
        /// What the reader of JSON says, in English.
        why: String,
        /// Where, counted from one.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// A JSON value stands where a condition should.
    #[error("{found} is not a condition: an object with `type`, and `attribute` or a list of conditions as `value`, is")]
    NotACondition {
        /// The JSON that came, cut.
        found: String,
    },
    /// No kind has this name.
    #[error("there is no kind `{kind}`{hint}")]
    UnknownKind {
        /// As asked.
        kind: String,
        /// What there is.
        hint: Hint,
    },
    /// The kind has no such attribute.
    #[error("kind `{kind}` has no attribute `{attribute}`{hint}")]
    UnknownAttribute {
        /// As asked, whole.
        attribute: String,
        /// Where it was looked for.
        kind: String,
        /// What there is.
        hint: Hint,
    },
    /// The attribute exists, but cannot be asked about.
    #[error("`{attribute}` {why}")]
    UnfitAttribute {
        /// As asked.
        attribute: String,
        /// Why not.
        why: Unfit,
    },
    /// Lists are not ordered by a link: its value is an id, which says nothing to people, and what the other record is called
    /// stands in that record.
    #[error(
        "`{attribute}` is a link, and no list is ordered by what another record is called: order by a value of the record itself{hint}"
    )]
    OrderByLink {
        /// As asked.
        attribute: String,
        /// What lists of the kind are ordered by.
        hint: Hint,
    },
    /// No operator has this name.
    #[error("there is no operator `{operator}`{hint}")]
    UnknownOperator {
        /// As asked.
        operator: String,
        /// What there is.
        hint: Hint,
    },
    /// The operator says nothing about such values.
    #[error("`{operator}` does not work on `{attribute}` (a {}){hint}", .class.map_or("record", Class::word))]
    UnfitOperator {
        /// As asked.
        operator: String,
        /// The attribute.
        attribute: String,
        /// What the attribute holds; none for records that point here.
        class: Option<Class>,
        /// What does work on it.
        hint: Hint,
    },
    /// The value is not what the operator needs.
    #[error("`{attribute}` {operator} needs {expected}, not {found}{hint}")]
    BadValue {
        /// The attribute.
        attribute: String,
        /// The operator.
        operator: &'static str,
        /// What would do.
        expected: Needed,
        /// The JSON that came, cut.
        found: String,
        /// The words to choose from, if it is one of a list.
        hint: Box<Hint>,
    },
    /// A limit is passed.
    #[error("{what}: at most {limit}")]
    TooMuch {
        /// What there is too much of.
        what: Excess,
        /// How much is allowed.
        limit: usize,
    },
    /// A parameter beside `where` is wrong.
    #[error("parameter `{name}` {why}{hint}")]
    BadParameter {
        /// Its name.
        name: String,
        /// What is wrong.
        why: Wrong,
        /// What there is.
        hint: Hint,
    },
}

impl QueryError {
    /// What was to be JSON is not.
    pub fn not_json(error: serde_json::Error) -> Self {
        Self::NotJson { why: error.to_string(), line: error.line(), column: error.column() }
    }

    /// What a person reads.
    pub fn words(&self) -> Label {
        Label { en: self.to_string(), zh: self.message_zh() }
    }

    /// What a person reads in Chinese; the English is its `Display`.
    pub fn message_zh(&self) -> String {
        match self {
            QueryError::NotJson { line, column, .. } => format!("`where` 不是 JSON：第 {line} 行第 {column} 列有误"),
            QueryError::NotACondition { found } => {
                format!("{found} 不是条件：条件是带有 `type` 的对象，另有 `attribute`，或以条件列表作为 `value`")
            }
            QueryError::UnknownKind { kind, hint } => format!("没有名为“{kind}”的对象{}", hint.zh()),
            QueryError::UnknownAttribute { attribute, kind, hint } => format!("对象“{kind}”没有名为“{attribute}”的字段{}", hint.zh()),
            QueryError::UnfitAttribute { attribute, why } => format!("“{attribute}”{}", why.zh()),
            QueryError::OrderByLink { attribute, hint } => {
                format!("列表不能按关联“{attribute}”排序，请改按记录自身的字段排序{}", hint.zh())
            }
            QueryError::UnknownOperator { operator, hint } => format!("没有名为“{operator}”的运算符{}", hint.zh()),
            QueryError::UnfitOperator { operator, attribute, class, hint } => {
                format!("运算符“{operator}”不适用于“{attribute}”（{}）{}", class.map_or("记录", Class::zh), hint.zh())
            }
            QueryError::BadValue { attribute, operator, expected, found, hint } => {
                format!("“{attribute}”的 {operator} 需要{}，而不是 {found}{}", expected.zh(), hint.zh())
            }
            QueryError::TooMuch { what, limit } => format!("{}最多为 {limit}", what.zh()),
            QueryError::BadParameter { name, why, hint } => format!("参数 `{name}` {}{}", why.zh(), hint.zh()),
        }
    }
}

/// What would have been right: the nearest word, and the words there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hint {
    /// What was written instead of one of them, if it may be a slip.
    word: Option<String>,
    /// Every word that is valid there.
    pub valid: Vec<String>,
}

impl Hint {
    /// No hint.
    pub fn none() -> Self {
        Self::default()
    }

    /// A hint for `word` among `valid`.
    pub fn for_word<'a>(word: &str, valid: impl IntoIterator<Item = &'a str>) -> Self {
        Self { word: (!word.is_empty()).then(|| word.to_owned()), ..Self::among(valid) }
    }

    /// The words that are valid, where what was written is no slip.
    pub fn among(valid: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { word: None, valid: valid.into_iter().map(Into::into).collect() }
    }

    /// The word that was probably meant. Looked for when somebody is told: many attributes are only tried.
    pub fn nearest(&self) -> Option<&str> {
        let word = self.word.as_deref()?;
        let near = self.valid.iter().map(|candidate| (distance(word, candidate), candidate)).filter(|(far, _)| *far <= 1 + word.len() / 4);
        near.min_by_key(|(far, _)| *far).map(|(_, candidate)| candidate.as_str())
    }

    /// The hint in Chinese; the English is its `Display`.
    pub fn zh(&self) -> String {
        let nearest = self.nearest().map_or_else(String::new, |nearest| format!("，是不是“{nearest}”？"));
        if self.valid.is_empty() { nearest } else { format!("{nearest}（可用：{}）", self.valid.join("、")) }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(nearest) = self.nearest() {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        if self.valid.is_empty() { Ok(()) } else { write!(f, " (valid: {})", self.valid.join(", ")) }
    }
}

/// How many characters to insert, drop or replace, case aside; words are cut so that nobody pays for a long one.
fn distance(left: &str, right: &str) -> usize {
    let cut = |word: &str| -> Vec<char> { word.chars().take(64).map(|c| c.to_ascii_lowercase()).collect() };
    let (left, right) = (cut(left), cut(right));
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, from) in left.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, to) in right.iter().enumerate() {
            let replace = corner + usize::from(from != to);
            corner = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[right.len()]
}

/// A word for a message: cut, so that a message stays a line.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A JSON value for a message.
pub(super) fn shown(value: &serde_json::Value) -> String {
    cut(&value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_named_and_far_ones_are_not() {
        let words = ["name", "stage", "close_date", "equals", "notEquals"];
        for (typed, meant) in
            [("nam", Some("name")), ("satge", Some("stage")), ("closedate", Some("close_date")), ("EQUALS", Some("equals")), ("zzz", None)]
        {
            assert_eq!(Hint::for_word(typed, words).nearest(), meant, "{typed}");
        }
    }
}

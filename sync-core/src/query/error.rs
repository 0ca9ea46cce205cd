//! What can be wrong with a query, said so that its author can repair it. Never quotes a record.

use std::fmt;

/// A query that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The `where` text is not JSON.
    #[error("`where` is not JSON: {0}")]
    NotJson(String),
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
        why: &'static str,
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
    #[error("`{operator}` does not work on `{attribute}` (a {class}){hint}")]
    UnfitOperator {
        /// As asked.
        operator: String,
        /// The attribute.
        attribute: String,
        /// What the attribute holds.
        class: &'static str,
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
        expected: &'static str,
        /// The JSON that came, cut.
        found: String,
        /// The words to choose from, if it is one of a list.
        hint: Box<Hint>,
    },
    /// A limit is passed.
    #[error("{what}: at most {limit}")]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: usize,
    },
    /// A parameter beside `where` is wrong.
    #[error("parameter `{name}` {why}{hint}")]
    BadParameter {
        /// Its name.
        name: String,
        /// What is wrong.
        why: &'static str,
        /// What there is.
        hint: Hint,
    },
}

/// What would have been right: the nearest word, and the words there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hint {
    /// The word that was probably meant.
    pub nearest: Option<String>,
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
        let valid: Vec<String> = valid.into_iter().map(str::to_owned).collect();
        let near = |candidate: &&String| distance(word, candidate) <= 1 + word.len() / 4;
        let nearest = valid.iter().filter(near).min_by_key(|candidate| distance(word, candidate)).cloned();
        Self { nearest, valid }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(nearest) = &self.nearest {
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
pub(super) fn cut(text: &str) -> String {
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
            assert_eq!(Hint::for_word(typed, words).nearest.as_deref(), meant, "{typed}");
        }
    }
}

//! Why something cannot be read, as far as a caller can act upon it.

use sync_core::query::{Excess, QueryError};
use sync_core::schema::Label;

use crate::error::{Error, Text};
use crate::intake::NotReviewed;
use crate::store::StoreError;

/// Why something cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such kind, or none that the caller may see.
    #[error("there is no kind `{0}`")]
    UnknownKind(String),
    /// A filter, an order or a selection names what the caller may not see.
    #[error("field `{field}` may not be read: {}", .reason.en)]
    Hidden {
        /// The field.
        field: String,
        /// The rule that decided, for people.
        reason: Label,
    },
    /// The query cannot be asked.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// An address asks for a view, an order or a layout that there is not.
    #[error("`{name}` {}", .why.0)]
    Address {
        /// The parameter.
        name: &'static str,
        /// What is wrong with it, in English and in Chinese.
        why: (&'static str, &'static str),
    },
    /// A page was asked for by what is no answer of ours.
    #[error("`after` is not a cursor of this list")]
    Cursor,
    /// An edit is named by a hash that several have.
    #[error("the edit was sent for several records")]
    SeveralEdits,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Reading broke off.
    #[error("reading broke off")]
    BrokeOff,
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        let invalid = |field: &str, en: String, zh: String| Self::Invalid { field: Some(field.to_owned()), message: Text::new(en, zh) };
        match error {
            ReadError::UnknownKind(_) => Self::NotFound,
            ReadError::Hidden { field, reason } => Self::Denied { field: Some(field), message: Text::new(reason.en, reason.zh) },
            ReadError::Query(QueryError::UnknownKind { .. }) => Self::NotFound,
            ReadError::Query(error) => {
                let (place, Label { en, zh }) = (place_of(&error), error.words());
                invalid(place, en, zh)
            }
            ReadError::Address { name, why: (en, zh) } => invalid(name, format!("`{name}` {en}"), format!("参数 `{name}` {zh}")),
            ReadError::Cursor => invalid("after", ReadError::Cursor.to_string(), "翻页标记无效".to_owned()),
            ReadError::SeveralEdits => NotReviewed::Several.into(),
            ReadError::Store(error) => Self::Store(error),
            ReadError::BrokeOff => Self::Internal(anyhow::anyhow!("reading broke off")),
        }
    }
}

/// The parameter or attribute that a mistake is in.
fn place_of(error: &QueryError) -> &str {
    match error {
        QueryError::BadParameter { name, .. } => name,
        QueryError::UnknownAttribute { attribute, .. }
        | QueryError::UnfitAttribute { attribute, .. }
        | QueryError::OrderByLink { attribute, .. }
        | QueryError::UnfitOperator { attribute, .. }
        | QueryError::BadValue { attribute, .. } => attribute,
        QueryError::NotJson { .. }
        | QueryError::NotACondition { .. }
        | QueryError::UnknownKind { .. }
        | QueryError::UnknownOperator { .. } => "where",
        QueryError::TooMuch { what, .. } => match what {
            Excess::Rows => "maxSize",
            Excess::Cursor => "after",
            Excess::Select => "select",
            Excess::Sums => "sums",
            Excess::Where | Excess::Depth | Excess::Conditions | Excess::List | Excess::Text | Excess::Days => "where",
        },
    }
}

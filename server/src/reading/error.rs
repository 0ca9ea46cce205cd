//! Why something cannot be read, as far as a caller can act upon it.

use sync_core::query::QueryError;
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
            ReadError::Query(error) => invalid(&place_of(&error), error.to_string(), in_chinese(&error)),
            ReadError::Cursor => invalid("after", ReadError::Cursor.to_string(), "翻页标记无效".to_owned()),
            ReadError::SeveralEdits => NotReviewed::Several.into(),
            ReadError::Store(error) => Self::Store(error),
            ReadError::BrokeOff => Self::Internal(anyhow::anyhow!("reading broke off")),
        }
    }
}

/// What is wrong with a query, without the details that the English sentence has.
fn in_chinese(error: &QueryError) -> String {
    match error {
        QueryError::UnknownAttribute { attribute, .. } => format!("查询条件有误：没有名为“{attribute}”的字段。"),
        QueryError::OrderByLink { attribute, .. } => format!("列表不能按关联“{attribute}”排序，请改按记录自身的字段排序。"),
        QueryError::UnknownOperator { operator, .. } => format!("查询条件有误：没有名为“{operator}”的运算符。"),
        QueryError::BadParameter { name, .. } if name == "view" => "此视图已不存在：已被删除，或不再与您共享。".to_owned(),
        error => format!("查询条件有误，请检查“{}”。", place_of(error)),
    }
}

/// The parameter or attribute that a mistake is in.
fn place_of(error: &QueryError) -> String {
    match error {
        QueryError::BadParameter { name, .. } => name.clone(),
        QueryError::UnknownAttribute { attribute, .. }
        | QueryError::UnfitAttribute { attribute, .. }
        | QueryError::OrderByLink { attribute, .. }
        | QueryError::UnfitOperator { attribute, .. }
        | QueryError::BadValue { attribute, .. } => attribute.clone(),
        QueryError::NotJson(_) | QueryError::NotACondition { .. } | QueryError::UnknownKind { .. } | QueryError::UnknownOperator { .. } => {
            "where".to_owned()
        }
        QueryError::TooMuch { what, .. } => match *what {
            "rows of a page" => "maxSize",
            "bytes of a cursor" => "after",
            "attributes in `select`" => "select",
            _ => "where",
        }
        .to_owned(),
    }
}

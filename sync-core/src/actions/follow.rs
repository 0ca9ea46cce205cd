//! Following a record: a record of one's own that says so. Whoever follows is told what others do to it.
//!
//! Two devices that follow the same record make two of them, which mean what one means.

use crate::id::{RecordId, UserId};
use crate::record::fields::FieldEdit;

/// The kind of what says that somebody follows a record.
pub const FOLLOW: &str = "follow";
/// The link to the record.
pub const RECORD: &str = "record";
/// Who follows it.
pub const WHO: &str = "who";

/// What makes somebody follow a record; archiving what it makes ends that.
pub fn following(record: RecordId, who: UserId) -> Vec<FieldEdit> {
    vec![FieldEdit::set(RECORD, record.to_string()), FieldEdit::set(WHO, who.to_string())]
}

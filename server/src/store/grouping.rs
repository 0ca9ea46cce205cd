//! How records are put together by a value: what sums and charts have in common.

use sync_core::query::{Class, Compiler, Context, Dialect, Holder, Spot};

use super::lists::{Way, Which};
use super::scope::Statement;

/// Whether records can be put together by a spot at all.
pub fn takes(spot: &Spot) -> bool {
    !matches!(spot.holder, Holder::Id | Holder::Each { .. }) && spot.class != Class::Opaque
}

/// What is read of each record.
pub(super) fn value(spot: &Spot, context: Context) -> String {
    Compiler::new(Dialect::Sqlite, context).value(spot)
}

/// The asker's day of a moment, counted from 1970; rounded down before that, too, as dates are.
pub(super) fn day(spot: &Spot, context: Context) -> String {
    let millis = i64::from(context.offset_minutes) * 60_000;
    let moment = format!("({} + {millis})", value(spot, context));
    format!("({moment} - ({moment} % 86400000 + 86400000) % 86400000) / 86400000")
}

/// A value as the text that a group is called by.
pub(super) fn text(spot: &Spot, column: &str) -> String {
    match spot.class {
        Class::Integer | Class::Number | Class::Boolean => format!("cast({column} as text)"),
        _ => column.to_owned(),
    }
}

/// All records in the order of a value, where an index has it: nothing is sorted. `columns`: what is answered of each
/// group, which the value is a part of.
pub(super) fn in_order_of(which: Which<'_>, spot: &Spot, columns: &str) -> Statement {
    let compiler = Compiler::new(Dialect::Sqlite, which.context);
    // Each word of a choice is a group, whatever its place: a board has an index of its words, and not of their places.
    let over = if spot.class == Class::Word { compiler.indexed(spot) } else { compiler.ordered(spot) };
    let mut statement = which.found(&format!("select {columns} from rows "), Way::Whole, |compiler| compiler.filter(&which.query.filter));
    statement.push(&format!(" group by {}", over.join(", ")));
    statement
}

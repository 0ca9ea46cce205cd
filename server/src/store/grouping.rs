//! How records are put together by a value: what sums and charts have in common, beside [`sync_core::query::grouped`].

use sync_core::query::grouped::By;
use sync_core::query::{Class, Compiler, Dialect, Spot, Tables};

use super::lists::{Way, Which};
use super::scope::Statement;

/// What is read of each record.
pub(super) fn value(spot: &Spot, which: Which<'_>) -> String {
    let updated = which.updated();
    Compiler { updated: Some(&updated), ..Compiler::new(Dialect::Sqlite, which.context) }.value(spot)
}

/// What puts each record somewhere.
pub(super) fn column(by: &By, which: Which<'_>, statement: &mut Statement) -> String {
    by.column(which.context, |place| which.placed(place, statement))
}

/// A value that is told apart from others: of links the record that stands for what they say.
pub(super) fn apart(spot: &Spot, column: &str, which: Which<'_>, statement: &mut Statement) -> String {
    match spot.class {
        Class::Link => {
            let stood_for = which.scope.stood_for_any(statement);
            Compiler { tables: Tables::Server, ..Compiler::new(Dialect::Sqlite, which.context) }.standing(column, &stood_for)
        }
        _ => column.to_owned(),
    }
}

/// All records in the order of a value, where an index has it: nothing is sorted. `columns`: what is answered of each
/// group, which the value is a part of.
pub(super) fn in_order_of(which: Which<'_>, spot: &Spot, columns: &str) -> Statement {
    let updated = which.updated();
    let compiler = Compiler { updated: Some(&updated), ..Compiler::new(Dialect::Sqlite, which.context) };
    // Each word of a choice is a group, whatever its place: a board has an index of its words, and not of their places.
    let over = if spot.class == Class::Word { compiler.indexed(spot) } else { compiler.ordered(spot) };
    let mut statement = which.found(&format!("select {columns} from rows "), Way::Whole, |compiler| compiler.filter(&which.query.filter));
    statement.push(&format!(" group by {}", over.join(", ")));
    statement
}

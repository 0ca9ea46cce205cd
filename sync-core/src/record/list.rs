//! Where a list row stands: fractional positions, so that two moves never disturb each other.
//!
//! A position is a text of base-62 digits; between any two there is a third. Rows with the same
//! position stand by their ids. Never moves a row that nobody moved.

use super::doc::Doc;
use super::path::{self, POSITION};
use crate::value::Scalar;

/// Positions travel with every move, and this is room for a thousand moves to the same place.
pub const MAX_POSITION_BYTES: usize = 200;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The living rows of a list, in order: (position, row id, still escaped).
pub fn rows<'a>(doc: &'a Doc, field: &str) -> Vec<(String, &'a str)> {
    let markers = doc.below(field).filter(|(key, _)| !key.contains('/')).map(|(key, _)| key);
    let mut rows: Vec<_> = markers.map(|row| (position(doc, field, row), row)).collect();
    rows.sort();
    rows
}

fn position(doc: &Doc, field: &str, row: &str) -> String {
    let puts = doc.values(&format!("{field}/{row}/{POSITION}"));
    let newest = puts.iter().max_by(|a, b| doc.node(a.node).time.cmp(&doc.node(b.node).time).then_with(|| doc.order(a.id, b.id)));
    match newest.map(|put| &put.value) {
        Some(Scalar::Text(text)) => text.to_string(),
        _ => String::new(),
    }
}

/// The position behind the last row.
pub fn position_at_end(doc: &Doc, field: &str) -> String {
    position_between(rows(doc, field).last().map_or("", |(position, _)| position), "")
}

/// The position behind `after` (or in front of all) for a row that is moved there.
pub fn position_after(doc: &Doc, field: &str, moved: &str, after: Option<&str>) -> String {
    let (moved, after) = (path::escape(moved), after.map(path::escape));
    let rows: Vec<_> = rows(doc, field).into_iter().filter(|(_, row)| *row != moved).collect();
    let index = after.and_then(|after| rows.iter().position(|(_, row)| **row == *after)).map_or(0, |index| index + 1);
    let before = index.checked_sub(1).and_then(|index| rows.get(index)).map_or("", |(position, _)| position.as_str());
    // Rows that were added at one place at once stand at one position: nothing goes between them, but right behind.
    let next = rows.iter().skip(index).map(|(position, _)| position.as_str()).find(|position| *position > before);
    position_between(before, next.unwrap_or(""))
}

/// As [`between`], unless that is longer than a position may be: then beside its neighbour, where ids decide.
fn position_between(low: &str, high: &str) -> String {
    let position = between(low, high);
    let neighbour = if low.is_empty() { high } else { low };
    if position.len() <= MAX_POSITION_BYTES { position } else { neighbour.to_owned() }
}

/// Whether a text is a position that there is always room in front of: digits, the last one not the lowest.
pub fn is_position(text: &str) -> bool {
    (1..=MAX_POSITION_BYTES).contains(&text.len()) && text.bytes().all(|byte| DIGITS.contains(&byte)) && !text.ends_with('0')
}

/// A text that sorts between two others; an empty `high` means no upper bound.
fn between(low: &str, high: &str) -> String {
    let digit = |text: &str, index: usize| text.as_bytes().get(index).and_then(|byte| DIGITS.iter().position(|digit| digit == byte));
    let bounded = !high.is_empty() && low < high;
    let mut middle = String::new();
    let mut index = 0;
    let mut below_high = bounded;
    loop {
        let from = digit(low, index).unwrap_or(0);
        let to = if below_high { digit(high, index).unwrap_or(0) } else { DIGITS.len() };
        if to > from + 1 {
            // Without an upper bound one step is enough: most rows are added at the end, and short positions stay short.
            let step = if below_high { (to - from) / 2 } else { 1 };
            middle.push(DIGITS[from + step] as char);
            return middle;
        }
        middle.push(DIGITS[from] as char);
        index += 1;
        // Past its end there is no room below `high`: it ends with the lowest digit. Then behind it.
        below_high &= to == from && index < high.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_positions_there_is_always_a_third() {
        let mut low = between("", "");
        let mut high = between(&low, "");
        for turn in 0..200 {
            let middle = between(&low, &high);
            assert!(low < middle && middle < high, "{low} < {middle} < {high}");
            if turn % 3 == 0 { low = middle } else { high = middle }
        }
    }

    #[test]
    fn a_position_that_leaves_no_room_below_it_hangs_nobody() {
        for (low, high) in [("", "0"), ("1", "10"), ("", "000"), ("A", "A00"), ("-", "!"), ("", "é")] {
            assert!(!between(low, high).is_empty());
        }
        assert!(is_position("1") && is_position("0z"));
        assert!(!is_position("") && !is_position("10") && !is_position("a-") && !is_position(&"z".repeat(201)));
    }

    #[test]
    fn a_list_whose_last_position_is_as_long_as_may_be_still_takes_rows() {
        let last = "z".repeat(MAX_POSITION_BYTES);
        assert!(is_position(&position_between(&last, "")));
    }

    #[test]
    fn a_thousand_rows_can_be_added_at_the_end() {
        let mut last = String::new();
        for _ in 0..1_000 {
            let next = between(&last, "");
            assert!(next > last);
            last = next;
        }
        assert!(last.len() < 20, "{}", last.len());
    }
}

//! How long a record was in each of its states, by its history.

use serde_json::{Map, Value as Json};
use sync_core::id::Millis;
use sync_core::schema::{Board, Kind};

use super::desk::Desk;
use crate::reading::{Entry, Row};

/// A state that a record was in.
pub struct Stay {
    /// What the state is called.
    pub label: String,
    /// Its colour.
    pub colour: String,
    /// How long, in words; none for where it has come to its end.
    pub time: Option<String>,
    /// Whether the record is there now.
    pub here: bool,
}

/// The states that a record was in, in the order in which it first came there; nothing where it never moved.
pub fn of(desk: &Desk, kind: &Kind, row: &Row, newest_first: &[Entry]) -> Vec<Stay> {
    until(desk, kind, &row.fields, newest_first, desk.now)
}

/// The same up to a moment at which it said this.
pub fn until(desk: &Desk, kind: &Kind, fields: &Map<String, Json>, newest_first: &[Entry], moment: Millis) -> Vec<Stay> {
    let Some(board) = kind.board.as_ref().filter(|board| desk.reading.may_read(kind, &board.by)) else { return Vec::new() };
    let Some(field) = kind.field(&board.by) else { return Vec::new() };
    let now = fields.get(&*board.by).and_then(Json::as_str).unwrap_or_default();
    let times = times(board, newest_first, moment);
    if times.len() < 2 {
        return Vec::new();
    }
    let stay = |(state, millis): (String, Millis)| {
        let option = field.option(&state);
        let is_end = state == now && board.closed.contains(&state);
        Stay {
            label: option.map_or_else(|| state.clone(), |option| desk.words.label(&option.label).to_owned()),
            colour: option.and_then(|option| option.colour.clone()).unwrap_or_default(),
            time: (!is_end).then(|| lasted(desk, millis)),
            here: state == now,
        }
    };
    times.into_iter().map(stay).collect()
}

/// How long each state lasted, all times together; the last one until now.
fn times(board: &Board, newest_first: &[Entry], now: Millis) -> Vec<(String, Millis)> {
    let moves: Vec<(Option<&str>, Millis)> = newest_first
        .iter()
        .rev()
        .filter(|entry| entry.field == *board.by)
        .map(|entry| (entry.new.as_ref().and_then(|new| new.as_str()), entry.edit_time))
        .collect();
    let mut times: Vec<(String, Millis)> = Vec::new();
    for (at, (state, since)) in moves.iter().enumerate() {
        let until = moves.get(at + 1).map_or(now, |(_, next)| *next);
        let (Some(state), lasted) = (state, (until - since).max(0)) else { continue };
        match times.iter_mut().find(|(known, _)| known == state) {
            Some((_, sum)) => *sum += lasted,
            None => times.push(((*state).to_owned(), lasted)),
        }
    }
    times
}

/// A time for glancing at.
fn lasted(desk: &Desk, millis: Millis) -> String {
    const MINUTE: Millis = 60_000;
    const HOUR: Millis = 60 * MINUTE;
    const DAY: Millis = 24 * HOUR;
    let some = |key, unit| desk.words.count(key, u64::try_from(millis / unit).unwrap_or(0));
    match millis {
        ..HOUR => some("stay.minutes", MINUTE),
        HOUR..DAY => some("stay.hours", HOUR),
        _ => some("stay.days", DAY),
    }
}

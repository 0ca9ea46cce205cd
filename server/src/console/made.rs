//! Who wrote what stands in a field: from its history, for glancing at beside the value.

use std::collections::HashMap;

use sync_core::id::Millis;

use super::desk::Desk;
use super::format;
use crate::reading::{Entry, Who};

/// Who wrote a value, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// Who.
    pub who: String,
    /// How long ago.
    pub ago: String,
    /// When, for programs.
    pub iso: String,
    /// On which device, when it was made, when it arrived.
    pub detail: String,
    /// Whether it was made out of reach of the server.
    pub offline: bool,
    /// Whether it ended a disagreement.
    pub decided: bool,
}

/// The name of a person, or that nobody knows it any more.
pub fn name_of(desk: &Desk, who: &Who) -> String {
    who.user_name.clone().unwrap_or_else(|| desk.words.say("who.unknown").to_owned())
}

/// The device, or that it was the server itself.
pub fn device_of(desk: &Desk, who: &Who) -> String {
    who.device_name.clone().unwrap_or_else(|| desk.words.say("who.console").to_owned())
}

/// How much later something arrived, if that says that it was made offline.
pub fn later(desk: &Desk, edited: Millis, received: Option<Millis>) -> Option<String> {
    const MINUTE: Millis = 60_000;
    let minutes = u64::try_from((received? - edited) / MINUTE).ok().filter(|minutes| *minutes > 0)?;
    Some(match minutes {
        ..60 => desk.words.count("offline.minutes", minutes),
        60..1440 => desk.words.count("offline.hours", minutes / 60),
        _ => desk.words.count("offline.days", minutes / 1440),
    })
}

/// The newest writer of each field of a record.
pub fn makers(desk: &Desk, newest_first: &[Entry]) -> HashMap<String, Made> {
    let mut makers: HashMap<String, Made> = HashMap::new();
    for (index, entry) in newest_first.iter().enumerate() {
        if !makers.contains_key(&entry.field) {
            let made = made(desk, entry, decides(&newest_first[index..]));
            makers.insert(entry.field.clone(), made);
        }
    }
    makers
}

/// Whether the first entry ended a disagreement: the two before it were made without knowing each other.
/// `newest_first` begins with the entry and goes on with older ones, of whatever field.
pub fn decides(newest_first: &[Entry]) -> bool {
    let Some((entry, older)) = newest_first.split_first() else { return false };
    let mut same_field = older.iter().filter(|before| before.field == entry.field);
    let (Some(last), Some(other)) = (same_field.next(), same_field.next()) else { return false };
    let unaware = last.old != other.new && last.new != other.new && last.old == other.old;
    unaware && entry.old == last.new
}

fn made(desk: &Desk, entry: &Entry, decided: bool) -> Made {
    let received = entry.received_at.map(format::minute).unwrap_or_default();
    let parts = [name_of(desk, &entry.who), device_of(desk, &entry.who), format::minute(entry.edit_time), received];
    Made {
        who: name_of(desk, &entry.who),
        ago: desk.words.ago(entry.edit_time, desk.now),
        iso: format::iso(entry.edit_time),
        detail: desk.words.fill("who.detail", &parts.each_ref().map(String::as_str)),
        offline: entry.offline,
        decided,
    }
}

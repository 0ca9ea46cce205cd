//! What the preview of an edit of many records showed, as its form carries it: that is done, or nothing.
//!
//! Names the records, what each said, and what is written; knows no request and writes nothing.

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value as Json;
use sync_core::id::RecordId;
use sync_core::schema::Field;

use super::bulk::Planned;
use crate::console::record::{Print, print};

/// Bytes of a record's id.
const ID: usize = 16;

/// Why what was shown is not what would be done now.
#[derive(Debug, PartialEq)]
pub enum Moved {
    /// Another field or value was typed since, or nothing was shown at all.
    Order,
    /// These records say something else by now, or are not among those that were meant any more.
    Records(Vec<RecordId>),
}

/// What a plan is remembered by: what is written, and of each record that changes its id and what it says.
pub fn shown(field: Option<&Field>, plan: &[Planned]) -> String {
    let mut bytes = order(plan.iter()).unwrap_or_default().to_vec();
    for planned in plan.iter().filter(|planned| planned.why.is_none()) {
        bytes.extend(planned.row.id.as_bytes());
        bytes.extend(said(field, planned));
    }
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// What of a plan was shown before, if all that was shown still is so. What came to it since is left out.
///
/// # Errors
/// [`Moved`] when something is not as it was shown.
pub fn agreed<'a>(shown: &str, field: Option<&Field>, plan: &'a [Planned]) -> Result<Vec<&'a Planned>, Moved> {
    let (wanted, records) = read(shown).ok_or(Moved::Order)?;
    let meant: HashMap<RecordId, &Planned> = plan.iter().map(|planned| (planned.row.id, planned)).collect();
    let meant = |record: &RecordId| meant.get(record).copied().filter(|planned| planned.why.is_none());
    if order(records.iter().filter_map(|(record, _)| meant(record))).is_some_and(|order| order != wanted) {
        return Err(Moved::Order);
    }
    let still = |(record, before): &(RecordId, Print)| meant(record).filter(|planned| said(field, planned) == *before).ok_or(*record);
    let (agreed, moved): (Vec<_>, Vec<_>) = records.iter().map(still).partition(Result::is_ok);
    match moved.is_empty() {
        true => Ok(agreed.into_iter().flatten().collect()),
        false => Err(Moved::Records(moved.into_iter().filter_map(Result::err).collect())),
    }
}

/// What is written: the same into each record that it changes.
fn order<'a>(mut plan: impl Iterator<Item = &'a Planned>) -> Option<Print> {
    let edits = &plan.find(|planned| planned.why.is_none())?.edits;
    Some(print(serde_json::to_value(edits).ok().as_ref()))
}

/// What a record says in the field.
fn said(field: Option<&Field>, planned: &Planned) -> Print {
    print(field.and_then(|field| planned.row.fields.get(&*field.name)).filter(|value| **value != Json::Null))
}

fn read(shown: &str) -> Option<(Print, Vec<(RecordId, Print)>)> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(shown).ok()?;
    let (order, records) = bytes.split_first_chunk()?;
    let record = |bytes: &[u8]| {
        let (id, said) = bytes.split_at_checked(ID)?;
        Some((RecordId::from_bytes(id).ok()?, said.try_into().ok()?))
    };
    let records: Vec<_> = records.chunks(ID + Print::default().len()).map(record).collect::<Option<_>>()?;
    (!records.is_empty()).then_some((*order, records))
}

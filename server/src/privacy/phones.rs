//! The phones that may hold a record that is erased, and what has become of it there.
//!
//! Nobody knows what a phone holds but the phone. What is known: whose it is, what they see, until when they saw what they
//! do not see any more, and how far the phone says that it has come. A proof names rather one phone too many than one too few.

use std::collections::HashMap;

use serde::Serialize;
use sync_core::id::{DeviceId, KindName, RecordId, UserId, WorkspaceId};
use sync_core::protocol::Removal;

use super::Proof;
use crate::intake::Rules;
use crate::rights;
use crate::store::erasure::ErasedRow;
use crate::store::farewells::{DeviceNote, Farewell};
use crate::store::people;
use crate::store::receipts::{self, ReceiptRow};
use crate::store::rights::{Written, turns, written};
use crate::store::scope::Scope;
use crate::store::{StoreError, Tx, devices, farewells, lists, sight};

/// What has become of an erased record on a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnPhone {
    /// It says that it has removed what was erased.
    Removed,
    /// It says that it stands behind that, and nothing of having removed something.
    Told,
    /// It has forgotten everything.
    Wiped,
    /// It has not been in touch since, and may hold it.
    NotSeen,
}

/// A phone that held an erased record.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldBy {
    /// The phone.
    pub id: DeviceId,
    /// What it is called.
    pub name: String,
    /// Whose it is.
    pub user: UserId,
    /// What has become of the record there.
    pub state: OnPhone,
    /// When it was in touch last: milliseconds since 1970 UTC.
    pub last_seen_at: i64,
}

/// What has become of an erased record on the phones that held it.
///
/// # Errors
/// When the database fails.
pub async fn phones(tx: &mut Tx, workspace: WorkspaceId, row: &ErasedRow) -> Result<Vec<HeldBy>, StoreError> {
    let proof: Proof = serde_json::from_str(&row.proof).unwrap_or_default();
    let held = devices::devices(tx, workspace).await?.into_iter().filter(|device| proof.devices.contains(&device.device));
    let (notes, farewells) = (farewells::notes(tx, workspace).await?, farewells::all(tx, workspace).await?);
    let mut phones = Vec::new();
    for device in held {
        let is_told = notes.get(&device.device).zip(proof.position).is_some_and(|((note, _), position)| note.position >= position);
        let receipts = receipts::of_device(tx, workspace, device.device, RECEIPTS_MAX).await?;
        let says_so = |kept: &ReceiptRow| kept.receipt.removal == Removal::Purged && kept.received_at >= row.at;
        let state = match () {
            () if farewells.get(&device.device).is_some_and(Farewell::is_over) => OnPhone::Wiped,
            () if is_told && receipts.iter().any(says_so) => OnPhone::Removed,
            () if is_told => OnPhone::Told,
            () => OnPhone::NotSeen,
        };
        phones.push(HeldBy { id: device.device, name: device.name, user: device.user, state, last_seen_at: device.last_seen_at });
    }
    Ok(phones)
}

/// The newest receipts of a phone that are looked at.
const RECEIPTS_MAX: u32 = 50;

/// Everybody who has phones, with what they see: read once for many erasures.
pub(crate) struct Holders {
    people: Vec<Holder>,
    written: Written,
    /// How many phones there were: none is ever taken off the list.
    devices: u64,
}

struct Holder {
    user: UserId,
    sees: Scope,
    phones: Vec<Phone>,
    /// Where in the feed their rights changed last.
    turned_at: u64,
}

struct Phone {
    device: DeviceId,
    /// What it has said of itself.
    note: Option<DeviceNote>,
}

impl Phone {
    /// Whether it may hold what went out of its user's sight at a position: it has not heard of that, or keeps it until its
    /// edits are sent.
    fn is_behind(&self, left_at: u64) -> bool {
        left_at > 0 && self.note.is_none_or(|note| note.position < left_at || note.pending > 0)
    }
}

impl Holders {
    /// As they are now.
    pub async fn read(tx: &mut Tx, rules: &Rules, workspace: WorkspaceId) -> Result<Self, StoreError> {
        let (notes, farewells) = (farewells::notes(tx, workspace).await?, farewells::all(tx, workspace).await?);
        let all = devices::devices(tx, workspace).await?;
        let (count, written) = (all.len() as u64, written(tx, workspace).await?);
        let mut phones: HashMap<UserId, Vec<Phone>> = HashMap::new();
        // What forgot everything, or was never let in, holds nothing.
        for device in all.into_iter().filter(|one| farewells.get(&one.device).is_none_or(|farewell| !farewell.is_over())) {
            let note = notes.get(&device.device).map(|(note, _)| *note);
            phones.entry(device.user).or_default().push(Phone { device: device.device, note });
        }
        let turns = turns(tx, workspace, &written).await?;
        let mut people = Vec::with_capacity(phones.len());
        for user in people::users(tx, workspace).await? {
            let Some(phones) = phones.remove(&user.user) else { continue };
            let turned_at = turns.of(user.user, &user.role);
            people.push(Holder { user: user.user, sees: rights::seen_by(rules, user.user, &user.role), phones, turned_at });
        }
        Ok(Self { people, written, devices: count })
    }

    /// Whether nobody has got a phone or other rights since. A phone that has been in touch meanwhile is named if it was away.
    pub async fn is_current(&self, tx: &mut Tx, workspace: WorkspaceId) -> Result<bool, StoreError> {
        Ok(devices::count(tx, workspace).await? == self.devices && written(tx, workspace).await? == self.written)
    }

    /// The phones that may hold a record: of those who see it, shut out or not, and those that were away when it left their
    /// sight, or when their rights changed: what they saw before is not known.
    pub async fn of(&self, tx: &mut Tx, workspace: WorkspaceId, (id, kind): (RecordId, &KindName)) -> Result<Vec<DeviceId>, StoreError> {
        let left = sight::left_sight_of(tx, workspace, id).await?;
        let mut held = Vec::new();
        for person in &self.people {
            let sees = match person.sees.of(kind) {
                None => false,
                Some(scope) if scope.near.is_none() => true,
                Some(_) => lists::seen(tx, workspace, &person.sees, id).await?.is_some(),
            };
            let left_at = left.get(&person.user).copied().unwrap_or(0);
            // What never spoke was given nothing under other rights.
            let turned = |phone: &Phone| phone.note.is_some() && phone.is_behind(person.turned_at);
            let may_hold = |phone: &&Phone| sees || phone.is_behind(left_at) || turned(phone);
            held.extend(person.phones.iter().filter(may_hold).map(|phone| phone.device));
        }
        Ok(held)
    }
}

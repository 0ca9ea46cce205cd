//! Why things are as they are: is a record here, what rings next, what support needs to know.
//!
//! Reports count and name causes; they never hold what a customer's record says.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::view::{fields_of, listed};
use super::{Device, Listed, RecordEdits};
use crate::access::Overview;
use crate::actions::currency::SETTINGS;
use crate::actions::doubts::{Doubtful, dialled, doubts};
use crate::actions::duplicates::country::Country;
use crate::actions::duplicates::likely::typed;
use crate::id::{Millis, RecordId, UserId};
use crate::protocol::Subscription;
use crate::schema::Kind;
use crate::store::{DraftState, StoreError};

/// The field of rows that reminders are kept in, and the part that says when.
const REMINDERS: (&str, &str) = ("reminders", "at");

/// Whether a record is on this device, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It is here.
    Here {
        /// Why.
        because: Because,
        /// Whether own edits of it wait for the server.
        pending: bool,
        /// Whether it is archived: left out of lists and searches.
        archived: bool,
    },
    /// The server sent something of it that this version of the app cannot admit.
    SetAside {
        /// Why not.
        reason: String,
    },
    /// The server took it away; own edits of it are drafts.
    TakenAway,
    /// Nothing of it has come.
    NotHere {
        /// Whether everything that this device may have is here: then it does not exist, or is not for
        /// this user. Else it may still come.
        is_complete: bool,
    },
}

/// Why a record is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// It is the user's.
    Owned,
    /// The user has made it.
    Made,
    /// The user's role may read it.
    Role,
}

/// A key account: one person answers for it, and for what is sold to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAccount {
    /// The account.
    pub account: RecordId,
    /// What it is called.
    pub title: String,
    /// Who answers for it.
    pub manager: UserId,
    /// What they are called, if that is known here.
    pub manager_name: Option<String>,
    /// Whether it is the user.
    pub is_yours: bool,
}

/// A reminder that will ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The record that it reminds of.
    pub record: RecordId,
    /// Names it within the record.
    pub reminder: String,
    /// The record's name.
    pub title: String,
    /// When.
    pub at: Millis,
}

/// Whether the device is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The cipher that seals the store, if one is linked.
    pub cipher: Option<String>,
    /// SQLite's version.
    pub sqlite: String,
    /// Whether SQLite finds the store whole.
    pub is_whole: bool,
    /// The server's clock minus this device's, in milliseconds.
    pub clock_offset: Millis,
    /// Changes of the server's that could not be admitted.
    pub set_aside: usize,
}

impl Device {
    /// Whether a record is here, and why.
    ///
    /// # Errors
    /// When the store fails.
    pub fn explain(&mut self, record: RecordId) -> Result<Presence, StoreError> {
        if let Some(row) = self.row(record)? {
            return Ok(Presence::Here { because: self.because(&row)?, pending: row.pending, archived: row.archived });
        }
        let aside = self.replica.store.quarantined()?.into_iter().find(|aside| aside.delivered.record == record);
        if let Some(aside) = aside {
            return Ok(Presence::SetAside { reason: aside.reason });
        }
        let taken = |draft: &crate::store::Draft| draft.record == record && draft.state == DraftState::Purged;
        if self.drafts()?.iter().any(taken) {
            return Ok(Presence::TakenAway);
        }
        let status = self.sync_status()?;
        let wants_all = self.subscriptions()?.contains(&Subscription::everything());
        Ok(Presence::NotHere { is_complete: wants_all && status.last_sync.is_some() && status.progress.is_none() })
    }

    /// What the user may see and do, kind by kind, by the rights that are here. Kinds that they have no business with are
    /// left out; there are none before somebody is enrolled.
    pub fn rights(&self) -> Vec<(Arc<Kind>, Overview)> {
        let Some(me) = self.identity() else { return Vec::new() };
        let of_kind = |kind: &Arc<Kind>| (kind.clone(), self.replica.roles.overview(&me.role, kind));
        self.schema().kinds().map(of_kind).filter(|(_, overview)| !overview.is_nothing()).collect()
    }

    /// The key account that a record is or belongs to, as far as it is here: to be shown wherever somebody works with it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn key_account(&self, record: RecordId) -> Result<Option<KeyAccount>, StoreError> {
        let Some((account, manager)) = self.replica.key_account(record)? else { return Ok(None) };
        let title = |record| Ok::<_, StoreError>(self.row(record)?.map(|row| row.title));
        Ok(Some(KeyAccount {
            account,
            title: title(account)?.unwrap_or_default(),
            manager,
            manager_name: title(RecordId(manager.0))?,
            is_yours: self.identity().is_some_and(|me| me.user == manager),
        }))
    }

    /// What of a record is probably a slip, and why, as it would be with these edits. To be said beside the value; it stands
    /// all the same.
    ///
    /// # Errors
    /// When the store fails.
    pub fn doubts(&self, of: &RecordEdits) -> Result<Vec<Doubtful>, StoreError> {
        let mut fields = self.row(of.record)?.map(|row| row.fields).unwrap_or_default();
        of.edits.iter().for_each(|edit| typed(&mut fields, edit));
        let home = self.country()?;
        Ok(self.schema().kind(&of.kind).map(|kind| doubts(kind, &fields, home)).unwrap_or_default())
    }

    /// How a number is dialled from anywhere; none where it does not say enough for that. What somebody typed stays as it is.
    ///
    /// # Errors
    /// When the store fails.
    pub fn dialled(&self, number: &str) -> Result<Option<String>, StoreError> {
        Ok(dialled(number, self.country()?))
    }

    /// The country whose numbers are written without its code: the workspace's, as its settings say.
    pub(super) fn country(&self) -> Result<Country, StoreError> {
        self.unlocked()?;
        let settings = self.replica.store.first_of_kind(SETTINGS)?;
        Ok(Country::of(settings.map(|main| fields_of(&main)).transpose()?.as_ref()))
    }

    fn because(&self, row: &Listed) -> Result<Because, StoreError> {
        let Some(me) = self.identity().map(|me| me.user) else { return Ok(Because::Role) };
        let owner = self.schema().kind(&row.kind).and_then(|kind| row.fields.get(kind.owner.as_deref()?)?.as_str());
        if owner.is_some_and(|owner| owner == me.to_string()) {
            return Ok(Because::Owned);
        }
        let made = self.replica.store.author_of(row.record)? == Some(me);
        Ok(if made { Because::Made } else { Because::Role })
    }

    /// The next reminders of what is the user's or nobody's, soonest first: a phone keeps only so many.
    ///
    /// # Errors
    /// When the store fails.
    pub fn upcoming_alarms(&self, now: Millis, limit: usize) -> Result<Vec<Alarm>, StoreError> {
        let now = self.replica.server_time(now);
        let mut alarms = Vec::new();
        self.replica.store.settle_aliases()?;
        for row in self.replica.store.rows_that_remind()? {
            let row = listed(row)?;
            if self.is_mine_to_do(&row) {
                alarms.extend(alarms_of(&row).into_iter().filter(|alarm| alarm.at > now));
            }
        }
        alarms.sort_by_key(|alarm| (alarm.at, alarm.record));
        alarms.truncate(limit);
        Ok(alarms)
    }

    fn is_mine_to_do(&self, row: &Listed) -> bool {
        let Some(kind) = self.schema().kind(&row.kind) else { return false };
        let text = |field: &str| row.fields.get(field).and_then(Json::as_str);
        let is_finished = kind.board.as_ref().is_some_and(|board| board.is_closed(&row.fields));
        let owner = kind.owner.as_deref().and_then(text);
        let me = self.identity().map(|me| me.user.to_string());
        !row.archived && !is_finished && (owner.is_none() || owner == me.as_deref())
    }

    /// Whether the device is in order. Reads every page of the store.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub fn health(&self) -> Result<Health, StoreError> {
        let (cipher, is_whole) = self.replica.store.health()?;
        Ok(Health {
            cipher,
            sqlite: rusqlite::version().to_owned(),
            is_whole,
            clock_offset: self.replica.clock_offset,
            set_aside: self.replica.store.quarantined()?.len(),
        })
    }

    /// What support needs to know, and nothing that a record says: counts, versions, states, causes.
    ///
    /// # Errors
    /// When the store fails.
    pub fn diagnostics(&self) -> Result<Json, StoreError> {
        let (status, health) = (self.sync_status()?, self.health()?);
        let drafts: Vec<Json> = self.drafts()?.iter().map(|draft| json!({"state": draft.state.as_str(), "code": draft.code})).collect();
        let aside: Vec<Json> =
            self.quarantined()?.iter().map(|aside| json!({"kind": aside.delivered.kind.as_str(), "reason": aside.reason})).collect();
        Ok(json!({
            "device": self.identity().map(|me| json!({"device": me.device, "workspace": me.workspace, "role": me.role.as_str()})),
            "records": self.replica.store.records_by_kind()?.into_iter().collect::<serde_json::Map<_, _>>(),
            "status": {
                "online": status.online,
                "pending": status.pending,
                "last_sync": status.last_sync,
                "left": status.progress.map(|progress| progress.left),
                "stopped": status.stopped.map(|stopped| format!("{stopped:?}")),
            },
            "drafts": drafts,
            "set_aside": aside,
            "store": {
                "cipher": health.cipher,
                "sqlite": health.sqlite,
                "whole": health.is_whole,
                "clock_offset_ms": health.clock_offset,
            },
        }))
    }
}

fn alarms_of(row: &Listed) -> Vec<Alarm> {
    let (field, part) = REMINDERS;
    let reminders = row.fields.get(field).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let alarm = |reminder: &Json| {
        let at = reminder.get(part)?.as_i64()?;
        let id = reminder.get("id").and_then(Json::as_str).unwrap_or_default().to_owned();
        Some(Alarm { record: row.record, reminder: id, title: row.title.clone(), at })
    };
    reminders.iter().filter_map(alarm).collect()
}

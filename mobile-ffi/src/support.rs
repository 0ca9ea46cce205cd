//! For support and for the person who asks why: versions, checks, explanations.

use std::time::SystemTime;

use sync_core::device;

use crate::client::Client;
use crate::error::ClientError;
use crate::files::store;
use crate::read::{RecordId, moment};
use crate::runtime::{blocking, guarded};

/// A clock that differs more than this from the server's is worth a word to the user: edits are dated by it.
const CLOCK_SKEW_MS: i64 = 5 * 60_000;

/// What is in this library.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SdkInfo {
    /// Its version.
    pub version: String,
    /// The version of the wire protocol.
    pub protocol: u32,
    /// SQLite's version.
    pub sqlite: String,
    /// Whether it was built with a cipher: without, only stores in memory can be opened.
    pub encrypts: bool,
}

/// What is in this library. Answers without touching anything.
#[uniffi::export]
pub fn sdk_info() -> SdkInfo {
    SdkInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: sync_core::protocol::PROTOCOL_VERSION,
        sqlite: rusqlite::version().to_owned(),
        encrypts: cfg!(feature = "cipher"),
    }
}

/// Why a record is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Because {
    /// It is the user's.
    Owned,
    /// The user has made it.
    Made,
    /// The user's role may read it.
    Role,
}

/// Whether a record is on this device, and why.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Presence {
    /// It is here.
    Here {
        /// Why.
        because: Because,
        /// Whether own edits of it wait for the server.
        waiting: bool,
        /// Whether it is archived: left out of searches.
        archived: bool,
    },
    /// The server sent something of it that this version of the app cannot admit.
    SetAside {
        /// Why not.
        detail: String,
    },
    /// The server took it away; own edits of it are drafts.
    TakenAway,
    /// Everything that this device may have is here, and it is not: it does not exist, or is not for this user.
    NotForYou,
    /// Nothing of it has come yet.
    NotYet,
}

impl From<device::Presence> for Presence {
    fn from(presence: device::Presence) -> Self {
        match presence {
            device::Presence::Here { because, pending, archived } => Presence::Here {
                because: match because {
                    device::Because::Owned => Because::Owned,
                    device::Because::Made => Because::Made,
                    device::Because::Role => Because::Role,
                },
                waiting: pending,
                archived,
            },
            device::Presence::SetAside { reason } => Presence::SetAside { detail: reason },
            device::Presence::TakenAway => Presence::TakenAway,
            device::Presence::NotHere { is_complete: true } => Presence::NotForYou,
            device::Presence::NotHere { is_complete: false } => Presence::NotYet,
        }
    }
}

/// A reminder that will ring.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Alarm {
    /// Names it for the system's notifications.
    pub key: String,
    /// The record that it reminds of.
    pub record: RecordId,
    /// The record's name.
    pub title: String,
    /// When.
    pub at: SystemTime,
}

/// A key account: one person answers for it, and for what is sold to it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct KeyAccount {
    /// The account.
    pub account: RecordId,
    /// What it is called.
    pub title: String,
    /// Who answers for it: a record of the kind `member`.
    pub manager: RecordId,
    /// What they are called, if that is known here.
    pub manager_name: Option<String>,
    /// Whether it is the user.
    pub yours: bool,
}

/// What `doctor` looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CheckName {
    /// The store is encrypted.
    Encryption,
    /// SQLite finds the store whole.
    Store,
    /// The device's clock is near the server's.
    Clock,
    /// Everything the server sent could be admitted.
    Admission,
    /// The server can be reached.
    Server,
}

/// One thing that `doctor` looked at.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Check {
    /// What.
    pub name: CheckName,
    /// Whether it is in order.
    pub good: bool,
    /// What was found; no customer's data.
    pub detail: String,
}

fn check(name: CheckName, good: bool, detail: impl Into<String>) -> Check {
    Check { name, good, detail: detail.into() }
}

#[uniffi::export]
impl Client {
    /// Why a record is on this device, or is not.
    pub async fn explain(&self, id: RecordId) -> Result<Presence, ClientError> {
        let id = id.parse()?;
        self.on_device(move |device, _| Ok(device.explain(id)?.into())).await
    }

    /// The key account that a record is or belongs to: a banner wherever somebody works with it. What goes out to it may need
    /// its manager's word, which an edit says beforehand.
    pub async fn key_account(&self, id: RecordId) -> Result<Option<KeyAccount>, ClientError> {
        let id = id.parse()?;
        self.on_device(move |device, _| {
            Ok(device.key_account(id)?.map(|found| KeyAccount {
                account: found.account.into(),
                title: found.title,
                manager: sync_core::id::RecordId(found.manager.0).into(),
                manager_name: found.manager_name,
                yours: found.is_yours,
            }))
        })
        .await
    }

    /// The next reminders, soonest first. iOS keeps 64: ask for 60, and again after each sync.
    pub async fn upcoming_alarms(&self, limit: u32) -> Result<Vec<Alarm>, ClientError> {
        self.on_device(move |device, now| {
            let alarm = |alarm: device::Alarm| Alarm {
                key: format!("{}/{}", alarm.record, alarm.reminder),
                record: alarm.record.into(),
                title: alarm.title,
                at: moment(alarm.at),
            };
            Ok(device.upcoming_alarms(now, limit as usize)?.into_iter().map(alarm).collect())
        })
        .await
    }

    /// Looks at everything that goes wrong on phones. Reads the whole store, and asks the server if it is there.
    pub async fn doctor(&self) -> Result<Vec<Check>, ClientError> {
        let health = self.on_device(|device, _| Ok(device.health()?)).await?;
        let open = self.open_now()?;
        guarded(async move {
            let sealed = match (open.folder(), &health.cipher) {
                (None, _) => check(CheckName::Encryption, true, "the store is in memory"),
                (Some(_), Some(cipher)) => check(CheckName::Encryption, true, format!("SQLCipher {cipher}")),
                (Some(_), None) => check(CheckName::Encryption, false, "no cipher"),
            };
            let reached = open.server.ping().await;
            let server = match &reached {
                Ok(()) => check(CheckName::Server, true, "reached"),
                Err(error) => check(CheckName::Server, false, error.to_string()),
            };
            Ok(vec![
                sealed,
                check(CheckName::Store, health.is_whole, format!("SQLite {}", health.sqlite)),
                check(
                    CheckName::Clock,
                    health.clock_offset.abs() <= CLOCK_SKEW_MS,
                    format!("{} ms from the server's", health.clock_offset),
                ),
                check(CheckName::Admission, health.set_aside == 0, format!("{} set aside", health.set_aside)),
                server,
            ])
        })
        .await
    }

    /// Fails inside as a mistake of ours would, with an `Internal` error: to test the app's crash reports.
    /// The client goes on, and nothing is harmed.
    pub async fn crash_test(&self) -> Result<(), ClientError> {
        self.on_device(|_, _| panic!("a crash test, as asked for")).await
    }

    /// What support needs, as JSON, and nothing that a record says: counts, versions, states, causes.
    pub async fn diagnostics(&self) -> Result<String, ClientError> {
        let open = self.open_now()?;
        guarded(blocking(move || {
            let mut report = open.host.with(|device, _| device.diagnostics())?;
            let (info, files) = (sdk_info(), open.files.usage()?);
            report["sdk"] = serde_json::json!({
                "version": info.version,
                "protocol": info.protocol,
                "app": open.settings.app,
                "files": {"bytes": files.bytes, "waiting": files.waiting},
                "store_bytes": open.folder().map(|folder| store(folder).metadata().map_or(0, |file| file.len())),
            });
            Ok(report.to_string())
        }))
        .await
    }
}

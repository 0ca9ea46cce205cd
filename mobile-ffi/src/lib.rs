//! The handle that phones hold: a device, its connection, and a runtime of its own.
//!
//! Thin on purpose: every rule is in `sync-core`. It does not grow with kinds. Bindings for Kotlin,
//! Swift and Python come in front of this.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sync_core::device::{Device, Opening};
use sync_core::engine::SyncStatus;
use sync_core::net::{Host, NetError, Server};
use sync_core::store::{Place, StoreError};
use tokio::runtime::{Builder, Runtime};

/// Threads that carry frames: a phone has one connection.
const WORKER_THREADS: usize = 2;

/// Why a call did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The device's store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server was not reached, or said no.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The system gives no threads.
    #[error("the app's runtime cannot start: {0}")]
    Runtime(#[from] std::io::Error),
}

/// What the host app says once.
#[derive(Debug, Clone)]
pub struct Settings {
    /// App name and version, for the back office's list of devices.
    pub app: String,
    /// Marks this installation; kept where no backup reaches (the keychain of this device only).
    pub incarnation: [u8; 16],
    /// 32 random bytes of the operating system, new at every opening.
    pub seed: [u8; 32],
}

/// A device that an app has open.
pub struct Client {
    host: Host,
    server: Server,
    runtime: Runtime,
}

impl Client {
    /// Opens the store, or makes an empty one. No network is needed.
    ///
    /// # Errors
    /// [`ClientError::Store`] for a store that is damaged or was written by a newer app;
    /// [`ClientError::Net`] for an address that is none.
    pub fn open(store: &Path, address: &str, settings: Settings) -> Result<Self, ClientError> {
        let Settings { app, incarnation, seed } = settings;
        let device = Device::open(&Opening { place: Place::File(store.to_owned()), app, incarnation, seed })?;
        let runtime = Builder::new_multi_thread().worker_threads(WORKER_THREADS).enable_all().build()?;
        Ok(Self { host: Host::new(device, Arc::new(now)), server: Server::at(address)?, runtime })
    }

    /// Redeems the one-time code that the back office shows.
    ///
    /// # Errors
    /// [`NetError::Status`] for a code that is wrong, used or too old.
    pub fn enrol(&self, code: &str, device_name: &str, app: &str) -> Result<(), ClientError> {
        Ok(self.runtime.block_on(self.server.enrol(&self.host, code, device_name, app))?)
    }

    /// Sends what waits and receives what is new, once: for background work.
    ///
    /// # Errors
    /// [`NetError`]; what was not sent is kept.
    pub fn sync_once(&self) -> Result<(), ClientError> {
        Ok(self.runtime.block_on(self.server.sync_once(&self.host))?)
    }

    /// Runs a call on the device with the time: reading, editing, searching, deciding.
    pub fn with<T>(&self, call: impl FnOnce(&mut Device, i64) -> T) -> T {
        self.host.with(call)
    }

    /// What a status line shows.
    ///
    /// # Errors
    /// When the store fails.
    pub fn status(&self) -> Result<SyncStatus, ClientError> {
        Ok(self.host.with(|device, _| device.sync_status())?)
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sync_core::record::fields::FieldEdit;

    use super::*;

    fn settings() -> Settings {
        Settings { app: "test 1".to_owned(), incarnation: [1; 16], seed: [2; 32] }
    }

    #[test]
    fn an_app_creates_and_reads_a_record_without_any_network_and_finds_it_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("phone.db");
        let address = "http://127.0.0.1:9";
        let client = Client::open(&store, address, settings()).unwrap();
        let identity = sync_core::protocol::Enrolled {
            token: "t".to_owned(),
            device: sync_core::id::DeviceId::of_cause("d"),
            workspace: sync_core::id::WorkspaceId::of_cause("w"),
            user: sync_core::id::UserId::of_cause("u"),
            role: "rep".to_owned(),
            epoch: vec![1],
            server_time: now(),
        };
        client.with(|device, now| device.enrol(now, &identity)).unwrap();
        let edited = client.with(|device, now| device.create(now, "party", &[FieldEdit::set("name", "佳美")])).unwrap();
        assert!(matches!(client.sync_once(), Err(ClientError::Net(NetError::Unreachable(_)))));
        assert_eq!(client.status().unwrap().pending, 1);
        drop(client);

        let client = Client::open(&store, address, settings()).unwrap();
        let row = client.with(|device, _| device.row(edited.record)).unwrap().unwrap();
        assert_eq!((row.title.as_str(), &row.fields["name"], row.pending), ("佳美", &json!("佳美"), true));
    }

    #[test]
    fn an_address_that_is_none_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let refused = Client::open(&folder.path().join("phone.db"), "crm.example", settings()).err().unwrap();
        assert_eq!(refused.to_string(), "`crm.example` is not an http or https address");
    }
}

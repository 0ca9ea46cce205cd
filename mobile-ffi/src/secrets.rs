//! The app's secret store, and what we keep in it: the store's key, the mark of this installation, and what a wiped device
//! still has to say.
//!
//! Called on our own threads, one at a time. Whatever it throws becomes an error of the call.

use std::sync::Arc;

use sync_core::engine::Farewell;
use sync_core::store::Key;

use crate::error::OpenError;

/// The key of the store: 32 random bytes.
const KEY: &str = "rapport.store-key";
/// Marks this installation: 16 random bytes.
const MARK: &str = "rapport.installation";
/// Set while a wipe is under way, so that an interrupted one is finished.
const WIPING: &str = "rapport.wiping";

/// What is still to be told to the server that had everything removed.
const FAREWELL: &str = "rapport.farewell";
/// Between the server's address and what it is to be told: no address has it.
const BEHIND_ADDRESS: u8 = b'\n';

/// Why the secret store did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum SecretError {
    /// The phone has not been unlocked since it was started: try again later.
    #[error("it is locked")]
    Locked,
    /// The system has thrown the secret away: new biometrics, a reset key store.
    #[error("the secret was thrown away")]
    Invalidated,
    /// Anything else.
    #[error("{detail}")]
    Unavailable {
        /// What happened.
        detail: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for SecretError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        SecretError::Unavailable { detail: format!("the app's secret store has thrown: {}", error.reason) }
    }
}

/// Where the app keeps secrets: Android's Keystore, Apple's Keychain. What is kept must not travel in
/// backups, and must stay on this device.
#[uniffi::export(with_foreign)]
pub trait SecretStore: Send + Sync {
    /// A secret by its name; none when there is none.
    fn get(&self, name: String) -> Result<Option<Vec<u8>>, SecretError>;
    /// Keeps a secret, in place of an earlier one. Kept when this returns.
    fn put(&self, name: String, value: Vec<u8>) -> Result<(), SecretError>;
    /// Forgets a secret; one that is not there is no error.
    fn remove(&self, name: String) -> Result<(), SecretError>;
}

/// The key of a store: the kept one, or a new one where there is no store yet.
pub(crate) fn key(secrets: &dyn SecretStore, has_store: bool) -> Result<Key, OpenError> {
    match secrets.get(KEY.to_owned())? {
        Some(bytes) => Ok(Key(bytes.try_into().map_err(|_| OpenError::KeyDoesNotMatch)?)),
        None if has_store => Err(OpenError::KeyLost),
        None => Ok(Key(kept_new::<32>(secrets, KEY)?)),
    }
}

/// The mark of this installation.
pub(crate) fn installation(secrets: &dyn SecretStore) -> Result<[u8; 16], OpenError> {
    match secrets.get(MARK.to_owned())?.map(<[u8; 16]>::try_from) {
        Some(Ok(mark)) => Ok(mark),
        _ => kept_new::<16>(secrets, MARK),
    }
}

/// A new secret, read back: a secret store that forgets is found now, not when the store is full.
fn kept_new<const BYTES: usize>(secrets: &dyn SecretStore, name: &str) -> Result<[u8; BYTES], OpenError> {
    let new: [u8; BYTES] = random()?;
    secrets.put(name.to_owned(), new.to_vec())?;
    if secrets.get(name.to_owned())?.as_deref() != Some(&new) {
        return Err(OpenError::KeyUnavailable { detail: format!("the secret store did not keep `{name}`") });
    }
    Ok(new)
}

/// Bytes of the operating system's randomness.
pub(crate) fn random<const BYTES: usize>() -> Result<[u8; BYTES], OpenError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| OpenError::Failed { detail: error.to_string() })?;
    Ok(bytes)
}

/// Whether a wipe was interrupted.
pub(crate) fn is_wiping(secrets: &dyn SecretStore) -> Result<bool, SecretError> {
    Ok(secrets.get(WIPING.to_owned())?.is_some())
}

/// Destroys the key: from here on nobody reads the store, whatever becomes of its files.
pub(crate) fn destroy(secrets: &Arc<dyn SecretStore>) -> Result<(), SecretError> {
    secrets.put(WIPING.to_owned(), vec![1])?;
    secrets.remove(KEY.to_owned())
}

/// The files are gone: the wipe is over.
pub(crate) fn wiped(secrets: &Arc<dyn SecretStore>) -> Result<(), SecretError> {
    secrets.remove(WIPING.to_owned())
}

/// Keeps what is to be told to a server, until it was.
pub(crate) fn keep_farewell(secrets: &dyn SecretStore, server: &str, farewell: &Farewell) -> Result<(), SecretError> {
    let value = [server.as_bytes(), &[BEHIND_ADDRESS], &farewell.bytes()].concat();
    secrets.put(FAREWELL.to_owned(), value)
}

/// What is still to be told, and to which server.
pub(crate) fn farewell(secrets: &dyn SecretStore) -> Result<Option<(String, Farewell)>, SecretError> {
    let read = |kept: Vec<u8>| {
        let end = kept.iter().position(|byte| *byte == BEHIND_ADDRESS)?;
        Some((String::from_utf8(kept[..end].to_vec()).ok()?, Farewell::of_bytes(&kept[end + 1..])?))
    };
    Ok(secrets.get(FAREWELL.to_owned())?.and_then(read))
}

/// The server knows.
pub(crate) fn said_farewell(secrets: &dyn SecretStore) -> Result<(), SecretError> {
    secrets.remove(FAREWELL.to_owned())
}

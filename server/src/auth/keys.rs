//! API keys: made by a person for a program, good within their scopes until they expire or are taken back.

use std::sync::Arc;

use serde_json::json;
use sync_core::id::{Millis, RecordId, UserId, WorkspaceId};

use super::grant::{Grant, Scopes};
use super::secret::{Token, TokenKind, random};
use super::{Auth, Caller, TOUCH_EVERY_MS};
use crate::audit::{Act, Note};
use crate::store::keys::{self, ApiKey};
use crate::store::{Result, StoreError};

/// Longer than any program should go without a new key.
pub const KEY_DAYS_MAX: u16 = 3650;

const DAY_MS: Millis = 86_400_000;

/// When a key ends that is made now and is good for some days; none where it may not be good for so many.
pub fn key_ends_at(now: Millis, days: i64) -> Option<Millis> {
    (1..=i64::from(KEY_DAYS_MAX)).contains(&days).then(|| now + days * DAY_MS)
}

/// A key to make.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Where.
    pub workspace: WorkspaceId,
    /// For whom it acts.
    pub user: UserId,
    /// Who makes it; nobody is the operator.
    pub by: Option<UserId>,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends by itself.
    pub expires_at: Option<Millis>,
}

impl Auth {
    /// Makes a key: its token, for showing once, and what is kept of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn make_key(&self, new: NewKey) -> Result<(Token, ApiKey)> {
        let now = self.clock.now();
        let token = Token::new(TokenKind::Key, new.workspace);
        let key = ApiKey {
            key: RecordId::new(now, random()),
            user: new.user,
            name: new.name,
            scopes: new.scopes.to_string(),
            created_at: now,
            last_used_at: None,
            expires_at: new.expires_at,
            revoked_at: None,
        };
        let (kept, hash, workspace, by) = (key.clone(), token.hash(), new.workspace, new.by);
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    keys::add(tx, workspace, &kept, &hash).await?;
                    let detail = json!({"user": kept.user, "scopes": kept.scopes, "expiresAt": kept.expires_at});
                    Note::of(workspace, by, Act::KeyMade, kept.key).with(detail).write(tx, now).await
                })
            })
            .await?;
        Ok((token, key))
    }

    /// Takes a key back, one of `owner`'s if that is given. Answers whether it was in use.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_key(&self, workspace: WorkspaceId, key: RecordId, owner: Option<UserId>, by: Option<UserId>) -> Result<bool> {
        let now = self.clock.now();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let done = keys::revoke(tx, workspace, key, owner, now).await?;
                    if done {
                        Note::of(workspace, by, Act::KeyRevoked, key).write(tx, now).await?;
                    }
                    Ok(done)
                })
            })
            .await
    }

    /// The caller behind a key, if it is valid now.
    pub(super) async fn caller_of_key(&self, token: &Token) -> Result<Option<Caller>> {
        let (now, hash, workspace) = (self.clock.now(), token.hash(), token.workspace());
        let found = keys::by_token(&mut self.store.reader().await?, workspace, &hash).await?;
        let Some((key, user)) = found else { return Ok(None) };
        let over = key.revoked_at.is_some() || key.expires_at.is_some_and(|at| at <= now) || user.disabled_at.is_some();
        // What is stored was written from scopes.
        let Some(scopes) = key.scopes.parse::<Scopes>().ok().filter(|_| !over) else { return Ok(None) };
        if key.last_used_at.is_none_or(|at| now - at >= TOUCH_EVERY_MS) {
            self.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { keys::touch(tx, workspace, key.key, now).await })).await?;
        }
        Ok(Some(Caller::of(user, hash, Grant::Key(Arc::new(scopes)))))
    }
}

//! Sessions of people: signing in, being recognised, signing out.

use std::net::IpAddr;

use sync_core::id::WorkspaceId;

use super::password::Verdict;
use super::secret::{Token, TokenKind};
use super::{Auth, AuthError, Caller, TOUCH_EVERY_MS};
use crate::store::people::{self, Session, User};
use crate::store::{StoreError, workspaces};

/// An attempt to sign in.
pub struct SignIn<'a> {
    /// The name of the workspace; not needed where there is one.
    pub workspace: Option<&'a str>,
    /// Who.
    pub login: &'a str,
    /// The password.
    pub password: &'a str,
    /// From where.
    pub address: IpAddr,
    /// The session the client has so far: it ends.
    pub previous: Option<Token>,
}

/// Somebody who signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// For the client, once.
    pub token: Token,
    /// How long it lasts at most.
    pub max_age_s: i64,
    /// Who it is.
    pub user: User,
}

impl Auth {
    /// Checks a password and begins a session, always a new one.
    ///
    /// # Errors
    /// When anything is wrong, without saying what; or when there were too many attempts.
    pub async fn sign_in(&self, attempt: SignIn<'_>) -> Result<SignedIn, AuthError> {
        let login = normal_login(attempt.login);
        let workspace = self.workspace_named(attempt.workspace).await?;
        let subjects = vec![self.account(workspace.unwrap_or(super::throttle::NO_WORKSPACE), &login), self.address(attempt.address)];
        self.count(subjects.clone()).await?;
        let (user, stored) = self.user_and_hash(workspace, &login).await?;
        let verdict = self.passwords.verify(attempt.password, stored).await;
        let user = user.filter(|user| verdict != Verdict::Wrong && user.disabled_at.is_none()).ok_or(AuthError::WrongPassword)?;
        let rehashed = match verdict {
            Verdict::RightButOld => self.passwords.hash(attempt.password).await.ok(),
            Verdict::Right | Verdict::Wrong => None,
        };
        self.begin_session(user, subjects, rehashed, attempt.previous).await
    }

    async fn begin_session(
        &self,
        user: User,
        subjects: Vec<super::throttle::Subject>,
        rehashed: Option<String>,
        previous: Option<Token>,
    ) -> Result<SignedIn, AuthError> {
        let now = self.clock.now();
        let token = Token::new(TokenKind::Session, user.workspace);
        let expires_at = now + self.policy.session_absolute_ms;
        let (workspace, id) = (user.workspace, user.user);
        let session = Session { workspace, token_hash: token.hash(), user: id, created_at: now, last_seen_at: now, expires_at };
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    for subject in subjects {
                        subject.forgive(tx).await?;
                    }
                    if let Some(hash) = rehashed {
                        people::set_password_hash(tx, workspace, id, &hash).await?;
                    }
                    if let Some(previous) = previous {
                        people::drop_session(tx, previous.workspace(), &previous.hash()).await?;
                    }
                    people::add_session(tx, &session).await
                })
            })
            .await?;
        Ok(SignedIn { token, max_age_s: self.policy.session_absolute_ms / 1000, user })
    }

    /// The one workspace, or the one with this name where there are several.
    async fn workspace_named(&self, name: Option<&str>) -> Result<Option<WorkspaceId>, StoreError> {
        let mut all = workspaces::all(&mut self.store.reader().await?).await?;
        Ok(match (name, all.len()) {
            (None | Some(""), 1) => all.pop().map(|one| one.workspace),
            (name, _) => all.into_iter().find(|one| Some(one.name.as_str()) == name).map(|one| one.workspace),
        })
    }

    async fn user_and_hash(&self, workspace: Option<WorkspaceId>, login: &str) -> Result<(Option<User>, Option<String>), StoreError> {
        let Some(workspace) = workspace else { return Ok((None, None)) };
        let mut tx = self.store.reader().await?;
        let Some(user) = people::user_by_login(&mut tx, workspace, login).await? else { return Ok((None, None)) };
        let hash = people::password_hash(&mut tx, workspace, user.user).await?;
        Ok((Some(user), hash))
    }

    /// The person behind a session token, if it is valid now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn caller(&self, token: &Token) -> Result<Option<Caller>, StoreError> {
        let now = self.clock.now();
        let hash = token.hash();
        let found = people::session(&mut self.store.reader().await?, token.workspace(), &hash).await?;
        let Some((session, user)) = found else { return Ok(None) };
        let idle = now - session.last_seen_at;
        if session.expires_at <= now || idle >= self.policy.session_idle_ms || user.disabled_at.is_some() {
            return Ok(None);
        }
        if idle >= TOUCH_EVERY_MS {
            let workspace = token.workspace();
            self.store
                .write::<_, StoreError, _>(move |tx| Box::pin(async move { people::touch_session(tx, workspace, &hash, now).await }))
                .await?;
        }
        Ok(Some(Caller::of(user, hash)))
    }

    /// Whether somebody is still signed in, and as what: for connections that stay open. Does not count as being busy.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn again(&self, caller: &Caller) -> Result<Option<Caller>, StoreError> {
        let found = people::session(&mut self.store.reader().await?, caller.workspace, &caller.session).await?;
        let Some((session, user)) = found else { return Ok(None) };
        let now = self.clock.now();
        let over = session.expires_at <= now || now - session.last_seen_at >= self.policy.session_idle_ms || user.disabled_at.is_some();
        Ok((!over).then(|| Caller::of(user, caller.session)))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), StoreError> {
        let (workspace, session) = (caller.workspace, caller.session);
        self.store.write(move |tx| Box::pin(async move { people::drop_session(tx, workspace, &session).await })).await
    }
}

/// Logins are compared as they are stored: trimmed, in lower case.
pub fn normal_login(typed: &str) -> String {
    typed.trim().to_lowercase()
}

//! Sessions of people: signing in, being recognised, signing out.

use std::net::IpAddr;

use serde_json::json;
use sync_core::id::{Millis, UserId, WorkspaceId};

use super::grant::Grant;
use super::password::{BadPassword, Verdict};
use super::second::{Asking, Proof};
use super::secret::{Token, TokenKind};
use super::throttle::{NO_WORKSPACE, Subject};
use super::{Auth, AuthError, Caller, TOUCH_EVERY_MS};
use crate::audit::{Act, Note};
use crate::store::people::{self, SecretHash, Session, User};
use crate::store::{StoreError, Tx, second, workspaces};

/// Why a password was not set.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It is not taken.
    #[error(transparent)]
    Bad(#[from] BadPassword),
    /// The present one is another, or was wrong too often.
    #[error(transparent)]
    Present(AuthError),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
}

/// An attempt to sign in.
pub struct SignIn<'a> {
    /// The name of the workspace; not needed where there is one.
    pub workspace: Option<&'a str>,
    /// Who.
    pub login: &'a str,
    /// The password.
    pub password: &'a str,
    /// A code of the second factor, where there is one.
    pub code: Option<&'a str>,
    /// Whether one is to be sent by SMS, also to whoever has an authenticator app.
    pub by_sms: bool,
    /// Where it comes from, and what it replaces.
    pub client: Client,
}

/// The second step, for whose password was right.
pub struct Finish<'a> {
    /// What the first step answered.
    pub ticket: &'a Token,
    /// A code of the second factor.
    pub code: &'a str,
    /// Where it comes from, and what it replaces.
    pub client: Client,
}

/// Who is at the other end.
pub struct Client {
    /// From where.
    pub address: IpAddr,
    /// What it calls itself.
    pub agent: String,
    /// The session it has so far: it ends.
    pub previous: Option<Token>,
    /// Whether a person may choose another password there before anything else.
    pub is_browser: bool,
}

/// Somebody who signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// For the client, once.
    pub token: Token,
    /// How long it lasts at most.
    pub max_age_s: i64,
    /// When it ends at the latest.
    pub expires_at: Millis,
    /// Who it is.
    pub user: User,
}

/// What a client calls itself, as much of it as is kept.
const AGENT_CHARS_MAX: usize = 200;

/// What is still to be kept when somebody has proved who they are.
pub(super) struct Proved {
    pub subjects: Vec<Subject>,
    pub proof: Proof,
    /// Whether another system said who it is, whatever else was asked for here.
    pub by_provider: bool,
    pub rehashed: Option<String>,
    pub ticket: Option<Token>,
}

impl Auth {
    /// Checks a password, and a code where one is asked for, and begins a session, always a new one.
    ///
    /// # Errors
    /// When anything is wrong, without saying what; or when there were too many attempts.
    pub async fn sign_in(&self, attempt: SignIn<'_>) -> Result<SignedIn, AuthError> {
        let login = normal_login(attempt.login);
        let workspace = self.workspace_named(attempt.workspace).await?;
        let subjects = vec![self.account(workspace.unwrap_or(NO_WORKSPACE), &login), self.address(attempt.client.address)];
        self.count(subjects.clone()).await?;
        let (user, stored) = self.user_and_hash(workspace, &login).await?;
        let verdict = self.passwords.verify(attempt.password, stored).await;
        let user = match user {
            Some(user) if verdict != Verdict::Wrong && user.disabled_at.is_none() => user,
            Some(user) => return Err(self.failed(&user, "password", AuthError::WrongPassword).await?),
            None => return Err(AuthError::WrongPassword),
        };
        let rehashed = match verdict {
            Verdict::RightButOld => self.passwords.hash(attempt.password).await.ok(),
            Verdict::Right | Verdict::Wrong => None,
        };
        let asking = Asking { by_provider: false, by_sms: attempt.by_sms, address: attempt.client.address };
        let proof = match (self.ways(&user).await?, attempt.code) {
            (None, _) => Proof::Password,
            (Some(ways), None) => return Err(AuthError::CodeNeeded(Box::new(self.ask(&user, ways, asking).await?))),
            (Some(_), Some(code)) => self.second(&user, code).await?,
        };
        self.begin_session(user, Proved { subjects, proof, by_provider: false, rehashed, ticket: None }, attempt.client).await
    }

    /// The second step: a code of the second factor.
    ///
    /// # Errors
    /// When the ticket is too old, the code wrong, or when there were too many attempts.
    pub async fn finish_sign_in(&self, finish: Finish<'_>) -> Result<SignedIn, AuthError> {
        let (user, by_provider) = self.holder(finish.ticket).await?.ok_or(AuthError::WrongPassword)?;
        let subjects = vec![self.account(user.workspace, &user.login), self.address(finish.client.address)];
        self.count(subjects.clone()).await?;
        let proof = self.second(&user, finish.code).await?;
        let proved = Proved { subjects, proof, by_provider, rehashed: None, ticket: Some(finish.ticket.clone()) };
        self.begin_session(user, proved, finish.client).await
    }

    async fn second(&self, user: &User, code: &str) -> Result<Proof, AuthError> {
        match self.check_second(user, code).await {
            Err(AuthError::WrongSecond) => Err(self.failed(user, "code", AuthError::WrongSecond).await?),
            checked => checked,
        }
    }

    /// Writes down that an attempt on a known account failed; what was typed is not kept.
    pub(super) async fn failed(&self, user: &User, at: &'static str, why: AuthError) -> Result<AuthError, StoreError> {
        let note = Note::of(user.workspace, None, Act::SignInFailed, user.user).with(json!({ "at": at }));
        note.keep(&self.store, self.clock.now()).await?;
        Ok(why)
    }

    pub(super) async fn begin_session(&self, user: User, proved: Proved, client: Client) -> Result<SignedIn, AuthError> {
        let now = self.clock.now();
        let token = Token::new(TokenKind::Session, user.workspace);
        let expires_at = now + self.policy.session_absolute_ms;
        let session = Session {
            workspace: user.workspace,
            token_hash: token.hash(),
            user: user.user,
            created_at: now,
            last_seen_at: now,
            expires_at,
            agent: client.agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect(),
            address: client.address.to_string(),
            by_provider: proved.by_provider,
        };
        let keeping = self.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { keep(tx, &session, proved, client).await }));
        keeping.await?.then_some(()).ok_or(AuthError::PasswordGiven)?;
        Ok(SignedIn { token, max_age_s: self.policy.session_absolute_ms / 1000, expires_at, user })
    }

    /// The sessions of a user that have not ended, newest use first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sessions(&self, workspace: WorkspaceId, user: UserId) -> Result<Vec<Session>, StoreError> {
        let now = self.clock.now();
        let mut sessions = people::sessions_of(&mut self.store.reader().await?, workspace, user).await?;
        sessions.retain(|session| session.expires_at > now && now - session.last_seen_at < self.policy.session_idle_ms);
        Ok(sessions)
    }

    /// Ends sessions of somebody, for the caller: one of them, or all but the caller's present one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_sessions(&self, caller: &Caller, user: UserId, one: Option<SecretHash>) -> Result<u64, StoreError> {
        let (workspace, by, present, now) = (caller.workspace, caller.user, caller.session, self.clock.now());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let ended = match one {
                        Some(one) => people::drop_session_of(tx, workspace, user, &one).await?,
                        None => people::drop_sessions_of(tx, workspace, user, Some(&present)).await?,
                    };
                    if ended > 0 {
                        let note = Note::of(workspace, Some(by), Act::SessionEnded, user);
                        note.with(json!({ "sessions": ended })).write(tx, now).await?;
                    }
                    Ok(ended)
                })
            })
            .await
    }

    /// Sets the password of who is signed in and knows the present one; their sessions elsewhere end.
    ///
    /// # Errors
    /// When the present password is another one, the new one is not taken, or the database fails.
    pub async fn change_password(&self, caller: &Caller, present: &str, new: &str) -> Result<(), PasswordError> {
        self.confirm_password(caller, present).await.map_err(PasswordError::Present)?;
        self.set_password((caller.workspace, caller.user), new, Some(caller.user), Some(caller.session), false).await
    }

    /// Sets somebody's password, for `by` or the operator; sessions but `keep` end. Who sets their own sets another one;
    /// `given` says that they have to, before anything else, when they sign in.
    ///
    /// # Errors
    /// When the password is not taken, or the database fails.
    pub async fn set_password(
        &self,
        (workspace, user): (WorkspaceId, UserId),
        password: &str,
        by: Option<UserId>,
        keep: Option<SecretHash>,
        given: bool,
    ) -> Result<(), PasswordError> {
        let (hash, now) = (self.passwords.hash(password).await?, self.clock.now());
        if by == Some(user) {
            let stored = people::password_hash(&mut self.store.reader().await?, workspace, user).await?;
            if self.passwords.verify(password, stored).await != Verdict::Wrong {
                return Err(BadPassword::Same.into());
            }
        }
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    people::change_password(tx, workspace, user, &hash).await?;
                    people::set_password_given(tx, workspace, user, given.then_some(now)).await?;
                    people::drop_sessions_of(tx, workspace, user, keep.as_ref()).await?;
                    let detail = if given { json!({"given": true}) } else { json!({}) };
                    Note::of(workspace, by, Act::PasswordSet, user).with(detail).write(tx, now).await
                })
            })
            .await?;
        Ok(())
    }

    /// Whether this is the password of somebody who is signed in. Wrong ones count as attempts to sign in.
    ///
    /// # Errors
    /// When it is not, or was wrong too often.
    pub async fn confirm_password(&self, caller: &Caller, password: &str) -> Result<(), AuthError> {
        let account = self.account(caller.workspace, &caller.login);
        self.count(vec![account]).await?;
        let stored = people::password_hash(&mut self.store.reader().await?, caller.workspace, caller.user).await?;
        if self.passwords.verify(password, stored).await == Verdict::Wrong {
            return Err(AuthError::WrongPassword);
        }
        self.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { account.forgive(tx).await })).await?;
        Ok(())
    }

    /// The one workspace, or the one with this name where there are several.
    async fn workspace_named(&self, name: Option<&str>) -> Result<Option<WorkspaceId>, AuthError> {
        let mut all = workspaces::all(&mut self.store.reader().await?).await?;
        match (name, all.len()) {
            (None | Some(""), 2..) => Err(AuthError::NoWorkspace),
            (None | Some(""), _) => Ok(all.pop().map(|one| one.workspace)),
            (Some(name), _) => Ok(all.into_iter().find(|one| one.name == name).map(|one| one.workspace)),
        }
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
        let mut tx = self.store.reader().await?;
        let Some((session, user)) = people::session(&mut tx, token.workspace(), &hash).await? else { return Ok(None) };
        let grant = grant(&mut tx, &session).await?;
        drop(tx);
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
        Ok(Some(Caller::of(user, hash, grant)))
    }

    /// Whether somebody is still signed in, and as what: for connections that stay open. Does not count as being busy.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn again(&self, caller: &Caller) -> Result<Option<Caller>, StoreError> {
        let mut tx = self.store.reader().await?;
        let Some((session, user)) = people::session(&mut tx, caller.workspace, &caller.session).await? else { return Ok(None) };
        let grant = grant(&mut tx, &session).await?;
        let now = self.clock.now();
        let over = session.expires_at <= now || now - session.last_seen_at >= self.policy.session_idle_ms || user.disabled_at.is_some();
        Ok((!over).then(|| Caller::of(user, caller.session, grant)))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), StoreError> {
        let (workspace, session, user, now) = (caller.workspace, caller.session, caller.user, self.clock.now());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    people::drop_session(tx, workspace, &session).await?;
                    Note::of(workspace, Some(user), Act::SignedOut, user).write(tx, now).await
                })
            })
            .await
    }
}

/// Keeps a new session with what belongs to it; but no session where the password has to be changed first and cannot be.
async fn keep(tx: &mut Tx, session: &Session, proved: Proved, client: Client) -> Result<bool, StoreError> {
    let (workspace, user) = (session.workspace, session.user);
    for subject in proved.subjects {
        subject.forgive(tx).await?;
    }
    if !client.is_browser && grant(tx, session).await? == Grant::GivenPassword {
        return Ok(false);
    }
    if let Some(hash) = proved.rehashed {
        people::set_password_hash(tx, workspace, user, &hash).await?;
    }
    if let Some(ticket) = proved.ticket {
        second::drop_ticket(tx, workspace, &ticket.hash()).await?;
    }
    if let Some(previous) = client.previous {
        people::drop_session(tx, previous.workspace(), &previous.hash()).await?;
    }
    people::add_session(tx, session).await?;
    let detail = json!({"with": proved.proof.as_str(), "address": session.address});
    Note::of(workspace, Some(user), Act::SignedIn, user).with(detail).write(tx, session.created_at).await?;
    Ok(true)
}

/// What a session lets its person do.
async fn grant(tx: &mut Tx, session: &Session) -> Result<Grant, StoreError> {
    let given = !session.by_provider && people::password_given(tx, session.workspace, session.user).await?.is_some();
    Ok(if given { Grant::GivenPassword } else { Grant::Session })
}

/// Logins are compared as they are stored: trimmed, in lower case.
pub fn normal_login(typed: &str) -> String {
    typed.trim().to_lowercase()
}

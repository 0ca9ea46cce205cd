//! The second factor: setting it up, checking a code, taking it away.

use sync_core::id::{Millis, UserId, WorkspaceId};

use super::one_time::{SECRET_BYTES, Shared};
use super::secret::{Code, Token, TokenKind};
use super::{Auth, AuthError};
use crate::audit::{Act, Note};
use crate::store::people::User;
use crate::store::second::Holder;
use crate::store::{StoreError, Tx, people, second};

/// How many recovery codes somebody is given: enough for years of lost phones, few enough to print.
const RECOVERY_CODES: usize = 10;

/// How long somebody may look for their phone after the password.
const TICKET_MS: Millis = 5 * 60_000;

/// How somebody's second factor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondState {
    /// Since when it is asked for.
    pub since: Option<Millis>,
    /// How many recovery codes are left.
    pub recovery_codes: u64,
}

/// With what somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Password,
    Code,
    Recovery,
    /// Another system says so.
    Provider,
}

impl Proof {
    pub fn as_str(self) -> &'static str {
        match self {
            Proof::Password => "password",
            Proof::Code => "code",
            Proof::Recovery => "recovery",
            Proof::Provider => "provider",
        }
    }
}

impl Auth {
    /// How somebody's second factor stands.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn second_state(&self, workspace: WorkspaceId, user: UserId) -> Result<SecondState, StoreError> {
        let mut tx = self.store.reader().await?;
        let since = second::second_factor(&mut tx, workspace, user).await?.and_then(|factor| factor.confirmed_at);
        Ok(SecondState { since, recovery_codes: second::recovery_codes_left(&mut tx, workspace, user).await? })
    }

    /// A new secret for somebody's authenticator app; none when a factor is in use already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_second(&self, workspace: WorkspaceId, user: UserId) -> Result<Option<Shared>, StoreError> {
        let shared = Shared::new();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let known = second::second_factor(tx, workspace, user).await?;
                    match known {
                        Some(factor) if factor.confirmed_at.is_some() => Ok(None),
                        // A page that is loaded again shows the secret that may be in the app already.
                        Some(factor) => Ok(Some(Shared(factor.shared::<SECRET_BYTES>()?))),
                        None => second::put_second_factor(tx, workspace, user, &shared.0).await.map(|()| Some(shared)),
                    }
                })
            })
            .await
    }

    /// Switches the factor on, if the code is one of it; answers the recovery codes, shown once.
    ///
    /// # Errors
    /// [`AuthError::WrongSecond`] when it is not.
    pub async fn confirm_second(&self, workspace: WorkspaceId, user: UserId, code: &str) -> Result<Vec<Code>, AuthError> {
        let (now, code) = (self.clock.now(), code.to_owned());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let factor = second::second_factor(tx, workspace, user).await?.filter(|factor| factor.confirmed_at.is_none());
                    let factor = factor.ok_or(AuthError::WrongSecond)?;
                    let step = Shared(factor.shared()?).step_of(&code, now, factor.last_step).ok_or(AuthError::WrongSecond)?;
                    second::use_step(tx, workspace, user, step, now).await?;
                    let codes: Vec<Code> = (0..RECOVERY_CODES).map(|_| Code::recovery()).collect();
                    let hashes: Vec<_> = codes.iter().map(Code::hash).collect();
                    second::set_recovery_codes(tx, workspace, user, &hashes).await?;
                    Note::of(workspace, Some(user), Act::SecondFactorOn, user).write(tx, now).await?;
                    Ok(codes)
                })
            })
            .await
    }

    /// Takes the factor away; `by` is who does it, nobody is the operator.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_second(&self, workspace: WorkspaceId, user: UserId, by: Option<UserId>) -> Result<bool, StoreError> {
        let now = self.clock.now();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let was = second::drop_second_factor(tx, workspace, user).await?;
                    if was {
                        Note::of(workspace, by, Act::SecondFactorOff, user).write(tx, now).await?;
                    }
                    Ok(was)
                })
            })
            .await
    }

    /// Whether somebody's password alone is not enough; then a ticket with which the code is to come.
    pub(super) async fn ticket_if_needed(&self, user: &User, by_provider: bool) -> Result<Option<Token>, StoreError> {
        let (workspace, id) = (user.workspace, user.user);
        let factor = second::second_factor(&mut self.store.reader().await?, workspace, id).await?;
        if factor.is_none_or(|factor| factor.confirmed_at.is_none()) {
            return Ok(None);
        }
        let (ticket, expires_at) = (Token::new(TokenKind::Ticket, workspace), self.clock.now() + TICKET_MS);
        let (hash, holder) = (ticket.hash(), Holder { user: id, by_provider });
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move { second::add_ticket(tx, workspace, &hash, holder, expires_at).await })
            })
            .await?;
        Ok(Some(ticket))
    }

    /// Who is known but for a code, by the ticket they got for it, and whether another system said so.
    pub(super) async fn holder(&self, ticket: &Token) -> Result<Option<(User, bool)>, StoreError> {
        let mut tx = self.store.reader().await?;
        let (workspace, now) = (ticket.workspace(), self.clock.now());
        let Some(holder) = second::holder_of_ticket(&mut tx, workspace, &ticket.hash(), now).await? else { return Ok(None) };
        let user = people::user(&mut tx, workspace, holder.user).await?.filter(|user| user.disabled_at.is_none());
        Ok(user.map(|user| (user, holder.by_provider)))
    }

    /// Uses up a code of the app or a recovery code, in one transaction: of many at once, one counts.
    pub(super) async fn check_second(&self, user: &User, code: &str) -> Result<Proof, AuthError> {
        let (workspace, id, now, code) = (user.workspace, user.user, self.clock.now(), code.to_owned());
        self.store.write(move |tx| Box::pin(async move { use_up(tx, workspace, id, &code, now).await })).await
    }
}

async fn use_up(tx: &mut Tx, workspace: WorkspaceId, user: UserId, code: &str, now: Millis) -> Result<Proof, AuthError> {
    let factor = second::second_factor(tx, workspace, user).await?.ok_or(AuthError::WrongSecond)?;
    if let Some(step) = Shared(factor.shared()?).step_of(code, now, factor.last_step) {
        second::use_step(tx, workspace, user, step, now).await?;
        return Ok(Proof::Code);
    }
    let recovery = Code::parse_recovery(code).ok_or(AuthError::WrongSecond)?;
    if second::use_recovery_code(tx, workspace, user, &recovery.hash(), now).await? {
        let left = second::recovery_codes_left(tx, workspace, user).await?;
        let note = Note::of(workspace, Some(user), Act::RecoveryUsed, user);
        note.with(serde_json::json!({ "left": left })).write(tx, now).await?;
        return Ok(Proof::Recovery);
    }
    Err(AuthError::WrongSecond)
}

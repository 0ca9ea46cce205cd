//! The second factor: setting it up, asking for a code, checking it, taking it away.

use std::net::IpAddr;

use serde_json::json;
use sync_core::id::{Millis, UserId, WorkspaceId};

use super::one_time::{SECRET_BYTES, Shared};
use super::secret::{Code, Token, TokenKind};
use super::sms::{Hook, NotSent, masked, use_code};
use super::{Auth, AuthError};
use crate::audit::{Act, Note};
use crate::store::people::User;
use crate::store::second::Holder;
use crate::store::{StoreError, Tx, numbers, people, second};

/// How many recovery codes somebody is given: enough for years of lost phones, few enough to print.
pub(super) const RECOVERY_CODES: usize = 10;

/// How long somebody may look for their phone after the password.
const TICKET_MS: Millis = 5 * 60_000;

/// How somebody's second factor stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondState {
    /// Since when a code of an authenticator app is asked for.
    pub since: Option<Millis>,
    /// The number that codes are sent to, most of it hidden, and since when.
    pub number: Option<(String, Millis)>,
    /// The one that is being added, most of it hidden.
    pub pending: Option<String>,
    /// How many recovery codes are left.
    pub recovery_codes: u64,
}

/// Where a code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// An authenticator app.
    App,
    /// A message to a phone.
    Sms,
}

impl Factor {
    /// All there are.
    pub const ALL: &[Factor] = &[Factor::App, Factor::Sms];
}

/// With what somebody may prove that it is them; a recovery code always does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ways {
    /// A code of an authenticator app.
    pub app: bool,
    /// A code by SMS, to this number, most of it hidden.
    pub number: Option<String>,
}

/// A code is asked for.
#[derive(Debug)]
pub struct Asked {
    /// With which it may come.
    pub ticket: Token,
    /// Which one.
    pub ways: Ways,
    /// What became of the message, where one was to be sent.
    pub sent: Option<Result<(), NotSent>>,
}

/// Who is to give a code.
pub(super) struct Asking {
    pub by_provider: bool,
    /// Whether they want it by SMS, also when they have an app.
    pub by_sms: bool,
    pub address: IpAddr,
}

/// With what somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Password,
    Code,
    Sms,
    Recovery,
    /// Another system says so.
    Provider,
}

impl Proof {
    pub fn as_str(self) -> &'static str {
        match self {
            Proof::Password => "password",
            Proof::Code => "code",
            Proof::Sms => "sms",
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
        let number = numbers::number_of(&mut tx, workspace, user, false).await?;
        let pending = numbers::number_of(&mut tx, workspace, user, true).await?;
        Ok(SecondState {
            since,
            number: number.and_then(|number| Some((masked(&number.number), number.confirmed_at?))),
            pending: pending.map(|number| masked(&number.number)),
            recovery_codes: second::recovery_codes_left(&mut tx, workspace, user).await?,
        })
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
                    second::was_set_up(tx, workspace, user);
                    let codes: Vec<Code> = (0..RECOVERY_CODES).map(|_| Code::recovery()).collect();
                    let hashes: Vec<_> = codes.iter().map(Code::hash).collect();
                    second::set_recovery_codes(tx, workspace, user, &hashes).await?;
                    Note::of(workspace, Some(user), Act::SecondFactorOn, user).write(tx, now).await?;
                    Ok(codes)
                })
            })
            .await
    }

    /// Takes factors away; `by` is who does it, nobody is the operator. With the last one go the recovery codes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drop_second(
        &self,
        workspace: WorkspaceId,
        user: UserId,
        factors: &'static [Factor],
        by: Option<UserId>,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let mut was = false;
                    // One that was being added is not to come back as the only one.
                    numbers::drop_numbers(tx, workspace, user, true).await?;
                    for factor in factors {
                        let (gone, detail) = match factor {
                            Factor::App => (second::drop_second_factor(tx, workspace, user).await?, json!({})),
                            Factor::Sms => (numbers::drop_numbers(tx, workspace, user, false).await?, json!({ "by": "sms" })),
                        };
                        if gone {
                            Note::of(workspace, by, Act::SecondFactorOff, user).with(detail).write(tx, now).await?;
                        }
                        was |= gone;
                    }
                    if ways(tx, workspace, user).await?.is_none() {
                        second::set_recovery_codes(tx, workspace, user, &[]).await?;
                    }
                    Ok(was)
                })
            })
            .await
    }

    /// What is needed beside somebody's password, if anything is.
    pub(super) async fn ways(&self, user: &User) -> Result<Option<Ways>, StoreError> {
        let ways = ways(&mut self.store.reader().await?, user.workspace, user.user).await?;
        // Where nothing sends messages any more, a number is no way in; nor is the password alone.
        Ok(ways.map(|ways| Ways { number: ways.number.filter(|_| self.sends_sms()), ..ways }))
    }

    /// Asks for a code, which may come with a ticket; one is sent to whoever has no other way, or wants it so.
    pub(super) async fn ask(&self, user: &User, ways: Ways, asking: Asking) -> Result<Asked, StoreError> {
        let (workspace, id) = (user.workspace, user.user);
        let (ticket, expires_at) = (Token::new(TokenKind::Ticket, workspace), self.clock.now() + TICKET_MS);
        let (hash, holder) = (ticket.hash(), Holder { user: id, by_provider: asking.by_provider });
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move { second::add_ticket(tx, workspace, &hash, holder, expires_at).await })
            })
            .await?;
        let is_sent = ways.number.is_some() && (asking.by_sms || !ways.app);
        let sent = if is_sent { Some(self.send_code(workspace, id, false, asking.address).await) } else { None };
        Ok(Asked { ticket, ways, sent })
    }

    /// Sends a code by SMS to whoever has a ticket, for the first time or again.
    ///
    /// # Errors
    /// When the ticket is too old.
    pub async fn ask_again(&self, ticket: Token, address: IpAddr) -> Result<Asked, AuthError> {
        let ways = self.ways_of(&ticket).await?;
        let (user, _) = self.holder(&ticket).await?.ok_or(AuthError::WrongPassword)?;
        let sent = self.send_code(user.workspace, user.user, false, address).await;
        Ok(Asked { ticket, ways, sent: Some(sent) })
    }

    /// With what whoever has a ticket may prove that it is them.
    ///
    /// # Errors
    /// When the ticket is too old.
    pub async fn ways_of(&self, ticket: &Token) -> Result<Ways, AuthError> {
        let (user, _) = self.holder(ticket).await?.ok_or(AuthError::WrongPassword)?;
        self.ways(&user).await?.ok_or(AuthError::WrongPassword)
    }

    /// Who is known but for a code, by the ticket they got for it, and whether another system said so.
    pub(super) async fn holder(&self, ticket: &Token) -> Result<Option<(User, bool)>, StoreError> {
        let mut tx = self.store.reader().await?;
        let (workspace, now) = (ticket.workspace(), self.clock.now());
        let Some(holder) = second::holder_of_ticket(&mut tx, workspace, &ticket.hash(), now).await? else { return Ok(None) };
        let user = people::user(&mut tx, workspace, holder.user).await?.filter(|user| user.disabled_at.is_none());
        Ok(user.map(|user| (user, holder.by_provider)))
    }

    /// Uses up a code, in one transaction: of many at once, one counts. A wrong one stays counted.
    pub(super) async fn check_second(&self, user: &User, code: &str) -> Result<Proof, AuthError> {
        let (workspace, id, now, code) = (user.workspace, user.user, self.clock.now(), code.to_owned());
        let hook = self.sms.clone();
        let used = self
            .store
            .write::<_, StoreError, _>(move |tx| Box::pin(async move { use_up(tx, hook.as_ref(), (workspace, id), &code, now).await }));
        used.await?.ok_or(AuthError::WrongSecond)
    }
}

/// With what somebody may prove that it is them, if anything was set up.
async fn ways(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<Option<Ways>, StoreError> {
    let app = second::second_factor(tx, workspace, user).await?.is_some_and(|factor| factor.confirmed_at.is_some());
    let number = numbers::number_of(tx, workspace, user, false).await?.map(|number| masked(&number.number));
    Ok((app || number.is_some()).then_some(Ways { app, number }))
}

async fn use_up(
    tx: &mut Tx,
    hook: Option<&Hook>,
    (workspace, user): (WorkspaceId, UserId),
    code: &str,
    now: Millis,
) -> Result<Option<Proof>, StoreError> {
    // One that is being set up opens nothing.
    let factor = second::second_factor(tx, workspace, user).await?.filter(|factor| factor.confirmed_at.is_some());
    if let Some(factor) = factor
        && let Some(step) = Shared(factor.shared()?).step_of(code, now, factor.last_step)
    {
        second::use_step(tx, workspace, user, step, now).await?;
        return Ok(Some(Proof::Code));
    }
    if use_code(tx, hook, (workspace, user, false), code, now).await?.is_some() {
        return Ok(Some(Proof::Sms));
    }
    let Some(recovery) = Code::parse_recovery(code) else { return Ok(None) };
    if !second::use_recovery_code(tx, workspace, user, &recovery.hash(), now).await? {
        return Ok(None);
    }
    let left = second::recovery_codes_left(tx, workspace, user).await?;
    let note = Note::of(workspace, Some(user), Act::RecoveryUsed, user);
    note.with(json!({ "left": left })).write(tx, now).await?;
    Ok(Some(Proof::Recovery))
}

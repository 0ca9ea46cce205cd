//! Codes by SMS: to whose number, how often, and what the operator's provider is told.
//!
//! Keeps of a code only its hash, under a key that is not in the database: six digits are tried in no time. Never logs
//! a number or a code.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use ring::hmac;
use serde_json::json;
use sync_core::actions::duplicates::country::Country;
use sync_core::actions::duplicates::normal;
use sync_core::id::{Millis, UserId, WorkspaceId};
use uuid::Uuid;

use super::second::RECOVERY_CODES;
use super::secret::{Code, random};
use super::throttle::Subject;
use super::{Auth, AuthError};
use crate::audit::{Act, Note};
use crate::config::Sms;
use crate::hooks::guard;
use crate::hooks::signed::{self, Signed};
use crate::language::Language;
use crate::store::numbers::{self, Number};
use crate::store::people::SecretHash;
use crate::store::{StoreError, Tx, people, second, sequences};

/// As long as the ticket of the first step lasts: later there is nothing to type it into.
const CODE_MS: Millis = 5 * 60_000;

/// A message may take half a minute; whoever asks again before has two of them, of which one works.
const AGAIN_MS: Millis = 60_000;

/// Guesses at one code: enough for slips of the thumb, one in 200,000 to be right.
const GUESSES_MAX: i64 = 5;

const HOUR_MS: Millis = 3_600_000;
const DAY_MS: Millis = 24 * HOUR_MS;

/// Messages to one person: each costs money and patience. A few for those that get lost, more only for whoever signs in
/// all day; with the guesses at each, a stolen password leads nowhere for years.
const PER_PERSON_HOUR_MAX: i64 = 5;
const PER_PERSON_DAY_MAX: i64 = 15;

/// Messages for one address: an office of a hundred shares one, and signs in of a morning.
const PER_ADDRESS_HOUR_MAX: i64 = 150;
const PER_ADDRESS_DAY_MAX: i64 = 500;

const CODE_DIGITS: usize = 6;
const MODULUS: u64 = 1_000_000;

/// The last digits of a number, by which its owner knows it.
const SHOWN_DIGITS: usize = 3;

/// What sends messages, by the configuration.
#[derive(Clone)]
pub(super) struct Hook {
    url: Url,
    key: Vec<u8>,
    timeout: Duration,
}

/// Why no code was sent.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    /// Nothing here sends messages, or there is no number to send them to.
    #[error("nobody to send a code to")]
    Nobody,
    /// One was sent just now, and still works.
    #[error("a code was sent just now")]
    Early {
        /// How long to wait.
        after_s: u64,
    },
    /// As many were sent as are sent in an hour, or a day.
    #[error("too many codes were sent")]
    TooMany {
        /// How long to wait.
        retry_after_s: u64,
    },
    /// The provider did not take it.
    #[error("the provider did not take the code: {0}")]
    NotTaken(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a number is not added.
#[derive(Debug, thiserror::Error)]
pub enum BadNumber {
    /// It cannot be read as one of the world's.
    #[error("not a phone number: expected one with the code of its country, such as +86 138 1234 5678")]
    Form,
    /// Codes are sent there already.
    #[error("codes are sent to this number already")]
    Same,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Hook {
    /// What the configuration says; reading it has checked that it makes sense.
    pub fn of(config: &Sms) -> Option<Self> {
        let (url, secret) = (config.url.as_deref()?, config.secret.as_ref()?);
        Some(Self { url: guard::chosen(url).ok()?, key: signed::key(&secret.0)?, timeout: Duration::from_millis(config.timeout_ms) })
    }

    /// What is kept of a code: good for one number of one person.
    fn hash(&self, workspace: WorkspaceId, user: UserId, number: &str, code: &str) -> SecretHash {
        let text = format!("sms {workspace} {user} {number} {code}");
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.key), text.as_bytes());
        tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    async fn send(&self, number: &str, code: &str, language: Language, now: Millis) -> Result<(), String> {
        let body = json!({"to": number, "text": text(code, language), "code": code, "language": language.tag()}).to_string();
        let id = Uuid::from_bytes(random()).to_string();
        let signed = Signed { url: self.url.clone(), key: &self.key, id: &id, at: now / 1000, body };
        match signed.send(signed::client(self.timeout)).await? {
            200..300 => Ok(()),
            status => Err(format!("status {status}")),
        }
    }
}

/// What stands in the message.
fn text(code: &str, language: Language) -> String {
    let minutes = CODE_MS / 60_000;
    let en = format!("{code} is your code for Rapport. It works once, for {minutes} minutes. Give it to nobody.");
    let zh = format!("您的 Rapport 验证码是 {code}，{minutes} 分钟内有效，仅可使用一次，请勿告知他人。");
    language.of(&en, &zh).to_owned()
}

/// A number of which its owner alone knows what is hidden: `+86 … 678`.
pub(super) fn masked(number: &str) -> String {
    let (start, end) = (number.get(..3).unwrap_or_default(), number.get(number.len().saturating_sub(SHOWN_DIGITS)..).unwrap_or_default());
    format!("{start} ••• {end}")
}

impl Auth {
    /// Whether codes can be sent by SMS.
    pub fn sends_sms(&self) -> bool {
        self.sms.is_some()
    }

    /// Begins adding a number: it stands for nothing until a code that is sent to it is typed.
    ///
    /// # Errors
    /// [`BadNumber`].
    pub async fn begin_number(&self, workspace: WorkspaceId, user: UserId, typed: &str) -> Result<(), BadNumber> {
        let home = Country::of(sequences::settings(&mut self.store.reader().await?, workspace).await?.as_ref());
        let number = normal::phone(typed, home).filter(|number| number.starts_with('+')).ok_or(BadNumber::Form)?;
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    match numbers::number_of(tx, workspace, user, false).await? {
                        Some(known) if known.number == number => Err(BadNumber::Same),
                        _ => Ok(numbers::add_number(tx, workspace, user, &number).await?),
                    }
                })
            })
            .await
    }

    /// Sends a code to somebody's number, or (`pending`) to the one that they are adding.
    ///
    /// # Errors
    /// [`NotSent`]; after a failure of the provider the next one may be sent at once, within the limits.
    pub async fn send_code(&self, workspace: WorkspaceId, user: UserId, pending: bool, address: IpAddr) -> Result<(), NotSent> {
        let (Some(hook), now) = (self.sms.clone(), self.clock.now()) else { return Err(NotSent::Nobody) };
        let (subjects, keyed) = (sms_subjects(workspace, user, address), hook.clone());
        let code = new_code();
        let claim = Claim { workspace, user, pending, code: code.clone(), now };
        let claimed = self.store.write::<_, NotSent, _>(move |tx| Box::pin(async move { claim.make(tx, &keyed, subjects).await }));
        let (number, language) = claimed.await?;
        let Err(why) = hook.send(&number, &code, language, now).await else { return Ok(()) };
        tracing::warn!(why, "a code could not be sent by SMS");
        let (note, now) = (Note::of(workspace, Some(user), Act::CodeNotSent, user).with(json!({ "why": why })), self.clock.now());
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    if let Some(number) = numbers::number_of(tx, workspace, user, pending).await? {
                        numbers::put_number(tx, workspace, user, &Number { again_at: 0, ..number }).await?;
                    }
                    note.write(tx, now).await
                })
            })
            .await?;
        Err(NotSent::NotTaken(why))
    }

    /// The number that is being added stands from now on, in place of another one, if the code is the one that was sent to
    /// it; answers recovery codes, shown once, for whoever has none.
    ///
    /// # Errors
    /// [`AuthError::WrongSecond`] when it is another one, too old, or was guessed at too often.
    pub async fn confirm_number(&self, workspace: WorkspaceId, user: UserId, code: &str) -> Result<Vec<Code>, AuthError> {
        let (now, code, hook) = (self.clock.now(), code.to_owned(), self.sms.clone());
        let confirmed = self.store.write::<_, StoreError, _>(move |tx| {
            Box::pin(async move {
                let Some(number) = use_code(tx, hook.as_ref(), (workspace, user, true), &code, now).await? else { return Ok(None) };
                numbers::drop_numbers(tx, workspace, user, false).await?;
                numbers::put_number(tx, workspace, user, &Number { confirmed_at: Some(now), ..number }).await?;
                numbers::was_set_up(tx, workspace, user);
                Note::of(workspace, Some(user), Act::SecondFactorOn, user).with(json!({ "by": "sms" })).write(tx, now).await?;
                let wanted = if second::recovery_codes_left(tx, workspace, user).await? == 0 { RECOVERY_CODES } else { 0 };
                let codes: Vec<Code> = (0..wanted).map(|_| Code::recovery()).collect();
                if !codes.is_empty() {
                    second::set_recovery_codes(tx, workspace, user, &codes.iter().map(Code::hash).collect::<Vec<_>>()).await?;
                }
                Ok(Some(codes))
            })
        });
        confirmed.await?.ok_or(AuthError::WrongSecond)
    }
}

/// A code that is about to be sent.
struct Claim {
    workspace: WorkspaceId,
    user: UserId,
    pending: bool,
    code: String,
    now: Millis,
}

impl Claim {
    /// Counts the message and keeps its code, in one transaction: of many at once, one is sent. One that is not sent is not counted.
    async fn make(self, tx: &mut Tx, hook: &Hook, subjects: Vec<Subject>) -> Result<(String, Language), NotSent> {
        let Self { workspace, user, pending, code, now } = self;
        let number = numbers::number_of(tx, workspace, user, pending).await?.ok_or(NotSent::Nobody)?;
        let person = people::user(tx, workspace, user).await?.ok_or(NotSent::Nobody)?;
        if let Some(after_s) = seconds(number.again_at - now) {
            return Err(NotSent::Early { after_s });
        }
        if let Some(retry_after_s) = seconds(super::throttle::counted(tx, subjects, now).await?) {
            return Err(NotSent::TooMany { retry_after_s });
        }
        let code = Some(hook.hash(workspace, user, &number.number, &code));
        let sent = Number { code, code_expires_at: now + CODE_MS, guesses: 0, again_at: now + AGAIN_MS, ..number };
        numbers::put_number(tx, workspace, user, &sent).await?;
        Note::of(workspace, Some(user), Act::CodeSent, user).write(tx, now).await?;
        Ok((sent.number, person.language))
    }
}

/// Uses up the code that was sent to a number, and answers the number; any other one is a guess at it.
pub(super) async fn use_code(
    tx: &mut Tx,
    hook: Option<&Hook>,
    (workspace, user, pending): (WorkspaceId, UserId, bool),
    typed: &str,
    now: Millis,
) -> Result<Option<Number>, StoreError> {
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    let is_code = typed.len() == CODE_DIGITS && typed.bytes().all(|byte| byte.is_ascii_digit());
    let (Some(hook), true) = (hook, is_code) else { return Ok(None) };
    let Some(number) = numbers::number_of(tx, workspace, user, pending).await? else { return Ok(None) };
    let Some(code) = number.code.filter(|_| number.code_expires_at > now) else { return Ok(None) };
    let is_right = code == hook.hash(workspace, user, &number.number, &typed);
    let guesses = number.guesses + i64::from(!is_right);
    // Of one that is worth nothing any more, nobody waits for the next.
    let is_over = is_right || guesses == GUESSES_MAX;
    let after = if is_over { Number { code: None, again_at: 0, guesses, ..number } } else { Number { guesses, ..number } };
    numbers::put_number(tx, workspace, user, &after).await?;
    Ok(is_right.then_some(after))
}

/// Whose messages are counted.
fn sms_subjects(workspace: WorkspaceId, user: UserId, address: IpAddr) -> Vec<Subject> {
    let person = |scope, max, window_ms| Subject::new((workspace, scope), &user.to_string(), max, window_ms);
    let from = |scope, max, window_ms| Subject::of_address(scope, address, max, window_ms);
    vec![
        person("sms person hour", PER_PERSON_HOUR_MAX, HOUR_MS),
        person("sms person day", PER_PERSON_DAY_MAX, DAY_MS),
        from("sms address hour", PER_ADDRESS_HOUR_MAX, HOUR_MS),
        from("sms address day", PER_ADDRESS_DAY_MAX, DAY_MS),
    ]
}

/// A time to wait, if there is any.
fn seconds(wait_ms: Millis) -> Option<u64> {
    u64::try_from(wait_ms).ok().filter(|wait_ms| *wait_ms > 0).map(|wait_ms| wait_ms.div_ceil(1000))
}

fn new_code() -> String {
    // Of 64 bits, what a remainder prefers is not seen.
    format!("{:06}", u64::from_be_bytes(random()) % MODULUS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_hidden_but_for_where_it_is_and_how_it_ends() {
        for (number, shown) in [("+8613812345678", "+86 ••• 678"), ("+14155550123", "+14 ••• 123"), ("+4412345", "+44 ••• 345")]
        {
            assert_eq!(masked(number), shown);
        }
    }

    #[test]
    fn what_is_kept_of_a_code_is_good_for_one_number_of_one_person() {
        let hook = Hook { url: Url::parse("https://sms.example/").unwrap(), key: vec![1; 32], timeout: Duration::ZERO };
        let (here, ann, bo) = (WorkspaceId::of_cause("here"), UserId::of_cause("ann"), UserId::of_cause("bo"));
        let hash = hook.hash(here, ann, "+1", "123456");
        assert_eq!(hash, hook.hash(here, ann, "+1", "123456"));
        let others = [
            hook.hash(here, bo, "+1", "123456"),
            hook.hash(here, ann, "+2", "123456"),
            hook.hash(here, ann, "+1", "123457"),
            Hook { key: vec![2; 32], ..hook }.hash(here, ann, "+1", "123456"),
        ];
        assert!(!others.contains(&hash));
    }
}

//! The ledgers beside the database: what a restored backup has to be told before anybody may connect.
//!
//! What takes access away is written into one before the transaction that does it is committed. Each line has a number, and
//! the database keeps the number of the last one that it has followed: a backup knows fewer. Holds ids and hashes only.

use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sync_core::id::{DeviceId, Millis, RecordId, UserId, WorkspaceId};

use super::people::SecretHash;
use super::{Result, Store, StoreError, Tx, calendars, devices, farewells, forms, hooks, keys, mails, numbers, people, reports, second};

/// What took access away, or gave it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Withdrawal {
    /// Somebody was shut out, or let in again.
    Person {
        /// Who.
        user: UserId,
        /// Whether they are out.
        out: bool,
    },
    /// A device was shut out, maybe with a farewell to say, or let in again.
    Device {
        /// Which one.
        device: DeviceId,
        /// Whether it is out.
        out: bool,
        /// How it leaves.
        farewell: Option<String>,
    },
    /// Sessions ended: the hashes of their tokens.
    Sessions {
        /// Which ones.
        hashes: Vec<String>,
    },
    /// An API key was taken back.
    ApiKey {
        /// Which one.
        key: RecordId,
    },
    /// A form for strangers was taken back.
    LeadForm {
        /// Which one.
        form: RecordId,
    },
    /// The link of a dashboard was taken back.
    Link {
        /// Of which dashboard.
        dashboard: RecordId,
        /// Which one.
        link: RecordId,
    },
    /// A dashboard is not sent by mail any more.
    Mail {
        /// Which dashboard.
        dashboard: RecordId,
        /// Which mail.
        mail: RecordId,
    },
    /// A calendar's address leads nowhere any more: the hash of its token.
    Calendar {
        /// Which one.
        hash: String,
    },
    /// A webhook was removed.
    Webhook {
        /// Which one.
        webhook: RecordId,
    },
    /// Somebody's password is another one.
    Password {
        /// Whose.
        user: UserId,
    },
    /// Somebody's authenticator app was taken away as a second factor, or one was set up.
    SecondFactor {
        /// Whose.
        user: UserId,
        /// Whether one is set up.
        on: bool,
    },
    /// So was their phone number.
    Number {
        /// Whose.
        user: UserId,
        /// Whether one is set up.
        on: bool,
    },
}

/// What a line is about: of several about one thing, the last one counts.
#[derive(PartialEq, Eq, Hash)]
enum Subject {
    Person(UserId),
    Device(DeviceId),
    SecondFactor(UserId),
    Number(UserId),
    Other(u64),
}

#[derive(Serialize, Deserialize)]
struct Line {
    number: u64,
    workspace: WorkspaceId,
    #[serde(flatten)]
    withdrawn: Withdrawal,
}

impl Line {
    fn subject(&self) -> Subject {
        match &self.withdrawn {
            Withdrawal::Person { user, .. } => Subject::Person(*user),
            Withdrawal::Device { device, .. } => Subject::Device(*device),
            Withdrawal::SecondFactor { user, .. } => Subject::SecondFactor(*user),
            Withdrawal::Number { user, .. } => Subject::Number(*user),
            _ => Subject::Other(self.number),
        }
    }

    fn is_about_a_factor(&self) -> bool {
        matches!(self.withdrawn, Withdrawal::SecondFactor { .. } | Withdrawal::Number { .. })
    }

    fn drops_a_factor(&self) -> bool {
        matches!(self.withdrawn, Withdrawal::SecondFactor { on: false, .. } | Withdrawal::Number { on: false, .. })
    }

    fn takes_away(&self) -> bool {
        !matches!(self.withdrawn, Withdrawal::Person { out: false, .. } | Withdrawal::Device { out: false, .. })
    }
}

/// The file beside a database with a suffix.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn path(database: &Path) -> PathBuf {
    beside(database, "revoked")
}

/// Writes lines at the end of a ledger; they are on the disk when this returns.
///
/// # Errors
/// When the system does not let it.
pub fn append(path: &Path, lines: &str) -> std::io::Result<()> {
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let mut text = String::new();
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            // A crash in the middle of a line: what it told of never happened.
            text.push('\n');
        }
    }
    text.push_str(lines);
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    match path.parent().filter(|parent| is_new && cfg!(unix) && !parent.as_os_str().is_empty()) {
        // A new name is durable once its folder is.
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes all lines of a ledger anew: it has either these or those of before, whatever happens.
///
/// # Errors
/// When the system does not let it.
pub(crate) fn replace(path: &Path, lines: &str) -> std::io::Result<()> {
    let beside = beside(path, "new");
    // Left behind by a crash.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => append(&beside, lines)?,
    }
    std::fs::rename(&beside, path)?;
    match path.parent().filter(|parent| cfg!(unix) && !parent.as_os_str().is_empty()) {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The lines of a ledger; none where there is no ledger.
///
/// # Errors
/// When it cannot be read, or holds what this program did not write.
pub fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> std::io::Result<Vec<T>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut lines = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(line) => lines.push(line),
            // Torn by a crash: what it told of never happened.
            Err(error) if error.is_eof() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(lines)
}

impl Tx {
    /// Has the ledger say what this transaction takes away, or gives back.
    pub(super) fn withdrawn(&mut self, workspace: WorkspaceId, withdrawn: Withdrawal) {
        self.withdrawn.push((workspace, withdrawn));
    }

    /// Writes into the ledger what this transaction takes away. First in the ledger: a crash in between takes it away after a
    /// restart, never not at all.
    pub(super) async fn settle_ledger(&mut self) -> Result<()> {
        let count = self.withdrawn.len() as i64;
        let last: i64 = sqlx::query_scalar("update ledger set seen = seen + $1 returning seen").bind(count).fetch_one(self.conn()).await?;
        let mut text = String::new();
        for (number, (workspace, withdrawn)) in (last - count + 1..).zip(self.withdrawn.drain(..)) {
            let line = Line { number: number as u64, workspace, withdrawn };
            text.push_str(&serde_json::to_string(&line).map_err(|_| StoreError::Damaged("line of the ledger"))?);
            text.push('\n');
        }
        let path = path(&self.about.path);
        let written = tokio::task::spawn_blocking(move || append(&path, &text)).await;
        written.map_err(|_| StoreError::BrokeOff)?.map_err(StoreError::Ledger)
    }
}

/// What a restored database was told again.
#[derive(Debug, Default)]
pub struct Again {
    /// How many lines of the ledger, by workspace.
    pub lines: HashMap<WorkspaceId, u64>,
    /// Who was shut out again.
    pub people: Vec<(WorkspaceId, UserId)>,
}

impl Store {
    /// Whether the ledger says more than this database has followed.
    ///
    /// # Errors
    /// When the ledger or the database cannot be read.
    pub async fn is_behind(&self) -> Result<bool> {
        let mut tx = self.reader().await?;
        let seen = seen(&mut tx).await?;
        Ok(lines(self)?.last().is_some_and(|line| line.number > seen))
    }
}

fn lines(store: &Store) -> Result<Vec<Line>> {
    read(&path(store.path())).map_err(StoreError::Ledger)
}

async fn seen(tx: &mut Tx) -> Result<u64> {
    Ok(sqlx::query_scalar::<_, i64>("select seen from ledger").fetch_one(tx.conn()).await? as u64)
}

/// Takes away again what the ledger says was taken away and this database does not know of. The last line about each counts.
pub async fn follow(tx: &mut Tx, store: &Store, now: Millis) -> Result<Again> {
    let seen = seen(tx).await?;
    let missed: Vec<Line> = lines(store)?.into_iter().filter(|line| line.number > seen).collect();
    let Some(last) = missed.iter().map(|line| line.number).max() else { return Ok(Again::default()) };
    let counts: HashMap<Subject, usize> = missed.iter().enumerate().map(|(place, line)| (line.subject(), place)).collect();
    let mut again = Again::default();
    // Whoever has changed a second factor since lacks the new one: no password alone lets them in.
    let dropped: HashSet<Subject> = missed.iter().filter(|line| line.drops_a_factor()).map(Line::subject).collect();
    for (place, line) in missed.iter().enumerate() {
        if !line.drops_a_factor() && line.is_about_a_factor() && !dropped.contains(&line.subject()) {
            continue;
        }
        if counts.get(&line.subject()) == Some(&place) && line.takes_away() {
            take_away(tx, line.workspace, &line.withdrawn, now).await?;
            *again.lines.entry(line.workspace).or_default() += 1;
            if let Withdrawal::Person { user, .. } = line.withdrawn {
                again.people.push((line.workspace, user));
            }
        }
    }
    // They stand in the ledger.
    tx.withdrawn.clear();
    sqlx::query("update ledger set seen = $1").bind(last as i64).execute(tx.conn()).await?;
    Ok(again)
}

async fn take_away(tx: &mut Tx, workspace: WorkspaceId, withdrawn: &Withdrawal, now: Millis) -> Result<()> {
    match withdrawn {
        Withdrawal::Person { user, .. } => {
            people::set_disabled(tx, workspace, *user, Some(now)).await?;
            people::drop_sessions_of(tx, workspace, *user, None).await?;
        }
        Withdrawal::Device { device, farewell, .. } => {
            devices::revoke_device(tx, workspace, *device, now).await?;
            let is_known = devices::devices(tx, workspace).await?.iter().any(|known| known.device == *device);
            if let Some(act) = farewell.as_deref().and_then(farewells::Act::of).filter(|_| is_known) {
                farewells::ask(tx, workspace, *device, act, None, now).await?;
            }
        }
        Withdrawal::Sessions { hashes } => {
            for hash in hashes.iter().filter_map(|hash| crate::files::unhex(hash)) {
                people::drop_session(tx, workspace, &hash).await?;
            }
        }
        Withdrawal::ApiKey { key } => drop(keys::revoke(tx, workspace, *key, None, now).await?),
        Withdrawal::LeadForm { form } => drop(forms::revoke(tx, workspace, *form, now).await?),
        Withdrawal::Link { dashboard, link } => drop(reports::revoke(tx, workspace, *dashboard, *link, now).await?),
        Withdrawal::Mail { dashboard, mail } => drop(mails::remove(tx, workspace, *dashboard, *mail).await?),
        Withdrawal::Calendar { hash } => {
            if let Some(hash) = crate::files::unhex(hash) {
                calendars::drop_token(tx, workspace, &hash).await?;
            }
        }
        Withdrawal::Webhook { webhook } => drop(hooks::remove(tx, workspace, *webhook).await?),
        // No password has this hash: somebody gives them another one.
        Withdrawal::Password { user } => people::set_password_hash(tx, workspace, *user, "").await?,
        Withdrawal::SecondFactor { user, on } => {
            second::drop_second_factor(tx, workspace, *user).await?;
            settle_factors(tx, workspace, *user, *on).await?;
        }
        Withdrawal::Number { user, on } => {
            numbers::drop_numbers(tx, workspace, *user, false).await?;
            settle_factors(tx, workspace, *user, *on).await?;
        }
    }
    Ok(())
}

/// With the last second factor go the recovery codes; `lacks`: and the password of whoever has another one since.
async fn settle_factors(tx: &mut Tx, workspace: WorkspaceId, user: UserId, lacks: bool) -> Result<()> {
    if lacks {
        people::set_password_hash(tx, workspace, user, "").await?;
    }
    let app = second::second_factor(tx, workspace, user).await?.is_some_and(|factor| factor.confirmed_at.is_some());
    if app || numbers::number_of(tx, workspace, user, false).await?.is_some() {
        return Ok(());
    }
    second::set_recovery_codes(tx, workspace, user, &[]).await
}

/// The head that an audit log had before its workspace came out of a backup.
pub type HeadBefore = (WorkspaceId, Option<(u64, SecretHash)>);

type HeadTuple = (Vec<u8>, Option<i64>, Option<Vec<u8>>);

/// Notes that a workspace came out of a backup.
pub(super) async fn note_restored(tx: &mut Tx, workspace: WorkspaceId, before: Option<(i64, Vec<u8>)>) -> Result<()> {
    let (number, hash) = before.unzip();
    sqlx::query("insert into restored (workspace, number, hash) values ($1, $2, $3) on conflict (workspace) do nothing")
        .bind(&workspace.as_bytes()[..])
        .bind(number)
        .bind(hash)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether a workspace came out of a backup and its log does not say so yet.
pub async fn is_restored(tx: &mut Tx) -> Result<bool> {
    Ok(sqlx::query_scalar::<_, i64>("select exists (select 1 from restored)").fetch_one(tx.conn()).await? != 0)
}

/// The workspaces that came out of a backup and whose logs do not say so yet; they are forgotten.
pub async fn take_restored(tx: &mut Tx) -> Result<Vec<HeadBefore>> {
    let rows: Vec<HeadTuple> = sqlx::query_as("delete from restored returning workspace, number, hash").fetch_all(tx.conn()).await?;
    let head = |(workspace, number, hash): HeadTuple| {
        let hash: Option<SecretHash> = hash.and_then(|hash| hash.try_into().ok());
        Ok((super::id(WorkspaceId::from_bytes(&workspace), "workspace id")?, number.map(|number| number as u64).zip(hash)))
    };
    rows.into_iter().map(head).collect()
}

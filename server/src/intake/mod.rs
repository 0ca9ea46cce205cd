//! THE write path: the one way a change enters the server.
//!
//! Console forms, API calls, imports and device pushes all come through here: verified, authorised,
//! merged, checked, kept, projected and announced. Never reads a request and never writes HTML: the
//! doors do that. An answer means that what it says is on the disk.

pub(crate) mod ages;
mod aliases;
mod backfill;
mod cache;
mod decide;
mod govern;
mod review;
mod terms;
#[cfg(test)]
mod tests;
mod unit;
mod views;
mod writer;

use std::sync::Arc;

use sync_core::access::{Caller, RoleSet, Roles};
use sync_core::actions::duplicates::country::Country;
use sync_core::fence::{self, Pen, Refusal};
use sync_core::id::{ActorId, ChangeHash, DeviceId, KindName, Millis, RecordId, Seal, UserId, WorkspaceId};
use sync_core::planted::{Bug, is_planted};
use sync_core::protocol::{Delivered, GivenUp, Pushed, Verdict};
use sync_core::record::change::Change;
use sync_core::record::fields::{BadEdit, FieldEdit};
use sync_core::schema::{Label, Schema};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::store::rejected::ChangeName;
use crate::store::{Store, StoreError};

pub use aliases::settle as settle_aliases;
pub(crate) use backfill::facts_around;
pub(crate) use govern::{never_archived, never_erased, would_refuse};
pub use review::{DeskNews, NotReviewed, Review, Ruling};
pub use unit::settle_erased;
pub(crate) use unit::{KIND_KIND, members};
pub(crate) use writer::AllRules;
pub use writer::{Failpoint, Fate};

/// Submissions that may wait for the writer. Beyond this a door waits: the senders' own queues are the buffer.
const QUEUE: usize = 256;
/// Decisions that a slow listener may be behind: beyond this it looks for itself.
const DESK_NEWS: usize = 256;

/// Who submits, and with which pen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Whose data.
    pub workspace: WorkspaceId,
    /// Who.
    pub user: UserId,
    /// The user's role.
    pub role: RoleSet,
    /// On which device; the server's own for console, API and imports.
    pub device: DeviceId,
    /// A device's pen or the server's.
    pub pen: Pen,
}

impl Author {
    /// Whether this is the server, on nobody's behalf.
    pub fn is_itself(&self) -> bool {
        self.pen == Pen::Server && self.user.0 == self.workspace.0
    }

    /// Who asks, as far as rights depend on it.
    pub fn caller(&self) -> Caller {
        Caller { user: self.user, role: self.role.clone() }
    }
}

/// Field edits of one record, written by the server on behalf of somebody.
#[derive(Debug, Clone)]
pub struct RecordEdit {
    /// The record's kind.
    pub kind: KindName,
    /// The record; a new one when it does not exist.
    pub record: RecordId,
    /// What to write.
    pub edits: Vec<FieldEdit>,
    /// Whether it must exist, must not, or either.
    pub expect: Expect,
}

/// Whether a record must exist before an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// It must not: the edit makes it.
    New,
    /// It must.
    Existing,
    /// It must, and nobody may have changed it since this position.
    Version(u64),
    /// Either.
    Any,
}

/// What became of field edits: the feed's position after them.
pub type Edited = Result<u64, NotEdited>;

/// Why field edits were not written. Nothing of the record was touched.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotEdited {
    /// There is no such kind.
    #[error("there is no kind `{0}`")]
    UnknownKind(KindName),
    /// The record does not exist.
    #[error("there is no such record")]
    NoSuchRecord,
    /// The record exists already.
    #[error("the record exists already")]
    Exists,
    /// Somebody changed the record meanwhile: it stands at this position now.
    #[error("the record has changed since: it is at version {0} now")]
    Stale(u64),
    /// An edit does not fit its kind.
    #[error(transparent)]
    BadEdit(#[from] BadEdit),
    /// The change is not admitted.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It waits until somebody with the right decides.
    #[error("{}", .message.en)]
    Held {
        /// The change that waits: names it at the desk.
        change: ChangeHash,
        /// The field concerned.
        field: Option<String>,
        /// The rule that asks for a review.
        rule: String,
        /// Why.
        message: Label,
    },
    /// It would have to wait for somebody's word, and too many of the caller's edits, or of everybody's, do already.
    #[error("too many edits wait for a decision: try again when some are decided")]
    Crowded,
    /// The caller may not.
    #[error("{}", .message.en)]
    Denied {
        /// A stable code of why, of [`sync_core::protocol::code`].
        code: &'static str,
        /// The field concerned.
        field: Option<String>,
        /// The rule that decided.
        rule: String,
        /// Why.
        message: Label,
    },
}

/// A change from outside with what its bytes say.
#[derive(Debug)]
struct Incoming {
    pushed: Pushed,
    change: Result<Change, Refusal>,
    /// Set for what is offered back after a restore.
    origin: Option<Origin>,
}

/// Who made a change that somebody else offers back, as this server once said under its seal.
#[derive(Debug)]
struct Origin {
    user: UserId,
    device: DeviceId,
    received_at: Millis,
    seal: Seal,
}

/// Refuses changes of devices before the rules look at them; absent outside of tests of apps.
pub type Veto = Arc<dyn Fn(&Author, &Pushed) -> Option<Verdict> + Send + Sync>;

/// Whether what a device brings goes to the desk, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aside {
    /// It is decided as usual.
    No,
    /// All that fits its record.
    Fitting,
    /// All that can be read: it comes no more.
    All,
}

#[derive(Debug)]
enum Work {
    Push {
        incoming: Vec<Incoming>,
        /// Whether all of it waits for a review, whatever the rules say.
        aside: Aside,
        answer: oneshot::Sender<Result<Vec<Verdict>, IntakeError>>,
    },
    /// Something else wrote to the feed.
    Look {
        answer: oneshot::Sender<Result<(), IntakeError>>,
    },
    /// Something else changed what rules are read from.
    Reread {
        answer: oneshot::Sender<Result<(), IntakeError>>,
    },
    Edit {
        edits: Vec<RecordEdit>,
        import: Option<[u8; 16]>,
        answer: oneshot::Sender<Result<Vec<Edited>, IntakeError>>,
    },
    Review {
        reviews: Vec<Review>,
        answer: oneshot::Sender<Result<Vec<Result<(), NotReviewed>>, IntakeError>>,
    },
    Withdraw {
        changes: Vec<GivenUp>,
        answer: oneshot::Sender<Result<(), IntakeError>>,
    },
    Forget {
        record: RecordId,
        answer: oneshot::Sender<Result<Result<u64, NotForgotten>, IntakeError>>,
    },
}

/// Why the past of a record was not forgotten. Nothing was touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotForgotten {
    /// There is none.
    #[error("there is no such record")]
    NoSuchRecord,
    /// What stands would make a change that is larger than changes may be.
    #[error("what stands in the record is too large to be written in one change")]
    TooLarge,
}

#[derive(Debug)]
struct Job {
    author: Author,
    now: Millis,
    work: Work,
}

/// Nothing was kept, and it is worth trying again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IntakeError {
    /// The database failed.
    #[error("the change could not be kept: {0}")]
    Store(#[source] Arc<StoreError>),
    /// The server is going down.
    #[error("the server is shutting down")]
    Stopped,
}

impl From<StoreError> for IntakeError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// The kinds and roles that hold in a workspace.
#[derive(Clone)]
pub struct Rules {
    /// All kinds of the workspace.
    pub schema: Arc<Schema>,
    /// What each role may do.
    pub roles: Arc<Roles>,
    /// The country whose numbers are written without its code.
    pub country: Country,
}

/// The write path's handle; cloning it is cheap.
#[derive(Clone)]
pub struct Intake {
    queue: mpsc::Sender<Job>,
    head: watch::Receiver<u64>,
    people: watch::Receiver<u64>,
    rules: watch::Receiver<AllRules>,
    desk: broadcast::Sender<DeskNews>,
    server: ServerPen,
    veto: Option<Veto>,
}

/// What the server writes with.
#[derive(Debug, Clone, Copy)]
pub struct ServerPen {
    /// New at every start: after a restore an old one would collide with what devices hold.
    pub actor: ActorId,
    /// The server in the list of devices.
    pub device: DeviceId,
}

impl ServerPen {
    /// A pen from 16 random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        Self { actor: ActorId::new(random), device: DeviceId::of_cause("rapport server") }
    }
}

impl Intake {
    /// Starts the writer of one database.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn start(store: Store, pen: ServerPen, failpoint: Option<Failpoint>) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let desk = broadcast::Sender::new(DESK_NEWS);
        let (writer, head, rules) = writer::Writer::open(store, pen, failpoint, desk.clone()).await?;
        let people = writer.people();
        tokio::spawn(writer.run(jobs));
        Ok(Self { queue, head, people, rules, desk, server: pen, veto: None })
    }

    /// Submits a device's changes: one verdict for each, in order.
    ///
    /// # Errors
    /// [`IntakeError`]: no change was kept.
    pub async fn push(&self, author: &Author, changes: Vec<Pushed>, now: Millis) -> Result<Vec<Verdict>, IntakeError> {
        let Some(veto) = &self.veto else { return self.push_all(author, changes, now).await };
        let refused: Vec<Option<Verdict>> = changes.iter().map(|change| veto(author, change)).collect();
        let left = changes.into_iter().zip(&refused).filter(|(_, refused)| refused.is_none()).map(|(change, _)| change);
        let mut verdicts = self.push_all(author, left.collect(), now).await?.into_iter();
        Ok(refused.into_iter().filter_map(|refused| refused.or_else(|| verdicts.next())).collect())
    }

    async fn push_all(&self, author: &Author, changes: Vec<Pushed>, now: Millis) -> Result<Vec<Verdict>, IntakeError> {
        let incoming = inspect(changes.into_iter().map(|pushed| (pushed, None)).collect()).await?;
        self.ask(author, now, |answer| Work::Push { incoming, aside: Aside::No, answer }).await
    }

    /// Takes what a device that was shut out has not sent: all that is admissible waits at the desk; `is_last`: all that can be
    /// read, for what it follows does not come.
    ///
    /// # Errors
    /// [`IntakeError`]: no change was kept.
    pub async fn set_aside(&self, author: &Author, changes: Vec<Pushed>, now: Millis, is_last: bool) -> Result<Vec<Verdict>, IntakeError> {
        let incoming = inspect(changes.into_iter().map(|pushed| (pushed, None)).collect()).await?;
        let aside = if is_last { Aside::All } else { Aside::Fitting };
        self.ask(author, now, |answer| Work::Push { incoming, aside, answer }).await
    }

    /// Takes back what this server gave out before it was restored: one verdict for each, in order. They are
    /// their makers' changes, whoever offers them.
    ///
    /// # Errors
    /// [`IntakeError`]: no change was kept.
    pub async fn offer(&self, author: &Author, changes: Vec<Delivered>, now: Millis) -> Result<Vec<Verdict>, IntakeError> {
        let apart = |offered: Delivered| {
            let Delivered { kind, record, facet, hash, user, device, received_at, body, seal, position: _ } = offered;
            (Pushed { kind, record, facet, hash, body }, Some(Origin { user, device, received_at, seal }))
        };
        let incoming = inspect(changes.into_iter().map(apart).collect()).await?;
        self.ask(author, now, |answer| Work::Push { incoming, aside: Aside::No, answer }).await
    }

    /// The same intake, with a test's say before the rules'. What it refuses is kept nowhere.
    #[must_use]
    pub fn with_veto(self, veto: Veto) -> Self {
        Self { veto: Some(veto), ..self }
    }

    /// Writes field edits on behalf of somebody, as one unit of work: either all are tried, or none.
    ///
    /// # Errors
    /// [`IntakeError`]: nothing was kept.
    pub async fn edit(
        &self,
        author: &Author,
        edits: Vec<RecordEdit>,
        now: Millis,
        import: Option<[u8; 16]>,
    ) -> Result<Vec<Edited>, IntakeError> {
        self.ask(author, now, |answer| Work::Edit { edits, import, answer }).await
    }

    /// Decides about edits that were not accepted: one answer for each, in order.
    ///
    /// # Errors
    /// [`IntakeError`]: nothing was decided.
    pub async fn review(&self, reviewer: &Author, reviews: Vec<Review>, now: Millis) -> Result<Vec<Result<(), NotReviewed>>, IntakeError> {
        self.ask(reviewer, now, |answer| Work::Review { reviews, answer }).await
    }

    /// Takes edits from the desk that their author has given up: those that are the author's, and that nobody has decided
    /// about.
    ///
    /// # Errors
    /// [`IntakeError`]: none was taken.
    pub async fn withdraw(&self, author: &Author, changes: Vec<GivenUp>, now: Millis) -> Result<(), IntakeError> {
        self.ask(author, now, |answer| Work::Withdraw { changes, answer }).await
    }

    /// Forgets what once stood in a record: of its changes stays what still stands, with whom it is from and when. Answers how
    /// many went. The bytes are gone once the database is scrubbed; whoever follows the feed is to be told
    /// ([`Intake::announce`]).
    ///
    /// # Errors
    /// [`IntakeError`]: nothing was forgotten.
    pub async fn forget_past(&self, by: &Author, record: RecordId, now: Millis) -> Result<Result<u64, NotForgotten>, IntakeError> {
        self.ask(by, now, |answer| Work::Forget { record, answer }).await
    }

    /// What comes to the desk and is decided there, from now on.
    pub fn desk_news(&self) -> broadcast::Receiver<DeskNews> {
        self.desk.subscribe()
    }

    /// Tells those who have a page open that it is somebody else's turn to speak about an edit.
    pub fn tell_turn(&self, workspace: WorkspaceId, change: ChangeName) {
        // An error means that nobody listens.
        self.desk.send(DeskNews { workspace, device: None, asked: Some(change) }).ok();
    }

    /// Tells whoever follows the feed to look again, after something else than intake wrote to it.
    ///
    /// # Errors
    /// [`IntakeError`]: they look when the next change comes.
    pub async fn announce(&self, workspace: WorkspaceId) -> Result<(), IntakeError> {
        self.ask(&self.itself(workspace), 0, |answer| Work::Look { answer }).await
    }

    /// Reads the rules of all workspaces again, after the database got other columns.
    ///
    /// # Errors
    /// [`IntakeError`]: the server stops. Rules that cannot be read stay what they were, and it is logged.
    pub(crate) async fn reread_rules(&self, workspace: WorkspaceId) -> Result<(), IntakeError> {
        self.ask(&self.itself(workspace), 0, |answer| Work::Reread { answer }).await
    }

    async fn ask<T>(
        &self,
        author: &Author,
        now: Millis,
        work: impl FnOnce(oneshot::Sender<Result<T, IntakeError>>) -> Work,
    ) -> Result<T, IntakeError> {
        let (answer, answered) = oneshot::channel();
        let job = Job { author: author.clone(), now, work: work(answer) };
        self.queue.send(job).await.map_err(|_| IntakeError::Stopped)?;
        answered.await.unwrap_or(Err(IntakeError::Stopped))
    }

    /// Changes whenever something was kept, in whatever workspace: what is new is asked from the feed.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    /// Changes when a colleague's record changed: roles may have, too.
    pub fn people(&self) -> watch::Receiver<u64> {
        self.people.clone()
    }

    /// The kinds and roles that hold in a workspace now.
    pub fn rules(&self, workspace: WorkspaceId) -> Rules {
        self.rules.borrow().of(workspace)
    }

    /// Changes whenever the kinds or roles of some workspace do.
    pub(crate) fn follow_rules(&self) -> watch::Receiver<AllRules> {
        self.rules.clone()
    }

    /// The author of what the server writes by itself, such as numbers that it gives.
    pub fn itself(&self, workspace: WorkspaceId) -> Author {
        self.on_behalf(workspace, UserId(workspace.0), RoleSet::office())
    }

    /// The author of what the server writes for somebody.
    pub fn on_behalf(&self, workspace: WorkspaceId, user: UserId, role: RoleSet) -> Author {
        Author { workspace, user, role, device: self.server.device, pen: Pen::Server }
    }
}

/// Looks at the bytes of changes, away from the writer, which only merges; many at once on all cores.
async fn inspect(changes: Vec<(Pushed, Option<Origin>)>) -> Result<Vec<Incoming>, IntakeError> {
    /// Below this a thread costs more than it saves.
    const CHANGES_PER_THREAD: usize = 128;
    let one = |(pushed, origin): (Pushed, _)| Incoming { change: fence::inspect(&pushed.hash, &pushed.body), pushed, origin };
    if changes.len() <= CHANGES_PER_THREAD || is_planted(Bug::SkipRoundTrip) {
        return Ok(changes.into_iter().map(one).collect());
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = changes.len().div_ceil(threads).max(CHANGES_PER_THREAD);
    let mut rest = changes;
    let mut shares = Vec::new();
    while !rest.is_empty() {
        let next = rest.split_off(rest.len().min(share));
        let share = std::mem::replace(&mut rest, next);
        shares.push(tokio::task::spawn_blocking(move || share.into_iter().map(one).collect::<Vec<_>>()));
    }
    let mut incoming = Vec::new();
    for share in shares {
        incoming.extend(share.await.map_err(|_| IntakeError::Stopped)?);
    }
    Ok(incoming)
}

/// A disagreement's claims as they are kept: value, author, device, edit time and receipt of each.
pub(crate) fn claims_json(
    conflict: &sync_core::merge::Conflict,
    makers: &std::collections::HashMap<sync_core::id::ChangeHash, crate::store::records::Maker>,
) -> String {
    let claims: Vec<serde_json::Value> = conflict
        .claims
        .iter()
        .map(|claim| {
            let maker = makers.get(&claim.change);
            serde_json::json!({
                "value": claim.value,
                "user": maker.map(|maker| maker.user),
                "device": maker.map(|maker| maker.device),
                "edit_time": claim.edit_time,
                "received_at": maker.map(|maker| maker.received_at),
                "change": claim.change,
            })
        })
        .collect();
    serde_json::Value::Array(claims).to_string()
}

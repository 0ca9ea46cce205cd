//! The writer: one task that turns what is submitted into transactions.
//!
//! Submissions that wait together share one transaction and one flush to the disk. Answers go out
//! after the commit, never before.

use std::collections::HashMap;
use std::sync::Arc;

use sync_core::access::Roles;
use sync_core::actions::duplicates::country::Country;
use sync_core::id::WorkspaceId;
use sync_core::planted::{Bug, is_planted};
use sync_core::protocol::Verdict;
use sync_core::schema::{Kind, Reading, Schema};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::backfill;
use super::cache::Cache;
use super::govern::ROLE_KIND;
use super::unit::{KIND_KIND, Outcome, RULES, Settled, Unit};
use super::{DeskNews, Edited, IntakeError, Job, NotEdited, NotForgotten, NotReviewed, Rules, ServerPen, Work};
use crate::seal::Sealer;
use crate::store::{Result, Store, StoreError, Tx, columns, owed, records, sequences, workspaces};

/// Changes that one transaction takes before it commits: bounds how long the others wait, and the memory.
/// More of them would not be faster: the flush to the disk is already a small part.
const MAX_GROUP_CHANGES: usize = 1_000;

/// What happens to a transaction at its commit, in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is committed.
    Commit,
    /// The disk refuses; everything is rolled back and answered with an error.
    Fail,
    /// The process dies before the commit.
    CrashBefore,
    /// The process dies after the commit, before anybody is answered.
    CrashAfter,
}

/// Decides each transaction's fate; absent outside of tests.
pub type Failpoint = Arc<dyn Fn() -> Fate + Send + Sync>;

pub(super) struct Writer {
    store: Store,
    pen: ServerPen,
    failpoint: Option<Failpoint>,
    cache: Cache,
    head: watch::Sender<u64>,
    people: watch::Sender<u64>,
    rules: watch::Sender<AllRules>,
    desk: broadcast::Sender<DeskNews>,
    /// Workspaces in which it is still to be worked out whose some records are and what they compute, and those where that
    /// has just failed.
    owing: Vec<WorkspaceId>,
    stalled: Vec<WorkspaceId>,
    /// How far each feed was when the rules of its workspace were last known to hold.
    read_at: HashMap<WorkspaceId, u64>,
    /// How far each feed was when it was told last that something is in it.
    told: HashMap<WorkspaceId, u64>,
    /// Only used while a bug is planted: a sequence that a rollback does not give back.
    sequence: Option<u64>,
}

enum Answer {
    Push(oneshot::Sender<Result<Vec<Verdict>, IntakeError>>, Vec<Outcome>),
    Look(oneshot::Sender<Result<(), IntakeError>>),
    Reread(oneshot::Sender<Result<(), IntakeError>>),
    Withdraw(oneshot::Sender<Result<(), IntakeError>>),
    Forget(oneshot::Sender<Result<Result<u64, NotForgotten>, IntakeError>>, Result<u64, NotForgotten>),
    Edit(oneshot::Sender<Result<Vec<Edited>, IntakeError>>, Vec<Result<Option<usize>, NotEdited>>),
    Review(oneshot::Sender<Result<Vec<Result<(), NotReviewed>>, IntakeError>>, Vec<Result<(), NotReviewed>>),
}

impl Answer {
    /// The answer to work that was not begun.
    fn to(work: Work) -> Self {
        match work {
            Work::Push { answer, .. } => Answer::Push(answer, Vec::new()),
            Work::Look { answer } => Answer::Look(answer),
            Work::Reread { answer } => Answer::Reread(answer),
            Work::Withdraw { answer, .. } => Answer::Withdraw(answer),
            Work::Forget { answer, .. } => Answer::Forget(answer, Ok(0)),
            Work::Edit { answer, .. } => Answer::Edit(answer, Vec::new()),
            Work::Review { answer, .. } => Answer::Review(answer, Vec::new()),
        }
    }

    fn fail(self, error: &IntakeError) {
        match self {
            Answer::Push(to, _) => drop(to.send(Err(error.clone()))),
            Answer::Forget(to, _) => drop(to.send(Err(error.clone()))),
            Answer::Look(to) | Answer::Reread(to) | Answer::Withdraw(to) => drop(to.send(Err(error.clone()))),
            Answer::Edit(to, _) => drop(to.send(Err(error.clone()))),
            Answer::Review(to, _) => drop(to.send(Err(error.clone()))),
        }
    }

    fn send(self, unit: &Unit<'_>, head: u64) {
        // A caller that has hung up needs no answer: its changes are kept all the same.
        match self {
            Answer::Push(to, outcomes) => drop(to.send(Ok(outcomes.into_iter().map(|outcome| unit.verdict(outcome)).collect()))),
            Answer::Look(to) | Answer::Reread(to) | Answer::Withdraw(to) => drop(to.send(Ok(()))),
            Answer::Edit(to, edited) => drop(to.send(Ok(edited.into_iter().map(|edited| unit.edited(edited, head)).collect()))),
            Answer::Review(to, reviewed) => drop(to.send(Ok(reviewed))),
            Answer::Forget(to, forgotten) => drop(to.send(Ok(forgotten))),
        }
    }
}

impl Writer {
    pub async fn open(
        store: Store,
        pen: ServerPen,
        failpoint: Option<Failpoint>,
        desk: broadcast::Sender<DeskNews>,
    ) -> Result<(Self, watch::Receiver<u64>, watch::Receiver<AllRules>)> {
        let read_at = workspaces::all(&mut store.reader().await?).await?.into_iter().map(|known| (known.workspace, known.head)).collect();
        let (rules, rules_seen) = watch::channel(AllRules::read(&store).await?);
        let schema_of = |workspace| rules_seen.borrow().of(workspace).schema;
        backfill::settle(&store, schema_of).await?;
        backfill::rows(&store, schema_of).await?;
        let owing = owed::debtors(&mut store.reader().await?).await?;
        let (head, head_seen) = watch::channel(0);
        Ok((
            Self {
                store,
                pen,
                failpoint,
                cache: Cache::default(),
                head,
                people: watch::channel(0).0,
                rules,
                desk,
                owing,
                stalled: Vec::new(),
                read_at,
                told: HashMap::new(),
                sequence: None,
            },
            head_seen,
            rules_seen,
        ))
    }

    /// Changes when a colleague's record changed.
    pub fn people(&self) -> watch::Receiver<u64> {
        self.people.subscribe()
    }

    pub async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = self.next(&mut jobs).await {
            let workspace = first.author.workspace;
            let mut group = vec![first];
            let mut next_group = None;
            while group.iter().map(size).sum::<usize>() < MAX_GROUP_CHANGES {
                match jobs.try_recv() {
                    Ok(job) if job.author.workspace == workspace && !is_alone(&job) && !is_alone(&group[0]) => group.push(job),
                    Ok(job) => {
                        next_group = Some(job);
                        break;
                    }
                    Err(_) => break,
                }
            }
            for group in [Some(group), next_group.map(|job| vec![job])].into_iter().flatten() {
                if self.process(group).await == Fate::CrashBefore {
                    return;
                }
            }
            // What has failed is tried again; what is owed gets on however busy the others are.
            self.owing.append(&mut self.stalled);
            self.settle_some().await;
        }
    }

    /// The next job. As long as none waits, what is owed is worked out.
    async fn next(&mut self, jobs: &mut mpsc::Receiver<Job>) -> Option<Job> {
        while !self.owing.is_empty() {
            match jobs.try_recv() {
                Ok(job) => return Some(job),
                Err(mpsc::error::TryRecvError::Empty) => drop(self.settle_some().await),
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
            }
        }
        jobs.recv().await
    }

    /// Works out whose some more records are and how their rows read, where kinds say otherwise by now. Answers the position
    /// of the feed that it took, if somebody's sight changed.
    async fn settle_some(&mut self) -> Option<u64> {
        let workspace = self.owing.pop()?;
        match self.settle_owed(workspace).await {
            Ok(Settled { position, more }) => {
                self.owing.extend(more.then_some(workspace));
                self.sequence = self.sequence.map(|next| next + u64::from(position.is_some()));
                if let Some(position) = position {
                    self.head.send_replace(position);
                }
                position
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "what changed kinds say of their records was not worked out; it is tried again"
                );
                self.stalled.push(workspace);
                None
            }
        }
    }

    async fn settle_owed(&mut self, workspace: WorkspaceId) -> Result<Settled> {
        let (mut tx, rules, sealer) = self.begin(workspace).await?;
        let mut unit = Unit::new(workspace, &rules, self.pen, sealer);
        let settled = unit.settle_owed(&mut tx).await?;
        tx.commit().await.map(|()| settled)
    }

    /// Runs one group as one transaction. The answer is [`Fate::CrashBefore`] when the writer is to stop.
    async fn process(&mut self, group: Vec<Job>) -> Fate {
        let workspace = group[0].author.workspace;
        let mut group = group.into_iter();
        let mut answers = Vec::new();
        let (tx, rules, sealer) = match self.begin(workspace).await {
            Ok(begun) => begun,
            Err(error) => return fail(answers, group, error),
        };
        let mut unit = Unit::new(workspace, &rules, self.pen, sealer);
        match self.transact(tx, &mut unit, &mut group, &mut answers).await {
            Ok((head, Fate::Commit)) => {
                let other_rules = unit.changes_rules();
                let (accepted, of_people, desk_news) = (unit.accepted(), unit.changes_people(), unit.desk_news());
                let looked = answers.iter().any(|answer| matches!(answer, Answer::Look(_)));
                // Before anybody is told: whoever asks next is answered by the rules that were just made.
                if answers.iter().any(|answer| matches!(answer, Answer::Reread(_))) {
                    self.reread_all().await;
                }
                let mut newest = head;
                // Nobody else wrote meanwhile.
                if !other_rules {
                    self.read_at.insert(workspace, head);
                }
                if other_rules {
                    self.owing.push(workspace);
                    newest = self.settle_some().await.unwrap_or(head);
                }
                for answer in answers.drain(..) {
                    answer.send(&unit, head);
                }
                unit.give_back(&mut self.cache);
                if other_rules {
                    self.cache.forget_shown();
                }
                if of_people {
                    self.people.send_modify(|times| *times += 1);
                }
                metrics::counter!("rapport_changes_accepted_total").increment(accepted as u64);
                if accepted > 0 || looked && self.told.get(&workspace) != Some(&newest) {
                    // Not only when the number is another: every workspace counts for itself.
                    self.head.send_replace(newest);
                    self.told.insert(workspace, newest);
                }
                for news in desk_news {
                    // An error means that nobody listens.
                    self.desk.send(news).ok();
                }
                Fate::Commit
            }
            Ok((_, Fate::Fail)) => {
                let error = IntakeError::from(StoreError::BrokeOff);
                answers.into_iter().for_each(|answer| answer.fail(&error));
                Fate::Fail
            }
            Ok((_, Fate::CrashBefore | Fate::CrashAfter)) => Fate::CrashBefore,
            Err(error) => fail(answers, group, error),
        }
    }

    /// Begins a transaction in a workspace, by the kinds and roles that hold in it: another process may have written others.
    async fn begin(&mut self, workspace: WorkspaceId) -> Result<(Tx, Rules, Sealer)> {
        let mut tx = self.store.begin().await?;
        let found = workspaces::by_id(&mut tx, workspace).await?.ok_or(StoreError::Damaged("workspace"))?;
        let is_read = match self.read_at.get(&workspace) {
            Some(at) => *at == found.head || !records::is_of_kinds_after(&mut tx, workspace, &RULES, *at).await?,
            None => false,
        };
        if !is_read {
            let rules = read_rules(&mut tx, workspace).await?;
            self.publish(workspace, rules);
            self.cache.forget_shown();
            self.owing.push(workspace);
        }
        self.read_at.insert(workspace, found.head);
        let rules = self.rules.borrow().of(workspace);
        Ok((tx, rules, Sealer::new(workspace, &found.seal_key)))
    }

    /// Whoever's work was begun is among `answers`, also where it fails; of others the work stays in `group`.
    async fn transact(
        &mut self,
        mut tx: Tx,
        unit: &mut Unit<'_>,
        group: &mut std::vec::IntoIter<Job>,
        answers: &mut Vec<Answer>,
    ) -> Result<(u64, Fate)> {
        for job in group {
            let (author, now) = (job.author, job.now);
            match job.work {
                Work::Push { incoming, aside, answer } => {
                    answers.push(Answer::Push(answer, Vec::with_capacity(incoming.len())));
                    unit.load_pushed(&mut tx, &mut self.cache, &incoming).await?;
                    unit.load_sight(&mut tx, &author, incoming.iter().map(|incoming| incoming.pushed.record)).await?;
                    unit.load_desk(&mut tx, &author).await?;
                    for incoming in incoming {
                        let outcome = unit.push(&mut tx, &author, now, incoming, aside).await?;
                        if let Some(Answer::Push(_, outcomes)) = answers.last_mut() {
                            outcomes.push(outcome);
                        }
                    }
                }
                Work::Look { answer } => answers.push(Answer::Look(answer)),
                Work::Reread { answer } => answers.push(Answer::Reread(answer)),
                Work::Edit { edits, import, answer } => {
                    answers.push(Answer::Edit(answer, Vec::with_capacity(edits.len())));
                    unit.load_edited(&mut tx, &mut self.cache, &edits).await?;
                    unit.load_sight(&mut tx, &author, edits.iter().map(|edit| edit.record)).await?;
                    unit.load_desk(&mut tx, &author).await?;
                    if let Some(Answer::Edit(_, edited)) = answers.last_mut() {
                        edited.extend(edits.iter().map(|edit| unit.edit(&author, now, edit, import)));
                    }
                }
                Work::Review { reviews, answer } => {
                    answers.push(Answer::Review(answer, Vec::with_capacity(reviews.len())));
                    for review in &reviews {
                        let decided = unit.review(&mut tx, &mut self.cache, &author, now, review).await?;
                        if let Some(Answer::Review(_, reviewed)) = answers.last_mut() {
                            reviewed.push(decided);
                        }
                    }
                }
                Work::Withdraw { changes, answer } => {
                    answers.push(Answer::Withdraw(answer));
                    unit.withdraw(&mut tx, &author, now, &changes).await?;
                }
                Work::Forget { record, answer } => {
                    answers.push(Answer::Forget(answer, Ok(0)));
                    let done = unit.forget_past(&mut tx, &mut self.cache, &author, now, record).await?;
                    if let Some(Answer::Forget(_, forgotten)) = answers.last_mut() {
                        *forgotten = done;
                    }
                }
            }
        }
        let head = self.keep(&mut tx, unit).await?;
        if is_planted(Bug::AcknowledgeBeforeCommit) {
            answers.drain(..).for_each(|answer| answer.send(unit, head));
        }
        match self.failpoint.as_ref().map_or(Fate::Commit, |failpoint| failpoint()) {
            Fate::Commit => tx.commit().await.map(|()| (head, Fate::Commit)),
            Fate::CrashAfter => tx.commit().await.map(|()| (head, Fate::CrashAfter)),
            fate => Ok((head, fate)),
        }
    }

    /// Takes positions and writes; answers the head after it.
    async fn keep(&mut self, tx: &mut Tx, unit: &mut Unit<'_>) -> Result<u64> {
        let count = unit.accepted() as u64;
        let mut first = workspaces::advance_head(tx, unit.workspace, count).await? - count + 1;
        if is_planted(Bug::PositionFromSequence) {
            first = self.sequence.map_or(first, |next| next.max(first));
            self.sequence = Some(first + count);
        }
        let marked = unit.flush(tx, first).await?;
        self.sequence = self.sequence.map(|next| next + u64::from(marked.is_some()));
        Ok(marked.unwrap_or(first + count - 1))
    }

    async fn reread_all(&self) {
        match AllRules::read(&self.store).await {
            Ok(all) => drop(self.rules.send_replace(all)),
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "the rules could not be read again"),
        }
    }

    fn publish(&self, workspace: WorkspaceId, rules: Rules) {
        self.rules.send_modify(|all| drop(all.own.insert(workspace, rules)));
    }
}

/// Tells everybody of a group that nothing was kept: those whose work was begun, and the others.
fn fail(answers: Vec<Answer>, others: std::vec::IntoIter<Job>, error: StoreError) -> Fate {
    tracing::error!(error = &error as &dyn std::error::Error, "a transaction failed; nothing of it was kept");
    let error = IntakeError::from(error);
    answers.into_iter().chain(others.map(|job| Answer::to(job.work))).for_each(|answer| answer.fail(&error));
    Fate::Fail
}

/// Whether a job wants a transaction of its own: it reads what others of its group may be about to write.
fn is_alone(job: &Job) -> bool {
    matches!(job.work, Work::Forget { .. })
}

fn size(job: &Job) -> usize {
    match &job.work {
        Work::Push { incoming, .. } => incoming.len(),
        Work::Look { .. } | Work::Reread { .. } | Work::Forget { .. } => 0,
        Work::Edit { edits, .. } => edits.len(),
        Work::Review { reviews, .. } => reviews.len(),
        Work::Withdraw { changes, .. } => changes.len(),
    }
}

/// The rules of each workspace: none knows what another calls its kinds.
pub(crate) struct AllRules {
    builtin: Rules,
    own: HashMap<WorkspaceId, Rules>,
}

impl AllRules {
    async fn read(store: &Store) -> Result<Self> {
        let schema = Schema::builtin().clone().beside(columns::own(&mut store.reader().await?).await?);
        let builtin = Rules { schema: Arc::new(schema), roles: Arc::new(Roles::builtin().clone()), country: Country::default() };
        let mut all = Self { builtin, own: HashMap::new() };
        let workspaces = workspaces::all(&mut store.reader().await?).await?;
        for workspace in workspaces {
            all.own.insert(workspace.workspace, read_rules(&mut store.reader().await?, workspace.workspace).await?);
        }
        Ok(all)
    }

    /// Those of a workspace; one that was made since has none of its own yet.
    pub fn of(&self, workspace: WorkspaceId) -> Rules {
        self.own.get(&workspace).unwrap_or(&self.builtin).clone()
    }
}

/// The built-in kinds and roles, and those that a workspace's records of the kinds `kind` and `role` define.
async fn read_rules(tx: &mut Tx, workspace: WorkspaceId) -> Result<Rules> {
    let schema = schema_of(tx, workspace).await?;
    let definitions = records::definitions(tx, workspace, ROLE_KIND).await?;
    let (roles, bad) = Roles::builtin().in_force(definitions.into_iter().map(|role| (role.name, role.text)), &schema);
    for error in bad {
        tracing::warn!(%error, "a role cannot be read: it grants nothing");
    }
    let country = Country::of(sequences::settings(tx, workspace).await?.as_ref());
    Ok(Rules { schema: Arc::new(schema), roles: Arc::new(roles), country })
}

/// The kinds of a workspace.
pub(super) async fn schema_of(tx: &mut Tx, workspace: WorkspaceId) -> Result<Schema> {
    Ok(Schema::builtin().with(custom_kinds(tx, workspace).await?).beside(columns::own(tx).await?))
}

async fn custom_kinds(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Kind>> {
    let definitions = records::definitions(tx, workspace, KIND_KIND).await?;
    let read = |found: records::Definition| match Kind::parse(&format!("kind record {}", found.record), &found.text, Reading::Lenient) {
        Ok(kind) => Some(kind),
        Err(error) => {
            tracing::warn!(%error, "a kind cannot be read and is left out");
            None
        }
    };
    Ok(definitions.into_iter().filter_map(read).collect())
}

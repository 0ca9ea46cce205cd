//! What one person had goes to another, as one act: shown before, done at once, taken back as a whole.
//!
//! Written through `intake` like any edit, under one id. What was asked stands in the database before the
//! first edit, so a server that stops in the middle goes on where it was: what has gone over is not the old
//! owner's any more and is not found again.

use serde_json::{Value as Json, json};
use sync_core::access::{MEMBER_KIND, Right};
use sync_core::id::{KindName, RecordId, UserId, WorkspaceId};
use sync_core::query::{Context, Filter, QueryError};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Kind, Label};

use crate::app::App;
use crate::audit::{self, Note};
use crate::auth::secret::random;
use crate::intake::{Author, Expect, IntakeError, RecordEdit, Rules};
use crate::jobs::foresight::Foresight;
use crate::jobs::import::{ImportError, ImportId, Undone, take_back};
use crate::jobs::{Progress, Watch};
use crate::people;
use crate::store::handovers::{self, Had, Handover, Having};
use crate::store::imports::{self, Act, ImportRow};
use crate::store::people::{self as accounts, User};
use crate::store::records::rows_of;
use crate::store::{StoreError, Tx, devices, farewells};

/// Records that go over together: others write in between.
const BATCH: u32 = 500;
/// The kind that other records follow.
pub const CUSTOMER: &str = "party";

/// What is to be handed over.
#[derive(Debug, Clone)]
pub struct Order {
    /// Who has the records.
    pub from: UserId,
    /// Who gets them.
    pub to: UserId,
    /// A filter over customers in the query language; empty: everything that the person has.
    pub customers: String,
    /// Whether closed deals, done tasks and the like go along.
    pub with_closed: bool,
    /// Whether the person is shut out at the end.
    pub disable: bool,
}

/// What a handover would do.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Records and bytes of each kind.
    pub kinds: Vec<(KindName, u64, u64)>,
    /// The phones that the records leave.
    pub leave: Vec<Leaving>,
    /// The phones that they come to.
    pub reach: u64,
    /// Edits of the person's that were not accepted and that nobody has decided on.
    pub undecided: u64,
}

/// A phone that records leave.
#[derive(Debug, Clone)]
pub struct Leaving {
    /// The phone.
    pub device: devices::Device,
    /// Edits that waited on it for the server when it was last in touch.
    pub unsent: u64,
}

impl Preview {
    /// Edits that wait on the phones that the records leave, as far as those have said.
    pub fn unsent(&self) -> u64 {
        self.leave.iter().map(|leaving| leaving.unsent).sum()
    }

    /// All records.
    pub fn records(&self) -> u64 {
        self.kinds.iter().map(|(_, records, _)| records).sum()
    }

    /// Bytes that a phone fetches.
    pub fn bytes(&self) -> u64 {
        self.kinds.iter().map(|(.., bytes)| bytes).sum()
    }
}

/// Whose part in a handover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Whose records go.
    From,
    /// Who gets them.
    To,
    /// Who hands over.
    By,
}

impl Side {
    /// What an order calls it, where it says so.
    pub fn field(self) -> Option<&'static str> {
        match self {
            Side::From => Some("from"),
            Side::To => Some("to"),
            Side::By => None,
        }
    }
}

/// Why nothing is handed over.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// Somebody is not of the workspace, or is shut out.
    #[error("there is no such person, or they are shut out")]
    NoSuchPerson(Side),
    /// To themself.
    #[error("hand over to somebody else")]
    SamePerson,
    /// The caller does not administer.
    #[error("whoever hands over must administer")]
    MayNot,
    /// The person is the last who administers.
    #[error("they are the last who may administer and cannot be shut out")]
    LastAdministrator,
    /// The caller may not shut the person out, nor let them in again.
    #[error("{}", .0.en)]
    MayNotShutOut(Label),
    /// The filter cannot be read.
    #[error("the filter: {0}")]
    Filter(QueryError),
    /// There is no such handover.
    #[error("there is no such handover")]
    NoSuchHandover,
    /// It is still going on.
    #[error("it is still going on")]
    Running,
    /// Taking it back failed.
    #[error(transparent)]
    Undo(#[from] ImportError),
    /// The person could not be shut out; the records have gone over.
    #[error(transparent)]
    Person(#[from] people::AddError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The write path failed.
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

type Result<T, E = HandoverError> = std::result::Result<T, E>;

/// What an order means: who, and which customers.
struct Plan {
    from: User,
    to: User,
    customers: Option<Vec<RecordId>>,
}

/// What a handover would do.
///
/// # Errors
/// [`HandoverError`].
pub async fn preview(app: &App, author: &Author, order: &Order) -> Result<Preview> {
    let plan = plan(app, author, order).await?;
    let rules = app.intake.rules(author.workspace);
    let mut tx = app.store.reader().await?;
    let mut kinds = Vec::new();
    for kind in handovers::owned(rules.schema.kinds()) {
        let (mut records, mut bytes) = (0, 0);
        for customers in slices(plan.customers.as_deref()) {
            let having = Having { owner: order.from, kind, with_closed: order.with_closed, customers };
            let (more, heavier) = handovers::weigh(&mut tx, author.workspace, &having).await?;
            (records, bytes) = (records + more, bytes + heavier);
        }
        if records > 0 {
            kinds.push((kind.name.clone(), records, bytes));
        }
    }
    Ok(Preview {
        kinds,
        leave: leaving(&mut tx, author.workspace, plan.from.user).await?,
        reach: devices::in_use_by(&mut tx, author.workspace, plan.to.user).await?.len() as u64,
        undecided: handovers::undecided_of(&mut tx, author.workspace, order.from).await?,
    })
}

/// The phones of somebody's that are in use, with what waits on each as far as it has said.
///
/// # Errors
/// When the database fails.
pub async fn leaving(tx: &mut Tx, workspace: WorkspaceId, user: UserId) -> Result<Vec<Leaving>, StoreError> {
    let notes = farewells::notes(tx, workspace).await?;
    let unsent = |device: &devices::Device| notes.get(&device.device).map_or(0, |(note, _)| note.pending);
    let phones = devices::in_use_by(tx, workspace, user).await?.into_iter();
    Ok(phones.map(|device| Leaving { unsent: unsent(&device), device }).collect())
}

/// Customers that fit into one statement at a time; `None` once for everything.
fn slices(customers: Option<&[RecordId]>) -> Vec<Option<&[RecordId]>> {
    customers.map_or_else(|| vec![None], |customers| customers.chunks(BATCH as usize).map(Some).collect())
}

async fn plan(app: &App, author: &Author, order: &Order) -> Result<Plan> {
    let rules = app.intake.rules(author.workspace);
    if !rules.roles.may(&author.role, Right::Administer) {
        return Err(HandoverError::MayNot);
    }
    if order.from == order.to {
        return Err(HandoverError::SamePerson);
    }
    let mut tx = app.store.reader().await?;
    let everybody = accounts::users(&mut tx, author.workspace).await?;
    let known = |user: UserId| everybody.iter().find(|known| known.user == user).cloned();
    let find = |user, side| known(user).ok_or(HandoverError::NoSuchPerson(side));
    let (from, to) = (find(order.from, Side::From)?, find(order.to, Side::To)?);
    if to.disabled_at.is_some() {
        return Err(HandoverError::NoSuchPerson(Side::To));
    }
    let administers = |user: &User| user.disabled_at.is_none() && rules.roles.may(&user.role, Right::Administer);
    if order.disable && administers(&from) && !everybody.iter().any(|user| user.user != from.user && administers(user)) {
        return Err(HandoverError::LastAdministrator);
    }
    if order.disable
        && let Some(why) = may_not_set_active(&mut tx, &rules, author, order.from).await?
    {
        return Err(HandoverError::MayNotShutOut(why));
    }
    drop(tx);
    let customers = if order.customers.trim().is_empty() { None } else { Some(customers(app, author, order).await?) };
    Ok(Plan { from, to, customers })
}

/// Why an author would be refused to shut somebody out, or to let them in again.
async fn may_not_set_active(tx: &mut Tx, rules: &Rules, author: &Author, user: UserId) -> Result<Option<Label>> {
    let Some(kind) = rules.schema.kind(MEMBER_KIND) else { return Ok(None) };
    let (record, caller) = (RecordId(user.0), author.caller());
    let row = rows_of(tx, author.workspace, &[record]).await?.remove(&record);
    let foresight = Foresight::of(tx, author.workspace, (&rules.roles, &caller), kind, &[record]).await?;
    Ok(foresight.against(record, row.as_ref(), &[vec![FieldEdit::set("active", false)]]))
}

/// The customers that the filter finds, whoever has them: what links to one of them is the person's, or is not.
async fn customers(app: &App, author: &Author, order: &Order) -> Result<Vec<RecordId>> {
    let rules = app.intake.rules(author.workspace);
    let filter = Filter::parse(&rules.schema, CUSTOMER, &order.customers).map_err(HandoverError::Filter)?;
    let context = Context { now: app.clock.now(), offset_minutes: 0 };
    let mut tx = app.store.reader().await?;
    Ok(handovers::customers(&mut tx, author.workspace, CUSTOMER, &filter, context).await?)
}

/// Notes a handover; [`carry_out`] does it, now or after a restart.
///
/// # Errors
/// [`HandoverError`]; nothing is handed over then.
pub async fn begin(app: &App, author: &Author, order: Order) -> Result<Handover> {
    let total = preview(app, author, &order).await?.records();
    let (now, workspace) = (app.clock.now(), author.workspace);
    let handover = Handover {
        act: *RecordId::new(now, random()).as_bytes(),
        from: order.from,
        to: order.to,
        by: author.user,
        customers: order.customers,
        with_closed: order.with_closed,
        disable: order.disable,
        total,
        moved: 0,
        refused: 0,
        started_at: now,
        finished_at: None,
        undone_at: None,
    };
    let (kept, row) = (handover.clone(), import_row(&handover));
    let note = Note::of(workspace, Some(author.user), audit::Act::HandedOver, order.from);
    let note = note.with(json!({"to": order.to, "records": total, "disable": order.disable, "act": ImportId(kept.act).to_string()}));
    let beginning = app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            handovers::add(tx, workspace, &kept).await?;
            imports::add(tx, workspace, &row).await?;
            note.write(tx, now).await
        })
    });
    beginning.await?;
    Ok(handover)
}

/// A handover among the acts that can be taken back.
fn import_row(handover: &Handover) -> ImportRow {
    ImportRow {
        import: handover.act,
        kind: CUSTOMER.parse().expect("a literal name"),
        file_name: String::new(),
        started_at: handover.started_at,
        finished_at: handover.finished_at,
        user: handover.by,
        created: 0,
        updated: handover.moved,
        failed: handover.refused,
        undone_at: handover.undone_at,
        act: Act::Handover,
    }
}

/// Carries a handover out in a task of its own: it goes on when whoever asked has gone.
pub fn start(app: &App, workspace: WorkspaceId, begun: Handover) {
    let app = app.clone();
    tokio::spawn(async move {
        if let Err(error) = carry_out(&app, workspace, begun, &mut |_| {}).await {
            tracing::error!(error = &error as &dyn std::error::Error, "a handover broke off; the next start goes on with it");
        }
    });
}

/// Hands over what is left of a handover, and shuts the person out if that was asked.
///
/// # Errors
/// When the database fails; it can be run again then.
pub async fn carry_out(app: &App, workspace: WorkspaceId, mut handover: Handover, watch: Watch<'_>) -> Result<Handover> {
    let by = accounts::user(&mut app.store.reader().await?, workspace, handover.by).await?.ok_or(HandoverError::NoSuchPerson(Side::By))?;
    let author = app.intake.on_behalf(workspace, by.user, by.role);
    let rules = app.intake.rules(workspace);
    let order = Order {
        from: handover.from,
        to: handover.to,
        customers: handover.customers.clone(),
        with_closed: handover.with_closed,
        disable: false,
    };
    let found = if order.customers.trim().is_empty() { None } else { Some(customers(app, &author, &order).await?) };
    // What links to a customer is found by the customer, who stays in the filter; the customers go last, so that
    // a filter that looks at the owner still finds them after a restart.
    let mut kinds = handovers::owned(rules.schema.kinds());
    kinds.sort_by_key(|kind| &*kind.name == CUSTOMER);
    handover.refused = 0;
    for kind in kinds {
        for customers in slices(found.as_deref()) {
            let having = Having { owner: handover.from, kind, with_closed: handover.with_closed, customers };
            move_kind(app, &author, &having, &mut handover, watch).await?;
        }
    }
    if handover.disable {
        people::set_active(app, &author, handover.from, false).await?;
        // Whoever was shut out before phones were handed back with it still has theirs.
        app.auth.hand_back(workspace, handover.from, author.user).await?;
    }
    handover.finished_at = Some(app.clock.now());
    note(app, workspace, &handover).await?;
    Ok(handover)
}

async fn move_kind(app: &App, author: &Author, having: &Having<'_>, handover: &mut Handover, watch: Watch<'_>) -> Result<()> {
    let mut after = None;
    loop {
        let batch = handovers::records(&mut app.store.reader().await?, author.workspace, having, after, BATCH).await?;
        let Some(last) = batch.last() else { return Ok(()) };
        after = Some(last.record);
        let edits = batch.iter().map(|had| to_another(having.kind, *had, handover.to)).collect();
        let answers = app.intake.edit(author, edits, app.clock.now(), Some(handover.act)).await?;
        let moved = answers.iter().filter(|answer| answer.is_ok()).count() as u64;
        handover.moved += moved;
        handover.refused += answers.len() as u64 - moved;
        note(app, author.workspace, handover).await?;
        watch(Progress { done: handover.moved, total: handover.total.max(handover.moved) });
    }
}

fn to_another(kind: &Kind, had: Had, to: UserId) -> RecordEdit {
    let owner = kind.owner.as_ref().filter(|_| had.owns);
    let manager = kind.sharing.manager.as_ref().filter(|_| had.answers);
    let edits = owner.into_iter().chain(manager).map(|field| FieldEdit::set(field, to.to_string())).collect();
    RecordEdit { kind: kind.name.clone(), record: had.record, edits, expect: Expect::Existing }
}

async fn note(app: &App, workspace: WorkspaceId, handover: &Handover) -> Result<()> {
    let (handover, row) = (handover.clone(), import_row(handover));
    let noting = app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            handovers::note(tx, workspace, &handover).await?;
            imports::note(tx, workspace, &row).await
        })
    });
    Ok(noting.await?)
}

/// All handovers, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(app: &App, workspace: WorkspaceId) -> Result<Vec<Handover>> {
    Ok(handovers::all(&mut app.store.reader().await?, workspace).await?)
}

/// Takes a handover back: every record goes to whom it belonged, but for those that got another owner since.
/// Whoever was shut out may come in again, with the phones that have not forgotten everything yet.
///
/// # Errors
/// When there is none, it runs, or the database fails; it can be run again then.
pub async fn undo(app: &App, author: &Author, act: [u8; 16]) -> Result<Undone> {
    if !app.intake.rules(author.workspace).roles.may(&author.role, Right::Administer) {
        return Err(HandoverError::MayNot);
    }
    let found = list(app, author.workspace).await?.into_iter().find(|handover| handover.act == act);
    let mut handover = found.ok_or(HandoverError::NoSuchHandover)?;
    if handover.finished_at.is_none() {
        return Err(HandoverError::Running);
    }
    if handover.undone_at.is_some() {
        return Err(ImportError::AlreadyUndone(ImportId(act)).into());
    }
    let lets_in = handover.disable && was_shut_out(app, author.workspace, &handover).await?;
    if lets_in {
        // Asked before anything goes back: half an undoing could not be done again.
        let rules = app.intake.rules(author.workspace);
        let refused = may_not_set_active(&mut app.store.reader().await?, &rules, author, handover.from).await?;
        refused.map_or(Ok(()), |why| Err(HandoverError::MayNotShutOut(why)))?;
    }
    tell_undoing(app, author, &handover, json!({"begun": true})).await?;
    if lets_in {
        people::set_active(app, author, handover.from, true).await?;
    }
    let undone = take_back(app, author, import_row(&handover), &mut |_| {}).await?;
    handover.undone_at = Some(app.clock.now());
    note(app, author.workspace, &handover).await?;
    tell_undoing(app, author, &handover, json!({"records": undone.restored})).await?;
    Ok(undone)
}

/// Writes down that a handover is being taken back, or was: one that breaks off on the way is told of, too.
async fn tell_undoing(app: &App, author: &Author, handover: &Handover, mut detail: Json) -> Result<()> {
    (detail["undone"], detail["act"]) = (json!(true), json!(ImportId(handover.act).to_string()));
    let note = Note::of(author.workspace, Some(author.user), audit::Act::HandedOver, handover.from);
    Ok(note.with(detail).keep(&app.store, app.clock.now()).await?)
}

/// Whether it was the handover that shut its person out, and nobody else has since.
async fn was_shut_out(app: &App, workspace: WorkspaceId, handover: &Handover) -> Result<bool> {
    let person = accounts::user(&mut app.store.reader().await?, workspace, handover.from).await?;
    let during = |at| handover.started_at <= at && handover.finished_at.is_none_or(|end| at <= end);
    Ok(person.and_then(|person| person.disabled_at).is_some_and(during))
}

/// Goes on with what a server that stopped has left unfinished.
pub async fn resume(app: App) {
    if let Err(error) = resume_all(&app).await {
        tracing::error!(error = &error as &dyn std::error::Error, "a handover could not be brought to its end; the next start tries again");
    }
}

async fn resume_all(app: &App) -> Result<()> {
    let workspaces = crate::store::workspaces::all(&mut app.store.reader().await?).await?;
    for workspace in workspaces {
        let open = list(app, workspace.workspace).await?.into_iter().filter(|handover| handover.finished_at.is_none());
        for handover in open {
            carry_out(app, workspace.workspace, handover, &mut |_| {}).await?;
        }
    }
    Ok(())
}

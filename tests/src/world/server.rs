//! The server of a world: the real store, intake and door, without a network, one step at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use rapport_server::feed::Reader;
use rapport_server::intake::{Edited, Failpoint, Fate, Intake, IntakeError, NotForgotten, NotReviewed, RecordEdit, Review, ServerPen};
use rapport_server::privacy::begin_again;
use rapport_server::store::records::{ConflictRow, RecordRow};
use rapport_server::store::rejected::{DeskState, RejectedRow};
use rapport_server::store::{self, Options, Store, records, rejected, workspaces};
use rapport_server::sync::{Door, Speaker, Unasked};
use sync_core::access::{MEMBER_KIND, Member, RoleSet};
use sync_core::id::{DeviceId, Facet, Millis, Name, RecordId, UserId, WorkspaceId};
use sync_core::protocol::{self, Message};
use sync_core::record::Stored;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// When every world begins: 2026-02-02.
pub const START: Millis = 1_770_000_000_000;

/// The workspace of every world.
pub fn workspace() -> WorkspaceId {
    WorkspaceId::of_cause("world")
}

/// Another workspace on the same server.
pub fn elsewhere() -> WorkspaceId {
    WorkspaceId::of_cause("elsewhere")
}

/// The server, its disk, and the thread that runs it.
pub struct Server {
    runtime: Runtime,
    folder: TempDir,
    running: Option<Running>,
    fate: Arc<AtomicU8>,
    copies: u32,
    /// Where backups are, oldest first, with the head of each.
    backups: Vec<(PathBuf, u64)>,
}

struct Running {
    store: Store,
    intake: Intake,
}

/// What came of asking the server.
pub enum Outcome<T> {
    /// It answered.
    Answered(T),
    /// It died of a fate. What it said before that may still be under way.
    Died(T),
}

/// A place for files that need not survive a power failure: fast where the system offers it.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder for the test's files")
}

/// A database with tables and two workspaces, made once: opening a copy is faster than migrating.
fn template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let folder = scratch();
        let path = folder.path().join("template.db");
        runtime().block_on(async {
            let store = Store::open(&Options::new(&path)).await.expect("an empty database");
            let mut tx = store.begin().await.expect("a transaction");
            for (workspace, name) in [(workspace(), "world"), (elsewhere(), "elsewhere")] {
                // With one key for both: what is sealed is sealed for its workspace.
                workspaces::add(&mut tx, workspace, name, [1; 16], workspaces::SealKey([2; 32]), START).await.expect("a workspace");
            }
            tx.commit().await.expect("a commit");
            store.close().await;
        });
        std::fs::read(&path).expect("the database")
    })
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

fn code(fate: Fate) -> u8 {
    match fate {
        Fate::Commit => 0,
        Fate::Fail => 1,
        Fate::CrashBefore => 2,
        Fate::CrashAfter => 3,
    }
}

fn fate_of(code: u8) -> Fate {
    [Fate::Commit, Fate::Fail, Fate::CrashBefore, Fate::CrashAfter][usize::from(code)]
}

impl Server {
    /// A server with an empty workspace.
    pub fn new(pen: [u8; 16]) -> Self {
        let folder = scratch();
        std::fs::write(folder.path().join("rapport.db"), template()).expect("a database");
        let mut server =
            Self { runtime: runtime(), folder, running: None, fate: Arc::new(AtomicU8::new(0)), copies: 0, backups: Vec::new() };
        server.start(pen);
        server
    }

    fn options(&self) -> Options {
        Options { readers: 1, ..Options::new(self.folder.path().join("rapport.db")) }
    }

    /// Starts it, with a new pen.
    pub fn start(&mut self, pen: [u8; 16]) {
        let fate = Arc::clone(&self.fate);
        let failpoint: Failpoint = Arc::new(move || fate_of(fate.swap(0, Ordering::SeqCst)));
        let options = self.options();
        self.running = Some(self.runtime.block_on(async {
            let store = Store::open(&options).await.expect("the database opens");
            let intake = Intake::start(store.clone(), ServerPen::new(pen), Some(failpoint)).await.expect("the writer starts");
            begin_again(&store, &intake, START).await.expect("the ledger is read");
            Running { store, intake }
        }));
    }

    /// Ends it.
    pub fn stop(&mut self) {
        if let Some(Running { store, intake }) = self.running.take() {
            drop(intake);
            self.runtime.block_on(store.close());
        }
    }

    /// Whether it runs.
    pub fn is_up(&self) -> bool {
        self.running.is_some()
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the server runs")
    }

    /// What the next transaction comes to.
    pub fn set_fate(&self, fate: Fate) {
        self.fate.store(code(fate), Ordering::SeqCst);
    }

    fn outcome<T>(&mut self, fate: Fate, answer: T) -> Outcome<T> {
        let struck = self.fate.swap(0, Ordering::SeqCst) == 0;
        if struck && matches!(fate, Fate::CrashBefore | Fate::CrashAfter) {
            self.stop();
            return Outcome::Died(answer);
        }
        Outcome::Answered(answer)
    }

    /// Answers a frame.
    pub fn answer(&mut self, speaker: &Speaker, frame: &[u8], unasked: &mut Unasked, now: Millis, fate: Fate) -> Outcome<Vec<u8>> {
        self.set_fate(fate);
        let answer = self.runtime.block_on(self.door().answer_live(speaker, frame, unasked, now));
        self.outcome(fate, protocol::encode_frame(&answer))
    }

    /// What a phone on an open connection is sent unasked, after something was kept.
    pub fn news(&mut self, speaker: &Speaker, unasked: &mut Unasked, now: Millis) -> Option<Message> {
        self.set_fate(Fate::Commit);
        self.runtime.block_on(self.door().news(speaker, unasked, now)).expect("the server reads its feed")
    }

    pub(super) fn door(&self) -> Door {
        let running = self.running();
        Door::new(running.store.clone(), running.intake.clone())
    }

    /// Writes on behalf of the back office.
    pub fn edit(&mut self, user: UserId, edit: RecordEdit, now: Millis, fate: Fate) -> Outcome<Result<Vec<Edited>, IntakeError>> {
        self.set_fate(fate);
        let intake = self.running().intake.clone();
        let author = intake.on_behalf(workspace(), user, RoleSet::office());
        let answer = self.runtime.block_on(intake.edit(&author, vec![edit], now, None));
        self.outcome(fate, answer)
    }

    /// Decides about an edit on behalf of the back office.
    pub fn review(&mut self, user: UserId, review: Review, now: Millis) -> Result<(), NotReviewed> {
        self.set_fate(Fate::Commit);
        let intake = self.running().intake.clone();
        let author = intake.on_behalf(workspace(), user, RoleSet::office());
        let answers = self.runtime.block_on(intake.review(&author, vec![review], now)).expect("the server decides");
        answers.into_iter().next().expect("an answer for each")
    }

    /// Forgets what once stood in a record, on behalf of the back office.
    pub fn forget_past(&mut self, user: UserId, record: RecordId, now: Millis) -> Result<u64, NotForgotten> {
        self.set_fate(Fate::Commit);
        let intake = self.running().intake.clone();
        let author = intake.on_behalf(workspace(), user, RoleSet::office());
        self.runtime.block_on(intake.forget_past(&author, record, now)).expect("the server forgets")
    }

    /// What lies at the desk, and what was declined or returned there.
    pub fn at_the_desk(&self) -> Vec<RejectedRow> {
        self.with_tx(async |tx| {
            rejected::rejected_in(tx, workspace(), &[&DeskState::OPEN[..], &DeskState::REOPENED].concat(), u32::MAX).await
        })
    }

    /// Keeps a copy of the database for later.
    pub fn back_up(&mut self) {
        self.copies += 1;
        let (from, to) = (self.options().path, self.folder.path().join(format!("backup-{}.db", self.copies)));
        self.runtime.block_on(store::backup(&from, &to)).expect("a backup");
        let head = self.head();
        self.backups.push((to, head));
    }

    /// Whether there is a copy.
    pub fn has_backup(&self) -> bool {
        !self.backups.is_empty()
    }

    /// Goes back to the newest copy. Answers the head it had.
    pub fn restore(&mut self, epoch: [u8; 16], pen: [u8; 16]) -> u64 {
        self.stop();
        let (backup, head) = self.backups.pop().expect("a backup");
        let options = self.options();
        self.copies += 1;
        let aside = START + Millis::from(self.copies);
        self.runtime.block_on(store::restore(&backup, &options, Some(aside), || epoch)).expect("a restore");
        self.start(pen);
        head
    }

    /// The newest position.
    pub fn head(&self) -> u64 {
        self.with_tx(async |tx| workspaces::by_id(tx, workspace()).await).expect("the workspace").head
    }

    /// The whole feed.
    pub fn feed(&self) -> Vec<Stored> {
        self.with_tx(async |tx| records::changes_after(tx, workspace(), 0, u32::MAX).await)
    }

    /// All changes of a document, in the order of the feed.
    pub fn changes(&self, record: RecordId, facet: Facet) -> Vec<Stored> {
        let mut changes = self.with_tx(async |tx| records::changes_of(tx, workspace(), &[record]).await);
        changes.retain(|change| change.facet == facet);
        changes
    }

    /// A record as it reads.
    pub fn row(&self, record: RecordId) -> Option<RecordRow> {
        self.with_tx(async |tx| records::rows_of(tx, workspace(), &[record]).await).remove(&record)
    }

    /// What people disagree on in a record.
    pub fn conflicts(&self, record: RecordId) -> Vec<ConflictRow> {
        self.with_tx(async |tx| records::conflicts_of(tx, workspace(), &[record]).await)
    }

    /// Waits for what the server does.
    pub(super) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Writes to the database beside the write path.
    pub(super) fn write(&mut self, work: impl AsyncFnOnce(&mut store::Tx) -> store::Result<()>) {
        let store = self.running().store.clone();
        self.runtime.block_on(async {
            let mut tx = store.begin().await.expect("a transaction");
            work(&mut tx).await.expect("it is written");
            tx.commit().await.expect("a commit");
        });
    }

    /// Has the write path look at what was written beside it.
    pub(super) fn announce(&mut self) {
        self.set_fate(Fate::Commit);
        let intake = self.running().intake.clone();
        self.runtime.block_on(intake.announce(workspace())).expect("the writer looks");
    }

    /// Runs a query.
    pub fn with_tx<T>(&self, query: impl AsyncFnOnce(&mut store::Tx) -> store::Result<T>) -> T {
        let store = &self.running().store;
        self.runtime.block_on(async {
            let mut tx = store.reader().await.expect("a reader");
            query(&mut tx).await.expect("an answer")
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A name that is known to be one.
pub fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// Somebody who speaks to the server.
pub fn speaker(user: UserId, role: &str, device: DeviceId) -> Speaker {
    speaker_in(workspace(), user, role, device)
}

/// Somebody of a workspace who speaks to the server.
pub fn speaker_in(workspace: WorkspaceId, user: UserId, role: &str, device: DeviceId) -> Speaker {
    Speaker { reader: Reader { workspace, user, role: name(role).into() }, device }
}

impl Server {
    /// The positions of the feed at which there is no change: somebody's sight changed there, something was erased or
    /// forgotten.
    pub fn marks(&self) -> BTreeSet<u64> {
        let db =
            rusqlite::Connection::open_with_flags(self.options().path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the database");
        let mut query = db.prepare("select position from feed_marks where entry in (1, 5, 6, 7)").expect("a query");
        let rows = query.query_map([], |row| row.get::<_, i64>(0)).expect("marks");
        rows.map(|row| row.expect("a mark") as u64).collect()
    }

    /// Every row of a workspace, table by table, as text; but those that say in which life of the server it is.
    pub fn rows_of(&self, workspace: WorkspaceId) -> BTreeMap<String, Vec<String>> {
        let db =
            rusqlite::Connection::open_with_flags(self.options().path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the database");
        let texts = |sql: &str, bound: &[&dyn rusqlite::ToSql]| -> Vec<String> {
            let mut query = db.prepare(sql).expect("a query");
            let rows = query.query_map(bound, |row| row.get(0)).expect("rows");
            rows.map(|row| row.expect("a row")).collect()
        };
        let tables = "select m.name from sqlite_master m join pragma_table_info(m.name) c
             where m.type = 'table' and c.name = 'workspace' and m.name not in ('workspaces', 'restored')";
        let rows = |table: &String| {
            let columns = texts("select 'quote(\"' || name || '\")' from pragma_table_info(?1) order by cid", &[table]).join(" || ',' || ");
            texts(&format!("select {columns} from \"{table}\" where workspace = ?1 order by 1"), &[&workspace.as_bytes().to_vec()])
        };
        texts(tables, &[]).into_iter().map(|table| (table.clone(), rows(&table))).collect()
    }

    /// Everybody who has a record.
    pub fn members(&self) -> Vec<Member> {
        let rows = self.with_tx(async |tx| records::rows_of_kind(tx, workspace(), MEMBER_KIND).await);
        let main = |row: &RecordRow| serde_json::from_str(row.facets[0].as_deref().unwrap_or_default()).expect("a row");
        rows.iter().map(|row| Member::of(row.record, &main(row))).collect()
    }

    /// Where a record points, and by which field.
    pub fn links_from(&self, record: RecordId) -> Vec<(String, RecordId)> {
        let db =
            rusqlite::Connection::open_with_flags(self.options().path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the database");
        let mut query = db.prepare("select role, target from links where source = ?1").expect("a query");
        let rows =
            query.query_map([&record.as_bytes()[..]], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))).expect("links");
        rows.map(|row| row.expect("a link")).map(|(role, target)| (role, RecordId::from_bytes(&target).expect("an id"))).collect()
    }
}

//! Real processes: this test program started again as a server or as a phone, and killed.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rapport_server::auth::secret::{Token, TokenKind};
use rapport_server::language::Language;
use rapport_server::store::devices::{self, Device as Row};
use rapport_server::store::people::{self, User};
use rapport_server::store::workspaces::{self, SealKey};
use rapport_server::store::{Options, Store};
use rapport_server::{Config, serve};
use sync_core::device::{Device, Opening};
use sync_core::id::{ChangeHash, DeviceId, Millis, RecordId, UserId, WorkspaceId};
use sync_core::net::{Clock, Host, Server};
use sync_core::protocol::Enrolled;
use sync_core::record::fields::FieldEdit;
use sync_core::store::Place;

/// Says which part a started copy of this program plays.
const PART: &str = "RAPPORT_PART";
const FILE: &str = "RAPPORT_PART_FILE";
const LEDGER: &str = "RAPPORT_PART_LEDGER";
const ADDRESS: &str = "RAPPORT_PART_ADDRESS";
const TLS: &str = "RAPPORT_PART_TLS";
const DISK: &str = "RAPPORT_PART_DISK";
/// A server that does not answer after this long will not.
const START_MAX: Duration = Duration::from_secs(30);

/// The system's clock.
pub fn now() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as Millis)
}

/// The workspace of these tests.
pub fn workspace() -> WorkspaceId {
    WorkspaceId::of_cause("processes")
}

/// Plays a part if this process was started for one; returns if it was not.
///
/// # Panics
/// When the part cannot be played.
pub fn play_part() {
    let path = |name| PathBuf::from(std::env::var_os(name).expect("a part comes with its files"));
    match std::env::var(PART).as_deref() {
        Ok("server") => be_server(path(FILE), std::env::var(ADDRESS).expect("an address").parse().expect("an address")),
        Ok("phone") => be_phone(path(FILE), &path(LEDGER)),
        Ok("syncing phone") => be_syncing_phone(path(FILE), &path(LEDGER), &std::env::var(ADDRESS).expect("an address")),
        _ => {}
    }
}

fn be_server(database: PathBuf, address: SocketAddr) {
    let mut config = Config::default();
    config.database.path = database;
    if let Some(folder) = std::env::var_os(TLS).map(PathBuf::from) {
        (config.tls.certificate, config.tls.key) = (Some(folder.join(CERTIFICATE)), Some(folder.join(KEY)));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        if let Some(bytes) = std::env::var(DISK).ok().and_then(|bytes| bytes.parse().ok()) {
            limit_files(bytes);
        }
        let listener = tokio::net::TcpListener::bind(address).await.expect("the address is free");
        serve(config, listener, std::future::pending()).await.expect("it serves");
    });
}

/// From now on every write beyond so many bytes of a file fails, as on a disk that is full.
fn limit_files(bytes: u64) {
    /// What the system sends with such a failure; unheard, it ends the process.
    const XFSZ: i32 = 25;
    let heard = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(XFSZ)).expect("the signal can be heard");
    // It is heard as long as the process lives.
    std::mem::forget(heard);
    let limit = rustix::process::Rlimit { current: Some(bytes), maximum: Some(bytes) };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).expect("a limit can be lowered");
}

/// Edits for ever, and notes each edit after it was acknowledged by the device.
fn be_phone(path: PathBuf, ledger: &Path) {
    let mut device = open(path, [9; 32]);
    let mut ledger = OpenOptions::new().create(true).append(true).open(ledger).expect("a ledger");
    let record = RecordId::of_cause("the phone's record");
    loop {
        let text = FieldEdit::Splice { field: "notes".to_owned(), at: 0, delete: 0, insert: "note ".to_owned() };
        let name = FieldEdit::set("name", format!("name {}", device.revision()));
        let edited = device.edit(now(), "party", record, &[name, text]).expect("the edit is kept");
        note(&mut ledger, &edited.changes);
    }
}

/// Each line at once: a kill must not leave half of one.
fn note(ledger: &mut File, changes: &[ChangeHash]) {
    for hash in changes {
        ledger.write_all(format!("{hash}\n").as_bytes()).expect("the ledger is kept");
    }
    ledger.sync_data().expect("the ledger is kept");
}

/// Makes records for ever, notes each after it was acknowledged by the device, and syncs after each.
fn be_syncing_phone(path: PathBuf, ledger: &Path, address: &str) {
    let host = Host::new(open(path, rapport_server::auth::secret::random()), Arc::new(now));
    let server = Server::at(address).expect("an address");
    let mut ledger = OpenOptions::new().create(true).append(true).open(ledger).expect("a ledger");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    loop {
        let name = FieldEdit::set("name", format!("at {}", now()));
        let edited = host.with(|device, now| device.create(now, "party", &[name])).expect("the edit is kept");
        note(&mut ledger, &edited.changes);
        // The server may be gone for a moment: what was not sent is sent with the next.
        let _ = runtime.block_on(server.sync_once(&host));
    }
}

/// The files of a certificate in its folder.
pub const CERTIFICATE: &str = "cert.pem";
/// As [`CERTIFICATE`].
pub const KEY: &str = "key.pem";

/// Opens a phone's store.
///
/// # Panics
/// When it does not open.
pub fn open(path: PathBuf, seed: [u8; 32]) -> Device {
    let opening = Opening { place: Place::File(path), app: "processes 1".to_owned(), incarnation: [1; 16], seed };
    Device::open(&opening).expect("the phone's store opens")
}

fn again(part: &str, file: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "processes::part", "--nocapture"]).env(PART, part).env(FILE, file);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A process of ours; killed when it is dropped.
pub struct Process(Child);

impl Process {
    /// `kill -9`.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may have died by itself, which the test then finds out by other means.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// A phone's process that edits as fast as it can.
///
/// # Panics
/// When it does not start.
pub fn start_phone(store: &Path, ledger: &Path) -> Process {
    Process(again("phone", store).env(LEDGER, ledger).spawn().expect("the program starts"))
}

/// A phone's process that makes records and syncs as fast as it can.
///
/// # Panics
/// When it does not start.
pub fn start_syncing_phone(store: &Path, ledger: &Path, address: &str) -> Process {
    Process(again("syncing phone", store).env(LEDGER, ledger).env(ADDRESS, address).spawn().expect("the program starts"))
}

/// The lines of a ledger; one that was being written when its process died does not count.
pub fn lines(ledger: &Path) -> Vec<String> {
    let Ok(file) = std::fs::File::open(ledger) else { return Vec::new() };
    let mut lines = Vec::new();
    let (mut reader, mut line) = (BufReader::new(file), String::new());
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) && line.ends_with('\n') {
        lines.push(std::mem::take(&mut line).trim_end().to_owned());
    }
    lines
}

/// A server process over a database, with phones that are enrolled.
pub struct Site {
    /// The database.
    pub database: PathBuf,
    /// Where the server answers.
    pub address: SocketAddr,
    folder: tempfile::TempDir,
    /// Where its certificate is, when it speaks TLS.
    pub tls: Option<PathBuf>,
    /// How large its files may become, if its disk is small.
    pub disk: Option<u64>,
    process: Option<Process>,
    tokens: BTreeMap<String, Enrolled>,
}

impl Site {
    /// A database with a workspace and these people, each with a phone; no server yet.
    ///
    /// # Panics
    /// When the files cannot be written.
    pub async fn new(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("rapport.db");
        // Free a moment ago; taken again by the server with the same number after every kill.
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
        let mut site = Self { database, address, folder, tls: None, disk: None, process: None, tokens: BTreeMap::new() };
        site.people(names).await;
        site
    }

    async fn people(&mut self, names: &[&str]) {
        let store = Store::open(&Options::new(&self.database)).await.expect("a database");
        let mut tx = store.begin().await.expect("a transaction");
        workspaces::add(&mut tx, workspace(), "processes", [1; 16], SealKey([2; 32]), now()).await.expect("a workspace");
        for name in names {
            let (user, device) = (UserId::of_cause(name), DeviceId::of_cause(&format!("{name}'s phone")));
            let role = "rep".parse().expect("a role");
            let (login, language) = ((*name).to_owned(), Language::En);
            let person =
                User { workspace: workspace(), user, name: login.clone(), login, role, language, disabled_at: None, created_at: now() };
            people::add_user(&mut tx, &person, "-").await.expect("a user");
            let token = Token::new(TokenKind::Device, workspace());
            let actor = self.device(name).actor();
            let (name, app) = ((*name).to_owned(), "processes 1".to_owned());
            let (created_at, last_seen_at) = (now(), now());
            let row =
                Row { workspace: workspace(), device, user, name: name.clone(), actor, app, created_at, last_seen_at, revoked_at: None };
            devices::add_device(&mut tx, &row, &token.hash()).await.expect("a device");
            let (token, role, epoch) = (token.reveal().to_owned(), "rep".to_owned(), vec![1; 16]);
            let enrolled = Enrolled { token, device, workspace: workspace(), user, role, epoch, server_time: now() };
            self.tokens.insert(name, enrolled);
        }
        tx.commit().await.expect("a commit");
        store.close().await;
    }

    fn device(&self, name: &str) -> Device {
        let mut seed = [7; 32];
        seed[..16].copy_from_slice(UserId::of_cause(name).as_bytes());
        open(self.folder.path().join(format!("{name}.db")), seed)
    }

    /// A file beside the database.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Somebody's phone, enrolled.
    ///
    /// # Panics
    /// When there is no such person.
    pub fn phone(&self, name: &str) -> Host {
        let mut device = self.device(name);
        device.enrol(now(), &self.tokens[name]).expect("it is enrolled");
        let clock: Clock = Arc::new(now);
        Host::new(device, clock)
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start(&mut self) {
        let address = self.address.to_string();
        let mut command = again("server", &self.database);
        if let Some(tls) = &self.tls {
            command.env(TLS, tls);
        }
        if let Some(bytes) = self.disk {
            command.env(DISK, bytes.to_string());
        }
        self.process = Some(Process(command.env(ADDRESS, address).spawn().expect("the program starts")));
        let begun = std::time::Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert!(begun.elapsed() < START_MAX, "the server does not answer");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// `kill -HUP`.
    ///
    /// # Panics
    /// When no server runs.
    pub fn hang_up(&self) {
        let process = self.process.as_ref().expect("the server runs");
        let id = rustix::process::Pid::from_child(&process.0);
        rustix::process::kill_process(id, rustix::process::Signal::HUP).expect("it can be told");
    }

    /// Where somebody's phone keeps its records, after it was enrolled.
    pub fn store_of(&self, name: &str) -> PathBuf {
        drop(self.phone(name));
        self.file(&format!("{name}.db"))
    }

    /// Where phones find the server.
    ///
    /// # Panics
    /// Never: the address is one.
    pub fn server(&self) -> Server {
        Server::at(&format!("http://{}", self.address)).expect("an address")
    }

    /// A fresh read of the database: hash by position.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn kept(&self) -> BTreeMap<u64, String> {
        let db = rusqlite::Connection::open(&self.database).expect("the database opens");
        let whole: String = db.query_row("pragma integrity_check", [], |row| row.get(0)).expect("it answers");
        assert_eq!(whole, "ok");
        let mut query = db.prepare("select position, lower(hex(hash)) from changes order by position").expect("a query");
        let rows = query.query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?))).expect("it answers");
        rows.map(|row| row.expect("a row")).collect()
    }
}

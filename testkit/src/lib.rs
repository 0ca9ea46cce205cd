//! The real server in an app's tests: its people, its clock and its network in the test's hands.
//!
//! Nothing is mocked: what passes here passes in the field. The server runs in the test's process on a
//! database of its own; phones reach it through a network that can be cut. Kotlin, Python and Swift have
//! the same through `rapport-testkit`, a program that takes one line of JSON for each call.
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! use testkit::{FieldEdit, Kit, quiesce};
//!
//! let kit = Kit::start().await?;
//! let (ann, bo) = kit.pair("ann").await?;
//! let customer = kit.create_as("ann", "party", vec![FieldEdit::set("name", "佳美")]).await?;
//! quiesce(&[&ann, &bo]).await?;
//! assert_eq!(ann.get(customer.into()).await?.expect("it is here").title, "佳美");
//! # Ok(()) }
//! ```
#![warn(missing_docs)]

pub mod control;
mod network;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use rapport_mobile::{Budget, Client, ClientError, Settings};
use rapport_server::clock::Clock;
use rapport_server::intake::{Author, Expect, RecordEdit, Veto};
use rapport_server::language::Language;
use rapport_server::people::{self, NewPerson, Place};
use rapport_server::store::farewells::{self, Terms};
use rapport_server::store::people::User;
use rapport_server::store::{StoreError, devices, receipts};
use rapport_server::{App, Config, serve_app};
use sync_core::id::{ChangeHash, DeviceId, RecordId};
use sync_core::protocol::{Pushed, Receipt, Verdict, fingerprint_of};
use tokio::net::TcpListener;

pub use network::Network;
pub use rapport_server::store::farewells::Act;
pub use sync_core::record::fields::FieldEdit;

/// Everybody's password: the server is on this machine only, and lives as long as the test.
pub const PASSWORD: &str = "testkit-password";
/// Exchanges after which phones that still have something to say never will be quiet.
const QUIET_AFTER: usize = 100;

/// The newest receipts of one phone.
const RECEIPTS_MAX: u32 = 20;

/// What the server takes of one file: small, so that a test of a refusal is quick.
pub const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// What the test and the server both look at.
type Shared<T> = Arc<Mutex<Vec<T>>>;

/// A refusal that waits for the next edit of somebody's device.
#[derive(Debug, Clone)]
struct Refusal {
    login: String,
    code: String,
    detail: String,
}

/// The server of a test.
pub struct Kit {
    app: App,
    network: Network,
    ahead_ms: Arc<AtomicI64>,
    refusals: Shared<Refusal>,
    people: Shared<User>,
    _folder: tempfile::TempDir,
}

impl Kit {
    /// Starts a server with one person, `office`, who may do everything.
    ///
    /// # Errors
    /// When the system gives no port or no folder.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut config = Config::default();
        config.database.path = folder.path().join("rapport.db");
        config.files.file_max_bytes = FILE_BYTES_MAX;
        let ahead_ms = Arc::new(AtomicI64::new(0));
        let ahead = ahead_ms.clone();
        let clock = Clock::of(move || system_now() + ahead.load(Ordering::SeqCst));
        let (refusals, people) = (Shared::<Refusal>::default(), Shared::<User>::default());
        let mut app = App::open(config, clock).await?;
        app.intake = app.intake.with_veto(veto(refusals.clone(), people.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let network = Network::before(listener.local_addr()?).await?;
        // It ends with the test's runtime.
        tokio::spawn(serve_app(app.clone(), listener, std::future::pending()));
        let kit = Self { app, network, ahead_ms, refusals, people, _folder: folder };
        kit.add("office", "office", Place::New("test".to_owned())).await?;
        Ok(kit)
    }

    /// Where phones find it.
    pub fn url(&self) -> String {
        format!("http://{}", self.network.address())
    }

    /// What lies between phones and the server.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Sets the server's clock forward; phones follow it when they next sync.
    pub fn forward(&self, by: Duration) {
        self.ahead_ms.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Adds a person who may do what the role (`rep`, `manager`, `office`) may. Answers with the id of
    /// their record, which links to members take.
    ///
    /// # Errors
    /// When the login is taken.
    pub async fn person(&self, login: &str, role: &str) -> Result<RecordId> {
        let workspace = self.user("office")?.workspace;
        let user = self.add(login, role, Place::In(workspace)).await?;
        Ok(RecordId(user.user.0))
    }

    async fn add(&self, login: &str, role: &str, place: Place) -> Result<User> {
        let (login, role) = (login.to_owned(), role.parse()?);
        let person = NewPerson {
            place,
            name: login.clone(),
            login,
            role,
            language: Language::En,
            password: PASSWORD.to_owned(),
            given: false,
            by: None,
        };
        let user = people::add(&self.app, person).await?;
        self.people.lock().unwrap_or_else(PoisonError::into_inner).push(user.clone());
        Ok(user)
    }

    fn user(&self, login: &str) -> Result<User> {
        let people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        people.iter().find(|user| user.login == login).cloned().with_context(|| format!("there is no person `{login}`: add them first"))
    }

    /// A one-time code that makes a phone somebody's.
    ///
    /// # Errors
    /// When there is no such person.
    pub async fn code(&self, login: &str) -> Result<String> {
        let user = self.user(login)?;
        Ok(self.app.auth.device_code(user.workspace, user.user, None).await?.0.reveal())
    }

    /// A phone of somebody's, in memory, enrolled and up to date. The person is added as a `rep` if new.
    ///
    /// # Errors
    /// When it cannot be enrolled.
    pub async fn phone(&self, login: &str) -> Result<Arc<Client>> {
        if self.user(login).is_err() {
            self.person(login, "rep").await?;
        }
        let settings = Settings {
            server: self.url(),
            folder: String::new(),
            app: "testkit".to_owned(),
            root_certificate: None,
            utc_offset_minutes: 0,
            cache_bytes: 64 * 1024 * 1024,
        };
        let client = Client::open_in_memory(settings).await?;
        client.enrol(self.code(login).await?, format!("phone of {login}"), None).await?;
        quiesce(&[&client]).await?;
        Ok(client)
    }

    /// Two phones of one person: what one of them edits offline, the other may edit too.
    ///
    /// # Errors
    /// As [`Kit::phone`].
    pub async fn pair(&self, login: &str) -> Result<(Arc<Client>, Arc<Client>)> {
        Ok((self.phone(login).await?, self.phone(login).await?))
    }

    /// Edits a record in the console, as somebody.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn edit_as(&self, login: &str, kind: &str, record: RecordId, edits: Vec<FieldEdit>) -> Result<()> {
        let user = self.user(login)?;
        let author = self.app.intake.on_behalf(user.workspace, user.user, user.role);
        let edit = RecordEdit { kind: kind.parse()?, record, edits, expect: Expect::Any };
        let edited = self.app.intake.edit(&author, vec![edit], self.app.clock.now(), None).await?;
        edited.into_iter().find_map(Result::err).map_or(Ok(()), |refused| Err(refused.into()))
    }

    /// Makes a record in the console, as somebody.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn create_as(&self, login: &str, kind: &str, edits: Vec<FieldEdit>) -> Result<RecordId> {
        let record: RecordId = rapport_mobile::new_record_id()?.0.parse()?;
        self.edit_as(login, kind, record, edits).await?;
        Ok(record)
    }

    /// The next edit that arrives from a phone of somebody's is refused.
    pub fn reject_next(&self, login: &str, code: &str, detail: &str) {
        let refusal = Refusal { login: login.to_owned(), code: code.to_owned(), detail: detail.to_owned() };
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).push(refusal);
    }

    /// Shuts all phones of somebody out, as the back office does with a lost one.
    ///
    /// # Errors
    /// When there is no such person.
    pub async fn revoke_devices(&self, login: &str) -> Result<()> {
        let user = self.user(login)?;
        for device in self.devices(&user).await? {
            self.app.auth.revoke_device(user.workspace, device, None).await?;
        }
        Ok(())
    }

    /// Has all phones of somebody forget everything, as the back office does with one that is handed back or lost:
    /// each is told at its next word.
    ///
    /// # Errors
    /// When there is no such person.
    pub async fn send_away(&self, login: &str, act: Act) -> Result<()> {
        let (user, office) = (self.user(login)?, self.user("office")?);
        for device in self.devices(&user).await? {
            self.app.auth.send_away(user.workspace, device, act, office.user).await?;
        }
        Ok(())
    }

    /// What the phones of somebody said that they have removed, newest first: a wipe among it.
    ///
    /// # Errors
    /// When there is no such person.
    pub async fn receipts(&self, login: &str) -> Result<Vec<Receipt>> {
        let user = self.user(login)?;
        let mut found = Vec::new();
        for device in self.devices(&user).await? {
            let mut tx = self.app.store.reader().await?;
            found.extend(receipts::of_device(&mut tx, user.workspace, device, RECEIPTS_MAX).await?);
        }
        found.sort_by_key(|kept| std::cmp::Reverse(kept.received_at));
        Ok(found.into_iter().map(|kept| kept.receipt).collect())
    }

    /// Sets what the workspace asks of phones: the days without contact after which they lock (0: never), and whether
    /// new ones wait until [`Kit::confirm`]. Phones hear of a lease when they next sync.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn terms(&self, lease_days: u32, confirm: bool) -> Result<()> {
        let workspace = self.user("office")?.workspace;
        let terms = Terms { lease_days, confirm };
        let setting =
            self.app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { farewells::set_terms(tx, workspace, terms).await }));
        Ok(setting.await?)
    }

    /// Lets the phone in that waits and shows this fingerprint, as an administrator does who has compared it.
    ///
    /// # Errors
    /// When none that waits shows it.
    pub async fn confirm(&self, fingerprint: &str) -> Result<()> {
        let office = self.user("office")?;
        let waiting = farewells::waiting(&mut self.app.store.reader().await?, office.workspace).await?;
        let shown = waiting.into_iter().find(|(_, token_hash)| fingerprint_of(token_hash) == fingerprint);
        let (device, _) = shown.with_context(|| format!("no phone that waits shows `{fingerprint}`"))?;
        self.app.auth.confirm(office.workspace, device, true, office.user).await?;
        Ok(())
    }

    async fn devices(&self, user: &User) -> Result<Vec<DeviceId>> {
        let known = devices::devices(&mut self.app.store.reader().await?, user.workspace).await?;
        Ok(known.into_iter().filter(|device| device.user == user.user).map(|device| device.device).collect())
    }
}

fn system_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Refuses as the test has asked for, and says the same of the same edit again, as a server does.
fn veto(refusals: Shared<Refusal>, people: Shared<User>) -> Veto {
    let refused: Mutex<HashMap<ChangeHash, Verdict>> = Mutex::default();
    Arc::new(move |author: &Author, pushed: &Pushed| {
        let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdict) = refused.get(&pushed.hash) {
            return Some(verdict.clone());
        }
        let people = people.lock().unwrap_or_else(PoisonError::into_inner);
        let login = &people.iter().find(|user| user.user == author.user)?.login;
        let mut refusals = refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = refusals.iter().position(|refusal| refusal.login == *login)?;
        let Refusal { code, detail, .. } = refusals.remove(asked);
        let verdict = Verdict::Rejected { code, field: None, rule: None, message: detail.clone(), message_zh: detail };
        refused.insert(pushed.hash, verdict.clone());
        Some(verdict)
    })
}

/// Syncs phones until nobody has anything left to say: all edits are everywhere, or drafts.
///
/// # Errors
/// What a sync says, or that there is no end to it.
pub async fn quiesce(phones: &[&Arc<Client>]) -> Result<()> {
    for _ in 0..QUIET_AFTER {
        let mut waiting = 0;
        for phone in phones {
            sync(phone).await?;
            waiting += phone.status().await?.waiting;
        }
        if waiting == 0 {
            // Once more: what the last one sent is for the first ones.
            for phone in phones {
                sync(phone).await?;
            }
            return Ok(());
        }
    }
    bail!("the phones still have something to say after {QUIET_AFTER} exchanges")
}

async fn sync(phone: &Arc<Client>) -> Result<(), ClientError> {
    phone.sync_once(Budget { time: None, bytes: None }, None).await.map(drop)
}

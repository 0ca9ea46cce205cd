//! What the story plays on: a seeded server, and two phones that are enrolled and have everything.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;
use sync_core::device::{Device, Opening};
use sync_core::id::{Millis, RecordId, UserId};
use sync_core::net::{Host, Server};
use sync_core::record::fields::FieldEdit;
use sync_core::store::Place;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::tell::Teller;
use crate::app::App;
use crate::auth::secret::random;
use crate::clock::Clock;
use crate::config::Config;
use crate::intake::{Author, Expect, RecordEdit};
use crate::jobs::import::cdnow_sample;
use crate::jobs::reporting;
use crate::language::Language;
use crate::people::{self, NewPerson};
use crate::ready::{self, sample};
use crate::store::people::User;

/// Login, name, role, and what the person does.
pub const ACCOUNTS: [(&str, &str, &str, &str); 4] = [
    ("ann", "安娜 Ann", "rep", "sells office supplies"),
    ("bo", "博文 Bo", "rep", "sells office supplies"),
    ("mei", "梅经理 Mei", "manager", "leads both"),
    ("office", "后台 Office", "office", "keeps the data in order"),
];
/// The demo's password: it listens on this machine only, and its data is made up.
pub const PASSWORD: &str = "rapport-demo";

/// The morning begins this long before now, so that the story ends in the present.
const MORNING_MS: Millis = 3 * 60 * 60 * 1_000;

/// One rep with a phone.
pub(super) struct Phone {
    pub name: &'static str,
    pub user: UserId,
    pub host: Host,
    server: Server,
}

impl Phone {
    /// Exchanges with the server until both know the same.
    pub async fn sync(&self) -> Result<()> {
        self.server.sync_once(&self.host).await.with_context(|| format!("{} cannot sync", self.name))
    }
}

/// Everything the story needs.
pub(super) struct Stage {
    pub app: App,
    pub address: String,
    pub office: Author,
    pub manager: User,
    pub ann: Phone,
    pub bo: Phone,
    pub party: RecordId,
    pub product: RecordId,
    /// How far the story's clock is behind the real one.
    behind: Arc<AtomicI64>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), crate::ServeError>>,
}

impl Stage {
    /// Starts the server, fills it, enrols the phones.
    pub async fn set(folder: &Path, port: u16, teller: &Teller) -> Result<Self> {
        let behind = Arc::new(AtomicI64::new(MORNING_MS));
        let (app, listener) = open(folder, port, clock(&behind)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(crate::serve_app(app.clone(), listener, async {
            // An error means the stage is gone, which ends the demo as well.
            stopped.await.ok();
        }));
        let users = add_people(&app).await?;
        let [ann, bo, manager, office_user] = users;
        let office = app.intake.on_behalf(office_user.workspace, office_user.user, office_user.role.clone());
        let (party, product) = seed(&app, &office, teller).await?;
        dashboard(&app, &office, &[&ann, &bo]).await?;
        // The server began without a workspace, and makes the views again only when a kind changes.
        reporting::renew(&app).await?;
        let ann = phone(&app, &address, &behind, "Ann", &ann, folder).await?;
        let bo = phone(&app, &address, &behind, "Bo", &bo, folder).await?;
        for phone in [&ann, &bo] {
            let start = Instant::now();
            phone.sync().await?;
            let count = phone.host.with(|device, _| device.record_count())?;
            teller.line(&format!("{}'s phone: first sync, {count} records in {} ms", phone.name, start.elapsed().as_millis()));
        }
        Ok(Self { app, address, office, manager, ann, bo, party, product, behind, stop, serving })
    }

    /// Lets time pass.
    pub fn wait(&self, span: Millis) {
        self.behind.fetch_sub(span, Ordering::SeqCst);
    }

    /// The story is over: the clock is the real one from now on, by which authenticators count, too. It goes on,
    /// never back.
    pub fn come_to_the_present(&self) {
        self.behind.store(0, Ordering::SeqCst);
    }

    /// Stops the server.
    pub async fn end(self) -> Result<()> {
        self.stop.send(()).ok();
        self.serving.await??;
        Ok(())
    }
}

fn clock(behind: &Arc<AtomicI64>) -> Clock {
    let (behind, system) = (behind.clone(), Clock::system());
    Clock::of(move || system.now() - behind.load(Ordering::SeqCst))
}

async fn open(folder: &Path, port: u16, clock: Clock) -> Result<(App, TcpListener)> {
    let listener = match TcpListener::bind(("127.0.0.1", port)).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind(("127.0.0.1", 0)).await.context("no port of this machine is free")?,
    };
    std::fs::create_dir_all(folder).with_context(|| format!("the folder `{}` cannot be made", folder.display()))?;
    let mut config = Config::default();
    config.database.path = folder.join("rapport.db");
    config.listen.address = listener.local_addr()?;
    anyhow::ensure!(!config.database.path.exists(), "`{}` exists: the demo starts with an empty folder", config.database.path.display());
    Ok((App::open(config, clock).await?, listener))
}

async fn add_people(app: &App) -> Result<[User; 4]> {
    let mut users: Vec<User> = Vec::new();
    for (login, name, role, _) in ACCOUNTS {
        let place = users.first().map_or_else(|| people::Place::New("佳美 demo".to_owned()), |first| people::Place::In(first.workspace));
        let language = if login == "office" { Language::En } else { Language::Zh };
        let (login, name, password) = (login.to_owned(), name.to_owned(), PASSWORD.to_owned());
        users.push(
            people::add(app, NewPerson { place, login, name, role: role.parse()?, language, password, given: false, by: None }).await?,
        );
    }
    users.try_into().map_err(|_| anyhow::anyhow!("four people"))
}

/// The customer of the story, the product, and CDNOW: real customers and orders of a real shop.
async fn seed(app: &App, office: &Author, teller: &Teller) -> Result<(RecordId, RecordId)> {
    let reports = cdnow_sample(app, office, &mut |_| {}).await?;
    let [customers, orders] = reports.map(|report| report.created);
    teller.line(&format!("The server knows {customers} customers with {orders} orders (CDNOW, a real shop of 1997)"));
    let now = app.clock.now();
    let [party, product, contact] = [0; 3].map(|_: u8| RecordId::new(now, random()));
    let phone = serde_json::Map::from_iter([("value".to_owned(), json!("021-5888 2900")), ("label".to_owned(), json!("总机"))]);
    let address = json!({"country": "CN", "region": "上海", "city": "上海", "street": "浦东大道 888 号"});
    let edit = |kind: &str, record, edits| Ok::<_, anyhow::Error>(RecordEdit { kind: kind.parse()?, record, edits, expect: Expect::New });
    let edits = vec![
        edit(
            "party",
            party,
            vec![
                FieldEdit::set("name", "佳美"),
                FieldEdit::set("type", "org"),
                FieldEdit::SetRow { field: "phones".to_owned(), row: "main".to_owned(), values: phone },
                FieldEdit::SetRow {
                    field: "addresses".to_owned(),
                    row: "main".to_owned(),
                    values: serde_json::Map::from_iter([("value".to_owned(), address)]),
                },
                FieldEdit::set("notes", "老客户，每季度采购办公用品。"),
                FieldEdit::set("tags", json!(["华东"])),
            ],
        )?,
        edit("party", contact, vec![FieldEdit::set("name", "王芳"), FieldEdit::set("type", "person")])?,
        edit("product", product, vec![FieldEdit::set("name", "激光打印机 L-2900"), FieldEdit::set("external_id", "L-2900")])?,
    ];
    for edited in app.intake.edit(office, edits, now, None).await? {
        edited.context("the demo's data does not fit its kinds")?;
    }
    Ok((party, product))
}

/// A pipeline to look at in the console, and the dashboard that shows it.
async fn dashboard(app: &App, office: &Author, reps: &[&User]) -> Result<()> {
    let owners: Vec<RecordId> = reps.iter().map(|user| RecordId(user.user.0)).collect();
    sample::load(app, office, &owners).await?;
    let now = app.clock.now();
    let edits = ready::sales(Language::Zh, RecordId(office.user.0), || RecordId::new(now, random()));
    for edited in app.intake.edit(office, edits, now, None).await? {
        edited.context("the dashboard does not fit its kind")?;
    }
    Ok(())
}

async fn phone(app: &App, address: &str, behind: &Arc<AtomicI64>, name: &'static str, user: &User, folder: &Path) -> Result<Phone> {
    let place = Place::File(folder.join(format!("phone-{}.db", name.to_lowercase())));
    let device = Device::open(&Opening { place, app: "Rapport demo".to_owned(), incarnation: random(), seed: random() })?;
    let clock = clock(behind);
    let host = Host::new(device, Arc::new(move || clock.now()));
    let (code, _) = app.auth.device_code(user.workspace, user.user, None).await?;
    let server = Server::at(address)?;
    server.enrol(&host, &code.reveal(), &format!("{name}'s phone"), "Rapport demo").await?;
    Ok(Phone { name, user: user.user, host, server })
}

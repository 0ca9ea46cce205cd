//! `cargo run --release -p tests --bin console -- --records 200000`: how long the console's pages take on
//! the server, and how large they are, with so many customers in the database. One line a page.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use rapport_server::App;
use rapport_server::auth::secret::random;
use rapport_server::intake::{Author, Expect, RecordEdit};
use rapport_server::jobs::{columns, duplicates, index};
use rapport_server::language::Language;
use rapport_server::ready;
use rapport_server::store::{people, sequences, workspaces};
use serde_json::json;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;
use tests::bench::server::{self, LOGIN, PASSWORD};

/// Measures the console's pages
#[derive(Debug, Parser)]
struct Pages {
    /// Customers in the database; one deal for each ten
    #[arg(long, default_value_t = 200_000)]
    records: usize,
    /// Times that each page is asked for
    #[arg(long, default_value_t = 20)]
    times: usize,
    /// Keeps the database in this folder, and uses what is there already
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The port to serve on
    #[arg(long, default_value_t = 7790)]
    port: u16,
}

/// How long what follows the feed takes for one change, and more.
const REST: Duration = Duration::from_millis(600);
const BATCH: usize = 1_000;
const EVENTS: usize = 2_000;
const YEARS_MS: i64 = 3 * 365 * 24 * 60 * 60 * 1_000;
const SURNAMES: [&str; 8] = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄"];
const TRADES: [&str; 6] = ["办公用品", "科技", "贸易", "酒店", "印刷", "物流"];
const STAGES: [&str; 6] = ["lead", "qualified", "proposal", "negotiation", "won", "lost"];

/// What people look at most, and what costs most.
const PAGES: [(&str, &str); 20] = [
    ("a list by title", "/records/party"),
    ("a list, last changed first", "/records/party?sort=updatedAt&desc=true"),
    ("a list by a field", "/records/party?sort=industry"),
    (
        "a filter",
        "/records/party?where=%5B%7B%22type%22%3A%22equals%22%2C%22attribute%22%3A%22industry%22%2C%22value%22%3A%22酒店%22%7D%5D",
    ),
    (
        "deals without a next step",
        "/records/deal?where=%5B%7B%22type%22%3A%22notIn%22%2C%22attribute%22%3A%22activity%3Aabout.status%22%2C%22value%22%3A%5B%22planned%22%5D%7D%5D",
    ),
    (
        "nobody contacted in 30 days",
        "/records/party?where=%5B%7B%22type%22%3A%22notLastXDays%22%2C%22attribute%22%3A%22activity%3Aabout.createdAt%22%2C%22value%22%3A30%7D%5D",
    ),
    ("a text in a list", "/records/party?q=王12"),
    ("groups", "/records/party?group=industry"),
    ("a board", "/records/deal?layout=board"),
    ("a chart of deals", "/records/deal?layout=bar&group=stage&measure=sum:amount"),
    ("a chart over time", "/records/deal?layout=line&group=close_date&split=stage&step=week"),
    ("a chart of customers", "/records/party?layout=bar&group=industry"),
    ("disagreements", "/conflicts"),
    ("a form", "/records/party/new"),
    ("search: Chinese", "/search?q=王123"),
    ("search: pinyin", "/search?q=wang12&brief=true"),
    ("search: digits", "/search?q=0012345&brief=true"),
    ("search: a slip", "/search?q=wnag123&brief=true"),
    ("search: a sound", "/search?q=汪123&brief=true"),
    ("search: one syllable", "/search?q=wang"),
];

#[tokio::main]
async fn main() -> Result<()> {
    sync_core::net::install_crypto();
    let pages = Pages::parse();
    let temporary = tempfile::tempdir()?;
    let folder = pages.folder.as_deref().unwrap_or(temporary.path());
    let is_there = folder.join("rapport.db").exists();
    let app = server::open(folder, pages.port).await?;
    let mut tx = app.store.reader().await?;
    let workspace = workspaces::all(&mut tx).await?.remove(0).workspace;
    let user = people::users(&mut tx, workspace).await?.remove(0);
    drop(tx);
    let author = app.intake.on_behalf(workspace, user.user, user.role.clone());
    let more = if is_there { known(&app, &author).await? } else { filled(&pages, &app, &author).await? };
    let begun = Instant::now();
    let made = columns::renew(&app, columns::LARGE).await?;
    println!("{made} indexes for the columns of lists in {:.1} s", begun.elapsed().as_secs_f64());
    // Pages are measured when the server has come to rest: what runs behind the feed has done its work.
    let begun = Instant::now();
    duplicates::catch_up(&app).await?;
    println!("all compared in {:.1} s", begun.elapsed().as_secs_f64());
    tokio::spawn(server::serve(app.clone()));
    let all = PAGES.iter().map(|(name, path)| (*name, (*path).to_owned())).chain(more);
    measure(&pages, all, async |number| touch(&app, &author, number).await).await
}

/// Writes something and lets what follows the feed follow: nothing that was worked out before holds any more.
async fn touch(app: &App, author: &Author, number: usize) -> Result<()> {
    let edit = RecordEdit {
        kind: "activity".parse().expect("a kind"),
        record: RecordId::of_cause("activity 0"),
        edits: vec![FieldEdit::set("outcome", format!("Visit again {number}"))],
        expect: Expect::Existing,
    };
    app.intake.edit(author, vec![edit], app.clock.now(), None).await?.remove(0)?;
    tokio::time::sleep(REST).await;
    Ok(())
}

/// Pages that are of one database: their names and addresses.
type More = [(&'static str, String); 3];

/// Fills the database; answers its own pages.
async fn filled(pages: &Pages, app: &App, author: &Author) -> Result<More> {
    let begun = Instant::now();
    for batch in (0..pages.records).collect::<Vec<_>>().chunks(BATCH) {
        let edits = batch.iter().flat_map(|number| edits(*number)).collect();
        // Over three years, as customers come.
        let left = (pages.records - batch[0]) as i64 * YEARS_MS / pages.records as i64;
        for edited in app.intake.edit(author, edits, app.clock.now() - left, None).await? {
            edited?;
        }
    }
    println!("{} customers in {:.1} s", pages.records, begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    index::catch_up(app).await?;
    println!("their words indexed in {:.1} s", begun.elapsed().as_secs_f64());
    busy(app, author).await
}

/// The pages of a database that was filled before.
async fn known(app: &App, author: &Author) -> Result<More> {
    let mut tx = app.store.reader().await?;
    let dashboards = sequences::all_of_kind(&mut tx, author.workspace, ready::DASHBOARD).await?;
    Ok(more(dashboards.first().context("no dashboard in this folder")?.record))
}

fn more(dashboard: RecordId) -> More {
    let party = RecordId::of_cause("party 0");
    [
        ("2,000 events", format!("/records/party/{party}")),
        ("the sales dashboard", format!("/dashboards/{dashboard}")),
        ("the same with every tile", format!("/dashboards/{dashboard}?whole=true")),
    ]
}

/// A customer, and for each tenth a deal.
fn edits(number: usize) -> Vec<RecordEdit> {
    let party = RecordId::of_cause(&format!("party {number}"));
    let edit = |kind: &str, record, edits| RecordEdit { kind: kind.parse().expect("a kind"), record, edits, expect: Expect::New };
    let name = format!("{}{number}{}", SURNAMES[number % 8], TRADES[number % 6]);
    let phone = json!({"value": format!("138{number:08}")}).as_object().cloned().unwrap_or_default();
    let fields = vec![
        FieldEdit::set("name", name.as_str()),
        FieldEdit::set("industry", TRADES[number % 6]),
        FieldEdit::set("type", "org"),
        FieldEdit::SetRow { field: "phones".to_owned(), row: "p".to_owned(), values: phone },
        FieldEdit::Add { field: "tags".to_owned(), value: "vip".to_owned() },
    ];
    let mut all = vec![edit("party", party, fields)];
    if number.is_multiple_of(10) {
        let fields = vec![
            FieldEdit::set("title", name.as_str()),
            FieldEdit::set("stage", STAGES[number / 10 % 6]),
            FieldEdit::set("party", party.to_string()),
            FieldEdit::set("amount", json!({"amount": number * 100, "currency": "CNY"})),
            FieldEdit::set("close_date", format!("2026-{:02}-{:02}", number / 10 % 12 + 1, number / 120 % 28 + 1)),
        ];
        all.push(edit("deal", RecordId::of_cause(&format!("deal {number}")), fields));
    }
    all
}

/// A customer with as many events as ten busy years bring, and the sales dashboard; answers its pages.
async fn busy(app: &App, author: &Author) -> Result<More> {
    let party = RecordId::of_cause("party 0");
    let activity = |number: usize| RecordEdit {
        kind: "activity".parse().expect("a kind"),
        record: RecordId::of_cause(&format!("activity {number}")),
        edits: vec![
            FieldEdit::set("subject", format!("Visit {number}")),
            FieldEdit::set("type", "visit"),
            FieldEdit::set("status", "done"),
            FieldEdit::Add { field: "about".to_owned(), value: party.to_string() },
        ],
        expect: Expect::New,
    };
    let edits: Vec<RecordEdit> = (0..EVENTS).map(activity).collect();
    let ready = ready::sales(Language::En, RecordId(author.user.0), || RecordId::new(app.clock.now(), random()));
    let dashboard = ready.last().map(|edit| edit.record).context("a dashboard")?;
    for batch in [edits, ready] {
        for edited in app.intake.edit(author, batch, app.clock.now(), None).await? {
            edited?;
        }
    }
    Ok(more(dashboard))
}

async fn measure(
    pages: &Pages,
    all: impl Iterator<Item = (&'static str, String)>,
    mut forget: impl AsyncFnMut(usize) -> Result<()>,
) -> Result<()> {
    let base = format!("http://127.0.0.1:{}", pages.port);
    let client = reqwest::Client::builder().no_proxy().build()?;
    let body = json!({"login": LOGIN, "password": PASSWORD});
    let signed_in: serde_json::Value = client.post(format!("{base}/api/v1/sign-in")).json(&body).send().await?.json().await?;
    let token = signed_in["token"].as_str().context("no token")?;
    println!("{:<28}{:>10}{:>10}{:>10}{:>10}", "page", "first ms", "median ms", "worst ms", "KB");
    for (number, (name, path)) in all.enumerate() {
        forget(number).await?;
        let (mut took, mut bytes) = (Vec::new(), 0);
        for _ in 0..pages.times {
            let begun = Instant::now();
            let request =
                client.get(format!("{base}{path}")).header("authorization", format!("Bearer {token}")).header("accept", "text/html");
            let answer = request.send().await?.error_for_status().with_context(|| path.to_owned())?;
            bytes = answer.bytes().await?.len();
            took.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        let first = took[0];
        took.sort_by(f64::total_cmp);
        println!("{name:<28}{first:>10.1}{:>10.1}{:>10.1}{:>10}", took[took.len() / 2], took[took.len() - 1], bytes / 1_000);
    }
    Ok(())
}

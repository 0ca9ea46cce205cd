//! A workspace as busy as one with so many customers is: people, products, quotes, tasks, disagreements, edits that wait, likely
//! duplicates, a long audit log, and one customer with ten busy years behind them.

use std::time::Instant;

use anyhow::{Context, Result};
use rapport_server::App;
use rapport_server::audit::{Act, Note};
use rapport_server::intake::{Author, Expect, RecordEdit};
use rapport_server::jobs::import;
use rapport_server::language::Language;
use rapport_server::people::{self, NewPerson, Place};
use rapport_server::ready;
use rapport_server::store::{StoreError, devices};
use serde_json::{Value as Json, json};
use sync_core::fence::Pen;
use sync_core::id::{ActorId, DeviceId, RecordId, UserId};
use sync_core::protocol::Pushed;
use sync_core::record::doc::Doc;
use sync_core::record::fields::{FieldEdit, path_edits};
use tests::bench::server::PASSWORD;

/// The first customer about whom two say different things.
pub const DISPUTED: usize = 3;

const BATCH: usize = 1_000;
const EVENTS: usize = 2_000;
const QUOTES: usize = 2_000;
const PEOPLE: usize = 20;
const PRODUCTS: usize = 50;
const DISPUTES: usize = 300;
const REFUSED: usize = 300;
const NAMED: usize = 200;
const LOGGED: usize = 5_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const YEARS_MS: i64 = 3 * 365 * DAY_MS;
const SURNAMES: [&str; 8] = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄"];
const TRADES: [&str; 6] = ["办公用品", "科技", "贸易", "酒店", "印刷", "物流"];
const STAGES: [&str; 6] = ["lead", "qualified", "proposal", "negotiation", "won", "lost"];
const ACTIVITIES: [&str; 4] = ["call", "visit", "meeting", "task"];

/// Fills the database.
pub async fn all(app: &App, author: &Author, records: usize) -> Result<()> {
    let begun = Instant::now();
    let people = people(app, author).await?;
    for batch in (0..records).collect::<Vec<_>>().chunks(BATCH) {
        let now = app.clock.now();
        let edits = batch.iter().flat_map(|number| of_customer(*number, &people, now)).collect();
        // Over three years, as customers come.
        write(app, author, edits, (records - batch[0]) as i64 * YEARS_MS / records as i64).await?;
    }
    println!("{records} customers in {:.1} s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let ready =
        ready::sales(Language::En, RecordId(author.user.0), || RecordId::new(app.clock.now(), rapport_server::auth::secret::random()));
    let events = (0..EVENTS).map(event).collect();
    for edits in [(0..PRODUCTS).map(product).collect(), (0..QUOTES).map(|number| quote(number, &people)).collect(), events, ready] {
        write(app, author, edits, 0).await?;
    }
    import::cdnow_sample(app, author, &mut |_| {}).await?;
    own_things(app, author, &people).await?;
    undecided(app, author, &people).await?;
    logged(app, author).await?;
    println!("what else they have in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Writes as if it had been some time ago.
async fn write(app: &App, author: &Author, edits: Vec<RecordEdit>, ago: i64) -> Result<()> {
    for chunk in edits.chunks(BATCH) {
        for edited in app.intake.edit(author, chunk.to_vec(), app.clock.now() - ago, None).await? {
            edited?;
        }
    }
    Ok(())
}

async fn people(app: &App, author: &Author) -> Result<Vec<UserId>> {
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let person = NewPerson {
            place: Place::In(author.workspace),
            login: format!("rep{number}"),
            name: format!("{}{number}", SURNAMES[number % 8]),
            role: "rep".parse()?,
            language: Language::Zh,
            password: PASSWORD.to_owned(),
            given: false,
            by: Some(author.user),
        };
        people.push(people::add(app, person).await?.user);
    }
    Ok(people)
}

fn new(kind: &str, cause: &str, edits: Vec<FieldEdit>) -> RecordEdit {
    RecordEdit { kind: kind.parse().expect("a kind"), record: RecordId::of_cause(cause), edits, expect: Expect::New }
}

fn link(field: &str, to: RecordId) -> FieldEdit {
    FieldEdit::set(field, to.to_string())
}

fn also(field: &str, value: impl ToString) -> FieldEdit {
    FieldEdit::Add { field: field.to_owned(), value: value.to_string() }
}

fn row(field: &str, row: &str, values: Json) -> FieldEdit {
    FieldEdit::SetRow { field: field.to_owned(), row: row.to_owned(), values: values.as_object().cloned().unwrap_or_default() }
}

fn owner(people: &[UserId], number: usize) -> RecordId {
    RecordId(people[number % people.len()].0)
}

/// A customer; each thousandth is the one before it once more. For each tenth a deal and something to do about it.
fn of_customer(number: usize, people: &[UserId], now: i64) -> Vec<RecordEdit> {
    let party = RecordId::of_cause(&format!("party {number}"));
    let same = if number % BATCH == 7 { number - 1 } else { number };
    let name = format!("{}{same}{}", SURNAMES[same % 8], TRADES[same % 6]);
    let mut all = vec![new(
        "party",
        &format!("party {number}"),
        vec![
            FieldEdit::set("name", name.as_str()),
            FieldEdit::set("industry", TRADES[number % 6]),
            FieldEdit::set("type", "org"),
            row("phones", "p", json!({"value": format!("138{same:08}")})),
            also("tags", "vip"),
            also("roles", if number.is_multiple_of(5) { "prospect" } else { "customer" }),
            link("owner", owner(people, number)),
        ],
    )];
    if number.is_multiple_of(10) {
        let deal = RecordId::of_cause(&format!("deal {number}"));
        let fields = vec![
            FieldEdit::set("title", name.as_str()),
            FieldEdit::set("stage", STAGES[number / 10 % 6]),
            link("party", party),
            link("owner", owner(people, number / 10)),
            FieldEdit::set("amount", json!({"amount": number * 100, "currency": "CNY"})),
            FieldEdit::set("close_date", format!("2026-{:02}-{:02}", number / 10 % 12 + 1, number / 120 % 28 + 1)),
        ];
        all.push(new("deal", &format!("deal {number}"), fields));
        all.push(new("activity", &format!("task {number}"), task(number / 10, [party, deal], people, now)));
    }
    all
}

/// Within five months around today; nine of ten that are past are done.
fn task(number: usize, about: [RecordId; 2], people: &[UserId], now: i64) -> Vec<FieldEdit> {
    let days = number as i64 % 150 - 100;
    let is_done = days < 0 && !number.is_multiple_of(10);
    let mut edits = vec![
        FieldEdit::set("subject", format!("Follow up {number}")),
        FieldEdit::set("type", ACTIVITIES[number % 4]),
        FieldEdit::set("status", if is_done { "done" } else { "planned" }),
        FieldEdit::set("due", now + days * DAY_MS),
        link("assignee", owner(people, number)),
    ];
    edits.extend(about.map(|about| also("about", about)));
    edits
}

fn product(number: usize) -> RecordEdit {
    let fields = vec![
        FieldEdit::set("name", format!("{}{number}", TRADES[number % 6])),
        FieldEdit::set("price", json!({"amount": 10_000 + number * 100, "currency": "CNY"})),
        FieldEdit::set("active", true),
    ];
    new("product", &format!("product {number}"), fields)
}

/// Every hundredth customer gets two of two people for the same product, every other pair at different prices.
fn quote(number: usize, people: &[UserId]) -> RecordEdit {
    let pair = number / 2;
    let price = 10_000 + if pair.is_multiple_of(2) { number * 10 } else { pair * 10 };
    let line = json!({
        "product": RecordId::of_cause(&format!("product {}", pair % PRODUCTS)).to_string(),
        "quantity": 1 + number % 9,
        "price": {"amount": price, "currency": "CNY"},
    });
    let fields = vec![
        FieldEdit::set("title", format!("Quote {number}")),
        FieldEdit::set("form", "quote"),
        FieldEdit::set("status", "sent"),
        link("party", RecordId::of_cause(&format!("party {}", pair * 100 % 10_000))),
        link("owner", owner(people, number)),
        row("lines", "l", line),
    ];
    new("offer", &format!("quote {number}"), fields)
}

/// One of those that a customer has after ten busy years.
fn event(number: usize) -> RecordEdit {
    let fields = vec![
        FieldEdit::set("subject", format!("Visit {number}")),
        FieldEdit::set("type", "visit"),
        FieldEdit::set("status", "done"),
        also("about", RecordId::of_cause("party 0")),
    ];
    new("activity", &format!("activity {number}"), fields)
}

/// What somebody follows, what others did to it since, and notes that name them.
async fn own_things(app: &App, author: &Author, people: &[UserId]) -> Result<()> {
    let party = |number: usize| RecordId::of_cause(&format!("party {}", number * 10 + 5));
    let follow = |number: usize| {
        let fields = vec![link("record", party(number)), link("who", RecordId(author.user.0))];
        new("follow", &format!("follow {number}"), fields)
    };
    write(app, author, (0..NAMED).map(follow).collect(), 0).await?;
    let colleague = app.intake.on_behalf(author.workspace, people[0], "office".parse()?);
    let changed = |number: usize| {
        let edits = vec![FieldEdit::set("industry", TRADES[(number + 1) % 6])];
        RecordEdit { expect: Expect::Existing, record: party(number), ..new("party", "", edits) }
    };
    write(app, &colleague, (0..NAMED).map(changed).collect(), 0).await?;
    let note = |number: usize| {
        let fields = vec![
            FieldEdit::set("subject", format!("Note {number}")),
            FieldEdit::set("type", "note"),
            also("about", party(number)),
            also("people", RecordId(author.user.0)),
            link("assignee", RecordId(people[0].0)),
        ];
        new("activity", &format!("note {number}"), fields)
    };
    write(app, &colleague, (0..NAMED).map(note).collect(), 0).await
}

/// What phones wrote that contradicts what stands there, and what they may not write.
async fn undecided(app: &App, author: &Author, people: &[UserId]) -> Result<()> {
    let now = app.clock.now();
    for (number, user) in people.iter().enumerate() {
        let (device, actor) = (DeviceId::of_cause(&format!("phone {number}")), ActorId([number as u8 + 1; 16]));
        let row = devices::Device {
            workspace: author.workspace,
            device,
            user: *user,
            name: format!("Phone {number}"),
            actor,
            app: "bench 1".to_owned(),
            created_at: now,
            last_seen_at: now,
            revoked_at: None,
        };
        app.store
            .write::<_, StoreError, _>(move |tx| Box::pin(async move { devices::add_device(tx, &row, &[number as u8; 32]).await }))
            .await?;
        let of = |count: usize| (0..count).filter(move |at| at % PEOPLE == number);
        let disputed = of(DISPUTES).map(|at| (format!("party {}", DISPUTED + at * 10), "party", format!("{at}贸易")));
        let refused = of(REFUSED).map(|at| (format!("product {at}"), "product", format!("{at} for less")));
        let mut changes = Vec::new();
        for (cause, kind, name) in disputed.chain(refused) {
            changes.push(said(app, author, (kind, &cause), actor, &name)?);
        }
        let phone = Author { user: *user, role: "rep".parse()?, device, pen: Pen::Device, ..author.clone() };
        app.intake.push(&phone, changes, now).await?;
    }
    Ok(())
}

/// A name that somebody wrote without having seen the record.
fn said(app: &App, author: &Author, (kind, cause): (&str, &str), actor: ActorId, name: &str) -> Result<Pushed> {
    let rules = app.intake.rules(author.workspace);
    let kind = rules.schema.kind(kind).context("a kind")?;
    let by_facet = path_edits(kind, |_| None, &[FieldEdit::set("name", name)])?;
    let (facet, edits) = by_facet.into_iter().next().context("a facet")?;
    let written = Doc::default().write(actor, app.clock.now(), &edits).context("a change")?;
    Ok(Pushed { kind: kind.name.clone(), record: RecordId::of_cause(cause), facet, hash: written.hash, body: written.bytes })
}

async fn logged(app: &App, author: &Author) -> Result<()> {
    let (workspace, user, now) = (author.workspace, author.user, app.clock.now());
    let log = app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            for number in 0..LOGGED {
                let (act, subject) = if number % 2 == 0 {
                    (Act::Exported, "party".to_owned())
                } else {
                    (Act::Disclosed, RecordId::of_cause(&format!("party {number}")).to_string())
                };
                Note::of(workspace, Some(user), act, subject).write(tx, now).await?;
            }
            Ok(())
        })
    });
    Ok(log.await?)
}

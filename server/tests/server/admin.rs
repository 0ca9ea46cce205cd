//! Administration: settings, numbers that the server gives, currencies, what runs and how the server is.

use rapport_server::jobs::sequences::catch_up;
use serde_json::json;
use sqlx::Connection;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::console::{Desk, record};
use crate::harness::{MINUTE, START};

#[tokio::test]
async fn settings_are_one_record_that_is_made_once_somebody_saves_it() {
    let desk = Desk::new().await;
    let page = desk.get("/admin").await.text();
    for said in ["Nobody has set anything yet", "Search index", "Room on the disk", "Last backup"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let opened = desk.post("/admin/settings", &[]).await;
    assert_eq!(opened.status, 303);
    let form = desk.get(opened.header("location")).await.text();
    assert!(form.contains("value=\"Asia/Shanghai\"") && form.contains("name=\"f.working_hours.fri.from\""), "{form}");
    assert!(desk.get("/admin").await.text().contains("Nobody has set anything yet"), "looking writes nothing");

    let asked = opened.header("location").split_once('?').unwrap().1.replace("%2F", "/").replace("%3A", ":");
    let mut given: Vec<(&str, &str)> = asked.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
    given.retain(|(name, _)| *name != "f.name");
    given.extend([("f.name", "Lamps Ltd."), ("f.working_hours.fri.remove", "on")]);
    let saved = desk.post("/records/settings", &given).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    let again = desk.post("/admin/settings", &[]).await;
    assert_eq!(saved.header("location").split(['?', '#']).next(), Some(again.header("location")));
    let page = desk.get("/admin").await.text();
    assert!(page.contains("Asia/Shanghai") && page.contains("CNY") && page.contains("Lamps Ltd."), "{page}");
    let days: Vec<usize> = ["Monday", "Tuesday", "Wednesday", "Thursday"].iter().map(|day| page.find(day).unwrap()).collect();
    assert!(days.is_sorted() && !page.contains("Friday"), "{page}");
    let twice = desk.post("/records/settings", &given).await;
    assert_eq!(twice.status, 422, "there is one record of them: {}", twice.text());
}

#[tokio::test]
async fn settings_that_an_older_version_archived_are_in_use_again_when_they_are_opened() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    // As an older version left them: nobody archives settings any more.
    let only = RecordId::of_cause(&format!("settings of {}", desk.server.workspace));
    let made = office.post("/api/v1/party", json!({"id": only, "fields": {"name": "Lamps Ltd."}})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(office.post(&format!("/api/v1/party/{only}/archive"), json!({})).await.status, 200);
    let url = format!("sqlite://{}", desk.server.app.store.path().display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let older =
        ["changes", "documents", "rows"].map(|table| format!("update {table} set kind = 'settings' where kind = 'party';")).concat();
    sqlx::raw_sql(sqlx::AssertSqlSafe(older)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let page = desk.get("/admin").await.text();
    assert!(page.contains("Nobody has set anything yet"), "{page}");
    for _ in 0..2 {
        let opened = desk.post("/admin/settings", &[]).await;
        let address = format!("/records/settings/{only}");
        assert_eq!(opened.header("location"), address, "the same ones, with what was in them: {}", opened.text());
    }
    let page = desk.get("/admin").await.text();
    assert!(page.contains("Lamps Ltd."), "{page}");
}

#[tokio::test]
async fn what_arrives_gets_its_number_once_and_what_was_there_before_has_none() {
    let mut desk = Desk::new().await;
    let app = desk.server.app.clone();
    let offer = |title: &str| [FieldEdit::set("title", title), FieldEdit::set("form", "quote")];
    desk.ann.save(&app, "offer", record(1), START, &offer("Before")).await;
    desk.server.clock.forward(MINUTE);
    let made = desk.post("/admin/numbers", &[]).await;
    assert_eq!((made.status.as_u16(), made.header("location")), (303, "/admin?done=numbers#numbers"));
    desk.server.clock.forward(MINUTE);
    for (n, title) in [(2, "First"), (3, "Second")] {
        desk.ann.save(&app, "offer", record(n), START + 2 * MINUTE, &offer(title)).await;
    }
    for _ in 0..2 {
        catch_up(&app).await.unwrap();
    }
    let year = jiff::Timestamp::from_millisecond(START).unwrap().to_zoned(jiff::tz::TimeZone::UTC).year();
    let page = async |n: u8| desk.get(&format!("/records/offer/{}", record(n))).await.text();
    let mut given: Vec<bool> = Vec::new();
    for n in [2, 3] {
        let page = page(n).await;
        given.push(page.contains(&format!("O-{year}-0001")));
        assert!(page.contains(&format!("O-{year}-000")), "{page}");
    }
    assert_eq!(given.iter().filter(|first| **first).count(), 1, "two offers, two numbers");
    assert!(!page(1).await.contains(&format!("O-{year}-")), "what was there before keeps having none");
    assert!(desk.get("/admin").await.text().contains(&format!("O-{year}-0003")), "the next one is told");
}

#[tokio::test]
async fn totals_of_several_currencies_are_in_the_workspaces_by_the_rate_of_the_day() {
    let mut desk = Desk::new().await;
    let app = desk.server.app.clone();
    let money = |amount: i64, currency: &str| FieldEdit::set("amount", json!({"amount": amount, "currency": currency}));
    for (n, amount, currency) in [(1, 10_000, "CNY"), (2, 10_000, "USD")] {
        desk.ann
            .save(
                &app,
                "deal",
                record(n),
                START,
                &[FieldEdit::set("title", "Deal"), FieldEdit::set("stage", "lead"), money(amount, currency)],
            )
            .await;
    }
    let board = desk.get("/records/deal?layout=board").await.text();
    assert!(board.contains("¥100.00") && board.contains("US$100.00") && !board.contains('≈'), "no rate, no claim: {board}");
    desk.post("/records/rate", &[("f.currency", "USD"), ("f.from", "2020-01-01"), ("f.rate", "7.1")]).await;
    let board = desk.get("/records/deal?layout=board").await.text();
    assert!(board.contains("≈ ¥810.00"), "{board}");
    // A rate for each of very many days: an old amount still has the one of its day.
    let office = Client::office(&desk.server).await;
    let first = jiff::Timestamp::from_millisecond(START).unwrap().to_zoned(jiff::tz::TimeZone::UTC).date();
    for n in 1..=100_i32 {
        let from = first.saturating_add(jiff::Span::new().days(n)).to_string();
        office.make("rate", json!({"currency": "USD", "from": from, "rate": 7.1 + f64::from(n)})).await;
    }
    let board = desk.get("/records/deal?layout=board").await.text();
    assert!(board.contains("≈ ¥810.00"), "{board}");
}

#[tokio::test]
async fn the_menu_names_every_page_once_and_tells_colleagues_from_their_accounts() {
    let desk = Desk::new().await;
    let page = desk.get("/admin").await.text();
    let menu = page.split("id=\"menu\"").nth(1).unwrap().split("<main").next().unwrap();
    assert_eq!((menu.matches("href=\"/kinds\"").count(), menu.matches("href=\"/records/kind\"").count()), (1, 0), "{menu}");
    assert!(menu.contains("User accounts") && menu.contains("Members") && !menu.contains(">Kinds<"), "{menu}");
}

//! A record change by change: what each did, how it stood then, how long it had been in which stage, what there was about it.

use serde_json::json;

use crate::api::Client;
use crate::console::Desk;
use crate::harness::MINUTE;
use crate::lists::{between, has};

const DAY: i64 = 24 * 60 * MINUTE;

#[tokio::test]
async fn a_deal_is_gone_through_from_change_to_change() {
    let mut desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let path = office.make("deal", json!({"title": "Lamps", "stage": "lead"})).await;
    let id = path.rsplit('/').next().unwrap().to_owned();
    let quote = async |office: &Client, title: &str| office.make("offer", json!({"title": title, "form": "quote", "deal": id})).await;
    let edit = async |office: &Client, field: &str, value: serde_json::Value| {
        office.edit(&path, json!([{"op": "set", "field": field, "value": value}])).await;
    };
    desk.server.clock.forward(2 * DAY);
    let office = Client::office(&desk.server).await;
    edit(&office, "stage", json!("proposal")).await;
    quote(&office, "Quote, first version").await;
    desk.server.clock.forward(3 * DAY);
    let office = Client::office(&desk.server).await;
    quote(&office, "Quote, second version").await;
    edit(&office, "amount", json!({"amount": 50_000, "currency": "CNY"})).await;
    desk.server.clock.forward(MINUTE);
    edit(&office, "stage", json!("won")).await;
    desk.cookie = desk.server.browser_sign_in(&[]).await.1;
    let replay = format!("/records/deal/{id}/replay");
    let last = desk.page(&replay).await;
    has(&last, &["Change 4 of 4", "value=\"4\"", "rel=\"prev\"", "Quote, second version", "¥500.00"], &["rel=\"next\""]);
    has(between(&last, "What this change did</h2>", "</section>"), &["Stage", "Proposal", "Won"], &["Amount"]);
    has(between(&last, "class=\"stays\"", "</ol>"), &["Lead", "2 days", "Proposal", "3 days", "Won"], &[]);
    // As it was when it became a proposal: nothing of what came later.
    let second = desk.page(&format!("{replay}?step=2")).await;
    has(&second, &["Change 2 of 4", "href=\"?step=1\"", "href=\"?step=3\"", "aria-valuetext=\"Change 2 of 4, by ann\""], &[]);
    has(between(&second, "As it was then</h2>", "</section>"), &["Lamps", "Proposal"], &["¥500.00", "Won"]);
    has(between(&second, "There by then</h2>", "</aside>"), &["Quote, first version"], &["second version"]);
    has(between(&second, "class=\"stays\"", "</ol>"), &["Lead", "2 days", "Proposal"], &["Won"]);
    let first = desk.page(&format!("{replay}?step=1")).await;
    has(&first, &["Change 1 of 4", "Nothing was about it yet."], &["rel=\"prev\"", "class=\"stays\""]);
    // Beyond the ends stands what is there.
    has(&desk.page(&format!("{replay}?step=99")).await, &["Change 4 of 4"], &[]);
    has(&desk.page(&format!("{replay}?step=0")).await, &["Change 1 of 4"], &[]);
    has(&desk.page(&format!("/records/deal/{id}")).await, &[&format!("href=\"{replay}\"")], &[]);
}

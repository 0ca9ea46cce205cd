//! From a dashboard to its records, by mouse and by keyboard, and what a phone writes on a dashboard that is open.

use std::time::Instant;

use serde_json::json;
use sync_core::id::{RecordId, UserId};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Schema;

use rapport_server::console::words::Words;

use super::{Browser, LANGUAGES};
use crate::console::{Desk, record};
use crate::harness::START;

/// The number on the first tile; and the bar of the only owner, by stages.
const FIGURE: &str = ".tile .figure a";
const BAR: &str = ".tile .bars:not(.funnel) tbody tr:first-child";

/// What the first stage is called.
fn first_stage(words: Words) -> &'static str {
    let stage = Schema::builtin().kind("deal").unwrap().field("stage").unwrap();
    words.label(&stage.options.iter().find(|option| option.value == "lead").unwrap().label)
}

/// The deals that a list shows.
async fn listed(browser: &mut Browser) -> Vec<String> {
    browser.until("location.pathname === '/records/deal' && document.querySelector('tbody td.title')").await;
    let titles = browser.run("[...document.querySelectorAll('tbody td.title a')].map((link) => link.textContent).sort()").await;
    titles.as_array().unwrap().iter().map(|title| title.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_and_a_bar_lead_to_their_records_by_mouse_and_by_keyboard() {
    for words in LANGUAGES {
        let mut desk = Desk::new().await;
        desk.post("/language", &[("language", words.0.tag())]).await;
        desk.lived_in().await;
        let mut browser = Browser::speaking(&desk, words).await;
        let (open, stage) = (["Lamps for 11 offices", "Lamps for 12 offices"], first_stage(words));
        for by_hand in [true, false] {
            browser.goto("/dashboards").await;
            browser.until(&format!("document.querySelector({FIGURE:?}) && document.querySelector({BAR:?})")).await;
            follow(&mut browser, FIGURE, by_hand).await;
            assert_eq!(listed(&mut browser).await, open, "by hand: {by_hand}");
            browser.run("history.back()").await;
            browser.until(&format!("document.querySelector({BAR:?})")).await;
            // A part of the bar is one stage of one owner; the name beside it is all of theirs.
            let (bar, all, chip) = match by_hand {
                true => (format!("{BAR} td.bar rect"), &open[..1], stage),
                false => (format!("{BAR} th a"), &open[..], "ann"),
            };
            follow(&mut browser, &bar, by_hand).await;
            assert_eq!(listed(&mut browser).await, all, "by hand: {by_hand}");
            browser.until(&format!("document.getElementById('chips').textContent.includes({chip:?})")).await;
            browser.picture(&format!("dashboard-records-{}", words.0.tag())).await;
        }
    }
}

/// Follows a link: with the mouse, or with Tab and Enter alone.
async fn follow(browser: &mut Browser, link: &str, by_hand: bool) {
    if by_hand {
        return browser.click(link).await;
    }
    browser.tab_to(link).await;
    browser.press("Enter", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_phone_writes_is_on_an_open_dashboard_within_two_seconds() {
    for words in LANGUAGES {
        let mut desk = Desk::new().await;
        desk.post("/language", &[("language", words.0.tag())]).await;
        desk.lived_in().await;
        let mut browser = Browser::speaking(&desk, words).await;
        browser.goto("/dashboards").await;
        browser.until(&format!("document.querySelector({FIGURE:?}) && document.querySelector({BAR:?})")).await;
        browser.run("window.stayed = true").await;
        browser.run(&format!("window.was = document.querySelector({FIGURE:?}).textContent")).await;
        let (app, begun) = (desk.server.app.clone(), Instant::now());
        let amount = FieldEdit::set("amount", json!({"amount": 111_111_100, "currency": "CNY"}));
        desk.ann.save(&app, "deal", record(11), START + 5_000_001, &[amount]).await;
        browser.soon(begun, &format!("document.querySelector({FIGURE:?}).textContent !== was")).await;
        // A deal that is won leaves its part of the bar.
        desk.ann.save(&app, "deal", record(11), START + 6_000_000, &[FieldEdit::set("stage", "won")]).await;
        let stage = first_stage(words);
        browser.until(&format!("!document.querySelector({BAR:?}).closest('.tile').textContent.includes({stage:?})")).await;
        assert_eq!(browser.run("window.stayed").await, true, "nothing was loaded anew");
        browser.is_sound("dashboard", words, &GIVEN).await;
    }
}

/// What people have called things on a desk that is lived in.
const GIVEN: [&str; 10] = [
    "Lamps for 11 offices",
    "Lamps for 12 offices",
    "Lamps for 13 offices",
    "Lamps for 14 offices",
    "Jiamei Supplies",
    "Jiamei Office",
    "Call back",
    "佳美办公用品",
    "零售",
    "CSV",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dashboard_is_shared_with_a_team_and_by_a_link_that_demands_a_sign_in() {
    for words in LANGUAGES {
        let mut desk = Desk::new().await;
        desk.post("/language", &[("language", words.0.tag())]).await;
        desk.lived_in().await;
        let (app, team) = (desk.server.app.clone(), words.0.of("North", "北区"));
        let member = [FieldEdit::set("name", "bo"), FieldEdit::Add { field: "teams".to_owned(), value: team.to_owned() }];
        desk.ann.save(&app, "member", RecordId(UserId::of_cause("bo").0), START, &member).await;
        let mut browser = Browser::speaking(&desk, words).await;
        let folds = "document.querySelectorAll('#edit-dashboard details').forEach((fold) => { fold.open = true })";
        browser.goto("/dashboards").await;
        browser.press("e", false).await;
        browser.until("document.querySelector('#edit-dashboard .who')").await;
        browser.run(folds).await;
        browser.is_sound("dashboard-arranged", words, &[&GIVEN[..], &["[mail]"]].concat()).await;
        browser.click("#edit-dashboard [name=\"f.teams\"]").await;
        browser.click("#edit-dashboard .who button").await;
        browser.until("document.querySelector('[name=\"f.teams.was\"]') && document.querySelector('[name=\"f.teams\"]').checked").await;
        browser.run(folds).await;
        browser.click("[name=signed_in]").await;
        browser.click("form[action$=\"/links\"] button").await;
        browser.until("document.querySelector('[data-address]')").await;
        let address = browser.run("document.querySelector('[data-address]').dataset.address").await.as_str().unwrap().to_owned();
        browser.goto(&address).await;
        browser.says(&words.fill("share.seen_by_reader", &["ann"])).await;
        browser.is_sound("dashboard-shared", words, &GIVEN).await;
        let mut stranger = Browser::beside(&desk).await;
        stranger.goto(&address).await;
        stranger.says(LANGUAGES[0].say("share.door")).await;
        stranger.picture("dashboard-door").await;
    }
}

//! From a dashboard to its records, by mouse and by keyboard, and what a phone writes on a dashboard that is open.

use std::time::{Duration, Instant};

use serde_json::json;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Schema;

use rapport_server::console::words::Words;

use super::{Browser, LANGUAGES, SEEN_WITHIN};
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
        // The quickest of a few is held against the promise: the machine of a test has other things to do.
        let (app, mut quickest) = (desk.server.app.clone(), Duration::MAX);
        for at in 1..=5_i64 {
            browser.run(&format!("window.was = document.querySelector({FIGURE:?}).textContent")).await;
            let begun = Instant::now();
            let amount = FieldEdit::set("amount", json!({"amount": at * 111_111_100, "currency": "CNY"}));
            desk.ann.save(&app, "deal", record(11), START + 5_000_000 + at, &[amount]).await;
            browser.until(&format!("document.querySelector({FIGURE:?}).textContent !== was")).await;
            quickest = quickest.min(begun.elapsed());
        }
        assert!(quickest < SEEN_WITHIN, "{quickest:?}");
        // A deal that is won leaves its part of the bar.
        desk.ann.save(&app, "deal", record(11), START + 6_000_000, &[FieldEdit::set("stage", "won")]).await;
        let stage = first_stage(words);
        browser.until(&format!("!document.querySelector({BAR:?}).closest('.tile').textContent.includes({stage:?})")).await;
        assert_eq!(browser.run("window.stayed").await, true, "nothing was loaded anew");
        let lamps = [11, 12, 13, 14].map(|n| format!("Lamps for {n} offices"));
        let given = [&*lamps[0], &lamps[1], &lamps[2], &lamps[3], "Jiamei Supplies", "Jiamei Office", "Call back", "佳美办公用品", "零售"];
        browser.is_sound("dashboard", words, &given).await;
    }
}

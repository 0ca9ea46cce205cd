//! The desk of edits to decide, worked in both languages: what phones wanted comes by itself, people decide.

use serde_json::json;
use sync_core::record::fields::FieldEdit;

use rapport_server::console::words::Words;

use super::{Browser, LANGUAGES};
use crate::api::Client;
use crate::console::{Desk, record};
use crate::harness::START;
use crate::pen::Phone;
use crate::reviews::colleague;

fn line(title: &str, percent: i64) -> FieldEdit {
    let values = json!({"product_name": title, "quantity": 1, "discount_percent": percent});
    FieldEdit::SetRow { field: "lines".into(), row: "l1".into(), values: values.as_object().unwrap().clone() }
}

fn price(amount: i64) -> FieldEdit {
    FieldEdit::set("price", json!({"amount": amount, "currency": "CNY"}))
}

const CARD: &str = "document.querySelector('article.dispute')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_comes_to_an_open_desk_by_itself_and_is_accepted_declined_or_returned_by_keyboard() {
    for words in LANGUAGES {
        let desk = Desk::new().await;
        let title = words.0.of("Lamps", "灯具");
        let mut rep = colleague(&desk.server, "cai", "rep").await;
        rep.save(&desk.server.app, "offer", record(1), START, &[FieldEdit::set("title", title), line(title, 5)]).await;
        let mut browser = Browser::speaking(&desk, words).await;
        browser.goto("/rejected").await;
        browser.says(words.say("rejected.none")).await;
        browser.run("window.stayed = true").await;
        wants(&desk, &mut rep, &mut browser, title, 15).await;
        assert_eq!(browser.run("window.stayed").await, true, "nothing was loaded anew");
        browser.says(words.say("rejected.held")).await;
        browser.is_sound("desk", words, &[]).await;
        let cut = "[...document.querySelectorAll('article.dispute .scroll')].filter((part) => part.scrollWidth > part.clientWidth).length";
        assert_eq!(browser.run(cut).await, 0, "what was, what is wanted and what is now stand side by side");
        browser.press("j", false).await;
        browser.until(&format!("document.activeElement.textContent === {title:?}")).await;
        browser.press("a", false).await;
        browser.answers(&words.count("rejected.done_accepted", 1)).await;
        browser.until(&format!("!{CARD}")).await;
        declined(&desk, &mut rep, &mut browser, words, title).await;
    }
}

/// A rep wants a discount that is not theirs to give, and an open desk tells of it.
async fn wants(desk: &Desk, rep: &mut Phone, browser: &mut Browser, title: &str, percent: i64) {
    rep.save(&desk.server.app, "offer", record(1), START + percent, &[line(title, percent)]).await;
    browser.until(&format!("{CARD}?.textContent.includes({title:?})")).await;
}

/// One is declined, another returned; what was said about each is kept.
async fn declined(desk: &Desk, rep: &mut Phone, browser: &mut Browser, words: Words, title: &str) {
    let (why, wish) = (words.0.of("Not for paper", "纸张不打折"), words.0.of("Ask for twenty", "请改为二十"));
    for (percent, key, text, done) in [(30, "d", why, "rejected.done_declined"), (40, "r", wish, "rejected.done_returned")] {
        browser.goto("/rejected").await;
        // What is turned down leaves the phone: the next one does not follow it.
        let before = rep.docs.clone();
        wants(desk, rep, browser, title, percent).await;
        rep.docs = before;
        browser.press("j", false).await;
        browser.press(key, false).await;
        browser.tab_to("article.dispute details[open] [name=reason]").await;
        browser.type_text(text).await;
        browser.press("Enter", false).await;
        browser.answers(&words.count(done, 1)).await;
    }
    browser.goto("/rejected?decided=true").await;
    for said in [why, wish, words.say("rejected.declined"), words.say("rejected.returned"), words.say("rejected.accepted")] {
        browser.says(said).await;
    }
    browser.is_sound("desk-decided", words, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_is_changed_and_then_accepted() {
    for words in LANGUAGES {
        let mut desk = Desk::new().await;
        let (app, title) = (desk.server.app.clone(), words.0.of("Lamp", "台灯"));
        desk.ann.save(&app, "product", record(2), START, &[FieldEdit::set("name", title), price(1_000)]).await;
        let mut rep = colleague(&desk.server, "cai", "rep").await;
        rep.docs = desk.ann.docs.clone();
        rep.save(&app, "product", record(2), START + 1, &[price(500)]).await;
        let mut browser = Browser::speaking(&desk, words).await;
        browser.goto("/rejected").await;
        browser.press("j", false).await;
        browser.press("c", false).await;
        browser.until("document.querySelector('[name=\"f.price.amount\"]')").await;
        browser.is_sound("desk-change", words, &[]).await;
        browser.run("document.querySelector('[name=\"f.price.amount\"]').value = '8.00'").await;
        browser.click("form[action$=\"/change\"] button.primary").await;
        browser.answers(&words.count("rejected.done_accepted", 1)).await;
        let product = Client::office(&desk.server).await.get(&format!("/api/v1/product/{}", record(2))).await.json();
        assert_eq!(product["fields"]["price"], json!({"amount": 800, "currency": "CNY"}));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_edits_on_the_desk_are_ticked_at_once_and_declined_with_one_reason() {
    for words in LANGUAGES {
        let desk = Desk::new().await;
        let mut rep = colleague(&desk.server, "cai", "rep").await;
        for n in [1, 2] {
            rep.save(&desk.server.app, "product", record(n), START, &[price(1)]).await;
        }
        let mut browser = Browser::speaking(&desk, words).await;
        let why = words.0.of("Prices are made elsewhere", "价格由他人制定");
        browser.goto("/rejected").await;
        browser.click("#many [data-all]").await;
        browser.until("document.querySelectorAll('article input[name=change]:checked').length === 2").await;
        browser.click("#reason-many").await;
        browser.type_text(why).await;
        browser.is_sound("desk-many", words, &[]).await;
        browser.click("#many [value=decline]").await;
        browser.answers(&words.count("rejected.done_declined", 2)).await;
        browser.goto("/rejected?decided=true").await;
        assert_eq!(browser.run(&format!("document.querySelector('main').textContent.split({why:?}).length - 1")).await, 2);
    }
}

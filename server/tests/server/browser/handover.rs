//! A handover, worked in both languages: looked at, carried out, taken back.

use sync_core::id::UserId;
use sync_core::record::fields::FieldEdit;

use super::{Browser, LANGUAGES};
use crate::console::Desk;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handover_is_looked_at_carried_out_and_taken_back_in_a_browser() {
    for words in LANGUAGES {
        let mut desk = Desk::new().await;
        let (bo, ann) = (UserId::of_cause("bo"), desk.server.ann);
        let name = words.0.of("Jiamei", "佳美");
        let id = desk.customer(1, &[FieldEdit::set("name", name), FieldEdit::set("owner", bo.to_string())]).await;
        let mut browser = Browser::speaking(&desk, words).await;
        browser.goto("/handover").await;
        browser.run(&format!("document.getElementById('from').value = '{bo}'; document.getElementById('to').value = '{ann}'")).await;
        browser.click("[value=preview]").await;
        let moved = words.count("list.count", 1);
        browser.until(&format!("document.querySelector('#effect .lead-in')?.textContent.includes({moved:?})")).await;
        browser.says(words.say("handover.phones")).await;
        browser.is_sound("handover", words, &[]).await;
        let apply = words.fill("handover.apply", &[&moved]);
        assert_eq!(browser.run("document.querySelector('[value=apply]').textContent").await, apply);
        browser.click("[value=apply]").await;
        // The page does not wait for the end: it tells of it by itself.
        browser.until("document.querySelector('#acts form button')").await;
        assert_eq!(browser.run("document.querySelector('#acts form button').textContent").await, words.say("handover.undo"));
        browser.says("bo → ann").await;
        browser.is_sound("handover-done", words, &[]).await;
        browser.goto(&format!("/records/party/{id}")).await;
        browser.until("document.querySelector('#f-owner').textContent.includes('ann')").await;
        browser.goto("/handover").await;
        browser.click("#acts form button").await;
        browser.until("location.search.startsWith('?done=undone')").await;
        browser.says(words.say("handover.undone")).await;
        browser.goto(&format!("/records/party/{id}")).await;
        browser.until("document.querySelector('#f-owner').textContent.includes('bo')").await;
    }
}

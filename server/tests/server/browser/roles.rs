//! The editor of roles, worked in both languages: what a change would do is seen before it does it.

use sync_core::id::UserId;
use sync_core::record::fields::FieldEdit;

use super::{Browser, LANGUAGES};
use crate::api::Client;
use crate::console::Desk;
use crate::harness::START;
use crate::pen::Phone;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_changed_in_the_editor_once_its_effect_was_shown_and_goes_back() {
    for words in LANGUAGES {
        let mut desk = Desk::new().await;
        desk.customer(1, &[FieldEdit::set("name", words.0.of("Jiamei", "佳美"))]).await;
        let rep = Client::of_role(&desk.server, "cai", "rep").await;
        let cai = UserId::of_cause("cai");
        let _phone = Phone::of(&desk.server.app, desk.server.workspace, cai, "rep", "cai's phone", START).await;
        let seen = async || rep.list("party", &[]).await.json()["rows"].as_array().map(Vec::len);
        let mut browser = Browser::speaking(&desk, words).await;
        browser.goto("/roles").await;
        browser.is_sound("roles", words, &[]).await;
        browser.click("a[href=\"/roles/rep\"]").await;
        browser.until("document.querySelector('[name=\"party.read\"]')").await;
        browser.run("for (const act of ['read', 'edit', 'resolve']) document.querySelector(`[name=\"party.${act}\"]`).value = 'own'").await;
        browser.click(".buttons [name=step][value=preview]").await;
        let effect = words.fill("rights.would_remove", &[&words.count("list.count", 1), &words.count("rights.phones", 1)]);
        browser.until(&format!("document.getElementById('effect')?.textContent.includes({effect:?})")).await;
        assert_eq!(seen().await, Some(1), "nothing was saved yet");
        browser.is_sound("role-effect", words, &["offer.lines.discount_percent"]).await;
        browser.click("#effect [value=save]").await;
        browser.answers(words.say("role.was_saved")).await;
        assert_eq!(seen().await, Some(0));
        browser.goto("/roles").await;
        browser.says(words.say("role.changed")).await;
        browser.goto("/roles/rep").await;
        browser.click("details:has(form[action=\"/roles/rep/remove\"]) summary").await;
        browser.click("form[action=\"/roles/rep/remove\"] button").await;
        browser.answers(words.say("role.was_removed")).await;
        assert_eq!(seen().await, Some(1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_of_ones_own_begins_as_a_copy_and_is_limited_in_the_editor() {
    for words in LANGUAGES {
        let desk = Desk::new().await;
        let mut browser = Browser::speaking(&desk, words).await;
        browser.goto("/roles").await;
        browser.run("document.querySelector('form[action=\"/roles\"] [name=like]').value = 'rep'").await;
        browser.click("form[action=\"/roles\"] [name=name]").await;
        browser.type_text("helper").await;
        browser.press("Enter", false).await;
        browser.until("document.querySelector('[name=label_zh]')").await;
        let limit = "[...document.querySelectorAll('[name$=\".path\"]')].find((box) => !box.value)";
        browser.run(&format!("document.querySelector('[name=label_en]').value = 'Helper'; document.querySelector('[name=label_zh]').value = '助理'; window.limit = {limit}; limit.value = 'product.tax_percent'; document.querySelector(`[name=\"${{limit.name.replace('path', 'above')}}\"]`).value = '13'")).await;
        browser.click(".buttons [name=step][value=preview]").await;
        browser.says(words.say("rights.effect")).await;
        browser.click("#effect [value=save]").await;
        browser.answers(words.say("role.was_saved")).await;
        assert_eq!(
            browser.run("[...document.querySelectorAll('[name$=\".path\"]')].some((box) => box.value === 'product.tax_percent')").await,
            true
        );
        browser.goto("/roles").await;
        browser
            .until(&format!("document.querySelector('a[href=\"/roles/helper\"]')?.textContent === {:?}", words.0.of("Helper", "助理")))
            .await;
        browser.says(words.say("role.own")).await;
    }
}

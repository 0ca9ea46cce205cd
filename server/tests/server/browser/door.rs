//! The door of the console, in both languages: from the first page on, and for whoever mistypes.

use serde_json::json;

use super::{Browser, LANGUAGES};
use crate::console::Desk;
use crate::harness::PASSWORD;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_signs_in_reads_one_language_from_the_first_page_on_and_gets_in_with_the_keyboard_alone() {
    for words in LANGUAGES {
        let desk = Desk::new().await;
        let mut browser = Browser::beside(&desk).await;
        browser.goto(&format!("/sign-in?lang={}", words.0.tag())).await;
        browser.is_sound("sign-in", words, &[]).await;
        for (password, answer) in [("not-this-one", Some("door.wrong")), (PASSWORD, None)] {
            browser.run("document.querySelector('[name=login]').value = ''; document.querySelector('[name=login]').focus()").await;
            browser.type_text("ann").await;
            browser.press("Tab", false).await;
            browser.type_text(password).await;
            browser.press("Enter", false).await;
            if let Some(answer) = answer {
                browser.says(words.say(answer)).await;
                browser.is_sound("sign-in-mistyped", words, &[]).await;
            }
        }
        browser.until("document.querySelector('#menu')").await;
    }
}

/// The session ends behind the page's back.
async fn sign_out(browser: &mut Browser) {
    let url = browser.base.clone();
    browser.send("Network.deleteCookies", json!({"name": "rapport", "url": url})).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_typed_before_a_session_ended_is_in_its_form_again_after_the_sign_in_and_only_once() {
    for words in LANGUAGES {
        let desk = Desk::new().await;
        let mut browser = Browser::speaking(&desk, words).await;
        browser.goto("/records/party/new").await;
        browser.run("document.getElementById('f.name').value = 'Jiamei'; document.getElementById('f.notes').value = 'By hand'").await;
        sign_out(&mut browser).await;
        browser.run("document.querySelector('form.form').requestSubmit()").await;
        browser.says(words.say("door.left_form")).await;
        browser.is_sound("sign-in-form-left", words, &[]).await;
        browser.enter().await;
        browser.until("document.getElementById('f.name')?.value === 'Jiamei' && !document.getElementById('again').hidden").await;
        browser
            .until("document.getElementById('f.notes').checkVisibility() && document.getElementById('f.notes').value === 'By hand'")
            .await;
        browser.run("document.querySelector('form.form').requestSubmit()").await;
        browser.until("document.querySelector('h1').textContent === 'Jiamei'").await;

        // One field of a record: its form is opened again.
        browser.run("document.querySelector(\"a[data-edit][href*='edit=website']\").click()").await;
        browser.until("document.getElementById('f.website')").await;
        browser.run("document.getElementById('f.website').value = 'https://jiamei.example'").await;
        sign_out(&mut browser).await;
        browser.run("document.getElementById('f.website').form.requestSubmit()").await;
        browser.says(words.say("door.left_form")).await;
        browser.enter().await;
        browser.until("document.getElementById('f.website')?.value === 'https://jiamei.example'").await;
        browser.goto("/records/party/new").await;
        assert_eq!(browser.run("document.getElementById('f.name').value").await, "", "put back once");
        assert_eq!(browser.run("sessionStorage.length").await, 0);
    }
}

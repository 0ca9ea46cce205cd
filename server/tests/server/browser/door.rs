//! The door of the console, in both languages: from the first page on, and for whoever mistypes.

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

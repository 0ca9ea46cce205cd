//! Filters with groups, put together in a real Chromium by keyboard, saved, opened again and changed.

use rapport_server::console::words::Words;
use serde_json::json;
use sync_core::id::{RecordId, UserId};
use sync_core::record::fields::FieldEdit;

use super::{Browser, LANGUAGES};
use crate::console::Desk;
use crate::harness::START;

impl Browser {
    /// Chooses in a list by keyboard: goes there with Tab, and the page says what follows.
    async fn picks(&mut self, name: &str, value: &str) {
        let selector = format!("[name=\"{name}\"]");
        self.tab_to(&selector).await;
        let script = format!(
            "(() => {{ const list = document.querySelector({selector:?}); list.value = {value:?}; \
             list.dispatchEvent(new Event('change', {{bubbles: true}})) }})()"
        );
        self.run(&script).await;
    }

    /// Waits for a control of the panel.
    async fn offers(&mut self, name: &str) {
        self.until(&format!("document.querySelector('#panel [name=\"{name}\"]')")).await;
    }

    /// Puts a condition about a choice into a line: the field, and one option.
    async fn says_of(&mut self, line: &str, attribute: &str, option: &str) {
        self.picks(&format!("{line}.attribute"), attribute).await;
        self.offers(&format!("{line}.v")).await;
        self.until(&format!("document.activeElement.name === '{line}.attribute'")).await;
        self.tab_to(&format!("[name=\"{line}.v\"][value={option}]")).await;
        self.press_space().await;
    }

    /// The space bar ticks.
    async fn press_space(&mut self) {
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { json!(" ") } else { json!("") };
            let params = json!({"type": kind, "key": " ", "code": "Space", "windowsVirtualKeyCode": 32, "text": text});
            self.send("Input.dispatchKeyEvent", params).await;
        }
    }

    /// Presses a button of the panel by keyboard.
    async fn presses(&mut self, selector: &str) {
        self.tab_to(selector).await;
        self.press("Enter", false).await;
    }
}

/// Deals of which one has a call that is planned, one a call that is done, and one none.
async fn deals(desk: &mut Desk, words: Words) -> [&'static str; 3] {
    let names = [words.0.of("Lamps", "灯具"), words.0.of("Paper", "纸张"), words.0.of("Desks", "办公桌")];
    let team = FieldEdit::Add { field: "teams".to_owned(), value: words.0.of("North", "北区").to_owned() };
    let (app, bo) = (desk.server.app.clone(), RecordId(UserId::of_cause("bo").0));
    desk.ann.save(&app, "member", bo, START, &[FieldEdit::set("name", "bo"), team]).await;
    for (n, (name, activity)) in names.into_iter().zip([Some("planned"), Some("done"), None]).enumerate() {
        let n = n as u8 + 1;
        let deal = desk.deal(n, name, if n == 3 { "won" } else { "lead" }, i64::from(n) * 100, &[]).await;
        if let Some(status) = activity {
            let about = FieldEdit::Add { field: "about".to_owned(), value: deal.to_string() };
            let edits = [FieldEdit::set("subject", name), FieldEdit::set("type", "call"), FieldEdit::set("status", status), about];
            desk.save("activity", 20 + n, &edits).await;
        }
    }
    names
}

/// How many rows a list shows.
fn rows(count: usize) -> String {
    format!("document.querySelectorAll('#rows tbody tr').length === {count} && !document.getElementById('panel')")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nested_filter_is_built_by_keyboard_saved_as_a_view_opened_again_and_changed() {
    for words in LANGUAGES {
        let mut desk = Desk::new().await;
        let names = deals(&mut desk, words).await;
        let mut browser = Browser::speaking(&desk, words).await;
        browser.goto("/records/deal").await;
        browser.run("window.stayed = true").await;
        browser.press("f", false).await;
        browser.until("document.activeElement.id === 'attribute'").await;
        browser.presses("#panel a[href*=\"panel=conditions\"]").await;
        // Won, or with a call that is planned.
        browser.offers("conditions.0.attribute").await;
        browser.presses("[name=\"conditions.+\"][value=group]").await;
        browser.offers("conditions.0.match").await;
        browser.says_of("conditions.0.0", "stage", "won").await;
        browser.presses("[name=\"conditions.0.+\"][value=line]").await;
        browser.until("document.activeElement.name === 'conditions.0.1.attribute'").await;
        browser.picks("conditions.0.1.attribute", "activity:about").await;
        browser.offers("conditions.0.1.op").await;
        browser.picks("conditions.0.1.op", "any").await;
        browser.until("document.querySelector('[name=\"conditions.0.1.op\"]')?.value === 'any'").await;
        for (at, attribute, option) in [(0, "type", "call"), (1, "status", "planned")] {
            browser.presses("[name=\"conditions.0.1.of.+\"][value=line]").await;
            browser.offers(&format!("conditions.0.1.of.{at}.attribute")).await;
            browser.says_of(&format!("conditions.0.1.of.{at}"), attribute, option).await;
        }
        browser.is_sound("filter-groups", words, &[&names[..], &["JSON"]].concat()).await;
        browser.presses("#panel .buttons .primary").await;
        browser.until(&rows(2)).await;
        browser.until(&format!("!document.querySelector('#rows').textContent.includes({:?})", names[1])).await;
        saved_and_changed(&mut browser, words, names).await;
        assert_eq!(browser.run("window.stayed").await, json!(null), "only saving a view loads a page");
    }
}

async fn saved_and_changed(browser: &mut Browser, words: Words, names: [&str; 3]) {
    let title = words.0.of("To call", "待联系");
    browser.click("#views .save").await;
    browser.until("document.activeElement.id === 'view-name'").await;
    browser.run("document.querySelector('#panel .who').open = true").await;
    browser.is_sound("view-saved", words, &[&names[..], &["bo"]].concat()).await;
    browser.run("document.getElementById('view-name').focus()").await;
    browser.type_text(title).await;
    browser.press("Enter", false).await;
    browser.until(&format!("document.querySelector('#views [aria-current]')?.textContent === {title:?}")).await;
    browser.until(&rows(2)).await;
    // Opened anew: its form shows what it says.
    browser.goto("/records/deal").await;
    browser.until(&rows(3)).await;
    browser.run(&format!("[...document.querySelectorAll('#views a')].find((tab) => tab.textContent === {title:?}).click()")).await;
    browser.until(&rows(2)).await;
    browser.click("#chips a[href*=\"panel=conditions\"]").await;
    browser.offers("conditions.1.of.1.v").await;
    let kept = "['conditions.0.v', 'conditions.1.of.0.v', 'conditions.1.of.1.v'].map((name) => document.querySelector(`[name=\"${name}\"]:checked`)?.value).join()";
    assert_eq!(browser.run(kept).await, "won,call,planned");
    // None of that, instead.
    browser.picks("conditions.match", "none").await;
    browser.picture(&format!("filter-of-a-view-{}", words.0.tag())).await;
    browser.presses("#panel .buttons .primary").await;
    browser.until(&rows(1)).await;
    browser.until(&format!("document.querySelector('#rows').textContent.includes({:?})", names[1])).await;
    browser.click("#views .save").await;
    browser.offers("over").await;
    browser.click("#panel [name=over]").await;
    browser
        .until(&format!(
            "document.querySelector('#views [aria-current]')?.textContent === {title:?} && !document.querySelector('#views [data-changed]')"
        ))
        .await;
    browser.until(&rows(1)).await;
}

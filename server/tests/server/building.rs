//! Conditions put together, also in a real Chromium: what is chosen draws what can be said about it, at once and in place.

use serde_json::json;
use sync_core::id::UserId;
use sync_core::record::fields::FieldEdit;

use crate::browser::Browser;
use crate::console::{Desk, record};
use crate::lists::{address, between, has};

impl Browser {
    /// Chooses in a list, as a hand does, and waits for the page that comes anew.
    async fn choose(&mut self, name: &str, value: &str) {
        let script = format!(
            "(() => {{ const list = document.querySelector('[name={name:?}]'); list.value = {value:?}; window.chosen = true; \
             list.dispatchEvent(new Event('change', {{bubbles: true}})) }})()"
        );
        self.run(&script).await;
        self.until("!window.chosen").await;
    }

    /// Waits until a control is there, and the page where it is.
    async fn drawn(&mut self, name: &str) {
        self.until(&format!("document.querySelector('[name={name:?}]')")).await;
    }

    async fn types(&mut self, name: &str, text: &str) {
        self.run(&format!("document.querySelector('[name={name:?}]').value = {text:?}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_condition_of_a_role_is_chosen_step_by_step_and_the_page_stays_where_somebody_is() {
    let desk = Desk::new().await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/roles/rep").await;
    let line = browser.run("[...document.querySelectorAll('[name$=\".kind\"]')].find((list) => !list.value).name.split('.')[0]").await;
    let line = line.as_str().unwrap().to_owned();
    let part = |name: &str| format!("{line}.{name}");
    browser.types("label_en", "Field rep").await;
    browser.choose(&part("kind"), "deal").await;
    browser.drawn(&part("filter.0.attribute")).await;
    browser.choose(&part("filter.0.attribute"), "stage").await;
    browser.drawn(&part("filter.0.v")).await;
    browser.choose(&part("filter.0.op"), "notIn").await;
    browser.until(&format!("document.querySelector('[name=\"{line}.filter.0.op\"]')?.value === 'notIn' && location.hash")).await;
    let seen = format!(
        "(() => {{ const box = document.getElementById('{line}.filter').getBoundingClientRect(); return box.top < innerHeight && box.bottom > 0 }})()"
    );
    assert_eq!(browser.run(&seen).await, true, "the page came back where the condition is");
    assert_eq!(browser.run("document.querySelector('[name=label_en]').value").await, "Field rep", "nothing typed is lost");
    browser.click(&format!("[name=\"{line}.filter.0.v\"][value=won]")).await;
    browser.run(&format!("document.querySelector('[name=\"{line}.edit\"]').value = 'own'")).await;
    browser.click(".buttons [value=preview]").await;
    browser.until("document.querySelector('#effect [value=save]')").await;
    browser.click("#effect [value=save]").await;
    browser.until("location.search === '?done=saved'").await;
    browser.until("[...document.querySelectorAll('[name$=\"filter.0.v\"][value=won]')].some((box) => box.checked)").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_conditions_of_a_rule_follow_the_kind_that_is_chosen() {
    let desk = Desk::new().await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/rule/new").await;
    browser.types("f.name", "Old prospects").await;
    browser.types("f.purpose", "retention").await;
    browser.choose("f.about", "party").await;
    browser.drawn("f.condition.0.attribute").await;
    assert_eq!(browser.run("document.querySelector('[name=\"f.name\"]').value").await, "Old prospects");
    browser.choose("f.condition.0.attribute", "updatedAt").await;
    browser.drawn("f.condition.0.op").await;
    browser.choose("f.condition.0.op", "olderThanXDays").await;
    browser.until("document.querySelector('[name=\"f.condition.0.v\"]')?.type === 'number'").await;
    browser.types("f.condition.0.v", "730").await;
    browser.run("document.querySelector('[name=\"f.condition.0.v\"]').focus()").await;
    browser.press("Enter", false).await;
    browser
        .until("document.querySelector('h1')?.textContent.includes('Old prospects') && location.pathname.startsWith('/records/rule/')")
        .await;
    browser.until("document.querySelector('main').textContent.includes('730')").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn which_customers_go_over_is_chosen_on_the_page_of_handovers() {
    let mut desk = Desk::new().await;
    let bo = UserId::of_cause("bo");
    for (n, industry) in [(1, "print"), (2, "trade")] {
        let edits = [("name", format!("Customer {n}")), ("industry", industry.to_owned()), ("owner", bo.to_string())];
        desk.customer(n, &edits.map(|(field, value)| FieldEdit::set(field, value))).await;
    }
    let mut browser = Browser::of(&desk).await;
    browser.goto("/handover").await;
    browser.types("from", &bo.to_string()).await;
    browser.types("to", &desk.server.ann.to_string()).await;
    browser.click("details summary").await;
    browser.choose("customers.0.attribute", "industry").await;
    browser.drawn("customers.0.op").await;
    browser.choose("customers.0.op", "equals").await;
    browser
        .until(
            "document.querySelector('[name=\"customers.0.op\"]').value === 'equals' && document.querySelector('[name=\"customers.0.v\"]')",
        )
        .await;
    browser.types("customers.0.v", "print").await;
    browser.click("[name=step][value=preview]:not(.hidden-text)").await;
    browser.until("document.getElementById('effect')?.textContent.includes('1 record would go over')").await;
}

#[tokio::test]
async fn a_condition_that_its_form_cannot_hold_is_not_changed_into_a_part_of_it() {
    let desk = Desk::new().await;
    let filter = json!([{"type": "arrayAnyOf", "attribute": "tags", "value": ["north, east"]}]).to_string();
    let form = desk.page(&address("/records/deal", &[("where", &filter), ("panel", "filter"), ("attribute", "tags"), ("at", "0")])).await;
    let control = between(&form, "action=\"/records/deal/filter\"", "</form>");
    assert!(control.contains("id=\"v\" value=\"\""), "two words are not what one with a comma is: {control}");
}

#[tokio::test]
async fn a_condition_about_several_of_many_records_keeps_them_and_takes_another() {
    let mut desk = Desk::new().await;
    for n in 0..62 {
        desk.customer(100 + n, &[FieldEdit::set("name", format!("Customer {n}"))]).await;
    }
    let id = |n: u8| record(n).to_string();
    let filter = json!([{"type": "linkedWith", "attribute": "party", "value": [id(100), id(101)]}]).to_string();
    let form = desk.page(&address("/records/deal", &[("where", &filter), ("panel", "filter"), ("attribute", "party"), ("at", "0")])).await;
    let control = between(&form, "action=\"/records/deal/filter\"", "</form>");
    for (n, name) in [(100, "Customer 0"), (101, "Customer 1")] {
        assert!(control.contains(&format!("name=\"v\" value=\"{}\" checked> {name}<", id(n))), "{control}");
    }
    let (where_, at, first) = (("where", &*filter), ("at", "0"), id(100));
    let said = [where_, at, ("attribute", "party"), ("op", "linkedWith"), ("v", &first), ("v", ""), ("v.title", ""), ("v.q", "Customer 7")];
    let page = desk.page(&desk.leads(&address("/records/deal/filter", &said)).await).await;
    has(&page, &["<span>Customer 0</span>", "<span>Customer 7</span>"], &["<span>Customer 1</span>"]);
    let unknown = address("/records/deal/filter", &[&said[..7], &[("v.q", "Nobody")]].concat());
    has(&desk.get(&unknown).await.text(), &["value=\"Nobody\"", "checked> Customer 0<"], &[]);
}

/// What is typed into controls of a form, by their names.
type Typed<'t> = &'t [(&'t str, &'t str)];

/// Types into controls of a form, as a hand does.
pub async fn fill(browser: &mut Browser, typed: Typed<'_>) {
    for (name, value) in typed {
        let script = format!(
            "(() => {{ const control = document.querySelector('[name={name:?}]'); control.value = {value:?}; \
             control.dispatchEvent(new Event('input', {{bubbles: true}})) }})()"
        );
        browser.run(&script).await;
    }
}

/// Builds a kind of cars that are lent out in one go, with a link and a board.
pub async fn build_demo_car(browser: &mut Browser) {
    browser.goto("/kinds/new").await;
    fill(browser, &[("label_en", "Demo car"), ("plural_en", "Demo cars"), ("field.0.label_en", "Plate")]).await;
    let fields: [(&str, &str, Typed<'_>); 5] = [
        ("Price", "money", &[]),
        ("Borrowed by", "link", &[]),
        ("Built on", "date", &[]),
        ("Remarks", "paragraph", &[]),
        ("State", "choice", &[("field.5.options", "In stock | 库存 | green\nOut | 外借 | amber")]),
    ];
    for (at, (label, kind, more)) in fields.iter().enumerate() {
        let place = at + 1;
        browser.run("document.querySelector('[name=step][value=add]').click()").await;
        browser.until(&format!("document.querySelectorAll('.kind-field').length === {}", place + 1)).await;
        fill(browser, &[(&format!("field.{place}.label_en"), label), (&format!("field.{place}.type"), kind)]).await;
        fill(browser, more).await;
    }
    browser.run("document.querySelector('[name=\"field.2.to\"][value=party]').click()").await;
    // The field that was typed last was never sent, and is a choice all the same.
    browser.until("[...document.getElementById('board').options].some((option) => option.text === 'State')").await;
    let offered = browser.run("[...document.getElementById('sum').options].map((option) => option.text).slice(1).join()").await;
    assert_eq!(offered, "Price");
    fill(browser, &[("board", "#5"), ("sum", "#1")]).await;
    browser.click(".buttons [name=step][value=save]").await;
    browser.until("location.pathname === '/kinds/demo_car' && location.search === '?done=saved'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_with_six_fields_a_link_and_a_board_is_built_in_one_go() {
    let desk = Desk::new().await;
    let mut browser = Browser::of(&desk).await;
    build_demo_car(&mut browser).await;
    browser.goto("/records/demo_car?layout=board").await;
    browser
        .until("document.querySelectorAll('.lane').length === 2 && document.querySelector('.lane').textContent.includes('In stock')")
        .await;
}

//! Lists and boards as people work them: cells edited in place, cards moved, filters built, news that arrive by themselves.

use std::time::Instant;

use serde_json::json;
use sync_core::record::fields::FieldEdit;

use super::Browser;
use crate::console::{Desk, record};
use crate::harness::START;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_goes_to_another_column_by_keyboard_and_stays_there() {
    let mut desk = Desk::new().await;
    let (app, id) = (desk.server.app.clone(), record(1));
    desk.ann.save(&app, "deal", id, START, &[FieldEdit::set("title", "Lamps"), FieldEdit::set("stage", "lead")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/deal?layout=board").await;
    browser.run(&format!("document.querySelector('#c-{id} a').focus()")).await;
    browser.press("ArrowRight", true).await;
    browser.until("document.querySelector('.lane[data-value=qualified] .item')?.textContent.includes('Lamps')").await;
    browser.until(&format!("document.activeElement.closest('.item')?.id === 'c-{id}'")).await;
    browser.goto("/records/deal?layout=board").await;
    browser.until("document.querySelector('.lane[data-value=qualified] .item')").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_is_edited_without_leaving_the_list() {
    let mut desk = Desk::new().await;
    let id = desk.customer(1, &[FieldEdit::set("name", "Jiamei"), FieldEdit::set("industry", "print")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/party").await;
    browser.run(&format!("const cell = document.querySelector('#r-{id} [data-cell=industry]'); cell.tabIndex = -1; cell.focus()")).await;
    browser.press("F2", false).await;
    browser.until("document.activeElement.name === 'f.industry'").await;
    browser.type_text("retail").await;
    browser.press("Enter", false).await;
    browser.until(&format!("document.querySelector('#r-{id} [data-cell=industry]')?.textContent === 'retail'")).await;
    browser.picture("cell-edited").await;
    assert_eq!(browser.run("location.search").await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_that_is_a_link_is_edited_by_the_pencil_beside_it() {
    let mut desk = Desk::new().await;
    let id = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/party").await;
    let title = format!("#r-{id} td.title");
    browser.hover(&title).await;
    browser.click(&format!("{title} .pencil")).await;
    browser.until("document.activeElement.name === 'f.name'").await;
    browser.type_text("Cedar").await;
    browser.press("Enter", false).await;
    browser.until(&format!("document.querySelector('{title} a')?.textContent === 'Cedar'")).await;
    browser.click(&format!("{title} a")).await;
    browser.until(&format!("location.pathname === '/records/party/{id}'")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_whose_value_was_refused_keeps_the_focus_and_says_what_would_be_taken() {
    let mut desk = Desk::new().await;
    let (app, id) = (desk.server.app.clone(), record(1));
    desk.ann.save(&app, "deal", id, START, &[FieldEdit::set("title", "Lamps")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/deal").await;
    browser.run(&format!("const cell = document.querySelector('#r-{id} [data-cell=amount]'); cell.tabIndex = -1; cell.focus()")).await;
    browser.press("F2", false).await;
    browser.until("document.activeElement.name === 'f.amount.amount'").await;
    browser.type_text("1.234").await;
    browser.press("Enter", false).await;
    browser.until("document.querySelector('td.editing .problem')?.textContent.includes('up to two decimals')").await;
    browser.until("document.activeElement.name === 'f.amount.amount' && document.activeElement.value === '1.234'").await;
    browser.type_text("12.34").await;
    browser.press("Enter", false).await;
    browser.until(&format!("document.querySelector('#r-{id} [data-cell=amount]')?.textContent === '¥12.34'")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_on_a_phone_begins_on_the_first_screen_and_its_tools_are_a_tap_away() {
    /// More than a third of a small screen is no way to begin.
    const TOP_MAX: u32 = 260;
    let desk = Desk::new().await;
    let mut browser = Browser::of(&desk).await;
    let size = json!({"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true});
    browser.send("Emulation.setDeviceMetricsOverride", size).await;
    for language in ["en", "zh-CN"] {
        desk.post("/language", &[("language", language)]).await;
        browser.goto("/records/deal?layout=board").await;
        browser.until(&format!("document.getElementById('board').getBoundingClientRect().top < {TOP_MAX}")).await;
        let shown = "document.querySelector('.tools [data-key=f]').checkVisibility()";
        assert_eq!(browser.run(shown).await, false, "{language}");
        browser.click("label[for=fold-tools]").await;
        browser.until(shown).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_is_built_without_a_page_being_loaded_and_back_takes_it_away() {
    let mut desk = Desk::new().await;
    desk.customer(1, &[FieldEdit::set("name", "Jiamei"), FieldEdit::set("industry", "print")]).await;
    desk.customer(2, &[FieldEdit::set("name", "Cedar"), FieldEdit::set("industry", "retail")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/party").await;
    browser.run("window.stayed = true; document.querySelector('[data-key=f]').click()").await;
    browser.until("document.getElementById('attribute')").await;
    browser.run("const choice = document.getElementById('attribute'); choice.value = 'industry'; choice.dispatchEvent(new Event('change', {bubbles: true}))").await;
    browser.until("document.getElementById('v')").await;
    browser.run("document.getElementById('v').value = 'prin'; document.getElementById('panel').requestSubmit()").await;
    browser.until("document.querySelectorAll('tbody tr').length === 1 && document.querySelector('.chip')").await;
    browser.run("history.back()").await;
    browser.run("history.back()").await;
    browser.until("document.querySelectorAll('tbody tr').length === 2 && !document.querySelector('.chip')").await;
    assert_eq!(browser.run("window.stayed").await, true, "one page all the time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_phone_writes_appears_in_an_open_list_by_itself() {
    let mut desk = Desk::new().await;
    let id = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/party").await;
    browser.run(&format!("document.querySelector('#r-{id} input').click(); window.stayed = true")).await;
    let (app, begun) = (desk.server.app.clone(), Instant::now());
    desk.ann.save(&app, "party", id, START + 1, &[FieldEdit::set("industry", "print")]).await;
    browser.soon(begun, &format!("document.querySelector('#r-{id}').textContent.includes('print')")).await;
    browser.picture("list-news-of-a-phone").await;
    assert_eq!(
        browser.run(&format!("window.stayed && document.querySelector('#r-{id} input').checked")).await,
        true,
        "what was ticked stays ticked"
    );
}

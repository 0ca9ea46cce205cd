//! What the back office does all day, in a real Chromium: duplicates merged and split, a kind built and used, a file
//! with bad rows brought in and taken back.

use serde_json::json;
use sync_core::record::fields::FieldEdit;

use crate::browser::Browser;
use crate::console::Desk;

fn phone(number: &str) -> FieldEdit {
    FieldEdit::SetRow { field: "phones".into(), row: "p1".into(), values: json!({"value": number}).as_object().unwrap().clone() }
}

/// Fills a control and tells the page so.
fn fill(name: &str, value: &str) -> String {
    format!(
        "{{ const control = document.getElementsByName({name:?})[0]; control.value = {value:?}; \
         control.dispatchEvent(new Event('input', {{bubbles: true}})); }}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duplicate_is_offered_while_typing_merged_and_split_again() {
    let mut desk = Desk::new().await;
    let first = desk.customer(1, &[FieldEdit::set("name", "Jiamei Office Supplies"), phone("138 1234 5678")]).await;
    let second = desk.customer(2, &[FieldEdit::set("name", "Jiamei Office Supplies Ltd."), phone("+8613812345678")]).await;
    rapport_server::jobs::duplicates::catch_up(&desk.server.app).await.unwrap();
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/party/new").await;
    browser.run(&fill("f.name", "jiamei office supplies")).await;
    browser.until(&format!("document.querySelector('#likely a[href=\"/records/party/{first}\"]')")).await;
    browser.goto("/duplicates").await;
    browser.run("document.querySelector('#pairs a').click()").await;
    browser.until("location.pathname.startsWith('/duplicates/party/') && document.querySelector('[value=merge]')").await;
    browser.run("document.querySelector('[value=merge]').click()").await;
    browser.until(&format!("location.pathname === '/records/party/{first}' && document.getElementById('behind')")).await;
    browser.goto("/records/party").await;
    browser.until("document.querySelectorAll('tbody tr').length === 1").await;
    browser.goto(&format!("/records/party/{second}")).await;
    browser.run("document.querySelector('.notice form button').click()").await;
    browser.until("location.search === '?done=parted'").await;
    browser.goto("/records/party").await;
    browser.until("document.querySelectorAll('tbody tr').length === 2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_is_built_looked_at_and_used() {
    let desk = Desk::new().await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/kinds").await;
    browser.run("document.querySelector('a[href=\"/kinds/new\"]').click()").await;
    browser.until("document.getElementById('label_en')").await;
    browser.run(&[fill("label_en", "Demo car"), fill("plural_en", "Demo cars"), fill("field.0.label_en", "Plate")].concat()).await;
    browser.run("document.querySelector('[value=add]').click()").await;
    browser.until("document.getElementsByName('field.1.label_en').length === 1").await;
    let options = fill("field.1.options", "In stock | 库存 | green");
    browser.run(&[fill("field.1.label_en", "State"), fill("field.1.type", "choice"), options].concat()).await;
    browser.run("document.querySelector('[value=preview]').click()").await;
    browser.until("[...document.querySelectorAll('th')].some((head) => head.textContent === 'Plate')").await;
    browser.run("document.querySelector('[name=step][value=save]').click()").await;
    browser.until("location.pathname === '/kinds/demo_car'").await;
    browser.goto("/records/demo_car/new").await;
    browser.run(&fill("f.plate", "A 123")).await;
    browser.run("document.querySelector('main form button.primary').click()").await;
    browser.until("document.querySelector('h1')?.textContent === 'A 123'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_bad_rows_is_brought_in_and_taken_back() {
    let desk = Desk::new().await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/imports").await;
    let cells = "Account Name\tType\nJiamei\torg\nOdd\talien\n";
    browser.run(&format!("document.querySelector('details').open = true; {}", fill("text", cells))).await;
    browser.run("document.querySelector('form[enctype] button.primary').click()").await;
    browser.until("document.querySelector('.mapping')").await;
    browser.run("document.querySelector('[value=check]').click()").await;
    browser.until("document.querySelector('[value=run]') && document.body.innerText.includes('alien')").await;
    browser.run("document.querySelector('[value=run]').click()").await;
    browser.until("document.querySelector('a[href$=\"failed.csv\"]')").await;
    let failed = browser.run("fetch(document.querySelector('a[href$=\"failed.csv\"]').href).then((answer) => answer.text())").await;
    assert!(failed.as_str().unwrap().contains("alien"), "{failed}");
    browser.run("document.querySelector('#state button.danger').click()").await;
    browser.until("location.pathname === '/imports' && location.search.startsWith('?done=undone')").await;
    browser.goto("/records/party").await;
    browser.until("document.body.innerText.includes('No customers yet')").await;
}

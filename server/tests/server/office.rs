//! What the back office does all day, in a real Chromium: duplicates merged and split, a kind built and used, a file
//! with bad rows brought in and taken back.

use serde_json::json;
use sync_core::id::{RecordId, UserId};
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::browser::Browser;
use crate::console::{Desk, encoded, record};
use crate::harness::START;

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
    browser.picture("duplicate-merged").await;
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
    browser.picture("kind-used").await;
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

/// Colleagues, one of them gone.
async fn colleagues(desk: &mut Desk) {
    let (app, bo) = (desk.server.app.clone(), RecordId(UserId::of_cause("bo").0));
    for (id, name) in [(bo, "Chen Yu"), (record(7), "王芳"), (record(8), "王刚"), (record(9), "王一")] {
        let edits = [FieldEdit::set("name", name), FieldEdit::set("active", name != "王一")];
        desk.ann.save(&app, "member", id, START, &edits).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colleagues_are_offered_behind_an_at_sign_and_taken_by_keys_or_a_click() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    colleagues(&mut desk).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto(&format!("/records/party/{party}")).await;
    let options = |count: usize, text: &str| {
        format!(
            "document.querySelectorAll('#comment-offer:not([hidden]) [role=option]').length === {count} && \
             document.querySelector('#comment-offer [aria-selected=true]').textContent.includes({text:?}) && \
             document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).ariaSelected === 'true' && \
             document.activeElement.matches('#comment:not([role])[aria-autocomplete=list][aria-controls=comment-offer]')"
        )
    };
    let (value, closed) = ("document.getElementById('comment').value", "document.querySelector('#comment-offer[hidden]')");
    browser.run("document.getElementById('comment').focus()").await;
    browser.type_text("@wf").await;
    browser.until(&options(1, "王芳")).await;
    browser.press("Enter", false).await;
    assert_eq!(browser.run(value).await, "@王芳 ", "by the initials of pinyin, taken with Enter");
    browser.type_text("and @bo").await;
    browser.until(&options(1, "Chen Yu")).await;
    browser.press("Tab", false).await;
    assert_eq!(browser.run(value).await, "@王芳 and @Chen Yu ", "by the login, taken with Tab");
    browser.type_text("or @wang").await;
    browser.until(&options(2, "王")).await;
    browser.press("Escape", false).await;
    browser.until(closed).await;
    assert_eq!(browser.run("document.activeElement.id").await, "comment", "what was typed is still being typed");
    browser.type_text(" @王").await;
    browser.until(&options(2, "王")).await;
    browser.press("ArrowDown", false).await;
    let second = "document.querySelector('#comment-offer [role=option]:nth-child(2)')";
    browser.until(&format!("{second}.ariaSelected === 'true'")).await;
    let name = browser.run(&format!("{second}.dataset.name")).await;
    browser.click("#comment-offer [role=option]:nth-child(2)").await;
    browser.until(closed).await;
    assert_eq!(browser.run(value).await, format!("@王芳 and @Chen Yu or @wang @{} ", name.as_str().unwrap()));
    browser.run("document.querySelector('form.say button').click()").await;
    browser.until("document.querySelector('#timeline').textContent.includes('@Chen Yu')").await;
    let (_, cookie) = desk.server.browser_sign_in_as("bo").await;
    assert!(Desk { cookie, ..desk }.get("/mentions").await.text().contains("and @Chen Yu"), "who was taken is told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_taken_instead_of_a_namesake_is_told_and_a_composition_keeps_its_keys() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    colleagues(&mut desk).await;
    let (app, bo) = (desk.server.app.clone(), RecordId(UserId::of_cause("bo").0));
    desk.ann.save(&app, "member", record(6), START, &[FieldEdit::set("name", "Chen Yu")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto(&format!("/records/party/{party}")).await;
    browser.run("document.getElementById('comment').focus()").await;
    let option = |id: RecordId| format!("#comment-offer:not([hidden]) [role=option][data-id=\"{id}\"]");
    let (value, people) = ("document.getElementById('comment').value", "document.querySelector('form.say [name=people]').value");
    let closed = "document.querySelector('#comment-offer[hidden]')";
    let take = async |browser: &mut Browser, typed: &str, id: RecordId| {
        browser.type_text(typed).await;
        browser.until(&format!("document.querySelector('{}')", option(id))).await;
        browser.click(&option(id)).await;
        browser.until(closed).await;
    };
    take(&mut browser, "@chen", bo).await;
    take(&mut browser, "and @chen", record(6)).await;
    assert_eq!(browser.run(people).await, format!("{bo} {}", record(6)), "both who are called so are told");
    // The first is corrected: from behind the name its end is taken away.
    browser.run("document.getElementById('comment').setSelectionRange(8, 8)").await;
    browser.run("document.execCommand('delete')").await;
    assert_eq!(browser.run(people).await, record(6).to_string(), "a name that is taken away calls for nobody");
    browser.until(&format!("document.querySelector('{}')", option(bo))).await;
    browser.run("document.activeElement.dispatchEvent(new CompositionEvent('compositionstart', { bubbles: true }))").await;
    browser.until(closed).await;
    browser.run("document.activeElement.dispatchEvent(new CompositionEvent('compositionend', { bubbles: true }))").await;
    browser.until(&format!("document.querySelector('{}')", option(bo))).await;
    let key = "new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true })";
    assert_eq!(browser.run(&format!("document.activeElement.dispatchEvent({key})")).await, true, "the key is the composition's");
    browser.click(&option(record(6))).await;
    browser.until(closed).await;
    assert_eq!(browser.run(value).await, "@Chen Yu and @Chen Yu ");
    assert_eq!(browser.run(people).await, format!("{0} {0}", record(6)), "nobody is told of whom they did not mean");
}

#[tokio::test]
async fn of_two_with_one_name_the_one_that_was_taken_is_told_and_nobody_out_of_sight_is_offered() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    colleagues(&mut desk).await;
    let (app, bo) = (desk.server.app.clone(), RecordId(UserId::of_cause("bo").0));
    desk.ann.save(&app, "member", record(6), START, &[FieldEdit::set("name", "Chen Yu")]).await;
    let offered = desk.get("/mentions/offer?q=chen").await.text();
    assert!(offered.matches("role=\"option\"").count() == 2 && offered.contains(&bo.to_string()), "{offered}");
    assert!(offered.contains(">bo</span>"), "two of one name are told apart: {offered}");
    let by_login = desk.get("/mentions/offer?q=bo").await.text();
    assert!(by_login.contains(&bo.to_string()), "{by_login}");
    let part = desk.get("/mentions/offer?q=b").await.text();
    assert!(!part.contains("option"), "a login is not found part by part: {part}");
    let mei = desk.get("/mentions/offer?q=wang").await.text();
    assert!(mei.matches("role=\"option\"").count() == 2 && !mei.contains("small soft"), "no login beside a name that is one's own: {mei}");
    desk.ann.save(&app, "member", record(5), START, &[FieldEdit::set("name", "吕布")]).await;
    for typed in ["lu", "lv", "lb", "bu", "吕", "@", "yu chen"] {
        let offered = desk.get(&format!("/mentions/offer?{}", encoded(&[("q", typed)]))).await.text();
        let expected = match typed {
            "@" => 0,
            "yu chen" => 2,
            _ => 1,
        };
        assert_eq!(offered.matches("role=\"option\"").count(), expected, "{typed}: {offered}");
    }
    let corrected = format!("{} {bo}", record(6));
    for (n, (taken, told)) in [(bo.to_string(), true), (record(6).to_string(), false), (corrected, true)].into_iter().enumerate() {
        let text = format!("@Chen Yu, look at {n}");
        desk.post(&format!("/records/party/{party}/comments"), &[("text", &text), ("people", &taken)]).await;
        let (_, cookie) = desk.server.browser_sign_in_as("bo").await;
        let page = desk.server.get("/mentions", &[("cookie", &cookie), ("accept", "text/html")]).await.text();
        assert_eq!(page.contains(&text), told, "{page}");
    }
    let role = "name = \"buyer\"\nlabel = { en = \"Buyer\", zh = \"采购\" }\n[[rule]]\nkinds = [\"product\"]\nread = \"all\"\n";
    Client::office(&desk.server).await.make("role", json!({"name": "buyer", "definition": role})).await;
    Client::of_role(&desk.server, "dee", "buyer").await;
    let (_, cookie) = desk.server.browser_sign_in_as("dee").await;
    let none = desk.server.get("/mentions/offer?q=", &[("cookie", &cookie), ("accept", "text/html")]).await;
    assert!(none.status == 200 && !none.text().contains("option"), "{}", none.text());
}

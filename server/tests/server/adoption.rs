//! Help where one is, and who works with the system.

use sync_core::record::fields::FieldEdit;

use crate::console::Desk;
use crate::harness::MINUTE;
use crate::lists::{between, has};

#[tokio::test]
async fn help_is_about_where_one_is_and_is_searched_in_the_readers_language() {
    let desk = Desk::new().await;
    let href = |page: &str| between(between(page, "<footer>", "</footer>"), "href=\"", "\"").to_owned();
    assert_eq!(href(&desk.page("/records/deal").await), "/help/deals");
    assert_eq!(href(&desk.page("/conflicts").await), "/help/together");
    assert_eq!(href(&desk.page("/account").await), "/help/first_steps");
    has(
        &desk.page("/help/deals").await,
        &["<h1>Deals and their stages</h1>", "Blind spots", "<li>A card says what is to be done next"],
        &[],
    );
    let found = desk.page("/help?q=decision%20maker").await;
    has(between(&found, "<main", "</main>"), &["href=\"/help/deals\""], &["href=\"/help/lists\""]);
    has(&desk.page("/help?q=unicorn").await, &["No page of help has “unicorn”"], &[]);
    assert_eq!(desk.post("/language", &[("language", "zh-CN")]).await.status, 303);
    has(&desk.page("/help?q=%E5%86%B3%E7%AD%96%E4%BA%BA").await, &["商机与阶段"], &["href=\"/help/office\">系统管理</a><br>"]);
    assert_eq!(desk.get("/help/nothing").await.status, 404);
}

#[tokio::test]
async fn who_works_with_it_and_how_much_is_told_by_week() {
    let mut desk = Desk::new().await;
    desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    desk.server.clock.forward(8 * 24 * 60 * MINUTE);
    desk.cookie = desk.server.browser_sign_in(&[]).await.1;
    let made = desk.post("/records/deal", &[("f.title", "Lamps"), ("f.stage", "lead")]).await;
    assert_eq!(made.status, 303);
    let page = desk.page("/adoption").await;
    has(&page, &["1 of 2 people changed something in eight weeks"], &[]);
    let page = page.split("<tbody>").nth(1).unwrap();
    let ann = between(page, ">ann</a>", "</tr>");
    has(ann, &["50 %", "Customers 1", "Deals 1"], &["nothing yet"]);
    assert_eq!(ann.matches("\">1</td>").count(), 2, "a week each: {ann}");
    has(between(page, ">bo</a>", "</tr>"), &["nothing yet", "never"], &[]);
}

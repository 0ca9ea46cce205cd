//! A kind of one's own in one walk: built in a browser, and then there through every door, without a line of code.

use rapport_server::jobs::{index, reporting};
use serde_json::{Value, json};
use sync_core::id::{RecordId, UserId};
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::browser::Browser;
use crate::building::{build_demo_car, fill};
use crate::console::{Desk, record};
use crate::handset::Handset;
use crate::lists::has;
use crate::roles::define;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_is_built_in_a_browser_is_there_through_every_door() {
    let mut desk = Desk::new().await;
    let customer = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let mut phone = Handset::of(&desk.server, desk.server.ann).await;
    phone.sync(&desk.server).await;
    let mut browser = Browser::of(&desk).await;
    build_demo_car(&mut browser).await;
    in_form_list_and_board(&mut browser).await;
    brought_in(&desk, &mut browser).await;
    taken_out_and_brought_in_again(&desk).await;
    by_programs(&desk, customer).await;
    on_a_phone(&desk, &mut phone).await;
    searched(&desk).await;
    in_figures(&desk, &mut browser).await;
    held_by_a_role(&desk).await;
}

/// One is made in its form, stands in its list, and goes to another column of its board.
async fn in_form_list_and_board(browser: &mut Browser) {
    browser.goto("/records/demo_car").await;
    browser.says("No demo cars yet").await;
    browser.press("n", false).await;
    browser.until("location.pathname === '/records/demo_car/new'").await;
    let typed = [("f.plate", "SH-A 100"), ("f.price.amount", "120000"), ("f.built_on", "2026-05-03"), ("f.state", "in_stock")];
    fill(browser, &typed).await;
    browser.run("document.querySelector('[name=\"f.plate\"]').form.requestSubmit()").await;
    browser.until("document.querySelector('h1')?.textContent === 'SH-A 100'").await;
    browser.goto("/records/demo_car").await;
    browser.until("document.querySelector('#rows td.title')?.textContent.includes('SH-A 100')").await;
    browser.until("document.querySelector('#menu a[href=\"/records/demo_car\"]')?.textContent.includes('Demo cars')").await;
    browser.goto("/records/demo_car?layout=board").await;
    browser.run("document.querySelector('.item a').focus()").await;
    browser.press("ArrowRight", true).await;
    browser.until("document.querySelector('.lane[data-value=out] .item')?.textContent.includes('SH-A 100')").await;
    browser.picture("walk-board").await;
}

/// A file of them comes in, in the browser; its bad rows come back as a file that says why.
async fn brought_in(desk: &Desk, browser: &mut Browser) {
    browser.goto("/imports").await;
    let rows = "Plate,Price,Borrowed by,Built on,Remarks,State\\nSH-A 200,80000 CNY,Jiamei,2025-01-20,Red,In stock\\nSH-A 300,a lot,Jiamei,2025-02-20,Blue,In stock\\nSH-A 400,70000 CNY,Jiamei,2025-03-20,Green,Out";
    let fill = format!(
        "document.getElementById('kind').value = 'demo_car'; document.querySelector('main details').open = true; \
         document.getElementById('text').value = '{rows}'; document.querySelector('main form').requestSubmit()"
    );
    browser.run(&fill).await;
    browser.until("document.querySelector('button[value=check]')").await;
    browser.click("button.primary[value=check]").await;
    browser.until("document.querySelector('button[value=run]')").await;
    browser.click("button[value=run]").await;
    browser.until("document.querySelector('form[action*=undo] button')").await;
    browser.says("2 records made").await;
    browser.says("1 row left out").await;
    let failed = "fetch(document.querySelector('a[href$=\"failed.csv\"]').href).then((answer) => answer.text())";
    let failed = browser.run(failed).await.as_str().unwrap().to_owned();
    assert!(failed.lines().count() == 2 && failed.contains("SH-A 300") && failed.contains("a lot"), "{failed}");
    let list = desk.page("/records/demo_car?sort=plate").await;
    has(&list, &["SH-A 100", "SH-A 200", "SH-A 400", "Jiamei", "¥80,000.00", "3 records"], &["SH-A 300"]);
}

/// What a list gives out comes in again: it is as it was, and nothing else is changed by it.
async fn taken_out_and_brought_in_again(desk: &Desk) {
    let csv = desk.get("/records/demo_car/export.csv?columns=plate,price,borrowed_by,built_on,remarks,state&sort=plate").await;
    let text = csv.text();
    assert_eq!(text.lines().count(), 4, "{text}");
    has(&text, &["SH-A 200,80000.00 CNY,Jiamei,2025-01-20,Red,In stock"], &[]);
    let path = desk.upload("demo_car", "cars.csv", &csv.body).await.header("location").to_owned();
    let mapping = desk.suggested(&path).await;
    let targets: Vec<&str> = mapping.iter().map(|(_, target)| &**target).collect();
    assert_eq!(targets[..6], ["plate", "price", "borrowed_by:name", "built_on", "remarks", "state"], "{mapping:?}");
    let send = async |act: &'static str| {
        let mut form = crate::uploads::form(&mapping, act);
        form.extend([("mode".to_owned(), "both".to_owned()), ("match".to_owned(), "plate".to_owned())]);
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (&**name, &**value)).collect();
        desk.post(&path, &form).await
    };
    has(&send("check").await.text(), &["3 rows say what is so already"], &["would be made", "left out"]);
    let office = Client::office(&desk.server).await;
    let red = office.list("demo_car", &[("where", r#"[{"type":"equals","attribute":"plate","value":"SH-A 200"}]"#)]).await.json();
    let path = format!("/api/v1/demo_car/{}", red["rows"][0]["id"].as_str().unwrap());
    let scratched = json!([{"op": "set", "field": "remarks", "value": "Scratched"}, {"op": "set", "field": "price", "value": null}]);
    assert_eq!(office.edit(&path, scratched).await.status, 200);
    let run = send("run").await;
    assert_eq!(run.status, 303, "{}", run.text());
    has(
        &desk.finished(run.header("location")).await,
        &["1 record changed", "2 rows say what is so already"],
        &["records made", "left out"],
    );
    assert_eq!(
        desk.get("/records/demo_car/export.csv?columns=plate,price,borrowed_by,built_on,remarks,state&sort=plate").await.text(),
        text
    );
}

/// Programs find it described, make one, and read it with what it links to.
async fn by_programs(desk: &Desk, customer: RecordId) {
    let office = Client::office(&desk.server).await;
    let document = office.get("/api/v1/openapi.json").await.json();
    assert!(document["paths"]["/api/v1/demo_car"]["post"].is_object(), "{:?}", document["paths"].as_object().unwrap().keys());
    assert!(document.to_string().contains("borrowed_by"));
    let price = json!({"amount": 6_500_000, "currency": "CNY"});
    let fields = json!({"plate": "SH-A 500", "price": price, "borrowed_by": customer.to_string(), "state": "out"});
    let path = office.make("demo_car", fields).await;
    assert_eq!(office.get(&path).await.json()["fields"]["price"], price);
    let filter = r#"[{"type":"equals","attribute":"borrowed_by.name","value":"Jiamei"},{"type":"in","attribute":"state","value":["out"]}]"#;
    let found = office.list("demo_car", &[("where", filter), ("orderBy", "plate")]).await.json();
    assert_eq!(titles(&found), ["SH-A 400", "SH-A 500"]);
    // And the other way round: customers by what is lent to them.
    let lent = r#"[{"type":"atLeast","attribute":"demo_car:borrowed_by","count":3,"value":[{"type":"isNotNull","attribute":"price"}]}]"#;
    assert_eq!(titles(&office.list("party", &[("where", lent)]).await.json()), ["Jiamei"]);
    has(&desk.page(&format!("/records/party/{customer}")).await, &["Demo cars", "SH-A 500"], &[]);
}

fn titles(page: &Value) -> Vec<&str> {
    page["rows"].as_array().unwrap().iter().map(|row| row["title"].as_str().unwrap()).collect()
}

/// A phone that was there before gets the kind and its records in one exchange, makes one without a network, and finds it.
async fn on_a_phone(desk: &Desk, phone: &mut Handset) {
    phone.sync(&desk.server).await;
    assert!(phone.device.schema().kind("demo_car").is_some_and(|kind| kind.field("built_on").is_some() && kind.board.is_some()));
    let made = record(77);
    let edits = [FieldEdit::set("plate", "BJ-Z 900"), FieldEdit::set("state", "in_stock"), FieldEdit::set("built_on", "2026-06-01")];
    phone.edit(&desk.server, "demo_car", made, &edits);
    for (text, plate) in [("BJ-Z", "BJ-Z 900"), ("500", "SH-A 500")] {
        let found = phone.device.search(text, Some("demo_car")).unwrap();
        assert_eq!(found.iter().map(|row| &*row.title).collect::<Vec<_>>(), [plate], "{text}");
    }
    phone.sync(&desk.server).await;
    has(&desk.page(&format!("/records/demo_car/{made}")).await, &["<h1>BJ-Z 900</h1>", "2026-06-01"], &[]);
}

/// The search of everything finds it, in the console and for programs.
async fn searched(desk: &Desk) {
    index::catch_up(&desk.server.app).await.unwrap();
    has(&desk.page("/search?q=BJ-Z").await, &["BJ-Z 900", "/records/demo_car/"], &[]);
    let found = Client::office(&desk.server).await.post("/api/v1/demo_car/search", json!({"q": "900"})).await.json();
    assert_eq!(titles(&found), ["BJ-Z 900"]);
}

/// A chart of them is a tile that leads to its records; reporting tools read them as a table.
async fn in_figures(desk: &Desk, browser: &mut Browser) {
    let chart = "/records/demo_car/views?layout=bar&group=state&measure=sum:price";
    let view = desk.post(chart, &[("act", "save"), ("name", "Worth by state")]).await.header("location").to_owned();
    let board = desk.post("/dashboards", &[("name", "Cars")]).await.header("location").split('?').next().unwrap().to_owned();
    let added = desk.post(&board, &[("act", "add"), ("view", view.split("view=").nth(1).unwrap())]).await;
    assert_eq!(added.status, 303, "{}", added.text());
    browser.goto(&board).await;
    browser
        .until("document.querySelector('.tile')?.textContent.includes('Worth by state') && document.querySelector('.tile .bars th a')")
        .await;
    browser.run("[...document.querySelectorAll('.tile .bars th a')].find((link) => link.textContent === 'In stock').click()").await;
    browser.until("location.pathname === '/records/demo_car' && document.querySelectorAll('#rows td.title').length === 2").await;
    reporting::renew(&desk.server.app).await.unwrap();
    let sql = "select r.plate, p.name from report_demo_car r join report_party p on p.id = r.borrowed_by order by 1";
    assert_eq!(crate::reporting::rows(&desk.server, sql).await, ["SH-A 200|Jiamei", "SH-A 400|Jiamei", "SH-A 500|Jiamei"]);
}

/// A role reads them, and writes one of their fields: nothing else, through any door.
async fn held_by_a_role(desk: &Desk) {
    let office = Client::office(&desk.server).await;
    let role = "name = \"lender\"\nlabel = { en = \"Lender\", zh = \"出借员\" }\nrights = []\n\
                [[rule]]\nkinds = [\"demo_car\"]\nread = \"all\"\nedit = \"all\"\nreads = [\"main\"]\nwrites = [\"main\"]\nonly_fields = [\"state\"]\n";
    let defined = define(&office, "lender", role).await;
    assert_eq!(defined.status, 201, "{}", defined.text());
    let lender = Client::of_role(&desk.server, "eve", "lender").await;
    let path = format!("/api/v1/demo_car/{}", record(77));
    let set = |field: &str, value: &str| json!([{"op": "set", "field": field, "value": value}]);
    assert_eq!(lender.edit(&path, set("state", "out")).await.status, 200);
    assert_eq!(lender.edit(&path, set("plate", "XX")).await.status, 403);
    assert_eq!(lender.post("/api/v1/demo_car", json!({"fields": {"plate": "XX"}})).await.status, 403);
    assert_eq!(lender.list("party", &[]).await.status, 404, "it reads nothing else");
    let mut phone = Handset::of(&desk.server, UserId::of_cause("eve")).await;
    phone.sync(&desk.server).await;
    assert_eq!(phone.fields(record(77)).unwrap()["state"], "out");
    let refused = phone.device.edit(desk.server.app.clock.now(), "demo_car", record(77), &[FieldEdit::set("plate", "XX")]);
    assert!(refused.is_err(), "the phone knows it without a network");
}

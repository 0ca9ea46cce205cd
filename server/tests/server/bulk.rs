//! Many records edited at once: what was previewed is done, and can be taken back; what is typed into them is read strictly.

use sync_core::record::fields::FieldEdit;

use crate::console::Desk;
use crate::lists::{address, between, has};

#[tokio::test]
async fn many_records_are_edited_after_a_preview_and_taken_back() {
    let mut desk = Desk::new().await;
    let ids: Vec<String> = [
        desk.customer(1, &[FieldEdit::set("name", "One"), FieldEdit::set("industry", "print")]).await,
        desk.customer(2, &[FieldEdit::set("name", "Two"), FieldEdit::set("industry", "retail")]).await,
        desk.customer(3, &[FieldEdit::set("name", "Three")]).await,
    ]
    .map(|id| id.to_string())
    .to_vec();
    let chosen: Vec<(&str, &str)> = ids.iter().map(|id| ("id", &**id)).collect();
    let choose = desk.post("/records/party/bulk", &chosen).await.text();
    has(&choose, &["Edit 3 customers", "<option value=\"industry\">"], &["Is so already"]);
    let value = [("field", "industry"), ("f.industry", "retail")];
    let preview = desk.post("/records/party/bulk", &[&chosen[..], &value, &[("step", "preview")]].concat()).await.text();
    has(&preview, &["2 records will change", "Is so already: 1", "Change 2 records", "print"], &[]);
    let done = desk.post("/records/party/bulk", &[&chosen[..], &value, &[("step", "apply"), ("shown", shown(&preview))]].concat()).await;
    assert_eq!(done.status, 303, "{}", done.text());
    let page = desk.page(done.header("location")).await;
    has(&page, &["2 records were changed.", "Undo"], &[]);
    let undo = between(&page, "<form method=\"post\" action=\"/records/party/bulk/", "\"").replace("&#38;", "&");
    // Somebody changes one of them meanwhile: theirs stays.
    desk.post(&format!("/records/party/{}/fields/industry", ids[2]), &[("f.industry", "trade")]).await;
    let undone = desk.post(&format!("/records/party/bulk/{undo}"), &[]).await;
    let page = desk.page(undone.header("location")).await;
    has(&page, &["Taken back: 1 record", "1 was left as it is", "print", "trade"], &[]);
    let again = desk.post(&format!("/records/party/bulk/{undo}"), &[]).await;
    assert_eq!(again.status, 409, "{}", again.text());
}

/// What the preview of a bulk edit carries.
pub fn shown(preview: &str) -> &str {
    between(preview, "name=\"shown\" value=\"", "\"")
}

#[tokio::test]
async fn what_a_preview_showed_is_done_or_shown_again() {
    let mut desk = Desk::new().await;
    let mut ids = Vec::new();
    for (n, name) in [(1, "One"), (2, "Two"), (3, "Three")] {
        ids.push(desk.customer(n, &[FieldEdit::set("name", name), FieldEdit::set("industry", "print")]).await.to_string());
    }
    let bulk = address("/records/party/bulk", &[("where", r#"[{"type":"equals","attribute":"industry","value":"print"}]"#)]);
    let order = |value: &'static str, step: &'static str| [("all", "true"), ("field", "source"), ("f.source", value), ("step", step)];
    let preview = desk.post(&bulk, &order("canton", "preview")).await.text();
    let apply = async |desk: &Desk, value: &'static str, preview: &str| {
        desk.post(&bulk, &[&order(value, "apply")[..], &[("shown", shown(preview))]].concat()).await
    };

    // Another value than the one that was looked at, or none that was.
    has(&apply(&desk, "web", &preview).await.text(), &["is not what the preview showed", "3 records will change"], &[]);
    has(&desk.post(&bulk, &order("canton", "apply")).await.text(), &["is not what the preview showed"], &[]);
    // One says something else by now, and one is not among them any more.
    desk.post(&format!("/records/party/{}/fields/source", ids[1]), &[("f.source", "friend")]).await;
    desk.post(&format!("/records/party/{}/fields/industry", ids[2]), &[("f.industry", "trade")]).await;
    let again = apply(&desk, "canton", &preview).await;
    let again = again.text();
    has(&again, &["2 records are not what the preview showed any more (Two)", "friend", "2 records will change"], &[]);
    has(&desk.page(&format!("/records/party/{}", ids[0])).await, &[], &["canton"]);
    // What comes to the list after the preview was not shown, and is left alone.
    let late = desk.customer(4, &[FieldEdit::set("name", "Late"), FieldEdit::set("industry", "print")]).await;
    assert_eq!(apply(&desk, "canton", &again).await.status, 303);
    for (id, is_canton) in [(&ids[0], true), (&ids[1], true), (&ids[2], false), (&late.to_string(), false)] {
        assert_eq!(desk.page(&format!("/records/party/{id}")).await.contains("canton"), is_canton, "{id}");
    }
}

#[tokio::test]
async fn an_amount_with_a_comma_that_is_none_of_thousands_is_refused_wherever_it_is_typed() {
    let mut desk = Desk::new().await;
    let id = desk.deal(1, "Lamps", "lead", 1, &[]).await;
    let amount = [("f.amount.amount", "12,50"), ("f.amount.currency", "EUR")];
    let field = desk.post(&format!("/records/deal/{id}/fields/amount"), &amount).await;
    assert_eq!(field.status, 422, "{}", field.text());
    has(&field.text(), &["“12,50” is not an amount", "commas stand between thousands only", "value=\"12,50\""], &[]);
    let ids = id.to_string();
    let bulk = [&[("id", &*ids), ("field", "amount"), ("step", "preview")][..], &amount].concat();
    has(&desk.post("/records/deal/bulk", &bulk).await.text(), &["“12,50” is not an amount"], &["will change"]);
    let filter = address("/records/deal/filter", &[("attribute", "amount.amount"), ("op", "greaterThan"), ("v", "12,50")]);
    has(&desk.get(&filter).await.text(), &["“12,50” is not an amount"], &[]);
}

#[tokio::test]
async fn all_that_a_list_finds_is_edited_at_once() {
    let mut desk = Desk::new().await;
    for n in 1..=60 {
        let industry = if n <= 55 { "print" } else { "retail" };
        desk.customer(n, &[FieldEdit::set("name", format!("C{n:02}")), FieldEdit::set("industry", industry)]).await;
    }
    let filter = r#"[{"type":"equals","attribute":"industry","value":"print"}]"#;
    let bulk = address("/records/party/bulk", &[("where", filter)]);
    let order = [("all", "true"), ("field", "tags"), ("f.tags", "paper, ink")];
    let preview = desk.post(&bulk, &[&order[..], &[("step", "preview")]].concat()).await.text();
    has(&preview, &["55 records will change", "and 5 more"], &[]);
    assert_eq!(desk.post(&bulk, &[&order[..], &[("step", "apply"), ("shown", shown(&preview))]].concat()).await.status, 303);
    let tagged = address("/records/party", &[("where", r#"[{"type":"arrayAllOf","attribute":"tags","value":["ink","paper"]}]"#)]);
    has(&desk.page(&tagged).await, &["55 records"], &[]);
}

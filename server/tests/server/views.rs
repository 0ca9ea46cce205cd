//! Saved views that several people look at.

use serde_json::{Value, json};
use sync_core::id::RecordId;
use sync_core::protocol::Verdict;
use sync_core::record::fields::FieldEdit;

use crate::api::{Client, Phone};
use crate::console::Desk;
use crate::harness::START;
use crate::lists::has;

#[tokio::test]
async fn whoever_likes_a_view_of_somebody_else_pins_it_for_themselves() {
    let mut desk = Desk::new().await;
    Client::of_role(&desk.server, "rep", "rep").await;
    let saved = desk.post("/records/party/views?sort=name", &[("act", "save"), ("name", "By name"), ("everyone", "true")]).await;
    let view = saved.header("location").to_owned();
    let act = view.replacen("/records/party?", "/records/party/views?", 1);
    let (_, rep) = desk.server.browser_sign_in_as("rep").await;
    let ann = std::mem::replace(&mut desk.cookie, rep);
    has(&desk.page(&view).await, &["value=\"pin\""], &["value=\"unpin\"", "value=\"remove\""]);
    let pinned = desk.post(&act, &[("act", "pin")]).await;
    assert_eq!(pinned.status, 303, "{}", pinned.text());
    has(&desk.page(&view).await, &["value=\"unpin\""], &["value=\"pin\""]);
    for not_theirs in [[("act", "remove"), ("name", "")], [("act", "save"), ("over", "true")]] {
        assert_eq!(desk.post(&act, &not_theirs).await.status, 403, "the view itself is still its owner's");
    }
    assert_eq!(desk.post(&act, &[("act", "unpin")]).await.status, 303);
    desk.cookie = ann;
    has(&desk.page(&view).await, &["value=\"unpin\""], &["value=\"pin\""]);
}

#[tokio::test]
async fn a_view_that_asks_what_nobody_can_answer_is_refused_through_every_door() {
    let desk = Desk::new().await;
    let ann = Client::office(&desk.server).await;
    let view = |more: Value| {
        let mut fields = json!({"name": "V", "about": "party", "purpose": "list"});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "fields": fields })
    };
    let unknown = r#"[{"type":"equals","attribute":"nosuch","value":1}]"#;
    let cases = [
        (json!({"about": "nope"}), "about"),
        (json!({"filter": "not json"}), "filter"),
        (json!({ "filter": unknown }), "filter"),
        (json!({"sort": "nosuch"}), "sort"),
        (json!({"columns": [{"field": "nosuch"}]}), "columns"),
        (json!({"group": "nosuch"}), "group"),
        (json!({"measure": "sum:nosuch"}), "measure"),
        (json!({"measure": "share:name"}), "measure"),
        (json!({"layout": "map"}), "layout"),
    ];
    for (more, field) in cases {
        let answer = ann.post("/api/v1/view", view(more.clone())).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["field"]), (422, &json!(field)), "{more}: {}", answer.text());
    }
    let mine = r#"[{"type":"linkedWith","attribute":"owner","value":"@me"}]"#;
    let fine = json!({"filter": mine, "sort": "-createdAt", "columns": [{"field": "name"}, {"field": "updatedAt"}], "measure": "count"});
    ann.make("view", view(fine)["fields"].clone()).await;
    let mut phone = Phone::of(&desk.server, desk.server.ann, "office", 7).await;
    let edits = [FieldEdit::set("name", "V"), FieldEdit::set("about", "nope")];
    let pushed = phone.write("view", RecordId::of_cause("a phone's"), START, &edits);
    let verdict = phone.push(&desk.server, &pushed).await;
    assert!(matches!(&verdict, Verdict::Rejected { field: Some(field), .. } if field == "about"), "{verdict:?}");
    let form = desk.page("/records/view/new").await;
    has(&form, &["value=\"calendar\""], &["value=\"map\""]);
}

#[tokio::test]
async fn a_view_of_a_field_that_was_taken_away_can_still_be_renamed_and_a_map_is_a_list() {
    let desk = Desk::new().await;
    let ann = Client::office(&desk.server).await;
    let mut phone = Phone::of(&desk.server, desk.server.ann, "office", 7).await;
    // An older app still offers maps.
    let (id, about) = (RecordId::of_cause("a map"), FieldEdit::set("about", "party"));
    let edits = [FieldEdit::set("name", "Map"), about, FieldEdit::set("layout", "map"), FieldEdit::set("everyone", true)];
    let pushed = phone.write("view", id, START, &edits);
    assert!(matches!(phone.push(&desk.server, &pushed).await, Verdict::Accepted { .. }));
    has(&desk.page(&format!("/records/party?view={id}")).await, &["aria-current=\"true\">Table"], &[]);
    has(&desk.page(&format!("/records/view/{id}?edit=layout")).await, &["value=\"map\" selected"], &[]);
    assert_eq!(ann.edit(&format!("/api/v1/view/{id}"), json!([{"op": "set", "field": "name", "value": "Old map"}])).await.status, 200);
    // The industry is hidden, and views by it stay what they were.
    let sorted = ann.make("view", json!({"name": "By industry", "about": "party", "sort": "industry"})).await;
    let schema = sync_core::schema::Schema::builtin();
    let mut party = sync_core::schema::Kind::clone(schema.kind("party").unwrap());
    party.fields.iter_mut().find(|field| &*field.name == "industry").unwrap().hidden = true;
    party.list.retain(|name| &**name != "industry");
    party.search.retain(|name| &**name != "industry");
    ann.make("kind", json!({"name": "party", "definition": party.to_toml()})).await;
    assert_eq!(ann.edit(&sorted, json!([{"op": "set", "field": "name", "value": "As before"}])).await.status, 200);
}

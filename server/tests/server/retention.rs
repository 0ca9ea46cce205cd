//! Records that may not be kept any longer.

use rapport_server::jobs::retention::{self, Which};
use serde_json::{Value, json};

use crate::api::Client;
use crate::console::Desk;
use crate::harness::{MINUTE, Server};

const DAY: i64 = 24 * 60 * MINUTE;

async fn rule(ann: &Client<'_>, name: &str, about: &str, condition: Value) -> String {
    ann.make("rule", json!({"name": name, "purpose": "retention", "about": about, "condition": condition.to_string(), "enabled": true}))
        .await
}

#[tokio::test]
async fn what_is_due_is_shown_first_and_then_erased_with_a_proof() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let old = ann.make("party", json!({"name": "long gone"})).await;
    let touched = ann.make("party", json!({"name": "came back"})).await;
    let kept = ann.make("party", json!({"name": "customer", "roles": ["customer"]})).await;
    ann.make("deal", json!({"title": "of another kind"})).await;
    let condition = json!([
        {"type": "olderThanXDays", "attribute": "updatedAt", "value": 730},
        {"type": "arrayNoneOf", "attribute": "roles", "value": ["customer"]},
    ]);
    let rule = rule(&ann, "prospects after two years", "party", condition).await;
    server.clock.forward(700 * DAY);
    let ann = Client::office(&server).await;
    ann.edit(&touched, json!([{"op": "set", "field": "industry", "value": "print"}])).await;
    let caller = retention::on_behalf(&server.app, server.workspace, None).await.unwrap();
    let due = retention::due(&server.app, &caller).await.unwrap();
    assert_eq!(due[0].records.as_ref().unwrap(), &[], "not yet");
    server.clock.forward(40 * DAY);
    let due = retention::due(&server.app, &caller).await.unwrap();
    let titles: Vec<&str> = due[0].records.as_ref().unwrap().iter().map(|(_, title)| title.as_str()).collect();
    assert_eq!((due.len(), titles), (1, vec!["long gone"]));
    let ann = Client::office(&server).await;
    assert_eq!(ann.get(&old).await.status, 200, "looking erases nothing");
    let gone = retention::erase(&server.app, &caller, Which::All).await.unwrap();
    assert_eq!(gone.len(), 1);
    assert!(old.ends_with(&gone[0].record.to_string()) && rule.ends_with(&gone[0].rule.to_string()));
    assert!(gone[0].proof.removed.changes > 0);
    assert_eq!(
        (ann.get(&old).await.status.as_u16(), ann.get(&touched).await.status.as_u16(), ann.get(&kept).await.status.as_u16()),
        (404, 200, 200)
    );
    assert!(ann.get("/api/v1/privacy").await.text().contains(&gone[0].record.to_string()), "it stands among what was erased");
    let mut tx = server.app.store.reader().await.unwrap();
    let log = rapport_server::store::trail::before(&mut tx, server.workspace, u64::MAX, Some("retention_run"), 10).await.unwrap();
    assert_eq!((log.len(), log[0].detail.as_str()), (1, "{\"records\":1}"));
    drop(tx);
    assert!(retention::erase(&server.app, &caller, Which::All).await.unwrap().is_empty(), "once");
}

#[tokio::test]
async fn a_rule_that_cannot_be_followed_or_is_switched_off_erases_nothing() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let customer = ann.make("party", json!({"name": "still here"})).await;
    let age = r#"[{"type": "olderThanXDays", "attribute": "updatedAt", "value": 1}]"#;
    let stray = json!({"name": "no such kind", "purpose": "retention", "about": "nothing", "condition": age, "enabled": true});
    let refused = ann.post("/api/v1/rule", json!({ "fields": stray })).await;
    assert!(refused.status == 422 && refused.text().contains("nothing"), "{}", refused.text());
    rule(&ann, "no such field", "party", json!([{"type": "olderThanXDays", "attribute": "shoe_size", "value": 1}])).await;
    let off = rule(&ann, "off", "party", json!([{"type": "olderThanXDays", "attribute": "updatedAt", "value": 1}])).await;
    ann.edit(&off, json!([{"op": "set", "field": "enabled", "value": false}])).await;
    server.clock.forward(10 * DAY);
    let caller = retention::on_behalf(&server.app, server.workspace, Some("ann")).await.unwrap();
    let due = retention::due(&server.app, &caller).await.unwrap();
    assert_eq!(due.len(), 1);
    // Ten days are longer than a session.
    let ann = Client::office(&server).await;
    assert!(due.iter().all(|one| one.records.is_err()), "{due:?}");
    assert!(retention::erase(&server.app, &caller, Which::All).await.unwrap().is_empty());
    assert_eq!(ann.get(&customer).await.status, 200);
    assert!(retention::on_behalf(&server.app, server.workspace, Some("nobody")).await.is_err());
}

/// A customer that is due, and the rule.
async fn due(desk: &Desk) -> (String, String) {
    let ann = Client::office(&desk.server).await;
    let old = ann.make("party", json!({"name": "long gone"})).await;
    let rule = rule(&ann, "after two years", "party", json!([{"type": "olderThanXDays", "attribute": "updatedAt", "value": 730}])).await;
    (old, rule.rsplit('/').next().unwrap().to_owned())
}

async fn status(server: &Server, path: &str) -> u16 {
    Client::office(server).await.get(path).await.status.as_u16()
}

#[tokio::test]
async fn the_page_shows_what_would_be_erased_and_erases_what_was_looked_at() {
    let mut desk = Desk::new().await;
    let (old, rule) = due(&desk).await;
    assert!(desk.get("/retention").await.text().contains("nothing"), "not yet");
    desk.server.clock.forward(800 * DAY);
    desk.cookie = desk.server.browser_sign_in(&[]).await.1;
    let page = desk.get("/retention").await.text();
    assert!(page.contains("1 record") && page.contains("long gone") && page.contains("Erase 1 record for good"), "{page}");
    let address = format!("/retention/{rule}");
    let unsure = desk.post(&address, &[("seen", &seen(&page))]).await;
    assert_eq!((unsure.status.as_u16(), status(&desk.server, &old).await), (422, 200), "{}", unsure.text());
    let other = desk.post(&address, &[("seen", "something else"), ("sure", "true")]).await;
    assert_eq!((other.status.as_u16(), status(&desk.server, &old).await), (409, 200));
    assert!(other.text().contains("Look again"), "{}", other.text());
    // As many records, but by another condition than was looked at.
    let ann = Client::office(&desk.server).await;
    let older = r#"[{"type": "olderThanXDays", "attribute": "createdAt", "value": 700}]"#;
    ann.edit(&format!("/api/v1/rule/{rule}"), json!([{"op": "set", "field": "condition", "value": older}])).await;
    let changed = desk.post(&address, &[("seen", &seen(&page)), ("sure", "true")]).await;
    assert_eq!((changed.status.as_u16(), status(&desk.server, &old).await), (409, 200));
    let page = desk.get("/retention").await.text();
    let done = desk.post(&address, &[("seen", &seen(&page)), ("sure", "true")]).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/retention?done=erased&count=1"), "{}", done.text());
    assert_eq!(status(&desk.server, &old).await, 404);
    assert!(desk.get("/audit?act=retention_run").await.text().contains("Retention rule carried out"));
    desk.post("/language", &[("language", "zh-CN")]).await;
    let page = desk.get("/retention?done=erased&count=1").await.text();
    assert!(page.contains("到期清除") && page.contains("已清除 1 条记录") && !page.contains("Due now"), "{page}");
    assert_eq!(desk.post("/retention/nothing", &[("seen", "nothing"), ("sure", "true")]).await.status, 404);
}

/// What the form on the page stands for.
fn seen(page: &str) -> String {
    page.split("name=\"seen\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a form").to_owned()
}

#[tokio::test]
async fn a_rule_that_is_wrong_says_so_on_the_page_in_the_readers_language() {
    let desk = Desk::new().await;
    let ann = Client::office(&desk.server).await;
    let age = json!([{"type": "olderThanXDays", "attribute": "shoe_size", "value": 730}]);
    rule(&ann, "no such field", "party", age).await;
    let english = desk.get("/retention").await.text();
    desk.post("/language", &[("language", "zh-CN")]).await;
    let chinese = desk.get("/retention").await.text();
    assert!(english.contains("This rule erases nothing") && chinese.contains("此规则不清除任何内容"), "{english}{chinese}");
}

#[tokio::test]
async fn a_rule_that_does_not_say_how_old_is_not_switched_on() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let rule = |condition: Value| json!({"name": "x", "purpose": "retention", "about": "party", "condition": condition, "enabled": true});
    for condition in [Value::Null, json!(""), json!("[]"), json!(r#"[{"type": "isTrue", "attribute": "archived"}]"#)] {
        let refused = ann.post("/api/v1/rule", json!({"fields": rule(condition)})).await;
        assert!(refused.status == 422 && refused.text().contains("does not say how old"), "{}", refused.text());
    }
    // A draft may be kept; it is switched on once it says so.
    let draft = ann.make("rule", json!({"name": "x", "purpose": "retention", "about": "party"})).await;
    let on = json!({"op": "set", "field": "enabled", "value": true});
    let refused = ann.edit(&draft, json!([on])).await;
    assert!(refused.status == 422 && refused.text().contains("does not say how old"), "{}", refused.text());
    let age = r#"[{"type": "olderThanXDays", "attribute": "updatedAt", "value": 730}]"#;
    assert_eq!(ann.edit(&draft, json!([{"op": "set", "field": "condition", "value": age}, on])).await.status, 200);
}

#[tokio::test]
async fn where_it_is_switched_on_a_new_day_erases_what_is_due() {
    let mut desk = Desk::new().await;
    let (old, _) = due(&desk).await;
    desk.server.clock.forward(800 * DAY);
    desk.cookie = desk.server.browser_sign_in(&[]).await.1;
    assert_eq!(retention::round(&desk.server.app).await.unwrap(), 0, "nobody has asked for it");
    let on = desk.post("/retention/daily", &[("step", "on")]).await;
    assert_eq!(on.header("location"), "/retention?done=on", "{}", on.text());
    assert!(desk.get("/retention").await.text().contains("Switched on by ann"));
    assert_eq!((retention::round(&desk.server.app).await.unwrap(), status(&desk.server, &old).await), (0, 200), "not before tomorrow");
    desk.server.clock.forward(DAY);
    assert_eq!((retention::round(&desk.server.app).await.unwrap(), status(&desk.server, &old).await), (1, 404));
    assert_eq!(retention::round(&desk.server.app).await.unwrap(), 0, "once a day");
    let mut tx = desk.server.app.store.reader().await.unwrap();
    let log = rapport_server::store::trail::before(&mut tx, desk.server.workspace, u64::MAX, None, 10).await.unwrap();
    let told: Vec<(&str, &str)> = log.iter().map(|entry| (&*entry.act, &*entry.detail)).filter(|(act, _)| act.starts_with("ret")).collect();
    assert_eq!(told, [("retention_run", "{\"daily\":true,\"records\":1}"), ("retention_switched", "{\"on\":true}")]);
    assert_eq!(log.iter().find(|entry| entry.act == "retention_run").unwrap().user, Some(desk.server.ann));
}

#[tokio::test]
async fn nothing_is_erased_on_behalf_of_whoever_may_not_any_more() {
    let desk = Desk::new().await;
    let (old, _) = due(&desk).await;
    desk.post("/retention/daily", &[("step", "on")]).await;
    desk.server.clock.forward(800 * DAY);
    let mut tx = desk.server.app.store.begin().await.unwrap();
    rapport_server::store::people::set_disabled(&mut tx, desk.server.workspace, desk.server.ann, Some(1)).await.unwrap();
    tx.commit().await.unwrap();
    let refused = retention::round(&desk.server.app).await.unwrap_err();
    assert!(refused.to_string().contains("switch it on again"), "{refused}");
    let bo = desk.server.browser_sign_in_as("bo").await.1;
    let answer =
        desk.server.get(old.strip_prefix("/api/v1").map(|path| format!("/records{path}")).unwrap().as_str(), &[("cookie", &bo)]).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_rule_that_would_erase_colleagues_roles_or_kinds_is_refused_when_it_is_saved() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let rule = |about: &str| {
        let condition = r#"[{"type": "olderThanXDays", "attribute": "updatedAt", "value": 30}]"#;
        json!({"name": about, "purpose": "retention", "about": about, "condition": condition})
    };
    for (about, word) in [("member", "shut them out under User accounts"), ("role", "archive the role"), ("kind", "archive the kind")] {
        let refused = ann.post("/api/v1/rule", json!({"fields": rule(about)})).await;
        assert!(refused.status == 422 && refused.text().contains(word), "{about}: {}", refused.text());
    }
    let fine = ann.make("rule", rule("party")).await;
    let turned = ann.edit(&fine, json!([{"op": "set", "field": "about", "value": "role"}])).await;
    assert!(turned.status == 422 && turned.text().contains("archive the role"), "{}", turned.text());
}

#[tokio::test]
async fn a_rule_is_made_and_changed_without_writing_names_of_kinds_or_json() {
    let desk = Desk::new().await;
    let form = [("f.name", "Old prospects"), ("f.purpose", "retention"), ("f.enabled", "true"), ("f.condition.form", "")];
    let new = desk.get("/records/rule/new").await.text();
    assert!(
        new.contains("<select name=\"f.about\"") && new.contains("<option value=\"party\">") && new.contains("Choose the kind first"),
        "{new}"
    );
    let post = async |rows: &[(&str, &str)]| desk.post("/records/rule", &[&form[..], rows].concat()).await;
    let about = [("f.about", "party"), ("step", "ask")];
    let fields = post(&about).await;
    let text = fields.text();
    assert!(fields.status == 200 && text.contains("value=\"updatedAt\"") && text.contains("value=\"Old prospects\""), "{text}");
    let line = [("f.about", "party"), ("f.condition.0.attribute", "industry"), ("f.condition.0.was", "industry")];
    let young = [("f.condition.0.op", "equals"), ("f.condition.0.v", "print")];
    let refused = post(&[&line[..], &young[..]].concat()).await;
    assert!(refused.status == 422 && refused.text().contains("does not say how old"), "{}", refused.text());
    assert!(refused.text().contains("name=\"f.condition.0.v\""), "nothing typed is lost: {}", refused.text());
    let old = [("f.about", "party"), ("f.condition.0.attribute", "updatedAt"), ("f.condition.0.was", "updatedAt")];
    let age = [("f.condition.0.op", "olderThanXDays"), ("f.condition.0.v", "730")];
    let made = post(&[&old[..], &age[..]].concat()).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let rule = made.header("location").split(['?', '#']).next().unwrap().to_owned();

    let page = desk.get(&format!("{rule}?edit=condition")).await.text();
    assert!(page.contains("name=\"f.condition.0.v\"") && page.contains("value=\"730\""), "{page}");
    let change = async |days: &str, step: &str| {
        let rows = [&old[1..], &age[..1], &[("f.condition.form", ""), ("f.condition.0.v", days), ("step", step)]].concat();
        desk.post(&format!("{rule}/fields/condition"), &rows).await
    };
    assert_eq!(change("365", "ask").await.status, 200);
    let wrong = change("soon", "").await;
    assert!(wrong.status == 422 && wrong.text().contains("Type a number of days") && wrong.text().contains("soon"), "{}", wrong.text());
    assert_eq!(change("365", "").await.status, 303);
    let kept = Client::office(&desk.server).await.get(&format!("/api/v1{}", rule.replace("/records", ""))).await.text();
    assert!(kept.contains("olderThanXDays") && kept.contains("365"), "{kept}");
}

#[tokio::test]
async fn what_was_merged_into_another_record_goes_with_that_one_and_stops_no_rule() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let (duplicate, survivor) = (ann.make("party", json!({"name": "a"})).await, ann.make("party", json!({"name": "b"})).await);
    let old = ann.make("party", json!({"name": "z"})).await;
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    assert_eq!(ann.post(&format!("{survivor}/merge"), json!({"duplicate": id(&duplicate)})).await.status, 200);
    rule(&ann, "after two years", "party", json!([{"type": "olderThanXDays", "attribute": "updatedAt", "value": 730}])).await;
    server.clock.forward(700 * DAY);
    let ann = Client::office(&server).await;
    ann.edit(&survivor, json!([{"op": "set", "field": "industry", "value": "print"}])).await;
    server.clock.forward(40 * DAY);
    let caller = retention::on_behalf(&server.app, server.workspace, None).await.unwrap();
    let due = retention::due(&server.app, &caller).await.unwrap();
    let titles: Vec<&str> = due[0].records.as_ref().unwrap().iter().map(|(_, title)| title.as_str()).collect();
    assert_eq!(titles, ["z"]);
    let gone = retention::erase(&server.app, &caller, Which::All).await.unwrap();
    assert_eq!(gone.iter().map(|gone| gone.record.to_string()).collect::<Vec<_>>(), [id(&old)]);
    let ann = Client::office(&server).await;
    assert_eq!(ann.get(&duplicate).await.status, 200, "it is the customer that came back");
}

//! What a change of a kind or a role would do to what people see and phones hold, told before it is made.

use serde_json::{Value, json};
use sync_core::id::UserId;

use crate::api::Client;
use crate::console::Desk;
use crate::harness::START;
use crate::pen::Phone;
use crate::roles::{OWN_ONLY, define};

/// Leases, whose they are by one of two fields; and clauses, which are whoever's the lease is.
fn lease(owner: &str) -> String {
    let label = "{ en = \"Lease\", zh = \"租约\" }";
    let member = |name: &str| format!("[[field]]\nname = \"{name}\"\nlabel = {label}\ntype = \"link\"\nto = [\"member\"]\n");
    format!(
        "name = \"lease\"\nlabel = {label}\nplural = {label}\ntitle = \"name\"\nlist = [\"name\"]\nowner = \"{owner}\"\n\
         [[field]]\nname = \"name\"\nlabel = {label}\n{}{}",
        member("seller"),
        member("keeper")
    )
}

fn clause() -> String {
    let label = "{ en = \"Clause\", zh = \"条款\" }";
    format!(
        "name = \"clause\"\nlabel = {label}\nplural = {label}\ntitle = \"name\"\nlist = [\"name\"]\nsharing = {{ follows = \"lease\" }}\n\
         [[field]]\nname = \"name\"\nlabel = {label}\n[[field]]\nname = \"lease\"\nlabel = {label}\ntype = \"link\"\nto = [\"lease\"]\n"
    )
}

/// Three leases that cai sold and dan keeps, two that dan sold, a clause of each; both see only their own, and have a phone.
async fn house(desk: &Desk) -> [Client<'_>; 3] {
    let server = &desk.server;
    let office = Client::office(server).await;
    assert_eq!(define(&office, "rep", OWN_ONLY).await.status, 201);
    let people = [Client::of_role(server, "cai", "rep").await, Client::of_role(server, "dan", "rep").await];
    for login in ["cai", "dan"] {
        Phone::of(&server.app, server.workspace, UserId::of_cause(login), "rep", &format!("{login}'s phone"), START).await;
    }
    for (name, definition) in [("lease", lease("seller")), ("clause", clause())] {
        office.make("kind", json!({"name": name, "definition": definition})).await;
    }
    for n in 0..5 {
        let (seller, keeper) = (UserId::of_cause(["cai", "dan"][n % 2]), UserId::of_cause("dan"));
        let path = office.make("lease", json!({"name": format!("Shop {n}"), "seller": seller, "keeper": keeper})).await;
        office.make("clause", json!({"name": format!("Clause {n}"), "lease": path.rsplit('/').next().unwrap()})).await;
    }
    let [cai, dan] = people;
    [office, cai, dan]
}

async fn seen(client: &Client<'_>) -> (u64, u64) {
    let count = async |kind: &str| client.list(kind, &[("total", "true")]).await.json()["total"].as_u64().unwrap();
    (count("lease").await, count("clause").await)
}

#[tokio::test]
async fn a_kind_that_gives_its_records_to_others_says_first_who_loses_them_with_all_that_follows_them() {
    let desk = Desk::new().await;
    let [office, cai, dan] = house(&desk).await;
    assert_eq!((seen(&cai).await, seen(&dan).await), ((3, 3), (2, 2)));
    let asked = office.post("/api/v1/kind/preview", json!({"definition": lease("keeper")})).await;
    assert_eq!(asked.status, 200, "{}", asked.text());
    let told = asked.json();
    let moved = |gone: u64, come: u64| json!({"gone": gone, "less": 0, "more": 0, "come": come});
    assert_eq!(told["phones"], moved(1, 1), "{told}");
    let kinds: Vec<(&Value, &Value, &Value)> =
        told["kinds"].as_array().unwrap().iter().map(|kind| (&kind["kind"], &kind["gone"], &kind["come"])).collect();
    assert_eq!(kinds, [(&json!("clause"), &json!(3), &json!(3)), (&json!("lease"), &json!(3), &json!(3))]);
    let people: Vec<(&Value, &Value, &Value)> =
        told["people"].as_array().unwrap().iter().map(|one| (&one["name"], &one["gone"], &one["come"])).collect();
    assert_eq!(people, [(&json!("cai"), &json!(6), &json!(0)), (&json!("dan"), &json!(0), &json!(6))]);
    let text = lease("keeper");
    let first = desk.post("/kinds/lease", &[("step", "text"), ("text", &text)]).await;
    let page = first.text();
    assert!(first.status == 200 && page.contains("Look at what it would do, and save again."), "{page}");
    assert!(page.contains("This would remove 6 records from 1 phone.") && page.contains("6 records would come to 1 phone."), "{page}");
    assert_eq!((seen(&cai).await, seen(&dan).await), ((3, 3), (2, 2)), "nothing was done yet");
    let looked_at = page.split("name=\"looked_at\" value=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#34;", "\"");
    let saved = desk.post("/kinds/lease", &[("step", "text"), ("text", &text), ("looked_at", &looked_at)]).await;
    assert_eq!(saved.header("location"), "/kinds/lease?done=saved", "{}", saved.text());
    desk.server.owes_nothing().await;
    assert_eq!((seen(&cai).await, seen(&dan).await), ((0, 0), (5, 5)), "as it was told");
}

#[tokio::test]
async fn a_kind_that_says_the_same_of_whose_its_records_are_is_saved_at_once() {
    let desk = Desk::new().await;
    house(&desk).await;
    let text = lease("seller").replace("en = \"Lease\"", "en = \"Rent\"");
    let saved = desk.post("/kinds/lease", &[("step", "text"), ("text", &text)]).await;
    assert_eq!(saved.header("location"), "/kinds/lease?done=saved", "{}", saved.text());
}

#[tokio::test]
async fn a_kind_that_becomes_everyones_says_to_whom_it_comes() {
    let desk = Desk::new().await;
    let [office, ..] = house(&desk).await;
    let text = lease("seller").replace("owner = \"seller\"", "owner = \"seller\"\nsharing = { everyone = true }");
    let told = office.post("/api/v1/kind/preview", json!({"definition": text})).await.json();
    let of = |at: usize| (&told["people"][at]["name"], &told["people"][at]["come"], &told["people"][at]["gone"]);
    assert_eq!((of(0), of(1)), ((&json!("cai"), &json!(2), &json!(0)), (&json!("dan"), &json!(3), &json!(0))), "{told}");
}

#[tokio::test]
async fn programs_of_those_who_administer_ask_what_a_role_would_do_and_write_nothing() {
    let desk = Desk::new().await;
    let [office, cai, _] = house(&desk).await;
    let nothing = OWN_ONLY.replace("[\"*\"]", "[\"party\"]");
    let told = office.post("/api/v1/role/preview", json!({"definition": nothing})).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let told = told.json();
    assert_eq!((&told["phones"]["gone"], &told["people"][0]["name"], &told["people"][0]["gone"]), (&json!(2), &json!("cai"), &json!(6)));
    let back = office.post("/api/v1/role/preview", json!({"without": "rep"})).await.json();
    assert_eq!((&back["people"][0]["come"], &back["phones"]["come"]), (&json!(4), &json!(2)), "what is built in sees all: {back}");
    assert!(back["deeds"].as_array().unwrap().iter().any(|deed| deed["won"] == json!(["cai", "dan"])), "{back}");
    assert_eq!(seen(&cai).await, (3, 3));
    let unreadable = office.post("/api/v1/role/preview", json!({"definition": nothing.replace("read", "raed")})).await;
    assert_eq!((unreadable.status.as_u16(), unreadable.json()["field"].as_str()), (422, Some("definition")), "{}", unreadable.text());
    assert_eq!(office.post("/api/v1/role/preview", json!({})).await.status, 422);
    assert_eq!(office.post("/api/v1/role/preview", json!({"without": "nobody"})).await.status, 404);
    for (path, body) in [("role", json!({"without": "rep"})), ("kind", json!({"definition": lease("keeper")}))] {
        assert_eq!(cai.post(&format!("/api/v1/{path}/preview"), body).await.status, 403, "{path}");
    }
}

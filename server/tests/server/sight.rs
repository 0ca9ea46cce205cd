//! Who sees which record, through every door that reads.

use reqwest::Method;
use serde_json::json;
use sync_core::id::{RecordId, UserId};
use sync_core::protocol::{Subscription, Verdict, code};
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::handset::Handset;
use crate::harness::{MINUTE, START, Server};
use crate::privacy::differences;
use crate::reviews::{call, colleague, token_of};

/// Stands in everything that is out of sight.
const CANARY: &str = "canary-of-a-customer";

/// What the office has: a customer of nobody whom an agent reaches, with all that can follow one.
async fn hidden(office: &Client<'_>) -> Vec<String> {
    let party = office.make("party", json!({"name": CANARY, "phones": [], "industry": CANARY})).await;
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let mut made = vec![party.clone()];
    made.push(office.make("deal", json!({"title": format!("{CANARY} deal"), "party": id(&party), "stage": "won"})).await);
    made.push(office.make("offer", json!({"title": format!("{CANARY} offer"), "party": id(&party), "form": "quote"})).await);
    made.push(office.make("activity", json!({"subject": format!("{CANARY} call"), "about": [id(&party)]})).await);
    made.push(office.make("case", json!({"subject": format!("{CANARY} case"), "party": id(&party)})).await);
    office.edit(&party, json!([{"op": "set", "field": "industry", "value": format!("{CANARY} again")}])).await;
    made
}

#[tokio::test]
async fn what_is_out_of_sight_is_in_no_total_nor_in_what_is_worked_out_of_it() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let agent = Client::of_role(&server, "cy", "agent").await;
    let made = hidden(&office).await;
    for kind in ["party", "deal", "offer", "activity", "case"] {
        let (list, figures) = (format!("/api/v1/{kind}?total=true&archived=any"), format!("/api/v1/{kind}/figures?by=createdAt&step=year"));
        assert!(office.get(&list).await.json()["total"] != json!(0), "{kind}");
        assert_eq!(agent.get(&list).await.json()["total"], json!(0), "{kind}");
        assert_ne!(office.get(&figures).await.json()["figures"], json!([]), "{kind}");
        assert_eq!(agent.get(&figures).await.json()["figures"], json!([]), "{kind}");
    }
    for path in &made {
        assert_eq!((office.get(path).await.status.as_u16(), agent.get(path).await.status.as_u16()), (200, 404), "{path}");
    }
}

#[tokio::test]
async fn what_is_out_of_sight_points_at_nothing() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let agent = Client::of_role(&server, "cy", "agent").await;
    let product = office.make("product", json!({"name": "Lamp"})).await;
    let id = product.rsplit('/').next().unwrap();
    office.make("activity", json!({"subject": CANARY, "about": [id], "status": "planned"})).await;
    let asked = [
        r#"[{"type":"any","attribute":"activity:about"}]"#,
        r#"[{"type":"equals","attribute":"activity:about.status","value":"planned"}]"#,
        r#"[{"type":"not","value":[{"type":"atMost","attribute":"activity:about","count":0}]}]"#,
    ];
    for filter in asked {
        let address = format!("/api/v1/product?total=true&{}", crate::console::encoded(&[("where", filter)]));
        assert_eq!(office.get(&address).await.json()["total"], json!(1), "{filter}");
        assert_eq!(agent.get(&address).await.json()["total"], json!(0), "{filter}");
    }
    // What may not be read there may not be asked about, either.
    let costly = r#"[{"type":"any","attribute":"party:parent","value":[{"type":"isNotNull","attribute":"credit_limit.amount"}]}]"#;
    let address = format!("/api/v1/party?{}", crate::console::encoded(&[("where", costly)]));
    assert_eq!((office.get(&address).await.status.as_u16(), agent.get(&address).await.status.as_u16()), (200, 403));
}

#[tokio::test]
async fn a_record_out_of_sight_takes_no_write_through_the_api() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let agent = Client::of_role(&server, "cy", "agent").await;
    let made = hidden(&office).await;
    let set = json!([{"op": "set", "field": "industry", "value": "taken"}]);
    assert!([403, 404].contains(&agent.edit(&made[0], set).await.status.as_u16()));
    assert!([403, 404].contains(&agent.post(&format!("{}/archive", made[0]), json!({})).await.status.as_u16()));
    assert!(!office.get(&made[0]).await.text().contains("taken"));
}

#[tokio::test]
async fn why_somebody_sees_a_record_is_explained() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let agent = Client::of_role(&server, "cy", "agent").await;
    let made = hidden(&office).await;
    let cy = sync_core::id::UserId::of_cause("cy");
    let why = office.get(&format!("{}/explain?user={cy}", made[1])).await.json();
    assert_eq!((&why["sees"], &why["level"], &why["needs"]), (&json!(false), &json!("own"), &json!("all")));
    assert_eq!(why["reason"]["en"], "It is not theirs, and the role sees only its own.");
    // The customer is handed over: the deal follows it.
    office.edit(&made[0], json!([{"op": "set", "field": "owner", "value": cy}])).await;
    let why = office.get(&format!("{}/explain?user={cy}", made[1])).await.json();
    assert_eq!((&why["sees"], &why["needs"], &why["facets"]), (&json!(true), &json!("own"), &json!(["main"])));
    assert!(why["holders"].as_array().unwrap().iter().any(|held| held["own"] == false && held["reached"] == "own"), "{why}");
    assert_eq!(agent.get(&made[1]).await.status, 200);
    let own = agent.get(&format!("{}/explain", made[1])).await.json();
    assert_eq!(own["sees"], true);
    // Of others only the office asks.
    assert_eq!(agent.get(&format!("{}/explain?user={}", made[1], server.ann)).await.status, 404);
    assert_eq!(agent.get(&format!("{}/explain?user=nobody", made[1])).await.status, 422);
}

#[tokio::test]
async fn a_phone_that_wants_what_is_recent_of_one_kind_gets_everything_of_another() {
    let server = Server::start().await;
    let id = |path: String| path.rsplit('/').next().unwrap().parse::<RecordId>().unwrap();
    let office = Client::office(&server).await;
    let quiet = office.make("party", json!({"name": "佳美"})).await;
    let (quiet_id, deal) = (id(quiet.clone()), id(office.make("deal", json!({"title": "Lamps"})).await));
    server.clock.forward(60 * 24 * 60 * MINUTE);
    let office = Client::office(&server).await;
    let new = id(office.make("party", json!({"name": "明月"})).await);

    colleague(&server, "boss", "manager").await;
    let mut phone = Handset::of(&server, UserId::of_cause("boss")).await;
    let of = |kind: &str, days| Subscription { kinds: vec![kind.parse().unwrap()], days, ..Subscription::everything() };
    assert!(phone.device.subscribe(&of("party", Some(30))).unwrap() && phone.device.subscribe(&of("deal", None)).unwrap());
    assert!(phone.device.unsubscribe(&Subscription::everything()).unwrap());
    phone.sync(&server).await;
    let is_here = |phone: &mut Handset| [new, quiet_id, deal].map(|record| phone.fields(record).is_some());
    assert_eq!(is_here(&mut phone), [true, false, true]);
    // It wakes, and comes whole.
    office.edit(&quiet, json!([{"op": "set", "field": "industry", "value": "print"}])).await;
    phone.sync(&server).await;
    assert_eq!(is_here(&mut phone), [true; 3]);
    assert_eq!(phone.fields(quiet_id).unwrap()["name"], "佳美");
}

#[tokio::test]
async fn a_refused_edit_says_nothing_of_what_stands_in_a_record_that_its_author_does_not_see() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let path = office.make("party", json!({"name": CANARY, "industry": CANARY, "external_id": CANARY})).await;
    let party: RecordId = path.rsplit('/').next().unwrap().parse().unwrap();
    for (login, kind, field) in [("cy", "party", "name"), ("di", "party", "industry"), ("ed", "deal", "external_id")] {
        let mut agent = colleague(&server, login, "agent").await;
        let (token, (_, cookie)) = (token_of(&server, login).await, server.browser_sign_in_as(login).await);
        let wish = agent.write(kind, party, START, &[FieldEdit::set(field, "mine")]);
        let change = wish[0].hash;
        let verdicts = agent.push(&server.app, wish, START).await;
        assert!(matches!(verdicts[..], [Verdict::Rejected { .. }]), "{kind}.{field}: {verdicts:?}");
        for path in ["/api/v1/rejected".to_owned(), format!("/api/v1/rejected/{change}.{party}.main")] {
            let told = call(&server, &token, Method::GET, &path, json!({})).await.text();
            assert!(told.contains("mine") && !told.contains(CANARY), "{kind}.{field} {path}: {told}");
        }
        for path in ["/rejected".to_owned(), format!("/rejected/{change}.{party}.main")] {
            let page = server.browse(&cookie, &path).await.text();
            assert!(!page.contains(CANARY), "{kind}.{field} {path}: {page}");
        }
    }
}

#[tokio::test]
async fn an_edit_that_takes_a_record_for_something_else_can_only_be_declined() {
    let server = &Server::start().await;
    let mut rep = colleague(server, "rep", "rep").await;
    let path = Client::office(server).await.make("product", json!({"name": "Lamp"})).await;
    let product: RecordId = path.rsplit('/').next().unwrap().parse().unwrap();
    // Customers a rep may write, products not.
    let wish = rep.write("party", product, START, &[FieldEdit::set("name", "Gift")]);
    let edit = format!("/api/v1/rejected/{}.{product}.main", wish[0].hash);
    let verdicts = rep.push(&server.app, wish, START).await;
    assert!(matches!(&verdicts[..], [Verdict::Rejected { code, .. }] if code == code::WRONG_RECORD), "{verdicts:?}");
    let (own, office) = (token_of(server, "rep").await, server.token().await);
    for (token, status) in [(&own, 403), (&office, 409)] {
        let accepted = call(server, token, Method::POST, &format!("{edit}/accept"), json!({})).await;
        assert_eq!(accepted.status.as_u16(), status, "{}", accepted.text());
    }
    assert_eq!(call(server, &office, Method::GET, &path, json!({})).await.json()["fields"]["name"], "Lamp");
    let declined = call(server, &office, Method::POST, &format!("{edit}/decline"), json!({})).await;
    assert_eq!(declined.status, 200, "{}", declined.text());
    assert_eq!(differences(server).await, Vec::<String>::new());
}

//! Erasing a person: nothing of them is left in any byte that the server keeps.

use base64::Engine;
use reqwest::Method;
use serde_json::json;
use sqlx::Connection;
use sync_core::engine::Event;
use sync_core::id::{RecordId, UserId};
use sync_core::protocol::Verdict;
use sync_core::record::fields::FieldEdit;

use crate::api::{Client, Phone};
use crate::audit::entries;
use crate::console::Desk;
use crate::handset::Handset;
use crate::harness::{MINUTE, START, Server};

const CANARY: &str = "Canary-Li-13800138000";

/// Which files below the server's folder hold the canary, in any encoding that is used there.
pub fn found(server: &Server) -> Vec<String> {
    files_where(server.app.store.path().parent().unwrap(), &holds)
}

/// Which files below a folder have such bytes.
pub fn files_where(folder: &std::path::Path, holds: &dyn Fn(&[u8]) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_where(&path, holds));
        } else if holds(&std::fs::read(&path).unwrap()) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn holds(bytes: &[u8]) -> bool {
    // The search index holds words: the number alone, in its parts of eight and more digits.
    [CANARY, "13800138000"].iter().any(|canary| bytes.windows(canary.len()).any(|window| window.eq_ignore_ascii_case(canary.as_bytes())))
}

/// A customer with a history, consents, links, a file and a kept answer, all with the canary; `remains` has the others.
async fn person(server: &Server, ann: &Client<'_>) -> (String, Phone) {
    let path = ann.make("party", json!({"name": CANARY, "id_number": CANARY, "notes": CANARY.repeat(200)})).await;
    let id: RecordId = path.rsplit('/').next().unwrap().parse().unwrap();
    for round in 0..20 {
        ann.edit(&path, json!([{"op": "set", "field": "industry", "value": format!("{CANARY} {round}")}])).await;
    }
    ann.edit(&path, json!([{"op": "set", "field": "industry", "value": "printing"}])).await;
    let consent = json!([{"op": "append", "field": "consents", "item": "a", "values": {"purpose": "marketing", "given": true, "at": START}},
        {"op": "append", "field": "consents", "item": "b", "values": {"purpose": "marketing", "given": false, "at": START + 1}}]);
    assert_eq!(ann.edit(&path, consent).await.status, 200);
    ann.make("deal", json!({"title": "printers", "party": id.to_string()})).await;
    let mut phone = Phone::of(server, server.ann, "office", 7).await;
    let born = phone.write("party", RecordId::of_cause("another"), START, &[FieldEdit::set("name", "other")]);
    assert!(matches!(phone.push(server, &born).await, Verdict::Accepted { .. }));
    let metadata = [("filename", "id card.jpg"), ("about", &id.to_string())];
    let pairs: Vec<String> =
        metadata.iter().map(|(name, value)| format!("{name} {}", base64::engine::general_purpose::STANDARD.encode(value))).collect();
    let (bearer, length) = (format!("Bearer {}", server.token().await), CANARY.len().to_string());
    let headers = [
        ("authorization", bearer.as_str()),
        ("tus-resumable", "1.0.0"),
        ("upload-length", &length),
        ("upload-metadata", &pairs.join(",")),
        ("content-type", "application/offset+octet-stream"),
    ];
    let uploaded = server.send(Method::POST, "/api/v1/uploads", &headers, CANARY).await;
    assert_eq!(uploaded.status, 201, "{}", uploaded.text());
    let once = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("idempotency-key", "k")];
    let edit = json!({"edits": [{"op": "set", "field": "tax_id", "value": CANARY}]}).to_string();
    assert_eq!(server.send(Method::PATCH, &path, &once, edit).await.status, 200);
    (path, phone)
}

#[tokio::test]
async fn nothing_of_a_person_is_left_in_any_byte() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let (path, _) = person(&server, &ann).await;
    let id = path.rsplit('/').next().unwrap();
    rapport_server::jobs::index::catch_up(&server.app).await.unwrap();
    assert!(!found(&server).is_empty());
    let erased = ann.post(&format!("/api/v1/privacy/{id}/erase"), json!({})).await;
    assert_eq!(erased.status, 200, "{}", erased.text());
    let proof = erased.json();
    assert!(proof["removed"]["changes"].as_u64().unwrap() > 20, "{proof}");
    assert_eq!((&proof["removed"]["contents"], proof["with"].as_array().unwrap().len()), (&json!(1), 1));
    assert_eq!(proof["lookAt"].as_array().unwrap().len(), 1, "the deal stays, and somebody should look at it");
    assert_eq!(found(&server), Vec::<String>::new());
    assert_eq!(ann.get(&path).await.status, 404);
    let list = ann.get("/api/v1/privacy").await;
    assert!(list.text().contains(id) && !holds(&list.body));
    let document = ann.get("/api/v1/party").await;
    assert!(!holds(&document.body));
    assert_eq!(rapport_server::audit::verify(&server.app.store, server.workspace, &[]).await.unwrap().tampered, None);
    assert_eq!(differences(&server).await, Vec::<String>::new(), "the feed has no holes");
}

pub async fn differences(server: &Server) -> Vec<String> {
    let mut differences = Vec::new();
    let tell = &mut |difference: &rapport_server::jobs::check::Difference| differences.push(difference.to_string());
    rapport_server::jobs::check::check(&server.app, server.workspace, false, tell, &mut |_| {}).await.unwrap();
    differences
}

#[tokio::test]
async fn what_followed_an_erased_customer_is_no_longer_theirs_who_had_the_customer() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    assert_eq!(crate::roles::define(&office, "rep", crate::roles::OWN_ONLY).await.status, 201);
    let cai = Client::of_role(&server, "cai", "rep").await;
    Client::of_role(&server, "dan", "rep").await;
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let group = office.make("party", json!({"name": "Group", "owner": UserId::of_cause("dan")})).await;
    let party = office.make("party", json!({"name": "Haida", "owner": UserId::of_cause("cai"), "parent": id(&group)})).await;
    let offer =
        office.make("offer", json!({"title": "Lamps", "party": id(&party), "form": "quote", "owner": UserId::of_cause("bo")})).await;
    let call = office.make("activity", json!({"subject": "Call", "about": [id(&offer)]})).await;
    let mut phone = Handset::of(&server, UserId::of_cause("cai")).await;
    phone.sync(&server).await;
    let parsed = |path: &str| id(path).parse::<RecordId>().unwrap();
    assert!(phone.fields(parsed(&offer)).is_some() && cai.get(&offer).await.status == 200, "it follows the customer");
    assert_eq!(differences(&server).await, Vec::<String>::new());
    let words = "insert into approvals select workspace, zeroblob(32), record, 0, 1, zeroblob(16), 1 from rows where title = 'Haida'";
    crate::checks::damage(&server, words).await;
    assert_eq!(office.post(&format!("/api/v1/privacy/{}/erase", id(&party)), json!({})).await.status, 200);
    assert_eq!(differences(&server).await, Vec::<String>::new());
    let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{}", server.app.store.path().display())).await.unwrap();
    let words: i64 = sqlx::query_scalar("select count(*) from approvals").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(words, 0, "nor is it known who has spoken about it");
    assert_eq!((cai.get(&offer).await.status.as_u16(), cai.get(&call).await.status.as_u16()), (404, 404));
    phone.sync(&server).await;
    assert_eq!((phone.fields(parsed(&party)), phone.fields(parsed(&offer)), phone.fields(parsed(&call))), (None, None, None));
    assert_eq!(office.get(&offer).await.status, 200);
}

/// What the proof of a record's erasure says of a phone; null when it does not name it.
pub async fn state(office: &Client<'_>, id: RecordId, phone: &Handset) -> serde_json::Value {
    let list = office.get("/api/v1/privacy").await.json();
    let of = |rows: &serde_json::Value, id: String| rows.as_array().unwrap().iter().find(|row| row["id"] == id).cloned();
    let row = of(&list["rows"], id.to_string()).unwrap_or_else(|| panic!("{list}"));
    of(&row["devices"], phone.enrolled.device.to_string()).map_or(serde_json::Value::Null, |device| device["state"].clone())
}

#[tokio::test]
async fn a_phone_that_was_sent_a_removal_has_not_removed_anything_until_it_says_so_itself() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    Client::of_role(&server, "cai", "rep").await;
    let (mut ids, now) = (Vec::new(), server.app.clock.now());
    for name in ["first", "second"] {
        let path = office.make("party", json!({"name": name})).await;
        ids.push(path.rsplit('/').next().unwrap().parse::<RecordId>().unwrap());
    }
    let mut phone = Handset::of(&server, UserId::of_cause("cai")).await;
    phone.sync(&server).await;
    let erase = async |id: RecordId| assert_eq!(office.post(&format!("/api/v1/privacy/{id}/erase"), json!({})).await.status, 200);
    erase(ids[0]).await;
    let frame = phone.tell(now, Event::NetworkUp { live: false }).remove(0);
    let answer = phone.say(&server, frame).await;
    assert_eq!(state(&office, ids[0], &phone).await, "not_seen", "it was sent, nobody knows whether it came");
    // It came, and while the phone says so another one is erased. The answer that tells of it is lost.
    let frame = phone.tell(now, Event::Received(answer)).remove(0);
    erase(ids[1]).await;
    phone.say(&server, frame).await;
    phone.tell(now, Event::NetworkDown);
    assert_eq!((phone.fields(ids[0]).is_some(), phone.fields(ids[1]).is_some()), (false, true));
    assert_eq!(state(&office, ids[0], &phone).await, "removed", "it says so, and that is noted at once");
    assert_eq!(state(&office, ids[1], &phone).await, "not_seen", "what it says is of the other one");
    phone.sync(&server).await;
    assert_eq!(phone.fields(ids[1]), None);
    assert_eq!(state(&office, ids[1], &phone).await, "removed");
}

#[tokio::test]
async fn the_proof_names_a_phone_that_was_away_when_its_users_role_or_the_roles_rules_changed() {
    let role = |level: &str| {
        format!(
            "name = \"boss\"\nlabel = {{ en = \"Boss\", zh = \"老板\" }}\n[[rule]]\nkinds = [\"*\"]\nread = \"{level}\"\nreads = [\"main\"]\n"
        )
    };
    for (by_role, was_away) in [(true, true), (true, false), (false, true), (false, false)] {
        let server = Server::start().await;
        let office = Client::office(&server).await;
        let boss = office.make("role", json!({"name": "boss", "definition": role("all")})).await;
        Client::of_role(&server, "cai", "boss").await;
        let cai = UserId::of_cause("cai");
        let member = office.post("/api/v1/member", json!({"id": cai, "fields": {"name": "Cai", "role": "boss"}})).await;
        assert_eq!(member.status, 201, "{}", member.text());
        let path = office.make("party", json!({"name": CANARY})).await;
        let id: RecordId = path.rsplit('/').next().unwrap().parse().unwrap();
        let mut phone = Handset::of(&server, cai).await;
        phone.sync(&server).await;
        assert!(phone.fields(id).is_some());
        let changed = match by_role {
            true => office.edit(&format!("/api/v1/member/{cai}"), json!([{"op": "set", "field": "role", "value": "agent"}])).await,
            false => office.edit(&boss, json!([{"op": "set", "field": "definition", "value": role("own")}])).await,
        };
        assert_eq!(changed.status, 200, "{}", changed.text());
        if !was_away {
            server.clock.forward(2 * MINUTE);
            phone.sync(&server).await;
            assert_eq!(phone.fields(id), None);
        }
        let erased = office.post(&format!("/api/v1/privacy/{id}/erase"), json!({})).await;
        assert_eq!(erased.status, 200, "{}", erased.text());
        let said = if was_away { json!("not_seen") } else { json!(null) };
        assert_eq!(state(&office, id, &phone).await, said, "by a role: {by_role}, away: {was_away}");
        if was_away {
            phone.sync(&server).await;
            assert_eq!((phone.fields(id), state(&office, id, &phone).await), (None, json!("removed")));
        }
    }
}

#[tokio::test]
async fn consents_are_spoken_of_only_where_a_kind_can_hold_them() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    for (kind, field, holds) in [("party", "name", true), ("product", "name", false)] {
        let path = office.make(kind, json!({field: "Anything"})).await;
        let page = desk.get(&format!("/privacy/{}", path.rsplit('/').next().unwrap())).await.text();
        assert!(page.contains("Anything") && page.contains("No consent was noted") == holds, "{kind}: {page}");
    }
}

#[tokio::test]
async fn the_proof_names_a_phone_that_was_away_when_the_rules_of_its_users_built_in_role_got_another_name() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let role = |name: &str| {
        format!("name = \"{name}\"\nlabel = {{ en = \"A\", zh = \"A\" }}\n[[rule]]\nkinds = [\"*\"]\nread = \"all\"\nreads = [\"main\"]\n")
    };
    let own = office.make("role", json!({"name": "agent", "definition": role("agent")})).await;
    Client::of_role(&server, "cai", "agent").await;
    let path = office.make("party", json!({"name": CANARY})).await;
    let id: RecordId = path.rsplit('/').next().unwrap().parse().unwrap();
    let mut phone = Handset::of(&server, UserId::of_cause("cai")).await;
    phone.sync(&server).await;
    assert!(phone.fields(id).is_some());
    let other = json!([{"op": "set", "field": "name", "value": "boss"}, {"op": "set", "field": "definition", "value": role("boss")}]);
    let renamed = office.edit(&own, other).await;
    assert_eq!(renamed.status, 200, "{}", renamed.text());
    let erased = office.post(&format!("/api/v1/privacy/{id}/erase"), json!({})).await;
    assert_eq!(erased.status, 200, "{}", erased.text());
    assert_eq!(state(&office, id, &phone).await, "not_seen");
    phone.sync(&server).await;
    assert_eq!((phone.fields(id), state(&office, id, &phone).await), (None, json!("removed")));
}

#[tokio::test]
async fn the_proof_says_which_phones_have_removed_it_and_which_were_not_seen() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    Client::of_role(&desk.server, "cai", "rep").await;
    let path = office.make("party", json!({"name": CANARY})).await;
    let id: RecordId = path.rsplit('/').next().unwrap().parse().unwrap();
    let mut phone = Handset::of(&desk.server, UserId::of_cause("cai")).await;
    phone.sync(&desk.server).await;
    assert!(phone.fields(id).is_some());
    let proof = desk.post(&format!("/privacy/{id}"), &[("title", CANARY)]).await;
    assert_eq!(proof.status, 200, "{}", proof.text());
    assert_eq!(state(&office, id, &phone).await, "not_seen");
    phone.sync(&desk.server).await;
    assert_eq!(phone.fields(id), None);
    assert_eq!(state(&office, id, &phone).await, "removed");
    let page = desk.get(&format!("/privacy/{id}")).await;
    let text = page.text();
    assert!(page.status == 200 && text.contains("Says that it was removed") && text.contains("Ann&#39;s phone"), "{text}");
    assert!(text.contains("Not in contact since: may hold it still"), "Ann's phone was never in touch: {text}");
    let rep = Client::signed_in(&desk.server, "cai").await;
    assert_eq!(rep.get("/api/v1/privacy").await.status, 403);
}

#[tokio::test]
async fn the_proof_names_a_phone_that_was_away_when_the_record_left_its_sight_and_none_that_has_let_it_go() {
    for was_away in [true, false] {
        let desk = Desk::new().await;
        let office = Client::office(&desk.server).await;
        Client::of_role(&desk.server, "cai", "agent").await;
        let cai = UserId::of_cause("cai");
        let path = office.make("party", json!({"name": CANARY, "owner": cai})).await;
        let id: RecordId = path.rsplit('/').next().unwrap().parse().unwrap();
        let mut phone = Handset::of(&desk.server, cai).await;
        phone.sync(&desk.server).await;
        assert!(phone.fields(id).is_some());
        let other = json!([{"op": "set", "field": "owner", "value": desk.server.ann}]);
        assert_eq!(office.edit(&path, other).await.status, 200);
        if !was_away {
            desk.server.clock.forward(2 * MINUTE);
            phone.sync(&desk.server).await;
            assert_eq!(phone.fields(id), None);
        }
        let erased = office.post(&format!("/api/v1/privacy/{id}/erase"), json!({})).await;
        assert_eq!(erased.status, 200, "{}", erased.text());
        assert_eq!(state(&office, id, &phone).await, if was_away { json!("not_seen") } else { json!(null) });
    }
}

#[tokio::test]
async fn what_comes_late_for_an_erased_record_is_refused_and_not_kept() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let (path, mut phone) = person(&server, &ann).await;
    let id: RecordId = path.rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(ann.post(&format!("/api/v1/privacy/{id}/erase"), json!({})).await.status, 200);
    let late = phone.write("party", id, START, &[FieldEdit::set("name", CANARY)]);
    match phone.push(&server, &late).await {
        Verdict::Rejected { code, .. } => assert_eq!(code, "erased"),
        other => panic!("{other:?}"),
    }
    assert_eq!(ann.post("/api/v1/party", json!({"id": id.to_string(), "fields": {"name": CANARY}})).await.status, 404);
    assert_eq!(found(&server), Vec::<String>::new());
}

#[tokio::test]
async fn everything_about_a_person_is_handed_out_and_that_is_written_down() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let (path, _) = person(&server, &ann).await;
    let id = path.rsplit('/').next().unwrap();
    let dossier = ann.get(&format!("/api/v1/privacy/{id}")).await;
    assert!(dossier.header("content-disposition").contains("attachment"));
    let dossier = dossier.json();
    assert_eq!(dossier["record"]["fields"]["id_number"], CANARY, "private facets, too");
    assert_eq!(dossier["consents"], json!([{"purpose": "marketing", "given": false, "at": START + 1}]));
    assert!(dossier["history"]["entries"].as_array().unwrap().len() > 20);
    assert_eq!(dossier["files"][0]["name"], "id card.jpg");
    let rep = Client::of_role(&server, "cy", "rep").await;
    assert_eq!(rep.get(&format!("/api/v1/privacy/{id}")).await.status, 403);
    assert_eq!(rep.post(&format!("/api/v1/privacy/{id}/erase"), json!({})).await.status, 403);
    assert_eq!(entries(&server, "downloaded").await, [(id.to_owned(), json!({}))]);
}

#[tokio::test]
async fn a_backup_from_before_is_cleaned_when_it_is_served_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rapport.db");
    let config = |config: &mut rapport_server::Config| config.database.path = path.clone();
    let mut server = Server::start_with(config).await;
    let ann = Client::office(&server).await;
    let record = ann.make("party", json!({"name": CANARY})).await;
    let backup = folder.path().join("backup.db");
    rapport_server::store::backup(&path, &backup).await.unwrap();
    let id = record.rsplit('/').next().unwrap();
    assert_eq!(ann.post(&format!("/api/v1/privacy/{id}/erase"), json!({})).await.status, 200);
    drop(ann);
    server.ask_to_stop();
    server.stopped().await;
    std::fs::copy(&backup, &path).unwrap();
    std::fs::remove_file(&backup).unwrap();
    let server = Server::start_again(config).await;
    rapport_server::privacy::reapply(&server.app).await.unwrap();
    let ann = Client::office(&server).await;
    assert_eq!(ann.get(&record).await.status, 404);
    assert_eq!(found(&server), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_erased_after_a_backup_is_not_given_back_by_phones_after_a_restore() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rapport.db");
    let config = |config: &mut rapport_server::Config| config.database.path = path.clone();
    let mut server = Server::start_with(config).await;
    let backup = folder.path().join("backup.db");
    let mut phone = Phone::of(&server, server.ann, "office", 7).await;
    rapport_server::store::backup(&path, &backup).await.unwrap();
    let id = RecordId::of_cause("after the backup");
    let born = phone.write("party", id, START, &[FieldEdit::set("name", CANARY)]);
    let Verdict::Accepted { position, received_at, seal } = phone.push(&server, &born).await else { panic!("it is accepted") };
    let given = phone.delivered(&born, position, received_at, seal);
    assert_eq!(Client::office(&server).await.post(&format!("/api/v1/privacy/{id}/erase"), json!({})).await.status, 200);
    server.ask_to_stop();
    server.stopped().await;
    std::fs::copy(&backup, &path).unwrap();
    std::fs::remove_file(&backup).unwrap();
    let server = Server::start_again(config).await;
    rapport_server::privacy::reapply(&server.app).await.unwrap();
    match phone.offer(&server, given).await {
        Verdict::Rejected { code, .. } => assert_eq!(code, "erased"),
        other => panic!("{other:?}"),
    }
    assert_eq!(found(&server), Vec::<String>::new());
}

#[tokio::test]
async fn a_person_is_erased_on_their_page_once_their_name_is_typed() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let (path, _) = person(&server, &ann).await;
    let page = format!("/privacy/{}", path.rsplit('/').next().unwrap());
    let (_, cookie) = server.browser_sign_in(&[]).await;
    let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin"), ("cookie", cookie.as_str())];
    let shown = server.get(&page, &[("cookie", &cookie)]).await.text();
    assert!(shown.contains("Marketing") && shown.contains(CANARY), "{shown}");
    assert_eq!(server.send(Method::POST, &page, &form, "title=somebody").await.status, 422);
    let done = server.send(Method::POST, &page, &form, format!("title={CANARY}")).await;
    assert_eq!(done.status, 200);
    assert!(!holds(&done.body));
    assert_eq!(found(&server), Vec::<String>::new());
    let audit = server.get("/audit?act=erased", &[("cookie", &cookie)]).await.text();
    assert!(audit.contains(&format!("Erased <a href=\"{page}\">")), "{audit}");
}

#[tokio::test]
async fn colleagues_and_roles_are_not_erased_by_any_door() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let fields = json!({"name": "Eve", "role": "rep"});
    let made = ann.post("/api/v1/member", json!({"id": UserId::of_cause("eve"), "fields": fields})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let eve = UserId::of_cause("eve");
    let refused = ann.post(&format!("/api/v1/privacy/{eve}/erase"), json!({})).await;
    assert!(refused.status == 403 && refused.text().contains("shut them out under User accounts"), "{}", refused.text());
    let (_, cookie) = server.browser_sign_in(&[]).await;
    let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin"), ("cookie", cookie.as_str())];
    let page = format!("/privacy/{eve}");
    let shown = server.get(&page, &[("cookie", &cookie)]).await.text();
    assert!(shown.contains("shut them out under User accounts") && !shown.contains("name=\"title\""), "{shown}");
    assert_eq!(server.send(Method::POST, &page, &form, "title=Eve").await.status, 403);
    assert_eq!(ann.get(&format!("/api/v1/member/{eve}")).await.status, 200, "it is still there");
}

#[tokio::test]
async fn roles_and_kinds_are_not_erased_either() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let role = "name = \"boss\"\nlabel = { en = \"Boss\", zh = \"老板\" }\n[[rule]]\nkinds = [\"*\"]\nread = \"all\"\nreads = [\"main\"]\n";
    let kind = "name = \"demo_van\"\nlabel = { en = \"Van\", zh = \"货车\" }\nplural = { en = \"Vans\", zh = \"货车\" }\ntitle = \"name\"\nlist = [\"name\"]\n\
        [[field]]\nname = \"name\"\nlabel = { en = \"Name\", zh = \"名称\" }\n";
    for (of, name, definition, word) in [("role", "boss", role, "archive the role"), ("kind", "demo_van", kind, "archive the kind")] {
        let made = ann.make(of, json!({"name": name, "definition": definition})).await;
        let refused = ann.post(&format!("/api/v1/privacy/{}/erase", made.rsplit('/').next().unwrap()), json!({})).await;
        assert!(refused.status == 403 && refused.text().contains(word), "{of}: {}", refused.text());
        assert_eq!(ann.get(&made).await.status, 200, "{of}: it is still there");
    }
}

#[tokio::test]
async fn a_person_gets_everything_as_a_page_that_needs_no_program() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "<b>王芳</b>"), FieldEdit::set("industry", "print")]).await;
    desk.server.clock.forward(MINUTE);
    desk.post(&format!("/records/party/{party}/fields/industry"), &[("f.industry", "retail")]).await;
    assert!(desk.get(&format!("/privacy/{party}")).await.text().contains(&format!("/privacy/{party}/page.html")));
    let answer = desk.get(&format!("/privacy/{party}/page.html")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"{party}.html\""));
    let page = answer.text();
    for part in ["<html lang=\"en\">", "Industry", "<td>print</td><td>retail</td>", "王芳", "Customer"] {
        assert!(page.contains(part), "{page} lacks {part}");
    }
    for part in ["<b>王芳", "href=", "src=", "<script", "<link"] {
        assert!(!page.contains(part), "{page} has {part}");
    }
    assert_eq!(entries(&desk.server, "downloaded").await, [(party.to_string(), json!({}))], "that it was taken out is written down");
}

#[tokio::test]
async fn what_was_erased_is_listed_page_by_page_newest_first() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let erased = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 60) \
         insert into erased select w.workspace, randomblob(16), 'party', i, null, '{}' from n join workspaces w on true";
    crate::checks::damage(&desk.server, erased).await;
    let (mut moments, mut after) = (Vec::new(), String::new());
    loop {
        let page = office.get(&format!("/api/v1/privacy?maxSize=25{after}")).await.json();
        moments.extend(page["rows"].as_array().unwrap().iter().map(|row| row["at"].as_i64().unwrap()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(moments, (1..=60).rev().collect::<Vec<_>>());
    for wrong in ["after=nowhere", "maxSize=0", "page=2"] {
        assert_eq!(office.get(&format!("/api/v1/privacy?{wrong}")).await.status, 422, "{wrong}");
    }
    let first = desk.get("/privacy").await.text();
    assert_eq!(first.matches("data-row").count(), 50);
    let next = first.split("href=\"/privacy?after=").nth(1).unwrap().split('"').next().unwrap();
    let last = desk.get(&format!("/privacy?after={next}")).await.text();
    assert!(last.matches("data-row").count() == 10 && !last.contains("rel=\"next\""), "{last}");
}

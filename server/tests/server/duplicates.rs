//! Likely duplicates: found and explained, merged field by field, and parted again without a trace.

use serde_json::json;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::console::{Desk, link, record};
use crate::handset::Handset;
use crate::harness::{MINUTE, START};
use crate::lists::{between, has};
use rapport_server::jobs::duplicates::catch_up;

fn phone(number: &str) -> FieldEdit {
    FieldEdit::SetRow { field: "phones".into(), row: "p1".into(), values: json!({"value": number}).as_object().unwrap().clone() }
}

fn is_about(field: &str, record: RecordId) -> FieldEdit {
    FieldEdit::set(field, record.to_string())
}

/// Two customers that are one, of two people, and a deal of each.
async fn twins(desk: &mut Desk) -> (RecordId, RecordId) {
    let first =
        desk.customer(1, &[FieldEdit::set("name", "佳美办公用品"), phone("138 1234 5678"), FieldEdit::set("industry", "print")]).await;
    let second = desk
        .customer(2, &[FieldEdit::set("name", "深圳市佳美办公用品有限公司"), phone("+86-13812345678"), FieldEdit::set("source", "fair")])
        .await;
    for (n, party, title) in [(11, first, "Lamps"), (12, second, "Chairs")] {
        let edits = [FieldEdit::set("title", title), is_about("party", party)];
        desk.ann.save(&desk.server.app, "deal", record(n), START, &edits).await;
    }
    catch_up(&desk.server.app).await.unwrap();
    (first, second)
}

#[tokio::test]
async fn a_pair_is_found_with_its_reasons_and_only_where_there_is_one() {
    let mut desk = Desk::new().await;
    assert!(desk.get("/duplicates").await.text().contains("No likely duplicates"));
    let (first, second) = twins(&mut desk).await;
    desk.customer(3, &[FieldEdit::set("name", "南湖贸易")]).await;
    catch_up(&desk.server.app).await.unwrap();
    let page = desk.get("/duplicates").await.text();
    assert!(page.contains(&format!("/duplicates/party/{first}/{second}")), "{page}");
    assert!(page.contains("99 %") && page.contains("same phone number: +8613812345678") && page.contains("same name"), "{page}");
    assert_eq!(page.matches("data-row").count(), 1);
    assert!(desk.get(&format!("/records/party/{first}")).await.text().contains("This may be the same"));
}

#[tokio::test]
async fn two_become_one_field_by_field_and_what_is_about_either_is_shown_together() {
    let mut desk = Desk::new().await;
    let (first, second) = twins(&mut desk).await;
    let compare = format!("/duplicates/party/{first}/{second}");
    let page = desk.get(&compare).await.text();
    assert!(page.contains("keep.name") && page.contains("keep.source") && !page.contains("keep.phones"), "one phone is enough: {page}");
    let merged = desk.post(&compare, &[("act", "merge"), ("keep.name", "other"), ("keep.source", "other")]).await;
    assert_eq!((merged.status.as_u16(), merged.header("location")), (303, &*format!("/records/party/{first}?done=merged")));
    let survivor = desk.get(&format!("/records/party/{first}")).await.text();
    for said in ["<h1>深圳市佳美办公用品有限公司</h1>", "fair", "print", "Lamps", "Chairs", "Merged into this one"] {
        assert!(survivor.contains(said), "{said}: {survivor}");
    }
    let deals = desk.get(&link(&survivor, "/records/deal?where=")).await.text();
    assert!(deals.contains("Lamps") && deals.contains("Chairs"), "the list behind it, too: {deals}");
    let duplicate = desk.get(&format!("/records/party/{second}")).await.text();
    assert!(duplicate.contains("This was merged") && duplicate.contains(&format!("/records/party/{first}")), "{duplicate}");
    let list = desk.get("/records/party").await.text();
    assert!(list.contains("1 record<") && !list.contains(&format!("r-{second}")), "{list}");
    catch_up(&desk.server.app).await.unwrap();
    assert!(desk.get("/duplicates").await.text().contains("No likely duplicates"), "nobody is asked about what was decided");
}

#[tokio::test]
async fn a_program_finds_duplicates_with_their_reasons_merges_and_parts_them() {
    let mut desk = Desk::new().await;
    let (first, second) = twins(&mut desk).await;
    let office = Client::office(&desk.server).await;
    let pairs = office.get("/api/v1/party/duplicates").await.json();
    let pair = &pairs["rows"][0];
    assert_eq!((&pair["one"]["id"], &pair["other"]["id"], &pair["percent"]), (&json!(first), &json!(second), &json!(99)), "{pairs}");
    let why = pair["reasons"].as_array().unwrap();
    assert!(why.iter().any(|reason| reason["en"] == "same phone number: +8613812345678") && pairs["rows"][1].is_null(), "{pairs}");
    let around = format!("/api/v1/party/{first}/duplicates");
    assert_eq!(office.get(&around).await.json()["likely"][0]["id"], json!(second));

    let merge = format!("/api/v1/party/{first}/merge");
    for (body, status) in [
        (json!({}), 422),
        (json!({"duplicate": "nobody"}), 422),
        (json!({"duplicate": first}), 404),
        (json!({"duplicate": record(99)}), 404),
        (json!({"duplicate": record(11)}), 404),
        (json!({"duplicate": second, "keep": {"nmae": "other"}}), 422),
        (json!({"duplicate": second, "keep": {"name": "mine"}}), 422),
    ] {
        assert_eq!(office.post(&merge, body.clone()).await.status, status, "{body}");
    }
    let merged = office.post(&merge, json!({"duplicate": second, "keep": {"source": "other"}})).await;
    assert_eq!((merged.status.as_u16(), &merged.json()["survivor"]), (200, &json!(first)), "{}", merged.text());
    let survivor = office.get(&format!("/api/v1/party/{first}")).await.json();
    assert_eq!((&survivor["fields"]["name"], &survivor["fields"]["source"]), (&json!("佳美办公用品"), &json!("fair")));
    let both = office.get(&around).await.json();
    assert_eq!((&both["behind"][0]["id"], &both["likely"]), (&json!(second), &json!([])), "{both}");
    assert_eq!(office.get("/api/v1/party?total=true").await.json()["total"], json!(1));
    // Asked with what is archived, both are there, and what leads to one of them leads to both.
    office.make("deal", json!({"title": "Chairs", "party": second})).await;
    let with_a_deal = json!([{"type": "any", "attribute": "deal:party", "value": [{"type": "isNotNull", "attribute": "title"}]}]);
    let asked = [("where", &*with_a_deal.to_string()), ("archived", "any"), ("total", "true")];
    let listed = office.list("party", &asked).await.json();
    assert_eq!((&listed["total"], listed["rows"].as_array().unwrap().len()), (&json!(2), 2), "{listed}");

    desk.server.clock.forward(MINUTE);
    let parted = office.post(&format!("/api/v1/party/{second}/part"), json!({})).await;
    assert_eq!((parted.status.as_u16(), &parted.json()["survivor"]), (200, &json!(null)), "{}", parted.text());
    assert_eq!(office.get(&format!("/api/v1/party/{first}")).await.json()["fields"].get("source"), None);
    let apart = office.post(&format!("/api/v1/party/{first}/set-apart"), json!({"other": second})).await;
    assert_eq!((apart.status.as_u16(), &apart.json()["likely"]), (200, &json!([])));
    catch_up(&desk.server.app).await.unwrap();
    assert_eq!(office.get("/api/v1/party/duplicates").await.json()["rows"], json!([]));
    assert_eq!(office.get("/api/v1/product/duplicates").await.status, 404, "products are not merged");

    // Who does not see them is told nothing, and changes nothing.
    let agent = Client::of_role(&desk.server, "cy", "agent").await;
    assert_eq!(agent.get("/api/v1/party/duplicates").await.json()["rows"], json!([]));
    assert_eq!(agent.get(&around).await.status, 404);
    assert_eq!(agent.post(&merge, json!({"duplicate": second})).await.status, 404);
}

#[tokio::test]
async fn a_merge_is_taken_back_and_everything_is_as_it_was() {
    let mut desk = Desk::new().await;
    let (first, second) = twins(&mut desk).await;
    desk.server.clock.forward(MINUTE);
    let compare = format!("/duplicates/party/{first}/{second}");
    desk.post(&compare, &[("act", "merge"), ("keep.name", "other"), ("keep.source", "other")]).await;
    desk.server.clock.forward(MINUTE);
    let parted = desk.post(&format!("/records/party/{second}/part"), &[]).await;
    assert_eq!(parted.status, 303);
    let one = desk.get(&format!("/records/party/{first}")).await.text();
    assert!(
        one.contains("<h1>佳美办公用品</h1>") && one.contains("Lamps") && !one.contains("Chairs") && !one.contains("id=\"f-source\""),
        "{one}"
    );
    let other = desk.get(&format!("/records/party/{second}")).await.text();
    assert!(other.contains("Chairs") && !other.contains("Lamps") && !other.contains("This was merged"), "{other}");
    assert!(desk.get("/records/party").await.text().contains("2 records"));
    let page = desk.get("/duplicates").await.text();
    assert!(
        page.contains("99 %") && page.contains("split again"),
        "they are offered again at once, and the log says what happened: {page}"
    );
}

#[tokio::test]
async fn what_is_no_duplicate_is_remembered() {
    let mut desk = Desk::new().await;
    let (first, second) = twins(&mut desk).await;
    let answer = desk.post(&format!("/duplicates/party/{first}/{second}"), &[("act", "apart")]).await;
    assert_eq!(answer.header("location"), "/duplicates?kind=party&done=apart");
    catch_up(&desk.server.app).await.unwrap();
    assert!(desk.get("/duplicates").await.text().contains("No likely duplicates"));
    assert!(!desk.get(&format!("/records/party/{second}")).await.text().contains("This may be the same"));
}

#[tokio::test]
async fn two_people_who_merge_each_into_the_other_offline_leave_one_customer() {
    let mut desk = Desk::new().await;
    let (first, second) = twins(&mut desk).await;
    let same = |record: RecordId| [FieldEdit::Add { field: "alias_of".into(), value: record.to_string() }];
    let anns = desk.ann.write("party", first, START + MINUTE, &same(second));
    let bos = desk.bo.write("party", second, START + MINUTE, &same(first));
    desk.ann.push(&desk.server.app, anns, START + 2 * MINUTE).await;
    desk.bo.push(&desk.server.app, bos, START + 2 * MINUTE).await;
    let list = desk.get("/records/party").await.text();
    assert!(list.contains("1 record<") && list.contains(&format!("r-{first}")), "the older one stays: {list}");
    desk.post(&format!("/records/party/{first}/part"), &[]).await;
    desk.post(&format!("/records/party/{second}/part"), &[]).await;
    assert!(desk.get("/records/party").await.text().contains("2 records"));
}

#[tokio::test]
async fn the_likely_duplicate_is_offered_while_a_new_customer_is_typed() {
    let mut desk = Desk::new().await;
    let (first, _) = twins(&mut desk).await;
    let form = desk.get("/records/party/new").await.text();
    assert!(form.contains("data-likely=\"/records/party/likely\""), "{form}");
    let typed = [("f.phones.rows", "new"), ("f.phones.new.value", "0086 138 1234 5678"), ("f.name", "佳美"), ("f.industry", "retail")];
    let offered = desk.post("/records/party/likely", &typed).await.text();
    assert!(offered.contains(&format!("/records/party/{first}")) && offered.contains("same phone number"), "{offered}");
    assert!(offered.contains("Industry: print"), "what differs: {offered}");
    assert!(!desk.post("/records/party/likely", &[("f.name", "南湖")]).await.text().contains("href"));
}

#[tokio::test]
async fn one_number_under_two_names_is_offered_unless_it_is_many_peoples() {
    let mut desk = Desk::new().await;
    let app = desk.server.app.clone();
    let (bo, ann) = (record(20), record(21));
    desk.ann.save(&app, "member", bo, START, &[FieldEdit::set("name", "Bo Chen")]).await;
    desk.ann.save(&app, "member", ann, START, &[FieldEdit::set("name", "Ann Li")]).await;
    let first =
        desk.customer(1, &[FieldEdit::set("name", "佳美办公用品"), phone("138 1234 5678"), FieldEdit::set("owner", bo.to_string())]).await;
    let second =
        desk.customer(2, &[FieldEdit::set("name", "Nanhu Trading"), phone("13812345678"), FieldEdit::set("owner", ann.to_string())]).await;
    catch_up(&app).await.unwrap();
    let pair = format!("/duplicates/party/{first}/{second}");
    assert!(desk.get("/duplicates").await.text().contains(&pair));
    let page = desk.get(&format!("/records/party/{second}")).await.text();
    assert!(page.contains(&pair), "{page}");
    let me = ann.to_string();
    let typed = [("f.phones.rows", "new"), ("f.phones.new.value", "0086 138 1234 5678"), ("f.name", "Cedar"), ("f.owner", me.as_str())];
    let offered = desk.post("/records/party/likely", &typed).await.text();
    assert!(offered.contains(&format!("/records/party/{first}")) && offered.contains("Owner: Bo Chen"), "{offered}");
    for n in 3..=6 {
        desk.customer(n, &[FieldEdit::set("name", format!("Tenant number {n}")), phone("13812345678")]).await;
    }
    catch_up(&app).await.unwrap();
    assert!(!desk.post("/records/party/likely", &typed).await.text().contains("href"), "six share it");
}

#[tokio::test]
async fn a_pair_that_is_decided_or_split_again_changes_the_suggestions_at_once() {
    let mut desk = Desk::new().await;
    let (first, second) = twins(&mut desk).await;
    let (compare, none) = (format!("/duplicates/party/{first}/{second}"), "No likely duplicates");
    desk.post(&compare, &[("act", "merge")]).await;
    let page = desk.get("/duplicates").await.text();
    assert!(page.contains(none), "{page}");
    desk.server.clock.forward(MINUTE);
    let undo = page.split("action=\"").find(|action| action.starts_with("/duplicates/undo/")).unwrap();
    let parted = desk.post(undo.split('"').next().unwrap(), &[]).await;
    assert_eq!(parted.header("location"), "/duplicates?done=parted", "{}", parted.text());
    assert!(desk.get("/duplicates").await.text().contains(&compare));
    desk.post(&compare, &[("act", "apart")]).await;
    assert!(desk.get("/duplicates").await.text().contains(none));
}

#[tokio::test]
async fn a_pair_that_is_one_already_is_not_decided_a_second_time() {
    let mut desk = Desk::new().await;
    let (first, second) = twins(&mut desk).await;
    let (compare, backwards) = (format!("/duplicates/party/{first}/{second}"), format!("/duplicates/party/{second}/{first}"));
    has(&desk.get(&compare).await.text(), &["value=\"merge\"", "value=\"apart\""], &["merged already"]);
    assert_eq!(desk.post(&compare, &[("act", "merge")]).await.status, 303);
    for (path, act) in [(&compare, "merge"), (&backwards, "merge"), (&compare, "apart")] {
        let again = desk.post(path, &[("act", act), ("keep.source", "other")]).await;
        assert!(again.status == 409 && again.text().contains("merged already"), "{act}: {}", again.text());
    }
    let office = Client::office(&desk.server).await;
    let again = office.post(&format!("/api/v1/party/{first}/merge"), json!({"duplicate": second})).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "conflict"), "{}", again.text());
    has(&desk.get(&compare).await.text(), &["merged already"], &["value=\"merge\"", "value=\"apart\""]);
    let log = desk.get("/duplicates").await.text();
    assert_eq!(log.matches("/duplicates/undo/").count(), 1, "{log}");
    desk.server.clock.forward(MINUTE);
    let undo = format!("/duplicates/undo/{}", between(&log, "action=\"/duplicates/undo/", "\""));
    assert_eq!(desk.post(&undo, &[]).await.status, 303);
    has(&desk.get("/records/party").await.text(), &["2 records"], &[]);
    assert_eq!(desk.post(&undo, &[]).await.status, 409, "it was taken back already");
}

#[tokio::test]
async fn splitting_is_offered_to_whoever_may_and_the_reason_against_it_is_about_that() {
    let mut desk = Desk::new().await;
    let (first, second) = twins(&mut desk).await;
    desk.post(&format!("/duplicates/party/{first}/{second}"), &[("act", "merge")]).await;
    let office = Client::office(&desk.server).await;
    Client::of_role(&desk.server, "cai", "rep").await;
    let (_, cookie) = desk.server.browser_sign_in_as("cai").await;
    let act = between(&desk.get("/imports").await.text(), "action=\"/imports/undo/", "\"").to_owned();
    let (undo, split) = (format!("/imports/undo/{act}"), format!("/duplicates/undo/{act}"));
    has(&desk.server.browse(&cookie, "/imports").await.text(), &["Two records merged"], &["/imports/undo/"]);
    let refused = desk.server.submit(&cookie, &undo, &[]).await;
    assert_eq!(refused.status, 403);
    has(&refused.text(), &["Only they can take it back"], &["may not import"]);

    let own = crate::roles::OWN_ONLY.replace("read = \"own\"", "read = \"all\"");
    let narrow = crate::roles::define(&office, "rep", &own).await;
    let log = desk.server.browse(&cookie, "/duplicates").await.text();
    has(&log, &["Merged lately"], &["/duplicates/undo/"]);
    let refused = desk.server.submit(&cookie, &split, &[]).await;
    assert_eq!(refused.status, 403);
    has(&refused.text(), &["only its own"], &["may not import"]);

    assert_eq!(office.post(&format!("{}/archive", narrow.header("location")), json!({})).await.status, 200);
    has(&desk.server.browse(&cookie, "/duplicates").await.text(), &[split.as_str()], &[]);
    desk.server.clock.forward(MINUTE);
    assert_eq!(desk.server.submit(&cookie, &split, &[]).await.header("location"), "/duplicates?done=parted");
    has(&desk.get("/duplicates").await.text(), &["split again"], &["/duplicates/undo/"]);
    has(&desk.get("/records/party").await.text(), &["2 records"], &[]);
}

#[tokio::test]
async fn a_merge_of_which_half_would_be_refused_writes_nothing() {
    let mut desk = Desk::new().await;
    let (_, theirs) = twins(&mut desk).await;
    let office = Client::office(&desk.server).await;
    let own = crate::roles::OWN_ONLY.replace("read = \"own\"", "read = \"all\"");
    assert_eq!(crate::roles::define(&office, "rep", &own).await.status, 201);
    let rep = Client::of_role(&desk.server, "cai", "rep").await;
    let mine = rep.make("party", json!({"name": "佳美办公用品（深圳）", "phones": [{"value": "13812345678"}]})).await;
    let before = office.get(&mine).await.json();
    let refused = rep.post(&format!("{mine}/merge"), json!({"duplicate": theirs, "keep": {"source": "other"}})).await;
    assert!(refused.status == 403 && refused.text().contains("only its own"), "{}", refused.text());
    assert_eq!(office.get(&mine).await.json(), before, "the half that is theirs was not written and taken back again");
}

/// A case of somebody's, as a program makes it.
async fn case(office: &Client<'_>, subject: &str, party: RecordId) -> RecordId {
    let made = office.make("case", json!({"subject": subject, "status": "new", "party": party})).await;
    made.rsplit('/').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn two_cases_about_one_thing_become_one_with_all_that_belongs_to_them_and_two_again() {
    let mut desk = Desk::new().await;
    let (wang, li) = (
        desk.customer(1, &[FieldEdit::set("name", "Wang Trading")]).await,
        desk.customer(2, &[FieldEdit::set("name", "Li Logistics")]).await,
    );
    let office = Client::office(&desk.server).await;
    let (first, second) = (case(&office, "Printer prints no colour", wang).await, case(&office, "Colours are missing", li).await);
    let reply = json!([{"op": "append", "field": "replies", "item": "1", "values": {"text": "Please hurry", "public": true}}]);
    assert_eq!(office.edit(&format!("/api/v1/case/{second}"), reply).await.status, 200);
    let task = json!({"subject": "Send a technician", "status": "planned", "about": [second]});
    office.make("activity", task).await;
    desk.post(&format!("/records/case/{second}/comments"), &[("text", "They called twice")]).await;

    // Nothing tells that they are alike: people look for the other one from the page of the case.
    let page = desk.get(&format!("/records/case/{first}")).await.text();
    assert!(page.contains(&format!("href=\"/duplicates/case/{first}\"")), "{page}");
    let choose = desk.get(&format!("/duplicates/case/{first}?q=colours")).await.text();
    let compare = format!("/duplicates/case/{first}/{second}");
    assert!(choose.contains(&compare) && choose.contains("Li Logistics"), "{choose}");
    let both = desk.get(&compare).await.text();
    assert!(both.contains("Printer prints no colour") && both.contains("Colours are missing") && both.contains("keep.party"), "{both}");
    desk.server.clock.forward(MINUTE);
    assert_eq!(desk.post(&compare, &[("act", "merge"), ("keep.party", "own")]).await.status, 303);

    // Tasks, comments and what was said are with the one that stays, and so is who asked.
    let page = desk.get(&format!("/records/case/{first}")).await.text();
    for said in ["Merged into this one", "Send a technician", "They called twice", "Please hurry", "Li Logistics", "Wang Trading"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    // The other one says what became of it: on its page, at its customer's, and to programs.
    let behind = desk.get(&format!("/records/case/{second}")).await.text();
    assert!(behind.contains("This was merged") && behind.contains(&format!("/records/case/{first}")), "{behind}");
    assert!(behind.contains("Merged</span>") && !behind.contains(&format!("href=\"/duplicates/case/{second}\"")), "{behind}");
    assert!(desk.get(&format!("/records/party/{li}")).await.text().contains("Colours are missing</a> <span class=\"badge\">Merged</span>"));
    let around = office.get(&format!("/api/v1/case/{first}/duplicates")).await.json();
    assert_eq!(around["behind"][0]["id"], json!(second), "{around}");
    // Whoever calls about it is found, and answered with the one that stays.
    let found = desk.get("/search?q=colours%20missing").await.text();
    assert!(found.contains(&format!("/records/case/{first}")) && !found.contains(&format!("/records/case/{second}")), "{found}");
    let list = desk.get("/records/case").await.text();
    assert!(list.contains("1 record<") && list.contains("Printer prints no colour"), "{list}");

    desk.server.clock.forward(MINUTE);
    assert_eq!(desk.post(&format!("/records/case/{second}/part"), &[]).await.status, 303);
    let page = desk.get(&format!("/records/case/{first}")).await.text();
    assert!(!page.contains("Send a technician") && !page.contains("Please hurry"), "{page}");
    assert!(desk.get(&format!("/records/case/{second}")).await.text().contains("Please hurry"));
    assert!(desk.get("/records/case").await.text().contains("2 records"));
}

#[tokio::test]
async fn cases_of_one_customer_with_one_subject_are_offered_until_one_is_solved() {
    let mut desk = Desk::new().await;
    let (wang, li) = (
        desk.customer(1, &[FieldEdit::set("name", "Wang Trading")]).await,
        desk.customer(2, &[FieldEdit::set("name", "Li Logistics")]).await,
    );
    let office = Client::office(&desk.server).await;
    let (first, second) = (case(&office, "Printer is broken", wang).await, case(&office, "Printer is broken", wang).await);
    case(&office, "Printer is broken", li).await;
    catch_up(&desk.server.app).await.unwrap();
    let pairs = office.get("/api/v1/case/duplicates").await.json();
    let mut found: Vec<String> = ["one", "other"].map(|side| pairs["rows"][0][side]["id"].as_str().unwrap().to_owned()).into();
    found.sort();
    let mut expected = [first.to_string(), second.to_string()];
    expected.sort();
    assert_eq!((found, &pairs["rows"][1]), (expected.to_vec(), &json!(null)), "{pairs}");
    let choose = desk.get(&format!("/duplicates/case/{first}")).await.text();
    assert!(choose.contains(&format!("/duplicates/case/{first}/{second}")) && choose.contains("99 %"), "before anybody looks: {choose}");
    let solve = json!([{"op": "set", "field": "status", "value": "solved"}]);
    office.edit(&format!("/api/v1/case/{second}"), solve).await;
    catch_up(&desk.server.app).await.unwrap();
    assert_eq!(office.get("/api/v1/case/duplicates").await.json()["rows"], json!([]));
}

#[tokio::test]
async fn a_phone_makes_two_cases_one_offline_and_everybody_sees_one() {
    let mut desk = Desk::new().await;
    let app = desk.server.app.clone();
    for (n, subject) in [(21, "Printer is broken"), (22, "Printer on the third floor")] {
        desk.ann.save(&app, "case", record(n), START, &[FieldEdit::set("subject", subject)]).await;
    }
    let mut phone = Handset::of(&desk.server, desk.server.ann).await;
    phone.sync(&desk.server).await;
    phone.edit(&desk.server, "case", record(22), &[FieldEdit::Add { field: "alias_of".into(), value: record(21).to_string() }]);
    assert_eq!(phone.device.same_as(record(22)).unwrap(), record(21), "before anybody else knows");
    phone.sync(&desk.server).await;
    let list = desk.get("/records/case").await.text();
    assert!(list.contains("1 record<") && list.contains("Printer is broken"), "{list}");
    desk.post(&format!("/records/case/{}/part", record(22)), &[]).await;
    phone.sync(&desk.server).await;
    assert_eq!(phone.device.same_as(record(22)).unwrap(), record(22));
}

#[tokio::test]
async fn a_phone_parts_what_the_office_has_merged_and_what_the_merge_gave_goes_back() {
    let mut desk = Desk::new().await;
    let (first, second) = twins(&mut desk).await;
    let mut phone = Handset::of(&desk.server, desk.server.ann).await;
    phone.sync(&desk.server).await;
    desk.post(&format!("/duplicates/party/{first}/{second}"), &[("act", "merge"), ("keep.source", "other")]).await;
    phone.sync(&desk.server).await;
    let row = |phone: &Handset, id| phone.device.row(id).unwrap().unwrap();
    assert_eq!((row(&phone, second).merged_into, &row(&phone, first).fields["source"]), (Some(first), &json!("fair")));
    phone.device.split(desk.server.app.clock.now(), second).unwrap();
    phone.sync(&desk.server).await;
    let office = Client::office(&desk.server).await;
    assert_eq!(office.get(&format!("/api/v1/party/{first}")).await.json()["fields"].get("source"), None);
    assert_eq!(office.get(&format!("/api/v1/party/{first}/duplicates")).await.json()["behind"], json!([]));
}

#[tokio::test]
async fn the_office_parts_what_a_phone_has_merged_and_what_the_merge_gave_goes_back() {
    let mut desk = Desk::new().await;
    let (first, second) = twins(&mut desk).await;
    let mut phone = Handset::of(&desk.server, desk.server.ann).await;
    phone.sync(&desk.server).await;
    phone.edit(&desk.server, "party", second, &[FieldEdit::set("website", "https://jiamei.cn"), FieldEdit::set("birthday", "2001-04-01")]);
    desk.server.clock.forward(MINUTE);
    phone.device.merge(desk.server.app.clock.now(), second, first, &[].into()).unwrap();
    phone.sync(&desk.server).await;
    let office = Client::office(&desk.server).await;
    let path = format!("/api/v1/party/{first}");
    let before = office.get(&path).await.json();
    assert_eq!((&before["fields"]["source"], &before["fields"]["website"]), (&json!("fair"), &json!("https://jiamei.cn")), "{before}");
    desk.server.clock.forward(MINUTE);
    office.edit(&path, json!([{"op": "set", "field": "website", "value": "https://jiamei.example"}])).await;
    desk.server.clock.forward(MINUTE);
    desk.post(&format!("/records/party/{second}/part"), &[]).await;
    let parted = office.get(&path).await.json();
    let stays = &parted["fields"];
    assert_eq!((stays.get("source"), stays.get("birthday")), (None, None), "{parted}");
    assert_eq!((&stays["website"], &stays["industry"]), (&json!("https://jiamei.example"), &json!("print")), "{parted}");
    assert_eq!(office.get(&format!("{path}/duplicates")).await.json()["behind"], json!([]));
    phone.sync(&desk.server).await;
    assert_eq!(phone.device.same_as(second).unwrap(), second);
    let goes = phone.device.row(second).unwrap().unwrap().fields;
    assert_eq!((&goes["source"], &goes["website"]), (&json!("fair"), &json!("https://jiamei.cn")));
}

#[tokio::test]
async fn an_import_attaches_no_case_to_another_one_unasked() {
    let desk = Desk::new().await;
    let kept = desk.upload("case", "cases.csv", b"Subject\nPrinter is broken\nPrinter is broken\n").await;
    let page = desk.get(kept.header("location")).await.text();
    assert!(page.contains("Printer is broken") && !page.contains("name=\"attach\""), "{page}");
}

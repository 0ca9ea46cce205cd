//! Forgetting what once stood in a record that stays: no byte has it, phones follow, and what comes late is not lost.

use rapport_server::jobs::{duplicates, index};
use rapport_server::store::{Options, backup, records, restore};
use serde_json::{Value as Json, json};
use sync_core::engine::Event;
use sync_core::id::{ActorId, Facet, RecordId, UserId};
use sync_core::protocol::{Pushed, Verdict};
use sync_core::record::doc::{Doc, Edit};
use sync_core::record::fields::FieldEdit;
use sync_core::store::Place;
use sync_core::value::Scalar;

use crate::api::{Client, Phone};
use crate::audit::entries;
use crate::console::Desk;
use crate::handset::Handset;
use crate::harness::{MINUTE, START, Server};
use crate::privacy::{differences, files_where};

const CANARY: &str = "Canary-Li-13800138000";

fn holds(word: &str) -> impl Fn(&[u8]) -> bool {
    move |bytes| bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

/// Which files of a server, or of a phone's folder, have a word.
fn files_with(server: &Server, word: &str) -> Vec<String> {
    files_where(server.app.store.path().parent().unwrap(), &holds(word))
}

fn id_of(path: &str) -> RecordId {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

fn set(field: &str, value: &str) -> Json {
    json!([{"op": "set", "field": field, "value": value}])
}

async fn forget(office: &Client<'_>, path: &str) -> Json {
    let forgotten = office.post(&format!("/api/v1/privacy/{}/forget", id_of(path)), json!({})).await;
    assert_eq!(forgotten.status, 200, "{}", forgotten.text());
    forgotten.json()
}

/// A deal whose title, notes, tags and tax number said what they say no more.
async fn deal(office: &Client<'_>) -> String {
    let path = office.make("deal", json!({"title": CANARY, "notes": format!("calls {CANARY} back")})).await;
    office.edit(&path, set("title", "Printer")).await;
    office.edit(&path, json!([{"op": "set", "field": "title", "value": "Printers"}, {"op": "add", "field": "tags", "value": "vip"}])).await;
    let splice = json!([{"op": "splice", "field": "notes", "at": 6, "delete": CANARY.chars().count() + 1, "insert": ""}]);
    assert_eq!(office.edit(&path, splice).await.status, 200);
    path
}

#[tokio::test]
async fn what_was_replaced_is_in_no_byte_and_the_record_reads_as_before() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let path = deal(&office).await;
    let before = office.get(&path).await.json();
    assert!(!files_with(&server, CANARY).is_empty());
    assert_eq!(forget(&office, &path).await["changes"], 1);
    assert_eq!(files_with(&server, CANARY), Vec::<String>::new());
    assert_eq!(office.get(&path).await.json(), before, "with its version and its times");
    let history = office.get(&format!("{path}/history")).await.json();
    assert!(!history.to_string().contains(CANARY) && history.to_string().contains("Printers"), "{history}");
    assert_eq!(differences(&server).await, Vec::<String>::new());
    assert_eq!(office.edit(&path, set("title", "More printers")).await.status, 200, "and it goes on");
    assert_eq!(office.get(&path).await.json()["fields"]["title"], "More printers");
    assert_eq!(entries(&server, "past_forgotten").await, [(path.rsplit('/').next().unwrap().to_owned(), json!({"changes": 1}))]);
}

#[tokio::test]
async fn what_a_customer_was_called_a_moment_ago_is_in_no_word_of_the_search_and_no_key_of_duplicates() {
    const CALLED: &str = "qzxvkwj";
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let path = office.make("party", json!({"name": CALLED})).await;
    index::catch_up(&server.app).await.unwrap();
    duplicates::catch_up(&server.app).await.unwrap();
    assert_eq!(office.edit(&path, set("name", "Haida")).await.status, 200);
    forget(&office, &path).await;
    assert_eq!(files_with(&server, CALLED), Vec::<String>::new());
    let found = office.list("party", &[("q", "haida")]).await.json();
    assert_eq!(found["rows"][0]["id"], json!(id_of(&path)), "it is found by what it is called now: {found}");
}

#[tokio::test]
async fn a_phone_forgets_it_as_well_and_shows_the_same() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let path = deal(&office).await;
    let folder = tempfile::tempdir().unwrap();
    let mut here = Handset::at(&server, server.ann, Place::File(folder.path().join("phone.db"))).await;
    let mut new = Handset::of(&server, UserId::of_cause("bo")).await;
    here.sync(&server).await;
    let before = here.fields(id_of(&path));
    forget(&office, &path).await;
    for phone in [&mut here, &mut new] {
        phone.sync(&server).await;
        assert_eq!(phone.fields(id_of(&path)), before);
        let told = phone.device.history(id_of(&path)).unwrap();
        assert!(!format!("{told:?}").contains(CANARY));
    }
    office.edit(&path, set("title", "More printers")).await;
    here.sync(&server).await;
    assert_eq!(here.fields(id_of(&path)).unwrap()["title"], "More printers");
    while here.device.index_some().unwrap() {}
    here.device.index_some().unwrap();
    assert_eq!(files_where(folder.path(), &holds(CANARY)), Vec::<String>::new());
}

#[tokio::test]
async fn a_phone_that_hears_of_it_among_later_changes_forgets_it_as_well() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let path = deal(&office).await;
    let mut phone = Handset::of(&server, server.ann).await;
    phone.sync(&server).await;
    phone.edit(&server, "deal", id_of(&path), &[FieldEdit::set("source", "fair")]);
    forget(&office, &path).await;
    office.make("deal", json!({"title": "Another"})).await;
    office.edit(&path, set("title", "More printers")).await;
    for _ in 0..3 {
        phone.sync(&server).await;
    }
    assert!(!format!("{:?}", phone.device.history(id_of(&path)).unwrap()).contains(CANARY));
    let shown = phone.fields(id_of(&path)).unwrap();
    assert_eq!((&shown["title"], &shown["source"]), (&json!("More printers"), &json!("fair")));
    assert_eq!(json!(shown), office.get(&path).await.json()["fields"]);
    assert!(phone.device.quarantined().unwrap().is_empty());
}

#[tokio::test]
async fn what_a_phone_wrote_before_it_heard_of_that_is_delivered_by_field() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let path = deal(&office).await;
    let id = id_of(&path);
    let mut phone = Handset::of(&server, server.ann).await;
    phone.sync(&server).await;
    let edits = [
        FieldEdit::set("source", "fair"),
        FieldEdit::set("title", "Copiers"),
        FieldEdit::Splice { field: "notes".to_owned(), at: 0, delete: 5, insert: "rings".to_owned() },
    ];
    phone.edit(&server, "deal", id, &edits);
    // Unseen by the phone: both say what the title is.
    office.edit(&path, set("title", "Plotters")).await;
    forget(&office, &path).await;
    phone.sync(&server).await;
    phone.sync(&server).await;
    let record = office.get(&path).await.json()["fields"].clone();
    assert_eq!((&record["source"], &record["notes"]), (&json!("fair"), &json!("rings back")), "{record}");
    assert_eq!(phone.fields(id).unwrap()["title"], record["title"]);
    assert_eq!(phone.device.sync_status().unwrap().pending, 0);
    assert!(phone.device.drafts().unwrap().is_empty());
}

/// A rep who may not say where customers come from.
const NO_SOURCES: &str = r#"name = "rep"
label = { en = "Rep", zh = "销售" }
[[rule]]
kinds = ["party"]
read = "all"
create = "all"
edit = "all"
reads = ["main"]
writes = ["main"]
except_fields = ["source"]
"#;

#[tokio::test]
async fn what_is_written_once_more_without_a_refused_edit_still_disagrees_with_what_its_author_had_not_seen() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    Client::of_role(&server, "cai", "rep").await;
    let path = office.make("party", json!({"name": "Haida", "phones": [{"value": "138 0013 8000"}]})).await;
    let id = id_of(&path);
    let mut phone = Handset::of(&server, UserId::of_cause("cai")).await;
    phone.sync(&server).await;
    server.clock.forward(MINUTE);
    office.edit(&path, set("name", "Haida Office")).await;
    server.clock.forward(MINUTE);
    phone.edit(&server, "party", id, &[FieldEdit::set("source", "fair"), FieldEdit::set("name", "Haida Copiers")]);
    server.clock.forward(MINUTE);
    phone.edit(&server, "party", id, &[FieldEdit::set("name", "Haida Scanners")]);
    assert_eq!(crate::roles::define(&office, "rep", NO_SOURCES).await.status, 201);
    forget(&office, &path).await;
    for _ in 0..3 {
        phone.sync(&server).await;
    }
    let drafts = phone.device.drafts().unwrap();
    assert_eq!(drafts.iter().map(|draft| draft.code.as_str()).collect::<Vec<_>>(), ["forbidden"]);
    let record = office.get(&path).await.json();
    assert_eq!((&record["fields"]["name"], &record["conflicts"]), (&json!("Haida Scanners"), &json!(1)), "{record}");
}

#[tokio::test]
async fn what_is_written_into_a_row_that_was_removed_and_forgotten_keeps_nothing_else_from_being_delivered() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let path = office.make("party", json!({"name": "Haida", "phones": [{"value": "138 0013 8000"}]})).await;
    let id = id_of(&path);
    let row_id = office.get(&path).await.json()["fields"]["phones"][0]["id"].as_str().unwrap().to_owned();
    let mut phone = Handset::of(&server, server.ann).await;
    phone.sync(&server).await;
    let values = json!({"label": "work"}).as_object().unwrap().clone();
    let row = FieldEdit::SetRow { field: "phones".to_owned(), row: row_id.clone(), values };
    phone.edit(&server, "party", id, &[row, FieldEdit::set("source", "fair")]);
    let removed = office.edit(&path, json!([{"op": "remove_row", "field": "phones", "row": row_id}])).await;
    assert_eq!(removed.status, 200, "{}", removed.text());
    forget(&office, &path).await;
    phone.sync(&server).await;
    phone.sync(&server).await;
    assert!(phone.device.drafts().unwrap().is_empty());
    let fields = office.get(&path).await.json()["fields"].clone();
    assert_eq!((&fields["source"], &fields["phones"]), (&json!("fair"), &Json::Null), "{fields}");
}

#[tokio::test]
async fn of_two_values_of_one_moment_the_record_shows_what_its_document_says_once_it_has_forgotten() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let path = deal(&office).await;
    let id = id_of(&path);
    let mut phones = Vec::new();
    for name in ["ann", "bo"] {
        phones.push(Handset::of(&server, UserId::of_cause(name)).await);
    }
    for round in 0..4 {
        for phone in &mut phones {
            phone.sync(&server).await;
        }
        server.clock.forward(MINUTE);
        for (n, phone) in phones.iter_mut().enumerate() {
            phone.edit(&server, "deal", id, &[FieldEdit::set("title", format!("{n} in {round}"))]);
        }
        // Whoever comes first has the lower place; whoever wins has the higher pen.
        phones.reverse();
        for phone in &mut phones {
            phone.sync(&server).await;
        }
        forget(&office, &path).await;
        assert_eq!(differences(&server).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_arrived_and_was_not_answered_is_not_counted_twice() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let article = office.make("article", json!({"title": "How to"})).await;
    let id = id_of(&article);
    let mut phone = Handset::of(&server, server.ann).await;
    phone.sync(&server).await;
    phone.edit(&server, "article", id, &[FieldEdit::Increment { field: "helpful".to_owned(), by: 1 }]);
    for frame in phone.tell(server.app.clock.now(), Event::NetworkUp { live: false }) {
        phone.say(&server, frame).await;
    }
    phone.tell(server.app.clock.now(), Event::NetworkDown);
    assert_eq!(office.get(&article).await.json()["fields"]["helpful"], 1);
    forget(&office, &article).await;
    phone.sync(&server).await;
    phone.sync(&server).await;
    assert_eq!(
        (office.get(&article).await.json()["fields"]["helpful"].clone(), phone.device.sync_status().unwrap().pending),
        (json!(1), 0)
    );
}

#[tokio::test]
async fn what_follows_an_edit_that_arrived_and_was_not_answered_knows_that_one() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let path = deal(&office).await;
    let id = id_of(&path);
    let mut phone = Handset::of(&server, server.ann).await;
    phone.sync(&server).await;
    server.clock.forward(MINUTE);
    phone.edit(&server, "deal", id, &[FieldEdit::Add { field: "tags".to_owned(), value: "new".to_owned() }, FieldEdit::set("title", "X")]);
    for frame in phone.tell(server.app.clock.now(), Event::NetworkUp { live: false }) {
        phone.say(&server, frame).await;
    }
    phone.tell(server.app.clock.now(), Event::NetworkDown);
    server.clock.forward(MINUTE);
    phone.edit(
        &server,
        "deal",
        id,
        &[FieldEdit::Remove { field: "tags".to_owned(), value: "new".to_owned() }, FieldEdit::set("title", "Y")],
    );
    forget(&office, &path).await;
    phone.sync(&server).await;
    phone.sync(&server).await;
    let record = office.get(&path).await.json();
    assert_eq!((&record["fields"]["title"], &record["fields"]["tags"], &record["conflicts"]), (&json!("Y"), &json!(["vip"]), &json!(0)));
}

#[tokio::test]
async fn an_unsent_edit_of_a_record_that_went_out_of_sight_and_forgot_its_past_stays_as_a_draft() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    assert_eq!(crate::roles::define(&office, "rep", crate::roles::OWN_ONLY).await.status, 201);
    Client::of_role(&server, "cai", "rep").await;
    Client::of_role(&server, "dan", "rep").await;
    let path = office.make("party", json!({"name": "Haida", "source": "fair", "owner": UserId::of_cause("cai")})).await;
    let id = id_of(&path);
    let mut phone = Handset::of(&server, UserId::of_cause("cai")).await;
    phone.sync(&server).await;
    phone.edit(&server, "party", id, &[FieldEdit::set("name", "Haida Office")]);
    office.edit(&path, set("source", "web")).await;
    office.edit(&path, json!([{"op": "set", "field": "owner", "value": UserId::of_cause("dan")}])).await;
    forget(&office, &path).await;
    for _ in 0..3 {
        phone.sync(&server).await;
    }
    assert_eq!((phone.fields(id), phone.device.sync_status().unwrap().pending), (None, 0));
    let drafts = phone.device.drafts().unwrap();
    assert_eq!(drafts.iter().map(|draft| draft.code.as_str()).collect::<Vec<_>>(), ["forgotten"]);
}

#[tokio::test]
async fn an_edit_that_arrived_unanswered_before_its_record_went_out_of_sight_and_forgot_its_past_is_no_draft() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    assert_eq!(crate::roles::define(&office, "rep", crate::roles::OWN_ONLY).await.status, 201);
    Client::of_role(&server, "cai", "rep").await;
    Client::of_role(&server, "dan", "rep").await;
    let path = office.make("party", json!({"name": "Haida", "owner": UserId::of_cause("cai")})).await;
    let id = id_of(&path);
    let mut phone = Handset::of(&server, UserId::of_cause("cai")).await;
    phone.sync(&server).await;
    phone.edit(&server, "party", id, &[FieldEdit::set("name", "Haida Office")]);
    for frame in phone.tell(server.app.clock.now(), Event::NetworkUp { live: false }) {
        phone.say(&server, frame).await;
    }
    phone.tell(server.app.clock.now(), Event::NetworkDown);
    office.edit(&path, json!([{"op": "set", "field": "owner", "value": UserId::of_cause("dan")}])).await;
    forget(&office, &path).await;
    for _ in 0..3 {
        phone.sync(&server).await;
    }
    assert_eq!((phone.fields(id), phone.device.sync_status().unwrap().pending), (None, 0));
    assert!(phone.device.drafts().unwrap().is_empty());
    assert_eq!(office.get(&path).await.json()["fields"]["name"], "Haida Office");
}

#[tokio::test]
async fn what_a_restored_server_has_lost_is_delivered_again_though_it_forgot_before_it_heard_of_that() {
    let folder = tempfile::tempdir().unwrap();
    let (place, copy) = (folder.path().join("rapport.db"), folder.path().join("backup.db"));
    let config = |config: &mut rapport_server::Config| config.database.path = place.clone();
    let mut server = Server::start_with(config).await;
    let office = Client::office(&server).await;
    let path = deal(&office).await;
    let mut phone = Handset::of(&server, server.ann).await;
    phone.sync(&server).await;
    backup(&place, &copy).await.unwrap();
    phone.edit(&server, "deal", id_of(&path), &[FieldEdit::set("source", "fair")]);
    phone.sync(&server).await;
    drop(office);
    server.ask_to_stop();
    server.stopped().await;
    restore(&copy, &Options::new(&place), Some(START + MINUTE), || [9; 16]).await.unwrap();
    let server = Server::start_again(config).await;
    let office = Client::office(&server).await;
    assert_eq!(office.get(&path).await.json()["fields"].get("source"), None);
    forget(&office, &path).await;
    for _ in 0..3 {
        phone.sync(&server).await;
    }
    assert_eq!(office.get(&path).await.json()["fields"]["source"], "fair");
    assert_eq!((phone.device.sync_status().unwrap().pending, phone.device.drafts().unwrap().len()), (0, 0));
}

#[tokio::test]
async fn a_crafted_change_that_begins_a_generation_is_refused_and_one_of_the_past_waits() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let mut phone = Phone::of(&server, server.ann, "office", 7).await;
    let id = RecordId::of_cause("crafted");
    let born = phone.write("deal", id, START, &[FieldEdit::set("title", CANARY)]);
    assert!(matches!(phone.push(&server, &born).await, Verdict::Accepted { .. }));
    let path = format!("/api/v1/deal/{id}");
    office.edit(&path, set("title", "Printers")).await;
    forget(&office, &path).await;
    assert!(matches!(phone.push(&server, &born).await, Verdict::Waiting { .. }), "it is not brought back");
    let late = phone.write("deal", id, START + MINUTE, &[FieldEdit::set("source", "fair")]);
    assert!(matches!(phone.push(&server, &late).await, Verdict::Waiting { .. }));
    let declares = Scalar::Text(r#"{"generation":9,"changes":1,"held":""}"#.into());
    let put = Edit::Put { path: "~generation".to_owned(), value: declares };
    let written = Doc::default().write(ActorId([7; 16]), START + MINUTE, &[put]).unwrap();
    let beginning = Pushed { kind: "deal".parse().unwrap(), record: id, facet: Facet::Main, hash: written.hash, body: written.bytes };
    let verdict = phone.push(&server, &beginning).await;
    assert!(matches!(&verdict, Verdict::Rejected { code, .. } if code == "unknown_field"), "{verdict:?}");
    assert_eq!(office.get(&path).await.json()["fields"]["title"], "Printers");
    assert_eq!(files_with(&server, CANARY), Vec::<String>::new());
}

#[tokio::test]
async fn a_backup_from_before_is_told_what_was_forgotten_before_anybody_may_connect() {
    let folder = tempfile::tempdir().unwrap();
    let (place, copy) = (folder.path().join("rapport.db"), folder.path().join("backup.db"));
    let config = |config: &mut rapport_server::Config| config.database.path = place.clone();
    let mut server = Server::start_with(config).await;
    let office = Client::office(&server).await;
    let path = deal(&office).await;
    let mut phone = Handset::of(&server, server.ann).await;
    phone.sync(&server).await;
    backup(&place, &copy).await.unwrap();
    office.edit(&path, set("source", "fair")).await;
    forget(&office, &path).await;
    phone.sync(&server).await;
    drop(office);
    server.ask_to_stop();
    server.stopped().await;
    restore(&copy, &Options::new(&place), Some(START + MINUTE), || [9; 16]).await.unwrap();
    std::fs::remove_file(&copy).unwrap();
    let server = Server::start_again(config).await;
    server.app.store.set_aside().iter().for_each(|aside| std::fs::remove_file(aside).unwrap());
    rapport_server::privacy::reapply(&server.app).await.unwrap();
    let office = Client::office(&server).await;
    assert_eq!(files_with(&server, CANARY), Vec::<String>::new());
    let record = office.get(&path).await.json()["fields"].clone();
    assert_eq!(
        (&record["title"], &record["source"], &record["notes"]),
        (&json!("Printers"), &json!("fair"), &json!("calls back")),
        "{record}"
    );
    phone.sync(&server).await;
    phone.sync(&server).await;
    assert_eq!(office.get(&path).await.json()["fields"]["notes"], "calls back", "what the phone gives back is the same");
    office.post(&format!("/api/v1/privacy/{}/erase", id_of(&path)), json!({})).await;
    assert_eq!(files_with(&server, "Printers"), Vec::<String>::new(), "nor is it in the ledger once it is erased");
}

#[tokio::test]
async fn somebody_says_so_on_the_page_and_has_to_be_sure() {
    let mut desk = Desk::new().await;
    let id = desk.customer(1, &[FieldEdit::set("name", CANARY)]).await;
    desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let page = format!("/privacy/{id}");
    assert!(desk.get(&page).await.text().contains("Forget what once stood here"));
    let unsure = desk.post(&format!("{page}/forget"), &[]).await;
    assert_eq!((unsure.status.as_u16(), unsure.text().contains("Tick that you know")), (422, true));
    let done = desk.post(&format!("{page}/forget"), &[("sure", "yes")]).await;
    assert!(done.text().contains("What once stood here is forgotten."), "{}", done.text());
    let mut tx = desk.server.app.store.reader().await.unwrap();
    let last = records::changes_of(&mut tx, desk.server.workspace, &[id]).await.unwrap().pop().unwrap();
    drop(tx);
    desk.post(&format!("/records/party/{id}/undo"), &[("change", &last.hash.to_string())]).await;
    let shown = desk.get(&format!("/records/party/{id}")).await.text();
    assert!(shown.contains("Jiamei"), "there is nothing to put back: it stays");
    let log = desk.get("/audit").await.text();
    assert!(log.contains("Forgot the history of"), "{log}");
}

/// What two phones and the office did to some records by one throw of dice, and what everybody shows in the end. With
/// `forgets`, somebody forgets what once stood in them time and again.
async fn played(seed: u64, forgets: bool) -> Vec<Json> {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let mut dice = Dice::new(seed);
    let mut paths = Vec::new();
    for n in 0..3 {
        paths.push(office.make("deal", json!({"title": format!("deal {n}"), "notes": "begin. end"})).await);
    }
    let mut phones = [Handset::of(&server, server.ann).await, Handset::of(&server, UserId::of_cause("bo")).await];
    for step in 0..60 {
        // Each edit has its moment: of two of one moment either may win.
        server.clock.forward(MINUTE);
        let path = paths[dice.below(3)].clone();
        let id = id_of(&path);
        let value = format!("value {step}");
        let at = dice.below(2);
        match dice.below(12) {
            0..3 => phones[at].sync(&server).await,
            3..5 => drop(office.edit(&path, set(["title", "source"][dice.below(2)], &value)).await),
            5 if forgets => drop(forget(&office, &path).await),
            5 => {}
            _ if phones[at].fields(id).is_none() => {}
            6 => phones[at].edit(&server, "deal", id, &[FieldEdit::set("title", value)]),
            7 => phones[at].edit(&server, "deal", id, &[FieldEdit::set("source", value.clone()), FieldEdit::set("title", value)]),
            8 => phones[at].edit(
                &server,
                "deal",
                id,
                &[FieldEdit::Add { field: "tags".to_owned(), value: format!("tag {}", dice.below(3)) }],
            ),
            9 => phones[at].edit(
                &server,
                "deal",
                id,
                &[FieldEdit::Remove { field: "tags".to_owned(), value: format!("tag {}", dice.below(3)) }],
            ),
            10 => {
                // Only one of them types, and at the end: where both do, how their characters stand is nobody's promise.
                let end = phones[0].fields(id).map_or(0, |fields| fields["notes"].as_str().unwrap().chars().count());
                if end > 0 {
                    let splice = FieldEdit::Splice { field: "notes".to_owned(), at: end, delete: 0, insert: format!(" {step}") };
                    phones[0].edit(&server, "deal", id, &[splice]);
                }
            }
            _ => {
                let row = json!({"strength": value}).as_object().unwrap().clone();
                phones[at].edit(
                    &server,
                    "deal",
                    id,
                    &[FieldEdit::SetRow { field: "competitors".to_owned(), row: format!("r{}", dice.below(2)), values: row }],
                );
            }
        }
    }
    server.clock.forward(40 * MINUTE);
    for _ in 0..3 {
        for phone in &mut phones {
            phone.sync(&server).await;
        }
    }
    ended(&server, &office, &mut phones, &paths, seed).await
}

/// What each record shows in the end, on every phone as in the office.
async fn ended(server: &Server, office: &Client<'_>, phones: &mut [Handset; 2], paths: &[String], seed: u64) -> Vec<Json> {
    let mut shown = Vec::new();
    for path in paths {
        let record = office.get(path).await.json();
        for phone in phones.iter_mut() {
            assert_eq!(phone.device.sync_status().unwrap().pending, 0);
            assert!(phone.device.quarantined().unwrap().is_empty());
            assert_eq!(json!(phone.fields(id_of(path)).unwrap()), record["fields"], "seed {seed}");
        }
        shown.push(json!([record["fields"], record["conflicts"]]));
    }
    assert_eq!(differences(server).await, Vec::<String>::new(), "seed {seed}");
    shown
}

/// The same throws for the same seed.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }
}

#[tokio::test]
async fn whatever_is_forgotten_whenever_everybody_ends_with_what_they_would_have_had() {
    for seed in 0..8 {
        let (with, without) = (played(seed, true).await, played(seed, false).await);
        for (with, without) in with.iter().zip(&without) {
            assert_eq!(with, without, "seed {seed}");
        }
    }
}

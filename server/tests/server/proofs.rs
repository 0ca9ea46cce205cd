//! To know the hash of a file is not to have it: a record hands out what whoever named it has had.

use rapport_server::jobs::proofs;
use serde_json::json;

use crate::api::Client;
use crate::files::{Tus, bring, hex, id_of};
use crate::harness::Server;

const SECRET: &[u8] = b"\xff\xd8\xff the contract of a stranger";

/// Somebody who sees their own customers alone, with one of them.
struct Agent<'a> {
    api: Client<'a>,
    tus: Tus<'a>,
    customer: String,
}

impl<'a> Agent<'a> {
    async fn new(server: &'a Server, login: &str) -> Agent<'a> {
        let api = Client::of_role(server, login, "agent").await;
        let customer = api.make("party", json!({"name": format!("customer of {login}")})).await;
        Self { api, tus: Tus::of(server, login).await, customer }
    }

    /// Names a content in a record, as who made it would.
    async fn name(&self, hash: &str) -> String {
        let fields = json!({"name": "mine.jpg", "hash": hash, "thumbnail": hash, "size": 9, "about": [id_of(&self.customer)]});
        self.api.make("file", fields).await
    }

    async fn upload(&self, bytes: &[u8]) -> String {
        self.tus.upload(bytes, &[("filename", "contract.jpg"), ("about", id_of(&self.customer))]).await
    }
}

#[tokio::test]
async fn whoever_names_a_strangers_content_gets_nothing_and_learns_nothing() {
    let server = Server::start().await;
    let (cy, mallory) = (Agent::new(&server, "cy").await, Agent::new(&server, "mallory").await);
    let office = Tus::of(&server, "ann").await;
    let contract = cy.upload(SECRET).await;
    assert_eq!(mallory.tus.content(&contract).await.status, 404, "it is out of sight");
    let named = mallory.name(&hex(SECRET)).await;
    let unknown = mallory.name(&hex(b"nobody has this")).await;
    for tus in [&mallory.tus, &office] {
        let (refused, nothing) = (tus.content(&named).await, tus.content(&unknown).await);
        assert_eq!((refused.status.as_u16(), refused.text()), (409, nothing.text()), "whether there is such a content is not told");
        assert!(refused.text().contains("have not arrived from whoever added it"), "{}", refused.text());
        assert_eq!(tus.thumbnail(&named).await.status, 409);
    }
    // In capitals, in a second record that the first would prove, put on another's upload: no better.
    let again = mallory.name(&hex(SECRET).to_uppercase()).await;
    assert_eq!(mallory.tus.content(&again).await.status, 409);
    let own = mallory.upload(b"\xff\xd8\xff her own picture").await;
    mallory.api.edit(&own, json!([{"op": "set", "field": "hash", "value": hex(SECRET)}])).await;
    assert_eq!(mallory.tus.content(&own).await.status, 409);
    // And nothing else is disturbed.
    assert_eq!(cy.tus.content(&contract).await.body, SECRET);
    assert_eq!(office.content(&contract).await.body, SECRET);
    mallory.api.edit(&own, json!([{"op": "set", "field": "hash", "value": hex(b"\xff\xd8\xff her own picture")}])).await;
    assert_eq!(mallory.tus.content(&own).await.body, b"\xff\xd8\xff her own picture");
}

#[tokio::test]
async fn two_people_with_the_same_photo_each_have_theirs_whichever_came_first() {
    let server = Server::start().await;
    let (cy, dee) = (Agent::new(&server, "cy").await, Agent::new(&server, "dee").await);
    let office = Tus::of(&server, "ann").await;
    cy.upload(SECRET).await;
    // A phone's way: the record first, its bytes later; then once more, because the answer was lost.
    let record = dee.name(&hex(SECRET)).await;
    assert_eq!(dee.tus.content(&record).await.status, 409);
    for _ in 0..2 {
        bring(&dee.tus, SECRET).await;
        assert_eq!(dee.tus.content(&record).await.body, SECRET);
        assert_eq!(office.thumbnail(&record).await.body, SECRET);
    }
    // The other way round.
    bring(&dee.tus, b"before its record").await;
    let record = dee.name(&hex(b"before its record")).await;
    assert_eq!(office.content(&record).await.body, b"before its record");
}

#[tokio::test]
async fn a_copy_of_a_record_hands_its_content_on_to_those_who_see_the_copy() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let (cy, dee, mallory) = (Agent::new(&server, "cy").await, Agent::new(&server, "dee").await, Agent::new(&server, "mallory").await);
    let contract = cy.upload(SECRET).await;
    mallory.name(&hex(SECRET)).await;
    // The office, which sees all, hangs it on a customer of dee's; dee hangs a copy of that on a second one.
    let copy = office.make("file", json!({"name": "copy.jpg", "hash": hex(SECRET), "about": [id_of(&dee.customer)]})).await;
    let second = dee.api.make("party", json!({"name": "second"})).await;
    let of_copy = dee.api.make("file", json!({"name": "copy of a copy", "hash": hex(SECRET), "about": [id_of(&second)]})).await;
    // Read in the order in which nothing was proven before.
    assert_eq!(Tus::of(&server, "bo").await.content(&of_copy).await.body, SECRET);
    assert_eq!(dee.tus.content(&copy).await.body, SECRET);
    assert_eq!(dee.tus.content(&contract).await.status, 404, "the first one is still out of sight");
    assert_eq!(mallory.tus.content(&mallory.name(&hex(SECRET)).await).await.status, 409, "what others copy proves nothing of her");
}

#[tokio::test]
async fn a_copy_that_nobody_has_opened_yet_stays_when_the_original_goes_out_of_sight() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let (cy, dee) = (Agent::new(&server, "cy").await, Agent::new(&server, "dee").await);
    cy.upload(SECRET).await;
    office.make("file", json!({"name": "theirs.jpg", "hash": hex(SECRET), "about": [id_of(&dee.customer)]})).await;
    let second = dee.api.make("party", json!({"name": "second"})).await;
    let copy = dee.api.make("file", json!({"name": "copy.jpg", "hash": hex(SECRET), "about": [id_of(&second)]})).await;
    proofs::catch_up(&server.app).await.unwrap();
    let cys = sync_core::id::UserId::of_cause("cy").to_string();
    assert_eq!(office.edit(&dee.customer, json!([{"op": "set", "field": "owner", "value": cys}])).await.status, 200);
    let late = dee.api.make("file", json!({"name": "late.jpg", "hash": hex(SECRET), "about": [id_of(&second)]})).await;
    assert_eq!(dee.tus.content(&copy).await.body, SECRET);
    assert_eq!(dee.tus.content(&late).await.body, SECRET, "she has had it by then");
}

#[tokio::test]
async fn honest_copies_are_found_behind_any_number_of_names_that_a_stranger_has_given() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let (cy, dee, mallory) = (Agent::new(&server, "cy").await, Agent::new(&server, "dee").await, Agent::new(&server, "mallory").await);
    for _ in 0..70 {
        mallory.name(&hex(SECRET)).await;
    }
    cy.upload(SECRET).await;
    let copy = office.make("file", json!({"name": "copy.jpg", "hash": hex(SECRET), "about": [id_of(&dee.customer)]})).await;
    assert_eq!(dee.tus.content(&copy).await.body, SECRET);
}

#[tokio::test]
async fn whoever_puts_back_what_a_record_named_before_must_have_had_it() {
    let server = Server::start().await;
    let (office, mallory) = (Client::office(&server).await, Agent::new(&server, "mallory").await);
    let ann = Tus::of(&server, "ann").await;
    // The wrong file at first, exchanged before mallory could see it.
    let file = ann.upload(SECRET, &[("filename", "a.jpg")]).await;
    let path = ann.begin(5, &[("sha256", &hex(b"right")), ("record", id_of(&file))]).await;
    ann.patch(&path, 0, b"right", &[]).await;
    let hers = sync_core::id::UserId::of_cause("mallory").to_string();
    let given = json!([{"op": "add", "field": "about", "value": id_of(&mallory.customer)}, {"op": "set", "field": "owner", "value": hers}]);
    assert_eq!(office.edit(&file, given).await.status, 200);
    assert_eq!(mallory.tus.content(&file).await.body, b"right");
    let back = mallory.api.edit(&file, json!([{"op": "set", "field": "hash", "value": hex(SECRET)}])).await;
    assert_eq!(back.status, 200, "{}", back.text());
    assert_eq!(mallory.tus.content(&file).await.status, 409);
}

#[tokio::test]
async fn whoever_has_the_bytes_may_bring_them_for_a_record_of_another() {
    let server = Server::start().await;
    let (cy, office) = (Agent::new(&server, "cy").await, Tus::of(&server, "ann").await);
    let record = cy.name(&hex(SECRET)).await;
    let path = office.begin(SECRET.len(), &[("sha256", &hex(SECRET)), ("record", id_of(&record))]).await;
    assert_eq!(office.patch(&path, 0, SECRET, &[]).await.header("rapport-file"), id_of(&record));
    assert_eq!(cy.tus.content(&record).await.body, SECRET);
}

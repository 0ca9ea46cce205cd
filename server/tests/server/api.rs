//! The JSON API as an integration uses it: real requests, real phones beside it.

use std::collections::HashMap;

use rapport_server::intake::Author;
use rapport_server::language::Language;
use rapport_server::store::devices;
use rapport_server::store::people::{self, User};
use reqwest::Method;
use serde_json::{Value, json};
use sync_core::fence::Pen;
use sync_core::id::{ActorId, DeviceId, Facet, RecordId, Seal, UserId};
use sync_core::protocol::{Delivered, Pushed, Verdict};
use sync_core::record::doc::Doc;
use sync_core::record::fields::{FieldEdit, path_edits};
use sync_core::schema::Schema;

use crate::console::Desk;
use crate::harness::{Answer, MINUTE, PASSWORD, START, Server};

/// Somebody signed in.
pub struct Client<'a> {
    server: &'a Server,
    bearer: String,
}

impl<'a> Client<'a> {
    pub async fn office(server: &'a Server) -> Client<'a> {
        Self { server, bearer: format!("Bearer {}", server.token().await) }
    }

    /// The second person of the office.
    pub async fn as_bo(server: &'a Server) -> Client<'a> {
        Self::signed_in(server, "bo").await
    }

    /// Somebody who is there already.
    pub async fn signed_in(server: &'a Server, login: &str) -> Client<'a> {
        let answer = server.api_sign_in(login, PASSWORD).await;
        Self { server, bearer: format!("Bearer {}", answer.json()["token"].as_str().unwrap()) }
    }

    /// A new user of a role, signed in.
    pub async fn of_role(server: &'a Server, login: &str, role: &str) -> Client<'a> {
        let hash = server.app.auth.passwords().hash(PASSWORD).await.unwrap();
        let mut tx = server.app.store.begin().await.unwrap();
        let (user, name) = (UserId::of_cause(login), login.to_owned());
        let (workspace, login_typed, role) = (server.workspace, login.to_owned(), role.parse().unwrap());
        let user = User { workspace, user, login: login_typed, name, role, language: Language::En, disabled_at: None, created_at: START };
        people::add_user(&mut tx, &user, &hash).await.unwrap();
        tx.commit().await.unwrap();
        let answer = server.api_sign_in(login, PASSWORD).await;
        Self { server, bearer: format!("Bearer {}", answer.json()["token"].as_str().unwrap()) }
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut headers = vec![("authorization", self.bearer.as_str())];
        headers.extend(body.is_some().then_some(("content-type", "application/json")));
        self.server.send(method, path, &headers, body.map(|body| body.to_string()).unwrap_or_default()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn edit(&self, path: &str, edits: Value) -> Answer {
        self.send(Method::PATCH, path, Some(json!({ "edits": edits }))).await
    }

    /// Makes a record and answers its address.
    pub async fn make(&self, kind: &str, fields: Value) -> String {
        let answer = self.post(&format!("/api/v1/{kind}"), json!({ "fields": fields })).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.header("location").to_owned()
    }

    /// The page of a list that these parameters ask for.
    pub async fn list(&self, kind: &str, parameters: &[(&str, &str)]) -> Answer {
        self.get(&with_parameters(&format!("/api/v1/{kind}"), parameters)).await
    }
}

pub fn with_parameters(path: &str, parameters: &[(&str, &str)]) -> String {
    let url = reqwest::Url::parse_with_params("http://localhost", parameters).unwrap();
    format!("{path}?{}", url.query().unwrap_or_default())
}

fn titles(page: &Value) -> Vec<&str> {
    page["rows"].as_array().unwrap().iter().map(|row| row["title"].as_str().unwrap()).collect()
}

/// Status, code and field of a problem.
pub fn problem(answer: &Answer) -> (u16, String, String) {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text());
    let json = answer.json();
    let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    assert!(!text("detail").is_empty(), "{json}");
    (answer.status.as_u16(), text("code"), text("field"))
}

/// A phone without an engine: documents, a pen, and the way to the write path.
pub struct Phone {
    author: Author,
    actor: ActorId,
    pub docs: HashMap<RecordId, Doc>,
}

impl Phone {
    pub async fn of(server: &Server, user: UserId, role: &str, n: u8) -> Self {
        let (device, actor) = (DeviceId::of_cause(&format!("phone {n}")), ActorId([n; 16]));
        let mut tx = server.app.store.begin().await.unwrap();
        devices::add_actor(&mut tx, server.workspace, actor, device, START).await.unwrap();
        tx.commit().await.unwrap();
        let author = Author { workspace: server.workspace, user, role: role.parse().unwrap(), device, pen: Pen::Device };
        Self { author, actor, docs: HashMap::new() }
    }

    /// Writes in the main document of a record, offline.
    pub fn write(&mut self, kind: &str, record: RecordId, at: i64, edits: &[FieldEdit]) -> Pushed {
        let kind = Schema::builtin().kind(kind).unwrap();
        let edits = path_edits(kind, |_| self.docs.get(&record), edits).unwrap().remove(&Facet::Main).unwrap();
        let written = self.docs.entry(record).or_default().write(self.actor, at, &edits).unwrap();
        Pushed { kind: kind.name.clone(), record, facet: Facet::Main, hash: written.hash, body: written.bytes }
    }

    pub async fn push(&self, server: &Server, change: &Pushed) -> Verdict {
        server.app.intake.push(&self.author, vec![change.clone()], START).await.unwrap().remove(0)
    }

    /// A change of its own as the feed gives it out.
    pub fn delivered(&self, change: &Pushed, position: u64, received_at: i64, seal: Seal) -> Delivered {
        let Pushed { kind, record, facet, hash, body } = change.clone();
        let (user, device) = (self.author.user, self.author.device);
        Delivered { position, kind, record, facet, hash, user, device, received_at, body, seal }
    }

    /// Gives back what a restored server has lost.
    pub async fn offer(&self, server: &Server, given: Delivered) -> Verdict {
        server.app.intake.offer(&self.author, vec![given], START).await.unwrap().remove(0)
    }
}

/// A customer whose name two phones have changed offline. Answers its address.
pub async fn disputed(server: &Server) -> String {
    let record = RecordId::of_cause("disputed");
    let mut ann = Phone::of(server, server.ann, "rep", 1).await;
    let mut bo = Phone::of(server, UserId::of_cause("bo"), "rep", 2).await;
    let born = ann.write("party", record, START - 9_000, &[FieldEdit::set("name", "佳美")]);
    bo.docs = ann.docs.clone();
    let changes = [
        ann.write("party", record, START - 8_000, &[FieldEdit::set("name", "佳美办公")]),
        bo.write("party", record, START - 7_000, &[FieldEdit::set("name", "佳美办公用品")]),
    ];
    for (phone, change) in [(&ann, &born), (&ann, &changes[0]), (&bo, &changes[1])] {
        assert!(matches!(phone.push(server, change).await, Verdict::Accepted { .. }));
    }
    format!("/api/v1/party/{record}")
}

#[tokio::test]
async fn a_record_is_made_read_edited_and_put_away() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let phones = json!([{"value": "138 1234 5678", "label": "mobile"}]);
    let fields =
        json!({"name": "佳美", "tags": ["vip"], "phones": phones, "notes": "call first", "credit_limit": {"amount": 5, "currency": "CNY"}});
    let address = ann.make("party", fields).await;

    let read = ann.get(&address).await;
    let record = read.json();
    assert_eq!(
        (&record["title"], &record["fields"]["tags"], &record["fields"]["notes"]),
        (&json!("佳美"), &json!(["vip"]), &json!("call first"))
    );
    assert_eq!(record["fields"]["phones"][0]["value"], "138 1234 5678");
    assert_eq!(read.header("etag"), format!("\"{}\"", record["version"]));

    let edits = json!([{"op": "set", "field": "name", "value": "佳美办公"}, {"op": "add", "field": "tags", "value": "north"}]);
    let edited = ann.edit(&address, edits).await.json();
    assert_eq!((&edited["title"], &edited["fields"]["tags"]), (&json!("佳美办公"), &json!(["north", "vip"])));
    assert!(edited["version"].as_u64() > record["version"].as_u64());

    let history = ann.get(&format!("{address}/history")).await.json();
    let renamed = history["entries"].as_array().unwrap().iter().find(|entry| entry["old"] == "佳美").unwrap();
    assert_eq!((&renamed["new"], &renamed["userName"], &renamed["offline"]), (&json!("佳美办公"), &json!("ann"), &json!(false)));

    let gone = ann.send(Method::POST, &format!("{address}/archive"), None).await;
    assert_eq!((gone.status.as_u16(), &gone.json()["archived"]), (200, &json!(true)));
    assert_eq!(titles(&ann.list("party", &[]).await.json()), [""; 0]);
    assert_eq!(titles(&ann.list("party", &[("archived", "true")]).await.json()), ["佳美办公"]);
    let late = ann.edit(&address, json!([{"op": "set", "field": "name", "value": "x"}])).await;
    assert_eq!(problem(&late).0, 409);
}

/// What a role may not see, it is not told of either: not even that somebody has edited it.
#[tokio::test]
async fn an_edit_of_a_facet_moves_a_record_only_for_those_who_see_the_facet() {
    let server = Server::start().await;
    let (ann, rep) = (Client::office(&server).await, Client::of_role(&server, "rita", "rep").await);
    let manager = Client::of_role(&server, "mia", "manager").await;
    let old = ann.make("party", json!({"name": "old"})).await;
    server.clock.forward(MINUTE);
    ann.make("party", json!({"name": "new"})).await;
    ann.make("deal", json!({"title": "of old", "party": old.rsplit('/').next().unwrap(), "stage": "lead"})).await;
    let names = |page: &Value| titles(page).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let stands = async |client: &Client<'_>| {
        let (read, listed) = (client.get(&old).await, client.list("party", &[("orderBy", "updatedAt"), ("order", "desc")]).await.json());
        let row = listed["rows"].as_array().unwrap().iter().find(|row| row["title"] == "old").unwrap().clone();
        assert_eq!((&row["version"], &row["updatedAt"]), (&read.json()["version"], &read.json()["updatedAt"]));
        assert_eq!(read.header("etag"), format!("\"{}\"", row["version"]));
        let day = json!([{"type": "after", "attribute": "updatedAt", "value": "2027-01-15"}]).to_string();
        let lately = names(&client.list("party", &[("where", &day), ("utcOffset", "840")]).await.json());
        let linked = json!([{"type": "after", "attribute": "party.updatedAt", "value": "2027-01-15"}]).to_string();
        let through = names(&client.list("deal", &[("where", &linked), ("utcOffset", "840")]).await.json());
        (row["version"].clone(), row["updatedAt"].clone(), names(&listed), lately, through)
    };
    // The next day, where it is 22 o'clock at the start.
    server.clock.forward(3 * 60 * MINUTE);
    let (seen, managed) = (stands(&rep).await, stands(&manager).await);
    assert_eq!(seen.2, ["new", "old"]);

    for (field, value, by_manager) in
        [("id_number", json!("110101199003078515"), false), ("credit_limit", json!({"amount": 5, "currency": "CNY"}), true)]
    {
        server.clock.forward(MINUTE);
        let before = stands(&ann).await;
        let edited = ann.edit(&old, json!([{"op": "set", "field": field, "value": value}])).await;
        assert_eq!(edited.status, 200, "{}", edited.text());
        assert_eq!(stands(&rep).await, seen, "{field}");
        assert_eq!(stands(&manager).await != managed, by_manager, "{field}");
        let office = stands(&ann).await;
        assert!(office.0.as_u64() > before.0.as_u64() && office.1.as_i64() > before.1.as_i64(), "{field}");
        assert_eq!(
            (office.2.join(" "), office.3.join(" "), office.4.join(" ")),
            ("old new".into(), "old".into(), "of old".into()),
            "{field}"
        );
    }
    // Page by page they come in the same order.
    let first = rep.list("party", &[("orderBy", "updatedAt"), ("order", "desc"), ("maxSize", "1")]).await.json();
    let after = first["next"].as_str().unwrap();
    let second = rep.list("party", &[("orderBy", "updatedAt"), ("order", "desc"), ("maxSize", "1"), ("after", after)]).await.json();
    assert_eq!((titles(&first), titles(&second)), (vec!["new"], vec!["old"]));

    let if_match = |version: &Value| format!("\"{version}\"");
    let edit = json!({"edits": [{"op": "set", "field": "industry", "value": "print"}]}).to_string();
    let send = async |client: &Client<'_>, version: &Value| {
        let version = if_match(version);
        let headers = [("authorization", client.bearer.as_str()), ("content-type", "application/json"), ("if-match", &version)];
        server.send(Method::PATCH, &old, &headers, edit.clone()).await
    };
    assert_eq!(send(&ann, &seen.0).await.status, 412, "the office sees what was edited since");
    let edited = send(&rep, &seen.0).await;
    assert_eq!(edited.status, 200, "{}", edited.text());
    assert!(edited.json()["version"].as_u64() > seen.0.as_u64());
    assert_eq!(send(&rep, &seen.0).await.status, 412);
}

/// Made in one moment, they are listed in an order by chance.
fn sorted(mut titles: Vec<&str>) -> Vec<&str> {
    titles.sort();
    titles
}

#[tokio::test]
async fn a_list_is_searched_by_words_as_in_the_console() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let phones = json!([{"value": "138 1234 5678", "label": "mobile"}]);
    ann.make("party", json!({"name": "佳美办公", "industry": "print", "phones": phones})).await;
    ann.make("party", json!({"name": "佳美餐饮", "industry": "food"})).await;
    ann.make("party", json!({"name": "Jiamei Trading", "industry": "print"})).await;
    ann.make("party", json!({"name": "A & Co"})).await;
    // Found the same way before the index knows of them and after it does.
    for is_indexed in [false, true] {
        if is_indexed {
            rapport_server::jobs::index::catch_up(&server.app).await.unwrap();
        }
        let cases = [
            ("佳美", vec!["佳美办公", "佳美餐饮"]),
            ("办公", vec!["佳美办公"]),
            ("&", vec!["A & Co"]),
            ("1234", vec!["佳美办公"]),
            ("nobody", vec![]),
        ];
        for (words, expected) in cases {
            let found = ann.list("party", &[("q", words)]).await.json();
            assert_eq!(sorted(titles(&found)), expected, "{words} {is_indexed}");
            let searched = ann.post("/api/v1/party/search", json!({ "q": words })).await.json();
            assert_eq!(sorted(titles(&searched)), expected, "{words} {is_indexed}");
        }
    }
    let pinyin = ann.list("party", &[("q", "jiamei"), ("total", "true")]).await.json();
    assert_eq!((titles(&pinyin).len(), &pinyin["total"]), (3, &json!(3)), "{pinyin}");
    // Beside conditions, page by page.
    let print = json!([{"type": "equals", "attribute": "industry", "value": "print"}]).to_string();
    let first = ann.list("party", &[("q", "jiamei"), ("where", &print), ("maxSize", "1")]).await.json();
    let after = first["next"].as_str().unwrap();
    let second = ann.list("party", &[("q", "jiamei"), ("where", &print), ("maxSize", "1"), ("after", after)]).await.json();
    assert_eq!((titles(&first).len(), titles(&second).len(), &second["next"]), (1, 1, &Value::Null));
    assert_ne!(titles(&first), titles(&second));
    let long = ann.list("party", &[("q", &"x".repeat(1_001))]).await;
    assert_eq!(problem(&long), (422, "invalid".to_owned(), "q".to_owned()));
}

#[tokio::test]
async fn a_list_forgives_a_slip_on_every_page_and_says_so_as_search_does() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    for (name, industry) in [("Jiamei Trading", "print"), ("Jiamei Paper", "print"), ("Jiamei Food", "food"), ("Someone", "print")] {
        ann.make("party", json!({"name": name, "industry": industry})).await;
    }
    rapport_server::jobs::index::catch_up(&server.app).await.unwrap();
    let exact = ann.list("party", &[("q", "jiamei")]).await.json();
    assert_eq!((titles(&exact).len(), exact.get("near")), (3, None), "{exact}");
    let near = ann.list("party", &[("q", "jiamie"), ("total", "true")]).await.json();
    assert_eq!((sorted(titles(&near)), &near["total"], &near["near"]), (sorted(titles(&exact)), &json!(3), &json!(true)), "{near}");
    let print = json!([{"type": "equals", "attribute": "industry", "value": "print"}]).to_string();
    let first = ann.list("party", &[("q", "jiamie"), ("where", &print), ("maxSize", "1")]).await.json();
    let second =
        ann.list("party", &[("q", "jiamie"), ("maxSize", "1"), ("where", &print), ("after", first["next"].as_str().unwrap())]).await;
    let second = second.json();
    let pages = [titles(&first), titles(&second)].concat();
    assert_eq!(sorted(pages), ["Jiamei Paper", "Jiamei Trading"]);
    // What is written so somewhere means that, whatever else is asked.
    let food = json!([{"type": "equals", "attribute": "industry", "value": "nothing"}]).to_string();
    assert!(titles(&ann.list("party", &[("q", "jiamei"), ("where", &food)]).await.json()).is_empty());
    let searched = ann.post("/api/v1/party/search", json!({"q": "jiamie"})).await.json();
    assert_eq!(searched["near"], true, "{searched}");
    let counted = ann.get("/api/v1/party/figures?q=jiamie").await.json();
    assert_eq!(counted["figures"][0]["count"], 3, "{counted}");
}

#[tokio::test]
async fn a_record_is_given_values_as_it_is_made_with_them_and_what_stands_there_is_not_written_again() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let phones = json!([{"id": "office", "value": "010 6552 9988"}]);
    let path = ann.make("party", json!({"name": "佳美", "industry": "print", "tags": ["a", "b"], "phones": phones})).await;
    let patch = async |body: Value| ann.send(Method::PATCH, &path, Some(body)).await;
    let answer = patch(json!({"fields": {"industry": "food", "tags": ["b", "c"], "phones": [{"value": "138 1234 5678"}]}})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let fields = answer.json()["fields"].clone();
    assert_eq!((&fields["industry"], &fields["tags"], &fields["name"]), (&json!("food"), &json!(["b", "c"]), &json!("佳美")));
    assert_eq!(fields["phones"].as_array().unwrap().len(), 2, "rows without an id are added: {fields}");
    // The same again writes nothing, in whatever words; and both ways go together.
    let version = answer.json()["version"].clone();
    assert_eq!(patch(json!({"fields": {"industry": "food", "phones": [{"value": "138 1234 5678"}]}})).await.json()["version"], version);
    let rows = json!([{"id": "office", "value": "010 6552 9989"}]);
    let both = json!({"fields": {"phones": rows}, "edits": [{"op": "set", "field": "website", "value": "www.example.com"}]});
    let fields = patch(both).await.json()["fields"].clone();
    assert_eq!((&fields["phones"], &fields["website"]), (&rows, &json!("www.example.com")), "rows with ids are all there is");
    assert!(patch(json!({"fields": {"industry": null}})).await.json()["fields"].get("industry").is_none());
    for (body, field) in [
        (json!({"fields": {"nam": "x"}}), "nam"),
        (json!({"fields": {"name": null}}), "name"),
        (json!({"fields": {"website": "javascript:alert(1)"}}), "website"),
    ] {
        assert_eq!(problem(&patch(body.clone()).await).2, field, "{body}");
    }
    let headers = [("if-match", "\"1\""), ("content-type", "application/json"), ("authorization", &*ann.bearer)];
    let stale = server.send(Method::PATCH, &path, &headers, r#"{"fields": {"website": "www.example.com"}}"#).await;
    assert_eq!(stale.status, 412, "what somebody has seen is not there any more, though nothing is to be written: {}", stale.text());
}

#[tokio::test]
async fn an_id_of_a_wrong_shape_is_named_with_its_place_and_what_an_id_looks_like() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let wrong = ann.post("/api/v1/party", json!({"id": "K-17", "fields": {"name": "x"}})).await;
    assert_eq!(problem(&wrong), (422, "invalid".to_owned(), "id".to_owned()));
    assert!(wrong.text().contains("`id` is an id, such as `01936f5e-"), "{}", wrong.text());
    let number = ann.post("/api/v1/party", json!({"id": 17, "fields": {"name": "x"}})).await;
    assert!(number.text().contains("`id` is an id, such as `01936f5e-8c1a-7d3e-9b54-2f6a7c8d9e01`, not `17`"), "{}", number.text());
    let body = json!({"from": UserId::of_cause("nobody"), "to": server.ann});
    let nobody = ann.post("/api/v1/handovers/preview", body).await;
    assert_eq!(problem(&nobody), (422, "invalid".to_owned(), "from".to_owned()));
    let body = json!({"from": server.ann, "to": "bo"});
    let unread = ann.post("/api/v1/handovers", body).await;
    assert_eq!(problem(&unread), (422, "invalid".to_owned(), "to".to_owned()));
}

#[tokio::test]
async fn the_same_creation_twice_makes_one_record() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let id = RecordId::of_cause("order 7");
    let body = json!({"id": id, "edits": [{"op": "set", "field": "name", "value": "佳美"}]});
    assert_eq!(ann.post("/api/v1/party", body.clone()).await.status, 201);
    let again = ann.post("/api/v1/party", body).await;
    assert_eq!((problem(&again).1.as_str(), again.json()["record"].as_str()), ("exists", Some(id.to_string().as_str())));
    assert_eq!(titles(&ann.list("party", &[]).await.json()), ["佳美"]);
}

#[tokio::test]
async fn lists_are_filtered_ordered_paged_and_counted() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let owner = ann.make("party", json!({"name": "佳美"})).await.rsplit('/').next().unwrap().to_owned();
    for (title, amount) in [("a", 1), ("b", 5), ("c", 3), ("d", 4)] {
        let amount = json!({"amount": amount, "currency": "CNY"});
        ann.make("deal", json!({"title": title, "party": owner, "amount": amount, "stage": "lead"})).await;
    }
    let above = json!([{"type": "greaterThan", "attribute": "amount.amount", "value": 2}, {"type": "equals", "attribute": "party.name", "value": "佳美"}]).to_string();
    let parameters = [("where", above.as_str()), ("orderBy", "amount.amount"), ("order", "desc"), ("maxSize", "2"), ("total", "true")];
    let first = ann.list("deal", &parameters).await.json();
    assert_eq!((titles(&first), &first["total"], &first["names"][&owner]["title"]), (vec!["b", "d"], &json!(3), &json!("佳美")));
    let after = first["next"].as_str().unwrap();
    let second = ann.list("deal", &[&parameters[..], &[("after", after), ("select", "stage")]].concat()).await.json();
    assert_eq!((titles(&second), &second["next"], &second["rows"][0]["fields"]), (vec!["c"], &Value::Null, &json!({"stage": "lead"})));
}

#[tokio::test]
async fn a_disagreement_of_two_phones_is_shown_and_settled() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let address = disputed(&server).await;
    let open = ann.get("/api/v1/conflicts").await.json();
    assert_eq!((&open["rows"][0]["record"]["title"], &open["rows"][0]["path"]), (&json!("佳美办公用品"), &json!("name")));
    let claims = ann.get(&format!("{address}/conflicts")).await.json()["rows"][0]["claims"].clone();
    assert_eq!((&claims[0]["value"], &claims[0]["userName"]), (&json!("佳美办公用品"), &json!("bo")));
    assert_eq!((&claims[1]["value"], &claims[1]["editTime"]), (&json!("佳美办公"), &json!(START - 8_000)));

    let settle = format!("{address}/conflicts/resolve");
    let settled = ann.post(&settle, json!({"path": "name", "value": "佳美办公"})).await.json();
    assert_eq!((&settled["title"], &settled["conflicts"], &settled["disagreements"]), (&json!("佳美办公"), &json!(0), &json!([])));
    let again = ann.post(&settle, json!({"path": "name", "value": "佳美办公"})).await;
    assert_eq!(problem(&again).0, 409);
    assert_eq!(ann.get("/api/v1/conflicts").await.json()["rows"], json!([]));
    let then = ann.get(&with_parameters(&format!("{address}/as-of"), &[("at", &START.to_string())])).await.json();
    assert_eq!(then["title"], "佳美办公");
    let day = jiff::Timestamp::from_millisecond(START).unwrap().to_string()[..10].to_owned();
    let at_end = ann.get(&format!("{address}/as-of?at={day}&utcOffset=0")).await.json();
    let end = jiff::Timestamp::from_millisecond(at_end["at"].as_i64().unwrap()).unwrap().to_string();
    assert_eq!((&at_end["title"], &*end), (&json!("佳美办公"), &*format!("{day}T23:59:59.999Z")));
    let in_beijing = ann.get(&format!("{address}/as-of?at={day}&utcOffset=480")).await;
    assert!(matches!(in_beijing.status.as_u16(), 200 | 404), "{}", in_beijing.text());
    let old = ann.get(&format!("{address}/as-of?at=2001-01-01")).await;
    assert_eq!(old.status, 404, "it was not there then");
}

#[tokio::test]
async fn what_a_phone_may_not_write_is_kept_for_the_office() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let mut phone = Phone::of(&server, UserId::of_cause("bo"), "rep", 1).await;
    let product = phone.write("product", RecordId::of_cause("paper"), START, &[FieldEdit::set("name", "Paper")]);
    assert!(matches!(phone.push(&server, &product).await, Verdict::Rejected { .. }));
    let refused = ann.get("/api/v1/rejected?maxSize=5").await.json()["rows"][0].clone();
    assert_eq!((&refused["code"], &refused["userName"], &refused["state"]), (&json!("forbidden"), &json!("bo"), &json!("rejected")));
    assert_eq!(refused["edits"], json!([{"op": "set", "field": "name", "value": "Paper"}]));
    assert_eq!(ann.get("/api/v1/rejected?state=decided").await.json()["rows"], json!([]));
}

#[tokio::test]
async fn one_customer_with_two_prices_is_a_collision() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let customer = ann.make("party", json!({"name": "佳美"})).await.rsplit('/').next().unwrap().to_owned();
    for yuan in [2_900, 2_700] {
        let line = json!({"product_name": "复印机", "price": {"amount": yuan * 100, "currency": "CNY"}});
        ann.make("offer", json!({"title": "报价", "form": "quote", "party": customer, "lines": [line]})).await;
    }
    let found = ann.get("/api/v1/quote-collisions").await.json();
    assert_eq!((&found["rows"][0]["lowest"], &found["rows"][0]["highest"]), (&json!(270_000), &json!(290_000)));
    assert_eq!(found["names"][&customer]["title"], "佳美");
}

#[tokio::test]
async fn a_rep_sees_and_writes_what_a_rep_may_and_is_told_what_not() {
    let server = Server::start().await;
    let (office, rep) = (Client::office(&server).await, Client::of_role(&server, "cy", "rep").await);
    let address = office.make("party", json!({"name": "佳美", "credit_limit": {"amount": 5, "currency": "CNY"}})).await;
    assert_eq!(rep.get(&address).await.json()["fields"], json!({"name": "佳美"}));
    let limit = json!([{"type": "isNotNull", "attribute": "credit_limit"}]).to_string();
    let hidden = rep.list("party", &[("where", &limit)]).await;
    assert_eq!(problem(&hidden), (403, "forbidden".to_owned(), "credit_limit".to_owned()));
    let raised = rep.edit(&address, json!([{"op": "set", "field": "credit_limit", "value": {"amount": 9, "currency": "CNY"}}])).await;
    assert_eq!(problem(&raised), (403, "forbidden".to_owned(), "credit_limit".to_owned()));
    let archived = rep.send(Method::POST, &format!("{address}/archive"), None).await;
    assert_eq!(problem(&archived).0, 403);
    let fields = rep.get("/api/v1/kinds/party").await.json();
    assert!(!fields["field"].as_array().unwrap().iter().any(|field| field["name"] == "credit_limit"));
    assert_eq!((&fields["may"]["create"], &fields["label"]["zh"]), (&json!(true), &json!("客户")));
}

#[tokio::test]
async fn every_mistake_is_named_with_its_place() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let address = ann.make("party", json!({"name": "佳美"})).await;
    let set = |field: &str, value: Value| json!([{"op": "set", "field": field, "value": value}]);
    let cases = [
        (ann.list("party", &[("where", "[{")]).await, 422, "where"),
        (ann.list("party", &[("where", r#"[{"type": "equals", "attribute": "nam", "value": 1}]"#)]).await, 422, "nam"),
        (ann.list("party", &[("ordrBy", "name")]).await, 422, "ordrBy"),
        (ann.list("party", &[("maxSize", "201")]).await, 422, "maxSize"),
        (ann.list("party", &[("after", "x")]).await, 422, "after"),
        (ann.list("party", &[("total", "maybe")]).await, 422, "total"),
        (ann.list("party", &[("archived", "maybe")]).await, 422, "archived"),
        (ann.list("party", &[("utcOffset", "9999")]).await, 422, "utcOffset"),
        (ann.list("party", &[("utcOffset", "-2147483648")]).await, 422, "utcOffset"),
        (ann.list("nosuch", &[]).await, 404, ""),
        (ann.get("/api/v1/party/nonsense").await, 404, ""),
        (ann.get(&format!("/api/v1/party/{}", RecordId::of_cause("nobody"))).await, 404, ""),
        (ann.get(&address.replace("party", "deal")).await, 404, ""),
        (ann.edit(&address.replace("party", "deal"), set("title", json!("x"))).await, 404, ""),
        (ann.edit(&address, set("nosuch", json!(1))).await, 422, "nosuch"),
        (ann.edit(&address, set("size", json!("huge"))).await, 422, "size"),
        (ann.post("/api/v1/deal", json!({"fields": {"title": "x", "probability": 50}})).await, 422, "probability"),
        (ann.edit(&address, json!([{"op": "explode", "field": "name"}])).await, 422, "edits[0].op"),
        (ann.post("/api/v1/party", json!({"fields": {}})).await, 422, ""),
        (ann.post("/api/v1/party", json!({"fields": {"industry": "paper"}})).await, 422, "name"),
        (ann.post("/api/v1/party", json!({"fields": {"name": " "}})).await, 422, "name"),
        (ann.post("/api/v1/party", json!({"fields": {"name": "x", "phones": [{"label": "y"}]}})).await, 422, "phones.value"),
        (ann.post("/api/v1/party", json!({"fields": {"name": "x", "phones": "1"}})).await, 422, "phones"),
        (ann.post("/api/v1/party", json!({"name": "x"})).await, 422, "name"),
        (ann.edit(&address, set("website", json!("javascript:alert(1)"))).await, 422, "website"),
        (ann.edit(&address, set("industry", json!("a\u{0}b"))).await, 422, "industry"),
        (ann.post("/api/v1/party", json!({"fields": {"name": "x", "emails": [{"value": "nobody"}]}})).await, 422, "emails.value"),
        (ann.get("/api/v1/party?offset=20").await, 422, "offset"),
        (ann.post(&format!("{address}/conflicts/resolve"), json!({"path": "name", "value": "x"})).await, 409, ""),
        (ann.get(&format!("{address}/as-of")).await, 422, "at"),
        (ann.get(&format!("{address}/as-of?at=5")).await, 404, ""),
        (ann.get("/api/v1/conflicts?after=x").await, 422, "after"),
        (ann.get("/api/v1/conflicts?maxSize=0").await, 422, "maxSize"),
        (ann.get("/api/v1/rejected?state=x").await, 422, "state"),
        (ann.get("/api/v1/rejected?after=5").await, 422, "after"),
        (ann.get("/api/v1/rejected?nonsense=1").await, 422, "nonsense"),
        (ann.send(Method::DELETE, &address, None).await, 405, ""),
    ];
    for (index, (answer, status, field)) in cases.iter().enumerate() {
        let (found, _, named) = problem(answer);
        assert_eq!((found, named.as_str()), (*status, *field), "case {index}: {}", answer.text());
    }
    let typo = ann.edit(&address, set("nam", json!("x"))).await;
    assert!(typo.text().contains("did you mean `name`"), "{}", typo.text());
}

#[tokio::test]
async fn what_is_no_id_in_an_address_names_nothing_and_is_said_like_everything_else() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    for path in ["/api/v1/privacy/x", "/api/v1/file/x/content", "/api/v1/party/x"] {
        let answer = office.get(path).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (404, &json!("not_found")), "{path}");
    }
    let page = desk.get("/privacy/x").await;
    assert!(page.status == 404 && page.text().contains("<html"), "{}", page.text());
}

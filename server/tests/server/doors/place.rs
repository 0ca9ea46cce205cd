//! A workspace in which everything bears its canary: whoever finds one elsewhere has found a leak.

use std::collections::HashMap;

use base64::Engine;
use rapport_server::auth::secret::{Token, TokenKind};
use rapport_server::intake::{Expect, RecordEdit};
use rapport_server::jobs::upload::About;
use rapport_server::language::Language;
use rapport_server::store::people::{self, User};
use rapport_server::store::{devices, imports, workspaces};
use reqwest::Method;
use serde_json::{Value, json};
use sync_core::access::RoleSet;
use sync_core::id::{ActorId, DeviceId, RecordId, UserId, WorkspaceId};
use sync_core::protocol::Verdict;
use sync_core::record::fields::FieldEdit;

use crate::harness::{Answer, MINUTE, PASSWORD, START, Server};
use crate::pen::Phone;

/// What the ids in an address name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Thing {
    Nothing,
    Record,
    Session,
    Key,
    Hook,
    Delivery,
    DeviceOf,
    Colleague,
    Import,
    Act,
    Upload,
    File,
}

/// A workspace with people of every role, and one of everything.
pub struct Place {
    pub workspace: WorkspaceId,
    /// In names, texts and everything else that the main facet shows.
    pub canary: String,
    /// In the private facet alone.
    pub private: String,
    /// In the commercial facet alone: an amount.
    pub commercial: String,
    /// When the private facet alone was edited, in the words in which doors say a moment.
    pub moment: [String; 2],
    /// A session of each role.
    pub sessions: HashMap<&'static str, String>,
    /// A key that may read offers and nothing else.
    pub key: String,
    /// A rep's device.
    pub device: String,
    pub actor: ActorId,
    things: HashMap<Thing, (String, String)>,
}

pub const ROLES: [&str; 6] = ["office", "manager", "rep", "regional", "leader", "agent"];
/// Those that see only what is theirs, their team's or their territory's: here they have no records.
pub const NEAR_ROLES: [&str; 3] = ["regional", "leader", "agent"];

impl Place {
    /// Fills a workspace. `elsewhere` is a record of another one, to which a record here links.
    pub async fn new(server: &Server, name: &'static str, commercial: i64, elsewhere: Option<&str>) -> Self {
        let mut place = Self {
            workspace: WorkspaceId::of_cause(name),
            canary: format!("canary{name}"),
            private: format!("private{name}"),
            commercial: commercial.to_string(),
            moment: [String::new(), String::new()],
            sessions: HashMap::new(),
            key: String::new(),
            device: String::new(),
            actor: ActorId(*UserId::of_cause(&format!("pen {name}")).as_bytes()),
            things: HashMap::new(),
        };
        place.people(server, name).await;
        place.records(server, elsewhere).await;
        place.files(server).await;
        place.programs(server).await;
        place.phones(server).await;
        place.acts(server).await;
        place.stamps(server).await;
        place
    }

    /// The two ids of a thing of this place; the second one only where an address has two.
    pub fn ids(&self, thing: Thing) -> (&str, &str) {
        self.things.get(&thing).map_or(("", ""), |(one, two)| (one, two))
    }

    fn put(&mut self, thing: Thing, id: impl ToString) {
        self.things.insert(thing, (id.to_string(), String::new()));
    }

    fn user(&self, role: &str) -> UserId {
        UserId::of_cause(&format!("{role} of {}", self.canary))
    }

    pub async fn send(&self, server: &Server, role: &str, method: Method, path: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {}", self.sessions[role]);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        server.send(method, path, &headers, body).await
    }

    async fn post(&self, server: &Server, path: &str, body: Value) -> Answer {
        let answer = self.send(server, "office", Method::POST, path, body).await;
        assert!(answer.status.is_success() || answer.status == 303, "{path}: {} {}", answer.status, answer.text());
        answer
    }

    /// Makes a record and answers its id.
    async fn make(&self, server: &Server, kind: &str, fields: Value) -> String {
        let made = self.post(server, &format!("/api/v1/{kind}"), json!({ "fields": fields })).await;
        made.json()["id"].as_str().unwrap().to_owned()
    }

    async fn people(&mut self, server: &Server, name: &str) {
        let hash = server.app.auth.passwords().hash(PASSWORD).await.unwrap();
        let mut tx = server.app.store.begin().await.unwrap();
        workspaces::add(&mut tx, self.workspace, name, [name.as_bytes()[0]; 16], workspaces::SealKey([2; 32]), START).await.unwrap();
        for role in ROLES {
            let user = User {
                workspace: self.workspace,
                user: self.user(role),
                login: role.to_owned(),
                name: format!("{} {role}", self.canary),
                role: role.parse().unwrap(),
                language: Language::En,
                disabled_at: None,
                created_at: START,
            };
            people::add_user(&mut tx, &user, &hash).await.unwrap();
        }
        tx.commit().await.unwrap();
        for role in ROLES {
            let credentials = json!({"workspace": name, "login": role, "password": PASSWORD}).to_string();
            let headers = [("content-type", "application/json"), ("user-agent", self.canary.as_str())];
            let answer = server.send(Method::POST, "/api/v1/sign-in", &headers, credentials).await;
            self.sessions.insert(role, answer.json()["token"].as_str().unwrap().to_owned());
        }
        let sessions = self.send(server, "office", Method::GET, "/api/v1/sessions", Value::Null).await.json();
        self.put(Thing::Session, sessions["rows"][0]["id"].as_str().unwrap());
        self.put(Thing::Colleague, self.user("rep"));
    }

    async fn records(&mut self, server: &Server, elsewhere: Option<&str>) {
        let canary = self.canary.clone();
        let label = format!("{{ en = \"{canary}\", zh = \"{canary}\" }}");
        let definition = format!(
            "name = \"{canary}\"\nlabel = {label}\nplural = {label}\ntitle = \"name\"\nlist = [\"name\"]\n[[field]]\nname = \"name\"\nlabel = {label}\nrequired = true\n"
        );
        self.make(server, "kind", json!({"name": canary, "definition": definition})).await;
        self.make(server, &canary, json!({"name": canary})).await;
        let amount: i64 = self.commercial.parse().unwrap();
        let party = self
            .make(
                server,
                "party",
                json!({
                    "name": canary, "industry": canary, "id_number": self.private, "notes": canary,
                    "emails": [{"value": format!("{canary}@example.com"), "label": "work"}],
                    "credit_limit": {"amount": amount, "currency": "CNY"},
                }),
            )
            .await;
        self.put(Thing::Record, &party);
        // Whether they see it or not.
        for role in ROLES {
            let follow = json!({"fields": {"record": party, "who": self.user(role)}});
            let followed = self.send(server, role, Method::POST, "/api/v1/follow", follow).await;
            assert_eq!(followed.status, 201, "{role}: {}", followed.text());
        }
        let edits = json!({"edits": [{"op": "set", "field": "industry", "value": format!("{canary} two")},
            {"op": "set", "field": "id_number", "value": format!("{} two", self.private)}]});
        let edited = self.send(server, "office", Method::PATCH, &format!("/api/v1/party/{party}"), edits).await;
        assert_eq!(edited.status, 200, "{}", edited.text());
        self.make(server, "deal", json!({"title": canary, "party": party, "stage": "lead"})).await;
        let view = json!({"name": canary, "purpose": "list", "about": "party", "everyone": true});
        self.make(server, "view", view).await;
        if let Some(elsewhere) = elsewhere {
            // No door takes such a link from an author; a phone's is there all the same.
            let fields = json!({"fields": {"title": "to another house", "party": elsewhere}});
            assert_eq!(self.send(server, "office", Method::POST, "/api/v1/deal", fields).await.status, 422);
            let edits = vec![FieldEdit::set("title", "to another house"), FieldEdit::set("party", elsewhere)];
            let edit = RecordEdit {
                kind: "deal".parse().unwrap(),
                record: RecordId::of_cause(&format!("far from {canary}")),
                edits,
                expect: Expect::New,
            };
            let author = server.app.intake.on_behalf(self.workspace, self.user("office"), RoleSet::office());
            server.app.intake.edit(&author, vec![edit], START, None).await.unwrap().remove(0).unwrap();
        }
        let comment = [("authorization", format!("Bearer {}", self.sessions["office"]))];
        let headers = [(comment[0].0, comment[0].1.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let said = server.send(Method::POST, &format!("/records/party/{party}/comments"), &headers, format!("text={canary}")).await;
        assert_eq!(said.status, 303, "{}", said.text());
    }

    /// Edits what few may see, at a moment at which nothing else happens: who may not see it is not told that it did.
    async fn stamps(&mut self, server: &Server) {
        let party = format!("/api/v1/party/{}", self.ids(Thing::Record).0);
        server.clock.forward(MINUTE);
        let before = [self.stamps_of(server, "rep", &party).await, self.stamps_of(server, "office", &party).await];
        let now = server.app.clock.now();
        self.moment = [now.to_string(), jiff::Timestamp::from_millisecond(now).unwrap().to_string()];
        let edits = json!({"edits": [{"op": "set", "field": "id_number", "value": format!("{} three", self.private)}]});
        let edited = self.send(server, "office", Method::PATCH, &party, edits).await;
        assert_eq!(edited.status, 200, "{}", edited.text());
        server.clock.forward(MINUTE);
        assert_eq!(self.stamps_of(server, "rep", &party).await, before[0], "what a rep may not see moves nothing for them");
        let moved = self.stamps_of(server, "office", &party).await;
        assert!(moved.iter().zip(&before[1]).all(|(after, before)| after != before), "{moved:?} {:?}", before[1]);
    }

    /// Version, moment and tag of a record, as a role reads them.
    async fn stamps_of(&self, server: &Server, role: &str, party: &str) -> [String; 3] {
        let answer = self.send(server, role, Method::GET, party, Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let read = answer.json();
        [read["version"].to_string(), read["updatedAt"].to_string(), answer.header("etag").to_owned()]
    }

    async fn files(&mut self, server: &Server) {
        let base64 = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let bearer = format!("Bearer {}", self.sessions["office"]);
        let party = self.ids(Thing::Record).0.to_owned();
        let metadata = format!("filename {},about {}", base64(&format!("{}.txt", self.canary)), base64(&party));
        let length = self.canary.len().to_string();
        let common =
            [("authorization", bearer.as_str()), ("tus-resumable", "1.0.0"), ("upload-length", &length), ("upload-metadata", &metadata)];
        let begun = server.send(Method::POST, "/api/v1/uploads", &common, "").await;
        assert_eq!(begun.status, 201, "{}", begun.text());
        self.put(Thing::Upload, begun.header("location").rsplit('/').next().unwrap());
        let whole = [&common[..], &[("content-type", "application/offset+octet-stream")]].concat();
        let done = server.send(Method::POST, "/api/v1/uploads", &whole, self.canary.clone()).await;
        assert_eq!(done.status, 201, "{}", done.text());
        self.put(Thing::File, done.header("rapport-file"));
    }

    async fn programs(&mut self, server: &Server) {
        let key = json!({"name": self.canary, "scopes": "offer:read", "expiresAt": START + 9_000_000_000_i64});
        let key = self.post(server, "/api/v1/keys", key).await.json();
        self.put(Thing::Key, key["id"].as_str().unwrap());
        self.key = key["token"].as_str().unwrap().to_owned();
        // Port 9: nobody listens, so the delivery stays and can be asked for.
        let hook = json!({"url": format!("http://127.0.0.1:9/{}", self.canary), "events": "*"});
        let hook = self.post(server, "/api/v1/webhooks", hook).await.json()["id"].as_str().unwrap().to_owned();
        self.put(Thing::Hook, &hook);
        self.make(server, "party", json!({"name": format!("{} for the hook", self.canary)})).await;
        rapport_server::hooks::round(&server.app).await.unwrap();
        let told = self.send(server, "office", Method::GET, &format!("/api/v1/webhooks/{hook}/deliveries"), Value::Null).await.json();
        let delivery = told["rows"][0]["id"].as_str().expect("something was to be told").to_owned();
        self.things.insert(Thing::Delivery, (hook, delivery));
    }

    /// A device that is enrolled, a disagreement, and an edit that was not accepted.
    async fn phones(&mut self, server: &Server) {
        let (app, canary) = (&server.app, self.canary.clone());
        let (user, device) = (self.user("rep"), DeviceId::of_cause(&canary));
        let token = Token::new(TokenKind::Device, self.workspace);
        let row = devices::Device {
            workspace: self.workspace,
            device,
            user,
            name: format!("{canary} phone"),
            actor: self.actor,
            app: canary.clone(),
            created_at: START,
            last_seen_at: START,
            revoked_at: None,
        };
        let mut tx = app.store.begin().await.unwrap();
        devices::add_device(&mut tx, &row, &token.hash()).await.unwrap();
        tx.commit().await.unwrap();
        self.device = token.reveal().to_owned();
        self.put(Thing::DeviceOf, device);
        let mut one = Phone::of(app, self.workspace, user, "rep", &format!("{canary} one"), START).await;
        let mut two = Phone::of(app, self.workspace, user, "rep", &format!("{canary} two"), START).await;
        let disputed = RecordId::of_cause(&canary);
        one.save(app, "party", disputed, START, &[FieldEdit::set("name", "born")]).await;
        two.docs = one.docs.clone();
        for (phone, value) in [(&mut one, format!("{canary} a")), (&mut two, format!("{canary} b"))] {
            let verdicts = phone.save(app, "party", disputed, START, &[FieldEdit::set("name", value)]).await;
            assert!(matches!(verdicts[0], Verdict::Accepted { .. }), "{verdicts:?}");
        }
        let hidden = [FieldEdit::set("id_number", format!("{} refused {canary}", self.private))];
        let verdicts = one.save(app, "party", disputed, START, &hidden).await;
        assert!(matches!(verdicts[0], Verdict::Rejected { .. }), "{verdicts:?}");
        let price = [FieldEdit::set("name", format!("{canary} refused"))];
        let verdicts = one.save(app, "product", RecordId::of_cause(&format!("{canary} product")), START, &price).await;
        assert!(matches!(verdicts[0], Verdict::Rejected { .. }), "{verdicts:?}");
    }

    async fn acts(&mut self, server: &Server) {
        let app = &server.app;
        let about = About {
            workspace: self.workspace,
            user: self.user("office"),
            kind: "party".parse().unwrap(),
            name: format!("{}.csv", self.canary),
            at: START,
        };
        let upload = app.uploads.keep(about, format!("Name\n{}\n", self.canary).into_bytes()).unwrap();
        self.put(Thing::Import, upload.id);
        let import = *RecordId::of_cause(&format!("act of {}", self.canary)).as_bytes();
        let row = imports::ImportRow {
            import,
            kind: "party".parse().unwrap(),
            file_name: format!("{} act.csv", self.canary),
            started_at: START,
            finished_at: Some(START),
            user: self.user("office"),
            created: 1,
            updated: 0,
            failed: 0,
            undone_at: None,
            act: imports::Act::File,
        };
        let mut tx = app.store.begin().await.unwrap();
        imports::add(&mut tx, self.workspace, &row).await.unwrap();
        tx.commit().await.unwrap();
        self.put(Thing::Act, RecordId::from_bytes(&import).unwrap());
    }
}

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

use super::table::Canary;
use crate::console::encoded;
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
    Dashboard,
    /// What strangers read.
    Article,
    /// A record about which two say different things.
    Disputed,
    /// A record about which two say different things in a part that not everybody reads, and nothing else.
    Whispered,
    /// An edit that was not accepted.
    Refused,
    /// Two records that are likely the same.
    Pair,
    /// What strangers fill in.
    Form,
}

/// A workspace with people of every role, and one of everything.
pub struct Place {
    pub workspace: WorkspaceId,
    /// In names, texts and everything else, but for the name of who administers: that stands on each of their pages.
    pub canary: String,
    /// Beside it in records that who sees only what is near does not see.
    pub far: String,
    /// The same in what is sold, which the key may read.
    pub sold: String,
    /// In the private facet alone.
    pub private: String,
    /// In the commercial facet alone: an amount, as programs and as people read it, and a text; and what somebody else says that
    /// the amount is.
    pub commercial: [String; 7],
    /// When the private facet alone was edited, in the words in which doors say a moment.
    pub moment: [String; 2],
    /// A session of each role.
    pub sessions: HashMap<&'static str, String>,
    /// A key that may read offers and nothing else.
    pub key: String,
    /// A rep's device.
    pub device: String,
    pub actor: ActorId,
    /// The device of each role: its token and its pen.
    pub devices: HashMap<&'static str, (String, ActorId)>,
    /// What stands in the secret addresses of each role, by the name that has its place there.
    pub secrets: HashMap<(&'static str, &'static str), String>,
    /// Records that who sees only what is near does not see, by kind.
    pub distant: Vec<(&'static str, String)>,
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
            far: format!("far{name}"),
            sold: format!("sold{name}"),
            private: format!("private{name}"),
            commercial: amounts(commercial, format!("inner{name}")),
            moment: [String::new(), String::new()],
            sessions: HashMap::new(),
            key: String::new(),
            device: String::new(),
            actor: ActorId([0; 16]),
            devices: HashMap::new(),
            secrets: HashMap::new(),
            distant: Vec::new(),
            things: HashMap::new(),
        };
        place.people(server, name).await;
        place.records(server, elsewhere).await;
        place.files(server).await;
        place.near(server).await;
        place.reports(server).await;
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

    /// Every word that stands here, by what it stands in.
    pub(super) fn canaries(&self) -> Vec<(Canary, &str)> {
        let one = [(Canary::House, &self.canary), (Canary::Far, &self.far), (Canary::Sold, &self.sold), (Canary::Private, &self.private)];
        let amounts = self.commercial.iter().map(|amount| (Canary::Commercial, amount));
        let moments = self.moment.iter().map(|moment| (Canary::Moment, moment));
        one.into_iter().chain(amounts).chain(moments).map(|(canary, word)| (canary, &**word)).collect()
    }

    /// What somebody is called.
    pub(super) fn called(&self, role: &str) -> String {
        if role == "office" { "The office".to_owned() } else { format!("{} {role}", self.canary) }
    }

    /// What stands in all records.
    pub fn both(&self) -> String {
        format!("{} {}", self.canary, self.far)
    }

    pub(super) fn put(&mut self, thing: Thing, id: impl ToString) {
        self.things.insert(thing, (id.to_string(), String::new()));
    }

    pub(super) fn pair(&mut self, thing: Thing, ids: (String, String)) {
        self.things.insert(thing, ids);
    }

    pub(super) fn user(&self, role: &str) -> UserId {
        UserId::of_cause(&format!("{role} of {}", self.canary))
    }

    pub async fn send(&self, server: &Server, role: &str, method: Method, path: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {}", self.sessions[role]);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        server.send(method, path, &headers, body).await
    }

    pub(super) async fn post(&self, server: &Server, path: &str, body: Value) -> Answer {
        let answer = self.send(server, "office", Method::POST, path, body).await;
        assert!(answer.status.is_success() || answer.status == 303, "{path}: {} {}", answer.status, answer.text());
        answer
    }

    /// A form, as a role sends it.
    pub(super) async fn submit(&self, server: &Server, role: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let bearer = format!("Bearer {}", self.sessions[role]);
        let headers = [("authorization", &*bearer), ("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html")];
        let answer = server.send(Method::POST, path, &headers, encoded(form)).await;
        assert!(answer.status.is_success() || answer.status == 303, "{path}: {} {}", answer.status, answer.text());
        answer
    }

    /// Makes a record and answers its id.
    pub(super) async fn make(&self, server: &Server, kind: &str, fields: Value) -> String {
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
                name: self.called(role),
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
        let (canary, both) = (self.canary.clone(), self.both());
        let label = format!("{{ en = \"{canary}\", zh = \"{canary}\" }}");
        let definition = format!(
            "name = \"{canary}\"\nlabel = {label}\nplural = {label}\ntitle = \"name\"\nlist = [\"name\"]\n[[field]]\nname = \"name\"\nlabel = {label}\nrequired = true\n"
        );
        self.make(server, "kind", json!({"name": canary, "definition": definition})).await;
        self.make(server, &canary, json!({"name": both})).await;
        let amount: i64 = self.commercial[0].parse().unwrap();
        let party = self
            .make(
                server,
                "party",
                json!({
                    "name": both, "industry": both, "id_number": self.private, "notes": both,
                    "emails": [{"value": format!("{canary}@example.com"), "label": "work"}],
                    "credit_limit": {"amount": amount, "currency": "CNY"},
                }),
            )
            .await;
        self.put(Thing::Record, &party);
        // Whether they see it or not: a phone may know its id.
        for role in ROLES {
            let follow = RecordEdit {
                kind: "follow".parse().unwrap(),
                record: RecordId::of_cause(&format!("{role} follows {canary}")),
                edits: vec![FieldEdit::set("record", party.as_str()), FieldEdit::set("who", self.user(role).to_string())],
                expect: Expect::New,
            };
            let author = server.app.intake.on_behalf(self.workspace, self.user(role), role.parse().unwrap());
            server.app.intake.edit(&author, vec![follow], START, None).await.unwrap().remove(0).unwrap();
        }
        let edits = json!({"edits": [{"op": "set", "field": "industry", "value": format!("{both} two")},
            {"op": "set", "field": "id_number", "value": format!("{} two", self.private)}]});
        let edited = self.send(server, "office", Method::PATCH, &format!("/api/v1/party/{party}"), edits).await;
        assert_eq!(edited.status, 200, "{}", edited.text());
        let deal = self.make(server, "deal", json!({"title": both, "party": party, "stage": "lead"})).await;
        self.distant.extend([("party", party.clone()), ("deal", deal)]);
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
        let comments = format!("/records/party/{party}/comments");
        self.submit(server, "office", &comments, &[("text", &both)]).await;
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
        let content = self.both();
        let metadata = format!("filename {},about {}", base64(&format!("{content}.txt")), base64(&party));
        let length = content.len().to_string();
        let common =
            [("authorization", bearer.as_str()), ("tus-resumable", "1.0.0"), ("upload-length", &length), ("upload-metadata", &metadata)];
        let begun = server.send(Method::POST, "/api/v1/uploads", &common, "").await;
        assert_eq!(begun.status, 201, "{}", begun.text());
        self.put(Thing::Upload, begun.header("location").rsplit('/').next().unwrap());
        let whole = [&common[..], &[("content-type", "application/offset+octet-stream")]].concat();
        let done = server.send(Method::POST, "/api/v1/uploads", &whole, content.clone()).await;
        assert_eq!(done.status, 201, "{}", done.text());
        let file = done.header("rapport-file").to_owned();
        let small = json!({"edits": [{"op": "set", "field": "thumbnail", "value": crate::files::hex(content.as_bytes())}]});
        let edited = self.send(server, "office", Method::PATCH, &format!("/api/v1/file/{file}"), small).await;
        assert_eq!(edited.status, 200, "{}", edited.text());
        self.distant.push(("file", file.clone()));
        self.put(Thing::File, file);
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
        self.make(server, "party", json!({"name": format!("{} for the hook", self.both())})).await;
        rapport_server::hooks::round(&server.app).await.unwrap();
        let told = self.send(server, "office", Method::GET, &format!("/api/v1/webhooks/{hook}/deliveries"), Value::Null).await.json();
        let delivery = told["rows"][0]["id"].as_str().expect("something was to be told").to_owned();
        self.things.insert(Thing::Delivery, (hook, delivery));
    }

    /// A device of each role, a disagreement, and an edit that was not accepted.
    async fn phones(&mut self, server: &Server) {
        let (app, canary, both) = (&server.app, self.canary.clone(), self.both());
        let mut tx = app.store.begin().await.unwrap();
        for role in ROLES {
            let token = Token::new(TokenKind::Device, self.workspace);
            let actor = ActorId(*UserId::of_cause(&format!("pen of {role} of {canary}")).as_bytes());
            let row = devices::Device {
                workspace: self.workspace,
                device: DeviceId::of_cause(&format!("{canary} {role}")),
                user: self.user(role),
                name: format!("{canary} phone of {role}"),
                actor,
                app: canary.clone(),
                created_at: START,
                last_seen_at: START,
                revoked_at: None,
            };
            devices::add_device(&mut tx, &row, &token.hash()).await.unwrap();
            self.devices.insert(role, (token.reveal().to_owned(), actor));
        }
        tx.commit().await.unwrap();
        (self.device, self.actor) = self.devices["rep"].clone();
        self.put(Thing::DeviceOf, DeviceId::of_cause(&format!("{canary} rep")));
        let user = self.user("rep");
        let mut one = Phone::of(app, self.workspace, user, "rep", &format!("{canary} one"), START).await;
        let mut two = Phone::of(app, self.workspace, user, "rep", &format!("{canary} two"), START).await;
        let disputed = RecordId::of_cause(&canary);
        one.save(app, "party", disputed, START, &[FieldEdit::set("name", "born")]).await;
        two.docs = one.docs.clone();
        for (phone, value) in [(&mut one, format!("{both} a")), (&mut two, format!("{both} b"))] {
            let verdicts = phone.save(app, "party", disputed, START, &[FieldEdit::set("name", value)]).await;
            assert!(matches!(verdicts[0], Verdict::Accepted { .. }), "{verdicts:?}");
        }
        let hidden = [FieldEdit::set("id_number", format!("{} refused {both}", self.private))];
        let changes = one.write("party", disputed, START, &hidden);
        let refused = changes[0].hash.to_string();
        let verdicts = one.push(app, changes, START).await;
        assert!(matches!(verdicts[0], Verdict::Rejected { .. }), "{verdicts:?}");
        let price = [FieldEdit::set("name", format!("{canary} refused"))];
        let verdicts = one.save(app, "product", RecordId::of_cause(&format!("{canary} product")), START, &price).await;
        assert!(matches!(verdicts[0], Verdict::Rejected { .. }), "{verdicts:?}");
        let whispered = RecordId::of_cause(&format!("{canary} whispered"));
        one.save(app, "party", whispered, START, &[FieldEdit::set("name", format!("{both} whispered"))]).await;
        for (thing, record) in [(Thing::Disputed, disputed), (Thing::Whispered, whispered)] {
            self.disputes_what_is_hidden(server, record).await;
            self.distant.push(("party", record.to_string()));
            self.put(thing, record);
        }
        self.put(Thing::Refused, refused);
    }

    /// Two say different things of a record in a part that not everybody reads.
    async fn disputes_what_is_hidden(&self, server: &Server, disputed: RecordId) {
        let (app, user) = (&server.app, self.user("office"));
        let limit = |amount: &str| {
            let amount: i64 = amount.parse().unwrap();
            [FieldEdit::set("credit_limit", json!({"amount": amount, "currency": "CNY"}))]
        };
        let mut phones = Vec::new();
        for name in ["first", "second"] {
            phones.push(Phone::of(app, self.workspace, user, "office", &format!("{} {name} of {disputed}", self.canary), START).await);
        }
        for (phone, amount) in phones.iter_mut().zip([&self.commercial[0], &self.commercial[4]]) {
            let verdicts = phone.save(app, "party", disputed, START, &limit(amount)).await;
            assert!(matches!(verdicts[0], Verdict::Accepted { .. }), "{verdicts:?}");
        }
        let path = format!("/api/v1/party/{disputed}/conflicts");
        let told = self.send(server, "office", Method::GET, &path, Value::Null).await.text();
        assert!(told.contains(&self.commercial[0]) && told.contains(&self.commercial[4]), "{told}");
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

/// An amount as a program, a person and a sheet read it.
fn amounts(minor: i64, text: String) -> [String; 7] {
    let read = |minor: i64| {
        let (whole, part) = (minor / 100, minor % 100);
        let grouped = format!("{},{:03}", whole / 1_000, whole % 1_000);
        [minor.to_string(), format!("{grouped}.{part:02}"), format!("{whole}.{part:02}")]
    };
    let ([one, two, three], [other, another, last]) = (read(minor), read(minor + 20_000));
    [one, two, three, text, other, another, last]
}

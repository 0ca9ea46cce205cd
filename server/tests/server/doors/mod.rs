//! Every route, asked by everybody: who is let in is let in, who is not learns nothing, and no answer ever
//! bears what belongs to another workspace or to a facet that its reader may not see.

mod disputes;
pub mod legible;
mod outside;
mod place;
mod reports;
mod table;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::json;
use sqlx::Row as _;
use sync_core::protocol::{self, CAPABILITIES, Hello, Message, PAGE_BYTES, PROTOCOL_VERSION, Pull};

use crate::harness::{Answer, Server, client};
use legible::legible;
use place::NEAR_ROLES;
pub use place::{Place, ROLES, Thing};
use table::{Body, Canary, DOORS, Door, Guard};

/// Two houses under one roof, and what the test asks with.
pub struct Street {
    pub server: Server,
    pub here: Place,
    pub there: Place,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    /// With a session.
    Role(&'static str),
    /// A program whose key reads offers and nothing else.
    Key,
    Device,
}

const EVERYBODY: [Who; 9] = [
    Who::Nobody,
    Who::Role("office"),
    Who::Role("manager"),
    Who::Role("rep"),
    Who::Role("regional"),
    Who::Role("leader"),
    Who::Role("agent"),
    Who::Key,
    Who::Device,
];

impl Who {
    fn sees_what_is_near(self) -> bool {
        matches!(self, Who::Role(role) if NEAR_ROLES.contains(&role))
    }
}

/// What is to become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    LetIn,
    /// Sign in first.
    Unknown,
    /// Known, and not allowed.
    Refused,
}

impl Street {
    pub async fn new() -> Self {
        let server = Server::start_with(crate::harness::calling_itself).await;
        let there = Place::new(&server, "bravo", 77_123_457, None).await;
        let here = Place::new(&server, "alpha", 66_123_459, Some(there.ids(Thing::Record).0)).await;
        rapport_server::jobs::index::catch_up(&server.app).await.unwrap();
        rapport_server::jobs::duplicates::catch_up(&server.app).await.unwrap();
        rapport_server::hooks::round(&server.app).await.unwrap();
        Self { server, here, there }
    }

    /// The headers of somebody here.
    fn bearer(&self, who: Who) -> Vec<(&'static str, String)> {
        let token = match who {
            Who::Nobody => return Vec::new(),
            Who::Role(role) => &self.here.sessions[role],
            Who::Key => &self.here.key,
            Who::Device => &self.here.device,
        };
        vec![("authorization", format!("Bearer {token}"))]
    }

    /// What an answer must not show to somebody here, by what it stands in.
    fn hidden_from(&self, who: Who) -> Vec<(Canary, &str)> {
        use Canary::{Commercial, Moment, Private, Sold};
        let of = |canary: &Canary| match who {
            Who::Role("office") => false,
            Who::Role("manager") => matches!(canary, Private | Moment),
            // Nothing but offers.
            Who::Key => *canary != Sold,
            Who::Nobody => true,
            Who::Role(_) | Who::Device => matches!(canary, Private | Commercial | Moment) || who.sees_what_is_near(),
        };
        let all = self.here.canaries().into_iter().filter(|(canary, _)| *canary != Canary::House);
        all.filter(|(canary, _)| of(canary)).collect()
    }

    /// Requests through a door, one for each of its questions, with ids of one of the houses.
    async fn ask(&self, door: &Door, ids_of: &Place, who: Who) -> Vec<Answer> {
        let mut answers = Vec::new();
        for query in door.queries {
            let path = self.address(door, query, ids_of.ids(door.thing), who);
            answers.push(self.ask_at(door, &path, ids_of, self.bearer(who)).await);
        }
        answers
    }

    /// The first question of a door, with headers of one's own.
    async fn asked_with(&self, door: &Door, headers: Vec<(&'static str, String)>) -> Answer {
        let path = self.address(door, door.queries[0], self.here.ids(door.thing), Who::Role("office"));
        self.ask_at(door, &path, &self.here, headers).await
    }

    async fn ask_at(&self, door: &Door, path: &str, ids_of: &Place, headers: Vec<(&'static str, String)>) -> Answer {
        let (one, _) = ids_of.ids(door.thing);
        let filled = |text: &str| text.replace("{id}", one).replace("{name}", &ids_of.both().replace(' ', "+"));
        self.send(door, path, (door.body, &filled), headers).await
    }

    /// A request with a body whose names in braces `filled` knows.
    async fn send(
        &self,
        door: &Door,
        path: &str,
        (body, filled): (Body, &dyn Fn(&str) -> String),
        mut headers: Vec<(&'static str, String)>,
    ) -> Answer {
        let is_page = !door.path.starts_with("/api") && !door.path.starts_with("/sync");
        let (kind, body) = match body {
            // An empty form: a refusal is about rights, not about there being none.
            Body::None if door.method == "POST" && is_page => (Some("application/x-www-form-urlencoded"), String::new()),
            Body::None => (None, String::new()),
            Body::Json(text) => (Some("application/json"), filled(text)),
            Body::Form(text) => (Some("application/x-www-form-urlencoded"), filled(text)),
            Body::File(text) => (Some("multipart/form-data; boundary=x"), in_a_form(&filled(text))),
        };
        headers.extend(kind.map(|kind| ("content-type", kind.to_owned())));
        if door.path.contains("uploads") {
            headers.push(("tus-resumable", "1.0.0".to_owned()));
        }
        if is_page {
            headers.push(("accept", "text/html".to_owned()));
        }
        let method = Method::from_bytes(door.method.as_bytes()).unwrap();
        let mut request = client().request(method, format!("http://{}{path}", self.server.address)).body(body);
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        // Events go on for ever; their content has a test of its own.
        let endless = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let body = if endless { Vec::new() } else { response.bytes().await.unwrap().to_vec() };
        Answer { status, headers, body }
    }

    /// The address of a door with its names filled in: with ids, and with the secrets of whoever asks.
    fn address(&self, door: &Door, query: &str, (one, two): (&str, &str), who: Who) -> String {
        let kind = if door.path == "/records/{kind}/move" { "deal" } else { "party" };
        let name = if door.path == "/assets/{name}" { "nothing.css" } else { kind };
        let path = door.path.replace("{kind}", kind).replace("{field}", "industry").replace("{name}", name).replace("{role}", "rep");
        let path = path.replace("{delivery}", two).replace("{duplicate}", if two.is_empty() { one } else { two });
        let change = if door.thing == Thing::Refused { one.to_owned() } else { "0".repeat(64) };
        let path = ["{user}", "{survivor}"].iter().fold(path.replace("{change}", &change), |path, name| path.replace(name, one));
        let path = if door.path.starts_with("/forms/") { path.replace("{key}", "{public}") } else { path };
        let named = ["{id}", "{act}", "{import}", "{device}", "{key}", "{link}", "{mail}", "{form}", "{rule}"];
        let path = named.iter().fold(path, |path, name| path.replace(name, one));
        let secret = |name| match who {
            Who::Role(role) => self.here.secrets[&(role, name)].clone(),
            Who::Nobody | Who::Key | Who::Device => "nothing".to_owned(),
        };
        let filled = |path: String, name| if path.contains(name) { path.replace(name, &secret(name)) } else { path };
        let path = ["{token}", "{file}", "{public}"].into_iter().fold(path, filled);
        let query = query.replace("{record}", self.here.ids(Thing::Record).0);
        if query.is_empty() { path } else { format!("{path}?{query}") }
    }
}

/// A file as a form sends it.
fn in_a_form(text: &str) -> String {
    format!("--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.toml\"\r\n\r\n{text}\r\n--x--\r\n")
}

/// What a guard promises.
fn expected(guard: Guard, who: Who) -> Expected {
    use Expected::{LetIn, Refused, Unknown};
    match (guard, who) {
        (Guard::Anybody, _) | (Guard::Device, Who::Device) | (Guard::Bearer, Who::Device) => LetIn,
        (_, Who::Nobody) | (Guard::Device, _) | (_, Who::Device) => Unknown,
        (Guard::Page | Guard::OfficePage | Guard::ExportPage, Who::Key) => Unknown,
        (Guard::Caller | Guard::Bearer | Guard::Person | Guard::Page, Who::Role(_)) => LetIn,
        (Guard::Caller | Guard::Bearer, Who::Key) => LetIn,
        (Guard::Person | Guard::Office, Who::Key) => Refused,
        (Guard::Office | Guard::OfficePage, Who::Role(role)) => {
            if role == "office" {
                LetIn
            } else {
                Refused
            }
        }
        (Guard::ExportPage, Who::Role(role)) => {
            if ["office", "manager"].contains(&role) {
                LetIn
            } else {
                Refused
            }
        }
    }
}

/// Every row of every table of a workspace, as text.
pub async fn everything_of(server: &Server, place: &Place) -> BTreeMap<String, Vec<String>> {
    let url = format!("sqlite://{}?mode=ro", server.app.store.path().display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let tables = "select m.name from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table' and c.name = 'workspace'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&pool).await.unwrap();
    let mut all = BTreeMap::new();
    for table in tables {
        let columns: Vec<String> =
            sqlx::query_scalar("select name from pragma_table_info($1) order by cid").bind(&table).fetch_all(&pool).await.unwrap();
        let quoted: Vec<String> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
        let sql = format!("select {} as line from \"{table}\" where workspace = $1 order by 1", quoted.join(" || ',' || "));
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(place.workspace.as_bytes().to_vec()).fetch_all(&pool).await.unwrap();
        all.insert(table, rows.iter().map(|row| row.get::<String, _>("line")).collect());
    }
    pool.close().await;
    all
}

#[tokio::test]
async fn every_route_is_in_the_table_and_no_other() {
    let server = Server::start().await;
    let mut routes = BTreeSet::new();
    for path in rapport_server::router::paths(&server.app) {
        // A method that nobody has: the answer says which there are.
        let asked = path.replace(['{', '}'], "");
        let answer = server.send(Method::from_bytes(b"PROPFIND").unwrap(), &asked, &[], "").await;
        assert_eq!(answer.status, 405, "{path}");
        // HEAD comes with GET.
        let methods: Vec<&str> = answer.header("allow").split(',').filter(|method| !method.is_empty()).collect();
        let alone = |method: &&str| *method != "HEAD" || !methods.contains(&"GET");
        routes.extend(methods.iter().copied().filter(|method| alone(method)).map(|method| format!("{method} {path}")));
    }
    let table: BTreeSet<String> = DOORS.iter().map(|door| format!("{} {}", door.method, door.path)).collect();
    assert_eq!(table.len(), DOORS.len(), "a route stands in the table twice");
    let forgotten: Vec<_> = routes.difference(&table).collect();
    assert!(forgotten.is_empty(), "say in doors/table.rs whom these let in: {forgotten:#?}");
    let gone: Vec<_> = table.difference(&routes).collect();
    assert!(gone.is_empty(), "these are no routes any more: {gone:#?}");
}

#[tokio::test]
async fn every_door_lets_in_whom_it_promises_and_shows_nobody_anything_of_another_house() {
    let street = Street::new().await;
    let before = everything_of(&street.server, &street.there).await;
    assert!(before.len() > 20 && before["rows"].len() > 4, "the other house is empty");
    let mut wrong = Vec::new();
    for door in DOORS {
        for who in EVERYBODY {
            if door.thing != Thing::Nothing {
                for answer in street.ask(door, &street.there, who).await {
                    let why = misbehaves(door, who, &answer, &street, true);
                    wrong.extend(why.map(|why| format!("{} {} with foreign ids, asked by {who:?}: {why}", door.method, door.path)));
                }
            }
            // What changes something is done elsewhere; here it is only refused.
            if door.is_safe() || expected(door.guard, who) != Expected::LetIn {
                for answer in street.ask(door, &street.here, who).await {
                    let why = misbehaves(door, who, &answer, &street, false);
                    wrong.extend(why.map(|why| format!("{} {} asked by {who:?}: {why}", door.method, door.path)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let after = everything_of(&street.server, &street.there).await;
    for (table, rows) in &before {
        assert_eq!(rows, &after[table], "something was changed in `{table}` of the other house");
    }
}

/// What is wrong with an answer, if anything is.
fn misbehaves(door: &Door, who: Who, answer: &Answer, street: &Street, foreign: bool) -> Option<String> {
    let status = answer.status.as_u16();
    let to_sign_in = status == 303 && answer.header("location").starts_with("/sign-in");
    let fits = match expected(door.guard, who) {
        Expected::Unknown => status == 401 || to_sign_in,
        // Whoever may not see a thing is not told that it exists.
        Expected::Refused => status == 403 || status == 404,
        // Whoever is let in everywhere is at most told that there is no such thing.
        Expected::LetIn if door.guard == Guard::Anybody => {
            status < 500 && status != 401 || ["/sign-in", "/sign-in/code"].contains(&door.path)
        }
        Expected::LetIn if to_sign_in || status >= 500 => door.path == "/sign-out",
        // The key's scopes do not cover customers.
        Expected::LetIn if who == Who::Key && (door.path.contains("{kind}") || door.thing != Thing::Nothing) => {
            (400..405).contains(&status) && status != 401 || door.path.starts_with("/api/v1/uploads")
        }
        // What is of nobody near is not there for them.
        Expected::LetIn if who.sees_what_is_near() && door.thing != Thing::Nothing && status == 404 => true,
        Expected::LetIn if foreign && door.thing != Thing::Nothing => door.foreign.contains(&status),
        Expected::LetIn if door.is_safe() => {
            // A form that asks for more is behind the door, too.
            let is_let_in = ((200..400).contains(&status) || status == 422) && !to_sign_in;
            // No WebSocket is asked for: behind the door all the same.
            is_let_in || door.own.contains(&status) || door.path == "/sync/live"
        }
        Expected::LetIn => status != 403,
    };
    if !fits {
        return Some(format!("answers {status} {}", answer.text().chars().take(300).collect::<String>()));
    }
    shows(answer, who, street).or_else(|| unguarded(answer))
}

/// What an answer shows that is not for who reads it, if it shows any.
fn shows(answer: &Answer, who: Who, street: &Street) -> Option<String> {
    let text = legible(answer);
    if let Some((theirs, _)) = street.there.canaries().into_iter().find(|(_, theirs)| text.contains(theirs)) {
        return Some(format!("shows something of the other house: {theirs:?}"));
    }
    let (canary, word) = street.hidden_from(who).into_iter().find(|(_, hidden)| text.contains(hidden))?;
    let at = text.find(word).unwrap_or_default();
    let around: String = text[..at].chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
    Some(format!("shows what its reader may not see, {canary:?}: …{around}{word}"))
}

/// A header that browsers need and that is not there.
fn unguarded(answer: &Answer) -> Option<String> {
    let required = [
        ("content-security-policy", "default-src"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", ""),
    ];
    // What stands in a secret address is told to nobody at all.
    if !["same-origin", "no-referrer"].contains(&answer.header("referrer-policy")) {
        return Some("tells other sites where one was".to_owned());
    }
    let missing = required.iter().find(|(name, value)| answer.headers.get(*name).is_none() || !answer.header(name).contains(value));
    missing.map(|(name, _)| format!("lacks `{name}`: {}", answer.status))
}

/// Doors that say when a job ran: at the moment of an edit or a minute later, as the machine has time.
const SAYS_WHEN_JOBS_RAN: [&str; 3] = ["/admin", "/webhooks/{id}", "/api/v1/webhooks/{id}/deliveries"];

/// Without this the matrix could pass because nothing was ever shown.
#[tokio::test]
async fn whoever_administers_finds_at_each_address_what_the_table_says_that_it_bears() {
    let street = Street::new().await;
    let mut wrong = Vec::new();
    for door in DOORS.iter().filter(|door| door.is_safe()) {
        let mut found = BTreeSet::new();
        for answer in street.ask(door, &street.here, Who::Role("office")).await {
            let text = legible(&answer);
            found.extend(street.here.canaries().into_iter().filter(|(_, word)| text.contains(word)).map(|(canary, _)| canary));
        }
        // It stands in the menu of every page.
        found.remove(&Canary::House);
        let mut said: BTreeSet<Canary> = door.bears.iter().copied().collect();
        if SAYS_WHEN_JOBS_RAN.contains(&door.path) {
            found.remove(&Canary::Moment);
            said.remove(&Canary::Moment);
        }
        if found != said {
            wrong.push(format!("{} {} bears {found:?} and not {said:?}", door.method, door.path));
        }
        if door.bears.is_empty() == door.bare.is_empty() {
            wrong.push(format!("{} {} bears something, or it is said why not", door.method, door.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn no_address_shows_anything_of_a_record_to_who_does_not_see_it() {
    let street = Street::new().await;
    let mut wrong = Vec::new();
    let reads = DOORS.iter().filter(|door| door.is_safe() && door.thing == Thing::Record && door.path.contains("{kind}"));
    for door in reads {
        for (kind, id) in &street.here.distant {
            for role in NEAR_ROLES {
                let path = door.path.replace("{kind}", kind).replace("{id}", id);
                let answer = street.ask_at(door, &path, &street.here, street.bearer(Who::Role(role))).await;
                wrong.extend(shows(&answer, Who::Role(role), &street).map(|why| format!("{} {path} by {role}: {why}", door.method)));
                assert!(answer.status != 200 || door.reads, "{} {path} lets {role} in", door.method);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whatever comes of it: these change the house, so each is asked once more by everybody who does not administer.
#[tokio::test]
async fn what_changes_something_answers_with_nothing_that_its_caller_may_not_see() {
    let street = Street::new().await;
    let mut wrong = Vec::new();
    let ends = ["/api/v1/sign-out", "/sign-out"];
    for role in ROLES.into_iter().filter(|role| *role != "office") {
        for door in DOORS.iter().filter(|door| !door.is_safe() && !ends.contains(&door.path)) {
            for answer in street.ask(door, &street.here, Who::Role(role)).await {
                wrong.extend(shows(&answer, Who::Role(role), &street).map(|why| format!("{} {} by {role}: {why}", door.method, door.path)));
            }
        }
        let me = street.here.send(&street.server, role, Method::GET, "/api/v1/me", serde_json::Value::Null).await;
        assert_eq!(me.status, 200, "{role} was shut out on the way");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn no_other_site_gets_anything_done_in_somebodys_name() {
    let street = Street::new().await;
    let cookie = ("cookie", format!("rapport={}", street.here.sessions["office"]));
    let before = everything_of(&street.server, &street.here).await;
    // What strangers send is in nobody's name, and comes from pages of other sites.
    for door in DOORS.iter().filter(|door| !door.is_safe() && !door.path.starts_with("/forms/")) {
        for foreign in
            [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example"), ("origin", "null")]
        {
            let headers = vec![cookie.clone(), (foreign.0, foreign.1.to_owned())];
            let answer = street.asked_with(door, headers).await;
            assert_eq!(answer.status, 403, "{} {} with {foreign:?}: {}", door.method, door.path, answer.text());
        }
        // A form of an old browser that says nothing about where it comes from has no business with cookies.
        let answer = street.asked_with(door, vec![cookie.clone()]).await;
        assert_eq!(answer.status, 403, "{} {} with a cookie and no origin", door.method, door.path);
    }
    assert_eq!(before, everything_of(&street.server, &street.here).await);
}

#[tokio::test]
async fn no_other_site_opens_a_live_connection() {
    let street = Street::new().await;
    let upgrade = || {
        let mut headers = street.bearer(Who::Device);
        let words = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ];
        headers.extend(words.map(|(name, value)| (name, value.to_owned())));
        headers
    };
    let live = DOORS.iter().find(|door| door.path == "/sync/live").unwrap();
    for foreign in [("origin", "https://evil.example"), ("origin", "null"), ("cookie", "rapport=anything")] {
        let mut headers = upgrade();
        headers.push((foreign.0, foreign.1.to_owned()));
        assert_eq!(street.asked_with(live, headers).await.status, 403, "{foreign:?}");
    }
}

#[tokio::test]
async fn a_device_is_given_nothing_of_another_house_nor_of_what_its_user_may_not_see() {
    let street = Street::new().await;
    for role in ROLES {
        let (token, actor) = &street.here.devices[role];
        let frame = protocol::encode_frame(&[
            Message::Hello(Hello {
                protocol: PROTOCOL_VERSION,
                capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
                app: "test".to_owned(),
                actor: *actor,
                epoch: None,
                pending: 0,
                unconfirmed: None,
            }),
            Message::Pull(Pull { max_bytes: PAGE_BYTES, ..Pull::default() }),
        ]);
        let bearer = format!("Bearer {token}");
        let answer = street.server.send(Method::POST, "/sync", &[("authorization", bearer.as_str())], frame).await;
        let messages = protocol::decode_frame(&answer.body).unwrap();
        let is_whole = messages.iter().any(|message| matches!(message, Message::Page(page) if !page.more));
        let given = format!("{messages:?}");
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|message| if let Message::Page(page) = message { page.entries.clone() } else { Vec::new() })
            .flat_map(|entry| if let protocol::Entry::Change(change) = entry { change.body } else { Vec::new() })
            .collect();
        let text = String::from_utf8_lossy(&bytes);
        assert!(is_whole && text.contains(&street.here.canary), "the feed of {role} is empty, or goes on: {given}");
        assert!(role != "office" || text.contains(&street.here.private) && text.contains(&street.here.far), "{given}");
        let hidden = street.hidden_from(Who::Role(role)).into_iter().chain(street.there.canaries());
        for (canary, hidden) in hidden {
            assert!(!text.contains(hidden), "the feed of {role} gives out `{hidden}`, {canary:?}");
        }
    }
}

#[tokio::test]
async fn an_open_page_hears_of_its_own_house_and_of_no_other() {
    let street = Street::new().await;
    let mut request = client().get(format!("http://{}/events", street.server.address));
    for (name, value) in street.bearer(Who::Role("rep")) {
        request = request.header(name, value);
    }
    let mut events = request.send().await.unwrap().bytes_stream();
    let name = async |place: &Place, title: &str| {
        let made = place.send(&street.server, "office", Method::POST, "/api/v1/party", json!({"fields": {"name": title}})).await;
        made.json()["id"].as_str().unwrap().to_owned()
    };
    let theirs = name(&street.there, "theirs").await;
    let ours = name(&street.here, "ours").await;
    let mut heard = String::new();
    while !heard.contains(&ours) {
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), events.next()).await;
        heard.push_str(&String::from_utf8_lossy(&next.expect("nothing was heard").unwrap().unwrap()));
    }
    assert!(!heard.contains(&theirs), "{heard}");
}

#[test]
fn each_role_is_asked_about() {
    let known: BTreeSet<String> = sync_core::access::Roles::builtin().roles().map(|role| role.name.to_string()).collect();
    assert_eq!(known, ROLES.map(str::to_owned).into(), "the matrix asks as these roles; a new one belongs there");
}

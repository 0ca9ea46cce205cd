//! The back office: pages that people see, forms that they send, news that arrives by itself.

use std::time::Duration;

use rapport_server::auth::secret::{Token, TokenKind};
use reqwest::Method;
use serde_json::json;
use sync_core::id::{RecordId, UserId};
use sync_core::protocol::{Invitation, Verdict};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Merge, Schema, ValueType};

use crate::api::Client;
use crate::harness::{Answer, MINUTE, START, Server, client};
use crate::lists::between;
use crate::pen::Phone;

/// A server, a browser that is signed in, and two phones.
pub struct Desk {
    pub server: Server,
    pub cookie: String,
    pub ann: Phone,
    pub bo: Phone,
}

impl Desk {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// On a server that is set up otherwise.
    pub async fn with(change: impl FnOnce(&mut rapport_server::Config)) -> Self {
        let server = Server::start_with(change).await;
        let (_, cookie) = server.browser_sign_in(&[]).await;
        let ann = Phone::of(&server.app, server.workspace, server.ann, "office", "Ann's phone", START).await;
        let bo = Phone::of(&server.app, server.workspace, UserId::of_cause("bo"), "office", "Bo's phone", START).await;
        Self { server, cookie, ann, bo }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.server.browse(&self.cookie, path).await
    }

    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.server.submit(&self.cookie, path, form).await
    }

    /// A customer whom both phones know.
    pub async fn customer(&mut self, n: u8, edits: &[FieldEdit]) -> RecordId {
        let id = record(n);
        let verdicts = self.ann.save(&self.server.app, "party", id, START, edits).await;
        assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Accepted { .. })), "{verdicts:?}");
        self.bo.docs = self.ann.docs.clone();
        id
    }

    /// A customer about whose name two phones disagree.
    pub async fn dispute(&mut self) -> RecordId {
        let id = self.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
        let anns = self.ann.write("party", id, START + MINUTE, &[FieldEdit::set("name", "Jiamei Office")]);
        let bos = self.bo.write("party", id, START + 2 * MINUTE, &[FieldEdit::set("name", "Jiamei Supplies")]);
        self.ann.push(&self.server.app, anns, START + 90 * MINUTE).await;
        self.bo.push(&self.server.app, bos, START + 90 * MINUTE).await;
        self.server.clock.forward(91 * MINUTE);
        id
    }
}

pub fn record(n: u8) -> RecordId {
    RecordId::new(START, [n; 10])
}

pub fn encoded(form: &[(&str, &str)]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    let text = |text: &str| -> String {
        text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
    };
    form.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect::<Vec<_>>().join("&")
}

#[tokio::test]
async fn who_is_not_signed_in_is_asked_to_and_in_their_language() {
    let server = Server::start().await;
    let answer = server.get("/records/party", &[("accept", "text/html")]).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/sign-in"));
    let chinese = server.get("/sign-in", &[("accept-language", "zh-CN")]).await.text();
    assert!(chinese.contains("lang=\"zh-CN\"") && chinese.contains("用户名"), "{chinese}");
    assert!(server.get("/sign-in?lang=en", &[("accept-language", "zh-CN")]).await.text().contains("Password"));
    let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    let wrong = server.send(Method::POST, "/sign-in?lang=zh-CN", &form, "login=ann&password=wrong-password").await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.text().contains("用户名或密码错误") && wrong.text().contains("value=\"ann\""), "{}", wrong.text());
}

#[tokio::test]
async fn too_many_attempts_are_answered_with_when_to_try_again() {
    let server = Server::start_with(|config| config.sign_in.attempts_per_account_max = 1).await;
    let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    let attempt = async || server.send(Method::POST, "/sign-in", &form, "login=ann&password=wrong-password").await;
    assert_eq!(attempt().await.status, 401);
    let answer = attempt().await;
    assert_eq!(answer.status, 429);
    assert!(!answer.header("retry-after").is_empty() && answer.text().contains("Too many attempts"), "{}", answer.text());
}

#[tokio::test]
async fn records_are_listed_searched_ordered_and_opened() {
    let mut desk = Desk::new().await;
    for n in 1..=60 {
        desk.customer(n, &[FieldEdit::set("name", format!("Customer {n:02}")), FieldEdit::set("industry", "print")]).await;
    }
    let start = desk.get("/").await;
    assert_eq!(start.header("location"), "/records/party");
    let page = desk.get("/records/party").await.text();
    assert!(page.contains("60 records") && page.contains("Customer 01") && !page.contains("Customer 51"), "{page}");
    let next = link(&page, "rel=\"next\"");
    let second = desk.get(&next).await.text();
    assert!(second.contains("Customer 51") && second.contains("Customer 60") && !second.contains("Customer 50<"));
    assert!(desk.get(&link(&second, "rel=\"prev\"")).await.text().contains("Customer 01"));
    let found = desk.get("/records/party?q=customer%2042").await.text();
    assert!(found.contains("1 record<") && found.contains("Customer 42"), "{found}");
    assert!(desk.get("/records/party?q=nobody").await.text().contains("Nothing found for"));
    let backwards = desk.get("/records/party?sort=name&desc=true").await.text();
    assert!(backwards.contains("Customer 60") && !backwards.contains("Customer 01"));
    let opened = desk.get(&format!("/records/party/{}", record(7))).await;
    assert!(opened.text().contains("<h1>Customer 07</h1>"));
    assert!(desk.get("/records/deal").await.text().contains("No deals yet"));
    for missing in ["/records/nothing", "/records/party/no-id", &format!("/records/deal/{}", record(7))] {
        let answer = desk.get(missing).await;
        assert_eq!((answer.status.as_u16(), answer.text().contains("Back to the start")), (404, true), "{missing}");
    }
}

/// The address of the link whose tag has this attribute.
pub fn link(page: &str, attribute: &str) -> String {
    let tag = page.split("<a ").find(|tag| tag.split('>').next().unwrap().contains(attribute)).unwrap();
    tag.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")
}

#[tokio::test]
async fn a_field_is_edited_and_a_bad_value_is_kept_in_the_form() {
    let mut desk = Desk::new().await;
    let id = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let path = format!("/records/party/{id}");
    assert!(desk.get(&format!("{path}?edit=website")).await.text().contains("name=\"f.website\""));
    let bad = desk.post(&format!("{path}/fields/website"), &[("f.website", "javascript:alert(1)")]).await;
    assert_eq!(bad.status, 422);
    assert!(bad.text().contains("value=\"javascript:alert(1)\"") && bad.text().contains("is not a web address"), "{}", bad.text());
    let good = desk.post(&format!("{path}/fields/website"), &[("f.website", "https://jiamei.example")]).await;
    assert_eq!((good.status.as_u16(), good.header("location")), (303, &*format!("{path}#f-website")));
    let page = desk.get(&path).await.text();
    assert!(page.contains("href=\"https://jiamei.example\"") && page.contains("ann · "), "{page}");

    let stale = [("seen", "000000000000"), ("f.website", "https://other.example")];
    let meanwhile = desk.post(&format!("{path}/fields/website"), &stale).await;
    assert_eq!(meanwhile.status, 422);
    assert!(meanwhile.text().contains("ann changed this field to “https://jiamei.example” while you were"), "{}", meanwhile.text());
    let history = desk.get(&format!("{path}/history")).await.text();
    assert!(history.contains("https://jiamei.example") && history.contains("Console"), "{history}");
    let past = desk.get(&format!("{path}/history?at=2020-01-01")).await.text();
    assert!(past.contains("There was no such record yet"), "{past}");
    let today = desk.get(&format!("{path}/history?at=2099-01-01")).await.text();
    let no_day = desk.get(&format!("{path}/history?at=2026-99-99")).await;
    assert!(no_day.status == 422 && no_day.text().contains("2026-99-99"), "{}", no_day.text());
    assert!(today.contains("As it was on 2099-01-01"), "{today}");
}

#[tokio::test]
async fn a_record_is_made_and_put_away() {
    let desk = Desk::new().await;
    let form = desk.get("/records/party/new").await.text();
    assert!(form.contains("name=\"f.name\"") && form.contains("name=\"f.owner\""), "{form}");
    let nameless = desk.post("/records/party", &[("f.industry", "print")]).await;
    assert_eq!(nameless.status, 422);
    assert!(nameless.text().contains("Please fill this in") && nameless.text().contains("value=\"print\""));
    let made = desk
        .post(
            "/records/party",
            &[("f.name", "新客户"), ("f.tags", "vip, north"), ("f.phones.rows", "new"), ("f.phones.new.value", "+86 21 5555")],
        )
        .await;
    assert_eq!(made.status, 303, "{}", made.text());
    let path = made.header("location").split('?').next().unwrap().to_owned();
    let page = desk.get(&path).await.text();
    for part in ["<h1>新客户</h1>", "vip", "href=\"tel:+86215555\""] {
        assert!(page.contains(part), "{page} lacks {part}");
    }
    assert!(desk.get(&format!("{path}/archive")).await.text().contains("Archive “新客户”?"));
    assert_eq!(desk.post(&format!("{path}/archive"), &[]).await.status, 303);
    assert!(desk.get("/records/party").await.text().contains("0 records"));
    assert!(desk.get("/records/party?archived=true").await.text().contains("新客户"));
    let late = desk.post(&format!("{path}/fields/name"), &[("f.name", "Late")]).await;
    assert_eq!(late.status, 422, "{}", late.text());
}

#[tokio::test]
async fn what_was_not_taken_comes_back_in_the_same_form() {
    let desk = Desk::new().await;
    let labels = |page: &str| {
        let (first, more) = between(page, "<form class=\"card form\"", "</form>").split_once("<details").unwrap();
        let of = |part: &str| part.split("<label for=\"").skip(1).map(|label| label.split('"').next().unwrap().to_owned()).collect();
        let both: (Vec<String>, Vec<String>) = (of(first), of(more));
        (both, more.starts_with(" open"))
    };
    // The address brings a field that the form would not ask for at once.
    let form = desk.get("/records/deal/new?f.source=fair").await.text();
    let ((first, more), is_open) = labels(&form);
    assert!(first.len() < more.len() && first.contains(&"f.source".to_owned()) && !is_open, "{first:?} {more:?}");
    let short = between(&form, "name=\"short\" value=\"", "\"");
    let sent = [("short", short), ("f.title", ""), ("f.source", "fair"), ("f.stage", "lead"), ("f.amount.currency", "CNY")];
    let blank = [("f.tags", ""), ("f.notes", ""), ("f.people.rows", "new"), ("f.people.new.party", ""), ("f.campaign", "")];
    let refused = desk.post("/records/deal", &[&sent[..], &blank].concat()).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("data-here=\"/records/deal/new\"") && !form.contains("data-here"), "where it is asked for");
    assert_eq!(labels(&refused.text()), ((first.clone(), more.clone()), false), "the same, and what nobody looked at stays closed");
    let typed = desk.post("/records/deal", &[&sent[..], &[("f.tags", "north")]].concat()).await.text();
    assert_eq!(labels(&typed), ((first, more), true), "open where something was typed");
    assert!(typed.contains("value=\"north\""), "{typed}");
}

#[tokio::test]
async fn a_disagreement_is_shown_with_its_authors_and_decided_in_place() {
    let mut desk = Desk::new().await;
    let id = desk.dispute().await;
    let path = format!("/records/party/{id}");
    assert!(desk.get("/records/party").await.text().contains("1 disagreement"));
    for page in [desk.get(&path).await.text(), desk.get("/conflicts").await.text()] {
        for part in ["Jiamei Office", "Jiamei Supplies", "Ann&#39;s phone", "arrived 1 hour later", "2 values, which one is right?"] {
            assert!(page.contains(part), "{page} lacks {part}");
        }
    }
    let page = desk.get(&path).await.text();
    let change = page.split("name=\"keep\" value=\"").nth(2).unwrap().split('"').next().unwrap().to_owned();
    let neither = desk.post(&format!("{path}/resolve"), &[("path", "name")]).await;
    assert_eq!((neither.status.as_u16(), neither.text().contains("Choose one of the values")), (422, true));
    let kept = desk.post(&format!("{path}/resolve"), &[("path", "name"), ("keep", &change)]).await;
    assert_eq!(kept.status, 303, "{}", kept.text());
    let page = desk.get(&path).await.text();
    assert!(page.contains("<h1>Jiamei Office</h1>") && page.contains(">decided</span>") && !page.contains("name=\"keep\""), "{page}");
    assert!(desk.get("/conflicts").await.text().contains("Everybody agrees"));
    let over = desk.post(&format!("{path}/resolve"), &[("path", "name"), ("keep", &change)]).await;
    assert!(over.text().contains("Somebody has decided this meanwhile"), "{}", over.text());
}

#[tokio::test]
async fn a_third_value_ends_a_disagreement_too() {
    let mut desk = Desk::new().await;
    let id = desk.dispute().await;
    let path = format!("/records/party/{id}");
    let third = desk.post(&format!("{path}/resolve"), &[("path", "name"), ("f.name", "Jiamei Group"), ("other", "1")]).await;
    assert_eq!(third.status, 303, "{}", third.text());
    assert!(desk.get(&path).await.text().contains("<h1>Jiamei Group</h1>"));
}

#[tokio::test]
async fn an_edit_that_was_refused_is_shown_with_its_reason() {
    let mut desk = Desk::new().await;
    let quote = record(9);
    let app = desk.server.app.clone();
    let born = [FieldEdit::set("title", "Chairs"), FieldEdit::set("form", "quote"), FieldEdit::set("status", "sent")];
    desk.ann.save(&app, "offer", quote, START, &born).await;
    desk.ann.save(&app, "offer", quote, START, &[FieldEdit::set("version", 2)]).await;
    let page = desk.get("/rejected").await.text();
    for part in ["Chairs", "Refused", "Version", "ann"] {
        assert!(page.contains(part), "{page} lacks {part}");
    }
    assert!(desk.get("/rejected?decided=true").await.text().contains("Nothing to decide"));
}

#[tokio::test]
async fn two_prices_for_one_customer_meet_on_a_page() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let (app, product) = (desk.server.app.clone(), record(2));
    desk.ann.save(&app, "product", product, START, &[FieldEdit::set("name", "Desk lamp")]).await;
    for (n, price) in [(3, 10_000), (4, 9_000)] {
        let line = json!({"product": product.to_string(), "quantity": 1, "price": {"amount": price, "currency": "CNY"}});
        let edits = [
            FieldEdit::set("title", format!("Quote {n}")),
            FieldEdit::set("form", "quote"),
            FieldEdit::set("party", party.to_string()),
            FieldEdit::SetRow { field: "lines".to_owned(), row: "l1".to_owned(), values: line.as_object().unwrap().clone() },
        ];
        desk.ann.save(&app, "offer", record(n), START, &edits).await;
    }
    for path in ["/collisions".to_owned(), format!("/records/party/{party}"), format!("/records/offer/{}", record(3))] {
        let page = desk.get(&path).await.text();
        for part in ["Desk lamp", "¥100.00", "¥90.00", "Quote 4"] {
            assert!(page.contains(part), "{path}: {page} lacks {part}");
        }
    }
}

#[tokio::test]
async fn what_a_phone_sends_reaches_an_open_page_at_once() {
    let mut desk = Desk::new().await;
    let id = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let mut stream = listen(&desk, "/events").await;
    let app = desk.server.app.clone();
    desk.ann.save(&app, "party", id, START + 1, &[FieldEdit::set("industry", "print")]).await;
    let text = heard(&mut stream, id).await;
    assert!(text.contains("event: change") && text.contains("\"party\"") && !text.contains("print"), "{text}");
    let stranger = desk.server.get("/events", &[]).await;
    assert_eq!(stranger.status, 401);
}

#[tokio::test]
async fn what_was_written_after_a_page_was_made_and_before_it_listens_is_told() {
    let mut desk = Desk::new().await;
    let id = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let page = desk.get("/records/party").await.text();
    let since = page.split("data-since=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("the page says where the feed was");
    let app = desk.server.app.clone();
    desk.ann.save(&app, "party", id, START + 1, &[FieldEdit::set("industry", "print")]).await;
    let mut stream = listen(&desk, &format!("/events?after={since}")).await;
    assert!(heard(&mut stream, id).await.contains("event: change"));
}

/// A page that stays open.
async fn listen(desk: &Desk, path: &str) -> reqwest::Response {
    let address = format!("http://{}{path}", desk.server.address);
    let stream = client().get(address).header("cookie", &desk.cookie).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    stream
}

/// What an open page is told, up to where a record is named.
async fn heard(stream: &mut reqwest::Response, id: RecordId) -> String {
    let hearing = async {
        let mut text = String::new();
        while !text.contains(&id.to_string()) {
            text.push_str(&String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap()));
        }
        text
    };
    tokio::time::timeout(Duration::from_secs(10), hearing).await.unwrap()
}

#[tokio::test]
async fn an_open_page_keeps_nobody_signed_in() {
    let server = Server::start_with(|config| config.session.idle_max_minutes = 30).await;
    let (_, cookie) = server.browser_sign_in(&[]).await;
    let token = Token::parse(TokenKind::Session, cookie.split_once('=').unwrap().1).unwrap();
    let caller = server.app.auth.caller(&token).await.unwrap().unwrap();
    server.clock.forward(20 * MINUTE);
    assert_eq!(server.app.auth.again(&caller).await.unwrap().as_ref(), Some(&caller));
    server.clock.forward(10 * MINUTE);
    assert_eq!(server.app.auth.again(&caller).await.unwrap(), None, "being looked at is not being busy");
}

#[tokio::test]
async fn the_language_is_switched_for_good() {
    let desk = Desk::new().await;
    assert!(desk.get("/records/party").await.text().contains("Customers"));
    let switched = desk.post("/language", &[("language", "zh-CN")]).await;
    assert_eq!(switched.status, 303);
    for path in ["/records/party", "/records/party/new", "/conflicts", "/rejected", "/collisions", "/devices", "/retention"] {
        let page = desk.get(path).await.text();
        assert!(page.contains("lang=\"zh-CN\"") && page.contains("客户") && !page.contains("Customers"), "{page}");
    }
}

#[tokio::test]
async fn whoever_ticks_no_disagreement_is_asked_to() {
    let desk = Desk::new().await;
    let decided = desk.post("/conflicts/resolve", &[("rule", "shown")]).await;
    let page = desk.get(decided.header("location")).await.text();
    assert!(page.contains("tick the disagreements first") && !page.contains("0 disagreements"), "{page}");
}

#[tokio::test]
async fn where_only_forms_are_sent_a_browser_reads_a_page_and_the_language_leads_back_to_one() {
    let desk = Desk::new().await;
    for path in ["/admin/settings".to_owned(), format!("/records/party/{}/comments", record(1))] {
        let page = desk.get(&path).await;
        assert!(page.status == 405 && page.text().contains("This cannot be done here"), "{path}: {}", page.text());
        assert!(page.text().contains("id=\"menu\""), "{path}: {}", page.text());
        let program = desk.server.get(&path, &[("cookie", &desk.cookie), ("accept", "application/json")]).await;
        assert_eq!(program.code(), "method_not_allowed");
    }
    let from = format!("http://{}/dashboards?day=1", desk.server.address);
    let headers = [
        ("cookie", &*desk.cookie),
        ("accept", "text/html"),
        ("referer", from.as_str()),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let refused = desk.server.send(Method::POST, &format!("/dashboards/{}/links", record(1)), &headers, "days=7").await;
    let page = refused.text();
    assert!(refused.status == 404 && page.contains("name=\"back\" value=\"/dashboards?day=1\""), "{page}");
    assert!(!desk.get("/conflicts").await.text().contains("name=\"back\""), "a page that is read leads back to itself");
    for (back, location) in [("/dashboards?day=1", "/dashboards?day=1"), ("//elsewhere", "/")] {
        let switched = desk.post("/language", &[("language", "zh-CN"), ("back", back)]).await;
        assert_eq!((switched.status.as_u16(), switched.header("location")), (303, location));
    }
}

#[tokio::test]
async fn a_code_for_a_phone_is_shown_once_and_a_device_is_shut_out() {
    let desk = Desk::new().await;
    let page = desk.get("/devices").await.text();
    assert!(page.contains("Ann&#39;s phone") && page.contains("Make a code"), "{page}");
    let code = desk.post("/devices/code", &[("user", &desk.server.ann.to_string())]).await.text();
    let typed = code.split("class=\"code\">").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    let base = code.contains("class=\"qr\"").then(|| format!("http://{}", desk.server.address)).expect("a square to scan");
    let invitation = Invitation { server: base, code: typed.to_owned() };
    let square = rapport_server::qr::Square::of(&invitation.to_string()).unwrap().path;
    assert!(code.contains(&square), "the square holds what is typed otherwise: {code}");
    assert!(!desk.get("/devices").await.text().contains("class=\"code\""));
    let device = desk.ann.author.device;
    assert_eq!(desk.post(&format!("/devices/{device}/revoke"), &[]).await.status, 303);
    assert!(desk.get("/devices").await.text().contains("badge red"));
}

/// What people could type to break out of a page.
const PAYLOADS: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</title></textarea><svg/onload=alert(1)>",
    "{{7*7}}<!--",
    "<a href=\"//evil.example\">x</a>",
    "&lt;b&gt;\u{202e}<b>",
];

#[tokio::test]
async fn nothing_that_people_type_becomes_markup() {
    let mut desk = Desk::new().await;
    let app = desk.server.app.clone();
    let mut pages: Vec<String> =
        ["/conflicts", "/rejected", "/collisions", "/people", "/teams", "/mentions", "/followed", "/roles", "/handover", "/retention"]
            .map(str::to_owned)
            .into();
    for (n, payload) in PAYLOADS.iter().enumerate() {
        for (k, kind) in Schema::builtin().kinds().filter(|kind| !["kind", "role"].contains(&&*kind.name)).enumerate() {
            let id = RecordId::new(START, [n as u8 + 1, k as u8, 0, 0, 0, 0, 0, 0, 0, 1]);
            let verdicts = desk.ann.save(&app, &kind.name, id, START, &poisoned(kind, payload)).await;
            if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Rejected { .. })) {
                // What these say must be something that can be followed, and requests are the server's.
                assert!(["approval", "rate", "rule", "sequence", "settings", "view"].contains(&&*kind.name), "{}: {verdicts:?}", kind.name);
                continue;
            }
            for suffix in ["", "/history", "/archive"] {
                pages.push(format!("/records/{}/{id}{suffix}", kind.name));
            }
            pages.push(format!("/records/{}", kind.name));
            let fields = kind.fields.iter().map(|field| format!("/records/{}/{id}?edit={}", kind.name, field.name));
            pages.extend(fields.filter(|_| n < 2));
        }
        pages.push(format!("/records/party?q={}", encoded(&[("x", payload)]).trim_start_matches("x=")));
    }
    pages.sort();
    pages.dedup();
    for path in pages {
        let answer = desk.get(&path).await;
        // Colleagues are not archived: that is refused on a page that names nobody.
        assert!(answer.status == 200 || (path.ends_with("/archive") && answer.status == 403), "{path}: {}", answer.status);
        harmless(&path, &answer);
    }
}

/// Edits that put a text wherever a kind takes texts.
fn poisoned(kind: &sync_core::schema::Kind, text: &str) -> Vec<FieldEdit> {
    let is_text = |value: &ValueType| {
        matches!(value, ValueType::String | ValueType::Paragraph | ValueType::Phone | ValueType::Email | ValueType::Url)
    };
    let mut edits = Vec::new();
    // What names a role must be one.
    for field in
        kind.fields.iter().filter(|field| !(&*kind.name == "member" && field.name.ends_with("role") || &*field.name == "more_roles"))
    {
        let values = || field.items.iter().filter(|item| is_text(&item.value)).map(|item| (item.name.to_string(), json!(text))).collect();
        match (&field.merge, field.items.is_empty()) {
            (Merge::Register | Merge::Visible | Merge::Text, _) if is_text(&field.value) => edits.push(FieldEdit::set(&field.name, text)),
            (Merge::Set, true) if is_text(&field.value) => {
                edits.push(FieldEdit::Add { field: field.name.to_string(), value: text.to_owned() });
            }
            (Merge::Set | Merge::List, false) => {
                edits.push(FieldEdit::SetRow { field: field.name.to_string(), row: text.to_owned(), values: values() });
            }
            (Merge::Log, _) => edits.push(FieldEdit::Append { field: field.name.to_string(), item: text.to_owned(), values: values() }),
            _ => {}
        }
    }
    edits
}

/// A page has our script and no other, links to no other host, and runs nothing inline.
fn harmless(path: &str, answer: &Answer) {
    let page = answer.text();
    assert!(answer.header("content-security-policy").starts_with("default-src 'self'"), "{path}");
    assert_eq!(page.matches("<script").count(), 1, "{path}: {page}");
    assert!(!page.contains("<img src=x") && !page.contains("<svg/") && !page.contains("<!--"), "{path}: {page}");
    for tag in page.split('<').skip(1).map(|tag| tag.split('>').next().unwrap()) {
        let attributes = tag.replace("&#34;", "").replace("&#39;", "");
        // What stands between quotes is a value; what is left are names.
        let names: String = attributes.split('"').step_by(2).collect();
        assert!(!names.contains(" on") && !names.contains(" style"), "{path}: <{tag}>");
        for address in ["href=\"", "src=\"", "action=\""] {
            let Some(target) = tag.split(address).nth(1).and_then(|rest| rest.split('"').next()) else { continue };
            let own = (target.starts_with('/') && !target.starts_with("//")) || target.starts_with('#') || target.is_empty();
            assert!(own || ["tel:", "mailto:"].iter().any(|scheme| target.starts_with(scheme)), "{path}: {target}");
        }
    }
}

#[tokio::test]
async fn assets_are_our_own_and_are_kept_for_ever() {
    let desk = Desk::new().await;
    let page = desk.get("/records/party").await.text();
    let addresses = page.split('"').filter(|text| text.starts_with("/assets/"));
    for address in addresses.map(|text| text.split('#').next().unwrap()) {
        let asset = desk.server.get(address, &[]).await;
        assert_eq!(asset.status, 200, "{address}");
        assert!(asset.header("cache-control").contains("immutable"), "{address}");
    }
    assert_eq!(desk.server.get("/assets/console.000000000000.css", &[]).await.status, 404);
}

#[tokio::test]
async fn what_goes_wrong_is_said_in_the_accounts_language_whatever_the_browser_prefers() {
    let desk = Desk::new().await;
    desk.post("/language", &[("language", "zh-CN")]).await;
    Client::of_role(&desk.server, "rep", "rep").await;
    let (_, rep) = desk.server.browser_sign_in_as("rep").await;
    let nobodys = format!("/records/party/{}", record(77));
    for accept in ["text/html", "*/*"] {
        let get = async |cookie: &str, path: &str| {
            let headers = [("cookie", cookie), ("accept", accept), ("accept-language", "en")];
            let answer = desk.server.get(path, &headers).await;
            assert!(answer.header("content-type").starts_with("text/html"), "{path} {accept}: {}", answer.text());
            (answer.status.as_u16(), answer.text())
        };
        let (status, page) = get(&desk.cookie, &nobodys).await;
        assert!(status == 404 && page.contains("未找到内容") && page.contains("lang=\"zh-CN\""), "{accept}: {page}");
        let (status, page) = get(&rep, &nobodys).await;
        assert!(status == 404 && page.contains("There is nothing here"), "{accept}: {page}");
        assert_eq!(get(&rep, "/people").await.0, 403);
    }
    let asked = [("accept", "text/html,application/xhtml+xml"), ("accept-language", "en")];
    let nowhere = desk.server.get("/nope", &[("cookie", &*desk.cookie), asked[0], asked[1]]).await;
    assert!(nowhere.status == 404 && nowhere.text().contains("未找到内容"), "{}", nowhere.text());
    let guest = desk.server.get("/nope", &asked).await;
    assert!(guest.status == 404 && guest.text().contains("There is nothing here") && guest.text().contains("<html"), "{}", guest.text());
}

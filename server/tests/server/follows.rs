//! Following a record: whoever does is told what others do to it, as far as they may see it.

use serde_json::json;
use sync_core::id::{RecordId, UserId};
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::browser::Browser;
use crate::console::Desk;
use crate::handset::Handset;
use crate::harness::{MINUTE, Server};

const BADGE: &str = "Following<span class=\"count\">";

/// How much is new, as the menu says; empty: nothing.
fn badge(page: &str) -> &str {
    page.split(BADGE).nth(1).map(|rest| rest.split('<').next().unwrap()).unwrap_or_default()
}

/// The part of the page that tells what is followed, and what is new of it.
fn told(page: &str) -> &str {
    page.split("id=\"followed\"").nth(1).unwrap().split("</main>").next().unwrap()
}

/// Somebody at the console.
struct Person<'s> {
    server: &'s Server,
    cookie: String,
}

impl<'s> Person<'s> {
    async fn of(server: &'s Server, login: &str) -> Self {
        Self { server, cookie: server.browser_sign_in_as(login).await.1 }
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.server.browse(&self.cookie, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    async fn send(&self, path: &str, form: &[(&str, &str)]) {
        let answer = self.server.submit(&self.cookie, path, form).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.text());
    }

    /// As the button of the page says it.
    async fn has_seen_all(&self) {
        let page = self.page("/followed").await;
        let position = page.split("name=\"position\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        self.send("/followed/seen", &[("position", position)]).await;
    }
}

fn id_of(path: &str) -> RecordId {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn whoever_follows_a_record_is_told_what_others_do_to_it_until_they_have_seen_it() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let path = office.make("party", json!({"name": "Jiamei", "industry": "lamps"})).await;
    let (page, id) = (path.replace("/api/v1", "/records"), id_of(&path));
    let bo = Person::of(&server, "bo").await;
    assert!(bo.page("/followed").await.contains("You follow nothing yet"));
    assert!(bo.page(&page).await.contains(&format!("action=\"{page}/follow\"")));
    bo.send(&format!("{page}/follow"), &[]).await;
    bo.send(&format!("{page}/follow"), &[]).await;
    let record = bo.page(&page).await;
    assert!(record.contains(&format!("action=\"{page}/unfollow\"")) && !record.contains("/records/follow"), "{record}");
    let quiet = bo.page("/followed").await;
    assert!(badge(&quiet).is_empty() && told(&quiet).contains("Nobody has changed anything"), "what was before is not new: {quiet}");
    assert_eq!(told(&quiet).matches("Jiamei").count(), 2, "once, and on its button: {quiet}");

    server.clock.forward(MINUTE);
    office
        .edit(&path, json!([{"op": "set", "field": "industry", "value": "print"}, {"op": "set", "field": "notes", "value": "big"}]))
        .await;
    server.clock.forward(MINUTE);
    office.make("deal", json!({"title": "Two hundred lamps", "party": id, "stage": "lead"})).await;
    Person::of(&server, "ann").await.send(&format!("{page}/comments"), &[("text", "They moved to Suzhou")]).await;
    server.clock.forward(MINUTE);
    Client::as_bo(&server).await.edit(&path, json!([{"op": "set", "field": "industry", "value": "bo's own"}])).await;
    let news = bo.page("/followed").await;
    assert_eq!(badge(&news), "3", "one act, a deal and a note; one's own edits are no news: {news}");
    let places = ["They moved to Suzhou", "Two hundred lamps", "print"].map(|text| told(&news).find(text));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "the last first: {places:?} {news}");
    assert!(told(&news).contains("<b>ann") && told(&news).contains("Industry") && !told(&news).contains("bo's own"), "{news}");
    assert!(bo.page("/start").await.contains(&format!("{BADGE}3")));

    bo.has_seen_all().await;
    let seen = bo.page("/followed").await;
    assert!(badge(&seen).is_empty() && !told(&seen).contains("Suzhou") && told(&seen).contains("Jiamei"), "{seen}");
    server.clock.forward(MINUTE);
    office.edit(&path, json!([{"op": "set", "field": "industry", "value": "paper"}])).await;
    assert_eq!(badge(&bo.page("/followed").await), "1");
    bo.send(&format!("{page}/unfollow"), &[("back", "followed")]).await;
    let none = bo.page("/followed").await;
    assert!(badge(&none).is_empty() && none.contains("You follow nothing yet"), "{none}");
}

#[tokio::test]
async fn what_is_followed_is_ones_own_and_stands_in_nobodys_lists() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let path = office.make("party", json!({"name": "Jiamei"})).await;
    let page = path.replace("/api/v1", "/records");
    let bo = Person::of(&server, "bo").await;
    bo.send(&format!("{page}/follow"), &[]).await;
    assert_eq!(office.get("/api/v1/follow?total=true").await.json()["total"], json!(0), "the office sees everything else");
    assert_eq!(Client::as_bo(&server).await.get("/api/v1/follow?total=true").await.json()["total"], json!(1));
    let read = office.get(&path).await.json();
    assert_eq!(read["linkedFrom"], json!([]), "{read}");
    let ann = Person::of(&server, "ann").await;
    let (record, mine) = (ann.page(&page).await, bo.page(&page).await);
    assert!(record.contains(&format!("action=\"{page}/follow\"")), "{record}");
    assert!(!record.contains("/records/follow") && !mine.contains("/records/follow"), "{mine}");
    assert!(ann.page("/followed").await.contains("You follow nothing yet"));
}

#[tokio::test]
async fn nothing_is_told_of_what_went_out_of_sight_or_never_was_in_it() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let agent = Client::of_role(&server, "cy", "agent").await;
    let cy = UserId::of_cause("cy");
    let path = office.make("party", json!({"name": "Jiamei", "owner": cy})).await;
    let page = path.replace("/api/v1", "/records");
    let person = Person::of(&server, "cy").await;
    person.send(&format!("{page}/follow"), &[]).await;
    server.clock.forward(MINUTE);
    office.edit(&path, json!([{"op": "set", "field": "credit_limit", "value": {"amount": 700, "currency": "CNY"}}])).await;
    office.edit(&path, json!([{"op": "set", "field": "birthday", "value": "1990-05-03"}])).await;
    let quiet = person.page("/followed").await;
    assert!(badge(&quiet).is_empty() && told(&quiet).contains("Nobody has changed anything"), "of facets out of sight: {quiet}");
    server.clock.forward(MINUTE);
    office.edit(&path, json!([{"op": "set", "field": "industry", "value": "print"}])).await;
    assert_eq!(badge(&person.page("/followed").await), "1");
    // Handed to somebody else.
    office.edit(&path, json!([{"op": "set", "field": "owner", "value": server.ann}])).await;
    assert_eq!(agent.get(&path).await.status, 404);
    let gone = person.page("/followed").await;
    assert!(badge(&gone).is_empty() && !gone.contains("Jiamei"), "{gone}");
    assert_eq!(server.submit(&person.cookie, &format!("{page}/follow"), &[]).await.status, 404);
}

#[tokio::test]
async fn a_phone_follows_offline_and_two_devices_follow_once() {
    let server = &Server::start().await;
    let office = Client::office(server).await;
    let path = office.make("party", json!({"name": "Jiamei"})).await;
    let (page, id, bo) = (path.replace("/api/v1", "/records"), id_of(&path), UserId::of_cause("bo"));
    let mut phone = Handset::of(server, bo).await;
    phone.sync(server).await;
    // Out of reach of the server, and meanwhile at the console.
    let follow = RecordId::new(server.app.clock.now(), [7; 10]);
    phone.edit(server, "follow", follow, &sync_core::actions::follow::following(id, bo));
    let person = Person::of(server, "bo").await;
    person.send(&format!("{page}/follow"), &[]).await;
    phone.sync(server).await;
    server.clock.forward(MINUTE);
    office.edit(&path, json!([{"op": "set", "field": "industry", "value": "print"}])).await;
    let news = person.page("/followed").await;
    assert!(badge(&news) == "1" && told(&news).matches(&format!("action=\"{page}/unfollow\"")).count() == 1, "{news}");
    let mut ann = Handset::of(server, server.ann).await;
    ann.sync(server).await;
    assert!(ann.fields(follow).is_none() && ann.fields(id).is_some(), "nobody else's phone has it");
    person.send(&format!("{page}/unfollow"), &[]).await;
    assert!(person.page("/followed").await.contains("You follow nothing yet"), "both");
    phone.sync(server).await;
    assert!(phone.device.get(follow).unwrap().unwrap().row.archived, "the phone hears of it");
}

#[tokio::test]
async fn a_program_follows_for_its_person_and_reads_the_news() {
    let server = Server::start().await;
    let (office, bo) = (Client::office(&server).await, Client::as_bo(&server).await);
    let path = office.make("party", json!({"name": "Jiamei", "industry": "lamps"})).await;
    bo.make("follow", json!({"record": id_of(&path), "who": UserId::of_cause("bo")})).await;
    server.clock.forward(MINUTE);
    office.edit(&path, json!([{"op": "set", "field": "industry", "value": "print"}])).await;
    server.clock.forward(MINUTE);
    office.make("deal", json!({"title": "Two hundred lamps", "party": id_of(&path)})).await;
    let told = bo.get("/api/v1/me/followed").await.json();
    let [made, changed] = &told["news"].as_array().unwrap()[..] else { panic!("{told}") };
    assert_eq!(
        (&made["made"]["title"], &made["about"]["id"], &made["userName"]),
        (&json!("Two hundred lamps"), &json!(id_of(&path)), &json!("ann"))
    );
    assert_eq!(
        (&changed["entries"][0]["field"], &changed["entries"][0]["new"], &changed["made"]),
        (&json!("industry"), &json!("print"), &json!(null))
    );
    assert_eq!(told["records"][0]["title"], "Jiamei");
    assert_eq!(bo.post("/api/v1/me/followed/seen", json!({"position": told["position"]})).await.status, 204);
    // What says less than was said before takes nothing back.
    assert_eq!(bo.post("/api/v1/me/followed/seen", json!({"position": 1})).await.status, 204);
    assert_eq!(bo.get("/api/v1/me/followed").await.json()["news"], json!([]));
    assert_eq!(office.get("/api/v1/me/followed").await.json()["records"], json!([]));
}

#[tokio::test]
async fn what_stands_for_a_followed_record_is_followed() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let [one, other] = [office.make("party", json!({"name": "Jiamei"})).await, office.make("party", json!({"name": "Jiamei Co"})).await];
    let page = other.replace("/api/v1", "/records");
    let bo = Person::of(&server, "bo").await;
    bo.send(&format!("{page}/follow"), &[]).await;
    server.clock.forward(MINUTE);
    let merged = office.post(&format!("{one}/merge"), json!({"duplicate": id_of(&other)})).await;
    assert_eq!(merged.status, 200, "{}", merged.text());
    bo.has_seen_all().await;
    server.clock.forward(MINUTE);
    office.edit(&one, json!([{"op": "set", "field": "industry", "value": "print"}])).await;
    let news = bo.page("/followed").await;
    assert!(badge(&news) == "1" && told(&news).contains(&one.replace("/api/v1", "/records")), "{news}");
}

#[tokio::test]
async fn records_of_a_workspaces_own_kind_are_followed_too() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let label = "{ en = \"Lease\", zh = \"租约\" }";
    let definition = format!(
        "name = \"lease\"\nlabel = {label}\nplural = {label}\ntitle = \"name\"\nlist = [\"name\"]\n[[field]]\nname = \"name\"\nlabel = {label}\n"
    );
    office.make("kind", json!({"name": "lease", "definition": definition})).await;
    let path = office.make("lease", json!({"name": "Shop"})).await;
    let page = path.replace("/api/v1", "/records");
    let bo = Person::of(&server, "bo").await;
    bo.send(&format!("{page}/follow"), &[]).await;
    server.clock.forward(MINUTE);
    office.edit(&path, json!([{"op": "set", "field": "name", "value": "Corner shop"}])).await;
    office.make("activity", json!({"subject": "Walked through it", "type": "visit", "about": [id_of(&path)]})).await;
    let news = bo.page("/followed").await;
    assert!(badge(&news) == "2" && told(&news).contains("Walked through it") && told(&news).contains("Corner shop"), "{news}");
    assert!(!bo.page("/records/view").await.contains("/follow\""), "lists have no such button");
    let view = office.make("view", json!({"name": "Mine", "about": "party"})).await.replace("/api/v1", "/records");
    assert!(!bo.page(&view).await.contains("/follow\""), "nor has what the system is made of");
}

#[tokio::test]
async fn a_visit_that_a_phone_brings_days_later_is_told() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let mut phone = Handset::of(&desk.server, desk.server.ann).await;
    phone.sync(&desk.server).await;
    let about = FieldEdit::Add { field: "about".to_owned(), value: party.to_string() };
    let visit = RecordId::new(desk.server.app.clock.now(), [5; 10]);
    phone.edit(&desk.server, "activity", visit, &[FieldEdit::set("subject", "Saw their plant"), FieldEdit::set("type", "visit"), about]);
    desk.server.clock.forward(9 * 24 * 60 * MINUTE);
    let person = Person::of(&desk.server, "bo").await;
    person.send(&format!("/records/party/{party}/follow"), &[]).await;
    phone.sync(&desk.server).await;
    let news = person.page("/followed").await;
    assert!(badge(&news) == "1" && told(&news).contains("Saw their plant"), "{news}");
}

#[tokio::test]
async fn a_record_is_followed_by_keyboard_and_its_news_come_to_an_open_page_by_themselves() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let bo = Client::as_bo(&desk.server).await;
    let path = office.make("party", json!({"name": "Jiamei", "industry": "lamps"})).await;
    let page = path.replace("/api/v1", "/records");
    let mut browser = Browser::of(&desk).await;
    browser.goto(&page).await;
    browser.run(&format!("document.querySelector('form[action=\"{page}/follow\"] button').focus()")).await;
    browser.press("Enter", false).await;
    browser.until(&format!("document.querySelector('form[action=\"{page}/unfollow\"]')")).await;
    browser.goto("/followed").await;
    desk.server.clock.forward(MINUTE);
    bo.edit(&path, json!([{"op": "set", "field": "industry", "value": "print"}])).await;
    browser.until("document.querySelector('#followed').innerText.includes('print')").await;
    browser.until("document.querySelector('#work a[href=\"/followed\"] .count')?.textContent === '1'").await;
    desk.server.clock.forward(MINUTE);
    bo.make("activity", json!({"subject": "Seen at the fair", "type": "visit", "about": [id_of(&path)]})).await;
    browser.until("document.querySelector('#work a[href=\"/followed\"] .count')?.textContent === '2'").await;
    // The menu counts what may have come while the page was read: what is marked as seen stands on it.
    browser.until("document.querySelector('#followed').innerText.includes('Seen at the fair')").await;
    browser.run("document.querySelector('form[action=\"/followed/seen\"] button').click()").await;
    browser.until("document.querySelector('#followed').innerText.includes('Nobody has changed anything')").await;
    browser.until("!document.querySelector('#work a[href=\"/followed\"] .count')").await;
}

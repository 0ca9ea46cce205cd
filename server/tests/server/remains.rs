//! What is left of somebody who was erased: in files that were brought in, in disagreements, at the desk, in messages.

use serde_json::json;
use sync_core::id::{RecordId, UserId};
use sync_core::protocol::Verdict;
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::console::Desk;
use crate::handset::Handset;
use crate::harness::{MINUTE, START, calling_itself};
use crate::lists::has;
use crate::pen::Phone;
use crate::privacy::found;
use crate::uploads::form;

const CANARY: &str = "Canary-Li-13800138000";

impl Desk {
    /// Somebody who came by a file, of which another row was left out; the file's page, and who it is.
    async fn brought(&self, office: &Client<'_>) -> (String, RecordId) {
        let csv = format!("Account Name,Billing City,Type\n{CANARY},Wuhu,org\n{CANARY} again,Wuhu,alien\n");
        let page = self.upload("party", "accounts.csv", csv.as_bytes()).await.header("location").to_owned();
        let run = form(&self.suggested(&page).await, "run");
        let run: Vec<(&str, &str)> = run.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(self.post(&page, &run).await.status, 303);
        has(&self.finished(&page).await, &["1 record made", "1 row left out"], &[]);
        let list = office.list("party", &[]).await.json();
        (page, list["rows"][0]["id"].as_str().unwrap().parse().unwrap())
    }

    /// Two phones say different things of them, and a third one what its owner may not say.
    async fn disputed(&self, id: RecordId) {
        let mut phones = [Handset::of(&self.server, self.server.ann).await, Handset::of(&self.server, UserId::of_cause("bo")).await];
        for phone in &mut phones {
            phone.sync(&self.server).await;
        }
        for (number, phone) in phones.iter_mut().enumerate() {
            phone.edit(&self.server, "party", id, &[FieldEdit::set("name", format!("{CANARY} {number}"))]);
        }
        for phone in &mut phones {
            phone.sync(&self.server).await;
        }
        let (app, now) = (&self.server.app, self.server.app.clock.now());
        let mut rep = Phone::of(app, self.server.workspace, UserId::of_cause("cy"), "rep", "Cy's phone", now).await;
        let verdicts = rep.save(app, "party", id, now, &[FieldEdit::set("id_number", CANARY)]).await;
        assert!(matches!(&verdicts[..], [Verdict::Rejected { .. }]), "{verdicts:?}");
    }
}

#[tokio::test]
async fn nothing_is_left_of_whoever_was_brought_in_disputed_refused_and_told_of() {
    let desk = Desk::with(calling_itself).await;
    let office = Client::office(&desk.server).await;
    Client::of_role(&desk.server, "cy", "rep").await;
    let hook = office.post("/api/v1/webhooks", json!({"url": "http://127.0.0.1:9/", "events": "*"})).await;
    assert_eq!(hook.status, 201, "{}", hook.text());
    let (page, id) = desk.brought(&office).await;
    desk.server.clock.forward(MINUTE);
    desk.disputed(id).await;
    rapport_server::hooks::round(&desk.server.app).await.unwrap();
    rapport_server::jobs::index::catch_up(&desk.server.app).await.unwrap();
    let conflicts = office.get(&format!("/api/v1/party/{id}/conflicts")).await.text();
    assert!(conflicts.contains(CANARY) && office.get("/api/v1/rejected").await.text().contains(CANARY), "{conflicts}");
    let before = found(&desk.server);
    assert!(["accounts.csv", ".failed"].iter().all(|file| before.iter().any(|path| path.contains(file))), "{before:?}");

    let erased = office.post(&format!("/api/v1/privacy/{id}/erase"), json!({})).await;
    assert_eq!(erased.status, 200, "{}", erased.text());
    assert_eq!(found(&desk.server), Vec::<String>::new());
    has(&desk.get(&page).await.text(), &["1 record made", "not kept any more"], &[]);
    assert_eq!(desk.get(&format!("{page}/failed.csv")).await.status, 404);
    assert_eq!(desk.post(&page, &[("act", "run")]).await.status, 422, "there is nothing to bring in");
}

#[tokio::test]
async fn whoever_stood_in_the_books_twice_is_handed_out_and_erased_whole() {
    let desk = Desk::with(calling_itself).await;
    let office = Client::office(&desk.server).await;
    Client::of_role(&desk.server, "cy", "rep").await;
    let first = office.make("party", json!({"name": "Li", "phones": []})).await;
    let second = office.make("party", json!({"name": CANARY})).await;
    let [one, other] = [&first, &second].map(|path| path.rsplit('/').next().unwrap().to_owned());
    office.make("deal", json!({"title": format!("{CANARY} printers"), "party": other})).await;
    let call = office.make("activity", json!({"type": "call", "subject": format!("{CANARY} calls"), "about": [one]})).await;
    assert_eq!(office.edit(&call, json!([{"op": "set", "field": "archived", "value": true}])).await.status, 200);
    let mut rep = Phone::of(&desk.server.app, desk.server.workspace, UserId::of_cause("cy"), "rep", "Cy's phone", START).await;
    let refused = rep.save(&desk.server.app, "party", one.parse().unwrap(), START, &[FieldEdit::set("id_number", CANARY)]).await;
    assert!(matches!(&refused[..], [Verdict::Rejected { .. }]), "{refused:?}");
    assert_eq!(office.post(&format!("{first}/merge"), json!({"duplicate": other})).await.status, 200);

    let dossier = office.get(&format!("/api/v1/privacy/{one}")).await.json();
    assert_eq!(dossier["merged"][0]["record"]["title"], CANARY, "{dossier}");
    assert!(dossier["merged"][0]["history"]["entries"].to_string().contains(CANARY), "{dossier}");
    let about: Vec<&str> = dossier["about"].as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert!(about.contains(&"deal") && about.contains(&"activity") && about.len() == 2, "what is archived speaks of them, too: {about:?}");
    assert_eq!(dossier["refused"][0]["edits"][0]["value"], CANARY, "{dossier}");
    let page = desk.get(&format!("/privacy/{one}")).await.text();
    has(&page, &["1 record merged into it", "2 other records that name it", "1 edit that was not accepted", "printers"], &[]);
    let handed = desk.get(&format!("/privacy/{one}/page.html")).await.text();
    has(
        &handed,
        &["Records that were merged into it", "Edits that were not accepted", "Cy&#39;s phone", "Records that name it", "calls"],
        &[],
    );

    let alone = office.post(&format!("/api/v1/privacy/{other}/erase"), json!({})).await;
    assert_eq!(alone.status, 409, "{}", alone.text());
    has(&desk.get(&format!("/privacy/{other}")).await.text(), &["was merged into another one"], &["Erase for good"]);
    let erased = office.post(&format!("/api/v1/privacy/{one}/erase"), json!({})).await;
    assert_eq!(erased.status, 200, "{}", erased.text());
    let proof = erased.json();
    assert_eq!((&proof["with"], proof["lookAt"].as_array().unwrap().len()), (&json!([other]), 2), "{proof}");
    assert_eq!(office.get(&second).await.status, 404);
    let again = office.post(&format!("/api/v1/privacy/{other}/erase"), json!({})).await;
    assert_eq!(again.status, 200, "what went with it can be asked about like itself: {}", again.text());
    for look_at in proof["lookAt"].as_array().unwrap() {
        assert_eq!(office.post(&format!("/api/v1/privacy/{}/erase", look_at.as_str().unwrap()), json!({})).await.status, 200);
    }
    assert_eq!(found(&desk.server), Vec::<String>::new());
    assert_eq!(crate::privacy::differences(&desk.server).await, Vec::<String>::new());
}

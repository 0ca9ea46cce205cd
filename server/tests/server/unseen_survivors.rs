//! A record that was merged into one that its reader does not see: it stands for itself, and no customer is lost to anybody.

use rapport_server::jobs::index::catch_up;
use serde_json::{Value, json};
use sync_core::id::{RecordId, UserId};
use sync_core::query::{Context, Query};

use crate::api::Client;
use crate::console::encoded;
use crate::handset::Handset;
use crate::harness::{MINUTE, Server};

/// An agent with a customer and its deal, and a colleague whose customer that one was merged into.
struct Shop {
    server: Server,
    cy: UserId,
    di: UserId,
    mine: String,
    theirs: String,
    phone: Handset,
}

fn id(path: &str) -> RecordId {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

/// What an agent comes across, through every door: in the list, counted, by a word of its name, and of its deal's.
#[derive(Debug, PartialEq)]
struct Seen {
    listed: Vec<String>,
    total: Value,
    by_word: bool,
    /// What the deal is grouped under, and whether it is found by its customer's name.
    group: String,
    by_customer: Value,
    /// On the phone: listed, and counted.
    phone: (Vec<String>, u64),
}

impl Shop {
    async fn new() -> Self {
        let server = Server::start().await;
        let office = Client::office(&server).await;
        let [cy, di] = ["cy", "di"].map(UserId::of_cause);
        for login in ["cy", "di"] {
            Client::of_role(&server, login, "agent").await;
        }
        let mine = office.make("party", json!({"name": "Nanhu", "owner": cy})).await;
        let theirs = office.make("party", json!({"name": "Jiamei", "owner": di})).await;
        office.make("deal", json!({"title": "Chairs", "party": id(&mine), "owner": cy})).await;
        let merged = office.post(&format!("{theirs}/merge"), json!({"duplicate": id(&mine)})).await;
        assert_eq!(merged.status, 200, "{}", merged.text());
        let phone = Handset::of(&server, cy).await;
        Self { server, cy, di, mine, theirs, phone }
    }

    /// Gives the survivor to somebody.
    async fn survivor_is_of(&self, owner: UserId) {
        self.server.clock.forward(MINUTE);
        let office = Client::office(&self.server).await;
        let given = office.edit(&self.theirs, json!([{"op": "set", "field": "owner", "value": owner}])).await;
        assert_eq!(given.status, 200, "{}", given.text());
    }

    /// What cy comes across.
    async fn seen(&mut self) -> Seen {
        catch_up(&self.server.app).await.unwrap();
        let agent = Client::signed_in(&self.server, "cy").await;
        let list = agent.list("party", &[("total", "true")]).await.json();
        let name = |row: &Value| row["title"].as_str().unwrap().to_owned();
        let (_, cookie) = self.server.browser_sign_in_as("cy").await;
        let found = self.server.browse(&cookie, "/search?q=nanhu").await.text();
        let figures = agent.get("/api/v1/deal/figures?by=party").await.json();
        let filter = json!([{"type": "contains", "attribute": "party.name", "value": "Nanhu"}]).to_string();
        let deals = agent.list("deal", &[("where", &*filter), ("total", "true")]).await.json();
        self.phone.sync(&self.server).await;
        let query = Query::of(self.phone.device.schema(), "party").unwrap();
        let page = self.phone.device.page(&query, Context { now: self.server.clock.now(), offset_minutes: 0 }).unwrap();
        Seen {
            listed: list["rows"].as_array().unwrap().iter().map(name).collect(),
            total: list["total"].clone(),
            by_word: found.contains(&format!("/records/party/{}", id(&self.mine))),
            group: figures["figures"][0]["key"].as_str().unwrap_or_default().to_owned(),
            by_customer: deals["total"].clone(),
            phone: (page.rows.into_iter().map(|row| row.title).collect(), page.total),
        }
    }
}

#[tokio::test]
async fn what_was_merged_into_a_record_that_one_does_not_see_stands_for_itself_at_every_door() {
    let mut shop = Shop::new().await;
    let (cy, di) = (shop.cy, shop.di);
    let itself = |shop: &Shop| Seen {
        listed: vec!["Nanhu".to_owned()],
        total: json!(1),
        by_word: true,
        group: id(&shop.mine).to_string(),
        by_customer: json!(1),
        phone: (vec!["Nanhu".to_owned()], 1),
    };
    assert_eq!(shop.seen().await, itself(&shop), "its survivor is a colleague's");
    shop.survivor_is_of(cy).await;
    let stood_for = Seen {
        listed: vec!["Jiamei".to_owned()],
        total: json!(1),
        by_word: false,
        group: id(&shop.theirs).to_string(),
        by_customer: json!(0),
        phone: (vec!["Jiamei".to_owned()], 1),
    };
    assert_eq!(shop.seen().await, stood_for, "both are theirs");
    shop.survivor_is_of(di).await;
    assert_eq!(shop.seen().await, itself(&shop), "it is a colleague's again");
}

#[tokio::test]
async fn the_page_of_such_a_record_says_nothing_of_the_one_that_stands_for_it() {
    let shop = Shop::new().await;
    let (_, cookie) = shop.server.browser_sign_in_as("cy").await;
    let page = shop.server.browse(&cookie, &format!("/records/party/{}", id(&shop.mine))).await.text();
    assert!(page.contains("Nanhu") && !page.contains("This was merged") && !page.contains("Jiamei"), "{page}");
    let agent = Client::signed_in(&shop.server, "cy").await;
    let around = agent.get(&format!("{}/duplicates", shop.mine)).await.json();
    assert_eq!(around["survivor"], Value::Null, "{around}");
    let office = Client::office(&shop.server).await;
    let listed = office.list("party", &[("total", "true"), ("q", "nanhu")]).await.json();
    assert_eq!(listed["total"], json!(0), "who sees both finds one: {listed}");
    let parameters = encoded(&[("q", "nanhu")]);
    let (_, cookie) = shop.server.browser_sign_in_as("ann").await;
    catch_up(&shop.server.app).await.unwrap();
    let found = shop.server.browse(&cookie, &format!("/search?{parameters}")).await.text();
    assert!(found.contains(&format!("/records/party/{}", id(&shop.theirs))), "{found}");
}

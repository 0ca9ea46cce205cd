//! What shows of a customer by what they bought and when they were met, each line with what says so; and what is in packages.

use serde_json::{Value, json};

use crate::api::Client;
use crate::console::Desk;
use crate::harness::{MINUTE, START};
use crate::lists::{between, has};

fn id_of(path: &str) -> String {
    path.rsplit('/').next().unwrap().to_owned()
}

fn yuan(amount: i64) -> Value {
    json!({"amount": amount * 100, "currency": "CNY"})
}

#[tokio::test]
async fn a_portrait_says_what_a_customer_likes_and_opens_the_records_that_say_so() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let party = office.make("party", json!({"name": "Jiamei", "preferences": ["green tea"]})).await;
    let (page, party) = (party.replace("/api/v1", "/records"), id_of(&party));
    has(
        between(&desk.page(&page).await, "id=\"portrait\"", "</section>"),
        &["Preferences", "green tea", "?edit=preferences"],
        &["Channel"],
    );
    let ink = id_of(&office.make("product", json!({"name": "Ink"})).await);
    let paper = id_of(&office.make("product", json!({"name": "Paper"})).await);
    let order = async |title: &str, product: &str, price: i64, status: &str| {
        let lines = json!([{"product": product, "quantity": 2, "price": yuan(price)}]);
        office.make("offer", json!({"title": title, "form": "order", "status": status, "party": party, "lines": lines})).await
    };
    for (title, product, price, status) in [
        ("First", &ink, 10, "completed"),
        ("Second", &ink, 30, "signed"),
        ("Third", &paper, 20, "accepted"),
        ("Not sold", &paper, 99, "declined"),
    ] {
        order(title, product, price, status).await;
    }
    for (subject, what, hour) in [("Rang", "call", 1), ("Rang again", "call", 2), ("Went there", "visit", 3)] {
        let when = json!({"start": START + hour * 60 * MINUTE, "end": START + hour * 60 * MINUTE});
        office.make("activity", json!({"subject": subject, "type": what, "status": "done", "about": [party], "when": when})).await;
    }
    let shown = desk.page(&page).await;
    let portrait = between(&shown, "id=\"portrait\"", "</section>");
    let line = |label: &str| portrait.split("class=\"trait\"").find(|line| line.contains(&format!("<h3>{label}</h3>"))).unwrap().to_owned();
    has(&line("Favourite products"), &["<summary>Ink ", "2 quotes and orders", ">First</a>", ">Second</a>", ">Third</a>"], &["Not sold"]);
    has(&line("Price band"), &["¥10.00 – ¥30.00"], &["¥99"]);
    has(&line("Channel"), &["Call", "2 activities", ">Rang again</a>", "Visit"], &[]);
    // 09:00 to 11:00 UTC, where the browser says nothing else.
    has(&line("Time of day"), &["06:00 – 11:00", "2 activities", "11:00 – 14:00"], &[]);
    assert_eq!(desk.post("/language", &[("language", "zh-CN")]).await.status, 303);
    has(&desk.page(&page).await, &["画像", "偏好产品", "价格带", "沟通渠道", "联系时段"], &["Favourite"]);
    // Who does not see quotes is told nothing of what they say.
    drop(Client::of_role(&desk.server, "cy", "agent").await);
    let (_, cookie) = desk.server.browser_sign_in_as("cy").await;
    assert!(!desk.server.browse(&cookie, &page).await.text().contains("Ink"));
}

#[tokio::test]
async fn a_quote_shows_what_is_in_the_packages_that_it_sells() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let product = async |name: &str, parts: Value| id_of(&office.make("product", json!({"name": name, "parts": parts})).await);
    let part = |product: &str, quantity: f64| json!({"id": product, "product": product, "quantity": quantity});
    let rope = product("Rope", json!([])).await;
    let kit = product("Repair kit", json!([part(&rope, 1.5)])).await;
    let car = product("Car for a day", json!([])).await;
    let trip = product("Self-drive trip", json!([part(&car, 1.0), part(&kit, 3.0)])).await;
    let lines = json!([{"product": trip, "quantity": 2, "price": yuan(3_000)}, {"product": rope, "quantity": 5}]);
    let offer = office.make("offer", json!({"title": "Summer", "form": "quote", "lines": lines})).await.replace("/api/v1", "/records");
    let page = desk.page(&offer).await;
    let opened = between(&page, "id=\"packages\"", "</section>");
    has(opened, &["Self-drive trip", "Car for a day", "Repair kit", "Rope"], &[]);
    for (name, quantity) in [("Car for a day", "2"), ("Repair kit", "6"), ("Rope", "9")] {
        has(between(opened, &format!(">{name}</a>"), "</tr>"), &[&format!(">{quantity}</td>")], &[]);
    }
    let plain = office.make("offer", json!({"title": "Plain", "form": "quote", "lines": [{"product": rope}]})).await;
    has(&desk.page(&plain.replace("/api/v1", "/records")).await, &[], &["id=\"packages\""]);
}

//! What customers are worth, whether they stay, and how long it takes to win a deal, as figures that are ready to be used.

use rapport_server::jobs::import::{self, cdnow_sample};
use serde_json::{Value, json};

use crate::api::Client;
use crate::console::{Desk, encoded};
use crate::harness::{MINUTE, START};
use crate::lists::has;

const DAY: i64 = 24 * 60 * MINUTE;
/// 1998-07-01: the day after the last one of the CDNOW data.
const AFTER_CDNOW: i64 = 899_251_200_000;

fn filter_of(board: &str, measure: &str) -> String {
    let board: toml::Value = toml::from_str(board).unwrap();
    let tiles = board["tile"].as_array().unwrap();
    tiles.iter().find(|tile| tile.get("measure").and_then(toml::Value::as_str) == Some(measure)).unwrap()["filter"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The sample of CDNOW (Fader & Hardie 2001): 2,357 customers with 6,919 orders over $244,091.94. How many of those who ordered
/// 181 to 360 days before ordered again was counted from the same file by another program.
#[tokio::test]
async fn the_value_of_a_customer_and_how_many_are_lost_are_those_of_the_published_data() {
    let board = include_str!("../../src/ready/customers.toml");
    let desk = Desk::new().await;
    desk.server.clock.forward(AFTER_CDNOW - START);
    let (author, _) = import::author(&desk.server.app, desk.server.workspace, None).await.unwrap();
    cdnow_sample(&desk.server.app, &author, &mut |_| {}).await.unwrap();
    let office = Client::office(&desk.server).await;
    let figures = async |kind: &str, measure: &str, more: &[(&str, &str)]| -> Vec<Value> {
        let filter = filter_of(board, measure);
        let query = encoded(&[&[("where", &*filter), ("measure", measure)], more].concat());
        let answer = office.get(&format!("/api/v1/{kind}/figures?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["figures"].as_array().unwrap().clone()
    };
    let near = |figure: &Value, expected: f64| {
        let value = figure["value"].as_f64().unwrap();
        assert!((value - expected).abs() < 1e-6, "{value} instead of {expected}");
    };
    let worth = figures("offer", "each:amount", &[]).await;
    assert_eq!((worth.len(), &worth[0]["count"], &worth[0]["currency"]), (1, &json!(6_919), &json!("USD")));
    near(&worth[0], 24_409_194.0 / 2_357.0);
    let by_quarter = figures("offer", "each:amount", &[("by", "date"), ("step", "quarter")]).await;
    let second = by_quarter.iter().find(|figure| figure["key"] == "1997-Q2").unwrap();
    near(second, 3_362_963.0 / 524.0);
    let churn = figures("party", "share:lapsed", &[]).await;
    assert_eq!((churn.len(), &churn[0]["count"]), (1, &json!(608)));
    near(&churn[0], 100.0 * 290.0 / 608.0);
}

#[tokio::test]
async fn the_ready_dashboard_shows_value_churn_and_conversion_in_both_languages() {
    let mut desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let party = async |name: &str| {
        let path = office.make("party", json!({"name": name})).await;
        path.rsplit('/').next().unwrap().to_owned()
    };
    let day = |days_ago: i64| {
        let moment = jiff::Timestamp::from_millisecond(START - days_ago * DAY).unwrap();
        moment.strftime("%Y-%m-%d").to_string()
    };
    let order = async |party: &str, yuan: i64, days_ago: i64| {
        let amount = json!({"amount": yuan * 100, "currency": "CNY"});
        let fields = json!({"form": "order", "status": "completed", "party": party, "amount": amount, "date": day(days_ago)});
        office.make("offer", fields).await
    };
    let (stays, leaves) = (party("Stays").await, party("Leaves").await);
    party("Never ordered").await;
    order(&stays, 100, 300).await;
    order(&stays, 300, 10).await;
    order(&leaves, 200, 200).await;
    let deal = office.make("deal", json!({"title": "Lamps", "party": stays, "stage": "lead"})).await;
    office.make("deal", json!({"title": "Chairs", "party": leaves, "stage": "lost"})).await;
    desk.server.clock.forward(12 * DAY);
    let office = Client::office(&desk.server).await;
    office.edit(&deal, json!([{"op": "set", "field": "stage", "value": "won"}])).await;
    desk.cookie = desk.server.browser_sign_in(&[]).await.1;
    let made = desk.post("/dashboards", &[("ready", "customers")]).await;
    assert_eq!(made.status, 303);
    let board = format!("{}?whole=true", made.header("location"));
    let page = desk.page(&board).await;
    let shown = ["Customer lifetime value so far", "¥300.00", "Churn: ordered 181 to 360 days ago, and not since", "50 %"];
    has(&page, &shown, &[]);
    has(
        &page,
        &["Conversion cycle, in days", ">12<", "Win rate, in percent", ">50<", ">Leaves</a>"],
        &[">Stays</a>", ">Never ordered</a>"],
    );
    assert_eq!(desk.post("/language", &[("language", "zh-CN")]).await.status, 303);
    has(&desk.page(&board).await, &["客户价值", "客户生命周期价值（至今）", "平均成交周期（天）"], &["Churn"]);
    // A list offers the same measures, and a percentage leads on like any other number.
    assert_eq!(desk.post("/language", &[("language", "en")]).await.status, 303);
    let chart = desk.page("/records/party?layout=bar&group=owner&measure=share:lapsed").await;
    has(&chart, &["value=\"share:lapsed\" selected", "Percentage: customers who no longer order"], &[]);
    has(&desk.page("/records/offer?layout=number&measure=each:amount").await, &["Sum of amount per customer"], &[]);
    assert_eq!(office.get("/api/v1/party/figures?measure=share:nothing").await.status, 422);
    assert_eq!(office.get("/api/v1/product/figures?measure=each:price").await.status, 422);
}

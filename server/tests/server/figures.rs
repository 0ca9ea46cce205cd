//! What charts are made of: in one currency, by parts of addresses and by linked records, through pages and the API.

use serde_json::json;

use crate::api::Client;
use crate::charts::{address, bars, told};
use crate::console::Desk;

#[tokio::test]
async fn a_chart_of_several_currencies_is_in_the_workspaces_by_the_rate_of_the_day_and_leads_to_each_of_them() {
    let mut desk = Desk::new().await;
    desk.pipeline().await;
    let sum = address("deal", &[("layout", "bar"), ("group", "stage"), ("measure", "sum:amount")]);
    assert!(!desk.shows(&sum).await.contains("All in CNY"), "without a rate nothing is claimed");
    for (from, rate) in [("2020-01-01", "7"), ("2027-01-01", "8"), ("2030-01-01", "9")] {
        desk.post("/records/rate", &[("f.currency", "EUR"), ("f.from", from), ("f.rate", rate)]).await;
    }
    let page = desk.shows(&sum).await;
    assert_eq!(bars(&page), told(&[("Lead", "¥4,000.00"), ("Proposal", "¥5,000.00"), ("Won", "¥14,200.00")]), "900 euros at 8");
    assert!(page.contains("≈ ¥23,200.00") && page.contains("by the rate of the day each record was made."), "{page}");
    assert!(page.contains("All in CNY") && page.contains("currency=EUR"), "{page}");
    assert_eq!(bars(&desk.shows(&format!("{sum}&currency=EUR")).await), told(&[("Won", "€900.00")]));
    assert_eq!(bars(&desk.shows(&format!("{sum}&currency=CNY")).await)[2], ("Won".to_owned(), "¥7,000.00".to_owned()));
    for (measure, won) in [("average:amount", "¥7,100.00"), ("least:amount", "¥7,000.00"), ("greatest:amount", "¥7,200.00")] {
        let page = desk.shows(&address("deal", &[("layout", "bar"), ("group", "stage"), ("measure", measure)])).await;
        assert_eq!(bars(&page)[2], ("Won".to_owned(), won.to_owned()), "{measure}");
    }
    // Somewhere a rate is missing: that is said, and nothing is made up.
    desk.chart_deal(7, "won", "bo", Some((1_000, "GBP")), "2027-01-06").await;
    let page = desk.shows(&sum).await;
    assert!(page.contains("≈ ¥23,200.00 + …") && page.contains("are left out"), "{page}");
    let csv = desk.shows(&sum.replace("/records/deal?", "/records/deal/export.csv?")).await;
    assert!(csv.contains("14200.00") || csv.contains("14,200"), "{csv}");
    let office = Client::office(&desk.server).await;
    let answer = office.get("/api/v1/deal/figures?by=stage&measure=sum:amount").await.json();
    assert_eq!((&answer["worth"]["currency"], &answer["worth"]["partial"]), (&json!("CNY"), &json!(true)), "{answer}");
    let won = answer["worth"]["all"].as_array().unwrap().iter().find(|figure| figure["key"] == "won").unwrap();
    assert_eq!((won["value"].as_f64(), &won["count"]), (Some(1_420_000.0), &json!(4)), "{answer}");
}

/// Customers in two provinces, and what was sold to them.
async fn sold_by_province(desk: &Desk) {
    let office = Client::office(&desk.server).await;
    for (name, industry, regions, amounts) in [
        ("Anji", "print", &["Zhejiang", "Jiangsu"][..], &[100_000, 200_000][..]),
        ("Bozhou", "retail", &["Anhui"], &[400_000]),
        ("Cixi", "print", &["Zhejiang"], &[800_000]),
        ("Nowhere", "", &[], &[50_000]),
    ] {
        let rows = regions.iter().enumerate().map(|(at, region)| json!({"id": format!("r{at}"), "value": {"region": region}}));
        let mut customer = json!({"name": name, "addresses": rows.collect::<Vec<_>>()});
        if !industry.is_empty() {
            customer["industry"] = industry.into();
        }
        let party = office.make("party", customer).await;
        for amount in amounts {
            let amount = json!({"amount": amount, "currency": "CNY"});
            office.make("deal", json!({"title": format!("{name} {amount}"), "party": party.rsplit('/').next(), "amount": amount})).await;
        }
    }
}

#[tokio::test]
async fn records_are_put_together_by_what_their_customer_is_and_where_and_each_group_leads_to_them() {
    let desk = Desk::new().await;
    sold_by_province(&desk).await;
    let province = "party.addresses.first.value.region";
    let sum = |group: &str| address("deal", &[("layout", "bar"), ("group", group), ("measure", "sum:amount")]);
    let page = desk.shows(&sum(province)).await;
    let by_province = [("Zhejiang", "¥11,000.00"), ("Anhui", "¥4,000.00"), ("(none)", "¥500.00")];
    let shown = bars(&page);
    assert_eq!(shown[..2], told(&by_province[..2])[..], "{page}");
    assert_eq!((shown.len(), &*shown[2].1), (3, by_province[2].1));
    assert_eq!(bars(&desk.shows(&sum("party.industry")).await)[0], ("print".to_owned(), "¥11,000.00".to_owned()));
    assert!(page.contains("Customer › Addresses › the first › "), "the menu names it: {page}");
    // Each group leads to as many records as it says.
    let href = crate::console::link(page.split("<table class=\"bars").nth(1).unwrap(), "/records/deal");
    assert!(desk.shows(&href).await.contains("3 records"), "{href}");
    // The same as groups of a list, in a file, in two dimensions, and by the API.
    let list = desk.shows(&address("deal", &[("group", province), ("columns", "title,amount")])).await;
    assert!(list.contains("Zhejiang") && list.contains("¥11,000.00") && list.contains("Anji "), "{list}");
    let csv = desk.shows(&format!("/records/deal/export.csv?group={province}&columns=title,amount")).await;
    let lines: Vec<&str> = csv.lines().filter(|line| line.contains("Zhejiang")).collect();
    assert_eq!(lines.len(), 3, "{csv}");
    let office = Client::office(&desk.server).await;
    let path = format!("/api/v1/deal/figures?by={province}&split=party.industry&measure=sum:amount");
    let answer = office.get(&path).await.json();
    let figures: Vec<(Option<&str>, Option<&str>, Option<f64>)> = answer["figures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|figure| (figure["key"].as_str(), figure["split"].as_str(), figure["value"].as_f64()))
        .collect();
    assert_eq!(figures.len(), 3, "{answer}");
    assert!(figures.contains(&(Some("Zhejiang"), Some("print"), Some(1_100_000.0))), "{answer}");
    let parties = office.get("/api/v1/party/figures?by=addresses.first.value.region").await.json();
    assert_eq!(parties["figures"][0], json!({"key": "Zhejiang", "split": null, "currency": null, "count": 2, "value": 2.0}), "{parties}");
    let by_month = office.get("/api/v1/deal/figures?by=createdAt&step=quarter").await.json();
    assert_eq!(by_month["figures"][0]["key"], "2027-Q1", "{by_month}");
    for (wrong, field) in [("by=tags", "tags"), ("measure=sum", "measure"), ("step=hour", "step"), ("maxSize=3", "maxSize")] {
        let answer = office.get(&format!("/api/v1/deal/figures?{wrong}")).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["field"]), (422, &json!(field)), "{wrong}: {}", answer.text());
    }
}

#[tokio::test]
async fn groups_say_nothing_of_customers_that_are_out_of_sight() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let party = office.make("party", json!({"name": "Secret", "industry": "arms"})).await;
    let agent = Client::of_role(&desk.server, "cy", "agent").await;
    let cy = sync_core::id::UserId::of_cause("cy");
    office.make("deal", json!({"title": "Hers", "party": party.rsplit('/').next(), "owner": cy})).await;
    let answer = agent.get("/api/v1/deal/figures?by=party.industry").await.json();
    let keys: Vec<&serde_json::Value> = answer["figures"].as_array().unwrap().iter().map(|figure| &figure["key"]).collect();
    assert!(!answer.to_string().contains("arms"), "{answer}");
    assert_eq!(keys, [&serde_json::Value::Null], "her deal is there, its customer is not: {answer}");
    assert_eq!(agent.get("/api/v1/deal/figures?by=party.birthday").await.status, 403);
}

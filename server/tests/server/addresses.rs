//! Addresses of lists that ask for what there is not: they do not come to mean another list.

use serde_json::json;

use crate::api::Client;
use crate::console::Desk;

#[tokio::test]
async fn an_address_that_asks_for_what_there_is_not_is_refused_and_leads_back() {
    let desk = Desk::new().await;
    Client::office(&desk.server).await.make("deal", json!({"title": "Lamps", "stage": "won"})).await;
    let wrong = [
        "sort=amoun",
        "sort=party",
        "layout=boar",
        "layout=calendar&month=2026-1",
        "layout=board&month=x",
        "view=1",
        "group=nope",
        "columns=amount,nope",
        "layout=bar&measure=sum:nope",
        "layout=bar&measure=coun",
        "layout=calendar&by=nope",
    ];
    for query in wrong {
        let page = desk.get(&format!("/records/deal?{query}")).await.text();
        assert!(page.contains("href=\"/records/deal\">Show all"), "the way back is offered: {page}");
        assert!(page.contains("role=\"alert\"") && !page.contains("Lamps") && !page.contains("1 record<"), "{query}: {page}");
        let file = desk.get(&format!("/records/deal/export.csv?{query}")).await;
        assert_eq!(file.status, 422, "{query}: {}", file.text());
    }
    let right = [
        "sort=amount.amount",
        "sort=updatedAt&desc=true",
        "layout=",
        "layout=board&month=2026-05",
        "month=2026-05-04",
        "layout=bar",
        "group=",
        "group=stage",
        "columns=amount,updatedAt",
        "layout=bar&measure=sum:amount&group=owner",
        "layout=bar&measure=count",
        "layout=calendar&by=close_date",
    ];
    for query in right {
        let page = desk.get(&format!("/records/deal?{query}")).await.text();
        assert!(!page.contains("role=\"alert\""), "{query}: {page}");
    }
}

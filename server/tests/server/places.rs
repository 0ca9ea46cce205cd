//! Records by where something is: on the map, not by what an address says.

use serde_json::json;
use sync_core::record::fields::FieldEdit;

use crate::console::Desk;
use crate::lists::address;

#[tokio::test]
async fn a_filter_finds_what_was_done_within_ten_kilometres_of_a_place() {
    let mut desk = Desk::new().await;
    for (n, name, lat, lon) in [(1, "Bund", 31.2400, 121.4900), (2, "Hongqiao", 31.1979, 121.3363), (3, "Suzhou", 31.2989, 120.5853)] {
        let place = json!({"lat": lat, "lon": lon});
        desk.save("activity", n, &[FieldEdit::set("subject", name), FieldEdit::set("place", place)]).await;
    }
    desk.save("activity", 4, &[FieldEdit::set("subject", "Nowhere")]).await;
    let form = desk.page("/records/activity?panel=filter&attribute=place").await;
    assert!(form.contains("is within a distance of a place") && form.contains("Kilometres") && form.contains("Latitude"), "{form}");
    let built = |km: &str, op: &str| {
        address("/records/activity/filter", &[("attribute", "place"), ("op", op), ("v", km), ("v2", "31.2304"), ("v3", "121.4737")])
    };
    let list = desk.leads(&built("10", "withinKm")).await;
    let page = desk.page(&list).await;
    assert!(page.contains("Bund") && !page.contains("Hongqiao") && !page.contains("Suzhou") && !page.contains("Nowhere"), "{page}");
    assert!(page.contains("10 km · 31.2304, 121.4737"), "{page}");
    assert!(desk.page(&desk.leads(&built("15", "withinKm")).await).await.contains("Hongqiao"));
    let others = desk.page(&desk.leads(&built("15", "notWithinKm")).await).await;
    assert!(others.contains("Suzhou") && others.contains("Nowhere") && !others.contains("Bund"), "{others}");
    let wrong = desk.get(&built("ten", "withinKm")).await;
    assert!(wrong.status == 422 && wrong.text().contains("Type how many kilometres"), "{}", wrong.text());
    let office = crate::api::Client::office(&desk.server).await;
    let near = json!([{"type": "withinKm", "attribute": "activity:about.place", "value": {"lat": 31.2304, "lon": 121.4737, "km": 10}}]);
    assert_eq!(office.list("party", &[("where", &near.to_string())]).await.json()["rows"], json!([]), "nobody was visited there");
    let far = json!([{"type": "withinKm", "attribute": "place", "value": {"lat": 31.2304, "lon": 121.4737, "km": 5000}}]);
    let answer = office.list("activity", &[("where", &far.to_string())]).await;
    assert!(answer.status == 422 && answer.text().contains("most 1000 km"), "{}", answer.text());
}

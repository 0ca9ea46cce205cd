//! What is probably a slip: said beside the value, listed to be corrected, never refused.

use serde_json::json;

use crate::api::Client;
use crate::console::Desk;
use crate::harness::START;

#[tokio::test]
async fn a_slip_is_kept_as_it_was_typed_and_pointed_out_until_it_is_corrected() {
    let mut desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let phones = json!([{"id": "a", "value": "8888 1234"}, {"id": "b", "value": "138 1234 5678"}]);
    let fields = json!({"name": "Acme", "tax_id": "91350100M000100Y34", "phones": phones, "industry": "print"});
    let path = office.make("party", fields.clone()).await;
    office.make("party", json!({"name": "Cedar", "tax_id": "91350100M000100Y43"})).await;
    let record = office.get(&path).await.json();
    assert_eq!((&record["fields"]["phones"], &record["fields"]["tax_id"]), (&phones, &fields["tax_id"]), "nothing typed is lost");
    let doubts = json!([{"field": "phones.value", "code": "phone"}, {"field": "tax_id", "code": "credit_code"}]);
    let mut found = record["doubts"].as_array().unwrap().clone();
    found.sort_by_key(|doubt| doubt["field"].to_string());
    assert_eq!(json!(found), doubts);
    let page_of = path.replace("/api/v1", "/records");
    let page = desk.get(&page_of).await.text();
    for part in ["The area code is missing", "The check character does not fit", "href=\"tel:+8613812345678\"", ">138 1234 5678</a>"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // The page of all slips leads to where each is corrected, field by field.
    let quality = desk.get("/quality").await.text();
    for part in ["2 records", "Acme", "8888 1234", "91350100M000100Y34", "2 · 100 %", "1 · 50 %"] {
        assert!(quality.contains(part), "{part}: {quality}");
    }
    let edit = crate::console::link(&quality, "?edit=tax_id");
    assert_eq!(edit, format!("{page_of}?edit=tax_id"));
    assert!(!quality.contains("Cedar"), "{quality}");
    let of_field = desk.get("/quality?kind=party&field=phones").await.text();
    assert!(of_field.contains("8888 1234") && !of_field.contains("91350100M000100Y34"), "{of_field}");
    assert!(desk.get("/duplicates").await.text().contains("href=\"/quality\""));
    desk.post(&format!("{page_of}/fields/tax_id"), &[("f.tax_id", "91350100M000100Y43")]).await;
    office.edit(&path, json!([{"op": "set_row", "field": "phones", "row": "a", "values": {"value": "021 8888 1234"}}])).await;
    assert!(desk.get("/quality").await.text().contains("Nothing looks wrong"));
    assert_eq!(office.get(&path).await.json()["doubts"], json!([]));
    let app = desk.server.app.clone();
    let id = sync_core::id::RecordId::new(START, [7; 10]);
    let wrong = [sync_core::record::fields::FieldEdit::set("tax_id", "91350100M000100Y35")];
    let name = [sync_core::record::fields::FieldEdit::set("name", "From a phone")];
    desk.ann.save(&app, "party", id, START, &[&name[..], &wrong].concat()).await;
    assert!(desk.get("/quality").await.text().contains("From a phone"), "a phone's slips, too");
}

#[tokio::test]
async fn quality_tells_nothing_of_fields_and_records_that_are_out_of_sight() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    office.make("party", json!({"name": "Secret", "tax_id": "91350100M000100Y34", "birthday": "1985-10-31"})).await;
    let page = async |login: &str, role: &str| {
        drop(Client::of_role(&desk.server, login, role).await);
        let (_, cookie) = desk.server.browser_sign_in_as(login).await;
        desk.server.get("/quality?kind=party&field=birthday", &[("cookie", &cookie), ("accept", "text/html")]).await.text()
    };
    let (agent, rep) = (page("cy", "agent").await, page("di", "rep").await);
    assert!(!agent.contains("Secret") && !agent.contains("91350100M000100Y34"), "{agent}");
    assert!(rep.contains("Secret") && !rep.contains("Birthday"), "{rep}");
}

#[tokio::test]
async fn teams_and_people_have_a_score_and_a_queue_of_their_own() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let (ann, bo) = (desk.server.ann.to_string(), desk.bo.author.user.to_string());
    let answer = office.post("/api/v1/member", json!({"id": ann, "fields": {"name": "ann", "role": "office", "teams": ["North"]}})).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let full = |name: &str, owner: &str, phone: &str| json!({"name": name, "type": "org", "industry": "print", "owner": owner, "tags": ["a"], "phones": [{"id": "p", "value": phone}]});
    office.make("party", full("Good", &ann, "138 1234 5678")).await;
    office.make("party", full("Slip", &ann, "8888 1234")).await;
    let mut south = full("Of the south", &bo, "8888 4321");
    south["teams"] = json!(["South"]);
    office.make("party", south).await;
    office.make("party", json!({"name": "Nobody's and empty"})).await;
    let page = desk.get("/quality?kind=party").await.text();
    let of = |head: &str, who: &str| {
        let table = page.split(&format!("<h2>{head}</h2>")).nth(1).unwrap_or_else(|| panic!("no {head}: {page}")).to_owned();
        table.split("<tr>").find(|row| row.contains(&format!(">{who}</th>"))).unwrap_or_else(|| panic!("no {who} in {table}")).to_owned()
    };
    // Of name, type, phones, industry, owner, tags, e-mails, tax id: a team is what the record says, or else its owner's.
    for (head, who, shown) in [
        ("By team", "North", vec![">2<", " 68 %", "team=North"]),
        ("By team", "South", vec![">1<", " 62 %"]),
        ("By team", "Nobody&#39;s", vec![">1<", " 12 %"]),
        ("By owner", "ann", vec![">2<", " 68 %", &*format!("owner={ann}")]),
    ] {
        let row = of(head, who);
        assert!(shown.iter().all(|part| row.contains(part)), "{head}, {who}, {shown:?}: {row}");
    }
    let north = desk.get("/quality?kind=party&team=North").await.text();
    assert!(north.contains("8888 1234") && !north.contains("8888 4321") && north.contains("Probably slips in: North"), "{north}");
    let bos = desk.get(&format!("/quality?kind=party&owner={bo}")).await.text();
    assert!(bos.contains("8888 4321") && !bos.contains("8888 1234"), "{bos}");
}

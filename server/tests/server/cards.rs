//! Customers in the address books of phones, and back.

use std::path::PathBuf;

use rapport_server::jobs::import::{self, Source, Spec, as_csv};
use serde_json::{Value, json};

use crate::api::Client;
use crate::harness::Server;

/// The fields that a card carries, rows without their ids.
fn carried(fields: &Value) -> Value {
    let names = ["name", "type", "phones", "emails", "addresses", "socials", "website", "external_id", "notes", "tags", "birthday"];
    let without_ids = |value: &Value| match value {
        Value::Array(rows) => {
            let mut rows: Vec<Value> = rows.clone();
            rows.iter_mut().filter_map(Value::as_object_mut).for_each(|row| drop(row.remove("id")));
            rows.sort_by_key(ToString::to_string);
            Value::Array(rows)
        }
        other => other.clone(),
    };
    names.iter().filter_map(|name| Some(((*name).to_owned(), without_ids(fields.get(*name)?)))).collect::<serde_json::Map<_, _>>().into()
}

async fn import(server: &Server, vcf: &str) {
    import_all(server, vcf, (2, 0, 0)).await;
}

/// Brings cards in: how many are made, changed, and left as they are.
async fn import_all(server: &Server, vcf: &str, expected: (u64, u64, u64)) {
    let (author, _) = import::author(&server.app, server.workspace, Some("ann")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("cards.csv");
    std::fs::write(&file, as_csv("cards.vcf", vcf.as_bytes().to_vec()).unwrap()).unwrap();
    let report = import::run(&server.app, &author, &Spec::new("party".parse().unwrap()), &Source::File(file), &mut |_| {}).await.unwrap();
    assert_eq!((report.created, report.updated, report.unchanged, report.failed), (expected.0, expected.1, expected.2, 0), "{report:?}");
}

#[tokio::test]
async fn every_number_address_and_label_survives_a_phone() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let person = json!({
        "name": "王芳", "type": "person", "external_id": "C-7", "website": "https://example.com/?a=1,2;3", "tags": ["vip", "华东"],
        "birthday": "1985-10-31",
        "notes": "line one\nline two; with, marks \\ and \\n no end",
        "phones": [{"value": "+86 138 0000 0000", "label": "cell"}, {"value": "021-555", "label": "办公室; 前台", "primary": true}, {"value": "110"}],
        "emails": [{"value": "w@example.cn", "label": "Work: mornings"}, {"value": "fang@example.com", "primary": true}],
        "addresses": [{"value": {"street": "南京路 1, 5;楼", "city": "上海", "postal_code": "200000", "country": "中国"}, "label": "work"}],
        "socials": [{"value": "wangfang", "network": "wechat"}, {"value": "https://blog.example/fang", "network": "other"}],
    });
    let company =
        json!({"name": "佳美办公用品".repeat(20), "type": "org", "external_id": "C-8", "phones": [{"value": "021", "label": "work"}]});
    let mut sent = Vec::new();
    for fields in [&person, &company] {
        let record = ann.make("party", fields.clone()).await;
        let card = ann.get(&format!("{record}/card")).await;
        assert_eq!((card.status.as_u16(), card.header("content-type")), (200, "text/vcard; charset=utf-8"));
        assert!(card.text().split("\r\n").all(|line| line.len() <= 75), "{}", card.text());
        sent.push(card.text());
    }
    // As phones show them: a label of one's own is a line beside the number.
    for line in ["TEL;TYPE=cell:+86", ".TEL;TYPE=pref:021-555", ".X-ABLabel:办公室\\; 前台", "EMAIL;TYPE=pref:fang@"] {
        assert!(sent[0].contains(line), "{line}: {}", sent[0]);
    }
    let (_, cookie) = server.browser_sign_in(&[]).await;
    let all = server.get("/records/party/export.vcf", &[("cookie", &cookie)]).await;
    assert_eq!(all.status, 200);
    assert!(sent.iter().all(|card| all.text().contains(card)), "the export is every card");
    let other = Server::start().await;
    import(&other, &all.text()).await;
    let there = Client::office(&other).await;
    let page = there.list("party", &[("orderBy", "external_id")]).await.json();
    let back: Vec<Value> = page["rows"].as_array().unwrap().iter().map(|row| carried(&row["fields"])).collect();
    assert_eq!(back, [carried(&person), carried(&company)]);
}

#[tokio::test]
async fn whom_somebody_works_for_is_the_one_company_of_that_name_or_stays_text() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    for (id, name, kind) in [("C-1", "Twin", "org"), ("C-2", "Twin", "org"), ("C-4", "Cedar", "person")] {
        ann.make("party", json!({"name": name, "type": kind, "external_id": id})).await;
    }
    let person = |id: &str, name: &str, lines: &str| {
        format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{id}\r\nN:{name};;;;\r\nFN:{name}\r\n{lines}END:VCARD\r\n")
    };
    let vcf = [
        person("P-1", "Ann Li", "ORG:Cedar;Sales\r\nTITLE:Buyer\r\nNOTE:likes tea\r\n"),
        person("P-2", "Bo Wu", "ORG:Twin\r\nTITLE:Clerk\r\nNOTE:likes coffee\r\n"),
        person("P-3", "Cy Ma", "ORG:Nowhere\r\n"),
        // The company comes last, and is found all the same.
        "BEGIN:VCARD\r\nVERSION:4.0\r\nKIND:org\r\nUID:C-3\r\nN:;;;;\r\nFN:Cedar\r\nEND:VCARD\r\n".to_owned(),
    ]
    .concat();
    import_all(&server, &vcf, (4, 0, 0)).await;
    let rows = async || ann.list("party", &[("orderBy", "external_id")]).await.json()["rows"].as_array().unwrap().clone();
    let all = rows().await;
    let of = |id: &str| all.iter().find(|row| row["fields"]["external_id"] == id).unwrap();
    let relations = of("P-1")["fields"]["relations"].as_array().unwrap();
    assert_eq!((relations.len(), &relations[0]["party"], &relations[0]["role"]), (1, &of("C-3")["id"], &json!("Buyer, Sales")));
    assert_eq!(of("P-1")["fields"]["notes"], "likes tea");
    for (id, notes) in [("P-2", "Twin, Clerk\nlikes coffee"), ("P-3", "Nowhere")] {
        assert_eq!((&of(id)["fields"]["notes"], &of(id)["fields"]["relations"]), (&json!(notes), &Value::Null));
    }
    let (_, cookie) = server.browser_sign_in(&[]).await;
    let out = server.get("/records/party/export.vcf", &[("cookie", &cookie)]).await.text();
    assert!(out.contains("ORG:Cedar\r\nTITLE:Buyer\\, Sales\r\n"), "{out}");
    import_all(&server, &out, (0, 0, 7)).await;
    assert_eq!(rows().await, all, "what goes out and comes in again changes nothing");
    let other = Server::start().await;
    import_all(&other, &out, (7, 0, 0)).await;
    let (_, cookie) = other.browser_sign_in(&[]).await;
    let again = other.get("/records/party/export.vcf", &[("cookie", &cookie)]).await.text();
    let cards = |text: &str| {
        let mut cards: Vec<String> = text.split("BEGIN:VCARD").map(str::to_owned).collect();
        cards.sort();
        cards
    };
    assert_eq!(cards(&again), cards(&out));
}

#[tokio::test]
async fn an_employer_of_which_nobody_said_what_it_is_is_meant_sooner_than_a_person_of_that_name() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let birch = ann.make("party", json!({"name": "Birch"})).await;
    ann.make("party", json!({"name": "Birch", "type": "person"})).await;
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:P-1\r\nN:Li;Ann;;;\r\nFN:Ann Li\r\nORG:Birch\r\nTITLE:Buyer\r\nEND:VCARD\r\n";
    import_all(&server, card, (1, 0, 0)).await;
    let page = ann.list("party", &[("orderBy", "external_id")]).await.json();
    let person = page["rows"].as_array().unwrap().iter().find(|row| row["fields"]["external_id"] == "P-1").unwrap();
    assert_eq!(person["fields"]["relations"][0]["party"], json!(birch.rsplit('/').next().unwrap()), "{person}");
}

#[tokio::test]
async fn notes_do_not_grow_when_a_card_says_again_whom_somebody_works_for() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let card = |id: &str, lines: &str, notes: &str| {
        format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{id}\r\nN:Li;;;;\r\nFN:Li {id}\r\n{lines}NOTE:{notes}\r\nEND:VCARD\r\n")
    };
    let (works, post) = ("ORG:Acme\r\nTITLE:Buyer\r\n", "TITLE:Clerk\r\n");
    import_all(&server, &[card("1", works, "N"), card("2", post, "N")].concat(), (2, 0, 0)).await;
    // The address book keeps what the card said, and has the notes that came from here.
    let again = [card("1", works, "Acme\\, Buyer\\nN"), card("2", post, "N\\nClerk\\nmore")].concat();
    for expected in [(0, 1, 1), (0, 0, 2)] {
        import_all(&server, &again, expected).await;
        let page = ann.list("party", &[("orderBy", "external_id")]).await.json();
        let notes: Vec<&Value> = page["rows"].as_array().unwrap().iter().map(|row| &row["fields"]["notes"]).collect();
        assert_eq!(notes, [&json!("Acme, Buyer\nN"), &json!("N\nClerk\nmore")]);
    }
    // A card without notes takes none away.
    let bare = |works: &str| card("1", works, "").replace("NOTE:\r\n", "");
    for (works, counts, expected) in [(works, (0, 0, 1), "Acme, Buyer\nN"), ("ORG:Beta\r\n", (0, 1, 0), "Beta\nAcme, Buyer\nN")] {
        import_all(&server, &bare(works), counts).await;
        let page = ann.list("party", &[("orderBy", "external_id")]).await.json();
        assert_eq!(page["rows"][0]["fields"]["notes"], expected);
    }
}

#[tokio::test]
async fn the_first_company_that_somebody_works_for_is_on_their_card() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let mut companies = Vec::new();
    for name in ["Acme", "Cedar", "Twin"] {
        let record = ann.make("party", json!({"name": name, "type": "org"})).await;
        companies.push(record.rsplit('/').next().unwrap().to_owned());
    }
    let related = async |relations: &[(usize, &str)]| {
        let relations: Vec<Value> = relations.iter().map(|(at, role)| json!({"party": companies[*at], "role": role})).collect();
        let record = ann.make("party", json!({"name": "Bo", "type": "person", "relations": relations})).await;
        ann.get(&format!("{record}/card")).await.text()
    };
    let card = related(&[(0, "Supplier"), (1, "Buyer")]).await;
    assert!(card.contains("ORG:Cedar\r\nTITLE:Buyer\r\n") && !card.contains("Acme"), "{card}");
    let card = related(&[(2, "供应商")]).await;
    assert!(card.contains("ORG:Twin\r\n") && !card.contains("TITLE"), "{card}");
}

#[tokio::test]
async fn what_no_address_book_has_has_no_card() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let deal = ann.make("deal", json!({"title": "printers"})).await;
    assert_eq!(ann.get(&format!("{deal}/card")).await.status, 404);
    let (_, cookie) = server.browser_sign_in(&[]).await;
    assert_eq!(server.get("/records/deal/export.vcf", &[("cookie", &cookie)]).await.status, 404);
    let rep = Client::of_role(&server, "cy", "rep").await;
    let customer = ann.make("party", json!({"name": "x"})).await;
    assert_eq!(rep.get(&format!("{customer}/card")).await.status, 200);
}

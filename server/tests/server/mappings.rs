//! Where the columns of a file go in the browser: values for all, what rows are matched by, exports of other systems.

use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;

use crate::console::Desk;

/// What a page would send: its own suggestion, and more.
fn sent<'a>(mapping: &'a [(String, String)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = mapping.iter().map(|(name, value)| (&**name, &**value));
    own.chain([("currency", "CNY"), ("mode", "both")]).chain(more.iter().copied()).collect()
}

#[tokio::test]
async fn a_whole_file_gets_values_that_no_column_has_and_a_saved_mapping_keeps_them() {
    let desk = Desk::new().await;
    let csv = "Name,Industry\nAcme,print\nCedar,\n";
    let path = desk.upload("party", "fair.csv", csv.as_bytes()).await.header("location").to_owned();
    let page = desk.get(&path).await.text();
    assert!(page.contains("Values for all") && page.contains("name=\"every.0.to\"") && !page.contains("every.1.to"), "{page}");
    let every = [
        ("every.0.to", "source"),
        ("every.0.value", "Fair 2027"),
        ("every.1.to", "industry"),
        ("every.1.value", "retail"),
        ("every.2.to", "type"),
        ("every.2.value", "Company"),
        ("every.3.to", ""),
        ("every.3.value", ""),
    ];
    let mapping = desk.suggested(&path).await;
    let kept = desk.post(&path, &[&sent(&mapping, &every)[..], &[("act", "keep"), ("mapping-name", "Fairs")]].concat()).await.text();
    assert!(kept.contains("value=\"Fair 2027\"") && kept.contains("every.3.to"), "an empty line behind them: {kept}");
    let checked = desk.post(&path, &sent(&mapping, &[&every[..], &[("act", "check")]].concat())).await.text();
    assert!(checked.contains("2 records would be made") && checked.contains("Fair 2027"), "{checked}");
    assert_eq!(desk.post(&path, &sent(&mapping, &[&every[..], &[("act", "run")]].concat())).await.status, 303);
    desk.finished(&path).await;
    let csv = desk.get("/records/party/export.csv?columns=industry,source,type").await.text();
    for line in ["Acme,print,Fair 2027,Company", "Cedar,retail,Fair 2027,Company"] {
        assert!(csv.contains(line), "{line}: {csv}");
    }
    let other = desk.upload("party", "next.csv", b"Name,Phone\nBirch,021-5555\n").await.header("location").to_owned();
    let used = desk.post(&other, &[("act", "use"), ("mapping", "Fairs")]).await.text();
    assert!(used.contains("value=\"Fair 2027\""), "{used}");
    // What a field does not take is said of each row, as if it stood in a cell.
    let wrong = [("every.0.to", "type"), ("every.0.value", "alien"), ("act", "check")];
    let mapping = desk.suggested(&other).await;
    let checked = desk.post(&other, &sent(&mapping, &wrong)).await.text();
    assert!(checked.contains("1 row would be left out") && checked.contains("alien"), "{checked}");
}

#[tokio::test]
async fn customers_are_matched_by_what_is_theirs_alone_however_it_is_written() {
    let mut desk = Desk::new().await;
    let row = |field: &str, value: &str| FieldEdit::SetRow {
        field: field.into(),
        row: "a".into(),
        values: serde_json::json!({"value": value}).as_object().unwrap().clone(),
    };
    let tax = FieldEdit::set("tax_id", "91350100M000100Y43");
    desk.customer(1, &[FieldEdit::set("name", "Ann"), row("emails", "Ann@One.example")]).await;
    desk.customer(2, &[FieldEdit::set("name", "Acme"), FieldEdit::set("website", "https://www.acme.example/about"), tax]).await;
    desk.customer(3, &[FieldEdit::set("name", "Bo"), row("phones", "138 1234 5678")]).await;
    for (csv, by) in [
        ("Name,Email,Industry\nAnn,ANN@one.example,one\n", "emails.value"),
        ("Name,Website,Industry\nAcme Ltd,acme.example,two\n", "website"),
        ("Name,Website,Tax id,Email,Industry\nAcme GmbH,other.example,9135 0100 M000 100Y43,new@one.example,three\n", "tax_id"),
    ] {
        let path = desk.upload("party", "file.csv", csv.as_bytes()).await.header("location").to_owned();
        let mapping = desk.suggested(&path).await;
        assert_eq!(mapping.iter().filter(|(name, _)| name == "match").map(|(_, by)| &**by).collect::<Vec<_>>(), [by], "{mapping:?}");
        let checked = desk.post(&path, &sent(&mapping, &[("act", "check")])).await.text();
        assert!(checked.contains("1 record would be changed") && !checked.contains("would be made"), "{by}: {checked}");
    }
    let numbers = b"Name,Phone,Industry\nBo,+86 13812345678,four\n";
    let path = desk.upload("party", "file.csv", numbers).await.header("location").to_owned();
    let mapping = desk.suggested(&path).await;
    assert!(!mapping.iter().any(|(name, _)| name == "match"), "several people have one number: {mapping:?}");
    let checked = desk.post(&path, &sent(&mapping, &[("match", "phones.value"), ("act", "check")])).await.text();
    assert!(checked.contains("1 record would be changed"), "{checked}");
    // A number of the file's own comes first, and two cards with one address are two people.
    let own = desk.upload("party", "own.csv", b"External id,Name,Email\nK1,Ann,ann@one.example\n").await.header("location").to_owned();
    assert!(desk.suggested(&own).await.contains(&("match".to_owned(), "external_id".to_owned())));
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Ann\r\nEMAIL:ann@one.example\r\nEND:VCARD\r\n";
    let cards = desk.upload("party", "people.vcf", card.as_bytes()).await.header("location").to_owned();
    let by: Vec<String> = desk.suggested(&cards).await.into_iter().filter(|(name, _)| name == "match").map(|(_, by)| by).collect();
    assert_eq!(by, ["external_id"]);
}

#[tokio::test]
async fn whole_exports_of_hubspot_and_zoho_come_in_with_companies_owners_and_pipelines() {
    let mut desk = Desk::new().await;
    let app = desk.server.app.clone();
    let ann = RecordId::of_cause("ann");
    desk.ann.save(&app, "member", ann, crate::harness::START, &[FieldEdit::set("email", "Ann@house.example")]).await;
    let bring = async |kind: &str, csv: &str, preset: &str, set: &str| {
        let path = desk.upload(kind, "export.csv", csv.as_bytes()).await.header("location").to_owned();
        let page = desk.get(&path).await.text();
        assert!(page.contains(preset), "{preset}: {page}");
        let mapping = desk.suggested(&path).await;
        let more = [("preset", preset), ("set", set), ("act", "run")];
        let started = desk.post(&path, &sent(&mapping, &more)).await;
        assert_eq!(started.status, 303, "{preset}: {}", started.text());
        let done = desk.finished(&path).await;
        assert!(done.contains("1 record made") && !done.contains("left out"), "{preset}: {done}");
    };
    let company = "Record ID,Company name,Company owner,Create Date,Phone Number,Last Activity Date,City,Country/Region,Industry,\
                   Company Domain Name,Website URL,Number of Employees,Lifecycle Stage\n\
                   9001,Acme,Ann@house.example,2026-01-02 10:00,021-5555,,Shanghai,China,print,acme.example,https://acme.example,40,customer\n";
    bring("party", company, "HubSpot · Companies", "").await;
    let contact = "Record ID,First Name,Last Name,Email,Phone Number,Mobile Phone Number,Contact owner,Associated Company IDs,\
                   Associated Company,Lead Status,City,Unsubscribed from all email\n\
                   501,Mei,Li,mei@acme.example,021-5555,13812345678,,9001,Acme,,Suzhou,false\n";
    bring("party", contact, "HubSpot · Contacts", "{First Name} {Last Name}").await;
    let deal = "Record ID,Deal Name,Pipeline,Deal Stage,Close Date,Deal owner,Amount,Currency,Create Date,Associated Company IDs,\
                Associated Company\n\
                77,Lamps,Sales Pipeline,Contract Sent,2026-12-30 00:00,Ann@house.example,12.50,USD,2026-01-02 10:00,9001,Acme\n";
    bring("deal", deal, "HubSpot · Deals", "").await;
    let lead = "Record Id,Lead Owner,Company,First Name,Last Name,Email,Phone,Lead Source,Street,City,Email Opt Out,Description\n\
                zcrm_1,,Unheard of Ltd,Bo,Chen,bo@else.example,021-7777,Fair,Main Street,Wuxi,true,Met twice\n";
    bring("party", lead, "Zoho CRM · Leads", "{First Name} {Last Name}").await;
    let office = crate::api::Client::office(&desk.server).await;
    let fields = async |kind: &str, title: &str| {
        let page = office.list(kind, &[("q", title)]).await.json();
        page["rows"].as_array().unwrap().iter().find(|row| row["title"] == title).unwrap_or_else(|| panic!("{page}"))["fields"].clone()
    };
    let (acme, mei, lamps, bo) =
        (fields("party", "Acme").await, fields("party", "Mei Li").await, fields("deal", "Lamps").await, fields("party", "Bo Chen").await);
    assert_eq!((&acme["owner"], &acme["website"]), (&serde_json::json!(ann), &serde_json::json!("acme.example")), "{acme}");
    assert_eq!(
        (mei["phones"].as_array().unwrap().len(), &mei["addresses"][0]["value"]["city"]),
        (2, &serde_json::json!("Suzhou")),
        "{mei}"
    );
    assert!(mei["parent"].is_string() && mei["type"] == "person", "{mei}");
    assert_eq!(
        (&lamps["stage"], &lamps["pipeline"], &lamps["owner"]),
        (&"negotiation".into(), &"standard".into(), &serde_json::json!(ann))
    );
    assert_eq!((&lamps["amount"], &lamps["party"]), (&serde_json::json!({"amount": 1250, "currency": "USD"}), &mei["parent"]), "{lamps}");
    assert_eq!((&bo["roles"], &bo["opt_out"]), (&serde_json::json!(["prospect"]), &serde_json::json!(true)), "{bo}");
    assert!(bo["notes"].as_str().unwrap().contains("Unheard of Ltd"), "{bo}");
}

/// Where the columns of a page go.
fn targets(mapping: &[(String, String)]) -> Vec<&str> {
    mapping.iter().filter(|(name, _)| name.starts_with("to.")).map(|(_, target)| &**target).collect()
}

#[tokio::test]
async fn one_cell_that_holds_no_amount_leaves_out_its_row_and_no_other() {
    let desk = Desk::new().await;
    let csv = "Title,Amount,Stage\nD1,1000,Won\nD2,abc,Won\nD3,2000,Lead\n";
    let path = desk.upload("deal", "deals.csv", csv.as_bytes()).await.header("location").to_owned();
    let page = desk.get(&path).await.text();
    let options = ["<option value=\"amount\">Amount (with its currency)<", "<option value=\"amount.amount\" selected>Amount<"];
    assert!(options.iter().all(|option| page.contains(option)), "both are told apart, and the plain one is taken: {page}");
    let mut mapping = desk.suggested(&path).await;
    for target in ["amount.amount", "amount"] {
        mapping[1].1 = target.to_owned();
        let checked = desk.post(&path, &sent(&mapping, &[("act", "check")])).await.text();
        for part in ["2 records would be made", "1 row would be left out", "Line 3", "`abc` is no amount of CNY"] {
            assert!(checked.contains(part), "{target}: {part}: {checked}");
        }
        let checked = desk.post(&path, &sent(&mapping, &[("currency", ""), ("act", "check")])).await.text();
        for part in ["3 rows would be left out", "an amount needs its currency: write it behind the amount", "`abc` is no amount: "] {
            assert!(checked.contains(part), "{target}: {part}: {checked}");
        }
        assert!(!checked.contains("--set"), "nobody types commands in a browser: {checked}");
    }
}

#[tokio::test]
async fn columns_of_one_name_go_each_where_its_own_place_says_and_a_saved_mapping_tells_them_apart() {
    let desk = Desk::new().await;
    let csv = b"Name,Name,Phone\nJiamei,print,021-5555\n";
    let path = desk.upload("party", "twice.csv", csv).await.header("location").to_owned();
    let mut mapping = desk.suggested(&path).await;
    assert_eq!(targets(&mapping), ["name", "", "phones.value"]);
    mapping[1].1 = "industry".to_owned();
    let kept = desk.post(&path, &sent(&mapping, &[("act", "keep"), ("mapping-name", "Twice")])).await;
    assert_eq!(kept.status, 200, "{}", kept.text());
    assert_eq!(desk.post(&path, &sent(&mapping, &[("act", "run")])).await.status, 303);
    let done = desk.finished(&path).await;
    assert!(done.contains("1 record made"), "{done}");
    let csv = desk.get("/records/party/export.csv?columns=industry").await.text();
    assert!(csv.contains("Jiamei,print"), "{csv}");
    for (csv, expected) in [
        ("Phone,NAME,name\n021,Cedar,retail\n", &["phones.value", "name", "industry"][..]),
        ("Name,Phone\nCedar,021\n", &["name", "phones.value"][..]),
        ("Name,Name,Name\nCedar,retail,x\n", &["name", "industry", ""][..]),
    ] {
        let path = desk.upload("party", "next.csv", csv.as_bytes()).await.header("location").to_owned();
        let used = desk.post(&path, &[("act", "use"), ("mapping", "Twice")]).await.text();
        assert_eq!(targets(&Desk::mapping_of(&used)), expected, "{csv}");
    }
}

#[tokio::test]
async fn a_file_of_deals_that_was_taken_for_customers_is_recognised_and_becomes_one_of_deals_with_one_click() {
    let desk = Desk::new().await;
    let csv = "Opportunity Name,Account Name,Stage,Close Date,Amount\nLamps,,Closed Won,12/31/2026,12.50\n";
    let path = desk.upload("party", "report.csv", csv.as_bytes()).await.header("location").to_owned();
    let page = desk.get(&path).await.text();
    let said = "This looks like a file of “Deals” (Salesforce · Opportunities report). It would come in as “Customers”.";
    assert!(page.contains(said) && page.contains("name=\"kind\" value=\"deal\""), "{page}");
    let refused = desk.post(&path, &[("act", "kind"), ("kind", "nowhere")]).await;
    assert!(refused.status == 422 && refused.text().contains("Choose what kind of records"), "{}", refused.text());
    let switched = desk.post(&path, &[("act", "kind"), ("kind", "deal")]).await;
    assert_eq!((switched.status.as_u16(), switched.header("location")), (303, &*path));
    let page = desk.get(&path).await.text();
    let preset = "Salesforce · Opportunities report";
    assert!(page.contains(&format!("Recognised: {preset}")) && !page.contains("This looks like"), "{page}");
    let mapping = desk.suggested(&path).await;
    assert_eq!(desk.post(&path, &sent(&mapping, &[("preset", preset), ("act", "run")])).await.status, 303);
    let done = desk.finished(&path).await;
    assert!(done.contains("1 record made"), "{done}");
    assert!(desk.get("/records/deal").await.text().contains("Lamps"));
    let own = desk.upload("party", "own.csv", b"Name,Stage\nAcme,x\n").await.header("location").to_owned();
    assert!(!desk.get(&own).await.text().contains("This looks like"), "what nobody recognises is what it was said to be");
}

//! Files brought in from the browser: recognised, checked, run, corrected, taken back.

use reqwest::Method;
use sync_core::record::fields::FieldEdit;

use crate::console::Desk;
use crate::harness::{Answer, PAGE_BYTES_MAX};

impl Desk {
    /// Sends a file as a browser does.
    pub async fn upload(&self, kind: &str, name: &str, bytes: &[u8]) -> Answer {
        let mut body = format!("--x\r\nContent-Disposition: form-data; name=\"kind\"\r\n\r\n{kind}\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/csv\r\n\r\n").into_bytes();
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n--x--\r\n");
        let headers = [
            ("cookie", self.cookie.as_str()),
            ("accept", "text/html"),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "multipart/form-data; boundary=x"),
        ];
        self.server.send(Method::POST, "/imports", &headers, body).await
    }

    /// The mapping as the page suggests it.
    pub async fn suggested(&self, path: &str) -> Vec<(String, String)> {
        Self::mapping_of(&self.get(path).await.text())
    }

    /// The mapping that a page shows.
    pub fn mapping_of(page: &str) -> Vec<(String, String)> {
        let selects = page.split("<select ").skip(1).filter(|select| select.contains("name=\"to."));
        let one = |select: &str| {
            let name = select.split("name=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
            let chosen = select.split("</select>").next().unwrap().split("<option value=\"").find(|option| option.contains(" selected"));
            (name, chosen.map(|option| option.split('"').next().unwrap().to_owned()).unwrap_or_default())
        };
        let mut all: Vec<(String, String)> = selects.map(one).collect();
        // Columns in which no card has anything are not shown, and sent all the same.
        let unseen = page.split("<input type=\"hidden\" name=\"to.").skip(1).map(|rest| rest.split('"'));
        all.extend(unseen.filter_map(|mut parts| Some((format!("to.{}", parts.next()?), parts.nth(1)?.to_owned()))));
        let matched = page.split("name=\"match\" value=\"").skip(1).filter(|rest| rest.split('>').next().unwrap().contains("checked"));
        all.extend(matched.map(|rest| ("match".to_owned(), rest.split('"').next().unwrap().to_owned())));
        all
    }

    /// Brings a file in as the page suggests it; answers what the import is called.
    pub async fn bring(&self, kind: &str, csv: &str) -> String {
        let path = self.upload(kind, "rows.csv", csv.as_bytes()).await.header("location").to_owned();
        let run = form(&self.suggested(&path).await, "run");
        let run: Vec<(&str, &str)> = run.iter().map(|(name, value)| (&**name, &**value)).collect();
        let begun = self.post(&path, &run).await;
        assert_eq!(begun.status, 303, "{}", begun.text());
        let done = self.finished(&path).await;
        done.split("action=\"/imports/undo/").nth(1).expect("it came in").split('"').next().unwrap().to_owned()
    }

    pub async fn finished(&self, path: &str) -> String {
        loop {
            let page = self.get(path).await.text();
            if !page.contains("data-refresh") {
                return page;
            }
            tokio::task::yield_now().await;
        }
    }
}

pub fn form(mapping: &[(String, String)], act: &'static str) -> Vec<(String, String)> {
    mapping.iter().cloned().chain([("act".to_owned(), act.to_owned()), ("currency".to_owned(), "CNY".to_owned())]).collect()
}

#[tokio::test]
async fn an_export_of_another_system_is_recognised_checked_brought_in_and_taken_back() {
    let desk = Desk::new().await;
    let csv = "Account ID,Account Name,Phone,Billing City,Industry,Lead Score,Type\n\
               A1,佳美办公用品,021-5555,上海,print,7,org\nA2,Odd Kind Ltd,,,print,8,alien\nA3,Cedar & Co,,,retail,9,org\n";
    let kept = desk.upload("party", "accounts.csv", csv.as_bytes()).await;
    assert_eq!(kept.status, 303, "{}", kept.text());
    let path = kept.header("location").to_owned();
    let mapping = desk.suggested(&path).await;
    let targets: Vec<&str> = mapping.iter().map(|(_, target)| &**target).collect();
    assert_eq!(targets, ["external_id", "name", "phones.value", "addresses.value.city", "industry", "", "type", "external_id"]);
    let pairs = |form: &[(String, String)]| form.iter().map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>();
    let check = pairs(&form(&mapping, "check"));
    let check: Vec<(&str, &str)> = check.iter().map(|(name, value)| (&**name, &**value)).collect();
    let checked = desk.post(&path, &check).await.text();
    for part in ["2 records would be made", "1 row would be left out", "Line 3", "Bring it in"] {
        assert!(checked.contains(part), "{checked} lacks {part}");
    }
    for part in ["The first rows", "Made", "佳美办公用品", "021-5555"] {
        assert!(checked.contains(part), "{checked} lacks {part}");
    }
    assert!(desk.get("/records/party").await.text().contains("0 records"), "a check writes nothing");
    let run = pairs(&form(&mapping, "run"));
    let run: Vec<(&str, &str)> = run.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(desk.post(&path, &run).await.status, 303);
    let done = desk.finished(&path).await;
    assert!(done.contains("2 records made") && done.contains("1 row left out"), "{done}");
    let failed = desk.get(&format!("{path}/failed.csv")).await.text();
    assert!(failed.contains("Odd Kind Ltd") && failed.lines().count() == 2, "{failed}");
    assert!(desk.get("/records/party").await.text().contains("佳美办公用品"));

    // What goes where is remembered for the next file with this header.
    let mut other = mapping.clone();
    other[5].1 = "source".to_owned();
    let again = desk.upload("party", "more.csv", csv.replace("A1", "B1").as_bytes()).await.header("location").to_owned();
    let run = pairs(&form(&other, "run"));
    let run: Vec<(&str, &str)> = run.iter().map(|(name, value)| (&**name, &**value)).collect();
    desk.post(&again, &run).await;
    desk.finished(&again).await;
    let third = desk.upload("party", "third.csv", csv.as_bytes()).await.header("location").to_owned();
    assert_eq!(desk.suggested(&third).await[5].1, "source");

    let undo = done.split("action=\"/imports/undo/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let undone = desk.post(&format!("/imports/undo/{undo}"), &[]).await;
    assert_eq!(undone.status, 303, "{}", undone.text());
    let page = desk.get(undone.header("location")).await.text();
    assert!(
        page.contains("accounts.csv") && page.contains("Taken back: 1 record that was made is archived. 1 was left as it is."),
        "{page}"
    );
    assert!(!page.contains("former value again"), "{page}");
}

#[tokio::test]
async fn cards_and_workbooks_are_brought_in_too() {
    let desk = Desk::new().await;
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:王;芳;;;\r\nFN:王芳\r\nTEL;TYPE=CELL:13800000000\r\nEND:VCARD\r\n";
    let path = desk.upload("party", "wang.vcf", card.as_bytes()).await.header("location").to_owned();
    let mapping = desk.suggested(&path).await;
    let run = form(&mapping, "run");
    let run: Vec<(&str, &str)> = run.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(desk.post(&path, &run).await.status, 303);
    assert!(desk.finished(&path).await.contains("1 record made"));
    let list = desk.get("/records/party").await.text();
    assert!(list.contains("王芳") && list.contains("tel:+8613800000000"), "{list}");
    let broken = desk.upload("party", "a.xlsx", b"PK\x03\x04 nothing").await;
    assert_eq!(broken.status, 422);
    assert!(broken.text().contains("cannot be read as rows"), "{}", broken.text());
}

#[tokio::test]
async fn cards_are_looked_at_in_words_before_they_come_in_and_only_as_far_as_they_hold_something() {
    let desk = Desk::new().await;
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Li;Ann;;;\r\nFN:Ann Li\r\nORG:Cedar\r\nTEL;TYPE=CELL:13800000000\r\nEND:VCARD\r\n";
    let path = desk.upload("party", "ann.vcf", card.as_bytes()).await.header("location").to_owned();
    let page = desk.get(&path).await.text();
    let table = page.split("<table class=\"list mapping\"").nth(1).unwrap().split("</table>").next().unwrap();
    let heads: Vec<&str> = table.split("<label for=\"to-").skip(1).map(|rest| rest.split(['>', '<']).nth(1).unwrap()).collect();
    assert_eq!(heads[..3], ["Name", "Type", "Phone numbers"], "{table}");
    assert!(heads.iter().all(|head| !head.contains('_') && !head.contains(':')), "{heads:?}");
    assert!(table.contains("tel:+8613800000000") && table.contains(">cell<") && table.contains("Cedar"), "{table}");
    let cells: String = table.split("<select").filter_map(|part| part.split("</select>").last()).collect();
    for none in ["&#34;", "Addresses", "Notes", ">person<"] {
        assert!(!cells.contains(none), "{none}: {cells}");
    }
    // What is not shown goes where it would go: the next file of this header has something there.
    assert!(page.contains("name=\"to.5\" value=\"addresses\""), "{page}");
}

#[tokio::test]
async fn a_card_that_cannot_be_brought_in_is_named_by_its_place_in_the_file() {
    let desk = Desk::new().await;
    let person = |name: &str, lines: &str| format!("BEGIN:VCARD\nN:{name};;;;\nFN:{name}\nNOTE:two\\nlines\n{lines}END:VCARD\n");
    let company = "BEGIN:VCARD\nFN:Cedar\nORG:Cedar\nEND:VCARD\n".to_owned();
    let cards = [person("Ann", ""), person("Bo", "BDAY:soon enough\n"), company].concat();
    let path = desk.upload("party", "all.vcf", cards.as_bytes()).await.header("location").to_owned();
    assert!(!desk.get(&path).await.text().contains("#card"), "nobody maps a number");
    let mapping = desk.suggested(&path).await;
    let check = form(&mapping, "check");
    let check: Vec<(&str, &str)> = check.iter().map(|(name, value)| (&**name, &**value)).collect();
    let checked = desk.post(&path, &check).await.text();
    assert!(
        checked.contains("Card 2") && checked.contains("1 row would be left out") && !checked.contains("<td class=\"num soft\">Card 3"),
        "{checked}"
    );
    let places: Vec<_> = ["1", "3"].iter().map(|card| checked.find(&format!("<td class=\"when soft\">Card {card}"))).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "what would be made is shown by its place, too: {checked}");
}

#[tokio::test]
async fn a_file_is_nobody_elses() {
    let mut desk = Desk::new().await;
    desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let path = desk.upload("party", "a.csv", b"name\nA\n").await.header("location").to_owned();
    let (_, other) = desk.server.browser_sign_in_as("bo").await;
    let answer = desk.server.get(&path, &[("cookie", &other), ("accept", "text/html")]).await;
    assert_eq!(answer.status, 404);
    let empty = desk.upload("party", "a.csv", b"").await;
    assert_eq!(empty.status, 422);
    let path = desk.upload("party", "a.csv", b"name,industry\n").await.header("location").to_owned();
    let page = desk.get(&path).await;
    assert!(page.status == 422 && page.text().contains("No row stands below the column names"), "{}", page.text());
}

#[tokio::test]
async fn whoever_sends_no_file_sees_the_page_of_imports_again_and_reads_what_is_missing() {
    let desk = Desk::new().await;
    for answer in [desk.upload("deal", "", b"").await, desk.post("/imports", &[("kind", "deal")]).await] {
        let page = answer.text();
        assert_eq!(answer.status, 422, "{page}");
        for part in ["Choose a file with a row of column names", "id=\"file\"", "Nothing was brought in yet"] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
}

#[tokio::test]
async fn a_mapping_is_saved_under_a_name_used_for_another_file_and_deleted() {
    let desk = Desk::new().await;
    let first = desk.upload("party", "a.csv", b"Firma,Branche\nJiamei,print\n").await.header("location").to_owned();
    let chosen = [("to.0", "name"), ("to.1", "industry"), ("mode", "create"), ("match", "name"), ("currency", "EUR"), ("set", "x")];
    let with = |more: &[(&'static str, &'static str)]| -> Vec<(&str, &str)> { chosen.iter().chain(more).copied().collect() };
    let nameless = desk.post(&first, &with(&[("act", "keep"), ("mapping-name", " ")])).await;
    assert_eq!((nameless.status.as_u16(), nameless.text().contains("Give the mapping a name")), (422, true));
    let kept = desk.post(&first, &with(&[("act", "keep"), ("mapping-name", "<Messe>")])).await;
    assert_eq!(kept.status, 200);
    assert!(kept.text().contains("The mapping “&#60;Messe&#62;” is in use"), "{}", kept.text());

    // Another order, other letters, a column more: each is found by its name.
    let second = desk.upload("party", "b.csv", b"BRANCHE,Zusatz,firma\nretail,?,Cedar\n").await.header("location").to_owned();
    let page = desk.get(&second).await.text();
    assert!(page.contains("<option>&#60;Messe&#62;</option>"), "{page}");
    let used = desk.post(&second, &[("act", "use"), ("mapping", "<Messe>")]).await.text();
    let mapping = Desk::mapping_of(&used);
    let targets: Vec<&str> = mapping.iter().filter(|(name, _)| name.starts_with("to.")).map(|(_, target)| &**target).collect();
    assert_eq!(targets, ["industry", "", "name"], "{used}");
    assert!(used.contains("<option value=\"create\" selected>") && used.contains("name=\"currency\" value=\"EUR\""), "{used}");
    // Of another kind it is none.
    let deals = desk.upload("deal", "c.csv", b"Firma\nJiamei\n").await.header("location").to_owned();
    assert!(!desk.get(&deals).await.text().contains("Messe"));

    desk.post(&second, &[("act", "forget"), ("mapping", "<Messe>")]).await;
    assert!(!desk.get(&second).await.text().contains("Messe"));
    let gone = desk.post(&second, &[("act", "use"), ("mapping", "<Messe>")]).await;
    assert_eq!((gone.status.as_u16(), gone.text().contains("not there any more")), (422, true));
}

#[tokio::test]
async fn a_mapping_is_replaced_and_deleted_by_nobody_else() {
    let mut desk = Desk::new().await;
    let file = b"Firma\nJiamei\n";
    let anns = desk.upload("party", "a.csv", file).await.header("location").to_owned();
    let keep = [("to.0", "name"), ("mode", "create"), ("currency", "EUR"), ("act", "keep"), ("mapping-name", "Messe")];
    assert_eq!(desk.post(&anns, &keep).await.status, 200);
    crate::api::Client::of_role(&desk.server, "cy", "manager").await;
    desk.cookie = desk.server.browser_sign_in_as("cy").await.1;
    let cys = desk.upload("party", "b.csv", file).await.header("location").to_owned();
    let used = desk.post(&cys, &[("act", "use"), ("mapping", "Messe")]).await;
    assert_eq!(used.status, 200, "everybody may use it: {}", used.text());
    let mut other = keep;
    other[2].1 = "USD";
    for form in [&other[..], &[("act", "forget"), ("mapping", "Messe")]] {
        let refused = desk.post(&cys, form).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert!(refused.text().contains("Somebody else made the mapping"), "{}", refused.text());
    }
    let still = desk.post(&cys, &[("act", "use"), ("mapping", "Messe")]).await.text();
    assert!(still.contains("name=\"currency\" value=\"EUR\""), "{still}");
}

#[tokio::test]
async fn a_mapping_made_from_a_preset_still_writes_what_the_preset_does() {
    let desk = Desk::new().await;
    let accounts = b"Id,Name,BillingStreet,AnnualRevenue\n001,Jiamei,Nanjing Lu 1,5\n";
    let path = desk.upload("party", "Account.csv", accounts).await.header("location").to_owned();
    let preset = "Salesforce · Account";
    assert!(desk.get(&path).await.text().contains(preset));
    let chosen = [("to.0", "external_id"), ("to.1", "name"), ("mode", "create"), ("currency", "CNY"), ("preset", preset)];
    let keep: Vec<(&str, &str)> = chosen.into_iter().chain([("act", "keep"), ("mapping-name", "ours")]).collect();
    assert_eq!(desk.post(&path, &keep).await.status, 200);
    let used = desk.post(&path, &[("act", "use"), ("mapping", "ours")]).await.text();
    assert!(used.contains(&format!("name=\"preset\" value=\"{preset}\"")), "{used}");
}

#[tokio::test]
async fn a_wide_file_has_a_page_of_a_sane_size_and_its_last_columns_are_typed() {
    let desk = Desk::new().await;
    let heads: Vec<String> = (1..60).map(|n| format!("Column {n}")).chain(["Industry".to_owned()]).collect();
    let cells: Vec<String> = (1..=60).map(|n| format!("cell {n}")).collect();
    let csv = format!("{}\n{}\n", heads.join(","), cells.join(","));
    let path = desk.upload("party", "wide.csv", csv.as_bytes()).await.header("location").to_owned();
    let page = desk.get(&path).await.text();
    assert!(page.len() < PAGE_BYTES_MAX, "{} bytes", page.len());
    assert!(page.contains("<select id=\"to-0\"") && page.contains("<datalist id=\"targets\">"), "{page}");
    assert!(page.contains("<input type=\"text\" id=\"to-59\" name=\"to.59\" value=\"industry\" list=\"targets\""), "{page}");
    let form = [("act", "check"), ("mode", "create"), ("to.58", "name"), ("to.59", "industry")];
    let checked = desk.post(&path, &form).await.text();
    assert!(checked.contains("1 record would be made"), "{checked}");
}

#[tokio::test]
async fn the_stages_of_other_systems_become_ours() {
    let desk = Desk::new().await;
    let csv = b"Record ID,Deal Name,Deal Stage\n1,Lamps,Closed Won\n2,Desks,contractsent\n3,Chairs,Somewhere\n4,Bins,lost\n";
    let path = desk.upload("deal", "deals.csv", csv).await.header("location").to_owned();
    let mut mapping = desk.suggested(&path).await;
    assert!(mapping.iter().any(|(_, target)| target == "stage"), "{mapping:?}");
    mapping.push(("preset".to_owned(), "HubSpot · Deals".to_owned()));
    let run = form(&mapping, "run");
    let run: Vec<(&str, &str)> = run.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(desk.post(&path, &run).await.status, 303);
    let done = desk.finished(&path).await;
    assert!(done.contains("3 records made") && done.contains("1 row left out"), "{done}");
    let failed = desk.get(&format!("{path}/failed.csv")).await.text();
    assert!(failed.contains("Chairs") && failed.contains("Stage: `Somewhere` is not one of"), "{failed}");
    for (stage, title) in [("won", "Lamps"), ("negotiation", "Desks"), ("lost", "Bins")] {
        let found = serde_json::json!([{"type": "equals", "attribute": "stage", "value": stage}]).to_string();
        let list = desk.get(&format!("/records/deal?{}", crate::console::encoded(&[("where", &found)]))).await.text();
        assert!(list.contains(title) && list.contains("1 record<"), "{stage}: {list}");
    }
}

#[tokio::test]
async fn what_salesforce_says_of_currencies_days_and_contacts_comes_in() {
    let desk = Desk::new().await;
    let bring = async |kind: &str, csv: &str, preset: &str| {
        let path = desk.upload(kind, "export.csv", csv.as_bytes()).await.header("location").to_owned();
        assert!(desk.get(&path).await.text().contains(preset), "{preset}");
        let mut mapping = desk.suggested(&path).await;
        mapping.push(("preset".to_owned(), preset.to_owned()));
        mapping.extend((kind == "party").then(|| ("set".to_owned(), "{FirstName} {LastName}".to_owned())));
        let run = form(&mapping, "run");
        let run: Vec<(&str, &str)> = run.iter().map(|(name, value)| (&**name, &**value)).collect();
        let started = desk.post(&path, &run).await;
        assert_eq!(started.status, 303, "{}", started.text());
        let done = desk.finished(&path).await;
        assert!(done.contains("1 record made"), "{done}");
    };
    let opportunity = "Id,AccountId,Name,Amount,CurrencyIsoCode,StageName,CloseDate\n1,,Lamps,12.50,EUR,Closed Won,2026-12-30\n";
    bring("deal", opportunity, "Salesforce · Opportunity").await;
    let report =
        "Opportunity ID,Opportunity Name,Account ID,Amount Currency,Amount,Stage,Close Date\n2,Desks,,EUR,7,Closed Won,12/31/2026\n";
    bring("deal", report, "Salesforce · Opportunities report").await;
    let deals = desk.get("/records/deal?columns=amount,stage,close_date").await.text();
    for part in ["€12.50", "€7.00", "2026-12-30", "2026-12-31", "Won"] {
        assert!(deals.contains(part), "{part}: {deals}");
    }
    let contact = "Id,AccountId,FirstName,LastName,MobilePhone,Phone,Birthdate,DoNotCall,HasOptedOutOfEmail,MailingStreet\n\
                   1,,,Smith,13800000000,02155550000,1985-10-31,1,0,Main Street\n";
    bring("party", contact, "Salesforce · Contact").await;
    let list = desk.get("/records/party?columns=phones,birthday,do_not_call").await.text();
    for part in ["13800000000", "02155550000", "1985-10-31", "Yes", "data-row>Smith</a>"] {
        assert!(list.contains(part), "{part}: {list}");
    }
}

#[tokio::test]
async fn a_check_shows_old_and_new_values_of_what_would_change() {
    let mut desk = Desk::new().await;
    desk.customer(1, &[FieldEdit::set("name", "Ann"), FieldEdit::set("external_id", "1"), FieldEdit::set("industry", "print")]).await;
    desk.customer(2, &[FieldEdit::set("name", "Bo"), FieldEdit::set("external_id", "2")]).await;
    let csv = "external_id,name,industry\n1,Ann,retail\n2,Bo,\n";
    let path = desk.upload("party", "again.csv", csv.as_bytes()).await.header("location").to_owned();
    let mapping = form(&desk.suggested(&path).await, "check");
    let pairs: Vec<(&str, &str)> = mapping.iter().map(|(name, value)| (&**name, &**value)).collect();
    let checked = desk.post(&path, &pairs).await.text();
    for part in
        ["1 record would be changed", "Changed", "<div class=\"old\">print</div>", "<div class=\"new\">retail</div>", "Is so already"]
    {
        assert!(checked.contains(part), "{checked} lacks {part}");
    }
}

#[tokio::test]
async fn a_list_with_periods_goes_out_and_comes_in_again() {
    let mut desk = Desk::new().await;
    let (app, visit) = (desk.server.app.clone(), crate::console::record(7));
    let when = serde_json::json!({"start": 1_777_797_000_000_i64, "end": 1_777_800_600_000_i64});
    desk.ann
        .save(&app, "activity", visit, crate::harness::START, &[FieldEdit::set("subject", "Visit"), FieldEdit::set("when", when.clone())])
        .await;
    let csv = desk.get("/records/activity/export.csv?columns=when").await.text();
    assert!(csv.contains("2026-05-03 08:30+00:00 – 2026-05-03 09:30+00:00"), "{csv}");
    let path = desk.upload("activity", "out.csv", csv.trim_start_matches('\u{feff}').as_bytes()).await.header("location").to_owned();
    let suggested = desk.suggested(&path).await;
    assert!(suggested.iter().any(|(_, target)| target == "when"), "{suggested:?}");
    let mapping = form(&suggested, "run");
    let pairs: Vec<(&str, &str)> = mapping.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(desk.post(&path, &pairs).await.status, 303);
    let done = desk.finished(&path).await;
    assert!(done.contains("1 record made"), "{done}");
    let again = desk.get("/records/activity/export.csv?columns=when").await.text();
    assert_eq!(again.matches("2026-05-03 08:30+00:00 – 2026-05-03 09:30+00:00").count(), 2, "{again}");
}

#[tokio::test]
async fn moments_of_a_list_come_in_again_as_they_were_and_those_without_a_zone_are_on_the_readers_clock() {
    let mut desk = Desk::new().await;
    let app = desk.server.app.clone();
    let sent = |millis: i64| [FieldEdit::set("title", "Lamps"), FieldEdit::set("sent_at", millis)];
    desk.ann.save(&app, "offer", crate::console::record(7), crate::harness::START, &sent(1_777_797_000_000)).await;
    // Whoever looks is in Shanghai.
    desk.cookie = format!("{}; zone=480", desk.cookie);
    let file = "/records/offer/export.csv?columns=sent_at";
    let csv = desk.get(file).await.text();
    assert!(csv.contains("Lamps,2026-05-03 16:30+08:00"), "{csv}");
    let bring = async |desk: &Desk, csv: &str| {
        let path = desk.upload("offer", "out.csv", csv.trim_start_matches('\u{feff}').as_bytes()).await.header("location").to_owned();
        let mapping = form(&desk.suggested(&path).await, "run");
        let pairs: Vec<(&str, &str)> = mapping.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(desk.post(&path, &pairs).await.status, 303);
        let done = desk.finished(&path).await;
        let rows = csv.lines().count() - 1;
        assert!(done.contains(&format!("{rows} record{} made", if rows == 1 { "" } else { "s" })), "{done}");
    };
    bring(&desk, &csv).await;
    bring(&desk, "Title,Sent at\nChairs,2026/5/3 16:30\n").await;
    let again = desk.get(file).await.text();
    assert_eq!(again.matches("Lamps,2026-05-03 16:30+08:00").count(), 2, "{again}");
    assert!(again.contains("Chairs,2026-05-03 16:30+08:00"), "{again}");
    // In January, Berlin is an hour from UTC; in May it was two.
    desk.cookie = desk.cookie.replace("zone=480", "zone=60/Europe/Berlin");
    bring(&desk, "Title,Sent at\nStools,2026-05-03 10:30\nBeds,2026-01-03 10:30\n").await;
    let berlin = desk.get(file).await.text();
    assert!(berlin.contains("Stools,2026-05-03 09:30+01:00") && berlin.contains("Beds,2026-01-03 10:30+01:00"), "{berlin}");
    // One that nobody knows is as far from UTC as it says.
    desk.cookie = desk.cookie.replace("Europe/Berlin", "Mars/Olympus");
    bring(&desk, "Title,Sent at\nShelves,2026-05-03 10:30\n").await;
    assert!(desk.get(file).await.text().contains("Shelves,2026-05-03 10:30+01:00"));
    desk.cookie = desk.cookie.replace("zone=60/Mars/Olympus", "zone=480");
    // What the settings of the workspace say goes before the clock of one browser.
    crate::api::Client::office(&desk.server)
        .await
        .make("settings", serde_json::json!({"name": "Main", "time_zone": "Europe/Berlin"}))
        .await;
    bring(&desk, "Title,Sent at\nTables,2026-05-03 10:30\n").await;
    let again = desk.get(file).await.text();
    assert!(again.contains("Tables,2026-05-03 16:30+08:00"), "{again}");
}

#[tokio::test]
async fn the_records_of_an_import_are_shown_and_not_all_of_their_kind() {
    let mut desk = Desk::new().await;
    desk.customer(1, &[FieldEdit::set("name", "There before")]).await;
    let names: String = (1..=60).map(|n| format!("Brought {n}\n")).collect();
    let path = desk.upload("party", "sixty.csv", format!("name\n{names}").as_bytes()).await.header("location").to_owned();
    let run = form(&desk.suggested(&path).await, "run");
    let run: Vec<(&str, &str)> = run.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(desk.post(&path, &run).await.status, 303);
    let done = desk.finished(&path).await;
    let link = done.split("href=\"/imports/records/").nth(1).unwrap().split('"').next().unwrap();
    let page = desk.get(&format!("/imports/records/{link}")).await.text();
    assert!(page.contains("sixty.csv") && !page.contains("There before"), "{page}");
    let list = page.split("href=\"/records/party?where=").nth(1).unwrap().split('"').next().unwrap();
    let listed = desk.get(&format!("/records/party?where={list}")).await.text();
    assert!(listed.contains("50 records") && !listed.contains("There before"), "{listed}");
    let next = page.split("?after=").nth(1).unwrap().split('"').next().unwrap();
    let rest = desk.get(&format!("/imports/records/{link}?after={next}")).await.text();
    assert_eq!((page.matches(">Brought ").count(), rest.matches(">Brought ").count()), (50, 10), "{rest}");
    assert!(!rest.contains("?after="), "{rest}");
    assert!(desk.get("/imports").await.text().contains(&format!("href=\"/imports/records/{link}\"")), "the log leads there, too");
    assert_eq!(desk.get("/imports/records/0199c1d2-7c5e-7aaa-8bbb-0123456789ab").await.status, 404);
}

#[tokio::test]
async fn rows_are_matched_by_an_e_mail_address_of_a_customer() {
    let mut desk = Desk::new().await;
    let row = |id: &str, mail: &str| FieldEdit::SetRow {
        field: "emails".into(),
        row: id.into(),
        values: serde_json::json!({"value": mail}).as_object().unwrap().clone(),
    };
    let ann = desk.customer(1, &[FieldEdit::set("name", "Ann"), row("a", "ann@one.example"), row("b", "ann@two.example")]).await;
    let csv = "e-mail,industry\nann@two.example,print\nnobody@one.example,retail\n";
    let path = desk.upload("party", "mails.csv", csv.as_bytes()).await.header("location").to_owned();
    let mut form = vec![("to.0", "emails.value"), ("to.1", "industry"), ("mode", "update"), ("currency", "CNY"), ("act", "check")];
    let page = desk.post(&path, &form).await.text();
    assert!(page.contains("name=\"match\" value=\"emails.value\"") && page.contains("E-mail"), "{page}");
    form.push(("match", "emails.value"));
    let page = desk.post(&path, &form).await.text();
    assert!(page.contains("1 record would be changed") && page.contains("1 row would be left out"), "{page}");
    form[4].1 = "run";
    assert_eq!(desk.post(&path, &form).await.status, 303);
    let done = desk.finished(&path).await;
    assert!(done.contains("1 record changed") && done.contains("1 row left out"), "{done}");
    let page = desk.get(&format!("/records/party/{ann}")).await.text();
    assert!(page.contains("print") && page.contains("ann@one.example") && !page.contains("nobody@"), "{page}");
    // A second time nothing is left to say, and a new one is made only once.
    form[2].1 = "both";
    for (made, times) in [("1 record made", 0), ("1 record made", 1)] {
        let csv = "e-mail,industry,name\nann@one.example,print,Ann\ncy@one.example,retail,Cy\n";
        let path = desk.upload("party", "more.csv", csv.as_bytes()).await.header("location").to_owned();
        let answer = desk.post(&path, &[&form[..], &[("to.2", "name")]].concat()).await;
        let done = if answer.status == 303 { desk.finished(&path).await } else { answer.text() };
        assert_eq!(done.contains(made), times == 0, "{done}");
    }
}

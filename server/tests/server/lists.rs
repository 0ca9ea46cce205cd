//! Lists as the back office works them: filtered, put together, saved, edited in place and many at once, taken out.

use calamine::{Data, Reader, Xlsx};
use serde_json::json;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;

use crate::console::{Desk, encoded, record};
use crate::harness::{MINUTE, PAGE_BYTES_MAX, START};

const DAY: i64 = 24 * 60 * MINUTE;

/// An address with parameters.
pub fn address(path: &str, params: &[(&str, &str)]) -> String {
    format!("{path}?{}", encoded(params))
}

fn amount(yuan: i64) -> serde_json::Value {
    json!({"amount": yuan * 100, "currency": "CNY"})
}

impl Desk {
    /// A deal that a phone made.
    pub async fn deal(&mut self, n: u8, name: &str, stage: &str, yuan: i64, more: &[FieldEdit]) -> RecordId {
        let base = [FieldEdit::set("title", name), FieldEdit::set("stage", stage), FieldEdit::set("amount", amount(yuan))];
        self.save("deal", n, &[&base, more].concat()).await
    }

    pub async fn save(&mut self, kind: &str, n: u8, edits: &[FieldEdit]) -> RecordId {
        let (id, app) = (record(n), self.server.app.clone());
        let verdicts = self.ann.save(&app, kind, id, START, edits).await;
        assert!(verdicts.iter().all(|verdict| matches!(verdict, sync_core::protocol::Verdict::Accepted { .. })), "{verdicts:?}");
        id
    }

    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }

    /// Where an address leads that only puts another one together.
    pub async fn leads(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.text());
        answer.header("location").to_owned()
    }
}

/// Whether the page has all of these and none of those.
#[track_caller]
pub fn has(page: &str, all: &[&str], none: &[&str]) {
    for part in all {
        assert!(page.contains(part), "{page} lacks {part}");
    }
    for part in none {
        assert!(!page.contains(part), "{page} has {part}");
    }
}

/// What stands between two texts.
pub fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    page.split(from).nth(1).unwrap_or_else(|| panic!("{page} lacks {from}")).split(to).next().unwrap()
}

#[tokio::test]
async fn a_filter_is_put_together_by_hand_and_reads_as_words() {
    let mut desk = Desk::new().await;
    desk.deal(1, "Lamps", "proposal", 1_000, &[]).await;
    desk.deal(2, "Chairs", "won", 2_000, &[]).await;
    desk.deal(3, "Desks", "lost", 3_000, &[]).await;
    let form = desk.page("/records/deal?panel=filter").await;
    has(
        &form,
        &[
            "<option value=\"stage\">Stage</option>",
            "<optgroup label=\"Customer\">",
            "value=\"party.industry\"",
            "value=\"party.phones.value\"",
        ],
        &[],
    );
    let form = desk.page("/records/deal?panel=filter&attribute=stage").await;
    has(&form, &["is any of", "type=\"checkbox\" name=\"v\" value=\"won\""], &["is at least"]);
    let nothing = desk.get("/records/deal/filter?attribute=stage&op=in").await;
    assert_eq!(nothing.status, 422);
    has(&nothing.text(), &["Say what to compare with"], &[]);

    let found = desk.leads("/records/deal/filter?attribute=stage&op=in&v=won&v=lost").await;
    let page = desk.page(&found).await;
    has(&page, &["2 records", "Chairs", "Desks", "<b>Stage</b> is any of", "Lost"], &["Lamps"]);
    // A second condition: amounts are typed as people write them.
    let more = format!("{}&attribute=amount.amount&op=lessThan&v=2%2C500", found.replacen("/records/deal?", "/records/deal/filter?", 1));
    let page = desk.page(&desk.leads(&more).await).await;
    has(&page, &["1 record<", "Chairs", "<b>Amount</b> is below", "2,500"], &["Desks<"]);
    let any = between(&page, "class=\"small\" href=\"", "\"").replace("&#38;", "&");
    has(&desk.page(&any).await, &["3 records"], &[]);
}

#[tokio::test]
async fn a_filter_reaches_linked_records_and_means_whoever_looks() {
    let mut desk = Desk::new().await;
    let number = json!({"value": "138 1234 5678"}).as_object().unwrap().clone();
    let phone = FieldEdit::SetRow { field: "phones".into(), row: "p1".into(), values: number };
    let print = desk.customer(1, &[FieldEdit::set("name", "Jiamei"), FieldEdit::set("industry", "print"), phone]).await;
    let (ann, party) = (desk.server.ann.to_string(), print.to_string());
    desk.deal(2, "Lamps", "lead", 1, &[FieldEdit::set("party", party), FieldEdit::set("owner", ann)]).await;
    desk.deal(3, "Chairs", "lead", 1, &[]).await;
    let page = desk.page(&desk.leads("/records/deal/filter?attribute=party.industry&op=equals&v=PRINT").await).await;
    has(&page, &["1 record<", "Lamps", "<b>Customer › Industry</b>"], &["Chairs"]);
    let page = desk.page(&desk.leads("/records/deal/filter?attribute=party.phones.value&op=contains&v=1234").await).await;
    has(&page, &["1 record<", "Lamps", "<b>Customer › Phone numbers › Number</b>"], &["Chairs"]);
    let mine = address("/records/deal", &[("where", r#"[{"type":"linkedWith","attribute":"owner","value":["@me"]}]"#)]);
    has(&desk.page(&mine).await, &["1 record<", "Lamps", "<span>Me</span>"], &["Chairs"]);
    let broken = desk.page(&address("/records/deal", &[("where", r#"[{"type":"equals","attribute":"nothing","value":1}]"#)])).await;
    has(&broken, &["This list cannot be shown any more"], &["0 records", "No records match"]);
    let cut_off = desk.page(&address("/records/deal", &[("where", r#"[{"type":"#)])).await;
    has(&cut_off, &["This list cannot be shown any more"], &["Lamps", "records<"]);
}

#[tokio::test]
async fn a_filter_asks_for_what_points_at_a_record_and_for_what_does_not() {
    let mut desk = Desk::new().await;
    let (lamps, chairs) = (desk.deal(1, "Lamps", "lead", 1, &[]).await, desk.deal(2, "Chairs", "lead", 1, &[]).await);
    desk.deal(3, "Desks", "lead", 1, &[]).await;
    let call = |about: RecordId, status: &str| {
        [
            FieldEdit::set("subject", "Call"),
            FieldEdit::set("type", "call"),
            FieldEdit::set("status", status),
            FieldEdit::Add { field: "about".into(), value: about.to_string() },
        ]
    };
    desk.save("activity", 11, &call(lamps, "planned")).await;
    desk.save("activity", 12, &call(chairs, "done")).await;

    let form = desk.page("/records/deal?panel=filter").await;
    has(
        &form,
        &["<optgroup label=\"Activities (About)\">", "value=\"activity:about\"", "value=\"activity:about.status\""],
        &["value=\"case:party\""],
    );
    let form = desk.page("/records/deal?panel=filter&attribute=activity:about").await;
    has(&form, &["there is none", "there are at least"], &["is filled in"]);
    let page = desk.page(&desk.leads("/records/deal/filter?attribute=activity:about&op=none").await).await;
    has(&page, &["1 record<", "Desks", "<b>Activities (About)</b> there is none"], &["Lamps", "Chairs"]);
    let page = desk.page(&desk.leads("/records/deal/filter?attribute=activity:about&op=atLeast&v=1").await).await;
    has(&page, &["2 records<", "there are at least", "Lamps"], &["Desks"]);
    assert_eq!(desk.get("/records/deal/filter?attribute=activity:about&op=atLeast&v=some").await.status, 422);
    assert_eq!(desk.get("/records/deal/filter?attribute=activity:about&op=atLeast&v=0").await.status, 422);
    let page = desk.page(&desk.leads("/records/deal/filter?attribute=activity:about.status&op=notIn&v=planned").await).await;
    has(&page, &["2 records<", "Chairs", "Desks", "<b>Activities (About) › Status</b> is none of"], &["Lamps"]);
    let since = desk.leads("/records/deal/filter?attribute=activity:about.createdAt&op=notLastXDays&v=30").await;
    has(&desk.page(&since).await, &["1 record<", "Desks", "Created</b> is not within the last days:"], &["Lamps", "Chairs"]);

    // Several conditions of one record are said in words.
    let open = r#"[{"type":"none","attribute":"activity:about","value":[{"type":"in","attribute":"type","value":["call"]},{"type":"notIn","attribute":"status","value":["done"]}]}]"#;
    let page = desk.page(&address("/records/deal", &[("where", open)])).await;
    let said = "Activities (About) there is none (Type is any of Call and Status is none of Done)";
    has(&page, &["2 records<", said, "Chairs", "Desks"], &["Lamps"]);
    let page = desk.page(&address("/records/deal", &[("where", open), ("layout", "board")])).await;
    has(&page, &["2 records<"], &[]);
}

#[tokio::test]
async fn what_points_at_a_merged_record_points_at_the_one_that_stands_for_it() {
    let mut desk = Desk::new().await;
    let first = desk.customer(1, &[FieldEdit::set("name", "佳美")]).await;
    let second = desk.customer(2, &[FieldEdit::set("name", "佳美办公")]).await;
    desk.deal(3, "Lamps", "lead", 1, &[FieldEdit::set("party", second.to_string())]).await;
    desk.deal(4, "Chairs", "lead", 1, &[FieldEdit::set("party", first.to_string())]).await;
    let merged = desk.post(&format!("/duplicates/party/{first}/{second}"), &[("act", "merge")]).await;
    assert_eq!(merged.status, 303);
    for (filter, found) in [
        (r#"[{"type":"contains","attribute":"deal:party.title","value":"lamps"}]"#, "1 record<"),
        (r#"[{"type":"atLeast","attribute":"deal:party","count":2}]"#, "1 record<"),
        (r#"[{"type":"atLeast","attribute":"deal:party","count":3}]"#, "0 records<"),
        (r#"[{"type":"none","attribute":"deal:party"}]"#, "0 records<"),
    ] {
        has(&desk.page(&address("/records/party", &[("where", filter)])).await, &[found], &[]);
    }
    let linked = |op: &str| format!(r#"[{{"type":"{op}","attribute":"party","value":"{first}"}}]"#);
    let named = |name: &str| format!(r#"[{{"type":"equals","attribute":"party.name","value":"{name}"}}]"#);
    for (filter, found) in [
        (linked("linkedWith"), "2 records<"),
        (linked("notLinkedWith"), "0 records<"),
        (named("佳美"), "2 records<"),
        (named("佳美办公"), "0 records<"),
    ] {
        has(&desk.page(&address("/records/deal", &[("where", &filter)])).await, &[found], &[]);
    }
}

#[tokio::test]
async fn columns_are_chosen_and_a_list_is_ordered_by_any_of_them() {
    let mut desk = Desk::new().await;
    desk.deal(1, "Lamps", "lead", 300, &[]).await;
    desk.deal(2, "Chairs", "lead", 100, &[]).await;
    desk.deal(3, "Desks", "lead", 200, &[]).await;
    let chosen = desk.leads("/records/deal/columns?column=amount&column=createdAt").await;
    let page = desk.page(&chosen).await;
    has(&page, &["data-name=\"amount\"", "data-name=\"createdAt\"", "¥600.00"], &["data-name=\"stage\""]);
    let sorted = desk.page(&format!("{chosen}&sort=amount.amount&desc=true")).await;
    let places: Vec<usize> = ["Lamps", "Desks", "Chairs"].iter().map(|name| sorted.find(&format!("data-row>{name}")).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(desk.leads("/records/deal/columns?column=amount&usual=1").await, "/records/deal");
}

#[tokio::test]
async fn a_view_is_saved_found_again_changed_and_removed() {
    let mut desk = Desk::new().await;
    desk.deal(1, "Lamps", "won", 1, &[]).await;
    desk.deal(2, "Chairs", "lead", 1, &[]).await;
    let filter = r#"[{"type":"in","attribute":"stage","value":["won"]}]"#;
    let list = address("/records/deal/views", &[("where", filter), ("columns", "stage,amount"), ("sort", "updatedAt"), ("desc", "true")]);
    let nameless = desk.post(&list, &[("act", "save"), ("name", " "), ("everyone", "true")]).await;
    assert_eq!(nameless.status, 422, "{}", nameless.text());
    has(
        &nameless.text(),
        &["A new view needs a name.", "id=\"panel\"", "name=\"everyone\" value=\"true\" checked", "data-name=\"amount\""],
        &["Chairs"],
    );
    let saved = desk.post(&list, &[("act", "save"), ("name", "Won ones"), ("everyone", "true")]).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    let view = saved.header("location").to_owned();
    let page = desk.page(&view).await;
    has(&page, &["1 record<", "Won ones", "data-name=\"amount\"", "<b>Stage</b>"], &["Chairs", "data-name=\"party\""]);
    has(&desk.page("/records/deal").await, &["Won ones", "2 records"], &[]);
    // What is asked for goes before what the view says; saving over it keeps that.
    let over = address(&view.replacen("/records/deal?", "/records/deal/views?", 1), &[]).trim_end_matches('?').to_owned();
    let over = format!("{over}&{}", encoded(&[("where", "[]"), ("columns", "owner")]));
    assert_eq!(desk.post(&over, &[("act", "save"), ("over", "true")]).await.status, 303);
    has(&desk.page(&view).await, &["2 records", "data-name=\"owner\""], &["data-name=\"amount\""]);
    let panel = format!("{view}&panel=save");
    has(&desk.page(&panel).await, &["name=\"everyone\" value=\"true\">"], &["value=\"true\" checked"]);
    assert_eq!(desk.post(&over, &[("act", "save"), ("over", "true"), ("everyone", "true")]).await.status, 303);
    has(&desk.page(&panel).await, &["name=\"everyone\" value=\"true\" checked"], &[]);
    let act = view.replacen("/records/deal?", "/records/deal/views?", 1);
    assert_eq!(desk.post(&act, &[("act", "unpin")]).await.status, 303);
    has(&desk.page(&view).await, &["value=\"pin\""], &["value=\"unpin\""]);
    assert_eq!(desk.post(&act, &[("act", "remove")]).await.status, 303);
    has(&desk.page("/records/deal").await, &["2 records"], &["Won ones"]);
    // Its address is still in a bookmark: it does not come to mean all records.
    has(&desk.page(&view).await, &["This view is gone", "href=\"/records/deal\""], &["Lamps", "Chairs", "records<"]);
    let gone = desk.post(&act, &[("act", "save"), ("name", "Again")]).await;
    assert_eq!(gone.status, 422, "{}", gone.text());
    let file = desk.get(&view.replacen("/records/deal?", "/records/deal/export.csv?", 1)).await;
    assert_eq!(file.status, 422, "{}", file.text());
}

#[tokio::test]
async fn a_list_is_put_together_with_totals_that_count_all() {
    let mut desk = Desk::new().await;
    for n in 1..=15 {
        desk.deal(n, &format!("Deal {n:02}"), if n <= 12 { "lead" } else { "won" }, 100, &[]).await;
    }
    let page = desk.page("/records/deal?group=stage").await;
    let lead = between(&page, "Lead</span></a>", "</tbody>");
    has(lead, &["<span class=\"soft\">12</span>", "¥1,200.00", "and 2 more"], &[]);
    has(between(&page, "<tfoot>", "</tfoot>"), &["¥1,500.00"], &[]);
    let drill =
        between(&page, "scope=\"rowgroup\">", "</th>").split("href=\"").nth(2).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    has(&desk.page(&drill).await, &["12 records", "<b>Stage</b>"], &["Deal 13"]);
    has(&desk.page("/records/deal?group=createdAt").await, &["2027-01"], &[]);
}

#[tokio::test]
async fn many_groups_are_shown_page_by_page_and_the_totals_count_all() {
    let mut desk = Desk::new().await;
    for n in 1..=63 {
        desk.deal(n, &format!("Deal {n:02}"), "lead", 100, &[FieldEdit::set("source", format!("Fair {n:02}"))]).await;
    }
    let page = desk.page("/records/deal?group=source").await;
    has(&page, &["Fair 01", "Fair 60", "63 records", "rel=\"next\""], &["Fair 61", "rel=\"prev\""]);
    let next = crate::console::link(&page, "rel=\"next\"");
    let second = desk.page(&next).await;
    has(&second, &["Fair 61", "Fair 63", "Deal 63", "¥6,300.00", "rel=\"prev\""], &["Fair 60<", "rel=\"next\""]);
    has(&desk.page(&crate::console::link(&second, "rel=\"prev\"")).await, &["Fair 01"], &["Fair 61"]);
    assert!(page.len() < PAGE_BYTES_MAX, "{} bytes", page.len());
}

#[tokio::test]
async fn a_cell_is_edited_in_the_list_and_what_is_not_taken_stays_in_it() {
    let mut desk = Desk::new().await;
    let id = desk.customer(1, &[FieldEdit::set("name", "Jiamei"), FieldEdit::set("website", "https://a.example")]).await;
    let list = format!("/records/party?columns=website%2Cindustry&cell={id}.website");
    let page = desk.page(&list).await;
    has(&page, &["name=\"f.website\"", "data-cell=\"industry\""], &["name=\"f.industry\""]);
    let seen = between(&page, "name=\"seen\" value=\"", "\"").to_owned();
    let action = list.replacen("/records/party?", "/records/party/cell?", 1);
    let bad = desk.post(&action, &[("seen", &seen), ("f.website", "no address")]).await;
    assert_eq!(bad.status, 422);
    has(&bad.text(), &["value=\"no address\"", "is not a web address"], &[]);
    let good = desk.post(&action, &[("seen", &seen), ("f.website", "https://b.example")]).await;
    assert_eq!((good.status.as_u16(), good.header("location")), (303, "/records/party?columns=website%2Cindustry"));
    has(&desk.page("/records/party?columns=website").await, &["https://b.example"], &[]);
    let late = desk.post(&action, &[("seen", &seen), ("f.website", "https://c.example")]).await;
    has(&late.text(), &["ann changed this field to “https://b.example” while you were"], &[]);
}

#[tokio::test]
async fn a_file_of_a_grouped_list_is_grouped_too() {
    let mut desk = Desk::new().await;
    for (n, name, stage, yuan) in [(1, "Chairs", "won", 10), (2, "Desks", "lead", 20), (3, "Lamps", "won", 30)] {
        desk.deal(n, name, stage, yuan, &[FieldEdit::set("close_date", "2026-05-03")]).await;
    }
    let query = [("columns", "amount,stage,close_date"), ("group", "stage")];
    let csv = desk.get(&address("/records/deal/export.csv", &query)).await.text();
    let rows = "Lead,Desks,20.00 CNY,2026-05-03\nWon,Chairs,10.00 CNY,2026-05-03\nWon,Lamps,30.00 CNY,2026-05-03\n";
    assert_eq!(csv, format!("\u{feff}Stage,Title,Amount,Expected close\n{rows}"));
    let xlsx = desk.get(&address("/records/deal/export.xlsx", &query)).await;
    let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(xlsx.body)).unwrap();
    let sums = book.worksheet_range("By Stage").unwrap();
    let rows: Vec<Vec<String>> = sums.rows().map(|row| row.iter().map(ToString::to_string).collect()).collect();
    let expected = [["Stage", "Records", "Amount"], ["Lead", "1", "20"], ["Won", "2", "40"], ["Total", "3", "60"]];
    assert_eq!(rows, expected);
    // A month is not the day.
    let months = desk.get(&address("/records/deal/export.csv", &[("columns", "close_date"), ("group", "close_date")])).await.text();
    assert!(months.starts_with("\u{feff}By Expected close,Title,Expected close\n2026-05,Chairs,2026-05-03\n"), "{months}");
}

#[tokio::test]
async fn a_file_holds_what_is_seen() {
    let mut desk = Desk::new().await;
    let party = desk.customer(9, &[FieldEdit::set("name", "佳美")]).await.to_string();
    desk.deal(1, "=Lamps", "won", 2_900, &[FieldEdit::set("party", party), FieldEdit::set("close_date", "2026-05-03")]).await;
    desk.deal(2, "Chairs", "lead", 1, &[]).await;
    let query = [("where", r#"[{"type":"in","attribute":"stage","value":["won"]}]"#), ("columns", "party,amount,close_date,stage")];
    let csv = desk.get(&address("/records/deal/export.csv", &query)).await;
    assert_eq!(csv.text(), "\u{feff}Title,Customer,Amount,Expected close,Stage\n'=Lamps,佳美,2900.00 CNY,2026-05-03,Won\n");
    assert!(csv.header("content-disposition").starts_with("attachment"), "{}", csv.header("content-disposition"));
    let xlsx = desk.get(&address("/records/deal/export.xlsx", &query)).await;
    let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(xlsx.body)).unwrap();
    let range = book.worksheet_range("Deals").unwrap();
    let row: Vec<Data> = range.rows().nth(1).unwrap().to_vec();
    assert_eq!((&row[0], &row[2]), (&Data::String("=Lamps".to_owned()), &Data::Float(2900.0)));
    assert_eq!(range.rows().count(), 2);
}

#[tokio::test]
async fn a_board_shows_sums_weights_and_what_is_to_be_done_next() {
    let mut desk = Desk::new().await;
    let late = desk.deal(1, "Lamps", "proposal", 1_000, &[]).await;
    let planned = desk.deal(2, "Chairs", "proposal", 3_000, &[]).await;
    desk.deal(3, "Desks", "won", 500, &[]).await;
    for (n, about, due) in [(11, late, START - DAY), (12, planned, START + 3 * DAY), (13, late, START + DAY)] {
        let edits = [
            FieldEdit::set("subject", format!("Call {n}")),
            FieldEdit::set("status", "planned"),
            FieldEdit::set("due", due),
            FieldEdit::Add { field: "about".to_owned(), value: about.to_string() },
        ];
        desk.save("activity", n, &edits).await;
    }
    let page = desk.page("/records/deal?layout=board").await;
    let lane = between(&page, "data-value=\"proposal\"", "</section>");
    has(lane, &["¥4,000.00", "weighted ¥2,000.00", "Lamps", "Chairs"], &["Desks", "Call 13"]);
    has(between(lane, "Lamps", "</li>"), &["next red", "Call 11"], &[]);
    has(between(lane, "Chairs", "</li>"), &["next green", "Call 12"], &[]);
    has(between(&page, "data-value=\"won\"", "</section>"), &["Desks", "¥500.00"], &["Nothing planned", "weighted"]);
    let moved = desk.post("/records/deal/move?layout=board", &[("id", &late.to_string()), ("value", "negotiation")]).await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (303, "/records/deal?layout=board"));
    let page = desk.page("/records/deal?layout=board").await;
    has(between(&page, "data-value=\"negotiation\"", "</section>"), &["Lamps", "¥1,000.00"], &[]);
    let wrong = desk.post("/records/deal/move?layout=board", &[("id", &late.to_string()), ("value", "nowhere")]).await;
    assert_eq!(wrong.status, 422);
    has(&wrong.text(), &["is not one of the options", "data-value=\"won\""], &[]);
}

#[tokio::test]
async fn a_calendar_puts_records_on_the_readers_own_days() {
    let mut desk = Desk::new().await;
    // 2027-01-15 23:30 UTC: the 16th in Beijing.
    let late = START + 15 * 60 * MINUTE + 30 * MINUTE;
    desk.save("activity", 1, &[FieldEdit::set("subject", "Night call"), FieldEdit::set("when", json!({"start": late}))]).await;
    let day = |page: &str, date: &str| between(page, &format!(", {date}</span>"), "</td>").to_owned();
    let page = desk.page("/records/activity?layout=calendar&month=2027-01&by=when.start").await;
    has(&day(&page, "2027-01-15"), &["Night call", "23:30"], &[]);
    let headers = [("cookie", &*format!("{}; zone=480", desk.cookie)), ("accept", "text/html")];
    let page = desk.server.get("/records/activity?layout=calendar&month=2027-01&by=when.start", &headers).await.text();
    has(&day(&page, "2027-01-16"), &["Night call", "07:30"], &[]);
    has(
        &desk.page("/records/activity?layout=calendar&month=2027-01-13&by=when.start").await,
        &["2027-01-11 – 2027-01-17", "Night call"],
        &[],
    );
    has(&desk.page("/records/activity?layout=calendar&month=2026-12&by=when.start").await, &["2026-12"], &["Night call"]);
    let alone = desk.page("/records/activity?layout=calendar&month=d2027-01-15&by=when.start").await;
    has(&alone, &["<h2>2027-01-15</h2>", "Night call", "month=d2027-01-14", "month=d2027-01-16"], &[", 2027-01-14</span>"]);
    has(&desk.page("/records/activity?layout=calendar&month=d2027-01-16&by=when.start").await, &[], &["Night call"]);
    // What only has a time by which it is due stands there, when nobody chose a date.
    desk.save("activity", 2, &[FieldEdit::set("subject", "Tax return"), FieldEdit::set("due", late)]).await;
    let page = desk.page("/records/activity?layout=calendar&month=2027-01").await;
    has(&day(&page, "2027-01-15"), &["Night call", "Tax return"], &[]);
    has(&page, &["<option value=\"\" selected>When / Due</option>"], &[]);
    has(&desk.page("/records/activity?layout=calendar&month=2027-01&by=due").await, &["Tax return"], &["Night call"]);
}

#[tokio::test]
async fn a_calendar_marks_what_is_late_in_the_colours_of_boards() {
    let mut desk = Desk::new().await;
    let deal = desk.deal(1, "Lamps", "lead", 1, &[FieldEdit::set("close_date", "2027-01-20")]).await;
    desk.deal(2, "Desks", "lost", 1, &[FieldEdit::set("close_date", "2027-01-20")]).await;
    let item = |page: &str, title: &str| {
        let before = page.split(title).next().unwrap().rsplit("<li class=\"").next().unwrap();
        let is_late = page.split(title).nth(1).unwrap().split("</li>").next().unwrap().contains("overdue");
        (before.split('"').next().unwrap().to_owned(), is_late)
    };
    let of = |colour: &str, is_late: bool| (colour.to_owned(), is_late);
    let page = desk.page("/records/deal?layout=calendar&month=2027-01").await;
    assert_eq!((item(&page, "Lamps"), item(&page, "Desks")), (of("grey", false), of("", false)), "what was lost is not late: {page}");
    let activity = |subject: &str, status: &str, due: i64| {
        [FieldEdit::set("subject", subject), FieldEdit::set("status", status), FieldEdit::set("due", due)]
    };
    let about = FieldEdit::Add { field: "about".to_owned(), value: deal.to_string() };
    desk.save("activity", 3, &[&activity("Call back", "planned", START - DAY)[..], &[about]].concat()).await;
    desk.save("activity", 4, &activity("Called", "done", START - DAY)).await;
    desk.save("activity", 5, &activity("Meet", "planned", START + 2 * DAY)).await;
    assert_eq!(item(&desk.page("/records/deal?layout=calendar&month=2027-01").await, "Lamps"), of("red", true));
    let page = desk.page("/records/activity?layout=calendar&month=2027-01").await;
    let colours = ["Call back", "Called", "Meet"].map(|title| item(&page, title));
    assert_eq!(colours, [of("red", true), of("green", false), of("blue", false)], "{page}");
}

#[tokio::test]
async fn everything_is_found_by_name_pinyin_and_parts_of_numbers() {
    let mut desk = Desk::new().await;
    let phone = json!({"value": "+86 138 1234-5678"});
    let phones = FieldEdit::SetRow { field: "phones".to_owned(), row: "p".to_owned(), values: phone.as_object().unwrap().clone() };
    desk.customer(1, &[FieldEdit::set("name", "佳美办公用品"), phones]).await;
    desk.deal(2, "Desk lamps", "lead", 1, &[]).await;
    rapport_server::jobs::index::catch_up(&desk.server.app).await.unwrap();
    for (typed, found) in
        [("佳美", "佳美"), ("jiamei", "佳美"), ("jmbg", "佳美"), ("345678", "佳美"), ("LAM", "Desk lamps"), ("desk lam", "Desk lamps")]
    {
        let page = desk.page(&address("/search", &[("q", typed)])).await;
        has(&page, &[found, "1 record<"], &[]);
        has(&desk.page(&address("/search", &[("q", typed), ("brief", "true")])).await, &[found, "<a href=\"/records/"], &["<html"]);
    }
    has(&desk.page("/search?q=nobody").await, &["Nothing found"], &[]);
    has(&desk.page("/search?q=%22%20OR").await, &["Nothing found"], &[]);
    let id = record(1);
    desk.post(&format!("/records/party/{id}/fields/name"), &[("f.name", "海天")]).await;
    rapport_server::jobs::index::catch_up(&desk.server.app).await.unwrap();
    has(&desk.page("/search?q=jiamei").await, &["Nothing found"], &[]);
    has(&desk.page("/search?q=haitian").await, &["海天"], &[]);
}

#[tokio::test]
async fn the_name_that_was_typed_comes_before_names_that_merely_have_it() {
    let mut desk = Desk::new().await;
    let names = ["上海佳美", "佳美办公", "Beijing Jia", "Jiabao Print and Paper", "Jia"];
    for (number, name) in names.iter().enumerate() {
        desk.customer(number as u8 + 1, &[FieldEdit::set("name", *name)]).await;
    }
    desk.customer(9, &[FieldEdit::set("name", "Cedar"), FieldEdit::set("industry", "jia jia jia jia")]).await;
    rapport_server::jobs::index::catch_up(&desk.server.app).await.unwrap();
    let page = desk.page("/search?q=jia").await;
    let places: Vec<usize> = [">Jia<", "Jiabao", "Beijing", "佳美办公", "上海佳美", "Cedar"]
        .iter()
        .map(|name| page.find(name).unwrap_or_else(|| panic!("{name} is not in {page}")))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test]
async fn a_name_that_sounds_so_from_its_beginning_is_among_the_first_of_hundreds() {
    let mut desk = Desk::new().await;
    desk.customer(1, &[FieldEdit::set("name", "佳美有限责任办公用品公司")]).await;
    // The index ranks short ones that say it often before.
    for number in 2..=140 {
        desk.customer(number, &[FieldEdit::set("name", "上海佳美"), FieldEdit::set("industry", "佳美 佳美 佳美")]).await;
    }
    rapport_server::jobs::index::catch_up(&desk.server.app).await.unwrap();
    for typed in ["jiamei", "jm", "jia mei"] {
        let page = desk.page(&address("/search", &[("q", typed), ("brief", "true")])).await;
        let first = page.split("<li>").nth(1).unwrap();
        assert!(first.contains("佳美有限责任办公用品公司"), "{typed}: {page}");
    }
}

#[tokio::test]
async fn what_people_disagree_about_is_found_by_each_of_the_values() {
    let mut desk = Desk::new().await;
    let id = desk.customer(1, &[FieldEdit::set("name", "佳美")]).await;
    let app = desk.server.app.clone();
    desk.ann.save(&app, "party", id, START + 1, &[FieldEdit::set("tax_id", "91310000AAAA")]).await;
    desk.bo.save(&app, "party", id, START + 2, &[FieldEdit::set("tax_id", "91440300BBBB")]).await;
    rapport_server::jobs::index::catch_up(&app).await.unwrap();
    for typed in ["91310000AAAA", "91440300BBBB"] {
        has(&desk.page(&address("/search", &[("q", typed)])).await, &["佳美"], &["Nothing found"]);
    }
}

#[tokio::test]
async fn a_list_is_searched_alike_before_and_after_its_words_are_in_the_index() {
    let mut desk = Desk::new().await;
    let old = desk.customer(1, &[FieldEdit::set("name", "佳美办公"), FieldEdit::set("industry", "print")]).await;
    desk.customer(2, &[FieldEdit::set("name", "Cedar Office"), FieldEdit::set("industry", "retail")]).await;
    let app = desk.server.app.clone();
    rapport_server::jobs::index::catch_up(&app).await.unwrap();
    desk.customer(3, &[FieldEdit::set("name", "佳美物流"), FieldEdit::set("industry", "print")]).await;
    let by_name = address("/records/party", &[("q", "佳美")]);
    has(&desk.page(&by_name).await, &["2 records", "佳美办公", "佳美物流"], &["Cedar"]);
    rapport_server::jobs::index::catch_up(&app).await.unwrap();
    has(&desk.page(&by_name).await, &["2 records", "佳美办公", "佳美物流"], &["Cedar"]);
    has(&desk.page(&address("/records/party", &[("q", "jiamei"), ("group", "industry")])).await, &["2 records"], &["Cedar"]);
    desk.post(&format!("/records/party/{old}/archive"), &[]).await;
    has(&desk.page(&address("/records/party", &[("q", "佳美"), ("archived", "true")])).await, &["1 record<", "佳美办公"], &["佳美物流"]);
}

/// What the console shows of deals and customers in many ways.
async fn looks(desk: &Desk) -> Vec<String> {
    let is = |field: &str, value: &str| json!([{"type": "equals", "attribute": field, "value": value}]).to_string();
    let open =
        json!([{"type": "notIn", "attribute": "stage", "value": ["won", "lost"]}, {"type": "isNotNull", "attribute": "amount.amount"}]);
    let asked: [(&str, Vec<(&str, String)>); 13] = [
        ("deal", vec![("sort", "amount.amount".into())]),
        ("deal", vec![("sort", "close_date".into()), ("desc", "true".into())]),
        ("deal", vec![("where", is("stage", "won"))]),
        ("deal", vec![("where", open.to_string()), ("sort", "createdAt".into())]),
        ("deal", vec![("group", "stage".into())]),
        ("deal", vec![("group", "close_date".into()), ("q", "Lamp".into())]),
        ("deal", vec![("layout", "board".into())]),
        ("deal", vec![("layout", "bar".into()), ("group", "stage".into()), ("measure", "sum:amount".into())]),
        ("deal", vec![("layout", "line".into()), ("group", "close_date".into()), ("split", "stage".into()), ("step", "week".into())]),
        (
            "deal",
            vec![("layout", "figures".into()), ("group", "createdAt".into()), ("step", "day".into()), ("measure", "distinct:stage".into())],
        ),
        ("party", vec![("sort", "industry".into())]),
        ("party", vec![("sort", "industry".into()), ("desc", "true".into())]),
        ("party", vec![("where", is("industry", "HOTEL")), ("group", "industry".into())]),
    ];
    let mut pages = Vec::new();
    for (kind, params) in asked {
        let params: Vec<(&str, &str)> = params.iter().map(|(name, value)| (*name, &**value)).collect();
        pages.push(desk.page(&address(&format!("/records/{kind}"), &params)).await);
    }
    pages
}

#[tokio::test]
async fn indexes_make_a_list_faster_and_change_nothing_else() {
    let mut desk = Desk::new().await;
    for (n, industry) in [(1, Some("Hotel")), (2, Some("print")), (3, Some("hotel")), (4, None), (5, Some("Art"))] {
        let name = [FieldEdit::set("name", format!("Customer {n}"))];
        let industry = industry.map(|industry| FieldEdit::set("industry", industry));
        desk.customer(n, &name.into_iter().chain(industry).collect::<Vec<_>>()).await;
    }
    for n in 10..30_u8 {
        let stage = ["lead", "won", "lost", "proposal"][usize::from(n % 4)];
        let day = FieldEdit::set("close_date", format!("2027-01-{n}"));
        desk.deal(n, &format!("Lamps {n}"), stage, i64::from(n % 7), &[day]).await;
    }
    desk.save("deal", 40, &[FieldEdit::set("title", "Lamps for nothing")]).await;
    let app = desk.server.app.clone();
    let before = looks(&desk).await;
    let made = rapport_server::jobs::columns::renew(&app, 1).await.unwrap();
    assert!(made > 5, "{made}");
    for (number, (before, after)) in before.iter().zip(looks(&desk).await).enumerate() {
        assert_eq!(*before, after, "page {number}");
    }
    assert_eq!(rapport_server::jobs::columns::renew(&app, 1).await.unwrap(), 0, "they are there");

    // Texts are ordered without regard to case, those without come last.
    let places: Vec<usize> =
        ["Customer 5", "Customer 1", "Customer 3", "Customer 2", "Customer 4"].iter().map(|name| before[10].find(name).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
    // What was counted before is counted again once something has changed.
    let won = address("/records/deal", &[("layout", "bar"), ("group", "stage")]);
    has(&desk.page(&won).await, &["21 records"], &[]);
    desk.deal(50, "One more", "won", 1, &[]).await;
    has(&desk.page(&won).await, &["22 records"], &["21 records"]);
}

#[tokio::test]
async fn a_list_with_many_columns_has_fewer_rows_on_a_page() {
    let mut desk = Desk::new().await;
    for n in 1..=60_u8 {
        desk.customer(n, &[FieldEdit::set("name", format!("Customer {n:02}"))]).await;
    }
    let rows = |page: &str| page.matches("Customer ").count();
    let few = desk.page("/records/party").await;
    let all: Vec<String> =
        sync_core::schema::Schema::builtin().kind("party").unwrap().fields.iter().map(|field| field.name.to_string()).collect();
    let many = desk.page(&address("/records/party", &[("columns", &all.join(","))])).await;
    assert!(rows(&many) < rows(&few) && many.len() < PAGE_BYTES_MAX, "{} {} {}", rows(&many), rows(&few), many.len());
}

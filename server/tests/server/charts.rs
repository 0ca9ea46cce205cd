//! Charts and dashboards: figures of lists, the records behind each, files of them, tiles side by side.

use serde_json::json;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::console::{Desk, encoded, record};
use crate::harness::{PAGE_BYTES_MAX, START};
use crate::inbox::Inbox;

const DAY: i64 = 86_400_000;

/// An address of a list.
pub fn address(kind: &str, params: &[(&str, &str)]) -> String {
    format!("/records/{kind}?{}", encoded(params))
}

impl Desk {
    pub async fn chart_deal(&mut self, n: u8, stage: &str, owner: &str, amount: Option<(i64, &str)>, close: &str) {
        let id = RecordId::new(START, [n; 10]);
        let mut edits = vec![
            FieldEdit::set("title", format!("Deal {n}")),
            FieldEdit::set("stage", stage),
            FieldEdit::set("owner", RecordId::of_cause(owner).to_string()),
            FieldEdit::set("close_date", close),
        ];
        edits.extend(amount.map(|(minor, currency)| FieldEdit::set("amount", json!({"amount": minor, "currency": currency}))));
        let app = self.server.app.clone();
        self.ann.save(&app, "deal", id, START, &edits).await;
    }

    /// START is 2027-01-15.
    pub async fn pipeline(&mut self) {
        self.chart_deal(1, "lead", "ann", Some((100_000, "CNY")), "2027-01-20").await;
        self.chart_deal(2, "lead", "bo", Some((300_000, "CNY")), "2027-02-10").await;
        self.chart_deal(3, "proposal", "ann", Some((500_000, "CNY")), "2027-01-02").await;
        self.chart_deal(4, "won", "bo", Some((700_000, "CNY")), "2027-01-05").await;
        self.chart_deal(5, "won", "bo", Some((90_000, "EUR")), "2026-12-05").await;
        self.chart_deal(6, "won", "ann", None, "2026-12-24").await;
    }

    pub async fn shows(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    }
}

/// The rows of the first table of bars: label and value.
pub fn bars(page: &str) -> Vec<(String, String)> {
    let table = page.split("<table class=\"bars").nth(1).unwrap_or_else(|| panic!("no bars: {page}")).split("</table>").next().unwrap();
    let body = table.split("<tbody>").nth(1).unwrap();
    let text = |html: &str| -> String {
        let mut text = String::new();
        let mut inside = false;
        for letter in html.chars() {
            match letter {
                '<' => inside = true,
                '>' => inside = false,
                letter if !inside => text.push(letter),
                _ => {}
            }
        }
        text.trim().to_owned()
    };
    let row = |row: &str| {
        let (head, rest) = row.split_once("</th>").unwrap();
        (text(head), text(rest.split("<td class=\"num\">").nth(1).unwrap().split(['<', '\n']).next().unwrap()))
    };
    body.split("<tr>").skip(1).map(row).collect()
}

pub fn told(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_list_becomes_a_chart_in_the_order_of_its_stages_and_one_currency_at_a_time() {
    let mut desk = Desk::new().await;
    desk.pipeline().await;
    let count = desk.shows(&address("deal", &[("layout", "bar"), ("group", "stage")])).await;
    assert_eq!(bars(&count), told(&[("Lead", "2"), ("Proposal", "1"), ("Won", "3")]));
    let sum = address("deal", &[("layout", "bar"), ("group", "stage"), ("measure", "sum:amount")]);
    let page = desk.shows(&sum).await;
    assert_eq!(bars(&page), told(&[("Lead", "¥4,000.00"), ("Proposal", "¥5,000.00"), ("Won", "¥7,000.00")]), "euros are no yuan");
    assert_eq!(bars(&desk.shows(&format!("{sum}&currency=EUR")).await), told(&[("Won", "€900.00")]));
    let weighted = desk.shows(&address("deal", &[("layout", "bar"), ("group", "stage"), ("measure", "weighted:amount")])).await;
    assert_eq!(bars(&weighted), told(&[("Lead", "¥400.00"), ("Proposal", "¥2,500.00"), ("Won", "¥7,000.00")]));
    for (measure, lead) in [("average:amount", "¥2,000.00"), ("least:amount", "¥1,000.00"), ("greatest:amount", "¥3,000.00")] {
        let page = desk.shows(&address("deal", &[("layout", "bar"), ("group", "stage"), ("measure", measure)])).await;
        assert_eq!(bars(&page)[0], ("Lead".to_owned(), lead.to_owned()), "{measure}");
    }
    let owners = desk.shows(&address("deal", &[("layout", "bar"), ("group", "stage"), ("measure", "distinct:owner")])).await;
    assert_eq!(bars(&owners), told(&[("Lead", "2"), ("Proposal", "1"), ("Won", "2")]));
}

/// A kind whose stages weigh odd percentages, and that has the weighed amount of each record as a derived field.
const BID: &str = r#"
name = "bid"
label = { en = "Bid", zh = "投标" }
plural = { en = "Bids", zh = "投标" }
title = "name"
list = ["name", "stage", "price", "likely"]
board = { by = "stage", sum = "price" }

[[field]]
name = "name"
label = { en = "Name", zh = "名称" }

[[field]]
name = "stage"
label = { en = "Stage", zh = "阶段" }
type = "choice"
options = [
  { value = "sent", label = { en = "Sent", zh = "已投" }, weight = 57 },
  { value = "o'clock", label = { en = "Nearly", zh = "将中" }, weight = 29 },
]

[[field]]
name = "region"
label = { en = "Region", zh = "大区" }

[[field]]
name = "price"
label = { en = "Price", zh = "价格" }
type = "money"

[[field]]
name = "likely"
label = { en = "Likely", zh = "预计" }
type = "money"
merge = "derived"
formula = { percent_of = "price", by = "stage" }
"#;

#[tokio::test]
async fn charts_boards_and_derived_fields_agree_to_the_cent() {
    let desk = Desk::new().await;
    let office = crate::api::Client::office(&desk.server).await;
    office.make("kind", json!({"name": "bid", "definition": BID})).await;
    // 57 % of 0.50 is 0.285, which floats have a little less of; 57 % of 1.50 all at once is one cent less than of each.
    for (stage, cents) in [("sent", 50), ("sent", 50), ("sent", 50), ("o'clock", 50), ("o'clock", -150)] {
        let price = json!({"amount": cents, "currency": "CNY"});
        office.make("bid", json!({"name": format!("{stage} {cents}"), "stage": stage, "region": "east", "price": price})).await;
    }
    let chart = async |group: &str, measure: &str| {
        bars(&desk.shows(&address("bid", &[("layout", "bar"), ("group", group), ("measure", measure)])).await)
    };
    let by_stage = told(&[("Sent", "¥0.87"), ("Nearly", "−¥0.29")]);
    assert_eq!(chart("stage", "sum:likely").await, by_stage);
    assert_eq!(chart("stage", "weighted:price").await, by_stage);
    let board = desk.shows("/records/bid?layout=board").await;
    assert!(board.contains("weighted ¥0.87") && board.contains("weighted −¥0.29"), "{board}");
    // Put together otherwise, it is no other sum.
    let all = told(&[("east", "¥0.58")]);
    assert_eq!((chart("region", "weighted:price").await, chart("region", "sum:likely").await), (all.clone(), all));
}

#[tokio::test]
async fn every_bar_leads_to_the_records_behind_it() {
    let mut desk = Desk::new().await;
    desk.pipeline().await;
    let by_month = [("layout", "figures"), ("group", "close_date"), ("split", "stage"), ("step", "month"), ("day", "close_date")];
    let page = desk.shows(&address("deal", &by_month)).await;
    let table = page.split("<table class=\"figures\">").nth(1).unwrap().split("</table>").next().unwrap();
    assert!(table.contains("2026-12") && table.contains("2027-01") && table.contains("2027-02"), "{table}");
    let links: Vec<String> =
        table.split("<a href=\"").skip(1).map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")).collect();
    assert!(links.len() > 8, "{links:?}");
    let mut found = 0;
    for link in links.iter().filter(|link| link.contains("stage")) {
        let list = desk.shows(link).await;
        found += list.matches("<tr id=\"r-").count();
    }
    assert_eq!(found, 6, "each deal is behind exactly one cell");
}

#[tokio::test]
async fn a_period_is_compared_with_the_one_before() {
    let mut desk = Desk::new().await;
    desk.pipeline().await;
    let won = json!([{"type": "in", "attribute": "stage", "value": ["won"]}]).to_string();
    let params = [
        ("layout", "number"),
        ("measure", "count"),
        ("where", &*won),
        ("period", "this_month"),
        ("day", "close_date"),
        ("compare", "true"),
    ];
    let page = desk.shows(&address("deal", &params)).await;
    let figure = page.split("<p class=\"figure\">").nth(1).unwrap().split("</p>").next().unwrap();
    assert!(figure.contains(">1</a>") && figure.contains("−50 %") && figure.contains("2 before"), "{figure}");
}

#[tokio::test]
async fn time_goes_on_where_nothing_happened() {
    let mut desk = Desk::new().await;
    desk.chart_deal(1, "lead", "ann", None, "2026-10-20").await;
    desk.chart_deal(2, "lead", "ann", None, "2027-01-20").await;
    let page = desk.shows(&address("deal", &[("layout", "line"), ("group", "close_date"), ("step", "month")])).await;
    let table = page.split("<table class=\"figures\">").nth(1).unwrap().split("</table>").next().unwrap();
    for month in ["2026-10", "2026-11", "2026-12", "2027-01"] {
        assert!(table.contains(month), "{table} lacks {month}");
    }
    let weeks = desk.shows(&address("deal", &[("layout", "bar"), ("group", "close_date"), ("step", "week")])).await;
    assert!(weeks.contains("2026-10-19 · 1"), "weeks begin on Monday: {weeks}");
    let quarters = desk.shows(&address("deal", &[("layout", "bar"), ("group", "close_date"), ("step", "quarter")])).await;
    assert!(quarters.contains("2026-Q4 · 1") && quarters.contains("2027-Q1 · 1"));
}

#[tokio::test]
async fn moments_are_put_together_by_the_readers_own_days() {
    let mut desk = Desk::new().await;
    desk.chart_deal(1, "lead", "ann", None, "2026-10-20").await;
    let path = address("deal", &[("layout", "bar"), ("group", "createdAt"), ("step", "day")]);
    assert!(desk.shows(&path).await.contains("2027-01-15 · 1"), "08:00 in London");
    let cookie = format!("{}; zone=960", desk.cookie);
    let far = desk.server.get(&path, &[("cookie", &cookie), ("accept", "text/html")]).await.text();
    assert!(far.contains("2027-01-15 · 1"), "no clock is further from UTC than 14 hours");
    let cookie = format!("{}; zone=-720", desk.cookie);
    let west = desk.server.get(&path, &[("cookie", &cookie), ("accept", "text/html")]).await.text();
    assert!(west.contains("2027-01-14 · 1"), "{west}");
}

#[tokio::test]
async fn a_chart_is_saved_as_a_view_taken_out_as_files_and_shown_as_a_tile() {
    let mut desk = Desk::new().await;
    desk.pipeline().await;
    let params = [("layout", "bar"), ("group", "stage"), ("measure", "sum:amount"), ("period", "this_year"), ("day", "close_date")];
    let path = address("deal", &params).replace("/records/deal?", "/records/deal/views?");
    let saved = desk.post(&path, &[("act", "save"), ("name", "By stage"), ("everyone", "true")]).await;
    let view = saved.header("location").split("view=").nth(1).unwrap().to_owned();
    assert_eq!(
        bars(&desk.shows(&format!("/records/deal?view={view}")).await),
        told(&[("Lead", "¥4,000.00"), ("Proposal", "¥5,000.00"), ("Won", "¥7,000.00")])
    );
    let csv = desk.get(&format!("/records/deal/export.csv?view={view}")).await.text();
    assert_eq!(csv, "\u{feff}Stage,Value\nLead,4000.00 CNY\nProposal,5000.00 CNY\nWon,7000.00 CNY\nTotal,16000.00 CNY\n");
    let pdf = desk.get(&format!("/records/deal/export.pdf?view={view}")).await;
    assert_eq!(pdf.header("content-type"), "application/pdf");
    assert!(pdf.body.starts_with(b"%PDF-1.5"));

    let made = desk.post("/dashboards", &[("name", "Mine")]).await;
    let dashboard = made.header("location").split('?').next().unwrap().to_owned();
    assert_eq!(desk.post(&dashboard, &[("act", "add"), ("view", &view), ("width", "full")]).await.status, 303);
    let page = desk.shows(&format!("{dashboard}?whole=true")).await;
    assert!(page.contains("By stage"), "{page}");
    assert_eq!(bars(&page).len(), 3);
    let report = desk.get(&format!("{dashboard}/report.pdf")).await;
    assert!(report.body.starts_with(b"%PDF-1.5"));
}

#[tokio::test]
async fn the_dashboard_that_is_ready_shows_the_pipeline_and_its_tiles_change_places() {
    let mut desk = Desk::new().await;
    desk.pipeline().await;
    let office = Client::office(&desk.server).await;
    for (title, end) in [("Frame contract", "2027-02-20"), ("Contract for years", "2029-01-01")] {
        let valid = json!({"start": "2026-01-01", "end": end});
        office.make("offer", json!({"title": title, "form": "contract", "status": "signed", "valid": valid})).await;
    }
    assert!(desk.shows("/dashboards").await.contains("Use the ready dashboard “Sales”"));
    let made = desk.post("/dashboards", &[("ready", "sales")]).await;
    let dashboard = made.header("location").to_owned();
    let page = desk.shows(&format!("{dashboard}?whole=true")).await;
    for text in [
        "Open pipeline",
        "¥9,000.00",
        "Weighted pipeline",
        "¥2,900.00",
        "Won this month",
        "Sales funnel",
        "Deals past their close date",
        "Deal 3",
        "Contracts that end within 60 days",
        "Frame contract",
    ] {
        assert!(page.contains(text), "{page} lacks {text}");
    }
    assert!(!page.contains("Contract for years"), "{page}");
    let tiles = |page: &str| -> Vec<String> {
        page.split("data-row-id=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    };
    let before = tiles(&page);
    assert_eq!(desk.post(&dashboard, &[("act", "move"), ("row", &before[2]), ("after", "")]).await.status, 303);
    let after = tiles(&desk.shows(&dashboard).await);
    assert_eq!((&after[0], &after[1], &after[2], after.len()), (&before[2], &before[0], &before[1], before.len()));
    desk.post(&dashboard, &[("act", "take"), ("row", &before[2])]).await;
    assert_eq!(tiles(&desk.shows(&dashboard).await).len(), before.len() - 1);
    let (_, cookie) = desk.server.browser_sign_in_as("bo").await;
    let bos = desk.server.get(&dashboard, &[("cookie", &cookie), ("accept", "text/html")]).await;
    assert!(bos.text().contains("Open pipeline"), "everybody sees it");
}

/// The words of a PDF as a program reads them that is not ours, and that forgives no mistake.
fn words_of(pdf: &[u8]) -> String {
    let python = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("tools/bin/python");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pdf).unwrap();
    let script = "import sys, pypdf; sys.stdout.reconfigure(encoding='utf-8'); \
                  print('\\n'.join(page.extract_text() for page in pypdf.PdfReader(sys.argv[1], strict=True).pages))";
    let read = std::process::Command::new(python).args(["-c", script]).arg(file.path()).output().expect("`.ci/setup` installs pypdf");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    String::from_utf8(read.stdout).unwrap()
}

#[tokio::test]
async fn a_report_and_a_list_as_a_pdf_say_to_other_programs_what_the_page_says() {
    let mut desk = Desk::new().await;
    desk.pipeline().await;
    desk.customer(90, &[FieldEdit::set("name", "佳美办公"), FieldEdit::set("industry", "é-Büro")]).await;
    let dashboard = desk.post("/dashboards", &[("ready", "sales")]).await.header("location").to_owned();
    let report = words_of(&desk.get(&format!("{dashboard}/report.pdf")).await.body);
    for said in ["Sales", "Open pipeline", "¥9,000.00", "Weighted pipeline", "¥2,900.00", "Deals past their close date", "Deal 3"] {
        assert!(report.contains(said), "{report} lacks {said}");
    }
    let list = words_of(&desk.get("/records/party/export.pdf").await.body);
    assert!(list.contains("佳美办公") && list.contains("é-Büro"), "{list}");
    desk.post("/language", &[("language", "zh-CN")]).await;
    let list = words_of(&desk.get("/records/party/export.pdf").await.body);
    assert!(list.contains("客户") && list.contains("行业"), "{list}");
}

#[tokio::test]
async fn a_chart_shows_nothing_of_fields_that_are_out_of_sight() {
    let mut desk = Desk::new().await;
    let id = record(9);
    let app = desk.server.app.clone();
    desk.ann.save(&app, "deal", id, START - DAY, &[FieldEdit::set("title", "Lamps")]).await;
    for wrong in [("group", "no_such_field"), ("measure", "sum:no_such_field")] {
        let page = desk.shows(&address("deal", &[("layout", "bar"), wrong])).await;
        assert!(page.contains(&format!("`{}` is nothing", wrong.0)), "what is not there is not asked for: {page}");
        assert!(!page.contains("Number of records by Stage"), "and no other chart is shown instead: {page}");
    }
}

#[tokio::test]
async fn days_that_are_out_of_sight_are_neither_a_calendar_nor_in_a_menu() {
    let desk = Desk::new().await;
    Client::office(&desk.server).await.make("party", json!({"name": "Haida", "birthday": "1990-05-03"})).await;
    Client::of_role(&desk.server, "rep", "rep").await;
    let (_, rep) = desk.server.browser_sign_in_as("rep").await;
    let bar = address("party", &[("layout", "bar"), ("group", "source"), ("period", "this_year")]);
    let by_birthday = format!("{bar}&day=birthday");
    assert!(desk.shows("/records/party").await.contains("layout=calendar") && desk.shows(&bar).await.contains("value=\"birthday\""));
    for path in ["/records/party", "/records/party?layout=calendar", &*bar, &*by_birthday] {
        let answer = desk.server.get(path, &[("cookie", &rep), ("accept", "text/html")]).await;
        let page = answer.text();
        assert_eq!(answer.status, 200, "{path}: {page}");
        // What the address itself says goes on into its links.
        assert!(
            (path.contains("calendar") || !page.contains("layout=calendar")) && !page.contains("option value=\"birthday\""),
            "{path}: {page}"
        );
    }
}

#[tokio::test]
async fn a_funnel_says_no_share_above_all_and_a_ring_has_no_slice_of_nothing() {
    let mut desk = Desk::new().await;
    for (n, stage, minor) in [(1, "lead", 100_000), (2, "qualified", 200_000), (3, "qualified", 300_000), (4, "lost", 0)] {
        desk.chart_deal(n, stage, "ann", Some((minor, "CNY")), "2027-01-20").await;
    }
    let funnel = desk.shows(&address("deal", &[("layout", "funnel"), ("group", "stage")])).await;
    assert!(bars(&funnel).contains(&("Qualified".to_owned(), "2".to_owned())) && !funnel.contains("200 %"), "{funnel}");
    let steps: Vec<String> = bars(&funnel).into_iter().map(|(label, _)| label).collect();
    assert_eq!(steps, ["Lead", "Qualified", "Proposal", "Negotiation", "Won"], "what was lost is no step to be won");
    let ring = desk.shows(&address("deal", &[("layout", "pie"), ("group", "stage"), ("measure", "sum:amount")])).await;
    let labels: Vec<String> = bars(&ring).into_iter().map(|(label, _)| label).collect();
    assert!(labels.iter().any(|label| label == "Lead") && !labels.iter().any(|label| label == "Lost"), "{labels:?}");
}

#[tokio::test]
async fn a_funnel_shows_what_passed_each_stage_and_leads_to_it() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    for (title, stages) in [("Lamps", &["lead", "proposal", "lost"][..]), ("Desks", &["won"]), ("Chairs", &["lead"]), ("Beds", &["lost"])] {
        let amount = json!({"amount": 10_000, "currency": "CNY"});
        let deal = office.make("deal", json!({"title": title, "stage": stages[0], "amount": amount})).await;
        for stage in &stages[1..] {
            let moved = office.edit(&deal, json!([{"op": "set", "field": "stage", "value": stage}])).await;
            assert_eq!(moved.status, 200, "{}", moved.text());
        }
    }
    let funnel = desk.shows(&address("deal", &[("layout", "funnel"), ("group", "stage")])).await;
    let steps = [("Lead", "3"), ("Qualified", "2"), ("Proposal", "2"), ("Negotiation", "1"), ("Won", "1")];
    assert_eq!(bars(&funnel), told(&steps));
    assert!(funnel.contains("Each step counts what has reached it"), "{funnel}");
    let sums = desk.shows(&address("deal", &[("layout", "funnel"), ("group", "stage"), ("measure", "sum:amount")])).await;
    assert!(bars(&sums).contains(&("Proposal".to_owned(), "¥200.00".to_owned())), "{sums}");
    let filter = r#"[{"type":"in","attribute":"reached","value":["proposal","negotiation","won"]}]"#;
    let list = desk.shows(&address("deal", &[("where", filter)])).await;
    assert!(list.contains("Lamps") && list.contains("Desks") && !list.contains("Chairs") && !list.contains("Beds"), "{list}");
    assert!(funnel.contains("%22reached%22"), "a step leads to what has reached it: {funnel}");
}

#[tokio::test]
async fn what_is_about_a_merged_customer_is_in_the_group_of_the_one_that_stands_for_it() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let make = async |name: &str| office.make("party", json!({"name": name})).await.rsplit('/').next().unwrap_or_default().to_owned();
    let (first, second) = (make("Jiamei").await, make("Jiamei Ltd").await);
    for (title, party, yuan) in [("Lamps", &first, 10), ("Chairs", &second, 20)] {
        let amount = json!({"amount": yuan * 100, "currency": "CNY"});
        office.make("deal", json!({"title": title, "stage": "won", "party": party, "amount": amount})).await;
    }
    let merged = office.post(&format!("/api/v1/party/{first}/merge"), json!({"duplicate": second})).await;
    assert_eq!(merged.status, 200, "{}", merged.text());
    let by = |group, measure| address("deal", &[("layout", "bar"), ("group", group), ("measure", measure)]);
    let won = r#"[{"type": "in", "attribute": "stage", "value": ["won"]}]"#;
    let of_won = address("deal", &[("layout", "bar"), ("group", "party"), ("where", won)]);
    for (path, value) in [
        (by("party", "count"), "2"),
        (of_won, "2"),
        (by("party", "sum:amount"), "¥30.00"),
        (by("party", "average:amount"), "¥15.00"),
        (by("party", "greatest:amount"), "¥20.00"),
        (by("party", "distinct:stage"), "1"),
    ] {
        assert_eq!(bars(&desk.shows(&path).await), [("Jiamei".to_owned(), value.to_owned())], "{path}");
    }
    assert_eq!(bars(&desk.shows(&by("stage", "distinct:party")).await), [("Won".to_owned(), "1".to_owned())]);
    let list = desk.shows("/records/deal?group=party&columns=amount").await;
    assert!(list.matches("class=\"group-head\"").count() == 1 && list.contains("30.00"), "{list}");
    let csv = desk.get("/records/deal/export.csv?group=party&columns=stage").await.text();
    assert!(csv.contains("\nJiamei,Lamps,") && csv.contains("\nJiamei,Chairs,"), "{csv}");
}

#[tokio::test]
async fn a_link_shows_a_dashboard_to_who_has_it_until_it_ends_or_is_taken_back() {
    let mut desk = Desk::new().await;
    desk.pipeline().await;
    let dashboard = desk.post("/dashboards", &[("ready", "sales")]).await.header("location").to_owned();
    for days in ["0", "-1", "400"] {
        let refused = desk.post(&format!("{dashboard}/links"), &[("days", days)]).await;
        assert_eq!(refused.status, 422);
        assert!(refused.text().contains("A link lives for 1 to 365 days."), "{}", refused.text());
    }
    let made = desk.post(&format!("{dashboard}/links"), &[("days", "2")]).await;
    assert_eq!(made.status, 200);
    let address = made.text().split("data-address=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let open = async |desk: &Desk, address: &str| desk.server.get(address, &[]).await;
    let seen = open(&desk, &address).await;
    assert_eq!(seen.status, 200);
    assert!(seen.text().contains("Open pipeline") && seen.text().contains("¥9,000.00") && !seen.text().contains("<nav"));
    assert_eq!(seen.header("x-robots-tag"), "noindex, nofollow");
    assert_eq!(seen.header("cache-control"), "no-store");
    assert!(open(&desk, &format!("{address}/report.pdf")).await.body.starts_with(b"%PDF"));
    let edit = desk.shows(&format!("{dashboard}?arrange=true")).await;
    assert!(edit.contains("opened 2 times") && !edit.contains(&address), "it is shown once: {edit}");
    assert_eq!(open(&desk, &address.replace("/shared/rpl_", "/shared/rps_")).await.status, 404);

    desk.server.clock.forward(2 * DAY);
    assert_eq!(open(&desk, &address).await.status, 404, "it has ended");
    let (_, cookie) = desk.server.browser_sign_in(&[]).await;
    desk.cookie = cookie;
    let again = desk.post(&format!("{dashboard}/links"), &[("days", "2")]).await.text();
    let address = again.split("data-address=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(open(&desk, &address).await.status, 200);
    let revoke = again.split("action=\"").map(|rest| rest.split('"').next().unwrap()).find(|action| action.ends_with("/revoke")).unwrap();
    assert_eq!(desk.post(revoke, &[]).await.status, 303);
    assert_eq!(open(&desk, &address).await.status, 404, "it was taken back");
    assert!(desk.shows("/audit").await.contains("Dashboard shared by link"));
}

#[tokio::test]
async fn a_dashboard_goes_out_by_mail_once_for_each_time_it_is_due() {
    let mut inbox = Inbox::open().await;
    let mut desk = Desk::with(|config| config.mail.url = Some(rapport_server::config::Secret(inbox.url.clone()))).await;
    desk.pipeline().await;
    let dashboard = desk.post("/dashboards", &[("ready", "sales")]).await.header("location").to_owned();
    let wrong = desk.post(&format!("{dashboard}/mails"), &[("recipients", "nobody"), ("every", "day"), ("hour", "8")]).await;
    assert_eq!(wrong.status, 422);
    desk.cookie = format!("{}; zone=480/Asia/Shanghai", desk.cookie);
    let form = [("recipients", "boss@firm.example, mei@firm.example"), ("every", "day"), ("hour", "8")];
    assert_eq!(desk.post(&format!("{dashboard}/mails"), &form).await.status, 303);
    for day in 0..2 {
        desk.server.clock.forward(DAY);
        // Whatever is written makes the server look at the clock.
        desk.chart_deal(60 + day, "lead", "ann", None, "2027-01-20").await;
        let letter = inbox.letter().await;
        assert_eq!(letter.to, ["boss@firm.example", "mei@firm.example"]);
        assert!(letter.heads["Message-ID"].as_str().is_some_and(|id| id.starts_with('<')), "{}", letter.heads);
        let part = |wanted: &str| letter.parts.iter().find(|(kind, _)| kind == wanted).map(|(_, bytes)| &**bytes);
        assert!(part("application/pdf").is_some_and(|paper| paper.starts_with(b"%PDF-1.5")), "{letter:?}");
        assert!(part("text/csv").is_some_and(|table| !table.is_empty()), "{letter:?}");
    }
    desk.chart_deal(70, "lead", "ann", None, "2027-01-20").await;
    assert!(inbox.is_empty(), "one letter a day");
}

#[tokio::test]
async fn a_chart_of_many_days_and_stages_stays_small_and_leads_to_the_records_of_each_day() {
    let mut desk = Desk::new().await;
    for n in 0..100_u8 {
        let day = jiff::civil::date(2027, 1, 1).saturating_add(jiff::Span::new().days(i64::from(n)));
        let stage = ["lead", "qualified", "proposal", "negotiation", "won", "lost"][usize::from(n % 6)];
        desk.chart_deal(n + 1, stage, "ann", None, &day.to_string()).await;
    }
    for layout in ["line", "bar"] {
        let wanted = [("layout", layout), ("group", "close_date"), ("split", "stage"), ("step", "day")];
        let page = desk.shows(&address("deal", &wanted)).await;
        assert!(page.len() < PAGE_BYTES_MAX, "{layout}: {}", page.len());
        let plot = page.split("class=\"plot\"").nth(1).unwrap().split("</details>").next().unwrap();
        assert!(plot.contains("2027-01-07 · 1") && plot.contains("class=\"c5\""), "{layout}: {plot}");
        let href = plot.split("aria-label=\"2027-01-07").next().unwrap().rsplit("href=\"").next().unwrap().split('"').next().unwrap();
        let list = desk.shows(&href.replace("&#38;", "&")).await;
        assert!(list.contains("1 record"), "{list}");
        // By the week there is room for a link behind each shape.
        let weeks =
            desk.shows(&address("deal", &[("layout", layout), ("group", "close_date"), ("split", "stage"), ("step", "month")])).await;
        assert!(weeks.contains("2027-01 · ") && weeks.contains(" · Won · "), "{weeks}");
    }
}

#[tokio::test]
async fn a_grouped_view_is_a_tile_with_its_groups_and_leads_to_their_records() {
    let mut desk = Desk::new().await;
    desk.pipeline().await;
    let path = address("deal", &[("group", "stage"), ("columns", "amount")]).replace("/records/deal?", "/records/deal/views?");
    let saved = desk.post(&path, &[("act", "save"), ("name", "Grouped"), ("everyone", "true")]).await;
    let view = saved.header("location").split("view=").nth(1).unwrap().to_owned();
    let made = desk.post("/dashboards", &[("name", "Mine")]).await;
    let dashboard = made.header("location").split('?').next().unwrap().to_owned();
    assert_eq!(desk.post(&dashboard, &[("act", "add"), ("view", &view), ("width", "half")]).await.status, 303);
    let page = desk.shows(&format!("{dashboard}?whole=true")).await;
    let table = page.split("<table class=\"figures\">").nth(1).unwrap_or_else(|| panic!("{page}"));
    let table = table.split("</table>").next().unwrap();
    assert!(table.contains("¥7,000.00") && table.contains("<tfoot>") && table.contains("¥16,000.00"), "{table}");
    let won = table.split("<tr>").find(|row| row.contains(">Won<")).unwrap_or_else(|| panic!("{table}"));
    let href = won.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let list = desk.shows(&href).await;
    assert!(list.contains("¥7,000.00") && !list.contains("¥5,000.00"), "{href}: {list}");
    let report = words_of(&desk.get(&format!("{dashboard}/report.pdf")).await.body);
    assert!(report.contains("Won") && report.contains("16,000.00"), "{report}");
}

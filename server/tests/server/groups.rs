//! Files of lists that are put together: every record is in them, whatever its group.

use calamine::{Reader, Xlsx};
use serde_json::json;
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::console::Desk;
use crate::lists::{between, has};

/// More groups than are counted.
const GROUPS: usize = 205;

/// So many of them are named.
const NAMED: usize = sync_core::actions::totals::GROUPS_MAX;

#[tokio::test]
async fn a_workbook_of_a_view_that_is_called_like_its_totals_has_both_sheets() {
    let desk = Desk::new().await;
    Client::office(&desk.server).await.make("deal", json!({"title": "Lamps", "stage": "won"})).await;
    let saved = desk.post("/records/deal/views?group=stage", &[("act", "save"), ("name", "by stage")]).await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    let file = saved.header("location").replacen("/records/deal?", "/records/deal/export.xlsx?", 1);
    let xlsx = desk.get(&file).await;
    assert_eq!(xlsx.status, 200, "{file}: {}", xlsx.text());
    let book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(xlsx.body)).unwrap();
    assert_eq!(book.sheet_names(), ["by stage", "By Stage 2"]);
}

#[tokio::test]
async fn records_of_groups_that_are_not_counted_or_cannot_be_asked_for_are_in_the_file() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let long = "x".repeat(300);
    office.make("deal", json!({"title": "Long", "source": long})).await;
    office.make("deal", json!({"title": "Nowhere"})).await;
    let csv = desk.get("/records/deal/export.csv?group=source&columns=stage").await.text();
    assert!(csv.contains(&format!("\n{long},Long,")) && csv.contains("\nNone,Nowhere,"), "{csv}");
    for n in 2..GROUPS {
        office.make("deal", json!({"title": format!("Deal {n:03}"), "source": format!("Fair {n:03}")})).await;
    }
    let csv = desk.get("/records/deal/export.csv?group=source&columns=stage").await.text();
    let rows: Vec<&str> = csv.lines().skip(1).collect();
    assert_eq!(rows.len(), GROUPS, "{csv}");
    let rest = rows.iter().skip(NAMED);
    assert!(rest.clone().count() > 0 && rest.clone().all(|row| row.starts_with("Other groups,")), "{csv}");
    assert!(rows.iter().take(NAMED).all(|row| !row.starts_with("Other groups,")), "{csv}");
}

#[tokio::test]
async fn moments_and_choices_of_a_file_are_in_the_groups_of_the_page() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    office.make("deal", json!({"title": "Lamps", "stage": "won", "close_date": "2026-05-03"})).await;
    for (group, row) in [("stage", "Won,Lamps"), ("close_date", "2026-05,Lamps"), ("createdAt", "2027-01,Lamps")] {
        let csv = desk.get(&format!("/records/deal/export.csv?group={group}&columns=amount")).await.text();
        assert!(csv.contains(&format!("\n{row},")) && csv.lines().count() == 2, "{group}: {csv}");
    }
}

#[tokio::test]
async fn a_file_is_not_put_together_by_what_the_page_does_not_offer() {
    let desk = Desk::new().await;
    Client::office(&desk.server).await.make("deal", json!({"title": "Lamps"})).await;
    let refused = desk.get("/records/deal/export.csv?group=title").await;
    assert_ne!(refused.status, 200, "{}", refused.text());
    assert!(refused.text().contains("is nothing that this list can be put together by"), "{}", refused.text());
}

#[tokio::test]
async fn plain_numbers_add_up_as_on_paper_in_lists_charts_and_files() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    for (name, team, target) in [("A", "North", 0.1), ("B", "South", 0.2), ("C", "South", 1.3), ("D", "South", -1.3)] {
        office.make("goal", json!({"name": name, "team": team, "target": target})).await;
    }
    for path in ["/records/goal?group=team&columns=target", "/records/goal?layout=bar&group=team&measure=sum:target"] {
        let page = desk.get(path).await.text();
        assert!(page.contains("0.3") && !page.contains("0.300000"), "{path}: {page}");
    }
    let csv = desk.get("/records/goal/export.csv?layout=bar&group=team&measure=sum:target").await.text();
    assert!(csv.ends_with("\nSouth,0.2\nNorth,0.1\nTotal,0.3\n"), "{csv}");
    let xlsx = desk.get("/records/goal/export.xlsx?group=team&columns=target").await;
    let mut book: Xlsx<_> = Xlsx::new(std::io::Cursor::new(xlsx.body)).unwrap();
    let sheet = book.sheet_names().last().cloned().unwrap();
    let last = book.worksheet_range(&sheet).unwrap().rows().next_back().unwrap().last().unwrap().to_string();
    assert_eq!(last, "0.3", "{sheet}");
}

#[tokio::test]
async fn a_list_is_put_together_by_the_quarter_or_the_year_of_a_day_and_so_is_its_file() {
    let mut desk = Desk::new().await;
    for (n, name, day) in [(1, "Lamps", "2027-01-20"), (2, "Chairs", "2027-03-31"), (3, "Desks", "2027-04-01"), (4, "Bins", "2026-12-31")] {
        desk.deal(n, name, "lead", 1_000, &[FieldEdit::set("close_date", day)]).await;
    }
    let months = desk.page("/records/deal?group=close_date").await;
    has(&months, &[">2027-01<", ">2027-03<", "<select name=\"step\"", "<option value=\"month\" selected>"], &[]);
    has(&desk.page("/records/deal?group=stage").await, &[], &["name=\"step\""]);
    let quarters = desk.page("/records/deal?group=close_date&step=quarter&columns=title,amount").await;
    has(&quarters, &[">2027-Q1<", ">2027-Q2<", ">2026-Q4<", "¥2,000.00"], &[">2027-01<"]);
    let group = between(&quarters, ">2027-Q1<", "</th>");
    assert!(group.contains("2"), "{group}");
    let href =
        quarters.split(">2027-Q1<").next().unwrap().rsplit("href=\"").next().unwrap().split('"').next().unwrap().replace("&#38;", "&");
    has(&desk.page(&href).await, &["2 records", "Lamps", "Chairs"], &["Desks<", "Bins<"]);
    has(&desk.page("/records/deal?group=close_date&step=year").await, &[">2026<", ">2027<"], &[]);
    let csv = desk.page("/records/deal/export.csv?group=close_date&step=quarter&columns=title").await;
    for line in ["2026-Q4,Bins", "2027-Q1,Lamps", "2027-Q2,Desks"] {
        assert!(csv.contains(line), "{line}: {csv}");
    }
    let workbook = desk.get("/records/deal/export.xlsx?group=close_date&step=quarter").await;
    assert_eq!(workbook.status, 200);
}

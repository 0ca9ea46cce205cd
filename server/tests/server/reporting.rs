//! The views that reporting tools read, as they read them: straight from the file.

use rapport_server::jobs::reporting;
use serde_json::json;
use sqlx::Row;

use crate::api::Client;
use crate::harness::Server;

const MACHINE: &str = r#"
name = "machine"
label = { en = "Machine", zh = "设备" }
plural = { en = "Machines", zh = "设备" }
title = "serial"
list = ["serial"]
[[field]]
name = "serial"
label = { en = "Serial number", zh = "序列号" }
required = true
[[field]]
name = "party"
label = { en = "Customer", zh = "客户" }
type = "link"
to = ["party"]
"#;

/// Every row of a query, its columns joined; what is missing is `-`.
pub async fn rows(server: &Server, sql: &str) -> Vec<String> {
    let url = format!("sqlite://{}?mode=ro", server.app.store.path().display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).fetch_all(&pool).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    pool.close().await;
    let cell = |row: &sqlx::sqlite::SqliteRow, index: usize| {
        let text = row.try_get_unchecked::<Option<String>, _>(index).unwrap();
        text.unwrap_or_else(|| "-".to_owned())
    };
    rows.iter().map(|row| (0..row.len()).map(|index| cell(row, index)).collect::<Vec<_>>().join("|")).collect()
}

#[tokio::test]
async fn each_kind_is_a_table_and_each_list_in_it_another() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let customer = ann
        .make(
            "party",
            json!({"name": "佳美", "tags": ["vip", "old"], "id_number": "secret", "credit_limit": {"amount": 500, "currency": "CNY"},
                "phones": [{"value": "138", "label": "cell"}, {"value": "021"}]}),
        )
        .await;
    let id = customer.rsplit('/').next().unwrap();
    ann.make("deal", json!({"title": "printers", "party": id, "amount": {"amount": 290_000, "currency": "CNY"}})).await;
    ann.make("activity", json!({"subject": "call", "due": 1_800_000_000_000_i64, "when": {"start": "2027-01-20"}})).await;
    reporting::renew(&server.app).await.unwrap();
    let joined = "select d.title, p.name, d.amount_minor / 100, d.amount_currency, p.workspace, p.credit_limit_minor
        from report_deal d join report_party p on p.id = d.party";
    assert_eq!(rows(&server, joined).await, ["printers|佳美|2900|CNY|main|500"]);
    // Each other found by an index: compared with each other, the orders of a shop and its customers would take hours.
    let plan = rows(&server, &format!("explain query plan {joined}")).await.join("\n");
    assert!(plan.contains("rows_by_text_id"), "{plan}");
    assert_eq!(rows(&server, "select value, label from report_party_phones order by value").await, ["021|-", "138|cell"]);
    assert_eq!(rows(&server, "select t.value from report_party_tags t order by 1").await, ["old", "vip"]);
    assert_eq!(
        rows(&server, "select due, when_start, created_at from report_activity").await,
        ["2027-01-15 08:00:00|2027-01-20|2027-01-15 08:00:00"]
    );
    let hidden = "select count(*) from sqlite_master where type = 'view' and (sql like '%id_number%' or sql like '%private%')";
    assert_eq!(rows(&server, hidden).await, ["0"], "the private facet is in no view");
    let kinds: Vec<String> = server.app.intake.rules(server.workspace).schema.kinds().map(|kind| kind.name.to_string()).collect();
    for kind in kinds {
        rows(&server, &format!("select * from report_{kind}")).await;
    }
}

#[tokio::test]
async fn a_kind_of_ones_own_gets_its_view_and_a_field_more_gets_its_column() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let kind = ann.make("kind", json!({"name": "machine", "definition": MACHINE})).await;
    ann.make("machine", json!({"serial": "A1"})).await;
    reporting::renew(&server.app).await.unwrap();
    assert_eq!(reporting::renew(&server.app).await.unwrap(), 0, "nothing is made again that is as it should be");
    assert_eq!(rows(&server, "select serial, party from report_machine").await, ["A1|-"]);
    let more = format!("{MACHINE}[[field]]\nname = \"place\"\nlabel = {{ en = \"Place\", zh = \"位置\" }}\ntype = \"geo\"\n");
    let edited = ann.edit(&kind, json!([{"op": "set", "field": "definition", "value": more}])).await;
    assert_eq!(edited.status, 200, "{}", edited.text());
    reporting::renew(&server.app).await.unwrap();
    assert_eq!(rows(&server, "select serial, place_lat, place_lon from report_machine").await, ["A1|-|-"]);
}

#[tokio::test]
async fn a_workspace_that_is_made_beside_a_running_server_has_its_views_at_once() {
    let server = Server::start_empty().await;
    reporting::renew(&server.app).await.unwrap();
    server.add_people().await;
    let ann = Client::office(&server).await;
    ann.make("party", json!({"name": "佳美"})).await;
    assert_eq!(rows(&server, "select title from report_party").await, ["佳美"]);
}

#[tokio::test]
async fn the_server_keeps_the_views_by_itself() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    ann.make("kind", json!({"name": "machine", "definition": MACHINE})).await;
    let there = "select count(*) from sqlite_master where type = 'view' and name = 'report_machine'";
    for _ in 0..400 {
        if rows(&server, there).await == ["1"] {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the view never came");
}

//! Lists in the order in which people look for Chinese: by pinyin and among Latin letters, whatever they are ordered by.

use rapport_server::jobs::{check, columns, index};
use serde_json::{Value, json};
use sqlx::Connection;

use crate::api::Client;
use crate::console::Desk;
use crate::harness::Server;

/// Cities by pinyin; what has none comes last.
const CITIES: [(&str, &str); 6] = [("A", "长沙"), ("B", "Berlin"), ("C", "安庆"), ("D", "重庆"), ("E", "北京"), ("F", "beijing")];
const BY_CITY: [&str; 7] = ["C", "E", "F", "B", "A", "D", "Z"];
const FROM_BEHIND: [&str; 7] = ["D", "A", "B", "F", "E", "C", "Z"];

/// Takes the database back to before there were sort keys.
const FROM_BEFORE: &str = "alter table rows drop column sort_main; alter table rows drop column sort_commercial; \
    alter table rows drop column sort_private; delete from follower_marks where follower like 'row_rules.%'; \
    delete from _sqlx_migrations where version = 29;";

/// A kind of places, called by one of its fields.
fn places(title: &str) -> String {
    format!(
        "name = \"place\"\nlabel = {{ en = \"Place\", zh = \"地点\" }}\nplural = {{ en = \"Places\", zh = \"地点\" }}\n\
         title = \"{title}\"\nlist = [\"name\", \"town\"]\n\n\
         [[field]]\nname = \"name\"\nlabel = {{ en = \"Name\", zh = \"名称\" }}\n\n\
         [[field]]\nname = \"town\"\nlabel = {{ en = \"Town\", zh = \"城市\" }}\n\n\
         [[field]]\nname = \"site\"\nlabel = {{ en = \"Site\", zh = \"地址\" }}\ntype = \"address\"\nfacet = \"commercial\"\n"
    )
}

async fn make_places(client: &Client<'_>) {
    for (name, city) in CITIES {
        client.make("place", json!({"name": name, "town": city, "site": {"city": city, "street": "1"}})).await;
    }
    client.make("place", json!({"name": "Z"})).await;
}

/// What the records of a list say in a field, page by page.
async fn pages(client: &Client<'_>, kind: &str, field: &str, (order, direction): (&str, &str)) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut parameters = vec![("orderBy", order), ("order", direction), ("maxSize", "2")];
        parameters.extend(after.as_deref().map(|after| ("after", after)));
        let answer = client.list(kind, &parameters).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page: Value = answer.json();
        let rows = page["rows"].as_array().unwrap();
        found.extend(rows.iter().map(|row| row["fields"][field].as_str().unwrap_or("none").to_owned()));
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return found,
        }
    }
}

#[tokio::test]
async fn lists_of_the_api_come_by_city_in_the_order_of_pinyin() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    ann.make("kind", json!({"name": "place", "definition": places("name")})).await;
    make_places(&ann).await;
    // Without indexes, and with those that a large kind has.
    for _ in 0..2 {
        for order in ["town", "site.city"] {
            assert_eq!(pages(&ann, "place", "name", (order, "asc")).await, BY_CITY, "{order}");
            assert_eq!(pages(&ann, "place", "name", (order, "desc")).await, FROM_BEHIND, "{order}");
        }
        let found = [("where", r#"[{"type":"in","attribute":"town","value":["北京","BEIJING"]}]"#), ("orderBy", "town")];
        let page = ann.list("place", &found).await.json();
        let titles: Vec<&str> = page["rows"].as_array().unwrap().iter().map(|row| row["title"].as_str().unwrap()).collect();
        assert_eq!(titles, ["E", "F"]);
        columns::renew(&server.app, 1).await.unwrap();
    }
}

#[tokio::test]
async fn a_text_that_is_written_again_changes_its_place() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let first = ann.make("party", json!({"name": "A", "industry": "运输"})).await;
    ann.make("party", json!({"name": "B", "industry": "Hotels"})).await;
    ann.make("party", json!({"name": "C", "industry": "酒店"})).await;
    assert_eq!(pages(&ann, "party", "name", ("industry", "asc")).await, ["B", "C", "A"]);
    for (industry, expected) in [("办公", ["A", "B", "C"]), ("Zoo", ["B", "C", "A"]), ("医疗", ["B", "C", "A"]), ("花店", ["B", "A", "C"])]
    {
        let edited = ann.edit(&first, json!([{"op": "set", "field": "industry", "value": industry}])).await;
        assert_eq!(edited.status, 200, "{}", edited.text());
        assert_eq!(pages(&ann, "party", "name", ("industry", "asc")).await, expected, "{industry}");
    }
}

#[tokio::test]
async fn groups_of_a_list_come_in_its_order() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    for (name, industry) in [("A", "运输"), ("B", "酒店"), ("C", "办公"), ("D", "Hotels"), ("E", "运输")] {
        office.make("party", json!({"name": name, "industry": industry})).await;
    }
    office.make("party", json!({"name": "F"})).await;
    let groups = async |address: &str| -> Vec<String> {
        let csv = desk.get(&format!("/records/party/export.csv?columns=type&group=industry{address}")).await.text();
        let mut groups: Vec<String> = csv.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect();
        groups.dedup();
        groups
    };
    assert_eq!(groups("").await, ["运输", "办公", "Hotels", "酒店", "None"], "the largest first, others by pinyin");
    assert_eq!(groups("&sort=industry").await, ["办公", "Hotels", "酒店", "运输", "None"]);
    assert_eq!(groups("&sort=industry&desc=true").await, ["运输", "酒店", "Hotels", "办公", "None"]);
    let page = desk.get("/records/party?sort=industry&columns=type").await.text();
    let places: Vec<usize> = ["C", "D", "B", "A"].iter().map(|name| page.find(&format!("data-row>{name}</a>")).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test]
async fn a_database_from_before_is_in_order_soon_after_it_is_served_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rapport.db");
    let config = |config: &mut rapport_server::Config| config.database.path = path.clone();
    let mut server = Server::start_with(config).await;
    let ann = Client::office(&server).await;
    ann.make("kind", json!({"name": "place", "definition": places("name")})).await;
    make_places(&ann).await;
    drop(ann);
    server.ask_to_stop();
    server.stopped().await;
    let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::raw_sql(FROM_BEFORE).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let server = Server::start_again(config).await;
    server.owes_nothing().await;
    let ann = Client::office(&server).await;
    for order in ["town", "site.city"] {
        assert_eq!(pages(&ann, "place", "name", (order, "asc")).await, BY_CITY, "{order}");
    }
    let mut found = Vec::new();
    let tell = &mut |difference: &check::Difference| found.push(difference.to_string());
    check::check(&server.app, server.workspace, true, tell, &mut |_| {}).await.unwrap();
    assert_eq!(found, Vec::<String>::new());
}

#[tokio::test]
async fn records_that_are_called_by_another_field_from_now_on_are_in_order_by_either() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let kind = ann.make("kind", json!({"name": "place", "definition": places("town")})).await;
    make_places(&ann).await;
    assert_eq!(pages(&ann, "place", "name", ("town", "asc")).await, ["Z", "C", "E", "F", "B", "A", "D"], "no title is an empty one");
    let edited = ann.edit(&kind, json!([{"op": "set", "field": "definition", "value": places("name")}])).await;
    assert_eq!(edited.status, 200, "{}", edited.text());
    server.owes_nothing().await;
    assert_eq!(pages(&ann, "place", "name", ("town", "asc")).await, BY_CITY);
    assert_eq!(pages(&ann, "place", "name", ("name", "asc")).await, ["A", "B", "C", "D", "E", "F", "Z"]);
    let page = ann.list("place", &[("orderBy", "name"), ("maxSize", "1")]).await.json();
    assert_eq!(page["rows"][0]["title"], "A");
}

#[tokio::test]
async fn records_that_are_called_by_another_field_from_now_on_are_found_by_it() {
    let desk = Desk::new().await;
    let ann = Client::office(&desk.server).await;
    let kind = ann.make("kind", json!({"name": "place", "definition": places("town")})).await;
    make_places(&ann).await;
    ann.make("place", json!({"name": "Zebra", "town": "Lund"})).await;
    let finds = async |text: &str| {
        index::catch_up(&desk.server.app).await.unwrap();
        !desk.get(&format!("/search?q={text}")).await.text().contains("Nothing found")
    };
    assert_eq!((finds("Lund").await, finds("Zebra").await), (true, false));
    let edited = ann.edit(&kind, json!([{"op": "set", "field": "definition", "value": places("name")}])).await;
    assert_eq!(edited.status, 200, "{}", edited.text());
    desk.server.owes_nothing().await;
    assert_eq!((finds("Lund").await, finds("Zebra").await), (false, true));
}

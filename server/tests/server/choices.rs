//! Lists by a choice: in the order in which its options are declared, through every door.

use rapport_server::jobs::columns;
use serde_json::{Value, json};

use crate::api::Client;
use crate::console::Desk;

/// A kind of leads whose stages are declared in this order.
fn leads(stages: [&str; 4]) -> String {
    let option = |stage: &&str| format!("{{ value = \"{stage}\", label = {{ en = \"{stage}\", zh = \"{stage}\" }} }}");
    format!(
        "name = \"hint\"\nlabel = {{ en = \"Hint\", zh = \"线索\" }}\nplural = {{ en = \"Hints\", zh = \"线索\" }}\n\
         title = \"name\"\nlist = [\"name\", \"stage\", \"party\"]\n\n\
         [[field]]\nname = \"name\"\nlabel = {{ en = \"Name\", zh = \"名称\" }}\n\n\
         [[field]]\nname = \"party\"\nlabel = {{ en = \"Party\", zh = \"客户\" }}\ntype = \"link\"\nto = [\"party\"]\n\n\
         [[field]]\nname = \"stage\"\nlabel = {{ en = \"Stage\", zh = \"阶段\" }}\ntype = \"choice\"\noptions = [{}]\n",
        stages.iter().map(option).collect::<Vec<_>>().join(", ")
    )
}

const STAGES: [&str; 4] = ["new", "it's hot", "won", "lost"];

/// The record of the kind, and a hint of every stage and of none.
async fn make_hints(office: &Client<'_>) -> String {
    let kind = office.make("kind", json!({"name": "hint", "definition": leads(STAGES)})).await;
    for (name, stage) in [("A", "lost"), ("B", "new"), ("C", "won"), ("D", "it's hot")] {
        office.make("hint", json!({"name": name, "stage": stage})).await;
    }
    office.make("hint", json!({"name": "F"})).await;
    kind
}

async fn page(office: &Client<'_>, more: &[(&str, &str)]) -> Value {
    let answer = office.list("hint", &[&[("orderBy", "stage"), ("maxSize", "2")], more].concat()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn titles(page: &Value) -> Vec<String> {
    page["rows"].as_array().unwrap().iter().map(|row| row["title"].as_str().unwrap().to_owned()).collect()
}

async fn pages(office: &Client<'_>, direction: &str) -> String {
    let (mut found, mut after) = (String::new(), None::<String>);
    loop {
        let mut more = vec![("order", direction)];
        more.extend(after.as_deref().map(|after| ("after", after)));
        let page = page(office, &more).await;
        found += &titles(&page).concat();
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return found,
        }
    }
}

#[tokio::test]
async fn a_list_by_stage_goes_from_new_to_lost() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    make_hints(&office).await;
    // Without indexes, and with those that a large kind has.
    for _ in 0..2 {
        assert_eq!(pages(&office, "asc").await, "BDCAF");
        assert_eq!(pages(&office, "desc").await, "ACDBF", "what has no stage comes last from either end");
        columns::renew(&desk.server.app, 1).await.unwrap();
    }
    let shown = desk.get("/records/hint?sort=stage").await.text();
    let places: Vec<usize> = ["B", "D", "C", "A", "F"].iter().map(|name| shown.find(&format!("data-row>{name}</a>")).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test]
async fn groups_by_stage_come_in_the_order_of_the_list() {
    let desk = Desk::new().await;
    make_hints(&Client::office(&desk.server).await).await;
    for (more, expected) in [
        ("", ["new", "it's hot", "won", "lost", "None"]),
        ("&sort=stage", ["new", "it's hot", "won", "lost", "None"]),
        ("&sort=stage&desc=true", ["lost", "won", "it's hot", "new", "None"]),
    ] {
        let csv = desk.get(&format!("/records/hint/export.csv?columns=party&group=stage{more}")).await.text();
        let mut groups: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
        groups.dedup();
        assert_eq!(groups, expected, "{more}");
    }
}

#[tokio::test]
async fn groups_of_a_size_come_by_what_their_record_is_called() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    make_hints(&office).await;
    for (customer, hints) in [("Zeta", 1), ("Alpha", 1), ("Mike", 2), ("Bravo", 1)] {
        let party = office.make("party", json!({"name": customer})).await;
        for n in 0..hints {
            office.make("hint", json!({"name": format!("{customer} {n}"), "party": party.rsplit('/').next().unwrap()})).await;
        }
    }
    let csv = desk.get("/records/hint/export.csv?columns=stage&group=party").await.text();
    let mut groups: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    groups.dedup();
    assert_eq!(groups, ["Mike", "Alpha", "Bravo", "Zeta", "None"]);
}

#[tokio::test]
async fn a_place_in_a_list_is_none_after_its_stages_were_put_in_another_order() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let kind = make_hints(&office).await;
    columns::renew(&desk.server.app, 1).await.unwrap();
    let first = page(&office, &[]).await;
    assert_eq!(titles(&first), ["B", "D"]);
    let next = first["next"].as_str().unwrap();
    let turned = leads(["it's hot", "new", "lost", "won"]);
    let edited = office.edit(&kind, json!([{"op": "set", "field": "definition", "value": turned}])).await;
    assert_eq!(edited.status, 200, "{}", edited.text());

    let refused = office.list("hint", &[("orderBy", "stage"), ("maxSize", "2"), ("after", next)]).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("cursor of another order"), "{}", refused.text());
    // A person who turns the page begins again.
    let shown = desk.get(&format!("/records/hint?sort=stage&after={next}")).await.text();
    assert!(shown.contains("data-row>D</a>") && !shown.contains("cannot be shown"), "{shown}");
    for _ in 0..2 {
        assert_eq!(pages(&office, "asc").await, "DBACF");
        columns::renew(&desk.server.app, 1).await.unwrap();
    }
}

#[tokio::test]
async fn a_list_by_a_link_is_refused_with_what_to_order_by_instead() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    make_hints(&office).await;
    let refused = office.list("hint", &[("orderBy", "party")]).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("`party` is a link") && refused.text().contains("name, stage, createdAt"), "{}", refused.text());
    // The console offers no such order, and says of an address that asks for it what is wrong.
    let shown = desk.get("/records/hint?sort=party").await.text();
    assert!(shown.contains("is nothing that this list can be ordered by"), "{shown}");
}

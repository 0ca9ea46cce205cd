//! Plan against actual: per person and span, what was planned and what became of it.

use serde_json::{Value, json};

use crate::api::Client;
use crate::console::Desk;
use crate::harness::{MINUTE, START};
use crate::lists::{between, has};

const DAY: i64 = 24 * 60 * MINUTE;

/// A row of the first table: what stands in it, one after the other.
fn counts(page: &str, who: &str) -> Vec<String> {
    let row = page.split("<tr>").skip(1).find(|row| row.contains(&format!(">{who}<"))).unwrap_or_else(|| panic!("no {who} in {page}"));
    let cell = |cell: &str| {
        let text = cell.split("</td>").next().unwrap();
        text.split('<').filter_map(|part| part.split_once('>')).map(|(_, rest)| rest).collect::<String>()
    };
    row.split("<td").skip(1).map(cell).collect()
}

#[tokio::test]
async fn what_was_planned_is_held_against_what_was_done_by_person_and_by_what_it_was() {
    let mut desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let (ann, bo) = (desk.server.ann.to_string(), desk.bo.author.user.to_string());
    let party = office.make("party", json!({"name": "Jiamei"})).await;
    let party = party.rsplit('/').next().unwrap().to_owned();
    let deal = office.make("deal", json!({"title": "Lamps", "party": party})).await;
    let deal = deal.rsplit('/').next().unwrap().to_owned();
    let make = async |subject: &str, rest: Value| {
        let mut fields = json!({"subject": subject, "about": [party, deal], "status": "planned"});
        fields.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        office.make("activity", fields).await
    };
    let visit = |who: &str| json!({"type": "visit", "assignee": who, "when": {"start": START + DAY, "end": START + DAY + 60 * MINUTE}});
    let in_time = make("Show samples", visit(&ann)).await;
    let late = make("Call back", json!({"type": "call", "assignee": ann, "due": START + DAY})).await;
    make("Forgotten", json!({"type": "task", "assignee": ann, "due": START + DAY})).await;
    make("Called off", json!({"type": "meeting", "assignee": ann, "due": START + DAY, "status": "cancelled"})).await;
    make("Of another one", visit(&bo)).await;
    make("In another week", json!({"type": "visit", "assignee": ann, "due": START + 9 * DAY})).await;
    make("For no day", json!({"type": "task", "assignee": ann})).await;
    desk.server.clock.forward(DAY + 30 * MINUTE);
    desk.cookie = desk.server.browser_sign_in(&[]).await.1;
    let office = Client::office(&desk.server).await;
    for done in [&in_time, &late] {
        office.edit(done, json!([{"op": "set", "field": "status", "value": "done"}])).await;
    }
    let told =
        json!({"subject": "Met by chance", "type": "meeting", "assignee": ann, "about": [party], "status": "done", "due": START + DAY});
    office.make("activity", told).await;
    let page = desk.page("/plan").await;
    // Planned, in time, late, not done, to come, called off, unplanned, the share of what was due.
    assert_eq!(counts(&page, "ann"), ["3", "1", "1", "1", "0", "1", "1", "66 % 66 %"]);
    assert_eq!(counts(&page, "bo"), ["1", "0", "0", "0", "1", "0", "0", ""]);
    assert_eq!(counts(&page, "Total"), ["4", "1", "1", "1", "1", "1", "1", "66 % 66 %"]);
    assert_eq!(counts(&page, "Visit")[..2], ["2", "1"]);
    let shown = &["Show samples", "Met by chance", ">Jiamei</a>", &format!("href=\"/records/deal/{deal}\"")];
    has(&page, shown, &["In another week", "For no day"]);
    has(between(&page, ">Call back</a>", "</tr>"), &["Done late"], &[]);
    // A number leads to what it counts, a person to their own plan.
    let missed = desk.page(&format!("/plan?person={ann}&outcome=missed")).await;
    has(&missed, &[">Forgotten</a>", "Not done", ">Everybody</a>"], &["Call back", "Of another one"]);
    has(&desk.page("/plan?span=month").await, &["In another week"], &[]);
    has(&desk.page("/plan?at=2027-01-01").await, &["Nothing was planned for these days"], &[]);
    // The calendar leads there, to the same days.
    has(&desk.page("/records/activity?layout=calendar&month=2027-01-16").await, &["href=\"/plan?span=week&#38;at=2027-01-11\""], &[]);
    has(&desk.page("/records/deal?layout=calendar").await, &[], &["href=\"/plan?span"]);
}

#[tokio::test]
async fn a_plan_shows_nobody_what_they_do_not_see() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let party = office.make("party", json!({"name": "Far away"})).await;
    let party = party.rsplit('/').next().unwrap();
    let fields =
        json!({"subject": "Secret visit", "type": "visit", "about": [party], "assignee": desk.server.ann.to_string(), "due": START});
    office.make("activity", fields).await;
    drop(Client::of_role(&desk.server, "cy", "agent").await);
    let (_, cookie) = desk.server.browser_sign_in_as("cy").await;
    let page = desk.server.browse(&cookie, "/plan").await.text();
    has(&page, &["Nothing was planned"], &["Secret visit", "Far away"]);
}

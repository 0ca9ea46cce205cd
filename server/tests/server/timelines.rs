//! Everything about a record on one page: what happened, comments, edits taken back; and many disagreements settled at once.

use serde_json::json;
use sync_core::id::{RecordId, UserId};
use sync_core::protocol::Verdict;
use sync_core::record::fields::FieldEdit;

use crate::api::{Client, Phone};
use crate::console::{Desk, record};
use crate::harness::{MINUTE, START};
use crate::lists::has;
use rapport_server::intake::{Expect, RecordEdit};

/// The timeline of a record's page, or of one kind of its events.
async fn timeline(desk: &Desk, path: &str) -> String {
    let answer = desk.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text().split("id=\"timeline\"").nth(1).unwrap().split("</section>").next().unwrap().to_owned()
}

#[tokio::test]
async fn one_timeline_tells_everything_in_the_order_of_time() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let app = desk.server.app.clone();
    let about = FieldEdit::Add { field: "about".to_owned(), value: party.to_string() };
    let visit = [
        FieldEdit::set("subject", "First visit"),
        FieldEdit::set("type", "visit"),
        FieldEdit::set("when", json!({"start": START + 30 * MINUTE})),
        about,
    ];
    desk.ann.save(&app, "activity", record(2), START + 5 * MINUTE, &visit).await;
    let offer = [FieldEdit::set("title", "Quote for lamps"), FieldEdit::set("form", "quote"), FieldEdit::set("party", party.to_string())];
    desk.ann.save(&app, "offer", record(3), START + 20 * MINUTE, &offer).await;
    desk.ann.save(&app, "party", party, START + 10 * MINUTE, &[FieldEdit::set("industry", "print")]).await;
    let path = format!("/records/party/{party}");
    let all = timeline(&desk, &path).await;
    let places: Vec<usize> = ["First visit", "Quote for lamps", "print", "Jiamei"]
        .iter()
        .map(|text| all.find(text).unwrap_or_else(|| panic!("{all} lacks {text}")))
        .collect();
    assert!(places.is_sorted(), "newest first: {places:?} {all}");
    let changes = timeline(&desk, &format!("{path}?only=-changes")).await;
    assert!(changes.contains("print") && !changes.contains("First visit"), "{changes}");
    let offers = timeline(&desk, &format!("{path}?only=offer")).await;
    assert!(offers.contains("Quote for lamps") && !offers.contains("print"), "{offers}");
}

#[tokio::test]
async fn an_order_stands_where_it_was_placed_and_not_where_it_was_imported() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let app = desk.server.app.clone();
    let order = |title: &str, date: Option<&str>| {
        let mut edits = vec![FieldEdit::set("title", title), FieldEdit::set("form", "order"), FieldEdit::set("party", party.to_string())];
        edits.extend(date.map(|date| FieldEdit::set("date", date)));
        edits
    };
    // The oldest was written down last.
    let orders = [("Order of April", Some("1997-04-02")), ("Order without a day", None), ("Order of January", Some("1997-01-12"))];
    for (n, (title, date)) in (2..).zip(orders) {
        desk.ann.save(&app, "offer", record(n), START + i64::from(n) * MINUTE, &order(title, date)).await;
    }
    let told = timeline(&desk, &format!("/records/party/{party}?only=offer")).await;
    let places = ["Order without a day", "Order of April", "Order of January"].map(|title| told.find(title));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} {told}");
}

#[tokio::test]
async fn a_comment_mentions_a_colleague() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let (app, bo) = (desk.server.app.clone(), record(7));
    desk.ann.save(&app, "member", bo, START, &[FieldEdit::set("name", "Bo Chen")]).await;
    desk.ann.save(&app, "member", record(8), START, &[FieldEdit::set("name", "Bo")]).await;
    let path = format!("/records/party/{party}");
    let said = desk.post(&format!("{path}/comments"), &[("text", "@bo chen, please call them\r\nbefore noon")]).await;
    assert_eq!(said.status, 303, "{}", said.text());
    let all = timeline(&desk, &path).await;
    assert!(all.contains("please call them\nbefore noon") && all.contains("#comment"), "{all}");
    let note = all.split("/records/activity/").map(|rest| rest.split('"').next().unwrap()).find(|id| id.len() == 36).unwrap();
    let page = desk.get(&format!("/records/activity/{note}")).await.text();
    assert!(page.contains(&format!("/records/member/{bo}")) && !page.contains(&format!("/records/member/{}", record(8))), "{page}");
    assert_eq!(desk.post(&format!("{path}/comments"), &[("text", "  ")]).await.status, 303, "nothing is said");
}

#[tokio::test]
async fn a_comment_that_is_too_long_stays_in_its_box_with_the_reason_beside_it() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let path = format!("/records/party/{party}");
    has(&timeline(&desk, &path).await, &["maxlength=\"5000\"", "aria-describedby=\"comment-help\""], &["comment-problem"]);
    let said = format!("\n<b>{}", "长".repeat(4_999));
    let refused = desk.post(&format!("{path}/comments"), &[("text", &said), ("people", "someone")]).await;
    assert_eq!(refused.status, 422);
    let (page, kept) = (refused.text(), format!(">\n{}</textarea><p class=\"problem\"", said.replace('<', "&#60;").replace('>', "&#62;")));
    has(&page, &[&kept, "has 5002 characters; the limit is 5000", "value=\"someone\"", &format!("data-here=\"{path}\"")], &[]);
    assert_eq!(page.matches("the limit is 5000").count(), 1, "said once, at the box");
    let longest = desk.post(&format!("{path}/comments"), &[("text", &"a".repeat(5_000))]).await;
    assert_eq!(longest.status, 303, "{}", longest.text());
}

#[tokio::test]
async fn whoever_calls_a_team_calls_everybody_in_it() {
    let mut desk = Desk::new().await;
    let id = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let (app, office) = (desk.server.app.clone(), Client::office(&desk.server).await);
    for (login, name) in [("bo", "Bo Chen"), ("ann", "Ann")] {
        let edits = [FieldEdit::set("name", name), FieldEdit::Add { field: "teams".to_owned(), value: "华东区".to_owned() }];
        desk.ann.save(&app, "member", RecordId(UserId::of_cause(login).0), START, &edits).await;
    }
    let offer = desk.get("/mentions/offer?q=hd").await.text();
    has(&offer, &["data-name=\"华东区\"", "2 people"], &[]);
    let said = [("text", "@华东区 who goes there?")];
    assert_eq!(desk.post(&format!("/records/party/{id}/comments"), &said).await.status, 303);
    let notes = office.list("activity", &[]).await.json();
    let people = &notes["rows"][0]["fields"]["people"];
    assert!(people.as_array().unwrap().contains(&json!(UserId::of_cause("bo").to_string())), "{notes}");
    assert!(!people.as_array().unwrap().contains(&json!(UserId::of_cause("ann").to_string())), "Ann has written it: {notes}");
}

#[tokio::test]
async fn whoever_is_mentioned_is_told_until_they_have_seen_it() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let (app, bo) = (desk.server.app.clone(), RecordId(UserId::of_cause("bo").0));
    desk.ann.save(&app, "member", bo, START, &[FieldEdit::set("name", "Bo Chen")]).await;
    for text in ["@bo please call them", "and tell @Bo Chen", "mail@bo.example is nobody"] {
        desk.post(&format!("/records/party/{party}/comments"), &[("text", text)]).await;
    }
    assert!(desk.get("/mentions").await.text().contains("Nobody has mentioned you"), "Ann has written them");
    let (_, cookie) = desk.server.browser_sign_in_as("bo").await;
    let bos = Desk { cookie, ..desk };
    let page = bos.get("/mentions").await.text();
    assert!(page.contains("please call them") && page.contains("and tell @Bo Chen") && !page.contains("is nobody"), "{page}");
    let (link, position) = ("/records/activity/", "name=\"position\" value=\"");
    assert!(page.contains(&format!("href=\"/records/party/{party}\">Jiamei</a>")) && page.matches(position).count() == 2, "{page}");
    let cards = page.split("id=\"mentions\"").nth(1).unwrap();
    let note = cards.split(link).nth(1).unwrap().split('"').next().unwrap();
    let (its, newest) = (bos.get(&format!("{link}{note}")).await, "and tell @Bo Chen");
    assert!(its.status == 200 && its.text().contains(newest), "the link leads to the note");
    let badge = "Mentions of you<span class=\"count\">";
    assert!(bos.get("/start").await.text().contains(&format!("{badge}2")), "the menu counts them");
    let positions: Vec<&str> = page.split(position).skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    for (seen, left) in [(positions[1], "1"), (positions[0], "")] {
        assert_eq!(bos.post("/mentions/seen", &[("position", seen)]).await.status, 303);
        let start = bos.get("/start").await.text();
        assert_eq!(start.split(badge).nth(1).map(|rest| rest.split('<').next().unwrap()).unwrap_or_default(), left);
        assert_eq!(start.contains("id=\"waits\""), !left.is_empty(), "{start}");
    }
    assert!(bos.get("/mentions").await.text().contains("please call them"), "what was seen stays there to be read");
}

#[tokio::test]
async fn a_note_that_is_edited_is_not_new_again_and_one_that_names_somebody_later_is() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let (app, bo) = (desk.server.app.clone(), RecordId(UserId::of_cause("bo").0));
    let note = |text: &str| {
        let about = FieldEdit::Add { field: "about".to_owned(), value: party.to_string() };
        vec![FieldEdit::set("subject", text), FieldEdit::set("type", "note"), FieldEdit::set("body", text), about]
    };
    let names_bo = FieldEdit::Add { field: "people".to_owned(), value: bo.to_string() };
    let named: Vec<FieldEdit> = note("Bo, call them").into_iter().chain([names_bo.clone()]).collect();
    desk.ann.save(&app, "activity", record(2), START, &named).await;
    desk.ann.save(&app, "activity", record(3), START, &note("Nobody yet")).await;
    let visit = [FieldEdit::set("subject", "A visit"), FieldEdit::set("type", "visit"), names_bo.clone()];
    desk.ann.save(&app, "activity", record(4), START, &visit).await;
    let (_, cookie) = desk.server.browser_sign_in_as("bo").await;
    let mut bos = Desk { cookie, ..desk };
    let (badge, position) = ("Mentions of you<span class=\"count\">", "name=\"position\" value=\"");
    let page = bos.get("/mentions").await.text();
    assert!(page.contains(&format!("{badge}1")) && page.matches(position).count() == 1, "{page}");
    let seen = page.split(position).nth(1).unwrap().split('"').next().unwrap().to_owned();
    bos.post("/mentions/seen", &[("position", &seen)]).await;
    bos.ann.save(&app, "activity", record(2), START + MINUTE, &[FieldEdit::set("outcome", "called")]).await;
    let page = bos.get("/mentions").await.text();
    assert!(!page.contains(badge) && !page.contains(position) && page.contains("Bo, call them"), "{page}");
    bos.ann.save(&app, "activity", record(3), START + 2 * MINUTE, &[names_bo]).await;
    let page = bos.get("/mentions").await.text();
    assert!(page.contains(&format!("{badge}1")) && page.matches(position).count() == 1, "{page}");
    let places = [page.find("Nobody yet"), page.find("Bo, call them")];
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "who was named last comes first: {page}");
}

#[tokio::test]
async fn an_edit_is_taken_back_unless_somebody_changed_it_since() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei"), FieldEdit::set("industry", "print")]).await;
    let path = format!("/records/party/{party}");
    desk.server.clock.forward(MINUTE);
    desk.post(&format!("{path}/fields/industry"), &[("f.industry", "retail")]).await;
    let change = timeline(&desk, &path).await.split("name=\"change\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let back = desk.post(&format!("{path}/undo"), &[("change", &change)]).await;
    assert_eq!(back.status, 303, "{}", back.text());
    let page = desk.get(&path).await.text();
    assert!(page.contains("<div class=\"value\">print</div>"), "{page}");
    let again = desk.post(&format!("{path}/undo"), &[("change", &change)]).await;
    assert_eq!(again.status, 422);
    assert!(again.text().contains("This cannot be taken back"), "{}", again.text());
}

#[tokio::test]
async fn what_an_undo_leaves_is_named_with_the_reason() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei"), FieldEdit::set("industry", "print")]).await;
    let (path, app) = (format!("/records/party/{party}"), desk.server.app.clone());
    let both = [FieldEdit::set("industry", "retail"), FieldEdit::set("source", "fair")];
    desk.ann.save(&app, "party", party, START + MINUTE, &both).await;
    let change = timeline(&desk, &path).await.split("name=\"change\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    desk.server.clock.forward(2 * MINUTE);
    desk.post(&format!("{path}/fields/industry"), &[("f.industry", "trade")]).await;
    let back = desk.post(&format!("{path}/undo"), &[("change", &change)]).await;
    assert_eq!(back.status, 303, "{}", back.text());
    let address = back.header("location").split('#').next().unwrap().to_owned();
    let page = desk.get(&address).await.text();
    let said = "Only a part of the change was taken back. What stays: Industry (somebody has changed it since).";
    assert!(
        page.contains(said) && page.contains("<div class=\"value\">trade</div>") && !page.contains("<div class=\"value\">fair</div>"),
        "{page}"
    );
    let again = desk.post(&format!("{path}/undo"), &[("change", &change)]).await;
    assert!(
        again.status == 422 && again.text().contains("cannot be taken back: Industry (somebody has changed it since)"),
        "{}",
        again.text()
    );
}

#[tokio::test]
async fn linked_records_are_added_up_and_all_of_them_are_a_click_away() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let app = desk.server.app.clone();
    for (n, yuan) in [(2, 100), (3, 250)] {
        let amount = json!({"amount": yuan * 100, "currency": "CNY"});
        let edits =
            [FieldEdit::set("title", format!("Deal {n}")), FieldEdit::set("amount", amount), FieldEdit::set("party", party.to_string())];
        desk.ann.save(&app, "deal", record(n), START, &edits).await;
    }
    let page = desk.get(&format!("/records/party/{party}")).await.text();
    let side = page.split("<table class=\"list side\">").nth(1).unwrap().split("</table>").next().unwrap();
    assert!(side.contains("<th scope=\"col\" class=\"num\">Amount</th>") && !side.contains(">Customer<"), "{side}");
    assert!(side.contains("Deal 3</a></td>") && side.contains("<td class=\"num\" data-label=\"Amount\">"), "{side}");
    assert!(page.contains("<b class=\"total\">¥350.00</b>"), "{page}");
    let all = page.split("href=\"/records/deal?where=").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    assert!(desk.get(&format!("/records/deal?where={all}")).await.text().contains("2 records"));
}

#[tokio::test]
async fn a_customers_orders_tell_their_average_and_the_day_of_the_last() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let app = desk.server.app.clone();
    for (n, yuan, day) in [(2, 100, "1997-04-02"), (3, 250, "1997-01-12"), (4, 100, "1996-12-30")] {
        let edits = [
            FieldEdit::set("title", format!("Order {n}")),
            FieldEdit::set("form", "order"),
            FieldEdit::set("amount", json!({"amount": yuan * 100, "currency": "CNY"})),
            FieldEdit::set("date", day),
            FieldEdit::set("party", party.to_string()),
        ];
        desk.ann.save(&app, "offer", record(n), START, &edits).await;
    }
    let page = desk.get(&format!("/records/party/{party}")).await.text();
    assert!(page.contains("<b class=\"total\">¥450.00</b>"), "{page}");
    assert!(page.contains("average ¥150.00 · last 1997-04-02"), "{page}");
}

#[tokio::test]
async fn what_came_to_nothing_is_not_added_up_and_quotes_stand_apart_from_orders() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let app = desk.server.app.clone();
    let offers = [
        ("order", "accepted", 100, "2026-02-01"),
        ("order", "completed", 250, "2026-04-01"),
        ("order", "cancelled", 5_000, "2026-05-01"),
        ("quote", "draft", 60, "2026-03-01"),
    ];
    for (n, (form, status, yuan, day)) in (2..).zip(offers) {
        let edits = [
            FieldEdit::set("title", format!("{form} {yuan}")),
            FieldEdit::set("form", form),
            FieldEdit::set("status", status),
            FieldEdit::set("amount", json!({"amount": yuan * 100, "currency": "CNY"})),
            FieldEdit::set("date", day),
            FieldEdit::set("party", party.to_string()),
        ];
        desk.ann.save(&app, "offer", record(n), START + i64::from(10 - n) * MINUTE, &edits).await;
    }
    // Nobody has written an amount beside its lines.
    let line = json!({"product_name": "Lamp", "quantity": 2, "price": {"amount": 2_000, "currency": "CNY"}});
    let edits = [
        FieldEdit::set("title", "quote of lines"),
        FieldEdit::set("form", "quote"),
        FieldEdit::set("party", party.to_string()),
        FieldEdit::SetRow { field: "lines".into(), row: "l1".into(), values: line.as_object().unwrap().clone() },
    ];
    desk.ann.save(&app, "offer", record(9), START, &edits).await;
    let page = desk.get(&format!("/records/party/{party}")).await.text();
    assert!(page.contains("<b class=\"total\">Quote ¥100.00 · Order ¥350.00</b>"), "{page}");
    assert!(page.contains("Quote: 2, average ¥50.00 · Order: 2, average ¥175.00 · last 2026-04-01"), "{page}");
    let side = page.split("<table class=\"list side\">").nth(1).unwrap().split("</table>").next().unwrap();
    let places = ["order 5000", "order 250", "quote 60", "order 100", "quote of lines"].map(|title| side.find(&format!(">{title}</a>")));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "those that happened last come first: {places:?} {side}");
    desk.post("/language", &[("language", "zh-CN")]).await;
    let page = desk.get(&format!("/records/party/{party}")).await.text();
    assert!(page.contains("报价单：2 条，平均 ¥50.00 · 订单：2 条，平均 ¥175.00"), "{page}");
}

#[tokio::test]
async fn of_one_form_the_sum_says_how_many_of_the_linked_records_count() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let app = desk.server.app.clone();
    for (n, stage, yuan) in [(2, "lead", 100), (3, "won", 250), (4, "lost", 9_000)] {
        let edits = [
            FieldEdit::set("title", format!("Deal {n}")),
            FieldEdit::set("stage", stage),
            FieldEdit::set("amount", json!({"amount": yuan * 100, "currency": "CNY"})),
            FieldEdit::set("party", party.to_string()),
        ];
        desk.ann.save(&app, "deal", record(n), START, &edits).await;
    }
    let page = desk.get(&format!("/records/party/{party}")).await.text();
    assert!(page.contains("<b class=\"total\">¥350.00</b>") && page.contains("2 count · average ¥175.00"), "{page}");
}

#[tokio::test]
async fn a_task_that_somebody_has_to_do_waits_for_them_in_the_menu() {
    let mut desk = Desk::new().await;
    let (app, bo) = (desk.server.app.clone(), UserId::of_cause("bo"));
    let tasks = [("Call Jiamei", "planned", 3), ("Send the offer", "planned", 1), ("Visited", "done", 2)];
    for (n, (subject, status, day)) in (2..).zip(tasks) {
        let edits = [
            FieldEdit::set("subject", subject),
            FieldEdit::set("type", "task"),
            FieldEdit::set("status", status),
            FieldEdit::set("due", START + day * 24 * 60 * MINUTE),
            FieldEdit::set("assignee", bo.to_string()),
        ];
        desk.ann.save(&app, "activity", record(n), START, &edits).await;
    }
    let badge = "Your open tasks<span class=\"count\">";
    assert!(!desk.get("/conflicts").await.text().contains(badge), "Ann has nothing to do");
    let (_, cookie) = desk.server.browser_sign_in_as("bo").await;
    let bos = Desk { cookie, ..desk };
    let page = bos.get("/start").await.text();
    assert!(page.contains(&format!("{badge}2<")) && page.contains("id=\"waits\""), "{page}");
    let href = page.split("<a href=\"/records/activity?sort=due").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    let list = bos.get(&format!("/records/activity?sort=due{href}")).await.text();
    let places = ["Send the offer", "Call Jiamei"].map(|subject| list.find(subject));
    assert!(places.iter().all(Option::is_some) && places.is_sorted() && !list.contains("Visited"), "{places:?} {list}");
}

#[tokio::test]
async fn many_disagreements_are_settled_by_one_rule() {
    let mut desk = Desk::new().await;
    let app = desk.server.app.clone();
    for n in 1..=3 {
        let id = desk.customer(n, &[FieldEdit::set("name", format!("C{n}"))]).await;
        let anns = desk.ann.write("party", id, START + MINUTE, &[FieldEdit::set("name", format!("Ann's {n}"))]);
        let bos = desk.bo.write("party", id, START + 2 * MINUTE, &[FieldEdit::set("name", format!("Bo's {n}"))]);
        desk.ann.push(&app, anns, START + 3 * MINUTE).await;
        desk.bo.push(&app, bos, START + 3 * MINUTE).await;
    }
    let page = desk.get("/conflicts").await.text();
    let boxes: Vec<String> = page.split("name=\"at\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    assert_eq!(boxes.len(), 3, "{page}");
    assert!(page.contains("Keep the value of bo"), "{page}");
    let ann = desk.server.ann.to_string();
    let form = [("at", &*boxes[0]), ("at", &*boxes[1]), ("rule", &*ann)];
    let decided = desk.post("/conflicts/resolve", &form).await;
    assert_eq!(decided.header("location"), "/conflicts?done=decided&count=2&left=0");
    let left = desk.get(decided.header("location")).await.text();
    assert!(left.contains("2 disagreements were decided.") && left.matches("name=\"keep\"").count() == 2, "{left}");
    let list = desk.get("/records/party").await.text();
    assert_eq!((list.matches("Ann&#39;s").count() >= 2, list.contains("Bo&#39;s")), (true, true), "{list}");
    // The same box again: somebody was faster.
    let late = desk.post("/conflicts/resolve", &form).await;
    assert_eq!(late.header("location"), "/conflicts?done=decided&count=0&left=2");
}

#[tokio::test]
async fn a_busy_customers_events_come_in_pieces_and_no_page_grows_without_end() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let app = desk.server.app.clone();
    for n in 0..130_u8 {
        let about = FieldEdit::Add { field: "about".to_owned(), value: party.to_string() };
        let edits = [FieldEdit::set("subject", format!("Visit {n:03}.")), FieldEdit::set("type", "visit"), about];
        desk.ann.save(&app, "activity", record(100 + n), START + MINUTE * (i64::from(n) + 1), &edits).await;
    }
    let mut path = format!("/records/party/{party}");
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let all = timeline(&desk, &path).await;
        let told: Vec<String> = (0..130).rev().map(|n| format!("Visit {n:03}.")).filter(|text| all.contains(text.as_str())).collect();
        assert!(told.len() <= 90, "{}", told.len());
        let places: Vec<usize> = told.iter().map(|text| all.find(text.as_str()).unwrap()).collect();
        assert!(places.is_sorted(), "newest first");
        seen.extend(told);
        pages += 1;
        let Some(more) = all.split("class=\"more-events\"><a class=\"button\" href=\"").nth(1) else {
            assert!(all.contains("Jiamei") && !all.contains("/undo"), "the last is what made the record: {all}");
            break;
        };
        path = more.split('"').next().unwrap().replace("&#38;", "&").split('#').next().unwrap().to_owned();
    }
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), pages), (130, 5));
    let far = timeline(&desk, &format!("/records/party/{party}?older=4000000000")).await;
    assert!(!far.contains("Visit") && far.contains("131"), "nothing is older, the counts stay: {far}");
}

#[tokio::test]
async fn a_long_timeline_counts_all_that_happened_and_comes_to_the_first_of_it() {
    let mut desk = Desk::new().await;
    let party = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let app = desk.server.app.clone();
    let offer = [FieldEdit::set("title", "Quote for lamps"), FieldEdit::set("party", party.to_string())];
    desk.ann.save(&app, "offer", record(2), START, &offer).await;
    let author = app.intake.on_behalf(desk.server.workspace, desk.server.ann, "office".parse().unwrap());
    let call = |n: u32| RecordEdit {
        kind: "activity".parse().unwrap(),
        record: RecordId::of_cause(&format!("call {n}")),
        edits: vec![FieldEdit::set("subject", format!("Call {n}")), FieldEdit::Add { field: "about".to_owned(), value: party.to_string() }],
        expect: Expect::New,
    };
    app.intake.edit(&author, (0..1_205).map(call).collect(), START + MINUTE, None).await.unwrap();
    let path = format!("/records/party/{party}");
    let all = timeline(&desk, &format!("{path}?events=100&older=1190")).await;
    assert!(all.contains("Activities <span class=\"soft\">1,205</span>") && all.contains("Quotes and orders <span"), "{all}");
    assert!(all.contains("Quote for lamps") && all.matches("Call ").count() >= 15, "{all}");
    let offers = timeline(&desk, &format!("{path}?only=offer")).await;
    assert!(offers.contains("Quote for lamps") && !offers.contains("Call 1"), "{offers}");
}

#[tokio::test]
async fn what_was_done_is_told_once_and_only_added_to() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let set = |field: &str, value: &str| json!({"op": "set", "field": field, "value": value});
    let call = office.make("activity", json!({"subject": "Call", "status": "planned"})).await;
    let id = call.rsplit('/').next().unwrap().to_owned();
    let finished = office.edit(&call, json!([set("status", "done"), set("outcome", "wants an offer")])).await;
    assert_eq!(finished.status, 200, "finishing it with its outcome is one act: {}", finished.text());
    for field in ["subject", "type"] {
        let altered = office.edit(&call, json!([set(field, if field == "type" { "visit" } else { "never happened" })])).await;
        assert!(altered.status == 409 && altered.text().contains(&format!("`{field}` is frozen")), "{}", altered.text());
    }
    let said = json!([{"op": "append", "field": "comments", "item": "1", "values": {"text": "It was Ms Li."}}, set("body", "notes")]);
    assert_eq!(office.edit(&call, said).await.status, 200, "comments and notes add to it");
    let page = desk.page(&format!("/records/activity/{id}")).await;
    assert!(page.contains("wants an offer") && !page.contains("edit=subject"), "no pencil stands there: {page}");
    // Who was wrong says so: the status goes back, and the history keeps it.
    assert_eq!(office.edit(&call, json!([set("status", "planned")])).await.status, 200);
    let to = |field: &str| format!("/records/activity/{id}/fields/{field}");
    assert_eq!(desk.post(&to("status"), &[("f.status", "done")]).await.status, 303);
    let outcome = desk.post(&to("outcome"), &[("f.outcome", "wants two offers")]).await;
    assert_eq!(outcome.status, 303, "what came of it may be written down after: {}", outcome.text());
    let subject = desk.post(&to("subject"), &[("f.subject", "Other")]).await;
    assert!(subject.text().contains("cannot be changed"), "{} {}", subject.status, subject.text());
    let mut phone = Phone::of(&desk.server, desk.server.ann, "office", 9).await;
    let visit = RecordId::of_cause("a visit");
    let pushed = phone.write("activity", visit, START, &[FieldEdit::set("subject", "Visit"), FieldEdit::set("status", "planned")]);
    phone.push(&desk.server, &pushed).await;
    let pushed = phone.write("activity", visit, START + MINUTE, &[FieldEdit::set("outcome", "met"), FieldEdit::set("status", "done")]);
    assert!(matches!(phone.push(&desk.server, &pushed).await, Verdict::Accepted { .. }), "and on a phone");
}

//! What formulas compute, through the row that everybody reads.

use serde_json::{Value as Json, json};

use super::*;
use crate::record::fields::FieldEdit;
use crate::schema::Reading;
use crate::testing::*;

/// The total of an offer with these lines.
fn total(lines: &[Json]) -> Json {
    let rows = lines.iter().enumerate().map(|(index, line)| set_row("lines", &format!("r{index}"), line.clone()));
    let edits: Vec<FieldEdit> = std::iter::once(set("title", "Paper")).chain(rows).collect();
    let mut ann = Phone::new(kind("offer"), 0xa1);
    ann.edit(0, &edits);
    ann.shows("total")
}

fn dollars(amount: i64) -> Json {
    json!({"amount": amount, "currency": "USD"})
}

#[test]
fn the_total_of_an_offer_is_exact_and_rounded_once_for_each_line() {
    let cases = [
        ("price times quantity", vec![json!({"price": yuan(1_000), "quantity": 3})], yuan(3_000)),
        ("less a discount", vec![json!({"price": yuan(1_000), "quantity": 3, "discount_percent": 7.5})], yuan(2_775)),
        ("a line without a quantity counts once", vec![json!({"price": yuan(1_000)})], yuan(1_000)),
        ("half a cent goes up", vec![json!({"price": yuan(333), "quantity": 1.5})], yuan(500)),
        ("half a cent below nothing goes down", vec![json!({"price": yuan(-333), "quantity": 1.5})], yuan(-500)),
        ("each line by itself", vec![json!({"price": yuan(1), "quantity": 0.5}), json!({"price": yuan(1), "quantity": 0.5})], yuan(2)),
        ("a tenth is a tenth", vec![json!({"price": yuan(35), "quantity": 0.1, "discount_percent": 0.0})], yuan(4)),
        ("a third of a percent", vec![json!({"price": yuan(1_000), "discount_percent": 33.333})], yuan(667)),
        ("given away", vec![json!({"price": yuan(1_000), "discount_percent": 100})], yuan(0)),
        ("none of it", vec![json!({"price": yuan(1_000), "quantity": 0})], yuan(0)),
        ("more than floats can tell apart", vec![json!({"price": yuan(9_007_199_254_740_993)})], yuan(9_007_199_254_740_993)),
        ("more than can be written", vec![json!({"price": yuan(i64::MAX), "quantity": 2})], Json::Null),
        ("a line without a price adds nothing", vec![json!({"product_name": "gift"}), json!({"price": yuan(5)})], yuan(5)),
        ("no price at all", vec![json!({"product_name": "gift"})], Json::Null),
        ("no lines", vec![], Json::Null),
        ("two currencies have no sum", vec![json!({"price": yuan(5)}), json!({"price": dollars(5)})], Json::Null),
        ("another currency", vec![json!({"price": dollars(5), "quantity": 2})], dollars(10)),
    ];
    for (what, lines, expected) in cases {
        assert_eq!(total(&lines), expected, "{what}");
    }
}

#[test]
fn a_deal_weighs_what_its_stage_says() {
    let mut ann = Phone::new(kind("deal"), 0xa1);
    ann.edit(0, &[set("title", "Desks"), set("amount", yuan(1_001))]);
    assert_eq!((ann.shows("probability"), ann.shows("weighted")), (Json::Null, Json::Null));
    for (stage, probability, weighted) in [("negotiation", 75, 751), ("won", 100, 1_001), ("lost", 0, 0)] {
        ann.edit(1, &[set("stage", stage)]);
        assert_eq!((ann.shows("probability"), ann.shows("weighted")), (json!(probability), yuan(weighted)), "{stage}");
    }
    ann.edit(2, &[set("amount", Json::Null)]);
    assert_eq!(ann.shows("weighted"), Json::Null);
}

#[test]
fn numbers_and_logs_are_added_up_too_and_a_number_says_how_many_percent() {
    let text = r#"
name = "job"
label = { en = "Job", zh = "工作" }
plural = { en = "Jobs", zh = "工作" }
title = "title"
list = ["title", "hours"]
[[field]]
name = "title"
label = { en = "Title", zh = "标题" }
[[field]]
name = "work"
label = { en = "Work", zh = "工时" }
merge = "log"
facet = "commercial"
items = [{ name = "hours", label = { en = "Hours", zh = "小时" }, type = "number" }]
[[field]]
name = "hours"
label = { en = "Hours", zh = "小时" }
type = "number"
merge = "derived"
facet = "commercial"
formula = { sum = "work", of = "hours" }
[[field]]
name = "price"
label = { en = "Price", zh = "价格" }
type = "money"
[[field]]
name = "rate"
label = { en = "Rate", zh = "比例" }
type = "number"
[[field]]
name = "fee"
label = { en = "Fee", zh = "佣金" }
type = "money"
merge = "derived"
formula = { percent_of = "price", by = "rate" }
"#;
    let job = Kind::parse("job.toml", text, Reading::Strict).unwrap_or_else(|bad| panic!("{bad}"));
    let mut ann = Phone::new(job.into(), 0xa1);
    ann.edit(0, &[set("title", "x"), set("price", yuan(1_000)), set("rate", 12.25), append("work", "1", json!({"hours": 0.1}))]);
    ann.edit(1, &[append("work", "2", json!({"hours": 0.2}))]);
    assert_eq!(ann.row(Facet::Commercial).get("hours"), Some(&json!(0.3)), "and not 0.30000000000000004");
    assert_eq!((ann.shows("fee"), ann.shows("hours")), (yuan(123), Json::Null));
    ann.edit(2, &[append("work", "3", json!({"hours": 0.7}))]);
    assert_eq!(ann.row(Facet::Commercial).get("hours"), Some(&json!(1)));
}

#[test]
fn a_price_less_a_discount_is_what_stands_on_paper() {
    let cases = [(290_000, 7.5, 268_250), (999, 50.0, 500), (-999, 50.0, -500), (1_000, 0.0, 1_000), (1_000, -5.0, 1_050)];
    for (price, discount, expected) in cases {
        assert_eq!(less_percent(price, discount), Some(expected), "{price} less {discount} %");
    }
    assert_eq!((percent_of(1_001, 75.0), percent_of(-1_002, 75.0), percent_of(50, 1.0)), (Some(751), Some(-752), Some(1)));
}

#[test]
fn a_deal_that_was_lost_has_reached_what_it_once_was() {
    let mut ann = Phone::new(kind("deal"), 0xa1);
    ann.edit(0, &[set("title", "Desks")]);
    assert_eq!(ann.shows("reached"), Json::Null);
    for (stage, reached) in
        [("lost", Json::Null), ("proposal", json!("proposal")), ("lead", json!("proposal")), ("lost", json!("proposal"))]
    {
        ann.edit(1, &[set("stage", stage)]);
        assert_eq!(ann.shows("reached"), reached, "{stage}");
    }
    ann.edit(2, &[set("stage", Json::Null)]);
    assert_eq!(ann.shows("reached"), json!("proposal"));
}

#[test]
fn what_two_people_reached_apart_is_reached_by_both_whoever_wrote_last() {
    let (mut ann, mut bo) = two_phones(&kind("deal"), &[set("title", "Desks"), set("stage", "lead")]);
    ann.edit(1, &[set("stage", "negotiation")]);
    ann.edit(2, &[set("stage", "lost")]);
    bo.edit(3, &[set("stage", "qualified")]);
    sync(&mut ann, &mut bo);
    assert_eq!((ann.shows("reached"), bo.shows("reached")), (json!("negotiation"), json!("negotiation")));
    bo.edit(4, &[set("stage", "won")]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.shows("reached"), json!("won"), "both values that they disagreed on were replaced");
}

#[test]
fn since_when_a_choice_is_what_it_is_and_how_long_it_took_to_win_follow_from_when_it_was_chosen() {
    // Phones of tests write in minutes.
    const DAY: i64 = DAY_MS / 60_000;
    let (mut ann, mut bo) = two_phones(&kind("deal"), &[set("title", "Desks"), set("stage", "lead")]);
    let begun = ann.shows("stage_since").as_i64().unwrap();
    assert_eq!(ann.shows("days_to_win"), Json::Null, "a lead is not won");
    ann.edit(2 * DAY, &[set("stage", "proposal"), set("title", "Desks and chairs")]);
    ann.edit(3 * DAY, &[set("title", "Desks, chairs")]);
    assert_eq!(ann.shows("stage_since"), json!(begun + 2 * DAY_MS), "another field moves nothing");
    ann.edit(5 * DAY + 1, &[set("stage", "won")]);
    bo.edit(4 * DAY, &[set("stage", "won")]);
    assert_eq!(ann.shows("days_to_win"), json!(5));
    sync(&mut ann, &mut bo);
    assert_eq!((ann.shows("days_to_win"), bo.shows("days_to_win")), (json!(4), json!(4)), "whoever chose it first");
    ann.edit(9 * DAY, &[set("stage", "lost")]);
    assert_eq!((ann.shows("days_to_win"), ann.shows("stage_since")), (Json::Null, json!(begun + 9 * DAY_MS)));
}

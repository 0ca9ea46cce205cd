//! The portrait of a customer without a network.

use serde_json::json;

use super::model::{Phone, START};
use super::*;
use crate::actions::next::Tone;
use crate::actions::portrait::Said;
use crate::store::Place;

#[test]
fn a_phone_makes_a_card_of_a_person_with_the_company_that_they_work_for() {
    let mut ann = Phone::new("ann", Place::Memory, START);
    let mut make = |kind: &str, edits: &[FieldEdit]| ann.device.create(START, kind, edits).unwrap().record;
    let row = |field: &str, values: serde_json::Value| FieldEdit::SetRow {
        field: field.into(),
        row: "r1".into(),
        values: values.as_object().unwrap().clone(),
    };
    let company = make("party", &[FieldEdit::set("name", "佳美"), FieldEdit::set("type", "org")]);
    let person = [
        FieldEdit::set("name", "王芳"),
        FieldEdit::set("type", "person"),
        row("phones", json!({"value": "138 1234 5678", "label": "work"})),
        row("relations", json!({"party": company, "role": "Buyer"})),
    ];
    let person = make("party", &person);
    let deal = make("deal", &[FieldEdit::set("title", "Paper")]);
    let card = ann.device.card(person).unwrap().unwrap();
    for line in ["FN:王芳", "ORG:佳美", "TITLE:Buyer", "TEL;TYPE=work:138 1234 5678"] {
        assert!(card.contains(&format!("\r\n{line}\r\n")), "{line}: {card}");
    }
    assert_eq!(ann.device.card(deal).unwrap(), None, "no address book has deals");
}

#[test]
fn a_phone_shows_what_a_customer_likes_by_what_it_holds_and_what_says_so() {
    let mut ann = Phone::new("ann", Place::Memory, START);
    let mut make = |kind: &str, edits: &[FieldEdit]| ann.device.create(START, kind, edits).unwrap().record;
    let add = |field: &str, value: &dyn ToString| FieldEdit::Add { field: field.into(), value: value.to_string() };
    let customer = make("party", &[FieldEdit::set("name", "Jiamei"), add("preferences", &"green tea")]);
    let [ink, paper] = ["Ink", "Paper"].map(|name| make("product", &[FieldEdit::set("name", name)]));
    let mut order = |product: RecordId, status: &str| {
        let line = json!({"product": product, "price": {"amount": 2_900, "currency": "CNY"}}).as_object().unwrap().clone();
        let edits = [
            FieldEdit::set("party", customer.to_string()),
            FieldEdit::set("form", "order"),
            FieldEdit::set("status", status),
            FieldEdit::SetRow { field: "lines".into(), row: "l1".into(), values: line },
        ];
        make("offer", &edits)
    };
    let (first, second) = (order(ink, "completed"), order(ink, "signed"));
    order(paper, "cancelled");
    let met = ["call", "call", "visit"].map(|what| {
        let edits =
            [FieldEdit::set("subject", what), FieldEdit::set("type", what), add("about", &customer), FieldEdit::set("status", "done")];
        make("activity", &edits)
    });
    let portrait = ann.device.portrait(customer, Context { now: START, offset_minutes: 480 }).unwrap();
    let lines: Vec<&str> = portrait.iter().map(|(line, _)| &*line.name).collect();
    assert_eq!(lines, ["preferences", "products", "prices", "channel"], "nothing is known of a time of day");
    let of = |name: &str| &portrait.iter().find(|(line, _)| &*line.name == name).unwrap().1;
    assert_eq!(of("preferences")[0].said, Said::Value(json!("green tea")));
    assert_eq!((&of("products")[0].said, of("products").len()), (&Said::Value(json!(ink)), 1), "what was called off is no taste");
    let mut evidence = of("products")[0].evidence.clone();
    evidence.sort_unstable();
    let mut orders = vec![first, second];
    orders.sort_unstable();
    assert_eq!(evidence, orders);
    assert_eq!((&of("channel")[0].said, of("channel")[0].evidence.len()), (&Said::Value(json!("call")), 2));
    assert!(met.contains(&of("channel")[1].evidence[0]));
    let context = Context { now: START, offset_minutes: 480 };
    assert!(ann.device.next_steps(&[customer], context).unwrap().is_empty(), "all of it is done");
    for (subject, due) in [("Send the offer", START + 86_400_000), ("Call back", START - 1)] {
        let edits = [FieldEdit::set("subject", subject), FieldEdit::set("due", due), add("about", &customer)];
        ann.device.create(START, "activity", &edits).unwrap();
    }
    let steps = ann.device.next_steps(&[customer, ink], context).unwrap();
    assert_eq!((steps.len(), steps[&customer].title.as_str(), steps[&customer].tone), (1, "Call back", Tone::Late));
    assert_eq!(ann.device.portrait(ink, Context { now: START, offset_minutes: 0 }).unwrap(), []);
}

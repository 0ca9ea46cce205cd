//! What authors of formulas are told, and what the wire lets through.

use super::*;
use crate::schema::{Reading, Schema, allows_change};

const RENTAL: &str = r#"name = "rental"
label = { en = "Rental", zh = "租赁" }
plural = { en = "Rentals", zh = "租赁" }
title = "title"
list = ["title", "total"]
board = { by = "stage", sum = "total" }

[[field]]
name = "title"
label = { en = "Title", zh = "标题" }

[[field]]
name = "stage"
label = { en = "Stage", zh = "阶段" }
type = "choice"
options = [
  { value = "new", label = { en = "New", zh = "新" }, weight = 10 },
  { value = "done", label = { en = "Done", zh = "完成" } },
]

[[field]]
name = "mood"
label = { en = "Mood", zh = "心情" }
type = "choice"
options = [{ value = "good", label = { en = "Good", zh = "好" } }]

[[field]]
name = "rent"
label = { en = "Rent", zh = "租金" }
type = "money"

[[field]]
name = "cost"
label = { en = "Cost", zh = "成本" }
type = "money"
facet = "commercial"

[[field]]
name = "days"
label = { en = "Days", zh = "天数" }
merge = "list"
items = [
  { name = "price", label = { en = "Price", zh = "价格" }, type = "money" },
  { name = "hours", label = { en = "Hours", zh = "小时" }, type = "integer" },
  { name = "note", label = { en = "Note", zh = "备注" } },
]

[[field]]
name = "total"
label = { en = "Total", zh = "合计" }
type = "money"
merge = "derived"
formula = { sum = "days", of = "price", times = "hours" }
"#;

fn rental(text: &str) -> Kind {
    Kind::parse("rental.toml", text, Reading::Strict).unwrap_or_else(|bad| panic!("{bad}\n{text}"))
}

/// A derived field appended to the sample.
fn with(field: &str) -> String {
    format!("{RENTAL}\n[[field]]\nname = \"extra\"\nlabel = {{ en = \"Extra\", zh = \"其他\" }}\nmerge = \"derived\"\n{field}\n")
}

#[test]
fn every_form_is_read_and_written() {
    let good = [
        "type = \"money\"\nformula = { sum = \"days\", of = \"price\" }",
        "type = \"integer\"\nformula = { sum = \"days\", of = \"hours\" }",
        "type = \"number\"\nformula = { weight_of = \"stage\" }",
        "type = \"datetime\"\nformula = { due_of = \"stage\" }",
        "type = \"datetime\"\nformula = { since_of = \"stage\" }",
        "type = \"integer\"\nformula = { days_to = \"stage\" }",
        "type = \"money\"\nformula = { percent_of = \"rent\", by = \"stage\" }",
    ];
    for field in good {
        let kind = rental(&with(field));
        assert!(kind.to_toml().contains(field.lines().last().unwrap()), "{}", kind.to_toml());
        assert_eq!(rental(&kind.to_toml()), kind);
    }
    let json = serde_json::to_value(rental(RENTAL)).unwrap();
    assert_eq!(json["field"][6]["formula"], serde_json::json!({"sum": "days", "of": "price", "times": "hours"}));
}

#[test]
fn what_computes_nothing_sensible_is_refused_by_name() {
    let cases = [
        ("", "field `extra` is derived and has no `formula`"),
        (
            "formula = { }",
            "a formula has one of `sum`, `weight_of`, `furthest_of`, `count_of`, `unmet_of`, `due_of`, `since_of`, `days_to`, `percent_of`",
        ),
        ("formula = { product = \"days\" }", "a formula has one of `sum`"),
        ("formula = \"days\"", "`formula` must be a table, not string"),
        ("formula = { sum = \"days\", off = \"price\" }", "a formula has no key `off`, did you mean `of`?"),
        ("formula = { sum = \"days\" }", "the formula has no `of`"),
        ("formula = { sum = \"dayz\", of = \"price\" }", "`sum` names no field: `dayz`, did you mean `days`?"),
        ("formula = { sum = \"rent\", of = \"price\" }", "`sum` adds up rows: field `rent` has none"),
        ("formula = { sum = \"days\", of = \"prize\" }", "`of` names no part of `days`: `prize`, did you mean `price`?"),
        ("formula = { sum = \"days\", of = \"note\" }", "`of` must be money or a number: `note` of field `days` is neither"),
        ("formula = { sum = \"days\", of = \"price\", times = \"price\" }", "`times` is a number: `price` is money"),
        ("formula = { sum = \"days\", of = \"price\" }", "the formula of field `extra` gives money: its type is string"),
        (
            "type = \"integer\"\nformula = { sum = \"days\", of = \"hours\", times = \"hours\" }",
            "the formula of field `extra` gives number: its type is integer",
        ),
        ("formula = { weight_of = \"rent\" }", "`weight_of` must be a choice with one value: field `rent` is not"),
        ("formula = { weight_of = \"mood\" }", "no option of field `mood` has a `weight`"),
        (
            "type = \"money\"\nformula = { weight_of = \"stage\" }",
            "the formula of field `extra` gives integer or number: its type is money",
        ),
        ("type = \"date\"\nformula = { due_of = \"stage\" }", "the formula of field `extra` gives datetime: its type is date"),
        ("type = \"datetime\"\nformula = { due_of = \"rent\" }", "`due_of` must be a choice with one value in the main facet"),
        ("type = \"date\"\nformula = { since_of = \"stage\" }", "the formula of field `extra` gives datetime: its type is date"),
        ("type = \"integer\"\nformula = { days_to = \"mood\" }", "no option of field `mood` has a `weight`"),
        ("type = \"money\"\nformula = { percent_of = \"rent\" }", "the formula has no `by`"),
        ("type = \"money\"\nformula = { percent_of = \"rent\", by = \"rent\" }", "`by` is a percentage: field `rent` is money"),
        ("type = \"money\"\nformula = { percent_of = \"title\", by = \"stage\" }", "`percent_of` must be money or a number: field `title`"),
        ("type = \"money\"\nformula = { percent_of = \"total\", by = \"stage\" }", "`total` is derived itself"),
        (
            "type = \"money\"\nformula = { percent_of = \"cost\", by = \"stage\" }",
            "field `extra` is main and `cost` is commercial: both must be in one facet",
        ),
        ("items = []\nformula = { sum = \"days\", of = \"price\" }", "only a set, a list or a log has `items`"),
    ];
    for (field, told) in cases {
        let bad = Kind::parse("rental.toml", &with(field), Reading::Strict).expect_err(field);
        let message = bad.to_string();
        assert!(message.contains(told), "{field}\ntold: {message}\nwant: {told}");
        assert!(bad.message_zh.is_some(), "{field}: both languages: {bad:?}");
    }
    let stored = RENTAL.replace("merge = \"derived\"\n", "");
    let message = Kind::parse("rental.toml", &stored, Reading::Strict).unwrap_err().to_string();
    assert!(message.contains("field `total` is a register: only a derived field has a `formula`"), "{message}");
}

#[test]
fn a_formula_of_a_newer_server_is_carried_and_computes_nothing() {
    for formula in
        ["{ median = \"days\", of = \"price\" }", "{ sum = \"days\", of = \"price\", rounded = [1, true] }", "\"days.price * 2\""]
    {
        let text = RENTAL.replace("{ sum = \"days\", of = \"price\", times = \"hours\" }", formula);
        let kind = Kind::parse("wire", &text, Reading::Lenient).unwrap();
        let total = kind.field("total").unwrap();
        assert!(matches!(&total.formula, Some(Formula::Unknown(_))) && total.computed().is_none(), "{total:?}");
        assert_eq!((Kind::parse("again", &kind.to_toml(), Reading::Lenient).unwrap(), kind.formulas()), (kind, String::new()));
        assert!(Kind::parse("author", &text, Reading::Strict).is_err());
    }
}

#[test]
fn a_formula_may_change_and_what_is_computed_may_go() {
    let old = rental(RENTAL);
    let other = rental(&RENTAL.replace(", times = \"hours\"", ""));
    assert_eq!(allows_change(&old, &other), Ok(()));
    assert_ne!(old.formulas(), other.formulas());
    let weights = |weight: &str| rental(&with("type = \"number\"\nformula = { weight_of = \"stage\" }").replace("weight = 10", weight));
    assert_ne!(weights("weight = 10").formulas(), weights("weight = 20").formulas(), "what an option weighs is computed with");
    let without = RENTAL.split("\n[[field]]\nname = \"total\"").next().unwrap();
    let without = rental(&without.replace(", \"total\"]", "]").replace(", sum = \"total\"", ""));
    assert_eq!((allows_change(&old, &without), without.formulas()), (Ok(()), String::new()));
}

#[test]
fn a_copy_of_a_built_in_kind_computes_what_the_built_in_one_does() {
    let offer = Schema::builtin().kind("offer").unwrap();
    let total = offer.field("total").unwrap();
    let mut old = Kind::clone(offer);
    old.fields.iter_mut().for_each(|field| field.formula = None);
    // As an earlier version declared it, and computed nothing.
    old.fields.push(Field { name: "collision".parse().unwrap(), formula: None, ..total.clone() });
    old.list.push("collision".parse().unwrap());
    let schema = Schema::builtin().with([old]);
    let now = schema.kind("offer").unwrap();
    assert_eq!((now.field("total"), now.field("collision"), &now.list), (Some(total), None, &offer.list));
    assert_eq!(rental(&now.to_toml()), **now);
}

//! What authors are told, and what the wire lets through.

use super::super::words::{FIELDS_MAX, LABEL_MAX, RESERVED, RESERVED_KINDS};
use super::*;

const TICKET: &str = r#"name = "ticket"
label = { en = "Ticket", zh = "票" }
plural = { en = "Tickets", zh = "票" }
title = "subject"
list = ["subject", "stage"]
search = ["notes"]
match = ["subject"]
owner = "owner"
board = { by = "stage", sum = "worth" }

[[field]]
name = "subject"
label = { en = "Subject", zh = "主题" }

[[field]]
name = "stage"
label = { en = "Stage", zh = "阶段" }
type = "choice"
merge = "visible"
options = [
  { value = "new", label = { en = "New", zh = "新" }, colour = "blue" },
  { value = "done", label = { en = "Done", zh = "完成" } },
]

[[field]]
name = "worth"
label = { en = "Worth", zh = "价值" }
type = "money"

[[field]]
name = "owner"
label = { en = "Owner", zh = "负责人" }
type = "link"
to = ["member"]

[[field]]
name = "visits"
label = { en = "Visits", zh = "拜访" }
merge = "log"
items = [{ name = "text", label = { en = "Text", zh = "内容" } }]

[[field]]
name = "notes"
label = { en = "Notes", zh = "备注" }
type = "paragraph"
merge = "text"
frozen = { field = "stage", in = ["done"] }
"#;

/// Replaces `from` by `to`, which must be there.
fn edited(from: &str, to: &str) -> String {
    assert!(TICKET.contains(from), "the sample has no {from}");
    TICKET.replacen(from, to, 1)
}

fn refused(text: &str) -> String {
    Kind::parse("ticket.toml", text, Reading::Strict).expect_err(text).to_string()
}

/// A field appended to the sample, and what its author is told.
fn field_refused(field: &str) -> String {
    refused(&format!("{TICKET}\n[[field]]\nname = \"extra\"\nlabel = {{ en = \"Extra\", zh = \"其他\" }}\n{field}\n"))
}

#[test]
fn the_sample_is_a_good_kind() {
    let kind = Kind::parse("ticket.toml", TICKET, Reading::Strict).unwrap();
    assert_eq!(kind.fields.len(), 6);
    assert_eq!(kind.field("stage").unwrap().merge, Merge::Visible);
    assert_eq!(kind.field("visits").unwrap().item("text").unwrap().label.zh, "内容");
}

#[test]
fn an_author_is_told_the_line_and_the_nearest_word() {
    let cases = [
        (edited("title =", "titel ="), "ticket.toml:4: a kind has no key `titel`, did you mean `title`?"),
        (edited("\"visible\"", "\"visibel\""), "ticket.toml:19: there is no merge policy `visibel`, did you mean `visible`?"),
        (edited("\"money\"", "\"monye\""), "ticket.toml:28: there is no type `monye`, did you mean `money`?"),
        (edited("\"blue\"", "\"bleu\""), "ticket.toml:21: there is no colour `bleu`, did you mean `blue`?"),
        (edited("\"subject\"\nlist", "\"subjekt\"\nlist"), "ticket.toml:4: `title` names no field: `subjekt`, did you mean `subject`?"),
        (
            edited("\"subject\", \"stage\"]", "\"subject\", \"stag\"]"),
            "ticket.toml:5: `list` names no field: `stag`, did you mean `stage`?",
        ),
        (edited("search = [\"notes\"", "search = [\"note\""), "ticket.toml:6: `search` names no field: `note`, did you mean `notes`?"),
        (edited("match = [\"subject\"", "match = [\"sub\""), "ticket.toml:7: `match` names no field: `sub`: one of subject,"),
        (edited("by = \"stage\"", "by = \"stages\""), "ticket.toml:9: `board.by` names no field: `stages`, did you mean `stage`?"),
        (edited("by = \"stage\"", "by = \"worth\""), "ticket.toml:9: `board.by` must be a choice"),
        (edited("by = \"stage\"", "by = \"stage\", closed = [\"wno\"]"), "ticket.toml:9: `board.closed` names no option of `stage`: `wno`"),
        (edited("sum = \"worth\"", "sum = \"stage\""), "ticket.toml:9: `board.sum` must be money or a number"),
        (edited("owner = \"owner\"", "owner = \"stage\""), "ticket.toml:8: `stage` cannot be the owner"),
        (
            edited("field = \"stage\"", "field = \"stagee\""),
            "ticket.toml:47: `frozen.field` names no field: `stagee`, did you mean `stage`?",
        ),
        (edited("in = [\"done\"]", "in = [\"dome\"]"), "ticket.toml:47: field `stage` has no option `dome`, did you mean `done`?"),
        (edited("name = \"worth\"", "name = \"stage\""), "ticket.toml:26: the kind has two fields `stage`"),
        (edited("name = \"worth\"", "name = \"Worth\""), "ticket.toml:26: `Worth` is no name"),
        (edited("value = \"done\"", "value = \"new\""), "ticket.toml:22: field `stage` has two options `new`"),
        (edited("{ en = \"Worth\", zh = \"价值\" }", "{ en = \"Worth\" }"), "ticket.toml:27: the `label` of field `worth` has no `zh`"),
        (edited("{ en = \"New\", zh = \"新\" }", "{ zh = \"新\", de = \"Neu\" }"), "ticket.toml:21: a label has no key `de`"),
        (edited("plural =", "# plural ="), "ticket.toml:1: kind `ticket` has no `plural`"),
        (edited("\"money\"", "7"), "ticket.toml:28: `type` must be a string, not integer"),
        (edited("label = { en = \"Ticket\"", "label = { en = \"Ticket"), "ticket.toml:2: "),
    ];
    for (text, told) in cases {
        let message = refused(&text);
        assert!(message.starts_with(told), "told: {message}\nwant: {told}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let cases = [
        ("facet = \"secret\"", "there is no facet `secret`: one of main, commercial, private"),
        ("type = \"choice\"", "field `extra` is a choice and has no `options`"),
        ("options = [{ value = \"a\", label = { en = \"A\", zh = \"A\" } }]", "field `extra` is a string and not a choice"),
        ("type = \"link\"", "field `extra` is a link and has no `to`"),
        ("to = [\"party\"]", "field `extra` is a string and not a link"),
        (
            "items = [{ name = \"a\", label = { en = \"A\", zh = \"A\" } }]",
            "field `extra` is a register: only a set, a list or a log has `items`",
        ),
        ("merge = \"list\"", "field `extra` is a list and has no `items`"),
        ("merge = \"derived\"\nrequired = true", "field `extra` cannot be required: it is derived"),
        ("merge = \"assigned\"\nrequired = true", "field `extra` cannot be required: it is assigned"),
        ("hidden = true\nrequired = true", "field `extra` cannot be required: it is hidden"),
        ("merge = \"counter\"", "field `extra` is a counter: its type is integer, not string"),
        ("merge = \"text\"\ntype = \"date\"", "field `extra` merges as text: its type is string or paragraph, not date"),
        ("merge = \"monotone\"\ntype = \"geo\"", "field `extra` cannot be monotone: a geo has no higher and lower"),
        ("merge = \"set\"\ntype = \"money\"", "field `extra` is a set: a money cannot be an element"),
        ("key = [\"a\"]", "`key` names parts of rows, but for addresses and places: `a` of `extra` is none"),
        (
            "merge = \"set\"\nkey = [\"b\"]\nitems = [{ name = \"a\", label = { en = \"A\", zh = \"A\" } }]",
            "`key` names parts of rows, but for addresses and places: `b` of `extra` is none",
        ),
        (
            "merge = \"set\"\nkey = [\"a\"]\nitems = [{ name = \"a\", label = { en = \"A\", zh = \"A\" }, type = \"geo\" }]",
            "`key` names parts of rows, but for addresses and places: `a` of `extra` is none",
        ),
        ("frozen = { field = \"extra\", in = [\"done\"] }", "field `extra` cannot be frozen by `extra`"),
        ("frozen = { field = \"stage\", in = [] }", "field `extra` is frozen in no state"),
        ("frozen = { field = \"worth\", in = [\"done\"] }", "`frozen.field` must be a choice with one value: `worth` is not"),
    ];
    for (field, told) in cases {
        let message = field_refused(field);
        assert!(message.contains(told), "{field}\ntold: {message}\nwant: {told}");
    }
}

#[test]
fn parts_of_rows_and_log_items_keep_to_what_a_row_can_merge() {
    let cases = [
        ("log", "merge = \"visible\"", "`part` of field `extra` cannot be visible, only register: an item of a log never changes"),
        ("log", "facet = \"private\"", "`part` of field `extra` lives in the facet of its field"),
        ("set", "facet = \"private\"", "`part` of field `extra` lives in the facet of its field"),
        ("list", "merge = \"counter\"", "`part` of field `extra` cannot be counter, only register or visible"),
        ("list", "items = []", "`part` of field `extra` is part of a row: it has no `items`"),
        ("list", "type = \"choice\"", "field `part` is a choice and has no `options`"),
    ];
    for (merge, part, told) in cases {
        let item = format!("items = [{{ name = \"part\", label = {{ en = \"Part\", zh = \"部分\" }}, {part} }}]");
        let message = field_refused(&format!("merge = \"{merge}\"\n{item}"));
        assert!(message.contains(told), "{item}\ntold: {message}\nwant: {told}");
    }
    let position = "merge = \"list\"\nitems = [{ name = \"pos\", label = { en = \"Part\", zh = \"部分\" } }]";
    assert!(field_refused(position).contains("the name `pos` of field `extra` is reserved"));
}

#[test]
fn names_that_every_record_has_are_reserved() {
    for name in RESERVED {
        let message = refused(&edited("name = \"worth\"", &format!("name = \"{name}\"")));
        assert!(message.contains("is reserved"), "{message}");
    }
}

#[test]
fn words_of_the_apis_addresses_name_no_kind() {
    for name in RESERVED_KINDS {
        let message = refused(&edited("name = \"ticket\"", &format!("name = \"{name}\"")));
        assert!(message.contains(&format!("the name `{name}` is reserved")), "{message}");
    }
}

#[test]
fn titles_and_search_read_only_what_everybody_may_see() {
    let private = edited("merge = \"text\"\n", "merge = \"text\"\nfacet = \"private\"\n");
    assert!(refused(&private).contains("`search` reads what everybody may see: `notes` is private"));
    let secret = edited("zh = \"主题\" }\n", "zh = \"主题\" }\nfacet = \"commercial\"\n");
    assert!(refused(&secret).contains("`subject` cannot be the title"));
}

#[test]
fn a_kind_has_limits() {
    let field = |index: usize| format!("\n[[field]]\nname = \"f{index}\"\nlabel = {{ en = \"F\", zh = \"F\" }}\n");
    let many: String = (0..FIELDS_MAX).map(field).collect();
    assert!(refused(&format!("{TICKET}{many}")).contains("has 206 fields: it needs 1 to 200"));
    assert!(refused(&" ".repeat(DEFINITION_MAX + 1)).contains("larger than"));
    let label = "x".repeat(LABEL_MAX + 1);
    assert!(refused(&edited("en = \"Worth\"", &format!("en = \"{label}\""))).contains("longer than 80 characters"));
}

#[test]
fn the_wire_carries_what_a_newer_server_invents() {
    let text = edited("\"money\"", "\"hologram\"\nshine = 3\nfacet = \"main\"")
        .replace("\"visible\"", "\"quorum\"")
        .replace("title = \"subject\"", "title = \"headline\"\nsound = \"bell.ogg\"")
        .replace("{ en = \"Worth\", zh = \"价值\" }", "{ zh = \"价值\", de = \"Wert\" }");
    let kind = Kind::parse("wire", &text, Reading::Lenient).unwrap();
    assert_eq!(kind.field("worth").unwrap().value, ValueType::Unknown("hologram".to_owned()));
    assert_eq!(kind.field("stage").unwrap().merge, Merge::Unknown("quorum".to_owned()));
    assert_eq!(kind.field("worth").unwrap().label, Label { en: "价值".to_owned(), zh: "价值".to_owned() });
    assert_eq!(Kind::parse("again", &kind.to_toml(), Reading::Lenient).unwrap(), kind);
    assert!(Kind::parse("author", &text, Reading::Strict).is_err());
}

#[test]
fn a_field_in_a_facet_from_the_future_is_left_out_because_its_values_never_arrive() {
    let text = edited("type = \"money\"", "facet = \"medical\"");
    let kind = Kind::parse("wire", &text, Reading::Lenient).unwrap();
    assert!(kind.field("worth").is_none());
    assert_eq!(kind.fields.len(), 5);
}

#[test]
fn the_wire_refuses_only_what_cannot_be_a_kind() {
    let cases = [
        (TICKET.replacen("name = \"worth\"", "name = \"stage\"", 1), "two fields `stage`"),
        (TICKET.replacen("name = \"worth\"\n", "", 1), "the field has no `name`"),
        (TICKET.replacen("\"money\"", "7", 1), "`type` must be a string"),
        ("name = ".to_owned(), "1: "),
        ("title = \"a\"".to_owned(), "the kind has no `name`"),
    ];
    for (text, told) in cases {
        let message = Kind::parse("wire", &text, Reading::Lenient).expect_err(&text).to_string();
        assert!(message.contains(told), "{message}");
    }
}

#[test]
fn the_example_of_the_documentation_is_a_good_kind() {
    let page = include_str!("../../../docs/kinds.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let kind = Kind::parse("docs/kinds.md", example, Reading::Strict).unwrap_or_else(|bad| panic!("{bad}"));
    assert_eq!(crate::schema::Schema::builtin().allows(&kind), Ok(()));
    let told =
        Kind::parse("kinds/machine.toml", &example.replacen("merge = \"visible\"\nopt", "merge = \"visibel\"\nopt", 1), Reading::Strict);
    assert!(page.contains(&told.unwrap_err().to_string()), "the page shows another message");
}

#[test]
fn the_documentation_names_every_type_and_policy() {
    let page = include_str!("../../../docs/kinds.md");
    let words = ValueType::KNOWN.iter().map(ValueType::as_str).chain(Merge::KNOWN.iter().map(Merge::as_str));
    for word in words {
        assert!(page.contains(&format!("`{word}`")), "`{word}` is not in docs/kinds.md");
    }
}

#[test]
fn both_readings_agree_on_good_kinds_and_neither_panics_on_broken_ones() {
    for (path, text) in crate::schema::builtin::KIND_FILES {
        let lines: Vec<&str> = text.lines().collect();
        for missing in 0..=lines.len() {
            let broken: Vec<&str> = lines.iter().enumerate().filter(|(index, _)| *index != missing).map(|(_, line)| *line).collect();
            let broken = broken.join("\n");
            let strict = Kind::parse(path, &broken, Reading::Strict);
            let lenient = Kind::parse(path, &broken, Reading::Lenient);
            assert!(strict.is_err() || strict == lenient, "{path} without line {}", missing + 1);
        }
    }
}

//! The language by example: what is accepted, what it means, and what people are told when it is not.

use serde_json::{Value, json};

use super::agreement::schema;
use super::*;
use crate::schema::Schema;

const CONTEXT: Context = Context { now: 1_777_777_777_777, offset_minutes: 480 };

fn filter(conditions: Value) -> Result<Filter, QueryError> {
    Filter::parse(&schema(), "deal", &conditions.to_string())
}

fn passes(fields: &Value, condition: Value) -> bool {
    let filter = filter(json!([condition])).unwrap();
    matches(&filter, &CONTEXT, &Row::of(fields.as_object().unwrap()), &NoLinks)
}

#[test]
fn each_operator_means_what_its_name_says() {
    let deal = json!({
        "name": "Acme 佳美 100%", "stage": "won", "score": 5, "rate": 2.5, "open": true, "close_date": "2026-05-03", "met": CONTEXT.now,
        "amount": {"amount": 1000, "currency": "CNY"}, "address": {"city": "深圳"}, "tags": ["vip", "new"],
        "phones": [{"id": "a", "value": "138 1234"}, {"id": "b", "value": "139 5678"}], "period": {"start": "2026-05-01"},
    });
    let cases = [
        ("equals", "name", json!("ACME 佳美 100%"), true),
        ("equals", "stage", json!("won"), true),
        ("notEquals", "secret", json!("x"), true),
        ("notIn", "stage", json!(["new", "lost"]), true),
        ("contains", "name", json!("佳美 1"), true),
        ("contains", "name", json!("100_"), false),
        ("notContains", "secret", json!("x"), true),
        ("startsWith", "name", json!("acme"), true),
        ("endsWith", "name", json!("%"), true),
        ("greaterThan", "score", json!(4), true),
        ("greaterThan", "score", json!(5), false),
        ("lessThanOrEquals", "rate", json!(2.5), true),
        ("between", "score", json!([5, 6]), true),
        ("isTrue", "open", Value::Null, true),
        ("isFalse", "archived", Value::Null, true),
        ("isNull", "secret", Value::Null, true),
        ("isNotNull", "amount", Value::Null, true),
        ("greaterThanOrEquals", "amount.amount", json!(1000), true),
        ("equals", "amount.currency", json!("cny"), false),
        ("equals", "address.city", json!("深圳"), true),
        ("arrayAnyOf", "tags", json!(["old", "vip"]), true),
        ("arrayAllOf", "tags", json!(["old", "vip"]), false),
        ("arrayAllOf", "tags", json!(["new", "vip"]), true),
        ("arrayNoneOf", "tags", json!(["old"]), true),
        ("endsWith", "phones.value", json!("5678"), true),
        ("notContains", "phones.value", json!("138"), false),
        ("on", "close_date", json!("2026-05-03"), true),
        ("after", "close_date", json!("2026-05-03"), false),
        ("before", "close_date", json!("2026-05-04"), true),
        ("today", "met", Value::Null, true),
        ("today", "close_date", Value::Null, true),
        ("lastXDays", "period.start", json!(2), true),
        ("lastXDays", "period.start", json!(1), false),
        ("currentMonth", "period.start", Value::Null, true),
        ("isNull", "period.end", Value::Null, true),
    ];
    for (operator, attribute, value, expected) in cases {
        let condition = json!({"type": operator, "attribute": attribute, "value": value});
        assert_eq!(passes(&deal, condition.clone()), expected, "{condition}");
    }
}

#[test]
fn no_moment_is_lost_between_before_on_and_after() {
    let day = json!("2026-05-03");
    let (start, end) = ("2026-05-03T00:00:00+08:00", "2026-05-04T00:00:00+08:00");
    let moment = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
    for (met, word) in [(moment(start) - 1, "before"), (moment(start), "on"), (moment(end) - 1, "on"), (moment(end), "after")] {
        for other in ["before", "on", "after"] {
            let passed = passes(&json!({"met": met}), json!({"type": other, "attribute": "met", "value": day}));
            assert_eq!(passed, other == word, "{met} {other}");
        }
    }
}

#[test]
fn mistakes_are_named_with_what_would_be_right() {
    let cases = [
        (
            json!({"type": "equals", "attribute": "satge", "value": "won"}),
            "kind `deal` has no attribute `satge`; did you mean `stage`? (valid: name, ",
        ),
        (
            json!({"type": "equals", "attribute": "party.nam", "value": "x"}),
            "kind `party` has no attribute `party.nam`; did you mean `name`?",
        ),
        (json!({"type": "equals", "attribute": "amount.sum", "value": 1}), "has no attribute `amount.sum` (valid: amount, currency)"),
        (json!({"type": "equals", "attribute": "phones.number", "value": "1"}), "(valid: value, checked, at, address)"),
        (json!({"type": "equals", "attribute": "people.party.name", "value": "x"}), "`people.party.name` walks more than one link"),
        (json!({"type": "equal", "attribute": "name", "value": "x"}), "there is no operator `equal`; did you mean `equals`?"),
        (
            json!({"type": "contains", "attribute": "stage", "value": "w"}),
            "`contains` does not work on `stage` (a choice) (valid: equals, notEquals, in,",
        ),
        (
            json!({"type": "equals", "attribute": "stage", "value": "wonn"}),
            "`stage` equals needs one of its options, not \"wonn\"; did you mean `won`?",
        ),
        (json!({"type": "equals", "attribute": "score", "value": "5"}), "`score` equals needs a whole number, not \"5\""),
        (json!({"type": "equals", "attribute": "score", "value": 1.5}), "needs a whole number, not 1.5"),
        (json!({"type": "equals", "attribute": "name"}), "`name` equals needs a text, not null"),
        (json!({"type": "in", "attribute": "name", "value": []}), "`name` in needs a list with at least one value"),
        (json!({"type": "between", "attribute": "score", "value": [1]}), "needs a list of two values"),
        (json!({"type": "on", "attribute": "close_date", "value": "03.05.2026"}), "needs a day such as \"2026-05-03\""),
        (json!({"type": "linkedWith", "attribute": "party", "value": "acme"}), "needs a record's id, not \"acme\""),
        (json!({"type": "lastXDays", "attribute": "met", "value": -1}), "needs a number of days"),
        (json!({"type": "or", "value": []}), "is not a condition"),
        (json!({"type": "equals", "value": 1}), "is not a condition"),
        (json!("name"), "\"name\" is not a condition"),
        (json!({"type": "equals", "attribute": "future", "value": 1}), "(a group) (valid: isNotNull, isNull)"),
        (json!({"type": "none", "attribute": "people"}), "`people` names no records that point here"),
        (json!({"type": "none", "attribute": "deals:people"}), "there is no kind `deals`; did you mean `deal`?"),
        (json!({"type": "none", "attribute": "deal:peeple"}), "kind `deal` has no attribute `deal:peeple`; did you mean `people`?"),
        (json!({"type": "none", "attribute": "deal:stage"}), "`deal:stage` is no link that points at records of this kind"),
        (json!({"type": "none", "attribute": "deal:party"}), "`deal:party` is no link that points at records of this kind"),
        (json!({"type": "none", "attribute": "deal:lines.party.name"}), "`deal:lines.party.name` names values"),
        (json!({"type": "none", "attribute": "deal:lines"}), "has no attribute `deal:lines` (valid: "),
        (json!({"type": "none", "attribute": "deal:people.stage"}), "`deal:people.stage` names values"),
        (json!({"type": "none", "attribute": "deal:people", "value": "won"}), "none needs a list of conditions, not \"won\""),
        (json!({"type": "atLeast", "attribute": "deal:people"}), "atLeast needs a `count` from 1 to 1000, not null"),
        (json!({"type": "atLeast", "attribute": "deal:people", "count": 0}), "needs a `count` from 1 to 1000, not 0"),
        (json!({"type": "isNull", "attribute": "deal:people"}), "`isNull` does not work on `deal:people` (a record) (valid: any, none,"),
        (json!({"type": "equals", "attribute": "deal:people.stage", "value": "wonn"}), "did you mean `won`?"),
        (
            json!({"type": "any", "attribute": "deal:people", "value": [{"type": "none", "attribute": "deal:people"}]}),
            "`deal:people` points at records that point here: one step is all",
        ),
    ];
    for (condition, expected) in cases {
        let message = filter(json!([condition])).unwrap_err().to_string();
        assert!(message.contains(expected), "{condition}: {message}");
    }
    assert!(matches!(Filter::parse(&schema(), "deal", "[{"), Err(QueryError::NotJson { .. })));
    let message = Filter::parse(&schema(), "deals", "[]").unwrap_err().to_string();
    assert!(message.contains("did you mean `deal`?"), "{message}");
}

#[test]
fn every_limit_holds_exactly() {
    let one = json!({"type": "isNull", "attribute": "name"});
    let many = |count: usize| Value::from(vec![one.clone(); count]);
    assert!(filter(many(MAX_CONDITIONS)).is_ok() && filter(many(MAX_CONDITIONS + 1)).is_err());

    let nested = |depth: usize| (1..depth).fold(json!([one]), |inner, _| json!([{"type": "and", "value": inner}]));
    assert!(filter(nested(MAX_DEPTH)).is_ok() && filter(nested(MAX_DEPTH + 1)).is_err());

    let list = |count: usize| json!([{"type": "in", "attribute": "score", "value": (0..count).collect::<Vec<_>>()}]);
    assert!(filter(list(MAX_LIST)).is_ok() && filter(list(MAX_LIST + 1)).is_err());

    let text = |length: usize| json!([{"type": "contains", "attribute": "name", "value": "x".repeat(length)}]);
    assert!(filter(text(MAX_TEXT)).is_ok() && filter(text(MAX_TEXT + 1)).is_err());

    let days = |days: i64| json!([{"type": "lastXDays", "attribute": "met", "value": days}]);
    assert!(filter(days(MAX_DAYS)).is_ok() && filter(days(MAX_DAYS + 1)).is_err());

    let bytes = |length: usize| Filter::parse(&schema(), "deal", &format!("[{}]", " ".repeat(length - 2)));
    assert!(bytes(MAX_WHERE).is_ok() && bytes(MAX_WHERE + 1).is_err());
    // Deeper than any parser's stack: refused while it is read, not while it is walked.
    assert!(Filter::parse(&schema(), "deal", &"[".repeat(MAX_WHERE)).is_err());
}

#[test]
fn values_never_become_sql() {
    let evil = "x' or 1=1 --\"$1";
    let filter = filter(json!([
        {"type": "contains", "attribute": "name", "value": evil},
        {"type": "arrayAnyOf", "attribute": "tags", "value": [evil]},
        {"type": "equals", "attribute": "party.name", "value": evil},
    ]));
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let sql = Compiler::new(dialect, CONTEXT).filter(filter.as_ref().unwrap());
        assert!(!sql.text.contains("1=1"), "{}", sql.text);
        assert_eq!(sql.params.len(), 3);
    }
    for attribute in ["name' or '1'='1", "main ->> 'x'", "name;", "", ".", "party.", "Name"] {
        assert!(
            super::Filter::parse(&schema(), "deal", &json!([{"type": "isNull", "attribute": attribute}]).to_string()).is_err(),
            "{attribute}"
        );
    }
}

#[test]
fn indexes_and_primary_keys_are_used() {
    let connection = rusqlite::Connection::open_in_memory().unwrap();
    connection.execute_batch(super::agreement::TABLE).unwrap();
    let schema = schema();
    for (name, attribute) in [("by_stage", "stage"), ("by_name", "name"), ("by_party", "party")] {
        let spot = Spot::of(&schema, schema.kind("deal").unwrap(), attribute).unwrap();
        let over = Compiler { alias: "", ..Compiler::new(Dialect::Sqlite, CONTEXT) }.indexed(&spot).join(", ");
        connection.execute_batch(&format!("create index {name} on rows (workspace, kind, {over}, record)")).unwrap();
    }
    let planned = |condition: Value, gathers: bool| -> String {
        let (deal, gathers) = ("deal".parse().unwrap(), gathers);
        let gathers = gathers.then_some(&deal);
        let compiler = Compiler { first_param: 3, tables: Tables::Server, gathers, ..Compiler::new(Dialect::Sqlite, CONTEXT) };
        let sql = compiler.filter(&filter(json!([condition])).unwrap());
        let text = format!("explain query plan select record from rows where workspace = $1 and kind = $2 and {}", sql.text);
        let mut statement = connection.prepare(&text).unwrap();
        let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
        let lines = statement.query_map(rusqlite::params_from_iter(nulls), |row| row.get::<_, String>(3)).unwrap();
        lines.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
    };
    let plan = |condition: Value| planned(condition, false);
    for value in [json!({"type": "equals", "value": "won"}), json!({"type": "in", "value": ["won", "lost"]})] {
        let plan = plan(json!({"type": value["type"], "attribute": "stage", "value": value["value"]}));
        assert!(plan.contains("INDEX by_stage (workspace=? AND kind=? AND <expr>=?)"), "{plan}");
    }
    let linked = plan(json!({"type": "linkedWith", "attribute": "party", "value": [RecordId::of_cause("a party")]}));
    assert!(linked.matches("INDEX by_party (workspace=? AND kind=? AND <expr>=?)").count() >= 1 && !linked.contains("SCAN"), "{linked}");
    let text = plan(json!({"type": "equals", "attribute": "name", "value": "Acme"}));
    assert!(text.contains("INDEX by_name (workspace=? AND kind=? AND <expr>=?)"), "{text}");
    for (attribute, index) in [("name", "by_name"), ("stage", "by_stage"), ("party", "by_party")] {
        let missing = plan(json!({"type": "isNull", "attribute": attribute}));
        assert!(missing.contains(&format!("INDEX {index} (workspace=? AND kind=? AND <expr>=?)")), "{missing}");
    }
    let beside = "create index links_by_target on links (workspace, target, role, source); \
                  create index rows_by_position on rows (workspace, position)";
    connection.execute_batch(beside).unwrap();
    for condition in [
        json!({"type": "none", "attribute": "deal:people", "value": [{"type": "equals", "attribute": "stage", "value": "won"}]}),
        json!({"type": "atLeast", "attribute": "deal:lines.party", "count": 3}),
        json!({"type": "equals", "attribute": "deal:people.stage", "value": "won"}),
        json!({"type": "notLastXDays", "attribute": "deal:people.createdAt", "value": 30}),
    ] {
        // For all records of a kind, what points at them is gathered once.
        let gathered = planned(condition.clone(), true);
        assert!(gathered.contains("LIST SUBQUERY") && !gathered.contains("CORRELATED LIST"), "{gathered}");
        let plan = plan(condition);
        for found in [
            "SEARCH k1 USING COVERING INDEX links_by_target (workspace=? AND target=? AND role=?)",
            "SEARCH p2 USING INDEX sqlite_autoindex_rows_1",
        ] {
            assert!(plan.contains(found) && !plan.contains("SCAN k") && !plan.contains("SCAN p"), "{plan}");
        }
    }
    for attribute in ["party.name", "people.tags", "lines.party.score"] {
        let plan = plan(json!({"type": "isNotNull", "attribute": attribute}));
        assert!(plan.contains("SEARCH l1") && plan.contains("(workspace=? AND record=?)"), "{plan}");
    }
}

#[test]
fn linked_records_out_of_sight_do_not_count() {
    let filter = filter(json!([{"type": "equals", "attribute": "party.name", "value": "x"}])).unwrap();
    let visible = |alias: &str, _: &crate::id::KindName, binds: &mut Binds| {
        format!("{alias}.title <> {}", binds.add(Param::Text("hidden".to_owned())))
    };
    let compiler = Compiler { visible: Some(&visible), first_param: 7, ..Compiler::new(Dialect::Sqlite, CONTEXT) };
    let sql = compiler.filter(&filter);
    // What stands for a record is asked first: where that is out of sight, too, the record stands for itself.
    assert!(sql.text.contains("s2.record = a.survivor and s2.title <> $7)") && sql.text.contains("and l1.title <> $8 and"), "{}", sql.text);
    assert_eq!(sql.params, ["hidden", "hidden", "x"].map(|text| Param::Text(text.to_owned())));

    let none = self::filter(
        json!([{"type": "none", "attribute": "deal:people", "value": [{"type": "equals", "attribute": "stage", "value": "won"}]}]),
    );
    let sql = compiler.filter(&none.unwrap());
    assert!(sql.text.contains("+p2.kind = 'deal' and p2.archived = 0 and p2.title <> $7 and"), "{}", sql.text);
    assert_eq!(sql.params, ["hidden", "won"].map(|text| Param::Text(text.to_owned())));
}

/// Deals by their ids, as if everything else about them were somewhere else.
struct Around(Vec<(RecordId, &'static str, Value)>);

impl Links for Around {
    fn linked(&self, _: &str, _: RecordId) -> Option<Row<'_>> {
        None
    }

    fn pointing(&self, kind: &str, role: &str, id: RecordId) -> Vec<Row<'_>> {
        assert_eq!(kind, "deal");
        self.0
            .iter()
            .filter(|(target, of, _)| *target == id && *of == role)
            .map(|(.., fields)| Row::of(fields.as_object().unwrap()))
            .collect()
    }
}

#[test]
fn records_that_point_here_are_counted_those_in_use() {
    let [none, one, three] = ["none", "one", "three"].map(RecordId::of_cause);
    let won = json!({"stage": "won", "score": 1, "close_date": "2026-05-03"});
    let (lost, put_away) = (json!({"stage": "lost", "score": 9, "close_date": "2026-01-01"}), json!({"stage": "new", "archived": true}));
    let around = Around(vec![
        (one, "people", won.clone()),
        (one, "people", put_away),
        (three, "people", won),
        (three, "people", lost.clone()),
        (three, "people", lost),
    ]);
    let found = |condition: Value| -> Vec<&str> {
        let filter = filter(json!([condition])).unwrap_or_else(|error| panic!("{error}"));
        let empty = serde_json::Map::new();
        let passes = |id| matches(&filter, &CONTEXT, &Row { id, ..Row::of(&empty) }, &around);
        [("none", none), ("one", one), ("three", three)].into_iter().filter(|(_, id)| passes(*id)).map(|(name, _)| name).collect()
    };
    let here = |word: &str, more: Value| {
        let mut condition = json!({"type": word, "attribute": "deal:people"});
        condition.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        condition
    };
    let is = |stage: &str| json!([{"type": "equals", "attribute": "stage", "value": stage}]);
    for (condition, expected) in [
        (here("any", json!({})), vec!["one", "three"]),
        (here("none", json!({})), vec!["none"]),
        (here("none", json!({"value": is("lost")})), vec!["none", "one"]),
        (here("any", json!({"value": is("new")})), vec![]),
        (here("atLeast", json!({"count": 2})), vec!["three"]),
        (here("atMost", json!({"count": 1, "value": is("lost")})), vec!["none", "one"]),
        (here("atMost", json!({"count": 0})), vec!["none"]),
        (json!({"type": "in", "attribute": "deal:people.stage", "value": ["lost"]}), vec!["three"]),
        (json!({"type": "notIn", "attribute": "deal:people.stage", "value": ["lost"]}), vec!["none", "one"]),
        (json!({"type": "lastXDays", "attribute": "deal:people.close_date", "value": 30}), vec!["one", "three"]),
        (json!({"type": "notLastXDays", "attribute": "deal:people.close_date", "value": 30}), vec!["none"]),
        // One deal that is both: two conditions of one record, not of any two.
        (here("any", json!({"value": [is("won")[0], {"type": "equals", "attribute": "score", "value": 9}]})), vec![]),
    ] {
        assert_eq!(found(condition.clone()), expected, "{condition}");
    }
    let reads = filter(json!([here("none", json!({"value": [{"type": "isNull", "attribute": "amount"}]}))]))
        .unwrap()
        .reads(&"deal".parse().unwrap());
    let reads: Vec<String> = reads.iter().map(|read| format!("{}.{} ({})", &*read.kind, &*read.field, read.facet)).collect();
    assert_eq!(reads, ["deal.people (main)", "deal.amount (commercial)"]);
}

#[test]
fn a_query_says_which_fields_it_looks_at() {
    let schema = schema();
    let where_text = r#"[{"type": "not", "value": [{"type": "greaterThan", "attribute": "party.limit.amount", "value": 5}]}, {"type": "isTrue", "attribute": "archived"}]"#;
    let query =
        Query::from_params(&schema, "deal", [("where", where_text), ("orderBy", "amount.amount"), ("select", "name, spot")]).unwrap();
    let reads: Vec<String> = query.reads(&schema).iter().map(|read| format!("{}.{} ({})", &*read.kind, &*read.field, read.facet)).collect();
    assert_eq!(
        reads,
        ["deal.name (main)", "deal.party (main)", "deal.amount (commercial)", "deal.spot (private)", "party.limit (commercial)"]
    );
}

fn ask(schema: &Schema, params: &[(&str, &str)]) -> Result<Query, QueryError> {
    Query::from_params(schema, "deal", params.iter().copied())
}

#[test]
fn a_whole_query_is_read_from_an_address() {
    let schema = schema();
    let query = ask(&schema, &[("order", "desc"), ("orderBy", "close_date"), ("maxSize", "200"), ("select", "name,stage,total,createdAt")])
        .unwrap();
    assert_eq!((query.max_size, query.order_by.direction), (200, Direction::Descending));
    assert_eq!(query.select, ["name", "stage", "total", "createdAt"]);
    let plain = ask(&schema, &[]).unwrap();
    assert_eq!((plain.max_size, &plain.order_by), (DEFAULT_PAGE, &OrderBy::id()));

    let mistakes = [
        (("maxSize", "201"), "rows of a page: at most 200"),
        (("maxSize", "0"), "parameter `maxSize` is at least 1"),
        (("maxSize", "many"), "parameter `maxSize` is a whole number"),
        (("order", "down"), "parameter `order` is `asc` or `desc`"),
        (("offset", "20"), "parameter `offset` is not there: pass the answer's cursor as `after`"),
        (("wher", "[]"), "parameter `wher` is unknown; did you mean `where`?"),
        (("orderBy", "tags"), "`tags` may have several values"),
        (("orderBy", "party.name"), "`party.name` is not in the record itself"),
        (("orderBy", "amount"), "`amount` is a group"),
        (("orderBy", "party"), "`party` is a link, and no list is ordered by what another record is called"),
        (("orderBy", "party"), "(valid: name, stage, score,"),
        (("select", "nmae"), "has no attribute `nmae`; did you mean `name`?"),
        (("after", "!"), "parameter `after` is not a cursor of this list"),
    ];
    for (param, expected) in mistakes {
        let message = ask(&schema, &[param]).unwrap_err().to_string();
        assert!(message.contains(expected), "{param:?}: {message}");
    }
}

#[test]
fn a_cursor_is_good_for_its_own_order_only() {
    let schema = schema();
    let by_score = ask(&schema, &[("orderBy", "score")]).unwrap();
    let fields = json!({"score": 5});
    let cursor = by_score.cursor(&Row::of(fields.as_object().unwrap()));
    assert!(ask(&schema, &[("after", &cursor), ("orderBy", "score")]).is_ok());
    for other in [[("orderBy", "score"), ("order", "desc")], [("orderBy", "rate"), ("order", "asc")]] {
        let params = [other[0], other[1], ("after", &cursor)];
        assert!(ask(&schema, &params).unwrap_err().to_string().contains("another order"));
    }
    let forged = |keys: &str| {
        let text = format!(r#"["score","asc",{keys},"0199c1d2-7c5e-7aaa-8bbb-0123456789ab"]"#);
        by_score.parse_cursor(&super::page::encode(text.as_bytes())).is_ok()
    };
    assert!(forged(r#"[{"i":5}]"#) && forged("[null]"));
    for keys in [r#"[{"t":"5"}]"#, "[]", "[null,null]", r#"[{"i":5.5}]"#, r#"[{"f":0}]"#, "5"] {
        assert!(!forged(keys), "{keys}");
    }
    assert!(by_score.parse_cursor(&"A".repeat(MAX_CURSOR + 1)).is_err());
}

#[test]
fn a_choice_is_ordered_by_its_options_and_what_is_none_comes_behind_them() {
    let schema = schema();
    let rows: Vec<Value> =
        ["zeta", "lost", "new", "apple", "won"].map(|stage| json!({"stage": stage})).into_iter().chain([json!({})]).collect();
    let ordered = |direction: &str| -> Vec<Value> {
        let query = ask(&schema, &[("orderBy", "stage"), ("order", direction)]).unwrap();
        let mut rows: Vec<Row<'_>> = rows.iter().map(|fields| Row::of(fields.as_object().unwrap())).collect();
        rows.sort_by(|left, right| query.compare(left, right));
        rows.iter().map(|row| row.fields.get("stage").cloned().unwrap_or_default()).collect()
    };
    assert_eq!(ordered("asc"), [json!("new"), json!("won"), json!("lost"), json!("apple"), json!("zeta"), Value::Null]);
    assert_eq!(ordered("desc"), [json!("zeta"), json!("apple"), json!("lost"), json!("won"), json!("new"), Value::Null]);
}

#[test]
fn a_cursor_of_other_options_is_none() {
    let schema = schema();
    let by_stage = ask(&schema, &[("orderBy", "stage")]).unwrap();
    let fields = json!({"stage": "won"});
    let cursor = by_stage.cursor(&Row::of(fields.as_object().unwrap()));
    assert!(by_stage.parse_cursor(&cursor).is_ok());
    // As they were made before options had an order.
    let before = json!(["stage", "asc", [{"t": "won"}], RecordId::of_cause("a deal")]).to_string();
    let turned = super::agreement::KINDS[1].1.replacen("{ value = \"new\", label = { en = \"New\", zh = \"新\" } },\n  ", "", 1);
    let mut other = Schema::default();
    other.insert(crate::schema::Kind::parse("deal.toml", &turned, crate::schema::Reading::Lenient).unwrap());
    let refused = [
        by_stage.parse_cursor(&super::page::encode(before.as_bytes())),
        ask(&other, &[("orderBy", "stage")]).unwrap().parse_cursor(&cursor),
    ];
    for refused in refused {
        assert!(refused.unwrap_err().to_string().contains("a cursor of another order"));
    }
}

#[test]
fn options_of_any_text_are_ordered_by_in_every_database() {
    let mut schema = Schema::default();
    for (origin, text) in super::agreement::KINDS {
        let odd = text.replace("value = \"won\"", "value = \"o'brien'); --\"");
        schema.insert(crate::schema::Kind::parse(origin, &odd, crate::schema::Reading::Lenient).unwrap());
    }
    let query = ask(&schema, &[("orderBy", "stage")]).unwrap();
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let order = Compiler::new(dialect, CONTEXT).page(&query).order;
        assert!(order.contains("when 'new' then 0 when 'o''brien''); --' then 1 when 'lost' then 2 else 3 end"), "{order}");
    }
}

#[test]
fn the_examples_of_the_documentation_work_on_the_built_in_kinds() {
    let text = include_str!("../../../docs/query.md");
    let examples: Vec<&str> = text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 6);
    for (example, kind) in examples.into_iter().zip(["deal", "party", "deal", "deal", "deal", "party"]) {
        let read = Filter::parse(Schema::builtin(), kind, example);
        assert!(read.is_ok(), "{example}: {read:?}");
    }
    for operator in super::operator::OPERATORS {
        assert!(text.contains(&format!("`{}`", operator.word)), "`{}` is not documented", operator.word);
    }
    for (word, _) in super::operator::QUANTITIES {
        assert!(text.contains(&format!("`{word}`")), "`{word}` is not documented");
    }
}

#[test]
fn what_is_wrong_is_said_in_both_languages() {
    let cases = [
        (("where", "[{"), "`where` 不是 JSON：第 1 行第 2 列有误"),
        (("where", "[1]"), "1 不是条件：条件是带有 `type` 的对象，另有 `attribute`，或以条件列表作为 `value`"),
        (("where", r#"[{"type": "equal", "attribute": "name"}]"#), "没有名为“equal”的运算符，是不是“equals”？（可用："),
        (("where", r#"[{"type": "contains", "attribute": "stage", "value": "w"}]"#), "运算符“contains”不适用于“stage”（单选）（可用："),
        (("where", r#"[{"type": "equals", "attribute": "stage", "value": 1}]"#), "“stage”的 equals 需要文本，而不是 1"),
        (("orderBy", "party"), "列表不能按关联“party”排序，请改按记录自身的字段排序（可用："),
        (("maxSize", "100000"), "每页的行数最多为"),
        (("size", "1"), "参数 `size` 不存在"),
    ];
    for (param, zh) in cases {
        let words = ask(&schema(), &[param]).unwrap_err().words();
        assert!(words.zh.starts_with(zh), "{zh}: {words:?}");
        assert!(words.en.is_ascii(), "{words:?}");
    }
}

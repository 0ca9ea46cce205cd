//! The two back ends give one answer: random records and filters, in memory and in a real SQLite.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rusqlite::{Connection, types::Value as Sqlite};
use serde_json::{Map, Value, json};

use super::attribute::places;
use super::evaluate::{Links, Row, matches};
use super::operator::{Does, OPERATORS, Operator};
use super::{Class, Compiler, Context, Dialect, Direction, Filter, OrderBy, Param, Query, Tables};
use crate::id::{Facet, RecordId};
use crate::schema::{Field, Kind, Merge, OwnColumn, Reading, Schema, ValueType};

/// How often CI tries; `PROPTEST_CASES` overrides it for a night's run.
const CASES: u32 = 256;
const NOW: i64 = 1_777_777_777_777;

pub(super) const KINDS: [(&str, &str); 2] =
    [("party.toml", include_str!("agreement/party.toml")), ("deal.toml", include_str!("agreement/deal.toml"))];

pub(super) fn schema() -> Schema {
    let mut schema = Schema::default();
    for (origin, text) in KINDS {
        schema.insert(Kind::parse(origin, text, Reading::Lenient).unwrap());
    }
    schema
}

fn record(number: usize) -> RecordId {
    RecordId::of_cause(&format!("record {number}"))
}

/// Deals are records 0 to 11, parties 100 to 103.
fn any_id() -> BoxedStrategy<String> {
    prop_oneof![
        6 => prop_oneof![0..12usize, 100..105usize].prop_map(|number| record(number).to_string()),
        1 => prop_oneof![0..12usize, 100..105usize].prop_map(|number| record(number).to_string().replace('-', "").to_uppercase()),
        1 => select(vec!["", "nobody", "--", "12345678901234567890123456789012", "zz"]).prop_map(str::to_owned),
    ]
    .boxed()
}

fn any_text() -> BoxedStrategy<String> {
    let odd = [
        "",
        "a",
        "A",
        "ab",
        "AB",
        "aB%",
        "a_b",
        "%",
        "_",
        "100%",
        "o'brien",
        "\"q\"",
        "佳美",
        "佳美办公",
        "办公",
        "安庆",
        "北京",
        "北 京",
        "（北京）",
        "bei",
        "Beijing",
        "重庆",
        "重要",
        "长沙 A4",
        "a4 长沙",
        "女",
        "nv",
        "北京北京北京北京北京北京北京北京北京北京北京北京一",
        "北京北京北京北京北京北京北京北京北京北京北京北京 A",
        "\u{3007}\u{20000}",
        "É",
        "é",
        "ß",
        "SS",
        "😀",
        "😀a",
        "\\",
        "a\nb",
        "$.x",
        "\u{17f}",
        "\u{212a}",
        "K",
        "k",
        "İ",
        "i",
        "null",
        "true",
        "1",
        "[\"a\"]",
        "{}",
        "2026-05-03",
        "ａ",
        "e\u{301}",
        "\u{10ffff}",
    ];
    prop_oneof![8 => select(odd.to_vec()).prop_map(str::to_owned), 1 => "[^\0]{0,6}", 1 => "[aAbB]{0,4}"].boxed()
}

fn any_integer() -> BoxedStrategy<i64> {
    prop_oneof![6 => -3..4i64, 1 => any::<i64>(), 2 => select(vec![i64::MAX, i64::MIN, 1 << 53, (1 << 53) + 1, -(1 << 53) - 1, i64::MAX - 1])].boxed()
}

fn any_number() -> BoxedStrategy<f64> {
    let near = select(vec![
        0.0,
        -0.0,
        0.1,
        0.2,
        0.30000000000000004,
        1.5,
        -1.5,
        1e300,
        1e-300,
        5e-324,
        9007199254740992.0,
        1e16,
        1.7976931348623157e308,
    ]);
    prop_oneof![4 => near, 2 => (-5..5i32).prop_map(f64::from), 2 => any::<f64>().prop_filter("finite", |number| number.is_finite())]
        .boxed()
}

fn any_latitude() -> BoxedStrategy<f64> {
    prop_oneof![select(vec![0.0, 0.1, 31.23, 31.3, -31.3, 89.9, 90.0, -90.0]), (-900..=900i32).prop_map(|tenths| f64::from(tenths) / 10.0)]
        .boxed()
}

fn any_longitude() -> BoxedStrategy<f64> {
    let near = select(vec![0.0, 0.1, 121.4737, 121.5, 179.9, 180.0, -180.0, -179.9]);
    prop_oneof![near, (-1_800..=1_800i32).prop_map(|tenths| f64::from(tenths) / 10.0)].boxed()
}

fn any_day() -> BoxedStrategy<String> {
    let far = select(vec!["0000-01-01", "0001-01-01", "9999-12-31", "2024-02-29", "2025-12-31", "2026-01-01"]).prop_map(str::to_owned);
    let near = (-70..70i64).prop_map(|days| Context { now: NOW + days * 86_400_000, offset_minutes: 0 }.today().to_string());
    prop_oneof![1 => far, 6 => near].boxed()
}

fn any_moment() -> BoxedStrategy<i64> {
    let edges = select(vec![i64::MIN, i64::MAX, 0, -1, NOW, NOW - 1, NOW + 1]);
    let midnights = (-9..9i64, -1..2i64).prop_map(|(days, off)| (NOW / 86_400_000 + days) * 86_400_000 + off - 480 * 60_000);
    prop_oneof![1 => edges, 2 => midnights, 4 => (-400..400i64).prop_map(|hours| NOW + hours * 3_600_000)].boxed()
}

/// What no fence lets in, and what an older or newer schema may have left there.
fn any_stray() -> BoxedStrategy<Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!(["a", 1, null])),
        Just(json!({"amount": "many", "start": [], "id": 1, "value": {}})),
        any::<bool>().prop_map(Value::from),
        any_integer().prop_map(Value::from),
        (-9..9i32).prop_map(|number| json!(f64::from(number) / 2.0)),
        any_text().prop_map(Value::from),
    ]
    .boxed()
}

fn any_scalar(field: &Field) -> BoxedStrategy<Value> {
    match &field.value {
        ValueType::String | ValueType::Paragraph | ValueType::Phone | ValueType::Email | ValueType::Url => {
            any_text().prop_map(Value::from).boxed()
        }
        ValueType::Integer => any_integer().prop_map(Value::from).boxed(),
        ValueType::Number => prop_oneof![any_number().prop_map(Value::from), any_integer().prop_map(Value::from)].boxed(),
        ValueType::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        ValueType::Date => any_day().prop_map(Value::from).boxed(),
        ValueType::Datetime => any_moment().prop_map(Value::from).boxed(),
        ValueType::Choice => select(field.options.clone()).prop_map(|option| Value::from(option.value)).boxed(),
        ValueType::Link => any_id().prop_map(Value::from).boxed(),
        ValueType::Money => (option::of(any_integer()), option::of(select(vec!["CNY", "USD"])))
            .prop_map(|(amount, currency)| json!({"amount": amount, "currency": currency}))
            .boxed(),
        ValueType::Address => {
            (option::of(any_text()), any_text()).prop_map(|(city, street)| json!({"city": city, "street": street})).boxed()
        }
        ValueType::Period => {
            let end = || prop_oneof![any_day().prop_map(Value::from), any_moment().prop_map(Value::from), Just(Value::Null)];
            (end(), end()).prop_map(|(start, end)| json!({"start": start, "end": end})).boxed()
        }
        ValueType::Geo => {
            let near = (any_latitude(), any_longitude());
            prop_oneof![3 => near, 1 => (any_number(), any_number())].prop_map(|(lat, lon)| json!({"lat": lat, "lon": lon})).boxed()
        }
        ValueType::Unknown(_) => any_stray(),
    }
}

fn any_value(field: &Field) -> BoxedStrategy<Value> {
    let rows = |field: &Field| {
        let parts: Vec<_> = field.items.iter().map(|item| (Just(item.name.to_string()), option::weighted(0.7, any_scalar(item)))).collect();
        let row = ("[a-z]{1,3}", parts).prop_map(|(id, parts)| {
            let parts = parts.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
            Value::Object(std::iter::once(("id".to_owned(), Value::from(id))).chain(parts).collect())
        });
        let element = prop_oneof![12 => row, 1 => any_stray()];
        vec(element, 0..4).prop_map(Value::from).boxed()
    };
    let typed = match &field.merge {
        Merge::Set if field.items.is_empty() => {
            vec(prop_oneof![12 => any_scalar(field), 1 => any_stray()], 0..4).prop_map(Value::from).boxed()
        }
        Merge::Set | Merge::List | Merge::Log => rows(field),
        Merge::Counter => any_integer().prop_map(Value::from).boxed(),
        Merge::Text => any_text().prop_map(Value::from).boxed(),
        Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Derived | Merge::Unknown(_) => any_scalar(field),
    };
    prop_oneof![14 => typed, 1 => any_stray()].boxed()
}

/// One record, as a database keeps it.
#[derive(Debug, Clone)]
struct Stored {
    kind: &'static str,
    id: RecordId,
    created_at: i64,
    updated_at: i64,
    archived: bool,
    facets: BTreeMap<Facet, Map<String, Value>>,
}

impl Stored {
    fn row(&self, title: &str) -> Row<'static> {
        // Through text, as a row that was read.
        let text = |facet: &Map<String, Value>| serde_json::to_string(facet).unwrap();
        let mut fields = Map::new();
        for facet in self.facets.values() {
            fields.extend(serde_json::from_str::<Map<String, Value>>(&text(facet)).unwrap());
        }
        if self.archived {
            fields.insert("archived".to_owned(), Value::Bool(true));
        }
        let sort_title = crate::search::sort_key(fields.get(title).and_then(Value::as_str).unwrap_or_default()).into();
        Row { id: self.id, created_at: self.created_at, updated_at: self.updated_at, sort_title, fields: std::borrow::Cow::Owned(fields) }
    }
}

fn any_record(schema: &Schema, kind: &'static str, number: usize) -> BoxedStrategy<Stored> {
    let fields: Vec<_> = schema.kind(kind).unwrap().fields.clone();
    let values: Vec<_> = fields.iter().map(|field| option::weighted(0.8, any_value(field))).collect();
    (values, any_moment(), any_moment(), any::<bool>())
        .prop_map(move |(values, created_at, updated_at, archived)| {
            let mut facets: BTreeMap<Facet, Map<String, Value>> = BTreeMap::new();
            for (field, value) in fields.iter().zip(values) {
                if let Some(value) = value {
                    facets.entry(field.facet).or_default().insert(field.name.to_string(), value);
                }
            }
            Stored { kind, id: record(number), created_at, updated_at, archived, facets }
        })
        .boxed()
}

/// Every attribute that a filter can name, with the operators that suit it.
fn attributes(schema: &Schema) -> Vec<(String, Class, Vec<&'static Operator>)> {
    let mut names: Vec<String> = ["id", "archived", "createdAt", "updatedAt"].map(str::to_owned).to_vec();
    let parts = ["amount", "currency", "city", "street", "postal_code", "start", "end", "lat", "lon", "id"];
    for kind in ["deal", "party"] {
        for field in &schema.kind(kind).unwrap().fields {
            names.push(field.name.to_string());
            names.extend(parts.iter().map(|part| format!("{}.{part}", field.name)));
            for item in &field.items {
                for rows in [field.name.to_string(), format!("{}.first", field.name)] {
                    names.push(format!("{rows}.{}", item.name));
                    names.extend(parts.iter().map(|part| format!("{rows}.{}.{part}", item.name)));
                }
            }
        }
    }
    let via = ["party", "people", "lines.party"];
    let pointing: Vec<String> = POINTING.iter().flat_map(|here| names.iter().map(move |name| format!("{here}.{name}"))).collect();
    let walked: Vec<String> = via.iter().flat_map(|via| names.iter().map(move |name| format!("{via}.{name}"))).collect();
    names.extend(walked);
    names.extend(pointing);
    let kind = schema.kind("deal").unwrap();
    let attribute = |name: String| {
        let of_theirs = POINTING.iter().find_map(|here| name.strip_prefix(here)?.strip_prefix('.'));
        let found = places(schema, kind, of_theirs.unwrap_or(&name)).ok()?;
        let class = found[0].place.spot.class;
        let same = found.iter().all(|one| one.place.spot.class == class);
        let suits = |operator: &&Operator| found.iter().all(|found| operator.suits(&found.place.spot));
        same.then(|| (name, class, OPERATORS.iter().filter(suits).collect()))
    };
    names.into_iter().filter_map(attribute).collect()
}

/// What points at deals: other deals, by a set and from rows.
const POINTING: [&str; 2] = ["deal:people", "deal:lines.party"];

fn operand(attribute: &str, class: Class) -> BoxedStrategy<Value> {
    let currency = attribute.ends_with("currency");
    match class {
        Class::Text => any_text().prop_map(Value::from).boxed(),
        Class::Word if currency => select(vec!["CNY", "USD", "EUR"]).prop_map(Value::from).boxed(),
        Class::Word if attribute.ends_with(".id") => "[a-z]{1,2}".prop_map(Value::from).boxed(),
        Class::Word => select(vec!["new", "won", "lost"]).prop_map(Value::from).boxed(),
        Class::Link | Class::Id => {
            prop_oneof![0..12usize, 100..105usize].prop_map(|number| Value::from(record(number).to_string())).boxed()
        }
        Class::Integer => any_integer().prop_map(Value::from).boxed(),
        Class::Number => prop_oneof![any_number().prop_map(Value::from), any_integer().prop_map(Value::from)].boxed(),
        Class::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Class::Day => any_day().prop_map(Value::from).boxed(),
        Class::Moment | Class::DayOrMoment => prop_oneof![any_day().prop_map(Value::from), any_moment().prop_map(Value::from)].boxed(),
        Class::Geo => {
            (any_latitude(), any_longitude(), 1..1_000i64).prop_map(|(lat, lon, km)| json!({"lat": lat, "lon": lon, "km": km})).boxed()
        }
        Class::Opaque => Just(Value::Null).boxed(),
    }
}

fn any_condition(attributes: Vec<(String, Class, Vec<&'static Operator>)>) -> BoxedStrategy<Value> {
    let of_attribute = |(attribute, class, operators): (String, Class, Vec<&'static Operator>)| {
        select(operators).prop_flat_map(move |operator| {
            let one = operand(&attribute, class);
            let value = match operator.does {
                Does::Equal
                | Does::Above { .. }
                | Does::Below { .. }
                | Does::Find(_)
                | Does::On
                | Does::After
                | Does::Before
                | Does::Near => one,
                Does::OneOf | Does::AnyElement | Does::EveryElement => vec(one, 1..4).prop_map(Value::from).boxed(),
                Does::Linked => prop_oneof![one.clone(), vec(one, 1..4).prop_map(Value::from)].boxed(),
                Does::Between => vec(one, 2).prop_map(Value::from).boxed(),
                Does::Days(_) => prop_oneof![0..100i64, Just(36_525)].prop_map(Value::from).boxed(),
                Does::Present | Does::True | Does::Within(_) => Just(Value::Null).boxed(),
            };
            let attribute = attribute.clone();
            value.prop_map(move |value| json!({"type": operator.word, "attribute": attribute, "value": value}))
        })
    };
    select(attributes).prop_flat_map(of_attribute).boxed()
}

fn any_filter(schema: &Schema) -> BoxedStrategy<Value> {
    let all = attributes(schema);
    // Half of the conditions look at the record itself, or nearly all would walk links.
    let own: Vec<_> = all
        .iter()
        .filter(|(name, ..)| !["party.", "people.", "lines.party.", "deal:"].iter().any(|via| name.starts_with(via)))
        .cloned()
        .collect();
    let pointing: Vec<_> = all.iter().filter(|(name, ..)| name.starts_with("deal:")).cloned().collect();
    let theirs = vec(any_condition(own.clone()), 0..3);
    let quantity = (select(vec!["any", "none", "atLeast", "atMost"]), select(POINTING.to_vec()), 1..4u32, theirs);
    let quantity =
        quantity.prop_map(|(word, here, count, theirs)| json!({"type": word, "attribute": here, "count": count, "value": theirs}));
    let condition = prop_oneof![3 => any_condition(own), 2 => any_condition(all), 1 => any_condition(pointing), 2 => quantity];
    condition
        .prop_recursive(4, 12, 3, |inner| {
            let group = (select(vec!["and", "or", "not"]), vec(inner, 1..4));
            group.prop_map(|(word, inner)| json!({"type": word, "value": inner}))
        })
        .boxed()
}

fn any_context() -> BoxedStrategy<Context> {
    (prop_oneof![Just(NOW), any_moment()], select(vec![0, 480, -720, 840, 345]))
        .prop_map(|(now, offset_minutes)| Context { now, offset_minutes })
        .boxed()
}

struct World {
    schema: Schema,
    records: Vec<Stored>,
    rows: BTreeMap<(&'static str, RecordId), Row<'static>>,
    links: BTreeSet<(RecordId, String, RecordId)>,
    connection: Connection,
}

impl Links for World {
    fn linked(&self, kind: &str, id: RecordId) -> Option<Row<'_>> {
        let known = self.rows.iter().find(|((of, known), _)| *of == kind && *known == id);
        known.map(|(_, row)| row.clone())
    }

    fn pointing(&self, kind: &str, role: &str, id: RecordId) -> Vec<Row<'_>> {
        let here = |(source, of, target): &&(RecordId, String, RecordId)| {
            of == role && *target == id && self.rows.keys().any(|(known, record)| *known == kind && record == source)
        };
        self.links.iter().filter(here).filter_map(|(source, ..)| self.linked(kind, *source)).collect()
    }
}

pub(super) const TABLE: &str = "create table rows (workspace blob not null, kind text not null, record blob not null, title text, sort_title text not null, \
    archived integer not null, created_at integer not null, updated_at integer not null, position integer, main text, commercial text, private text, sort_main text, sort_commercial text, sort_private text, \
    primary key (workspace, record)); \
    create table links (workspace blob not null, source blob not null, role text not null, target blob not null, \
    primary key (workspace, source, role, target)); \
    create table aliases (workspace blob not null, kind text not null, record blob not null, survivor blob not null);";

/// Every other field has a column of its own, as in a server's database.
fn own_columns(schema: &Schema) -> BTreeSet<OwnColumn> {
    let fields = schema.kinds().flat_map(|kind| kind.fields.iter().map(move |field| (kind, field))).step_by(2);
    fields.map(|(kind, field)| OwnColumn { kind: kind.name.clone(), facet: field.facet, field: field.name.clone() }).collect()
}

impl World {
    fn new(records: Vec<Stored>) -> Self {
        let own = own_columns(&schema());
        let schema = schema().beside(own);
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(TABLE).unwrap();
        let (mut rows, mut links) = (BTreeMap::new(), BTreeSet::new());
        for record in &records {
            for (facet, fields) in &record.facets {
                let found = crate::projection::links(schema.kind(record.kind).unwrap(), *facet, fields);
                links.extend(found.into_iter().map(|(role, target)| (record.id, role, target)));
            }
            let row = record.row(&schema.kind(record.kind).unwrap().title);
            // A foreign workspace holds the same records, archived or not the other way round: nothing may be taken from it.
            for workspace in ["ours", "theirs"] {
                let facet = |facet: Facet| record.facets.get(&facet).map(|fields| serde_json::to_string(fields).unwrap());
                let sort = |facet: Facet| crate::collation::keys(schema.kind(record.kind).unwrap(), record.facets.get(&facet)?);
                let values = rusqlite::params![
                    workspace.as_bytes(),
                    record.kind,
                    record.id.as_bytes(),
                    row.sort_title,
                    if workspace == "ours" { record.archived } else { !record.archived },
                    record.created_at,
                    record.updated_at,
                    facet(Facet::Main),
                    facet(Facet::Commercial),
                    facet(Facet::Private),
                    sort(Facet::Main),
                    sort(Facet::Commercial),
                    sort(Facet::Private)
                ];
                let sql = "insert into rows values (?1, ?2, ?3, null, ?4, ?5, ?6, ?7, null, ?8, ?9, ?10, ?11, ?12, ?13)";
                connection.prepare_cached(sql).unwrap().execute(values).unwrap();
            }
            rows.insert((record.kind, record.id), row);
        }
        // What a record of a foreign workspace points at is nobody's business here.
        for (workspace, (source, role, target)) in
            ["ours", "theirs"].into_iter().flat_map(|workspace| links.iter().map(move |link| (workspace, link)))
        {
            if workspace == "ours" || source.as_bytes()[0] % 2 == 0 {
                let values = rusqlite::params![workspace.as_bytes(), source.as_bytes(), role, target.as_bytes()];
                connection.prepare_cached("insert into links values (?1, ?2, ?3, ?4)").unwrap().execute(values).unwrap();
            }
        }
        for own in schema.own_columns() {
            let (name, kind, value) = (own.name(), &own.kind, Dialect::Sqlite.alone("rows", own));
            let made = format!("alter table rows add column \"{name}\" text; update rows set \"{name}\" = {value} where kind = '{kind}'");
            connection.execute_batch(&made).unwrap();
        }
        Self { schema, records, rows, links, connection }
    }

    fn deals(&self) -> impl Iterator<Item = &Row<'static>> {
        self.rows.iter().filter(|((kind, _), _)| *kind == "deal").map(|(_, row)| row)
    }

    fn select(&self, condition: &super::Sql, tail: &str) -> Vec<RecordId> {
        let text = format!("select record from rows where workspace = $1 and kind = $2 and {} {tail}", condition.text);
        let mut params = vec![Sqlite::Blob(b"ours".to_vec()), Sqlite::Text("deal".to_owned())];
        params.extend(condition.params.iter().map(bound));
        let mut statement = self.connection.prepare(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let ids = statement.query_map(rusqlite::params_from_iter(params), |row| row.get::<_, Vec<u8>>(0));
        ids.unwrap().map(|id| RecordId::from_bytes(&id.unwrap_or_else(|error| panic!("{error}: {text}"))).unwrap()).collect()
    }

    fn compiler(context: Context) -> Compiler<'static> {
        Compiler { first_param: 3, tables: Tables::Server, ..Compiler::new(Dialect::Sqlite, context) }
    }

    fn agree(&self, where_json: &Value, context: Context) -> Result<(), TestCaseError> {
        let filter = Filter::from_json(&self.schema, "deal", where_json).unwrap_or_else(|error| panic!("{error}: {where_json}"));
        let condition = Self::compiler(context).filter(&filter);
        let ours: Vec<RecordId> = self.deals().filter(|row| matches(&filter, &context, row, self)).map(|row| row.id).collect();
        let theirs = self.select(&condition, "order by record");
        prop_assert_eq!(&ours, &theirs, "{}\n{:?}\n{:?}", where_json, condition, self.records);
        // Looked up for each record or gathered once, what points here is the same; and so is what has one of some dates.
        let deal = "deal".parse().unwrap();
        let gathered = Compiler { gathers: Some(&deal), ..Self::compiler(context) }.filter(&filter);
        prop_assert_eq!(ours, self.select(&gathered, "order by record"), "{}\n{:?}\n{:?}", where_json, gathered, self.records);
        Ok(())
    }

    /// Page by page, as a caller who passes each answer's cursor on.
    fn pages_agree(&self, query: &mut Query, context: Context) -> Result<(), TestCaseError> {
        let mut expected: Vec<&Row<'_>> = self.deals().filter(|row| matches(&query.filter, &context, row, self)).collect();
        expected.sort_by(|left, right| query.compare(left, right));
        let expected: Vec<RecordId> = expected.iter().map(|row| row.id).collect();
        let mut listed = Vec::new();
        loop {
            let page = Self::compiler(context).page(query);
            let tail = format!("order by {} limit {}", page.order, page.limit);
            let ids = self.select(&page.condition, &tail);
            listed.extend_from_slice(&ids);
            prop_assert!(listed.len() <= expected.len(), "a row was repeated: {:?}\n{:?}", page, self.records);
            let Some(last) = ids.last() else { break };
            let cursor = query.cursor(&self.rows[&("deal", *last)]);
            query.after = Some(query.parse_cursor(&cursor).unwrap());
        }
        prop_assert_eq!(listed, expected, "{:?}\n{:?}", query, self.records);
        Ok(())
    }
}

fn bound(param: &Param) -> Sqlite {
    match param {
        Param::Text(text) => Sqlite::Text(text.clone()),
        Param::Int(number) => Sqlite::Integer(*number),
        Param::Float(number) => Sqlite::Real(*number),
        Param::Blob(bytes) => Sqlite::Blob(bytes.clone()),
        Param::Null => Sqlite::Null,
    }
}

fn any_records() -> BoxedStrategy<Vec<Stored>> {
    let schema = schema();
    let deals = (0..12).map(|number| any_record(&schema, "deal", number));
    let parties = (100..104).map(|number| any_record(&schema, "party", number));
    let all: Vec<_> = deals.chain(parties).collect();
    (all, 0..13usize).prop_map(|(mut records, fewer)| records.split_off(fewer.min(6))).boxed()
}

/// Attributes that lists are ordered by.
fn orders() -> Vec<String> {
    let schema = schema();
    let kind = schema.kind("deal").unwrap();
    let by = |name: &String| OrderBy::parse(&schema, kind, name, Direction::Ascending).is_ok();
    attributes(&schema).into_iter().map(|(name, ..)| name).filter(by).collect()
}

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 4_000, ..ProptestConfig::default() }
}

#[test]
fn memory_and_sqlite_give_one_answer() {
    let schema = schema();
    let strategy = (any_records(), vec(any_filter(&schema), 10), any_context());
    proptest::test_runner::TestRunner::new(config())
        .run(&strategy, |(records, filters, context)| {
            let world = World::new(records);
            filters.iter().try_for_each(|filter| world.agree(filter, context))
        })
        .unwrap();
}

#[test]
fn pages_miss_no_row_and_repeat_none() {
    let schema = schema();
    let orders = (select(orders()), select(vec![Direction::Ascending, Direction::Descending]), 1..5u32);
    let strategy = (any_records(), option::of(any_filter(&schema)), any_context(), orders);
    proptest::test_runner::TestRunner::new(config())
        .run(&strategy, |(records, filter, context, (attribute, direction, max_size))| {
            let world = World::new(records);
            let mut query = Query::of(&schema, "deal").unwrap();
            if let Some(filter) = filter {
                query.filter = Filter::from_json(&schema, "deal", &filter).unwrap();
            }
            query.order_by = OrderBy::parse(&schema, schema.kind("deal").unwrap(), &attribute, direction).unwrap();
            query.max_size = max_size;
            world.pages_agree(&mut query, context)
        })
        .unwrap();
}

#[test]
fn the_generator_reaches_every_operator_class_and_holder() {
    let attributes = attributes(&schema());
    for operator in OPERATORS {
        assert!(attributes.iter().any(|(.., suited)| suited.iter().any(|other| other.word == operator.word)), "{}", operator.word);
    }
    let classes: Vec<Class> = attributes.iter().map(|(_, class, _)| *class).collect();
    for class in
        [Class::Text, Class::Word, Class::Link, Class::Id, Class::Integer, Class::Number, Class::Boolean, Class::Day, Class::Moment]
    {
        assert!(classes.contains(&class), "{class:?}");
    }
    assert!(classes.contains(&Class::DayOrMoment) && classes.contains(&Class::Geo) && classes.contains(&Class::Opaque));
    assert!(orders().len() > 15, "{:?}", orders());
}

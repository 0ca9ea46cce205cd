//! Counts and sums of the same records on a phone without a network and at the server: one answer, group by group.

use rapport_server::auth::Caller;
use rapport_server::auth::grant::Grant;
use rapport_server::language::Language;
use rapport_server::reading::{List, Reading};
use rapport_server::store::lists::Shelf;
use serde_json::{Value, json};
use sync_core::actions::totals::{Asked, Group, Plan, Totals};
use sync_core::id::{RecordId, UserId};
use sync_core::query::{Context, Filter, Query, Step};
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::handset::Handset;
use crate::harness::{MINUTE, START, Server};

const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// What questions are about: a value of each class, of the record and of one that it links to.
const BY: [&str; 13] = [
    "stage",
    "party",
    "party.industry",
    "party.addresses.first.value.region",
    "close_date",
    "createdAt",
    "updatedAt",
    "stage_since",
    "archived",
    "unmet",
    "source",
    "days_to_win",
    "reached",
];

/// Numbers and amounts, written and computed.
const SUMS: [&str; 4] = ["amount", "weighted", "probability", "days_to_win"];

const STEPS: [Step; 5] = [Step::Day, Step::Week, Step::Month, Step::Quarter, Step::Year];

/// What a filter asks besides, and how the same is said of a shelf.
const SHELVES: [(Shelf, Option<&str>); 3] = [(Shelf::InUse, Some("isFalse")), (Shelf::Archived, Some("isTrue")), (Shelf::Both, None)];

/// Throws the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    fn is_lucky(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

fn filters() -> Vec<Vec<Value>> {
    vec![
        vec![],
        vec![],
        vec![json!({"type": "in", "attribute": "stage", "value": ["proposal", "won"]})],
        vec![json!({"type": "lastXDays", "attribute": "close_date", "value": 60})],
        vec![json!({"type": "greaterThan", "attribute": "amount.amount", "value": 40_000})],
        vec![json!({"type": "equals", "attribute": "party.industry", "value": "print"})],
        vec![json!({"type": "isNull", "attribute": "party"})],
    ]
}

/// A day of the test, as text.
fn day(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).unwrap().to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

/// Customers and deals with all that questions are about, some archived, two of the customers one, two currencies and rates
/// for one of them from some days on. `owner` has all of them.
fn fill(server: &Server, phone: &mut Handset, owner: UserId) {
    let mut dice = Dice(4_711);
    let make = |phone: &mut Handset, kind: &str, edits: &[FieldEdit]| {
        server.clock.forward(HOUR);
        phone.device.create(server.clock.now(), kind, edits).unwrap().record
    };
    let owned = |edits: Vec<FieldEdit>| [edits, vec![FieldEdit::set("owner", owner.to_string())]].concat();
    let customers =
        [("佳美", "print", "Anhui"), ("安吉", "retail", "Zhejiang"), ("Acme", "", ""), ("Jiamei", "print", ""), ("Birch", "", "Anhui")];
    let party = |(name, industry, region): (&str, &str, &str)| {
        let mut edits = vec![FieldEdit::set("name", name)];
        edits.extend((!industry.is_empty()).then(|| FieldEdit::set("industry", industry)));
        let address = json!({"value": {"region": region}}).as_object().unwrap().clone();
        let address = FieldEdit::SetRow { field: "addresses".into(), row: "r1".into(), values: address };
        edits.extend((!region.is_empty()).then_some(address));
        make(phone, "party", &owned(edits))
    };
    let parties: Vec<RecordId> = customers.map(party).into();
    for number in 0..60 {
        let mut edits = vec![FieldEdit::set("title", format!("Deal {number}"))];
        edits.push(FieldEdit::set("stage", *dice.one(&["lead", "qualified", "proposal", "negotiation", "won"])));
        let amount = json!({"amount": dice.below(100_000), "currency": dice.one(&["CNY", "CNY", "EUR", "GBP"])});
        edits.extend(dice.is_lucky(80).then(|| FieldEdit::set("amount", amount)));
        edits.extend(dice.is_lucky(80).then(|| FieldEdit::set("party", dice.one(&parties).to_string())));
        let closes = START + (dice.below(300) as i64 - 200) * DAY;
        edits.extend(dice.is_lucky(80).then(|| FieldEdit::set("close_date", day(closes))));
        edits.extend(dice.is_lucky(60).then(|| FieldEdit::set("source", *dice.one(&["展会", "Fair", "北京", "web"]))));
        let deal = make(phone, "deal", &owned(edits));
        server.clock.forward(dice.below(72) as i64 * HOUR);
        if dice.is_lucky(30) {
            phone.edit(server, "deal", deal, &[FieldEdit::set("stage", "won")]);
        }
        if dice.is_lucky(20) {
            phone.device.archive(server.clock.now(), deal).unwrap();
        }
    }
    phone.device.merge(server.clock.now(), parties[3], parties[0], &[].into()).unwrap();
}

/// Rates as the office keeps them.
fn fill_rates(server: &Server, phone: &mut Handset) {
    for (rate, from) in [(7.5, START - DAY), (8.25, START + 30 * DAY), (8.1, START + 60 * DAY)] {
        let edits = [FieldEdit::set("currency", "EUR"), FieldEdit::set("rate", rate), FieldEdit::set("from", day(from))];
        phone.device.create(server.clock.now(), "rate", &edits).unwrap();
    }
}

/// A question, in the words of a phone and of the server.
struct Question {
    by: Option<&'static str>,
    step: Step,
    sums: Vec<String>,
    shelf: (Shelf, Option<&'static str>),
    filter: Vec<Value>,
    offset_minutes: i32,
}

impl Question {
    fn thrown(dice: &mut Dice) -> Self {
        Self {
            by: dice.is_lucky(95).then(|| *dice.one(&BY)),
            step: *dice.one(&STEPS),
            sums: SUMS.iter().filter(|_| dice.is_lucky(60)).map(|name| (*name).to_owned()).collect(),
            shelf: *dice.one(&SHELVES),
            filter: dice.one(&filters()).clone(),
            offset_minutes: *dice.one(&[-720, -1, 0, 345, 480, 840]),
        }
    }

    fn on(&self, server: &Server, phone: &Handset) -> Totals {
        let schema = phone.device.schema();
        let deal = schema.kind("deal").unwrap();
        let archived = self.shelf.1.map(|word| json!({"type": word, "attribute": "archived"}));
        let filter: Vec<Value> = self.filter.iter().cloned().chain(archived).collect();
        let filter = Filter::from_json(schema, "deal", &Value::Array(filter)).unwrap();
        let query = Query { filter, ..Query::of(schema, "deal").unwrap() };
        let asked = Asked::named(deal, self.by, self.step, &self.sums).unwrap();
        let plan = Plan::of(schema, deal, &asked, |_| true).unwrap();
        phone.device.totals(&query, &plan, Context { now: server.clock.now(), offset_minutes: self.offset_minutes }).unwrap()
    }

    async fn at(&self, reading: &Reading) -> Totals {
        let filter = Value::Array(self.filter.clone()).to_string();
        let query = reading.query("deal", [("where", &*filter)]).unwrap();
        let list = List { shelf: self.shelf.0, offset_minutes: self.offset_minutes, ..List::of(query) };
        let deal = reading.kind("deal").unwrap().clone();
        let asked = Asked::named(&deal, self.by, self.step, &self.sums).unwrap();
        reading.totals(&list, &asked).await.unwrap()
    }

    fn told(&self) -> String {
        format!("{:?} by {:?} of {:?} {:?} at {}", self.by, self.step, self.filter, self.shelf, self.offset_minutes)
    }
}

fn reading_of(server: &Server, user: UserId, role: &str) -> Reading {
    let (name, login) = (role.to_owned(), role.to_owned());
    let (role, session, grant) = (role.parse().unwrap(), Default::default(), Grant::Session);
    Reading::of(&server.app, &Caller { workspace: server.workspace, user, name, login, role, language: Language::En, session, grant })
}

#[tokio::test]
async fn a_phone_and_the_server_count_and_add_up_the_same_of_what_somebody_sees() {
    let server = Server::start().await;
    let cy = UserId::of_cause("cy");
    drop(Client::of_role(&server, "cy", "agent").await);
    let (mut office, mut agent) = (Handset::of(&server, server.ann).await, Handset::of(&server, cy).await);
    fill_rates(&server, &mut office);
    fill(&server, &mut office, cy);
    for phone in [&mut office, &mut agent] {
        phone.sync(&server).await;
    }
    let mut dice = Dice(42);
    let (mut grouped, mut converted, mut weighed) = (0, 0, 0);
    for (phone, user, role) in [(&office, server.ann, "office"), (&agent, cy, "agent")] {
        let reading = reading_of(&server, user, role);
        for _ in 0..150 {
            let question = Question::thrown(&mut dice);
            let (here, there) = (question.on(&server, phone), question.at(&reading).await);
            assert_eq!(here, there, "{role}: {}", question.told());
            grouped += here.groups.len();
            converted += here.groups.iter().filter(|group| !group.home.is_empty()).count();
            weighed += here.groups.iter().filter(|group| !group.weighted.is_empty()).count();
        }
    }
    assert!(grouped > 1_000 && converted > 50 && weighed > 10, "{grouped} {converted} {weighed}: the questions ask for something");
}

#[tokio::test]
async fn what_is_written_without_a_network_counts_on_the_phone_at_once_and_at_the_server_when_it_is_there() {
    let server = Server::start().await;
    let mut phone = Handset::of(&server, server.ann).await;
    fill(&server, &mut phone, server.ann);
    phone.sync(&server).await;
    let sums = vec!["amount".to_owned()];
    let question = Question { by: Some("stage"), step: Step::Month, sums, shelf: SHELVES[0], filter: vec![], offset_minutes: 0 };
    let reading = reading_of(&server, server.ann, "office");
    let lost = |totals: &Totals| totals.groups.iter().find(|group| group.key.as_deref() == Some("lost")).cloned();
    assert_eq!((lost(&question.on(&server, &phone)), lost(&question.at(&reading).await)), (None, None));
    let amount = json!({"amount": 12_345, "currency": "CNY"});
    let edits = [FieldEdit::set("title", "Late"), FieldEdit::set("stage", "lost"), FieldEdit::set("amount", amount)];
    phone.device.create(server.clock.now(), "deal", &edits).unwrap();
    let (here, there) = (question.on(&server, &phone), question.at(&reading).await);
    let told = |group: Group| (group.count, group.sums["amount"][0].sum.clone());
    assert_eq!((lost(&here).map(told), lost(&there)), (Some((1, "12345".to_owned())), None));
    phone.sync(&server).await;
    assert_eq!(question.on(&server, &phone), question.at(&reading).await);
}

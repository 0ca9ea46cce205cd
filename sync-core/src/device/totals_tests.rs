//! What a phone counts and adds up without a network, held against the same counted by hand.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value as Json, json};

use super::model::{Phone, START, Server};
use super::*;
use crate::actions::totals::{Asked, GROUPS_MAX, Group, Plan, Totals};
use crate::id::DAY_MS;
use crate::query::{Filter, Step};
use crate::store::Place;

const HOUR_MS: Millis = 3_600_000;
const STAGES: [(&str, i64); 4] = [("lead", 10), ("proposal", 50), ("negotiation", 75), ("lost", 0)];

fn make(phone: &mut Phone, at: Millis, kind: &str, edits: &[FieldEdit]) -> RecordId {
    phone.device.create(at, kind, edits).unwrap().record
}

fn money(amount: i64, currency: &str) -> FieldEdit {
    FieldEdit::set("amount", json!({"amount": amount, "currency": currency}))
}

/// What a phone answers about its deals.
fn totals(phone: &Phone, filter: &Json, by: Option<&str>, step: Step, context: Context) -> Totals {
    let schema = phone.device.schema();
    let deal = schema.kind("deal").unwrap();
    let query = Query { filter: Filter::from_json(schema, "deal", filter).unwrap(), ..Query::of(schema, "deal").unwrap() };
    let asked = Asked::named(deal, by, step, &["amount".to_owned(), "days_to_win".to_owned()]).unwrap();
    phone.device.totals(&query, &Plan::of(schema, deal, &asked, |_| true).unwrap(), context).unwrap()
}

fn at_noon() -> Context {
    Context { now: START, offset_minutes: 0 }
}

/// The groups in a line each: the key or the title, how many, the sums of the amounts.
fn told(totals: &Totals) -> Vec<String> {
    let name = |group: &Group| {
        let key = group.key.clone()?;
        Some(key.parse().ok().and_then(|id: RecordId| totals.names.get(&id)).map_or(key, |linked| linked.title.clone()))
    };
    let line = |group: &Group| {
        let sums = group.sums.get("amount").into_iter().flatten();
        let sums: String = sums.map(|sum| format!(" {} {}", sum.sum, sum.currency.as_deref().unwrap_or("-"))).collect();
        format!("{} {}{sums}", name(group).unwrap_or_else(|| "-".into()), group.count)
    };
    totals.groups.iter().map(line).collect()
}

/// A deal of a test.
#[derive(Debug, Clone)]
struct Deal {
    stage: usize,
    amount: Option<(i64, &'static str)>,
    party: Option<usize>,
    closes: Option<i64>,
    hours: i64,
    archived: bool,
}

fn any_deal() -> impl Strategy<Value = Deal> {
    let amount = option::weighted(0.8, (0..100_000_i64, select(vec!["CNY", "EUR"])));
    let days = option::weighted(0.8, -400..400_i64);
    (0..STAGES.len(), amount, option::weighted(0.8, 0..3_usize), days, 0..900_i64, prop::bool::weighted(0.2))
        .prop_map(|(stage, amount, party, closes, hours, archived)| Deal { stage, amount, party, closes, hours, archived })
}

fn day_of(moment: Millis) -> Date {
    Timestamp::from_millisecond(moment).unwrap().to_zoned(TimeZone::UTC).date()
}

/// The span of a day, by the calendar.
fn span_of(day: Date, step: Step) -> String {
    match step {
        Step::Day => day.to_string(),
        Step::Week => {
            let mut first = day;
            while first.weekday() != Weekday::Monday {
                first = first.yesterday().unwrap();
            }
            first.to_string()
        }
        Step::Month => day.to_string()[..7].to_owned(),
        Step::Quarter => format!("{}-Q{}", day.year(), (day.month() - 1) / 3 + 1),
        Step::Year => day.year().to_string(),
    }
}

/// What a list of records comes to: how many, the sums of amounts, what of them counts by the stage.
type ByHand = (u64, BTreeMap<String, i64>, BTreeMap<String, i64>);

struct World {
    phone: Phone,
    parties: Vec<RecordId>,
}

impl World {
    fn of(mut deals: Vec<Deal>) -> Self {
        let mut phone = Phone::new("ann", Place::Memory, START);
        let party = |(name, industry): (&str, Option<&str>)| {
            let industry = industry.map(|industry| FieldEdit::set("industry", industry));
            make(&mut phone, START, "party", &[FieldEdit::set("name", name)].into_iter().chain(industry).collect::<Vec<_>>())
        };
        let parties: Vec<RecordId> = [("佳美", Some("print")), ("Acme", None), ("Jiamei", Some("retail"))].map(party).into();
        deals.sort_by_key(|deal| deal.hours);
        for (number, deal) in deals.iter().enumerate() {
            let closes = deal.closes.map(|days| FieldEdit::set("close_date", day_of(START + days * DAY_MS).to_string()));
            let edits = [FieldEdit::set("title", format!("Deal {number}")), FieldEdit::set("stage", STAGES[deal.stage].0)].into_iter();
            let edits = edits.chain(deal.amount.map(|(amount, currency)| money(amount, currency)));
            let edits = edits.chain(deal.party.map(|party| FieldEdit::set("party", parties[party].to_string())));
            let edits = edits.chain(closes).chain(deal.archived.then(FieldEdit::archive));
            make(&mut phone, START + deal.hours * HOUR_MS, "deal", &edits.collect::<Vec<_>>());
        }
        // What points at either points at the one that stands for both.
        phone.device.merge(START + 1_000 * HOUR_MS, parties[2], parties[0], &[].into()).unwrap();
        Self { phone, parties }
    }

    fn key(&self, row: &Listed, by: Option<&str>, step: Step, context: Context) -> Option<String> {
        let text = |name: &str| row.fields.get(name).and_then(Json::as_str).map(str::to_owned);
        match by? {
            "createdAt" => Some(span_of(day_of(row.created_at + i64::from(context.offset_minutes) * 60_000), step)),
            "close_date" => text("close_date").map(|day| span_of(day.parse().unwrap(), step)),
            "archived" => Some(u8::from(row.archived).to_string()),
            "amount.currency" => row.fields.get("amount")?.get("currency")?.as_str().map(str::to_owned),
            "party" => Some(self.phone.device.same_as(text("party")?.parse().unwrap()).unwrap().to_string()),
            "party.industry" => {
                let party = self.phone.device.same_as(text("party")?.parse().unwrap()).unwrap();
                let row = self.phone.device.row(party).unwrap().unwrap();
                row.fields.get("industry")?.as_str().map(str::to_owned)
            }
            other => text(other),
        }
    }

    fn by_hand(&self, filter: &Json, by: Option<&str>, step: Step, context: Context) -> BTreeMap<Option<String>, ByHand> {
        let schema = self.phone.device.schema();
        let query =
            Query { filter: Filter::from_json(schema, "deal", filter).unwrap(), max_size: 200, ..Query::of(schema, "deal").unwrap() };
        let mut groups: BTreeMap<Option<String>, ByHand> = BTreeMap::new();
        for row in self.phone.device.list(&query, context).unwrap() {
            let (count, sums, weighted) = groups.entry(self.key(&row, by, step, context)).or_default();
            *count += 1;
            let Some(amount) = row.fields.get("amount") else { continue };
            let (minor, currency) = (amount["amount"].as_i64().unwrap(), amount["currency"].as_str().unwrap());
            *sums.entry(currency.to_owned()).or_default() += minor;
            let percent = STAGES.iter().find(|(stage, _)| row.fields["stage"] == *stage).unwrap().1;
            *weighted.entry(currency.to_owned()).or_default() += (minor * percent + 50) / 100;
        }
        groups
    }
}

/// The same of an answer.
fn as_by_hand(group: &Group) -> ByHand {
    let sums = |of: &BTreeMap<crate::id::FieldName, Vec<crate::actions::totals::Sum>>| {
        let sums = of.get("amount").into_iter().flatten();
        sums.map(|sum| (sum.currency.clone().unwrap(), sum.sum.parse().unwrap())).collect()
    };
    (group.count, sums(&group.sums), sums(&group.weighted))
}

#[test]
fn a_phone_counts_and_adds_up_as_somebody_would_by_hand() {
    let by = vec!["stage", "party", "party.industry", "close_date", "createdAt", "archived", "amount.currency", "lost_reason"];
    let filters = vec![
        json!([]),
        json!([{"type": "isFalse", "attribute": "archived"}]),
        json!([{"type": "in", "attribute": "stage", "value": ["proposal", "lost"]}]),
        json!([{"type": "lastXDays", "attribute": "close_date", "value": 90}]),
        json!([{"type": "equals", "attribute": "party.name", "value": "佳美"}, {"type": "greaterThan", "attribute": "amount.amount", "value": 5_000}]),
    ];
    let steps = select(vec![Step::Day, Step::Week, Step::Month, Step::Quarter, Step::Year]);
    let question = (select(filters), option::weighted(0.9, select(by)), steps, select(vec![-720, -1, 0, 330, 480, 840]));
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    proptest::test_runner::TestRunner::new(config)
        .run(&(vec(any_deal(), 0..14), vec(question, 12)), |(deals, questions)| {
            let world = World::of(deals);
            for (filter, by, step, offset_minutes) in questions {
                let context = Context { now: START, offset_minutes };
                let (found, expected) = (totals(&world.phone, &filter, by, step, context), world.by_hand(&filter, by, step, context));
                let weighs = |by_hand: &ByHand| match by {
                    Some("stage") => by_hand.clone(),
                    _ => (by_hand.0, by_hand.1.clone(), BTreeMap::new()),
                };
                let groups: BTreeMap<_, _> = found.groups.iter().map(|group| (group.key.clone(), as_by_hand(group))).collect();
                let expected: BTreeMap<_, _> = expected.iter().map(|(key, by_hand)| (key.clone(), weighs(by_hand))).collect();
                prop_assert_eq!(&groups, &expected, "{:?} {:?} {}", by, step, filter);
                prop_assert_eq!(found.all.count, expected.values().map(|(count, ..)| count).sum::<u64>());
                prop_assert_eq!(groups.len(), found.groups.len(), "no group is there twice");
                in_order(&found, by)?;
            }
            prop_assert!(world.parties.len() == 3);
            Ok(())
        })
        .unwrap();
}

/// The largest first, or in the order of time; what has no value last.
fn in_order(found: &Totals, by: Option<&str>) -> Result<(), TestCaseError> {
    for (one, next) in found.groups.iter().zip(found.groups.iter().skip(1)) {
        let in_order = match by {
            Some("close_date" | "createdAt") => next.key.is_none() || one.key < next.key,
            _ => next.key.is_none() || one.count >= next.count,
        };
        prop_assert!(one.key.is_some() && in_order, "{:?}", told(found));
    }
    Ok(())
}

#[test]
fn amounts_of_several_currencies_are_in_the_workspaces_too_where_the_rate_of_their_day_is_known() {
    let mut ann = Phone::new("ann", Place::Memory, START);
    let euro = |rate: f64, day: Millis| {
        [FieldEdit::set("currency", "EUR"), FieldEdit::set("rate", rate), FieldEdit::set("from", day_of(day).to_string())]
    };
    for (rate, day) in [(7.0, START - 90 * DAY_MS), (8.0, START + 10 * DAY_MS)] {
        make(&mut ann, START, "rate", &euro(rate, day));
    }
    let mut deal =
        |at: Millis, amount: i64, currency: &str| make(&mut ann, at, "deal", &[FieldEdit::set("title", "x"), money(amount, currency)]);
    deal(START, 1_000, "EUR");
    deal(START, 500, "CNY");
    deal(START + 20 * DAY_MS, 100, "EUR");
    let home = |ann: &Phone| {
        let found = totals(ann, &json!([]), None, Step::Month, at_noon());
        let home = found.all.home.get("amount").cloned().unwrap();
        (home.currency, home.sum, home.partial)
    };
    assert_eq!(home(&ann), ("CNY".to_owned(), 7_000 + 500 + 800, false));
    make(&mut ann, START + 20 * DAY_MS, "deal", &[FieldEdit::set("title", "x"), money(100, "GBP")]);
    assert_eq!(home(&ann), ("CNY".to_owned(), 7_000 + 500 + 800, true), "nobody knows what a pound is worth");
}

#[test]
fn what_waits_counts_as_it_is_shown_and_what_was_refused_does_not() {
    let (mut server, mut ann) = (Server::new(), Phone::new("ann", Place::Memory, START));
    let deal = make(&mut ann, START, "deal", &[FieldEdit::set("title", "Lamps"), FieldEdit::set("stage", "lead"), money(1_000, "CNY")]);
    ann.sync(&mut server);
    let by_stage = |phone: &Phone| told(&totals(phone, &json!([]), Some("stage"), Step::Month, at_noon()));
    assert_eq!(by_stage(&ann), ["lead 1 1000 CNY"]);
    ann.device.edit(START + 1, "deal", deal, &[FieldEdit::set("stage", "won"), money(1_500, "CNY")]).unwrap();
    make(&mut ann, START + 2, "deal", &[FieldEdit::set("title", "Desks"), FieldEdit::set("stage", "won"), money(7, "EUR")]);
    assert_eq!(by_stage(&ann), ["won 2 1500 CNY 7 EUR"], "nothing of it was sent");
    ann.sync(&mut server);
    // What the server refuses is a draft, and not in the record any more.
    let customer = make(&mut ann, START + 3, "party", &[FieldEdit::set("name", "佳美"), FieldEdit::set("industry", "print")]);
    ann.sync(&mut server);
    ann.device.edit(START + 4, "party", customer, &[FieldEdit::set("industry", "forbidden")]).unwrap();
    let industries = |phone: &Phone| {
        let schema = phone.device.schema();
        let party = schema.kind("party").unwrap();
        let plan = Plan::of(schema, party, &Asked { by: Some("industry"), ..Asked::default() }, |_| true).unwrap();
        told(&phone.device.totals(&Query::of(schema, "party").unwrap(), &plan, at_noon()).unwrap())
    };
    assert_eq!(industries(&ann), ["forbidden 1"]);
    ann.sync(&mut server);
    assert_eq!((industries(&ann), ann.device.drafts().unwrap().len()), (vec!["print 1".to_owned()], 1));
}

#[test]
fn two_hundred_groups_are_named_and_all_are_counted() {
    let mut ann = Phone::new("ann", Place::Memory, START);
    for number in 0..=GROUPS_MAX {
        make(&mut ann, START, "deal", &[FieldEdit::set("title", "x"), FieldEdit::set("source", format!("Fair {number}"))]);
    }
    make(&mut ann, START, "deal", &[FieldEdit::set("title", "x"), FieldEdit::set("source", "Fair 7")]);
    let found = totals(&ann, &json!([]), Some("source"), Step::Month, at_noon());
    assert_eq!((found.groups.len(), found.cut, found.all.count), (GROUPS_MAX, true, GROUPS_MAX as u64 + 2));
    assert_eq!(told(&found)[..3], ["Fair 7 2", "Fair 0 1", "Fair 1 1"].map(str::to_owned), "the largest, then as lists are ordered");
}

#[test]
fn a_locked_phone_counts_nothing() {
    let (mut server, mut ann) = (Server::new(), Phone::new("ann", Place::Memory, START));
    server.lease_ms = Some(DAY_MS as u64);
    ann.sync(&mut server);
    ann.device.look_at_clock(START + 3 * DAY_MS).unwrap();
    let schema = ann.device.schema();
    let plan = Plan::of(schema, schema.kind("deal").unwrap(), &Asked::default(), |_| true).unwrap();
    let refused = ann.device.totals(&Query::of(schema, "deal").unwrap(), &plan, at_noon());
    assert!(matches!(refused, Err(StoreError::Locked)), "{refused:?}");
}

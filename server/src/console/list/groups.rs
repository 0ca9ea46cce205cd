//! A list put together by the value of an attribute, with what each group adds up to.

use std::cmp::Ordering;

use serde_json::{Value as Json, json};
use sync_core::collation;
use sync_core::query::{Class, Offer, Place};
use sync_core::schema::{Field, Kind, Schema, ValueType};

use super::asked::Asked;
use super::shape::{self, Column, Shape, filter_of};
use super::table::{Line, Rows};
use crate::console::conditions::{self, Ground, Scope};
use crate::console::desk::Desk;
use crate::console::format::{self, Shown};
use crate::error::Error;
use crate::reading::{Days, Group, Grouping, List, Names, Step, Sum, Totals, is_summed};

/// Groups whose records are shown at once: a screenful; the others are a click away.
const OPENED: usize = 8;

/// Groups of a page: one takes up to a kilobyte and a half, most of it the address of its records.
pub const PAGE: usize = 60;

/// Records shown of each.
const SHOWN: u32 = 10;

/// A group.
pub struct GroupView {
    /// Its value.
    pub label: Shown,
    /// How many records.
    pub count: String,
    /// What each column adds up to.
    pub sums: Vec<String>,
    /// All its records.
    pub href: String,
    /// The first of them.
    pub rows: Vec<Line>,
    /// How many more there are, in words.
    pub more: Option<String>,
}

/// The attributes that a list can be put together by, with their labels.
pub fn attributes(desk: &Desk, kind: &Kind) -> Vec<(String, String)> {
    let ground = Ground { desk, kind, scope: Scope::List };
    let named = |offer: Offer<'_>| {
        // A record that has a beginning is of that day.
        let label = match offer.part {
            Some("start") => conditions::label(&ground, &Offer { part: None, ..offer.clone() }),
            _ => conditions::label(&ground, &offer),
        };
        (offer.attribute, label)
    };
    let mut all: Vec<(String, String)> = desk.reading.groupings(kind).into_iter().map(named).collect();
    all.push(("createdAt".to_owned(), desk.words.say("record.created").to_owned()));
    all.push(("updatedAt".to_owned(), desk.words.say("record.updated").to_owned()));
    all
}

/// The field whose values an attribute has, in the record or in one that it links to; a moment that every record has is no
/// field's.
pub fn field_of<'s>(schema: &'s Schema, kind: &'s Kind, attribute: &str) -> Option<&'s Field> {
    let (first, rest) = attribute.split_once('.').unwrap_or((attribute, ""));
    let field = kind.field(first)?;
    match field.value {
        ValueType::Link if !rest.is_empty() && field.items.is_empty() => {
            field.to.iter().filter_map(|name| schema.kind(name)).find_map(|kind| field_of(schema, kind, rest))
        }
        _ => match rest.strip_prefix("first.") {
            Some(item) if !field.items.is_empty() => field.item(item.split('.').next().unwrap_or_default()),
            _ => Some(field),
        },
    }
}

/// Sums of the columns that can be added up, in the order of the columns: nothing under the others.
pub fn footer(columns: &[Column<'_>], group: &Group) -> Vec<String> {
    let sum = |column: &Column<'_>| column.field().map(|field| summed_up(group, &field.name)).unwrap_or_default();
    columns.iter().map(sum).collect()
}

/// What a field adds up to in a group: by currency, and all together in the workspace's.
pub fn summed_up(group: &Group, field: &str) -> String {
    let by_currency = group.sums.get(field).map(|all| sums(all)).unwrap_or_default();
    match group.home.get(field) {
        Some(home) => format!("{by_currency} {}", format::about(home.sum, &home.currency, home.partial)),
        None => by_currency,
    }
}

/// Sums as people read them, one currency after the other.
pub fn sums(sums: &[Sum]) -> String {
    let one = |sum: &Sum| match (&sum.currency, sum.sum.parse::<i64>()) {
        (Some(currency), Ok(minor)) => format::price(minor, currency),
        _ => format::grouped(&sum.sum),
    };
    sums.iter().map(one).collect::<Vec<_>>().join(" + ")
}

/// The columns' fields that can be added up.
pub fn summed<'a>(columns: &[Column<'a>]) -> Vec<&'a Field> {
    columns.iter().filter_map(Column::field).filter(|field| is_summed(field)).collect()
}

/// What is added up in each group.
pub async fn totals(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, columns: &[Column<'_>]) -> Result<Totals, Error> {
    let list = shape.list(desk, kind, &Asked { after: None, ..asked.clone() }, &[], 1)?;
    let by = (!shape.group.is_empty()).then_some(&*shape.group);
    Ok(desk.reading.totals(&list, &Grouping { by, step: step_of(shape), sums: summed(columns), instead: None }).await?)
}

/// What holds for the records of a group.
pub fn condition(schema: &Schema, kind: &Kind, (attribute, step): (&str, Step), key: Option<&str>) -> Json {
    let class = class_of(schema, kind, attribute);
    let Some(key) = key else { return json!({"type": "isNull", "attribute": attribute}) };
    match class {
        Class::Link => json!({"type": "linkedWith", "attribute": attribute, "value": [key]}),
        Class::Word => json!({"type": "in", "attribute": attribute, "value": [key]}),
        Class::Boolean if key == "1" => json!({"type": "isTrue", "attribute": attribute}),
        Class::Boolean => json!({"type": "equals", "attribute": attribute, "value": false}),
        Class::Integer | Class::Number => {
            json!({"type": "equals", "attribute": attribute, "value": key.parse::<i64>().unwrap_or_default()})
        }
        Class::Day | Class::Moment | Class::DayOrMoment => {
            let days = Days::of_key(key, step).map(|days| [days.first.to_string(), days.last.to_string()]);
            json!({"type": "between", "attribute": attribute, "value": days.unwrap_or_default()})
        }
        Class::Text | Class::Id | Class::Geo | Class::Opaque => json!({"type": "equals", "attribute": attribute, "value": key}),
    }
}

/// The span that a list puts days together in: months, if nothing is said.
pub fn step_of(shape: &Shape) -> Step {
    Step::named(&shape.chart.step).unwrap_or_default()
}

/// Whether an attribute is a day or a moment.
pub fn is_time(schema: &Schema, kind: &Kind, attribute: &str) -> bool {
    class_of(schema, kind, attribute).is_time()
}

fn class_of(schema: &Schema, kind: &Kind, attribute: &str) -> Class {
    Place::of(schema, kind, attribute).map_or(Class::Text, |place| place.spot.class)
}

/// The value of a group as people read it.
pub fn label(desk: &Desk, kind: &Kind, names: &Names, attribute: &str, key: Option<&str>) -> Shown {
    let Some(key) = key else { return Shown::Text(desk.words.say("group.none").to_owned()) };
    let format = desk.formatter(names);
    let schema = desk.reading.schema();
    match (class_of(schema, kind, attribute), field_of(schema, kind, attribute)) {
        (Class::Boolean, _) => Shown::Text(desk.words.say(if key == "1" { "value.yes" } else { "value.no" }).to_owned()),
        (Class::Word | Class::Link, Some(field)) => format.scalar(field, &json!(key)),
        _ => Shown::Text(key.to_owned()),
    }
}

/// A choice has an order of its own, and so has a list that is ordered by what it is put together by; others come with
/// the largest group first.
pub fn in_order<'t>(desk: &Desk, kind: &Kind, shape: &Shape, totals: &'t Totals) -> Vec<&'t Group> {
    let schema = desk.reading.schema();
    let choice = field_of(schema, kind, &shape.group).filter(|field| !field.options.is_empty());
    let mut groups: Vec<&Group> = totals.groups.iter().collect();
    let is_listed_so = shape.sort == shape.group;
    if let Some(choice) = choice {
        groups.sort_by(|a, b| in_order_of(a, b, is_listed_so && shape.desc, |key| (choice.place_of(key), key)));
    } else if is_listed_so && class_of(schema, kind, &shape.group) == Class::Text {
        groups.sort_by(|a, b| in_order_of(a, b, shape.desc, collation::order));
    }
    groups
}

/// As lists are ordered: what has no value comes last from either end.
fn in_order_of<'t, K: Ord>(left: &'t Group, right: &'t Group, desc: bool, place: impl Fn(&'t str) -> K) -> Ordering {
    let (left, right) = (left.key.as_deref(), right.key.as_deref());
    let ascending = left.map(&place).cmp(&right.map(&place));
    left.is_none().cmp(&right.is_none()).then(if desc { ascending.reverse() } else { ascending })
}

/// The group with which a page begins.
pub fn place(asked: &Asked) -> usize {
    asked.after.as_deref().and_then(|after| after.parse().ok()).unwrap_or_default()
}

/// The groups of a page, with their first records.
pub async fn views(rows: &Rows<'_>, shape: &Shape, totals: &Totals) -> Result<Vec<GroupView>, Error> {
    let mut views = Vec::new();
    let groups = in_order(rows.desk, rows.kind, shape, totals).into_iter().skip(place(rows.asked)).take(PAGE);
    for (index, group) in groups.enumerate() {
        let condition = condition(rows.desk.reading.schema(), rows.kind, (&shape.group, step_of(shape)), group.key.as_deref());
        let lines = if index < OPENED { first_of(rows, shape, group, &condition).await? } else { Vec::new() };
        let label = label(rows.desk, rows.kind, &totals.names, &shape.group, group.key.as_deref());
        views.push(view(rows, shape, (label, group), condition, lines));
    }
    Ok(views)
}

/// The first records of a group.
async fn first_of(rows: &Rows<'_>, shape: &Shape, group: &Group, condition: &Json) -> Result<Vec<Line>, Error> {
    // All groups together are no more than a page of the list.
    let shown = SHOWN.min(shape::rows(rows.columns.len()).div_ceil(4));
    let asked = Asked { after: None, ..rows.asked.clone() };
    let list = shape.list(rows.desk, rows.kind, &asked, std::slice::from_ref(condition), shown)?;
    let listing = rows.desk.reading.list(&List { expected: Some(group.count), ..list }).await?;
    let mut names = rows.names.clone();
    names.extend(listing.names);
    let rows = Rows { names: &names, ..*rows };
    Ok(listing.rows.iter().map(|row| rows.line(row)).collect())
}

fn view(rows: &Rows<'_>, shape: &Shape, (label, group): (Shown, &Group), condition: Json, lines: Vec<Line>) -> GroupView {
    let left = group.count.saturating_sub(lines.len() as u64);
    GroupView {
        label,
        count: format::grouped(&group.count.to_string()),
        sums: footer(rows.columns, group),
        href: address(rows.kind, rows.asked, shape, condition),
        more: (left > 0).then(|| rows.desk.words.count("record.more", left)),
        rows: lines,
    }
}

/// The list of a group's records.
pub fn address(kind: &Kind, asked: &Asked, shape: &Shape, condition: Json) -> String {
    let conditions = match shape.any && !shape.conditions.is_empty() {
        true => vec![json!({"type": "or", "value": shape.conditions}), condition],
        false => shape.conditions.iter().cloned().chain([condition]).collect(),
    };
    Asked { filter: Some(filter_of(&conditions, false)), group: Some(String::new()), ..asked.plain() }.address(kind)
}

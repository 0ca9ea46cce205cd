//! A list as columns of cards, by the choice that the kind's board names.

use serde_json::{Value as Json, json};
use sync_core::actions::next::Tone;
use sync_core::actions::overstays;
use sync_core::id::RecordId;
use sync_core::schema::{Board, Choice, Field, Kind};

use super::asked::Asked;
use super::groups::{condition, summed_up, sums};
use super::moves::Asking;
use super::shape::{Layout, Shape};
use super::table::title_of;
use crate::console::desk::Desk;
use crate::console::format::{self, Shown};
use crate::error::Error;
use crate::reading::{Group, Grouping, List, Listing, NextStep, Row, Step};

/// Cards of one column: those changed last; the others are a click away.
const CARDS: u32 = 30;

/// Cards of all columns together: some 100 KB.
const CARDS_MAX: usize = 180;

/// Facts of a card besides its title.
const FACTS: usize = 3;

/// The board.
pub struct BoardView {
    /// The pipelines that it can be narrowed to: label, address, whether it is; none where there are none.
    pub pipelines: Vec<(String, String, bool)>,
    /// What a card is asked for before it goes to another column.
    pub asking: Option<Asking>,
    /// Its columns.
    pub lanes: Vec<Lane>,
    /// Where a card's move is sent; none for who may not move.
    pub action: Option<String>,
}

/// A column.
pub struct Lane {
    /// The value that its cards have; empty for none.
    pub value: String,
    /// What people read.
    pub label: String,
    /// Its colour.
    pub colour: String,
    /// How many records.
    pub count: String,
    /// What they add up to.
    pub sum: String,
    /// The same, weighed by how likely it comes true.
    pub weighted: Option<String>,
    /// All its records.
    pub href: String,
    /// Those changed last.
    pub cards: Vec<Card>,
    /// How many more there are, in words.
    pub more: Option<String>,
}

/// A record on the board.
pub struct Card {
    /// Its id.
    pub id: String,
    /// Its page.
    pub href: String,
    /// What names it.
    pub title: String,
    /// In how many places people disagree.
    pub conflicts: u64,
    /// What it adds to the column.
    pub sum: Shown,
    /// What else is known.
    pub facts: Vec<Shown>,
    /// What is to be done next: a colour, what, when.
    pub next: Option<Next>,
    /// By how long it is over its time there, in words.
    pub over: Option<String>,
}

/// What is to be done next.
pub struct Next {
    /// A colour of the style sheet.
    pub colour: &'static str,
    /// What, or that nothing is planned.
    pub what: String,
    /// When.
    pub when: Shown,
    /// Where it is planned, or where it can be.
    pub href: String,
}

/// The board of a list.
pub async fn view(
    desk: &Desk,
    kind: &Kind,
    board: &Board,
    (asked, shape): (&Asked, &Shape),
    asking: Option<Asking>,
) -> Result<BoardView, Error> {
    let by = kind.field(&board.by).filter(|field| desk.reading.may_read(kind, &field.name)).ok_or(Error::NotFound)?;
    let sum = board.sum.as_ref().and_then(|sum| kind.field(sum)).filter(|field| desk.reading.may_read(kind, &field.name));
    let all = shape.list(desk, kind, &Asked { after: None, ..asked.clone() }, &[], 1)?;
    let totals =
        desk.reading.totals(&all, &Grouping { by: Some(&by.name), sums: sum.into_iter().collect(), ..Grouping::default() }).await?;
    let group = |value: Option<&str>| totals.groups.iter().find(|group| group.key.as_deref() == value).cloned().unwrap_or_default();
    let newest = Shape { sort: "updatedAt".to_owned(), desc: true, ..shape.clone() };
    let mut lanes = Vec::new();
    let none = group(None);
    let unsorted = (none.count > 0).then_some(None);
    let pipeline = pipelines(desk, kind, board).and_then(|field| chosen(field, shape));
    // What stands in none of a pipeline's columns is shown all the same.
    let has_column = |option: &&Choice| {
        let is_its = pipeline.is_none_or(|pipeline| pipeline.columns.is_empty() || pipeline.columns.contains(&option.value));
        is_its || group(Some(&option.value)).count > 0
    };
    let options = by.options.iter().filter(has_column).map(|option| Some(&*option.value));
    let values: Vec<Option<&str>> = unsorted.into_iter().chain(options).collect();
    let cards = CARDS.min(u32::try_from(CARDS_MAX / values.len().max(1)).unwrap_or(CARDS)).max(1);
    for value in values {
        let condition = condition(desk.reading.schema(), kind, (&by.name, Step::default()), value);
        let list = newest.list(desk, kind, &Asked { after: None, ..asked.clone() }, &[condition], cards)?;
        let listing = desk.reading.list(&List { expected: Some(group(value).count), ..list }).await?;
        let drawing = Drawing { desk, kind, by, sum, asked, shape };
        lanes.push(drawing.lane(value, &group(value), &listing).await?);
    }
    let may = !asked.archived && desk.reading.may_write(kind, &by.name);
    let here = Asked { layout: Some(Layout::Board.word().to_owned()), ..asked.closed() };
    let pipelines = pipelines(desk, kind, board).map(|field| tabs(desk, kind, field, asked, shape)).unwrap_or_default();
    Ok(BoardView { pipelines, asking, lanes, action: may.then(|| here.below(kind, "move")) })
}

/// The choice whose options have boards of their own, if the reader sees it.
fn pipelines<'k>(desk: &Desk, kind: &'k Kind, board: &Board) -> Option<&'k Field> {
    kind.field(board.pipelines.as_ref()?).filter(|field| !field.hidden && desk.reading.may_read(kind, &field.name))
}

/// The one that a list is narrowed to, by its conditions.
fn chosen<'k>(field: &'k Field, shape: &Shape) -> Option<&'k Choice> {
    let is_about = |condition: &&Json| condition["attribute"] == *field.name;
    let condition = shape.conditions.iter().filter(|_| !shape.any).find(is_about)?;
    let value = match (condition["type"].as_str()?, &condition["value"]) {
        ("equals", value) => value.as_str(),
        ("in", Json::Array(values)) if values.len() == 1 => values.first()?.as_str(),
        _ => None,
    };
    field.option(value?)
}

/// The same board of all pipelines, and of each.
fn tabs(desk: &Desk, kind: &Kind, field: &Field, asked: &Asked, shape: &Shape) -> Vec<(String, String, bool)> {
    // Where any one of several conditions is enough, one more would narrow nothing.
    if shape.any && shape.conditions.len() > 1 {
        return Vec::new();
    }
    let here = chosen(field, shape).map(|option| &*option.value);
    let others = || shape.conditions.iter().filter(|condition| condition["attribute"] != *field.name).cloned();
    let to = |more: Option<Json>| {
        let conditions: Vec<Json> = others().chain(more).collect();
        Asked { filter: Some(super::shape::filter_of(&conditions, false)), layout: Some(Layout::Board.word().to_owned()), ..asked.plain() }
            .address(kind)
    };
    let all = (desk.words.say("board.all_pipelines").to_owned(), to(None), here.is_none());
    let one = |option: &Choice| {
        let condition = json!({"type": "in", "attribute": field.name.to_string(), "value": [option.value]});
        (desk.words.label(&option.label).to_owned(), to(Some(condition)), here == Some(&*option.value))
    };
    std::iter::once(all).chain(field.offered().map(one)).collect()
}

struct Drawing<'a> {
    desk: &'a Desk,
    kind: &'a Kind,
    by: &'a Field,
    sum: Option<&'a Field>,
    asked: &'a Asked,
    shape: &'a Shape,
}

impl Drawing<'_> {
    async fn lane(&self, value: Option<&str>, group: &Group, listing: &Listing) -> Result<Lane, Error> {
        let (desk, kind) = (self.desk, self.kind);
        let option = value.and_then(|value| self.by.option(value));
        let has_steps = desk.reading.has_next_steps(&kind.name) && !is_over(option);
        let ids: Vec<RecordId> = listing.rows.iter().map(|row| row.id).collect();
        let steps = if has_steps { desk.reading.next_steps(&ids, desk.offset_minutes).await? } else { Default::default() };
        let card = |row: &Row| self.card(row, listing, has_steps.then(|| steps.get(&row.id)));
        let weighted = self.sum.filter(|sum| !sum.is_weighed()).and_then(|sum| group.weighted.get(&sum.name));
        let left = group.count.saturating_sub(listing.rows.len() as u64);
        let of_lane = condition(desk.reading.schema(), kind, (&self.by.name, Step::default()), value);
        let conditions: Vec<Json> = self.shape.conditions.iter().cloned().chain([of_lane]).collect();
        let table = Some(Layout::Table.word().to_owned());
        let href = Asked { filter: Some(super::shape::filter_of(&conditions, false)), layout: table, ..self.asked.plain() }.address(kind);
        Ok(Lane {
            value: value.unwrap_or_default().to_owned(),
            label: option.map_or_else(|| desk.words.say("group.none").to_owned(), |option| desk.words.label(&option.label).to_owned()),
            colour: option.and_then(|option| option.colour.clone()).unwrap_or_default(),
            count: format::grouped(&group.count.to_string()),
            sum: self.sum.map(|sum| summed_up(group, &sum.name)).unwrap_or_default(),
            weighted: option
                .and_then(|option| option.weight)
                .filter(|weight| (1..100).contains(weight))
                .and(weighted)
                .map(|weighted| sums(weighted)),
            href,
            cards: listing.rows.iter().map(card).collect(),
            more: (left > 0).then(|| desk.words.count("record.more", left)),
        })
    }

    /// `step` is none where no steps are asked for, and holds none where nothing is planned.
    fn card(&self, row: &Row, listing: &Listing, step: Option<Option<&NextStep>>) -> Card {
        let format = self.desk.formatter(&listing.names);
        let shown = |field: &Field| row.fields.get(&*field.name).map_or(Shown::Nothing, |value| format.brief(field, value));
        let is_fact = |field: &&Field| {
            field.name != self.kind.title && field.name != self.by.name && self.sum.is_none_or(|sum| sum.name != field.name)
        };
        let fields = self.kind.list.iter().filter_map(|name| self.kind.field(name)).filter(is_fact);
        let readable = fields.filter(|field| self.desk.reading.may_read(self.kind, &field.name));
        Card {
            id: row.id.to_string(),
            href: format!("/records/{}/{}", self.kind.name, row.id),
            title: title_of(&format, self.kind, row),
            conflicts: row.conflicts,
            sum: self.sum.map_or(Shown::Nothing, shown),
            facts: readable.map(shown).filter(|shown| !shown.is_nothing()).take(FACTS).collect(),
            next: step.map(|step| self.next(row.id, step)),
            over: overstays::of(self.kind, &row.fields, self.desk.now)
                .find(|over| over.field.name == self.by.name)
                .map(|over| self.desk.words.count("stay.over", over.days(self.desk.now))),
        }
    }

    fn next(&self, id: RecordId, step: Option<&NextStep>) -> Next {
        let words = self.desk.words;
        let Some(step) = step else {
            let what = words.say("board.nothing_next").to_owned();
            return Next {
                colour: colour_of(None),
                what,
                when: Shown::Nothing,
                href: format!("/records/activity/new?f.about={id}&f.status=planned"),
            };
        };
        let when = match &step.due {
            Some(Json::Number(millis)) => format::moment(millis.as_i64().unwrap_or_default()),
            Some(Json::String(day)) => Shown::Text(day.clone()),
            _ => Shown::Nothing,
        };
        Next { colour: colour_of(Some(step.tone)), what: step.title.clone(), when, href: format!("/records/activity/{}", step.id) }
    }
}

/// The colour of what is to be done next, if anything is planned.
pub(super) fn colour_of(tone: Option<Tone>) -> &'static str {
    match tone {
        Some(Tone::Late) => "red",
        Some(Tone::Today) => "amber",
        Some(Tone::Planned) => "green",
        None => "grey",
    }
}

/// What is won or lost needs no next step.
pub(super) fn is_over(option: Option<&sync_core::schema::Choice>) -> bool {
    option.and_then(|option| option.weight).is_some_and(|weight| weight == 0 || weight == 100)
}

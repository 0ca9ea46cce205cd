//! A chart's shapes: places and sizes in percent, so that it is crisp at any width and text keeps its size.
//!
//! Decides where things are; `templates/chart.html` decides how they look. Colours are numbers of the style sheet.

use sync_core::schema::Kind;

use super::super::asked::Asked;
use super::super::groups::{attributes, label};
use super::super::shape::Shape;
use super::data::{Data, GroupData, SERIES_MAX, Unit};
use super::plan::{MEASURES, Plan};
use super::tools::said;
use super::{Form, records};
use crate::console::desk::Desk;
use crate::console::format::about;

/// Lines across a chart: enough to read a height by.
const GRID_LINES: f64 = 4.0;

/// Names below a chart that still do not touch each other on a phone.
const TICKS: usize = 4;

/// How much of its place a column takes, in percent.
const COLUMN: f64 = 72.0;

/// The most that is drawn: what is above stays free for the highest point.
const HEADROOM: f64 = 1.06;

/// Bytes that the addresses in a chart may take: behind each shape where there are few, behind each group where there
/// are more, none where they would be most of the page.
const LINKS_MAX: usize = 75_000;

/// Bytes that a link has besides the address of the whole list: one condition more, tags, words to be read aloud.
const LINK_BYTES: usize = 300;

/// A chart, ready to be shown.
pub struct ChartView {
    /// What it looks like.
    pub form: Form,
    /// Whether it is over time.
    pub is_time: bool,
    /// Whether its steps hold what has reached them, not only what stands there now.
    pub reached: bool,
    /// What it says, as a sentence.
    pub caption: String,
    /// The first column of its table.
    pub by: String,
    /// All together.
    pub total: Option<String>,
    /// The records of all together.
    pub href: String,
    /// How it was before.
    pub delta: Option<Delta>,
    /// The second attribute's values; empty without one.
    pub series: Vec<SeriesView>,
    /// The groups.
    pub groups: Vec<GroupView>,
    /// Lines through the points of each series.
    pub lines: Vec<LineView>,
    /// Heights to read by.
    pub grid: Vec<Mark>,
    /// Names below.
    pub ticks: Vec<Mark>,
    /// The other currencies: name, address, whether it is the one shown.
    pub currencies: Vec<(String, String, bool)>,
    /// By which rates amounts are in one currency, if they are.
    pub rates: Option<String>,
}

/// How something compares with the period before.
pub struct Delta {
    /// `+12 %`.
    pub text: String,
    /// What it was, in words.
    pub was: String,
    /// `up`, `down` or `same`.
    pub way: &'static str,
}

/// A value of the second attribute.
pub struct SeriesView {
    /// What people read.
    pub label: String,
    /// Its colour.
    pub colour: usize,
}

/// A group.
pub struct GroupView {
    /// What people read.
    pub label: String,
    /// Whether its shapes lead to the same records together.
    pub is_one: bool,
    /// Whether it is a slice of nothing, which a ring does not have.
    pub is_nothing: bool,
    /// Its colour in a ring.
    pub colour: usize,
    /// Its records.
    pub href: Option<String>,
    /// Its number.
    pub value: String,
    /// Its share of all, or of the step before.
    pub share: Option<String>,
    /// How it was before.
    pub delta: Option<Delta>,
    /// Each series' shape.
    pub parts: Vec<PartView>,
}

/// A shape.
pub struct PartView {
    /// Its records.
    pub href: Option<String>,
    /// Its colour.
    pub colour: usize,
    /// What it says.
    pub title: String,
    /// Its number.
    pub value: String,
    /// Left.
    pub x: String,
    /// Top.
    pub y: String,
    /// Width.
    pub width: String,
    /// Height.
    pub height: String,
}

/// A line through points.
pub struct LineView {
    /// Its colour.
    pub colour: usize,
    /// `x,y` of each, in percent.
    pub points: String,
    /// Whether it is of the period before.
    pub is_before: bool,
}

/// A line or a name at some place.
pub struct Mark {
    /// The place in percent.
    pub at: String,
    /// What it says.
    pub label: String,
    /// Which part of the name is at the place: `start`, `middle`, `end`.
    pub anchor: &'static str,
}

/// Draws.
pub struct Drawing<'a> {
    pub desk: &'a Desk,
    pub kind: &'a Kind,
    pub asked: &'a Asked,
    pub shape: &'a Shape,
    pub plan: &'a Plan<'a>,
    pub data: &'a Data,
}

/// What all groups of a chart have in common.
#[derive(Clone, Copy)]
struct Shared {
    is_time: bool,
    scale: Scale,
    links: Links,
}

/// Whether there is an address behind each shape, and behind each group.
#[derive(Clone, Copy)]
struct Links {
    parts: bool,
    groups: bool,
}

/// From the smallest to the largest number that is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values.fold((0.0_f64, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let high = if high - low <= 0.0 { low + 1.0 } else { high };
        Self { low: low * HEADROOM, high: high * HEADROOM }
    }

    /// How far below the top.
    fn y(self, value: f64) -> f64 {
        (self.high - value) / (self.high - self.low) * 100.0
    }

    /// Round numbers within.
    fn marks(self) -> Vec<f64> {
        let rough = (self.high - self.low) / GRID_LINES;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough).unwrap_or(rough);
        let first = (self.low / step).ceil() as i64;
        (first..).map(|at| at as f64 * step).take_while(|value| *value <= self.high).collect()
    }
}

fn percent(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Drawing<'_> {
    /// The whole chart.
    pub fn view(&self) -> ChartView {
        let (plan, data) = (self.plan, self.data);
        let is_time = plan.is_time(self.kind);
        let scale = self.scale(is_time);
        let shared = Shared { is_time, scale, links: self.links(is_time) };
        let drawn = |form: Form| plan.form == form || (plan.form == Form::Bar && is_time && form == Form::Line);
        ChartView {
            form: plan.form,
            is_time,
            reached: plan.reached.is_some(),
            caption: self.caption(),
            by: plan.by.map(|by| self.attribute(by)).unwrap_or_default(),
            total: data.total.map(|total| self.whole(total)),
            href: records(self.kind, self.asked, self.shape, plan.within(plan.period)),
            delta: data.total.zip(data.before).map(|(now, before)| self.delta(now, before)),
            series: self.series(),
            groups: data.groups.iter().enumerate().map(|(at, group)| self.group(at, group, shared)).collect(),
            lines: if drawn(Form::Line) { self.lines(scale) } else { Vec::new() },
            grid: if drawn(Form::Line) { self.grid(scale) } else { Vec::new() },
            ticks: if drawn(Form::Line) { self.ticks() } else { Vec::new() },
            currencies: self.currencies(),
            rates: self.rates(),
        }
    }

    /// All together: about so much where amounts were converted.
    fn whole(&self, total: f64) -> String {
        match (&self.data.unit, self.data.worth) {
            (Unit::Money(currency), Some(is_partial)) => about(total.round() as i64, currency, is_partial),
            _ => self.data.unit.text(total),
        }
    }

    /// By which rates amounts are in one currency, and what is not among them.
    fn rates(&self) -> Option<String> {
        let key = if self.data.worth? { "chart.rates_partial" } else { "chart.rates" };
        Some(self.desk.words.fill(key, &[self.data.home.as_deref().unwrap_or_default()]))
    }

    /// What is measured, by what, when.
    fn caption(&self) -> String {
        let (words, plan) = (self.desk.words, self.plan);
        let key = MEASURES.iter().find(|(word, _)| *word == plan.word).map_or("measure.count", |(_, key)| *key);
        let measure = said(self.desk, self.kind, key, plan.measure.label());
        match (plan.by, plan.split) {
            (None, _) => measure,
            (Some(by), None) => words.fill("chart.by", &[&measure, &self.attribute(by)]),
            (Some(by), Some(split)) => words.fill("chart.by_both", &[&measure, &self.attribute(by), &self.attribute(split)]),
        }
    }

    fn attribute(&self, name: &str) -> String {
        attributes(self.desk, self.kind).into_iter().find(|(known, _)| known == name).map(|(_, label)| label).unwrap_or_default()
    }

    fn scale(&self, is_time: bool) -> Scale {
        let groups = &self.data.groups;
        let stacked = self.plan.form != Form::Line && self.plan.measure.adds_up();
        let of = |group: &GroupData| -> f64 { if stacked { group.value } else { group.parts.iter().copied().fold(0.0, f64::max) } };
        let least = groups.iter().flat_map(|group| group.parts.iter().copied());
        let before = groups.iter().filter_map(|group| group.before.filter(|_| is_time));
        Scale::of(groups.iter().map(of).chain(least).chain(before))
    }

    fn name(&self, attribute: &str, key: Option<&str>) -> String {
        label(self.desk, self.kind, &self.data.names, attribute, key).text()
    }

    fn series(&self) -> Vec<SeriesView> {
        let Some(split) = self.plan.split else { return Vec::new() };
        let last = self.data.series.len().saturating_sub(1);
        let one = |(at, value): (usize, &Option<String>)| SeriesView {
            label: match at == last && self.data.has_rest {
                true => self.desk.words.say("chart.others").to_owned(),
                false => self.name(split, value.as_deref()),
            },
            colour: at + 1,
        };
        self.data.series.iter().enumerate().map(one).collect()
    }

    fn group(&self, at: usize, group: &GroupData, Shared { is_time, scale, links }: Shared) -> GroupView {
        let (words, plan, data) = (self.desk.words, self.plan, self.data);
        let label = match plan.by {
            _ if group.is_rest => words.say("chart.others").to_owned(),
            Some(by) => self.name(by, group.key.as_deref()),
            None => words.say("chart.all").to_owned(),
        };
        let conditions = |more: Option<(&str, Option<&str>)>| {
            let mut all = plan.within(plan.period);
            all.extend(plan.by.map(|by| plan.condition(self.desk, self.kind, by, group.key.as_deref())));
            all.extend(more.map(|(split, value)| plan.condition(self.desk, self.kind, split, value)));
            records(self.kind, self.asked, self.shape, all)
        };
        let last = data.series.len().saturating_sub(1);
        let part = |(index, value): (usize, &f64)| {
            let is_rest = group.is_rest || (index == last && data.has_rest);
            let name = plan.split.map(|split| self.name(split, data.series[index].as_deref()));
            let text = data.unit.text(*value);
            let title = [Some(label.clone()), name, Some(text.clone())].into_iter().flatten().collect::<Vec<_>>().join(" · ");
            let [x, y, width, height] = self.place(at, group, index, is_time, scale).map(percent);
            let href = (links.parts && !is_rest).then(|| conditions(plan.split.map(|split| (split, data.series[index].as_deref()))));
            PartView { href, colour: if is_rest { 0 } else { index + 1 }, title, value: text, x, y, width, height }
        };
        GroupView {
            colour: at % SERIES_MAX + 1,
            href: (links.groups && !group.is_rest).then(|| conditions(None)),
            is_one: !links.parts && links.groups,
            is_nothing: group.value == 0.0,
            value: if plan.split.is_none() || plan.measure.adds_up() { data.unit.text(group.value) } else { String::new() },
            share: self.share(at, group),
            delta: group.before.map(|before| self.delta(group.value, before)),
            parts: group.parts.iter().enumerate().map(part).collect(),
            label,
        }
    }

    /// Whether there is room for an address behind each shape, and behind each group: over time both a plot and a table
    /// have them.
    fn links(&self, is_time: bool) -> Links {
        let one = records(self.kind, self.asked, self.shape, self.plan.within(self.plan.period)).len() + LINK_BYTES;
        let fits = |count: usize| count * one * if is_time { 2 } else { 1 } <= LINKS_MAX;
        let (groups, series) = (self.data.groups.len(), self.data.series.len());
        Links { parts: fits(groups * series), groups: fits(groups) }
    }

    /// Left, top, width and height of a shape.
    fn place(&self, at: usize, group: &GroupData, index: usize, is_time: bool, scale: Scale) -> [f64; 4] {
        let (value, count) = (group.parts[index], group.parts.len() as f64);
        let below: f64 = group.parts[..index].iter().sum();
        let stacked = self.plan.measure.adds_up();
        match self.plan.form {
            Form::Line => [self.x(at), scale.y(value), 0.0, 0.0],
            Form::Bar if is_time => {
                let slot = 100.0 / self.data.groups.len() as f64;
                let (left, width) = (slot * at as f64 + slot * (100.0 - COLUMN) / 200.0, slot * COLUMN / 100.0);
                let (low, high) = if stacked { (below, below + value) } else { (0.0, value) };
                let (top, bottom) = (scale.y(low.max(high)), scale.y(low.min(high)));
                match stacked {
                    true => [left, top, width, bottom - top],
                    false => [left + width / count * index as f64, top, width / count, bottom - top],
                }
            }
            Form::Pie => {
                let all: f64 = self.data.groups.iter().map(|group| group.value.max(0.0)).sum();
                let before: f64 = self.data.groups[..at].iter().map(|group| group.value.max(0.0)).sum();
                let all = if all > 0.0 { all } else { 1.0 };
                [-before / all * 100.0, 0.0, value.max(0.0) / all * 100.0, 0.0]
            }
            Form::Funnel => {
                let width = (value / self.widest() * 100.0).clamp(0.0, 100.0);
                [(100.0 - width) / 2.0, 0.0, width, 100.0]
            }
            Form::Number | Form::Bar | Form::Figures if stacked => {
                [below.abs() / self.widest() * 100.0, 0.0, value.abs() / self.widest() * 100.0, 100.0]
            }
            Form::Number | Form::Bar | Form::Figures => {
                [0.0, 100.0 / count * index as f64, value.abs() / self.widest() * 100.0, 100.0 / count]
            }
        }
    }

    fn widest(&self) -> f64 {
        let stacked = self.plan.measure.adds_up();
        let of =
            |group: &GroupData| if stacked { group.value.abs() } else { group.parts.iter().copied().map(f64::abs).fold(0.0, f64::max) };
        self.data.groups.iter().map(of).fold(0.0, f64::max).max(f64::MIN_POSITIVE)
    }

    /// The middle of a group's place.
    fn x(&self, at: usize) -> f64 {
        (at as f64 + 0.5) * 100.0 / self.data.groups.len() as f64
    }

    /// Of all for what adds up; of a funnel, what is left of the step before. Where a step holds more than the one
    /// before it, it is no part of it.
    fn share(&self, at: usize, group: &GroupData) -> Option<String> {
        let of = match self.plan.form {
            Form::Funnel => self.data.groups.get(at.checked_sub(1)?)?.value,
            Form::Pie | Form::Bar => self.data.total.filter(|_| self.plan.measure.adds_up())?,
            Form::Line | Form::Figures | Form::Number => return None,
        };
        let is_part = self.plan.form != Form::Funnel || group.value <= of;
        (of > 0.0 && is_part).then(|| format!("{:.0} %", group.value / of * 100.0))
    }

    fn delta(&self, now: f64, before: f64) -> Delta {
        let text = match before.abs() > f64::EPSILON {
            true => format!("{:+.0} %", (now - before) / before.abs() * 100.0).replace('-', "−"),
            false => String::new(),
        };
        let way = if now > before {
            "up"
        } else if now < before {
            "down"
        } else {
            "same"
        };
        Delta { text, was: self.desk.words.fill("chart.before", &[&self.data.unit.text(before)]), way }
    }

    fn lines(&self, scale: Scale) -> Vec<LineView> {
        let groups = &self.data.groups;
        let through = |value: &dyn Fn(&GroupData) -> Option<f64>| {
            let point = |(at, group)| value(group).map(|value| format!("{},{}", percent(self.x(at)), percent(scale.y(value))));
            groups.iter().enumerate().filter_map(point).collect::<Vec<_>>().join(" ")
        };
        let mut lines = Vec::new();
        if self.plan.before.is_some() {
            lines.push(LineView { colour: SERIES_MAX, points: through(&|group| group.before), is_before: true });
        }
        if self.plan.form == Form::Line {
            let series = 0..self.data.series.len();
            let line = |at: usize| LineView { colour: at + 1, points: through(&|group| group.parts.get(at).copied()), is_before: false };
            lines.extend(series.map(line));
        }
        lines
    }

    fn grid(&self, scale: Scale) -> Vec<Mark> {
        let language = self.desk.words.0;
        let mark = |value: f64| Mark { at: percent(scale.y(value)), label: self.data.unit.brief(value, language), anchor: "start" };
        scale.marks().into_iter().map(mark).collect()
    }

    fn ticks(&self) -> Vec<Mark> {
        let groups = &self.data.groups;
        let every = groups.len().div_ceil(TICKS).max(1);
        let mark = |(at, group): (usize, &GroupData)| {
            let x = self.x(at);
            let anchor = if x < 8.0 && groups.len() > TICKS {
                "start"
            } else if x > 92.0 && groups.len() > TICKS {
                "end"
            } else {
                "middle"
            };
            Mark { at: percent(x), label: group.key.clone().unwrap_or_default(), anchor }
        };
        groups.iter().enumerate().filter(|(at, _)| at % every == 0).map(mark).collect()
    }

    fn currencies(&self) -> Vec<(String, String, bool)> {
        if self.data.currencies.len() < 2 && self.data.home.is_none() {
            return Vec::new();
        }
        let (in_one, words) = (self.data.worth.is_some(), self.desk.words);
        let shown = |currency: &String| !in_one && self.data.unit == Unit::Money(currency.clone());
        let to = |currency: &str| Asked { currency: currency.to_owned(), ..self.asked.plain() }.address(self.kind);
        let all = self.data.home.iter().map(|home| (words.fill("chart.in_one", &[home]), to(""), in_one));
        all.chain(self.data.currencies.iter().map(|currency| (currency.clone(), to(currency), shown(currency)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_has_round_marks_and_room_above() {
        let scale = Scale::of([3.0, 87.0].into_iter());
        assert_eq!(scale.marks(), [0.0, 50.0]);
        assert!(scale.y(87.0) > 0.0 && scale.y(0.0) == 100.0);
        let owing = Scale::of([-40.0, 60.0].into_iter());
        assert_eq!(owing.marks(), [0.0, 50.0]);
        assert!(owing.y(-40.0) < 100.0);
        assert_eq!(Scale::of([0.0].into_iter()).y(0.0), 100.0, "nothing is at the bottom");
    }

    #[test]
    fn places_are_short_texts() {
        assert_eq!([percent(33.333_333), percent(50.0), percent(0.0)], ["33.33", "50", "0"]);
    }
}

//! What a list's address asks for, and addresses that ask for something else.
//!
//! All that a page shows stands in its address: it can be sent to a colleague, and Back goes back.

use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::schema::Kind;

use super::shape::filter_of;

/// The first page among the places of a trail.
const FIRST: &str = "-";

/// Pages that can be gone back one by one; an address stays below what proxies take.
const TRAIL_MAX: usize = 20;

/// The parameters of a list.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// A text to look for.
    pub q: String,
    /// A saved view; what else is asked for goes before what it says.
    pub view: String,
    /// Conditions, in the filter language.
    #[serde(rename = "where")]
    pub filter: Option<String>,
    /// Fields, with commas between them.
    pub columns: Option<String>,
    /// A field to order by.
    pub sort: String,
    /// Whether from its other end.
    pub desc: bool,
    /// An attribute to put records together by.
    pub group: Option<String>,
    /// `table`, `board` or `calendar`.
    pub layout: Option<String>,
    /// What a chart measures: `count`, `sum:amount`.
    pub measure: Option<String>,
    /// A second attribute of a chart.
    pub split: Option<String>,
    /// The span that a chart puts days together in: `week`.
    pub step: Option<String>,
    /// Which days a chart is about: `this_month`.
    pub period: Option<String>,
    /// Which attribute is a record's day for that.
    pub day: Option<String>,
    /// Whether a chart shows the period before, too.
    pub compare: Option<String>,
    /// Which currency a chart shows.
    pub currency: String,
    /// Those that were put away.
    pub archived: bool,
    /// Where the page begins.
    pub after: Option<String>,
    /// The places that the pages before begin after, the first one first.
    pub trail: String,
    /// Which month a calendar shows: `2026-05`.
    pub month: String,
    /// Which field puts records on days.
    pub by: String,
    /// What is open beside the list: `filter`, `columns`, `save`, `group`.
    pub panel: String,
    /// The attribute of the condition that is being built.
    pub attribute: String,
    /// Which condition that replaces.
    pub at: Option<usize>,
    /// Its operator.
    pub op: String,
    /// The cell that is being edited: `<record>.<field>`.
    pub cell: String,
    /// What was done just now.
    pub done: String,
    /// How many it was done to.
    pub count: u64,
    /// What can be taken back.
    pub undo: String,
    /// How many it could not be done to.
    pub refused: u64,
}

impl Asked {
    /// The parameters that say which list it is, without what is open on the page for once.
    pub fn lasting(&self) -> Vec<(&'static str, String)> {
        let text = |name, value: &str| (!value.is_empty()).then(|| (name, value.to_owned()));
        let some = |name, value: &Option<String>| value.clone().map(|value| (name, value));
        let flag = |name, value: bool| value.then(|| (name, "true".to_owned()));
        let parts = [
            text("view", &self.view),
            text("q", &self.q),
            some("where", &self.filter),
            some("columns", &self.columns),
            text("sort", &self.sort),
            flag("desc", self.desc),
            some("group", &self.group),
            some("layout", &self.layout),
            some("measure", &self.measure),
            some("split", &self.split),
            some("step", &self.step),
            some("period", &self.period),
            some("day", &self.day),
            some("compare", &self.compare),
            text("currency", &self.currency),
            flag("archived", self.archived),
            text("month", &self.month),
            text("by", &self.by),
            some("after", &self.after),
            text("trail", &self.trail),
        ];
        parts.into_iter().flatten().collect()
    }

    /// The address of the list.
    pub fn address(&self, kind: &Kind) -> String {
        self.below(kind, "")
    }

    /// The address of something that is done with the list: `/records/<kind>/<what>`.
    pub fn below(&self, kind: &Kind, what: &str) -> String {
        let once = [("panel", &self.panel), ("attribute", &self.attribute), ("op", &self.op), ("cell", &self.cell)];
        let once = once.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.clone()));
        let at = self.at.map(|at| ("at", at.to_string()));
        let all = self.lasting().into_iter().chain(once).chain(at);
        let query: Vec<String> = all.map(|(name, value)| format!("{name}={}", encoded(&value))).collect();
        let (slash, mark) = (if what.is_empty() { "" } else { "/" }, if query.is_empty() { "" } else { "?" });
        format!("/records/{}{slash}{what}{mark}{}", kind.name, query.join("&"))
    }

    /// Whether its month is a month, a day that stands for its week, or a day alone; none is the present one.
    pub fn has_month(&self) -> bool {
        let is_day = |day: &str| day.parse::<jiff::civil::Date>().is_ok();
        self.month.is_empty() || is_day(self.month.strip_prefix('d').unwrap_or(&self.month)) || is_day(&format!("{}-01", self.month))
    }

    /// The same list, on its first page and with nothing open.
    #[must_use]
    pub fn plain(&self) -> Self {
        Self { after: None, trail: String::new(), ..self.closed() }
    }

    /// The same page with nothing open.
    #[must_use]
    pub fn closed(&self) -> Self {
        Self {
            panel: String::new(),
            attribute: String::new(),
            at: None,
            op: String::new(),
            cell: String::new(),
            done: String::new(),
            count: 0,
            undo: String::new(),
            refused: 0,
            ..self.clone()
        }
    }

    /// The same list with a panel open.
    #[must_use]
    pub fn with_panel(&self, panel: &str) -> Self {
        Self { panel: panel.to_owned(), ..self.closed() }
    }

    /// The address of the next page. The way back is remembered in it: rows without a value come last in
    /// either order, so a page before cannot be asked for from its end.
    pub fn next(&self, kind: &Kind, after: String) -> String {
        let here = self.after.as_deref().unwrap_or(FIRST);
        let mut trail: Vec<&str> = self.trail.split(',').filter(|place| !place.is_empty()).chain([here]).collect();
        trail.drain(..trail.len().saturating_sub(TRAIL_MAX));
        Self { after: Some(after), trail: trail.join(","), ..self.closed() }.address(kind)
    }

    /// The address of the page before.
    pub fn previous(&self, kind: &Kind) -> Option<String> {
        self.after.as_ref()?;
        let (trail, before) = self.trail.rsplit_once(',').unwrap_or(("", &self.trail));
        let after = (!before.is_empty() && before != FIRST).then(|| before.to_owned());
        Some(Self { after, trail: trail.to_owned(), ..self.closed() }.address(kind))
    }
}

/// The list of what conditions hold of.
pub fn address_of(kind: &Kind, conditions: &[Json]) -> String {
    Asked { filter: Some(filter_of(conditions, false)), ..Asked::default() }.address(kind)
}

/// A text as it stands in an address.
pub fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

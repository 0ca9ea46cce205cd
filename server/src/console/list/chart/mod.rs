//! A list as a chart: records put together by one or two attributes, and a measure of each group.
//!
//! What a chart is stands in the address or in a saved view like everything else of a list; every part of it
//! leads to the records behind it. `plan` reads what is wanted, `data` puts figures in order, `draw` makes
//! shapes of them, `tools` are the controls above.

mod data;
mod draw;
mod file;
mod plan;
pub mod span;
mod tools;

use serde_json::Value as Json;
use sync_core::schema::Kind;

use super::asked::Asked;
use super::shape::{Layout, Shape, filter_of};
use crate::console::desk::Desk;
use crate::error::Error;

use data::Data;
use plan::Plan;

pub use draw::ChartView;
pub use file::{section, table};
pub use plan::is_measure;
pub use tools::{ChartTools, tools};

/// What a chart looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One large number.
    Number,
    /// A bar for each group; columns over time.
    Bar,
    /// A line over time.
    Line,
    /// A ring.
    Pie,
    /// Bars that narrow from step to step.
    Funnel,
    /// Rows and columns of numbers.
    Figures,
}

impl Form {
    /// Every form, with its word in addresses and views and its name.
    pub const ALL: [(Form, &'static str, &'static str); 6] = [
        (Form::Bar, "bar", "chart.bar"),
        (Form::Line, "line", "chart.line"),
        (Form::Pie, "pie", "chart.pie"),
        (Form::Funnel, "funnel", "chart.funnel"),
        (Form::Figures, "figures", "chart.figures"),
        (Form::Number, "number", "chart.number"),
    ];

    /// The form of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == word).map(|(form, ..)| *form)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(known, ..)| *known == self).map_or("bar", |(_, word, _)| *word)
    }
}

/// What a chart shows, as it stands in addresses and views; empty for what is usual.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spec {
    /// `count`, or a word and a field: `sum:amount`.
    pub measure: String,
    /// The span that days are put together in.
    pub step: String,
    /// The second attribute.
    pub split: String,
    /// Which span of days it is about.
    pub period: String,
    /// Which attribute is a record's day.
    pub day: String,
    /// Whether the period before is shown, too.
    pub compare: bool,
}

impl Spec {
    /// What the address asks for, and what a view says where it does not.
    pub fn of(asked: &Asked, base: Spec) -> Self {
        let over = |asked: &Option<String>, base: String| asked.clone().unwrap_or(base);
        Self {
            measure: over(&asked.measure, base.measure),
            step: over(&asked.step, base.step),
            split: over(&asked.split, base.split),
            period: over(&asked.period, base.period),
            day: over(&asked.day, base.day),
            compare: asked.compare.as_deref().map_or(base.compare, |word| word == "true"),
        }
    }
}

/// The chart of a list.
pub async fn view(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, form: Form) -> Result<ChartView, Error> {
    let plan = Plan::of(desk, kind, shape, form);
    let data = Data::of(desk, kind, asked, shape, &plan).await?;
    Ok(draw::Drawing { desk, kind, asked, shape, plan: &plan, data: &data }.view())
}

/// The address of the records of which all of this holds besides what the list says.
fn records(kind: &Kind, asked: &Asked, shape: &Shape, more: Vec<Json>) -> String {
    let mut all = match shape.any && shape.conditions.len() > 1 {
        true => vec![serde_json::json!({"type": "or", "value": shape.conditions})],
        false => shape.conditions.clone(),
    };
    all.extend(more);
    let table = Some(Layout::Table.word().to_owned());
    let base = asked.plain();
    Asked {
        view: String::new(),
        q: base.q,
        archived: base.archived,
        filter: Some(filter_of(&all, false)),
        group: Some(String::new()),
        layout: table,
        ..Asked::default()
    }
    .address(kind)
}

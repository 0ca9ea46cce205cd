//! A chart for files: as rows and columns, and as a section of a report.

use sync_core::schema::Kind;

use super::super::asked::Asked;
use super::super::shape::Shape;
use super::Form;
use super::data::{Data, GroupData};
use super::draw::{ChartView, Drawing};
use super::plan::Plan;
use crate::console::desk::Desk;
use crate::error::Error;
use crate::jobs::export::pdf::{Body, Section};
use crate::jobs::export::table::{Cell, Table};

/// A chart's table.
pub async fn table(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, form: Form, title: &str) -> Result<Table, Error> {
    let plan = Plan::of(desk, kind, shape, form);
    let data = Data::of(desk, kind, asked, shape, &plan).await?;
    let view = Drawing { desk, kind, asked, shape, plan: &plan, data: &data }.view();
    let (value, total) = (desk.words.say("chart.value").to_owned(), desk.words.say("group.sum").to_owned());
    let (is_split, adds_up) = (plan.split.is_some(), plan.measure.adds_up());
    let mut heads = vec![view.by.clone()];
    heads.extend(view.series.iter().map(|series| series.label.clone()));
    heads.extend((!is_split).then_some(value));
    heads.extend((is_split && adds_up).then(|| total.clone()));
    let row = |(group, shown): (&GroupData, &super::draw::GroupView)| {
        let parts = group.parts.iter().filter(|_| is_split).map(|value| data.unit.cell(*value));
        let all = (!is_split || adds_up).then(|| data.unit.cell(group.value));
        [Cell::Text(shown.label.clone())].into_iter().chain(parts).chain(all).collect()
    };
    let mut rows: Vec<Vec<Cell>> = data.groups.iter().zip(&view.groups).map(row).collect();
    if let Some(sum) = data.total.filter(|_| plan.by.is_some()) {
        let empty = (2..heads.len()).map(|_| Cell::Empty);
        rows.push([Cell::Text(total)].into_iter().chain(empty).chain([data.unit.cell(sum)]).collect());
    }
    Ok(Table { title: title.to_owned(), heads, rows })
}

/// A chart as a section of a report.
pub async fn section(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, form: Form, title: &str) -> Result<Section, Error> {
    let plan = Plan::of(desk, kind, shape, form);
    let data = Data::of(desk, kind, asked, shape, &plan).await?;
    let view = Drawing { desk, kind, asked, shape, plan: &plan, data: &data }.view();
    let body = match form {
        Form::Number => Body::Number,
        Form::Figures => figures(desk, &view),
        Form::Bar | Form::Line | Form::Pie | Form::Funnel => bars(&data, &view, plan.measure.adds_up()),
    };
    let delta = view.delta.as_ref().map(|delta| format!("  {} ({})", delta.text, delta.was)).unwrap_or_default();
    Ok(Section {
        title: title.to_owned(),
        total: view.total.as_ref().map(|total| format!("{total}{delta}")).unwrap_or_default(),
        series: if form == Form::Figures { Vec::new() } else { view.series.iter().map(|series| series.label.clone()).collect() },
        caption: [Some(view.caption), view.rates].into_iter().flatten().collect::<Vec<_>>().join(" · "),
        body,
    })
}

/// Bars: what adds up one behind the other; of what does not, the first series only would lie, so each is a bar.
fn bars(data: &Data, view: &ChartView, adds_up: bool) -> Body {
    let of = |group: &GroupData| if adds_up { group.value.abs() } else { group.parts.iter().copied().fold(0.0, f64::max) };
    let widest = data.groups.iter().map(of).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let mut bars = Vec::new();
    for (group, shown) in data.groups.iter().zip(&view.groups) {
        if adds_up || group.parts.len() == 1 {
            let share = shown.share.as_ref().map(|share| format!("  {share}")).unwrap_or_default();
            let parts = group.parts.iter().map(|part| part.abs() / widest).collect();
            bars.push((shown.label.clone(), parts, format!("{}{share}", shown.value)));
            continue;
        }
        for (at, part) in group.parts.iter().enumerate() {
            let mut parts = vec![0.0; at];
            parts.push(part.abs() / widest);
            bars.push((if at == 0 { shown.label.clone() } else { String::new() }, parts, data.unit.text(*part)));
        }
    }
    Body::Bars(bars)
}

fn figures(desk: &Desk, view: &ChartView) -> Body {
    let mut heads = vec![view.by.clone()];
    heads.extend(view.series.iter().map(|series| series.label.clone()));
    heads.push(desk.words.say(if view.series.is_empty() { "chart.value" } else { "group.sum" }).to_owned());
    let numbers = (0..heads.len()).map(|at| at > 0).collect();
    let is_split = !view.series.is_empty();
    let row = |group: &super::draw::GroupView| {
        let parts = group.parts.iter().filter(|_| is_split).map(|part| part.value.clone());
        [group.label.clone()].into_iter().chain(parts).chain([group.value.clone()]).collect()
    };
    Body::Table(heads, numbers, view.groups.iter().map(row).collect())
}

//! The controls above a chart.

use sync_core::schema::{Kind, Label};

use super::super::asked::Asked;
use super::super::groups::attributes;
use super::super::shape::{Shape, seen_days};
use super::Form;
use super::plan::{MEASURES, Plan, measured, splits};
use super::span::{PERIODS, STEPS};
use crate::console::desk::Desk;

/// A choice: its word, its name, whether it is made.
pub type Choice = (String, String, bool);

/// The controls.
pub struct ChartTools {
    /// What it can look like: name, address, whether it does.
    pub forms: Vec<Choice>,
    /// What can be measured.
    pub measures: Vec<Choice>,
    /// What records can be put together by; none for a number.
    pub groups: Vec<Choice>,
    /// By what else; none where there is no room for it.
    pub splits: Vec<Choice>,
    /// Spans of days; none where there are no days.
    pub steps: Vec<Choice>,
    /// Which days.
    pub periods: Vec<Choice>,
    /// Whose days; none without a period.
    pub days: Vec<Choice>,
    /// Whether the period before is shown; none where it cannot be.
    pub compare: Option<bool>,
    /// What the list's address says besides.
    pub hidden: Vec<(&'static str, String)>,
}

/// What the controls put into the address themselves.
const OWN: [&str; 7] = ["group", "measure", "split", "step", "period", "day", "compare"];

/// The controls above a chart.
pub fn tools(desk: &Desk, kind: &Kind, asked: &Asked, shape: &Shape, form: Form) -> ChartTools {
    let plan = Plan::of(desk, kind, shape, form);
    let words = desk.words;
    let chosen = |name: &str, now: Option<&str>| now == Some(name);
    let all = attributes(desk, kind);
    let by = |now: Option<&str>| all.iter().map(|(name, label)| (name.clone(), label.clone(), chosen(name, now))).collect::<Vec<_>>();
    let to = |form: Form| Asked { layout: Some(form.word().to_owned()), ..asked.plain() }.address(kind);
    let has_days = plan.is_time(kind) || plan.split.is_some_and(|split| super::plan::is_day(kind, split));
    let mut dated: Vec<(String, String)> =
        seen_days(desk, kind).map(|(field, name)| (name, words.label(&field.label).to_owned())).collect();
    dated.push(("createdAt".to_owned(), words.say("record.created").to_owned()));
    dated.push(("updatedAt".to_owned(), words.say("record.updated").to_owned()));
    ChartTools {
        forms: Form::ALL.iter().map(|(each, _, name)| (words.say(name).to_owned(), to(*each), *each == form)).collect(),
        measures: measures(desk, kind, &plan),
        groups: if form == Form::Number { Vec::new() } else { by(plan.by) },
        splits: if splits(form) { by(plan.split).into_iter().filter(|(name, ..)| !chosen(name, plan.by)).collect() } else { Vec::new() },
        steps: match has_days {
            true => STEPS.iter().map(|(key, step)| (step.word().to_owned(), words.say(key).to_owned(), *step == plan.step)).collect(),
            false => Vec::new(),
        },
        periods: PERIODS.iter().map(|(word, key)| ((*word).to_owned(), words.say(key).to_owned(), *word == shape.chart.period)).collect(),
        days: match plan.period {
            Some(_) => {
                dated.into_iter().map(|(name, label)| (name == plan.day, name, label)).map(|(on, name, label)| (name, label, on)).collect()
            }
            None => Vec::new(),
        },
        compare: (plan.period.is_some() && plan.split.is_none() && form != Form::Pie).then_some(shape.chart.compare),
        hidden: asked.plain().lasting().into_iter().filter(|(name, _)| !OWN.contains(name)).collect(),
    }
}

/// A measure of what is called so.
pub(super) fn said(desk: &Desk, kind: &Kind, key: &'static str, label: Option<&Label>) -> String {
    let [what, of] =
        [label, kind.follows().map(|field| &field.label)].map(|label| label.map(|label| desk.words.inside(label)).unwrap_or_default());
    desk.words.fill(key, &[&what, &of])
}

/// How many records there are, and for each field what can be made of it.
fn measures(desk: &Desk, kind: &Kind, plan: &Plan<'_>) -> Vec<Choice> {
    let mut all = vec![("count".to_owned(), desk.words.say("measure.count").to_owned(), plan.word == "count")];
    for (word, key) in MEASURES.iter().filter(|(word, _)| *word != "count") {
        let fields = measured(desk, kind, word).into_iter().map(|field| (&field.name, &field.label));
        let gaps = kind.gaps.iter().filter(|_| *word == "share").map(|gap| (&gap.name, &gap.label));
        for (name, label) in fields.chain(gaps) {
            let is_now = plan.word == *word && plan.measure.name() == Some(&**name);
            all.push((format!("{word}:{name}"), said(desk, kind, key, Some(label)), is_now));
        }
    }
    all
}

//! `GET /api/v1/{kind}/figures`: records put together by up to two attributes, and a measure of each group, as charts show them.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sync_core::schema::Kind;

use super::request::{Params, bad};
use crate::app::App;
use crate::auth::Caller;
use crate::error::Error;
use crate::place::Path;
use crate::reading::{Figure, Figures, List, Measure, Names, Question, Reading, Step, Worth};

/// Groups of one answer; those with the most records come first.
const GROUPS_MAX: usize = 1_000;

/// The groups.
#[derive(Serialize)]
pub struct Answer {
    figures: Vec<Figure>,
    worth: Option<Worth>,
    names: Names,
    cut: bool,
}

impl From<Figures> for Answer {
    fn from(Figures { mut all, worth, names }: Figures) -> Self {
        let mut worth = worth.filter(|worth| worth.is_converted);
        let mut cut = false;
        for figures in std::iter::once(&mut all).chain(worth.as_mut().map(|worth| &mut worth.all)) {
            figures.sort_by_key(|figure| std::cmp::Reverse(figure.count));
            cut |= figures.len() > GROUPS_MAX;
            figures.truncate(GROUPS_MAX);
        }
        Self { figures: all, worth, names, cut }
    }
}

/// `GET /api/v1/{kind}/figures`: counts and sums of the records that a list finds.
///
/// # Errors
/// When a parameter is wrong, or names what the caller may not see.
pub async fn figures(State(app): State<App>, caller: Caller, Path(kind): Path<String>, mut params: Params) -> Result<Json<Answer>, Error> {
    let reading = Reading::of(&app, &caller);
    let (shelf, offset_minutes, words) = (params.shelf()?, params.offset_minutes()?, params.words()?);
    let [by, split, step, measure] = ["by", "split", "step", "measure"].map(|name| params.take(name));
    let step = step.map_or(Ok(Step::default()), |word| Step::named(&word).ok_or_else(no_step))?;
    let query = reading.query(&kind, params.of_filter()?)?;
    let list = reading.narrowed(List { shelf, offset_minutes, ..List::of(query) }, &words)?;
    let declared = reading.kind(&kind)?;
    let measure = measure.map_or(Ok(Measure::Count), |text| measured(declared, &text))?;
    let question = Question { by: by.as_deref(), split: split.as_deref(), step, measure };
    Ok(Json(reading.figures(&list, &question).await?.into()))
}

/// A measure such as `sum:amount`.
fn measured<'k>(kind: &'k Kind, text: &str) -> Result<Measure<'k>, Error> {
    let (word, name) = text.split_once(':').unwrap_or((text, ""));
    let measure = if text == "count" { Some(Measure::Count) } else { Measure::named(kind, word, name) };
    measure.ok_or_else(|| {
        let en = "is `count`, or one of `sum:`, `weighted:`, `average:`, `least:`, `greatest:`, `distinct:` and `each:` with a field behind it, or `share:` with a gap";
        bad("measure", en, "应为 count，或 sum:、weighted:、average:、least:、greatest:、distinct:、each: 之一加字段名，或 share: 加盲区名")
    })
}

fn no_step() -> Error {
    bad("step", "is `day`, `week`, `month`, `quarter` or `year`", "应为 day、week、month、quarter 或 year")
}

//! How good records are: field by field what is filled in, and the slips that are to be corrected.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::schema::Kind;

use super::desk::{Desk, Frame, page as answer, place};
use super::format::{Formatter, Shown, grouped};
use super::list::title_of;
use crate::error::Error;
use crate::reading::{FieldQuality, Names, Quality, Slip};

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    kind: String,
    field: String,
}

#[derive(Template)]
#[template(path = "quality.html")]
struct QualityPage {
    frame: Frame,
    kinds: Vec<(String, String, bool)>,
    /// Of how many records.
    count: String,
    fields: Vec<FieldView>,
    /// The field of which slips are listed; empty for all.
    field: String,
    slips: Vec<SlipView>,
    all_href: String,
}

struct FieldView {
    label: String,
    filled: String,
    /// In percent, for a bar and for people.
    percent: u64,
    doubtful: Option<(String, String)>,
}

struct SlipView {
    title: String,
    href: String,
    field: String,
    value: Shown,
}

/// `GET /quality`: of a kind of which something can be doubtful, customers first.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let mut kinds: Vec<&Kind> = desk.reading.kinds().map(|kind| &**kind).filter(|kind| desk.reading.is_judged(kind)).collect();
    kinds.sort_by_key(|kind| place(kind));
    let kind = kinds.iter().find(|kind| *kind.name == *asked.kind).or(kinds.first()).copied().ok_or(Error::NotFound)?;
    let only = Some(&*asked.field).filter(|field| desk.reading.may_read(kind, field));
    let quality = desk.reading.quality(kind, only).await?;
    let page = QualityPage {
        frame: desk.frame(desk.words.say("menu.quality"), "/quality").await?,
        kinds: kinds.iter().map(|one| (one.name.to_string(), desk.words.label(&one.plural).to_owned(), one.name == kind.name)).collect(),
        count: counted(&desk, &quality),
        fields: quality.fields.iter().map(|field| field_view(&desk, kind, field, quality.count)).collect(),
        field: only.and_then(|name| kind.field(name)).map(|field| desk.words.label(&field.label).to_owned()).unwrap_or_default(),
        slips: quality.slips.iter().filter_map(|slip| slip_view(&desk, kind, slip)).collect(),
        all_href: format!("/quality?kind={}", kind.name),
    };
    answer(StatusCode::OK, &page)
}

fn counted(desk: &Desk, quality: &Quality) -> String {
    desk.words.count(if quality.more { "quality.of_newest" } else { "quality.of" }, quality.count)
}

fn field_view(desk: &Desk, kind: &Kind, field: &FieldQuality, count: u64) -> FieldView {
    let href = |doubtful: u64| (grouped(&doubtful.to_string()), format!("/quality?kind={}&field={}", kind.name, field.field));
    FieldView {
        label: kind.field(&field.field).map(|declared| desk.words.label(&declared.label).to_owned()).unwrap_or_default(),
        filled: grouped(&field.filled.to_string()),
        percent: (field.filled * 100).checked_div(count).unwrap_or_default(),
        doubtful: field.doubtful.map(href),
    }
}

/// A slip, with the place where it is corrected.
fn slip_view(desk: &Desk, kind: &Kind, slip: &Slip) -> Option<SlipView> {
    let (names, field) = (Names::new(), kind.field(&slip.field)?);
    let format = Formatter { words: desk.words, names: &names };
    Some(SlipView {
        title: title_of(&format, kind, &slip.row),
        href: format!("/records/{}/{}?edit={}", kind.name, slip.row.id, slip.field),
        field: desk.words.label(&field.label).to_owned(),
        value: format.field(field, slip.row.fields.get(&slip.field).unwrap_or(&Json::Null)),
    })
}

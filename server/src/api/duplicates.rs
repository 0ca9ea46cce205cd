//! Likely duplicates: which and why; two made one, said to be two, and parted again.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use sync_core::actions::duplicates::can_merge;
use sync_core::actions::duplicates::merging::Keep;
use sync_core::id::{FieldName, RecordId};
use sync_core::schema::{Field, Kind, Label};

use super::request::Target;
use crate::app::App;
use crate::auth::Caller;
use crate::body::Body;
use crate::error::{Error, Text};
use crate::intake::Author;
use crate::jobs::merge::{self, Merged};
use crate::place::Path;
use crate::reading::{Likely, Linked, Pair, Reading, Row};
use crate::writing::WriteError;

/// Two records that are likely one.
#[derive(Serialize)]
pub struct PairView {
    one: Row,
    other: Row,
    percent: u8,
    reasons: Vec<Label>,
}

/// The likeliest.
#[derive(Serialize)]
pub struct Pairs {
    rows: Vec<PairView>,
}

/// What is known of a record and others that are the same or may be.
#[derive(Serialize)]
pub struct Around {
    survivor: Option<Linked>,
    behind: Vec<Linked>,
    likely: Vec<Likely>,
}

/// Whose value the survivor has afterwards.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeepWord {
    Own,
    Other,
    Both,
}

/// Which record is the same, and what the survivor takes from it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    duplicate: RecordId,
    #[serde(default)]
    keep: BTreeMap<FieldName, KeepWord>,
}

/// Two that are one now.
#[derive(Serialize)]
pub struct MergeView {
    act: String,
    survivor: RecordId,
    duplicate: RecordId,
}

/// A record that is another one, however alike they look.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apart {
    other: RecordId,
}

/// A kind whose records can be merged, as the caller sees it.
fn mergeable(reading: &Reading, name: &str) -> Result<Kind, Error> {
    let kind = reading.kind(name)?;
    if can_merge(kind) { Ok(Kind::clone(kind)) } else { Err(Error::NotFound) }
}

/// The caller as an author, if the key they came with is for this.
fn author(app: &App, caller: &Caller, kind: &Kind) -> Result<Author, Error> {
    if !caller.grant.may_write(&kind.name) {
        return Err(WriteError::OutOfScope(kind.name.clone()).into());
    }
    Ok(app.intake.on_behalf(caller.workspace, caller.user, caller.role.clone()))
}

fn refused(why: Option<Label>) -> Result<(), Error> {
    why.map_or(Ok(()), |Label { en, zh }| Err(Error::Denied { field: None, message: Text::new(en, zh) }))
}

/// `GET /api/v1/{kind}/duplicates`: the pairs that are likely one, the likeliest first.
///
/// # Errors
/// When there is no such kind in sight, or its records cannot be merged.
pub async fn pairs(State(app): State<App>, caller: Caller, Path(kind): Path<String>) -> Result<Json<Pairs>, Error> {
    let reading = Reading::of(&app, &caller);
    let kind = mergeable(&reading, &kind)?;
    let view = |Pair { one, other, likeness }: Pair| PairView {
        one,
        other,
        percent: likeness.percent(),
        reasons: likeness.reasons.iter().map(|reason| reason.words()).collect(),
    };
    Ok(Json(Pairs { rows: reading.likely_pairs(&kind.name).await?.into_iter().map(view).collect() }))
}

/// `GET /api/v1/{kind}/{id}/duplicates`: what stands for it, what it stands for, what it is likely the same as.
///
/// # Errors
/// When there is no such record in sight.
pub async fn around(State(app): State<App>, caller: Caller, Target { kind, id }: Target) -> Result<Json<Around>, Error> {
    let reading = Reading::of(&app, &caller);
    let kind = mergeable(&reading, &kind)?;
    let row = reading.row(id).await?.filter(|row| row.kind == kind.name).ok_or(Error::NotFound)?;
    let together = reading.together(id).await?;
    let is_compared = together.survivor.is_none() && !row.archived;
    let likely = if is_compared { reading.likely(&kind.name, &row.fields, Some(id)).await? } else { Vec::new() };
    Ok(Json(Around { survivor: together.survivor, behind: together.behind, likely }))
}

/// `POST /api/v1/{kind}/{id}/merge`: this record stands for the duplicate from now on.
///
/// # Errors
/// When either is not there, the caller may not, or the record does not take what is kept.
pub async fn merge(
    State(app): State<App>,
    caller: Caller,
    Target { kind, id }: Target,
    Body(Merge { duplicate, keep }): Body<Merge>,
) -> Result<Json<MergeView>, Error> {
    let reading = Reading::of(&app, &caller);
    let kind = mergeable(&reading, &kind)?;
    let author = author(&app, &caller, &kind)?;
    if let Some(unknown) = keep.keys().find(|name| kind.field(name).is_none()) {
        let message =
            Text::new(format!("kind `{}` has no field `{unknown}`", kind.name), format!("对象“{}”没有字段“{unknown}”。", kind.name));
        return Err(Error::Invalid { field: Some("keep".to_owned()), message });
    }
    let pair = reading.pair(&kind.name, id, duplicate).await?.ok_or(Error::NotFound)?;
    let kept = |field: &Field| match keep.get(&field.name) {
        Some(KeepWord::Other) => Keep::Other,
        Some(KeepWord::Both) => Keep::Both,
        Some(KeepWord::Own) | None => Keep::Own,
    };
    match merge::merge(&app, &author, &kind, (&pair.one, &pair.other), kept).await? {
        Merged::Done(act) => Ok(Json(MergeView { act: act.to_string(), survivor: id, duplicate })),
        Merged::Refused(Label { en, zh }) => Err(Error::Denied { field: None, message: Text::new(en, zh) }),
    }
}

/// `POST /api/v1/{kind}/{id}/set-apart`: remembers that two are not the same.
///
/// # Errors
/// As [`merge()`].
pub async fn set_apart(
    State(app): State<App>,
    caller: Caller,
    Target { kind, id }: Target,
    Body(Apart { other }): Body<Apart>,
) -> Result<Json<Around>, Error> {
    let reading = Reading::of(&app, &caller);
    let kind = mergeable(&reading, &kind)?;
    let author = author(&app, &caller, &kind)?;
    reading.pair(&kind.name, id, other).await?.ok_or(Error::NotFound)?;
    refused(merge::set_apart(&app, &author, &kind, id, other).await?)?;
    around(State(app), caller, Target { kind: kind.name.to_string(), id }).await
}

/// `POST /api/v1/{kind}/{id}/part`: the duplicate stands for itself again; what the merge gave to the survivor goes back.
///
/// # Errors
/// When it is not there, or the caller may not.
pub async fn part(State(app): State<App>, caller: Caller, Target { kind, id }: Target) -> Result<Json<Around>, Error> {
    let reading = Reading::of(&app, &caller);
    let kind = mergeable(&reading, &kind)?;
    let author = author(&app, &caller, &kind)?;
    reading.row(id).await?.filter(|row| row.kind == kind.name).ok_or(Error::NotFound)?;
    refused(merge::take_back(&app, &author, &kind, id).await?)?;
    around(State(app), caller, Target { kind: kind.name.to_string(), id }).await
}

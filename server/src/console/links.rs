//! Links in forms: which records there are to choose from, and which one a typed title means.

use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sync_core::id::RecordId;
use sync_core::schema::{Field, Kind, ValueType};

use super::desk::{Desk, page};
use super::inputs::{Candidates, kinds_of};
use super::typed::Typed;
use crate::error::Error;
use crate::reading::{List, Names};
use askama::Template;
use axum::http::StatusCode;

/// Up to so many records a list is quicker than a search.
const FEW: usize = 60;

/// How many records a search offers.
const OFFERED: u32 = 12;

/// Every id that stands in a value or a condition.
pub fn ids_in(json: &Json) -> Vec<RecordId> {
    match json {
        Json::String(text) => text.parse::<RecordId>().into_iter().collect(),
        Json::Array(values) => values.iter().flat_map(ids_in).collect(),
        Json::Object(object) => object.values().flat_map(ids_in).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) => Vec::new(),
    }
}

/// The link fields among some fields, parts of rows included.
fn link_fields<'a>(fields: impl Iterator<Item = &'a Field>) -> Vec<&'a Field> {
    let with_items = fields.flat_map(|field| std::iter::once(field).chain(&field.items));
    with_items.filter(|field| field.value == ValueType::Link).collect()
}

/// What the links among some fields may lead to, of kinds with few records.
pub async fn candidates<'a>(desk: &Desk, fields: impl Iterator<Item = &'a Field>) -> Result<Candidates, Error> {
    let mut candidates = Candidates::default();
    for field in link_fields(fields) {
        let kinds = kinds_of(field);
        if candidates.few.contains_key(&kinds) {
            continue;
        }
        let found = titled(desk, &field.to, None, FEW as u32 + 1).await?;
        if found.len() <= FEW {
            candidates.few.insert(kinds, found);
        }
    }
    Ok(candidates)
}

/// What the records are called that stand in a form.
pub async fn names_in(desk: &Desk, kind: &Kind, typed: &[&Typed]) -> Result<Names, Error> {
    let mut ids: Vec<RecordId> = Vec::new();
    for field in kind.fields.iter().filter(|field| !link_fields(std::iter::once(*field)).is_empty()) {
        for typed in typed {
            let name = super::typed::name_of(field);
            ids.extend(typed.below(&name).filter_map(|text| text.parse::<RecordId>().ok()));
        }
    }
    Ok(desk.reading.names_of(ids).await?)
}

/// Id and title of records of some kinds, by title; those that contain a text, if one is given.
async fn titled(desk: &Desk, kinds: &[sync_core::id::KindName], text: Option<&str>, max: u32) -> Result<Vec<(String, String)>, Error> {
    let mut found = Vec::new();
    for kind in kinds.iter().filter_map(|kind| desk.reading.kind(kind).ok()) {
        let size = max.to_string();
        let filter = text.map(|text| json!([{"type": "contains", "attribute": &*kind.title, "value": text}]).to_string());
        let mut params = vec![("orderBy", &*kind.title), ("maxSize", &*size)];
        params.extend(filter.as_deref().map(|filter| ("where", filter)));
        // A kind whose title cannot be asked for has nothing to offer.
        let Ok(query) = desk.reading.query(&kind.name, params) else { continue };
        let listing = desk.reading.list(&List::of(query)).await?;
        let title = |row: crate::reading::Row| {
            let title = if row.title.is_empty() { super::format::short(&row.id.to_string()) } else { row.title };
            (row.id.to_string(), title)
        };
        found.extend(listing.rows.into_iter().map(title));
    }
    found.truncate(max as usize);
    Ok(found)
}

/// The one record that a typed title means, if there is one.
pub async fn one_titled(desk: &Desk, field: &Field, title: &str) -> Result<Option<String>, Error> {
    let found = titled(desk, &field.to, Some(title), OFFERED).await?;
    let mut exact = found.iter().filter(|(_, known)| known.eq_ignore_ascii_case(title));
    Ok(match (exact.next(), exact.next(), &found[..]) {
        (Some((id, _)), None, _) | (None, None, [(id, _)]) => Some(id.clone()),
        _ => None,
    })
}

/// Puts the record that a typed title means where the form expects its id. Answers what is not clear:
/// the control's name, and what it may mean.
pub async fn resolve(desk: &Desk, kind: &Kind, typed: &mut Typed) -> Result<Vec<(String, Vec<(String, String)>)>, Error> {
    let mut unclear = Vec::new();
    for name in typed.names_with(".q") {
        let Some(field) = control_field(kind, &name) else { continue };
        let picked = typed.one(&format!("{name}.pick")).to_owned();
        let (title, before) = (typed.one(&format!("{name}.q")).to_owned(), typed.one(&format!("{name}.title")).to_owned());
        let is_set = field.merge == sync_core::schema::Merge::Set && !name.contains(".new.");
        let choose = |typed: &mut Typed, id: String| if is_set { typed.add(&name, id) } else { typed.set(&name, id) };
        if !picked.is_empty() {
            choose(typed, picked);
        } else if title.is_empty() {
            if !is_set {
                typed.set(&name, "");
            }
        } else if title != before || is_set {
            let found = titled(desk, &field.to, Some(&title), OFFERED).await?;
            let exact: Vec<&(String, String)> = found.iter().filter(|(_, known)| known.eq_ignore_ascii_case(&title)).collect();
            match (&exact[..], &found[..]) {
                ([(id, _)], _) | ([], [(id, _)]) => choose(typed, id.clone()),
                _ => unclear.push((name, found)),
            }
        }
    }
    Ok(unclear)
}

/// The field, or the part of a row, that a control's name stands for: `f.parent`, `f.people.<row>.party`.
fn control_field<'a>(kind: &'a Kind, name: &str) -> Option<&'a Field> {
    let mut segments = name.strip_prefix("f.")?.split('.');
    let field = kind.field(segments.next()?)?;
    match segments.next_back() {
        Some(item) => field.item(item),
        None => Some(field),
    }
}

#[derive(Deserialize)]
pub struct Lookup {
    kinds: String,
    q: String,
}

#[derive(Template)]
#[template(path = "lookup.html")]
struct LookupPage {
    found: Vec<(String, String)>,
}

/// `GET /lookup`: options for a search control, while somebody types.
pub async fn lookup(desk: Desk, Query(asked): Query<Lookup>) -> Result<Response, Error> {
    let kinds: Vec<_> = asked.kinds.split(',').filter_map(|kind| kind.parse().ok()).collect();
    let found = titled(&desk, &kinds, Some(asked.q.trim()), OFFERED).await?;
    page(StatusCode::OK, &LookupPage { found })
}

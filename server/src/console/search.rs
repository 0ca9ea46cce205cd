//! One search over everything: a page, and what drops down while somebody types.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::desk::{Desk, Frame, icon, page as answer};
use super::format;
use crate::error::Error;
use crate::reading::Linked;

/// Records on the page.
const PAGE: u32 = 60;

/// Records that drop down.
const DROPPED: u32 = 8;

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
    /// Only what drops down.
    #[serde(default)]
    brief: bool,
}

struct Hit {
    href: String,
    title: String,
    kind: String,
    icon: String,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    frame: Frame,
    q: String,
    hits: Vec<Hit>,
    count: String,
    /// Whether nothing has the words as they were typed.
    is_near: bool,
}

#[derive(Template)]
#[template(path = "search_brief.html")]
struct Brief {
    hits: Vec<Hit>,
    icons: &'static str,
    nothing: &'static str,
    near: Option<&'static str>,
}

/// `GET /search`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let found = desk.reading.search(asked.q.trim(), if asked.brief { DROPPED } else { PAGE }).await?;
    let hits: Vec<Hit> = found.rows.iter().filter_map(|linked| hit(&desk, linked)).collect();
    if asked.brief {
        let (nothing, near) = (desk.words.say("search.nothing"), found.is_near.then(|| desk.words.say("search.near")));
        return answer(StatusCode::OK, &Brief { hits, icons: super::assets::icons(), nothing, near });
    }
    let frame = desk.frame(desk.words.say("search.label"), "/search").await?;
    let count = desk.words.count("list.count", hits.len() as u64);
    answer(StatusCode::OK, &SearchPage { frame, q: asked.q, hits, count, is_near: found.is_near })
}

fn hit(desk: &Desk, linked: &Linked) -> Option<Hit> {
    let kind = desk.reading.kind(&linked.kind).ok()?;
    let label = desk.words.label(&kind.label);
    let fallback = || format!("{label} {}", format::short(&linked.id.to_string()));
    Some(Hit {
        href: format!("/records/{}/{}", linked.kind, linked.id),
        title: if linked.title.is_empty() { fallback() } else { linked.title.clone() },
        kind: label.to_owned(),
        icon: icon(&linked.kind).to_owned(),
    })
}

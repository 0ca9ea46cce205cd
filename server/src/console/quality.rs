//! How good records are: by field, by team and by person, and the slips that are to be corrected.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::schema::Kind;

use super::desk::{Desk, Frame, page as answer, place};
use super::format::{Shown, grouped};
use super::list::{encoded, title_of};
use crate::error::Error;
use crate::reading::{FieldQuality, Names, Quality, Queue, Score, Slip};

/// Teams or people that are listed.
const GROUPS: usize = 50;

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    kind: String,
    field: String,
    /// Whose slips are listed: an owner's id.
    owner: String,
    team: String,
}

#[derive(Template)]
#[template(path = "quality.html")]
struct QualityPage {
    frame: Frame,
    kinds: Vec<(String, String, bool)>,
    /// Of how many records.
    count: String,
    /// How good all of them are, in percent.
    score: Option<u64>,
    /// By team, by owner; none where there is nothing to tell apart.
    groups: Vec<(&'static str, Vec<GroupView>)>,
    fields: Vec<FieldView>,
    /// Of which slips are listed; empty for all.
    only: String,
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

/// The records of a team or a person.
struct GroupView {
    label: String,
    /// Its slips.
    href: Option<String>,
    count: String,
    percent: Option<u64>,
    doubtful: String,
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
    let queue = Queue {
        field: Some(asked.field).filter(|field| desk.reading.may_read(kind, field)),
        owner: asked.owner.parse().ok(),
        team: Some(asked.team).filter(|team| !team.is_empty()),
    };
    let quality = desk.reading.quality(kind, &queue).await?;
    let people = desk.reading.names_of(quality.people.keys().flatten().copied().chain(queue.owner)).await?;
    let page = QualityPage {
        frame: desk.frame(desk.words.say("menu.quality"), "/quality").await?,
        kinds: kinds.iter().map(|one| (one.name.to_string(), desk.words.label(&one.plural).to_owned(), one.name == kind.name)).collect(),
        count: counted(&desk, &quality),
        fields: quality.fields.iter().map(|field| field_view(&desk, kind, field, quality.count)).collect(),
        only: only(&desk, kind, &queue, &people),
        score: quality.all.percent(),
        groups: groups(&desk, kind, &quality, &people),
        slips: quality.slips.iter().filter_map(|slip| slip_view(&desk, kind, slip)).collect(),
        all_href: format!("/quality?kind={}", kind.name),
    };
    answer(StatusCode::OK, &page)
}

/// Whose slips, or in which field, are listed.
fn only(desk: &Desk, kind: &Kind, queue: &Queue, people: &Names) -> String {
    let field = queue.field.as_ref().and_then(|name| kind.field(name)).map(|field| desk.words.label(&field.label).to_owned());
    let owner = queue.owner.and_then(|owner| people.get(&owner)).map(|owner| owner.title.clone());
    [field, owner, queue.team.clone()].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// Teams and people, those with most to correct first.
fn groups(desk: &Desk, kind: &Kind, quality: &Quality, people: &Names) -> Vec<(&'static str, Vec<GroupView>)> {
    let nobody = || desk.words.say("quality.nobody").to_owned();
    let href = |name: &str, value: &str| format!("/quality?kind={}&{name}={}", kind.name, encoded(value));
    let teams = quality
        .teams
        .iter()
        .map(|(team, score)| (team.clone().unwrap_or_else(nobody), team.as_ref().map(|team| href("team", team)), *score));
    let owners = quality.people.iter().map(|(owner, score)| {
        let name = owner.and_then(|owner| people.get(&owner)).map(|owner| owner.title.clone());
        (name.unwrap_or_else(nobody), owner.map(|owner| href("owner", &owner.to_string())), *score)
    });
    let [teams, owners]: [Vec<(String, Option<String>, Score)>; 2] = [teams.collect(), owners.collect()];
    let tables = [("quality.teams", teams), ("quality.people", owners)];
    let told = tables.into_iter().filter(|(_, rows)| rows.iter().any(|(_, href, _)| href.is_some()));
    told.map(|(key, mut rows)| {
        rows.sort_by_key(|(_, _, score)| (std::cmp::Reverse(score.doubtful), score.percent()));
        (desk.words.say(key), rows.into_iter().take(GROUPS).map(group_view).collect())
    })
    .collect()
}

fn group_view((label, href, score): (String, Option<String>, Score)) -> GroupView {
    let text = |count: u64| grouped(&count.to_string());
    GroupView { label, href, count: text(score.count), percent: score.percent(), doubtful: text(score.doubtful) }
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
    let format = desk.formatter(&names);
    Some(SlipView {
        title: title_of(&format, kind, &slip.row),
        href: format!("/records/{}/{}?edit={}", kind.name, slip.row.id, slip.field),
        field: desk.words.label(&field.label).to_owned(),
        value: format.field(field, slip.row.fields.get(&slip.field).unwrap_or(&Json::Null)),
    })
}

//! Likely duplicates: which pairs there are and why, two records side by side, merging them and parting them again.

use std::collections::HashMap;

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use sync_core::actions::duplicates::likely::Likeness;
use sync_core::actions::duplicates::merging::{Keep, choices};
use sync_core::actions::duplicates::{FIELD, can_merge};
use sync_core::id::{KindName, RecordId};
use sync_core::schema::{Field, Kind, Label, Merge};

use super::answers;
use super::desk::{Desk, Frame, page as answer};
use super::edit::{Posted, read};
use super::format::{self, Formatter, Shown};
use super::list::title_of;
use super::typed::Typed;
use crate::error::Error;
use crate::jobs::handover::CUSTOMER;
use crate::jobs::import::{self, ImportError, ImportId};
use crate::jobs::merge::{self, Merged};
use crate::place::Path;
use crate::reading::{Likely, Linked, List, Names, Pair, Row};

/// Records that are offered to choose from.
const FOUND_MAX: u32 = 20;

/// Merges that the log shows.
const LOGGED: usize = 30;

#[derive(Template)]
#[template(path = "duplicates.html")]
struct DuplicatesPage {
    frame: Frame,
    kind: String,
    /// The kinds that can be merged: name, label, whether it is this one.
    kinds: Vec<(String, String, bool)>,
    notice: Option<String>,
    pairs: Vec<PairView>,
    log: Vec<MergeView>,
}

struct PairView {
    href: String,
    percent: u8,
    one: String,
    other: String,
    reasons: Vec<String>,
}

struct MergeView {
    survivor: Shown,
    duplicate: Shown,
    who: String,
    when: Shown,
    undone: Option<Shown>,
    undo: Option<String>,
}

#[derive(Template)]
#[template(path = "pair.html")]
struct PairPage {
    frame: Frame,
    kind: String,
    survivor: SideView,
    duplicate: SideView,
    percent: u8,
    reasons: Vec<String>,
    swap: String,
    action: String,
    rows: Vec<ChoiceView>,
    /// Whether they are one already: there is nothing to decide.
    is_one: bool,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "choose.html")]
struct ChoosePage {
    frame: Frame,
    /// Where others are looked for, and what that is called.
    action: String,
    seek: String,
    title: String,
    back: String,
    sought: String,
    others: Vec<OtherView>,
}

/// A record that may be chosen.
struct OtherView {
    compare: String,
    title: String,
    facts: Vec<Shown>,
    percent: Option<u8>,
}

/// What somebody looks for.
#[derive(Debug, Default, Deserialize)]
pub struct Sought {
    #[serde(default)]
    q: String,
}

struct SideView {
    id: String,
    href: String,
    title: String,
    made: Shown,
    changed: Shown,
}

/// A field in which the two differ.
struct ChoiceView {
    name: String,
    label: String,
    own: Shown,
    other: Shown,
    /// The chosen word first: word, label.
    choices: Vec<(&'static str, &'static str)>,
    /// It stays when the records are parted again.
    for_good: bool,
}

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    done: String,
}

/// `GET /duplicates`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let kinds = desk.reading.mergeable();
    let kind = kinds.iter().find(|kind| *kind.name == *asked.kind).or_else(|| kinds.iter().find(|kind| &*kind.name == CUSTOMER));
    let Some(kind) = kind.or(kinds.first()).map(|kind| (*kind).clone()) else { return Err(Error::NotFound) };
    let pairs = desk.reading.likely_pairs(&kind.name).await?;
    let notice = match &*asked.done {
        "merged" => Some(desk.words.say("duplicate.merged").to_owned()),
        "parted" => Some(desk.words.say("duplicate.parted").to_owned()),
        "apart" => Some(desk.words.say("duplicate.set_apart").to_owned()),
        _ => None,
    };
    let page = DuplicatesPage {
        frame: desk.frame(desk.words.say("menu.duplicates"), "/duplicates").await?,
        kinds: kinds
            .iter()
            .map(|other| (other.name.to_string(), desk.words.label(&other.plural).to_owned(), other.name == kind.name))
            .collect(),
        kind: kind.name.to_string(),
        notice,
        pairs: pairs.iter().map(|pair| pair_view(&desk, &kind, pair)).collect(),
        log: log(&desk, &kind).await?,
    };
    answer(StatusCode::OK, &page)
}

fn pair_view(desk: &Desk, kind: &Kind, pair: &Pair) -> PairView {
    let names = Names::new();
    let format = desk.formatter(&names);
    PairView {
        href: format!("/duplicates/{}/{}/{}", kind.name, pair.one.id, pair.other.id),
        percent: pair.likeness.percent(),
        one: title_of(&format, kind, &pair.one),
        other: title_of(&format, kind, &pair.other),
        reasons: reasons(desk, &pair.likeness),
    }
}

fn reasons(desk: &Desk, likeness: &Likeness) -> Vec<String> {
    likeness.reasons.iter().map(|reason| desk.words.label(&reason.words()).to_owned()).collect()
}

/// The last merges, newest first.
async fn log(desk: &Desk, kind: &Kind) -> Result<Vec<MergeView>, Error> {
    let mut acts = import::list(&desk.app, desk.caller.workspace).await?;
    acts.retain(|act| act.kind == kind.name && act.failed == 0 && merge::pair_of(act).is_some());
    acts.reverse();
    acts.truncate(LOGGED);
    let pairs: Vec<(RecordId, RecordId)> = acts.iter().filter_map(merge::pair_of).collect();
    let people = acts.iter().map(|act| RecordId(act.user.0));
    let names = desk.reading.names_of(pairs.iter().flat_map(|(survivor, duplicate)| [*survivor, *duplicate]).chain(people)).await?;
    let partable = merge::partable(&desk.app, &author(desk), kind, &pairs).await?;
    let format = desk.formatter(&names);
    let view = |(act, (survivor, duplicate)): (&crate::store::imports::ImportRow, &(RecordId, RecordId))| MergeView {
        survivor: format.record(*survivor),
        duplicate: format.record(*duplicate),
        who: names.get(&RecordId(act.user.0)).map(|person| person.title.clone()).unwrap_or_default(),
        when: format::moment(act.started_at),
        undone: act.undone_at.map(format::moment),
        undo: (act.undone_at.is_none() && partable.contains(&(*survivor, *duplicate)))
            .then(|| format!("/duplicates/undo/{}", ImportId(act.import))),
    };
    // What is out of sight is not told of, either.
    let seen = |(_, (survivor, duplicate)): &(_, &(RecordId, RecordId))| names.contains_key(survivor) && names.contains_key(duplicate);
    Ok(acts.iter().zip(&pairs).filter(seen).map(view).collect())
}

/// Whether the caller may say that two records of a kind are the same.
pub fn may_merge(desk: &Desk, kind: &Kind) -> bool {
    can_merge(kind) && desk.reading.may_read(kind, FIELD) && desk.reading.may_write(kind, FIELD)
}

/// `GET /duplicates/{kind}/{survivor}`: which other record is the same.
pub async fn choose(desk: Desk, Path((kind, id)): Path<(KindName, RecordId)>, Query(sought): Query<Sought>) -> Result<Response, Error> {
    let kind = Kind::clone(desk.reading.kind(&kind)?);
    let row = desk.reading.row(id).await?.filter(|row| row.kind == kind.name && can_merge(&kind)).ok_or(Error::NotFound)?;
    let likely = desk.reading.likely(&kind.name, &row.fields, Some(id)).await?;
    let percents: HashMap<RecordId, u8> = likely.iter().map(|likely| (likely.row.id, likely.percent)).collect();
    let (q, likely) = (sought.q.trim(), likely.into_iter().map(|likely| likely.row));
    let is_other = |other: &Row| other.id != id && (!q.is_empty() || !percents.contains_key(&other.id));
    let found = found(&desk, &kind, &row, q).await?.into_iter().filter(is_other);
    let rows: Vec<Row> = likely.filter(|_| q.is_empty()).chain(found).collect();
    let names = desk.reading.names_of(rows.iter().flat_map(|row| links_of(&kind, row))).await?;
    let format = desk.formatter(&names);
    let other = |other: &Row| OtherView {
        compare: format!("/duplicates/{}/{id}/{}", kind.name, other.id),
        title: title_of(&format, &kind, other),
        facts: facts(&desk, &format, &kind, other),
        percent: percents.get(&other.id).copied(),
    };
    let title = title_of(&format, &kind, &row);
    let page = ChoosePage {
        frame: desk.frame(&desk.words.fill("duplicate.choose_for", &[&title]), "/duplicates").await?,
        action: format!("/duplicates/{}/{id}", kind.name),
        seek: desk.words.fill("duplicate.seek", &[desk.words.label(&kind.plural)]),
        back: format!("/records/{}/{id}", kind.name),
        title,
        others: rows.iter().map(other).collect(),
        sought: sought.q,
    };
    answer(StatusCode::OK, &page)
}

/// The records that somebody looks for by title or number; as long as nobody does, those that belong to the same.
async fn found(desk: &Desk, kind: &Kind, row: &Row, sought: &str) -> Result<Vec<Row>, Error> {
    let named = |field: &&Field| (field.name == kind.title || field.merge == Merge::Assigned) && desk.reading.may_read(kind, &field.name);
    let has = |field: &Field| json!({"type": "contains", "attribute": field.name, "value": sought});
    let follows = kind.sharing.follows.as_ref().and_then(|field| Some((field, row.fields.get(&**field)?)));
    let filter = match (sought, follows) {
        ("", None) => return Ok(Vec::new()),
        ("", Some((field, whose))) => json!([{"type": "linkedWith", "attribute": field, "value": [whose]}]),
        _ => json!([{"type": "or", "value": kind.fields.iter().filter(named).map(has).collect::<Vec<_>>()}]),
    };
    let (filter, most) = (filter.to_string(), FOUND_MAX.to_string());
    let params = [("where", &*filter), ("orderBy", "updatedAt"), ("order", "desc"), ("maxSize", &*most)];
    let Ok(query) = desk.reading.query(&kind.name, params) else { return Ok(Vec::new()) };
    Ok(desk.reading.list(&List::of(query)).await?.rows)
}

/// `GET /duplicates/{kind}/{survivor}/{duplicate}`: side by side.
pub async fn pair(desk: Desk, Path((kind, survivor, duplicate)): Path<(KindName, RecordId, RecordId)>) -> Result<Response, Error> {
    show(&desk, &kind, survivor, duplicate, None).await
}

async fn find(desk: &Desk, kind: &KindName, survivor: RecordId, duplicate: RecordId) -> Result<(Kind, Pair), Error> {
    let kind = desk.reading.kind(kind)?.clone();
    let pair = desk.reading.pair(&kind.name, survivor, duplicate).await?.filter(|_| can_merge(&kind)).ok_or(Error::NotFound)?;
    Ok((Kind::clone(&kind), pair))
}

async fn show(desk: &Desk, kind: &KindName, survivor: RecordId, duplicate: RecordId, problem: Option<String>) -> Result<Response, Error> {
    let (kind, pair) = find(desk, kind, survivor, duplicate).await?;
    let names = desk.reading.names_of(linked(&kind, &pair)).await?;
    let format = desk.formatter(&names);
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (survivor, duplicate) = (side(&format, &kind, &pair.one), side(&format, &kind, &pair.other));
    let page = PairPage {
        frame: desk.frame(desk.words.say("duplicate.compare"), "/duplicates").await?,
        percent: pair.likeness.percent(),
        reasons: reasons(desk, &pair.likeness),
        swap: format!("/duplicates/{}/{}/{}", kind.name, duplicate.id, survivor.id),
        action: format!("/duplicates/{}/{}/{}", kind.name, survivor.id, duplicate.id),
        rows: rows(desk, &format, &kind, &pair),
        is_one: merge::are_one(&desk.app, desk.caller.workspace, pair.one.id, pair.other.id).await?,
        kind: kind.name.to_string(),
        survivor,
        duplicate,
        problem,
    };
    answer(status, &page)
}

fn side(format: &Formatter<'_>, kind: &Kind, row: &Row) -> SideView {
    SideView {
        id: row.id.to_string(),
        href: format!("/records/{}/{}", row.kind, row.id),
        title: title_of(format, kind, row),
        made: format::moment(row.created_at),
        changed: format::moment(row.updated_at),
    }
}

fn linked(kind: &Kind, pair: &Pair) -> Vec<RecordId> {
    [links_of(kind, &pair.one), links_of(kind, &pair.other)].concat()
}

fn links_of(kind: &Kind, row: &Row) -> Vec<RecordId> {
    let of = |field: &Field| row.fields.get(&*field.name).map(|value| sync_core::projection::linked(field, value)).unwrap_or_default();
    kind.fields.iter().flat_map(of).map(|(_, id)| id).collect()
}

/// The fields in which there is something to choose, and those that only one of them fills.
fn rows(desk: &Desk, format: &Formatter<'_>, kind: &Kind, pair: &Pair) -> Vec<ChoiceView> {
    let view = |field: &Field| {
        let (own, other) = (pair.one.fields.get(&*field.name), pair.other.fields.get(&*field.name));
        let possible = choices(field, own, other, desk.reading.country());
        let may = desk.reading.may_read(kind, &field.name) && desk.reading.may_write(kind, &field.name);
        let word = |keep: &Keep| match keep {
            Keep::Own => ("own", desk.words.say("duplicate.own")),
            Keep::Other => ("other", desk.words.say("duplicate.other")),
            Keep::Both => ("both", desk.words.say("duplicate.both")),
        };
        let shown = |value: Option<&Json>| value.map_or(Shown::Nothing, |value| format.field(field, value));
        (may && !possible.is_empty()).then(|| ChoiceView {
            name: field.name.to_string(),
            label: desk.words.label(&field.label).to_owned(),
            own: shown(own),
            other: shown(other),
            choices: possible.iter().map(word).collect(),
            for_good: field.merge == Merge::Monotone,
        })
    };
    kind.fields.iter().filter_map(view).collect()
}

/// `POST /duplicates/{kind}/{survivor}/{duplicate}`: they are one, or they are not.
pub async fn decide(
    desk: Desk,
    Path((name, survivor, duplicate)): Path<(KindName, RecordId, RecordId)>,
    Form(posted): Posted,
) -> Result<Response, Error> {
    let (kind, pair) = find(&desk, &name, survivor, duplicate).await?;
    let (typed, author) = (Typed::new(posted), author(&desk));
    let keep = |field: &Field| match typed.one(&format!("keep.{}", field.name)) {
        "other" => Keep::Other,
        "both" => Keep::Both,
        _ => Keep::Own,
    };
    let (refused, done) = if typed.one("act") == "apart" {
        (merge::set_apart(&desk.app, &author, &kind, survivor, duplicate).await?, back(&name, "apart"))
    } else {
        let merged = merge::merge(&desk.app, &author, &kind, (&pair.one, &pair.other), keep).await?;
        let refused = match merged {
            Merged::Done(_) => None,
            Merged::Refused(why) => Some(why),
        };
        (refused, format!("/records/{name}/{survivor}?done=merged"))
    };
    match refused {
        Some(why) => show(&desk, &name, survivor, duplicate, Some(desk.words.label(&why).to_owned())).await,
        None => Ok(Redirect::to(&done).into_response()),
    }
}

fn author(desk: &Desk) -> crate::intake::Author {
    desk.app.intake.on_behalf(desk.caller.workspace, desk.caller.user, desk.caller.role.clone())
}

fn back(kind: &str, done: &str) -> String {
    format!("/duplicates?kind={kind}&done={done}")
}

/// `POST /duplicates/undo/{act}`: what the merge gave to the survivor goes back, too.
pub async fn undo(desk: Desk, Path(act): Path<String>) -> Result<Response, Error> {
    let act: ImportId = act.parse().map_err(|_| Error::NotFound)?;
    let acts = import::list(&desk.app, desk.caller.workspace).await?;
    let act = acts.into_iter().find(|row| row.import == act.0).ok_or(Error::NotFound)?;
    let (_, duplicate) = merge::pair_of(&act).ok_or(Error::NotFound)?;
    if act.undone_at.is_some() {
        return Err(ImportError::AlreadyUndone(ImportId(act.import)).into());
    }
    stand_alone(&desk, &act.kind, duplicate).await?;
    Ok(Redirect::to("/duplicates?done=parted").into_response())
}

/// `POST /records/{kind}/{id}/part`: the record stands for itself again, wherever it was merged.
pub async fn part(desk: Desk, Path((kind, id)): Path<(KindName, RecordId)>) -> Result<Response, Error> {
    stand_alone(&desk, &kind, id).await?;
    Ok(Redirect::to(&format!("/records/{kind}/{id}?done=parted")).into_response())
}

/// Parts a record that the caller sees from whatever it was merged with.
async fn stand_alone(desk: &Desk, kind: &KindName, id: RecordId) -> Result<(), Error> {
    let kind = desk.reading.kind(kind)?.clone();
    desk.reading.row(id).await?.filter(|row| row.kind == kind.name).ok_or(Error::NotFound)?;
    match merge::take_back(&desk.app, &author(desk), &kind, id).await? {
        Some(Label { en, zh }) => Err(Error::Denied { field: Some(FIELD.to_owned()), message: crate::error::Text::new(en, zh) }),
        None => Ok(()),
    }
}

/// What the page of a record says about others that are the same or may be.
pub struct Around {
    /// The record that stands for this one: where it is and what it is called.
    pub survivor: Option<(String, String)>,
    /// The records that this one stands for.
    pub behind: Vec<BehindView>,
    /// Records that it is likely the same as.
    pub likely: Vec<LikelyView>,
    /// Where this record is parted from its survivor.
    pub part: String,
}

/// A record that another one stands for.
pub struct BehindView {
    /// Where it is.
    pub href: String,
    /// What it is called.
    pub title: String,
    /// Where it is parted again.
    pub part: String,
    /// What lists tell of it: its state, whose it is.
    pub facts: Vec<Shown>,
    /// What was said in it, by field: that stays where it was said, and is answered here.
    pub said: Vec<(String, Shown)>,
}

/// A record that something is likely the same as.
pub struct LikelyView {
    /// Where it is.
    pub href: String,
    /// Where the two are compared, if both are there.
    pub compare: Option<String>,
    /// What it is called.
    pub title: String,
    /// How likely, in percent.
    pub percent: u8,
    /// Why.
    pub reasons: Vec<String>,
    /// What differs.
    pub differs: Vec<String>,
}

impl Around {
    /// Of a record.
    pub async fn of(desk: &Desk, kind: &Kind, row: &Row) -> Result<Self, Error> {
        let part = |id: RecordId| format!("/records/{}/{id}/part", kind.name);
        let mut around = Self { survivor: None, behind: Vec::new(), likely: Vec::new(), part: part(row.id) };
        if !can_merge(kind) {
            return Ok(around);
        }
        let together = desk.reading.together(row.id).await?;
        let named = |linked: &Linked| (format!("/records/{}/{}", linked.kind, linked.id), linked.title.clone());
        around.survivor = together.survivor.as_ref().map(named);
        let ids: Vec<RecordId> = together.behind.iter().map(|linked| linked.id).collect();
        let (rows, names) = desk.reading.rows(&ids).await?;
        let format = desk.formatter(&names);
        let view = |linked: &Linked| {
            let ((href, title), row) = (named(linked), rows.get(&linked.id));
            let facts = row.map(|row| facts(desk, &format, kind, row)).unwrap_or_default();
            let said = row.map(|row| said(desk, &format, kind, row)).unwrap_or_default();
            BehindView { href, title, part: part(linked.id), facts, said }
        };
        around.behind = together.behind.iter().map(view).collect();
        if around.survivor.is_none() && !row.archived {
            let likely = desk.reading.likely(&kind.name, &row.fields, Some(row.id)).await?;
            around.likely = likely_views(desk, kind, &row.fields, &likely, Some(row.id)).await?;
        }
        Ok(around)
    }
}

/// What lists tell of a record besides its title.
fn facts(desk: &Desk, format: &Formatter<'_>, kind: &Kind, row: &Row) -> Vec<Shown> {
    let listed = kind.list.iter().filter(|name| **name != kind.title).filter_map(|name| kind.field(name));
    let shown = listed.filter(|field| desk.reading.may_read(kind, &field.name));
    shown.filter_map(|field| Some(format.brief(field, row.fields.get(&*field.name)?))).filter(|fact| !fact.is_nothing()).collect()
}

/// What was said in a record entry by entry: replies, consents.
fn said(desk: &Desk, format: &Formatter<'_>, kind: &Kind, row: &Row) -> Vec<(String, Shown)> {
    let logs = kind.fields.iter().filter(|field| field.merge == Merge::Log && desk.reading.may_read(kind, &field.name));
    let told = |field: &Field| {
        let shown = format.field(field, row.fields.get(&*field.name)?);
        (!shown.is_nothing()).then(|| (desk.words.label(&field.label).to_owned(), shown))
    };
    logs.filter_map(told).collect()
}

async fn likely_views(
    desk: &Desk,
    kind: &Kind,
    fields: &Map<String, Json>,
    likely: &[Likely],
    of: Option<RecordId>,
) -> Result<Vec<LikelyView>, Error> {
    let names = desk.reading.names_of(likely.iter().flat_map(|likely| links_of(kind, &likely.row))).await?;
    let format = desk.formatter(&names);
    Ok(likely.iter().map(|likely| likely_view(desk, &format, kind, fields, likely, of)).collect())
}

fn likely_view(
    desk: &Desk,
    format: &Formatter<'_>,
    kind: &Kind,
    fields: &Map<String, Json>,
    likely: &Likely,
    of: Option<RecordId>,
) -> LikelyView {
    /// What differs is a hint: more than this is a table, and that is a click away.
    const DIFFERENCES: usize = 4;
    let differs = |field: &&Field| {
        let (typed, there) = (fields.get(&*field.name), likely.row.fields.get(&*field.name));
        !field.hidden
            && field.name != kind.title
            && field.items.is_empty()
            && typed.is_some()
            && there.is_some()
            && typed != there
            && desk.reading.may_read(kind, &field.name)
    };
    let difference = |field: &Field| {
        let there = likely.row.fields.get(&*field.name).map_or(Shown::Nothing, |value| format.brief(field, value));
        format!("{}: {}", desk.words.label(&field.label), there.text())
    };
    LikelyView {
        href: format!("/records/{}/{}", likely.row.kind, likely.row.id),
        compare: of.map(|id| format!("/duplicates/{}/{}/{}", kind.name, likely.row.id.min(id), likely.row.id.max(id))),
        title: title_of(format, kind, &likely.row),
        percent: likely.percent,
        reasons: likely.reasons.iter().map(|reason| desk.words.label(reason).to_owned()).collect(),
        differs: kind.fields.iter().filter(differs).take(DIFFERENCES).map(difference).collect(),
    }
}

#[derive(Template)]
#[template(path = "likely.html")]
struct LikelyPage {
    words: super::words::Words,
    likely: Vec<LikelyView>,
    /// What may answer it: addresses and titles.
    answers: Vec<(String, String)>,
    icons: &'static str,
}

/// `POST /records/{kind}/likely`: what a form that is being filled in is likely the same as, and what may answer it, while
/// somebody types.
pub async fn while_typing(desk: Desk, Path(kind): Path<KindName>, Form(posted): Posted) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let fields = typed_fields(&desk, &kind, &Typed::new(posted));
    let likely = desk.reading.likely(&kind.name, &fields, None).await?;
    let likely = likely_views(&desk, &kind, &fields, &likely, None).await?;
    let sentence = fields.get(&*kind.title).and_then(Json::as_str).unwrap_or_default();
    let answers = answers::offered(&desk, &kind, sentence).await?;
    answer(StatusCode::OK, &LikelyPage { words: desk.words, likely, answers, icons: super::assets::icons() })
}

/// What a form holds, as a row would show it; what cannot be read yet is left out.
fn typed_fields(desk: &Desk, kind: &Kind, typed: &Typed) -> Map<String, Json> {
    let mut fields = Map::new();
    for field in &kind.fields {
        for edit in read(desk, &[field], typed, &Map::new()).unwrap_or_default() {
            sync_core::actions::duplicates::likely::typed(&mut fields, &edit);
        }
    }
    fields
}

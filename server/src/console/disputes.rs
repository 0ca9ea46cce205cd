//! Disagreements: every value side by side with who wrote it, and the decision between them.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::access::Action;
use sync_core::collation;
use sync_core::id::RecordId;
use sync_core::schema::{Field, Kind, Merge};

use super::desk::{Desk, Frame, icon, page as answer, place};
use super::edit::{Posted, back};
use super::format::{self, Formatter, Shown};
use super::inputs::{Input, Inputs};
use super::links;
use super::made::{device_of, later, name_of};
use super::record::{Drawing, Editing, show, view};
use super::typed::{Typed, scalar};
use super::why;
use crate::error::Error;
use crate::place::Path;
use crate::reading::{Asked, Claim, Disagreement, Names, OpenConflict, Slice};

/// A disagreement as a card shows it.
pub struct Dispute {
    /// For the form and for anchors.
    pub path: String,
    /// How many values there are, in words.
    pub lead: String,
    /// The values, the one that is shown everywhere first.
    pub claims: Vec<ClaimView>,
    /// A control for another value.
    pub third: Option<Input>,
    /// Whether no value may be the decision: that is asked for on purpose.
    pub may_empty: bool,
    /// Where to decide; none for who may not.
    pub action: Option<String>,
    /// Why a decision was not taken.
    pub error: Option<String>,
    /// The page that a decision leads back to, if it is not the record's.
    pub from: String,
}

/// One of the values.
pub struct ClaimView {
    /// The value.
    pub shown: Shown,
    /// Who.
    pub who: String,
    /// On which device.
    pub device: String,
    /// When it was written.
    pub edited: Shown,
    /// When it arrived.
    pub received: Option<Shown>,
    /// How much later that was.
    pub later: Option<String>,
    /// The change that wrote it: what a decision names.
    pub change: String,
}

/// The card of a disagreement on its record's page.
pub fn dispute(drawing: &Drawing<'_>, field: &Field, open: &Disagreement) -> Dispute {
    let here = Some(drawing.editing).filter(|editing| editing.deciding && editing.place == open.path);
    let card = Card { kind: drawing.kind, record: drawing.view.row.id, field, open, here };
    card.dispute(drawing.desk, &drawing.inputs, !drawing.view.row.archived)
}

/// A disagreement about a field of a record, and what somebody is doing about it `here`.
struct Card<'a> {
    kind: &'a Kind,
    record: RecordId,
    field: &'a Field,
    open: &'a Disagreement,
    here: Option<&'a Editing>,
}

impl Card<'_> {
    fn dispute(&self, desk: &Desk, inputs: &Inputs<'_>, is_open: bool) -> Dispute {
        let (open, item) = (self.open, asked_of(self.field, &self.open.path));
        let format = desk.formatter(inputs.names);
        let may = is_open && desk.reading.may_some(self.kind, Action::Resolve);
        let typed = self.here.and_then(|editing| editing.typed.clone()).unwrap_or_default();
        Dispute {
            path: open.path.clone(),
            lead: desk.words.count("conflict.lead", open.claims.len() as u64),
            claims: open.claims.iter().map(|claim| claim_view(desk, &format, item, claim)).collect(),
            third: inputs.scalar(item, &typed, &format!("f.{}", open.path)).filter(|_| may),
            may_empty: may && may_empty(item, &open.claims),
            action: may.then(|| format!("/records/{}/{}/resolve", self.kind.name, self.record)),
            error: self.here.and_then(|editing| editing.error.clone()),
            from: String::new(),
        }
    }
}

/// The field that is disagreed about: a part of its rows, where the path leads into one.
fn asked_of<'a>(field: &'a Field, path: &str) -> &'a Field {
    path.splitn(3, '/').nth(2).and_then(|part| field.item(part)).unwrap_or(field)
}

/// Whether emptying the field is another decision than keeping one of the values.
fn may_empty(field: &Field, claims: &[Claim]) -> bool {
    !field.required && claims.iter().all(|claim| !claim.value.is_null())
}

fn claim_view(desk: &Desk, format: &Formatter<'_>, field: &Field, claim: &Claim) -> ClaimView {
    let nothing = || Shown::Text(desk.words.say("conflict.cleared").to_owned());
    let shown = format.scalar(field, &claim.value);
    ClaimView {
        shown: if shown.is_nothing() { nothing() } else { shown },
        who: claim.who.as_ref().map_or_else(|| desk.words.say("who.unknown").to_owned(), |who| name_of(desk, who)),
        device: claim.who.as_ref().map(|who| device_of(desk, who)).unwrap_or_default(),
        edited: format::moment(claim.edit_time),
        received: claim.received_at.map(format::moment),
        later: later(desk, claim.edit_time, claim.received_at),
        change: claim.change.to_string(),
    }
}

/// `POST /records/{kind}/{id}/resolve`: `path`, and `keep` (a change), a value of one's own, or `empty`.
pub async fn resolve(desk: Desk, Path((kind, id)): Path<(String, RecordId)>, Form(posted): Posted) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let mut typed = Typed::new(posted);
    let (path, from) = (typed.one("path").to_owned(), PageAsked::from(typed.one("from")));
    let place = path.split('/').next().unwrap_or_default().to_owned();
    let decided = decide(&desk, &kind, id, &path, &mut typed).await?;
    match (decided, from) {
        (Ok(()), Some(from)) => Ok(Redirect::to(&from.address(None, true)).into_response()),
        (Ok(()), None) => Ok(back(&kind, id, &place, "decided").into_response()),
        (Err(refused), from) => {
            let editing = Editing { place: path, deciding: true, typed: Some(typed), ..refused };
            match from {
                Some(from) => all(&desk, from, Some((id, editing))).await,
                None => show(&desk, &kind.name, id, editing, None).await,
            }
        }
    }
}

async fn decide(desk: &Desk, kind: &Kind, id: RecordId, path: &str, typed: &mut Typed) -> Result<Result<(), Editing>, Error> {
    let error = |text: String| Err(Editing { error: Some(text), ..Editing::default() });
    let unclear = links::resolve(desk, kind, typed).await?;
    if !unclear.is_empty() {
        return Ok(Err(Editing { error: Some(why::unclear(desk, &unclear)), matches: unclear, ..Editing::default() }));
    }
    let view = view(desk, &kind.name, id).await?;
    let open = view.disagreements.iter().find(|open| open.path == path);
    let (Some(open), Some(field)) = (open, kind.field(path.split('/').next().unwrap_or_default())) else {
        return Ok(error(desk.words.say("conflict.over").to_owned()));
    };
    let value = match chosen(field, open, typed) {
        Ok(Some(value)) => value,
        Ok(None) => return Ok(error(desk.words.say("conflict.choose").to_owned())),
        Err(wrong) => return Ok(error(why::wrong(desk, field, &wrong))),
    };
    let written = desk.writing().resolve(&kind.name, id, path, value).await;
    Ok(why::written(desk, kind, written)?.or_else(|why| error(why.text)))
}

/// The value of the change that is to be kept, or what was typed instead.
fn chosen(field: &Field, open: &Disagreement, typed: &Typed) -> Result<Option<Json>, super::typed::Wrong> {
    if typed.has("keep") {
        let kept = open.claims.iter().find(|claim| claim.change.to_string() == typed.one("keep"));
        return Ok(kept.map(|claim| claim.value.clone()));
    }
    let item = asked_of(field, &open.path);
    if typed.has("empty") {
        return Ok(may_empty(item, &open.claims).then_some(Json::Null));
    }
    let value = scalar(item, typed, &format!("f.{}", open.path))?;
    Ok(Some(value).filter(|value| !value.is_null()))
}

/// Disagreements settled in one go: a page of them.
const MANY_MAX: usize = 200;

/// `POST /conflicts/resolve`: several at once, by one rule: the value shown, the oldest, or one person's.
pub async fn resolve_many(desk: Desk, Form(posted): Posted) -> Result<Response, Error> {
    let typed = Typed::new(posted);
    let rule = typed.one("rule").to_owned();
    let (mut decided, mut left) = (0, 0);
    for at in typed.all("at").into_iter().take(MANY_MAX) {
        let mut parts = at.splitn(3, ' ');
        let (Some(kind), Some(Ok(id)), Some(path)) = (parts.next(), parts.next().map(str::parse::<RecordId>), parts.next()) else {
            continue;
        };
        match settle(&desk, kind, id, path, &rule).await? {
            true => decided += 1,
            false => left += 1,
        }
    }
    Ok(Redirect::to(&format!("/conflicts?done=decided&count={decided}&left={left}")).into_response())
}

/// Settles one by the rule; answers whether that was possible.
async fn settle(desk: &Desk, kind: &str, id: RecordId, path: &str, rule: &str) -> Result<bool, Error> {
    let kind = desk.reading.kind(kind)?.clone();
    let Some(view) = desk.reading.record(id).await?.filter(|view| view.row.kind == kind.name) else { return Ok(false) };
    let claims = view.disagreements.iter().find(|open| open.path == path).map(|open| &open.claims[..]).unwrap_or_default();
    let theirs = |claim: &&Claim| claim.who.as_ref().is_some_and(|who| who.user.to_string() == rule);
    let claim = match rule {
        "shown" => claims.first(),
        "oldest" => claims.last(),
        _ => claims.iter().find(theirs),
    };
    let Some(claim) = claim else { return Ok(false) };
    let written = desk.writing().resolve(&kind.name, id, path, claim.value.clone()).await;
    Ok(why::written(desk, &kind, written)?.is_ok())
}

/// What the address asks for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PageAsked {
    after: Option<String>,
    /// Only those of one kind.
    kind: String,
    /// Only those in which this person's value stands.
    person: String,
    done: Option<String>,
    /// How many were decided in one go.
    count: Option<u64>,
    /// How many could not be.
    left: u64,
}

impl PageAsked {
    /// What a form says that it stood on: a page of disagreements, or nothing.
    fn from(address: &str) -> Option<Self> {
        let uri: axum::http::Uri = address.parse().ok().filter(|uri: &axum::http::Uri| uri.path() == "/conflicts")?;
        Query::try_from_uri(&uri).ok().map(|Query(asked)| asked)
    }

    /// The address of its page, or of the next one.
    fn address(&self, next: Option<&str>, decided: bool) -> String {
        let encoded = super::list::encoded;
        let after = next.or(self.after.as_deref()).unwrap_or_default();
        let parts = [("after", after), ("kind", &*self.kind), ("person", &*self.person), ("done", if decided { "decided" } else { "" })];
        let said = parts.into_iter().filter(|(_, value)| !value.is_empty());
        let query: Vec<String> = said.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        format!("/conflicts{}{}", if query.is_empty() { "" } else { "?" }, query.join("&"))
    }
}

#[derive(Template)]
#[template(path = "conflicts.html")]
struct ConflictsPage {
    frame: Frame,
    notice: Option<String>,
    /// Why a decision was not taken about something that is not on the page.
    problem: Option<String>,
    /// Whose values there are: those of one person can be kept everywhere.
    people: Vec<(String, String)>,
    may: bool,
    rows: Vec<OpenView>,
    next: Option<String>,
    /// What can be looked at alone: kinds, and people.
    filters: [Vec<Choice>; 2],
    is_filtered: bool,
}

/// Something to filter by: its value, its name, whether it is chosen.
type Choice = (String, String, bool);

struct OpenView {
    /// Kind, record and path: what a box says when it is ticked.
    at: String,
    href: String,
    title: String,
    kind: String,
    icon: String,
    field: String,
    since: Shown,
    dispute: Dispute,
}

/// `GET /conflicts`: all open disagreements, oldest first.
pub async fn page(desk: Desk, Query(asked): Query<PageAsked>) -> Result<Response, Error> {
    all(&desk, asked, None).await
}

/// The page of all; with a decision that was not taken, as an error.
async fn all(desk: &Desk, asked: PageAsked, refused: Option<(RecordId, Editing)>) -> Result<Response, Error> {
    let (slice, everybody) = slice(desk, &asked).await?;
    let names = names(desk, &slice.rows, refused.as_ref()).await?;
    let fields = slice.rows.iter().filter_map(|open| desk.reading.kind(&open.record.kind).ok()?.field(&open.disagreement.field));
    let mut candidates = links::candidates(desk, fields).await?;
    candidates.matches = refused.iter().flat_map(|(_, editing)| editing.matches.iter().cloned()).collect();
    let inputs = Inputs { words: desk.words, names: &names, candidates: &candidates };
    let refused_of = |open: &OpenConflict| {
        let here = |(id, editing): &&(RecordId, Editing)| *id == open.record.id && editing.place == open.disagreement.path;
        refused.as_ref().filter(here).map(|(_, editing)| editing)
    };
    let title = desk.words.say("menu.conflicts");
    let is_here = slice.rows.iter().any(|open| refused_of(open).is_some());
    let page = ConflictsPage {
        frame: desk.frame(title, "/conflicts").await?,
        notice: asked.done.as_ref().map(|_| notice(desk, asked.count, asked.left)),
        problem: refused.as_ref().filter(|_| !is_here).and_then(|(_, editing)| editing.error.clone()),
        people: people(&slice.rows),
        may: desk.reading.kinds().any(|kind| desk.reading.may_some(kind, Action::Resolve)),
        rows: slice.rows.iter().filter_map(|open| open_view(desk, &inputs, &asked, open, refused_of(open))).collect(),
        next: slice.next.map(|next| asked.address(Some(&next), false)),
        filters: filters(desk, &asked, everybody),
        is_filtered: !asked.kind.is_empty() || !asked.person.is_empty(),
    };
    answer(if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &page)
}

/// What the records are called that stand in values, and in what was typed.
async fn names(desk: &Desk, rows: &[OpenConflict], refused: Option<&(RecordId, Editing)>) -> Result<Names, Error> {
    let claims = rows.iter().flat_map(|open| &open.disagreement.claims);
    let linked: Vec<RecordId> = claims.filter_map(|claim| claim.value.as_str()?.parse().ok()).collect();
    let mut names = desk.reading.names_of(linked).await?;
    let here = refused.and_then(|(id, editing)| Some((rows.iter().find(|open| open.record.id == *id)?, editing.typed.as_ref()?)));
    if let Some((open, typed)) = here {
        names.extend(links::names_in(desk, desk.reading.kind(&open.record.kind)?, &[typed]).await?);
    }
    Ok(names)
}

/// Pages that are searched for one person's disagreements in one go.
const PAGES_MAX: usize = 20;

/// A page of what is asked for, and everybody who stands in the page before it was sifted.
async fn slice(desk: &Desk, asked: &PageAsked) -> Result<(Slice<OpenConflict>, Vec<(String, String)>), Error> {
    let mut found = Slice { rows: Vec::new(), next: asked.after.clone() };
    let mut everybody = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = desk.reading.conflicts(&Asked { after: found.next.take(), ..Asked::default() }).await?;
        everybody.extend(people(&page.rows));
        let fits = |open: &OpenConflict| {
            let theirs = |claim: &Claim| claim.who.as_ref().is_some_and(|who| who.user.to_string() == asked.person);
            (asked.kind.is_empty() || *open.record.kind == *asked.kind)
                && (asked.person.is_empty() || open.disagreement.claims.iter().any(theirs))
        };
        found.rows.extend(page.rows.into_iter().filter(fits));
        found.next = page.next;
        if found.next.is_none() || found.rows.len() >= MANY_MAX / 4 {
            break;
        }
    }
    by_name(&mut everybody);
    everybody.dedup();
    Ok((found, everybody))
}

fn filters(desk: &Desk, asked: &PageAsked, everybody: Vec<(String, String)>) -> [Vec<Choice>; 2] {
    let may = |kind: &&std::sync::Arc<Kind>| kind.fields.iter().any(|field| field.merge == Merge::Visible);
    let kind = |kind: &std::sync::Arc<Kind>| (kind.name.to_string(), desk.words.label(&kind.plural).to_owned(), *kind.name == *asked.kind);
    let mut kinds: Vec<&std::sync::Arc<Kind>> = desk.reading.kinds().filter(may).collect();
    kinds.sort_by_key(|kind| place(kind));
    let kinds: Vec<Choice> = kinds.into_iter().map(kind).collect();
    let person = |(id, name): (String, String)| (id == asked.person, id, name);
    let people = everybody.into_iter().map(person).map(|(here, id, name)| (id, name, here)).collect();
    [kinds, people]
}

fn notice(desk: &Desk, count: Option<u64>, left: u64) -> String {
    let Some(count) = count else { return desk.words.say("record.decided").to_owned() };
    if count == 0 && left == 0 {
        return desk.words.say("conflict.none_ticked").to_owned();
    }
    let left = if left > 0 { format!(" {}", desk.words.count("bulk.refused", left)) } else { String::new() };
    format!("{}{left}", desk.words.count("conflict.decided_many", count))
}

/// Everybody whose value stands in one of these, by name.
fn people(rows: &[OpenConflict]) -> Vec<(String, String)> {
    let claims = rows.iter().flat_map(|open| &open.disagreement.claims).filter_map(|claim| claim.who.as_ref());
    let mut people: Vec<(String, String)> = claims.filter_map(|who| Some((who.user.to_string(), who.user_name.clone()?))).collect();
    by_name(&mut people);
    people.dedup();
    people
}

fn by_name(people: &mut [(String, String)]) {
    people.sort_by(|a, b| collation::order(&a.1).cmp(&collation::order(&b.1)).then(a.0.cmp(&b.0)));
}

fn open_view(desk: &Desk, inputs: &Inputs<'_>, asked: &PageAsked, open: &OpenConflict, here: Option<&Editing>) -> Option<OpenView> {
    let (record, disagreement) = (&open.record, &open.disagreement);
    let kind = desk.reading.kind(&record.kind).ok()?;
    let field = kind.field(&disagreement.field)?;
    let label = desk.words.label(&kind.label);
    let card = Card { kind, record: record.id, field, open: disagreement, here };
    let dispute = Dispute { from: asked.address(None, false), ..card.dispute(desk, inputs, true) };
    let title = if record.title.is_empty() { format!("{label} {}", format::short(&record.id.to_string())) } else { record.title.clone() };
    Some(OpenView {
        at: format!("{} {} {}", kind.name, record.id, disagreement.path),
        href: format!("/records/{}/{}#f-{}", kind.name, record.id, field.name),
        title,
        kind: label.to_owned(),
        icon: icon(&kind.name).to_owned(),
        field: desk.words.label(&asked_of(field, &disagreement.path).label).to_owned(),
        since: format::moment(disagreement.since),
        dispute,
    })
}

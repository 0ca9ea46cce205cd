//! The desk: edits that were not accepted. Who wanted to change what, from which value, what stands there now,
//! and why it may not be; and the decision.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use sync_core::access::{Action, Right};
use sync_core::id::RecordId;
use sync_core::protocol::code;
use sync_core::record::fields::{ARCHIVED, FieldEdit};
use sync_core::schema::{Field, Kind, Merge};

use super::desk::{Desk, Frame, icon, page as answer};
use super::edit::{Posted, read};
use super::format::{self, Formatter, Shown};
use super::inputs::{Input, Inputs, filled};
use super::links::ids_in;
use super::made::{device_of, name_of};
use super::typed::Typed;
use super::{links, why};
use crate::error::{Error, sentence};
use crate::intake::Ruling;
use crate::place::Path;
use crate::reading::{Approved, Asked, Names, Proposal, RefusedEdit, RefusedState, TurnView, Wanted, WantedField};
use crate::store::people;
use crate::store::rejected::{ChangeLink, DeskState};
use crate::writing::REVIEWS_MAX;

/// What the address asks for.
#[derive(Default, Deserialize)]
pub struct PageAsked {
    #[serde(default)]
    decided: bool,
    after: Option<String>,
    /// What was done on the page before.
    #[serde(default)]
    done: String,
    /// To how many.
    #[serde(default)]
    count: u64,
    /// How many could not be decided.
    #[serde(default)]
    left: u64,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    code: String,
}

#[derive(Template)]
#[template(path = "rejected.html")]
struct RejectedPage {
    frame: Frame,
    notice: Option<String>,
    problem: Option<String>,
    decided: bool,
    filters: Vec<FilterView>,
    is_filtered: bool,
    may: bool,
    rows: Vec<RefusedView>,
    next: Option<String>,
}

/// A list to narrow the page by: name, label, options with whether each is chosen.
struct FilterView {
    name: &'static str,
    label: &'static str,
    options: Vec<(String, String, bool)>,
}

pub(super) struct RefusedView {
    change: String,
    pub title: String,
    href: Option<String>,
    kind: String,
    icon: String,
    who: String,
    device: String,
    edited: Option<Shown>,
    age: String,
    received_iso: String,
    pub why: String,
    state: &'static str,
    colour: &'static str,
    pub fields: Vec<FieldView>,
    /// Whether the caller may decide about it.
    pub may: bool,
    /// Who has given their word already, and whose turn it is, in words.
    trail: Vec<String>,
    turn: Option<String>,
    /// Who decided and when, in words.
    decision: Option<String>,
    note: Option<String>,
    /// Whether the decision can be taken back here.
    may_reopen: bool,
}

/// A field in three columns: as its author saw it, as they wanted it, as it is.
pub(super) struct FieldView {
    pub label: String,
    pub from: Shown,
    pub to: Shown,
    now: Shown,
    /// Whether somebody has written there since.
    moved: bool,
}

/// `GET /rejected`: newest first.
pub async fn page(desk: Desk, Query(asked): Query<PageAsked>) -> Result<Response, Error> {
    show(&desk, &asked, None).await
}

async fn show(desk: &Desk, asked: &PageAsked, problem: Option<(StatusCode, String)>) -> Result<Response, Error> {
    let state = if asked.decided { RefusedState::Decided } else { RefusedState::Open };
    let wanted = Wanted {
        kind: asked.kind.parse().ok(),
        user: asked.user.parse().ok(),
        code: Some(asked.code.clone()).filter(|code| !code.is_empty()),
    };
    let slice = desk.reading.rejected(state, &wanted, &Asked { after: asked.after.clone(), ..Asked::default() }).await?;
    let names = desk.reading.names_of(slice.rows.iter().flat_map(named_in).collect::<Vec<_>>()).await?;
    let rows: Vec<RefusedView> = slice.rows.iter().map(|row| refused_view(desk, &names, row)).collect();
    let (status, problem) = problem.map_or((StatusCode::OK, None), |(status, text)| (status, Some(text)));
    let page = RejectedPage {
        frame: desk.frame(desk.words.say("menu.rejected"), "/rejected").await?,
        notice: notice(desk, asked),
        problem,
        decided: asked.decided,
        filters: filters(desk, asked).await?,
        is_filtered: wanted != Wanted::default(),
        may: rows.iter().any(|row| row.may),
        rows,
        next: slice.next.map(|next| address(asked, &next)),
    };
    answer(status, &page)
}

fn address(asked: &PageAsked, next: &str) -> String {
    let pairs = [("kind", &asked.kind), ("user", &asked.user), ("code", &asked.code)];
    let kept = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let kept: String = kept.map(|(name, value)| format!("{name}={}&", super::list::encoded(value))).collect();
    format!("/rejected?decided={}&{kept}after={}", asked.decided, super::list::encoded(next))
}

fn notice(desk: &Desk, asked: &PageAsked) -> Option<String> {
    let done = match &*asked.done {
        "accepted" => desk.words.count("rejected.done_accepted", asked.count),
        "declined" => desk.words.count("rejected.done_declined", asked.count),
        "returned" => desk.words.count("rejected.done_returned", asked.count),
        "reopened" => desk.words.say("rejected.done_reopened").to_owned(),
        "held" => desk.words.say("record.held").to_owned(),
        _ => return None,
    };
    let left = if asked.left > 0 { format!(" {}", desk.words.count("bulk.refused", asked.left)) } else { String::new() };
    Some(format!("{done}{left}"))
}

async fn filters(desk: &Desk, asked: &PageAsked) -> Result<Vec<FilterView>, Error> {
    let words = desk.words;
    let kinds = desk.reading.kinds().map(|kind| (kind.name.to_string(), words.label(&kind.plural).to_owned())).collect();
    let people = people::users(&mut desk.app.store.reader().await?, desk.caller.workspace).await?;
    let people = people.into_iter().map(|user| (user.user.to_string(), user.name)).collect();
    let codes = CODES.map(|(code, key)| (code.to_owned(), words.say(key).to_owned())).to_vec();
    let filter = |name, label, present: &str, options: Vec<(String, String)>| {
        let options = options.into_iter().map(|(value, label)| (value.clone(), label, value == present)).collect();
        FilterView { name, label: words.say(label), options }
    };
    Ok(vec![
        filter("kind", "rejected.by_kind", &asked.kind, kinds),
        filter("user", "rejected.by_person", &asked.user, people),
        filter("code", "rejected.by_reason", &asked.code, codes),
    ])
}

/// The reasons to narrow by.
const CODES: [(&str, &str); 7] = [
    (code::FORBIDDEN, "code.forbidden"),
    (code::FROZEN, "code.frozen"),
    (code::ARCHIVED, "code.archived"),
    (code::BAD_VALUE, "code.bad_value"),
    (code::UNKNOWN_FIELD, "code.unknown_field"),
    (code::REVOKED, "code.revoked"),
    (code::MALFORMED, "code.malformed"),
];

/// What is posted about one or several edits.
#[derive(Deserialize)]
pub struct Decision {
    step: String,
    #[serde(default)]
    reason: String,
}

/// `POST /rejected`: accepts, declines or returns those that are ticked.
pub async fn decide_many(desk: Desk, Form(posted): Posted) -> Result<Response, Error> {
    let typed = Typed::new(posted);
    // Enter, and no reason was written: no decision was meant.
    if typed.one("step") == "enter" && typed.one("reason").trim().is_empty() {
        return Ok(Redirect::to("/rejected").into_response());
    }
    let (ruling, done) = ruling(typed.one("step"), typed.one("reason"));
    let changes: Vec<ChangeLink> = typed.all("change").into_iter().filter_map(|text| text.parse().ok()).take(REVIEWS_MAX).collect();
    let answers = desk.writing().review(&changes, &ruling).await?;
    let count = answers.iter().filter(|answer| answer.is_ok()).count();
    Ok(Redirect::to(&format!("/rejected?done={done}&count={count}&left={}", answers.len() - count)).into_response())
}

/// `POST /rejected/{change}`: accepts it, declines it, returns it, or opens it again.
pub async fn decide(desk: Desk, Path(change): Path<String>, Form(posted): Form<Decision>) -> Result<Response, Error> {
    let change: ChangeLink = change.parse().map_err(|_| Error::NotFound)?;
    let (ruling, done) = ruling(&posted.step, &posted.reason);
    match desk.writing().review_one(change, ruling).await {
        Ok(()) => Ok(Redirect::to(&format!("/rejected?done={done}&count=1")).into_response()),
        Err(error) => {
            let problem = error.problem();
            show(&desk, &PageAsked::default(), Some((problem.status, problem.text.in_language(desk.words.0).to_owned()))).await
        }
    }
}

fn ruling(step: &str, reason: &str) -> (Ruling, &'static str) {
    let reason = Some(reason.trim()).filter(|reason| !reason.is_empty()).map(str::to_owned);
    match step {
        "accept" => (Ruling::Accept, "accepted"),
        "reopen" => (Ruling::Reopen, "reopened"),
        "return" => (Ruling::Return(reason.unwrap_or_default()), "returned"),
        _ => (Ruling::Decline(reason), "declined"),
    }
}

#[derive(Template)]
#[template(path = "rejected_change.html")]
struct ChangePage {
    frame: Frame,
    problem: Option<String>,
    row: RefusedView,
    inputs: Vec<(String, String, Input)>,
}

/// `GET /rejected/{change}`: other values before it is accepted.
pub async fn change(desk: Desk, Path(change): Path<String>) -> Result<Response, Error> {
    let proposal = proposal(&desk, &change).await?;
    let kind = desk.reading.kind(&proposal.edit.kind)?.clone();
    let mut typed = Typed::default();
    for field in typeable(&desk, &kind, &proposal) {
        typed.extend(filled(field, proposal.proposed.get(&*field.name)));
    }
    show_change(&desk, &kind, &proposal, &typed, Vec::new(), None).await
}

/// `POST /rejected/{change}/change`: accepts it with what was typed.
pub async fn accept_changed(desk: Desk, Path(change): Path<String>, Form(posted): Posted) -> Result<Response, Error> {
    let proposal = proposal(&desk, &change).await?;
    let kind = desk.reading.kind(&proposal.edit.kind)?.clone();
    let mut typed = Typed::new(posted);
    let unclear = links::resolve(&desk, &kind, &mut typed).await?;
    if !unclear.is_empty() {
        let problem = why::unclear(&desk, &unclear);
        return show_change(&desk, &kind, &proposal, &typed, unclear, Some(problem)).await;
    }
    let problem = match read(&desk, &typeable(&desk, &kind, &proposal), &typed, &proposal.proposed) {
        Err((_, text)) => text,
        Ok(edits) => match desk.writing().accept(proposal.edit.name().into(), Some(amended(&proposal, edits))).await {
            Ok(()) => return Ok(Redirect::to("/rejected?done=accepted&count=1").into_response()),
            Err(error) => error.problem().text.in_language(desk.words.0).to_owned(),
        },
    };
    show_change(&desk, &kind, &proposal, &typed, Vec::new(), Some(problem)).await
}

/// What was asked for, with what the reviewer has typed on top: one edit of each value.
fn amended(proposal: &Proposal, typed: Vec<FieldEdit>) -> Vec<FieldEdit> {
    let mut edits = proposal.edit.edits.clone();
    for edit in typed {
        match &edit {
            FieldEdit::Set { field, .. } => edits.retain(|asked| asked.field() != field),
            FieldEdit::SetRow { field, row, values } => {
                let same = |asked: &&mut FieldEdit| matches!(asked, FieldEdit::SetRow { field: f, row: r, .. } if f == field && r == row);
                if let Some(FieldEdit::SetRow { values: asked, .. }) = edits.iter_mut().find(same) {
                    asked.extend(values.clone());
                    continue;
                }
            }
            FieldEdit::RemoveRow { field, row } => {
                edits.retain(|asked| !matches!(asked, FieldEdit::SetRow { field: f, row: r, .. } if f == field && r == row));
                if !is_present(&proposal.present, field, row) {
                    continue;
                }
            }
            FieldEdit::Add { .. } | FieldEdit::Remove { .. } | FieldEdit::Append { .. } => {}
            FieldEdit::MoveRow { .. } | FieldEdit::Increment { .. } | FieldEdit::Splice { .. } => {}
        }
        edits.push(edit);
    }
    edits
}

fn is_present(present: &Map<String, Json>, field: &str, row: &str) -> bool {
    let rows = present.get(field).and_then(Json::as_array);
    rows.is_some_and(|rows| rows.iter().any(|known| known.get("id").and_then(Json::as_str) == Some(row)))
}

async fn proposal(desk: &Desk, change: &str) -> Result<Proposal, Error> {
    let change = change.parse().map_err(|_| Error::NotFound)?;
    desk.reading.proposal(change).await?.ok_or(Error::NotFound)
}

/// The fields of an edit that a form can show with what was wanted.
fn typeable<'k>(desk: &Desk, kind: &'k Kind, proposal: &Proposal) -> Vec<&'k Field> {
    let fields = proposal.edit.fields.iter().filter_map(|wanted| kind.field(&wanted.field));
    let has_form = |field: &&Field| !matches!(field.merge, Merge::Log | Merge::Counter) && desk.reading.may_write(kind, &field.name);
    fields.filter(has_form).collect()
}

async fn show_change(
    desk: &Desk,
    kind: &Kind,
    proposal: &Proposal,
    typed: &Typed,
    unclear: Vec<(String, Vec<(String, String)>)>,
    problem: Option<String>,
) -> Result<Response, Error> {
    let fields = typeable(desk, kind, proposal);
    let mut candidates = links::candidates(desk, fields.iter().copied()).await?;
    candidates.matches = unclear.into_iter().collect();
    let names = links::names_in(desk, kind, &[typed]).await?;
    let inputs = Inputs { words: desk.words, names: &names, candidates: &candidates };
    let control =
        |field: &&Field| Some((super::typed::name_of(field), desk.words.label(&field.label).to_owned(), inputs.of(field, typed)?));
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = ChangePage {
        frame: desk.frame(desk.words.say("rejected.change"), "/rejected").await?,
        problem,
        row: refused_view(desk, &names, &proposal.edit),
        inputs: fields.iter().filter_map(control).collect(),
    };
    answer(status, &page)
}

/// What names the record of an edit: its title, or the one that it would have, or its kind and the end of its id.
pub fn title_of_refused(desk: &Desk, kind: Option<&Kind>, row: &RefusedEdit) -> String {
    let label = kind.map_or_else(|| row.kind.to_string(), |kind| desk.words.label(&kind.label).to_owned());
    let known = row.title.as_deref().filter(|title| !title.is_empty());
    let proposed = || row.proposed_title(kind?);
    known.or_else(proposed).map_or_else(|| format!("{label} {}", format::short(&row.record.to_string())), str::to_owned)
}

/// The records that an edit names: in what its author saw, in what they want, in what stands there.
pub(super) fn named_in(edit: &RefusedEdit) -> impl Iterator<Item = RecordId> {
    let values = edit.fields.iter().flat_map(|wanted| [&wanted.from, &wanted.to, &wanted.now]);
    values.flatten().flat_map(ids_in)
}

pub(super) fn refused_view(desk: &Desk, names: &Names, row: &RefusedEdit) -> RefusedView {
    let kind = desk.reading.kind(&row.kind).ok();
    let format = desk.formatter(names);
    let label = kind.map_or_else(|| row.kind.to_string(), |kind| desk.words.label(&kind.label).to_owned());
    let title = title_of_refused(desk, kind.map(|kind| &**kind), row);
    let (state, colour) = match row.state {
        DeskState::Held => ("rejected.held", "amber"),
        DeskState::Accepted => ("rejected.accepted", "green"),
        DeskState::Declined => ("rejected.declined", "grey"),
        DeskState::Returned => ("rejected.returned", "blue"),
        DeskState::Withdrawn => ("rejected.withdrawn", "grey"),
        DeskState::Rejected | DeskState::Rewritten => ("rejected.refused", "red"),
    };
    let is_open = row.state.is_open();
    let may = row.turn.as_ref().map_or_else(|| may_decide(desk, kind.map(|kind| &**kind), row), |turn| turn.yours);
    RefusedView {
        change: row.name().to_string(),
        href: row.title.is_some().then(|| format!("/records/{}/{}", row.kind, row.record)),
        title,
        icon: icon(&row.kind).to_owned(),
        who: name_of(desk, &row.who),
        device: device_of(desk, &row.who),
        edited: row.edit_time.map(format::moment),
        age: desk.words.ago(row.received_at, desk.now),
        received_iso: format::iso(row.received_at),
        why: why(desk, kind.map(|kind| &**kind), row),
        state: desk.words.say(state),
        colour,
        fields: field_views(&format, kind.map(|kind| &**kind), row),
        may: may && is_open,
        trail: row.approvals.iter().map(|word| word_of(desk, word)).collect(),
        turn: row.turn.as_ref().filter(|_| is_open).map(|turn| turn_of(desk, turn)),
        decision: decision(desk, row),
        note: row.note.clone(),
        may_reopen: may && DeskState::REOPENED.contains(&row.state),
        kind: label,
    }
}

fn word_of(desk: &Desk, word: &Approved) -> String {
    let by = word.by_name.clone().unwrap_or_else(|| desk.words.say("who.unknown").to_owned());
    desk.words.fill("rejected.approved_by", &[&by, &desk.words.ago(word.at, desk.now)])
}

fn turn_of(desk: &Desk, turn: &TurnView) -> String {
    let (step, of) = (turn.step.to_string(), turn.of.to_string());
    let whose = desk.words.fill("rejected.turn", &[&step, &of, desk.words.label(&turn.approver)]);
    match (&turn.deputy, turn.due) {
        (Some(deputy), Some(due)) => {
            let key = if turn.handed_over { "rejected.deputy_now" } else { "rejected.deputy_from" };
            format!("{whose} {}", desk.words.fill(key, &[desk.words.label(deputy), &format::minute(due)]))
        }
        (None, Some(due)) => {
            let key = if due <= desk.now { "rejected.overdue" } else { "rejected.until" };
            format!("{whose} {}", desk.words.fill(key, &[&format::minute(due)]))
        }
        (_, None) => whose,
    }
}

fn decision(desk: &Desk, row: &RefusedEdit) -> Option<String> {
    let at = desk.words.ago(row.decided_at?, desk.now);
    let by = row.decided_by_name.clone().unwrap_or_else(|| desk.words.say("who.unknown").to_owned());
    let key = if row.state == DeskState::Withdrawn { "rejected.withdrawn_by" } else { "rejected.decided_by" };
    Some(desk.words.fill(key, &[&by, &at]))
}

/// Whether the buttons are worth showing; who really may is decided when it is done.
fn may_decide(desk: &Desk, kind: Option<&Kind>, row: &RefusedEdit) -> bool {
    if desk.may(Right::Administer) {
        return true;
    }
    let Some(kind) = kind else { return false };
    let is_limited = row.state == DeskState::Held && desk.reading.roles().has_limits(&desk.caller.role, &kind.name);
    !is_limited && desk.reading.may_some(kind, Action::Edit) && row.fields.iter().all(|field| desk.reading.may_write(kind, &field.field))
}

/// What an edit wanted, field by field.
pub(super) fn field_views(format: &Formatter<'_>, kind: Option<&Kind>, row: &RefusedEdit) -> Vec<FieldView> {
    let mut views: Vec<FieldView> = row.fields.iter().filter_map(|wanted| field_view(format, kind?, wanted)).collect();
    let said = |field: &str| row.fields.iter().any(|wanted| wanted.field == field);
    // Archiving, and what the kind does not know: there is nothing to show but its name.
    let others = row.edits.iter().filter(|edit| !said(edit.field()));
    views.extend(others.map(|edit| {
        let (label, to) = edit_view(format, kind, edit);
        FieldView { label, from: Shown::Nothing, to, now: Shown::Nothing, moved: false }
    }));
    views
}

fn field_view(format: &Formatter<'_>, kind: &Kind, wanted: &WantedField) -> Option<FieldView> {
    let field = kind.field(&wanted.field)?;
    let shown = |value: &Option<Json>| value.as_ref().map_or(Shown::Nothing, |value| format.field(field, value));
    let cleared = || Shown::Text(format.words.say("edit.cleared").to_owned());
    let to = shown(&wanted.to);
    Some(FieldView {
        label: format.words.label(&field.label).to_owned(),
        from: shown(&wanted.from),
        to: if to.is_nothing() { cleared() } else { to },
        now: shown(&wanted.now),
        moved: wanted.now != wanted.from && wanted.now != wanted.to,
    })
}

/// Why, in words: by the fields' labels where the phone was told their names.
fn why(desk: &Desk, kind: Option<&Kind>, row: &RefusedEdit) -> String {
    let name = row.field.as_deref().unwrap_or_default();
    let field = kind.and_then(|kind| kind.field(name.split(['.', '/']).next().unwrap_or_default()));
    let Some((kind, field)) = kind.zip(field) else { return sentence(desk.words.label(&row.message)) };
    let label = desk.words.label(&field.label);
    match (&*row.code, &field.frozen) {
        (code::FROZEN, Some(frozen)) => {
            let by = kind.field(&frozen.field).map_or(&*frozen.field, |by| desk.words.label(&by.label));
            desk.words.fill("why.frozen_now", &[label, by])
        }
        (code::BAD_VALUE, _) => desk.words.fill("why.bad_value", &[label]),
        _ => sentence(desk.words.label(&row.message)),
    }
}

/// What an edit wanted, in words: the field, and what was to be written.
fn edit_view(format: &Formatter<'_>, kind: Option<&Kind>, edit: &FieldEdit) -> (String, Shown) {
    let words = format.words;
    let Some(field) = kind.and_then(|kind| kind.field(edit.field())) else {
        let label = if edit.field() == ARCHIVED { words.say("record.archive") } else { edit.field() };
        return (label.to_owned(), Shown::Nothing);
    };
    let said = |key, shown: Shown| Shown::Many(vec![Shown::Text(words.say(key).to_owned()), shown]);
    let row = |values: &serde_json::Map<String, Json>| {
        let part =
            |item: &sync_core::schema::Field| Some((words.label(&item.label).to_owned(), format.scalar(item, values.get(&*item.name)?)));
        Shown::Log(vec![field.items.iter().filter_map(part).collect()])
    };
    let shown = match edit {
        FieldEdit::Set { value: Json::Null, .. } => Shown::Text(words.say("edit.cleared").to_owned()),
        FieldEdit::Set { value, .. } => format.field(field, value),
        FieldEdit::Add { value, .. } => said("edit.added", format.field(field, &Json::from(vec![value.clone()]))),
        FieldEdit::Remove { value, .. } => said("edit.removed", format.field(field, &Json::from(vec![value.clone()]))),
        FieldEdit::SetRow { values, .. } | FieldEdit::Append { values, .. } => row(values),
        FieldEdit::RemoveRow { .. } => Shown::Text(words.say("edit.row_removed").to_owned()),
        FieldEdit::MoveRow { .. } => Shown::Text(words.say("edit.row_moved").to_owned()),
        FieldEdit::Increment { by, .. } => Shown::Number(format!("{by:+}")),
        FieldEdit::Splice { insert, .. } if insert.is_empty() => Shown::Text(words.say("edit.text_removed").to_owned()),
        FieldEdit::Splice { insert, .. } => said("edit.added", Shown::Prose(insert.clone())),
    };
    (words.label(&field.label).to_owned(), shown)
}

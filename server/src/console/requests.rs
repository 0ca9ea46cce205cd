//! What waits for somebody's word, as requests on the phones of those who are asked; and what they decide there.
//!
//! A request is a record of whoever is asked, and says no more than their desk would. What they decide in it is carried out
//! as there: with their rights, in their turn. What came of it follows from the desk alone, so that it is the same whoever
//! decided where, and nothing is done twice when the server is stopped in between.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use axum::http::HeaderMap;
use sync_core::access::{Action, Level, Right};
use sync_core::actions::approvals::{Approver, Turn};
use sync_core::actions::follow::RECORD;
use sync_core::actions::request::{APPROVAL, OUTCOME};
use sync_core::id::{Millis, RecordId, UserId, WorkspaceId};
use sync_core::protocol::code;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Kind;
use tokio::sync::broadcast::error::RecvError;

use super::desk::Desk;
use super::format::Shown;
use super::rejected::{FieldView, named_in, refused_view};
use crate::app::App;
use crate::auth::Caller;
use crate::auth::secret::random;
use crate::error::Error;
use crate::intake::{Expect, RecordEdit, Rules, Ruling};
use crate::jobs::runs::Runs;
use crate::store::approvals::{self, Courses, Waiting, Word, is_nobodys};
use crate::store::people::{self, User};
use crate::store::rejected::{self, ChangeName, Decided, DeskState, RejectedRow};
use crate::store::requests::{self, APPROVER, CHANGE, Request, STEP};
use crate::store::{Result as Stored, Tx, workspaces};
use crate::writing::Writing;

/// How long a deadline that is over, or what another process wrote, waits at most.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Changes come in bursts, and a look for each would cost as much as the change.
const PAUSE: Duration = Duration::from_millis(200);
/// Edits about which people are asked at a time, the oldest first: the desk has the others.
const EDITS_MAX: usize = 500;
/// People who are asked about one edit: of a larger house the others find it at the desk.
const ASKED_MAX: usize = 50;
/// Requests that are written at once.
const STEP_MAX: usize = 100;
/// How long it is remembered who is not asked about what: then they may have come to see it.
const PASSED_OVER_MS: Millis = 60_000;
/// Characters of what would change: a phone shows no more of it, and the desk has the rest.
const CHANGES_CHARS: usize = 10_000;

/// Who was looked at and is not asked.
#[derive(Debug, Default)]
pub struct PassedOver {
    since: Millis,
    who: HashSet<(ChangeName, UserId)>,
}

/// Asks and carries out until the server stops. What fails is tried again.
pub async fn run(app: App) {
    let (mut head, mut news) = (app.intake.head(), app.intake.desk_news());
    loop {
        let done = round(&app).await;
        if let Err(error) = &done {
            tracing::error!(error = error as &dyn std::error::Error, "requests for approval were not looked through");
        }
        app.runs.note(Runs::REQUESTS, app.clock.now(), &done);
        let goes_on = tokio::select! {
            changed = head.changed() => changed.is_ok(),
            heard = news.recv() => !matches!(heard, Err(RecvError::Closed)),
            () = tokio::time::sleep(LOOK_EVERY) => true,
            () = app.until_stopping() => false,
        };
        if !goes_on {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Carries out what was decided in requests, closes those that are over, and asks whoever is to be asked.
///
/// # Errors
/// When the database fails.
pub async fn round(app: &App) -> Result<(), Error> {
    let mut passed = app.requesting.lock().await;
    let now = app.clock.now();
    if now - passed.since >= PASSED_OVER_MS {
        *passed = PassedOver { since: now, who: HashSet::new() };
    }
    let all = workspaces::all(&mut app.store.reader().await?).await?;
    for workspace in all {
        while step(app, workspace.workspace, &mut passed).await? {}
    }
    Ok(())
}

/// Some of it; answers whether there may be more.
async fn step(app: &App, workspace: WorkspaceId, passed: &mut PassedOver) -> Result<bool, Error> {
    let open = requests::open(&mut app.store.reader().await?, workspace).await?;
    let mut failed = HashMap::new();
    for request in &open {
        failed.extend(carry_out(app, workspace, request).await?.map(|why| (request.record, why)));
    }
    let Some(desk) = AtTheDesk::read(app, workspace, &open).await? else { return Ok(false) };
    let asks: Asks<'_> = desk.waiting.iter().map(|edit| (edit.change, desk.asked(edit))).collect();
    let over = |request: &Request| {
        let why = || failed.get(&request.record).map(|why| Over::failed(request.approver, why.clone(), desk.now));
        Some((request.record, desk.over(request, &asks).or_else(why)?))
    };
    let over: Vec<(RecordId, Over)> = open.iter().filter_map(over).collect();
    let closed: HashSet<RecordId> = over.iter().map(|(record, _)| *record).collect();
    let known: HashSet<(ChangeName, usize, UserId)> =
        open.iter().filter(|request| !closed.contains(&request.record)).map(Request::about).collect();
    let asked = desk.ask(app, &asks, &known, passed).await?;
    let more = asked.len() >= STEP_MAX;
    let close = |(record, over): (RecordId, Over)| edit(record, Expect::Existing, over.edits());
    let ask = |edits| edit(RecordId::new(desk.now, random()), Expect::New, edits);
    let edits: Vec<RecordEdit> = over.into_iter().map(close).chain(asked.into_iter().map(ask)).collect();
    if !edits.is_empty() {
        for answer in app.intake.edit(&app.intake.itself(workspace), edits, desk.now, None).await? {
            if let Err(why) = answer {
                tracing::warn!(%why, "a request for approval was not written");
            }
        }
    }
    Ok(more)
}

fn edit(record: RecordId, expect: Expect, edits: Vec<FieldEdit>) -> RecordEdit {
    RecordEdit { kind: APPROVAL.parse().expect("a kind's name"), record, edits, expect }
}

/// Says at the desk what somebody has decided in a request; answers why it could not be done, in their language.
async fn carry_out(app: &App, workspace: WorkspaceId, request: &Request) -> Result<Option<String>, Error> {
    let Some(ruling) = request.decision.as_deref().and_then(|decision| ruling(decision, request.note.clone())) else { return Ok(None) };
    let mut tx = app.store.reader().await?;
    let approver = people::user(&mut tx, workspace, request.approver).await?.filter(|user| user.disabled_at.is_none());
    let Some(approver) = approver else { return Ok(None) };
    let row = rejected::rejected_among(&mut tx, workspace, &[request.change]).await?.remove(&request.change);
    let given = approvals::words(&mut tx, workspace, &[request.change]).await?.remove(&request.change).unwrap_or_default();
    if !row.is_some_and(|row| row.is_open()) || given.len() >= request.step {
        return Ok(None);
    }
    drop(tx);
    let language = approver.language;
    let answers = Writing::of(app, &Caller::seeing(approver)).review(&[request.change.into()], &ruling).await?;
    let why = answers.into_iter().next().and_then(Result::err);
    Ok(why.map(|why| Error::from(why).problem().text.in_language(language).to_owned()))
}

fn ruling(decision: &str, note: Option<String>) -> Option<Ruling> {
    match decision {
        "approve" => Some(Ruling::Accept),
        "decline" => Some(Ruling::Decline(note)),
        "return" => Some(Ruling::Return(note.unwrap_or_default())),
        _ => None,
    }
}

/// That a request is over.
struct Over {
    outcome: &'static str,
    by: Option<UserId>,
    at: Millis,
    said: Option<String>,
}

impl Over {
    fn failed(by: UserId, why: String, at: Millis) -> Self {
        Self { outcome: "failed", by: Some(by), at, said: Some(why) }
    }

    fn edits(self) -> Vec<FieldEdit> {
        let by = self.by.map(|by| FieldEdit::set("decided_by", by.to_string()));
        let said = self.said.filter(|said| !said.is_empty()).map(|said| FieldEdit::set("answer", said));
        [FieldEdit::set(OUTCOME, self.outcome), FieldEdit::set("decided_at", self.at)].into_iter().chain(by).chain(said).collect()
    }
}

/// Whose word an edit waits for now.
struct Asked<'a> {
    step: usize,
    of: usize,
    due: Option<Millis>,
    whom: Vec<&'a User>,
}

impl Asked<'_> {
    /// Whether a request is about this.
    fn is_for(&self, request: &Request) -> bool {
        self.step == request.step && self.whom.iter().any(|user| user.user == request.approver)
    }
}

/// Whose word each edit that waits is for.
type Asks<'a> = HashMap<ChangeName, Asked<'a>>;

/// What waits, and what became of that about which somebody was asked.
struct AtTheDesk {
    rules: Rules,
    now: Millis,
    waiting: Vec<Waiting>,
    courses: Courses,
    words: HashMap<ChangeName, Vec<Word>>,
    rows: HashMap<ChangeName, RejectedRow>,
    decided: HashMap<ChangeName, Decided>,
    users: Vec<User>,
}

impl AtTheDesk {
    /// None where nobody is asked, and nothing waits.
    async fn read(app: &App, workspace: WorkspaceId, open: &[Request]) -> Stored<Option<Self>> {
        let mut tx = app.store.reader().await?;
        let mut waiting = approvals::waiting(&mut tx, workspace).await?;
        // What a device brought that was shut out is looked at, not approved.
        waiting.retain(|edit| edit.rule.as_deref() != Some(code::REVOKED));
        waiting.truncate(EDITS_MAX);
        let asked: Vec<ChangeName> = open.iter().map(|request| request.change).collect();
        let all: Vec<ChangeName> = waiting.iter().map(|edit| edit.change).chain(asked.iter().copied()).collect();
        if all.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            rules: app.intake.rules(workspace),
            now: app.clock.now(),
            courses: Courses::of(&mut tx, workspace, waiting.iter()).await?,
            words: approvals::words(&mut tx, workspace, &all).await?,
            rows: rejected::rejected_among(&mut tx, workspace, &asked).await?,
            decided: rejected::decided_among(&mut tx, workspace, &asked).await?,
            waiting,
            users: active(&mut tx, workspace).await?,
        }))
    }

    fn given(&self, change: &ChangeName) -> &[Word] {
        self.words.get(change).map(Vec::as_slice).unwrap_or_default()
    }

    /// What became of what a request is about, if something did.
    fn over(&self, request: &Request, asks: &Asks<'_>) -> Option<Over> {
        if let Some(word) = request.step.checked_sub(1).and_then(|step| self.given(&request.change).get(step)) {
            return Some(Over { outcome: "approved", by: Some(word.by), at: word.at, said: None });
        }
        let row = self.rows.get(&request.change);
        let outcome = match row.map(|row| row.state) {
            Some(DeskState::Accepted) => "approved",
            Some(DeskState::Declined) => "declined",
            Some(DeskState::Returned) => "returned",
            Some(DeskState::Withdrawn | DeskState::Rewritten) | None => "withdrawn",
            Some(DeskState::Held | DeskState::Rejected) if asks.get(&request.change).is_some_and(|asked| asked.is_for(request)) => {
                return None;
            }
            Some(DeskState::Held | DeskState::Rejected) => "moved",
        };
        let decided = self.decided.get(&request.change);
        let (by, at) = (decided.and_then(|decided| decided.by), decided.map_or(self.now, |decided| decided.at));
        Some(Over { outcome, by, at, said: row.and_then(|row| row.note.clone()) })
    }

    /// Whose word an edit waits for. Nobody speaks of their own.
    fn asked(&self, edit: &Waiting) -> Asked<'_> {
        let steps = self.courses.steps(edit);
        let turn = steps.as_deref().and_then(|steps| self.courses.turn(steps, self.given(&edit.change), edit, self.now));
        let others = self.users.iter().filter(|user| user.user != edit.user);
        let whom = others.filter(|user| match &turn {
            Some(turn) => self.speaks(turn, user, edit),
            None => self.may_write(user, edit),
        });
        let (step, of, due) = turn.as_ref().map_or((1, 1, None), |turn| (turn.number, turn.of, turn.due));
        Asked { step, of, due, whom: whom.collect() }
    }

    fn speaks(&self, turn: &Turn<'_>, user: &User, edit: &Waiting) -> bool {
        if turn.step.approver == Approver::Anybody {
            return self.may_write(user, edit);
        }
        let administers = self.rules.roles.may(&user.role, Right::Administer);
        turn.is_for(user.user, &user.role) || administers && is_nobodys(turn, edit.user, &self.users)
    }

    /// Whether it is worth a look whether they may write what is wanted.
    fn may_write(&self, user: &User, edit: &Waiting) -> bool {
        let roles = &self.rules.roles;
        let edits = |kind: &Kind| roles.level(&user.role, kind, Action::Edit) > Level::None && !roles.has_limits(&user.role, &kind.name);
        roles.may(&user.role, Right::Administer) || self.rules.schema.kind(&edit.kind).is_some_and(|kind| edits(kind))
    }

    /// The requests that are to be made, as many as are written at once. `known`: those that wait already.
    async fn ask(
        &self,
        app: &App,
        asks: &Asks<'_>,
        known: &HashSet<(ChangeName, usize, UserId)>,
        passed: &mut PassedOver,
    ) -> Result<Vec<Vec<FieldEdit>>, Error> {
        let mut counts: HashMap<(ChangeName, usize), usize> = HashMap::new();
        for (change, step, _) in known {
            *counts.entry((*change, *step)).or_default() += 1;
        }
        let mut made = Vec::new();
        for (edit, asked) in self.waiting.iter().filter_map(|edit| Some((edit, asks.get(&edit.change)?))) {
            let mut room = ASKED_MAX.saturating_sub(counts.get(&(edit.change, asked.step)).copied().unwrap_or_default());
            for user in &asked.whom {
                if room == 0 || made.len() >= STEP_MAX {
                    break;
                }
                if known.contains(&(edit.change, asked.step, user.user)) || passed.who.contains(&(edit.change, user.user)) {
                    continue;
                }
                match self.request(app, user, edit, asked).await? {
                    Some(edits) => {
                        made.push(edits);
                        room -= 1;
                    }
                    None => drop(passed.who.insert((edit.change, user.user))),
                }
            }
        }
        Ok(made)
    }

    /// What somebody is asked, as far as they may see it; none if the desk would not ask them either.
    async fn request(&self, app: &App, user: &User, edit: &Waiting, asked: &Asked<'_>) -> Result<Option<Vec<FieldEdit>>, Error> {
        let desk = Desk::through_the_eyes_of(app, Caller::seeing(user.clone()), &HeaderMap::new());
        let Some(proposal) = desk.reading.proposal(edit.change.into()).await? else { return Ok(None) };
        let names = desk.reading.names_of(named_in(&proposal.edit).collect::<Vec<_>>()).await?;
        let view = refused_view(&desk, &names, &proposal.edit);
        if !view.may {
            return Ok(None);
        }
        let changes = view.fields.iter().map(line).collect::<Vec<_>>().join("\n").chars().take(CHANGES_CHARS).collect::<String>();
        let mut edits = vec![
            FieldEdit::set("subject", view.title),
            FieldEdit::set(RECORD, edit.change.record.to_string()),
            FieldEdit::set("asked_by", edit.user.to_string()),
            FieldEdit::set("asked_at", edit.came_at),
            FieldEdit::set("reason", view.why),
            FieldEdit::set("changes", changes),
            FieldEdit::set(STEP, asked.step as u64),
            FieldEdit::set("steps", asked.of as u64),
            FieldEdit::set(APPROVER, user.user.to_string()),
            FieldEdit::set(CHANGE, edit.change.to_string()),
        ];
        edits.extend(asked.due.map(|due| FieldEdit::set("due", due)));
        Ok(Some(edits))
    }
}

/// A field of an edit: what stands there, and what is wanted.
fn line(field: &FieldView) -> String {
    let from = if field.from.is_nothing() { "–".to_owned() } else { said(&field.from) };
    format!("{}: {from} → {}", field.label, said(&field.to))
}

/// A value in words: of rows each part with its name, as no column says it.
fn said(shown: &Shown) -> String {
    let Shown::Table { heads, rows } = shown else { return shown.text() };
    let row = |row: &Vec<Shown>| {
        let parts = heads.iter().zip(row).filter(|(_, part)| !part.is_nothing());
        parts.map(|((head, _), part)| format!("{head} {}", part.text())).collect::<Vec<_>>().join(", ")
    };
    rows.iter().map(row).collect::<Vec<_>>().join("; ")
}

async fn active(tx: &mut Tx, workspace: WorkspaceId) -> Stored<Vec<User>> {
    Ok(people::users(tx, workspace).await?.into_iter().filter(|user| user.disabled_at.is_none()).collect())
}

//! What waits for somebody to decide, in the whole workspace: disagreements, and refused edits.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value as Json};
use sync_core::actions::approvals::{Approver, Step, Turn};
use sync_core::id::{ActorId, ChangeHash, DeviceId, Facet, KindName, Millis, RecordId, UserId};
use sync_core::merge;
use sync_core::query::{DEFAULT_PAGE, MAX_PAGE};
use sync_core::record::change::Change;
use sync_core::record::doc::Doc;
use sync_core::record::fields::{ARCHIVED, FieldEdit, path_edits};
use sync_core::record::history::{document, seen_by};
use sync_core::record::{Stored, intent};
use sync_core::schema::{Kind, Label};

use super::record::KeptClaim;
use super::{Disagreement, Linked, Names, People, ReadError, Reading, Who};
use crate::store::Tx;
use crate::store::approvals::{self, Course, Courses, Waiting, Word};
use crate::store::people::{self, User};
use crate::store::records::{self, ConflictRow};
use crate::store::rejected::{self, ChangeLink, ChangeName, DeskState, RejectedRow};
use crate::store::undecided::{self, ConflictPlace, Refused};

/// Which page of a list without filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `next` of the page before.
    pub after: Option<String>,
    /// How many rows, at most [`MAX_PAGE`].
    pub max_size: u32,
}

/// A page of a list without filters.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Slice<T> {
    /// In order.
    pub rows: Vec<T>,
    /// `after` of the next page, if there is one.
    pub next: Option<String>,
}

impl<T> Slice<T> {
    /// What was read, one more than is shown, to see whether there is more.
    pub(crate) fn cut(mut rows: Vec<T>, size: usize, cursor: impl Fn(&T) -> String) -> Self {
        let next = cut(&mut rows, size, cursor);
        Self { rows, next }
    }
}

/// A disagreement and the record it is in.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenConflict {
    /// The record.
    pub record: Linked,
    /// Where and about what.
    #[serde(flatten)]
    pub disagreement: Disagreement,
}

/// What became of a refused edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedState {
    /// Nobody has decided: turned down by a rule, or held for a review.
    Open,
    /// Somebody has accepted or declined it, or its author has given it up.
    Decided,
}

/// An edit that was not accepted.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedEdit {
    /// The change.
    pub change: ChangeHash,
    /// The kind it is for.
    pub kind: KindName,
    /// The record it is for.
    pub record: RecordId,
    /// What the record is called, if it is there.
    pub title: Option<String>,
    /// Which document.
    pub facet: Facet,
    /// Who, and on which device.
    #[serde(flatten)]
    pub who: Who,
    /// When it was made, as far as its bytes can be read.
    pub edit_time: Option<Millis>,
    /// When the server received it.
    pub received_at: Millis,
    /// What has become of it.
    pub state: DeskState,
    /// A stable code of why.
    pub code: String,
    /// The field it was refused for.
    pub field: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Why, for people.
    pub message: Label,
    /// What it wanted to write, of the fields that the caller may read.
    pub edits: Vec<FieldEdit>,
    /// The same, field by field: what its author saw, what they wanted, what stands there now.
    pub fields: Vec<WantedField>,
    /// Who has given their word already, where it takes several.
    pub approvals: Vec<Approved>,
    /// Whose turn it is then.
    pub turn: Option<TurnView>,
    /// Who decided about it, and when.
    pub decided_by: Option<UserId>,
    /// What they are called.
    pub decided_by_name: Option<String>,
    /// When.
    pub decided_at: Option<Millis>,
    /// What they said to its author.
    pub note: Option<String>,
}

/// Somebody's word.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Approved {
    /// Whose.
    pub by: UserId,
    /// What they are called.
    pub by_name: Option<String>,
    /// When.
    pub at: Millis,
}

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnView {
    /// The step, counted from one.
    pub step: usize,
    /// How many there are.
    pub of: usize,
    /// Whose word it takes: a role's, or a person's.
    pub approver: Label,
    /// When somebody else may speak for them.
    pub due: Option<Millis>,
    /// Who.
    pub deputy: Option<Label>,
    /// Whether they may by now.
    pub handed_over: bool,
    /// Whether it is the caller's turn.
    pub yours: bool,
}

/// One field of an edit that was not accepted. Of rows, those that it touches.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WantedField {
    /// The field.
    pub field: String,
    /// What its author saw.
    pub from: Option<Json>,
    /// What they wanted.
    pub to: Option<Json>,
    /// What stands there now.
    pub now: Option<Json>,
}

/// Which edits that were not accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this kind.
    pub kind: Option<KindName>,
    /// Of this person.
    pub user: Option<UserId>,
    /// For this reason.
    pub code: Option<String>,
}

/// An edit that was not accepted, as the form in which it is changed before it is accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The edit.
    pub edit: RefusedEdit,
    /// The record's fields as they are.
    pub present: Map<String, Json>,
    /// The same with the edit on top.
    pub proposed: Map<String, Json>,
}

impl Default for Asked {
    fn default() -> Self {
        Self { after: None, max_size: DEFAULT_PAGE }
    }
}

impl Asked {
    pub(crate) fn size(&self) -> usize {
        self.max_size.clamp(1, MAX_PAGE) as usize
    }
}

impl RefusedEdit {
    /// What names it among all of them.
    pub fn name(&self) -> ChangeName {
        ChangeName { hash: self.change, record: self.record, facet: self.facet }
    }

    /// The texts in it that may be ids of records.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.edits.iter().flat_map(FieldEdit::texts)
    }

    /// What its record would be called, if it says so.
    pub fn proposed_title(&self, kind: &Kind) -> Option<&str> {
        let wanted = self.fields.iter().find(|wanted| *wanted.field == *kind.title)?;
        wanted.to.as_ref()?.as_str().filter(|title| !title.trim().is_empty())
    }
}

/// What stands in the records that edits are for, those in sight.
struct Beside {
    names: Names,
    changes: Vec<Stored>,
}

impl Beside {
    /// The changes of the document that an edit is for. None where the record is of another kind than the edit says: its fields
    /// would be read as that one's, with the rights of that one.
    fn document(&self, row: &RejectedRow) -> Vec<Stored> {
        let is_so = self.names.get(&row.record).is_some_and(|linked| linked.kind == row.kind);
        let is_of_it = |stored: &&Stored| is_so && stored.record == row.record && stored.facet == row.facet;
        self.changes.iter().filter(is_of_it).cloned().collect()
    }
}

/// New records that wait, shown on the page of one that they would link to: more are looked at on the desk.
const WAITING_MAX: usize = 20;

impl Reading {
    /// The edits that wait for somebody's word before a record exists that would link to one that is there, newest first,
    /// and whether the desk has more of them. A record that is there already, in sight or not, is no new one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn waiting_for(&self, target: RecordId) -> Result<(Vec<RefusedEdit>, bool), ReadError> {
        let held = Refused { states: &[DeskState::Held], would_name: Some(target), ..Refused::default() };
        let mut tx = self.store.reader().await?;
        let mut found = undecided::refused(&mut tx, self.workspace, &self.scope, &held, WAITING_MAX as u32 + 1).await?;
        if found.is_empty() {
            return Ok((Vec::new(), false));
        }
        let is_cut = found.len() > WAITING_MAX;
        found.truncate(WAITING_MAX);
        let mut edits = self.refused_edits(&mut tx, found).await?;
        let target = target.to_string();
        // By a field that the caller may read: another one would say too much.
        edits.retain(|edit| edit.texts().any(|text| text == target));
        Ok((edits, is_cut))
    }

    /// The edits of a record that nobody has decided about, newest first, those of fields that the caller reads.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn undecided_of(&self, record: RecordId) -> Result<Vec<RefusedEdit>, ReadError> {
        self.of_record(record, &DeskState::OPEN, WAITING_MAX as u32).await
    }

    /// The edits of a record that were not accepted, newest first, whatever has become of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refused_of(&self, record: RecordId) -> Result<Vec<RefusedEdit>, ReadError> {
        self.of_record(record, &DeskState::SHOWN, u32::MAX).await
    }

    async fn of_record(&self, record: RecordId, states: &[DeskState], limit: u32) -> Result<Vec<RefusedEdit>, ReadError> {
        let asked = Refused { states, of: Some(record), ..Refused::default() };
        let mut tx = self.store.reader().await?;
        let found = undecided::refused(&mut tx, self.workspace, &self.scope, &asked, limit).await?;
        if found.is_empty() { Ok(Vec::new()) } else { self.refused_edits(&mut tx, found).await }
    }

    /// The open disagreements of the workspace, oldest first.
    ///
    /// # Errors
    /// When the cursor is none, or the database fails.
    pub async fn conflicts(&self, asked: &Asked) -> Result<Slice<OpenConflict>, ReadError> {
        let after = asked.after.as_deref().map(|text| conflict_place(text).ok_or(ReadError::Cursor)).transpose()?;
        let mut tx = self.store.reader().await?;
        let limit = asked.size() as u32 + 1;
        let mut found = undecided::conflicts_after(&mut tx, self.workspace, &self.scope, after.as_ref(), limit).await?;
        let next = cut(&mut found, asked.size(), conflict_cursor);
        let found: Vec<_> = found.into_iter().map(|conflict| (KeptClaim::all(&conflict), conflict)).collect();
        let people = self.people(&mut tx, found.iter().flat_map(|(claims, _)| claims).filter_map(KeptClaim::maker)).await?;
        let names = self.names(&mut tx, found.iter().map(|(_, conflict)| conflict.record)).await?;
        let open = |(claims, conflict): (Vec<KeptClaim>, ConflictRow)| {
            let record = names.get(&conflict.record)?.clone();
            Some(OpenConflict { record, disagreement: Disagreement::of(conflict, claims, &people) })
        };
        Ok(Slice { rows: found.into_iter().filter_map(open).collect(), next })
    }

    /// The edits that were not accepted, newest first.
    ///
    /// # Errors
    /// When the cursor is none, or the database fails.
    pub async fn rejected(&self, state: RefusedState, wanted: &Wanted, asked: &Asked) -> Result<Slice<RefusedEdit>, ReadError> {
        let known = self.known_kinds();
        let refused = Refused {
            after: asked.after.as_deref().map(|text| refused_place(text).ok_or(ReadError::Cursor)).transpose()?,
            kind: wanted.kind.as_ref(),
            user: wanted.user,
            code: wanted.code.as_deref(),
            ..self.refused(state, &known)
        };
        let mut tx = self.store.reader().await?;
        let mut found = undecided::refused(&mut tx, self.workspace, &self.scope, &refused, asked.size() as u32 + 1).await?;
        let next = cut(&mut found, asked.size(), |row| format!("{}.{}", row.received_at, row.name()));
        Ok(Slice { rows: self.refused_edits(&mut tx, found).await?, next })
    }

    /// An edit that was not accepted, if the caller may see it, as it is kept.
    ///
    /// # Errors
    /// When a hash alone is the name of several that the caller may see, or the database fails.
    pub async fn refused_row(&self, change: ChangeLink) -> Result<Option<RejectedRow>, ReadError> {
        let known = self.known_kinds();
        let refused = Refused { states: &DeskState::SHOWN, change: Some(change), ..self.refused(RefusedState::Open, &known) };
        let mut found = undecided::refused(&mut self.store.reader().await?, self.workspace, &self.scope, &refused, 2).await?;
        if found.len() > 1 { Err(ReadError::SeveralEdits) } else { Ok(found.pop()) }
    }

    /// An edit that was not accepted, to be changed before it is accepted.
    ///
    /// # Errors
    /// As [`Reading::refused_row`].
    pub async fn proposal(&self, change: ChangeLink) -> Result<Option<Proposal>, ReadError> {
        let Some(row) = self.refused_row(change).await? else { return Ok(None) };
        let Some(kind) = self.schema().kind(&row.kind).cloned() else { return Ok(None) };
        let mut tx = self.store.reader().await?;
        let found = [row];
        let beside = self.beside(&mut tx, &found).await?;
        let (here, facet) = (beside.document(&found[0]), found[0].facet);
        let Some(edit) = self.refused_edits_beside(&mut tx, found.into(), &beside).await?.pop() else { return Ok(None) };
        let now = document(&kind, &here).0;
        let mut then = now.clone();
        if let Ok(by_facet) = path_edits(&kind, |asked| (asked == facet).then_some(&now), &edit.edits) {
            // Written nowhere: only read. Whose pen it is, and when, is in no value.
            by_facet.get(&facet).map(|edits| then.write(ActorId([0; 16]), self.now, edits));
        }
        Ok(Some(Proposal { edit, present: merge::row(&kind, facet, &now), proposed: merge::row(&kind, facet, &then) }))
    }

    /// Whether an edit that the caller may see waits for the caller's word.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_asked(&self, change: ChangeName) -> Result<bool, ReadError> {
        let Some(row) = self.refused_row(change.into()).await?.filter(|row| row.state == DeskState::Held) else { return Ok(false) };
        let mut tx = self.store.reader().await?;
        let course = Course::of(&mut tx, self.workspace, &row).await?;
        let Some(turn) = course.as_ref().and_then(|course| course.turn(row.received_at, self.now)) else { return Ok(false) };
        let users = self.who_may_be_left(&mut tx).await?;
        Ok(self.is_asked_now(&turn, row.user, &users))
    }

    /// The people among whom a turn may have nobody left: only whoever administers asks.
    async fn who_may_be_left(&self, tx: &mut Tx) -> Result<Vec<User>, ReadError> {
        if self.may_administer() { Ok(people::users(tx, self.workspace).await?) } else { Ok(Vec::new()) }
    }

    fn is_asked_now(&self, turn: &Turn<'_>, author: UserId, users: &[User]) -> bool {
        let is_theirs = self.caller.user != author && turn.is_for(self.caller.user, &self.caller.role);
        is_theirs || (self.may_administer() && approvals::is_nobodys(turn, author, users))
    }

    fn known_kinds(&self) -> Vec<KindName> {
        self.schema().kinds().map(|kind| kind.name.clone()).collect()
    }

    fn refused<'a>(&self, state: RefusedState, known: &'a [KindName]) -> Refused<'a> {
        Refused { states: state.states(), strange_to: self.may_administer().then_some(known), ..Refused::default() }
    }

    async fn refused_edits(&self, tx: &mut Tx, found: Vec<RejectedRow>) -> Result<Vec<RefusedEdit>, ReadError> {
        let beside = self.beside(tx, &found).await?;
        self.refused_edits_beside(tx, found, &beside).await
    }

    /// What stands in the records that edits are for, as far as they are in sight.
    async fn beside(&self, tx: &mut Tx, found: &[RejectedRow]) -> Result<Beside, ReadError> {
        let names = self.names(tx, found.iter().map(|row| row.record)).await?;
        let in_sight: Vec<RecordId> = names.keys().copied().collect();
        Ok(Beside { changes: records::changes_of(tx, self.workspace, &in_sight).await?, names })
    }

    async fn refused_edits_beside(&self, tx: &mut Tx, found: Vec<RejectedRow>, beside: &Beside) -> Result<Vec<RefusedEdit>, ReadError> {
        let changes: Vec<ChangeName> = found.iter().map(RejectedRow::name).collect();
        let decided = rejected::decided_among(tx, self.workspace, &changes).await?;
        let reviewers = decided.values().filter_map(|decided| Some((decided.by?, DeviceId(decided.by?.0))));
        let words = approvals::words(tx, self.workspace, &changes).await?;
        let waiting: Vec<Waiting> = found.iter().filter(|row| row.state == DeskState::Held).map(Waiting::of).collect();
        let courses = Courses::of(tx, self.workspace, waiting.iter()).await?;
        let waiting: HashMap<ChangeName, (Waiting, Vec<Step>)> =
            waiting.into_iter().filter_map(|edit| Some((edit.change, (edit.clone(), courses.steps(&edit)?)))).collect();
        let users = self.who_may_be_left(tx).await?;
        let named = words.values().flatten().map(|word| word.by);
        let asked: Vec<UserId> = waiting.values().flat_map(|(_, steps)| steps).flat_map(members).chain(named).collect();
        let reviewers = reviewers.chain(asked.into_iter().map(|user| (user, DeviceId(user.0))));
        let makers: Vec<_> = found.iter().map(|row| (row.user, row.device)).chain(reviewers).collect();
        let people = self.people(tx, makers.into_iter()).await?;
        let edit = |row: RejectedRow| {
            let wanted = self.wanted(&row, &beside.document(&row));
            let decision = decided.get(&row.name());
            let given = words.get(&row.name()).map(Vec::as_slice).unwrap_or_default();
            let approved = |word: &Word| Approved { by: word.by, by_name: people.users.get(&word.by).cloned(), at: word.at };
            RefusedEdit {
                approvals: given.iter().map(approved).collect(),
                turn: waiting.get(&row.name()).and_then(|(edit, steps)| {
                    let turn = courses.turn(steps, given, edit, self.now)?;
                    Some(self.turn(&turn, edit.user, (&people, &users)))
                }),
                title: beside.names.get(&row.record).map(|linked| linked.title.clone()),
                who: people.who(row.user, row.device),
                decided_by: decision.and_then(|decided| decided.by),
                decided_by_name: decision.and_then(|decided| people.users.get(&decided.by?).cloned()),
                decided_at: decision.map(|decided| decided.at),
                ..refused_edit(row, wanted)
            }
        };
        Ok(found.into_iter().map(edit).collect())
    }

    fn turn(&self, turn: &Turn<'_>, author: UserId, (people, users): (&People, &[User])) -> TurnView {
        let label = |approver: &Approver| match approver {
            Approver::Role(role) => self.rules.roles.role(role).map_or_else(|| same(role.to_string()), |role| role.label.clone()),
            Approver::Member(member) => same(people.users.get(member).cloned().unwrap_or_default()),
            Approver::Anybody => Label { en: "whoever may make this change".to_owned(), zh: "有权进行该修改的人".to_owned() },
        };
        TurnView {
            step: turn.number,
            of: turn.of,
            approver: label(&turn.step.approver),
            due: turn.due,
            deputy: turn.step.deputy.as_ref().map(label),
            handed_over: turn.is_handed_over,
            yours: self.is_asked_now(turn, author, users),
        }
    }

    /// What a refused change wanted to write: its fields that the caller may read. `here`: the changes of its document, none
    /// of one that is out of sight.
    fn wanted(&self, row: &RejectedRow, here: &[Stored]) -> (Option<Millis>, Vec<FieldEdit>, Vec<WantedField>) {
        let Ok(change) = Change::read(&row.body) else { return (None, Vec::new(), Vec::new()) };
        let Some(kind) = self.schema().kind(&row.kind) else { return (Some(change.time), Vec::new(), Vec::new()) };
        let before = seen_by(kind, &change, here);
        let (after, now) = (intent::with(kind, &before, &change, row.hash), document(kind, here).0);
        let mut edits = intent::field_edits(kind, &before, &after, &change);
        edits.retain(|edit| edit.field() == ARCHIVED || self.may_read(kind, edit.field()));
        let fields = wanted_fields(kind, &edits, [&before, &after, &now]);
        (Some(change.time), edits, fields)
    }
}

fn same(text: String) -> Label {
    Label { en: text.clone(), zh: text }
}

/// The people whom a step names.
fn members(step: &Step) -> Vec<UserId> {
    let member = |approver: &Approver| if let Approver::Member(member) = approver { Some(*member) } else { None };
    [Some(&step.approver), step.deputy.as_ref()].into_iter().flatten().filter_map(member).collect()
}

/// What the edits touch in each of three documents: as it was seen, as it was meant, as it is.
fn wanted_fields(kind: &Kind, edits: &[FieldEdit], [before, after, now]: [&Doc; 3]) -> Vec<WantedField> {
    let mut names: Vec<&str> = edits.iter().map(FieldEdit::field).collect();
    names.dedup();
    let field = |name: &str| {
        let field = kind.field(name)?;
        let rows: Vec<&str> = edits.iter().filter(|edit| edit.field() == name).filter_map(row_of).collect();
        let value = |doc| touched(merge::shown(doc, field), &rows);
        Some(WantedField { field: name.to_owned(), from: value(before), to: value(after), now: value(now) })
    };
    names.into_iter().filter_map(field).collect()
}

/// The row or item that an edit is about.
fn row_of(edit: &FieldEdit) -> Option<&str> {
    match edit {
        FieldEdit::SetRow { row, .. } | FieldEdit::RemoveRow { row, .. } | FieldEdit::MoveRow { row, .. } => Some(row),
        FieldEdit::Append { item, .. } => Some(item),
        FieldEdit::Set { .. } | FieldEdit::Add { .. } | FieldEdit::Remove { .. } => None,
        FieldEdit::Increment { .. } | FieldEdit::Splice { .. } => None,
    }
}

/// Of a value with rows those that are named.
fn touched(value: Option<Json>, rows: &[&str]) -> Option<Json> {
    match value {
        Some(Json::Array(mut all)) if !rows.is_empty() => {
            all.retain(|row| row.get("id").and_then(Json::as_str).is_none_or(|id| rows.contains(&id)));
            (!all.is_empty()).then_some(Json::Array(all))
        }
        value => value,
    }
}

/// How much waits for somebody to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Open {
    /// Disagreements.
    pub conflicts: u64,
    /// Edits that were not accepted.
    pub refused: u64,
}

impl Reading {
    /// How much waits for somebody to decide, as far as the caller sees it; not what of theirs waits for somebody else's word.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(&self) -> Result<Open, ReadError> {
        let known = self.known_kinds();
        let own = Some(self.caller.user).filter(|_| !self.may_administer());
        let refused = Refused { but_waiting_of: own, ..self.refused(RefusedState::Open, &known) };
        let mut tx = self.store.reader().await?;
        let conflicts = undecided::conflicts_count(&mut tx, self.workspace, &self.scope).await?;
        Ok(Open { conflicts, refused: undecided::refused_count(&mut tx, self.workspace, &self.scope, &refused).await? })
    }
}

impl RefusedState {
    /// The states as they are kept.
    fn states(self) -> &'static [DeskState] {
        match self {
            RefusedState::Open => &DeskState::OPEN,
            RefusedState::Decided => &DeskState::DECIDED,
        }
    }
}

/// Cuts what was read to see whether there is more; answers the cursor of what comes then.
fn cut<T>(found: &mut Vec<T>, size: usize, cursor: impl Fn(&T) -> String) -> Option<String> {
    let more = found.len() > size;
    found.truncate(size);
    found.last().filter(|_| more).map(cursor)
}

fn conflict_cursor(conflict: &ConflictRow) -> String {
    format!("{}.{}.{}.{}", conflict.since, conflict.record, conflict.facet, conflict.path)
}

fn conflict_place(text: &str) -> Option<ConflictPlace> {
    let mut parts = text.splitn(4, '.');
    let (since, record, facet) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(ConflictPlace { since, record, facet, path: parts.next()?.to_owned() })
}

fn refused_place(text: &str) -> Option<(Millis, ChangeName)> {
    let (received_at, change) = text.split_once('.')?;
    let ChangeLink { hash, record, facet } = change.parse().ok()?;
    Some((received_at.parse().ok()?, ChangeName { hash, record: record?, facet: facet? }))
}

fn refused_edit(row: RejectedRow, (edit_time, edits, fields): (Option<Millis>, Vec<FieldEdit>, Vec<WantedField>)) -> RefusedEdit {
    RefusedEdit {
        change: row.hash,
        kind: row.kind,
        record: row.record,
        title: None,
        facet: row.facet,
        who: Who { user: row.user, user_name: None, device: row.device, device_name: None },
        edit_time,
        received_at: row.received_at,
        state: row.state,
        code: row.code,
        field: row.field,
        rule: row.rule,
        message: Label { en: row.message_en, zh: row.message_zh },
        edits,
        fields,
        approvals: Vec::new(),
        turn: None,
        decided_by: None,
        decided_by_name: None,
        decided_at: None,
        note: row.note,
    }
}

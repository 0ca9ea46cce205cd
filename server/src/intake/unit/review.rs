//! What the back office says about an edit that was not accepted.
//!
//! An edit is accepted as it was written wherever it can be: its author stays its author, and the phone that made
//! it recognises it. Where somebody has written at the same place since, or the reviewer has other words, it is
//! written again by the reviewer, who decides by that what is shown. Of two reviewers the first one decides.

use serde_json::json;
use sync_core::access::Right;
use sync_core::actions::approvals::{Approver, Turn};
use sync_core::fence::{self, Pen};
use sync_core::id::{ChangeHash, Facet, Millis, UserId};
use sync_core::protocol::{Pushed, Verdict, code};
use sync_core::record::change::{Change, Op};
use sync_core::record::doc::Doc;
use sync_core::record::fields::FieldEdit;
use sync_core::record::intent::wanted;
use sync_core::value::Scalar;

use super::Unit;
use crate::audit::{Act, Note};
use crate::intake::cache::Cache;
use crate::intake::decide::Case;
use crate::intake::review::{NotReviewed, Review, Ruling};
use crate::intake::{Author, Expect, NotEdited, RecordEdit};
use crate::store::approvals::{self, Course, Word};
use crate::store::people;
use crate::store::rejected::{self, Decision, DeskState, RejectedRow};
use crate::store::{Result, Tx, records};

/// What was decided: the state, the change that was accepted.
type Decided = std::result::Result<(DeskState, Option<ChangeHash>), NotReviewed>;

impl Unit<'_> {
    /// Decides about an edit that was not accepted.
    pub async fn review(
        &mut self,
        tx: &mut Tx,
        cache: &mut Cache,
        reviewer: &Author,
        now: Millis,
        review: &Review,
    ) -> Result<std::result::Result<(), NotReviewed>> {
        if matches!(&review.ruling, Ruling::Return(note) if note.trim().is_empty()) {
            return Ok(Err(NotReviewed::NoNote));
        }
        let found = rejected::rejected_among(tx, self.workspace, &[review.change]).await?.remove(&review.change);
        let Some(row) = found else { return Ok(Err(NotReviewed::NoSuchEdit)) };
        self.load_governing(tx, std::iter::once(&row.kind)).await?;
        self.load(tx, cache, Facet::ALL.map(|facet| (row.record, facet)).into()).await?;
        self.load_sight(tx, reviewer, std::iter::once(row.record)).await?;
        self.load_waiting(tx, std::iter::once((&row.kind, row.record))).await?;
        self.waits_no_more(&review.change);
        if let Ok(change) = fence::inspect(&row.hash, &row.body) {
            self.load_managers(tx, std::iter::once((&row.kind, row.record, &change))).await?;
        }
        let mut voice = Voice::default();
        if row.is_open() && review.ruling != Ruling::Reopen {
            match self.take_turn(tx, reviewer, now, &row, &review.ruling).await? {
                Ok(Spoken::Last(last)) => voice = last,
                Ok(Spoken::OthersFollow) => return Ok(Ok(())),
                Err(why) => return Ok(Err(why)),
            }
        } else if let Err(why) = self.may_review(reviewer, &row) {
            return Ok(Err(why));
        }
        let decided = match &review.ruling {
            _ if row.state == DeskState::Withdrawn => Err(NotReviewed::Withdrawn),
            Ruling::Reopen => return self.reopen(tx, reviewer, now, &row).await,
            _ if !row.is_open() => Err(NotReviewed::Decided),
            Ruling::Accept | Ruling::Amend(_) if self.is_of_another_kind(row.record, &row.kind) => Err(NotReviewed::OtherKind),
            Ruling::Accept => self.accept_as_it_is(tx, reviewer, now, &row, voice.by_turn).await?,
            Ruling::Amend(edits) => self.accept_edits(reviewer, now, &row, edits.clone(), false),
            Ruling::Decline(_) => Ok((DeskState::Declined, None)),
            Ruling::Return(_) => Ok((DeskState::Returned, None)),
        };
        let (state, answer) = match decided {
            Ok(decided) => decided,
            Err(why) => return Ok(Err(why)),
        };
        let note = match &review.ruling {
            Ruling::Decline(note) => note.as_deref(),
            Ruling::Return(note) => Some(note.trim()),
            Ruling::Accept | Ruling::Amend(_) | Ruling::Reopen => None,
        };
        let decision = Decision { change: review.change, state, by: reviewer.user, note, answer, at: now };
        rejected::decide_rejected(tx, self.workspace, &decision).await?;
        if let Some(step) = voice.step {
            approvals::add(tx, self.workspace, row.name(), step, Word { by: reviewer.user, at: now }).await?;
        }
        self.note_decision(tx, reviewer, now, &row, state.word()).await?;
        Ok(Ok(()))
    }

    /// Where an edit needs several words: takes the reviewer's, if it is their turn.
    async fn take_turn(
        &mut self,
        tx: &mut Tx,
        reviewer: &Author,
        now: Millis,
        row: &RejectedRow,
        ruling: &Ruling,
    ) -> Result<std::result::Result<Spoken, NotReviewed>> {
        let course = if row.state == DeskState::Held { Course::of(tx, self.workspace, row).await? } else { None };
        let next = course.as_ref().and_then(|course| Some((course.words.len(), course.turn(row.received_at, now)?)));
        let Some((spoken, turn)) = next else { return Ok(self.may_review(reviewer, row).map(|()| Spoken::Last(Voice::default()))) };
        if !self.speaks(tx, reviewer, row, &turn).await? {
            let whose = self.whose(tx, &turn, reviewer, row).await?;
            return Ok(Err(self.may_review(reviewer, row).err().unwrap_or(whose)));
        }
        // A step gives its people the word on what a limit holds, whatever they could write themselves.
        let by_turn = row.code == code::FORBIDDEN && turn.is_for(reviewer.user, &reviewer.role) && turn.step.approver != Approver::Anybody;
        if let Err(why) = self.may_review(reviewer, row)
            && !by_turn
        {
            return Ok(Err(why));
        }
        if matches!(ruling, Ruling::Decline(_) | Ruling::Return(_)) {
            return Ok(Ok(Spoken::Last(Voice::default())));
        }
        if matches!(ruling, Ruling::Amend(_)) && !turn.is_last() {
            return Ok(Err(NotReviewed::OthersFollow));
        }
        if turn.is_last() {
            return Ok(Ok(Spoken::Last(Voice { step: Some(spoken), by_turn })));
        }
        approvals::add(tx, self.workspace, row.name(), spoken, Word { by: reviewer.user, at: now }).await?;
        self.note_decision(tx, reviewer, now, row, "approved").await?;
        self.asked.push(row.name());
        Ok(Ok(Spoken::OthersFollow))
    }

    /// Whether it is somebody's turn. Nobody speaks of their own edits; where nobody else is left, who administers does.
    async fn speaks(&self, tx: &mut Tx, reviewer: &Author, row: &RejectedRow, turn: &Turn<'_>) -> Result<bool> {
        if reviewer.user != row.user && turn.is_for(reviewer.user, &reviewer.role) {
            return Ok(true);
        }
        let administers = self.rules.roles.may(&reviewer.role, Right::Administer);
        Ok(administers && approvals::is_nobodys(turn, row.user, &people::users(tx, self.workspace).await?))
    }

    /// Why it is not somebody's turn.
    async fn whose(&self, tx: &mut Tx, turn: &Turn<'_>, reviewer: &Author, row: &RejectedRow) -> Result<NotReviewed> {
        Ok(match &turn.step.approver {
            _ if reviewer.user == row.user => NotReviewed::TheirOwn,
            Approver::Role(role) => {
                NotReviewed::NotYourTurn(self.rules.roles.role(role).map_or_else(|| role.to_string(), |role| role.label.en.clone()))
            }
            Approver::Member(member) => {
                NotReviewed::NotYourTurn(people::user(tx, self.workspace, *member).await?.map_or_else(String::new, |user| user.name))
            }
            Approver::Anybody => NotReviewed::MayNot(None),
        })
    }

    async fn reopen(
        &mut self,
        tx: &mut Tx,
        reviewer: &Author,
        now: Millis,
        row: &RejectedRow,
    ) -> Result<std::result::Result<(), NotReviewed>> {
        if !rejected::reopen_rejected(tx, self.workspace, row.name()).await? {
            return Ok(Err(NotReviewed::NotDeclined));
        }
        self.note_decision(tx, reviewer, now, row, "reopened").await?;
        Ok(Ok(()))
    }

    async fn note_decision(&mut self, tx: &mut Tx, reviewer: &Author, now: Millis, row: &RejectedRow, state: &str) -> Result<()> {
        self.decided.push(row.device);
        self.write_down(tx, reviewer.user, now, row, state).await
    }

    /// Writes into the audit log what became of an edit, and by whom.
    pub(super) async fn write_down(&self, tx: &mut Tx, by: UserId, now: Millis, row: &RejectedRow, state: &str) -> Result<()> {
        let detail = json!({"decision": state, "kind": row.kind, "record": row.record, "asked_by": row.user, "rule": row.rule});
        Note::of(self.workspace, Some(by), Act::Decided, row.hash).with(detail).write(tx, now).await
    }

    /// Whoever could write it decides about it; what nobody could write is the administrators' to put away.
    fn may_review(&self, reviewer: &Author, row: &RejectedRow) -> std::result::Result<(), NotReviewed> {
        if self.rules.roles.may(&reviewer.role, Right::Administer) {
            return Ok(());
        }
        if self.is_of_another_kind(row.record, &row.kind) {
            return Err(NotReviewed::MayNot(None));
        }
        let none = Doc::default();
        let readable = self.rules.schema.kind(&row.kind).zip(fence::inspect(&row.hash, &row.body).ok());
        let Some((kind, change)) = readable else { return Err(NotReviewed::MayNot(None)) };
        let doc = self.open.get(&(row.record, row.facet)).map_or(&none, |open| &open.held.doc);
        let judged = self.case(reviewer, kind, (row.record, row.facet), doc, &change).authorise();
        judged.map_err(|refused| NotReviewed::MayNot(Some(refused.message)))
    }

    /// `by_turn`: a rule gives the reviewer the word on what a limit holds.
    async fn accept_as_it_is(&mut self, tx: &mut Tx, reviewer: &Author, now: Millis, row: &RejectedRow, by_turn: bool) -> Result<Decided> {
        if self.erased.contains(&row.record) {
            return Ok(Err(NotReviewed::NotEdited(NotEdited::NoSuchRecord)));
        }
        let Ok(change) = fence::inspect(&row.hash, &row.body) else { return Ok(Err(NotReviewed::Unreadable)) };
        let Some(kind) = self.rules.schema.kind(&row.kind).cloned() else { return Ok(Err(NotReviewed::Unreadable)) };
        let (key, texts) = ((row.record, row.facet), self.texts(&kind));
        let before = self.open.get(&key).map(|open| open.held.doc.clone()).unwrap_or_default();
        let mut after = before.clone();
        let fits = after.apply(&change, row.hash, &texts).is_ok() && stands(&after, &change, row.hash);
        if !fits {
            let types = change.ops.iter().any(|op| matches!(op, Op::Insert { .. } | Op::Remove { .. }));
            if types && change.deps.iter().any(|dep| before.has_forgotten(dep)) {
                return Ok(Err(NotReviewed::Forgotten));
            }
            let changes = records::changes_of(tx, self.workspace, &[row.record]).await?;
            let edits = wanted(&kind, row.facet, &change, row.hash, &changes);
            return Ok(self.accept_edits(reviewer, now, row, edits, by_turn));
        }
        // Its bytes are a device's unless it was written here: a device's may not assign numbers, whoever accepts it.
        let pen = if row.device == reviewer.device { Pen::Server } else { Pen::Device };
        let judge = Author { pen, ..reviewer.clone() };
        let case = self.case(&judge, &kind, key, &before, &change);
        if let Err(refused) = (Case { by_turn, ..case }).judge() {
            return Ok(Err(NotReviewed::NotEdited(refused.into())));
        }
        let maker = Author { user: row.user, device: row.device, ..reviewer.clone() };
        let pushed = Pushed { kind: kind.name.clone(), record: row.record, facet: row.facet, hash: row.hash, body: row.body.clone() };
        match self.effect_of(&kind, &pushed, &change) {
            Ok(effect) => self.follow(&maker, now, effect),
            Err(refused) => return Ok(Err(NotReviewed::NotEdited(refused.into()))),
        }
        self.accept(&maker, now, pushed, &change, kind, None);
        Ok(Ok((DeskState::Accepted, Some(row.hash))))
    }

    fn accept_edits(&mut self, reviewer: &Author, now: Millis, row: &RejectedRow, edits: Vec<FieldEdit>, by_turn: bool) -> Decided {
        let edit = RecordEdit { kind: row.kind.clone(), record: row.record, edits, expect: Expect::Any };
        let written = self.edit_at_once(reviewer, now, &edit, by_turn).map_err(NotReviewed::NotEdited)?;
        // Nothing is written where the record says so already.
        Ok((DeskState::Accepted, written.map(|index| self.accepted[index].stored.hash)))
    }
}

/// As what a reviewer decides.
#[derive(Default)]
struct Voice {
    /// The step whose word it is, where there are steps.
    step: Option<usize>,
    /// Whether a rule gives them the word.
    by_turn: bool,
}

/// What a reviewer's word comes to.
enum Spoken {
    /// It decides.
    Last(Voice),
    /// Others are asked next.
    OthersFollow,
}

/// Whether what a change wrote is what everybody sees after it.
fn stands(after: &Doc, change: &Change, hash: ChangeHash) -> bool {
    change.ops.iter().all(|op| match op {
        Op::Put { value: Scalar::Counter(_), .. } => true,
        Op::Put { path, .. } => matches!(after.values(path), [put] if after.node(put.node).hash == hash),
        Op::Delete { path, .. } => after.values(path).is_empty(),
        Op::Increment { .. } | Op::MakeText { .. } | Op::Insert { .. } | Op::Remove { .. } => true,
    })
}

/// What a device is told that sends again what was not accepted.
pub(super) fn verdict_again(row: &RejectedRow) -> Verdict {
    let (mut code, mut message, mut message_zh) = (row.code.clone(), row.message_en.clone(), row.message_zh.clone());
    match row.state {
        DeskState::Held => return Verdict::Held { rule: row.rule.clone().unwrap_or_default(), message, message_zh },
        DeskState::Declined => {
            let said = row.note.clone().filter(|note| !note.is_empty());
            code = code::DECLINED.to_owned();
            message = said.clone().unwrap_or_else(|| "the back office has declined it".to_owned());
            message_zh = said.unwrap_or_else(|| "后台已驳回该修改".to_owned());
        }
        DeskState::Returned => {
            code = code::RETURNED.to_owned();
            message = row.note.clone().unwrap_or_default();
            message_zh.clone_from(&message);
        }
        // As it was, it would be in the record.
        DeskState::Accepted => {
            code = code::AMENDED.to_owned();
            message = "the back office has written it into the record in its own words".to_owned();
            message_zh = "后台已将该修改调整后写入记录".to_owned();
        }
        DeskState::Withdrawn => {
            code = code::WITHDRAWN.to_owned();
            message = "it was withdrawn by its author".to_owned();
            message_zh = "提交人已撤回该修改".to_owned();
        }
        DeskState::Rejected | DeskState::Rewritten => {}
    }
    Verdict::Rejected { code, field: row.field.clone(), rule: row.rule.clone(), message, message_zh }
}

//! What becomes of one change: the verdict, and the document after it.
//!
//! Decides on documents in memory; touches neither the database nor the clock.

use serde_json::Value as Json;
use sync_core::access::{self, Action, Decision, Level, Right, Roles, Subject, judge};
use sync_core::actions::checklist::has_tasks;
use sync_core::actions::portrait;
use sync_core::fence::{self, Refusal, touched};
use sync_core::id::{Facet, RecordId, UserId};
use sync_core::merge;
use sync_core::protocol::{Verdict, code};
use sync_core::query::Filter;
use sync_core::record::change::Change;
use sync_core::record::doc::Doc;
use sync_core::record::fields::ARCHIVED;
use sync_core::schema::{Kind, Label, Merge, Schema};
use sync_core::value::Scalar;

use super::unit::{DEFINITION, KIND_KIND, KeyAccount};
use super::{Author, NotEdited};
use crate::store::rejected::DeskState;

/// A verdict that keeps the change out of the record.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub code: &'static str,
    pub field: Option<String>,
    pub rule: Option<String>,
    pub message: Label,
    /// Whether it waits for a review instead of being turned down.
    pub held: bool,
    /// Where who answers for a key account is asked first: the record whose holders say who.
    pub account: Option<RecordId>,
}

impl Refused {
    pub fn new(code: &'static str, en: &str, zh: &str) -> Self {
        Self { code, field: None, rule: None, message: Label { en: en.to_owned(), zh: zh.to_owned() }, held: false, account: None }
    }

    /// How it is kept. What its device writes again, with another date or pen, is nobody's to decide on; it
    /// is kept because a late copy of it would be the same edit a second time, once the clock has caught up.
    pub fn state(&self) -> DeskState {
        match (self.held, self.code) {
            (true, _) => DeskState::Held,
            (false, code::AHEAD | code::FOREIGN_ACTOR | code::REWRITTEN) => DeskState::Rewritten,
            (false, _) => DeskState::Rejected,
        }
    }

    pub fn verdict(&self) -> Verdict {
        let (message, message_zh) = (self.message.en.clone(), self.message.zh.clone());
        if self.held {
            return Verdict::Held { rule: self.rule.clone().unwrap_or_default(), message, message_zh };
        }
        Verdict::Rejected { code: self.code.to_owned(), field: self.field.clone(), rule: self.rule.clone(), message, message_zh }
    }
}

impl From<Refused> for NotEdited {
    fn from(refused: Refused) -> Self {
        let rule = refused.rule.unwrap_or_else(|| refused.code.to_owned());
        NotEdited::Denied { code: refused.code, field: refused.field, rule, message: refused.message }
    }
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code(),
            field: refusal.field().map(str::to_owned),
            rule: None,
            message: Label { en: refusal.to_string(), zh: refusal.message_zh() },
            held: false,
            account: None,
        }
    }
}

/// A record as far as rights depend on it.
pub(super) struct Case<'a> {
    /// All kinds, for a change that defines one.
    pub schema: &'a Schema,
    pub roles: &'a Roles,
    pub author: &'a Author,
    pub kind: &'a Kind,
    pub facet: Facet,
    /// The document the change is for, as it is before it.
    pub doc: &'a Doc,
    /// The record's main document: who owns it, whether it is archived.
    pub main: Option<&'a Doc>,
    /// What is to be decided about.
    pub change: &'a Change,
    /// Who made the record.
    pub made_by: Option<UserId>,
    /// Whether it comes with an import: numbers that were assigned elsewhere are kept.
    pub imported: bool,
    /// Whether a rule gives the author the word on it, whatever their own rights are.
    pub by_turn: bool,
    /// How far the author must reach to get at the record.
    pub distance: Level,
    /// Whether an earlier edit of the record waits for approval.
    pub waits: bool,
    /// The key account that the record is or belongs to, where rights depend on it.
    pub account: Option<KeyAccount>,
}

impl Case<'_> {
    /// Whether the author may make this change, and whether its content fits the kind.
    pub fn judge(&self) -> Result<(), Refused> {
        let change = self.change;
        if self.is_out_of_sight() && !self.by_turn {
            // First: what else stands against it tells what the record is like.
            self.authorise()?;
        }
        fence::check_beside(self.doc, self.main, self.kind, self.facet, change, self.author.pen)
            .map_err(|refusal| Refused::from(&refusal))?;
        if access::is_too_late(self.kind, self.main, change) {
            return Err(Refused::new(code::ARCHIVED, "the record is archived", "该记录已归档"));
        }
        if !self.by_turn {
            self.authorise()?;
        }
        self.define()
    }

    /// Whether the record is there, and its author does not see it.
    pub fn is_out_of_sight(&self) -> bool {
        let subject = self.subject();
        let reads = self.roles.level(&self.author.role, self.kind, Action::Read);
        !subject.is_new && !subject.is_own(self.author.user) && reads < self.distance
    }

    /// A kind that cannot be read would take its records out of sight, and one that forgets a field what they hold. One that
    /// is brought back must fit what was declared meanwhile.
    fn define(&self) -> Result<(), Refused> {
        if &*self.kind.name != KIND_KIND {
            return Ok(());
        }
        let back = |touch: &fence::Touch<'_>| touch.field == ARCHIVED && touch.value == Some(&Scalar::Bool(false));
        for touch in touched(self.kind, self.change) {
            let written = (touch.field == DEFINITION).then(|| touch.value.map(|value| value.to_json())).flatten();
            let kept = || merge::shown(self.doc, self.kind.field(DEFINITION)?);
            let Some(Json::String(text)) = written.or_else(|| back(&touch).then(kept).flatten()) else { continue };
            let defined = self.schema.define(DEFINITION, &text).map_err(|bad| bad.words());
            if let Err(Label { en, zh }) = defined.and_then(|kind| self.asks(kind)) {
                return Err(Refused { field: Some(DEFINITION.to_owned()), ..Refused::new(code::BAD_VALUE, &en, &zh) });
            }
        }
        Ok(())
    }

    /// Whether the gaps and the portrait of a kind ask what can be answered.
    fn asks(&self, kind: Kind) -> Result<(), Label> {
        let (gaps, name, own) = (kind.gaps.clone(), kind.name.clone(), kind.clone());
        let schema = self.schema.with([kind]);
        portrait::checked(&schema, &own)?;
        let may_ask = schema.kind(&name).is_some_and(|whole| whole.owner.is_some() && has_tasks(&schema, whole));
        if let Some(gap) = gaps.iter().find(|gap| gap.task && !may_ask) {
            let en = "opens a task for whoever answers for the record: the kind needs an `owner`, and activities a link to it";
            let zh = "会为负责人创建任务：该对象需要 `owner`，且活动须能关联它";
            return Err(Label { en: format!("gap `{}` {en}", gap.name), zh: format!("盲区“{}”{zh}", gap.name) });
        }
        gaps.iter().try_for_each(|gap| match Filter::parse(&schema, &name, &gap.conditions(None)) {
            Ok(_) => Ok(()),
            Err(bad) => {
                Err(Label { en: format!("gap `{}`: {bad}", gap.name), zh: format!("盲区“{}”：{}", gap.name, bad.message_zh()) })
            }
        })
    }

    /// Whether the author may make this change, whatever is in it.
    pub fn authorise(&self) -> Result<(), Refused> {
        let (caller, subject) = (self.author.caller(), self.subject());
        let judged = judge(self.roles, &caller, &subject, self.main, self.change, |field| self.keeps_number(field));
        let account = self.account.filter(|_| judged.asks_manager).map(|account| account.record);
        let refused =
            |rule, message, held| Err(Refused { code: code::FORBIDDEN, field: judged.field, rule: Some(rule), message, held, account });
        match judged.decision {
            Decision::Allowed => Ok(()),
            Decision::Denied { rule, message } => refused(rule, message, false),
            Decision::Review { rule, message } => refused(rule, message, true),
        }
    }

    fn subject(&self) -> Subject<'_> {
        let is_new = self.main.is_none_or(Doc::is_empty);
        Subject {
            kind: self.kind,
            facet: self.facet,
            owner: self.owner(),
            author: self.made_by.or(is_new.then_some(self.author.user)),
            is_new,
            main: None,
            distance: self.distance,
            waits: self.waits,
            manager: self.account.map(|account| account.manager),
        }
    }

    /// Whether a change brings in a number that was assigned before the record came here, or the server gives
    /// one. Never replaces one.
    fn keeps_number(&self, field: &str) -> bool {
        let assigned = || self.kind.field(field).is_some_and(|field| field.merge == Merge::Assigned);
        let brings = self.imported && self.roles.may(&self.author.role, Right::Import) && !access::is_made_by_server(&self.kind.name);
        (brings || self.author.is_itself()) && assigned() && self.doc.values(field).is_empty()
    }

    fn owner(&self) -> Option<UserId> {
        let field = self.kind.field(self.kind.owner.as_deref()?)?;
        merge::shown(self.main?, field)?.as_str()?.parse().ok()
    }
}

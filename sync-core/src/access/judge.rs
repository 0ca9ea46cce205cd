//! One change, field by field: what stands against it. The server decides by it, a phone predicts. And the same of edits
//! that are no change yet.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use super::reach::texts;
use super::{Act, Caller, Decision, Facts, MEMBER_KIND, Roles, Subject, asks_manager, decide, key_account, manager_among};
use crate::fence::touched;
use crate::id::{ChangeHash, Facet, RecordId, UserId};
use crate::merge;
use crate::record::change::Change;
use crate::record::doc::Doc;
use crate::record::fields::{ARCHIVED, FieldEdit};
use crate::record::history::texts_of;
use crate::schema::Kind;
use crate::value::Scalar;

/// What stands against a change, and in which field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The first refusal, otherwise the last wish for a review.
    pub decision: Decision,
    /// The field that it is about.
    pub field: Option<String>,
    /// Whether who answers for the key account has to look at it, whoever else has to.
    pub asks_manager: bool,
}

/// Whether `caller` may make a change to `subject`, whose main document is `main`. Fields of which `exempt`
/// says so are not asked about.
pub fn judge(
    roles: &Roles,
    caller: &Caller,
    subject: &Subject<'_>,
    main: Option<&Doc>,
    change: &Change,
    exempt: impl Fn(&str) -> bool,
) -> Judged {
    let row =
        roles.has_conditions(&caller.role, subject.kind).then(|| merge::row(subject.kind, Facet::Main, &as_judged(subject, main, change)));
    let subject = Subject { main: row.as_ref().or(subject.main), owner: owner(subject, main, change), ..*subject };
    let touched = touched(subject.kind, change);
    summed(touched.iter().filter(|touch| !exempt(touch.field)).map(|touch| {
        let value = touch.value.map(Scalar::to_json);
        let act = Act::Write { field: touch.field, item: touch.item, value: value.as_ref() };
        (touch.field, decide(roles, caller, &subject, &act))
    }))
}

/// Whose the subject of a change is. What is personal is made for oneself: whose it will be counts.
fn owner(subject: &Subject<'_>, main: Option<&Doc>, change: &Change) -> Option<UserId> {
    if !(subject.kind.sharing.personal && subject.is_new) {
        return subject.owner;
    }
    let field = subject.kind.owner.as_deref().and_then(|name| subject.kind.field(name))?;
    merge::shown(&as_judged(subject, main, change), field)?.as_str()?.parse().ok()
}

/// What stands against field edits of a record before they are written, each in the facet of its field: as [`judge`] will
/// say. Conditions are asked of [`Subject::main`]: a record that is being made has to be there as it will be.
pub fn against<'e>(roles: &Roles, caller: &Caller, subject: &Subject<'_>, edits: impl IntoIterator<Item = &'e FieldEdit>) -> Judged {
    summed(edits.into_iter().map(|edit| {
        let facet = subject.kind.field(edit.field()).map_or(Facet::Main, |field| field.facet);
        let value = match edit {
            FieldEdit::Set { value, .. } => Some(Cow::Borrowed(value)),
            FieldEdit::SetRow { values, .. } | FieldEdit::Append { values, .. } => Some(Cow::Owned(Value::Object(values.clone()))),
            _ => None,
        };
        let act = Act::Write { field: edit.field(), item: None, value: value.as_deref() };
        (edit.field(), decide(roles, caller, &Subject { facet, ..*subject }, &act))
    }))
}

/// Of what is said field by field: a refusal stands whatever else is, and what the manager of a key account cannot settle
/// alone comes before what they can.
fn summed<'f>(decisions: impl Iterator<Item = (&'f str, Decision)>) -> Judged {
    let mut judged = Judged { decision: Decision::Allowed, field: None, asks_manager: false };
    for (field, decision) in decisions {
        match &decision {
            Decision::Allowed => continue,
            Decision::Denied { .. } => return Judged { decision, field: Some(field.to_owned()), ..judged },
            Decision::Review { rule, .. } if asks_manager(rule) => {
                judged.asks_manager = true;
                if !judged.decision.is_allowed() {
                    continue;
                }
            }
            Decision::Review { .. } => {}
        }
        judged = Judged { decision, field: Some(field.to_owned()), ..judged };
    }
    judged
}

/// The records that a record of a kind follows, before a change of one of its documents and after it: whoever moves it away
/// from a customer is asked about that one, whoever moves it to one about this.
pub fn followed(kind: &Kind, facet: Facet, main: Option<&Doc>, change: &Change) -> BTreeSet<RecordId> {
    let Some(field) = kind.sharing.follows.as_deref().and_then(|name| kind.field(name)) else { return BTreeSet::new() };
    let shown = |doc: &Doc| merge::shown(doc, field);
    let moves = facet == Facet::Main && touched(kind, change).iter().any(|touch| touch.field == &*field.name);
    let after = moves.then(|| shown(&after(kind, main, change))).flatten();
    let values = [main.and_then(shown), after];
    values.iter().flatten().flat_map(texts).filter_map(|id| id.parse().ok()).collect()
}

/// Whether a record of a kind is closed to changes once it is archived. A colleague's is not: their account goes on, and is
/// changed and shut out through it.
pub fn closes(kind: &str) -> bool {
    kind != MEMBER_KIND
}

/// Whether a change comes too late: its record, whose main document is `main`, is archived and closed to it.
pub fn is_too_late(kind: &Kind, main: Option<&Doc>, change: &Change) -> bool {
    let is_closed = closes(&kind.name) && main.is_some_and(merge::is_archived);
    is_closed && touched(kind, change).iter().any(|touch| touch.field != ARCHIVED)
}

/// The key account that the record of a change is, or follows before or after it, and who answers for it, where what may be
/// written hangs on that. `look` as for [`key_account`].
///
/// # Errors
/// Those of `look`.
pub fn account_of<E>(
    roles: &Roles,
    kind: &Kind,
    (record, facet): (RecordId, Facet),
    main: Option<&Doc>,
    change: &Change,
    mut look: impl FnMut(RecordId) -> Result<(RecordId, Facts), E>,
) -> Result<Option<(RecordId, UserId)>, E> {
    if kind.sharing.key_account().is_some() {
        let manager = main.and_then(|main| manager_among(&Facts::in_doc(kind, main, None).holders));
        return Ok(manager.map(|manager| (record, manager)));
    }
    if roles.look_at_managers(&kind.name) {
        for followed in followed(kind, facet, main, change) {
            if let Some(account) = key_account(followed, &mut look)? {
                return Ok(Some(account));
            }
        }
    }
    Ok(None)
}

/// The document that conditions are asked of: as it was, or as it is being made.
fn as_judged(subject: &Subject<'_>, main: Option<&Doc>, change: &Change) -> Doc {
    let is_made = subject.is_new && subject.facet == Facet::Main;
    if is_made { after(subject.kind, main, change) } else { main.cloned().unwrap_or_default() }
}

/// A main document with a change on top. What does not fit it is refused elsewhere; here it shows nothing.
fn after(kind: &Kind, main: Option<&Doc>, change: &Change) -> Doc {
    let mut doc = main.cloned().unwrap_or_default();
    doc.apply(change, ChangeHash([0; 32]), &texts_of(kind)).ok();
    doc
}

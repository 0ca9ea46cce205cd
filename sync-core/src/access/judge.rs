//! One change, field by field: what stands against it. The server decides by it, a phone predicts.

use super::{Act, Caller, Decision, MEMBER_KIND, Roles, Subject, decide};
use crate::fence::touched;
use crate::id::{ChangeHash, Facet};
use crate::merge;
use crate::record::change::Change;
use crate::record::doc::Doc;
use crate::record::fields::ARCHIVED;
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
    let subject = Subject { main: row.as_ref().or(subject.main), ..*subject };
    let mut judged = Judged { decision: Decision::Allowed, field: None };
    for touch in touched(subject.kind, change).into_iter().filter(|touch| !exempt(touch.field)) {
        let value = touch.value.map(Scalar::to_json);
        let act = Act::Write { field: touch.field, item: touch.item, value: value.as_ref() };
        let decision = decide(roles, caller, &subject, &act);
        match decision {
            Decision::Allowed => {}
            Decision::Denied { .. } => return Judged { decision, field: Some(touch.field.to_owned()) },
            Decision::Review { .. } => judged = Judged { decision, field: Some(touch.field.to_owned()) },
        }
    }
    judged
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

/// The document that conditions are asked of: as it was, or as it is being made.
fn as_judged(subject: &Subject<'_>, main: Option<&Doc>, change: &Change) -> Doc {
    let mut doc = main.cloned().unwrap_or_default();
    if subject.is_new && subject.facet == Facet::Main {
        // What does not fit the document is refused elsewhere; here it shows nothing.
        doc.apply(change, ChangeHash([0; 32]), &texts_of(subject.kind)).ok();
    }
    doc
}

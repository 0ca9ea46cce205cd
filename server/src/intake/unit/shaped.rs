//! Kinds that are others than before: the audit log tells of it, whichever door it comes through, and apart where it is about
//! who sees their records.

use serde_json::{Value as Json, json};
use sync_core::id::{Facet, Millis, RecordId, UserId};
use sync_core::merge;
use sync_core::schema::{Kind, Reading};

use super::{DEFINITION, KIND_KIND, Unit};
use crate::audit::{Act, Note};
use crate::intake::Author;
use crate::store::{Result, Tx};

/// A kind's record whose change was accepted.
pub(super) struct Shaped {
    /// Nobody: the operator.
    by: Option<UserId>,
    record: RecordId,
    at: Millis,
    /// The kind as it was, if there was one.
    before: Option<Kind>,
}

impl Unit<'_> {
    /// The kind that a record defines, as the unit knows it; none where it defines none, or is archived.
    fn kind_in(&self, record: RecordId) -> Option<Kind> {
        let open = self.open.get(&(record, Facet::Main)).filter(|open| &*open.kind.name == KIND_KIND)?;
        let Some(Json::String(text)) = merge::shown(&open.held.doc, open.kind.field(DEFINITION)?) else { return None };
        let is_put_away = merge::is_archived(&open.held.doc);
        Kind::parse(&format!("kind record {record}"), &text, Reading::Lenient).ok().filter(|_| !is_put_away)
    }

    /// Notes what a kind was before a change of its record, which is about to be made.
    pub(super) fn note_shaped(&mut self, author: &Author, at: Millis, record: RecordId) {
        if self.shaped.iter().any(|known| known.record == record) {
            return;
        }
        // The operator writes in the workspace's own name.
        let by = (author.user.0 != self.workspace.0).then_some(author.user);
        let before = self.kind_in(record);
        self.shaped.push(Shaped { by, record, at, before });
    }

    /// Writes down what is another now.
    pub(super) async fn flush_shaped(&mut self, tx: &mut Tx) -> Result<()> {
        for Shaped { by, record, at, before } in std::mem::take(&mut self.shaped) {
            let after = self.kind_in(record);
            let Some(name) = after.as_ref().or(before.as_ref()).map(|kind| kind.name.clone()) else { continue };
            // One that was built in, or is not there any more, is what it is without its record.
            let other = self.rules.schema.kind(&name).map(|kind| (**kind).clone());
            let (before, after) = (before.or(other), after);
            let (act, detail) = match sight_changed(before.as_ref(), after.as_ref()) {
                Some(detail) => (Act::RightsChanged, detail),
                None => (Act::SettingsChanged, json!({})),
            };
            Note::of(self.workspace, by, act, format!("kind {name}")).with(detail).write(tx, at).await?;
        }
        Ok(())
    }
}

/// What of who sees the records of a kind is another: before and after; nothing where all of it is the same. The part that a
/// field is in never changes.
fn sight_changed(before: Option<&Kind>, after: Option<&Kind>) -> Option<Json> {
    let Some(after) = after else { return Some(json!({ "archived": true })) };
    let Some(before) = before else { return Some(json!({ "new": true })) };
    let mut detail = serde_json::Map::new();
    if before.owner != after.owner {
        detail.insert("owner".to_owned(), json!([before.owner, after.owner]));
    }
    if before.sharing != after.sharing {
        detail.insert("sharing".to_owned(), json!([before.sharing, after.sharing]));
    }
    (!detail.is_empty()).then_some(Json::Object(detail))
}

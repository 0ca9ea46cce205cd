//! What a restored server has lost, and is given back under its own seal.

use sync_core::access::{Action, Level};
use sync_core::fence::Refusal;
use sync_core::protocol::{Pushed, Verdict, code};
use sync_core::record::change::Change;
use sync_core::record::generation::begins;

use super::{Decided, Outcome, Unit, stored};
use crate::intake::decide::Refused;
use crate::intake::{Author, Origin};
use crate::store::rejected::ChangeName;
use crate::store::{Result, Tx};

impl Unit<'_> {
    /// Decides about a change that this server once gave out, and lost. Who may do what was decided then.
    pub(super) async fn take_back(
        &mut self,
        tx: &mut Tx,
        offerer: &Author,
        pushed: Pushed,
        change: Result<Change, Refusal>,
        origin: &Origin,
    ) -> Result<Outcome> {
        let maker = Author { user: origin.user, device: origin.device, ..offerer.clone() };
        let Some(change) = change.ok().filter(|_| self.sealer.is_own(&stored(&maker, origin.received_at, pushed.clone()), origin.seal))
        else {
            tracing::warn!(device = %offerer.device, record = %pushed.record, "a change was offered back without this server's seal");
            return Ok(unsealed());
        };
        self.note_brought(offerer, &pushed);
        if let Some(known) = self.here(tx, &pushed, &change).await? {
            return Ok(known);
        }
        // Its kind may come back with the same offer.
        let waits = || Outcome::Verdict(Verdict::Waiting { missing: Vec::new() });
        let Some(kind) = self.rules.schema.kind(&pushed.kind).cloned() else { return Ok(waits()) };
        if let Err(why) = self.fits(&kind, &pushed, &change) {
            return Ok(self.known_forgotten(&pushed, &why, origin).unwrap_or_else(|| why.outcome()));
        }
        let name = ChangeName::from(&pushed);
        if self.earlier.contains_key(&name) {
            self.settled.push(name);
        }
        // What a record begins with whose past was forgotten has the server written, of whomever it is.
        let doc = self.open.get(&(pushed.record, pushed.facet)).map(|open| &open.held.doc);
        let is_beginning = begins(&change) || doc.is_some_and(|doc| doc.begins_with(&change));
        let pen_of = if is_beginning { self.pen.device } else { origin.device };
        self.returned.insert(change.actor, (pen_of, origin.received_at));
        self.actors.entry(change.actor).or_default().get_or_insert(pen_of);
        // It was accepted once and is kept; what would lock everybody out now has no further effect.
        let effect = self.effect_of(&kind, &pushed, &change).unwrap_or_default();
        // The operator brings a whole system in, and its audit log with it.
        let (is_told, put_away, shaped) = (offerer.user.0 == self.workspace.0, self.archived.len(), self.shaped.len());
        if is_told {
            self.follow_unnoted(effect);
        } else {
            self.follow(&maker, origin.received_at, effect);
        }
        let outcome = self.accept(&maker, origin.received_at, pushed, &change, kind, None);
        if is_told {
            self.archived.truncate(put_away);
            self.shaped.truncate(shaped);
        }
        Ok(outcome)
    }

    /// What it said stands in what was written when the past of its record was forgotten, or was to go: nobody gives it back.
    fn known_forgotten(&self, pushed: &Pushed, why: &Decided, origin: &Origin) -> Option<Outcome> {
        let doc = &self.open.get(&(pushed.record, pushed.facet))?.held.doc;
        let is_in_it = matches!(why, Decided::Forgotten) && doc.has_forgotten(&pushed.hash);
        is_in_it.then_some(Outcome::Verdict(Verdict::Duplicate { position: 0, received_at: origin.received_at, seal: origin.seal }))
    }

    /// Whoever brings a record back holds it, whether they may still see it or not.
    fn note_brought(&mut self, offerer: &Author, pushed: &Pushed) {
        let Some(kind) = self.rules.schema.kind(&pushed.kind) else { return };
        if self.rules.roles.level(&offerer.role, kind, Action::Read) < Level::All {
            self.brought.insert((pushed.record, offerer.user));
        }
    }
}

/// Kept nowhere: nobody's edit hangs on it, its maker's phone has it.
fn unsealed() -> Outcome {
    Outcome::Verdict(Refused::new(code::SEAL, "it does not bear this server's seal", "没有本服务器的封印").verdict())
}

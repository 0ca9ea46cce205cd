//! What the back office takes away: a device with all that it has not sent, somebody's records, a record for good.

use std::collections::BTreeSet;

use rapport_server::intake::settle_erased;
use rapport_server::store::erasure::{self, ErasedRow};
use rapport_server::store::farewells::{self, Act};
use rapport_server::store::rejected::{self, DeskState};
use rapport_server::store::workspaces;
use rapport_server::sync::Speaker;
use sync_core::id::{DeviceId, Facet, KindName, Millis, RecordId};
use sync_core::protocol::{self, Message, Verdict, code};
use sync_core::record::change::Change;
use sync_core::schema::Schema;

use super::network::Pushed;
use super::server::{Outcome, Server, name, workspace};
use super::{Inner, short};
use crate::compose::{Desk, hand_over, intent_of};
use crate::model::IntentId;

/// Records that a world forgets for good.
const ERASED_MAX: usize = 2;

impl Server {
    /// Asks a device to deliver what it has not sent, and to forget everything then.
    pub fn shut_out(&mut self, device: DeviceId, now: Millis) {
        self.write(async move |tx| farewells::ask(tx, workspace(), device, Act::HandBack, None, now).await);
    }

    /// Answers a frame of a device that was shut out; nothing once it has said that it holds nothing any more.
    pub fn say_farewell(&mut self, speaker: &Speaker, frame: &[u8], now: Millis) -> Option<Outcome<Vec<u8>>> {
        let farewell = self.with_tx(async |tx| farewells::of_device(tx, workspace(), speaker.device).await)?;
        let answer = (!farewell.is_over()).then(|| self.block_on(self.door().say_farewell(speaker, farewell, frame, now)))?;
        Some(Outcome::Answered(protocol::encode_frame(&answer)))
    }

    /// Removes a record from everything, as after the confirmation of whoever may.
    pub fn erase(&mut self, record: RecordId, kind: KindName, now: Millis) {
        self.write(async move |tx| {
            erasure::remove(tx, workspace(), record).await?;
            settle_erased(tx, workspace(), Schema::builtin(), record).await?;
            let position = workspaces::advance_head(tx, workspace(), 1).await?;
            let row = ErasedRow { record, kind: kind.to_string(), at: now, by: None, proof: "{}".to_owned() };
            erasure::remember(tx, workspace(), &row, position).await
        });
        self.announce();
    }

    /// Whether a device has said that it holds nothing any more.
    fn was_wiped(&self, device: DeviceId) -> bool {
        let farewell = self.with_tx(async |tx| farewells::of_device(tx, workspace(), device).await);
        farewell.is_some_and(|farewell| farewell.wiped_at.is_some())
    }

    /// What ever lay at the desk, with its bytes: the records and the intents.
    pub(super) fn ever_at_the_desk(&self) -> Vec<(RecordId, Option<IntentId>)> {
        let rows = self.with_tx(async |tx| rejected::rejected_in(tx, workspace(), &DeskState::ALL, u32::MAX).await);
        rows.into_iter().map(|row| (row.record, Change::read(&row.body).ok().and_then(|change| intent_of(&change)))).collect()
    }
}

impl Inner {
    /// A device is shut out with what it has not sent. One is always left.
    pub(super) fn revoked(&mut self, phone: usize) {
        let left = self.phones.iter().filter(|phone| !phone.leaves).count();
        if !self.server.is_up() || self.phones[phone].leaves || left < 2 {
            return;
        }
        let (name, id, now) = (self.phones[phone].name.clone(), self.phones[phone].id, self.now);
        self.note(format!("{name}'s phone is shut out"));
        self.phones[phone].leaves = true;
        self.server.shut_out(id, now);
        self.hang_up(phone);
    }

    /// A phone has forgotten everything, by the word of the server.
    pub(super) fn has_left(&mut self, phone: usize) {
        let name = self.phones[phone].name.clone();
        let device = self.phones[phone].device();
        let (rows, receipt) = (device.all_rows().unwrap_or_default().len(), device.farewell().ok().flatten());
        if rows > 0 {
            self.fail(format!("I8: {name}'s phone was wiped and holds {rows} records"));
        }
        self.note(format!("{name}'s phone has forgotten everything"));
        let handset = &mut self.phones[phone];
        (handset.device, handset.connection, handset.timer, handset.gone) = (None, None, None, true);
        handset.receipt = receipt.map(|receipt| receipt.frame);
    }

    /// Phones that are gone say so, once the server can hear them.
    pub(super) fn say_receipts(&mut self) {
        for phone in 0..self.phones.len() {
            let Some(frame) = self.phones[phone].receipt.take() else { continue };
            let speaker = self.phones[phone].speaker();
            self.server.say_farewell(&speaker, &frame, self.now);
        }
    }

    /// What a phone that is gone has brought and a server that went back in time has lost, nobody has. What is taken away is
    /// taken away again, as by the ledger that lies beside the database.
    pub(super) fn take_away_again(&mut self) {
        for record in self.erased.clone() {
            self.erase_again(record);
        }
        let kept = self.kept_anywhere();
        for phone in 0..self.phones.len() {
            if self.phones[phone].leaves {
                self.server.shut_out(self.phones[phone].id, self.now);
            }
            if self.phones[phone].gone {
                let lost: Vec<IntentId> = self.phones[phone].produced.difference(&kept).copied().collect();
                self.phones[phone].excused.extend(lost);
            }
        }
    }

    fn erase_again(&mut self, record: RecordId) {
        let kind = self.records.iter().find(|(known, _)| *known == record).map_or("party", |(_, kind)| *kind);
        self.server.erase(record, name(kind), self.now);
        self.acked.retain(|(known, ..), _| *known != record);
    }

    /// The intents that are in a record or at the desk.
    fn kept_anywhere(&self) -> BTreeSet<IntentId> {
        let feed = super::phone::held_in(&self.server.feed()).into_iter().map(|(id, _)| id);
        feed.chain(self.server.ever_at_the_desk().into_iter().filter_map(|(_, id)| id)).collect()
    }

    /// A person asks to be forgotten.
    pub(super) fn erases(&mut self) {
        if !self.server.is_up() || self.erased.len() >= ERASED_MAX {
            return;
        }
        let known: Vec<_> = self.records.iter().filter(|(record, _)| self.server.row(*record).is_some()).copied().collect();
        if known.is_empty() {
            return;
        }
        let (record, _) = *self.dice.pick(&known);
        self.erase(record);
    }

    /// A record is erased for good.
    pub(super) fn erase(&mut self, record: RecordId) {
        self.note(format!("{} is erased", short(&record)));
        self.erased.insert(record);
        self.erase_again(record);
    }

    /// Whether an edit was about something that was erased.
    pub(super) fn is_forgotten(&self, id: &IntentId) -> bool {
        self.ledger.intents.get(id).is_some_and(|intent| self.erased.contains(&intent.record))
    }

    /// What comes late for a record that was erased is refused as that, and nothing else.
    pub(super) fn check_refused(&mut self, pushed: &Pushed, said: &[Message]) {
        for message in said {
            let Message::Verdicts(verdicts) = message else { continue };
            let Some((_, names)) = pushed.iter().find(|(batch, _)| *batch == verdicts.batch) else { continue };
            let late = names.iter().zip(&verdicts.verdicts).filter(|((record, ..), _)| self.erased.contains(record));
            let other =
                late.map(|(_, verdict)| verdict).find(|verdict| !matches!(verdict, Verdict::Rejected { code, .. } if code == code::ERASED));
            if let Some(other) = other {
                return self.fail(format!("I9: what came for an erased record was answered with {other:?}"));
            }
        }
    }

    /// Nothing is left of what was erased, and what phones brought that are gone lies at the desk or is in its record.
    pub(super) fn check_taken(&self) -> Result<(), String> {
        let at_the_desk = self.server.ever_at_the_desk();
        for record in &self.erased {
            let is_there = self.server.row(*record).is_some()
                || Facet::ALL.into_iter().any(|facet| !self.server.changes(*record, facet).is_empty())
                || at_the_desk.iter().any(|(known, _)| known == record);
            let holder = self.phones.iter().find(|phone| Facet::ALL.into_iter().any(|facet| !phone.changes(*record, facet).is_empty()));
            if is_there || holder.is_some() {
                let whose = holder.map_or("the server", |phone| &phone.name);
                return Err(format!("I9: {whose} still has something of {}, which was erased", short(record)));
            }
        }
        let kept = self.kept_anywhere();
        for phone in self.phones.iter().filter(|phone| phone.leaves) {
            if !phone.gone || !self.server.was_wiped(phone.id) {
                return Err(format!("liveness: {}'s phone was shut out and has not left", phone.name));
            }
            let is_lost = |id: &&IntentId| !kept.contains(id) && !phone.excused.contains(id) && !self.is_forgotten(id);
            if let Some(id) = phone.produced.iter().find(is_lost) {
                return Err(format!("I3: intent {id} of {}, whose phone was shut out, is neither kept nor at the desk", phone.name));
            }
        }
        Ok(())
    }

    /// All that somebody owns goes to somebody else, record by record, as one act does it.
    pub(super) fn handed_over(&mut self, phone: usize) {
        let to = self.dice.below(self.phones.len());
        if !self.server.is_up() || to == phone {
            return;
        }
        let [from, to] = [phone, to].map(|phone| self.phones[phone].user.to_string());
        self.note(format!("what {} has goes to another", self.phones[phone].name));
        for (record, kind_name) in self.records.clone() {
            let kind = Self::kind(kind_name);
            let (Some(owner), true) = (kind.owner.as_deref(), self.server.is_up()) else { continue };
            let Some(row) = self.server.row(record).filter(|row| !row.archived) else { continue };
            let main: serde_json::Map<_, _> = serde_json::from_str(row.facets[0].as_deref().unwrap_or("{}")).expect("a row");
            if main.get(owner).and_then(serde_json::Value::as_str) != Some(&from) {
                continue;
            }
            let id = self.ledger.new_id();
            let desk = Desk { kind, facet: Facet::Main, row: &main, is_new: false, asks_much: false, asks_often: false, linkable: &[] };
            let composed = hand_over(id, &desk, owner, &to);
            if self.edit_at_office(id, kind_name, record, Facet::Main, composed) && self.server.is_up() {
                let row = self.server.row(record).and_then(|row| row.facets[0].clone()).unwrap_or_default();
                if !row.contains(&to) {
                    self.fail(format!("{kind_name} {} was handed over and is not theirs: {row}", short(&record)));
                }
            }
        }
    }
}

//! What was not accepted: own edits that the server refused, and changes of the server's that this
//! device could not admit. Nothing is lost silently, in either direction.

use rusqlite::{Row, params};

use super::{Store, StoreError};
use crate::id::{ChangeHash, DeviceId, Facet, KindName, Millis, RecordId, Seal, UserId};
use crate::protocol::{Delivered, GivenUp, code};
use crate::record::fields::FieldEdit;

/// What became of a refused edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftState {
    /// It was refused: amend and send again, or discard.
    Rejected,
    /// It waits until somebody with the right decides.
    Held,
    /// The record was taken from this device before the edit could be sent.
    Purged,
}

impl DraftState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            DraftState::Rejected => "rejected",
            DraftState::Held => "held",
            DraftState::Purged => "purged",
        }
    }

    fn parse(word: &str) -> Result<Self, StoreError> {
        [DraftState::Rejected, DraftState::Held, DraftState::Purged]
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| StoreError::Damaged(format!("draft state `{word}`")))
    }
}

/// An own edit that was not accepted, with the reason and all it takes to make it again.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Names it on this device.
    pub id: i64,
    /// The change it was.
    pub hash: ChangeHash,
    /// The record's kind.
    pub kind: KindName,
    /// The record.
    pub record: RecordId,
    /// Which document of the record.
    pub facet: Facet,
    /// What became of it.
    pub state: DraftState,
    /// One of [`crate::protocol::code`].
    pub code: String,
    /// The field concerned.
    pub field: Option<String>,
    /// The rule that decided.
    pub rule: Option<String>,
    /// A sentence for a person, in English.
    pub message: String,
    /// The same in Chinese.
    pub message_zh: String,
    /// What it wanted to do.
    pub edits: Vec<FieldEdit>,
    /// When it was made.
    pub edit_time: Millis,
    /// When the server said no.
    pub since: Millis,
    /// The change chunk.
    pub body: Vec<u8>,
}

/// A change from the server that this device could not admit.
#[derive(Debug, Clone, PartialEq)]
pub struct Quarantined {
    /// The change.
    pub delivered: Delivered,
    /// Why.
    pub reason: String,
}

const COLUMNS: &str = "id, hash, kind, record, facet, state, code, field, rule, message, message_zh, edits, edit_time, since, body";

fn facet(row: &Row<'_>, index: usize) -> Result<Facet, StoreError> {
    let code: usize = row.get(index)?;
    Facet::ALL.get(code).copied().ok_or_else(|| StoreError::Damaged(format!("facet {code}")))
}

fn read(row: &Row<'_>) -> Result<Draft, StoreError> {
    let blob = |index| -> Result<Vec<u8>, StoreError> { Ok(row.get(index)?) };
    let text = |index| -> Result<String, StoreError> { Ok(row.get(index)?) };
    Ok(Draft {
        id: row.get(0)?,
        hash: ChangeHash::from_bytes(&blob(1)?)?,
        kind: text(2)?.parse()?,
        record: RecordId::from_bytes(&blob(3)?)?,
        facet: facet(row, 4)?,
        state: DraftState::parse(&text(5)?)?,
        code: row.get(6)?,
        field: row.get(7)?,
        rule: row.get(8)?,
        message: row.get(9)?,
        message_zh: row.get(10)?,
        edits: serde_json::from_str(&text(11)?).map_err(|error| StoreError::Damaged(error.to_string()))?,
        edit_time: row.get(12)?,
        since: row.get(13)?,
        body: row.get(14)?,
    })
}

impl Store {
    /// Keeps a draft; one of the same change is replaced. Its `id` is chosen here.
    pub(crate) fn add_draft(&self, draft: &Draft) -> Result<(), StoreError> {
        let edits = serde_json::to_string(&draft.edits).map_err(|error| StoreError::Damaged(error.to_string()))?;
        let mut statement = self.db.prepare_cached(
            "insert or replace into drafts (hash, kind, record, facet, state, code, field, rule, message, message_zh, edits, edit_time, since, body)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?;
        statement.execute(params![
            draft.hash.0,
            draft.kind.as_str(),
            draft.record.as_bytes(),
            draft.facet as i64,
            draft.state.as_str(),
            draft.code,
            draft.field,
            draft.rule,
            draft.message,
            draft.message_zh,
            edits,
            draft.edit_time,
            draft.since,
            draft.body,
        ])?;
        Ok(())
    }

    /// All drafts, oldest first.
    pub(crate) fn drafts(&self) -> Result<Vec<Draft>, StoreError> {
        self.drafts_where("1 = ?1", 1)
    }

    /// One draft.
    pub(crate) fn draft(&self, id: i64) -> Result<Option<Draft>, StoreError> {
        Ok(self.drafts_where("id = ?1", id)?.pop())
    }

    /// The draft of a change.
    pub(crate) fn draft_named(&self, (record, facet, hash): (RecordId, Facet, ChangeHash)) -> Result<Option<Draft>, StoreError> {
        let mut statement =
            self.db.prepare_cached(&format!("select {COLUMNS} from drafts where record = ?1 and facet = ?2 and hash = ?3"))?;
        let mut rows = statement.query(params![record.as_bytes(), facet as i64, hash.0])?;
        rows.next()?.map(read).transpose()
    }

    /// The changes of drafts about which the back office may still say something, those that wait first: what it has declined
    /// it can open again.
    pub(crate) fn undecided_drafts(&self) -> Result<Vec<(RecordId, Facet, ChangeHash)>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "select record, facet, hash from drafts where state = ?1 or state = ?2 and code <> ?3 order by state = ?2, id",
        )?;
        let (held, rejected) = (DraftState::Held.as_str(), DraftState::Rejected.as_str());
        let mut rows = statement.query(params![held, rejected, code::WITHDRAWN])?;
        let mut names = Vec::new();
        while let Some(row) = rows.next()? {
            let blob = |index| -> Result<Vec<u8>, StoreError> { Ok(row.get(index)?) };
            names.push((RecordId::from_bytes(&blob(0)?)?, facet(row, 1)?, ChangeHash::from_bytes(&blob(2)?)?));
        }
        Ok(names)
    }

    fn drafts_where(&self, condition: &str, value: i64) -> Result<Vec<Draft>, StoreError> {
        let mut statement = self.db.prepare_cached(&format!("select {COLUMNS} from drafts where {condition} order by id"))?;
        let mut rows = statement.query([value])?;
        let mut drafts = Vec::new();
        while let Some(row) = rows.next()? {
            drafts.push(read(row)?);
        }
        Ok(drafts)
    }

    /// Removes a draft.
    pub(crate) fn remove_draft(&self, (record, facet, hash): (RecordId, Facet, &ChangeHash)) -> Result<bool, StoreError> {
        let mut statement = self.db.prepare_cached("delete from drafts where record = ?1 and facet = ?2 and hash = ?3")?;
        Ok(statement.execute(params![record.as_bytes(), facet as i64, hash.0])? > 0)
    }

    /// Keeps that a draft was given up until the server knows.
    pub(crate) fn add_withdrawal(&self, given_up: &GivenUp) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached("insert into withdrawals (record, facet, hash) values (?1, ?2, ?3)")?;
        let GivenUp { record, facet, hash } = given_up;
        Ok(statement.execute(params![record.as_bytes(), *facet as i64, hash.0]).map(drop)?)
    }

    /// What was given up after a number and the server does not know yet, with the number of each; oldest first.
    pub(crate) fn withdrawals_after(&self, number: u64, limit: usize) -> Result<Vec<(u64, GivenUp)>, StoreError> {
        let mut statement =
            self.db.prepare_cached("select number, record, facet, hash from withdrawals where number > ?1 order by number limit ?2")?;
        let mut rows = statement.query(params![number, limit as i64])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let blob = |index| -> Result<Vec<u8>, StoreError> { Ok(row.get(index)?) };
            let (record, hash) = (RecordId::from_bytes(&blob(1)?)?, ChangeHash::from_bytes(&blob(3)?)?);
            found.push((row.get(0)?, GivenUp { record, facet: facet(row, 2)?, hash }));
        }
        Ok(found)
    }

    /// The server knows what was given up, up to this number.
    pub(crate) fn remove_withdrawals(&self, number: u64) -> Result<(), StoreError> {
        let Ok(number) = i64::try_from(number) else { return Ok(()) };
        Ok(self.db.prepare_cached("delete from withdrawals where number <= ?1")?.execute([number]).map(drop)?)
    }

    /// How many drafts there are.
    pub(crate) fn draft_count(&self) -> Result<u64, StoreError> {
        Ok(self.db.prepare_cached("select count(*) from drafts")?.query_row([], |row| row.get(0))?)
    }

    /// Puts a change from the server aside.
    pub(crate) fn quarantine(&self, delivered: &Delivered, reason: &str) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "insert or replace into quarantine (hash, kind, record, facet, user_id, device, position, received_at, reason, body, seal)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        statement.execute(params![
            delivered.hash.0,
            delivered.kind.as_str(),
            delivered.record.as_bytes(),
            delivered.facet as i64,
            delivered.user.as_bytes(),
            delivered.device.as_bytes(),
            delivered.position,
            delivered.received_at,
            reason,
            delivered.body,
            delivered.seal.0,
        ])?;
        Ok(())
    }

    /// How many own edits of a record were not accepted.
    pub(crate) fn drafts_of(&self, record: RecordId) -> Result<u64, StoreError> {
        let mut statement = self.db.prepare_cached("select count(*) from drafts where record = ?1")?;
        Ok(statement.query_row([record.as_bytes()], |row| row.get(0))?)
    }

    /// Whether anything was put aside.
    pub(crate) fn has_quarantined(&self) -> Result<bool, StoreError> {
        Ok(self.db.prepare_cached("select 1 from quarantine limit 1")?.exists([])?)
    }

    /// What was put aside, in the order of the feed.
    pub(crate) fn quarantined(&self) -> Result<Vec<Quarantined>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "select position, kind, record, facet, hash, user_id, device, received_at, body, reason, seal from quarantine order by position",
        )?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let blob = |index| -> Result<Vec<u8>, StoreError> { Ok(row.get(index)?) };
            let kind: String = row.get(1)?;
            found.push(Quarantined {
                delivered: Delivered {
                    position: row.get(0)?,
                    kind: kind.parse()?,
                    record: RecordId::from_bytes(&blob(2)?)?,
                    facet: facet(row, 3)?,
                    hash: ChangeHash::from_bytes(&blob(4)?)?,
                    user: UserId::from_bytes(&blob(5)?)?,
                    device: DeviceId::from_bytes(&blob(6)?)?,
                    received_at: row.get(7)?,
                    body: row.get(8)?,
                    // Put aside by a version that kept none: an empty seal opens nothing.
                    seal: row.get::<_, Option<Vec<u8>>>(10)?.map_or(Ok(Seal([0; 16])), |seal| Seal::from_bytes(&seal))?,
                },
                reason: row.get(9)?,
            });
        }
        Ok(found)
    }

    /// Takes a change out of quarantine.
    pub(crate) fn release(&self, change: &Delivered) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached("delete from quarantine where record = ?1 and facet = ?2 and hash = ?3")?;
        Ok(statement.execute(params![change.record.as_bytes(), change.facet as i64, change.hash.0]).map(drop)?)
    }
}

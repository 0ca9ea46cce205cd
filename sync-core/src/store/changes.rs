//! Changes: what the server has accepted, and what waits to be sent.

use rusqlite::{OptionalExtension, Row, params};

use super::{Store, StoreError};
use crate::id::{ChangeHash, DeviceId, Facet, KindName, Millis, RecordId, Seal, UserId};
use crate::record::Stored;

/// A change as the device keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Its place in an order in which every change follows its parents.
    pub id: i64,
    /// Whether it waits for the server's answer.
    pub pending: bool,
    /// The change.
    pub change: Stored,
    /// The server's seal, once it has accepted the change.
    pub seal: Option<Seal>,
}

/// What the server said when it accepted a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Where it stands in the feed.
    pub position: u64,
    /// When it arrived.
    pub received_at: Millis,
    /// The server's seal on it.
    pub seal: Seal,
}

const COLUMNS: &str = "id, record, facet, kind, hash, user_id, device, position, received_at, state, body, seal";

fn read(row: &Row<'_>) -> Result<Kept, StoreError> {
    let facet: usize = row.get(2)?;
    let kind: String = row.get(3)?;
    let blob = |index| row.get_ref(index)?.as_blob().map_err(|error| StoreError::Damaged(error.to_string()));
    Ok(Kept {
        id: row.get(0)?,
        pending: row.get::<_, i64>(9)? == 1,
        change: Stored {
            record: RecordId::from_bytes(blob(1)?)?,
            facet: Facet::ALL.get(facet).copied().ok_or_else(|| StoreError::Damaged(format!("facet {facet}")))?,
            kind: kind.parse()?,
            hash: ChangeHash::from_bytes(blob(4)?)?,
            user: UserId::from_bytes(blob(5)?)?,
            device: DeviceId::from_bytes(blob(6)?)?,
            position: row.get(7)?,
            received_at: row.get(8)?,
            body: row.get(10)?,
        },
        seal: row
            .get_ref(11)?
            .as_blob_or_null()
            .map_err(|error| StoreError::Damaged(error.to_string()))?
            .map(Seal::from_bytes)
            .transpose()?,
    })
}

impl Store {
    fn kept(&self, sql: &str, params: impl rusqlite::Params) -> Result<Vec<Kept>, StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut kept = Vec::new();
        while let Some(row) = rows.next()? {
            kept.push(read(row)?);
        }
        Ok(kept)
    }

    /// The changes of a document, each after its parents.
    pub(crate) fn document(&self, record: RecordId, facet: Facet) -> Result<Vec<Kept>, StoreError> {
        let sql = format!("select {COLUMNS} from changes where record = ?1 and facet = ?2 order by id");
        self.kept(&sql, params![record.as_bytes(), facet as i64])
    }

    /// Whether any change of a record is here.
    pub(crate) fn has_record(&self, record: RecordId) -> Result<bool, StoreError> {
        Ok(self.db.prepare_cached("select 1 from changes where record = ?1 limit 1")?.exists([record.as_bytes()])?)
    }

    /// Whether a change waits for the server.
    pub(crate) fn is_waiting(&self, record: RecordId, facet: Facet, hash: &ChangeHash) -> Result<bool, StoreError> {
        let mut statement = self.db.prepare_cached("select 1 from changes where record = ?1 and facet = ?2 and hash = ?3 and state = 1")?;
        Ok(statement.exists(params![record.as_bytes(), facet as i64, hash.0])?)
    }

    /// A change by its hash.
    pub(crate) fn change(&self, record: RecordId, facet: Facet, hash: &ChangeHash) -> Result<Option<Kept>, StoreError> {
        let sql = format!("select {COLUMNS} from changes where record = ?1 and facet = ?2 and hash = ?3");
        Ok(self.kept(&sql, params![record.as_bytes(), facet as i64, hash.0])?.pop())
    }

    /// Keeps a change: sealed, as the server has accepted it, or pending.
    pub(crate) fn add_change(&self, change: &Stored, seal: Option<&Seal>) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "insert into changes (record, facet, kind, hash, user_id, device, position, received_at, state, body, seal)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        statement.execute(params![
            change.record.as_bytes(),
            change.facet as i64,
            change.kind.as_str(),
            change.hash.0,
            change.user.as_bytes(),
            change.device.as_bytes(),
            change.position,
            change.received_at,
            i64::from(seal.is_none()),
            change.body,
            seal.map(|seal| seal.0),
        ])?;
        Ok(())
    }

    /// The server has accepted a change. Answers whether it was waiting for that.
    pub(crate) fn accept_change(
        &self,
        (record, facet, hash): (RecordId, Facet, &ChangeHash),
        receipt: Receipt,
    ) -> Result<bool, StoreError> {
        let settle = |condition: &str| -> Result<bool, StoreError> {
            let sql = format!(
                "update changes set state = 0, position = ?4, received_at = ?5, seal = ?6
                 where record = ?1 and facet = ?2 and hash = ?3 and {condition}"
            );
            let Receipt { position, received_at, seal } = receipt;
            let values = params![record.as_bytes(), facet as i64, hash.0, position, received_at, seal.0];
            Ok(self.db.prepare_cached(&sql)?.execute(values)? > 0)
        };
        let was_waiting = settle("state = 1")?;
        if !was_waiting {
            settle("position is not ?4")?;
        }
        Ok(was_waiting)
    }

    /// Whether the present life of the server has shown to have a change, at this place of its feed.
    pub(crate) fn is_confirmed(&self, (record, facet, hash): (RecordId, Facet, &ChangeHash), position: u64) -> Result<bool, StoreError> {
        let mut statement = self
            .db
            .prepare_cached("select 1 from changes where record = ?1 and facet = ?2 and hash = ?3 and state = 0 and position = ?4")?;
        Ok(statement.exists(params![record.as_bytes(), facet as i64, hash.0, position])?)
    }

    /// A change is no more.
    pub(crate) fn remove_change(&self, id: i64) -> Result<(), StoreError> {
        Ok(self.db.prepare_cached("delete from changes where id = ?1")?.execute([id]).map(drop)?)
    }

    /// Pending changes behind `after`, in the order written, at most so many and so many bytes (but one).
    pub(crate) fn pending_after(&self, after: i64, count: usize, bytes: usize) -> Result<Vec<Kept>, StoreError> {
        let sql = format!("select {COLUMNS} from changes where state = 1 and id > ?1 order by id limit ?2");
        self.up_to(&sql, params![after, count as i64], bytes)
    }

    /// Accepted changes behind `after` that the present life of the server has not shown to have.
    pub(crate) fn unconfirmed_after(&self, after: i64, count: usize, bytes: usize) -> Result<Vec<Kept>, StoreError> {
        let sql = format!("select {COLUMNS} from changes where state = 0 and position is null and id > ?1 order by id limit ?2");
        self.up_to(&sql, params![after, count as i64], bytes)
    }

    /// How many of them can be offered: with all that the server once said about them, as `is_sealed` of the outbox looks at one.
    pub(crate) fn offerable_count(&self) -> Result<u64, StoreError> {
        let sql = "select count(*) from changes where state = 0 and position is null and seal is not null and received_at is not null";
        Ok(self.db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    /// The server begins another life: nobody knows yet what of the base it has.
    pub(crate) fn forget_positions(&self) -> Result<(), StoreError> {
        Ok(self.db.prepare_cached("update changes set position = null where state = 0")?.execute([]).map(drop)?)
    }

    fn up_to(&self, sql: &str, params: impl rusqlite::Params, bytes: usize) -> Result<Vec<Kept>, StoreError> {
        let mut statement = self.db.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let (mut kept, mut size) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let change = read(row)?;
            size += change.change.body.len();
            if size > bytes && !kept.is_empty() {
                break;
            }
            kept.push(change);
        }
        Ok(kept)
    }

    /// How many changes wait for the server.
    pub(crate) fn pending_count(&self) -> Result<u64, StoreError> {
        Ok(self.db.prepare_cached("select count(*) from changes where state = 1")?.query_row([], |row| row.get(0))?)
    }

    /// Whether a record has changes that wait for the server.
    pub(crate) fn is_pending(&self, record: RecordId) -> Result<bool, StoreError> {
        let mut statement = self.db.prepare_cached("select 1 from changes where record = ?1 and state = 1 limit 1")?;
        Ok(statement.exists([record.as_bytes()])?)
    }

    /// The last own change of a record, whether sent or not.
    pub(crate) fn last_own_change(&self, record: RecordId, device: DeviceId) -> Result<Option<Kept>, StoreError> {
        let sql = format!("select {COLUMNS} from changes where record = ?1 and device = ?2 order by id desc limit 1");
        Ok(self.kept(&sql, params![record.as_bytes(), device.as_bytes()])?.pop())
    }

    /// Who wrote the first change of a record that is here.
    pub(crate) fn author_of(&self, record: RecordId) -> Result<Option<UserId>, StoreError> {
        let mut statement = self
            .db
            .prepare_cached("select user_id from changes where id = (select min(id) from changes where record = ?1 and facet = 0)")?;
        let user: Option<Vec<u8>> = statement.query_row([record.as_bytes()], |row| row.get(0)).optional()?;
        Ok(user.map(|user| UserId::from_bytes(&user)).transpose()?)
    }

    /// Whose a change is that is here.
    pub(crate) fn writer_of(&self, (record, facet, hash): (RecordId, Facet, &ChangeHash)) -> Result<Option<UserId>, StoreError> {
        let mut statement = self.db.prepare_cached("select user_id from changes where record = ?1 and facet = ?2 and hash = ?3")?;
        let user: Option<Vec<u8>> = statement.query_row(params![record.as_bytes(), facet as i64, hash.0], |row| row.get(0)).optional()?;
        Ok(user.map(|user| UserId::from_bytes(&user)).transpose()?)
    }

    /// The server has lost a change and does not take it back: it waits again.
    pub(crate) fn unaccept_change(&self, record: RecordId, facet: Facet, hash: &ChangeHash) -> Result<(), StoreError> {
        let mut statement = self.db.prepare_cached(
            "update changes set state = 1, position = null, received_at = null, seal = null where record = ?1 and facet = ?2 and hash = ?3",
        )?;
        Ok(statement.execute(params![record.as_bytes(), facet as i64, hash.0]).map(drop)?)
    }

    /// Kind of a record that the device holds.
    pub(crate) fn kind_of(&self, record: RecordId) -> Result<Option<String>, StoreError> {
        let mut statement = self.db.prepare_cached("select kind from changes where record = ?1 limit 1")?;
        Ok(statement.query_row([record.as_bytes()], |row| row.get(0)).optional()?)
    }

    /// Removes a record with all that is known of it, but its drafts.
    pub(crate) fn remove_record(&self, record: RecordId) -> Result<(), StoreError> {
        self.remove_row(record)?;
        for table in ["changes", "conflicts", "quarantine"] {
            self.db.prepare_cached(&format!("delete from {table} where record = ?1"))?.execute([record.as_bytes()])?;
        }
        Ok(())
    }

    /// The kinds, and of each the facets, of which something is here.
    pub(crate) fn documents_held(&self) -> Result<Vec<(KindName, Facet)>, StoreError> {
        let mut statement = self.db.prepare_cached("select distinct kind, facet from changes")?;
        let mut rows = statement.query([])?;
        let mut held = Vec::new();
        while let Some(row) = rows.next()? {
            let kind: String = row.get(0)?;
            let facet = usize::try_from(row.get::<_, i64>(1)?).ok().and_then(|facet| Facet::ALL.get(facet).copied());
            let damaged = |what: &str| StoreError::Damaged(format!("a change of {what}"));
            held.push((kind.parse().map_err(|_| damaged("no kind"))?, facet.ok_or_else(|| damaged("no facet"))?));
        }
        Ok(held)
    }

    /// The records of a kind; with a facet, those of which it is here.
    pub(crate) fn records_of_kind(&self, kind: &str, facet: Option<Facet>) -> Result<Vec<RecordId>, StoreError> {
        let sql = "select distinct record from changes where kind = ?1 and (?2 is null or facet = ?2)";
        self.ids(sql, params![kind, facet.map(|facet| facet as i64)])
    }
}

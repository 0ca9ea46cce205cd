//! The bytes of files on a device: a database of its own beside the records', sealed with the same key.
//!
//! A content is known by its SHA-256 and lies in pieces: a video is never in memory as a whole, and what
//! had arrived before a connection broke is kept. What the server does not have yet is never removed;
//! the rest is a cache with a bound. Never knows what a file is called or who may see it: its record does.

use std::collections::HashSet;
use std::io::{self, Read};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use super::{Place, StoreError, connect, sealed};
use crate::files::{ContentHash, THUMBNAIL_BYTES_MAX};
use crate::id::{Millis, RecordId};

/// What lies in one row, and travels in one exchange: 13 seconds at 40 KB/s, and no more is lost when a connection breaks.
pub const PIECE_BYTES: usize = 512 * 1024;
/// What its log keeps of the disk once it is folded into the file: a video must not leave a second one behind.
const LOG_BYTES: i64 = 4 * 1024 * 1024;
/// The version of the tables that this code writes.
const CONTENTS_VERSION: i64 = 1;

/// A file could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is larger than what was allowed.
    #[error("the file has more than {most} bytes")]
    TooLarge {
        /// How many are allowed.
        most: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for TakeError {
    fn from(error: rusqlite::Error) -> Self {
        TakeError::Store(error.into())
    }
}

/// A content that was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// What it hashes to.
    pub hash: ContentHash,
    /// How many bytes it has.
    pub size: u64,
}

/// Why the server does not take a content. It is tried again when somebody asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A word for the cause, stable for apps to act on.
    pub code: String,
    /// What the server said.
    pub detail: String,
}

/// How much of a content is where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// How many bytes it has.
    pub size: u64,
    /// How many of them are here.
    pub received: u64,
    /// Whether the server does not have it yet.
    pub waiting: bool,
    /// How many bytes are safe on the server, of an upload that has begun.
    pub sent: u64,
    /// Why the server does not take it.
    pub problem: Option<Problem>,
}

/// A content that the server does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToSend {
    /// The file that brings it.
    pub record: RecordId,
    /// What it hashes to.
    pub hash: ContentHash,
    /// How many bytes it has.
    pub size: u64,
    /// How many are safe on the server.
    pub sent: u64,
    /// Where the server takes it, once it has begun.
    pub address: Option<String>,
    /// Why the server does not take it.
    pub problem: Option<Problem>,
}

/// What the contents of files take on this device, and what of that is on this device only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes here.
    pub bytes: u64,
    /// Contents that the server does not have.
    pub waiting: u64,
}

/// A device's contents.
#[derive(Debug)]
pub struct Contents {
    db: Connection,
}

fn hash_of(bytes: Vec<u8>) -> Result<ContentHash, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Damaged("a content's hash".to_owned()))
}

fn problem(code: Option<String>, detail: Option<String>) -> Option<Problem> {
    code.map(|code| Problem { code, detail: detail.unwrap_or_default() })
}

impl Contents {
    /// Opens or makes the database.
    ///
    /// # Errors
    /// As [`super::Store::open`].
    pub fn open(place: &Place) -> Result<Self, StoreError> {
        // Said before the first table: what is removed gives its room back to the phone.
        let db = connect(place, "pragma auto_vacuum = incremental;")?;
        let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > CONTENTS_VERSION {
            return Err(StoreError::TooNew { found, known: CONTENTS_VERSION });
        }
        if found < CONTENTS_VERSION {
            let tables = include_str!("contents_1.sql");
            db.execute_batch(&format!("begin immediate; {tables} pragma user_version = {CONTENTS_VERSION}; commit;"))?;
        }
        if let Place::Sealed(path, _) = place {
            sealed::refuse_plain(path)?;
        }
        db.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
        Ok(Self { db })
    }

    /// Copies what a reader gives, as one content: all of it or nothing.
    ///
    /// # Errors
    /// [`TakeError`], among them a device that is full.
    pub(crate) fn take_in(&mut self, now: Millis, source: &mut dyn Read, most: u64) -> Result<Taken, TakeError> {
        // While there is room: what is in the log from before could not be folded into the file on a full disk.
        self.fold_log();
        let taken = self.copy(now, source, most);
        if taken.is_err() {
            self.fold_log();
        }
        taken
    }

    /// What a failed copy has written lies in the log: on a full disk it would leave no room for an edit.
    fn fold_log(&self) {
        // Where it cannot be now, the next one does it: nothing depends on it but room.
        let _ = self.db.pragma_update_and_check(None, "wal_checkpoint", "truncate", |_| Ok(()));
    }

    fn copy(&mut self, now: Millis, source: &mut dyn Read, most: u64) -> Result<Taken, TakeError> {
        let tx = self.db.transaction()?;
        tx.execute("insert into contents (hash, size, received, used_at) values (x'', 0, 0, ?1)", [now])?;
        let content = tx.last_insert_rowid();
        let (mut sum, mut size, mut piece) = (Sha256::new(), 0_u64, vec![0; PIECE_BYTES]);
        loop {
            let read = read_full(source, &mut piece)?;
            if read == 0 {
                break;
            }
            put_piece(&tx, content, size, &piece[..read])?;
            sum.update(&piece[..read]);
            size += read as u64;
            if size > most {
                return Err(TakeError::TooLarge { most });
            }
        }
        let taken = Taken { hash: sum.finalize().into(), size };
        if become_known(&tx, content, taken, now)? {
            tx.commit()?;
        } else {
            // It is here already. The copy goes with its transaction.
            drop(tx);
            self.touch(now, &taken.hash)?;
        }
        Ok(taken)
    }

    /// Notes that a file's contents are to be sent: the thumbnail first.
    pub(crate) fn wait(&mut self, record: RecordId, content: ContentHash, thumbnail: Option<ContentHash>) -> Result<(), StoreError> {
        let tx = self.db.transaction()?;
        for (hash, is_thumbnail) in thumbnail.map(|hash| (hash, true)).into_iter().chain([(content, false)]) {
            tx.execute(
                "insert or ignore into waiting (record, content, thumbnail) select ?1, id, ?3 from contents where hash = ?2",
                params![record.as_bytes(), hash, i64::from(is_thumbnail)],
            )?;
        }
        Ok(tx.commit()?)
    }

    /// What the server does not have yet: all thumbnails, then what has waited longest.
    pub(crate) fn to_send(&self) -> Result<Vec<ToSend>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "select w.record, c.hash, c.size, c.sent, c.address, c.code, c.detail from waiting w join contents c on c.id = w.content
             order by w.thumbnail desc, w.record",
        )?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let record: Vec<u8> = row.get(0)?;
            found.push(ToSend {
                record: RecordId::from_bytes(&record)?,
                hash: hash_of(row.get(1)?)?,
                size: row.get(2)?,
                sent: row.get(3)?,
                address: row.get(4)?,
                problem: problem(row.get(5)?, row.get(6)?),
            });
        }
        Ok(found)
    }

    /// Where the server takes a content, and how much of it is safe there.
    pub(crate) fn set_sent(&self, hash: &ContentHash, address: Option<&str>, sent: u64) -> Result<(), StoreError> {
        let mut statement =
            self.db.prepare_cached("update contents set address = ?2, sent = ?3, code = null, detail = null where hash = ?1")?;
        statement.execute(params![hash, address, sent])?;
        Ok(())
    }

    /// The server has a content: from here on it is a copy.
    pub(crate) fn arrived(&mut self, hash: &ContentHash) -> Result<(), StoreError> {
        let tx = self.db.transaction()?;
        tx.execute("delete from waiting where content in (select id from contents where hash = ?1)", [hash])?;
        tx.execute("update contents set address = null, sent = 0 where hash = ?1", [hash])?;
        Ok(tx.commit()?)
    }

    /// The server does not take a content; it begins anew if it is tried again.
    pub(crate) fn refused(&self, hash: &ContentHash, problem: &Problem) -> Result<(), StoreError> {
        let sql = "update contents set address = null, sent = 0, code = ?2, detail = ?3 where hash = ?1";
        self.db.prepare_cached(sql)?.execute(params![hash, problem.code, problem.detail])?;
        Ok(())
    }

    /// Tries the contents of a file again.
    pub(crate) fn try_again(&self, record: RecordId) -> Result<(), StoreError> {
        let sql = "update contents set code = null, detail = null where id in (select content from waiting where record = ?1)";
        self.db.prepare_cached(sql)?.execute([record.as_bytes()])?;
        Ok(())
    }

    /// How much of a content is here.
    pub(crate) fn held(&self, hash: &ContentHash) -> Result<Option<Held>, StoreError> {
        let mut statement = self.db.prepare_cached(
            "select size, received, sent, code, detail, exists (select 1 from waiting where content = contents.id)
             from contents where hash = ?1",
        )?;
        let held = statement.query_row([hash], |row| {
            let problem = problem(row.get(3)?, row.get(4)?);
            Ok(Held { size: row.get(0)?, received: row.get(1)?, sent: row.get(2)?, problem, waiting: row.get(5)? })
        });
        Ok(held.optional()?)
    }

    /// Bytes of a content from a place on, at most a piece; fewer at its end or where it is not here yet.
    pub(crate) fn read(&self, hash: &ContentHash, from: u64) -> Result<Vec<u8>, StoreError> {
        let start = from - from % PIECE_BYTES as u64;
        let mut statement =
            self.db.prepare_cached("select body from pieces where content = (select id from contents where hash = ?1) and start = ?2")?;
        let piece: Option<Vec<u8>> = statement.query_row(params![hash, start], |row| row.get(0)).optional()?;
        let mut piece = piece.unwrap_or_default();
        let skipped = usize::try_from(from - start).unwrap_or(usize::MAX).min(piece.len());
        Ok(piece.split_off(skipped))
    }

    /// Makes room for a content that is about to be downloaded. Answers how much of it is here.
    pub(crate) fn expect(&self, now: Millis, hash: &ContentHash, size: u64) -> Result<u64, StoreError> {
        let sql = "insert or ignore into contents (hash, size, received, used_at) values (?1, ?2, 0, ?3)";
        self.db.prepare_cached(sql)?.execute(params![hash, size, now])?;
        Ok(self.held(hash)?.map_or(0, |held| held.received))
    }

    /// Keeps the next piece of a download. With the last one the content is compared with its hash, and
    /// removed if it is another one. Answers whether it is as it should be.
    pub(crate) fn add_piece(&mut self, hash: &ContentHash, start: u64, bytes: &[u8]) -> Result<bool, StoreError> {
        let tx = self.db.transaction()?;
        let content: i64 = tx.query_row("select id from contents where hash = ?1", [hash], |row| row.get(0))?;
        put_piece(&tx, content, start, bytes)?;
        tx.commit()?;
        let held = self.held(hash)?;
        let is_whole = held.is_some_and(|held| held.received >= held.size);
        if is_whole && self.sum(hash)? != *hash {
            self.remove(hash)?;
            return Ok(false);
        }
        Ok(true)
    }

    fn sum(&self, hash: &ContentHash) -> Result<ContentHash, StoreError> {
        let (mut sum, mut at) = (Sha256::new(), 0);
        loop {
            let piece = self.read(hash, at)?;
            if piece.is_empty() {
                return Ok(sum.finalize().into());
            }
            sum.update(&piece);
            at += piece.len() as u64;
        }
    }

    /// Notes that a content was looked at: what was looked at last is removed last.
    pub(crate) fn touch(&self, now: Millis, hash: &ContentHash) -> Result<(), StoreError> {
        self.db.prepare_cached("update contents set used_at = ?2 where hash = ?1")?.execute(params![hash, now])?;
        Ok(())
    }

    /// What all of it takes.
    pub(crate) fn usage(&self) -> Result<Usage, StoreError> {
        let sql = "select coalesce((select sum(received) from contents), 0), (select count(*) from waiting)";
        Ok(self.db.prepare_cached(sql)?.query_row([], |row| Ok(Usage { bytes: row.get(0)?, waiting: row.get(1)? }))?)
    }

    /// Removes what no file of this device names any more: `named` by files that are here, `drafts` of files
    /// that were not accepted. What a person may not see any more does not stay on their phone.
    pub(crate) fn tidy(&mut self, named: &HashSet<ContentHash>, files: &HashSet<RecordId>) -> Result<(), StoreError> {
        for waiting in self.to_send()?.into_iter().filter(|waiting| !files.contains(&waiting.record)) {
            self.forget(waiting.record)?;
        }
        let kept = "select hash from contents where id not in (select content from waiting)";
        let hashes = self.db.prepare_cached(kept)?.query_map([], |row| row.get(0))?.collect::<Result<Vec<Vec<u8>>, _>>()?;
        let hashes = hashes.into_iter().map(hash_of).collect::<Result<Vec<ContentHash>, _>>()?;
        let nameless: Vec<ContentHash> = hashes.into_iter().filter(|hash| !named.contains(hash)).collect();
        nameless.iter().try_for_each(|hash| self.remove(hash))?;
        if !nameless.is_empty() {
            // Its bytes stand in the log, too, as they came.
            self.fold_log();
        }
        Ok(())
    }

    /// Nobody waits for the contents of a file any more.
    pub(crate) fn forget(&self, record: RecordId) -> Result<(), StoreError> {
        self.db.prepare_cached("delete from waiting where record = ?1")?.execute([record.as_bytes()])?;
        Ok(())
    }

    /// Removes copies until the rest takes at most so much: thumbnails last, what was looked at last before them.
    pub(crate) fn trim(&mut self, most: u64) -> Result<(), StoreError> {
        let order = "select hash, received from contents where id not in (select content from waiting)
                     order by size <= ?1, used_at";
        let mut statement = self.db.prepare_cached(order)?;
        let copies = statement.query_map([THUMBNAIL_BYTES_MAX], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let copies = copies.collect::<Result<Vec<(Vec<u8>, u64)>, _>>()?;
        drop(statement);
        let mut bytes = self.usage()?.bytes;
        for (hash, received) in copies {
            if bytes <= most {
                break;
            }
            self.remove(&hash_of(hash)?)?;
            bytes -= received;
        }
        Ok(())
    }

    fn remove(&mut self, hash: &ContentHash) -> Result<(), StoreError> {
        let tx = self.db.transaction()?;
        tx.execute("delete from pieces where content = (select id from contents where hash = ?1)", [hash])?;
        tx.execute("delete from contents where hash = ?1", [hash])?;
        tx.commit()?;
        self.shrink()
    }

    fn shrink(&self) -> Result<(), StoreError> {
        // It answers with a row for each page that it gives back.
        let mut statement = self.db.prepare_cached("pragma incremental_vacuum")?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }

    /// Removes everything.
    pub(crate) fn wipe(&self) -> Result<(), StoreError> {
        self.db.execute_batch("delete from waiting; delete from pieces; delete from contents;")?;
        self.shrink()?;
        self.fold_log();
        Ok(())
    }
}

fn put_piece(tx: &Transaction<'_>, content: i64, start: u64, bytes: &[u8]) -> Result<(), rusqlite::Error> {
    tx.prepare_cached("insert or replace into pieces (content, start, body) values (?1, ?2, ?3)")?
        .execute(params![content, start, bytes])?;
    let received = start + bytes.len() as u64;
    tx.prepare_cached("update contents set received = ?2 where id = ?1")?.execute(params![content, received])?;
    Ok(())
}

/// Gives a content its name, in place of a download of the same that is not complete. Answers whether it was new.
fn become_known(tx: &Transaction<'_>, content: i64, taken: Taken, now: Millis) -> Result<bool, rusqlite::Error> {
    let known = "select id, received >= size from contents where hash = ?1";
    let known: Option<(i64, bool)> = tx.query_row(known, [taken.hash], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match known {
        Some((_, true)) => return Ok(false),
        Some((partial, false)) => {
            tx.execute("delete from pieces where content = ?1", [partial])?;
            tx.execute("delete from contents where id = ?1", [partial])?;
        }
        None => {}
    }
    let sql = "update contents set hash = ?2, size = ?3, received = ?3, used_at = ?4 where id = ?1";
    tx.execute(sql, params![content, taken.hash, taken.size, now])?;
    Ok(true)
}

/// Fills a piece, or reads to the end.
fn read_full(source: &mut dyn Read, piece: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < piece.len() {
        match source.read(&mut piece[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;

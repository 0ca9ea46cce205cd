//! Reading: one record, lists, search. One call for a screen.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sync_core::device::{Device, Listed};
use sync_core::id::Millis;
use sync_core::query::{Direction, Filter, MAX_PAGE, OrderBy, Query};

use crate::client::Client;
use crate::error::ClientError;
use crate::runtime::{CancelHandle, blocking, guarded};
use crate::value::{Value, parts_of};

/// Names a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RecordId(pub String);

uniffi::custom_newtype!(RecordId, String);

impl From<String> for RecordId {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl RecordId {
    /// The id that is meant, or an error that says what was passed.
    pub(crate) fn parse(&self) -> Result<sync_core::id::RecordId, ClientError> {
        self.0.parse().map_err(|_| ClientError::BadArgument { detail: format!("`{}` is not a record's id", self.0) })
    }
}

impl From<sync_core::id::RecordId> for RecordId {
    fn from(id: sync_core::id::RecordId) -> Self {
        Self(id.to_string())
    }
}

/// Whether what the user did to a record has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum SendState {
    /// The server has everything.
    Sent,
    /// Edits wait for the server.
    Waiting,
    /// The server did not accept something: there are drafts to look at.
    NotAccepted,
}

/// A record as it reads now.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Record {
    /// The record.
    pub id: RecordId,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub title: String,
    /// What its fields show; one that shows nothing is not there.
    pub fields: HashMap<String, Value>,
    /// Whether it is archived: how records are deleted.
    pub archived: bool,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it was last edited.
    pub updated_at: SystemTime,
    /// Fields that people disagree on.
    pub conflicts: u64,
    /// Whether the user's edits of it have arrived.
    pub state: SendState,
    /// The record that stands for it since they were merged: show that one. Lists and searches lead there by themselves,
    /// links still lead here.
    pub merged_into: Option<RecordId>,
}

impl From<Listed> for Record {
    fn from(row: Listed) -> Self {
        let state = match (row.drafts, row.pending) {
            (1.., _) => SendState::NotAccepted,
            (0, true) => SendState::Waiting,
            (0, false) => SendState::Sent,
        };
        Self {
            id: row.record.into(),
            kind: row.kind.to_string(),
            title: row.title,
            fields: parts_of(row.fields),
            archived: row.archived,
            created_at: moment(row.created_at),
            updated_at: moment(row.updated_at),
            conflicts: row.conflicts,
            state,
            merged_into: row.merged_into.map(RecordId::from),
        }
    }
}

/// A moment of the server's clock.
pub(crate) fn moment(millis: Millis) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// Which records of a kind, in what order.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ListQuery {
    /// Their kind.
    pub kind: String,
    /// Conditions in the language of `docs/query.md`, as JSON; all records without.
    #[uniffi(default = None)]
    pub filter: Option<String>,
    /// An attribute to order by; the time of making without.
    #[uniffi(default = None)]
    pub order_by: Option<String>,
    /// Whether the last one comes first.
    #[uniffi(default = false)]
    pub descending: bool,
    /// At most so many.
    #[uniffi(default = 50)]
    pub limit: u32,
    /// Where the page begins: `next` of the page before.
    #[uniffi(default = None)]
    pub after: Option<String>,
}

impl ListQuery {
    /// The query that is meant, checked against the kinds that the device knows.
    pub(crate) fn compile(&self, device: &Device) -> Result<Query, ClientError> {
        let schema = device.schema();
        let mut query = Query::of(schema, &self.kind)?;
        if !(1..=MAX_PAGE).contains(&self.limit) {
            return Err(ClientError::BadArgument { detail: format!("a list has 1 to {MAX_PAGE} rows, not {}", self.limit) });
        }
        query.max_size = self.limit;
        if let Some(filter) = &self.filter {
            query.filter = Filter::parse(schema, &self.kind, filter)?;
        }
        if let Some(kind) = schema.kind(&self.kind) {
            let direction = if self.descending { Direction::Descending } else { Direction::Ascending };
            query.order_by = OrderBy::parse(schema, kind, self.order_by.as_deref().unwrap_or("id"), direction)?;
        }
        query.after = self.after.as_deref().map(|after| query.parse_cursor(after)).transpose()?;
        Ok(query)
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Page {
    /// The records.
    pub rows: Vec<Record>,
    /// How many there are in all.
    pub total: u64,
    /// What to pass as `after` for the next page; nothing at the end.
    pub next: Option<String>,
}

/// A part of a text that a search has looked at.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Piece {
    /// The characters.
    pub text: String,
    /// Whether the search has hit them.
    pub hit: bool,
}

/// A record that a search has found.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Found {
    /// The record.
    pub record: Record,
    /// Its name, with what was hit.
    pub title: Vec<Piece>,
    /// The other field that was hit first, if one was.
    pub field: Option<String>,
    /// Its text, cut around the hit.
    pub snippet: Vec<Piece>,
}

fn pieces(pieces: Vec<sync_core::search::Piece>) -> Vec<Piece> {
    pieces.into_iter().map(|piece| Piece { text: piece.text, hit: piece.is_hit }).collect()
}

impl From<sync_core::device::Found> for Found {
    fn from(found: sync_core::device::Found) -> Self {
        let (field, snippet) = found.context.map_or((None, Vec::new()), |(field, snippet)| (Some(field), pieces(snippet)));
        Self { record: found.row.into(), title: pieces(found.title), field, snippet }
    }
}

#[uniffi::export]
impl Client {
    /// A record; nothing when it is not on this device (`explain` says why not).
    pub async fn get(&self, id: RecordId) -> Result<Option<Record>, ClientError> {
        let id = id.parse()?;
        self.on_device(move |device, _| Ok(device.row(id)?.map(Record::from))).await
    }

    /// Records, in the order asked for; those that are not here are left out.
    pub async fn get_many(&self, ids: Vec<RecordId>) -> Result<Vec<Record>, ClientError> {
        let ids = ids.iter().map(RecordId::parse).collect::<Result<Vec<_>, _>>()?;
        self.on_device(move |device, _| {
            let rows = ids.into_iter().filter_map(|id| device.row(id).transpose());
            rows.map(|row| Ok(row?.into())).collect()
        })
        .await
    }

    /// One page of a list. Of records that were merged only the one that stands for them is in lists.
    pub async fn list(&self, query: ListQuery) -> Result<Page, ClientError> {
        let open = self.open_now()?;
        guarded(blocking(move || {
            let page = open.host.with(|device, now| {
                let query = query.compile(device)?;
                Ok::<_, ClientError>(device.page(&query, open.context(now))?)
            })?;
            Ok(Page { rows: page.rows.into_iter().map(Record::from).collect(), total: page.total, next: page.next })
        }))
        .await
    }

    /// Records that a text finds, best first, of one kind or of all: Chinese by any part, by pinyin and
    /// its initials, words by their beginning, numbers by any three digits.
    pub async fn search(&self, text: String, kind: Option<String>, cancel: Option<Arc<CancelHandle>>) -> Result<Vec<Found>, ClientError> {
        let open = self.open_now()?;
        guarded(async move {
            let index = open.clone();
            let work = async move {
                // A first search after a big download indexes in small steps, so that it can be cancelled.
                while blocking({
                    let index = index.clone();
                    move || Ok::<_, ClientError>(index.host.with(|device, _| device.index_some())?)
                })
                .await?
                {}
                blocking(move || {
                    let found = index.host.with(|device, _| device.find(&text, kind.as_deref()))?;
                    Ok(found.into_iter().map(Found::from).collect())
                })
                .await
            };
            tokio::select! {
                found = work => found,
                () = CancelHandle::wait(cancel) => Err(ClientError::Cancelled),
            }
        })
        .await
    }

    /// Records that link to a record or to one that was merged into it, by the field that does. Those that were merged
    /// themselves are among them: `merged_into`.
    pub async fn links_to(&self, id: RecordId) -> Result<Vec<Record>, ClientError> {
        let id = id.parse()?;
        self.on_device(move |device, _| {
            let mut sources: Vec<_> = device.links_to(id)?.into_iter().map(|(source, _)| source).collect();
            sources.dedup();
            let rows = sources.into_iter().filter_map(|source| device.row(source).transpose());
            rows.map(|row| Ok(row?.into())).collect()
        })
        .await
    }
}

//! Streams that the app pulls: the first answer is what is now, then what has changed.
//!
//! Nothing is pushed, so no code of the app runs on our threads. Whoever is slow gets several changes
//! as one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sync_core::device::{self, Watch};
use tokio::sync::watch;

use crate::client::Client;
use crate::error::ClientError;
use crate::open::Open;
use crate::read::{ListQuery, Record};
use crate::runtime::{blocking, guarded};
use crate::sync::SyncStatus;

/// One step that turns the shown list into the next one; to be taken in order.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum ListStep {
    /// A row comes in.
    Insert {
        /// Where it is then.
        at: u32,
        /// The row.
        row: Record,
    },
    /// A row shows something else.
    Update {
        /// Where.
        at: u32,
        /// The row.
        row: Record,
    },
    /// A row changes its place.
    Move {
        /// Where it was.
        from: u32,
        /// Where it is then.
        to: u32,
    },
    /// A row goes out.
    Remove {
        /// Where it was.
        at: u32,
    },
}

/// What there is to show.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum ListUpdate {
    /// The list from its beginning.
    Reset {
        /// Its rows.
        rows: Vec<Record>,
        /// How many records the query has in all.
        total: u64,
    },
    /// The difference to what was shown.
    Changes {
        /// To be taken in order.
        steps: Vec<ListStep>,
        /// How many records the query has in all.
        total: u64,
    },
}

fn step(step: device::ListStep) -> ListStep {
    // Pages are short (`MAX_PAGE`).
    let at = |at: usize| at as u32;
    match step {
        device::ListStep::Insert { at: to, row } => ListStep::Insert { at: at(to), row: row.into() },
        device::ListStep::Update { at: to, row } => ListStep::Update { at: at(to), row: row.into() },
        device::ListStep::Move { from, to } => ListStep::Move { from: at(from), to: at(to) },
        device::ListStep::Remove { at: from } => ListStep::Remove { at: at(from) },
    }
}

impl From<device::ListUpdate> for ListUpdate {
    fn from(update: device::ListUpdate) -> Self {
        match update {
            device::ListUpdate::Reset { rows, total } => ListUpdate::Reset { rows: rows.into_iter().map(Record::from).collect(), total },
            device::ListUpdate::Steps { steps, total } => ListUpdate::Changes { steps: steps.into_iter().map(step).collect(), total },
        }
    }
}

/// A list that stays as its query says.
#[derive(uniffi::Object)]
pub struct LiveList {
    open: Arc<Open>,
    list: Arc<Mutex<Watch>>,
    stopped: watch::Sender<bool>,
    /// Whether an answer is on its way: one that never arrives (a cancelled call) is not lost, the next one begins anew.
    undelivered: AtomicBool,
}

#[uniffi::export]
impl LiveList {
    /// What there is to show: at once the first time, then when something has changed. Nothing when the
    /// list was stopped or the client closed.
    pub async fn next(&self) -> Result<Option<ListUpdate>, ClientError> {
        if self.undelivered.swap(true, Ordering::AcqRel) {
            self.list.lock().unwrap_or_else(PoisonError::into_inner).restart();
        }
        let (open, list, stopped) = (self.open.clone(), self.list.clone(), self.stopped.subscribe());
        let update = guarded(next(open, list, stopped)).await;
        self.undelivered.store(false, Ordering::Release);
        update
    }

    /// Ends the list: a call that waits answers with nothing.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }
}

async fn next(open: Arc<Open>, list: Arc<Mutex<Watch>>, mut stopped: watch::Receiver<bool>) -> Result<Option<ListUpdate>, ClientError> {
    let mut revisions = open.host.revision();
    loop {
        if *stopped.borrow() || open.has_ended() {
            return Ok(None);
        }
        revisions.mark_unchanged();
        let (looking, shown) = (open.clone(), list.clone());
        let look = move || {
            let mut list = shown.lock().unwrap_or_else(PoisonError::into_inner);
            Ok::<_, ClientError>(looking.host.with(|device, now| list.look(device, looking.context(now)))?)
        };
        if let Some(update) = blocking(look).await? {
            return Ok(Some(update.into()));
        }
        tokio::select! {
            // Its sender is in `open`.
            _ = revisions.changed() => {}
            () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => {}
            () = open.until_ended() => {}
        }
    }
}

/// The status line, as it changes.
#[derive(uniffi::Object)]
pub struct StatusStream {
    open: Arc<Open>,
    changes: Arc<tokio::sync::Mutex<(watch::Receiver<sync_core::engine::SyncStatus>, watch::Receiver<u64>)>>,
    stopped: watch::Sender<bool>,
}

#[uniffi::export]
impl StatusStream {
    /// The status: at once the first time, then when it has changed. Nothing when the stream was stopped
    /// or the client closed.
    pub async fn next(&self) -> Result<Option<SyncStatus>, ClientError> {
        let (open, changes, mut stopped) = (self.open.clone(), self.changes.clone(), self.stopped.subscribe());
        guarded(async move {
            let (status_changes, file_changes) = &mut *changes.lock().await;
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => return Ok(None),
                () = open.until_ended() => return Ok(None),
                _ = status_changes.changed() => {}
                _ = file_changes.changed() => {}
            }
            let status = status_changes.borrow_and_update().clone();
            blocking(move || Ok(Some(SyncStatus::of(status, open.is_enrolled(), open.files.usage()?.waiting)))).await
        })
        .await
    }

    /// Ends the stream: a call that waits answers with nothing.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }
}

#[uniffi::export]
impl Client {
    /// Watches a list.
    pub async fn watch(&self, query: ListQuery) -> Result<Arc<LiveList>, ClientError> {
        let compiled = self.on_device(move |device, _| query.compile(device)).await?;
        let (list, stopped) = (Arc::new(Mutex::new(Watch::new(compiled))), watch::Sender::new(false));
        Ok(Arc::new(LiveList { open: self.open_now()?, list, stopped, undelivered: AtomicBool::new(false) }))
    }

    /// Watches the status line.
    pub async fn watch_status(&self) -> Result<Arc<StatusStream>, ClientError> {
        let open = self.open_now()?;
        let mut changes = open.host.status();
        // What is now is the first news.
        changes.mark_changed();
        let changes = Arc::new(tokio::sync::Mutex::new((changes, open.files.changed())));
        Ok(Arc::new(StatusStream { open, changes, stopped: watch::Sender::new(false) }))
    }
}

//! The files of a device: taken in offline, sent when their record was accepted, fetched when somebody looks.
//!
//! Small things first: edits, then thumbnails, then contents; what is large goes piece by piece and goes
//! on where it stopped, after a killed process too. Locks are taken in one order: contents, then device.

use std::collections::HashSet;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::http::{Budget, Outcome, Server, Spent};
use super::tus::Carrier;
use super::{Host, NetError};
use crate::device::{FileView, NewFile};
use crate::engine::{EditError, Stopped};
use crate::files::{ContentHash, THUMBNAIL_BYTES_MAX, picture_type};
use crate::id::{Millis, RecordId};
use crate::store::{Contents, Held, PIECE_BYTES, Problem, StoreError, TakeError, Taken, ToSend, Usage};

/// The server takes 200 MiB unless its operator says otherwise: more would only wait here for a refusal.
pub const ATTACHMENT_BYTES_MAX: u64 = 200 * 1024 * 1024;
/// Thumbnails that one sync fetches ahead, newest first: some screens of photos, at most 32 MB.
const THUMBNAILS_AHEAD: usize = 500;

/// A connection that stands, and a server that does not take files now: it is asked again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Why a file is not where it was wanted.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no such file on this device.
    #[error("there is no file {0} on this device")]
    Unknown(RecordId),
    /// It could not be taken in.
    #[error(transparent)]
    Take(#[from] TakeError),
    /// Its record was refused.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A thumbnail is a JPEG, PNG or WebP.
    #[error("the thumbnail is neither JPEG nor PNG nor WebP")]
    NoPicture,
    /// It is larger than all that copies may take here.
    #[error("the file has {size} bytes, and copies may take {most} on this device")]
    NoRoom {
        /// How many bytes it has.
        size: u64,
        /// How many are allowed.
        most: u64,
    },
    /// What came is not what the record names.
    #[error("what the server sent is another content than the record names: sync, then try again")]
    Other,
    /// The server did not send it.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A file that an app hands over.
pub struct Attach<'a> {
    /// What it is called.
    pub name: String,
    /// What it is, such as `image/jpeg`.
    pub media_type: String,
    /// Its bytes.
    pub content: &'a mut dyn Read,
    /// A small picture of it; a picture that is small itself needs none.
    pub thumbnail: Option<Vec<u8>>,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    /// On the server, or on the phone that made it.
    Elsewhere,
    /// On their way to this device.
    Arriving {
        /// Bytes that are here.
        received: u64,
    },
    /// On this device, and on the server.
    Here,
    /// On this device only: they are sent when the server can be reached and the record was accepted.
    Waiting {
        /// Bytes that are safe on the server.
        sent: u64,
    },
    /// On this device only, and the server does not take them.
    Refused(Problem),
}

/// A file, and where its bytes are.
#[derive(Debug, Clone, PartialEq)]
pub struct Attachment {
    /// The file.
    pub file: FileView,
    /// Where its content is.
    pub content: Whereabouts,
}

/// A content on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The file.
    pub record: RecordId,
    /// Bytes that are safe on the server.
    pub sent: u64,
    /// Bytes in all.
    pub size: u64,
    /// Why the server does not take it.
    pub problem: Option<Problem>,
}

/// The files of a device; cloning is cheap.
#[derive(Clone)]
pub struct Files {
    host: Host,
    contents: Arc<Mutex<Contents>>,
    changed: watch::Sender<u64>,
    /// Thumbnails that were asked for in vain: not again ahead of time in this life of the app.
    missed: Arc<Mutex<HashSet<ContentHash>>>,
    /// Somebody asked for a content that was refused to be tried again.
    asked: Arc<Notify>,
    cache_bytes: u64,
}

impl Files {
    /// The files of a host's device. `cache_bytes` is what copies of what the server has may take here.
    pub fn new(host: Host, contents: Contents, cache_bytes: u64) -> Self {
        let changed = watch::Sender::new(0);
        // A device has one place for contents: whoever opens its files twice shares it.
        let contents = host.contents.get_or_init(|| Arc::new(Mutex::new(contents))).clone();
        Self { host, contents, changed, missed: Arc::default(), asked: Arc::default(), cache_bytes }
    }

    /// Changes whenever a content came, went, or got further.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn tell(&self) {
        self.changed.send_modify(|revision| *revision += 1);
    }

    fn with<T>(&self, call: impl FnOnce(&mut Contents, Millis) -> T) -> T {
        // A panic inside a call left the database as its last transaction left it.
        call(&mut self.contents.lock().unwrap_or_else(PoisonError::into_inner), (self.host.clock)())
    }

    /// As [`Files::with`], away from the threads that carry frames.
    async fn apart<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Contents, Millis) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let files = self.clone();
        let done = tokio::task::spawn_blocking(move || files.with(call)).await;
        done.unwrap_or_else(|_| Err(StoreError::Damaged("the work on contents was ended".to_owned())))
    }

    /// Takes a file in and hangs it on a record: on this device when it returns, sent later.
    ///
    /// # Errors
    /// [`FileError`]; nothing of it is kept then.
    pub fn attach(&self, about: RecordId, file: Attach<'_>) -> Result<RecordId, FileError> {
        let id = self.host.with(|device, now| device.new_id(now));
        let done = self.with(|contents, now| {
            let content = contents.take_in(now, file.content, ATTACHMENT_BYTES_MAX)?;
            let thumbnail = thumbnail_of(contents, now, file.thumbnail, content)?;
            contents.wait(id, content.hash, thumbnail)?;
            let new = NewFile { name: file.name, media_type: file.media_type, content, thumbnail };
            let made = self.host.with(|device, now| device.add_file(now, id, about, &new));
            if made.is_err() {
                // What was copied goes with the next tidying.
                contents.forget(id)?;
            }
            Ok(made.map(|_| id)?)
        });
        self.tell();
        done
    }

    /// The files that hang on a record, oldest first, and where their bytes are.
    ///
    /// # Errors
    /// When the store fails.
    pub fn of(&self, record: RecordId) -> Result<Vec<Attachment>, StoreError> {
        let files = self.host.with(|device, _| device.files_of(record))?;
        files.into_iter().map(|file| self.placed(file)).collect()
    }

    /// One file.
    ///
    /// # Errors
    /// [`FileError::Unknown`], or when the store fails.
    pub fn get(&self, record: RecordId) -> Result<Attachment, FileError> {
        let file = self.host.with(|device, _| device.file(record))?.ok_or(FileError::Unknown(record))?;
        Ok(self.placed(file)?)
    }

    fn placed(&self, file: FileView) -> Result<Attachment, StoreError> {
        let held = file.hash.map(|hash| self.with(|contents, _| contents.held(&hash))).transpose()?.flatten();
        let content = match held {
            None => Whereabouts::Elsewhere,
            Some(Held { problem: Some(problem), waiting: true, .. }) => Whereabouts::Refused(problem),
            Some(Held { waiting: true, sent, .. }) => Whereabouts::Waiting { sent },
            Some(Held { size, received, .. }) if received < size => Whereabouts::Arriving { received },
            Some(_) => Whereabouts::Here,
        };
        Ok(Attachment { file, content })
    }

    /// What is on its way to the server, or waits for it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn transfers(&self) -> Result<Vec<Transfer>, StoreError> {
        let waiting = self.with(|contents, _| contents.to_send())?;
        let transfer = |one: ToSend| Transfer { record: one.record, sent: one.sent, size: one.size, problem: one.problem };
        Ok(waiting.into_iter().map(transfer).collect())
    }

    /// What contents take here.
    ///
    /// # Errors
    /// When the store fails.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        self.with(|contents, _| contents.usage())
    }

    /// Bytes of a file from a place on, at most a piece; none at its end.
    ///
    /// # Errors
    /// [`FileError::Unknown`], or when the store fails.
    pub fn read(&self, record: RecordId, from: u64) -> Result<Vec<u8>, FileError> {
        let hash = self.get(record)?.file.hash.ok_or(FileError::Unknown(record))?;
        self.with(|contents, now| {
            contents.touch(now, &hash)?;
            Ok(contents.read(&hash, from)?)
        })
    }

    /// The thumbnail of a file, if it is here.
    ///
    /// # Errors
    /// [`FileError::Unknown`], or when the store fails.
    pub fn thumbnail(&self, record: RecordId) -> Result<Option<Vec<u8>>, FileError> {
        let Some(hash) = self.get(record)?.file.thumbnail else { return Ok(None) };
        self.with(|contents, now| {
            let held = contents.held(&hash)?.filter(|held| held.received == held.size && held.size <= THUMBNAIL_BYTES_MAX);
            contents.touch(now, &hash)?;
            Ok(held.map(|_| contents.read(&hash, 0)).transpose()?)
        })
    }

    /// Sends a file again that the server did not take.
    ///
    /// # Errors
    /// When the store fails.
    pub fn try_again(&self, record: RecordId) -> Result<(), StoreError> {
        self.with(|contents, _| contents.try_again(record))?;
        self.tell();
        self.asked.notify_one();
        Ok(())
    }

    /// Removes what no file names any more, and copies beyond what is allowed.
    ///
    /// # Errors
    /// When the store fails.
    pub fn tidy(&self, most: u64) -> Result<(), StoreError> {
        self.with(|contents, _| {
            self.host.tidy(contents)?;
            contents.trim(most)
        })?;
        self.tell();
        Ok(())
    }

    /// A whole sync within one budget: edits and records, then thumbnails and contents.
    ///
    /// # Errors
    /// As [`Server::sync_once`].
    pub async fn sync(&self, server: &Server, budget: Budget) -> Result<Outcome, NetError> {
        let mut spent = Spent::new(budget);
        let done = match server.sync_spending(&self.host, &mut spent).await {
            Ok(Outcome::Done) => self.carry(server, &mut spent).await,
            other => other,
        };
        if let Err(NetError::Stopped(Stopped::Wiped)) = &done {
            self.apart(|contents, _| contents.wipe()).await?;
        }
        done
    }

    /// Sends and fetches while a connection stands, as edits and files come. Never returns; drop it to end.
    pub async fn stay(&self, server: &Server) {
        let (mut revision, mut status) = (self.host.revision(), self.host.status());
        loop {
            // An error means that the host is gone: then this is dropped, too.
            if status.wait_for(|status| status.is_current && status.stopped.is_none()).await.is_err() {
                return std::future::pending().await;
            }
            // What comes while it works is looked at in the next round.
            revision.mark_unchanged();
            let worked = self.carry(server, &mut Spent::new(Budget::default())).await.is_ok();
            tokio::select! {
                () = self.asked.notified() => {}
                _ = revision.changed() => {}
                () = tokio::time::sleep(AGAIN_AFTER), if !worked => {}
            }
        }
    }

    async fn carry(&self, server: &Server, spent: &mut Spent) -> Result<Outcome, NetError> {
        let token = self.host.token()?;
        let carrier = Carrier { server, token: &token };
        let mut seen = HashSet::new();
        for item in self.ready().await?.into_iter().filter(|item| seen.insert(item.hash)) {
            if !self.send_or_note(&carrier, &item, spent).await? {
                return Ok(Outcome::OutOfBudget);
            }
        }
        if !self.fetch_ahead(&carrier, spent).await? {
            return Ok(Outcome::OutOfBudget);
        }
        let files = self.clone();
        let tidied = tokio::task::spawn_blocking(move || files.tidy(files.cache_bytes)).await;
        tidied.unwrap_or(Ok(()))?;
        Ok(Outcome::Done)
    }

    /// What may go: its record was accepted, and the server has not said no.
    async fn ready(&self) -> Result<Vec<ToSend>, StoreError> {
        let host = self.host.clone();
        self.apart(move |contents, _| {
            let mut ready = contents.to_send()?;
            ready.retain(|item| item.problem.is_none());
            let accepted = |item: &ToSend| host.with(|device, _| Ok(device.row(item.record)?.is_some_and(|row| !row.pending)));
            let is_ready = ready.iter().map(accepted).collect::<Result<Vec<bool>, StoreError>>()?;
            let mut is_ready = is_ready.into_iter();
            ready.retain(|_| is_ready.next().unwrap_or(false));
            Ok(ready)
        })
        .await
    }

    /// Sends a content, or notes why the server does not take it. Answers whether the budget has reached for it.
    async fn send_or_note(&self, carrier: &Carrier<'_>, item: &ToSend, spent: &mut Spent) -> Result<bool, NetError> {
        let hash = item.hash;
        match self.send(carrier, item, spent).await {
            Err(NetError::Status { status: 400 | 403 | 413 | 415 | 422, code, message }) => {
                let problem = Problem { code, detail: message };
                self.apart(move |contents, _| contents.refused(&hash, &problem)).await?;
                self.tell();
                Ok(true)
            }
            other => other,
        }
    }

    async fn send(&self, carrier: &Carrier<'_>, item: &ToSend, spent: &mut Spent) -> Result<bool, NetError> {
        let Some(begun) = spent.exchange(self.begun(carrier, item)).await else { return Ok(false) };
        let (address, mut sent) = begun?;
        // The last piece makes a content of an upload: a server that died before it has all bytes, and waits for an empty one.
        loop {
            let (hash, from) = (item.hash, sent);
            let piece = self.apart(move |contents, _| contents.read(&hash, from)).await?;
            let Some(answer) = spent.exchange(carrier.send(&address, sent, piece)).await else { return Ok(false) };
            sent = match answer {
                Ok(safe) => safe,
                // Another request was here: one of our own, that we believed lost.
                Err(NetError::Status { status: 409, .. }) => carrier.offset(&address).await?.unwrap_or(0),
                Err(error) => return Err(error),
            };
            let (kept, is_whole) = (address.clone(), sent >= item.size);
            self.apart(move |contents, _| if is_whole { contents.arrived(&hash) } else { contents.set_sent(&hash, Some(&kept), sent) })
                .await?;
            self.tell();
            if is_whole {
                return Ok(true);
            }
        }
    }

    /// Where an upload goes on, or a new one begins.
    async fn begun(&self, carrier: &Carrier<'_>, item: &ToSend) -> Result<(String, u64), NetError> {
        if let Some(address) = &item.address
            && let Some(sent) = carrier.offset(address).await?
        {
            return Ok((address.clone(), sent));
        }
        let (hash, address) = (item.hash, carrier.begin(&item.hash, item.size).await?);
        let kept = address.clone();
        self.apart(move |contents, _| contents.set_sent(&hash, Some(&kept), 0)).await?;
        Ok((address, 0))
    }

    /// Whether nothing is left that could be sent now.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn is_settled(&self) -> Result<bool, StoreError> {
        Ok(self.ready().await?.is_empty())
    }

    /// Fetches what a file holds, as far as it is not here. What was received is kept, whatever happens.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn fetch(&self, server: &Server, record: RecordId) -> Result<(), FileError> {
        let file = self.get(record)?.file;
        let (hash, size) = (file.hash.ok_or(FileError::Unknown(record))?, file.size);
        let mut received = self.room_for(hash, size).await?;
        let token = self.host.token()?;
        let carrier = Carrier { server, token: &token };
        while received < size {
            let length = usize::try_from(size - received).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            let piece = carrier.part(record, &hash, received, length).await?.ok_or(FileError::Other)?;
            if piece.len() < length {
                return Err(FileError::Other);
            }
            let start = received;
            received += piece.len() as u64;
            if !self.apart(move |contents, _| contents.add_piece(&hash, start, &piece)).await? {
                return Err(FileError::Other);
            }
            self.tell();
        }
        Ok(())
    }

    /// Makes room for a content. Answers how much of it is here.
    async fn room_for(&self, hash: ContentHash, size: u64) -> Result<u64, FileError> {
        let most = self.cache_bytes;
        if size > most {
            return Err(FileError::NoRoom { size, most });
        }
        let received = self.apart(move |contents, now| {
            let received = contents.held(&hash)?.map_or(0, |held| held.received);
            if received < size {
                contents.trim(most.saturating_sub(size - received))?;
            }
            contents.expect(now, &hash, size)
        });
        Ok(received.await?)
    }

    /// Fetches the thumbnail of a file, unless it is here.
    ///
    /// # Errors
    /// [`FileError`].
    pub async fn fetch_thumbnail(&self, server: &Server, record: RecordId) -> Result<(), FileError> {
        let file = self.get(record)?.file;
        let Some(hash) = file.thumbnail else { return Ok(()) };
        if self.apart(move |contents, _| contents.held(&hash)).await?.is_some_and(|held| held.received == held.size) {
            return Ok(());
        }
        let token = self.host.token()?;
        self.take_thumbnail(&Carrier { server, token: &token }, record, hash).await.map(drop)
    }

    /// Answers how many bytes it has.
    async fn take_thumbnail(&self, carrier: &Carrier<'_>, record: RecordId, hash: ContentHash) -> Result<u64, FileError> {
        let bytes = carrier.thumbnail(record, &hash, THUMBNAIL_BYTES_MAX as usize).await?.ok_or(FileError::Other)?;
        let size = bytes.len() as u64;
        let is_right = self.apart(move |contents, now| {
            contents.expect(now, &hash, size)?;
            contents.add_piece(&hash, 0, &bytes)
        });
        if !is_right.await? {
            return Err(FileError::Other);
        }
        self.tell();
        Ok(size)
    }

    /// Fetches the newest thumbnails, as far as there is room. Answers whether the budget has reached for all.
    async fn fetch_ahead(&self, carrier: &Carrier<'_>, spent: &mut Spent) -> Result<bool, NetError> {
        for (record, hash) in self.thumbnails_missing().await? {
            let Some(fetched) = spent.exchange(self.take_thumbnail(carrier, record, hash)).await else { return Ok(false) };
            match fetched {
                Ok(size) => spent.received(size),
                Err(FileError::Net(NetError::NotArrived | NetError::Status { status: 403 | 404, .. }) | FileError::Other) => {
                    self.missed.lock().unwrap_or_else(PoisonError::into_inner).insert(hash);
                }
                Err(FileError::Net(error)) => return Err(error),
                Err(FileError::Store(error)) => return Err(error.into()),
                Err(other) => return Err(NetError::Unreachable(other.to_string())),
            }
        }
        Ok(true)
    }

    async fn thumbnails_missing(&self) -> Result<Vec<(RecordId, ContentHash)>, StoreError> {
        let (host, missed, most) = (self.host.clone(), self.missed.clone(), self.cache_bytes);
        self.apart(move |contents, _| {
            let missed = missed.lock().unwrap_or_else(PoisonError::into_inner);
            let mut room = most.saturating_sub(contents.usage()?.bytes) / THUMBNAIL_BYTES_MAX;
            let mut missing = Vec::new();
            for named in host.with(|device, _| device.file_contents())? {
                let Some(hash) = named.thumbnail.filter(|hash| !missed.contains(hash)) else { continue };
                if room == 0 || missing.len() == THUMBNAILS_AHEAD {
                    break;
                }
                if contents.held(&hash)?.is_none_or(|held| held.received < held.size) {
                    missing.push((named.file, hash));
                    room -= 1;
                }
            }
            Ok(missing)
        })
        .await
    }
}

/// The thumbnail that the app has made, or the picture itself if it is small.
fn thumbnail_of(contents: &mut Contents, now: Millis, made: Option<Vec<u8>>, content: Taken) -> Result<Option<ContentHash>, FileError> {
    match made {
        Some(bytes) => {
            picture_type(&bytes).ok_or(FileError::NoPicture)?;
            Ok(Some(contents.take_in(now, &mut bytes.as_slice(), THUMBNAIL_BYTES_MAX)?.hash))
        }
        None if content.size > THUMBNAIL_BYTES_MAX => Ok(None),
        None => Ok(picture_type(&contents.read(&content.hash, 0)?).map(|_| content.hash)),
    }
}

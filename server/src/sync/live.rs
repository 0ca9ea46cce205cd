//! A connection that stays open: what others write arrives without being asked for.
//!
//! After the first pull the server sends each new page by itself. A revoked device is shut out at once.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use sync_core::id::{Millis, WorkspaceId};
use sync_core::protocol::{self, MAX_FRAME_BYTES, Message};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::standing::Standing;
use super::{Door, Speaker, Unasked};
use crate::app::App;
use crate::auth::{Arriving, DeviceCaller};
use crate::intake::DeskNews;

/// A silent connection is asked whether it lives: below the idle limits of mobile networks and proxies.
const PING_EVERY: Duration = Duration::from_secs(25);
/// A peer that has not answered by the next-but-one ping is gone.
const SILENT_PINGS: u32 = 2;
/// How often it is noted where a connected device stands that says nothing itself.
const NOTE_LIVE_EVERY_MS: Millis = 600_000;
/// How long one frame may take to be taken by a slow phone. One that takes none is gone, whatever its kernel says.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens a live connection.
pub async fn live(arriving: Arriving, State(app): State<App>, upgrade: WebSocketUpgrade) -> Response {
    let upgrade = upgrade.max_message_size(MAX_FRAME_BYTES).max_frame_size(MAX_FRAME_BYTES);
    match arriving {
        Arriving::Device(caller) => upgrade.on_upgrade(move |socket| async move { Live::new(app, caller).run(socket).await }),
        Arriving::Leaving(caller, _) => upgrade.on_upgrade(move |socket| super::farewell::once(app, Speaker::from(caller), socket)),
    }
}

struct Live {
    app: App,
    door: Door,
    speaker: Speaker,
    caller: DeviceCaller,
    unasked: Unasked,
    silent: u32,
    /// When it was noted last where the device stands.
    noted_at: Millis,
    /// Changes when somebody's role may have changed.
    people: tokio::sync::watch::Receiver<u64>,
}

/// Why a connection is over.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nobody takes what is sent, or what came is not taken.
    Closed,
}

impl Live {
    fn new(app: App, caller: DeviceCaller) -> Self {
        let (people, noted_at) = (app.intake.people(), app.clock.now());
        Self {
            people,
            door: app.door(),
            app,
            speaker: Speaker::from(caller.clone()),
            caller,
            unasked: Unasked::default(),
            silent: 0,
            noted_at,
        }
    }

    async fn run(mut self, mut socket: WebSocket) {
        let mut head = self.door.intake.head();
        let mut pings = tokio::time::interval(PING_EVERY);
        let (app, caller) = (self.app.clone(), self.caller.clone());
        let mut desk = self.door.intake.desk_news();
        let mut people = app.auth.people();
        // In a task of its own, which ends with the connection: while a frame is answered nothing else here gets on, and a look
        // at the device would keep its turn at the database from those who answer.
        let mut revoked = JoinSet::new();
        revoked.spawn({
            let app = app.clone();
            async move { app.auth.until_gone(&caller).await }
        });
        let stopping = app.until_stopping();
        tokio::pin!(stopping);
        loop {
            let step = tokio::select! {
                frame = socket.recv() => self.received(&mut socket, frame).await,
                changed = head.changed() => if changed.is_ok() { self.news(&mut socket).await } else { Err(Ended::Closed) },
                news = desk.recv() => self.decided(&mut socket, news).await,
                // Another process may have written it, whose feed is not heard here.
                changed = people.recv() => self.told_of_roles(changed).await,
                _ = pings.tick() => self.ping(&mut socket).await,
                told = revoked.join_next() => {
                    if let Some(Ok(())) = told {
                        self.shut_out(&mut socket).await;
                    }
                    Err(Ended::Closed)
                }
                () = &mut stopping => Err(Ended::Closed),
            };
            if step.is_err() {
                // The peer may be gone already; there is nobody to tell.
                let _ = put(&mut socket, Frame::Close(None)).await;
                return;
            }
        }
    }

    /// A device that is to say farewell comes again to do so; every other one is told that it is out.
    async fn shut_out(&mut self, socket: &mut WebSocket) {
        let farewell = self.app.auth.farewell(self.caller.workspace, self.caller.device).await;
        if !matches!(farewell, Ok(Some(_))) {
            // The peer may be gone already; it is told when it comes again.
            let _ = self.send(socket, &[super::refused("revoked", "this device was revoked by the back office")]).await;
        }
    }

    async fn received(&mut self, socket: &mut WebSocket, frame: Option<Result<Frame, axum::Error>>) -> Result<(), Ended> {
        self.silent = 0;
        match frame {
            Some(Ok(Frame::Binary(bytes))) => {
                self.look_again().await?;
                let answers = self.door.answer_live(&self.speaker, &bytes, &mut self.unasked, self.app.clock.now()).await;
                self.app.auth.heard_of_devices(self.caller.workspace);
                let ends = answers.iter().any(|answer| matches!(answer, Message::Refused(_)));
                self.send(socket, &answers).await?;
                if ends { Err(Ended::Closed) } else { Ok(()) }
            }
            Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => Ok(()),
            Some(Ok(Frame::Text(_))) => {
                self.send(socket, &[super::refused("bad_frame", "frames are binary")]).await?;
                Err(Ended::Closed)
            }
            Some(Ok(Frame::Close(_)) | Err(_)) | None => Err(Ended::Closed),
        }
    }

    /// Whoever got other roles while the connection was open begins again: the welcome tells the phone, which offers
    /// and predicts by it. Whoever was shut out is out.
    async fn look_again(&mut self) -> Result<(), Ended> {
        if !self.people.has_changed().unwrap_or(true) {
            return Ok(());
        }
        self.people.mark_unchanged();
        match self.door.again(&self.speaker).await {
            Ok(again) if again.as_ref() == Some(&self.speaker) => Ok(()),
            Ok(_) => Err(Ended::Closed),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a role could not be read; the connection closes");
                Err(Ended::Closed)
            }
        }
    }

    /// As [`Live::look_again`], whether or not this process has written a colleague's record.
    async fn look_at_roles(&mut self) -> Result<(), Ended> {
        self.people.mark_changed();
        self.look_again().await
    }

    /// A colleague's record was written somewhere: only those of the same workspace look.
    async fn told_of_roles(&mut self, changed: Result<WorkspaceId, RecvError>) -> Result<(), Ended> {
        match changed {
            Ok(workspace) if workspace != self.caller.workspace => Ok(()),
            Ok(_) | Err(RecvError::Lagged(_)) => self.look_at_roles().await,
            Err(RecvError::Closed) => Err(Ended::Closed),
        }
    }

    /// Where the device stands after what it was sent unasked, seldom: ten thousand are told of one edit.
    async fn note_standing(&mut self, answers: &[Message]) {
        let now = self.app.clock.now();
        if self.unasked.owes() || now - self.noted_at < NOTE_LIVE_EVERY_MS {
            return;
        }
        self.noted_at = now;
        let standing = Standing::default().answered(answers);
        if let Err(error) = self.door.note_standing(&self.speaker, standing, now).await {
            tracing::warn!(error = &error as &dyn std::error::Error, device = %self.speaker.device, "where a device stands was not noted");
        }
    }

    /// Something was kept: what the device may see of it goes out.
    async fn news(&mut self, socket: &mut WebSocket) -> Result<(), Ended> {
        if !self.unasked.is_current() {
            return Ok(());
        }
        self.look_again().await?;
        match self.door.news(&self.speaker, &mut self.unasked, self.app.clock.now()).await {
            Ok(Some(news)) => {
                let answers = [news];
                self.send(socket, &answers).await?;
                self.note_standing(&answers).await;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a live page could not be read; the device will ask");
            }
        }
        Ok(())
    }

    /// Somebody has decided about an edit of this device: it asks what became of it.
    async fn decided(&mut self, socket: &mut WebSocket, news: Result<DeskNews, RecvError>) -> Result<(), Ended> {
        let (workspace, device) = (self.speaker.reader.workspace, self.speaker.device);
        let is_ours = match news {
            Ok(DeskNews { workspace: here, device: whose, .. }) => (here, whose) == (workspace, Some(device)),
            // Some were missed: it may have been among them.
            Err(RecvError::Lagged(_)) => true,
            Err(RecvError::Closed) => return Err(Ended::Closed),
        };
        let head = *self.door.intake.head().borrow();
        if is_ours { self.send(socket, &[Message::News(head)]).await } else { Ok(()) }
    }

    async fn ping(&mut self, socket: &mut WebSocket) -> Result<(), Ended> {
        self.silent += 1;
        if self.silent > SILENT_PINGS {
            return Err(Ended::Closed);
        }
        self.look_at_roles().await?;
        put(socket, Frame::Ping(Bytes::new())).await
    }

    async fn send(&mut self, socket: &mut WebSocket, answers: &[Message]) -> Result<(), Ended> {
        if answers.is_empty() {
            return Ok(());
        }
        put(socket, Frame::Binary(protocol::encode_frame(answers).into())).await
    }
}

/// Sends a frame, to whoever takes it.
pub(super) async fn put(socket: &mut WebSocket, frame: Frame) -> Result<(), Ended> {
    match tokio::time::timeout(SEND_TIMEOUT, socket.send(frame)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Ended::Closed),
    }
}

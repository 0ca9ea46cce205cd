//! Door 1: devices.
//!
//! Reads frames, asks intake and feed, writes frames. The same over HTTP, one frame each way, and over
//! a WebSocket that stays open. Never decides what a change means.

mod downloads;
mod farewell;
mod live;
mod standing;
#[cfg(test)]
mod tests;
mod unasked;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sync_core::fence::Pen;
use sync_core::id::{DeviceId, Millis};
use sync_core::protocol::{
    self, CAPABILITIES, Estimate, Estimated, Hello, MAX_FRAME_BYTES, MAX_PUSH_CHANGES, Message, Offer, PROTOCOL_VERSION, Page, Pull, Push,
    Receipt, Refused, Verdict, Verdicts, Welcome, Withdraw,
};

use crate::app::App;
use crate::auth::{Arriving, DeviceCaller};
use crate::feed::{self, Asked, Cursor, Reader};
use crate::intake::{Author, Intake, IntakeError};
use crate::store::farewells;
use crate::store::{Store, StoreError, devices, people, receipts, workspaces};

pub(crate) use downloads::Downloads;
pub use downloads::MUCH_RECORDS;
pub use live::live;
use standing::Standing;
pub use unasked::Unasked;

/// The media type of frames.
pub const FRAME_TYPE: &str = "application/vnd.rapport.frame";

/// The actors that a device may take in a day. An honest one takes a handful; each is a row for ever.
const MAX_ACTORS_PER_DAY: u32 = 500;
const DAY_MS: Millis = 86_400_000;

/// Everything that answering a device takes; knows no network.
#[derive(Clone)]
pub struct Door {
    /// The database.
    pub store: Store,
    /// The write path.
    pub intake: Intake,
    /// What was handed out to devices lately.
    pub(crate) downloads: Downloads,
}

/// Which device speaks, for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// The reader of the feed.
    pub reader: Reader,
    /// The device.
    pub device: DeviceId,
}

impl Speaker {
    fn author(&self) -> Author {
        let Reader { workspace, user, role } = self.reader.clone();
        Author { workspace, user, role, device: self.device, pen: Pen::Device }
    }
}

impl From<DeviceCaller> for Speaker {
    fn from(caller: DeviceCaller) -> Self {
        Self { reader: Reader { workspace: caller.workspace, user: caller.user, role: caller.role }, device: caller.device }
    }
}

/// One exchange over HTTP: a frame in, a frame out.
pub async fn exchange(arriving: Arriving, State(app): State<App>, frame: Bytes) -> Response {
    let (door, now) = (app.door(), app.clock.now());
    let (Arriving::Device(DeviceCaller { workspace, .. }) | Arriving::Leaving(DeviceCaller { workspace, .. }, _)) = arriving;
    let answer = match arriving {
        Arriving::Device(caller) => door.answer(&Speaker::from(caller), &frame, now).await,
        Arriving::Leaving(caller, farewell) => {
            protocol::encode_frame(&door.say_farewell(&Speaker::from(caller), farewell, &frame, now).await)
        }
    };
    app.auth.heard_of_devices(workspace);
    (StatusCode::OK, [(header::CONTENT_TYPE, FRAME_TYPE)], answer).into_response()
}

impl Door {
    /// A door that has handed out nothing yet.
    pub fn new(store: Store, intake: Intake) -> Self {
        Self { store, intake, downloads: Downloads::default() }
    }

    /// Answers a frame with a frame, whatever it holds.
    pub async fn answer(&self, speaker: &Speaker, frame: &[u8], now: Millis) -> Vec<u8> {
        protocol::encode_frame(&self.answer_live(speaker, frame, &mut Unasked::default(), now).await)
    }

    /// As [`Door::answer`], over a connection that stays open.
    pub async fn answer_live(&self, speaker: &Speaker, frame: &[u8], unasked: &mut Unasked, now: Millis) -> Vec<Message> {
        let mut pulled = None;
        let answers = self.answer_messages(speaker, frame, now, &mut pulled).await;
        unasked.answered(pulled, &answers);
        answers
    }

    /// `pulled` becomes the pull that is in the frame, if one is.
    async fn answer_messages(&self, speaker: &Speaker, frame: &[u8], now: Millis, pulled: &mut Option<Pull>) -> Vec<Message> {
        if frame.len() > MAX_FRAME_BYTES {
            return vec![refused("too_large", "send less at once: the frame is above the limit")];
        }
        let messages = match protocol::decode_frame(frame) {
            Ok(messages) => messages,
            Err(error) => return vec![refused("bad_frame", &error.to_string())],
        };
        if is_repeated(&messages) {
            return vec![refused("bad_frame", ONCE_A_FRAME)];
        }
        let mut answers = Vec::with_capacity(messages.len());
        let standing = Standing::said(&messages);
        for message in messages {
            if let Message::Pull(pull) = &message {
                *pulled = Some(pull.clone());
            }
            let known_epoch = if let Message::Hello(hello) = &message { hello.epoch.clone() } else { None };
            match self.answer_one(speaker, message, now).await {
                Ok(Some(answer)) => {
                    let ends = matches!(answer, Message::Refused(_)) || is_of_another_life(&answer, known_epoch);
                    answers.push(answer);
                    if ends {
                        break;
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, device = %speaker.device, "a device's message was not answered");
                    answers.push(refused("unavailable", "the server cannot do this now; try again later, nothing is lost"));
                    break;
                }
            }
        }
        if answers.iter().any(is_crowded) {
            // Last: what else it asked for it gets.
            answers.push(crowded());
        }
        if let Err(error) = self.note_standing(speaker, standing.answered(&answers), now).await {
            tracing::warn!(error = &error as &dyn std::error::Error, device = %speaker.device, "where a device stands was not noted");
        }
        answers
    }

    async fn answer_one(&self, speaker: &Speaker, message: Message, now: Millis) -> Result<Option<Message>, StoreError> {
        match message {
            Message::Hello(hello) => self.welcome(speaker, hello, now).await.map(Some),
            Message::Push(push) => Ok(Some(self.push(speaker, push, now).await)),
            Message::Offer(offer) => Ok(Some(self.offer(speaker, offer, now).await)),
            Message::Pull(pull) => {
                self.pull(speaker, &pull, now).await.map(|page| Some(page.map_or_else(|refused| refused, Message::Page)))
            }
            Message::Receipt(receipt) => self.note(speaker, receipt, now).await.map(Some),
            Message::Withdraw(withdraw) => Ok(Some(self.withdraw(speaker, withdraw, now).await)),
            Message::Estimate(asked) => self.estimate(speaker, &asked, now).await.map(Some),
            Message::Ping => Ok(Some(Message::Pong)),
            Message::Pong => Ok(None),
            Message::Welcome(_)
            | Message::Verdicts(_)
            | Message::Page(_)
            | Message::Refused(_)
            | Message::News(_)
            | Message::Noted(_)
            | Message::Estimated(_)
            | Message::Withdrawn(_) => Ok(Some(refused("protocol", "this message is the server's to send"))),
        }
    }

    /// Registers the actor a device writes under, and tells the device where it is.
    async fn welcome(&self, speaker: &Speaker, hello: Hello, now: Millis) -> Result<Message, StoreError> {
        if hello.protocol != PROTOCOL_VERSION {
            let advice = format!(
                "the server speaks protocol {PROTOCOL_VERSION}, the app speaks {}: update the app; its data is kept",
                hello.protocol
            );
            return Ok(refused("protocol", &advice));
        }
        let (workspace, device) = (speaker.reader.workspace, speaker.device);
        let owner = {
            let mut tx = self.store.reader().await?;
            devices::owner_of_actor(&mut tx, workspace, hello.actor).await?
        };
        match owner {
            Some(owner) if owner == device => {}
            Some(_) => return Ok(refused("foreign_actor", "this actor belongs to another device: take a new one")),
            None => {
                if self.takes_too_many_actors(speaker, now).await? {
                    return Ok(refused("throttled", "this device has taken too many actors today: try again tomorrow, nothing is lost"));
                }
                let actor = hello.actor;
                self.store.write(move |tx| Box::pin(async move { devices::add_actor(tx, workspace, actor, device, now).await })).await?;
            }
        }
        let mut tx = self.store.reader().await?;
        let lease_days = farewells::terms(&mut tx, workspace).await?.lease_days;
        let feed = workspaces::by_id(&mut tx, workspace).await?.ok_or(StoreError::Damaged("workspace"))?;
        Ok(Message::Welcome(Welcome {
            protocol: PROTOCOL_VERSION,
            capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
            server_time: now,
            workspace,
            user: speaker.reader.user,
            role: speaker.reader.role.to_string(),
            device,
            epoch: feed.feed_epoch.to_vec(),
            lease_ms: (lease_days > 0).then_some(u64::from(lease_days) * DAY_MS as u64),
        }))
    }

    async fn push(&self, speaker: &Speaker, push: Push, now: Millis) -> Message {
        if push.changes.len() > MAX_PUSH_CHANGES {
            return refused("too_large", "send fewer changes at once");
        }
        verdicts(speaker, push.batch, self.intake.push(&speaker.author(), push.changes, now).await)
    }

    /// Takes back what a restored server has lost.
    async fn offer(&self, speaker: &Speaker, offer: Offer, now: Millis) -> Message {
        if offer.changes.len() > MAX_PUSH_CHANGES {
            return refused("too_large", "offer fewer changes at once");
        }
        verdicts(speaker, offer.batch, self.intake.offer(&speaker.author(), offer.changes, now).await)
    }

    /// Takes from the desk what the device's user has given up.
    async fn withdraw(&self, speaker: &Speaker, withdraw: Withdraw, now: Millis) -> Message {
        match self.intake.withdraw(&speaker.author(), withdraw.changes, now).await {
            Ok(()) => Message::Withdrawn(withdraw.number),
            Err(error) => unavailable(speaker, &error),
        }
    }

    /// Keeps what a device says that it has removed.
    async fn note(&self, speaker: &Speaker, receipt: Receipt, now: Millis) -> Result<Message, StoreError> {
        let (workspace, device) = (speaker.reader.workspace, speaker.device);
        self.store
            .write::<_, StoreError, _>(move |tx| Box::pin(async move { receipts::keep(tx, workspace, device, &receipt, now).await }))
            .await?;
        Ok(Message::Noted(receipt.number))
    }

    async fn takes_too_many_actors(&self, speaker: &Speaker, now: Millis) -> Result<bool, StoreError> {
        let mut tx = self.store.reader().await?;
        let recent = devices::actors_since(&mut tx, speaker.reader.workspace, speaker.device, now - DAY_MS, MAX_ACTORS_PER_DAY).await?;
        Ok(recent >= MAX_ACTORS_PER_DAY)
    }

    /// A page of the feed, or the refusal of its cursor.
    async fn pull(&self, speaker: &Speaker, pull: &Pull, now: Millis) -> Result<Result<Page, Message>, StoreError> {
        let cursor = match pull.cursor.as_deref().map(Cursor::parse).transpose() {
            Ok(cursor) => cursor,
            Err(error) => return Ok(Err(refused("bad_cursor", &format!("{error}: start again without one")))),
        };
        let rules = self.intake.rules(speaker.reader.workspace);
        let page = feed::page(&self.store, &rules, &speaker.reader, &Asked::by(pull, cursor.as_ref()), now).await?;
        if let Err(error) = self.note_download(speaker, &page, now).await {
            tracing::warn!(error = &error as &dyn std::error::Error, device = %speaker.device, "a download was not noted");
        }
        Ok(Ok(Page { pull: pull.number, ..page }))
    }

    /// How much a part of what the device may see would be.
    async fn estimate(&self, speaker: &Speaker, asked: &Estimate, now: Millis) -> Result<Message, StoreError> {
        let estimated =
            feed::estimate(&self.store, &self.intake.rules(speaker.reader.workspace), &speaker.reader, &asked.subscription, now).await?;
        Ok(Message::Estimated(Estimated { number: asked.number, ..estimated }))
    }

    /// The same speaker with the role that the user has now; none when they may not come in any more.
    async fn again(&self, speaker: &Speaker) -> Result<Option<Speaker>, StoreError> {
        let mut tx = self.store.reader().await?;
        let user = people::user(&mut tx, speaker.reader.workspace, speaker.reader.user).await?;
        let user = user.filter(|user| user.disabled_at.is_none());
        Ok(user.map(|user| Speaker { reader: Reader { role: user.role, ..speaker.reader.clone() }, device: speaker.device }))
    }
}

const ONCE_A_FRAME: &str = "a frame says hello once, pulls once and asks for one estimate: ask for one thing at a time";

/// Whether a frame asks for more than its answer can hold: each page is megabytes, each hello may be a row, each estimate
/// looks at every record.
fn is_repeated(messages: &[Message]) -> bool {
    let once: [fn(&Message) -> bool; 3] = [
        |message| matches!(message, Message::Pull(_)),
        |message| matches!(message, Message::Hello(_)),
        |message| matches!(message, Message::Estimate(_)),
    ];
    once.into_iter().any(|is| messages.iter().filter(|message| is(message)).count() > 1)
}

/// Whether the device speaks to a server that was restored since. What else is in the frame was written for the
/// life before, and may be a late copy of what that life has turned down: it is not looked at.
fn is_of_another_life(answer: &Message, known_epoch: Option<Vec<u8>>) -> bool {
    matches!((answer, known_epoch), (Message::Welcome(welcome), Some(known)) if known != welcome.epoch)
}

/// Whether some of a push was not kept because too much waits for a decision.
fn is_crowded(answer: &Message) -> bool {
    matches!(answer, Message::Verdicts(answer) if answer.verdicts.iter().any(Verdict::is_come_again))
}

fn crowded() -> Message {
    refused("throttled", "too many edits wait for a decision: they stay on the device, try again later, nothing is lost")
}

fn verdicts(speaker: &Speaker, batch: u64, verdicts: Result<Vec<Verdict>, IntakeError>) -> Message {
    match verdicts {
        Ok(verdicts) => Message::Verdicts(Verdicts { batch, verdicts }),
        Err(error) => unavailable(speaker, &error),
    }
}

fn unavailable(speaker: &Speaker, error: &IntakeError) -> Message {
    tracing::error!(error = error as &dyn std::error::Error, device = %speaker.device, "a push was not kept");
    refused("unavailable", "the server cannot keep changes now; try again later, nothing is lost")
}

fn refused(code: &str, message: &str) -> Message {
    Message::Refused(Refused { code: code.to_owned(), message: message.to_owned() })
}

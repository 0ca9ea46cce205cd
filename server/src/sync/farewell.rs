//! The last words of a device that was shut out: what it has not sent, if it is handed back, and its receipt.
//!
//! It is given nothing any more but the word to forget everything. What it delivers goes to the desk, never into
//! a record: whoever shut it out decides about that, too.

use axum::extract::ws::{Message as Frame, WebSocket};
use sync_core::id::Millis;
use sync_core::protocol::{self, Entry, MAX_FRAME_BYTES, MAX_PUSH_CHANGES, Message, Page, Push, Receipt, Removal};

use super::{Door, Speaker, is_repeated, refused, verdicts};
use crate::app::App;
use crate::store::farewells::{self, Act, Farewell};
use crate::store::{StoreError, receipts};

impl Door {
    /// Answers a device that is to forget everything.
    pub async fn say_farewell(&self, speaker: &Speaker, farewell: Farewell, frame: &[u8], now: Millis) -> Vec<Message> {
        if frame.len() > MAX_FRAME_BYTES {
            return vec![refused("too_large", "send less at once: the frame is above the limit")];
        }
        let messages = match protocol::decode_frame(frame) {
            Ok(messages) if !is_repeated(&messages) => messages,
            Ok(_) => return vec![refused("bad_frame", "a frame says hello once and pulls once")],
            Err(error) => return vec![refused("bad_frame", &error.to_string())],
        };
        self.last_words(speaker, farewell, messages, now).await.unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, device = %speaker.device, "a farewell was not answered");
            vec![refused("unavailable", "the server cannot do this now; try again later, nothing is lost")]
        })
    }

    async fn last_words(
        &self,
        speaker: &Speaker,
        farewell: Farewell,
        messages: Vec<Message>,
        now: Millis,
    ) -> Result<Vec<Message>, StoreError> {
        let (mut answers, mut delivered, mut waiting, mut pulls) = (Vec::new(), 0, None, None);
        for message in messages {
            match message {
                Message::Receipt(receipt) => answers.push(self.receive(speaker, receipt, now).await?),
                Message::Hello(hello) if farewell.act == Act::HandBack => {
                    waiting = Some(hello.pending);
                    answers.push(self.welcome(speaker, hello, now).await?);
                }
                Message::Push(push) if farewell.act == Act::HandBack => {
                    delivered += push.changes.len() as u64;
                    answers.push(self.take_to_the_desk(speaker, push, now).await);
                }
                Message::Withdraw(withdraw) if farewell.act == Act::HandBack => {
                    answers.push(self.withdraw(speaker, withdraw, now).await);
                }
                Message::Hello(_) => waiting = Some(0),
                Message::Pull(pull) => pulls = Some(pull),
                _ => {}
            }
        }
        if waiting.is_some_and(|waiting| waiting <= delivered) {
            let (workspace, device) = (speaker.reader.workspace, speaker.device);
            self.store
                .write::<_, StoreError, _>(move |tx| Box::pin(async move { farewells::told(tx, workspace, device, now).await }))
                .await?;
            answers.push(Message::Page(page(vec![Entry::Wipe], Vec::new(), None, false, now)));
        } else if let Some(pull) = pulls {
            // There is more to deliver first: it asks again when that is done.
            answers.push(Message::Page(page(Vec::new(), pull.cursor.clone().unwrap_or_default(), pull.cursor, true, now)));
        }
        Ok(answers)
    }

    async fn take_to_the_desk(&self, speaker: &Speaker, push: Push, now: Millis) -> Message {
        if push.changes.len() > MAX_PUSH_CHANGES {
            return refused("too_large", "send fewer changes at once");
        }
        verdicts(speaker, push.batch, self.intake.set_aside(&speaker.author(), push.changes, now).await)
    }

    /// The device says that it holds nothing any more.
    async fn receive(&self, speaker: &Speaker, receipt: Receipt, now: Millis) -> Result<Message, StoreError> {
        let (workspace, device) = (speaker.reader.workspace, speaker.device);
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    receipts::keep(tx, workspace, device, &receipt, now).await?;
                    if receipt.removal == Removal::Wiped {
                        farewells::wiped(tx, workspace, device, now).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(Message::Noted(receipt.number))
    }
}

fn page(entries: Vec<Entry>, cursor: Vec<u8>, after: Option<Vec<u8>>, more: bool, now: Millis) -> Page {
    Page { entries, cursor, more, left: 0, server_time: now, after, pull: None }
}

/// One frame over a connection that is meant to stay open; then it is closed, and the device says anew what waits.
pub(super) async fn once(app: App, speaker: Speaker, farewell: Farewell, mut socket: WebSocket) {
    while let Some(Ok(frame)) = socket.recv().await {
        if let Frame::Binary(bytes) = frame {
            let answers = app.door().say_farewell(&speaker, farewell, &bytes, app.clock.now()).await;
            // The peer may be gone already; it comes again.
            let _ = socket.send(Frame::Binary(protocol::encode_frame(&answers).into())).await;
            break;
        }
    }
    let _ = socket.send(Frame::Close(None)).await;
}

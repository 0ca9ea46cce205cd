//! The last words of a device that was shut out: what it has not sent, if it is handed back, and its receipt.
//!
//! It is given nothing any more but the word to forget everything. What it delivers goes to the desk, never into
//! a record: whoever shut it out decides about that, too.

use std::collections::HashSet;
use std::time::Duration;

use axum::extract::ws::{Message as Frame, WebSocket};
use sync_core::id::{Facet, Millis, RecordId};
use sync_core::protocol::{self, Entry, MAX_FRAME_BYTES, MAX_PUSH_CHANGES, Message, Page, Push, Receipt, Removal, Verdict};

use super::{Door, Speaker, is_repeated, refused, verdicts};
use crate::app::App;
use crate::store::farewells::{self, Act, Farewell};
use crate::store::rejected::{self, ChangeName};
use crate::store::{StoreError, receipts};

/// A device that was shut out and says nothing for so long has nothing more to bring over this connection.
const SILENCE_MAX: Duration = Duration::from_secs(30);

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
                    let (answer, taken) = self.take_to_the_desk(speaker, push, now).await?;
                    delivered += taken;
                    answers.push(answer);
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

    /// Puts what a device delivers on the desk. Answers as well how many of the changes that wait on it are settled by that.
    async fn take_to_the_desk(&self, speaker: &Speaker, push: Push, now: Millis) -> Result<(Message, u64), StoreError> {
        if push.changes.len() > MAX_PUSH_CHANGES {
            return Ok((refused("too_large", "send fewer changes at once"), 0));
        }
        let names: Vec<ChangeName> = push.changes.iter().map(ChangeName::from).collect();
        let known = rejected::rejected_among(&mut self.store.reader().await?, speaker.reader.workspace, &names).await?;
        let answer = verdicts(speaker, push.batch, self.intake.set_aside(&speaker.author(), push.changes, now).await);
        let taken = match &answer {
            Message::Verdicts(answer) => settled(&names, &answer.verdicts, |name| known.contains_key(name)),
            _ => 0,
        };
        Ok((answer, taken))
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

/// How many changes wait on a device no longer, whatever else it does. What was on the desk before may be a draft that it
/// asks about; what was turned down it counts no more when it comes again; what follows something that went to the desk it
/// writes anew, and brings that. Of what follows what never comes nothing better will be heard.
fn settled(names: &[ChangeName], verdicts: &[Verdict], known: impl Fn(&ChangeName) -> bool) -> u64 {
    let waits = |verdict: &Verdict| matches!(verdict, Verdict::Waiting { .. });
    let moves: HashSet<(RecordId, Facet)> =
        names.iter().zip(verdicts).filter(|(_, verdict)| !waits(verdict)).map(|(name, _)| (name.record, name.facet)).collect();
    let is_settled = |(name, verdict): &(&ChangeName, &Verdict)| match verdict {
        Verdict::Held { .. } => !known(name),
        Verdict::Waiting { .. } => !moves.contains(&(name.record, name.facet)),
        _ => false,
    };
    names.iter().zip(verdicts).filter(is_settled).count() as u64
}

fn page(entries: Vec<Entry>, cursor: Vec<u8>, after: Option<Vec<u8>>, more: bool, now: Millis) -> Page {
    Page { entries, cursor, more, left: 0, server_time: now, after, pull: None }
}

/// Over a connection that is meant to stay open: as long as changes come. Then it is closed, and the device says anew what
/// waits.
pub(super) async fn once(app: App, speaker: Speaker, farewell: Farewell, mut socket: WebSocket) {
    while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE_MAX, socket.recv()).await {
        let Frame::Binary(bytes) = frame else { continue };
        let answers = app.door().say_farewell(&speaker, farewell, &bytes, app.clock.now()).await;
        let is_over = answers.iter().any(|answer| matches!(answer, Message::Page(page) if page.entries.contains(&Entry::Wipe)));
        let brings = answers.iter().any(|answer| matches!(answer, Message::Verdicts(_)));
        let sent = socket.send(Frame::Binary(protocol::encode_frame(&answers).into())).await;
        // The peer may be gone already; it comes again.
        if is_over || !brings || sent.is_err() {
            break;
        }
    }
    let _ = socket.send(Frame::Close(None)).await;
}

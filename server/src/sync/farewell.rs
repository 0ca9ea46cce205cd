//! The last words of a device that was shut out: what it has not sent, if it is handed back, and its receipt.
//!
//! It is given nothing any more but the word to forget everything. What it delivers goes to the desk, never into
//! a record: whoever shut it out decides about that, too. Only what this server had accepted and lost in a restore comes
//! back into its record, under its seal: edits may follow it.

use std::collections::HashSet;
use std::time::Duration;

use axum::extract::ws::{Message as Frame, WebSocket};
use sync_core::id::{Facet, Millis, RecordId};
use sync_core::protocol::{
    self, Delivered, Entry, MAX_FRAME_BYTES, MAX_PUSH_CHANGES, Message, Offer, Page, Push, Pushed, Receipt, Removal, Verdict, Verdicts,
};

use super::live::put;
use super::{Door, ONCE_A_FRAME, Speaker, crowded, is_crowded, is_of_another_life, is_repeated, refused, unavailable, verdicts};
use crate::app::App;
use crate::store::farewells::{self, Act, Farewell};
use crate::store::{StoreError, receipts};

/// A device that was shut out and says nothing for so long has nothing more to bring over this connection.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How often in a row a device may bring edits that follow what is not here: the pushes of four sessions. Told so, it brings
/// what they follow if it has that; if it has not, it would wait for ever.
const WAITS_MAX: u32 = 16;
/// So often in a row it is asked for what it was once given: of that, what it wrote itself waits at the desk in the end. Of the
/// rest nothing is to be had from it: its makers have it, too.
const ASKS_MAX: u32 = WAITS_MAX + 4;

impl Door {
    /// Answers a device that is to forget everything.
    pub async fn say_farewell(&self, speaker: &Speaker, farewell: Farewell, frame: &[u8], now: Millis) -> Vec<Message> {
        if frame.len() > MAX_FRAME_BYTES {
            return vec![refused("too_large", "send less at once: the frame is above the limit")];
        }
        let messages = match protocol::decode_frame(frame) {
            Ok(messages) if !is_repeated(&messages) => messages,
            Ok(_) => return vec![refused("bad_frame", ONCE_A_FRAME)],
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
        let (mut answers, mut sum, mut waiting, mut pulls) = (Vec::new(), Brought::default(), None, None);
        let (is_patient, is_asked) = (farewell.waits < WAITS_MAX, farewell.waits < ASKS_MAX);
        for message in messages {
            match message {
                Message::Receipt(receipt) => answers.push(self.receive(speaker, receipt, now).await?),
                Message::Hello(hello) if farewell.act == Act::HandBack => {
                    let (said, epoch) =
                        (Waiting { edits: hello.pending, base: hello.unconfirmed.unwrap_or_default() }, hello.epoch.clone());
                    answers.push(self.welcome(speaker, hello, now).await?);
                    // It says anew what waits when it knows what may be lost.
                    if answers.last().is_some_and(|answer| is_of_another_life(answer, epoch)) {
                        return Ok(answers);
                    }
                    waiting = Some(said);
                }
                Message::Push(push) if farewell.act == Act::HandBack => {
                    let (answer, waits) = self.take_to_the_desk(speaker, push, is_patient, now).await?;
                    sum.waits |= waits;
                    // Where it says that no edit waits, it asks about drafts.
                    sum.brings |= waiting.is_some_and(|waiting: Waiting| waiting.edits > 0);
                    answers.push(answer);
                }
                Message::Offer(offer) if farewell.act == Act::HandBack => {
                    let answer = self.take_lost(speaker, offer, is_patient, now).await;
                    sum.given_back(&answer, is_asked);
                    answers.push(answer);
                }
                Message::Withdraw(withdraw) if farewell.act == Act::HandBack => {
                    answers.push(self.withdraw(speaker, withdraw, now).await);
                }
                Message::Hello(_) => waiting = Some(Waiting::default()),
                Message::Pull(pull) => pulls = Some(pull),
                _ => {}
            }
        }
        if answers.iter().any(is_crowded) {
            // It has more than there is room for: it is not told to forget that.
            answers.push(crowded());
            return Ok(answers);
        }
        let lacks = is_asked && waiting.is_some_and(|waiting| waiting.base > sum.offered);
        // It comes again and again, and gives nothing of that back.
        sum.waits |= lacks && pulls.is_some() && !sum.brings;
        self.note_waits(speaker, &farewell, &sum).await?;
        // What it has just brought it counts no more when it comes again: among that may be drafts, which it never counted.
        if !lacks && !sum.waits && !sum.gives_back && waiting.is_some_and(|waiting| waiting.edits == 0) {
            let (workspace, device) = (speaker.reader.workspace, speaker.device);
            self.store
                .write::<_, StoreError, _>(move |tx| Box::pin(async move { farewells::told(tx, workspace, device, now).await }))
                .await?;
            answers.push(Message::Page(page(vec![Entry::Wipe], Vec::new(), None, false, now)));
        } else if let Some(pull) = pulls.filter(|_| lacks || !sum.waits) {
            // There is more to deliver first: it asks again when that is done. At the end of the feed it offers what it was not
            // shown there: that is all that a restored server may have lost.
            answers.push(Message::Page(page(Vec::new(), pull.cursor.clone().unwrap_or_default(), pull.cursor, !lacks, now)));
        }
        Ok(answers)
    }

    /// Notes whether a device goes on bringing what follows changes that are not here.
    async fn note_waits(&self, speaker: &Speaker, farewell: &Farewell, sum: &Brought) -> Result<(), StoreError> {
        let waits = match sum {
            Brought { gives_back: true, .. } => 0,
            Brought { waits: true, .. } => farewell.waits + 1,
            Brought { .. } => farewell.waits,
        };
        if waits == farewell.waits {
            return Ok(());
        }
        let (workspace, device) = (speaker.reader.workspace, speaker.device);
        self.store
            .write::<_, StoreError, _>(move |tx| Box::pin(async move { farewells::note_waits(tx, workspace, device, waits).await }))
            .await
    }

    /// Puts what a device delivers on the desk: all that is admissible, in the end all that can be read. Answers as well whether
    /// some of it follows what is not here.
    async fn take_to_the_desk(&self, speaker: &Speaker, push: Push, is_patient: bool, now: Millis) -> Result<(Message, bool), StoreError> {
        if push.changes.len() > MAX_PUSH_CHANGES {
            return Ok((refused("too_large", "send fewer changes at once"), false));
        }
        let documents: Vec<(RecordId, Facet)> = push.changes.iter().map(|change| (change.record, change.facet)).collect();
        let answer = verdicts(speaker, push.batch, self.intake.set_aside(&speaker.author(), push.changes, now, !is_patient).await);
        let waits = matches!(&answer, Message::Verdicts(answer) if waits(&documents, &answer.verdicts));
        Ok((answer, waits))
    }

    /// Takes back what a restored server has lost. What the device itself wrote on a past that was forgotten meanwhile it would
    /// write again if it stayed: that waits at the desk, whose word has its fields written. In the end everything that it wrote
    /// itself does, whatever it follows.
    async fn take_lost(&self, speaker: &Speaker, offer: Offer, is_patient: bool, now: Millis) -> Message {
        let pushed = |change: &Delivered| {
            let Delivered { kind, record, facet, hash, body, .. } = change.clone();
            Pushed { kind, record, facet, hash, body }
        };
        let own = offer.changes.iter().map(|change| (change.device == speaker.device).then(|| pushed(change)));
        let own: Vec<Option<Pushed>> = own.collect();
        let mut answer = self.offer(speaker, offer, now).await;
        let Message::Verdicts(Verdicts { verdicts, .. }) = &mut answer else { return answer };
        let is_out = |verdict: &Verdict| verdict.is_forgotten() || !is_patient && matches!(verdict, Verdict::Waiting { .. });
        let lost = own.into_iter().enumerate().filter_map(|(at, own)| Some((at, own.filter(|_| is_out(&verdicts[at]))?)));
        let (places, lost): (Vec<usize>, Vec<Pushed>) = lost.unzip();
        if lost.is_empty() {
            return answer;
        }
        match self.intake.set_aside(&speaker.author(), lost, now, !is_patient).await {
            Ok(taken) => places.into_iter().zip(taken).for_each(|(at, verdict)| verdicts[at] = verdict),
            Err(error) => return unavailable(speaker, &error),
        }
        answer
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

/// What waits on a device that is to leave, by its own word.
#[derive(Debug, Clone, Copy, Default)]
struct Waiting {
    /// Edits that were not sent.
    edits: u64,
    /// Accepted changes that this life of the server has not shown to have.
    base: u64,
}

/// What a device that is handed back has brought.
#[derive(Debug, Default)]
struct Brought {
    /// Whether it has brought anything at all but drafts.
    brings: bool,
    /// Whether others follow what is not here: it may have that, and is waited for.
    waits: bool,
    /// How many accepted changes were offered of which it is known now whether they are here.
    offered: u64,
    /// Whether it has given back what was lost here, or learnt that it is here.
    gives_back: bool,
}

impl Brought {
    /// What became of an offer. One of which nothing gets in, or is here, may come for ever.
    fn given_back(&mut self, answer: &Message, is_asked: bool) {
        let Message::Verdicts(answer) = answer else { return };
        let is_here = |verdict: &Verdict| matches!(verdict, Verdict::Accepted { .. } | Verdict::Duplicate { .. });
        self.offered += answer.verdicts.iter().filter(|verdict| !matches!(verdict, Verdict::Waiting { .. })).count() as u64;
        let gives_back = answer.verdicts.iter().any(is_here);
        self.gives_back |= gives_back;
        self.waits |= is_asked && !gives_back && !answer.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Held { .. }));
        self.brings = true;
    }
}

/// Whether a change of a push follows what is not here: it comes again, behind that if the device has it. What follows
/// something of its document that went to the desk is written anew.
fn waits(documents: &[(RecordId, Facet)], verdicts: &[Verdict]) -> bool {
    let is_waiting = |verdict: &Verdict| matches!(verdict, Verdict::Waiting { .. });
    let all = || documents.iter().zip(verdicts);
    let moves: HashSet<_> = all().filter(|(_, verdict)| !is_waiting(verdict)).map(|(document, _)| document).collect();
    all().any(|(document, verdict)| is_waiting(verdict) && !moves.contains(document))
}

fn page(entries: Vec<Entry>, cursor: Vec<u8>, after: Option<Vec<u8>>, more: bool, now: Millis) -> Page {
    Page { entries, cursor, more, left: 0, server_time: now, after, pull: None }
}

/// Over a connection that is meant to stay open: as long as changes come. Then it is closed, and the device says anew what
/// waits.
pub(super) async fn once(app: App, speaker: Speaker, mut socket: WebSocket) {
    while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE_MAX, socket.recv()).await {
        let Frame::Binary(bytes) = frame else { continue };
        // What is asked of it may have changed since the frame before; one that is asked nothing any more comes in anew.
        let Ok(Some(farewell)) = app.auth.farewell(speaker.reader.workspace, speaker.device).await else { break };
        let answers = app.door().say_farewell(&speaker, farewell, &bytes, app.clock.now()).await;
        app.auth.heard_of_devices(speaker.reader.workspace);
        let is_over = answers.iter().any(|answer| matches!(answer, Message::Page(page) if page.entries.contains(&Entry::Wipe)));
        let asks = |answer: &Message| matches!(answer, Message::Page(page) if !page.more);
        let brings = answers.iter().any(|answer| matches!(answer, Message::Verdicts(_)) || asks(answer));
        let sent = put(&mut socket, Frame::Binary(protocol::encode_frame(&answers).into())).await;
        // The peer may be gone already; it comes again.
        if is_over || !brings || sent.is_err() {
            break;
        }
    }
    let _ = put(&mut socket, Frame::Close(None)).await;
}

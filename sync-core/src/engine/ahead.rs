//! Looks at the bytes of a page's changes on a second thread, while the first one applies those before them.
//!
//! A third of a first sync's work needs no document. The order stays that of the feed.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::vec::IntoIter;

use crate::fence::{self, Refusal};
use crate::planted::{Bug, is_planted};
use crate::protocol::Delivered;
use crate::record::change::Change;

/// Below this a thread costs more than it saves.
const CHANGES_WORTH_A_THREAD: usize = 256;
/// Changes that are handed over at a time, and how many such pieces may lie ready: operations take several times
/// the bytes that they came in.
const PIECE: usize = 64;
const PIECES_AHEAD: usize = 2;

/// A delivered change, and what its bytes say if somebody has looked at them already.
pub(super) type Arrived = (Delivered, Option<Result<Change, Refusal>>);

/// Gives changes in their order to `work`, looked at ahead of it if there are many.
pub(super) fn ahead<T>(changes: Vec<Delivered>, work: impl FnOnce(&mut dyn Iterator<Item = Arrived>) -> T) -> T {
    // A planted bug is known to its own thread only.
    if changes.len() < CHANGES_WORTH_A_THREAD || is_planted(Bug::SkipRoundTrip) {
        return work(&mut changes.into_iter().map(|delivered| (delivered, None)));
    }
    let left = &Mutex::new(changes.into_iter());
    std::thread::scope(|scope| {
        let (pieces, arrived) = sync_channel(PIECES_AHEAD);
        let reads = std::thread::Builder::new().spawn_scoped(scope, move || look(left, &pieces));
        match reads {
            Ok(_) => work(&mut arrived.into_iter().flatten()),
            // The system gives no thread: one after the other, then.
            Err(_) => work(&mut left.lock().unwrap_or_else(PoisonError::into_inner).by_ref().map(|delivered| (delivered, None))),
        }
    })
}

fn look(left: &Mutex<IntoIter<Delivered>>, pieces: &SyncSender<Vec<Arrived>>) {
    let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
    let mut changes = left.by_ref().map(|delivered| {
        let read = fence::inspect(&delivered.hash, &delivered.body);
        (delivered, Some(read))
    });
    loop {
        let piece: Vec<Arrived> = changes.by_ref().take(PIECE).collect();
        // An error means that the work has failed: nobody asks any more.
        if piece.is_empty() || pieces.send(piece).is_err() {
            return;
        }
    }
}

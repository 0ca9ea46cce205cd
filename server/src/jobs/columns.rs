//! Keeps the indexes for the columns of lists what the kinds say: for kinds that have become large, from the start,
//! whenever a kind changes, and once an hour.

use std::collections::BTreeSet;
use std::time::Duration;

use sync_core::id::KindName;

use crate::app::App;
use crate::jobs::following;
use crate::store::columns::{self, Indexes};
use crate::store::{StoreError, workspaces};

/// Records from which on a kind has indexes: reading fewer one by one takes no longer than some 10 ms, and a small
/// workspace pays for none.
pub const LARGE: u64 = 5_000;

/// How often to look whether a kind has become large.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// Makes the indexes that are missing and takes those away that nobody needs; answers how many changed.
///
/// Each in a transaction of its own: writers wait for one index, 2 µs a record, not for all.
///
/// # Errors
/// When the database fails.
pub async fn renew(app: &App, large: u64) -> Result<usize, StoreError> {
    let mut tx = app.store.reader().await?;
    let all = workspaces::all(&mut tx).await?;
    let large: BTreeSet<KindName> = columns::large_kinds(&mut tx, large).await?.into_iter().collect();
    let there = columns::there(&mut tx).await?;
    drop(tx);
    let rules: Vec<_> = all.iter().map(|one| app.intake.rules(one.workspace)).collect();
    let kinds = || rules.iter().flat_map(|rules| rules.schema.kinds().map(|kind| (&*rules.schema, &**kind)));
    let (known, wanted) = (columns::of(kinds()), columns::of(kinds().filter(|(_, kind)| large.contains(&kind.name))));
    // One whose kind has shrunk stays: it may grow again.
    let gone = changed(&there, &known);
    let missing: Vec<String> = wanted.into_iter().filter(|(name, text)| there.get(name) != Some(text)).map(|(_, text)| text).collect();
    let changed = gone.len() + missing.len();
    for name in gone {
        app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { columns::remove(tx, &name).await })).await?;
    }
    for text in missing {
        app.store.write::<_, StoreError, _>(move |tx| Box::pin(columns::make(tx, text))).await?;
    }
    Ok(changed)
}

fn changed(there: &Indexes, known: &Indexes) -> Vec<String> {
    there.iter().filter(|(name, text)| known.get(*name) != Some(text)).map(|(name, _)| name.clone()).collect()
}

/// Keeps them now, after every change of a kind, and once an hour. Runs until the server stops.
pub async fn follow(app: App) {
    following::follow_rules(app, "indexes of lists", LOOK_EVERY, |app| async move { renew(&app, LARGE).await }).await;
}

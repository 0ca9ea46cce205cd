//! Keeps the indexes for the columns of lists what the kinds say, and the columns that they are over: for kinds that have
//! become large, from the start, whenever a kind changes, and once an hour.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sync_core::id::KindName;
use sync_core::schema::OwnColumn;

use crate::app::App;
use crate::intake::Rules;
use crate::jobs::following;
use crate::store::columns::{self, Indexes, RowKey};
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
    let rules_now = || all.iter().map(|one| app.intake.rules(one.workspace)).collect::<Vec<_>>();
    let kept = keep_columns(app, &rules_now(), &large).await?;
    if let Some(one) = all.iter().find(|one| *app.intake.rules(one.workspace).schema.own_columns() != kept) {
        // Where it fails, indexes are over the JSON until the next time.
        app.intake.reread_rules(one.workspace).await.ok();
    }
    let rules = rules_now();
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

/// Makes the columns that large kinds lack and fills them, some rows at once; answers all that there are then.
async fn keep_columns(app: &App, rules: &[Rules], large: &BTreeSet<KindName>) -> Result<BTreeSet<OwnColumn>, StoreError> {
    let mut kept = columns::own(&mut app.store.reader().await?).await?;
    let kinds = rules.iter().flat_map(|rules| rules.schema.kinds().map(|kind| (&*rules.schema, kind)));
    let wanted = kinds.filter(|(_, kind)| large.contains(&kind.name)).flat_map(|(schema, kind)| columns::own_of(schema, kind));
    let missing: BTreeSet<OwnColumn> = wanted.filter(|own| !kept.contains(own)).collect();
    let mut by_kind: BTreeMap<KindName, Vec<OwnColumn>> = BTreeMap::new();
    for own in &missing {
        by_kind.entry(own.kind.clone()).or_default().push(own.clone());
    }
    for (kind, of_kind) in by_kind {
        let all = kept.iter().filter(|own| own.kind == kind).chain(&of_kind).cloned().collect();
        fill(app, kind, all, of_kind).await?;
    }
    kept.extend(missing);
    Ok(kept)
}

async fn fill(app: &App, kind: KindName, all: Vec<OwnColumn>, of_kind: Vec<OwnColumn>) -> Result<(), StoreError> {
    app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { columns::make_own(tx, &kind, &all).await })).await?;
    let mut behind = Some(RowKey::default());
    while let Some(place) = behind {
        let filled = of_kind.clone();
        let step = app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { columns::fill_own(tx, &filled, &place).await }));
        behind = step.await?;
    }
    app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { columns::keep_own(tx, &of_kind).await })).await
}

fn changed(there: &Indexes, known: &Indexes) -> Vec<String> {
    there.iter().filter(|(name, text)| known.get(*name) != Some(text)).map(|(name, _)| name.clone()).collect()
}

/// Keeps them now, after every change of a kind, and once an hour. Runs until the server stops.
pub async fn follow(app: App) {
    following::follow_rules(app, "indexes of lists", LOOK_EVERY, |app| async move { renew(&app, LARGE).await }).await;
}

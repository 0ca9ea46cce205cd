//! Who has had a content: whoever names one in a record must have uploaded it, or be able to read it already.
//!
//! A record names its content by hash, and a hash is no secret: whoever learns that of a stranger's file must not get
//! the file by writing the hash into a record of their own. So a record hands its content out when
//! whoever named it there has had it. Never says why not: that a stranger has a content is not to be found out either.

use serde_json::Value as Json;
use sync_core::id::{ChangeHash, Facet, RecordId, UserId, WorkspaceId};
use sync_core::record::{Stored, history};
use sync_core::schema::Kind;

use super::content::seen;
use super::{KIND, hex};
use crate::app::App;
use crate::auth::Caller;
use crate::error::Error;
use crate::store::people::{self, SecretHash};
use crate::store::{StoreError, files, records, rejected};

/// The records through which somebody may have read a content that they named again.
const NAMING_MAX: u32 = 64;

/// Whether a record, which the caller sees, may hand out the content that it names.
///
/// # Errors
/// When the database fails.
pub(super) async fn is_proven(app: &App, caller: &Caller, record: RecordId, sha256: &SecretHash) -> Result<bool, Error> {
    let proven = files::proven(&mut app.store.reader().await?, caller.workspace, sha256).await?;
    // Nobody needs a record to read what they have had.
    if proven.contains(&caller.user) {
        return Ok(true);
    }
    let may = settle(app, caller.workspace, record, sha256).await?;
    if may {
        // Whoever reads it has it: to put it back where somebody has replaced it is no trick.
        note(app, caller.workspace, sha256, caller.user).await?;
    }
    Ok(may)
}

/// Works out who has had a content that a record names: who has copied it from another record has. Answers whether the
/// record may hand it out. Done when the record is written, by the rights of that moment, and again when it is read.
///
/// # Errors
/// When the database fails.
pub(crate) async fn settle(app: &App, workspace: WorkspaceId, record: RecordId, sha256: &SecretHash) -> Result<bool, Error> {
    let proven = files::proven(&mut app.store.reader().await?, workspace, sha256).await?;
    let namers = namers(app, workspace, record, sha256).await?;
    // Without anybody who has had it there is nobody to copy from.
    if namers.is_empty() || proven.is_empty() {
        return Ok(false);
    }
    Ok(has_had(&proven, &namers) || copied(app, workspace, (record, namers), sha256, proven).await?)
}

/// The same for all records that name a content: it has just come, and some may be copies made before.
///
/// # Errors
/// When the database fails.
pub(super) async fn settle_all(app: &App, workspace: WorkspaceId, sha256: &SecretHash) -> Result<(), Error> {
    let naming = files::naming(&mut app.store.reader().await?, workspace, sha256, NAMING_MAX).await?;
    for record in naming {
        settle(app, workspace, record, sha256).await?;
    }
    Ok(())
}

/// Lets a record have a content that somebody has brought for it.
///
/// # Errors
/// When the database fails.
pub(super) async fn vouch(app: &App, workspace: WorkspaceId, record: RecordId, sha256: &SecretHash) -> Result<(), Error> {
    for namer in namers(app, workspace, record, sha256).await? {
        note(app, workspace, sha256, namer).await?;
    }
    Ok(())
}

fn has_had(proven: &[UserId], namers: &[UserId]) -> bool {
    namers.iter().all(|namer| proven.contains(namer))
}

/// Whether a record's content was copied: by somebody who reads it through another record that may hand it out. They
/// have had it from then on.
async fn copied(
    app: &App,
    workspace: WorkspaceId,
    (record, theirs): (RecordId, Vec<UserId>),
    sha256: &SecretHash,
    mut proven: Vec<UserId>,
) -> Result<bool, Error> {
    let mut records = vec![(record, theirs)];
    for other in files::naming(&mut app.store.reader().await?, workspace, sha256, NAMING_MAX).await? {
        if other != record {
            records.push((other, namers(app, workspace, other, sha256).await?));
        }
    }
    // A copy of a copy is one: each round proves one more person, until nobody is left who can be.
    loop {
        let (open, shut): (Vec<_>, Vec<_>) = records.iter().partition(|(_, namers)| !namers.is_empty() && has_had(&proven, namers));
        if open.iter().any(|(open, _)| *open == record) {
            return Ok(true);
        }
        let candidates = shut.iter().flat_map(|(_, namers)| namers).filter(|namer| !proven.contains(namer));
        let Some(reader) = first_reader(app, workspace, open.iter().map(|(open, _)| *open), candidates.copied()).await? else {
            return Ok(false);
        };
        note(app, workspace, sha256, reader).await?;
        proven.push(reader);
    }
}

/// The first of some people who reads one of some records.
async fn first_reader(
    app: &App,
    workspace: WorkspaceId,
    records: impl Iterator<Item = RecordId> + Clone,
    people: impl Iterator<Item = UserId>,
) -> Result<Option<UserId>, Error> {
    for user in people {
        let Some(known) = people::user(&mut app.store.reader().await?, workspace, user).await? else { continue };
        let eyes = Caller::seeing(known);
        for record in records.clone() {
            match seen(app, &eyes, record).await {
                Ok(_) => return Ok(Some(user)),
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(None)
}

/// Who named a content in a record first, and who did last: to put back what others had named is to name it. Where
/// somebody has accepted the edit for another, it is whoever asked.
async fn namers(app: &App, workspace: WorkspaceId, record: RecordId, sha256: &SecretHash) -> Result<Vec<UserId>, Error> {
    let mut tx = app.store.reader().await?;
    let mut changes = records::changes_of(&mut tx, workspace, &[record]).await?;
    let reviewed = rejected::reviewed_of(&mut tx, workspace, record).await?;
    drop(tx);
    changes.retain(|stored| stored.facet == Facet::Main && &*stored.kind == KIND);
    let rules = app.intake.rules(workspace);
    let Some(kind) = rules.schema.kind(KIND).cloned() else { return Ok(Vec::new()) };
    let wanted = hex(sha256);
    // Replaying takes a while where somebody has written a record very often.
    let replay = tokio::task::spawn_blocking(move || naming_of(&kind, &changes, &wanted));
    let named = replay.await.map_err(|error| Error::Internal(error.into()))?;
    let asked = |change| reviewed.iter().find(|reviewed| reviewed.answer == change).map(|reviewed| reviewed.asked_by);
    let mut users: Vec<UserId> = named.into_iter().map(|(change, user)| asked(change).unwrap_or(user)).collect();
    users.dedup();
    Ok(users)
}

/// The first change that named a content and the last one, as they were received.
fn naming_of(kind: &Kind, changes: &[Stored], wanted: &str) -> Vec<(ChangeHash, UserId)> {
    let received = |change| changes.iter().find(|stored| stored.hash == change).and_then(|stored| stored.position);
    let is_wanted = |new: &Option<Json>| new.as_ref().and_then(Json::as_str).is_some_and(|named| named.eq_ignore_ascii_case(wanted));
    let entries = history::history(kind, Facet::Main, changes).into_iter();
    let naming = entries.filter(|entry| ["hash", "thumbnail"].contains(&&*entry.field) && is_wanted(&entry.new));
    let mut naming: Vec<_> = naming.map(|entry| (received(entry.change), (entry.change, entry.user))).collect();
    naming.sort_by_key(|(position, _)| *position);
    let ends = [naming.first(), naming.last()];
    ends.into_iter().flatten().map(|(_, named)| *named).collect()
}

async fn note(app: &App, workspace: WorkspaceId, sha256: &SecretHash, user: UserId) -> Result<(), Error> {
    let (sha256, now) = (*sha256, app.clock.now());
    app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { files::prove(tx, workspace, &sha256, user, now).await })).await?;
    Ok(())
}

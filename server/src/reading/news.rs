//! What has changed since a position of the feed, as far as the caller sees it: for pages that stay open.

use std::collections::BTreeSet;

use sync_core::id::{KindName, RecordId};

use super::{ReadError, Reading};
use crate::store::{lists, records, workspaces};

/// Changes looked at in one step. A page that missed more is told so and asks for everything.
const STEP: u32 = 500;

/// What has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// Up to where it was looked.
    pub position: u64,
    /// The kinds of what changed.
    pub kinds: BTreeSet<KindName>,
    /// The records that changed, and those that they link to.
    pub records: BTreeSet<RecordId>,
    /// Whether there was more than is named.
    pub more: bool,
}

impl Reading {
    /// Where the caller's feed ends now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn position(&self) -> Result<u64, ReadError> {
        let workspace = workspaces::by_id(&mut self.store.reader().await?, self.workspace).await?;
        Ok(workspace.map_or(0, |workspace| workspace.head))
    }

    /// What has changed after a position, up to the feed's head.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn news(&self, after: u64) -> Result<News, ReadError> {
        let mut tx = self.store.reader().await?;
        let head = workspaces::by_id(&mut tx, self.workspace).await?.map_or(0, |workspace| workspace.head);
        let changes = records::changes_after(&mut tx, self.workspace, after, STEP).await?;
        let seen = changes.last().and_then(|stored| stored.position).unwrap_or(after);
        let more = seen < head && changes.len() == STEP as usize;
        let shown = changes.iter().filter(|stored| self.scope.shows(&stored.kind, stored.facet));
        let changed: BTreeSet<RecordId> = shown.map(|stored| stored.record).collect();
        let named = self.names(&mut tx, changed).await?;
        let kinds = named.values().map(|linked| linked.kind.clone()).collect();
        let mut all: BTreeSet<RecordId> = named.into_keys().collect();
        let sources: Vec<RecordId> = all.iter().copied().collect();
        all.extend(lists::all_targets_of(&mut tx, self.workspace, &sources).await?);
        Ok(News { position: if more { head } else { seen }, kinds, records: all, more })
    }
}

//! Records of one customer, as far as the caller sees them: which likely are, and which stand for others.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use serde_json::{Map, Value as Json};
use sync_core::actions::duplicates::country::Country;
use sync_core::actions::duplicates::likely::{Likeness, Profile};
use sync_core::actions::duplicates::{FIELD, can_merge};
use sync_core::id::{KindName, RecordId};
use sync_core::schema::{Kind, Label};

use super::{Linked, ReadError, Reading, Row};
use crate::store::{aliases, duplicates, lists};

/// Pairs that one page shows: the next ones come up when these are decided.
pub const PAIRS_MAX: u32 = 50;
/// Likely duplicates that are offered for one record.
pub const OFFERED: usize = 5;

/// Two records that are likely one.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The one made first.
    pub one: Row,
    /// The other one.
    pub other: Row,
    /// How likely, and why.
    pub likeness: Likeness,
}

/// A record that is likely the same as another one, or as one that is being made.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Likely {
    /// The record.
    #[serde(flatten)]
    pub row: Row,
    /// How likely, in percent.
    pub percent: u8,
    /// Why, the heaviest first.
    pub reasons: Vec<Label>,
}

/// Who stands for whom around a record.
#[derive(Debug, Clone, Default)]
pub struct Together {
    /// The record that stands for this one, if one does.
    pub survivor: Option<Linked>,
    /// The records that this one stands for.
    pub behind: Vec<Linked>,
}

impl Reading {
    /// The kinds that the caller sees whose records can be merged.
    pub fn mergeable(&self) -> Vec<&Kind> {
        self.kinds().map(|kind| &**kind).filter(|kind| can_merge(kind) && self.may_read(kind, FIELD)).collect()
    }

    /// The pairs of a kind that are likely one, the most likely first.
    ///
    /// # Errors
    /// When the caller may not see the kind, or the database fails.
    pub async fn likely_pairs(&self, kind: &KindName) -> Result<Vec<Pair>, ReadError> {
        let kind = self.kind(kind)?.clone();
        let mut tx = self.store.reader().await?;
        let mut pairs = Vec::new();
        for found in duplicates::pairs(&mut tx, self.workspace, &self.scope, &kind.name, PAIRS_MAX).await? {
            let one = lists::seen(&mut tx, self.workspace, &self.scope, found.one).await?;
            let other = lists::seen(&mut tx, self.workspace, &self.scope, found.other).await?;
            let Some((one, other)) = one.zip(other) else { continue };
            pairs.push(paired((&kind, self.country()), Row::of(one, 0), Row::of(other, 0)));
        }
        Ok(pairs)
    }

    /// Two records side by side, if both are there and in sight.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pair(&self, kind: &KindName, one: RecordId, other: RecordId) -> Result<Option<Pair>, ReadError> {
        let kind = self.kind(kind)?.clone();
        let rows = self.row(one).await?.zip(self.row(other).await?);
        Ok(rows
            .filter(|(one, other)| one.id != other.id && one.kind == kind.name && other.kind == kind.name)
            .map(|(one, other)| paired((&kind, self.country()), one, other)))
    }

    /// The records that something being written is likely the same as; `but` itself aside.
    ///
    /// # Errors
    /// When the caller may not see the kind, or the database fails.
    pub async fn likely(&self, kind: &KindName, fields: &Map<String, Json>, but: Option<RecordId>) -> Result<Vec<Likely>, ReadError> {
        let kind = self.kind(kind)?.clone();
        if !can_merge(&kind) {
            return Ok(Vec::new());
        }
        let profile = Profile::of(&kind, fields, self.country());
        let mut tx = self.store.reader().await?;
        let mut likely = Vec::new();
        for record in duplicates::sharing(&mut tx, self.workspace, &kind.name, &profile.keys()).await? {
            let seen = lists::seen(&mut tx, self.workspace, &self.scope, record).await?.filter(|row| !row.archived && Some(record) != but);
            let Some(row) = seen.map(|row| Row::of(row, 0)) else { continue };
            let other = Profile::of(&kind, &row.fields, self.country());
            let likeness = profile.compare(&other);
            if likeness.is_likely() && but.is_none_or(|own| !profile.is_decided(own, &other, record)) {
                likely.push((likeness.weight, Likely::of(row, &likeness)));
            }
        }
        likely.sort_by_key(|(weight, likely)| (-weight, likely.row.id));
        Ok(likely.into_iter().map(|(_, likely)| likely).take(OFFERED).collect())
    }

    /// Who stands for whom around a record.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn together(&self, id: RecordId) -> Result<Together, ReadError> {
        let mut tx = self.store.reader().await?;
        let survivor = aliases::survivors_of(&mut tx, self.workspace, &[id]).await?.get(&id).copied();
        let behind = aliases::behind(&mut tx, self.workspace, id).await?;
        let mut names = self.names(&mut tx, behind.iter().copied().chain(survivor)).await?;
        let survivor = survivor.and_then(|survivor| names.remove(&survivor));
        Ok(Together { survivor, behind: behind.iter().filter_map(|id| names.get(id).cloned()).collect() })
    }

    /// The records that one stands for, those in sight.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn behind(&self, id: RecordId) -> Result<Vec<Row>, ReadError> {
        let behind = aliases::behind(&mut self.store.reader().await?, self.workspace, id).await?;
        self.those(behind).await
    }

    /// Those of some records that another one in sight stands for.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn merged_among(&self, ids: &[RecordId]) -> Result<HashSet<RecordId>, ReadError> {
        let mut tx = self.store.reader().await?;
        Ok(self.stood_for(&mut tx, ids).await?.into_keys().collect())
    }

    /// A record, and those that it stands for.
    pub(super) async fn with_behind(&self, tx: &mut crate::store::Tx, id: RecordId) -> Result<Vec<RecordId>, ReadError> {
        let mut all = vec![id];
        all.extend(aliases::behind(tx, self.workspace, id).await?);
        Ok(all)
    }

    /// What stands for each of some records, those that are in use and in sight.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn standing_for(&self, ids: &[RecordId]) -> Result<HashMap<RecordId, Row>, ReadError> {
        let mut tx = self.store.reader().await?;
        let survivors = aliases::survivors_of(&mut tx, self.workspace, ids).await?;
        drop(tx);
        let rows = self.those(survivors.values().copied().collect()).await?;
        let rows: HashMap<RecordId, Row> = rows.into_iter().filter(|row| !row.archived).map(|row| (row.id, row)).collect();
        Ok(survivors.into_iter().filter_map(|(record, survivor)| Some((record, rows.get(&survivor)?.clone()))).collect())
    }

    /// What stands for each of some records, as far as the caller sees that: what is merged into a record that they do not see
    /// stands for itself.
    pub(super) async fn stood_for(&self, tx: &mut crate::store::Tx, ids: &[RecordId]) -> Result<HashMap<RecordId, RecordId>, ReadError> {
        let mut survivors = aliases::survivors_of(tx, self.workspace, ids).await?;
        let all: Vec<RecordId> = survivors.values().copied().collect();
        let seen = lists::titles(tx, self.workspace, &self.scope, &all).await?;
        survivors.retain(|_, survivor| seen.contains_key(survivor));
        Ok(survivors)
    }

    /// What stands for each of some records, in sight or not, as marks: customers are one whoever looks at them.
    pub(super) async fn survivors(&self, tx: &mut crate::store::Tx, ids: &[RecordId]) -> Result<BTreeMap<RecordId, RecordId>, ReadError> {
        Ok(aliases::survivors_of(tx, self.workspace, ids).await?.into_iter().collect())
    }

    /// What stands for the records that keys of groups name, where another record does.
    pub(super) async fn merged<'k>(
        &self,
        tx: &mut crate::store::Tx,
        keys: impl IntoIterator<Item = &'k String>,
    ) -> Result<HashMap<String, String>, ReadError> {
        let ids: Vec<RecordId> = keys.into_iter().filter_map(|key| key.parse().ok()).collect();
        let survivors = self.stood_for(tx, &ids).await?;
        Ok(survivors.into_iter().map(|(record, survivor)| (record.to_string(), survivor.to_string())).collect())
    }
}

impl Likely {
    fn of(row: Row, likeness: &Likeness) -> Self {
        Self { row, percent: likeness.percent(), reasons: likeness.reasons.iter().map(|reason| reason.words()).collect() }
    }
}

fn paired((kind, home): (&Kind, Country), one: Row, other: Row) -> Pair {
    let likeness = Profile::of(kind, &one.fields, home).compare(&Profile::of(kind, &other.fields, home));
    Pair { one, other, likeness }
}

//! How good the records of a kind are: what is filled in, and what is probably a slip.
//!
//! Looks at the records that were changed last: what nobody touches is nobody's next correction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value as Json;
use sync_core::actions::doubts::{Doubt, doubts, is_judged};
use sync_core::actions::duplicates::country::Country;
use sync_core::id::RecordId;
use sync_core::query::Query;
use sync_core::schema::{Field, Kind};

use super::{List, ReadError, Reading, Row};
use crate::store::mentions;

/// Records that are looked at: some 20 ms.
const LOOKED_AT: u32 = 2_000;

/// Slips that are listed: a screenful to work through, then the next.
const LISTED: usize = 50;

/// How good the records of a kind are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quality {
    /// How many records were looked at.
    pub count: u64,
    /// Whether there are more.
    pub more: bool,
    /// Field by field, as far as the caller sees them.
    pub fields: Vec<FieldQuality>,
    /// How good what each owner's is, and each team's; what is nobody's is under none.
    pub people: BTreeMap<Option<RecordId>, Score>,
    /// As the record says whose it is, or else by the teams of its owner.
    pub teams: BTreeMap<Option<String>, Score>,
    /// How good all of them are.
    pub all: Score,
    /// Slips, those of the records changed last first.
    pub slips: Vec<Slip>,
}

/// How good some records are: of what lists show of them and what can be judged, how much is filled in and sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Score {
    /// How many records.
    pub count: u64,
    /// Fields that are looked at, of all of them.
    pub asked: u64,
    /// Those that say something that is probably right.
    pub sound: u64,
    /// Those that are probably slips.
    pub doubtful: u64,
}

impl Score {
    /// In percent; none where nothing is looked at.
    pub fn percent(self) -> Option<u64> {
        (self.sound * 100).checked_div(self.asked)
    }

    fn add(&mut self, other: Score) {
        self.count += other.count;
        self.asked += other.asked;
        self.sound += other.sound;
        self.doubtful += other.doubtful;
    }
}

/// Whose slips are listed, and in which field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queue {
    /// In this field only.
    pub field: Option<String>,
    /// Of this owner's records only.
    pub owner: Option<RecordId>,
    /// Of this team's records only.
    pub team: Option<String>,
}

/// How good a field is.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldQuality {
    /// The field.
    pub field: String,
    /// Records that say something in it.
    pub filled: u64,
    /// Records in which it is doubtful; none for a field of which nothing is.
    pub doubtful: Option<u64>,
}

/// A value that is probably a slip.
#[derive(Debug, Clone, PartialEq)]
pub struct Slip {
    /// The record.
    pub row: Row,
    /// The field.
    pub field: String,
    /// Why.
    pub doubt: Doubt,
}

impl Reading {
    /// Whether anything that the caller sees of a kind's records can be doubtful.
    pub fn is_judged(&self, kind: &Kind) -> bool {
        kind.fields.iter().any(|field| is_judged(field) && !field.hidden && self.may_read(kind, &field.name))
    }

    /// How good the records of a kind are, and the slips that are wanted.
    ///
    /// # Errors
    /// When the caller may not see the kind, or the database fails.
    pub async fn quality(&self, kind: &Kind, queue: &Queue) -> Result<Quality, ReadError> {
        let query = self.query(&kind.name, [("orderBy", "updatedAt"), ("order", "desc")])?;
        let list = List::of(Query { max_size: LOOKED_AT, ..query });
        let (found, more) = self.rows_of(&list).await?;
        let seen = kind.fields.iter().filter(|field| !field.hidden && self.may_read(kind, &field.name));
        let empty = |name: &str, is_judged: bool| FieldQuality { field: name.to_owned(), filled: 0, doubtful: is_judged.then_some(0) };
        let fields = seen.map(|field| empty(&field.name, is_judged(field))).collect();
        let mut quality = Quality { count: found.len() as u64, more, fields, ..Quality::default() };
        let whose = self.whose(kind).await?;
        for row in found {
            quality.add((kind, self.country()), row, &whose, queue);
        }
        Ok(quality)
    }

    /// What says whose a record of a kind is, as far as the caller may see it.
    async fn whose<'k>(&self, kind: &'k Kind) -> Result<Whose<'k>, ReadError> {
        let seen = |name: &Option<sync_core::id::FieldName>| {
            let field = name.as_ref().and_then(|name| kind.field(name));
            field.filter(|field| self.may_read(kind, &field.name))
        };
        let mut members: HashMap<RecordId, BTreeSet<String>> = HashMap::new();
        if let Some(colleagues) = self.colleague_kind() {
            for (team, person) in mentions::teams(&mut self.store.reader().await?, self.workspace, &self.scope, colleagues).await? {
                members.entry(person).or_default().insert(team);
            }
        }
        Ok(Whose { owner: seen(&kind.owner), teams: seen(&kind.sharing.teams), members })
    }
}

/// What says whose a record is.
struct Whose<'k> {
    owner: Option<&'k Field>,
    teams: Option<&'k Field>,
    /// The teams of each colleague.
    members: HashMap<RecordId, BTreeSet<String>>,
}

impl Whose<'_> {
    fn owner(&self, row: &Row) -> Option<RecordId> {
        row.fields.get(&*self.owner?.name)?.as_str()?.parse().ok()
    }

    fn teams(&self, row: &Row) -> BTreeSet<String> {
        let own = self.teams.and_then(|field| row.fields.get(&*field.name)?.as_array());
        let own: BTreeSet<String> = own.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect();
        if !own.is_empty() {
            return own;
        }
        self.owner(row).and_then(|owner| self.members.get(&owner)).cloned().unwrap_or_default()
    }
}

impl Quality {
    fn add(&mut self, (kind, home): (&Kind, Country), row: Row, whose: &Whose<'_>, queue: &Queue) {
        let mut found: Vec<(String, Doubt)> =
            doubts(kind, &row.fields, home).into_iter().map(|found| (found.field.to_string(), found.doubt)).collect();
        found.dedup();
        let mut score = Score { count: 1, ..Score::default() };
        for field in &mut self.fields {
            let value = row.fields.get(&field.field);
            let is_filled = value.is_some_and(|value| !value.is_null() && value.as_array().is_none_or(|all| !all.is_empty()));
            let is_doubtful = found.iter().any(|(name, _)| *name == field.field);
            field.filled += u64::from(is_filled);
            if let Some(doubtful) = &mut field.doubtful {
                *doubtful += u64::from(is_doubtful);
            }
            score.doubtful += u64::from(is_doubtful);
            // It counts for how good a record is if lists show it, or it can be judged.
            if field.doubtful.is_some() || kind.list.iter().any(|name| **name == *field.field) {
                score.asked += 1;
                score.sound += u64::from(is_filled && !is_doubtful);
            }
        }
        let (owner, teams) = (whose.owner(&row), whose.teams(&row));
        self.all.add(score);
        self.people.entry(owner).or_default().add(score);
        if teams.is_empty() {
            self.teams.entry(None).or_default().add(score);
        }
        teams.iter().for_each(|team| self.teams.entry(Some(team.clone())).or_default().add(score));
        if queue.owner.is_some_and(|wanted| owner != Some(wanted)) || queue.team.as_ref().is_some_and(|team| !teams.contains(team)) {
            return;
        }
        let is_wanted = |name: &str| queue.field.as_deref().is_none_or(|only| only == name);
        found.retain(|(name, _)| is_wanted(name) && self.fields.iter().any(|field| field.field == *name));
        let room = LISTED.saturating_sub(self.slips.len());
        self.slips.extend(found.into_iter().take(room).map(|(field, doubt)| Slip { row: row.clone(), field, doubt }));
    }
}

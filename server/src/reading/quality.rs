//! How good the records of a kind are: what is filled in, and what is probably a slip.
//!
//! Looks at the records that were changed last: what nobody touches is nobody's next correction.

use sync_core::actions::doubts::{Doubt, doubts, is_judged};
use sync_core::query::Query;
use sync_core::schema::Kind;

use super::{List, ReadError, Reading, Row};
use crate::store::lists::{self, Way};

/// Records that are looked at: some 50 ms.
const LOOKED_AT: u32 = 5_000;

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
    /// Slips, those of the records changed last first.
    pub slips: Vec<Slip>,
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

    /// How good the records of a kind are, and the slips in one field of theirs, or in any.
    ///
    /// # Errors
    /// When the caller may not see the kind, or the database fails.
    pub async fn quality(&self, kind: &Kind, only: Option<&str>) -> Result<Quality, ReadError> {
        let query = self.query(&kind.name, [("orderBy", "updatedAt"), ("order", "desc")])?;
        let list = List::of(Query { max_size: LOOKED_AT, ..query });
        let mut tx = self.store.reader().await?;
        let mut found = lists::page(&mut tx, self.which(&list, None), Way::InOrder).await?;
        let more = found.len() > LOOKED_AT as usize;
        found.truncate(LOOKED_AT as usize);
        let seen = kind.fields.iter().filter(|field| !field.hidden && self.may_read(kind, &field.name));
        let empty = |name: &str, is_judged: bool| FieldQuality { field: name.to_owned(), filled: 0, doubtful: is_judged.then_some(0) };
        let fields = seen.map(|field| empty(&field.name, is_judged(field))).collect();
        let mut quality = Quality { count: found.len() as u64, more, fields, slips: Vec::new() };
        for row in found {
            quality.add(kind, Row::of(row, 0), only);
        }
        Ok(quality)
    }
}

impl Quality {
    fn add(&mut self, kind: &Kind, row: Row, only: Option<&str>) {
        let mut found: Vec<(String, Doubt)> = doubts(kind, &row.fields);
        found.iter_mut().for_each(|(name, _)| name.truncate(name.find('.').unwrap_or(name.len())));
        found.dedup();
        for field in &mut self.fields {
            let value = row.fields.get(&field.field);
            field.filled += u64::from(value.is_some_and(|value| !value.is_null() && value.as_array().is_none_or(|all| !all.is_empty())));
            if let Some(doubtful) = &mut field.doubtful {
                *doubtful += u64::from(found.iter().any(|(name, _)| *name == field.field));
            }
        }
        found.retain(|(name, _)| only.is_none_or(|only| only == name) && self.fields.iter().any(|field| field.field == *name));
        let room = LISTED.saturating_sub(self.slips.len());
        self.slips.extend(found.into_iter().take(room).map(|(field, doubt)| Slip { row: row.clone(), field, doubt }));
    }
}

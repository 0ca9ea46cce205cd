//! A page of a list.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value as Json};
use sync_core::id::{FieldName, KindName, Millis, RecordId};
use sync_core::query::{self, Context, Filter, Query};

use super::{Names, ReadError, Reading, links};
use crate::store::lists::{self, Shelf, Way, Which, Words};
use crate::store::records::RecordRow;
use crate::store::{Tx, marks, undecided};

/// Which records, and what to know about them.
#[derive(Debug, Clone)]
pub struct List {
    /// The filter, the order and the page.
    pub query: Query,
    /// In use, put away, or both.
    pub shelf: Shelf,
    /// How far to count all pages.
    pub total: Count,
    /// How many there are, if whoever asks knows: few are found another way than many.
    pub expected: Option<u64>,
    /// The asker's clock minus UTC, in minutes, for conditions such as `today`.
    pub offset_minutes: i32,
    /// Words that must occur.
    pub words: Option<Sought>,
}

/// How far to count the records of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Count {
    /// Not at all.
    #[default]
    No,
    /// Up to [`COUNT_MAX`].
    Some,
    /// All of them: it costs as much as reading them.
    All,
}

/// Records that a list on a page counts: that there are more is all that anybody wants to know there, and counting
/// so many takes some milliseconds however many there are.
pub const COUNT_MAX: u64 = 10_000;

/// How many records a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// So many.
    pub count: u64,
    /// Or more.
    pub more: bool,
}

impl Counted {
    fn of(count: u64, most: u64) -> Self {
        Self { count: count.min(most), more: count > most }
    }
}

impl From<u64> for Counted {
    fn from(count: u64) -> Self {
        Self { count, more: false }
    }
}

/// Words that must occur in a record, as the index looks them up and as a filter.
#[derive(Debug, Clone)]
pub struct Sought {
    /// For the index: of `sync_core::search::match_expression`.
    pub expression: String,
    /// The same with slips forgiven, if one is to be forgiven.
    pub near: Option<String>,
    /// For what is newer than the index.
    pub otherwise: Filter,
}

/// A record in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The record.
    pub id: RecordId,
    /// Its kind.
    pub kind: KindName,
    /// What names it.
    pub title: String,
    /// Whether it is archived.
    pub archived: bool,
    /// Edit time of its first change.
    pub created_at: Millis,
    /// Edit time of its newest change.
    pub updated_at: Millis,
    /// The feed's position of its newest change: another number, another content.
    pub version: u64,
    /// In how many places people disagree.
    pub conflicts: u64,
    /// The fields of all facets that the caller may read.
    pub fields: Map<String, Json>,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// The records, in order.
    pub rows: Vec<Row>,
    /// What the records are called that these link to.
    pub names: Names,
    /// Whether no record has the words as they were typed: these have some that are one slip away.
    #[serde(rename = "near", skip_serializing_if = "std::ops::Not::not")]
    pub is_near: bool,
    /// `after` of the next page, if there is one.
    pub next: Option<String>,
    /// How many there are on all pages, if all were to be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// The same, counted as far as asked for.
    #[serde(skip)]
    pub counted: Counted,
}

impl List {
    /// The records in use that a query finds.
    pub fn of(query: Query) -> Self {
        Self { query, shelf: Shelf::InUse, total: Count::No, expected: None, offset_minutes: 0, words: None }
    }
}

impl Row {
    /// From a stored row of which only what is in sight is left.
    pub(super) fn of(row: RecordRow, conflicts: u64) -> Self {
        let mut fields = Map::new();
        for facet in row.facets.iter().flatten() {
            fields.extend(serde_json::from_str::<Map<String, Json>>(facet).unwrap_or_default());
        }
        // It stands beside the fields.
        fields.remove("archived");
        Self {
            id: row.record,
            kind: row.kind,
            title: row.title,
            archived: row.archived,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.position,
            conflicts,
            fields,
        }
    }

    /// The row as the order of lists sees it.
    pub(super) fn ordered<'a>(&'a self, sort_title: &'a str) -> query::Row<'a> {
        let mut fields = Cow::Borrowed(&self.fields);
        if self.archived {
            fields.to_mut().insert("archived".to_owned(), Json::Bool(true));
        }
        query::Row { id: self.id, created_at: self.created_at, updated_at: self.updated_at, sort_title: Cow::Borrowed(sort_title), fields }
    }
}

impl Reading {
    /// Reads a query from the parameters of an address: `where`, `orderBy`, `order`, `after`, `maxSize`, `select`.
    ///
    /// # Errors
    /// When a parameter is wrong, or names what the caller may not see.
    pub fn query<'p>(&self, kind: &str, params: impl IntoIterator<Item = (&'p str, &'p str)>) -> Result<Query, ReadError> {
        let query = Query::from_params(self.schema(), &self.kind(kind)?.name, params)?;
        self.check(&query.reads(self.schema()))?;
        Ok(query)
    }

    /// The records of a list and nothing besides, and whether there are more: for whoever puts many together.
    ///
    /// # Errors
    /// When the query looks at what the caller may not see, or the database fails.
    pub async fn rows_of(&self, list: &List) -> Result<(Vec<Row>, bool), ReadError> {
        self.kind(&list.query.kind)?;
        self.check(&list.query.reads(self.schema()))?;
        let mut tx = self.store.reader().await?;
        let words = self.words(&mut tx, list).await?;
        let which = self.which(list, words.as_ref());
        // What they count for is remembered: of many, few are read then. A page that takes as many as would be few takes all.
        let way = match narrows(list) {
            true if u64::from(list.query.max_size) >= FEW => Way::Gathered,
            true => way(list, self.counted(&mut tx, Count::Some, which).await?),
            false => Way::InOrder,
        };
        let mut found = lists::page(&mut tx, which, way).await?;
        let more = found.len() > list.query.max_size as usize;
        found.truncate(list.query.max_size as usize);
        Ok((found.into_iter().map(|row| Row::of(row, 0)).collect(), more))
    }

    /// A page of records.
    ///
    /// # Errors
    /// When the query looks at what the caller may not see, or the database fails.
    pub async fn list(&self, list: &List) -> Result<Listing, ReadError> {
        let kind = self.kind(&list.query.kind)?;
        self.check(&list.query.reads(self.schema()))?;
        let mut tx = self.store.reader().await?;
        let words = self.words(&mut tx, list).await?;
        let which = self.which(list, words.as_ref());
        let counted = self.counted(&mut tx, list.total, which).await?;
        let mut found = lists::page(&mut tx, which, way(list, counted)).await?;
        let more = found.len() > list.query.max_size as usize;
        found.truncate(list.query.max_size as usize);
        let ids: Vec<RecordId> = found.iter().map(|row| row.record).collect();
        let counts = undecided::conflict_counts(&mut tx, self.workspace, &self.scope, &kind.name, &ids).await?;
        let last_sort_title = found.last().map(|row| row.sort_title.clone()).unwrap_or_default();
        let mut rows: Vec<Row> = found
            .into_iter()
            .map(|row| (counts.get(&row.record).copied().unwrap_or(0), row))
            .map(|(count, row)| Row::of(row, count))
            .collect();
        let next = rows.last().filter(|_| more).map(|row| list.query.cursor(&row.ordered(&last_sort_title)));
        if !list.query.select.is_empty() {
            rows.iter_mut().for_each(|row| row.fields.retain(|name, _| list.query.select.contains(name)));
        }
        let names = self.names(&mut tx, rows.iter().flat_map(|row| links::ids(kind, &row.fields))).await?;
        let total = counted.filter(|_| list.total == Count::All).map(|counted| counted.count);
        let is_near = words.is_some_and(|words| words.is_near);
        Ok(Listing { rows, names, is_near, next, total, counted: counted.unwrap_or_default() })
    }

    async fn counted(&self, tx: &mut Tx, total: Count, which: Which<'_>) -> Result<Option<Counted>, ReadError> {
        Ok(match total {
            Count::No => None,
            Count::Some => Some(Counted::of(lists::count(tx, self.store.answers(), which, Some(COUNT_MAX)).await?, COUNT_MAX)),
            Count::All => Some(lists::count(tx, self.store.answers(), which, None).await?.into()),
        })
    }

    /// How many records a list finds, all pages together, as far as a page says.
    ///
    /// # Errors
    /// As [`Reading::list`].
    pub async fn count(&self, list: &List) -> Result<Counted, ReadError> {
        self.kind(&list.query.kind)?;
        self.check(&list.query.reads(self.schema()))?;
        let mut tx = self.store.reader().await?;
        let words = self.words(&mut tx, list).await?;
        let counted = self.counted(&mut tx, Count::Some, self.which(list, words.as_ref())).await?;
        Ok(counted.unwrap_or_default())
    }

    /// How many records of a list each of some names has that a set of theirs may say, by whose holders they are found. Those
    /// that no record says are missing.
    ///
    /// # Errors
    /// As [`Reading::list`].
    pub async fn count_named(
        &self,
        list: &List,
        field: &FieldName,
        prefix: &str,
        names: &[String],
    ) -> Result<BTreeMap<String, Counted>, ReadError> {
        self.check(&list.query.reads(self.schema()))?;
        let mut tx = self.store.reader().await?;
        let found = lists::count_named(&mut tx, self.which(list, None), field, prefix, names, COUNT_MAX).await?;
        Ok(found.into_iter().map(|(name, count)| (name, Counted::of(count, COUNT_MAX))).collect())
    }

    /// The words of a list, and how far the index is.
    pub(super) async fn words(&self, tx: &mut Tx, list: &List) -> Result<Option<Words>, ReadError> {
        let Some(Sought { expression, near, otherwise }) = list.words.clone() else { return Ok(None) };
        self.check(&otherwise.reads(&list.query.kind))?;
        let typed = Words { expression, mark: marks::of(tx, self.workspace, marks::INDEX).await?, otherwise, is_near: false };
        let Some(near) = near else { return Ok(Some(typed)) };
        // Of the whole kind: what was typed means the same whatever else is asked, on every page and in every total.
        let whole = List { query: Query { filter: Filter::everything(), after: None, ..list.query.clone() }, ..list.clone() };
        let is_there = lists::count(tx, self.store.answers(), self.which(&whole, Some(&typed)), Some(0)).await? > 0;
        Ok(Some(if is_there { typed } else { Words { expression: near, is_near: true, ..typed } }))
    }

    /// Whether no record has the words of a list as they were typed.
    ///
    /// # Errors
    /// As [`Reading::list`].
    pub async fn is_near(&self, list: &List) -> Result<bool, ReadError> {
        let mut tx = self.store.reader().await?;
        Ok(self.words(&mut tx, list).await?.is_some_and(|words| words.is_near))
    }

    /// A list as the store is asked for it.
    pub(super) fn which<'a>(&'a self, list: &'a List, words: Option<&'a Words>) -> Which<'a> {
        let context = Context { now: self.now, offset_minutes: list.offset_minutes };
        Which { workspace: self.workspace, scope: &self.scope, query: &list.query, context, shelf: list.shelf, words }
    }
}

/// Records that are looked up and put in order rather than read in their order until a page is full: of 200,000 each
/// way then takes some 8 ms, with fewer the first is faster, with more the second.
const FEW: u64 = 3_000;

/// Few records are found another way than many.
fn way(list: &List, counted: Option<Counted>) -> Way {
    let known = counted.filter(|counted| !counted.more).map(|counted| counted.count).or(list.expected);
    if narrows(list) && known.is_some_and(|count| count <= FEW) { Way::Gathered } else { Way::InOrder }
}

/// Whether it is not all of a kind.
fn narrows(list: &List) -> bool {
    list.words.is_some() || list.query.filter != Filter::everything()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_stopped_says_that_there_are_more() {
        let cases = [(0, 0, false), (COUNT_MAX, COUNT_MAX, false), (COUNT_MAX + 1, COUNT_MAX, true)];
        for (found, count, more) in cases {
            assert_eq!(Counted::of(found, COUNT_MAX), Counted { count, more });
        }
    }
}

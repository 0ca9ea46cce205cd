//! What may answer somebody who asks: records of the kind that theirs names for it, to colleagues as they stand, to everybody
//! as they were published last.

use serde_json::{Value as Json, json};
use sync_core::id::{Millis, RecordId};
use sync_core::schema::Kind;
use sync_core::search::in_common;

use super::{List, ReadError, Reading, Row};

/// Records that are looked at for one question.
const CANDIDATES: &str = "100";
/// Published ones that are looked at or listed: a page of the API.
const PUBLISHED_MAX: &str = "200";
/// What stands in a title counts so often.
const TITLE_WEIGHT: usize = 2;
/// Who may read it, and the option that means everybody.
const AUDIENCE: (&str, &str) = ("audience", "public");
/// The log of what was published.
const PUBLISHED: &str = "published";
/// What answered nobody yet is counted here: yes, no.
pub const HELPED: (&str, &str) = ("helpful", "unhelpful");
/// What it is about, in words.
const CATEGORIES: &str = "categories";
/// The language that it is written in.
const LANGUAGE: &str = "language";

/// What everybody may read of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// The record.
    pub id: RecordId,
    /// What it is called.
    pub title: String,
    /// The text that was published last.
    pub text: String,
    /// When.
    pub at: Option<Millis>,
    /// What it is about.
    pub categories: Vec<String>,
    /// The language that it is written in, if it says so.
    pub language: Option<String>,
}

impl Reading {
    /// The kind whose records may answer one of a kind, if the caller sees it.
    pub fn answering(&self, kind: &Kind) -> Option<&Kind> {
        kind.answers.as_ref().and_then(|name| self.kind(name).ok()).map(|kind| &**kind)
    }

    /// Records in use that speak of what a sentence does, those that have most of its words first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn answers(&self, answering: &Kind, sentence: &str) -> Result<Vec<Row>, ReadError> {
        let query = self.query(&answering.name, [("maxSize", CANDIDATES)])?;
        let Some(list) = self.touching(List::of(query), sentence) else { return Ok(Vec::new()) };
        let texts = |row: &Row| answering.search.iter().filter_map(|name| row.fields.get(&**name)).map(texts_of).collect::<String>();
        let found = self.list(&list).await?.rows.into_iter();
        Ok(closest(found.map(|row| (common(sentence, &row.title, &texts(&row)), row)).collect()))
    }

    /// What everybody may read that speaks of what somebody asks; of everything if nothing is asked, by title.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn published(&self, answering: &Kind, asked: &str) -> Result<Vec<Published>, ReadError> {
        if answering.field(AUDIENCE.0).is_none() || answering.field(PUBLISHED).is_none() {
            return Ok(Vec::new());
        }
        let filter = json!([{"type": "equals", "attribute": AUDIENCE.0, "value": AUDIENCE.1}]).to_string();
        let query = self.query(&answering.name, [("where", &*filter), ("orderBy", &*answering.title), ("maxSize", PUBLISHED_MAX)])?;
        let list = List::of(query);
        if asked.trim().is_empty() {
            return Ok(self.list(&list).await?.rows.iter().filter_map(published_of).collect());
        }
        let Some(list) = self.touching(list, asked) else { return Ok(Vec::new()) };
        let all = self.list(&list).await?.rows;
        // Drafts are in the index too: only what was published counts.
        let found = all.iter().filter_map(published_of).map(|found| (common(asked, &found.title, &found.text), found));
        Ok(closest(found.filter(|(common, _)| *common > 0).collect()))
    }

    /// What everybody may read of a record; none if it was never published, or not for everybody.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn published_one(&self, answering: &Kind, id: RecordId) -> Result<Option<Published>, ReadError> {
        let row = self.row(id).await?.filter(|row| row.kind == answering.name && !row.archived);
        Ok(row.filter(|row| row.fields.get(AUDIENCE.0) == Some(&json!(AUDIENCE.1))).and_then(|row| published_of(&row)))
    }
}

/// How much of a sentence stands in a title and a text.
fn common(sentence: &str, title: &str, text: &str) -> usize {
    TITLE_WEIGHT * in_common(sentence, title) + in_common(sentence, text)
}

/// Those that have most in common first.
fn closest<T>(mut found: Vec<(usize, T)>) -> Vec<T> {
    found.sort_by_key(|(common, _)| std::cmp::Reverse(*common));
    found.into_iter().map(|(_, one)| one).collect()
}

fn published_of(row: &Row) -> Option<Published> {
    let last = row.fields.get(PUBLISHED)?.as_array()?.last()?;
    let categories = row.fields.get(CATEGORIES).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    Some(Published {
        id: row.id,
        title: row.title.clone(),
        text: last.get("text")?.as_str()?.to_owned(),
        at: last.get("at").and_then(Json::as_i64),
        categories: categories.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        language: row.fields.get(LANGUAGE).and_then(Json::as_str).map(str::to_owned),
    })
}

/// The texts in a value, with gaps.
fn texts_of(value: &Json) -> String {
    match value {
        Json::String(text) => format!("{text} "),
        Json::Array(all) => all.iter().map(texts_of).collect(),
        Json::Object(parts) => parts.values().map(texts_of).collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) => String::new(),
    }
}

//! Looking words up in everything that the caller sees.

use serde_json::{Value as Json, json};
use sync_core::actions::duplicates::normal::phone_digits;
use sync_core::query::Filter;
use sync_core::schema::{Field, Kind, Merge, ValueType};
use sync_core::search::{CANDIDATES, by_closeness, match_expression, near_expression, some_expression, start_expressions, starts_first};

use super::{Linked, List, ReadError, Reading, Sought};
use crate::store::search;

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hits {
    /// The records.
    pub rows: Vec<Linked>,
    /// Whether none has the words as they were typed.
    pub is_near: bool,
}

impl Reading {
    /// Records in use with all these words, those whose title begins with them first: Chinese by any part and by pinyin, words by their
    /// beginning, digits by any three in a row. If there are none, those with words that are one slip away.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search(&self, text: &str, limit: u32) -> Result<Hits, ReadError> {
        let Some(expression) = match_expression(text, self.number(text).as_deref()) else { return Ok(Hits::default()) };
        let mut tx = self.store.reader().await?;
        let most = limit.max(CANDIDATES);
        let mut found = Vec::new();
        for start in start_expressions(text) {
            if (found.len() as u32) < CANDIDATES {
                found = starts_first(found, search::find(&mut tx, self.workspace, &self.scope, &start, most).await?);
            }
        }
        // Whatever has the words somewhere is ranked, all of it: not where enough begin so.
        if (found.len() as u32) < CANDIDATES {
            let anywhere = search::find(&mut tx, self.workspace, &self.scope, &expression, most).await?;
            found = if (anywhere.len() as u32) < CANDIDATES { anywhere } else { starts_first(found, anywhere) };
        }
        by_closeness(text, &mut found, |row| &row.title);
        found.truncate(limit as usize);
        let near = near_expression(text).filter(|_| found.is_empty());
        if let Some(near) = &near {
            found = search::find(&mut tx, self.workspace, &self.scope, near, limit).await?;
        }
        let is_near = near.is_some() && !found.is_empty();
        let rows = found.into_iter().map(|row| Linked { id: row.record, kind: row.kind, title: row.title, archived: false }).collect();
        Ok(Hits { rows, is_near })
    }

    /// What a telephone number ends with, however it is written.
    fn number(&self, text: &str) -> Option<String> {
        phone_digits(text, self.country())
    }

    /// A list, and of it only the records that have all words of a text, as [`Reading::search`] finds them: those with words
    /// that are one slip away where no record of the kind has them as they were typed. All of it for no text.
    ///
    /// # Errors
    /// When the text is too long.
    pub fn narrowed(&self, mut list: List, text: &str) -> Result<List, ReadError> {
        let (kind, text) = (self.kind(&list.query.kind)?, text.trim());
        let Some(by_hand) = by_hand(kind, text) else { return Ok(list) };
        let otherwise = Filter::from_json(self.schema(), &kind.name, &by_hand)?;
        match match_expression(text, self.number(text).as_deref()) {
            Some(expression) => list.words = Some(Sought { expression, near: near_expression(text), otherwise }),
            // Signs alone are in no index.
            None => list.query.filter = Filter::All(vec![list.query.filter, otherwise]),
        }
        Ok(list)
    }

    /// A list, and of it only the records that have some of the words of a sentence, as far as they are in the index. None
    /// when there is no word in it by which records differ.
    pub fn touching(&self, mut list: List, sentence: &str) -> Option<List> {
        let expression = some_expression(sentence)?;
        list.words = Some(Sought { expression, near: None, otherwise: Filter::Any(Vec::new()) });
        Some(list)
    }
}

/// Conditions of one search; each costs every row.
const SEARCHED_MAX: usize = 12;

/// Looks for a text in the title and in the fields that the kind's search reads.
fn by_hand(kind: &Kind, text: &str) -> Option<Json> {
    if text.is_empty() {
        return None;
    }
    let mut places = vec![kind.title.to_string()];
    for field in kind.search.iter().filter_map(|name| kind.field(name)) {
        let is_text = |field: &Field| match &field.value {
            ValueType::String | ValueType::Paragraph | ValueType::Phone | ValueType::Email | ValueType::Url => true,
            ValueType::Integer | ValueType::Number | ValueType::Boolean | ValueType::Date | ValueType::Datetime => false,
            ValueType::Choice | ValueType::Link | ValueType::Money | ValueType::Address | ValueType::Period => false,
            ValueType::Geo | ValueType::Unknown(_) => false,
        };
        match (&field.merge, field.items.is_empty()) {
            (Merge::Derived | Merge::Counter, _) => {}
            (_, true) => places.extend(is_text(field).then(|| field.name.to_string())),
            (_, false) => {
                places.extend(field.items.iter().filter(|item| is_text(item)).map(|item| format!("{}.{}", field.name, item.name)))
            }
        }
    }
    places.dedup();
    places.truncate(SEARCHED_MAX);
    let conditions: Vec<Json> = places.iter().map(|place| json!({"type": "contains", "attribute": place, "value": text})).collect();
    Some(json!({"type": "or", "value": conditions}))
}

//! A whole question: which records of a kind, in what order, which page, which attributes.

use serde_json::{Value, json};

use super::attribute::places;
use super::error::{Hint, cut};
use super::evaluate::Row;
use super::order::{By, Direction, Key, OrderBy};
use super::parse::find_kind;
use super::sql::Sql;
use super::words::{Excess, Wrong};
use super::{DEFAULT_PAGE, Filter, MAX_CURSOR, MAX_LIST, MAX_PAGE, QueryError, Read};
use crate::id::{KindName, RecordId};
use crate::schema::Schema;

/// Which records of a kind, in what order, and how many.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Records of this kind.
    pub kind: KindName,
    /// Those that pass.
    pub filter: Filter,
    /// In this order.
    pub order_by: OrderBy,
    /// Those that come after this row.
    pub after: Option<Cursor>,
    /// At most so many, 1 to [`MAX_PAGE`].
    pub max_size: u32,
    /// The attributes to answer with; none means all.
    pub select: Vec<String>,
}

/// A query for a database: `where <workspace and kind> and <condition> order by <order> limit <limit>`.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The filter and the place among the pages.
    pub condition: Sql,
    /// What follows `order by`.
    pub order: String,
    /// How many rows.
    pub limit: u32,
}

/// The last row of a page, as the next one needs it: opaque to callers, and good for one order only.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    pub(super) keys: Vec<Key>,
    pub(super) id: RecordId,
}

impl Query {
    /// The parameters that [`Query::from_params`] reads.
    pub const PARAMETERS: [&str; 6] = ["where", "orderBy", "order", "after", "maxSize", "select"];

    /// All records of a kind, in the order of their making.
    ///
    /// # Errors
    /// When there is no such kind.
    pub fn of(schema: &Schema, kind: &str) -> Result<Self, QueryError> {
        let kind = find_kind(schema, kind)?.name.clone();
        let (filter, order_by) = (Filter::everything(), OrderBy::id());
        Ok(Self { kind, filter, order_by, after: None, max_size: DEFAULT_PAGE, select: Vec::new() })
    }

    /// Reads a query from the parameters of an address: `where` (JSON), `orderBy`, `order`, `after`, `maxSize`, `select`.
    ///
    /// # Errors
    /// [`QueryError`] names the parameter, attribute or operator that is wrong, and what would be right.
    pub fn from_params<'p>(schema: &Schema, kind: &str, params: impl IntoIterator<Item = (&'p str, &'p str)>) -> Result<Self, QueryError> {
        let mut query = Query::of(schema, kind)?;
        let (mut attribute, mut direction, mut after) = (None, Direction::Ascending, None);
        for (name, value) in params {
            match name {
                "where" => query.filter = Filter::parse(schema, kind, value)?,
                "orderBy" => attribute = Some(value),
                "order" => direction = parse_direction(value)?,
                "after" => after = Some(value),
                "maxSize" => query.max_size = parse_size(value)?,
                "select" => query.select = parse_select(schema, kind, value)?,
                "offset" => return Err(bad(name, Wrong::Offset)),
                _ => {
                    let hint = Hint::for_word(name, Self::PARAMETERS);
                    return Err(QueryError::BadParameter { name: cut(name), why: Wrong::Unknown, hint });
                }
            }
        }
        query.order_by = OrderBy::parse(schema, find_kind(schema, kind)?, attribute.unwrap_or("id"), direction)?;
        query.after = after.map(|text| query.parse_cursor(text)).transpose()?;
        Ok(query)
    }

    /// Every field that filter and order depend on, and those that `select` names; without one the caller
    /// shows all that may be read.
    pub fn reads(&self, schema: &Schema) -> Vec<Read> {
        let mut reads = self.filter.reads(&self.kind);
        if let Some(kind) = schema.kind(&self.kind) {
            let read = |field: &crate::schema::Field| Read { kind: kind.name.clone(), facet: field.facet, field: field.name.clone() };
            match &self.order_by.by {
                By::Title => reads.extend(kind.field(&kind.title).map(read)),
                By::Spot(spot) => reads.extend(spot.read(&kind.name)),
            }
            reads.extend(self.select.iter().filter_map(|name| kind.field(name)).map(read));
        }
        reads.sort();
        reads.dedup();
        reads
    }

    /// The order of two rows.
    pub fn compare(&self, left: &Row<'_>, right: &Row<'_>) -> std::cmp::Ordering {
        self.order_by.compare(left, right)
    }

    /// The cursor that continues after a row: `after` of the next page.
    pub fn cursor(&self, row: &Row<'_>) -> String {
        let key = |key: &Key| match key {
            Key::Null => Value::Null,
            Key::Text(text) => json!({ "t": text }),
            Key::Int(number) => json!({ "i": number }),
            // As bits: a number that changes its last digit on the way would repeat a row.
            Key::Float(number) => json!({ "f": number.to_bits() }),
        };
        let keys: Vec<Value> = self.order_by.keys(row).iter().map(key).collect();
        let order = &self.order_by;
        encode(json!([order.bound_to(), order.direction.word(), keys, row.id]).to_string().as_bytes())
    }

    /// Reads a cursor of this query's order.
    ///
    /// # Errors
    /// When the text is no cursor, or belongs to another order.
    pub fn parse_cursor(&self, text: &str) -> Result<Cursor, QueryError> {
        let broken = || bad("after", Wrong::NoCursor);
        if text.len() > MAX_CURSOR {
            return Err(QueryError::TooMuch { what: Excess::Cursor, limit: MAX_CURSOR });
        }
        let value: Value = serde_json::from_slice(&decode(text).ok_or_else(broken)?).map_err(|_| broken())?;
        let [attribute, direction, keys, id] = value.as_array().map(Vec::as_slice).ok_or_else(broken)? else { return Err(broken()) };
        if attribute != &json!(self.order_by.bound_to()) || direction != self.order_by.direction.word() {
            return Err(bad("after", Wrong::OtherCursor));
        }
        let keys: Vec<Key> = keys.as_array().ok_or_else(broken)?.iter().map(parse_key).collect::<Option<_>>().ok_or_else(broken)?;
        let id: RecordId = id.as_str().and_then(|id| id.parse().ok()).ok_or_else(broken)?;
        let cursor = Cursor { keys, id };
        if self.order_by.takes(&cursor.keys) { Ok(cursor) } else { Err(broken()) }
    }
}

fn bad(name: &str, why: Wrong) -> QueryError {
    QueryError::BadParameter { name: name.to_owned(), why, hint: Hint::none() }
}

fn parse_direction(word: &str) -> Result<Direction, QueryError> {
    match word {
        "asc" => Ok(Direction::Ascending),
        "desc" => Ok(Direction::Descending),
        _ => Err(bad("order", Wrong::Direction)),
    }
}

fn parse_size(text: &str) -> Result<u32, QueryError> {
    let size: u32 = text.parse().map_err(|_| bad("maxSize", Wrong::NoSize))?;
    match size {
        0 => Err(bad("maxSize", Wrong::Nothing)),
        size if size > MAX_PAGE => Err(QueryError::TooMuch { what: Excess::Rows, limit: MAX_PAGE as usize }),
        size => Ok(size),
    }
}

fn parse_select(schema: &Schema, kind: &str, text: &str) -> Result<Vec<String>, QueryError> {
    let kind = find_kind(schema, kind)?;
    let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.len() > MAX_LIST {
        return Err(QueryError::TooMuch { what: Excess::Select, limit: MAX_LIST });
    }
    for name in &names {
        if kind.field(name).is_none() {
            if name.contains('.') {
                return Err(bad("select", Wrong::Parts));
            }
            places(schema, kind, name)?;
        }
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

fn parse_key(value: &Value) -> Option<Key> {
    if value.is_null() {
        return Some(Key::Null);
    }
    let object = value.as_object()?;
    match object.iter().next()? {
        (word, Value::String(text)) if word == "t" && !text.contains('\0') => Some(Key::Text(text.clone())),
        (word, number) if word == "i" => number.as_i64().map(Key::Int),
        (word, number) if word == "f" => number.as_u64().map(f64::from_bits).filter(|number| number.is_finite()).map(Key::Float),
        _ => None,
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 for addresses, without padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digits = (0..=chunk.len()).map(|index| ALPHABET[(bits >> (18 - 6 * index) & 63) as usize]);
        text.extend(digits.map(char::from));
    }
    text
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.as_bytes().chunks(4) {
        let digit = |digit: &u8| ALPHABET.iter().position(|letter| letter == digit);
        let bits = chunk.iter().try_fold(0u32, |bits, letter| Some(bits << 6 | digit(letter)? as u32))? << (6 * (4 - chunk.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_addresses() {
        for text in ["", "a", "ab", "abc", "客户 \u{1f600} ?&=+/"] {
            let coded = encode(text.as_bytes());
            assert!(coded.bytes().all(|byte| ALPHABET.contains(&byte)));
            assert_eq!(decode(&coded).as_deref(), Some(text.as_bytes()));
        }
        assert_eq!(decode("a b"), None);
    }
}

//! The few snippets in which SQLite and PostgreSQL differ, side by side.
//!
//! Expects the facets' columns as JSON text, in PostgreSQL as text or `jsonb`. Only names from the
//! schema (a-z, 0-9, `_`), its options and aliases of our own are written into the text; values are always bound.

use super::near::{Near, Terms};
use super::{Class, Match};
use crate::id::{Facet, FieldName};
use crate::schema::OwnColumn;

/// Which database the text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3.45 or later: the device, and the server by default.
    Sqlite,
    /// PostgreSQL 15 or later.
    Postgres,
}

/// A value to bind.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Bytes, such as a record's id.
    Blob(Vec<u8>),
    /// Nothing.
    Null,
}

/// A JSON value in SQL: as a scalar, and the word for its JSON type.
#[derive(Debug, Clone)]
pub(super) struct Json {
    pub(super) value: String,
    pub(super) kind: String,
}

/// An expression to compare, and the condition under which it means anything.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) value: String,
    pub(super) guard: String,
}

/// A number of a computation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Term {
    /// Bit by bit.
    Exact(f64),
    /// As the database reads the same number in a row.
    AsInRows(f64),
}

use Dialect::{Postgres, Sqlite};

/// A number for each of some words, and one for every other and for none. The words stand in the text and are not bound,
/// as an index must be over the same expression: so quotes are doubled, for an option may be any text.
pub fn by_word<'w>(value: &str, numbers: impl IntoIterator<Item = (&'w str, usize)>, otherwise: usize) -> String {
    let numbers = numbers.into_iter().map(|(word, number)| format!(" when '{}' then {number}", word.replace('\'', "''")));
    let numbers: String = numbers.collect();
    // A case without any is none to a database.
    if numbers.is_empty() { otherwise.to_string() } else { format!("case {value}{numbers} else {otherwise} end") }
}

impl Dialect {
    /// `$3`; PostgreSQL is told the type, as it will not guess it from an overloaded function.
    pub(super) fn placeholder(self, number: usize, param: &Param) -> String {
        match (self, param) {
            (Sqlite, _) | (Postgres, Param::Null) => format!("${number}"),
            (Postgres, Param::Text(_)) => format!("${number}::text"),
            (Postgres, Param::Int(_)) => format!("${number}::bigint"),
            (Postgres, Param::Float(_)) => format!("${number}::float8"),
            (Postgres, Param::Blob(_)) => format!("${number}::bytea"),
        }
    }

    /// A number to bind. SQLite reads decimals to a unit in the last place at best; so it is given the text that
    /// stands in the row's JSON, and makes the same number of both.
    pub(super) fn number(self, number: f64) -> Param {
        match self {
            Sqlite => Param::Text(serde_json::Value::from(number).to_string()),
            Postgres => Param::Float(number),
        }
    }

    /// The number in a placeholder for [`Dialect::number`].
    pub(super) fn as_number(self, placeholder: &str) -> String {
        match self {
            Sqlite => format!("cast({placeholder} as real)"),
            Postgres => placeholder.to_owned(),
        }
    }

    /// A facet's column; the cast costs nothing where it is `jsonb` already. Without a row's name as an index needs it.
    pub(super) fn facet(self, row: &str, facet: Facet) -> String {
        match self {
            Sqlite if row.is_empty() => facet.to_string(),
            Sqlite => format!("{row}.{facet}"),
            Postgres => format!("{row}.{facet}::jsonb"),
        }
    }

    /// What holds a field: the column that is its own, or its facet's.
    pub(super) fn holding(self, row: &str, facet: Facet, column: Option<&str>) -> String {
        let Some(column) = column else { return self.facet(row, facet) };
        let dot = if row.is_empty() { "" } else { "." };
        match self {
            Sqlite => format!("{row}{dot}\"{column}\""),
            Postgres => format!("{row}{dot}\"{column}\"::jsonb"),
        }
    }

    /// What a field's own column holds: its facet's JSON with that field alone, or null. `row` as in a statement, or `new`.
    pub fn alone(self, row: &str, own: &OwnColumn) -> String {
        let (facet, field) = (self.facet(row, own.facet), &own.field);
        match self {
            Sqlite => format!("'{{\"{field}\":' || ({facet} -> '{field}') || '}}'"),
            Postgres => format!("case when {facet} -> '{field}' is not null then jsonb_build_object('{field}', {facet} -> '{field}') end"),
        }
    }

    /// The key that a text of a facet is ordered by, if it has one. Without a row's name as an index needs it.
    pub(super) fn sort_key(self, row: &str, facet: Facet, path: &[FieldName]) -> String {
        let (dot, dotted) = (if row.is_empty() { "" } else { "." }, path.join("."));
        match self {
            Sqlite => format!("{row}{dot}sort_{facet} ->> '$.\"{dotted}\"'"),
            Postgres => format!("({row}{dot}sort_{facet}::jsonb ->> '{dotted}') collate \"C\""),
        }
    }

    /// A value within a JSON column.
    pub(super) fn json(self, column: &str, path: &[FieldName]) -> Json {
        let dotted = path.iter().map(|name| if name.is_first() { "[0]".to_owned() } else { format!(".{name}") }).collect::<String>();
        match (self, path) {
            (Sqlite, [name]) => Json { value: format!("{column} ->> '{name}'"), kind: format!("json_type({column}, '$.{name}')") },
            (Sqlite, _) => Json { value: format!("{column} ->> '${dotted}'"), kind: format!("json_type({column}, '${dotted}')") },
            (Postgres, [name]) => Json { value: format!("{column} ->> '{name}'"), kind: format!("jsonb_typeof({column} -> '{name}')") },
            (Postgres, _) => {
                let listed = path.join(",");
                Json { value: format!("{column} #>> '{{{listed}}}'"), kind: format!("jsonb_typeof({column} #> '{{{listed}}}')") }
            }
        }
    }

    /// The elements of a JSON array as a table, and the condition that it is an array at all.
    pub(super) fn each(self, column: &str, field: &FieldName, alias: &str) -> (String, String) {
        match self {
            Sqlite => (format!("json_each({column}, '$.{field}') {alias}"), format!("json_type({column}, '$.{field}') = 'array'")),
            Postgres => {
                let array = format!("case when jsonb_typeof({column} -> '{field}') = 'array' then {column} -> '{field}' else '[]' end");
                (format!("jsonb_array_elements({array}) {alias}(value)"), "true".to_owned())
            }
        }
    }

    /// Whether a place is near another one: [`super::near::Near::holds`] step by step. The placeholders come in ascending order.
    pub(super) fn near(self, [lat, lon]: [&str; 2], bind: &mut dyn FnMut(Term) -> String, near: &Near) -> String {
        let Terms { cosine, sine, half, limit } = near.terms();
        let [c, s, half] = [cosine, sine, half].map(|term| bind(Term::Exact(term)));
        let [lon0, lat0] = [near.lon, near.lat].map(|degrees| bind(Term::AsInRows(degrees)));
        let limit = bind(Term::Exact(limit));
        format!(
            "exists (select 1 from (select east * ({c} - {s} * h - {c} * h * h / 2.0) as x, north from \
             (select case when abs(east) > 180.0 then 360.0 - abs(east) else abs(east) end as east, north, north * {half} as h from \
             (select {lon} - {lon0} as east, {lat} - {lat0} as north) a) b) c where x * x + north * north <= {limit})"
        )
    }

    /// A value within an element of [`Dialect::each`].
    pub(super) fn element(self, alias: &str, path: &[FieldName]) -> Json {
        match (self, path.is_empty()) {
            (Sqlite, true) => Json { value: format!("{alias}.value"), kind: format!("{alias}.type") },
            // A text element is no JSON to SQLite, and asking it for a member would be an error.
            (Sqlite, false) => self.json(&format!("(case when {alias}.type = 'object' then {alias}.value end)"), path),
            (Postgres, true) => Json { value: format!("{alias}.value #>> '{{}}'"), kind: format!("jsonb_typeof({alias}.value)") },
            (Postgres, false) => self.json(&format!("{alias}.value"), path),
        }
    }

    /// A value of a class, with values of other types guarded off.
    pub(super) fn typed(self, json: &Json, class: Class) -> Typed {
        let Json { value, kind } = json;
        let (guard, value) = match (self, class) {
            (Sqlite, Class::Text | Class::Word | Class::Link | Class::Id | Class::Day) => (format!("{kind} = 'text'"), value.clone()),
            (Sqlite, Class::Integer | Class::Moment | Class::DayOrMoment) => (format!("{kind} = 'integer'"), value.clone()),
            (Sqlite, Class::Number) => (format!("{kind} in ('integer', 'real')"), format!("cast({value} as real)")),
            (Sqlite, Class::Boolean) => (format!("{kind} in ('true', 'false')"), value.clone()),
            (Sqlite | Postgres, Class::Geo | Class::Opaque) => (format!("{kind} <> 'null'"), value.clone()),
            (Postgres, Class::Text | Class::Word | Class::Link | Class::Id | Class::Day) => {
                (format!("{kind} = 'string'"), format!("({value}) collate \"C\""))
            }
            (Postgres, Class::Integer | Class::Moment | Class::DayOrMoment) => {
                let guard = format!("{kind} = 'number' and ({value}) ~ '^-?[0-9]{{1,19}}$'");
                let number = format!("case when {guard} then ({value})::numeric end");
                (guard, number)
            }
            (Postgres, Class::Number) => (format!("{kind} = 'number'"), format!("case when {kind} = 'number' then ({value})::float8 end")),
            (Postgres, Class::Boolean) => {
                (format!("{kind} = 'boolean'"), format!("case when {kind} = 'boolean' then ({value})::boolean::int end"))
            }
        };
        Typed { value, guard }
    }

    /// A value of a class, null where it is of another type. Everything that compares values of rows writes them so:
    /// an index over this expression then serves filters, orders and groups alike.
    pub(super) fn only(self, json: &Json, class: Class) -> String {
        let Typed { value, guard } = self.typed(json, class);
        format!("(case when {guard} then {value} end)")
    }

    /// Lowers ASCII letters only, in both.
    pub(super) fn folded(self, text: &str) -> String {
        match self {
            Sqlite => format!("lower({text})"),
            Postgres => format!("lower(({text}) collate \"C\")"),
        }
    }

    /// Whether a text has another one, not empty, in it.
    pub(super) fn has(self, text: &str, how: Match, wanted: &str) -> String {
        match (self, how) {
            (Sqlite, Match::Contains) => format!("instr({text}, {wanted}) > 0"),
            (Sqlite, Match::Starts) => format!("substr({text}, 1, length({wanted})) = {wanted}"),
            (Sqlite, Match::Ends) => format!("substr({text}, -length({wanted})) = {wanted}"),
            (Postgres, Match::Contains) => format!("strpos({text}, {wanted}) > 0"),
            (Postgres, Match::Starts) => format!("starts_with({text}, {wanted})"),
            (Postgres, Match::Ends) => format!("right({text}, length({wanted})) = {wanted}"),
        }
    }

    /// The 16 bytes of a link's text; null when it is none. Written so that the primary key finds the record.
    pub(super) fn record_of(self, text: &str) -> String {
        let digits = format!("replace({text}, '-', '')");
        match self {
            Sqlite => format!("unhex({digits})"),
            Postgres => format!("case when {digits} ~ '^[0-9a-fA-F]{{32}}$' then decode({digits}, 'hex') end"),
        }
    }

    /// A record's 16 bytes as links write it.
    pub(super) fn text_of(self, record: &str) -> String {
        match self {
            Sqlite => {
                let part = |from, length| format!("substr(lower(hex({record})), {from}, {length})");
                [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)].join(" || '-' || ")
            }
            Postgres => format!("encode({record}, 'hex')::uuid::text"),
        }
    }

    /// A column as a condition only. SQLite would rather walk a whole kind by some index that begins with it than
    /// look a few records up by their ids; a plus sign forbids that.
    pub(super) fn aside(self, column: &str) -> String {
        match self {
            Sqlite => format!("+{column}"),
            Postgres => column.to_owned(),
        }
    }

    /// A text column in the order of its bytes.
    pub(super) fn by_bytes(self, column: &str) -> String {
        match self {
            Sqlite => column.to_owned(),
            Postgres => format!("{column} collate \"C\""),
        }
    }
}

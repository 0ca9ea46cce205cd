//! The words of kind files: types, policies, colours, and the names that a field may not have.

use super::{Merge, ValueType};

/// Colours of badges and board columns.
pub const COLOURS: [&str; 5] = ["grey", "blue", "green", "amber", "red"];

/// Names that every record has of its own; a field may not take them.
pub const RESERVED: [&str; 5] = ["archived", "id", "kind", "created_at", "updated_at"];

/// Words of the API's addresses, those it has and those it may come to have: a kind of such a name could not
/// be reached. Taking one more later would break somebody's kind, so there are more than are used.
pub const RESERVED_KINDS: [&str; 21] = [
    "attachments",
    "audit",
    "batch",
    "calendars",
    "conflicts",
    "devices",
    "exports",
    "handovers",
    "imports",
    "keys",
    "kinds",
    "me",
    "privacy",
    "rejected",
    "roles",
    "search",
    "sessions",
    "uploads",
    "users",
    "views",
    "webhooks",
];

/// Names that every row of a list has of its own.
pub const RESERVED_IN_ROWS: [&str; 2] = ["id", "pos"];

/// More fields than this make a page nobody fills in.
pub const FIELDS_MAX: usize = 200;
/// More parts than this make a row nobody reads.
pub const ITEMS_MAX: usize = 40;
/// A longer choice is a kind of its own.
pub const OPTIONS_MAX: usize = 200;
/// A label is a column header, in characters.
pub const LABEL_MAX: usize = 80;
/// A stored choice is a word, in bytes.
pub const OPTION_VALUE_MAX: usize = 64;
/// A definition travels to every device, in bytes.
pub const DEFINITION_MAX: usize = 256 * 1024;

impl ValueType {
    /// Every type this build knows, in the order of `docs/kinds.md`.
    pub const KNOWN: [ValueType; 16] = [
        ValueType::String,
        ValueType::Paragraph,
        ValueType::Integer,
        ValueType::Number,
        ValueType::Boolean,
        ValueType::Date,
        ValueType::Datetime,
        ValueType::Choice,
        ValueType::Link,
        ValueType::Phone,
        ValueType::Email,
        ValueType::Url,
        ValueType::Money,
        ValueType::Address,
        ValueType::Period,
        ValueType::Geo,
    ];

    /// The word for it in kind files.
    pub fn as_str(&self) -> &str {
        match self {
            ValueType::String => "string",
            ValueType::Paragraph => "paragraph",
            ValueType::Integer => "integer",
            ValueType::Number => "number",
            ValueType::Boolean => "boolean",
            ValueType::Date => "date",
            ValueType::Datetime => "datetime",
            ValueType::Choice => "choice",
            ValueType::Link => "link",
            ValueType::Phone => "phone",
            ValueType::Email => "email",
            ValueType::Url => "url",
            ValueType::Money => "money",
            ValueType::Address => "address",
            ValueType::Period => "period",
            ValueType::Geo => "geo",
            ValueType::Unknown(word) => word,
        }
    }

    /// The type of a word; one that this build does not know is carried.
    pub fn of_word(word: &str) -> Self {
        Self::KNOWN.into_iter().find(|known| known.as_str() == word).unwrap_or_else(|| Self::Unknown(word.to_owned()))
    }

    /// Whether the value is a string on the wire that can be an element of a set: `tags/<element>`.
    pub fn is_element(&self) -> bool {
        match self {
            ValueType::String | ValueType::Choice | ValueType::Link | ValueType::Phone | ValueType::Email | ValueType::Url => true,
            ValueType::Paragraph | ValueType::Integer | ValueType::Number | ValueType::Boolean | ValueType::Date | ValueType::Datetime => {
                false
            }
            ValueType::Money | ValueType::Address | ValueType::Period | ValueType::Geo | ValueType::Unknown(_) => false,
        }
    }

    /// Whether two values can be told apart as lower and higher, so that a monotone field knows forwards.
    pub fn is_ordered(&self) -> bool {
        match self {
            ValueType::Boolean | ValueType::Integer | ValueType::Number | ValueType::Date | ValueType::Datetime | ValueType::Choice => true,
            ValueType::String | ValueType::Paragraph | ValueType::Link | ValueType::Phone | ValueType::Email | ValueType::Url => false,
            ValueType::Money | ValueType::Address | ValueType::Period | ValueType::Geo | ValueType::Unknown(_) => false,
        }
    }

    /// Whether values can be summed per board column.
    pub fn is_summable(&self) -> bool {
        matches!(self, ValueType::Integer | ValueType::Number | ValueType::Money)
    }
}

impl Merge {
    /// Every policy this build knows, in the order of `docs/kinds.md`.
    pub const KNOWN: [Merge; 10] = [
        Merge::Register,
        Merge::Visible,
        Merge::Set,
        Merge::Counter,
        Merge::Text,
        Merge::List,
        Merge::Log,
        Merge::Monotone,
        Merge::Assigned,
        Merge::Derived,
    ];

    /// The word for it in kind files.
    pub fn as_str(&self) -> &str {
        match self {
            Merge::Register => "register",
            Merge::Visible => "visible",
            Merge::Set => "set",
            Merge::Counter => "counter",
            Merge::Text => "text",
            Merge::List => "list",
            Merge::Log => "log",
            Merge::Monotone => "monotone",
            Merge::Assigned => "assigned",
            Merge::Derived => "derived",
            Merge::Unknown(word) => word,
        }
    }

    /// The policy of a word; one that this build does not know is carried.
    pub fn of_word(word: &str) -> Self {
        Self::KNOWN.into_iter().find(|known| known.as_str() == word).unwrap_or_else(|| Self::Unknown(word.to_owned()))
    }

    /// Whether the field has one value that people may set: what titles, boards and freezing look at.
    pub fn is_single(&self) -> bool {
        match self {
            Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned => true,
            Merge::Set | Merge::Counter | Merge::Text | Merge::List | Merge::Log | Merge::Derived | Merge::Unknown(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_that_serde_reads_and_writes() {
        for known in ValueType::KNOWN {
            let word = serde_json::to_value(&known).unwrap();
            assert_eq!(word, known.as_str());
            assert_eq!(serde_json::from_value::<ValueType>(word).unwrap(), known);
            assert_eq!(ValueType::of_word(known.as_str()), known);
        }
        for known in Merge::KNOWN {
            let word = serde_json::to_value(&known).unwrap();
            assert_eq!(word, known.as_str());
            assert_eq!(serde_json::from_value::<Merge>(word).unwrap(), known);
            assert_eq!(Merge::of_word(known.as_str()), known);
        }
    }

    #[test]
    fn a_word_from_the_future_is_carried_through_serde_untouched() {
        let value: ValueType = serde_json::from_str("\"hologram\"").unwrap();
        assert_eq!(value, ValueType::Unknown("hologram".to_owned()));
        assert_eq!(serde_json::to_string(&value).unwrap(), "\"hologram\"");
        let merge: Merge = serde_json::from_str("\"quorum\"").unwrap();
        assert_eq!(merge, Merge::Unknown("quorum".to_owned()));
        assert_eq!(serde_json::to_string(&merge).unwrap(), "\"quorum\"");
    }
}

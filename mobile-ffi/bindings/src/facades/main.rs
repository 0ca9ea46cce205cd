//! Writes the typed facades of the built-in kinds in a language to standard output: `customer.name` instead of
//! `record["name"]`. Derived from `kinds/*.toml` as everything else is; the surface below does not grow with kinds.

mod kotlin;
mod python;
mod swift;

use sync_core::schema::{Field, Merge, Schema, ValueType};

fn main() {
    let language = std::env::args().nth(1).unwrap_or_default();
    let facades = match language.as_str() {
        "kotlin" => kotlin::facades(Schema::builtin()),
        "swift" => swift::facades(Schema::builtin()),
        "python" => python::facades(Schema::builtin()),
        _ => {
            eprintln!("usage: facades kotlin|swift|python");
            std::process::exit(2)
        }
    };
    print!("{facades}");
}

/// What a field is, for whoever writes a program with it.
enum Shape {
    One(Type),
    Set { link: bool },
    Rows { log: bool },
    Counter,
    Text,
}

/// What one value is.
#[derive(Clone, Copy)]
enum Type {
    Text,
    Whole,
    Flag,
    Real,
    Moment,
    Link,
    Money,
    Group,
}

fn shape(field: &Field) -> Shape {
    if !field.items.is_empty() {
        return Shape::Rows { log: field.merge == Merge::Log };
    }
    match field.merge {
        Merge::Set | Merge::List | Merge::Log => return Shape::Set { link: field.value == ValueType::Link },
        Merge::Counter => return Shape::Counter,
        Merge::Text => return Shape::Text,
        Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Derived | Merge::Unknown(_) => {}
    }
    Shape::One(match field.value {
        ValueType::Integer => Type::Whole,
        ValueType::Boolean => Type::Flag,
        ValueType::Number => Type::Real,
        ValueType::Datetime => Type::Moment,
        ValueType::Link => Type::Link,
        ValueType::Money => Type::Money,
        ValueType::Address | ValueType::Period | ValueType::Geo => Type::Group,
        ValueType::String
        | ValueType::Paragraph
        | ValueType::Date
        | ValueType::Choice
        | ValueType::Phone
        | ValueType::Email
        | ValueType::Url
        | ValueType::Unknown(_) => Type::Text,
    })
}

/// Whether people write a field: what is assigned or derived, they read.
fn is_written(field: &Field) -> bool {
    !matches!(field.merge, Merge::Assigned | Merge::Derived)
}

/// `close_date` as `CloseDate`.
fn pascal(name: &str) -> String {
    name.split('_').map(|part| part[..1].to_uppercase() + &part[1..]).collect()
}

/// `close_date` as `closeDate`; a word of the language's own is quoted.
fn camel(name: &str, words: &[&str]) -> String {
    let whole = pascal(name);
    let camel = whole[..1].to_lowercase() + &whole[1..];
    // What every facade has of its own.
    let camel = if ["record", "id"].contains(&camel.as_str()) { format!("{camel}Field") } else { camel };
    if words.contains(&camel.as_str()) { format!("`{camel}`") } else { camel }
}

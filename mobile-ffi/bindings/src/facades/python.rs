//! Python: a class for each kind, and a typed builder of its edits.

use std::fmt::Write;

use sync_core::schema::{Field, Kind, Schema};

use super::{Shape, Type, is_written, pascal, shape};

/// Python's own words, as far as kinds use them; `id` and `record` are the facade's.
const WORDS: [&str; 13] = ["from", "is", "in", "as", "for", "class", "def", "import", "with", "pass", "id", "kind", "record"];

const HEAD: &str = "\
# Written by `facades` from sync-core/kinds; do not edit.
\"\"\"The built-in kinds by name: `Party(record).name`, `PartyEdits().name(\"佳美\")`.\"\"\"

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, NamedTuple

from . import Edits, Record, plain


class Money(NamedTuple):
    \"\"\"An amount in minor units: 1250 CNY is ¥12.50.\"\"\"

    amount: int
    currency: str


def _moment(of: int | None) -> datetime | None:
    return None if of is None else datetime.fromtimestamp(of / 1000, timezone.utc)


def _millis(of: datetime | None) -> int | None:
    return None if of is None else round(of.timestamp() * 1000)


def _money(of: dict | None) -> Money | None:
    return None if of is None else Money(of[\"amount\"], of[\"currency\"])


class OfKind:
    \"\"\"A record, by the names of its kind.\"\"\"

    kind: str

    def __init__(self, record: Record) -> None:
        if record.kind != self.kind:
            raise ValueError(f\"this is a {record.kind}, not a {self.kind}\")
        self.record = record

    @property
    def id(self) -> str:
        return self.record.id

    def _of(self, field: str) -> Any:
        return plain(self.record.fields.get(field))
";

/// All facades, as one file.
pub fn facades(schema: &Schema) -> String {
    let mut out = HEAD.to_owned();
    for kind in schema.kinds() {
        facade(kind, &mut out);
    }
    out
}

fn quoted(name: &str) -> String {
    if WORDS.contains(&name) { format!("{name}_") } else { name.to_owned() }
}

/// A value in Python: its type, how it is read, how it is written.
fn value(of: Type, name: &str) -> (&'static str, String, &'static str) {
    let read = format!("self._of(\"{name}\")");
    match of {
        Type::Text | Type::Link => ("str", read, "value"),
        Type::Whole => ("int", read, "value"),
        Type::Flag => ("bool", read, "value"),
        Type::Real => ("float", read, "value"),
        Type::Moment => ("datetime", format!("_moment({read})"), "_millis(value)"),
        Type::Money => ("Money", format!("_money({read})"), "None if value is None else value._asdict()"),
        Type::Group => ("dict[str, Any]", read, "value"),
    }
}

fn facade(kind: &Kind, out: &mut String) {
    let (class, name) = (pascal(&kind.name), &*kind.name);
    let fields: Vec<&Field> = kind.fields.iter().filter(|field| !field.hidden).collect();
    let mut put = |line: &str| writeln!(out, "{line}").expect("writing to a string cannot fail");
    put(&format!("\n\nclass {class}(OfKind):\n    \"\"\"{} / {}.\"\"\"\n\n    kind = \"{name}\"", kind.label.en, kind.label.zh));
    for field in &fields {
        let (of, read) = match shape(field) {
            Shape::One(of) => {
                let (of, read, _) = value(of, &field.name);
                (format!("{of} | None"), read)
            }
            Shape::Set { .. } => ("list[str]".to_owned(), format!("self._of(\"{}\") or []", field.name)),
            Shape::Rows { .. } => ("list[dict[str, Any]]".to_owned(), format!("self._of(\"{}\") or []", field.name)),
            Shape::Counter => ("int".to_owned(), format!("self._of(\"{}\") or 0", field.name)),
            Shape::Text => ("str".to_owned(), format!("self._of(\"{}\") or \"\"", field.name)),
        };
        let (property, label) = (quoted(&field.name), &field.label);
        put(&format!(
            "\n    @property\n    def {property}(self) -> {of}:\n        \"\"\"{} / {}.\"\"\"\n        return {read}",
            label.en, label.zh
        ));
    }
    put(&format!("\n\nclass {class}Edits(Edits):\n    \"\"\"Edits of a {}.\"\"\"\n\n    kind = \"{name}\"", kind.label.en.to_lowercase()));
    for field in fields.iter().filter(|field| is_written(field)) {
        edits_of(field, &class, &mut put);
    }
}

fn edits_of(field: &Field, class: &str, put: &mut impl FnMut(&str)) {
    let name = &field.name;
    let mut edit = |of: &str, arguments: &str, call: &str| {
        put(&format!("\n    def {of}(self, {arguments}) -> {class}Edits:\n        {call}\n        return self"));
    };
    match shape(field) {
        Shape::One(of) => {
            let (of, _, write) = value(of, name);
            edit(&quoted(name), &format!("value: {of} | None"), &format!("self.set(**{{\"{name}\": {write}}})"));
        }
        Shape::Text => {
            edit(&quoted(name), "at: int, delete: int, insert: str", &format!("self.splice(\"{name}\", at, delete, insert)"));
        }
        Shape::Counter => edit(&quoted(name), "by: int", &format!("self.increment(\"{name}\", by)")),
        Shape::Set { .. } => {
            edit(&format!("add_to_{name}"), "element: str", &format!("self.add(\"{name}\", element)"));
            edit(&format!("remove_from_{name}"), "element: str", &format!("self.remove(\"{name}\", element)"));
        }
        Shape::Rows { log: true } => edit(&format!("append_to_{name}"), "**parts: Any", &format!("self.append(\"{name}\", **parts)")),
        Shape::Rows { log: false } => {
            edit(&format!("set_in_{name}"), "row: str, **parts: Any", &format!("self.set_row(\"{name}\", row, **parts)"));
            edit(&format!("remove_from_{name}"), "row: str", &format!("self.remove_row(\"{name}\", row)"));
        }
    }
}

//! Swift: a struct for each kind, its id, and a builder of its edits.

use std::fmt::Write;

use sync_core::schema::{Field, Kind, Schema};

use super::{Shape, Type, camel, is_written, pascal, shape};

/// Swift's own words, as far as kinds use them.
const WORDS: [&str; 14] =
    ["when", "is", "in", "as", "for", "case", "class", "default", "extension", "import", "operator", "protocol", "repeat", "where"];

const HEAD: &str = "\
// Written by `facades` from sync-core/kinds; do not edit.

import Foundation
@_exported import RapportFFI

/// An amount in minor units: 1250 CNY is ¥12.50.
public struct Money: Hashable, Sendable, FieldValue {
    public var amount: Int64
    public var currency: String

    public init(_ amount: Int64, _ currency: String) {
        self.amount = amount
        self.currency = currency
    }

    public var fieldValue: Value { .parts(values: [\"amount\": .whole(value: amount), \"currency\": .text(value: currency)]) }

    init?(_ value: Value?) {
        guard let parts = value?.parts, let amount = parts[\"amount\"]?.whole, let currency = parts[\"currency\"]?.text else { return nil }
        self.init(amount, currency)
    }
}
";

/// All facades, as one file.
pub fn facades(schema: &Schema) -> String {
    let mut out = HEAD.to_owned();
    for kind in schema.kinds() {
        facade(kind, &mut out);
    }
    out
}

/// A value in Swift: its type, and how it is read from a field.
fn value(of: Type, name: &str) -> (&'static str, String) {
    let field = format!("record.fields[\"{name}\"]");
    match of {
        Type::Text => ("String", format!("{field}?.text")),
        Type::Whole => ("Int64", format!("{field}?.whole")),
        Type::Flag => ("Bool", format!("{field}?.flag")),
        Type::Real => ("Double", format!("{field}?.real")),
        Type::Moment => ("Date", format!("{field}?.moment")),
        Type::Link => ("RecordID", format!("{field}?.link")),
        Type::Money => ("Money", format!("Money({field})")),
        Type::Group => ("[String: Value]", format!("{field}?.parts")),
    }
}

fn facade(kind: &Kind, out: &mut String) {
    let (class, name) = (pascal(&kind.name), &*kind.name);
    let fields: Vec<&Field> = kind.fields.iter().filter(|field| !field.hidden).collect();
    let mut put = |line: &str| writeln!(out, "{line}").expect("writing to a string cannot fail");
    put(&format!("\n/// Names a {}.", kind.label.en.to_lowercase()));
    put(&format!("public struct {class}ID: RecordKindID {{\n    public static let kind = \"{name}\"\n    public let record: RecordID"));
    put("\n    public init(_ record: RecordID) { self.record = record }\n}");
    put(&format!("\n/// {} / {}.\npublic struct {class}: RecordOfKind {{", kind.label.en, kind.label.zh));
    put("    public let record: Record\n\n    public init(_ record: Record) { self.record = record }\n");
    put(&format!("    public var id: {class}ID {{ {class}ID(record.id) }}"));
    for field in &fields {
        let (of, read) = match shape(field) {
            Shape::One(of) => {
                let (of, read) = value(of, &field.name);
                (format!("{of}?"), read)
            }
            Shape::Set { .. } => ("[String]".to_owned(), format!("record.fields[\"{}\"]?.texts ?? []", field.name)),
            Shape::Rows { .. } => ("[[String: Value]]".to_owned(), format!("record.fields[\"{}\"]?.rows ?? []", field.name)),
            Shape::Counter => ("Int64".to_owned(), format!("record.fields[\"{}\"]?.whole ?? 0", field.name)),
            Shape::Text => ("String".to_owned(), format!("record.fields[\"{}\"]?.text ?? \"\"", field.name)),
        };
        let property = camel(&field.name, &WORDS);
        // `id` names the record.
        let property = if property == "id" { "ownID".to_owned() } else { property };
        put(&format!("\n    /// {} / {}.\n    public var {property}: {of} {{ {read} }}", field.label.en, field.label.zh));
    }
    put(&format!("}}\n\n/// Edits of a {}.\npublic struct {class}Edits: EditsOfKind {{", kind.label.en.to_lowercase()));
    put(&format!("    public typealias ID = {class}ID\n    public var edits = Edits()\n\n    public init() {{}}"));
    for field in fields.iter().filter(|field| is_written(field)) {
        edits_of(field, &mut put);
    }
    put("}");
}

fn edits_of(field: &Field, put: &mut impl FnMut(&str)) {
    let (name, camel, one) = (&field.name, camel(&field.name, &WORDS), pascal(&field.name));
    let mut edit = |head: &str, call: &str| put(&format!("\n    public mutating func {head} {{ edits.{call} }}"));
    match shape(field) {
        Shape::One(of) => {
            let (of, _) = value(of, name);
            edit(&format!("{camel}(_ value: {of}?)"), &format!("set(\"{name}\", value)"));
        }
        Shape::Text => {
            edit(
                &format!("{camel}(at: UInt64, delete: UInt64, insert: String)"),
                &format!("splice(\"{name}\", at: at, delete: delete, insert: insert)"),
            );
        }
        Shape::Counter => edit(&format!("{camel}(by: Int64)"), &format!("increment(\"{name}\", by: by)")),
        Shape::Set { link } => {
            let (of, element) = if link { ("RecordID", "element.value") } else { ("String", "element") };
            edit(&format!("addTo{one}(_ element: {of})"), &format!("add(\"{name}\", {element})"));
            edit(&format!("removeFrom{one}(_ element: {of})"), &format!("remove(\"{name}\", {element})"));
        }
        Shape::Rows { log: true } => {
            edit(&format!("appendTo{one}(_ parts: [String: any FieldValue])"), &format!("append(\"{name}\", parts)"));
        }
        Shape::Rows { log: false } => {
            edit(&format!("setIn{one}(row: String, _ parts: [String: any FieldValue])"), &format!("setRow(\"{name}\", row: row, parts)"));
            edit(&format!("removeFrom{one}(row: String)"), &format!("removeRow(\"{name}\", row: row)"));
        }
    }
}

//! Writes Kotlin's typed facades of the built-in kinds to standard output: `customer.name` instead of
//! `record["name"]`. Derived from `kinds/*.toml` as everything else is; the surface below does not grow with kinds.

use std::fmt::Write;

use sync_core::schema::{Field, Kind, Merge, Schema, ValueType};

fn main() {
    print!("{}", facades(Schema::builtin()));
}

const HEAD: &str = "\
// Written by `facades` from sync-core/kinds; do not edit.
@file:Suppress(\"unused\")

package app.rapport.kinds

import app.rapport.Edits
import app.rapport.Rapport
import app.rapport.RapportDsl
import app.rapport.RecordId
import app.rapport.Transaction
import app.rapport.Where
import app.rapport.ffi.Record
import app.rapport.get
import app.rapport.plain
import java.time.Instant
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.map

/** An amount in minor units: 1250 CNY is ¥12.50. */
data class Money(val amount: Long, val currency: String)

private fun Record.rows(field: String): List<Map<String, Any?>> =
    (get(field) as? List<*>).orEmpty().filterIsInstance<Map<*, *>>().map { row -> row.entries.associate { it.key.toString() to it.value } }

private fun Record.strings(field: String): List<String> = (get(field) as? List<*>).orEmpty().filterIsInstance<String>()

private fun Record.group(field: String): Map<String, Any?>? =
    (get(field) as? Map<*, *>)?.entries?.associate { it.key.toString() to it.value }

private fun Record.money(field: String): Money? =
    group(field)?.let { Money(it[\"amount\"] as? Long ?: 0, it[\"currency\"] as? String ?: \"\") }
";

/// All facades, as one file.
fn facades(schema: &Schema) -> String {
    let mut out = HEAD.to_owned();
    for kind in schema.kinds() {
        facade(kind, &mut out);
    }
    out
}

/// What a field is in Kotlin.
enum Shape {
    /// One value: its type, how it is read from a record, how it is written.
    One {
        of: &'static str,
        read: String,
        write: &'static str,
    },
    Set {
        link: bool,
    },
    Rows {
        log: bool,
    },
    Counter,
    Text,
}

fn shape(field: &Field) -> Shape {
    let name = &field.name;
    if !field.items.is_empty() {
        return Shape::Rows { log: field.merge == Merge::Log };
    }
    match field.merge {
        Merge::Set | Merge::List | Merge::Log => return Shape::Set { link: field.value == ValueType::Link },
        Merge::Counter => return Shape::Counter,
        Merge::Text => return Shape::Text,
        Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Derived | Merge::Unknown(_) => {}
    }
    let plain = |of: &'static str| Shape::One { of, read: format!("record[\"{name}\"] as? {of}"), write: "value" };
    match field.value {
        ValueType::Integer => plain("Long"),
        ValueType::Boolean => plain("Boolean"),
        ValueType::Number => Shape::One { of: "Double", read: format!("(record[\"{name}\"] as? Number)?.toDouble()"), write: "value" },
        ValueType::Datetime => {
            Shape::One { of: "Instant", read: format!("(record[\"{name}\"] as? Long)?.let(Instant::ofEpochMilli)"), write: "value" }
        }
        ValueType::Link => Shape::One { of: "RecordId", read: format!("(record[\"{name}\"] as? String)?.let(::RecordId)"), write: "value" },
        ValueType::Money => Shape::One {
            of: "Money",
            read: format!("record.money(\"{name}\")"),
            write: "value?.let { mapOf(\"amount\" to it.amount, \"currency\" to it.currency) }",
        },
        ValueType::Address | ValueType::Period | ValueType::Geo => {
            Shape::One { of: "Map<String, Any?>", read: format!("record.group(\"{name}\")"), write: "value" }
        }
        ValueType::String
        | ValueType::Paragraph
        | ValueType::Date
        | ValueType::Choice
        | ValueType::Phone
        | ValueType::Email
        | ValueType::Url
        | ValueType::Unknown(_) => plain("String"),
    }
}

fn facade(kind: &Kind, out: &mut String) {
    let (class, name) = (pascal(&kind.name), &*kind.name);
    let fields: Vec<&Field> = kind.fields.iter().filter(|field| !field.hidden).collect();
    let mut put = |line: &str| writeln!(out, "{line}").expect("writing to a string cannot fail");
    put(&format!("\n/** Names a {}. */\n@JvmInline\nvalue class {class}Id(val id: RecordId)", kind.label.en.to_lowercase()));
    put(&format!("\n/** {} / {}. */\n@JvmInline\nvalue class {class}(val record: Record) {{", kind.label.en, kind.label.zh));
    put(&format!("    val id: {class}Id get() = {class}Id(record.id)"));
    for field in &fields {
        let (of, read) = match shape(field) {
            Shape::One { of, read, .. } => (format!("{of}?"), read),
            Shape::Set { .. } => ("List<String>".to_owned(), format!("record.strings(\"{}\")", field.name)),
            Shape::Rows { .. } => ("List<Map<String, Any?>>".to_owned(), format!("record.rows(\"{}\")", field.name)),
            Shape::Counter => ("Long".to_owned(), format!("record[\"{}\"] as? Long ?: 0", field.name)),
            Shape::Text => ("String".to_owned(), format!("record[\"{}\"] as? String ?: \"\"", field.name)),
        };
        put(&format!("\n    /** {} / {}. */\n    val {}: {of} get() = {read}", field.label.en, field.label.zh, camel(&field.name)));
    }
    put(&format!("}}\n\n/** Edits of a {}. */\n@RapportDsl\nclass {class}Edits(val edits: Edits) {{", kind.label.en.to_lowercase()));
    for field in fields.iter().filter(|field| !matches!(field.merge, Merge::Assigned | Merge::Derived)) {
        edits_of(field, &mut put);
    }
    put(&format!(
        "}}\n
fun Transaction.create{class}(work: {class}Edits.() -> Unit): {class}Id = {class}Id(create(\"{name}\") {{ {class}Edits(this).work() }})

fun Transaction.edit(id: {class}Id, work: {class}Edits.() -> Unit) = edit(id.id) {{ {class}Edits(this).work() }}

suspend fun Rapport.create{class}(work: {class}Edits.() -> Unit): {class}Id = transaction {{ create{class}(work) }}

suspend fun Rapport.get(id: {class}Id): {class}? = get(id.id)?.let(::{class})

fun Rapport.watch{class}(orderBy: String? = null, descending: Boolean = false, limit: Int = 50, where: Where.() -> Unit = {{}}): Flow<List<{class}>> =
    watch(\"{name}\", orderBy, descending, limit, where).map {{ rows -> rows.map(::{class}) }}"
    ));
}

fn edits_of(field: &Field, put: &mut impl FnMut(&str)) {
    let (name, camel) = (&field.name, camel(&field.name));
    let one = pascal(&field.name);
    match shape(field) {
        Shape::One { of, write, .. } => put(&format!("    fun {camel}(value: {of}?) = edits.set(\"{name}\", {write})")),
        Shape::Text => {
            put(&format!("    fun {camel}(at: Int, delete: Int, insert: String) = edits.splice(\"{name}\", at, delete, insert)"))
        }
        Shape::Counter => put(&format!("    fun {camel}(by: Long) = edits.increment(\"{name}\", by)")),
        Shape::Set { link } => {
            let (of, value) = if link { ("RecordId", "element.value") } else { ("String", "element") };
            put(&format!("    fun addTo{one}(element: {of}) = edits.add(\"{name}\", {value})"));
            put(&format!("    fun removeFrom{one}(element: {of}) = edits.remove(\"{name}\", {value})"));
        }
        Shape::Rows { log: true } => {
            put(&format!("    fun appendTo{one}(vararg parts: Pair<String, Any?>) = edits.append(\"{name}\", *parts)"));
        }
        Shape::Rows { log: false } => {
            put(&format!("    fun setIn{one}(row: String, vararg parts: Pair<String, Any?>) = edits.setRow(\"{name}\", row, *parts)"));
            put(&format!("    fun removeFrom{one}(row: String) = edits.removeRow(\"{name}\", row)"));
        }
    }
}

/// `close_date` as `CloseDate`.
fn pascal(name: &str) -> String {
    name.split('_').map(|part| part[..1].to_uppercase() + &part[1..]).collect()
}

/// `close_date` as `closeDate`; a word of Kotlin's own is quoted.
fn camel(name: &str) -> String {
    const WORDS: [&str; 12] = ["when", "is", "in", "as", "for", "object", "val", "var", "fun", "this", "class", "package"];
    let whole = pascal(name);
    let camel = whole[..1].to_lowercase() + &whole[1..];
    if WORDS.contains(&camel.as_str()) { format!("`{camel}`") } else { camel }
}

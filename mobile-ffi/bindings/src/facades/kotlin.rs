//! Kotlin: a value class for each kind, and a builder of its edits.

use std::fmt::Write;

use sync_core::schema::{Field, Kind, Schema};

use super::{Shape, Type, camel, is_written, pascal, shape};

/// Kotlin's own words.
const WORDS: [&str; 12] = ["when", "is", "in", "as", "for", "object", "val", "var", "fun", "this", "class", "package"];

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
pub fn facades(schema: &Schema) -> String {
    let mut out = HEAD.to_owned();
    for kind in schema.kinds() {
        facade(kind, &mut out);
    }
    out
}

/// A value in Kotlin: its type, how it is read from a record, how it is written.
fn value(of: Type, name: &str) -> (&'static str, String, &'static str) {
    let plain = |of: &'static str| (of, format!("record[\"{name}\"] as? {of}"), "value");
    match of {
        Type::Text => plain("String"),
        Type::Whole => plain("Long"),
        Type::Flag => plain("Boolean"),
        Type::Real => ("Double", format!("(record[\"{name}\"] as? Number)?.toDouble()"), "value"),
        Type::Moment => ("Instant", format!("(record[\"{name}\"] as? Long)?.let(Instant::ofEpochMilli)"), "value"),
        Type::Link => ("RecordId", format!("(record[\"{name}\"] as? String)?.let(::RecordId)"), "value"),
        Type::Money => {
            let write = "value?.let { mapOf(\"amount\" to it.amount, \"currency\" to it.currency) }";
            ("Money", format!("record.money(\"{name}\")"), write)
        }
        Type::Group => ("Map<String, Any?>", format!("record.group(\"{name}\")"), "value"),
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
            Shape::One(of) => {
                let (of, read, _) = value(of, &field.name);
                (format!("{of}?"), read)
            }
            Shape::Set { .. } => ("List<String>".to_owned(), format!("record.strings(\"{}\")", field.name)),
            Shape::Rows { .. } => ("List<Map<String, Any?>>".to_owned(), format!("record.rows(\"{}\")", field.name)),
            Shape::Counter => ("Long".to_owned(), format!("record[\"{}\"] as? Long ?: 0", field.name)),
            Shape::Text => ("String".to_owned(), format!("record[\"{}\"] as? String ?: \"\"", field.name)),
        };
        put(&format!("\n    /** {} / {}. */\n    val {}: {of} get() = {read}", field.label.en, field.label.zh, camel(&field.name, &WORDS)));
    }
    put(&format!("}}\n\n/** Edits of a {}. */\n@RapportDsl\nclass {class}Edits(val edits: Edits) {{", kind.label.en.to_lowercase()));
    for field in fields.iter().filter(|field| is_written(field)) {
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
    let (name, camel) = (&field.name, camel(&field.name, &WORDS));
    let one = pascal(&field.name);
    match shape(field) {
        Shape::One(of) => {
            let (of, _, write) = value(of, name);
            put(&format!("    fun {camel}(value: {of}?) = edits.set(\"{name}\", {write})"));
        }
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

package app.rapport

import app.rapport.ffi.FieldEdit
import app.rapport.ffi.RecordEdit
import app.rapport.ffi.newRecordId

@DslMarker
annotation class RapportDsl

/** Edits of one record, in the order they are written down. */
@RapportDsl
class Edits internal constructor() {
    internal val made = mutableListOf<FieldEdit>()

    /** Writes a field: `"name" to "佳美"` as `set("name", "佳美")`; `null` clears. */
    fun set(field: String, value: Any?) {
        made += FieldEdit.Set(field, valueOf(value))
    }

    /** Adds an element to a set. */
    fun add(field: String, element: String) {
        made += FieldEdit.Add(field, element)
    }

    /** Links another record. */
    fun link(field: String, record: RecordId) = add(field, record.value)

    /** Removes an element from a set. */
    fun remove(field: String, element: String) {
        made += FieldEdit.Remove(field, element)
    }

    /** Makes a row, or writes some of its parts. */
    fun setRow(field: String, row: String, vararg parts: Pair<String, Any?>) {
        made += FieldEdit.SetRow(field, row, parts.associate { (name, value) -> name to valueOf(value) })
    }

    /** Removes a row. */
    fun removeRow(field: String, row: String) {
        made += FieldEdit.RemoveRow(field, row)
    }

    /** Moves a row behind another one, or to the front. */
    fun moveRow(field: String, row: String, after: String?) {
        made += FieldEdit.MoveRow(field, row, after)
    }

    /** Adds an item to a log. */
    fun append(field: String, vararg parts: Pair<String, Any?>) {
        made += FieldEdit.Append(field, parts.associate { (name, value) -> name to valueOf(value) })
    }

    /** Adds to a counter. */
    fun increment(field: String, by: Long = 1) {
        made += FieldEdit.Increment(field, by)
    }

    /** Replaces characters of a text; positions count Unicode characters, not `Char`s. */
    fun splice(field: String, at: Int, delete: Int, insert: String) {
        made += FieldEdit.Splice(field, at.toULong(), delete.toULong(), insert)
    }

    /** Archives the record: how records are deleted. */
    fun archive() {
        made += FieldEdit.Archive
    }
}

/** Edits of several records that are kept as a whole, or not at all. */
@RapportDsl
class Transaction internal constructor() {
    private val records = LinkedHashMap<RecordId, Pair<String?, Edits>>()

    /** Makes a record. Answers with its id. */
    fun create(kind: String, edits: Edits.() -> Unit): RecordId {
        val record = newRecordId()
        records[record] = kind to Edits().apply(edits)
        return record
    }

    /** Edits a record that is on this device, or was made in this transaction. */
    fun edit(record: RecordId, edits: Edits.() -> Unit) {
        records.getOrPut(record) { null to Edits() }.second.apply(edits)
    }

    /** Who makes a record says of which kind, and nobody else does. */
    internal fun edits(): List<RecordEdit> =
        records.map { (record, edit) -> RecordEdit(record, edit.first, edit.second.made, makes = edit.first != null) }
}

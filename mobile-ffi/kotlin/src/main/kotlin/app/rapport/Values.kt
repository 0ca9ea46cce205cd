package app.rapport

import app.rapport.ffi.ChoiceInfo
import app.rapport.ffi.FieldInfo
import app.rapport.ffi.Record
import app.rapport.ffi.Value
import java.time.Instant

/** Names a record. */
@JvmInline
value class RecordId(val value: String) {
    override fun toString(): String = value
}

/** A value that fields take, from an ordinary one; `null` clears. */
fun valueOf(of: Any?): Value = when (of) {
    null -> Value.Empty
    is Value -> of
    is Boolean -> Value.Flag(of)
    is Int -> Value.Whole(of.toLong())
    is Long -> Value.Whole(of)
    is Instant -> Value.Whole(of.toEpochMilli())
    is Double -> Value.Real(of)
    is String -> Value.Text(of)
    is RecordId -> Value.Text(of.value)
    is Map<*, *> -> Value.Parts(of.entries.associate { (name, part) -> name.toString() to valueOf(part) })
    is Iterable<*> -> Value.Many(of.map(::valueOf))
    else -> throw IllegalArgumentException("a field cannot hold ${of::class.simpleName}")
}

/** An ordinary value from one that a field holds. */
val Value?.plain: Any?
    get() = when (this) {
        null, is Value.Empty -> null
        is Value.Flag -> value
        is Value.Whole -> value
        is Value.Real -> value
        is Value.Text -> value
        is Value.Many -> values.map { it.plain }
        is Value.Parts -> values.mapValues { it.value.plain }
    }

/** What a field shows; `null` when it shows nothing. */
operator fun Record.get(field: String): Any? = fields[field].plain

/** The same as a text. */
fun Record.text(field: String): String? = (fields[field] as? Value.Text)?.value

/** The options that people may choose; [FieldInfo.options] has the labels of those that records may still hold, too. */
val FieldInfo.offered: List<ChoiceInfo> get() = options.filterNot { it.hidden }

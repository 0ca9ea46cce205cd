package app.rapport

import app.rapport.ffi.AttachmentState
import app.rapport.ffi.ClientException
import app.rapport.ffi.SyncPhase
import app.rapport.ffi.TotalsGroup
import app.rapport.ffi.Whose
import app.rapport.testkit.TestKit
import app.rapport.testkit.quiesce
import java.nio.file.Files
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlinx.coroutines.flow.toList
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.booleanOrNull
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.longOrNull

private fun JsonElement.plain(): Any? = when (this) {
    is JsonNull -> null
    is JsonObject -> mapValues { it.value.plain() }
    is JsonArray -> map { it.plain() }
    is JsonPrimitive -> if (isString) content else booleanOrNull ?: longOrNull ?: content.toDouble()
}

/** A set has no order. */
private fun inOrder(found: Any?): Any? = if (found is List<*>) found.sortedBy { it.toString() } else found

/** A picture of a size, as far as its first bytes go. */
fun picture(size: Int) = ByteArray(size) { at -> if (at < 3) byteArrayOf(-1, -40, -1)[at] else (at % 251).toByte() }

/** A group in a line: what it is called, how many records, what a field adds up to. */
private fun told(group: TotalsGroup, field: String): String {
    val sums = group.sums[field]?.byCurrency.orEmpty().map { "${it.sum} ${it.currency}" }
    return (listOf(group.title ?: group.key ?: "-", group.count) + sums).joinToString(" ")
}

private fun Where.conditions(filters: List<*>?) {
    filters?.forEach { filter ->
        val (type, attribute, value) = listOf("type", "attribute", "value").map { (filter as Map<*, *>)[it] }
        condition(type.toString(), attribute.toString(), value)
    }
}

private fun JsonObject.word(key: String): String = getValue(key).jsonPrimitive.content

private fun edits(step: JsonObject): Edits.() -> Unit = {
    for (edit in step.getValue("edits").jsonArray.map { it.jsonObject }) {
        val field = edit.word("field")
        val parts = { edit.getValue("values").jsonObject.map { (name, value) -> name to value.plain() }.toTypedArray() }
        when (val op = edit.word("op")) {
            "set" -> if (field == "archived") archive() else set(field, edit.getValue("value").plain())
            "add" -> add(field, edit.word("value"))
            "remove" -> remove(field, edit.word("value"))
            "set_row" -> setRow(field, edit.word("row"), *parts())
            "remove_row" -> removeRow(field, edit.word("row"))
            "splice" -> splice(field, edit.word("at").toInt(), edit.word("delete").toInt(), edit.word("insert"))
            else -> error("unknown op $op")
        }
    }
}

/** The scenarios that all languages run, in Kotlin: the same data, the same answers. */
class ScenariosTest {
    @Test
    fun `all scenarios hold in Kotlin`() {
        val text = javaClass.getResource("/scenarios.json")!!.readText()
        for (scenario in Json.parseToJsonElement(text).jsonArray.map { it.jsonObject }) {
            withKit { kit ->
                val phones = scenario.getValue("phones").jsonObject.mapValues { kit.phone(it.value.jsonPrimitive.content) }
                val play = Play(kit, phones)
                for (step in scenario.getValue("steps").jsonArray.map { it.jsonObject }) {
                    val failed = rapportCatching { play.step(step) }.exceptionOrNull()
                    val expected = step["fails"]?.jsonPrimitive?.content
                    assertEquals(expected, failed?.javaClass?.simpleName, "${scenario.word("name")}: $step: $failed")
                }
            }
        }
    }
}

private class Play(val kit: TestKit, val phones: Map<String, Rapport>) {
    val records = HashMap<String, RecordId>()

    fun record(step: JsonObject) = records.getValue(step.word("record"))

    suspend fun step(step: JsonObject) {
        val phone = step["on"]?.let { phones.getValue(it.jsonPrimitive.content) } ?: return arrange(step)
        when (step.word("do")) {
            "create" -> phone.create(step.word("kind"), edits(step)).also { records[step.word("as")] = it }
            "edit" -> phone.edit(record(step), edits(step))
            "sync" -> phone.sync()
            "resolve" -> phone.resolve(phone.conflicts().single { it.path == step.word("path") }, valueOf(step["value"]?.plain()))
            "retry" -> phone.retry(phone.drafts().first(), edits(step))
            "attach" -> {
                val folder = Files.createTempDirectory("scenario")
                val path = folder.resolve(step.word("name")).also { Files.write(it, picture(step.word("size").toInt())) }
                val small = picture(step.word("thumbnail").toInt())
                records[step.word("as")] = phone.attach(record(step), path, step.word("media_type"), thumbnail = small)
            }
            "fetch" -> phone.fetch(record(step))
            "undo" -> phone.undo()
            "redo" -> phone.redo()
            "merge" -> phone.merge(record(step), records.getValue(step.word("into")))
            "split" -> phone.split(record(step))
            "sign_out" -> phone.signOut(step.word("lose_unsent").toBoolean())
            else -> for ((key, value) in look(phone, step)) assertEquals(step.getValue(key).plain(), value, step.toString())
        }
    }

    suspend fun arrange(step: JsonObject) {
        when (val name = step.word("do")) {
            "cut" -> kit.cut()
            "mend" -> kit.mend()
            "quiet" -> quiesce(*phones.values.toTypedArray())
            "reject_next" -> kit.rejectNext(step.word("login"), step.word("code"), step.word("detail"))
            "revoke" -> kit.revokeDevices(step.word("login"))
            "console" -> kit.editAs(step.word("login"), step.word("kind"), record(step).value, step.getValue("edits").jsonArray)
            else -> error("unknown step $name")
        }
    }

    private fun whose(step: JsonObject): Whose = when (val whose = step.word("whose")) {
        "everyone" -> Whose.Everyone
        "mine" -> Whose.Mine
        "team" -> Whose.Team
        "territory" -> Whose.Territory(step.word("name"))
        "customer" -> Whose.Customer(record(step))
        else -> error("nobody is $whose")
    }

    private fun kinds(step: JsonObject) = step.getValue("kinds").jsonArray.map { it.jsonPrimitive.content }

    private fun days(step: JsonObject) = step.getValue("days").jsonPrimitive.longOrNull?.toInt()

    suspend fun look(phone: Rapport, step: JsonObject): Map<String, Any?> = when (val name = step.word("do")) {
        "record" -> phone.get(record(step))!!.let {
            val state = it.state.name.split("_").joinToString("") { part -> part.lowercase().replaceFirstChar(Char::uppercase) }
            mapOf("title" to it.title, "state" to state, "conflicts" to it.conflicts.toLong())
        }
        "field" -> mapOf("value" to inOrder(phone.get(record(step))!![step.word("field")]))
        "conflict" -> {
            val found = phone.conflicts().filter { it.record == record(step) && it.`field` == step.word("field") }
            mapOf("values" to inOrder(found.flatMap { it.claims }.map { it.value.plain }))
        }
        "draft" -> phone.drafts().first().let {
            mapOf("code" to it.code, "detail" to it.detail, "state" to it.state.name.lowercase().replaceFirstChar(Char::uppercase))
        }
        "attachment" -> phone.attachment(record(step)).let {
            val state = if (it.state is AttachmentState.Here) "Here" else it.state.javaClass.simpleName
            mapOf("name" to it.name, "size" to it.size.toLong(), "state" to state)
        }
        "thumbnail" -> phone.thumbnail(record(step))!!.let {
            assertContentEquals(picture(step.word("size").toInt()), it)
            mapOf("size" to it.size.toLong())
        }
        "content" -> phone.pieces(record(step)).toList().reduce(ByteArray::plus).let {
            assertContentEquals(picture(step.word("size").toInt()), it)
            mapOf("size" to it.size.toLong())
        }
        "history" -> mapOf("values" to phone.history(record(step)).filter { it.`field` == step.word("field") }.map { it.new.plain })
        "likely" -> phone.likelyDuplicates(record(step)).let { likely ->
            mapOf("titles" to likely.map { it.record.title }, "reasons" to likely.flatMap { it.reasons }.map { it.zh })
        }
        "together" -> phone.together(record(step)).let {
            mapOf("survivor" to it.survivor?.title, "behind" to it.behind.map { row -> row.title })
        }
        "explain" -> mapOf("presence" to phone.explain(record(step)).javaClass.simpleName)
        "estimate" -> phone.estimate(whose(step), kinds(step), days(step)).let {
            mapOf("records" to it.records.toLong(), "files" to it.files.toLong())
        }
        "subscribe" -> mapOf("changed" to phone.subscribe(whose(step), kinds(step), days(step)))
        "unsubscribe" -> mapOf("changed" to phone.unsubscribe(whose(step), kinds(step), days(step)))
        "subscriptions" -> mapOf("count" to phone.subscriptions().size.toLong())
        "status" -> phone.statusNow().let {
            val phase = if (it.phase is SyncPhase.Offline) "Offline" else it.phase.javaClass.simpleName
            mapOf("phase" to phase, "waiting" to it.waiting.toLong(), "drafts" to it.drafts.toLong())
        }
        "list" -> {
            val orderBy = step["order_by"].takeUnless { it is JsonNull }?.jsonPrimitive?.content
            val filters = step.getValue("filter").plain() as? List<*>
            val page = phone.list(step.word("kind"), orderBy = orderBy) { conditions(filters) }
            mapOf("titles" to page.rows.map { it.title })
        }
        "totals" -> {
            val sum = step.word("sum")
            val filters = step.getValue("filter").plain() as? List<*>
            val found = phone.totals(step.word("kind"), step.getValue("by").plain() as String?, listOf(sum)) { conditions(filters) }
            mapOf("groups" to found.groups.map { told(it, sum) }, "all" to told(found.all, sum))
        }
        "search" -> phone.search(step.word("text")).let { found ->
            val hits = found.flatMap { one -> one.title.filter { it.hit }.map { it.text } }
            mapOf("titles" to found.map { it.record.title }, "hits" to hits)
        }
        else -> error("unknown step $name")
    }
}

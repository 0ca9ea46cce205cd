package app.rapport.testkit

import app.rapport.Rapport
import app.rapport.RecordId
import java.io.BufferedReader
import java.io.Writer
import java.time.Duration
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/**
 * The real server in an app's tests: its people, its clock and its network in the test's hands.
 *
 * `-Drapport.testkit` says where its program is.
 */
class TestKit : AutoCloseable {
    private val server: Process =
        ProcessBuilder(System.getProperty("rapport.testkit", "rapport-testkit")).redirectError(ProcessBuilder.Redirect.INHERIT).start()
    private val calls: Writer = server.outputWriter(Charsets.UTF_8)
    private val answers: BufferedReader = server.inputReader(Charsets.UTF_8)

    /** Where phones find it. */
    val url: String get() = call("url").jsonPrimitive.content

    /** Adds a person. Answers with the id of their record. */
    fun person(login: String, role: String = "rep"): String = call("person", "login" to login, "role" to role).jsonPrimitive.content

    /** A one-time code that makes a phone somebody's. */
    fun code(login: String): String = call("code", "login" to login).jsonPrimitive.content

    /** A phone of somebody's, in memory, enrolled and up to date; the person is added as a rep if new. */
    suspend fun phone(login: String): Rapport {
        val code = runCatching { code(login) }.getOrElse { person(login).let { code(login) } }
        val phone = Rapport.openInMemory(url, "testkit")
        phone.enrol(code, "phone of $login")
        quiesce(phone)
        return phone
    }

    /** Two phones of one person. */
    suspend fun pair(login: String): Pair<Rapport, Rapport> = phone(login) to phone(login)

    /** Edits a record in the console, as somebody; edits as in `docs/api.md`. */
    fun editAs(login: String, kind: String, record: String, edits: JsonArray) {
        send(mapOf("do" to JsonPrimitive("edit_as"), "login" to JsonPrimitive(login), "kind" to JsonPrimitive(kind), "record" to JsonPrimitive(record), "edits" to edits))
    }

    /** Makes a record in the console, as somebody. Answers with its id. */
    fun createAs(login: String, kind: String, edits: JsonArray): RecordId {
        val call = mapOf("do" to JsonPrimitive("create_as"), "login" to JsonPrimitive(login), "kind" to JsonPrimitive(kind), "edits" to edits)
        return RecordId(send(call).jsonPrimitive.content)
    }

    /** Sets the server's clock forward; phones follow it when they next sync. */
    fun forward(by: Duration) {
        send(mapOf("do" to JsonPrimitive("forward"), "ms" to JsonPrimitive(by.toMillis())))
    }

    /** The next edit that arrives from a phone of somebody's is refused. */
    fun rejectNext(login: String, code: String = "forbidden", detail: String = "refused by the test") {
        call("reject_next", "login" to login, "code" to code, "detail" to detail)
    }

    /** Shuts all phones of somebody out. */
    fun revokeDevices(login: String) {
        call("revoke_devices", "login" to login)
    }

    /** Has all phones of somebody forget everything at their next word; with `hand_back` they deliver first. */
    fun sendAway(login: String, act: String = "lost") {
        call("send_away", "login" to login, "act" to act)
    }

    /** What somebody's phones said that they have removed, newest first. */
    fun receipts(login: String): List<Removed> = call("receipts", "login" to login).jsonArray.map {
        val said = it.jsonObject
        Removed(said.text("removal"), said.text("records").toULong(), said.text("unsent").toULong())
    }

    /** Days without contact after which phones lock (0: never), and whether new ones wait for [confirm]. */
    fun terms(leaseDays: Int = 0, confirm: Boolean = false) {
        send(mapOf("do" to JsonPrimitive("terms"), "lease_days" to JsonPrimitive(leaseDays), "confirm" to JsonPrimitive(confirm)))
    }

    /** Lets the phone in that waits and shows this fingerprint, as an administrator does who has compared it. */
    fun confirm(fingerprint: String) {
        call("confirm", "fingerprint" to fingerprint)
    }

    /** Cuts the network. */
    fun cut() {
        call("cut")
    }

    /** Mends it. */
    fun mend() {
        call("mend")
    }

    /** Ends the server, as a power cut does. */
    override fun close() {
        server.destroyForcibly().waitFor()
    }

    private fun call(name: String, vararg arguments: Pair<String, String>): JsonElement =
        send(mapOf("do" to JsonPrimitive(name)) + arguments.associate { (key, value) -> key to JsonPrimitive(value) })

    private fun send(call: Map<String, JsonElement>): JsonElement {
        calls.write("${JsonObject(call)}\n")
        calls.flush()
        val answer = Json.parseToJsonElement(answers.readLine() ?: error("the testkit has ended")).jsonObject
        answer["error"]?.let { error(it.jsonPrimitive.content) }
        return answer.getValue("ok")
    }
}

private fun JsonObject.text(key: String): String = getValue(key).jsonPrimitive.content

/** A receipt: what a phone has removed (`left`, `purged`, `wiped`), how many records, how many edits unsent. */
data class Removed(val removal: String, val records: ULong, val unsent: ULong)

/** Sets the clock of a phone in memory forward, as time without contact does; the server's has its own. */
suspend fun Rapport.forward(by: Duration) = forwardClock(by)

private const val QUIET_AFTER = 100

/** Syncs phones until nobody has anything left to say: all edits are everywhere, or drafts. */
suspend fun quiesce(vararg phones: Rapport) {
    repeat(QUIET_AFTER) {
        val waiting = phones.sumOf { phone ->
            phone.sync()
            phone.statusNow().waiting
        }
        if (waiting == 0UL) {
            // Once more: what the last one sent is for the first ones.
            phones.forEach { it.sync() }
            return
        }
    }
    error("the phones still have something to say after $QUIET_AFTER exchanges")
}

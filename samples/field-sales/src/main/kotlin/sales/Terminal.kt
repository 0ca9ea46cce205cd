package sales

import app.rapport.Edits
import app.rapport.Rapport
import app.rapport.RecordId
import app.rapport.ffi.Attachment
import app.rapport.ffi.AttachmentState
import app.rapport.ffi.ClientException
import app.rapport.ffi.Conflict
import app.rapport.ffi.Draft
import app.rapport.ffi.Record
import app.rapport.ffi.SendState
import app.rapport.ffi.SyncOutcome
import app.rapport.plain
import java.nio.file.Files
import java.nio.file.Path
import java.time.Instant
import java.time.LocalDate

private const val HELP = """
enrol CODE           make this terminal yours, with a code of the console
list | find TEXT     customers by name, or found by words, Chinese, pinyin
open N | new NAME    open a customer of the last list, or make one
set FIELD VALUE      write a field of the open customer; tag WORD, note TEXT
visit OUTCOME        log a visit; quote PRODUCT PRICE makes a quote
photo PATH           hang a photo on the visit, or on the customer before there is one
files | save N PATH  what hangs on the customer and its visits; write one to a path
history | undo       what happened to the customer; take the last edit back
sync | status        send and receive; how far this terminal is
conflicts            what people disagree on; decide N M takes claim M
drafts               what was not accepted; retry N, discard N
out                  sign out; refuses while edits are here only"""

/** What a rep types, and what is answered. */
class Terminal(private val rapport: Rapport, private val say: (String) -> Unit) {
    private var shown = emptyList<Record>()
    private var files = emptyList<Attachment>()
    private var customer: RecordId? = null
    private var visit: RecordId? = null
    private var conflicts = emptyList<Conflict>()
    private var drafts = emptyList<Draft>()

    suspend fun run(lines: Sequence<String>) {
        for (line in lines) {
            val (command, rest) = line.trim().split(" ", limit = 2).let { it[0] to it.getOrElse(1) { "" }.trim() }
            if (command == "quit") return
            try {
                obey(command, rest)
            } catch (wrong: IllegalArgumentException) {
                say("? ${wrong.message}")
            } catch (failed: ClientException) {
                say("! ${explained(failed)}")
            }
        }
    }

    private suspend fun obey(command: String, rest: String) {
        when (command) {
            "" -> Unit
            "enrol" -> say("welcome, ${rapport.enrol(rest, "terminal").role}").also { sync() }
            "list" -> list(rapport.list("party", orderBy = "name").rows)
            "find" -> list(rapport.search(rest, "party").map { it.record })
            "open" -> open(picked(shown, rest).id)
            "new" -> open(rapport.create("party") { set("name", rest) })
            "set" -> rest.split(" ", limit = 2).let { edit { set(it[0], it.getOrNull(1)) } }
            "tag" -> edit { add("tags", rest) }
            "note" -> edit { splice("notes", 0, 0, "$rest\n") }
            "visit" -> visit(rest)
            "photo" -> photo(Path.of(rest))
            "files" -> files()
            "save" -> rest.split(" ", limit = 2).let { save(it[0], it.getOrElse(1) { "" }) }
            "quote" -> quote(rest.substringBeforeLast(" "), rest.substringAfterLast(" "))
            "history" -> history()
            "undo" -> rapport.undo().also { say("taken back") }
            "sync" -> sync()
            "status" -> status()
            "conflicts" -> conflicts()
            "decide" -> decide(rest)
            "drafts" -> drafts()
            "retry" -> rapport.retry(picked(drafts, rest)).also { say("sent again") }
            "discard" -> rapport.discard(picked(drafts, rest)).also { say("given up") }
            "out" -> rapport.signOut().also { say("signed out; nothing is left here") }
            else -> say(HELP.trim())
        }
    }

    private fun list(rows: List<Record>) {
        shown = rows
        if (rows.isEmpty()) say("nobody")
        rows.forEachIndexed { index, row -> say("${index + 1}  ${row.title}${mark(row)}") }
    }

    private suspend fun open(record: RecordId) {
        customer = record
        visit = null
        val row = rapport.get(record) ?: throw IllegalArgumentException("it is not here any more")
        say("${row.title}${mark(row)}")
        row.fields.toSortedMap().forEach { (field, value) -> if (field != "name") say("  $field: ${value.plain}") }
        rapport.linksTo(record).forEach { say("  <- ${it.kind} ${it.title}") }
    }

    private suspend fun edit(edits: Edits.() -> Unit) {
        val review = rapport.edit(opened(), edits).review
        say(if (review == null) "kept" else "kept, and to be approved: ${review.detail}")
    }

    private suspend fun visit(outcome: String) {
        visit = rapport.create("activity") {
            set("subject", "Visit")
            set("type", "visit")
            set("status", "done")
            set("outcome", outcome)
            set("when", mapOf("start" to Instant.now()))
            link("about", opened())
        }
        say("visit kept")
    }

    private suspend fun photo(path: Path) {
        require(Files.isReadable(path)) { "there is no file `$path`" }
        val type = Files.probeContentType(path) ?: "application/octet-stream"
        rapport.attach(visit ?: opened(), path, type, thumbnail = thumbnailOf(path))
        say("photo kept")
    }

    private suspend fun files() {
        val visits = rapport.linksTo(opened()).filter { it.kind == "activity" }.map { it.id }
        files = (listOf(opened()) + visits).flatMap { rapport.attachments(it) }
        if (files.isEmpty()) say("no files")
        files.forEachIndexed { index, file -> say("${index + 1}  ${file.name}, ${file.size} bytes${mark(file.state)}") }
    }

    private suspend fun save(which: String, to: String) {
        require(to.isNotEmpty()) { "save to which path?" }
        val file = picked(files, which)
        if (file.state is AttachmentState.Elsewhere || file.state is AttachmentState.Arriving) rapport.fetch(file.id)
        rapport.export(file.id, Path.of(to))
        say("written to $to")
    }

    private suspend fun quote(product: String, price: String) {
        val minor = requireNotNull(price.toBigDecimalOrNull()) { "`$price` is not a price" }.movePointRight(2).toLong()
        rapport.create("offer") {
            set("title", product)
            set("form", "quote")
            set("date", LocalDate.now().toString())
            set("party", opened())
            setRow("lines", "1", "product_name" to product, "quantity" to 1.0, "price" to mapOf("amount" to minor, "currency" to "CNY"))
        }
        say("quote kept")
    }

    private suspend fun history() {
        for (change in rapport.history(opened())) {
            say("${change.at}  ${change.`field`}: ${change.old.plain ?: "-"} -> ${change.new.plain ?: "-"}${if (change.offline) "  (offline)" else ""}")
        }
    }

    private suspend fun sync() = when (val done = rapport.sync()) {
        is SyncOutcome.Done -> say("everything is sent, and everything is here")
        is SyncOutcome.OutOfBudget -> say("${done.waiting} edits and ${done.files} files still wait")
    }

    private suspend fun status() {
        val status = rapport.statusNow()
        say("${status.waiting} wait, ${status.drafts} drafts, last sync ${status.lastSync ?: "never"}")
    }

    private suspend fun conflicts() {
        conflicts = rapport.conflicts()
        if (conflicts.isEmpty()) say("nobody disagrees")
        conflicts.forEachIndexed { index, conflict ->
            say("${index + 1}  ${conflict.title}, ${conflict.`field`}:")
            conflict.claims.forEachIndexed { number, claim -> say("   ${number + 1}  ${claim.value.plain}${if (claim.mine) "  (yours)" else ""}") }
        }
    }

    private suspend fun decide(rest: String) {
        val (which, claim) = rest.split(" ").let { it[0] to it.getOrElse(1) { "" } }
        val conflict = picked(conflicts, which)
        rapport.resolve(conflict, picked(conflict.claims, claim).value)
        say("decided")
    }

    private suspend fun drafts() {
        drafts = rapport.drafts()
        if (drafts.isEmpty()) say("everything was accepted")
        drafts.forEachIndexed { index, draft -> say("${index + 1}  ${draft.state.name.lowercase()}: ${draft.detail}") }
    }

    private fun opened(): RecordId = requireNotNull(customer) { "open a customer first" }

    private fun <T> picked(from: List<T>, number: String): T =
        requireNotNull(number.toIntOrNull()?.let { from.getOrNull(it - 1) }) { "there is no number `$number` in the list" }
}

private fun mark(state: AttachmentState): String = when (state) {
    is AttachmentState.Here -> ""
    is AttachmentState.Elsewhere -> "  [on the server]"
    is AttachmentState.Arriving -> "  [${state.received} bytes here]"
    is AttachmentState.Waiting -> "  [waiting]"
    is AttachmentState.Refused -> "  [not accepted: ${state.detail}]"
}

private fun mark(row: Record): String {
    val state = when (row.state) {
        SendState.SENT -> ""
        SendState.WAITING -> "  [waiting]"
        SendState.NOT_ACCEPTED -> "  [not accepted]"
    }
    return if (row.conflicts > 0UL) "$state  [disputed]" else state
}

private fun explained(failed: ClientException): String = when (failed) {
    is ClientException.Offline -> "no network: everything is kept, and sent later"
    is ClientException.Refused -> failed.detail
    is ClientException.NotEnrolled -> "enrol first: the console shows a code under Devices"
    is ClientException.Unsent -> "${failed.edits} edits, ${failed.files} files and ${failed.drafts} drafts are here only: sync first"
    is ClientException.NotArrived -> "the phone that made it has not sent it yet"
    is ClientException.TooLarge -> failed.detail
    is ClientException.Stopped -> "this terminal was shut out (${failed.reason.name.lowercase()})"
    is ClientException.Server -> failed.detail
    is ClientException.NotUndoable -> failed.detail
    else -> failed.message.orEmpty()
}

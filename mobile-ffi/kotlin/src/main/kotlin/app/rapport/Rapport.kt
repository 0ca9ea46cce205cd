package app.rapport

import app.rapport.ffi.Alarm
import app.rapport.ffi.Attachment
import app.rapport.ffi.Budget
import app.rapport.ffi.Change
import app.rapport.ffi.Check
import app.rapport.ffi.Client
import app.rapport.ffi.ClientException
import app.rapport.ffi.Conflict
import app.rapport.ffi.Doubt
import app.rapport.ffi.Draft
import app.rapport.ffi.Estimate
import app.rapport.ffi.Found
import app.rapport.ffi.Keep
import app.rapport.ffi.KeyAccount
import app.rapport.ffi.KindInfo
import app.rapport.ffi.KindRights
import app.rapport.ffi.LikelyDuplicate
import app.rapport.ffi.ListQuery
import app.rapport.ffi.MergeChoice
import app.rapport.ffi.Network
import app.rapport.ffi.NewAttachment
import app.rapport.ffi.NextStep
import app.rapport.ffi.Package
import app.rapport.ffi.Page
import app.rapport.ffi.PortraitLine
import app.rapport.ffi.Presence
import app.rapport.ffi.Receipt
import app.rapport.ffi.Record
import app.rapport.ffi.RecordEdit
import app.rapport.ffi.SecretStore
import app.rapport.ffi.Session
import app.rapport.ffi.Settings
import app.rapport.ffi.Steps
import app.rapport.ffi.Subscription
import app.rapport.ffi.SyncOutcome
import app.rapport.ffi.SyncStatus
import app.rapport.ffi.TimeStep
import app.rapport.ffi.Together
import app.rapport.ffi.Totals
import app.rapport.ffi.TotalsQuery
import app.rapport.ffi.Transfer
import app.rapport.ffi.Value
import app.rapport.ffi.Whose
import app.rapport.ffi.newRecordId
import app.rapport.ffi.setStoreAside
import java.nio.file.Path
import java.time.Duration
import java.time.ZonedDateTime
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.withContext

/**
 * A device with its records. One for each app; share it.
 *
 * Every call may be made on the main thread: the work is done elsewhere, and cancelling a coroutine stops it.
 */
class Rapport private constructor(private val client: Client) {
    /** Redeems the one-time code that the back office shows: from then on the device is its user's. */
    suspend fun enrol(code: String, deviceName: String): Session = io { client.enrol(code, deviceName, null) }

    /** Whose device this is; `null` before it is enrolled. */
    suspend fun session(): Session? = io { client.session() }

    /**
     * Eight digits that an administrator compares before a new device is let in, where the workspace asks for that: until
     * then a sync fails with `Server` 403 `not_confirmed`. `null` before it is enrolled.
     */
    suspend fun fingerprint(): String? = io { client.fingerprint() }

    /** For the testkit, of a phone in memory. */
    internal suspend fun forwardClock(by: Duration) = io { client.forwardClock(by) }

    /** Edits records, all or none of them: on the disk when this returns, sent when the server can be reached. */
    suspend fun <T> transaction(work: Transaction.() -> T): T {
        val transaction = Transaction()
        val answer = transaction.work()
        io { client.transact(transaction.edits()) }
        return answer
    }

    /** Makes one record. */
    suspend fun create(kind: String, edits: Edits.() -> Unit): RecordId = transaction { create(kind, edits) }

    /** Edits one record. */
    suspend fun edit(record: RecordId, edits: Edits.() -> Unit): Receipt {
        val transaction = Transaction().apply { edit(record, edits) }
        return io { client.transact(transaction.edits()) }.first()
    }

    /** A record; `null` when it is not on this device: [explain] says why not. */
    suspend fun get(record: RecordId): Record? = io { client.get(record) }

    /** Records, in the order asked for; those that are not here are left out. */
    suspend fun get(records: List<RecordId>): List<Record> = io { client.getMany(records) }

    /** Records that link to a record. */
    suspend fun linksTo(record: RecordId): List<Record> = io { client.linksTo(record) }

    /** One page of a list. */
    suspend fun list(
        kind: String,
        orderBy: String? = null,
        descending: Boolean = false,
        limit: Int = 50,
        after: String? = null,
        where: Where.() -> Unit = {},
    ): Page = io { client.list(query(kind, orderBy, descending, limit, after, where)) }

    /** Counts and sums of the records of a list, all together or by the value of an attribute: `stage`, `party`, `createdAt`. */
    suspend fun totals(
        kind: String,
        by: String? = null,
        sums: List<String> = emptyList(),
        step: TimeStep? = null,
        where: Where.() -> Unit = {},
    ): Totals = io { client.totals(TotalsQuery(kind, Where().apply(where).toString(), by, step, sums)) }

    /** The list, and again whenever it has changed. A slow collector gets several changes as one. */
    fun watch(
        kind: String,
        orderBy: String? = null,
        descending: Boolean = false,
        limit: Int = 50,
        where: Where.() -> Unit = {},
    ): Flow<List<Record>> = flow {
        client.watch(query(kind, orderBy, descending, limit, null, where)).use { list ->
            var rows = emptyList<Record>()
            while (true) {
                rows = rows.after(list.next() ?: break)
                emit(rows)
            }
        }
    }.buffer(Channel.CONFLATED).flowOn(Dispatchers.IO)

    /** Records that a text finds, best first: Chinese by any part and by pinyin, words by their beginning. */
    suspend fun search(text: String, kind: String? = null): List<Found> = io { client.search(text, kind, null) }

    /** The records on this device that one is likely the same as that is being made: call it while somebody types. */
    suspend fun likelyDuplicates(kind: String, edits: Edits.() -> Unit): List<LikelyDuplicate> =
        io { client.likelyDuplicates(made(kind, edits)) }

    /** The records that one that is here is likely the same as, with these edits. */
    suspend fun likelyDuplicates(record: RecordId, edits: Edits.() -> Unit = {}): List<LikelyDuplicate> =
        io { client.likelyDuplicates(edited(record, edits)) }

    /** Who stands for whom around a record. */
    suspend fun together(record: RecordId): Together = io { client.together(record) }

    /** What can be chosen before a record is merged into another one: a page that shows both side by side. */
    suspend fun mergeChoices(record: RecordId, into: RecordId): List<MergeChoice> = io { client.mergeChoices(record, into) }

    /**
     * Makes a record one with another, which stands for both from then on. It keeps what it has and gets what it lacks, unless
     * [keep] says otherwise of a field. [split] takes it back; so does [undo], unless texts were joined.
     */
    suspend fun merge(record: RecordId, into: RecordId, keep: Map<String, Keep> = emptyMap()): List<Receipt> =
        io { client.merge(record, into, keep) }

    /** Lets a record stand for itself again. What merging it gave to others goes back where nobody has changed it since. */
    suspend fun split(record: RecordId): List<Receipt> = io { client.split(record) }

    /** Remembers that two records are not the same: nobody is asked about them again. */
    suspend fun setApart(record: RecordId, other: RecordId): Receipt = io { client.setApart(record, other) }

    /** The action needed next about each of some records; those about which nothing is planned are missing. */
    suspend fun nextSteps(records: List<RecordId>): Map<RecordId, NextStep> = io { client.nextSteps(records) }

    /** What shows of a record by those that link to it: a customer's favourite products, price band, channel, time of day. */
    suspend fun portrait(record: RecordId): List<PortraitLine> = io { client.portrait(record) }

    /** The lines of a quote, an order or a deal whose products are packages, with what is in them. */
    suspend fun packages(record: RecordId): List<Package> = io { client.packages(record) }

    /** A record as a vCard, for the phone's address book; `null` for one of a kind that no address book has. */
    suspend fun card(record: RecordId): String? = io { client.card(record) }

    /** How a number is dialled from anywhere (`+8613812345678`); `null` where it does not say enough for that. */
    suspend fun dialled(number: String): String? = io { client.dialled(number) }

    /** What is probably a slip in a record that is being made: call it while somebody types. */
    suspend fun doubts(kind: String, edits: Edits.() -> Unit): List<Doubt> = io { client.doubts(made(kind, edits)) }

    /** What is probably a slip in a record that is here, with these edits. */
    suspend fun doubts(record: RecordId, edits: Edits.() -> Unit = {}): List<Doubt> = io { client.doubts(edited(record, edits)) }

    /** What a status line shows, and again whenever it has changed. */
    val status: Flow<SyncStatus> = flow {
        client.watchStatus().use { stream -> while (true) emit(stream.next() ?: break) }
    }.buffer(Channel.CONFLATED).flowOn(Dispatchers.IO)

    /** What a status line shows now. */
    suspend fun statusNow(): SyncStatus = io { client.status() }

    /** Sends what waits and receives what is new, once: a pull to refresh, a background task. */
    suspend fun sync(time: Duration? = null, bytes: Long? = null): SyncOutcome =
        io { client.syncOnce(Budget(time, bytes?.toULong()), null) }

    /** Stays connected from now on, while the app is in front and there is a network. */
    suspend fun connect() = io { client.connect() }

    /** Ends the connection. */
    suspend fun disconnect() = io { client.disconnect() }

    /** Waits until everything is sent and everything is here; needs [connect]. */
    suspend fun awaitCurrent() = io { client.waitCurrent(null) }

    /** The system has found or lost the network. */
    fun setNetwork(network: Network) = client.setNetwork(network)

    /** The app came to the front, or left it. */
    fun setForeground(foreground: Boolean) = client.setForeground(foreground)

    /** What this device wants of all that its user may see: everyone's, until the app says otherwise. */
    suspend fun subscriptions(): List<Subscription> = io { client.subscriptions() }

    /** How much a subscription would bring, before anything of it is downloaded; needs the network. */
    suspend fun estimate(whose: Whose, kinds: List<String> = emptyList(), days: Int? = null): Estimate =
        io { client.estimate(subscription(whose, kinds, days), null) }

    /** Wants this, too: it comes with the next sync, at once while connected. Answers whether it is new. */
    suspend fun subscribe(whose: Whose, kinds: List<String> = emptyList(), days: Int? = null): Boolean =
        io { client.subscribe(subscription(whose, kinds, days)) }

    /** Does not want this any more: what nothing else asks for goes with the next sync. Answers whether it was wanted. */
    suspend fun unsubscribe(whose: Whose, kinds: List<String> = emptyList(), days: Int? = null): Boolean =
        io { client.unsubscribe(subscription(whose, kinds, days)) }

    /** What people disagree on. */
    suspend fun conflicts(): List<Conflict> = io { client.conflicts() }

    /** Decides a disagreement, with one of the claims or another value. */
    suspend fun resolve(conflict: Conflict, value: Value): Receipt = io { client.resolve(conflict.record, conflict.path, value) }

    /** Own edits that were not accepted, oldest first. */
    suspend fun drafts(): List<Draft> = io { client.drafts() }

    /** Sends a draft again: with these edits, or as it was. */
    suspend fun retry(draft: Draft, edits: (Edits.() -> Unit)? = null): Receipt =
        io { client.retryDraft(draft.id, edits?.let { Edits().apply(it).made }) }

    /** Gives a draft up. */
    suspend fun discard(draft: Draft) = io { client.discardDraft(draft.id) }

    /**
     * Hangs a file on a record: copied into the sealed store and shown at once, sent later. [thumbnail] is a small
     * picture of it (64 KiB), sent before the content. Answers with the file's own record.
     */
    suspend fun attach(to: RecordId, path: Path, mediaType: String, name: String? = null, thumbnail: ByteArray? = null): RecordId =
        io { client.attach(to, NewAttachment(path.toString(), mediaType, name, thumbnail)) }

    /** As [attach], for what never was a file: a signature. */
    suspend fun attachBytes(to: RecordId, name: String, mediaType: String, bytes: ByteArray): RecordId =
        io { client.attachBytes(to, name, mediaType, bytes) }

    /** The files that hang on a record, oldest first. */
    suspend fun attachments(of: RecordId): List<Attachment> = io { client.attachments(of) }

    /** One file, by its own record. */
    suspend fun attachment(file: RecordId): Attachment = io { client.attachment(file) }

    /** The small picture of a file; `null` when it has none, or none is here and there is no network. */
    suspend fun thumbnail(file: RecordId): ByteArray? = io { client.thumbnail(file) }

    /** Brings the bytes of a file to this device; goes on where an earlier attempt broke off. */
    suspend fun fetch(file: RecordId): Attachment = io { client.fetchAttachment(file, null) }

    /** The bytes of a file that is on this device, piece by piece: nothing of it is on the disk in plain. */
    fun pieces(file: RecordId): Flow<ByteArray> = flow {
        var at = 0UL
        while (true) {
            val piece = client.readAttachment(file, at)
            if (piece.isEmpty()) break
            emit(piece)
            at += piece.size.toULong()
        }
    }.flowOn(Dispatchers.IO)

    /** Writes a file that is on this device to a path, in plain: to share it. Whoever exports it removes it. */
    suspend fun export(file: RecordId, to: Path) = io { client.exportAttachment(file, to.toString()) }

    /** Tries again to send a file that the server did not take. */
    suspend fun retryAttachment(file: RecordId) = io { client.retryAttachment(file) }

    /** Removes copies of what the server has, until the rest takes at most so many bytes. */
    suspend fun freeSpace(keepBytes: Long = 0) = io { client.freeSpace(keepBytes.toULong()) }

    /** What is on its way to the server, and again whenever it has got further. */
    val transfers: Flow<List<Transfer>> = flow {
        client.watchTransfers().use { stream -> while (true) emit(stream.next() ?: break) }
    }.buffer(Channel.CONFLATED).flowOn(Dispatchers.IO)

    /** Who changed what, when, from which value; oldest first. */
    suspend fun history(record: RecordId): List<Change> = io { client.history(record) }

    /** What a record's fields were just after a change. */
    suspend fun recordAt(record: RecordId, version: String): Map<String, Value> = io { client.recordAt(record, version) }

    /** Takes back the last thing done on this device; again: the one before. */
    suspend fun undo(): List<Receipt> = io { client.undo() }

    /** Does again what was taken back last. */
    suspend fun redo(): List<Receipt> = io { client.redo() }

    /** How far [undo] and [redo] can go. */
    suspend fun steps(): Steps = io { client.steps() }

    /** The kinds of the workspace: what forms and lists are made of. */
    suspend fun kinds(): List<KindInfo> = io { client.kinds() }

    /** Why a record is on this device, or is not. */
    suspend fun explain(record: RecordId): Presence = io { client.explain(record) }

    /** What the user of this device may see and do, kind by kind: also without a network. */
    suspend fun rights(): List<KindRights> = io { client.rights() }

    /** The key account that a record is or belongs to, and who answers for it: a banner wherever somebody works with it. */
    suspend fun keyAccount(record: RecordId): KeyAccount? = io { client.keyAccount(record) }

    /** The next reminders, soonest first. */
    suspend fun upcomingAlarms(limit: Int = 60): List<Alarm> = io { client.upcomingAlarms(limit.toUInt()) }

    /** Looks at everything that goes wrong on phones. */
    suspend fun doctor(): List<Check> = io { client.doctor() }

    /** What support needs, as JSON, and nothing that a record says. */
    suspend fun diagnostics(): String = io { client.diagnostics() }

    /** Fails inside as a mistake of ours would: to test the app's crash reports. */
    suspend fun crashTest() = io { client.crashTest() }

    /** Gives the phone back: throws [ClientException.Unsent] while edits are on this device only, unless they are to be lost. */
    suspend fun signOut(loseUnsent: Boolean = false) = io { client.signOut(loseUnsent) }

    /** Removes everything from this device, the key first. */
    suspend fun wipe() = io { client.wipe() }

    /** Closes the store; flows end. Closing twice is no error. */
    suspend fun close() = io { client.shutdown() }

    companion object {
        /** Opens the app's encrypted store, or makes an empty one; no network is needed. */
        suspend fun open(server: String, folder: Path, app: String, secrets: SecretStore, rootCertificate: ByteArray? = null): Rapport =
            io { Rapport(Client.open(settings(server, folder.toString(), app, rootCertificate), secrets)) }

        /** A store in memory: for previews and tests. */
        suspend fun openInMemory(server: String, app: String): Rapport =
            io { Rapport(Client.openInMemory(settings(server, "", app, null))) }

        /** Sets a store aside that cannot be opened, so that a new one can be in its place. */
        suspend fun setAside(folder: Path): String? = io { setStoreAside(folder.toString()) }

        private fun settings(server: String, folder: String, app: String, rootCertificate: ByteArray?) =
            Settings(server, folder, app, rootCertificate, ZonedDateTime.now().offset.totalSeconds / 60)
    }
}

/** A [Result] instead of an exception, but never of a cancelled coroutine: that must stay cancelled. */
inline fun <T> rapportCatching(block: () -> T): Result<T> = try {
    Result.success(block())
} catch (cancelled: CancellationException) {
    throw cancelled
} catch (failed: ClientException) {
    Result.failure(failed)
}

/** The main thread neither polls our work nor waits for it. */
private suspend fun <T> io(call: suspend () -> T): T = withContext(Dispatchers.IO) { call() }

private fun made(kind: String, edits: Edits.() -> Unit) = RecordEdit(newRecordId(), kind, Edits().apply(edits).made, makes = true)

private fun edited(record: RecordId, edits: Edits.() -> Unit) = RecordEdit(record, null, Edits().apply(edits).made, makes = false)

private fun subscription(whose: Whose, kinds: List<String>, days: Int?): Subscription {
    require(days == null || days >= 0) { "there are no negative days" }
    return Subscription(whose, kinds, days?.toUInt())
}

private fun query(
    kind: String,
    orderBy: String?,
    descending: Boolean,
    limit: Int,
    after: String?,
    where: Where.() -> Unit,
) = ListQuery(kind, Where().apply(where).toString(), orderBy, descending, limit.toUInt(), after)

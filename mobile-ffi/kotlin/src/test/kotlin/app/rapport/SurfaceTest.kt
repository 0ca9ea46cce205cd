package app.rapport

import app.rapport.ffi.AttachmentState
import app.rapport.ffi.Because
import app.rapport.ffi.CheckName
import app.rapport.ffi.ClientException
import app.rapport.ffi.ColumnState
import app.rapport.ffi.Due
import app.rapport.ffi.Keep
import app.rapport.ffi.Network
import app.rapport.ffi.NextStep
import app.rapport.ffi.Presence
import app.rapport.ffi.Reach
import app.rapport.ffi.Said
import app.rapport.ffi.SendState
import app.rapport.ffi.SyncOutcome
import app.rapport.ffi.SyncPhase
import app.rapport.ffi.TimeStep
import app.rapport.ffi.Tone
import app.rapport.testkit.quiesce
import java.nio.file.Files
import java.nio.file.Path
import java.time.Duration
import java.time.Instant
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking

class SurfaceTest {
    @Test
    fun `a phone edits offline and syncs`() = withKit { kit ->
        val ann = kit.phone("ann")
        val customer = ann.customer()
        val row = ann.get(customer)!!
        assertEquals(listOf("佳美", "party", SendState.WAITING), listOf(row.title, row.kind, row.state))
        assertTrue(Duration.between(row.createdAt, Instant.now()).abs() < Duration.ofMinutes(5))
        assertEquals(SyncOutcome.OutOfBudget(1UL, 0UL), ann.sync(bytes = 0))
        assertIs<SyncOutcome.Done>(ann.sync())
        assertEquals(SendState.SENT, ann.get(customer)!!.state)
        assertEquals("rep", ann.session()!!.role)
    }

    @Test
    fun `a transaction is kept as a whole or not at all`() = withKit { kit ->
        val ann = kit.phone("ann")
        val (customer, deal) = ann.transaction {
            val customer = create("party") {
                set("name", "佳美")
                add("tags", "vip")
                setRow("phones", "r1", "label" to "Office", "value" to "+86 10 1")
                splice("notes", 0, 0, "Call")
            }
            val deal = create("deal") {
                set("title", "Paper")
                set("party", customer)
                set("amount", mapOf("amount" to 1_250_000, "currency" to "CNY"))
            }
            customer to deal
        }
        assertEquals(listOf(mapOf("id" to "r1", "label" to "Office", "value" to "+86 10 1")), ann.get(customer)!!["phones"])
        assertEquals(listOf(deal), ann.linksTo(customer).map { it.id })
        val refused = assertFailsWith<ClientException.Refused> {
            ann.transaction {
                edit(customer) { set("industry", "print") }
                edit(deal) { set("no_such", "x") }
            }
        }
        assertEquals("no_such", refused.`field`)
        assertNull(ann.get(customer)!!["industry"])
    }

    @Test
    fun `a watched list follows and ends with its collector`() = withKit { kit ->
        val ann = kit.phone("ann")
        ann.customer("Zeta")
        val seen = mutableListOf<List<String>>()
        ann.watch("party", orderBy = "name").take(3).collect { rows ->
            seen += rows.map { it.title }
            if (seen.size < 3) ann.customer("Alpha ${seen.size}")
        }
        assertEquals(listOf(listOf("Zeta"), listOf("Alpha 1", "Zeta"), listOf("Alpha 1", "Alpha 2", "Zeta")), seen)
        val page = ann.list("party", orderBy = "name") { "name" contains "alpha" }
        assertEquals(2UL, page.total)
    }

    @Test
    fun `closing ends flows, and calls say so`() = withKit { kit ->
        val ann = kit.phone("ann")
        runBlocking {
            val watching = CompletableDeferred<Unit>()
            val collecting = launch { ann.watch("party").onEach { watching.complete(Unit) }.toList() }
            watching.await()
            ann.close()
            ann.close()
            collecting.join()
        }
        assertFailsWith<ClientException.Closed> { ann.statusNow() }
        assertFailsWith<ClientException.Closed> { ann.sync() }
    }

    @Test
    fun `a cancelled coroutine stops the call and frees the client`() = withKit { kit ->
        val ann = kit.phone("ann")
        runBlocking {
            val waiting = launch { ann.awaitCurrent() }
            val watching = launch { ann.watch("party").collect { } }
            ann.customer()
            waiting.cancel()
            watching.cancel()
            waiting.join()
            watching.join()
        }
        ann.sync()
        assertEquals(0UL, ann.statusNow().waiting)
    }

    @Test
    fun `a refused edit is amended, a disagreement decided, a mistake taken back`() = withKit { kit ->
        val (ann, bo) = kit.pair("ann")
        val customer = ann.customer()
        quiesce(ann, bo)
        kit.rejectNext("ann", detail = "not this one")
        ann.edit(customer) { set("industry", "print") }
        quiesce(ann)
        val draft = ann.drafts().single()
        assertEquals("not this one", draft.detail)
        ann.retry(draft) { set("industry", "paper") }
        ann.edit(customer) { set("name", "A") }
        bo.edit(customer) { set("name", "B") }
        quiesce(ann, bo)
        val conflict = ann.conflicts().single()
        ann.resolve(conflict, conflict.claims.single { it.mine }.value)
        quiesce(ann, bo)
        assertEquals("A" to "paper", bo.get(customer)!!.title to bo.get(customer)!!.text("industry"))
        ann.edit(customer) { set("name", "mistake") }
        ann.undo()
        assertEquals("A", ann.get(customer)!!.title)
        val history = ann.history(customer).filter { it.`field` == "name" }
        assertEquals("佳美", ann.recordAt(customer, history.first().version)["name"].plain)
    }

    @Test
    fun `connected, the status says how far it is`() = withKit { kit ->
        val ann = kit.phone("ann")
        assertIs<SyncPhase.Offline>(ann.status.first().phase)
        ann.connect()
        ann.awaitCurrent()
        ann.customer()
        ann.awaitCurrent()
        kit.revokeDevices("ann")
        val stopped = ann.status.first { it.phase is SyncPhase.Stopped }
        assertEquals("Stopped(reason=REVOKED)", stopped.phase.toString())
        assertFailsWith<ClientException.Stopped> { ann.sync() }
    }

    @Test
    fun `what the system says of network and app is followed`() = withKit { kit ->
        val ann = kit.phone("ann")
        val (network, inFront) = MutableStateFlow(Network.ONLINE) to MutableStateFlow(true)
        coroutineScope {
            val following = listOf(launch { ann.follow(NetworkMonitor { network }) }, launch { ann.follow(LifecycleMonitor { inFront }) })
            ann.connect()
            ann.awaitCurrent()
            network.value = Network.OFFLINE
            ann.status.first { it.phase is SyncPhase.Offline }
            network.value = Network.ONLINE
            ann.awaitCurrent()
            inFront.value = false
            ann.status.first { it.phase is SyncPhase.Offline }
            inFront.value = true
            ann.awaitCurrent()
            following.forEach { it.cancel() }
        }
    }

    @Test
    fun `searches, explanations and checks`() = withKit { kit ->
        val ann = kit.phone("ann")
        val customer = ann.customer("上海佳美")
        assertEquals(listOf("佳美"), ann.search("jm").single().title.filter { it.hit }.map { it.text })
        assertEquals(Presence.Here(Because.MADE, waiting = true, archived = false), ann.explain(customer))
        val rights = ann.rights().associateBy { it.kind }
        assertEquals(listOf("商务", "个人隐私"), rights.getValue("party").hidden.map { it.zh })
        assertEquals(Reach.OWN to listOf("is_key", "account_manager"), rights.getValue("party").run { archive to locked })
        assertTrue(rights.getValue("offer").said.any { "needs approval" in it.en })
        assertTrue(ann.doctor().all { it.good } && "佳美" !in ann.diagnostics())
        kit.cut()
        assertEquals(listOf(CheckName.SERVER), ann.doctor().filterNot { it.good }.map { it.name })
        assertFailsWith<ClientException.Offline> { ann.sync() }
        assertEquals(BackgroundResult.RETRY, ann.backgroundSync(Duration.ofSeconds(30)))
        kit.mend()
        assertEquals(BackgroundResult.RETRY, ann.backgroundSync(Duration.ofSeconds(1)))
        assertEquals(BackgroundResult.DONE, ann.backgroundSync(Duration.ofSeconds(30)))
        assertTrue(rapportCatching { ann.get(RecordId("no id")) }.exceptionOrNull() is ClientException.BadArgument)
        assertTrue(ann.kinds().any { it.name == "party" && it.label.zh == "客户" })
    }

    @Test
    fun `a file hangs on a visit, gets through, and is exported on request`() = withKit { kit ->
        val (ann, bo) = kit.pair("ann")
        val visit = ann.create("activity") {
            set("subject", "Visit")
            set("type", "visit")
        }
        val file = ann.attachBytes(visit, "signature.png", "image/png", "\u0089PNG signed".toByteArray(Charsets.ISO_8859_1))
        assertEquals(AttachmentState.Waiting(0UL), ann.attachments(visit).single().state)
        assertEquals(file, ann.transfers.first().single().file)
        quiesce(ann, bo)
        assertEquals(emptyList(), ann.transfers.first())
        assertTrue(bo.attachment(file).hasThumbnail && bo.thumbnail(file)!!.size == 11)
        ann.freeSpace()
        assertEquals(AttachmentState.Elsewhere, ann.attachment(file).state)
        val out = Files.createTempFile("signature", ".png")
        assertFailsWith<ClientException.NotFound> { ann.export(file, out) }
        assertEquals(AttachmentState.Here, ann.fetch(file).state)
        ann.export(file, out)
        assertEquals(11, Files.size(out))
        kit.close()
        assertFailsWith<ClientException.Offline> { ann.sync() }
        assertEquals("Visit", ann.get(visit)!!.title)
    }

    @Test
    fun `a customer that is typed a second time is found, and merged as people choose`() = withKit { kit ->
        val ann = kit.phone("ann")
        val known = ann.create("party") {
            set("name", "佳美")
            setRow("phones", "r1", "value" to "138 1234 5678")
        }
        val likely = ann.likelyDuplicates("party") { setRow("phones", "r1", "value" to "+86 13812345678") }.single()
        assertEquals(known to "same phone number: +8613812345678", likely.record.id to likely.reasons.first().en)
        val other = ann.create("party") {
            set("name", "Nanhu")
            set("industry", "print")
        }
        assertEquals(listOf(Keep.OWN, Keep.OTHER), ann.mergeChoices(other, known).single { it.`field` == "name" }.keep)
        ann.merge(other, known, mapOf("name" to Keep.OTHER))
        assertEquals(known to listOf("Nanhu", "print"), ann.get(other)!!.mergedInto to ann.get(known)!!.let { listOf(it.title, it["industry"]) })
        ann.split(other)
        assertEquals(null to listOf("佳美", null), ann.get(other)!!.mergedInto to ann.get(known)!!.let { listOf(it.title, it["industry"]) })
        assertTrue(ann.setApart(other, known).changed && ann.together(known).behind.isEmpty())
    }

    @Test
    fun `what stands beside a record is worked out on the phone, and kinds say how to draw it`() = withKit { kit ->
        val ann = kit.phone("ann")
        val customer = ann.create("party") {
            set("name", "佳美")
            set("tax_id", "91350100M000100Y34")
            add("preferences", "green tea")
        }
        val call = ann.create("activity") {
            set("subject", "Call back")
            set("due", Instant.ofEpochSecond(1_588_464_000))
            link("about", customer)
        }
        assertEquals(NextStep(call, "Call back", Due.Moment(Instant.ofEpochSecond(1_588_464_000)), Tone.LATE), ann.nextSteps(listOf(customer, call))[customer])
        val said = ann.portrait(customer).single { it.name == "preferences" }.says.single().what
        assertEquals("green tea", (said as Said.Plain).value.plain)
        assertEquals(listOf("credit_code"), ann.doubts(customer).map { it.code })
        assertEquals(emptyList(), ann.doubts(customer) { set("tax_id", "91350100M000100Y43") })
        assertEquals("+8613812345678", ann.dialled("138 1234 5678"))
        assertTrue(ann.packages(customer).isEmpty() && "\r\nFN:佳美\r\n" in ann.card(customer)!!)
        val kinds = ann.kinds().associateBy { it.name }
        assertEquals(ColumnState.WON, kinds.getValue("deal").board!!.columns.single { it.value == "won" }.state)
        val layout = kinds.getValue("view").fields.first { it.options.any { option -> option.hidden } }
        assertTrue(layout.offered.isNotEmpty() && layout.offered.none { it.hidden })
    }

    @Test
    fun `deals are counted and added up without a network`() = withKit { kit ->
        val ann = kit.phone("ann")
        kit.cut()
        val customer = ann.create("party") { set("name", "佳美") }
        fun amount(minor: Long, currency: String) = mapOf("amount" to minor, "currency" to currency)
        ann.create("deal") {
            set("title", "Lamps")
            set("stage", "proposal")
            set("close_date", "2026-05-03")
            set("amount", amount(300_001, "CNY"))
            set("party", customer)
        }
        ann.create("deal") {
            set("title", "Desks")
            set("stage", "proposal")
            set("amount", amount(50_000, "EUR"))
        }
        val board = ann.totals("deal", by = "stage", sums = listOf("amount"))
        assertEquals(listOf("proposal" to 2UL), board.groups.map { it.key to it.count })
        val sums = board.all.sums.getValue("amount")
        assertEquals(listOf("CNY" to "300001", "EUR" to "50000"), sums.byCurrency.map { it.currency to it.sum })
        assertEquals(listOf("150001", "25000"), board.groups.single().sums.getValue("amount").weighted.map { it.sum })
        assertEquals(null, sums.home, "nobody knows what a euro is worth")
        val customers = ann.totals("deal", by = "party").groups
        assertEquals(listOf("佳美" to 1UL, null to 1UL), customers.map { it.title to it.count })
        val weeks = ann.totals("deal", by = "close_date", step = TimeStep.WEEK) { condition("isNotNull", "close_date", null) }
        assertEquals(listOf<String?>("2026-04-27"), weeks.groups.map { it.key })
        assertFailsWith<ClientException.BadArgument> { ann.totals("deal", by = "tags") }
    }

    @Test
    fun `ten thousand calls leak nothing`() = withKit { kit ->
        val ann = kit.phone("ann")
        val customer = ann.customer()
        suspend fun kilobytesAfter(calls: Int): Long {
            repeat(calls) { ann.get(customer) }
            System.gc()
            return Files.readAllLines(Path.of("/proc/self/status")).first { it.startsWith("VmRSS:") }.filter(Char::isDigit).toLong()
        }
        var before = kilobytesAfter(5_000)
        val grown = List(3) { kilobytesAfter(10_000).let { after -> (after - before).also { before = after } } }
        // What the JVM compiles meanwhile is not in every round; a record a call would be forty megabytes in each.
        assertTrue(grown.min() < 8 * 1024, "$grown KiB more after 10,000 calls each")
    }

    @Test
    fun `a mistake of ours is an error and harms nothing`() = withKit { kit ->
        val ann = kit.phone("ann")
        val customer = ann.customer()
        assertFailsWith<ClientException.Internal> { ann.crashTest() }
        assertEquals("佳美", ann.get(customer)!!.title)
    }
}

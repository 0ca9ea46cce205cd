package app.rapport

import app.rapport.ffi.ClientException
import app.rapport.ffi.SecretStore
import app.rapport.ffi.StopReason
import app.rapport.testkit.forward
import app.rapport.testkit.quiesce
import java.nio.file.Files
import java.nio.file.Path
import java.time.Duration
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import org.junit.jupiter.api.io.TempDir

/** What the back office decides about phones: locked after too long alone, let in by fingerprint, sent away. */
class LeavingTest {
    @TempDir
    lateinit var folder: Path

    private fun files(): List<Path> = Files.walk(folder).use { all -> all.filter(Files::isRegularFile).toList() }

    @Test
    fun `a phone too long without contact locks and unlocks with everything at the next`() = withKit { kit ->
        val (ann, bo) = kit.phone("ann") to kit.phone("bo")
        kit.terms(leaseDays = 7)
        val customer = ann.customer()
        quiesce(ann, bo)
        kit.cut()
        ann.forward(Duration.ofDays(6))
        ann.edit(customer) { set("industry", "print") }
        ann.forward(Duration.ofDays(2))
        repeat(2) {
            assertFailsWith<ClientException.Locked> { ann.get(customer) }
            assertFailsWith<ClientException.Locked> { ann.list("party") }
            assertFailsWith<ClientException.Locked> { ann.search("jiamei") }
            assertFailsWith<ClientException.Locked> { ann.customer("written while locked") }
            assertFailsWith<ClientException.Offline> { ann.sync() }
        }
        assertFailsWith<ClientException.Unsent> { ann.signOut() }
        assertEquals(1UL, ann.statusNow().waiting)
        kit.forward(Duration.ofDays(8))
        kit.mend()
        quiesce(ann, bo)
        assertEquals("佳美", ann.get(customer)!!.title)
        assertEquals("print", bo.get(customer)!!.text("industry"))
        assertEquals(1UL, bo.list("party").total)
    }

    @Test
    fun `a phone that waits shows its fingerprint and syncs once it was compared`() = withKit { kit ->
        kit.person("ann")
        kit.terms(confirm = true)
        val ann = Rapport.openInMemory(kit.url, "kotlin 1")
        assertNull(ann.fingerprint())
        ann.enrol(kit.code("ann"), "phone")
        val shown = assertNotNull(ann.fingerprint())
        assertEquals(8, shown.count(Char::isDigit))
        val customer = ann.customer()
        val waits = assertFailsWith<ClientException.Server> { ann.sync() }
        assertEquals("not_confirmed", waits.code)
        assertFailsWith<IllegalStateException> { kit.confirm("0000 0000") }
        kit.confirm(shown)
        quiesce(ann)
        assertEquals("佳美" to 0UL, ann.get(customer)!!.title to ann.statusNow().waiting)
    }

    @Test
    fun `a lost phone destroys its key first, says so and starts clean`() = withKit { kit ->
        val kept = Secrets()
        var fileWasThere: Boolean? = null
        val secrets = object : SecretStore by kept {
            override fun remove(name: String) {
                if (name == "rapport.store-key") fileWasThere = Files.exists(folder.resolve("store/rapport.db"))
                kept.remove(name)
            }
        }
        kit.person("ann")
        val ann = Rapport.open(kit.url, folder.resolve("store"), "kotlin 1", secrets)
        ann.enrol(kit.code("ann"), "phone")
        ann.customer()
        quiesce(ann)
        ann.customer("not sent")
        val key = kept.kept["rapport.store-key"]
        kit.sendAway("ann")
        val stopped = assertFailsWith<ClientException.Stopped> { ann.sync() }
        assertEquals(StopReason.WIPED, stopped.reason)
        assertEquals(true, fileWasThere)
        assertNull(kept.kept["rapport.store-key"])
        assertEquals(emptyList(), files())
        val receipt = kit.receipts("ann").single { it.removal == "wiped" }
        assertTrue(receipt.records > 0UL && receipt.unsent == 1UL, "$receipt")
        assertFailsWith<ClientException.Closed> { ann.statusNow() }
        val again = Rapport.open(kit.url, folder.resolve("store"), "kotlin 1", secrets)
        assertNull(again.session())
        assertTrue(!kept.kept["rapport.store-key"].contentEquals(key))
        again.enrol(kit.code("ann"), "phone")
        quiesce(again)
        assertEquals(listOf("佳美"), again.list("party").rows.map { it.title })
        again.close()
    }
}

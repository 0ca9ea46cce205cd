package app.rapport

import app.rapport.ffi.ClientException
import app.rapport.ffi.OpenException
import app.rapport.ffi.SecretException
import app.rapport.ffi.SecretStore
import app.rapport.testkit.checkSecretStore
import app.rapport.testkit.quiesce
import java.nio.file.Files
import java.nio.file.Path
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable
import org.junit.jupiter.api.io.TempDir

class StoreTest {
    @TempDir
    lateinit var folder: Path

    private val secrets = Secrets()

    private suspend fun opened(server: String = "http://127.0.0.1:9", store: SecretStore = secrets) =
        Rapport.open(server, folder.resolve("store"), "kotlin 1", store)

    @Test
    fun `a customer's name is found in no file, and is there after a restart`() = withKit { kit ->
        kit.person("ann")
        val ann = opened(kit.url)
        ann.enrol(kit.code("ann"), "phone")
        val customer = ann.customer("Canary 佳美办公")
        ann.attachBytes(customer, "card.txt", "text/plain", "Canary, again and again. ".repeat(100).toByteArray())
        ann.sync()
        val written = Files.walk(folder).use { files -> files.filter(Files::isRegularFile).toList() }
        assertFalse(written.any { "Canary" in Files.readString(it, Charsets.ISO_8859_1) })
        assertFailsWith<OpenException.InUse> { opened() }
        ann.close()
        val again = opened()
        assertEquals("Canary 佳美办公", again.get(customer)!!.title)
        again.close()
    }

    @Test
    fun `the tests' own secret store keeps the contract`() = checkSecretStore { secrets }

    @Test
    fun `a lost key leads to a clean start`() = withKit { kit ->
        kit.person("ann")
        val ann = opened(kit.url)
        ann.enrol(kit.code("ann"), "phone")
        val customer = ann.customer()
        quiesce(ann)
        ann.close()
        secrets.kept["rapport.store-key"] = ByteArray(32)
        assertFailsWith<OpenException.KeyDoesNotMatch> { opened() }
        secrets.kept.remove("rapport.store-key")
        assertFailsWith<OpenException.KeyLost> { opened() }
        assertEquals("rapport.db.aside-1", Rapport.setAside(folder.resolve("store")))
        val again = opened(kit.url)
        again.enrol(kit.code("ann"), "phone")
        quiesce(again)
        assertEquals("佳美", again.get(customer)!!.title)
        assertFailsWith<ClientException.Unsent> {
            again.customer()
            again.signOut()
        }
        again.signOut(loseUnsent = true)
        assertNull(secrets.kept["rapport.store-key"])
    }

    @Test
    fun `a secret store that throws is an error of the call`() = runBlocking<Unit> {
        class Bad(val thrown: Exception) : SecretStore by Secrets() {
            override fun get(name: String): ByteArray? = throw thrown
        }
        assertFailsWith<OpenException.KeyLocked> { opened(store = Bad(SecretException.Locked())) }
        assertFailsWith<OpenException.KeyLost> { opened(store = Bad(SecretException.Invalidated())) }
        assertFailsWith<OpenException.KeyUnavailable> { opened(store = Bad(IllegalStateException("a bug in the app"))) }
        assertNull(opened().session())
    }

    @Test
    fun `a process killed in the middle of transactions loses none and leaves no half`() = withKit { kit ->
        kit.person("ann")
        val ann = opened(kit.url)
        ann.enrol(kit.code("ann"), "phone")
        ann.close()
        val keys = secrets.kept.map { (name, value) -> "$name=${value.joinToString("") { "%02x".format(it) }}" }
        val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
        val command = listOf(java, "-Djna.library.path=${System.getProperty("jna.library.path")}", "-cp", System.getProperty("java.class.path"))
        val writer = ProcessBuilder(command + listOf("app.rapport.WriterKt", folder.resolve("store").toString()) + keys).start()
        val lines = writer.inputReader()
        var acknowledged = 0UL
        repeat(5) { if (lines.readLine() != null) acknowledged++ }
        // Its handle, not the process: that would close what it has said, too.
        writer.toHandle().destroyForcibly()
        while (lines.readLine() != null) acknowledged++
        writer.waitFor()
        val again = opened(kit.url)
        val (parties, deals) = again.list("party", limit = 1).total to again.list("deal", limit = 1).total
        assertEquals(parties, deals)
        assertTrue(acknowledged >= 5UL && parties >= acknowledged, "$parties of $acknowledged")
        quiesce(again)
        assertEquals(0UL, again.statusNow().waiting)
        again.close()
    }

    /** RAPPORT_TINY_DISK names a folder on a disk of a few megabytes, which .ci/mobile makes where it may. */
    @Test
    @EnabledIfEnvironmentVariable(named = "RAPPORT_TINY_DISK", matches = ".+")
    fun `a full disk is an error and what was kept stays`() = withKit { kit ->
        kit.person("ann")
        val disk = Path.of(System.getenv("RAPPORT_TINY_DISK"), "kotlin")
        disk.toFile().deleteRecursively()
        try {
            val ann = Rapport.open(kit.url, disk, "kotlin 1", secrets)
            ann.enrol(kit.code("ann"), "phone")
            val customer = ann.customer()
            val large = folder.resolve("large").also { Files.write(it, ByteArray(64 shl 20)) }
            assertFailsWith<ClientException.StorageFull> { ann.attach(customer, large, "x/y") }
            assertEquals(emptyList(), ann.attachments(customer))
            ann.edit(customer) { set("name", "after") }
            quiesce(ann)
            assertEquals("after", ann.get(customer)!!.title)
            ann.close()
        } finally {
            disk.toFile().deleteRecursively()
        }
    }
}

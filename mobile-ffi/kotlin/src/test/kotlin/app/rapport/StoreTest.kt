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
import kotlinx.coroutines.runBlocking
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
}

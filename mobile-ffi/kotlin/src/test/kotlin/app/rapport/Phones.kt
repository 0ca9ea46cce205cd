package app.rapport

import app.rapport.ffi.SecretStore
import app.rapport.testkit.TestKit
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout

/** Keeps secrets in memory, as a phone's key store does. */
class Secrets : SecretStore {
    val kept = HashMap<String, ByteArray>()

    override fun get(name: String): ByteArray? = kept[name]

    override fun put(name: String, value: ByteArray) {
        kept[name] = value
    }

    override fun remove(name: String) {
        kept.remove(name)
    }
}

/** A test with a server of its own. */
fun withKit(test: suspend (TestKit) -> Unit) = runBlocking {
    TestKit().use { kit -> withTimeout(120.seconds) { test(kit) } }
}

suspend fun Rapport.customer(name: String = "佳美"): RecordId = create("party") { set("name", name) }

package app.rapport

import app.rapport.ffi.ClientException
import app.rapport.ffi.SecretStore
import java.nio.file.Path
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking

/** For a program without a screen only: an app keeps these in the Keystore. */
class MemorySecrets : SecretStore {
    private val kept = HashMap<String, ByteArray>()

    override fun get(name: String): ByteArray? = kept[name]

    override fun put(name: String, value: ByteArray) {
        kept[name] = value
    }

    override fun remove(name: String) {
        kept.remove(name)
    }
}

/** Hello, field sales: a customer made without a network, found by pinyin, synced, watched. */
suspend fun hello(server: String, code: String, folder: Path) {
    val rapport = Rapport.open(server, folder, app = "hello 1", MemorySecrets())
    rapport.enrol(code, "hello")
    rapport.sync()

    rapport.create("party") {
        set("name", "佳美办公")
        add("tags", "vip")
        splice("notes", at = 0, delete = 0, insert = "Call back in May")
    }
    println("found by pinyin: " + rapport.search("jiamei", "party").map { it.record.title })

    try {
        rapport.sync()
    } catch (_: ClientException.Offline) {
        println("no network: it is kept, and sent later")
    }
    println("waiting: ${rapport.statusNow().waiting}")
    println("customers: ${rapport.watch("party", orderBy = "name").first().size}")
    rapport.signOut()
}

fun main(arguments: Array<String>) = runBlocking { hello(arguments[0], arguments[1], Path.of(arguments[2])) }

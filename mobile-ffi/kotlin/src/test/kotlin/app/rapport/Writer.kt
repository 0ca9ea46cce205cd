package app.rapport

import java.nio.file.Path
import kotlinx.coroutines.runBlocking

/** Writes until it is killed: `WriterKt FOLDER NAME=KEY…`, keys in hex. */
fun main(arguments: Array<String>) = runBlocking {
    val secrets = Secrets()
    for (pair in arguments.drop(1)) {
        val (name, hex) = pair.split("=")
        secrets.kept[name] = hex.chunked(2).map { it.toInt(16).toByte() }.toByteArray()
    }
    val rapport = Rapport.open("http://127.0.0.1:9", Path.of(arguments[0]), "writer", secrets)
    var number = 0
    while (true) {
        rapport.transaction {
            val customer = create("party") { set("name", "customer $number") }
            create("deal") {
                set("title", "deal $number")
                set("party", customer)
            }
        }
        println(number++)
    }
}

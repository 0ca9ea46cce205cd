package sales

import app.rapport.Rapport
import app.rapport.ffi.OpenException
import java.nio.file.Path
import kotlin.system.exitProcess
import kotlinx.coroutines.runBlocking

/** Field sales in a terminal: works on a train, syncs at the station. */
fun main(arguments: Array<String>): Unit = runBlocking {
    if (arguments.size != 2) {
        System.err.println("usage: field-sales SERVER FOLDER")
        exitProcess(2)
    }
    val folder = Path.of(arguments[1])
    val rapport = opened(arguments[0], folder)
    Terminal(rapport, ::println).run(generateSequence { print("> ").let { readlnOrNull() } })
    rapport.close()
    exitProcess(0)
}

/** A store whose key is lost is set aside; what the server has is downloaded into a new one. */
private suspend fun opened(server: String, folder: Path): Rapport {
    val secrets = FileSecrets(folder.resolveSibling("${folder.fileName}.secrets"))
    return try {
        Rapport.open(server, folder, "field-sales 0.1", secrets)
    } catch (lost: OpenException) {
        if (lost !is OpenException.KeyLost && lost !is OpenException.KeyDoesNotMatch && lost !is OpenException.Damaged) throw lost
        println("the store cannot be read any more: set aside as ${Rapport.setAside(folder)}; enrol with a new code")
        Rapport.open(server, folder, "field-sales 0.1", secrets)
    }
}

package sales

import app.rapport.ffi.SecretStore
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.attribute.PosixFilePermissions
import kotlin.io.path.deleteIfExists
import kotlin.io.path.exists
import kotlin.io.path.readBytes

/** Secrets in files that only their owner reads, beside the store. A phone has a key store; a terminal has this. */
class FileSecrets(private val folder: Path) : SecretStore {
    init {
        val owner = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
        if (!folder.exists()) Files.createDirectories(folder, owner)
    }

    override fun get(name: String): ByteArray? = folder.resolve(name).takeIf(Path::exists)?.readBytes()

    override fun put(name: String, value: ByteArray) {
        Files.write(folder.resolve(name), value)
    }

    override fun remove(name: String) {
        folder.resolve(name).deleteIfExists()
    }
}

package sales

import app.rapport.Rapport
import app.rapport.testkit.TestKit
import app.rapport.testkit.checkSecretStore
import java.awt.image.BufferedImage
import java.nio.file.Files
import java.nio.file.Path
import javax.imageio.ImageIO
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.io.TempDir

class TerminalTest {
    @TempDir
    lateinit var folder: Path

    @Test
    fun `secrets are kept in files`() = checkSecretStore { FileSecrets(folder.resolve("contract")) }

    @Test
    fun `a day in the field`() = runBlocking<Unit> {
        TestKit().use { kit ->
            kit.person("ann")
            val said = mutableListOf<String>()
            val rapport = Rapport.open(kit.url, folder.resolve("store"), "test", FileSecrets(folder.resolve("secrets")))
            val terminal = Terminal(rapport) { said += it }
            suspend fun type(vararg lines: String): List<String> {
                said.clear()
                terminal.run(lines.asSequence())
                return said.toList()
            }
            assertEquals(listOf("! enrol first: the console shows a code under Devices"), type("sync"))
            assertEquals(listOf("welcome, rep", "everything is sent, and everything is here"), type("enrol ${kit.code("ann")}"))
            kit.cut()
            assertEquals(listOf("佳美办公  [waiting]", "kept", "visit kept", "quote kept"), type("new 佳美办公", "tag vip", "visit interested", "quote Paper 12.50"))
            val photo = folder.resolve("shop.png")
            ImageIO.write(BufferedImage(1200, 900, BufferedImage.TYPE_INT_RGB), "png", photo.toFile())
            assertEquals(listOf("photo kept", "1  shop.png, ${Files.size(photo)} bytes  [waiting]"), type("photo $photo", "files"))
            assertEquals("? there is no file `/no/such`", type("photo /no/such").single())
            assertEquals("! no network: everything is kept, and sent later", type("sync").single())
            assertEquals("! 5 edits, 2 files and 0 drafts are here only: sync first", type("out").single())
            kit.mend()
            assertEquals("everything is sent, and everything is here", type("sync").single())
            assertEquals(listOf("1  shop.png, ${Files.size(photo)} bytes", "written to ${folder.resolve("out.png")}"), type("files", "save 1 ${folder.resolve("out.png")}"))
            assertContentEquals(Files.readAllBytes(photo), Files.readAllBytes(folder.resolve("out.png")))
            assertEquals(listOf("1  佳美办公"), type("find jiamei"))
            assertEquals(listOf("佳美办公", "  tags: [vip]", "  <- activity Visit", "  <- offer Paper"), type("open 1"))
            kit.rejectNext("ann", detail = "not this one")
            type("set industry print", "sync")
            assertEquals(listOf("1  refused: not this one", "sent again"), type("drafts", "retry 1"))
            type("sync")
            assertEquals(listOf("everything was accepted", "nobody disagrees"), type("drafts", "conflicts"))
            assertEquals(listOf("kept", "taken back", "佳美办公  [waiting]"), type("set name mistake", "undo", "open 1").take(3))
            assertEquals("? there is no number `9` in the list", type("open 9").single())
            kit.revokeDevices("ann")
            assertEquals("! this terminal was shut out (revoked)", type("sync").single())
        }
    }
}

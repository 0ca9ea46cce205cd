package app.rapport

import java.io.ByteArrayOutputStream
import java.io.PrintStream
import java.nio.file.Path
import kotlin.test.Test
import kotlin.test.assertEquals
import org.junit.jupiter.api.io.TempDir

class HelloTest {
    @TempDir
    lateinit var folder: Path

    @Test
    fun `the README's sample runs`() = withKit { kit ->
        kit.person("ann")
        val (before, said) = System.out to ByteArrayOutputStream()
        System.setOut(PrintStream(said, true, Charsets.UTF_8))
        try {
            hello(kit.url, kit.code("ann"), folder)
        } finally {
            System.setOut(before)
        }
        assertEquals(listOf("found by pinyin: [佳美办公]", "waiting: 0", "customers: 1"), said.toString(Charsets.UTF_8).trim().lines())
    }
}

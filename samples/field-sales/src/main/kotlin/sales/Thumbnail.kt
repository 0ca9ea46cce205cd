package sales

import java.awt.Image
import java.awt.image.BufferedImage
import java.io.ByteArrayOutputStream
import java.nio.file.Path
import javax.imageio.ImageIO

private const val LONGEST_SIDE = 320.0

/** A small picture of a photo, as JPEG; `null` for what is no picture. On Android BitmapFactory does it, on iOS ImageIO. */
fun thumbnailOf(photo: Path): ByteArray? {
    val whole = ImageIO.read(photo.toFile()) ?: return null
    val scale = minOf(1.0, LONGEST_SIDE / maxOf(whole.width, whole.height))
    val (width, height) = listOf(whole.width, whole.height).map { (it * scale).toInt().coerceAtLeast(1) }
    val small = BufferedImage(width, height, BufferedImage.TYPE_INT_RGB)
    small.createGraphics().apply {
        drawImage(whole.getScaledInstance(width, height, Image.SCALE_SMOOTH), 0, 0, null)
        dispose()
    }
    return ByteArrayOutputStream().also { ImageIO.write(small, "jpeg", it) }.toByteArray()
}

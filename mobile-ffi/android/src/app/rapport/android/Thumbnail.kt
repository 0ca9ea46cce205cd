// NOT COMPILED BY THIS PROJECT: it needs the Android SDK. What it feeds is tested on the JVM (`Rapport.attach`).
package app.rapport.android

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.media.ThumbnailUtils
import android.os.Build
import android.util.Size
import java.io.ByteArrayOutputStream
import java.io.File

private const val LONGEST_SIDE = 320
private const val QUALITY = 70

/** A small picture of a photo as JPEG, upright from Android 10 on: what `attach` takes as `thumbnail`. */
fun thumbnailOf(photo: File): ByteArray? {
    val small = if (Build.VERSION.SDK_INT >= 29) {
        ThumbnailUtils.createImageThumbnail(photo, Size(LONGEST_SIDE, LONGEST_SIDE), null)
    } else {
        BitmapFactory.decodeFile(photo.path, BitmapFactory.Options().apply { inSampleSize = 8 }) ?: return null
    }
    return ByteArrayOutputStream().also { small.compress(Bitmap.CompressFormat.JPEG, QUALITY, it) }.toByteArray()
}

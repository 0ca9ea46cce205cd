// NOT COMPILED BY THIS PROJECT: it needs the Android SDK. Its contract is `checkSecretStore`; run that on a device.
package app.rapport.android

import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.os.UserManager
import app.rapport.ffi.SecretException
import app.rapport.ffi.SecretStore
import java.io.File
import java.security.KeyStore
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/** Secrets sealed by a key that never leaves the Keystore, in a folder that no backup reads. */
class KeystoreSecretStore(private val context: Context) : SecretStore {
    private val folder = File(context.noBackupFilesDir, "rapport-secrets").apply { mkdirs() }

    override fun get(name: String): ByteArray? = guarded {
        val file = File(folder, name)
        if (!file.exists()) return@guarded null
        val sealed = file.readBytes()
        val cipher = Cipher.getInstance(CIPHER)
        val key = key(create = false) ?: throw SecretException.Invalidated()
        cipher.init(Cipher.DECRYPT_MODE, key, GCMParameterSpec(TAG_BITS, sealed, 0, IV_BYTES))
        cipher.doFinal(sealed, IV_BYTES, sealed.size - IV_BYTES)
    }

    override fun put(name: String, value: ByteArray): Unit = guarded {
        val cipher = Cipher.getInstance(CIPHER)
        cipher.init(Cipher.ENCRYPT_MODE, key(create = true))
        // All of it or the old one: a key that is half written is a store that is lost.
        val half = File(folder, "$name.new")
        half.writeBytes(cipher.iv + cipher.doFinal(value))
        if (!half.renameTo(File(folder, name))) throw SecretException.Unavailable("cannot write $name")
    }

    override fun remove(name: String) {
        File(folder, name).delete()
    }

    private fun key(create: Boolean): SecretKey? {
        val store = KeyStore.getInstance(KEYSTORE).apply { load(null) }
        (store.getKey(ALIAS, null) as SecretKey?)?.let { return it }
        if (!create) return null
        val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        val spec = KeyGenParameterSpec.Builder(ALIAS, purposes)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, KEYSTORE).apply { init(spec) }.generateKey()
    }

    private fun <T> guarded(work: () -> T): T {
        if (!context.getSystemService(UserManager::class.java).isUserUnlocked) throw SecretException.Locked()
        return try {
            work()
        } catch (_: KeyPermanentlyInvalidatedException) {
            throw SecretException.Invalidated()
        } catch (failed: java.security.GeneralSecurityException) {
            throw SecretException.Unavailable(failed.javaClass.simpleName)
        }
    }

    private companion object {
        const val KEYSTORE = "AndroidKeyStore"
        const val ALIAS = "rapport"
        const val CIPHER = "AES/GCM/NoPadding"
        const val IV_BYTES = 12
        const val TAG_BITS = 128
    }
}

package app.rapport.testkit

import app.rapport.ffi.SecretStore

/**
 * What every [SecretStore] must do; run it over your own, on the device that has it.
 *
 * `open` opens the same store again, as a restart of the app does.
 */
fun checkSecretStore(open: () -> SecretStore) {
    val (name, other) = "rapport.contract" to "rapport.contract.other"
    val bytes = ByteArray(256) { it.toByte() }
    open().remove(name)
    check(open().get(name) == null) { "a secret that was never kept is there" }
    open().put(name, bytes)
    check(open().get(name)?.contentEquals(bytes) == true) { "a secret is not kept over a restart, byte for byte" }
    open().put(name, byteArrayOf(1))
    check(open().get(name)?.contentEquals(byteArrayOf(1)) == true) { "a secret is not replaced" }
    check(open().get(other) == null) { "two names are one secret" }
    open().remove(name)
    open().remove(name)
    check(open().get(name) == null) { "a removed secret is there" }
}

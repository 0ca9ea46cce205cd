//! The cryptography that SQLCipher calls: AES-256-CBC, HMAC and PBKDF2, without OpenSSL.
//!
//! SQLCipher decides what is encrypted, with which keys and in which layout; this answers single
//! questions. It is compiled in place of OpenSSL by `SQLCIPHER_CRYPTO_CUSTOM` (docs/adr/0003). Never
//! keeps a key, and never panics: a panic may not cross into C.

mod compute;

use std::ffi::{CStr, c_char, c_int, c_uchar, c_void};

pub use compute::{Direction, Hash, cipher, derive, hmac, random};

const OK: c_int = 0;
const ERROR: c_int = 1;
/// `CIPHER_ENCRYPT` of SQLCipher; anything else decrypts.
const ENCRYPT: c_int = 1;
const NAME: &CStr = c"rapport";
const VERSION: &CStr = c"1 (ring, aes)";
const CIPHER_NAME: &CStr = c"AES-256-CBC";

/// `sqlcipher_provider` of SQLCipher 4.10 but its last member, a link of its own list.
#[repr(C)]
pub struct Provider {
    init: Option<extern "C" fn() -> c_int>,
    shutdown: Option<extern "C" fn()>,
    get_provider_name: extern "C" fn(*mut c_void) -> *const c_char,
    add_random: extern "C" fn(*mut c_void, *const c_void, c_int) -> c_int,
    random: unsafe extern "C" fn(*mut c_void, *mut c_void, c_int) -> c_int,
    hmac: unsafe extern "C" fn(
        *mut c_void,
        c_int,
        *const c_uchar,
        c_int,
        *const c_uchar,
        c_int,
        *const c_uchar,
        c_int,
        *mut c_uchar,
    ) -> c_int,
    kdf: unsafe extern "C" fn(*mut c_void, c_int, *const c_uchar, c_int, *const c_uchar, c_int, c_int, c_int, *mut c_uchar) -> c_int,
    cipher: unsafe extern "C" fn(*mut c_void, c_int, *const c_uchar, c_int, *const c_uchar, *const c_uchar, c_int, *mut c_uchar) -> c_int,
    get_cipher: extern "C" fn(*mut c_void) -> *const c_char,
    get_key_sz: extern "C" fn(*mut c_void) -> c_int,
    get_iv_sz: extern "C" fn(*mut c_void) -> c_int,
    get_block_sz: extern "C" fn(*mut c_void) -> c_int,
    get_hmac_sz: extern "C" fn(*mut c_void, c_int) -> c_int,
    ctx_init: extern "C" fn(*mut *mut c_void) -> c_int,
    ctx_free: extern "C" fn(*mut *mut c_void) -> c_int,
    fips_status: extern "C" fn(*mut c_void) -> c_int,
    get_provider_version: extern "C" fn(*mut c_void) -> *const c_char,
}

/// What SQLCipher calls once, before the first database is opened.
///
/// # Safety
/// `provider` points to room for SQLCipher's `sqlcipher_provider`.
// SAFETY: no other library has a symbol of this name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rapport_cipher_setup(provider: *mut Provider) -> c_int {
    if provider.is_null() {
        return ERROR;
    }
    let filled = Provider {
        init: None,
        shutdown: None,
        get_provider_name,
        add_random,
        random: random_bytes,
        hmac: hmac_of_two,
        kdf,
        cipher: cipher_page,
        get_cipher,
        get_key_sz,
        get_iv_sz,
        get_block_sz,
        get_hmac_sz,
        ctx_init: ctx_unused,
        ctx_free: ctx_unused,
        fips_status,
        get_provider_version,
    };
    // SAFETY: the caller's promise; the room may hold anything before, so it is written, not assigned.
    unsafe { provider.write(filled) };
    OK
}

extern "C" fn get_provider_name(_: *mut c_void) -> *const c_char {
    NAME.as_ptr()
}

extern "C" fn get_provider_version(_: *mut c_void) -> *const c_char {
    VERSION.as_ptr()
}

extern "C" fn get_cipher(_: *mut c_void) -> *const c_char {
    CIPHER_NAME.as_ptr()
}

/// The operating system's generator takes no advice.
extern "C" fn add_random(_: *mut c_void, _: *const c_void, _: c_int) -> c_int {
    OK
}

extern "C" fn get_key_sz(_: *mut c_void) -> c_int {
    compute::KEY_BYTES as c_int
}

extern "C" fn get_iv_sz(_: *mut c_void) -> c_int {
    compute::BLOCK_BYTES as c_int
}

extern "C" fn get_block_sz(_: *mut c_void) -> c_int {
    compute::BLOCK_BYTES as c_int
}

extern "C" fn get_hmac_sz(_: *mut c_void, algorithm: c_int) -> c_int {
    Hash::of(algorithm).map_or(0, |hash| hash.bytes() as c_int)
}

extern "C" fn ctx_unused(_: *mut *mut c_void) -> c_int {
    OK
}

extern "C" fn fips_status(_: *mut c_void) -> c_int {
    0
}

/// Bytes that C passes; none for a null pointer or a length that is none.
///
/// # Safety
/// `from` is null or points to `length` bytes that nobody writes meanwhile.
unsafe fn bytes<'a>(from: *const c_uchar, length: c_int) -> Option<&'a [u8]> {
    let length = usize::try_from(length).ok()?;
    // SAFETY: not null here; the rest is the caller's promise.
    (!from.is_null()).then(|| unsafe { std::slice::from_raw_parts(from, length) })
}

/// As [`bytes`], to write.
///
/// # Safety
/// `to` is null or points to `length` bytes that nobody else reads or writes meanwhile.
unsafe fn room<'a>(to: *mut c_uchar, length: usize) -> Option<&'a mut [u8]> {
    // SAFETY: not null here; the rest is the caller's promise.
    (!to.is_null()).then(|| unsafe { std::slice::from_raw_parts_mut(to, length) })
}

fn answer(done: Option<()>) -> c_int {
    done.map_or(ERROR, |()| OK)
}

unsafe extern "C" fn random_bytes(_: *mut c_void, buffer: *mut c_void, length: c_int) -> c_int {
    let fill = || {
        // SAFETY: SQLCipher passes a buffer of that length.
        let room = unsafe { room(buffer.cast(), usize::try_from(length).ok()?) }?;
        random(room)
    };
    answer(fill())
}

unsafe extern "C" fn hmac_of_two(
    _: *mut c_void,
    algorithm: c_int,
    key: *const c_uchar,
    key_bytes: c_int,
    first: *const c_uchar,
    first_bytes: c_int,
    second: *const c_uchar,
    second_bytes: c_int,
    out: *mut c_uchar,
) -> c_int {
    let compute = || {
        let hash = Hash::of(algorithm)?;
        // SAFETY: SQLCipher passes buffers of these lengths; the second one may be null.
        let (key, first) = unsafe { (bytes(key, key_bytes)?, bytes(first, first_bytes)?) };
        // SAFETY: as above.
        let second = unsafe { bytes(second, second_bytes) }.unwrap_or_default();
        let tag = hmac(hash, key, first, second);
        // SAFETY: `out` has room for `get_hmac_sz` bytes; the inputs are not used any more.
        unsafe { room(out, hash.bytes()) }?.copy_from_slice(tag.as_ref());
        Some(())
    };
    answer(compute())
}

unsafe extern "C" fn kdf(
    _: *mut c_void,
    algorithm: c_int,
    pass: *const c_uchar,
    pass_bytes: c_int,
    salt: *const c_uchar,
    salt_bytes: c_int,
    rounds: c_int,
    key_bytes: c_int,
    key: *mut c_uchar,
) -> c_int {
    let compute = || {
        // SAFETY: SQLCipher passes buffers of these lengths.
        let (pass, salt) = unsafe { (bytes(pass, pass_bytes)?, bytes(salt, salt_bytes)?) };
        // SAFETY: as above; it derives into a buffer of its own.
        let key = unsafe { room(key, usize::try_from(key_bytes).ok()?) }?;
        derive(Hash::of(algorithm)?, u32::try_from(rounds).ok()?, pass, salt, key)
    };
    answer(compute())
}

unsafe extern "C" fn cipher_page(
    _: *mut c_void,
    mode: c_int,
    key: *const c_uchar,
    key_bytes: c_int,
    iv: *const c_uchar,
    input: *const c_uchar,
    input_bytes: c_int,
    out: *mut c_uchar,
) -> c_int {
    let compute = || {
        let length = usize::try_from(input_bytes).ok()?;
        if input.is_null() || out.is_null() {
            return None;
        }
        // SAFETY: both have `input_bytes`; they may be one buffer, so the bytes are moved as memmove does.
        unsafe { std::ptr::copy(input, out, length) };
        // SAFETY: SQLCipher passes a key of `get_key_sz` and an IV of `get_iv_sz` bytes, apart from `out`.
        let (key, iv) = unsafe { (bytes(key, key_bytes)?, bytes(iv, get_iv_sz(std::ptr::null_mut()))?) };
        let direction = if mode == ENCRYPT { Direction::Encrypt } else { Direction::Decrypt };
        // SAFETY: `input` is not used any more.
        cipher(direction, key, iv, unsafe { room(out, length) }?)
    };
    answer(compute())
}

#[cfg(test)]
mod tests;

//! The computations, on slices: nothing here is unsafe.

use std::num::NonZeroU32;

use aes::Aes256;
use aes::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{hmac, pbkdf2};

/// AES-256.
pub(crate) const KEY_BYTES: usize = 32;
/// AES; its blocks are as long as the IV of a chain.
pub(crate) const BLOCK_BYTES: usize = 16;

/// Which way a page goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Into the file.
    Encrypt,
    /// Out of it.
    Decrypt,
}

/// The hash functions that SQLCipher names by a number. It writes with SHA-512; the others open older files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// Number 0.
    Sha1,
    /// Number 1.
    Sha256,
    /// Number 2.
    Sha512,
}

impl Hash {
    /// By SQLCipher's number.
    pub fn of(algorithm: i32) -> Option<Self> {
        match algorithm {
            0 => Some(Hash::Sha1),
            1 => Some(Hash::Sha256),
            2 => Some(Hash::Sha512),
            _ => None,
        }
    }

    /// How long its answer is.
    pub fn bytes(self) -> usize {
        match self {
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
            Hash::Sha512 => 64,
        }
    }
}

/// Fills a buffer from the operating system's generator.
pub fn random(buffer: &mut [u8]) -> Option<()> {
    SystemRandom::new().fill(buffer).ok()
}

/// HMAC of two buffers, one after the other.
pub fn hmac(hash: Hash, key: &[u8], first: &[u8], second: &[u8]) -> impl AsRef<[u8]> + use<> {
    let algorithm = match hash {
        Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha512 => hmac::HMAC_SHA512,
    };
    let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
    context.update(first);
    context.update(second);
    context.sign()
}

/// PBKDF2; `None` without a round.
pub fn derive(hash: Hash, rounds: u32, pass: &[u8], salt: &[u8], key: &mut [u8]) -> Option<()> {
    let algorithm = match hash {
        Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        Hash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
    };
    pbkdf2::derive(algorithm, NonZeroU32::new(rounds)?, salt, pass, key);
    Some(())
}

/// AES-256-CBC in place, without padding; `None` when a length does not fit.
pub fn cipher(direction: Direction, key: &[u8], iv: &[u8], buffer: &mut [u8]) -> Option<()> {
    let (blocks, rest) = Array::slice_as_chunks_mut(buffer);
    if !rest.is_empty() {
        return None;
    }
    match direction {
        Direction::Encrypt => cbc::Encryptor::<Aes256>::new_from_slices(key, iv).ok()?.encrypt_blocks(blocks),
        Direction::Decrypt => cbc::Decryptor::<Aes256>::new_from_slices(key, iv).ok()?.decrypt_blocks(blocks),
    }
    Some(())
}

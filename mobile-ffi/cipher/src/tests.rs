//! Published vectors, asked through the table that SQLCipher sees.

use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use super::*;

fn provider() -> Provider {
    let mut provider = MaybeUninit::uninit();
    // SAFETY: there is room for one, and it is filled when the answer is good.
    unsafe {
        assert_eq!(rapport_cipher_setup(provider.as_mut_ptr()), OK);
        provider.assume_init()
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn ciphered(mode: c_int, key: &[u8], iv: &[u8], input: &[u8]) -> (c_int, Vec<u8>) {
    let mut out = vec![0; input.len()];
    // SAFETY: all buffers are as long as is said.
    let code = unsafe {
        (provider().cipher)(
            null_mut(),
            mode,
            key.as_ptr(),
            key.len() as c_int,
            iv.as_ptr(),
            input.as_ptr(),
            input.len() as c_int,
            out.as_mut_ptr(),
        )
    };
    (code, out)
}

#[test]
fn pages_are_ciphered_as_nist_sp_800_38a_says() {
    let key = hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
    let iv = hex("000102030405060708090a0b0c0d0e0f");
    let plain = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    let sealed = hex("f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d");
    assert_eq!(ciphered(ENCRYPT, &key, &iv, &plain), (OK, sealed.clone()));
    assert_eq!(ciphered(0, &key, &iv, &sealed), (OK, plain));
}

#[test]
fn what_does_not_fit_is_an_error_and_no_crash() {
    let (key, iv) = ([7; 32], [0; 16]);
    assert_eq!(ciphered(ENCRYPT, &key[..16], &iv, &[0; 16]).0, ERROR);
    assert_eq!(ciphered(ENCRYPT, &key, &iv, &[0; 15]).0, ERROR);
    let table = provider();
    let mut out = [0; 64];
    // SAFETY: null pointers are refused before they are read.
    unsafe {
        assert_eq!((table.cipher)(null_mut(), ENCRYPT, null(), 32, iv.as_ptr(), iv.as_ptr(), 16, out.as_mut_ptr()), ERROR);
        assert_eq!((table.hmac)(null_mut(), 2, key.as_ptr(), 32, null(), 0, null(), 0, out.as_mut_ptr()), ERROR);
        assert_eq!((table.hmac)(null_mut(), 9, key.as_ptr(), 32, key.as_ptr(), 32, null(), 0, out.as_mut_ptr()), ERROR);
        assert_eq!((table.kdf)(null_mut(), 2, key.as_ptr(), 32, key.as_ptr(), 16, 0, 32, out.as_mut_ptr()), ERROR);
        assert_eq!((table.random)(null_mut(), null_mut(), 16), ERROR);
        assert_eq!(rapport_cipher_setup(null_mut()), ERROR);
    }
}

#[test]
fn a_code_over_two_buffers_is_the_one_of_rfc_4231() {
    let (key, data) = (b"Jefe", b"what do ya want for nothing?");
    let expected = hex(
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
    );
    let mut out = [0; 64];
    let (first, second) = data.split_at(5);
    // SAFETY: all buffers are as long as is said.
    let code = unsafe {
        let table = provider();
        (table.hmac)(
            null_mut(),
            2,
            key.as_ptr(),
            key.len() as c_int,
            first.as_ptr(),
            first.len() as c_int,
            second.as_ptr(),
            second.len() as c_int,
            out.as_mut_ptr(),
        )
    };
    assert_eq!((code, out.to_vec()), (OK, expected));
}

#[test]
fn keys_are_derived_as_rfc_6070_and_its_sha_2_vectors_say() {
    let cases = [
        (0, 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
        (1, 1, "120fb6cffcf8b32c43e7225256c4f837a86548c92ccc35480805987cb70be17b"),
        (2, 1, "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252"),
    ];
    for (algorithm, rounds, expected) in cases {
        let expected = hex(expected);
        let (pass, salt, mut key) = (b"password", b"salt", vec![0; expected.len()]);
        let length = key.len() as c_int;
        // SAFETY: all buffers are as long as is said.
        let code = unsafe {
            let table = provider();
            (table.kdf)(null_mut(), algorithm, pass.as_ptr(), 8, salt.as_ptr(), 4, rounds, length, key.as_mut_ptr())
        };
        assert_eq!((code, key), (OK, expected), "algorithm {algorithm}");
    }
}

#[test]
fn randomness_differs_each_time_and_sizes_are_those_of_aes_and_sha_2() {
    let table = provider();
    let (mut one, mut other) = ([0_u8; 32], [0_u8; 32]);
    // SAFETY: both have 32 bytes.
    unsafe {
        assert_eq!((table.random)(null_mut(), one.as_mut_ptr().cast(), 32), OK);
        assert_eq!((table.random)(null_mut(), other.as_mut_ptr().cast(), 32), OK);
    }
    assert_ne!(one, other);
    assert_eq!([0, 1, 2, 3].map(|algorithm| (table.get_hmac_sz)(null_mut(), algorithm)), [20, 32, 64, 0]);
    assert_eq!(((table.get_key_sz)(null_mut()), (table.get_iv_sz)(null_mut()), (table.get_block_sz)(null_mut())), (32, 16, 16));
}

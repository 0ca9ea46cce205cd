//! One-time codes of authenticator apps (RFC 6238): six digits, a new one every half minute.
//!
//! Knows neither users nor the database; the time is an argument.

use ring::hmac;
use sync_core::id::Millis;

use super::secret::random;

/// 160 bits, as the RFC recommends for SHA-1.
pub const SECRET_BYTES: usize = 20;

/// A half minute: what every authenticator app assumes.
const STEP_MS: Millis = 30_000;

/// Codes of the half minute before and after count, too: phones' clocks are off, and people are slow.
const STEPS_ASIDE: i64 = 1;

/// What every authenticator app assumes.
const DIGITS: usize = 6;
const MODULUS: u32 = 1_000_000;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What an authenticator app and the server share.
#[derive(Clone, PartialEq, Eq)]
pub struct Shared(pub [u8; SECRET_BYTES]);

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared(<secret>)")
    }
}

impl Shared {
    /// A new one.
    #[expect(clippy::new_without_default, reason = "every secret is another one")]
    pub fn new() -> Self {
        Self(random())
    }

    /// The half minute for which `code` is right around `now`, if it is newer than `last_step`.
    pub fn step_of(&self, code: &str, now: Millis, last_step: i64) -> Option<i64> {
        let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        if digits.len() != DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let typed: u32 = digits.parse().ok()?;
        let present = now / STEP_MS;
        (present - STEPS_ASIDE..=present + STEPS_ASIDE).find(|step| *step > last_step && self.code(*step) == typed)
    }

    /// The code at a moment, as an app shows it.
    pub fn code_at(&self, now: Millis) -> String {
        format!("{:06}", self.code(now / STEP_MS))
    }

    fn code(&self, step: i64) -> u32 {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let bytes = tag.as_ref();
        let offset = usize::from(bytes[bytes.len() - 1] & 0x0f);
        let word = u32::from_be_bytes([bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]]);
        (word & 0x7fff_ffff) % MODULUS
    }

    /// For typing where a camera is missing, in groups of four.
    pub fn typed(&self) -> String {
        let text = self.base32();
        text.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect::<Vec<_>>().join(" ")
    }

    /// The address that an authenticator app reads from a QR code.
    pub fn address(&self, login: &str, place: &str) -> String {
        let label = encoded(&format!("Rapport ({place}):{login}"));
        format!("otpauth://totp/{label}?secret={}&issuer={}", self.base32(), encoded(&format!("Rapport ({place})")))
    }

    fn base32(&self) -> String {
        let bits = self.0.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect::<Vec<_>>();
        bits.chunks(5).map(|five| char::from(BASE32[usize::from(five.iter().fold(0, |sum, bit| sum << 1 | bit))])).collect()
    }
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qr::Square;

    fn rfc() -> Shared {
        Shared(*b"12345678901234567890")
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            assert_eq!(rfc().code_at(seconds * 1000), code);
        }
    }

    #[test]
    fn a_code_counts_half_a_minute_too_early_or_late_and_only_once() {
        let now = 1_800_000_000_000;
        let code = rfc().code_at(now);
        let step = rfc().step_of(&code, now, 0).unwrap();
        assert_eq!(rfc().step_of(&format!(" {} {} ", &code[..3], &code[3..]), now + STEP_MS, 0), Some(step));
        assert_eq!(rfc().step_of(&code, now - STEP_MS, 0), Some(step));
        assert_eq!(rfc().step_of(&code, now + 2 * STEP_MS, 0), None);
        assert_eq!(rfc().step_of(&code, now, step), None);
        for nonsense in ["", "12345", "1234567", "abcdef", "１２３４５６"] {
            assert_eq!(rfc().step_of(nonsense, now, 0), None);
        }
    }

    #[test]
    fn an_app_reads_the_address() {
        assert_eq!(
            rfc().address("ann", "main"),
            "otpauth://totp/Rapport%20%28main%29%3Aann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Rapport%20%28main%29"
        );
        let Square { path, size } = Square::of(&rfc().address("ann", "main")).unwrap();
        assert!(path.starts_with("M4,4h1v1h-1z") && size > 29, "{size}");
    }
}

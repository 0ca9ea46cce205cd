//! Passwords: argon2id, bounded in how much memory many at once may take.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// OWASP's choice for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Shorter passwords are guessed; longer ones are only work.
pub const PASSWORD_CHARS_MIN: usize = 10;
/// More than anybody types: hashing it must not become the attack.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// A password that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    /// Easily guessed.
    #[error("a password needs at least {PASSWORD_CHARS_MIN} characters")]
    Short,
    /// Not typed by anybody.
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    Long,
    /// One character again and again, or one after the other as they stand in line.
    #[error("a password is more than one character repeated, or a row such as 1234567890")]
    Plain,
    /// It is what it was.
    #[error("this is the password already: choose another one")]
    Same,
}

/// Whether a password is one character repeated, or a row upwards or downwards.
fn is_plain(password: &str) -> bool {
    let letters: Vec<char> = password.chars().collect();
    let step = |pair: &[char]| match (pair[0], pair[1]) {
        // On a keyboard nought follows nine.
        ('9', '0') => 1,
        ('0', '9') => -1,
        (one, next) => i64::from(u32::from(next)) - i64::from(u32::from(one)),
    };
    let steps: Vec<i64> = letters.windows(2).map(step).collect();
    steps.first().is_some_and(|first| (-1..=1).contains(first) && steps.iter().all(|step| step == first))
}

/// How a password compares with what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is another one.
    Wrong,
    /// It is the one.
    Right,
    /// It is the one, hashed with parameters of the past: hash it again.
    RightButOld,
}

/// Hashes and compares passwords, a few at a time.
#[derive(Clone)]
pub struct Passwords {
    /// Each hash takes 19 MiB and a core for some 20 ms: more at once than there are cores would
    /// only take memory. Twice that keeps the cores busy while tasks change hands.
    slots: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { slots: Arc::new(Semaphore::new(2 * cores)) }
    }
}

impl Passwords {
    /// What to store of a new password.
    ///
    /// # Errors
    /// When it is too short, too long or guessed at once.
    pub async fn hash(&self, password: &str) -> Result<String, BadPassword> {
        if password.chars().count() < PASSWORD_CHARS_MIN {
            return Err(BadPassword::Short);
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(BadPassword::Long);
        }
        if is_plain(password) {
            return Err(BadPassword::Plain);
        }
        let password = password.to_owned();
        Ok(self.run(move || hash(&password)).await)
    }

    /// Compares a password with what is stored; takes as long when nothing is stored.
    pub async fn verify(&self, password: &str, stored: Option<String>) -> Verdict {
        if password.len() > PASSWORD_BYTES_MAX {
            return Verdict::Wrong;
        }
        let password = password.to_owned();
        self.run(move || verify(&password, stored.as_deref())).await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let permit = Arc::clone(&self.slots).acquire_owned().await.expect("the semaphore is never closed");
        let work = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.expect("hashing does not panic")
    }
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are constants within their bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &str) -> String {
    let salt = super::secret::random::<16>();
    let hash: PasswordHash =
        hasher().hash_password_with_salt(password.as_bytes(), &salt).expect("a password within its bounds and a salt can be hashed");
    hash.to_string()
}

fn verify(password: &str, stored: Option<&str>) -> Verdict {
    let nobody = || PasswordHash::new(&nobodys_hash()).expect("the constant is a hash");
    let (known, parsed) = match stored.map(PasswordHash::new) {
        Some(Ok(parsed)) => (true, parsed),
        Some(Err(_)) | None => (false, nobody()),
    };
    let right = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
    match Params::try_from(&parsed) {
        _ if !right || !known => Verdict::Wrong,
        Ok(params) if (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES) => Verdict::Right,
        _ => Verdict::RightButOld,
    }
}

/// The hash of no password, with today's parameters: comparing with it takes as long as with a real one.
fn nobodys_hash() -> String {
    let (salt, digest) = ("A".repeat(22), "A".repeat(43));
    format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stored_password_has_the_parameters_we_promise() {
        let passwords = Passwords::default();
        let stored = passwords.hash("correct horse").await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(passwords.verify("correct horse", Some(stored.clone())).await, Verdict::Right);
        assert_eq!(passwords.verify("wrong horse!", Some(stored)).await, Verdict::Wrong);
        assert_eq!(passwords.hash("short").await, Err(BadPassword::Short));
        for plain in ["aaaaaaaaaaaa", "1234567890", "0987654321", "abcdefghijkl"] {
            assert_eq!(passwords.hash(plain).await, Err(BadPassword::Plain), "{plain}");
        }
        assert_eq!(passwords.hash(&"x".repeat(2000)).await, Err(BadPassword::Long));
    }

    #[tokio::test]
    async fn a_password_hashed_long_ago_is_right_and_called_old() {
        let params = Params::new(8 * 1024, 1, 1, None).unwrap();
        let old: PasswordHash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(b"correct horse").unwrap();
        assert_eq!(Passwords::default().verify("correct horse", Some(old.to_string())).await, Verdict::RightButOld);
    }

    #[test]
    fn nobody_has_a_hash_that_costs_what_a_real_one_costs() {
        let parsed = PasswordHash::new(&nobodys_hash()).unwrap();
        let params = Params::try_from(&parsed).unwrap();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (MEMORY_KIB, PASSES, LANES));
        assert_eq!(parsed.hash.unwrap().as_bytes().len(), 32);
        assert_eq!(verify("anything", None), Verdict::Wrong);
    }
}

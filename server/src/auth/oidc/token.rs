//! Reading an ID token: signed by one of the provider's keys, meant for us, now, for this very sign-in.
//!
//! Only asymmetric algorithms are known. A token that says `none`, or names our own secret as its key, is one
//! of an algorithm that is not there.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;

/// How far a provider's clock may be from ours.
const SKEW_S: i64 = 60;

/// The longest token that is looked at: a few claims and a signature.
const TOKEN_BYTES_MAX: usize = 32 * 1024;

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It is no token.
    #[error("it is not a signed token")]
    Malformed,
    /// The algorithm is not one that is taken.
    #[error("its algorithm `{0}` is not taken")]
    Algorithm(String),
    /// Its key is none of the provider's: they may have been exchanged.
    #[error("its key is none of the provider's")]
    UnknownKey,
    /// The signature is not its key's.
    #[error("its signature is wrong")]
    Signature,
    /// A claim is not what it must be.
    #[error("its claim `{0}` is wrong")]
    Claim(&'static str),
}

/// A provider's keys, as it publishes them.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Keys {
    keys: Vec<Key>,
}

#[derive(Debug, Clone, Deserialize)]
struct Key {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
}

/// What a token says.
#[derive(Debug, Clone, Deserialize)]
pub struct Claims {
    iss: String,
    /// As whom the provider knows the person, for ever.
    pub sub: String,
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    exp: i64,
    iat: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    nonce: Option<String>,
    /// The person's address,
    #[serde(default)]
    pub email: Option<String>,
    /// and whether the provider knows that it is theirs.
    #[serde(default)]
    pub email_verified: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What a token must be.
pub struct Expected<'a> {
    /// Who made it.
    pub issuer: &'a str,
    /// For whom: us.
    pub client: &'a str,
    /// For which sign-in.
    pub nonce: &'a str,
    /// The time in seconds.
    pub now_s: i64,
}

impl Claims {
    /// The address, if the provider says that it is the person's own. Some say so with a text.
    pub fn verified_email(&self) -> Option<String> {
        let is_verified = self.email_verified.as_ref().is_some_and(|word| *word == true || *word == "true");
        self.email.as_deref().filter(|_| is_verified).map(|email| email.trim().to_lowercase()).filter(|email| email.contains('@'))
    }

    fn check(&self, expected: &Expected<'_>) -> Result<(), BadToken> {
        let is_for_us = match &self.aud {
            Audience::One(one) => one == expected.client,
            // Of several, one is whom it was made for.
            Audience::Several(all) => {
                all.iter().any(|one| one == expected.client) && (all.len() == 1 || self.azp.as_deref() == Some(expected.client))
            }
        };
        let checks = [
            ("iss", self.iss == expected.issuer),
            ("aud", is_for_us && self.azp.as_deref().is_none_or(|azp| azp == expected.client)),
            ("exp", self.exp > expected.now_s - SKEW_S),
            ("iat", self.iat < expected.now_s + SKEW_S),
            ("nbf", self.nbf.is_none_or(|from| from < expected.now_s + SKEW_S)),
            ("nonce", self.nonce.as_deref() == Some(expected.nonce)),
            ("sub", !self.sub.is_empty() && self.sub.len() <= 255),
        ];
        checks.iter().find(|(_, holds)| !holds).map_or(Ok(()), |(claim, _)| Err(BadToken::Claim(claim)))
    }
}

/// Reads a token.
///
/// # Errors
/// [`BadToken`]: nothing in it is to be believed.
pub fn read(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<Claims, BadToken> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(BadToken::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(BadToken::Malformed)?;
    let (head, body) = signed.split_once('.').ok_or(BadToken::Malformed)?;
    let head: Head = decoded(head).and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or(BadToken::Malformed)?;
    let signature = decoded(signature).ok_or(BadToken::Malformed)?;
    verify(&head, keys, signed.as_bytes(), &signature)?;
    let claims: Claims = decoded(body).and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or(BadToken::Malformed)?;
    claims.check(expected)?;
    Ok(claims)
}

fn verify(head: &Head, keys: &Keys, signed: &[u8], signature: &[u8]) -> Result<(), BadToken> {
    let kty = match head.alg.as_str() {
        "RS256" => "RSA",
        "ES256" => "EC",
        "EdDSA" => "OKP",
        other => return Err(BadToken::Algorithm(other.chars().take(20).collect())),
    };
    let fits = |key: &&Key| {
        key.kty == kty
            && key.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && key.alg.as_deref().is_none_or(|alg| alg == head.alg)
            && (head.kid.is_none() || key.kid == head.kid)
    };
    let mut candidates = keys.keys.iter().filter(fits).peekable();
    if candidates.peek().is_none() {
        return Err(BadToken::UnknownKey);
    }
    if candidates.any(|key| key.has_signed(signed, signature)) { Ok(()) } else { Err(BadToken::Signature) }
}

impl Key {
    fn has_signed(&self, signed: &[u8], signature: &[u8]) -> bool {
        let part = |part: &Option<String>| part.as_deref().and_then(decoded).unwrap_or_default();
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                let key = RsaPublicKeyComponents { n: part(&self.n), e: part(&self.e) };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok()
            }
            ("EC", Some("P-256")) => {
                let point = [&[4][..], &part(&self.x), &part(&self.y)].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
            }
            ("OKP", Some("Ed25519")) => UnparsedPublicKey::new(&ED25519, part(&self.x)).verify(signed, signature).is_ok(),
            _ => false,
        }
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::{Value, json};

    use super::*;

    struct Provider {
        pair: EcdsaKeyPair,
        keys: Keys,
    }

    fn provider() -> Provider {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let keys = serde_json::from_value(json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k", "use": "sig", "x": x, "y": y}]}));
        Provider { pair, keys: keys.unwrap() }
    }

    impl Provider {
        fn token(&self, head: Value, claims: &Value) -> String {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let signed = format!("{}.{}", part(&head), part(claims));
            let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }

    fn claims() -> Value {
        json!({"iss": "https://id.example", "sub": "42", "aud": "rapport", "exp": 1_000, "iat": 900, "nonce": "n",
            "email": " Ann@Example.com ", "email_verified": true})
    }

    const EXPECTED: Expected<'static> = Expected { issuer: "https://id.example", client: "rapport", nonce: "n", now_s: 950 };

    #[test]
    fn a_token_of_the_provider_for_us_is_believed() {
        let provider = provider();
        let head = || json!({"alg": "ES256", "kid": "k"});
        let read_with = |change: Value| {
            let mut claims = claims();
            claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            read(&provider.token(head(), &claims), &provider.keys, &EXPECTED)
        };
        assert_eq!(read_with(json!({})).unwrap().verified_email().as_deref(), Some("ann@example.com"));
        assert!(read_with(json!({"aud": ["rapport", "x"], "azp": "rapport"})).is_ok());
        assert!(read_with(json!({"nbf": 1_000})).is_ok(), "the provider's clock may be a little ahead");
        for unverified in [json!({"email_verified": false}), json!({"email_verified": null}), json!({"email": "ann"})] {
            assert_eq!(read_with(unverified).unwrap().verified_email(), None);
        }
        for (change, claim) in [
            (json!({"iss": "https://evil.example"}), "iss"),
            (json!({"aud": "another"}), "aud"),
            (json!({"aud": ["rapport", "x"]}), "aud"),
            (json!({"azp": "another"}), "aud"),
            (json!({"exp": 800}), "exp"),
            (json!({"iat": 2_000}), "iat"),
            (json!({"nbf": 2_000}), "nbf"),
            (json!({"nonce": "of another sign-in"}), "nonce"),
            (json!({"nonce": null}), "nonce"),
            (json!({"sub": ""}), "sub"),
        ] {
            assert_eq!(read_with(change.clone()).unwrap_err(), BadToken::Claim(claim), "{change}");
        }
    }

    #[test]
    fn a_token_that_somebody_else_made_is_not() {
        let (provider, other) = (provider(), super::tests::provider());
        let head = || json!({"alg": "ES256", "kid": "k"});
        let forged = other.token(head(), &claims());
        assert_eq!(read(&forged, &provider.keys, &EXPECTED).unwrap_err(), BadToken::Signature);
        let rotated = provider.token(json!({"alg": "ES256", "kid": "new"}), &claims());
        assert_eq!(read(&rotated, &provider.keys, &EXPECTED).unwrap_err(), BadToken::UnknownKey);
        for alg in ["none", "HS256", "RS1"] {
            let token = provider.token(json!({"alg": alg, "kid": "k"}), &claims());
            assert_eq!(read(&token, &provider.keys, &EXPECTED).unwrap_err(), BadToken::Algorithm(alg.to_owned()));
        }
        let good = provider.token(head(), &claims());
        let (signed, _) = good.rsplit_once('.').unwrap();
        let (first, _) = signed.split_once('.').unwrap();
        let mut changed = claims();
        changed["sub"] = json!("43");
        let swapped = format!("{first}.{}.{}", URL_SAFE_NO_PAD.encode(changed.to_string()), good.rsplit_once('.').unwrap().1);
        assert_eq!(read(&swapped, &provider.keys, &EXPECTED).unwrap_err(), BadToken::Signature);
        for bad in ["", "a.b", "a.b.c", &format!("{signed}."), &"x".repeat(TOKEN_BYTES_MAX + 1)] {
            assert!(read(bad, &provider.keys, &EXPECTED).is_err());
        }
    }
}

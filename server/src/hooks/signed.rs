//! A request that its receiver can believe: by the Standard Webhooks convention.
//!
//! Never follows a redirect, and never says an address: it may hold a token of the receiver's.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use ring::hmac;

/// What begins a secret as people copy it.
const SECRET_PREFIX: &str = "whsec_";

/// The shortest secret that the convention allows.
const KEY_BYTES_MIN: usize = 24;

/// A request to send.
pub struct Signed<'a> {
    /// Where to.
    pub url: Url,
    /// What it is signed with.
    pub key: &'a [u8],
    /// The same when it is sent again.
    pub id: &'a str,
    /// When, in seconds.
    pub at: i64,
    /// JSON.
    pub body: String,
}

/// What every such request is sent with, however its address is found.
pub fn client(timeout: Duration) -> reqwest::ClientBuilder {
    // A second time does nothing; TLS needs it once.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(timeout)
        .user_agent(concat!("Rapport/", env!("CARGO_PKG_VERSION")))
}

impl Signed<'_> {
    /// Sends it; the status of the answer, or why there is none.
    ///
    /// # Errors
    /// In words for a log.
    pub async fn send(self, client: reqwest::ClientBuilder) -> Result<u16, String> {
        let client = client.build().map_err(|error| error.to_string())?;
        let signature = signature(self.key, self.id, self.at, &self.body);
        let request = client
            .post(self.url)
            .header("content-type", "application/json")
            .header("webhook-id", self.id)
            .header("webhook-timestamp", self.at.to_string())
            .header("webhook-signature", signature)
            .body(self.body);
        match request.send().await {
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(error) if error.is_timeout() => Err("no answer in time".to_owned()),
            Err(error) if error.is_connect() => Err("no connection".to_owned()),
            Err(error) => Err(error.without_url().to_string()),
        }
    }
}

/// A secret as people copy it.
pub fn shown(key: &[u8]) -> String {
    format!("{SECRET_PREFIX}{}", STANDARD.encode(key))
}

/// The key of a secret as people copy it; `None` when it is no such secret, or too short a one.
pub fn key(secret: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.trim().strip_prefix(SECRET_PREFIX)?).ok()?;
    (key.len() >= KEY_BYTES_MIN).then_some(key)
}

/// `v1,` and the HMAC over id, time and body.
fn signature(key: &[u8], id: &str, at: i64, body: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_conventions_own_example() {
        let secret = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_read_as_it_is_shown_and_nothing_else_is() {
        assert_eq!(key(&shown(&[7; 32])), Some(vec![7; 32]));
        for bad in ["", "whsec_", "whsec_x", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &shown(&[7; 23])] {
            assert_eq!(key(bad), None, "{bad}");
        }
    }
}

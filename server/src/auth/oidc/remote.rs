//! Talking to a provider: what it says about itself, its keys, and a code for a token.
//!
//! Its address is the operator's own choice, in the configuration: it may lead into the local network, for a company's
//! provider is often inside it. What it names then leads there only if it is there itself. Redirects are not followed, answers
//! are bounded, and nothing is called without encryption but this machine.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::token::{Claims, Keys};
use crate::config::Provider;
use crate::hooks::guard;

/// How long a provider may take: somebody waits for their page.
const TIMEOUT: Duration = Duration::from_secs(10);

/// More than any provider says about itself.
const ANSWER_BYTES_MAX: usize = 512 * 1024;

/// Why a provider is of no help.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RemoteError {
    /// It cannot be reached.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// It answers with an error.
    #[error("answers {status}: {word}")]
    Status {
        /// HTTP status.
        status: u16,
        /// Its own word for it.
        word: String,
    },
    /// It says something else than providers do.
    #[error("answers what is not understood: {0}")]
    Unreadable(String),
    /// It calls itself otherwise than we call it.
    #[error("calls itself `{0}`: write `issuer` as it does")]
    OtherIssuer(String),
    /// It would have us call what it has no business with.
    #[error("names an address that is not called: {0}")]
    Guarded(String),
}

/// What a provider says about itself.
#[derive(Debug, Clone, Deserialize)]
pub struct Discovery {
    issuer: String,
    /// Where people sign in.
    pub authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What a code was exchanged for.
#[derive(Deserialize)]
pub struct Tokens {
    /// Who it is, signed.
    pub id_token: String,
    /// With which the provider says more about them.
    #[serde(default)]
    access_token: Option<String>,
}

/// An address, and whose it is.
#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct TokenError {
    error: String,
}

/// A code on its way to becoming a token.
pub struct Exchange<'a> {
    /// What the browser brought.
    pub code: &'a str,
    /// Where it was sent back to.
    pub redirect_uri: &'a str,
    /// What proves that we began this.
    pub verifier: &'a str,
}

/// A client for one address that a provider names, and where exactly that is.
async fn client(issuer: &str, url: &str) -> Result<(reqwest::Client, reqwest::Url), RemoteError> {
    let target = guard::named_by(issuer, url).await;
    let target = target.map_err(|why| match why {
        guard::Refused::Unresolved(host) => RemoteError::Unreachable(format!("the host `{host}` cannot be resolved")),
        why => RemoteError::Guarded(format!("{url}: {why}")),
    })?;
    sync_core::net::install_crypto();
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT);
    let builder = builder.user_agent(concat!("Rapport/", env!("CARGO_PKG_VERSION"))).resolve_to_addrs(&target.host, &target.addresses);
    Ok((builder.build().map_err(|error| RemoteError::Unreachable(error.to_string()))?, target.url))
}

async fn answered(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), RemoteError> {
    let lost = |error: reqwest::Error| RemoteError::Unreachable(error.without_url().to_string());
    let mut response = request.header("accept", "application/json").send().await.map_err(lost)?;
    let (status, mut body) = (response.status().as_u16(), Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(RemoteError::Unreadable("it is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, body))
}

async fn fetched<T: DeserializeOwned>(issuer: &str, url: &str) -> Result<T, RemoteError> {
    let (client, url) = client(issuer, url).await?;
    match answered(client.get(url)).await? {
        (200, body) => serde_json::from_slice(&body).map_err(|error| RemoteError::Unreadable(error.to_string())),
        (status, _) => Err(RemoteError::Status { status, word: "no document".to_owned() }),
    }
}

/// What a provider says about itself.
///
/// # Errors
/// [`RemoteError`].
pub async fn discover(issuer: &str) -> Result<Discovery, RemoteError> {
    let document: Discovery = fetched(issuer, &format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))).await?;
    if document.issuer != issuer {
        return Err(RemoteError::OtherIssuer(document.issuer));
    }
    // Whoever signs in is sent to the first; the others are looked at when they are called.
    let is_chosen = guard::chosen(&document.authorization_endpoint);
    is_chosen.map_err(|why| RemoteError::Guarded(format!("{}: {why}", document.authorization_endpoint)))?;
    Ok(document)
}

/// Its keys.
///
/// # Errors
/// [`RemoteError`].
pub async fn keys(document: &Discovery) -> Result<Keys, RemoteError> {
    fetched(&document.issuer, &document.jwks_uri).await
}

/// The tokens for a code.
///
/// # Errors
/// [`RemoteError`], also when the code is not one any more.
pub async fn exchange(document: &Discovery, provider: &Provider, exchange: &Exchange<'_>) -> Result<Tokens, RemoteError> {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", exchange.code),
        ("redirect_uri", exchange.redirect_uri),
        ("code_verifier", exchange.verifier),
        ("client_id", provider.client_id.as_str()),
    ];
    let (client, url) = client(&document.issuer, &document.token_endpoint).await?;
    let mut request = client.post(url).header("content-type", "application/x-www-form-urlencoded");
    if let Some(secret) = &provider.client_secret {
        // What is not said is `client_secret_basic`.
        let methods = document.token_endpoint_auth_methods_supported.as_deref();
        if methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic")) {
            let part = |text: &str| encoded(&[("", text)]).split_off(1);
            let pair = format!("{}:{}", part(&provider.client_id), part(&secret.0));
            request = request.header("authorization", format!("Basic {}", STANDARD.encode(pair)));
        } else {
            form.push(("client_secret", &secret.0));
        }
    }
    let (status, body) = answered(request.body(encoded(&form))).await?;
    if status != 200 {
        let word = serde_json::from_slice::<TokenError>(&body).map_or_else(|_| "no reason given".to_owned(), |answer| answer.error);
        return Err(RemoteError::Status { status, word });
    }
    serde_json::from_slice(&body).map_err(|error| RemoteError::Unreadable(error.to_string()))
}

/// Adds the address to what a token says, where a provider tells it only when it is asked.
///
/// # Errors
/// [`RemoteError`].
pub async fn complete(document: &Discovery, tokens: &Tokens, claims: &mut Claims) -> Result<(), RemoteError> {
    let (Some(url), Some(access)) = (&document.userinfo_endpoint, &tokens.access_token) else { return Ok(()) };
    let (client, url) = client(&document.issuer, url).await?;
    let request = client.get(url).header("authorization", format!("Bearer {access}"));
    let (status, body) = answered(request).await?;
    if status != 200 {
        return Err(RemoteError::Status { status, word: "nothing about the person".to_owned() });
    }
    let info: UserInfo = serde_json::from_slice(&body).map_err(|error| RemoteError::Unreadable(error.to_string()))?;
    // It could be about somebody else: the token is what is signed.
    if info.sub == claims.sub {
        (claims.email, claims.email_verified) = (info.email, info.email_verified);
    }
    Ok(())
}

/// Pairs as a form sends them.
fn encoded(pairs: &[(&str, &str)]) -> String {
    // An address of any host: only what is behind it is wanted.
    let url = reqwest::Url::parse_with_params("http://localhost/", pairs);
    url.ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded() {
        assert_eq!(encoded(&[("code", "a b&c=d"), ("x", "é")]), "code=a+b%26c%3Dd&x=%C3%A9");
    }
}

//! Signing in through another system: OpenID Connect, the code flow with PKCE.
//!
//! What a sign-in began with lies in a cookie of its own until the browser comes back: nobody can finish one
//! that another browser began. A person is known by the provider's subject; one who is not known yet is bound
//! once, by an address that the provider vouches for and that is their login here.

mod remote;
mod token;

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use sync_core::id::Millis;
use tokio::sync::Mutex;

use super::second::{Asking, Proof};
use super::secret::{random, subject};
use super::sessions::Proved;
use super::{Auth, AuthError, Client, SignedIn};
use crate::audit::{Act, Note};
use crate::config::Provider;
use crate::store::people::{self, User};
use crate::store::{StoreError, identities, workspaces};
use remote::{Discovery, Exchange, RemoteError};
use token::{BadToken, Claims, Expected, Keys};

/// How long what a provider says about itself holds.
const FRESH_MS: Millis = 60 * 60_000;

/// How often keys are asked for again because a token bears an unknown one, or is signed by another: anybody can make such tokens.
const KEYS_AGAIN_MS: Millis = 60_000;

/// How long somebody may take at the provider.
pub const ATTEMPT_S: i64 = 10 * 60;

/// Why somebody is not let in through a provider.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// There is no such provider.
    #[error("there is no provider `{0}`")]
    UnknownProvider(String),
    /// The browser brings back what it was not sent with.
    #[error("this sign-in was not begun by this browser, or too long ago")]
    NotBegun,
    /// The provider says no.
    #[error("the provider declined: {0}")]
    Declined(String),
    /// The provider cannot be asked.
    #[error("the provider `{name}` {source}")]
    Remote {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: RemoteError,
    },
    /// What the provider says is not believed.
    #[error("the token of the provider `{name}` is not believed: {source}")]
    Token {
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: BadToken,
    },
    /// The provider knows somebody whom we do not, or does not vouch for their address.
    #[error("nobody here is meant by this account")]
    Nobody,
    /// As for any sign-in.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

impl From<StoreError> for OidcError {
    fn from(error: StoreError) -> Self {
        Self::Auth(AuthError::Store(error))
    }
}

/// What a sign-in began with, kept by the browser alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    provider: String,
    state: String,
    nonce: String,
    verifier: String,
    expires_at: Millis,
}

impl Attempt {
    /// As a cookie keeps it.
    pub fn write(&self) -> String {
        URL_SAFE_NO_PAD.encode(json!(self).to_string())
    }

    /// From such a cookie.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
}

/// What a browser brings back from a provider.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Returned {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
}

/// The providers, with what is known about them; cloning is cheap.
#[derive(Clone)]
pub struct Providers {
    all: Arc<Vec<Provider>>,
    known: Arc<Mutex<HashMap<String, Known>>>,
}

#[derive(Clone)]
struct Known {
    document: Discovery,
    keys: Keys,
    at: Millis,
}

impl Providers {
    /// Those that the operator set.
    pub fn new(all: Vec<Provider>) -> Self {
        Self { all: Arc::new(all), known: Arc::default() }
    }

    /// All of them: name, and what people call it.
    pub fn list(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all.iter().map(|provider| (provider.name.as_str(), provider.label.as_str()))
    }

    fn find(&self, name: &str) -> Result<&Provider, OidcError> {
        self.all.iter().find(|provider| provider.name == name).ok_or_else(|| OidcError::UnknownProvider(name.to_owned()))
    }

    /// What a provider says about itself, and its keys; asked again when older than `most`.
    async fn known(&self, provider: &Provider, now: Millis, most: Millis) -> Result<Known, OidcError> {
        let remote = |source| OidcError::Remote { name: provider.name.clone(), source };
        // One request asks, the others wait for its answer.
        let mut all = self.known.lock().await;
        if let Some(known) = all.get(&provider.name).filter(|known| now - known.at < most) {
            return Ok(known.clone());
        }
        let document = remote::discover(&provider.issuer).await.map_err(remote)?;
        let keys = remote::keys(&document).await.map_err(remote)?;
        let known = Known { document, keys, at: now };
        all.insert(provider.name.clone(), known.clone());
        Ok(known)
    }

    /// Where to send a browser, and what it keeps meanwhile.
    ///
    /// # Errors
    /// When there is no such provider, or it cannot be asked.
    pub async fn begin(&self, name: &str, redirect_uri: &str, now: Millis) -> Result<(String, Attempt), OidcError> {
        let provider = self.find(name)?;
        let known = self.known(provider, now, FRESH_MS).await?;
        let secret = || URL_SAFE_NO_PAD.encode(random::<32>());
        let attempt = Attempt {
            provider: provider.name.clone(),
            state: secret(),
            nonce: secret(),
            verifier: secret(),
            expires_at: now + ATTEMPT_S * 1000,
        };
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(attempt.verifier.as_bytes()));
        let parameters = [
            ("response_type", "code"),
            ("client_id", provider.client_id.as_str()),
            ("redirect_uri", redirect_uri),
            ("scope", provider.scopes.as_str()),
            ("state", attempt.state.as_str()),
            ("nonce", attempt.nonce.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let url = reqwest::Url::parse_with_params(&known.document.authorization_endpoint, parameters);
        let url =
            url.map_err(|error| OidcError::Remote { name: provider.name.clone(), source: RemoteError::Unreadable(error.to_string()) })?;
        Ok((url.into(), attempt))
    }

    /// Who the provider says came back.
    async fn claims(&self, attempt: &Attempt, returned: &Returned, redirect_uri: &str, now: Millis) -> Result<Claims, OidcError> {
        // Hashes are compared, so that the place of the first difference says nothing.
        if subject(&attempt.state) != subject(&returned.state) || attempt.expires_at <= now {
            return Err(OidcError::NotBegun);
        }
        if !returned.error.is_empty() || returned.code.is_empty() {
            return Err(OidcError::Declined(returned.error.chars().filter(|letter| !letter.is_control()).take(60).collect()));
        }
        let provider = self.find(&attempt.provider)?;
        let known = self.known(provider, now, FRESH_MS).await?;
        let exchange = Exchange { code: &returned.code, redirect_uri, verifier: &attempt.verifier };
        let remote = |source| OidcError::Remote { name: provider.name.clone(), source };
        let tokens = remote::exchange(&known.document, provider, &exchange).await.map_err(remote)?;
        let expected = Expected { issuer: &provider.issuer, client: &provider.client_id, nonce: &attempt.nonce, now_s: now / 1000 };
        let read = match token::read(&tokens.id_token, &known.keys, &expected) {
            // The provider may have exchanged its keys since, without giving the new ones another name.
            Err(BadToken::UnknownKey | BadToken::Signature) => {
                token::read(&tokens.id_token, &self.known(provider, now, KEYS_AGAIN_MS).await?.keys, &expected)
            }
            read => read,
        };
        let mut claims = read.map_err(|source| OidcError::Token { name: provider.name.clone(), source })?;
        if claims.email.is_none() {
            remote::complete(&known.document, &tokens, &mut claims).await.map_err(remote)?;
        }
        Ok(claims)
    }
}

impl Auth {
    /// Finishes a sign-in with what the browser brings back from the provider.
    ///
    /// # Errors
    /// [`OidcError`]; a second factor that was set up here is still asked for.
    pub async fn sign_in_through(
        &self,
        providers: &Providers,
        attempt: &Attempt,
        returned: &Returned,
        redirect_uri: &str,
        client: Client,
    ) -> Result<SignedIn, OidcError> {
        let address = self.address(client.address);
        self.count(vec![address]).await?;
        let claims = providers.claims(attempt, returned, redirect_uri, self.clock.now()).await?;
        let provider = providers.find(&attempt.provider)?;
        let user = self.known_as(provider, &claims).await?;
        if user.disabled_at.is_some() {
            return Err(self.failed(&user, "provider", AuthError::WrongPassword).await?.into());
        }
        if let Some(ways) = self.ways(&user).await? {
            let asking = Asking { by_provider: true, by_sms: false, address: client.address };
            return Err(AuthError::CodeNeeded(Box::new(self.ask(&user, ways, asking).await?)).into());
        }
        let proved = Proved { subjects: vec![address], proof: Proof::Provider, by_provider: true, rehashed: None, ticket: None };
        Ok(self.begin_session(user, proved, client).await?)
    }

    /// Whom the provider means: somebody it has brought before, or whose login is an address that it vouches for.
    async fn known_as(&self, provider: &Provider, claims: &Claims) -> Result<User, OidcError> {
        let mut tx = self.store.reader().await?;
        let all = workspaces::all(&mut tx).await?;
        let named = |one: &workspaces::Workspace| provider.workspace.as_ref().is_none_or(|name| *name == one.name);
        let mut fitting = all.into_iter().filter(named);
        let (Some(workspace), None) = (fitting.next(), fitting.next()) else { return Err(OidcError::Nobody) };
        let workspace = workspace.workspace;
        if let Some(user) = identities::user_of(&mut tx, workspace, &provider.name, &claims.sub).await? {
            return Ok(user);
        }
        let email = claims.verified_email().ok_or(OidcError::Nobody)?;
        let user = people::user_by_login(&mut tx, workspace, &email).await?.ok_or(OidcError::Nobody)?;
        // An address that was given to somebody else at the provider opens nobody's account.
        if identities::is_known(&mut tx, workspace, &provider.name, user.user).await? {
            return Err(OidcError::Nobody);
        }
        drop(tx);
        let (name, subject, id, now) = (provider.name.clone(), claims.sub.clone(), user.user, self.clock.now());
        self.store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    identities::add(tx, workspace, &name, &subject, id, now).await?;
                    Note::of(workspace, Some(id), Act::IdentityBound, id).with(json!({ "provider": name })).write(tx, now).await
                })
            })
            .await?;
        Ok(user)
    }
}

//! Extractors: a handler that takes a `Caller` cannot be reached without one.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, header, request::Parts};
use sync_core::access::RoleSet;
use sync_core::id::{DeviceId, UserId, WorkspaceId};

use super::cookie::Cookie;
use super::csrf;
use super::grant::Grant;
use super::secret::{Token, TokenKind};
use crate::app::App;
use crate::error::{Error, Text};
use crate::language::Language;
use crate::store::farewells::Farewell;
use crate::store::people::{SecretHash, User};

/// A person, signed in through the console or the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Where they work.
    pub workspace: WorkspaceId,
    /// Who they are.
    pub user: UserId,
    /// What others read.
    pub name: String,
    /// What they typed to sign in.
    pub login: String,
    /// What they may do, by name.
    pub role: RoleSet,
    /// What they read.
    pub language: Language,
    /// The session or key they came with.
    pub session: SecretHash,
    /// What that lets them do.
    pub grant: Grant,
}

impl Caller {
    pub(super) fn of(user: User, session: SecretHash, grant: Grant) -> Self {
        let User { workspace, user, login, name, role, language, .. } = user;
        Self { workspace, user, name, login, role, language, session, grant }
    }
}

impl Caller {
    /// Somebody through whose eyes the server looks, for what goes out in their name.
    pub(crate) fn seeing(user: User) -> Self {
        Self::of(user, SecretHash::default(), Grant::Session)
    }

    /// Who asks, as far as rights depend on it.
    pub fn of_access(&self) -> sync_core::access::Caller {
        sync_core::access::Caller { user: self.user, role: self.role.clone() }
    }
}

/// A person with a session: no program with a key comes through here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person(pub Caller);

/// A device, on behalf of its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCaller {
    /// Where its user works.
    pub workspace: WorkspaceId,
    /// Its user.
    pub user: UserId,
    /// What others read.
    pub name: String,
    /// What the user types to sign in.
    pub login: String,
    /// The user's role.
    pub role: RoleSet,
    /// What the user reads.
    pub language: Language,
    /// The device.
    pub device: DeviceId,
    /// The hash of its token.
    pub token_hash: SecretHash,
}

impl From<DeviceCaller> for Caller {
    /// The user of a device, for what it brings beside changes.
    fn from(device: DeviceCaller) -> Self {
        let DeviceCaller { workspace, user, name, login, role, language, token_hash, .. } = device;
        Self { workspace, user, name, login, role, language, session: token_hash, grant: Grant::Device }
    }
}

/// The address of who is asking, behind a trusted proxy that of its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The address at the other end of the connection; put beside every request by the listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub IpAddr);

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    /// A session or a key from `Authorization: Bearer`, or else a session from the cookie. Device tokens are
    /// neither, and keys open the JSON API alone.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let caller = match bearer(&parts.headers) {
            Some(text) => match (Token::parse(TokenKind::Session, text), Token::parse(TokenKind::Key, text)) {
                (Some(token), _) => app.auth.caller(&token).await?,
                (_, Some(key)) if parts.uri.path().starts_with(API) => app.auth.caller_of_key(&key).await?,
                _ => None,
            },
            None => match session_cookie(&parts.headers, app.config.is_https()) {
                Some(token) => app.auth.caller(&token).await?,
                None => None,
            },
        };
        let caller = caller.ok_or(Error::SignInNeeded)?;
        if caller.grant == Grant::GivenPassword && !BEFORE_A_PASSWORD.contains(&parts.uri.path()) {
            return Err(Error::PasswordGiven);
        }
        Ok(caller)
    }
}

/// What keys are for.
const API: &str = "/api/v1/";

/// What somebody reaches whose password is not their own choice: choosing one, in their language, or going away.
const BEFORE_A_PASSWORD: [&str; 5] = [OWN_PASSWORD, "/language", "/sign-out", "/api/v1/sign-out", "/api/v1/me/password"];

/// Where somebody chooses their password.
pub const OWN_PASSWORD: &str = "/account/password";

impl FromRequestParts<App> for Person {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let caller = Caller::from_request_parts(parts, app).await?;
        match caller.grant {
            Grant::Session | Grant::GivenPassword => Ok(Self(caller)),
            Grant::Device | Grant::Key(_) => {
                Err(Error::Forbidden(Text::new("A key may not do this: sign in.", "API 密钥无权执行此操作，请登录。")))
            }
        }
    }
}

/// A device at the sync door: let in, or there to say farewell.
pub enum Arriving {
    /// It is let in.
    Device(DeviceCaller),
    /// It was shut out, and is to forget everything.
    Leaving(DeviceCaller, Farewell),
}

impl FromRequestParts<App> for DeviceCaller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        match Arriving::from_request_parts(parts, app).await? {
            Arriving::Device(caller) => Ok(caller),
            Arriving::Leaving(..) => Err(Error::Revoked),
        }
    }
}

impl FromRequestParts<App> for Arriving {
    type Rejection = Error;

    /// A device token from `Authorization: Bearer`, from no browser page of another site: a
    /// WebSocket is not held back by the browser's same-origin rule, so it is checked here.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        if parts.headers.contains_key(header::COOKIE) || !csrf::is_own_origin(parts, app) {
            return Err(Error::ForeignOrigin);
        }
        let token = bearer(&parts.headers).and_then(|text| Token::parse(TokenKind::Device, text)).ok_or(Error::SignInNeeded)?;
        let (device, user) = app.auth.device(&token).await?.ok_or(Error::SignInNeeded)?;
        let farewell = match device.revoked_at {
            Some(_) => Some(app.auth.farewell(device.workspace, device.device).await?.ok_or(Error::Revoked)?),
            None => None,
        };
        if user.disabled_at.is_some() && farewell.is_none() {
            return Err(Error::Disabled);
        }
        if app.auth.waits(device.workspace, device.device).await? {
            // It was given nothing, so there is nothing to forget; and nothing is taken from what nobody has recognised.
            return Err(if farewell.is_some() { Error::Revoked } else { Error::NotConfirmed });
        }
        let User { workspace, user, name, login, role, language, .. } = user;
        let caller = DeviceCaller { workspace, user, name, login, role, language, device: device.device, token_hash: token.hash() };
        Ok(farewell.map_or_else(|| Self::Device(caller.clone()), |farewell| Self::Leaving(caller.clone(), farewell)))
    }
}

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.to_canonical());
        let trusted = app.config.listen.trust_forwarded_for && peer.is_loopback();
        Ok(Self(forwarded_for(&parts.headers).filter(|_| trusted).unwrap_or(peer)))
    }
}

/// The last address in `X-Forwarded-For`: the one that the nearest proxy saw itself.
fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a request carries this text as its bearer token, in a time that does not depend on it.
pub(crate) fn bearer_is(headers: &HeaderMap, expected: &str) -> bool {
    // Hashes are compared, so that the place of the first difference says nothing about the text.
    bearer(headers).is_some_and(|token| super::secret::subject(token) == super::secret::subject(expected))
}

/// The session that a browser holds.
pub(crate) fn session_cookie(headers: &HeaderMap, https: bool) -> Option<Token> {
    Token::parse(TokenKind::Session, Cookie::SESSION.read(headers, https)?)
}

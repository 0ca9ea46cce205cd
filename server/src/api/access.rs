//! Sessions and keys of who is signed in. No key manages keys: these take a [`Person`].

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sync_core::id::{Millis, RecordId};

use crate::app::App;
use crate::auth::grant::Scopes;
use crate::auth::{KEY_DAYS_MAX, NewKey, Person, key_ends_at};
use crate::body::Body;
use crate::error::{Error, Text};
use crate::files::hex;
use crate::place::Path;
use crate::store::keys::{self, ApiKey};

/// Everything of one sort.
#[derive(Serialize)]
pub struct Rows<T> {
    rows: Vec<T>,
}

/// One time of being signed in.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    id: String,
    agent: String,
    address: String,
    created_at: Millis,
    last_seen_at: Millis,
    expires_at: Millis,
    current: bool,
}

/// A key, without what opens anything.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyView {
    id: RecordId,
    name: String,
    scopes: String,
    created_at: Millis,
    last_used_at: Option<Millis>,
    expires_at: Option<Millis>,
    revoked_at: Option<Millis>,
    /// Only on the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// A key to make.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyWanted {
    name: String,
    scopes: String,
    expires_at: Millis,
}

impl KeyView {
    fn of(key: ApiKey, token: Option<String>) -> Self {
        let ApiKey { key: id, name, scopes, created_at, last_used_at, expires_at, revoked_at, .. } = key;
        Self { id, name, scopes, created_at, last_used_at, expires_at, revoked_at, token }
    }
}

/// `GET /api/v1/sessions`: where the caller is signed in.
///
/// # Errors
/// When nobody is.
pub async fn sessions(State(app): State<App>, Person(caller): Person) -> Result<Json<Rows<SessionView>>, Error> {
    let sessions = app.auth.sessions(caller.workspace, caller.user).await?;
    let view = |session: crate::store::people::Session| SessionView {
        id: hex(&session.token_hash),
        current: session.token_hash == caller.session,
        agent: session.agent,
        address: session.address,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
    };
    Ok(Json(Rows { rows: sessions.into_iter().map(view).collect() }))
}

/// `DELETE /api/v1/sessions/{id}`: signs out elsewhere.
///
/// # Errors
/// When there is no such session of the caller's.
pub async fn end_session(State(app): State<App>, Person(caller): Person, Path(id): Path<String>) -> Result<StatusCode, Error> {
    let sessions = app.auth.sessions(caller.workspace, caller.user).await?;
    let session = sessions.into_iter().find(|session| hex(&session.token_hash) == id).ok_or(Error::NotFound)?;
    app.auth.end_sessions(&caller, caller.user, Some(session.token_hash)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/v1/keys`: the caller's keys.
///
/// # Errors
/// When nobody is signed in.
pub async fn list(State(app): State<App>, Person(caller): Person) -> Result<Json<Rows<KeyView>>, Error> {
    let all = keys::all(&mut app.store.reader().await?, caller.workspace).await?;
    let own = all.into_iter().filter(|key| key.user == caller.user).map(|key| KeyView::of(key, None)).collect();
    Ok(Json(Rows { rows: own }))
}

/// `POST /api/v1/keys`: a key that acts for the caller; its token is on the answer, and nowhere again.
///
/// # Errors
/// When scopes or expiry are not understood.
pub async fn make(
    State(app): State<App>,
    Person(caller): Person,
    Body(wanted): Body<KeyWanted>,
) -> Result<(StatusCode, Json<KeyView>), Error> {
    let invalid = |field: &str, en: String, zh: String| Error::Invalid { field: Some(field.to_owned()), message: Text::new(en, zh) };
    let scopes = Scopes::read(&wanted.scopes, &app.intake.rules(caller.workspace).schema)
        .map_err(|bad| invalid("scopes", bad.to_string(), bad.message_zh()))?;
    let name = wanted.name.trim().to_owned();
    if name.is_empty() {
        return Err(invalid("name", "Say with `name` what the key is for.".to_owned(), "请用 `name` 填写密钥用途。".to_owned()));
    }
    let now = app.clock.now();
    if wanted.expires_at <= now {
        return Err(invalid("expiresAt", "`expiresAt` is in the past".to_owned(), "到期时间已过".to_owned()));
    }
    if key_ends_at(now, KEY_DAYS_MAX.into()).is_some_and(|last| wanted.expires_at > last) {
        let (en, zh) = (format!("`expiresAt` is more than {KEY_DAYS_MAX} days from now"), format!("到期时间不得超过 {KEY_DAYS_MAX} 天"));
        return Err(invalid("expiresAt", en, zh));
    }
    let (workspace, user) = (caller.workspace, caller.user);
    let new = NewKey { workspace, user, by: Some(user), name, scopes, expires_at: Some(wanted.expires_at) };
    let (token, key) = app.auth.make_key(new).await?;
    Ok((StatusCode::CREATED, Json(KeyView::of(key, Some(token.reveal().to_owned())))))
}

/// `DELETE /api/v1/keys/{id}`: takes one of the caller's keys back.
///
/// # Errors
/// When there is no such key in use.
pub async fn revoke(State(app): State<App>, Person(caller): Person, Path(id): Path<RecordId>) -> Result<StatusCode, Error> {
    match app.auth.revoke_key(caller.workspace, id, Some(caller.user), Some(caller.user)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Error::NotFound),
    }
}

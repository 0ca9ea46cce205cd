//! `Idempotency-Key`: a request that is sent again, because its answer got lost, is done once and answered twice.
//!
//! Knows nothing of what requests do. A request whose answer was the server's own failure is forgotten:
//! nothing of it was kept, and it may be tried again.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest, Sha256};
use sync_core::id::Millis;

use crate::app::App;
use crate::auth::Caller;
use crate::auth::secret;
use crate::error::{Error, Text};
use crate::store::StoreError;
use crate::store::once::{self, KeptAnswer, OnceKey};
use crate::store::people::SecretHash;

/// The header that names a request.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is one that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longer keys are not made by anybody.
const KEY_BYTES_MAX: usize = 255;
/// Headers that belong to the answer itself.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// How long answers are kept: a client that was gone for a day asks what there is before it sends again.
pub const KEPT_MS: Millis = 24 * 60 * 60_000;

enum Look {
    Run,
    Answer(KeptAnswer),
    Running,
    Other,
    Erased,
}

/// Runs a request once for each key.
///
/// # Errors
/// When the key came with another request before, the first one is still running, or what it told of was erased.
pub async fn guard(State(app): State<App>, request: Request, next: Next) -> Result<Response, Error> {
    let writes = matches!(*request.method(), Method::POST | Method::PATCH | Method::PUT | Method::DELETE);
    if !writes || !request.headers().contains_key(KEY) {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    let text = key_of(&parts)?;
    // Who is not signed in is told so by the handler.
    let Ok(caller) = Caller::from_request_parts(&mut parts, &app).await else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let body = to_bytes(body, app.config.limits.body_max_bytes).await.map_err(|_| Error::TooLarge)?;
    let key = OnceKey { workspace: caller.workspace, user: caller.user, key: secret::subject(&text) };
    if let Some(answer) = answered(look(&app, key, fingerprint(&parts, &body)).await?)? {
        return Ok(answer);
    }
    // In a task of its own: when the client hangs up, the answer is kept all the same.
    let run = async move {
        let response = next.run(Request::from_parts(parts, Body::from(body))).await;
        keep(&app, key, response).await
    };
    tokio::spawn(run).await.unwrap_or(Err(Error::NotKept))
}

/// The key that a request comes with.
fn key_of(parts: &Parts) -> Result<String, Error> {
    let text = parts.headers.get(KEY).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text.is_empty() || text.len() > KEY_BYTES_MAX {
        return Err(unfit(Text::new("`Idempotency-Key` is a text of 1 to 255 characters.", "Idempotency-Key 应为 1 至 255 个字符。")));
    }
    Ok(text.to_owned())
}

fn unfit(message: Text) -> Error {
    Error::Invalid { field: Some("Idempotency-Key".to_owned()), message }
}

/// What is answered without running the request, if it is not to run.
fn answered(look: Look) -> Result<Option<Response>, Error> {
    match look {
        Look::Run => Ok(None),
        Look::Answer(answer) => replayed(answer).map(Some),
        Look::Erased => Err(Error::Erased),
        Look::Running => Err(Error::Conflict(Text::new("The first request with this key is still running.", "使用此键的请求仍在处理中。"))),
        Look::Other => {
            Err(unfit(Text::new("This `Idempotency-Key` came with another request before.", "此 Idempotency-Key 已用于其他请求。")))
        }
    }
}

fn fingerprint(parts: &Parts, body: &Bytes) -> SecretHash {
    let mut hash = Sha256::new();
    for part in [parts.method.as_str().as_bytes(), parts.uri.to_string().as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// What to do about a request; one that is to run is noted, so that of many at once one runs.
async fn look(app: &App, key: OnceKey, fingerprint: SecretHash) -> Result<Look, Error> {
    let now = app.clock.now();
    // The server was stopped in between: nobody answers that request any more.
    let abandoned_ms = 2 * Millis::try_from(app.config.limits.request_timeout_ms).unwrap_or(Millis::MAX / 2);
    let looked = app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            let known = once::known(tx, &key).await?.filter(|known| now - known.created_at < KEPT_MS);
            match known {
                Some(once::Known { answer: Some(answer), .. }) if answer.is_erased() => Ok(Look::Erased),
                Some(known) if known.fingerprint != fingerprint => Ok(Look::Other),
                Some(once::Known { answer: Some(answer), .. }) => Ok(Look::Answer(answer)),
                Some(known) if now - known.created_at < abandoned_ms => Ok(Look::Running),
                Some(_) | None => once::begin(tx, &key, &fingerprint, now).await.map(|()| Look::Run),
            }
        })
    });
    Ok(looked.await?)
}

async fn keep(app: &App, key: OnceKey, response: Response) -> Result<Response, Error> {
    let status = response.status();
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { once::forget(tx, &key).await })).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|error| Error::Internal(error.into()))?;
    let kept = KEPT_HEADERS.iter().filter_map(|name| Some((name.as_str(), parts.headers.get(name)?.to_str().ok()?)));
    let headers = serde_json::to_string(&kept.collect::<Vec<_>>()).map_err(|error| Error::Internal(error.into()))?;
    let answer = KeptAnswer { status: status.as_u16(), headers, body: body.to_vec() };
    app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { once::finish(tx, &key, &answer).await })).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replayed(answer: KeptAnswer) -> Result<Response, Error> {
    let broken = |what: &'static str| Error::Internal(anyhow::anyhow!("a kept answer has a damaged {what}"));
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).map_err(|_| broken("status"))?;
    let headers: Vec<(String, String)> = serde_json::from_str(&answer.headers).map_err(|_| broken("header"))?;
    for (name, value) in headers {
        let name = HeaderName::try_from(name).map_err(|_| broken("header"))?;
        response.headers_mut().insert(name, HeaderValue::try_from(value).map_err(|_| broken("header"))?);
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

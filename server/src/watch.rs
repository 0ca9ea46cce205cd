//! What operators watch: is it up, does it answer, how long did each request take.
//!
//! Neither logs nor metrics hold a field value, a path with ids in it, a token or a password.

use std::time::Instant;

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use serde::Serialize;

use crate::app::App;
use crate::auth::secret;
use crate::error::Error;
use crate::metrics;

/// What `/healthz` says.
#[derive(Serialize)]
pub struct Health {
    status: &'static str,
    version: &'static str,
    sqlite: String,
    synchronous: &'static str,
    journal_mode: &'static str,
}

/// `GET /healthz`: the process is up, and how safely it writes.
pub async fn healthz(State(app): State<App>) -> Json<Health> {
    let settings = app.store.settings();
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        sqlite: settings.sqlite_version.clone(),
        synchronous: settings.synchronous,
        journal_mode: settings.journal_mode,
    })
}

/// Room below which a server is not ready: the write-ahead log of some commits.
const ROOM_MIN_BYTES: u64 = 1 << 20;

/// `GET /readyz`: the database answers, and there is room to write.
///
/// # Errors
/// When it does not, or there is none.
pub async fn readyz(State(app): State<App>) -> Result<&'static str, Error> {
    app.store.ping().await?;
    if app.store.free_bytes().is_some_and(|free| free < ROOM_MIN_BYTES) {
        return Err(Error::NoRoom);
    }
    Ok("ready\n")
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One log line and one measurement for each request, under the name of its route.
pub async fn observe(State(_): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let method = known_method(request.method());
    let id = request_id();
    let started = Instant::now();
    let span = tracing::info_span!("request", id, method, route);
    let mut response = tracing::Instrument::instrument(next.run(request), span).await;
    let took = started.elapsed();
    let status = response.status().as_u16();
    metrics::request(method, route.clone(), status, took);
    tracing::info!(id, method, route, status, took_ms = took.as_secs_f64() * 1000.0, "request");
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Something to find the log line by.
fn request_id() -> String {
    u64::from_be_bytes(secret::random()).to_string()
}

/// A client may invent methods; a metric's labels must stay few.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

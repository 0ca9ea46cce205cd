//! Every route on one page, and what every request passes on its way.
//!
//! Knows no business: a line here says which function answers what, and behind which guard. What each may
//! answer to whom stands in the tests (`doors/table.rs`), and a route that is not there fails them.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, head, patch, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;

use crate::app::App;
use crate::auth::{csrf, doors};
use crate::error::{Error, Problem, Text};
use crate::routes::Routes;
use crate::{api, console, files, metrics, sync, watch};

/// Every route.
pub fn router(app: App) -> Router {
    let (bounded, long) = doors(&app);
    guarded(bounded.into_router(), long.into_router(), app)
}

/// The addresses of every route, as they are written here and in `console/`.
pub fn paths(app: &App) -> Vec<&'static str> {
    let (bounded, long) = doors(app);
    [bounded.paths(), long.paths()].concat()
}

/// All routes: those with bounds for time and size, and those of files.
fn doors(app: &App) -> (Routes, Routes) {
    // Devices: `DeviceCaller`.
    let devices =
        Routes::new().route("/sync", post(sync::exchange)).route("/sync/live", get(sync::live)).route("/sync/enrol", post(doors::enrol));
    // What takes or answers a secret: `once` would keep it, or a hash that is quickly guessed.
    let secrets = Routes::new()
        .route("/api/v1/sign-in", post(doors::api_sign_in))
        .route("/api/v1/me/password", post(doors::api_password))
        .route("/api/v1/devices/codes", post(doors::api_device_code))
        .route("/api/v1/keys", get(api::access::list).post(api::access::make))
        .route("/api/v1/webhooks", get(api::hooks::list).post(api::hooks::make))
        .route("/api/v1/calendars", get(api::calendar::since).post(api::calendar::renew).delete(api::calendar::withdraw));
    // The back office: HTML, `Caller`; its addresses are listed in `console/mod.rs`.
    let console = console::routes(app);
    // Operators.
    let watch =
        Routes::new().route("/healthz", get(watch::healthz)).route("/readyz", get(watch::readyz)).route("/metrics", get(metrics::answer));
    // Calendar programs, which know a secret address and nothing else.
    let calendars = Routes::new().route("/calendar/{file}", get(api::calendar::feed));
    // Files: as long and as slow as their networks are. What comes is bounded by `files`, piece by piece.
    let uploads = Routes::new()
        .route("/api/v1/uploads", post(files::create).options(files::options))
        .route("/api/v1/uploads/{id}", head(files::state).patch(files::patch).delete(files::give_up).options(files::options))
        .route("/api/v1/file/{id}/content", get(files::content))
        .route("/api/v1/file/{id}/thumbnail", get(files::thumbnail))
        .route("/records/{kind}/{id}/files", post(files::upload_on_record).layer(from_fn_with_state(app.clone(), console::as_pages)));
    (devices.merge(secrets).merge(integrations(app)).merge(console).merge(calendars).merge(watch), uploads)
}

/// Integrations: JSON, `Caller`.
fn integrations(app: &App) -> Routes {
    Routes::new()
        .route("/api/v1/sign-out", post(doors::api_sign_out))
        .route("/api/v1/me", get(doors::api_me))
        .route("/api/v1/me/rights", get(api::rights::own))
        .route("/api/v1/me/followed", get(api::follows::followed))
        .route("/api/v1/me/followed/seen", post(api::follows::seen))
        .route("/api/v1/sessions", get(api::access::sessions))
        .route("/api/v1/sessions/{id}", delete(api::access::end_session))
        .route("/api/v1/keys/{id}", delete(api::access::revoke))
        .route("/api/v1/webhooks/{id}", patch(api::hooks::change).delete(api::hooks::remove))
        .route("/api/v1/webhooks/{id}/deliveries", get(api::hooks::deliveries))
        .route("/api/v1/webhooks/{id}/deliveries/{delivery}/replay", post(api::hooks::replay))
        .route("/api/v1/privacy", get(api::privacy::list))
        .route("/api/v1/privacy/{id}", get(api::privacy::dossier))
        .route("/api/v1/privacy/{id}/erase", post(api::privacy::erase))
        .route("/api/v1/privacy/{id}/forget", post(api::privacy::forget))
        .route("/api/v1/handovers", get(api::handovers::list).post(api::handovers::begin))
        .route("/api/v1/handovers/preview", post(api::handovers::preview))
        .route("/api/v1/handovers/{id}/undo", post(api::handovers::undo))
        .route("/api/v1/openapi.json", get(api::document))
        .route("/api/v1/kinds", get(api::kinds))
        .route("/api/v1/kinds/{kind}", get(api::kind))
        .route("/api/v1/conflicts", get(api::conflicts))
        .route("/api/v1/rejected", get(api::rejected))
        .route("/api/v1/rejected/{change}", get(api::review::one))
        .route("/api/v1/rejected/{change}/accept", post(api::review::accept))
        .route("/api/v1/rejected/{change}/decline", post(api::review::decline))
        .route("/api/v1/rejected/{change}/return", post(api::review::give_back))
        .route("/api/v1/rejected/{change}/reopen", post(api::review::reopen))
        .route("/api/v1/quote-collisions", get(api::quote_collisions))
        .route("/api/v1/role/preview", post(api::rights::of_role))
        .route("/api/v1/kind/preview", post(api::rights::of_kind))
        .route("/api/v1/{kind}", get(api::list).post(api::create))
        .route("/api/v1/{kind}/batch", post(api::batch))
        .route("/api/v1/{kind}/search", post(api::search))
        .route("/api/v1/{kind}/figures", get(api::figures))
        .route("/api/v1/{kind}/duplicates", get(api::duplicates::pairs))
        .route("/api/v1/{kind}/{id}", get(api::get).patch(api::edit))
        .route("/api/v1/{kind}/{id}/archive", post(api::archive))
        .route("/api/v1/{kind}/{id}/restore", post(api::restore))
        .route("/api/v1/{kind}/{id}/card", get(api::card))
        .route("/api/v1/{kind}/{id}/duplicates", get(api::duplicates::around))
        .route("/api/v1/{kind}/{id}/merge", post(api::duplicates::merge))
        .route("/api/v1/{kind}/{id}/set-apart", post(api::duplicates::set_apart))
        .route("/api/v1/{kind}/{id}/part", post(api::duplicates::part))
        .route("/api/v1/{kind}/{id}/history", get(api::history))
        .route("/api/v1/{kind}/{id}/as-of", get(api::as_of))
        .route("/api/v1/{kind}/{id}/explain", get(api::explain))
        .route("/api/v1/{kind}/{id}/conflicts", get(api::record_conflicts))
        .route("/api/v1/{kind}/{id}/conflicts/resolve", post(api::resolve))
        .layer(from_fn_with_state(app.clone(), api::once::guard))
}

/// What every request passes, the outermost last; `long` ones have bounds of their own for time and size.
fn guarded(routes: Router<App>, long: Router<App>, app: App) -> Router {
    let bounded = routes
        .layer(from_fn_with_state(app.clone(), in_time))
        // The limit below holds for every way to read a body, axum's own only for some.
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(app.config.limits.body_max_bytes));
    bounded
        .merge(long)
        .fallback(console::nothing_here)
        .method_not_allowed_fallback(console::not_this_way)
        .layer(from_fn_with_state(app.clone(), csrf::guard))
        .layer(from_fn(plain_body))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), security_headers))
        // Of the routes only, so that it knows which one it is; what matches none is counted as such.
        .layer(from_fn_with_state(app.clone(), watch::observe))
        .with_state(app)
}

/// Bounds a whole request: a body that drips in, an answer that never comes.
async fn in_time(State(app): State<App>, request: Request, next: Next) -> Result<Response, Error> {
    let limit = Duration::from_millis(app.config.limits.request_timeout_ms);
    tokio::time::timeout(limit, next.run(request)).await.map_err(|_| Error::TooSlow)
}

/// Refuses compressed requests: a small one could grow without bound behind the body limit.
async fn plain_body(request: Request, next: Next) -> Result<Response, Error> {
    match request.headers().get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            Err(Error::Unsupported(Text::new("Requests are sent without Content-Encoding.", "请求不支持 Content-Encoding。")))
        }
        _ => Ok(next.run(request).await),
    }
}

/// A panic ends one request, not the server. The panic hook has logged where it was.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Error::Internal(anyhow::anyhow!("a handler panicked")).into_response()
}

/// What browsers are told on every answer. No script, style or frame from elsewhere, none inline.
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// A year: from then on, a browser that was here once does not try HTTP.
const HSTS: &str = "max-age=31536000";

async fn security_headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = as_problem(next.run(request).await);
    // A phone's connection is no page, and it reconnects often over a network that is paid for by the byte.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // Customers' data stays in no cache; assets say otherwise themselves.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if app.config.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    response
}

/// The body limit answers in plain text; everything here answers with a problem document.
fn as_problem(response: Response) -> Response {
    let is_ours = response.extensions().get::<Problem>().is_some();
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE && !is_ours { Error::TooLarge.into_response() } else { response }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tower::ServiceExt;

    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;

    #[tokio::test]
    async fn a_panic_ends_one_request_with_a_problem_that_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.database.path = folder.path().join("rapport.db");
        let app = App::open(config, Clock::system()).await.unwrap();
        async fn broken() -> &'static str {
            panic!("somebody's data")
        }
        let router = guarded(Router::new().route("/", get(broken)), Router::new(), app);
        for _ in 0..2 {
            let response = router.clone().oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(response.status(), 500);
            assert!(response.headers().contains_key(header::CONTENT_SECURITY_POLICY));
            let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert!(text.contains("\"code\":\"internal\"") && !text.contains("somebody"), "{text}");
        }
    }
}

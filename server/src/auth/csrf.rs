//! No other site acts in the name of who is signed in here.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header, request::Parts};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::App;
use crate::error::Error;

/// Lets a request through that changes nothing or comes from our own pages.
///
/// Browsers say where a request comes from in `Sec-Fetch-Site`, older ones in `Origin`. What says
/// neither is no browser, and then has no business with cookies.
///
/// # Errors
/// When it comes from another site, or does not say where from and carries cookies.
pub async fn guard(State(app): State<App>, request: Request, next: Next) -> Result<Response, Error> {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let (parts, body) = request.into_parts();
    if safe || is_for_strangers(&parts) || is_own(&parts, &app) {
        Ok(next.run(Request::from_parts(parts, body)).await)
    } else {
        Err(Error::ForeignOrigin)
    }
}

/// Whether nobody's name is in it: forms for strangers stand in pages of other sites, and look at no cookie.
fn is_for_strangers(parts: &Parts) -> bool {
    parts.uri.path().starts_with("/forms/")
}

fn is_own(parts: &Parts, app: &App) -> bool {
    match text(&parts.headers, "sec-fetch-site") {
        Some(site) => site == "same-origin" || site == "none",
        None if parts.headers.contains_key(header::ORIGIN) => is_own_origin(parts, app),
        None => !parts.headers.contains_key(header::COOKIE),
    }
}

/// Whether `Origin`, if it is there, is this server as the client addressed it, or its public address.
pub fn is_own_origin(parts: &Parts, app: &App) -> bool {
    let Some(origin) = parts.headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    // HTTP/1 names the host in a header, HTTP/2 in the address.
    let host = parts.uri.authority().map(|authority| authority.as_str()).or_else(|| text(&parts.headers, "host"));
    let origin_host = origin.split_once("://").map(|(_, host)| host);
    app.config.listen.public_url.as_deref() == Some(origin) || (origin_host.is_some() && origin_host == host)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

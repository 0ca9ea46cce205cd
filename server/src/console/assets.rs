//! Styles, script and pictures: in the binary, under names that change with their content.
//!
//! Nothing is ever loaded from another host.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use sha2::{Digest, Sha256};

/// A year, and nobody needs to ask again: another content has another name.
const FOREVER: &str = "public, max-age=31536000, immutable";

struct Asset {
    address: String,
    mime: &'static str,
    body: &'static [u8],
}

impl Asset {
    fn new(name: &str, extension: &str, mime: &'static str, body: &'static [u8]) -> Self {
        let hash: String = Sha256::digest(body).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { address: format!("/assets/{name}.{hash}.{extension}"), mime, body }
    }
}

/// Small files, sent as one: each is about one thing.
const STYLES: &str =
    concat!(include_str!("../../assets/console.css"), include_str!("../../assets/list.css"), include_str!("../../assets/chart.css"));
const SCRIPTS: &str = concat!(
    include_str!("../../assets/console.js"),
    include_str!("../../assets/list.js"),
    include_str!("../../assets/find.js"),
    include_str!("../../assets/likely.js"),
    include_str!("../../assets/kind.js"),
    include_str!("../../assets/mention.js"),
    include_str!("../../assets/dashboard.js")
);

static STYLE: LazyLock<Asset> = LazyLock::new(|| Asset::new("console", "css", "text/css; charset=utf-8", STYLES.as_bytes()));
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| Asset::new("console", "js", "text/javascript; charset=utf-8", SCRIPTS.as_bytes()));
static ICONS: LazyLock<Asset> = LazyLock::new(|| Asset::new("icons", "svg", "image/svg+xml", include_bytes!("../../assets/icons.svg")));
static LOGO: LazyLock<Asset> = LazyLock::new(|| Asset::new("logo", "svg", "image/svg+xml", include_bytes!("../../assets/logo.svg")));

/// The style sheet's address.
pub fn style() -> &'static str {
    &STYLE.address
}

/// The script's address.
pub fn script() -> &'static str {
    &SCRIPT.address
}

/// The address of the drawing that holds all icons; `#name` picks one.
pub fn icons() -> &'static str {
    &ICONS.address
}

/// The logo's address.
pub fn logo() -> &'static str {
    &LOGO.address
}

/// `GET /favicon.ico`: browsers ask for it where no page names the icon.
pub async fn favicon() -> Redirect {
    Redirect::temporary(logo())
}

/// `GET /assets/{name}`.
pub async fn get(Path(name): Path<String>) -> Response {
    let assets = [&STYLE, &SCRIPT, &ICONS, &LOGO];
    match assets.into_iter().find(|asset| asset.address.strip_prefix("/assets/") == Some(&name)) {
        Some(asset) => ([(header::CONTENT_TYPE, asset.mime), (header::CACHE_CONTROL, FOREVER)], asset.body).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_loaded_from_another_host() {
        for asset in [&STYLE, &SCRIPT, &ICONS, &LOGO] {
            let text = std::str::from_utf8(asset.body).unwrap().replace("http://www.w3.org/2000/svg", "");
            for bad in ["http:", "https:", "url(", "@import", "src=\"//"] {
                assert!(!text.contains(bad), "{} has {bad}", asset.address);
            }
        }
    }
}

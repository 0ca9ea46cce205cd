//! Styles, script and pictures: in the binary, under names that change with their content.
//!
//! Nothing is ever loaded from another host. They are compressed, once; pages never are: how short one becomes would tell
//! what is in it to whoever gets a word of their own onto it (BREACH).

use std::collections::HashSet;
use std::io::Write;
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::place::Path;

/// A year, and nobody needs to ask again: another content has another name.
const FOREVER: &str = "public, max-age=31536000, immutable";

struct Asset {
    address: String,
    /// Its content in a few letters.
    hash: String,
    mime: &'static str,
    body: &'static [u8],
    /// The same as gzip: what every browser takes, also where it trusts the connection with nothing newer.
    small: Vec<u8>,
}

impl Asset {
    fn new(name: &str, extension: &str, mime: &'static str, body: &'static [u8]) -> Self {
        let hash: String = Sha256::digest(body).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { address: format!("/assets/{name}.{hash}.{extension}"), hash, mime, body, small: compressed(body) }
    }

    /// The asset in the form that the asker takes; nothing when they have it.
    fn answer(&'static self, asked: &HeaderMap) -> Response {
        let is_small = takes_gzip(asked);
        let tag = if is_small { format!("\"{}-gzip\"", self.hash) } else { format!("\"{}\"", self.hash) };
        let known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let is_known = known.flat_map(|value| value.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag);
        let lasting = [(header::CACHE_CONTROL, FOREVER), (header::VARY, "accept-encoding"), (header::ETAG, &*tag)];
        if is_known {
            return (StatusCode::NOT_MODIFIED, lasting).into_response();
        }
        let body = if is_small { &self.small[..] } else { self.body };
        let mut response = (lasting, [(header::CONTENT_TYPE, self.mime)], body).into_response();
        if is_small {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

fn compressed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("writing to memory does not fail")
}

/// Whether an answer may come as gzip: named, or whatever it be, and not with a weight of nothing.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let lines = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let weighed = lines.flat_map(|line| line.split(',')).map(|part| {
        let (name, weight) = part.split_once(';').unwrap_or((part, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0));
        (name.trim().to_ascii_lowercase(), weight > 0.0)
    });
    let mut any = false;
    for (name, is_taken) in weighed {
        match &*name {
            "gzip" | "x-gzip" => return is_taken,
            "*" => any = is_taken,
            _ => {}
        }
    }
    any
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
    include_str!("../../assets/draft.js"),
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

/// The names of the icons that the drawing has.
static DRAWN: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let drawing = std::str::from_utf8(ICONS.body).unwrap_or_default();
    drawing.split("id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
});

/// Whether the drawing has an icon of that name.
pub fn has_icon(name: &str) -> bool {
    DRAWN.contains(name)
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
pub async fn get(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let assets = [&STYLE, &SCRIPT, &ICONS, &LOGO];
    match assets.into_iter().find(|asset| asset.address.strip_prefix("/assets/") == Some(&name)) {
        Some(asset) => asset.answer(&headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_goes_to_whoever_takes_it() {
        let takes = |line: &str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, line.parse().unwrap())]);
            takes_gzip(&headers)
        };
        for line in ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, GZIP;q=0.5", "*", "br, *;q=0.1"] {
            assert!(takes(line), "{line}");
        }
        for line in ["", "br", "identity", "gzip;q=0", "gzip; q=0.0, br", "*;q=0", "gzip;q=much", "*, gzip;q=0"] {
            assert!(!takes(line), "{line}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

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

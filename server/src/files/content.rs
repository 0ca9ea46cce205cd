//! Handing out what a file holds, to whoever may see its record and something that it is about.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use sync_core::files::{ContentHash, THUMBNAIL_BYTES_MAX, picture_type};
use sync_core::id::RecordId;

use super::door::Bearer;
use super::keep::content_of;
use super::{KIND, proof};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Text};
use crate::place::Path;
use crate::reading::{Reading, RecordView};
use crate::store::files;

/// What browsers show themselves without running anything in it; everything else is saved.
const SHOWN: [&str; 5] = ["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"];

/// Even what is shown runs nothing and reaches nothing.
const SANDBOX: &str = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; sandbox";

/// `GET /api/v1/file/{id}/content`: the bytes; a part of them for `Range`.
///
/// # Errors
/// When the file is not there or out of sight, or its bytes have not arrived.
pub async fn content(
    State(app): State<App>,
    Bearer(caller): Bearer,
    Path(id): Path<RecordId>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let record = seen(&app, &caller, id).await?;
    let (sha256, size) = arrived(&app, &caller, &record, "hash").await?;
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).and_then(|text| range(text, size));
    let blocks = app.files.read(caller.workspace, &sha256, (range, size)).await?;
    let mut response = Body::from_stream(blocks).into_response();
    describe(response.headers_mut(), &record, super::hex(&sha256))?;
    let length = match range {
        Some((from, to)) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            response.headers_mut().insert(header::CONTENT_RANGE, text(format!("bytes {from}-{}/{size}", to - 1))?);
            to - from
        }
        None => size,
    };
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    Ok(response)
}

/// `GET /api/v1/file/{id}/thumbnail`: the small picture that its phone has sent before the content.
///
/// # Errors
/// When the file is not there or out of sight, has no thumbnail, or that has not arrived.
pub async fn thumbnail(State(app): State<App>, Bearer(caller): Bearer, Path(id): Path<RecordId>) -> Result<Response, Error> {
    let record = seen(&app, &caller, id).await?;
    let (sha256, size) = arrived(&app, &caller, &record, "thumbnail").await?;
    if size > THUMBNAIL_BYTES_MAX {
        return Err(Error::NotFound);
    }
    let blocks = app.files.read(caller.workspace, &sha256, (None, size)).await?;
    let bytes = blocks.try_collect::<Vec<_>>().await?.concat();
    let shown = picture_type(&bytes);
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(shown.unwrap_or("application/octet-stream")));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(if shown.is_some() { "inline" } else { "attachment" }));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    headers.insert(header::ETAG, text(format!("\"{}\"", super::hex(&sha256)))?);
    Ok(response)
}

/// What a field of a file names, once it is here.
async fn arrived(app: &App, caller: &Caller, record: &RecordView, field: &str) -> Result<(ContentHash, u64), Error> {
    let sha256 = content_of(&record.row.fields, field).ok_or(Error::NotFound)?;
    // One answer for both: whether a stranger has such a content is nobody's to find out.
    let not_arrived = || {
        Error::Conflict(Text::new(
            "The bytes of this file have not arrived from whoever added it: their phone still holds them.",
            "添加此文件的人尚未上传其内容，内容仍在其手机上。",
        ))
    };
    let size = files::blob_size(&mut app.store.reader().await?, caller.workspace, &sha256).await?.ok_or_else(not_arrived)?;
    match proof::is_proven(app, caller, record.row.id, &sha256).await? {
        true => Ok((sha256, size)),
        false => Err(not_arrived()),
    }
}

/// A file record in sight. One that is about something is seen through it: who sees none of that sees no file.
pub(super) async fn seen(app: &App, caller: &Caller, id: RecordId) -> Result<RecordView, Error> {
    let record = Reading::of(app, caller).record(id).await?.filter(|record| &*record.row.kind == KIND).ok_or(Error::NotFound)?;
    let about = record.row.fields.get("about").and_then(serde_json::Value::as_array).is_some_and(|about| !about.is_empty());
    let in_sight = record.links.iter().any(|links| links.role == "about" && !links.records.is_empty());
    if about && !in_sight { Err(Error::NotFound) } else { Ok(record) }
}

fn describe(headers: &mut HeaderMap, record: &RecordView, hash: String) -> Result<(), Error> {
    let said = record.row.fields.get("media_type").and_then(serde_json::Value::as_str).unwrap_or_default();
    let shown = SHOWN.iter().find(|kind| **kind == said);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(shown.copied().unwrap_or("application/octet-stream")));
    let disposition = if shown.is_some() { "inline" } else { "attachment" };
    let name = record.row.title.bytes().map(|byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    });
    headers.insert(header::CONTENT_DISPOSITION, text(format!("{disposition}; filename*=UTF-8''{}", name.collect::<String>()))?);
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::ETAG, text(format!("\"{hash}\""))?);
    Ok(())
}

/// One range of bytes, as `from..to`; several are not asked for by anybody, and answered whole.
fn range(text: &str, size: u64) -> Option<(u64, u64)> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = match (from, to) {
        ("", last) => (size.saturating_sub(last.parse().ok()?), size),
        (from, "") => (from.parse().ok()?, size),
        (from, to) => (from.parse().ok()?, to.parse::<u64>().ok()?.saturating_add(1).min(size)),
    };
    (from < to).then_some((from, to))
}

fn text(value: String) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(value).map_err(|error| Error::Internal(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_browsers_write_it() {
        for (text, expected) in [
            ("bytes=0-", Some((0, 10))),
            ("bytes=3-5", Some((3, 6))),
            ("bytes=3-99", Some((3, 10))),
            ("bytes=-4", Some((6, 10))),
            ("bytes=10-", None),
            ("bytes=5-3", None),
            ("bytes=0-1,3-4", None),
            ("lines=1-2", None),
        ] {
            assert_eq!(range(text, 10), expected, "{text}");
        }
    }
}

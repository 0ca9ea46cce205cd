//! Uploads by the tus protocol 1.0: core, creation, creation-with-upload, expiration, checksum, termination.
//!
//! Any tus client can upload. `Upload-Metadata` says what a file is: `filename`, `filetype`, `about` (ids of
//! the records it belongs to, separated by commas), `record` (the id of its own record), `sha256` (hex).

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use sync_core::access::Action;
use sync_core::id::{Millis, RecordId};

use super::keep::{Kept, keep};
use super::pieces::{Checksum, Piece};
use super::{KIND, hex, unhex};
use crate::app::App;
use crate::auth::secret::random;
use crate::auth::{Caller, DeviceCaller};
use crate::error::{Error, Text};
use crate::place::Path;
use crate::reading::Reading;
use crate::store::StoreError;
use crate::store::files::{self, Upload};

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,creation-with-upload,expiration,checksum,termination";
const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
/// The record of a file that is complete.
const RECORD: HeaderName = HeaderName::from_static("rapport-file");
/// What the content of a file that is complete hashes to.
const SHA256: HeaderName = HeaderName::from_static("rapport-sha256");
const CHECKSUM_MISMATCH: u16 = 460;
const OFFSET_STREAM: &str = "application/offset+octet-stream";
/// The longest name of a file that is kept.
const NAME_CHARS_MAX: usize = 255;
const DAY_MS: Millis = 86_400_000;

/// Whoever brings or fetches a file: a person, a program, or a device for its user.
pub struct Bearer(pub Caller);

impl FromRequestParts<App> for Bearer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        match Caller::from_request_parts(parts, app).await {
            Err(Error::SignInNeeded) => DeviceCaller::from_request_parts(parts, app).await.map(|device| Self(Caller::from(device))),
            caller => caller.map(Self),
        }
    }
}

/// The version of the protocol that a client speaks; what speaks another one is told ours.
pub struct Resumable;

impl FromRequestParts<App> for Resumable {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Response> {
        match parts.headers.get(RESUMABLE) {
            Some(version) if version == VERSION => Ok(Self),
            _ => Err((StatusCode::PRECONDITION_FAILED, [(HeaderName::from_static("tus-version"), VERSION)]).into_response()),
        }
    }
}

/// `OPTIONS /api/v1/uploads`: what this server can do.
pub async fn options(State(app): State<App>) -> Response {
    let headers = [
        ("tus-resumable", VERSION.to_owned()),
        ("tus-version", VERSION.to_owned()),
        ("tus-extension", EXTENSIONS.to_owned()),
        ("tus-max-size", app.config.files.file_max_bytes.to_string()),
        ("tus-checksum-algorithm", Checksum::ALGORITHMS.to_owned()),
    ];
    (StatusCode::NO_CONTENT, axum::response::AppendHeaders(headers)).into_response()
}

/// `POST /api/v1/uploads`: begins an upload, with its first piece if there is a body.
///
/// # Errors
/// When the caller may not, or there is no room.
pub async fn create(
    State(app): State<App>,
    Bearer(caller): Bearer,
    _: Resumable,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let upload = wanted(&app, &caller, &headers).await?;
    let (kept, workspace) = (upload.clone(), caller.workspace);
    app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { files::add_upload(tx, workspace, &kept).await })).await?;
    let has_piece = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == OFFSET_STREAM);
    let id = upload.upload;
    let mut response = match has_piece || upload.length == 0 {
        true => piece(&app, &caller, upload, &headers, body).await?,
        false => stated(&upload),
    };
    if response.status().is_success() {
        *response.status_mut() = StatusCode::CREATED;
        response.headers_mut().insert(header::LOCATION, text(format!("/api/v1/uploads/{id}"))?);
    }
    Ok(response)
}

async fn wanted(app: &App, caller: &Caller, headers: &HeaderMap) -> Result<Upload, Error> {
    let length: u64 = number(headers, &LENGTH).ok_or_else(|| bad("Upload-Length", "is the size of the file in bytes", "应为文件字节数"))?;
    let metadata = metadata(headers).ok_or_else(|| bad("Upload-Metadata", "is names and values in base 64", "应为名称与 base64 值"))?;
    let id = |name: &str, text: &str| text.trim().parse::<RecordId>().map_err(|_| bad(name, "is the id of a record", "应为记录编号"));
    let ids = metadata.get("about").map_or("", String::as_str).split(',').filter(|one| !one.trim().is_empty());
    let about: Vec<RecordId> = ids.map(|one| id("about", one)).collect::<Result<_, _>>()?;
    let record = metadata.get("record").map(|text| id("record", text)).transpose()?;
    let sha256 =
        metadata.get("sha256").map(|text| unhex(text).ok_or_else(|| bad("sha256", "is 64 hexadecimal digits", "应为 64 位十六进制")));
    let name = metadata.get("filename").or(metadata.get("name")).map_or("file", String::as_str);
    let media_type = metadata.get("filetype").or(metadata.get("type")).map_or("application/octet-stream", String::as_str);
    allowed(app, caller, &about, length).await?;
    let now = app.clock.now();
    Ok(Upload {
        upload: RecordId::new(now, random()),
        user: caller.user,
        length,
        received: 0,
        name: clean(name),
        media_type: clean(media_type),
        record,
        about,
        sha256: sha256.transpose()?,
        created_at: now,
        expires_at: now + Millis::from(app.config.files.upload_days) * DAY_MS,
    })
}

/// Whether the caller may make files about these records, and there is room.
pub(super) async fn allowed(app: &App, caller: &Caller, about: &[RecordId], length: u64) -> Result<(), Error> {
    let reading = Reading::of(app, caller);
    let kind = reading.kind(KIND)?;
    if !reading.may_some(kind, Action::Create) || !caller.grant.may_write(KIND) {
        return Err(Error::Forbidden(Text::new("You may not add files.", "您无权添加文件。")));
    }
    for id in about {
        // One that is out of sight is not there.
        reading.row(*id).await?.ok_or(Error::NotFound)?;
    }
    let used = files::used_bytes(&mut app.store.reader().await?, caller.workspace).await?;
    let settings = &app.config.files;
    if length > settings.file_max_bytes || used.saturating_add(length) > settings.quota_bytes {
        return Err(Error::TooLarge);
    }
    Ok(())
}

/// What a person may call a file: no path, no control characters.
pub(super) fn clean(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    // A media type has a slash of its own.
    let clean = if name.contains('/') && !name.contains('.') {
        name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
    } else {
        clean
    };
    if clean.trim().is_empty() { "file".to_owned() } else { clean }
}

/// `HEAD /api/v1/uploads/{id}`: how much is safe.
///
/// # Errors
/// When there is no such upload of the caller's.
pub async fn state(State(app): State<App>, Bearer(caller): Bearer, _: Resumable, Path(id): Path<RecordId>) -> Result<Response, Error> {
    Ok(stated(&find(&app, &caller, id).await?))
}

/// `PATCH /api/v1/uploads/{id}`: the next piece; with the last one the file is there.
///
/// # Errors
/// When there is no such upload of the caller's, or the piece does not fit.
pub async fn patch(
    State(app): State<App>,
    Bearer(caller): Bearer,
    _: Resumable,
    Path(id): Path<RecordId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != OFFSET_STREAM) {
        return Err(Error::Unsupported(Text::new(
            format!("A piece is sent as `{OFFSET_STREAM}`."),
            format!("应以 {OFFSET_STREAM} 发送。"),
        )));
    }
    let upload = find(&app, &caller, id).await?;
    if number(&headers, &OFFSET) != Some(upload.received) {
        return Err(Error::Conflict(Text::new(
            format!("`Upload-Offset` is not {}: ask with HEAD how much is here.", upload.received),
            format!("Upload-Offset 应为 {}，请先以 HEAD 查询。", upload.received),
        )));
    }
    piece(&app, &caller, upload, &headers, body).await
}

async fn piece(app: &App, caller: &Caller, upload: Upload, headers: &HeaderMap, body: Body) -> Result<Response, Error> {
    let checksum = match headers.get("upload-checksum") {
        None => None,
        Some(value) => {
            let parsed = value.to_str().ok().and_then(Checksum::parse);
            Some(parsed.ok_or_else(|| bad("Upload-Checksum", "is `sha1` or `sha256` and base 64", "应为 sha1 或 sha256 及 base64 值"))?)
        }
    };
    let held = app.files.hold(upload.upload)?;
    // Another request may have written since.
    let mut upload = files::upload(&mut app.store.reader().await?, caller.workspace, upload.upload).await?.ok_or(Error::NotFound)?;
    if number(headers, &OFFSET).is_some_and(|offset: u64| offset != upload.received) {
        return Err(Error::Conflict(Text::new("Another request has written meanwhile.", "其他请求已写入。")));
    }
    upload.received = match app.files.receive(&app.store, caller.workspace, &upload, body, checksum).await? {
        Piece::Safe(offset) => offset,
        Piece::TooLong => return Err(Error::TooLarge),
        Piece::WrongSum => {
            let status = StatusCode::from_u16(CHECKSUM_MISMATCH).map_err(|error| Error::Internal(error.into()))?;
            return Ok((status, [(RESUMABLE, HeaderValue::from_static(VERSION))]).into_response());
        }
    };
    let mut response = stated(&upload);
    if upload.received == upload.length {
        let Kept { sha256, record } = keep(app, caller, &upload).await?;
        response.headers_mut().insert(SHA256, text(hex(&sha256))?);
        if let Some(record) = record {
            response.headers_mut().insert(RECORD, text(record.to_string())?);
        }
    }
    drop(held);
    Ok(response)
}

/// `DELETE /api/v1/uploads/{id}`: gives an upload up.
///
/// # Errors
/// When there is no such upload of the caller's.
pub async fn give_up(State(app): State<App>, Bearer(caller): Bearer, _: Resumable, Path(id): Path<RecordId>) -> Result<Response, Error> {
    find(&app, &caller, id).await?;
    let _held = app.files.hold(id)?;
    app.files.drop_upload(&app.store, caller.workspace, id).await?;
    Ok((StatusCode::NO_CONTENT, [(RESUMABLE, VERSION)]).into_response())
}

/// An upload of the caller's own: nobody else knows its address, and nobody else may use it.
async fn find(app: &App, caller: &Caller, id: RecordId) -> Result<Upload, Error> {
    let upload = files::upload(&mut app.store.reader().await?, caller.workspace, id).await?;
    let now = app.clock.now();
    upload.filter(|upload| upload.user == caller.user && upload.expires_at > now).ok_or(Error::NotFound)
}

fn stated(upload: &Upload) -> Response {
    let expires = jiff::Timestamp::from_millisecond(upload.expires_at).map(|at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    let headers = [
        (RESUMABLE, VERSION.to_owned()),
        (OFFSET, upload.received.to_string()),
        (LENGTH, upload.length.to_string()),
        (EXPIRES, expires.unwrap_or_default()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (StatusCode::NO_CONTENT, axum::response::AppendHeaders(headers)).into_response()
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// `Upload-Metadata`: names, each with its value in base 64.
fn metadata(headers: &HeaderMap) -> Option<HashMap<String, String>> {
    let Some(value) = headers.get("upload-metadata") else { return Some(HashMap::new()) };
    let pair = |pair: &str| {
        let (name, value) = pair.trim().split_once(' ').unwrap_or((pair.trim(), ""));
        let bytes = base64::engine::general_purpose::STANDARD.decode(value.trim()).ok()?;
        Some((name.to_owned(), String::from_utf8(bytes).ok()?))
    };
    value.to_str().ok()?.split(',').filter(|one| !one.trim().is_empty()).map(pair).collect()
}

fn text(value: String) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(value).map_err(|error| Error::Internal(error.into()))
}

fn bad(name: &str, en: &str, zh: &str) -> Error {
    Error::Invalid { field: Some(name.to_owned()), message: Text::new(format!("`{name}` {en}."), format!("“{name}”{zh}。")) }
}

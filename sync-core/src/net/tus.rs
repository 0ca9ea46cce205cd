//! A client of the tus protocol 1.0 for contents: begin, ask how much is safe, send the next piece.
//!
//! One exchange a call. Never decides what is sent or when.

use base64::Engine;
use reqwest::header::{CONTENT_TYPE, ETAG, LOCATION, RANGE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};

use super::NetError;
use super::http::{Server, problem, shut_out};
use crate::files::{ContentHash, hex};
use crate::id::RecordId;

const VERSION: &str = "1.0.0";
const PIECE_TYPE: &str = "application/offset+octet-stream";
const OFFSET: &str = "upload-offset";
/// Problem documents are short; what is longer says nothing that helps.
const PROBLEM_BYTES_MAX: usize = 16 * 1024;

/// A device's way to the server's files.
#[derive(Debug)]
pub(super) struct Carrier<'a> {
    pub server: &'a Server,
    pub token: &'a str,
}

impl Carrier<'_> {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.server.client.request(method, self.server.url(path)).bearer_auth(self.token)
    }

    fn upload(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).header("tus-resumable", VERSION)
    }

    /// Begins the upload of a content whose record comes on its own way. Answers with its address.
    pub async fn begin(&self, hash: &ContentHash, size: u64) -> Result<String, NetError> {
        let metadata = format!("sha256 {}", base64::engine::general_purpose::STANDARD.encode(hex(hash)));
        let request = self.upload(Method::POST, "api/v1/uploads").header("upload-length", size).header("upload-metadata", metadata);
        let response = heard(request.send().await).await?;
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // Only the last part: a server behind a proxy does not know its own address, and none may send us elsewhere.
        let address = location.rsplit('/').next().filter(|id| id.parse::<RecordId>().is_ok());
        address.map(str::to_owned).ok_or_else(|| NetError::Unreachable("the server named no upload".to_owned()))
    }

    /// How much of an upload is safe; nothing when there is no such upload any more.
    pub async fn offset(&self, address: &str) -> Result<Option<u64>, NetError> {
        match heard(self.upload(Method::HEAD, &format!("api/v1/uploads/{address}")).send().await).await {
            Ok(response) => Ok(Some(offset_of(&response)?)),
            Err(NetError::Status { status: 403 | 404 | 410, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends the next piece. Answers how much is safe then.
    pub async fn send(&self, address: &str, offset: u64, piece: Vec<u8>) -> Result<u64, NetError> {
        let request = self.upload(Method::PATCH, &format!("api/v1/uploads/{address}"));
        let request = request.header(CONTENT_TYPE, PIECE_TYPE).header(OFFSET, offset).body(piece);
        offset_of(&heard(request.send().await).await?)
    }

    /// A part of what a file holds; nothing when that is another content by now.
    pub async fn part(&self, file: RecordId, hash: &ContentHash, from: u64, length: usize) -> Result<Option<Vec<u8>>, NetError> {
        let request = self.request(Method::GET, &format!("api/v1/file/{file}/content"));
        let request = request.header(RANGE, format!("bytes={from}-{}", from + length as u64 - 1));
        self.bytes(request, hash, length).await
    }

    /// The thumbnail of a file; nothing when it has another one by now.
    pub async fn thumbnail(&self, file: RecordId, hash: &ContentHash, most: usize) -> Result<Option<Vec<u8>>, NetError> {
        self.bytes(self.request(Method::GET, &format!("api/v1/file/{file}/thumbnail")), hash, most).await
    }

    async fn bytes(&self, request: RequestBuilder, hash: &ContentHash, most: usize) -> Result<Option<Vec<u8>>, NetError> {
        let mut response = heard(request.send().await).await.map_err(|error| match error {
            NetError::Status { status: 409, .. } => NetError::NotArrived,
            other => other,
        })?;
        let tag = response.headers().get(ETAG).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if tag.trim_matches('"') != hex(hash) {
            return Ok(None);
        }
        let bytes = body(&mut response, most).await?;
        bytes.map(Some).ok_or_else(|| NetError::Unreachable("the server sent more than was asked for".to_owned()))
    }
}

/// The body of an answer; nothing when it is longer than it may be.
async fn body(response: &mut Response, most: usize) -> Result<Option<Vec<u8>>, NetError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if bytes.len() + chunk.len() > most {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

fn lost(error: reqwest::Error) -> NetError {
    NetError::Unreachable(error.without_url().to_string())
}

/// A good answer, or what another one says.
async fn heard(response: Result<Response, reqwest::Error>) -> Result<Response, NetError> {
    let mut response = response.map_err(lost)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let said = body(&mut response, PROBLEM_BYTES_MAX).await?.unwrap_or_default();
    match problem(status.as_u16(), &said) {
        NetError::Status { code, .. } if status == StatusCode::UNAUTHORIZED => Err(NetError::Stopped(shut_out(&code))),
        other => Err(other),
    }
}

fn offset_of(response: &Response) -> Result<u64, NetError> {
    let offset = response.headers().get(OFFSET).and_then(|value| value.to_str().ok()?.parse().ok());
    offset.ok_or_else(|| NetError::Unreachable("the server did not say how much it has".to_owned()))
}

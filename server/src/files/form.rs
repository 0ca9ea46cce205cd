//! A file chosen on a record's page: one form, for browsers without any script.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use sync_core::id::RecordId;

use super::door::{allowed, clean};
use super::keep::keep;
use super::pieces::Piece;
use crate::app::App;
use crate::auth::secret::random;
use crate::auth::{Caller, Person};
use crate::error::{Error, Text};
use crate::place::Path;
use crate::store::StoreError;
use crate::store::files::{self, Upload};

const HOUR_MS: i64 = 3_600_000;

/// `POST /records/{kind}/{id}/files`: the file of a form; back to the record.
///
/// # Errors
/// When the caller may not, there is no room, or no file was chosen.
pub async fn upload_on_record(
    State(app): State<App>,
    Person(caller): Person,
    Path((kind, id)): Path<(String, RecordId)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    allowed(&app, &caller, &[id], 0).await?;
    let unreadable =
        || Error::Invalid { field: Some("file".to_owned()), message: Text::new("Please choose a file.", "请选择文件。") };
    let boundary =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).and_then(|kind| multer::parse_boundary(kind).ok());
    let mut form = multer::Multipart::new(body.into_data_stream(), boundary.ok_or_else(unreadable)?);
    while let Some(field) = form.next_field().await.map_err(|_| unreadable())? {
        let Some(name) = field.file_name().filter(|name| !name.is_empty()).map(clean) else { continue };
        take(&app, &caller, id, name, field).await?;
        return Ok(Redirect::to(&format!("/records/{kind}/{id}?done=file")).into_response());
    }
    Err(unreadable())
}

/// Receives one file for a record, and keeps it.
async fn take(app: &App, caller: &Caller, record: RecordId, name: String, field: multer::Field<'static>) -> Result<(), Error> {
    let now = app.clock.now();
    let mut upload = Upload {
        upload: RecordId::new(now, random()),
        user: caller.user,
        // How long it is, is known when it is here.
        length: app.config.files.file_max_bytes,
        received: 0,
        name,
        media_type: field.content_type().map_or_else(|| "application/octet-stream".to_owned(), |kind| clean(kind.essence_str())),
        record: None,
        about: vec![record],
        sha256: None,
        created_at: now,
        expires_at: now + HOUR_MS,
    };
    let (kept, workspace) = (Upload { length: 0, ..upload.clone() }, caller.workspace);
    app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { files::add_upload(tx, workspace, &kept).await })).await?;
    let _held = app.files.hold(upload.upload)?;
    upload.length = match app.files.receive(&app.store, workspace, &upload, Body::from_stream(field), None).await? {
        Piece::Safe(length) => length,
        Piece::TooLong | Piece::WrongSum => return Err(Error::TooLarge),
    };
    allowed(app, caller, &[record], upload.length).await?;
    keep(app, caller, &upload).await?;
    Ok(())
}

//! Files on a record's page: the content of a file, and a form for another file about the record.

use serde_json::Value as Json;
use sync_core::access::Action;
use sync_core::schema::Kind;

use super::desk::Desk;
use crate::files::KIND;
use crate::reading::RecordView;

/// What is shown of files.
pub struct FilesView {
    /// Where the content of this file is.
    pub content: Option<String>,
    /// Whether it is a picture.
    pub picture: bool,
    /// Where a new file about this record goes.
    pub upload: Option<String>,
}

impl FilesView {
    /// What a record's page shows of files.
    pub fn of(desk: &Desk, kind: &Kind, view: &RecordView) -> Self {
        let text = |field: &str| view.row.fields.get(field).and_then(Json::as_str).unwrap_or_default();
        let is_file = &*kind.name == KIND && !text("hash").is_empty();
        let file = desk.reading.kind(KIND).ok();
        let takes = |file: &Kind| {
            let about = file.field("about").is_some_and(|about| about.to.contains(&kind.name));
            about && desk.reading.may_some(file, Action::Create) && !view.row.archived
        };
        Self {
            content: is_file.then(|| format!("/api/v1/{KIND}/{}/content", view.row.id)),
            picture: text("media_type").starts_with("image/"),
            upload: file.is_some_and(|file| takes(file)).then(|| format!("/records/{}/{}/files", kind.name, view.row.id)),
        }
    }
}

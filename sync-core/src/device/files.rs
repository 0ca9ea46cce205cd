//! Files as a device knows them: which hang on a record, what they are called, which contents they name.
//!
//! A file is a record like any other: made offline, synced, seen by whoever may. Never touches bytes.

use serde_json::{Value as Json, json};

use super::{Device, Listed};
use crate::engine::{EditError, Edited};
use crate::files::{ABOUT, ContentHash, KIND, hex, unhex};
use crate::id::{Millis, RecordId};
use crate::record::fields::FieldEdit;
use crate::store::{NamedContents, StoreError, Taken};

/// A file on this device.
#[derive(Debug, Clone, PartialEq)]
pub struct FileView {
    /// Its record.
    pub row: Listed,
    /// What it says it is, such as `image/jpeg`.
    pub media_type: String,
    /// How many bytes its content has.
    pub size: u64,
    /// Its content.
    pub hash: Option<ContentHash>,
    /// The content of its thumbnail, if it has one.
    pub thumbnail: Option<ContentHash>,
}

/// A file that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// What it is called.
    pub name: String,
    /// What it is, such as `image/jpeg`.
    pub media_type: String,
    /// Its content.
    pub content: Taken,
    /// The content of its thumbnail.
    pub thumbnail: Option<ContentHash>,
}

fn file_view(row: Listed) -> FileView {
    let text = |field: &str| row.fields.get(field).and_then(Json::as_str);
    let hash = |field: &str| text(field).and_then(unhex);
    FileView {
        media_type: text("media_type").unwrap_or("application/octet-stream").to_owned(),
        size: row.fields.get("size").and_then(Json::as_u64).unwrap_or(0),
        hash: hash("hash"),
        thumbnail: hash("thumbnail"),
        row,
    }
}

impl Device {
    /// Makes the record of a file that hangs on another record.
    ///
    /// # Errors
    /// As [`Device::edit`]: among them a record that is not here, and one that takes no files.
    pub fn add_file(&mut self, now: Millis, id: RecordId, about: RecordId, file: &NewFile) -> Result<Edited, EditError> {
        if self.row(about)?.is_none() {
            return Err(EditError::UnknownRecord(about));
        }
        let mut edits = vec![
            FieldEdit::set("name", file.name.as_str()),
            FieldEdit::set("hash", hex(&file.content.hash)),
            FieldEdit::set("size", json!(file.content.size)),
            FieldEdit::set("media_type", file.media_type.as_str()),
            FieldEdit::Add { field: ABOUT.to_owned(), value: about.to_string() },
        ];
        if let Some(user) = self.identity().map(|me| me.user) {
            edits.push(FieldEdit::set("owner", user.to_string()));
        }
        if let Some(thumbnail) = &file.thumbnail {
            edits.push(FieldEdit::set("thumbnail", hex(thumbnail)));
        }
        self.edit(now, KIND, id, &edits)
    }

    /// The files that hang on a record, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn files_of(&self, record: RecordId) -> Result<Vec<FileView>, StoreError> {
        let mut sources: Vec<RecordId> =
            self.links_to(record)?.into_iter().filter(|(_, role)| role == ABOUT).map(|(source, _)| source).collect();
        sources.sort_unstable();
        let files = sources.into_iter().filter_map(|source| self.file(source).transpose());
        files.filter(|file| file.as_ref().map_or(true, |file| !file.row.archived)).collect()
    }

    /// A file by its record.
    ///
    /// # Errors
    /// When the store fails.
    pub fn file(&self, record: RecordId) -> Result<Option<FileView>, StoreError> {
        Ok(self.row(record)?.filter(|row| &*row.kind == KIND).map(file_view))
    }

    /// Every file that is here, newest first, and the contents it names: what it holds, its thumbnail.
    ///
    /// # Errors
    /// When the store fails.
    pub fn file_contents(&self) -> Result<Vec<NamedContents>, StoreError> {
        self.replica.store.files()
    }
}

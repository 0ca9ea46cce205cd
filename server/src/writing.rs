//! What a caller writes: records made, edited, put away, disagreements settled. Shared by API and console.
//!
//! Never reads a request and never touches the database: it finds the record as the caller sees it,
//! asks what only people are asked for (required fields), and hands the edits to intake, which decides.

mod batch;
mod links;
mod review;

use serde_json::{Map, Value as Json};
use sync_core::access::{Act, Subject, decide};
use sync_core::actions::next::ACTIVITY;
use sync_core::actions::{checklist, prices};
use sync_core::id::{KindName, Millis, RecordId};
use sync_core::protocol::code;
use sync_core::record::authored;
use sync_core::record::fields::{ARCHIVED, FieldEdit, unknown, with_defaults};
use sync_core::record::path::{Path, unescape};
use sync_core::schema::{Field, Kind, Label};

use crate::app::App;
use crate::auth::Caller;
use crate::auth::grant::Grant;
use crate::auth::secret::random;
use crate::error::{Error, Text};
use crate::intake::{Author, Edited, Expect, Intake, IntakeError, NotEdited, RecordEdit};
use crate::reading::{ReadError, Reading, RecordView};
use crate::store::{Store, StoreError};

pub use batch::{Batch, ITEMS_MAX, Item, Mode, Outcome, Status, values_at, values_of};
pub(crate) use links::Leads;
pub use review::REVIEWS_MAX;

/// One caller's pen.
pub struct Writing {
    intake: Intake,
    store: Store,
    reading: Reading,
    author: Author,
    grant: Grant,
    now: Millis,
    /// What the caller saw; a record that has changed since is left alone.
    seen: Option<u64>,
    /// Whether it only writes what stood before: where its links lead is not asked.
    puts_back: bool,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is no such record, or none that the caller may see.
    #[error("there is no such record")]
    NotThere,
    /// A new record has a required field without a value.
    #[error("field `{field}` is required")]
    Missing {
        /// The field, with the sub-field if it is one.
        field: String,
        /// What people call it.
        label: Label,
    },
    /// A new record without any value.
    #[error("a record is made with at least one field")]
    Empty,
    /// The path is none of a disagreement.
    #[error("nobody disagrees about `{0}`")]
    NoConflict(String),
    /// The caller may not settle it.
    #[error("{}", .message.en)]
    MayNot {
        /// The field.
        field: String,
        /// The rule that decided, for people.
        message: Label,
    },
    /// The key that the caller came with is not for this.
    #[error("the key may not write records of the kind `{0}`")]
    OutOfScope(KindName),
    /// Intake refused.
    #[error(transparent)]
    NotEdited(#[from] NotEdited),
    /// A record with this id exists.
    #[error("record {0} exists already")]
    Exists(RecordId),
    /// The record cannot be looked at.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Nothing was kept, and it is worth trying again.
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

impl Writing {
    /// A pen for what `caller` wants to write now.
    pub fn of(app: &App, caller: &Caller) -> Self {
        let author = app.intake.on_behalf(caller.workspace, caller.user, caller.role.clone());
        Self {
            intake: app.intake.clone(),
            store: app.store.clone(),
            reading: Reading::of(app, caller),
            author,
            grant: caller.grant.clone(),
            now: app.clock.now(),
            seen: None,
            puts_back: false,
        }
    }

    /// Takes edits back: what stood before is nothing that somebody makes up.
    #[must_use]
    pub fn putting_back(self) -> Self {
        Self { puts_back: true, ..self }
    }

    /// Writes only to a record that still has this version.
    #[must_use]
    pub fn if_still(self, seen: Option<u64>) -> Self {
        Self { seen, ..self }
    }

    /// An id for a record or a row that is about to be made.
    pub fn new_id(&self) -> RecordId {
        RecordId::new(self.now, random())
    }

    /// Makes a record; with an id of the caller's choice it is made once, however often it is tried.
    ///
    /// # Errors
    /// When it exists, lacks a required field, or intake refuses.
    pub async fn create(&self, kind: &str, id: Option<RecordId>, edits: Vec<FieldEdit>) -> Result<RecordId, WriteError> {
        let kind = self.reading.kind(kind)?;
        let edits = self.priced(kind, &Map::new(), edits).await?;
        let edits = self.fit_to_make(kind, edits)?;
        let id = id.unwrap_or_else(|| self.new_id());
        let tasks = self.tasks((kind, id), &Map::new(), &edits);
        let edit = RecordEdit { kind: kind.name.clone(), record: id, edits, expect: Expect::New };
        match self.submit(edit).await {
            Err(WriteError::NotEdited(NotEdited::Exists)) => return Err(WriteError::Exists(id)),
            done => done?,
        }
        self.add(tasks).await?;
        Ok(id)
    }

    /// The edits that make a record of a kind, if they may: with its defaults, all that people must fill in, and nothing that
    /// an author may not write.
    fn fit_to_make(&self, kind: &Kind, edits: Vec<FieldEdit>) -> Result<Vec<FieldEdit>, WriteError> {
        // A misspelt name is why a field looks empty: it is told first.
        if let Some(edit) = edits.iter().find(|edit| edit.field() != ARCHIVED && kind.field(edit.field()).is_none()) {
            return Err(NotEdited::from(unknown(kind, edit.field())).into());
        }
        let edits = with_defaults(kind, &edits, |edits, default| self.reading.may_add(kind, edits, default));
        complete(kind, &edits)?;
        authored::check(kind, &Map::new(), &edits).map_err(NotEdited::from)?;
        Ok(edits)
    }

    /// The edits with the prices of what they put into rows without one, by the lists that hold.
    async fn priced(&self, kind: &Kind, before: &Map<String, Json>, edits: Vec<FieldEdit>) -> Result<Vec<FieldEdit>, WriteError> {
        let asked: Vec<RecordId> = prices::asks_for(kind, before, &edits).into_iter().collect();
        if asked.is_empty() {
            return Ok(edits);
        }
        let (rows, _) = self.reading.rows(&asked).await?;
        let known = rows.into_iter().filter(|(_, row)| !row.archived).map(|(id, row)| (id, row.fields)).collect();
        Ok(prices::filled(kind, before, edits, &known, self.now))
    }

    /// Makes several records at once: all, or as many as intake takes before it refuses one.
    ///
    /// # Errors
    /// When intake refuses one.
    pub async fn make_all(&self, edits: Vec<RecordEdit>) -> Result<(), WriteError> {
        for edited in self.edit_each(edits).await? {
            edited?;
        }
        Ok(())
    }

    /// Edits several records at once, and says of each what became of it.
    ///
    /// # Errors
    /// When none was tried.
    pub async fn edit_each(&self, edits: Vec<RecordEdit>) -> Result<Vec<Edited>, WriteError> {
        if let Some(edit) = edits.iter().find(|edit| !self.grant.may_write(&edit.kind)) {
            return Err(WriteError::OutOfScope(edit.kind.clone()));
        }
        self.write(edits).await
    }

    /// Edits fields of a record that the caller sees.
    ///
    /// # Errors
    /// When it is not there, or intake refuses.
    pub async fn edit(&self, kind: &str, id: RecordId, edits: Vec<FieldEdit>) -> Result<(), WriteError> {
        let row = self.reading.row(id).await?.filter(|row| &*row.kind == kind).ok_or(WriteError::NotThere)?;
        let declared = self.reading.kind(kind)?;
        keeps_required(declared, &edits)?;
        let edits = if self.puts_back { edits } else { self.priced(declared, &row.fields, edits).await? };
        // What stood there once may stand there again: an older app may not have known of today's bounds.
        if !self.puts_back {
            authored::check(declared, &row.fields, &edits).map_err(NotEdited::from)?;
        }
        let tasks = if self.puts_back { Vec::new() } else { self.tasks((declared, id), &row.fields, &edits) };
        self.submit(RecordEdit { kind: row.kind, record: id, edits, expect: Expect::Existing }).await?;
        self.add(tasks).await
    }

    /// The tasks that a record brings with it into the states that edits put it into.
    fn tasks(&self, of: (&Kind, RecordId), before: &Map<String, Json>, edits: &[FieldEdit]) -> Vec<RecordEdit> {
        let Ok(activity) = self.reading.kind(ACTIVITY) else { return Vec::new() };
        let made = checklist::tasks(self.reading.schema(), of, before, edits, self.author.user);
        made.into_iter().map(|(record, edits)| RecordEdit { kind: activity.name.clone(), record, edits, expect: Expect::New }).collect()
    }

    /// Makes tasks, those that are not there yet. What may not be made stands in no way of what it followed from.
    async fn add(&self, tasks: Vec<RecordEdit>) -> Result<(), WriteError> {
        if !tasks.is_empty() && tasks.iter().all(|task| self.grant.may_write(&task.kind)) {
            self.write(tasks).await?;
        }
        Ok(())
    }

    /// Puts a record away.
    ///
    /// # Errors
    /// As [`Writing::edit`], and when it is archived already.
    pub async fn archive(&self, kind: &str, id: RecordId) -> Result<(), WriteError> {
        self.edit(kind, id, vec![FieldEdit::archive()]).await
    }

    /// Brings an archived record back.
    ///
    /// # Errors
    /// As [`Writing::edit`], and when it is not archived.
    pub async fn restore(&self, kind: &str, id: RecordId) -> Result<(), WriteError> {
        self.edit(kind, id, vec![FieldEdit::restore()]).await
    }

    /// Settles a disagreement: one of the values, or another one, as an ordinary write.
    ///
    /// # Errors
    /// When nobody disagrees there, the caller may not settle it, or intake refuses.
    pub async fn resolve(mut self, kind: &str, id: RecordId, path: &str, value: Json) -> Result<(), WriteError> {
        let record = self.reading.record(id).await?.filter(|record| &*record.row.kind == kind).ok_or(WriteError::NotThere)?;
        let stands =
            record.disagreements.iter().filter(|open| open.path == path).flat_map(|open| &open.claims).any(|claim| claim.value == value);
        let (field, edit) = self.settling(&record, path, value)?;
        let kind = self.reading.kind(kind)?.clone();
        self.puts_back = stands;
        if !stands {
            authored::check(&kind, &record.row.fields, std::slice::from_ref(&edit)).map_err(NotEdited::from)?;
        }
        let facet = kind.field(&field).map_or_else(Default::default, |field| field.facet);
        let distance = self.reading.distance(id).await?;
        let subject = Subject::existing(&kind, facet, &record.row.fields, self.reading.author(id).await?).at(distance);
        if let Some(message) = decide(self.reading.roles(), &self.author.caller(), &subject, &Act::Resolve { field: &field }).message() {
            return Err(WriteError::MayNot { message: message.clone(), field });
        }
        self.submit(RecordEdit { kind: kind.name.clone(), record: id, edits: vec![edit], expect: Expect::Existing }).await
    }

    /// The field of an open disagreement, and the edit that ends it.
    fn settling(&self, record: &RecordView, path: &str, value: Json) -> Result<(String, FieldEdit), WriteError> {
        let open = record.disagreements.iter().any(|disagreement| disagreement.path == path);
        let parsed = Path::parse(path).filter(|_| open).ok_or_else(|| WriteError::NoConflict(path.to_owned()))?;
        let field = parsed.field.to_owned();
        let edit = match (parsed.key, parsed.item) {
            (Some(row), Some(item)) => FieldEdit::SetRow {
                field: field.clone(),
                row: unescape(row).into_owned(),
                values: [(item.to_owned(), value)].into_iter().collect(),
            },
            _ => FieldEdit::Set { field: field.clone(), value },
        };
        Ok((field, edit))
    }

    async fn submit(&self, mut edit: RecordEdit) -> Result<(), WriteError> {
        if !self.grant.may_write(&edit.kind) {
            return Err(WriteError::OutOfScope(edit.kind));
        }
        if let (Some(version), Expect::Existing) = (self.seen, edit.expect) {
            edit.expect = Expect::Version(version);
        }
        for edited in self.write(vec![edit]).await? {
            edited?;
        }
        Ok(())
    }
}

/// Whether a new record has all that people must fill in.
fn complete(kind: &Kind, edits: &[FieldEdit]) -> Result<(), WriteError> {
    if edits.is_empty() {
        return Err(WriteError::Empty);
    }
    for field in kind.fields.iter().filter(|field| is_asked_for(field)) {
        if !edits.iter().any(|edit| edit.field() == &*field.name && gives(edit)) {
            return Err(missing(field.name.to_string(), field));
        }
    }
    for edit in edits {
        let (FieldEdit::SetRow { field, values, .. } | FieldEdit::Append { field, values, .. }) = edit else { continue };
        let items = kind.field(field).map_or(&[][..], |field| &field.items);
        if let Some(item) = items.iter().filter(|item| is_asked_for(item)).find(|item| values.get(&*item.name).is_none_or(Json::is_null)) {
            return Err(missing(format!("{field}.{}", item.name), item));
        }
    }
    Ok(())
}

/// Whether edits of a record that is there leave it everything that people must fill in. What it never had may stay away.
fn keeps_required(kind: &Kind, edits: &[FieldEdit]) -> Result<(), WriteError> {
    for edit in edits {
        let field = kind.field(edit.field()).filter(|field| is_asked_for(field));
        if let (Some(field), FieldEdit::Set { .. }) = (field, edit)
            && !gives(edit)
        {
            return Err(missing(field.name.to_string(), field));
        }
    }
    Ok(())
}

fn is_asked_for(field: &Field) -> bool {
    field.required && !field.hidden
}

fn missing(path: String, field: &Field) -> WriteError {
    WriteError::Missing { field: path, label: field.label.clone() }
}

/// Whether an edit gives its field a value.
fn gives(edit: &FieldEdit) -> bool {
    match edit {
        FieldEdit::Set { value, .. } => match value {
            Json::Null => false,
            Json::String(text) => !text.trim().is_empty(),
            Json::Array(elements) => !elements.is_empty(),
            Json::Bool(_) | Json::Number(_) | Json::Object(_) => true,
        },
        FieldEdit::Add { .. } | FieldEdit::SetRow { .. } | FieldEdit::Append { .. } | FieldEdit::Increment { .. } => true,
        FieldEdit::Splice { insert, .. } => !insert.trim().is_empty(),
        FieldEdit::Remove { .. } | FieldEdit::RemoveRow { .. } | FieldEdit::MoveRow { .. } => false,
    }
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        let en = error.to_string();
        match error {
            WriteError::NotThere => Self::NotFound,
            WriteError::Missing { field, label } => {
                let message = Text::new(format!("“{}” is required.", label.en), format!("“{}”为必填项。", label.zh));
                Self::Invalid { field: Some(field), message }
            }
            WriteError::Empty => Self::Invalid { field: None, message: Text::new(en, "新记录至少要填写一个字段。") },
            WriteError::NoConflict(path) => Self::Conflict(Text::new(en, format!("“{path}”没有待解决的冲突。"))),
            WriteError::MayNot { field, message } => Self::Denied { field: Some(field), message: Text::new(message.en, message.zh) },
            WriteError::OutOfScope(kind) => Self::Forbidden(Text::new(en, format!("此密钥无权写入“{kind}”对象。"))),
            WriteError::NotEdited(why) => why.into(),
            WriteError::Exists(record) => Self::Exists(record),
            WriteError::Read(error) => error.into(),
            WriteError::Intake(error) => error.into(),
        }
    }
}

impl From<NotEdited> for Error {
    fn from(why: NotEdited) -> Self {
        let en = why.to_string();
        match why {
            NotEdited::UnknownKind(_) | NotEdited::NoSuchRecord => Self::NotFound,
            NotEdited::Stale(_) => Self::Stale,
            NotEdited::Crowded => Self::Crowded,
            NotEdited::Exists => Self::Conflict(Text::new(en, "该记录已存在。")),
            NotEdited::BadEdit(bad) => Self::Invalid { field: Some(bad.field().to_owned()), message: Text::new(en, bad.message_zh()) },
            NotEdited::Refused(refusal) => {
                Self::Invalid { field: refusal.field().map(str::to_owned), message: Text::new(en, refusal.message_zh()) }
            }
            NotEdited::Held { change, field, message, .. } => {
                let en = format!("{} It was handed to whoever may approve it: you are told when they have decided.", message.en);
                let message = Text::new(en, format!("{}已提交给有权审批的人员，处理后会通知您。", message.zh));
                Self::Held { change, field, message }
            }
            NotEdited::Denied { code: code::FROZEN | code::ARCHIVED, message, .. } => Self::Conflict(Text::new(message.en, message.zh)),
            NotEdited::Denied { code: code::FORBIDDEN, field, message, .. } => {
                Self::Denied { field, message: Text::new(message.en, message.zh) }
            }
            NotEdited::Denied { field, message, .. } => Self::Invalid { field, message: Text::new(message.en, message.zh) },
        }
    }
}

impl From<IntakeError> for Error {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Store(why) if matches!(*why, StoreError::Unwritable(_) | StoreError::Ledger(_)) => Self::NoRoom,
            IntakeError::Store(_) | IntakeError::Stopped => Self::NotKept,
        }
    }
}

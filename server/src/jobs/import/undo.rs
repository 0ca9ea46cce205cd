//! Taking an import back: what it made is archived, what it changed gets its former value.
//!
//! What somebody has changed since stays as it is and is reported; `sync_core::actions::taking_back` says what is written.

use std::collections::BTreeMap;

use sync_core::actions::taking_back::{Left, taking_back};
use sync_core::id::{KindName, RecordId};
use sync_core::record::Stored;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Kind, Label};

use super::reasons::reason;
use super::{ImportError, ImportId, authorise};
use crate::app::App;
use crate::intake::{Author, Expect, RecordEdit, Rules};
use crate::jobs::cell::label;
use crate::jobs::{Progress, Watch, acts};
use crate::store::imports::{self, ImportRow};
use crate::store::records;

/// Records that are taken back together.
const BATCH_RECORDS: u32 = 500;
/// What was left is listed up to here, and counted beyond.
const LEFT_LISTED: usize = 1_000;

/// What became of an import that was taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undone {
    /// Records that were archived.
    pub archived: u64,
    /// Records that got former values back.
    pub restored: u64,
    /// How many fields or records were left.
    pub left: u64,
    /// The first of them.
    pub list: Vec<Left>,
}

impl Undone {
    fn leave(&mut self, left: Left) {
        self.left += 1;
        if self.list.len() < LEFT_LISTED {
            self.list.push(left);
        }
    }
}

/// Takes an import back.
///
/// # Errors
/// When there is no such import, the author may not, or the database fails; it can be run again then.
pub async fn undo(app: &App, author: &Author, import: ImportId, watch: Watch<'_>) -> Result<Undone, ImportError> {
    let all = super::list(app, author.workspace).await?;
    let noted = all.into_iter().find(|row| row.import == import.0).ok_or(ImportError::NoSuchImport(import))?;
    let rules = app.intake.rules(author.workspace);
    may_take_back(&rules, author, kind_of(&rules, &noted)?)?;
    take_back(app, author, noted, watch).await
}

/// What others did is taken back by whoever may bring records in.
fn may_take_back(rules: &Rules, author: &Author, kind: &Kind) -> Result<(), ImportError> {
    let denied = |error| match error {
        ImportError::Denied(_) => ImportError::Denied(Label::new(
            "Somebody else did this. Only they can take it back, or whoever may bring in such records.",
            "这是他人的操作，只有本人或有权导入此类记录的人员可以撤销。",
        )),
        other => other,
    };
    authorise(rules, author, kind).map_err(denied)
}

fn kind_of<'r>(rules: &'r Rules, noted: &ImportRow) -> Result<&'r Kind, ImportError> {
    let unknown = || ImportError::UnknownKind { kind: noted.kind.clone(), known: Vec::new() };
    Ok(rules.schema.kind(&noted.kind).ok_or_else(unknown)?)
}

/// As [`undo`], for who is known to be allowed; each edit is still decided by rights.
///
/// # Errors
/// When it was taken back before, or the database fails; it can be run again then.
pub async fn take_back(app: &App, author: &Author, noted: ImportRow, watch: Watch<'_>) -> Result<Undone, ImportError> {
    let import = ImportId(noted.import);
    if noted.undone_at.is_some() {
        return Err(ImportError::AlreadyUndone(import));
    }
    acts::begin_taking_back(app, author, &noted).await?;
    let rules = app.intake.rules(author.workspace);
    let (mut undone, mut after, mut done) = (Undone::default(), None, 0);
    loop {
        let mut tx = app.store.reader().await?;
        let batch = imports::records_of(&mut tx, author.workspace, import.0, after, BATCH_RECORDS).await?;
        let Some(last) = batch.last() else { break };
        let mine = imports::hashes_of(&mut tx, author.workspace, import.0, &batch).await?;
        let changes = records::changes_of(&mut tx, author.workspace, &batch).await?;
        drop(tx);
        for (name, changes) in by_kind(changes) {
            let Some(kind) = rules.schema.kind(&name) else { continue };
            let (plans, left) = taking_back(kind, changes, &mine);
            left.into_iter().for_each(|left| undone.leave(left));
            write(app, author, kind, plans, &mut undone).await?;
        }
        (after, done) = (Some(*last), done + batch.len() as u64);
        watch(Progress { done, total: (noted.created + noted.updated).max(done) });
    }
    acts::taken_back(app, author, noted, &undone).await?;
    Ok(undone)
}

/// An act may have touched records of several kinds.
fn by_kind(changes: Vec<Stored>) -> BTreeMap<KindName, Vec<Stored>> {
    let mut by_kind: BTreeMap<KindName, Vec<Stored>> = BTreeMap::new();
    for stored in changes {
        by_kind.entry(stored.kind.clone()).or_default().push(stored);
    }
    by_kind
}

async fn write(
    app: &App,
    author: &Author,
    kind: &Kind,
    plans: Vec<(RecordId, Vec<FieldEdit>)>,
    undone: &mut Undone,
) -> Result<(), ImportError> {
    let edit = |(record, edits): &(RecordId, Vec<FieldEdit>)| RecordEdit {
        kind: kind.name.clone(),
        record: *record,
        edits: edits.clone(),
        expect: Expect::Existing,
    };
    let answers = app.intake.edit(author, plans.iter().map(edit).collect(), app.clock.now(), None).await?;
    // A record of two plans is one: they stand behind each other.
    let mut counted = None;
    for ((record, edits), answer) in plans.into_iter().zip(answers) {
        match answer {
            Ok(_) if edits == [FieldEdit::archive()] => undone.archived += 1,
            Ok(_) if counted.replace(record) == Some(record) => {}
            Ok(_) => undone.restored += 1,
            Err(why) => {
                let why = if counted == Some(record) { in_part(&reason(&why)) } else { reason(&why) };
                undone.leave(Left { record, kind: kind.name.clone(), field: String::new(), why, for_good: false });
            }
        }
    }
    Ok(())
}

/// The first of two steps was taken.
fn in_part(why: &Label) -> Label {
    label(
        format!("it is back from the archive, and nothing else of it: {}", why.en),
        format!("已从归档恢复，但其余内容未能撤销：{}", why.zh),
    )
}

//! Two records become one, as an act that can be taken back.
//!
//! Written through `intake`: the survivor is given what was chosen, the duplicate gets a mark. What points
//! at the duplicate is left alone and is shown with the survivor.

use std::collections::HashSet;

use serde_json::Value as Json;
use sync_core::actions::duplicates::merging::{Keep, Side, giving_back, merging};
use sync_core::actions::duplicates::{APART, FIELD};
use sync_core::id::{RecordId, WorkspaceId};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Field, Kind, Label};

use super::foresight::Foresight;
use super::import::{ImportError, ImportId};
use super::{bulk, duplicates};
use crate::app::App;
use crate::intake::{Author, Expect, RecordEdit};
use crate::reading::Row;
use crate::store::imports::{Act, ImportRow};
use crate::store::records::RecordRow;
use crate::store::{aliases, records};

/// What became of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// They are one; the act can be taken back.
    Done(ImportId),
    /// Nothing was written, and why.
    Refused(Label),
}

/// Whether one of two records stands for the other already, or a third one for both.
///
/// # Errors
/// When the database fails.
pub async fn are_one(app: &App, workspace: WorkspaceId, one: RecordId, other: RecordId) -> Result<bool, ImportError> {
    let survivors = aliases::survivors_of(&mut app.store.reader().await?, workspace, &[one, other]).await?;
    let standing = |id: RecordId| survivors.get(&id).copied().unwrap_or(id);
    Ok(standing(one) == standing(other))
}

/// What is decided of two records is decided of two: once they are one, they are split first.
async fn are_two(app: &App, author: &Author, one: RecordId, other: RecordId) -> Result<(), ImportError> {
    if are_one(app, author.workspace, one, other).await? { Err(ImportError::Together) } else { Ok(()) }
}

/// Makes `duplicate` one with `survivor`.
///
/// # Errors
/// When they are one already, or the database fails.
pub async fn merge(
    app: &App,
    author: &Author,
    kind: &Kind,
    (survivor, duplicate): (&Row, &Row),
    keep: impl Fn(&Field) -> Keep,
) -> Result<Merged, ImportError> {
    let (first, second) = (survivor.id, duplicate.id);
    are_two(app, author, first, second).await?;
    let home = app.intake.rules(author.workspace).country;
    let [stays, goes] = [survivor, duplicate].map(|row| Side { id: row.id, fields: &row.fields });
    let edits = merging((kind, home), stays, goes, |field, _| keep(field));
    if let Some(why) = foreseen(app, author, kind, &edits).await? {
        return Ok(Merged::Refused(why));
    }
    let edit = |(record, edits)| RecordEdit { kind: kind.name.clone(), record, edits, expect: Expect::Existing };
    let edits = edits.into_iter().map(edit).collect();
    let done = bulk::apply(app, author, &kind.name, (Act::Merge, &of_pair(first, second)), edits).await?;
    let Some((_, why)) = done.refused.into_iter().next() else {
        duplicates::compare_now(app, author.workspace, &kind.name, vec![first, second]).await?;
        return Ok(Merged::Done(done.act));
    };
    // Half a merge is none.
    bulk::undo(app, author, done.act).await?;
    Ok(Merged::Refused(why))
}

/// What rights say against one half, before the other is written: that would have to be taken back, and phones would see both.
async fn foreseen(app: &App, author: &Author, kind: &Kind, edits: &[(RecordId, Vec<FieldEdit>)]) -> Result<Option<Label>, ImportError> {
    let (rules, caller) = (app.intake.rules(author.workspace), author.caller());
    let ids: Vec<RecordId> = edits.iter().map(|(record, _)| *record).collect();
    let mut tx = app.store.reader().await?;
    let rows = records::rows_of(&mut tx, author.workspace, &ids).await?;
    let foresight = Foresight::of(&mut tx, author.workspace, (&rules.roles, &caller), kind, &ids).await?;
    Ok(edits.iter().find_map(|(record, edits)| foresight.against(*record, rows.get(record), std::slice::from_ref(edits))))
}

/// Which of some merges, each of a survivor and a duplicate, an author may take back: those that hold, where rights let them take
/// the mark off.
///
/// # Errors
/// When the database fails.
pub async fn partable(
    app: &App,
    author: &Author,
    kind: &Kind,
    pairs: &[(RecordId, RecordId)],
) -> Result<HashSet<(RecordId, RecordId)>, ImportError> {
    let (rules, caller) = (app.intake.rules(author.workspace), author.caller());
    let ids: Vec<RecordId> = pairs.iter().map(|(_, duplicate)| *duplicate).collect();
    let mut tx = app.store.reader().await?;
    let rows = records::rows_of(&mut tx, author.workspace, &ids).await?;
    let foresight = Foresight::of(&mut tx, author.workspace, (&rules.roles, &caller), kind, &ids).await?;
    let may = |(survivor, duplicate): &&(RecordId, RecordId)| {
        let is_marked = |row: &&RecordRow| marks_of(row).contains(survivor);
        let row = rows.get(duplicate).filter(is_marked);
        row.is_some_and(|row| foresight.against(*duplicate, Some(row), &[vec![unmark(*survivor)]]).is_none())
    };
    Ok(pairs.iter().filter(may).copied().collect())
}

/// Lets a record stand for itself again, wherever it was merged: takes the merges back that made it one with others, and the marks
/// that are left. Whoever may take its mark off may, whoever merged it.
///
/// # Errors
/// When the database fails.
pub async fn take_back(app: &App, author: &Author, kind: &Kind, record: RecordId) -> Result<Option<Label>, ImportError> {
    if let Some(why) = foreseen(app, author, kind, &[(record, vec![unmark(record)])]).await? {
        return Ok(Some(why));
    }
    let mut acts = super::import::list(app, author.workspace).await?;
    acts.retain(|act| act.undone_at.is_none() && pair_of(act).is_some_and(|(_, duplicate)| duplicate == record));
    for act in acts.into_iter().rev() {
        super::import::take_back(app, author, act, &mut |_| {}).await?;
    }
    // Marks of phones, and of merges that were taken back in part.
    let row = records::rows_of(&mut app.store.reader().await?, author.workspace, &[record]).await?.remove(&record);
    let targets = row.as_ref().map(marks_of).unwrap_or_default();
    let refused = match targets.is_empty() {
        true => None,
        false => part(app, author, kind, record, &targets).await?,
    };
    duplicates::compare_now(app, author.workspace, &kind.name, [&[record], &*targets].concat()).await?;
    Ok(refused)
}

/// Takes marks off a duplicate, then gives back what the acts that set them gave to the records that stay: what the author may not
/// write there stays, and the two are parted all the same.
async fn part(app: &App, author: &Author, kind: &Kind, duplicate: RecordId, targets: &[RecordId]) -> Result<Option<Label>, ImportError> {
    let mut tx = app.store.reader().await?;
    let marked = records::changes_of(&mut tx, author.workspace, &[duplicate]).await?;
    let mut given = Vec::new();
    for &target in targets {
        let changes = records::changes_of(&mut tx, author.workspace, &[target]).await?;
        let edit = |edits| RecordEdit { kind: kind.name.clone(), record: target, edits, expect: Expect::Existing };
        given.extend(giving_back(kind, &marked, (target, changes)).into_iter().map(edit));
    }
    drop(tx);
    let refused = write(app, author, kind, duplicate, targets.iter().copied().map(unmark).collect()).await?;
    if refused.is_none() && !given.is_empty() {
        app.intake.edit(author, given, app.clock.now(), None).await?;
    }
    Ok(refused)
}

/// What a record is marked as the same as.
fn marks_of(row: &RecordRow) -> Vec<RecordId> {
    let fields = crate::projection::values(row);
    let marks = fields.get(FIELD).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    marks.filter_map(|mark| mark.parse().ok()).collect()
}

/// Takes a mark off.
fn unmark(target: RecordId) -> FieldEdit {
    FieldEdit::Remove { field: FIELD.to_owned(), value: target.to_string() }
}

/// Remembers that two records are not the same, however alike they look.
///
/// # Errors
/// When they are one, or the database fails.
pub async fn set_apart(app: &App, author: &Author, kind: &Kind, one: RecordId, other: RecordId) -> Result<Option<Label>, ImportError> {
    are_two(app, author, one, other).await?;
    let refused = write(app, author, kind, one, vec![FieldEdit::Add { field: APART.to_owned(), value: other.to_string() }]).await?;
    duplicates::compare_now(app, author.workspace, &kind.name, vec![one, other]).await?;
    Ok(refused)
}

async fn write(app: &App, author: &Author, kind: &Kind, record: RecordId, edits: Vec<FieldEdit>) -> Result<Option<Label>, ImportError> {
    let edit = RecordEdit { kind: kind.name.clone(), record, edits, expect: Expect::Existing };
    let answers = app.intake.edit(author, vec![edit], app.clock.now(), None).await?;
    Ok(answers.into_iter().find_map(|answer| answer.err()).map(|why| super::import::reason(&why)))
}

/// How the log of acts names a merge.
fn of_pair(survivor: RecordId, duplicate: RecordId) -> String {
    format!("{duplicate} > {survivor}")
}

/// The survivor and the duplicate of a merge in the log of acts.
pub fn pair_of(act: &ImportRow) -> Option<(RecordId, RecordId)> {
    let (duplicate, survivor) = act.file_name.split_once(" > ").filter(|_| act.act == Act::Merge)?;
    Some((survivor.parse().ok()?, duplicate.parse().ok()?))
}

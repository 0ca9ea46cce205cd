//! The run: reads rows, plans batches, hands them to `intake`, and keeps count.

mod alike;
mod links;
mod made;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::{Map, json};
use sync_core::actions::duplicates::can_attach;
use sync_core::id::RecordId;
use sync_core::record::fields::{FieldEdit, with_defaults};
use sync_core::schema::{Kind, Label};

use self::alike::Above;
use self::made::candidate;
use super::directory::{Directory, Found, key_of};
use super::draft::{Draft, MEMBER, Problem, Reader, forbidden, lookups, missing, several};
use super::edits::{edits, unclear};
use super::failures::{Failure, Failures};
use super::mapping::Mapping;
use super::mistakes::joined;
use super::preview::{Becomes, Difference, Preview, differences};
use super::reasons::{called, reason_in};
use super::sight::{Seen, Sight};
use super::source::{Row, Source, Survey};
use super::{ImportError, ImportId, Mode, Spec, authorise};
use crate::app::App;
use crate::intake::{Author, Expect, RecordEdit, Rules};
use crate::jobs::cell::label;
use crate::jobs::{Progress, Watch, acts};
use crate::projection;
use crate::store::imports::{Act, ImportRow};
use crate::store::records::{self, RecordRow};
use crate::store::{StoreError, Tx, sequences};

/// Rows that share a transaction: enough to make its flush cheap, few enough that phones wait no longer than a blink.
const BATCH_ROWS: usize = 4_000;
/// Rows of which a dry run shows what would become of them: a page that somebody looks through.
const PREVIEW_ROWS: usize = 20;

/// What was done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The import, to take it back; none for a dry run.
    pub import: Option<ImportId>,
    /// Rows that were read.
    pub rows: u64,
    /// Records that were made.
    pub created: u64,
    /// Records that were changed.
    pub updated: u64,
    /// Rows that said what the record says already.
    pub unchanged: u64,
    /// Rows that were about the same as a row above them, and made no record of their own.
    pub doubled: u64,
    /// Rows that were left out.
    pub failed: u64,
    /// The first of them.
    pub failures: Vec<Failure>,
    /// Where they all are.
    pub failed_file: Option<PathBuf>,
    /// What would become of the first rows: only of a dry run.
    pub preview: Vec<Preview>,
}

/// Brings a file in.
///
/// # Errors
/// When nothing could be brought in, or not everything: [`ImportError::BrokeOff`] says what is kept.
pub async fn run(app: &App, author: &Author, spec: &Spec, source: &Source, watch: Watch<'_>) -> Result<Report, ImportError> {
    let rules = app.intake.rules(author.workspace);
    let known = || rules.schema.kinds().map(|kind| kind.name.to_string()).collect();
    let unknown = || ImportError::UnknownKind { kind: spec.kind.clone(), known: known() };
    let kind = rules.schema.kind(&spec.kind).cloned().ok_or_else(unknown)?;
    authorise(&rules, author, &kind)?;
    let survey = source.survey()?;
    let mut run = Run::begin(app, author, spec, &rules, &kind, source, survey).await?;
    let done = run.rows(source, watch).await;
    run.finish(done).await
}

/// Which record a row is about.
#[derive(Debug, Clone, PartialEq)]
enum Identity {
    /// One that is there, or is to be made under this id.
    Named(RecordId),
    /// One that it matches.
    Known(RecordId),
    /// A new one; its id follows from the cause.
    New { cause: String, by_key: bool },
}

struct Planned {
    row: Row,
    draft: Draft,
    identity: Identity,
    /// What could not be read of the row: nothing is written, and what else is wrong is told with it.
    mistakes: Vec<Label>,
}

/// A row as it was read, or why it is none.
type Plan = Result<(Draft, Result<Identity, Label>, Vec<Problem>), Label>;

/// What is to be written for a row.
enum Step {
    Write {
        record: RecordId,
        is_new: bool,
        changes: Vec<Vec<FieldEdit>>,
        shown: Vec<Difference>,
    },
    Unchanged(RecordId),
    /// `changes`: what would be written if nothing stood against it.
    Fail {
        record: RecordId,
        changes: Vec<Vec<FieldEdit>>,
        why: Label,
    },
}

struct Run<'a> {
    app: &'a App,
    author: &'a Author,
    spec: &'a Spec,
    rules: &'a Rules,
    sight: Sight,
    kind: &'a Arc<Kind>,
    mapping: Mapping,
    survey: Survey,
    left_empty: BTreeSet<usize>,
    matches: Vec<String>,
    directory: Directory,
    /// The workspace's, or of whoever brings the file.
    zone: TimeZone,
    failures: Failures,
    batch: Vec<Planned>,
    /// What rows of this batch are about: a second one about the same waits for the next batch.
    taken: HashSet<String>,
    /// The fields of this kind by which rows are looked up, and what rows of this batch have in them.
    looked_up: HashSet<String>,
    pending: HashSet<String>,
    /// The records of this kind that rows have made, or would have: others may link to them.
    made: HashSet<RecordId>,
    /// What rows above have made, where likely duplicates are looked for.
    above: Above,
    noted: Option<ImportRow>,
    report: Report,
}

impl<'a> Run<'a> {
    async fn begin(
        app: &'a App,
        author: &'a Author,
        spec: &'a Spec,
        rules: &'a Rules,
        kind: &'a Arc<Kind>,
        source: &Source,
        survey: Survey,
    ) -> Result<Self, ImportError> {
        let mapping = match source.is_json() {
            false => Mapping::of(&rules.schema, kind, &survey.header, &spec.told)?,
            true => Mapping::of_objects(&rules.schema, kind, &spec.told)?,
        };
        if let Some(field) = forbidden(&rules.roles, &author.role, &mapping) {
            let en = format!("your role may not write “{}” of {}", field.label.en, kind.plural.en.to_lowercase());
            return Err(ImportError::Denied(label(en, format!("您的角色不能写入{}的“{}”", kind.label.zh, field.label.zh))));
        }
        let matches = matches(spec, &mapping, source.is_json())?;
        let (mut directory, sight) = (Directory::of(rules.country), Sight::of(rules, author));
        let mut tx = app.store.reader().await?;
        for (kind, fields) in lookups(&rules.schema, &mapping) {
            directory.read(&mut tx, author.workspace, &sight.scope, kind, &refs(&fields)).await?;
            if *kind.name == *MEMBER && sight.scope.of(&kind.name).is_some() {
                directory.read_colleagues(&mut tx, author.workspace, &sight.scope, kind).await?;
            }
        }
        if !matches.is_empty() {
            directory.read(&mut tx, author.workspace, &sight.scope, kind, &refs(&matches)).await?;
        }
        let zone = sequences::zone(&mut tx, author.workspace).await?.unwrap_or_else(|| spec.zone.clone());
        let header = survey.header.clone();
        let failures = Failures::new(spec.failed_beside.clone(), header, spec.language, spec.is_raw);
        let told = json!({ "rows": survey.rows });
        let begun = (Act::File, &*source.name());
        let noted = if spec.is_dry_run { None } else { Some(acts::begin(app, author, begun, &spec.kind, told).await?) };
        let report = Report { import: noted.as_ref().map(|row| ImportId(row.import)), ..Report::default() };
        let (left_empty, looked_up) = (mapping.left_empty(), directory.fields_of(&kind.name));
        Ok(Self {
            app,
            author,
            spec,
            rules,
            sight,
            kind,
            mapping,
            survey,
            left_empty,
            matches,
            directory,
            zone,
            failures,
            batch: Vec::new(),
            taken: HashSet::new(),
            looked_up,
            pending: HashSet::new(),
            made: HashSet::new(),
            above: Above::default(),
            noted,
            report,
        })
    }

    async fn rows(&mut self, source: &Source, watch: Watch<'_>) -> Result<(), ImportError> {
        for row in source.rows(&self.survey)? {
            let mut has_written = self.take(row?).await?;
            self.report.rows += 1;
            if self.batch.len().max(self.failures.held()) >= BATCH_ROWS {
                self.flush().await?;
                has_written = true;
            }
            if has_written {
                watch(Progress { done: self.report.rows, total: self.survey.rows });
            }
        }
        self.flush().await?;
        watch(Progress { done: self.report.rows, total: self.survey.rows });
        Ok(())
    }

    /// Takes a row into the batch; answers whether what it needs to know of earlier rows had to be written first.
    async fn take(&mut self, row: Row) -> Result<bool, ImportError> {
        let mut plan = self.plan(&row);
        let waits = plan.as_ref().is_ok_and(|(draft, identity, problems)| {
            let is_taken = identity.as_ref().is_ok_and(|identity| self.taken.contains(&token(draft, identity)));
            is_taken || problems.iter().any(|problem| problem.waits)
        });
        if waits {
            self.flush().await?;
            plan = self.plan(&row);
        }
        match plan {
            Ok((draft, identity, problems)) => {
                self.keep(row, draft, identity, problems.into_iter().map(|problem| problem.message).collect())
            }
            Err(reason) => self.failures.note(&row, &reason),
        }
        Ok(waits)
    }

    /// Keeps a row for the batch, with what is known to be wrong with it; one that is about no record is left out at once.
    fn keep(&mut self, row: Row, draft: Draft, identity: Result<Identity, Label>, mut mistakes: Vec<Label>) {
        let identity = match identity {
            Ok(identity) => identity,
            Err(reason) => {
                let all = edits(self.kind, RecordId::of_cause("none"), &Map::new(), &draft);
                mistakes.insert(0, reason);
                mistakes.extend(super::mistakes::mistakes(self.kind, &Map::new(), &all));
                return self.failures.note(&row, &joined(&mistakes));
            }
        };
        if mistakes.is_empty() {
            self.taken.insert(token(&draft, &identity));
            let is_looked_up = |index: usize| self.looked_up.contains(&*self.kind.fields[index].name);
            let texts = draft.values.iter().filter(|(index, _)| is_looked_up(*index)).filter_map(|(_, value)| value.as_str());
            self.pending.extend(texts.map(str::to_owned));
        }
        self.batch.push(Planned { row, draft, identity, mistakes });
    }

    fn plan(&self, row: &Row) -> Plan {
        let reader = Reader {
            mapping: &self.mapping,
            directory: &self.directory,
            left_empty: &self.left_empty,
            matches: &self.matches,
            zone: &self.zone,
            is_raw: self.spec.is_raw,
            header: &self.survey.header,
            pending: &self.pending,
        };
        let (mut draft, problems) = reader.draft(row)?;
        let found = draft.key.as_ref().and_then(|key| self.directory.find(&self.kind.name, &refs(&self.matches), key));
        let identity = self.identity(row, &draft, found);
        if let Some(Found::Behind(_)) = found {
            // It is known by what it was merged with, and keeps what it is called itself.
            draft.values.retain(|(index, _)| !self.matches.iter().any(|name| **name == *self.kind.fields[*index].name));
        }
        Ok((draft, identity, problems))
    }

    fn identity(&self, row: &Row, draft: &Draft, found: Option<Found>) -> Result<Identity, Label> {
        if let Some(id) = draft.id {
            return Ok(Identity::Named(id));
        }
        let (fields, Label { en, zh }) = (self.matches.join(", "), self.matched_by());
        match (found, &draft.key, self.spec.mode) {
            (Some(Found::Several(_)), Some(key), _) => Err(several(&label(en, zh), key)),
            (Some(Found::One(_) | Found::Behind(_)), Some(key), Mode::Create) => {
                Err(label(format!("a record with the “{en}” `{key}` is there already"), format!("已有“{zh}”为“{key}”的记录")))
            }
            (Some(Found::One(record) | Found::Behind(record)), ..) => Ok(Identity::Known(record)),
            (_, Some(key), Mode::Update) => Err(label(format!("no record has the “{en}” `{key}`"), format!("没有“{zh}”为“{key}”的记录"))),
            (_, None, Mode::Update) => Err(label(format!("there is nothing in “{en}” to match by"), format!("“{zh}”为空，无法匹配"))),
            (_, Some(key), Mode::Create | Mode::Both) => {
                Ok(Identity::New { cause: format!("{} {fields} {key}", self.kind.name), by_key: true })
            }
            (_, None, Mode::Create | Mode::Both) => {
                let file: String = self.survey.hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
                Ok(Identity::New { cause: format!("{} {file} {}", self.kind.name, row.line), by_key: false })
            }
        }
    }

    /// What people call the fields that rows are matched by.
    fn matched_by(&self) -> Label {
        let labels: Vec<Label> = self.matches.iter().map(|name| called(self.kind, name)).collect();
        let joined = |text: fn(&Label) -> &str, between: &str| labels.iter().map(text).collect::<Vec<_>>().join(between);
        label(joined(|label| label.en.as_str(), ", "), joined(|label| label.zh.as_str(), "、"))
    }

    /// Writes the batch, and then the rows of it that are about the same records.
    async fn flush(&mut self) -> Result<(), ImportError> {
        self.taken.clear();
        self.pending.clear();
        while !self.batch.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            self.write_batch(batch).await?;
        }
        self.failures.settle()
    }

    async fn write_batch(&mut self, mut batch: Vec<Planned>) -> Result<(), ImportError> {
        let mut ids: Vec<RecordId> = batch.iter().map(|planned| candidate(&planned.identity, 0)).collect();
        let mut tx = self.app.store.reader().await?;
        let mut rows = records::rows_of(&mut tx, self.author.workspace, &ids).await?;
        self.free_ids(&mut tx, &batch, &mut ids, &mut rows).await?;
        if self.spec.attach && self.spec.mode == Mode::Both && can_attach(self.kind) {
            self.attach(&mut tx, &mut batch, &mut ids, &mut rows).await?;
        }
        let later = self.put_off(&mut batch, &mut ids);
        let seen = self.sight.of_records(&mut tx, self.kind, &rows).await?;
        let step = |(planned, id): (&Planned, &RecordId)| self.step(planned, *id, rows.get(id), seen.get(id));
        let mut steps: Vec<Step> = batch.iter().zip(&ids).map(step).collect();
        self.leave_out_strays(&mut tx, &mut steps).await?;
        let failed = match self.spec.is_dry_run {
            true => {
                self.foresee(&mut steps, &seen);
                self.try_out(&mut tx, &steps, &ids, &seen).await?
            }
            false => {
                drop(tx);
                self.write(&steps).await?
            }
        };
        for ((planned, step), failed) in batch.iter().zip(&steps).zip(failed) {
            self.count(planned, step, failed);
        }
        self.go_on_with(later);
        self.failures.settle()?;
        self.note(None).await
    }

    /// What is to be written to a record that is there, or not, of which the author may see so much.
    fn step(&self, planned: &Planned, record: RecordId, row: Option<&RecordRow>, seen: Option<&RecordRow>) -> Step {
        if let Some(step) = row.is_none().then(|| self.step_behind(planned, record)).flatten() {
            return step;
        }
        let (draft, mut mistakes) = (&planned.draft, planned.mistakes.clone());
        // What is out of sight is none to change, and its id is taken.
        let row = row.filter(|_| seen.is_some() || self.spec.mode != Mode::Update);
        let is_of_others = row.is_some_and(|row| row.kind != self.kind.name);
        let before = seen.filter(|_| !is_of_others).map(projection::values).unwrap_or_default();
        let named = match &planned.identity {
            Identity::Named(id) => Some(id),
            Identity::Known(_) | Identity::New { .. } => None,
        };
        match (row, named) {
            (None, Some(id)) if self.spec.mode == Mode::Update => {
                mistakes.push(label(format!("there is no record `{id}`"), format!("没有编号为“{id}”的记录")));
            }
            (None, named) => mistakes.extend(missing(self.kind, draft).filter(|_| named.is_none())),
            (Some(_), named) if is_of_others || (named.is_some() && (seen.is_none() || self.spec.mode == Mode::Create)) => {
                mistakes.push(label(format!("the record `{record}` is there already"), format!("编号为“{record}”的记录已存在")));
            }
            (Some(_), _) if matches!(planned.identity, Identity::New { .. }) && mistakes.is_empty() => return Step::Unchanged(record),
            (Some(_), _) => {}
        }
        let mut changes = edits(self.kind, record, &before, draft);
        mistakes.extend(unclear(self.kind, &before, draft));
        mistakes.extend(super::mistakes::mistakes(self.kind, &before, &changes));
        match (changes.first_mut(), row) {
            _ if !mistakes.is_empty() => return Step::Fail { record, changes, why: joined(&mistakes) },
            (None, None) => {
                return Step::Fail { record, changes, why: label("there is nothing in the row", "该行没有内容") };
            }
            (None, Some(_)) => return Step::Unchanged(record),
            // A row that names its record came out of a system, and says all that was there.
            (Some(first), None) if named.is_none() => {
                *first = with_defaults(self.kind, first, |edits, default| self.sight.may_add(&self.rules.roles, self.kind, edits, default));
            }
            (Some(_), _) => {}
        }
        Step::Write { record, is_new: row.is_none(), changes, shown: Vec::new() }
    }

    /// What the first steps would change, as far as a dry run shows it.
    fn foresee(&self, steps: &mut [Step], rows: &Seen) {
        for step in steps.iter_mut().filter(|step| matches!(step, Step::Write { .. })).take(PREVIEW_ROWS - self.report.preview.len()) {
            let Step::Write { record, changes, shown, .. } = step else { continue };
            let foreseen = || self.above.values(record).filter(|_| self.made.contains(record)).cloned();
            let before = rows.get(record).map(projection::values).or_else(foreseen).unwrap_or_default();
            *shown = differences(self.kind, *record, &before, changes);
            shown.retain(|one| self.sight.shows(self.kind, one));
        }
    }

    /// What stands against each step, as far as that can be said without writing.
    async fn try_out(&self, tx: &mut Tx, steps: &[Step], ids: &[RecordId], rows: &Seen) -> Result<Vec<Option<Label>>, StoreError> {
        let foresight = self.sight.foresight(tx, self.rules, self.kind, ids).await?;
        let against = |step: &Step| match step {
            Step::Write { record, is_new, changes, .. } => foresight.against(*record, rows.get(record).filter(|_| !is_new), changes),
            Step::Unchanged(_) | Step::Fail { .. } => None,
        };
        Ok(steps.iter().map(against).collect())
    }

    async fn write(&self, steps: &[Step]) -> Result<Vec<Option<Label>>, ImportError> {
        let mut failed: Vec<Option<Label>> = vec![None; steps.len()];
        let (mut edits, mut of_step) = (Vec::new(), Vec::new());
        for (index, step) in steps.iter().enumerate() {
            let Step::Write { record, is_new, changes, .. } = step else { continue };
            for (turn, list) in changes.iter().enumerate() {
                let expect = if *is_new && turn == 0 { Expect::New } else { Expect::Existing };
                edits.push(RecordEdit { kind: self.kind.name.clone(), record: *record, edits: list.clone(), expect });
                of_step.push(index);
            }
        }
        if edits.is_empty() {
            return Ok(failed);
        }
        let import = self.noted.as_ref().map(|row| row.import);
        let answers = self.app.intake.edit(self.author, edits, self.app.clock.now(), import).await?;
        for (index, answer) in of_step.into_iter().zip(answers) {
            if let Err(why) = answer {
                failed[index].get_or_insert(reason_in(self.kind, &why));
            }
        }
        Ok(failed)
    }

    fn count(&mut self, planned: &Planned, step: &Step, failed: Option<Label>) {
        if let Some(reason) = failed {
            return self.failures.note(&planned.row, &reason);
        }
        match step {
            Step::Fail { why, .. } => self.failures.note(&planned.row, why),
            Step::Unchanged(record) => {
                self.show(planned, *record, Becomes::Unchanged, Vec::new());
                self.report.unchanged += 1;
                // Made by an earlier run, and given away since: the directory has not got it.
                if matches!(planned.identity, Identity::New { .. }) {
                    self.note_made(planned, *record);
                }
            }
            Step::Write { record, is_new, changes, shown } => {
                self.show(planned, *record, if *is_new { Becomes::New } else { Becomes::Changed }, shown.clone());
                if *is_new {
                    self.report.created += 1;
                    self.note_made(planned, *record);
                } else {
                    self.report.updated += 1;
                    self.above.change(self.kind, *record, changes);
                }
            }
        }
    }

    /// Rows that follow may be about this record, or link to it.
    fn note_made(&mut self, planned: &Planned, record: RecordId) {
        self.made.insert(record);
        if let Some(key) = &planned.draft.key {
            self.directory.note(&self.kind.name, &refs(&self.matches), key.clone(), record);
        }
        let values = &planned.draft.values;
        let text = |name: &String| {
            let (_, value) = values.iter().find(|(index, _)| *self.kind.fields[*index].name == **name)?;
            value.as_str().map(str::to_owned)
        };
        for fields in self.directory.looked_up_by(&self.kind.name).into_iter().filter(|fields| *fields != self.matches) {
            if let Some(texts) = fields.iter().map(text).collect::<Option<Vec<_>>>() {
                self.directory.note(&self.kind.name, &refs(&fields), key_of(&texts), record);
            }
        }
    }

    /// Shows what would become of a row, as long as few are shown.
    fn show(&mut self, planned: &Planned, record: RecordId, becomes: Becomes, fields: Vec<Difference>) {
        if self.spec.is_dry_run && self.report.preview.len() < PREVIEW_ROWS {
            self.report.preview.push(Preview { line: planned.row.line, record, becomes, fields });
        }
    }

    /// Notes in the database how far it is.
    async fn note(&mut self, finished_at: Option<i64>) -> Result<(), ImportError> {
        let Some(row) = &mut self.noted else { return Ok(()) };
        row.finished_at = finished_at;
        (row.created, row.updated, row.failed) = (self.report.created, self.report.updated, self.failures.count);
        Ok(acts::note(self.app, self.author, row).await?)
    }

    async fn finish(mut self, done: Result<(), ImportError>) -> Result<Report, ImportError> {
        self.report.failed = self.failures.count;
        self.report.failures = std::mem::take(&mut self.failures.first);
        self.report.preview.sort_by_key(|row| row.line);
        self.report.failed_file = self.failures.finish()?;
        match (done, self.report.import) {
            (Ok(()), _) => {
                self.note(Some(self.app.clock.now())).await?;
                Ok(self.report)
            }
            (Err(source), Some(import)) if self.report.created + self.report.updated > 0 => {
                Err(ImportError::BrokeOff { import, rows: self.report.rows, source: Box::new(source) })
            }
            (Err(source), _) => Err(source),
        }
    }
}

/// The fields, and values of rows, that rows are matched by: as told, or those of the kind that the file has.
fn matches(spec: &Spec, mapping: &Mapping, is_json: bool) -> Result<Vec<String>, ImportError> {
    let is_known = |name: &String| match name.split_once('.') {
        Some((field, part)) => mapping.kind.field(field).is_some_and(|field| field.item(part).is_some()),
        None => mapping.kind.field(name).is_some(),
    };
    let is_mapped = |field: &String| is_json || mapping.place_of(field).is_some();
    let matches = match &spec.matches {
        Some(told) => {
            let named: Vec<String> = told.iter().filter(|field| *field != "id").cloned().collect();
            if let Some(field) = named.iter().find(|field| !is_mapped(field) || !is_known(field)) {
                return Err(ImportError::NoMatchColumn { field: field.clone() });
            }
            named
        }
        None => {
            let usual: Vec<String> = mapping.kind.matches.iter().map(ToString::to_string).collect();
            if usual.iter().all(is_mapped) { usual } else { Vec::new() }
        }
    };
    if spec.mode == Mode::Update && matches.is_empty() && !mapping.has_id() && !is_json {
        return Err(ImportError::NothingToMatch);
    }
    Ok(matches)
}

fn refs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// What a row is about, as a word that tells rows of one batch apart.
fn token(draft: &Draft, identity: &Identity) -> String {
    match (identity, &draft.key) {
        (Identity::Named(id) | Identity::Known(id), _) => id.to_string(),
        (Identity::New { cause, .. }, _) => cause.clone(),
    }
}

//! Gives records their numbers: an offer that a phone made becomes Q-2026-0042 when it arrives.
//!
//! Follows the feed. Each number is given once, whatever is restarted: one that was taken and not written is
//! lost, never given again. Records from before there was a rule keep having none.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value as Json};
use sync_core::id::{KindName, Millis, RecordId, WorkspaceId};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Kind, Merge, Schema, ValueType};

use crate::app::App;
use crate::intake::{Expect, IntakeError, RecordEdit};
use crate::jobs::following;
use crate::jobs::runs::Runs;
use crate::store::records::RecordRow;
use crate::store::{StoreError, Tx, marks, search, sequences};

/// The kind whose records are rules.
pub const SEQUENCE: &str = "sequence";
/// Rows that are looked at together.
const STEP: u32 = 200;
/// Numbers are at least so wide, unless a rule says otherwise.
const DIGITS: usize = 4;
/// Wider numbers are nobody's.
pub const DIGITS_MAX: usize = 18;

/// Why numbers were not given; the next change tries again.
#[derive(Debug, thiserror::Error)]
pub enum SequenceError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Intake kept nothing.
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// Its record.
    pub id: RecordId,
    /// The kind that it numbers.
    pub about: String,
    /// The field that it writes.
    pub field: String,
    /// What stands before the number.
    pub pattern: String,
    /// How wide numbers are at least.
    pub digits: usize,
    /// The lowest number.
    pub first: i64,
    /// Whether it begins again every year.
    pub yearly: bool,
    /// When it was made: what is older keeps having no number.
    pub since: Millis,
}

impl Sequence {
    /// From what its record shows; none when it names no kind and field.
    pub fn read(id: RecordId, since: Millis, fields: &Map<String, Json>) -> Option<Self> {
        let text = |name: &str| fields.get(name).and_then(Json::as_str).map(|text| text.trim().to_owned());
        let number = |name: &str| fields.get(name).and_then(Json::as_i64).filter(|number| *number > 0);
        Some(Self {
            id,
            about: text("about")?,
            field: text("field")?,
            pattern: text("pattern").unwrap_or_default(),
            digits: number("digits").map_or(DIGITS, |digits| usize::try_from(digits).unwrap_or(DIGITS).min(DIGITS_MAX)),
            first: number("first").unwrap_or(1),
            yearly: fields.get("yearly").and_then(Json::as_bool).unwrap_or_default(),
            since,
        })
    }

    /// The year that it counts in.
    pub fn period(&self, day: jiff::civil::Date) -> String {
        if self.yearly { day.year().to_string() } else { String::new() }
    }

    /// A number as people read it.
    pub fn numbered(&self, number: i64, day: jiff::civil::Date) -> String {
        let parts = [
            ("{yyyy}", format!("{:04}", day.year())),
            ("{yy}", format!("{:02}", day.year().rem_euclid(100))),
            ("{mm}", format!("{:02}", day.month())),
            ("{dd}", format!("{:02}", day.day())),
        ];
        let before = parts.iter().fold(self.pattern.clone(), |text, (mark, value)| text.replace(mark, value));
        format!("{before}{number:0>width$}", width = self.digits)
    }
}

/// Whether a field is one that the server numbers.
pub fn is_numbered(field: &sync_core::schema::Field) -> bool {
    field.merge == Merge::Assigned && field.value == ValueType::String && !field.hidden
}

/// Changes come in bursts, and a commit of its own for each would cost as much as the change.
const PAUSE: Duration = Duration::from_millis(200);

/// Follows the feed until the server stops.
pub async fn follow(app: App) {
    following::follow(app, Runs::NUMBERS, PAUSE, |app| async move { catch_up(&app).await }).await;
}

/// Numbers whatever has no number yet.
///
/// # Errors
/// When the database fails.
pub async fn catch_up(app: &App) -> Result<(), SequenceError> {
    let _one = app.numbering.lock().await;
    following::in_every_workspace(app, |app, workspace| async move { step(&app, workspace).await }).await
}

/// Some of it; answers whether there may be more.
async fn step(app: &App, workspace: WorkspaceId) -> Result<bool, SequenceError> {
    let mut tx = app.store.reader().await?;
    let mark = marks::of(&mut tx, workspace, marks::NUMBERS).await?;
    let rows = search::changed_after(&mut tx, workspace, mark, STEP).await?;
    let Some(last) = rows.last().map(|row| row.position) else { return Ok(false) };
    let rules = rules(&mut tx, workspace).await?;
    // Where nothing is numbered, nothing is noted: the mark moves on with the first rule.
    if rules.is_empty() {
        return Ok(false);
    }
    let day = sequences::today(&mut tx, workspace, app.clock.now()).await?;
    drop(tx);
    let (more, schema) = (rows.len() == STEP as usize, app.intake.rules(workspace).schema);
    let mut edits = Vec::new();
    for row in rows {
        let rule = rules.get(&row.kind).filter(|rule| lacks_number(&schema, &row, rule));
        if let Some(rule) = rule {
            edits.push(number(app, workspace, rule, &row, day).await?);
        }
    }
    let author = app.intake.itself(workspace);
    let answers = if edits.is_empty() { Vec::new() } else { app.intake.edit(&author, edits, app.clock.now(), None).await? };
    for answer in answers {
        if let Err(why) = answer {
            // Archived or numbered meanwhile: there is nothing left to do.
            tracing::debug!(%why, "a record was not numbered");
        }
    }
    app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { marks::set(tx, workspace, marks::NUMBERS, last).await })).await?;
    Ok(more)
}

/// The rules, by the kind that they number; of two for one kind the older one holds.
async fn rules(tx: &mut Tx, workspace: WorkspaceId) -> Result<BTreeMap<KindName, Sequence>, StoreError> {
    let mut rules = BTreeMap::new();
    for rule in sequences::all_of_kind(tx, workspace, SEQUENCE).await? {
        let fields: Map<String, Json> = serde_json::from_str(&rule.main).unwrap_or_default();
        let rule = Sequence::read(rule.record, rule.created_at, &fields);
        if let Some((kind, rule)) = rule.and_then(|rule| Some((rule.about.parse::<KindName>().ok()?, rule))) {
            rules.entry(kind).or_insert(rule);
        }
    }
    Ok(rules)
}

fn lacks_number(schema: &Schema, row: &RecordRow, rule: &Sequence) -> bool {
    let field = schema.kind(&row.kind).and_then(|kind: &std::sync::Arc<Kind>| kind.field(&rule.field)).filter(|field| is_numbered(field));
    let Some(field) = field.filter(|_| !row.archived && row.created_at >= rule.since) else { return false };
    let shown: Map<String, Json> =
        row.facets[field.facet as usize].as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    shown.get(&*field.name).is_none_or(Json::is_null)
}

async fn number(
    app: &App,
    workspace: WorkspaceId,
    rule: &Sequence,
    row: &RecordRow,
    day: jiff::civil::Date,
) -> Result<RecordEdit, StoreError> {
    let (sequence, period, first) = (rule.id, rule.period(day), rule.first);
    let taking = app
        .store
        .write::<_, StoreError, _>(move |tx| Box::pin(async move { sequences::take(tx, workspace, sequence, &period, first).await }));
    let text = rule.numbered(taking.await?, day);
    Ok(RecordEdit { kind: row.kind.clone(), record: row.record, edits: vec![FieldEdit::set(&rule.field, text)], expect: Expect::Existing })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_reads_as_its_rule_says() {
        let rule = |fields: Json| Sequence::read(RecordId::of_cause("rule"), 0, fields.as_object().unwrap());
        let day = jiff::civil::date(2026, 5, 3);
        let offers = rule(json!({"about": "offer", "field": "number", "pattern": "Q-{yyyy}-", "yearly": true})).unwrap();
        assert_eq!((offers.numbered(42, day), offers.period(day)), ("Q-2026-0042".to_owned(), "2026".to_owned()));
        let cases = rule(json!({"about": "case", "field": "number", "pattern": "{yy}{mm}{dd}", "digits": 2})).unwrap();
        assert_eq!((cases.numbered(123, day), cases.period(day)), ("260503123".to_owned(), String::new()));
        assert_eq!(rule(json!({"about": "case"})), None);
    }
}

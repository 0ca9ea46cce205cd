//! A small firm to look around in: brought in as one act for each kind, and taken away again.

use std::sync::LazyLock;

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use sync_core::id::{Millis, RecordId};
use sync_core::record::fields::FieldEdit;

use super::edit;
use crate::app::App;
use crate::auth::secret::random;
use crate::intake::{Author, RecordEdit};
use crate::jobs::acts;
use crate::jobs::import::{self, ImportError};
use crate::store::imports::{Act, ImportRow};

/// What its acts are called in the list of imports: they are found again by it.
pub const NAME: &str = "Rapport sample data";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    customers: Vec<Customer>,
    deals: Vec<Deal>,
    activities: Vec<Activity>,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Customer {
    name: String,
    industry: String,
    city: String,
    phone: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deal {
    title: String,
    customer: usize,
    stage: String,
    amount: i64,
    close: i64,
    lost: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Activity {
    subject: String,
    #[serde(rename = "type")]
    form: String,
    deal: usize,
    due: i64,
    done: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    subject: String,
    customer: usize,
    status: String,
    priority: String,
}

static SAMPLE: LazyLock<Sample> = LazyLock::new(|| toml::from_str(include_str!("sample.toml")).expect("a test reads it"));

/// Whether it is there: brought in and not taken away since.
///
/// # Errors
/// When the database fails.
pub async fn is_there(app: &App, author: &Author) -> Result<bool, ImportError> {
    Ok(import::list(app, author.workspace).await?.iter().any(is_sample))
}

fn is_sample(row: &ImportRow) -> bool {
    row.file_name == NAME && row.undone_at.is_none()
}

/// Brings it in; `owners` take turns.
///
/// # Errors
/// When the database fails; what was written until then can be taken away.
pub async fn load(app: &App, author: &Author, owners: &[RecordId]) -> Result<(), ImportError> {
    let now = app.clock.now();
    let all = Making { now, new_id: &|| RecordId::new(now, random()), owners }.all();
    for (kind, edits) in all {
        let kind = kind.parse().map_err(|_| ImportError::NoSuchImport(import::ImportId([0; 16])))?;
        let told = json!({"rows": edits.len(), "sample": true});
        let mut row = acts::begin(app, author, (Act::File, NAME), &kind, told).await?;
        for edited in app.intake.edit(author, edits, now, Some(row.import)).await? {
            if edited.is_ok() { row.created += 1 } else { row.failed += 1 }
        }
        row.finished_at = Some(app.clock.now());
        acts::note(app, author, &row).await?;
    }
    Ok(())
}

/// Takes it away: what somebody has changed since stays. Answers how many records are gone.
///
/// # Errors
/// When the author may not, or the database fails; it can be tried again then.
pub async fn remove(app: &App, author: &Author) -> Result<u64, ImportError> {
    let mut gone = 0;
    for row in import::list(app, author.workspace).await?.into_iter().filter(is_sample) {
        gone += import::undo(app, author, import::ImportId(row.import), &mut |_| {}).await?.archived;
    }
    Ok(gone)
}

struct Making<'a> {
    now: Millis,
    new_id: &'a dyn Fn() -> RecordId,
    owners: &'a [RecordId],
}

impl Making<'_> {
    /// Each kind with its records, those that are linked to first.
    fn all(&self) -> Vec<(&'static str, Vec<RecordEdit>)> {
        let customers: Vec<RecordId> = SAMPLE.customers.iter().map(|_| (self.new_id)()).collect();
        let deals: Vec<RecordId> = SAMPLE.deals.iter().map(|_| (self.new_id)()).collect();
        let party = |(at, customer): (usize, &Customer)| edit("party", customers[at], self.party(at, customer));
        let deal = |(at, deal): (usize, &Deal)| edit("deal", deals[at], self.deal(at, deal, &customers));
        let activity = |(at, one): (usize, &Activity)| edit("activity", (self.new_id)(), self.activity(at, one, &deals));
        let case = |(at, one): (usize, &Case)| edit("case", (self.new_id)(), self.case(at, one, &customers));
        vec![
            ("party", SAMPLE.customers.iter().enumerate().map(party).collect()),
            ("deal", SAMPLE.deals.iter().enumerate().map(deal).collect()),
            ("activity", SAMPLE.activities.iter().enumerate().map(activity).collect()),
            ("case", SAMPLE.cases.iter().enumerate().map(case).collect()),
        ]
    }

    fn owner(&self, at: usize) -> Json {
        self.owners.get(at % self.owners.len().max(1)).map_or(Json::Null, |owner| json!(owner.to_string()))
    }

    fn day(&self, days: i64) -> Date {
        let today = jiff::Timestamp::from_millisecond(self.now).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC).date();
        today.saturating_add(days.days())
    }

    fn party(&self, at: usize, customer: &Customer) -> Vec<FieldEdit> {
        let row = |field: &str, value: Json| FieldEdit::SetRow {
            field: field.to_owned(),
            row: "main".to_owned(),
            values: Map::from_iter([("value".to_owned(), value)]),
        };
        vec![
            FieldEdit::set("name", &*customer.name),
            FieldEdit::set("type", "org"),
            FieldEdit::set("industry", &*customer.industry),
            FieldEdit::set("owner", self.owner(at)),
            row("phones", json!(customer.phone)),
            row("addresses", json!({"city": customer.city})),
        ]
    }

    fn deal(&self, at: usize, deal: &Deal, customers: &[RecordId]) -> Vec<FieldEdit> {
        let mut edits = vec![
            FieldEdit::set("title", &*deal.title),
            FieldEdit::set("stage", &*deal.stage),
            FieldEdit::set("party", customers[deal.customer].to_string()),
            FieldEdit::set("close_date", self.day(deal.close).to_string()),
            FieldEdit::set("owner", self.owner(at)),
        ];
        if deal.amount > 0 {
            edits.push(FieldEdit::set("amount", json!({"amount": deal.amount * 100, "currency": "CNY"})));
        }
        edits.extend(deal.lost.as_deref().map(|reason| FieldEdit::set("lost_reason", reason)));
        edits
    }

    fn activity(&self, at: usize, activity: &Activity, deals: &[RecordId]) -> Vec<FieldEdit> {
        const DAY_MS: Millis = 86_400_000;
        vec![
            FieldEdit::set("subject", &*activity.subject),
            FieldEdit::set("type", &*activity.form),
            FieldEdit::set("status", if activity.done { "done" } else { "planned" }),
            FieldEdit::set("due", self.now + activity.due * DAY_MS),
            FieldEdit::set("assignee", self.owner(at)),
            FieldEdit::Add { field: "about".to_owned(), value: deals[activity.deal].to_string() },
        ]
    }

    fn case(&self, at: usize, case: &Case, customers: &[RecordId]) -> Vec<FieldEdit> {
        vec![
            FieldEdit::set("subject", &*case.subject),
            FieldEdit::set("status", &*case.status),
            FieldEdit::set("priority", &*case.priority),
            FieldEdit::set("party", customers[case.customer].to_string()),
            FieldEdit::set("owner", self.owner(at)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_linked_to_is_there() {
        for deal in &SAMPLE.deals {
            assert!(deal.customer < SAMPLE.customers.len(), "{}", deal.title);
        }
        assert!(SAMPLE.activities.iter().all(|activity| activity.deal < SAMPLE.deals.len()));
        assert!(SAMPLE.cases.iter().all(|case| case.customer < SAMPLE.customers.len()));
    }
}

//! Keeping nothing longer than it may be kept: rules that say which records of a kind are erased after how long.
//!
//! A rule is a record of the kind `rule` whose purpose is `retention`: the kind it is `about`, and a `condition` in
//! the filter language that says how old a record must be. It erases as a person does (`privacy`), with the
//! same proof, and shows beforehand what it would erase.

use serde_json::Value as Json;
use sync_core::id::{RecordId, WorkspaceId};

use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::Caller;
use crate::error::Error;
use crate::privacy::{self, Proof};
use crate::reading::{List, Reading};
use crate::store::lists::Shelf;
use crate::store::{StoreError, people};

/// Records read at once.
const PAGE: &str = "200";

/// Records that one rule erases in one go: each is a transaction, and whoever reads the list must be able to.
const RECORDS_MAX: usize = 10_000;

/// Conditions that say how old something is. Without one, a rule would erase what was written a moment ago.
const AGES: [&str; 3] = ["olderThanXDays", "before", "lastYear"];

/// Why a rule cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// The condition is no list of conditions.
    #[error("its condition is not a list in the filter language: {0}")]
    Condition(String),
    /// The condition does not say how old a record must be.
    #[error("its condition does not say how old a record must be: one of {} must hold of every record", AGES.join(", "))]
    NoAge,
}

/// What a rule would erase.
#[derive(Debug)]
pub struct Due {
    /// The rule.
    pub rule: RecordId,
    /// What it is called.
    pub name: String,
    /// The kind that it looks at.
    pub kind: String,
    /// The records, with their titles; or why it cannot be carried out.
    pub records: Result<Vec<(RecordId, String)>, String>,
}

/// A record that a rule has erased.
#[derive(Debug)]
pub struct Gone {
    /// The rule.
    pub rule: RecordId,
    /// The record.
    pub record: RecordId,
    /// What was removed.
    pub proof: Proof,
}

/// Somebody who may erase, for who runs the job: whoever is named, or the first person of the office.
///
/// # Errors
/// When there is nobody.
pub async fn on_behalf(app: &App, workspace: WorkspaceId, login: Option<&str>) -> Result<Caller, Error> {
    let mut users = people::users(&mut app.store.reader().await?, workspace).await?;
    let roles = app.intake.rules(workspace).roles;
    users.retain(|user| user.disabled_at.is_none() && roles.may(&user.role, sync_core::access::Right::Purge));
    users.sort_by_key(|user| user.created_at);
    let user = users.into_iter().find(|user| login.is_none_or(|login| user.login == login)).ok_or(Error::NotFound)?;
    Ok(Caller::seeing(user))
}

/// What the rules that are in force would erase now.
///
/// # Errors
/// When the database fails. A rule that cannot be carried out says so in its place.
pub async fn due(app: &App, caller: &Caller) -> Result<Vec<Due>, Error> {
    let reading = Reading::of(app, caller);
    let filter = r#"[{"type": "equals", "attribute": "purpose", "value": "retention"}, {"type": "isTrue", "attribute": "enabled"}]"#;
    let query = reading.query("rule", [("where", filter), ("orderBy", "name"), ("maxSize", PAGE)])?;
    let mut all = Vec::new();
    for row in reading.list(&List::of(query)).await?.rows {
        let text = |name: &str| row.fields.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let (kind, condition) = (text("about"), text("condition"));
        let records = match checked(&condition) {
            Ok(()) => found(&reading, &kind, &condition).await,
            Err(bad) => Err(bad.to_string()),
        };
        all.push(Due { rule: row.id, name: row.title, kind, records });
    }
    Ok(all)
}

/// Whether a condition says of every record how old it is.
fn checked(condition: &str) -> Result<(), BadRule> {
    let parsed: Json = serde_json::from_str(condition).map_err(|error| BadRule::Condition(error.to_string()))?;
    let all = parsed.as_array().ok_or_else(|| BadRule::Condition("it is no list".to_owned()))?;
    let is_age = |one: &Json| one["type"].as_str().is_some_and(|word| AGES.contains(&word));
    if all.iter().any(is_age) { Ok(()) } else { Err(BadRule::NoAge) }
}

/// The records that a condition finds, archived ones too.
async fn found(reading: &Reading, kind: &str, condition: &str) -> Result<Vec<(RecordId, String)>, String> {
    let (mut records, mut after): (Vec<(RecordId, String)>, Option<String>) = (Vec::new(), None);
    loop {
        let mut params = vec![("where", condition), ("maxSize", PAGE)];
        params.extend(after.as_deref().map(|after| ("after", after)));
        let query = reading.query(kind, params).map_err(|error| error.to_string())?;
        let list = List { shelf: Shelf::Both, ..List::of(query) };
        let page = reading.list(&list).await.map_err(|error| error.to_string())?;
        records.extend(page.rows.into_iter().map(|row| (row.id, row.title)));
        after = page.next.filter(|_| records.len() < RECORDS_MAX);
        if after.is_none() {
            return Ok(records);
        }
    }
}

/// Erases what is due, and answers the proofs. Each record is looked at again: what somebody has touched since
/// is not due any more.
///
/// # Errors
/// When the database fails; what was erased until then is, and the rest is due the next time.
pub async fn erase(app: &App, caller: &Caller) -> Result<Vec<Gone>, Error> {
    let mut gone = Vec::new();
    for rule in due(app, caller).await? {
        let Ok(records) = rule.records else { continue };
        for (record, _) in records {
            let proof = privacy::erase_row(app, caller, record).await?;
            gone.push(Gone { rule: rule.rule, record, proof });
        }
        let (workspace, now) = (caller.workspace, app.clock.now());
        let count = gone.iter().filter(|one| one.rule == rule.rule).count();
        if count > 0 {
            let note = Note::of(workspace, Some(caller.user), Act::RetentionRun, rule.rule).with(serde_json::json!({ "records": count }));
            app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { note.write(tx, now).await })).await?;
        }
    }
    if !gone.is_empty() {
        app.store.scrub().await?;
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_without_an_age_is_none() {
        let age = r#"{"type": "olderThanXDays", "attribute": "updatedAt", "value": 730}"#;
        assert_eq!(checked(&format!("[{age}]")), Ok(()));
        assert_eq!(checked(r#"[{"type": "isTrue", "attribute": "archived"}]"#), Err(BadRule::NoAge));
        assert_eq!(checked("[]"), Err(BadRule::NoAge));
        // In a group it need not hold of every record.
        assert_eq!(
            checked(&format!(r#"[{{"type": "or", "value": [{age}, {{"type": "isTrue", "attribute": "archived"}}]}}]"#)),
            Err(BadRule::NoAge)
        );
        assert!(matches!(checked("nothing"), Err(BadRule::Condition(_))));
        assert!(matches!(checked("{}"), Err(BadRule::Condition(_))));
    }
}

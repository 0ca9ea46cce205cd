//! Numbers that the server gives, the rules and the counters; and what else a workspace's settings say.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};
use sync_core::actions::currency::{FEW_MAX, SETTINGS};
use sync_core::id::{Millis, RecordId, WorkspaceId};

use super::scope::Statement;
use super::{Result, Tx, id};

/// A record of a kind that has few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FewRow {
    /// The record.
    pub record: RecordId,
    /// When it was made.
    pub created_at: Millis,
    /// Its main facet, as JSON.
    pub main: String,
}

/// All living records of a kind that has few, by id.
pub async fn all_of_kind(tx: &mut Tx, workspace: WorkspaceId, kind: &'static str) -> Result<Vec<FewRow>> {
    let mut statement = Statement::of("select record, created_at, main from rows where workspace = $1 and ", workspace);
    statement.push(&format!("kind = '{kind}' and archived = 0 order by record limit {FEW_MAX}"));
    let rows = statement.all::<(Vec<u8>, Millis, String)>(tx).await?;
    let row = |(record, created_at, main): (Vec<u8>, Millis, String)| {
        Ok(FewRow { record: id(RecordId::from_bytes(&record), "record id")?, created_at, main })
    };
    rows.into_iter().map(row).collect()
}

/// What a workspace's settings say; none before somebody saved them.
pub async fn settings(tx: &mut Tx, workspace: WorkspaceId) -> Result<Option<Map<String, Json>>> {
    let row = all_of_kind(tx, workspace, SETTINGS).await?.into_iter().next();
    Ok(row.and_then(|row| serde_json::from_str(&row.main).ok()))
}

/// The day in the workspace's time zone; UTC's where it names none that is known.
pub async fn today(tx: &mut Tx, workspace: WorkspaceId, now: Millis) -> Result<Date> {
    let zone = zone(tx, workspace).await?.unwrap_or(TimeZone::UTC);
    Ok(Timestamp::from_millisecond(now).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone).date())
}

/// The workspace's time zone, if it names one that is known.
pub async fn zone(tx: &mut Tx, workspace: WorkspaceId) -> Result<Option<TimeZone>> {
    let settings = settings(tx, workspace).await?;
    let zone = settings.and_then(|settings| settings.get("time_zone")?.as_str().map(str::to_owned));
    Ok(zone.and_then(|name| TimeZone::get(name.trim()).ok()))
}

/// Takes the next number of a sequence, at least `first`.
pub async fn take(tx: &mut Tx, workspace: WorkspaceId, sequence: RecordId, period: &str, first: i64) -> Result<i64> {
    let number: i64 = sqlx::query_scalar(
        "insert into sequence_counters (workspace, sequence, period, last) values ($1, $2, $3, $4)
         on conflict (workspace, sequence, period) do update set last = max(sequence_counters.last + 1, excluded.last) returning last",
    )
    .bind(&workspace.as_bytes()[..])
    .bind(&sequence.as_bytes()[..])
    .bind(period)
    .bind(first)
    .fetch_one(tx.conn())
    .await?;
    Ok(number)
}

/// The last number that a sequence has given; none when it has given none.
pub async fn last(tx: &mut Tx, workspace: WorkspaceId, sequence: RecordId, period: &str) -> Result<Option<i64>> {
    Ok(sqlx::query_scalar("select last from sequence_counters where workspace = $1 and sequence = $2 and period = $3")
        .bind(&workspace.as_bytes()[..])
        .bind(&sequence.as_bytes()[..])
        .bind(period)
        .fetch_optional(tx.conn())
        .await?)
}

//! Requests for somebody's word, as their records say: those that wait.

use serde_json::{Map, Value as Json};
use sync_core::actions::request::{DECISION, NOTE};
use sync_core::id::{RecordId, UserId, WorkspaceId};

use super::rejected::{ChangeLink, ChangeName};
use super::{Result, Tx, id};

/// The field with the edit's name.
pub const CHANGE: &str = "change";
/// The field with who is asked.
pub const APPROVER: &str = "approver";
/// The field with the step that it is about.
pub const STEP: &str = "step";

/// A request that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its record.
    pub record: RecordId,
    /// The edit that it is about.
    pub change: ChangeName,
    /// The step, counted from one.
    pub step: usize,
    /// Who is asked.
    pub approver: UserId,
    /// What they have decided.
    pub decision: Option<String>,
    /// What they say to the author.
    pub note: Option<String>,
}

impl Request {
    /// What it is about, and whom it asks: nobody is asked the same twice.
    pub fn about(&self) -> (ChangeName, usize, UserId) {
        (self.change, self.step, self.approver)
    }
}

/// Those that wait, in the order of their records: the oldest first.
pub async fn open(tx: &mut Tx, workspace: WorkspaceId) -> Result<Vec<Request>> {
    let rows: Vec<(Vec<u8>, String)> = sqlx::query_as(
        "select record, main from rows where workspace = $1 and kind || '' = 'approval' and main ->> 'outcome' is null \
         order by record",
    )
    .bind(&workspace.as_bytes()[..])
    .fetch_all(tx.conn())
    .await?;
    let read = |(record, main): (Vec<u8>, String)| {
        let main: Map<String, Json> = serde_json::from_str(&main).unwrap_or_default();
        Ok(request(id(RecordId::from_bytes(&record), "record id")?, &main))
    };
    Ok(rows.into_iter().map(read).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// None of one that no server of ours wrote.
fn request(record: RecordId, main: &Map<String, Json>) -> Option<Request> {
    let text = |name: &str| main.get(name).and_then(Json::as_str);
    let ChangeLink { hash, record: about, facet } = text(CHANGE)?.parse().ok()?;
    Some(Request {
        record,
        change: ChangeName { hash, record: about?, facet: facet? },
        step: usize::try_from(main.get(STEP)?.as_u64()?).ok()?,
        approver: text(APPROVER)?.parse().ok()?,
        decision: text(DECISION).map(str::to_owned),
        note: text(NOTE).map(str::trim).filter(|note| !note.is_empty()).map(str::to_owned),
    })
}

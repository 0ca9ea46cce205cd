//! The kit for other languages: one line of JSON for each call, one for each answer.
//!
//! `{"do": "person", "login": "ann", "role": "rep"}` answers `{"ok": ...}` or `{"error": "..."}`. The server
//! ends with its input, so that no test leaves one behind.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sync_core::id::RecordId;
use sync_core::protocol::{Receipt, Removal};
use sync_core::record::fields::FieldEdit;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};

use crate::{Act, Kit};

/// A call.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Call {
    Url,
    Person { login: String, role: String },
    Code { login: String },
    CreateAs { login: String, kind: String, edits: Vec<FieldEdit> },
    EditAs { login: String, kind: String, record: RecordId, edits: Vec<FieldEdit> },
    RejectNext { login: String, code: String, detail: String },
    RevokeDevices { login: String },
    SendAway { login: String, act: String },
    Receipts { login: String },
    Terms { lease_days: u32, confirm: bool },
    Confirm { fingerprint: String },
    Forward { ms: u64 },
    Cut,
    Mend,
}

/// Answers calls until the input ends.
///
/// # Errors
/// When an answer cannot be written.
pub async fn serve(kit: &Kit, input: impl AsyncBufRead + Unpin, mut output: impl AsyncWrite + Unpin) -> Result<()> {
    let mut lines = input.lines();
    while let Some(line) = lines.next_line().await? {
        let answer = match call(kit, &line).await {
            Ok(answer) => json!({"ok": answer}),
            Err(error) => json!({"error": format!("{error:#}")}),
        };
        output.write_all(format!("{answer}\n").as_bytes()).await?;
        output.flush().await?;
    }
    Ok(())
}

async fn call(kit: &Kit, line: &str) -> Result<Json> {
    Ok(match serde_json::from_str(line)? {
        Call::Url => json!(kit.url()),
        Call::Person { login, role } => json!(kit.person(&login, &role).await?),
        Call::Code { login } => json!(kit.code(&login).await?),
        Call::CreateAs { login, kind, edits } => json!(kit.create_as(&login, &kind, edits).await?),
        Call::EditAs { login, kind, record, edits } => json!(kit.edit_as(&login, &kind, record, edits).await?),
        Call::RejectNext { login, code, detail } => json!(kit.reject_next(&login, &code, &detail)),
        Call::RevokeDevices { login } => json!(kit.revoke_devices(&login).await?),
        Call::SendAway { login, act } => {
            let act = Act::of(&act).with_context(|| format!("`{act}` is neither `hand_back` nor `lost`"))?;
            json!(kit.send_away(&login, act).await?)
        }
        Call::Receipts { login } => kit.receipts(&login).await?.iter().map(receipt).collect(),
        Call::Terms { lease_days, confirm } => json!(kit.terms(lease_days, confirm).await?),
        Call::Confirm { fingerprint } => json!(kit.confirm(&fingerprint).await?),
        Call::Forward { ms } => json!(kit.forward(Duration::from_millis(ms))),
        Call::Cut => json!(kit.network().cut()),
        Call::Mend => json!(kit.network().mend()),
    })
}

fn receipt(receipt: &Receipt) -> Json {
    let removal = match receipt.removal {
        Removal::Left => "left",
        Removal::Purged => "purged",
        Removal::Wiped => "wiped",
    };
    json!({"removal": removal, "records": receipt.records, "unsent": receipt.unsent})
}

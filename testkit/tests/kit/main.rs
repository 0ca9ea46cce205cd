//! The whole surface that apps have, against the real server: what the bindings carry is proved here.
#![expect(clippy::unwrap_used, reason = "all of it is tests")]

mod edits;
mod files;
mod leaving;
mod lists;
mod network;
mod scenarios;
mod store;

use std::collections::HashMap;
use std::sync::Arc;

use rapport_mobile::{Budget, Client, ClientError, FieldEdit, Receipt, RecordEdit, RecordId, SyncOutcome, Value, new_record_id};

pub fn text(value: &str) -> Value {
    Value::Text { value: value.to_owned() }
}

pub fn set(field: &str, value: &str) -> FieldEdit {
    FieldEdit::Set { field: field.to_owned(), value: text(value) }
}

pub async fn create(client: &Client, kind: &str, edits: Vec<FieldEdit>) -> RecordId {
    let record = new_record_id().unwrap();
    client.transact(vec![RecordEdit { record: record.clone(), kind: Some(kind.to_owned()), edits, makes: true }]).await.unwrap();
    record
}

pub async fn edit(client: &Client, record: &RecordId, edits: Vec<FieldEdit>) -> Result<Receipt, ClientError> {
    Ok(client.transact(vec![RecordEdit { record: record.clone(), kind: None, edits, makes: false }]).await?.remove(0))
}

pub async fn fields(client: &Client, record: &RecordId) -> HashMap<String, Value> {
    client.get(record.clone()).await.unwrap().unwrap().fields
}

pub async fn waiting(client: &Arc<Client>) -> u64 {
    client.status().await.unwrap().waiting
}

pub async fn sync(client: &Client) -> Result<SyncOutcome, ClientError> {
    client.sync_once(Budget { time: None, bytes: None }, None).await
}

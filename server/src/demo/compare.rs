//! Does everybody see the same, and is everything that was written still there?

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Map, Value as Json};
use sync_core::actions::duplicates::Duplicates;
use sync_core::actions::quotes::{self, Collision, Offer};
use sync_core::id::{Facet, RecordId, UserId};
use sync_core::record::history::history;
use sync_core::schema::Schema;

use super::Outcome;
use super::stage::{ACCOUNTS, Phone, Stage};
use super::story::Told;
use super::tell::Teller;
use crate::store::{records, workspaces};

type Rows = BTreeMap<RecordId, String>;

impl Stage {
    /// What a user is called in the story.
    pub fn name_of(&self, user: UserId) -> String {
        let known = [(self.ann.user, 0), (self.bo.user, 1), (self.manager.user, 2)];
        known.iter().find(|(id, _)| *id == user).map_or_else(|| "office".to_owned(), |(_, index)| ACCOUNTS[*index].1.to_owned())
    }
}

/// Compares the replicas and looks for every edit.
pub(super) async fn outcome(stage: &Stage, told: &Told, teller: &Teller) -> Result<Outcome> {
    teller.scene("11:45", "Does everybody see the same?");
    let (server, ann, bo) = (rows_of_server(stage).await?, rows_of(&stage.ann)?, rows_of(&stage.bo)?);
    let differing =
        |rows: &Rows| server.iter().filter(|(record, row)| rows.get(*record) != Some(*row)).count() + rows.len().abs_diff(server.len());
    let (of_ann, of_bo) = (differing(&ann), differing(&bo));
    teller.line(&format!("server {} records; Ann's phone differs in {of_ann}, Bo's in {of_bo}", server.len()));
    let lost = lost_edits(stage, told).await?;
    teller.line(&format!("{} values were written; {} are lost", told.written.len(), lost.len()));
    for (record, field, value) in &lost {
        teller.detail(&format!("lost: {record} {field} {value}"));
    }
    let changes = {
        let mut tx = stage.app.store.reader().await?;
        workspaces::by_id(&mut tx, stage.office.workspace).await?.map_or(0, |workspace| workspace.head)
    };
    Ok(Outcome {
        converged: of_ann == 0 && of_bo == 0 && lost.is_empty(),
        records: server.len(),
        changes,
        conflicts: told.conflicts,
        quote_collisions: told.quote_collisions,
        lost_edits: lost.len(),
        elapsed_ms: 0,
    })
}

/// What a rep's role may see of every record of the server: the main facet.
async fn rows_of_server(stage: &Stage) -> Result<Rows> {
    let mut tx = stage.app.store.reader().await?;
    let mut rows = Rows::new();
    for row in records::all_rows(&mut tx, stage.office.workspace).await?.into_iter().filter(|row| !is_personal(&row.kind)) {
        rows.insert(row.record, canonical(row.facets[Facet::Main as usize].as_deref().unwrap_or("{}")));
    }
    Ok(rows)
}

fn rows_of(phone: &Phone) -> Result<Rows> {
    let listed = phone.host.with(|device, _| device.all_rows())?;
    Ok(listed
        .into_iter()
        .filter(|row| !is_personal(&row.kind))
        .map(|row| (row.record, canonical(&Json::Object(row.fields).to_string())))
        .collect())
}

/// Whether records of a kind are on the phones of their owners alone, as what asks a manager for approval.
fn is_personal(kind: &str) -> bool {
    Schema::builtin().kind(kind).is_some_and(|kind| kind.sharing.personal)
}

/// Keys in order: serde_json's map sorts them.
fn canonical(json: &str) -> String {
    serde_json::from_str::<Map<String, Json>>(json).map(|map| Json::Object(map).to_string()).unwrap_or_default()
}

/// The edits that are neither shown nor in the history of their record.
async fn lost_edits(stage: &Stage, told: &Told) -> Result<Vec<(RecordId, String, Json)>> {
    let mut tx = stage.app.store.reader().await?;
    let mut lost = Vec::new();
    for (record, field, value) in &told.written {
        let changes = records::changes_of(&mut tx, stage.office.workspace, &[*record]).await?;
        let rules = stage.app.intake.rules(stage.office.workspace);
        let kind = changes.first().and_then(|change| rules.schema.kind(&change.kind).cloned());
        let entries = kind.map(|kind| history(&kind, Facet::Main, &changes)).unwrap_or_default();
        let needle = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let holds = |json: &Option<Json>| json.as_ref().is_some_and(|json| json.to_string().contains(&needle));
        if !entries.iter().any(|entry| entry.field == *field && holds(&entry.new)) {
            lost.push((*record, field.clone(), value.clone()));
        }
    }
    Ok(lost)
}

/// The quote collisions that a phone finds among what it holds.
pub(super) fn collisions_on(phone: &Phone) -> Result<Vec<Collision>> {
    let rows = phone.host.with(|device, _| device.all_rows())?;
    let offers: Vec<Offer> =
        rows.iter().filter(|row| &*row.kind == quotes::KIND).filter_map(|row| Offer::read(row.record, &row.fields)).collect();
    Ok(found(&offers))
}

/// The quote collisions that the server finds.
pub(super) async fn collisions_on_server(stage: &Stage) -> Result<Vec<Collision>> {
    let mut tx = stage.app.store.reader().await?;
    let rows = records::all_rows(&mut tx, stage.office.workspace).await?;
    let read = |row: &records::RecordRow| {
        let fields: Map<String, Json> = serde_json::from_str(row.facets[Facet::Main as usize].as_deref()?).ok()?;
        Offer::read(row.record, &fields)
    };
    Ok(found(&rows.iter().filter(|row| &*row.kind == quotes::KIND).filter_map(read).collect::<Vec<_>>()))
}

fn found(offers: &[Offer]) -> Vec<Collision> {
    let duplicates = Duplicates::of([]);
    quotes::collisions(offers, |party| duplicates.same_as(party))
}

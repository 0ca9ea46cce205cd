//! A phone reduced to its pen: it writes changes and hands them to the write path, at times of the test's choice.

use std::collections::HashMap;

use rapport_server::App;
use rapport_server::intake::Author;
use rapport_server::store::devices;
use sync_core::fence::Pen;
use sync_core::id::{ActorId, DeviceId, Facet, RecordId, UserId, WorkspaceId};
use sync_core::protocol::{Pushed, Verdict};
use sync_core::record::doc::Doc;
use sync_core::record::fields::{FieldEdit, path_edits};
use sync_core::schema::Schema;

pub struct Phone {
    pub author: Author,
    actor: ActorId,
    pub docs: HashMap<(RecordId, Facet), Doc>,
}

impl Phone {
    /// A phone that the server knows, of somebody who is there already.
    pub async fn of(app: &App, workspace: WorkspaceId, user: UserId, role: &str, name: &str, now: i64) -> Self {
        let (device, actor) = (DeviceId::of_cause(name), ActorId(*UserId::of_cause(name).as_bytes()));
        let mut tx = app.store.begin().await.unwrap();
        let (name, app_name) = (name.to_owned(), "Rapport 0.1 (Android)".to_owned());
        let row =
            devices::Device { workspace, device, user, name, actor, app: app_name, created_at: now, last_seen_at: now, revoked_at: None };
        let token = std::array::from_fn(|at| actor.0[at % actor.0.len()]);
        devices::add_device(&mut tx, &row, &token).await.unwrap();
        tx.commit().await.unwrap();
        let author = Author { workspace, user, role: role.parse().unwrap(), device, pen: Pen::Device };
        Self { author, actor, docs: HashMap::new() }
    }

    /// Only the pen, of a device that the test makes known by other means.
    pub fn with(actor: ActorId) -> Self {
        let (workspace, user, device) = (WorkspaceId::of_cause("test"), UserId::of_cause("ann"), DeviceId::of_cause("pen"));
        let author = Author { workspace, user, role: "office".parse().unwrap(), device, pen: Pen::Device };
        Self { author, actor, docs: HashMap::new() }
    }

    /// Writes offline: nobody hears of it until it is pushed.
    pub fn write(&mut self, kind: &str, record: RecordId, at: i64, edits: &[FieldEdit]) -> Vec<Pushed> {
        let kind = Schema::builtin().kind(kind).unwrap();
        let by_facet = path_edits(kind, |facet| self.docs.get(&(record, facet)), edits).unwrap();
        let mut pushed = Vec::new();
        for (facet, edits) in by_facet {
            let doc = self.docs.entry((record, facet)).or_default();
            let Some(written) = doc.write(self.actor, at, &edits) else { continue };
            pushed.push(Pushed { kind: kind.name.clone(), record, facet, hash: written.hash, body: written.bytes });
        }
        pushed
    }

    /// Sends changes; the server receives them `at`.
    pub async fn push(&self, app: &App, changes: Vec<Pushed>, at: i64) -> Vec<Verdict> {
        app.intake.push(&self.author, changes, at).await.unwrap()
    }

    /// Writes and sends at once.
    pub async fn save(&mut self, app: &App, kind: &str, record: RecordId, at: i64, edits: &[FieldEdit]) -> Vec<Verdict> {
        let changes = self.write(kind, record, at, edits);
        self.push(app, changes, at).await
    }
}

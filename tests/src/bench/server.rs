//! The measured server: the real one, with a workspace, an account and the kind of the workload.

use std::path::Path;

use anyhow::{Context, Result};
use rapport_server::intake::{Expect, RecordEdit};
use rapport_server::language::Language;
use rapport_server::people::{self, NewPerson, Place};
use rapport_server::store::records;
use rapport_server::{App, Config};
use sync_core::id::{RecordId, UserId, WorkspaceId};
use sync_core::record::fields::FieldEdit;
use tokio::net::TcpListener;

use super::workload;

/// The account that measured clients sign in with.
pub const LOGIN: &str = "bench";
/// Its password: the server listens on this machine only and its data is made up.
pub const PASSWORD: &str = "bench-password";

/// Opens a server's store in a folder and makes what the workload needs.
pub async fn open(dir: &Path, port: u16) -> Result<App> {
    std::fs::create_dir_all(dir)?;
    let mut config = Config::default();
    config.database.path = dir.join("rapport.db");
    config.listen.address = format!("127.0.0.1:{port}").parse()?;
    let app = App::open(config, rapport_server::clock::Clock::system()).await?;
    if workspaces(&app).await?.is_empty() {
        let person = NewPerson {
            place: Place::New("bench".to_owned()),
            login: LOGIN.to_owned(),
            name: "Bench".to_owned(),
            role: "office".parse()?,
            language: Language::En,
            password: PASSWORD.to_owned(),
            given: false,
            by: None,
        };
        let user = people::add(&app, person).await?;
        define_kind(&app, user.workspace, user.user).await?;
    }
    Ok(app)
}

async fn workspaces(app: &App) -> Result<Vec<rapport_server::store::workspaces::Workspace>> {
    let mut tx = app.store.reader().await?;
    Ok(rapport_server::store::workspaces::all(&mut tx).await?)
}

async fn define_kind(app: &App, workspace: WorkspaceId, user: UserId) -> Result<()> {
    let author = app.intake.on_behalf(workspace, user, "office".parse()?);
    let edits = vec![FieldEdit::set("name", "contact"), FieldEdit::set("definition", workload::kind_definition())];
    let edit = RecordEdit { kind: "kind".parse()?, record: RecordId::of_cause("bench kind"), edits, expect: Expect::New };
    app.intake.edit(&author, vec![edit], app.clock.now(), None).await?.remove(0)?;
    Ok(())
}

/// Serves until the process ends.
pub async fn serve(app: App) -> Result<()> {
    let listener = TcpListener::bind(app.config.listen.address).await.context("cannot listen")?;
    Ok(rapport_server::serve_app(app, listener, std::future::pending()).await?)
}

/// Records of the workload that are kept.
pub async fn count(app: &App) -> Result<u64> {
    let workspace = workspaces(app).await?.first().context("no workspace")?.workspace;
    let mut tx = app.store.reader().await?;
    Ok(records::count_of_kind(&mut tx, workspace, "contact").await?)
}

//! `rapport key ...`: keys of programs.

use anyhow::Context;
use clap::{Args, Subcommand};
use sync_core::id::RecordId;

use super::user::find;
use super::{In, open_existing, say, shown, table};
use crate::app::App;
use crate::auth::grant::Scopes;
use crate::auth::{KEY_DAYS_MAX, NewKey, key_ends_at};
use crate::config::Config;
use crate::store::{keys, people};

/// Make, list and revoke the keys of programs
#[derive(Debug, Subcommand)]
pub enum Key {
    Make(Make),
    List(List),
    Revoke(Revoke),
}

/// Make a key with which a program uses the API in somebody's name
///
/// Whoever holds it may do what its scopes say, and never more than that person may.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport key make ann 'nightly export' --scope '*:read' --days 90
  rapport key make ann 'web shop' --scope party:write --scope offer:read --days 365")]
pub struct Make {
    /// In whose name
    login: String,
    /// What it is for
    name: String,
    /// A kind or `*`, then `:read` or `:write`; may be repeated
    #[arg(long, required = true)]
    scope: Vec<String>,
    /// How many days it is good for
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(KEY_DAYS_MAX)))]
    days: u16,
    #[command(flatten)]
    place: In,
}

/// List the keys
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rapport key list")]
pub struct List {
    #[command(flatten)]
    place: In,
}

/// Take a key back, at once
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rapport key revoke 01890a5d-ac96-774b-bcce-b302099a8057")]
pub struct Revoke {
    /// Its id, from `rapport key list`
    key: RecordId,
    #[command(flatten)]
    place: In,
}

impl Key {
    /// Runs the command.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        let app = open_existing(config).await?;
        let done = match self {
            Key::Make(command) => command.run(&app).await,
            Key::List(command) => command.run(&app).await,
            Key::Revoke(command) => command.run(&app).await,
        };
        app.store.close().await;
        done
    }
}

impl Make {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let person = find(app, &self.place, &self.login).await?;
        let scopes = Scopes::read(&self.scope.join(" "), &app.intake.rules(person.workspace).schema)?;
        let expires_at = key_ends_at(app.clock.now(), i64::from(self.days)).context("a key lasts no longer")?;
        let new =
            NewKey { workspace: person.workspace, user: person.user, by: None, name: self.name, scopes, expires_at: Some(expires_at) };
        let (token, key) = app.auth.make_key(new).await.context("cannot make a key")?;
        println!("{}", token.reveal());
        eprintln!("{} for {}, may {}, until {}", key.key, person.login, key.scopes, shown(expires_at));
        Ok(())
    }
}

impl List {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let workspace = self.place.find(app).await?.workspace;
        let mut tx = app.store.reader().await?;
        let users = people::users(&mut tx, workspace).await?;
        let login = |id| users.iter().find(|one| one.user == id).map_or_else(String::new, |one| one.login.clone());
        let mut rows = vec![["KEY", "FOR", "NAME", "SCOPES", "LAST USED", "EXPIRES", ""].map(str::to_owned).to_vec()];
        let time = |time: Option<i64>| time.map_or_else(|| "never".to_owned(), shown);
        rows.extend(keys::all(&mut tx, workspace).await?.into_iter().map(|one| {
            let state = if one.revoked_at.is_some() { "revoked" } else { "" };
            let (used, expires) = (time(one.last_used_at), time(one.expires_at));
            vec![one.key.to_string(), login(one.user), one.name, one.scopes, used, expires, state.to_owned()]
        }));
        say(&table(&rows))?;
        Ok(())
    }
}

impl Revoke {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let workspace = self.place.find(app).await?.workspace;
        let was = app.auth.revoke_key(workspace, self.key, None, None).await?;
        anyhow::ensure!(was, "there is no such key, or it was revoked before; `rapport key list` shows them");
        println!("revoked");
        Ok(())
    }
}

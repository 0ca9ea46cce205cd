//! The command line: one variant and one module for each command.
//!
//! Commands other than `serve` work on the database directly, while a server runs or not. Passwords
//! are never arguments: other users of the machine can read those.

mod audit;
mod backup;
mod check;
mod demo;
mod device;
mod export;
mod files;
mod handover;
mod import;
mod key;
mod password;
mod progress;
mod retention;
mod serve;
mod user;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::log;
use crate::store::workspaces::{self, Workspace};

/// The server of Rapport, an offline-first CRM.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct Global {
    /// The configuration file; `rapport.example.toml` explains what can be in it
    #[arg(long, global = true, value_name = "FILE", env = "RAPPORT_CONFIG")]
    config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
First steps:
  rapport demo                            two phones, one customer, no network: the story
  rapport user add ann --role office      make the first account; asks for a password
  rapport serve                           http://127.0.0.1:8080
  rapport device code ann                 a code for ann's phone

Settings come from a file (--config, or RAPPORT_CONFIG) and from the environment, which wins:
  RAPPORT_DATABASE__PATH=/var/lib/rapport/rapport.db rapport serve";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    #[command(subcommand)]
    User(user::User),
    #[command(subcommand)]
    Device(device::Device),
    #[command(subcommand)]
    Key(key::Key),
    #[command(subcommand)]
    Audit(audit::Audit),
    Handover(handover::Handover),
    Import(import::Import),
    Export(export::Export),
    Retention(retention::Retention),
    #[command(subcommand)]
    Files(files::Files),
    Check(check::Check),
    Backup(backup::Backup),
    Restore(backup::Restore),
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever stopped it, with what was attempted.
    pub async fn run(self) -> anyhow::Result<()> {
        let mut config = Config::load(self.global.config.as_deref())?;
        if matches!(self.command, Command::Demo(_)) {
            // The story is what is to be read; whatever goes wrong is still told.
            config.log.level = crate::config::LogLevel::Warn;
        }
        log::start(&config.log);
        match self.command {
            Command::Serve(command) => command.run(config).await,
            Command::Demo(command) => command.run().await,
            Command::User(command) => command.run(config).await,
            Command::Device(command) => command.run(config).await,
            Command::Key(command) => command.run(config).await,
            Command::Audit(command) => command.run(config).await,
            Command::Handover(command) => command.run(config).await,
            Command::Import(command) => command.run(config).await,
            Command::Export(command) => command.run(config).await,
            Command::Retention(command) => command.run(config).await,
            Command::Files(command) => command.run(config).await,
            Command::Check(command) => command.run(config).await,
            Command::Backup(command) => command.run(config).await,
            Command::Restore(command) => command.run(config).await,
        }
    }
}

/// Which workspace a command works in.
#[derive(Debug, Args)]
struct In {
    /// The workspace; only needed where there are several
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
}

impl In {
    /// The workspace that is meant.
    async fn find(&self, app: &App) -> anyhow::Result<Workspace> {
        let all = workspaces::all(&mut app.store.reader().await?).await?;
        let names = all.iter().map(|one| format!("`{}`", one.name)).collect::<Vec<_>>().join(", ");
        match (&self.workspace, all.len()) {
            (_, 0) => anyhow::bail!("there is nobody here yet: begin with `rapport user add`"),
            (None, 1) => all.into_iter().next().context("there is one workspace"),
            (None, _) => anyhow::bail!("there are several workspaces: say which with --workspace, one of {names}"),
            (Some(name), _) => {
                all.into_iter().find(|one| one.name == *name).with_context(|| format!("there is no workspace `{name}`, only {names}"))
            }
        }
    }
}

/// Opens the database for a command.
async fn open(config: Config) -> anyhow::Result<App> {
    App::open(config, Clock::system()).await.context("cannot open the database")
}

/// Opens a database that must be there: a mistyped path makes no new one.
async fn open_existing(config: Config) -> anyhow::Result<App> {
    let path = &config.database.path;
    anyhow::ensure!(
        path.exists(),
        "there is no database `{}`: say where it is with `database.path`, or begin with `rapport user add`",
        path.display()
    );
    open(config).await
}

/// Prints a line; whoever does not read on, as `head` does, is no mistake.
fn say(line: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// A time as people read it: UTC, to the second.
fn shown(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |time| format!("{time:.0}"))
}

/// Lines up columns by their widest cell.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns).map(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_explains_itself_with_an_example() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "`{}` says nothing about itself", command.get_name());
            if command.has_subcommands() {
                return command.get_subcommands().for_each(check);
            }
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("rapport "), "`{}` has no example", command.get_name());
        }
        let cli = Cli::command();
        cli.clone().debug_assert();
        cli.get_subcommands().for_each(check);
    }
}

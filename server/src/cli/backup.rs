//! `rapport backup` and `rapport restore`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::audit::{Act, Note};
use crate::auth::secret::random;
use crate::clock::Clock;
use crate::config::Config;
use crate::store::{self, Store, StoreError, workspaces};

/// Write the whole database to a new file, while the server runs or not
///
/// A copy made with `cp` can be broken; this one is whole, checked, and on the disk when the command
/// ends. It holds everything that the database holds: keep it as safe. The audit log tells that it was made.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport backup /backups/rapport-$(date +%F).db
  rapport backup monday.db && rsync monday.db vault:")]
pub struct Backup {
    /// The new file; one that exists is not overwritten
    file: PathBuf,
}

/// Put a backup in the place of the database
///
/// Stop the server first. Phones notice at their next sync that the server went back in time, and
/// send again what they hold and the backup does not: nothing that reached a phone is lost. What was erased or taken back
/// since the backup (people, devices, sessions, keys, links) is erased and taken back again when the server starts, by the
/// ledgers beside the database: `<database>.erased`, `<database>.revoked` and `<database>.renewed`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport restore monday.db             where there is no database yet
  rapport restore monday.db --force     keeps the present one beside it, under another name")]
pub struct Restore {
    /// The backup
    file: PathBuf,
    /// Move a database that is there aside
    #[arg(long)]
    force: bool,
}

impl Backup {
    /// Runs the command.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        store::backup(&config.database.path, &self.file).await.context("no backup was made")?;
        println!("{}", self.file.display());
        // The backup is whole: whatever waits for it may go on.
        if let Err(why) = note(&config).await {
            eprintln!("the audit log does not tell of this backup: {why:#}");
        }
        Ok(())
    }
}

/// That everything was taken out stands in the audit log of every workspace.
async fn note(config: &Config) -> anyhow::Result<()> {
    // Before an update, the new program makes a backup of what the old one works with: it is not to change its tables.
    let is_current = store::is_current(&config.database.path).await?;
    anyhow::ensure!(is_current, "the database has the tables of another version of Rapport, and they stay as they are");
    let (store, now) = (Store::open(&config.store_options()).await?, Clock::system().now());
    let noting = store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            for workspace in workspaces::all(tx).await? {
                Note::of(workspace.workspace, None, Act::BackedUp, workspace.workspace).write(tx, now).await?;
            }
            Ok(())
        })
    });
    let noted = noting.await;
    store.close().await;
    Ok(noted?)
}

impl Restore {
    /// Runs the command.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        let options = config.store_options();
        let set_aside = self.force.then(|| Clock::system().now());
        let done = store::restore(&self.file, &options, set_aside, random).await;
        if let Err(store::BackupError::Exists(path)) = &done {
            anyhow::bail!("nothing was restored: `{}` exists; --force moves it aside", path.display());
        }
        let done = done.context("nothing was restored")?;
        if let Some(aside) = done.set_aside {
            println!("the database that was there is now {}", aside.display());
        }
        for workspace in done.workspaces {
            println!("restored `{}` up to position {}", workspace.name, workspace.head);
        }
        Ok(())
    }
}

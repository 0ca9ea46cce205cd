//! `rapport audit ...`: who did what beside editing records.

use anyhow::Context;
use clap::{Args, Subcommand};

use super::{In, open_existing, shown, table};
use crate::app::App;
use crate::audit;
use crate::config::Config;
use crate::files::{hex, unhex};
use crate::store::people;
use crate::store::trail::{self, Head};

/// Read and check the audit log
#[derive(Debug, Subcommand)]
pub enum Audit {
    List(List),
    Verify(Verify),
}

/// List the newest entries: sign-ins, exports, rights, deletions, devices
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport audit list
  rapport audit list --act exported --limit 20")]
pub struct List {
    /// Only this, such as `signed_in` or `exported`
    #[arg(long)]
    act: Option<String>,
    /// How many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    place: In,
}

/// Check that no entry was altered, removed or added beside the server
///
/// Prints the newest entry's number and hash. Note them elsewhere now and then: whoever can write the
/// database can write a new log, but none that contains what you noted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport audit verify
  rapport audit verify --noted 1204:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
pub struct Verify {
    /// A head that this command printed earlier
    #[arg(long, value_parser = head, value_name = "NUMBER:HASH")]
    noted: Option<Head>,
    #[command(flatten)]
    place: In,
}

fn head(text: &str) -> Result<Head, String> {
    let expected = || "expected what `rapport audit verify` printed: a number, a colon, 64 digits".to_owned();
    let (number, hash) = text.split_once(':').ok_or_else(expected)?;
    let number = number.parse().map_err(|_| expected())?;
    Ok((number, unhex(hash).ok_or_else(expected)?))
}

impl Audit {
    /// Runs the command.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        let app = open_existing(config).await?;
        let done = match self {
            Audit::List(command) => command.run(&app).await,
            Audit::Verify(command) => command.run(&app).await,
        };
        app.store.close().await;
        done
    }
}

impl List {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let workspace = self.place.find(app).await?.workspace;
        let mut tx = app.store.reader().await?;
        let users = people::users(&mut tx, workspace).await?;
        let login = |id| users.iter().find(|one| Some(one.user) == id).map_or_else(|| "-".to_owned(), |one| one.login.clone());
        let mut rows = vec![["NUMBER", "WHEN", "WHO", "WHAT", "SUBJECT", "DETAIL"].map(str::to_owned).to_vec()];
        let entries = trail::before(&mut tx, workspace, u64::MAX, self.act.as_deref(), self.limit).await?;
        rows.extend(entries.into_iter().map(|one| {
            let detail = if one.detail == "{}" { String::new() } else { one.detail };
            vec![one.number.to_string(), shown(one.at), login(one.user), one.act, one.subject, detail]
        }));
        println!("{}", table(&rows));
        Ok(())
    }
}

impl Verify {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let workspace = self.place.find(app).await?.workspace;
        let verified = audit::verify(&app.store, workspace, self.noted).await.context("cannot read the log")?;
        if let Some(tampered) = verified.tampered {
            anyhow::bail!("the audit log was tampered with: {tampered}");
        }
        println!("{} entries, none altered", verified.entries);
        println!("{}:{}", verified.entries, hex(&verified.head));
        Ok(())
    }
}

//! `rapport retention`: erasing what may not be kept any longer.

use anyhow::Context;
use clap::Args;

use super::{In, open_existing};
use crate::auth::normal_login;
use crate::config::Config;
use crate::jobs::retention::{self, Which};

/// Show what the retention rules would erase, and erase it with --erase
///
/// A retention rule is a record of the kind `rule`: its purpose is `retention`, `about` names a kind, and the
/// condition says how old a record must be, such as
/// [{"type": "olderThanXDays", "attribute": "updatedAt", "value": 730}]. Erasing is for good, everywhere.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport retention                        what would be erased
  rapport retention --erase > proofs.jsonl  erases it; a proof for each record, one a line")]
pub struct Retention {
    /// Erase it
    #[arg(long)]
    erase: bool,
    /// On whose behalf; the first person who may erase if not given
    #[arg(long = "as", value_name = "LOGIN")]
    login: Option<String>,
    #[command(flatten)]
    place: In,
}

impl Retention {
    /// Runs the command.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        let app = open_existing(config).await?;
        let workspace = self.place.find(&app).await?.workspace;
        let login = self.login.as_deref().map(normal_login);
        let caller = retention::on_behalf(&app, workspace, login.as_deref()).await.context("there is nobody who may erase")?;
        if self.erase {
            let gone = retention::erase(&app, &caller, Which::All).await?;
            for one in &gone {
                println!("{}", serde_json::json!({"rule": one.rule, "record": one.record, "proof": one.proof}));
            }
            eprintln!("{} records erased", gone.len());
        } else {
            for due in retention::due(&app, &caller).await? {
                match due.records {
                    Ok(records) => {
                        println!("{} ({}): {} records", due.name, due.kind, records.len());
                        records.iter().for_each(|(id, title)| println!("  {id}  {title}"));
                    }
                    Err(why) => println!("{}: {why}", due.name),
                }
            }
        }
        app.store.close().await;
        Ok(())
    }
}

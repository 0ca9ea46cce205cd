//! `rapport handover ...`: what one person has goes to another.

use anyhow::Context;
use clap::Args;

use super::progress::Bar;
use super::user::find;
use super::{In, open_existing};
use crate::config::Config;
use crate::jobs::handover::{begin, carry_out, preview};
use crate::jobs::import::author;
use crate::jobs::{Progress, handover::Order};

/// Hand over what somebody has to a colleague
///
/// All their customers, open deals, tasks and quotes, as one act with history; it is taken back in the
/// console. Without --yes it only says what it would do.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport handover ann bo
  rapport handover ann bo --yes --disable
  rapport handover ann bo --customers '[{\"type\": \"equals\", \"attribute\": \"addresses.address.city\", \"value\": \"Suzhou\"}]' --yes")]
pub struct Handover {
    /// Who has the records
    from: String,
    /// Who gets them
    to: String,
    /// Only customers that this filter finds, and what belongs to them
    #[arg(long, default_value = "", value_name = "JSON")]
    customers: String,
    /// Closed deals, done tasks and the like, too
    #[arg(long)]
    with_closed: bool,
    /// Then shut the person out
    #[arg(long)]
    disable: bool,
    /// Do it
    #[arg(long)]
    yes: bool,
    /// On whose behalf: somebody who administers; the first of the back office if not given
    #[arg(long, value_name = "LOGIN")]
    by: Option<String>,
    #[command(flatten)]
    place: In,
}

impl Handover {
    /// Runs the command.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        let app = open_existing(config).await?;
        let (from, to) = (find(&app, &self.place, &self.from).await?, find(&app, &self.place, &self.to).await?);
        let (author, _) = author(&app, from.workspace, self.by.as_deref()).await?;
        let (customers, with_closed, disable) = (self.customers, self.with_closed, self.disable);
        let order = Order { from: from.user, to: to.user, customers, with_closed, disable };
        let found = preview(&app, &author, &order).await?;
        for (kind, records, bytes) in &found.kinds {
            println!("{kind:<12} {records:>8} records {bytes:>12} bytes");
        }
        println!("{} records leave {} devices and come to {}", found.records(), found.leave.len(), found.reach);
        if found.unsent() > 0 {
            println!("{} edits waited on these devices when they were last in touch: have them connect first", found.unsent());
        }
        if self.yes {
            let begun = begin(&app, &author, order).await?;
            let mut bar = Bar::new("records");
            let mut watch = |progress: Progress| bar.show(progress);
            let done = carry_out(&app, author.workspace, begun, &mut watch)
                .await
                .context("it broke off; the server goes on with it when it starts")?;
            bar.end();
            println!("handed over {} records, {} refused", done.moved, done.refused);
        } else {
            println!("nothing was done: say --yes");
        }
        app.store.close().await;
        Ok(())
    }
}

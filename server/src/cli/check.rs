//! `rapport check`.

use clap::Args;

use super::progress::Bar;
use super::{In, open_existing};
use crate::config::Config;
use crate::jobs::check;

/// Check that everything in the database is what its changes say
///
/// Replays every record, by Rapport's own engine and by automerge, derives rows, titles, links,
/// disagreements and whose each record is again, and looks at every hash and position. Prints each
/// difference on a line; ends with status 1 if there is one. The server may go on working. Nothing is repaired.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport check
  rapport check --fast      without automerge and without SQLite's own check")]
pub struct Check {
    /// Leave out what takes longest: the replay through automerge, and SQLite's own check
    #[arg(long)]
    fast: bool,
    #[command(flatten)]
    place: In,
}

impl Check {
    /// Runs the command.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        let app = open_existing(config).await?;
        let workspace = self.place.find(&app).await?.workspace;
        let mut bar = Bar::new("entries and records");
        let tell = &mut |difference: &check::Difference| println!("{difference}");
        let checked = check::check(&app, workspace, self.fast, tell, &mut |progress| bar.show(progress)).await;
        for aside in app.store.set_aside() {
            println!(
                "{}: a restore moved it aside; everything is in it, and no erasure reaches it: delete it when you need it no longer",
                aside.display()
            );
        }
        let seconds = bar.end().as_secs_f64();
        app.store.close().await;
        let checked = checked?;
        eprintln!("{} changes and {} records in {seconds:.1} s", checked.entries, checked.records);
        anyhow::ensure!(
            checked.differences == 0,
            "{} differences; restore a backup, and keep this database for whoever looks into it",
            checked.differences
        );
        println!("everything is as it should be");
        Ok(())
    }
}

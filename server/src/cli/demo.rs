//! `rapport demo`.

use std::path::PathBuf;

use clap::Args;

use crate::demo::{Settings, run};

/// Watch two phones edit one customer offline and converge
///
/// Starts a server on this machine with made-up and real data, plays the story over HTTP, checks that
/// everybody ends up with the same, and leaves the console open.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport demo                    the story, then the console until Ctrl-C
  rapport demo --exit --json      the story, then one line of JSON; exit code 1 when something differs")]
pub struct Demo {
    /// End after the story
    #[arg(long)]
    exit: bool,
    /// Print the outcome as a JSON object on the last line
    #[arg(long)]
    json: bool,
    /// Keep the data here, in an empty folder
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The port of the console; another one when it is taken
    #[arg(long, default_value_t = 7700)]
    port: u16,
}

impl Demo {
    /// Runs the demo.
    pub async fn run(self) -> anyhow::Result<()> {
        let settings = Settings { exit: self.exit, json: self.json, folder: self.folder, port: self.port };
        let outcome = run(&settings).await?;
        anyhow::ensure!(outcome.converged, "the replicas differ, or an edit was lost: {outcome:?}");
        Ok(())
    }
}

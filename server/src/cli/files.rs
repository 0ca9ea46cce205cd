//! `rapport files`: what contents lie sealed with.

use clap::{Args, Subcommand};

use super::open_existing;
use super::progress::Bar;
use crate::config::Config;

/// The contents of files
#[derive(Debug, Subcommand)]
pub enum Files {
    Seal(Seal),
}

/// Seal what lies open, or under an older key
///
/// Contents lie sealed where `files.key_file` names a key file. This seals those from before there was one; with --rotate it
/// makes a new key first, and seals everything with that. When all lies under the newest key, the older ones are taken out of
/// the file: run it once more, the day after. The server may run meanwhile.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport files seal             what lies open is sealed
  rapport files seal --rotate    everything is sealed with a new key")]
pub struct Seal {
    /// Make a new key first
    #[arg(long)]
    rotate: bool,
}

impl Files {
    /// Runs the command.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        let Self::Seal(Seal { rotate }) = self;
        let app = open_existing(config).await?;
        let mut bar = Bar::new("contents");
        let sealed = app.files.seal_all(&app.store, rotate, &mut |progress| bar.show(progress)).await;
        app.store.close().await;
        println!("{} contents sealed", sealed?);
        Ok(())
    }
}

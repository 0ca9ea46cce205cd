//! `rapport demo`: the main job in a minute, on real parts.
//!
//! A server on this machine, two devices, every exchange over HTTP. Tells what happens as it happens
//! and checks at the end that everybody sees the same. Used for nothing else.

mod compare;
mod stage;
mod story;
mod tell;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use serde::Serialize;

pub use stage::{ACCOUNTS, PASSWORD};

use stage::Stage;
use tell::Teller;

/// How the demo runs.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// End after the story instead of leaving the console open.
    pub exit: bool,
    /// Print the outcome as one JSON object at the end.
    pub json: bool,
    /// Where the data goes; a folder that is removed at the end if not given.
    pub folder: Option<PathBuf>,
    /// The port to listen on; another free one if it is taken.
    pub port: u16,
}

/// What the demo found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Whether both devices and the server show the same, and no edit was lost.
    pub converged: bool,
    /// Records on each replica.
    pub records: usize,
    /// Changes that the server keeps.
    pub changes: u64,
    /// Disagreements that the story led to.
    pub conflicts: usize,
    /// Customers who were offered one thing at two prices.
    pub quote_collisions: usize,
    /// Edits of the story that are neither shown nor in the history.
    pub lost_edits: usize,
    /// How long it took.
    pub elapsed_ms: u64,
}

/// Runs the demo.
///
/// # Errors
/// When a part does not start or an exchange fails; what differs is an [`Outcome`], not an error.
pub async fn run(settings: &Settings) -> Result<Outcome> {
    let start = Instant::now();
    let temporary = tempfile::tempdir()?;
    let folder = settings.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    let teller = Teller::new();
    teller.title("Rapport: two phones, one customer, no network");
    let stage = Stage::set(&folder, settings.port, &teller).await?;
    let told = story::tell(&stage, &teller).await?;
    let mut outcome = compare::outcome(&stage, &told, &teller).await?;
    outcome.elapsed_ms = start.elapsed().as_millis() as u64;
    stage.come_to_the_present();
    if !settings.exit {
        teller.invite(&stage.address);
        tokio::signal::ctrl_c().await?;
    }
    stage.end().await?;
    if settings.json {
        println!("{}", serde_json::to_string(&outcome)?);
    }
    Ok(outcome)
}

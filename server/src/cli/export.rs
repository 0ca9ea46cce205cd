//! `rapport export`.

use std::io::BufWriter;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use sync_core::id::{KindName, WorkspaceId};

use super::progress::Bar;
use super::{In, open_existing};
use crate::app::App;
use crate::audit::{Act, Note};
use crate::config::Config;
use crate::jobs::export::{self, Format, Options};
use crate::store::StoreError;

/// Write everything into a new folder, as files that anybody can open
///
/// For each kind a CSV file and a JSON Lines file, over all parts of a record: keep the folder as safe
/// as the database. `rapport import` reads both back, in any order but `kind` first. Cells that a
/// spreadsheet would run as a formula get an apostrophe, which an import takes off again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport export everything-$(date +%F)
  rapport export everything --automerge             with each document, history included
  rapport export --all house                        to have an equal system elsewhere
  rapport export --kind party > customers.csv
  rapport export --kind party --format jsonl | jq .name
  for file in everything/kind.jsonl everything/*.jsonl; do
    if [ -e $file ]; then rapport import $(basename $file .jsonl) $file; fi; done")]
pub struct Export {
    /// The new folder
    #[arg(required_unless_present_any = ["kind", "all"], conflicts_with = "kind")]
    folder: Option<PathBuf>,
    /// The new folder, with all it takes to have an equal system elsewhere: history, people, files, the audit log.
    /// `rapport import --all` reads it
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["folder", "kind"])]
    all: Option<PathBuf>,
    /// Only this kind, to standard output
    #[arg(long)]
    kind: Option<KindName>,
    /// How one kind is written
    #[arg(long, value_enum, default_value_t, requires = "kind")]
    format: Written,
    /// Write each document as an `.automerge` file too
    #[arg(long, conflicts_with = "kind")]
    automerge: bool,
    /// Leave cells that begin with =, +, - or @ as they are: for programs, not for spreadsheets
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    place: In,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Written {
    /// A header, and a row for each record
    #[default]
    Csv,
    /// A JSON object on each line
    Jsonl,
}

impl Written {
    fn name(self) -> &'static str {
        match self {
            Written::Csv => "csv",
            Written::Jsonl => "jsonl",
        }
    }
}

/// That the operator took data out stands in the audit log, too.
async fn note(app: &App, workspace: WorkspaceId, of: &str, format: &str, records: u64) -> Result<(), StoreError> {
    let note = Note::of(workspace, None, Act::Exported, of).with(json!({"format": format, "records": records}));
    note.keep(&app.store, app.clock.now()).await
}

impl Export {
    /// Runs the command.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        let app = open_existing(config).await?;
        let workspace = self.place.find(&app).await?.workspace;
        if let Some(kind) = self.kind {
            let format = match self.format {
                Written::Csv => Format::Csv,
                Written::Jsonl => Format::Json,
            };
            let count = export::kind(&app, workspace, &kind, format, self.raw, BufWriter::new(std::io::stdout().lock())).await?;
            note(&app, workspace, &kind, self.format.name(), count).await?;
        } else if let Some(folder) = self.all.as_ref().or(self.folder.as_ref()) {
            let whole = self.all.is_some();
            let options = Options { is_raw: self.raw, automerge: self.automerge || whole, whole };
            let mut bar = Bar::new("records");
            let counts = export::folder(&app, workspace, folder, options, &mut |progress| bar.show(progress)).await;
            let seconds = bar.end().as_secs_f64();
            let counts = counts?;
            note(&app, workspace, "*", if whole { "whole" } else { "folder" }, counts.values().sum()).await?;
            for (kind, count) in &counts {
                println!("{kind}: {count}");
            }
            eprintln!("written to `{}` in {seconds:.1} s", folder.display());
        }
        app.store.close().await;
        Ok(())
    }
}

//! `rapport import ...`: records from files.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;
use sync_core::id::KindName;

use super::progress::Bar;
use super::{In, open, open_existing, say, shown, table};
use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::normal_login;
use crate::config::Config;
use crate::jobs::import::{self, ImportId, Mode, Report, Source, Spec, Told, Undone};
use crate::jobs::whole;
use crate::store::people;

/// Bring records in from a CSV file (UTF-8), or from a .jsonl file that `rapport export` wrote
///
/// The first line names the columns. A column goes into the field of its name or label, in English or
/// Chinese, unless --map says otherwise. A row that matches a record changes it, others make one; an
/// empty cell leaves its field as it is. The same file twice changes nothing.
///
/// Rows that cannot be brought in are left out and written to FILE.failed.csv with the reason: correct
/// them there and import that file. Nothing else is undone by them. docs/import.md has more examples.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = EXAMPLES)]
pub struct Import {
    #[command(subcommand)]
    other: Option<Other>,
    #[command(flatten)]
    file: One,
}

const EXAMPLES: &str = "\
Examples:
  rapport import party customers.csv --dry-run
  rapport import party customers.csv --map customer_id=external_id --set roles=customer
  rapport import offer orders.csv --map order_id=external_id --map customer_id=party:external_id \\
      --map total=amount.amount --set amount.currency=CNY --set form=order --set status=completed
  rapport import --all house                        what `rapport export --all` wrote
  rapport import list
  rapport import undo 01890a5d-ac96-774b-bcce-b302099a8057";

#[derive(Debug, Subcommand)]
enum Other {
    List(List),
    Undo(Undo),
}

/// One file.
#[derive(Debug, Args)]
struct One {
    /// A folder of `rapport export --all`, into an empty database: an equal system
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["kind", "file"])]
    all: Option<PathBuf>,
    /// The kind of the records: party, offer, product, ...
    #[arg(required_unless_present = "all")]
    kind: Option<KindName>,
    /// The file
    #[arg(required_unless_present = "all")]
    file: Option<PathBuf>,
    /// Where a column goes: a field, a part (`amount.currency`, `phones.value`), a link by what the other
    /// record has (`party:external_id`), or nowhere (`COLUMN=`)
    #[arg(long, value_name = "COLUMN=FIELD", value_parser = pair)]
    map: Vec<(String, String)>,
    /// What a field gets where no cell says anything; `{COLUMN}` stands for that cell
    #[arg(long, value_name = "FIELD=TEXT", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Leave out all columns that no field is called like
    #[arg(long)]
    skip_others: bool,
    /// Fields that rows are matched by, or `id`; what the kind says if not given
    #[arg(long = "match", value_name = "FIELD")]
    matches: Vec<String>,
    /// Change the record that a row is nearly certainly about, instead of making another one
    #[arg(long)]
    attach: bool,
    /// Which records are written
    #[arg(long, value_enum, default_value_t)]
    mode: Writes,
    /// Look at every row and say what would be done; write nothing
    #[arg(long)]
    dry_run: bool,
    /// Take apostrophes in front of =, +, - and @ as part of the text
    #[arg(long)]
    raw: bool,
    /// On whose behalf; the first user of the back office if not given
    #[arg(long = "as", value_name = "LOGIN")]
    login: Option<String>,
    #[command(flatten)]
    place: In,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Writes {
    /// Only new ones
    Create,
    /// Only those that are there
    Update,
    /// Both
    #[default]
    Both,
}

/// List what was brought in
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rapport import list")]
struct List {
    #[command(flatten)]
    place: In,
}

/// Take an import back: archive what it made, give what it changed its former values
///
/// What somebody has changed since stays, and is listed. The history keeps everything.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  rapport import undo 01890a5d-ac96-774b-bcce-b302099a8057")]
struct Undo {
    /// The import, from `rapport import list`
    import: ImportId,
    /// On whose behalf; the first user of the back office if not given
    #[arg(long = "as", value_name = "LOGIN")]
    login: Option<String>,
    #[command(flatten)]
    place: In,
}

/// `left=right`; the right side may have more equals signs.
fn pair(text: &str) -> Result<(String, String), String> {
    let (left, right) = text.split_once('=').ok_or_else(|| "expected `LEFT=RIGHT`".to_owned())?;
    Ok((left.trim().to_owned(), right.trim().to_owned()))
}

impl Import {
    /// Runs the command.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        // A whole system is brought into a new one.
        let app = if self.file.all.is_some() { open(config).await? } else { open_existing(config).await? };
        let done = match self.other {
            Some(Other::List(command)) => command.run(&app).await,
            Some(Other::Undo(command)) => command.run(&app).await,
            None => self.file.run(&app).await,
        };
        app.store.close().await;
        done
    }
}

impl One {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        if let Some(folder) = &self.all {
            return bring(app, folder).await;
        }
        let (kind, file) = self.kind.zip(self.file).context("expected a kind and a file")?;
        let workspace = self.place.find(app).await?.workspace;
        let (author, user) = import::author(app, workspace, self.login.as_deref().map(normal_login).as_deref()).await?;
        let is_dry_run = self.dry_run;
        let spec = Spec {
            kind,
            mode: match self.mode {
                Writes::Create => Mode::Create,
                Writes::Update => Mode::Update,
                Writes::Both => Mode::Both,
            },
            told: Told { maps: self.map, sets: self.set, skip_others: self.skip_others, ..Told::default() },
            matches: Some(self.matches).filter(|fields| !fields.is_empty()),
            attach: self.attach,
            zone: jiff::tz::TimeZone::UTC,
            is_raw: self.raw,
            is_dry_run,
            failed_beside: (!is_dry_run).then(|| file.clone()),
            language: user.language,
        };
        let mut bar = Bar::new("rows");
        let report = import::run(app, &author, &spec, &Source::File(file), &mut |progress| bar.show(progress)).await;
        let seconds = bar.end().as_secs_f64();
        let report = report?;
        eprint!("{}", told(&report, &spec.kind, user.language, seconds));
        if let Some(import) = report.import {
            println!("{import}");
        }
        let rows = report.failed;
        anyhow::ensure!(rows == 0, "{rows} {} left out", if rows == 1 { "row was" } else { "rows were" });
        Ok(())
    }
}

/// Brings a whole system in.
async fn bring(app: &App, folder: &std::path::Path) -> anyhow::Result<()> {
    let mut bar = Bar::new("changes");
    let brought = whole::bring(app, folder, &mut |progress| bar.show(progress)).await;
    let seconds = bar.end().as_secs_f64();
    let (workspace, whole::Brought { changes, users, contents }) = brought?;
    Note::of(workspace, None, Act::Imported, "*").with(json!({"format": "whole"})).keep(&app.store, app.clock.now()).await?;
    println!("{changes} changes, {users} people and {contents} files in {seconds:.1} s");
    eprintln!("nobody has a password yet: `rapport user password LOGIN` sets one; phones enrol again with `rapport device code LOGIN`");
    Ok(())
}

/// What was done, in a few lines.
fn told(report: &Report, kind: &str, language: crate::language::Language, seconds: f64) -> String {
    let mut lines: Vec<String> = report.preview.iter().map(|row| row.told(kind)).collect();
    lines.extend(
        report.failures.iter().map(|failure| format!("line {}: {}", failure.line, language.of(&failure.reason.en, &failure.reason.zh))),
    );
    if report.failed > report.failures.len() as u64 {
        lines.push(format!("... and {} more", report.failed - report.failures.len() as u64));
    }
    let would = if report.import.is_none() { "it would be: " } else { "" };
    let doubled = if report.doubled > 0 { format!(" ({} of them as rows above)", report.doubled) } else { String::new() };
    let (rows, created, updated) = (report.rows, report.created, report.updated);
    lines.push(format!(
        "{rows} rows in {seconds:.1} s, {would}{created} created, {updated} updated, {} unchanged{doubled}, {} left out",
        report.unchanged, report.failed
    ));
    if let Some(file) = &report.failed_file {
        lines.push(format!("what was left out is in `{}`, with the reasons: correct it there and import that file", file.display()));
    }
    lines.push(String::new());
    lines.join("\n")
}

impl List {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let workspace = self.place.find(app).await?.workspace;
        let users = people::users(&mut app.store.reader().await?, workspace).await?;
        let login = |id| users.iter().find(|one| one.user == id).map_or_else(String::new, |one| one.login.clone());
        let mut rows = vec![["IMPORT", "KIND", "FILE", "STARTED", "BY", "CREATED", "UPDATED", "FAILED", ""].map(str::to_owned).to_vec()];
        rows.extend(import::list(app, workspace).await?.into_iter().map(|one| {
            let state = match (one.undone_at, one.finished_at) {
                (Some(_), _) => "undone",
                (None, None) => "unfinished",
                (None, Some(_)) => "",
            };
            let id = ImportId(one.import).to_string();
            let counts = [one.created, one.updated, one.failed].map(|count| count.to_string());
            let [created, updated, failed] = counts;
            let started = shown(one.started_at);
            vec![id, one.kind.to_string(), one.file_name, started, login(one.user), created, updated, failed, state.to_owned()]
        }));
        say(&table(&rows))?;
        Ok(())
    }
}

impl Undo {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let workspace = self.place.find(app).await?.workspace;
        let (author, user) = import::author(app, workspace, self.login.as_deref().map(normal_login).as_deref()).await?;
        let mut bar = Bar::new("records");
        let undone = import::undo(app, &author, self.import, &mut |progress| bar.show(progress)).await;
        bar.end();
        let Undone { archived, restored, left, list } = undone?;
        for one in &list {
            let field = if one.field.is_empty() { String::new() } else { format!(" {}", one.field) };
            println!("left {} {}{field}: {}", one.kind, one.record, user.language.of(&one.why.en, &one.why.zh));
        }
        println!("{archived} records archived, {restored} restored, {left} left as they are");
        Ok(())
    }
}

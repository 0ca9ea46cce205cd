//! `rapport audit ...`: who did what beside editing records.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sync_core::id::{RecordId, WorkspaceId};

use super::{In, open_existing, say, shown, table};
use crate::app::App;
use crate::audit;
use crate::auth::normal_login;
use crate::config::Config;
use crate::store::people::{self, User};
use crate::store::trail::{self, Head, Wanted};

/// The newest restores that are said of a log.
const RESTORES_SAID: u32 = 20;

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
  rapport audit list --act exported --limit 20
  rapport audit list --by ann --from 2026-05-01 --to 2026-05-31
  rapport audit list --about 01890a5d-ac96-774b-bcce-b302099a8057")]
pub struct List {
    /// Only this, such as `signed_in` or `exported`
    #[arg(long)]
    act: Option<String>,
    /// Only what this person did: their login
    #[arg(long)]
    by: Option<String>,
    /// Only from this day on (UTC)
    #[arg(long)]
    from: Option<Date>,
    /// Only until this day (UTC)
    #[arg(long)]
    to: Option<Date>,
    /// Only what is about this record or person: an id
    #[arg(long)]
    about: Option<RecordId>,
    /// How many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    place: In,
}

/// Check that no entry was altered, removed or added beside the server
///
/// Prints the newest entry's number and hash. Note them elsewhere now and then: whoever can write the
/// database can write a new log, but none that contains what you noted. A running server writes them into its
/// own log every hour.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport audit verify
  rapport audit verify --noted 1204:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  rapport audit verify --noted-in /mnt/elsewhere/rapport.log")]
pub struct Verify {
    /// A head that this command printed earlier; may be given several times
    #[arg(long, value_parser = head, value_name = "NUMBER:HASH")]
    noted: Vec<Head>,
    /// A text with such heads, such as the server's log: lines that name another workspace do not count
    #[arg(long, value_name = "FILE")]
    noted_in: Option<PathBuf>,
    #[command(flatten)]
    place: In,
}

fn head(text: &str) -> Result<Head, String> {
    let expected = || "expected what `rapport audit verify` printed: a number, a colon, 64 digits".to_owned();
    audit::read_head(text).ok_or_else(expected)
}

/// The heads in a text that are of a workspace.
fn heads_in(text: &str, workspace: WorkspaceId) -> Vec<Head> {
    let workspace = workspace.to_string();
    let lines = text.lines().filter(|line| line.contains(&workspace));
    let words = lines.flat_map(|line| line.split(|sign: char| !(sign.is_ascii_hexdigit() || sign == ':')));
    words.filter_map(audit::read_head).collect()
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
        let wanted = self.wanted(&users)?;
        let entries = trail::wanted_before(&mut tx, workspace, u64::MAX, &wanted, self.limit).await?;
        rows.extend(entries.into_iter().map(|one| {
            let detail = if one.detail == "{}" { String::new() } else { one.detail };
            vec![one.number.to_string(), shown(one.at), login(one.user), one.act, one.subject, detail]
        }));
        say(&table(&rows))
    }
}

impl List {
    fn wanted(&self, users: &[User]) -> anyhow::Result<Wanted> {
        let person = |typed: &String| {
            let found = users.iter().find(|one| one.login == normal_login(typed)).map(|one| Some(one.user));
            found.with_context(|| format!("there is no user `{typed}`; `rapport user list` shows who there is"))
        };
        let midnight = |day: Date| anyhow::Ok(day.to_zoned(TimeZone::UTC)?.timestamp().as_millisecond());
        let after = |day: Date| day.tomorrow().context("no day comes after this one");
        Ok(Wanted {
            act: self.act.clone(),
            by: self.by.as_ref().map(person).transpose()?,
            from: self.from.map(midnight).transpose()?,
            until: self.to.map(|day| after(day).and_then(midnight)).transpose()?.map(|end| end - 1),
            about: self.about.map(|id| id.to_string()),
        })
    }
}

impl Verify {
    async fn run(self, app: &App) -> anyhow::Result<()> {
        let workspace = self.place.find(app).await?.workspace;
        let mut noted = self.noted;
        if let Some(file) = &self.noted_in {
            let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let found = heads_in(&text, workspace);
            anyhow::ensure!(!found.is_empty(), "no head of this workspace's log is in {}", file.display());
            noted.extend(found);
        }
        let verified = audit::verify(&app.store, workspace, &noted).await.context("cannot read the log")?;
        if let Some(tampered) = verified.tampered {
            anyhow::bail!("the audit log was tampered with: {tampered}");
        }
        say(&format!("{} entries, none altered", verified.entries))?;
        let mut tx = app.store.reader().await?;
        for entry in trail::before(&mut tx, workspace, u64::MAX, Some(audit::Act::DatabaseRestored.as_str()), RESTORES_SAID).await? {
            let detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap_or_default();
            let before = match detail["before"]["entries"].as_u64() {
                Some(entries) => {
                    format!("of {entries} entries before, those from {} on are in the database that was moved aside", entry.number)
                }
                None => "how many entries there were before is not known".to_owned(),
            };
            say(&format!("restored from a backup at {}: {before}", shown(entry.at)))?;
        }
        say(&audit::head_text(&(verified.entries, verified.head)))
    }
}

//! Administration in one place: what holds for everybody, numbers, currencies, what runs, and how the server is.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Redirect;
use axum::response::Response;
use serde::Deserialize;
use sync_core::access::Right;
use sync_core::actions::currency::{RATE, SETTINGS, USUAL};
use sync_core::actions::duplicates::country::Country;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;

use super::desk::{Desk, Frame, page as answer};
use super::format::{self, Shown};
use crate::error::{Error, Text};
use crate::jobs::runs::Runs;
use crate::jobs::sequences::{SEQUENCE, Sequence, is_numbered};
use crate::reading::{List, Row};
use crate::store::{hooks, marks, sequences, workspaces};

/// Lines of a section; the list behind it has them all.
const SHOWN: &str = "20";
/// A backup older than this is shown in amber.
const BACKUP_AGE_MS: i64 = 2 * 86_400_000;
/// Less room than this is shown in red: a backup, a vacuum or a busy day needs it.
const ROOM_BYTES: u64 = 2 << 30;
/// Changes that a follower may be behind before that is shown in amber: a large import goes on for a while.
const LAG_CHANGES: u64 = 10_000;

#[derive(Template)]
#[template(path = "admin.html")]
struct AdminPage {
    frame: Frame,
    notice: Option<&'static str>,
    settings: Vec<(&'static str, String)>,
    numbers: Vec<NumberView>,
    unnumbered: bool,
    rates: Vec<(String, String, String)>,
    jobs: Vec<JobView>,
    health: Vec<HealthView>,
    links: Vec<(&'static str, &'static str, &'static str)>,
}

struct NumberView {
    href: String,
    name: String,
    about: String,
    next: String,
}

struct JobView {
    name: &'static str,
    hint: &'static str,
    last: Option<Shown>,
    times: String,
    error: Option<String>,
    lag: String,
    colour: &'static str,
    state: &'static str,
}

struct HealthView {
    label: &'static str,
    value: String,
    colour: &'static str,
}

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    done: String,
}

fn check(desk: &Desk) -> Result<(), Error> {
    let no = || Error::Forbidden(Text::new("Only who administers may see this.", "仅管理员可查看。"));
    desk.may(Right::Administer).then_some(()).ok_or_else(no)
}

/// `GET /admin`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    check(&desk)?;
    let (numbers, unnumbered) = numbers(&desk).await?;
    let page = AdminPage {
        frame: desk.frame(desk.words.say("menu.admin"), "/admin").await?,
        notice: (asked.done == "numbers").then(|| desk.words.say("admin.numbers_made")),
        settings: settings(&desk).await?,
        numbers,
        unnumbered,
        rates: rates(&desk).await?,
        jobs: jobs(&desk).await?,
        health: health(&desk).await?,
        links: LINKS
            .iter()
            .filter(|(href, ..)| *href != ERASURES || desk.may(Right::Purge))
            .map(|(href, key, icon)| (*href, desk.words.say(key), *icon))
            .collect(),
    };
    answer(StatusCode::OK, &page)
}

/// Whoever may erase sees what was erased.
const ERASURES: &str = "/privacy";
/// Where the rest of administration is.
const LINKS: [(&str, &str, &str); 8] = [
    ("/kinds", "menu.kinds", "kind"),
    ("/imports", "menu.imports", "import"),
    ("/devices", "menu.devices", "device"),
    ("/keys", "menu.keys", "rule"),
    ("/webhooks", "menu.webhooks", "refresh"),
    ("/retention", "menu.retention", "archive"),
    (ERASURES, "privacy.erasures", "check"),
    ("/audit", "menu.audit", "history"),
];

async fn rows(desk: &Desk, kind: &str, params: &[(&str, &str)]) -> Result<Vec<Row>, Error> {
    let query = desk.reading.query(kind, params.iter().copied().chain([("maxSize", SHOWN)]))?;
    Ok(desk.reading.list(&List::of(query)).await?.rows)
}

/// What holds for everybody, as far as somebody has said so: empty before.
pub async fn settings(desk: &Desk) -> Result<Vec<(&'static str, String)>, Error> {
    let kind = desk.reading.kind(SETTINGS)?.clone();
    let Some(row) = rows(desk, SETTINGS, &[]).await?.into_iter().next() else { return Ok(Vec::new()) };
    let names = crate::reading::Names::new();
    let format = desk.formatter(&names);
    let shown = |(key, name): (&'static str, &str)| {
        let field = kind.field(name)?;
        let text = row.fields.get(name).map(|value| format.field(field, value).text()).unwrap_or_default();
        Some((desk.words.say(key), text))
    };
    let parts = [
        ("admin.name", "name"),
        ("admin.currency", "currency"),
        ("admin.zone", "time_zone"),
        ("admin.country", "country"),
        ("admin.languages", "languages"),
        ("admin.hours", "working_hours"),
        ("admin.holidays", "holidays"),
    ];
    Ok(parts.into_iter().filter_map(shown).collect())
}

/// `POST /admin/settings`: leads to the one record of settings, or to the form for it when nobody has saved one yet.
pub async fn open_settings(desk: Desk) -> Result<Redirect, Error> {
    check(&desk)?;
    let known = rows(&desk, SETTINGS, &[]).await?.into_iter().next().map(|row| row.id);
    let known = match known {
        Some(id) => Some(id),
        None => revived(&desk).await?,
    };
    match known {
        Some(id) => Ok(Redirect::to(&format!("/records/{SETTINGS}/{id}"))),
        None => Ok(Redirect::to(&offered(&desk).await?)),
    }
}

/// Settings that an older version has archived, in use again: others cannot be made beside them.
async fn revived(desk: &Desk) -> Result<Option<RecordId>, Error> {
    let Some(id) = id_of_only(desk, SETTINGS) else { return Ok(None) };
    let Some(row) = desk.reading.row(id).await?.filter(|row| row.archived) else { return Ok(None) };
    desk.writing().restore(SETTINGS, row.id).await?;
    Ok(Some(id))
}

/// The id that a new record of a kind has to have: the settings of a workspace are one record, whoever saves them first.
pub fn id_of_only(desk: &Desk, kind: &str) -> Option<RecordId> {
    (kind == SETTINGS).then(|| RecordId::of_cause(&format!("settings of {}", desk.caller.workspace)))
}

/// Working days when nobody has said otherwise.
const DAYS: [&str; 5] = ["mon", "tue", "wed", "thu", "fri"];

/// The form for new settings with what is usual in it: it is saved when somebody saves it.
async fn offered(desk: &Desk) -> Result<String, Error> {
    let mut tx = desk.app.store.reader().await?;
    let name = workspaces::by_id(&mut tx, desk.caller.workspace).await?.map(|workspace| workspace.name).unwrap_or_default();
    drop(tx);
    let mut given = vec![
        ("name".to_owned(), name),
        ("currency".to_owned(), USUAL.to_owned()),
        ("time_zone".to_owned(), "Asia/Shanghai".to_owned()),
        ("country".to_owned(), Country::default().name().to_owned()),
        ("languages".to_owned(), "zh".to_owned()),
        ("languages".to_owned(), "en".to_owned()),
    ];
    for day in DAYS {
        given.push(("working_hours.rows".to_owned(), day.to_owned()));
        for (part, text) in [("day", day), ("from", "09:00"), ("to", "18:00")] {
            given.push((format!("working_hours.{day}.{part}"), text.to_owned()));
        }
    }
    let given: Vec<String> = given.iter().map(|(name, text)| format!("f.{name}={}", super::list::encoded(text))).collect();
    Ok(format!("/records/{SETTINGS}/new?{}", given.join("&")))
}

/// The rules of numbers with the next one, and whether some field that is numbered has none.
async fn numbers(desk: &Desk) -> Result<(Vec<NumberView>, bool), Error> {
    let rules: Vec<(Row, Sequence)> = rows(desk, SEQUENCE, &[])
        .await?
        .into_iter()
        .filter_map(|row| {
            let rule = Sequence::read(row.id, row.created_at, &row.fields)?;
            Some((row, rule))
        })
        .collect();
    let mut tx = desk.app.store.reader().await?;
    let day = sequences::today(&mut tx, desk.caller.workspace, desk.now).await?;
    let mut views = Vec::new();
    for (row, rule) in &rules {
        let last = sequences::last(&mut tx, desk.caller.workspace, rule.id, &rule.period(day)).await?;
        let next = last.map_or(rule.first, |last| (last + 1).max(rule.first));
        views.push(NumberView {
            href: format!("/records/{SEQUENCE}/{}", row.id),
            name: row.title.clone(),
            about: desk.reading.kind(&rule.about).map_or_else(|_| rule.about.clone(), |kind| desk.words.label(&kind.plural).to_owned()),
            next: rule.numbered(next, day),
        });
    }
    let unnumbered = usual(desk).any(|(kind, ..)| !rules.iter().any(|(_, rule)| rule.about == kind));
    Ok((views, unnumbered))
}

/// For every field that only the server writes: the kind, its label, the field.
fn usual(desk: &Desk) -> impl Iterator<Item = (String, String, String)> {
    desk.reading.kinds().filter_map(|kind| {
        let field = kind.fields.iter().find(|field| is_numbered(field))?;
        Some((kind.name.to_string(), desk.words.label(&kind.plural).to_owned(), field.name.to_string()))
    })
}

/// `POST /admin/numbers`: a rule for everything that is numbered and has none.
pub async fn make_numbers(desk: Desk) -> Result<Redirect, Error> {
    check(&desk)?;
    let known: Vec<String> = rows(&desk, SEQUENCE, &[])
        .await?
        .iter()
        .filter_map(|row| Some(Sequence::read(row.id, row.created_at, &row.fields)?.about))
        .collect();
    let missing: Vec<_> = usual(&desk).filter(|(kind, ..)| !known.contains(kind)).collect();
    for (kind, label, field) in missing {
        let prefix = kind.chars().next().unwrap_or('n').to_ascii_uppercase();
        let edits = vec![
            FieldEdit::set("name", label),
            FieldEdit::set("about", kind.as_str()),
            FieldEdit::set("field", field),
            FieldEdit::set("pattern", format!("{prefix}-{{yyyy}}-")),
            FieldEdit::set("digits", 4),
            FieldEdit::set("first", 1),
            FieldEdit::set("yearly", true),
        ];
        desk.writing().create(SEQUENCE, None, edits).await?;
    }
    Ok(Redirect::to("/admin?done=numbers#numbers"))
}

async fn rates(desk: &Desk) -> Result<Vec<(String, String, String)>, Error> {
    let rows = rows(desk, RATE, &[("orderBy", "from"), ("order", "desc")]).await?;
    let text = |row: &Row, name: &str| {
        row.fields.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).unwrap_or_default()
    };
    Ok(rows.iter().map(|row| (row.title.clone(), text(row, "from"), text(row, "rate"))).collect())
}

/// What runs beside the doors: how it went, and how far behind the feed it is.
async fn jobs(desk: &Desk) -> Result<Vec<JobView>, Error> {
    let (mut tx, workspace) = (desk.app.store.reader().await?, desk.caller.workspace);
    let head = workspaces::by_id(&mut tx, workspace).await?.map_or(0, |workspace| workspace.head);
    let hooks = hooks::all(&mut tx, workspace).await?;
    let mut views = Vec::new();
    for job in Runs::ALL {
        let at = match job {
            // Where nothing is numbered, nothing is behind.
            Runs::NUMBERS if sequences::all_of_kind(&mut tx, workspace, SEQUENCE).await?.is_empty() => None,
            Runs::INDEX | Runs::DUPLICATES | Runs::NUMBERS => Some(marks::of(&mut tx, workspace, job).await?),
            Runs::HOOKS => hooks.iter().filter(|hook| hook.paused_at.is_none()).map(|hook| hook.position).min(),
            _ => None,
        };
        views.push(job_view(desk, job, at.map(|at| head.saturating_sub(at))));
    }
    Ok(views)
}

fn job_view(desk: &Desk, job: &'static str, lag: Option<u64>) -> JobView {
    let (name, hint) = match job {
        Runs::INDEX => ("job.index", "job.index_hint"),
        Runs::DUPLICATES => ("job.duplicates", "job.duplicates_hint"),
        Runs::NUMBERS => ("job.numbers", "job.numbers_hint"),
        Runs::PROOFS => ("job.proofs", "job.proofs_hint"),
        Runs::HOOKS => ("job.hooks", "job.hooks_hint"),
        Runs::DEADLINES => ("job.deadlines", "job.deadlines_hint"),
        Runs::OVERSTAYS => ("job.overstays", "job.overstays_hint"),
        Runs::REQUESTS => ("job.requests", "job.requests_hint"),
        Runs::RETENTION => ("job.retention", "job.retention_hint"),
        _ => ("job.sweep", "job.sweep_hint"),
    };
    let run = desk.app.runs.last(job);
    let error = run.as_ref().and_then(|run| run.error.clone());
    let is_late = lag.is_some_and(|lag| lag > LAG_CHANGES);
    let (colour, state) = match (&error, is_late, &run) {
        (Some(_), ..) => ("red", "job.failed"),
        (None, true, _) => ("amber", "job.late"),
        (None, false, Some(_)) => ("green", "job.fine"),
        (None, false, None) => ("", "job.waiting"),
    };
    JobView {
        name: desk.words.say(name),
        hint: desk.words.say(hint),
        last: run.as_ref().map(|run| format::moment(run.at)),
        times: run.as_ref().map(|run| format::grouped(&run.times.to_string())).unwrap_or_default(),
        lag: lag.map(|lag| desk.words.count("job.behind", lag)).unwrap_or_default(),
        error,
        colour,
        state: desk.words.say(state),
    }
}

async fn health(desk: &Desk) -> Result<Vec<HealthView>, Error> {
    let (store, words) = (&desk.app.store, desk.words);
    let head = workspaces::by_id(&mut store.reader().await?, desk.caller.workspace).await?.map_or(0, |workspace| workspace.head);
    let line = |key: &'static str, value: String, colour: &'static str| HealthView { label: words.say(key), value, colour };
    let free = store.free_bytes();
    let backup = store.last_backup();
    let age = backup.map(|at| desk.now - at);
    let settings = store.settings();
    let mut tx = store.reader().await?;
    let (all, failing) =
        (hooks::all(&mut tx, desk.caller.workspace).await?.len(), hooks::failing(&mut tx, desk.caller.workspace).await?.len());
    drop(tx);
    let mut lines = vec![
        line("health.version", env!("CARGO_PKG_VERSION").to_owned(), ""),
        line("health.database", bytes(store.database_bytes()), ""),
        line("health.wal", bytes(store.wal_bytes()), ""),
        match free {
            Some(free) => line("health.free", bytes(free), if free < ROOM_BYTES { "red" } else { "green" }),
            None => line("health.free", words.say("health.unknown").to_owned(), ""),
        },
        match backup {
            Some(at) => line("health.backup", words.ago(at, desk.now), if age > Some(BACKUP_AGE_MS) { "amber" } else { "green" }),
            None => line("health.backup", words.say("health.no_backup").to_owned(), "amber"),
        },
        line("health.changes", format::grouped(&head.to_string()), ""),
        line("health.writes", format!("{} · {}", settings.journal_mode, settings.synchronous), ""),
    ];
    if all > 0 {
        lines.push(line("health.hooks", format!("{failing} / {all}"), if failing > 0 { "red" } else { "green" }));
    }
    Ok(lines)
}

/// A size as people read it.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let mut size = count as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{size:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_naturally() {
        assert_eq!([bytes(0), bytes(1_023), bytes(1_536), bytes(5 << 30)], ["0 B", "1023 B", "1.5 KB", "5.0 GB"]);
    }
}

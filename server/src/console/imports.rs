//! Bringing files in from the browser: what goes where, a look before anything is written, and taking it back.

mod mapped;
mod named;
mod other;
pub mod records;
mod shown;
mod target;

use askama::Template;
use axum::Form;
use axum::extract::{Query, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sync_core::id::RecordId;
use sync_core::schema::{Field, Kind, Label, ValueType};

use super::desk::{Desk, Frame, page as answer, place};
use super::edit::Posted;
use super::format::{self, Shown};
use super::typed::Typed;
use crate::error::{Error, Text};
use crate::intake::Author;
use crate::jobs::bulk;
use crate::jobs::import::{self, Content, ImportError, ImportId};
use crate::jobs::upload::{About, Mapping, Upload, UploadError};
use crate::place::Path;
use crate::reading::Names;
use crate::store::imports::{Act, ImportRow};

/// Rows of the file that are shown beside each column.
const SAMPLES: usize = 3;

/// Records that are named of those that were left: they travel in an address.
const LEFT_SHOWN: usize = 20;

/// Acts that are listed.
const LISTED: usize = 50;

#[derive(Template)]
#[template(path = "imports.html")]
struct ImportsPage {
    frame: Frame,
    kinds: Vec<(String, String, bool)>,
    problem: Option<String>,
    notice: Option<String>,
    /// Records that an act which was taken back has left as they are: what they are called, and their pages.
    left: Vec<(String, String)>,
    rows: Vec<ActView>,
}

struct ActView {
    what: String,
    kind: String,
    who: String,
    when: Shown,
    counts: String,
    undone: Option<Shown>,
    undo: Option<String>,
    /// The records that it made or changed.
    records: String,
}

#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage {
    frame: Frame,
    name: String,
    plural: String,
    action: String,
    refresh: bool,
    progress: Option<(u64, u64)>,
    outcome: Option<OutcomeView>,
    columns: Vec<ColumnView>,
    targets: Vec<(String, String)>,
    /// Whether some columns are typed, and are offered all targets at once.
    offers: bool,
    mode: String,
    matches: Vec<(String, String, bool)>,
    currency: String,
    set_name: String,
    preset: String,
    /// What every record gets: the number of the line, where it goes, its text; and an empty line.
    sets: Vec<(usize, String, String)>,
    /// Whether likely duplicates can be told, and are to be attached to.
    attach: Option<bool>,
    rows: u64,
    checked: Option<Checked>,
    error: Option<String>,
    /// Mappings that somebody named, and whether one is in use.
    mappings: Vec<(String, bool)>,
    notice: Option<String>,
    /// The kind whose records the file rather looks like.
    other: Option<other::OtherKind>,
}

struct OutcomeView {
    lines: Vec<String>,
    error: Option<String>,
    failed: Option<String>,
    undo: Option<String>,
    list: String,
}

struct ColumnView {
    index: usize,
    head: String,
    samples: Vec<Shown>,
    target: String,
    /// Whether its target is typed, with all of them offered: a list of its own would make the page too long.
    typed: bool,
    /// Whether no row holds anything there that anybody need look at.
    is_void: bool,
}

/// Choices of a page, some sixty bytes each: of a file with so many columns those behind get no list of their own.
const CHOICES_MAX: usize = 1_500;

struct Checked {
    lines: Vec<String>,
    /// What would become of the first rows.
    rows: Vec<shown::RowView>,
    /// Where, and why.
    failures: Vec<(String, String)>,
    ready: bool,
}

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    done: String,
    #[serde(default)]
    archived: u64,
    #[serde(default)]
    count: u64,
    #[serde(default)]
    left: u64,
    /// The records that were left, the first of them.
    #[serde(default)]
    which: String,
}

fn author(desk: &Desk) -> Author {
    desk.app.intake.on_behalf(desk.caller.workspace, desk.caller.user, desk.caller.role.clone())
}

/// The kinds that the caller may bring in records of.
fn kinds<'a>(desk: &'a Desk, author: &'a Author) -> impl Iterator<Item = &'a Kind> {
    let rules = desk.app.intake.rules(desk.caller.workspace);
    desk.reading.kinds().map(|kind| &**kind).filter(move |kind| import::may(&rules, author, kind))
}

/// `GET /imports`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let notice = match &*asked.done {
        "undone" => {
            let left = if asked.left > 0 { format!(" {}", desk.words.count("bulk.refused", asked.left)) } else { String::new() };
            let words = desk.words;
            Some(match (asked.archived, asked.count) {
                (0, changed) => format!("{}{left}", words.count("bulk.undone", changed)),
                (made, 0) => format!("{}{left}", words.count("import.undone_made", made)),
                (made, changed) => {
                    format!("{} {}{left}", words.count("import.undone_made", made), words.count("import.undone_changed", changed))
                }
            })
        }
        _ => None,
    };
    show_all(&desk, &asked.kind, notice, &asked.which, None).await
}

async fn show_all(desk: &Desk, chosen: &str, notice: Option<String>, left: &str, problem: Option<String>) -> Result<Response, Error> {
    let author = author(desk);
    let mut acts = import::list(&desk.app, desk.caller.workspace).await?;
    acts.reverse();
    acts.truncate(LISTED);
    let people = desk.reading.names_of(acts.iter().map(|act| RecordId(act.user.0)).collect::<Vec<_>>()).await?;
    let rules = desk.app.intake.rules(desk.caller.workspace);
    let may_undo = |act: &ImportRow| act.undone_at.is_none() && bulk::may_undo(&rules, &author, act);
    let rows: Vec<ActView> = acts.iter().map(|act| act_view(desk, act, &people, may_undo(act))).collect();
    let mut offered: Vec<&Kind> = kinds(desk, &author).collect();
    offered.sort_by_key(|kind| place(kind));
    let choice = |kind: &Kind| (kind.name.to_string(), desk.words.label(&kind.plural).to_owned(), *kind.name == *chosen);
    let choices: Vec<(String, String, bool)> = offered.into_iter().map(choice).collect();
    let left = left_views(desk, left).await?;
    let frame = desk.frame(desk.words.say("menu.imports"), "/imports").await?;
    let page = ImportsPage { frame, kinds: choices, rows, notice, left, problem };
    answer(if page.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &page)
}

/// The records that were left, those in sight.
async fn left_views(desk: &Desk, ids: &str) -> Result<Vec<(String, String)>, Error> {
    let ids: Vec<RecordId> = ids.split(',').filter_map(|id| id.parse().ok()).take(LEFT_SHOWN).collect();
    let names = desk.reading.names_of(ids.clone()).await?;
    let view = |id: &RecordId| {
        let linked = names.get(id)?;
        let title = if linked.title.is_empty() { format::short(&id.to_string()) } else { linked.title.clone() };
        Some((title, format!("/records/{}/{id}", linked.kind)))
    };
    Ok(ids.iter().filter_map(view).collect())
}

/// An act in the log.
fn act_view(desk: &Desk, act: &ImportRow, people: &Names, may_undo: bool) -> ActView {
    let parts = [("import.created", act.created), ("import.updated", act.updated), ("import.failed", act.failed)];
    let counts: Vec<String> = parts.into_iter().filter(|(_, count)| *count > 0).map(|(key, count)| desk.words.count(key, count)).collect();
    let kind = desk.reading.kind(&act.kind);
    ActView {
        what: match act.act {
            Act::File => act.file_name.clone(),
            Act::Bulk => desk.words.say("import.bulk").to_owned(),
            Act::Merge => desk.words.say("import.merge").to_owned(),
            Act::Handover => desk.words.say("menu.handover").to_owned(),
        },
        kind: kind.map_or_else(|_| act.kind.to_string(), |kind| desk.words.label(&kind.plural).to_owned()),
        who: people.get(&RecordId(act.user.0)).map(|person| person.title.clone()).unwrap_or_default(),
        when: format::moment(act.started_at),
        counts: counts.join(" · "),
        records: format!("/imports/records/{}", ImportId(act.import)),
        undone: act.undone_at.map(format::moment),
        undo: may_undo.then(|| match act.act {
            Act::Handover => format!("/handover/{}/undo", ImportId(act.import)),
            Act::File | Act::Bulk | Act::Merge => format!("/imports/undo/{}", ImportId(act.import)),
        }),
    }
}

/// What a form with a file brings.
#[derive(Default)]
struct Brought {
    kind: String,
    name: String,
    bytes: Vec<u8>,
}

/// `POST /imports`: a file, or cells that were pasted.
pub async fn upload(desk: Desk, request: Request) -> Result<Response, Error> {
    let brought = match brought(request).await {
        // What is no form with files holds none.
        Err(Error::Invalid { .. }) => return show_all(&desk, "", None, "", Some(desk.words.say("import.no_file").to_owned())).await,
        brought => brought?,
    };
    let author = author(&desk);
    let kind = kinds(&desk, &author).find(|kind| *kind.name == *brought.kind).map(|kind| kind.name.clone());
    let Some(kind) = kind else { return show_all(&desk, &brought.kind, None, "", Some(desk.words.say("import.which").to_owned())).await };
    if brought.bytes.iter().all(u8::is_ascii_whitespace) {
        return show_all(&desk, &kind, None, "", Some(desk.words.say("import.no_file").to_owned())).await;
    }
    let about = About { workspace: desk.caller.workspace, user: desk.caller.user, kind: kind.clone(), name: brought.name, at: desk.now };
    let uploads = desk.app.uploads.clone();
    let kept = tokio::task::spawn_blocking(move || uploads.keep(about, brought.bytes)).await;
    match kept.map_err(|error| Error::Internal(error.into()))? {
        Ok(upload) => Ok(Redirect::to(&format!("/imports/{}", upload.id)).into_response()),
        Err(UploadError::Bad(_)) => show_all(&desk, &kind, None, "", Some(desk.words.say("import.bad_file").to_owned())).await,
        Err(error) => Err(upload_error(error)),
    }
}

async fn brought(request: Request) -> Result<Brought, Error> {
    let bad = || Error::Invalid { field: None, message: Text::new("The form cannot be read.", "无法读取表单。") };
    let mime = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(mime).map_err(|_| bad())?;
    let mut form = multer::Multipart::new(request.into_body().into_data_stream(), boundary);
    let mut brought = Brought::default();
    while let Some(part) = form.next_field().await.map_err(|_| bad())? {
        let (name, file) = (part.name().unwrap_or_default().to_owned(), part.file_name().unwrap_or_default().to_owned());
        let bytes = part.bytes().await.map_err(|_| Error::TooLarge)?;
        match &*name {
            "kind" => brought.kind = String::from_utf8_lossy(&bytes).into_owned(),
            "file" if !bytes.is_empty() => (brought.name, brought.bytes) = (file, bytes.to_vec()),
            "text" if brought.bytes.is_empty() => brought.bytes = bytes.to_vec(),
            _ => {}
        }
    }
    Ok(brought)
}

/// The text of a file that a form brings, or what was pasted into it.
pub async fn posted_file(request: Request) -> Result<String, Error> {
    let unreadable =
        |_| Error::Invalid { field: None, message: Text::new("The file is not a text in UTF-8.", "文件不是 UTF-8 文本。") };
    String::from_utf8(brought(request).await?.bytes).map_err(unreadable)
}

fn upload_error(error: UploadError) -> Error {
    match error {
        UploadError::NotThere => Error::NotFound,
        other => Error::Internal(other.into()),
    }
}

fn find(desk: &Desk, id: RecordId) -> Result<Upload, Error> {
    desk.app.uploads.find(id, desk.caller.workspace, desk.caller.user).map_err(upload_error)
}

/// `GET /imports/{id}`.
pub async fn file(desk: Desk, Path(id): Path<RecordId>) -> Result<Response, Error> {
    let upload = find(&desk, id)?;
    show(&desk, &upload, None, None, None).await
}

/// `POST /imports/{id}`: looks at every row, or brings them in.
pub async fn go(desk: Desk, Path(id): Path<RecordId>, Form(posted): Posted) -> Result<Response, Error> {
    let upload = find(&desk, id)?;
    let kind = desk.reading.kind(&upload.about.kind)?.clone();
    let typed = Typed::new(posted);
    if typed.one("act") == "kind" {
        return other::switch(&desk, &upload, typed.one("kind")).await;
    }
    let header = match look(&upload) {
        Ok(seen) => seen.header,
        Err(error) => return show(&desk, &upload, None, None, Some(say(&desk, &error))).await,
    };
    let chosen = mapped::chosen(&typed, &header);
    if let Some(answer) = named::act(&desk, &upload, &typed, &chosen, &header).await? {
        return Ok(answer);
    }
    let author = author(&desk);
    let checked = import::run(&desk.app, &author, &mapped::spec(&chosen, &desk, &kind, &upload, true), &upload.source(), &mut |_| {}).await;
    let report = match checked {
        Ok(report) => report,
        Err(error) => return show(&desk, &upload, Some(chosen), None, Some(say(&desk, &error))).await,
    };
    if typed.one("act") == "run" && report.created + report.updated > 0 {
        desk.app.uploads.remember(&upload, &header, &chosen.columns).map_err(upload_error)?;
        desk.app.uploads.start(desk.app.clone(), author, mapped::spec(&chosen, &desk, &kind, &upload, false), upload);
        return Ok(Redirect::to(&format!("/imports/{id}")).into_response());
    }
    let checked = checked_view(&desk, &kind, &header, &report).await?;
    show(&desk, &upload, Some(chosen), Some(checked), None).await
}

async fn checked_view(desk: &Desk, kind: &Kind, header: &[String], report: &import::Report) -> Result<Checked, Error> {
    let place = if header.iter().any(|head| head == import::CARD_COLUMN) { "import.card" } else { "import.line" };
    let failure =
        |failure: &import::Failure| (desk.words.fill(place, &[&failure.line.to_string()]), desk.words.label(&failure.reason).to_owned());
    let parts = [
        ("import.will_create", report.created),
        ("import.will_update", report.updated),
        ("import.unchanged", report.unchanged),
        ("import.doubled", report.doubled),
        ("import.will_fail", report.failed),
    ];
    Ok(Checked {
        rows: shown::rows(desk, kind, place, &report.preview).await?,
        lines: parts.into_iter().filter(|(_, count)| *count > 0).map(|(key, count)| desk.words.count(key, count)).collect(),
        failures: report.failures.iter().map(failure).collect(),
        ready: report.created + report.updated > 0,
    })
}

/// What a look at a file tells.
#[derive(Default)]
struct Seen {
    header: Vec<String>,
    /// Its first rows.
    samples: Vec<Vec<String>>,
    /// Whether any row holds something in each column.
    filled: Vec<bool>,
    /// How many rows there are.
    rows: u64,
}

/// Looks at a file without bringing anything in.
fn look(upload: &Upload) -> Result<Seen, ImportError> {
    let source = upload.source();
    let survey = source.survey()?;
    let mut samples = Vec::new();
    for row in source.rows(&survey)?.take(SAMPLES) {
        if let Content::Cells(cells) = row?.content {
            samples.push(cells);
        }
    }
    Ok(Seen { header: survey.header, samples, filled: survey.filled, rows: survey.rows })
}

/// What is wrong with a file or its mapping, in words.
fn say(desk: &Desk, error: &ImportError) -> String {
    let words = desk.words;
    match error {
        // Files are kept until somebody is erased.
        ImportError::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => words.say("import.taken_away").to_owned(),
        ImportError::Empty => words.say("import.no_file").to_owned(),
        ImportError::OpenQuote { line } => words.fill("import.open_quote", &[&line.to_string()]),
        ImportError::NoField { .. } => words.say("import.nothing_mapped").to_owned(),
        ImportError::Twice { columns } => words.fill("import.twice", &[&columns[0], &columns[1]]),
        ImportError::NoMatchColumn { field } => words.fill("import.no_match_column", &[field]),
        ImportError::NothingToMatch => words.say("import.nothing_to_match").to_owned(),
        ImportError::Denied(Label { en, zh }) => words.0.of(en, zh).to_owned(),
        other => words.fill("import.broken", &[&other.to_string()]),
    }
}

async fn show(
    desk: &Desk,
    upload: &Upload,
    chosen: Option<Mapping>,
    checked: Option<Checked>,
    error: Option<String>,
) -> Result<Response, Error> {
    let kind = desk.reading.kind(&upload.about.kind)?.clone();
    let (seen, error) = match look(upload) {
        Ok(seen) if seen.rows == 0 => (seen, error.or(Some(desk.words.say("import.no_rows").to_owned()))),
        Ok(seen) => (seen, error),
        Err(broken) => (Seen::default(), error.or(Some(say(desk, &broken)))),
    };
    let is_new = chosen.is_none();
    let chosen = chosen.unwrap_or_else(|| mapped::guessed(desk, upload, &kind, &seen.header, &seen.samples));
    let page = ImportPage { checked, error, ..import_page(desk, upload, &kind, &chosen, (&seen, is_new)).await? };
    answer(if page.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &page)
}

/// The page of a file with a mapping; what became of it only where nobody has chosen anything again.
async fn import_page(
    desk: &Desk,
    upload: &Upload,
    kind: &Kind,
    chosen: &Mapping,
    (seen, is_new): (&Seen, bool),
) -> Result<ImportPage, Error> {
    let running = desk.app.uploads.running(upload.id);
    let other = if running.is_none() { other::looks_like(desk, kind, &seen.header) } else { None };
    let outcome = if running.is_none() && is_new { upload.outcome() } else { None };
    let targets = targets(desk, kind, chosen);
    let name = if upload.about.name.is_empty() { desk.words.say("import.pasted").to_owned() } else { upload.about.name.clone() };
    Ok(ImportPage {
        frame: desk.frame(&name, "/imports").await?,
        plural: desk.words.label(&kind.plural).to_owned(),
        action: format!("/imports/{}", upload.id),
        refresh: running.is_some(),
        progress: running.map(|running| (running.done, running.total.max(1))),
        outcome: outcome.map(|outcome| outcome_view(desk, upload, kind, outcome)),
        columns: shown::columns(desk, kind, chosen, seen, targets.len()),
        offers: chosen.columns.len() * targets.len() > CHOICES_MAX,
        targets,
        matches: matches(desk, kind, chosen),
        mode: chosen.mode.clone(),
        currency: chosen.currency.clone(),
        set_name: chosen.title.clone(),
        sets: chosen.sets.iter().cloned().chain([Default::default()]).enumerate().map(|(at, (to, text))| (at, to, text)).collect(),
        preset: chosen.preset.clone(),
        attach: sync_core::actions::duplicates::can_attach(kind).then_some(chosen.attach),
        notice: (!chosen.name.is_empty()).then(|| desk.words.fill("import.mapping_in_use", &[&chosen.name])),
        mappings: desk.app.uploads.mappings(upload).into_iter().map(|known| (known.name.clone(), known.name == chosen.name)).collect(),
        name,
        rows: seen.rows,
        checked: None,
        error: None,
        other,
    })
}

/// What rows may be matched by: the fields, and the numbers and addresses of rows, that a column goes to.
fn matches(desk: &Desk, kind: &Kind, chosen: &Mapping) -> Vec<(String, String, bool)> {
    let reaches = |item: &&Field| matches!(item.value, ValueType::Phone | ValueType::Email | ValueType::Url);
    let of_rows = |field: &Field| -> Vec<(String, String)> {
        let name = |item: &Field| format!("{}.{}", field.name, item.name);
        let said = |item: &Field| target::label(desk, kind, &name(item), &[field.label.clone(), item.label.clone()]);
        field.items.iter().filter(reaches).map(|item| (name(item), said(item))).collect()
    };
    let plain = |field: &Field| (field.name.to_string(), desk.words.label(&field.label).to_owned());
    let all = kind.fields.iter().flat_map(|field| std::iter::once(plain(field)).chain(of_rows(field)));
    let mapped = all.filter(|(name, _)| chosen.columns.iter().any(|(_, target)| target == name));
    mapped.map(|(name, label)| (name.clone(), label, chosen.matches.contains(&name))).collect()
}

/// Where a column may go, with the words for it; and where one goes that a file names itself.
fn targets(desk: &Desk, kind: &Kind, chosen: &Mapping) -> Vec<(String, String)> {
    let label = |(target, labels): (String, Vec<Label>)| {
        let text = target::label(desk, kind, &target, &labels);
        (target, text)
    };
    let mut all = vec![("id".to_owned(), desk.words.say("import.id").to_owned())];
    let offered = import::targets(desk.reading.schema(), kind);
    let or_text = chosen.columns.iter().filter_map(|(_, target)| {
        let link = target.split_once('|')?.0;
        let (_, labels) = offered.iter().find(|(known, _)| *known == link.split('[').next().unwrap_or_default())?;
        Some((target.clone(), labels.clone()))
    });
    let or_text: Vec<_> = or_text.collect();
    all.extend(offered.into_iter().chain(or_text).map(label));
    all
}

fn outcome_view(desk: &Desk, upload: &Upload, kind: &Kind, outcome: crate::jobs::upload::Outcome) -> OutcomeView {
    let parts = [
        ("import.created", outcome.created),
        ("import.updated", outcome.updated),
        ("import.unchanged", outcome.unchanged),
        ("import.doubled", outcome.doubled),
        ("import.failed", outcome.failed),
    ];
    OutcomeView {
        lines: parts.into_iter().filter(|(_, count)| *count > 0).map(|(key, count)| desk.words.count(key, count)).collect(),
        error: outcome.error,
        failed: (outcome.failed > 0).then(|| format!("/imports/{}/failed.csv", upload.id)),
        undo: outcome.import.as_ref().map(|import| format!("/imports/undo/{import}")),
        list: outcome.import.map_or_else(|| format!("/records/{}", kind.name), |import| format!("/imports/records/{import}")),
    }
}

/// `GET /imports/{id}/failed.csv`: the rows that were left out, with their reasons.
pub async fn failed(desk: Desk, Path(id): Path<RecordId>) -> Result<Response, Error> {
    let bytes = find(&desk, id)?.failed().ok_or(Error::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"failed.csv\"")),
    ];
    Ok((headers, ["\u{feff}".as_bytes(), &bytes].concat()).into_response())
}

/// `POST /imports/undo/{import}`.
pub async fn undo(desk: Desk, Path(act): Path<String>) -> Result<Response, Error> {
    let act: ImportId = act.parse().map_err(|_| Error::NotFound)?;
    let undone = bulk::undo(&desk.app, &author(&desk), act).await?;
    let (archived, changed, left) = (undone.archived, undone.restored, undone.left);
    let mut records: Vec<RecordId> = undone.list.iter().map(|left| left.record).collect();
    records.dedup();
    let which = records.iter().take(LEFT_SHOWN).map(RecordId::to_string).collect::<Vec<_>>().join(",");
    let which = if which.is_empty() { which } else { format!("&which={which}") };
    Ok(Redirect::to(&format!("/imports?done=undone&archived={archived}&count={changed}&left={left}{which}")).into_response())
}

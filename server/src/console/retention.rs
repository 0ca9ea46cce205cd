//! What may not be kept any longer: shown rule by rule, erased when somebody says so, every day where it is switched on.

use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sync_core::access::Right;
use sync_core::id::RecordId;

use super::desk::{Desk, Frame, page as answer};
use super::either;
use super::format;
use crate::error::{Error, Text};
use crate::jobs::retention::{self, Due, RECORDS_MAX, Which};
use crate::place::Path;
use crate::reading::Counted;
use crate::store::{people, retention as kept};

/// Records of a rule that the page names.
const NAMED: usize = 20;
/// How long a page waits for what is erased: a few records are done, many go on by themselves.
const WAIT: Duration = Duration::from_secs(10);

#[derive(Template)]
#[template(path = "retention.html")]
struct RetentionPage {
    frame: Frame,
    notice: Option<String>,
    problem: Option<&'static str>,
    rules: Vec<RuleView>,
    daily: Option<String>,
}

struct RuleView {
    id: String,
    name: String,
    kind: String,
    /// Why it erases nothing, if it is wrong.
    problem: Option<String>,
    count: usize,
    seen: String,
    due: String,
    records: Vec<(String, String)>,
    more: Option<String>,
    erase: String,
}

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    done: String,
    #[serde(default)]
    count: u64,
}

/// What is posted about a rule: which records it was shown with, and that they were looked at.
#[derive(Debug, Deserialize)]
pub struct Confirmed {
    #[serde(default)]
    seen: String,
    #[serde(default)]
    sure: bool,
}

/// What is posted about every day.
#[derive(Debug, Deserialize)]
pub struct Switched {
    step: String,
}

fn check(desk: &Desk) -> Result<(), Error> {
    let no = || Error::Forbidden(Text::new("Only who may erase records may see this.", "仅有清除权限的人员可查看。"));
    desk.may(Right::Purge).then_some(()).ok_or_else(no)
}

/// `GET /retention`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    check(&desk)?;
    let notice = match &*asked.done {
        "erased" => Some(desk.words.count("retention.done_erased", asked.count)),
        "begun" => Some(desk.words.say("retention.done_begun").to_owned()),
        "on" => Some(desk.words.say("retention.done_on").to_owned()),
        "off" => Some(desk.words.say("retention.done_off").to_owned()),
        _ => None,
    };
    show(&desk, StatusCode::OK, notice, None).await
}

async fn show(desk: &Desk, status: StatusCode, notice: Option<String>, problem: Option<&'static str>) -> Result<Response, Error> {
    let due = retention::due(&desk.app, &desk.caller).await?;
    let page = RetentionPage {
        frame: desk.frame(desk.words.say("menu.retention"), "/retention").await?,
        notice,
        problem,
        rules: due.into_iter().map(|due| rule_view(desk, due)).collect(),
        daily: daily(desk).await?,
    };
    answer(status, &page)
}

fn rule_view(desk: &Desk, due: Due) -> RuleView {
    let words = desk.words;
    let label = desk.reading.kind(&due.kind).map_or_else(|_| due.kind.clone(), |kind| words.label(&kind.plural).to_owned());
    let (records, problem) = match due.records {
        Ok(records) => (records, None),
        Err(why) => (Vec::new(), Some(words.fill("retention.bad", &[why.in_language(words.0)]))),
    };
    let counted = |key| words.counted(key, Counted { count: records.len() as u64, more: records.len() == RECORDS_MAX });
    let left = records.len().saturating_sub(NAMED);
    RuleView {
        count: records.len(),
        seen: due.seen,
        due: if records.is_empty() { words.say("retention.nothing").to_owned() } else { counted("retention.due_count") },
        erase: counted("retention.erase"),
        more: (left > 0).then(|| words.fill("retention.more", &[&format::grouped(&left.to_string())])),
        records: records.into_iter().take(NAMED).map(|(id, title)| (format!("/records/{}/{id}", due.kind), named(title, id))).collect(),
        id: due.rule.to_string(),
        name: due.name,
        kind: label,
        problem,
    }
}

fn named(title: String, id: RecordId) -> String {
    if title.is_empty() { format::short(&id.to_string()) } else { title }
}

/// On whose behalf it is done every day, and when that was last; nothing where it is not.
async fn daily(desk: &Desk) -> Result<Option<String>, Error> {
    let mut tx = desk.app.store.reader().await?;
    let Some(daily) = kept::daily(&mut tx, desk.caller.workspace).await? else { return Ok(None) };
    let by = people::user(&mut tx, desk.caller.workspace, daily.by).await?.map(|user| user.name);
    let by = by.unwrap_or_else(|| desk.words.say("who.unknown").to_owned());
    let last = daily.last_at.map_or_else(|| desk.words.say("retention.never").to_owned(), |at| desk.words.ago(at, desk.now));
    Ok(Some(desk.words.fill("retention.daily_on", &[&by, &last])))
}

/// `POST /retention/{rule}`: erases what one rule says, if it is what was shown.
pub async fn erase(desk: Desk, Path(rule): Path<RecordId>, Form(confirmed): Form<Confirmed>) -> Result<Response, Error> {
    check(&desk)?;
    if !confirmed.sure {
        return show(&desk, StatusCode::UNPROCESSABLE_ENTITY, None, Some(desk.words.say("retention.not_sure"))).await;
    }
    let (app, caller) = (desk.app.clone(), desk.caller.clone());
    let erasing = tokio::spawn(async move { retention::erase(&app, &caller, Which::One(rule, confirmed.seen)).await });
    let gone = match tokio::time::timeout(WAIT, erasing).await {
        Ok(Ok(Err(Error::Conflict(_)))) => return show(&desk, StatusCode::CONFLICT, None, Some(desk.words.say("retention.changed"))).await,
        Ok(gone) => gone.unwrap_or(Err(Error::NotKept))?,
        Err(_) => return Ok(Redirect::to("/retention?done=begun").into_response()),
    };
    Ok(Redirect::to(&format!("/retention?done=erased&count={}", gone.len())).into_response())
}

/// `POST /retention/daily`: from now on every day, or not any more.
pub async fn switch(desk: Desk, Form(switched): Form<Switched>) -> Result<Redirect, Error> {
    check(&desk)?;
    let on = either("step", &switched.step, "on", "off")?;
    retention::switch(&desk.app, &desk.caller, on).await?;
    Ok(Redirect::to(if on { "/retention?done=on" } else { "/retention?done=off" }))
}

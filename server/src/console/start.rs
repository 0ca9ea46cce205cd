//! The first day: what to do in an empty workspace, and data to look around in.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sync_core::access::Right;
use sync_core::actions::currency::SETTINGS;
use sync_core::id::RecordId;

use super::admin;
use super::desk::{Desk, Frame, page as answer};
use crate::error::{Error, Text};
use crate::intake::Author;
use crate::jobs::handover::CUSTOMER;
use crate::reading::{List, ReadError};
use crate::ready::sample;
use crate::store::people;

#[derive(Template)]
#[template(path = "start.html")]
struct StartPage {
    frame: Frame,
    name: String,
    notice: Option<String>,
    steps: Vec<Step>,
    /// Whether the sample is there; none for who may not bring it in.
    sample: Option<bool>,
}

/// Something to do.
struct Step {
    icon: &'static str,
    title: &'static str,
    text: &'static str,
    /// Where, and what the link says.
    link: (&'static str, &'static str),
    /// Whether it is a form that leads there.
    posts: bool,
    /// What holds already: what it is called, what it says.
    facts: Vec<(&'static str, String)>,
    /// Where it is left for later.
    skip: Option<&'static str>,
    done: bool,
    skipped: bool,
}

/// What was done just now.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    done: String,
    count: u64,
    /// The step that is left for later.
    later: String,
}

/// `GET /`: an empty workspace begins with what to do, every other one with its first list.
pub async fn front(desk: Desk) -> Result<Redirect, Error> {
    let is_empty = desk.may(Right::Administer) && count(&desk).await? == 0;
    Ok(if is_empty { Redirect::to("/start") } else { Redirect::to(&desk.start()) })
}

/// How many customers there are, as far as it matters whether there are any.
async fn count(desk: &Desk) -> Result<usize, Error> {
    match desk.reading.query(CUSTOMER, [("maxSize", "1")]) {
        Ok(query) => Ok(desk.reading.list(&List::of(query)).await?.rows.len()),
        // Who sees no customers does not begin with them.
        Err(ReadError::UnknownKind(_) | ReadError::Hidden { .. }) => Ok(1),
        Err(error) => Err(error.into()),
    }
}

/// `GET /start`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let may = desk.may(Right::Administer);
    let sample = match may {
        true => Some(sample::is_there(&desk.app, &author(&desk)).await?),
        false => None,
    };
    let notice = match &*asked.done {
        "sample" => Some(desk.words.say("start.sample_done").to_owned()),
        "removed" => Some(desk.words.count("start.sample_gone", asked.count)),
        _ => None,
    };
    let page = StartPage {
        frame: desk.frame(desk.words.say("start.title"), "/start").await?,
        name: desk.caller.name.clone(),
        notice,
        steps: steps(&desk, may, asked.later == SETTINGS).await?,
        sample,
    };
    answer(StatusCode::OK, &page)
}

async fn steps(desk: &Desk, may: bool, later: bool) -> Result<Vec<Step>, Error> {
    let mut tx = desk.app.store.reader().await?;
    let colleagues = people::users(&mut tx, desk.caller.workspace).await?.len();
    drop(tx);
    let step = |icon, title, text, link| Step {
        icon,
        title: desk.words.say(title),
        text: desk.words.say(text),
        link,
        posts: false,
        facts: Vec::new(),
        skip: None,
        done: false,
        skipped: false,
    };
    let link = |href, key| (href, desk.words.say(key));
    let customers = step("import", "start.import", "start.import_text", link("/imports", "start.import_go"));
    let look = step("chart", "start.look", "start.look_text", link("/dashboards", "menu.dashboards"));
    if !may {
        return Ok(vec![Step { done: count(desk).await? > 0, ..customers }, look]);
    }
    let people = step("member", "start.people", "start.people_text", link("/people", "person.invite"));
    let facts = admin::settings(desk).await?;
    let done = !facts.is_empty();
    let settings = step("kind", "start.settings", "start.settings_text", link("/admin/settings", "start.settings_go"));
    let settings =
        Step { posts: true, skip: (!done && !later).then_some("/start?later=settings"), skipped: !done && later, facts, done, ..settings };
    Ok(vec![
        settings,
        Step { done: colleagues > 1, ..people },
        Step { done: count(desk).await? > 0, ..customers },
        step("device", "start.phone", "start.phone_text", link("/devices", "menu.devices")),
        look,
    ])
}

/// What somebody wants.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    /// `load` or `remove`.
    act: String,
}

/// `POST /start/sample`.
pub async fn change(desk: Desk, axum::Form(wanted): axum::Form<Wanted>) -> Result<Response, Error> {
    if !desk.may(Right::Administer) {
        return Err(Error::Forbidden(Text::new("Only administrators bring sample data in.", "只有管理员可以载入示例数据。")));
    }
    let author = author(&desk);
    match &*wanted.act {
        "load" if sample::is_there(&desk.app, &author).await? => Ok(Redirect::to("/start?done=sample").into_response()),
        "load" => {
            let mut tx = desk.app.store.reader().await?;
            let users = people::users(&mut tx, desk.caller.workspace).await?;
            drop(tx);
            let owners: Vec<RecordId> = users.iter().map(|user| RecordId(user.user.0)).collect();
            sample::load(&desk.app, &author, &owners).await?;
            Ok(Redirect::to("/start?done=sample").into_response())
        }
        "remove" => {
            let gone = sample::remove(&desk.app, &author).await?;
            Ok(Redirect::to(&format!("/start?done=removed&count={gone}")).into_response())
        }
        _ => Err(Error::NotFound),
    }
}

fn author(desk: &Desk) -> Author {
    desk.app.intake.on_behalf(desk.caller.workspace, desk.caller.user, desk.caller.role.clone())
}

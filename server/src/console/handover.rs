//! Handover: what one person has goes to another. What it would do is shown first; it can be taken back.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sync_core::id::UserId;
use sync_core::schema::Kind;

use super::conditions::{self, Builder, Ground, Scope};
use super::desk::{Desk, Frame, page as answer};
use super::edit::Posted;
use super::format::{self, Shown};
use super::role_form::Choice;
use super::roles::check;
use super::typed::Typed;
use crate::error::Error;
use crate::intake::Author;
use crate::jobs::handover::{self, CUSTOMER, HandoverError, Leaving, Order, Preview};
use crate::jobs::import::ImportId;
use crate::place::Path;
use crate::store::handovers::Handover;
use crate::store::people;

/// What the controls that choose customers are called.
const CUSTOMERS: &str = "customers";

#[derive(Template)]
#[template(path = "handover.html")]
struct HandoverPage {
    frame: Frame,
    notice: Option<String>,
    problem: Option<String>,
    from: Vec<Choice>,
    to: Vec<Choice>,
    customers: Builder,
    /// Why the choice of customers cannot be taken.
    wrong: Option<String>,
    /// Whether the choice is shown at once.
    some: bool,
    with_closed: bool,
    disable: bool,
    preview: Option<PreviewView>,
    running: bool,
    rows: Vec<ActView>,
}

struct PreviewView {
    summary: Vec<String>,
    kinds: Vec<[String; 3]>,
    phones: Vec<PhoneView>,
    apply: Option<String>,
}

struct PhoneView {
    name: String,
    seen: String,
    /// What waits on it, if something does.
    unsent: Option<String>,
}

struct ActView {
    what: String,
    who: String,
    when: Shown,
    progress: String,
    done: u64,
    total: u64,
    state: Option<&'static str>,
    undone: Option<Shown>,
    undo: Option<String>,
}

/// What the address asks for.
#[derive(Deserialize, Default)]
pub struct Asked {
    #[serde(default)]
    from: String,
    #[serde(default)]
    done: String,
    #[serde(default)]
    count: u64,
    #[serde(default)]
    left: u64,
}

/// `GET /handover`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    check(&desk)?;
    let left = |text: String| if asked.left > 0 { format!("{text} {}", desk.words.count("bulk.refused", asked.left)) } else { text };
    let notice = match asked.done.as_str() {
        "begun" => Some(desk.words.say("handover.begun").to_owned()),
        "undone" => Some(left(desk.words.count("bulk.undone", asked.count))),
        _ => None,
    };
    let typed = Typed::new(vec![("from".to_owned(), asked.from)]);
    show(&desk, StatusCode::OK, &typed, notice, Ok(None)).await
}

/// `POST /handover`: shows what it would do, or does it.
pub async fn change(desk: Desk, Form(pairs): Posted) -> Result<Response, Error> {
    check(&desk)?;
    let mut typed = Typed::new(pairs);
    if conditions::asks(&typed) {
        return show(&desk, StatusCode::OK, &typed, None, Ok(None)).await;
    }
    if let Err(why) = put_together(&desk, &mut typed).await? {
        return show(&desk, StatusCode::UNPROCESSABLE_ENTITY, &typed, None, Err(Problem::Customers(why))).await;
    }
    let Some(order) = order(&typed) else {
        let problem = Problem::Page(desk.words.say("handover.choose").to_owned());
        return show(&desk, StatusCode::UNPROCESSABLE_ENTITY, &typed, None, Err(problem)).await;
    };
    let author = author(&desk);
    if typed.one("step") != "apply" {
        return match handover::preview(&desk.app, &author, &order).await {
            Ok(preview) => show(&desk, StatusCode::OK, &typed, None, Ok(Some(preview))).await,
            Err(error) => refused(&desk, &typed, error).await,
        };
    }
    match handover::begin(&desk.app, &author, order).await {
        Ok(begun) => {
            handover::start(&desk.app, desk.caller.workspace, begun);
            Ok(Redirect::to("/handover?done=begun").into_response())
        }
        Err(error) => refused(&desk, &typed, error).await,
    }
}

/// What goes wrong, and where it is told.
enum Problem {
    /// On top of the page.
    Page(String),
    /// At the choice of customers.
    Customers(String),
}

impl Problem {
    fn is_of_customers(&self) -> bool {
        matches!(self, Problem::Customers(_))
    }

    fn text(&self) -> String {
        let (Problem::Page(text) | Problem::Customers(text)) = self;
        text.clone()
    }
}

fn ground<'d>(desk: &'d Desk, kind: &'d Kind) -> Ground<'d> {
    Ground { desk, kind, scope: Scope::Records }
}

/// What stands in the controls that choose customers.
fn customers(typed: &Typed) -> Typed {
    let part = typed.under(CUSTOMERS);
    if part.has("form") { part } else { conditions::filled(typed.one(CUSTOMERS)) }
}

/// Puts the choice of customers where an order expects it; or says what is wrong with it.
async fn put_together(desk: &Desk, typed: &mut Typed) -> Result<Result<(), String>, Error> {
    if !typed.under(CUSTOMERS).has("form") {
        return Ok(Ok(()));
    }
    let kind = desk.reading.kind(CUSTOMER)?.clone();
    let read = conditions::read(desk.words, Some(&ground(desk, &kind)), &customers(typed)).await?;
    Ok(read.map(|text| typed.set(CUSTOMERS, text)))
}

async fn refused(desk: &Desk, typed: &Typed, error: HandoverError) -> Result<Response, Error> {
    let problem = match error {
        HandoverError::NoSuchPerson(_) => desk.words.say("handover.no_person").to_owned(),
        HandoverError::SamePerson => desk.words.say("handover.same").to_owned(),
        HandoverError::LastAdministrator => desk.words.say("handover.last").to_owned(),
        HandoverError::MayNotShutOut(why) => desk.words.label(&why).to_owned(),
        HandoverError::Running => desk.words.say("handover.running").to_owned(),
        HandoverError::Filter(why) => {
            let why = desk.words.fill("handover.bad_filter", &[desk.words.label(&why.words())]);
            return show(desk, StatusCode::UNPROCESSABLE_ENTITY, typed, None, Err(Problem::Customers(why))).await;
        }
        HandoverError::Store(error) => return Err(error.into()),
        HandoverError::NoSuchHandover => return Err(Error::NotFound),
        HandoverError::Intake(error) => return Err(error.into()),
        HandoverError::Undo(error) => return Err(error.into()),
        error @ (HandoverError::MayNot | HandoverError::Person(_)) => return Err(Error::Internal(error.into())),
    };
    show(desk, StatusCode::UNPROCESSABLE_ENTITY, typed, None, Err(Problem::Page(problem))).await
}

fn author(desk: &Desk) -> Author {
    desk.app.intake.on_behalf(desk.caller.workspace, desk.caller.user, desk.caller.role.clone())
}

fn order(typed: &Typed) -> Option<Order> {
    Some(Order {
        from: typed.one("from").parse().ok()?,
        to: typed.one("to").parse().ok()?,
        customers: typed.one(CUSTOMERS).to_owned(),
        with_closed: typed.has("with_closed"),
        disable: typed.has("disable"),
    })
}

async fn show(
    desk: &Desk,
    status: StatusCode,
    typed: &Typed,
    notice: Option<String>,
    shown: Result<Option<Preview>, Problem>,
) -> Result<Response, Error> {
    let users = people::users(&mut desk.app.store.reader().await?, desk.caller.workspace).await?;
    let names: BTreeMap<UserId, String> = users.iter().map(|user| (user.user, user.name.clone())).collect();
    let choice = |user: &people::User, control| (user.user.to_string(), user.name.clone(), user.user.to_string() == typed.one(control));
    let acts = handover::list(&desk.app, desk.caller.workspace).await.map_err(|error| Error::Internal(error.into()))?;
    let kind = desk.reading.kind(CUSTOMER)?.clone();
    let part = customers(typed);
    let builder = conditions::draw(desk, CUSTOMERS, Some(&ground(desk, &kind)), &part, !conditions::asks(typed)).await?;
    let (preview, problem) = match shown {
        Ok(preview) => (preview.map(|preview| preview_view(desk, &preview, typed.has("disable"))), None),
        Err(problem) => (None, Some(problem)),
    };
    let page = HandoverPage {
        frame: desk.frame(desk.words.say("menu.handover"), "/handover").await?,
        notice,
        from: users.iter().map(|user| choice(user, "from")).collect(),
        to: users.iter().filter(|user| user.disabled_at.is_none()).map(|user| choice(user, "to")).collect(),
        some: problem.as_ref().is_some_and(Problem::is_of_customers) || conditions::asks(typed) || !typed.one(CUSTOMERS).is_empty(),
        customers: builder,
        problem: problem.as_ref().filter(|problem| !problem.is_of_customers()).map(Problem::text),
        wrong: problem.as_ref().filter(|problem| problem.is_of_customers()).map(Problem::text),
        with_closed: typed.has("with_closed"),
        disable: typed.has("disable"),
        preview,
        running: acts.iter().any(|act| act.finished_at.is_none()),
        rows: acts.iter().map(|act| act_view(desk, &names, act)).collect(),
    };
    answer(status, &page)
}

fn preview_view(desk: &Desk, preview: &Preview, disable: bool) -> PreviewView {
    let words = desk.words;
    let records = words.count("list.count", preview.records());
    let label = |kind: &str| desk.reading.kind(kind).map_or_else(|_| kind.to_owned(), |kind| words.label(&kind.plural).to_owned());
    let mut summary =
        vec![words.fill("handover.would_move", &[&records, &words.count("rights.phones", preview.reach), &size(preview.bytes())])];
    if preview.undecided > 0 {
        summary.push(words.count("handover.undecided", preview.undecided));
    }
    if preview.unsent() > 0 {
        summary.push(words.count("handover.unsent", preview.unsent()));
    }
    if disable && !preview.leave.is_empty() {
        summary.push(words.count("handover.would_leave", preview.leave.len() as u64));
    }
    PreviewView {
        kinds: preview
            .kinds
            .iter()
            .map(|(kind, records, bytes)| [label(kind), format::grouped(&records.to_string()), size(*bytes)])
            .collect(),
        phones: preview.leave.iter().map(|leaving| phone_view(desk, leaving)).collect(),
        apply: (preview.records() > 0 || disable).then(|| words.fill("handover.apply", &[&records])),
        summary,
    }
}

fn phone_view(desk: &Desk, Leaving { device, unsent }: &Leaving) -> PhoneView {
    PhoneView {
        name: device.name.clone(),
        seen: desk.words.ago(device.last_seen_at, desk.now),
        unsent: (*unsent > 0).then(|| desk.words.count("handover.waits", *unsent)),
    }
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    const KB: u64 = 1_000;
    const MB: u64 = 1_000 * KB;
    match bytes {
        ..MB => format!("{} KB", bytes.div_ceil(KB)),
        _ => format!("{}.{} MB", bytes / MB, bytes % MB * 10 / MB),
    }
}

fn act_view(desk: &Desk, names: &BTreeMap<UserId, String>, act: &Handover) -> ActView {
    let name = |user: UserId| names.get(&user).cloned().unwrap_or_else(|| format::short(&user.to_string()));
    let refused = if act.refused > 0 { format!(" · {}", desk.words.count("handover.refused", act.refused)) } else { String::new() };
    let can_undo = act.finished_at.is_some() && act.undone_at.is_none();
    ActView {
        what: format!("{} → {}", name(act.from), name(act.to)),
        who: name(act.by),
        when: format::moment(act.started_at),
        progress: format!("{} / {}{refused}", format::grouped(&act.moved.to_string()), format::grouped(&act.total.to_string())),
        done: act.moved,
        total: act.total.max(1),
        state: act.finished_at.is_none().then(|| desk.words.say("handover.going_on")),
        undone: act.undone_at.map(format::moment),
        undo: can_undo.then(|| format!("/handover/{}/undo", ImportId(act.act))),
    }
}

/// `POST /handover/{act}/undo`.
pub async fn undo(desk: Desk, Path(act): Path<String>) -> Result<Response, Error> {
    check(&desk)?;
    let act: ImportId = act.parse().map_err(|_| Error::NotFound)?;
    match handover::undo(&desk.app, &author(&desk), act.0).await {
        Ok(undone) => {
            let count = undone.restored + undone.archived;
            Ok(Redirect::to(&format!("/handover?done=undone&count={count}&left={}", undone.left)).into_response())
        }
        Err(error) => refused(&desk, &Typed::default(), error).await,
    }
}

//! Handovers: what one person has goes to another, as one act.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sync_core::id::{Millis, RecordId, UserId};

use crate::app::App;
use crate::auth::{Caller, Person};
use crate::body::Body;
use crate::error::{Error, Text};
use crate::intake::Author;
use crate::jobs::handover::{self, HandoverError, Leaving, Order};
use crate::jobs::import::ImportId;
use crate::place::Path;
use crate::store::handovers::Handover;

/// What is to be handed over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    from: UserId,
    to: UserId,
    #[serde(default)]
    customers: Option<serde_json::Value>,
    #[serde(default)]
    with_closed: bool,
    #[serde(default)]
    disable: bool,
}

/// What a handover would do.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviewView {
    records: u64,
    bytes: u64,
    kinds: Vec<KindView>,
    devices: Vec<DeviceView>,
    reaches: u64,
    undecided: u64,
}

/// Records of a kind.
#[derive(Serialize)]
pub struct KindView {
    kind: String,
    records: u64,
    bytes: u64,
}

/// A device that the records leave.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceView {
    id: String,
    name: String,
    last_seen_at: Millis,
    unsent: u64,
}

/// A handover.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandoverView {
    id: String,
    from: UserId,
    to: UserId,
    by: UserId,
    total: u64,
    moved: u64,
    refused: u64,
    started_at: Millis,
    finished_at: Option<Millis>,
    undone_at: Option<Millis>,
}

/// All of them.
#[derive(Serialize)]
pub struct Handovers {
    rows: Vec<HandoverView>,
}

/// What became of one that was taken back.
#[derive(Serialize)]
pub struct Undone {
    restored: u64,
    left: u64,
}

impl From<Handover> for HandoverView {
    fn from(one: Handover) -> Self {
        let id = ImportId(one.act).to_string();
        let Handover { from, to, by, total, moved, refused, started_at, finished_at, undone_at, .. } = one;
        Self { id, from, to, by, total, moved, refused, started_at, finished_at, undone_at }
    }
}

impl From<Request> for Order {
    fn from(request: Request) -> Self {
        let customers = request.customers.filter(|filter| !filter.is_null()).map_or_else(String::new, |filter| filter.to_string());
        Self { from: request.from, to: request.to, customers, with_closed: request.with_closed, disable: request.disable }
    }
}

impl From<HandoverError> for Error {
    fn from(error: HandoverError) -> Self {
        let en = error.to_string();
        let said = |zh: &str| Text::new(en.clone(), zh);
        match error {
            HandoverError::MayNot => Error::Forbidden(said("只有管理员可以移交客户。")),
            HandoverError::MayNotShutOut(why) => Error::Forbidden(Text::new(why.en, why.zh)),
            HandoverError::NoSuchHandover => Error::NotFound,
            HandoverError::Running => Error::Conflict(said("移交仍在进行。")),
            HandoverError::NoSuchPerson(side) => {
                Error::Invalid { field: side.field().map(str::to_owned), message: said("此人不存在或已停用。") }
            }
            HandoverError::SamePerson => Error::Invalid { field: Some("to".to_owned()), message: said("不能移交给本人。") },
            HandoverError::LastAdministrator => {
                Error::Invalid { field: Some("disable".to_owned()), message: said("此人是最后一位管理员，不能停用。") }
            }
            HandoverError::Filter(ref why) => {
                Error::Invalid { field: Some("customers".to_owned()), message: said(&format!("筛选条件有误：{}", why.message_zh())) }
            }
            HandoverError::Undo(error) => error.into(),
            HandoverError::Store(error) => Error::Store(error),
            HandoverError::Intake(error) => error.into(),
            error @ HandoverError::Person(_) => Error::Internal(error.into()),
        }
    }
}

fn author(app: &App, caller: &Caller) -> Author {
    app.intake.on_behalf(caller.workspace, caller.user, caller.role.clone())
}

/// `GET /api/v1/handovers`: the newest first.
///
/// # Errors
/// When the caller may not.
pub async fn list(State(app): State<App>, Person(caller): Person) -> Result<Json<Handovers>, Error> {
    if !app.intake.rules(caller.workspace).roles.may(&caller.role, sync_core::access::Right::Administer) {
        return Err(HandoverError::MayNot.into());
    }
    let rows = handover::list(&app, caller.workspace).await?.into_iter().map(HandoverView::from).collect();
    Ok(Json(Handovers { rows }))
}

/// `POST /api/v1/handovers/preview`: what it would do.
///
/// # Errors
/// When the caller may not, or the people or the filter are not there.
pub async fn preview(State(app): State<App>, Person(caller): Person, Body(request): Body<Request>) -> Result<Json<PreviewView>, Error> {
    let preview = handover::preview(&app, &author(&app, &caller), &request.into()).await?;
    let device = |Leaving { device, unsent }: &Leaving| DeviceView {
        id: device.device.to_string(),
        name: device.name.clone(),
        last_seen_at: device.last_seen_at,
        unsent: *unsent,
    };
    Ok(Json(PreviewView {
        records: preview.records(),
        bytes: preview.bytes(),
        devices: preview.leave.iter().map(device).collect(),
        reaches: preview.reach,
        undecided: preview.undecided,
        kinds: preview.kinds.into_iter().map(|(kind, records, bytes)| KindView { kind: kind.to_string(), records, bytes }).collect(),
    }))
}

/// `POST /api/v1/handovers`: begins it; [`list`] tells how far it is.
///
/// # Errors
/// As [`preview`].
pub async fn begin(
    State(app): State<App>,
    Person(caller): Person,
    Body(request): Body<Request>,
) -> Result<(StatusCode, Json<HandoverView>), Error> {
    let begun = handover::begin(&app, &author(&app, &caller), request.into()).await?;
    handover::start(&app, caller.workspace, begun.clone());
    Ok((StatusCode::ACCEPTED, Json(begun.into())))
}

/// `POST /api/v1/handovers/{id}/undo`.
///
/// # Errors
/// When there is none, it runs, or the caller may not.
pub async fn undo(State(app): State<App>, Person(caller): Person, Path(id): Path<RecordId>) -> Result<Json<Undone>, Error> {
    let author = author(&app, &caller);
    // In a task of its own: it is not left half-way when the client hangs up.
    let undone = tokio::spawn(async move { handover::undo(&app, &author, *id.as_bytes()).await });
    let undone = undone.await.map_err(|_| Error::NotKept)??;
    Ok(Json(Undone { restored: undone.restored, left: undone.left }))
}

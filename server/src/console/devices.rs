//! Devices: who has which, when each was last heard of, new ones, and shutting one out.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sync_core::access::Right;
use sync_core::id::{DeviceId, UserId};

use super::desk::{Desk, Frame, page as answer};
use super::format::{self, Shown};
use crate::app::App;
use crate::error::{Error, Text};
use crate::store::devices as kept;
use crate::store::people::{self, User};

#[derive(Template)]
#[template(path = "devices.html")]
struct DevicesPage {
    frame: Frame,
    notice: Option<&'static str>,
    code: Option<CodeView>,
    people: Vec<(String, String)>,
    rows: Vec<DeviceView>,
}

struct CodeView {
    code: String,
    user: String,
    until: Shown,
}

struct DeviceView {
    id: String,
    name: String,
    user: String,
    app: String,
    seen: String,
    seen_iso: String,
    since: Shown,
    revoked: Option<Shown>,
}

/// What the address asks for.
#[derive(Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// For whom a code is made.
#[derive(Deserialize)]
pub struct For {
    user: UserId,
}

fn check(desk: &Desk) -> Result<(), Error> {
    let no = || Error::Forbidden(Text::new("Devices are the back office's to manage.", "设备由后台人员管理。"));
    desk.may(Right::Administer).then_some(()).ok_or_else(no)
}

/// `GET /devices`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    check(&desk)?;
    let notice = asked.done.map(|_| desk.words.say("device.was_revoked"));
    show(&desk, notice, None).await
}

/// `POST /devices/code`: shown once, on the answer itself, and nowhere again.
pub async fn code(desk: Desk, Form(whose): Form<For>) -> Result<Response, Error> {
    check(&desk)?;
    let user = people::user(&mut desk.app.store.reader().await?, desk.caller.workspace, whose.user).await?;
    let user = user.filter(|user| user.disabled_at.is_none()).ok_or(Error::NotFound)?;
    let (code, until) = desk.app.auth.device_code(desk.caller.workspace, user.user, Some(desk.caller.user)).await?;
    let view = CodeView { code: code.reveal(), user: user.name, until: format::moment(until) };
    show(&desk, None, Some(view)).await
}

/// `POST /devices/{device}/revoke`.
pub async fn revoke(State(app): State<App>, desk: Desk, Path(device): Path<DeviceId>) -> Result<Response, Error> {
    check(&desk)?;
    app.auth.revoke_device(desk.caller.workspace, device, Some(desk.caller.user)).await?;
    Ok(Redirect::to("/devices?done=revoked").into_response())
}

async fn show(desk: &Desk, notice: Option<&'static str>, code: Option<CodeView>) -> Result<Response, Error> {
    let mut tx = desk.app.store.reader().await?;
    let people = people::users(&mut tx, desk.caller.workspace).await?;
    let devices = kept::devices(&mut tx, desk.caller.workspace).await?;
    drop(tx);
    let page = DevicesPage {
        frame: desk.frame(desk.words.say("menu.devices"), "/devices").await?,
        notice,
        code,
        rows: devices.iter().map(|device| device_view(desk, &people, device)).collect(),
        people: people.iter().filter(|user| user.disabled_at.is_none()).map(|user| (user.user.to_string(), user.name.clone())).collect(),
    };
    answer(StatusCode::OK, &page)
}

fn device_view(desk: &Desk, people: &[User], device: &kept::Device) -> DeviceView {
    let user = people.iter().find(|user| user.user == device.user);
    DeviceView {
        id: device.device.to_string(),
        name: device.name.clone(),
        user: user.map_or_else(|| desk.words.say("who.unknown").to_owned(), |user| user.name.clone()),
        app: device.app.clone(),
        seen: desk.words.ago(device.last_seen_at, desk.now),
        seen_iso: format::iso(device.last_seen_at),
        since: format::moment(device.created_at),
        revoked: device.revoked_at.map(format::moment),
    }
}

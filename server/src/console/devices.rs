//! Devices: who has which, when each was last heard of, new ones, and shutting one out.

use std::collections::HashMap;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sync_core::access::Right;
use sync_core::id::{DeviceId, Millis, UserId, WorkspaceId};
use sync_core::protocol::{Invitation, Removal, fingerprint_of};

use super::ask::{self, Question};
use super::desk::{Desk, Frame, page as answer};
use super::either;
use super::format::{self, Shown};
use crate::app::App;
use crate::audit;
use crate::error::{Error, Text};
use crate::place::Path;
use crate::qr::Square;
use crate::store::devices as kept;
use crate::store::farewells::{self, Act, DeviceNote, Farewell, Terms};
use crate::store::people::{self, User};
use crate::store::receipts::{self, ReceiptRow};
use crate::store::trail::{self, EntryRow};
use crate::store::{StoreError, Tx, workspaces};

#[derive(Template)]
#[template(path = "devices.html")]
struct DevicesPage {
    frame: Frame,
    notice: Option<&'static str>,
    code: Option<CodeView>,
    waiting: Vec<WaitingView>,
    lease_days: u32,
    confirm: bool,
    people: Vec<(String, String)>,
    rows: Vec<DeviceView>,
}

struct CodeView {
    code: String,
    server: String,
    /// The same with the server's address, to scan; none where the address does not fit.
    square: Option<Square>,
    user: String,
    until: Shown,
}

/// A device in a list.
pub struct DeviceView {
    download: Option<String>,
    /// When it last sent two changes under one number, in words.
    forked: Option<String>,
    pub id: String,
    pub name: String,
    user: String,
    pub app: String,
    pub seen: String,
    pub seen_iso: String,
    since: Shown,
    protocol: String,
    pub pending: String,
    lag: String,
    pub revoked: Option<Shown>,
    /// What has become of its farewell, in words.
    pub farewell: Option<String>,
    /// Whether it can still be sent away.
    may_leave: bool,
}

struct WaitingView {
    id: String,
    name: String,
    user: String,
    fingerprint: String,
}

/// How a device is shut out.
#[derive(Deserialize)]
pub struct Leaving {
    #[serde(default)]
    act: String,
}

/// Whether a new device is let in.
#[derive(Deserialize)]
pub struct Confirming {
    step: String,
}

/// What the workspace asks of phones.
#[derive(Deserialize)]
pub struct TermsTyped {
    #[serde(default)]
    lease_days: String,
    confirm: Option<String>,
}

/// A lease beyond this is none.
const LEASE_DAYS_MAX: u32 = 3_650;

/// In the address: what was shut out was never let in.
pub const NEVER_LET_IN: &str = "never_let_in";

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
    let notice = asked.done.map(|done| match done.as_str() {
        "hand_back" => desk.words.say("device.handing_back"),
        "lost" => desk.words.say("device.being_wiped"),
        "let_in" => desk.words.say("device.let_in_done"),
        "turned_away" => desk.words.say("device.turned_away_done"),
        NEVER_LET_IN => desk.words.say("device.never_let_in"),
        "terms" => desk.words.say("device.terms_kept"),
        "terms_same" => desk.words.say("device.terms_same"),
        _ => desk.words.say("device.was_revoked"),
    });
    show(&desk, notice, None).await
}

/// `POST /devices/code`: shown once, on the answer itself, and nowhere again.
pub async fn code(desk: Desk, headers: HeaderMap, Form(whose): Form<For>) -> Result<Response, Error> {
    check(&desk)?;
    let user = people::user(&mut desk.app.store.reader().await?, desk.caller.workspace, whose.user).await?;
    let user = user.filter(|user| user.disabled_at.is_none()).ok_or(Error::NotFound)?;
    let (code, until) = desk.app.auth.device_code(desk.caller.workspace, user.user, Some(desk.caller.user)).await?;
    let invitation = Invitation { server: desk.app.address(&headers), code: code.reveal() };
    let square = Square::of(&invitation.to_string());
    let view = CodeView { code: invitation.code, server: invitation.server, square, user: user.name, until: format::moment(until) };
    show(&desk, None, Some(view)).await
}

/// `POST /devices/{device}/revoke`.
pub async fn revoke(
    State(app): State<App>,
    desk: Desk,
    Path(device): Path<DeviceId>,
    Form(leaving): Form<Leaving>,
) -> Result<Response, Error> {
    check(&desk)?;
    let (workspace, by) = (desk.caller.workspace, desk.caller.user);
    let done = match Act::of(&leaving.act) {
        Some(act) => {
            app.auth.send_away(workspace, device, act, by).await?.then_some(()).ok_or(Error::NotFound)?;
            sent_away(&desk, device, act).await?
        }
        None if !leaving.act.is_empty() => {
            return Err(unknown_act());
        }
        None => {
            let known = kept::devices(&mut app.store.reader().await?, workspace).await?;
            known.iter().find(|known| known.device == device).ok_or(Error::NotFound)?;
            app.auth.revoke_device(workspace, device, Some(by)).await?;
            "revoked"
        }
    };
    Ok(Redirect::to(&format!("/devices?done={done}")).into_response())
}

/// `POST /devices/{device}/confirm`: lets a new device in, or turns it away.
pub async fn confirm(
    State(app): State<App>,
    desk: Desk,
    Path(device): Path<DeviceId>,
    Form(confirming): Form<Confirming>,
) -> Result<Response, Error> {
    check(&desk)?;
    let let_in = either("step", &confirming.step, "let_in", "turn_away")?;
    let waited = app.auth.confirm(desk.caller.workspace, device, let_in, desk.caller.user).await?;
    let decided = || Error::Conflict(Text::new("Somebody has decided about this device already.", "已有人处理了这台设备。"));
    waited.then_some(()).ok_or_else(decided)?;
    Ok(Redirect::to(if let_in { "/devices?done=let_in" } else { "/devices?done=turned_away" }).into_response())
}

/// `POST /devices/terms`: how long phones may be without contact, and whether new ones wait.
pub async fn terms(desk: Desk, Form(typed): Form<TermsTyped>) -> Result<Response, Error> {
    check(&desk)?;
    let days = typed.lease_days.trim();
    // Nothing typed is no wish to let phones work without contact for ever: that is a 0.
    let stays = days.is_empty();
    let lease_days = match stays {
        true => Some(farewells::terms(&mut desk.app.store.reader().await?, desk.caller.workspace).await?.lease_days),
        false => days.parse().ok().filter(|days| *days <= LEASE_DAYS_MAX),
    };
    let wrong = || Text::new("Days are a whole number up to 3650.", "天数应为不超过 3650 的整数。");
    let lease_days = lease_days.ok_or_else(|| Error::Invalid { field: Some("lease_days".to_owned()), message: wrong() })?;
    let (workspace, terms) = (desk.caller.workspace, Terms { lease_days, confirm: typed.confirm.is_some() });
    let setting =
        desk.app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { farewells::set_terms(tx, workspace, terms).await }));
    setting.await?;
    let detail = serde_json::json!({"lease_days": lease_days, "confirm_devices": terms.confirm});
    desk.note(audit::Act::RightsChanged, "devices", detail).await?;
    Ok(Redirect::to(if stays { "/devices?done=terms_same" } else { "/devices?done=terms" }).into_response())
}

/// The caller's own phones, those that have forgotten everything aside.
///
/// # Errors
/// When the database fails.
pub async fn own(desk: &Desk) -> Result<Vec<DeviceView>, Error> {
    let (workspace, me) = (desk.caller.workspace, desk.caller.user);
    let mut tx = desk.app.store.reader().await?;
    let people: Vec<User> = people::user(&mut tx, workspace, me).await?.into_iter().collect();
    let devices = kept::of_user(&mut tx, workspace, me).await?;
    let known = Known::load(&mut tx, workspace).await?;
    let is_left = |device: &&kept::Device| known.farewells.get(&device.device).is_none_or(|farewell| !farewell.is_over());
    Ok(devices.iter().filter(is_left).map(|device| device_view(desk, &people, device, &known)).collect())
}

/// `POST /account/devices/{device}/leave`: whoever has lost their phone, or gives it away, need not look for an
/// administrator first.
pub async fn leave(desk: Desk, Path(device): Path<DeviceId>, Form(leaving): Form<Leaving>) -> Result<Response, Error> {
    let (workspace, me) = (desk.caller.workspace, desk.caller.user);
    let act = Act::of(&leaving.act).ok_or_else(unknown_act)?;
    // What the back office has said of a device is not its user's to change.
    let theirs = kept::in_use_by(&mut desk.app.store.reader().await?, workspace, me).await?;
    theirs.iter().find(|known| known.device == device).ok_or(Error::NotFound)?;
    desk.app.auth.send_away(workspace, device, act, me).await?;
    Ok(Redirect::to(&format!("/account?done={}", sent_away(&desk, device, act).await?)).into_response())
}

/// `GET /devices/{device}/revoke`: asks before a phone is wiped.
pub async fn ask(desk: Desk, Path(device): Path<DeviceId>) -> Result<Response, Error> {
    check(&desk)?;
    let known = kept::devices(&mut desk.app.store.reader().await?, desk.caller.workspace).await?;
    let device = known.into_iter().find(|known| known.device == device).ok_or(Error::NotFound)?;
    ask_wipe(&desk, &device, "/devices", format!("/devices/{}/revoke", device.device)).await
}

/// `GET /account/devices/{device}/leave`: asks before somebody's own phone is wiped.
pub async fn ask_own(desk: Desk, Path(device): Path<DeviceId>) -> Result<Response, Error> {
    let theirs = kept::in_use_by(&mut desk.app.store.reader().await?, desk.caller.workspace, desk.caller.user).await?;
    let device = theirs.into_iter().find(|known| known.device == device).ok_or(Error::NotFound)?;
    ask_wipe(&desk, &device, "/account", format!("/account/devices/{}/leave", device.device)).await
}

async fn ask_wipe(desk: &Desk, device: &kept::Device, back: &str, action: String) -> Result<Response, Error> {
    let (words, workspace) = (desk.words, desk.caller.workspace);
    let mut tx = desk.app.store.reader().await?;
    let owner = people::user(&mut tx, workspace, device.user).await?.map(|user| user.name).unwrap_or_default();
    let unsent = farewells::note_of(&mut tx, workspace, device.device).await?.map(|(note, _)| note.pending);
    drop(tx);
    let unsent = match unsent {
        Some(0) => words.say("device.lost_none").to_owned(),
        Some(count) => words.count("device.lost_unsent", count),
        None => words.say("device.lost_unknown").to_owned(),
    };
    let seen = words.fill("device.lost_seen", &[&words.ago(device.last_seen_at, desk.now)]);
    let question = Question {
        text: words.fill("device.ask_wipe", &[&device.name, &owner]),
        lost: vec![words.say("device.lost_hint").to_owned(), unsent, seen, words.say("device.lost_instead").to_owned()],
        action,
        act: Act::Lost.as_str(),
        button: words.say("device.lost"),
        back: back.to_owned(),
    };
    ask::ask(desk, back, question).await
}

/// What the next page says of a device that was sent away: one that was never let in has nothing to deliver or to forget.
async fn sent_away(desk: &Desk, device: DeviceId, act: Act) -> Result<&'static str, Error> {
    let was_let_in = !desk.app.auth.waits(desk.caller.workspace, device).await?;
    Ok(if was_let_in { act.as_str() } else { NEVER_LET_IN })
}

fn unknown_act() -> Error {
    let message = Text::new("A device is handed back, lost or shut out.", "设备只能选择交还、丢失或停用。");
    Error::Invalid { field: Some("act".to_owned()), message }
}

async fn show(desk: &Desk, notice: Option<&'static str>, code: Option<CodeView>) -> Result<Response, Error> {
    let mut tx = desk.app.store.reader().await?;
    let people = people::users(&mut tx, desk.caller.workspace).await?;
    let workspace = desk.caller.workspace;
    let devices = kept::devices(&mut tx, workspace).await?;
    let known = Known::load(&mut tx, workspace).await?;
    let (waiting, terms) = (farewells::waiting(&mut tx, workspace).await?, farewells::terms(&mut tx, workspace).await?);
    drop(tx);
    let listed = devices.iter().filter(|device| device.revoked_at.is_some() || !waiting.contains_key(&device.device));
    let page = DevicesPage {
        frame: desk.frame(desk.words.say("menu.devices"), "/devices").await?,
        notice,
        code,
        rows: listed.map(|device| device_view(desk, &people, device, &known)).collect(),
        waiting: devices.iter().filter_map(|device| waiting_view(desk, &people, device, waiting.get(&device.device)?)).collect(),
        lease_days: terms.lease_days,
        confirm: terms.confirm,
        people: people.iter().filter(|user| user.disabled_at.is_none()).map(|user| (user.user.to_string(), user.name.clone())).collect(),
    };
    answer(StatusCode::OK, &page)
}

/// The newest receipts of a device that are looked at.
const RECEIPTS_MAX: u32 = 20;

/// What is known of devices beside themselves.
struct Known {
    head: u64,
    notes: HashMap<DeviceId, (DeviceNote, Millis)>,
    farewells: HashMap<DeviceId, Farewell>,
    /// What the audit log last said of very many records that went to a device.
    downloads: HashMap<String, EntryRow>,
    /// What it last said of two changes under one number.
    forks: HashMap<String, EntryRow>,
    /// Of those that say farewell.
    receipts: HashMap<DeviceId, Vec<ReceiptRow>>,
}

impl Known {
    async fn load(tx: &mut Tx, workspace: WorkspaceId) -> Result<Self, StoreError> {
        let head = workspaces::by_id(tx, workspace).await?.map_or(0, |workspace| workspace.head);
        let (notes, farewells) = (farewells::notes(tx, workspace).await?, farewells::all(tx, workspace).await?);
        let mut receipts = HashMap::new();
        for device in farewells.keys() {
            receipts.insert(*device, receipts::of_device(tx, workspace, *device, RECEIPTS_MAX).await?);
        }
        let downloads = trail::last_of_each(tx, workspace, audit::Act::DeviceDownloaded.as_str()).await?;
        let forks = trail::last_of_each(tx, workspace, audit::Act::DeviceForked.as_str()).await?;
        Ok(Self { head, notes, farewells, downloads, forks, receipts })
    }
}

fn waiting_view(desk: &Desk, people: &[User], device: &kept::Device, token_hash: &[u8]) -> Option<WaitingView> {
    device.revoked_at.is_none().then(|| WaitingView {
        id: device.device.to_string(),
        name: device.name.clone(),
        user: owner(desk, people, device),
        fingerprint: fingerprint_of(token_hash),
    })
}

fn owner(desk: &Desk, people: &[User], device: &kept::Device) -> String {
    let user = people.iter().find(|user| user.user == device.user);
    user.map_or_else(|| desk.words.say("who.unknown").to_owned(), |user| user.name.clone())
}

/// Where a farewell stands, and what the receipt says.
fn farewell_view(desk: &Desk, farewell: &Farewell, receipts: &[ReceiptRow]) -> String {
    if !farewell.was_let_in {
        return desk.words.say("device.never_let_in").to_owned();
    }
    let wiped = receipts.iter().find(|kept| kept.receipt.removal == Removal::Wiped);
    match (wiped, farewell.told_at, farewell.act) {
        (Some(kept), ..) => {
            let (records, unsent) = (kept.receipt.records.to_string(), kept.receipt.unsent.to_string());
            desk.words.fill("device.receipt", &[&desk.words.ago(kept.received_at, desk.now), &records, &unsent])
        }
        (None, Some(told), _) => desk.words.fill("device.told", &[&desk.words.ago(told, desk.now)]),
        (None, None, Act::HandBack) => desk.words.say("device.waits_hand_back").to_owned(),
        (None, None, Act::Lost) => desk.words.say("device.waits_lost").to_owned(),
    }
}

fn device_view(desk: &Desk, people: &[User], device: &kept::Device, known: &Known) -> DeviceView {
    let farewell = known.farewells.get(&device.device);
    // What one that is gone has last said of itself is so no more: its receipt says what it was.
    let is_gone = farewell.is_some_and(Farewell::is_over);
    let note = known.notes.get(&device.device).map(|(note, _)| *note).filter(|_| !is_gone);
    let received = known.receipts.get(&device.device).map(Vec::as_slice).unwrap_or_default();
    let number = |number: Option<u64>| number.map_or_else(|| "–".to_owned(), |number| format::grouped(&number.to_string()));
    let id = device.device.to_string();
    let download = |entry: &EntryRow| {
        let is_new = serde_json::from_str::<serde_json::Value>(&entry.detail).is_ok_and(|detail| detail["first"] == true);
        desk.words.fill(if is_new { "device.downloaded_new" } else { "device.downloaded" }, &[&desk.words.ago(entry.at, desk.now)])
    };
    DeviceView {
        download: known.downloads.get(&id).map(download),
        forked: known.forks.get(&id).map(|entry| desk.words.fill("device.forked", &[&desk.words.ago(entry.at, desk.now)])),
        protocol: note.map_or_else(|| "–".to_owned(), |note| note.protocol.to_string()),
        pending: number(note.map(|note| note.pending)),
        lag: number(note.map(|note| known.head.saturating_sub(note.position))),
        farewell: farewell.map(|farewell| farewell_view(desk, farewell, received)),
        may_leave: farewell.is_none_or(|farewell| !farewell.is_over()),
        id,
        name: device.name.clone(),
        user: owner(desk, people, device),
        app: device.app.clone(),
        seen: desk.words.ago(device.last_seen_at, desk.now),
        seen_iso: format::iso(device.last_seen_at),
        since: format::moment(device.created_at),
        revoked: device.revoked_at.map(format::moment),
    }
}

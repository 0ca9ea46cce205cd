//! Links under which a dashboard is read until they end: without signing in, and then it is what their maker may see; or
//! by whoever has signed in, and then it is what they may see themselves.
//!
//! Nothing can be changed through one, and every opening is counted. Making and taking back stand in the audit log.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;
use sync_core::id::{Millis, RecordId};

use super::assets;
use super::dashboards::{self, Beside, TileView};
use super::desk::{Desk, page as answer};
use super::format::{self, Shown};
use super::list::{Form, TileContent};
use super::sign_in::coming_back;
use super::words::Words;
use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::secret::{Token, TokenKind};
use crate::auth::{Caller, Person};
use crate::error::{Error, Text, accepted_language};
use crate::place::Path;
use crate::reading::Row;
use crate::ready::DASHBOARD;
use crate::store::StoreError;
use crate::store::reports::{self, ReportLink};

/// A day.
const DAY_MS: Millis = 86_400_000;

/// How long links live that nobody says more about: long enough for a meeting next month.
const USUAL_DAYS: i64 = 30;

/// A link that lives longer is forgotten.
const DAYS_MAX: i64 = 365;

/// A link in the list of a dashboard.
pub struct LinkView {
    /// Names it.
    pub id: String,
    /// Who made it.
    pub who: String,
    /// When it ends.
    pub ends: Shown,
    /// Through whose eyes it is read.
    pub eyes: &'static str,
    /// How often it was opened.
    pub opens: String,
    /// Whether it has ended.
    pub over: bool,
}

/// The links of a dashboard.
pub async fn of(desk: &Desk, dashboard: RecordId) -> Result<Vec<LinkView>, Error> {
    let links = reports::of_dashboard(&mut desk.app.store.reader().await?, desk.caller.workspace, dashboard).await?;
    let names = desk.reading.names_of(links.iter().map(|link| RecordId(link.user.0))).await?;
    let view = |link: ReportLink| LinkView {
        id: link.link.to_string(),
        who: names.get(&RecordId(link.user.0)).map(|linked| linked.title.clone()).unwrap_or_default(),
        ends: format::moment(link.expires_at),
        eyes: desk.words.say(if link.signed_in { "share.by_readers" } else { "share.by_maker" }),
        opens: desk.words.count("share.opens", link.opens),
        over: link.expires_at <= desk.now,
    };
    Ok(links.into_iter().map(view).collect())
}

/// What somebody wants.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    days: Option<i64>,
    /// Whether to demand that readers sign in.
    #[serde(default)]
    signed_in: bool,
}

/// `POST /dashboards/{id}/links`: the address is on the answer, and nowhere again.
pub async fn make(desk: Desk, Path(id): Path<RecordId>, axum::Form(wanted): axum::Form<Wanted>) -> Result<Response, Error> {
    let row = dashboards::mine(&desk, id).await?;
    let days = wanted.days.unwrap_or(USUAL_DAYS);
    if !(1..=DAYS_MAX).contains(&days) {
        let (en, zh) = (format!("A link lives for 1 to {DAYS_MAX} days."), format!("链接的有效期为 1 至 {DAYS_MAX} 天。"));
        return Err(Error::Invalid { field: Some("days".to_owned()), message: Text::new(en, zh) });
    }
    let token = Token::new(TokenKind::Share, desk.caller.workspace);
    let link = ReportLink {
        link: desk.writing().new_id(),
        dashboard: id,
        user: desk.caller.user,
        created_at: desk.now,
        expires_at: desk.now + days * DAY_MS,
        revoked_at: None,
        opens: 0,
        opened_at: None,
        signed_in: wanted.signed_in,
    };
    add(&desk, link, &token, days).await?;
    let shared = Some(format!("/shared/{}", token.reveal()));
    dashboards::show_with(&desk, row, Beside { shared, ..Beside::default() }).await
}

/// Keeps it, and notes in the audit log who let others see what.
async fn add(desk: &Desk, link: ReportLink, token: &Token, days: i64) -> Result<(), Error> {
    let (workspace, hash, now) = (desk.caller.workspace, token.hash(), desk.now);
    let note = Note::of(workspace, Some(desk.caller.user), Act::ReportShared, link.link.to_string())
        .with(json!({"dashboard": link.dashboard.to_string(), "days": days, "signed_in": link.signed_in}));
    let adding = desk.app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            reports::add(tx, workspace, &link, &hash).await?;
            note.write(tx, now).await
        })
    });
    Ok(adding.await?)
}

/// `POST /dashboards/{id}/links/{link}/revoke`.
pub async fn revoke(desk: Desk, Path((id, link)): Path<(RecordId, RecordId)>) -> Result<Redirect, Error> {
    dashboards::mine(&desk, id).await?;
    let (workspace, now) = (desk.caller.workspace, desk.now);
    let note = Note::of(workspace, Some(desk.caller.user), Act::ReportUnshared, link.to_string());
    let revoking = desk.app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            let known = reports::revoke(tx, workspace, id, link, now).await?;
            if known {
                note.write(tx, now).await?;
            }
            Ok(known)
        })
    });
    if !revoking.await? {
        return Err(Error::NotFound);
    }
    Ok(Redirect::to(&format!("/dashboards/{id}?arrange=true")))
}

#[derive(Template)]
#[template(path = "shared.html")]
struct SharedPage {
    frame: Bare,
    name: String,
    about: String,
    /// What its reader sees, in a sentence.
    eyes: String,
    tiles: Vec<TileView>,
    pdf: String,
    csv: String,
}

/// What who has not signed in sees of a link that demands it.
#[derive(Template)]
#[template(path = "shared_door.html")]
struct DoorPage {
    words: Words,
    style: &'static str,
    logo: &'static str,
}

/// A page without a menu: for who has not signed in.
struct Bare {
    words: Words,
}

impl Bare {
    fn icons(&self) -> &'static str {
        assets::icons()
    }

    fn style(&self) -> &'static str {
        assets::style()
    }

    fn logo(&self) -> &'static str {
        assets::logo()
    }
}

/// What a link opens: the desk through whose eyes it is read, and the dashboard; or a door, for who has to sign in first.
enum Opened {
    Desk(Box<Desk>, ReportLink),
    Door,
}

/// The desk behind a link: its maker's, or the reader's own where the maker wants that. Every opening is counted.
async fn open(app: &App, headers: &HeaderMap, token: &str, reader: Option<Caller>) -> Result<Opened, Error> {
    let gone = || Error::NotFound;
    let token = Token::parse(TokenKind::Share, token).ok_or_else(gone)?;
    let workspace = token.workspace();
    let found = reports::by_token(&mut app.store.reader().await?, workspace, &token.hash()).await?;
    let now = app.clock.now();
    let (link, maker) = found.ok_or_else(gone)?;
    // Who was shut out shows nothing to anybody any more.
    if link.revoked_at.is_some() || link.expires_at <= now || maker.disabled_at.is_some() {
        return Err(Error::NotFound);
    }
    let eyes = match link.signed_in {
        true => reader.filter(|reader| reader.workspace == workspace),
        false => Some(Caller::seeing(maker)),
    };
    let Some(eyes) = eyes else { return Ok(Opened::Door) };
    let opened = link.link;
    let counting =
        app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { reports::opened(tx, workspace, opened, now).await }));
    counting.await?;
    Ok(Opened::Desk(Box::new(Desk::through_the_eyes_of(app, eyes, headers)), link))
}

/// Whoever asks, if they have signed in.
type Reader = Result<Person, Error>;

/// What a link answers: the door, or what is made of the dashboard.
async fn answered(
    app: &App,
    headers: &HeaderMap,
    token: &str,
    reader: Reader,
    show: impl AsyncFnOnce(&Desk, &Row, &ReportLink) -> Result<Response, Error>,
) -> Result<Response, Error> {
    let response = match open(app, headers, token, reader.ok().map(|Person(caller)| caller)).await? {
        Opened::Door => {
            let page = DoorPage { words: Words(accepted_language(headers)), style: assets::style(), logo: assets::logo() };
            let door = answer(StatusCode::UNAUTHORIZED, &page)?;
            coming_back(app, &format!("/shared/{token}"), door)
        }
        Opened::Desk(desk, link) => {
            let row = dashboards::row(&desk, link.dashboard).await?;
            show(&desk, &row, &link).await?
        }
    };
    Ok((unlisted(), response).into_response())
}

/// `GET /shared/{token}`.
pub async fn page(State(app): State<App>, Path(token): Path<String>, reader: Reader, headers: HeaderMap) -> Result<Response, Error> {
    answered(&app, &headers, &token, reader, async |desk, row, link| {
        let name = &desk.caller.name;
        let page = SharedPage {
            frame: Bare { words: desk.words },
            name: dashboards::title_of(desk, row).to_owned(),
            about: super::list::about(desk),
            eyes: desk.words.fill(if link.signed_in { "share.seen_by_reader" } else { "share.seen_by_maker" }, &[name]),
            tiles: dashboards::tiles(desk, row, None).await?,
            pdf: format!("/shared/{token}/report.pdf"),
            csv: format!("/shared/{token}/report.csv"),
        };
        answer(StatusCode::OK, &page)
    })
    .await
}

/// `GET /shared/{token}/report.pdf`.
pub async fn pdf(State(app): State<App>, Path(token): Path<String>, reader: Reader, headers: HeaderMap) -> Result<Response, Error> {
    taken(&app, &headers, &token, reader, "pdf", async |desk, row| dashboards::printed(desk, row).await).await
}

/// `GET /shared/{token}/report.csv`.
pub async fn csv(State(app): State<App>, Path(token): Path<String>, reader: Reader, headers: HeaderMap) -> Result<Response, Error> {
    taken(&app, &headers, &token, reader, "csv", async |desk, row| dashboards::calculated(desk, row).await).await
}

/// A dashboard as a file. That it was taken out is noted: by its reader, or by who knows the link and nobody else does. Once a
/// day: programs fetch it every few minutes, and whoever knows the link could fill the log.
async fn taken(
    app: &App,
    headers: &HeaderMap,
    token: &str,
    reader: Reader,
    format: &str,
    file: impl AsyncFnOnce(&Desk, &Row) -> Result<Response, Error>,
) -> Result<Response, Error> {
    answered(app, headers, token, reader, async |desk, row, link| {
        let file = file(desk, row).await?;
        let note = Note::of(desk.caller.workspace, link.signed_in.then_some(desk.caller.user), Act::Exported, DASHBOARD);
        note.with(json!({"format": format, "dashboard": row.id, "link": link.link})).keep_once_a_day(&desk.app.store, desk.now).await?;
        Ok(file)
    })
    .await
}

/// An address with a secret in it is told to nobody else, and found by no search engine.
fn unlisted() -> [(header::HeaderName, HeaderValue); 2] {
    [
        (header::HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ]
}

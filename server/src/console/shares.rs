//! Links under which a dashboard is read without signing in: what their maker may see, until they end.
//!
//! Nothing can be changed through one, and every opening is counted. Making and taking back stand in the audit log.

use askama::Template;
use axum::extract::{Path, State};
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
use super::words::Words;
use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::Caller;
use crate::auth::secret::{Token, TokenKind};
use crate::error::{Error, Text};
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
        opens: desk.words.count("share.opens", link.opens),
        over: link.expires_at <= desk.now,
    };
    Ok(links.into_iter().map(view).collect())
}

/// What somebody wants.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    days: Option<i64>,
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
    };
    add(&desk, link, &token, days).await?;
    let shared = Some(format!("/shared/{}", token.reveal()));
    dashboards::show_with(&desk, row, Beside { shared, ..Beside::default() }).await
}

/// Keeps it, and notes in the audit log who let others see what.
async fn add(desk: &Desk, link: ReportLink, token: &Token, days: i64) -> Result<(), Error> {
    let (workspace, hash, now) = (desk.caller.workspace, token.hash(), desk.now);
    let note = Note::of(workspace, Some(desk.caller.user), Act::ReportShared, link.link.to_string())
        .with(json!({"dashboard": link.dashboard.to_string(), "days": days}));
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
    tiles: Vec<TileView>,
    pdf: String,
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

/// The maker's desk, and the link; every opening is counted.
async fn open(app: &App, headers: &HeaderMap, token: &str) -> Result<(Desk, ReportLink), Error> {
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
    let opened = link.link;
    let counting =
        app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { reports::opened(tx, workspace, opened, now).await }));
    counting.await?;
    Ok((Desk::through_the_eyes_of(app, Caller::seeing(maker), headers), link))
}

/// `GET /shared/{token}`.
pub async fn page(State(app): State<App>, Path(token): Path<String>, headers: HeaderMap) -> Result<Response, Error> {
    let (desk, link) = open(&app, &headers, &token).await?;
    let row = dashboards::row(&desk, link.dashboard).await?;
    let page = SharedPage {
        frame: Bare { words: desk.words },
        name: dashboards::title_of(&desk, &row).to_owned(),
        about: super::list::about(&desk),
        tiles: dashboards::tiles(&desk, &row, None).await?,
        pdf: format!("/shared/{token}/report.pdf"),
    };
    Ok((unlisted(), answer(StatusCode::OK, &page)?).into_response())
}

/// `GET /shared/{token}/report.pdf`.
pub async fn pdf(State(app): State<App>, Path(token): Path<String>, headers: HeaderMap) -> Result<Response, Error> {
    let (desk, link) = open(&app, &headers, &token).await?;
    let row = dashboards::row(&desk, link.dashboard).await?;
    Ok((unlisted(), dashboards::printed(&desk, &row).await?).into_response())
}

/// An address with a secret in it is told to nobody else, and found by no search engine.
fn unlisted() -> [(header::HeaderName, HeaderValue); 2] {
    [
        (header::HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ]
}

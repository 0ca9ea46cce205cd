//! What changed, told to pages that stay open, as server-sent events.
//!
//! Follows the feed's head and names records, never their content: the script asks for that as usual. A
//! notice is a hint; a page that misses one shows it at the next.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde::Deserialize;
use serde_json::json;
use sync_core::id::WorkspaceId;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::app::App;
use crate::auth::Caller;
use crate::error::Error;
use crate::intake::DeskNews;
use crate::reading::{News, Reading};

/// What arrives together is told together: an import of thousands is a few notices a second.
const GATHER: Duration = Duration::from_millis(150);

/// How often it is asked whether the listener is still signed in.
const CHECK_EVERY: Duration = Duration::from_secs(30);

/// A silent connection shows that it lives: below the idle limits of proxies.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How soon a browser comes back after the connection broke.
const RETRY: Duration = Duration::from_millis(500);

struct Listener {
    app: App,
    /// None once it is known that the session ended.
    caller: Option<Caller>,
    position: u64,
    head: watch::Receiver<u64>,
    desk: broadcast::Receiver<DeskNews>,
    /// Of the list of devices alone: phones speak more often than anything else happens.
    devices: Option<broadcast::Receiver<WorkspaceId>>,
    check_at: Instant,
}

/// What a page says when it begins to listen.
#[derive(Deserialize)]
pub struct From {
    /// Where the feed was when the page was made: what came since is told at once.
    after: Option<u64>,
    /// What it shows: a kind, a record, `*`, or `devices`.
    #[serde(default)]
    of: Box<str>,
}

/// `GET /events`.
///
/// # Errors
/// When the database fails.
pub async fn stream(State(app): State<App>, caller: Caller, Query(from): Query<From>, headers: HeaderMap) -> Result<Response, Error> {
    let mut head = app.intake.head();
    let present = Reading::of(&app, &caller).position().await?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    // What came while the browser was away is told at once.
    head.mark_changed();
    let position = last.or(from.after).filter(|seen| *seen <= present).unwrap_or(present);
    let desk = app.intake.desk_news();
    let devices = (&*from.of == "devices").then(|| app.auth.news_of_devices());
    let listener = Listener { app, caller: Some(caller), position, head, desk, devices, check_at: Instant::now() + CHECK_EVERY };
    let events = unfold(listener, |mut listener| async {
        let event = listener.next().await?;
        Some((Ok::<Event, Infallible>(event), listener))
    });
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))).into_response())
}

impl Listener {
    /// The next notice; none when the connection ends.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let caller = self.caller.clone()?;
            let app = self.app.clone();
            tokio::select! {
                changed = self.head.changed() => {
                    changed.ok()?;
                    sleep(GATHER).await;
                    if let Some(event) = self.news(&caller).await {
                        return Some(event);
                    }
                }
                news = self.desk.recv() => {
                    if concerns(&news, &caller) {
                        return Some(self.desk_event(&caller, news).await);
                    }
                }
                news = of_devices(&mut self.devices) => {
                    if news.map_or(true, |workspace| workspace == caller.workspace) {
                        return Some(self.device_event().await);
                    }
                }
                () = sleep_until(self.check_at) => {
                    self.check_at = Instant::now() + CHECK_EVERY;
                    if !self.check(&caller).await {
                        return Some(Event::default().event("gone").data("-"));
                    }
                }
                () = app.until_stopping() => return None,
            }
        }
    }

    async fn news(&mut self, caller: &Caller) -> Option<Event> {
        self.head.mark_unchanged();
        match Reading::of(&self.app, caller).news(self.position).await {
            Ok(news) => {
                self.position = news.position;
                (news.more || !news.records.is_empty()).then(|| event(&news))
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "news for open pages could not be read; the next change tries again"
                );
                None
            }
        }
    }

    /// What a page is told of its desk: that it has changed, or that it is its reader's turn to speak.
    async fn desk_event(&self, caller: &Caller, news: Result<DeskNews, RecvError>) -> Event {
        let asked = news.ok().and_then(|news| news.asked);
        let is_asked = match asked {
            None => Ok(false),
            Some(change) => Reading::of(&self.app, caller).is_asked(change).await,
        };
        let is_asked = is_asked.unwrap_or_else(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "whose turn it is could not be read; the desk shows it");
            false
        });
        // For pages that show everything; it moves no position.
        Event::default().event(if is_asked { "turn" } else { "desk" }).data("-")
    }

    /// What a list of devices is told: once of all that happened at the same time.
    async fn device_event(&mut self) -> Event {
        sleep(GATHER).await;
        self.devices = self.devices.as_ref().map(broadcast::Receiver::resubscribe);
        Event::default().event("devices").data("-")
    }

    /// Whether the listener is still signed in; their rights may have changed.
    async fn check(&mut self, caller: &Caller) -> bool {
        // A database that does not answer shuts nobody out: the next look will tell.
        self.caller = self.app.auth.again(caller).await.unwrap_or_else(|_| Some(caller.clone()));
        self.caller.is_some()
    }
}

/// The next word of devices, for a page that shows them.
async fn of_devices(news: &mut Option<broadcast::Receiver<WorkspaceId>>) -> Result<WorkspaceId, RecvError> {
    match news {
        Some(news) => news.recv().await,
        None => std::future::pending().await,
    }
}

/// Whether something happened at the caller's desk. Of news that were missed nobody knows: yes.
fn concerns(news: &Result<DeskNews, RecvError>, caller: &Caller) -> bool {
    news.as_ref().map_or(true, |news| news.workspace == caller.workspace)
}

fn event(news: &News) -> Event {
    let data = json!({ "kinds": news.kinds, "records": news.records, "more": news.more });
    Event::default().event("change").id(news.position.to_string()).retry(RETRY).data(data.to_string())
}

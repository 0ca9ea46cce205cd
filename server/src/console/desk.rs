//! What every page of the console begins with: who asks, what they may see, the frame around it.

use std::convert::Infallible;
use std::sync::Arc;

use askama::Template;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::access::Right;
use sync_core::actions::next::ACTIVITY;
use sync_core::id::Millis;
use sync_core::query::OFFSET_MAX_MINUTES;
use sync_core::schema::{Heading, Kind, Menu, Schema};

use super::assets;
use super::format::Formatter;
use super::sign_in::came_from;
use super::words::{Words, other};
use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::cookie;
use crate::auth::{Caller, Person};
use crate::error::{Error, accepted_language};
use crate::jobs::cell::zone_at;
use crate::language::Language;
use crate::reading::{Names, Reading};
use crate::ready::DASHBOARD;
use crate::writing::Writing;

/// The headings of the side menu. Which kinds stand below, and where, they say themselves; those that do not, a workspace's
/// own, come under `menu.own`.
const MENU: [(Heading, &str); 4] = [
    (Heading::Sales, "menu.sales"),
    (Heading::Service, "menu.service"),
    (Heading::Market, "menu.market"),
    (Heading::System, "menu.system"),
];

/// The kind whose records are kinds.
const KINDS: &str = "kind";

/// Everything a handler of the console needs; made from a [`Caller`], so nobody has one without signing in.
#[derive(Clone)]
pub struct Desk {
    /// The server.
    pub app: App,
    /// Who asks.
    pub caller: Caller,
    /// What they may see.
    pub reading: Reading,
    /// Their language.
    pub words: Words,
    /// The time.
    pub now: Millis,
    /// Their clock minus UTC, in minutes, as their browser says: days are theirs.
    pub offset_minutes: i32,
    /// The zone of their clock, where the browser names one that is known here.
    zone: Option<TimeZone>,
    /// Where the feed was before anything of the page was read; none for what does not stay open.
    pub since: Option<u64>,
    /// Where a form was sent from: what answers it may stand at an address that shows no page.
    back: Option<String>,
}

/// The frame around a page.
pub struct Frame {
    /// The language.
    pub words: Words,
    /// What the browser's tab says.
    pub title: String,
    /// The menu's groups of kinds.
    pub menu: Vec<MenuGroup>,
    /// What waits for somebody.
    pub work: Vec<MenuItem>,
    /// Who is signed in.
    pub user: String,
    /// Their id: what one person typed is put back for nobody else.
    pub who: String,
    /// Where help for this page is.
    pub help: String,
    /// The other language: tag and name.
    pub other: (&'static str, &'static str),
    /// From where on an open page wants to be told what changes.
    pub since: Option<u64>,
    /// Where switching the language leads, if not to the page's own address.
    pub back: Option<String>,
}

/// A heading of the menu with its pages.
pub struct MenuGroup {
    /// The heading.
    pub label: &'static str,
    /// The pages.
    pub items: Vec<MenuItem>,
}

/// A page in the menu.
pub struct MenuItem {
    /// Where it is.
    pub href: String,
    /// Its name.
    pub label: String,
    /// Its icon.
    pub icon: String,
    /// Whether it is the present page.
    pub here: bool,
    /// How much waits there.
    pub count: Option<String>,
}

impl FromRequestParts<App> for Desk {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let Person(caller) = Person::from_request_parts(parts, app).await?;
        let desk = Self::through_the_eyes_of(app, caller, &parts.headers);
        let back = (parts.method == Method::POST).then(|| came_from(&parts.headers));
        Ok(Self { since: Some(desk.reading.position().await?), back, ..desk })
    }
}

/// The cookie in which the script says how far the browser's clock is from UTC now, and its zone: `120/Europe/Berlin`.
const ZONE_COOKIE: &str = "zone";

fn clock_of(headers: &HeaderMap) -> (i32, Option<TimeZone>) {
    let (minutes, zone) = cookie::value(headers, ZONE_COOKIE).map_or(("", ""), |value| value.split_once('/').unwrap_or((value, "")));
    let minutes = minutes.parse::<i32>().unwrap_or_default().clamp(-OFFSET_MAX_MINUTES, OFFSET_MAX_MINUTES);
    (minutes, TimeZone::get(zone).ok().filter(|zone| !zone.is_unknown()))
}

impl Desk {
    /// What somebody else sees, for those whom they let see it.
    pub fn through_the_eyes_of(app: &App, caller: Caller, headers: &HeaderMap) -> Self {
        let (reading, words) = (Reading::of(app, &caller), Words(caller.language));
        let (offset_minutes, zone) = clock_of(headers);
        Self { words, now: app.clock.now(), app: app.clone(), reading, caller, offset_minutes, zone, since: None, back: None }
    }

    /// The zone of their clock: by its name, for moments of summer and winter, or as far from UTC as it is now.
    pub fn zone(&self) -> TimeZone {
        self.zone.clone().unwrap_or_else(|| zone_at(self.offset_minutes))
    }

    /// The frame of a page; `here` is its address, to mark it in the menu.
    pub async fn frame(&self, title: &str, here: &str) -> Result<Frame, Error> {
        let reading = &self.reading;
        let (open, mentions, followed, (tasks, theirs)) =
            tokio::try_join!(reading.open(), reading.new_mentions(), reading.new_of_followed(), reading.open_tasks())?;
        let tasks_href = format!("/records/{ACTIVITY}?sort=due&where={}", super::list::encoded(&theirs.to_string()));
        let item = |href: &str, key, icon: &str, count: u64| MenuItem {
            here: href == here,
            href: href.to_owned(),
            label: self.words.say(key).to_owned(),
            icon: icon.to_owned(),
            count: (count > 0).then(|| super::format::grouped(&count.to_string())),
        };
        let work = vec![
            item(&tasks_href, "menu.tasks", "check", tasks),
            item("/conflicts", "menu.conflicts", "conflict", open.conflicts),
            item("/rejected", "menu.rejected", "rejected", open.refused),
            item("/mentions", "menu.mentions", "comment", mentions),
            item("/followed", "menu.followed", "pin", followed),
            item("/plan", "menu.plan", ACTIVITY, 0),
            item("/collisions", "menu.collisions", "collision", 0),
            item("/duplicates", "menu.duplicates", "twins", 0),
            item("/gaps", "menu.gaps", "warning", 0),
        ];
        Ok(Frame {
            words: self.words,
            title: title.to_owned(),
            menu: self.menu(here),
            work,
            user: self.caller.name.clone(),
            who: self.caller.user.to_string(),
            help: super::help::address_for(here),
            other: other(self.words.0),
            since: self.since,
            back: self.back.clone(),
        })
    }

    /// Writes into the audit log what the caller did.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note(&self, act: Act, subject: &str, detail: Json) -> Result<(), Error> {
        let note = Note::of(self.caller.workspace, Some(self.caller.user), act, subject).with(detail);
        Ok(note.keep(&self.app.store, self.now).await?)
    }

    /// What shows the values of records that link to others with these names.
    pub fn formatter<'n>(&self, names: &'n Names) -> Formatter<'n> {
        Formatter { words: self.words, names, home: self.reading.country() }
    }

    /// What the caller writes with.
    pub fn writing(&self) -> Writing {
        Writing::of(&self.app, &self.caller)
    }

    /// Whether the caller has a right that is not about single records.
    pub fn may(&self, right: Right) -> bool {
        self.reading.roles().may(&self.caller.role, right)
    }

    fn menu(&self, here: &str) -> Vec<MenuGroup> {
        let item = |kind: &Kind| {
            // What kinds hold is said better on their own page than in a list of their records.
            let (href, label) = match &*kind.name {
                KINDS => ("/kinds".to_owned(), self.words.say("menu.kinds").to_owned()),
                name => (format!("/records/{name}"), self.words.label(&kind.plural).to_owned()),
            };
            let is_here = href == here || *here == *format!("/records/{}", kind.name);
            MenuItem { here: is_here, href, label, icon: icon(&kind.name).to_owned(), count: None }
        };
        // Dashboards have a page of their own, which leads to their records.
        let listed = |kind: &&Arc<Kind>| &*kind.name != DASHBOARD;
        let mut kinds: Vec<&Arc<Kind>> = self.reading.kinds().filter(listed).collect();
        kinds.sort_by_key(|kind| place(kind));
        let below = |heading: Option<Heading>| {
            kinds.iter().filter(|kind| kind.menu.map(|menu| menu.under) == heading).map(|kind| item(kind)).collect()
        };
        let mut menu: Vec<MenuGroup> =
            MENU.iter().map(|(heading, key)| MenuGroup { label: self.words.say(key), items: below(Some(*heading)) }).collect();
        if let Some(first) = menu.first_mut() {
            let (href, label) = ("/dashboards".to_owned(), self.words.say("menu.dashboards").to_owned());
            first.items.insert(0, MenuItem { here: here == href, href, label, icon: "chart".to_owned(), count: None });
        }
        if let Some(system) = menu.last_mut().filter(|_| self.may(Right::Administer)) {
            let shown = |(href, ..): &(&str, &str, &str)| *href != RETENTION || self.may(Right::Purge);
            for (href, key, icon) in ADMINISTRATION.into_iter().filter(shown) {
                let (href, label, icon) = (href.to_owned(), self.words.say(key).to_owned(), icon.to_owned());
                system.items.push(MenuItem { here: here == href, href, label, icon, count: None });
            }
        }
        menu.push(MenuGroup { label: self.words.say("menu.own"), items: below(None) });
        menu.retain(|group| !group.items.is_empty());
        menu
    }

    /// Where somebody begins: the first kind that they may see.
    pub fn start(&self) -> String {
        let menu = self.menu("");
        let first = menu.iter().flat_map(|group| &group.items).find(|item| item.href.starts_with("/records/"));
        first.map_or_else(|| "/conflicts".to_owned(), |item| item.href.clone())
    }
}

/// Of those who administer, the page of those who may erase.
const RETENTION: &str = "/retention";

/// The pages of those who administer: address, name, icon.
const ADMINISTRATION: [(&str, &str, &str); 13] = [
    ("/admin", "menu.admin", "columns"),
    ("/people", "menu.people", "member"),
    ("/teams", "menu.teams", "party"),
    ("/roles", "menu.roles", "rule"),
    ("/adoption", "menu.adoption", "chart"),
    ("/handover", "menu.handover", "right"),
    ("/imports", "menu.imports", "import"),
    ("/devices", "menu.devices", "device"),
    ("/lead-forms", "menu.leads", "inbox"),
    ("/keys", "menu.keys", "rule"),
    ("/webhooks", "menu.webhooks", "refresh"),
    (RETENTION, "menu.retention", "archive"),
    ("/audit", "menu.audit", "history"),
];

/// The icon of kinds that have none.
const OTHER: &str = "other";

/// The icon of kinds that say how the workspace works.
const SETTING: &str = "columns";

/// Where a kind stands among others: as in menus, those without a place there last.
pub fn place(kind: &Kind) -> (bool, Option<Menu>) {
    (kind.menu.is_none(), kind.menu)
}

/// Whether records of a kind say how the workspace works, or are somebody's alone.
pub fn is_setting(kind: &Kind) -> bool {
    kind.menu.is_some_and(|menu| matches!(menu.under, Heading::System | Heading::Settings))
}

/// The icon of a kind: its own, if it is a built-in one for which one is drawn.
pub fn icon(kind: &str) -> &str {
    match Schema::builtin().kind(kind).map(|kind| kind.menu.map(|menu| menu.under)) {
        Some(Some(Heading::Settings)) => SETTING,
        Some(_) if assets::has_icon(kind) => kind,
        _ => OTHER,
    }
}

impl Frame {
    /// Whether anything waits for whoever reads the page.
    pub fn waits(&self) -> bool {
        self.work.iter().any(|item| item.count.is_some())
    }

    /// The style sheet.
    pub fn style(&self) -> &'static str {
        assets::style()
    }

    /// The script.
    pub fn script(&self) -> &'static str {
        assets::script()
    }

    /// All icons.
    pub fn icons(&self) -> &'static str {
        assets::icons()
    }

    /// The logo.
    pub fn logo(&self) -> &'static str {
        assets::logo()
    }
}

/// A page as an answer.
pub fn page(status: StatusCode, template: &impl Template) -> Result<Response, Error> {
    let html = template.render().map_err(|error| Error::Internal(error.into()))?;
    Ok((status, Html(html)).into_response())
}

/// The cookie in which the script says in which language somebody read who was signed in.
const LANGUAGE_COOKIE: &str = "language";

/// The language of somebody who has not signed in: as asked for in the address, as they read before, or as their browser prefers.
pub struct GuestLanguage(pub Language);

#[derive(Deserialize)]
struct Asked {
    lang: Option<String>,
}

impl FromRequestParts<App> for GuestLanguage {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let asked = Query::<Asked>::try_from_uri(&parts.uri).ok().and_then(|Query(asked)| asked.lang);
        let tag = asked.as_deref().or_else(|| cookie::value(&parts.headers, LANGUAGE_COOKIE));
        Ok(Self(tag.map_or_else(|| accepted_language(&parts.headers), Language::of_tag)))
    }
}

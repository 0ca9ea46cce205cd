//! The audit log, newest first, for those who administer; whether it is sound is checked on demand.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use sync_core::access::Right;
use sync_core::id::{Millis, RecordId};

use super::desk::{Desk, Frame, page as answer};
use super::format::{self, Shown};
use super::list::encoded;
use super::told::{Sentence, Told};
use crate::audit::{self, Act, Tampered};
use crate::auth::normal_login;
use crate::error::{Error, Text};
use crate::files::hex;
use crate::store::people::{self, User};
use crate::store::trail::{self, EntryRow, Wanted};

/// Entries on a page.
const PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    acts: Vec<(&'static str, &'static str, bool)>,
    people: Vec<(String, String, bool)>,
    from: String,
    to: String,
    about: String,
    /// Why nothing is listed.
    problem: Option<&'static str>,
    /// Whether entries are left out.
    narrowed: bool,
    sound: Option<String>,
    tampered: Option<String>,
    rows: Vec<EntryView>,
    next: Option<String>,
}

struct EntryView {
    number: u64,
    at: Shown,
    who: Shown,
    before: String,
    subject: Shown,
    after: String,
    facts: String,
    raw: String,
}

/// What the address asks for.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    act: String,
    /// Whose acts: an id, or [`NOBODY`].
    #[serde(default)]
    by: String,
    /// The first day.
    #[serde(default)]
    from: String,
    /// The last day.
    #[serde(default)]
    to: String,
    /// The record or the person that it is about: an id, the address of a page, or a login.
    #[serde(default)]
    about: String,
    before: Option<u64>,
    #[serde(default)]
    verify: bool,
}

/// In the address: what no person did.
const NOBODY: &str = "nobody";

impl Asked {
    /// What is wanted of the log, or the key of what cannot be found or read.
    fn wanted(&self, users: &[User], offset_minutes: i32) -> Result<Wanted, &'static str> {
        let by = match self.by.as_str() {
            "" => None,
            NOBODY => Some(None),
            id => Some(Some(id.parse().map_err(|_| "audit.no_person")?)),
        };
        let moment = |day: &str, end: bool| if day.is_empty() { Ok(None) } else { bound(day, end, offset_minutes).map(Some) };
        Ok(Wanted {
            act: Some(self.act.clone()).filter(|act| !act.is_empty()),
            by,
            from: moment(&self.from, false)?,
            until: moment(&self.to, true)?,
            about: self.subject(users)?,
        })
    }

    /// The id that the typed text names.
    fn subject(&self, users: &[User]) -> Result<Option<String>, &'static str> {
        let typed = self.about.trim();
        if typed.is_empty() {
            return Ok(None);
        }
        let login = normal_login(typed);
        let named = users.iter().find(|user| user.login == login).map(|user| user.user.to_string());
        let id = || typed.split(['/', '?', '#']).rev().find_map(|part| part.parse::<RecordId>().ok()).map(|id| id.to_string());
        named.or_else(id).map(Some).ok_or("audit.no_subject")
    }

    /// The same without a place in the log.
    fn address(&self) -> String {
        let parts = [("act", &self.act), ("by", &self.by), ("from", &self.from), ("to", &self.to), ("about", &self.about)];
        let named = parts.iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| format!("{name}={}&", encoded(text)));
        format!("/audit?{}", named.collect::<String>())
    }
}

/// The first or the last moment of a day, where the reader is.
fn bound(day: &str, end: bool, offset_minutes: i32) -> Result<Millis, &'static str> {
    let date: jiff::civil::Date = day.parse().map_err(|_| "audit.no_day")?;
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| "audit.no_day")?.timestamp().as_millisecond();
    let start = midnight - Millis::from(offset_minutes) * 60_000;
    Ok(if end { start + DAY_MS - 1 } else { start })
}

const DAY_MS: Millis = 86_400_000;

/// A page of what is asked for, and one more if there is one.
async fn found(desk: &Desk, asked: &Asked, wanted: &Wanted) -> Result<Vec<EntryRow>, Error> {
    let mut tx = desk.app.store.reader().await?;
    Ok(trail::wanted_before(&mut tx, desk.caller.workspace, asked.before.unwrap_or(u64::MAX), wanted, PAGE + 1).await?)
}

/// `GET /audit`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let no = || Error::Forbidden(Text::new("The audit log is the administrators'.", "审计日志仅供管理员查看。"));
    desk.may(Right::Administer).then_some(()).ok_or_else(no)?;
    let users = people::users(&mut desk.app.store.reader().await?, desk.caller.workspace).await?;
    let wanted = asked.wanted(&users, desk.offset_minutes);
    let mut entries = match &wanted {
        Ok(wanted) => found(&desk, &asked, wanted).await?,
        Err(_) => Vec::new(),
    };
    let is_last = entries.len() <= PAGE as usize;
    entries.truncate(PAGE as usize);
    let next = entries.last().filter(|_| !is_last).map(|last| format!("{}before={}", asked.address(), last.number));
    let (sound, tampered) = if asked.verify { verified(&desk).await? } else { (None, None) };
    let told = Told::of(&desk, &users, &entries).await?;
    let page = AuditPage {
        frame: desk.frame(desk.words.say("menu.audit"), "/audit").await?,
        people: people_choices(&desk, &users, &asked.by),
        narrowed: wanted.as_ref().is_ok_and(|wanted| *wanted != Wanted::default()),
        problem: wanted.err().map(|key| desk.words.say(key)),
        acts: act_choices(&desk, &asked.act),
        from: asked.from,
        to: asked.to,
        about: asked.about,
        sound,
        tampered,
        rows: entries.iter().map(|entry| entry_view(&told, entry)).collect(),
        next,
    };
    answer(StatusCode::OK, &page)
}

fn act_choices(desk: &Desk, chosen: &str) -> Vec<(&'static str, &'static str, bool)> {
    let label = |act: &Act| desk.words.0.of(act.label().0, act.label().1);
    Act::ALL.iter().map(|act| (act.as_str(), label(act), act.as_str() == chosen)).collect()
}

/// Whose acts can be asked for: everybody's with an account, and what nobody's account did.
fn people_choices(desk: &Desk, users: &[User], chosen: &str) -> Vec<(String, String, bool)> {
    let known = users.iter().map(|user| (user.user.to_string(), user.name.clone()));
    let nobody = (NOBODY.to_owned(), desk.words.say("audit.nobody").to_owned());
    known.chain([nobody]).map(|(value, label)| (value.clone(), label, value == chosen)).collect()
}

async fn verified(desk: &Desk) -> Result<(Option<String>, Option<String>), Error> {
    let verified = audit::verify(&desk.app.store, desk.caller.workspace, &[]).await?;
    let at = |number: u64| number.to_string();
    Ok(match verified.tampered {
        None => {
            (Some(desk.words.fill("audit.sound", &[&at(verified.entries), &audit::head_text(&(verified.entries, verified.head))])), None)
        }
        Some(Tampered::Altered(number) | Tampered::Rewritten(number)) => (None, Some(desk.words.fill("audit.altered", &[&at(number)]))),
        Some(Tampered::Missing(number)) => (None, Some(desk.words.fill("audit.missing", &[&at(number)]))),
        Some(Tampered::Added(number)) => (None, Some(desk.words.fill("audit.added", &[&number.to_string()]))),
        Some(Tampered::Emptied) => (None, Some(desk.words.say("audit.emptied").to_owned())),
        Some(Tampered::Cut { found, expected }) => (None, Some(desk.words.fill("audit.cut", &[&at(found), &at(expected)]))),
    })
}

fn entry_view(told: &Told<'_>, entry: &EntryRow) -> EntryView {
    let Sentence { before, subject, after, facts } = told.sentence(entry);
    EntryView {
        number: entry.number,
        at: format::moment(entry.at),
        who: told.who(entry.user),
        before,
        subject,
        after,
        facts: facts.join(" · "),
        raw: format!("{} {} {} {}", entry.act, entry.subject, entry.detail, hex(&entry.hash)),
    }
}

//! The audit log, newest first, for those who administer; whether it is sound is checked on demand.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use sync_core::access::Right;

use super::desk::{Desk, Frame, page as answer};
use super::format::{self, Shown};
use super::told::{Sentence, Told};
use crate::audit::{self, Act, Tampered};
use crate::error::{Error, Text};
use crate::files::hex;
use crate::store::people;
use crate::store::trail::{self, EntryRow};

/// Entries on a page.
const PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    acts: Vec<(&'static str, &'static str, bool)>,
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
    before: Option<u64>,
    #[serde(default)]
    verify: bool,
}

/// `GET /audit`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    if !desk.may(Right::Administer) {
        return Err(Error::Forbidden(Text::new("The audit log is the administrators'.", "审计日志仅供管理员查看。")));
    }
    let act = Some(asked.act.as_str()).filter(|act| !act.is_empty());
    let mut tx = desk.app.store.reader().await?;
    let users = people::users(&mut tx, desk.caller.workspace).await?;
    let mut entries = trail::before(&mut tx, desk.caller.workspace, asked.before.unwrap_or(u64::MAX), act, PAGE + 1).await?;
    drop(tx);
    let more = entries.len() > PAGE as usize;
    entries.truncate(PAGE as usize);
    let next = entries.last().filter(|_| more).map(|last| format!("/audit?act={}&before={}", asked.act, last.number));
    let (sound, tampered) = if asked.verify { verified(&desk).await? } else { (None, None) };
    let told = Told::of(&desk, &users, &entries).await?;
    let label = |act: &Act| desk.words.0.of(act.label().0, act.label().1);
    let page = AuditPage {
        frame: desk.frame(desk.words.say("menu.audit"), "/audit").await?,
        acts: Act::ALL.iter().map(|act| (act.as_str(), label(act), act.as_str() == asked.act)).collect(),
        sound,
        tampered,
        rows: entries.iter().map(|entry| entry_view(&told, entry)).collect(),
        next,
    };
    answer(StatusCode::OK, &page)
}

async fn verified(desk: &Desk) -> Result<(Option<String>, Option<String>), Error> {
    let verified = audit::verify(&desk.app.store, desk.caller.workspace, None).await?;
    let at = |number: u64| number.to_string();
    Ok(match verified.tampered {
        None => {
            (Some(desk.words.fill("audit.sound", &[&at(verified.entries), &format!("{}:{}", verified.entries, hex(&verified.head))])), None)
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

//! What the law asks about one person: what there is, everything as a file, erasing it, and the proof.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use sync_core::id::{RecordId, UserId};
use sync_core::schema::Kind;

use super::desk::{Desk, Frame, page as answer};
use super::format::{self, Shown};
use crate::error::Error;
use crate::place::Path;
use crate::privacy::{self, Consent, Glance, HeldBy, OnPhone, Proof};
use crate::reading::{Asked, Linked, Slice};
use crate::store::erasure::ErasedRow;
use crate::store::people::{self, User};

#[derive(Template)]
#[template(path = "privacy.html")]
struct PrivacyPage {
    frame: Frame,
    id: String,
    title: String,
    kind: String,
    problem: Option<&'static str>,
    done: Option<&'static str>,
    kept: Option<String>,
    /// How much of what there is.
    holds: Vec<String>,
    /// The records that name it: what each is called, of which kind, and where it is.
    about: Vec<(String, String, String)>,
    more: Option<String>,
    /// None of a kind that holds none.
    consents: Option<Vec<Consented>>,
}

/// A purpose, the colour and the word for what was said last, and when.
type Consented = (String, &'static str, &'static str, Option<Shown>);

#[derive(Template)]
#[template(path = "erased.html")]
struct ErasedPage {
    frame: Frame,
    id: String,
    rows: Vec<(&'static str, u64)>,
    look_at: String,
    /// The records that named it: what they are called, and where they are. What is out of sight is called by its id.
    naming: Vec<Shown>,
    more: Option<String>,
    /// When, and by whom.
    when: Shown,
    who: String,
    /// Databases that restores moved aside: it may be in them.
    aside: Vec<String>,
    /// Phones that held it: what each is called, whose it is, what has become of it there, and when it was in touch.
    phones: Vec<[String; 4]>,
}

/// Records that name a person and are listed; of more it says how many.
const NAMING_MAX: usize = 100;

#[derive(Template)]
#[template(path = "erasures.html")]
struct ErasuresPage {
    frame: Frame,
    rows: Vec<ErasureView>,
    next: Option<String>,
}

/// A record that was erased.
struct ErasureView {
    href: String,
    id: String,
    kind: String,
    when: Shown,
    who: String,
}

/// Erased records on a page.
const PAGE: u32 = 50;

/// What the address asks for.
#[derive(Deserialize)]
pub struct Page {
    after: Option<String>,
}

/// `GET /privacy`: what was erased, newest first, each with its proof.
pub async fn list(desk: Desk, Query(wanted): Query<Page>) -> Result<Response, Error> {
    let asked = Asked { after: wanted.after, max_size: PAGE };
    let Slice { rows, next } = privacy::erasures(&desk.app, &desk.caller, &asked).await?;
    let users = people::users(&mut desk.app.store.reader().await?, desk.caller.workspace).await?;
    let view = |row: ErasedRow| ErasureView {
        href: format!("/privacy/{}", row.record),
        id: format::short(&row.record.to_string()),
        kind: desk.reading.kind(&row.kind).map_or_else(|_| row.kind.clone(), |kind| desk.words.label(&kind.label).to_owned()),
        when: format::moment(row.at),
        who: by_whom(&desk, &users, row.by),
    };
    let rows = rows.into_iter().map(view).collect();
    let frame = desk.frame(desk.words.say("privacy.erasures"), "/privacy").await?;
    let next = next.map(|next| format!("/privacy?after={next}"));
    answer(StatusCode::OK, &ErasuresPage { frame, rows, next })
}

fn by_whom(desk: &Desk, users: &[User], by: Option<UserId>) -> String {
    let known = by.and_then(|by| users.iter().find(|known| known.user == by)).map(|known| known.name.clone());
    known.unwrap_or_else(|| desk.words.say(if by.is_some() { "who.unknown" } else { "audit.nobody" }).to_owned())
}

/// `GET /privacy/{id}`: the record, or the proof that it was erased.
pub async fn page(desk: Desk, Path(id): Path<RecordId>) -> Result<Response, Error> {
    if desk.reading.row(id).await?.is_none() {
        return proof_page(&desk, id).await;
    }
    show(&desk, id, StatusCode::OK, Said::default()).await
}

/// What the page says on top.
#[derive(Default)]
struct Said {
    problem: Option<&'static str>,
    done: Option<&'static str>,
}

async fn show(desk: &Desk, id: RecordId, status: StatusCode, said: Said) -> Result<Response, Error> {
    let Glance { row, consents, changes, merged, files, about, refused } = privacy::look_at(&desk.app, &desk.caller, id).await?;
    let kind = desk.reading.kind(&row.kind)?.clone();
    let shown = &about[..about.len().min(NAMING_MAX)];
    let names = desk.reading.names_of(shown.to_vec()).await?;
    let held = kind.field(privacy::CONSENTS);
    let purpose = |of: &Consent| privacy::purpose_of(&kind, of).map_or(of.purpose.clone(), |label| desk.words.label(label).to_owned());
    let given = |given: bool| if given { ("green", desk.words.say("value.yes")) } else { ("red", desk.words.say("value.no")) };
    let page = PrivacyPage {
        frame: desk.frame(desk.words.say("privacy.title"), &format!("/records/{}", kind.name)).await?,
        id: id.to_string(),
        title: row.title.clone(),
        kind: kind.name.to_string(),
        problem: said.problem,
        done: said.done,
        kept: why_kept(desk, &kind, id).await?,
        holds: [
            ("privacy.changes", changes),
            ("privacy.files", files),
            ("privacy.merged", merged),
            ("privacy.naming", about.len()),
            ("privacy.refused", refused),
        ]
        .map(|(key, count)| desk.words.count(key, count as u64))
        .to_vec(),
        about: shown.iter().filter_map(|id| names.get(id)).map(|linked| named(desk, linked)).collect(),
        more: about.len().checked_sub(NAMING_MAX).filter(|more| *more > 0).map(|more| desk.words.count("record.more", more as u64)),
        consents: held.map(|_| {
            let view = |consent: Consent| {
                let (colour, word) = given(consent.given);
                (purpose(&consent), colour, word, consent.at.map(format::moment))
            };
            consents.into_iter().map(view).collect()
        }),
    };
    answer(status, &page)
}

/// Why it is not erased here.
async fn why_kept(desk: &Desk, kind: &Kind, id: RecordId) -> Result<Option<String>, Error> {
    if let Some(why) = privacy::kept(&kind.name) {
        return Ok(Some(why.in_language(desk.words.0).to_owned()));
    }
    let is_merged = desk.reading.merged_among(&[id]).await?.contains(&id);
    Ok(is_merged.then(|| privacy::merged_away().in_language(desk.words.0).to_owned()))
}

fn named(desk: &Desk, linked: &Linked) -> (String, String, String) {
    let kind = desk.reading.kind(&linked.kind).map_or(linked.kind.to_string(), |kind| desk.words.label(&kind.label).to_owned());
    (linked.title.clone(), kind, format!("/records/{}/{}", linked.kind, linked.id))
}

/// What was typed, to be sure.
#[derive(Deserialize)]
pub struct Typed {
    title: String,
}

/// `POST /privacy/{id}`: erases it, once its name was typed.
pub async fn erase(desk: Desk, Path(id): Path<RecordId>, Form(typed): Form<Typed>) -> Result<Response, Error> {
    let row = desk.reading.row(id).await?.ok_or(Error::NotFound)?;
    if typed.title.trim() != row.title.trim() {
        let problem = Some(desk.words.say("privacy.not_the_name"));
        return show(&desk, id, StatusCode::UNPROCESSABLE_ENTITY, Said { problem, done: None }).await;
    }
    let (app, caller) = (desk.app.clone(), desk.caller.clone());
    let erased = tokio::spawn(async move { privacy::erase(&app, &caller, id).await });
    erased.await.unwrap_or(Err(Error::NotKept))?;
    proof_page(&desk, id).await
}

/// That somebody knows what they do.
#[derive(Deserialize)]
pub struct Sure {
    sure: Option<String>,
}

/// `POST /privacy/{id}/forget`: what once stood in it.
pub async fn forget(desk: Desk, Path(id): Path<RecordId>, Form(sure): Form<Sure>) -> Result<Response, Error> {
    if sure.sure.is_none() {
        let problem = Some(desk.words.say("privacy.not_sure"));
        return show(&desk, id, StatusCode::UNPROCESSABLE_ENTITY, Said { problem, done: None }).await;
    }
    let (app, caller) = (desk.app.clone(), desk.caller.clone());
    let forgotten = tokio::spawn(async move { privacy::forget_past(&app, &caller, id).await });
    forgotten.await.unwrap_or(Err(Error::NotKept))?;
    show(&desk, id, StatusCode::OK, Said { problem: None, done: Some(desk.words.say("privacy.forgotten")) }).await
}

/// What was removed here, and how far the phones are.
async fn proof_page(desk: &Desk, id: RecordId) -> Result<Response, Error> {
    let row = privacy::erased(&desk.app, &desk.caller, id).await?;
    let Proof { removed, look_at, .. } = serde_json::from_str(&row.proof).unwrap_or_default();
    let mut tx = desk.app.store.reader().await?;
    let held = privacy::phones(&mut tx, desk.caller.workspace, &row).await?;
    let users = people::users(&mut tx, desk.caller.workspace).await?;
    drop(tx);
    let names = desk.reading.names_of(look_at.iter().take(NAMING_MAX).copied().collect::<Vec<_>>()).await?;
    let naming = |id: &RecordId| match names.get(id).filter(|linked| !linked.title.is_empty()) {
        Some(linked) => Shown::Record { href: format!("/records/{}/{id}", linked.kind), text: linked.title.clone() },
        None => Shown::Text(format::short(&id.to_string())),
    };
    let owner = |user| users.iter().find(|known| known.user == user).map_or_else(String::new, |known| known.name.clone());
    let state = |state| match state {
        OnPhone::Removed => desk.words.say("privacy.on_removed"),
        OnPhone::Told => desk.words.say("privacy.on_told"),
        OnPhone::Wiped => desk.words.say("privacy.on_wiped"),
        OnPhone::NotSeen => desk.words.say("privacy.on_not_seen"),
    };
    let phone = |one: HeldBy| [one.name, owner(one.user), state(one.state).to_owned(), desk.words.ago(one.last_seen_at, desk.now)];
    let page = ErasedPage {
        frame: desk.frame(desk.words.say("privacy.done"), "").await?,
        id: id.to_string(),
        rows: vec![
            (desk.words.say("privacy.removed_changes"), removed.changes),
            (desk.words.say("privacy.removed_rejected"), removed.rejected),
            (desk.words.say("privacy.removed_links"), removed.links),
            (desk.words.say("privacy.removed_messages"), removed.messages),
            (desk.words.say("privacy.removed_contents"), removed.contents),
        ],
        look_at: desk.words.count("privacy.look_at", look_at.len() as u64),
        naming: look_at.iter().take(NAMING_MAX).map(naming).collect(),
        more: look_at.len().checked_sub(NAMING_MAX).filter(|more| *more > 0).map(|more| desk.words.count("record.more", more as u64)),
        when: format::moment(row.at),
        who: by_whom(desk, &users, row.by),
        aside: desk.app.store.set_aside().iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect(),
        phones: held.into_iter().map(phone).collect(),
    };
    answer(StatusCode::OK, &page)
}

//! Roles: who may see and do what, as a sheet to fill in; what a change would do is shown before it is saved.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sync_core::access::{Right, Role, Roles};
use sync_core::id::{Name, RecordId};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Kind, Label, Reading};

use super::conditions::{self, Ground, Scope};
use super::desk::{Desk, Frame, page as answer};
use super::edit::Posted;
use super::role_form::{self, Halves, Sheet, When};
use super::typed::Typed;
use super::why;
use super::words::Words;
use crate::auth::secret::random;
use crate::error::{Error, Text};
use crate::intake::would_refuse;
use crate::place::Path;
use crate::rights::{self, Change, Effect, Touched};
use crate::store::people;
use crate::store::records::{Definition, definitions};
use crate::store::rights::Moved;
use crate::writing::WriteError;

/// The kind of role records.
const ROLE: &str = "role";

#[derive(Template)]
#[template(path = "roles.html")]
struct RolesPage {
    frame: Frame,
    notice: Option<&'static str>,
    problem: Option<String>,
    rows: Vec<RoleView>,
    typed: String,
}

struct RoleView {
    name: String,
    label: String,
    origin: &'static str,
    is_own: bool,
    people: String,
    rights: Vec<String>,
}

#[derive(Template)]
#[template(path = "role.html")]
struct RolePage {
    frame: Frame,
    name: String,
    notice: Option<&'static str>,
    problem: Option<String>,
    sheet: Sheet,
    history: Option<String>,
    is_builtin: bool,
    remove: Option<&'static str>,
    preview: Option<EffectView>,
}

/// What a change would do, in words.
pub struct EffectView {
    /// The sentence that says it all.
    pub summary: Vec<String>,
    /// By kind: what, how many go, lose a part, gain one, come.
    pub kinds: Vec<[String; 5]>,
    /// By person: who, phones, how many go, lose a part, gain one, come.
    pub people: Vec<[String; 6]>,
    /// What people may do no longer, or from then on.
    pub deeds: Vec<String>,
}

/// What the address asks for.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    done: String,
    #[serde(default)]
    like: String,
}

/// Whether the caller administers.
pub fn check(desk: &Desk) -> Result<(), Error> {
    let no = || Error::Forbidden(Text::new("Roles and people are the administrators'.", "角色和人员由管理员管理。"));
    desk.may(Right::Administer).then_some(()).ok_or_else(no)
}

/// `GET /roles`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    check(&desk)?;
    let notice = match asked.done.as_str() {
        "saved" => Some(desk.words.say("role.was_saved")),
        "removed" => Some(desk.words.say("role.was_removed")),
        _ => None,
    };
    list(&desk, StatusCode::OK, notice, None, "").await
}

async fn list(
    desk: &Desk,
    status: StatusCode,
    notice: Option<&'static str>,
    problem: Option<String>,
    typed: &str,
) -> Result<Response, Error> {
    let users = people::users(&mut desk.app.store.reader().await?, desk.caller.workspace).await?;
    let own = kept(desk).await?;
    let view = |role: &Role| {
        let is_own = own.iter().any(|kept| kept.name == *role.name);
        let has = |user: &&people::User| user.disabled_at.is_none() && user.role.names().any(|name| name == &*role.name);
        RoleView {
            name: role.name.to_string(),
            label: desk.words.label(&role.label).to_owned(),
            origin: desk.words.say(match (Roles::builtin().role(&role.name).is_some(), is_own) {
                (true, true) => "role.changed",
                (true, false) => "role.builtin",
                (false, _) => "role.own",
            }),
            is_own,
            people: desk.words.count("role.people", users.iter().filter(has).count() as u64),
            rights: role.rights.iter().map(|right| desk.words.label(&right.label()).to_owned()).collect(),
        }
    };
    let page = RolesPage {
        frame: desk.frame(desk.words.say("menu.roles"), "/roles").await?,
        notice,
        problem,
        rows: desk.reading.roles().roles().map(view).collect(),
        typed: typed.to_owned(),
    };
    answer(status, &page)
}

/// The workspace's own role records.
async fn kept(desk: &Desk) -> Result<Vec<Definition>, Error> {
    Ok(definitions(&mut desk.app.store.reader().await?, desk.caller.workspace, ROLE).await?)
}

/// `POST /roles`: a new one begins as a copy of another.
pub async fn begin(desk: Desk, Form(pairs): Posted) -> Result<Response, Error> {
    check(&desk)?;
    let typed = Typed::new(pairs);
    let name = typed.one("name");
    let problem = match name.parse::<Name>() {
        Err(bad) => Some(desk.words.label(&bad.words()).to_owned()),
        Ok(_) if desk.reading.roles().role(name).is_some() => Some(desk.words.fill("role.taken", &[name])),
        Ok(_) => None,
    };
    match problem {
        Some(problem) => list(&desk, StatusCode::UNPROCESSABLE_ENTITY, None, Some(problem), name).await,
        None => Ok(Redirect::to(&format!("/roles/{name}?like={}", typed.one("like"))).into_response()),
    }
}

/// `GET /roles/{role}`.
pub async fn one(desk: Desk, Path(name): Path<Name>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    check(&desk)?;
    let roles = desk.reading.roles();
    let like = roles.role(&asked.like).filter(|_| roles.role(&name).is_none());
    let role = roles.role(&name).or(like).ok_or(Error::NotFound)?.clone();
    let notice = (asked.done == "saved").then(|| desk.words.say("role.was_saved"));
    sheet(&desk, StatusCode::OK, &Role { name, ..role }, &[], Shown { notice, ..Shown::default() }).await
}

/// What the page of a role shows beside the role.
#[derive(Default)]
struct Shown {
    notice: Option<&'static str>,
    problem: Option<String>,
    preview: Option<Effect>,
    halves: Halves,
    /// Whether the form was sent to be drawn again: it tells nothing that is wrong yet.
    asks: bool,
}

/// What conditions of a role are about.
fn ground<'d>(desk: &'d Desk, kind: &str) -> Option<Ground<'d>> {
    desk.reading.schema().kind(kind).map(|kind| Ground { desk, kind, scope: Scope::Rule })
}

/// Puts the filters that were put together where the form expects them; or says what is wrong, by row.
async fn put_together(desk: &Desk, typed: &mut Typed) -> Result<BTreeMap<String, String>, Error> {
    let mut wrong = BTreeMap::new();
    for row in (0..).map(When::name) {
        if !typed.has(&format!("{row}.kind")) {
            break;
        }
        let name = format!("{row}.filter");
        let part = typed.under(&name);
        if !part.has("form") {
            continue;
        }
        let ground = ground(desk, typed.one(&format!("{row}.kind")));
        match conditions::read(desk.words, ground.as_ref(), &part).await? {
            Ok(text) => typed.set(&name, text),
            Err(why) => drop(wrong.insert(row, why)),
        }
    }
    Ok(wrong)
}

async fn sheet(desk: &Desk, status: StatusCode, role: &Role, extra: &[&str], shown: Shown) -> Result<Response, Error> {
    let own = kept(desk).await?.into_iter().find(|kept| kept.name == *role.name);
    let is_builtin = Roles::builtin().role(&role.name).is_some();
    let title = desk.words.fill("role.title", &[desk.words.label(&role.label)]);
    let mut sheet = Sheet::of(desk.words, desk.reading.schema(), role, extra, shown.halves);
    for row in &mut sheet.conditions {
        let ground = row.kind().and_then(|kind| ground(desk, kind));
        row.builder = Some(conditions::draw(desk, &format!("{}.filter", row.name), ground.as_ref(), &row.typed, !shown.asks).await?);
    }
    let page = RolePage {
        frame: desk.frame(&title, "/roles").await?,
        name: role.name.to_string(),
        notice: shown.notice,
        problem: shown.problem,
        sheet,
        history: own.as_ref().map(|kept| format!("/records/{ROLE}/{}/history", kept.record)),
        is_builtin,
        remove: own.map(|_| desk.words.say(if is_builtin { "role.reset" } else { "role.remove" })),
        preview: shown.preview.map(|effect| effect_view(desk, &effect)),
    };
    answer(status, &page)
}

/// `POST /roles/{role}`: shows what it would do, or does it.
pub async fn change(desk: Desk, Path(name): Path<Name>, Form(pairs): Posted) -> Result<Response, Error> {
    check(&desk)?;
    let mut typed = Typed::new(pairs);
    let wrong = put_together(&desk, &mut typed).await?;
    let asks = conditions::asks(&typed);
    let whole = if typed.is_whole() { Ok(()) } else { Err(desk.words.say("form.not_whole").to_owned()) };
    let (role, mut halves) = match whole.and_then(|()| role_form::read(desk.words, desk.reading.schema(), &name, &typed, &wrong)) {
        Ok(read) => read,
        Err(problem) => {
            let now = desk.reading.roles().role(&name).cloned().unwrap_or_else(|| Role::empty(name.clone()));
            return sheet(&desk, StatusCode::UNPROCESSABLE_ENTITY, &now, &[], Shown { problem: Some(problem), ..Shown::default() }).await;
        }
    };
    if asks {
        halves.forgive();
        return sheet(&desk, StatusCode::OK, &role, &typed.all("add"), Shown { halves, asks, ..Shown::default() }).await;
    }
    decide(&desk, &typed, role, halves).await
}

/// Shows what a role would do, or saves it.
async fn decide(desk: &Desk, typed: &Typed, role: Role, halves: Halves) -> Result<Response, Error> {
    let (name, step) = (role.name.clone(), typed.one("step"));
    let problem = match (problem_of(desk, &role, !halves.is_empty()), step) {
        (None, "save") => match save(desk, &role, edits(&role, role.to_toml())).await? {
            Ok(()) => return Ok(Redirect::to(&format!("/roles/{name}?done=saved")).into_response()),
            Err(why) => Some(why),
        },
        (None, "preview") => refusal(desk, &role, role.to_toml()).await?,
        (problem, _) => problem,
    };
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let preview = match (&problem, step) {
        (None, "preview") => Some(rights::effect(&desk.app, desk.caller.workspace, &Change::Role(role.clone())).await?),
        _ => None,
    };
    sheet(desk, status, &role, &typed.all("add"), Shown { problem, preview, halves, ..Shown::default() }).await
}

/// What is wrong with a role as it was put together, in the reader's words.
fn problem_of(desk: &Desk, role: &Role, is_half: bool) -> Option<String> {
    match Role::parse("role", &role.to_toml(), desk.reading.schema(), Reading::Strict) {
        Err(bad) => Some(desk.words.label(&bad.message).to_owned()),
        Ok(_) => is_half.then(|| desk.words.say("role.half").to_owned()),
    }
}

/// Why a role would not be taken so, in the reader's words.
async fn refusal(desk: &Desk, role: &Role, text: String) -> Result<Option<String>, Error> {
    let record = own(desk, role).await?.unwrap_or_else(|| RecordId::new(desk.now, random()));
    refused(desk, ROLE, record, &edits(role, text)).await
}

/// What the form says of a role.
fn edits(role: &Role, text: String) -> Vec<FieldEdit> {
    vec![
        FieldEdit::set("name", &*role.name),
        FieldEdit::set("label_en", role.label.en.as_str()),
        FieldEdit::set("label_zh", role.label.zh.as_str()),
        FieldEdit::set("definition", text),
    ]
}

/// The record of a role, if it has one.
async fn own(desk: &Desk, role: &Role) -> Result<Option<RecordId>, Error> {
    Ok(kept(desk).await?.into_iter().find(|kept| kept.name == *role.name).map(|kept| kept.record))
}

/// Why a role or a person would not be taken so, in the reader's words.
pub async fn refused(desk: &Desk, kind: &str, record: RecordId, edits: &[FieldEdit]) -> Result<Option<String>, Error> {
    let (workspace, schema) = (desk.caller.workspace, desk.reading.schema());
    let refused = would_refuse(&mut desk.app.store.reader().await?, workspace, schema, (kind, record), edits).await?;
    let judged = refused.map_or(Ok(()), |not| Err(WriteError::NotEdited(not)));
    Ok(why::written(desk, desk.reading.kind(kind)?, judged)?.err().map(|why| why.text))
}

async fn save(desk: &Desk, role: &Role, edits: Vec<FieldEdit>) -> Result<Result<(), String>, Error> {
    let written = match own(desk, role).await? {
        Some(record) => desk.writing().edit(ROLE, record, edits).await.map(|()| record),
        None => desk.writing().create(ROLE, None, edits).await,
    };
    let kind = desk.reading.kind(ROLE)?;
    Ok(why::written(desk, kind, written)?.map(drop).map_err(|why| why.text))
}

/// `POST /roles/{role}/remove`: an own role goes, a changed one is what it was.
pub async fn remove(desk: Desk, Path(name): Path<Name>) -> Result<Response, Error> {
    check(&desk)?;
    let own = kept(&desk).await?.into_iter().find(|kept| kept.name == *name).ok_or(Error::NotFound)?;
    let kind = desk.reading.kind(ROLE)?;
    match why::written(&desk, kind, desk.writing().archive(ROLE, own.record).await)? {
        Ok(()) => Ok(Redirect::to("/roles?done=removed").into_response()),
        Err(why) => list(&desk, StatusCode::UNPROCESSABLE_ENTITY, None, Some(why.text), "").await,
    }
}

/// What a change would do, in the reader's words.
pub fn effect_view(desk: &Desk, effect: &Effect) -> EffectView {
    let words = desk.words;
    let number = |count: u64| super::format::grouped(&count.to_string());
    let mut deeds = together(words, "rights.lose", effect.deeds.iter().map(|deed| (&deed.what, &deed.lost)));
    deeds.extend(together(words, "rights.win", effect.deeds.iter().map(|deed| (&deed.what, &deed.won))));
    let of_kind = |(kind, moved): &(Arc<Kind>, Moved)| {
        [words.label(&kind.plural).to_owned(), number(moved.gone), number(moved.less), number(moved.more), number(moved.come)]
    };
    let of_person = |one: &Touched| {
        let moved = &one.moved;
        [one.name.clone(), number(one.phones), number(moved.gone), number(moved.less), number(moved.more), number(moved.come)]
    };
    EffectView {
        deeds,
        kinds: effect.kinds.iter().map(of_kind).collect(),
        people: effect.people.iter().map(of_person).collect(),
        summary: summary(words, effect),
    }
}

/// What would come to phones and go from them, in sentences.
fn summary(words: Words, effect: &Effect) -> Vec<String> {
    let sum = |which: fn(&Moved) -> u64| effect.kinds.iter().map(|(_, moved)| which(moved)).sum::<u64>();
    let lines = [
        ("rights.would_remove", effect.gone(), effect.phones(|moved| moved.gone)),
        ("rights.would_lessen", sum(|moved| moved.less), effect.phones(|moved| moved.less)),
        ("rights.would_extend", sum(|moved| moved.more), effect.phones(|moved| moved.more)),
        ("rights.would_add", sum(|moved| moved.come), effect.phones(|moved| moved.come)),
    ];
    let uncounted = (effect.uncounted > 0).then(|| words.fill("rights.uncounted", &[&words.count("list.count", effect.uncounted)]));
    let said = lines.into_iter().filter(|(_, records, _)| *records > 0);
    let said =
        said.map(|(key, records, phones)| words.fill(key, &[&words.count("list.count", records), &words.count("rights.phones", phones)]));
    let said: Vec<String> = said.chain(uncounted).collect();
    if said.is_empty() { vec![words.say("rights.moves_nothing").to_owned()] } else { said }
}

/// A line for the same people: what they may do no longer, or from then on.
fn together<'d>(words: Words, key: &'static str, deeds: impl Iterator<Item = (&'d Label, &'d Vec<String>)>) -> Vec<String> {
    let mut lines: Vec<(&Vec<String>, Vec<&str>)> = Vec::new();
    for (what, people) in deeds.filter(|(_, people)| !people.is_empty()) {
        match lines.iter_mut().find(|(known, _)| *known == people) {
            Some((_, whats)) => whats.push(words.label(what)),
            None => lines.push((people, vec![words.label(what)])),
        }
    }
    let line = |(people, whats): &(&Vec<String>, Vec<&str>)| {
        format!("{} ({}): {}", words.count(key, people.len() as u64), named(people), whats.join(" · "))
    };
    lines.iter().map(line).collect()
}

/// The first names of a list.
fn named(people: &[String]) -> String {
    /// More are no sentence.
    const NAMED: usize = 5;
    let shown = people.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if people.len() > NAMED { format!("{shown}, …") } else { shown }
}

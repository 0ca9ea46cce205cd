//! People: who may sign in, with which roles, in which teams and territories; what somebody sees.

use std::collections::HashMap;

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::Value as Json;
use sync_core::access::RoleSet;
use sync_core::id::{Name, RecordId, UserId};
use sync_core::record::fields::FieldEdit;

use super::account::{SessionView, Which, sessions_of};
use super::desk::{Desk, Frame, page as answer};
use super::edit::Posted;
use super::role_form::Choice;
use super::roles::{EffectView, check, effect_view, refused};
use super::typed::Typed;
use super::why;
use crate::auth::secret::random;
use crate::auth::{Factor, PasswordError};
use crate::error::Error;
use crate::jobs::handover;
use crate::language::Language;
use crate::people::{self, AddError, NewPerson, Place};
use crate::place::Path;
use crate::rights::{self, Change, Sight};
use crate::store::devices;
use crate::store::people::{self as kept, User};

/// The kind of member records.
pub(super) const MEMBER: &str = "member";
/// Letters of a first password: none is taken for another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567899";
/// Letters of a first password: 80 bits, in groups that can be read out.
const PASSWORD_LETTERS: usize = 16;

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    frame: Frame,
    notice: Option<&'static str>,
    problem: Option<String>,
    secret: Option<(String, String)>,
    roles: Vec<Choice>,
    rows: Vec<PersonView>,
    /// What was typed of somebody who was not added.
    login: String,
    name: String,
    languages: Vec<Choice>,
}

struct PersonView {
    id: String,
    name: String,
    login: String,
    roles: String,
    teams: String,
    phones: String,
    disabled: bool,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    frame: Frame,
    id: String,
    login: String,
    notice: Option<&'static str>,
    problem: Option<String>,
    secret: Option<String>,
    name: String,
    roles: Vec<Choice>,
    teams: String,
    territories: String,
    languages: Vec<Choice>,
    active: bool,
    has_second: bool,
    /// Whether they still have to choose a password of their own.
    given: bool,
    sessions: Vec<SessionView>,
    /// Where the form that ends one of them goes.
    end: String,
    preview: Option<EffectView>,
}

#[derive(Template)]
#[template(path = "why.html")]
struct WhyPage {
    frame: Frame,
    id: String,
    name: String,
    record: String,
    title: Option<(String, String)>,
    because: Option<String>,
    phones: Vec<(String, String)>,
}

/// Which record is asked about: an id, or the address of its page.
#[derive(Deserialize)]
pub struct About {
    #[serde(default)]
    record: String,
}

/// What the address asks for.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    done: String,
}

/// `GET /people`.
pub async fn page(desk: Desk) -> Result<Response, Error> {
    check(&desk)?;
    list(&desk, StatusCode::OK, None, None, &Typed::default()).await
}

async fn list(
    desk: &Desk,
    status: StatusCode,
    problem: Option<String>,
    secret: Option<(String, String)>,
    typed: &Typed,
) -> Result<Response, Error> {
    let workspace = desk.caller.workspace;
    let mut tx = desk.app.store.reader().await?;
    let users = kept::users(&mut tx, workspace).await?;
    let phones = devices::devices(&mut tx, workspace).await?;
    drop(tx);
    let (members, _) = desk.reading.rows(&users.iter().map(|user| RecordId(user.user.0)).collect::<Vec<_>>()).await?;
    let teams: HashMap<RecordId, String> = members.into_iter().map(|(id, row)| (id, joined(row.fields.get("teams")))).collect();
    let mut rows = Vec::new();
    for user in users {
        let phones = phones.iter().filter(|device| device.user == user.user && device.revoked_at.is_none()).count() as u64;
        rows.push(PersonView {
            id: user.user.to_string(),
            roles: role_names(desk, &user.role),
            teams: teams.get(&RecordId(user.user.0)).cloned().unwrap_or_default(),
            phones: desk.words.count("rights.phones", phones),
            disabled: user.disabled_at.is_some(),
            name: user.name,
            login: user.login,
        });
    }
    let page = PeoplePage {
        frame: desk.frame(desk.words.say("menu.people"), "/people").await?,
        notice: secret.is_some().then(|| desk.words.say("person.was_added")),
        roles: role_choices(desk, &if problem.is_some() { typed.all("role") } else { vec!["rep"] }),
        problem,
        secret,
        rows,
        login: typed.one("login").to_owned(),
        name: typed.one("name").to_owned(),
        languages: language_choices(Language::of_tag(if typed.has("language") { typed.one("language") } else { "zh-CN" }).tag()),
    };
    answer(status, &page)
}

pub(super) fn role_names(desk: &Desk, roles: &RoleSet) -> String {
    let label =
        |name: &str| desk.reading.roles().role(name).map_or_else(|| name.to_owned(), |role| desk.words.label(&role.label).to_owned());
    roles.names().map(label).collect::<Vec<_>>().join(" + ")
}

fn role_choices(desk: &Desk, chosen: &[&str]) -> Vec<Choice> {
    let choice =
        |role: &sync_core::access::Role| (role.name.to_string(), desk.words.label(&role.label).to_owned(), chosen.contains(&&*role.name));
    desk.reading.roles().roles().map(choice).collect()
}

fn language_choices(chosen: &str) -> Vec<Choice> {
    let languages = [(Language::Zh, "中文"), (Language::En, "English")];
    languages.map(|(tag, name)| (tag.tag().to_owned(), name.to_owned(), tag.tag() == chosen)).into()
}

fn joined(value: Option<&Json>) -> String {
    value.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect::<Vec<_>>().join(", ")
}

/// `POST /people`: the first password is shown once, on the answer itself.
pub async fn invite(desk: Desk, Form(pairs): Posted) -> Result<Response, Error> {
    check(&desk)?;
    let typed = Typed::new(pairs);
    let roles = match roles_of(&desk, &typed) {
        Ok(roles) => roles,
        Err(problem) => return list(&desk, StatusCode::UNPROCESSABLE_ENTITY, Some(problem), None, &typed).await,
    };
    let password = first_password();
    let person = NewPerson {
        place: Place::In(desk.caller.workspace),
        login: typed.one("login").to_owned(),
        name: typed.one("name").to_owned(),
        role: roles,
        language: Language::of_tag(typed.one("language")),
        password: password.clone(),
        given: true,
        by: Some(desk.caller.user),
    };
    match people::add(&desk.app, person).await {
        Ok(user) => list(&desk, StatusCode::OK, None, Some((user.login, password)), &Typed::default()).await,
        Err(AddError::Intake(error)) => Err(error.into()),
        Err(AddError::Store(error)) => Err(error.into()),
        Err(error) => {
            let problem = why_not_added(&desk, &error);
            list(&desk, StatusCode::UNPROCESSABLE_ENTITY, Some(problem), None, &typed).await
        }
    }
}

fn why_not_added(desk: &Desk, error: &AddError) -> String {
    match error {
        AddError::NoLogin => desk.words.say("person.no_login").to_owned(),
        AddError::Taken(login) => desk.words.fill("person.taken", &[login]),
        _ => error.to_string(),
    }
}

/// The roles that were chosen, in the order of the form.
fn roles_of(desk: &Desk, typed: &Typed) -> Result<RoleSet, String> {
    let names: Result<Vec<Name>, _> = typed.all("role").into_iter().map(str::parse).collect();
    names.and_then(RoleSet::of).map_err(|_| desk.words.say("person.choose_roles").to_owned())
}

fn first_password() -> String {
    let bytes: [u8; PASSWORD_LETTERS] = random();
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// What the page of a person shows beside the person.
#[derive(Default)]
struct Shown {
    status: StatusCode,
    notice: Option<&'static str>,
    problem: Option<String>,
    secret: Option<String>,
    typed: Option<Typed>,
    preview: Option<EffectView>,
}

impl Shown {
    /// What was typed, and why it is not saved.
    fn refused(problem: String, typed: Typed) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, problem: Some(problem), typed: Some(typed), ..Self::default() }
    }
}

/// `GET /people/{user}`.
pub async fn one(desk: Desk, Path(user): Path<UserId>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let user = find(&desk, user).await?;
    let notice = match asked.done.as_str() {
        "saved" => Some(desk.words.say("person.was_saved")),
        "second" => Some(desk.words.say("account.second_gone")),
        "sessions" => Some(desk.words.say("account.sessions_ended")),
        _ => None,
    };
    show(&desk, &user, Shown { notice, ..Shown::default() }).await
}

pub(super) async fn find(desk: &Desk, user: UserId) -> Result<User, Error> {
    check(desk)?;
    kept::user(&mut desk.app.store.reader().await?, desk.caller.workspace, user).await?.ok_or(Error::NotFound)
}

async fn show(desk: &Desk, user: &User, shown: Shown) -> Result<Response, Error> {
    let member = desk.reading.row(RecordId(user.user.0)).await?.map(|row| row.fields).unwrap_or_default();
    let second = desk.app.auth.second_state(user.workspace, user.user).await?;
    let typed = shown.typed.as_ref();
    let text = |name: &str, now: String| typed.map_or(now, |typed| typed.one(name).to_owned());
    let chosen: Vec<&str> = typed.map_or_else(|| user.role.names().collect(), |typed| typed.all("role"));
    let language = text("language", user.language.tag().to_owned());
    let page = PersonPage {
        frame: desk.frame(&user.name, "/people").await?,
        id: user.user.to_string(),
        login: user.login.clone(),
        notice: shown.notice,
        problem: shown.problem,
        secret: shown.secret,
        name: text("name", user.name.clone()),
        roles: role_choices(desk, &chosen),
        teams: text("teams", joined(member.get("teams"))),
        territories: text("territories", joined(member.get("territories"))),
        languages: language_choices(&language),
        active: typed.map_or(user.disabled_at.is_none(), |typed| typed.has("active")),
        has_second: second.since.is_some() || second.number.is_some(),
        given: kept::password_given(&mut desk.app.store.reader().await?, user.workspace, user.user).await?.is_some(),
        sessions: sessions_of(desk, user.user).await?,
        end: format!("/people/{}/sessions/end", user.user),
        preview: shown.preview,
    };
    answer(shown.status, &page)
}

/// `POST /people/{user}`: shows what it would do, or does it.
pub async fn change(desk: Desk, Path(user): Path<UserId>, Form(pairs): Posted) -> Result<Response, Error> {
    let user = find(&desk, user).await?;
    let typed = Typed::new(pairs);
    if !typed.is_whole() {
        let problem = Some(desk.words.say("form.not_whole").to_owned());
        return show(&desk, &user, Shown { status: StatusCode::UNPROCESSABLE_ENTITY, problem, ..Shown::default() }).await;
    }
    let roles = match roles_of(&desk, &typed) {
        Ok(roles) => roles,
        Err(problem) => return show(&desk, &user, Shown::refused(problem, typed)).await,
    };
    if typed.one("step") != "save" {
        return match preview(&desk, &user, &typed, roles).await? {
            Ok(preview) => show(&desk, &user, Shown { preview: Some(preview), typed: Some(typed), ..Shown::default() }).await,
            Err(problem) => show(&desk, &user, Shown::refused(problem, typed)).await,
        };
    }
    if let Err(problem) = save(&desk, &user, edits(&typed, &roles)).await? {
        return show(&desk, &user, Shown::refused(problem, typed)).await;
    }
    if !is_active(&typed) {
        desk.app.auth.shut_out(user.workspace, user.user);
    }
    Ok(Redirect::to(&format!("/people/{}?done=saved", user.user)).into_response())
}

/// Whether they may still sign in, as the form says.
fn is_active(typed: &Typed) -> bool {
    typed.has("active")
}

/// What saving would do, or why it would be refused.
async fn preview(desk: &Desk, user: &User, typed: &Typed, roles: RoleSet) -> Result<Result<EffectView, String>, Error> {
    if let Some(problem) = refused(desk, MEMBER, RecordId(user.user.0), &edits(typed, &roles)).await? {
        return Ok(Err(problem));
    }
    let set = |name: &str| listed(typed, name).into_iter().collect();
    let roles = is_active(typed).then_some(roles);
    let person = rights::Person { user: user.user, roles, teams: set("teams"), territories: set("territories") };
    let mut view = effect_view(desk, &rights::effect(&desk.app, user.workspace, &Change::Person(person)).await?);
    if user.disabled_at.is_none() && !is_active(typed) {
        view.summary.extend(farewell_lines(desk, user).await?);
    }
    Ok(Ok(view))
}

/// What becomes of the phones of somebody who is shut out.
async fn farewell_lines(desk: &Desk, user: &User) -> Result<Vec<String>, Error> {
    let phones = handover::leaving(&mut desk.app.store.reader().await?, user.workspace, user.user).await?;
    let unsent = phones.iter().map(|phone| phone.unsent).sum();
    let lines = [("handover.would_leave", phones.len() as u64), ("person.unsent", unsent)];
    Ok(lines.into_iter().filter(|(_, count)| *count > 0).map(|(key, count)| desk.words.count(key, count)).collect())
}

/// What the form says of somebody.
fn edits(typed: &Typed, roles: &RoleSet) -> Vec<FieldEdit> {
    let language = if Language::of_tag(typed.one("language")) == Language::Zh { "zh" } else { "en" };
    let mut edits = vec![
        FieldEdit::set("name", typed.one("name")),
        FieldEdit::set("teams", listed(typed, "teams")),
        FieldEdit::set("territories", listed(typed, "territories")),
        FieldEdit::set("language", language),
        FieldEdit::set("active", is_active(typed)),
    ];
    edits.extend(people::role_edits(roles));
    edits
}

async fn save(desk: &Desk, user: &User, edits: Vec<FieldEdit>) -> Result<Result<(), String>, Error> {
    let (writing, id) = (desk.writing(), RecordId(user.user.0));
    let written = match desk.reading.row(id).await? {
        Some(_) => writing.edit(MEMBER, id, edits).await,
        None => writing.create(MEMBER, Some(id), edits).await.map(drop),
    };
    Ok(why::written(desk, desk.reading.kind(MEMBER)?, written)?.map_err(|why| why.text))
}

/// What stands in a field with commas between.
fn listed(typed: &Typed, name: &str) -> Vec<String> {
    typed.one(name).split([',', '，', '、']).map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// `POST /people/{user}/password`: a new one, shown once.
pub async fn password(desk: Desk, Path(user): Path<UserId>) -> Result<Response, Error> {
    let user = find(&desk, user).await?;
    let password = first_password();
    let (whose, by) = ((user.workspace, user.user), desk.caller.user);
    match desk.app.auth.set_password(whose, &password, Some(by), None, by != user.user).await {
        Ok(()) => show(&desk, &user, Shown { secret: Some(password), ..Shown::default() }).await,
        Err(PasswordError::Store(error)) => Err(error.into()),
        Err(error) => Err(Error::Internal(error.into())),
    }
}

/// `POST /people/{user}/second/off`: they lost their phone and their codes.
pub async fn drop_second(desk: Desk, Path(user): Path<UserId>) -> Result<Response, Error> {
    let user = find(&desk, user).await?;
    desk.app.auth.drop_second(user.workspace, user.user, Factor::ALL, Some(desk.caller.user)).await?;
    Ok(Redirect::to(&format!("/people/{}?done=second", user.user)).into_response())
}

/// `POST /people/{user}/sessions/end`: one, or all of them but the caller's own present one.
pub async fn end_sessions(desk: Desk, Path(user): Path<UserId>, Form(which): Form<Which>) -> Result<Response, Error> {
    let user = find(&desk, user).await?;
    desk.app.auth.end_sessions(&desk.caller, user.user, which.one()?).await?;
    Ok(Redirect::to(&format!("/people/{}?done=sessions", user.user)).into_response())
}

/// `GET /people/{user}/why`: why a record is, or is not, on somebody's phones.
pub async fn why(desk: Desk, Path(user): Path<UserId>, Query(about): Query<About>) -> Result<Response, Error> {
    let user = find(&desk, user).await?;
    let id = about.record.trim().trim_end_matches('/').rsplit('/').next().and_then(|id| id.parse::<RecordId>().ok());
    let shown = match id {
        Some(id) => desk.reading.row(id).await?,
        None => None,
    };
    let because = match &shown {
        Some(row) => rights::why(&desk.app, &user, row.id).await?,
        None => None,
    };
    let said = match because {
        Some((kind, sight)) => Some(because_of(&desk, &user, (&kind, id), sight).await?),
        None => (!about.record.trim().is_empty()).then(|| desk.words.say("person.no_record").to_owned()),
    };
    let phones = devices::in_use_by(&mut desk.app.store.reader().await?, user.workspace, user.user).await?.into_iter();
    let page = WhyPage {
        frame: desk.frame(&desk.words.fill("person.why", &[&user.name]), "/people").await?,
        id: user.user.to_string(),
        record: about.record,
        title: shown.map(|row| (row.title, format!("/records/{}/{}", row.kind, row.id))),
        because: said,
        phones: phones.map(|device| (device.name, desk.words.ago(device.last_seen_at, desk.now))).collect(),
        name: user.name,
    };
    answer(StatusCode::OK, &page)
}

async fn because_of(desk: &Desk, user: &User, (kind, record): (&Name, Option<RecordId>), sight: Sight) -> Result<String, Error> {
    let plural = desk.reading.kind(kind).map_or_else(|_| kind.to_string(), |kind| desk.words.inside(&kind.plural));
    let roles = role_names(desk, &user.role);
    Ok(match sight {
        Sight::Sees(facets) => {
            let parts: Vec<String> = facets.into_iter().map(|facet| super::role_form::facet_word(desk.words, facet)).collect();
            desk.words.fill("person.why_sees", &[&roles, &parts.join(", ")])
        }
        Sight::ShutOut => desk.words.say("person.why_shut_out").to_owned(),
        Sight::NotThisKind => desk.words.fill("person.why_kind", &[&roles, &plural]),
        Sight::NotTheirs => {
            let explained = match record {
                Some(record) => desk.reading.explain(record, user.user).await?,
                None => None,
            };
            let holders: Vec<String> = explained.into_iter().flat_map(|it| it.holders).map(|holder| holder.name).collect();
            let owner = if holders.is_empty() { "–".to_owned() } else { holders.join(", ") };
            desk.words.fill("person.why_owner", &[&roles, &plural, &owner])
        }
    })
}

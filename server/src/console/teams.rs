//! Teams and territories: who is in them, how many records name them, and what they are called.
//!
//! They are words of members and of records. One is there as soon as somebody is in it, and while a record names it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sync_core::access::{Action, Holder, Level};
use sync_core::collation;
use sync_core::id::{RecordId, UserId};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Kind;

use super::desk::{Desk, Frame, page as answer};
use super::edit::Posted;
use super::people::MEMBER;
use super::roles::{EffectView, check, effect_view};
use super::typed::Typed;
use super::{list, why};
use crate::error::Error;
use crate::intake::{Expect, NotEdited, RecordEdit};
use crate::reading::{List, Row};
use crate::rights::{self, Change};
use crate::store::people::{self as kept, User};
use crate::store::sight;
use crate::writing::WriteError;

/// The sets of a member that put them among others, with what they are called, and what is said while there are none.
const GROUPINGS: [(&str, &str, &str); 2] =
    [("teams", "person.teams", "team.no_teams"), ("territories", "person.territories", "team.no_territories")];

/// What ends a name where several are typed in one line: none has it within.
const COMMAS: [char; 3] = [',', '，', '、'];

/// Records that one renaming writes: they are written at once, and nobody else writes meanwhile.
const RENAMED_MAX: usize = 2_000;

/// Names that are looked for in records: each costs a count of every kind that says it.
const NAMES_MAX: u32 = 500;

/// Records read at once.
const PAGE: &str = "200";

#[derive(Template)]
#[template(path = "teams.html")]
struct TeamsPage {
    frame: Frame,
    notice: Option<&'static str>,
    problem: Option<String>,
    question: Option<Question>,
    preview: Option<EffectView>,
    groupings: Vec<GroupingView>,
    /// Everybody: id and name.
    people: Vec<(String, String)>,
    /// Who was chosen for a new one that was not made.
    member: String,
}

/// What is asked before somebody comes in or goes out.
struct Question {
    text: String,
    warning: Option<String>,
    what: &'static str,
    name: String,
    member: String,
    act: &'static str,
    button: &'static str,
}

/// What the page shows beside the teams.
#[derive(Default)]
struct Shown {
    status: StatusCode,
    notice: Option<&'static str>,
    problem: Option<String>,
    /// What was typed, and is not lost.
    typed: Typed,
    asked: Option<(Question, EffectView)>,
}

/// What the address asks for.
#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    done: String,
}

/// All teams, or all territories.
struct GroupingView {
    what: &'static str,
    label: &'static str,
    none: &'static str,
    teams: Vec<TeamView>,
    /// The name of a new one that was not made.
    new_name: String,
}

struct TeamView {
    name: String,
    /// The other name that was typed, or the one that it has.
    to: String,
    /// Id and name.
    members: Vec<(String, String)>,
    /// The records that name it: how many, and their list.
    records: Vec<(String, String)>,
}

/// `GET /teams`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    check(&desk)?;
    let notice = match asked.done.as_str() {
        "add" => Some(desk.words.say("team.was_added")),
        "leave" => Some(desk.words.say("team.was_taken_out")),
        "rename" => Some(desk.words.say("team.was_renamed")),
        _ => None,
    };
    show(&desk, Shown { notice, ..Shown::default() }).await
}

async fn show(desk: &Desk, shown: Shown) -> Result<Response, Error> {
    let (users, rows) = everybody(desk).await?;
    let lost = |what: &str, act: &str| (shown.typed.one("what") == what && shown.typed.one("act") == act).then_some(&shown.typed);
    let mut groupings = Vec::new();
    for (what, label, none) in GROUPINGS {
        let mut teams: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for name in in_records(desk, what).await? {
            teams.entry(name).or_default();
        }
        for user in &users {
            for name in names_in(rows.get(&RecordId(user.user.0)), what) {
                teams.entry(name.to_owned()).or_default().push((user.user.to_string(), user.name.clone()));
            }
        }
        let names: Vec<String> = teams.keys().cloned().collect();
        let mut counted = records(desk, what, &names).await?;
        let mut views = Vec::new();
        for (name, members) in teams {
            let records = counted.remove(&name).unwrap_or_default();
            // Archived records and those out of sight are no reason to show a name.
            if !members.is_empty() || !records.is_empty() {
                let renamed = lost(what, "rename").filter(|typed| typed.raw("name") == name);
                let to = renamed.map_or_else(|| name.clone(), |typed| typed.one("to").to_owned());
                views.push(TeamView { name, to, members, records });
            }
        }
        views.sort_by(|a: &TeamView, b: &TeamView| collation::order(&a.name).cmp(&collation::order(&b.name)));
        let new_name = lost(what, "add").filter(|_| shown.problem.is_some()).map_or_else(String::new, |typed| typed.one("name").to_owned());
        groupings.push(GroupingView { what, label: desk.words.say(label), none: desk.words.say(none), teams: views, new_name });
    }
    let (question, preview) = shown.asked.unzip();
    let page = TeamsPage {
        frame: desk.frame(desk.words.say("menu.teams"), "/teams").await?,
        notice: shown.notice,
        problem: shown.problem,
        question,
        preview,
        groupings,
        member: shown.typed.one("member").to_owned(),
        people: users.into_iter().map(|user| (user.user.to_string(), user.name)).collect(),
    };
    answer(shown.status, &page)
}

/// The names that records give, whether or not somebody is in them.
async fn in_records(desk: &Desk, what: &str) -> Result<Vec<String>, Error> {
    Ok(sight::names_of_holders(&mut desk.app.store.reader().await?, desk.caller.workspace, &nameless(what), NAMES_MAX).await?)
}

/// What their holders begin with.
fn nameless(what: &str) -> Holder {
    if what == "teams" { Holder::Team(String::new()) } else { Holder::Territory(String::new()) }
}

/// Everybody with an account, and their member records.
async fn everybody(desk: &Desk) -> Result<(Vec<User>, HashMap<RecordId, Row>), Error> {
    let users = kept::users(&mut desk.app.store.reader().await?, desk.caller.workspace).await?;
    let ids: Vec<RecordId> = users.iter().map(|user| RecordId(user.user.0)).collect();
    Ok((users, desk.reading.rows(&ids).await?.0))
}

fn names_in<'a>(member: Option<&'a Row>, what: &str) -> impl Iterator<Item = &'a str> {
    member.and_then(|row| row.fields.get(what)).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
}

/// The field in which records of a kind name what they are shared with.
fn field_of(kind: &Kind, what: &str) -> Option<String> {
    let field = if what == "teams" { &kind.sharing.teams } else { &kind.sharing.territories };
    field.as_ref().map(ToString::to_string)
}

fn naming(field: &str, name: &str) -> String {
    json!([{"type": "arrayAnyOf", "attribute": field, "value": [name]}]).to_string()
}

/// The records that say each of some names: how many of each kind, and their list. A statement for each kind that says any.
async fn records(desk: &Desk, what: &str, names: &[String]) -> Result<HashMap<String, Vec<(String, String)>>, Error> {
    let mut found: HashMap<String, Vec<(String, String)>> = HashMap::new();
    for kind in desk.reading.kinds() {
        let field = field_of(kind, what).and_then(|name| kind.field(&name));
        let Some(field) = field.filter(|field| desk.reading.may_read(kind, &field.name)) else { continue };
        let all = List::of(desk.reading.query(&kind.name, [])?);
        for (name, counted) in desk.reading.count_named(&all, &field.name, &nameless(what).to_string(), names).await? {
            let text = format!("{}: {}", desk.words.label(&kind.plural), desk.words.counted("list.count", counted));
            let list = format!("/records/{}?where={}", kind.name, list::encoded(&naming(&field.name, &name)));
            found.entry(name).or_default().push((text, list));
        }
    }
    Ok(found)
}

/// `POST /teams`: somebody comes in or goes out, or it gets another name.
pub async fn change(desk: Desk, Form(pairs): Posted) -> Result<Response, Error> {
    check(&desk)?;
    let typed = Typed::new(pairs);
    let (what, ..) = GROUPINGS.into_iter().find(|(what, ..)| *what == typed.one("what")).ok_or(Error::NotFound)?;
    // As it stands, for the spaces around it belong to it: only a new one is tidied.
    let name = typed.raw("name");
    let member = typed.one("member");
    let act = ["add", "leave", "rename"].into_iter().find(|act| *act == typed.one("act")).ok_or(Error::NotFound)?;
    let name = if act != "add" || is_there(&desk, what, name).await? { name } else { name.trim() };
    let asks_first = act == "leave" || act == "add" && is_name(name);
    if asks_first && typed.one("step") != "save" {
        return ask(&desk, what, name, act, member).await;
    }
    let (field, value) = (what.to_owned(), name.to_owned());
    let done = match act {
        "add" if !is_name(name) => Err(desk.words.say("team.no_name").to_owned()),
        "add" => put(&desk, member, FieldEdit::Add { field, value }).await?,
        "leave" => put(&desk, member, FieldEdit::Remove { field, value }).await?,
        _ => rename(&desk, what, name, typed.one("to").trim()).await?,
    };
    match done {
        Ok(()) => Ok(Redirect::to(&format!("/teams?done={act}")).into_response()),
        Err(problem) => {
            let shown = Shown { status: StatusCode::UNPROCESSABLE_ENTITY, problem: Some(problem), typed, ..Shown::default() };
            show(&desk, shown).await
        }
    }
}

/// What it would do, before somebody comes in or goes out: what reaches phones and leaves them.
async fn ask(desk: &Desk, what: &'static str, name: &str, act: &'static str, member: &str) -> Result<Response, Error> {
    let id: UserId = member.parse().map_err(|_| Error::NotFound)?;
    let (users, rows) = everybody(desk).await?;
    let user = users.iter().find(|user| user.user == id).ok_or(Error::NotFound)?;
    let row = rows.get(&RecordId(id.0));
    let named = |field: &str| {
        let mut names: BTreeSet<String> = names_in(row, field).map(str::to_owned).collect();
        match (field == what, act) {
            (true, "add") => names.extend([name.to_owned()]),
            (true, _) => names.retain(|known| known != name),
            (false, _) => {}
        }
        names
    };
    let roles = user.disabled_at.is_none().then(|| user.role.clone());
    let person = rights::Person {
        user: id,
        roles,
        teams: named("teams").into_iter().collect(),
        territories: named("territories").into_iter().collect(),
    };
    let preview = effect_view(desk, &rights::effect(&desk.app, desk.caller.workspace, &Change::Person(person)).await?);
    let is_last = act == "leave"
        && !users.iter().any(|other| other.user != id && names_in(rows.get(&RecordId(other.user.0)), what).any(|known| known == name));
    let goes = is_last && records(desk, what, &[name.to_owned()]).await?.is_empty();
    let (text, button) = if act == "add" { ("team.ask_add", "team.add") } else { ("team.ask_leave", "team.leave") };
    let question = Question {
        text: desk.words.fill(text, &[&user.name, name]),
        warning: goes.then(|| desk.words.fill("team.goes", &[name])),
        what,
        name: name.to_owned(),
        member: member.to_owned(),
        act,
        button: desk.words.say(button),
    };
    show(desk, Shown { asked: Some((question, preview)), ..Shown::default() }).await
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(COMMAS)
}

/// Writes into the record of a member; who has none gets one.
async fn put(desk: &Desk, member: &str, edit: FieldEdit) -> Result<Result<(), String>, Error> {
    let id: UserId = member.parse().map_err(|_| Error::NotFound)?;
    let (users, rows) = everybody(desk).await?;
    let user = users.into_iter().find(|user| user.user == id).ok_or(Error::NotFound)?;
    let (writing, record) = (desk.writing(), RecordId(id.0));
    let written = match rows.contains_key(&record) {
        true => writing.edit(MEMBER, record, vec![edit]).await,
        false => writing.create(MEMBER, Some(record), vec![FieldEdit::set("name", user.name), edit]).await.map(drop),
    };
    Ok(why::written(desk, desk.reading.kind(MEMBER)?, written)?.map_err(|why| why.text))
}

/// The kinds whose records name one, each with the field that does: members last.
fn places<'d>(desk: &'d Desk, what: &str) -> Vec<(&'d Kind, String)> {
    let place = |kind: &'d Arc<Kind>| {
        let own = (*kind.name == *MEMBER).then(|| what.to_owned());
        Some((&**kind, own.or_else(|| field_of(kind, what))?))
    };
    let mut all: Vec<_> = desk.reading.schema().kinds().filter_map(place).collect();
    all.sort_by_key(|(kind, _)| *kind.name == *MEMBER);
    all
}

/// Whether the caller sees what every record of a kind says there.
fn sees_all(desk: &Desk, kind: &Kind, field: &str) -> bool {
    let level = desk.reading.roles().level(desk.reading.role(), kind, Action::Read);
    level == Level::All && desk.reading.kind(&kind.name).is_ok() && desk.reading.may_read(kind, field)
}

/// Whether a member or a record says this name.
async fn is_there(desk: &Desk, what: &str, name: &str) -> Result<bool, Error> {
    for (kind, field) in places(desk, what) {
        let Ok(query) = desk.reading.query(&kind.name, [("where", &*naming(&field, name))]) else { continue };
        if desk.reading.count(&List::of(query)).await?.count > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A member or a record that says the old name.
struct Named<'d> {
    kind: &'d Kind,
    field: String,
    record: RecordId,
    title: String,
}

impl Named<'_> {
    fn edit(&self, from: &str, to: &str) -> RecordEdit {
        let (gone, come) = (self.field.clone(), self.field.clone());
        let edits = vec![FieldEdit::Remove { field: gone, value: from.to_owned() }, FieldEdit::Add { field: come, value: to.to_owned() }];
        RecordEdit { kind: self.kind.name.clone(), record: self.record, edits, expect: Expect::Existing }
    }
}

/// Members and records that name it say the other name from now on: all of them, or none.
async fn rename(desk: &Desk, what: &str, from: &str, to: &str) -> Result<Result<(), String>, Error> {
    if !is_name(to) {
        return Ok(Err(desk.words.say("team.no_name").to_owned()));
    }
    if from == to {
        return Ok(Ok(()));
    }
    let places = places(desk, what);
    if let Some((kind, _)) = places.iter().find(|(kind, field)| !sees_all(desk, kind, field)) {
        return Ok(Err(desk.words.fill("team.unseen", &[desk.words.label(&kind.plural)])));
    }
    if is_there(desk, what, to).await? {
        return Ok(Err(desk.words.fill("team.there", &[to])));
    }
    let mut named = Vec::new();
    for (kind, field) in places {
        let found = naming_it(desk, kind, &naming(&field, from)).await?;
        named.extend(found.into_iter().map(|row| Named { kind, field: field.clone(), record: row.id, title: row.title }));
        if named.len() > RENAMED_MAX {
            return Ok(Err(desk.words.count("team.too_many", RENAMED_MAX as u64)));
        }
    }
    write(desk, &named, from, to).await
}

/// Writes the records, and the members only when all records were taken: else its people would see fewer. Where one is
/// not taken, the others are put back.
async fn write(desk: &Desk, named: &[Named<'_>], from: &str, to: &str) -> Result<Result<(), String>, Error> {
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    let (records, members) = named.split_at(named.partition_point(|one| *one.kind.name != *MEMBER));
    for part in [records, members] {
        if part.is_empty() || !refused.is_empty() {
            continue;
        }
        match desk.writing().edit_each(part.iter().map(|one| one.edit(from, to)).collect()).await {
            Ok(done) => part.iter().zip(done).for_each(|(one, edited)| match edited {
                Ok(_) => taken.push(one),
                Err(not) => refused.push((one, not)),
            }),
            Err(error) => {
                put_back(desk, &taken, from, to).await?;
                return Err(error.into());
            }
        }
    }
    if refused.is_empty() {
        return Ok(Ok(()));
    }
    let left = put_back(desk, &taken, from, to).await?;
    Ok(Err(not_renamed(desk, refused, left)?))
}

/// Gives back the old name, members first; answers how many records and members keep the new one.
async fn put_back(desk: &Desk, taken: &[&Named<'_>], from: &str, to: &str) -> Result<usize, Error> {
    if taken.is_empty() {
        return Ok(0);
    }
    let done = desk.writing().edit_each(taken.iter().rev().map(|one| one.edit(to, from)).collect()).await?;
    Ok(done.iter().filter(|edited| edited.is_err()).count())
}

/// What was not taken and why, and what is left to do.
fn not_renamed(desk: &Desk, refused: Vec<(&Named<'_>, NotEdited)>, left: usize) -> Result<String, Error> {
    let mut said = vec![desk.words.count("team.not_renamed", refused.len() as u64)];
    let waits = refused.iter().any(|(_, not)| matches!(not, NotEdited::Held { .. }));
    if let Some((one, not)) = refused.into_iter().next() {
        let why = why::written::<()>(desk, one.kind, Err(WriteError::NotEdited(not)))?;
        said.extend(why.err().map(|why| desk.words.fill("team.because", &[&one.title, &why.text])));
    }
    if waits {
        said.push(desk.words.say("team.waits").to_owned());
    }
    if left > 0 {
        said.push(desk.words.count("team.left", left as u64));
    }
    Ok(said.join(" "))
}

/// The records of a kind in use that a filter finds, one more than may be written at most.
async fn naming_it(desk: &Desk, kind: &Kind, filter: &str) -> Result<Vec<Row>, Error> {
    let (mut rows, mut after) = (Vec::new(), None::<String>);
    loop {
        let params = [("where", filter), ("maxSize", PAGE)].into_iter().chain(after.as_deref().map(|after| ("after", after)));
        let listing = desk.reading.list(&List::of(desk.reading.query(&kind.name, params)?)).await?;
        rows.extend(listing.rows);
        after = listing.next;
        if after.is_none() || rows.len() > RENAMED_MAX {
            return Ok(rows);
        }
    }
}

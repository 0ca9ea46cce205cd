//! Teams and territories: who is in them, how many records name them, and what they are called.
//!
//! They are words of members and of records. One is there as soon as somebody is in it.

use std::collections::{BTreeMap, HashMap};

use askama::Template;
use axum::Form;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value as Json, json};
use sync_core::id::{RecordId, UserId};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Kind;

use super::desk::{Desk, Frame, page as answer};
use super::edit::Posted;
use super::people::MEMBER;
use super::roles::check;
use super::typed::Typed;
use super::{list, why};
use crate::error::Error;
use crate::intake::{Expect, RecordEdit};
use crate::reading::{List, Row};
use crate::store::people::{self as kept, User};

/// The sets of a member that put them among others, with what they are called.
const GROUPINGS: [(&str, &str); 2] = [("teams", "person.teams"), ("territories", "person.territories")];

/// What ends a name where several are typed in one line: none has it within.
const COMMAS: [char; 3] = [',', '，', '、'];

/// Records that one renaming writes: they are written as one, and nobody else writes meanwhile.
const RENAMED_MAX: usize = 2_000;

/// Records read at once.
const PAGE: &str = "200";

#[derive(Template)]
#[template(path = "teams.html")]
struct TeamsPage {
    frame: Frame,
    problem: Option<String>,
    groupings: Vec<GroupingView>,
    /// Everybody: id and name.
    people: Vec<(String, String)>,
}

/// All teams, or all territories.
struct GroupingView {
    what: &'static str,
    label: &'static str,
    teams: Vec<TeamView>,
}

struct TeamView {
    name: String,
    /// Id and name.
    members: Vec<(String, String)>,
    /// The records that name it: how many, and their list.
    records: Vec<(String, String)>,
}

/// `GET /teams`.
pub async fn page(desk: Desk) -> Result<Response, Error> {
    check(&desk)?;
    show(&desk, StatusCode::OK, None).await
}

async fn show(desk: &Desk, status: StatusCode, problem: Option<String>) -> Result<Response, Error> {
    let (users, rows) = everybody(desk).await?;
    let mut groupings = Vec::new();
    for (what, label) in GROUPINGS {
        let mut teams: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
        for user in &users {
            for name in names_in(rows.get(&RecordId(user.user.0)), what) {
                teams.entry(name).or_default().push((user.user.to_string(), user.name.clone()));
            }
        }
        let mut views = Vec::new();
        for (name, members) in teams {
            views.push(TeamView { name: name.to_owned(), members, records: records(desk, what, name).await? });
        }
        groupings.push(GroupingView { what, label: desk.words.say(label), teams: views });
    }
    let page = TeamsPage {
        frame: desk.frame(desk.words.say("menu.teams"), "/teams").await?,
        problem,
        groupings,
        people: users.into_iter().map(|user| (user.user.to_string(), user.name)).collect(),
    };
    answer(status, &page)
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

async fn records(desk: &Desk, what: &str, name: &str) -> Result<Vec<(String, String)>, Error> {
    let mut found = Vec::new();
    for kind in desk.reading.kinds() {
        let Some(filter) = field_of(kind, what).map(|field| naming(&field, name)) else { continue };
        let Ok(query) = desk.reading.query(&kind.name, [("where", &*filter)]) else { continue };
        let counted = desk.reading.count(&List::of(query)).await?;
        if counted.count > 0 {
            let text = format!("{}: {}", desk.words.label(&kind.plural), desk.words.counted("list.count", counted));
            found.push((text, format!("/records/{}?where={}", kind.name, list::encoded(&filter))));
        }
    }
    Ok(found)
}

/// `POST /teams`: somebody comes in or goes out, or it gets another name.
pub async fn change(desk: Desk, Form(pairs): Posted) -> Result<Response, Error> {
    check(&desk)?;
    let typed = Typed::new(pairs);
    let (what, _) = GROUPINGS.into_iter().find(|(what, _)| *what == typed.one("what")).ok_or(Error::NotFound)?;
    let name = typed.one("name").trim();
    let done = match typed.one("act") {
        "add" if !is_name(name) => Err(desk.words.say("team.no_name").to_owned()),
        "add" => put(&desk, typed.one("member"), FieldEdit::Add { field: what.to_owned(), value: name.to_owned() }).await?,
        "leave" => put(&desk, typed.one("member"), FieldEdit::Remove { field: what.to_owned(), value: name.to_owned() }).await?,
        "rename" => rename(&desk, what, name, typed.one("to").trim()).await?,
        _ => return Err(Error::NotFound),
    };
    match done {
        Ok(()) => Ok(Redirect::to("/teams").into_response()),
        Err(problem) => show(&desk, StatusCode::UNPROCESSABLE_ENTITY, Some(problem)).await,
    }
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

/// Members and records that name it say the other name from now on.
async fn rename(desk: &Desk, what: &str, from: &str, to: &str) -> Result<Result<(), String>, Error> {
    if !is_name(to) {
        return Ok(Err(desk.words.say("team.no_name").to_owned()));
    }
    let mut edits = Vec::new();
    for kind in desk.reading.kinds() {
        let own = (*kind.name == *MEMBER).then(|| what.to_owned());
        let Some(field) = own.or_else(|| field_of(kind, what)) else { continue };
        let edit = |record: RecordId| RecordEdit {
            kind: kind.name.clone(),
            record,
            edits: vec![
                FieldEdit::Remove { field: field.clone(), value: from.to_owned() },
                FieldEdit::Add { field: field.clone(), value: to.to_owned() },
            ],
            expect: Expect::Existing,
        };
        edits.extend(naming_it(desk, kind, &naming(&field, from)).await?.into_iter().map(edit));
        if edits.len() > RENAMED_MAX {
            return Ok(Err(desk.words.count("team.too_many", RENAMED_MAX as u64)));
        }
    }
    if edits.is_empty() || from == to {
        return Ok(Ok(()));
    }
    let written = desk.writing().make_all(edits).await;
    Ok(why::written(desk, desk.reading.kind(MEMBER)?, written)?.map_err(|why| why.text))
}

/// The records of a kind in use that a filter finds, one more than may be written at most.
async fn naming_it(desk: &Desk, kind: &Kind, filter: &str) -> Result<Vec<RecordId>, Error> {
    let (mut ids, mut after) = (Vec::new(), None::<String>);
    loop {
        let params = [("where", filter), ("maxSize", PAGE)].into_iter().chain(after.as_deref().map(|after| ("after", after)));
        let Ok(query) = desk.reading.query(&kind.name, params) else { return Ok(ids) };
        let listing = desk.reading.list(&List::of(query)).await?;
        ids.extend(listing.rows.into_iter().map(|row| row.id));
        after = listing.next;
        if after.is_none() || ids.len() > RENAMED_MAX {
            return Ok(ids);
        }
    }
}

//! To whom a view or a dashboard is shown besides its owner: to people, to teams, to roles, to everybody.
//!
//! Both are records with the same fields for it. Being shown something gives no right to what stands in it.

use serde_json::{Map, Value as Json, json};
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Kind;

use super::desk::Desk;
use super::edit::read;
use super::inputs::{Input, Inputs, filled};
use super::typed::{Typed, name_of};
use super::{links, why};
use crate::error::Error;
use crate::reading::Row;

/// The people that it is shown to.
const PEOPLE: &str = "shared";

/// The teams that it is shown to.
const TEAMS: &str = "teams";

/// The roles that it is shown to.
const ROLES: &str = "roles";

/// Who looks.
pub struct Looker {
    user: String,
    role: Vec<String>,
    teams: Vec<String>,
}

/// Whoever is at the desk.
pub async fn looker(desk: &Desk) -> Result<Looker, Error> {
    let row = desk.reading.row(RecordId(desk.caller.user.0)).await?;
    let teams = row.as_ref().map(|row| texts(&row.fields, TEAMS).map(str::to_owned).collect()).unwrap_or_default();
    Ok(Looker { user: desk.caller.user.to_string(), role: desk.caller.role.names().map(str::to_owned).collect(), teams })
}

fn texts<'a>(fields: &'a Map<String, Json>, name: &str) -> impl Iterator<Item = &'a str> {
    fields.get(name).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
}

impl Looker {
    /// What holds of whatever is shown to them: their own, and what is shared with them.
    pub fn filter(&self, kind: &Kind) -> Json {
        let named = |field: &str, names: &[String]| {
            let is_asked = kind.field(field).is_some() && !names.is_empty();
            is_asked.then(|| json!({"type": "arrayAnyOf", "attribute": field, "value": names}))
        };
        let mut any = vec![
            json!({"type": "linkedWith", "attribute": "owner", "value": self.user}),
            json!({"type": "linkedWith", "attribute": PEOPLE, "value": self.user}),
            json!({"type": "isTrue", "attribute": "everyone"}),
        ];
        any.extend(named(TEAMS, &self.teams).into_iter().chain(named(ROLES, &self.role)));
        json!({"type": "or", "value": any})
    }

    /// Whether one is shown to them.
    pub fn sees(&self, row: &Row) -> bool {
        let among = |field: &str, names: &[String]| texts(&row.fields, field).any(|name| names.iter().any(|known| known == name));
        let is_own = row.fields.get("owner") == Some(&json!(self.user));
        let is_shared = texts(&row.fields, PEOPLE).any(|person| person == self.user);
        is_own || is_shared || row.fields.get("everyone") == Some(&json!(true)) || among(TEAMS, &self.teams) || among(ROLES, &self.role)
    }
}

/// The controls for people and teams, each with its label; drawn from what was typed, or else from what is there.
///
/// # Errors
/// When the database fails.
pub async fn controls(desk: &Desk, kind: &Kind, present: &Map<String, Json>, typed: Option<&Typed>) -> Result<Vec<(String, Input)>, Error> {
    let mut drawn = Vec::new();
    for field in [PEOPLE, TEAMS].into_iter().filter_map(|name| kind.field(name)) {
        let there = filled(field, present.get(&*field.name));
        let typed = typed.unwrap_or(&there);
        let label = desk.words.label(&field.label).to_owned();
        if &*field.name == TEAMS {
            drawn.extend(teams(desk, &name_of(field), typed).await?.map(|checks| (label, checks)));
            continue;
        }
        let (names, candidates) = (links::names_in(desk, kind, &[typed]).await?, links::candidates(desk, std::iter::once(field)).await?);
        let inputs = Inputs { words: desk.words, names: &names, candidates: &candidates };
        // With nobody to choose there is nothing to say.
        let is_empty = |input: &Input| matches!(input, Input::Checks { options, .. } if options.is_empty());
        drawn.extend(inputs.of(field, typed).filter(|input| !is_empty(input)).map(|input| (label, input)));
    }
    Ok(drawn)
}

/// Every team, and those that were chosen; none where there is none to choose.
async fn teams(desk: &Desk, name: &str, typed: &Typed) -> Result<Option<Input>, Error> {
    let (chosen, was) = (typed.all(name), typed.all(&format!("{name}.was")));
    let mut all: Vec<String> = desk.reading.teams().await?.into_keys().collect();
    let gone = chosen.iter().filter(|team| !all.iter().any(|known| known == **team));
    let gone: Vec<String> = gone.map(|team| (*team).to_owned()).collect();
    all.extend(gone);
    let options = all.into_iter().map(|team| (team.clone(), team.clone(), chosen.contains(&&*team))).collect::<Vec<_>>();
    let was = was.into_iter().map(str::to_owned).collect();
    Ok((!options.is_empty()).then(|| Input::Checks { name: name.to_owned(), options, was }))
}

/// The edits that share it as the controls say, one that is there or a new one; or why they cannot be taken.
///
/// # Errors
/// When the database fails.
pub async fn edits(
    desk: &Desk,
    kind: &Kind,
    present: Option<&Map<String, Json>>,
    typed: &Typed,
) -> Result<Result<Vec<FieldEdit>, String>, Error> {
    let mut typed = typed.clone();
    let unclear = links::resolve(desk, kind, &mut typed).await?;
    if !unclear.is_empty() {
        return Ok(Err(why::unclear(desk, &unclear)));
    }
    let fields: Vec<_> = [PEOPLE, TEAMS].into_iter().filter_map(|name| kind.field(name)).collect();
    if present.is_none() {
        // With nobody yet, whoever was chosen when the form was made is new, too.
        let mut chosen = Typed::default();
        fields.iter().for_each(|field| chosen.extend(typed.only(&name_of(field))));
        typed = chosen;
    }
    Ok(read(desk, &fields, &typed, present.unwrap_or(&Map::new())).map_err(|(_, why)| why))
}

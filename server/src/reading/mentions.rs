//! Notes that name the caller: what a colleague wants them to see; what they have to do. And whom the caller's notes may name.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};
use sync_core::actions::next::{ABOUT, ACTIVITY};
use sync_core::id::{KindName, RecordId, UserId};
use sync_core::search::{Closeness, closeness, words};

use super::{Linked, Names, ReadError, Reading, Row};
use crate::store::mentions::{self, Begun, Called, Naming};
use crate::store::{lists, marks, people};

/// The people of an activity: a note names whoever is among them.
pub const PEOPLE: &str = "people";

/// Whose an activity is: who has written a note, or is to do a task.
const AUTHOR: &str = "assignee";

/// How far an activity is, and what still has to be done.
const STATUS: &str = "status";
const PLANNED: &str = "planned";

/// Notes that are shown or counted, those that named somebody last: a badge that says so many says enough.
const MENTIONS_MAX: u32 = 50;

/// The kind of the colleagues whom a note may name.
const COLLEAGUE: &str = "member";

/// Colleagues that are put in order by how well their name fits what was typed: of 5,000 not every one whose name has a
/// letter is looked at, one more letter leaves few.
const LOOKED_AT_MAX: u32 = 500;

/// The field of colleagues that says in which teams they are.
const TEAMS: &str = "teams";

/// People of a team that a note may call together: whoever wants more of them to read something does not write it as a note.
pub const TEAM_MAX: usize = 100;

/// Somebody whom a note may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colleague {
    /// Who.
    pub id: RecordId,
    /// What they are called.
    pub name: String,
    /// What they sign in with, where somebody else is called the same: else it is nobody's business.
    pub login: Option<String>,
}

/// A note that names the caller.
#[derive(Debug, Clone)]
pub struct Mention {
    /// The note.
    pub note: Row,
    /// Who wrote it.
    pub by: Option<Linked>,
    /// The records it is about, those in sight.
    pub about: Vec<Linked>,
    /// The position of the feed at which it named the caller; later edits of the note leave it where it is.
    pub named_at: u64,
    /// Whether it named the caller after what they have said that they have seen.
    pub is_new: bool,
}

impl Reading {
    /// The notes that name the caller, those that did so last come first.
    ///
    /// "Seen" is a place of the feed: whatever named the caller up to there is seen, whether or not they could see it then.
    /// A note that comes into their sight later, and named them before the mark, stands here and is not new.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn mentions(&self) -> Result<Vec<Mention>, ReadError> {
        let Some(naming) = self.naming() else { return Ok(Vec::new()) };
        let mut tx = self.store.reader().await?;
        let seen = marks::of(&mut tx, self.workspace, &marks::mentions(self.caller.user)).await?;
        let found = mentions::notes_naming(&mut tx, self.workspace, &self.scope, &naming, MENTIONS_MAX).await?;
        let (ids, named): (Vec<RecordId>, HashMap<RecordId, u64>) =
            (found.iter().map(|(id, _)| *id).collect(), found.into_iter().collect());
        let rows = lists::seen_rows(&mut tx, self.workspace, &self.scope, &ids).await?;
        let rows: Vec<Row> = rows.into_iter().map(|row| Row::of(row, 0)).collect();
        let names = self.names(&mut tx, rows.iter().flat_map(|row| [linked(row, ABOUT), linked(row, AUTHOR)].concat())).await?;
        let mention = |note: Row| mention(named.get(&note.id).copied().unwrap_or(note.version), note, &names, seen);
        Ok(rows.into_iter().filter_map(mention).collect())
    }

    /// How many of them are new: of those made last, fifty at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn new_mentions(&self) -> Result<u64, ReadError> {
        let Some(naming) = self.naming() else { return Ok(0) };
        let mut tx = self.store.reader().await?;
        let seen = marks::of(&mut tx, self.workspace, &marks::mentions(self.caller.user)).await?;
        Ok(mentions::new_count(&mut tx, self.workspace, &self.scope, &naming, (seen, MENTIONS_MAX)).await?)
    }

    /// Everybody whom a note may name, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn colleagues(&self) -> Result<Vec<Called>, ReadError> {
        let Some(kind) = self.colleague_kind() else { return Ok(Vec::new()) };
        let mut tx = self.store.reader().await?;
        Ok(mentions::colleagues(&mut tx, self.workspace, &self.scope, kind).await?)
    }

    /// The teams that a note may call, by name, with everybody in them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn teams(&self) -> Result<BTreeMap<String, Vec<RecordId>>, ReadError> {
        let Some(kind) = self.colleague_kind().filter(|name| self.kind(name).is_ok_and(|kind| self.may_read(kind, TEAMS))) else {
            return Ok(BTreeMap::new());
        };
        let mut teams: BTreeMap<String, Vec<RecordId>> = BTreeMap::new();
        for (team, person) in mentions::teams(&mut self.store.reader().await?, self.workspace, &self.scope, kind).await? {
            teams.entry(team).or_default().push(person);
        }
        teams.retain(|_, people| people.len() <= TEAM_MAX);
        Ok(teams)
    }

    /// The teams whose name fits what was typed, the closest first, with how many are in each.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn offered_teams(&self, typed: &str, most: usize) -> Result<Vec<(String, u64)>, ReadError> {
        let typed = typed.trim();
        let fitting = |(team, people): (String, Vec<RecordId>)| Some((fit(typed, &team)?, (team, people.len() as u64)));
        let mut found: Vec<_> = self.teams().await?.into_iter().filter_map(fitting).collect();
        found.sort_by_key(|(fit, _)| *fit);
        Ok(found.into_iter().take(most).map(|(_, team)| team).collect())
    }

    /// The colleagues at work whose name fits what was typed, the closest first. A login means somebody only as a whole: part
    /// by part anybody's could be guessed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn offered(&self, typed: &str, most: usize) -> Result<Vec<Colleague>, ReadError> {
        let (typed, words) = (typed.trim(), words(typed));
        let Some(kind) = self.colleague_kind().filter(|_| typed.is_empty() || !words.is_empty()) else { return Ok(Vec::new()) };
        let mut tx = self.store.reader().await?;
        let by_login = people::user_by_login(&mut tx, self.workspace, &typed.to_lowercase()).await?;
        let also = by_login.map(|user| RecordId(user.user.0));
        let begun = Begun { kind, word: words.first().map(String::as_str), also, but: RecordId(self.caller.user.0) };
        let called = mentions::begun(&mut tx, self.workspace, &self.scope, &begun, LOOKED_AT_MAX).await?;
        let mut found: Vec<(Closeness, Called)> = called
            .into_iter()
            .filter_map(|called| Some((if Some(called.0) == also { Closeness::Title } else { fit(typed, &called.1)? }, called)))
            .collect();
        found.sort_by_key(|(fit, _)| *fit);
        let namesakes: Vec<UserId> = found
            .iter()
            .take(most)
            .filter(|(_, (id, name))| found.iter().any(|(_, (other, its))| other != id && its == name))
            .map(|(_, (id, _))| UserId(id.0))
            .collect();
        let logins = lists::logins_of(&mut tx, self.workspace, &namesakes).await?;
        let colleague = |(_, (id, name)): (Closeness, Called)| Colleague { id, name, login: logins.get(&UserId(id.0)).cloned() };
        Ok(found.into_iter().take(most).map(colleague).collect())
    }

    /// None for who may not see what colleagues are called.
    pub(super) fn colleague_kind(&self) -> Option<&KindName> {
        self.kind(COLLEAGUE).ok().filter(|kind| self.may_read(kind, &kind.title)).map(|kind| &kind.name)
    }

    /// How many activities the caller still has to do, of the five hundred made last, and the conditions that find them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_tasks(&self) -> Result<(u64, Json), ReadError> {
        let conditions = json!([
            {"type": "linkedWith", "attribute": AUTHOR, "value": [self.caller.user]},
            {"type": "in", "attribute": STATUS, "value": [PLANNED]},
        ]);
        let Some(tasks) = self.naming_as(AUTHOR).filter(|tasks| self.kind(tasks.kind).is_ok_and(|kind| self.may_read(kind, STATUS))) else {
            return Ok((0, conditions));
        };
        let mut tx = self.store.reader().await?;
        Ok((mentions::open_count(&mut tx, self.workspace, &self.scope, &tasks, PLANNED).await?, conditions))
    }

    /// None for who may not see whom an activity names.
    fn naming(&self) -> Option<Naming<'_>> {
        self.naming_as(PEOPLE)
    }

    /// The caller as one of the activities' links names them.
    fn naming_as<'a>(&'a self, role: &'a str) -> Option<Naming<'a>> {
        let kind = self.kind(ACTIVITY).ok().filter(|kind| self.may_read(kind, role))?;
        Some(Naming { kind: &kind.name, role, about: ABOUT, person: RecordId(self.caller.user.0) })
    }
}

/// None for a note about records of which none is in sight.
fn mention(named_at: u64, note: Row, names: &Names, seen: u64) -> Option<Mention> {
    let ids = linked(&note, ABOUT);
    let about: Vec<Linked> = ids.iter().filter_map(|id| names.get(id).cloned()).collect();
    if about.is_empty() && !ids.is_empty() {
        return None;
    }
    let by = linked(&note, AUTHOR).first().and_then(|id| names.get(id).cloned());
    Some(Mention { by, about, named_at, is_new: named_at > seen, note })
}

/// Where a field of a note leads.
fn linked(note: &Row, field: &str) -> Vec<RecordId> {
    match note.fields.get(field) {
        Some(Json::Array(values)) => values.iter().filter_map(|value| value.as_str()?.parse().ok()).collect(),
        Some(Json::String(id)) => id.parse().into_iter().collect(),
        _ => Vec::new(),
    }
}

/// How well somebody's name fits what was typed; none if it does not.
fn fit(typed: &str, name: &str) -> Option<Closeness> {
    if typed.is_empty() {
        return Some(Closeness::Start);
    }
    Some(closeness(typed, name)).filter(|fit| *fit != Closeness::Elsewhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_offered_by_name_by_pinyin_and_by_initials() {
        let cases = [
            ("", "王芳", true),
            ("王", "王芳", true),
            ("wf", "王芳", true),
            ("wang", "王芳", true),
            ("chen", "Bo Chen", true),
            ("bo chen", "Bo Chen", true),
            ("hen", "Bo Chen", false),
            ("zz", "王芳", false),
        ];
        for (typed, name, expected) in cases {
            assert_eq!(fit(typed, name).is_some(), expected, "{typed} {name}");
        }
        assert!(fit("bo", "Bo Chen") < fit("bo", "Chen Bo"), "a name that begins so comes first");
    }
}

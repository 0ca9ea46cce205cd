//! What an entry of the audit log says, as a sentence: people, devices and records by name, with links.
//!
//! Shows what there is now: a record that was erased since is a number.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use sync_core::id::{RecordId, UserId};

use super::desk::Desk;
use super::format::{self, Shown};
use super::people;
use crate::audit::Act;
use crate::error::Error;
use crate::reading::Names;
use crate::store::people::User;
use crate::store::trail::EntryRow;
use crate::store::{devices, farewells, keys};

/// Records of an entry that are named; of more it says how many.
const NAMED_MAX: usize = 5;

/// An entry in words.
pub struct Sentence {
    /// What stands before the subject.
    pub before: String,
    /// To what it was done.
    pub subject: Shown,
    /// What stands behind it.
    pub after: String,
    /// What else is worth knowing.
    pub facts: Vec<String>,
}

/// What the entries of a page speak of.
pub struct Told<'d> {
    desk: &'d Desk,
    people: BTreeMap<String, Shown>,
    /// Devices and keys.
    things: BTreeMap<String, String>,
    records: Names,
}

impl<'d> Told<'d> {
    /// Looks up what these entries speak of.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(desk: &'d Desk, users: &[User], entries: &[EntryRow]) -> Result<Self, Error> {
        let mut tx = desk.app.store.reader().await?;
        let workspace = desk.caller.workspace;
        let mut things = BTreeMap::new();
        things.extend(devices::devices(&mut tx, workspace).await?.into_iter().map(|one| (one.device.to_string(), one.name)));
        things.extend(keys::all(&mut tx, workspace).await?.into_iter().map(|one| (one.key.to_string(), one.name)));
        drop(tx);
        let ids = entries.iter().flat_map(|entry| {
            let detail = detail(entry);
            let mut ids: Vec<RecordId> = records(&detail).iter().take(NAMED_MAX).filter_map(|id| id.as_str()?.parse().ok()).collect();
            ids.extend(id_of(entry, &detail).parse::<RecordId>());
            ids.extend(detail.get("view").and_then(Json::as_str).and_then(|view| view.parse::<RecordId>().ok()));
            ids
        });
        let records = desk.reading.names_of(ids.collect::<Vec<_>>()).await?;
        let person = |user: &User| (user.user.to_string(), link(format!("/people/{}", user.user), &user.name));
        Ok(Self { desk, people: users.iter().map(person).collect(), things, records })
    }

    /// Who did it.
    pub fn who(&self, user: Option<UserId>) -> Shown {
        let unknown = |key| Shown::Text(self.desk.words.say(key).to_owned());
        match user {
            None => unknown("audit.nobody"),
            Some(user) => self.people.get(&user.to_string()).cloned().unwrap_or_else(|| unknown("who.unknown")),
        }
    }

    /// What was done.
    pub fn sentence(&self, entry: &EntryRow) -> Sentence {
        let detail = detail(entry);
        let Some(act) = Act::of(&entry.act) else {
            let (before, after) = (entry.act.clone(), String::new());
            return Sentence { before, subject: Shown::Nothing, after, facts: Vec::new() };
        };
        let sentence = self.desk.words.0.of(act.sentence().0, act.sentence().1);
        let (before, after) = sentence.split_once("{}").unwrap_or((sentence, ""));
        let subject = if sentence.contains("{}") { self.subject(entry, &detail) } else { Shown::Nothing };
        Sentence { before: before.to_owned(), subject, after: after.to_owned(), facts: self.facts(entry, &detail) }
    }

    fn subject(&self, entry: &EntryRow, detail: &Json) -> Shown {
        let several = records(detail);
        if !several.is_empty() {
            return self.several(several);
        }
        let id = id_of(entry, detail);
        if let Some(known) = self.people.get(id) {
            return known.clone();
        }
        if let Some(known) = self.things.get(id) {
            return Shown::Text(known.clone());
        }
        let words = self.desk.words;
        match (id.parse::<RecordId>(), entry.subject.split_once(' ')) {
            // What is left of it is the proof.
            (Ok(record), _) if entry.act == Act::Erased.as_str() => link(format!("/privacy/{record}"), &format::short(&record.to_string())),
            // What is not there yet has no name: an edit that would make it waits.
            (Ok(record), _) if entry.act == Act::Decided.as_str() && !self.records.contains_key(&record) => {
                let kind = detail.get("kind").and_then(Json::as_str).and_then(|kind| self.desk.reading.kind(kind).ok());
                let label = kind.map_or("", |kind| words.label(&kind.label));
                Shown::Text(format!("{label} {}", format::short(&record.to_string())).trim_start().to_owned())
            }
            (Ok(record), _) => self.record(record),
            (Err(_), Some(("role", name))) => {
                let label = self.desk.reading.roles().role(name).map_or(name, |role| words.label(&role.label));
                link(format!("/roles/{name}"), label)
            }
            (Err(_), Some(("kind", name))) => link(format!("/kinds/{name}"), &self.kind(name)),
            _ if entry.subject == "devices" => Shown::Text(words.say("menu.devices").to_owned()),
            _ if entry.subject == "*" => Shown::Text(words.say("audit.everything").to_owned()),
            _ => Shown::Text(self.kind(&entry.subject)),
        }
    }

    fn several(&self, ids: &[Json]) -> Shown {
        let known = ids.iter().take(NAMED_MAX).filter_map(|id| id.as_str()?.parse().ok());
        let mut shown: Vec<Shown> = known.map(|record| self.record(record)).collect();
        if ids.len() > NAMED_MAX {
            shown.push(Shown::Text(self.desk.words.count("list.count", ids.len() as u64)));
        }
        Shown::Many(shown)
    }

    fn record(&self, record: RecordId) -> Shown {
        let short = || Shown::Text(format::short(&record.to_string()));
        let named = self.records.get(&record).filter(|linked| !linked.title.is_empty());
        named.map_or_else(short, |linked| link(format!("/records/{}/{record}", linked.kind), &linked.title))
    }

    /// What a view is called now; older entries say what it was called then.
    fn view(&self, view: String) -> String {
        view.parse::<RecordId>().map_or(view, |id| self.record(id).text())
    }

    fn kind(&self, name: &str) -> String {
        self.desk.reading.kind(name).map_or_else(|_| name.to_owned(), |kind| self.desk.words.label(&kind.plural).to_owned())
    }

    fn facts(&self, entry: &EntryRow, detail: &Json) -> Vec<String> {
        let words = self.desk.words;
        let text = |name: &str| detail.get(name).and_then(Json::as_str).map(str::to_owned);
        let number = |name: &str| detail.get(name).and_then(Json::as_u64).map(|count| words.count("list.count", count));
        let is = |name: &str, key| (detail.get(name) == Some(&Json::Bool(true))).then(|| words.say(key).to_owned());
        let left = |act: String| match farewells::Act::of(&act)? {
            farewells::Act::Lost => Some(words.say("device.lost").to_owned()),
            farewells::Act::HandBack => Some(words.say("device.hand_back").to_owned()),
        };
        let has = |name: &str| detail.get(name).is_some();
        let device = || self.things.get(&entry.subject).filter(|_| entry.act == Act::DeviceForked.as_str());
        let person = |id: String| self.people.get(&id).map_or_else(|| format::short(&id), Shown::text);
        [
            text("to").map(|to| words.fill("audit.to", &[&person(to)])),
            number("records").or_else(|| number("rows")),
            detail.get("at_least").and_then(Json::as_u64).map(|count| words.count("audit.at_least", count)),
            detail.get("left").and_then(Json::as_u64).filter(|left| *left > 0).map(|left| words.count("bulk.refused", left)),
            is("sample", "audit.sample"),
            is("confirmed", "audit.confirmed"),
            has("approval").then(|| words.say("audit.approval_rule").to_owned()),
            is("first", "audit.first"),
            detail.get("before").and_then(|before| before.get("entries")?.as_u64()).map(|count| words.count("audit.before", count)),
            detail.get("withdrawn").and_then(Json::as_u64).map(|count| words.count("audit.withdrawn", count)),
            device().map(|name| words.fill("audit.device", &[name])),
            has("owner").then(|| words.say("audit.owner").to_owned()),
            has("sharing").then(|| words.say("audit.sharing").to_owned()),
            text("format").map(|format| format.to_uppercase()),
            text("view").or_else(|| text("report")).map(|view| words.fill("audit.list", &[&self.view(view)])),
            detail.get("filter").map(|filter| words.fill("audit.narrowed", &[&attributes(filter).join(", ")])),
            text("decision").map(|state| decided(&state).map_or(state, |key| words.say(key).to_owned())),
            text("act").and_then(left),
            text("change").and_then(|change| Some(words.say(changed(&change)?).to_owned())),
            is("undone", "handover.undone"),
            is("begun", "audit.begun"),
            is("disable", "person.disabled"),
            is("given", "audit.given"),
            text("role").map(|roles| roles.parse().map_or(roles, |roles| people::role_names(self.desk, &roles))),
            text("scopes"),
            text("address"),
            text("added"),
        ]
        .into_iter()
        .flatten()
        .filter(|fact| !fact.is_empty())
        .collect()
    }
}

/// What became of an edit that waited: the key of its message.
fn decided(state: &str) -> Option<&'static str> {
    Some(match state {
        "accepted" => "rejected.accepted",
        "declined" => "rejected.declined",
        "returned" => "rejected.returned",
        "approved" => "audit.approved",
        "reopened" => "audit.reopened",
        _ => return None,
    })
}

/// What was done to a webhook: the key of its message.
fn changed(change: &str) -> Option<&'static str> {
    Some(match change {
        "edited" => "hook.was_edited",
        "paused" => "hook.paused",
        "resumed" => "hook.was_resumed",
        "removed" => "hook.was_removed",
        "replayed" => "hook.was_replayed",
        "pinged" => "hook.was_pinged",
        _ => return None,
    })
}

fn link(href: String, text: &str) -> Shown {
    Shown::Record { href, text: text.to_owned() }
}

fn detail(entry: &EntryRow) -> Json {
    serde_json::from_str(&entry.detail).unwrap_or(Json::Null)
}

/// The records that an entry names.
fn records(detail: &Json) -> &[Json] {
    detail.get("records").and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// What an entry is about, as an id or a name: the record, where it has a subject of its own.
fn id_of<'e>(entry: &'e EntryRow, detail: &'e Json) -> &'e str {
    let named = ["dashboard", "record"].into_iter().find_map(|name| detail.get(name)?.as_str());
    named.unwrap_or_else(|| entry.subject.rsplit(' ').next().unwrap_or_default())
}

/// What conditions look at.
fn attributes(conditions: &Json) -> Vec<String> {
    let one = |condition: &Json| match condition.get("value") {
        Some(inner) => attributes(inner),
        None => condition.get("attribute").and_then(Json::as_str).map(str::to_owned).into_iter().collect(),
    };
    match conditions {
        Json::Array(all) => all.iter().flat_map(one).collect(),
        condition => one(condition),
    }
}

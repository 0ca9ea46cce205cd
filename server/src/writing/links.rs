//! Where links lead that somebody writes: to a record that they see, of a kind that the field names.
//!
//! One question for all links of many edits. Never asked of what phones send, of merges, and of what is taken back; what a
//! record holds already may be written again, wherever it leads.

use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;
use sync_core::access::MEMBER_KIND;
use sync_core::id::{KindName, RecordId, UserId};
use sync_core::projection::linked;
use sync_core::record::fields::{BadEdit, FieldEdit};
use sync_core::record::valid::BadValue;
use sync_core::schema::{Kind, Label, Schema};

use super::{WriteError, Writing};
use crate::intake::{Author, Edited, Expect, IntakeError, NotEdited, RecordEdit, Rules};
use crate::reading;
use crate::store::lists::{self, TitleRow};
use crate::store::{Result, Tx, audit};

/// A link that is to be written.
struct Lead<'k> {
    record: RecordId,
    /// The field, or `field.part`.
    role: String,
    to: &'k [KindName],
    target: RecordId,
}

/// All links of some edits.
#[derive(Default)]
pub(crate) struct Leads<'k>(Vec<Lead<'k>>);

/// What stands against the links of records.
pub(crate) type Strays = HashMap<RecordId, Vec<BadEdit>>;

impl<'k> Leads<'k> {
    /// Notes where edits of a record lead.
    pub fn note(&mut self, kind: &'k Kind, record: RecordId, edits: &[FieldEdit]) {
        self.0.extend(edits.iter().flat_map(|edit| leads(kind, record, edit)));
    }

    /// Those that lead nowhere, or to a record of another kind. `made` tells the kind of a record that is about to be made.
    pub async fn astray(
        self,
        tx: &mut Tx,
        (rules, author): (&Rules, &Author),
        made: impl Fn(&RecordId) -> Option<KindName>,
    ) -> Result<Strays> {
        if self.0.is_empty() {
            return Ok(Strays::new());
        }
        let scope = reading::scope(rules, &author.caller());
        let mut targets: Vec<RecordId> = self.0.iter().map(|lead| lead.target).filter(|target| made(target).is_none()).collect();
        targets.sort_unstable();
        targets.dedup();
        let there = lists::titles(tx, author.workspace, &scope, &targets).await?;
        let kind_of = |target: &RecordId| made(target).or_else(|| there.get(target).map(|row: &TitleRow| row.kind.clone()));
        let problem = |lead: Lead<'k>| match kind_of(&lead.target) {
            Some(kind) if lead.to.contains(&kind) => None,
            Some(kind) => Some((other_kind(&rules.schema, &lead, &kind), lead)),
            None => Some((BadValue::NoRecord, lead)),
        };
        let mut wrong: Vec<(BadValue, Lead<'k>)> = self.0.into_iter().filter_map(problem).collect();
        if !wrong.is_empty() {
            let sees_members = rules.schema.kind(MEMBER_KIND).is_some_and(|member| scope.of(&member.name).is_some());
            let (held, accounts) = known(tx, author, &wrong).await?;
            let is_account = |lead: &Lead<'_>| (sees_members || lead.target.0 == author.user.0) && accounts.contains(&lead.target);
            wrong.retain(|(problem, lead)| {
                let is_held = held.contains(&(lead.record, lead.role.clone(), lead.target));
                let is_colleague = *problem == BadValue::NoRecord && lead.to.iter().any(|to| **to == *MEMBER_KIND) && is_account(lead);
                !is_held && !is_colleague
            });
        }
        let mut strays = Strays::new();
        for (problem, Lead { record, role, .. }) in wrong {
            strays.entry(record).or_default().push(BadEdit::BadValue { field: role, problem });
        }
        Ok(strays)
    }
}

/// The links that these records hold, and those of the targets that are accounts: a colleague may have no record.
async fn known(
    tx: &mut Tx,
    author: &Author,
    wrong: &[(BadValue, Lead<'_>)],
) -> Result<(HashSet<(RecordId, String, RecordId)>, HashSet<RecordId>)> {
    let mut records: Vec<RecordId> = wrong.iter().map(|(_, lead)| lead.record).collect();
    records.sort_unstable();
    records.dedup();
    let held = audit::links_from(tx, author.workspace, &records).await?;
    let users: Vec<UserId> = wrong.iter().map(|(_, lead)| UserId(lead.target.0)).collect();
    let accounts = lists::user_names(tx, author.workspace, &users).await?;
    let held = held.into_iter().map(|link| (link.source, link.role, link.target)).collect();
    Ok((held, accounts.into_keys().map(|user| RecordId(user.0)).collect()))
}

fn leads<'k>(kind: &'k Kind, record: RecordId, edit: &FieldEdit) -> Vec<Lead<'k>> {
    let Some(field) = kind.field(edit.field()) else { return Vec::new() };
    let found = match edit {
        FieldEdit::Set { value, .. } => linked(field, value),
        FieldEdit::Add { value, .. } => linked(field, &Json::from(value.as_str())),
        FieldEdit::SetRow { values, .. } | FieldEdit::Append { values, .. } if field.items.iter().any(|item| !item.to.is_empty()) => {
            linked(field, &Json::from(vec![values.clone()]))
        }
        FieldEdit::SetRow { .. } | FieldEdit::Append { .. } => Vec::new(),
        FieldEdit::Remove { .. } | FieldEdit::RemoveRow { .. } | FieldEdit::MoveRow { .. } => Vec::new(),
        FieldEdit::Splice { .. } | FieldEdit::Increment { .. } => Vec::new(),
    };
    let lead = |(role, target): (String, RecordId)| {
        let part = role.split_once('.').and_then(|(_, part)| field.item(part));
        Lead { record, to: &part.unwrap_or(field).to, role, target }
    };
    found.into_iter().map(lead).collect()
}

fn other_kind(schema: &Schema, lead: &Lead<'_>, kind: &KindName) -> BadValue {
    let plurals = |of: fn(&Label) -> &str, between: &str| {
        let name = |to: &KindName| schema.kind(to).map_or_else(|| to.to_string(), |kind| of(&kind.plural).to_owned());
        lead.to.iter().map(name).collect::<Vec<_>>().join(between)
    };
    let to = Label { en: plurals(|label| &label.en, ", ").to_lowercase(), zh: plurals(|label| &label.zh, "、") };
    let is = schema.kind(kind).map_or_else(|| Label { en: kind.to_string(), zh: kind.to_string() }, |kind| kind.label.clone());
    let article = if is.en.starts_with(['A', 'E', 'I', 'O', 'a', 'e', 'i', 'o']) { "an" } else { "a" };
    let is = Label { en: format!("{article} {}", is.en.to_lowercase()), zh: is.zh };
    BadValue::OtherKind { found: lead.target.to_string(), to: Box::new(to), is: Box::new(is) }
}

impl Writing {
    /// Writes edits, but for those of records of which a link leads astray: these are refused, and no other.
    pub(super) async fn write(&self, edits: Vec<RecordEdit>) -> std::result::Result<Vec<Edited>, WriteError> {
        let strays = if self.puts_back { Strays::new() } else { self.astray(&edits).await? };
        let fit = edits.iter().filter(|edit| !strays.contains_key(&edit.record)).cloned().collect::<Vec<_>>();
        let mut written = match fit.is_empty() {
            true => Vec::new(),
            false => self.intake.edit(&self.author, fit, self.now, None).await?,
        }
        .into_iter();
        let answer = |edit: &RecordEdit| match strays.get(&edit.record).and_then(|bad| bad.first()) {
            Some(bad) => Err(bad.clone().into()),
            None => written.next().unwrap_or(Err(NotEdited::NoSuchRecord)),
        };
        Ok(edits.iter().map(answer).collect())
    }

    /// What stands against the links of edits, by record.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn astray(&self, edits: &[RecordEdit]) -> std::result::Result<Strays, IntakeError> {
        let rules = self.intake.rules(self.author.workspace);
        let (mut leads, mut made) = (Leads::default(), HashMap::new());
        for edit in edits {
            if let Some(kind) = rules.schema.kind(&edit.kind) {
                leads.note(kind, edit.record, &edit.edits);
            }
            if matches!(edit.expect, Expect::New | Expect::Any) {
                made.insert(edit.record, &edit.kind);
            }
        }
        if leads.0.is_empty() {
            return Ok(Strays::new());
        }
        let mut tx = self.store.reader().await?;
        Ok(leads.astray(&mut tx, (&rules, &self.author), |target| made.get(target).map(|kind| (*kind).clone())).await?)
    }
}

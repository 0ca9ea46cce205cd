//! Records that say who may do what: what is checked before a change of one is accepted, and what follows
//! from it in the same transaction.
//!
//! A role that cannot be read, a name that two roles bear, a person with a role that is not there, a workspace
//! that nobody could administer any more: refused with words, so that no rule has to be mended by hand. The
//! account that signs in follows the member record, and the audit log follows both.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};
use sync_core::access::{MEMBER_KIND, Right, Role, RoleSet, Roles};
use sync_core::actions::approvals::{self, Approver};
use sync_core::actions::currency::SETTINGS;
use sync_core::actions::duplicates::country::Country;
use sync_core::id::{Facet, KindName, Millis, Name, RecordId, UserId, WorkspaceId};
use sync_core::merge;
use sync_core::protocol::code;
use sync_core::record::doc::Doc;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Kind, Label, Reading, Schema};

use super::NotEdited;
use super::ages;
use super::decide::Refused;
use super::terms::{self, Terms, is_term};
use super::unit::KIND_KIND;
use super::views::{VIEW_KIND, view};
use crate::audit::{Act, Note};
use crate::auth::devices::{hand_back, take_back};
use crate::language::Language;
use crate::store::marks;
use crate::store::people::{self, Following};
use crate::store::records::{self, Definition};
use crate::store::{self, Result, Tx};

/// The kind whose records are roles.
pub(crate) const ROLE_KIND: &str = "role";
/// The kind whose records say, among other things, whose word an edit needs and what is erased after a time.
const RULE_KIND: &str = "rule";
/// Fields of a member by which somebody sees and does more, or less.
const RIGHTS_OF_MEMBERS: [&str; 5] = ["role", "more_roles", "teams", "territories", "active"];

/// Whether records of a kind are looked at here.
pub(super) fn is_governed(kind: &str) -> bool {
    [ROLE_KIND, MEMBER_KIND, RULE_KIND, VIEW_KIND].contains(&kind) || is_term(kind)
}

/// The roles and people of a workspace, as they are within one unit of work.
pub(super) struct Governing {
    roles: BTreeMap<RecordId, Definition>,
    people: BTreeMap<UserId, Standing>,
    /// The rules that say whose word an edit needs.
    approvals: BTreeMap<RecordId, Map<String, Json>>,
    terms: Terms,
    following: Vec<Followed>,
    notes: Vec<(Millis, Note)>,
    /// Settings that say something else: whose doing it was, of which kind they are, when, and which.
    settings: BTreeMap<(Option<UserId>, KindName), (Millis, BTreeSet<RecordId>)>,
    /// Whether the workspace is in another country now.
    moves: bool,
}

/// An account that follows its member record.
struct Followed {
    user: UserId,
    following: Following,
    /// When, and by whom; nobody: the operator. None where the audit log tells of it already, and of the phones.
    told: Option<(Millis, Option<UserId>)>,
}

/// What somebody is.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    name: String,
    role: RoleSet,
    active: bool,
}

/// What follows from a change that may be accepted.
pub(super) enum Effect {
    /// An approval asks for words from now on, or for others, or not any more.
    Approval {
        record: RecordId,
        /// The rule as it is then; none when it asks for nothing any more.
        rule: Option<Map<String, Json>>,
    },
    /// A rule says something else that is nobody's word.
    Rule {
        kind: KindName,
        record: RecordId,
    },
    /// Settings, a rate or a number sequence says something else.
    Term {
        kind: KindName,
        record: RecordId,
        /// What it says; none when it is archived.
        row: Option<Map<String, Json>>,
        /// Whether numbers without a country are of another one from now on.
        moves: bool,
    },
    Role {
        record: RecordId,
        name: String,
        definition: Option<Definition>,
    },
    Member {
        user: UserId,
        standing: Option<Standing>,
        following: Following,
        rights: Vec<&'static str>,
    },
}

impl Governing {
    /// Reads them.
    pub async fn load(tx: &mut Tx, workspace: WorkspaceId) -> Result<Self> {
        let roles = records::definitions(tx, workspace, ROLE_KIND).await?;
        let standing = |user: people::User| Standing { name: user.name, role: user.role, active: user.disabled_at.is_none() };
        let people = people::users(tx, workspace).await?.into_iter().map(|user| (user.user, standing(user))).collect();
        let roles = roles.into_iter().map(|definition| (definition.record, definition)).collect();
        let approvals = store::approvals::rules(tx, workspace).await?.into_iter().collect();
        Ok(Self {
            roles,
            people,
            approvals,
            terms: Terms::default(),
            following: Vec::new(),
            notes: Vec::new(),
            settings: BTreeMap::new(),
            moves: false,
        })
    }

    /// Reads what an edit of a kind is compared with besides.
    pub async fn need(&mut self, tx: &mut Tx, workspace: WorkspaceId, kind: &str) -> store::Result<()> {
        self.terms.need(tx, workspace, kind).await
    }

    /// What follows, if anything, from a change of a main document from `before` to `after`; or why it may not be.
    pub fn check(&self, schema: &Schema, kind: &Kind, record: RecordId, before: &Doc, after: &Doc) -> Result<Option<Effect>, Refused> {
        let row = |doc| merge::row(kind, Facet::Main, doc);
        match &*kind.name {
            ROLE_KIND => self.role(schema, record, &row(after), merge::is_archived(after)).map(Some),
            RULE_KIND => {
                if !merge::is_archived(after) {
                    terms::rule(schema, &row(before), &row(after))?;
                }
                retention(&row(before), &row(after), merge::is_archived(after))?;
                let approval = self.approval(schema, record, (before, &row(before)), (after, &row(after)))?;
                let other = || (!merge::is_archived(after)).then(|| Effect::Rule { kind: kind.name.clone(), record });
                Ok(approval.or_else(other))
            }
            VIEW_KIND if merge::is_archived(after) => Ok(None),
            VIEW_KIND => view(schema, &row(before), &row(after)).map(|()| None),
            name => match never_archived(name).filter(|_| merge::is_archived(after) && !merge::is_archived(before)) {
                Some((en, zh)) => Err(forbidden("archive", en, zh)),
                None if is_term(name) => self.term(schema, kind, record, (before, &row(before)), (after, row(after))).map(Some),
                None => self.member(schema, record, &row(before), &row(after)).map(Some),
            },
        }
    }

    fn term(
        &self,
        schema: &Schema,
        kind: &Kind,
        record: RecordId,
        before: (&Doc, &Map<String, Json>),
        after: (&Doc, Map<String, Json>),
    ) -> Result<Effect, Refused> {
        let row = (!merge::is_archived(after.0)).then_some(after.1);
        let moves = &*kind.name == SETTINGS && Country::of(Some(before.1)) != Country::of(row.as_ref());
        if let Some(row) = &row {
            let was_in_use = !before.0.is_empty() && !merge::is_archived(before.0);
            self.terms.check(schema, &kind.name, record, (before.1, was_in_use), row)?;
        }
        Ok(Effect::Term { kind: kind.name.clone(), record, row, moves })
    }

    fn role(&self, schema: &Schema, record: RecordId, row: &Map<String, Json>, archived: bool) -> Result<Effect, Refused> {
        let name = text(row, "name").to_owned();
        let definition = Definition { record, name: name.clone(), text: text(row, "definition").to_owned() };
        if !archived {
            let role = Role::parse(&format!("role `{name}`"), &definition.text, schema, Reading::Strict).map_err(|bad| {
                let zh = format!("角色“{name}”的定义第 {} 行有误：{}", bad.line, bad.message.zh);
                bad_value("definition", &bad.to_string(), &zh)
            })?;
            if *role.name != *name {
                let en = format!("the definition is that of role `{}`, the record is named `{name}`", role.name);
                return Err(bad_value("definition", &en, &format!("定义中的标识“{}”与记录的标识“{name}”不一致", role.name)));
            }
            if self.roles.values().any(|other| other.record != record && other.name == name) {
                let en = format!("there is another record of role `{name}`: change that one");
                return Err(bad_value("name", &en, &format!("角色“{name}”已有记录，请修改该记录")));
            }
        }
        let definition = (!archived).then_some(definition);
        let others = self.roles.values().filter(|other| other.record != record);
        let roles = roles_of(others.chain(definition.as_ref()), schema);
        self.in_use(&roles, schema)?;
        self.administered(&roles, &self.people, schema)?;
        Ok(Effect::Role { record, name, definition })
    }

    fn approval(
        &self,
        schema: &Schema,
        record: RecordId,
        before: (&Doc, &Map<String, Json>),
        after: (&Doc, &Map<String, Json>),
    ) -> Result<Option<Effect>, Refused> {
        let read = |(doc, row): (&Doc, _)| if merge::is_archived(doc) { Ok(Vec::new()) } else { approvals::checked(row) };
        let steps = read(after).map_err(|bad| bad_value("actions", &bad.to_string(), &bad.message_zh()))?;
        let (about, about_before) = (text(after.1, "about"), text(before.1, "about"));
        if read(before).is_ok_and(|before| before == steps) && (about == about_before || steps.is_empty()) {
            return Ok(None);
        }
        if !steps.is_empty() {
            self.only_approval(record, about)?;
        }
        let roles = roles_of(self.roles.values(), schema);
        for approver in steps.iter().flat_map(|step| std::iter::once(&step.approver).chain(&step.deputy)) {
            match approver {
                Approver::Role(name) if roles.role(name).is_none() => {
                    return Err(bad_value("actions", &format!("there is no role `{name}`"), &format!("没有名为“{name}”的角色")));
                }
                Approver::Member(user) if !self.people.get(user).is_some_and(|person| person.active) => {
                    return Err(bad_value("actions", &format!("nobody active is `{user}`"), &format!("没有在职人员“{user}”")));
                }
                Approver::Role(_) | Approver::Member(_) | Approver::Anybody => {}
            }
        }
        Ok(Some(Effect::Approval { record, rule: (!steps.is_empty()).then(|| after.1.clone()) }))
    }

    /// Whether no other rule asks for words about the same kind: of two only the first would be followed.
    fn only_approval(&self, record: RecordId, about: &str) -> Result<(), Refused> {
        let mut others = self.approvals.iter().filter(|(other, _)| **other != record);
        let Some((_, other)) = others.find(|(_, rule)| approvals::steps(rule, about).is_some()) else { return Ok(()) };
        let name = text(other, "name");
        let en = format!("the rule `{name}` says already whose word edits of `{about}` need: change that one, or switch it off first");
        let zh = format!("规则“{name}”已规定“{about}”的审批：请修改该规则，或先将其停用");
        Err(bad_value("about", &en, &zh))
    }

    fn member(&self, schema: &Schema, record: RecordId, before: &Map<String, Json>, after: &Map<String, Json>) -> Result<Effect, Refused> {
        let user = UserId(record.0);
        let changed = |field: &str| before.get(field) != after.get(field);
        let rights: Vec<&str> = RIGHTS_OF_MEMBERS.into_iter().filter(|field| changed(field)).collect();
        let mut following = Following::default();
        if (changed("role") || changed("more_roles")) && after.contains_key("role") {
            following.role = Some(role_set(after)?);
        }
        following.active = changed("active").then(|| after.get("active").and_then(Json::as_bool).unwrap_or(true));
        following.name = changed("name").then(|| text(after, "name").to_owned()).filter(|name| !name.is_empty());
        following.language = changed("language").then(|| Language::of_tag(text(after, "language")));
        let standing = self.people.get(&user).map(|now| Standing {
            name: following.name.clone().unwrap_or_else(|| now.name.clone()),
            role: following.role.clone().unwrap_or_else(|| now.role.clone()),
            active: following.active.unwrap_or(now.active),
        });
        let roles = roles_of(self.roles.values(), schema);
        if let Some(unknown) = following.role.iter().flat_map(RoleSet::names).find(|name| roles.role(name).is_none()) {
            let known: Vec<&str> = roles.roles().map(|role| &*role.name).collect();
            let en = format!("there is no role `{unknown}`: one of {}", known.join(", "));
            return Err(bad_value("role", &en, &format!("没有名为“{unknown}”的角色，可用：{}", known.join("、"))));
        }
        let mut people = self.people.clone();
        people.extend(standing.clone().map(|standing| (user, standing)));
        self.administered(&roles, &people, schema)?;
        Ok(Effect::Member { user, standing, following, rights })
    }

    /// Whether everybody keeps the roles that they have.
    fn in_use(&self, roles: &Roles, schema: &Schema) -> Result<(), Refused> {
        let now = roles_of(self.roles.values(), schema);
        let is_gone = |name: &&str| now.role(name).is_some() && roles.role(name).is_none();
        for person in self.people.values().filter(|person| person.active) {
            if let Some(gone) = person.role.names().find(is_gone) {
                let en = format!("{} has the role `{gone}`: give them another first", person.name);
                return Err(forbidden("role_in_use", &en, &format!("{}正在使用角色“{gone}”，请先更换", person.name)));
            }
        }
        Ok(())
    }

    /// Whether somebody is left who may administer, if somebody may now.
    fn administered(&self, roles: &Roles, people: &BTreeMap<UserId, Standing>, schema: &Schema) -> Result<(), Refused> {
        let administers = |roles: &Roles, person: &Standing| person.active && roles.may(&person.role, Right::Administer);
        let now = roles_of(self.roles.values(), schema);
        if self.people.values().any(|person| administers(&now, person)) && !people.values().any(|person| administers(roles, person)) {
            return Err(forbidden("administer", "nobody would be left who may administer", "至少要保留一位有管理权限的在职人员"));
        }
        Ok(())
    }

    /// Takes over what follows from an accepted change of `author`'s.
    pub fn apply(&mut self, workspace: WorkspaceId, author: UserId, now: Millis, effect: Effect) {
        // The operator writes in the workspace's own name.
        let by = (author.0 != workspace.0).then_some(author);
        self.note(workspace, by, now, &effect);
        self.take(effect, Some((now, by)));
    }

    /// As [`Governing::apply`], where the audit log tells of it already.
    pub fn take_unnoted(&mut self, effect: Effect) {
        self.take(effect, None);
    }

    fn take(&mut self, effect: Effect, told: Option<(Millis, Option<UserId>)>) {
        match effect {
            Effect::Approval { record, rule } => {
                self.approvals.remove(&record);
                self.approvals.extend(rule.map(|rule| (record, rule)));
            }
            Effect::Rule { .. } => {}
            Effect::Term { kind, record, row, moves } => {
                self.moves |= moves;
                self.terms.take(&kind, record, row);
            }
            Effect::Role { record, definition, .. } => {
                self.roles.remove(&record);
                self.roles.extend(definition.map(|definition| (record, definition)));
            }
            Effect::Member { user, standing, following, .. } => {
                self.people.extend(standing.map(|standing| (user, standing)));
                self.following.push(Followed { user, following, told });
            }
        }
    }

    fn note(&mut self, workspace: WorkspaceId, by: Option<UserId>, now: Millis, effect: &Effect) {
        let mut note = |act, subject: String, detail| self.notes.push((now, Note::of(workspace, by, act, subject).with(detail)));
        match effect {
            // That it is archived stands in the log already.
            Effect::Term { row: None, .. } => {}
            Effect::Rule { kind, record } | Effect::Term { kind, record, row: Some(_), .. } => {
                self.settings.entry((by, kind.clone())).or_insert((now, BTreeSet::new())).1.insert(*record);
            }
            Effect::Approval { record, rule } => {
                note(Act::RightsChanged, format!("rule {record}"), json!({ "approval": rule.is_some() }));
            }
            Effect::Role { name, definition, .. } => {
                note(Act::RightsChanged, format!("role {name}"), json!({ "archived": definition.is_none() }));
            }
            Effect::Member { user, following, rights, .. } => {
                match following.active {
                    Some(false) => note(Act::UserDisabled, user.to_string(), json!({})),
                    // A new record says that somebody is here who is.
                    Some(true) if self.people.get(user).is_some_and(|was| !was.active) => {
                        note(Act::UserEnabled, user.to_string(), json!({}))
                    }
                    Some(true) | None => {}
                }
                if rights.iter().any(|field| *field != "active") {
                    let role = following.role.as_ref().map(RoleSet::as_str);
                    note(Act::RightsChanged, user.to_string(), json!({ "fields": rights, "role": role }));
                }
            }
        }
    }

    /// Writes what follows: the audit log, accounts, and their phones.
    pub async fn flush(&mut self, tx: &mut Tx, workspace: WorkspaceId) -> Result<()> {
        for (now, note) in self.notes.drain(..) {
            note.write(tx, now).await?;
        }
        if std::mem::take(&mut self.moves) {
            // Numbers are others: everything is compared again.
            marks::set(tx, workspace, marks::DUPLICATES, 0).await?;
        }
        for ((by, kind), (now, records)) in std::mem::take(&mut self.settings) {
            Note::of(workspace, by, Act::SettingsChanged, kind).with(json!({ "records": records })).write(tx, now).await?;
        }
        for Followed { user, following, told } in self.following.drain(..) {
            match (told, following.active) {
                (Some((now, by)), Some(false)) => hand_back(tx, workspace, user, by, now).await?,
                (Some((now, by)), Some(true)) => take_back(tx, workspace, user, by, now).await?,
                (None, _) | (_, None) => {}
            }
            people::follow(tx, workspace, user, &following, told.map_or(0, |(now, _)| now)).await?;
        }
        Ok(())
    }
}

/// Why the record of a role or a colleague may not say this, if it may not: for whoever asks before anything is written.
pub(crate) async fn would_refuse(
    tx: &mut Tx,
    workspace: WorkspaceId,
    schema: &Schema,
    (kind, record): (&str, RecordId),
    edits: &[FieldEdit],
) -> Result<Option<NotEdited>> {
    let value = |edit: &FieldEdit| match edit {
        FieldEdit::Set { field, value } => Some((field.clone(), value.clone())),
        _ => None,
    };
    let row: Map<String, Json> = edits.iter().filter_map(value).collect();
    let governing = Governing::load(tx, workspace).await?;
    let judged = match kind {
        ROLE_KIND => governing.role(schema, record, &row, false),
        _ => governing.member(schema, record, &Map::new(), &row),
    };
    Ok(judged.err().map(NotEdited::from))
}

/// A rule that erases what is never erased, or does not say after how long, would be carried out by nobody: it is refused
/// when it is written.
fn retention(before: &Map<String, Json>, after: &Map<String, Json>, archived: bool) -> Result<(), Refused> {
    if archived {
        return Ok(());
    }
    let is_one = |row| text(row, "purpose") == "retention";
    let about = |row| Some(text(row, "about")).filter(|_| is_one(row)).and_then(never_erased);
    let is_on = |row: &Map<String, Json>| row.get("enabled").and_then(Json::as_bool).unwrap_or_default();
    let age = |row| Some(text(row, "condition")).filter(|_| is_one(row) && is_on(row)).and_then(|text| ages::checked(text).err());
    // One that is there already may be switched off, renamed and archived.
    if let Some(why) = about(after).filter(|why| about(before) != Some(*why)) {
        return Err(bad_value("about", why.0, why.1));
    }
    match age(after).filter(|bad| age(before).as_ref() != Some(bad)) {
        Some(bad) => Err(bad_value("condition", &bad.to_string(), &bad.message_zh())),
        None => Ok(()),
    }
}

/// Why records of a kind are never archived, and what to do instead, in English and Chinese: an account would stay, and nobody
/// could change it or shut it out any more; a workspace has one record of settings.
pub(crate) fn never_archived(kind: &str) -> Option<(&'static str, &'static str)> {
    match kind {
        MEMBER_KIND => Some((
            "Colleagues are not archived, their account would stay: shut them out under User accounts.",
            "同事记录不能归档，否则账号仍会保留：请在“用户账号”中停用。",
        )),
        SETTINGS => Some((
            "The workspace settings are not archived, totals and days go by them: change them instead.",
            "工作区设置不能归档，汇总和日期都以其为准：请直接修改。",
        )),
        _ => None,
    }
}

/// Why records of a kind are never erased, and what to do instead, in English and Chinese: an account, a role, a kind or the
/// settings without their record could not be changed or shut out any more.
pub(crate) fn never_erased(kind: &str) -> Option<(&'static str, &'static str)> {
    match kind {
        MEMBER_KIND => Some((
            "Colleagues are not erased, their account would stay: shut them out under User accounts.",
            "同事记录不能清除，否则账号仍会保留：请在“用户账号”中停用。",
        )),
        SETTINGS => Some((
            "The workspace settings are not erased, totals and days go by them: change them instead.",
            "工作区设置不能清除，汇总和日期都以其为准：请直接修改。",
        )),
        ROLE_KIND => Some(("Roles are not erased: archive the role.", "角色不能清除：请将其归档。")),
        KIND_KIND => Some(("Kinds are not erased: archive the kind.", "类型不能清除：请将其归档。")),
        _ => None,
    }
}

/// The built-in roles, and those of records over them.
fn roles_of<'a>(definitions: impl Iterator<Item = &'a Definition>, schema: &Schema) -> Roles {
    Roles::builtin().with(definitions.map(|definition| (definition.name.clone(), definition.text.clone())), schema).0
}

pub(super) fn text<'r>(row: &'r Map<String, Json>, field: &str) -> &'r str {
    row.get(field).and_then(Json::as_str).unwrap_or_default()
}

/// The roles that a member record names.
fn role_set(row: &Map<String, Json>) -> Result<RoleSet, Refused> {
    let more = row.get("more_roles").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    let names: Result<Vec<Name>, _> = std::iter::once(text(row, "role")).chain(more).map(str::parse).collect();
    names.and_then(RoleSet::of).map_err(|bad| {
        let Label { en, zh } = bad.words();
        bad_value("role", &en, &zh)
    })
}

pub(super) fn bad_value(field: &str, en: &str, zh: &str) -> Refused {
    Refused { field: Some(field.to_owned()), ..Refused::new(code::BAD_VALUE, en, zh) }
}

fn forbidden(rule: &str, en: &str, zh: &str) -> Refused {
    Refused { rule: Some(rule.to_owned()), ..Refused::new(code::FORBIDDEN, en, zh) }
}

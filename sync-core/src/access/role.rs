//! Roles as data: the files of `roles/`, each one role with its rules and limits.
//!
//! What a rule does not grant is not granted. Never decides: that is [`decide`](super::decide).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::{Condition, parse, set};
use crate::id::{Facet, FieldName, KindName, Name};
use crate::schema::reader;
use crate::schema::{Kind, Label, Reading, Schema};

/// Every file of `roles/`, as `(path, text)`; listed by `build.rs`.
const ROLE_FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/roles.rs"));

static BUILTIN: LazyLock<Roles> = LazyLock::new(|| {
    let mut roles = Roles::default();
    for (path, text) in ROLE_FILES {
        roles.insert(Role::parse(path, text, Schema::builtin(), Reading::Strict).expect("the tests parse every built-in role"));
    }
    roles
});

/// A role that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}:{line}: {}", .message.en)]
pub struct BadRole {
    /// The file or record it came from.
    pub origin: String,
    /// The line of the text, counted from one.
    pub line: usize,
    /// What is wrong there.
    pub message: Label,
}

/// All roles of a workspace.
#[derive(Debug, Clone, Default)]
pub struct Roles {
    roles: BTreeMap<Name, Role>,
}

/// What some people may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// Its name: `rep`.
    pub name: Name,
    /// What people read.
    pub label: Label,
    /// Rights that are not about single records.
    pub rights: Vec<Right>,
    /// What it may do with records; a kind is in one rule at most.
    pub rules: Vec<Rule>,
    /// Values that it may not write alone.
    pub limits: Vec<Limit>,
}

/// What a role may do with records of some kinds.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The kinds; none means every kind that no other rule names.
    pub kinds: Vec<KindName>,
    /// Which of their records, if not all. Such a rule comes before one without a condition, and says
    /// nothing about reading: that follows from the other.
    pub when: Option<Condition>,
    /// How far the role may go, in the order of [`Action::ALL`].
    pub levels: [Level; Action::ALL.len()],
    /// The facets it may read.
    pub reads: Vec<Facet>,
    /// The facets it may write.
    pub writes: Vec<Facet>,
    /// If any: it may write these fields and no others.
    pub only_fields: Vec<FieldName>,
    /// It may not write these fields.
    pub except_fields: Vec<FieldName>,
}

/// A value that a role may not write alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// The kind.
    pub kind: KindName,
    /// The field.
    pub field: FieldName,
    /// The part of its rows, if it has rows.
    pub item: Option<FieldName>,
    /// What is beyond it.
    pub beyond: Beyond,
    /// What happens then.
    pub outcome: Outcome,
}

/// What a limit is passed by.
#[derive(Debug, Clone, PartialEq)]
pub enum Beyond {
    /// A number above this one.
    Above(f64),
    /// One of these values, or any if one of them is [`ANY_VALUE`], while an earlier edit of the record waits for
    /// approval.
    WhileWaiting(Vec<Box<str>>),
    /// One of these values, or any, in a record that belongs to a key account, from anybody but who answers for that.
    OfKeyAccount(Vec<Box<str>>),
}

/// In the place of the values of a limit: each of them.
pub const ANY_VALUE: &str = "*";

/// What happens to a write beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody looks at it first.
    Review,
    /// It is denied.
    Refuse,
}

/// Which records of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// None.
    None,
    /// Those that the caller owns, or made as long as nobody owns them.
    Own,
    /// Those of the caller's teams and of their colleagues there, and of who reports to the caller.
    Team,
    /// Those of the caller's territories, too.
    Territory,
    /// All.
    All,
}

/// What can be done to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// See it.
    Read,
    /// Make it.
    Create,
    /// Change it.
    Edit,
    /// Put it away.
    Archive,
    /// Choose among concurrent values.
    Resolve,
}

/// What can be done besides records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Manage members, devices, roles and settings.
    Administer,
    /// Take records out in bulk.
    Export,
    /// Bring records in, in bulk.
    Import,
    /// Erase records for good.
    Purge,
}

impl Action {
    /// All actions, in the order of role files.
    pub const ALL: [Action; 5] = [Action::Read, Action::Create, Action::Edit, Action::Archive, Action::Resolve];

    /// The word for it in role files.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Read => "read",
            Action::Create => "create",
            Action::Edit => "edit",
            Action::Archive => "archive",
            Action::Resolve => "resolve",
        }
    }
}

impl Right {
    /// All rights, in the order of role files.
    pub const ALL: [Right; 4] = [Right::Administer, Right::Export, Right::Import, Right::Purge];

    /// The word for it in role files.
    pub fn as_str(self) -> &'static str {
        match self {
            Right::Administer => "administer",
            Right::Export => "export",
            Right::Import => "import",
            Right::Purge => "purge",
        }
    }
}

impl Action {
    /// What people read.
    pub fn label(self) -> Label {
        let (en, zh) = match self {
            Action::Read => ("See", "查看"),
            Action::Create => ("Create", "新建"),
            Action::Edit => ("Change", "修改"),
            Action::Archive => ("Archive", "归档"),
            Action::Resolve => ("Settle conflicts", "处理冲突"),
        };
        Label { en: en.to_owned(), zh: zh.to_owned() }
    }
}

impl Right {
    /// What people read.
    pub fn label(self) -> Label {
        let (en, zh) = match self {
            Right::Administer => ("Administer", "系统管理"),
            Right::Export => ("Export in bulk", "批量导出"),
            Right::Import => ("Import in bulk", "批量导入"),
            Right::Purge => ("Erase for good", "彻底删除"),
        };
        Label { en: en.to_owned(), zh: zh.to_owned() }
    }
}

impl Level {
    /// All levels with their words, the furthest first.
    pub const ALL: [(&'static str, Level); 5] =
        [("all", Level::All), ("territory", Level::Territory), ("team", Level::Team), ("own", Level::Own), ("none", Level::None)];

    /// What people read.
    pub fn label(self) -> Label {
        let (en, zh) = match self {
            Level::None => ("none", "无"),
            Level::Own => ("own", "本人"),
            Level::Team => ("team", "本团队"),
            Level::Territory => ("territory", "本区域"),
            Level::All => ("all", "全部"),
        };
        Label { en: en.to_owned(), zh: zh.to_owned() }
    }

    /// The word for it in role files.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, level)| *level == self).map_or("none", |(word, _)| word)
    }
}

impl Outcome {
    /// Both outcomes with their words.
    pub const ALL: [(&'static str, Outcome); 2] = [("review", Outcome::Review), ("refuse", Outcome::Refuse)];

    /// The word for it in role files.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Review => "review",
            Outcome::Refuse => "refuse",
        }
    }
}

impl Roles {
    /// The built-in roles.
    pub fn builtin() -> &'static Roles {
        &BUILTIN
    }

    /// A role by name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name)
    }

    /// As [`Roles::with`], but that a workspace is not locked out by it: without a role that administers, `office`
    /// is what it was.
    pub fn in_force(&self, records: impl IntoIterator<Item = (String, String)>, schema: &Schema) -> (Roles, Vec<BadRole>) {
        let (mut roles, bad) = self.with(records, schema);
        if !roles.roles().any(|role| role.rights.contains(&Right::Administer)) {
            roles.roles.extend(self.role(OFFICE).cloned().map(|office| (office.name.clone(), office)));
        }
        (roles, bad)
    }

    /// These, and the roles that a workspace's records define by name and text, the later over the earlier. One
    /// that cannot be read grants nothing and is told of: a damaged text never widens what somebody may do.
    pub fn with(&self, records: impl IntoIterator<Item = (String, String)>, schema: &Schema) -> (Roles, Vec<BadRole>) {
        let (mut roles, mut bad) = (self.clone(), Vec::new());
        for (name, text) in records {
            match Role::parse(&format!("role `{name}`"), &text, schema, Reading::Lenient) {
                Ok(role) => roles.insert(role),
                Err(error) => {
                    bad.push(error);
                    roles.roles.extend(name.parse().ok().map(|name: Name| (name.clone(), Role::empty(name))));
                }
            }
        }
        (roles, bad)
    }

    /// The roles that a set names; those that do not exist are left out.
    pub fn of(&self, set: &str) -> impl Iterator<Item = &Role> {
        set::names(set).filter_map(|name| self.role(name))
    }

    /// Whether each role of a set is known.
    pub fn knows(&self, set: &str) -> bool {
        set::names(set).all(|name| self.role(name).is_some())
    }

    /// All roles, by name.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// Takes a role away; a built-in one is what it was.
    pub fn reset(&mut self, name: &str) {
        self.roles.remove(name);
        self.roles.extend(BUILTIN.role(name).cloned().map(|role| (role.name.clone(), role)));
    }

    /// Adds a role, or replaces the one of the same name.
    pub fn insert(&mut self, role: Role) {
        self.roles.insert(role.name.clone(), role);
    }
}

impl Rule {
    /// How far the role may go.
    pub fn level(&self, action: Action) -> Level {
        self.levels[action as usize]
    }

    /// How far the role may go with records of a kind: what is everyone's is read by whoever may read any of it, and what is
    /// personal is nobody else's.
    pub fn level_for(&self, kind: &Kind, action: Action) -> Level {
        let level = self.level(action);
        if kind.sharing.personal {
            return level.min(Level::Own);
        }
        if kind.sharing.everyone && action == Action::Read && level > Level::None { Level::All } else { level }
    }

    fn names(&self, kind: &str) -> bool {
        self.kinds.iter().any(|name| &**name == kind)
    }

    /// Whether the rule lets a field be written, as far as it names fields.
    pub fn writes_field(&self, name: &str) -> bool {
        let named = |fields: &[FieldName]| fields.iter().any(|field| &**field == name);
        !named(&self.except_fields) && (self.only_fields.is_empty() || named(&self.only_fields))
    }
}

impl Limit {
    /// `field` or `field.part`.
    pub fn path(&self) -> String {
        self.item.as_ref().map_or_else(|| self.field.to_string(), |item| format!("{}.{item}", self.field))
    }

    /// Whether a write goes beyond the limit. What is not a number is beyond every limit: the check of
    /// types will refuse it, and until then it is not a way around.
    pub(super) fn is_passed(&self, field: &str, item: Option<&str>, value: Option<&Value>, state: State) -> bool {
        let value = match (&self.item, item) {
            (None, None) => value,
            (Some(own), Some(item)) if **own == *item => value,
            (Some(own), None) => value.and_then(|row| row.get(&**own)),
            (None, Some(_)) | (Some(_), Some(_)) => None,
        };
        *self.field == *field && value.is_some_and(|value| !value.is_null() && self.beyond.is_passed(value, state))
    }
}

/// What limits look at besides what is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    /// Whether an earlier edit of the record waits for approval.
    pub waits: bool,
    /// Whether somebody else answers for the key account that it belongs to.
    pub is_managed: bool,
}

impl Beyond {
    /// The values that it names.
    pub(super) fn values(&self) -> &[Box<str>] {
        match self {
            Beyond::Above(_) => &[],
            Beyond::WhileWaiting(values) | Beyond::OfKeyAccount(values) => values,
        }
    }

    fn is_passed(&self, value: &Value, state: State) -> bool {
        let is_one_of = |values: &[Box<str>]| values.iter().any(|own| **own == *ANY_VALUE || value.as_str() == Some(own));
        match self {
            Beyond::Above(most) => value.as_f64().is_none_or(|number| number > *most),
            Beyond::WhileWaiting(values) => state.waits && is_one_of(values),
            Beyond::OfKeyAccount(values) => state.is_managed && is_one_of(values),
        }
    }
}

/// The built-in role that keeps the house.
pub const OFFICE: &str = "office";

impl Role {
    /// A role that may do nothing.
    pub fn empty(name: Name) -> Self {
        let label = Label { en: name.to_string(), zh: name.to_string() };
        Self { name, label, rights: Vec::new(), rules: Vec::new(), limits: Vec::new() }
    }

    pub(super) fn asks_managers(&self, kind: &str) -> bool {
        self.limits.iter().any(|limit| *limit.kind == *kind && matches!(limit.beyond, Beyond::OfKeyAccount(_)))
    }

    /// The rule that a kind falls under, conditions aside: the one that names it, otherwise the one of `*`.
    pub fn rule(&self, kind: &str) -> Option<&Rule> {
        let naming = self.rules.iter().find(|rule| rule.when.is_none() && rule.names(kind));
        naming.or_else(|| self.rules.iter().find(|rule| rule.kinds.is_empty()))
    }

    /// The rules of a kind that have a condition, in order.
    pub fn conditional<'r>(&'r self, kind: &'r str) -> impl Iterator<Item = &'r Rule> {
        self.rules.iter().filter(move |rule| rule.when.is_some() && rule.names(kind))
    }

    /// The rule that one record falls under: the first whose condition holds for its main row.
    pub(super) fn rule_for(&self, kind: &str, main: Option<&Map<String, Value>>) -> Option<&Rule> {
        let holds = |rule: &Rule| main.is_some_and(|main| rule.when.as_ref().is_some_and(|when| when.holds(main)));
        self.rules.iter().find(|rule| rule.names(kind) && holds(rule)).or_else(|| self.rule(kind))
    }

    /// Reads a role from its TOML text; `origin` names it in errors. What it names must be in `schema`; a
    /// lenient reading leaves out what it says of kinds and fields that are not there, or not any more.
    ///
    /// # Errors
    /// [`BadRole`] with line and words, for the first mistake in the text.
    pub fn parse(origin: &str, text: &str, schema: &Schema, reading: Reading) -> Result<Role, BadRole> {
        reader::read(text, reading, |root| parse::role(root, schema)).map_err(|mistake| BadRole {
            origin: origin.to_owned(),
            line: mistake.line(text),
            message: mistake.words(),
        })
    }
}

//! Roles as data: the files of `roles/`, each one role with its rules and limits.
//!
//! What a rule does not grant is not granted. Never decides: that is [`decide`](super::decide).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::{Condition, set};
use crate::id::{Facet, FieldName, KindName, Name};
use crate::schema::reader::{self, Mistake, Section, Word, nearest};
use crate::schema::{Field, Kind, Label, Merge, Reading, Schema, ValueType, label};

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
#[error("{origin}:{line}: {message}")]
pub struct BadRole {
    /// The file or record it came from.
    pub origin: String,
    /// The line of the text, counted from one.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
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

    /// How far the role may go with records of a kind: what is everyone's is read by whoever may read any of it.
    pub fn level_for(&self, kind: &Kind, action: Action) -> Level {
        let level = self.level(action);
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
    pub(super) fn is_passed(&self, field: &str, item: Option<&str>, value: Option<&Value>, waits: bool) -> bool {
        let value = match (&self.item, item) {
            (None, None) => value,
            (Some(own), Some(item)) if **own == *item => value,
            (Some(own), None) => value.and_then(|row| row.get(&**own)),
            (None, Some(_)) | (Some(_), Some(_)) => None,
        };
        *self.field == *field && value.is_some_and(|value| !value.is_null() && self.beyond.is_passed(value, waits))
    }
}

impl Beyond {
    fn is_passed(&self, value: &Value, waits: bool) -> bool {
        match self {
            Beyond::Above(most) => value.as_f64().is_none_or(|number| number > *most),
            Beyond::WhileWaiting(values) => waits && values.iter().any(|own| **own == *ANY_VALUE || value.as_str() == Some(own)),
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
        reader::read(text, reading, |root| role(root, schema)).map_err(|mistake| BadRole {
            origin: origin.to_owned(),
            line: mistake.line(text),
            message: mistake.message,
        })
    }
}

fn role(root: Section<'_>, schema: &Schema) -> Result<Role, Mistake> {
    root.only("a role", &["name", "label", "rights", "rule", "limit"])?;
    let name = root.required("the role", "name")?;
    let rights = Right::ALL.map(|right| (right.as_str(), right));
    let mut role = Role {
        name: name.parse()?,
        label: label(root, "label", &format!("role `{}`", name.text), name)?,
        rights: root.words("rights")?.into_iter().map(|word| one_of("right", word, &rights)).collect::<Result<_, _>>()?,
        rules: Vec::new(),
        limits: Vec::new(),
    };
    for section in root.sections("limit")? {
        role.limits.extend(forgiven(section, limit(section, schema))?);
    }
    let (conditional, plain): (Vec<_>, Vec<_>) = root.sections("rule")?.into_iter().partition(|section| section.has("when"));
    for section in plain {
        let Some(rule) = rule(section, schema)? else { continue };
        let twice = role.rules.iter().any(|other| other.kinds == rule.kinds || other.kinds.iter().any(|kind| rule.kinds.contains(kind)));
        if twice {
            return Err(section.mistake_at("kinds", format!("role `{}` has another rule for one of these kinds", role.name)));
        }
        sensible(&rule, section)?;
        role.rules.push(rule);
    }
    let mut rules = Vec::new();
    for section in conditional {
        rules.extend(conditional_rule(section, &role, schema)?);
    }
    rules.append(&mut role.rules);
    Ok(Role { rules, ..role })
}

/// A rule for some records of one kind: what it says of reading is what the kind's other rule says.
fn conditional_rule(section: Section<'_>, role: &Role, schema: &Schema) -> Result<Option<Rule>, Mistake> {
    let Some(mut rule) = rule(section, schema)? else { return Ok(None) };
    let [kind] = &rule.kinds[..] else {
        return Err(section.mistake_at("kinds", "a rule with `when` is about one kind"));
    };
    if let Some(key) = ["read", "reads"].into_iter().find(|key| section.has(key)) {
        let message = format!("a rule with `when` has no `{key}`: what is seen of a kind stands in its rule without a condition");
        return Err(section.mistake_at(key, message));
    }
    let Some(other) = role.rule(kind) else {
        return Err(section.mistake(format!("role `{}` has no rule for `{kind}` without a condition", role.name)));
    };
    (rule.levels[Action::Read as usize], rule.reads) = (other.level(Action::Read), other.reads.clone());
    let text = section.required("the rule", "when")?;
    rule.when = Some(Condition::parse(schema, kind, text.text).map_err(|message| text.mistake(message))?);
    sensible(&rule, section)?;
    Ok(Some(rule))
}

/// What a lenient reading leaves out: a mistake about something that is not there any more.
fn forgiven<T>(section: Section<'_>, read: Result<T, Mistake>) -> Result<Option<T>, Mistake> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(_) if !section.is_strict() => Ok(None),
        Err(mistake) => Err(mistake),
    }
}

const RULE_KEYS: [&str; 11] =
    ["kinds", "when", "read", "create", "edit", "archive", "resolve", "reads", "writes", "only_fields", "except_fields"];

/// One rule; none, where a lenient reading finds no kind that it is about.
fn rule(section: Section<'_>, schema: &Schema) -> Result<Option<Rule>, Mistake> {
    section.only("a rule", &RULE_KEYS)?;
    let words = section.words("kinds")?;
    let any = matches!(&words[..], [word] if word.text == "*");
    if words.is_empty() {
        return Err(section.mistake("the rule has no `kinds`: names of kinds, or [\"*\"] for every other kind"));
    }
    let mut kinds: Vec<&Kind> = Vec::new();
    for word in words.into_iter().filter(|_| !any) {
        kinds.extend(forgiven(section, kind(word, schema))?);
    }
    if kinds.is_empty() && !any {
        return Ok(None);
    }
    let mut levels = [Level::None; Action::ALL.len()];
    for action in Action::ALL {
        if let Some(word) = section.word(action.as_str())? {
            levels[action as usize] = one_of("level", word, &Level::ALL)?;
        }
    }
    let facets = Facet::ALL.map(|facet| (facet.as_str(), facet));
    let facets = |key| section.words(key)?.into_iter().map(|word| one_of("facet", word, &facets)).collect::<Result<Vec<_>, _>>();
    Ok(Some(Rule {
        kinds: kinds.iter().map(|kind| kind.name.clone()).collect(),
        when: None,
        levels,
        reads: facets("reads")?,
        writes: facets("writes")?,
        only_fields: fields(section, "only_fields", &kinds)?,
        except_fields: fields(section, "except_fields", &kinds)?,
    }))
}

/// Whoever may change what they cannot see would do it blindly.
fn sensible(rule: &Rule, section: Section<'_>) -> Result<(), Mistake> {
    for action in [Action::Edit, Action::Archive, Action::Resolve] {
        if rule.level(action) > rule.level(Action::Read) {
            let message = format!("the rule lets `{}` go further than `read`", action.as_str());
            return Err(section.mistake_at(action.as_str(), message));
        }
    }
    if let Some(facet) = rule.writes.iter().find(|facet| !rule.reads.contains(facet)) {
        return Err(section.mistake_at("writes", format!("the rule writes the facet `{facet}` and does not read it")));
    }
    let changes = [Action::Create, Action::Edit, Action::Resolve].into_iter().any(|action| rule.level(action) > Level::None);
    if changes == rule.writes.is_empty() {
        return Err(section.mistake("a rule that lets records be changed says in `writes` which facets, and no other does"));
    }
    if !rule.only_fields.is_empty() && !rule.except_fields.is_empty() {
        return Err(section.mistake_at("except_fields", "a rule has `only_fields` or `except_fields`, not both"));
    }
    Ok(())
}

fn fields(section: Section<'_>, key: &str, kinds: &[&Kind]) -> Result<Vec<FieldName>, Mistake> {
    let words = section.words(key)?;
    if kinds.is_empty() && !words.is_empty() {
        return Err(section.mistake_at(key, format!("`{key}` needs named kinds: `*` has no fields")));
    }
    for word in words.iter().filter(|_| section.is_strict()) {
        if let Some(kind) = kinds.iter().find(|kind| kind.field(word.text).is_none()) {
            return Err(no_field(kind, *word));
        }
    }
    words.iter().map(Word::parse).collect()
}

fn limit(section: Section<'_>, schema: &Schema) -> Result<Limit, Mistake> {
    section.only("a limit", &["kind", "field", "above", "while_waiting", "outcome"])?;
    let kind = kind(section.required("the limit", "kind")?, schema)?;
    let path = section.required("the limit", "field")?;
    let (field, item) = path.text.split_once('.').map_or((path.text, None), |(field, item)| (field, Some(item)));
    let declared = kind.field(field).ok_or_else(|| no_field(kind, path))?;
    let limited = match item {
        Some(item) => declared.item(item).filter(|_| declared.merge != Merge::Log).ok_or_else(|| {
            let parts = declared.items.iter().map(|item| &*item.name);
            path.mistake(format!("rows of `{field}` have no `{item}`{}", nearest(item, parts)))
        })?,
        None => declared,
    };
    let beyond = beyond(section, path, limited)?;
    let outcome = one_of("outcome", section.required("the limit", "outcome")?, &Outcome::ALL)?;
    Ok(Limit { kind: kind.name.clone(), field: declared.name.clone(), item: item.map(|_| limited.name.clone()), beyond, outcome })
}

fn beyond(section: Section<'_>, path: Word<'_>, limited: &Field) -> Result<Beyond, Mistake> {
    let (values, above) = (section.words("while_waiting")?, section.number("above")?);
    if values.is_empty() {
        let is_number = matches!(limited.value, ValueType::Integer | ValueType::Number) && limited.merge.is_single();
        if !is_number {
            return Err(path.mistake(format!("`{}` is not one number: it has no limit", path.text)));
        }
        return above.map(Beyond::Above).ok_or_else(|| section.mistake("the limit has neither `above` nor `while_waiting`"));
    }
    if above.is_some() {
        return Err(section.mistake_at("while_waiting", "a limit has `above` or `while_waiting`, not both"));
    }
    let is_known = |word: &Word<'_>| word.text == ANY_VALUE || limited.options.iter().any(|option| &*option.value == word.text);
    match values.iter().find(|word| section.is_strict() && !is_known(word)) {
        Some(word) => Err(word.mistake(format!("`{}` cannot be `{}`", path.text, word.text))),
        None => Ok(Beyond::WhileWaiting(values.iter().map(|word| word.text.into()).collect())),
    }
}

fn kind<'s>(word: Word<'_>, schema: &'s Schema) -> Result<&'s Kind, Mistake> {
    let known = || schema.kinds().map(|kind| &*kind.name);
    schema
        .kind(word.text)
        .map(|kind| &**kind)
        .ok_or_else(|| word.mistake(format!("there is no kind `{}`{}", word.text, nearest(word.text, known()))))
}

fn no_field(kind: &Kind, word: Word<'_>) -> Mistake {
    let known = kind.fields.iter().map(|field| &*field.name);
    word.mistake(format!("kind `{}` has no field `{}`{}", kind.name, word.text, nearest(word.text, known)))
}

fn one_of<T: Copy>(what: &str, word: Word<'_>, known: &[(&'static str, T)]) -> Result<T, Mistake> {
    let found = known.iter().find(|(name, _)| *name == word.text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        word.mistake(format!("there is no {what} `{}`{}", word.text, nearest(word.text, known.iter().map(|(name, _)| *name))))
    })
}

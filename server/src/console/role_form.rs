//! A role as a form: a matrix of kinds and actions, the parts and fields of each, conditions, limits, rights.
//!
//! Pure: what [`Sheet`] shows under a name, [`read`] takes back under the same.

use std::collections::BTreeMap;

use sync_core::access::{Action, Beyond, Condition, Level, Limit, Outcome, Right, Role, Rule, part};
use sync_core::id::{BadId, Facet, FieldName, Name};
use sync_core::schema::{Kind, Label, Schema};

use super::conditions::{Builder, filled};
use super::typed::Typed;
use super::words::Words;

/// The row of the kinds that no other row is about.
const REST: &str = "*";

/// An entry of a `select`, or a box: value, what people read, whether it is chosen.
pub type Choice = (String, String, bool);

/// A role as its form shows it.
pub struct Sheet {
    /// What people read.
    pub label_en: String,
    /// The same in Chinese.
    pub label_zh: String,
    /// Rights that are not about single records.
    pub rights: Vec<Choice>,
    /// The heads of the matrix.
    pub actions: Vec<String>,
    /// Kinds with rules of their own, and first the one for all others.
    pub rows: Vec<Row>,
    /// Kinds that could get rules of their own.
    pub others: Vec<Choice>,
    /// Rules for some records of a kind.
    pub conditions: Vec<When>,
    /// Values that the role may not write alone.
    pub limits: Vec<Bound>,
}

/// A kind's rule.
pub struct Row {
    /// What its controls' names begin with.
    pub name: String,
    /// What people read.
    pub label: String,
    /// How far each action goes.
    pub cells: Vec<Cell>,
    /// Which parts are read.
    pub reads: Vec<Choice>,
    /// Which parts are written.
    pub writes: Vec<Choice>,
    /// How the fields below are meant.
    pub mode: Vec<Choice>,
    /// Fields that are written, or not.
    pub fields: Vec<Choice>,
    /// How many fields are named.
    pub named: usize,
}

/// One action of a rule.
pub struct Cell {
    /// The control's name.
    pub name: String,
    /// The action.
    pub label: String,
    /// The levels.
    pub levels: Vec<Choice>,
}

/// A rule for some records of a kind.
pub struct When {
    /// What its controls' names begin with.
    pub name: String,
    /// The kind.
    pub kinds: Vec<Choice>,
    /// Which of its records: what stands in the controls.
    pub typed: Typed,
    /// Those controls, once they are drawn.
    pub builder: Option<Builder>,
    /// How far each action goes.
    pub cells: Vec<Cell>,
    /// Which parts are written.
    pub writes: Vec<Choice>,
    /// Fields that alone are written, by name.
    pub only: String,
    /// Why it cannot be taken as it was typed.
    pub problem: Option<String>,
}

/// A limit.
pub struct Bound {
    /// What its controls' names begin with.
    pub name: String,
    /// `offer.lines.discount_percent`.
    pub path: String,
    /// When it is passed.
    pub whens: Vec<Choice>,
    /// A number, up to which nothing happens; or the values that pass it.
    pub above: String,
    /// What happens beyond.
    pub outcomes: Vec<Choice>,
    /// Why it cannot be taken as it was typed.
    pub problem: Option<String>,
}

/// What cannot be taken of a form, as it was typed.
#[derive(Default)]
pub struct Halves {
    pub conditions: Vec<When>,
    pub limits: Vec<Bound>,
}

impl Halves {
    /// Says of nothing that it cannot be taken: it is still being put together.
    pub fn forgive(&mut self) {
        self.conditions.iter_mut().for_each(|half| half.problem = None);
        self.limits.iter_mut().for_each(|half| half.problem = None);
    }

    /// Whether all was taken.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty() && self.limits.is_empty()
    }
}

impl Sheet {
    /// A role's form. `extra` kinds get a row too, and so do `halves`: conditions and limits that were not taken.
    pub fn of(words: Words, schema: &Schema, role: &Role, extra: &[&str], halves: Halves) -> Self {
        let say = |label: &Label| words.label(label).to_owned();
        let with_row = |kind: &Kind| role.rule(&kind.name).is_some_and(|rule| !rule.kinds.is_empty()) || extra.contains(&&*kind.name);
        let (own, others): (Vec<&Kind>, Vec<&Kind>) = schema.kinds().map(|kind| &**kind).partition(|kind| with_row(kind));
        let rest = Row::of(words, REST, say(&rest_label()), role.rules.iter().find(|rule| rule.kinds.is_empty()), None);
        let row = |kind: &&Kind| Row::of(words, &kind.name, say(&kind.plural), role.rule(&kind.name), Some(*kind));
        let mut conditions: Vec<When> = role
            .rules
            .iter()
            .filter(|rule| rule.when.is_some())
            .enumerate()
            .map(|(at, rule)| When::of(words, schema, at, Some(rule)))
            .collect();
        for half in halves.conditions {
            conditions.push(half.at(conditions.len()));
        }
        conditions.push(When::of(words, schema, conditions.len(), None));
        let mut limits: Vec<Bound> = role.limits.iter().enumerate().map(|(at, limit)| Bound::of(words, at, Some(limit))).collect();
        for half in halves.limits {
            limits.push(Bound { name: Bound::name(limits.len()), ..half });
        }
        limits.push(Bound::of(words, limits.len(), None));
        Self {
            label_en: role.label.en.clone(),
            label_zh: role.label.zh.clone(),
            rights: Right::ALL.map(|right| (right.as_str().to_owned(), say(&right.label()), role.rights.contains(&right))).into(),
            actions: Action::ALL.map(|action| say(&action.label())).into(),
            rows: std::iter::once(rest).chain(own.iter().map(row)).collect(),
            others: others.iter().map(|kind| (kind.name.to_string(), say(&kind.plural), false)).collect(),
            conditions,
            limits,
        }
    }
}

fn rest_label() -> Label {
    Label { en: "Every other kind".to_owned(), zh: "其他所有对象".to_owned() }
}

impl Row {
    fn of(words: Words, name: &str, label: String, rule: Option<&Rule>, kind: Option<&Kind>) -> Self {
        let empty = Vec::new();
        let (only, except) = rule.map_or((&empty, &empty), |rule| (&rule.only_fields, &rule.except_fields));
        let mode = if !only.is_empty() {
            "only"
        } else if !except.is_empty() {
            "except"
        } else {
            "all"
        };
        let named = if only.is_empty() { except } else { only };
        let modes = [("all", "role.fields_all"), ("only", "role.fields_only"), ("except", "role.fields_except")];
        let fields = kind.map_or(&[][..], |kind| &kind.fields[..]).iter().filter(|field| !field.hidden);
        Self {
            cells: cells(words, name, rule, &Action::ALL),
            reads: facets(words, rule.map_or(&[], |rule| &rule.reads)),
            writes: facets(words, rule.map_or(&[], |rule| &rule.writes)),
            mode: modes.map(|(value, key)| (value.to_owned(), words.say(key).to_owned(), value == mode)).into(),
            fields: fields
                .map(|field| (field.name.to_string(), words.label(&field.label).to_owned(), named.contains(&field.name)))
                .collect(),
            named: named.len(),
            name: name.to_owned(),
            label,
        }
    }
}

fn cells(words: Words, name: &str, rule: Option<&Rule>, actions: &[Action]) -> Vec<Cell> {
    let cell = |action: &Action| Cell {
        name: format!("{name}.{}", action.as_str()),
        label: words.label(&action.label()).to_owned(),
        levels: Level::ALL
            .iter()
            .map(|(word, level)| {
                let chosen = rule.map_or(Level::None, |rule| rule.level(*action)) == *level;
                ((*word).to_owned(), words.label(&level.label()).to_owned(), chosen)
            })
            .collect(),
    };
    actions.iter().map(cell).collect()
}

fn facets(words: Words, chosen: &[Facet]) -> Vec<Choice> {
    Facet::ALL.map(|facet| (facet.as_str().to_owned(), facet_word(words, facet), chosen.contains(&facet))).into()
}

/// What a part of records is called.
pub fn facet_word(words: Words, facet: Facet) -> String {
    words.label(&part(facet)).to_owned()
}

impl When {
    fn of(words: Words, schema: &Schema, at: usize, rule: Option<&Rule>) -> Self {
        let name = Self::name(at);
        let is_its = |kind: &Kind| rule.is_some_and(|rule| rule.kinds.contains(&kind.name));
        Self {
            kinds: schema.kinds().map(|kind| (kind.name.to_string(), words.label(&kind.plural).to_owned(), is_its(kind))).collect(),
            typed: filled(rule.and_then(|rule| rule.when.as_ref()).map_or("", Condition::text)),
            builder: None,
            cells: cells(words, &name, rule, &Action::ALL[1..]),
            writes: facets(words, rule.map_or(&[], |rule| &rule.writes)),
            only: rule.map_or_else(String::new, |rule| rule.only_fields.iter().map(Name::as_str).collect::<Vec<_>>().join(" ")),
            problem: None,
            name,
        }
    }

    /// What the names of a row's controls begin with.
    pub fn name(at: usize) -> String {
        format!("when{at}")
    }

    /// The kind that is chosen.
    pub fn kind(&self) -> Option<&str> {
        self.kinds.iter().find(|(_, _, chosen)| *chosen).map(|(name, ..)| &**name)
    }

    /// The same in another row.
    fn at(mut self, at: usize) -> Self {
        let name = Self::name(at);
        for cell in &mut self.cells {
            cell.name = cell.name.replacen(&self.name, &name, 1);
        }
        self.name = name;
        self
    }
}

/// What makes a write go beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passing {
    Above,
    WhileWaiting,
    OfKeyAccount,
}

impl Passing {
    /// Each as the form names it, with its message.
    const ALL: [(&'static str, &'static str, Self); 3] = [
        ("above", "role.when_above", Passing::Above),
        ("while_waiting", "role.when_waiting", Passing::WhileWaiting),
        ("of_key_account", "role.when_key", Passing::OfKeyAccount),
    ];

    fn of(beyond: &Beyond) -> Self {
        match beyond {
            Beyond::Above(_) => Passing::Above,
            Beyond::WhileWaiting(_) => Passing::WhileWaiting,
            Beyond::OfKeyAccount(_) => Passing::OfKeyAccount,
        }
    }
}

impl Bound {
    fn of(words: Words, at: usize, limit: Option<&Limit>) -> Self {
        let is_its = |outcome: Outcome| limit.map_or(outcome == Outcome::Review, |limit| limit.outcome == outcome);
        let label = |outcome| match outcome {
            Outcome::Review => words.say("role.outcome_review"),
            Outcome::Refuse => words.say("role.outcome_refuse"),
        };
        Self {
            name: Self::name(at),
            problem: None,
            path: limit.map_or_else(String::new, |limit| format!("{}.{}", limit.kind, limit.path())),
            whens: Passing::ALL
                .iter()
                .map(|(word, message, when)| {
                    let chosen = limit.map_or(Passing::Above, |limit| Passing::of(&limit.beyond)) == *when;
                    ((*word).to_owned(), words.say(message).to_owned(), chosen)
                })
                .collect(),
            above: limit.map_or_else(String::new, |limit| match &limit.beyond {
                Beyond::Above(above) => above.to_string(),
                Beyond::WhileWaiting(values) | Beyond::OfKeyAccount(values) => values.join(" "),
            }),
            outcomes: Outcome::ALL
                .iter()
                .map(|(word, outcome)| ((*word).to_owned(), label(*outcome).to_owned(), is_its(*outcome)))
                .collect(),
        }
    }

    /// What the names of a row's controls begin with.
    fn name(at: usize) -> String {
        format!("limit{at}")
    }

    /// One that cannot be taken, as it was typed.
    fn half(words: Words, typed: &Typed, at: usize, problem: String) -> Self {
        let part = |name: &str| typed.one(&format!("{}.{name}", Self::name(at)));
        let mut bound = Self::of(words, at, None);
        for (control, choices) in [("outcome", &mut bound.outcomes), ("when", &mut bound.whens)] {
            for (value, _, chosen) in choices {
                *chosen = value == part(control);
            }
        }
        Self { path: part("path").to_owned(), above: part("above").to_owned(), problem: Some(problem), ..bound }
    }
}

/// The role that a form describes, and what cannot be taken, as it was typed and with what it lacks: `wrong` says which
/// filters could not be put together, and why.
/// Whether it is a good one is asked when it is read.
///
/// # Errors
/// What cannot be written at all, in words.
pub fn read(words: Words, schema: &Schema, name: &Name, typed: &Typed, wrong: &BTreeMap<String, String>) -> Result<(Role, Halves), String> {
    let mut halves = Halves::default();
    let mut role =
        Role { label: Label { en: typed.one("label_en").to_owned(), zh: typed.one("label_zh").to_owned() }, ..Role::empty(name.clone()) };
    role.rights = Right::ALL.into_iter().filter(|right| typed.all("right").contains(&right.as_str())).collect();
    for at in 0.. {
        let row = When::name(at);
        if !typed.has(&format!("{row}.kind")) {
            break;
        }
        match wrong.get(&row).cloned().map_or_else(|| read_condition(words, schema, typed, &row), Err) {
            Ok(rule) => role.rules.extend(rule),
            Err(problem) => halves.conditions.push(half(words, schema, typed, at, problem)),
        }
    }
    for row in typed.all("row") {
        let rule = read_rule(words, schema, typed, row)?;
        // Kinds that are treated alike stand together, as one would write them.
        match role.rules.iter_mut().find(|other| !rule.kinds.is_empty() && !other.kinds.is_empty() && is_alike(other, &rule)) {
            Some(other) => other.kinds.extend(rule.kinds),
            None => role.rules.push(rule),
        }
    }
    for at in 0.. {
        let row = Bound::name(at);
        if !typed.has(&format!("{row}.path")) {
            break;
        }
        match read_limit(words, typed, &row) {
            Ok(limit) => role.limits.extend(limit),
            Err(problem) => halves.limits.push(Bound::half(words, typed, at, problem)),
        }
    }
    Ok((role, halves))
}

fn is_alike(one: &Rule, other: &Rule) -> bool {
    Rule { kinds: Vec::new(), ..one.clone() } == Rule { kinds: Vec::new(), ..other.clone() }
        && one.only_fields.is_empty()
        && one.except_fields.is_empty()
}

fn read_rule(words: Words, schema: &Schema, typed: &Typed, row: &str) -> Result<Rule, String> {
    let kind = (row != REST).then(|| schema.kind(row).ok_or_else(|| words.fill("role.no_kind", &[row]))).transpose()?;
    let mut rule = rule_of(typed, row, kind.map(|kind| kind.name.clone()));
    rule.reads = read_facets(typed, &format!("{row}.reads"));
    if rule.level(Action::Read) > Level::None && rule.reads.is_empty() {
        rule.reads = vec![Facet::Main];
    }
    rule.writes.retain(|facet| rule.reads.contains(facet));
    let fields: Vec<FieldName> = typed.all(&format!("{row}.field")).into_iter().filter_map(|name| name.parse().ok()).collect();
    match typed.one(&format!("{row}.mode")) {
        "only" => rule.only_fields = fields,
        "except" => rule.except_fields = fields,
        _ => {}
    }
    Ok(rule)
}

/// A condition, or none where nothing was typed: that is how one is taken out.
fn read_condition(words: Words, schema: &Schema, typed: &Typed, row: &str) -> Result<Option<Rule>, String> {
    let part = |name: &str| typed.one(&format!("{row}.{name}")).trim();
    if typed.has(&format!("{row}.remove")) {
        return Ok(None);
    }
    let (kind, filter) = (part("kind"), part("filter"));
    match (kind.is_empty(), filter.is_empty()) {
        (true, true) if part("only").is_empty() => return Ok(None),
        (true, true) => return Err(words.say("role.lacks_both").to_owned()),
        (true, false) => return Err(words.say("role.lacks_kind").to_owned()),
        (false, true) => return Err(words.say("role.lacks_filter").to_owned()),
        (false, false) => {}
    }
    let when = Condition::parse(schema, kind, filter).map_err(|bad| words.label(&bad.words()).to_owned())?;
    let mut rule = rule_of(typed, row, kind.parse().ok());
    rule.when = Some(when);
    let only = part("only").split_whitespace().map(str::parse::<FieldName>);
    rule.only_fields = only.collect::<Result<_, _>>().map_err(|bad| bad_id(words, &bad))?;
    Ok(Some(rule))
}

/// A condition that cannot be taken, as it was typed.
fn half(words: Words, schema: &Schema, typed: &Typed, at: usize, problem: String) -> When {
    let row = When::name(at);
    let part = |name: &str| typed.one(&format!("{row}.{name}"));
    let rule = rule_of(typed, &row, part("kind").parse().ok());
    let built = typed.under(&format!("{row}.filter"));
    let built = if built.has("form") { built } else { filled(part("filter")) };
    let only = part("only").to_owned();
    When { typed: built, only, problem: Some(problem), ..When::of(words, schema, at, Some(&rule)) }
}

/// Levels and the parts that are written.
fn rule_of(typed: &Typed, row: &str, kind: Option<Name>) -> Rule {
    let level = |action: Action| {
        let word = typed.one(&format!("{row}.{}", action.as_str()));
        Level::ALL.iter().find(|(known, _)| *known == word).map_or(Level::None, |(_, level)| *level)
    };
    let mut rule = Rule {
        kinds: kind.into_iter().collect(),
        when: None,
        levels: Action::ALL.map(level),
        reads: Vec::new(),
        writes: read_facets(typed, &format!("{row}.writes")),
        only_fields: Vec::new(),
        except_fields: Vec::new(),
    };
    let changes = [Action::Create, Action::Edit, Action::Resolve].into_iter().any(|action| rule.level(action) > Level::None);
    match changes {
        true if rule.writes.is_empty() => rule.writes = vec![Facet::Main],
        true => {}
        false => rule.writes.clear(),
    }
    rule
}

fn read_facets(typed: &Typed, name: &str) -> Vec<Facet> {
    Facet::ALL.into_iter().filter(|facet| typed.all(name).contains(&facet.as_str())).collect()
}

fn read_limit(words: Words, typed: &Typed, row: &str) -> Result<Option<Limit>, String> {
    let path = typed.one(&format!("{row}.path"));
    if path.is_empty() {
        return Ok(None);
    }
    let mut parts = path.splitn(3, '.');
    let mut next = || parts.next().map(str::parse::<Name>).transpose().map_err(|bad| bad_id(words, &bad));
    let (Some(kind), Some(field)) = (next()?, next()?) else { return Err(words.fill("role.no_path", &[path])) };
    let item = next()?;
    let above = typed.one(&format!("{row}.above"));
    let outcome = if typed.one(&format!("{row}.outcome")) == Outcome::Refuse.as_str() { Outcome::Refuse } else { Outcome::Review };
    let values = || above.split_whitespace().map(Into::into).collect();
    let when = Passing::ALL.iter().find(|(word, ..)| *word == typed.one(&format!("{row}.when"))).map(|(.., when)| *when);
    let beyond = match (when.unwrap_or(Passing::Above), above.parse()) {
        (Passing::Above, Ok(number)) => Beyond::Above(number),
        (Passing::Above, Err(_)) => return Err(words.fill("role.no_number", &[above])),
        (Passing::WhileWaiting, _) => Beyond::WhileWaiting(values()),
        (Passing::OfKeyAccount, _) => Beyond::OfKeyAccount(values()),
    };
    Ok(Some(Limit { kind, field, item, beyond, outcome }))
}

fn bad_id(words: Words, bad: &BadId) -> String {
    words.label(&bad.words()).to_owned()
}

//! A role's TOML text, read with every mistake told at its line and in both languages.
//!
//! Never decides what a role may do: it gives what the text says, or refuses it.

use super::Condition;
use super::role::{ANY_VALUE, Action, Beyond, Level, Limit, Outcome, Right, Role, Rule};
use crate::id::{Facet, FieldName};
use crate::schema::reader::{Mistake, Section, Word, nearest, nearest_zh};
use crate::schema::{Field, Kind, Label, Merge, Schema, ValueType, label};

/// The role that a text defines.
pub(super) fn role(root: Section<'_>, schema: &Schema) -> Result<Role, Mistake> {
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
            let mistake = section.mistake_at("kinds", format!("role `{}` has another rule for one of these kinds", role.name));
            return Err(mistake.zh(format!("角色“{}”对其中一个对象已有另一条规则", role.name)));
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
        return Err(section.mistake_at("kinds", "a rule with `when` is about one kind").zh("带条件的规则只能针对一个对象"));
    };
    if let Some(key) = ["read", "reads"].into_iter().find(|key| section.has(key)) {
        let message = format!("a rule with `when` has no `{key}`: what is seen of a kind stands in its rule without a condition");
        return Err(section.mistake_at(key, message).zh(format!("带条件的规则不能有 `{key}`：能看到什么由该对象不带条件的规则决定")));
    }
    let Some(other) = role.rule(kind) else {
        let mistake = section.mistake(format!("role `{}` has no rule for `{kind}` without a condition", role.name));
        return Err(mistake.zh(format!("角色“{}”对“{kind}”没有不带条件的规则", role.name)));
    };
    (rule.levels[Action::Read as usize], rule.reads) = (other.level(Action::Read), other.reads.clone());
    let text = section.required("the rule", "when")?;
    rule.when = Some(Condition::parse(schema, kind, text.text).map_err(|bad| {
        let Label { en, zh } = bad.words();
        text.mistake(en).zh(zh)
    })?);
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
        let mistake = section.mistake("the rule has no `kinds`: names of kinds, or [\"*\"] for every other kind");
        return Err(mistake.zh("规则缺少 `kinds`：对象的标识，或以 [\"*\"] 表示其他所有对象"));
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
            let kinds: Vec<&str> = rule.kinds.iter().map(|kind| &**kind).collect();
            let kinds = if kinds.is_empty() { "*".to_owned() } else { kinds.join(", ") };
            let message = format!("the rule for `{kinds}` lets `{}` go further than `read`", action.as_str());
            let (further, read) = (action.label().zh, Action::Read.label().zh);
            return Err(section.mistake_at(action.as_str(), message).zh(format!("“{kinds}”的规则中“{further}”的范围不能大于“{read}”")));
        }
    }
    if let Some(facet) = rule.writes.iter().find(|facet| !rule.reads.contains(facet)) {
        let mistake = section.mistake_at("writes", format!("the rule writes the facet `{facet}` and does not read it"));
        return Err(mistake.zh(format!("规则可写“{facet}”部分，却不能读")));
    }
    let changes = [Action::Create, Action::Edit, Action::Resolve].into_iter().any(|action| rule.level(action) > Level::None);
    if changes == rule.writes.is_empty() {
        let mistake = section.mistake("a rule that lets records be changed says in `writes` which facets, and no other does");
        return Err(mistake.zh("允许更改记录的规则须说明可写哪些部分（`writes`），其他规则不能有"));
    }
    if !rule.only_fields.is_empty() && !rule.except_fields.is_empty() {
        let mistake = section.mistake_at("except_fields", "a rule has `only_fields` or `except_fields`, not both");
        return Err(mistake.zh("规则只能有 `only_fields` 或 `except_fields` 之一"));
    }
    Ok(())
}

fn fields(section: Section<'_>, key: &str, kinds: &[&Kind]) -> Result<Vec<FieldName>, Mistake> {
    let words = section.words(key)?;
    if kinds.is_empty() && !words.is_empty() {
        let mistake = section.mistake_at(key, format!("`{key}` needs named kinds: `*` has no fields"));
        return Err(mistake.zh(format!("`{key}` 须指明对象：`*` 没有字段")));
    }
    for word in words.iter().filter(|_| section.is_strict()) {
        if let Some(kind) = kinds.iter().find(|kind| kind.field(word.text).is_none()) {
            return Err(no_field(kind, *word));
        }
    }
    words.iter().map(Word::parse).collect()
}

fn limit(section: Section<'_>, schema: &Schema) -> Result<Limit, Mistake> {
    section.only("a limit", &["kind", "field", "above", "while_waiting", "of_key_account", "outcome"])?;
    let kind = kind(section.required("the limit", "kind")?, schema)?;
    let path = section.required("the limit", "field")?;
    let (field, item) = path.text.split_once('.').map_or((path.text, None), |(field, item)| (field, Some(item)));
    let declared = kind.field(field).ok_or_else(|| no_field(kind, path))?;
    let limited = match item {
        Some(item) => declared.item(item).filter(|_| declared.merge != Merge::Log).ok_or_else(|| {
            let parts = declared.items.iter().map(|item| &*item.name);
            let zh = format!("“{field}”的行里没有“{item}”{}", nearest_zh(item, parts.clone()));
            path.mistake(format!("rows of `{field}` have no `{item}`{}", nearest(item, parts))).zh(zh)
        })?,
        None => declared,
    };
    let beyond = beyond(section, path, limited)?;
    let outcome = one_of("outcome", section.required("the limit", "outcome")?, &Outcome::ALL)?;
    Ok(Limit { kind: kind.name.clone(), field: declared.name.clone(), item: item.map(|_| limited.name.clone()), beyond, outcome })
}

/// What passes a limit: one of three says so.
fn beyond(section: Section<'_>, path: Word<'_>, limited: &Field) -> Result<Beyond, Mistake> {
    let (waiting, managed) = (section.words("while_waiting")?, section.words("of_key_account")?);
    let above = section.number("above")?;
    let mistake = |en: &str, zh: &str| Err(section.mistake(en).zh(zh));
    match (above, waiting.is_empty(), managed.is_empty()) {
        (Some(most), true, true) => number(path, limited).map(|()| Beyond::Above(most)),
        (None, false, true) => values(section, path, limited, &waiting).map(Beyond::WhileWaiting),
        (None, true, false) => values(section, path, limited, &managed).map(Beyond::OfKeyAccount),
        (None, true, true) => number(path, limited).and_then(|()| {
            mistake(
                "the limit has none of `above`, `while_waiting` and `of_key_account`",
                "限制缺少上限（`above`）、待批期间的值（`while_waiting`）或重点客户的值（`of_key_account`）",
            )
        }),
        (_, _, _) => mistake(
            "a limit has one of `above`, `while_waiting` and `of_key_account`",
            "限制只能有 `above`、`while_waiting`、`of_key_account` 之一",
        ),
    }
}

fn number(path: Word<'_>, limited: &Field) -> Result<(), Mistake> {
    if matches!(limited.value, ValueType::Integer | ValueType::Number) && limited.merge.is_single() {
        return Ok(());
    }
    let mistake = path.mistake(format!("`{}` is not one number: it has no limit", path.text));
    Err(mistake.zh(format!("“{}”不是单个数字，不能设上限", path.text)))
}

fn values(section: Section<'_>, path: Word<'_>, limited: &Field, words: &[Word<'_>]) -> Result<Vec<Box<str>>, Mistake> {
    let is_known = |word: &Word<'_>| word.text == ANY_VALUE || limited.options.iter().any(|option| &*option.value == word.text);
    match words.iter().find(|word| section.is_strict() && !is_known(word)) {
        Some(word) => {
            let mistake = word.mistake(format!("`{}` cannot be `{}`", path.text, word.text));
            Err(mistake.zh(format!("“{}”没有“{}”这个值", path.text, word.text)))
        }
        None => Ok(words.iter().map(|word| word.text.into()).collect()),
    }
}

fn kind<'s>(word: Word<'_>, schema: &'s Schema) -> Result<&'s Kind, Mistake> {
    let known = || schema.kinds().map(|kind| &*kind.name);
    schema.kind(word.text).map(|kind| &**kind).ok_or_else(|| {
        let mistake = word.mistake(format!("there is no kind `{}`{}", word.text, nearest(word.text, known())));
        mistake.zh(format!("没有名为“{}”的对象{}", word.text, nearest_zh(word.text, known())))
    })
}

fn no_field(kind: &Kind, word: Word<'_>) -> Mistake {
    let known = kind.fields.iter().map(|field| &*field.name);
    let zh = format!("对象“{}”没有名为“{}”的字段{}", kind.name, word.text, nearest_zh(word.text, known.clone()));
    word.mistake(format!("kind `{}` has no field `{}`{}", kind.name, word.text, nearest(word.text, known))).zh(zh)
}

fn one_of<T: Copy>(what: &str, word: Word<'_>, known: &[(&'static str, T)]) -> Result<T, Mistake> {
    let found = known.iter().find(|(name, _)| *name == word.text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let names = known.iter().map(|(name, _)| *name);
        let zh = format!("没有“{}”这个词（{what}）{}", word.text, nearest_zh(word.text, names.clone()));
        word.mistake(format!("there is no {what} `{}`{}", word.text, nearest(word.text, names))).zh(zh)
    })
}

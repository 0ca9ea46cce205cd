//! The other direction: a role as the TOML text that [`Role::parse`] reads.

use super::{Action, Beyond, Limit, Right, Role, Rule};
use crate::id::{Facet, Name};
use crate::schema::write::{label, line, names, quoted};

impl Role {
    /// The role as TOML, in the shape of the built-in files: reading it again gives the same role.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        line(&mut text, "name", &quoted(&self.name));
        line(&mut text, "label", &label(&self.label));
        let rights: Vec<&str> = Right::ALL.into_iter().filter(|right| self.rights.contains(right)).map(Right::as_str).collect();
        line(&mut text, "rights", &words(&rights));
        self.rules.iter().for_each(|rule| write_rule(&mut text, rule));
        self.limits.iter().for_each(|limit| write_limit(&mut text, limit));
        text
    }
}

fn write_rule(text: &mut String, rule: &Rule) {
    text.push_str("\n[[rule]]\n");
    let kinds: Vec<&str> = rule.kinds.iter().map(Name::as_str).collect();
    line(text, "kinds", &words(if kinds.is_empty() { &["*"] } else { &kinds }));
    if let Some(when) = &rule.when {
        line(text, "when", &quoted(when.text()));
    }
    for action in Action::ALL {
        // What is seen of a record does not hang on a condition: it follows from the kind's other rule.
        let is_said = rule.when.is_none() || action != Action::Read;
        if is_said && rule.level(action) > super::Level::None {
            line(text, action.as_str(), &quoted(rule.level(action).as_str()));
        }
    }
    let facets = |facets: &[Facet]| words(&facets.iter().map(|facet| facet.as_str()).collect::<Vec<_>>());
    if rule.when.is_none() && !rule.reads.is_empty() {
        line(text, "reads", &facets(&rule.reads));
    }
    if !rule.writes.is_empty() {
        line(text, "writes", &facets(&rule.writes));
    }
    for (key, fields) in [("only_fields", &rule.only_fields), ("except_fields", &rule.except_fields)] {
        if !fields.is_empty() {
            line(text, key, &names(fields));
        }
    }
}

fn write_limit(text: &mut String, limit: &Limit) {
    let all = |values: &[Box<str>]| words(&values.iter().map(|value| &**value).collect::<Vec<_>>());
    text.push_str("\n[[limit]]\n");
    line(text, "kind", &quoted(&limit.kind));
    line(text, "field", &quoted(&limit.path()));
    match &limit.beyond {
        Beyond::Above(above) => line(text, "above", &above.to_string()),
        Beyond::WhileWaiting(values) => line(text, "while_waiting", &all(values)),
        Beyond::OfKeyAccount(values) => line(text, "of_key_account", &all(values)),
    }
    line(text, "outcome", &quoted(limit.outcome.as_str()));
}

fn words(words: &[&str]) -> String {
    format!("[{}]", words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "))
}

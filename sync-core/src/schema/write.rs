//! The other direction: a kind as the TOML text that [`Kind::parse`](super::Kind::parse) reads.

use std::fmt::Write as _;

use super::{Choice, Field, Frozen, Kind, Label, Merge, Sharing, ValueType, gate};
use crate::id::{Facet, Name};

impl Kind {
    /// The kind as TOML, in the shape of the built-in files: reading it again gives the same kind.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        line(&mut text, "name", &quoted(&self.name));
        line(&mut text, "label", &label(&self.label));
        line(&mut text, "plural", &label(&self.plural));
        if let Some(menu) = &self.menu {
            line(&mut text, "menu", &format!("{{ under = {}, place = {} }}", quoted(menu.under.word()), menu.place));
        }
        line(&mut text, "title", &quoted(&self.title));
        line(&mut text, "list", &names(&self.list));
        if !self.search.is_empty() {
            line(&mut text, "search", &names(&self.search));
        }
        if !self.matches.is_empty() {
            line(&mut text, "match", &names(&self.matches));
        }
        if let Some(owner) = &self.owner {
            line(&mut text, "owner", &quoted(owner));
        }
        if !self.sharing.is_default() {
            line(&mut text, "sharing", &sharing(&self.sharing));
        }
        if let Some(board) = &self.board {
            let sum = board.sum.as_ref().map(|sum| format!(", sum = {}", quoted(sum))).unwrap_or_default();
            let closed: Vec<String> = board.closed.iter().map(|value| quoted(value)).collect();
            let closed = if closed.is_empty() { String::new() } else { format!(", closed = [{}]", closed.join(", ")) };
            let pipelines = board.pipelines.as_ref().map(|field| format!(", pipelines = {}", quoted(field))).unwrap_or_default();
            line(&mut text, "board", &format!("{{ by = {}{sum}{closed}{pipelines} }}", quoted(&board.by)));
        }
        if !self.happens.is_empty() {
            line(&mut text, "happens", &names(&self.happens));
        }
        if let Some(kind) = &self.answers {
            line(&mut text, "answers", &quoted(kind));
        }
        for field in &self.fields {
            text.push_str("\n[[field]]\n");
            for (key, value) in parts(field, "\n  ") {
                line(&mut text, key, &value);
            }
        }
        self.gaps.iter().for_each(|gap| gap.write(&mut text));
        self.portrait.iter().for_each(|line| line.write(&mut text));
        text
    }
}

fn sharing(sharing: &Sharing) -> String {
    let Sharing { follows, teams, territories, everyone, personal, key, manager } = sharing;
    let fields = [("follows", follows), ("teams", teams), ("territories", territories), ("key", key), ("manager", manager)];
    let mut parts: Vec<String> =
        fields.into_iter().filter_map(|(key, field)| Some(format!("{key} = {}", quoted(field.as_ref()?)))).collect();
    let flags = [("everyone", *everyone), ("personal", *personal)];
    parts.extend(flags.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| format!("{key} = true")));
    format!("{{ {} }}", parts.join(", "))
}

/// The keys of a field that differ from their defaults; `separator` comes before each entry of a list.
fn parts(field: &Field, separator: &str) -> Vec<(&'static str, String)> {
    let mut parts = vec![("name", quoted(&field.name)), ("label", label(&field.label))];
    if field.value != ValueType::String {
        parts.push(("type", quoted(field.value.as_str())));
    }
    if field.merge != Merge::Register {
        parts.push(("merge", quoted(field.merge.as_str())));
    }
    if field.facet != Facet::Main {
        parts.push(("facet", quoted(field.facet.as_str())));
    }
    if field.required {
        parts.push(("required", "true".to_owned()));
    }
    if !field.to.is_empty() {
        parts.push(("to", names(&field.to)));
    }
    if !field.options.is_empty() {
        parts.push(("options", array(field.options.iter().map(choice), separator)));
    }
    if let Some(default) = &field.default {
        parts.push(("default", quoted(default)));
    }
    if let Some(begin) = &field.after {
        parts.push(("after", quoted(begin)));
    }
    parts.extend(field.min.map(|min| ("min", min.to_string())));
    parts.extend(field.max.map(|max| ("max", max.to_string())));
    if !field.items.is_empty() {
        parts.push(("items", array(field.items.iter().map(item), separator)));
    }
    if !field.key.is_empty() {
        parts.push(("key", names(&field.key)));
    }
    parts.extend(field.fill.iter().map(|fill| ("fill", fill.to_toml())));
    parts.extend(field.copies.iter().map(|text| ("copies", quoted(text))));
    if let Some(rule) = &field.frozen {
        parts.push(("frozen", frozen(rule)));
    }
    if let Some(formula) = &field.formula {
        parts.push(("formula", formula.to_toml()));
    }
    if field.hidden {
        parts.push(("hidden", "true".to_owned()));
    }
    parts
}

fn item(field: &Field) -> String {
    let parts: Vec<String> = parts(field, " ").into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", parts.join(", "))
}

fn choice(choice: &Choice) -> String {
    let colour = choice.colour.as_ref().map(|colour| format!(", colour = {}", quoted(colour))).unwrap_or_default();
    let weight = choice.weight.map(|weight| format!(", weight = {weight}")).unwrap_or_default();
    let hidden = if choice.hidden { ", hidden = true" } else { "" };
    let brings = gate::written(choice);
    format!("{{ value = {}, label = {}{colour}{weight}{hidden}{brings} }}", quoted(&choice.value), label(&choice.label))
}

fn frozen(rule: &Frozen) -> String {
    let values: Vec<String> = rule.values.iter().map(|value| quoted(value)).collect();
    format!("{{ field = {}, in = [{}] }}", quoted(&rule.field), values.join(", "))
}

pub(crate) fn label(label: &Label) -> String {
    format!("{{ en = {}, zh = {} }}", quoted(&label.en), quoted(&label.zh))
}

pub(crate) fn names(names: &[Name]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    format!("[{}]", quoted.join(", "))
}

fn array(entries: impl Iterator<Item = String>, separator: &str) -> String {
    let entries: String = entries.map(|entry| format!("{separator}{entry},")).collect();
    let end = if separator.contains('\n') { "\n" } else { " " };
    format!("[{entries}{end}]")
}

pub(crate) fn line(text: &mut String, key: &str, value: &str) {
    writeln!(text, "{key} = {value}").expect("writing to a string does not fail");
}

/// A basic string on one line, whatever it holds.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(character))),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

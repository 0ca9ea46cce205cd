//! The form of a kind: what was typed, turned into a kind and back.
//!
//! Pure. What exists keeps its name, type, policy and facet: the form says so by not asking again.

use sync_core::id::{Facet, FieldName, KindName};
use sync_core::schema::{COLOURS, Choice, Field, ITEMS_MAX, Kind, Label, Merge, ValueType};

use super::formula::FormulaForm;
use super::names::{free, named};
use super::rules;
use crate::console::typed::Typed;

/// What stands before the place of a field that is meant by it.
const BY_PLACE: char = '#';

/// A kind as a form holds it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KindForm {
    /// Its name; empty until it is made.
    pub name: String,
    /// One of it.
    pub label: Pair,
    /// Many of it.
    pub plural: Pair,
    /// The field that names a record, by its place in the form.
    pub title: usize,
    /// The field whose options are the board's columns, by its name.
    pub board: String,
    /// The field that the board sums, by its name.
    pub sum: String,
    /// The choice whose options have boards of their own, by its name.
    pub pipelines: String,
    /// The link that says whose record it is, by its name.
    pub owner: String,
    /// The fields.
    pub fields: Vec<FieldForm>,
}

/// A word in both languages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pair {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// A field as a form holds it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FieldForm {
    /// Its name; empty until it is made.
    pub name: String,
    /// Whether records may hold it: what it is cannot change any more.
    pub known: bool,
    /// What people read.
    pub label: Pair,
    /// The word for its type.
    pub value: String,
    /// The word for its policy.
    pub merge: String,
    /// The word for its facet.
    pub facet: String,
    /// Whether people must fill it in.
    pub required: bool,
    /// Whether it is no longer used.
    pub hidden: bool,
    /// Whether it is a column of the list.
    pub listed: bool,
    /// Whether search reads it.
    pub searched: bool,
    /// The options of a choice, one a line.
    pub options: String,
    /// What its options bring with them, one rule a line.
    pub rules: String,
    /// The option that a new record has, by its stored word or label.
    pub default: String,
    /// The least and the most that a number may be, as they were typed.
    pub min: String,
    /// The most.
    pub max: String,
    /// The kinds that a link may point at.
    pub to: Vec<String>,
    /// How it is computed, if it is.
    pub formula: FormulaForm,
    /// What each of its rows holds, if it has rows.
    pub items: Vec<FieldForm>,
    /// Whether one part more of its rows is asked for.
    pub wants_part: bool,
    /// Whether its options, links and parts were asked to be shown.
    pub opened: bool,
    /// What is wrong with it.
    pub error: Option<String>,
}

/// What is wrong with a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// A kind or field without a label.
    NoLabel,
    /// A name that programs could not write.
    BadName,
    /// Two of one name.
    Twice,
    /// A choice without options.
    NoOptions,
    /// A rule of options that cannot be read.
    NoRule,
    /// A default that is none of the options.
    NoSuchDefault,
    /// Bounds that are no whole numbers, or between which there is none.
    NoBounds,
    /// A link that leads nowhere.
    NoTargets,
    /// A type that cannot be merged so.
    NotTogether,
    /// A list or a log without rows.
    NoParts,
    /// Rows where there is one value.
    NotRows,
    /// A computed field that does not say how.
    NoFormula,
    /// A formula that lacks what it is computed from.
    FormulaLacks,
    /// A formula that names what is no field.
    FormulaNames,
    /// A kind of this name exists.
    Exists,
}

impl Pair {
    fn of(typed: &Typed, name: &str) -> Self {
        Self { en: typed.one(&format!("{name}_en")).to_owned(), zh: typed.one(&format!("{name}_zh")).to_owned() }
    }

    fn from(label: &Label) -> Self {
        Self { en: label.en.clone(), zh: label.zh.clone() }
    }

    /// Who writes only one language means both.
    fn label(&self) -> Label {
        let or = |one: &str, other: &str| if one.is_empty() { other.to_owned() } else { one.to_owned() };
        Label { en: or(&self.en, &self.zh), zh: or(&self.zh, &self.en) }
    }

    fn is_empty(&self) -> bool {
        self.en.is_empty() && self.zh.is_empty()
    }

    fn text(&self) -> &str {
        if self.en.is_empty() { &self.zh } else { &self.en }
    }
}

impl KindForm {
    /// A form for a new kind: one field to begin with.
    pub fn new() -> Self {
        Self { fields: vec![FieldForm { required: true, listed: true, ..FieldForm::empty() }], ..Self::default() }
    }

    /// The form of a kind that there is.
    pub fn from(kind: &Kind) -> Self {
        let name = |name: &Option<FieldName>| name.as_ref().map(ToString::to_string).unwrap_or_default();
        Self {
            name: kind.name.to_string(),
            label: Pair::from(&kind.label),
            plural: Pair::from(&kind.plural),
            title: kind.fields.iter().position(|field| field.name == kind.title).unwrap_or_default(),
            board: kind.board.as_ref().map(|board| board.by.to_string()).unwrap_or_default(),
            sum: kind.board.as_ref().map(|board| name(&board.sum)).unwrap_or_default(),
            pipelines: kind.board.as_ref().map(|board| name(&board.pipelines)).unwrap_or_default(),
            owner: name(&kind.owner),
            fields: kind.fields.iter().map(|field| FieldForm::from(kind, field)).collect(),
        }
    }

    /// What was typed into the form of a kind that there is, or of a new one.
    pub fn typed(typed: &Typed, base: Option<&Kind>) -> Self {
        let count: usize = typed.one("fields").parse().unwrap_or_default();
        let mut fields: Vec<(usize, FieldForm)> = (0..count.min(sync_core::schema::FIELDS_MAX))
            .map(|index| {
                let place = typed.one(&format!("field.{index}.place")).parse().unwrap_or(index * 10 + 10);
                let mut field = FieldForm::typed(typed, &format!("field.{index}"), &|name| base?.field(name));
                field.wants_part = typed.one("step") == format!("part.{index}");
                match base.and_then(|kind| kind.field(&field.name)).filter(|_| typed.has(&format!("field.{index}.closed"))) {
                    Some(known) => field.keep_closed(known, typed.one("step") == format!("open.{index}")),
                    None => field.opened = true,
                }
                (place, field)
            })
            .collect();
        let title: usize = typed.one("title").parse().unwrap_or_default();
        let mut order: Vec<usize> = (0..fields.len()).collect();
        order.sort_by_key(|index| fields[*index].0);
        let title = order.iter().position(|index| *index == title).unwrap_or_default();
        fields.sort_by_key(|(place, _)| *place);
        let mut fields: Vec<FieldForm> = fields.into_iter().map(|(_, field)| field).collect();
        let mut pick = |part: &str| picked(typed.one(part), &order, &mut fields);
        let (board, sum, pipelines, owner) = (pick("board"), pick("sum"), pick("pipelines"), pick("owner"));
        Self {
            name: base.map(|kind| kind.name.to_string()).unwrap_or_else(|| typed.one("name").to_owned()),
            label: Pair::of(typed, "label"),
            plural: Pair::of(typed, "plural"),
            title,
            board,
            sum,
            pipelines,
            owner,
            fields,
        }
    }

    /// How a choice names the field at a place that has no name yet: no field can be called so.
    pub fn by_place(place: usize) -> String {
        format!("{BY_PLACE}{place}")
    }

    /// Leaves out fields and parts that nobody filled in: an author who adds another still has them.
    fn without_blanks(&mut self) {
        let title = self.fields.get(self.title).filter(|field| field.is_meant()).map(|_| self.title);
        let before = self.fields.iter().take(title.unwrap_or_default()).filter(|field| !field.is_meant()).count();
        self.title = title.unwrap_or_default() - before;
        self.fields.retain(FieldForm::is_meant);
        self.fields.iter_mut().for_each(|field| field.items.retain(FieldForm::is_meant));
    }

    /// Fields and parts that are new: each is shown with all that it may come to be.
    pub fn new_count(&self) -> usize {
        let fields = self.fields.iter().filter(|field| !field.known).count();
        fields + self.fields.iter().flat_map(|field| &field.items).filter(|part| !part.known).count()
    }

    /// Leaves out what nobody filled in, gives names to what has none yet, and says at each field what is wrong with it.
    ///
    /// # Errors
    /// What is wrong with the kind itself; fields carry their own.
    pub fn check(&mut self, is_new: bool, taken: impl Fn(&str) -> bool, say: impl Fn(Wrong) -> String) -> Result<(), String> {
        self.without_blanks();
        if self.name.is_empty() {
            self.name = named(self.label.text());
        }
        check_all(&mut self.fields, &say);
        check_formulas(&mut self.fields, &say);
        if self.label.is_empty() || self.name.is_empty() {
            return Err(say(Wrong::NoLabel));
        }
        if self.name.parse::<KindName>().is_err() {
            return Err(say(Wrong::BadName));
        }
        if is_new && taken(&self.name) { Err(say(Wrong::Exists)) } else { Ok(()) }
    }

    /// Whether a field carries a mistake.
    pub fn has_errors(&self) -> bool {
        self.fields.iter().any(FieldForm::is_wrong)
    }

    /// The field, or the part of its rows, that a path such as `stops.town` names.
    pub fn field_at(&mut self, path: &str) -> Option<&mut FieldForm> {
        let (name, part) = path.split_once('.').map_or((path, None), |(name, part)| (name, Some(part)));
        let field = self.fields.iter_mut().find(|field| field.name == name)?;
        match part.and_then(|part| field.items.iter().position(|item| item.name == part)) {
            Some(at) => field.items.get_mut(at),
            None => Some(field),
        }
    }

    /// The kind. What the form does not ask for is as in `base`.
    ///
    /// # Errors
    /// The field whose name cannot be one, or none for the kind's own.
    pub fn kind(&self, base: Option<&Kind>) -> Result<Kind, (Option<usize>, String)> {
        let mut fields = Vec::new();
        for (index, field) in self.fields.iter().enumerate() {
            let base = base.and_then(|kind| kind.field(&field.name));
            fields.push(field.field(base).map_err(|why| (Some(index), why))?);
        }
        let own = |why: sync_core::id::BadId| (None, why.to_string());
        let at = |wanted: &dyn Fn(&FieldForm) -> bool| -> Vec<FieldName> {
            self.fields.iter().zip(&fields).filter(|(form, _)| wanted(form) && !form.hidden).map(|(_, field)| field.name.clone()).collect()
        };
        let optional = |name: &str| (!name.is_empty()).then(|| name.parse::<FieldName>().ok()).flatten();
        let title = fields.get(self.title).or(fields.first()).map(|field| field.name.clone());
        let label = self.label.label();
        let plural = if self.plural.is_empty() { label.clone() } else { self.plural.label() };
        let title = title.ok_or((None, String::new()))?;
        let mut search = at(&|form| form.searched && form.name != *title);
        // In the order that it had: the form says nothing of that.
        search.sort_by_key(|name| base.and_then(|kind| kind.search.iter().position(|known| known == name)).unwrap_or(usize::MAX));
        let kind = Kind {
            name: self.name.parse::<KindName>().map_err(own)?,
            label,
            plural,
            menu: base.and_then(|kind| kind.menu),
            list: at(&|form| form.listed),
            search,
            title,
            matches: base.map(|kind| kind.matches.clone()).unwrap_or_default(),
            owner: optional(&self.owner),
            sharing: base.map(|kind| kind.sharing.clone()).unwrap_or_default(),
            board: rules::board(self, base, &fields),
            happens: Vec::new(),
            answers: base.and_then(|kind| kind.answers.clone()),
            gaps: base.map(|kind| kind.gaps.clone()).unwrap_or_default(),
            portrait: base.map(|kind| kind.portrait.clone()).unwrap_or_default(),
            fields,
        };
        // What says when it happens is written in the kind's text.
        let happens = base.map(|base| kind.days_kept_of(base)).unwrap_or_default();
        Ok(Kind { happens, ..kind })
    }
}

/// The name of a field that was chosen, perhaps by its place in the form that was sent: then it gets its name now.
fn picked(chosen: &str, order: &[usize], fields: &mut [FieldForm]) -> String {
    let Some(place) = chosen.strip_prefix(BY_PLACE) else { return chosen.to_owned() };
    let at = place.parse().ok().and_then(|place: usize| order.iter().position(|index| *index == place));
    let names: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
    let Some(field) = at.and_then(|at| fields.get_mut(at)).filter(|field| !field.label.is_empty()) else { return String::new() };
    if field.name.is_empty() {
        field.name = free(&named(field.label.text()), &names);
    }
    field.name.clone()
}

/// Gives names to fields, or to parts of rows, that have none yet, and says at each what is wrong with it.
fn check_all(fields: &mut [FieldForm], say: &impl Fn(Wrong) -> String) {
    let mut names: Vec<String> = fields.iter().map(|field| field.name.clone()).filter(|name| !name.is_empty()).collect();
    for field in fields {
        if field.name.is_empty() {
            field.name = free(&named(field.label.text()), &names);
            names.push(field.name.clone());
        }
        field.error = field.wrong(&names).map(say);
        check_all(&mut field.items, say);
    }
}

/// Formulas name other fields, which have their names by now.
fn check_formulas(fields: &mut [FieldForm], say: &impl Fn(Wrong) -> String) {
    let known = fields.to_vec();
    for field in fields.iter_mut().filter(|field| field.is_computed()) {
        field.formula.resolve(&known);
        let wrong = match field.formula.formula() {
            // One of a newer server is in no form, and kept.
            Ok(None) if !field.known => Some(Wrong::NoFormula),
            Ok(_) => None,
            Err(wrong) => Some(wrong),
        };
        field.error = field.error.take().or_else(|| wrong.map(say));
    }
}

impl FieldForm {
    /// Whether it is computed.
    pub fn is_computed(&self) -> bool {
        Merge::of_word(&self.merge) == Merge::Derived
    }

    /// Whether it, or a part of its rows, carries a mistake.
    pub fn is_wrong(&self) -> bool {
        self.error.is_some() || self.items.iter().any(Self::is_wrong)
    }

    /// A field that is yet to be filled in.
    pub fn empty() -> Self {
        Self { value: "string".to_owned(), merge: "register".to_owned(), facet: "main".to_owned(), ..Self::default() }
    }

    /// Whether somebody filled it in: what has options or leads somewhere and has no label is told to want one.
    fn is_meant(&self) -> bool {
        let is_said = !self.label.is_empty() || !self.options.trim().is_empty() || !self.to.is_empty();
        self.known || is_said || self.items.iter().any(Self::is_meant)
    }

    fn from(kind: &Kind, field: &Field) -> Self {
        Self { listed: kind.list.contains(&field.name), searched: kind.search.contains(&field.name), ..Self::of(field) }
    }

    /// Of a field, or of a part of rows.
    fn of(field: &Field) -> Self {
        Self {
            name: field.name.to_string(),
            known: true,
            label: Pair::from(&field.label),
            value: field.value.as_str().to_owned(),
            merge: field.merge.as_str().to_owned(),
            facet: field.facet.as_str().to_owned(),
            required: field.required,
            hidden: field.hidden,
            options: field.options.iter().map(line).collect::<Vec<_>>().join("\n"),
            rules: rules::text(&field.options),
            default: field.default.clone().unwrap_or_default(),
            min: bound(field.min),
            max: bound(field.max),
            to: field.to.iter().map(ToString::to_string).collect(),
            formula: FormulaForm::of(field.formula.as_ref()),
            items: field.items.iter().map(Self::of).collect(),
            ..Self::default()
        }
    }

    /// What was typed for a field, or for a part of rows; `base` knows those that there are.
    fn typed<'a>(typed: &Typed, name: &str, base: &dyn Fn(&str) -> Option<&'a Field>) -> Self {
        let one = |part: &str| typed.one(&format!("{name}.{part}")).to_owned();
        let has = |part: &str| typed.has(&format!("{name}.{part}"));
        let known = base(&one("name"));
        let items = Self::typed_items(typed, name, known);
        let or = |text: String, otherwise: &str| if text.is_empty() { otherwise.to_owned() } else { text };
        // What has rows has no type of its own.
        let value = if items.iter().any(Self::is_meant) { "string".to_owned() } else { or(one("type"), "string") };
        let value = known.map_or(value, |field| field.value.as_str().to_owned());
        let usual = if value == "paragraph" { "text" } else { "register" };
        Self {
            known: known.is_some(),
            label: Pair::of(typed, &format!("{name}.label")),
            merge: known.map_or_else(|| or(one("merge"), usual), |field| field.merge.as_str().to_owned()),
            facet: known.map_or_else(|| or(one("facet"), "main"), |field| field.facet.as_str().to_owned()),
            required: has("required"),
            hidden: has("hidden"),
            listed: has("listed"),
            searched: has("searched"),
            options: typed.raw(&format!("{name}.options")).replace("\r\n", "\n"),
            rules: if has("rules") { typed.raw(&format!("{name}.rules")).replace("\r\n", "\n") } else { rules_of(known) },
            default: one("default"),
            min: if has("min") { one("min") } else { bound(known.and_then(|field| field.min)) },
            max: if has("max") { one("max") } else { bound(known.and_then(|field| field.max)) },
            to: typed.all(&format!("{name}.to")).into_iter().map(str::to_owned).collect(),
            formula: FormulaForm::typed(typed, &format!("{name}.formula"), known.and_then(|field| field.formula.as_ref())),
            name: one("name"),
            value,
            items,
            ..Self::default()
        }
    }

    /// A form that does not show what is in a field leaves it as it is.
    fn keep_closed(&mut self, known: &Field, opened: bool) {
        let FieldForm { options, rules, default, min, max, to, items, .. } = Self::of(known);
        (self.options, self.rules, self.default, self.min, self.max) = (options, rules, default, min, max);
        (self.to, self.items, self.opened) = (to, items, opened);
    }

    /// The parts of its rows. A form that says nothing of them leaves them as they are.
    fn typed_items(typed: &Typed, name: &str, field: Option<&Field>) -> Vec<Self> {
        let count = format!("{name}.items");
        if !typed.has(&count) {
            return field.map(|field| field.items.iter().map(Self::of).collect()).unwrap_or_default();
        }
        let part = |index: usize| {
            let part = Self::typed(typed, &format!("{name}.item.{index}"), &|name| field?.item(name));
            // The form does not ask whether a part is no longer used.
            let hidden = field.and_then(|field| field.item(&part.name)).is_some_and(|item| item.hidden);
            // Parts are written as a whole, texts of several lines, too.
            let merge = if part.merge == "text" { "register".to_owned() } else { part.merge };
            Self { hidden, merge, ..part }
        };
        // One more than are allowed is kept, to be told about.
        let count = typed.one(&count).parse::<usize>().unwrap_or_default().min(ITEMS_MAX + 1);
        (0..count).map(part).collect()
    }

    /// What is wrong with it, in the terms of the form.
    fn wrong(&self, names: &[String]) -> Option<Wrong> {
        let value = ValueType::of_word(&self.value);
        let fits = match Merge::of_word(&self.merge) {
            Merge::Set => !self.items.is_empty() || value.is_element(),
            Merge::Text => matches!(value, ValueType::String | ValueType::Paragraph),
            Merge::Counter => value == ValueType::Integer,
            Merge::Monotone => value.is_ordered(),
            Merge::Register | Merge::List | Merge::Log | Merge::Visible | Merge::Assigned | Merge::Derived => true,
            Merge::Unknown(_) => self.known,
        };
        let (is_rows, needs_rows) = (matches!(&*self.merge, "set" | "list" | "log"), matches!(&*self.merge, "list" | "log"));
        let mistakes = [
            (self.label.is_empty(), Wrong::NoLabel),
            (names.iter().filter(|name| **name == self.name).count() > 1, Wrong::Twice),
            (value == ValueType::Choice && self.options.trim().is_empty(), Wrong::NoOptions),
            (value == ValueType::Choice && rules::read(&self.rules, &mut self.choices(None)).is_err(), Wrong::NoRule),
            (self.has_default(&value) && self.default_among(&self.choices(None)).is_none(), Wrong::NoSuchDefault),
            (self.bounds().is_none(), Wrong::NoBounds),
            (value == ValueType::Link && self.to.is_empty(), Wrong::NoTargets),
            (needs_rows && self.items.is_empty(), Wrong::NoParts),
            (!is_rows && !self.items.is_empty(), Wrong::NotRows),
            (!fits, Wrong::NotTogether),
        ];
        mistakes.into_iter().find(|(is_so, _)| *is_so).map(|(_, wrong)| wrong)
    }

    fn field(&self, base: Option<&Field>) -> Result<Field, String> {
        let value = ValueType::of_word(&self.value);
        let mut options = if value == ValueType::Choice { self.choices(base) } else { Vec::new() };
        // What is wrong with them was told before.
        rules::read(&self.rules, &mut options).ok();
        let to = if value == ValueType::Link { self.to.iter().filter_map(|kind| kind.parse().ok()).collect() } else { Vec::new() };
        let part = |part: &Self| part.field(base.and_then(|field| field.item(&part.name)));
        let facet = Facet::ALL.into_iter().find(|facet| facet.as_str() == self.facet).unwrap_or_default();
        let (min, max) = self.bounds().unwrap_or_default();
        // What the field had is taken away by saying so: a missing one is that of the built-in field.
        let default = match self.has_default(&value) {
            true => self.default_among(&options),
            false => base.and_then(|field| field.default.as_ref()).map(|_| String::new()),
        };
        Ok(Field {
            name: self.name.parse().map_err(|why: sync_core::id::BadId| why.to_string())?,
            label: self.label.label(),
            value,
            merge: Merge::of_word(&self.merge),
            facet,
            required: self.required && !self.hidden,
            default,
            options,
            after: base.and_then(|field| field.after.clone()),
            min,
            max,
            to,
            items: self.items.iter().map(part).collect::<Result<_, _>>()?,
            key: base.map(|field| field.key.clone()).unwrap_or_default(),
            fill: base.and_then(|field| field.fill.clone()),
            copies: base.and_then(|field| field.copies.clone()),
            frozen: base.and_then(|field| field.frozen.clone()),
            formula: self.formula.formula().ok().flatten().filter(|_| self.is_computed()).or_else(|| base?.formula.clone()),
            hidden: self.hidden,
        })
    }

    /// The least and the most that it may be, if it is a number that people write; none when they are no bounds.
    fn bounds(&self) -> Option<(Option<i64>, Option<i64>)> {
        let is_written = matches!(Merge::of_word(&self.merge), Merge::Register | Merge::Visible | Merge::Monotone);
        if !is_written || !self.items.is_empty() || !matches!(&*self.value, "integer" | "number") {
            return Some((None, None));
        }
        let read = |text: &str| if text.is_empty() { Some(None) } else { text.parse::<i64>().ok().map(Some) };
        let (min, max) = (read(&self.min)?, read(&self.max)?);
        min.zip(max).is_none_or(|(min, max)| min <= max).then_some((min, max))
    }

    /// Whether it says what a new record has; only one choice can be said.
    fn has_default(&self, value: &ValueType) -> bool {
        let is_one = matches!(Merge::of_word(&self.merge), Merge::Register | Merge::Visible | Merge::Monotone);
        *value == ValueType::Choice && is_one && !self.hidden && !self.default.is_empty()
    }

    /// The stored word of the default.
    fn default_among(&self, options: &[Choice]) -> Option<String> {
        let is_meant = |option: &&Choice| {
            [&option.value, &option.label.en, &option.label.zh].into_iter().any(|word| word.eq_ignore_ascii_case(&self.default))
        };
        options.iter().find(|option| option.value == self.default).or(options.iter().find(is_meant)).map(|option| option.value.clone())
    }

    /// The options, one a line: `English | 中文 | colour`, with the stored word before them where there is one.
    fn choices(&self, base: Option<&Field>) -> Vec<Choice> {
        let known = |word: &str| base.is_some_and(|field| field.option(word).is_some());
        let mut choices: Vec<Choice> = Vec::new();
        for line in self.options.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut parts: Vec<&str> = line.split('|').map(str::trim).collect();
            let weight = parts.last().filter(|_| parts.len() > 1).and_then(|last| last.strip_suffix('%')?.trim().parse::<u8>().ok());
            if weight.is_some() {
                parts.pop();
            }
            let colour = parts.last().filter(|last| COLOURS.contains(last)).map(|last| (*last).to_owned());
            if colour.is_some() && parts.len() > 1 {
                parts.pop();
            }
            let stored = if parts.len() > 2 || known(parts[0]) { Some(parts.remove(0).to_owned()) } else { None };
            let pair = Pair {
                en: parts.first().copied().unwrap_or_default().to_owned(),
                zh: parts.get(1).copied().unwrap_or_default().to_owned(),
            };
            let label =
                if pair.is_empty() { Pair { en: stored.clone().unwrap_or_default(), zh: String::new() }.label() } else { pair.label() };
            let taken: Vec<String> = choices.iter().map(|choice| choice.value.clone()).collect();
            let value = stored.unwrap_or_else(|| free(&named(&label.en), &taken));
            // The form does not ask whether an option is no longer offered.
            let hidden = base.and_then(|field| field.option(&value)).is_some_and(|option| option.hidden);
            choices.push(rules::option(value, label, (colour, weight), hidden));
        }
        choices
    }
}

fn bound(bound: Option<i64>) -> String {
    bound.map(|bound| bound.to_string()).unwrap_or_default()
}

fn rules_of(field: Option<&Field>) -> String {
    field.map(|field| rules::text(&field.options)).unwrap_or_default()
}

fn line(choice: &Choice) -> String {
    let Label { en, zh } = &choice.label;
    let colour = choice.colour.as_ref().map(|colour| format!(" | {colour}")).unwrap_or_default();
    let weight = choice.weight.map(|weight| format!(" | {weight}%")).unwrap_or_default();
    format!("{} | {en} | {zh}{colour}{weight}", choice.value)
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;

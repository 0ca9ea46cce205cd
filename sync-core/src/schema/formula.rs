//! Formulas: how a derived field follows from other fields of its record, declared as data.
//!
//! Here they are read, written and held to what makes sense; `derive` computes them. A form of a newer server is carried
//! as its text and computes nothing.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::reader::{Mistake, Section, Word, nearest, nearest_zh};
use super::write::quoted;
use super::{Field, Kind, Merge, ValueType};
use crate::collation;
use crate::id::{Facet, FieldName};

/// How a derived field is computed. Whatever it names stands in the field's own document, so whoever sees the answer
/// sees what it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formula {
    /// The sum over rows: what each of them is, perhaps so many times, perhaps less a percentage.
    Sum {
        /// The field with the rows.
        rows: FieldName,
        /// The part that is added up: money or a number.
        of: FieldName,
        /// The part that says how many; a row without it counts once.
        times: Option<FieldName>,
        /// The part that says how many percent less.
        less_percent: Option<FieldName>,
    },
    /// The weight of the option that is chosen, in percent.
    Weight {
        /// The choice.
        of: FieldName,
    },
    /// The furthest option that was ever chosen, in their order: of those that weigh something.
    Furthest {
        /// The choice.
        of: FieldName,
    },
    /// How many rows or elements there are; nothing where there are none.
    Count {
        /// The field with the rows or elements.
        of: FieldName,
    },
    /// Whether the option that is chosen needs what the record has not; nothing where it has all.
    Unmet {
        /// The choice.
        of: FieldName,
    },
    /// Until when the record may stay in the option that is chosen, by the option's `days`; nothing where it has none.
    Due {
        /// The choice.
        of: FieldName,
    },
    /// Since when the option that is chosen is.
    Since {
        /// The choice.
        of: FieldName,
    },
    /// How many whole days it took from the record's beginning until an option that weighs everything was chosen; nothing
    /// as long as none is.
    Days {
        /// The choice.
        of: FieldName,
    },
    /// A part of money or a number.
    Percent {
        /// The whole.
        of: FieldName,
        /// How many percent: a number, or a choice whose options weigh.
        by: FieldName,
    },
    /// A form that this build does not know: its text in TOML.
    Unknown(String),
}

impl Formula {
    /// The keys of each form: the first one says which it is.
    pub const FORMS: [&[&'static str]; 9] = [
        &["sum", "of", "times", "less_percent"],
        &["weight_of"],
        &["furthest_of"],
        &["count_of"],
        &["unmet_of"],
        &["due_of"],
        &["since_of"],
        &["days_to"],
        &["percent_of", "by"],
    ];

    /// The formula of a field, if it has one.
    pub(super) fn read(field: Section<'_>) -> Result<Option<Self>, Mistake> {
        match field.raw("formula").map(|text| (text, Self::known(field))) {
            None => Ok(None),
            Some((_, Ok(formula))) => Ok(Some(formula)),
            Some((_, Err(mistake))) if field.is_strict() => Err(mistake),
            // What is half understood would compute something else than what is meant.
            Some((text, Err(_))) => Ok(Some(Formula::Unknown(text))),
        }
    }

    fn known(field: Section<'_>) -> Result<Self, Mistake> {
        let missing = || {
            let first: Vec<&str> = Self::FORMS.iter().map(|keys| keys[0]).collect();
            let mistake = field.mistake_at("formula", format!("a formula has one of `{}`", first.join("`, `")));
            mistake.zh(format!("公式须有 `{}` 之一", first.join("`、`")))
        };
        let section = field.section("formula").map_err(|mistake| mistake.zh("`formula` 应为一个表"))?.ok_or_else(missing)?;
        let keys = Self::FORMS.iter().find(|keys| section.has(keys[0])).ok_or_else(missing)?;
        section.nothing_but("a formula", keys).map_err(|mistake| mistake.zh(format!("公式里只能有 {}", keys.join("、"))))?;
        let no_name = |mistake: Mistake, key: &str| mistake.zh(format!("公式的 `{key}` 不是字段名"));
        let must = |key: &'static str| named(section, key)?.parse().map_err(|mistake| no_name(mistake, key));
        let may = |key: &'static str| section.word(key)?.map(|word| word.parse()).transpose().map_err(|mistake| no_name(mistake, key));
        Self::of_parts(keys[0], must, may)
    }

    /// Puts one together from what its keys name; `first` is the first key of its form.
    ///
    /// # Errors
    /// Those of the two: of what must be named, and of what may be.
    pub fn of_parts<E>(
        first: &str,
        must: impl Fn(&'static str) -> Result<FieldName, E>,
        may: impl Fn(&'static str) -> Result<Option<FieldName>, E>,
    ) -> Result<Self, E> {
        Ok(match first {
            "sum" => Formula::Sum { rows: must("sum")?, of: must("of")?, times: may("times")?, less_percent: may("less_percent")? },
            "weight_of" => Formula::Weight { of: must("weight_of")? },
            "furthest_of" => Formula::Furthest { of: must("furthest_of")? },
            "count_of" => Formula::Count { of: must("count_of")? },
            "unmet_of" => Formula::Unmet { of: must("unmet_of")? },
            "due_of" => Formula::Due { of: must("due_of")? },
            "since_of" => Formula::Since { of: must("since_of")? },
            "days_to" => Formula::Days { of: must("days_to")? },
            _ => Formula::Percent { of: must("percent_of")?, by: must("by")? },
        })
    }

    /// The keys and what they name, as they are written.
    pub fn parts(&self) -> Vec<(&'static str, &FieldName)> {
        match self {
            Formula::Sum { rows, of, times, less_percent } => {
                let more = [("times", times), ("less_percent", less_percent)];
                let more = more.into_iter().filter_map(|(key, name)| Some((key, name.as_ref()?)));
                [("sum", rows), ("of", of)].into_iter().chain(more).collect()
            }
            Formula::Weight { of } => vec![("weight_of", of)],
            Formula::Furthest { of } => vec![("furthest_of", of)],
            Formula::Count { of } => vec![("count_of", of)],
            Formula::Unmet { of } => vec![("unmet_of", of)],
            Formula::Due { of } => vec![("due_of", of)],
            Formula::Since { of } => vec![("since_of", of)],
            Formula::Days { of } => vec![("days_to", of)],
            Formula::Percent { of, by } => vec![("percent_of", of), ("by", by)],
            Formula::Unknown(_) => Vec::new(),
        }
    }

    /// It as TOML, on one line.
    pub fn to_toml(&self) -> String {
        if let Formula::Unknown(text) = self {
            return text.clone();
        }
        let parts: Vec<String> = self.parts().into_iter().map(|(key, name)| format!("{key} = {}", quoted(name))).collect();
        format!("{{ {} }}", parts.join(", "))
    }

    /// Whether it asks what once stood somewhere, or since when something does: a record that is not written yet cannot say.
    pub fn looks_back(&self) -> bool {
        matches!(self, Formula::Furthest { .. }) || self.tells_time()
    }

    /// Whether it goes by the moments at which something was written.
    pub fn tells_time(&self) -> bool {
        matches!(self, Formula::Due { .. } | Formula::Since { .. } | Formula::Days { .. })
    }

    /// The fields of the record that it reads.
    pub fn inputs(&self) -> Vec<&FieldName> {
        match self {
            Formula::Sum { rows: of, .. } | Formula::Weight { of } | Formula::Furthest { of } => vec![of],
            Formula::Count { of } | Formula::Unmet { of } | Formula::Due { of } => vec![of],
            Formula::Since { of } | Formula::Days { of } => vec![of],
            Formula::Percent { of, by } => vec![of, by],
            Formula::Unknown(_) => Vec::new(),
        }
    }
}

impl Serialize for Formula {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Formula::Unknown(text) = self {
            return serializer.serialize_str(text);
        }
        let parts = self.parts();
        let mut map = serializer.serialize_map(Some(parts.len()))?;
        for (key, name) in parts {
            map.serialize_entry(key, name)?;
        }
        map.end()
    }
}

impl Kind {
    /// What its rows are made by and may change while its records stay, as one text: what names them, what is computed, and
    /// how texts are sorted. Rows that were made by another text are made again. Types, policies and facets never change.
    pub fn row_rules(&self) -> String {
        format!("{} {} {}\n{}", self.name, collation::VERSION, self.title, self.formulas())
    }

    /// All that decides what its derived fields are besides the records themselves, as one text; empty where nothing is
    /// computed.
    pub fn formulas(&self) -> String {
        /// Raised when the same formula comes to compute something else.
        const COMPUTED: &str = "1";
        let mut text = String::new();
        for field in &self.fields {
            let Some(formula) = field.computed() else { continue };
            text += &format!("{COMPUTED} {} {} {}", field.name, field.value.as_str(), formula.to_toml());
            let inputs = formula.inputs().into_iter().filter_map(|name| self.field(name));
            for option in inputs.flat_map(|input| &input.options) {
                text += &format!(" {}={:?}", option.value, option.weight);
                if let Formula::Unmet { .. } = formula {
                    text += &format!("{:?}", option.needs);
                }
                if let Formula::Due { .. } = formula {
                    text += &format!("{:?}", option.days);
                }
            }
            text.push('\n');
        }
        text
    }
}

impl Field {
    /// Whether it is a part of another amount already, by the weight of an option or a percentage: nobody weighs it again.
    pub fn is_weighed(&self) -> bool {
        matches!(self.formula, Some(Formula::Percent { .. }))
    }

    /// The formula that computes it, if this build can.
    pub fn computed(&self) -> Option<&Formula> {
        let formula = self.formula.as_ref().filter(|_| self.merge == Merge::Derived)?;
        (!matches!(formula, Formula::Unknown(_))).then_some(formula)
    }
}

/// What a key of a formula names.
fn named<'t>(formula: Section<'t>, key: &str) -> Result<Word<'t>, Mistake> {
    formula.required("the formula", key).map_err(|mistake| mistake.zh(format!("公式缺少 `{key}`")))
}

/// Holds the formula of a field to what makes sense; `section` is the field's.
pub(super) fn check(kind: &Kind, field: &Field, section: Section<'_>) -> Result<(), Mistake> {
    match (&field.merge, &field.formula) {
        (Merge::Derived, None) => {
            let message = format!("field `{}` is derived and has no `formula`: what it is computed from", field.name);
            Err(section.mistake_at("merge", message).zh(format!("字段“{}”由计算得出，却没有公式", field.name)))
        }
        (Merge::Derived, Some(formula)) => {
            let section = section.section("formula")?.unwrap_or(section);
            Check { kind, field, section }.formula(formula)
        }
        (_, Some(_)) => {
            let message = format!("field `{}` is a {}: only a derived field has a `formula`", field.name, field.merge.as_str());
            Err(section.mistake_at("formula", message).zh(format!("字段“{}”不是计算字段，不能有公式", field.name)))
        }
        (_, None) => Ok(()),
    }
}

struct Check<'k, 't> {
    kind: &'k Kind,
    /// The one that is computed.
    field: &'k Field,
    /// Its formula.
    section: Section<'t>,
}

impl<'k> Check<'k, '_> {
    fn formula(&self, formula: &Formula) -> Result<(), Mistake> {
        match formula {
            Formula::Sum { times, less_percent, .. } => {
                let rows = self.input("sum")?;
                if rows.items.is_empty() {
                    let mistake = self.section.mistake_at("sum", format!("`sum` adds up rows: field `{}` has none", rows.name));
                    return Err(mistake.zh(format!("`sum` 对子表求和：字段“{}”没有子字段", rows.name)));
                }
                let of = self.part(rows, "of")?;
                let is_whole = of.value == ValueType::Integer && times.is_none() && less_percent.is_none();
                for key in ["times", "less_percent"].into_iter().filter(|key| self.section.has(key)) {
                    let part = self.part(rows, key)?;
                    if part.value == ValueType::Money {
                        let mistake = self.section.mistake_at(key, format!("`{key}` is a number: `{}` is money", part.name));
                        return Err(mistake.zh(format!("`{key}` 应为数字：“{}”是金额", part.name)));
                    }
                }
                self.gives(of, is_whole)
            }
            Formula::Weight { .. } => {
                self.weighing(self.input("weight_of")?, "weight_of")?;
                self.is_one_of(&[ValueType::Integer, ValueType::Number])
            }
            Formula::Furthest { .. } => {
                let of = self.input("furthest_of")?;
                self.weighing(of, "furthest_of")?;
                self.is_one_of(&[ValueType::Choice])?;
                self.has_options_of(of)
            }
            Formula::Count { .. } => {
                let of = self.input("count_of")?;
                if !matches!(of.merge, Merge::Set | Merge::List | Merge::Log) {
                    let mistake = self.section.mistake_at("count_of", format!("`count_of` counts rows: field `{}` has one value", of.name));
                    return Err(mistake.zh(format!("`count_of` 用于统计行数：字段“{}”只有一个值", of.name)));
                }
                self.is_one_of(&[ValueType::Integer, ValueType::Number])
            }
            Formula::Unmet { .. } => {
                self.state("unmet_of")?;
                self.is_one_of(&[ValueType::Boolean])
            }
            Formula::Due { .. } => self.moment("due_of"),
            Formula::Since { .. } => self.moment("since_of"),
            Formula::Days { .. } => {
                self.state("days_to")?;
                self.weighing(self.input("days_to")?, "days_to")?;
                self.is_one_of(&[ValueType::Integer, ValueType::Number])
            }
            Formula::Percent { .. } => {
                let (of, by) = (self.single("percent_of")?, self.input("by")?);
                if by.value == ValueType::Choice {
                    self.weighing(by, "by")?;
                } else if self.single("by")?.value == ValueType::Money {
                    let mistake = self.section.mistake_at("by", format!("`by` is a percentage: field `{}` is money", by.name));
                    return Err(mistake.zh(format!("`by` 应为百分比：字段“{}”是金额", by.name)));
                }
                self.gives(of, false)
            }
            Formula::Unknown(text) => {
                Err(self.section.mistake(format!("there is no formula `{text}`")).zh(format!("没有“{text}”这种公式")))
            }
        }
    }

    /// A moment that follows from a state.
    fn moment(&self, key: &str) -> Result<(), Mistake> {
        self.state(key)?;
        self.is_one_of(&[ValueType::Datetime])
    }

    /// An input that is a state that people choose.
    fn state(&self, key: &str) -> Result<(), Mistake> {
        let of = self.input(key)?;
        if of.value == ValueType::Choice && of.merge.is_single() && of.facet == Facet::Main {
            return Ok(());
        }
        let message = format!("`{key}` must be a choice with one value in the main facet: `{}` is not", of.name);
        Err(self.section.mistake_at(key, message).zh(format!("`{key}` 应为所有人可见的单选字段：“{}”不是", of.name)))
    }

    fn word(&self, key: &str) -> Result<Word<'_>, Mistake> {
        named(self.section, key)
    }

    /// A field that it reads: one that people write, in the same document.
    fn input(&self, key: &str) -> Result<&'k Field, Mistake> {
        let word = self.word(key)?;
        let known = || self.kind.fields.iter().filter(|other| other.merge != Merge::Derived).map(|other| &*other.name);
        let found = self.kind.field(word.text);
        let input = found.ok_or_else(|| {
            let mistake = word.mistake(format!("`{key}` names no field: `{}`{}", word.text, nearest(word.text, known())));
            mistake.zh(format!("`{key}` 指的字段“{}”不存在{}", word.text, nearest_zh(word.text, known())))
        })?;
        if input.merge == Merge::Derived {
            let mistake = word.mistake(format!("`{}` is derived itself: a formula reads what people write", input.name));
            return Err(mistake.zh(format!("“{}”本身由计算得出：公式只能用人填写的字段", input.name)));
        }
        if input.facet != self.field.facet {
            let (name, facet, own) = (&self.field.name, input.facet.as_str(), self.field.facet.as_str());
            let mistake = word.mistake(format!("field `{name}` is {own} and `{}` is {facet}: both must be in one facet", input.name));
            return Err(mistake.zh(format!("字段“{name}”与“{}”的可见范围须相同", input.name)));
        }
        Ok(input)
    }

    /// An input that is one number or one amount.
    fn single(&self, key: &str) -> Result<&'k Field, Mistake> {
        let input = self.input(key)?;
        let is_single = input.merge.is_single() || input.merge == Merge::Counter;
        if is_single && input.value.is_summable() {
            return Ok(input);
        }
        let mistake = self.section.mistake_at(key, format!("`{key}` must be money or a number: field `{}` is neither", input.name));
        Err(mistake.zh(format!("`{key}` 应为金额或数字：字段“{}”不是", input.name)))
    }

    /// A part of the rows: a number, or money.
    fn part(&self, rows: &'k Field, key: &str) -> Result<&'k Field, Mistake> {
        let word = self.word(key)?;
        let known = || rows.items.iter().map(|item| &*item.name);
        let missing = || {
            let mistake = word.mistake(format!("`{key}` names no part of `{}`: `{}`{}", rows.name, word.text, nearest(word.text, known())));
            mistake.zh(format!("“{}”的子字段里没有“{}”（`{key}`）{}", rows.name, word.text, nearest_zh(word.text, known())))
        };
        let part = rows.item(word.text).ok_or_else(missing)?;
        if part.value.is_summable() {
            return Ok(part);
        }
        let mistake = word.mistake(format!("`{key}` must be money or a number: `{}` of field `{}` is neither", part.name, rows.name));
        Err(mistake.zh(format!("`{key}` 应为金额或数字：“{}”的“{}”不是", rows.name, part.name)))
    }

    /// A choice with one value, some options of which weigh.
    fn weighing(&self, input: &Field, key: &str) -> Result<(), Mistake> {
        if input.value != ValueType::Choice || !input.merge.is_single() {
            let mistake = self.section.mistake_at(key, format!("`{key}` must be a choice with one value: field `{}` is not", input.name));
            return Err(mistake.zh(format!("`{key}` 应为单选：字段“{}”不是", input.name)));
        }
        if input.options.iter().all(|option| option.weight.is_none()) {
            let mistake = self.section.mistake_at(key, format!("no option of field `{}` has a `weight`", input.name));
            return Err(mistake.zh(format!("字段“{}”的选项都没有权重", input.name)));
        }
        Ok(())
    }

    /// Whether the field has every option that it may come to.
    fn has_options_of(&self, of: &Field) -> Result<(), Mistake> {
        let missing =
            of.options.iter().find(|option| option.weight.is_some_and(|weight| weight > 0) && self.field.option(&option.value).is_none());
        let Some(option) = missing else { return Ok(()) };
        let (name, value) = (&self.field.name, &option.value);
        let mistake =
            self.section.mistake_at("furthest_of", format!("field `{name}` has no option `{value}`, which field `{}` has", of.name));
        Err(mistake.zh(format!("字段“{name}”缺少选项“{value}”，而字段“{}”有", of.name)))
    }

    /// Whether the field is what a part of `of` is.
    fn gives(&self, of: &Field, is_whole: bool) -> Result<(), Mistake> {
        match of.value {
            ValueType::Money => self.is_one_of(&[ValueType::Money]),
            _ if is_whole => self.is_one_of(&[ValueType::Integer, ValueType::Number]),
            _ => self.is_one_of(&[ValueType::Number]),
        }
    }

    fn is_one_of(&self, types: &[ValueType]) -> Result<(), Mistake> {
        if types.contains(&self.field.value) {
            return Ok(());
        }
        let words: Vec<&str> = types.iter().map(ValueType::as_str).collect();
        let (name, is) = (&self.field.name, self.field.value.as_str());
        let mistake = self.section.mistake(format!("the formula of field `{name}` gives {}: its type is {is}", words.join(" or ")));
        Err(mistake.zh(format!("字段“{name}”的公式得出 {}，而其类型是 {is}", words.join(" 或 "))))
    }
}

#[cfg(test)]
#[path = "formula_tests.rs"]
mod tests;

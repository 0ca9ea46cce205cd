//! The formula of a computed field as the form of a kind holds it: which it is, and what it names.
//!
//! Pure. What it names may be typed as people call it; here that becomes names. Whether it makes sense is for the schema.

use sync_core::id::FieldName;
use sync_core::schema::Formula;

use super::form::{FieldForm, Wrong};
use crate::console::typed::Typed;

/// A key of a formula, and what people call it.
pub type Named = (&'static str, &'static str);

/// The forms of formulas, and what each of them names.
pub const FORMULAS: [(&str, &str, &[Named]); 9] = [
    ("sum", "formula.sum", &[("sum", "formula.rows"), ("of", "formula.of"), ("times", "formula.times"), ("less_percent", "formula.less")]),
    ("weight_of", "formula.weight", &[("weight_of", "formula.choice")]),
    ("furthest_of", "formula.furthest", &[("furthest_of", "formula.choice")]),
    ("count_of", "formula.count", &[("count_of", "formula.rows")]),
    ("unmet_of", "formula.unmet", &[("unmet_of", "formula.choice")]),
    ("due_of", "formula.due", &[("due_of", "formula.choice")]),
    ("since_of", "formula.since", &[("since_of", "formula.choice")]),
    ("days_to", "formula.days", &[("days_to", "formula.choice")]),
    ("percent_of", "formula.percent", &[("percent_of", "formula.whole"), ("by", "formula.by")]),
];

/// The key of the one choice that a form of a formula takes, whichever it is.
pub const CHOICE: &str = "choice";

/// Whether a form of a formula takes one choice and nothing else.
pub fn takes_a_choice(form: &str) -> bool {
    FORMULAS.iter().any(|(known, _, inputs)| *known == form && matches!(inputs, [(_, "formula.choice")]))
}

/// A formula as a form holds it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FormulaForm {
    /// Which it is, by the first key of its form; empty for none.
    pub form: String,
    /// What is named, by the keys of all forms.
    parts: Vec<(&'static str, String)>,
}

impl FormulaForm {
    /// The form of a formula that there is.
    pub fn of(formula: Option<&Formula>) -> Self {
        let named = formula.map(Formula::parts).unwrap_or_default();
        Self {
            form: named.first().map(|(key, _)| (*key).to_owned()).unwrap_or_default(),
            parts: named.into_iter().map(|(key, name)| (key, name.to_string())).collect(),
        }
    }

    /// What was typed. A form that says nothing of it leaves it as it is.
    pub fn typed(typed: &Typed, name: &str, base: Option<&Formula>) -> Self {
        if !typed.has(name) {
            return Self::of(base);
        }
        let form = typed.one(name).to_owned();
        let of = |key: &str| typed.one(&format!("{name}.{key}"));
        let part = |key: &&'static str| {
            let choice = if **key == *form && takes_a_choice(key) { of(CHOICE) } else { "" };
            (*key, if choice.is_empty() { of(key) } else { choice }.to_owned())
        };
        Self { parts: Formula::FORMS.iter().copied().flatten().map(part).collect(), form }
    }

    /// What is named at a key; empty for nothing.
    pub fn part(&self, key: &str) -> &str {
        self.parts.iter().find(|(known, _)| *known == key).map_or("", |(_, name)| name)
    }

    /// Turns what fields and parts are called into their names. What is called by no label may be a name already.
    pub fn resolve(&mut self, fields: &[FieldForm]) {
        let rows = self.part("sum").to_owned();
        let items = find(fields, &rows).map(|field| &field.items[..]).unwrap_or_default();
        for (key, text) in &mut self.parts {
            let among = if matches!(*key, "of" | "times" | "less_percent") { items } else { fields };
            if let Some(field) = find(among, text) {
                text.clone_from(&field.name);
            }
        }
    }

    /// The formula, if there is one.
    ///
    /// # Errors
    /// When something is missing, or is no name.
    pub fn formula(&self) -> Result<Option<Formula>, Wrong> {
        let Some(keys) = Formula::FORMS.iter().find(|keys| keys.first() == Some(&&*self.form)) else { return Ok(None) };
        let may = |key: &'static str| -> Result<Option<FieldName>, Wrong> {
            let text = self.part(key);
            if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| Wrong::FormulaNames) }
        };
        let must = |key: &'static str| may(key)?.ok_or(Wrong::FormulaLacks);
        Formula::of_parts(keys[0], must, may).map(Some)
    }
}

fn find<'f>(fields: &'f [FieldForm], text: &str) -> Option<&'f FieldForm> {
    let is_called = |label: &str| !label.is_empty() && label.to_lowercase() == text.to_lowercase();
    let by_name = fields.iter().find(|field| !text.is_empty() && field.name == text);
    by_name.or_else(|| fields.iter().find(|field| is_called(&field.label.en) || is_called(&field.label.zh)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_formula_can_be_chosen_with_all_that_it_names() {
        let forms = FORMULAS.map(|(_, _, inputs)| inputs.iter().map(|(key, _)| *key).collect::<Vec<_>>());
        assert_eq!(forms.to_vec(), Formula::FORMS.map(<[_]>::to_vec).to_vec());
        assert!(takes_a_choice("days_to") && !takes_a_choice("percent_of") && !takes_a_choice("count_of"));
    }
}

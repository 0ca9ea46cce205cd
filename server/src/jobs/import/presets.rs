//! Exports of other systems that are recognised by their columns: `presets.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::mapping::same;

/// How one export of one system goes in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The system, and which of its exports.
    pub name: String,
    /// The kind of its records.
    pub kind: String,
    marks: Vec<String>,
    /// Values that every record gets; columns in braces.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    columns: BTreeMap<String, String>,
    /// By target, what the system's words mean: its stages, and ours.
    #[serde(default)]
    words: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct File {
    preset: Vec<Preset>,
}

static PRESETS: LazyLock<Vec<Preset>> =
    LazyLock::new(|| toml::from_str::<File>(include_str!("presets.toml")).expect("a test reads it").preset);

impl Preset {
    /// The one whose marks a header has, for records of a kind; of several the one that knows more of its columns.
    pub fn of(kind: &str, header: &[String]) -> Option<&'static Self> {
        let has = |mark: &String| header.iter().any(|cell| same(cell, mark));
        let fitting = PRESETS.iter().filter(|preset| preset.kind == kind && preset.marks.iter().all(has));
        fitting.max_by_key(|preset| preset.known(header))
    }

    /// How many of its columns a header has.
    pub fn known(&self, header: &[String]) -> usize {
        self.columns.keys().filter(|column| header.iter().any(|cell| same(cell, column))).count()
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// Words of the system with the target they go to and what they mean there.
    pub fn words(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.words
            .iter()
            .flat_map(|(target, words)| words.iter().map(move |(word, meant)| (target.as_str(), word.as_str(), meant.as_str())))
    }

    /// Where a column goes; empty for nowhere.
    pub fn target(&self, column: &str) -> String {
        self.columns.iter().find(|(name, _)| same(name, column)).map(|(_, target)| target.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use sync_core::schema::Schema;

    use super::super::mapping::Finder;
    use super::*;

    #[test]
    fn every_preset_leads_to_fields_that_there_are() {
        let schema = Schema::builtin();
        for preset in PRESETS.iter() {
            let kind = schema.kind(&preset.kind).unwrap();
            for target in preset.columns.values().chain(preset.set.keys()) {
                assert!(Finder { schema, kind }.target(target).is_ok(), "{}: {target}", preset.name);
            }
        }
    }

    #[test]
    fn every_word_of_a_preset_means_an_option_and_its_column_is_there() {
        let schema = Schema::builtin();
        for preset in PRESETS.iter() {
            let kind = schema.kind(&preset.kind).unwrap();
            for (target, word, meant) in preset.words() {
                assert!(kind.field(target).unwrap().option(meant).is_some(), "{}: {word} is no {meant}", preset.name);
                assert!(preset.columns.values().any(|known| known == target), "{}: {target}", preset.name);
            }
        }
        let with_words = PRESETS.iter().filter(|preset| preset.kind == "deal" && preset.words().count() > 5);
        assert_eq!(with_words.count(), 4, "each of the three systems has its stages, one in two exports");
    }

    #[test]
    fn exports_are_told_apart_by_their_columns() {
        let named = |kind: &str, header: &[&str]| {
            let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
            Preset::of(kind, &header).map(|preset| preset.name.as_str())
        };
        assert_eq!(named("party", &["Id", "Name", "Phone", "BillingStreet", "BillingCity", "AnnualRevenue"]), Some("Salesforce · Account"));
        assert_eq!(named("party", &["Record ID", "First Name", "Last Name", "Email", "Contact owner"]), Some("HubSpot · Contacts"));
        assert_eq!(
            named("party", &["Record Id", "First Name", "Last Name", "Email", "Contact Owner", "Mailing Zip", "Mailing City"]),
            Some("Zoho CRM · Contacts")
        );
        assert_eq!(named("deal", &["Record Id", "Deal Name", "Closing Date", "Stage"]), Some("Zoho CRM · Deals"));
        let report = ["Opportunity ID", "Opportunity Name", "Account ID", "Amount Currency", "Amount", "Stage", "Close Date"];
        assert_eq!(named("deal", &report), Some("Salesforce · Opportunities report"));
        assert_eq!(named("deal", &["客户", "金额"]), None);
    }
}

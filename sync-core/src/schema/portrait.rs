//! What a record's portrait says: lines that are worked out from records which link to it, declared as data.
//!
//! Here they are read, written and held to what makes sense; `actions/portrait` works them out.

use serde::Serialize;

use super::reader::{Mistake, Section};
use super::write::{label, line, quoted};
use super::{Field, Kind, Label, parse};
use crate::id::{FieldName, KindName};

/// A line of a portrait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trait {
    /// Its name within the kind.
    pub name: FieldName,
    /// What people read: `Favourite products`.
    pub label: Label,
    /// The records that it is worked out from; none for what the record says itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<From>,
    /// What is looked at: a field, a part of its rows.
    pub of: String,
    /// What is made of it.
    pub take: Take,
    /// Which of them count: a list of conditions in the filter language, as JSON.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// Records that link to the one that is portrayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct From {
    /// Their kind.
    pub kind: KindName,
    /// Their link.
    pub via: FieldName,
}

/// What is made of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Take {
    /// The values that most records have.
    Most,
    /// The times of day at which most of them are.
    Hours,
    /// Between which amounts the middle half of them lies.
    Band,
    /// What people wrote there by hand.
    Own,
}

impl Take {
    const WORDS: [(Take, &'static str); 4] = [(Take::Most, "most"), (Take::Hours, "hours"), (Take::Band, "band"), (Take::Own, "own")];
}

impl From {
    fn read(section: Section<'_>) -> Result<Self, Mistake> {
        let from = section.required("the line", "from")?;
        let apart = || from.mistake("`from` names a kind and its link to the record: `offer:party`");
        let (kind, via) = from.text.split_once(':').ok_or_else(apart)?;
        Ok(Self { kind: kind.parse().map_err(|_| apart())?, via: via.parse().map_err(|_| apart())? })
    }
}

impl Trait {
    /// The field that it looks at, and the part of that.
    pub fn path(&self) -> (&str, Option<&str>) {
        self.of.split_once('.').map_or((&self.of, None), |(field, part)| (field, Some(part)))
    }

    /// The field of a kind that it looks at, or the part of its rows. Of what has no rows, the whole: a period for where it begins.
    pub fn field<'k>(&self, kind: &'k Kind) -> Option<&'k Field> {
        let (field, part) = self.path();
        let field = kind.field(field)?;
        Some(part.and_then(|part| field.item(part)).unwrap_or(field))
    }

    fn read(section: Section<'_>) -> Result<Self, Mistake> {
        section.only("a line of a portrait", &["name", "label", "from", "most", "hours", "band", "own", "where"])?;
        let name = section.required("the line", "name")?;
        let one = || section.mistake("a line of a portrait has one of `most`, `hours`, `band`, `own`");
        let (take, of) = Take::WORDS.iter().find(|(_, word)| section.has(word)).ok_or_else(one)?;
        Ok(Self {
            name: name.parse()?,
            label: parse::label(section, "label", &format!("line `{}`", name.text), name)?,
            from: if *take == Take::Own { None } else { Some(From::read(section)?) },
            of: section.required("the line", of)?.text.to_owned(),
            take: *take,
            filter: section.word("where")?.map(|word| word.text.to_owned()),
        })
    }

    /// The lines of a kind.
    pub(super) fn read_all(root: Section<'_>) -> Result<Vec<Self>, Mistake> {
        let lines = root.sections("portrait")?.into_iter().map(Self::read);
        // A line of a newer server's is left out, and costs nobody the kind.
        if root.is_strict() { lines.collect() } else { Ok(lines.flatten().collect()) }
    }

    /// The line as a table of a kind's text.
    pub(super) fn write(&self, text: &mut String) {
        text.push_str("\n[[portrait]]\n");
        line(text, "name", &quoted(&self.name));
        line(text, "label", &label(&self.label));
        if let Some(From { kind, via }) = &self.from {
            line(text, "from", &quoted(&format!("{kind}:{via}")));
        }
        let word = Take::WORDS.iter().find(|(take, _)| *take == self.take).map_or("most", |(_, word)| word);
        line(text, word, &quoted(&self.of));
        if let Some(filter) = &self.filter {
            line(text, "where", &quoted(filter));
        }
    }
}

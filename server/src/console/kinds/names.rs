//! Names for programs, made of what people call things.

use sync_core::schema::{Kind, Label, RESERVED, RESERVED_IN_ROWS, Schema};
use sync_core::search;

/// A generated name is cut here, in characters: it stands in addresses and column headers.
const NAME_CHARS: usize = 32;

/// A name made of a label: `Exterior colour` is `exterior_colour`, `样车` is `yangche`.
pub fn named(label: &str) -> String {
    let mut name = String::new();
    for word in search::words(label) {
        let spelled = search::spelled(&word);
        let is_latin = word.is_ascii();
        if is_latin && !name.is_empty() {
            name.push('_');
        }
        name.extend(spelled.chars().filter(|letter| letter.is_ascii_alphanumeric()));
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert(0, 'n');
    }
    name.chars().take(NAME_CHARS).collect::<String>().trim_end_matches('_').to_owned()
}

/// The name, or one with a number behind it that nobody has.
pub fn free(name: &str, taken: &[String]) -> String {
    let name = if name.is_empty() { "field" } else { name };
    let numbered = std::iter::once(name.to_owned()).chain((2..).map(|number| format!("{name}_{number}")));
    let is_reserved = |name: &str| RESERVED.contains(&name) || RESERVED_IN_ROWS.contains(&name);
    let mut free = numbered.filter(|name| !taken.contains(name) && !is_reserved(name));
    free.next().unwrap_or_default()
}

/// What another kind is called that menus would not tell from this one: the same, in either language. Of a kind that was
/// called so before nobody is asked again.
pub fn twin<'s>(schema: &'s Schema, base: Option<&Kind>, kind: &Kind) -> Option<&'s Label> {
    if base.is_some_and(|base| base.label == kind.label && base.plural == kind.plural) {
        return None;
    }
    let alike = |one: &str, other: &str| !one.trim().is_empty() && one.trim().to_lowercase() == other.trim().to_lowercase();
    let same = |one: &Label, other: &Label| alike(&one.en, &other.en) || alike(&one.zh, &other.zh);
    let mut others = schema.kinds().filter(|other| other.name != kind.name);
    others.find(|other| same(&kind.label, &other.label) || same(&kind.plural, &other.plural)).map(|other| &other.label)
}

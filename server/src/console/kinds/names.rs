//! Names for programs, made of what people call things.

use sync_core::schema::{RESERVED, RESERVED_IN_ROWS};
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

//! How close a title is to what somebody typed: what a name begins with comes before what merely has it somewhere.
//!
//! An index ranks by how often words occur; who types three letters of a name means the name.

use super::fold::{Token, Tokens};
use super::{BEGINNING, MAX_SEARCH, MAX_TOKEN, index_text, match_expression, spelled, start_of, syllable};

/// Records that are put in order by their titles: more than anybody looks through. Where more are found, those whose
/// title begins with what was typed are asked for by themselves ([`start_expressions`]).
pub const CANDIDATES: u32 = 100;

/// How close a title is; closer ones are less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closeness {
    /// It is what was typed.
    Title,
    /// It begins with it.
    Start,
    /// Its words begin with it.
    Word,
    /// It sounds so from its beginning: pinyin, or the initials of it.
    Sound,
    /// It has it somewhere.
    Part,
    /// Something else of the record has it.
    Elsewhere,
}

/// A word, or a single character where words have no gaps.
struct Piece {
    text: String,
    /// Whether nothing stands before it but another character: no word begins here.
    is_glued: bool,
}

/// How close a title is to what was typed.
///
/// ```
/// use sync_core::search::{Closeness, closeness};
/// assert_eq!(closeness("jia", "Jia Trading"), Closeness::Start);
/// assert_eq!(closeness("jia", "佳美"), Closeness::Sound);
/// ```
pub fn closeness(typed: &str, title: &str) -> Closeness {
    let (typed, words) = (pieces(start_of(typed, MAX_SEARCH)), pieces(title));
    if typed.is_empty() || words.is_empty() {
        return Closeness::Elsewhere;
    }
    if begins(&words, &typed) {
        let is_all = words.len() == typed.len() && words.last().map(|word| &word.text) == typed.last().map(|word| &word.text);
        return if is_all { Closeness::Title } else { Closeness::Start };
    }
    let starts = || (0..words.len()).filter(|at| !words[*at].is_glued);
    let each = || typed.iter().all(|word| !word.is_glued && starts().any(|at| words[at].text.starts_with(&word.text)));
    if starts().any(|at| begins(&words[at..], &typed)) || each() {
        return Closeness::Word;
    }
    let letters: String = typed.iter().map(|word| word.text.as_str()).collect();
    if spelled(title).starts_with(&letters) || initials(title).starts_with(&letters) {
        return Closeness::Sound;
    }
    let index = index_text(title, &[]);
    let has = |word: &Piece| index.split(' ').any(|token| token.starts_with(&word.text));
    if typed.iter().all(has) { Closeness::Part } else { Closeness::Elsewhere }
}

/// Those that begin as was typed ([`start_expressions`]) before all that were found, each once.
pub fn starts_first<T: PartialEq>(mut starts: Vec<T>, mut found: Vec<T>) -> Vec<T> {
    found.retain(|one| !starts.contains(one));
    starts.append(&mut found);
    starts
}

/// Puts what was found in order: the closest title first, the rest as the index ranks it.
pub fn by_closeness<T>(typed: &str, found: &mut [T], title: impl Fn(&T) -> &str) {
    found.sort_by_cached_key(|one| closeness(typed, title(one)));
}

/// As [`match_expression`], for records whose title begins with the first of the words, as the title comes first in the index;
/// then for those whose title sounds so from its beginning.
///
/// ```
/// use sync_core::search::start_expressions;
/// assert_eq!(start_expressions("佳美 Off"), [r#"^"佳 美" AND "off"*"#]);
/// assert_eq!(start_expressions("jm"), ["^\"jm\"*", "\"\u{E001}jm\"*"]);
/// ```
pub fn start_expressions(typed: &str) -> Vec<String> {
    let written = match_expression(typed, None).map(|expression| format!("^{expression}"));
    let words = pieces(start_of(typed, MAX_SEARCH));
    let letters: String = words.iter().map(|word| word.text.as_str()).collect();
    // Only Latin letters are how something sounds.
    let is_sound = !letters.is_empty() && letters.is_ascii();
    let sounds = is_sound.then(|| format!("\"{BEGINNING}{}\"*", start_of(&letters, MAX_TOKEN)));
    written.into_iter().chain(sounds).collect()
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut tokens = Tokens::default();
    tokens.read(text);
    let text = |token: &Token| token.character().map_or_else(|| tokens.word(token).to_owned(), String::from);
    tokens.list.iter().map(|token| Piece { text: text(token), is_glued: token.is_glued() }).collect()
}

/// Whether words are those typed, the last of which need not be whole.
fn begins(words: &[Piece], typed: &[Piece]) -> bool {
    let Some((last, whole)) = typed.split_last() else { return false };
    let same = words.iter().zip(whole).all(|(word, typed)| word.text == typed.text);
    same && words.get(whole.len()).is_some_and(|word| word.text.starts_with(&last.text))
}

fn initials(title: &str) -> String {
    let mut tokens = Tokens::default();
    tokens.read(title);
    initials_of(&tokens)
}

/// The first letters of a title's characters and words.
pub(super) fn initials_of(tokens: &Tokens) -> String {
    let mut initials = String::new();
    for run in tokens.runs() {
        for (position, token) in run.iter().enumerate() {
            let sound = if token.is_character() { syllable(run, position) } else { None };
            initials.extend(sound.unwrap_or_else(|| tokens.word(token)).chars().next());
        }
    }
    initials
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What somebody types, a title, and how close it is.
    const CASES: &[(&str, &str, Closeness)] = &[
        ("jia", "JIA", Closeness::Title),
        ("jia", "Jia Trading", Closeness::Start),
        ("jia", "Jiabao Print", Closeness::Start),
        ("jia", "Beijing Jia", Closeness::Word),
        ("jia", "佳美办公", Closeness::Sound),
        ("jia", "上海佳美", Closeness::Part),
        ("jia", "Cedar", Closeness::Elsewhere),
        ("jia", "", Closeness::Elsewhere),
        ("jmbg", "佳美办公", Closeness::Sound),
        ("jia mei", "佳美办公", Closeness::Sound),
        ("佳美", "佳美", Closeness::Title),
        ("佳美", "佳美办公", Closeness::Start),
        ("佳美", "上海 佳美", Closeness::Word),
        ("佳美", "上海佳美", Closeness::Part),
        ("美佳", "佳美", Closeness::Part),
        ("müll", "Muller & Söhne", Closeness::Start),
        ("office acme", "Acme Office", Closeness::Word),
        ("acme off", "Acme Office", Closeness::Start),
    ];

    #[test]
    fn the_name_that_was_typed_comes_before_names_that_merely_have_it() {
        for (typed, title, expected) in CASES {
            assert_eq!(closeness(typed, title), *expected, "{typed} in {title}");
        }
        let mut titles = ["Cedar", "上海佳美", "佳美办公", "Beijing Jia", "Jia Trading", "Jia"];
        by_closeness("jia", &mut titles, |title| title);
        assert_eq!(titles, ["Jia", "Jia Trading", "Beijing Jia", "佳美办公", "上海佳美", "Cedar"]);
    }
}

//! Where in a text a search has hit, as pieces to show: the same folding as the index, so what is found is marked.
//!
//! Never searches: it is given texts of records that were found.

use super::fold::spans;
use super::{MAX_SEARCH, MIN_DIGITS, start_of, syllable_of};

/// Characters shown of a long text, around the first hit.
const SHOWN: usize = 60;
/// Of these, how many stand before the hit.
const BEFORE: usize = 15;

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The characters.
    pub text: String,
    /// Whether the search has hit them.
    pub is_hit: bool,
}

/// A token of a text with the bytes it stands at.
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
    /// Folded; of a character that is a word by itself, that character.
    pub folded: String,
    pub alone: bool,
}

/// A text cut around the first hit of a search, in pieces; `None` when nothing of the search is in it.
///
/// ```
/// use sync_core::search::{Piece, snippet};
/// let hit = |text: &str, is_hit| Piece { text: text.to_owned(), is_hit };
/// assert_eq!(snippet("佳美 Office", "off"), Some(vec![hit("佳美 ", false), hit("Office", true)]));
/// assert_eq!(snippet("上海佳美", "jm"), Some(vec![hit("上海", false), hit("佳美", true)]));
/// assert_eq!(snippet("Zeta", "jm"), None);
/// ```
pub fn snippet(text: &str, query: &str) -> Option<Vec<Piece>> {
    let (words, asked) = (spans(text), spans(start_of(query, MAX_SEARCH)));
    let mut hit = vec![false; words.len()];
    for group in phrases(&asked) {
        mark(&words, group, &mut hit);
    }
    let first = hit.iter().position(|hit| *hit)?;
    let (from, to) = window(text, words[first].start);
    let mut pieces = Vec::new();
    if from > 0 {
        push(&mut pieces, "…", false);
    }
    let mut at = from;
    for (word, _) in words.iter().zip(&hit).filter(|(word, hit)| **hit && word.start >= from && word.end <= to) {
        push(&mut pieces, &text[at..word.start], false);
        push(&mut pieces, &text[word.start..word.end], true);
        at = word.end;
    }
    push(&mut pieces, &text[at..to], false);
    if to < text.len() {
        push(&mut pieces, "…", false);
    }
    Some(pieces)
}

/// Characters that follow each other are asked for as one; each word by itself.
fn phrases(asked: &[Span]) -> impl Iterator<Item = &[Span]> {
    asked.chunk_by(|left, right| left.alone && right.alone && left.end == right.start)
}

fn mark(words: &[Span], asked: &[Span], hit: &mut [bool]) {
    let Some(first) = asked.first() else { return };
    if first.alone {
        for (at, window) in words.windows(asked.len()).enumerate() {
            if window.iter().zip(asked).all(|(word, asked)| word.folded == asked.folded) {
                hit[at..at + asked.len()].fill(true);
            }
        }
        return;
    }
    let is_number = first.folded.len() >= MIN_DIGITS && first.folded.bytes().all(|byte| byte.is_ascii_digit());
    for (at, word) in words.iter().enumerate() {
        if word.alone {
            let length = read_aloud(&words[at..], &first.folded);
            hit[at..at + length].fill(true);
        } else if word.folded.starts_with(&first.folded) || (is_number && word.folded.contains(&first.folded)) {
            hit[at] = true;
        }
    }
}

/// How many characters from here on the typed letters read: their initials, or their syllables.
fn read_aloud(words: &[Span], typed: &str) -> usize {
    let run: Vec<char> = words.iter().take_while(|word| word.alone).filter_map(|word| word.folded.chars().next()).collect();
    let (mut initials, mut spelled) = (String::new(), String::new());
    for position in 0..run.len() {
        let Some(syllable) = syllable_of(&run, position) else { return 0 };
        initials.extend(syllable.chars().next());
        spelled.extend(syllable.chars().map(|letter| if letter == 'ü' { 'v' } else { letter }));
        let is_initials = initials.len() > 1 && initials == typed;
        if is_initials || (spelled.len() >= typed.len() && spelled.starts_with(typed)) {
            return position + 1;
        }
        if initials.len() >= typed.len() && spelled.len() >= typed.len() {
            return 0;
        }
    }
    0
}

/// What is shown of a text: all of a short one.
fn window(text: &str, hit: usize) -> (usize, usize) {
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    if starts.len() <= SHOWN + 1 {
        return (0, text.len());
    }
    let of_hit = starts.partition_point(|at| *at < hit);
    let from = of_hit.saturating_sub(BEFORE).min(starts.len() - 1 - SHOWN);
    (starts[from], starts[from + SHOWN])
}

fn push(pieces: &mut Vec<Piece>, text: &str, is_hit: bool) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(last) if last.is_hit == is_hit => last.text.push_str(text),
        _ => pieces.push(Piece { text: text.to_owned(), is_hit }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, query: &str) -> Option<String> {
        let bracket = |piece: Piece| if piece.is_hit { format!("[{}]", piece.text) } else { piece.text };
        snippet(text, query).map(|pieces| pieces.into_iter().map(bracket).collect())
    }

    #[test]
    fn what_the_index_finds_is_marked() {
        let cases = [
            ("佳美办公", "佳美", Some("[佳美]办公")),
            ("佳美办公", "jiam", Some("[佳美]办公")),
            ("佳美办公", "mei", Some("佳[美]办公")),
            ("佳美办公", "bg", Some("佳美[办公]")),
            ("Café Müller", "cafe mul", Some("[Café] [Müller]")),
            ("138 1234-5678", "123", Some("138 [1234]-5678")),
            ("绿地", "lv", Some("[绿]地")),
            ("佳美", "美佳", None),
            ("Zeta", "🙂", None),
        ];
        for (text, query, expected) in cases {
            assert_eq!(shown(text, query).as_deref(), expected, "{text} {query}");
        }
    }

    #[test]
    fn a_long_text_is_cut_around_the_first_hit() {
        let text = format!("{} 佳美 {}", "长".repeat(100), "文".repeat(100));
        let cut = shown(&text, "佳美").unwrap();
        assert!(cut.starts_with("…长") && cut.contains("[佳美]") && cut.ends_with("文…"), "{cut}");
        assert_eq!(cut.chars().count(), SHOWN + 4);
    }
}

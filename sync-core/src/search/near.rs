//! What somebody may have meant who mistyped: every word that is one edit away, and Chinese by its sound.
//!
//! Needs no index of its own: the words are asked for all at once, and the index knows which of them exist.
//! It costs many look-ups, so it is for searches that find nothing as they were typed.

use super::fold::{Token, Tokens};
use super::{MAX_SEARCH, MAX_TOKEN, MAX_WORDS, start_of, syllable};

/// Shorter words have too many neighbours: everything would be one edit away from them.
const MIN_LETTERS: usize = 4;

/// Letters of a word that may be mistyped: some 53 words are asked for each.
const MAX_LETTERS: usize = 16;

/// Words of a search that may be mistyped.
const MAX_MISTYPED: usize = 2;

/// As [`match_expression`](super::match_expression), with a slip of the finger in each longer word forgiven: a
/// letter left out, put in, exchanged, or two in the wrong order; and with Chinese that sounds the same. `None`
/// when nothing in it can be mistyped: then the search as it was typed has said all.
///
/// ```
/// let near = sync_core::search::near_expression("jiamie").unwrap();
/// assert!(near.contains("\"jiamei\"*"));
/// assert_eq!(sync_core::search::near_expression("加美").as_deref(), Some(r#"("加 美" OR "jiamei"*)"#));
/// assert_eq!(sync_core::search::near_expression("138 00"), None);
/// ```
pub fn near_expression(query: &str) -> Option<String> {
    let mut tokens = Tokens::default();
    tokens.read(start_of(query, MAX_SEARCH));
    let mut words: Vec<String> = Vec::new();
    let mut forgiven = 0;
    for run in tokens.runs() {
        match run[0].is_character() {
            true => words.push(by_sound(&tokens, run, &mut forgiven)),
            false => words.extend(run.iter().map(|token| by_letters(tokens.word(token), &mut forgiven))),
        }
    }
    words.truncate(MAX_WORDS);
    (forgiven > 0).then(|| words.join(" AND "))
}

fn by_sound(tokens: &Tokens, run: &[Token], forgiven: &mut usize) -> String {
    let mut exact = String::from("\"");
    for (position, token) in run.iter().enumerate() {
        if position > 0 {
            exact.push(' ');
        }
        tokens.write(token, &mut exact);
    }
    exact.push('"');
    let sounds: Option<Vec<&str>> = (0..run.len()).map(|position| syllable(run, position)).collect();
    match sounds.filter(|sounds| sounds.len() > 1) {
        Some(sounds) => {
            *forgiven += 1;
            let spelled: String = sounds.concat().replace('ü', "v");
            format!("({exact} OR \"{}\"*)", start_of(&spelled, MAX_TOKEN))
        }
        None => exact,
    }
}

fn by_letters(word: &str, forgiven: &mut usize) -> String {
    let letters = word.as_bytes();
    let is_plain = letters.iter().all(u8::is_ascii_lowercase) && (MIN_LETTERS..=MAX_LETTERS).contains(&letters.len());
    if !is_plain || *forgiven >= MAX_MISTYPED {
        return format!("\"{}\"*", start_of(word, MAX_TOKEN));
    }
    *forgiven += 1;
    let all: Vec<String> = neighbours(letters).iter().map(|word| format!("\"{word}\"*")).collect();
    format!("({})", all.join(" OR "))
}

/// The word itself and all that are one edit away, each once.
fn neighbours(word: &[u8]) -> Vec<String> {
    let mut all = vec![word.to_vec()];
    for at in 0..word.len() {
        let mut without = word.to_vec();
        without.remove(at);
        all.push(without);
        if at > 0 {
            let mut turned = word.to_vec();
            turned.swap(at - 1, at);
            all.push(turned);
        }
    }
    // A letter too much at the end is found by the word's beginning already, and one too little by its prefix.
    for letter in b'a'..=b'z' {
        for at in 0..word.len() {
            let mut other = word.to_vec();
            other[at] = letter;
            all.push(other);
            let mut longer = word.to_vec();
            longer.insert(at, letter);
            all.push(longer);
        }
    }
    all.sort_unstable();
    all.dedup();
    all.into_iter().filter_map(|word| String::from_utf8(word).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slip_of_one_finger_is_forgiven() {
        let all = neighbours(b"jiamie");
        for meant in ["jiamei", "jiamie", "jiami", "jamie", "xjiamie", "jiamxie", "jiamia"] {
            assert!(all.iter().any(|word| word == meant), "{meant}");
        }
        assert!(!all.iter().any(|word| word == "jimaei"), "two slips are another word");
        assert!(all.len() < 60 * 6, "{}", all.len());
    }

    #[test]
    fn words_without_letters_and_short_ones_stay_as_they_are() {
        assert_eq!(near_expression("jm 1380 A4"), None);
        let both = near_expression("1380 ofice").unwrap();
        assert!(both.starts_with("\"1380\"* AND (") && both.contains("\"office\"*"), "{both}");
        assert_eq!(near_expression("佳"), None, "one character sounds like hundreds");
    }
}

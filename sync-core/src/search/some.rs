//! Texts that speak of the same: for what answers a sentence, of which no text has every word.

use super::fold::Tokens;
use super::{MAX_SEARCH, MAX_WORDS, start_of};

/// Shorter Latin words say too little.
const MIN_LETTERS: usize = 3;

/// Words of every sentence.
const USUAL: [&str; 30] = [
    "the", "and", "for", "not", "does", "did", "how", "what", "with", "can", "cannot", "are", "was", "were", "you", "your", "our", "this",
    "that", "has", "have", "had", "why", "when", "where", "who", "will", "would", "from", "but",
];

/// What a sentence is about: its longer Latin words, and each two neighbouring Chinese characters.
fn grams(text: &str) -> Vec<String> {
    let mut tokens = Tokens::default();
    tokens.read(text);
    let mut all: Vec<String> = Vec::new();
    for run in tokens.runs() {
        let written = |part: &[super::fold::Token]| {
            let mut out = String::new();
            for token in part {
                if !out.is_empty() {
                    out.push(' ');
                }
                tokens.write(token, &mut out);
            }
            out
        };
        if run[0].is_character() {
            let pairs = run.windows(2).filter(|pair| pair[1].is_glued());
            all.extend(pairs.map(written));
        } else {
            let words = run.iter().map(|token| written(std::slice::from_ref(token)));
            all.extend(words.filter(|word| word.chars().count() >= MIN_LETTERS && !USUAL.contains(&&**word)));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|gram| seen.insert(gram.clone()));
    all
}

/// As [`match_expression`](super::match_expression), but one word, or two neighbouring Chinese characters, are enough. `None`
/// when there is nothing in it by which texts differ.
///
/// ```
/// let some = sync_core::search::some_expression("How do I reset the printer 打印机").unwrap();
/// assert_eq!(some, r#""reset"* OR "printer"* OR "打 印"* OR "印 机"*"#);
/// assert_eq!(sync_core::search::some_expression("what is it"), None);
/// ```
pub fn some_expression(query: &str) -> Option<String> {
    let mut grams = grams(start_of(query, MAX_SEARCH));
    grams.truncate(MAX_WORDS);
    let all: Vec<String> = grams.iter().map(|gram| format!("\"{gram}\"*")).collect();
    if all.is_empty() { None } else { Some(all.join(" OR ")) }
}

/// How many of the words of a sentence, as [`some_expression`] asks for them, begin words of a text.
///
/// ```
/// assert_eq!(sync_core::search::in_common("reset my printer", "Printers: how to reset one"), 2);
/// assert_eq!(sync_core::search::in_common("打印机无法启动", "打印机的保养"), 2);
/// ```
pub fn in_common(query: &str, text: &str) -> usize {
    let (asked, there) = (grams(start_of(query, MAX_SEARCH)), grams(start_of(text, super::MAX_INDEXED)));
    asked.iter().take(MAX_WORDS).filter(|gram| there.iter().any(|word| word.starts_with(gram.as_str()))).count()
}

//! Which word was meant by one that is misspelt. Knows nothing of settings.

/// The key, or the section of keys, that was meant.
pub(super) fn nearest(key: &str, known: &[String]) -> String {
    let sections = known.iter().filter_map(|known| known.split_once('.')).map(|(section, _)| section);
    let words = known.iter().map(String::as_str).chain(sections);
    words.min_by_key(|word| distance(key, word)).unwrap_or_default().to_owned()
}

/// Levenshtein's distance: how many letters to type, delete or replace.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let cheapest = (diagonal + usize::from(a != *b)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cheapest);
        }
    }
    row[to.len()]
}

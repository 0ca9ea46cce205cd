//! Which word was meant by one that is misspelt.

/// No valid word is longer, and measuring it would take as long as its author likes.
pub const WORD_MAX: usize = 64;

/// The one of `words` that was meant, if one is close: a slip or two, more in a longer word.
pub fn meant<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    if word.len() > WORD_MAX {
        return None;
    }
    let close = words.into_iter().map(|known| (distance(word, known), known)).min();
    close.filter(|(far, _)| *far <= 1 + word.chars().count() / 4).map(|(_, known)| known)
}

/// The end of a sentence about a misspelt word, if it is known what was meant.
pub fn did_you_mean(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"))
}

/// The same in Chinese.
pub fn did_you_mean_zh(meant: Option<&str>) -> String {
    meant.map_or_else(String::new, |meant| format!("，是否指“{meant}”？"))
}

/// Insertions, deletions, replacements and swaps of neighbours from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_word_that_is_close_is_meant() {
        let known = ["listen.address", "log", "database.path"];
        assert_eq!(meant("listen.adress", known), Some("listen.address"));
        assert_eq!(meant("lgo", known), Some("log"));
        assert_eq!(meant("port", known), None);
        assert_eq!(meant(&"x".repeat(WORD_MAX + 1), known), None);
    }
}

//! Text to tokens for full-text search, and the key that sorts Chinese titles by pinyin.
//!
//! Both the text that goes into an index and what people type are cut into the same plain tokens here,
//! so that any tokenizer that splits at spaces (FTS5's unicode61, PostgreSQL's `simple`) will do. Never
//! touches an index. What an index ranks is put in order by titles ([`by_closeness`]).
//!
//! What is found: Chinese by any part; a title, or another short text, also by pinyin (`jiamei`) and its
//! initials (`jm`), from any character on; words by their beginning, without regard to case and accents;
//! digits by any three in a row, however a number is grouped. A slip of the finger and Chinese that only sounds
//! the same are forgiven when nothing else is found ([`near_expression`]).

mod closeness;
mod fold;
mod near;
mod snippet;
mod some;

pub use closeness::{CANDIDATES, Closeness, by_closeness, closeness, start_expressions, starts_first};
pub use near::near_expression;
pub use snippet::{Piece, snippet};
pub use some::{in_common, some_expression};

use fold::{Token, Tokens};
use pinyin::ToPinyin;

/// To be raised whenever [`index_text`] comes out otherwise: phones and servers then write what they have indexed again.
pub const INDEX_FORM: u8 = 2;
/// Tokens are cut here, in the index and in what people type alike: a longer word is told apart no further.
pub const MAX_TOKEN: usize = 24;
/// Characters of one record that are indexed: a long note is found by its first pages.
pub const MAX_INDEXED: usize = 20_000;
/// Other texts of at most so many Chinese characters get pinyin. In a long note any two initials occur.
pub const MAX_PINYIN: usize = 24;
/// Characters of a search that count.
pub const MAX_SEARCH: usize = 200;
/// Words of a search that count: each costs a look-up.
pub const MAX_WORDS: usize = 16;
/// Digits are found by any part of at least so many: shorter ones would find everything.
pub const MIN_DIGITS: usize = 3;
/// Stands between texts, so that no phrase reaches from one into the next: a token that nobody can type.
const BOUNDARY: char = '\u{E000}';
/// Stands before how a title sounds from its beginning, within the same token: nobody can type it, searches put it there.
const BEGINNING: char = '\u{E001}';
/// Characters of a title that its sort key spells out.
const MAX_SORTED: usize = 64;

/// The tokens of one record, separated by spaces: `title` is the record's name, `others` what else is searched.
///
/// ```
/// assert_eq!(sync_core::search::index_text("佳美 A4", &[]), "佳 美 jm jiamei mei a4 \u{E001}jiameia4 \u{E001}jma");
/// ```
pub fn index_text(title: &str, others: &[&str]) -> String {
    let mut index = Index { out: String::with_capacity(256), digits: String::new() };
    let mut tokens = Tokens::default();
    let mut left = MAX_INDEXED;
    for (position, text) in std::iter::once(title).chain(others.iter().copied()).enumerate() {
        let text = start_of(text, left);
        left -= text.chars().count();
        tokens.read(text);
        let spelled = position == 0 || tokens.list.iter().filter(|token| token.is_character()).count() <= MAX_PINYIN;
        index.field(&tokens, spelled);
        if position == 0 && tokens.list.first().is_some_and(Token::is_character) {
            index.beginning(&tokens);
        }
    }
    index.out
}

/// What people type as an FTS5 `match` expression over such an index: every word must occur. `None` when
/// there is no letter or digit in it, so that nothing is asked. `number` are the digits with which it ends however it is
/// written, where it is a telephone number: they are all the same as the words.
///
/// ```
/// use sync_core::search::match_expression;
/// assert_eq!(match_expression("佳美 Off", None).as_deref(), Some(r#""佳 美" AND "off"*"#));
/// assert_eq!(match_expression("\" OR *", None), Some(r#""or"*"#.to_owned()));
/// assert_eq!(match_expression("🙂 ()", None), None);
/// assert_eq!(match_expression("030 1234", Some("301234")).as_deref(), Some(r#"(("030"* AND "1234"*) OR "301234"*)"#));
/// ```
pub fn match_expression(query: &str, number: Option<&str>) -> Option<String> {
    let mut tokens = Tokens::default();
    tokens.read(start_of(query, MAX_SEARCH));
    let mut words: Vec<String> = Vec::new();
    let mut list = tokens.list.iter().peekable();
    while let Some(token) = list.next() {
        let mut word = String::from("\"");
        tokens.write(token, &mut word);
        if token.is_character() {
            while let Some(next) = list.next_if(|next| next.is_character() && next.is_glued()) {
                word.push(' ');
                tokens.write(next, &mut word);
            }
        }
        word.push_str(if token.is_character() { "\"" } else { "\"*" });
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.truncate(MAX_WORDS);
    let all = if words.is_empty() { None } else { Some(words.join(" AND ")) };
    match number.map(|digits| start_of(digits, MAX_TOKEN)) {
        Some(digits) => all.map(|all| format!("(({all}) OR \"{digits}\"*)")),
        None => all,
    }
}

/// What a title is ordered by, byte for byte: Chinese by pinyin and among Latin letters, equal syllables by
/// character, then the title itself.
pub fn sort_key(title: &str) -> String {
    let mut key = sounds(title, MAX_SORTED);
    key.push('\u{1}');
    key.push_str(start_of(title, MAX_SORTED));
    key
}

/// How the beginning of a text sounds, word by word, each Chinese character behind its syllable.
pub(crate) fn sounds(text: &str, characters: usize) -> String {
    let mut tokens = Tokens::default();
    let text = start_of(text, characters);
    tokens.read(text);
    let mut key = String::with_capacity(text.len() * 3);
    for run in tokens.runs() {
        for (position, token) in run.iter().enumerate() {
            if !key.is_empty() {
                key.push(' ');
            }
            match token {
                Token::Character { character, .. } => {
                    // The space sorts before every letter: 西安 (xi an) comes before 先 (xian).
                    if let Some(syllable) = syllable(run, position) {
                        syllable.chars().for_each(|letter| key.push(if letter == 'ü' { 'v' } else { letter }));
                        key.push(' ');
                    }
                    key.push(*character);
                }
                Token::Word { .. } => key.push_str(tokens.word(token)),
            }
        }
    }
    key
}

/// The words of a text as the index folds them: Latin words, and single characters where words have no gaps.
pub fn words(text: &str) -> Vec<String> {
    let mut tokens = Tokens::default();
    tokens.read(start_of(text, MAX_INDEXED));
    let word = |token: &Token| token.character().map_or_else(|| tokens.word(token).to_owned(), String::from);
    tokens.list.iter().map(word).collect()
}

/// A text in Latin letters, without gaps: Chinese as it sounds.
pub fn spelled(text: &str) -> String {
    let mut tokens = Tokens::default();
    tokens.read(start_of(text, MAX_INDEXED));
    sound_of(&tokens)
}

fn sound_of(tokens: &Tokens) -> String {
    let mut letters = String::with_capacity(tokens.list.len() * 4);
    for run in tokens.runs() {
        for (position, token) in run.iter().enumerate() {
            match (token, syllable(run, position)) {
                (Token::Character { .. }, Some(syllable)) => {
                    letters.extend(syllable.chars().map(|letter| if letter == 'ü' { 'v' } else { letter }))
                }
                (Token::Character { character, .. }, None) => letters.push(*character),
                (Token::Word { .. }, _) => letters.push_str(tokens.word(token)),
            }
        }
    }
    letters
}

fn start_of(text: &str, characters: usize) -> &str {
    match text.char_indices().nth(characters) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

struct Index {
    out: String,
    digits: String,
}

impl Index {
    fn field(&mut self, tokens: &Tokens, spelled: bool) {
        if !self.out.is_empty() {
            self.space();
            self.out.push(BOUNDARY);
        }
        for run in tokens.runs() {
            for token in run {
                self.space();
                tokens.write(token, &mut self.out);
                self.digits_of(tokens.word(token));
            }
            if run[0].is_character() && spelled {
                self.pinyin(run);
            }
        }
        self.end_digits();
    }

    /// How a title that begins with a character sounds from its beginning: all of it, and its initials.
    fn beginning(&mut self, tokens: &Tokens) {
        let sound = sound_of(tokens);
        // As for `readings`: some people write lu.
        let plain = sound.contains('v').then(|| sound.replace('v', "u"));
        for letters in [Some(sound), plain, Some(closeness::initials_of(tokens))].into_iter().flatten() {
            self.space();
            self.out.push(BEGINNING);
            self.out.push_str(start_of(&letters, MAX_TOKEN));
        }
    }

    fn space(&mut self) {
        if !self.out.is_empty() {
            self.out.push(' ');
        }
    }

    /// Gathers digits over the gaps in `138 1234-5678`; a letter or a Chinese character ends the number.
    fn digits_of(&mut self, word: &str) {
        if word.is_empty() {
            self.end_digits();
        }
        for byte in word.bytes() {
            if byte.is_ascii_digit() {
                self.digits.push(char::from(byte));
            } else {
                self.end_digits();
            }
        }
    }

    /// Every end of the number is a token: its beginnings are all the parts there are.
    fn end_digits(&mut self) {
        let digits = std::mem::take(&mut self.digits);
        for start in 0..(digits.len() + 1).saturating_sub(MIN_DIGITS) {
            self.space();
            self.out.push_str(&digits[start..digits.len().min(start + MAX_TOKEN)]);
        }
        self.digits = digits;
        self.digits.clear();
    }

    /// From every character on: the initials and the whole syllables.
    fn pinyin(&mut self, run: &[Token]) {
        let mut starts = Vec::with_capacity(run.len());
        let (mut initials, mut spelled) = (String::with_capacity(run.len()), String::with_capacity(run.len() * 4));
        for position in 0..run.len() {
            // A character without a reading ends what can be typed in one go.
            let Some(syllable) = syllable(run, position) else {
                self.readings(&starts, &initials, &spelled);
                (starts, initials, spelled) = Default::default();
                continue;
            };
            starts.push(spelled.len());
            initials.extend(syllable.chars().next());
            syllable.chars().for_each(|letter| spelled.push(if letter == 'ü' { 'v' } else { letter }));
        }
        self.readings(&starts, &initials, &spelled);
    }

    fn readings(&mut self, starts: &[usize], initials: &str, spelled: &str) {
        for (position, start) in starts.iter().enumerate() {
            let (initials, spelled) = (&initials[position..], &spelled[*start..]);
            if initials.len() > 1 {
                self.space();
                self.out.push_str(&initials[..initials.len().min(MAX_TOKEN)]);
            }
            self.space();
            self.out.push_str(&spelled[..spelled.len().min(MAX_TOKEN)]);
            // Phones write lv for lü, and some people write lu.
            if spelled.contains('v') {
                self.space();
                self.out.extend(spelled.bytes().take(MAX_TOKEN).map(|letter| if letter == b'v' { 'u' } else { char::from(letter) }));
            }
        }
    }
}

/// How a character is read: its first reading, unless its neighbours in common names say otherwise.
fn syllable(run: &[Token], position: usize) -> Option<&'static str> {
    syllable_at(&|position: usize| run.get(position).and_then(Token::character), position)
}

fn syllable_of(run: &[char], position: usize) -> Option<&'static str> {
    syllable_at(&|position: usize| run.get(position).copied(), position)
}

fn syllable_at(at: &dyn Fn(usize) -> Option<char>, position: usize) -> Option<&'static str> {
    let before = position.checked_sub(1).and_then(at);
    match (before, at(position)?, at(position + 1)) {
        (Some('银' | '商' | '支' | '分' | '总' | '投' | '央' | '农' | '工' | '建' | '招'), '行', _) | (_, '行', Some('业' | '长')) => {
            Some("hang")
        }
        (_, '重', Some('庆')) => Some("chong"),
        (_, '厦', Some('门')) => Some("xia"),
        (_, '长', Some('沙' | '春' | '城' | '江' | '安' | '虹' | '征' | '丰' | '隆' | '龙' | '宁' | '乐' | '荣' | '兴')) => {
            Some("chang")
        }
        (Some('音'), '乐', _) => Some("yue"),
        (None, '曾', _) => Some("zeng"),
        (_, '都', _) => Some("du"),
        (_, '会', Some('计')) => Some("kuai"),
        (_, character, _) => character.to_pinyin().map(pinyin::Pinyin::plain),
    }
}

#[cfg(test)]
mod tests;

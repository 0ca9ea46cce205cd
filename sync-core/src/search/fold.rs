//! Cuts text into words and single characters, with case, accents and widths folded.

use super::MAX_TOKEN;
use super::snippet::Span;

/// A piece of text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Token {
    /// Letters and digits: a part of the folded text, cut to [`MAX_TOKEN`] characters when written.
    Word { start: usize, end: usize },
    /// A character that is a word by itself; `glued` when nothing stands before it but another one.
    Character { character: char, glued: bool },
}

impl Token {
    pub(super) fn is_character(&self) -> bool {
        matches!(self, Token::Character { .. })
    }

    pub(super) fn is_glued(&self) -> bool {
        matches!(self, Token::Character { glued: true, .. })
    }

    pub(super) fn character(&self) -> Option<char> {
        match self {
            Token::Character { character, .. } => Some(*character),
            Token::Word { .. } => None,
        }
    }
}

/// The tokens of one text; read again for the next, so that its room is kept.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    folded: String,
    pub(super) list: Vec<Token>,
}

impl Tokens {
    /// Cuts a text.
    pub(super) fn read(&mut self, text: &str) {
        self.folded.clear();
        self.list.clear();
        let (mut start, mut glued) = (0, false);
        for character in text.chars() {
            match fold(character) {
                Folded::One(character) => self.folded.push(character),
                Folded::Two(letters) => self.folded.push_str(letters),
                Folded::Other(character) => self.folded.extend(character.to_lowercase()),
                Folded::Mark => {}
                Folded::Alone(character) => {
                    self.end_word(&mut start);
                    glued = glued && self.list.last().is_some_and(Token::is_character);
                    self.list.push(Token::Character { character, glued });
                    glued = true;
                }
                Folded::Gap => {
                    self.end_word(&mut start);
                    glued = false;
                }
            }
        }
        self.end_word(&mut start);
    }

    fn end_word(&mut self, start: &mut usize) {
        let end = self.folded.len();
        if end > *start {
            self.list.push(Token::Word { start: *start, end });
            *start = end;
        }
    }

    /// The whole word; nothing for a single character.
    pub(super) fn word(&self, token: &Token) -> &str {
        match token {
            Token::Word { start, end } => &self.folded[*start..*end],
            Token::Character { .. } => "",
        }
    }

    /// Writes a token as it is indexed.
    pub(super) fn write(&self, token: &Token, out: &mut String) {
        match token {
            Token::Word { .. } => out.push_str(super::start_of(self.word(token), MAX_TOKEN)),
            // Tokenizers know the letters of their own Unicode version only; hexadecimal they all know.
            Token::Character { character, .. } if is_recent(*character) => out.push_str(&format!("u{:x}", u32::from(*character))),
            Token::Character { character, .. } => out.push(*character),
        }
    }

    /// Words and single characters by turns.
    pub(super) fn runs(&self) -> impl Iterator<Item = &[Token]> {
        self.list.chunk_by(|left, right| left.is_character() == right.is_character())
    }
}

/// The tokens of a text, folded as in the index, with where they stand.
pub(super) fn spans(text: &str) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut within = false;
    for (start, character) in text.char_indices() {
        let end = start + character.len_utf8();
        let letters = match fold(character) {
            Folded::One(letter) => letter.to_string(),
            Folded::Two(letters) => letters.to_owned(),
            Folded::Other(character) => character.to_lowercase().collect(),
            Folded::Mark => String::new(),
            Folded::Alone(character) => {
                spans.push(Span { start, end, folded: character.to_string(), alone: true });
                within = false;
                continue;
            }
            Folded::Gap => {
                within = false;
                continue;
            }
        };
        match spans.last_mut().filter(|_| within) {
            Some(word) => {
                word.end = end;
                word.folded.push_str(&letters);
            }
            None => spans.push(Span { start, end, folded: letters, alone: false }),
        }
        within = true;
    }
    spans
}

fn is_recent(character: char) -> bool {
    matches!(u32::from(character), 0x4DB6..=0x4DBF | 0x9FCC..=0x9FFF | 0x10000..)
}

enum Folded {
    One(char),
    Two(&'static str),
    /// A letter of another script.
    Other(char),
    /// A word by itself.
    Alone(char),
    /// Belongs to the letter before it, and is dropped.
    Mark,
    Gap,
}

fn fold(character: char) -> Folded {
    match character {
        'a'..='z' | '0'..='9' => Folded::One(character),
        'A'..='Z' => Folded::One(character.to_ascii_lowercase()),
        '\0'..='\u{7f}' => Folded::Gap,
        // Chinese, kana and Hangul are written without gaps between words.
        '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' => Folded::Alone(character),
        '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30FA}' | '\u{30FC}'..='\u{30FF}' | '\u{AC00}'..='\u{D7AF}' => Folded::Alone(character),
        // Full width letters and digits, as Chinese keyboards write them.
        '\u{FF01}'..='\u{FF5E}' => fold(char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(' ')),
        '\u{300}'..='\u{36F}' => Folded::Mark,
        'Æ' | 'æ' | 'Ǣ' | 'ǣ' | 'Ǽ' | 'ǽ' => Folded::Two("ae"),
        'Œ' | 'œ' => Folded::Two("oe"),
        'ß' | 'ẞ' => Folded::Two("ss"),
        'Þ' | 'þ' => Folded::Two("th"),
        '\u{C0}'..='\u{24F}' => plain(character, LATIN, 0xC0),
        '\u{1E00}'..='\u{1EFF}' => plain(character, LATIN_ADDITIONAL, 0x1E00),
        '\u{10000}'.. if character.is_alphanumeric() => Folded::Alone(character),
        _ if character.is_alphanumeric() => Folded::Other(character),
        _ => Folded::Gap,
    }
}

fn plain(character: char, table: &[u8], first: u32) -> Folded {
    match table.get((u32::from(character) - first) as usize) {
        Some(letter) if letter.is_ascii_lowercase() => Folded::One(char::from(*letter)),
        _ if character.is_alphanumeric() => Folded::Other(character),
        _ => Folded::Gap,
    }
}

/// The plain letters of U+00C0 to U+024F, `-` where there is none: compatibility decomposition without marks.
const LATIN: &[u8] = b"\
    aaaaaa-ceeeeiiiidnooooo-ouuuuy--aaaaaa-ceeeeiiiidnooooo-ouuuuy-yaaaaaaccccccccddddeeeeeeeeeegggggggg\
    hhhhiiiiiiiiii--jjkkkllllll--llnnnnnn-nnoooooo--rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzsb-------\
    ------------------------oo-------------uu----------------------------aaiioouuuuuuuuuu-aaaa----ggkkoo\
    oo--j---gg--nnaa--ooaaaaeeeeiiiioooorrrruuuusstt--hh------aaeeooooooooyy---------------b------------";

/// The same for U+1E00 to U+1EFF.
const LATIN_ADDITIONAL: &[u8] = b"\
    aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooooooopppprrrrrrrrssss\
    ssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwy-s----aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeee\
    iiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy------";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_reach_exactly_over_their_blocks() {
        assert_eq!((LATIN.len(), LATIN_ADDITIONAL.len()), (0x250 - 0xC0, 0x1F00 - 0x1E00));
        for (text, plain) in [("Éÿžƀȟ", "eyzbh"), ("ḀếỲ", "aey"), ("Straße Æsop", "strasseaesop"), ("e\u{301}", "e"), ("ＡＢ１", "ab1")]
        {
            let mut tokens = Tokens::default();
            tokens.read(text);
            assert_eq!(tokens.folded, plain);
        }
    }
}

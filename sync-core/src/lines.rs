//! Content lines: what iCalendar (RFC 5545) and vCard (RFC 6350) are made of.

use std::fmt::Write as _;

/// Bytes of a line before it goes on below.
const LINE_BYTES_MAX: usize = 75;

/// A text of content lines, built up.
#[derive(Debug, Default)]
pub struct Lines(String);

impl Lines {
    /// A line as it stands: a name with its parameters, and a value that needs no guarding.
    pub fn plain(&mut self, name: &str, value: impl std::fmt::Display) {
        let mut line = String::new();
        // Writing to a text cannot fail.
        let _ = write!(line, "{name}:{value}");
        self.fold(&line);
    }

    /// A line whose value is anybody's text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.plain(name, guarded(text));
    }

    /// All lines.
    pub fn into_text(self) -> String {
        self.0
    }

    /// Long lines go on behind a blank; no letter is cut in two, however many bytes it has.
    fn fold(&mut self, line: &str) {
        let mut room = LINE_BYTES_MAX;
        for letter in line.chars() {
            if letter.len_utf8() > room {
                self.0.push_str("\r\n ");
                room = LINE_BYTES_MAX - 1;
            }
            self.0.push(letter);
            room -= letter.len_utf8();
        }
        self.0.push_str("\r\n");
    }
}

/// A text in which nothing is taken for structure.
pub fn guarded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | ';' | ',' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            control if control.is_control() && control != '\t' => {}
            other => out.push(other),
        }
    }
    out
}

/// A guarded text as it was.
pub fn unguarded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(other) => out.push(other),
                None => {}
            },
            other => out.push(other),
        }
    }
    out
}

/// The parts of a text between separators that are not guarded, nor between quotes; guarded as they were.
pub fn parts(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut is_guarded, mut is_quoted) = (Vec::new(), 0, false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            _ if is_guarded => is_guarded = false,
            '\\' => is_guarded = true,
            '"' => is_quoted = !is_quoted,
            letter if letter == separator && !is_quoted => {
                parts.push(&text[start..at]);
                start = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The value of a parameter: quoted where it must be. Quotes cannot be in it.
pub fn parameter(text: &str) -> String {
    let clean: String = text.chars().filter(|letter| *letter != '"' && !letter.is_control()).collect();
    if clean.contains([',', ';', ':', ' ']) { format!("\"{clean}\"") } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_between_letters() {
        let mut lines = Lines::default();
        let long = "客户拜访".repeat(40);
        lines.text("SUMMARY", &long);
        let text = lines.into_text();
        assert!(text.split("\r\n").all(|line| line.len() <= LINE_BYTES_MAX), "{text}");
        assert_eq!(text.replace("\r\n ", ""), format!("SUMMARY:{long}\r\n"));
    }

    #[test]
    fn what_was_guarded_comes_back() {
        for text in ["a, b; c\\d", "line\nline", "\\n is no line end", "王;芳", ""] {
            assert_eq!(unguarded(&guarded(text)), text);
            assert_eq!(parts(&format!("{};x", guarded(text)), ';'), [guarded(text).as_str(), "x"]);
        }
        assert_eq!(parts("TEL;TYPE=\"a;b:c\":1", ':'), ["TEL;TYPE=\"a;b:c\"", "1"]);
    }

    #[test]
    fn nothing_of_a_text_is_taken_for_structure() {
        let mut lines = Lines::default();
        lines.text("NOTE", "a, b; c\\d\r\nEND:VCARD");
        assert_eq!(lines.into_text(), "NOTE:a\\, b\\; c\\\\d\\nEND:VCARD\r\n");
        assert_eq!(parameter("a\"b;c\n"), "\"ab;c\"");
    }
}

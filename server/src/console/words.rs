//! What the console says, in every language of the product: `messages.toml` and `messages/`, read once.
//!
//! Labels of kinds, fields and options are not here: they come from the kinds themselves.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use sync_core::id::Millis;
use sync_core::schema::Label;

use super::format;
use crate::language::Language;
use crate::reading::Counted;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    en: String,
    zh: String,
}

/// The files; a section may go on in another one.
const FILES: [&str; 2] = [include_str!("messages.toml"), include_str!("messages/charts.toml")];

/// Sections of messages: `list.empty` is `empty` in `[list]`.
static MESSAGES: LazyLock<HashMap<String, Message>> = LazyLock::new(|| {
    let read =
        |text: &str| -> HashMap<String, HashMap<String, Message>> { toml::from_str(text).expect("a test reads the built-in messages") };
    let flat = |(section, messages): (String, HashMap<String, Message>)| {
        messages.into_iter().map(move |(key, message)| (format!("{section}.{key}"), message))
    };
    FILES.iter().flat_map(|text| read(text)).flat_map(flat).collect()
});

/// Speaks one language. Handlers and templates ask it by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words(pub Language);

impl Words {
    /// A message. One that is missing shows its key: a test makes sure that none is.
    pub fn say(&self, key: &'static str) -> &'static str {
        MESSAGES.get(key).map_or(key, |message| self.0.of(&message.en, &message.zh))
    }

    /// A message with its `{}` replaced, in order.
    pub fn fill(&self, key: &'static str, parts: &[&str]) -> String {
        let mut pieces = self.say(key).split("{}");
        let mut text = pieces.next().unwrap_or_default().to_owned();
        for (index, piece) in pieces.enumerate() {
            text.push_str(parts.get(index).copied().unwrap_or_default());
            text.push_str(piece);
        }
        text
    }

    /// A message about a number: `{} record|{} records`.
    pub fn count(&self, key: &'static str, number: u64) -> String {
        self.counted(key, number.into())
    }

    /// The same about as many as were counted: `10,000+ records` where there are more.
    pub fn counted(&self, key: &'static str, Counted { count, more }: Counted) -> String {
        let (one, many) = self.say(key).split_once('|').unwrap_or((self.say(key), self.say(key)));
        let form = if count == 1 && !more { one } else { many };
        form.replace("{}", &format!("{}{}", format::grouped(&count.to_string()), if more { "+" } else { "" }))
    }

    /// The word of a label.
    pub fn label<'a>(&self, label: &'a Label) -> &'a str {
        self.0.of(&label.en, &label.zh)
    }

    /// The word of a label within a sentence: English writes it small, unless it is an abbreviation.
    pub fn inside(&self, label: &Label) -> String {
        let text = self.label(label);
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (Some(first), Some(second)) if self.0 == Language::En && !second.is_uppercase() => {
                first.to_lowercase().chain([second]).chain(letters).collect()
            }
            _ => text.to_owned(),
        }
    }

    /// How long ago, for glancing at.
    pub fn ago(&self, then: Millis, now: Millis) -> String {
        const MINUTE: Millis = 60_000;
        const HOUR: Millis = 60 * MINUTE;
        const DAY: Millis = 24 * HOUR;
        let past = now - then;
        let some = |key, unit| self.count(key, u64::try_from(past / unit).unwrap_or(0));
        match past {
            ..MINUTE => self.say("time.now").to_owned(),
            MINUTE..HOUR => some("time.minutes", MINUTE),
            HOUR..DAY => some("time.hours", HOUR),
            _ if past < 30 * DAY => some("time.days", DAY),
            _ => format::day(then),
        }
    }
}

/// The language's name in itself, for the switch.
pub fn other(language: Language) -> (&'static str, &'static str) {
    match language {
        Language::En => ("zh-CN", "中文"),
        Language::Zh => ("en", "English"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "html") {
                files.push(path);
            }
        }
    }

    fn everything() -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        sources(&root.join("src/console"), &mut files);
        sources(&root.join("templates"), &mut files);
        files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }

    /// The key literals that are asked for: `say("a.b")`, `count("a.b", ...)`, `fill("a.b", ...)`, or bare words of the form.
    fn asked(text: &str) -> BTreeSet<String> {
        let sections: BTreeSet<&str> = MESSAGES.keys().filter_map(|key| key.split('.').next()).collect();
        let literals = text.split('"').filter(|piece| {
            let word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            piece.split_once('.').is_some_and(|(section, key)| sections.contains(section) && word(key) && key != "html")
        });
        literals.map(str::to_owned).collect()
    }

    #[test]
    fn every_message_exists_in_both_languages_and_is_used() {
        let asked = asked(&everything());
        for key in &asked {
            assert!(MESSAGES.contains_key(key), "`{key}` is asked for and not written");
        }
        for (key, Message { en, zh }) in MESSAGES.iter() {
            assert!(asked.contains(key), "`{key}` is written and never asked for");
            assert!(!en.trim().is_empty() && !zh.trim().is_empty(), "{key}");
            assert_eq!(en.split('|').next().unwrap().matches("{}").count(), zh.split('|').next().unwrap().matches("{}").count(), "{key}");
            assert!(!zh.is_ascii() || en == zh, "`{key}` is not translated: {zh}");
            assert!(en.is_ascii() || en.chars().all(|c| !('\u{4e00}'..='\u{9fff}').contains(&c)), "{key}: {en}");
        }
    }

    #[test]
    fn numbers_and_times_read_naturally() {
        let (en, zh) = (Words(Language::En), Words(Language::Zh));
        assert_eq!(en.count("list.count", 1), "1 record");
        assert_eq!(en.count("list.count", 12_345), "12,345 records");
        assert_eq!(zh.count("list.count", 2), "2 条记录");
        let most = Counted { count: 10_000, more: true };
        assert_eq!((en.counted("list.count", most), zh.counted("list.count", most)), ("10,000+ records".into(), "10,000+ 条记录".into()));
        assert_eq!(en.ago(0, 59_000), "just now");
        assert_eq!(en.ago(0, 60_000), "1 min ago");
        assert_eq!(zh.ago(0, 7_200_000), "2 小时前");
        let label = |en: &str| Label { en: en.to_owned(), zh: "案例".to_owned() };
        assert_eq!(
            (en.inside(&label("Deal")), en.inside(&label("KPI")), zh.inside(&label("Deal"))),
            ("deal".into(), "KPI".into(), "案例".into())
        );
        assert_eq!(en.ago(0, 40 * 86_400_000), "1970-01-01");
    }
}

//! The languages the product speaks.

use serde::{Deserialize, Serialize};

/// A language of the product. What is in neither is shown in English.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    En,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    Zh,
}

impl Language {
    /// The language tag, as in HTML's `lang` and in `Content-Language`.
    pub fn tag(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Zh => "zh-CN",
        }
    }

    /// The language of a tag: anything but Chinese reads English.
    pub fn of_tag(tag: &str) -> Self {
        let chinese = tag.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("zh"));
        if chinese { Language::Zh } else { Language::En }
    }

    /// What an `Accept-Language` header prefers, of what there is.
    pub fn preferred(accept_language: &str) -> Self {
        let known = |tag: &&str| ["zh", "en"].iter().any(|start| tag.to_ascii_lowercase().starts_with(start));
        accept_language.split([',', ';']).map(str::trim).find(known).map_or(Language::En, Language::of_tag)
    }

    /// The text in this language.
    pub fn of<'a>(self, en: &'a str, zh: &'a str) -> &'a str {
        match self {
            Language::En => en,
            Language::Zh => zh,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_gets_the_first_language_we_speak() {
        for (header, language) in [
            ("", Language::En),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("de-DE,de;q=0.9,zh-TW;q=0.8,en;q=0.7", Language::Zh),
            ("en-GB, zh;q=0.5", Language::En),
            ("fr", Language::En),
        ] {
            assert_eq!(Language::preferred(header), language, "{header}");
        }
    }
}

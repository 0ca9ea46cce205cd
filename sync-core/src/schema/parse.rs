//! The one door for kinds: built-in files and custom definitions are read here.

use super::Kind;

/// A kind that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {message}")]
pub struct BadKind {
    /// The file or record it came from.
    pub origin: String,
    /// What is wrong, with the line.
    pub message: String,
}

/// Who is reading: an author who wants to be told, or the wire that must not lose anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Every unknown key, type and policy is refused.
    Strict,
    /// What is unknown is carried through.
    Lenient,
}

impl Kind {
    /// Reads a kind from its TOML text; `origin` names it in errors.
    ///
    /// # Errors
    /// [`BadKind`] with line and words.
    pub fn parse(origin: &str, text: &str, _reading: Reading) -> Result<Kind, BadKind> {
        toml::from_str(text).map_err(|error| BadKind { origin: origin.to_owned(), message: error.to_string() })
    }
}

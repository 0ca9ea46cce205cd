//! What can be wrong with a configuration.

use std::path::PathBuf;

/// Why the server does not start with what it was told.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or not readable.
    #[error("cannot read the configuration file `{}`: name one that is there, or leave it out", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML, or a value in it is not what its key takes.
    #[error("in `{}`: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where, and what was expected.
        message: String,
    },
    /// No such key.
    #[error("{place}: there is no key `{key}`{}", hint(meant.as_deref()))]
    UnknownKey {
        /// The file, or the environment.
        place: String,
        /// What was written.
        key: String,
        /// What was meant, written the same way, if anything is close.
        meant: Option<String>,
    },
    /// The value cannot be used.
    #[error("{key} is `{value}`, expected {expected}")]
    BadValue {
        /// The key or variable.
        key: String,
        /// What was written; never a secret.
        value: String,
        /// What could stand there.
        expected: String,
    },
}

fn hint(meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => "; `rapport.example.toml` shows all there are".to_owned(),
    }
}

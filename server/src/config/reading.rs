//! From a file and an environment to a configuration that is whole and makes sense.

use std::path::Path;

use serde_json::Value;
use sync_core::spelling;

use super::{Config, ConfigError};
use crate::hooks::{guard, signed};

/// Variables that begin like keys and are none: the file, and the password for `rapport user`.
const OTHER_VARIABLES: [&str; 2] = ["RAPPORT_CONFIG", "RAPPORT_PASSWORD"];

const PREFIX: &str = "RAPPORT_";

impl Config {
    /// The configuration of this process: the file, if one is named, then its environment.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place and what was expected.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::read(file, std::env::vars())
    }

    /// As [`Config::load`], with the environment as an argument.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place and what was expected.
    pub fn read(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut config = file.map_or(Ok(Self::default()), Self::of_file)?;
        let mut variables: Vec<_> = environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        variables.sort();
        for (name, value) in variables {
            if !OTHER_VARIABLES.contains(&name.as_str()) {
                config = config.with_variable(&name, &value)?;
            }
        }
        config.check()?;
        Ok(config)
    }

    fn of_file(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
        let syntax =
            |error: toml::de::Error| ConfigError::Syntax { path: path.to_owned(), message: error.to_string().trim_end().to_owned() };
        let table: Value = toml::from_str(&text).map_err(syntax)?;
        let known = Self::keys();
        if let Some(key) = keys_of(&table).into_iter().find(|key| !is_known(key, &known)) {
            return Err(ConfigError::UnknownKey { place: format!("`{}`", path.display()), meant: meant(&key, &known), key });
        }
        toml::from_str(&text).map_err(syntax)
    }

    fn with_variable(self, name: &str, text: &str) -> Result<Self, ConfigError> {
        let known = Self::keys();
        let Some(key) = known.iter().find(|key| variable(key) == name) else {
            let variables: Vec<String> = known.iter().map(|key| variable(key)).collect();
            return Err(ConfigError::UnknownKey { place: "environment".to_owned(), key: name.to_owned(), meant: meant(name, &variables) });
        };
        let (section, leaf) = key.split_once('.').expect("every key is in a section");
        let with = |value: Value| {
            let mut all = self.to_json();
            all[section][leaf] = value;
            serde_json::from_value::<Self>(all)
        };
        // A text as it stands, or else the number or truth value that it spells.
        let spelt = |error| serde_json::from_str(text).and_then(with).map_err(|_| error);
        with(Value::from(text)).or_else(spelt).map_err(|error| {
            let message = error.to_string();
            let expected = message.split_once("expected ").map_or(message.as_str(), |(_, expected)| expected);
            ConfigError::BadValue { key: name.to_owned(), value: text.to_owned(), expected: expected.to_owned() }
        })
    }

    /// What types cannot say.
    fn check(&self) -> Result<(), ConfigError> {
        let positive = [
            ("database.readers", u64::from(self.database.readers)),
            ("limits.connections_max", self.limits.connections_max as u64),
            ("limits.connections_per_address_max", self.limits.connections_per_address_max as u64),
            ("limits.body_max_bytes", self.limits.body_max_bytes as u64),
            ("limits.header_timeout_ms", self.limits.header_timeout_ms),
            ("limits.request_timeout_ms", self.limits.request_timeout_ms),
            ("tls.handshake_timeout_ms", self.tls.handshake_timeout_ms),
            ("session.idle_max_minutes", u64::from(self.session.idle_max_minutes)),
            ("session.absolute_max_hours", u64::from(self.session.absolute_max_hours)),
            ("sign_in.window_minutes", u64::from(self.sign_in.window_minutes)),
            ("sign_in.attempts_per_account_max", u64::from(self.sign_in.attempts_per_account_max)),
            ("sign_in.attempts_per_address_max", u64::from(self.sign_in.attempts_per_address_max)),
            ("sms.timeout_ms", self.sms.timeout_ms),
            ("device.code_minutes", u64::from(self.device.code_minutes)),
            ("files.file_max_bytes", self.files.file_max_bytes),
            ("files.upload_days", u64::from(self.files.upload_days)),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return bad(key, "0", "1 or more");
        }
        for (index, provider) in self.oidc.providers.iter().enumerate() {
            let is_word = !provider.name.is_empty() && provider.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            if !is_word || self.oidc.providers[..index].iter().any(|other| other.name == provider.name) {
                return bad(
                    "oidc.providers.name",
                    &provider.name,
                    "a word of its own, of lower case letters and digits, for each provider",
                );
            }
        }
        if let Some(name) = self.tls.acme_names.iter().find(|name| !is_public_name(name)) {
            return bad("tls.acme_names", name, "a name that the world knows this server by, such as `crm.example.com`");
        }
        if !self.tls.acme_names.is_empty() && self.tls.certificate.is_some() {
            return bad("tls.acme_names", &self.tls.acme_names[0], "nothing: `tls.certificate` is set, and it is one or the other");
        }
        match (&self.tls.certificate, &self.tls.key) {
            (Some(_), None) => bad("tls.key", "", "a file: `tls.certificate` needs its private key"),
            (None, Some(_)) => bad("tls.certificate", "", "a file: `tls.key` needs its certificate"),
            _ => self.check_sms(),
        }
    }

    fn check_sms(&self) -> Result<(), ConfigError> {
        let (url, secret) = match (&self.sms.url, &self.sms.secret) {
            (None, None) => return Ok(()),
            (Some(_), None) => return bad("sms.secret", "", "`whsec_` and base 64: `sms.url` needs something to sign with"),
            (None, Some(_)) => return bad("sms.url", "", "an address: `sms.secret` is of no use without one"),
            (Some(url), Some(secret)) => (url, secret),
        };
        if let Err(refused) = guard::chosen(url) {
            return bad("sms.url", url, &format!("an address to call: {refused}"));
        }
        match signed::key(&secret.0) {
            Some(_) => Ok(()),
            None => bad("sms.secret", "<secret>", "`whsec_` and at least 24 bytes in base 64"),
        }
    }

    /// Every key there is: `listen.address`, ...
    pub fn keys() -> Vec<String> {
        keys_of(&Self::default().to_json())
    }

    fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("a configuration is plain data")
    }
}

fn bad(key: &str, value: &str, expected: &str) -> Result<(), ConfigError> {
    Err(ConfigError::BadValue { key: format!("`{key}`"), value: value.to_owned(), expected: expected.to_owned() })
}

/// The dotted names of the leaves.
pub(super) fn keys_of(table: &Value) -> Vec<String> {
    let sections = table.as_object().into_iter().flatten();
    let leaves = |(section, value): (&String, &Value)| match value.as_object().filter(|leaves| !leaves.is_empty()) {
        Some(leaves) => leaves.keys().map(|leaf| format!("{section}.{leaf}")).collect(),
        None => vec![section.clone()],
    };
    sections.flat_map(leaves).collect()
}

/// The key, or the section of keys, that was meant.
fn meant(key: &str, known: &[String]) -> Option<String> {
    let sections = known.iter().filter_map(|known| known.split_once('.')).map(|(section, _)| section);
    spelling::meant(key, known.iter().map(String::as_str).chain(sections)).map(str::to_owned)
}

/// A key, or a section with nothing in it.
fn is_known(key: &str, known: &[String]) -> bool {
    known.iter().any(|one| one == key || one.split_once('.').is_some_and(|(section, _)| section == key))
}

/// Whether an authority could give a certificate for it: a name with a dot, no address, no wildcard.
fn is_public_name(name: &str) -> bool {
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    name.parse::<std::net::IpAddr>().is_err() && name.contains('.') && name.split('.').all(is_label)
}

fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

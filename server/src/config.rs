//! What an operator may set: defaults < file < environment, and a typing mistake is an error.
//!
//! `Config` is the one list of keys. The file is TOML; the environment overrides single keys, as in
//! `RAPPORT_LISTEN__ADDRESS`. `rapport.example.toml` explains each key and is held to the defaults
//! by a test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::store;

/// Everything an operator may set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the server answers.
    pub listen: Listen,
    /// Where it keeps everything.
    pub database: Database,
    /// How connections are encrypted.
    pub tls: Tls,
    /// What it takes from one client at most.
    pub limits: Limits,
    /// How long people stay signed in.
    pub session: Session,
    /// How often somebody may try a password.
    pub sign_in: SignIn,
    /// Other systems through which people sign in.
    pub oidc: Oidc,
    /// How phones enrol.
    pub device: Device,
    /// Where the bytes of files are kept, and how many.
    pub files: Files,
    /// Whom webhooks may reach.
    pub webhooks: Webhooks,
    /// How reports go out by mail.
    pub mail: Mail,
    /// What it says about itself.
    pub log: Log,
    /// Who may read its metrics.
    pub metrics: Metrics,
}

/// Where the server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// Address and port.
    #[serde(deserialize_with = "address")]
    pub address: SocketAddr,
    /// The address people type, when a proxy stands in front.
    #[serde(deserialize_with = "public_url")]
    pub public_url: Option<String>,
    /// Whether a proxy on this machine says who its clients are.
    pub trust_forwarded_for: bool,
}

impl Default for Listen {
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 8080)), public_url: None, trust_forwarded_for: false }
    }
}

/// Where the server keeps everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// The SQLite file.
    pub path: PathBuf,
    /// Connections that read.
    pub readers: u32,
    /// How long to wait for another process that writes.
    pub busy_timeout_ms: u64,
}

impl Default for Database {
    fn default() -> Self {
        Self { path: "rapport.db".into(), readers: 4, busy_timeout_ms: 5_000 }
    }
}

/// How connections are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM file: the certificate, then those that vouch for it.
    pub certificate: Option<PathBuf>,
    /// PEM file: the private key.
    pub key: Option<PathBuf>,
    /// Names to get certificates for from an authority for machines (ACME), instead of files.
    pub acme_names: Vec<String>,
    /// The e-mail address that the authority warns.
    pub acme_contact: Option<String>,
    /// The authority: its directory.
    pub acme_directory: String,
    /// PEM file: the certificate of an authority of one's own.
    pub acme_root: Option<PathBuf>,
    /// Where what the authority gives is kept; by default beside the database.
    pub acme_folder: Option<PathBuf>,
    /// How long a client may take to agree on encryption.
    pub handshake_timeout_ms: u64,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificate: None,
            key: None,
            acme_names: Vec::new(),
            acme_contact: None,
            acme_directory: "https://acme-v02.api.letsencrypt.org/directory".to_owned(),
            acme_root: None,
            acme_folder: None,
            handshake_timeout_ms: 10_000,
        }
    }
}

/// What the server takes from one client at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Open connections in all.
    pub connections_max: usize,
    /// Open connections from one address; addresses of this machine are exempt.
    pub connections_per_address_max: usize,
    /// The body of one request.
    pub body_max_bytes: usize,
    /// How long a client may take to send the head of a request.
    pub header_timeout_ms: u64,
    /// How long one request may take.
    pub request_timeout_ms: u64,
    /// How long requests may take to finish when the server stops.
    pub shutdown_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 12_000,
            connections_per_address_max: 500,
            body_max_bytes: 16 * 1024 * 1024,
            header_timeout_ms: 10_000,
            request_timeout_ms: 60_000,
            shutdown_timeout_ms: 10_000,
        }
    }
}

/// How long people stay signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Session {
    /// Without doing anything.
    pub idle_max_minutes: u32,
    /// However busy they are.
    pub absolute_max_hours: u32,
}

impl Default for Session {
    fn default() -> Self {
        Self { idle_max_minutes: 12 * 60, absolute_max_hours: 14 * 24 }
    }
}

/// How often somebody may try a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignIn {
    /// The time within which attempts are counted.
    pub window_minutes: u32,
    /// Wrong attempts at one account.
    pub attempts_per_account_max: u32,
    /// Wrong attempts from one address.
    pub attempts_per_address_max: u32,
}

impl Default for SignIn {
    fn default() -> Self {
        Self { window_minutes: 15, attempts_per_account_max: 10, attempts_per_address_max: 100 }
    }
}

/// Other systems through which people sign in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oidc {
    /// Each has a button on the sign-in page.
    pub providers: Vec<Provider>,
}

/// A system that speaks OpenID Connect: Entra ID, Keycloak, Google, ...
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// A word for addresses; it stays the same for ever, people are known by it.
    pub name: String,
    /// What its button says.
    pub label: String,
    /// Its address, as it writes it itself.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// And how we prove it, where it asks for that.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// What we ask for.
    #[serde(default = "usual_scopes")]
    pub scopes: String,
    /// The workspace of its people, where there are several.
    #[serde(default)]
    pub workspace: Option<String>,
}

fn usual_scopes() -> String {
    "openid email profile".to_owned()
}

/// How phones enrol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Device {
    /// How long an enrolment code is good for.
    pub code_minutes: u32,
}

impl Default for Device {
    fn default() -> Self {
        Self { code_minutes: 10 }
    }
}

/// Where the bytes of files are kept, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Files {
    /// The folder; by default beside the database. Uploads under way are always here.
    pub folder: Option<PathBuf>,
    /// The bucket, when contents are kept in S3 or what speaks like it.
    pub bucket: Option<String>,
    /// Its region.
    pub region: String,
    /// Its address, where it is not Amazon's.
    pub endpoint: Option<String>,
    /// Who we are there.
    pub access_key: Option<String>,
    /// And how we prove it.
    pub secret_key: Option<Secret>,
    /// One file.
    pub file_max_bytes: u64,
    /// All files of a workspace.
    pub quota_bytes: u64,
    /// How long an upload may take, with all its interruptions.
    pub upload_days: u32,
    /// A program that is given the path of each new file, and answers 0 when it is clean.
    pub scanner: Option<PathBuf>,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            folder: None,
            bucket: None,
            region: "us-east-1".to_owned(),
            endpoint: None,
            access_key: None,
            secret_key: None,
            file_max_bytes: 200 * 1024 * 1024,
            quota_bytes: 50 * 1024 * 1024 * 1024,
            upload_days: 7,
            scanner: None,
        }
    }
}

/// Whom webhooks may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Addresses of this network that may be called, without encryption too.
    pub allow_private: Vec<std::net::IpAddr>,
}

/// How reports go out by mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mail {
    /// The mail server: `smtps://user:password@mail.example.com`.
    pub url: Option<Secret>,
    /// Who the letters are from.
    pub from: String,
}

impl Default for Mail {
    fn default() -> Self {
        Self { url: None, from: "Rapport <rapport@localhost>".to_owned() }
    }
}

/// What the server says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// Which lines are written.
    pub level: LogLevel,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: LogLevel::Info }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for log collectors.
    Json,
}

/// The least severity that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Failures.
    Error,
    /// And what may become one.
    Warn,
    /// And every request.
    Info,
    /// And what a request did.
    Debug,
}

impl LogLevel {
    /// The word, as log filters know it.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        }
    }
}

/// Who may read the server's metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// What a collector sends as `Authorization: Bearer`; without one, this machine may read them.
    pub token: Option<Secret>,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

/// Why the server does not start with what it was told.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or not readable.
    #[error("cannot read the configuration file `{}`", path.display())]
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
    #[error("{place}: there is no key `{key}`; did you mean `{nearest}`?")]
    UnknownKey {
        /// The file, or the environment.
        place: String,
        /// What was written.
        key: String,
        /// What may have been meant, written the same way.
        nearest: String,
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
            return Err(ConfigError::UnknownKey { place: format!("`{}`", path.display()), nearest: meant::nearest(&key, &known), key });
        }
        toml::from_str(&text).map_err(syntax)
    }

    fn with_variable(self, name: &str, text: &str) -> Result<Self, ConfigError> {
        let known = Self::keys();
        let Some(key) = known.iter().find(|key| variable(key) == name) else {
            let variables: Vec<String> = known.iter().map(|key| variable(key)).collect();
            return Err(ConfigError::UnknownKey {
                place: "environment".to_owned(),
                key: name.to_owned(),
                nearest: meant::nearest(name, &variables),
            });
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
            ("device.code_minutes", u64::from(self.device.code_minutes)),
            ("files.file_max_bytes", self.files.file_max_bytes),
            ("files.upload_days", u64::from(self.files.upload_days)),
        ];
        let bad = |key: &str, value: &str, expected: &str| {
            Err(ConfigError::BadValue { key: format!("`{key}`"), value: value.to_owned(), expected: expected.to_owned() })
        };
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
            _ => Ok(()),
        }
    }

    /// Whether people reach the server over HTTPS, from it or from a proxy in front of it.
    pub fn is_https(&self) -> bool {
        self.tls.certificate.is_some()
            || !self.tls.acme_names.is_empty()
            || self.listen.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }

    /// How to open the database.
    pub fn store_options(&self) -> store::Options {
        store::Options {
            path: self.database.path.clone(),
            readers: self.database.readers,
            busy_timeout: std::time::Duration::from_millis(self.database.busy_timeout_ms),
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

/// The dotted names of the leaves.
fn keys_of(table: &Value) -> Vec<String> {
    let sections = table.as_object().into_iter().flatten();
    let leaves = |(section, value): (&String, &Value)| match value.as_object().filter(|leaves| !leaves.is_empty()) {
        Some(leaves) => leaves.keys().map(|leaf| format!("{section}.{leaf}")).collect(),
        None => vec![section.clone()],
    };
    sections.flat_map(leaves).collect()
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

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| serde::de::Error::custom("expected an address and a port, such as `127.0.0.1:8080` or `[::]:443`"))
}

fn public_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', ' ']) => Ok(Some(text)),
        _ => Err(serde::de::Error::custom("expected `https://` and a host without a path, such as `https://crm.example.com`")),
    }
}

mod meant;
#[cfg(test)]
mod tests;

//! What an operator may set: defaults < file < environment, and a typing mistake is an error.
//!
//! `Config` is the one list of keys. The file is TOML; the environment overrides single keys, as in
//! `RAPPORT_LISTEN__ADDRESS`. `rapport.example.toml` explains each key and is held to the defaults
//! by a test.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

use crate::store;

mod error;
mod reading;
#[cfg(test)]
mod tests;

pub use error::ConfigError;

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
    /// How codes of the second factor go out by SMS.
    pub sms: Sms,
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

/// How codes of the second factor go out by SMS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sms {
    /// What sends them: the address of a provider, or of what speaks to one.
    pub url: Option<String>,
    /// What requests to it are signed with: `whsec_` and base 64.
    pub secret: Option<Secret>,
    /// How long it may take: somebody waits for their page.
    pub timeout_ms: u64,
}

impl Default for Sms {
    fn default() -> Self {
        Self { url: None, secret: None, timeout_ms: 10_000 }
    }
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
    /// The keys under which contents lie sealed, one a line; made when it is not there. None: they lie as they are.
    pub key_file: Option<PathBuf>,
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
            key_file: None,
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
    /// Ports that may be called beside 443, and 80 where no encryption is asked for.
    pub allow_ports: Vec<u16>,
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

impl Config {
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

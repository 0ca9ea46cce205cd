//! Log lines: to standard error, for people or for collectors; never a field value, token or password.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Our own lines at the configured level; of the libraries, only what may become a failure. Their
/// lower levels show headers, and with them tokens.
pub fn filter(log: &Log) -> EnvFilter {
    let level = log.level.as_str();
    EnvFilter::new(format!("warn,rapport_server={level},sync_core={level}"))
}

/// Begins to log. A second call changes nothing.
pub fn start(log: &Log) {
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter(log)).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    // An error means that somebody, such as a test, logs already.
    match log.format {
        LogFormat::Text => lines.try_init().ok(),
        LogFormat::Json => lines.json().try_init().ok(),
    };
    std::panic::set_hook(Box::new(log_panic));
}

/// Says where a panic was. What it says could hold somebody's data, so it is not repeated.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(String::new, ToString::to_string);
    tracing::error!(place, "a task panicked");
}

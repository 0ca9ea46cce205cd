//! `rapport serve`.

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use crate::config::Config;

/// Serve phones, browsers and integrations
///
/// Runs until it is interrupted or told to terminate; requests that are running then finish first.
/// SIGHUP makes it read its certificate again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rapport serve                                       on http://127.0.0.1:8080, for this machine only
  rapport serve --config /etc/rapport/rapport.toml    with a certificate, for everybody
  RAPPORT_LISTEN__ADDRESS=127.0.0.1:9000 rapport serve")]
pub struct Serve {}

impl Serve {
    /// Serves.
    pub async fn run(self, config: Config) -> anyhow::Result<()> {
        raise_open_files(config.limits.connections_max as u64 + FILES_BESIDES_CONNECTIONS);
        let address = config.listen.address;
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen on {address}: stop the program that has it, or choose another with `listen.address` or RAPPORT_LISTEN__ADDRESS")
        })?;
        Ok(crate::serve(config, listener, told_to_stop()).await?)
    }
}

/// The database, its connections, the log, and what libraries open.
const FILES_BESIDES_CONNECTIONS: u64 = 200;

/// Each connection is an open file, and the usual limit of 1024 is far below what the server takes:
/// raises it as far as is needed and allowed, and says so when that is not enough.
fn raise_open_files(needed: u64) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let allowed = limit.maximum.unwrap_or(u64::MAX);
        if limit.current.is_none_or(|current| current >= needed) {
            return;
        }
        let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(needed.min(allowed)), maximum: limit.maximum });
        if raised.is_err() || allowed < needed {
            tracing::warn!(
                needed,
                allowed,
                "the system allows fewer open files than `limits.connections_max` needs (ulimit -n, LimitNOFILE)"
            );
        }
    }
    #[cfg(not(unix))]
    let _ = needed;
}

async fn told_to_stop() {
    let interrupted = async {
        // Without a handler the default stays in force, which ends the process just as well.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            () = interrupted => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    interrupted.await;
}

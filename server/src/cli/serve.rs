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
        let address = config.listen.address;
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        Ok(crate::serve(config, listener, told_to_stop()).await?)
    }
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

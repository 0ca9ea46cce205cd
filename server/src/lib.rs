//! The Rapport server: checks, merges and keeps every change.
//!
//! `serve` is all of it: the doors (`router`), behind a listener that has limits (`listen`, `tls`),
//! over one database (`store`). The command line (`cli`) is the other way in.

pub mod acme;
pub mod api;
pub mod app;
pub mod audit;
pub mod auth;
mod body;
pub mod calendar;
mod capture;
mod cards;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod demo;
pub mod error;
pub mod feed;
pub mod files;
pub mod hooks;
pub mod intake;
pub mod jobs;
pub mod language;
mod listen;
pub mod log;
mod metrics;
pub mod people;
mod place;
pub mod privacy;
pub mod projection;
pub mod qr;
pub mod reading;
pub mod ready;
pub mod rights;
pub mod router;
mod routes;
mod seal;
pub mod store;
pub mod sync;
mod tally;
pub mod tls;
mod watch;
pub mod writing;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub use app::App;
pub use config::Config;
pub use console::requests;
pub use error::Error;

/// How often measurements are folded together when nobody reads them.
const FOLD_EVERY: Duration = Duration::from_secs(10);

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Passwords would travel in the clear.
    #[error(
        "plain HTTP is only served on this machine, and {0} is reachable from others: set `tls.certificate` and `tls.key`, \
         or set `listen.address` to 127.0.0.1 and put a proxy with HTTPS in front (`listen.public_url`)"
    )]
    PlainHttp(SocketAddr),
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The database cannot be used.
    #[error(transparent)]
    Open(#[from] store::OpenError),
    /// What was erased may be here again.
    #[error("the ledger of erasures cannot be applied: {0}")]
    Erasure(String),
    /// The keys of contents cannot be used.
    #[error("contents of files cannot be opened or sealed: {0}")]
    Files(#[from] files::FileError),
    /// The listener has no address.
    #[error("the listener cannot be used")]
    Listener(#[from] std::io::Error),
}

/// Serves until `shutdown`, then finishes what is running and closes the database.
///
/// # Errors
/// When it cannot start safely.
pub async fn serve(config: Config, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    let app = App::open(config, clock::Clock::system()).await?;
    serve_app(app, listener, shutdown).await
}

/// As [`serve`], for an [`App`] that is open already.
///
/// # Errors
/// When it cannot start safely.
pub async fn serve_app(app: App, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    let (address, config) = (listener.local_addr()?, Arc::clone(&app.config));
    let acme = match config.tls.acme_names.is_empty() {
        true => None,
        false => Some(acme::Acme::new(&config.tls, app.store.path())?),
    };
    let tls = match (&config.tls.certificate, &config.tls.key) {
        _ if acme.is_some() => acme.as_ref().map(|acme| Arc::new(tls::Tls::of(Arc::clone(&acme.server)))),
        (Some(certificate), Some(key)) => Some(Arc::new(tls::Tls::read(certificate, key)?)),
        _ if address.ip().is_loopback() => None,
        _ => return Err(ServeError::PlainHttp(address)),
    };
    // A backup from before an erasure may have been restored.
    match privacy::reapply(&app).await {
        Ok(0) => {}
        Ok(again) => tracing::info!(again, "records that had been erased were erased again"),
        Err(error) => return Err(ServeError::Erasure(error.to_string())),
    }
    app.files.prepare(&app.store).await?;
    metrics::start();
    let background = background(&app, tls.clone(), acme);
    let door = listen::Door {
        router: router::router(app.clone()),
        tls,
        handshake_timeout: Duration::from_millis(config.tls.handshake_timeout_ms),
        limits: config.limits.clone(),
    };
    tracing::info!(%address, https = config.is_https(), database = %app.store.path().display(), "serving");
    let stop = async {
        shutdown.await;
        tracing::info!("stopping");
        app.stop();
    };
    door.run(listener, stop).await;
    drop(background);
    app.store.close().await;
    Ok(())
}

/// What runs beside the doors; dropping the set ends it.
fn background(app: &App, tls: Option<Arc<tls::Tls>>, acme: Option<acme::Acme>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(app.auth.clone().housekeeping());
    tasks.spawn(files::housekeeping(app.clone()));
    tasks.spawn(jobs::index::follow(app.clone()));
    tasks.spawn(jobs::duplicates::follow(app.clone()));
    tasks.spawn(jobs::sequences::follow(app.clone()));
    tasks.spawn(jobs::reporting::follow(app.clone()));
    tasks.spawn(jobs::columns::follow(app.clone()));
    tasks.spawn(jobs::proofs::follow(app.clone()));
    tasks.spawn(hooks::run(app.clone()));
    tasks.spawn(jobs::handover::resume(app.clone()));
    tasks.spawn(jobs::deadlines::run(app.clone()));
    tasks.spawn(jobs::overstays::run(app.clone()));
    tasks.spawn(jobs::others::run(app.clone()));
    tasks.spawn(jobs::heads::run(app.clone()));
    tasks.spawn(jobs::retention::run(app.clone()));
    tasks.spawn(console::requests::run(app.clone()));
    tasks.spawn(console::mails::run(app.clone()));
    tasks.spawn(async {
        loop {
            tokio::time::sleep(FOLD_EVERY).await;
            metrics::fold();
        }
    });
    match (acme, tls) {
        (Some(acme), _) => drop(tasks.spawn(acme.keep_fresh())),
        (None, Some(tls)) => drop(tasks.spawn(tls.keep_fresh())),
        (None, None) => {}
    }
    tasks
}

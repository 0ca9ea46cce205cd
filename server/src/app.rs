//! What every door holds: the store, who is asking, the clock, the configuration.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use tokio::sync::watch;

use crate::auth::Auth;
use crate::auth::oidc::Providers;
use crate::auth::secret::random;
use crate::clock::Clock;
use crate::config::Config;
use crate::files::Files;
use crate::intake::{Intake, ServerPen};
use crate::jobs::runs::Runs;
use crate::jobs::upload::Uploads;
use crate::people;
use crate::store::{OpenError, Store};
use crate::sync::Door;

/// The running server's parts; cloning is cheap. Handlers take it as `State<App>`.
#[derive(Clone)]
pub struct App {
    /// What the operator set.
    pub config: Arc<Config>,
    /// The database.
    pub store: Store,
    /// Who is asking.
    pub auth: Auth,
    /// Other systems that say who somebody is.
    pub providers: Providers,
    /// What time it is.
    pub clock: Clock,
    /// The bytes of files.
    pub files: Files,
    /// Whose turn it is to tell webhooks.
    pub hooks: crate::hooks::Round,
    /// The write path.
    pub intake: Intake,
    /// How what runs beside the doors went.
    pub runs: Runs,
    /// Files that are being brought in.
    pub uploads: Uploads,
    /// What was read through the API page by page.
    pub(crate) taken: crate::api::Taken,
    /// What was handed out to devices.
    downloads: crate::sync::Downloads,
    /// Held by whoever gives records their numbers: two at once would waste some.
    pub(crate) numbering: Arc<tokio::sync::Mutex<()>>,
    /// Held by whoever asks people for their words on edits: one at a time.
    pub(crate) requesting: Arc<tokio::sync::Mutex<crate::console::requests::PassedOver>>,
    /// Held by whoever carries out retention rules: one at a time.
    pub(crate) retaining: Arc<tokio::sync::Mutex<()>>,
    stopping: watch::Sender<bool>,
}

impl App {
    /// The server's own address, as its clients know it.
    pub fn address(&self, headers: &HeaderMap) -> String {
        let host = || headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let scheme = if self.config.is_https() { "https" } else { "http" };
        self.config.listen.public_url.clone().unwrap_or_else(|| format!("{scheme}://{}", host()))
    }

    /// Opens the database and puts the parts together.
    ///
    /// # Errors
    /// When the database cannot be opened safely.
    pub async fn open(config: Config, clock: Clock) -> Result<Self, OpenError> {
        let store = Store::open(&config.store_options()).await?;
        let auth = Auth::new(&config, store.clone(), clock.clone());
        let shut_out = auth.follow_ledger().await?;
        let intake = Intake::start(store.clone(), ServerPen::new(random()), None).await?;
        let files = Files::new(&config);
        let providers = Providers::new(config.oidc.providers.clone());
        let uploads = Uploads::beside(store.path());
        let app = Self {
            config: Arc::new(config),
            store,
            auth,
            providers,
            files,
            hooks: crate::hooks::Round::default(),
            clock,
            intake,
            runs: Runs::default(),
            uploads,
            taken: crate::api::Taken::default(),
            downloads: crate::sync::Downloads::default(),
            numbering: Arc::default(),
            requesting: Arc::default(),
            retaining: Arc::default(),
            stopping: watch::Sender::new(false),
        };
        for (workspace, user) in shut_out {
            // The account is shut already; this has the record that others read say so, and phones hand back what they hold.
            let author = people::author(&app, workspace, None);
            if let Err(error) = people::set_active(&app, &author, user, false).await {
                tracing::warn!(%user, error = &error as &dyn std::error::Error, "the record of somebody who was shut out does not say so");
            }
        }
        Ok(app)
    }

    /// What answers devices.
    pub fn door(&self) -> Door {
        Door { store: self.store.clone(), intake: self.intake.clone(), downloads: self.downloads.clone() }
    }

    /// Tells live connections and jobs to finish.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Returns when the server is asked to stop. For live connections and jobs to wait for.
    pub async fn until_stopping(&self) {
        let mut stopping = self.stopping.subscribe();
        // An error means that the sender is gone, which it is not while `self` lives.
        stopping.wait_for(|stopping| *stopping).await.ok();
    }

    /// Lets so much time pass. Answers whether the server goes on: when it stops, nothing is waited for.
    pub async fn pause(&self, span: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(span) => true,
            () = self.until_stopping() => false,
        }
    }
}

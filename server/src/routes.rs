//! Routes that are known by their addresses, too: a test holds every one of them to what it promises.
//!
//! Axum's own router forgets what it was given. No route reaches the server but through here.

use std::convert::Infallible;

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, Route};
use tower::{Layer, Service};

use crate::app::App;

/// Some routes, with the list of their addresses.
#[derive(Default)]
pub struct Routes {
    router: Router<App>,
    paths: Vec<&'static str>,
}

impl Routes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one address more.
    #[must_use]
    pub fn route(mut self, path: &'static str, methods: MethodRouter<App>) -> Self {
        self.paths.push(path);
        Self { router: self.router.route(path, methods), ..self }
    }

    /// With others.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.paths.extend(other.paths);
        Self { router: self.router.merge(other.router), ..self }
    }

    /// All that are here so far, behind a guard.
    #[must_use]
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Response: IntoResponse, Error: Into<Infallible>, Future: Send> + Clone + Send + Sync + 'static,
    {
        Self { router: self.router.layer(layer), ..self }
    }

    /// The addresses, as they were written: `/records/{kind}/{id}`.
    pub fn paths(&self) -> &[&'static str] {
        &self.paths
    }

    /// For the server.
    pub fn into_router(self) -> Router<App> {
        self.router
    }
}

//! Connections: accepted within limits, encrypted, cut when they dawdle, finished when the server stops.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use crate::auth::{Peer, network};
use crate::config::Limits;
use crate::metrics;
use crate::tls::Tls;

/// An HTTP/2 connection that says nothing is asked whether it is there: phones vanish silently.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What runs at once over one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;

/// How long to wait when the system has no more connections to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers connections with a router.
pub struct Door {
    /// What answers.
    pub router: Router,
    /// Encryption, unless the listener is on loopback.
    pub tls: Option<Arc<Tls>>,
    /// How long the handshake may take.
    pub handshake_timeout: Duration,
    /// The rest of the limits.
    pub limits: Limits,
}

impl Door {
    /// Accepts until `shutdown`, then lets running requests finish for as long as they may.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let wait = Duration::from_millis(self.limits.shutdown_timeout_ms);
        let door = Arc::new(self);
        let open = Arc::new(Open::default());
        tokio::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => door.admit(stream, peer, &open, graceful.watcher()),
                Err(error) => pause(&error).await,
            }
        }
        drop(listener);
        if tokio::time::timeout(wait, graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests did not finish in time and were cut");
        }
    }

    /// Serves a connection in a task of its own, unless there are too many.
    fn admit(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, open: &Arc<Open>, watcher: Watcher) {
        let place = match open.enter(peer.ip(), &self.limits) {
            Ok(place) => place,
            Err(limit) => return metrics::connection_refused(limit),
        };
        let door = Arc::clone(self);
        tokio::spawn(async move {
            // Answers are small and complete: waiting to fill a packet only adds delay.
            stream.set_nodelay(true).ok();
            match &door.tls {
                None => door.serve(stream, peer, watcher).await,
                Some(tls) => match tokio::time::timeout(door.handshake_timeout, tls.acceptor().accept(stream)).await {
                    Ok(Ok(stream)) => door.serve(stream, peer, watcher).await,
                    // A scanner, or somebody who does not trust the certificate: counted, not logged.
                    Ok(Err(_)) | Err(_) => metrics::connection_refused("handshake"),
                },
            }
            drop(place);
        });
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: S, peer: SocketAddr, watcher: Watcher) {
        let spoken = Arc::new(AtomicBool::new(false));
        let (heard, router) = (Arc::clone(&spoken), self.router.clone());
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            heard.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(Peer(peer.ip()));
            router.clone().oneshot(request.map(axum::body::Body::new))
        });
        let builder = self.builder();
        let connection = watcher.watch(builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned());
        tokio::pin!(connection);
        // hyper's own timeout begins with HTTP/1 heads: before it knows the version, or before the
        // first HTTP/2 request, a silent connection would cost its place for ever.
        let first = tokio::time::timeout(Duration::from_millis(self.limits.header_timeout_ms), connection.as_mut()).await;
        if first.is_err() && spoken.load(Ordering::Relaxed) {
            // What goes wrong from here on is the client's connection, which ends with it.
            connection.await.ok();
        }
    }

    fn builder(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        // Without a timer, hyper's timeouts do nothing at all.
        builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_millis(self.limits.header_timeout_ms));
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT)
            .max_concurrent_streams(STREAMS_MAX);
        builder
    }
}

/// The system is out of file handles, or a client left before it was accepted: neither ends the server.
async fn pause(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "cannot accept connections");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// The connections that are open, by where they come from.
#[derive(Default)]
struct Open(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    total: usize,
    by_network: HashMap<IpAddr, usize>,
}

/// A connection's place among those that are open; dropping it gives it back.
struct Place {
    open: Arc<Open>,
    network: IpAddr,
}

impl Open {
    /// Takes a place, or says which limit was reached.
    fn enter(self: &Arc<Self>, address: IpAddr, limits: &Limits) -> Result<Place, &'static str> {
        let network = network(address);
        let mut counts = self.counts();
        if counts.total >= limits.connections_max {
            return Err("total");
        }
        let mine = counts.by_network.entry(network).or_default();
        // A proxy on this machine brings everybody's connections.
        if *mine >= limits.connections_per_address_max && !address.to_canonical().is_loopback() {
            return Err("address");
        }
        *mine += 1;
        counts.total += 1;
        metrics::connection_opened();
        Ok(Place { open: Arc::clone(self), network })
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        // Counting cannot panic half-way, so a poisoned lock holds right numbers.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.open.counts();
        counts.total -= 1;
        if let Some(mine) = counts.by_network.get_mut(&self.network) {
            *mine -= 1;
            if *mine == 0 {
                counts.by_network.remove(&self.network);
            }
        }
        metrics::connection_closed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_cannot_take_all_places() {
        let limits = Limits { connections_max: 5, connections_per_address_max: 2, ..Limits::default() };
        let open = Arc::new(Open::default());
        let enter = |address: &str| open.enter(address.parse().unwrap(), &limits);
        let places: Vec<_> = ["2001:db8::1", "2001:db8::2"].map(enter).into_iter().map(Result::unwrap).collect();
        assert_eq!(enter("2001:db8::3").err(), Some("address"), "a /64 is one network");
        let others: Vec<_> = ["192.0.2.1", "127.0.0.1", "127.0.0.1"].map(enter).into_iter().map(Result::unwrap).collect();
        assert_eq!(enter("198.51.100.1").err(), Some("total"));
        drop((places, others));
        assert!(open.counts().by_network.is_empty());
        let own: Vec<_> = ["127.0.0.1"; 5].map(enter).into_iter().map(Result::unwrap).collect();
        assert_eq!(own.len(), 5, "this machine is exempt");
    }
}

//! Measurements in Prometheus' format. Labels are few and never hold what a client sent.

use std::sync::OnceLock;
use std::time::Duration;

use ::metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::app::App;
use crate::auth::{ClientAddress, bearer_is};
use crate::error::Error;

const REQUESTS: &str = "rapport_request_seconds";
const CONNECTIONS: &str = "rapport_connections";
const REFUSED: &str = "rapport_connections_refused_total";
const WAL: &str = "rapport_wal_bytes";
const MEMORY: &str = "process_resident_memory_bytes";

/// From a cached answer to the longest that is allowed.
const BUCKETS_S: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The recorder of this process: the `metrics` crate knows one.
fn recorder() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE.get_or_init(|| install().inspect_err(|error| tracing::warn!(error, "there will be no metrics")).ok()).as_ref()
}

fn install() -> Result<PrometheusHandle, String> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS_S)
        .map_err(|error| error.to_string())?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    ::metrics::set_global_recorder(recorder).map_err(|error| error.to_string())?;
    describe_histogram!(REQUESTS, "Time to answer a request, by route, method and status");
    describe_gauge!(CONNECTIONS, "Open connections");
    describe_counter!(REFUSED, "Connections closed at once, by the limit that was reached");
    describe_gauge!(WAL, "Size of the write-ahead log; growth without end means a reader that never ends");
    describe_gauge!(MEMORY, "Memory of the process that is in RAM");
    Ok(handle)
}

/// Begins to measure. Before it is called, measurements are dropped.
pub fn start() {
    recorder();
}

/// Measurements are folded together when they are read, and by this when nobody reads them: they
/// would pile up otherwise.
pub fn fold() {
    if let Some(handle) = recorder() {
        handle.run_upkeep();
    }
}

/// One request was answered.
pub fn request(method: &'static str, route: String, status: u16, took: Duration) {
    histogram!(REQUESTS, "method" => method, "route" => route, "status" => status.to_string()).record(took.as_secs_f64());
}

/// A connection was opened.
pub fn connection_opened() {
    gauge!(CONNECTIONS).increment(1.0);
}

/// A connection was closed.
pub fn connection_closed() {
    gauge!(CONNECTIONS).decrement(1.0);
}

/// A connection was closed at once: `total`, `address`, `handshake`.
pub fn connection_refused(limit: &'static str) {
    counter!(REFUSED, "limit" => limit).increment(1);
}

/// `GET /metrics`: with the configured token, or, where there is none, from this very machine.
///
/// # Errors
/// When the caller may not read them.
pub async fn answer(State(app): State<App>, request: Request) -> Result<Response, Error> {
    let (mut parts, _) = request.into_parts();
    let Ok(ClientAddress(address)) = ClientAddress::from_request_parts(&mut parts, &app).await;
    let proxied = ["forwarded", "x-forwarded-for"].iter().any(|name| parts.headers.contains_key(*name));
    let allowed = match &app.config.metrics.token {
        Some(token) => bearer_is(&parts.headers, &token.0),
        None => address.is_loopback() && !proxied,
    };
    if !allowed {
        return Err(Error::NotFound);
    }
    gauge!(WAL).set(app.store.wal_bytes() as f64);
    if let Some(bytes) = resident_memory_bytes() {
        gauge!(MEMORY).set(bytes);
    }
    let text = recorder().map(PrometheusHandle::render).unwrap_or_default();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// From Linux's `/proc`; elsewhere not known.
fn resident_memory_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    kib.trim().trim_end_matches("kB").trim().parse::<f64>().ok().map(|kib| kib * 1024.0)
}

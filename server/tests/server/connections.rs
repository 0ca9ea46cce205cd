//! The listener: who dawdles, who is too many, who speaks in the clear, and how it stops.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rapport_server::{Config, ServeError, serve};
use reqwest::Method;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sync_core::net::{NetError, Server as Remote};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{PASSWORD, Server, client, client_trusting};

/// Long enough for a busy machine; nothing here waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends this and answers what comes until the server closes.
async fn say(server: &Server, text: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset instead of a close is as good an end.
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server never closed").ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn plain_http_is_refused_where_others_can_reach_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.database.path = folder.path().join("rapport.db");
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = serve(config, listener, std::future::pending()).await.unwrap_err();
    assert!(matches!(refused, ServeError::PlainHttp(_)));
    for hint in ["tls.certificate", "tls.key", "listen.address", "listen.public_url"] {
        assert!(refused.to_string().contains(hint), "{refused} lacks {hint}");
    }
}

struct Pem {
    certificate: String,
    key: String,
}

fn certificate() -> Pem {
    certificate_for("localhost", 2020, 4000)
}

/// A certificate for a name, good from one year to another.
fn certificate_for(name: &str, from: i32, to: i32) -> Pem {
    let mut made = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    (made.not_before, made.not_after) = (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(to, 1, 1));
    let key = rcgen::KeyPair::generate().unwrap();
    Pem { certificate: made.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

/// A server that shows this certificate.
async fn showing(folder: &Path, pem: &Pem) -> Server {
    let (certificate_file, key_file) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate_file, &pem.certificate).unwrap();
    std::fs::write(&key_file, &pem.key).unwrap();
    Server::start_with(|config| {
        config.tls.certificate = Some(certificate_file);
        config.tls.key = Some(key_file);
        config.tls.handshake_timeout_ms = 300;
    })
    .await
}

#[tokio::test]
async fn a_phone_talks_only_to_a_server_whose_certificate_is_of_its_name_and_of_this_time() {
    for (name, from, to, convinces) in [
        ("localhost", 2020, 4000, true),
        ("elsewhere.example", 2020, 4000, false),
        ("localhost", 2019, 2020, false),
        ("localhost", 3999, 4000, false),
    ] {
        let (folder, pem) = (tempfile::tempdir().unwrap(), certificate_for(name, from, to));
        let server = showing(folder.path(), &pem).await;
        let address = format!("https://localhost:{}", server.address.port());
        let phone = Remote::with_root(&address, Some(pem.certificate.into_bytes())).unwrap();
        let answer = phone.ping().await;
        assert_eq!(answer.is_ok(), convinces, "{name} from {from} to {to}: {answer:?}");
        assert!(convinces || matches!(answer, Err(NetError::Unreachable(_))), "{answer:?}");
    }
}

/// Which version of TLS a client that knows these agrees on with a server.
async fn agreed(server: &Server, pem: &Pem, known: &[&'static rustls::SupportedProtocolVersion]) -> Option<rustls::ProtocolVersion> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.certificate.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(known).unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(server.address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.ok()?;
    stream.get_ref().1.protocol_version()
}

#[tokio::test]
async fn the_newest_tls_that_both_sides_know_is_spoken() {
    use rustls::version::{TLS12, TLS13};
    let (folder, pem) = (tempfile::tempdir().unwrap(), certificate());
    let server = showing(folder.path(), &pem).await;
    assert_eq!(agreed(&server, &pem, &[&TLS12, &TLS13]).await, Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(agreed(&server, &pem, &[&TLS12]).await, Some(rustls::ProtocolVersion::TLSv1_2));
    // A greeting that knows TLS 1.0 only (RFC 2246, 7.4.1.2).
    let mut greeting = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1];
    greeting.extend([7; 32]);
    greeting.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&greeting).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the server never closed").ok();
    // An alert of the level "fatal", and nothing else.
    assert_eq!((answer.first(), answer.get(5)), (Some(&0x15), Some(&2)), "{answer:x?}");
}

#[tokio::test]
async fn tls_convinces_who_trusts_the_certificate_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (pem, other) = (certificate(), certificate());
    let server = showing(folder.path(), &pem).await;
    let url = format!("https://localhost:{}/healthz", server.address.port());
    let answer = client_trusting(&[&pem.certificate]).get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("strict-transport-security"));
    for trusted in [&[][..], &[other.certificate.as_str()]] {
        assert!(client_trusting(trusted).get(&url).send().await.is_err());
    }
    assert_eq!(say(&server, "").await, "", "a client that never shakes hands is cut");
    assert!(client().get(format!("http://{}/healthz", server.address)).send().await.is_err(), "nothing is served in the clear");
}

#[tokio::test]
async fn a_certificate_and_a_key_that_do_not_match_are_refused_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.database.path = folder.path().join("rapport.db");
    config.tls.certificate = Some(folder.path().join("cert.pem"));
    config.tls.key = Some(folder.path().join("key.pem"));
    for (certificate_text, key, part) in [
        (certificate().certificate, certificate().key, "cannot be used"),
        ("no certificate".to_owned(), certificate().key, "cert.pem"),
        (certificate().certificate, "no key".to_owned(), "key.pem"),
    ] {
        std::fs::write(folder.path().join("cert.pem"), certificate_text).unwrap();
        std::fs::write(folder.path().join("key.pem"), key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let refused = serve(config.clone(), listener, std::future::pending()).await.unwrap_err();
        assert!(refused.to_string().contains(part), "{refused}");
    }
}

#[tokio::test]
async fn who_dawdles_is_cut() {
    let server = Server::start_with(|config| config.limits.header_timeout_ms = 200).await;
    // Nothing at all, the beginning of a head, and what could become HTTP/2.
    for text in ["", "GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let answer = say(&server, text).await;
        assert!(!answer.contains("200 OK"), "{text:?}: {answer}");
    }
    assert_eq!(server.get("/healthz", &[]).await.status, 200, "others are served");
}

#[tokio::test]
async fn a_body_that_drips_in_does_not_hold_the_server() {
    let server = Server::start_with(|config| config.limits.request_timeout_ms = 200).await;
    let head =
        "POST /api/v1/sign-in HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    let answer = say(&server, head).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn too_many_connections_are_closed_at_once() {
    let server = Server::start_with(|config| config.limits.connections_max = 1).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    first.read_u8().await.unwrap();
    assert_eq!(say(&server, "").await, "");
}

#[tokio::test]
async fn bodies_have_a_limit_and_no_encoding() {
    let server = Server::start_with(|config| config.limits.body_max_bytes = 1000).await;
    let json = ("content-type", "application/json");
    let large = server.send(Method::POST, "/api/v1/sign-in", &[json], "x".repeat(1001)).await;
    assert_eq!((large.status.as_u16(), large.code().as_str()), (413, "too_large"));
    let packed = server.send(Method::POST, "/api/v1/sign-in", &[json, ("content-encoding", "gzip")], "x").await;
    assert_eq!((packed.status.as_u16(), packed.code().as_str()), (415, "unsupported"));
    let chunked = "POST /sync/enrol HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = say(&server, &format!("{chunked}7d0\r\n{}\r\n0\r\n\r\n", "x".repeat(2000))).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "without a length it is counted: {answer}");
}

#[tokio::test]
async fn every_answer_tells_browsers_what_they_may_do() {
    let server = Server::start().await;
    for (method, path) in [(Method::GET, "/sign-in"), (Method::GET, "/healthz"), (Method::GET, "/nowhere"), (Method::PUT, "/sign-in")] {
        let answer = server.send(method, path, &[], "").await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
    }
    assert_eq!(server.get("/nowhere", &[]).await.code(), "not_found");
    assert_eq!(server.send(Method::DELETE, "/healthz", &[], "").await.code(), "method_not_allowed");
}

#[tokio::test]
async fn operators_see_health_and_measurements_without_anybodys_data() {
    let server = Server::start_with(|config| config.listen.trust_forwarded_for = true).await;
    let health = server.get("/healthz", &[]).await.json();
    assert_eq!((health["status"].as_str(), health["synchronous"].as_str()), (Some("ok"), Some("full")));
    assert_eq!(server.get("/readyz", &[]).await.status, 200);
    server.get("/secret-path-of-a-scanner", &[]).await;
    let metrics = server.get("/metrics", &[]).await.text();
    for part in [
        "rapport_request_seconds_bucket",
        "route=\"/readyz\"",
        "rapport_connections ",
        "rapport_wal_bytes ",
        "process_resident_memory_bytes",
    ] {
        assert!(metrics.contains(part), "no {part} in {metrics}");
    }
    assert!(!metrics.contains("scanner"));
    assert_eq!(server.get("/metrics", &[("x-forwarded-for", "192.0.2.1")]).await.status, 404, "not for others");
}

#[tokio::test]
async fn with_a_token_measurements_are_for_who_holds_it() {
    use rapport_server::config::Secret;
    let server = Server::start_with(|config| config.metrics.token = Some(Secret("canary-metrics".to_owned()))).await;
    assert_eq!(server.get("/metrics", &[]).await.status, 404);
    assert_eq!(server.get("/metrics", &[("authorization", "Bearer canary-metricz")]).await.status, 404);
    assert_eq!(server.get("/metrics", &[("authorization", "Bearer canary-metrics")]).await.status, 200);
}

#[tokio::test]
async fn a_request_that_is_running_finishes_when_the_server_stops() {
    let mut server = Server::start().await;
    let body = serde_json::json!({"login": "ann", "password": PASSWORD}).to_string();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let length = body.len();
    let head = format!(
        "POST /api/v1/sign-in HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // "100 Continue" says that the handler waits for the body.
    let mut buffer = [0; 64];
    assert!(stream.read(&mut buffer).await.unwrap() > 0);
    server.ask_to_stop();
    server.app.until_stopping().await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer).contains("200 OK"));
    let address = server.address;
    server.stopped().await;
    assert!(TcpStream::connect(address).await.is_err());
}

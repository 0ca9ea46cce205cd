//! A running server with one workspace and two people, and a small client for it.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use rapport_server::clock::Clock;
use rapport_server::config::{Log, LogFormat, LogLevel};
use rapport_server::language::Language;
use rapport_server::store::people::{self, User};
use rapport_server::store::{owed, workspaces};
use rapport_server::{App, Config, ServeError, log, serve_app};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sync_core::id::{UserId, WorkspaceId};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::console::encoded;

pub const PASSWORD: &str = "canary-password-of-ann";
pub const START: i64 = 1_800_000_000_000;
pub const MINUTE: i64 = 60_000;

/// What a first visit may bring over the wire: a page, and all that it loads.
pub const VISIT_BYTES_MAX: usize = 150_000;
/// What styles, script and icons may bring of that, compressed as they are.
pub const ASSET_BYTES_MAX: usize = 30_000;
/// What is left for the page, which is never compressed.
pub const PAGE_BYTES_MAX: usize = VISIT_BYTES_MAX - ASSET_BYTES_MAX;

/// A clock that stands still until a test moves it.
#[derive(Clone)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub fn forward(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

pub struct Server {
    pub app: App,
    pub address: SocketAddr,
    pub clock: TestClock,
    pub workspace: WorkspaceId,
    pub ann: UserId,
    /// Goes when the test ends.
    _folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Result<(), ServeError>>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of a problem document.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::open(change, true).await
    }

    /// On a database that a server left behind.
    pub async fn start_again(change: impl FnOnce(&mut Config)) -> Self {
        Self::open(change, false).await
    }

    /// Without a workspace.
    pub async fn start_empty() -> Self {
        Self::open(|_| {}, false).await
    }

    /// The workspace and its people, as another process makes them.
    pub async fn add_people(&self) {
        people_of(&self.app, self.workspace, self.ann).await;
    }

    async fn open(change: impl FnOnce(&mut Config), is_new: bool) -> Self {
        capture_logs();
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.database.path = folder.path().join("rapport.db");
        change(&mut config);
        let clock = TestClock(Arc::new(AtomicI64::new(START)));
        let ticking = clock.clone();
        let app = App::open(config, Clock::of(move || ticking.now())).await.unwrap();
        let (workspace, ann) = (WorkspaceId::of_cause("test"), UserId::of_cause("ann"));
        if is_new {
            people_of(&app, workspace, ann).await;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve_app(app.clone(), listener, async {
            stopped.await.ok();
        }));
        Self { app, address, clock, workspace, ann, _folder: folder, stop: Some(stop), serving }
    }

    pub fn ask_to_stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub async fn stopped(self) {
        self.serving.await.unwrap().unwrap();
    }

    /// Waits until every row is what its kind says by now: kinds are followed behind the writer.
    pub async fn owes_nothing(&self) {
        for _ in 0..1_000 {
            if owed::debtors(&mut self.app.store.reader().await.unwrap()).await.unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("rows are still to be made again");
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        let mut request = client().request(method, format!("http://{}{path}", self.address)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, path, headers, "").await
    }

    /// A page, as a browser with a cookie asks for it.
    pub async fn browse(&self, cookie: &str, path: &str) -> Answer {
        self.get(path, &[("cookie", cookie), ("accept", "text/html")]).await
    }

    /// A form, as a browser with a cookie sends it.
    pub async fn submit(&self, cookie: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let headers = [
            ("cookie", cookie),
            ("accept", "text/html"),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        self.send(Method::POST, path, &headers, encoded(form)).await
    }

    pub async fn api_sign_in(&self, login: &str, password: &str) -> Answer {
        let body = json!({"login": login, "password": password}).to_string();
        self.send(Method::POST, "/api/v1/sign-in", &[("content-type", "application/json")], body).await
    }

    /// A token for the API.
    pub async fn token(&self) -> String {
        let answer = self.api_sign_in("ann", PASSWORD).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// Signs in as a browser does; the answer and the cookie to send from now on.
    pub async fn browser_sign_in(&self, headers: &[(&str, &str)]) -> (Answer, String) {
        self.browser_sign_in_with("ann", headers).await
    }

    /// As [`Server::browser_sign_in`], somebody else.
    pub async fn browser_sign_in_as(&self, login: &str) -> (Answer, String) {
        self.browser_sign_in_with(login, &[]).await
    }

    async fn browser_sign_in_with(&self, login: &str, headers: &[(&str, &str)]) -> (Answer, String) {
        let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
        let headers = [&form[..], headers].concat();
        let answer = self.send(Method::POST, "/sign-in", &headers, format!("login={login}&password={PASSWORD}")).await;
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        (answer, cookie)
    }

    /// Whether a request with these headers is recognised as ann's.
    pub async fn knows(&self, headers: &[(&str, &str)]) -> bool {
        match self.get("/api/v1/me", headers).await.status.as_u16() {
            200 => true,
            401 => false,
            other => panic!("unexpected {other}"),
        }
    }

    pub async fn knows_token(&self, token: &str) -> bool {
        self.knows(&[("authorization", &format!("Bearer {token}"))]).await
    }
}

async fn people_of(app: &App, workspace: WorkspaceId, ann: UserId) {
    let hash = app.auth.passwords().hash(PASSWORD).await.unwrap();
    let mut tx = app.store.begin().await.unwrap();
    workspaces::add(&mut tx, workspace, "main", [1; 16], workspaces::SealKey([2; 32]), START).await.unwrap();
    for (user, login) in [(ann, "ann"), (UserId::of_cause("bo"), "bo")] {
        let role = "office".parse().unwrap();
        let (login, name) = (login.to_owned(), login.to_owned());
        let user = User { workspace, user, login, name, role, language: Language::En, disabled_at: None, created_at: START };
        people::add_user(&mut tx, &user, &hash).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Lets webhooks reach receivers on this machine, at whatever port they got.
pub fn calling_itself(config: &mut Config) {
    config.webhooks.allow_private = vec!["127.0.0.1".parse().unwrap()];
    config.webhooks.allow_ports = (1..=u16::MAX).collect();
}

/// A client that trusts nobody, follows nothing, and keeps no cookies.
pub fn client() -> Client {
    client_trusting(&[])
}

pub fn client_trusting(certificates: &[&str]) -> Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    let certificates = certificates.iter().map(|pem| reqwest::Certificate::from_pem(pem.as_bytes()).unwrap());
    Client::builder().tls_certs_only(certificates).redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

/// What has been logged by all tests of this program, at the most talkative level.
pub fn logged() -> String {
    String::from_utf8_lossy(&LINES.lock().unwrap()).into_owned()
}

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn capture_logs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = log::filter(&Log { format: LogFormat::Text, level: LogLevel::Debug });
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Lines).init();
    });
}

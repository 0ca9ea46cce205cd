//! Signing in through another system: a real OpenID Connect provider on this machine, and the browser between.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rapport_server::config::Provider;
use rapport_server::language::Language;
use rapport_server::store::people::{self, User};
use reqwest::Method;
use serde_json::json;
use sync_core::id::UserId;

use crate::audit::entries;
use crate::harness::{Answer, START, Server, client};

/// A provider that runs until the test ends.
struct House {
    child: Child,
    address: SocketAddr,
}

impl Drop for House {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Where `.ci/setup` installs the provider, beside what is built; `OIDC_PROVIDER` names another folder.
fn installed() -> PathBuf {
    let beside = || std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("tmp/oidc-provider");
    std::env::var_os("OIDC_PROVIDER").map_or_else(beside, PathBuf::from)
}

/// What the provider knows us by; the secret has marks that a careless client does not encode.
const CLIENT: [&str; 2] = ["rapport", "a secret/with+marks"];

impl House {
    async fn start() -> Self {
        // Free a moment ago; nobody else asks for it.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc/provider.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(installed()).arg(address.port().to_string()).args(CLIENT);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("node: {error}: run `.ci/setup`, it installs the provider"));
        let house = Self { child, address };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the provider does not answer: {}: run `.ci/setup`", installed().display());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        house
    }

    fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Says who somebody is.
    async fn person(&self, subject: &str, email: &str, verified: bool) {
        let claims = json!({"email": email, "email_verified": verified}).to_string();
        let put = client().put(format!("{}/users/{subject}", self.issuer())).body(claims);
        assert!(put.send().await.unwrap().status().is_success());
    }

    /// Somebody signs in there, in a browser of their own, and agrees; answers the address that they are sent back to.
    async fn agrees(&self, url: &str, subject: &str) -> String {
        let mut browser = Guest { house: self, cookies: BTreeMap::new() };
        browser.walk(url, &[format!("prompt=login&login={subject}&password=any"), "prompt=consent".to_owned()]).await
    }

    /// Somebody does not agree.
    async fn declines(&self, url: &str) -> String {
        Guest { house: self, cookies: BTreeMap::new() }.walk(url, &[]).await
    }
}

/// A browser at the provider.
struct Guest<'h> {
    house: &'h House,
    cookies: BTreeMap<String, String>,
}

impl Guest<'_> {
    /// Follows where it is sent and answers what it is asked, until it is sent back to us; asked more than it answers, it leaves.
    async fn walk(&mut self, url: &str, answers: &[String]) -> String {
        let (mut at, mut answers) = (self.go(Method::GET, url, None).await.expect("the provider takes what we ask it"), answers.iter());
        while !at.contains("/sign-in/back") {
            at = match (self.go(Method::GET, &at, None).await, answers.as_slice()) {
                (Some(next), _) => next,
                (None, []) => self.go(Method::GET, &format!("{at}/abort"), None).await.expect("it may leave"),
                (None, [answer, ..]) => {
                    answers.next();
                    self.go(Method::POST, &at, Some(answer)).await.expect("the answer is taken")
                }
            };
        }
        at
    }

    /// Where it is sent; none where a page asks something.
    async fn go(&mut self, method: Method, at: &str, form: Option<&str>) -> Option<String> {
        let url = if at.starts_with('/') { format!("{}{at}", self.house.issuer()) } else { at.to_owned() };
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = client().request(method, url).header("cookie", cookies.join("; "));
        if let Some(form) = form {
            request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        for set in headers.get_all("set-cookie").iter().filter_map(|set| set.to_str().ok()) {
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        assert!(status.is_success() || status.is_redirection(), "{status}: {}", answer.text().await.unwrap());
        headers.get("location").map(|location| location.to_str().unwrap().to_owned())
    }
}

async fn server(house: &House) -> Server {
    server_of(house.issuer()).await
}

/// Of whom a provider at this address brings people.
pub async fn server_of(issuer: String) -> Server {
    let provider = Provider {
        name: "house".to_owned(),
        label: "The House".to_owned(),
        issuer,
        client_id: CLIENT[0].to_owned(),
        client_secret: Some(rapport_server::config::Secret(CLIENT[1].to_owned())),
        scopes: "openid email".to_owned(),
        workspace: None,
    };
    let server = Server::start_with(|config| config.oidc.providers = vec![provider]).await;
    for login in ["eve@example.com", "fay@example.com"] {
        let mut tx = server.app.store.begin().await.unwrap();
        let user = User {
            workspace: server.workspace,
            user: UserId::of_cause(login),
            login: login.to_owned(),
            name: login.to_owned(),
            role: "rep".parse().unwrap(),
            language: Language::En,
            disabled_at: None,
            created_at: START,
        };
        people::add_user(&mut tx, &user, "!").await.unwrap();
        tx.commit().await.unwrap();
    }
    server
}

/// A cookie by its name, as it is sent back.
fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let all = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let pair = all.filter_map(|value| value.split(';').next()).find(|pair| pair.starts_with(&format!("{name}=")))?;
    (!pair.ends_with('=')).then(|| pair.to_owned())
}

/// Away to the provider: the address there, and the cookie that the browser keeps.
pub async fn away(server: &Server) -> (String, String) {
    let answer = server.get("/sign-in/with/house", &[("accept", "text/html")]).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    (answer.header("location").to_owned(), cookie(&answer, "rapport-begun").unwrap())
}

/// Back with what the provider says.
pub async fn back(server: &Server, address: &str, cookie: &str) -> Answer {
    let path = address.split_once("/sign-in/back").map(|(_, rest)| format!("/sign-in/back{rest}")).unwrap();
    server.get(&path, &[("cookie", cookie), ("accept", "text/html"), ("sec-fetch-site", "cross-site")]).await
}

/// The whole way, as a person at the provider.
async fn through(server: &Server, house: &House, subject: &str) -> Answer {
    let (url, begun) = away(server).await;
    let address = house.agrees(&url, subject).await;
    back(server, &address, &begun).await
}

pub async fn who(server: &Server, answer: &Answer) -> String {
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"), "{}", answer.text());
    let session = cookie(answer, "rapport").unwrap();
    server.get("/api/v1/me", &[("cookie", &session)]).await.json()["login"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn somebody_whom_the_provider_vouches_for_is_let_in_and_known_from_then_on() {
    let house = House::start().await;
    let server = server(&house).await;
    let page = server.get("/sign-in?lang=en", &[]).await.text();
    assert!(page.contains("href=\"/sign-in/with/house\"") && page.contains("Sign in with The House"), "{page}");
    house.person("s-1", "Eve@Example.com", true).await;
    assert_eq!(who(&server, &through(&server, &house, "s-1").await).await, "eve@example.com");
    house.person("s-1", "another@example.com", false).await;
    assert_eq!(who(&server, &through(&server, &house, "s-1").await).await, "eve@example.com", "the subject counts, for ever");
    house.person("s-2", "eve@example.com", true).await;
    let other = through(&server, &house, "s-2").await;
    assert_eq!(other.status, 403, "an address that was given to somebody else opens nobody's account");
    let mut tx = server.app.store.reader().await.unwrap();
    let log = rapport_server::store::trail::before(&mut tx, server.workspace, u64::MAX, None, 10).await.unwrap();
    let acts: Vec<&str> = log.iter().rev().map(|entry| entry.act.as_str()).collect();
    assert_eq!(acts, ["identity_bound", "signed_in", "signed_in"]);
    let eve = log[0].subject.clone();
    assert_eq!(entries(&server, "identity_bound").await, [(eve.clone(), json!({"provider": "house"}))]);
    let entered = (eve, json!({"with": "provider", "address": "127.0.0.1"}));
    assert_eq!(entries(&server, "signed_in").await, [entered.clone(), entered]);
}

#[tokio::test]
async fn whom_a_provider_brings_is_not_asked_for_a_password_that_they_never_use() {
    let house = House::start().await;
    let server = server(&house).await;
    let eve = UserId::of_cause("eve@example.com");
    let mut tx = server.app.store.begin().await.unwrap();
    people::set_password_given(&mut tx, server.workspace, eve, Some(START)).await.unwrap();
    tx.commit().await.unwrap();
    house.person("s-1", "eve@example.com", true).await;
    assert_eq!(who(&server, &through(&server, &house, "s-1").await).await, "eve@example.com");
    let shared = server.app.auth.begin_second(server.workspace, eve).await.unwrap().unwrap();
    let codes = server.app.auth.confirm_second(server.workspace, eve, &shared.code_at(START)).await.unwrap();
    let asked = through(&server, &house, "s-1").await;
    assert_eq!(who(&server, &with_code(&server, &asked, codes[0].reveal()).await).await, "eve@example.com", "nor after a code");
}

#[tokio::test]
async fn whom_nobody_vouches_for_stays_outside() {
    let house = House::start().await;
    let server = server(&house).await;
    house.person("unverified", "eve@example.com", false).await;
    house.person("stranger", "nobody@example.com", true).await;
    for subject in ["unverified", "stranger"] {
        let answer = through(&server, &house, subject).await;
        assert_eq!(answer.status, 403, "{subject}");
        assert!(answer.text().contains("Nobody here is known by this account") && cookie(&answer, "rapport").is_none());
    }
    house.person("s-1", "eve@example.com", true).await;
    let (url, begun) = away(&server).await;
    let address = house.declines(&url).await;
    assert!(address.contains("error=access_denied"), "{address}");
    let declined = back(&server, &address, &begun).await;
    assert_eq!((declined.status.as_u16(), declined.text().contains("did not let you in")), (403, true));
    who(&server, &through(&server, &house, "s-1").await).await;
    server.app.auth.disable_user(server.workspace, UserId::of_cause("eve@example.com"), None).await.unwrap();
    assert_eq!(through(&server, &house, "s-1").await.status, 403, "whoever is shut out here is not let in from there");
}

#[tokio::test]
async fn a_sign_in_is_finished_only_by_the_browser_that_began_it_and_once() {
    let house = House::start().await;
    let server = server(&house).await;
    house.person("s-1", "eve@example.com", true).await;
    let (url, begun) = away(&server).await;
    let address = house.agrees(&url, "s-1").await;
    assert_eq!(server.get("/sign-in/back?code=x&state=y", &[]).await.status, 400, "begun by nobody");
    let (_, others) = away(&server).await;
    for cookie in [others.as_str(), "rapport-begun=bm8", "other=1"] {
        assert_eq!(back(&server, &address, cookie).await.status, 400, "{cookie}");
    }
    who(&server, &back(&server, &address, &begun).await).await;
    let replayed = back(&server, &address, &begun).await;
    assert!(replayed.status == 502 && cookie(&replayed, "rapport").is_none(), "{}", replayed.status);
    let (url, begun) = away(&server).await;
    let address = house.agrees(&url, "s-1").await;
    server.clock.forward(11 * 60_000);
    assert_eq!(back(&server, &address, &begun).await.status, 400, "too long ago");
}

#[tokio::test]
async fn where_the_browser_is_sent_and_what_it_keeps_gives_nothing_away() {
    let house = House::start().await;
    let server = server(&house).await;
    let answer = server.get("/sign-in/with/house", &[]).await;
    let url: reqwest::Url = answer.header("location").parse().unwrap();
    assert_eq!(url.host_str(), Some("127.0.0.1"));
    let parameters: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!((parameters["response_type"].as_str(), parameters["code_challenge_method"].as_str()), ("code", "S256"));
    assert_eq!(parameters["redirect_uri"], format!("http://{}/sign-in/back", server.address));
    assert!(["state", "nonce", "code_challenge"].iter().all(|name| parameters[*name].len() == 43), "{url}");
    assert!(!url.as_str().contains("secret"), "{url}");
    let kept = answer.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"] {
        assert!(kept.contains(part), "{kept}");
    }
    assert_eq!(server.get("/sign-in/with/nobody", &[("accept", "text/html")]).await.status, 404);
    house.person("s-1", "eve@example.com", true).await;
    let (url, begun) = away(&server).await;
    let address = house.agrees(&url, "s-1").await;
    let done = back(&server, &format!("{address}&return=https://evil.example&next=//evil.example"), &begun).await;
    assert_eq!(done.header("location"), "/", "nobody is sent elsewhere");
    assert!(!crate::harness::logged().contains("a secret/with"), "secrets are not logged");
}

/// The second step, for whom a page asks for a code.
async fn with_code(server: &Server, asked: &Answer, code: impl std::fmt::Display) -> Answer {
    let text = asked.text();
    let ticket = text.split("name=\"ticket\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a code is asked for");
    let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    server.send(Method::POST, "/sign-in", &form, format!("ticket={ticket}&code={code}")).await
}

#[tokio::test]
async fn a_second_factor_that_was_set_up_here_is_still_asked_for() {
    let house = House::start().await;
    let server = server(&house).await;
    house.person("s-1", "eve@example.com", true).await;
    let eve = UserId::of_cause("eve@example.com");
    let shared = server.app.auth.begin_second(server.workspace, eve).await.unwrap().unwrap();
    let codes = server.app.auth.confirm_second(server.workspace, eve, &shared.code_at(START)).await.unwrap();
    let asked = through(&server, &house, "s-1").await;
    assert_eq!((asked.status.as_u16(), cookie(&asked, "rapport")), (200, None));
    assert_eq!(who(&server, &with_code(&server, &asked, codes[0].reveal()).await).await, "eve@example.com");
}

#[tokio::test]
async fn a_provider_that_is_away_is_said_to_be() {
    let house = House::start().await;
    let server = server(&house).await;
    drop(house);
    let answer = server.get("/sign-in/with/house?lang=zh-CN", &[("accept", "text/html")]).await;
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("暂时无法连接第三方系统"), "{}", answer.text());
}

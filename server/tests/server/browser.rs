//! The console in a real Chromium, driven over its own debugging protocol: what a script does is seen only there.

mod dashboards;
mod desk;
mod devices;
mod door;
mod filters;
mod handover;
mod lists;
mod look;
mod markup;
mod roles;
mod visits;
mod work;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use rapport_server::console::words::Words;
use rapport_server::language::Language;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::console::Desk;
use crate::harness::PASSWORD;
pub use look::{Look, axe};

/// The languages of the product: what is worked in one is worked in the other.
pub const LANGUAGES: [Words; 2] = [Words(Language::En), Words(Language::Zh)];

/// What a phone writes is on a page that is open by then, without its being loaded.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

/// What Chromium is called on different systems; `CHROMIUM` names another one.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// One page of a browser of its own.
pub struct Browser {
    child: Child,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    sent: u64,
    base: String,
    /// What it told without being asked: method and parameters.
    events: VecDeque<(String, Value)>,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Browser {
    /// A browser in which ann is signed in, in English.
    pub async fn of(desk: &Desk) -> Self {
        Self::speaking(desk, LANGUAGES[0]).await
    }

    /// A browser in which ann is signed in, and reads one language from the first page on.
    pub async fn speaking(desk: &Desk, words: Words) -> Self {
        let tag = words.0.tag();
        let mut browser = Self::beside(desk).await;
        browser.goto(&format!("/sign-in?lang={tag}")).await;
        browser.says(words.say("door.password")).await;
        browser.enter().await;
        if browser.run("document.documentElement.lang").await != tag {
            browser.run("document.querySelector('#menu form[action=\"/language\"] button').click()").await;
        }
        browser.until(&format!("document.documentElement.lang === {tag:?}")).await;
        browser
    }

    /// Signs ann in, at the door.
    async fn enter(&mut self) {
        let fill =
            format!("document.querySelector('[name=login]').value='ann';document.querySelector('[name=password]').value='{PASSWORD}';");
        self.run(&format!("{fill}document.querySelector('.door form').requestSubmit()")).await;
        self.until("!location.pathname.startsWith('/sign-in') && document.querySelector('#menu')").await;
    }

    /// A browser beside a desk, with nobody signed in.
    async fn beside(desk: &Desk) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let (child, address) = launch(profile.path());
        let (socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
        let base = format!("http://{}", desk.server.address);
        let mut browser = Self { child, socket, session: String::new(), sent: 0, base, events: VecDeque::new(), _profile: profile };
        let target = browser.send("Target.createTarget", json!({"url": "about:blank"})).await["targetId"].clone();
        let attached = browser.send("Target.attachToTarget", json!({"targetId": target, "flatten": true})).await;
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        browser.send("Page.enable", json!({})).await;
        browser
    }

    pub async fn send(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let answer = self.answered(&message).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// What the browser answers; what it tells meanwhile is kept.
    async fn answered(&mut self, message: &Value) -> Value {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
        loop {
            let Message::Text(text) = self.socket.next().await.unwrap().unwrap() else { continue };
            let answer: Value = serde_json::from_str(&text).unwrap();
            if let Some(event) = answer["method"].as_str() {
                self.events.push_back((event.to_owned(), answer["params"].clone()));
            }
            if answer["id"] == message["id"] {
                return answer;
            }
        }
    }

    pub async fn goto(&mut self, path: &str) {
        let url = format!("{}{path}", self.base);
        self.send("Page.navigate", json!({"url": url})).await;
        self.until("document.readyState === 'complete'").await;
    }

    /// Runs a script and answers what it says.
    pub async fn run(&mut self, script: &str) -> Value {
        let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let answer = self.send("Runtime.evaluate", params).await;
        assert!(answer["exceptionDetails"].is_null(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Returns when a condition holds on a page that is there as a whole. It is asked again and again: it may
    /// be another one by then.
    pub async fn until(&mut self, condition: &str) {
        const TRIES: usize = 2_000;
        let script = format!(
            "new Promise((done) => setTimeout(() => {{ try {{ done(document.readyState === 'complete' && Boolean({condition})) }} catch {{ done(false) }} }}, 15))"
        );
        for _ in 0..TRIES {
            let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
            // A page that goes away while it is asked answers nothing.
            self.sent += 1;
            let message = json!({"id": self.sent, "method": "Runtime.evaluate", "params": params, "sessionId": self.session});
            if self.answered(&message).await["result"]["result"]["value"] == json!(true) {
                return;
            }
        }
        let page = self.run("document.body.innerText").await;
        panic!("never so: {condition}\n{page}");
    }

    /// Holds that something is on the page soon enough after a moment: each time, not the quickest of several.
    pub async fn soon(&mut self, begun: Instant, condition: &str) {
        self.until(condition).await;
        let took = begun.elapsed();
        assert!(took < SEEN_WITHIN, "after {took:?}: {condition}");
    }

    /// Returns when the page says something.
    pub async fn says(&mut self, text: &str) {
        self.until(&format!("document.body.textContent.includes({text:?})")).await;
    }

    /// Returns when the page answers what was done.
    pub async fn answers(&mut self, text: &str) {
        self.until(&format!("document.querySelector('.notice:not(.elsewhere)')?.textContent.includes({text:?})")).await;
    }

    /// Goes from control to control with Tab until one is reached, as whoever has no mouse does.
    pub async fn tab_to(&mut self, selector: &str) {
        const STOPS: usize = 300;
        for _ in 0..STOPS {
            if self.run(&format!("document.activeElement.matches({selector:?})")).await == true {
                return;
            }
            self.press("Tab", false).await;
        }
        panic!("no way to {selector} by keyboard");
    }

    /// Presses a key, with Shift if wanted.
    pub async fn press(&mut self, key: &str, shift: bool) {
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" && key == "Enter" { json!("\r") } else { Value::Null };
            let code = match key {
                "Tab" => 9,
                "Enter" => 13,
                _ => 0,
            };
            let mut params = json!({"type": kind, "key": key, "modifiers": if shift { 8 } else { 0 }, "windowsVirtualKeyCode": code});
            if text.is_string() {
                params["text"] = text;
            }
            self.send("Input.dispatchKeyEvent", params).await;
        }
    }

    /// Drags what is in the middle of one element to the middle of another, as a hand does.
    pub async fn drag(&mut self, from: &str, to: &str) {
        self.send("Input.setInterceptDrags", json!({"enabled": true})).await;
        let (from, to) = (self.middle(from).await, self.middle(to).await);
        let mouse = |kind: &str, (x, y): (f64, f64)| json!({"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1});
        self.send("Input.dispatchMouseEvent", mouse("mousePressed", from)).await;
        for step in 1..=4 {
            let part = f64::from(step) / 4.0;
            let at = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
            self.send("Input.dispatchMouseEvent", mouse("mouseMoved", at)).await;
        }
        let data = self.dragged().await;
        for kind in ["dragEnter", "dragOver", "drop"] {
            self.send("Input.dispatchDragEvent", json!({"type": kind, "x": to.0, "y": to.1, "data": data})).await;
        }
        self.send("Input.dispatchMouseEvent", mouse("mouseReleased", to)).await;
        self.send("Input.setInterceptDrags", json!({"enabled": false})).await;
    }

    /// What the browser says is being dragged.
    async fn dragged(&mut self) -> Value {
        const TRIES: usize = 200;
        for _ in 0..TRIES {
            while let Some((event, params)) = self.events.pop_front() {
                if event == "Input.dragIntercepted" {
                    return params["data"].clone();
                }
            }
            self.run("new Promise((done) => setTimeout(done, 10))").await;
        }
        panic!("nothing is being dragged");
    }

    async fn middle(&mut self, selector: &str) -> (f64, f64) {
        let script = format!(
            "(() => {{ const element = document.querySelector({selector:?}); element.scrollIntoView({{block: 'center', inline: 'center'}}); \
             const {{ x, y, width, height }} = element.getBoundingClientRect(); return [x + width / 2, y + height / 2] }})()"
        );
        let place = self.run(&script).await;
        (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
    }

    /// Moves the pointer to the middle of an element.
    pub async fn hover(&mut self, selector: &str) {
        let (x, y) = self.middle(selector).await;
        self.send("Input.dispatchMouseEvent", json!({"type": "mouseMoved", "x": x, "y": y})).await;
    }

    /// Clicks what is in the middle of an element, as a hand does.
    pub async fn click(&mut self, selector: &str) {
        let (x, y) = self.middle(selector).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.send("Input.dispatchMouseEvent", params).await;
        }
    }

    pub async fn type_text(&mut self, text: &str) {
        self.send("Input.insertText", json!({"text": text})).await;
    }
}

fn launch(profile: &std::path::Path) -> (Child, String) {
    let named = std::env::var("CHROMIUM").ok();
    let names = named.iter().map(String::as_str).chain(NAMES);
    let arguments =
        ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0", "about:blank"];
    let start = |name: &str| {
        let folder = format!("--user-data-dir={}", profile.display());
        Command::new(name).args(arguments).arg(folder).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()
    };
    let mut child =
        names.into_iter().find_map(start).expect("these tests need Chromium: `.ci/setup` installs it, or name one with CHROMIUM");
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address =
        lines.map_while(Result::ok).find_map(|line| Some(line.split_once("ws://")?.1.to_owned())).expect("Chromium says where it listens");
    (child, format!("ws://{address}"))
}

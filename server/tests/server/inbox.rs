//! Letters that the server sends, taken by a mail server on this machine.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Long enough for a busy machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// A mail server that takes every letter, until the test ends.
pub struct Inbox {
    child: Child,
    _stdin: Option<ChildStdin>,
    letters: UnboundedReceiver<Letter>,
    pub url: String,
}

/// A letter as its reader has it.
#[derive(Debug)]
pub struct Letter {
    pub to: Vec<String>,
    pub heads: Value,
    /// Each with its type.
    pub parts: Vec<(String, Vec<u8>)>,
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The Python in which `.ci/setup` installs the mail server, beside what is built; `PYTHON_TOOLS` names another one.
fn python() -> PathBuf {
    let beside = || std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("tools/bin/python");
    std::env::var_os("PYTHON_TOOLS").map_or_else(beside, PathBuf::from)
}

impl Inbox {
    pub async fn open() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(python());
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mail/inbox.py")).arg(address.port().to_string());
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = child.expect("run `.ci/setup`, it installs the mail server");
        let (tell, letters) = unbounded_channel();
        let (stdin, printed) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        std::thread::spawn(move || printed.lines().map_while(Result::ok).all(|line| tell.send(Letter::read(&line)).is_ok()));
        let begun = std::time::Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the mail server does not answer: run `.ci/setup`");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { child, _stdin: stdin, letters, url: format!("smtp://{address}") }
    }

    pub async fn letter(&mut self) -> Letter {
        tokio::time::timeout(PATIENCE, self.letters.recv()).await.expect("a letter").unwrap()
    }

    pub fn is_empty(&mut self) -> bool {
        self.letters.try_recv().is_err()
    }
}

impl Letter {
    fn read(line: &str) -> Self {
        let letter: Value = serde_json::from_str(line).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let bytes = |part: &Value| base64::engine::general_purpose::STANDARD.decode(part["content"].as_str().unwrap()).unwrap();
        Self {
            to: letter["to"].as_array().unwrap().iter().map(text).collect(),
            heads: letter["heads"].clone(),
            parts: letter["parts"].as_array().unwrap().iter().map(|part| (text(&part["type"]), bytes(part))).collect(),
        }
    }
}

//! Where a new password comes from: the environment, or whoever sits at the terminal. Never arguments.

use std::io::{BufRead, IsTerminal, Write};
use std::process::{Command, Stdio};

use anyhow::Context;

const VARIABLE: &str = "RAPPORT_PASSWORD";

/// Asks for a new password; twice at a terminal, where a slip would lock somebody out.
pub async fn read(login: &str) -> anyhow::Result<String> {
    if let Ok(password) = std::env::var(VARIABLE) {
        return Ok(password);
    }
    let login = login.to_owned();
    tokio::task::spawn_blocking(move || ask(&login)).await.context("cannot ask for a password")?
}

fn ask(login: &str) -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        return line().with_context(|| format!("no password: pipe one in, or set {VARIABLE}"));
    }
    let _hidden = Hidden::new();
    let password = prompt(&format!("Password for {login}: "))?;
    let again = prompt("The same again: ")?;
    anyhow::ensure!(password == again, "the two passwords are not the same");
    Ok(password)
}

fn prompt(text: &str) -> anyhow::Result<String> {
    let mut terminal = std::io::stderr();
    write!(terminal, "{text}")?;
    terminal.flush()?;
    let answer = line()?;
    writeln!(terminal)?;
    Ok(answer)
}

fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    let bytes = std::io::stdin().lock().read_line(&mut line)?;
    anyhow::ensure!(bytes > 0, "nothing was typed");
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// While it lives, the terminal does not show what is typed.
struct Hidden;

impl Hidden {
    fn new() -> Self {
        stty("-echo");
        Self
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        stty("echo");
    }
}

/// Best effort: where there is no `stty`, the password is typed in sight.
fn stty(mode: &str) {
    Command::new("stty").arg(mode).stdin(Stdio::inherit()).stderr(Stdio::null()).status().ok();
}

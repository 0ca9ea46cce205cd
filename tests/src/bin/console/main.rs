//! `cargo run --release -p tests --bin console -- --records 200000`: how long the console's pages take on
//! the server, and how large they are, with so many customers in the database. One line a page.
//!
//! A page that nobody named here is measured under its address, or the run fails: none is forgotten.

mod fill;
mod pages;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use rapport_server::App;
use rapport_server::intake::{Author, Expect, RecordEdit};
use rapport_server::jobs::{columns, duplicates, index};
use rapport_server::store::{people, workspaces};
use reqwest::StatusCode;
use serde_json::json;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;
use tests::bench::server::{self, LOGIN, PASSWORD};

use pages::Page;

/// Measures the console's pages
#[derive(Debug, Parser)]
struct Asked {
    /// Customers in the database; one deal and one activity for each ten
    #[arg(long, default_value_t = 200_000)]
    records: usize,
    /// Times that each page is asked for
    #[arg(long, default_value_t = 20)]
    times: usize,
    /// Only pages whose name has this in it
    #[arg(long)]
    only: Option<String>,
    /// Keeps the database in this folder, and uses what is there already
    #[arg(long)]
    folder: Option<PathBuf>,
    /// The port to serve on
    #[arg(long, default_value_t = 7790)]
    port: u16,
}

/// How long what follows the feed takes for one change, and more.
const REST: Duration = Duration::from_millis(600);

#[tokio::main]
async fn main() -> Result<()> {
    sync_core::net::install_crypto();
    let asked = Asked::parse();
    let temporary = tempfile::tempdir()?;
    let folder = asked.folder.as_deref().unwrap_or(temporary.path());
    let is_there = folder.join("rapport.db").exists();
    let app = server::open(folder, asked.port).await?;
    let mut tx = app.store.reader().await?;
    let workspace = workspaces::all(&mut tx).await?.remove(0).workspace;
    let user = people::user_by_login(&mut tx, workspace, LOGIN).await?.context("nobody to sign in as")?;
    drop(tx);
    let author = app.intake.on_behalf(workspace, user.user, user.role.clone());
    if !is_there {
        fill::all(&app, &author, asked.records).await?;
    }
    rest(&app).await?;
    let pages = pages::all(&app, &author).await?;
    tokio::spawn(server::serve(app.clone()));
    measure(&asked, &pages, async |number| touch(&app, &author, number).await).await
}

/// Pages are measured when the server has come to rest: what runs behind the feed has done its work.
async fn rest(app: &App) -> Result<()> {
    let begun = Instant::now();
    index::catch_up(app).await?;
    println!("all words indexed in {:.1} s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    let made = columns::renew(app, columns::LARGE).await?;
    println!("{made} indexes for the columns of lists in {:.1} s", begun.elapsed().as_secs_f64());
    let begun = Instant::now();
    duplicates::catch_up(app).await?;
    println!("all compared in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// Writes something and lets what follows the feed follow: nothing that was worked out before holds any more.
async fn touch(app: &App, author: &Author, number: usize) -> Result<()> {
    let edit = RecordEdit {
        kind: "activity".parse().expect("a kind"),
        record: RecordId::of_cause("activity 0"),
        edits: vec![FieldEdit::set("outcome", format!("Visit again {number}"))],
        expect: Expect::Existing,
    };
    app.intake.edit(author, vec![edit], app.clock.now(), None).await?.remove(0)?;
    tokio::time::sleep(REST).await;
    Ok(())
}

async fn measure(asked: &Asked, pages: &[Page], mut forget: impl AsyncFnMut(usize) -> Result<()>) -> Result<()> {
    let base = format!("http://127.0.0.1:{}", asked.port);
    let client = reqwest::Client::builder().no_proxy().build()?;
    let body = json!({"login": LOGIN, "password": PASSWORD});
    let signed_in: serde_json::Value = client.post(format!("{base}/api/v1/sign-in")).json(&body).send().await?.json().await?;
    let token = signed_in["token"].as_str().context("no token")?;
    println!("{:<44}{:>10}{:>10}{:>10}{:>10}", "page", "first ms", "median ms", "worst ms", "KB");
    let wanted = pages.iter().filter(|page| asked.only.as_ref().is_none_or(|only| page.name.contains(only)));
    for (number, page) in wanted.enumerate() {
        forget(number).await?;
        let (mut took, mut bytes) = (Vec::new(), 0);
        for _ in 0..asked.times {
            let begun = Instant::now();
            let address = format!("{base}{}", page.path);
            let request = match &page.form {
                Some(form) => client.post(address).header("content-type", "application/x-www-form-urlencoded").body(form.clone()),
                None => client.get(address),
            };
            let request = request.header("authorization", format!("Bearer {token}")).header("accept", "text/html");
            let answer = request.send().await?;
            // What is only sent to, or answers nothing without a question, is no page by its address.
            if answer.status() == StatusCode::METHOD_NOT_ALLOWED || (answer.status().is_client_error() && page.name.starts_with('/')) {
                break;
            }
            let answer = answer.error_for_status().with_context(|| page.name.clone())?;
            bytes = answer.bytes().await?.len();
            took.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        let Some(first) = took.first().copied() else { continue };
        took.sort_by(f64::total_cmp);
        println!("{:<44}{first:>10.1}{:>10.1}{:>10.1}{:>10}", page.name, took[took.len() / 2], took[took.len() - 1], bytes / 1_000);
    }
    Ok(())
}

//! The pages that are measured: those that people look at most and that cost most by name, every other one by its address.

use anyhow::{Result, bail};
use rapport_server::App;
use rapport_server::intake::Author;
use rapport_server::ready;
use rapport_server::router;
use rapport_server::store::rejected::{DeskState, rejected_in};
use rapport_server::store::{imports, people, sequences};
use sync_core::id::{DeviceId, RecordId};

use super::fill::DISPUTED;

/// A page, and how it is asked for.
pub struct Page {
    /// What it is called in the table.
    pub name: String,
    /// Its address.
    pub path: String,
    /// What is sent to it, if it is not only read.
    pub form: Option<String>,
}

/// What people look at most, and what costs most.
const NAMED: [(&str, &str); 33] = [
    ("a list by title", "/records/party"),
    ("a list, last changed first", "/records/party?sort=updatedAt&desc=true"),
    ("a list by a field", "/records/party?sort=industry"),
    (
        "a filter",
        "/records/party?where=%5B%7B%22type%22%3A%22equals%22%2C%22attribute%22%3A%22industry%22%2C%22value%22%3A%22酒店%22%7D%5D",
    ),
    (
        "deals without a next step",
        "/records/deal?where=%5B%7B%22type%22%3A%22notIn%22%2C%22attribute%22%3A%22activity%3Aabout.status%22%2C%22value%22%3A%5B%22planned%22%5D%7D%5D",
    ),
    (
        "nobody contacted in 30 days",
        "/records/party?where=%5B%7B%22type%22%3A%22notLastXDays%22%2C%22attribute%22%3A%22activity%3Aabout.createdAt%22%2C%22value%22%3A30%7D%5D",
    ),
    ("a text in a list", "/records/party?q=王12"),
    ("groups", "/records/party?group=industry"),
    ("a board", "/records/deal?layout=board"),
    ("a month of activities", "/records/activity?layout=calendar"),
    ("a chart of deals", "/records/deal?layout=bar&group=stage&measure=sum:amount"),
    ("a chart over time", "/records/deal?layout=line&group=close_date&split=stage&step=week"),
    ("a chart of customers", "/records/party?layout=bar&group=industry"),
    ("disagreements", "/conflicts"),
    ("a form", "/records/party/new"),
    ("search: Chinese", "/search?q=王123"),
    ("search: pinyin", "/search?q=wang12&brief=true"),
    ("search: digits", "/search?q=0012345&brief=true"),
    ("search: a slip", "/search?q=wnag123&brief=true"),
    ("search: a sound", "/search?q=汪123&brief=true"),
    ("search: one syllable", "/search?q=wang"),
    ("search: one syllable while typing", "/search?q=wang&brief=true"),
    ("2,000 events", "/records/party/{party}"),
    ("a customer as thousands are", "/records/party/{other}"),
    ("a history", "/records/party/{disputed}/history"),
    ("a history of one who is busy", "/records/party/{party}/history"),
    ("a record as it was", "/records/party/{other}/history?at=2026-11-01"),
    ("the sales dashboard", "/dashboards/{dashboard}"),
    ("the same with every tile", "/dashboards/{dashboard}?whole=true"),
    ("slips of deals", "/quality?kind=deal"),
    ("the log of one act", "/audit?act=exported"),
    ("the log about one record", "/audit?about={party}"),
    ("edits that were decided", "/rejected?state=decided"),
];

/// Addresses with names in braces, with what they stand for here; the others name what [`known`] knows.
const EXAMPLES: [(&str, &str); 20] = [
    ("/rejected/{change}", "/rejected/{change}"),
    ("/duplicates/{kind}/{survivor}", "/duplicates/party/{twin}"),
    ("/duplicates/{kind}/{survivor}/{duplicate}", "/duplicates/party/{twin}/{other-twin}"),
    ("/dashboards/{id}", "/dashboards/{dashboard}"),
    ("/privacy/{id}", "/privacy/{party}"),
    ("/imports/records/{import}", "/imports/records/{import}"),
    ("/records/{kind}", "/records/party"),
    ("/records/{kind}/new", "/records/deal/new"),
    ("/records/{kind}/filter", "/records/party/filter"),
    ("/records/{kind}/columns", "/records/party/columns"),
    ("/records/{kind}/{id}", "/records/party/{other}"),
    ("/records/{kind}/{id}/archive", "/records/party/{other}/archive"),
    ("/records/{kind}/{id}/history", "/records/party/{other}/history"),
    ("/kinds/{name}", "/kinds/party"),
    ("/devices/{device}/revoke", "/devices/{device}/revoke"),
    ("/people/{user}", "/people/{user}"),
    ("/people/{user}/sees", "/people/{user}/sees"),
    ("/people/{user}/why", "/people/{user}/why?record={party}"),
    ("/roles/{role}", "/roles/rep"),
    ("/help/{name}", "/help/first_steps"),
];

/// Addresses that are no page of records, or that need something of a moment.
const LEFT_OUT: [&str; 24] = [
    // Not for people.
    "/sync",
    "/sync/",
    "/api/",
    "/calendar/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/assets/",
    "/favicon.ico",
    "/events",
    // Files that are taken away.
    "/records/{kind}/export.",
    "/dashboards/{id}/report.",
    "/shared/{token}/report.",
    "/privacy/{id}/page.html",
    "/imports/{id}/failed.csv",
    // Between here and another house, or of somebody who has a secret address.
    "/sign-in/",
    "/shared/{token}",
    "/forms/",
    // A file that was sent a moment ago; an address elsewhere.
    "/imports/{id}",
    "/webhooks/{id}",
    "/account/second",
    "/account/devices/",
    "/records/{kind}/{id}/files",
    "/imports/undo/",
];

/// The pages by name, then the edit of many records, then every other one.
pub async fn all(app: &App, author: &Author) -> Result<Vec<Page>> {
    let known = known(app, author).await?;
    let filled = |path: &str| known.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    let read = |name: &str, path: &str| Page { name: name.to_owned(), path: filled(path), form: None };
    let mut pages: Vec<Page> = NAMED.iter().map(|(name, path)| read(name, path)).collect();
    pages.push(Page { form: Some(many()), ..read("a preview of 200 edits", "/records/party/bulk") });
    let mut forgotten = Vec::new();
    for address in router::paths(app).into_iter().filter(|path| !is_left_out(path)) {
        if let Some((_, path)) = EXAMPLES.iter().find(|(known, _)| *known == address) {
            pages.push(read(address, path));
        } else if !address.contains('{') {
            pages.push(read(address, address));
        } else if !is_sent_to(address) {
            forgotten.push(address);
        }
    }
    if !forgotten.is_empty() {
        bail!("these pages are neither measured nor left out: {}", forgotten.join(", "));
    }
    Ok(pages)
}

/// What is chosen in the form for many records: a page of them, one field.
fn many() -> String {
    let ids: Vec<String> = (0..200).map(|number| format!("id={}", RecordId::of_cause(&format!("party {number}")))).collect();
    format!("{}&field=industry&f.industry=Trade&step=preview", ids.join("&"))
}

fn is_left_out(path: &str) -> bool {
    LEFT_OUT.iter().any(|left| *left == path || (left.ends_with(['/', '.']) && path.starts_with(left)))
}

/// Addresses that only forms are sent to: they end in what is done.
fn is_sent_to(path: &str) -> bool {
    const DONE: [&str; 30] = [
        "undo", "resolve", "views", "cell", "move", "bulk", "likely", "foreseen", "restore", "part", "comments", "follow", "unfollow",
        "links", "mails", "stop", "revoke", "replay", "remove", "forget", "password", "off", "end", "confirm", "leave", "change", "files",
        "{field}", "{rule}", "{act}",
    ];
    path.rsplit('/').next().is_some_and(|last| DONE.contains(&last))
}

/// What names in addresses stand for in this database.
async fn known(app: &App, author: &Author) -> Result<Vec<(&'static str, String)>> {
    let mut tx = app.store.reader().await?;
    let dashboards = sequences::all_of_kind(&mut tx, author.workspace, ready::DASHBOARD).await?;
    let refused = rejected_in(&mut tx, author.workspace, &[DeskState::Rejected, DeskState::Held], 1).await?;
    let acts = imports::all(&mut tx, author.workspace).await?;
    let rep = people::user_by_login(&mut tx, author.workspace, "rep0").await?;
    let party = |number: usize| RecordId::of_cause(&format!("party {number}")).to_string();
    let missing = || anyhow::anyhow!("this folder was filled by another version");
    Ok(vec![
        ("{party}", party(0)),
        ("{other}", party(1_000)),
        ("{disputed}", party(DISPUTED)),
        ("{twin}", party(1_006)),
        ("{other-twin}", party(1_007)),
        ("{dashboard}", dashboards.first().ok_or_else(missing)?.record.to_string()),
        ("{change}", refused.first().ok_or_else(missing)?.name().to_string()),
        ("{import}", rapport_server::jobs::import::ImportId(acts.first().ok_or_else(missing)?.import).to_string()),
        ("{device}", DeviceId::of_cause("phone 0").to_string()),
        ("{user}", rep.ok_or_else(missing)?.user.to_string()),
    ])
}

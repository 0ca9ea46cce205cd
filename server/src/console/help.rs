//! Help where one is: a few short pages in both languages, as data, and a search through them.

use std::sync::LazyLock;

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use sync_core::schema::Label;

use super::desk::{Desk, Frame, page as answer};
use crate::error::Error;
use crate::place::Path;

/// The pages, in order.
const FILES: [(&str, &str); 6] = [
    ("first_steps", include_str!("../../help/first_steps.toml")),
    ("lists", include_str!("../../help/lists.toml")),
    ("deals", include_str!("../../help/deals.toml")),
    ("quotes", include_str!("../../help/quotes.toml")),
    ("together", include_str!("../../help/together.toml")),
    ("office", include_str!("../../help/office.toml")),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    title: Label,
    /// The beginnings of the addresses that it is about.
    about: Vec<String>,
    part: Vec<Part>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    title: Option<Label>,
    en: String,
    zh: String,
}

static TOPICS: LazyLock<Vec<(&str, Topic)>> =
    LazyLock::new(|| FILES.iter().map(|(name, text)| (*name, toml::from_str(text).expect("a test reads every page of help"))).collect());

/// Where help for an address is: the page that is about most of it.
pub fn address_for(here: &str) -> String {
    let length = |topic: &Topic| topic.about.iter().filter(|start| here.starts_with(start.as_str())).map(String::len).max();
    let best = TOPICS.iter().filter_map(|(name, topic)| Some((length(topic)?, name))).max_by_key(|(length, _)| *length);
    best.map_or_else(|| "/help".to_owned(), |(_, name)| format!("/help/{name}"))
}

#[derive(Template)]
#[template(path = "help.html")]
struct HelpPage {
    frame: Frame,
    q: String,
    /// Every page, or those that were found: address, title, how it begins.
    found: Vec<(String, String, String)>,
    /// The page that is read.
    parts: Vec<PartView>,
    topics: Vec<(String, String, bool)>,
}

struct PartView {
    title: Option<String>,
    blocks: Vec<Block>,
}

/// A paragraph, or the points of a list.
enum Block {
    Paragraph(String),
    Points(Vec<String>),
}

fn blocks(text: &str) -> Vec<Block> {
    let block = |text: &str| {
        let points: Option<Vec<String>> = text.lines().map(|line| Some(line.strip_prefix("- ")?.to_owned())).collect();
        points.map_or_else(|| Block::Paragraph(text.replace('\n', " ")), Block::Points)
    };
    text.trim().split("\n\n").map(str::trim).filter(|text| !text.is_empty()).map(block).collect()
}

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
}

/// `GET /help`: all pages, or those in which every word occurs.
pub async fn all(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let words: Vec<String> = asked.q.split_whitespace().map(str::to_lowercase).collect();
    let text_of = |topic: &Topic| {
        let parts = topic.part.iter().flat_map(|part| [part.title.as_ref().map_or("", |title| desk.words.label(title)), said(&desk, part)]);
        std::iter::once(desk.words.label(&topic.title)).chain(parts).collect::<Vec<_>>().join("\n")
    };
    let is_found = |topic: &Topic| {
        let text = text_of(topic).to_lowercase();
        words.iter().all(|word| text.contains(word))
    };
    let found = TOPICS.iter().filter(|(_, topic)| is_found(topic)).map(|(name, topic)| {
        let text = topic.part.first().map_or("", |part| said(&desk, part));
        let begins = text.trim().lines().next().unwrap_or_default().to_owned();
        (format!("/help/{name}"), desk.words.label(&topic.title).to_owned(), begins)
    });
    let found = found.collect();
    show(&desk, desk.words.say("help.title"), HelpParts { q: asked.q, found, ..HelpParts::default() }, None).await
}

/// `GET /help/{name}`.
pub async fn one(desk: Desk, Path(name): Path<String>) -> Result<Response, Error> {
    let (_, topic) = TOPICS.iter().find(|(known, _)| *known == name).ok_or(Error::NotFound)?;
    let part = |part: &Part| PartView {
        title: part.title.as_ref().map(|title| desk.words.label(title).to_owned()),
        blocks: blocks(said(&desk, part)),
    };
    let parts = topic.part.iter().map(part).collect();
    show(&desk, desk.words.label(&topic.title), HelpParts { parts, ..HelpParts::default() }, Some(&name)).await
}

#[derive(Default)]
struct HelpParts {
    q: String,
    found: Vec<(String, String, String)>,
    parts: Vec<PartView>,
}

fn said<'t>(desk: &Desk, part: &'t Part) -> &'t str {
    desk.words.0.of(&part.en, &part.zh)
}

async fn show(desk: &Desk, title: &str, HelpParts { q, found, parts }: HelpParts, here: Option<&str>) -> Result<Response, Error> {
    let topic = |(name, topic): &(&str, Topic)| (format!("/help/{name}"), desk.words.label(&topic.title).to_owned(), here == Some(*name));
    let page = HelpPage { frame: desk.frame(title, "/help").await?, q, found, parts, topics: TOPICS.iter().map(topic).collect() };
    answer(StatusCode::OK, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_of_help_is_read_and_says_as_much_in_both_languages() {
        for (name, topic) in TOPICS.iter() {
            assert!(!topic.title.zh.is_ascii() && topic.title.en.is_ascii() && !topic.part.is_empty(), "{name}");
            for part in &topic.part {
                let points = |text: &str| {
                    blocks(text).iter().map(|block| if let Block::Points(points) = block { points.len() } else { 0 }).collect::<Vec<_>>()
                };
                assert_eq!(points(&part.en), points(&part.zh), "{name}");
                assert!(!part.zh.is_ascii(), "{name}");
            }
        }
        assert_eq!(address_for("/records/deal"), "/help/deals");
        assert_eq!(address_for("/records/visa"), "/help/lists");
        assert_eq!(address_for("/nowhere"), "/help");
    }
}

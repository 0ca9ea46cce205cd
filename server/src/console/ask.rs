//! A question before something that nothing brings back: what is lost by it, and the way back.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::desk::{Desk, Frame, page as answer};
use crate::error::Error;

#[derive(Template)]
#[template(path = "ask.html")]
struct AskPage {
    frame: Frame,
    question: Question,
}

/// What is asked.
pub struct Question {
    /// In one sentence.
    pub text: String,
    /// What is lost, a sentence each.
    pub lost: Vec<String>,
    /// Where the answer goes.
    pub action: String,
    /// What is to be done there.
    pub act: &'static str,
    /// What the button says.
    pub button: &'static str,
    /// The page before.
    pub back: String,
}

/// The question as a page; `here` is the page of the menu that it belongs to.
pub async fn ask(desk: &Desk, here: &str, question: Question) -> Result<Response, Error> {
    answer(StatusCode::OK, &AskPage { frame: desk.frame(&question.text, here).await?, question })
}

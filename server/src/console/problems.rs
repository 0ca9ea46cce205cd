//! Problems as pages: what went wrong, in the reader's language; who must sign in is sent to do so.

use askama::Template;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::assets;
use super::words::Words;
use crate::error::{Error, Problem, Text, accepted_language};
use crate::language::Language;

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    words: Words,
    status: u16,
    text: &'a str,
    style: &'static str,
    logo: &'static str,
}

/// For the console's addresses. A program that asks for no page gets the problem as it is.
pub async fn as_pages(request: Request, next: Next) -> Response {
    let language = accepted_language(request.headers());
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wants_page = accept.contains("text/html");
    let response = named(next.run(request).await);
    match response.extensions().get::<Problem>().cloned() {
        Some(problem) if problem.code == "sign_in_needed" && wants_page => Redirect::to("/sign-in").into_response(),
        Some(problem) => page(problem, language, response),
        None => response,
    }
}

/// What an extractor refuses is a problem like any other: a malformed id names nothing.
fn named(response: Response) -> Response {
    let is_plain = response.extensions().get::<Problem>().is_none()
        && response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    match response.status() {
        StatusCode::BAD_REQUEST if is_plain => Error::NotFound.into_response(),
        status if is_plain && status.is_client_error() => {
            let message = Text::new("The form could not be read.", "无法读取提交的表单。");
            Error::Invalid { field: None, message }.into_response()
        }
        _ => response,
    }
}

/// The page keeps what the answer says besides its text, such as when to try again.
fn page(problem: Problem, language: Language, answer: Response) -> Response {
    let template = ProblemPage {
        words: Words(language),
        status: problem.status.as_u16(),
        text: problem.text.in_language(language),
        style: assets::style(),
        logo: assets::logo(),
    };
    let Ok(html) = template.render() else { return answer };
    let mut response = (problem.status, Html(html)).into_response();
    for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = answer.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response.extensions_mut().insert(problem);
    response
}

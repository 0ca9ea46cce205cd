//! Problems as pages: what went wrong, in the reader's language; who must sign in is sent to do so.

use askama::Template;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::assets;
use super::desk::{self, Desk, Frame};
use super::sign_in::asked_in;
use super::words::Words;
use crate::app::App;
use crate::auth::{OWN_PASSWORD, Person};
use crate::error::{Error, PASSWORD_TO_CHANGE, Problem, Text, accepted_language};
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

/// The same inside the frame, for who is signed in.
#[derive(Template)]
#[template(path = "trouble.html")]
struct FramedPage<'a> {
    frame: Frame,
    status: u16,
    text: &'a str,
}

/// For the console's addresses. A program that asks for no page is sent nowhere to sign in.
pub async fn as_pages(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let mut asked = parts.clone();
    let response = named(next.run(Request::from_parts(parts, body)).await);
    match response.extensions().get::<Problem>().cloned() {
        Some(problem) if problem.code == "sign_in_needed" && wants_page(&asked) => asked_in(&app, &asked),
        Some(problem) if problem.code == PASSWORD_TO_CHANGE && wants_page(&asked) => Redirect::to(OWN_PASSWORD).into_response(),
        Some(_) if is_program(&asked) => response,
        Some(problem) => shown(&app, &mut asked, problem, response).await,
        None => response,
    }
}

/// Where programs ask: they are answered with a document, whatever they say that they read.
const PROGRAMS: [&str; 2] = ["/api/", "/sync"];

/// What no route answers: a page for who reads pages.
pub async fn nothing_here(State(app): State<App>, request: Request) -> Response {
    unanswered(&app, request, Error::NotFound).await
}

/// What a route answers to another method only: the same.
pub async fn not_this_way(State(app): State<App>, request: Request) -> Response {
    unanswered(&app, request, Error::MethodNotAllowed).await
}

async fn unanswered(app: &App, request: Request, error: Error) -> Response {
    let (mut asked, _) = request.into_parts();
    let is_program = PROGRAMS.iter().any(|start| asked.uri.path().starts_with(start)) || !wants_page(&asked);
    let (problem, answer) = (error.problem(), error.into_response());
    if is_program { answer } else { shown(app, &mut asked, problem, answer).await }
}

/// Who sends JSON to an address that browsers use, too, reads no page.
fn is_program(asked: &Parts) -> bool {
    let kind = asked.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json")) && !wants_page(asked)
}

fn wants_page(asked: &Parts) -> bool {
    asked.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// What somebody who is signed in did wrong stands in the frame and in their language. A server that fails shows as
/// little as it can.
async fn shown(app: &App, asked: &mut Parts, problem: Problem, answer: Response) -> Response {
    let is_framed = problem.status.is_client_error() && problem.status != StatusCode::UNAUTHORIZED && wants_page(asked);
    if is_framed && let Ok(page) = framed(app, asked, &problem).await {
        return kept(page, problem, &answer);
    }
    let language = language_of(app, asked, &problem).await;
    page(problem, language, answer)
}

/// The account's language for who is signed in, or else the browser's. A server that fails is not asked who that is.
async fn language_of(app: &App, asked: &mut Parts, problem: &Problem) -> Language {
    if problem.status.is_client_error()
        && let Ok(Person(caller)) = Person::from_request_parts(asked, app).await
    {
        return caller.language;
    }
    accepted_language(&asked.headers)
}

async fn framed(app: &App, asked: &mut Parts, problem: &Problem) -> Result<Response, Error> {
    let desk = Desk::from_request_parts(asked, app).await?;
    let text = problem.text.in_language(desk.words.0);
    desk::page(problem.status, &FramedPage { frame: desk.frame(text, "").await?, status: problem.status.as_u16(), text })
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

fn page(problem: Problem, language: Language, answer: Response) -> Response {
    let template = ProblemPage {
        words: Words(language),
        status: problem.status.as_u16(),
        text: problem.text.in_language(language),
        style: assets::style(),
        logo: assets::logo(),
    };
    let Ok(html) = template.render() else { return answer };
    kept((problem.status, Html(html)).into_response(), problem, &answer)
}

/// The page keeps what the answer says besides its text, such as when to try again.
fn kept(mut response: Response, problem: Problem, answer: &Response) -> Response {
    for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = answer.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response.extensions_mut().insert(problem);
    response
}

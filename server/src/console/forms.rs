//! Forms for strangers: where administrators make them, and the page that strangers see.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, FromRequest, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Map, Value as Json, json};
use sync_core::access::{Action, Right};
use sync_core::id::{RecordId, UserId};
use sync_core::schema::{Field, Kind, ValueType};

use super::answers::{self, Answers};
use super::assets;
use super::desk::{Desk, Frame, GuestLanguage, page as answer};
use super::edit::Posted;
use super::format::{self, Shown};
use super::typed::Typed;
use super::words::Words;
use crate::app::App;
use crate::audit::{Act, Note};
use crate::auth::ClientAddress;
use crate::auth::secret::{Token, TokenKind};
use crate::body::{Body, is_json};
use crate::capture::{self, CAMPAIGN, MADE_AT, Open, SENT_MAX_BYTES, Sent, TRAP, VALUES_MAX};
use crate::error::{Error, Text};
use crate::jobs::handover::CUSTOMER;
use crate::language::Language;
use crate::place::Path;
use crate::store::forms::{self, LeadForm};
use crate::store::{StoreError, people};

#[derive(Template)]
#[template(path = "lead_forms.html")]
struct FormsPage {
    frame: Frame,
    notice: Option<&'static str>,
    problem: Option<String>,
    typed: Values,
    kinds: Vec<(String, String, bool)>,
    rows: Vec<FormView>,
}

/// What was typed into the form of a new one.
#[derive(Default)]
struct Values {
    name: String,
    fields: String,
    preset: String,
    owners: String,
}

struct FormView {
    id: String,
    name: String,
    kind: String,
    fields: String,
    /// Its whole address; none once it was taken back.
    url: Option<String>,
    received: String,
    received_at: Option<Shown>,
}

fn check(desk: &Desk) -> Result<(), Error> {
    let no = || Error::Forbidden(Text::new("Only administrators do this.", "只有管理员可以进行此操作。"));
    desk.may(Right::Administer).then_some(()).ok_or_else(no)
}

/// `GET /lead-forms`.
pub async fn page(desk: Desk, Query(asked): Query<BTreeMap<String, String>>, headers: HeaderMap) -> Result<Response, Error> {
    check(&desk)?;
    let notice = match asked.get("done").map(String::as_str) {
        Some("made") => Some(desk.words.say("leads.made")),
        Some("revoked") => Some(desk.words.say("leads.revoked")),
        _ => None,
    };
    let typed = Values {
        fields: desk.reading.kind(CUSTOMER).map_or_else(|_| String::new(), |kind| called(&desk, &capture::fields_of(kind, USUAL))),
        preset: "type = person\nroles = prospect\nsource = Website".to_owned(),
        ..Values::default()
    };
    show(&desk, &headers, StatusCode::OK, (notice, None), typed, CUSTOMER).await
}

async fn show(
    desk: &Desk,
    headers: &HeaderMap,
    status: StatusCode,
    (notice, problem): (Option<&'static str>, Option<String>),
    typed: Values,
    chosen: &str,
) -> Result<Response, Error> {
    let all = forms::all(&mut desk.app.store.reader().await?, desk.caller.workspace).await?;
    let kinds = desk.reading.kinds().filter(|kind| desk.reading.may_some(kind, Action::Create) && !super::desk::is_setting(kind));
    let label = |name: &str| desk.reading.kind(name).map_or_else(|_| name.to_owned(), |kind| desk.words.label(&kind.label).to_owned());
    let fields = |form: &LeadForm| {
        let kind = desk.reading.kind(&form.kind);
        kind.map_or_else(|_| form.fields.clone(), |kind| called(desk, &capture::fields_of(kind, &form.fields)))
    };
    let base = desk.app.address(headers);
    let view = |form: LeadForm| FormView {
        id: form.form.to_string(),
        kind: label(&form.kind),
        url: form.revoked_at.is_none().then(|| format!("{base}/forms/{}", form.key)),
        received: format::grouped(&form.received.to_string()),
        received_at: form.received_at.map(format::moment),
        fields: fields(&form),
        name: form.name,
    };
    let page = FormsPage {
        frame: desk.frame(desk.words.say("menu.leads"), "/lead-forms").await?,
        notice,
        problem,
        typed,
        kinds: kinds.map(|kind| (kind.name.to_string(), label(&kind.name), *kind.name == *chosen)).collect(),
        rows: all.into_iter().map(view).collect(),
    };
    answer(status, &page)
}

/// `POST /lead-forms`.
pub async fn make(desk: Desk, headers: HeaderMap, Form(posted): Posted) -> Result<Response, Error> {
    check(&desk)?;
    let typed = Typed::new(posted);
    match new_form(&desk, &typed).await? {
        Ok(form) => {
            let (workspace, now) = (desk.caller.workspace, desk.now);
            let note = Note::of(workspace, Some(desk.caller.user), Act::LeadFormMade, form.form.to_string());
            let note = note.with(json!({"name": form.name, "kind": form.kind}));
            let adding = desk.app.store.write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    forms::add(tx, workspace, &form).await?;
                    note.write(tx, now).await
                })
            });
            adding.await?;
            Ok(Redirect::to("/lead-forms?done=made").into_response())
        }
        Err(problem) => {
            let values = Values {
                name: typed.one("name").to_owned(),
                fields: typed.one("fields").to_owned(),
                preset: typed.raw("preset").to_owned(),
                owners: typed.one("owners").to_owned(),
            };
            show(&desk, &headers, StatusCode::UNPROCESSABLE_ENTITY, (None, Some(problem)), values, typed.one("kind")).await
        }
    }
}

/// What a form usually asks for.
const USUAL: &str = "name, phones, emails, notes";

/// Fields as people call them, with commas.
fn called(desk: &Desk, fields: &[&Field]) -> String {
    fields.iter().map(|field| desk.words.label(&field.label)).collect::<Vec<_>>().join(", ")
}

/// The field that somebody means: by what programs or people call it, in either language.
fn meant<'k>(kind: &'k Kind, typed: &str) -> Option<&'k Field> {
    let same = |text: &str| text.to_lowercase() == typed.to_lowercase();
    let labelled = || kind.fields.iter().filter(|field| !field.hidden).find(|field| same(&field.label.en) || same(&field.label.zh));
    kind.field(typed).or_else(labelled)
}

/// The names of the fields that are to be asked for, or why they cannot be.
fn asked_for<'k>(desk: &Desk, kind: &'k Kind, typed: &str) -> Result<Vec<&'k str>, String> {
    let may = |field: &&Field| capture::is_askable(field) && desk.reading.may_write(kind, &field.name);
    let one = |text: &str| {
        meant(kind, text).filter(may).map(|field| &*field.name).ok_or_else(|| {
            let known: Vec<&Field> = kind.fields.iter().filter(may).collect();
            desk.words.fill("leads.no_field", &[text, &called(desk, &known)])
        })
    };
    typed.split([',', '，', '、']).map(str::trim).filter(|text| !text.is_empty()).map(one).collect()
}

/// The form that was typed, or why it is none.
async fn new_form(desk: &Desk, typed: &Typed) -> Result<Result<LeadForm, String>, Error> {
    let Ok(kind) = desk.reading.kind(typed.one("kind")).cloned() else { return Ok(Err(desk.words.say("leads.no_kind").to_owned())) };
    let names = match asked_for(desk, &kind, typed.one("fields")) {
        Ok(names) => names,
        Err(wrong) => return Ok(Err(wrong)),
    };
    if typed.one("name").is_empty() || names.is_empty() {
        return Ok(Err(desk.words.say("leads.no_name").to_owned()));
    }
    let preset = match capture::presets(&kind, typed.raw("preset")) {
        Ok(preset) => preset,
        Err(why) => return Ok(Err(desk.words.label(&why).to_owned())),
    };
    if let Some(field) = capture::missing(&kind, &names, &preset) {
        return Ok(Err(desk.words.fill("leads.no_required", &[desk.words.label(&field.label), &field.name])));
    }
    let owners = match owners(desk, typed.one("owners")).await? {
        Ok(owners) => json!(owners).to_string(),
        Err(wrong) => return Ok(Err(desk.words.fill("leads.no_owner", &[&wrong]))),
    };
    Ok(Ok(LeadForm {
        form: RecordId::new(desk.now, crate::auth::secret::random()),
        key: Token::new(TokenKind::Form, desk.caller.workspace).reveal().to_owned(),
        user: desk.caller.user,
        name: typed.one("name").chars().take(80).collect(),
        kind: kind.name.to_string(),
        fields: names.join(", "),
        preset,
        owners,
        created_at: desk.now,
        revoked_at: None,
        received: 0,
        received_at: None,
    }))
}

/// Whose records they become, by their logins; or the login that nobody has.
async fn owners(desk: &Desk, logins: &str) -> Result<Result<Vec<UserId>, String>, Error> {
    let users = people::users(&mut desk.app.store.reader().await?, desk.caller.workspace).await?;
    let one = |login: &str| {
        let user = users.iter().find(|user| user.login.eq_ignore_ascii_case(login) && user.disabled_at.is_none());
        user.map(|user| user.user).ok_or_else(|| login.to_owned())
    };
    Ok(logins.split([',', '，', '、']).map(str::trim).filter(|login| !login.is_empty()).map(one).collect())
}

/// `POST /lead-forms/{form}/revoke`.
pub async fn revoke(desk: Desk, Path(form): Path<RecordId>) -> Result<Redirect, Error> {
    check(&desk)?;
    let (workspace, now) = (desk.caller.workspace, desk.now);
    let note = Note::of(workspace, Some(desk.caller.user), Act::LeadFormRevoked, form.to_string());
    let revoking = desk.app.store.write::<_, StoreError, _>(move |tx| {
        Box::pin(async move {
            let known = forms::revoke(tx, workspace, form, now).await?;
            if known {
                note.write(tx, now).await?;
            }
            Ok(known)
        })
    });
    if revoking.await? { Ok(Redirect::to("/lead-forms?done=revoked")) } else { Err(Error::NotFound) }
}

#[derive(Template)]
#[template(path = "form_public.html")]
struct PublicPage {
    words: Words,
    style: &'static str,
    title: String,
    action: String,
    thanks: bool,
    /// What everybody may read, above the form.
    answers: Option<Answers>,
    problem: Option<String>,
    controls: Vec<Control>,
    /// What goes with it unseen: when the page was made, the campaign.
    hidden: Vec<(String, String)>,
    trap: &'static str,
    other: (String, &'static str),
}

/// A control of a public form.
struct Control {
    name: String,
    label: String,
    required: bool,
    /// HTML's `type`; `area` and `pick` for others.
    kind: &'static str,
    value: String,
    options: Vec<(String, String, bool)>,
    error: Option<String>,
}

/// `GET /forms/{key}`: the form, in the reader's language.
pub async fn public(
    State(app): State<App>,
    GuestLanguage(language): GuestLanguage,
    Path(key): Path<String>,
    Query(asked): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let open = capture::open(&app, &key).await?;
    let mut sent: Sent =
        asked.iter().filter(|(name, _)| CAMPAIGN.contains(&&***name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    let page = headers.get(header::REFERER).and_then(|value| value.to_str().ok());
    sent.extend(page.map(|page| ("page".to_owned(), page.to_owned())));
    let thanks = asked.contains_key("done");
    let q = asked.get("q").map_or("", |text| text.trim());
    let answers = if thanks { None } else { answers::beside(&open, language, q).await? };
    drawn(&app, &open, language, &sent, (thanks, Vec::new(), answers))
}

fn drawn(
    app: &App,
    open: &Open,
    language: Language,
    sent: &Sent,
    (thanks, wrong, answers): (bool, Vec<capture::Wrong>, Option<Answers>),
) -> Result<Response, Error> {
    let words = Words(language);
    let text = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let mut hidden = vec![(MADE_AT.to_owned(), app.clock.now().to_string())];
    hidden.extend(CAMPAIGN.iter().chain(&["page"]).map(|name| ((*name).to_owned(), text(name))).filter(|(_, value)| !value.is_empty()));
    let control = |field: &Field| {
        let error = wrong.iter().find(|wrong| *wrong.field == *field.name).map(|wrong| words.label(&wrong.why).to_owned());
        Control { error, ..control(words, field, text(&field.name)) }
    };
    let address = |language: Language| format!("/forms/{}?lang={}", open.form.key, language.tag());
    let behind = |name: &&str| Some(format!("&{name}={}", super::list::encoded(sent.get(*name)?)));
    let campaign: String = CAMPAIGN.iter().filter_map(behind).collect();
    let other = if language == Language::En { Language::Zh } else { Language::En };
    let page = PublicPage {
        words,
        style: assets::style(),
        title: open.form.name.clone(),
        action: address(language),
        thanks,
        answers,
        problem: (!wrong.is_empty()).then(|| words.say("leads.wrong").to_owned()),
        controls: open.fields().into_iter().map(control).collect(),
        hidden,
        trap: TRAP,
        other: (format!("{}{campaign}", address(other)), super::words::other(language).1),
    };
    let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok((embeddable(), answer(status, &page)?).into_response())
}

fn control(words: Words, field: &Field, value: String) -> Control {
    let typed = capture::typed_as(field);
    let option = |choice: &sync_core::schema::Choice| (choice.value.clone(), words.label(&choice.label).to_owned(), choice.value == value);
    Control {
        name: field.name.to_string(),
        label: words.label(&field.label).to_owned(),
        required: field.required,
        kind: match typed.value {
            ValueType::Paragraph => "area",
            ValueType::Choice | ValueType::Boolean => "pick",
            ValueType::Email => "email",
            ValueType::Phone => "tel",
            ValueType::Date => "date",
            ValueType::Integer | ValueType::Number => "number",
            _ => "text",
        },
        options: match typed.value {
            ValueType::Boolean => {
                ["true", "false"].map(|word| (word.to_owned(), words.say(yes_or_no(word)).to_owned(), word == value)).into()
            }
            _ => typed.offered().map(option).collect(),
        },
        value,
        error: None,
    }
}

fn yes_or_no(word: &str) -> &'static str {
    if word == "true" { "leads.yes" } else { "leads.no" }
}

/// The page may stand in other sites: it shows nothing of anybody, and knows nobody's session.
pub fn embeddable() -> [(HeaderName, HeaderValue); 1] {
    const POLICY: &str =
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors *";
    [(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))]
}

/// `POST /forms/{key}`: from the page, from a form of another site, or as JSON from a program.
pub async fn send(
    State(app): State<App>,
    GuestLanguage(language): GuestLanguage,
    Path(key): Path<String>,
    address: ClientAddress,
    request: Request,
) -> Result<Response, Error> {
    let open = capture::open(&app, &key).await?;
    let is_json = is_json(request.headers());
    let sent = sent(&app, request, is_json).await?;
    let mut wrong = open.mistakes(&sent);
    match (wrong.is_empty(), is_json) {
        (false, true) => {
            let first = wrong.swap_remove(0);
            Err(Error::Invalid { field: Some(first.field), message: Text::new(first.why.en, first.why.zh) })
        }
        (false, false) => drawn(&app, &open, language, &sent, (false, wrong, None)),
        (true, is_json) => {
            capture::keep(&app, &open, &sent, address.0).await?;
            let thanks = format!("/forms/{key}?done=true&lang={}", language.tag());
            Ok(if is_json {
                (StatusCode::CREATED, axum::Json(json!({"received": true}))).into_response()
            } else {
                Redirect::to(&thanks).into_response()
            })
        }
    }
}

/// What was sent, as texts by name.
async fn sent(app: &App, request: Request, is_json: bool) -> Result<Sent, Error> {
    let pairs: Vec<(String, String)> = match is_json {
        true => {
            let Body(values) = Body::<Map<String, Json>>::from_request(request, app).await?;
            values.into_iter().filter_map(|(name, value)| Some((name, text_of(value)?))).collect()
        }
        false => {
            let unreadable = |_| Error::Unsupported(Text::new("Send the form as a browser does, or JSON.", "请以表单或 JSON 发送。"));
            Form::<Vec<(String, String)>>::from_request(request, app).await.map_err(unreadable)?.0
        }
    };
    let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > SENT_MAX_BYTES || pairs.len() > VALUES_MAX {
        return Err(capture::too_much());
    }
    // Nobody types a zero character, and many databases cannot hold it.
    Ok(pairs.into_iter().map(|(name, value)| (name, value.replace('\0', ""))).collect())
}

fn text_of(value: Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

//! What is reached without being signed in, but for the console's form: signing in through the API, and enrolling.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sync_core::access::Right;
use sync_core::id::Millis;
use sync_core::protocol::{Enrol, Enrolled};

use super::secret::{Token, TokenKind};
use super::{AuthError, Caller, Client, ClientAddress, Enrolment, Finish, PasswordError, Person, SignIn, SignedIn, normal_login};
use crate::app::App;
use crate::body::Body;
use crate::error::{Error, Text};
use crate::store::{people, workspaces};

/// What says that a code is to come by SMS.
pub(crate) const BY_SMS: &str = "sms";

/// What somebody types to sign in: login and password, with a code where a second factor is set up; or the
/// ticket of a first step, and the code.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    #[serde(default)]
    workspace: Option<String>,
    #[serde(default)]
    login: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    ticket: Option<String>,
    /// `sms`: the code is to come, or has come, that way.
    #[serde(default)]
    code_by: Option<String>,
}

/// What the API answers to a sign-in.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionAnswer {
    token: String,
    expires_at: Millis,
    user: UserAnswer,
}

/// A user, as the API shows them.
#[derive(Serialize)]
pub struct UserAnswer {
    id: String,
    name: String,
    login: String,
    role: String,
    language: &'static str,
}

impl Credentials {
    /// What was typed besides the password: login and workspace.
    pub(crate) fn asked(&self) -> (&str, &str) {
        (self.login.as_deref().unwrap_or_default(), self.workspace.as_deref().unwrap_or_default())
    }

    /// The ticket that came with a code.
    pub(crate) fn ticket(&self) -> Option<Token> {
        Token::parse(TokenKind::Ticket, self.ticket.as_deref()?)
    }

    /// Whether they want the code by SMS.
    pub(crate) fn by_sms(&self) -> bool {
        self.code_by.as_deref() == Some(BY_SMS)
    }

    pub(crate) async fn sign_in(&self, app: &App, client: Client) -> Result<SignedIn, AuthError> {
        let code = self.code.as_deref().filter(|code| !code.trim().is_empty());
        if let Some(ticket) = self.ticket() {
            return app.auth.finish_sign_in(Finish { ticket: &ticket, code: code.unwrap_or_default(), client }).await;
        }
        let (login, password) = (self.login.as_deref().unwrap_or_default(), self.password.as_deref().unwrap_or_default());
        let attempt = SignIn { workspace: self.workspace.as_deref(), login, password, code, by_sms: self.by_sms(), client };
        app.auth.sign_in(attempt).await
    }
}

/// What a request says about the program that sent it.
pub(crate) fn client(headers: &HeaderMap, address: ClientAddress, previous: Option<Token>) -> Client {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    Client { address: address.0, agent, previous, is_browser: true }
}

/// `POST /api/v1/sign-in`: a token for `Authorization: Bearer`.
///
/// # Errors
/// When login or password is wrong, or too often was.
pub async fn api_sign_in(
    State(app): State<App>,
    address: ClientAddress,
    headers: HeaderMap,
    Body(credentials): Body<Credentials>,
) -> Result<Json<SessionAnswer>, Error> {
    for (name, typed) in [("login", &credentials.login), ("password", &credentials.password)] {
        if typed.is_none() {
            let message = Text::new(format!("`{name}` is missing."), format!("缺少“{name}”。"));
            return Err(Error::Invalid { field: Some(name.to_owned()), message });
        }
    }
    if credentials.code_by.is_some() && !credentials.by_sms() {
        let message = Text::new("`codeBy` is `sms`, or left away.", "codeBy 只能为 sms，或不填写。");
        return Err(Error::Invalid { field: Some("codeBy".to_owned()), message });
    }
    let program = Client { is_browser: false, ..client(&headers, address, None) };
    let SignedIn { token, expires_at, user, .. } = credentials.sign_in(&app, program).await?;
    let (role, language) = (user.role.to_string(), user.language.tag());
    let user = UserAnswer { id: user.user.to_string(), name: user.name, login: user.login, role, language };
    Ok(Json(SessionAnswer { token: token.reveal().to_owned(), expires_at, user }))
}

/// `POST /api/v1/sign-out`: the token ends.
///
/// # Errors
/// When nobody is signed in.
pub async fn api_sign_out(State(app): State<App>, Person(caller): Person) -> Result<axum::http::StatusCode, Error> {
    app.auth.sign_out(&caller).await?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

/// `GET /api/v1/me`: who the caller is.
pub async fn api_me(caller: Caller) -> Json<UserAnswer> {
    let (role, language) = (caller.role.to_string(), caller.language.tag());
    Json(UserAnswer { id: caller.user.to_string(), name: caller.name, login: caller.login, role, language })
}

/// The present password, and the one in its place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    present: String,
    new: String,
}

/// `POST /api/v1/me/password`: another password; the caller's sessions elsewhere end.
///
/// # Errors
/// When the present one is wrong, or too often was, or the new one is not taken.
pub async fn api_password(
    State(app): State<App>,
    Person(caller): Person,
    Body(wanted): Body<NewPassword>,
) -> Result<axum::http::StatusCode, Error> {
    let invalid = |field: &str, message| Error::Invalid { field: Some(field.to_owned()), message };
    match app.auth.change_password(&caller, &wanted.present, &wanted.new).await {
        Ok(()) => Ok(axum::http::StatusCode::NO_CONTENT),
        // Not the 401 of a sign-in: whoever asks is signed in and stays it.
        Err(PasswordError::Present(AuthError::WrongPassword)) => {
            Err(invalid("present", Text::new("The present password is wrong.", "当前密码错误。")))
        }
        Err(PasswordError::Bad(bad)) => Err(invalid("new", Error::from(bad).problem().text)),
        Err(error) => Err(error.into()),
    }
}

/// Whose phone a code is for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeRequest {
    login: String,
}

/// A code, shown once.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeAnswer {
    code: String,
    expires_at: Millis,
}

/// `POST /api/v1/devices/codes`: a one-time code with which somebody's phone enrols. Whoever may not
/// administer gets codes for their own phones only.
///
/// # Errors
/// When the caller may not, or there is no such user.
pub async fn api_device_code(
    State(app): State<App>,
    Person(caller): Person,
    Body(request): Body<CodeRequest>,
) -> Result<Json<CodeAnswer>, Error> {
    let login = normal_login(&request.login);
    let may = login == caller.login || app.intake.rules(caller.workspace).roles.may(&caller.role, Right::Administer);
    if !may {
        return Err(Error::Forbidden(Text::new("Only the back office makes codes for others.", "只有后台人员可以为他人生成注册码。")));
    }
    let user = people::user_by_login(&mut app.store.reader().await?, caller.workspace, &login).await?;
    let user = user.filter(|user| user.disabled_at.is_none()).ok_or(Error::NotFound)?;
    let (code, expires_at) = app.auth.device_code(caller.workspace, user.user, Some(caller.user)).await?;
    Ok(Json(CodeAnswer { code: code.reveal(), expires_at }))
}

/// `POST /sync/enrol`: a one-time code for a device token, both as CBOR.
///
/// # Errors
/// When the code is no good, or the actor has an owner.
pub async fn enrol(State(app): State<App>, address: ClientAddress, body: Bytes) -> Result<Response, Error> {
    let unreadable =
        |_| Error::Invalid { field: None, message: Text::new("The body is not an enrolment.", "请求内容不是设备注册信息。") };
    let Enrol { code, device_name, app: program, actor } = minicbor::decode(&body).map_err(unreadable)?;
    let enrolment = Enrolment { code: &code, device_name: &device_name, app: &program, actor, address: address.0 };
    let (token, device, user) = app.auth.enrol(enrolment).await?;
    let workspace = workspaces::by_id(&mut app.store.reader().await?, device.workspace).await?.ok_or(Error::NotFound)?;
    let answer = Enrolled {
        token: token.reveal().to_owned(),
        device: device.device,
        workspace: device.workspace,
        user: user.user,
        role: user.role.to_string(),
        epoch: workspace.feed_epoch.to_vec(),
        server_time: app.clock.now(),
    };
    let bytes = minicbor::to_vec(&answer).map_err(|error| Error::Internal(error.into()))?;
    Ok(([(header::CONTENT_TYPE, "application/cbor")], bytes).into_response())
}

//! The edge's own few cases: one enum to status and problem document, or to a page.
//!
//! Inner errors are mapped here once. A caller learns what it can act upon; what went wrong inside
//! is logged, never answered.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use sync_core::id::{ChangeHash, RecordId};

use crate::auth::{AuthError, BadPassword, NotSent, PasswordError};
use crate::language::Language;
use crate::store::StoreError;

/// When to ask again for room at the desk: people decide there, and do not do it in seconds.
const CROWDED_RETRY_S: u64 = 600;

/// What a request is answered with when it is not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is signed in, or the session ended.
    #[error("sign-in needed")]
    SignInNeeded,
    /// Login or password is wrong.
    #[error("wrong password")]
    WrongPassword,
    /// The password is right, and a code of the second factor is needed.
    #[error("code needed")]
    CodeNeeded,
    /// The password is right, and the code by SMS could not be sent. Who noticed has logged it.
    #[error("code not sent")]
    CodeNotSent,
    /// The code of the second factor is wrong or was used.
    #[error("wrong second factor")]
    WrongSecond,
    /// Somebody else chose the caller's password.
    #[error("password given by somebody else")]
    PasswordGiven,
    /// The enrolment code is wrong, used or expired.
    #[error("wrong code")]
    WrongCode,
    /// The phone's actor id belongs to another device.
    #[error("actor taken")]
    ActorTaken,
    /// The device was shut out: its app wipes what it holds.
    #[error("device revoked")]
    Revoked,
    /// The device has enrolled and waits until somebody lets it in.
    #[error("device not confirmed")]
    NotConfirmed,
    /// The device's user is shut out: the app keeps what it holds and waits.
    #[error("user disabled")]
    Disabled,
    /// Too many attempts.
    #[error("too many attempts")]
    Throttled {
        /// When to try again.
        retry_after_s: u64,
    },
    /// Too many edits wait for somebody's word.
    #[error("too many edits wait")]
    Crowded,
    /// The request comes from another site.
    #[error("foreign origin")]
    ForeignOrigin,
    /// The caller may not do this.
    #[error("forbidden: {0}")]
    Forbidden(Text),
    /// The caller may not read or write this field.
    #[error("forbidden {}: {message}", field.as_deref().unwrap_or("request"))]
    Denied {
        /// The field, if it is about one.
        field: Option<String>,
        /// The rule that decided, for people.
        message: Text,
    },
    /// Nothing is wrong: the edit waits until somebody with the right decides.
    #[error("held {change}: {message}")]
    Held {
        /// What waits.
        change: ChangeHash,
        /// The field that needs a review.
        field: Option<String>,
        /// Why, and what happens next.
        message: Text,
    },
    /// There is nothing here, or nothing the caller may see.
    #[error("not found")]
    NotFound,
    /// There is something here, but not by this method.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// The request contradicts the present state.
    #[error("conflict: {0}")]
    Conflict(Text),
    /// The record has changed since the version in `If-Match`.
    #[error("stale")]
    Stale,
    /// There is a record with this id already.
    #[error("record {0} exists")]
    Exists(RecordId),
    /// The request was done before, and the record that it made or named was erased since.
    #[error("erased")]
    Erased,
    /// The request is not understood, or a value in it is not taken.
    #[error("invalid {}: {message}", field.as_deref().unwrap_or("request"))]
    Invalid {
        /// The field or parameter.
        field: Option<String>,
        /// What was expected.
        message: Text,
    },
    /// Another request works on the same thing.
    #[error("locked")]
    Locked,
    /// The body is larger than the server takes.
    #[error("body too large")]
    TooLarge,
    /// The body is of a type, or in an encoding, that is not taken.
    #[error("unsupported body: {0}")]
    Unsupported(Text),
    /// The request took too long.
    #[error("too slow")]
    TooSlow,
    /// Nothing was kept, and it is worth trying again. Who noticed has logged it.
    #[error("nothing was kept")]
    NotKept,
    /// Nothing was kept, as the disk is full or cannot be written. Who noticed has logged it.
    #[error("the disk is full or cannot be written")]
    NoRoom,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Anything else that is the server's fault.
    #[error("internal error")]
    Internal(#[source] anyhow::Error),
}

/// A sentence for people, in both languages of the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// English.
    pub en: String,
    /// Simplified Chinese.
    pub zh: String,
}

impl Text {
    /// The same thing twice.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self { en: en.into(), zh: zh.into() }
    }

    /// The sentence in a language.
    pub fn in_language(&self, language: Language) -> &str {
        language.of(&self.en, &self.zh)
    }
}

/// What stands alone begins like a sentence; what begins with a name as programs write it stays as it is.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.en)
    }
}

impl From<AuthError> for Error {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::NoWorkspace => Self::Invalid {
                field: Some("workspace".to_owned()),
                message: Text::new(
                    "`workspace` is missing: there are several on this server.",
                    "缺少 `workspace`：此服务器上有多个工作区。",
                ),
            },
            AuthError::WrongPassword => Self::WrongPassword,
            AuthError::CodeNeeded(asked) => match asked.sent {
                Some(Err(NotSent::NotTaken(_))) => Self::CodeNotSent,
                Some(Err(NotSent::TooMany { retry_after_s })) => Self::Throttled { retry_after_s },
                _ => Self::CodeNeeded,
            },
            AuthError::WrongSecond => Self::WrongSecond,
            AuthError::PasswordGiven => Self::PasswordGiven,
            AuthError::WrongCode => Self::WrongCode,
            AuthError::Throttled { retry_after_s } => Self::Throttled { retry_after_s },
            AuthError::ActorTaken => Self::ActorTaken,
            AuthError::Store(error) => Self::Store(error),
        }
    }
}

impl From<BadPassword> for Error {
    fn from(error: BadPassword) -> Self {
        let zh = match error {
            BadPassword::Short => "密码至少需要 10 个字符",
            BadPassword::Long => "密码过长",
            BadPassword::Same => "新密码与当前密码相同，请更换",
            BadPassword::Plain => "密码不能是同一字符的重复或连续的字符",
        };
        Self::Invalid { field: Some("password".to_owned()), message: Text::new(error.to_string(), zh) }
    }
}

impl From<PasswordError> for Error {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Bad(bad) => bad.into(),
            PasswordError::Present(why) => why.into(),
            PasswordError::Store(error) => error.into(),
        }
    }
}

/// What axum could not read of a request. Handlers take `Result<Form<T>, FormRejection>` and use `?`.
macro_rules! from_rejection {
    ($($rejection:ident),*) => {
        $(impl From<axum::extract::rejection::$rejection> for Error {
            fn from(rejection: axum::extract::rejection::$rejection) -> Self {
                Self::unreadable(rejection.status(), rejection.body_text())
            }
        })*
    };
}
from_rejection!(FormRejection, QueryRejection, PathRejection, BytesRejection);

/// The code that sends a browser to the page on which a password is chosen.
pub const PASSWORD_TO_CHANGE: &str = "password_to_change";

/// What is answered: carried beside the response, so that a page can be made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// For programs, stable: `sign_in_needed`.
    pub code: &'static str,
    /// For people.
    pub text: Text,
    /// The field it is about.
    pub field: Option<String>,
    /// The record that is in the way.
    pub record: Option<RecordId>,
    /// The edit that waits.
    pub change: Option<ChangeHash>,
}

impl Error {
    fn unreadable(status: StatusCode, what: String) -> Self {
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::Unsupported(Text::new(what, "不支持该内容类型。")),
            _ => Self::Invalid { field: None, message: Text::new(what, "无法识别请求内容。") },
        }
    }

    /// Status, code and words of the case.
    pub fn problem(&self) -> Problem {
        let (status, code, en, zh) = self.parts();
        let text = match self {
            Self::Forbidden(text) | Self::Conflict(text) | Self::Unsupported(text) => text.clone(),
            Self::Invalid { message: text, .. } | Self::Denied { message: text, .. } | Self::Held { message: text, .. } => text.clone(),
            _ => Text::new(en, zh),
        };
        let text = Text { en: sentence(&text.en), zh: text.zh };
        let field = if let Self::Invalid { field, .. } | Self::Denied { field, .. } | Self::Held { field, .. } = self {
            field.clone()
        } else {
            None
        };
        let record = if let Self::Exists(record) = self { Some(*record) } else { None };
        let change = if let Self::Held { change, .. } = self { Some(*change) } else { None };
        Problem { status, code, text, field, record, change }
    }

    /// The one table: status, stable code, and what is said when the case brings no words of its own.
    fn parts(&self) -> (StatusCode, &'static str, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::SignInNeeded => (S::UNAUTHORIZED, "sign_in_needed", "Please sign in.", "请先登录。"),
            Self::WrongPassword => (S::UNAUTHORIZED, "wrong_password", "The login or the password is wrong.", "用户名或密码错误。"),
            Self::CodeNeeded => (
                S::UNAUTHORIZED,
                "code_needed",
                "A code of the second factor is needed: send it as `code`.",
                "需要两步验证码，请填入 code。",
            ),
            Self::CodeNotSent => (S::BAD_GATEWAY, "code_not_sent", "The code could not be sent: try again.", "验证码发送失败，请重试。"),
            Self::WrongSecond => (S::UNAUTHORIZED, "wrong_second_factor", "The code is wrong or was used.", "验证码错误或已被使用。"),
            Self::PasswordGiven => (
                S::FORBIDDEN,
                PASSWORD_TO_CHANGE,
                "Somebody else chose this password: sign in to the console in a browser and choose your own at /account/password. Then go on here.",
                "此密码由他人设定：请先用浏览器登录控制台，在 /account/password 改成自己的密码，然后继续。",
            ),
            Self::WrongCode => (S::FORBIDDEN, "wrong_code", "The code is wrong, was used, or has expired.", "注册码错误、已使用或已过期。"),
            Self::ActorTaken => (S::CONFLICT, "actor_taken", "Another device has this actor id.", "此写入标识已属于另一台设备。"),
            Self::Revoked => (S::UNAUTHORIZED, "revoked", "This device was removed.", "此设备已被移除。"),
            Self::NotConfirmed => (
                S::FORBIDDEN,
                "not_confirmed",
                "The device waits until an administrator has compared its fingerprint and let it in.",
                "设备正在等待管理员核对指纹并确认。",
            ),
            Self::Disabled => (S::UNAUTHORIZED, "disabled", "This account is disabled.", "此账号已停用。"),
            Self::Crowded => (S::TOO_MANY_REQUESTS, "throttled", "Too many edits wait for a decision.", "待处理的修改过多，请稍后再试。"),
            Self::Throttled { .. } => (S::TOO_MANY_REQUESTS, "throttled", "Too many attempts. Please wait.", "尝试次数过多，请稍后再试。"),
            Self::ForeignOrigin => (S::FORBIDDEN, "foreign_origin", "The request comes from another site.", "请求来自其他网站。"),
            Self::Forbidden(_) | Self::Denied { .. } => (S::FORBIDDEN, "forbidden", "", ""),
            Self::Held { .. } => (S::ACCEPTED, "held", "", ""),
            Self::NotFound => (S::NOT_FOUND, "not_found", "There is nothing here.", "未找到内容。"),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "method_not_allowed", "This cannot be done here.", "此处不支持该操作。"),
            Self::Conflict(_) => (S::CONFLICT, "conflict", "", ""),
            Self::Stale => (
                S::PRECONDITION_FAILED,
                "stale",
                "The record has changed since you read it: read it again, then decide.",
                "该记录在您读取之后已被修改，请重新读取后再决定。",
            ),
            Self::Exists(_) => {
                (S::CONFLICT, "exists", "There is a record with this id already: edit it instead.", "该编号的记录已存在，请改为编辑。")
            }
            Self::Erased => (
                S::GONE,
                "erased",
                "The record that this made or named was erased: nothing is done again.",
                "该请求新建或涉及的记录已被清除，不会再次执行。",
            ),
            Self::Invalid { .. } => (S::UNPROCESSABLE_ENTITY, "invalid", "", ""),
            Self::Locked => (S::LOCKED, "locked", "Another request is working on this: wait for it.", "其他请求正在处理，请稍候。"),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "too_large", "The request is too large.", "请求内容过大。"),
            Self::Unsupported(_) => (S::UNSUPPORTED_MEDIA_TYPE, "unsupported", "", ""),
            Self::TooSlow => (S::REQUEST_TIMEOUT, "too_slow", "The request took too long.", "请求超时。"),
            Self::Store(StoreError::Busy(_)) | Self::NotKept => {
                (S::SERVICE_UNAVAILABLE, "busy", "The server is busy. Please try again.", "服务器繁忙，请重试。")
            }
            Self::Store(StoreError::Unwritable(_) | StoreError::Ledger(_)) | Self::NoRoom => (
                S::SERVICE_UNAVAILABLE,
                "no_room",
                "The server's disk is full or cannot be written: nothing was kept. Whoever runs the server has to make room; then try again.",
                "服务器磁盘已满或无法写入，未保存任何内容。请联系管理员清理磁盘空间后重试。",
            ),
            Self::Store(_) | Self::Internal(_) => {
                (S::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on the server. It was logged.", "服务器出错，已记录。")
            }
        }
    }

    fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Throttled { retry_after_s } => Some(*retry_after_s),
            Self::Crowded => Some(CROWDED_RETRY_S),
            Self::Store(StoreError::Busy(_)) | Self::NotKept => Some(1),
            _ => None,
        }
    }

    /// Writes down what the caller is not told. The one place where it is logged.
    fn log(&self) {
        match self {
            Self::Store(error) => tracing::error!(error = error as &dyn std::error::Error, "a request failed at the database"),
            Self::Internal(error) => tracing::error!(error = format!("{error:#}"), "a request failed"),
            _ => {}
        }
    }
}

/// A problem document as of RFC 9457.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<RecordId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<ChangeHash>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: format!("urn:rapport:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.text.en,
            field: self.field.as_deref(),
            record: self.record,
            change: self.change,
        };
        let mut response = (self.status, json!(document).to_string()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        let mut response = self.problem().into_response();
        if let Some(seconds) = self.retry_after_s() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The language of a request from somebody who is not known yet.
pub fn accepted_language(headers: &HeaderMap) -> Language {
    headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).map_or(Language::En, Language::preferred)
}

//! What requests say: the record in the address, the parameters behind it, the JSON in the body.

use axum::extract::{FromRequestParts, Query};
use axum::http::header;
use axum::http::request::Parts;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use sync_core::id::{Millis, RecordId, UserId};
use sync_core::query::{DEFAULT_PAGE, MAX_PAGE, MAX_TEXT, OFFSET_MAX_MINUTES, Query as Question};
use sync_core::record::fields::FieldEdit;

use crate::body::unknown;
use crate::error::{Error, Text};
use crate::place::Path;
use crate::reading::{Asked, Count, RefusedState, Wanted};
use crate::store::lists::Shelf;

/// `{kind}/{id}` of an address. What is no id names nothing.
pub struct Target {
    pub kind: String,
    pub id: RecordId,
}

impl<S: Send + Sync> FromRequestParts<S> for Target {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Path((kind, id)) = Path::from_request_parts(parts, state).await?;
        Ok(Self { kind, id })
    }
}

/// The parameters behind an address, in order.
pub struct Params {
    pairs: Vec<(String, String)>,
    /// Those that were asked for: what is valid there.
    known: Vec<&'static str>,
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let unreadable = |_| bad("parameters", "is not readable", "无法读取");
        Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map(|Query(pairs)| Self { pairs, known: Vec::new() })
            .map_err(unreadable)
    }
}

/// The version in `If-Match`, if a request names one; `*` names any.
pub struct IfMatch(pub Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|digits| digits.parse().ok());
        let wrong = || bad("If-Match", "is the `ETag` of the record, such as \"42\"", "应为记录的 ETag，例如 \"42\"");
        version.ok_or_else(wrong).map(|version| Self(Some(version)))
    }
}

/// Body of a creation: values by field, or edits.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Creation {
    #[serde(default)]
    pub id: Option<RecordId>,
    #[serde(default)]
    pub fields: Map<String, Json>,
    #[serde(default)]
    pub edits: Vec<FieldEdit>,
}

/// Body of a change: values by field, or edits.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    #[serde(default)]
    pub fields: Map<String, Json>,
    #[serde(default)]
    pub edits: Vec<FieldEdit>,
}

/// Body of a decision.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    pub path: String,
    pub value: Json,
}

/// Body of accepting an edit: what is written in its place, if anything.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    #[serde(default)]
    pub edits: Option<Vec<FieldEdit>>,
}

/// Body of declining or returning an edit: what its author is told.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    #[serde(default)]
    pub reason: Option<String>,
}

impl Params {
    /// Takes out a parameter; the last one of its name counts.
    pub fn take(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let value = self.pairs.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.clone());
        self.pairs.retain(|(known, _)| known != name);
        value
    }

    /// What nobody has taken, as pairs: parameters of a query, and nothing else.
    pub fn of_query(&self) -> Result<impl Iterator<Item = (&str, &str)>, Error> {
        // Why there is no `offset` is said by the query.
        let is_known = |name: &str| name == "offset" || Question::PARAMETERS.contains(&name);
        if let Some((name, _)) = self.pairs.iter().find(|(name, _)| !is_known(name)) {
            return Err(misnamed(name, Question::PARAMETERS.into_iter().chain(self.known.iter().copied())));
        }
        Ok(self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// The same where the order and the page say nothing: a filter, and nothing else.
    pub fn of_filter(&self) -> Result<impl Iterator<Item = (&str, &str)>, Error> {
        if let Some((name, _)) = self.pairs.iter().find(|(name, _)| name != "where") {
            return Err(misnamed(name, std::iter::once("where").chain(self.known.iter().copied())));
        }
        self.of_query()
    }

    /// Nothing may be left: a mistyped parameter is not ignored.
    pub fn done(self) -> Result<(), Error> {
        match self.pairs.first() {
            Some((name, _)) => Err(misnamed(name, self.known.iter().copied())),
            None => Ok(()),
        }
    }

    pub fn total(&mut self) -> Result<Count, Error> {
        match self.take("total").as_deref() {
            None | Some("false") => Ok(Count::No),
            Some("true") => Ok(Count::All),
            Some(_) => Err(bad("total", "is `true` or `false`", "应为 true 或 false")),
        }
    }

    /// Words that records must have.
    pub fn words(&mut self) -> Result<String, Error> {
        words(self.take("q").unwrap_or_default())
    }

    pub fn shelf(&mut self) -> Result<Shelf, Error> {
        match self.take("archived").as_deref() {
            None | Some("false") => Ok(Shelf::InUse),
            Some("true") => Ok(Shelf::Archived),
            Some("any") => Ok(Shelf::Both),
            Some(_) => Err(bad("archived", "is `true`, `false` or `any`", "应为 true、false 或 any")),
        }
    }

    pub fn offset_minutes(&mut self) -> Result<i32, Error> {
        let Some(text) = self.take("utcOffset") else { return Ok(0) };
        offset(text.parse().ok())
    }

    pub fn asked(&mut self) -> Result<Asked, Error> {
        let size = self.take("maxSize").map_or(Ok(DEFAULT_PAGE), |text| text.parse::<u32>().map_err(|_| ()));
        let in_range = size.ok().filter(|size| (1..=MAX_PAGE).contains(size));
        let max_size = in_range.ok_or_else(|| bad("maxSize", "is a whole number from 1 to 200", "应为 1 至 200 的整数"))?;
        Ok(Asked { after: self.take("after"), max_size })
    }

    pub fn refused_state(&mut self) -> Result<RefusedState, Error> {
        match self.take("state").as_deref() {
            None | Some("open") => Ok(RefusedState::Open),
            Some("decided") => Ok(RefusedState::Decided),
            Some(_) => Err(bad("state", "is `open` or `decided`", "应为 open 或 decided")),
        }
    }

    pub fn wanted(&mut self) -> Result<Wanted, Error> {
        let kind = self.take("kind").map(|text| text.parse().map_err(|_| bad("kind", "is a kind's name", "应为对象名称")));
        let user = self.take("user").map(|text| text.parse().map_err(|_| bad("user", "is a person's id", "应为人员编号")));
        Ok(Wanted { kind: kind.transpose()?, user: user.transpose()?, code: self.take("code") })
    }

    /// A person, by id.
    pub fn user(&mut self) -> Result<Option<UserId>, Error> {
        let Some(text) = self.take("user") else { return Ok(None) };
        text.parse().map(Some).map_err(|_| bad("user", "is the id of a person", "应为人员的编号"))
    }

    /// A moment: milliseconds since 1970, RFC 3339, or a day, which stands for its last moment where the caller is.
    pub fn at(&mut self) -> Result<Millis, Error> {
        let offset = Millis::from(self.offset_minutes()?) * 60_000;
        let text = self.take("at").unwrap_or_default();
        let moment = || text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
        let day = || {
            let end = text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == 10)?.at(23, 59, 59, 999_000_000);
            Some(end.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond() - offset)
        };
        text.parse().ok().or_else(moment).or_else(day).ok_or_else(|| {
            bad(
                "at",
                "is a moment or a day: milliseconds since 1970 UTC, 2026-05-03T10:00:00Z, or 2026-05-03",
                "应为时间或日期：1970 年起的毫秒数、2026-05-03T10:00:00Z 或 2026-05-03",
            )
        })
    }
}

/// A time zone as minutes ahead of UTC; `None` is what is no number.
pub fn offset(minutes: Option<i32>) -> Result<i32, Error> {
    let minutes = minutes.filter(|minutes| (-OFFSET_MAX_MINUTES..=OFFSET_MAX_MINUTES).contains(minutes));
    minutes.ok_or_else(|| bad("utcOffset", "is minutes from -840 to 840, such as 480 for Beijing", "应为 -840 至 840 之间的分钟数"))
}

/// Words that records must have, as long as a text of a filter.
pub fn words(text: String) -> Result<String, Error> {
    let is_short = text.len() <= MAX_TEXT;
    let wrong = || bad("q", "is a text of at most 1000 bytes", "应为不超过 1000 字节的文本");
    is_short.then_some(text).ok_or_else(wrong)
}

fn misnamed<'a>(name: &str, valid: impl Iterator<Item = &'a str>) -> Error {
    let (en, zh) = unknown(name, valid);
    bad(name, &en, &zh)
}

/// A parameter that cannot be taken, and what it should be.
pub fn bad(name: &str, en: &str, zh: &str) -> Error {
    Error::Invalid { field: Some(name.to_owned()), message: Text::new(format!("`{name}` {en}."), format!("“{name}”{zh}。")) }
}

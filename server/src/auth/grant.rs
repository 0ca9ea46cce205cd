//! What a caller came with: a session, which may do all that its user may; or an API key, which may do less.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sync_core::id::KindName;
use sync_core::schema::Schema;
use sync_core::spelling::{self, did_you_mean, did_you_mean_zh};

/// What somebody came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// A session: the person.
    Session,
    /// A session by a password that somebody else chose: nothing but choosing another one.
    GivenPassword,
    /// A device, for what it brings beside changes: files.
    Device,
    /// An API key: a program, within its scopes.
    Key(Arc<Scopes>),
}

impl Grant {
    /// Whether records of a kind may be read.
    pub fn may_read(&self, kind: &str) -> bool {
        match self {
            Grant::Session | Grant::Device => true,
            Grant::GivenPassword => false,
            Grant::Key(scopes) => scopes.0.iter().any(|scope| scope.covers(kind)),
        }
    }

    /// Whether records of a kind may be written.
    pub fn may_write(&self, kind: &str) -> bool {
        match self {
            Grant::Session | Grant::Device => true,
            Grant::GivenPassword => false,
            Grant::Key(scopes) => scopes.0.iter().any(|scope| scope.write && scope.covers(kind)),
        }
    }
}

/// What a key may do: `party:read deal:write`, or `*:read` for every kind. Writing includes reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Scope {
    /// None: every kind.
    kind: Option<KindName>,
    write: bool,
}

impl Scope {
    fn covers(&self, kind: &str) -> bool {
        self.kind.as_ref().is_none_or(|own| &**own == kind)
    }
}

/// Why a key may not have such scopes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadScope {
    /// A text that is no scope.
    #[error("`{0}` is no scope: expected kinds or `*` with `:read` or `:write`, such as `party:read deal:write`")]
    Form(String),
    /// There is no such kind, and the one that was meant, if one is close.
    #[error("there is no kind `{kind}`{}", did_you_mean(meant.as_deref()))]
    Kind {
        /// What was typed.
        kind: KindName,
        /// What is close to it.
        meant: Option<KindName>,
    },
}

impl BadScope {
    /// What a person reads in Chinese; the English is its `Display`.
    pub fn message_zh(&self) -> String {
        match self {
            BadScope::Form(text) => format!("“{text}”不是权限范围，格式应如“party:read deal:write”"),
            BadScope::Kind { kind, meant } => format!("没有名为“{kind}”的对象{}", did_you_mean_zh(meant.as_deref())),
        }
    }
}

impl Scopes {
    /// Reads what a new key is to have: of kinds that there are.
    ///
    /// # Errors
    /// The first that is no scope, or of no kind.
    pub fn read(text: &str, schema: &Schema) -> Result<Self, BadScope> {
        let scopes: Self = text.parse()?;
        let unknown = scopes.0.iter().filter_map(|scope| scope.kind.as_ref()).find(|kind| schema.kind(kind).is_none());
        let Some(kind) = unknown else { return Ok(scopes) };
        let meant = spelling::meant(kind, schema.kinds().map(|known| &*known.name)).and_then(|meant| meant.parse().ok());
        Err(BadScope::Kind { kind: kind.clone(), meant })
    }
}

impl FromStr for Scopes {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Self, BadScope> {
        let scope = |word: &str| {
            let (kind, access) = word.split_once(':')?;
            let write = match access {
                "read" => false,
                "write" => true,
                _ => return None,
            };
            let kind = if kind == "*" { None } else { Some(kind.parse().ok()?) };
            Some(Scope { kind, write })
        };
        let words = || text.split([' ', ',']).filter(|word| !word.is_empty());
        let scopes: Vec<Scope> =
            words().map(|word| scope(word).ok_or_else(|| BadScope::Form(word.to_owned()))).collect::<Result<_, _>>()?;
        if scopes.is_empty() { Err(BadScope::Form(text.to_owned())) } else { Ok(Self(scopes)) }
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            let gap = if index > 0 { " " } else { "" };
            let access = if scope.write { "write" } else { "read" };
            write!(f, "{gap}{}:{access}", scope.kind.as_deref().unwrap_or("*"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_back_and_cover_what_they_say() {
        let scopes: Scopes = "party:read, deal:write".parse().unwrap();
        assert_eq!(scopes.to_string(), "party:read deal:write");
        let key = Grant::Key(Arc::new(scopes));
        assert!(key.may_read("party") && !key.may_write("party") && key.may_read("deal") && key.may_write("deal"));
        assert!(!key.may_read("offer"));
        let all = Grant::Key(Arc::new("*:read".parse().unwrap()));
        assert!(all.may_read("offer") && !all.may_write("offer"));
        for bad in ["", "party", "party:", ":read", "party:delete", "Party Kind:read", "*"] {
            assert!(bad.parse::<Scopes>().is_err(), "{bad}");
        }
    }
}

//! The roles of one person: one, or several that add up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{BadId, Name};

/// Roles that one person may have: more would be a sign that a role is missing, and each is asked at every write.
pub const ROLES_MAX: usize = 8;

/// Between two names: no name has it.
const JOINT: char = '+';

/// The names of the roles that somebody has, the first first: `rep`, or `rep+buyer`. What one of them
/// allows is allowed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleSet(Box<str>);

impl RoleSet {
    /// Several roles, each once; none at all is no set, nor are more than [`ROLES_MAX`].
    ///
    /// # Errors
    /// [`BadId`].
    pub fn of(names: impl IntoIterator<Item = Name>) -> Result<Self, BadId> {
        let mut each: Vec<Name> = Vec::new();
        for name in names {
            if !each.contains(&name) {
                each.push(name);
            }
        }
        let text = each.iter().map(Name::as_str).collect::<Vec<_>>().join("+");
        if each.is_empty() || each.len() > ROLES_MAX {
            return Err(BadId { what: "set of one to eight roles", text });
        }
        Ok(Self(text.into()))
    }

    /// The built-in role that keeps the house: in its name the server itself writes.
    pub fn office() -> Self {
        Self(super::OFFICE.into())
    }

    /// Each role's name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        names(&self.0)
    }

    /// As it is kept and sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The names in the text of a set.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(JOINT)
}

impl From<Name> for RoleSet {
    fn from(name: Name) -> Self {
        Self(name.as_str().into())
    }
}

impl FromStr for RoleSet {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let each: Vec<Name> = names(text).map(str::parse).collect::<Result<_, _>>()?;
        Self::of(each)
    }
}

impl TryFrom<String> for RoleSet {
    type Error = BadId;
    fn try_from(text: String) -> Result<Self, BadId> {
        text.parse()
    }
}

impl From<RoleSet> for String {
    fn from(set: RoleSet) -> String {
        set.0.into()
    }
}

impl std::ops::Deref for RoleSet {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RoleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

//! How old a record must be to be erased by a rule.

use serde_json::Value as Json;
use sync_core::query::QueryError;

/// Conditions that say how old something is. Without one, a rule would erase what was written a moment ago.
const AGES: [&str; 3] = ["olderThanXDays", "before", "lastYear"];

/// Why a rule cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRule {
    /// The condition is no list of conditions.
    #[error("its condition is not a list in the filter language: {0}")]
    Condition(#[from] QueryError),
    /// The condition is something else.
    #[error("its condition is not a list in the filter language: it is no list")]
    NoList,
    /// The condition does not say how old a record must be.
    #[error("its condition does not say how old a record must be: one of {} must hold of every record", AGES.join(", "))]
    NoAge,
}

impl BadRule {
    /// What a person reads in Chinese; the English is its `Display`.
    pub fn message_zh(&self) -> String {
        match self {
            BadRule::Condition(why) => format!("条件不是筛选语言的列表：{}", why.message_zh()),
            BadRule::NoList => "条件不是筛选语言的列表".to_owned(),
            BadRule::NoAge => format!("条件没有说明记录须存在多久：必须直接包含 {} 之一", AGES.join("、")),
        }
    }
}

/// Whether a condition says of every record how old it is.
pub(crate) fn checked(condition: &str) -> Result<(), BadRule> {
    if condition.trim().is_empty() {
        return Err(BadRule::NoAge);
    }
    let parsed: Json = serde_json::from_str(condition).map_err(QueryError::not_json)?;
    let all = parsed.as_array().ok_or(BadRule::NoList)?;
    // Its own age: that something else is old, which it points at or which points at it, says nothing of it.
    let is_own = |one: &Json| one["attribute"].as_str().is_some_and(|attribute| !attribute.contains([':', '.']));
    let is_age = |one: &Json| one["type"].as_str().is_some_and(|word| AGES.contains(&word)) && is_own(one);
    if all.iter().any(is_age) { Ok(()) } else { Err(BadRule::NoAge) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_without_an_age_is_none() {
        let age = r#"{"type": "olderThanXDays", "attribute": "updatedAt", "value": 730}"#;
        assert_eq!(checked(&format!("[{age}]")), Ok(()));
        assert_eq!(checked(r#"[{"type": "isTrue", "attribute": "archived"}]"#), Err(BadRule::NoAge));
        assert_eq!(checked("[]"), Err(BadRule::NoAge));
        assert_eq!(checked(" "), Err(BadRule::NoAge));
        for other in ["activity:about.createdAt", "party.updatedAt"] {
            let condition = format!(r#"[{{"type": "olderThanXDays", "attribute": "{other}", "value": 730}}]"#);
            assert_eq!(checked(&condition), Err(BadRule::NoAge), "{other} is another record's age");
        }
        // In a group it need not hold of every record.
        assert_eq!(
            checked(&format!(r#"[{{"type": "or", "value": [{age}, {{"type": "isTrue", "attribute": "archived"}}]}}]"#)),
            Err(BadRule::NoAge)
        );
        assert!(matches!(checked("nothing"), Err(BadRule::Condition(_))));
        assert_eq!(checked("{}"), Err(BadRule::NoList));
    }
}

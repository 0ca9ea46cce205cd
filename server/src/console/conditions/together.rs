//! How conditions are put together: all of them hold, any, none, or not all; and the same in the filter language.

use serde_json::{Value as Json, json};

/// What must hold of several conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Together {
    /// All of them.
    #[default]
    All,
    /// Any one.
    Any,
    /// None.
    None,
    /// Not all.
    NotAll,
}

impl Together {
    /// Every way, in the order in which they are offered.
    pub const EVERY: [Self; 4] = [Self::All, Self::Any, Self::None, Self::NotAll];

    /// Its word in forms.
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Any => "any",
            Self::None => "none",
            Self::NotAll => "not_all",
        }
    }

    /// The way of a word; what is no word is the usual one.
    pub fn of(word: &str) -> Self {
        Self::EVERY.into_iter().find(|way| way.word() == word).unwrap_or_default()
    }

    /// The message that offers it.
    pub fn key(self) -> &'static str {
        match self {
            Self::All => "filter.match_all",
            Self::Any => "filter.match_any",
            Self::None => "filter.match_none",
            Self::NotAll => "filter.match_not_all",
        }
    }

    /// The conditions as one.
    pub fn one(self, conditions: &[Json]) -> Json {
        let group = |word: &str, conditions: &[Json]| json!({"type": word, "value": conditions});
        match self {
            Self::All => group("and", conditions),
            Self::Any => group("or", conditions),
            Self::None if conditions.len() > 1 => group("not", &[group("or", conditions)]),
            Self::None | Self::NotAll => group("not", conditions),
        }
    }

    /// The conditions as a list of which all hold.
    pub fn list(self, conditions: &[Json]) -> Vec<Json> {
        match self {
            Self::All => conditions.to_vec(),
            Self::Any if conditions.len() < 2 => conditions.to_vec(),
            _ if conditions.is_empty() => Vec::new(),
            _ => vec![self.one(conditions)],
        }
    }

    /// The other way round: what a group consists of; none of what would not be put together the same again.
    pub fn apart(condition: &Json) -> Option<(Self, Vec<Json>)> {
        let inner = |group: &Json| group.get("value").and_then(Json::as_array).cloned().unwrap_or_default();
        let all = inner(condition);
        let found = match condition.get("type")?.as_str()? {
            "and" => (Self::All, all),
            "or" => (Self::Any, all),
            "not" => match &all[..] {
                [one] if one.get("type") == Some(&json!("or")) && inner(one).len() > 1 => (Self::None, inner(one)),
                [_] => (Self::None, all),
                _ => (Self::NotAll, all),
            },
            _ => return None,
        };
        (!found.1.is_empty() && found.0.one(&found.1) == *condition).then_some(found)
    }

    /// A list of which all hold, as few words say it.
    pub fn of_list(conditions: Vec<Json>) -> (Self, Vec<Json>) {
        let alone = match &conditions[..] {
            [one] => Self::apart(one).filter(|(way, inner)| way.list(inner) == conditions),
            _ => None,
        };
        alone.unwrap_or((Self::All, conditions))
    }
}

/// Conditions in a condition, however they are put together.
pub fn leaves(condition: &Json) -> usize {
    let inner = condition.get("value").and_then(Json::as_array).into_iter().flatten().filter(|each| each.is_object());
    usize::from(condition.get("attribute").is_some()) + inner.map(leaves).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty(attribute: &str) -> Json {
        json!({"type": "isNull", "attribute": attribute})
    }

    #[test]
    fn groups_are_taken_apart_and_put_together_again() {
        let two = [empty("a"), empty("b")];
        for way in Together::EVERY {
            assert_eq!(Together::of(way.word()), way);
            assert_eq!(Together::apart(&way.one(&two)), Some((way, two.to_vec())));
            assert_eq!(Together::of_list(way.list(&two)), (way, two.to_vec()));
            let (_, alone) = Together::apart(&way.one(&two[..1])).unwrap();
            assert_eq!(alone, two[..1]);
        }
        let group = Together::Any.one(&two);
        assert_eq!(Together::of_list(vec![Together::All.one(&two)]).0, Together::All);
        assert_eq!(Together::apart(&json!({"type": "not", "value": [group]})), Some((Together::None, two.to_vec())));
        assert_eq!(leaves(&json!({"type": "not", "value": [group, empty("c")]})), 3);
    }

    #[test]
    fn what_says_more_than_a_group_or_nothing_is_none() {
        for other in [
            json!({"type": "and", "value": []}),
            json!({"type": "or", "value": [empty("a")], "note": "mine"}),
            json!({"type": "or"}),
            json!("or"),
            empty("a"),
        ] {
            assert_eq!(Together::apart(&other), None, "{other}");
        }
    }
}

//! Paths: the flat keys of a record's document.
//!
//! `name`, `tags/vip`, `phones/<row>`, `phones/<row>/value`. Never knows which kind a path belongs to.

use std::borrow::Cow;

/// The sub-field of a list row that says where it stands.
pub const POSITION: &str = "pos";

/// A path taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path<'a> {
    /// The field.
    pub field: &'a str,
    /// The element, row or item, still escaped.
    pub key: Option<&'a str>,
    /// The sub-field of a row.
    pub item: Option<&'a str>,
}

impl<'a> Path<'a> {
    /// Takes a path apart; `None` when it has more than three segments or an empty one.
    pub fn parse(path: &'a str) -> Option<Path<'a>> {
        let mut segments = path.split('/');
        let parsed = Path { field: segments.next()?, key: segments.next(), item: segments.next() };
        let empty = [Some(parsed.field), parsed.key, parsed.item].into_iter().flatten().any(str::is_empty);
        (segments.next().is_none() && !empty).then_some(parsed)
    }
}

/// A set element as a path segment: `/` becomes `~1`, `~` becomes `~0`.
pub fn escape(element: &str) -> String {
    element.replace('~', "~0").replace('/', "~1")
}

/// A path segment as the set element it stands for.
pub fn unescape(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') { Cow::Owned(segment.replace("~1", "/").replace("~0", "~")) } else { Cow::Borrowed(segment) }
}

/// The path of an element, row or item.
pub fn child(field: &str, element: &str) -> String {
    format!("{field}/{}", escape(element))
}

/// The path of a row's sub-field.
pub fn row_field(field: &str, row: &str, item: &str) -> String {
    format!("{field}/{}/{item}", escape(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_with_slashes_and_tildes_survives_the_way_through_a_path() {
        for element in ["a/b", "~", "~1", "/~0/", "佳美/1"] {
            let path = child("tags", element);
            let parsed = Path::parse(&path).unwrap();
            assert_eq!((parsed.field, parsed.key.map(unescape).as_deref(), parsed.item), ("tags", Some(element), None));
        }
    }

    #[test]
    fn a_path_has_at_most_three_segments_and_no_empty_one() {
        assert!(Path::parse("lines/a/price").is_some());
        for bad in ["", "a//b", "/a", "a/b/c/d", "a/"] {
            assert_eq!(Path::parse(bad), None, "{bad}");
        }
    }
}

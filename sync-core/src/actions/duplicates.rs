//! Duplicates: records that people have marked as the same one (`alias_of`), taken together.
//!
//! Marking is a link, so it can be taken back; nothing is merged into anything. Marks made on two
//! devices may meet: in rows, in pairs, in a circle. All that hang together are one.

use std::collections::HashMap;

use crate::id::RecordId;

/// The field that marks a duplicate, on the kinds that have it.
pub const FIELD: &str = "alias_of";

/// Which records are the same.
#[derive(Debug, Clone, Default)]
pub struct Duplicates {
    parents: HashMap<RecordId, RecordId>,
}

impl Duplicates {
    /// From the marks: (the duplicate, what it is the same as). The order of the marks may choose which
    /// record stands for all, never which belong together.
    pub fn of(marks: impl IntoIterator<Item = (RecordId, RecordId)>) -> Self {
        let mut all = Self::default();
        for (duplicate, original) in marks {
            let (duplicate, original) = (all.same_as(duplicate), all.same_as(original));
            if duplicate != original {
                all.parents.insert(duplicate, original);
            }
        }
        all
    }

    /// The record that stands for this one and all that are the same; itself if nobody has marked it.
    pub fn same_as(&self, mut id: RecordId) -> RecordId {
        while let Some(parent) = self.parents.get(&id) {
            id = *parent;
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_hangs_together_is_one() {
        let id = |name: &str| RecordId::of_cause(name);
        type Marks = &'static [(&'static str, &'static str)];
        let cases: [(Marks, &[&str], &str); 4] = [
            (&[("b", "a"), ("c", "b")], &["a", "b", "c"], "a row"),
            (&[("c", "a"), ("c", "b")], &["a", "b", "c"], "one duplicate of two"),
            (&[("a", "b"), ("b", "c"), ("c", "a")], &["a", "b", "c"], "a circle"),
            (&[("a", "a")], &["a"], "itself"),
        ];
        for (marks, same, what) in cases {
            let duplicates = Duplicates::of(marks.iter().map(|(from, to)| (id(from), id(to))));
            assert!(same.iter().all(|name| duplicates.same_as(id(name)) == duplicates.same_as(id(same[0]))), "{what}");
            assert_eq!(duplicates.same_as(id("other")), id("other"), "{what}");
        }
        assert_eq!(Duplicates::of([(id("b"), id("a"))]).same_as(id("b")), id("a"));
    }
}

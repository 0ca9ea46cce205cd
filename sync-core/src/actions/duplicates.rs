//! Duplicates: records of one customer. Which ones likely are, which ones people have marked as the same
//! (`alias_of`), and what is written when two become one.
//!
//! Marking is a link, so it can be taken back; nothing is merged into anything. Marks made on two
//! devices may meet: in rows, in pairs, in a circle. All that hang together are one, and every replica
//! that knows the same marks names the same survivor.

pub mod country;
pub mod likely;
pub mod merging;
pub mod normal;

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::id::RecordId;
use crate::schema::{Kind, Merge, ValueType};

/// The field that marks a duplicate, on the kinds that have it.
pub const FIELD: &str = "alias_of";
/// The field that says what a record is not, however alike they look.
pub const APART: &str = "not_same_as";

/// Whether records of a kind can be marked as the same: it has the field, a set of links to itself.
pub fn can_merge(kind: &Kind) -> bool {
    kind.field(FIELD).is_some_and(|field| {
        field.merge == Merge::Set && field.value == ValueType::Link && field.items.is_empty() && field.to.contains(&kind.name)
    })
}

/// Whether what is nearly certainly about a record of a kind may be attached to it unasked. What belongs to another record may
/// not: one customer has a second case of the same name.
pub fn can_attach(kind: &Kind) -> bool {
    can_merge(kind) && kind.sharing.follows.is_none()
}

/// Which records are the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Duplicates {
    survivors: HashMap<RecordId, RecordId>,
}

impl Duplicates {
    /// From the marks: (the duplicate, what it is the same as), in whatever order.
    ///
    /// Of those that hang together the survivor is the one that is marked as nobody's duplicate. When two
    /// people have merged at once there may be several such, or none: the oldest (by its id) survives.
    pub fn of(marks: impl IntoIterator<Item = (RecordId, RecordId)>) -> Self {
        let mut beside: HashMap<RecordId, Vec<RecordId>> = HashMap::new();
        let mut marked = HashSet::new();
        for (duplicate, original) in marks {
            if duplicate != original {
                beside.entry(duplicate).or_default().push(original);
                beside.entry(original).or_default().push(duplicate);
                marked.insert(duplicate);
            }
        }
        let mut survivors = HashMap::with_capacity(beside.len());
        for start in beside.keys() {
            if survivors.contains_key(start) {
                continue;
            }
            let together = reached(*start, &beside);
            let unmarked = together.iter().find(|record| !marked.contains(record));
            let Some(survivor) = unmarked.or_else(|| together.first()).copied() else { continue };
            survivors.extend(together.iter().map(|record| (*record, survivor)));
        }
        Self { survivors }
    }

    /// The record that stands for this one and all that are the same; itself if nobody has marked it.
    pub fn same_as(&self, id: RecordId) -> RecordId {
        self.survivors.get(&id).copied().unwrap_or(id)
    }

    /// Every record that another one stands for, with that one, by id.
    pub fn aliases(&self) -> Vec<(RecordId, RecordId)> {
        let hidden = self.survivors.iter().filter(|(record, survivor)| record != survivor);
        let mut aliases: Vec<_> = hidden.map(|(record, survivor)| (*record, *survivor)).collect();
        aliases.sort_unstable();
        aliases
    }
}

/// All records that hang together with one, by id.
fn reached(start: RecordId, beside: &HashMap<RecordId, Vec<RecordId>>) -> BTreeSet<RecordId> {
    let (mut together, mut ask) = (BTreeSet::from([start]), vec![start]);
    while let Some(record) = ask.pop() {
        let others = beside.get(&record).into_iter().flatten();
        ask.extend(others.filter(|other| together.insert(**other)));
    }
    together
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(name: &str) -> RecordId {
        RecordId::of_cause(name)
    }

    #[test]
    fn whatever_hangs_together_is_one() {
        type Marks = &'static [(&'static str, &'static str)];
        let cases: [(Marks, &[&str], &str); 5] = [
            (&[("b", "a"), ("c", "b")], &["a", "b", "c"], "a row"),
            (&[("c", "a"), ("c", "b")], &["a", "b", "c"], "one duplicate of two"),
            (&[("a", "b"), ("b", "a")], &["a", "b"], "each into the other"),
            (&[("a", "b"), ("b", "c"), ("c", "a")], &["a", "b", "c"], "a circle"),
            (&[("a", "a")], &["a"], "itself"),
        ];
        for (marks, same, what) in cases {
            let duplicates = Duplicates::of(marks.iter().map(|(from, to)| (id(from), id(to))));
            assert!(same.iter().all(|name| duplicates.same_as(id(name)) == duplicates.same_as(id(same[0]))), "{what}");
            assert_eq!(duplicates.same_as(id("other")), id("other"), "{what}");
        }
        assert_eq!(Duplicates::of([(id("b"), id("a"))]).same_as(id("b")), id("a"));
        assert_eq!(Duplicates::of([(id("b"), id("a"))]).aliases(), [(id("b"), id("a"))]);
    }

    #[test]
    fn who_is_nobodys_duplicate_survives() {
        let duplicates = Duplicates::of([(id("a"), id("b")), (id("b"), id("c"))]);
        assert_eq!(duplicates.same_as(id("a")), id("c"));
    }

    #[test]
    fn only_kinds_with_such_a_field_can_merge() {
        let kind = |name: &str| crate::schema::Schema::builtin().kind(name).unwrap().clone();
        assert!(can_merge(&kind("party")) && can_attach(&kind("party")));
        assert!(can_merge(&kind("case")) && !can_attach(&kind("case")));
        assert!(!can_merge(&kind("deal")));
    }

    fn some_id() -> impl Strategy<Value = RecordId> {
        (0..7_u8).prop_map(|number| RecordId::of_cause(&number.to_string()))
    }

    proptest! {
        /// Two people who merge offline end with the same survivor on every replica, however the marks arrive.
        #[test]
        fn the_same_marks_name_one_survivor_in_whatever_order_they_come(
            marks in prop::collection::vec((some_id(), some_id()), 0..9),
            seed in any::<u64>(),
        ) {
            let mut shuffled = marks.clone();
            let mut state = seed;
            for index in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                shuffled.swap(index, (state >> 33) as usize % (index + 1));
            }
            let (here, there) = (Duplicates::of(marks.iter().copied()), Duplicates::of(shuffled));
            prop_assert_eq!(&here, &there);
            for (duplicate, original) in &marks {
                prop_assert_eq!(here.same_as(*duplicate), here.same_as(*original));
            }
            // A survivor is never hidden behind somebody else: of every group exactly one is shown.
            for (record, survivor) in here.aliases() {
                prop_assert_ne!(record, survivor);
                prop_assert_eq!(here.same_as(survivor), survivor);
            }
        }

        /// Taking the marks back parts them again.
        #[test]
        fn without_its_marks_every_record_stands_for_itself(marks in prop::collection::vec((some_id(), some_id()), 1..9)) {
            let (gone, left) = marks.split_at(marks.len() / 2);
            let duplicates = Duplicates::of(left.iter().copied());
            for (duplicate, original) in gone {
                let named = |id: &RecordId| left.iter().any(|(from, to)| from == id || to == id);
                if !named(duplicate) && !named(original) {
                    prop_assert_eq!(duplicates.same_as(*duplicate), *duplicate);
                }
            }
        }
    }
}

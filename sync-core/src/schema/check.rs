//! Which changes of a kind are allowed once records exist.
//!
//! Records of years ago, and phones that were off for months, still hold values of the old kind: what
//! they hold must keep its meaning. So fields and options are never removed, only hidden, and a field
//! never changes what it is. What people read, and which rules apply from now on, may change.

use super::{BadKind, Field, Kind, Label, Merge, Reading, Schema, builtin};
use crate::id::{FieldName, KindName};

/// A change of a kind that would leave existing records without meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// A kind cannot become another.
    #[error("kind `{old}` cannot be renamed to `{new}`: records name their kind")]
    Renamed {
        /// The name that records have.
        old: KindName,
        /// The name that was asked for.
        new: KindName,
    },
    /// Records hold values of the field.
    #[error("field `{field}` cannot be removed, only hidden: records hold it")]
    Removed {
        /// The field, or `field.part`.
        field: String,
    },
    /// Values of the old type cannot be read as the new one, nor merged by another policy, nor moved to another document.
    #[error("the {what} of field `{field}` cannot change from {old} to {new}: records hold values of the old one")]
    Changed {
        /// The field, or `field.part`.
        field: String,
        /// `type`, `merge` or `facet`.
        what: &'static str,
        /// What it is.
        old: String,
        /// What was asked for.
        new: String,
    },
    /// A plain set has no rows, and rows have no plain elements.
    #[error("field `{field}` cannot {}: records hold the other form", if *.to_rows { "become rows of `items`" } else { "lose its `items`" })]
    Reshaped {
        /// The field.
        field: String,
        /// Whether rows were asked for.
        to_rows: bool,
    },
    /// Records hold the option.
    #[error("option `{option}` of field `{field}` cannot be removed: records hold it")]
    OptionRemoved {
        /// The field, or `field.part`.
        field: String,
        /// Its stored word.
        option: String,
    },
    /// A monotone choice goes only downwards in its list: another order would turn time back.
    #[error("the options of field `{field}` cannot change their order: it is monotone, and the order says what is forwards")]
    Reordered {
        /// The field, or `field.part`.
        field: String,
    },
    /// Records link to such records.
    #[error("field `{field}` cannot stop linking to `{to}`: records do")]
    LinkNarrowed {
        /// The field, or `field.part`.
        field: String,
        /// The kind it links to.
        to: KindName,
    },
    /// No existing record has a value in a new field, so none would have a name.
    #[error("the title cannot become `{field}`, a new field: every record would lose its name")]
    TitleIsNew {
        /// The field.
        field: FieldName,
    },
    /// Nothing could ever be linked.
    #[error("field `{field}` links to `{to}`, which is no kind")]
    NoSuchKind {
        /// The field, or `field.part`.
        field: String,
        /// The name that names nothing.
        to: KindName,
    },
}

impl NotAllowed {
    /// The field concerned, with the part if it is one; none for the kind as a whole.
    pub fn field(&self) -> Option<&str> {
        match self {
            NotAllowed::Renamed { .. } => None,
            NotAllowed::TitleIsNew { field } => Some(field),
            NotAllowed::Removed { field }
            | NotAllowed::Changed { field, .. }
            | NotAllowed::Reshaped { field, .. }
            | NotAllowed::OptionRemoved { field, .. }
            | NotAllowed::Reordered { field }
            | NotAllowed::LinkNarrowed { field, .. }
            | NotAllowed::NoSuchKind { field, .. } => Some(field),
        }
    }

    /// What a person reads in Chinese; the English is its `Display`.
    pub fn message_zh(&self) -> String {
        match self {
            NotAllowed::Renamed { old, new } => format!("对象“{old}”不能改名为“{new}”：已有记录在使用"),
            NotAllowed::Removed { field } => format!("字段“{field}”不能删除，只能隐藏：已有记录在使用"),
            NotAllowed::Changed { field, what, old, new } => {
                let what = match *what {
                    "type" => "类型",
                    "merge" => "合并方式",
                    _ => "可见范围",
                };
                format!("字段“{field}”的{what}不能从 {old} 改为 {new}：已有记录在使用")
            }
            NotAllowed::Reshaped { field, .. } => format!("字段“{field}”不能改变行的形式：已有记录在使用"),
            NotAllowed::OptionRemoved { field, option } => format!("字段“{field}”的选项“{option}”不能删除：已有记录在使用"),
            NotAllowed::Reordered { field } => format!("字段“{field}”的选项不能调整顺序：它只进不退，顺序决定方向"),
            NotAllowed::LinkNarrowed { field, to } => format!("字段“{field}”不能不再关联“{to}”：已有记录在使用"),
            NotAllowed::TitleIsNew { field } => format!("标题不能改为新字段“{field}”：所有记录都会失去名称"),
            NotAllowed::NoSuchKind { field, to } => format!("字段“{field}”关联的“{to}”不是任何对象"),
        }
    }
}

/// Why a definition is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadDefinition {
    /// It is no kind.
    Unreadable(BadKind),
    /// Existing records would lose their meaning.
    NotAllowed(Vec<NotAllowed>),
}

impl BadDefinition {
    /// In words.
    pub fn words(&self) -> Label {
        match self {
            BadDefinition::Unreadable(bad) => {
                let (line, Label { en, zh }) = (bad.line, bad.words());
                Label { en: format!("line {line}: {en}"), zh: format!("第 {line} 行：{zh}") }
            }
            BadDefinition::NotAllowed(all) => Label {
                en: all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
                zh: all.iter().map(NotAllowed::message_zh).collect::<Vec<_>>().join("；"),
            },
        }
    }
}

impl Schema {
    /// The kind that a text defines, if it is a good one and this workspace may take it.
    ///
    /// # Errors
    /// [`BadDefinition`]: what an author is told.
    pub fn define(&self, origin: &str, text: &str) -> Result<Kind, BadDefinition> {
        let kind = Kind::parse(origin, text, Reading::Strict).map_err(BadDefinition::Unreadable)?;
        self.allows(&kind).map_err(BadDefinition::NotAllowed)?;
        Ok(kind)
    }
}

/// Whether records of `old` keep their meaning under `new`.
///
/// # Errors
/// Every change that is not allowed, in the order of the fields.
pub fn allows_change(old: &Kind, new: &Kind) -> Result<(), Vec<NotAllowed>> {
    let mut found = Vec::new();
    if old.name != new.name {
        found.push(NotAllowed::Renamed { old: old.name.clone(), new: new.name.clone() });
    }
    fields(&old.fields, &new.fields, "", &mut found);
    if old.title != new.title && old.field(&new.title).is_none() {
        found.push(NotAllowed::TitleIsNew { field: new.title.clone() });
    }
    if found.is_empty() { Ok(()) } else { Err(found) }
}

impl Schema {
    /// Whether a workspace with these kinds may take `new`: a kind of its own, new or changed, or its
    /// additions to a built-in one (which need not repeat the built-in fields).
    ///
    /// # Errors
    /// Every change that is not allowed.
    pub fn allows(&self, new: &Kind) -> Result<(), Vec<NotAllowed>> {
        let mut found = dangling(self, new);
        if let Some(old) = self.kind(&new.name) {
            let whole = match Schema::builtin().kind(&new.name) {
                Some(base) => builtin::completed(base, new.clone()),
                None => new.clone(),
            };
            found.extend(allows_change(old, &whole).err().unwrap_or_default());
        }
        if found.is_empty() { Ok(()) } else { Err(found) }
    }
}

fn dangling(schema: &Schema, kind: &Kind) -> Vec<NotAllowed> {
    let own = kind.fields.iter().map(|field| (field.name.to_string(), field));
    let parts = kind.fields.iter().flat_map(|field| field.items.iter().map(move |item| (format!("{}.{}", field.name, item.name), item)));
    own.chain(parts)
        .flat_map(|(path, field)| field.to.iter().map(move |to| (path.clone(), to)))
        .filter(|(_, to)| **to != kind.name && schema.kind(to).is_none())
        .map(|(field, to)| NotAllowed::NoSuchKind { field, to: to.clone() })
        .collect()
}

fn fields(old: &[Field], new: &[Field], prefix: &str, found: &mut Vec<NotAllowed>) {
    for field in old {
        let path = format!("{prefix}{}", field.name);
        match new.iter().find(|other| other.name == field.name) {
            Some(other) => changed(field, other, path, found),
            // Records hold nothing of what is computed.
            None if field.merge == Merge::Derived => {}
            None => found.push(NotAllowed::Removed { field: path }),
        }
    }
}

fn changed(old: &Field, new: &Field, path: String, found: &mut Vec<NotAllowed>) {
    let words = [
        ("type", old.value.as_str(), new.value.as_str()),
        ("merge", old.merge.as_str(), new.merge.as_str()),
        ("facet", old.facet.as_str(), new.facet.as_str()),
    ];
    for (what, old, new) in words.into_iter().filter(|(_, old, new)| old != new) {
        found.push(NotAllowed::Changed { field: path.clone(), what, old: old.to_owned(), new: new.to_owned() });
    }
    for option in old.options.iter().filter(|option| new.option(&option.value).is_none()) {
        found.push(NotAllowed::OptionRemoved { field: path.clone(), option: option.value.clone() });
    }
    if old.merge == Merge::Monotone && !same_order(old, new) {
        found.push(NotAllowed::Reordered { field: path.clone() });
    }
    for to in old.to.iter().filter(|to| !new.to.contains(to)) {
        found.push(NotAllowed::LinkNarrowed { field: path.clone(), to: to.clone() });
    }
    if old.items.is_empty() != new.items.is_empty() {
        found.push(NotAllowed::Reshaped { field: path, to_rows: old.items.is_empty() });
    } else {
        fields(&old.items, &new.items, &format!("{path}."), found);
    }
}

/// Whether the old options that are still there follow each other as before.
fn same_order(old: &Field, new: &Field) -> bool {
    let kept = old.options.iter().filter(|option| new.option(&option.value).is_some()).map(|option| &option.value);
    let now = new.options.iter().filter(|option| old.option(&option.value).is_some()).map(|option| &option.value);
    kept.eq(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Reading;

    const CAR: &str = r#"name = "car"
label = { en = "Car", zh = "车" }
plural = { en = "Cars", zh = "车" }
title = "plate"
list = ["plate"]

[[field]]
name = "plate"
label = { en = "Plate", zh = "车牌" }

[[field]]
name = "state"
label = { en = "State", zh = "状态" }
type = "choice"
merge = "monotone"
options = [
  { value = "new", label = { en = "New", zh = "新" } },
  { value = "used", label = { en = "Used", zh = "旧" } },
]

[[field]]
name = "driver"
label = { en = "Driver", zh = "司机" }
type = "link"
to = ["party"]

[[field]]
name = "services"
label = { en = "Services", zh = "保养" }
merge = "list"
items = [{ name = "cost", label = { en = "Cost", zh = "费用" }, type = "money" }]

[[field]]
name = "tags"
label = { en = "Tags", zh = "标签" }
merge = "set"
"#;

    fn car(text: &str) -> Kind {
        Kind::parse("car.toml", text, Reading::Strict).unwrap_or_else(|bad| panic!("{bad}\n{text}"))
    }

    fn edited(from: &str, to: &str) -> Kind {
        assert!(CAR.contains(from), "the sample has no {from}");
        car(&CAR.replacen(from, to, 1))
    }

    const EXTRA: &str = "\n[[field]]\nname = \"colour\"\nlabel = { en = \"Colour\", zh = \"颜色\" }\n";

    #[test]
    fn what_people_read_and_what_is_added_may_change() {
        let used = "  { value = \"used\", label = { en = \"Used\", zh = \"旧\" } },\n";
        let scrapped = "  { value = \"scrapped\", label = { en = \"Scrapped\", zh = \"报废\" } },\n";
        let allowed = [
            edited("en = \"Plate\"", "en = \"Licence plate\""),
            edited("en = \"Used\"", "en = \"Second hand\""),
            edited(used, &format!("{used}{scrapped}")),
            edited(used, &format!("{scrapped}{used}")),
            edited("to = [\"party\"]", "to = [\"member\", \"party\"]"),
            edited("zh = \"车牌\" }", "zh = \"车牌\" }\nrequired = true"),
            edited("merge = \"set\"", "merge = \"set\"\nhidden = true"),
            edited("merge = \"set\"", "merge = \"set\"\nfrozen = { field = \"state\", in = [\"used\"] }"),
            edited("type = \"money\" }", "type = \"money\" }, { name = \"note\", label = { en = \"Note\", zh = \"备注\" } }"),
            edited("title = \"plate\"", "title = \"state\""),
            edited("list = [\"plate\"]", "list = [\"plate\", \"driver\"]\nsearch = [\"tags\"]"),
            car(&format!("{CAR}{EXTRA}")),
        ];
        for new in allowed {
            assert_eq!(allows_change(&car(CAR), &new), Ok(()), "{}", new.to_toml());
        }
    }

    #[test]
    fn what_records_hold_keeps_its_meaning() {
        let options = "  { value = \"new\", label = { en = \"New\", zh = \"新\" } },\n  { value = \"used\", label = { en = \"Used\", zh = \"旧\" } },\n";
        let reversed = "  { value = \"used\", label = { en = \"Used\", zh = \"旧\" } },\n  { value = \"new\", label = { en = \"New\", zh = \"新\" } },\n";
        let tags = "\n[[field]]\nname = \"tags\"\nlabel = { en = \"Tags\", zh = \"标签\" }\nmerge = \"set\"\n";
        let rows = "merge = \"set\"\nitems = [{ name = \"tag\", label = { en = \"Tag\", zh = \"标签\" } }]";
        let cases = [
            (edited("name = \"car\"", "name = \"auto\""), "kind `car` cannot be renamed to `auto`: records name their kind"),
            (edited(tags, ""), "field `tags` cannot be removed, only hidden: records hold it"),
            (
                edited("zh = \"车牌\" }", "zh = \"车牌\" }\ntype = \"phone\""),
                "the type of field `plate` cannot change from string to phone",
            ),
            (
                edited("zh = \"车牌\" }", "zh = \"车牌\" }\nmerge = \"visible\""),
                "the merge of field `plate` cannot change from register to visible",
            ),
            (
                edited("merge = \"set\"", "merge = \"set\"\nfacet = \"private\""),
                "the facet of field `tags` cannot change from main to private",
            ),
            (
                edited("  { value = \"new\", label = { en = \"New\", zh = \"新\" } },\n", ""),
                "option `new` of field `state` cannot be removed: records hold it",
            ),
            (edited(options, reversed), "the options of field `state` cannot change their order"),
            (edited("to = [\"party\"]", "to = [\"member\"]"), "field `driver` cannot stop linking to `party`: records do"),
            (edited("type = \"money\"", "type = \"number\""), "the type of field `services.cost` cannot change from money to number"),
            (edited("name = \"cost\"", "name = \"price\""), "field `services.cost` cannot be removed, only hidden: records hold it"),
            (edited("merge = \"set\"", rows), "field `tags` cannot become rows of `items`: records hold the other form"),
            (
                car(&format!("{CAR}{EXTRA}").replace("title = \"plate\"", "title = \"colour\"")),
                "the title cannot become `colour`, a new field",
            ),
        ];
        for (new, told) in cases {
            let found = allows_change(&car(CAR), &new).expect_err(told);
            assert!(found.len() == 1 && found[0].to_string().starts_with(told), "told: {found:?}\nwant: {told}");
        }
    }

    #[test]
    fn all_that_is_not_allowed_is_told_at_once() {
        let new = edited("zh = \"车牌\" }", "zh = \"车牌\" }\ntype = \"phone\"\nmerge = \"visible\"\nfacet = \"main\"");
        assert_eq!(allows_change(&car(CAR), &new).unwrap_err().len(), 2);
    }

    #[test]
    fn a_workspace_may_add_to_a_built_in_kind_but_not_bend_it() {
        let party = |field: &str| {
            let head = "name = \"party\"\nlabel = { en = \"Client\", zh = \"客户\" }\nplural = { en = \"Clients\", zh = \"客户\" }\n";
            let name =
                "title = \"name\"\nlist = []\n[[field]]\nname = \"name\"\nlabel = { en = \"Name\", zh = \"名称\" }\nmerge = \"visible\"\n";
            car(&format!("{head}{name}[[field]]\nlabel = {{ en = \"X\", zh = \"X\" }}\n{field}"))
        };
        assert_eq!(Schema::builtin().allows(&party("name = \"shoe_size\"\ntype = \"integer\"")), Ok(()));
        let bent = Schema::builtin().allows(&party("name = \"birthday\"\ntype = \"date\"")).unwrap_err();
        assert_eq!(
            bent[0].to_string(),
            "the facet of field `birthday` cannot change from private to main: records hold values of the old one"
        );
        let with_size = Schema::builtin().with([party("name = \"shoe_size\"\ntype = \"integer\"")]);
        assert_eq!(with_size.allows(&party("name = \"other\"")), Err(vec![NotAllowed::Removed { field: "shoe_size".to_owned() }]));
    }

    #[test]
    fn a_link_points_at_a_kind_that_there_is() {
        let found = Schema::builtin().allows(&edited("to = [\"party\"]", "to = [\"party\", \"car\", \"plane\"]")).unwrap_err();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "field `driver` links to `plane`, which is no kind");
    }
}

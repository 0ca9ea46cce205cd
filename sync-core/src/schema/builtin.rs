//! The kinds that every workspace has: the files of `kinds/`, read once.

use std::sync::LazyLock;

use super::{Choice, Field, Kind, Merge, Reading, Schema};

/// Every file of `kinds/`, as `(path, text)`; listed by `build.rs`.
pub(super) const KIND_FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/kinds.rs"));

static BUILTIN: LazyLock<Schema> = LazyLock::new(|| {
    let mut schema = Schema::default();
    for (path, text) in KIND_FILES {
        schema.insert(Kind::parse(path, text, Reading::Strict).expect("the tests parse every built-in kind"));
    }
    schema
});

impl Schema {
    /// The built-in kinds.
    pub fn builtin() -> &'static Schema {
        &BUILTIN
    }

    /// These kinds and a workspace's own.
    ///
    /// A custom kind that bears a name of these extends it: its labels, lists and new fields count,
    /// while fields declared here keep their type, policy and facet, and are there even when the
    /// definition was written before they were.
    #[must_use]
    pub fn with(&self, custom: impl IntoIterator<Item = Kind>) -> Schema {
        let mut schema = self.clone();
        for kind in custom {
            let kind = match self.kind(&kind.name) {
                Some(base) => extended(base, kind),
                None => kind,
            };
            schema.insert(kind);
        }
        schema.reach_own(self);
        schema
    }

    /// What a workspace makes of its own can be worked on like everything else: activities may be about it, and it may be
    /// followed and approved.
    fn reach_own(&mut self, builtin: &Schema) {
        let own: Vec<_> = self.kinds().filter(|kind| builtin.kind(&kind.name).is_none()).map(|kind| kind.name.clone()).collect();
        for (kind, link) in [("activity", "about"), ("approval", "record"), ("follow", "record")] {
            let Some(mut kind) = self.kind(kind).filter(|_| !own.is_empty()).map(|kind| Kind::clone(kind)) else { continue };
            if let Some(link) = kind.fields.iter_mut().find(|field| &*field.name == link) {
                link.to.extend(own.iter().cloned());
                link.to.dedup();
            }
            self.insert(kind);
        }
    }
}

/// The kind with the type, policy and facet of the base's fields, and all that the base has besides.
fn extended(base: &Kind, mut kind: Kind) -> Kind {
    // Declared by an earlier version and computed by none: copied into the definition, and nobody's own.
    kind.fields.retain(|field| field.merge != Merge::Derived || field.formula.is_some() || base.field(&field.name).is_some());
    let Kind { list, fields, .. } = &mut kind;
    list.retain(|name| fields.iter().chain(&base.fields).any(|field| field.name == *name));
    for field in &mut kind.fields {
        if let Some(base) = base.field(&field.name) {
            keep_meaning(base, field);
        }
    }
    completed(base, kind)
}

fn keep_meaning(base: &Field, field: &mut Field) {
    field.value = base.value.clone();
    field.merge = base.merge.clone();
    field.facet = base.facet;
    for item in &mut field.items {
        if let Some(base) = base.item(&item.name) {
            keep_meaning(base, item);
        }
    }
}

/// The kind with the fields, options, parts and link targets of the base that it does not mention.
pub(super) fn completed(base: &Kind, mut kind: Kind) -> Kind {
    complete(&base.fields, &mut kind.fields);
    kind.menu = kind.menu.or(base.menu);
    kind.owner = kind.owner.or_else(|| base.owner.clone());
    kind.answers = kind.answers.or_else(|| base.answers.clone());
    if kind.happens.is_empty() {
        kind.happens = kind.days_kept_of(base);
    }
    if let (Some(board), Some(base)) = (&mut kind.board, &base.board) {
        board.pipelines = board.pipelines.take().or_else(|| base.pipelines.clone());
    }
    let missing: Vec<_> = base.gaps.iter().filter(|gap| !kind.gaps.iter().any(|own| own.name == gap.name)).cloned().collect();
    kind.gaps.extend(missing);
    if kind.portrait.is_empty() {
        kind.portrait.clone_from(&base.portrait);
    }
    // Who sees what is not narrowed or widened by leaving a line out.
    let sharing = &mut kind.sharing;
    sharing.follows = sharing.follows.take().or_else(|| base.sharing.follows.clone());
    sharing.teams = sharing.teams.take().or_else(|| base.sharing.teams.clone());
    sharing.territories = sharing.territories.take().or_else(|| base.sharing.territories.clone());
    sharing.everyone |= base.sharing.everyone;
    // What others have their share in cannot become personal, and the other way round.
    sharing.personal = base.sharing.personal;
    sharing.key = sharing.key.take().or_else(|| base.sharing.key.clone());
    sharing.manager = sharing.manager.take().or_else(|| base.sharing.manager.clone());
    kind
}

fn complete(base: &[Field], fields: &mut Vec<Field>) {
    for base in base {
        let Some(field) = fields.iter_mut().find(|field| field.name == base.name) else {
            fields.push(base.clone());
            continue;
        };
        complete_options(base, field);
        let to: Vec<_> = base.to.iter().filter(|to| !field.to.contains(to)).cloned().collect();
        field.to.extend(to);
        if field.key.is_empty() {
            field.key.clone_from(&base.key);
        }
        field.fill = field.fill.take().or_else(|| base.fill.clone());
        field.copies = field.copies.take().or_else(|| base.copies.clone());
        field.frozen = field.frozen.take().or_else(|| base.frozen.clone());
        field.formula = field.formula.take().or_else(|| base.formula.clone());
        field.default = field.default.take().or_else(|| base.default.clone());
        field.after = field.after.take().or_else(|| base.after.clone());
        field.min = field.min.or(base.min);
        field.max = field.max.or(base.max);
        complete(&base.items, &mut field.items);
    }
}

/// Missing options go where the base has them: in a monotone choice the order is what forwards means.
fn complete_options(base: &Field, field: &mut Field) {
    let mut after = 0;
    for option in &base.options {
        match field.options.iter().position(|own| own.value == option.value) {
            Some(found) => {
                brings(option, &mut field.options[found]);
                after = found + 1;
            }
            None => {
                field.options.insert(after, option.clone());
                after += 1;
            }
        }
    }
}

/// What an option of the base brings with it stays, where the other says nothing of it.
fn brings(base: &Choice, option: &mut Choice) {
    option.hidden |= base.hidden;
    if option.needs.is_empty() {
        option.needs.clone_from(&base.needs);
    }
    if option.asks.is_empty() {
        option.asks.clone_from(&base.asks);
    }
    if option.tasks.is_empty() {
        option.tasks.clone_from(&base.tasks);
    }
    if option.days.is_none() {
        (option.days, option.escalate_days) = (base.days, base.escalate_days);
    }
    if option.columns.is_empty() {
        option.columns.clone_from(&base.columns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Facet;
    use crate::schema::ValueType;

    fn all() -> Vec<(&'static str, Kind)> {
        KIND_FILES
            .iter()
            .map(|(path, text)| (*path, Kind::parse(path, text, Reading::Strict).unwrap_or_else(|bad| panic!("{bad}"))))
            .collect()
    }

    #[test]
    fn the_built_in_kinds_are_good_kinds_and_each_is_in_the_file_of_its_name() {
        let kinds = all();
        assert!(kinds.len() >= 16);
        for (path, kind) in &kinds {
            assert_eq!(*path, format!("kinds/{}.toml", kind.name));
            assert_eq!(Schema::builtin().kind(&kind.name).map(|kind| &**kind), Some(kind));
        }
    }

    #[test]
    fn a_kind_written_and_read_again_is_the_same_kind() {
        for (path, kind) in all() {
            let written = kind.to_toml();
            assert_eq!(Kind::parse(path, &written, Reading::Strict).unwrap_or_else(|bad| panic!("{bad}\n{written}")), kind);
        }
    }

    #[test]
    fn every_link_of_the_built_in_kinds_points_at_a_kind() {
        let schema = Schema::builtin();
        for kind in schema.kinds() {
            for field in kind.fields.iter().flat_map(|field| std::iter::once(field).chain(&field.items)) {
                for to in &field.to {
                    assert!(schema.kind(to).is_some(), "`{}` of `{}` points at `{to}`", field.name, kind.name);
                }
            }
        }
    }

    #[test]
    fn money_and_personal_data_are_where_few_may_read_them() {
        let facet = |kind: &str, field: &str| Schema::builtin().kind(kind).unwrap().field(field).unwrap().facet;
        assert_eq!(facet("party", "credit_limit"), Facet::Commercial);
        assert_eq!(facet("product", "cost"), Facet::Commercial);
        assert_eq!(facet("party", "birthday"), Facet::Private);
        assert_eq!(facet("party", "name"), Facet::Main);
    }

    #[test]
    fn a_kind_that_hides_its_days_names_none_of_them_and_is_a_good_kind() {
        let mut offer = Kind::clone(Schema::builtin().kind("offer").unwrap());
        offer.fields.iter_mut().filter(|field| &*field.name == "date").for_each(|field| field.hidden = true);
        offer.happens.clear();
        offer.list.retain(|field| &**field != "date");
        let schema = Schema::builtin().with([offer]);
        let written = schema.kind("offer").unwrap().to_toml();
        assert!(Kind::parse("offer", &written, Reading::Strict).unwrap().happens.is_empty(), "{written}");
    }

    #[test]
    fn a_custom_definition_of_a_built_in_kind_adds_to_it_and_takes_nothing_away() {
        let text = r#"
            name = "party"
            label = { en = "Client", zh = "客户" }
            plural = { en = "Clients", zh = "客户" }
            title = "name"
            list = ["name", "shoe_size"]
            [[field]]
            name = "name"
            label = { en = "Client name", zh = "客户名称" }
            [[field]]
            name = "credit_limit"
            label = { en = "Limit", zh = "额度" }
            [[field]]
            name = "shoe_size"
            label = { en = "Shoe size", zh = "鞋码" }
            type = "integer""#;
        let custom = Kind::parse("custom", text, Reading::Strict).unwrap();
        let schema = Schema::builtin().with([custom]);
        let party = schema.kind("party").unwrap();
        assert_eq!(party.label.en, "Client");
        assert_eq!(party.field("shoe_size").unwrap().value, ValueType::Integer);
        assert_eq!(party.field("name").unwrap().merge, Merge::Visible, "the policy of a built-in field stays");
        assert_eq!(party.field("credit_limit").unwrap().facet, Facet::Commercial, "so does its facet");
        assert!(party.field("phones").is_some());
        assert!(Schema::builtin().kind("party").unwrap().field("shoe_size").is_none());
    }
}

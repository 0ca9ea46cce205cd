//! What somebody with some roles may see and do, kind by kind, in words that people read.
//!
//! Decides nothing: it says what [`decide`](super::decide) goes by.

use super::message::{self, both};
use super::said::{joined, said};
use super::{Action, Level, Limit, Role, Roles, Rule};
use crate::id::{Facet, FieldName};
use crate::schema::{Kind, Label, Merge};

/// What some roles may see and do with records of a kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// How far, in the order of [`Action::ALL`]; where it hangs on what a record says, as far as for any.
    pub levels: [Level; Action::ALL.len()],
    /// The facets in sight.
    pub reads: Vec<Facet>,
    /// The facets that the kind has and that are out of sight.
    pub hidden: Vec<Facet>,
    /// The fields in sight that are for others to write.
    pub locked: Vec<FieldName>,
    /// What else holds: for which records what goes how far, and what needs somebody's word.
    pub said: Vec<Label>,
}

impl Overview {
    /// How far.
    pub fn level(&self, action: Action) -> Level {
        self.levels[action as usize]
    }

    /// Whether there is nothing in sight and nothing to be done.
    pub fn is_nothing(&self) -> bool {
        self.levels.iter().all(|level| *level == Level::None)
    }
}

impl Roles {
    /// What roles may see of a kind and do with it.
    pub fn overview(&self, set: &str, kind: &Kind) -> Overview {
        let levels = Action::ALL.map(|action| self.level(set, kind, action));
        let reads = self.readable(set, kind);
        let writes = levels[Action::Create as usize].max(levels[Action::Edit as usize]) > Level::None;
        let is_written = |merge: &Merge| !matches!(merge, Merge::Assigned | Merge::Derived);
        let fields = kind.fields.iter().filter(|field| writes && !field.hidden && reads.contains(&field.facet) && is_written(&field.merge));
        let locked = fields.filter(|field| !self.may_write_field(set, kind, &field.name)).map(|field| field.name.clone()).collect();
        let hidden = kind.facets().into_iter().filter(|facet| !reads.contains(facet)).collect();
        let roles: Vec<&Role> = self.of(set).collect();
        let mut said: Vec<Label> = roles.iter().flat_map(|role| conditions(role, kind, roles.len() > 1)).collect();
        if writes {
            said.extend(limits(&roles, kind).map(|limit| message::limit(kind, limit, None)));
        }
        Overview { levels, reads, hidden, locked, said }
    }
}

/// What of a role hangs on what a record says, and what holds for the others.
fn conditions(role: &Role, kind: &Kind, is_named: bool) -> Vec<Label> {
    let mut said_of: Vec<Label> = role
        .conditional(&kind.name)
        .filter_map(|rule| {
            let (Label { en, zh }, deeds) = (said(kind, rule.when.as_ref()?.filter()), deeds(kind, rule));
            Some(both(format!("Where {en}: {}.", deeds.en), format!("当{zh}时：{}。", deeds.zh)))
        })
        .collect();
    if said_of.is_empty() {
        return said_of;
    }
    let otherwise = role.rule(&kind.name).map_or_else(nothing, |rule| deeds(kind, rule));
    said_of.push(both(format!("Otherwise: {}.", otherwise.en), format!("其他情况：{}。", otherwise.zh)));
    if is_named {
        let of_role = |Label { en, zh }: Label| both(format!("“{}”: {en}", role.label.en), format!("“{}”：{zh}", role.label.zh));
        return said_of.into_iter().map(of_role).collect();
    }
    said_of
}

/// What a rule lets be done beside reading, and to which fields.
fn deeds(kind: &Kind, rule: &Rule) -> Label {
    let deed = |action: &Action| {
        let (level, label) = (rule.level_for(kind, *action), action.label());
        let far = level.label();
        (level > Level::None).then(|| both(format!("{} ({})", label.en, far.en), format!("{}（{}）", label.zh, far.zh)))
    };
    let done = joined(Action::ALL[1..].iter().filter_map(deed), [", ", "、"]);
    if done.en.is_empty() {
        return nothing();
    }
    let named = |fields: &[FieldName]| {
        let label = |name: &FieldName| super::label(kind.field(name), name);
        let quoted = |Label { en, zh }: Label| both(format!("“{en}”"), format!("“{zh}”"));
        joined(fields.iter().map(label).map(quoted), [", ", "、"])
    };
    let (only, except) = (named(&rule.only_fields), named(&rule.except_fields));
    match (only.en.is_empty(), except.en.is_empty()) {
        (false, _) => both(format!("{}; only {}", done.en, only.en), format!("{}；仅{}", done.zh, only.zh)),
        (true, false) => both(format!("{}; but {}", done.en, except.en), format!("{}；{}除外", done.zh, except.zh)),
        (true, true) => done,
    }
}

fn nothing() -> Label {
    both("nothing may be changed".to_owned(), "不能修改".to_owned())
}

/// The limits of all roles together: what one of them may write freely is written freely.
fn limits<'r>(roles: &'r [&'r Role], kind: &'r Kind) -> impl Iterator<Item = &'r Limit> {
    let (first, others) = roles.split_first().map_or((&[][..], &[][..]), |(first, others)| (&first.limits[..], others));
    first.iter().filter(move |limit| limit.kind == kind.name && others.iter().all(|role| role.limits.contains(limit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Reading, Schema};

    fn roles(text: &str) -> Roles {
        let mut roles = Roles::builtin().clone();
        roles.insert(Role::parse("a test", text, Schema::builtin(), Reading::Strict).unwrap());
        roles
    }

    const CLERK: &str = r#"name = "clerk"
label = { en = "Clerk", zh = "文员" }
[[rule]]
kinds = ["*"]
read = "all"
create = "all"
edit = "own"
reads = ["main"]
writes = ["main"]
[[rule]]
kinds = ["deal"]
when = '[{"type": "or", "value": [{"type": "in", "attribute": "stage", "value": ["won", "lost"]}, {"type": "greaterThan", "attribute": "amount.amount", "value": 500000}]}, {"type": "isNotNull", "attribute": "party"}]'
edit = "all"
writes = ["main"]
only_fields = ["notes"]
"#;

    #[test]
    fn what_hangs_on_a_record_is_said_in_both_languages() {
        let overview = roles(CLERK).overview("clerk", Schema::builtin().kind("deal").unwrap());
        assert_eq!(overview.level(Action::Edit), Level::All, "as far as for any record");
        let said: Vec<(&str, &str)> = overview.said.iter().map(|label| (&*label.en, &*label.zh)).collect();
        let where_en = "Where (“Stage” is “Won” or “Lost” or “Amount” is above 5000.00) and “Customer” is filled in";
        assert_eq!(said[0].0, format!("{where_en}: Change (all); only “Notes”."));
        assert_eq!(said[1], ("Otherwise: Create (all), Change (own).", "其他情况：新建（全部）、修改（本人）。"));
        assert!(said[0].1.starts_with("当（“") && said[0].1.ends_with("：修改（全部）；仅“备注”。"), "{}", said[0].1);
        let two = roles(CLERK).overview("clerk+rep", Schema::builtin().kind("deal").unwrap());
        assert!(two.said.iter().all(|label| label.en.starts_with("“Clerk”: ")), "{:?}", two.said);
    }

    #[test]
    fn what_is_out_of_sight_and_what_is_others_to_write_is_named() {
        let (roles, schema) = (Roles::builtin(), Schema::builtin());
        let of = |role: &str, kind: &str| roles.overview(role, schema.kind(kind).unwrap());
        let rep = of("rep", "party");
        assert_eq!((rep.reads, rep.hidden), (vec![Facet::Main], vec![Facet::Commercial, Facet::Private]));
        assert_eq!(rep.locked.iter().map(|field| &**field).collect::<Vec<_>>(), ["is_key", "account_manager"]);
        assert_eq!((of("office", "party").hidden, of("office", "party").locked), (Vec::new(), Vec::new()));
        let agent = of("agent", "member");
        assert_eq!((agent.level(Action::Read), agent.level(Action::Edit), agent.locked), (Level::All, Level::None, Vec::new()));
        let offer = of("rep", "offer");
        assert_eq!(offer.said[0].en, "“Discount %” in “Lines” of quotes and orders above 10 needs approval.");
        assert!(offer.said[1].en.contains("“Sent”") && offer.said[1].zh.contains("“"), "{:?}", offer.said[1]);
        assert!(of("office+rep", "offer").said.is_empty(), "one of the two is not limited");
    }

    #[test]
    fn what_is_said_agrees_with_what_is_decided() {
        use super::super::{Act, Caller, Subject, decide};
        use crate::id::UserId;
        let (roles, schema, user) = (Roles::builtin(), Schema::builtin(), UserId::of_cause("ann"));
        for role in roles.roles() {
            let caller = Caller { user, role: role.name.parse().unwrap() };
            for kind in schema.kinds() {
                let overview = roles.overview(&role.name, kind);
                for (action, act) in [(Action::Read, Act::Read), (Action::Archive, Act::Archive)] {
                    let subject = Subject::of(kind, Facet::Main);
                    let decided = decide(roles, &caller, &subject, &act).is_allowed();
                    assert_eq!(decided, overview.level(action) == Level::All, "{} {} {action:?}", role.name, kind.name);
                }
                for field in &overview.locked {
                    let own = Subject { owner: Some(user), ..Subject::of(kind, Facet::Main) };
                    let write = Act::Write { field, item: None, value: None };
                    assert!(!decide(roles, &caller, &own, &write).is_allowed(), "{} {} {field}", role.name, kind.name);
                }
            }
        }
    }
}

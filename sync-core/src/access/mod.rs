//! May this caller do this to this record and field: one function, for server and device.
//!
//! On a phone [`decide`] predicts ("will need approval"), on the server it decides: the same code, the
//! same rules as data (`roles/*.toml`). It knows nothing of a record but what [`Subject`] says, so it
//! costs no reading; whether a value fits its field, or a field is frozen, is asked elsewhere. What the
//! server itself writes (numbers, members) is not asked here either.
//!
//! ```
//! use sync_core::access::{Act, Caller, Roles, Subject, decide};
//! use sync_core::id::{Facet, UserId};
//! use sync_core::schema::Schema;
//!
//! let ann = Caller { user: UserId::of_cause("ann"), role: "rep".parse()? };
//! let offer = Schema::builtin().kind("offer").expect("a built-in kind");
//! let discount = serde_json::json!(12);
//! let write = Act::Write { field: "lines", item: Some("discount_percent"), value: Some(&discount) };
//! let decision = decide(Roles::builtin(), &ann, &Subject::of(offer, Facet::Main), &write);
//! assert_eq!(decision.message().expect("it is held").en, "“Discount %” in “Lines” of quotes and orders is above 10 and needs approval.");
//! # Ok::<(), sync_core::id::BadId>(())
//! ```

mod condition;
mod judge;
mod message;
mod overview;
mod parse;
mod reach;
mod role;
mod said;
mod set;
mod write;

pub use condition::{BadCondition, Condition};
pub use judge::{Judged, account_of, against, closes, followed, is_too_late, judge};
pub use message::{deed, part};
pub use overview::Overview;
pub use reach::{FOLLOW_DEPTH_MAX, Facts, Holder, MEMBER_KIND, Member, Reach, holders, key_account, manager_among};
pub use role::{ANY_VALUE, OFFICE};
pub use role::{Action, BadRole, Beyond, Level, Limit, Outcome, Right, Role, Roles, Rule};
pub use set::{ROLES_MAX, RoleSet};

use serde_json::{Map, Value};

use crate::id::{Facet, UserId};
use crate::projection;
use crate::record::fields::FieldEdit;
use crate::schema::{Field, Kind, Label, Merge};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The person.
    pub user: UserId,
    /// What they are in this workspace: one role, or several.
    pub role: RoleSet,
}

/// What is asked about: one facet of one record, as far as rights depend on it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The record's kind.
    pub kind: &'a Kind,
    /// The document of the record that is read or written.
    pub facet: Facet,
    /// Whose it is: the value of the kind's `owner` field; the record of a member has the id of its user.
    pub owner: Option<UserId>,
    /// Who made it; it is theirs as long as it has no owner.
    pub author: Option<UserId>,
    /// Whether it is being made now: then writing its fields needs the right to create, not to edit.
    pub is_new: bool,
    /// Its main row, where rules have conditions: as it is, or as it is being made.
    pub main: Option<&'a Map<String, Value>>,
    /// How far the caller must reach to get at it ([`Reach::distance`]); what is theirs is near anyway.
    pub distance: Level,
    /// Whether an earlier edit of it waits for approval, where [`Roles::look_at_waiting`].
    pub waits: bool,
    /// Who answers for it as a key account; for what follows one, where [`Roles::look_at_managers`].
    pub manager: Option<UserId>,
}

/// What everybody may see, whatever their role: by these a phone knows what it holds and may do.
const FOR_EVERYBODY: [&str; 2] = ["kind", "role"];

/// Kinds whose records say how the system works and who may do what: changing one takes
/// [`Right::Administer`], whatever the rules say.
pub const GOVERNING: [&str; 3] = ["kind", "member", "role"];

/// The kind of what asks somebody for their word on an edit.
pub const APPROVAL_KIND: &str = "approval";

/// Whether the server alone makes records of a kind and says when they are done with.
pub fn is_made_by_server(kind: &str) -> bool {
    kind == APPROVAL_KIND
}

impl<'a> Subject<'a> {
    /// A record that exists and is nobody's.
    pub fn of(kind: &'a Kind, facet: Facet) -> Self {
        let (distance, waits) = (Level::All, false);
        Self { kind, facet, owner: None, author: None, is_new: false, main: None, distance, waits, manager: None }
    }

    /// A record that is being made by `author`.
    pub fn new_by(kind: &'a Kind, facet: Facet, author: UserId) -> Self {
        Self { author: Some(author), is_new: true, ..Self::of(kind, facet) }
    }

    /// A record that exists: whose it is stands in its main row.
    pub fn existing(kind: &'a Kind, facet: Facet, main: &'a Map<String, Value>, author: Option<UserId>) -> Self {
        let owner = kind.owner.as_ref().and_then(|field| main.get(&**field)).and_then(Value::as_str);
        let (owner, manager) = (owner.and_then(|id| id.parse().ok()), reach::manager(kind, main));
        Self { owner, author, main: Some(main), manager, ..Self::of(kind, facet) }
    }

    /// The same, so far away.
    #[must_use]
    pub fn at(self, distance: Level) -> Self {
        Self { distance, ..self }
    }

    /// Whether it is somebody's own: theirs, or of a key customer that they answer for.
    pub fn is_own(&self, user: UserId) -> bool {
        let answers = self.kind.sharing.key_account().is_some() && self.manager == Some(user);
        let makes = self.is_new && !(self.kind.sharing.personal && self.owner.is_some_and(|owner| owner != user));
        makes || answers || self.owner.or(self.author) == Some(user)
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Act<'a> {
    /// See the facet.
    Read,
    /// Make a record.
    Create,
    /// Write a field, or one part of a row of it.
    Write {
        /// The field.
        field: &'a str,
        /// The part of the row: `price` of `lines/<id>/price`.
        item: Option<&'a str>,
        /// What is written, where limits may depend on it: a scalar, or a whole row.
        value: Option<&'a Value>,
    },
    /// Choose among concurrent values of a field; the value itself comes as a `Write`.
    Resolve {
        /// The field.
        field: &'a str,
    },
    /// Put the record away.
    Archive,
    /// Erase the record for good.
    Purge,
    /// Bring in records of the kind in bulk.
    Import,
    /// Take out records of the kind in bulk.
    Export,
}

/// What rules of limits about key accounts are named by: `rep.offer.key_account.status`.
const OF_KEY_ACCOUNT: &str = "key_account";

/// Whether a rule is a limit about key accounts: who answers for the account has the word.
pub fn asks_manager(rule: &str) -> bool {
    rule.split('.').nth(2) == Some(OF_KEY_ACCOUNT)
}

/// The answer. Rules are named `role.kind.what`, stable enough for logs and tests; messages are for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Go ahead.
    Allowed,
    /// Never, for this caller.
    Denied {
        /// The rule that says so.
        rule: String,
        /// A sentence for the person.
        message: Label,
    },
    /// Once somebody has looked at it. Accepting it takes a caller whom `decide` allows the same act.
    Review {
        /// The limit that says so.
        rule: String,
        /// A sentence for the person.
        message: Label,
    },
}

impl Decision {
    /// How much stands against it: nothing, a look, everything.
    fn weight(&self) -> u8 {
        match self {
            Decision::Allowed => 0,
            Decision::Review { .. } => 1,
            Decision::Denied { .. } => 2,
        }
    }

    /// Whether nothing stands against it.
    pub fn is_allowed(&self) -> bool {
        *self == Decision::Allowed
    }

    /// The sentence for the person, if something stands against it.
    pub fn message(&self) -> Option<&Label> {
        match self {
            Decision::Allowed => None,
            Decision::Denied { message, .. } | Decision::Review { message, .. } => Some(message),
        }
    }
}

/// Stops at the first decision that is not `Allowed`.
type Passed = Result<(), Decision>;

/// Whether `caller` may do `act` to `subject`. What one of several roles allows is allowed; each is asked
/// for the whole of it, so that none lends another the half that it lacks.
pub fn decide(roles: &Roles, caller: &Caller, subject: &Subject<'_>, act: &Act<'_>) -> Decision {
    let governs = !GOVERNING.contains(&&*subject.kind.name) || roles.may(&caller.role, Right::Administer);
    let mut best: Option<Decision> = None;
    for name in caller.role.names() {
        let decision = match roles.role(name) {
            None => Decision::Denied { rule: format!("{name}.unknown"), message: message::no_role(name) },
            Some(role) => {
                let rule = role.rule_for(&subject.kind.name, subject.main);
                let case = Case { role, rule, caller, subject, governs };
                case.passes(act).err().unwrap_or(Decision::Allowed)
            }
        };
        match (&decision, &best) {
            (Decision::Allowed, _) => return Decision::Allowed,
            (_, None) | (Decision::Review { .. }, Some(Decision::Denied { .. })) => best = Some(decision),
            (Decision::Denied { .. } | Decision::Review { .. }, Some(_)) => {}
        }
    }
    best.unwrap_or(Decision::Denied { rule: "unknown".to_owned(), message: message::no_role(&caller.role) })
}

struct Case<'a> {
    role: &'a Role,
    rule: Option<&'a Rule>,
    caller: &'a Caller,
    subject: &'a Subject<'a>,
    /// Whether the caller may change records of this kind at all.
    governs: bool,
}

impl Case<'_> {
    fn passes(&self, act: &Act<'_>) -> Passed {
        let changes = matches!(act, Act::Create | Act::Write { .. } | Act::Resolve { .. } | Act::Archive);
        if changes && !self.governs {
            return Err(self.denied(Right::Administer.as_str(), message::no_right(self.role, self.subject.kind, Right::Administer)));
        }
        let makes = self.subject.is_new && changes || matches!(act, Act::Create | Act::Archive | Act::Write { field: "archived", .. });
        if makes && is_made_by_server(&self.subject.kind.name) {
            return Err(self.denied(Action::Create.as_str(), message::by_server(self.subject.kind)));
        }
        match act {
            Act::Read if is_for_everybody(self.subject.kind) && self.subject.facet == Facet::Main => Ok(()),
            Act::Read => {
                self.level(Action::Read)?;
                self.facet(Action::Read, self.subject.facet)
            }
            Act::Create => {
                self.level(Action::Create)?;
                self.facet(Action::Create, self.subject.facet)
            }
            // Archiving is a field on the wire: writing it by name is no way around the right.
            Act::Archive | Act::Write { field: "archived", .. } => self.level(Action::Archive),
            Act::Write { field, item, value } => {
                self.level(if self.subject.is_new { Action::Create } else { Action::Edit })?;
                self.field(field)?;
                self.limits(field, *item, *value)
            }
            Act::Resolve { field } => {
                self.level(Action::Resolve)?;
                self.field(field)
            }
            Act::Purge => self.right(Right::Purge),
            Act::Import => self.right(Right::Import),
            Act::Export => self.right(Right::Export),
        }
    }

    fn level(&self, action: Action) -> Passed {
        let (role, kind) = (self.role, self.subject.kind);
        let level = self.rule.map_or(Level::None, |rule| rule.level_for(kind, action));
        // What belongs to one's customer is seen; changing it as one's own takes owning it.
        let farthest = if level == Level::Own && action != Action::Read { Level::None } else { level };
        let is_near = level > Level::None && self.subject.is_own(self.caller.user) || self.subject.distance <= farthest;
        let message = match level {
            Level::All => return Ok(()),
            Level::Own | Level::Team | Level::Territory if is_near => return Ok(()),
            Level::Own => message::only_own(role, kind, action),
            Level::Team => message::only_team(role, kind, action),
            Level::Territory => message::only_territory(role, kind, action),
            Level::None => message::not_at_all(role, kind, action),
        };
        Err(self.denied(action.as_str(), message))
    }

    fn facet(&self, action: Action, facet: Facet) -> Passed {
        if self.holds(action, facet) {
            return Ok(());
        }
        let name = format!("{}.{facet}", action.as_str());
        Err(self.denied(&name, message::not_this_part(self.role, self.subject.kind, action, facet)))
    }

    fn holds(&self, action: Action, facet: Facet) -> bool {
        let facets = self.rule.map_or(&[][..], |rule| if action == Action::Read { &rule.reads } else { &rule.writes });
        facets.contains(&facet)
    }

    /// A field that the kind does not declare is judged by the document it is in: newer apps may know more.
    fn field(&self, name: &str) -> Passed {
        let kind = self.subject.kind;
        let declared = kind.field(name);
        let denied = |message| Err(self.denied(&format!("edit.{name}"), message));
        match declared.map(|field| &field.merge) {
            Some(Merge::Assigned) => return denied(message::assigned(kind, label(declared, name))),
            Some(Merge::Derived) => return denied(message::derived(kind, label(declared, name))),
            Some(Merge::Register | Merge::Visible | Merge::Set | Merge::Counter | Merge::Text) => {}
            Some(Merge::List | Merge::Log | Merge::Monotone | Merge::Unknown(_)) | None => {}
        }
        let in_place = declared.is_none_or(|field| field.facet == self.subject.facet);
        let named = self.rule.is_some_and(|rule| rule.writes_field(name));
        if in_place && named && self.holds(Action::Edit, self.subject.facet) {
            return Ok(());
        }
        denied(message::not_this_field(self.role, kind, label(declared, name)))
    }

    fn limits(&self, field: &str, item: Option<&str>, value: Option<&Value>) -> Passed {
        let kind = self.subject.kind;
        let is_managed = self.subject.manager.is_some_and(|manager| manager != self.caller.user);
        let state = role::State { waits: self.subject.waits, is_managed };
        let Some(limit) = self.role.limits.iter().find(|limit| limit.kind == kind.name && limit.is_passed(field, item, value, state))
        else {
            return Ok(());
        };
        let sort = if matches!(limit.beyond, Beyond::OfKeyAccount(_)) { OF_KEY_ACCOUNT } else { "limit" };
        let rule = format!("{}.{}.{sort}.{}", self.role.name, kind.name, limit.path());
        let message = message::limit(kind, limit, value);
        match limit.outcome {
            Outcome::Review => Err(Decision::Review { rule, message }),
            Outcome::Refuse => Err(Decision::Denied { rule, message }),
        }
    }

    fn right(&self, right: Right) -> Passed {
        if self.role.rights.contains(&right) {
            return Ok(());
        }
        Err(self.denied(right.as_str(), message::no_right(self.role, self.subject.kind, right)))
    }

    fn denied(&self, what: &str, message: Label) -> Decision {
        Decision::Denied { rule: format!("{}.{}.{what}", self.role.name, self.subject.kind.name), message }
    }
}

fn label(field: Option<&Field>, name: &str) -> Label {
    field.map_or_else(|| Label { en: name.to_owned(), zh: name.to_owned() }, |field| field.label.clone())
}

fn is_for_everybody(kind: &Kind) -> bool {
    FOR_EVERYBODY.contains(&&*kind.name)
}

impl Roles {
    /// How far roles may go with records of a kind, conditions aside; lists are filtered by it.
    pub fn level(&self, set: &str, kind: &Kind, action: Action) -> Level {
        let is_read = action == Action::Read;
        if is_read && is_for_everybody(kind) {
            return Level::All;
        }
        if !is_read && GOVERNING.contains(&&*kind.name) && !self.may(set, Right::Administer) {
            return Level::None;
        }
        if matches!(action, Action::Create | Action::Archive) && is_made_by_server(&kind.name) {
            return Level::None;
        }
        let of = |role: &Role| {
            let rules = role.rule(&kind.name).into_iter().chain(role.conditional(&kind.name));
            rules.map(|rule| rule.level_for(kind, action)).max().unwrap_or(Level::None)
        };
        self.of(set).map(of).max().unwrap_or(Level::None)
    }

    /// The facets of a kind that roles may hold, in storage order: what is sent to a device, and what a list
    /// may show. Where one role sees more records and another more of its own, this is what is seen of all of
    /// them: never more of a record than one of the roles shows.
    pub fn readable(&self, set: &str, kind: &Kind) -> Vec<Facet> {
        let level = self.level(set, kind, Action::Read);
        if level == Level::None {
            return Vec::new();
        }
        let widest = |role: &&Role| role.rule(&kind.name).is_some_and(|rule| rule.level_for(kind, Action::Read) == level);
        let rules: Vec<&Rule> = self.of(set).filter(widest).filter_map(|role| role.rule(&kind.name)).collect();
        let is_read = |facet: &Facet| rules.iter().any(|rule| rule.reads.contains(facet));
        let is_law = |facet: &Facet| *facet == Facet::Main && is_for_everybody(kind);
        kind.facets().into_iter().filter(|facet| is_law(facet) || is_read(facet)).collect()
    }

    /// Whether roles may see a field of a kind at all: in lists, filters, sums, exports.
    pub fn may_read_field(&self, set: &str, kind: &Kind, field: &str) -> bool {
        kind.field(field).is_some_and(|field| self.readable(set, kind).contains(&field.facet))
    }

    /// Whether roles may write a field of some record of a kind: what a form offers.
    pub fn may_write_field(&self, set: &str, kind: &Kind, field: &str) -> bool {
        let Some(field) = kind.field(field).filter(|field| !matches!(field.merge, Merge::Assigned | Merge::Derived)) else { return false };
        if GOVERNING.contains(&&*kind.name) && !self.may(set, Right::Administer) {
            return false;
        }
        let lets = |rule: &Rule| {
            let some = rule.level(Action::Edit).max(rule.level(Action::Create)) > Level::None;
            some && rule.writes.contains(&field.facet) && rule.writes_field(&field.name)
        };
        self.of(set).any(|role| role.rule(&kind.name).into_iter().chain(role.conditional(&kind.name)).any(lets))
    }

    /// Whether a record that somebody makes with these edits may have a default, too. A rule with a condition may hold for
    /// it by that default alone: nobody is refused for what they did not even say, in that field or in another.
    pub fn may_add(&self, caller: &Caller, kind: &Kind, edits: &[FieldEdit], default: &FieldEdit) -> bool {
        let said = |main: Option<&Map<String, Value>>, edit: &FieldEdit| {
            let subject = Subject { main, ..Subject::new_by(kind, Facet::Main, caller.user) };
            against(self, caller, &subject, [edit]).decision
        };
        if !self.has_conditions(&caller.role, kind) {
            return said(None, default).is_allowed();
        }
        let without = projection::made(kind, edits);
        let with = projection::made(kind, &[edits, std::slice::from_ref(default)].concat());
        let spoils = |edit: &FieldEdit| said(Some(&with), edit).weight() > said(Some(&without), edit).weight();
        said(Some(&with), default).is_allowed() && !edits.iter().any(spoils)
    }

    /// Whether roles have a right that no kind limits.
    pub fn may(&self, set: &str, right: Right) -> bool {
        self.of(set).any(|role| role.rights.contains(&right))
    }

    /// Whether what these roles may do to a record of a kind hangs on what it says: then
    /// [`Subject::main`] must be known.
    pub fn has_conditions(&self, set: &str, kind: &Kind) -> bool {
        self.of(set).any(|role| role.conditional(&kind.name).next().is_some())
    }

    /// Whether some of what these roles write to records of a kind needs somebody else's word.
    pub fn has_limits(&self, set: &str, kind: &str) -> bool {
        self.of(set).flat_map(|role| &role.limits).any(|limit| &*limit.kind == kind)
    }

    /// Whether what some role may write to a record of a kind hangs on whether an edit of it waits for approval:
    /// then [`Subject::waits`] must be known.
    pub fn look_at_waiting(&self, kind: &str) -> bool {
        let is_its = |limit: &Limit| &*limit.kind == kind && matches!(limit.beyond, Beyond::WhileWaiting(_));
        self.roles().flat_map(|role| &role.limits).any(is_its)
    }

    /// Whether what some role may write to a record of a kind hangs on who answers for the key account that it follows: then
    /// [`Subject::manager`] must be known.
    pub fn look_at_managers(&self, kind: &str) -> bool {
        self.roles().any(|role| role.asks_managers(kind))
    }

    /// Whether somebody with these roles needs the word of who answers for a key account for some of what they write to
    /// records of a kind that follow it.
    pub fn asks_managers(&self, set: &str, kind: &str) -> bool {
        self.of(set).all(|role| role.asks_managers(kind))
    }

    /// Whether what roles may change depends on teams or territories.
    pub fn looks_at_reach(&self, set: &str) -> bool {
        let far = |level: Level| matches!(level, Level::Team | Level::Territory);
        self.of(set).flat_map(|role| &role.rules).any(|rule| Action::ALL.into_iter().any(|action| far(rule.level(action))))
    }
}

#[cfg(test)]
mod tests;

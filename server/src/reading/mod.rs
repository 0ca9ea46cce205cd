//! What a caller may see of records: lists, pages, history, open questions. Shared by API and console.
//!
//! Knows no HTTP and no HTML, and never writes. Everything that leaves passes the [`Scope`] that is made
//! here, once, from `access`: a record, facet or field that the caller may not read is not in it.

mod answers;
mod collisions;
mod days;
mod duplicates;
mod error;
mod explain;
mod figures;
mod follows;
mod history;
mod links;
mod list;
mod managed;
mod mentions;
mod news;
mod next;
mod plan;
mod portrait;
mod quality;
mod record;
mod search;
mod timeline;
mod totals;
mod undecided;

use std::sync::Arc;

use serde::Serialize;
use sync_core::access::{self, Act, Action, Level, Right, RoleSet, Subject, decide};
use sync_core::actions::duplicates::country::Country;
use sync_core::id::{DeviceId, Facet, Millis, RecordId, UserId, WorkspaceId};
use sync_core::query::Read;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Kind, Label, Schema};

use crate::app::App;
use crate::auth::Caller;
use crate::intake::Rules;
use crate::store::scope::{KindScope, Near, Scope};
use crate::store::{Store, Tx, lists};

pub use answers::{HELPED, Published};
pub use collisions::{Collisions, QUOTES_MAX};
pub use days::Days;
pub use duplicates::{Likely, PAIRS_MAX, Pair, Together};
pub use error::ReadError;
pub use explain::{Explanation, HolderView};
pub use figures::{Figure, Figures, Measure, Question, Worth, has_currency};
pub use follows::{FollowedNews, Following};
pub use history::{AsOf, Entry, HISTORY_MAX, History, ReviewedBy};
pub use list::{COUNT_MAX, Count, Counted, List, Listing, Row, Sought};
pub use managed::KeyAccount;
pub use mentions::{Colleague, Mention, PEOPLE};
pub use news::News;
pub use plan::Planned;
pub use quality::{FieldQuality, Quality, Queue, Score, Slip};
pub use record::{Claim, Disagreement, LINKED_FROM_MAX, LinkedRecord, LinksIn, LinksOut, RecordView};
pub use search::Hits;
pub use sync_core::actions::next::NextStep;
pub use sync_core::actions::totals::{Asked as Grouping, Group, Home, Linked, Names, Sum, Totals, is_summed};
pub use sync_core::query::Step;
pub use timeline::{CHANGES, Event, Happened, Timeline};
pub use undecided::{Approved, Asked, Open, OpenConflict, Proposal, RefusedEdit, RefusedState, Slice, TurnView, Wanted, WantedField};

/// One caller's view of the records.
#[derive(Clone)]
pub struct Reading {
    store: Store,
    rules: Rules,
    workspace: WorkspaceId,
    caller: access::Caller,
    scope: Scope,
    now: Millis,
}

/// Who, and on which device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Who {
    /// Who.
    pub user: UserId,
    /// What they are called.
    pub user_name: Option<String>,
    /// On which device.
    pub device: DeviceId,
    /// What it is called; none for what was written in the console or through the API.
    pub device_name: Option<String>,
}

impl Reading {
    /// What `caller` may see now.
    pub fn of(app: &App, caller: &Caller) -> Self {
        let rules = app.intake.rules(caller.workspace);
        let who = caller.of_access();
        let mut scope = scope(&rules, &who);
        scope.kinds.retain(|kind, _| caller.grant.may_read(kind));
        Self { store: app.store.clone(), rules, workspace: caller.workspace, caller: who, scope, now: app.clock.now() }
    }

    /// All kinds of the workspace, in sight or not.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.rules.schema
    }

    /// The country whose numbers are written without its code.
    pub fn country(&self) -> Country {
        self.rules.country
    }

    /// What the roles may do.
    pub fn roles(&self) -> &access::Roles {
        &self.rules.roles
    }

    /// The caller's role.
    pub fn role(&self) -> &RoleSet {
        &self.caller.role
    }

    /// The kinds that the caller may see records of, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.rules.schema.kinds().filter(|kind| self.scope.of(&kind.name).is_some())
    }

    /// A kind that the caller may see records of.
    ///
    /// # Errors
    /// [`ReadError::UnknownKind`] when there is none, or none that the caller may see.
    pub fn kind(&self, name: &str) -> Result<&Arc<Kind>, ReadError> {
        let kind = self.rules.schema.kind(name).filter(|kind| self.scope.of(&kind.name).is_some());
        kind.ok_or_else(|| ReadError::UnknownKind(name.to_owned()))
    }

    /// Whether the caller may see a field.
    pub fn may_read(&self, kind: &Kind, field: &str) -> bool {
        kind.field(field).is_some_and(|field| self.scope.shows(&kind.name, field.facet))
    }

    /// Whether the caller may see a facet.
    pub fn shows(&self, kind: &Kind, facet: Facet) -> bool {
        self.scope.shows(&kind.name, facet)
    }

    /// Whether the caller may write a field of some record of the kind: what a form offers.
    pub fn may_write(&self, kind: &Kind, field: &str) -> bool {
        self.rules.roles.may_write_field(&self.caller.role, kind, field)
    }

    /// Whether a record that the caller makes with these edits may have a default, too.
    pub fn may_add(&self, kind: &Kind, edits: &[FieldEdit], default: &FieldEdit) -> bool {
        self.rules.roles.may_add(&self.caller, kind, edits, default)
    }

    /// Whether the caller may do this to some record of the kind; of which, is decided when it is done.
    pub fn may_some(&self, kind: &Kind, action: Action) -> bool {
        self.rules.roles.level(&self.caller.role, kind, action) > Level::None
    }

    /// The fields that a query looks at: all must be in sight, or their values leak through the answer.
    fn check(&self, reads: &[Read]) -> Result<(), ReadError> {
        let hidden = reads.iter().find(|read| !self.scope.shows(&read.kind, read.facet));
        let Some(read) = hidden else { return Ok(()) };
        let Some(kind) = self.rules.schema.kind(&read.kind) else { return Err(ReadError::UnknownKind(read.kind.to_string())) };
        let decision = decide(&self.rules.roles, &self.caller, &Subject::of(kind, read.facet), &Act::Read);
        let unsaid = || Label { en: "You may not see this.".to_owned(), zh: "您无权查看此内容。".to_owned() };
        let reason = decision.message().cloned().unwrap_or_else(unsaid);
        Err(ReadError::Hidden { field: read.field.to_string(), reason })
    }

    fn may_administer(&self) -> bool {
        self.rules.roles.may(&self.caller.role, Right::Administer)
    }

    async fn names(&self, tx: &mut Tx, ids: impl IntoIterator<Item = RecordId>) -> Result<Names, ReadError> {
        let mut ids: Vec<RecordId> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        let titles = lists::titles(tx, self.workspace, &self.scope, &ids).await?;
        ids.retain(|id| !titles.contains_key(id));
        let linked = |(id, row): (RecordId, lists::TitleRow)| (id, Linked { id, kind: row.kind, title: row.title, archived: row.archived });
        let mut names: Names = titles.into_iter().map(linked).collect();
        // A colleague without a record of the kind `member` is still known by name.
        if let Some(member) = self.rules.schema.kind("member").filter(|kind| self.scope.of(&kind.name).is_some()) {
            let users: Vec<UserId> = ids.iter().map(|id| UserId(id.0)).collect();
            for (user, title) in lists::user_names(tx, self.workspace, &users).await? {
                let id = RecordId(user.0);
                names.insert(id, Linked { id, kind: member.name.clone(), title, archived: false });
            }
        }
        Ok(names)
    }

    async fn people(&self, tx: &mut Tx, makers: impl Iterator<Item = (UserId, DeviceId)> + Clone) -> Result<People, ReadError> {
        let mut users: Vec<UserId> = makers.clone().map(|(user, _)| user).collect();
        users.sort_unstable();
        users.dedup();
        let mut devices: Vec<DeviceId> = makers.map(|(_, device)| device).collect();
        devices.sort_unstable();
        devices.dedup();
        let users = lists::user_names(tx, self.workspace, &users).await?;
        let devices = lists::device_names(tx, self.workspace, &devices).await?;
        Ok(People { users, devices })
    }
}

/// What some people and devices are called.
struct People {
    users: std::collections::HashMap<UserId, String>,
    devices: std::collections::HashMap<DeviceId, String>,
}

impl People {
    fn who(&self, user: UserId, device: DeviceId) -> Who {
        Who { user, user_name: self.users.get(&user).cloned(), device, device_name: self.devices.get(&device).cloned() }
    }
}

/// The one place that says what a caller may be given.
pub(crate) fn scope(rules: &Rules, caller: &access::Caller) -> Scope {
    let mut scope = Scope::default();
    for kind in rules.schema.kinds() {
        let facets: Vec<Facet> = rules.roles.readable(&caller.role, kind);
        if facets.is_empty() {
            continue;
        }
        let title = kind.field(&kind.title).is_none_or(|field| facets.contains(&field.facet));
        let level = rules.roles.level(&caller.role, kind, Action::Read);
        let near = (level < Level::All).then_some(Near { user: caller.user, level });
        let is_whole = facets == kind.facets();
        scope.kinds.insert(kind.name.clone(), KindScope { facets, is_whole, title, near });
    }
    scope
}

#[cfg(test)]
mod tests;

//! Why a record is, or is not, on somebody's phone and in their lists.

use std::collections::BTreeMap;

use serde::Serialize;
use sync_core::access::{Action, Holder, Level};
use sync_core::id::{Facet, RecordId, UserId};
use sync_core::schema::Label;

use super::{Linked, Names, ReadError, Reading};
use crate::store::{lists, people, sight};

/// Whether somebody sees a record, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Who.
    pub user: UserId,
    /// What they are.
    pub role: String,
    /// Whether they see the record.
    pub sees: bool,
    /// How far their role reaches with records of this kind: `none`, `own`, `team`, `territory` or `all`.
    pub level: &'static str,
    /// How far they would have to reach for this record.
    pub needs: &'static str,
    /// The documents of it that they hold.
    pub facets: Vec<Facet>,
    /// Whose the record is, and which of these the user reaches.
    pub holders: Vec<HolderView>,
    /// The same as a sentence.
    pub reason: Label,
}

/// Somebody or something that a record belongs to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HolderView {
    /// `user`, `team` or `territory`.
    pub what: &'static str,
    /// What it is called.
    pub name: String,
    /// Whether it is the record's own, and not that of the customer it follows.
    pub own: bool,
    /// From which level on the user reaches it, if at all.
    pub reached: Option<&'static str>,
}

impl Reading {
    /// How far the caller must reach to get at a record.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn distance(&self, record: RecordId) -> Result<Level, ReadError> {
        let mut tx = self.store.reader().await?;
        let reach = sight::reach_now(&mut tx, self.workspace, self.caller.user).await?;
        let held = sight::holders_of(&mut tx, self.workspace, &[record]).await?.remove(&record).unwrap_or_default();
        Ok(reach.distance(held.iter().map(|held| &held.holder)))
    }

    /// Why somebody does or does not see a record; none when the caller does not see it, or there is no such person. Others
    /// than oneself are asked about by those who administer.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn explain(&self, record: RecordId, user: UserId) -> Result<Option<Explanation>, ReadError> {
        if user != self.caller.user && !self.may_administer() {
            return Ok(None);
        }
        let mut tx = self.store.reader().await?;
        let Some(row) = lists::seen(&mut tx, self.workspace, &self.scope, record).await? else { return Ok(None) };
        let Some(person) = people::user(&mut tx, self.workspace, user).await? else { return Ok(None) };
        let Some(kind) = self.rules.schema.kind(&row.kind) else { return Ok(None) };
        let level = self.rules.roles.level(&person.role, kind, Action::Read);
        let reach: BTreeMap<Holder, Level> =
            sight::reach_now(&mut tx, self.workspace, user).await?.levels().map(|(holder, level)| (holder.clone(), level)).collect();
        let held = sight::holders_of(&mut tx, self.workspace, &[record]).await?.remove(&record).unwrap_or_default();
        let needs = held.iter().filter_map(|held| reach.get(&held.holder)).min().copied().unwrap_or(Level::All);
        let facets = self.rules.roles.readable(&person.role, kind);
        let sees = person.disabled_at.is_none() && !facets.is_empty() && needs <= level;
        let names = self.names(&mut tx, held.iter().filter_map(|held| user_of(&held.holder))).await?;
        let views = held.iter().filter_map(|held| view(&held.holder, held.own, reach.get(&held.holder).copied(), &names)).collect();
        let facets = if sees { facets } else { Vec::new() };
        let reason = reason(person.disabled_at.is_some(), level, needs, &person.role, kind.sharing.everyone);
        Ok(Some(Explanation {
            user,
            role: person.role.to_string(),
            sees,
            level: level.as_str(),
            needs: if kind.sharing.everyone { Level::Own.as_str() } else { needs.as_str() },
            facets,
            holders: views,
            reason,
        }))
    }
}

fn user_of(holder: &Holder) -> Option<RecordId> {
    if let Holder::User(user) = holder { Some(RecordId(user.0)) } else { None }
}

fn view(holder: &Holder, own: bool, reached: Option<Level>, names: &Names) -> Option<HolderView> {
    let (what, name) = match holder {
        Holder::User(user) => {
            let known: Option<&Linked> = names.get(&RecordId(user.0));
            ("user", known.map_or_else(|| user.to_string(), |known| known.title.clone()))
        }
        Holder::Team(name) => ("team", name.clone()),
        Holder::Territory(name) => ("territory", name.clone()),
        // They say what goes together and who answers for it, not who sees it.
        Holder::Record(_) | Holder::Manager(_) => return None,
    };
    Some(HolderView { what, name, own, reached: reached.map(Level::as_str) })
}

fn reason(is_out: bool, level: Level, needs: Level, role: &str, everyone: bool) -> Label {
    let both = |en: &str, zh: &str| Label { en: en.to_owned(), zh: zh.to_owned() };
    if is_out {
        return both("The account is closed.", "该账号已停用。");
    }
    match (level, needs <= level) {
        (Level::None, _) => both(&format!("The role “{role}” sees no records of this kind."), &format!("“{role}”角色不能查看此类记录。")),
        (Level::All, _) if everyone => both("It is everyone's.", "该记录对所有人可见。"),
        (Level::All, _) => both(&format!("The role “{role}” sees all records of this kind."), &format!("“{role}”角色可查看此类全部记录。")),
        (Level::Own | Level::Team | Level::Territory, true) => match needs {
            Level::Own => both("It is theirs, or belongs to a customer of theirs.", "该记录由其负责，或属于其客户。"),
            Level::Team => both("It belongs to somebody of their team.", "该记录属于其团队。"),
            _ => both("It is in a territory of theirs.", "该记录属于其区域。"),
        },
        (Level::Own, false) => both("It is not theirs, and the role sees only its own.", "该记录不由其负责，其角色只能查看自己的记录。"),
        (Level::Team, false) => both("It belongs to nobody of their teams.", "该记录不属于其团队。"),
        (Level::Territory, false) => both("It belongs to none of their teams and territories.", "该记录不属于其团队或区域。"),
    }
}

//! What a reader may be given: decided by `access`, applied here to every row that leaves.
//!
//! Knows no roles. A row that is out of scope is not found, a facet that is out of scope is not in it.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, FromRow, Sqlite};
use sync_core::access::{Holder, Level};
use sync_core::id::{Facet, KindName, RecordId, UserId, WorkspaceId};
use sync_core::query::Param;

use super::records::RecordRow;
use super::{Result, Tx, sight};

/// The kinds that a reader may see records of. A kind that is not named is out of sight.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// What may be seen of each.
    pub kinds: BTreeMap<KindName, KindScope>,
}

/// What a reader may see of the records of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindScope {
    /// The facets, never empty.
    pub facets: Vec<Facet>,
    /// Whether these are all that the kind has.
    pub is_whole: bool,
    /// Whether the title may be seen: it may stand in any facet.
    pub title: bool,
    /// Only the records that the reader reaches, if the role says so.
    pub near: Option<Near>,
}

/// Whose records: those with a holder that somebody reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Near {
    /// Who.
    pub user: UserId,
    /// How far they reach.
    pub level: Level,
}

impl Scope {
    /// The scope of one kind.
    pub fn of(&self, kind: &KindName) -> Option<&KindScope> {
        self.kinds.get(kind)
    }

    /// Whether a document of a kind may be seen.
    pub fn shows(&self, kind: &KindName, facet: Facet) -> bool {
        self.of(kind).is_some_and(|scope| scope.facets.contains(&facet))
    }

    /// The condition that a row of `rows`, under an alias, is in sight. `bind` keeps a value and answers its placeholder.
    pub(super) fn sees(&self, alias: &str, kind: &KindName, bind: impl FnMut(Param) -> String) -> String {
        self.of(kind).map_or_else(|| "1 = 0".to_owned(), |scope| reached(scope.near, alias, bind))
    }

    /// What is asked besides of a line of `aliases`, under `a`, so that it holds for the reader: what is merged into a record that
    /// they do not see stands for itself, or they had lost it. Nothing for whoever sees all of a kind.
    pub(super) fn stood_for(&self, kind: &KindName, bind: impl FnMut(Param) -> String) -> String {
        match self.of(kind) {
            Some(KindScope { near: None, .. }) => String::new(),
            _ => survivor_is(&self.sees("survivor", kind, bind)),
        }
    }

    /// The same of a line of any kind.
    pub(super) fn stood_for_any(&self, statement: &mut Statement) -> String {
        survivor_is(&self.sees_any("survivor", statement))
    }

    /// The condition that a row of any kind is in sight.
    pub(super) fn sees_any(&self, alias: &str, statement: &mut Statement) -> String {
        let alike = self.alike(|scope| scope.near);
        any_of(alike.into_iter().map(|(near, kinds)| {
            let reached = reached(near, alias, |param| statement.bind(param));
            format!("(+{alias}.kind in ({kinds}) and {reached})")
        }))
    }

    /// As [`Scope::sees_any`], and that the document which `facet` names is, too.
    pub(super) fn sees_facet(&self, alias: &str, facet: &str, statement: &mut Statement) -> String {
        let alike = self.alike(|scope| (scope.near, &scope.facets[..]));
        any_of(alike.into_iter().map(|((near, facets), kinds)| {
            let reached = reached(near, alias, |param| statement.bind(param));
            format!("(+{alias}.kind in ({kinds}) and {facet} in ({}) and {reached})", numbers(facets))
        }))
    }

    /// The kinds by what is the same of them, each group as a list in a statement.
    pub(super) fn alike<'s, K: Ord>(&'s self, by: impl Fn(&'s KindScope) -> K) -> BTreeMap<K, String> {
        let mut alike: BTreeMap<K, Vec<&KindName>> = BTreeMap::new();
        for (kind, scope) in &self.kinds {
            alike.entry(by(scope)).or_default().push(kind);
        }
        alike.into_iter().map(|(same, kinds)| (same, listed(kinds))).collect()
    }

    /// The facets of a kind, as numbers in the database.
    pub(super) fn facet_list(&self, kind: &KindName) -> String {
        self.of(kind).map_or_else(String::new, |scope| numbers(&scope.facets))
    }

    /// When a row, under an alias, was last changed as far as the reader sees it: what is out of sight moves it neither in
    /// the order of lists nor through their filters.
    pub(super) fn updated(&self, alias: &str, kind: &KindName) -> String {
        match self.of(kind) {
            Some(scope) if !scope.is_whole => updated_of(&format!("{alias}."), &scope.facets),
            _ => format!("{alias}.updated_at"),
        }
    }

    /// The same of a row of any kind.
    pub(super) fn updated_any(&self, alias: &str) -> String {
        let partly = self.kinds.iter().filter(|(_, scope)| !scope.is_whole);
        let partly = partly.map(|(kind, _)| format!("when '{kind}' then {} ", self.updated(alias, kind)));
        let partly: String = partly.collect();
        if partly.is_empty() { format!("{alias}.updated_at") } else { format!("case {alias}.kind {partly}else {alias}.updated_at end") }
    }

    /// What may be seen of a row that is in sight.
    pub(super) fn strip(&self, mut row: RecordRow) -> Option<RecordRow> {
        let scope = self.of(&row.kind)?;
        if !scope.is_whole {
            let seen =
                row.stamps().into_iter().zip(Facet::ALL).filter(|(_, facet)| scope.facets.contains(facet)).filter_map(|(stamp, _)| stamp);
            let (updated_at, position) = seen.fold((row.created_at, 0), |(at, position), stamp| (at.max(stamp.0), position.max(stamp.1)));
            (row.updated_at, row.position, row.stamps) = (updated_at, position, None);
        }
        for facet in Facet::ALL.into_iter().filter(|facet| !scope.facets.contains(facet)) {
            (row.facets[facet as usize], row.sort[facet as usize]) = (None, None);
        }
        if !scope.title {
            row.title = String::new();
            row.sort_title = String::new();
        }
        Some(row)
    }
}

/// What is asked of the row `survivor` of whatever stands for a record.
fn survivor_is(condition: &str) -> String {
    format!(
        " and exists (select 1 from rows survivor where survivor.workspace = a.workspace and survivor.record = a.survivor \
         and {condition})"
    )
}

/// The condition that a row, under an alias, is one that the reader reaches.
pub(super) fn reached(near: Option<Near>, alias: &str, mut bind: impl FnMut(Param) -> String) -> String {
    let Some(Near { user, level }) = near else { return "1 = 1".to_owned() };
    let own = bind(Param::Text(Holder::User(user).to_string()));
    let reached = if level == Level::Own {
        String::new()
    } else {
        let user = bind(Param::Blob(user.as_bytes().to_vec()));
        let level = sight::level_number(level);
        format!(
            " or exists (select 1 from reach r where r.workspace = h.workspace and r.user_id = {user} and r.holder = h.holder \
             and r.level <= {level} and r.until is null)"
        )
    };
    format!(
        "exists (select 1 from holders h where h.workspace = {alias}.workspace and h.record = {alias}.record \
         and (h.holder = {own}{reached}))"
    )
}

/// Kinds as a list in a statement.
///
/// They stand in its text (a to z, 0 to 9 and `_`): a value that is compared with what a partial index is limited to makes SQLite
/// plan the whole statement again each time that it is given.
pub(super) fn listed<'k>(kinds: impl IntoIterator<Item = &'k KindName>) -> String {
    kinds.into_iter().map(|kind| format!("'{kind}'")).collect::<Vec<_>>().join(", ")
}

/// Facets as a list of their numbers in the database.
pub(super) fn numbers(facets: &[Facet]) -> String {
    facets.iter().map(|facet| (*facet as i64).to_string()).collect::<Vec<_>>().join(", ")
}

fn any_of(conditions: impl Iterator<Item = String>) -> String {
    let conditions: Vec<String> = conditions.collect();
    if conditions.is_empty() { "1 = 0".to_owned() } else { format!("({})", conditions.join(" or ")) }
}

/// When some facets of a row were last edited, its columns under a prefix. Said by the facets in their order, as indexes do.
pub(super) fn updated_of(prefix: &str, facets: &[Facet]) -> String {
    let at = |facet: &Facet| format!(", coalesce({prefix}stamps ->> '$[{}][0]', {prefix}created_at)", *facet as usize);
    let alone = if facets.contains(&Facet::Main) { "updated_at" } else { "created_at" };
    let latest: String = facets.iter().map(at).collect();
    // The first is never later than the others, and with one alone `max` would be another function.
    format!("iif({prefix}stamps is null, {prefix}{alone}, max({prefix}created_at{latest}))")
}

/// A statement that is put together from parts; the placeholders count up from `$1`.
#[derive(Debug, Default)]
pub(super) struct Statement {
    pub(super) text: String,
    pub(super) params: Vec<Param>,
}

impl Statement {
    /// Begins with a text and the workspace as `$1`.
    pub(super) fn of(text: &str, workspace: WorkspaceId) -> Self {
        Self { text: text.to_owned(), params: vec![Param::Blob(workspace.as_bytes().to_vec())] }
    }

    /// Keeps a value and answers its placeholder.
    pub(super) fn bind(&mut self, param: Param) -> String {
        self.params.push(param);
        format!("${}", self.params.len())
    }

    /// Keeps several and answers `$4, $5, $6`.
    pub(super) fn bind_all(&mut self, params: impl IntoIterator<Item = Param>) -> String {
        params.into_iter().map(|param| self.bind(param)).collect::<Vec<_>>().join(", ")
    }

    /// The same of records, the last of them several times: however many they are, there are few texts, which SQLite has planned.
    pub(super) fn bind_records<'r>(&mut self, records: impl IntoIterator<Item = &'r RecordId>) -> String {
        let mut params: Vec<Param> = records.into_iter().map(|record| Param::Blob(record.as_bytes().to_vec())).collect();
        if let Some(last) = params.last().cloned() {
            params.resize(params.len().next_power_of_two(), last);
        }
        self.bind_all(params)
    }

    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// As a table within another statement.
    pub(super) fn within(mut self, start: &str, end: &str) -> Self {
        self.text.insert_str(0, start);
        self.text.push_str(end);
        self
    }

    /// How the database goes about it.
    #[cfg(test)]
    pub(super) async fn plan(mut self, tx: &mut Tx) -> String {
        self.text.insert_str(0, "explain query plan ");
        let steps: Vec<(i64, i64, i64, String)> = self.all(tx).await.unwrap();
        steps.into_iter().map(|(.., step)| step).collect::<Vec<_>>().join("; ")
    }

    pub(super) async fn all<T>(self, tx: &mut Tx) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        // The text is made of our own words, names from the schema and placeholders; values are bound.
        let mut query = sqlx::query_as::<Sqlite, T>(AssertSqlSafe(self.text));
        for param in self.params {
            query = match param {
                Param::Text(text) => query.bind(text),
                Param::Int(number) => query.bind(number),
                Param::Float(number) => query.bind(number),
                Param::Blob(bytes) => query.bind(bytes),
                Param::Null => query.bind(None::<String>),
            };
        }
        Ok(query.fetch_all(tx.conn()).await?)
    }
}

//! Indexes for the columns of lists: what a list shows can be ordered, filtered and put together by without reading
//! every record. Made from the kinds, their own ones included, and made again when a kind changes.
//!
//! Derived: without them every answer is the same, only later. SQLite's words; PostgreSQL gets indexes of the same
//! names over the same expressions.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::id::{Facet, KindName, RecordId, WorkspaceId};
use sync_core::query::{Class, Compiler, Context, Dialect, Spot};
use sync_core::schema::{Field, Kind, Merge, OwnColumn, Schema, ValueType};

use super::records::RecordRow;
use super::scope::updated_of;
use super::{Result, Tx, id};

/// What the names of all of them begin with.
pub const PREFIX: &str = "rows_of_";

/// Indexes of one kind, beside those for readers of some facets: each costs some 80 bytes and 2 µs for each record that is written.
const INDEXES_MAX: usize = 11;

/// What the names of indexes end with that have records of one value in the order of their titles.
const BY_TITLE: &str = "by_title";

/// What the names of indexes end with that have records in the order of a value which another index finds them by.
const IN_ORDER: &str = "in_order";

/// What those by title are over behind the value.
const TITLES: [&str; 2] = ["sort_title", "record"];

/// Rows whose own columns are filled in one transaction: some 3 MB of the write-ahead log, and writers wait some 20 ms.
const FILLED_AT_ONCE: u32 = 2_000;

/// Values that the indexes of boards and days hold besides: what their columns and charts add up and put together.
const CHARTED_MAX: usize = 9;

/// Indexes by their names: how each is made.
pub type Indexes = BTreeMap<String, String>;

/// The indexes of some kinds; of a name that two workspaces use, the first one's.
pub fn of<'k>(kinds: impl IntoIterator<Item = (&'k Schema, &'k Kind)>) -> Indexes {
    let mut indexes = Indexes::new();
    for (schema, kind) in kinds {
        // Those for readers of some facets come first, and take nobody's place.
        let most = INDEXES_MAX + kind.facets().len() - 1;
        for (name, over) in of_kind(schema, kind).into_iter().take(most) {
            let name = format!("{PREFIX}{}.{name}", kind.name);
            // Names are a to z, 0 to 9 and `_`, checked when a kind is read.
            let text =
                format!("create index \"{name}\" on rows (workspace, kind, archived, {}) where kind = '{}'", over.join(", "), kind.name);
            indexes.entry(name).or_insert(text);
        }
    }
    indexes
}

fn of_kind(schema: &Schema, kind: &Kind) -> Vec<(String, Vec<String>)> {
    // What does not depend on when it is asked needs no clock.
    let compiler = Compiler { alias: "", ..Compiler::new(Dialect::Sqlite, Context { now: 0, offset_minutes: 0 }) };
    let board = kind.board.as_ref().map(|board| &board.by);
    let charted = charted(schema, kind, compiler);
    let mut indexes = Vec::new();
    if let Some(by) = board.and_then(|name| single(schema, kind, kind.field(name)?)) {
        indexes.push(("board".to_owned(), with(compiler.indexed(&by.1), &charted)));
    }
    // Lists by the time of making, charts of the last weeks.
    indexes.push(("created_at".to_owned(), with(vec!["created_at".to_owned()], &charted)));
    // Whoever sees not all facets has records in the order of the edits that they see. Of three facets, those without the
    // second are left out: hardly a role sees the last and not the one before it.
    let facets = kind.facets();
    for seen in (1..facets.len()).map(|count| &facets[..count]) {
        let names: Vec<&str> = seen.iter().map(|facet| facet.as_str()).collect();
        indexes.push((format!("updated.{}", names.join("_")), with(vec![updated_of("", seen)], &[])));
    }
    let mut titled = Vec::new();
    let named = kind.matches.iter().chain(&kind.happens).chain(&kind.list).chain(&kind.owner);
    for field in named.filter(|name| **name != kind.title).filter_map(|name| kind.field(name)) {
        let Some((attribute, spot)) = single(schema, kind, field) else { continue };
        let name = format!("{attribute}.{BY_TITLE}");
        if indexes.iter().chain(&titled).any(|(known, _)| *known == attribute || *known == name) {
            continue;
        }
        if spot.class == Class::DayOrMoment {
            indexes.extend(by_begin(compiler, &attribute, &spot));
            continue;
        }
        let (found, ordered) = (compiler.indexed(&spot), compiler.ordered(&spot));
        if is_chosen(kind, field, &spot) {
            titled.push((name, found.iter().take(1).cloned().chain(TITLES.map(str::to_owned)).collect()));
        }
        // Lists are not ordered by links.
        if spot.class == Class::Link {
            continue;
        }
        // A text is found as it was typed and ordered by its key, a choice ordered by its options: where no index by title
        // finds it, there are two. A board's columns are found by an index of their own.
        let is_board = Some(&field.name) == board;
        let is_looked_up = is_board || kind.matches.contains(&field.name);
        if is_looked_up && found != ordered && kind.list.contains(&field.name) {
            indexes.push((format!("{attribute}.{IN_ORDER}"), with(ordered.clone(), &[])));
        }
        if is_board {
            continue;
        }
        let over = if is_looked_up { found } else { ordered };
        indexes.push((attribute, with(over, if spot.class.is_time() { &charted } else { &[] })));
    }
    indexes.extend(titled);
    indexes
}

/// What begins at a moment, and what begins on a day.
fn by_begin(compiler: Compiler<'_>, attribute: &str, spot: &Spot) -> [(String, Vec<String>); 2] {
    [(attribute.to_owned(), Class::Moment), (format!("{attribute}.day"), Class::Day)]
        .map(|(name, class)| (name, with(compiler.indexed(&Spot { class, ..spot.clone() }), &[])))
}

/// Whether many records have the same value there, and people look for them by it: a list of those is then read in the
/// order of titles, as most lists are.
fn is_chosen(kind: &Kind, field: &Field, spot: &Spot) -> bool {
    let is_of_one = kind.matches.contains(&field.name) || field.merge == Merge::Assigned;
    matches!(spot.class, Class::Word | Class::Link | Class::Text) && !is_of_one
}

/// The record behind what it is found by, and values that then need not be read from it.
fn with(mut over: Vec<String>, values: &[String]) -> Vec<String> {
    let record = "record".to_owned();
    let more: Vec<String> = [record].iter().chain(values).filter(|value| !over.contains(value)).cloned().collect();
    over.extend(more);
    over
}

/// What boards, and charts of records that have one, show and ask for: added up, put together by, narrowed to some days.
/// Nothing for a kind without a board.
fn charted(schema: &Schema, kind: &Kind, compiler: Compiler<'_>) -> Vec<String> {
    let Some(board) = &kind.board else { return Vec::new() };
    let mut over = vec!["created_at".to_owned()];
    let fields = std::iter::once(&board.by).chain(&board.sum).chain(&kind.list).chain(&kind.owner).filter_map(|name| kind.field(name));
    for field in fields {
        let Some((_, spot)) = single(schema, kind, field).filter(|(_, spot)| !matches!(spot.class, Class::Text | Class::DayOrMoment))
        else {
            continue;
        };
        let currency = (field.value == ValueType::Money).then(|| Spot::of(schema, kind, &format!("{}.currency", field.name)).ok());
        for value in [Some(spot), currency.flatten()].into_iter().flatten().map(|spot| compiler.value(&spot)) {
            if !over.contains(&value) && over.len() < CHARTED_MAX {
                over.push(value);
            }
        }
    }
    over
}

/// The attribute of a field that a record has one short value of, and where it stands.
fn single(schema: &Schema, kind: &Kind, field: &Field) -> Option<(String, Spot)> {
    let is_single = match &field.merge {
        Merge::Register | Merge::Visible | Merge::Monotone | Merge::Assigned | Merge::Derived => true,
        Merge::Set | Merge::List | Merge::Log | Merge::Counter | Merge::Text | Merge::Unknown(_) => false,
    };
    let attribute = match &field.value {
        ValueType::Money => format!("{}.amount", field.name),
        ValueType::Period => format!("{}.start", field.name),
        ValueType::String | ValueType::Phone | ValueType::Email | ValueType::Choice | ValueType::Link => field.name.to_string(),
        ValueType::Integer | ValueType::Number | ValueType::Boolean | ValueType::Date | ValueType::Datetime => field.name.to_string(),
        ValueType::Paragraph | ValueType::Url | ValueType::Address | ValueType::Geo | ValueType::Unknown(_) => return None,
    };
    let spot = Spot::of(schema, kind, &attribute).ok()?;
    (is_single && !field.hidden).then_some((attribute, spot))
}

/// The fields of a kind that its indexes are over: each in a column of its own, so that an edit of another one leaves them
/// alone. SQLite writes an index over JSON again whenever the JSON changes.
pub fn own_of(schema: &Schema, kind: &Kind) -> BTreeSet<OwnColumn> {
    let board = kind.board.iter().flat_map(|board| std::iter::once(&board.by).chain(&board.sum));
    let named = kind.matches.iter().chain(&kind.happens).chain(&kind.list).chain(&kind.owner).chain(board);
    let fields = named.filter(|name| **name != kind.title).filter_map(|name| kind.field(name));
    let single = fields.filter(|field| single(schema, kind, field).is_some());
    single.map(|field| OwnColumn { kind: kind.name.clone(), facet: field.facet, field: field.name.clone() }).collect()
}

/// The kinds of which some workspace has at least so many records.
pub async fn large_kinds(tx: &mut Tx, records: u64) -> Result<Vec<KindName>> {
    let sql = "select distinct kind from (select kind from rows group by workspace, kind having count(*) >= $1) large";
    let found: Vec<String> = sqlx::query_scalar(sql).bind(records as i64).fetch_all(tx.conn()).await?;
    found.iter().map(|kind| super::records::kind_of(kind)).collect()
}

/// The indexes that there are.
pub async fn there(tx: &mut Tx) -> Result<Indexes> {
    let sql = "select name, sql from sqlite_master where type = 'index' and substr(name, 1, $1) = $2";
    let found: Vec<(String, String)> = sqlx::query_as(sql).bind(PREFIX.len() as i64).bind(PREFIX).fetch_all(tx.conn()).await?;
    Ok(found.into_iter().map(|(name, text)| (name, text.replacen("CREATE INDEX", "create index", 1))).collect())
}

/// Makes one; another process, or another look, may have been faster.
pub async fn make(tx: &mut Tx, text: String) -> Result<()> {
    let text = text.replacen("create index", "create index if not exists", 1);
    sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(tx.conn()).await?;
    Ok(())
}

/// Takes one away.
pub async fn remove(tx: &mut Tx, name: &str) -> Result<()> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("drop index if exists \"{name}\""))).execute(tx.conn()).await?;
    Ok(())
}

/// The columns beside the JSON of facets that every record has its values in.
pub async fn own(tx: &mut Tx) -> Result<BTreeSet<OwnColumn>> {
    let found: Vec<(String, String, String)> = sqlx::query_as("select kind, facet, field from own_columns").fetch_all(tx.conn()).await?;
    let column = |(kind, facet, field): (String, String, String)| {
        Ok(OwnColumn { kind: super::records::kind_of(&kind)?, facet: id(facet.parse(), "facet")?, field: id(field.parse(), "field")? })
    };
    found.into_iter().map(column).collect()
}

/// Makes the columns of a kind, of which some may be there. Whoever writes rows from now on, they hold what they should; the
/// rows that are there are to be filled.
pub async fn make_own(tx: &mut Tx, kind: &KindName, columns: &[OwnColumn]) -> Result<()> {
    for own in columns {
        let there = "select exists (select 1 from pragma_table_info('rows') where name = $1)";
        let there: bool = sqlx::query_scalar(there).bind(own.name()).fetch_one(tx.conn()).await?;
        if !there {
            make(tx, format!("alter table rows add column \"{}\" text", own.name())).await?;
        }
    }
    for facet in Facet::ALL {
        let of_facet: Vec<&OwnColumn> = columns.iter().filter(|own| own.facet == facet).collect();
        for (when, what) in [("made", "insert".to_owned()), ("changed", format!("update of {facet}"))] {
            let name = format!("own.{kind}.{facet}.{when}");
            make(tx, format!("drop trigger if exists \"{name}\"")).await?;
            if !of_facet.is_empty() {
                make(tx, follower(&name, &what, kind, &of_facet)).await?;
            }
        }
    }
    Ok(())
}

/// A trigger that has columns follow their facet. One for all of them, asked once for each row: a trigger costs as much as
/// it compares. Each is written by itself, or the indexes over the others would be written with it.
fn follower(name: &str, what: &str, kind: &KindName, columns: &[&OwnColumn]) -> String {
    let differs: Vec<String> =
        columns.iter().map(|own| format!("new.\"{}\" is not {}", own.name(), Dialect::Sqlite.alone("new", own))).collect();
    let write = |own: &&OwnColumn| {
        let (name, value) = (own.name(), Dialect::Sqlite.alone("new", own));
        format!(
            "update rows set \"{name}\" = {value} where workspace = new.workspace and record = new.record and \"{name}\" is not {value};"
        )
    };
    let body: Vec<String> = columns.iter().map(write).collect();
    let (differs, body) = (differs.join(" or "), body.join(" "));
    format!("create trigger \"{name}\" after {what} on rows when new.kind = '{kind}' and ({differs}) begin {body} end")
}

/// A place in the order of rows: workspace and record.
pub type RowKey = (Vec<u8>, Vec<u8>);

/// Fills the columns of one kind in some rows behind a place; answers where they end, unless there are no more.
pub async fn fill_own(tx: &mut Tx, columns: &[OwnColumn], (workspace, record): &RowKey) -> Result<Option<RowKey>> {
    let Some(kind) = columns.first().map(|own| &own.kind) else { return Ok(None) };
    let behind = "(workspace, record) > ($1, $2)";
    let last: Option<RowKey> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select workspace, record from rows where {behind} order by workspace, record limit 1 offset {FILLED_AT_ONCE}"
    )))
    .bind(workspace)
    .bind(record)
    .fetch_optional(tx.conn())
    .await?;
    let set: Vec<String> = columns.iter().map(|own| format!("\"{}\" = {}", own.name(), Dialect::Sqlite.alone("rows", own))).collect();
    let end = if last.is_some() { " and (workspace, record) <= ($3, $4)" } else { "" };
    let text = format!("update rows set {} where {behind}{end} and +kind = '{kind}'", set.join(", "));
    let mut query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(workspace).bind(record);
    if let Some((workspace, record)) = &last {
        query = query.bind(workspace).bind(record);
    }
    query.execute(tx.conn()).await?;
    Ok(last)
}

/// Notes that every record has its values in these columns.
pub async fn keep_own(tx: &mut Tx, columns: &[OwnColumn]) -> Result<()> {
    for own in columns {
        sqlx::query("insert into own_columns (kind, facet, field) values ($1, $2, $3) on conflict do nothing")
            .bind(own.kind.as_str())
            .bind(own.facet.as_str())
            .bind(own.field.as_str())
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// The columns of their own that some of these rows have, and what they hold, if there are any.
pub(super) fn own_values(own: &BTreeSet<OwnColumn>, rows: &[RecordRow]) -> Option<(String, String)> {
    let kinds: BTreeSet<&KindName> = rows.iter().map(|row| &row.kind).collect();
    let own: Vec<&OwnColumn> = own.iter().filter(|own| kinds.contains(&own.kind)).collect();
    let name = |own: &&OwnColumn| format!("\"{}\"", own.name());
    let value = |own: &&OwnColumn| format!("iif(given.kind = '{}', {}, null)", own.kind, Dialect::Sqlite.alone("given", own));
    let listed = |parts: Vec<String>| parts.join(", ");
    (!own.is_empty()).then(|| (listed(own.iter().map(name).collect()), listed(own.iter().map(value).collect())))
}

/// A record whose own column holds something else than its JSON: what it should hold, and what it does.
pub type Astray = (RecordId, Option<String>, Option<String>);

/// Those of a workspace.
pub async fn astray(tx: &mut Tx, workspace: WorkspaceId, own: &OwnColumn) -> Result<Vec<Astray>> {
    let (name, kind, value) = (own.name(), &own.kind, Dialect::Sqlite.alone("rows", own));
    let text = format!(
        "select record, {value}, \"{name}\" from rows where workspace = $1 and kind = '{kind}' and \"{name}\" is not {value} order by record"
    );
    let found: Vec<(Vec<u8>, Option<String>, Option<String>)> =
        sqlx::query_as(sqlx::AssertSqlSafe(text)).bind(&workspace.as_bytes()[..]).fetch_all(tx.conn()).await?;
    found.into_iter().map(|(record, should, does)| Ok((id(RecordId::from_bytes(&record), "record id")?, should, does))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use sync_core::query::grouped::{Added, By, Weights};
    use sync_core::query::{Filter, Query, Step};

    use super::*;
    use crate::store::figures::{self, Key, Measured};
    use crate::store::lists::{Shelf, Way, Which};
    use crate::store::scope::{KindScope, Scope};
    use crate::store::totals;
    use crate::store::{Options, Store};

    const LARGE: [&str; 3] = ["party", "deal", "activity"];

    /// The built-in kinds in a database where these have become large.
    fn schema() -> &'static Schema {
        static SCHEMA: OnceLock<Schema> = OnceLock::new();
        SCHEMA.get_or_init(|| {
            let builtin = Schema::builtin();
            let own = LARGE.into_iter().flat_map(|kind| own_of(builtin, builtin.kind(kind).unwrap()));
            builtin.clone().beside(own.collect())
        })
    }

    fn spot(kind: &str, attribute: &str) -> Spot {
        let schema = schema();
        Spot::of(schema, schema.kind(kind).unwrap(), attribute).unwrap()
    }

    fn which<'a>(scope: &'a Scope, query: &'a Query) -> Which<'a> {
        let context = Context { now: 0, offset_minutes: 480 };
        Which { workspace: WorkspaceId::of_cause("test"), scope, query, context, shelf: Shelf::InUse, words: None }
    }

    const OPEN: &str = r#"[{"type": "notIn", "attribute": "stage", "value": ["won", "lost"]}]"#;
    const WON: &str = r#"[{"type": "in", "attribute": "stage", "value": ["won"]}]"#;

    /// A store with the indexes that large kinds have.
    async fn indexed(folder: &tempfile::TempDir) -> Tx {
        let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let schema = schema();
        for kind in LARGE.map(|kind| &schema.kind(kind).unwrap().name) {
            let own: Vec<OwnColumn> = schema.own_columns().iter().filter(|own| own.kind == *kind).cloned().collect();
            make_own(&mut tx, kind, &own).await.unwrap();
        }
        for text in of(LARGE.map(|kind| (schema, &**schema.kind(kind).unwrap()))).into_values() {
            make(&mut tx, text).await.unwrap();
        }
        tx
    }

    fn scope() -> Scope {
        let all = LARGE.map(|kind| (kind.parse().unwrap(), KindScope { facets: Vec::new(), is_whole: true, title: true, near: None }));
        Scope { kinds: all.into_iter().collect() }
    }

    fn ask(kind: &str, order: &str, filter: &str) -> Query {
        Query::from_params(schema(), kind, [("orderBy", order), ("order", "desc"), ("where", filter)]).unwrap()
    }

    /// Everything that the lists of large kinds ask: what is found in an index is fast with a million records.
    #[tokio::test]
    async fn lists_read_indexes_and_sort_no_records() {
        let folder = tempfile::tempdir().unwrap();
        let (mut tx, scope, schema) = (indexed(&folder).await, scope(), schema());
        let is = |field: &str, value: &str| format!(r#"[{{"type": "equals", "attribute": "{field}", "value": "{value}"}}]"#);
        let industry = is("industry", "Hotels");

        for (kind, order) in [
            ("party", "created_at"),
            ("party", "industry"),
            ("party", "type"),
            ("deal", "amount.amount"),
            ("deal", "close_date"),
            ("deal", "stage.in_order"),
        ] {
            for direction in ["asc", "desc"] {
                let attribute = if order == "created_at" { "createdAt" } else { order.trim_end_matches(".in_order") };
                let query = Query::from_params(schema, kind, [("orderBy", attribute), ("order", direction)]).unwrap();
                let plan = which(&scope, &query).page(Way::InOrder).plan(&mut tx).await;
                assert!(plan.contains(&format!("USING INDEX rows_of_{kind}.{order} ")) && !plan.contains("TEMP"), "{order}: {plan}");
            }
        }
        let query = ask("party", "name", &industry);
        let titled = "rows_of_party.industry.by_title (workspace=? AND kind=? AND archived=? AND <expr>=?)";
        // Many that fit: read in the order of the list until a page is full, not found and sorted.
        let plan = which(&scope, &query).page(Way::InOrder).plan(&mut tx).await;
        assert!(plan.contains(titled) && !plan.contains("TEMP"), "{plan}");
        let unlisted = ask("party", "name", &is("tax_id", "1"));
        let plan = which(&scope, &unlisted).page(Way::InOrder).plan(&mut tx).await;
        assert!(plan.contains("rows_by_title (workspace=? AND kind=? AND archived=?)") && !plan.contains("TEMP"), "{plan}");
        for statement in [which(&scope, &query).page(Way::Gathered), which(&scope, &query).counted(Some(10))] {
            let plan = statement.plan(&mut tx).await;
            assert!(plan.contains(titled), "{plan}");
        }
        let everything = ask("party", "name", "[]");
        let plan = totals::counts_statement(which(&scope, &everything), &By::Value(spot("party", "industry").into())).plan(&mut tx).await;
        assert!(plan.contains("rows_of_party.industry") && !plan.contains("TEMP"), "{plan}");
        let (all, by_stage) = (ask("deal", "title", "[]"), spot("deal", "stage"));
        let plan = totals::counts_statement(which(&scope, &all), &By::Value(by_stage.into())).plan(&mut tx).await;
        assert!(plan.contains("INDEX rows_of_deal.") && !plan.contains("TEMP"), "{plan}");
        // Those of one stage are found, not picked out of all.
        let won = ask("deal", "stage", WON);
        let plan = which(&scope, &won).page(Way::Gathered).plan(&mut tx).await;
        assert!(
            plan.contains("rows_of_deal.stage.by_title (workspace=? AND kind=? AND archived=? AND <expr>=?)")
                || plan.contains("rows_of_deal.board (workspace=? AND kind=? AND archived=? AND <expr>=?)"),
            "{plan}"
        );
    }

    /// The calendar and plan against actual ask by whichever of its dates a record has.
    #[tokio::test]
    async fn what_takes_place_on_some_days_is_found_by_each_of_its_dates() {
        let folder = tempfile::tempdir().unwrap();
        let (mut tx, scope) = (indexed(&folder).await, scope());
        let between =
            |attribute: &str| format!(r#"{{"type": "between", "attribute": "{attribute}", "value": ["2026-05-01", "2026-05-31"]}}"#);
        let month = format!(r#"[{{"type": "or", "value": [{}, {}]}}]"#, between("due"), between("when.start"));
        let query = ask("activity", "createdAt", &month);
        for shelf in [Shelf::InUse, Shelf::Both] {
            let month = Which { shelf, ..which(&scope, &query) };
            for statement in [month.page(Way::Gathered), month.counted(None)] {
                let plan = statement.plan(&mut tx).await;
                for index in ["due", "when.start", "when.start.day"] {
                    assert!(plan.contains(&format!("rows_of_activity.{index} (workspace=? AND kind=? AND archived=?")), "{index}: {plan}");
                }
            }
        }
    }

    /// Nobody's list is sorted because they see less than others.
    #[tokio::test]
    async fn a_list_by_the_last_edit_that_its_reader_sees_is_read_in_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let mut tx = indexed(&folder).await;
        let recent = r#"[{"type": "lastXDays", "attribute": "updatedAt", "value": 7}]"#;
        for (facets, index) in [
            (vec![Facet::Main], "rows_of_party.updated.main"),
            (vec![Facet::Main, Facet::Commercial], "rows_of_party.updated.main_commercial"),
        ] {
            let party = KindScope { facets, is_whole: false, title: true, near: None };
            let scope = Scope { kinds: [("party".parse().unwrap(), party)].into_iter().collect() };
            for filter in ["[]", recent] {
                let query = ask("party", "updatedAt", filter);
                let plan = which(&scope, &query).page(Way::InOrder).plan(&mut tx).await;
                assert!(plan.contains(&format!("USING INDEX {index} ")) && !plan.contains("TEMP"), "{filter}: {plan}");
            }
        }
    }

    /// The same of boards and charts.
    #[tokio::test]
    async fn boards_and_charts_read_indexes_and_no_records() {
        let folder = tempfile::tempdir().unwrap();
        let (mut tx, scope) = (indexed(&folder).await, scope());
        let weights = Weights { by: spot("deal", "stage"), percents: vec![("lead".to_owned(), 10)] };
        let amount = Added {
            number: spot("deal", "amount.amount"),
            currency: Some(spot("deal", "amount.currency")),
            weights: Some(weights.clone()),
            instead: None,
        };
        let measured = Measured::Weighed(amount.number.clone(), amount.currency.clone(), weights);
        let by_day = [Key::Span(spot("deal", "close_date").into(), Step::Week), Key::Value(spot("deal", "stage").into())];
        let by_owner = [Key::Value(spot("deal", "owner").into()), Key::Value(spot("deal", "stage").into())];
        for filter in ["[]", OPEN, WON] {
            let query = ask("deal", "title", filter);
            assert_eq!(query.filter == Filter::everything(), filter == "[]");
            let statements = [
                totals::sums_statement(which(&scope, &query), &By::Value(spot("deal", "stage").into()), &amount, &[1, 2]),
                figures::statement(which(&scope, &query), &by_day, None, &[]),
                figures::statement(which(&scope, &query), &by_owner, Some(&measured), &[1, 2]),
            ];
            for statement in statements {
                let plan = statement.plan(&mut tx).await;
                assert!(plan.contains("USING COVERING INDEX rows_of_deal."), "{filter}: {plan}");
            }
        }
        // Of some days: their index holds what is added up, too.
        let won =
            r#"[{"type": "in", "attribute": "stage", "value": ["won"]}, {"type": "lastXDays", "attribute": "close_date", "value": 365}]"#;
        let query = ask("deal", "title", won);
        for statement in
            [figures::statement(which(&scope, &query), &by_day, Some(&measured), &[1, 2]), which(&scope, &query).counted(Some(10_000))]
        {
            let plan = statement.plan(&mut tx).await;
            assert!(plan.contains("USING COVERING INDEX rows_of_deal."), "{plan}");
        }
    }

    #[test]
    fn every_kind_can_have_its_indexes_and_few_of_them() {
        let schema = Schema::builtin();
        let indexes = of(schema.kinds().map(|kind| (schema, &**kind)));
        for kind in schema.kinds() {
            let own = indexes.keys().filter(|name| name.starts_with(&format!("{PREFIX}{}.", kind.name))).count();
            assert!(own < INDEXES_MAX + kind.facets().len(), "{}: {own}", kind.name);
        }
        assert!(
            indexes.contains_key("rows_of_party.owner.by_title") && !indexes.contains_key("rows_of_party.tags"),
            "{:?}",
            indexes.keys()
        );
    }
}

//! Dashboards that are ready to be used, as data: `*.toml` beside this file.
//!
//! Turns them into edits; who writes those, and whether they may, is for others to say.

pub mod sample;

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use sync_core::id::{KindName, RecordId};
use sync_core::record::fields::FieldEdit;

use crate::intake::{Expect, RecordEdit};
use crate::language::Language;
use crate::reading::Row;

/// The kind of a dashboard.
pub const DASHBOARD: &str = "dashboard";

/// The kind of what its tiles show.
pub const VIEW: &str = "view";

/// The purpose of views that are tiles.
const TILE: &str = "tile";

/// What the ids of a ready-made dashboard's tiles begin with; its name and their numbers follow, and they stand in that order.
/// Whatever people put on a dashboard has an id of another form.
const READY_ROW: &str = "ready-";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    en: String,
    zh: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dashboard {
    name: Said,
    tile: Vec<Tile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tile {
    name: Said,
    about: String,
    layout: String,
    width: String,
    filter: String,
    #[serde(default)]
    columns: Vec<String>,
    sort: Option<String>,
    group: Option<String>,
    split: Option<String>,
    measure: Option<String>,
    step: Option<String>,
    period: Option<String>,
    day: Option<String>,
    #[serde(default)]
    compare: bool,
}

/// Those that there are, by name.
static BOARDS: LazyLock<[(&str, Dashboard); 2]> = LazyLock::new(|| {
    let read = |text| toml::from_str(text).expect("a test reads it");
    [("sales", read(include_str!("sales.toml"))), ("customers", read(include_str!("customers.toml")))]
});

/// The names of the dashboards that come ready, and what people call them.
pub fn names(language: Language) -> impl Iterator<Item = (&'static str, &'static str)> {
    BOARDS.iter().map(move |(name, board)| (*name, language.of(&board.name.en, &board.name.zh)))
}

/// The sales dashboard of everybody, as [`board`].
pub fn sales(language: Language, owner: RecordId, new_id: impl Fn() -> RecordId) -> Vec<RecordEdit> {
    board("sales", language, owner, new_id)
}

/// A ready dashboard of everybody, as edits that make it and its views; the dashboard is the last one. Nothing where none is
/// called so.
pub fn board(name: &str, language: Language, owner: RecordId, new_id: impl Fn() -> RecordId) -> Vec<RecordEdit> {
    let Some((ready, dashboard)) = BOARDS.iter().find(|(known, _)| *known == name) else { return Vec::new() };
    let mut edits = Vec::new();
    let mut tiles = Vec::new();
    for (at, tile) in dashboard.tile.iter().enumerate() {
        let (id, row) = (new_id(), format!("{READY_ROW}{ready}-{at:02}"));
        edits.push(edit(VIEW, id, view(tile, language, owner)));
        let values = Map::from_iter([("view".to_owned(), json!(id.to_string())), ("width".to_owned(), json!(tile.width))]);
        tiles.push(FieldEdit::SetRow { field: "tiles".to_owned(), row, values });
    }
    let name = language.of(&dashboard.name.en, &dashboard.name.zh);
    let mut own = vec![FieldEdit::set("name", name), FieldEdit::set("owner", owner.to_string()), FieldEdit::set("everyone", true)];
    own.extend(tiles);
    edits.push(edit(DASHBOARD, new_id(), own));
    edits
}

/// What a dashboard or a view is called: in a language one that came ready, in whichever it was made and unless somebody has
/// named it otherwise; as it is kept any other, even if it is called like one of these.
pub fn title_of(row: &Row, language: Language) -> &str {
    let of_ready = if &*row.kind == DASHBOARD { ready_dashboard(row) } else { ready_tile(row) };
    let said = of_ready.filter(|said| is_for_everyone(row) && (said.en == row.title || said.zh == row.title));
    said.map_or(&row.title, |said| language.of(&said.en, &said.zh))
}

fn is_for_everyone(row: &Row) -> bool {
    row.fields.get("everyone") == Some(&json!(true))
}

/// A dashboard that came ready has tiles that did.
fn ready_dashboard(row: &Row) -> Option<&'static Said> {
    let tiles = row.fields.get("tiles").and_then(Json::as_array)?;
    let names = tiles.iter().filter_map(|tile| tile.get("id")?.as_str()?.strip_prefix(READY_ROW)?.split_once('-'));
    let board = |(name, _)| BOARDS.iter().find(|(known, _)| *known == name).map(|(_, board)| &board.name);
    names.filter_map(board).next()
}

/// A view that came ready is a tile, and shows the same in the same way.
fn ready_tile(row: &Row) -> Option<&'static Said> {
    let says = |name: &str, text: &str| row.fields.get(name).and_then(Json::as_str) == Some(text);
    let is_it =
        |tile: &&Tile| [&tile.name.en, &tile.name.zh].contains(&&row.title) && says("about", &tile.about) && says("layout", &tile.layout);
    tiles().filter(|_| says("purpose", TILE)).find(is_it).map(|tile| &tile.name)
}

fn tiles() -> impl Iterator<Item = &'static Tile> {
    BOARDS.iter().flat_map(|(_, board)| &board.tile)
}

fn edit(kind: &str, record: RecordId, edits: Vec<FieldEdit>) -> RecordEdit {
    let kind: KindName = kind.parse().expect("a name of a built-in kind");
    RecordEdit { kind, record, edits, expect: Expect::New }
}

fn view(tile: &Tile, language: Language, owner: RecordId) -> Vec<FieldEdit> {
    let mut edits = vec![
        FieldEdit::set("name", language.of(&tile.name.en, &tile.name.zh)),
        FieldEdit::set("purpose", TILE),
        FieldEdit::set("about", &*tile.about),
        FieldEdit::set("filter", &*tile.filter),
        FieldEdit::set("layout", &*tile.layout),
        FieldEdit::set("owner", owner.to_string()),
        FieldEdit::set("everyone", true),
    ];
    let texts = [
        ("sort", &tile.sort),
        ("group", &tile.group),
        ("split", &tile.split),
        ("measure", &tile.measure),
        ("step", &tile.step),
        ("period", &tile.period),
        ("day", &tile.day),
    ];
    edits.extend(texts.into_iter().filter_map(|(field, text)| Some(FieldEdit::set(field, text.as_deref()?))));
    if tile.compare {
        edits.push(FieldEdit::set("compare", true));
    }
    edits.extend(tile.columns.iter().enumerate().map(|(at, column)| FieldEdit::SetRow {
        field: "columns".to_owned(),
        row: at.to_string(),
        values: Map::from_iter([("field".to_owned(), Json::from(column.as_str()))]),
    }));
    edits
}

#[cfg(test)]
mod tests {
    use sync_core::query::Filter;
    use sync_core::schema::Schema;

    use super::*;

    fn row(kind: &str, title: &str, fields: Json) -> Row {
        let Json::Object(fields) = fields else { panic!("{fields}") };
        let (id, kind) = (RecordId::of_cause(title), kind.parse().unwrap());
        Row { id, kind, title: title.to_owned(), archived: false, created_at: 0, updated_at: 0, version: 1, conflicts: 0, fields }
    }

    #[test]
    fn what_came_ready_is_called_as_the_reader_says_and_what_somebody_named_stays() {
        let tile = json!({"purpose": "tile", "about": "deal", "layout": "number", "everyone": true});
        assert_eq!(title_of(&row(VIEW, "进行中商机金额", tile.clone()), Language::En), "Open pipeline");
        assert_eq!(title_of(&row(VIEW, "East's pipeline", tile), Language::Zh), "East's pipeline");
        let own = json!({"purpose": "report", "about": "deal", "layout": "number", "everyone": true});
        assert_eq!(title_of(&row(VIEW, "Open pipeline", own), Language::Zh), "Open pipeline");
        let board = |tile: &str, everyone: bool| row(DASHBOARD, "Sales", json!({"tiles": [{"id": tile}], "everyone": everyone}));
        assert_eq!(title_of(&board("ready-sales-00", true), Language::Zh), "销售看板");
        assert_eq!(title_of(&board("ready-sales-00", true), Language::En), "Sales");
        assert_eq!(title_of(&board("0192f0c1", true), Language::Zh), "Sales", "somebody's own");
        assert_eq!(title_of(&board("ready-sales-00", false), Language::Zh), "Sales");
    }

    #[test]
    fn every_tile_asks_what_its_kind_can_answer() {
        let schema = Schema::builtin();
        for tile in tiles() {
            let kind = schema.kind(&tile.about).unwrap_or_else(|| panic!("{}", tile.about));
            let filter: Json = serde_json::from_str(&tile.filter).unwrap();
            let all = json!({"type": "and", "value": filter});
            if filter.as_array().is_some_and(|conditions| !conditions.is_empty()) {
                Filter::from_json(schema, &kind.name, &all).unwrap_or_else(|error| panic!("{}: {error}", tile.name.en));
            }
            for name in [&tile.group, &tile.split, &tile.day].into_iter().flatten().filter(|name| *name != "createdAt") {
                assert!(kind.field(name).is_some(), "{}: {name}", tile.name.en);
            }
            for name in tile.measure.iter().filter_map(|measure| measure.split_once(':')).map(|(_, field)| field) {
                assert!(kind.field(name).is_some() || kind.gap(name).is_some(), "{}: {name}", tile.name.en);
            }
            for (field, word) in [("layout", Some(&tile.layout)), ("step", tile.step.as_ref())] {
                let field = schema.kind(VIEW).unwrap().field(field).unwrap();
                assert!(word.is_none_or(|word| field.option(word).is_some()), "{}: {word:?}", tile.name.en);
            }
        }
    }
}

//! The kinds of the workspace: what forms, lists and boards are drawn from.

use sync_core::actions::duplicates::can_merge;
use sync_core::id::FieldName;
use sync_core::schema::{Board, Choice, Field, Gap, Heading, Kind, Label, Merge, Need, ValueType};

use crate::client::Client;
use crate::error::ClientError;

/// A word in both languages.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Word {
    /// English.
    pub en: String,
    /// Simplified Chinese.
    pub zh: String,
}

impl From<&Label> for Word {
    fn from(label: &Label) -> Self {
        Self { en: label.en.clone(), zh: label.zh.clone() }
    }
}

/// A kind of record.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct KindInfo {
    /// Its name.
    pub name: String,
    /// One of it.
    pub label: Word,
    /// Many of it.
    pub plural: Word,
    /// Where menus have it; without a place it comes behind all others.
    pub menu: Option<MenuPlace>,
    /// The field that names a record.
    pub title: String,
    /// Columns of its list.
    pub list: Vec<String>,
    /// The link to the member whose record it is.
    pub owner: Option<String>,
    /// The link to the record that it belongs to: a case to its customer.
    pub belongs_to: Option<String>,
    /// The fields that say when it happens: the first that has a value, or else when it was made. Calendars go by it.
    pub happens: Vec<String>,
    /// Its board, if it has stages.
    pub board: Option<BoardInfo>,
    /// Whether two records that are the same can be merged: `likely_duplicates`, `merge`.
    pub can_merge: bool,
    /// What is easily overlooked of its records: lists worth an entry.
    pub gaps: Vec<GapInfo>,
    /// Its fields, in the order of the record page.
    pub fields: Vec<FieldInfo>,
}

/// A place in menus.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct MenuPlace {
    /// Under which heading.
    pub heading: MenuHeading,
    /// Before those of a greater place there.
    pub place: i64,
}

/// A heading of menus, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum MenuHeading {
    /// What is sold, to whom.
    Sales,
    /// What is done for customers.
    Service,
    /// What is offered, and what is aimed at.
    Market,
    /// What the system itself is worked with.
    System,
    /// How the workspace works: in no menu.
    Settings,
}

/// How a kind is shown as columns.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct BoardInfo {
    /// The choice that says in which column a record is: moving a card writes it.
    pub by: String,
    /// A field of money or a number that is summed in each column.
    pub sum: Option<String>,
    /// The choice whose options have boards of their own: `ChoiceInfo.columns` says which columns.
    pub pipelines: Option<String>,
    /// The columns, from left to right.
    pub columns: Vec<BoardColumn>,
}

/// A column of a board.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct BoardColumn {
    /// The stored word.
    pub value: String,
    /// What people read.
    pub label: Word,
    /// `grey`, `blue`, `green`, `amber` or `red`.
    pub colour: Option<String>,
    /// What it means that a record is there.
    pub state: ColumnState,
    /// Nothing is moved there any more: shown only while something is in it.
    pub hidden: bool,
}

/// What it means that a record is in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum ColumnState {
    /// Something is left to do.
    Open,
    /// Nothing is left to do: it came true.
    Won,
    /// Nothing is left to do: it came to nothing.
    Lost,
    /// Nothing is left to do.
    Closed,
}

/// Something that is easily overlooked: `No next step`.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct GapInfo {
    /// Its name within the kind.
    pub name: String,
    /// What people read.
    pub label: Word,
    /// The conditions: the `filter` of a `ListQuery`.
    pub filter: String,
}

/// A field of a kind.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct FieldInfo {
    /// Its name.
    pub name: String,
    /// What people read.
    pub label: Word,
    /// What a value is: `string`, `money`, `link`.
    pub value: String,
    /// How concurrent edits become one: `register`, `set`, `text`.
    pub merge: String,
    /// Whether a record without it is incomplete.
    pub required: bool,
    /// Whether nobody writes it: it is computed, or given by the server.
    pub computed: bool,
    /// The option that a new record has until somebody says otherwise: `create` writes it.
    pub default: Option<String>,
    /// The words of a choice in their order, those that are no longer offered among them: `ChoiceInfo.hidden`.
    pub options: Vec<ChoiceInfo>,
    /// The kinds that a link may point at.
    pub to: Vec<String>,
    /// The parts of a row.
    pub parts: Vec<FieldInfo>,
    /// For a number: the least that may be written.
    pub min: Option<i64>,
    /// For a number: the most that may be written.
    pub max: Option<i64>,
    /// For a day or moment that ends something: the field, or the part of the row, that begins it.
    pub after: Option<String>,
    /// In which states of the record it may not change any more.
    pub frozen: Option<FrozenInfo>,
    /// What tapping a value does.
    pub tap: Option<Tap>,
}

/// In some states of the record a field may not change any more.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct FrozenInfo {
    /// The field that decides.
    pub field: String,
    /// The values of that field with which it is frozen.
    pub values: Vec<String>,
}

/// What tapping a value does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Tap {
    /// Calls a number: `dialled` says how it is dialled from anywhere.
    Call,
    /// Writes a mail.
    Mail,
    /// Opens a web address.
    Browse,
    /// Shows an address or a place on a map.
    Map,
    /// Opens the record that is linked.
    Open,
}

/// A value that a choice may have.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ChoiceInfo {
    /// The stored word.
    pub value: String,
    /// What people read.
    pub label: Word,
    /// It is no longer offered: writing it is refused. Leave it out of what people choose from; it is here for its label,
    /// as records may still have it.
    pub hidden: bool,
    /// `grey`, `blue`, `green`, `amber` or `red`.
    pub colour: Option<String>,
    /// How likely a record in this state comes true, in percent.
    pub weight: Option<u8>,
    /// What a record must have before somebody puts it into this state: it is refused otherwise.
    pub needs: Vec<NeedInfo>,
    /// Fields to ask for when somebody puts a record into this state; they may stay empty.
    pub asks: Vec<String>,
    /// How many days a record may stay in this state.
    pub days: Option<u32>,
    /// Of the choice that boards are apart by: the columns of this one's board; none for all.
    pub columns: Vec<String>,
}

/// A fact that a record must have.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NeedInfo {
    /// The field that has it.
    pub field: String,
    /// The part that some row of the field has it in.
    pub part: Option<String>,
    /// The option that must stand there; nothing where anything will do.
    pub option: Option<String>,
    /// What people call it: `People (Role: Decision maker)`.
    pub label: Word,
}

fn names<T: ToString>(names: &[T]) -> Vec<String> {
    names.iter().map(T::to_string).collect()
}

fn name<T: ToString>(name: Option<&T>) -> Option<String> {
    name.map(T::to_string)
}

/// Those of some fields that people are shown.
fn shown<'n>(kind: &Kind, names: impl IntoIterator<Item = &'n FieldName>) -> Vec<String> {
    let is_shown = |name: &&FieldName| kind.field(name).is_some_and(|field| !field.hidden);
    names.into_iter().filter(is_shown).map(ToString::to_string).collect()
}

/// What tapping a value of a type does. One that this build does not know is shown as it is.
fn tap(value: &ValueType) -> Option<Tap> {
    match value {
        ValueType::Phone => Some(Tap::Call),
        ValueType::Email => Some(Tap::Mail),
        ValueType::Url => Some(Tap::Browse),
        ValueType::Address | ValueType::Geo => Some(Tap::Map),
        ValueType::Link => Some(Tap::Open),
        ValueType::String
        | ValueType::Paragraph
        | ValueType::Integer
        | ValueType::Number
        | ValueType::Boolean
        | ValueType::Date
        | ValueType::Datetime
        | ValueType::Choice
        | ValueType::Money
        | ValueType::Period
        | ValueType::Unknown(_) => None,
    }
}

fn need_info(kind: &Kind, need: &Need) -> NeedInfo {
    let label = (&need.label(kind)).into();
    NeedInfo { field: need.field.to_string(), part: name(need.part.as_ref()), option: need.is.clone(), label }
}

fn choice_info(kind: &Kind, option: &Choice) -> ChoiceInfo {
    ChoiceInfo {
        value: option.value.clone(),
        label: (&option.label).into(),
        hidden: option.hidden,
        colour: option.colour.clone(),
        weight: option.weight,
        needs: option.needs.iter().map(|need| need_info(kind, need)).collect(),
        asks: shown(kind, &option.asks),
        days: option.days,
        columns: option.columns.clone(),
    }
}

fn field_info(kind: &Kind, field: &Field) -> FieldInfo {
    let frozen = field.frozen.as_ref();
    FieldInfo {
        name: field.name.to_string(),
        label: (&field.label).into(),
        value: field.value.as_str().to_owned(),
        merge: field.merge.as_str().to_owned(),
        required: field.required,
        computed: matches!(field.merge, Merge::Derived | Merge::Assigned),
        default: field.usual().map(str::to_owned),
        options: field.options.iter().map(|option| choice_info(kind, option)).collect(),
        to: names(&field.to),
        parts: field.items.iter().filter(|part| !part.hidden).map(|part| field_info(kind, part)).collect(),
        min: field.min,
        max: field.max,
        after: name(field.after.as_ref()),
        frozen: frozen.map(|frozen| FrozenInfo { field: frozen.field.to_string(), values: frozen.values.clone() }),
        tap: tap(&field.value),
    }
}

fn board_info(kind: &Kind, board: &Board) -> BoardInfo {
    let column = |option: &Choice| BoardColumn {
        value: option.value.clone(),
        label: (&option.label).into(),
        colour: option.colour.clone(),
        state: match board.closed.contains(&option.value) {
            false => ColumnState::Open,
            true if option.is_certain() => ColumnState::Won,
            true if option.is_never() => ColumnState::Lost,
            true => ColumnState::Closed,
        },
        hidden: option.hidden,
    };
    let options = kind.field(&board.by).map(|field| &field.options[..]).unwrap_or_default();
    BoardInfo {
        by: board.by.to_string(),
        sum: shown(kind, &board.sum).pop(),
        pipelines: shown(kind, &board.pipelines).pop(),
        columns: options.iter().map(column).collect(),
    }
}

fn gap_info(gap: &Gap) -> GapInfo {
    GapInfo { name: gap.name.to_string(), label: (&gap.label).into(), filter: gap.conditions(None) }
}

fn heading(heading: Heading) -> MenuHeading {
    match heading {
        Heading::Sales => MenuHeading::Sales,
        Heading::Service => MenuHeading::Service,
        Heading::Market => MenuHeading::Market,
        Heading::System => MenuHeading::System,
        Heading::Settings => MenuHeading::Settings,
    }
}

fn kind_info(kind: &Kind) -> KindInfo {
    KindInfo {
        name: kind.name.to_string(),
        label: (&kind.label).into(),
        plural: (&kind.plural).into(),
        menu: kind.menu.map(|menu| MenuPlace { heading: heading(menu.under), place: menu.place }),
        title: kind.title.to_string(),
        list: shown(kind, &kind.list),
        owner: name(kind.owner.as_ref()),
        belongs_to: name(kind.sharing.follows.as_ref()),
        happens: shown(kind, &kind.happens),
        board: kind.board.as_ref().map(|board| board_info(kind, board)),
        can_merge: can_merge(kind),
        gaps: kind.gaps.iter().map(gap_info).collect(),
        fields: kind.fields.iter().filter(|field| !field.hidden).map(|field| field_info(kind, field)).collect(),
    }
}

#[uniffi::export]
impl Client {
    /// The kinds of the workspace, its own among them: what forms and lists are made of.
    pub async fn kinds(&self) -> Result<Vec<KindInfo>, ClientError> {
        self.on_device(|device, _| Ok(device.schema().kinds().map(|kind| kind_info(kind)).collect())).await
    }
}

#[cfg(test)]
mod tests {
    use sync_core::schema::Schema;

    use super::*;

    fn info(kind: &str) -> KindInfo {
        kind_info(Schema::builtin().kind(kind).unwrap())
    }

    fn field(kind: &str, name: &str) -> FieldInfo {
        info(kind).fields.into_iter().find(|field| field.name == name).unwrap()
    }

    #[test]
    fn options_that_nobody_may_choose_any_more_are_marked_and_keep_their_label() {
        let options: Vec<_> = Schema::builtin()
            .kinds()
            .flat_map(|kind| kind_info(kind).fields)
            .flat_map(|field| field.options)
            .filter(|option| option.hidden)
            .collect();
        assert!(options.iter().any(|option| (&*option.value, &*option.label.zh) == ("map", "地图")), "{options:?}");
        assert!(field("deal", "stage").options.iter().all(|option| !option.hidden));
    }

    #[test]
    fn a_board_says_its_columns_in_order_and_what_each_means() {
        let board = info("deal").board.unwrap();
        assert_eq!((&*board.by, board.sum.as_deref(), board.pipelines.as_deref()), ("stage", Some("amount"), Some("pipeline")));
        let columns: Vec<_> = board.columns.iter().map(|column| (&*column.value, column.state)).collect();
        assert_eq!(columns[0], ("lead", ColumnState::Open));
        assert_eq!(columns[4..], [("won", ColumnState::Won), ("lost", ColumnState::Lost)]);
        assert_eq!((&*board.columns[4].label.zh, board.columns[4].colour.as_deref()), ("赢单", Some("green")));
        assert_eq!(info("party").board, None);
    }

    #[test]
    fn a_field_says_what_a_form_must_know() {
        let stage = field("deal", "stage");
        assert_eq!(stage.default.as_deref(), Some("lead"));
        assert_eq!(stage.options.iter().find(|option| option.value == "lost").unwrap().asks, ["lost_reason"]);
        let phones = field("party", "phones");
        assert_eq!(phones.parts.iter().find(|part| part.name == "value").unwrap().tap, Some(Tap::Call));
        assert_eq!((field("deal", "party").tap, field("deal", "title").tap), (Some(Tap::Open), None));
        assert!(field("deal", "stage_due").computed && !stage.computed);
        assert_eq!(field("asset", "warranty_until").after.as_deref(), Some("bought_on"));
        let lines = field("offer", "lines");
        assert!(lines.frozen.is_some_and(|frozen| frozen.field == "status" && !frozen.values.is_empty()));
        assert_eq!(
            lines.parts.iter().find(|part| part.name == "discount_percent").map(|part| (part.min, part.max)),
            Some((Some(0), Some(100)))
        );
    }

    #[test]
    fn a_kind_says_where_it_is_whose_and_what_is_overlooked() {
        let (party, case) = (info("party"), info("case"));
        assert_eq!((party.can_merge, party.menu.unwrap().heading), (true, MenuHeading::Sales));
        assert_eq!((case.belongs_to.as_deref(), case.owner.as_deref()), (Some("party"), Some("owner")));
        let deal = info("deal");
        assert!(!deal.can_merge && deal.gaps.iter().any(|gap| gap.filter.starts_with('[') && !gap.filter.contains("@days")));
        assert_eq!(info("activity").happens, ["when", "due"]);
    }
}

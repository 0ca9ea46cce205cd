//! The page of a list: its tools, and what it shows.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use sync_core::access::Action;
use sync_core::query::QueryError;
use sync_core::schema::{Field, Kind};

use super::asked::Asked;
use super::board::{self, BoardView};
use super::calendar::{self, CalendarView};
use super::chart::{self, ChartTools, ChartView, Form};
use super::columns::{self, Choosable};
use super::filter::{self, Chip, Editor};
use super::groups::{self, GroupView};
use super::moves::Asking;
use super::shape::{Column, Layout, Shape, rows, seen_days};
use super::table::{self, Head, Line, Rows};
use super::views::{self, Saved, Unsaved};
use crate::console::conditions::Builder;
use crate::console::desk::{Desk, Frame, icon, page as answer};
use crate::console::inputs::Input;
use crate::console::record::Editing;
use crate::console::typed::Typed;
use crate::error::Error;
use crate::place::Path;
use crate::reading::{Count, Counted, Listing, Names, ReadError, is_summed};

#[derive(Template)]
#[template(path = "list.html")]
struct ListPage {
    frame: Frame,
    kind: String,
    icon: String,
    plural: String,
    inside: String,
    new_href: Option<String>,
    new_label: String,
    search_label: String,
    empty_hint: String,
    asked: Asked,
    hidden: Vec<(&'static str, String)>,
    count: String,
    notice: Option<Notice>,
    problem: Option<String>,
    /// Where this page is asked for, if it answers a form that is sent elsewhere.
    here: Option<String>,
    is_broken: bool,
    tabs: Vec<Tab>,
    layouts: Vec<Tab>,
    shelves: [Tab; 2],
    tools: Tools,
    content: Content,
    pager: Pager,
}

/// What was done just now, and how it is taken back.
struct Notice {
    text: String,
    more: Option<String>,
    undo: Option<String>,
}

/// A link of a strip.
struct Tab {
    label: String,
    href: String,
    here: bool,
    pinned: bool,
}

/// The tools above a list.
struct Tools {
    chips: Vec<Chip>,
    any: bool,
    any_href: Option<String>,
    all_href: String,
    filter_href: String,
    editor: Option<Editor>,
    whole_href: String,
    whole: Option<Whole>,
    columns_href: String,
    columns: Option<Vec<Choosable>>,
    columns_action: String,
    group_label: Option<String>,
    groups: Vec<(String, String, bool)>,
    /// The spans that days are put together in; none where nothing is.
    steps: Vec<(&'static str, &'static str, bool)>,
    save_href: String,
    save: Option<Save>,
    exports: bool,
    /// None for kinds that no address book has.
    vcf: Option<String>,
    csv: String,
    xlsx: String,
    pdf: String,
    is_changed: bool,
    close: String,
    view: Option<ViewTools>,
    bulk: String,
    bulk_fields: bool,
    /// Columns and groups are of tables only.
    is_table: bool,
}

/// The form for all conditions at once.
struct Whole {
    action: String,
    builder: Builder,
    error: Option<String>,
}

/// The form that saves a view.
struct Save {
    action: String,
    /// Whether everybody sees it, as it is.
    everyone: bool,
    /// Whether a new one was to be saved without a name; and what it was to be called otherwise.
    nameless: bool,
    name: String,
    /// Why it was not saved.
    error: Option<String>,
    /// The people and teams who see it, each with its label.
    shown_to: Vec<(String, Input)>,
    over: Option<String>,
}

/// What can be done with the view that is shown.
struct ViewTools {
    action: String,
    pinned: bool,
    mine: bool,
}

/// What the page shows.
enum Content {
    /// Rows.
    Table { heads: Vec<Head>, rows: Vec<Line>, footer: Vec<String> },
    /// Groups of rows.
    Groups { heads: Vec<Head>, groups: Vec<GroupView>, footer: Vec<String>, cut: bool },
    /// Columns of cards.
    Board(BoardView),
    /// Days.
    Calendar(CalendarView),
    /// A chart with its controls.
    Chart(Box<(ChartView, ChartTools)>),
}

#[derive(Default)]
struct Pager {
    previous: Option<String>,
    next: Option<String>,
}

/// `GET /records/{kind}`.
pub async fn page(desk: Desk, Path(name): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let kind = desk.reading.kind(&name)?.clone();
    let editing = Editing { place: asked.cell.clone(), ..Editing::default() };
    show(&desk, &kind, asked, editing, None).await
}

/// The list with a condition that was not taken.
pub async fn show_with(desk: &Desk, kind: &Kind, asked: Asked, refused: Option<(Typed, String)>) -> Result<Response, Error> {
    Drawing { refused, ..Drawing::of(desk, kind) }.answer(asked, None).await
}

/// The list, with a cell that is being edited or was not taken, or with what else went wrong.
pub async fn show(desk: &Desk, kind: &Kind, asked: Asked, editing: Editing, problem: Option<String>) -> Result<Response, Error> {
    Drawing { editing, ..Drawing::of(desk, kind) }.answer(asked, problem).await
}

/// The list with the form for all its conditions as it was typed, and why it was not taken.
pub async fn show_built(desk: &Desk, kind: &Kind, asked: Asked, built: (Typed, Option<String>)) -> Result<Response, Error> {
    Drawing { built: Some(built), ..Drawing::of(desk, kind) }.answer(asked, None).await
}

/// A board with what a card is asked for before it goes to another column.
pub async fn show_asking(desk: &Desk, kind: &Kind, asked: Asked, asking: Asking) -> Result<Response, Error> {
    Drawing { asking: Some(asking), ..Drawing::of(desk, kind) }.answer(asked, None).await
}

/// The list with the form of a view that was not saved.
pub async fn show_unsaved(desk: &Desk, kind: &Kind, asked: Asked, unsaved: Unsaved) -> Result<Response, Error> {
    Drawing { unsaved: Some(unsaved), ..Drawing::of(desk, kind) }.answer(asked, None).await
}

/// What the page shows, how to turn it, how many records there are, and what is wrong with the question if it cannot
/// be asked.
type Drawn = (Content, Pager, Counted, Option<String>);

struct Drawing<'a> {
    desk: &'a Desk,
    kind: &'a Kind,
    editing: Editing,
    refused: Option<(Typed, String)>,
    /// All conditions as they were typed, and what is wrong with them.
    built: Option<(Typed, Option<String>)>,
    /// The form of a view that was not saved.
    unsaved: Option<Unsaved>,
    /// What a card is asked for.
    asking: Option<Asking>,
}

impl<'a> Drawing<'a> {
    fn of(desk: &'a Desk, kind: &'a Kind) -> Self {
        Self { desk, kind, editing: Editing::default(), refused: None, built: None, unsaved: None, asking: None }
    }
}

impl Drawing<'_> {
    async fn answer(&self, asked: Asked, problem: Option<String>) -> Result<Response, Error> {
        let (desk, kind) = (self.desk, self.kind);
        let all = views::offered(desk, kind, &asked).await?;
        let shape = Shape::of(desk, kind, &asked, &all);
        let is_bad = self.built.as_ref().is_some_and(|(_, why)| why.is_some());
        let refused = problem.is_some() || self.refused.is_some() || self.editing.error.is_some() || self.unsaved.is_some() || is_bad;
        let (content, pager, total, broken) = self.content(&asked, &shape).await?;
        let (label, inside) = (desk.words.inside(&kind.label), desk.words.inside(&kind.plural));
        let is_bare = asked.q.is_empty() && shape.conditions.is_empty();
        let tools = self.tools(&asked, &shape, broken.is_some()).await?;
        let title = shape.view.as_ref().map_or_else(|| desk.words.label(&kind.plural).to_owned(), |view| view.name.clone());
        let page = ListPage {
            frame: desk.frame(&title, &format!("/records/{}", kind.name)).await?,
            icon: icon(&kind.name).to_owned(),
            kind: kind.name.to_string(),
            plural: desk.words.label(&kind.plural).to_owned(),
            new_href: desk.reading.may_some(kind, Action::Create).then(|| format!("/records/{}/new", kind.name)),
            new_label: desk.words.fill("list.new", &[&label]),
            search_label: desk.words.fill("list.search", &[&inside]),
            empty_hint: desk.words.fill(if is_bare { "list.empty_hint" } else { "list.nothing_hint" }, &[&label]),
            inside,
            hidden: hidden(&asked),
            // Nothing was looked up: none is no answer.
            count: if broken.is_some() { String::new() } else { self.count(&asked, &shape, total).await? },
            is_broken: broken.is_some(),
            notice: self.notice(&asked),
            problem: problem.or(broken),
            here: (self.unsaved.is_some() || self.built.is_some()).then(|| asked.address(kind)),
            tabs: self.tabs(&asked, &all),
            layouts: self.layouts(&asked, &shape),
            shelves: self.shelves(&asked),
            tools,
            content,
            pager,
            asked,
        };
        answer(if refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &page)
    }

    /// How many there are, and whether they only come near to what was typed.
    async fn count(&self, asked: &Asked, shape: &Shape, total: Counted) -> Result<String, Error> {
        let desk = self.desk;
        let count = desk.words.counted("list.count", total);
        if total.count == 0 || asked.q.is_empty() {
            return Ok(count);
        }
        let list = shape.list(desk, self.kind, &Asked { after: None, ..asked.clone() }, &[], 1)?;
        Ok(if desk.reading.is_near(&list).await? { format!("{count} · {}", desk.words.say("list.near")) } else { count })
    }

    /// What is in use, and what is archived.
    fn shelves(&self, asked: &Asked) -> [Tab; 2] {
        [false, true].map(|archived| Tab {
            label: self.desk.words.say(if archived { "list.archived" } else { "list.in_use" }).to_owned(),
            href: Asked { archived, ..asked.plain() }.address(self.kind),
            here: asked.archived == archived,
            pinned: false,
        })
    }

    async fn content(&self, asked: &Asked, shape: &Shape) -> Result<Drawn, Error> {
        let (desk, kind) = (self.desk, self.kind);
        let columns = shape.columns(desk, kind);
        let heads = table::heads(desk, kind, asked, shape, &columns);
        // Where a page of groups begins is no place among records.
        let first = Asked { after: None, ..asked.clone() };
        let list = match shape.list(desk, kind, if shape.is_grouped(kind) { &first } else { asked }, &[], rows(columns.len())) {
            Ok(list) => list,
            // The order has changed since the page before: the list begins again.
            Err(ReadError::Query(QueryError::BadParameter { name, .. })) if name == "after" && asked.after.is_some() => {
                return Box::pin(self.content(&Asked { trail: String::new(), ..first }, shape)).await;
            }
            Err(error @ (ReadError::Query(_) | ReadError::Address { .. } | ReadError::Hidden { .. } | ReadError::Cursor)) => {
                let content = Content::Table { heads, rows: Vec::new(), footer: Vec::new() };
                return Ok((content, Pager::default(), Counted::default(), Some(broken(desk, error))));
            }
            Err(error) => return Err(error.into()),
        };
        match (shape.layout, &kind.board) {
            (Layout::Board, Some(board)) => {
                let content = Content::Board(board::view(desk, kind, board, (asked, shape), self.asking.clone()).await?);
                Ok((content, Pager::default(), desk.reading.count(&list).await?, None))
            }
            (Layout::Calendar, _) => {
                let content = Content::Calendar(calendar::view(desk, kind, asked, shape).await?);
                Ok((content, Pager::default(), desk.reading.count(&list).await?, None))
            }
            (Layout::Chart(form), _) => {
                let view = chart::view(desk, kind, asked, shape, form).await?;
                let content = Content::Chart(Box::new((view, chart::tools(desk, kind, asked, shape, form))));
                Ok((content, Pager::default(), desk.reading.count(&list).await?, None))
            }
            (Layout::Board | Layout::Table, _) if shape.is_grouped(kind) => self.groups(asked, shape, &columns, heads).await,
            (Layout::Board | Layout::Table, _) => self.rows(asked, shape, &columns, heads, &list).await,
        }
    }

    async fn rows(
        &self,
        asked: &Asked,
        shape: &Shape,
        columns: &[Column<'_>],
        heads: Vec<Head>,
        list: &crate::reading::List,
    ) -> Result<Drawn, Error> {
        let (desk, kind) = (self.desk, self.kind);
        let list = crate::reading::List { total: Count::Some, ..list.clone() };
        let Listing { rows, mut names, next, counted, .. } = desk.reading.list(&list).await?;
        self.add_names(&mut names).await?;
        let candidates = table::candidates(desk, kind, &self.editing).await?;
        let drawing = Rows { desk, kind, asked, columns, names: &names, candidates: &candidates, editing: &self.editing };
        // Of more, adding up would take longer than the list itself.
        let is_summed = columns.iter().filter_map(Column::field).any(is_summed) && counted.count > 1 && !counted.more;
        let footer = match is_summed {
            true => groups::footer(
                columns,
                &groups::totals(desk, kind, asked, &Shape { group: String::new(), ..shape.clone() }, columns).await?.all,
            ),
            false => Vec::new(),
        };
        let pager = Pager { previous: asked.previous(kind), next: next.map(|after| asked.next(kind, after)) };
        Ok((Content::Table { heads, rows: rows.iter().map(|row| drawing.line(row)).collect(), footer }, pager, counted, None))
    }

    async fn groups(&self, asked: &Asked, shape: &Shape, columns: &[Column<'_>], heads: Vec<Head>) -> Result<Drawn, Error> {
        let (desk, kind) = (self.desk, self.kind);
        let totals = groups::totals(desk, kind, asked, shape, columns).await?;
        let candidates = table::candidates(desk, kind, &self.editing).await?;
        let mut names = Names::new();
        self.add_names(&mut names).await?;
        let drawing = Rows { desk, kind, asked, columns, names: &names, candidates: &candidates, editing: &self.editing };
        let groups = groups::views(&drawing, shape, &totals).await?;
        let end = groups::place(asked).saturating_add(groups::PAGE);
        let next = (totals.groups.len() > end).then(|| asked.next(kind, end.to_string()));
        let cut = totals.cut && next.is_none();
        let content = Content::Groups { heads, groups, footer: groups::footer(columns, &totals.all), cut };
        Ok((content, Pager { previous: asked.previous(kind), next }, totals.all.count.into(), None))
    }

    /// What the records are called that stand in a form.
    async fn add_names(&self, names: &mut Names) -> Result<(), Error> {
        if let Some(typed) = &self.editing.typed {
            names.extend(crate::console::links::names_in(self.desk, self.kind, &[typed]).await?);
        }
        Ok(())
    }

    fn notice(&self, asked: &Asked) -> Option<Notice> {
        let words = self.desk.words;
        let text = match &*asked.done {
            "bulk" => words.count("bulk.done", asked.count),
            "undone" => words.count("bulk.undone", asked.count),
            _ => return None,
        };
        let undo =
            (asked.done == "bulk" && !asked.undo.is_empty()).then(|| asked.closed().below(self.kind, &format!("bulk/{}/undo", asked.undo)));
        Some(Notice { text, more: (asked.refused > 0).then(|| words.count("bulk.refused", asked.refused)), undo })
    }

    fn tabs(&self, asked: &Asked, all: &[Saved]) -> Vec<Tab> {
        let to = |view: String| Asked { view, archived: asked.archived, ..Asked::default() }.address(self.kind);
        let everything =
            Tab { label: self.desk.words.say("view.all").to_owned(), href: to(String::new()), here: asked.view.is_empty(), pinned: false };
        let tab = |view: &Saved| {
            let id = view.id.to_string();
            Tab { label: view.name.clone(), here: asked.view == id, href: to(id), pinned: view.pinned }
        };
        std::iter::once(everything).chain(all.iter().map(tab)).collect()
    }

    fn layouts(&self, asked: &Asked, shape: &Shape) -> Vec<Tab> {
        let mut layouts = vec![(Layout::Table, "layout.table")];
        if self.kind.board.is_some() {
            layouts.push((Layout::Board, "layout.board"));
        }
        if seen_days(self.desk, self.kind).next().is_some() {
            layouts.push((Layout::Calendar, "layout.calendar"));
        }
        layouts.push((if let Layout::Chart(_) = shape.layout { shape.layout } else { Layout::Chart(Form::Bar) }, "layout.chart"));
        let tab = |(layout, key): (Layout, &'static str)| Tab {
            label: self.desk.words.say(key).to_owned(),
            href: Asked { layout: Some(layout.word().to_owned()), ..asked.plain() }.address(self.kind),
            here: shape.layout == layout,
            pinned: false,
        };
        layouts.into_iter().map(tab).collect()
    }

    async fn tools(&self, asked: &Asked, shape: &Shape, is_broken: bool) -> Result<Tools, Error> {
        let (desk, kind) = (self.desk, self.kind);
        let names = desk.reading.names_of(filter::linked(shape)).await?;
        let groups = groups::attributes(desk, kind);
        let group_label = groups.iter().find(|(name, _)| *name == shape.group).map(|(_, label)| label.clone());
        let mark = |any: bool| Asked { filter: Some(super::shape::filter_of(&shape.conditions, any)), ..asked.plain() }.address(kind);
        let none = match is_broken {
            // Whatever is wrong with it is left behind.
            true => Asked { archived: asked.archived, ..Asked::default() },
            false => Asked { filter: Some("[]".to_owned()), q: String::new(), ..asked.plain() },
        };
        Ok(Tools {
            chips: filter::chips(desk, kind, asked, shape, &names),
            any: shape.any,
            any_href: (shape.conditions.len() > 1).then(|| mark(!shape.any)),
            all_href: none.address(kind),
            filter_href: asked.with_panel("filter").address(kind),
            editor: self.editor(asked, shape).await?,
            whole_href: asked.with_panel(filter::WHOLE).address(kind),
            whole: self.whole(asked, shape).await?,
            columns_href: asked.with_panel("columns").address(kind),
            columns: (asked.panel == "columns").then(|| columns::choosable(desk, kind, shape)),
            columns_action: format!("/records/{}/columns", kind.name),
            steps: match groups::is_time(desk.reading.schema(), kind, &shape.group) {
                true => chart::span::STEPS.map(|(key, step)| (step.word(), desk.words.say(key), step == groups::step_of(shape))).into(),
                false => Vec::new(),
            },
            groups: groups.into_iter().map(|(name, label)| (name.clone(), label, name == shape.group)).collect(),
            group_label,
            save_href: asked.with_panel("save").address(kind),
            save: if asked.panel == "save" { Some(self.save(asked, shape).await?) } else { None },
            exports: desk.may(sync_core::access::Right::Export),
            vcf: crate::cards::has_cards(kind).then(|| asked.closed().below(kind, "export.vcf")),
            csv: asked.closed().below(kind, "export.csv"),
            xlsx: asked.closed().below(kind, "export.xlsx"),
            pdf: asked.closed().below(kind, "export.pdf"),
            is_changed: is_changed(asked),
            close: asked.closed().address(kind),
            view: shape.view.as_ref().map(|view| ViewTools {
                action: asked.closed().below(kind, "views"),
                pinned: view.pinned,
                mine: view.is_mine(desk),
            }),
            is_table: shape.layout == Layout::Table,
            bulk: asked.closed().below(kind, "bulk"),
            // What is archived is brought back, and takes no other edit.
            bulk_fields: match asked.archived {
                true => desk.reading.may_some(kind, Action::Archive),
                false => kind.fields.iter().any(|field: &Field| desk.reading.may_write(kind, &field.name)),
            },
        })
    }

    /// Where a condition is written, if somebody asked for that.
    async fn editor(&self, asked: &Asked, shape: &Shape) -> Result<Option<Editor>, Error> {
        if asked.panel != "filter" && self.refused.is_none() {
            return Ok(None);
        }
        let (typed, error) = self.refused.clone().map_or_else(Default::default, |(typed, error)| (typed, Some(error)));
        filter::editor(self.desk, self.kind, asked, shape, &typed, error).await.map(Some)
    }

    /// Where all conditions are written, if somebody asked for that.
    async fn whole(&self, asked: &Asked, shape: &Shape) -> Result<Option<Whole>, Error> {
        if asked.panel != filter::WHOLE {
            return Ok(None);
        }
        let (typed, error) = self.built.as_ref().map_or((None, None), |(typed, error)| (Some(typed), error.clone()));
        let builder = filter::whole(self.desk, self.kind, shape, typed).await?;
        Ok(Some(Whole { action: asked.closed().below(self.kind, "filter"), builder, error }))
    }

    async fn save(&self, asked: &Asked, shape: &Shape) -> Result<Save, Error> {
        let over = shape.view.as_ref().filter(|view| view.is_mine(self.desk));
        let (typed, error) = self.unsaved.as_ref().map_or((None, None), |(typed, why)| (Some(typed), why.clone()));
        Ok(Save {
            action: asked.closed().below(self.kind, "views"),
            everyone: typed.map_or_else(|| over.is_some_and(|view| view.everyone), |typed| typed.one("everyone") == "true"),
            nameless: typed.is_some() && error.is_none(),
            name: typed.map(|typed| typed.one("name").to_owned()).unwrap_or_default(),
            shown_to: views::shown_to(self.desk, over, typed).await?,
            error,
            over: over.map(|view| self.desk.words.fill("view.over", &[&view.name])),
        })
    }
}

/// Whether an address says otherwise than its view.
fn is_changed(asked: &Asked) -> bool {
    let is_other = [asked.filter.is_some(), asked.columns.is_some(), !asked.sort.is_empty(), asked.group.is_some(), asked.layout.is_some()];
    is_other.contains(&true) || chart::Spec::of(asked, chart::Spec::default()) != chart::Spec::default()
}

/// Why a list cannot be shown, in the reader's language.
pub fn broken(desk: &Desk, error: ReadError) -> String {
    if matches!(error, ReadError::Address { name: "view", .. }) {
        return desk.words.say("view.gone").to_owned();
    }
    let reason = match Error::from(error) {
        Error::Invalid { message, .. } | Error::Denied { message, .. } => message.in_language(desk.words.0).to_owned(),
        other => other.to_string(),
    };
    desk.words.fill("list.broken", &[&reason])
}

/// What goes with the search form: the list without its search and its place.
fn hidden(asked: &Asked) -> Vec<(&'static str, String)> {
    Asked { q: String::new(), ..asked.plain() }.lasting()
}

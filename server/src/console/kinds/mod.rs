//! Kinds and fields, made and changed in the browser: what is saved here is on every phone with the next sync.

pub mod blueprint;
mod foreseen;
mod form;
mod formula;
mod names;
mod picks;
mod preview;
mod rules;

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sync_core::access::Action;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{BadDefinition, COLOURS, Kind, Reading, Schema};

use super::desk::{Desk, Frame, page as answer, place};
use super::edit::Posted;
use super::roles::EffectView;
use super::typed::Typed;
use super::why;
use crate::error::{Error, Text};
use crate::place::Path;
use crate::reading::{List, Row};
use foreseen::Foreseen;
use form::{FieldForm, KindForm, Wrong};
use formula::{CHOICE, FORMULAS, Named};
use picks::PickView;
use preview::Preview;

/// The kind whose records are kinds.
const KIND: &str = "kind";
/// Empty rows that a form ends with.
const SPARE: usize = 1;
/// New fields and parts that a form takes before they are saved: each is shown with all that it may come to be, some 3 KB.
const NEW_MAX: usize = 20;
/// New fields and parts that are shown with all that links may lead to, some 3 KB each; of more only for what is a link.
const NEW_FEW: usize = 8;
/// What a page of a kind may weigh before the options, links and parts of its fields are sent only when they are asked for:
/// with what else is on the page it stays below 150 KB.
const OPEN_BYTES: usize = 90_000;
/// The text of a kind that is longer has a page of its own.
const TEXT_BYTES: usize = 20_000;
/// Kinds of its own that a workspace may have: more are no menu.
const OWN_MAX: u32 = 200;

/// A word, its label, whether it is chosen.
type Option3 = (String, String, bool);

#[derive(Template)]
#[template(path = "kinds.html")]
struct KindsPage {
    frame: Frame,
    rows: Vec<KindView>,
    may: bool,
}

struct KindView {
    href: String,
    list: String,
    label: String,
    name: String,
    fields: String,
    own: bool,
}

#[derive(Template)]
#[template(path = "kind.html")]
struct KindPage {
    frame: Frame,
    action: String,
    is_new: bool,
    notice: Option<String>,
    problem: Option<String>,
    /// Whether it shall be called like another kind, if it would be.
    sure: Option<bool>,
    form: KindForm,
    rows: Vec<RowView>,
    picks: Vec<PickView>,
    preview: Option<Preview>,
    /// What it would do to what people see, if it says otherwise whose its records are.
    effect: Option<EffectView>,
    /// What was looked at, to be sent again with what is saved.
    looked_at: Option<String>,
    list: Option<String>,
    text: Option<String>,
    /// Where the text is shown, if not here.
    text_page: Option<&'static str>,
    /// Whether the page is of the text, and of nothing else.
    text_alone: bool,
    colours: String,
    /// What formulas may name.
    labels: Vec<String>,
}

struct RowView {
    index: usize,
    place: usize,
    field: FieldForm,
    is_title: bool,
    types: Vec<Option3>,
    merges: Vec<Option3>,
    /// The policy, if it is none that a form offers.
    other: Option<String>,
    facets: Vec<Option3>,
    targets: Vec<Option3>,
    /// Whether it has options, or may come to have some.
    options: bool,
    /// Whether it is a number, or may come to be.
    numbers: bool,
    /// Whether it leads to records, or may come to.
    links: bool,
    /// Whether it has options, links or parts that are sent when they are asked for.
    is_closed: bool,
    /// Whether it has rows, or may come to have some.
    may_have_rows: bool,
    /// What its rows hold.
    parts: Vec<PartView>,
    /// How it is computed, if it is or may come to be.
    formula: Option<FormulaView>,
}

/// How a field is computed.
struct FormulaView {
    /// The forms that there are.
    forms: Vec<Option3>,
    /// What each form asks for.
    inputs: Vec<FormulaInput>,
}

/// Something that a formula names.
struct FormulaInput {
    /// The form that asks for it.
    form: &'static str,
    /// Its key.
    key: &'static str,
    label: String,
    value: String,
}

impl RowView {
    fn has_wrong_part(&self) -> bool {
        self.parts.iter().any(|part| part.field.error.is_some())
    }
}

/// A part of a field's rows.
struct PartView {
    field: FieldForm,
    types: Vec<Option3>,
    targets: Vec<Option3>,
    options: bool,
    numbers: bool,
    links: bool,
}

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    done: String,
    #[serde(default)]
    show: String,
}

/// Where the text of a kind is shown alone.
const TEXT_PAGE: &str = "?show=text";

/// `GET /kinds`.
pub async fn page(desk: Desk) -> Result<Response, Error> {
    let mut kinds: Vec<_> = desk.reading.kinds().cloned().collect();
    kinds.sort_by_key(|kind| (place(kind), kind.name.clone()));
    let view = |kind: &std::sync::Arc<Kind>| KindView {
        href: format!("/kinds/{}", kind.name),
        list: format!("/records/{}", kind.name),
        label: desk.words.label(&kind.plural).to_owned(),
        name: kind.name.to_string(),
        fields: desk.words.count("kind.fields", kind.fields.iter().filter(|field| !field.hidden).count() as u64),
        own: Schema::builtin().kind(&kind.name).is_none(),
    };
    let frame = desk.frame(desk.words.say("menu.kinds"), "/kinds").await?;
    answer(StatusCode::OK, &KindsPage { frame, rows: kinds.iter().map(view).collect(), may: may(&desk) })
}

/// Whether the caller may define kinds.
fn may(desk: &Desk) -> bool {
    desk.reading.kind(KIND).is_ok_and(|kind| desk.reading.may_some(kind, Action::Create))
}

fn check(desk: &Desk) -> Result<(), Error> {
    let no = || Error::Forbidden(Text::new("Your role may not change kinds.", "您的角色无权修改对象定义。"));
    may(desk).then_some(()).ok_or_else(no)
}

/// `GET /kinds/new`.
pub async fn new(desk: Desk) -> Result<Response, Error> {
    check(&desk)?;
    show(&desk, None, KindForm::new(), Told::default()).await
}

/// `GET /kinds/{name}`.
pub async fn one(desk: Desk, Path(name): Path<String>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    check(&desk)?;
    let kind = desk.reading.kind(&name)?.clone();
    let notice = (asked.done == "saved").then(|| desk.words.say("kind.saved").to_owned());
    show(&desk, Some(&kind), KindForm::from(&kind), Told { notice, text_alone: asked.show == "text", ..Told::default() }).await
}

/// What a page says besides the form.
#[derive(Default)]
struct Told {
    notice: Option<String>,
    problem: Option<String>,
    preview: Option<Preview>,
    foreseen: Option<Foreseen>,
    text: Option<String>,
    text_alone: bool,
    spare: usize,
    sure: Option<bool>,
}

/// `POST /kinds/new`.
pub async fn make(desk: Desk, Form(posted): Posted) -> Result<Response, Error> {
    check(&desk)?;
    step(&desk, None, &Typed::new(posted)).await
}

/// `POST /kinds/{name}`.
pub async fn change(desk: Desk, Path(name): Path<String>, Form(posted): Posted) -> Result<Response, Error> {
    check(&desk)?;
    let kind = desk.reading.kind(&name)?.clone();
    step(&desk, Some(&kind), &Typed::new(posted)).await
}

/// One more field, a look at what it will be, or saving it.
async fn step(desk: &Desk, base: Option<&Kind>, typed: &Typed) -> Result<Response, Error> {
    if typed.one("step") == "text" {
        return save_text(desk, base, typed).await;
    }
    if !typed.is_whole() {
        let problem = Some(desk.words.say("form.not_whole").to_owned());
        return show(desk, base, base.map_or_else(KindForm::new, KindForm::from), Told { problem, ..Told::default() }).await;
    }
    let mut form = KindForm::typed(typed, base);
    if typed.one("step").starts_with("open.") {
        return show(desk, base, form, Told::default()).await;
    }
    let (adds_field, adds_part) = (typed.one("step") == "add", typed.one("step").starts_with("part."));
    if adds_field || adds_part {
        return show_more(desk, base, form, if adds_field { SPARE } else { 0 }).await;
    }
    let kind = match checked(desk, base, &mut form) {
        Ok(kind) => kind,
        Err(problem) => return show(desk, base, form, Told { problem: Some(problem), ..Told::default() }).await,
    };
    let is_preview = typed.one("step") == "preview";
    let twin = names::twin(desk.reading.schema(), base, &kind);
    let sure = twin.map(|_| typed.one("same_name") == "yes");
    if let (false, Some(other), Some(false)) = (is_preview, twin, sure) {
        let problem = Some(desk.words.fill("kind.same_label", &[desk.words.label(other)]));
        return show(desk, base, form, Told { problem, sure, ..Told::default() }).await;
    }
    let foreseen = if is_preview { Foreseen::of(desk, &kind).await? } else { Foreseen::unseen(desk, &kind, typed).await? };
    if is_preview || foreseen.is_some() {
        let preview = Some(Preview::of(desk, &kind)?);
        let notice = (!is_preview).then(|| desk.words.say("rights.look_first").to_owned());
        return show(desk, base, form, Told { notice, preview, foreseen, sure, ..Told::default() }).await;
    }
    match keep(desk, &kind).await? {
        Ok(()) => Ok(Redirect::to(&format!("/kinds/{}?done=saved", kind.name)).into_response()),
        Err(problem) => show(desk, base, form, Told { problem: Some(problem), ..Told::default() }).await,
    }
}

/// The form with a field more, or with the part more that a field of it wants: unless there are many new ones already.
async fn show_more(desk: &Desk, base: Option<&Kind>, mut form: KindForm, spare: usize) -> Result<Response, Error> {
    if form.new_count() < NEW_MAX {
        return show(desk, base, form, Told { spare, ..Told::default() }).await;
    }
    form.fields.iter_mut().for_each(|field| field.wants_part = false);
    let problem = Some(desk.words.fill("kind.save_first", &[&form.new_count().to_string()]));
    show(desk, base, form, Told { problem, ..Told::default() }).await
}

/// The kind of a form; or what is wrong with it, with what is wrong at each field in the form.
fn checked(desk: &Desk, base: Option<&Kind>, form: &mut KindForm) -> Result<Kind, String> {
    let say = |wrong: Wrong| {
        let key = match wrong {
            Wrong::NoLabel => "kind.no_label",
            Wrong::BadName => "kind.bad_name",
            Wrong::Twice => "kind.twice",
            Wrong::NoOptions => "kind.no_options",
            Wrong::NoSuchDefault => "kind.no_such_default",
            Wrong::NoBounds => "kind.no_bounds",
            Wrong::NoTargets => "kind.no_targets",
            Wrong::NotTogether => "kind.not_together",
            Wrong::NoParts => "kind.no_parts",
            Wrong::NotRows => "kind.not_rows",
            Wrong::NoRule => "kind.no_rule",
            Wrong::NoFormula => "formula.none",
            Wrong::FormulaLacks => "formula.lacks",
            Wrong::FormulaNames => "formula.names",
            Wrong::Exists => "kind.exists",
        };
        desk.words.say(key).to_owned()
    };
    form.check(base.is_none(), |name| desk.reading.schema().kind(name).is_some(), say)?;
    if form.fields.is_empty() {
        return Err(desk.words.say("kind.no_fields").to_owned());
    }
    let wrong_fields = || desk.words.say("kind.wrong_fields").to_owned();
    if form.has_errors() {
        return Err(wrong_fields());
    }
    let kind = form.kind(base).map_err(|(index, why)| match index {
        Some(index) => {
            form.fields[index].error = Some(why);
            wrong_fields()
        }
        None => why,
    })?;
    match desk.reading.schema().define("the form", &kind.to_toml()) {
        Ok(kind) => Ok(kind),
        Err(bad) => Err(place_errors(desk, form, &kind, &bad).unwrap_or_else(|| desk.words.label(&bad.words()).to_owned())),
    }
}

/// Puts what is wrong with a definition beside the fields that it is wrong with.
fn place_errors(desk: &Desk, form: &mut KindForm, kind: &Kind, bad: &BadDefinition) -> Option<String> {
    let mut placed = 0;
    match bad {
        BadDefinition::Unreadable(bad) => {
            // Fields stand in the text in their order: the one before the line is meant.
            let text = kind.to_toml();
            let before = text.lines().take(bad.line).filter(|line| line.trim() == "[[field]]").count();
            let field = form.fields.get_mut(before.checked_sub(1)?)?;
            field.error = Some(desk.words.label(&bad.words()).to_owned());
            placed += 1;
        }
        BadDefinition::NotAllowed(all) => {
            for wrong in all {
                let Some(field) = wrong.field().and_then(|path| form.field_at(path)) else { continue };
                field.error = Some(desk.words.0.of(&wrong.to_string(), &wrong.message_zh()).to_owned());
                placed += 1;
            }
        }
    }
    (placed > 0).then(|| desk.words.say("kind.wrong_fields").to_owned())
}

/// Saves a definition that was written as text.
async fn save_text(desk: &Desk, base: Option<&Kind>, typed: &Typed) -> Result<Response, Error> {
    let text = typed.raw("text");
    let again =
        |problem: Option<String>| Told { problem, text: Some(text.to_owned()), text_alone: text.len() > TEXT_BYTES, ..Told::default() };
    let form = base.map_or_else(KindForm::new, KindForm::from);
    match desk.reading.schema().define("the text", text) {
        Ok(kind) if base.is_some_and(|base| base.name != kind.name) => {
            show(desk, base, form, again(Some(desk.words.say("kind.exists").to_owned()))).await
        }
        Ok(kind) => {
            if let Some(foreseen) = Foreseen::unseen(desk, &kind, typed).await? {
                let notice = Some(desk.words.say("rights.look_first").to_owned());
                return show(desk, base, form, Told { notice, foreseen: Some(foreseen), ..again(None) }).await;
            }
            match keep(desk, &kind).await? {
                Ok(()) => Ok(Redirect::to(&format!("/kinds/{}?done=saved", kind.name)).into_response()),
                Err(problem) => show(desk, base, form, again(Some(problem))).await,
            }
        }
        Err(bad) => show(desk, base, form, again(Some(desk.words.label(&bad.words()).to_owned()))).await,
    }
}

/// The record that defines a kind, if it is not only built in.
async fn record_of(desk: &Desk, name: &str) -> Result<Option<Row>, Error> {
    let query = desk.reading.query(KIND, [("maxSize", &*OWN_MAX.to_string())])?;
    let rows = desk.reading.list(&List::of(query)).await?.rows;
    let defines = |row: &Row| {
        let text = row.fields.get("definition").and_then(serde_json::Value::as_str).unwrap_or_default();
        Kind::parse("record", text, Reading::Lenient).is_ok_and(|kind| *kind.name == *name)
    };
    Ok(rows.into_iter().find(defines))
}

/// Keeps a kind: as its record, made now or written again.
pub async fn keep(desk: &Desk, kind: &Kind) -> Result<Result<(), String>, Error> {
    let known = record_of(desk, &kind.name).await?;
    let version = known.as_ref().and_then(|row| row.fields.get("version")?.as_i64()).unwrap_or_default() + 1;
    let edits = vec![
        FieldEdit::set("name", &*kind.name),
        FieldEdit::set("label_en", &*kind.label.en),
        FieldEdit::set("label_zh", &*kind.label.zh),
        FieldEdit::set("definition", kind.to_toml()),
        FieldEdit::set("version", version),
    ];
    let written = match known {
        Some(row) => desk.writing().edit(KIND, row.id, edits).await,
        // Made twice at once, it is one record.
        None => {
            let cause = format!("kind {} of {} version {}", kind.name, desk.caller.workspace, desk.now);
            desk.writing().create(KIND, Some(RecordId::of_cause(&cause)), edits).await.map(|_| ())
        }
    };
    let about = desk.reading.kind(KIND)?.clone();
    Ok(why::written(desk, &about, written)?.map_err(|why| why.text))
}

async fn show(desk: &Desk, base: Option<&Kind>, form: KindForm, told: Told) -> Result<Response, Error> {
    let title = match base {
        Some(kind) => desk.words.label(&kind.plural).to_owned(),
        None => desk.words.say("kind.new").to_owned(),
    };
    let status = if told.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let mut shown = form.clone();
    for _ in 0..told.spare {
        shown.fields.push(FieldForm { listed: true, ..FieldForm::empty() });
    }
    for field in shown.fields.iter_mut().filter(|field| field.wants_part) {
        field.items.push(FieldForm::empty());
    }
    let is_light = weight(desk, &shown) <= OPEN_BYTES;
    let text = told.text.or_else(|| base.map(Kind::to_toml));
    let (effect, looked_at) = told.foreseen.map(|foreseen| (foreseen.effect, foreseen.says)).unzip();
    let page = KindPage {
        effect,
        looked_at,
        frame: desk.frame(&title, "/kinds").await?,
        action: base.map_or_else(|| "/kinds/new".to_owned(), |kind| format!("/kinds/{}", kind.name)),
        is_new: base.is_none(),
        notice: told.notice,
        problem: told.problem,
        sure: told.sure,
        rows: shown.fields.iter().enumerate().map(|(index, field)| row(desk, &shown, index, field, is_light)).collect(),
        picks: PickView::all(desk, &shown),
        preview: told.preview,
        list: base.map(|kind| format!("/records/{}", kind.name)),
        text_alone: told.text_alone,
        text_page: text.as_ref().filter(|text| text.len() > TEXT_BYTES && !told.text_alone).map(|_| TEXT_PAGE),
        text,
        colours: COLOURS.join(", "),
        labels: labels(desk, &shown),
        form: shown,
    };
    answer(status, &page)
}

/// About what the fields of a form weigh with all that is in them.
fn weight(desk: &Desk, form: &KindForm) -> usize {
    const FIELD: usize = 1_850;
    const PART: usize = 1_100;
    let target = 120 * desk.reading.kinds().count();
    let links = |field: &FieldForm| if field.value == "link" { target } else { 0 };
    let inside = |field: &FieldForm| links(field) + field.options.len() + field.rules.len();
    let parts = |field: &FieldForm| field.items.iter().map(|part| PART + inside(part)).sum::<usize>();
    form.fields.iter().map(|field| FIELD + inside(field) + parts(field)).sum()
}

fn row(desk: &Desk, form: &KindForm, index: usize, field: &FieldForm, is_light: bool) -> RowView {
    let (has_rows, is_few) = (!field.items.is_empty(), form.new_count() <= NEW_FEW);
    let is_shown = is_light || !field.known || field.opened || field.wants_part || field.is_wrong();
    if !is_shown && (has_rows || matches!(&*field.value, "choice" | "link")) {
        let closed = FieldForm { items: Vec::new(), options: String::new(), rules: String::new(), to: Vec::new(), ..field.clone() };
        let row = row(desk, form, index, &closed, true);
        return RowView { is_closed: true, options: false, numbers: false, links: false, may_have_rows: false, targets: Vec::new(), ..row };
    }
    let links = is_few && may_be(field, "link") || field.value == "link";
    RowView {
        is_closed: false,
        index,
        place: (index + 1) * 10,
        is_title: form.title == index,
        types: choose(desk, &TYPES, &field.value, field.known),
        merges: choose(desk, &MERGES, &field.merge, field.known),
        other: (!MERGES.iter().any(|(word, _)| *word == field.merge)).then(|| field.merge.clone()),
        facets: choose(desk, &FACETS, &field.facet, field.known),
        targets: if links { targets(desk, field) } else { Vec::new() },
        options: !has_rows && may_be(field, "choice"),
        numbers: !has_rows && may_be_number(field),
        links: !has_rows && links,
        may_have_rows: has_rows || !field.known,
        parts: field.items.iter().map(|item| part(desk, item, is_few)).collect(),
        formula: (!field.known || field.is_computed()).then(|| computed(desk, field)),
        field: field.clone(),
    }
}

fn computed(desk: &Desk, field: &FieldForm) -> FormulaView {
    let (say, chosen) = (|key: &'static str| desk.words.say(key).to_owned(), &*field.formula.form);
    let none = chosen.is_empty().then(|| (String::new(), say("form.nothing"), true));
    let forms = FORMULAS.map(|(word, label, _)| (word.to_owned(), say(label), word == chosen));
    let input = |form, (key, label): &Named| FormulaInput { form, key, label: say(label), value: field.formula.part(key).to_owned() };
    let several = FORMULAS.iter().filter(|(form, ..)| !formula::takes_a_choice(form));
    let inputs = several.flat_map(|(form, _, inputs)| inputs.iter().map(|each| input(*form, each)));
    // Most forms are of one choice: it is asked for once.
    let of = if formula::takes_a_choice(chosen) { field.formula.part(chosen).to_owned() } else { String::new() };
    let choice = FormulaInput { form: CHOICE, key: CHOICE, label: say("formula.choice"), value: of };
    FormulaView { forms: none.into_iter().chain(forms).collect(), inputs: std::iter::once(choice).chain(inputs).collect() }
}

/// What the fields of a form and the parts of their rows are called.
fn labels(desk: &Desk, form: &KindForm) -> Vec<String> {
    // Only what is computed asks for them.
    let is_asked = form.fields.iter().any(|field| !field.known || field.is_computed());
    let all = form.fields.iter().filter(|_| is_asked).flat_map(|field| std::iter::once(field).chain(&field.items));
    let mut labels: Vec<String> = all.map(|field| preview::label_of(desk, field)).filter(|label| !label.is_empty()).collect();
    labels.sort();
    labels.dedup();
    labels
}

fn part(desk: &Desk, item: &FieldForm, is_few: bool) -> PartView {
    let (options, links) = (may_be(item, "choice"), is_few && may_be(item, "link") || item.value == "link");
    let types = choose(desk, &TYPES, &item.value, item.known);
    let targets = if links { targets(desk, item) } else { Vec::new() };
    PartView { types, targets, options, numbers: may_be_number(item), links, field: item.clone() }
}

fn may_be_number(field: &FieldForm) -> bool {
    let is_written = !matches!(&*field.merge, "counter" | "assigned" | "derived");
    is_written && (may_be(field, "number") || may_be(field, "integer"))
}

/// Whether a field is of a type, or may come to be.
fn may_be(field: &FieldForm, value: &str) -> bool {
    !field.known || field.value == value
}

/// What cannot change any more is no choice: a kind has dozens of fields and parts, and its page would be all options.
fn choose(desk: &Desk, words: &[(&'static str, &'static str)], chosen: &str, is_fixed: bool) -> Vec<Option3> {
    let offered = words.iter().filter(|(word, _)| !is_fixed || *word == chosen);
    offered.map(|(word, key)| ((*word).to_owned(), desk.words.say(key).to_owned(), *word == chosen)).collect()
}

/// The kinds that a link may lead to.
fn targets(desk: &Desk, field: &FieldForm) -> Vec<Option3> {
    let mut kinds: Vec<_> = desk.reading.kinds().collect();
    kinds.sort_by_key(|kind| place(kind));
    let target = |kind: &std::sync::Arc<Kind>| {
        (kind.name.to_string(), desk.words.label(&kind.label).to_owned(), field.to.iter().any(|to| **to == *kind.name))
    };
    kinds.into_iter().map(target).collect()
}

/// The types, as the words of kind files and as people call them.
const TYPES: [(&str, &str); 16] = [
    ("string", "type.string"),
    ("paragraph", "type.paragraph"),
    ("integer", "type.integer"),
    ("number", "type.number"),
    ("boolean", "type.boolean"),
    ("date", "type.date"),
    ("datetime", "type.datetime"),
    ("choice", "type.choice"),
    ("link", "type.link"),
    ("phone", "type.phone"),
    ("email", "type.email"),
    ("url", "type.url"),
    ("money", "type.money"),
    ("address", "type.address"),
    ("period", "type.period"),
    ("geo", "type.geo"),
];

/// The policies that a form offers.
const MERGES: [(&str, &str); 9] = [
    ("register", "merge.register"),
    ("visible", "merge.visible"),
    ("set", "merge.set"),
    ("list", "merge.list"),
    ("log", "merge.log"),
    ("text", "merge.text"),
    ("monotone", "merge.monotone"),
    ("counter", "merge.counter"),
    ("derived", "merge.derived"),
];

const FACETS: [(&str, &str); 3] = [("main", "merge.everybody"), ("commercial", "facet.commercial"), ("private", "facet.private")];

#[cfg(test)]
mod tests {
    use sync_core::schema::{Merge, ValueType};

    use super::*;

    #[test]
    fn every_type_can_be_chosen_and_every_policy_that_is_offered_is_one() {
        let types: Vec<&str> = ValueType::KNOWN.iter().map(ValueType::as_str).collect();
        assert_eq!(TYPES.map(|(word, _)| word).to_vec(), types);
        for (word, _) in MERGES {
            assert!(Merge::KNOWN.contains(&Merge::of_word(word)), "{word}");
        }
    }
}

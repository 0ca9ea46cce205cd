//! A record's page: its fields, who made them, where people disagree, what links to it.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use sync_core::access::{self, Action, Right};
use sync_core::id::{Facet, RecordId};
use sync_core::schema::{Field, Kind};

use super::collisions::{self, CollisionView};
use super::conditions;
use super::desk::{Desk, Frame, page as answer};
use super::disputes::{Dispute, dispute};
use super::duplicates::{self, Around};
use super::files::FilesView;
use super::format::{self, Formatter, Shown};
use super::gaps::{self, Note};
use super::inputs::{Candidates, Input, Inputs, filled};
use super::linked::{self, LinkGroup, WaitingView};
use super::links;
use super::list::title_of;
use super::made::{Made, makers};
use super::packages;
use super::portrait;
use super::stays::{self, Stay};
use super::timeline::{self, Said, TimelineView};
use super::typed::{NEW_ROW, Typed, name_of};
use crate::error::Error;
use crate::intake::never_archived;
use crate::place::Path;
use crate::reading::{Entry, KeyAccount, Linked, Names, RecordView, Row};

/// What is being edited on the page, and what went wrong with it.
#[derive(Debug, Default)]
pub struct Editing {
    /// The field, or the path of a disagreement.
    pub place: String,
    /// Whether a disagreement is being settled there: its field is not opened for that.
    pub deciding: bool,
    /// What was typed, if it was not taken.
    pub typed: Option<Typed>,
    /// Why.
    pub error: Option<String>,
    /// Whether nothing is wrong: it waits for somebody who may approve it.
    pub held: bool,
    /// A comment that was not taken.
    pub said: Option<Said>,
    /// What a search control may mean.
    pub matches: Vec<(String, Vec<(String, String)>)>,
    /// One kind of the timeline's events.
    pub only: Box<str>,
    /// Which events of the timeline: how many, after how many newer ones.
    pub events: (u32, u32),
}

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    edit: String,
    #[serde(default)]
    done: String,
    /// Fields that were not taken back: somebody has changed them since.
    #[serde(default)]
    changed: String,
    /// Fields that were not taken back: they never go back.
    #[serde(default)]
    fixed: String,
    /// One kind of the timeline's events.
    #[serde(default)]
    only: Box<str>,
    /// How many events.
    #[serde(default)]
    events: u32,
    /// After how many newer ones.
    #[serde(default)]
    older: u32,
}

#[derive(Template)]
#[template(path = "record.html")]
struct RecordPage {
    frame: Frame,
    head: Head,
    notice: Option<String>,
    problem: Option<String>,
    /// Whether it answers a form, under an address that only forms are sent to.
    is_answer: bool,
    account: Option<AccountView>,
    /// What of it waits for a decision, and what it lacks.
    notes: Vec<Note>,
    /// What shows of it by what links to it.
    portrait: Vec<portrait::LineView>,
    /// What is in the packages that it sells.
    packages: Vec<packages::PackageView>,
    /// How long it was in which state.
    stays: Vec<Stay>,
    sections: Vec<Section>,
    collisions: Vec<CollisionView>,
    around: Around,
    links: Vec<LinkGroup>,
    waiting: Vec<WaitingView>,
    /// Whether the desk has more of them.
    more_wait: bool,
    files: FilesView,
    timeline: TimelineView,
    created: Shown,
    updated: Shown,
}

/// The top of every page about one record.
pub struct Head {
    /// The kind's name.
    pub kind: String,
    /// One of it.
    pub kind_label: String,
    /// Many of it.
    pub plural: String,
    /// The record.
    pub id: String,
    /// What names it.
    pub title: String,
    /// How many disagreements there are, in words.
    pub conflicts: Option<String>,
    /// Whether it is archived.
    pub archived: bool,
    /// Whether the caller may archive some records of the kind.
    pub may_archive: bool,
    /// Whether it is archived, and the caller may bring some back.
    pub may_restore: bool,
    /// Whether the caller may see everything about it and erase it.
    pub may_erase: bool,
    /// Whether another one stands for it.
    pub merged: bool,
    /// Whether the caller may say that another one is the same.
    pub may_merge: bool,
    /// Whether the caller follows it; none for what is not followed.
    pub followed: Option<bool>,
    /// `page`, `history` or `archive`.
    pub tab: &'static str,
}

/// The key account that a record is or belongs to.
struct AccountView {
    /// What makes it one: `Key customer`.
    what: String,
    /// The account, on pages of what belongs to it.
    account: Option<Address>,
    /// Who answers for it, and what that is called.
    label: String,
    manager: Address,
    /// What waits for their word, if the reader's edits may.
    waits: Option<String>,
}

/// A record by name.
struct Address {
    href: String,
    title: String,
}

struct Section {
    label: Option<&'static str>,
    fields: Vec<FieldView>,
    empty: Vec<Missing>,
}

struct Missing {
    label: String,
    href: String,
}

struct FieldView {
    name: String,
    /// Tells the script whether what somebody is editing was changed elsewhere.
    version: String,
    label: String,
    shown: Shown,
    made: Option<Made>,
    edit: Option<String>,
    disputes: Vec<Dispute>,
    form: Option<FieldForm>,
}

struct FieldForm {
    action: String,
    input: Input,
    seen: String,
    error: Option<String>,
    cancel: String,
}

/// `GET /records/{kind}/{id}`.
pub async fn page(desk: Desk, Path((kind, id)): Path<(String, RecordId)>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let editing = Editing { place: asked.edit, only: asked.only, events: (asked.events, asked.older), ..Editing::default() };
    if asked.done == "undone" && !(asked.changed.is_empty() && asked.fixed.is_empty()) {
        let stays = timeline::staying(&desk, desk.reading.kind(&kind)?, &asked.changed, &asked.fixed);
        let notice = desk.words.fill("record.undone_partly", &[&stays]);
        return show(&desk, &kind, id, editing, Some(&notice)).await;
    }
    let notice = match &*asked.done {
        "made" => Some(desk.words.say("record.made")),
        "decided" => Some(desk.words.say("record.decided")),
        "file" => Some(desk.words.say("file.kept")),
        "archived" => Some(desk.words.say("record.was_archived")),
        "restored" => Some(desk.words.say("record.was_restored")),
        "undone" => Some(desk.words.say("record.undone")),
        "merged" => Some(desk.words.say("duplicate.merged")),
        "parted" => Some(desk.words.say("duplicate.parted")),
        "held" => Some(desk.words.say("record.held")),
        _ => None,
    };
    show(&desk, &kind, id, editing, notice).await
}

/// The record, if it is there, of this kind, and in sight.
pub async fn view(desk: &Desk, kind: &str, id: RecordId) -> Result<RecordView, Error> {
    let view = desk.reading.record(id).await?;
    view.filter(|view| &*view.row.kind == kind).ok_or(Error::NotFound)
}

/// Shows a record; with a form that was not taken, as an error.
pub async fn show(desk: &Desk, kind: &str, id: RecordId, editing: Editing, notice: Option<&str>) -> Result<Response, Error> {
    let kind = desk.reading.kind(kind)?.clone();
    let view = view(desk, &kind.name, id).await?;
    let mut head = head(desk, &kind, &view, "page");
    let status = if editing.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let history = desk.reading.history(id).await?.map(|history| history.entries).unwrap_or_default();
    let here = format!("/records/{}", kind.name);
    // Each waits for the database by itself: they wait together.
    let (sections, around, followed, waiting, notes, account, portrait, packages, collisions, links, timeline, frame) = tokio::try_join!(
        sections(desk, &kind, &view, &editing, &history),
        Around::of(desk, &kind, &view.row),
        is_followed(desk, &kind, id),
        linked::waiting(desk, id),
        notes(desk, &kind, &view.row),
        account(desk, id),
        portrait::of(desk, &kind, &view.row),
        packages::of(desk, &kind, &view.row),
        collisions::of_record(desk, &view),
        linked::groups(desk, &view),
        timeline::of(desk, &kind, (id, view.row.archived), &history, &editing),
        desk.frame(&head.title, &here),
    )?;
    head.followed = followed;
    head.merged = around.survivor.is_some();
    head.may_merge = !head.merged && !head.archived && duplicates::may_merge(desk, &kind);
    // Of a field that is fixed meanwhile there is no form any more.
    let is_told_at_field = view.has_place(&kind, &editing) && (editing.deciding || view.disputes(&editing.place) || has_form(&sections));
    let is_told = is_told_at_field || timeline.comment.as_ref().is_some_and(|comment| comment.error.is_some());
    let (waiting, more_wait) = waiting;
    let page = RecordPage {
        frame,
        notice: notice.map(str::to_owned),
        // An error that belongs to no field on the page stands on top.
        problem: editing.error.clone().filter(|_| !is_told),
        is_answer: editing.error.is_some() || editing.typed.is_some(),
        sections,
        account,
        notes,
        stays: stays::of(desk, &kind, &view.row, &history),
        portrait,
        packages,
        collisions,
        around,
        files: FilesView::of(desk, &kind, &view),
        links,
        waiting,
        more_wait,
        timeline,
        created: format::moment(view.row.created_at),
        updated: format::moment(view.row.updated_at),
        head,
    };
    answer(status, &page)
}

/// Whether the caller follows a record; none of what nobody follows.
async fn is_followed(desk: &Desk, kind: &Kind, id: RecordId) -> Result<Option<bool>, Error> {
    match desk.reading.may_follow(kind) {
        true => Ok(Some(!desk.reading.follows_of(id).await?.is_empty())),
        false => Ok(None),
    }
}

/// What is to be said on top of a record: which edits wait for a word, what it lacks.
async fn notes(desk: &Desk, kind: &Kind, row: &Row) -> Result<Vec<Note>, Error> {
    let (undecided, lacks) = tokio::try_join!(linked::undecided(desk, kind, row.id), gaps::of_record(desk, kind, row))?;
    Ok(undecided.into_iter().chain(lacks).collect())
}

/// The key account that a record is or belongs to, for everybody who works with it.
async fn account(desk: &Desk, record: RecordId) -> Result<Option<AccountView>, Error> {
    let Some(KeyAccount { account, manager }) = desk.reading.key_account(record).await? else { return Ok(None) };
    let kind = desk.reading.kind(&account.kind)?;
    let Some((key, answers)) = kind.sharing.key_account() else { return Ok(None) };
    let label = |name: &str| kind.field(name).map_or_else(String::new, |field| desk.words.label(&field.label).to_owned());
    let address = |linked: Linked| Address { href: format!("/records/{}/{}", linked.kind, linked.id), title: linked.title };
    let is_other = manager.id != RecordId(desk.caller.user.0);
    let limited: Vec<&str> = desk.reading.asks_managers().filter(|_| is_other).map(|kind| desk.words.label(&kind.plural)).collect();
    Ok(Some(AccountView {
        what: label(key),
        account: (account.id != record).then(|| address(account)),
        label: label(answers),
        manager: address(manager),
        waits: (!limited.is_empty()).then(|| desk.words.fill("record.asks_manager", &[&limited.join(", ")])),
    }))
}

/// Whether a field is open.
fn has_form(sections: &[Section]) -> bool {
    sections.iter().flat_map(|section| &section.fields).any(|field| field.form.is_some())
}

/// The fields of a record, by who reads them.
async fn sections(desk: &Desk, kind: &Kind, view: &RecordView, editing: &Editing, newest_first: &[Entry]) -> Result<Vec<Section>, Error> {
    let names = names(desk, kind, view, editing).await?;
    let candidates = candidates(desk, kind, view, editing).await?;
    let drawing = Drawing {
        desk,
        kind,
        view,
        format: desk.formatter(&names),
        inputs: Inputs { words: desk.words, names: &names, candidates: &candidates },
        makers: makers(desk, newest_first),
        editing,
    };
    Ok(drawing.sections())
}

/// The head of a page about a record.
pub fn head(desk: &Desk, kind: &Kind, view: &RecordView, tab: &'static str) -> Head {
    let (names, row) = (Names::new(), &view.row);
    Head {
        kind: kind.name.to_string(),
        kind_label: desk.words.label(&kind.label).to_owned(),
        plural: desk.words.label(&kind.plural).to_owned(),
        id: row.id.to_string(),
        title: title_of(&desk.formatter(&names), kind, row),
        conflicts: (row.conflicts > 0).then(|| desk.words.count("record.conflicts", row.conflicts)),
        archived: row.archived,
        may_erase: desk.may(Right::Purge),
        may_archive: !row.archived && desk.reading.may_some(kind, Action::Archive) && never_archived(&kind.name).is_none(),
        may_restore: row.archived && desk.reading.may_some(kind, Action::Archive),
        merged: false,
        may_merge: false,
        followed: None,
        tab,
    }
}

/// What the records are called that the page shows: linked ones, those in disagreements, those in a form.
async fn names(desk: &Desk, kind: &Kind, view: &RecordView, editing: &Editing) -> Result<Names, Error> {
    let linked = view.links.iter().flat_map(|links| &links.records);
    let mut names: Names = linked.map(|linked| (linked.id, linked.clone())).collect();
    let claims = view.disagreements.iter().flat_map(|dispute| &dispute.claims);
    let claimed = claims.filter_map(|claim| claim.value.as_str()?.parse().ok());
    names.extend(desk.reading.names_of(claimed.collect::<Vec<RecordId>>()).await?);
    if let Some(typed) = &editing.typed {
        names.extend(links::names_in(desk, kind, &[typed]).await?);
    }
    Ok(names)
}

async fn candidates(desk: &Desk, kind: &Kind, view: &RecordView, editing: &Editing) -> Result<Candidates, Error> {
    let edited = kind.fields.iter().filter(|field| *field.name == *editing.place || view.disputes(&field.name));
    let mut candidates = links::candidates(desk, edited).await?;
    candidates.matches = editing.matches.iter().cloned().collect();
    if let Some(field) = kind.field(&editing.place) {
        let present = filled(field, view.row.fields.get(&*field.name));
        let typed = editing.typed.as_ref().unwrap_or(&present);
        conditions::prepare(desk, kind, typed, &view.row.fields, &mut candidates).await?;
    }
    Ok(candidates)
}

impl RecordView {
    /// Whether people disagree at a place: a field, or a path.
    fn disputes(&self, place: &str) -> bool {
        self.disagreements.iter().any(|dispute| dispute.path == place || dispute.field == place)
    }

    /// Whether what is being edited stands on the page.
    fn has_place(&self, kind: &Kind, editing: &Editing) -> bool {
        match editing.deciding {
            true => self.disagreements.iter().any(|dispute| dispute.path == editing.place),
            false => kind.field(&editing.place).is_some() || self.disputes(&editing.place),
        }
    }
}

/// Draws the fields of one record.
pub struct Drawing<'a> {
    /// Who asks.
    pub desk: &'a Desk,
    /// The record's kind.
    pub kind: &'a Kind,
    /// The record.
    pub view: &'a RecordView,
    /// Shows values.
    pub format: Formatter<'a>,
    /// Draws controls.
    pub inputs: Inputs<'a>,
    /// Who wrote each field.
    pub makers: std::collections::HashMap<String, Made>,
    /// What is being edited.
    pub editing: &'a Editing,
}

impl Drawing<'_> {
    fn sections(&self) -> Vec<Section> {
        let mut sections: Vec<Section> = Facet::ALL.into_iter().map(|facet| self.section(facet)).collect();
        sections.retain(|section| !section.fields.is_empty() || !section.empty.is_empty());
        sections
    }

    fn section(&self, facet: Facet) -> Section {
        let label = match facet {
            Facet::Main => None,
            Facet::Commercial => Some(self.desk.words.say("facet.commercial")),
            Facet::Private => Some(self.desk.words.say("facet.private")),
        };
        let mut section = Section { label, fields: Vec::new(), empty: Vec::new() };
        let here = |field: &&Field| field.facet == facet && !field.hidden && self.desk.reading.may_read(self.kind, &field.name);
        for field in self.kind.fields.iter().filter(here) {
            let edit = self.edit_address(field);
            let is_shown = self.value(field).is_some() || self.editing.place == *field.name || self.view.disputes(&field.name);
            if is_shown {
                section.fields.push(self.field(field, edit));
            } else if let Some(href) = edit {
                section.empty.push(Missing { label: self.label(field), href });
            }
        }
        section
    }

    fn label(&self, field: &Field) -> String {
        self.format.words.label(&field.label).to_owned()
    }

    fn value(&self, field: &Field) -> Option<&Json> {
        self.view.row.fields.get(&*field.name).filter(|value| !value.is_null())
    }

    fn address(&self) -> String {
        format!("/records/{}/{}", self.kind.name, self.view.row.id)
    }

    /// Where the field's form is, if the caller may write it and it still may change.
    fn edit_address(&self, field: &Field) -> Option<String> {
        let is_frozen =
            field.frozen.as_ref().is_some_and(|frozen| frozen.holds(self.view.row.fields.get(&*frozen.field).and_then(Json::as_str)));
        let is_closed = self.view.row.archived && access::closes(&self.kind.name);
        let may = !is_closed && !is_frozen && self.desk.reading.may_write(self.kind, &field.name);
        let typeable = self.inputs.of(field, &Typed::default()).is_some();
        (may && typeable).then(|| format!("{}?edit={}#f-{}", self.address(), field.name, field.name))
    }

    fn field(&self, field: &Field, edit: Option<String>) -> FieldView {
        let disagreements = self.view.disagreements.iter().filter(|dispute| dispute.field == *field.name);
        FieldView {
            name: field.name.to_string(),
            version: fingerprint(self.value(field)),
            label: self.label(field),
            shown: self.value(field).map_or(Shown::Nothing, |value| self.format.field(field, value)),
            made: self.makers.get(&*field.name).cloned(),
            form: edit.as_ref().filter(|_| self.editing.place == *field.name && !self.editing.deciding).and_then(|_| self.form(field)),
            disputes: disagreements.map(|open| dispute(self, field, open)).collect(),
            edit,
        }
    }

    /// What stands in a field's form before anybody has typed: what is there, and what a new item begins with.
    fn begun(&self, field: &Field) -> Typed {
        let mut present = filled(field, self.value(field));
        for part in &field.items {
            let text = part.copies.as_ref().and_then(|name| self.view.row.fields.get(&**name)?.as_str());
            text.iter().for_each(|text| present.add(format!("{}.{NEW_ROW}.{}", name_of(field), part.name), *text));
        }
        present
    }

    fn form(&self, field: &Field) -> Option<FieldForm> {
        let present = self.begun(field);
        let input = self.inputs.of(field, self.editing.typed.as_ref().unwrap_or(&present))?;
        Some(FieldForm {
            action: format!("{}/fields/{}", self.address(), field.name),
            input,
            seen: fingerprint(self.value(field)),
            error: self.editing.error.clone(),
            cancel: format!("{}#f-{}", self.address(), field.name),
        })
    }
}

/// Tells two values of a field apart: a form says which one it was made with.
pub fn fingerprint(value: Option<&Json>) -> String {
    print(value).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As much of a hash as no two values of a field share by chance.
pub type Print = [u8; 6];

/// As [`fingerprint`], in bytes.
pub fn print(value: Option<&Json>) -> Print {
    let text = value.map(Json::to_string).unwrap_or_default();
    let mut print = Print::default();
    print.iter_mut().zip(Sha256::digest(text.as_bytes())).for_each(|(byte, hashed)| *byte = hashed);
    print
}

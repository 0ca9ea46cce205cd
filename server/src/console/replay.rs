//! A record change by change: what each did, how the record stood then, how long it had been in which stage, and what there was
//! about it. A slider goes from change to change.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use sync_core::id::{ChangeHash, Millis, RecordId};
use sync_core::schema::{Field, Kind};

use super::desk::{Desk, Frame, icon, page as answer};
use super::format::{self, Formatter, Shown};
use super::history::{EntryView, acts, entry_view, linked};
use super::list::title_of;
use super::record::{Head, head, view};
use super::stays::{self, Stay};
use crate::error::Error;
use crate::place::Path;
use crate::reading::{AsOf, Entry, Event};

/// Records about it that are named beside a step, those that were there last.
const NAMED: u32 = 40;

/// What the address asks for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Which change, from 1; the last one without.
    step: Option<usize>,
}

#[derive(Template)]
#[template(path = "replay.html")]
struct ReplayPage {
    frame: Frame,
    head: Head,
    step: usize,
    steps: usize,
    /// What the slider says of itself.
    said: String,
    at: String,
    entry: EntryView,
    stays: Vec<Stay>,
    fields: Vec<(String, Shown, bool)>,
    about: Vec<AboutView>,
    cut: bool,
}

/// A record that was there by then.
struct AboutView {
    icon: String,
    href: String,
    title: String,
    when: Shown,
}

/// `GET /records/{kind}/{id}/replay`.
pub async fn page(desk: Desk, Path((kind, id)): Path<(String, RecordId)>, Query(asked): Query<Asked>) -> Result<Response, Error> {
    let kind = desk.reading.kind(&kind)?.clone();
    let view = view(&desk, &kind.name, id).await?;
    let history = desk.reading.history(id).await?.ok_or(Error::NotFound)?;
    let acts = acts(&history.entries);
    let steps = acts.len();
    let step = asked.step.unwrap_or(steps).clamp(1, steps.max(1));
    // They come newest first.
    let (from, act) = steps.checked_sub(step).and_then(|from| Some((from, *acts.get(from)?))).ok_or(Error::NotFound)?;
    let earlier = &history.entries[acts[..from].iter().map(|act| act.len()).sum::<usize>()..];
    let until: Vec<ChangeHash> = earlier.iter().map(|entry| entry.change).collect();
    let then = desk.reading.as_after(id, &until).await?.ok_or(Error::NotFound)?;
    let names = desk.reading.names_of(linked(&kind, act, Some(&then))).await?;
    let format = desk.formatter(&names);
    let head = head(&desk, &kind, &view, "replay");
    let entry = entry_view(&desk, &format, &kind, act, earlier);
    let page = ReplayPage {
        frame: desk.frame(&head.title, &format!("/records/{}", kind.name)).await?,
        said: desk.words.fill("replay.said", &[&step.to_string(), &steps.to_string(), &entry.who]),
        at: desk.words.fill("replay.at", &[&step.to_string(), &steps.to_string()]),
        stays: stays::until(&desk, &kind, &then.fields, earlier, act[0].edit_time),
        fields: fields(&desk, &format, &kind, &then, act),
        about: about(&desk, id, act[0].edit_time).await?,
        cut: history.cut,
        step,
        steps,
        entry,
        head,
    };
    answer(StatusCode::OK, &page)
}

/// What the record said then, and whether this change said so.
fn fields(desk: &Desk, format: &Formatter<'_>, kind: &Kind, then: &AsOf, act: &[Entry]) -> Vec<(String, Shown, bool)> {
    let shown = |field: &Field| {
        let is_new = act.iter().any(|entry| *entry.field == *field.name);
        Some((desk.words.label(&field.label).to_owned(), format.field(field, then.fields.get(&*field.name)?), is_new))
    };
    kind.fields.iter().filter(|field| !field.hidden && desk.reading.may_read(kind, &field.name)).filter_map(shown).collect()
}

/// What linked to it by then, that which came last first.
async fn about(desk: &Desk, id: RecordId, until: Millis) -> Result<Vec<AboutView>, Error> {
    let timeline = desk.reading.timeline_until(id, until, NAMED).await?;
    let format = desk.formatter(&timeline.names);
    let view = |event: &Event, at: Millis| {
        let Event::Record(row) = event else { return None };
        let kind = desk.reading.kind(&row.kind).ok()?;
        let (href, title) = (format!("/records/{}/{}", row.kind, row.id), title_of(&format, kind, row));
        Some(AboutView { icon: icon(&row.kind).to_owned(), href, title, when: format::moment(at) })
    };
    Ok(timeline.events.iter().filter_map(|happened| view(&happened.event, happened.at)).collect())
}

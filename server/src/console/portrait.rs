//! What shows of a record, on its page: each line opens what it is made of.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use sync_core::actions::portrait::{Said, Shown as Part};
use sync_core::id::RecordId;
use sync_core::schema::{Field, Kind, Merge, Trait};

use super::desk::Desk;
use super::format::{self, Formatter, Shown};
use crate::error::Error;
use crate::reading::{Names, Row};

/// Records that a part of a line lists as its evidence.
const EVIDENCE: usize = 20;

/// A line of the portrait.
pub struct LineView {
    /// What it is about.
    pub label: String,
    /// Where it is written, of what people write by hand.
    pub edit: Option<String>,
    /// What it says, that which most records say first.
    pub parts: Vec<PartView>,
}

/// A part of a line.
pub struct PartView {
    /// What it says.
    pub said: Shown,
    /// How many records say so, in words.
    pub count: String,
    /// Those: address, what names them.
    pub evidence: Vec<(String, String)>,
    /// How many more there are.
    pub more: usize,
}

/// The portrait of a record.
pub async fn of(desk: &Desk, kind: &Kind, row: &Row) -> Result<Vec<LineView>, Error> {
    let (portrait, id) = (desk.reading.portrait(kind, row, desk.offset_minutes).await?, row.id);
    let mut ids: BTreeSet<RecordId> = BTreeSet::new();
    for part in portrait.iter().flat_map(|(_, parts)| parts) {
        ids.extend(part.evidence.iter().take(EVIDENCE));
        if let Said::Value(value) = &part.said {
            ids.extend(value.as_str().and_then(|id| id.parse::<RecordId>().ok()));
        }
    }
    let names = desk.reading.names_of(ids).await?;
    let view = |(line, parts): (Trait, Vec<Part>)| LineView {
        label: desk.words.label(&line.label).to_owned(),
        edit: line.from.is_none().then(|| format!("/records/{}/{id}?edit={}#f-{}", kind.name, line.of, line.of)),
        parts: parts.iter().filter_map(|part| part_view(desk, kind, &names, &line, part)).collect(),
    };
    Ok(portrait.into_iter().map(view).filter(|line| !line.parts.is_empty()).collect())
}

fn part_view(desk: &Desk, kind: &Kind, names: &Names, line: &Trait, part: &Part) -> Option<PartView> {
    let from = line.from.as_ref().map_or(Some(kind), |from| desk.reading.kind(&from.kind).ok().map(|kind| &**kind))?;
    let field = line.field(from)?;
    let format = desk.formatter(names);
    let said = match &part.said {
        Said::Value(value) => element(&format, field, value),
        Said::Hours(from, to) => Shown::Text(format!("{from:02}:00 – {to:02}:00")),
        Said::Band(low, high) if low == high => format.field(field, low),
        Said::Band(low, high) => Shown::Text(format!("{} – {}", format.field(field, low).text(), format.field(field, high).text())),
    };
    let name = |id: &RecordId| {
        let named = names.get(id).map(|linked| linked.title.clone()).filter(|title| !title.is_empty());
        (format!("/records/{}/{id}", from.name), named.unwrap_or_else(|| format::short(&id.to_string())))
    };
    Some(PartView {
        said,
        count: format!("{} {}", part.evidence.len(), desk.words.inside(if part.evidence.len() == 1 { &from.label } else { &from.plural })),
        evidence: part.evidence.iter().take(EVIDENCE).map(name).collect(),
        more: part.evidence.len().saturating_sub(EVIDENCE),
    })
}

/// A value, one element of what has several.
fn element(format: &Formatter<'_>, field: &Field, value: &Json) -> Shown {
    if field.merge == Merge::Set { format.scalar(field, value) } else { format.field(field, value) }
}

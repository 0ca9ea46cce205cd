//! Where the columns of a file go: as somebody chose, as it looks, and what an import makes of it.

use sync_core::schema::Kind;

use crate::console::desk::Desk;
use crate::console::typed::Typed;
use crate::jobs::import::{self, Mode, Preset, Spec};
use crate::jobs::upload::{Mapping, Upload};

/// What was chosen for a file: a mapping without a name.
pub(super) fn chosen(typed: &Typed, header: &[String]) -> Mapping {
    let column = |(index, head): (usize, &String)| (head.clone(), typed.one(&format!("to.{index}")).to_owned());
    Mapping {
        name: String::new(),
        columns: header.iter().enumerate().map(column).collect(),
        mode: typed.one("mode").to_owned(),
        matches: typed.all("match").into_iter().map(str::to_owned).collect(),
        currency: typed.one("currency").to_ascii_uppercase(),
        title: typed.one("set").to_owned(),
        sets: sets(typed),
        preset: typed.one("preset").to_owned(),
        attach: typed.has("attach"),
        by: None,
    }
}

/// Values for all records of a file: each line of the form has a list of all fields, some 10 KB.
const SETS_MAX: usize = 12;

/// What every record gets where the file says nothing: targets with their texts.
fn sets(typed: &Typed) -> Vec<(String, String)> {
    let set = |at: usize| (typed.one(&format!("every.{at}.to")).to_owned(), typed.one(&format!("every.{at}.value")).trim().to_owned());
    let sent = (0..SETS_MAX).take_while(|at| typed.has(&format!("every.{at}.to"))).map(set);
    sent.filter(|(target, text)| !target.is_empty() && !text.is_empty()).collect()
}

/// A target whose field the caller may write; not every role may write birthdays.
fn allowed(desk: &Desk, kind: &Kind, target: String) -> String {
    let field = target.split(['.', ':', '[']).next().unwrap_or_default();
    if kind.field(field).is_some_and(|field| !desk.reading.may_write(kind, &field.name)) { String::new() } else { target }
}

/// Of several columns of an export that say the same, such as a company by number and by name, the first one is taken. Of
/// rows there may be several.
fn each_once(kind: &Kind, mut columns: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut taken: Vec<String> = Vec::new();
    for (_, target) in &mut columns {
        let field = target.split([':', '|']).next().unwrap_or_default().to_owned();
        let has_rows = kind.field(field.split(['.', '[']).next().unwrap_or_default()).is_some_and(|field| !field.items.is_empty());
        if !has_rows && taken.contains(&field) {
            target.clear();
        }
        taken.push(field);
    }
    columns
}

/// As remembered from last time, or else as it looks.
pub(super) fn guessed(desk: &Desk, upload: &Upload, kind: &std::sync::Arc<Kind>, header: &[String], samples: &[Vec<String>]) -> Mapping {
    let remembered = desk.app.uploads.remembered(upload, header);
    let (targets, sets) = import::suggest(desk.reading.schema(), kind, header, samples);
    let preset = Preset::of(&kind.name, header);
    let columns = match preset {
        _ if !remembered.is_empty() => remembered,
        Some(preset) => each_once(kind, header.iter().map(|column| (column.clone(), allowed(desk, kind, preset.target(column)))).collect()),
        None => header.iter().cloned().zip(targets).collect(),
    };
    let sets = preset.map_or(sets, |preset| preset.set.clone().into_iter().collect());
    let set = sets.into_iter().find(|(target, _)| *target == *kind.title).map(|(_, text)| text).unwrap_or_default();
    // Two cards with one address are two people.
    let is_card = header.iter().any(|head| head == import::CARD_COLUMN);
    let is_named = |name: &str| kind.matches.iter().any(|field| **field == *name);
    let has = |name: &str| columns.iter().any(|(_, target)| target == name) && (is_named(name) || !is_card);
    let matches = import::usual_matches(kind, &has);
    let preset = preset.map(|preset| preset.name.clone()).unwrap_or_default();
    Mapping {
        matches,
        columns,
        mode: "both".to_owned(),
        currency: "CNY".to_owned(),
        title: set,
        sets: Vec::new(),
        preset,
        attach: true,
        name: String::new(),
        by: None,
    }
}

/// How a file goes in by a mapping.
pub(super) fn spec(mapping: &Mapping, desk: &Desk, kind: &Kind, upload: &Upload, is_dry_run: bool) -> Spec {
    let mut spec = Spec::new(kind.name.clone());
    for (_, target) in &mapping.columns {
        // One that names its row is in the currency of all rows.
        let money = import::without_row(target.strip_suffix(".amount").unwrap_or(target));
        let currency = format!("{money}.currency");
        if import::is_money(kind, &money) && !mapping.columns.iter().any(|(_, other)| *other == currency) {
            spec = spec.set(&currency, &mapping.currency);
        }
    }
    spec.told.places = mapping.columns.iter().map(|(_, target)| target.clone()).collect();
    if !mapping.title.is_empty() {
        spec = spec.set(&kind.title, &mapping.title);
    }
    let preset = Preset::named(&mapping.preset);
    let words = preset.into_iter().flat_map(Preset::words);
    spec.told.words = words.map(|(target, word, meant)| (target.to_owned(), word.to_owned(), meant.to_owned())).collect();
    let of_preset = preset.into_iter().flat_map(|preset| &preset.set).filter(|(target, _)| **target != *kind.title);
    let is_chosen = |target: &str| mapping.sets.iter().any(|(known, _)| known == target);
    for (target, text) in mapping.sets.iter().map(|(target, text)| (target, text)).chain(of_preset.filter(|(target, _)| !is_chosen(target)))
    {
        spec = spec.set(target, text);
    }
    spec.attach = mapping.attach;
    spec.told.skip_others = true;
    spec.mode = match &*mapping.mode {
        "create" => Mode::Create,
        "update" => Mode::Update,
        _ => Mode::Both,
    };
    spec.matches = Some(mapping.matches.clone());
    spec.is_dry_run = is_dry_run;
    spec.failed_beside = (!is_dry_run).then(|| upload.failed_beside());
    spec.language = desk.words.0;
    spec.zone = desk.zone();
    spec
}

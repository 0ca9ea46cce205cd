//! A set-up as one file: kinds, views and rules, taken out of one workspace and put into another.

use askama::Template;
use axum::Form;
use axum::extract::{Query, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sync_core::id::RecordId;
use sync_core::schema::{Kind, Label, Reading, Schema, ValueType};

use super::{check, keep};
use crate::api::edits_of;
use crate::body;
use crate::console::desk::{Desk, Frame, page as answer, place};
use crate::console::edit::Posted;
use crate::console::typed::Typed;
use crate::error::Error;
use crate::reading::List;
use crate::writing::WriteError;

/// The set-ups that come with the product.
const SHIPPED: [(&str, &str); 3] = [
    ("car_dealer", include_str!("../../../blueprints/car_dealer.toml")),
    ("insurance", include_str!("../../../blueprints/insurance.toml")),
    ("sales_process", include_str!("../../../blueprints/sales_process.toml")),
];

/// The kinds whose records travel with the kinds that they are about.
const BESIDE: [&str; 2] = ["view", "rule"];

/// Views and rules of one kind: more are somebody's own.
const BESIDE_MAX: &str = "200";

/// One file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Blueprint {
    /// What it is for.
    about: Label,
    /// Kind files.
    #[serde(default)]
    kind: Vec<Definition>,
    /// Records of the kind `view`.
    #[serde(default)]
    view: Vec<Map<String, Json>>,
    /// Records of the kind `rule`.
    #[serde(default)]
    rule: Vec<Map<String, Json>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    definition: String,
}

#[derive(Template)]
#[template(path = "blueprints.html")]
struct BlueprintsPage {
    frame: Frame,
    notice: Option<String>,
    problem: Option<String>,
    /// Name, label, kinds in it.
    shipped: Vec<(&'static str, String, String)>,
    /// Kinds that can be taken out.
    kinds: Vec<(String, String)>,
}

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    done: Option<u64>,
}

/// `GET /kinds/template`.
pub async fn page(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Error> {
    check(&desk)?;
    let notice = asked.done.map(|count| desk.words.count("blueprint.done", count));
    show(&desk, notice, None).await
}

async fn show(desk: &Desk, notice: Option<String>, problem: Option<String>) -> Result<Response, Error> {
    let shipped = SHIPPED.iter().filter_map(|(name, text)| {
        let blueprint = read(text).ok()?;
        let kinds = blueprint.kind.iter().filter_map(|kind| Kind::parse(name, &kind.definition, Reading::Lenient).ok());
        let labels: Vec<String> = kinds.map(|kind| desk.words.label(&kind.plural).to_owned()).collect();
        Some((*name, desk.words.label(&blueprint.about).to_owned(), labels.join(", ")))
    });
    let mut own: Vec<&Kind> = desk.reading.kinds().map(|kind| &**kind).filter(|kind| is_own(kind)).collect();
    own.sort_by_key(|kind| place(kind));
    let page = BlueprintsPage {
        frame: desk.frame(desk.words.say("kind.template"), "/kinds").await?,
        shipped: shipped.collect(),
        kinds: own.iter().map(|kind| (kind.name.to_string(), desk.words.label(&kind.plural).to_owned())).collect(),
        notice,
        problem,
    };
    answer(if page.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &page)
}

/// Whether a workspace has made a kind, or added to it.
fn is_own(kind: &Kind) -> bool {
    Schema::builtin()
        .kind(&kind.name)
        .is_none_or(|base| base.fields.len() != kind.fields.len() || base.label != kind.label || base.list != kind.list)
}

fn read(text: &str) -> Result<Blueprint, Label> {
    toml::from_str(text).map_err(|error| unreadable(text, error.message(), error.span().map_or(0, |span| span.start)))
}

/// What is wrong with a file, and in which line.
fn unreadable(text: &str, said: &str, at: usize) -> Label {
    let line = 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let (name, (en, zh)) = body::in_words(String::new(), said);
    let is_known = !en.ends_with(said);
    let (subject, subject_zh) =
        if name.is_empty() { ("the value".to_owned(), "该值".to_owned()) } else { (format!("`{name}`"), format!("“{name}”")) };
    if is_known {
        return Label { en: format!("Line {line}: {subject} {en}."), zh: format!("第 {line} 行：{subject_zh}{zh}。") };
    }
    // What TOML would have there stands behind the last comma, in its own signs.
    let signs = said.rsplit_once("expected ").map(|(_, signs)| signs).filter(|signs| signs.contains('`'));
    let signs: Vec<&str> = signs.map(|signs| signs.split('`').skip(1).step_by(2).collect()).unwrap_or_default();
    let wanted = if signs.is_empty() { String::new() } else { format!("，此处应为 {}", signs.join("、")) };
    Label { en: format!("Line {line} is no TOML: {said}."), zh: format!("第 {line} 行不是有效的 TOML{wanted}。") }
}

/// `POST /kinds/template`: a file or one that comes with the product, put into this workspace.
pub async fn put(desk: Desk, request: Request) -> Result<Response, Error> {
    check(&desk)?;
    let text = crate::console::imports::posted_file(request).await?;
    let text = match SHIPPED.iter().find(|(name, _)| *name == text.trim()) {
        Some((_, shipped)) => (*shipped).to_owned(),
        None => text,
    };
    let put = match read(&text) {
        Ok(blueprint) => apply(&desk, blueprint).await?,
        Err(why) => Err(desk.words.label(&why).to_owned()),
    };
    match put {
        Ok(count) => Ok(Redirect::to(&format!("/kinds/template?done={count}")).into_response()),
        Err(problem) => show(&desk, None, Some(problem)).await,
    }
}

/// Puts kinds in first: views and rules name them. Answers how many things there are now that were not.
async fn apply(desk: &Desk, blueprint: Blueprint) -> Result<Result<u64, String>, Error> {
    let mut count = 0;
    for Definition { definition } in &blueprint.kind {
        // Each is decided with those before it: they may link to each other.
        let schema = desk.app.intake.rules(desk.caller.workspace).schema;
        let kind = match schema.define("template", definition) {
            Ok(kind) => kind,
            Err(bad) => return Ok(Err(desk.words.label(&bad.words()).to_owned())),
        };
        if let Err(why) = keep(desk, &kind).await? {
            return Ok(Err(why));
        }
        count += 1;
    }
    for (name, records) in BESIDE.into_iter().zip([blueprint.view, blueprint.rule]) {
        let kind = desk.reading.kind(name)?.clone();
        for fields in records {
            // The same file put in twice makes nothing twice.
            let cause = format!("template {name} of {} {}", desk.caller.workspace, Json::Object(fields.clone()));
            let new_id = || RecordId::new(desk.now, crate::auth::secret::random()).to_string();
            let edits = match edits_of(&kind, fields, new_id) {
                Ok(edits) => edits,
                Err(bad) => return Ok(Err(desk.words.0.of(&bad.to_string(), &bad.message_zh()).to_owned())),
            };
            match desk.writing().create(name, Some(RecordId::of_cause(&cause)), edits).await {
                Ok(_) => count += 1,
                Err(WriteError::Exists(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(Ok(count))
}

/// `POST /kinds/template/file`: some kinds with their views and rules, as one file.
pub async fn take(desk: Desk, Form(posted): Posted) -> Result<Response, Error> {
    check(&desk)?;
    let typed = Typed::new(posted);
    let kinds: Vec<&Kind> = desk.reading.kinds().map(|kind| &**kind).filter(|kind| typed.all("kind").contains(&&*kind.name)).collect();
    if kinds.is_empty() {
        return show(&desk, None, Some(desk.words.say("blueprint.none_chosen").to_owned())).await;
    }
    let about = Label {
        en: kinds.iter().map(|kind| &*kind.label.en).collect::<Vec<_>>().join(", "),
        zh: kinds.iter().map(|kind| &*kind.label.zh).collect::<Vec<_>>().join("、"),
    };
    let kind = in_order(&kinds).into_iter().map(|kind| Definition { definition: kind.to_toml() }).collect();
    let blueprint = Blueprint { about, kind, view: beside(&desk, "view", &kinds).await?, rule: beside(&desk, "rule", &kinds).await? };
    let text = toml::to_string_pretty(&blueprint).map_err(|error| Error::Internal(error.into()))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/toml; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"template.toml\"")),
    ];
    Ok((headers, text).into_response())
}

/// Kinds that others link to come first.
fn in_order<'k>(kinds: &[&'k Kind]) -> Vec<&'k Kind> {
    let mut left: Vec<&Kind> = kinds.to_vec();
    let mut ordered: Vec<&Kind> = Vec::new();
    while !left.is_empty() {
        let waits = |kind: &Kind| {
            kind.fields.iter().flat_map(|field| &field.to).any(|to| *to != kind.name && left.iter().any(|other| other.name == *to))
        };
        let next = left.iter().position(|kind| !waits(kind)).unwrap_or_default();
        ordered.push(left.remove(next));
    }
    ordered
}

/// The records of a kind that are about some kinds, without what names people or records.
async fn beside(desk: &Desk, name: &str, kinds: &[&Kind]) -> Result<Vec<Map<String, Json>>, Error> {
    let Ok(kind) = desk.reading.kind(name).cloned() else { return Ok(Vec::new()) };
    let query = desk.reading.query(name, [("maxSize", BESIDE_MAX)])?;
    let mut rows = desk.reading.list(&List::of(query)).await?.rows;
    rows.retain(|row| kinds.iter().any(|kind| row.fields.get("about").and_then(Json::as_str) == Some(&*kind.name)));
    let travels = |name: &str| kind.field(name).is_some_and(|field| field.value != ValueType::Link);
    Ok(rows
        .into_iter()
        .map(|row| {
            row.fields
                .into_iter()
                .filter(|(name, value)| travels(name) && !value.is_null())
                .map(|(name, value)| (name, without_ids(value)))
                .collect()
        })
        .collect())
}

/// Rows get new ids where they are put in.
fn without_ids(value: Json) -> Json {
    match value {
        Json::Array(rows) => rows.into_iter().map(without_ids).collect(),
        Json::Object(mut parts) => {
            parts.remove("id");
            parts.remove("pos");
            Json::Object(parts)
        }
        other @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_)) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_cannot_be_read_says_the_line_and_what_is_expected_in_both_languages() {
        let about = "[about]\nen = \"Shop\"\nzh = \"商店\"\n";
        let cases = [
            (format!("{about}[kinds]\n"), "Line 4: `kinds` is unknown", "第 4 行：“kinds”未知"),
            (format!("{about}[[kind]]\ndefinition = 5\n"), "Line 5: the value is a text, not `5`.", "第 5 行：该值应为文本，而不是`5`。"),
            ("[[kind]]\ndefinition = \"\"\n".to_owned(), "`about` is missing.", "“about”缺失。"),
            (format!("{about}[[kind]\n"), "Line 4 is no TOML", "第 4 行不是有效的 TOML"),
        ];
        for (text, en, zh) in cases {
            let why = read(&text).unwrap_err();
            assert!(why.en.contains(en) && why.zh.contains(zh), "{why:?}");
        }
    }

    #[test]
    fn every_shipped_template_is_good() {
        for (name, text) in SHIPPED {
            let blueprint = read(text).unwrap_or_else(|why| panic!("{name}: {why:?}"));
            let mut schema = Schema::clone(Schema::builtin());
            for Definition { definition } in &blueprint.kind {
                let kind = schema.define(name, definition).unwrap_or_else(|bad| panic!("{name}: {}", bad.words().en));
                schema = schema.with([kind]);
            }
            for (about, records) in BESIDE.into_iter().zip([&blueprint.view, &blueprint.rule]) {
                for fields in records {
                    let kind = schema.kind(fields["about"].as_str().unwrap()).unwrap_or_else(|| panic!("{name}: {fields:?}"));
                    for filter in ["filter", "condition"].into_iter().filter_map(|field| fields.get(field)?.as_str()) {
                        let filter: Json = serde_json::from_str(filter).unwrap();
                        sync_core::query::Filter::from_json(&schema, &kind.name, &filter).unwrap_or_else(|why| panic!("{name}: {why}"));
                    }
                    assert!(fields.keys().all(|field| schema.kind(about).unwrap().field(field).is_some()), "{name}: {fields:?}");
                }
            }
        }
    }
}

//! Random edits that a person could make to a record of a kind, of every merge policy.

use serde_json::{Map, Value as Json, json};

use super::{Phone, Random};
use crate::id::RecordId;
use crate::record::doc::Doc;
use crate::record::fields::FieldEdit;
use crate::schema::{Field, Merge, ValueType};

/// Up to four edits of random fields; the server's pen alone writes what is assigned.
pub fn some(random: &mut Random, phone: &Phone, assigns: bool) -> Vec<FieldEdit> {
    let mut edits = Vec::new();
    for _ in 0..1 + random.below(4) {
        let field = random.pick(&phone.kind.fields).clone();
        // What never goes back cannot be set twice at random.
        let again = field.merge == Merge::Monotone && edits.iter().any(|edit: &FieldEdit| edit.field() == &*field.name);
        if again || field.merge == Merge::Assigned && !assigns {
            continue;
        }
        edits.extend(one(random, phone.docs.get(&field.facet).unwrap_or(&Doc::default()), &field, phone));
    }
    if random.one_in(60) {
        edits.push(FieldEdit::archive());
    }
    edits
}

fn one(random: &mut Random, doc: &Doc, field: &Field, phone: &Phone) -> Option<FieldEdit> {
    let name = field.name.to_string();
    Some(match &field.merge {
        Merge::Register | Merge::Visible | Merge::Assigned | Merge::Unknown(_) => {
            FieldEdit::Set { field: name, value: if random.one_in(8) { Json::Null } else { value(random, field) } }
        }
        Merge::Monotone => {
            let mut ranked: Vec<_> = (0..4).map(|_| value(random, field)).collect();
            ranked.retain(|value| {
                crate::record::fields::path_edits(&phone.kind, |_| Some(doc), &[FieldEdit::set(&name, value.clone())]).is_ok()
            });
            FieldEdit::Set { field: name, value: ranked.pop()? }
        }
        Merge::Set if field.items.is_empty() => {
            let element = value(random, field).as_str()?.to_owned();
            if random.one_in(3) {
                FieldEdit::Remove { field: name, value: element }
            } else {
                FieldEdit::Add { field: name, value: element }
            }
        }
        Merge::Set | Merge::List => rows(random, doc, field, name),
        Merge::Log => FieldEdit::Append { field: name, item: format!("{}-{:x}", phone.actor, random.next()), values: parts(random, field) },
        Merge::Counter => FieldEdit::Increment { field: name, by: random.below(2_000) as i64 - 1_000 },
        Merge::Text => {
            let long = doc.text(&name).unwrap_or_default().chars().count() + 1;
            let insert = random.pick(&["", "佳美", "call back. ", "é😀", "x"]).to_string();
            FieldEdit::Splice { field: name, at: random.below(long), delete: random.below(4), insert }
        }
        Merge::Derived => return None,
    })
}

fn rows(random: &mut Random, doc: &Doc, field: &Field, name: String) -> FieldEdit {
    let living: Vec<String> = doc.below(&name).map(|(key, _)| key.to_owned()).filter(|key| !key.contains('/')).collect();
    let row = format!("r{}", random.below(4));
    let after = (!living.is_empty() && !random.one_in(3)).then(|| random.pick(&living).clone());
    match random.below(6) {
        0 => FieldEdit::RemoveRow { field: name, row },
        1 | 2 if field.merge == Merge::List && living.contains(&row) => {
            FieldEdit::MoveRow { field: name, after: after.filter(|after| *after != row), row }
        }
        _ => FieldEdit::SetRow { field: name, row, values: parts(random, field) },
    }
}

fn parts(random: &mut Random, field: &Field) -> Map<String, Json> {
    let mut parts = Map::new();
    for item in &field.items {
        if random.one_in(2) {
            parts.insert(item.name.to_string(), value(random, item));
        }
    }
    parts
}

fn value(random: &mut Random, field: &Field) -> Json {
    let number = random.below(50) as i64;
    match &field.value {
        ValueType::String | ValueType::Unknown(_) => json!(random.pick(&["佳美", "Jiamei", "vip", "a/b~c", "é", "trade fair"])),
        ValueType::Paragraph => json!(format!("line one\nline {number}")),
        ValueType::Integer => json!(number),
        ValueType::Number => json!(number as f64 / 3.0),
        ValueType::Boolean => json!(random.one_in(2)),
        ValueType::Date => json!(format!("2026-05-{:02}", 1 + number % 28)),
        ValueType::Datetime => json!(super::TEN + number),
        ValueType::Choice => json!(random.pick(&field.options).value),
        ValueType::Link => json!(RecordId::of_cause(&format!("record {}", number % 5)).to_string()),
        ValueType::Phone => json!(format!("+86 571 8888 00{number:02}")),
        ValueType::Email => json!(format!("{number}@jiamei.example")),
        ValueType::Url => json!(format!("https://jiamei.example/{number}")),
        ValueType::Money => super::yuan(number * 100),
        ValueType::Address => json!({"city": "杭州", "street": format!("文三路 {number} 号")}),
        ValueType::Period => json!({"start": format!("2026-05-{:02}", 1 + number % 28)}),
        ValueType::Geo => json!({"lat": 30.0 + number as f64 / 7.0, "lon": 120.0 + number as f64 / 11.0}),
    }
}

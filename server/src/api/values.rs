//! The values of a new record, as `fields` of a request, turned into edits.
//!
//! What was read comes in again as it is: a computed value that is what will be computed says nothing and is left out.
//! Decides by the merge policy which edit makes a value; whether the value fits is asked elsewhere.

use serde_json::{Map, Value as Json};
use sync_core::projection;
use sync_core::record::fields::{BadEdit, FieldEdit};
use sync_core::record::valid::BadValue;
use sync_core::schema::{Field, Kind, Merge};

/// Edits that give a new record these values. Rows and items without an id get one from `new_id`.
///
/// # Errors
/// When rows or items are not given as a list of objects.
pub fn edits_of(kind: &Kind, values: Map<String, Json>, new_id: impl Fn() -> String) -> Result<Vec<FieldEdit>, BadEdit> {
    let mut edits = Vec::new();
    for (name, value) in values {
        match kind.field(&name) {
            Some(field) => of_field(field, value, &new_id, &mut edits)?,
            // Named as unknown when it is written.
            None => edits.push(FieldEdit::Set { field: name, value }),
        }
    }
    Ok(without_computed(kind, edits))
}

/// Another value than the computed one stays, to be refused by its name.
fn without_computed(kind: &Kind, mut edits: Vec<FieldEdit>) -> Vec<FieldEdit> {
    let is_computed = |name: &str| kind.field(name).is_some_and(|field| field.merge == Merge::Derived);
    if edits.iter().any(|edit| is_computed(edit.field())) {
        let row = projection::foreseen(kind, &edits);
        edits.retain(|edit| match edit {
            FieldEdit::Set { field, value } => !is_computed(field) || row.get(field) != Some(value),
            _ => true,
        });
    }
    edits
}

fn of_field(field: &Field, value: Json, new_id: &impl Fn() -> String, edits: &mut Vec<FieldEdit>) -> Result<(), BadEdit> {
    let name = field.name.to_string();
    match &field.merge {
        Merge::Set | Merge::List if !field.items.is_empty() => {
            for (row, values) in rows(field, value, new_id)? {
                edits.push(FieldEdit::SetRow { field: name.clone(), row, values });
            }
        }
        Merge::Log => {
            for (item, values) in rows(field, value, new_id)? {
                edits.push(FieldEdit::Append { field: name.clone(), item, values });
            }
        }
        Merge::Counter => match value.as_i64() {
            Some(by) => edits.push(FieldEdit::Increment { field: name, by }),
            None => return Err(bad(field, "a whole number")),
        },
        Merge::Register | Merge::Visible | Merge::Set | Merge::Text | Merge::List => edits.push(FieldEdit::Set { field: name, value }),
        Merge::Monotone | Merge::Assigned | Merge::Derived | Merge::Unknown(_) => edits.push(FieldEdit::Set { field: name, value }),
    }
    Ok(())
}

/// Rows or items by id.
type Rows = Vec<(String, Map<String, Json>)>;

/// The rows of a value with their ids.
fn rows(field: &Field, value: Json, new_id: &impl Fn() -> String) -> Result<Rows, BadEdit> {
    let Json::Array(rows) = value else { return Err(bad(field, "a list of objects")) };
    let row = |row: Json| match row {
        Json::Object(mut values) => match values.remove("id") {
            None => Ok((new_id(), values)),
            Some(Json::String(id)) => Ok((id, values)),
            Some(_) => Err(bad(field, "rows whose `id` is a text")),
        },
        _ => Err(bad(field, "a list of objects")),
    };
    rows.into_iter().map(row).collect()
}

fn bad(field: &Field, expected: &'static str) -> BadEdit {
    BadEdit::BadValue { field: field.name.to_string(), problem: BadValue::Type { expected } }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sync_core::schema::Schema;

    use super::*;

    #[test]
    fn each_policy_has_the_edit_that_makes_its_value() {
        let edits = |kind: &str, values: Json| {
            let Json::Object(values) = values else { panic!("not an object") };
            edits_of(Schema::builtin().kind(kind).unwrap(), values, || "new".to_owned())
        };
        let set = |field: &str, value: Json| FieldEdit::Set { field: field.to_owned(), value };
        let row = |id: &str| FieldEdit::SetRow {
            field: "phones".to_owned(),
            row: id.to_owned(),
            values: Map::from_iter([("value".to_owned(), json!("1"))]),
        };
        let consent = FieldEdit::Append {
            field: "consents".to_owned(),
            item: "new".to_owned(),
            values: Map::from_iter([("purpose".to_owned(), json!("marketing"))]),
        };
        let cases = [
            (json!({"name": "佳美"}), vec![set("name", json!("佳美"))]),
            (json!({"tags": ["a"]}), vec![set("tags", json!(["a"]))]),
            (json!({"phones": [{"value": "1"}, {"id": "p", "value": "1"}]}), vec![row("new"), row("p")]),
            (json!({"consents": [{"purpose": "marketing"}]}), vec![consent]),
            (json!({"notes": "x"}), vec![set("notes", json!("x"))]),
            (json!({"nosuch": 1}), vec![set("nosuch", json!(1))]),
        ];
        for (values, expected) in cases {
            assert_eq!(edits("party", values.clone()).unwrap(), expected, "{values}");
        }
        for wrong in [json!({"phones": "1"}), json!({"phones": ["1"]}), json!({"phones": [{"id": 1}]})] {
            assert!(matches!(edits("party", wrong.clone()), Err(BadEdit::BadValue { field, .. }) if field == "phones"), "{wrong}");
        }
    }
}

//! Which conditions controls hold: those that they give back when nobody touches them.
//!
//! A control loses what it cannot show: among few records one that is archived or out of sight has no box, a comma makes
//! two words of one. Saved with the rest of a form, such a condition would say something
//! else than before, and a role would give other rights.

use serde_json::Value as Json;
use sync_core::query::Offer;

use super::Ground;
use super::one::{filled, operands, put, standing};
use super::said::{Needs, Said, sayings};
use super::words::is_nothing;
use crate::console::inputs::Input;
use crate::console::typed::Typed;
use crate::error::Error;

/// What stands in the controls of a condition that is there already; none if they would not give back the same.
pub async fn held(ground: &Ground<'_>, all: &[Offer<'_>], condition: &Json) -> Result<Option<Typed>, Error> {
    let Some(typed) = filled(all, ground.scope, condition) else { return Ok(None) };
    let offer = all.iter().find(|offer| offer.attribute == typed.one("attribute"));
    let known = offer.and_then(|offer| Some((offer, sayings(offer, ground.scope).iter().find(|said| said.operator == typed.one("op"))?)));
    let Some((offer, said)) = known else { return Ok(None) };
    let inputs = operands(ground, offer, said.needs, &typed).await?;
    Ok(gives_back(offer, said, &inputs, condition).then_some(typed))
}

/// Whether controls say a condition as they were drawn for it.
fn gives_back(offer: &Offer<'_>, said: &Said, inputs: &[Input], condition: &Json) -> bool {
    let typed = untouched(inputs);
    put(offer, said, standing(offer, &typed), &typed).is_ok_and(|back| plain(back, said.needs) == plain(condition.clone(), said.needs))
}

/// What a browser sends of controls that nobody touched.
fn untouched(inputs: &[Input]) -> Typed {
    let mut pairs = Vec::new();
    let parts = inputs.iter().flat_map(|input| if let Input::Parts(parts) = input { &parts[..] } else { &[] }).map(|(_, input)| input);
    for input in inputs.iter().chain(parts) {
        match input {
            // A control of one line drops the ends of lines.
            Input::Line { name, value, .. } | Input::Tags { name, value, .. } => {
                pairs.push((name.clone(), value.replace(['\r', '\n'], "")))
            }
            Input::Checks { name, options, .. } | Input::Pick { name, options } => {
                let chosen = options.iter().filter(|(_, _, is_chosen)| *is_chosen);
                pairs.extend(chosen.map(|(value, ..)| (name.clone(), value.clone())));
            }
            Input::Search { name, value, .. } => pairs.push((name.clone(), value.clone())),
            // No condition is drawn with them.
            Input::Area { .. } | Input::Money { .. } | Input::Parts(_) | Input::Rows { .. } | Input::Built(_) => {}
        }
    }
    Typed::new(pairs)
}

/// A condition without what makes no difference: the order of what is listed, and nothing to compare with.
fn plain(mut condition: Json, needs: Needs) -> Json {
    let Some(parts) = condition.as_object_mut() else { return condition };
    match (needs, parts.get_mut("value")) {
        (Needs::Nothing | Needs::Count, Some(value)) if is_nothing(value) => {
            parts.remove("value");
        }
        (Needs::Some, Some(Json::Array(values))) => {
            values.sort_by_key(Json::to_string);
            values.dedup();
        }
        (Needs::Some, Some(value)) => *value = Json::Array(vec![value.take()]),
        _ => {}
    }
    condition
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sync_core::query::offers;
    use sync_core::schema::Schema;

    use super::super::Scope;
    use super::super::one::{linked, listed};
    use super::*;
    use crate::console::inputs::{Candidates, Inputs, kinds_of};
    use crate::console::words::Words;
    use crate::language::Language;
    use crate::reading::Names;

    const A: &str = "018f0000-0000-7000-8000-000000000001";
    const B: &str = "018f0000-0000-7000-8000-000000000002";

    /// Whether a condition about a party is held; `few` are the records to choose from, if they are few.
    fn is_held(few: Option<&[&str]>, condition: &Json) -> bool {
        let schema = Schema::builtin();
        let all = offers(schema, schema.kind("party").unwrap());
        let typed = filled(&all, Scope::Rule, condition).unwrap();
        let offer = all.iter().find(|offer| condition["attribute"] == *offer.attribute).unwrap();
        let said = sayings(offer, Scope::Rule).iter().find(|said| condition["type"] == *said.operator).unwrap();
        assert!(said.needs == Needs::Some);
        let (field, words, names) = (*offer.fields.last().unwrap(), Words(Language::En), Names::new());
        let few = few.map(|few| (kinds_of(field), few.iter().map(|id| ((*id).to_owned(), String::new())).collect()));
        let candidates = Candidates { few: few.into_iter().collect(), ..Candidates::default() };
        let inputs = if field.to.is_empty() {
            vec![listed(words, Some(field), &typed)]
        } else {
            linked(Inputs { words, names: &names, candidates: &candidates }, Scope::Rule, field, &typed)
        };
        gives_back(offer, said, &inputs, condition)
    }

    fn parents(ids: &[&str]) -> Json {
        json!({"type": "linkedWith", "attribute": "parent", "value": ids})
    }

    #[test]
    fn records_that_are_searched_for_are_held_however_many() {
        assert!(is_held(None, &parents(&[A])));
        assert!(is_held(None, &parents(&[B, A])));
    }

    #[test]
    fn a_record_that_is_archived_or_out_of_sight_has_no_box() {
        assert!(is_held(Some(&[A, B]), &parents(&[B, A])));
        assert!(!is_held(Some(&[A]), &parents(&[A, B])));
        assert!(!is_held(Some(&[A]), &parents(&[B])));
    }

    #[test]
    fn a_choice_that_is_no_option_of_the_field_has_no_box() {
        let schema = Schema::builtin();
        let all = offers(schema, schema.kind("party").unwrap());
        let offer = all.iter().find(|offer| offer.fields.len() == 1 && !offer.is_many && !offer.fields[0].options.is_empty()).unwrap();
        let known = &*offer.fields[0].options[0].value;
        let among = |values: &[&str]| json!({"type": "in", "attribute": offer.attribute, "value": values});
        assert!(is_held(None, &among(&[known])));
        assert!(!is_held(None, &among(&[known, "no option"])));
    }

    #[test]
    fn a_word_with_a_comma_would_become_two() {
        let tags = |words: &[&str]| json!({"type": "arrayAnyOf", "attribute": "tags", "value": words});
        assert!(is_held(None, &tags(&["north", "south"])));
        assert!(!is_held(None, &tags(&["north, east", "south"])));
    }
}

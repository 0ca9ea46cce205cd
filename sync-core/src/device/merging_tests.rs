//! What was merged, on phones: shown once, chosen field by field, and two again.

use serde_json::json;

use super::model::{Phone, START, Server};
use super::*;
use crate::actions::duplicates::merging::Keep;
use crate::store::Place;

const NOW: Context = Context { now: START, offset_minutes: 0 };

fn make(phone: &mut Phone, kind: &str, edits: &[FieldEdit]) -> RecordId {
    phone.device.create(START, kind, edits).unwrap().record
}

fn row(field: &str, id: &str, number: &str) -> FieldEdit {
    let values = json!({"value": number}).as_object().unwrap().clone();
    FieldEdit::SetRow { field: field.into(), row: id.into(), values }
}

fn add(field: &str, value: &str) -> FieldEdit {
    FieldEdit::Add { field: field.into(), value: value.into() }
}

fn titles(phone: &Phone, kind: &str) -> Vec<String> {
    let query = Query::of(phone.device.schema(), kind).unwrap();
    let page = phone.device.page(&query, NOW).unwrap();
    assert_eq!(page.total, page.rows.len() as u64);
    page.rows.into_iter().map(|row| row.title).collect()
}

fn found(phone: &mut Phone, text: &str) -> Vec<String> {
    phone.device.search(text, None).unwrap().into_iter().map(|row| row.title).collect()
}

/// Two customers, the second with a deal, a file and more to tell.
fn customers(phone: &mut Phone) -> [RecordId; 2] {
    let stays = make(phone, "party", &[FieldEdit::set("name", "佳美"), FieldEdit::set("source", "fair"), add("tags", "vip")]);
    let other = [
        FieldEdit::set("name", "Nanhu Trading"),
        FieldEdit::set("source", "web"),
        FieldEdit::set("industry", "print"),
        FieldEdit::set("do_not_call", true),
        FieldEdit::Splice { field: "notes".into(), at: 0, delete: 0, insert: "Green tea".into() },
        add("tags", "warm"),
        row("phones", "p1", "0755-88881234"),
    ];
    let other = make(phone, "party", &other);
    make(phone, "deal", &[FieldEdit::set("title", "Paper"), FieldEdit::set("party", other.to_string())]);
    make(phone, "file", &[FieldEdit::set("name", "Contract"), add("about", &other.to_string())]);
    [stays, other]
}

#[test]
fn what_was_merged_is_shown_once_with_all_that_belongs_to_either() {
    let mut ann = Phone::new("ann", Place::Memory, START);
    let [stays, other] = customers(&mut ann);
    assert_eq!((titles(&ann, "party").len(), found(&mut ann, "nanhu")), (2, vec!["Nanhu Trading".to_owned()]));
    ann.device.edit(START, "party", other, &[add("alias_of", &stays.to_string())]).unwrap();
    assert_eq!(titles(&ann, "party"), ["佳美"]);
    assert_eq!(found(&mut ann, "nanhu"), ["佳美"], "what finds the one leads to the other");
    let linking: Vec<String> = ann.device.links_to(stays).unwrap().into_iter().map(|(_, role)| role).collect();
    assert_eq!(linking, ["about", "party"], "and a mark is no link");
    assert_eq!(ann.device.files_of(stays).unwrap().len(), 1);
    let together = ann.device.together(stays).unwrap();
    assert_eq!((together.survivor, together.behind[0].record), (None, other));
    let row = ann.device.row(other).unwrap().unwrap();
    assert_eq!((row.title.as_str(), row.merged_into), ("Nanhu Trading", Some(stays)), "who has its id still gets it");
    assert_eq!(ann.device.together(other).unwrap().survivor.map(|row| row.record), Some(stays));
    ann.device.split(START, other).unwrap();
    assert_eq!((titles(&ann, "party").len(), found(&mut ann, "nanhu")), (2, vec!["Nanhu Trading".to_owned()]));
    assert_eq!(ann.device.links_to(stays).unwrap(), []);
}

#[test]
fn what_was_merged_into_a_record_that_is_not_here_stands_for_itself_until_that_one_comes() {
    let (mut server, mut ann, mut bo) = (Server::new(), Phone::new("ann", Place::Memory, START), Phone::new("bo", Place::Memory, START));
    let [stays, other] = customers(&mut ann);
    let far = RecordId::of_cause("far");
    ann.device.edit(START, "party", other, &[add("alias_of", &far.to_string())]).unwrap();
    assert_eq!(titles(&ann, "party").len(), 2);
    assert_eq!(found(&mut ann, "nanhu"), ["Nanhu Trading"], "who looks for it is led to nothing that is not here");
    assert_eq!((ann.device.same_as(other).unwrap(), ann.device.row(other).unwrap().unwrap().merged_into), (other, None));
    assert_eq!(ann.device.together(other).unwrap().survivor, None);
    assert_eq!(ann.device.links_to(other).unwrap().len(), 2, "its deal and its file are found there");
    bo.device.edit(START, "party", far, &[FieldEdit::set("name", "Far away")]).unwrap();
    bo.sync(&mut server);
    ann.sync(&mut server);
    assert_eq!((titles(&ann, "party").len(), found(&mut ann, "nanhu")), (2, vec!["Far away".to_owned()]));
    assert_eq!((ann.device.same_as(other).unwrap(), ann.device.same_as(stays).unwrap()), (far, stays));
}

#[test]
fn a_list_under_watch_loses_what_is_merged() {
    let mut ann = Phone::new("ann", Place::Memory, START);
    let [stays, other] = customers(&mut ann);
    let mut watch = Watch::new(Query::of(ann.device.schema(), "party").unwrap());
    watch.look(&ann.device, NOW).unwrap();
    ann.device.merge(START, other, stays, &[].into()).unwrap();
    let Some(ListUpdate::Steps { steps, total: 1 }) = watch.look(&ann.device, NOW).unwrap() else { panic!("no steps") };
    assert!(steps.iter().any(|step| matches!(step, ListStep::Remove { .. })), "{steps:?}");
}

#[test]
fn a_portrait_is_made_of_what_points_at_either() {
    let mut ann = Phone::new("ann", Place::Memory, START);
    let [stays, other] = customers(&mut ann);
    let ink = make(&mut ann, "product", &[FieldEdit::set("name", "Ink")]);
    let line = json!({"product": ink}).as_object().unwrap().clone();
    for party in [stays, other] {
        let lines = FieldEdit::SetRow { field: "lines".into(), row: "l1".into(), values: line.clone() };
        let edits =
            [FieldEdit::set("party", party.to_string()), FieldEdit::set("form", "order"), FieldEdit::set("status", "signed"), lines];
        make(&mut ann, "offer", &edits);
    }
    let evidence = |phone: &Phone| {
        let portrait = phone.device.portrait(stays, NOW).unwrap();
        portrait.iter().find(|(line, _)| &*line.name == "products").map(|(_, shown)| shown[0].evidence.len())
    };
    assert_eq!(evidence(&ann), Some(1));
    ann.device.merge(START, other, stays, &[].into()).unwrap();
    assert_eq!(evidence(&ann), Some(2));
}

#[test]
fn a_merge_gives_the_survivor_what_it_lacks_and_a_split_takes_it_back() {
    let (mut server, mut ann, mut bo) = (Server::new(), Phone::new("ann", Place::Memory, START), Phone::new("bo", Place::Memory, START));
    let [stays, other] = customers(&mut ann);
    let before = ann.device.row(stays).unwrap().unwrap().fields;
    let choices = ann.device.merge_choices(other, stays).unwrap();
    let choices: Vec<_> = choices.iter().map(|choice| (&*choice.field, choice.keep[0], choice.is_for_good)).collect();
    for expected in
        [("name", Keep::Own, false), ("industry", Keep::Other, false), ("tags", Keep::Both, false), ("do_not_call", Keep::Other, true)]
    {
        assert!(choices.contains(&expected), "{expected:?}: {choices:?}");
    }
    ann.device.merge(START, other, stays, &[("source".to_owned(), Keep::Other)].into()).unwrap();
    let merged = ann.device.row(stays).unwrap().unwrap().fields;
    assert_eq!((&merged["name"], &merged["source"], &merged["industry"]), (&json!("佳美"), &json!("web"), &json!("print")));
    assert_eq!((&merged["tags"], &merged["notes"]), (&json!(["vip", "warm"]), &json!("Green tea")));
    assert_eq!(merged["phones"][0]["value"], json!("0755-88881234"));

    // Somebody else says something about the survivor, and another phone parts the two.
    ann.sync(&mut server);
    bo.sync(&mut server);
    bo.device.edit(START + 10, "party", stays, &[FieldEdit::set("industry", "paper")]).unwrap();
    bo.device.split(START + 20, other).unwrap();
    let after = bo.device.row(stays).unwrap().unwrap().fields;
    assert_eq!((&after["source"], &after["tags"]), (&before["source"], &before["tags"]));
    assert_eq!((after.get("phones"), after.get("notes").and_then(|notes| notes.as_str()).unwrap_or_default()), (None, ""));
    assert_eq!(after["industry"], json!("paper"), "what was said since stays");
    assert_eq!(after["do_not_call"], json!(true), "and so does a no");
    assert_eq!(bo.device.same_as(other).unwrap(), other);
    assert_eq!(bo.device.split(START + 30, other).unwrap(), [], "it stands for itself already");
}

#[test]
fn a_merge_is_one_step_that_can_be_undone() {
    let mut ann = Phone::new("ann", Place::Memory, START);
    let stays = make(&mut ann, "party", &[FieldEdit::set("name", "佳美")]);
    let other = make(&mut ann, "party", &[FieldEdit::set("name", "佳美办公"), FieldEdit::set("industry", "print")]);
    ann.device.merge(START, other, stays, &[].into()).unwrap();
    ann.device.undo_last(START + 1).unwrap();
    assert_eq!((titles(&ann, "party").len(), ann.device.row(stays).unwrap().unwrap().fields.get("industry")), (2, None));
}

#[test]
fn only_two_of_one_kind_that_can_be_merged_are() {
    let mut ann = Phone::new("ann", Place::Memory, START);
    let [stays, other] = customers(&mut ann);
    let [one, two] = ["Ink", "Paper"].map(|title| make(&mut ann, "deal", &[FieldEdit::set("title", title)]));
    let mut refused = |record, into, keep: &[(String, Keep)]| {
        ann.device.merge(START, record, into, &keep.iter().cloned().collect()).unwrap_err().to_string()
    };
    assert_eq!(refused(one, two, &[]), "the records cannot be merged: records of their kind are not merged");
    assert_eq!(refused(stays, stays, &[]), "the records cannot be merged: they are one already");
    assert!(refused(stays, one, &[]).ends_with("is a `party`"));
    assert!(refused(RecordId::of_cause("nobody"), stays, &[]).ends_with("is not on this device"));
    assert!(refused(other, stays, &[("nme".to_owned(), Keep::Own)]).contains("has no field `nme`"));
    ann.device.merge(START, other, stays, &[].into()).unwrap();
    let third = make(&mut ann, "party", &[FieldEdit::set("name", "Third")]);
    ann.device.merge(START, third, other, &[].into()).unwrap();
    assert_eq!(ann.device.same_as(third).unwrap(), stays, "into what stands for the one that was named");
}

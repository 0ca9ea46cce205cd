//! The full-text index of a phone whose app was updated.

use super::model::START;
use super::tests::{phones, set};
use super::*;

#[test]
fn entries_of_an_older_form_are_found_as_they_are_and_written_again_a_few_at_a_time_behind_what_is_new() {
    let (_, mut ann, _) = phones();
    let device = &mut ann.device;
    for n in 0..=INDEX_STEP {
        device.create(START, "party", &[set("name", &format!("Cedar {n}"))]).unwrap();
    }
    let found = |device: &mut Device, text: &str| device.search(text, None).unwrap().len();
    assert_eq!(found(device, &format!("Cedar {INDEX_STEP}")), 1);
    while device.index_some().unwrap() {}
    let store = &device.replica.store;
    store.follow_search_form().unwrap();
    store.to_index_again(2 * INDEX_STEP).unwrap().iter().for_each(|row| store.index(row.number, "olden").unwrap());
    store.set_meta("search_form", None).unwrap();
    assert!(!store.is_search_form_known().unwrap());
    store.follow_search_form().unwrap();
    device.create(START, "party", &[set("name", "Willow")]).unwrap();
    assert_eq!((found(device, "olden") > 0, found(device, "Cedar"), found(device, "Willow")), (true, 0, 1));
    assert!(device.index_some().unwrap(), "it takes some steps");
    let between = (found(device, "olden"), found(device, "Cedar"));
    assert!(between.0 > 0 && between.1 > 0, "an app that is ended here goes on there: {between:?}");
    while device.index_some().unwrap() {}
    assert_eq!((found(device, "olden"), found(device, &format!("Cedar {INDEX_STEP}"))), (0, 1));
    assert!(!device.index_some().unwrap(), "and only once");
    assert!(device.replica.store.is_search_form_known().unwrap());
}

#[test]
fn numbers_are_of_the_country_that_the_settings_in_use_name() {
    let (_, mut ann, _) = phones();
    let device = &mut ann.device;
    let mut name = |now, country: &str| device.create(now, "settings", &[set("country", country)]).unwrap().record;
    let former = name(START, "CN");
    name(START + 1, "DE");
    assert_eq!(device.dialled("030 123456").unwrap(), None, "the first that is there counts");
    device.archive(START + 2, former).unwrap();
    assert_eq!(device.dialled("030 123456").unwrap().as_deref(), Some("+4930123456"));
    let number = FieldEdit::SetRow {
        field: "phones".into(),
        row: "a".into(),
        values: serde_json::Map::from_iter([("value".to_owned(), "+49 30 123456".into())]),
    };
    device.create(START, "party", &[set("name", "Alder"), number]).unwrap();
    assert_eq!(device.search("030 123456", None).unwrap().len(), 1);
}

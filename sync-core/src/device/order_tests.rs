//! Lists of a phone in the order of pinyin, by any short text.

use super::model::{Phone, START, Server};
use super::*;
use crate::store::Place;

const SHOP: &str = r#"
name = "shop"
label = { en = "Shop", zh = "门店" }
plural = { en = "Shops", zh = "门店" }
title = "name"
list = ["name", "district"]

[[field]]
name = "name"
label = { en = "Name", zh = "名称" }

[[field]]
name = "site"
label = { en = "Site", zh = "地址" }
type = "address"

[[field]]
name = "district"
label = { en = "District", zh = "片区" }
"#;

const CONTEXT: Context = Context { now: START, offset_minutes: 480 };

/// What a list is called, page by page.
fn pages(phone: &Phone, kind: &str, order: &str, direction: &str) -> Vec<String> {
    let (mut titles, mut after) = (Vec::new(), None);
    loop {
        let mut params = vec![("orderBy", order), ("order", direction), ("maxSize", "2")];
        params.extend(after.as_deref().map(|after| ("after", after)));
        let query = Query::from_params(phone.device.schema(), kind, params).unwrap();
        let page = phone.device.page(&query, CONTEXT).unwrap();
        titles.extend(page.rows.into_iter().map(|row| row.title));
        match page.next {
            Some(next) => after = Some(next),
            None => return titles,
        }
    }
}

fn shops(phone: &mut Phone) -> Vec<RecordId> {
    phone.device.create(START, "kind", &[FieldEdit::set("name", "shop"), FieldEdit::set("definition", SHOP)]).unwrap();
    let cities = [("A", "长沙"), ("B", "Berlin"), ("C", "安庆"), ("D", "重庆"), ("E", "北京"), ("F", "beijing")];
    let mut made = Vec::new();
    for (name, city) in cities {
        let edits =
            [FieldEdit::set("name", name), FieldEdit::set("site", serde_json::json!({"city": city})), FieldEdit::set("district", city)];
        made.push(phone.device.create(START, "shop", &edits).unwrap().record);
    }
    phone.device.create(START, "shop", &[FieldEdit::set("name", "Z")]).unwrap();
    made
}

#[test]
fn a_phone_lists_by_city_in_the_order_of_pinyin_page_by_page() {
    let mut ann = Phone::new("ann", Place::Memory, START);
    let made = shops(&mut ann);
    for order in ["site.city", "district"] {
        assert_eq!(pages(&ann, "shop", order, "asc"), ["C", "E", "F", "B", "A", "D", "Z"], "{order}");
        assert_eq!(pages(&ann, "shop", order, "desc"), ["D", "A", "B", "F", "E", "C", "Z"], "{order}");
    }
    // A text that becomes Latin loses its key, one that becomes Chinese gets one.
    ann.device.edit(START + 1, "shop", made[2], &[FieldEdit::set("district", "zone 1")]).unwrap();
    ann.device.edit(START + 1, "shop", made[1], &[FieldEdit::set("district", "阿坝")]).unwrap();
    assert_eq!(pages(&ann, "shop", "district", "asc"), ["B", "E", "F", "A", "D", "C", "Z"]);
    assert_eq!(pages(&ann, "shop", "site.city", "asc"), ["C", "E", "F", "B", "A", "D", "Z"]);
}

#[test]
fn what_another_phone_wrote_comes_in_the_same_order() {
    let (mut server, mut ann, mut bo) = (Server::new(), Phone::new("ann", Place::Memory, START), Phone::new("bo", Place::Memory, START));
    for (name, industry) in [("A", "运输"), ("B", "Hotels"), ("C", "酒店"), ("D", "办公"), ("E", "")] {
        ann.device.create(START, "party", &[FieldEdit::set("name", name), FieldEdit::set("industry", industry)]).unwrap();
    }
    ann.sync(&mut server);
    bo.sync(&mut server);
    assert_eq!(pages(&bo, "party", "industry", "asc"), pages(&ann, "party", "industry", "asc"));
    assert_eq!(pages(&bo, "party", "industry", "asc"), ["E", "D", "B", "C", "A"], "an empty text is one");
}

#[test]
fn a_phone_lists_by_stage_in_the_order_in_which_the_stages_are_declared() {
    let mut ann = Phone::new("ann", Place::Memory, START);
    for (title, stage) in [("A", "lost"), ("B", "lead"), ("C", "won"), ("D", "negotiation"), ("E", "qualified")] {
        ann.device.create(START, "deal", &[FieldEdit::set("title", title), FieldEdit::set("stage", stage)]).unwrap();
    }
    ann.device.create(START, "deal", &[FieldEdit::set("title", "F"), FieldEdit::set("stage", serde_json::Value::Null)]).unwrap();
    assert_eq!(pages(&ann, "deal", "stage", "asc"), ["B", "E", "D", "C", "A", "F"]);
    assert_eq!(pages(&ann, "deal", "stage", "desc"), ["A", "C", "D", "E", "B", "F"]);
}

#[test]
fn a_store_of_an_older_app_is_put_in_order_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let mut ann = Phone::new("ann", Place::File(path.clone()), START);
    shops(&mut ann);
    let before = ann.device.all_rows().unwrap();
    let older = "drop index links_marks; alter table rows drop column sort_main; alter table rows drop column sort_commercial; \
                 alter table rows drop column sort_private; delete from meta where name = 'row_rules'; \
                 update rows set sort_title = ''; pragma user_version = 5;";
    rusqlite::Connection::open(&path).unwrap().execute_batch(older).unwrap();
    ann.reopen([1; 16]);
    assert_eq!(pages(&ann, "shop", "site.city", "asc"), ["C", "E", "F", "B", "A", "D", "Z"]);
    assert_eq!(pages(&ann, "shop", "name", "desc"), ["Z", "F", "E", "D", "C", "B", "A"]);
    assert_eq!(ann.device.all_rows().unwrap(), before);
}

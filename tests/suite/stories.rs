//! Short stories: what people do, and what they find afterwards.

use serde_json::json;
use sync_core::device::RecordEdits;
use sync_core::engine::EditError;
use sync_core::query::{Context, Query};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Schema;
use sync_core::store::DraftState;
use tests::world::{Phone, World, append, set, splice};

const DAY: i64 = 86_400_000;

#[test]
fn two_people_edit_one_note_offline() {
    let mut world = World::new(1);
    let (ann, bo) = world.two_phones();
    let note = ann.create("party", &[set("name", "佳美"), splice(0, "Likes tea.")]);
    world.run_until_quiet();
    ann.edit(note, splice(0, "Call back. "));
    bo.edit(note, append(" Sent offer."));
    world.run_until_quiet();
    assert_eq!(ann.text(note), "Call back. Likes tea. Sent offer.");
    assert_eq!(ann.text(note), bo.text(note));
}

#[test]
fn a_disagreement_is_decided_on_a_phone_offline_and_ends_for_everybody() {
    let mut world = World::new(2);
    let (ann, bo) = world.two_phones();
    let customer = ann.create("party", &[set("name", "佳美")]);
    world.run_until_quiet();
    ann.edit(customer, set("name", "佳美办公"));
    bo.edit(customer, set("name", "佳美办公用品"));
    world.run_until_quiet();
    assert_eq!((ann.disagreements(customer), bo.disagreements(customer)), (1, 1));
    bo.with(|device, now| device.resolve(now, customer, "name", json!("佳美办公用品公司"))).unwrap();
    assert_eq!((ann.disagreements(customer), bo.disagreements(customer)), (1, 0));
    world.run_until_quiet();
    assert_eq!((ann.disagreements(customer), ann.field(customer, "name")), (0, json!("佳美办公用品公司")));
    assert_eq!(world.shown(customer, "name"), json!("佳美办公用品公司"));
}

#[test]
fn an_edit_of_a_record_archived_meanwhile_becomes_a_draft() {
    let mut world = World::new(3);
    let (ann, bo) = world.two_phones();
    let customer = ann.create("party", &[set("name", "佳美")]);
    world.run_until_quiet();
    ann.with(|device, now| device.archive(now, customer)).unwrap();
    ann.sync();
    bo.edit(customer, set("website", "https://example.com"));
    world.run_until_quiet();
    let drafts = bo.with(|device, _| device.drafts()).unwrap();
    assert_eq!(
        (drafts.len(), drafts[0].code.as_str(), &drafts[0].edits[..]),
        (1, "archived", &[set("website", "https://example.com")][..])
    );
    assert_eq!(bo.field(customer, "website"), json!(null));
    assert!(matches!(bo.try_edit(customer, set("website", "https://x.example")), Err(EditError::Archived)));
}

#[test]
fn a_rejected_edit_becomes_a_draft_and_later_edits_survive() {
    let mut world = World::new(4);
    let (ann, bo) = world.two_phones();
    let offer = ann.create("offer", &[set("title", "Paper"), set("quantity", 10)]);
    world.run_until_quiet();
    ann.edit(offer, set("status", "sent"));
    ann.sync();
    bo.edit(offer, set("quantity", 12));
    bo.edit(offer, [set("title", "Paper, A4"), splice(0, "Wants it on Monday.")]);
    world.run_until_quiet();
    assert_eq!(
        ["title", "quantity", "notes"].map(|field| ann.field(offer, field)),
        [json!("Paper, A4"), json!(12), json!("Wants it on Monday.")]
    );
}

#[test]
fn a_discount_above_the_limit_waits_for_somebody_with_the_right() {
    let mut world = World::new(5);
    let (ann, _) = world.two_phones();
    let offer = ann.create("offer", &[set("title", "Paper")]);
    let line = |discount: i64| FieldEdit::SetRow {
        field: "lines".into(),
        row: "a".into(),
        values: [("product_name".to_owned(), json!("A4")), ("discount_percent".to_owned(), json!(discount))].into_iter().collect(),
    };
    assert!(ann.try_edit(offer, line(30)).unwrap().needs_approval.is_some());
    ann.edit(offer, set("tags", json!(["rush"])));
    world.run_until_quiet();
    let drafts = ann.with(|device, _| device.drafts()).unwrap();
    assert_eq!((drafts.len(), drafts[0].state), (1, DraftState::Held));
    assert_eq!((ann.field(offer, "lines"), world.shown(offer, "tags")), (json!(null), json!(["rush"])));
}

#[test]
fn a_phone_back_after_a_year_brings_its_work_and_learns_the_rest() {
    let mut world = World::new(6);
    let (ann, bo) = world.two_phones();
    let customer = ann.create("party", &[set("name", "佳美")]);
    world.run_until_quiet();
    bo.edit(customer, [set("industry", "print"), append("Met at the fair.")]);
    for month in 0..12 {
        world.pass(30 * DAY);
        ann.edit(customer, set("name", format!("佳美 {month}")));
        ann.sync();
    }
    world.run_until_quiet();
    let shown = ["name", "industry", "notes"].map(|field| bo.field(customer, field));
    assert_eq!(shown, [json!("佳美 11"), json!("print"), json!("Met at the fair.")]);
    let history = bo.with(|device, _| device.history(customer)).unwrap();
    assert!(history.iter().any(|entry| entry.field == "industry" && entry.offline));
}

#[test]
fn a_first_sync_brings_a_thousand_records() {
    let mut world = World::new(7);
    let (ann, bo) = world.two_phones();
    let edits: Vec<RecordEdits> = (0..1_000).map(|n| customer(&ann, &format!("客户 {n}"))).collect();
    ann.with(|device, now| device.edit_all(now, &edits)).unwrap();
    ann.sync();
    bo.sync();
    let query = Query::of(Schema::builtin(), "party").unwrap();
    let count = bo.with(|device, now| device.count(&query, Context { now, offset_minutes: 480 })).unwrap();
    assert_eq!((count, world.head()), (1_000, 1_000));
}

#[test]
fn quotes_of_two_reps_are_both_kept() {
    let mut world = World::new(8);
    let (ann, bo) = world.two_phones();
    let deal = ann.create("deal", &[set("title", "Paper for a year")]);
    world.run_until_quiet();
    let money = |amount: i64| json!({"amount": amount, "currency": "CNY"});
    let first = ann.create("offer", &[set("title", "Quote"), set("deal", json!(deal)), set("amount", money(290_000))]);
    let second = bo.create("offer", &[set("title", "Quote"), set("deal", json!(deal)), set("amount", money(310_000))]);
    world.run_until_quiet();
    assert_eq!([first, second].map(|offer| world.shown(offer, "amount")), [money(290_000), money(310_000)]);
    let links = ann.with(|device, _| device.links_to(deal)).unwrap();
    assert!([first, second].iter().all(|offer| links.contains(&(*offer, "deal".to_owned()))), "{links:?}");
}

#[test]
fn a_chinese_name_is_found_on_a_phone_after_a_sync() {
    let mut world = World::new(9);
    let (ann, bo) = world.two_phones();
    let wanted = ann.create("party", &[set("name", "上海佳美办公用品有限公司")]);
    ann.create("party", &[set("name", "明月茶业")]);
    world.run_until_quiet();
    for words in ["佳美", "jiamei", "jmbg", "办公用品"] {
        let found = bo.with(|device, _| device.search(words, None)).unwrap();
        assert_eq!(found.iter().map(|row| row.record).collect::<Vec<_>>(), [wanted], "{words}");
    }
}

#[test]
fn two_records_made_in_one_moment_with_the_same_words_are_two() {
    let mut world = World::new(10);
    let (ann, bo) = world.two_phones();
    let edits = [customer(&ann, "佳美"), customer(&ann, "佳美")];
    ann.with(|device, now| device.edit_all(now, &edits)).unwrap();
    ann.sync();
    bo.sync();
    assert_eq!(
        edits.each_ref().map(|edit| (world.shown(edit.record, "name"), bo.field(edit.record, "name"))),
        [(); 2].map(|()| (json!("佳美"), json!("佳美")))
    );
}

#[test]
fn a_phone_restored_from_its_backup_goes_on_and_loses_nothing_that_was_sent() {
    let mut world = World::new(11);
    let (ann, bo) = world.two_phones();
    let customer = ann.create("party", &[set("name", "佳美")]);
    ann.edit(customer, append("Before. "));
    ann.back_up();
    ann.edit(customer, append("Sent. "));
    ann.sync();
    ann.restore();
    ann.edit(customer, append("After. "));
    world.run_until_quiet();
    let mut words: Vec<_> = bo.text(customer).split_whitespace().map(str::to_owned).collect();
    words.sort();
    assert_eq!(words, ["After.", "Before.", "Sent."]);
}

#[test]
fn a_wrong_clock_loses_nothing_and_wins_nothing() {
    let mut world = World::new(12);
    let (ann, bo) = world.two_phones();
    let customer = ann.create("party", &[set("name", "佳美")]);
    world.run_until_quiet();
    ann.set_clock_off_by(10 * 365 * DAY);
    ann.edit(customer, set("industry", "from the future"));
    world.pass(DAY);
    ann.sync();
    bo.sync();
    bo.edit(customer, set("industry", "print"));
    world.run_until_quiet();
    assert_eq!(ann.field(customer, "industry"), json!("print"));
}

#[test]
fn what_a_restored_server_lost_comes_back_from_the_phone_that_made_it() {
    let mut world = World::new(13);
    let (ann, bo) = world.two_phones();
    let customer = ann.create("party", &[set("name", "佳美")]);
    world.run_until_quiet();
    world.back_up_server();
    ann.edit(customer, set("industry", "print"));
    world.run_until_quiet();
    world.restore_server();
    assert_eq!(world.shown(customer, "industry"), json!(null));
    // Bo has seen it and offers it first; only Ann's phone may sign it.
    bo.sync();
    world.run_until_quiet();
    assert_eq!(world.shown(customer, "industry"), json!("print"));
}

#[test]
fn a_phone_that_is_handed_back_after_a_restore_forgets_what_was_erased_meanwhile() {
    let mut world = World::new(14);
    let (ann, bo) = world.two_phones();
    let customer = ann.create("party", &[set("name", "佳美")]);
    world.run_until_quiet();
    for (n, phone) in [&bo, &ann, &bo].into_iter().enumerate() {
        phone.edit(customer, set("industry", format!("print {n}")));
        world.run_until_quiet();
    }
    // Shut out, it is told nothing of the feed any more, and offers what a restored server may have lost.
    world.back_up_server();
    world.restore_server();
    world.erase(customer);
    ann.edit(customer, set("industry", "paper"));
    ann.shut_out();
    world.run_until_quiet();
    assert_eq!((bo.view(customer), world.shown(customer, "industry")), (None, json!(null)));
}

fn customer(phone: &Phone, name: &str) -> RecordEdits {
    let record = phone.with(|device, now| device.new_id(now));
    RecordEdits { kind: "party".parse().unwrap(), record, edits: vec![set("name", name)], makes: true }
}

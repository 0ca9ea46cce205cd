//! Every merge policy by two people who cannot hear each other, then meet.

use serde_json::{Value as Json, json};

use crate::fence::Refusal;
use crate::id::Facet;
use crate::record::fields::{BadEdit, FieldEdit, path_edits};
use crate::schema::{Kind, Merge, Reading};
use crate::testing::*;

// R: register

#[test]
fn two_reps_set_the_industry_offline_and_the_later_one_is_shown_without_a_question() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[set("name", "佳美")]);
    bo.edit(20, &[set("industry", "trade")]);
    ann.edit(10, &[set("industry", "retail")]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.shows("industry"), "trade");
    assert!(ann.conflicts().is_empty());
}

#[test]
fn two_edits_of_the_same_minute_show_the_same_on_both_phones() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[set("name", "佳美")]);
    ann.edit(10, &[set("industry", "retail")]);
    bo.edit(10, &[set("industry", "trade")]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.shows("industry"), bo.shows("industry"));
}

#[test]
fn what_was_cleared_later_is_gone_and_what_was_written_later_is_there() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[set("industry", "retail"), set("source", "fair")]);
    ann.edit(10, &[set("industry", Json::Null), set("source", "web")]);
    bo.edit(20, &[set("industry", "trade"), set("source", Json::Null)]);
    sync(&mut ann, &mut bo);
    assert_eq!((ann.shows("industry"), ann.shows("source")), (json!("trade"), Json::Null));
}

// V: visible

#[test]
fn two_reps_change_the_same_phone_offline_and_both_values_are_kept_until_someone_decides() {
    let office = set_row("phones", "p1", json!({"value": "8888 0000", "label": "office"}));
    let (mut ann, mut bo) = two_phones(&kind("party"), &[office]);
    ann.edit(10, &[set_row("phones", "p1", json!({"value": "8888 1111"}))]);
    bo.edit(20, &[set_row("phones", "p1", json!({"value": "8888 2222"}))]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.claims("phones/p1/value"), ["8888 2222", "8888 1111"]);
    assert_eq!(ann.shows("phones"), json!([{"id": "p1", "value": "8888 2222", "label": "office"}]));
    ann.edit(30, &[set_row("phones", "p1", json!({"value": "8888 1111"}))]);
    sync(&mut ann, &mut bo);
    assert!(bo.conflicts().is_empty());
    assert_eq!(bo.shows("phones")[0]["value"], "8888 1111");
}

#[test]
fn a_conflict_says_who_wrote_what_and_when_on_both_phones() {
    let (mut ann, mut bo) = two_phones(&kind("deal"), &[set("stage", "qualified")]);
    let by_ann = ann.edit(10, &[set("stage", "won")]);
    let by_bo = bo.edit(20, &[set("stage", "negotiation")]);
    sync(&mut ann, &mut bo);
    let conflict = ann.conflicts().remove(0);
    assert_eq!((conflict.path.as_str(), conflict.field.as_str()), ("stage", "stage"));
    let claims: Vec<_> = conflict.claims.iter().map(|claim| (claim.value.clone(), claim.actor, claim.edit_time, claim.change)).collect();
    assert_eq!(
        claims,
        [(json!("negotiation"), bo.actor, TEN + 20 * MINUTE, by_bo[0].hash), (json!("won"), ann.actor, TEN + 10 * MINUTE, by_ann[0].hash)]
    );
}

#[test]
fn the_same_choice_made_twice_is_no_conflict() {
    let (mut ann, mut bo) = two_phones(&kind("deal"), &[set("stage", "qualified")]);
    ann.edit(10, &[set("stage", "won")]);
    bo.edit(20, &[set("stage", "won")]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.shows("stage"), "won");
    assert!(ann.conflicts().is_empty());
}

#[test]
fn either_of_the_two_may_decide_and_a_third_value_decides_as_well() {
    for (who, choice) in [(0, "won"), (1, "won"), (0, "negotiation"), (1, "proposal")] {
        let (mut ann, mut bo) = two_phones(&kind("deal"), &[set("stage", "qualified")]);
        ann.edit(10, &[set("stage", "won")]);
        bo.edit(20, &[set("stage", "negotiation")]);
        sync(&mut ann, &mut bo);
        // Offline, on one phone alone: gone there at once, and everywhere once they meet.
        let decider = if who == 0 { &mut ann } else { &mut bo };
        decider.edit(30, &[set("stage", choice)]);
        assert!(decider.conflicts().is_empty());
        sync(&mut ann, &mut bo);
        assert_eq!((ann.shows("stage"), ann.conflicts().len()), (json!(choice), 0));
    }
}

#[test]
fn two_people_who_decide_differently_offline_only_disagree_again() {
    let (mut ann, mut bo) = two_phones(&kind("deal"), &[set("stage", "qualified")]);
    ann.edit(10, &[set("stage", "won")]);
    bo.edit(20, &[set("stage", "negotiation")]);
    sync(&mut ann, &mut bo);
    ann.edit(30, &[set("stage", "won")]);
    bo.edit(40, &[set("stage", "lost")]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.claims("stage"), ["lost", "won"]);
    ann.edit(50, &[set("stage", "lost")]);
    sync(&mut ann, &mut bo);
    assert!(bo.conflicts().is_empty());
}

#[test]
fn two_people_who_decide_alike_offline_agree() {
    let (mut ann, mut bo) = two_phones(&kind("deal"), &[set("stage", "qualified")]);
    ann.edit(10, &[set("stage", "won")]);
    bo.edit(20, &[set("stage", "negotiation")]);
    sync(&mut ann, &mut bo);
    ann.edit(30, &[set("stage", "won")]);
    bo.edit(40, &[set("stage", "won")]);
    sync(&mut ann, &mut bo);
    assert_eq!((bo.shows("stage"), bo.conflicts().len()), (json!("won"), 0));
}

#[test]
fn an_edit_made_before_a_decision_that_it_did_not_know_asks_again() {
    let (mut ann, mut bo) = two_phones(&kind("deal"), &[set("stage", "qualified")]);
    let mut cy = Phone::new(kind("deal"), 0xc1);
    sync(&mut ann, &mut cy);
    ann.edit(10, &[set("stage", "won")]);
    bo.edit(20, &[set("stage", "negotiation")]);
    sync(&mut ann, &mut bo);
    bo.edit(30, &[set("stage", "won")]);
    sync(&mut ann, &mut bo);
    cy.edit(15, &[set("stage", "lost")]);
    sync(&mut bo, &mut cy);
    assert_eq!(cy.claims("stage"), ["won", "lost"]);
}

#[test]
fn a_value_cleared_by_one_and_changed_by_the_other_is_a_disagreement() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[set("tax_id", "9133")]);
    ann.edit(10, &[set("tax_id", Json::Null)]);
    bo.edit(20, &[set("tax_id", "9134")]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.claims("tax_id"), [json!("9134"), Json::Null]);
}

// G: group

#[test]
fn an_amount_never_meets_the_currency_of_somebody_else() {
    let (mut ann, mut bo) = two_phones(&kind("deal"), &[set("amount", yuan(100_000))]);
    ann.edit(10, &[set("amount", json!({"amount": 20_000, "currency": "EUR"}))]);
    bo.edit(20, &[set("amount", yuan(120_000))]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.shows("amount"), yuan(120_000));
    assert_eq!(ann.claims("amount"), [yuan(120_000), json!({"amount": 20_000, "currency": "EUR"})]);
}

#[test]
fn the_same_group_written_in_another_order_of_keys_is_the_same_choice() {
    let (mut ann, mut bo) = two_phones(&kind("deal"), &[set("amount", yuan(1))]);
    ann.edit(10, &[set("amount", serde_json::from_str::<Json>(r#"{"currency":"EUR","amount":5}"#).unwrap())]);
    bo.edit(20, &[set("amount", serde_json::from_str::<Json>(r#"{"amount":5,"currency":"EUR"}"#).unwrap())]);
    sync(&mut ann, &mut bo);
    assert!(ann.conflicts().is_empty());
}

#[test]
fn any_place_on_earth_is_accepted_by_everybody() {
    let (mut ann, mut bo) = two_phones(&kind("activity"), &[set("subject", "visit")]);
    let mut random = Random(7);
    for minute in 1..200 {
        let degrees = |random: &mut Random, limit: f64| (random.next() as f64 / u64::MAX as f64 - 0.5) * 2.0 * limit;
        let place = json!({"lat": degrees(&mut random, 90.0), "lon": degrees(&mut random, 180.0)});
        ann.edit(minute, &[set("place", place.clone())]);
        assert_eq!(ann.shows("place"), place);
    }
    assert_eq!(sync(&mut ann, &mut bo), []);
}

// S: set

#[test]
fn two_tags_added_at_once_are_both_there() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[add_to("tags", "old")]);
    ann.edit(10, &[add_to("tags", "vip")]);
    bo.edit(20, &[add_to("tags", "fair/2026")]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.shows("tags"), json!(["fair/2026", "old", "vip"]));
}

#[test]
fn adding_beats_removing() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[add_to("tags", "vip")]);
    ann.edit(10, &[add_to("tags", "vip")]);
    bo.edit(20, &[remove_from("tags", "vip")]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.shows("tags"), json!(["vip"]));
}

#[test]
fn a_whole_set_written_by_one_keeps_what_the_other_added() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[set("tags", json!(["a", "b"]))]);
    ann.edit(10, &[set("tags", json!(["b", "c"]))]);
    bo.edit(20, &[add_to("tags", "d")]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.shows("tags"), json!(["b", "c", "d"]));
}

#[test]
fn one_corrects_a_number_and_the_other_labels_it_and_it_has_both() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[set_row("phones", "p1", json!({"value": "1"}))]);
    ann.edit(10, &[set_row("phones", "p1", json!({"value": "2"}))]);
    bo.edit(20, &[set_row("phones", "p1", json!({"label": "office"}))]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.shows("phones"), json!([{"id": "p1", "value": "2", "label": "office"}]));
}

#[test]
fn a_late_edit_of_a_deleted_row_does_not_raise_half_a_row() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[set_row("phones", "p1", json!({"value": "1"}))]);
    ann.edit(10, &[remove_row("phones", "p1")]);
    bo.edit(20, &[set_row("phones", "p1", json!({"label": "office"}))]);
    assert_eq!(sync(&mut ann, &mut bo), []);
    assert_eq!((ann.shows("phones"), ann.conflicts().len()), (Json::Null, 0));
}

// C: counter

#[test]
fn counters_that_two_create_at_once_are_added_up() {
    let (mut ann, mut bo) = two_phones(&kind("article"), &[set("title", "Prices")]);
    ann.edit(10, &[increment("helpful", 1)]);
    bo.edit(10, &[increment("helpful", 1)]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.shows("helpful"), 2);
    ann.edit(20, &[increment("helpful", 3)]);
    bo.edit(20, &[increment("helpful", -1)]);
    sync(&mut ann, &mut bo);
    assert_eq!(bo.shows("helpful"), 4);
}

#[test]
fn two_increments_in_one_edit_count_twice_also_when_they_make_the_counter() {
    let (mut ann, mut bo) = two_phones(&kind("article"), &[increment("helpful", 1), increment("helpful", 2)]);
    assert_eq!(bo.shows("helpful"), 3);
    ann.edit(10, &[increment("helpful", 1), increment("helpful", 2)]);
    sync(&mut ann, &mut bo);
    assert_eq!(bo.shows("helpful"), 6);
}

// T: text

#[test]
fn both_keep_what_they_wrote_into_the_same_notes() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[set("notes", "Sent offer.")]);
    ann.edit(10, &[splice("notes", 0, 0, "Call back. ")]);
    bo.edit(10, &[splice("notes", 11, 0, " 佳美 agreed.")]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.shows("notes"), "Call back. Sent offer. 佳美 agreed.");
}

#[test]
fn notes_born_on_two_phones_at_once_keep_both_texts() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[set("name", "佳美")]);
    ann.edit(10, &[set("notes", "from Ann")]);
    bo.edit(20, &[set("notes", "from Bo")]);
    sync(&mut ann, &mut bo);
    let notes = ann.shows("notes").as_str().unwrap().to_owned();
    assert!(notes.contains("from Ann") && notes.contains("from Bo"), "{notes}");
}

#[test]
fn several_splices_of_one_edit_follow_each_other() {
    let (mut ann, mut bo) =
        two_phones(&kind("party"), &[splice("notes", 0, 0, "abc"), splice("notes", 3, 0, "def"), splice("notes", 1, 3, "-")]);
    assert_eq!(bo.shows("notes"), "a-ef");
    ann.edit(10, &[splice("notes", 0, 1, "x"), set("notes", "x-ef and more"), splice("notes", 0, 0, "! ")]);
    sync(&mut ann, &mut bo);
    assert_eq!(bo.shows("notes"), "! x-ef and more");
}

#[test]
fn two_people_remove_the_same_word_and_it_is_gone_once() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[set("notes", "one two three")]);
    ann.edit(10, &[splice("notes", 4, 4, "")]);
    bo.edit(10, &[splice("notes", 4, 4, "")]);
    sync(&mut ann, &mut bo);
    assert_eq!(bo.shows("notes"), "one three");
}

// L: list

fn three_lines() -> Vec<FieldEdit> {
    ["a", "b", "c"].map(|row| set_row("lines", row, json!({"quantity": 1.0}))).to_vec()
}

fn order(phone: &Phone) -> String {
    phone.shows("lines").as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

#[test]
fn rows_of_one_edit_stand_in_the_order_they_were_given() {
    let rows = ["zebra", "ant", "m"].map(|row| set_row("lines", row, json!({"quantity": 1.0})));
    let (_, bo) = two_phones(&kind("offer"), &rows);
    assert_eq!(order(&bo), "zebraantm");
    let (_, bo) = two_phones(&kind("offer"), &[three_lines(), vec![move_row("lines", "c", None), remove_row("lines", "a")]].concat());
    assert_eq!(order(&bo), "cb");
}

#[test]
fn one_moves_a_line_and_the_other_edits_it_and_neither_disturbs_the_other() {
    let (mut ann, mut bo) = two_phones(&kind("offer"), &three_lines());
    ann.edit(10, &[move_row("lines", "c", None)]);
    bo.edit(10, &[set_row("lines", "c", json!({"quantity": 5.0}))]);
    sync(&mut ann, &mut bo);
    assert_eq!((order(&ann), ann.shows("lines")[0]["quantity"].clone()), ("cab".to_owned(), json!(5.0)));
}

#[test]
fn two_move_different_lines_and_both_stand_where_they_were_put() {
    let (mut ann, mut bo) = two_phones(&kind("offer"), &three_lines());
    ann.edit(10, &[move_row("lines", "c", None)]);
    bo.edit(20, &[move_row("lines", "a", Some("b"))]);
    sync(&mut ann, &mut bo);
    assert_eq!(order(&ann), "cba");
}

#[test]
fn two_move_the_same_line_and_the_later_move_counts_and_nothing_doubles() {
    let (mut ann, mut bo) = two_phones(&kind("offer"), &three_lines());
    ann.edit(10, &[move_row("lines", "b", None)]);
    bo.edit(20, &[move_row("lines", "b", Some("c"))]);
    sync(&mut ann, &mut bo);
    assert_eq!((order(&ann), ann.conflicts().len()), ("acb".to_owned(), 0));
}

#[test]
fn a_line_goes_right_behind_two_that_were_added_at_one_place_and_before_the_next() {
    let (mut ann, mut bo) = two_phones(&kind("offer"), &[set_row("lines", "a", json!({}))]);
    ann.edit(10, &[set_row("lines", "m", json!({}))]);
    bo.edit(10, &[set_row("lines", "n", json!({}))]);
    sync(&mut ann, &mut bo);
    ann.edit(20, &[set_row("lines", "z", json!({})), set_row("lines", "x", json!({}))]);
    ann.edit(30, &[move_row("lines", "x", Some("m"))]);
    sync(&mut ann, &mut bo);
    assert_eq!(order(&bo), "amnxz");
}

#[test]
fn a_line_removed_and_made_again_in_one_edit_is_there() {
    let (mut ann, mut bo) = two_phones(&kind("offer"), &three_lines());
    ann.edit(10, &[remove_row("lines", "a"), set_row("lines", "a", json!({"quantity": 9.0}))]);
    ann.edit(20, &[set_row("lines", "d", json!({"quantity": 9.0})), remove_row("lines", "d")]);
    sync(&mut ann, &mut bo);
    assert_eq!(order(&bo), "bca");
}

// A: log

#[test]
fn two_replies_to_a_case_are_two_replies() {
    let (mut ann, mut bo) = two_phones(&kind("deal"), &[set("title", "Chairs")]);
    ann.edit(10, &[append("rounds", "1-ann", json!({"note": "ours", "ours": yuan(5)}))]);
    bo.edit(10, &[append("rounds", "1-bo", json!({"note": "theirs"}))]);
    sync(&mut ann, &mut bo);
    assert_eq!(ann.shows("rounds"), json!([{"id": "1-ann", "note": "ours", "ours": yuan(5)}, {"id": "1-bo", "note": "theirs"}]));
}

#[test]
fn an_item_of_a_log_is_never_altered_but_the_same_cause_makes_it_once() {
    let (mut ann, mut bo) = two_phones(&kind("deal"), &[append("rounds", "1", json!({"note": "ours"}))]);
    let docs = ann.docs.clone();
    let again = path_edits(&ann.kind, |facet| docs.get(&facet), &[append("rounds", "1", json!({"note": "changed"}))]);
    assert!(matches!(again, Err(BadEdit::BadValue { .. })));
    ann.edit(10, &[append("rounds", "2", json!({"note": "same"}))]);
    bo.edit(20, &[append("rounds", "2", json!({"note": "same"}))]);
    assert_eq!(sync(&mut ann, &mut bo), []);
    assert_eq!(ann.shows("rounds").as_array().unwrap().len(), 2);
    ann.edit(30, &[append("rounds", "3", json!({"note": "mine"}))]);
    bo.edit(40, &[append("rounds", "3", json!({"note": "not mine"}))]);
    let refused = sync(&mut ann, &mut bo);
    assert!(refused.iter().all(|refusal| matches!(refusal, Refusal::BadValue { .. })) && refused.len() == 2, "{refused:?}");
}

// M: monotone

#[test]
fn do_not_call_never_goes_back() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[set("name", "佳美")]);
    bo.edit(10, &[set("do_not_call", true)]);
    ann.edit(20, &[set("do_not_call", false)]);
    assert_eq!(sync(&mut ann, &mut bo), [], "who had not heard of it does no harm");
    assert_eq!(ann.shows("do_not_call"), true);
    let docs = ann.docs.clone();
    let back = path_edits(&ann.kind, |facet| docs.get(&facet), &[set("do_not_call", false)]);
    assert!(matches!(back, Err(BadEdit::WrongOp { reason: "it never goes back", .. })), "{back:?}");
}

#[test]
fn the_highest_stage_stays_though_a_lower_one_was_written_later_elsewhere() {
    let options = kind("deal").field("top_stage").unwrap().options.clone();
    let (low, high) = (options[1].value.clone(), options[3].value.clone());
    let (mut ann, mut bo) = two_phones(&kind("deal"), &[set("top_stage", options[0].value.clone())]);
    ann.edit(10, &[set("top_stage", high.clone())]);
    bo.edit(20, &[set("top_stage", low)]);
    assert_eq!(sync(&mut ann, &mut bo), []);
    assert_eq!((ann.shows("top_stage"), ann.conflicts().len()), (json!(high), 0));
}

// F: frozen

#[test]
fn a_sent_offer_keeps_its_lines_and_a_late_edit_of_them_is_refused() {
    let (mut ann, mut bo) = two_phones(&kind("offer"), &three_lines());
    ann.edit(10, &[set("status", "sent")]);
    let late = bo.edit(20, &[set_row("lines", "a", json!({"quantity": 7.0}))]);
    match ann.receive(&late[0]) {
        Err(Refusal::Frozen { field, by, value }) => assert_eq!((field.as_str(), by.as_str(), value.as_str()), ("lines", "status", "sent")),
        other => panic!("{other:?}"),
    }
    assert_eq!(ann.shows("lines")[0]["quantity"], 1.0);
    // What is not frozen still changes, and the one edit that sends it may still finish the lines.
    bo.edit(30, &[set("notes", "sent by post")]);
}

#[test]
fn what_main_decides_freezes_the_other_facets_too() {
    let text = r#"
name = "lease"
label = { en = "Lease", zh = "租约" }
plural = { en = "Leases", zh = "租约" }
title = "title"
list = ["title"]
[[field]]
name = "title"
label = { en = "Title", zh = "标题" }
[[field]]
name = "state"
label = { en = "State", zh = "状态" }
type = "choice"
options = [{ value = "draft", label = { en = "Draft", zh = "草稿" } }, { value = "signed", label = { en = "Signed", zh = "已签" } }]
[[field]]
name = "margin"
label = { en = "Margin", zh = "利润" }
type = "money"
facet = "commercial"
frozen = { field = "state", in = ["signed"] }
"#;
    let lease = Kind::parse("lease.toml", text, Reading::Strict).unwrap().into();
    let (mut ann, mut bo) = two_phones(&lease, &[set("title", "Office"), set("state", "draft"), set("margin", yuan(1))]);
    ann.edit(10, &[set("state", "signed")]);
    let late = bo.edit(20, &[set("margin", yuan(2))]);
    assert_eq!(late[0].facet, Facet::Commercial);
    assert!(matches!(ann.receive(&late[0]), Err(Refusal::Frozen { .. })));
}

// Z: assigned

#[test]
fn only_the_server_gives_numbers() {
    let (mut ann, _) = two_phones(&kind("offer"), &[set("title", "Chairs")]);
    let mut server = Phone::new(kind("offer"), SERVER.0[0]);
    sync(&mut ann, &mut server);
    server.edit(10, &[set("number", "Q-2026-0042")]);
    assert_eq!(sync(&mut ann, &mut server), []);
    assert_eq!(ann.shows("number"), "Q-2026-0042");
    let mut doc = ann.docs[&Facet::Main].clone();
    let docs = ann.docs.clone();
    let paths = path_edits(&ann.kind, |facet| docs.get(&facet), &[set("number", "Q-1")]).unwrap();
    let forged = doc.write(ann.actor, TEN + 20 * MINUTE, &paths[&Facet::Main]).unwrap();
    let refused = server.receive(&Sent { facet: Facet::Main, hash: forged.hash, body: forged.bytes });
    assert!(matches!(refused, Err(Refusal::WrongOp { reason: "only the server writes it", .. })), "{refused:?}");
}

// D: derived

#[test]
fn what_is_derived_is_never_written() {
    let derived = path_edits(&kind("offer"), |_| None, &[set("total", yuan(1))]);
    assert!(matches!(derived, Err(BadEdit::WrongOp { .. })));
}

#[test]
fn ann_changes_a_quantity_and_bo_a_price_and_the_total_follows_both() {
    let line = |price: i64, more: Json| {
        let mut line = json!({"price": yuan(price)});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line
    };
    let paper = set_row("lines", "paper", line(1_000, json!({"quantity": 2})));
    let pens = set_row("lines", "pens", line(500, json!({"quantity": 3, "discount_percent": 7.5})));
    let (mut ann, mut bo) = two_phones(&kind("offer"), &[set("title", "Paper and pens"), paper, pens]);
    assert_eq!(ann.shows("total"), yuan(3_388));
    ann.edit(10, &[set_row("lines", "paper", json!({"quantity": 3}))]);
    bo.edit(20, &[set_row("lines", "paper", json!({"price": yuan(1_100)}))]);
    assert_eq!((ann.shows("total"), bo.shows("total")), (yuan(4_388), yuan(3_588)), "each phone before it has heard of the other");
    sync(&mut ann, &mut bo);
    assert_eq!((ann.shows("total"), bo.shows("total")), (yuan(4_688), yuan(4_688)));
    assert!(ann.conflicts().is_empty());
}

// Archiving

#[test]
fn archiving_beats_a_late_edit_and_nothing_is_lost() {
    let (mut ann, mut bo) = two_phones(&kind("party"), &[set("name", "佳美")]);
    ann.edit(10, &[FieldEdit::archive()]);
    bo.edit(20, &[set("name", "佳美办公")]);
    sync(&mut ann, &mut bo);
    assert_eq!((ann.shows("archived"), ann.shows("name")), (json!(true), json!("佳美办公")));
    // Brought back it is by whoever knows that it was put away; somebody who archives it meanwhile wins.
    ann.edit(30, &[FieldEdit::restore()]);
    sync(&mut ann, &mut bo);
    assert_eq!(bo.shows("archived"), json!(null));
    ann.edit(40, &[FieldEdit::archive()]);
    sync(&mut ann, &mut bo);
    bo.edit(50, &[FieldEdit::restore()]);
    ann.edit(50, &[FieldEdit::archive()]);
    sync(&mut ann, &mut bo);
    assert_eq!((ann.shows("archived"), bo.shows("archived")), (json!(true), json!(true)));
}

// Policies and types of a newer build

#[test]
fn a_policy_and_a_type_of_a_newer_build_are_carried_through() {
    let text = r#"
name = "poll"
label = { en = "Poll", zh = "投票" }
plural = { en = "Polls", zh = "投票" }
title = "title"
list = ["title"]
[[field]]
name = "title"
label = { en = "Title", zh = "标题" }
[[field]]
name = "mood"
label = { en = "Mood", zh = "心情" }
type = "hologram"
merge = "vote"
"#;
    let poll: std::sync::Arc<Kind> = Kind::parse("poll.toml", text, Reading::Lenient).unwrap().into();
    assert_eq!(poll.field("mood").unwrap().merge, Merge::Unknown("vote".into()));
    let (mut ann, mut bo) = two_phones(&poll, &[set("title", "Lunch")]);
    ann.edit(10, &[set("mood", json!({"depth": 3}))]);
    bo.edit(20, &[set("mood", "bright")]);
    assert_eq!(sync(&mut ann, &mut bo), []);
    assert_eq!((ann.shows("mood"), ann.conflicts().len()), (json!("bright"), 0));
}

#[test]
fn a_counter_of_a_newer_build_is_not_overwritten_by_an_older_one() {
    let text = r#"
name = "poll"
label = { en = "Poll", zh = "投票" }
plural = { en = "Polls", zh = "投票" }
title = "mood"
list = ["mood"]
[[field]]
name = "mood"
label = { en = "Mood", zh = "心情" }
merge = "vote"
"#;
    let poll = Kind::parse("poll.toml", text, Reading::Lenient).unwrap();
    let mut doc = crate::record::doc::Doc::default();
    doc.write(SERVER, TEN, &[crate::record::doc::Edit::Increment { path: "mood".into(), by: 1 }]).unwrap();
    let answer = path_edits(&poll, |_| Some(&doc), &[set("mood", "bright")]);
    assert!(matches!(answer, Err(BadEdit::WrongOp { .. })), "{answer:?}");
}

// One edit is one change, and one change has limits.

#[test]
fn what_does_not_fit_one_change_is_refused_when_it_is_made_and_not_later() {
    let (mut ann, _) = two_phones(&kind("article"), &[set("title", "Long")]);
    for minute in 0..4 {
        ann.edit(minute, &[splice("body", 0, 0, &"佳".repeat(4_000))]);
    }
    let docs = ann.docs.clone();
    let try_it = |edits: &[FieldEdit]| path_edits(&ann.kind, |facet| docs.get(&facet), edits);
    assert!(matches!(try_it(&[set("body", Json::Null)]), Err(BadEdit::BadValue { .. })));
    assert!(try_it(&[splice("body", 0, 8_000, "")]).is_ok());
    assert!(try_it(&[splice("body", 15_990, usize::MAX, "")]).is_ok());
    assert!(try_it(&[splice("body", 0, 0, &"x".repeat(5_001))]).is_err());
}

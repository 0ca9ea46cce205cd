//! Edits: merged, taken back, not accepted, decided.

use rapport_mobile::{ClientError, DraftState, FieldEdit, RecordEdit, SendState, Value};
use testkit::{Kit, quiesce};

use super::{create, edit, fields, set, sync, text, waiting};

#[tokio::test]
async fn two_phones_that_disagree_show_both_values_until_somebody_decides() {
    let kit = Kit::start().await.unwrap();
    let (ann, bo) = kit.pair("ann").await.unwrap();
    let customer = create(&ann, "party", vec![set("name", "佳美")]).await;
    quiesce(&[&ann, &bo]).await.unwrap();

    edit(&ann, &customer, vec![set("name", "佳美 A"), FieldEdit::Add { field: "tags".into(), value: "vip".into() }]).await.unwrap();
    edit(&bo, &customer, vec![set("name", "佳美 B"), set("industry", "print")]).await.unwrap();
    assert_eq!(ann.get(customer.clone()).await.unwrap().unwrap().state, SendState::Waiting);
    quiesce(&[&ann, &bo]).await.unwrap();
    assert_eq!(fields(&ann, &customer).await, fields(&bo, &customer).await);
    let shown = ann.get(customer.clone()).await.unwrap().unwrap();
    assert_eq!((shown.conflicts, shown.state, &shown.fields["industry"]), (1, SendState::Sent, &text("print")));

    let conflict = ann.conflicts().await.unwrap().remove(0);
    let mut claims: Vec<_> = conflict.claims.iter().map(|claim| (claim.value.clone(), claim.mine)).collect();
    claims.sort_by_key(|(_, mine)| !mine);
    assert_eq!(claims, [(text("佳美 A"), true), (text("佳美 B"), false)]);
    ann.resolve(customer.clone(), conflict.path, text("佳美 C")).await.unwrap();
    quiesce(&[&ann, &bo]).await.unwrap();
    assert_eq!(bo.conflicts().await.unwrap(), []);
    assert_eq!(bo.get(customer).await.unwrap().unwrap().title, "佳美 C");
}

#[tokio::test]
async fn an_edit_of_a_record_that_is_not_on_the_phone_makes_nothing_up() {
    let kit = Kit::start().await.unwrap();
    let (ann, bo) = kit.pair("ann").await.unwrap();
    let deal = create(&ann, "deal", vec![set("title", "Lamps"), set("stage", "won")]).await;
    sync(&ann).await.unwrap();
    // The app knows it from elsewhere, and says of which kind it is.
    let edits = vec![set("source", "fair")];
    bo.transact(vec![RecordEdit { record: deal.clone(), kind: Some("deal".into()), edits, makes: false }]).await.unwrap();
    quiesce(&[&ann, &bo]).await.unwrap();
    for phone in [&ann, &bo] {
        let shown = fields(phone, &deal).await;
        assert_eq!((&shown["stage"], &shown["source"]), (&text("won"), &text("fair")));
    }
}

#[tokio::test]
async fn an_edit_that_the_server_refuses_is_a_draft_that_can_be_amended_or_given_up() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    let customer = create(&ann, "party", vec![set("name", "佳美")]).await;
    quiesce(&[&ann]).await.unwrap();
    for _ in 0..2 {
        kit.reject_next("ann", "forbidden", "not this one");
        edit(&ann, &customer, vec![set("industry", "print")]).await.unwrap();
        quiesce(&[&ann]).await.unwrap();
        assert_eq!(fields(&ann, &customer).await.get("industry"), None);
        assert_eq!(ann.get(customer.clone()).await.unwrap().unwrap().state, SendState::NotAccepted);
        let draft = ann.drafts().await.unwrap().remove(0);
        assert_eq!((draft.state, draft.code.as_str(), draft.detail.as_str()), (DraftState::Refused, "forbidden", "not this one"));
        assert_eq!(draft.edits, [set("industry", "print")]);
        if fields(&ann, &customer).await.contains_key("website") {
            ann.discard_draft(draft.id).await.unwrap();
        } else {
            ann.retry_draft(draft.id, Some(vec![set("website", "https://jiamei.example")])).await.unwrap();
        }
        quiesce(&[&ann]).await.unwrap();
        assert_eq!(ann.drafts().await.unwrap(), []);
    }
    assert_eq!(fields(&ann, &customer).await["website"], text("https://jiamei.example"));
    assert_eq!(ann.discard_draft(77).await.unwrap_err(), ClientError::NotFound { what: "draft 77".into() });
}

#[tokio::test]
async fn a_transaction_is_taken_back_and_done_again_as_a_whole() {
    let kit = Kit::start().await.unwrap();
    let (ann, bo) = kit.pair("ann").await.unwrap();
    let customer = create(&ann, "party", vec![set("name", "佳美")]).await;
    edit(&ann, &customer, vec![set("name", "first"), FieldEdit::Add { field: "tags".into(), value: "vip".into() }]).await.unwrap();
    edit(&ann, &customer, vec![set("name", "second")]).await.unwrap();
    ann.undo().await.unwrap();
    ann.undo().await.unwrap();
    let steps = ann.steps().await.unwrap();
    assert_eq!((ann.get(customer.clone()).await.unwrap().unwrap().title.as_str(), steps.undo, steps.redo), ("佳美", 1, 2));
    assert_eq!(fields(&ann, &customer).await.get("tags"), None);
    ann.redo().await.unwrap();
    assert_eq!(fields(&ann, &customer).await["tags"], Value::Many { values: vec![text("vip")] });
    edit(&ann, &customer, vec![set("industry", "print")]).await.unwrap();
    assert!(matches!(ann.redo().await, Err(ClientError::NotUndoable { .. })), "a new edit ends redo");

    quiesce(&[&ann, &bo]).await.unwrap();
    edit(&bo, &customer, vec![set("industry", "paper")]).await.unwrap();
    quiesce(&[&ann, &bo]).await.unwrap();
    assert!(matches!(ann.undo().await, Err(ClientError::NotUndoable { .. })), "somebody has written there since");
}

#[tokio::test]
async fn a_record_is_read_as_it_was_after_each_change() {
    let kit = Kit::start().await.unwrap();
    let (ann, bo) = kit.pair("ann").await.unwrap();
    let customer = create(&ann, "party", vec![set("name", "佳美")]).await;
    quiesce(&[&ann, &bo]).await.unwrap();
    edit(&bo, &customer, vec![set("name", "佳美办公")]).await.unwrap();
    quiesce(&[&ann, &bo]).await.unwrap();
    let history = ann.history(customer.clone()).await.unwrap();
    let names: Vec<_> = history.iter().filter(|change| change.field == "name").map(|change| (&change.old, &change.new)).collect();
    assert_eq!(names, [(&Value::Empty, &text("佳美")), (&text("佳美"), &text("佳美办公"))]);
    let first = ann.record_at(customer.clone(), history[0].version.clone()).await.unwrap();
    assert_eq!(first["name"], text("佳美"));
    assert!(history.iter().all(|change| change.received_at.is_some() && !change.offline));
    let missing = ann.record_at(customer, "00".repeat(32)).await.unwrap_err();
    assert!(matches!(missing, ClientError::NotFound { .. }), "{missing:?}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name_and_nothing_of_the_transaction_is_kept() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    let customer = create(&ann, "party", vec![set("name", "佳美")]).await;
    let Err(ClientError::Refused { code, field, detail_zh, .. }) =
        edit(&ann, &customer, vec![set("industry", "x"), set("nmae", "x")]).await
    else {
        panic!("it was accepted")
    };
    assert_eq!((code.as_str(), field.as_deref()), ("unknown_field", Some("nmae")));
    assert!(detail_zh.contains("没有字段"), "{detail_zh}");
    assert_eq!(fields(&ann, &customer).await.get("industry"), None);
    let bad = ann.get("no id".to_owned().into()).await.unwrap_err();
    assert_eq!(bad, ClientError::BadArgument { detail: "`no id` is not a record's id".into() });
    let not_a_number = FieldEdit::Set { field: "name".into(), value: Value::Real { value: f64::NAN } };
    assert!(matches!(edit(&ann, &customer, vec![not_a_number]).await, Err(ClientError::BadArgument { .. })));
    edit(&ann, &customer, vec![FieldEdit::Archive]).await.unwrap();
    let Err(ClientError::Refused { code, .. }) = edit(&ann, &customer, vec![set("name", "x")]).await else { panic!("it was accepted") };
    assert_eq!((code.as_str(), waiting(&ann).await), ("archived", 2));
}

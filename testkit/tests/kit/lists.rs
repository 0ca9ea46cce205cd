//! Reading: lists that stay fresh, search, explanations, what support asks for.

use std::collections::HashMap;

use rapport_mobile::{Because, CheckName, FieldEdit, ListQuery, ListStep, ListUpdate, Presence, Value, new_record_id};
use testkit::Kit;

use super::{create, edit, set};

fn parties() -> ListQuery {
    ListQuery { kind: "party".into(), filter: None, order_by: Some("name".into()), descending: false, limit: 50, after: None }
}

#[tokio::test]
async fn a_list_under_watch_says_what_changes_and_ends_when_it_is_stopped() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    let zeta = create(&ann, "party", vec![set("name", "Zeta")]).await;
    let list = ann.watch(parties()).await.unwrap();
    let Some(ListUpdate::Reset { rows, total }) = list.next().await.unwrap() else { panic!("no reset") };
    assert_eq!((rows[0].title.as_str(), total), ("Zeta", 1));

    create(&ann, "party", vec![set("name", "Alpha")]).await;
    let Some(ListUpdate::Changes { steps, total }) = list.next().await.unwrap() else { panic!("no changes") };
    assert_eq!(total, 2);
    assert!(matches!(&steps[..], [ListStep::Insert { at: 0, row }] if row.title == "Alpha"), "{steps:?}");
    edit(&ann, &zeta, vec![set("name", "Aaron")]).await.unwrap();
    let Some(ListUpdate::Changes { steps, .. }) = list.next().await.unwrap() else { panic!("no changes") };
    assert!(matches!(&steps[..], [ListStep::Move { from: 1, to: 0 }, ListStep::Update { at: 0, .. }]), "{steps:?}");

    // A call that waits, and is given up: what it would have said is not lost.
    let waiting = list.next();
    drop(waiting);
    let waited = tokio::join!(list.next(), async { list.stop() }).0;
    assert_eq!(waited.unwrap(), None);
    assert_eq!(list.next().await.unwrap(), None);

    let other = ann.watch(parties()).await.unwrap();
    other.next().await.unwrap();
    let (ended, closed) = tokio::join!(other.next(), ann.shutdown());
    assert_eq!((ended.unwrap(), closed), (None, Ok(())));
}

#[tokio::test]
async fn a_list_is_filtered_ordered_and_read_page_by_page() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    for name in ["安达", "佳美", "明月", "Zeta"] {
        create(&ann, "party", vec![set("name", name)]).await;
    }
    let mut query = ListQuery { limit: 3, ..parties() };
    let first = ann.list(query.clone()).await.unwrap();
    query.after = first.next.clone();
    let second = ann.list(query).await.unwrap();
    let titles: Vec<_> = first.rows.iter().chain(&second.rows).map(|row| row.title.as_str()).collect();
    assert_eq!((titles, first.total, second.next), (vec!["安达", "佳美", "明月", "Zeta"], 4, None));
    let filter = Some(r#"[{"type": "contains", "attribute": "name", "value": "佳"}]"#.to_owned());
    let found = ann.list(ListQuery { filter, ..parties() }).await.unwrap();
    assert_eq!((found.total, found.rows[0].title.as_str()), (1, "佳美"));
    for bad in [
        ListQuery { limit: 0, ..parties() },
        ListQuery { kind: "partie".into(), ..parties() },
        ListQuery { filter: Some("[{\"type\": \"near\"}]".into()), ..parties() },
        ListQuery { after: Some("?".into()), ..parties() },
    ] {
        let error = ann.list(bad.clone()).await.unwrap_err();
        assert!(matches!(error, rapport_mobile::ClientError::BadArgument { .. }), "{bad:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_search_shows_where_it_has_hit_in_both_languages() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    create(&ann, "party", vec![set("name", "上海佳美办公"), set("notes", "Prefers the office at 静安寺")]).await;
    create(&ann, "party", vec![set("name", "Zeta")]).await;
    let hits =
        |pieces: &[rapport_mobile::Piece]| pieces.iter().filter(|piece| piece.hit).map(|piece| piece.text.clone()).collect::<Vec<_>>();
    for (asked, in_title, field) in [("佳美", vec!["佳美"], None), ("jiamei", vec!["佳美"], None), ("prefers", vec![], Some("notes"))]
    {
        let found = ann.search(asked.to_owned(), Some("party".into()), None).await.unwrap();
        assert_eq!(found.len(), 1, "{asked}");
        assert_eq!((hits(&found[0].title), found[0].field.as_deref()), (in_title.iter().map(|hit| (*hit).to_owned()).collect(), field));
    }
    assert_eq!(ann.search("???".into(), None, None).await.unwrap(), []);
}

#[tokio::test]
async fn it_is_explained_why_a_record_is_here_or_not() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    let mine = create(&ann, "party", vec![set("name", "佳美")]).await;
    let here = ann.explain(mine.clone()).await.unwrap();
    assert_eq!(here, Presence::Here { because: Because::Made, waiting: true, archived: false });
    assert_eq!(ann.explain(new_record_id().unwrap()).await.unwrap(), Presence::NotForYou);
    let deal = create(&ann, "deal", vec![set("title", "Paper"), set("party", &mine.0)]).await;
    let linked: Vec<_> = ann.links_to(mine.clone()).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(linked, std::slice::from_ref(&deal));
    let both = ann.get_many(vec![deal, new_record_id().unwrap(), mine]).await.unwrap();
    assert_eq!(both.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>(), ["deal", "party"]);
}

#[tokio::test]
async fn the_next_reminders_are_told_and_those_of_finished_work_are_not() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    let in_an_hour = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    let millis = in_an_hour.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let remind = |at: i64| FieldEdit::SetRow {
        field: "reminders".into(),
        row: "r1".into(),
        values: HashMap::from([("at".to_owned(), Value::Whole { value: at })]),
    };
    let call = create(&ann, "activity", vec![set("subject", "Call back"), remind(millis)]).await;
    create(&ann, "activity", vec![set("subject", "Past"), remind(millis - 7_200_000)]).await;
    create(&ann, "activity", vec![set("subject", "Done"), set("status", "done"), remind(millis)]).await;
    let alarms = ann.upcoming_alarms(60).await.unwrap();
    assert_eq!((alarms.len(), &alarms[0].record, alarms[0].title.as_str()), (1, &call, "Call back"));
    assert_eq!(ann.upcoming_alarms(0).await.unwrap(), []);
}

#[tokio::test]
async fn support_learns_what_is_wrong_and_nothing_of_customers() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    create(&ann, "party", vec![set("name", "佳美 canary")]).await;
    let report = ann.diagnostics().await.unwrap();
    assert!(report.contains("\"pending\":1") && report.contains("\"party\":1"), "{report}");
    assert!(!report.contains("canary") && !report.contains("佳美"), "{report}");
    let good = ann.doctor().await.unwrap();
    assert!(good.iter().all(|check| check.good), "{good:?}");
    kit.network().cut();
    let bad: Vec<_> = ann.doctor().await.unwrap().into_iter().filter(|check| !check.good).map(|check| check.name).collect();
    assert_eq!(bad, [CheckName::Server]);
    let kinds = ann.kinds().await.unwrap();
    let party = kinds.iter().find(|kind| kind.name == "party").unwrap();
    assert_eq!((party.label.zh.as_str(), party.title.as_str()), ("客户", "name"));
    assert!(party.fields.iter().any(|field| field.name == "name" && field.required && field.value == "string"));
    assert_eq!(ann.get_many(vec![]).await.unwrap(), []);
}

#[tokio::test]
async fn a_mistake_of_ours_is_an_error_with_a_number_and_harms_nothing() {
    let kit = Kit::start().await.unwrap();
    let ann = kit.phone("ann").await.unwrap();
    let customer = create(&ann, "party", vec![set("name", "佳美")]).await;
    for _ in 0..2 {
        let Err(rapport_mobile::ClientError::Internal { report, detail }) = ann.crash_test().await else { panic!("no error") };
        assert_eq!((report.len(), detail.as_str()), (8, "a crash test, as asked for"));
    }
    edit(&ann, &customer, vec![set("name", "佳美办公")]).await.unwrap();
    assert_eq!(ann.get(customer).await.unwrap().unwrap().title, "佳美办公");
}

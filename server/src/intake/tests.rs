//! The write path through its own door: what is pushed, what is answered, what is kept.

use serde_json::{Value as Json, json};
use sync_core::id::{ActorId, DeviceId, Facet, KindName, RecordId, UserId, WorkspaceId};
use sync_core::protocol::{Delivered, Entry, PAGE_BYTES, Pushed, Verdict, code};
use sync_core::record::doc::{Doc, Edit};
use sync_core::record::fields::{FieldEdit, path_edits};
use sync_core::schema::Schema;
use sync_core::value::Scalar;

use super::*;
use crate::feed::{self, Asked, Cursor, Reader};
use crate::store::rejected::DeskState;
use crate::store::{Options, Store, devices, people, records, workspaces};

const NOW: i64 = 1_800_000_000_000;

struct World {
    store: Store,
    intake: Intake,
    _folder: tempfile::TempDir,
}

fn workspace() -> WorkspaceId {
    WorkspaceId::new(NOW, [7; 10])
}

/// A phone without an engine: documents, a pen, and what it has not sent.
struct Phone {
    author: Author,
    actor: ActorId,
    docs: std::collections::HashMap<(RecordId, Facet), Doc>,
}

impl Phone {
    fn write(&mut self, kind: &str, record: RecordId, at: i64, edits: &[FieldEdit]) -> Vec<Pushed> {
        let kind = Schema::builtin().kind(kind).unwrap();
        let by_facet = path_edits(kind, |facet| self.docs.get(&(record, facet)), edits).unwrap();
        let mut pushed = Vec::new();
        for (facet, edits) in by_facet {
            pushed.extend(self.write_paths(&kind.name, record, facet, at, &edits));
        }
        pushed
    }

    fn write_paths(&mut self, kind: &KindName, record: RecordId, facet: Facet, at: i64, edits: &[Edit]) -> Option<Pushed> {
        let doc = self.docs.entry((record, facet)).or_default();
        let written = doc.write(self.actor, at, edits)?;
        Some(Pushed { kind: kind.clone(), record, facet, hash: written.hash, body: written.bytes })
    }
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    workspaces::add(&mut tx, workspace(), "main", [1; 16], workspaces::SealKey([2; 32]), NOW).await.unwrap();
    tx.commit().await.unwrap();
    let intake = Intake::start(store.clone(), ServerPen::new([0xee; 16]), None).await.unwrap();
    World { store, intake, _folder: folder }
}

async fn phone(world: &World, n: u8, role: &str) -> Phone {
    let (user, device, actor) = (UserId::new(NOW, [n; 10]), DeviceId::new(NOW, [n; 10]), ActorId([n; 16]));
    let mut tx = world.store.begin().await.unwrap();
    let person = people::User {
        workspace: workspace(),
        user,
        login: format!("user{n}"),
        name: format!("User {n}"),
        role: role.parse().unwrap(),
        language: crate::language::Language::Zh,
        disabled_at: None,
        created_at: NOW,
    };
    people::add_user(&mut tx, &person, "x").await.unwrap();
    devices::add_actor(&mut tx, workspace(), actor, device, NOW).await.unwrap();
    tx.commit().await.unwrap();
    let author = Author { workspace: workspace(), user, role: role.parse().unwrap(), device, pen: Pen::Device };
    Phone { author, actor, docs: Default::default() }
}

fn record(n: u8) -> RecordId {
    RecordId::new(NOW, [n; 10])
}

async fn row(world: &World, record: RecordId) -> Json {
    let mut tx = world.store.reader().await.unwrap();
    let rows = records::rows_of(&mut tx, workspace(), &[record]).await.unwrap();
    serde_json::from_str(rows[&record].facets[0].as_deref().unwrap()).unwrap()
}

#[tokio::test]
async fn two_reps_edit_one_customer_offline_and_the_server_keeps_both_values() {
    let world = world().await;
    let (mut ann, mut bo) = (phone(&world, 1, "rep").await, phone(&world, 2, "rep").await);
    let born = ann.write("party", record(1), NOW, &[FieldEdit::set("name", "佳美"), FieldEdit::set("source", "fair")]);
    assert!(matches!(world.intake.push(&ann.author, born.clone(), NOW).await.unwrap()[..], [Verdict::Accepted { position: 1, .. }]));
    bo.docs = ann.docs.clone();

    let anns = ann.write("party", record(1), NOW + 10, &[FieldEdit::set("name", "佳美办公")]);
    let bos = bo.write("party", record(1), NOW + 20, &[FieldEdit::set("name", "佳美办公用品")]);
    assert!(matches!(world.intake.push(&ann.author, anns, NOW + 30).await.unwrap()[..], [Verdict::Accepted { position: 2, .. }]));
    assert!(matches!(world.intake.push(&bo.author, bos, NOW + 40).await.unwrap()[..], [Verdict::Accepted { position: 3, .. }]));

    let row = row(&world, record(1)).await;
    assert_eq!((&row["name"], &row["source"]), (&json!("佳美办公用品"), &json!("fair")));
    let mut tx = world.store.reader().await.unwrap();
    let conflicts = records::conflicts_of(&mut tx, workspace(), &[record(1)]).await.unwrap();
    let claims: Json = serde_json::from_str(&conflicts[0].values_json).unwrap();
    assert_eq!((conflicts.len(), &claims[0]["value"], &claims[1]["value"]), (1, &json!("佳美办公用品"), &json!("佳美办公")));
    assert_eq!(claims[0]["user"], json!(bo.author.user));
}

#[tokio::test]
async fn the_same_push_twice_takes_effect_once() {
    let world = world().await;
    let mut ann = phone(&world, 1, "rep").await;
    let born = ann.write("party", record(1), NOW, &[FieldEdit::set("name", "佳美")]);
    let twice = [born.clone(), born.clone()].concat();
    let first = world.intake.push(&ann.author, twice, NOW).await.unwrap();
    assert!(matches!(first[..], [Verdict::Accepted { position: 1, .. }, Verdict::Duplicate { position: 1, .. }]), "{first:?}");
    let again = world.intake.push(&ann.author, born, NOW + 5).await.unwrap();
    assert!(matches!(again[..], [Verdict::Duplicate { position: 1, received_at: NOW, .. }]), "{again:?}");
}

#[tokio::test]
async fn one_bad_change_blocks_no_other_record_and_stays_refused() {
    let world = world().await;
    let mut ann = phone(&world, 1, "rep").await;
    let party: KindName = "party".parse().unwrap();
    let bad = Edit::Put { path: "no_such_field".into(), value: Scalar::Int(1) };
    let bad = ann.write_paths(&party, record(1), Facet::Main, NOW, &[bad]).unwrap();
    let good = ann.write("party", record(2), NOW, &[FieldEdit::set("name", "好")]);
    let verdicts = world.intake.push(&ann.author, vec![bad.clone(), good[0].clone()], NOW).await.unwrap();
    let Verdict::Rejected { code, field, .. } = &verdicts[0] else { panic!("{verdicts:?}") };
    assert_eq!((code.as_str(), field.as_deref()), (code::UNKNOWN_FIELD, Some("no_such_field")));
    assert!(matches!(verdicts[1], Verdict::Accepted { position: 1, .. }));
    let again = world.intake.push(&ann.author, vec![bad], NOW).await.unwrap();
    assert_eq!(again[0], verdicts[0]);
    let mut tx = world.store.reader().await.unwrap();
    assert_eq!(crate::store::rejected::rejected_in(&mut tx, workspace(), &[DeskState::Rejected], 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_rep_may_not_write_what_belongs_to_the_office_and_is_told_why() {
    let world = world().await;
    let mut ann = phone(&world, 1, "rep").await;
    let money = json!({"amount": 100_000, "currency": "CNY"});
    let pushed = ann.write("party", record(1), NOW, &[FieldEdit::set("name", "佳美"), FieldEdit::set("credit_limit", money)]);
    let verdicts = world.intake.push(&ann.author, pushed, NOW).await.unwrap();
    assert!(matches!(verdicts[0], Verdict::Accepted { .. }));
    let Verdict::Rejected { code, message_zh, .. } = &verdicts[1] else { panic!("{verdicts:?}") };
    assert_eq!(code, code::FORBIDDEN);
    assert!(message_zh.contains("销售代表"), "{message_zh}");
}

#[tokio::test]
async fn another_devices_actor_a_future_date_and_a_reused_number_are_each_answered_by_name() {
    let world = world().await;
    let (mut ann, mut bo) = (phone(&world, 1, "rep").await, phone(&world, 2, "rep").await);
    let foreign = bo.write("party", record(1), NOW, &[FieldEdit::set("name", "x")]);
    let verdicts = world.intake.push(&ann.author, foreign, NOW).await.unwrap();
    assert!(matches!(&verdicts[0], Verdict::Rejected { code, .. } if code == code::FOREIGN_ACTOR), "{verdicts:?}");
    let ahead = ann.write("party", record(2), NOW + 3_600_000, &[FieldEdit::set("name", "x")]);
    let verdicts = world.intake.push(&ann.author, ahead, NOW).await.unwrap();
    assert!(matches!(&verdicts[0], Verdict::Rejected { code, .. } if code == code::AHEAD), "{verdicts:?}");
    let first = ann.write("party", record(3), NOW, &[FieldEdit::set("name", "x")]);
    world.intake.push(&ann.author, first, NOW).await.unwrap();
    ann.docs.clear();
    let fork = ann.write("party", record(3), NOW, &[FieldEdit::set("name", "y")]);
    let verdicts = world.intake.push(&ann.author, fork, NOW).await.unwrap();
    assert!(matches!(verdicts[0], Verdict::ActorFork { last_seq: 1 }), "{verdicts:?}");
}

#[tokio::test]
async fn the_feed_is_read_page_by_page_and_shows_a_rep_only_its_facets() {
    let world = world().await;
    let (mut office, ann) = (phone(&world, 1, "office").await, phone(&world, 2, "rep").await);
    for n in 0..50 {
        let money = json!({"amount": 100_000, "currency": "CNY"});
        let edits = [FieldEdit::set("name", format!("客户{n}")), FieldEdit::set("credit_limit", money)];
        let pushed = office.write("party", record(n), NOW, &edits);
        world.intake.push(&office.author, pushed, NOW).await.unwrap();
    }
    let (mut seen, mut cursor) = (0, None);
    let reader = Reader { workspace: workspace(), user: ann.author.user, role: ann.author.role.clone() };
    loop {
        let page =
            feed::page(&world.store, &world.intake.rules(workspace()), &reader, &Asked::after(cursor.as_ref(), 1_000), NOW).await.unwrap();
        seen += page.entries.len();
        cursor = Some(Cursor::parse(&page.cursor).unwrap());
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, 50);
    let again =
        feed::page(&world.store, &world.intake.rules(workspace()), &reader, &Asked::after(cursor.as_ref(), PAGE_BYTES), NOW).await.unwrap();
    assert!(again.entries.is_empty() && !again.more);
    let office = Reader { role: "office".parse().unwrap(), ..reader };
    let other_role =
        feed::page(&world.store, &world.intake.rules(workspace()), &office, &Asked::after(cursor.as_ref(), PAGE_BYTES), NOW).await.unwrap();
    // What it had is not sent again: only the facet that it may see now.
    assert_eq!(other_role.entries.len(), 50);
}

#[tokio::test]
async fn the_console_writes_fields_through_the_same_path() {
    let world = world().await;
    let office = world.intake.on_behalf(workspace(), UserId::new(NOW, [9; 10]), "office".parse().unwrap());
    let edit = |record, edits, expect| RecordEdit { kind: "party".parse().unwrap(), record, edits, expect };
    let new = edit(record(1), vec![FieldEdit::set("name", "佳美"), FieldEdit::set("notes", "先打电话")], Expect::New);
    assert_eq!(world.intake.edit(&office, vec![new.clone()], NOW, None).await.unwrap(), vec![Ok(1)]);
    assert_eq!(world.intake.edit(&office, vec![new], NOW, None).await.unwrap(), vec![Err(NotEdited::Exists)]);
    let bad = edit(record(1), vec![FieldEdit::set("type", "robot")], Expect::Existing);
    let edited = world.intake.edit(&office, vec![bad], NOW, None).await.unwrap();
    assert!(edited[0].as_ref().unwrap_err().to_string().contains("`robot` is not one of"), "{edited:?}");
    assert_eq!(row(&world, record(1)).await, json!({"name": "佳美", "notes": "先打电话"}));
}

#[tokio::test]
async fn a_failed_commit_is_an_error_for_everybody_in_it_and_leaves_no_gap() {
    let mut world = world().await;
    let fail_first = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let failing = fail_first.clone();
    let failpoint: Failpoint = Arc::new(move || match failing.swap(false, std::sync::atomic::Ordering::SeqCst) {
        true => Fate::Fail,
        false => Fate::Commit,
    });
    world.intake = Intake::start(world.store.clone(), ServerPen::new([0xef; 16]), Some(failpoint)).await.unwrap();
    let mut ann = phone(&world, 1, "rep").await;
    let born = ann.write("party", record(1), NOW, &[FieldEdit::set("name", "佳美")]);
    assert!(world.intake.push(&ann.author, born.clone(), NOW).await.is_err());
    let verdicts = world.intake.push(&ann.author, born, NOW).await.unwrap();
    assert!(matches!(verdicts[..], [Verdict::Accepted { position: 1, .. }]), "{verdicts:?}");
}

/// What a reader is given of the whole feed.
async fn delivered(world: &World, reader: &Author) -> Vec<Delivered> {
    let reader = Reader { workspace: workspace(), user: reader.user, role: reader.role.clone() };
    let page = feed::page(&world.store, &world.intake.rules(workspace()), &reader, &Asked::after(None, PAGE_BYTES), NOW).await.unwrap();
    page.entries.into_iter().map(|entry| if let Entry::Change(change) = entry { change } else { panic!("{entry:?}") }).collect()
}

#[tokio::test]
async fn what_a_restored_server_has_lost_is_taken_back_from_anybody_and_stays_its_makers() {
    let before = world().await;
    let (mut ann, mut bo) = (phone(&before, 1, "rep").await, phone(&before, 2, "rep").await);
    let born = ann.write("offer", record(1), NOW, &[FieldEdit::set("title", "Paper"), FieldEdit::set("status", "sent")]);
    before.intake.push(&ann.author, born, NOW).await.unwrap();
    bo.docs = ann.docs.clone();
    let held = delivered(&before, &bo.author).await;

    // The backup is from before all of it: the server has never heard of Ann's phone.
    let after = world().await;
    phone(&after, 2, "rep").await;
    let follows = bo.write("offer", record(1), NOW + 10, &[FieldEdit::set("notes", "先打电话")]);
    let verdicts = after.intake.push(&bo.author, follows.clone(), NOW + 20).await.unwrap();
    assert_eq!(verdicts[..], [Verdict::Waiting { missing: vec![held[0].hash] }]);
    let verdicts = after.intake.offer(&bo.author, held.clone(), NOW + 20).await.unwrap();
    assert!(matches!(verdicts[..], [Verdict::Accepted { position: 1, received_at: NOW, seal }] if seal == held[0].seal), "{verdicts:?}");
    let verdicts = after.intake.offer(&bo.author, held.clone(), NOW + 30).await.unwrap();
    assert!(matches!(verdicts[..], [Verdict::Duplicate { position: 1, received_at: NOW, .. }]), "{verdicts:?}");
    let verdicts = after.intake.push(&bo.author, follows, NOW + 40).await.unwrap();
    assert!(matches!(verdicts[..], [Verdict::Accepted { position: 2, .. }]), "{verdicts:?}");
    assert_eq!(row(&after, record(1)).await["title"], json!("Paper"));
    assert_eq!(delivered(&after, &bo.author).await[0], held[0]);

    // Ann goes on with the pen she had.
    let more = ann.write("offer", record(1), NOW + 50, &[FieldEdit::set("title", "Paper, A4")]);
    let verdicts = after.intake.push(&ann.author, more, NOW + 60).await.unwrap();
    assert!(matches!(verdicts[..], [Verdict::Accepted { position: 3, .. }]), "{verdicts:?}");
}

#[tokio::test]
async fn nobody_speaks_for_others_without_the_servers_seal() {
    let world = world().await;
    let (mut ann, bo) = (phone(&world, 1, "rep").await, phone(&world, 2, "rep").await);
    let born = ann.write("party", record(1), NOW, &[FieldEdit::set("name", "佳美")]);
    world.intake.push(&ann.author, born, NOW).await.unwrap();
    let given = delivered(&world, &bo.author).await.remove(0);
    let mut forged = ann.write("party", record(1), NOW + 10, &[FieldEdit::set("name", "假")]).remove(0);
    let forge = |record, hash, body| Delivered { record, hash, body, ..given.clone() };
    let forgeries = vec![
        forge(record(1), forged.hash, std::mem::take(&mut forged.body)),
        forge(record(2), given.hash, given.body.clone()),
        Delivered { user: bo.author.user, device: bo.author.device, record: record(2), ..given.clone() },
        forge(record(1), given.hash, b"noise".to_vec()),
    ];
    for verdict in world.intake.offer(&bo.author, forgeries, NOW + 20).await.unwrap() {
        assert!(matches!(&verdict, Verdict::Rejected { code, .. } if code == code::SEAL), "{verdict:?}");
    }
    assert_eq!(delivered(&world, &bo.author).await.len(), 1);
    let mut tx = world.store.reader().await.unwrap();
    assert_eq!(
        crate::store::rejected::rejected_in(&mut tx, workspace(), &[DeskState::Rejected, DeskState::Held, DeskState::Rewritten], 10)
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn a_case_at_the_desk_ends_when_the_change_comes_back_sealed() {
    let before = world().await;
    let office = phone(&before, 1, "office").await;
    let money = json!({"amount": 100_000, "currency": "CNY"});
    let mut pen = phone(&before, 3, "office").await;
    let pushed = pen.write("party", record(1), NOW, &[FieldEdit::set("name", "佳美"), FieldEdit::set("credit_limit", money)]);
    before.intake.push(&pen.author, pushed.clone(), NOW).await.unwrap();
    let held = delivered(&before, &office.author).await;

    let after = world().await;
    // In this life its maker is a rep, who may not write it.
    phone(&after, 3, "rep").await;
    let rep = Author { role: "rep".parse().unwrap(), ..pen.author.clone() };
    let verdicts = after.intake.push(&rep, pushed, NOW + 10).await.unwrap();
    assert!(matches!(verdicts[..], [Verdict::Accepted { .. }, Verdict::Rejected { .. }]), "{verdicts:?}");
    after.intake.offer(&office.author, held, NOW + 20).await.unwrap();
    let mut tx = after.store.reader().await.unwrap();
    assert_eq!(crate::store::rejected::rejected_in(&mut tx, workspace(), &[DeskState::Rejected], 10).await.unwrap(), []);
    assert_eq!(delivered(&after, &office.author).await.len(), 2);
}

#[tokio::test]
async fn workspaces_have_kinds_of_their_own_and_hear_of_their_own_changes() {
    let world = world().await;
    let other = WorkspaceId::new(NOW, [8; 10]);
    let mut tx = world.store.begin().await.unwrap();
    workspaces::add(&mut tx, other, "other", [3; 16], workspaces::SealKey([4; 32]), NOW).await.unwrap();
    tx.commit().await.unwrap();
    let mut head = world.intake.head();
    let label = r#"{ en = "Secret", zh = "机密" }"#;
    let definition = format!(
        "name = \"secret\"\nlabel = {label}\nplural = {label}\ntitle = \"name\"\nlist = [\"name\"]\n[[field]]\nname = \"name\"\nlabel = {label}\nrequired = true\n"
    );
    let edits = vec![FieldEdit::set("name", "secret"), FieldEdit::set("definition", definition)];
    for (space, edits) in [(workspace(), edits), (other, vec![FieldEdit::set("name", "x")])] {
        let author = world.intake.on_behalf(space, UserId::new(NOW, [9; 10]), "office".parse().unwrap());
        let kind = if edits.len() == 2 { "kind" } else { "party" };
        let edit = RecordEdit { kind: kind.parse().unwrap(), record: record(1), edits, expect: Expect::New };
        assert_eq!(world.intake.edit(&author, vec![edit], NOW, None).await.unwrap(), [Ok(1)], "each feed begins at 1");
        assert!(head.has_changed().unwrap(), "whoever follows looks, though the number is the same");
        head.mark_unchanged();
    }
    assert!(world.intake.rules(workspace()).schema.kind("secret").is_some());
    assert!(world.intake.rules(other).schema.kind("secret").is_none());
    let again = Intake::start(world.store.clone(), ServerPen::new([0xed; 16]), None).await.unwrap();
    assert!(again.rules(workspace()).schema.kind("secret").is_some() && again.rules(other).schema.kind("secret").is_none());
}

#[tokio::test]
async fn a_part_that_a_kind_gains_beside_an_edit_is_not_lost_when_other_parts_are_edited() {
    let world = world().await;
    let author = world.intake.on_behalf(workspace(), UserId::new(NOW, [9; 10]), "office".parse().unwrap());
    let label = r#"{ en = "Project", zh = "项目" }"#;
    let plain = format!(
        "name = \"project\"\nlabel = {label}\nplural = {label}\ntitle = \"name\"\nlist = [\"name\"]\n[[field]]\nname = \"name\"\nlabel = {label}\nrequired = true\n"
    );
    let wider = format!("{plain}[[field]]\nname = \"margin\"\nlabel = {label}\nfacet = \"commercial\"\n");
    let kind = |edits| RecordEdit { kind: "kind".parse().unwrap(), record: record(1), edits, expect: Expect::Any };
    let project = |field: &str, value: &str| {
        let edits = vec![FieldEdit::set(field, value)];
        RecordEdit { kind: "project".parse().unwrap(), record: record(2), edits, expect: Expect::Any }
    };
    for act in [
        vec![kind(vec![FieldEdit::set("name", "project"), FieldEdit::set("definition", plain)])],
        vec![project("name", "P")],
        vec![project("name", "Q"), kind(vec![FieldEdit::set("definition", wider)])],
        vec![project("margin", "a third")],
        vec![project("name", "R")],
    ] {
        for edited in world.intake.edit(&author, act, NOW, None).await.unwrap() {
            edited.unwrap();
        }
    }
    let row =
        records::rows_of(&mut world.store.reader().await.unwrap(), workspace(), &[record(2)]).await.unwrap().remove(&record(2)).unwrap();
    assert_eq!((row.title.as_str(), row.facets[1].as_deref()), ("R", Some(r#"{"margin":"a third"}"#)));
}

//! What each role sees of the same records, through the one way to read them.

use std::collections::HashMap;

use serde_json::json;
use sync_core::fence::Pen;
use sync_core::id::{ActorId, DeviceId, Facet, RecordId, UserId, WorkspaceId};
use sync_core::protocol::{Pushed, Verdict};
use sync_core::record::doc::Doc;
use sync_core::record::fields::{FieldEdit, path_edits};
use sync_core::schema::Schema;

use super::*;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::Error;
use crate::intake::{Author, Expect, RecordEdit};
use crate::language::Language;
use crate::store::lists::Shelf;
use crate::store::rejected::DeskState;
use crate::store::{devices, people, workspaces};

const NOW: i64 = 1_800_000_000_000;

struct World {
    app: App,
    _folder: tempfile::TempDir,
}

struct Phone {
    author: Author,
    actor: ActorId,
    docs: HashMap<(RecordId, Facet), Doc>,
}

fn caller(n: u8, role: &str) -> Caller {
    Caller {
        workspace: WorkspaceId::of_cause("test"),
        user: UserId::new(NOW, [n; 10]),
        name: format!("User {n}"),
        login: format!("user{n}"),
        role: role.parse().unwrap(),
        language: Language::En,
        session: [n; 32],
        grant: crate::auth::grant::Grant::Session,
    }
}

fn record(n: u8) -> RecordId {
    RecordId::new(NOW + 1, [n; 10])
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.database.path = folder.path().join("rapport.db");
    let app = App::open(config, Clock::of(|| NOW + 1_000_000)).await.unwrap();
    let mut tx = app.store.begin().await.unwrap();
    workspaces::add(&mut tx, WorkspaceId::of_cause("test"), "main", [1; 16], workspaces::SealKey([2; 32]), NOW).await.unwrap();
    tx.commit().await.unwrap();
    World { app, _folder: folder }
}

impl World {
    fn reading(&self, role: &str) -> Reading {
        Reading::of(&self.app, &caller(9, role))
    }

    async fn phone(&self, n: u8, role: &str) -> Phone {
        let Caller { workspace, user, name, login, role, language, .. } = caller(n, role);
        let (device, actor) = (DeviceId::new(NOW, [n; 10]), ActorId([n; 16]));
        let mut tx = self.app.store.begin().await.unwrap();
        let person = people::User { workspace, user, login, name, role: role.clone(), language, disabled_at: None, created_at: NOW };
        people::add_user(&mut tx, &person, "x").await.unwrap();
        let phone = devices::Device {
            workspace,
            device,
            user,
            name: format!("Phone {n}"),
            actor,
            app: "test".to_owned(),
            created_at: NOW,
            last_seen_at: NOW,
            revoked_at: None,
        };
        devices::add_device(&mut tx, &phone, &[n; 32]).await.unwrap();
        tx.commit().await.unwrap();
        Phone { author: Author { workspace, user, role, device, pen: Pen::Device }, actor, docs: HashMap::new() }
    }

    /// Writes as the back office does.
    async fn write(&self, kind: &str, id: RecordId, edits: &[FieldEdit]) {
        let author = self.app.intake.on_behalf(WorkspaceId::of_cause("test"), UserId::of_cause("office"), "office".parse().unwrap());
        let edit = RecordEdit { kind: kind.parse().unwrap(), record: id, edits: edits.to_vec(), expect: Expect::Any };
        for edited in self.app.intake.edit(&author, vec![edit], NOW, None).await.unwrap() {
            edited.unwrap();
        }
    }

    async fn push(&self, phone: &Phone, changes: &[Pushed], at: i64) -> Vec<Verdict> {
        self.app.intake.push(&phone.author, changes.to_vec(), at).await.unwrap()
    }

    async fn customers(&self, role: &str, params: &[(&str, &str)]) -> Result<Listing, ReadError> {
        let reading = self.reading(role);
        let query = reading.query("party", params.iter().copied())?;
        reading.list(&List { total: Count::All, ..List::of(query) }).await
    }
}

impl Phone {
    fn write(&mut self, kind: &str, id: RecordId, at: i64, edits: &[FieldEdit]) -> Vec<Pushed> {
        let kind = Schema::builtin().kind(kind).unwrap();
        let by_facet = path_edits(kind, |facet| self.docs.get(&(id, facet)), edits).unwrap();
        let mut pushed = Vec::new();
        for (facet, edits) in by_facet {
            let doc = self.docs.entry((id, facet)).or_default();
            let written = doc.write(self.actor, at, &edits).unwrap();
            pushed.push(Pushed { kind: kind.name.clone(), record: id, facet, hash: written.hash, body: written.bytes });
        }
        pushed
    }
}

fn titles(listing: &Listing) -> Vec<&str> {
    listing.rows.iter().map(|row| row.title.as_str()).collect()
}

fn credit(amount: i64) -> FieldEdit {
    FieldEdit::set("credit_limit", json!({"amount": amount, "currency": "CNY"}))
}

#[tokio::test]
async fn a_rep_sees_no_credit_limit_anywhere_and_is_told_so_when_asking_for_it() {
    let world = world().await;
    world.write("party", record(1), &[FieldEdit::set("name", "佳美"), credit(100), FieldEdit::set("birthday", "1990-01-01")]).await;
    let fields = async |role: &str| world.customers(role, &[]).await.unwrap().rows[0].fields.clone();
    let names = |fields: &serde_json::Map<String, serde_json::Value>| fields.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&fields("rep").await), ["name"]);
    assert_eq!(names(&fields("manager").await), ["credit_limit", "name"]);
    assert_eq!(names(&fields("office").await), ["birthday", "credit_limit", "name"]);

    let rep = world.reading("rep");
    let view = rep.record(record(1)).await.unwrap().unwrap();
    assert_eq!(names(&view.row.fields), ["name"]);
    let history = rep.history(record(1)).await.unwrap().unwrap();
    assert!(history.entries.iter().all(|entry| entry.field == "name"), "{history:?}");
    assert_eq!(names(&rep.as_of(record(1), NOW).await.unwrap().unwrap().fields), ["name"]);

    let above = r#"[{"type": "greaterThan", "attribute": "credit_limit.amount", "value": 5}]"#;
    for param in [("where", above), ("orderBy", "credit_limit.amount"), ("select", "name,credit_limit")] {
        let refused = Error::from(world.customers("rep", &[param]).await.unwrap_err());
        assert!(matches!(&refused, Error::Denied { field: Some(field), .. } if field == "credit_limit"), "{refused:?}");
        assert_eq!(titles(&world.customers("manager", &[param]).await.unwrap()), ["佳美"]);
    }
    let deals = rep.query("deal", [("where", above.replace("credit_limit", "party.credit_limit").as_str())]);
    assert!(matches!(deals, Err(ReadError::Hidden { .. })), "{deals:?}");
}

#[tokio::test]
async fn pages_follow_each_other_in_every_order_and_leave_the_archive_out() {
    let world = world().await;
    for (n, name) in [(1, "丙"), (2, "甲"), (3, "Acme"), (4, "乙"), (5, "gone")] {
        world.write("party", record(n), &[FieldEdit::set("name", name), FieldEdit::set("industry", "office")]).await;
    }
    world.write("party", record(5), &[FieldEdit::archive()]).await;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let mut params = vec![("orderBy", "name"), ("maxSize", "2")];
        params.extend(after.as_deref().map(|after| ("after", after)));
        let page = world.customers("rep", &params).await.unwrap();
        assert_eq!(page.total, Some(4));
        seen.extend(titles(&page).into_iter().map(str::to_owned));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["Acme", "丙", "甲", "乙"]);
    let reading = world.reading("rep");
    let archived = List { shelf: Shelf::Archived, ..List::of(reading.query("party", []).unwrap()) };
    assert_eq!(titles(&reading.list(&archived).await.unwrap()), ["gone"]);
    let both = List { shelf: Shelf::Both, ..List::of(reading.query("party", [("select", "industry")]).unwrap()) };
    let both = reading.list(&both).await.unwrap();
    assert!(both.rows.len() == 5 && both.rows.iter().all(|row| row.fields.keys().eq(["industry"])));
}

#[tokio::test]
async fn a_record_names_what_it_links_to_and_what_links_to_it() {
    let world = world().await;
    let ann = world.phone(1, "rep").await.author.user;
    world.write("party", record(1), &[FieldEdit::set("name", "佳美"), FieldEdit::set("owner", ann.to_string())]).await;
    for n in 2..30 {
        let edits = [FieldEdit::set("title", format!("Deal {n}")), FieldEdit::set("party", record(1).to_string())];
        world.write("deal", record(n), &edits).await;
    }
    let party = world.reading("rep").record(record(1)).await.unwrap().unwrap();
    assert_eq!((party.links[0].role.as_str(), party.links[0].records[0].title.as_str()), ("owner", "User 1"));
    let linked = world.reading("rep").linked_from(record(1)).await.unwrap();
    let from = &linked[0];
    assert_eq!((&*from.kind, from.role.as_str(), from.count, from.records.len()), ("deal", "party", 28, LINKED_FROM_MAX as usize));
    let deal = world.reading("rep").record(record(2)).await.unwrap().unwrap();
    assert_eq!(deal.linked(record(1)).unwrap().title, "佳美");
    assert_eq!(world.reading("rep").record(record(99)).await.unwrap(), None);
}

#[tokio::test]
async fn two_offline_names_are_one_open_conflict_with_who_where_and_when() {
    let world = world().await;
    let (mut ann, mut bo) = (world.phone(1, "rep").await, world.phone(2, "rep").await);
    let born = ann.write("party", record(1), NOW, &[FieldEdit::set("name", "佳美")]);
    world.push(&ann, &born, NOW).await;
    bo.docs = ann.docs.clone();
    let anns = ann.write("party", record(1), NOW + 10, &[FieldEdit::set("name", "佳美办公")]);
    let bos = bo.write("party", record(1), NOW + 20, &[FieldEdit::set("name", "佳美办公用品")]);
    world.push(&ann, &anns, NOW + 30).await;
    world.push(&bo, &bos, NOW + 900_000).await;

    let reading = world.reading("rep");
    let open = reading.conflicts(&Asked::default()).await.unwrap();
    let [OpenConflict { record: about, disagreement }] = open.rows.as_slice() else { panic!("{open:?}") };
    assert_eq!((about.title.as_str(), disagreement.path.as_str(), &open.next), ("佳美办公用品", "name", &None));
    let first = &disagreement.claims[0];
    let who = first.who.as_ref().unwrap();
    assert_eq!((&first.value, first.received_at), (&json!("佳美办公用品"), Some(NOW + 900_000)));
    assert_eq!((who.user_name.as_deref(), who.device_name.as_deref()), (Some("User 2"), Some("Phone 2")));
    assert_eq!(reading.record(record(1)).await.unwrap().unwrap().row.conflicts, 1);
    assert_eq!(reading.list(&List::of(reading.query("party", []).unwrap())).await.unwrap().rows[0].conflicts, 1);

    let history = reading.history(record(1)).await.unwrap().unwrap();
    let told: Vec<_> = history.entries.iter().map(|entry| (entry.old.clone(), entry.new.clone().unwrap(), entry.offline)).collect();
    let jia = || Some(json!("佳美"));
    assert_eq!(told, [(jia(), json!("佳美办公用品"), true), (jia(), json!("佳美办公"), false), (None, json!("佳美"), false)]);
    assert_eq!(reading.as_of(record(1), NOW + 29).await.unwrap().unwrap().title, "佳美");
    assert_eq!(reading.as_of(record(1), NOW - 1).await.unwrap(), None);
}

#[tokio::test]
async fn open_conflicts_come_in_pages_oldest_first_and_go_with_their_record() {
    let world = world().await;
    let (mut ann, mut bo) = (world.phone(1, "rep").await, world.phone(2, "office").await);
    for n in 1..=3 {
        let born = ann.write("party", record(n), NOW, &[FieldEdit::set("name", "a")]);
        world.push(&ann, &born, NOW).await;
        bo.docs.insert((record(n), Facet::Main), ann.docs[&(record(n), Facet::Main)].clone());
        let (anns, bos) = (
            ann.write("party", record(n), NOW + 1, &[FieldEdit::set("name", "b")]),
            bo.write("party", record(n), NOW + 2, &[FieldEdit::set("name", "c")]),
        );
        world.push(&ann, &anns, NOW + 10).await;
        world.push(&bo, &bos, NOW + 1_000 - i64::from(n)).await;
    }
    let reading = world.reading("rep");
    let first = reading.conflicts(&Asked { after: None, max_size: 2 }).await.unwrap();
    let second = reading.conflicts(&Asked { after: first.next.clone(), max_size: 2 }).await.unwrap();
    let ids = |slice: &Slice<OpenConflict>| slice.rows.iter().map(|open| open.record.id).collect::<Vec<_>>();
    assert_eq!((ids(&first), ids(&second), second.next), (vec![record(3), record(2)], vec![record(1)], None));
    world.write("party", record(2), &[FieldEdit::archive()]).await;
    assert_eq!(ids(&reading.conflicts(&Asked::default()).await.unwrap()), [record(3), record(1)]);
    assert!(matches!(reading.conflicts(&Asked { after: Some("x".to_owned()), max_size: 2 }).await, Err(ReadError::Cursor)));
}

#[tokio::test]
async fn a_refused_edit_is_kept_with_what_it_wanted_and_why() {
    let world = world().await;
    let mut ann = world.phone(1, "rep").await;
    let line = json!({"product_name": "Paper", "discount_percent": 15});
    let edits = [
        FieldEdit::set("title", "Quote"),
        FieldEdit::SetRow { field: "lines".into(), row: "r1".into(), values: line.as_object().unwrap().clone() },
    ];
    let quote = ann.write("offer", record(1), NOW, &edits);
    let price = ann.write("party", record(2), NOW + 1, &[credit(5)]);
    let verdicts = world.push(&ann, &[quote, price].concat(), NOW + 2).await;
    assert!(matches!(verdicts[..], [Verdict::Held { .. }, Verdict::Rejected { .. }]), "{verdicts:?}");

    let refused = world.reading("office").rejected(RefusedState::Open, &Wanted::default(), &Asked::default()).await.unwrap();
    let held = refused.rows.iter().find(|edit| edit.state == DeskState::Held).unwrap();
    assert_eq!((held.edit_time, held.who.user_name.as_deref()), (Some(NOW), Some("User 1")));
    assert!(held.message.en.contains("needs approval"), "{held:?}");
    assert!(held.edits.contains(&edits[0]) && held.edits.iter().any(|edit| edit.field() == "lines"), "{held:?}");
    assert_eq!(refused.rows.iter().find(|edit| edit.state == DeskState::Rejected).unwrap().edits, [credit(5)]);

    // Who may not read margins does not read what others wanted them to be.
    let seen = world.reading("rep").rejected(RefusedState::Open, &Wanted::default(), &Asked::default()).await.unwrap();
    assert_eq!(seen.rows.iter().map(|edit| edit.state).collect::<Vec<_>>(), [DeskState::Held]);
    assert_eq!(world.reading("office").rejected(RefusedState::Decided, &Wanted::default(), &Asked::default()).await.unwrap().rows, []);
    let first =
        world.reading("office").rejected(RefusedState::Open, &Wanted::default(), &Asked { after: None, max_size: 1 }).await.unwrap();
    let rest =
        world.reading("office").rejected(RefusedState::Open, &Wanted::default(), &Asked { after: first.next, max_size: 1 }).await.unwrap();
    assert_eq!((rest.rows.len(), rest.next), (1, None));
    assert_ne!(first.rows[0].change, rest.rows[0].change);
}

#[tokio::test]
async fn a_role_that_reads_its_own_records_finds_no_others() {
    let world = world().await;
    let me = caller(9, "rep").user;
    let mut own_only = world.phone(9, "rep").await;
    let made = own_only.write("party", record(3), NOW, &[FieldEdit::set("name", "made")]);
    world.push(&own_only, &made, NOW).await;
    world.write("party", record(1), &[FieldEdit::set("name", "owned"), FieldEdit::set("owner", me.to_string())]).await;
    world.write("party", record(2), &[FieldEdit::set("name", "others")]).await;
    world.write("deal", record(4), &[FieldEdit::set("title", "deal"), FieldEdit::set("party", record(2).to_string())]).await;

    let mut reading = world.reading("rep");
    reading.scope.kinds.get_mut("party").unwrap().near = Some(Near { user: me, level: Level::Own });
    let query = reading.query("party", [("orderBy", "name")]).unwrap();
    let listing = reading.list(&List { total: Count::All, ..List::of(query) }).await.unwrap();
    assert_eq!((titles(&listing), listing.total), (vec!["made", "owned"], Some(2)));
    // What was counted for somebody who sees all is not told to whoever sees less, nor the other way round.
    for _ in 0..2 {
        for (reading, count) in [(&world.reading("office"), 3), (&reading, 2)] {
            let list = List::of(reading.query("party", []).unwrap());
            assert_eq!(reading.count(&list).await.unwrap(), Counted { count, more: false });
            assert_eq!(reading.totals(&list, &Grouping::default()).await.unwrap().all.count, count);
        }
    }
    assert_eq!(reading.record(record(2)).await.unwrap(), None);
    assert_eq!(reading.history(record(2)).await.unwrap(), None);
    assert_eq!(reading.record(record(4)).await.unwrap().unwrap().links, []);
    let by_party = r#"[{"type": "equals", "attribute": "party.name", "value": "others"}]"#;
    let deals = reading.list(&List::of(reading.query("deal", [("where", by_party)]).unwrap())).await.unwrap();
    assert_eq!(deals.rows, []);
}

#[tokio::test]
async fn two_sellers_quote_jiamei_2900_and_2700_and_everybody_concerned_sees_it() {
    let world = world().await;
    let (mut ann, mut bo) = (world.phone(1, "rep").await, world.phone(2, "rep").await);
    world.write("party", record(1), &[FieldEdit::set("name", "佳美")]).await;
    world
        .write(
            "party",
            record(2),
            &[FieldEdit::set("name", "佳美办公"), FieldEdit::Add { field: "alias_of".into(), value: record(1).to_string() }],
        )
        .await;
    world.write("product", record(3), &[FieldEdit::set("name", "复印机")]).await;
    let quote = |phone: &mut Phone, id: RecordId, party: RecordId, yuan: i64| {
        let line = json!({"product": record(3), "price": {"amount": yuan * 100, "currency": "CNY"}});
        let owner = phone.author.user.to_string();
        let edits = [
            FieldEdit::set("title", "报价"),
            FieldEdit::set("form", "quote"),
            FieldEdit::set("party", party.to_string()),
            FieldEdit::set("owner", owner),
            FieldEdit::SetRow { field: "lines".into(), row: "r1".into(), values: line.as_object().unwrap().clone() },
        ];
        phone.write("offer", id, NOW, &edits)
    };
    let (anns, bos) = (quote(&mut ann, record(11), record(1), 2900), quote(&mut bo, record(12), record(2), 2700));
    world.push(&ann, &anns, NOW).await;
    assert_eq!(world.reading("rep").quote_collisions().await.unwrap().rows, []);
    world.push(&bo, &bos, NOW).await;

    let found = world.reading("manager").quote_collisions().await.unwrap();
    let [collision] = found.rows.as_slice() else { panic!("{found:?}") };
    assert_eq!((collision.party, collision.lowest, collision.highest, found.cut), (record(1), 270_000, 290_000, false));
    let sellers: Vec<_> = collision.quotes.iter().map(|quote| found.names[&RecordId(quote.owner.unwrap().0)].title.as_str()).collect();
    assert_eq!((sellers, found.names[&record(3)].title.as_str()), (vec!["User 2", "User 1"], "复印机"));

    for (offer, edits) in sync_core::actions::quotes::settle(collision, record(12)) {
        world.write("offer", offer, &edits).await;
    }
    assert_eq!(world.reading("manager").quote_collisions().await.unwrap().rows, []);
}

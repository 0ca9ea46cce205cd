//! Who gets what, and when it is taken from them again.

use std::collections::{BTreeMap, BTreeSet};

use sync_core::id::{Facet, RecordId, UserId, WorkspaceId};
use sync_core::protocol::{Delivered, Entry, PAGE_BYTES, Subscription, Subscriptions, Whose};
use sync_core::record::fields::FieldEdit;

use super::*;
use crate::intake::{Expect, Intake, RecordEdit, ServerPen};
use crate::store::Options;
use crate::store::workspaces::SealKey;

const NOW: Millis = 1_800_000_000_000;
const DAY: Millis = 86_400_000;

struct World {
    store: Store,
    intake: Intake,
    now: Millis,
    _folder: tempfile::TempDir,
}

/// A device as far as the feed is concerned: what it holds, and where it stands.
struct Phone {
    reader: Reader,
    cursor: Option<Cursor>,
    held: BTreeMap<RecordId, BTreeMap<u64, Delivered>>,
    /// Entries of the last sync.
    entries: usize,
    wants: Option<Subscriptions>,
    max_bytes: u64,
}

fn workspace() -> WorkspaceId {
    WorkspaceId::of_cause("sight")
}

fn user(name: &str) -> UserId {
    UserId::of_cause(name)
}

fn record(name: &str) -> RecordId {
    RecordId::of_cause(name)
}

fn set(field: &str, value: impl Into<serde_json::Value>) -> FieldEdit {
    FieldEdit::set(field, value)
}

fn add(field: &str, value: &str) -> FieldEdit {
    FieldEdit::Add { field: field.into(), value: value.into() }
}

fn remove(field: &str, value: &str) -> FieldEdit {
    FieldEdit::Remove { field: field.into(), value: value.into() }
}

fn owner(name: &str) -> FieldEdit {
    set("owner", user(name).to_string())
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Options::new(folder.path().join("rapport.db"))).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    workspaces::add(&mut tx, workspace(), "sight", [1; 16], SealKey([2; 32]), NOW).await.unwrap();
    tx.commit().await.unwrap();
    let intake = Intake::start(store.clone(), ServerPen::new([0xee; 16]), None).await.unwrap();
    World { store, intake, now: NOW, _folder: folder }
}

impl World {
    async fn write(&self, kind: &str, name: &str, edits: &[FieldEdit]) {
        self.write_as("office", kind, record(name), edits).await;
    }

    async fn write_as(&self, who: &str, kind: &str, record: RecordId, edits: &[FieldEdit]) {
        let author = self.intake.on_behalf(workspace(), user(who), "office".parse().unwrap());
        let edit = RecordEdit { kind: kind.parse().unwrap(), record, edits: edits.to_vec(), expect: Expect::Any };
        self.intake.edit(&author, vec![edit], self.now, None).await.unwrap().remove(0).unwrap();
    }

    async fn member(&self, name: &str, edits: &[FieldEdit]) {
        let edits: Vec<FieldEdit> = [set("name", name)].into_iter().chain(edits.iter().cloned()).collect();
        self.write_as("office", "member", RecordId(user(name).0), &edits).await;
    }

    async fn sync(&self, phone: &mut Phone) {
        self.sync_from(phone, None).await;
    }

    async fn sync_from(&self, phone: &mut Phone, wanted: Option<&Subscriptions>) {
        phone.entries = 0;
        loop {
            let asked = Asked { cursor: phone.cursor.as_ref(), max_bytes: phone.max_bytes, wants: phone.wants.as_ref(), wanted };
            let page = page(&self.store, &self.intake.rules(workspace()), &phone.reader, &asked, self.now).await.unwrap();
            phone.entries += page.entries.len();
            page.entries.into_iter().for_each(|entry| phone.take(entry));
            phone.cursor = Some(Cursor::parse(&page.cursor).unwrap());
            if !page.more {
                return;
            }
        }
    }
}

impl Phone {
    fn of(name: &str, role: &str) -> Self {
        let reader = Reader { workspace: workspace(), user: user(name), role: role.parse().unwrap() };
        Self { reader, cursor: None, held: BTreeMap::new(), entries: 0, wants: None, max_bytes: PAGE_BYTES }
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Change(change) => drop(self.held.entry(change.record).or_default().insert(change.position, change)),
            Entry::Purge { record } => drop(self.held.remove(&record)),
            Entry::Wipe => self.held.clear(),
            Entry::Leave { kind, record, facet } => {
                let is_it = |change: &Delivered| {
                    change.kind == kind
                        && record.is_none_or(|record| record == change.record)
                        && facet.is_none_or(|facet| facet == change.facet)
                };
                self.held.values_mut().for_each(|changes| changes.retain(|_, change| !is_it(change)));
                self.held.retain(|_, changes| !changes.is_empty());
            }
        }
    }

    /// The records of these names that the phone holds.
    fn holds(&self, names: &[&str]) -> Vec<String> {
        names.iter().filter(|name| self.held.contains_key(&record(name))).map(|&name| name.to_owned()).collect()
    }

    fn facets(&self, name: &str) -> BTreeSet<Facet> {
        self.held.get(&record(name)).into_iter().flatten().map(|(_, change)| change.facet).collect()
    }

    /// How many changes of a record the phone holds.
    fn changes(&self, name: &str) -> usize {
        self.held.get(&record(name)).map_or(0, BTreeMap::len)
    }
}

#[tokio::test]
async fn an_agent_gets_what_is_theirs_and_what_belongs_to_their_customers() {
    let world = world().await;
    world.write("party", "anns", &[set("name", "佳美"), owner("ann")]).await;
    world.write("party", "bos", &[set("name", "明月"), owner("bo")]).await;
    let party = |name: &str| set("party", record(name).to_string());
    world.write("deal", "bos deal at anns", &[set("title", "Paper"), party("anns"), owner("bo")]).await;
    world.write("activity", "call", &[set("subject", "Call"), add("about", &record("bos deal at anns").to_string())]).await;
    world.write("deal", "bos deal", &[set("title", "Ink"), party("bos"), owner("bo")]).await;
    world.write("product", "paper", &[set("name", "Paper")]).await;
    let mut ann = Phone::of("ann", "agent");
    world.sync(&mut ann).await;
    let all = ["anns", "bos", "bos deal at anns", "call", "bos deal", "paper"];
    assert_eq!(ann.holds(&all), ["anns", "bos deal at anns", "call", "paper"]);
    let mut bo = Phone::of("bo", "agent");
    world.sync(&mut bo).await;
    // His own deal at somebody else's customer he sees, the customer he does not.
    assert_eq!(bo.holds(&all), ["bos", "bos deal at anns", "call", "bos deal", "paper"]);
}

#[tokio::test]
async fn a_handed_over_customer_leaves_one_phone_and_comes_whole_to_the_other_with_all_that_follows_it() {
    let world = world().await;
    world.write("party", "jiamei", &[set("name", "佳美"), owner("ann")]).await;
    world.write("party", "jiamei", &[set("industry", "print")]).await;
    world.write("deal", "deal", &[set("title", "Paper"), set("party", record("jiamei").to_string()), owner("ann")]).await;
    let (mut ann, mut bo) = (Phone::of("ann", "agent"), Phone::of("bo", "agent"));
    world.sync(&mut ann).await;
    world.sync(&mut bo).await;
    assert_eq!((ann.changes("jiamei"), bo.changes("jiamei")), (2, 0));
    world.write("party", "jiamei", &[owner("bo")]).await;
    world.sync(&mut ann).await;
    world.sync(&mut bo).await;
    // The deal is still hers.
    assert_eq!(ann.holds(&["jiamei", "deal"]), ["deal"]);
    assert_eq!((bo.changes("jiamei"), bo.changes("deal")), (3, 1));
    // Up to date: nothing more comes, in one small answer.
    world.sync(&mut ann).await;
    world.sync(&mut bo).await;
    assert_eq!((ann.entries, bo.entries), (0, 0));
    assert!(bo.cursor.as_ref().unwrap().bytes().len() < 200, "{}", bo.cursor.unwrap().bytes().len());
}

#[tokio::test]
async fn offline_for_a_year_while_a_territory_moved_twice_loses_nothing_and_shows_nothing() {
    let world = world().await;
    world.member("ann", &[add("territories", "north")]).await;
    world.member("bo", &[add("territories", "south")]).await;
    world.write("party", "jiamei", &[set("name", "佳美"), add("territories", "north")]).await;
    world.write("party", "mingyue", &[set("name", "明月"), add("territories", "north")]).await;
    let (mut ann, mut bo) = (Phone::of("ann", "regional"), Phone::of("bo", "regional"));
    world.sync(&mut ann).await;
    world.sync(&mut bo).await;
    assert_eq!((ann.holds(&["jiamei", "mingyue"]).len(), bo.holds(&["jiamei", "mingyue"]).len()), (2, 0));
    for (from, to) in [("north", "south"), ("south", "north")] {
        world.write("party", "jiamei", &[remove("territories", from), add("territories", to)]).await;
        world.write("party", "jiamei", &[set("industry", to)]).await;
    }
    world.write("party", "mingyue", &[remove("territories", "north"), add("territories", "south")]).await;
    world.sync(&mut ann).await;
    world.sync(&mut bo).await;
    assert_eq!((ann.changes("jiamei"), ann.changes("mingyue")), (5, 0));
    assert_eq!((bo.changes("jiamei"), bo.changes("mingyue")), (0, 2));
    // The people move, not the customers.
    world.member("ann", &[remove("territories", "north"), add("territories", "south")]).await;
    world.member("bo", &[remove("territories", "south")]).await;
    world.sync(&mut ann).await;
    world.sync(&mut bo).await;
    assert_eq!((ann.holds(&["jiamei", "mingyue"]), bo.holds(&["jiamei", "mingyue"])), (vec!["mingyue".to_owned()], Vec::new()));
    assert_eq!(ann.changes("mingyue"), 2);
}

#[tokio::test]
async fn a_team_sees_what_its_people_own_and_a_leader_what_reports_own() {
    let world = world().await;
    world.member("ann", &[add("teams", "east")]).await;
    world.member("bo", &[]).await;
    world.write("party", "bos", &[set("name", "明月"), owner("bo")]).await;
    world.write("party", "shared", &[set("name", "云天"), owner("chen"), add("teams", "east")]).await;
    let mut ann = Phone::of("ann", "leader");
    world.sync(&mut ann).await;
    assert_eq!(ann.holds(&["bos", "shared"]), ["shared"]);
    world.member("bo", &[add("teams", "east")]).await;
    world.sync(&mut ann).await;
    assert_eq!(ann.holds(&["bos", "shared"]), ["bos", "shared"]);
    world.member("bo", &[remove("teams", "east")]).await;
    world.sync(&mut ann).await;
    assert_eq!(ann.holds(&["bos", "shared"]), ["shared"]);
    world.member("bo", &[set("reports_to", user("ann").to_string())]).await;
    world.sync(&mut ann).await;
    assert_eq!(ann.holds(&["bos", "shared"]), ["bos", "shared"]);
}

#[tokio::test]
async fn another_role_takes_what_it_may_not_see_and_brings_what_it_may_in_pages_of_any_size() {
    for max_bytes in [1, 300, PAGE_BYTES] {
        let world = world().await;
        let money = serde_json::json!({"amount": 1, "currency": "CNY"});
        for n in 0..30 {
            let who = if n % 3 == 0 { "ann" } else { "bo" };
            world
                .write("party", &format!("party {n}"), &[set("name", n.to_string()), owner(who), set("credit_limit", money.clone())])
                .await;
            world.write("party", &format!("party {n}"), &[set("industry", "print")]).await;
        }
        let mut ann = Phone { max_bytes, ..Phone::of("ann", "manager") };
        world.sync(&mut ann).await;
        assert_eq!((ann.held.len(), ann.changes("party 1"), ann.entries), (30, 3, 90));
        ann.reader.role = "agent".parse().unwrap();
        world.sync(&mut ann).await;
        assert_eq!((ann.held.len(), ann.changes("party 0"), ann.changes("party 1")), (10, 2, 0));
        assert_eq!(ann.facets("party 0"), [Facet::Main].into());
        ann.reader.role = "rep".parse().unwrap();
        world.sync(&mut ann).await;
        assert_eq!((ann.held.len(), ann.changes("party 1")), (30, 2));
        // No such role: nothing.
        ann.reader.role = "nobody".parse().unwrap();
        world.sync(&mut ann).await;
        assert_eq!(ann.held.len(), 0);
    }
}

#[tokio::test]
async fn a_role_that_changes_in_the_middle_of_a_sync_and_back_ends_where_it_should() {
    let world = world().await;
    for n in 0..40 {
        let who = if n % 2 == 0 { "ann" } else { "bo" };
        world.write("party", &format!("party {n}"), &[set("name", n.to_string()), owner(who)]).await;
    }
    let mut ann = Phone { max_bytes: 500, ..Phone::of("ann", "rep") };
    world.sync(&mut ann).await;
    for role in ["agent", "rep", "agent"] {
        ann.reader.role = role.parse().unwrap();
        let asked = Asked::after(ann.cursor.as_ref(), 500);
        let page = page(&world.store, &world.intake.rules(workspace()), &ann.reader, &asked, NOW).await.unwrap();
        assert!(page.more);
        page.entries.into_iter().for_each(|entry| ann.take(entry));
        ann.cursor = Some(Cursor::parse(&page.cursor).unwrap());
        // And meanwhile a customer moves.
        world.write("party", "party 0", &[owner(if role == "rep" { "ann" } else { "bo" })]).await;
    }
    world.sync(&mut ann).await;
    let expected: Vec<String> = (1..40).filter(|n| n % 2 == 0).map(|n| format!("party {n}")).collect();
    let names: Vec<String> = (0..40).map(|n| format!("party {n}")).collect();
    assert_eq!(ann.holds(&names.iter().map(String::as_str).collect::<Vec<_>>()), expected);
}

#[tokio::test]
async fn a_phone_may_want_less_than_it_may_see() {
    let world = world().await;
    world.write("party", "anns", &[set("name", "佳美"), owner("ann")]).await;
    world.write("party", "bos", &[set("name", "明月"), owner("bo")]).await;
    world.write("deal", "deal", &[set("title", "Paper"), set("party", record("bos").to_string()), owner("bo")]).await;
    let all = ["anns", "bos", "deal"];
    let of = |whose| Subscription::of(whose);
    let mut ann = Phone::of("ann", "rep");
    ann.wants = Some(Subscriptions(vec![of(Whose::Mine)]));
    world.sync(&mut ann).await;
    assert_eq!(ann.holds(&all), ["anns"]);
    // One customer more, with what follows it.
    let before = ann.wants.replace(Subscriptions(vec![of(Whose::Mine), of(Whose::Customer(record("bos")))]));
    world.sync_from(&mut ann, before.as_ref()).await;
    assert_eq!((ann.holds(&all), ann.entries), (all.map(str::to_owned).to_vec(), 2));
    world.write("activity", "call", &[set("subject", "Call"), add("about", &record("deal").to_string())]).await;
    world.sync(&mut ann).await;
    assert_eq!(ann.holds(&["call"]), ["call"]);
    // And one less; its deals only.
    let deals = Subscription { kinds: vec!["deal".parse().unwrap()], ..Subscription::everything() };
    let before = ann.wants.replace(Subscriptions(vec![deals.clone()]));
    world.sync_from(&mut ann, before.as_ref()).await;
    assert_eq!(ann.holds(&["anns", "bos", "deal", "call"]), ["deal"]);
    let estimated = estimate(&world.store, &world.intake.rules(workspace()), &ann.reader, &deals, NOW).await.unwrap();
    assert_eq!((estimated.records, estimated.bytes > 50, estimated.files), (1, true, 0));
    // Wanting it gives no right to it.
    let mut bo = Phone::of("bo", "agent");
    bo.wants = Some(Subscriptions(vec![of(Whose::Customer(record("anns")))]));
    world.sync(&mut bo).await;
    assert_eq!(bo.held.len(), 0);
    let anns =
        estimate(&world.store, &world.intake.rules(workspace()), &bo.reader, &of(Whose::Customer(record("anns"))), NOW).await.unwrap();
    assert_eq!(anns.records, 0);
}

#[tokio::test]
async fn what_was_quiet_for_long_comes_whole_when_it_wakes() {
    let mut world = world().await;
    world.write("party", "old", &[set("name", "佳美")]).await;
    world.now += 100 * DAY;
    world.write("party", "new", &[set("name", "明月")]).await;
    let mut ann = Phone::of("ann", "rep");
    ann.wants = Some(Subscriptions(vec![Subscription { days: Some(30), ..Subscription::everything() }]));
    world.sync(&mut ann).await;
    assert_eq!(ann.holds(&["old", "new"]), ["new"]);
    world.write("party", "old", &[set("industry", "print")]).await;
    world.sync(&mut ann).await;
    assert_eq!((ann.changes("old"), ann.entries), (2, 2));
    world.write("party", "old", &[set("website", "https://example.com")]).await;
    world.sync(&mut ann).await;
    assert_eq!((ann.changes("old"), ann.entries), (3, 1));
}

#[tokio::test]
async fn a_workspace_from_before_is_worked_out_at_the_next_start() {
    let world = world().await;
    world.member("ann", &[add("teams", "east")]).await;
    world.member("bo", &[add("teams", "east")]).await;
    world.write("party", "bos", &[set("name", "明月"), owner("bo")]).await;
    world.write("deal", "deal", &[set("title", "Paper"), set("party", record("bos").to_string())]).await;
    world.write("party", "chens", &[set("name", "云天"), owner("chen")]).await;
    let mut tx = world.store.begin().await.unwrap();
    sight::forget_all(&mut tx, workspace()).await.unwrap();
    tx.commit().await.unwrap();
    let intake = Intake::start(world.store.clone(), ServerPen::new([0xef; 16]), None).await.unwrap();
    let world = World { intake, ..world };
    let mut ann = Phone::of("ann", "leader");
    world.sync(&mut ann).await;
    assert_eq!(ann.holds(&["bos", "deal", "chens"]), ["bos", "deal"]);
}

//! A kind that says otherwise whose its records are: lists and phones follow, and the check finds nothing.

use std::time::Duration;

use rapport_server::intake::{Expect, Intake, RecordEdit, ServerPen};
use rapport_server::jobs::check::{self, Difference};
use rapport_server::jobs::import;
use rapport_server::store::owed;
use serde_json::{Value, json};
use sync_core::id::{RecordId, UserId};
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::checks::damage;
use crate::handset::Handset;
use crate::harness::{START, Server};

fn site(whose: &str) -> String {
    format!(
        r#"
name = "site"
label = {{ en = "Site", zh = "工地" }}
plural = {{ en = "Sites", zh = "工地" }}
title = "name"
list = ["name"]
{whose}

[[field]]
name = "name"
label = {{ en = "Name", zh = "名称" }}
required = true

[[field]]
name = "owner"
label = {{ en = "Owner", zh = "负责人" }}
type = "link"
to = ["member"]

[[field]]
name = "keeper"
label = {{ en = "Keeper", zh = "看管人" }}
type = "link"
to = ["member"]

[[field]]
name = "party"
label = {{ en = "Customer", zh = "客户" }}
type = "link"
to = ["party"]
"#
    )
}

/// Follows its site.
const SURVEY: &str = r#"
name = "survey"
label = { en = "Survey", zh = "勘察" }
plural = { en = "Surveys", zh = "勘察" }
title = "name"
list = ["name"]
sharing = { follows = "site" }

[[field]]
name = "name"
label = { en = "Name", zh = "名称" }
required = true

[[field]]
name = "site"
label = { en = "Site", zh = "工地" }
type = "link"
to = ["site"]
"#;

/// Two agents with phones, a site of the one that the other keeps, and what follows it.
struct Yard {
    server: Server,
    kind: String,
    site: String,
    survey: String,
    phones: [Handset; 2],
}

fn id(path: &str) -> RecordId {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

impl Yard {
    async fn new() -> Self {
        let server = Server::start().await;
        let office = Client::office(&server).await;
        let people = ["cy", "di"].map(UserId::of_cause);
        for login in ["cy", "di"] {
            Client::of_role(&server, login, "agent").await;
        }
        let kind = office.make("kind", json!({"name": "site", "definition": site("owner = \"owner\"")})).await;
        office.make("kind", json!({"name": "survey", "definition": SURVEY})).await;
        let customer = office.make("party", json!({"name": "Jiamei", "owner": people[1]})).await;
        let fields = json!({"name": "Bridge", "owner": people[0], "keeper": people[1], "party": id(&customer)});
        let site = office.make("site", fields).await;
        let survey = office.make("survey", json!({"name": "Soil", "site": id(&site)})).await;
        let phones = [Handset::of(&server, people[0]).await, Handset::of(&server, people[1]).await];
        Self { server, kind, site, survey, phones }
    }

    async fn say(&self, whose: &str) {
        let office = Client::office(&self.server).await;
        let edit = json!([{"op": "set", "field": "definition", "value": site(whose)}]);
        let answer = office.edit(&self.kind, edit).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Whether each agent sees the site and its survey, in lists, one by one, and on the phone: all alike.
    async fn seen(&mut self) -> [bool; 2] {
        let mut seen = [false; 2];
        for (at, login) in ["cy", "di"].into_iter().enumerate() {
            let agent = Client::signed_in(&self.server, login).await;
            let phone = &mut self.phones[at];
            phone.sync(&self.server).await;
            let mut ways = Vec::new();
            for (kind, path) in [("site", &self.site), ("survey", &self.survey)] {
                let list = agent.list(kind, &[("total", "true")]).await.json();
                ways.push(list["total"] == json!(1));
                ways.push(agent.get(path).await.status == 200);
                ways.push(phone.fields(id(path)).is_some_and(|fields| fields["name"] != Value::Null));
            }
            assert!(ways.iter().all(|way| *way == ways[0]), "{login}: {ways:?}");
            seen[at] = ways[0];
        }
        assert_eq!(differences(&self.server).await, Vec::<String>::new());
        seen
    }
}

async fn differences(server: &Server) -> Vec<String> {
    let mut found = Vec::new();
    let tell = &mut |difference: &Difference| found.push(difference.to_string());
    check::check(&server.app, server.workspace, true, tell, &mut |_| {}).await.unwrap();
    found
}

#[tokio::test]
async fn whoever_a_kind_calls_the_owner_from_now_on_sees_its_records_and_whoever_it_did_does_not() {
    let mut yard = Yard::new().await;
    assert_eq!(yard.seen().await, [true, false]);
    yard.say("owner = \"keeper\"").await;
    assert_eq!(yard.seen().await, [false, true]);
    yard.say("owner = \"owner\"").await;
    assert_eq!(yard.seen().await, [true, false], "what comes back comes whole");
}

#[tokio::test]
async fn records_that_begin_to_follow_a_customer_are_seen_with_it() {
    let mut yard = Yard::new().await;
    yard.say("owner = \"owner\"\nsharing = { follows = \"party\" }").await;
    assert_eq!(yard.seen().await, [true, true]);
    yard.say("owner = \"owner\"").await;
    assert_eq!(yard.seen().await, [true, false]);
    yard.say("owner = \"owner\"\nsharing = { everyone = true }").await;
    let agent = Client::signed_in(&yard.server, "di").await;
    assert_eq!((agent.get(&yard.site).await.status.as_u16(), agent.get(&yard.survey).await.status.as_u16()), (200, 404));
    yard.phones[1].sync(&yard.server).await;
    assert!(yard.phones[1].fields(id(&yard.site)).is_some());
    assert_eq!(differences(&yard.server).await, Vec::<String>::new());
}

/// Sites of the one, kept by the other: more than are worked out at once.
async fn many(server: &Server) -> usize {
    const SITES: u8 = 255;
    let (office, _) = import::author(&server.app, server.workspace, Some("ann")).await.unwrap();
    let people = ["cy", "di"].map(|login| UserId::of_cause(login).to_string());
    for batch in 0..5 {
        let edit = |n: u8| RecordEdit {
            kind: "site".parse().unwrap(),
            record: RecordId::new(START + batch, [n; 10]),
            edits: vec![FieldEdit::set("name", "Site"), FieldEdit::set("owner", &*people[0]), FieldEdit::set("keeper", &*people[1])],
            expect: Expect::New,
        };
        let made = server.app.intake.edit(&office, (0..SITES).map(edit).collect(), START, None).await.unwrap();
        assert!(made.iter().all(Result::is_ok));
    }
    5 * usize::from(SITES)
}

/// What the check finds once nothing is owed any more.
async fn when_it_is_done(server: &Server) -> Vec<String> {
    let done = async {
        while !owed::debtors(&mut server.app.store.reader().await.unwrap()).await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), done).await.expect("it is never done");
    differences(server).await
}

#[tokio::test]
async fn what_is_owed_for_many_records_goes_on_by_itself() {
    let mut yard = Yard::new().await;
    let sites = many(&yard.server).await + 1;
    yard.phones[1].sync(&yard.server).await;
    yard.say("owner = \"keeper\"").await;
    assert_eq!(when_it_is_done(&yard.server).await, Vec::<String>::new());
    let agent = Client::signed_in(&yard.server, "di").await;
    assert_eq!(agent.list("site", &[("total", "true")]).await.json()["total"], json!(sites));
    yard.phones[1].sync(&yard.server).await;
    let held = yard.phones[1].device.all_rows().unwrap().into_iter().filter(|row| &*row.kind == "site").count();
    assert_eq!(held, sites);
}

#[tokio::test]
async fn what_was_owed_when_the_server_stopped_is_worked_out_at_the_next_start() {
    let yard = Yard::new().await;
    many(&yard.server).await;
    let stopped = "update holders set holder = 'user:' || '00000000-0000-0000-0000-000000000001' where own = 1 and record in \
                   (select record from rows where kind = 'site'); \
                   insert into holder_debts (workspace, kind) select workspace, 'site' from workspaces";
    damage(&yard.server, stopped).await;
    assert!(!differences(&yard.server).await.is_empty());
    let pen = ServerPen::new([9; 16]);
    let _next = Intake::start(yard.server.app.store.clone(), pen, None).await.unwrap();
    assert_eq!(when_it_is_done(&yard.server).await, Vec::<String>::new());
}

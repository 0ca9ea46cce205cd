//! The audit log: what is in it, and that nobody changes it unnoticed.

use rapport_server::audit::{self, Act, Note, Tampered};
use rapport_server::jobs::import::{self, ImportId};
use rapport_server::store::StoreError;
use reqwest::Method;
use sqlx::Connection;

use serde_json::{Value, json};
use sync_core::access::RoleSet;
use sync_core::id::UserId;
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::console::Desk;
use crate::handset::Handset;
use crate::harness::{PASSWORD, START, Server};

/// The log, oldest first: what was done, by whom, to what.
async fn noted(server: &Server) -> Vec<(String, Option<UserId>, String)> {
    let mut tx = server.app.store.reader().await.unwrap();
    let entries = rapport_server::store::trail::after(&mut tx, server.workspace, 0, 100).await.unwrap();
    entries.into_iter().map(|entry| (entry.act, entry.user, entry.subject)).collect()
}

async fn verified(server: &Server) -> audit::Verified {
    audit::verify(&server.app.store, server.workspace, &[]).await.unwrap()
}

/// What somebody with the database's file can do.
async fn tamper(server: &Server, statements: &str) {
    let url = format!("sqlite://{}", server.app.store.path().display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned())).execute(&mut connection).await.unwrap();
}

async fn write(server: &Server, entries: i64) {
    for number in 1..=entries {
        keep(server, Note::of(server.workspace, None, Act::Exported, number)).await;
    }
}

async fn keep(server: &Server, note: Note) {
    server.app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { note.write(tx, START).await })).await.unwrap();
}

#[tokio::test]
async fn who_comes_and_goes_and_what_they_open_is_written_down() {
    let server = Server::start().await;
    server.api_sign_in("ann", "canary-wrong-password").await;
    server.api_sign_in("canary-of-nobody", PASSWORD).await;
    let token = server.token().await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    server.send(Method::POST, "/api/v1/devices/codes", &headers, r#"{"login": "bo"}"#).await;
    let device = sync_core::id::DeviceId::of_cause("nothing");
    assert!(!server.app.auth.revoke_device(server.workspace, device, None).await.unwrap());
    server.app.auth.disable_user(server.workspace, sync_core::id::UserId::of_cause("bo"), Some(server.ann)).await.unwrap();
    server.send(Method::POST, "/api/v1/sign-out", &headers, "").await;
    let (ann, bo) = (server.ann, sync_core::id::UserId::of_cause("bo"));
    let told = [
        ("sign_in_failed", None, ann.to_string()),
        ("signed_in", Some(ann), ann.to_string()),
        ("device_code", Some(ann), bo.to_string()),
        ("user_disabled", Some(ann), bo.to_string()),
        ("signed_out", Some(ann), ann.to_string()),
    ];
    assert_eq!(noted(&server).await, told.map(|(act, by, subject)| (act.to_owned(), by, subject)));
    assert_eq!(verified(&server).await.tampered, None);
    let mut tx = server.app.store.reader().await.unwrap();
    let entries = rapport_server::store::trail::after(&mut tx, server.workspace, 0, 100).await.unwrap();
    assert!(!format!("{entries:?}").contains("canary"), "what was typed is not in it");
}

#[tokio::test]
async fn an_altered_deleted_swapped_or_cut_entry_is_found_wherever_it_is() {
    for number in 1..=6 {
        for (sql, expected) in [
            (format!("update audit set at = at + 1 where number = {number}"), Tampered::Altered(number)),
            (format!("update audit set act = 'imported' where number = {number}"), Tampered::Altered(number)),
            (format!("update audit set user_id = x'00112233445566778899aabbccddeeff' where number = {number}"), Tampered::Altered(number)),
            (
                format!("delete from audit where number = {number}"),
                if number < 6 { Tampered::Missing(number) } else { Tampered::Cut { found: 5, expected: 6 } },
            ),
        ] {
            let server = Server::start().await;
            write(&server, 6).await;
            tamper(&server, &sql).await;
            assert_eq!(verified(&server).await.tampered, Some(expected), "{sql}");
        }
    }
}

#[tokio::test]
async fn an_entry_that_was_put_before_the_first_one_is_found() {
    for number in [0, -5] {
        let server = Server::start().await;
        write(&server, 2).await;
        let sql =
            format!("insert into audit select workspace, {number}, at, user_id, act, subject, detail, hash from audit where number = 1");
        tamper(&server, &sql).await;
        let found = verified(&server).await.tampered;
        assert_eq!(found, Some(Tampered::Added(number)));
        assert!(found.unwrap().to_string().contains(&format!("entry {number} was added")));
    }
}

#[tokio::test]
async fn a_whole_new_log_does_not_contain_what_was_noted() {
    let server = Server::start().await;
    write(&server, 3).await;
    let noted = verified(&server).await;
    let noted = (noted.entries, noted.head);
    write(&server, 1).await;
    assert_eq!(audit::verify(&server.app.store, server.workspace, &[noted]).await.unwrap().tampered, None);
    tamper(&server, "delete from audit; delete from audit_heads;").await;
    assert_eq!(verified(&server).await.tampered, Some(Tampered::Emptied), "the workspace has accounts");
    let found = audit::verify(&server.app.store, server.workspace, &[noted]).await.unwrap().tampered;
    assert_eq!(found, Some(Tampered::Cut { found: 0, expected: 3 }));
    for _ in 0..5 {
        write(&server, 1).await;
    }
    let found = audit::verify(&server.app.store, server.workspace, &[noted]).await.unwrap().tampered;
    assert_eq!(found, Some(Tampered::Rewritten(3)));
}

#[tokio::test]
async fn administrators_read_and_check_it_on_its_page_and_others_do_not() {
    let server = Server::start().await;
    let (_, cookie) = server.browser_sign_in(&[]).await;
    let page = server.get("/audit?verify=true", &[("cookie", &cookie)]).await;
    assert!(page.text().contains("Signed in") && page.text().contains("none altered"), "{}", page.text());
    let filtered = server.get("/audit?act=exported", &[("cookie", &cookie)]).await.text();
    assert!(filtered.contains("Nothing is in the log"));
    tamper(&server, "update audit set subject = 'somebody else' where number = 1").await;
    assert!(server.get("/audit?verify=true", &[("cookie", &cookie)]).await.text().contains("Entry 1 was altered"));
    let rep = Client::of_role(&server, "cy", "rep").await;
    assert_eq!(rep.get("/audit").await.status, 403);
}

/// The subjects and details of all entries of an act, oldest first.
pub async fn entries(server: &Server, act: &str) -> Vec<(String, Value)> {
    let mut tx = server.app.store.reader().await.unwrap();
    let entries = rapport_server::store::trail::after(&mut tx, server.workspace, 0, 500).await.unwrap();
    let of_act = entries.into_iter().filter(|entry| entry.act == act);
    of_act.map(|entry| (entry.subject, serde_json::from_str(&entry.detail).unwrap())).collect()
}

#[tokio::test]
async fn whatever_is_put_away_is_written_down_whichever_door_it_comes_through() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let mut made = Vec::new();
    for name in ["canary one", "canary two", "canary three"] {
        made.push(office.make("party", json!({"name": name})).await);
    }
    let ids: Vec<&str> = made.iter().map(|address| address.rsplit('/').next().unwrap()).collect();
    assert_eq!(office.post(&format!("{}/archive", made[0]), json!({})).await.status, 200);
    assert_eq!(desk.post(&format!("/records/party/{}/archive", ids[1]), &[]).await.status, 303);
    let mut phone = Handset::of(&desk.server, UserId::of_cause("bo")).await;
    phone.sync(&desk.server).await;
    phone.edit(&desk.server, "party", ids[2].parse().unwrap(), &[FieldEdit::archive()]);
    phone.sync(&desk.server).await;
    let expected: Vec<(String, Value)> = ids.iter().map(|id| ("party".to_owned(), json!({"records": [id]}))).collect();
    assert_eq!(entries(&desk.server, "archived").await, expected);
    let page = desk.get("/audit?act=archived").await.text();
    let link = format!("Archived <span class=\"many\"><span><a href=\"/records/party/{}\">canary one</a>", ids[0]);
    assert!(page.contains(&link) && page.contains(&format!("<a href=\"/people/{}\">", desk.server.ann)), "{page}");
    assert_eq!(verified(&desk.server).await.tampered, None);
}

#[tokio::test]
async fn what_is_taken_out_is_written_down_with_how_and_of_which_list() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    office.make("party", json!({"name": "Jiamei", "industry": "canary"})).await;
    let filter = "%5B%7B%22type%22%3A%22equals%22%2C%22attribute%22%3A%22industry%22%2C%22value%22%3A%22canary%22%7D%5D";
    assert_eq!(desk.get(&format!("/records/party/export.csv?where={filter}")).await.status, 200);
    let condition = json!([{"type": "equals", "attribute": "industry"}]);
    let expected = json!({"format": "csv", "records": 1, "filter": condition});
    assert_eq!(entries(&desk.server, "exported").await, [("party".to_owned(), expected)]);
    let page = desk.get("/audit?act=exported").await.text();
    assert!(page.contains("Exported Customers") && page.contains("1 record · CSV · narrowed by industry"), "{page}");
    desk.post("/language", &[("language", "zh-CN")]).await;
    let page = desk.get("/audit?act=exported").await.text();
    assert!(page.contains("导出了客户") && page.contains("筛选条件：industry"), "{page}");
}

#[tokio::test]
async fn steps_of_approvals_rules_and_devices_that_are_let_in_are_told_in_the_readers_language() {
    let desk = Desk::new().await;
    let (place, rule, device) = (desk.server.workspace, crate::console::record(8), desk.ann.author.device);
    let asked = json!({"decision": "approved", "kind": "offer", "record": crate::console::record(9)});
    keep(&desk.server, Note::of(place, None, Act::Decided, "a change").with(asked)).await;
    keep(&desk.server, Note::of(place, None, Act::RightsChanged, format!("rule {rule}")).with(json!({"approval": true}))).await;
    keep(&desk.server, Note::of(place, None, Act::DeviceEnrolled, device).with(json!({"confirmed": true}))).await;
    keep(&desk.server, Note::of(place, None, Act::Imported, "party").with(json!({"rows": 1, "sample": true}))).await;
    let english =
        ["an edit of Quote or order #", "Approved one step", "a rule for approvals", "its fingerprint was compared", "sample data"];
    let page = desk.get("/audit").await.text();
    assert!(english.iter().all(|text| page.contains(text)), "{page}");
    desk.post("/language", &[("language", "zh-CN")]).await;
    let page = desk.get("/audit").await.text();
    assert!(["等待下一步审批", "审批规则", "已核对指纹并确认", "示例数据"].iter().all(|text| page.contains(text)), "{page}");
    assert!(!page.contains("先看看"), "{page}");
}

#[tokio::test]
async fn the_name_of_a_view_or_a_dashboard_is_not_in_the_log_and_is_shown_while_there_is_one() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let saved = desk.post("/records/party/views?sort=name", &[("act", "save"), ("name", "Canary of Li"), ("everyone", "true")]).await;
    let view = saved.header("location").split("view=").nth(1).unwrap().to_owned();
    assert_eq!(desk.get(&format!("/records/party/export.csv?view={view}")).await.status, 200);
    let made = desk.post("/dashboards", &[("name", "Canary of Wang")]).await;
    let dashboard = made.header("location").split('?').next().unwrap().to_owned();
    assert_eq!(desk.get(&format!("{dashboard}/report.pdf")).await.status, 200);
    let of_list = ("party".to_owned(), json!({"format": "csv", "records": 0, "view": view}));
    let of_board = ("dashboard".to_owned(), json!({"format": "pdf", "dashboard": dashboard.rsplit('/').next()}));
    assert_eq!(entries(&desk.server, "exported").await, [of_list, of_board]);
    let page = desk.get("/audit?act=exported").await.text();
    assert!(page.contains("“Canary of Li”") && page.contains(">Canary of Wang</a>"), "{page}");
    assert_eq!(office.post(&format!("/api/v1/privacy/{view}/erase"), json!({})).await.status, 200);
    let page = desk.get("/audit?act=exported").await.text();
    assert!(!page.contains("Canary of Li") && page.contains("Canary of Wang"), "{page}");
}

#[tokio::test]
async fn whoever_reads_a_list_to_its_end_through_the_api_exports_it() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    for batch in 0..2 {
        let items: Vec<Value> = (0..200).map(|n| json!({"fields": {"name": format!("C{batch}-{n}")}})).collect();
        assert_eq!(ann.post("/api/v1/party/batch", json!({ "items": items })).await.status, 200);
    }
    let first = ann.list("party", &[("maxSize", "200")]).await.json();
    let next = first["next"].as_str().unwrap();
    for page in 1..=6 {
        assert_eq!(ann.list("party", &[("maxSize", "200"), ("after", next)]).await.status, 200);
        let expected = usize::from(page >= 5);
        assert_eq!(entries(&server, "exported").await.len(), expected, "after {page} further pages");
    }
    let expected = json!({"format": "api", "at_least": 1_000});
    assert_eq!(entries(&server, "exported").await, [("party".to_owned(), expected)]);
}

/// The numbers of the entries on a page.
fn numbers(page: &str) -> Vec<u64> {
    page.split("<td class=\"num\">").skip(1).map(|rest| rest.split('<').next().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn the_log_is_narrowed_by_who_when_and_whom_or_what_it_is_about() {
    let desk = Desk::new().await;
    let (server, bo) = (&desk.server, UserId::of_cause("bo"));
    let day = |at: i64| jiff::Timestamp::from_millisecond(at).unwrap().strftime("%Y-%m-%d").to_string();
    let about = |by: Option<UserId>, act: Act, subject: &str| Note::of(server.workspace, by, act, subject);
    let record = sync_core::id::RecordId::of_cause("some customer");
    let several = json!({"records": [sync_core::id::RecordId::of_cause("another"), record]});
    let notes = [
        about(Some(bo), Act::Disclosed, &record.to_string()),
        about(Some(server.ann), Act::Archived, "party").with(several),
        about(None, Act::BackedUp, ""),
        about(Some(server.ann), Act::UserDisabled, &bo.to_string()),
    ];
    let mut places = Vec::new();
    for note in notes {
        server.clock.forward(86_400_000);
        let now = server.app.clock.now();
        places.push(now);
        server.app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { note.write(tx, now).await })).await.unwrap();
    }
    let (_, cookie) = server.browser_sign_in(&[]).await;
    let desk = Desk { cookie, ..desk };
    let shown = async |query: &str| numbers(&desk.get(&format!("/audit?{query}")).await.text());
    let first = shown("act=disclosed").await[0];
    let (disclosed, archived, backed_up, disabled) = (first, first + 1, first + 2, first + 3);
    assert_eq!(shown(&format!("by={bo}")).await, [disclosed]);
    assert_eq!(shown("by=nobody").await, [backed_up]);
    assert_eq!(shown(&format!("about={record}")).await, [archived, disclosed], "also among several");
    assert_eq!(shown(&format!("about=http%3A%2F%2Fx%2Frecords%2Fparty%2F{record}%3Fdone%3Dsaved")).await, [archived, disclosed]);
    assert_eq!(shown("about=Bo").await, [disabled], "a login");
    assert_eq!(shown(&format!("from={}&to={}", day(places[1]), day(places[2]))).await, [backed_up, archived]);
    assert_eq!(shown(&format!("by={}&about={record}&to={}", desk.server.ann, day(places[1]))).await, [archived], "all of it at once");
    // Where the reader is, ten hours behind, what happened on the next morning is of that day.
    let zone = format!("{}; zone=-600", desk.cookie);
    let there = desk.server.get(&format!("/audit?from={0}&to={0}", day(places[0])), &[("cookie", &zone), ("accept", "text/html")]).await;
    assert_eq!(numbers(&there.text()), [archived]);

    for (query, said) in
        [("about=nothing+such", "Nobody has this login"), ("from=yesterday", "A day is written"), ("by=x", "no such person")]
    {
        let page = desk.get(&format!("/audit?{query}")).await.text();
        assert!(page.contains(said) && numbers(&page).is_empty(), "{said}: {page}");
    }
    let kept = desk.get(&format!("/audit?by={bo}&from={}&about={record}", day(places[0]))).await.text();
    for stays in [format!("value=\"{bo}\" selected"), format!("value=\"{}\"", day(places[0])), format!("value=\"{record}\"")] {
        assert!(kept.contains(&stays), "{stays}: {kept}");
    }
}

#[tokio::test]
async fn what_the_log_is_narrowed_by_stays_from_page_to_page() {
    let desk = Desk::new().await;
    write(&desk.server, 60).await;
    for _ in 0..60 {
        let note = Note::of(desk.server.workspace, Some(desk.server.ann), Act::Exported, "party");
        desk.server.app.store.write::<_, StoreError, _>(move |tx| Box::pin(async move { note.write(tx, START).await })).await.unwrap();
    }
    let page = desk.get(&format!("/audit?act=exported&by={}&from=2020-01-01", desk.server.ann)).await.text();
    assert_eq!(numbers(&page).len(), 50);
    let next = crate::console::link(&page, "rel=\"next\"");
    let rest = desk.get(&next).await.text();
    assert!(numbers(&rest).len() == 10 && !rest.contains("rel=\"next\""), "{next}: {rest}");
}

#[tokio::test]
async fn a_kind_that_says_otherwise_who_sees_its_records_is_in_the_log() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let kind = |label: &str, more: &str| {
        format!(
            "name = \"visit_plan\"\nlabel = {{ en = \"{label}\", zh = \"拜访计划\" }}\nplural = {{ en = \"Plans\", zh = \"拜访计划\" }}\n\
             title = \"title\"\nlist = [\"title\"]\n{more}\n[[field]]\nname = \"title\"\nlabel = {{ en = \"Title\", zh = \"标题\" }}\n\
             [[field]]\nname = \"keeper\"\nlabel = {{ en = \"Keeper\", zh = \"保管人\" }}\ntype = \"link\"\nto = [\"member\"]\n"
        )
    };
    let record = ann.make("kind", json!({"name": "visit_plan", "definition": kind("Plan", "")})).await;
    for definition in [
        kind("Another name", ""),
        kind("Another name", "sharing = { everyone = true }"),
        kind("Another name", "owner = \"keeper\"\nsharing = { everyone = true }"),
    ] {
        let edited = ann.edit(&record, json!([{"op": "set", "field": "definition", "value": definition}])).await;
        assert_eq!(edited.status, 200, "{}", edited.text());
    }
    let told = [json!({"new": true}), json!({"sharing": [{}, {"everyone": true}]}), json!({"owner": [null, "keeper"]})];
    let told = told.map(|detail| ("kind visit_plan".to_owned(), detail));
    assert_eq!(entries(&server, "rights_changed").await, told, "another name is nobody's right");
    let (_, cookie) = server.browser_sign_in(&[]).await;
    let page = server.browse(&cookie, "/audit?act=rights_changed").await.text();
    assert!(page.contains("/kinds/visit_plan") && page.contains("whom its records are shared with"), "{page}");
}

#[tokio::test]
async fn what_is_brought_in_edited_in_bulk_and_taken_back_is_told_with_who_did_it() {
    let desk = Desk::new().await;
    let import = desk.bring("party", "Name\nJiamei\nCedar\n").await;
    assert_eq!(entries(&desk.server, "imported").await, [("party".to_owned(), json!({"rows": 2, "act": import}))]);
    let undone = desk.post(&format!("/imports/undo/{import}"), &[]).await;
    assert_eq!(undone.status, 303, "{}", undone.text());
    let told = |details: [Value; 2]| details.map(|detail| ("party".to_owned(), detail));
    let undone = |act: &str, records: u64| told([json!({"act": act, "begun": true}), json!({"act": act, "records": records, "left": 0})]);
    assert_eq!(entries(&desk.server, "import_undone").await, undone(&import, 2));
    let office = Client::office(&desk.server).await;
    let made = office.make("party", json!({"name": "Willow"})).await;
    let id = made.rsplit('/').next().unwrap();
    let form = [("id", id), ("field", "industry"), ("f.industry", "canary")];
    let preview = desk.post("/records/party/bulk", &[&form[..], &[("step", "preview")]].concat()).await.text();
    let apply = [("step", "apply"), ("shown", crate::bulk::shown(&preview))];
    let bulk = desk.post("/records/party/bulk", &[&form[..], &apply].concat()).await;
    assert_eq!(bulk.status, 303, "{}", bulk.text());
    let edited = entries(&desk.server, "bulk_edited").await;
    let act = edited[0].1["act"].as_str().unwrap().to_owned();
    assert_eq!(edited, [("party".to_owned(), json!({"records": 1, "act": act}))]);
    assert_eq!(desk.post(&format!("/records/party/bulk/{act}/undo"), &[]).await.status, 303);
    assert_eq!(entries(&desk.server, "bulk_undone").await, undone(&act, 1));
    let page = desk.get("/audit").await.text();
    for said in
        ["Imported Customers", "Undid an import of Customers", "Edited many Customers at once", "Undid a bulk edit of Customers", "begun"]
    {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("canary"), "no value of a record stands there: {page}");
    assert_eq!(verified(&desk.server).await.tampered, None);
}

/// What a server notes of an act before it is stopped on the way.
async fn undone_half(desk: &Desk, import: &str) {
    let (app, workspace, ann) = (desk.server.app.clone(), desk.server.workspace, desk.server.ann);
    let import: ImportId = import.parse().unwrap();
    let undoing = tokio::spawn(async move {
        let author = app.intake.on_behalf(workspace, ann, RoleSet::office());
        import::undo(&app, &author, import, &mut |_| panic!("the server is stopped here")).await.map(drop)
    });
    assert!(undoing.await.unwrap_err().is_panic());
}

#[tokio::test]
async fn an_undoing_that_breaks_off_is_told_of_and_so_is_the_next_one_that_does_not() {
    let desk = Desk::new().await;
    let import = desk.bring("party", "Name\nJiamei\nCedar\n").await;
    undone_half(&desk, &import).await;
    let begun = ("party".to_owned(), json!({"act": import, "begun": true}));
    assert_eq!(entries(&desk.server, "import_undone").await, std::slice::from_ref(&begun));
    let undone = desk.post(&format!("/imports/undo/{import}"), &[]).await;
    assert_eq!(undone.status, 303, "{}", undone.text());
    let done = ("party".to_owned(), json!({"act": import, "records": 0, "left": 0}));
    assert_eq!(entries(&desk.server, "import_undone").await, [begun.clone(), begun, done]);
    let again = desk.post(&format!("/imports/undo/{import}"), &[]).await;
    assert_ne!(again.status, 303, "{}", again.text());
    assert_eq!(entries(&desk.server, "import_undone").await.len(), 3, "what was refused never began");
}

#[tokio::test]
async fn undoing_a_handover_and_sample_data_is_told_of_where_it_begins() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    Client::of_role(&desk.server, "cy", "rep").await;
    let (from, to) = (UserId::of_cause("bo"), UserId::of_cause("cy"));
    office.make("party", json!({"name": "Jiamei", "owner": from})).await;
    let order = office.post("/api/v1/handovers", json!({"from": from, "to": to})).await.json();
    let act = order["id"].as_str().unwrap().to_owned();
    crate::handover::finished(&office).await;
    let undo = format!("/api/v1/handovers/{act}/undo");
    assert_eq!(office.post(&undo, json!({})).await.status, 200);
    assert!(office.post(&undo, json!({})).await.status.is_client_error(), "what was undone stays so");
    let expected = [
        json!({"to": to, "records": 1, "disable": false, "act": act}),
        json!({"undone": true, "begun": true, "act": act}),
        json!({"undone": true, "records": 1, "act": act}),
    ];
    assert_eq!(entries(&desk.server, "handed_over").await, expected.map(|detail| (from.to_string(), detail)));
    for act in ["load", "remove"] {
        assert_eq!(desk.post("/start/sample", &[("act", act)]).await.status, 303, "{act}");
    }
    let kinds = ["party", "deal", "activity", "case"].map(str::to_owned);
    let brought = entries(&desk.server, "imported").await;
    let subjects: Vec<String> = brought.iter().map(|(kind, _)| kind.clone()).collect();
    assert_eq!(subjects, kinds);
    let mut undone = entries(&desk.server, "import_undone").await;
    undone.retain(|(_, detail)| detail["begun"] == true);
    let begun = |(kind, detail): &(String, Value)| (kind.clone(), json!({"act": detail["act"], "begun": true}));
    let by_act = |mut all: Vec<(String, Value)>| {
        all.sort_by_key(|(_, detail)| detail.to_string());
        all
    };
    assert_eq!(by_act(undone), by_act(brought.iter().map(begun).collect()));
}

#[tokio::test]
async fn settings_rates_numbers_rules_and_kinds_that_say_something_else_are_told_of() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let rate = ann.make("rate", json!({"currency": "EUR", "from": "2026-05-01", "rate": 7.8})).await;
    let rate = rate.rsplit('/').next().unwrap();
    let sequence = json!({"name": "Offers", "about": "offer", "field": "number", "pattern": "Q-"});
    let sequence = ann.make("sequence", sequence).await;
    let id_of = |address: &str| address.rsplit('/').next().unwrap().to_owned();
    assert_eq!(ann.edit(&sequence, json!([{"op": "set", "field": "first", "value": 100}])).await.status, 200);
    let rule = json!({"name": "old", "purpose": "retention", "about": "campaign", "enabled": false});
    let rule = ann.make("rule", rule).await;
    let told = [("rate", rate), ("sequence", &id_of(&sequence)), ("sequence", &id_of(&sequence)), ("rule", &id_of(&rule))];
    let told = told.map(|(kind, record)| (kind.to_owned(), json!({"records": [record]})));
    assert_eq!(entries(&server, "settings_changed").await, told);
    assert_eq!(ann.post(&format!("/api/v1/rate/{rate}/archive"), json!({})).await.status, 200);
    assert_eq!(entries(&server, "settings_changed").await.len(), 4, "that one is told as put away");
}

#[tokio::test]
async fn an_act_stands_in_the_list_only_if_something_writes_it() {
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut text = String::new();
    let mut folders = vec![sources];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => folders.push(entry),
                false if !entry.ends_with("src/audit.rs") => text += &std::fs::read_to_string(entry).unwrap(),
                false => {}
            }
        }
    }
    for act in Act::ALL {
        assert!(text.contains(&format!("Act::{act:?}")), "{act:?} is written nowhere");
    }
}

//! Records from files: what they become, what is left out and why, and how an import is taken back.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rapport_server::intake::{Author, Expect, RecordEdit};
use rapport_server::jobs::import::{
    self, CDNOW_SAMPLE_CUSTOMERS, ImportError, ImportId, Mode, Report, Source, Spec, Undone, cdnow_customers, cdnow_orders, cdnow_sample,
};
use rapport_server::store::audit;
use serde_json::{Map, Value, json};
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;

use crate::harness::Server;

mod doubles;
mod sight;

/// A server, a person who may import, and a folder for files.
struct Desk {
    server: Server,
    author: Author,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn new() -> Self {
        let server = Server::start().await;
        let (author, _) = import::author(&server.app, server.workspace, Some("ann")).await.unwrap();
        Self { server, author, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    async fn run(&self, spec: Spec, file: &Path) -> Result<Report, ImportError> {
        let spec = Spec { failed_beside: Some(file.to_owned()), ..spec };
        import::run(&self.server.app, &self.author, &spec, &Source::File(file.to_owned()), &mut |_| {}).await
    }

    async fn import(&self, kind: &str, text: &str) -> Report {
        let file = self.file("rows.csv", text);
        self.run(Spec::new(kind.parse().unwrap()), &file).await.unwrap()
    }

    async fn refused(&self, kind: &str, text: impl AsRef<[u8]>) -> String {
        let file = self.file("rows.csv", text);
        self.run(Spec::new(kind.parse().unwrap()), &file).await.unwrap_err().to_string()
    }

    async fn undo(&self, report: &Report) -> Undone {
        import::undo(&self.server.app, &self.author, report.import.unwrap(), &mut |_| {}).await.unwrap()
    }

    async fn edit(&self, record: RecordId, edits: Vec<FieldEdit>) {
        self.server.clock.forward(1_000);
        let edit = RecordEdit { kind: "party".parse().unwrap(), record, edits, expect: Expect::Existing };
        let now = self.server.app.clock.now();
        self.server.app.intake.edit(&self.author, vec![edit], now, None).await.unwrap().remove(0).unwrap();
    }

    /// The living rows of a kind by what they have in a field.
    async fn rows(&self, kind: &str, by: &str) -> HashMap<String, (RecordId, Map<String, Value>)> {
        let mut tx = self.server.app.store.reader().await.unwrap();
        let rows = audit::rows_after(&mut tx, self.server.workspace, Some(&kind.parse().unwrap()), None, 1_000_000).await.unwrap();
        let row = |facets: &[Option<String>; 3]| {
            let objects = facets.iter().flatten().map(|json| serde_json::from_str::<Map<String, Value>>(json).unwrap());
            objects.flatten().collect::<Map<String, Value>>()
        };
        let living = rows.into_iter().filter(|one| !one.archived).map(|one| (one.record, row(&one.facets)));
        living.map(|(record, row)| (row[by].as_str().unwrap().to_owned(), (record, row))).collect()
    }
}

/// Cents, without a floating-point number.
fn cents(text: &str) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap();
    assert_eq!(fraction.len(), 2);
    whole.parse::<i64>().unwrap() * 100 + fraction.parse::<i64>().unwrap()
}

#[tokio::test]
async fn every_customer_of_cdnow_has_the_orders_and_the_sum_that_the_file_says() {
    let desk = Desk::new().await;
    let [customers, orders] = cdnow_sample(&desk.server.app, &desk.author, &mut |_| {}).await.unwrap();
    assert_eq!((customers.created, orders.created, customers.failed + orders.failed), (2_357, 6_919, 0));

    let mut expected: HashMap<&str, (i64, i64, i64)> = HashMap::new();
    for line in include_str!("../../../tests/fixtures/cdnow/sample-orders.csv").lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let sums = expected.entry(cells[1]).or_default();
        *sums = (sums.0 + 1, sums.1 + cells[3].parse::<i64>().unwrap(), sums.2 + cents(cells[4]));
    }
    let names: HashMap<String, String> =
        desk.rows("party", "external_id").await.into_iter().map(|(external, (record, _))| (record.to_string(), external)).collect();
    let mut found: HashMap<&str, (i64, i64, i64)> = HashMap::new();
    for (_, row) in desk.rows("offer", "external_id").await.values() {
        assert_eq!((&row["form"], &row["status"], &row["amount"]["currency"]), (&json!("order"), &json!("completed"), &json!("USD")));
        let sums = found.entry(&names[row["party"].as_str().unwrap()]).or_default();
        *sums = (sums.0 + 1, sums.1 + row["quantity"].as_i64().unwrap(), sums.2 + row["amount"]["amount"].as_i64().unwrap());
    }
    assert_eq!(expected.len(), 2_357);
    assert_eq!(found, expected);

    let again = cdnow_sample(&desk.server.app, &desk.author, &mut |_| {}).await.unwrap();
    assert_eq!(again.map(|report| (report.created, report.updated, report.unchanged)), [(0, 0, 2_357), (0, 0, 6_919)]);
}

#[tokio::test]
async fn columns_find_their_fields_by_name_and_label_in_both_languages() {
    let desk = Desk::new().await;
    let text = "\u{feff}External ID,名称,类型,phones.value,标签,do_not_call,credit_limit.amount,credit_limit.currency\n\
                7,佳美,公司,'+86 10 1234,vip；老客户,否,\"1,200.50\",cny\n";
    let report = desk.import("party", text).await;
    assert_eq!((report.created, report.failures), (1, vec![]));
    let (_, row) = desk.rows("party", "external_id").await.remove("7").unwrap();
    assert_eq!((&row["name"], &row["type"], &row["tags"]), (&json!("佳美"), &json!("org"), &json!(["vip", "老客户"])));
    assert_eq!((&row["phones"][0]["value"], &row["do_not_call"]), (&json!("+86 10 1234"), &json!(false)));
    assert_eq!(row["credit_limit"], json!({"amount": 120_050, "currency": "CNY"}));
    assert_eq!(desk.import("party", text).await.unchanged, 1, "the same phone number is not added again");
}

#[tokio::test]
async fn an_old_address_that_is_none_is_no_change_and_a_new_one_is_refused() {
    let desk = Desk::new().await;
    desk.import("party", "external_id,name\n1,Ann\n").await;
    let (id, _) = desk.rows("party", "external_id").await.remove("1").unwrap();
    let values = json!({"value": "n/a "}).as_object().unwrap().clone();
    let row = FieldEdit::SetRow { field: "emails".into(), row: "e1".into(), values };
    desk.edit(id, vec![row, FieldEdit::set("website", "to follow ")]).await;
    let out = |email: &str, industry: &str| {
        let emails = format!("\"[{{\"\"id\"\":\"\"e1\"\",\"\"value\"\":\"\"{email}\"\"}}]\"");
        format!("id,external_id,name,emails,website,industry\n{id},1,Ann,{emails},to follow ,{industry}\n")
    };
    let done = async |text: &str| {
        let report = desk.import("party", text).await;
        (report.updated, report.unchanged, report.failures.into_iter().map(|failure| failure.reason.en).collect::<Vec<_>>())
    };
    assert_eq!(done(&out("n/a ", "")).await, (0, 1, vec![]), "what went out comes back");
    assert_eq!(done(&out("n/a", "print")).await, (1, 0, vec![]), "only what is new is written");
    assert_eq!(done("external_id,name,emails.value,website\n1,Ann,n/a,to follow\n").await, (0, 1, vec![]));
    for text in [out("none", ""), "external_id,name,website\n1,Ann,nowhere\n".to_owned()] {
        let (updated, unchanged, why) = done(&text).await;
        assert!((updated, unchanged) == (0, 0) && why.len() == 1 && why[0].contains("is not a"), "{why:?}");
    }
}

#[tokio::test]
async fn a_second_file_changes_what_it_says_and_nothing_else() {
    let desk = Desk::new().await;
    desk.import("party", "external_id,name,source,tags\n1,Ann,fair,a; b\n2,Bo,web,\n").await;
    let report = desk.import("party", "external_id,name,source,tags\n1,Ann Li,,b; c\n3,Cy,,\n3,Cy Wu,,\n").await;
    assert_eq!((report.created, report.updated, report.unchanged, report.failed), (1, 2, 0, 0));
    let rows = desk.rows("party", "external_id").await;
    assert_eq!(
        rows["1"].1,
        json!({"external_id": "1", "name": "Ann Li", "source": "fair", "tags": ["b", "c"]}).as_object().unwrap().clone()
    );
    assert_eq!((&rows["2"].1["name"], &rows["3"].1["name"]), (&json!("Bo"), &json!("Cy Wu")));
}

#[tokio::test]
async fn a_row_about_what_was_merged_into_another_record_changes_that() {
    let desk = Desk::new().await;
    desk.import("party", "external_id,name\n1,Jiamei\n2,Jiamei Co\n3,Other\n").await;
    let before = desk.rows("party", "external_id").await;
    let merged = FieldEdit::Add { field: "alias_of".to_owned(), value: before["1"].0.to_string() };
    desk.edit(before["2"].0, vec![merged]).await;
    let report = desk.import("party", "external_id,source\n2,fair\n3,web\n").await;
    assert_eq!((report.created, report.updated, report.failed), (0, 2, 0), "{:?}", report.failures);
    let rows = desk.rows("party", "external_id").await;
    assert_eq!((&rows["1"].1["source"], &rows["1"].0, rows["2"].1.get("source")), (&json!("fair"), &before["1"].0, None));
    // Links lead there, too.
    let file = desk.file("tree.csv", "external_id,name,parent\n4,Branch,2\n");
    let report = desk.run(Spec::new("party".parse().unwrap()).map("parent", "parent:external_id"), &file).await.unwrap();
    assert_eq!((report.created, report.failed), (1, 0), "{:?}", report.failures);
    assert_eq!(desk.rows("party", "external_id").await["4"].1["parent"], json!(before["1"].0));
    // Brought in a second time it says nothing new.
    let again = desk.import("party", "external_id,source\n2,fair\n").await;
    assert_eq!((again.unchanged, again.created), (1, 0));
}

#[tokio::test]
async fn creating_leaves_known_records_and_updating_makes_none() {
    let desk = Desk::new().await;
    desk.import("party", "external_id,name\n1,Ann\n").await;
    let file = desk.file("both.csv", "external_id,name\n1,Other\n2,New\n");
    let spec = |mode| Spec { mode, ..Spec::new("party".parse().unwrap()) };
    let update = desk.run(Spec { is_dry_run: true, ..spec(Mode::Update) }, &file).await.unwrap();
    assert_eq!((update.updated, update.failed, update.import), (1, 1, None));
    assert!(update.failures[0].reason.en.contains("no record has the “External id” `2`"), "{:?}", update.failures);
    let told = update.preview[0].told("party");
    assert!(told.starts_with("line 2: changed party") && told.ends_with("name: \"Ann\" -> \"Other\""), "{told}");
    let create = desk.run(spec(Mode::Create), &file).await.unwrap();
    assert_eq!((create.created, create.failed), (1, 1));
    assert!(create.failures[0].reason.zh.contains("已有"), "{:?}", create.failures);
    let rows = desk.rows("party", "external_id").await;
    assert_eq!((&rows["1"].1["name"], &rows["2"].1["name"]), (&json!("Ann"), &json!("New")));
    let by_name = Spec { matches: Some(vec!["name".into()]), ..spec(Mode::Update) };
    let report = desk.run(by_name, &desk.file("names.csv", "name,source\nAnn,fair\n")).await.unwrap();
    assert_eq!(report.updated, 1);
}

#[tokio::test]
async fn links_are_found_by_what_the_other_record_has_even_a_row_above() {
    let desk = Desk::new().await;
    let file = desk.file("tree.csv", "external_id,name,parent\n1,Group,\n2,Branch,1\n3,Lost,9\n");
    let report = desk.run(Spec::new("party".parse().unwrap()).map("parent", "parent:external_id"), &file).await.unwrap();
    assert_eq!((report.created, report.failed), (2, 1));
    assert!(report.failures[0].reason.en.contains("Parent company: no record has the “External id” `9`"), "{:?}", report.failures);
    let rows = desk.rows("party", "external_id").await;
    assert_eq!(rows["2"].1["parent"], json!(rows["1"].0));
    let unmapped = desk.import("party", "external_id,name,parent\n4,X,1\n").await;
    assert!(unmapped.failures[0].reason.en.contains("`parent:FIELD`"), "{:?}", unmapped.failures);
}

#[tokio::test]
async fn rows_that_look_up_what_is_not_there_are_written_together() {
    let desk = Desk::new().await;
    let contacts: String = (0..40).map(|n| format!("{n},Ann {n},Nowhere {n},\n")).collect();
    // The company comes after some whom it employs, and before one: that one waits for it.
    let text = format!("external_id,name,company,notes\n{contacts}40,Cedar,,\n41,Bo,Cedar,\n42,Cy,Nowhere,\n");
    let file = Source::File(desk.file("contacts.csv", text));
    let spec = Spec::new("party".parse().unwrap());
    for (target, failed) in [("relations.party:name|notes", 0), ("relations.party:name", 41), ("parent:name", 41)] {
        let mut told = 0;
        let spec = Spec { is_dry_run: failed > 0, ..spec.clone() }.map("company", target);
        let report = import::run(&desk.server.app, &desk.author, &spec, &file, &mut |_| told += 1).await.unwrap();
        assert_eq!((report.rows, report.failed), (43, if failed > 0 { 41 } else { 0 }), "{:?}", report.failures);
        assert!(told <= 2, "{told} transactions for 43 rows");
    }
    let rows = desk.rows("party", "external_id").await;
    assert_eq!((&rows["3"].1["notes"], &rows["42"].1["notes"]), (&json!("Nowhere 3"), &json!("Nowhere")));
    assert_eq!(rows["41"].1["relations"][0]["party"], json!(rows["40"].0));
}

#[tokio::test]
async fn each_of_several_linked_records_is_looked_up_before_any_becomes_text() {
    let desk = Desk::new().await;
    desk.import("party", "external_id,name\n1,Acme\n2,Cedar\n").await;
    let file =
        desk.file("visits.csv", "subject,people,body\nboth,Acme; Cedar,\nnot both,\"[\"\"Acme\"\",\"\"Nowhere\"\"]\",\nbroken,[Acme,\n");
    let report = desk.run(Spec::new("activity".parse().unwrap()).map("people", "people:name|body"), &file).await.unwrap();
    assert_eq!((report.created, report.failed), (2, 1), "{:?}", report.failures);
    assert!(report.failures[0].reason.en.contains("JSON array"), "{:?}", report.failures);
    let (parties, visits) = (desk.rows("party", "name").await, desk.rows("activity", "subject").await);
    let people: Vec<&Value> = visits["both"].1["people"].as_array().unwrap().iter().collect();
    assert!(people.len() == 2 && ["Acme", "Cedar"].iter().all(|name| people.contains(&&json!(parties[*name].0))), "{people:?}");
    assert!(!visits["both"].1.contains_key("body") && !visits["not both"].1.contains_key("people"), "{visits:?}");
    assert_eq!(visits["not both"].1["body"], json!("[\"Acme\",\"Nowhere\"]"));
}

#[tokio::test]
async fn a_colleague_is_found_by_name_or_login_and_who_is_unknown_is_not_to_be_brought_in() {
    let desk = Desk::new().await;
    let file = desk.file("owners.csv", "external_id,name,owner\n1,Acme,ann\n2,Cedar,Nobody\n");
    let report = desk.run(Spec::new("party".parse().unwrap()).map("owner", "owner:name"), &file).await.unwrap();
    assert_eq!((report.created, report.failed), (1, 1), "{:?}", report.failures);
    let reason = &report.failures[0].reason;
    assert!(reason.en.contains("Owner: no colleague has the “Name” `Nobody`: the list of members says"), "{reason:?}");
    assert!(reason.zh.contains("登录名") && !reason.en.contains("bring"), "{reason:?}");
    let ann = RecordId(desk.author.user.0).to_string();
    assert_eq!(desk.rows("party", "external_id").await["1"].1["owner"], json!(ann));
    // As any link: what nobody is called may stay a line of text, and the row comes in without an owner.
    let kept = Spec::new("party".parse().unwrap()).map("owner", "owner:name|notes");
    let report = desk.run(kept, &file).await.unwrap();
    assert_eq!((report.created, report.failed), (1, 0), "{:?}", report.failures);
    let rows = desk.rows("party", "external_id").await;
    assert_eq!((&rows["2"].1["notes"], rows["2"].1.get("owner").filter(|owner| !owner.is_null())), (&json!("Nobody"), None));
    let schema = sync_core::schema::Schema::builtin();
    let targets = rapport_server::jobs::import::targets(schema, schema.kind("party").unwrap());
    assert!(targets.iter().any(|(target, _)| target == "owner:name|notes"), "it can be chosen in the console");
}

#[tokio::test]
async fn rows_that_fail_are_written_beside_the_file_and_come_in_once_corrected() {
    let desk = Desk::new().await;
    let long = "x".repeat(2_001);
    let text = format!("external_id,name,type\n1,Ann,person\n2,,person\n3,Cy,robot\n4,Di\n5,{long},person\n6,=cmd(),alien\n7,a,b,c\n");
    let report = desk.import("party", &text).await;
    assert_eq!((report.created, report.failed), (1, 6));
    let failed = report.failed_file.clone().unwrap();
    assert_eq!(failed, desk.folder.path().join("rows.failed.csv"));
    let lines: Vec<u64> = report.failures.iter().map(|failure| failure.line).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8], "as they stand in the file");
    let written = std::fs::read_to_string(&failed).unwrap();
    for reason in
        ["error\n", "“Name” is missing", "`robot` is not one of Company, Person", "3 cells, the header has 4", "2001 characters", "'=cmd()"]
    {
        let reason = reason.replace("3 cells, the header has 4", "the row has 2 cells, the header has 3");
        assert!(written.contains(&reason), "no {reason} in {written}");
    }
    let order: Vec<&str> = written.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(order, ["2", "3", "4", "5", "6", "7"], "whether they failed at once or when they were written");
    assert!(
        written.contains("\n4,Di,\"the row has") && written.contains("\n7,a,b,c,\"the row has"),
        "they keep the cells that they have: {written}"
    );
    let corrected = written.replace("robot", "person").replace("alien", "org");
    let report = desk.run(Spec::new("party".parse().unwrap()), &desk.file("again.csv", corrected)).await.unwrap();
    assert_eq!((report.created, report.failed), (2, 4), "nobody knows which cell a short row lacks");
    let written = std::fs::read_to_string(report.failed_file.unwrap()).unwrap();
    assert!(written.contains("\n4,Di,\"the row has 3 cells") && written.matches("the row has").count() == 2, "{written}");
    let corrected = written.replace("4,Di,", "4,Di,person,");
    let report = desk.run(Spec::new("party".parse().unwrap()), &desk.file("third.csv", corrected)).await.unwrap();
    assert_eq!((report.created, report.failed), (1, 3));
    let rows = desk.rows("party", "external_id").await;
    assert_eq!((&rows["3"].1["name"], &rows["6"].1["name"]), (&json!("Cy"), &json!("=cmd()")));
}

#[tokio::test]
async fn days_of_american_files_are_read_where_they_can_be_only_one_day() {
    let desk = Desk::new().await;
    let report = desk.import("deal", "external_id,title,close_date\n1,A,12/31/2026\n2,B,31.12.2026\n3,C,5/5/2026\n4,D,03/04/2026\n").await;
    assert_eq!((report.created, report.failed), (3, 1), "{:?}", report.failures);
    assert!(report.failures[0].reason.en.contains("may be two"), "{:?}", report.failures);
    let rows = desk.rows("deal", "external_id").await;
    assert_eq!(
        ["1", "2", "3"].map(|id| rows[id].1["close_date"].clone()),
        ["2026-12-31", "2026-12-31", "2026-05-05"].map(|day| json!(day))
    );
}

#[tokio::test]
async fn two_columns_of_phone_numbers_make_two_numbers_and_an_empty_first_name_no_space() {
    let desk = Desk::new().await;
    let file = desk.file("contacts.csv", "Id,FirstName,LastName,MobilePhone,Phone,DoNotCall\n1,,Smith,138,021,1\n2,Ann,Li,,022,0\n");
    let spec = Spec::new("party".parse().unwrap()).map("Id", "external_id").map("MobilePhone", "phones.value").map("Phone", "phones.value");
    let spec = spec.map("DoNotCall", "do_not_call").map("FirstName", "").map("LastName", "").set("name", "{FirstName} {LastName}");
    let report = desk.run(spec, &file).await.unwrap();
    assert_eq!((report.created, report.failed), (2, 0), "{:?}", report.failures);
    let rows = desk.rows("party", "external_id").await;
    let numbers = |id: &str| -> Vec<Value> { rows[id].1["phones"].as_array().unwrap().iter().map(|row| row["value"].clone()).collect() };
    assert_eq!((rows["1"].1["name"].clone(), rows["1"].1["do_not_call"].clone()), (json!("Smith"), json!(true)));
    assert!(numbers("1").contains(&json!("138")) && numbers("1").contains(&json!("021")) && numbers("2") == [json!("022")], "{rows:?}");
}

#[tokio::test]
async fn a_file_that_is_not_what_it_should_be_is_refused_whole_and_says_what_to_do() {
    let desk = Desk::new().await;
    let gbk = b"external_id,name\n1,Ann\n2,\xbc\xd1\xc3\xc0\n";
    let refused = desk.refused("party", gbk).await;
    assert!(refused.contains("line 3") && refused.contains("iconv -f GB18030"), "{refused}");
    assert!(desk.refused("party", b"\xff\xfea\0,\0").await.contains("UTF-16"));
    assert!(desk.refused("party", "").await.contains("file is empty"));
    let refused = desk.refused("party", "external_id,name,colour\n1,Ann,red\n").await;
    assert!(refused.contains("`colour`") && refused.contains("--map") && refused.contains("tax_id"), "{refused}");
    assert!(desk.refused("party", "a,b\n1,2\n").await.contains("`a`, `b`"));
    assert!(desk.refused("party", "name,Name\n1,2\n").await.contains("same field"));
    assert!(desk.refused("planet", "name\nx\n").await.contains("there is no kind `planet`; there are activity"));
    assert!(desk.refused("party", "name,lifecycle\nx,y\n").await.contains("`lifecycle`"));
    let quote = format!("name\n\"open\n{}", "x\n".repeat(600_000));
    assert!(desk.refused("party", quote).await.contains("never closed"));
    let file = desk.file("rows.csv", "external_id,name\n1,Ann\n");
    let told = |spec: Spec| async { desk.run(spec, &file).await.unwrap_err().to_string() };
    let party = || Spec::new("party".parse().unwrap());
    assert!(told(party().map("nam", "name")).await.contains("no column `nam`; it has `external_id`, `name`"));
    assert!(told(party().map("name", "nickname")).await.contains("has no field `nickname`"));
    assert!(told(party().map("name", "owner:shoe")).await.contains("cannot be looked up"));
    assert!(told(party().set("credit_limit.colour", "x")).await.contains("credit_limit.colour"));
    assert!(told(Spec { matches: Some(vec!["tax_id".into()]), ..party() }).await.contains("no column goes to `tax_id`"));
    let missing = desk.run(party(), Path::new("/nowhere.csv")).await.unwrap_err().to_string();
    assert!(missing.contains("/nowhere.csv"), "{missing}");
    assert!(desk.rows("party", "name").await.is_empty(), "nothing of any of them was kept");
    assert!(import::list(&desk.server.app, desk.server.workspace).await.unwrap().is_empty());
}

#[tokio::test]
async fn somebody_without_the_right_brings_nothing_in() {
    let desk = Desk::new().await;
    let rep = Author { role: "rep".parse().unwrap(), ..desk.author.clone() };
    let refused = import::run(&desk.server.app, &rep, &cdnow_customers(), &CDNOW_SAMPLE_CUSTOMERS, &mut |_| {}).await.unwrap_err();
    assert!(matches!(&refused, ImportError::Denied(message) if message.zh.contains("销售代表")), "{refused}");
    let manager = Author { role: "manager".parse().unwrap(), ..desk.author.clone() };
    let file = desk.file("birthdays.csv", "name,birthday\nAnn,1990-01-01\n");
    let refused = import::run(&desk.server.app, &manager, &Spec::new("party".parse().unwrap()), &Source::File(file), &mut |_| {}).await;
    assert!(refused.unwrap_err().to_string().contains("Birthday"));
    assert!(import::author(&desk.server.app, desk.server.workspace, Some("nobody")).await.unwrap_err().to_string().contains("`nobody`"));
}

#[tokio::test]
async fn an_import_is_taken_back_but_for_what_somebody_has_changed_since() {
    let desk = Desk::new().await;
    desk.import("party", "external_id,name,source,tags\n1,Ann,fair,old\n2,Bo,web,\n").await;
    let before = desk.rows("party", "external_id").await;
    desk.server.clock.forward(60_000);
    let text = "external_id,name,source,tags,notes,phones.value\n1,Ann Li,shop,new,met,123\n2,Bo Wu,shop,,,\n3,Cy,shop,,,\n4,Di,shop,,,\n";
    let second = desk.import("party", text).await;
    assert_eq!((second.created, second.updated), (2, 2));
    let rows = desk.rows("party", "external_id").await;
    desk.edit(rows["2"].0, vec![FieldEdit::set("name", "Bobby")]).await;
    desk.edit(rows["4"].0, vec![FieldEdit::set("source", "phone")]).await;
    desk.server.clock.forward(60_000);
    let undone = desk.undo(&second).await;
    assert_eq!((undone.archived, undone.restored, undone.left), (1, 2, 2), "{undone:?}");
    let mut left: Vec<_> = undone.list.iter().map(|left| (left.record, left.field.as_str())).collect();
    left.sort_by_key(|(_, field)| *field);
    assert_eq!(left, [(rows["4"].0, ""), (rows["2"].0, "name")]);
    let after = desk.rows("party", "external_id").await;
    assert_eq!(after["1"].1.get("notes"), Some(&json!("")), "an emptied text is empty");
    let without_notes = |row: &Map<String, Value>| {
        row.iter().filter(|(name, _)| *name != "notes").map(|(k, v)| (k.clone(), v.clone())).collect::<Map<_, _>>()
    };
    assert_eq!(without_notes(&after["1"].1), before["1"].1);
    assert_eq!((&after["2"].1["name"], &after["2"].1["source"]), (&json!("Bobby"), &json!("web")));
    assert!(!after.contains_key("3") && after.contains_key("4"));
    let again = import::undo(&desk.server.app, &desk.author, second.import.unwrap(), &mut |_| {}).await;
    assert!(matches!(again, Err(ImportError::AlreadyUndone(_))));
    let unknown = import::undo(&desk.server.app, &desk.author, ImportId([1; 16]), &mut |_| {}).await.unwrap_err().to_string();
    assert!(unknown.contains("rapport import list"), "{unknown}");
}

#[tokio::test]
async fn what_was_taken_back_can_be_brought_in_again() {
    let desk = Desk::new().await;
    for text in ["external_id,name\n1,Ann\n2,Bo\n", "name\nAnn\nBo\n"] {
        let first = desk.import("party", text).await;
        assert_eq!(desk.import("party", text).await.unchanged, 2, "{text}");
        assert_eq!(desk.undo(&first).await.archived, 2);
        let second = desk.import("party", text).await;
        assert_eq!((second.created, second.unchanged), (2, 0), "{text}");
        assert_eq!(desk.rows("party", "name").await.len(), 2);
        assert_eq!(desk.undo(&second).await.archived, 2);
    }
    let listed = import::list(&desk.server.app, desk.server.workspace).await.unwrap();
    assert_eq!(listed.iter().filter(|row| row.undone_at.is_some()).count(), 4);
}

#[tokio::test]
async fn numbers_that_were_given_elsewhere_are_kept_and_lines_stay_in_order() {
    let desk = Desk::new().await;
    let lines = r#"[{"product_name":"z","quantity":2},{"product_name":"a","quantity":1}]"#;
    let text = format!("external_id,number,title,lines\n1,INV-7,First,\"{}\"\n", lines.replace('"', "\"\""));
    let report = desk.import("offer", &text).await;
    assert_eq!(report.failures, vec![]);
    let (_, row) = desk.rows("offer", "external_id").await.remove("1").unwrap();
    assert_eq!(
        (&row["number"], &row["lines"][0]["product_name"], &row["lines"][1]["product_name"]),
        (&json!("INV-7"), &json!("z"), &json!("a"))
    );
    let report = desk.import("offer", "external_id,number\n1,INV-8\n").await;
    assert!(report.failures[0].reason.en.contains("Number"), "a number is never replaced: {:?}", report.failures);
}

#[tokio::test]
async fn a_long_text_comes_in_whole() {
    let desk = Desk::new().await;
    let long: String = (0..12_345).map(|index| char::from(b'a' + (index % 26) as u8)).collect();
    let report = desk.import("party", &format!("external_id,name,notes\n1,Ann,{long}\n")).await;
    assert_eq!(report.failures, vec![]);
    assert_eq!(desk.rows("party", "external_id").await["1"].1["notes"], json!(long));
    let orders = cdnow_orders();
    assert_eq!(&*orders.kind, "offer");
}

#[tokio::test]
async fn a_constant_beside_empty_cells_leaves_the_field_alone() {
    let desk = Desk::new().await;
    let deals = |spec: Spec| spec.map("Title", "title").map("Id", "external_id").map("Amount", "amount.amount");
    let spec = || deals(Spec::new("deal".parse().unwrap())).set("amount.currency", "CNY");
    let file = desk.file("deals.csv", "Title,Id,Amount\nA,1,12.50\nB,2,\n");
    let report = desk.run(spec(), &file).await.unwrap();
    assert_eq!((report.created, &report.failures), (2, &vec![]));
    let file = desk.file("deals.csv", "Title,Id,Amount\nA again,1,\n");
    assert_eq!(desk.run(spec(), &file).await.unwrap().failures, vec![]);
    let deals = desk.rows("deal", "external_id").await;
    assert_eq!((&deals["1"].1["title"], &deals["1"].1["amount"]), (&json!("A again"), &json!({"amount": 1250, "currency": "CNY"})));
    assert!(!deals["2"].1.contains_key("amount"), "{:?}", deals["2"].1);

    let spec = Spec::new("party".parse().unwrap()).map("Name", "name").map("Id", "external_id").map("Phone", "phones.value");
    let file = desk.file("parties.csv", "Name,Id,Phone\nAnn,1,\nBo,2,+86 10 1234\n");
    let report = desk.run(spec.set("phones.label", "work"), &file).await.unwrap();
    assert_eq!((report.created, &report.failures), (2, &vec![]));
    let parties = desk.rows("party", "external_id").await;
    assert!(!parties["1"].1.contains_key("phones"), "{:?}", parties["1"].1);
    assert_eq!(parties["2"].1["phones"][0]["label"], json!("work"));
}

#[tokio::test]
async fn a_dry_run_shows_row_by_row_what_would_be_made_changed_or_left() {
    let desk = Desk::new().await;
    desk.import("party", "external_id,name,source,tags\n1,Ann,fair,a\n2,Bo,web,\n").await;
    let file =
        desk.file("again.csv", "external_id,name,source,tags,phones.value\n1,Ann Li,,b,13800138000\n2,Bo,web,,\n3,Cy,,,\n4,Di,,,abc\n");
    let report = desk.run(Spec { is_dry_run: true, ..Spec::new("party".parse().unwrap()) }, &file).await.unwrap();
    let told: Vec<String> = report.preview.iter().map(|row| row.told("party")).collect();
    assert_eq!(
        report.preview.iter().map(|row| (row.line, row.becomes)).collect::<Vec<_>>(),
        [(2, import::Becomes::Changed), (3, import::Becomes::Unchanged), (4, import::Becomes::New)]
    );
    assert!(told[0].contains("name: \"Ann\" -> \"Ann Li\"") && told[0].contains("tags: [\"a\"] -> [\"b\"]"), "{told:?}");
    assert!(told[0].contains("phones: nothing -> [") && !told[0].contains("source"), "{told:?}");
    assert!(told[1].starts_with("line 3: unchanged party") && told[2].contains("name: \"Cy\""), "{told:?}");
    assert_eq!((report.failed, report.failures[0].line), (1, 5));
    assert_eq!(desk.rows("party", "external_id").await["1"].1["name"], json!("Ann"), "nothing is written");
}

#[tokio::test]
async fn all_mistakes_of_a_row_are_told_at_once() {
    let desk = Desk::new().await;
    let text = "external_id,name,type,birthday,phones.value,website,lifecycle_owner\n";
    let text = text.replace(",lifecycle_owner", "") + "1,,robot,0027-05-03,abc,nowhere\n2,Bo,person,soon,,\n";
    let file = desk.file("bad.csv", &text);
    let looked = desk.run(Spec { is_dry_run: true, ..Spec::new("party".parse().unwrap()) }, &file).await.unwrap();
    let report = desk.run(Spec::new("party".parse().unwrap()), &file).await.unwrap();
    assert_eq!((report.failed, report.created), (2, 0));
    assert_eq!(looked.failures, report.failures, "the preview says the same");
    let (first, second) = (&report.failures[0].reason, &report.failures[1].reason);
    for part in [
        "“Name” is missing",
        "`robot` is not one of",
        "the year 27 is none from 1600 to 2200",
        "`abc` is not a phone number",
        "`nowhere` is not a web",
    ] {
        assert!(first.en.contains(part), "{first:?} lacks {part}");
    }
    assert!(first.zh.contains("缺少“名称”；") && first.zh.contains("“abc”不是电话号码"), "{first:?}");
    assert!(second.en.contains("`soon` is no day") && !second.en.contains("missing"), "{second:?}");
    let written = std::fs::read_to_string(report.failed_file.unwrap()).unwrap();
    assert!(written.contains("“Name” is missing; ") && written.contains("phone number"), "{written}");
}

#[tokio::test]
async fn what_stands_already_blocks_no_row_and_what_nobody_means_is_refused() {
    let desk = Desk::new().await;
    desk.import("party", "external_id,name\n1,Ann\n").await;
    let (id, _) = desk.rows("party", "external_id").await.remove("1").unwrap();
    let values = json!({"value": "abc"}).as_object().unwrap().clone();
    desk.edit(id, vec![FieldEdit::SetRow { field: "phones".into(), row: "p".into(), values }]).await;
    let report = desk.import("party", "external_id,name,industry,phones.value\n1,Ann,print,abc\n").await;
    assert_eq!((report.updated, report.failures), (1, vec![]), "an old number that is none stays");
    let text = "external_id,name,bought_on,warranty_until\n1,Press,2026-05-03,2026-05-02\n2,Van,2026-05-03,2028-05-03\n";
    let report = desk.import("asset", text).await;
    assert_eq!((report.created, report.failed), (1, 1), "{:?}", report.failures);
    let reason = &report.failures[0].reason;
    assert!(
        reason.en.contains("Bought on: it would end on 2026-05-02, before it begins on 2026-05-03")
            || reason.en.contains("Warranty until: it would end"),
        "{reason:?}"
    );
}

#[tokio::test]
async fn a_deal_that_is_brought_in_without_a_stage_begins_as_a_lead_and_one_of_a_system_stays_as_it_was() {
    let desk = Desk::new().await;
    desk.import("deal", "external_id,title\n1,Lamps\n").await;
    assert_eq!(desk.rows("deal", "external_id").await["1"].1["stage"], json!("lead"));
    let again = desk.import("deal", "external_id,title\n1,Lamps\n").await;
    assert_eq!((again.updated, again.unchanged), (0, 1));
    let id = RecordId::of_cause("of another system");
    desk.import("deal", &format!("id,external_id,title\n{id},2,Chairs\n")).await;
    assert!(!desk.rows("deal", "external_id").await["2"].1.contains_key("stage"), "an export comes back as it was");
}

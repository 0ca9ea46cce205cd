//! What an import finds, changes and tells when whoever brings a file in does not see everything.

use rapport_server::intake::Author;
use rapport_server::jobs::import::{Mode, Spec};
use serde_json::json;

use super::Desk;

/// Somebody who may import, and sees or edits records so far.
async fn importer(desk: &Desk, read: &str) -> Author {
    let office = crate::api::Client::office(&desk.server).await;
    let text = format!(
        "name = \"importer\"\nlabel = {{ en = \"Importer\", zh = \"导入员\" }}\nrights = [\"import\"]\n[[rule]]\nkinds = [\"*\"]\nread = \"{read}\"\n\
         create = \"all\"\nedit = \"own\"\nreads = [\"main\"]\nwrites = [\"main\"]\n"
    );
    assert_eq!(crate::roles::define(&office, "importer", &text).await.status, 201);
    crate::api::Client::of_role(&desk.server, "cai", "importer").await;
    desk.server.app.intake.on_behalf(desk.server.workspace, sync_core::id::UserId::of_cause("cai"), "importer".parse().unwrap())
}

#[tokio::test]
async fn an_import_finds_and_tells_nothing_of_what_whoever_imports_may_not_see() {
    let mut desk = Desk::new().await;
    desk.import("party", "external_id,name,industry\n1,Canary Ltd.,print\n").await;
    desk.import("asset", "external_id,name,bought_on\n1,Press,2026-05-03\n").await;
    let (party, _) = desk.rows("party", "external_id").await.remove("1").unwrap();
    let (asset, _) = desk.rows("asset", "external_id").await.remove("1").unwrap();
    desk.author = importer(&desk, "own").await;
    let look = async |kind: &str, mode: Mode, text: String| {
        let spec = Spec { is_dry_run: true, mode, ..Spec::new(kind.parse().unwrap()) };
        let report = desk.run(spec, &desk.file("look.csv", text)).await.unwrap();
        let told: Vec<String> = report.preview.iter().map(|row| row.told(kind)).collect();
        let reasons: Vec<String> = report.failures.iter().map(|one| format!("{} {}", one.reason.en, one.reason.zh)).collect();
        format!("{told:?} {reasons:?}")
    };
    // By the key it is none that is there; by the id it is one, and nobody says which.
    for (mode, file, said) in [
        (Mode::Both, "external_id,name,industry\n1,A guess,print\n".to_owned(), "new party"),
        (Mode::Create, "external_id,name,industry\n1,A guess,print\n".to_owned(), "new party"),
        (Mode::Update, "external_id,name,industry\n1,A guess,print\n".to_owned(), "no record has the"),
        (Mode::Both, format!("id,name,industry\n{party},A guess,print\n"), "is there already"),
        (Mode::Both, format!("id,name,industry\n{party},Canary Ltd.,print\n"), "is there already"),
        (Mode::Update, format!("id,name,industry\n{party},Canary Ltd.,print\n"), "there is no record"),
    ] {
        let told = look("party", mode, file.clone()).await;
        assert!(told.contains(said) && !told.contains("\"Canary") && !told.contains("unchanged"), "{file}: {told}");
    }
    let told = look("asset", Mode::Update, format!("id,warranty_until\n{asset},2026-05-02\n")).await;
    assert!(told.contains("there is no record") && !told.contains("2026-05-03"), "{told}");
    let told = look("deal", Mode::Both, "title,party:external_id\nLamps,1\n".to_owned()).await;
    assert!(!told.contains(&party.to_string()), "nor is it found for a link: {told}");

    let report = desk.import("party", "external_id,name,phones.value\n1,Canary Ltd.,13800138000\n").await;
    assert_eq!((report.created, report.updated, report.failures), (1, 0, vec![]), "theirs is one of its own");
    let again = desk.import("party", "external_id,name,phones.value\n1,Canary Ltd. of ours,13800138000\n").await;
    assert_eq!((again.created, again.updated), (0, 1), "and is found again");
}

#[tokio::test]
async fn a_file_that_gives_its_records_away_makes_them_once() {
    let mut desk = Desk::new().await;
    desk.author = importer(&desk, "own").await;
    let file = desk.file("given.csv", "external_id,name,owner\n1,Acme,ann\n");
    let counts = async |is_dry_run: bool| {
        let spec = Spec { is_dry_run, ..Spec::new("party".parse().unwrap()).map("owner", "owner:name") };
        let report = desk.run(spec, &file).await.unwrap();
        (report.created, report.unchanged, report.failures)
    };
    assert_eq!(counts(false).await, (1, 0, vec![]));
    for is_dry_run in [true, false, false] {
        assert_eq!(counts(is_dry_run).await, (0, 1, vec![]), "by the key the importer sees none, and made it all the same");
    }
}

#[tokio::test]
async fn what_a_file_gave_away_is_linked_to_at_the_second_run_and_made_anew_when_its_key_is_anothers() {
    let mut desk = Desk::new().await;
    desk.author = importer(&desk, "own").await;
    let file = desk.file("given.csv", "external_id,name,owner,parent\n1,Acme,ann,\n2,Acme Paper,ann,1\n");
    let counts = async |desk: &Desk| {
        let spec = Spec::new("party".parse().unwrap()).map("owner", "owner:name").map("parent", "parent:external_id");
        let report = desk.run(spec, &file).await.unwrap();
        (report.created, report.unchanged, report.failures)
    };
    assert_eq!(counts(&desk).await, (2, 0, vec![]));
    assert_eq!(counts(&desk).await, (0, 2, vec![]));
    let (acme, _) = desk.rows("party", "external_id").await.remove("1").unwrap();
    let office = crate::api::Client::office(&desk.server).await;
    let rekeyed = office.edit(&format!("/api/v1/party/{acme}"), json!([{"op": "set", "field": "external_id", "value": "9"}])).await;
    assert_eq!(rekeyed.status, 200, "{}", rekeyed.text());
    assert_eq!(counts(&desk).await.0, 1, "nothing has the key any more");
    assert_eq!(counts(&desk).await.0, 0);
}

#[tokio::test]
async fn a_dry_run_says_of_records_of_others_what_the_run_would() {
    let mut desk = Desk::new().await;
    desk.import("party", "external_id,name\n1,Theirs\n").await;
    desk.author = importer(&desk, "all").await;
    desk.import("party", "external_id,name\n2,Mine\n").await;
    let file = desk.file("both.csv", "external_id,name\n1,Changed\n2,Changed\n");
    let looked = desk.run(Spec { is_dry_run: true, ..Spec::new("party".parse().unwrap()) }, &file).await.unwrap();
    let report = desk.run(Spec::new("party".parse().unwrap()), &file).await.unwrap();
    assert_eq!((looked.updated, looked.failed, &looked.failures), (1, 1, &report.failures), "{:?}", report.failures);
    assert!(report.failures[0].reason.en.contains("only its own"), "{:?}", report.failures);
}

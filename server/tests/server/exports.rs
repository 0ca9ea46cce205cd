//! Everything out, and in again: what comes back is equal.

use std::path::Path;

use rapport_server::intake::{Author, Expect, RecordEdit};
use rapport_server::jobs::export::{self, ExportError, Format, Options};
use rapport_server::jobs::import::{self, Source, Spec, cdnow_sample};
use rapport_server::store::audit;
use rapport_server::store::records::RecordRow;
use serde_json::{Map, Value, json};
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;

use crate::harness::Server;

async fn office(server: &Server) -> Author {
    import::author(&server.app, server.workspace, Some("ann")).await.unwrap().0
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Records that use every merge policy, all facets, and characters that files make trouble with.
async fn rich(server: &Server) {
    fn set(field: &str, value: impl Into<Value>) -> FieldEdit {
        FieldEdit::set(field, value)
    }
    let money = json!({"amount": -120_050, "currency": "CNY"});
    let party = vec![
        set("name", "=佳美, \"office\"\nsupplies"),
        FieldEdit::Add { field: "tags".into(), value: "a; b".into() },
        FieldEdit::Add { field: "tags".into(), value: "+vip".into() },
        FieldEdit::SetRow { field: "phones".into(), row: "p1".into(), values: object(&json!({"value": "+86 10", "primary": true})) },
        FieldEdit::Append {
            field: "consents".into(),
            item: "c1".into(),
            values: object(&json!({"purpose": "marketing", "given": false, "at": 1})),
        },
        set("do_not_call", true),
        set("credit_limit", money.clone()),
        set("birthday", "1990-01-02"),
        set("notes", "'quoted\n=1+1"),
    ];
    let line = |row: &str, name: &str| FieldEdit::SetRow {
        field: "lines".into(),
        row: row.into(),
        values: object(&json!({"product_name": name, "quantity": 1.5, "price": {"amount": 5, "currency": "JPY"}})),
    };
    let offer = vec![
        set("title", "-1"),
        set("status", "completed"),
        set("amount", money),
        set("valid", json!({"start": "2026-05-03", "end": 1_777_777_777_123_i64})),
        set("sent_at", 1_777_777_777_123_i64),
        set("party", RecordId::of_cause("a party").to_string()),
        line("z", "first"),
        line("a", "second"),
    ];
    let gone = vec![set("name", "Gone"), FieldEdit::archive()];
    let app = &server.app;
    for (kind, cause, edits) in [("party", "a party", party), ("offer", "an offer", offer), ("party", "gone", gone)] {
        let edit = RecordEdit { kind: kind.parse().unwrap(), record: RecordId::of_cause(cause), edits, expect: Expect::New };
        app.intake.edit(&office(server).await, vec![edit], app.clock.now(), None).await.unwrap().remove(0).unwrap();
    }
}

async fn rows(server: &Server) -> Vec<RecordRow> {
    let mut tx = server.app.store.reader().await.unwrap();
    let mut rows = audit::rows_after(&mut tx, server.workspace, None, None, 100_000).await.unwrap();
    // When and in which order something was brought in is another story there.
    rows.iter_mut().for_each(|row| (row.created_at, row.updated_at, row.position, row.stamps) = (0, 0, 0, None));
    rows
}

async fn bring_in(server: &Server, folder: &Path, extension: &str) {
    let author = office(server).await;
    for kind in ["party", "offer"] {
        let file = Source::File(folder.join(format!("{kind}.{extension}")));
        let report = import::run(&server.app, &author, &Spec::new(kind.parse().unwrap()), &file, &mut |_| {}).await.unwrap();
        assert_eq!(report.failures, vec![]);
    }
}

#[tokio::test]
async fn what_is_exported_and_imported_into_an_empty_system_is_equal() {
    let server = Server::start().await;
    rich(&server).await;
    cdnow_sample(&server.app, &office(&server).await, &mut |_| {}).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("everything");
    let counts = export::folder(&server.app, server.workspace, &to, Options::default(), &mut |_| {}).await.unwrap();
    assert_eq!((counts["party"], counts["offer"]), (2_359, 6_920));
    let expected = rows(&server).await;
    for extension in ["jsonl", "csv"] {
        let other = Server::start().await;
        bring_in(&other, &to, extension).await;
        let found = rows(&other).await;
        assert_eq!(expected.len(), found.len(), "{extension}");
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(expected, found, "{extension}");
        }
    }
}

#[tokio::test]
async fn a_spreadsheet_finds_no_formula_unless_somebody_asks_for_raw_cells() {
    let server = Server::start().await;
    rich(&server).await;
    let one = async |is_raw, format| {
        let mut out = Vec::new();
        let count = export::kind(&server.app, server.workspace, &"party".parse().unwrap(), format, is_raw, &mut out).await.unwrap();
        assert_eq!(count, 2);
        String::from_utf8(out).unwrap()
    };
    let guarded = one(false, Format::Csv).await;
    assert!(guarded.starts_with("id,archived,name,") && guarded.contains("\"'=佳美") && guarded.contains("credit_limit.currency"));
    assert!(guarded.contains(",-1200.50,CNY,"), "a negative amount stays a number: {guarded}");
    assert!(one(true, Format::Csv).await.contains("\"=佳美"));
    let json = one(false, Format::Json).await;
    let first: Value = serde_json::from_str(json.lines().find(|line| line.contains("佳美")).unwrap()).unwrap();
    assert_eq!((&first["kind"], &first["credit_limit"]["amount"]), (&json!("party"), &json!(-120_050)));
}

#[tokio::test]
async fn documents_are_exported_as_automerge_reads_them_and_nothing_is_overwritten() {
    let server = Server::start().await;
    rich(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("all");
    let options = Options { automerge: true, ..Options::default() };
    export::folder(&server.app, server.workspace, &to, options, &mut |_| {}).await.unwrap();
    let party = RecordId::of_cause("a party");
    for facet in ["main", "commercial", "private"] {
        let bytes = std::fs::read(to.join(format!("automerge/party/{party}.{facet}.automerge"))).unwrap();
        assert_eq!(bytes[..4], [0x85, 0x6f, 0x4a, 0x83], "automerge's magic bytes");
    }
    let about: Value = serde_json::from_slice(&std::fs::read(to.join("about.json")).unwrap()).unwrap();
    assert_eq!((&about["workspace"], &about["records"]), (&json!("main"), &json!({"offer": 1, "party": 2})));
    let again = export::folder(&server.app, server.workspace, &to, options, &mut |_| {}).await;
    assert!(matches!(again, Err(ExportError::Exists(path)) if path == to));
    let unknown = export::kind(&server.app, server.workspace, &"planet".parse().unwrap(), Format::Csv, false, Vec::new()).await;
    assert!(unknown.unwrap_err().to_string().contains("there is no kind `planet`"));
}

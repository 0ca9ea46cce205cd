//! What a change costs with our engine and with automerge: the numbers of `docs/adr/0001`.
//!
//! `cargo run --release -p sync-core --features reference --example formats`

use std::hint::black_box;
use std::time::Instant;

use automerge::{Automerge, ROOT, ReadDoc};
use serde_json::json;
use sync_core::fence::{self, Pen};
use sync_core::id::{ActorId, ChangeHash, Facet};
use sync_core::merge;
use sync_core::record::change::Change;
use sync_core::record::doc::{Doc, Written};
use sync_core::record::fields::{FieldEdit, path_edits};
use sync_core::record::history::texts_of;
use sync_core::record::reference::automerge_document;
use sync_core::schema::{Kind, Schema};

const TURNS: u32 = 3_000;
const TIME: i64 = 1_790_000_000_000;

/// Microseconds that one turn takes: the best of five rounds, the others were disturbed.
#[expect(clippy::disallowed_methods, reason = "this measures time")]
fn micros(mut turn: impl FnMut()) -> f64 {
    let mut round = || {
        let start = Instant::now();
        (0..TURNS).for_each(|_| turn());
        start.elapsed().as_secs_f64() * 1e6 / f64::from(TURNS)
    };
    (0..5).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn customer(notes: &str) -> Vec<FieldEdit> {
    let row = |field: &str, row: &str, values: serde_json::Value| FieldEdit::SetRow {
        field: field.into(),
        row: row.into(),
        values: values.as_object().cloned().unwrap_or_default(),
    };
    let mut edits = vec![
        FieldEdit::set("name", "深圳市佳美办公用品有限公司"),
        FieldEdit::set("type", "org"),
        FieldEdit::set("external_id", "C-10042"),
        FieldEdit::set("website", "https://jiamei.example"),
        FieldEdit::set("industry", "office supplies"),
        FieldEdit::set("size", "medium"),
        FieldEdit::set("source", "trade fair"),
        FieldEdit::set("tax_id", "91440300MA5EUXXX0K"),
        FieldEdit::set("owner", "0198c5a0-7d3f-7b11-9e55-0f6d3c1a2b4e"),
        FieldEdit::set("roles", json!(["prospect", "partner"])),
        FieldEdit::set("tags", json!(["vip", "south", "2026"])),
        FieldEdit::set("teams", json!(["field-1"])),
        row("phones", "p1", json!({"value": "+86 755 8888 0000", "label": "office", "primary": true})),
        row("phones", "p2", json!({"value": "+86 138 1234 5678", "label": "mobile"})),
        row("emails", "e1", json!({"value": "li.ming@jiamei.example", "label": "buyer"})),
        row("addresses", "a1", json!({"value": {"city": "深圳", "street": "文三路 1 号", "postal_code": "518000"}, "label": "office"})),
        row("relations", "r1", json!({"party": "0198c5a0-7d3f-7b11-9e55-0f6d3c1a2b4f", "role": "supplier", "influence": "high"})),
    ];
    if !notes.is_empty() {
        edits.push(FieldEdit::set("notes", notes));
    }
    edits
}

fn born(kind: &Kind, notes: &str) -> Written {
    let paths = path_edits(kind, |_| None, &customer(notes)).expect("the edits fit the kind");
    Doc::default().write(ActorId([7; 16]), TIME, &paths[&Facet::Main]).expect("there is something to write")
}

fn ours(kind: &Kind, bytes: &[u8], hash: ChangeHash) -> usize {
    let texts = texts_of(kind);
    let change = fence::inspect(&hash, bytes).expect("an honest change");
    let mut doc = Doc::default();
    fence::check(&doc, kind, Facet::Main, &change, Pen::Device).expect("an honest change");
    doc.apply(&change, hash, &texts).expect("an honest change");
    merge::row(kind, Facet::Main, &doc).len()
}

fn read_all(document: &Automerge) -> usize {
    document.keys(ROOT).filter(|key| document.get_all(ROOT, key.as_str()).is_ok_and(|values| !values.is_empty())).count()
}

fn main() {
    let schema = Schema::builtin();
    let kind = schema.kind("party").expect("a built-in kind");
    let texts = texts_of(kind);
    for (what, notes) in [("a customer", String::new()), ("a customer with 300 characters of notes", "打电话给李明，他要报价。".repeat(25))]
    {
        let Written { hash, bytes, change } = born(kind, &notes);
        let saved = automerge_document([bytes.as_slice()], &texts).expect("automerge takes it").save();
        let chunks = || {
            let first = texts.iter().map(sync_core::record::text::genesis).filter(|first| change.deps.contains(&first.hash));
            first.map(|first| first.bytes.clone()).chain([bytes.clone()]).collect::<Vec<_>>()
        };
        println!("{what}: {} operations, {} bytes as a change, {} as a saved document", change.op_count(), bytes.len(), saved.len());
        let report = |name: &str, micros: f64| println!("  {micros:8.1} µs  {name}");
        report("ours: read", micros(|| drop(black_box(Change::read(&bytes)))));
        report("ours: read and prove the form (hash and round trip)", micros(|| drop(black_box(Change::parse(&bytes)))));
        let empty = Doc::default();
        let mut whole = Doc::default();
        whole.apply(&change, hash, &texts).expect("an honest change");
        report(
            "ours: fields and values",
            micros(|| {
                black_box(fence::check(&empty, kind, Facet::Main, &change, Pen::Device).is_ok());
            }),
        );
        report(
            "ours: apply",
            micros(|| {
                black_box(Doc::default().apply(&change, hash, &texts).is_ok());
            }),
        );
        report(
            "ours: row",
            micros(|| {
                black_box(merge::row(kind, Facet::Main, &whole).len());
            }),
        );
        report("ours: all of it: fence, apply, row", micros(|| drop(black_box(ours(kind, &bytes, hash).to_string()))));
        report(
            "automerge: parse and apply",
            micros(|| {
                let changes = chunks().into_iter().map(|chunk| automerge::Change::from_bytes(chunk).expect("a change"));
                let mut document = Automerge::new();
                document.apply_changes(changes).expect("they fit");
                drop(black_box(document));
            }),
        );
        report(
            "automerge: parse, apply, read all values",
            micros(|| {
                let changes = chunks().into_iter().map(|chunk| automerge::Change::from_bytes(chunk).expect("a change"));
                let mut document = Automerge::new();
                document.apply_changes(changes).expect("they fit");
                black_box(read_all(&document));
            }),
        );
        report("automerge: load the saved document", micros(|| drop(black_box(Automerge::load(&saved).expect("saved by automerge")))));
        report(
            "automerge: parse, apply, save, load (the fence around it)",
            micros(|| {
                let changes = chunks().into_iter().map(|chunk| automerge::Change::from_bytes(chunk).expect("a change"));
                let mut document = Automerge::new();
                document.apply_changes(changes).expect("they fit");
                drop(black_box(Automerge::load(&document.save()).expect("it loads again")));
            }),
        );
    }
}

//! What a first visit costs: every byte that comes over the wire for a page and all that it loads.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::{Value, json};
use sync_core::record::fields::FieldEdit;
use sync_core::schema::Schema;

use super::{Browser, LANGUAGES};
use crate::console::Desk;
use crate::harness::{ASSET_BYTES_MAX, VISIT_BYTES_MAX};

/// Records enough to fill a page of any list.
const FULL: u8 = 60;

impl Browser {
    /// What comes over the wire when somebody opens a page who was never here: addresses and their bytes, heads included.
    /// News have no end and are not among them.
    async fn first_visit(&mut self, path: &str) -> BTreeMap<String, usize> {
        const TRIES: usize = 200;
        self.send("Network.clearBrowserCache", json!({})).await;
        self.goto("/healthz").await;
        self.events.clear();
        self.goto(path).await;
        let mut came = Vec::new();
        for _ in 0..TRIES {
            came.extend(self.events.drain(..));
            let of = |wanted: &str| came.iter().filter(|(event, _)| event == wanted).map(|(_, params)| params).collect::<Vec<_>>();
            // The page before may still have been loading something of its own.
            let page = of("Network.responseReceived").into_iter().find(|answer| answer["type"] == "Document");
            let is_of_page = |answer: &&Value| page.is_some_and(|page| page["loaderId"] == answer["loaderId"]);
            let answers = of("Network.responseReceived").into_iter().filter(|answer| answer["type"] != "EventSource").filter(is_of_page);
            let ends = of("Network.loadingFinished");
            let end = |id: &Value| ends.iter().find(|end| end["requestId"] == *id)?["encodedDataLength"].as_f64();
            let whole: Option<BTreeMap<String, usize>> =
                answers.map(|answer| Some((answer["response"]["url"].as_str()?.to_owned(), end(&answer["requestId"])? as usize))).collect();
            if let Some(whole) = whole.filter(|whole| whole.len() > 1) {
                return whole;
            }
            self.run("new Promise((done) => setTimeout(done, 10))").await;
        }
        let told: Vec<String> = came.iter().map(|(event, told)| format!("{event} {} {}", told["requestId"], told["type"])).collect();
        panic!("{path} is never there as a whole: {told:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_visit_of_any_page_brings_less_than_150_kb_over_the_wire() {
    let mut desk = Desk::new().await;
    let id = desk.lived_in().await;
    for n in 100..100 + FULL {
        desk.customer(n, &[FieldEdit::set("name", format!("Customer {n}")), FieldEdit::set("industry", format!("Trade {n}"))]).await;
    }
    let mut browser = Browser::of(&desk).await;
    browser.send("Network.enable", json!({})).await;
    let mut pages = browser.every_page(&desk, id).await;
    let columns: Vec<String> = Schema::builtin().kind("party").unwrap().fields.iter().map(|field| field.name.to_string()).collect();
    pages.extend([format!("/records/party?columns={}", columns.join(",")), "/records/party?group=industry".to_owned()]);
    let forms =
        ["/kinds/party", "/kinds/deal", "/roles/rep", "/roles/office", "/records/rule/new", "/records/deal/new", "/records/offer/new"];
    pages.extend(forms.map(str::to_owned));
    let mut heavy = Vec::new();
    for words in LANGUAGES {
        desk.post("/language", &[("language", words.0.tag())]).await;
        for page in &pages {
            let came = browser.first_visit(page).await;
            let bytes: usize = came.values().sum();
            let assets: usize = came.iter().filter(|(address, _)| address.contains("/assets/")).map(|(_, bytes)| bytes).sum();
            assert!((1..ASSET_BYTES_MAX).contains(&assets), "{page}: {came:#?}");
            heavy.push((bytes, words.0.tag(), page.clone()));
        }
    }
    heavy.sort();
    let most = heavy.last().unwrap();
    println!("the heaviest first visit: {most:?}");
    assert!(most.0 < VISIT_BYTES_MAX, "{:#?}", heavy.iter().rev().take(10).collect::<Vec<_>>());
}

#[tokio::test]
async fn styles_and_script_are_sent_compressed_to_whoever_takes_that_and_pages_never_are() {
    let desk = Desk::new().await;
    let page = desk.get("/records/party").await.text();
    for extension in [".css", ".js", ".svg"] {
        let mut addresses = page.split('"').filter(|part| part.starts_with("/assets/"));
        let address = addresses.find(|part| part.split('#').next().unwrap().ends_with(extension)).unwrap().split('#').next().unwrap();
        let plain = desk.server.get(address, &[]).await;
        let small = desk.server.get(address, &[("accept-encoding", "gzip, deflate, br, zstd")]).await;
        assert_eq!((plain.header("content-encoding"), small.header("content-encoding")), ("", "gzip"), "{address}");
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&small.body[..]).read_to_end(&mut text).unwrap();
        assert!(text == plain.body && small.body.len() < plain.body.len(), "{address}");
        for (answer, encoding) in [(&plain, "identity"), (&small, "gzip")] {
            assert_eq!(answer.header("vary"), "accept-encoding", "{address}");
            assert!(answer.header("cache-control").contains("immutable"), "{address}");
            let again = [("accept-encoding", encoding), ("if-none-match", answer.header("etag"))];
            let again = desk.server.get(address, &again).await;
            assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{address} in {encoding}");
        }
        let other = [("accept-encoding", "gzip"), ("if-none-match", plain.header("etag"))];
        assert_eq!(desk.server.get(address, &other).await.status, 200, "another form is another answer: {address}");
    }
    // How short a page becomes would tell what is in it.
    let asked = [("cookie", &*desk.cookie), ("accept", "text/html"), ("accept-encoding", "gzip")];
    assert_eq!(desk.server.get("/records/party", &asked).await.header("content-encoding"), "");
}

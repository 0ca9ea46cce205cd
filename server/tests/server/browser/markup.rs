//! What people write is text on every page, whatever it looks like to a browser.

use sync_core::protocol::Verdict;
use sync_core::record::fields::FieldEdit;
use sync_core::schema::{Field, Merge, Schema, ValueType};

use super::Browser;
use crate::console::{Desk, record};
use crate::harness::START;

/// What would be an element, break out of an attribute or a script, or be followed as an address.
const WRITTEN: [&str; 4] = [
    "<img data-evil src=x onerror=\"document.title='evil'\">",
    "\"' data-evil autofocus onfocus=\"document.title='evil'\"><svg data-evil onload=\"document.title='evil'\">",
    "</script></textarea></title></style><script data-evil>document.title='evil'</script>",
    "javascript:document.title='evil'//&lt;b data-evil&gt;",
];

/// Whatever a page would have made of it.
const MADE_OF_IT: &str = "[...document.querySelectorAll('[data-evil], [href^=\"javascript:\"], [src^=\"javascript:\"], [action^=\"javascript:\"]')]\
    .map((made) => made.outerHTML).join() + (document.title === 'evil' ? 'a script ran' : '')";

impl Desk {
    /// A record with that in each field that takes a text; what a field does not take waits on the desk.
    async fn written_everywhere(&mut self, kind: &str, n: u8, text: &str) {
        let (app, kind) = (self.server.app.clone(), Schema::builtin().kind(kind).unwrap());
        let takes_text = |field: &&Field| field.value == ValueType::String && matches!(field.merge, Merge::Register | Merge::Visible);
        let titled = self.ann.save(&app, &kind.name, record(n), START, &[FieldEdit::set(&kind.title, text)]).await;
        assert!(matches!(titled[..], [Verdict::Accepted { .. }]), "{titled:?}");
        for field in kind.fields.iter().filter(takes_text).filter(|field| field.name != kind.title) {
            let before = self.ann.docs.clone();
            let verdicts = self.ann.save(&app, &kind.name, record(n), START + 1, &[FieldEdit::set(&field.name, text)]).await;
            if !verdicts.iter().all(|verdict| matches!(verdict, Verdict::Accepted { .. })) {
                self.ann.docs = before;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_looks_like_markup_is_shown_as_it_was_written_on_every_page() {
    const KINDS: [&str; 4] = ["party", "deal", "activity", "case"];
    let mut desk = Desk::new().await;
    let id = desk.lived_in().await;
    let mut pages = Vec::new();
    for (place, text) in WRITTEN.iter().enumerate() {
        for (at, kind) in KINDS.iter().enumerate() {
            let n = 100 + u8::try_from(place * KINDS.len() + at).unwrap();
            desk.written_everywhere(kind, n, text).await;
            pages.extend(["", "/history"].map(|page| format!("/records/{kind}/{}{page}", record(n))));
        }
        desk.post(&format!("/records/party/{id}/comments"), &[("text", text)]).await;
        desk.post("/records/party/views?sort=name", &[("act", "save"), ("name", text), ("everyone", "true")]).await;
        desk.post("/dashboards", &[("name", text)]).await;
    }
    let mut browser = Browser::of(&desk).await;
    pages.extend(browser.every_page(&desk, id).await);
    pages.extend(
        ["/search?q=evil", "/records/deal?layout=board", "/records/deal?group=title", "/records/activity?layout=calendar"]
            .map(str::to_owned),
    );
    let mut shown = 0;
    for page in &pages {
        browser.goto(page).await;
        let made = browser.run(MADE_OF_IT).await;
        assert_eq!(made, "", "{page}");
        shown += usize::from(browser.run("document.body.textContent.includes('data-evil')").await == true);
    }
    assert!(shown > WRITTEN.len() * KINDS.len(), "it stands on hardly any page: {shown} of {}", pages.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_without_an_end_stay_within_the_page() {
    let mut desk = Desk::new().await;
    let (name, tag) = ("N".repeat(480), "t".repeat(55));
    let id = desk.customer(1, &[FieldEdit::set("name", name), FieldEdit::Add { field: "tags".to_owned(), value: tag }]).await;
    let mut browser = Browser::of(&desk).await;
    for width in [390, 1280] {
        browser.screen(width, "light").await;
        let record = format!("/records/party/{id}");
        let about = ["/replay", "/archive", "/history"].map(|page| format!("{record}{page}"));
        let beside = [format!("/privacy/{id}"), format!("/duplicates/party/{id}"), "/audit".to_owned()];
        for path in [record].iter().chain(&about).chain(&beside) {
            browser.goto(path).await;
            let wide = browser.run("document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
            assert_eq!(wide, 0, "{path} at {width}");
        }
    }
}

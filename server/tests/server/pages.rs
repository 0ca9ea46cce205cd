//! Every page of the console in a real Chromium: people without a mouse or good eyes can use it, nothing jumps,
//! nothing is cut off on a phone; and the ways that people go through it.

use serde_json::json;
use sync_core::id::RecordId;
use sync_core::record::fields::FieldEdit;

use crate::browser::{Browser, Look, axe};
use crate::console::{Desk, record};
use crate::harness::{MINUTE, START};

/// Pages that no menu leads to.
const MORE: [&str; 15] = [
    "/records/party/new",
    "/records/party?panel=filter&attribute=industry",
    "/records/party?panel=columns",
    "/records/party?group=industry",
    "/records/deal?layout=board",
    "/records/deal?layout=calendar",
    "/records/deal?layout=bar&group=stage&measure=sum:amount",
    "/records/deal?layout=bar&group=close_date&split=stage&step=week",
    "/records/deal?layout=line&group=close_date",
    "/records/deal?layout=pie&group=stage",
    "/records/deal?layout=figures&group=owner&split=stage",
    "/search?q=Jiamei",
    "/records/activity?layout=calendar&month=d2027-01-15",
    "/help",
    "/help/deals",
];

impl Desk {
    /// A workspace with something on every page.
    pub async fn lived_in(&mut self) -> RecordId {
        let id = self.dispute().await;
        let app = self.server.app.clone();
        for (n, stage, day) in
            [(11, "lead", "2027-01-20"), (12, "proposal", "2027-01-04"), (13, "won", "2027-01-08"), (14, "lost", "2026-12-01")]
        {
            let edits = [
                FieldEdit::set("title", format!("Lamps for {n} offices")),
                FieldEdit::set("stage", stage),
                FieldEdit::set("party", id.to_string()),
                FieldEdit::set("owner", RecordId(self.server.ann.0).to_string()),
                FieldEdit::set("close_date", day),
                FieldEdit::set("amount", json!({"amount": 120_000 * i64::from(n), "currency": "CNY"})),
            ];
            self.ann.save(&app, "deal", record(n), START, &edits).await;
            let person = json!({"party": id.to_string(), "role": "user", "attitude": "for"}).as_object().unwrap().clone();
            let people = FieldEdit::SetRow { field: "people".to_owned(), row: "wang".to_owned(), values: person };
            let moved = [people, FieldEdit::set("stage", if n == 12 { "negotiation" } else { stage })];
            self.ann.save(&app, "deal", record(n), START + 60 * 60_000, &moved).await;
        }
        let call = [
            FieldEdit::set("subject", "Call back"),
            FieldEdit::set("type", "call"),
            FieldEdit::set("status", "planned"),
            FieldEdit::Add { field: "about".to_owned(), value: id.to_string() },
        ];
        self.ann.save(&app, "activity", record(15), START, &call).await;
        self.customer(16, &[FieldEdit::set("name", "佳美办公用品"), FieldEdit::set("industry", "零售")]).await;
        assert_eq!(self.post("/dashboards", &[("ready", "sales")]).await.status, 303);
        id
    }
}

const LOOKS: [Look; 2] = [
    Look { name: "light", language: "en", scheme: "light", width: 1280 },
    Look { name: "dark-phone-zh", language: "zh-CN", scheme: "dark", width: 390 },
];

impl Browser {
    /// The address of every page of a desk that is lived in.
    pub async fn every_page(&mut self, desk: &Desk, id: RecordId) -> Vec<String> {
        let menu = self.run("[...document.querySelectorAll('#menu li a')].map((link) => link.getAttribute('href'))").await;
        let mut pages: Vec<String> = menu.as_array().unwrap().iter().map(|link| link.as_str().unwrap().to_owned()).collect();
        pages.extend(MORE.map(str::to_owned));
        pages.push(format!("/records/party/{id}"));
        pages.push(format!("/records/party/{id}/history"));
        pages.push(format!("/records/deal/{}", record(12)));
        pages.push(format!("/forms/{}", desk.form(&[]).await));
        pages.push("/account".to_owned());
        pages
    }

    /// How much what is seen has jumped since the page began.
    async fn jumped(&mut self) -> f64 {
        let script = "new Promise((done) => { let sum = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries()) \
             if (!entry.hadRecentInput) sum += entry.value }).observe({type: 'layout-shift', buffered: true}); \
             requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(sum), 0))) })";
        self.run(script).await.as_f64().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_ordered_and_ticked_on_a_phone_too() {
    let mut desk = Desk::new().await;
    desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.look(&Look { name: "phone", language: "en", scheme: "light", width: 390 }).await;
    browser.goto("/records/party").await;
    let reached = |selector: &str| {
        format!(
            "(() => {{ const element = document.querySelector({selector:?}); const {{ left, right, top, bottom }} = \
             element.getBoundingClientRect(); return right <= innerWidth && right > left && \
             element.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2)) }})()"
        )
    };
    for selector in ["tbody td.check input", "thead th.check input", "thead th a[href*=\"sort=name\"]"] {
        browser.run(&format!("document.querySelector({selector:?}).scrollIntoView({{block: 'center'}})")).await;
        browser.until(&reached(selector)).await;
    }
    browser.run("document.querySelector('tbody td.check input').click()").await;
    browser.until("getComputedStyle(document.querySelector('.bulk')).display === 'flex'").await;
    browser.run("document.querySelector('thead th a[href*=\"sort=name\"]').click()").await;
    browser.until("location.search.includes('sort=name')").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_to_decide_shows_whole_lines_on_a_phone() {
    let desk = Desk::new().await;
    let (app, price) = (desk.server.app.clone(), json!({"amount": 2_500, "currency": "CNY"}));
    let mut rep = crate::reviews::colleague(&desk.server, "rep", "rep").await;
    let values = json!({"product_name": "Copy paper A4", "quantity": 200, "price": price, "discount_percent": 25});
    let line = FieldEdit::SetRow { field: "lines".into(), row: "l1".into(), values: values.as_object().unwrap().clone() };
    rep.save(&app, "offer", record(1), START, &[FieldEdit::set("title", "Paper"), line]).await;
    let mut browser = Browser::of(&desk).await;
    browser.look(&Look { name: "phone", language: "en", scheme: "light", width: 390 }).await;
    browser.goto("/rejected").await;
    let seen = "(() => { const card = document.querySelector('article.dispute'), cells = [...card.querySelectorAll('td table td')]; \
         const right = (element) => element.getBoundingClientRect().right; \
         return [cells.map((cell) => cell.textContent).join(' '), cells.every((cell) => right(cell) <= right(card))] })()";
    assert_eq!(browser.run(seen).await, json!(["Copy paper A4 200 ¥25.00 25", true]), "what needs approval is in sight");
}

fn name_of(path: &str) -> String {
    path.trim_matches('/').chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_meets_a_barrier_on_any_page_in_either_language_light_or_dark_wide_or_narrow() {
    let axe = axe();
    let mut desk = Desk::new().await;
    let id = desk.lived_in().await;
    let mut browser = Browser::of(&desk).await;
    let pages = browser.every_page(&desk, id).await;
    assert!(pages.len() > 30, "{pages:?}");
    let mut found = Vec::new();
    for look in &LOOKS {
        browser.look(look).await;
        for page in &pages {
            browser.goto(page).await;
            let jumped = browser.jumped().await;
            if jumped > 0.01 {
                found.push(format!("{} {page} jumps by {jumped:.3}", look.name));
            }
            let wide = browser.run("document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
            if wide.as_i64().unwrap_or_default() > 0 {
                found.push(format!("{} {page} is {wide} px too wide", look.name));
            }
            let barriers = browser.barriers(&axe).await;
            found.extend(barriers.into_iter().map(|barrier| format!("{} {page} {barrier}", look.name)));
            browser.picture(&format!("{}-{}", name_of(page), look.name)).await;
        }
    }
    assert!(found.is_empty(), "{} findings:\n{}", found.len(), found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_leads_to_its_records_and_follows_what_a_phone_writes() {
    let mut desk = Desk::new().await;
    desk.lived_in().await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/deal?layout=bar&group=stage").await;
    browser.until("document.querySelectorAll('.bars tbody tr').length === 4").await;
    let (app, begun) = (desk.server.app.clone(), std::time::Instant::now());
    desk.ann.save(&app, "deal", record(12), START + 100 * MINUTE, &[FieldEdit::set("stage", "won")]).await;
    let row = "[...document.querySelectorAll('.bars tr')].find((row) => row.textContent.includes('Won'))";
    browser.soon(begun, &format!("/\\b2\\b/.test({row}.textContent)")).await;
    browser.run("[...document.querySelectorAll('.bars th a')].find((link) => link.textContent === 'Won').click()").await;
    browser.until("document.querySelectorAll('tbody tr td.title').length === 2").await;
    let chips = browser.run("document.getElementById('chips').textContent").await;
    assert!(chips.as_str().unwrap().contains("Stage") && chips.as_str().unwrap().contains("Won"), "{chips}");
    browser.run("history.back()").await;
    browser.until("document.querySelector('.bars')").await;
    browser.run("const form = document.getElementById('chart-tools'); form.measure.value = 'sum:amount'; form.measure.dispatchEvent(new Event('change', {bubbles: true}))").await;
    browser.until("document.querySelector('#chart .figure')?.textContent.includes('¥')").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tile_is_moved_by_keyboard_and_stays_there() {
    let mut desk = Desk::new().await;
    desk.lived_in().await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/dashboards").await;
    browser.run("document.querySelector('[data-key=e]').click()").await;
    browser.until("document.querySelectorAll('.tile[draggable]').length > 5").await;
    let second = browser.run("document.querySelectorAll('.tile')[1].id").await;
    browser.run("document.querySelectorAll('.tile')[1].focus()").await;
    browser.press("ArrowLeft", true).await;
    browser.until(&format!("document.activeElement.id === {second} && document.querySelector('.tile').id === {second}")).await;
    browser.goto("/dashboards").await;
    assert_eq!(browser.run("document.querySelector('.tile').id").await, second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_write_closes_nothing_and_takes_nothing_that_somebody_typed_or_chose() {
    let mut desk = Desk::new().await;
    let id = desk.lived_in().await;
    let app = desk.server.app.clone();
    let mut browser = Browser::of(&desk).await;

    // A table behind a chart that was opened by hand stays open in the chart that came anew, again and again.
    browser.goto("/dashboards").await;
    let chart = "[...document.querySelectorAll('.tile')].find((tile) => tile.textContent.includes('Won by month') && tile.querySelector('details'))";
    browser.until(&format!("Boolean({chart})")).await;
    browser.run(&format!("window.tile = {chart}; tile.querySelector('summary').click(); tile.querySelector('summary').focus(); scrollTo(0, 300); window.top0 = scrollY")).await;
    for amount in [5_550_000, 6_660_000] {
        desk.ann
            .save(&app, "deal", record(13), START + amount, &[FieldEdit::set("amount", json!({"amount": amount, "currency": "CNY"}))])
            .await;
        browser.until("!window.tile.isConnected").await;
        let kept = format!(
            "window.tile = {chart}; tile.querySelector('details').open && tile.querySelector('summary') === document.activeElement && scrollY === top0"
        );
        assert_eq!(browser.run(&kept).await, true, "open, with the focus, at the same place");
    }
    let closed = "window.tile.querySelector('summary').click(); !window.tile.querySelector('details').open";
    assert_eq!(browser.run(closed).await, true);

    // A comment that is being written, a choice that was made: their part waits, the others go on.
    browser.goto(&format!("/records/party/{id}")).await;
    browser.until("document.getElementById('comment')").await;
    browser
        .run("const text = document.getElementById('comment'); text.value = 'Half a sen'; text.focus(); text.setSelectionRange(4, 6)")
        .await;
    browser.run("window.timeline = document.getElementById('timeline')").await;
    desk.ann.save(&app, "party", id, START + 9_000_000, &[FieldEdit::set("industry", "shipping")]).await;
    browser.until("document.getElementById('main').textContent.includes('shipping')").await;
    let kept = "((text) => text.value === 'Half a sen' && text === document.activeElement && text.selectionStart === 4)(comment) \
                && timeline.isConnected && !document.getElementById('elsewhere').hidden";
    assert_eq!(browser.run(kept).await, true);

    // The same for a list of choices that nobody has sent yet.
    browser.goto(&format!("/records/party/{id}")).await;
    let choice = "var choice = document.createElement('select'); choice.id = 'choice'; choice.append(new Option('a', 'a'), new Option('b', 'b')); \
                  document.getElementById('timeline').append(choice); choice.value = 'b'";
    browser.run(choice).await;
    desk.ann.save(&app, "party", id, START + 9_500_000, &[FieldEdit::set("industry", "printing")]).await;
    browser.until("document.getElementById('main').textContent.includes('printing')").await;
    assert_eq!(browser.run("document.getElementById('choice')?.value === 'b'").await, true);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_write_takes_neither_focus_nor_place_from_a_dashboard() {
    let mut desk = Desk::new().await;
    desk.lived_in().await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/dashboards").await;
    assert_eq!(browser.run("[...document.querySelectorAll('#menu a')].filter((a) => a.innerText.trim() === 'Dashboards').length").await, 1);
    browser.run("document.querySelector('[data-key=e]').click()").await;
    browser.until("document.querySelectorAll('.tile[draggable]').length > 5").await;
    browser.run("window.olds = new Map([...document.querySelectorAll('.tile')].map((tile) => [tile.id, tile]))").await;
    let buttons = "[...document.querySelectorAll('.tile')].map((tile) => tile.querySelector('button:last-of-type'))";
    // Which tiles a deal changes is theirs to say: one round finds it out, another has the focus there.
    let app = desk.server.app.clone();
    desk.ann.save(&app, "deal", record(11), START + 1, &[FieldEdit::set("amount", json!({"amount": 7_770_000, "currency": "CNY"}))]).await;
    let changed = "[...document.querySelectorAll('.tile')].find((tile) => window.olds.get(tile.id) !== tile)";
    browser.until(&format!("Boolean({changed})")).await;
    browser
        .run(&format!("window.mine = {changed}; window.scrollTo(0, 40); {buttons}.find((button) => window.mine.contains(button)).focus()"))
        .await;
    browser.run("window.was = document.activeElement; window.label = was.getAttribute('aria-label'); window.top0 = scrollY").await;
    desk.ann.save(&app, "deal", record(11), START + 2, &[FieldEdit::set("amount", json!({"amount": 99_000_000, "currency": "CNY"}))]).await;
    browser.until("!window.mine.isConnected").await;
    let kept = "const now = document.activeElement; now !== window.was && now.closest('.tile')?.id === window.mine.id \
                && now.getAttribute('aria-label') === window.label && scrollY === window.top0";
    assert_eq!(browser.run(kept).await, true, "the same button of the same tile");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_is_dragged_to_another_column() {
    let mut desk = Desk::new().await;
    desk.lived_in().await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/deal?layout=board").await;
    browser.drag(&format!("#c-{}", record(11)), ".lane[data-value=qualified]").await;
    browser.until("document.querySelector('.lane[data-value=qualified] .item')?.textContent.includes('11 offices')").await;
    browser.goto("/records/deal?layout=board").await;
    browser.until("document.querySelector('.lane[data-value=qualified] .item')?.textContent.includes('11 offices')").await;
    browser.picture("card-dragged").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disagreement_is_settled_by_keyboard_and_who_decided_is_kept() {
    let mut desk = Desk::new().await;
    let id = desk.lived_in().await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/conflicts").await;
    let claims = browser.run("[...document.querySelectorAll('.claim')].map((claim) => claim.innerText)").await;
    for text in ["Jiamei Supplies", "Jiamei Office", "ann", "bo", "Ann's phone", "Bo's phone"] {
        assert!(claims.to_string().contains(text), "{claims} lacks {text}");
    }
    browser.run("[...document.querySelectorAll('.claim')].find((claim) => claim.innerText.includes('Jiamei Office')).querySelector('button').focus()").await;
    browser.press("Enter", false).await;
    browser.until("document.querySelector('#open .empty')").await;
    browser.picture("disagreement-settled").await;
    browser.goto(&format!("/records/party/{id}/history")).await;
    let history = browser.run("document.querySelector('main').innerText").await;
    assert!(history.as_str().unwrap().contains("Jiamei Office") && history.as_str().unwrap().contains("ann"), "{history}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_bad_rows_comes_in_and_is_taken_back() {
    let mut desk = Desk::new().await;
    desk.lived_in().await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/imports").await;
    let text = "Title,Amount,Stage\\nDesks,1200 CNY,lead\\nChairs,a lot,lead\\nShelves,800 CNY,nowhere\\nStools,90 CNY,won";
    browser.run(&format!("document.getElementById('kind').value = 'deal'; document.querySelector('main details').open = true; document.getElementById('text').value = '{text}'; document.querySelector('main form').requestSubmit()")).await;
    browser.until("document.querySelector('button[value=check]')").await;
    browser.run("document.querySelector('button[value=check]').click()").await;
    browser.until("document.querySelector('button[value=run]')").await;
    let checked = browser.run("document.querySelector('main').innerText").await;
    assert!(checked.as_str().unwrap().contains("a lot"), "the reason names what is wrong: {checked}");
    browser.run("document.querySelector('button[value=run]').click()").await;
    browser.until("document.querySelector('form[action*=undo] button')").await;
    browser.picture("import-done").await;
    let list = "/records/deal?q=Desks";
    let undo = browser.run("document.querySelector('form[action*=undo]').action").await;
    browser.goto(list).await;
    browser.until("document.querySelectorAll('tbody tr td.title').length === 1").await;
    browser.goto("/imports").await;
    let script = format!("[...document.querySelectorAll('form')].find((form) => form.action === {undo}).requestSubmit()");
    browser.run(&script).await;
    browser.until("document.querySelector('.notice:not(.elsewhere)')").await;
    browser.goto(list).await;
    browser.until("document.querySelector('.empty')").await;
}

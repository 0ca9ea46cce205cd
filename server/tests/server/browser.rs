//! The console in a real Chromium, driven over its own debugging protocol: what a script does is seen only there.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sync_core::record::fields::FieldEdit;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::console::{Desk, record};
use crate::harness::{PASSWORD, START};

/// What Chromium is called on different systems; `CHROMIUM` names another one.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// One page of a browser of its own.
pub struct Browser {
    child: Child,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    sent: u64,
    base: String,
    /// What it told without being asked: method and parameters.
    events: VecDeque<(String, Value)>,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Browser {
    /// A browser in which ann is signed in.
    pub async fn of(desk: &Desk) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let (child, address) = launch(profile.path());
        let (socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
        let base = format!("http://{}", desk.server.address);
        let mut browser = Self { child, socket, session: String::new(), sent: 0, base, events: VecDeque::new(), _profile: profile };
        let target = browser.send("Target.createTarget", json!({"url": "about:blank"})).await["targetId"].clone();
        let attached = browser.send("Target.attachToTarget", json!({"targetId": target, "flatten": true})).await;
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        browser.send("Page.enable", json!({})).await;
        browser.goto("/sign-in?lang=en").await;
        let fill =
            format!("document.querySelector('[name=login]').value='ann';document.querySelector('[name=password]').value='{PASSWORD}';");
        browser.run(&format!("{fill}document.querySelector('.door form').requestSubmit()")).await;
        browser.until("!location.pathname.startsWith('/sign-in') && document.querySelector('#menu')").await;
        browser
    }

    pub async fn send(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(message.to_string())).await.unwrap();
        loop {
            let Message::Text(text) = self.socket.next().await.unwrap().unwrap() else { continue };
            let answer: Value = serde_json::from_str(&text).unwrap();
            if let Some(event) = answer["method"].as_str() {
                self.events.push_back((event.to_owned(), answer["params"].clone()));
            }
            if answer["id"] == self.sent {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    pub async fn goto(&mut self, path: &str) {
        let url = format!("{}{path}", self.base);
        self.send("Page.navigate", json!({"url": url})).await;
        self.until("document.readyState === 'complete'").await;
    }

    /// Runs a script and answers what it says.
    pub async fn run(&mut self, script: &str) -> Value {
        let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let answer = self.send("Runtime.evaluate", params).await;
        assert!(answer["exceptionDetails"].is_null(), "{script}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Returns when a condition holds on a page that is there as a whole. It is asked again and again: it may
    /// be another one by then.
    pub async fn until(&mut self, condition: &str) {
        const TRIES: usize = 2_000;
        let script = format!(
            "new Promise((done) => setTimeout(() => {{ try {{ done(document.readyState === 'complete' && Boolean({condition})) }} catch {{ done(false) }} }}, 15))"
        );
        for _ in 0..TRIES {
            let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
            // A page that goes away while it is asked answers nothing.
            self.sent += 1;
            let id = self.sent;
            let message = json!({"id": id, "method": "Runtime.evaluate", "params": params, "sessionId": self.session});
            self.socket.send(Message::text(message.to_string())).await.unwrap();
            loop {
                let Message::Text(text) = self.socket.next().await.unwrap().unwrap() else { continue };
                let answer: Value = serde_json::from_str(&text).unwrap();
                if answer["id"] != id {
                    continue;
                }
                if answer["result"]["result"]["value"] == json!(true) {
                    return;
                }
                break;
            }
        }
        let page = self.run("document.body.innerText").await;
        panic!("never so: {condition}\n{page}");
    }

    /// Presses a key, with Shift if wanted.
    pub async fn press(&mut self, key: &str, shift: bool) {
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" && key == "Enter" { json!("\r") } else { Value::Null };
            let mut params = json!({"type": kind, "key": key, "modifiers": if shift { 8 } else { 0 }});
            if text.is_string() {
                params["text"] = text;
            }
            self.send("Input.dispatchKeyEvent", params).await;
        }
    }

    /// Drags what is in the middle of one element to the middle of another, as a hand does.
    pub async fn drag(&mut self, from: &str, to: &str) {
        self.send("Input.setInterceptDrags", json!({"enabled": true})).await;
        let (from, to) = (self.middle(from).await, self.middle(to).await);
        let mouse = |kind: &str, (x, y): (f64, f64)| json!({"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1});
        self.send("Input.dispatchMouseEvent", mouse("mousePressed", from)).await;
        for step in 1..=4 {
            let part = f64::from(step) / 4.0;
            let at = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
            self.send("Input.dispatchMouseEvent", mouse("mouseMoved", at)).await;
        }
        let data = self.dragged().await;
        for kind in ["dragEnter", "dragOver", "drop"] {
            self.send("Input.dispatchDragEvent", json!({"type": kind, "x": to.0, "y": to.1, "data": data})).await;
        }
        self.send("Input.dispatchMouseEvent", mouse("mouseReleased", to)).await;
        self.send("Input.setInterceptDrags", json!({"enabled": false})).await;
    }

    /// What the browser says is being dragged.
    async fn dragged(&mut self) -> Value {
        const TRIES: usize = 200;
        for _ in 0..TRIES {
            while let Some((event, params)) = self.events.pop_front() {
                if event == "Input.dragIntercepted" {
                    return params["data"].clone();
                }
            }
            self.run("new Promise((done) => setTimeout(done, 10))").await;
        }
        panic!("nothing is being dragged");
    }

    async fn middle(&mut self, selector: &str) -> (f64, f64) {
        let script = format!(
            "(() => {{ const element = document.querySelector({selector:?}); element.scrollIntoView({{block: 'center', inline: 'center'}}); \
             const {{ x, y, width, height }} = element.getBoundingClientRect(); return [x + width / 2, y + height / 2] }})()"
        );
        let place = self.run(&script).await;
        (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
    }

    /// Moves the pointer to the middle of an element.
    pub async fn hover(&mut self, selector: &str) {
        let (x, y) = self.middle(selector).await;
        self.send("Input.dispatchMouseEvent", json!({"type": "mouseMoved", "x": x, "y": y})).await;
    }

    /// Clicks what is in the middle of an element, as a hand does.
    pub async fn click(&mut self, selector: &str) {
        let (x, y) = self.middle(selector).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1});
            self.send("Input.dispatchMouseEvent", params).await;
        }
    }

    pub async fn type_text(&mut self, text: &str) {
        self.send("Input.insertText", json!({"text": text})).await;
    }
}

fn launch(profile: &std::path::Path) -> (Child, String) {
    let named = std::env::var("CHROMIUM").ok();
    let names = named.iter().map(String::as_str).chain(NAMES);
    let arguments =
        ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0", "about:blank"];
    let start = |name: &str| {
        let folder = format!("--user-data-dir={}", profile.display());
        Command::new(name).args(arguments).arg(folder).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().ok()
    };
    let mut child =
        names.into_iter().find_map(start).expect("these tests need Chromium: `.ci/setup` installs it, or name one with CHROMIUM");
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address =
        lines.map_while(Result::ok).find_map(|line| Some(line.split_once("ws://")?.1.to_owned())).expect("Chromium says where it listens");
    (child, format!("ws://{address}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_goes_to_another_column_by_keyboard_and_stays_there() {
    let mut desk = Desk::new().await;
    let (app, id) = (desk.server.app.clone(), record(1));
    desk.ann.save(&app, "deal", id, START, &[FieldEdit::set("title", "Lamps"), FieldEdit::set("stage", "lead")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/deal?layout=board").await;
    browser.run(&format!("document.querySelector('#c-{id} a').focus()")).await;
    browser.press("ArrowRight", true).await;
    browser.until("document.querySelector('.lane[data-value=qualified] .item')?.textContent.includes('Lamps')").await;
    browser.until(&format!("document.activeElement.closest('.item')?.id === 'c-{id}'")).await;
    browser.goto("/records/deal?layout=board").await;
    browser.until("document.querySelector('.lane[data-value=qualified] .item')").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_is_edited_without_leaving_the_list() {
    let mut desk = Desk::new().await;
    let id = desk.customer(1, &[FieldEdit::set("name", "Jiamei"), FieldEdit::set("industry", "print")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/party").await;
    browser.run(&format!("const cell = document.querySelector('#r-{id} [data-cell=industry]'); cell.tabIndex = -1; cell.focus()")).await;
    browser.press("F2", false).await;
    browser.until("document.activeElement.name === 'f.industry'").await;
    browser.type_text("retail").await;
    browser.press("Enter", false).await;
    browser.until(&format!("document.querySelector('#r-{id} [data-cell=industry]')?.textContent === 'retail'")).await;
    assert_eq!(browser.run("location.search").await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_that_is_a_link_is_edited_by_the_pencil_beside_it() {
    let mut desk = Desk::new().await;
    let id = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/party").await;
    let title = format!("#r-{id} td.title");
    browser.hover(&title).await;
    browser.click(&format!("{title} .pencil")).await;
    browser.until("document.activeElement.name === 'f.name'").await;
    browser.type_text("Cedar").await;
    browser.press("Enter", false).await;
    browser.until(&format!("document.querySelector('{title} a')?.textContent === 'Cedar'")).await;
    browser.click(&format!("{title} a")).await;
    browser.until(&format!("location.pathname === '/records/party/{id}'")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_on_a_phone_begins_on_the_first_screen_and_its_tools_are_a_tap_away() {
    /// More than a third of a small screen is no way to begin.
    const TOP_MAX: u32 = 260;
    let desk = Desk::new().await;
    let mut browser = Browser::of(&desk).await;
    let size = json!({"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true});
    browser.send("Emulation.setDeviceMetricsOverride", size).await;
    for language in ["en", "zh-CN"] {
        desk.post("/language", &[("language", language)]).await;
        browser.goto("/records/deal?layout=board").await;
        browser.until(&format!("document.getElementById('board').getBoundingClientRect().top < {TOP_MAX}")).await;
        let shown = "document.querySelector('.tools [data-key=f]').checkVisibility()";
        assert_eq!(browser.run(shown).await, false, "{language}");
        browser.click("label[for=fold-tools]").await;
        browser.until(shown).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_is_built_without_a_page_being_loaded_and_back_takes_it_away() {
    let mut desk = Desk::new().await;
    desk.customer(1, &[FieldEdit::set("name", "Jiamei"), FieldEdit::set("industry", "print")]).await;
    desk.customer(2, &[FieldEdit::set("name", "Cedar"), FieldEdit::set("industry", "retail")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/party").await;
    browser.run("window.stayed = true; document.querySelector('[data-key=f]').click()").await;
    browser.until("document.getElementById('attribute')").await;
    browser.run("const choice = document.getElementById('attribute'); choice.value = 'industry'; choice.dispatchEvent(new Event('change', {bubbles: true}))").await;
    browser.until("document.getElementById('v')").await;
    browser.run("document.getElementById('v').value = 'prin'; document.getElementById('panel').requestSubmit()").await;
    browser.until("document.querySelectorAll('tbody tr').length === 1 && document.querySelector('.chip')").await;
    browser.run("history.back()").await;
    browser.run("history.back()").await;
    browser.until("document.querySelectorAll('tbody tr').length === 2 && !document.querySelector('.chip')").await;
    assert_eq!(browser.run("window.stayed").await, true, "one page all the time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_phone_writes_appears_in_an_open_list_by_itself() {
    let mut desk = Desk::new().await;
    let id = desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/party").await;
    browser.run(&format!("document.querySelector('#r-{id} input').click(); window.stayed = true")).await;
    let app = desk.server.app.clone();
    desk.ann.save(&app, "party", id, START + 1, &[FieldEdit::set("industry", "print")]).await;
    browser.until(&format!("document.querySelector('#r-{id}').textContent.includes('print')")).await;
    assert_eq!(
        browser.run(&format!("window.stayed && document.querySelector('#r-{id} input').checked")).await,
        true,
        "what was ticked stays ticked"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_changed_in_the_editor_once_its_effect_was_shown() {
    let mut desk = Desk::new().await;
    desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    let app = desk.server.app.clone();
    let rep = crate::api::Client::of_role(&desk.server, "cai", "rep").await;
    let _phone =
        crate::pen::Phone::of(&app, desk.server.workspace, sync_core::id::UserId::of_cause("cai"), "rep", "Cai's phone", START).await;
    let seen = async || rep.list("party", &[]).await.json()["rows"].as_array().map(Vec::len);
    let mut browser = Browser::of(&desk).await;
    browser.goto("/roles/rep").await;
    browser.until("document.querySelector('[name=\"party.read\"]')").await;
    browser.run("for (const act of ['read', 'edit', 'resolve']) document.querySelector(`[name=\"party.${act}\"]`).value = 'own'").await;
    browser.run("document.querySelector('[name=step][value=preview]').click()").await;
    browser.until("document.getElementById('effect')?.textContent.includes('This would remove 1 record from 1 phone.')").await;
    assert_eq!(seen().await, Some(1), "nothing was saved yet");
    browser.run("document.querySelector('#effect [value=save]').click()").await;
    browser.until("location.search === '?done=saved'").await;
    assert_eq!(seen().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handover_is_looked_at_carried_out_and_taken_back_in_a_browser() {
    let mut desk = Desk::new().await;
    let bo = sync_core::id::UserId::of_cause("bo");
    let id = desk.customer(1, &[FieldEdit::set("name", "Jiamei"), FieldEdit::set("owner", bo.to_string())]).await;
    let mut browser = Browser::of(&desk).await;
    let choose = format!("document.getElementById('from').value = '{bo}'; document.getElementById('to').value = '{}';", desk.server.ann);
    browser.goto("/handover").await;
    browser.run(&format!("{choose} document.querySelector('[value=preview]').click()")).await;
    browser.until("document.getElementById('effect')?.textContent.includes('1 record would go over')").await;
    browser.run("document.querySelector('[value=apply]').click()").await;
    browser.until("document.querySelector('#acts')?.textContent.includes('bo → ann')").await;
    // The page does not wait for the end: it is asked again until there is something to take back.
    while browser.run("Boolean(document.querySelector('#acts form button'))").await != true {
        browser.goto("/handover").await;
    }
    browser.goto(&format!("/records/party/{id}")).await;
    browser.until("document.querySelector('main').textContent.includes('ann')").await;
    browser.goto("/handover").await;
    browser.run("document.querySelector('#acts form button').click()").await;
    browser.until("location.search.startsWith('?done=undone') && document.querySelector('#acts').textContent.includes('taken back')").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_comes_to_an_open_desk_by_itself_and_is_accepted_by_keyboard() {
    let desk = Desk::new().await;
    let (app, id) = (desk.server.app.clone(), record(1));
    let mut rep = crate::reviews::colleague(&desk.server, "rep", "rep").await;
    let line = |percent: i64| {
        let values = json!({"product_name": "Lamp", "quantity": 1, "discount_percent": percent});
        FieldEdit::SetRow { field: "lines".into(), row: "l1".into(), values: values.as_object().unwrap().clone() }
    };
    rep.save(&app, "offer", id, START, &[FieldEdit::set("title", "Lamps"), line(5)]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/rejected").await;
    browser.run("window.stayed = true").await;
    rep.save(&app, "offer", id, START + 1, &[line(15)]).await;
    browser.until("document.querySelector('article.dispute')?.textContent.includes('Lamps')").await;
    assert_eq!(browser.run("window.stayed").await, true, "nothing was loaded anew");
    browser.press("j", false).await;
    browser.until("document.activeElement.textContent === 'Lamps'").await;
    browser.press("a", false).await;
    browser.until("document.querySelector('.notice:not(.elsewhere)')?.textContent.includes('1 edit was accepted')").await;
    browser.until("!document.querySelector('article.dispute')").await;
}

/// What is typed into controls of a form, by their names.
type Typed<'t> = &'t [(&'t str, &'t str)];

/// Types into controls of a form, as a hand does.
async fn fill(browser: &mut Browser, typed: Typed<'_>) {
    for (name, value) in typed {
        let script = format!(
            "(() => {{ const control = document.querySelector('[name={name:?}]'); control.value = {value:?}; \
             control.dispatchEvent(new Event('input', {{bubbles: true}})) }})()"
        );
        browser.run(&script).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_with_six_fields_a_link_and_a_board_is_built_in_one_go() {
    let desk = Desk::new().await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/kinds/new").await;
    fill(&mut browser, &[("label_en", "Demo car"), ("plural_en", "Demo cars"), ("field.0.label_en", "Plate")]).await;
    let fields: [(&str, &str, Typed<'_>); 5] = [
        ("Price", "money", &[]),
        ("Borrowed by", "link", &[]),
        ("Built on", "date", &[]),
        ("Remarks", "paragraph", &[]),
        ("State", "choice", &[("field.5.options", "In stock | 库存 | green\nOut | 外借 | amber")]),
    ];
    for (at, (label, kind, more)) in fields.iter().enumerate() {
        let place = at + 1;
        browser.run("document.querySelector('[name=step][value=add]').click()").await;
        browser.until(&format!("document.querySelectorAll('.kind-field').length === {}", place + 1)).await;
        fill(&mut browser, &[(&format!("field.{place}.label_en"), label), (&format!("field.{place}.type"), kind)]).await;
        fill(&mut browser, more).await;
    }
    browser.run("document.querySelector('[name=\"field.2.to\"][value=party]').click()").await;
    // The field that was typed last was never sent, and is a choice all the same.
    browser.until("[...document.getElementById('board').options].some((option) => option.text === 'State')").await;
    let offered = browser.run("[...document.getElementById('sum').options].map((option) => option.text).slice(1).join()").await;
    assert_eq!(offered, "Price");
    fill(&mut browser, &[("board", "#5"), ("sum", "#1")]).await;
    browser.click(".buttons [name=step][value=save]").await;
    browser.until("location.pathname === '/kinds/demo_car' && location.search === '?done=saved'").await;
    browser.goto("/records/demo_car?layout=board").await;
    browser
        .until("document.querySelectorAll('.lane').length === 2 && document.querySelector('.lane').textContent.includes('In stock')")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_whose_value_was_refused_keeps_the_focus_and_says_what_would_be_taken() {
    let mut desk = Desk::new().await;
    let (app, id) = (desk.server.app.clone(), record(1));
    desk.ann.save(&app, "deal", id, START, &[FieldEdit::set("title", "Lamps")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/deal").await;
    browser.run(&format!("const cell = document.querySelector('#r-{id} [data-cell=amount]'); cell.tabIndex = -1; cell.focus()")).await;
    browser.press("F2", false).await;
    browser.until("document.activeElement.name === 'f.amount.amount'").await;
    browser.type_text("1.234").await;
    browser.press("Enter", false).await;
    browser.until("document.querySelector('td.editing .problem')?.textContent.includes('up to two decimals')").await;
    browser.until("document.activeElement.name === 'f.amount.amount' && document.activeElement.value === '1.234'").await;
    browser.type_text("12.34").await;
    browser.press("Enter", false).await;
    browser.until(&format!("document.querySelector('#r-{id} [data-cell=amount]')?.textContent === '¥12.34'")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_edits_on_the_desk_are_ticked_at_once_and_declined_with_one_reason() {
    let desk = Desk::new().await;
    let app = desk.server.app.clone();
    let mut rep = crate::reviews::colleague(&desk.server, "rep", "rep").await;
    for n in [1, 2] {
        let price = FieldEdit::set("price", json!({"amount": 1, "currency": "CNY"}));
        rep.save(&app, "product", record(n), START, &[price]).await;
    }
    let mut browser = Browser::of(&desk).await;
    browser.goto("/rejected").await;
    browser.click("#many [data-all]").await;
    browser.until("document.querySelectorAll('article input[name=change]:checked').length === 2").await;
    browser.run("document.getElementById('reason-many').value = 'Prices are made elsewhere'").await;
    browser.click("#many [value=decline]").await;
    browser.until("document.querySelector('.notice:not(.elsewhere)')?.textContent.includes('2 edits were declined')").await;
    browser.goto("/rejected?decided=true").await;
    let said = "document.querySelector('main').textContent.split('Prices are made elsewhere').length - 1";
    assert_eq!(browser.run(said).await, 2);
}

//! What people do all day in a real Chromium: disagreements that come by themselves, keys, files that come in and go back.

use std::time::Instant;

use sync_core::record::fields::FieldEdit;

use super::{Browser, LANGUAGES};
use crate::console::Desk;
use crate::harness::{MINUTE, START};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disagreement_of_two_phones_is_in_an_open_inbox_within_two_seconds() {
    for words in LANGUAGES {
        let mut desk = Desk::new().await;
        let (app, firm) = (desk.server.app.clone(), words.0.of("Jiamei", "佳美"));
        let named = |more: &str| [FieldEdit::set("name", format!("{firm} {more}"))];
        let id = desk.customer(1, &[FieldEdit::set("name", firm)]).await;
        let mut browser = Browser::speaking(&desk, words).await;
        browser.goto("/conflicts").await;
        browser.says(words.say("conflict.none")).await;
        browser.run("window.stayed = true").await;
        let (anns, bos) =
            (desk.ann.write("party", id, START + MINUTE, &named("1")), desk.bo.write("party", id, START + 2 * MINUTE, &named("2")));
        desk.server.clock.forward(91 * MINUTE);
        desk.ann.push(&app, anns, START + 90 * MINUTE).await;
        let begun = Instant::now();
        desk.bo.push(&app, bos, START + 90 * MINUTE).await;
        let (one, other) = (format!("{firm} 1"), format!("{firm} 2"));
        let both = format!("[{one:?}, {other:?}].every((name) => document.querySelector('article.dispute')?.textContent.includes(name))");
        browser.soon(begun, &both).await;
        browser.picture(&format!("inbox-live-{}", words.0.tag())).await;
        // What is decided elsewhere leaves it as quickly.
        let begun = Instant::now();
        assert_eq!(desk.post(&format!("/records/party/{id}/fields/name"), &[("f.name", firm)]).await.status, 303);
        browser.soon(begun, "!document.querySelector('article.dispute')").await;
        assert_eq!(browser.run("window.stayed").await, true, "nothing was loaded anew");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_worked_by_its_keys() {
    let mut desk = Desk::new().await;
    for (n, name) in [(1, "Alpha"), (2, "Bravo"), (3, "Cedar")] {
        desk.customer(n, &[FieldEdit::set("name", name)]).await;
    }
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/party").await;
    let on = |name: &str| format!("document.activeElement.textContent === {name:?}");
    for (key, name) in [("j", "Alpha"), ("j", "Bravo"), ("j", "Cedar"), ("j", "Cedar"), ("k", "Bravo"), ("k", "Alpha"), ("k", "Alpha")] {
        browser.press(key, false).await;
        browser.until(&on(name)).await;
    }
    let ticked = "[...document.querySelectorAll('input[name=id]:checked')].map((box) => box.closest('tr').querySelector('td.title').innerText.trim()).join()";
    browser.press("j", false).await;
    browser.press("x", false).await;
    assert_eq!(browser.run(ticked).await, "Bravo");
    browser.until("getComputedStyle(document.querySelector('.bulk')).display === 'flex'").await;
    browser.press("k", false).await;
    browser.press("x", false).await;
    assert_eq!(browser.run(ticked).await, "Alpha,Bravo");
    browser.press("x", false).await;
    assert_eq!(browser.run(ticked).await, "Bravo", "once more takes it off");

    browser.press("/", false).await;
    browser.until("document.activeElement.name === 'q'").await;
    // What is typed is text there, and no key.
    for key in ["x", "j", "f"] {
        browser.press(key, false).await;
    }
    assert_eq!(browser.run("document.activeElement.name === 'q' && !document.getElementById('panel')").await, true);
    assert_eq!(browser.run(ticked).await, "Bravo");
    browser.type_text("ceda").await;
    browser.press("Enter", false).await;
    browser.until("location.search.includes('q=ceda') && document.querySelectorAll('#rows tbody tr').length === 1").await;
    browser.run("document.activeElement.blur()").await;
    browser.press("f", false).await;
    browser.until("document.activeElement.id === 'attribute'").await;
    browser.run("document.activeElement.blur()").await;
    browser.press("Escape", false).await;
    browser.until("!document.getElementById('panel')").await;
    browser.goto("/records/party").await;
    browser.press("n", false).await;
    browser.until("location.pathname === '/records/party/new'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disagreements_are_gone_through_and_ticked_by_keys() {
    let mut desk = Desk::new().await;
    let app = desk.server.app.clone();
    for n in [1, 2] {
        let id = desk.customer(n, &[FieldEdit::set("name", format!("Firm {n}"))]).await;
        for (phone, industry, minute) in [(true, "print", 1), (false, "retail", 2)] {
            let phone = if phone { &mut desk.ann } else { &mut desk.bo };
            let written = phone.write("party", id, START + minute * MINUTE, &[FieldEdit::set("name", format!("Firm {n} {industry}"))]);
            phone.push(&app, written, START + 90 * MINUTE).await;
        }
    }
    let mut browser = Browser::of(&desk).await;
    browser.goto("/conflicts").await;
    browser.until("document.querySelectorAll('article.dispute').length === 2").await;
    let on = |at: usize| format!("document.querySelectorAll('article.dispute')[{at}].contains(document.activeElement)");
    for (key, at) in [("j", 0), ("j", 1), ("k", 0)] {
        browser.press(key, false).await;
        browser.until(&on(at)).await;
    }
    browser.press("x", false).await;
    let ticked = "[...document.querySelectorAll('input[name=at]')].map((box) => box.checked).join()";
    assert_eq!(browser.run(ticked).await, "true,false");
    browser.press("1", false).await;
    browser.until("document.querySelectorAll('article.dispute').length === 1").await;
    browser.until("document.querySelector('article.dispute')").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_file_shows_how_far_it_is_tells_its_bad_rows_and_is_taken_back_whole() {
    const ROWS: usize = 8_400;
    for words in LANGUAGES {
        let desk = Desk::new().await;
        let mut browser = Browser::speaking(&desk, words).await;
        browser.goto("/imports").await;
        let cells = format!(
            "['Title,Amount,Stage', ...Array.from({{length: {ROWS}}}, (_, at) => `Row ${{at}},${{at}} CNY,${{at % 4000 === 7 ? 'nowhere' : 'lead'}}`)].join('\\n')"
        );
        let fill = format!(
            "document.getElementById('kind').value = 'deal'; document.querySelector('main details').open = true; \
             document.getElementById('text').value = {cells}; document.querySelector('main form').requestSubmit()"
        );
        browser.run(&fill).await;
        browser.until("document.querySelector('button[value=check]')").await;
        browser.click("button[value=run], button[value=check]").await;
        browser.until("document.querySelector('button[value=run]')").await;
        browser.click("button[value=run]").await;
        browser.until("document.querySelector('progress')").await;
        browser.run("window.stayed = true; window.seen = new Set(); setInterval(() => { const bar = document.querySelector('progress'); if (bar) seen.add(bar.value / bar.max) }, 20)").await;
        browser.picture(&format!("import-running-{}", words.0.tag())).await;
        browser.until("document.querySelector('form[action*=undo] button')").await;
        let seen = browser.run("[...seen]").await;
        let seen: Vec<f64> = seen.as_array().unwrap().iter().map(|share| share.as_f64().unwrap()).collect();
        assert!(seen.len() > 1 && seen.is_sorted() && seen.iter().any(|share| (0.01..1.0).contains(share)), "{seen:?}");
        assert_eq!(browser.run("window.stayed").await, true, "it went on by itself");
        for text in [words.count("import.created", ROWS as u64 - 3), words.count("import.failed", 3)] {
            browser.says(&text).await;
        }
        // The rows that were left out, with why, as a file.
        let failed = "fetch(document.querySelector('a[href$=\"failed.csv\"]').href).then((answer) => answer.text())";
        let failed = browser.run(failed).await.as_str().unwrap().to_owned();
        assert!(failed.lines().count() == 4 && failed.contains("Row 4007") && failed.contains("nowhere"), "{failed}");
        browser.click("form[action*=undo] button").await;
        browser.until("location.pathname === '/imports' && location.search.includes('done=undone')").await;
        browser.goto("/records/deal").await;
        browser.says(&words.count("list.count", 0)).await;
    }
}

//! What Enter, Esc and the keys of a list do: in HTML, Enter presses the first button of a form; in a real Chromium,
//! what comes of it and where the focus goes on. And where somebody finds themselves who went astray.

use sync_core::record::fields::FieldEdit;

use crate::browser::Browser;
use crate::console::Desk;
use crate::harness::{MINUTE, START};

/// The tag of the button that Enter presses in the form in which something stands.
fn entered(page: &str, inside: &str) -> String {
    let mut forms = page.split("<form ").skip(1).map(|form| form.split("</form>").next().unwrap());
    let form = forms.find(|form| form.contains(inside)).unwrap_or_else(|| panic!("{inside} is in no form: {page}"));
    form.split("<button").nth(1).unwrap().split('>').next().unwrap().to_owned()
}

#[tokio::test]
async fn enter_presses_what_the_form_is_for_and_never_what_takes_something_away() {
    let mut desk = Desk::new().await;
    let id = desk.dispute().await;
    let cases = [
        ("/conflicts".to_owned(), "name=\"path\"", "name=\"other\""),
        (format!("/records/party/{id}"), "name=\"path\"", "name=\"other\""),
        ("/kinds/party".to_owned(), "name=\"label_en\"", "value=\"save\""),
        ("/roles/rep".to_owned(), "name=\"label_en\"", "value=\"preview\""),
        (format!("/people/{}", desk.server.ann), "name=\"teams\"", "value=\"preview\""),
    ];
    for (path, inside, wanted) in cases {
        let button = entered(&desk.get(&path).await.text(), inside);
        assert!(button.contains(wanted), "{path}: {button}");
    }
    let filter = entered(&desk.get("/records/party?panel=filter&attribute=industry").await.text(), "name=\"attribute\"");
    assert!(!filter.contains("formaction") && !filter.contains(" name="), "it applies: {filter}");
}

#[tokio::test]
async fn one_disagreement_alone_can_be_ticked_and_decided_too() {
    let mut desk = Desk::new().await;
    desk.dispute().await;
    let page = desk.get("/conflicts").await.text();
    assert!(page.contains("form=\"many\"") && page.contains("id=\"many\""), "{page}");
}

#[tokio::test]
async fn the_first_steps_lead_to_where_colleagues_are_invited() {
    let desk = Desk::new().await;
    let page = desk.get("/start").await.text();
    assert!(page.contains("href=\"/people\">Invite</a>") && !page.contains("rapport user add"), "{page}");
}

#[tokio::test]
async fn the_first_steps_lead_to_the_settings_and_show_what_was_set() {
    let desk = Desk::new().await;
    let page = desk.get("/start").await.text();
    let step = page.split("<li").find(|step| step.contains("Say how your company works")).unwrap();
    assert!(step.contains("action=\"/admin/settings\"") && step.contains("Skip for now"), "{step}");
    let skipped = desk.get("/start?later=settings").await.text();
    assert!(skipped.contains("Skipped") && !skipped.contains("Skip for now"), "{skipped}");
    let form = desk.post("/admin/settings", &[]).await.header("location").to_owned();
    assert!(form.contains("/records/settings/new"), "{form}");
    let set = [("f.name", "Jiamei"), ("f.currency", "EUR"), ("f.time_zone", "Europe/Berlin"), ("f.languages", "en")];
    assert_eq!(desk.post("/records/settings", &set).await.status, 303);
    let page = desk.get("/start").await.text();
    let step = page.split("<li").find(|step| step.contains("Say how your company works")).unwrap();
    for told in ["Done", "Jiamei", "EUR", "Europe/Berlin", "English"] {
        assert!(step.contains(told), "{told}: {step}");
    }
    desk.post("/language", &[("language", "zh-CN")]).await;
    assert!(desk.get("/start").await.text().contains("设定公司信息"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_value_of_a_disagreement_is_typed_and_sent_with_enter() {
    let mut desk = Desk::new().await;
    let id = desk.dispute().await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/conflicts").await;
    browser.run("document.querySelector('.third input').focus()").await;
    browser.type_text("Jiamei Trading").await;
    browser.press("Enter", false).await;
    browser.until("document.querySelector('#open .empty')").await;
    browser.goto(&format!("/records/party/{id}")).await;
    browser.until("document.querySelector('h1').textContent === 'Jiamei Trading'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_is_applied_with_enter() {
    let mut desk = Desk::new().await;
    desk.customer(1, &[FieldEdit::set("name", "Jiamei"), FieldEdit::set("industry", "print")]).await;
    desk.customer(2, &[FieldEdit::set("name", "Cedar"), FieldEdit::set("industry", "retail")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/party?panel=filter&attribute=industry").await;
    browser.run("document.getElementById('v').focus()").await;
    browser.type_text("prin").await;
    browser.press("Enter", false).await;
    browser.until("document.querySelectorAll('tbody tr').length === 1 && document.querySelector('.chip')").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_is_named_with_enter_and_any_other_control_looks_at_the_rows() {
    let desk = Desk::new().await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/imports").await;
    let paste = "document.querySelector('main details').open = true; document.getElementById('text').value = 'Account Name\\tType\\nJiamei\\torg\\n';";
    browser.run(&format!("{paste} document.querySelector('form[enctype]').requestSubmit()")).await;
    browser.until("document.getElementById('mapping-name')").await;
    browser.run("document.getElementById('mapping-name').focus()").await;
    browser.type_text("Weekly").await;
    browser.press("Enter", false).await;
    browser.until("document.querySelector('#mapping option')?.textContent === 'Weekly'").await;
    browser.run("document.getElementById('set').focus()").await;
    browser.press("Enter", false).await;
    browser.until("document.querySelector('button[value=run]')").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_leaves_a_cell_stands_in_it_and_goes_on_from_its_row() {
    let mut desk = Desk::new().await;
    desk.customer(1, &[FieldEdit::set("name", "Jiamei"), FieldEdit::set("industry", "print")]).await;
    desk.customer(2, &[FieldEdit::set("name", "Cedar"), FieldEdit::set("industry", "print")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/party").await;
    browser.run("const cell = document.querySelector('tbody tr [data-cell=industry]'); cell.tabIndex = -1; cell.focus()").await;
    for (text, leave) in [("nothing", "Escape"), ("retail", "Enter")] {
        browser.press("F2", false).await;
        browser.until("document.activeElement.name === 'f.industry'").await;
        browser.type_text(text).await;
        browser.press(leave, false).await;
        browser.until("document.activeElement.dataset.cell === 'industry'").await;
    }
    browser.until("document.activeElement.textContent === 'retail'").await;
    browser.press("j", false).await;
    browser.until("document.activeElement.closest('tr') === document.querySelectorAll('tbody tr')[1]").await;
}

#[tokio::test]
async fn what_is_not_there_is_said_inside_the_frame_and_in_the_readers_language() {
    let desk = Desk::new().await;
    for path in ["/nonsense", "/records/nothing"] {
        let page = desk.get(path).await;
        assert!(page.status.is_client_error(), "{path}: {}", page.status);
        assert!(page.text().contains("id=\"menu\"") && page.text().contains("href=\"/\""), "{path}: {}", page.text());
    }
    let program = desk.server.get("/nonsense", &[("cookie", &desk.cookie), ("accept", "application/json")]).await;
    assert_eq!((program.status.as_u16(), program.json()["code"].as_str()), (404, Some("not_found")));
    let program = desk.server.get("/api/v1/nonsense/a/b/c/d", &[("accept", "text/html")]).await;
    assert_eq!(program.json()["code"], "not_found");
    let stranger = desk.server.get("/nonsense", &[("accept", "text/html")]).await.text();
    assert!(stranger.contains("Back to the start") && !stranger.contains("id=\"menu\""), "{stranger}");
    assert_eq!(desk.post("/language", &[("language", "zh-CN")]).await.status, 303);
    let chinese = desk.get("/records/party?group=bogus").await.text();
    assert!(chinese.contains("不能用来给此列表分组") && !chinese.contains("put together by"), "{chinese}");
    let icon = desk.server.get("/favicon.ico", &[]).await;
    assert!(icon.status.is_success() || icon.header("location").ends_with(".svg"), "{}", icon.status);
}

#[tokio::test]
async fn an_empty_box_beside_a_disagreement_empties_nothing_and_stays_on_its_page() {
    let mut desk = Desk::new().await;
    let id = desk.dispute().await;
    let (resolve, from) = (format!("/records/party/{id}/resolve"), "/conflicts?kind=party");
    let both = ["An empty box empties nothing", "Jiamei Office", "Jiamei Supplies", "name=\"keep\""];
    let form = [("path", "name"), ("f.name", " "), ("other", "1"), ("from", from)];
    assert!(desk.get(from).await.text().contains("name=\"from\" value=\"/conflicts?kind=party\""));
    for (form, card) in [(&form[..], "id=\"open\""), (&form[..3], "id=\"f-name\"")] {
        let refused = desk.post(&resolve, form).await;
        let page = refused.text();
        assert_eq!(refused.status, 422, "{page}");
        assert!(both.iter().chain(&[card]).all(|part| page.contains(part)), "{page}");
        assert!(!page.contains("/fields/name\""), "its field is not opened for that: {page}");
    }
    let decided = desk.post(&resolve, &[("path", "name"), ("f.name", "Jiamei Group"), ("from", from)]).await;
    assert_eq!(decided.header("location"), "/conflicts?kind=party&done=decided");
    let late = desk.post(&resolve, &form).await;
    assert!(late.text().contains("Somebody has decided this meanwhile") && late.text().contains("id=\"open\""), "{}", late.text());
}

#[tokio::test]
async fn a_field_that_two_disagree_about_is_emptied_on_purpose_only() {
    let mut desk = Desk::new().await;
    let id = desk.customer(1, &[FieldEdit::set("name", "Jiamei"), FieldEdit::set("tax_id", "1")]).await;
    let anns = desk.ann.write("party", id, START + MINUTE, &[FieldEdit::set("tax_id", "2")]);
    let bos = desk.bo.write("party", id, START + 2 * MINUTE, &[FieldEdit::set("tax_id", "3")]);
    desk.ann.push(&desk.server.app, anns, START + 3 * MINUTE).await;
    desk.bo.push(&desk.server.app, bos, START + 3 * MINUTE).await;
    let resolve = format!("/records/party/{id}/resolve");
    assert_eq!(desk.post(&resolve, &[("path", "tax_id"), ("f.tax_id", ""), ("other", "1")]).await.status, 422);
    assert!(desk.get("/conflicts").await.text().contains("name=\"empty\""));
    let emptied = desk.post(&resolve, &[("path", "tax_id"), ("f.tax_id", ""), ("empty", "1"), ("from", "/conflicts")]).await;
    assert_eq!(emptied.status, 303, "{}", emptied.text());
    assert!(desk.get("/conflicts").await.text().contains("Everybody agrees"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_in_a_cell_is_saved_with_enter() {
    let mut desk = Desk::new().await;
    desk.customer(1, &[FieldEdit::set("name", "Jiamei"), FieldEdit::set("type", "org")]).await;
    let mut browser = Browser::of(&desk).await;
    browser.goto("/records/party?columns=type").await;
    browser.run("document.querySelector('td[data-cell=type]').tabIndex = -1; document.querySelector('td[data-cell=type]').focus()").await;
    browser.press("Enter", false).await;
    browser.until("document.activeElement.matches('td.editing select')").await;
    browser.run("document.activeElement.value = 'person'").await;
    browser.press("Enter", false).await;
    browser.until("document.querySelector('td[data-cell=type]')?.textContent.trim() === 'Person'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_to_a_dashboard_stays_on_its_page_while_others_write() {
    let mut desk = Desk::new().await;
    let dashboard = desk.post("/dashboards", &[("ready", "sales")]).await.header("location").to_owned();
    let mut browser = Browser::of(&desk).await;
    browser.goto(&format!("{dashboard}?arrange=true")).await;
    browser.run("document.querySelector('form[action$=\"/links\"]').requestSubmit()").await;
    browser.until("document.querySelector('[data-address]')").await;
    assert_eq!(browser.run("location.pathname + location.search").await, format!("{dashboard}?arrange=true"));
    // In braces: a name of the page's own script is not to be hidden.
    let listen = "window.asked = []; { const { fetch } = window; window.fetch = (...all) => fetch(...all).then((answer) => (asked.push(answer.status), answer)); }";
    browser.run(listen).await;
    desk.customer(1, &[FieldEdit::set("name", "Jiamei")]).await;
    browser.until("asked.length").await;
    assert_eq!(browser.run("asked.every((status) => status === 200) && Boolean(document.querySelector('[data-address]'))").await, true);
}

#[tokio::test]
async fn a_form_says_all_that_is_wrong_at_once() {
    let desk = Desk::new().await;
    let typed = [("f.name", "Jiamei"), ("f.website", "no address"), ("f.birthday", "0027-05-03")];
    let refused = desk.post("/records/party", &typed).await;
    assert_eq!(refused.status, 422);
    let page = refused.text();
    for part in ["no address", "is not a web address", "the year 27 is none"] {
        assert!(page.contains(part), "{page} lacks {part}");
    }
}

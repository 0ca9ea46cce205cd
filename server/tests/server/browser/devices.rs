//! The list of devices, worked in both languages: a phone comes, is let in, is watched, is lost.

use sync_core::id::{DeviceId, RecordId};
use sync_core::net::Server as Remote;
use sync_core::protocol::{CAPABILITIES, Hello, Message, PROTOCOL_VERSION, encode_frame, fingerprint};
use sync_core::record::fields::FieldEdit;
use sync_core::store::Place;

use rapport_server::console::words::Words;

use super::{Browser, LANGUAGES};
use crate::console::{Desk, record};
use crate::handset::Handset;
use crate::harness::{MINUTE, START};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_is_enrolled_let_in_watched_and_wiped_with_the_list_of_devices_open() {
    for words in LANGUAGES {
        let mut desk = Desk::new().await;
        let mut browser = Browser::speaking(&desk, words).await;
        let name = words.0.of("Wang's tablet", "王芳的平板");
        new_ones_wait(&mut browser, words).await;
        let mut phone = is_let_in(&desk, &mut browser, words, name).await;
        is_watched(&mut desk, &mut browser, &mut phone, words).await;
        browser.is_sound("devices", words, &[name, "test 2"]).await;
        is_shut_out(&mut browser, words).await;
        is_wiped(&desk, &mut browser, &mut phone, words, name).await;
        browser.is_sound("devices-wiped", words, &[name, "test 2"]).await;
    }
}

/// A cell of a device's line, by its head.
fn cell(device: DeviceId, head: &str) -> String {
    format!("document.querySelector('#d-{device} [data-label={head:?}]')?.textContent")
}

/// The workspace says: phones wait until somebody has looked at them, and lock after thirty days.
async fn new_ones_wait(browser: &mut Browser, words: Words) {
    browser.goto("/devices").await;
    browser.run("document.getElementById('lease_days').value = '30'").await;
    browser.click("#terms [name=confirm]").await;
    browser.click("#terms button").await;
    browser.answers(words.say("device.terms_kept")).await;
    assert_eq!(browser.run("document.getElementById('lease_days').value").await, "30");
}

/// Somebody makes a code, a phone comes with it, both compare digits.
async fn is_let_in(desk: &Desk, browser: &mut Browser, words: Words, name: &str) -> Handset {
    browser.run(&format!("document.getElementById('user').value = '{}'", desk.server.ann)).await;
    browser.click("form[action=\"/devices/code\"] button").await;
    browser.until("document.querySelector('svg.qr path')?.getAttribute('d').length > 500").await;
    assert_eq!(browser.run("document.querySelector('svg.qr').getAttribute('aria-label')").await, words.say("device.qr"));
    browser.says(words.say("device.code_once")).await;
    browser.is_sound("devices-code", words, &[]).await;
    let code = browser.run("document.querySelector('p.code').textContent").await.as_str().unwrap().to_owned();
    let opening = Handset::opening(desk.server.ann, Place::Memory);
    let phone = Handset::enrolled(&desk.server, &opening, code, name).await;
    let digits = fingerprint(&phone.enrolled.token);
    browser.until(&format!("document.getElementById('waiting').textContent.includes({digits:?})")).await;
    browser.says(words.say("device.waiting")).await;
    assert_eq!(browser.run("Boolean(document.querySelector('p.code'))").await, true, "the code is still there: nothing was loaded anew");
    browser.is_sound("devices-waiting", words, &[name]).await;
    browser.click("#waiting button[value=let_in]").await;
    browser.answers(words.say("device.let_in_done")).await;
    browser.until(&format!("document.querySelector('#d-{} .title').textContent.includes({name:?})", phone.enrolled.device)).await;
    phone
}

/// What a phone says of itself comes to the open list.
async fn is_watched(desk: &mut Desk, browser: &mut Browser, phone: &mut Handset, words: Words) {
    browser.run("window.stayed = true").await;
    let device = phone.enrolled.device;
    let shown = |head| cell(device, words.say(head));
    let (app, protocol, seen) = (shown("device.app"), shown("device.protocol"), shown("device.seen"));
    let (pending, lag) = (shown("device.pending"), shown("device.lag"));
    phone.sync(&desk.server).await;
    let now = words.say("time.now");
    browser.until(&format!("{app} === 'test 1' && {protocol} === '{PROTOCOL_VERSION}' && {seen} === {now:?}")).await;
    browser.until(&format!("{pending} === '0' && {lag} === '0'")).await;

    // Offline it edits, the office goes on; then it says hello, and its network is gone before it has sent anything.
    phone.edit(&desk.server, "party", record(5), &[FieldEdit::set("name", words.0.of("Jiamei", "佳美"))]);
    let server = desk.server.app.clone();
    desk.ann.save(&server, "party", record(6), START, &[FieldEdit::set("name", words.0.of("Cedar", "雪松"))]).await;
    desk.server.clock.forward(5 * MINUTE);
    let hello = Message::Hello(Hello {
        protocol: PROTOCOL_VERSION,
        capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
        app: "test 2".to_owned(),
        actor: phone.device.actor(),
        epoch: Some(phone.enrolled.epoch.clone()),
        pending: 1,
        unconfirmed: None,
    });
    phone.say(&desk.server, encode_frame(&[hello])).await;
    browser.until(&format!("{app} === 'test 2' && {pending} === '1' && Number({lag}) > 0")).await;
    browser.is_sound("devices-behind", words, &[words.0.of("Wang's tablet", "王芳的平板"), "test 2"]).await;
    desk.server.clock.forward(5 * MINUTE);
    phone.sync(&desk.server).await;
    desk.server.clock.forward(5 * MINUTE);
    phone.sync(&desk.server).await;
    browser.until(&format!("{pending} === '0' && {lag} === '0'")).await;
    assert_eq!(browser.run("window.stayed").await, true, "nothing was loaded anew");
}

/// Another phone is out at once.
async fn is_shut_out(browser: &mut Browser, words: Words) {
    let row = format!("#d-{}", DeviceId::of_cause("Bo's phone"));
    browser.click(&format!("{row} summary")).await;
    browser.click(&format!("{row} form button.danger")).await;
    browser.answers(words.say("device.was_revoked")).await;
    browser.until(&format!("document.querySelector('{row} .badge.red')?.textContent === {:?}", words.say("device.revoked"))).await;
}

/// A phone is lost, forgets everything at its next contact, and its receipt appears.
async fn is_wiped(desk: &Desk, browser: &mut Browser, phone: &mut Handset, words: Words, name: &str) {
    let row = format!("#d-{}", phone.enrolled.device);
    browser.click(&format!("{row} summary")).await;
    browser.click(&format!("{row} a.danger")).await;
    browser.says(&words.fill("device.ask_wipe", &[name, "ann"])).await;
    browser.says(words.say("device.lost_none")).await;
    browser.is_sound("devices-lost", words, &[name]).await;
    browser.click("main form button.danger").await;
    browser.answers(words.say("device.being_wiped")).await;
    browser.says(words.say("device.waits_lost")).await;
    browser.run("window.stayed = true").await;
    let held: Vec<RecordId> = [record(5), record(6)].into_iter().filter(|id| phone.fields(*id).is_some()).collect();
    assert_eq!(held.len(), 2, "what it is to forget");
    phone.sync(&desk.server).await;
    browser.says(&words.fill("device.told", &[words.say("time.now")])).await;
    let remote = Remote::at(&format!("http://{}", desk.server.address)).unwrap();
    remote.deliver(&phone.device.farewell().unwrap().unwrap()).await.unwrap();
    let receipt = words.fill("device.receipt", &[words.say("time.now"), "\u{0}", "0"]);
    let (before, after) = receipt.split_once('\u{0}').unwrap();
    let said = format!("document.querySelector('{row} .title').textContent");
    browser.until(&format!("{said}.includes({before:?}) && {said}.includes({after:?})")).await;
    assert_eq!(browser.run("window.stayed").await, true, "nothing was loaded anew");
    assert!(phone.fields(record(5)).is_none(), "nothing is left on it");
}

//! What somebody may see and do, in words: the same from the API, in the console and on their phone.

use serde_json::json;
use sync_core::access::{Action, Level, part};
use sync_core::id::UserId;

use crate::api::Client;
use crate::console::Desk;
use crate::handset::Handset;
use crate::roles::define;

const REP: &str = r#"name = "rep"
label = { en = "Rep", zh = "销售" }
[[rule]]
kinds = ["*"]
read = "all"
create = "all"
edit = "own"
reads = ["main"]
writes = ["main"]
[[rule]]
kinds = ["deal", "party"]
read = "all"
create = "all"
edit = "own"
reads = ["main"]
writes = ["main"]
except_fields = ["source"]
[[rule]]
kinds = ["deal"]
when = '[{"type": "in", "attribute": "stage", "value": ["won", "lost"]}]'
[[rule]]
kinds = ["payment"]
read = "none"
[[limit]]
kind = "offer"
field = "status"
while_waiting = ["sent", "signed"]
outcome = "refuse"
"#;

const SAID: [(&str, &str); 2] = [
    ("Where “Stage” is “Won” or “Lost”: nothing may be changed.", "当“阶段”为“赢单”或“输单”时：不能修改。"),
    ("Otherwise: Create (all), Change (own); but “Source”.", "其他情况：新建（全部）、修改（本人）；“来源”除外。"),
];

#[tokio::test]
async fn api_console_and_phone_say_alike_what_somebody_may_see_and_do() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    assert_eq!(define(&office, "rep", REP).await.status, 201);
    let rep = Client::of_role(&desk.server, "cai", "rep").await;
    let cai = UserId::of_cause("cai");

    let rows = rep.get("/api/v1/me/rights").await.json()["rows"].as_array().unwrap().clone();
    let of = |kind: &str| rows.iter().find(|row| row["kind"] == kind);
    let said = SAID.map(|(en, zh)| json!({"en": en, "zh": zh}));
    let deal = of("deal").unwrap();
    assert_eq!((&deal["read"], &deal["edit"], &deal["said"]), (&json!("all"), &json!("own"), &json!(said)), "{deal}");
    let party = of("party").unwrap();
    assert_eq!(
        (&party["facets"], &party["hidden"], &party["locked"]),
        (&json!(["main"]), &json!(["commercial", "private"]), &json!(["source"]))
    );
    assert_eq!(of("payment"), None);
    let offer = of("offer").unwrap()["said"][0]["en"].as_str().unwrap();
    assert!(offer.contains("cannot become “Sent” or “Signed”"), "{offer}");

    let mut phone = Handset::of(&desk.server, cai).await;
    phone.sync(&desk.server).await;
    let here = phone.device.rights();
    assert_eq!(here.len(), rows.len(), "without a network, too");
    let (_, deals) = here.iter().find(|(kind, _)| *kind.name == *"deal").unwrap();
    assert_eq!((deals.level(Action::Edit), deals.level(Action::Archive)), (Level::Own, Level::None));
    assert_eq!(json!(deals.said), json!(said));
    let (_, parties) = here.iter().find(|(kind, _)| *kind.name == *"party").unwrap();
    assert_eq!(parties.hidden.iter().map(|facet| part(*facet).zh).collect::<Vec<_>>(), ["商务", "个人隐私"]);

    let of_others = desk.get(&format!("/people/{cai}/sees")).await.text();
    for said in [SAID[0].0, SAID[1].0, "without commercial, personal", "Only others change: Source."] {
        assert!(of_others.contains(said), "{said}: {of_others}");
    }
    let (_, cookie) = desk.server.browser_sign_in_as("cai").await;
    assert!(desk.server.browse(&cookie, "/account").await.text().contains("href=\"/account/sees\""));
    desk.server.submit(&cookie, "/language", &[("language", "zh-CN")]).await;
    let own = desk.server.browse(&cookie, "/account/sees").await.text();
    for said in [SAID[0].1, SAID[1].1, "不含商务, 个人隐私", "由他人维护：来源。"] {
        assert!(own.contains(said), "{said}: {own}");
    }
}

#[tokio::test]
async fn a_phone_of_nobody_has_no_rights() {
    let device = sync_core::device::Device::open(&Handset::opening(UserId::of_cause("x"), sync_core::store::Place::Memory)).unwrap();
    assert!(device.rights().is_empty());
}

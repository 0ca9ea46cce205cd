//! Teams and territories: a name is given to all that say it, or to nothing.

use serde_json::json;
use sync_core::id::UserId;

use crate::api::Client;
use crate::console::Desk;
use crate::harness::Answer;
use crate::roles::define;

/// What a rule of an administrator lets them do, but for reading.
const ALL: &str = r#"create = "all"
edit = "all"
reads = ["main", "commercial", "private"]
writes = ["main", "commercial", "private"]"#;

/// An administrator's role, with a rule about customers.
fn office_with(rule: &str) -> String {
    let head = r#"name = "office"
label = { en = "Back office", zh = "后台人员" }
rights = ["administer", "export", "import", "purge"]"#;
    format!("{head}\n[[rule]]\nkinds = [\"*\"]\nread = \"all\"\n{ALL}\n[[rule]]\nkinds = [\"party\"]\n{rule}\n")
}

async fn change(desk: &Desk, form: &[(&str, &str)]) -> Answer {
    desk.post("/teams", &[&[("what", "teams"), ("step", "save")], form].concat()).await
}

async fn rename(desk: &Desk, from: &str, to: &str) -> Answer {
    change(desk, &[("act", "rename"), ("name", from), ("to", to)]).await
}

#[tokio::test]
async fn pages_with_nothing_on_them_say_what_to_do_in_both_languages() {
    let desk = Desk::new().await;
    let cases = [
        ("/teams", "There is no team yet. Say below", "还没有团队。请在下方"),
        ("/teams", "There is no territory yet. Say below", "还没有区域。请在下方"),
        ("/search?q=nobody", "Try fewer words", "请减少关键词"),
        ("/search", "What are you looking for?", "您要找什么？"),
        ("/webhooks", "Say above where it listens", "请在上方填写接收地址"),
        ("/keys", "Say above what it is for", "请在上方填写用途"),
        ("/imports", "Choose a file above", "请在上方选择文件"),
        ("/mentions", "A comment with @ and your name", "@ 您的姓名"),
        ("/followed", "“Follow” on top of a record", "在记录页顶部点“关注”"),
        ("/retention", "“New rule” makes one", "点“新建规则”"),
        ("/audit?act=erased", "choose another, or everything", "请在上方选择其他类型"),
        ("/records/deal?archived=true", "archived on its page", "可在其页面归档"),
        ("/kinds/template", "Make one under “Kinds and fields”", "请在“对象与字段”中新建"),
    ];
    for (path, en, _) in cases {
        let page = desk.get(path).await.text();
        assert!(page.contains(en), "{path} lacks {en}: {page}");
    }
    desk.post("/language", &[("language", "zh-CN")]).await;
    for (path, _, zh) in cases {
        let page = desk.get(path).await.text();
        assert!(page.contains(zh), "{path} lacks {zh}: {page}");
    }
}

#[tokio::test]
async fn a_team_of_which_one_customer_is_refused_keeps_its_name_everywhere() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let open = office.make("party", json!({"name": "Open", "teams": ["east"]})).await;
    let sealed = office.make("party", json!({"name": "Sealed", "teams": ["east"]})).await;
    let ann = desk.server.ann.to_string();
    let added = change(&desk, &[("act", "add"), ("name", "east"), ("member", &ann)]).await;
    assert_eq!(added.status, 303, "{}", added.text());
    let rule = r#"when = '[{"type": "in", "attribute": "name", "value": ["Sealed"]}]'"#;
    let defined = define(&office, "office", &office_with(rule)).await;
    assert_eq!(defined.status, 201, "{}", defined.text());

    let refused = rename(&desk, "east", "West").await;
    let text = refused.text();
    assert_eq!(refused.status, 422, "{text}");
    assert!(text.contains("It keeps its name: 1 record that names it was not taken. Sealed: "), "{text}");
    assert!(text.contains("<h3>east</h3>") && !text.contains("<h3>West</h3>"), "{text}");
    assert!(text.contains(&format!("<a href=\"/people/{ann}\">")), "{text}");
    for party in [open, sealed] {
        assert_eq!(office.get(&party).await.json()["fields"]["teams"], json!(["east"]), "{party}");
    }
}

#[tokio::test]
async fn a_name_that_only_records_say_is_listed_renamed_and_filled() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let party = office.make("party", json!({"name": "Jiamei", "teams": ["ghost", " night "]})).await;
    let page = desk.get("/teams").await.text();
    assert!(page.contains("<h3>ghost</h3>") && page.contains("<h3> night </h3>"), "{page}");

    let renamed = rename(&desk, " night ", " Night ").await;
    assert_eq!(renamed.status, 303, "{}", renamed.text());
    let mut teams = office.get(&party).await.json()["fields"]["teams"].as_array().unwrap().clone();
    teams.sort_by_key(ToString::to_string);
    assert_eq!(teams, [json!("Night"), json!("ghost")]);

    // Two are not made one, whether records or members say the name.
    let merged = rename(&desk, "ghost", "Night").await;
    assert!(merged.status == 422 && merged.text().contains("“Night” is there already"), "{}", merged.text());
    let ann = desk.server.ann.to_string();
    assert_eq!(change(&desk, &[("act", "add"), ("name", "day"), ("member", &ann)]).await.status, 303);
    let merged = rename(&desk, "ghost", "day").await;
    assert!(merged.status == 422 && merged.text().contains("“day” is there already"), "{}", merged.text());
    assert_eq!(change(&desk, &[("act", "add"), ("name", "ghost"), ("member", &ann)]).await.status, 303);
    assert_eq!(rename(&desk, "ghost", "Spirit").await.status, 303);
    let page = desk.get("/teams").await.text();
    let spirit = page.split("<h3>Spirit</h3>").nth(1).unwrap();
    assert!(spirit.split("</section>").next().unwrap().contains(&format!("/people/{ann}")), "{page}");
    assert!(!page.contains("<h3>ghost</h3>"), "{page}");
}

#[tokio::test]
async fn whoever_does_not_see_all_customers_renames_no_team() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let ann = desk.server.ann.to_string();
    assert_eq!(change(&desk, &[("act", "add"), ("name", "east"), ("member", &ann)]).await.status, 303);
    let party = office.make("party", json!({"name": "Jiamei", "teams": ["north"], "owner": UserId::of_cause("bo")})).await;
    let defined =
        define(&office, "office", &office_with(&format!("read = \"team\"\n{}", ALL.replace("edit = \"all\"", "edit = \"team\"")))).await;
    assert_eq!(defined.status, 201, "{}", defined.text());
    assert_eq!(office.get(&party).await.status, 404, "out of sight");
    let refused = rename(&desk, "east", "West").await;
    assert!(refused.status == 422 && refused.text().contains("You do not see all that "), "{}", refused.text());
    let page = desk.get("/teams").await.text();
    assert!(page.contains("<h3>east</h3>") && !page.contains("<h3>West</h3>"), "{page}");
}

//! Roles and people as records: what they grant holds at once, and nobody locks everybody out.

use reqwest::Method;
use serde_json::json;
use sqlx::Connection;
use sync_core::id::UserId;
use sync_core::protocol::Verdict;
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::console::Desk;
use crate::harness::{Answer, START, Server};
use crate::pen::Phone;

/// A rep who sees and edits only their own.
pub const OWN_ONLY: &str = r#"name = "rep"
label = { en = "Rep", zh = "销售" }
[[rule]]
kinds = ["*"]
read = "own"
create = "all"
edit = "own"
reads = ["main"]
writes = ["main"]
"#;

pub async fn define(client: &Client<'_>, name: &str, definition: &str) -> Answer {
    client.post("/api/v1/role", json!({"fields": {"name": name, "definition": definition}})).await
}

async fn seen(client: &Client<'_>, kind: &str) -> usize {
    let answer = client.list(kind, &[]).await;
    if answer.status == 404 { 0 } else { answer.json()["rows"].as_array().unwrap().len() }
}

#[tokio::test]
async fn a_role_record_changes_at_once_what_a_rep_sees_and_may_do() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let rep = Client::of_role(&server, "cai", "rep").await;
    let customer = office.make("party", json!({"name": "Jiamei"})).await;
    rep.make("party", json!({"name": "Haida", "owner": UserId::of_cause("cai")})).await;
    assert_eq!(seen(&rep, "party").await, 2);
    let made = define(&office, "rep", OWN_ONLY).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(seen(&rep, "party").await, 1);
    assert_eq!(rep.get(&customer).await.status, 404);
    let edit = json!([{"op": "set", "field": "name", "value": "Jiamei Office"}]);
    assert_eq!(rep.edit(&customer, edit.clone()).await.status, 404);
    // The rules are known to everybody, and changed by those who administer.
    assert_eq!(seen(&rep, "role").await, 1);
    let theirs = define(&rep, "boss", &OWN_ONLY.replace("\"rep\"", "\"boss\"")).await;
    assert_eq!(theirs.status, 403, "{}", theirs.text());
    // Taken back, everything is as it was.
    assert_eq!(office.post(&format!("{}/archive", made.header("location")), json!({})).await.status, 200);
    assert_eq!(seen(&rep, "party").await, 2);
    assert_eq!(rep.edit(&customer, edit).await.status, 200);
}

#[tokio::test]
async fn a_role_that_cannot_be_read_is_refused_with_its_line() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let cases = [
        ("rep", OWN_ONLY.replace("read = \"own\"", "raed = \"own\""), "`rep`:5: a rule has no key `raed`, did you mean `read`?"),
        ("boss", OWN_ONLY.to_owned(), "definition is that of role `rep`, the record is named `boss`"),
    ];
    for (name, text, want) in cases {
        let refused = define(&office, name, &text).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert!(refused.text().contains(want), "{}", refused.text());
    }
    assert_eq!(define(&office, "rep", OWN_ONLY).await.status, 201);
    let twice = define(&office, "rep", OWN_ONLY).await;
    assert!(twice.text().contains("record of role `rep`"), "{}", twice.text());
    let broken = office.list("role", &[]).await.json()["rows"][0]["id"].as_str().unwrap().to_owned();
    let edit = json!([{"op": "set", "field": "definition", "value": "name = "}]);
    let refused = office.edit(&format!("/api/v1/role/{broken}"), edit).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
}

#[tokio::test]
async fn the_account_follows_the_member_record_and_roles_add_up() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let buyer = r#"name = "buyer"
label = { en = "Buyer", zh = "采购" }
[[rule]]
kinds = ["product"]
read = "all"
edit = "all"
reads = ["main", "commercial"]
writes = ["main", "commercial"]
"#;
    assert_eq!(define(&office, "buyer", buyer).await.status, 201);
    let rep = Client::of_role(&server, "cai", "rep").await;
    let product = office.make("product", json!({"name": "Paper"})).await;
    let price = json!([{"op": "set", "field": "name", "value": "Paper A4"}]);
    assert_eq!(rep.edit(&product, price.clone()).await.status, 403);
    let member = format!("/api/v1/member/{}", UserId::of_cause("cai"));
    let fields = json!({"name": "Cai", "role": "rep", "more_roles": ["buyer"]});
    let made = office.post("/api/v1/member", json!({"id": UserId::of_cause("cai"), "fields": fields})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(rep.edit(&product, price).await.status, 200);
    assert_eq!(rep.get("/api/v1/me").await.json()["role"], "rep+buyer");
    let unknown = json!([{"op": "set", "field": "role", "value": "reb"}]);
    let refused = office.edit(&member, unknown).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("is no role `reb`: one of agent, buyer, leader, manager, office, regional, rep"), "{}", refused.text());
    // A role that somebody has does not go.
    let role = office.list("role", &[]).await.json()["rows"][0]["id"].as_str().unwrap().to_owned();
    let refused = office.post(&format!("/api/v1/role/{role}/archive"), json!({})).await;
    assert!(refused.text().contains("Cai has the role `buyer`"), "{}", refused.text());
    // Nobody makes themself more than they are.
    let more = json!([{"op": "set", "field": "role", "value": "office"}]);
    assert_eq!(rep.edit(&member, more).await.status, 403);
    // Shut out in the record, signed out everywhere.
    assert_eq!(office.edit(&member, json!([{"op": "set", "field": "active", "value": false}])).await.status, 200);
    assert_eq!(rep.get("/api/v1/me").await.status, 401);
    assert_eq!(office.edit(&member, json!([{"op": "set", "field": "active", "value": true}])).await.status, 200);
    assert_eq!(server.api_sign_in("cai", crate::harness::PASSWORD).await.json()["user"]["name"], "Cai");
}

#[tokio::test]
async fn the_last_who_may_administer_stays() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let member = |login: &str, role: &str| json!({"id": UserId::of_cause(login), "fields": {"name": login, "role": role}});
    assert_eq!(office.post("/api/v1/member", member("bo", "rep")).await.status, 201);
    let told = "would be left who may administer";
    let alone = office.post("/api/v1/member", member("ann", "rep")).await;
    assert!(alone.status == 403 && alone.text().contains(told), "{}", alone.text());
    let weak = OWN_ONLY.replace("\"rep\"", "\"office\"");
    let refused = define(&office, "office", &weak).await;
    assert!(refused.status == 403 && refused.text().contains(told), "{}", refused.text());
    let strong = weak.replace("[[rule]]", "rights = [\"administer\"]\n[[rule]]");
    assert_eq!(define(&office, "office", &strong).await.status, 201);
    assert_eq!(office.send(Method::GET, "/api/v1/me", None).await.json()["role"], "office");
}

#[tokio::test]
async fn a_colleague_is_shut_out_and_not_archived_whichever_way_it_is_tried() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let bo = UserId::of_cause("bo");
    let path = format!("/api/v1/member/{bo}");
    let made = office.post("/api/v1/member", json!({"id": bo, "fields": {"name": "Bo", "role": "office"}})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let told = "shut them out under User accounts";
    let refused = office.post(&format!("{path}/archive"), json!({})).await;
    assert!(refused.status == 403 && refused.text().contains(told), "{}", refused.text());
    let refused = desk.post(&format!("/records/member/{bo}/archive"), &[]).await;
    assert!(refused.text().contains(told), "{}", refused.text());
    let mut phone = crate::api::Phone::of(&desk.server, desk.server.ann, "office", 7).await;
    let new = sync_core::id::RecordId::of_cause("somebody new");
    let pushed = phone.write("member", new, START, &[FieldEdit::set("name", "Eve"), FieldEdit::archive()]);
    let verdict = phone.push(&desk.server, &pushed).await;
    assert!(matches!(&verdict, Verdict::Rejected { message, .. } if message.contains(told)), "{verdict:?}");
    // They can still be changed, and shut out.
    assert_eq!(office.edit(&path, json!([{"op": "set", "field": "active", "value": false}])).await.status, 200);
}

#[tokio::test]
async fn a_colleague_whose_record_was_archived_by_an_older_version_is_changed_and_shut_out_all_the_same() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let cai = Client::of_role(&desk.server, "cai", "rep").await;
    let user = UserId::of_cause("cai");
    // As an older version left it: nobody archives a colleague's record any more.
    let made = office.post("/api/v1/party", json!({"id": user, "fields": {"name": "Cai"}})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(office.post(&format!("/api/v1/party/{user}/archive"), json!({})).await.status, 200);
    let url = format!("sqlite://{}", desk.server.app.store.path().display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let older = ["changes", "documents", "rows"].map(|table| format!("update {table} set kind = 'member' where kind = 'party';")).concat();
    sqlx::raw_sql(sqlx::AssertSqlSafe(older)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let page = desk.get(&format!("/records/member/{user}")).await.text();
    assert!(page.contains("edit=language"), "{page}");
    let form = [("whole", ""), ("name", "Cai Wang"), ("language", "zh-CN"), ("role", "manager"), ("active", "yes"), ("step", "save")];
    let changed = desk.post(&format!("/people/{user}"), &form).await;
    assert_eq!(changed.status, 303, "{}", changed.text());
    assert_eq!(cai.get("/api/v1/me").await.json()["role"], "manager");
    let shut_out = office.edit(&format!("/api/v1/member/{user}"), json!([{"op": "set", "field": "active", "value": false}])).await;
    assert_eq!(shut_out.status, 200, "{}", shut_out.text());
    assert_eq!(cai.get("/api/v1/me").await.status, 401);
}

#[tokio::test]
async fn a_preview_says_what_saving_would_refuse() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let bo = UserId::of_cause("bo");
    let made = office.post("/api/v1/member", json!({"id": bo, "fields": {"name": "Bo", "role": "rep"}})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let told = "would be left who may administer";
    for step in ["preview", "save"] {
        let person = [("whole", ""), ("name", "Ann Li"), ("role", "rep"), ("active", "true"), ("step", step)];
        let refused = desk.post(&format!("/people/{}", desk.server.ann), &person).await;
        assert!(refused.status == 422 && refused.text().contains(told), "{step}: {}", refused.text());
        assert!(refused.text().contains("value=\"Ann Li\"") && !refused.text().contains("id=\"effect\""), "{step}: {}", refused.text());
        let role = [("whole", ""), ("label_en", "Office"), ("label_zh", "内勤"), ("row", "*"), ("*.read", "all"), ("step", step)];
        let refused = desk.post("/roles/office", &role).await;
        assert!(refused.status == 422 && refused.text().contains(told), "{step}: {}", refused.text());
    }
}

#[tokio::test]
async fn a_condition_that_is_only_half_filled_in_says_what_it_lacks_and_stays_typed() {
    let desk = Desk::new().await;
    let filter = r#"[{"type":"in","attribute":"stage","value":["won"]}]"#;
    let form = [("whole", ""), ("label_en", "Rep"), ("label_zh", "销售"), ("row", "*"), ("*.read", "all"), ("*.reads", "main")];
    let post = async |kind: &str, filter: &str, only: &str, step: &str| {
        let rows = [("when0.kind", kind), ("when0.filter", filter), ("when0.only", only), ("when0.edit", "own"), ("step", step)];
        desk.post("/roles/rep", &[&form[..], &rows].concat()).await
    };
    for (kind, typed, only, lacks, shown) in [
        ("deal", "", "", "fill in the filter", "<option value=\"deal\" selected>"),
        ("", filter, "", "Choose the kind", "attribute"),
        ("", "", "notes stage", "Choose a kind and fill in the filter", "value=\"notes stage\""),
        ("deal", "[", "", "Nothing was saved", "selected"),
    ] {
        for step in ["preview", "save"] {
            let refused = post(kind, typed, only, step).await;
            let text = refused.text();
            assert!(refused.status == 422 && text.contains(lacks) && text.contains(shown), "{lacks}, {step}: {text}");
            assert!(text.contains("name=\"when0.edit\"") && text.contains("name=\"when1.edit\""), "{text}");
        }
    }
    desk.post("/language", &[("language", "zh-CN")]).await;
    assert!(post("deal", "", "", "save").await.text().contains("请填写筛选条件"));
    assert_eq!(post("deal", filter, "", "save").await.status, 303);
    assert!(desk.get("/roles/rep").await.text().contains("name=\"when1.kind\""), "it is there");
    assert_eq!(post("", "", "", "save").await.status, 303, "one that is emptied is taken out");
    assert!(!desk.get("/roles/rep").await.text().contains("name=\"when1.kind\""));
}

#[tokio::test]
async fn whoever_works_in_chinese_reads_in_chinese_what_is_wrong_with_a_role() {
    let desk = Desk::new().await;
    let form = [("whole", ""), ("label_en", "Rep"), ("label_zh", "销售"), ("row", "*"), ("*.read", "all"), ("*.reads", "main")];
    let (unknown, wrong) =
        (r#"[{"type":"equals","attribute":"stag","value":"won"}]"#, r#"[{"type":"in","attribute":"stage","value":"won"}]"#);
    let dated = r#"[{"type":"before","attribute":"createdAt","value":"2026-01-01"}]"#;
    let of_deals = |filter| vec![("when0.kind", "deal"), ("when0.filter", filter), ("when0.edit", "own"), ("step", "save")];
    let cases = [
        (of_deals("["), "is not JSON", "`where` 不是 JSON：第 1 行第 1 列有误"),
        (of_deals(unknown), "`deal` has no attribute `stag`", "对象“deal”没有名为“stag”的字段，是不是“stage”？"),
        (of_deals(wrong), "needs a list with at least one value", "需要至少一个值的列表"),
        (of_deals(dated), "rule looks at fields", "规则只看字段"),
        (
            vec![("limit0.path", "offer.nothing"), ("limit0.above", "1")],
            "`offer` has no field `nothing`",
            "对象“offer”没有名为“nothing”的字段",
        ),
        (vec![("limit0.path", "Offer.x"), ("limit0.above", "1")], "is no name", "“Offer”不是有效的标识"),
        (vec![("limit0.path", "offer"), ("limit0.above", "1")], "is no field of a kind", "“offer”不是对象的字段"),
        (vec![("*.archive", "own"), ("*.read", "none")], "further than", "“归档”的范围不能大于“查看”"),
        (vec![("label_zh", "")], "has no `zh`", "`label` 缺少中文"),
    ];
    for (language, is_chinese) in [("en", false), ("zh-CN", true)] {
        desk.post("/language", &[("language", language)]).await;
        for (typed, en, zh) in &cases {
            let rest = form.iter().filter(|(name, _)| !typed.iter().any(|(other, _)| other == name));
            let answer = desk.post("/roles/rep", &rest.chain(typed).copied().collect::<Vec<_>>()).await;
            let (text, told) = (answer.text(), if is_chinese { zh } else { en });
            assert!(answer.status == 422 && text.contains(told), "{told}: {text}");
            assert!(!is_chinese || !text.contains(en), "{en}: {text}");
        }
    }
}

#[tokio::test]
async fn a_rule_with_a_condition_protects_what_it_means() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let closed = r#"name = "rep"
label = { en = "Rep", zh = "销售" }
[[rule]]
kinds = ["*"]
read = "all"
create = "all"
edit = "all"
reads = ["main"]
writes = ["main"]
[[rule]]
kinds = ["deal"]
when = '[{"type": "in", "attribute": "stage", "value": ["won", "lost"]}]'
"#;
    assert_eq!(define(&office, "rep", closed).await.status, 201);
    let rep = Client::of_role(&server, "cai", "rep").await;
    let deal = rep.make("deal", json!({"title": "Forty chairs", "stage": "proposal"})).await;
    let stage = |stage: &str| json!([{"op": "set", "field": "stage", "value": stage}]);
    assert_eq!(rep.edit(&deal, stage("won")).await.status, 200);
    let refused = rep.edit(&deal, stage("proposal")).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    let made_won = rep.post("/api/v1/deal", json!({"fields": {"title": "Won from the start", "stage": "won"}})).await;
    assert_eq!(made_won.status, 403, "{}", made_won.text());
    assert_eq!(office.edit(&deal, stage("proposal")).await.status, 200);
    assert_eq!(rep.edit(&deal, stage("negotiation")).await.status, 200);
}

#[tokio::test]
async fn the_editor_shows_what_a_role_would_take_away_before_it_is_saved() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let rep = Client::of_role(&desk.server, "cai", "rep").await;
    let _other = Client::of_role(&desk.server, "dan", "rep").await;
    let _phones = (
        Phone::of(&desk.server.app, desk.server.workspace, UserId::of_cause("cai"), "rep", "Cai's phone", START).await,
        Phone::of(&desk.server.app, desk.server.workspace, UserId::of_cause("dan"), "rep", "Dan's phone", START).await,
    );
    for n in 0..5 {
        office.make("party", json!({"name": format!("Customer {n}"), "owner": UserId::of_cause(["bo", "cai"][n % 2])})).await;
    }
    // As the form of the page sends it: the kinds in one row, customers in their own.
    let mut form: Vec<(&str, &str)> = vec![("whole", ""), ("label_en", "Rep"), ("label_zh", "销售"), ("row", "*"), ("row", "party")];
    form.extend([
        ("*.read", "all"),
        ("*.create", "all"),
        ("*.edit", "all"),
        ("*.resolve", "all"),
        ("*.reads", "main"),
        ("*.writes", "main"),
    ]);
    form.extend([("party.read", "own"), ("party.create", "all"), ("party.edit", "own"), ("party.reads", "main"), ("party.writes", "main")]);
    form.extend([
        ("party.mode", "except"),
        ("party.field", "name"),
        ("limit0.path", "offer.lines.discount_percent"),
        ("limit0.above", "5"),
    ]);
    let preview = desk.post("/roles/rep", &[&form[..], &[("step", "preview")]].concat()).await;
    let text = preview.text();
    // Cai loses bo's three, Dan all five: five records of which each is lost by somebody.
    assert!(preview.status == 200 && text.contains("This would remove 5 records from 2 phones."), "{text}");
    assert!(text.contains("2 people lose rights (cai, dan): ") && text.contains(" · Change customers"), "{text}");
    assert_eq!(seen(&rep, "party").await, 5, "nothing was done yet");
    let saved = desk.post("/roles/rep", &[&form[..], &[("step", "save")]].concat()).await;
    assert_eq!(saved.header("location"), "/roles/rep?done=saved", "{}", saved.text());
    assert_eq!(seen(&rep, "party").await, 2);
    let page = desk.get("/roles/rep").await.text();
    assert!(page.contains("value=\"offer.lines.discount_percent\"") && page.contains("name=\"party.read\""), "{page}");
    let sees = desk.get(&format!("/people/{}/sees", UserId::of_cause("cai"))).await.text();
    assert!(sees.contains("<td class=\"num\" data-label=\"Records\">2</td>"), "{sees}");
    let bos =
        office.list("party", &[]).await.json()["rows"].as_array().unwrap().iter().find(|row| row["title"] == "Customer 0").unwrap()["id"]
            .clone();
    let why = format!("/people/{}/why?record={}", UserId::of_cause("cai"), bos.as_str().unwrap());
    let because = desk.get(&why).await.text();
    assert!(because.contains("shows only some customers; this one belongs to bo"), "{because}");
    office.make("party", json!({"name": "Rich", "owner": UserId::of_cause("cai"), "credit_limit": {"amount": 5, "currency": "CNY"}})).await;
    let wider: Vec<(&str, &str)> = form.iter().copied().chain([("party.reads", "commercial")]).collect();
    let preview = desk.post("/roles/rep", &[&wider[..], &[("step", "preview")]].concat()).await.text();
    assert!(preview.contains("Of 1 record a part would come to 1 phone."), "{preview}");
    // Back to what it was.
    assert_eq!(desk.post("/roles/rep/remove", &[]).await.header("location"), "/roles?done=removed");
    assert_eq!(seen(&rep, "party").await, 6);
    let because = desk.get(&why).await.text();
    assert!(because.contains("They see it") && because.contains("Cai&#39;s phone"), "{because}");
    let typo = desk.post("/roles/rep", &[&form[..], &[("limit0.path", "offer.discount"), ("step", "save")]].concat()).await;
    assert!(typo.status == 422 && typo.text().contains("`offer` has no field `discount`"), "{}", typo.text());
}

#[tokio::test]
async fn the_page_of_a_person_shows_what_another_team_or_territory_would_bring_and_take() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    let near = r#"name = "rep"
label = { en = "Rep", zh = "销售" }
[[rule]]
kinds = ["party"]
read = "territory"
create = "all"
edit = "own"
reads = ["main"]
writes = ["main"]
"#;
    assert_eq!(define(&office, "rep", near).await.status, 201);
    let rep = Client::of_role(&desk.server, "cai", "rep").await;
    let _other = Client::of_role(&desk.server, "dan", "rep").await;
    let _phones = (
        Phone::of(&desk.server.app, desk.server.workspace, UserId::of_cause("cai"), "rep", "Cai's phone", START).await,
        Phone::of(&desk.server.app, desk.server.workspace, UserId::of_cause("dan"), "rep", "Dan's phone", START).await,
    );
    for n in 0..5 {
        office.make("party", json!({"name": format!("Customer {n}"), "owner": UserId::of_cause(["cai", "dan"][n % 2])})).await;
    }
    let page = async |login: &str, teams: &str, step: &str| {
        let form = [("whole", ""), ("name", login), ("role", "rep"), ("teams", teams), ("active", "true"), ("step", step)];
        desk.post(&format!("/people/{}", UserId::of_cause(login)), &form).await
    };
    assert_eq!(page("cai", "east", "save").await.status, 303);
    // Dan would see cai's three, and cai dan's two.
    let preview = page("dan", "east", "preview").await.text();
    assert!(preview.contains("5 records would come to 2 phones."), "{preview}");
    assert_eq!(seen(&rep, "party").await, 3, "nothing was done yet");
    assert_eq!(page("dan", "east", "save").await.status, 303);
    assert_eq!(seen(&rep, "party").await, 5);
    let preview = page("dan", "west", "preview").await.text();
    assert!(preview.contains("This would remove 5 records from 2 phones."), "{preview}");
    let same = page("dan", "east", "preview").await.text();
    assert!(!same.contains("would remove") && !same.contains("would come"), "{same}");
}

#[tokio::test]
async fn a_form_that_was_sent_while_its_page_was_still_loading_takes_nothing_away() {
    let desk = Desk::new().await;
    crate::api::Client::of_role(&desk.server, "cai", "rep").await;
    let cai = UserId::of_cause("cai");
    let half = [("name", "Cai"), ("label_en", "Rep"), ("step", "save")];
    for path in ["/roles/rep".to_owned(), format!("/people/{cai}"), "/kinds/party".to_owned()] {
        let before = desk.get(&path).await.text();
        let refused = desk.post(&path, &half).await;
        assert!(refused.status == 422 && refused.text().contains("had not finished loading"), "{path}: {}", refused.text());
        assert_eq!(desk.get(&path).await.text(), before, "{path}");
    }
}

#[tokio::test]
async fn people_are_invited_given_roles_and_shut_out_in_the_console() {
    let desk = Desk::new().await;
    let empty = desk.post("/people", &[("login", "Eve"), ("name", "Eve Lin"), ("language", "en")]).await;
    assert_eq!(empty.status, 422);
    assert!(empty.text().contains("Choose at least one role"), "{}", empty.text());
    let invited =
        desk.post("/people", &[("login", "Eve"), ("name", "Eve Lin"), ("language", "zh-CN"), ("role", "rep"), ("role", "manager")]).await;
    let text = invited.text();
    assert_eq!(invited.status, 200, "{text}");
    let password = text.split("<p class=\"code\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let signed_in = crate::passwords::chosen(&desk.server, "eve", &password).await.json();
    assert_eq!(signed_in["user"]["role"], "rep+manager", "{signed_in}");
    let eve = signed_in["user"]["id"].as_str().unwrap().to_owned();
    let form = [
        ("whole", ""),
        ("name", "Eve Lin"),
        ("role", "rep"),
        ("teams", "east, key accounts"),
        ("territories", "Suzhou"),
        ("language", "zh-CN"),
        ("active", "true"),
    ];
    let preview = desk.post(&format!("/people/{eve}"), &[&form[..], &[("step", "preview")]].concat()).await;
    assert!(preview.text().contains("1 person loses rights (Eve Lin): Export in bulk"), "{}", preview.text());
    let saved = desk.post(&format!("/people/{eve}"), &[&form[..], &[("step", "save")]].concat()).await;
    assert_eq!(saved.header("location"), format!("/people/{eve}?done=saved"), "{}", saved.text());
    let page = desk.get(&format!("/people/{eve}")).await.text();
    assert!(page.contains("value=\"east, key accounts\"") && page.contains("value=\"Suzhou\""), "{page}");
    let teams = async || desk.get("/teams").await.text();
    assert!(teams().await.contains("<h3>key accounts</h3>") && teams().await.contains("<h3>Suzhou</h3>"));
    let change = async |form: &[(&str, &str)]| desk.post("/teams", &[&[("what", "teams"), ("step", "save")], form].concat()).await;
    let renamed = change(&[("act", "rename"), ("name", "east"), ("to", "Far east")]).await;
    assert_eq!(renamed.status, 303, "{}", renamed.text());
    assert_eq!(change(&[("act", "rename"), ("name", "Far east"), ("to", "a, b")]).await.status, 422);
    change(&[("act", "add"), ("name", "Night shift"), ("member", eve.as_str())]).await;
    change(&[("act", "leave"), ("name", "key accounts"), ("member", eve.as_str())]).await;
    let page = teams().await;
    assert!(page.contains("<h3>Far east</h3>") && page.contains("<h3>Night shift</h3>"), "{page}");
    assert!(!page.contains("<h3>east</h3>") && !page.contains("<h3>key accounts</h3>"), "{page}");
    let again = desk.post(&format!("/people/{eve}/password"), &[]).await.text();
    assert!(!again.contains(&password) && again.contains("<p class=\"code\">"));
    assert_eq!(desk.server.api_sign_in("eve", crate::passwords::OWN).await.status, 401);
    let out = desk.post(&format!("/people/{eve}"), &[&form[..6], &[("step", "save")]].concat()).await;
    assert_eq!(out.status, 303, "{}", out.text());
    assert!(desk.get("/people").await.text().contains("Shut out"));
    let audit = desk.get("/audit").await.text();
    assert!(audit.contains("Rights changed") && audit.contains("Person shut out"), "{audit}");
    // Whoever keeps the house alone stays.
    let bo = UserId::of_cause("bo").to_string();
    let demoted =
        desk.post(&format!("/people/{bo}"), &[("name", "bo"), ("role", "rep"), ("active", "true"), ("step", "save"), ("whole", "")]).await;
    assert_eq!(demoted.status, 303, "{}", demoted.text());
    let ann = desk.server.ann.to_string();
    let alone = desk
        .post(&format!("/people/{ann}"), &[("name", "ann"), ("role", "rep"), ("active", "true"), ("step", "save"), ("whole", "")])
        .await;
    assert!(alone.status == 422 && alone.text().contains("would be left who may administer"), "{}", alone.text());
}

#[tokio::test]
async fn conditions_of_a_role_are_put_together_without_json() {
    let desk = Desk::new().await;
    let form = [("whole", ""), ("label_en", "Rep"), ("label_zh", "销售"), ("row", "*"), ("*.read", "all"), ("*.reads", "main")];
    let post = async |rows: &[(&str, &str)]| desk.post("/roles/rep", &[&form[..], &[("when0.edit", "own")], rows].concat()).await;
    let part = |rows: &[(&'static str, &'static str)]| [&[("when0.filter.form", ""), ("when0.kind", "deal")], rows].concat();

    let fields = post(&part(&[("step", "ask")])).await;
    let text = fields.text();
    assert!(fields.status == 200 && text.contains("name=\"when0.filter.0.attribute\"") && text.contains("value=\"stage\">"), "{text}");
    assert!(
        !text.contains("value=\"createdAt\"") && !text.contains("value=\"party.industry\""),
        "a rule looks at the record itself: {text}"
    );
    assert!(!text.contains("fill in the filter") && text.contains("<option value=\"deal\" selected>"), "{text}");

    let stage = [("when0.filter.0.attribute", "stage")];
    let asked = post(&part(&[&stage[..], &[("step", "ask")]].concat())).await.text();
    assert!(asked.contains("name=\"when0.filter.0.v\" value=\"won\"") && asked.contains("value=\"notIn\""), "{asked}");
    let said = [&stage[..], &[("when0.filter.0.was", "stage"), ("when0.filter.0.op", "notIn")]].concat();
    let half = post(&part(&[&said[..], &[("step", "save")]].concat())).await;
    let text = half.text();
    assert!(half.status == 422 && text.contains("Say what to compare with") && text.contains("value=\"notIn\" selected"), "{text}");
    assert_eq!(post(&part(&[&said[..], &[("when0.filter.0.v", "won"), ("step", "save")]].concat())).await.status, 303);

    let page = desk.get("/roles/rep").await.text();
    assert!(page.contains("name=\"when0.filter.0.v\" value=\"won\" checked"), "{page}");
    assert!(page.contains("&#34;notIn&#34;") || page.contains("&quot;notIn&quot;"), "it can be read as JSON: {page}");
}

#[tokio::test]
async fn json_that_is_changed_counts_and_what_no_line_shows_stays() {
    let desk = Desk::new().await;
    let form = [("whole", ""), ("label_en", "Rep"), ("label_zh", "销售"), ("row", "*"), ("*.read", "all"), ("*.reads", "main")];
    let rest = [("when0.kind", "deal"), ("when0.edit", "own"), ("when0.filter.form", ""), ("when0.filter.json.was", "")];
    let either = r#"[{"type":"not","value":[{"type":"in","attribute":"stage","value":["won"]}]}]"#;
    let post = async |rows: &[(&str, &str)]| desk.post("/roles/rep", &[&form[..], &rest[..], rows].concat()).await;
    let bad = post(&[("when0.filter.json", "[{"), ("step", "save")]).await;
    assert!(bad.status == 422 && bad.text().contains("is not JSON") && bad.text().contains("[{</textarea>"), "{}", bad.text());
    let shown = post(&[("when0.filter.json", either), ("step", "ask")]).await.text();
    assert!(shown.contains("value=\"none\" selected") && shown.contains("name=\"when0.filter.0.v\" value=\"won\" checked"), "{shown}");
    assert_eq!(post(&[("when0.filter.json", either), ("step", "save")]).await.status, 303);
    // The line goes on saying it; and it is taken out.
    let kept = post(&[("when0.filter.0.raw", &either[1..either.len() - 1]), ("step", "save")]).await;
    assert_eq!(kept.status, 303, "{}", kept.text());
    assert!(desk.get("/roles/rep").await.text().contains("value=\"none\" selected"));
    assert_eq!(post(&[("when0.remove", "on"), ("step", "save")]).await.status, 303);
    assert!(!desk.get("/roles/rep").await.text().contains("name=\"when1.kind\""));
}

#[tokio::test]
async fn what_was_said_of_another_kind_is_not_lost_and_told() {
    let desk = Desk::new().await;
    let form = [("whole", ""), ("label_en", "Rep"), ("label_zh", "销售"), ("row", "*"), ("*.read", "all"), ("*.reads", "main")];
    let line = [("when0.filter.0.attribute", "industry"), ("when0.filter.0.was", "industry"), ("when0.filter.0.op", "equals")];
    let rest = [("when0.edit", "own"), ("when0.filter.form", ""), ("when0.filter.0.v", "print"), ("when0.kind", "deal")];
    let post = async |step| desk.post("/roles/rep", &[&form[..], &line[..], &rest[..], &[("step", step)]].concat()).await;
    let shown = post("ask").await.text();
    assert!(shown.contains("name=\"when0.filter.0.raw\"") && shown.contains("print"), "{shown}");
    let refused = post("save").await;
    assert!(refused.status == 422 && refused.text().contains("has no attribute `industry`"), "{}", refused.text());
}

#[tokio::test]
async fn a_default_keeps_nobody_from_making_a_record_who_may_make_it_without() {
    let server = Server::start().await;
    let office = Client::office(&server).await;
    let rule = |stage: &str| {
        format!(
            "{OWN_ONLY}[[rule]]\nkinds = [\"deal\"]\nwhen = '[{{\"type\":\"equals\",\"attribute\":\"stage\",\"value\":\"{stage}\"}}]'\n\
             edit = \"own\"\nwrites = [\"main\"]\nonly_fields = [\"notes\"]\n"
        )
    };
    for (name, stage) in [("careful", "lead"), ("closing", "won")] {
        assert_eq!(define(&office, name, &rule(stage).replace("\"rep\"", &format!("\"{name}\""))).await.status, 201);
    }
    for (role, begins) in [("careful", json!(null)), ("closing", json!("lead"))] {
        let rep = Client::of_role(&server, role, role).await;
        let made = rep.post("/api/v1/deal", json!({"fields": {"title": "Lamps"}})).await;
        assert_eq!((made.status.as_u16(), &made.json()["fields"]["stage"]), (201, &begins), "{role}: {}", made.text());
    }
}

#[tokio::test]
async fn a_limit_that_cannot_be_read_stays_typed_with_all_the_rest() {
    let desk = Desk::new().await;
    let form = [("whole", ""), ("label_en", "Field rep"), ("label_zh", "外勤"), ("row", "*"), ("*.read", "own"), ("*.reads", "main")];
    let limits = [("limit0.path", "offer.lines.discount_percent"), ("limit0.above", "7"), ("limit0.outcome", "review")];
    let typo = [("limit1.path", "offer"), ("limit1.above", "31"), ("limit1.outcome", "refuse")];
    for step in ["preview", "save"] {
        let refused = desk.post("/roles/rep", &[&form[..], &limits, &typo, &[("step", step)]].concat()).await;
        let text = refused.text();
        assert!(refused.status == 422 && text.contains("is no field of a kind") && text.contains("or a limit"), "{step}: {text}");
        for typed in [
            "value=\"Field rep\"",
            "value=\"外勤\"",
            "name=\"limit0.above\" value=\"7\"",
            "name=\"limit1.path\" value=\"offer\"",
            "name=\"limit1.above\" value=\"31\"",
        ] {
            assert!(text.contains(typed), "{step}: {typed} is lost: {text}");
        }
        assert!(text.split("name=\"limit1.outcome\"").nth(1).unwrap().contains("value=\"refuse\" selected"), "{text}");
    }
    desk.post("/language", &[("language", "zh-CN")]).await;
    let refused = desk
        .post(
            "/roles/rep",
            &[&form[..], &typo.map(|(name, value)| (if name == "limit1.path" { "limit0.path" } else { name }, value)), &[("step", "save")]]
                .concat(),
        )
        .await;
    assert!(refused.text().contains("或限制不完整") && refused.text().contains("不是对象的字段"), "{}", refused.text());
}

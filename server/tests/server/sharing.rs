//! Views and dashboards that are shown to some people, to teams, and to whoever has a link; as pages and as files.

use rapport_server::store::trail::{self, EntryRow};
use serde_json::{Value, json};
use sync_core::id::{RecordId, UserId};
use sync_core::record::fields::FieldEdit;

use crate::api::Client;
use crate::console::Desk;
use crate::harness::{MINUTE, START};
use crate::lists::has;

/// Two sellers, cai in the team north, and who they are.
struct Firm {
    desk: Desk,
    ann: String,
    cai: String,
    dan: String,
    cai_id: RecordId,
}

impl Firm {
    async fn new() -> Self {
        let mut desk = Desk::new().await;
        let mut ids = Vec::new();
        let app = desk.server.app.clone();
        for (login, team) in [("cai", "north"), ("dan", "south")] {
            Client::of_role(&desk.server, login, "rep").await;
            let id = RecordId(UserId::of_cause(login).0);
            let team = FieldEdit::Add { field: "teams".to_owned(), value: team.to_owned() };
            desk.ann.save(&app, "member", id, START, &[FieldEdit::set("name", login), team]).await;
            ids.push(id);
        }
        let (_, cai) = desk.server.browser_sign_in_as("cai").await;
        let (_, dan) = desk.server.browser_sign_in_as("dan").await;
        Self { ann: desk.cookie.clone(), desk, cai, dan, cai_id: ids[0] }
    }

    /// What somebody reads there.
    async fn read(&mut self, who: &str, path: &str) -> String {
        self.sits(who);
        let answer = self.desk.get(path).await;
        assert_eq!(answer.status, 200, "{who} {path}: {}", answer.text());
        answer.text()
    }

    fn sits(&mut self, who: &str) {
        let cookie = match who {
            "ann" => &self.ann,
            "cai" => &self.cai,
            _ => &self.dan,
        };
        self.desk.cookie = cookie.clone();
    }

    /// Ann sends a form; answers where it led.
    async fn sends(&mut self, path: &str, form: &[(&str, &str)]) -> String {
        self.sits("ann");
        let answer = self.desk.post(path, form).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.text());
        answer.header("location").to_owned()
    }
}

#[tokio::test]
async fn a_view_is_shared_with_people_and_teams_where_it_is_saved() {
    let mut firm = Firm::new().await;
    let cai = firm.cai_id.to_string();
    let panel = firm.read("ann", "/records/party?sort=name&panel=save").await;
    has(&panel, &["Shared with", "Teams that see it", &format!("value=\"{cai}\""), "value=\"north\""], &[]);
    let views = "/records/party/views?sort=name";
    let view = firm.sends(views, &[("act", "save"), ("name", "For cai"), ("f.shared", &cai)]).await;
    firm.sends(views, &[("act", "save"), ("name", "For the north"), ("f.teams", "north")]).await;
    for (who, named, of_team) in [("ann", true, true), ("cai", true, true), ("dan", false, false)] {
        let page = firm.read(who, "/records/party").await;
        assert_eq!((page.contains(">For cai<"), page.contains(">For the north<")), (named, of_team), "{who}: {page}");
    }
    has(&firm.read("cai", &view).await, &["aria-current=\"page\">For cai"], &["is gone"]);
    firm.sits("dan");
    assert_eq!(firm.desk.get(&view).await.status, 200);
    has(&firm.read("dan", &view).await, &["This view is gone"], &[]);

    // Its own panel says with whom it is shared; it is taken back there, and given to the team.
    let panel = firm.read("ann", &format!("{view}&panel=save")).await;
    has(&panel, &[&format!("value=\"{cai}\" checked"), &format!("name=\"f.shared.was\" value=\"{cai}\"")], &["value=\"north\" checked"]);
    let over = view.replacen("/records/party?", "/records/party/views?", 1);
    firm.sends(&over, &[("act", "save"), ("over", "true"), ("f.shared.was", &cai), ("f.teams", "north")]).await;
    has(&firm.read("ann", &format!("{view}&panel=save")).await, &["value=\"north\" checked"], &["f.shared.was"]);
    has(&firm.read("cai", "/records/party").await, &[">For cai<"], &[]);
    // Saved as another one it has those who were chosen, too.
    let other = [("act", "save"), ("name", "Another"), ("f.teams.was", "north"), ("f.teams", "north")];
    firm.sends(&over, &other).await;
    has(&firm.read("cai", "/records/party").await, &[">Another<"], &[]);
    // A name that means nobody is said, and nothing that was typed is lost.
    firm.sits("ann");
    let unclear = firm.desk.post(views, &[("act", "save"), ("name", "For whom"), ("f.shared.q", "Nobody at all")]).await;
    assert_eq!(unclear.status, 422);
    has(&unclear.text(), &["value=\"For whom\""], &["A new view needs a name"]);
}

#[tokio::test]
async fn a_dashboard_is_shared_with_people_and_teams_where_it_is_arranged() {
    let mut firm = Firm::new().await;
    let cai = firm.cai_id.to_string();
    let board = firm.sends("/dashboards", &[("name", "Figures")]).await.split('?').next().unwrap().to_owned();
    firm.sends(&board, &[("act", "everyone"), ("everyone", "false")]).await;
    let sees = async |firm: &mut Firm, who| {
        firm.sits(who);
        let start = firm.desk.get("/dashboards").await;
        start.header("location").starts_with(&board)
    };
    assert!(!sees(&mut firm, "cai").await && !sees(&mut firm, "dan").await);
    let arranged = firm.read("ann", &format!("{board}?arrange=true")).await;
    has(&arranged, &["name=\"act\" value=\"share\"", "Teams that see it", "value=\"north\""], &[]);
    firm.sends(&board, &[("act", "share"), ("f.teams", "north")]).await;
    assert!(sees(&mut firm, "cai").await && !sees(&mut firm, "dan").await);
    firm.sends(&board, &[("act", "share"), ("f.teams.was", "north"), ("f.shared", &cai)]).await;
    assert!(sees(&mut firm, "cai").await && !sees(&mut firm, "dan").await);
    firm.sends(&board, &[("act", "share"), ("f.shared.was", &cai)]).await;
    assert!(!sees(&mut firm, "cai").await);
    // Who does not own it shares it with nobody.
    firm.sits("cai");
    assert_eq!(firm.desk.post(&board, &[("act", "share"), ("f.shared", &cai)]).await.status, 403);
}

#[tokio::test]
async fn a_team_that_is_renamed_still_sees_what_it_was_shown() {
    let mut firm = Firm::new().await;
    firm.sends("/records/party/views?sort=name", &[("act", "save"), ("name", "Northern"), ("f.teams", "north")]).await;
    firm.sends("/teams", &[("act", "rename"), ("what", "teams"), ("name", "north"), ("to", "far north"), ("step", "save")]).await;
    has(&firm.read("cai", "/records/party").await, &[">Northern<"], &[]);
    has(&firm.read("dan", "/records/party").await, &[], &[">Northern<"]);
}

/// The address of a link that was just made.
fn address(page: &str) -> String {
    page.split("data-address=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_link_shows_what_its_maker_may_see_or_once_somebody_signed_in_what_they_may() {
    let mut firm = Firm::new().await;
    let office = Client::office(&firm.desk.server).await;
    let limit = json!({"amount": 7_700, "currency": "CNY"});
    office.make("party", json!({"name": "Jiamei", "credit_limit": limit})).await;
    let view = firm.sends("/records/party/views?columns=credit_limit", &[("act", "save"), ("name", "Limits"), ("everyone", "true")]).await;
    let view = view.split("view=").nth(1).unwrap().to_owned();
    let board = firm.sends("/dashboards", &[("name", "Figures")]).await.split('?').next().unwrap().to_owned();
    firm.sends(&board, &[("act", "add"), ("view", &view)]).await;
    firm.sits("ann");
    let links = format!("{board}/links");
    let open = address(&firm.desk.post(&links, &[("days", "2")]).await.text());
    let made = firm.desk.post(&links, &[("days", "2"), ("signed_in", "true")]).await.text();
    has(&made, &["readers sign in and see what they may", "shows what its maker may see"], &[]);
    let closed = address(&made);

    let server = &firm.desk.server;
    let stranger = server.get(&open, &[]).await.text();
    has(&stranger, &["¥77.00", "This page shows what ann"], &[]);
    for ending in ["", "/report.pdf", "/report.csv"] {
        let door = server.get(&format!("{closed}{ending}"), &[("accept-language", "en")]).await;
        assert_eq!(door.status, 401, "{ending}");
        has(&door.text(), &["Sign in to read this", "you come back to it", "href=\"/sign-in"], &["Jiamei", "¥"]);
        assert_eq!(door.header("x-robots-tag"), "noindex, nofollow");
    }
    let door = server.get(&closed, &[("accept-language", "zh-CN")]).await;
    has(&door.text(), &["请登录后查看"], &[]);
    let wanted = door.header("set-cookie").split(';').next().unwrap().to_owned();
    let (entered, _) = server.browser_sign_in(&[("cookie", &wanted)]).await;
    assert_eq!(entered.header("location"), closed, "whoever signs in comes back to it");
    // Of a seller the limit is kept; the maker sees it by either link.
    for (cookie, sees) in [(&firm.ann, true), (&firm.cai, false)] {
        let page = server.browse(cookie, &closed).await;
        assert_eq!((page.status.as_u16(), page.text().contains("¥77.00")), (200, sees), "{}", page.text());
        has(&page.text(), &["Jiamei", "This page shows what you may see"], &[]);
        let csv = server.browse(cookie, &format!("{closed}/report.csv")).await.text();
        assert_eq!(csv.contains("77.00 CNY"), sees, "{csv}");
        // A file of records is what only some may take out; the page shows them all the same.
        assert_eq!(csv.contains("Jiamei"), sees, "{csv}");
        assert_eq!(csv.contains("Limits: The role through whose eyes it is read may not take records out."), !sees, "{csv}");
        let pdf = server.browse(cookie, &format!("{closed}/report.pdf")).await;
        assert_eq!(crate::doors::legible::legible(&pdf).contains("Jiamei"), sees);
    }
    let edit = firm.read("ann", &format!("{board}?arrange=true")).await;
    has(&edit, &["opened 6 times", "opened 1 time"], &["opened 9 times"]);
}

#[tokio::test]
async fn a_shared_dashboard_that_is_fetched_again_and_again_is_told_of_once_a_day() {
    let mut firm = Firm::new().await;
    let board = firm.sends("/dashboards", &[("name", "Figures")]).await.split('?').next().unwrap().to_owned();
    firm.sits("ann");
    let links = format!("{board}/links");
    let [open, other] =
        [address(&firm.desk.post(&links, &[("days", "9")]).await.text()), address(&firm.desk.post(&links, &[("days", "9")]).await.text())];
    let closed = address(&firm.desk.post(&links, &[("days", "9"), ("signed_in", "true")]).await.text());
    let fetch = async |path: &str, cookie: &str| assert_eq!(firm.desk.server.browse(cookie, path).await.status, 200, "{path}");
    let told = async || {
        let mut tx = firm.desk.server.app.store.reader().await.unwrap();
        let entries = trail::before(&mut tx, firm.desk.server.workspace, u64::MAX, Some("exported"), 100).await.unwrap();
        let said = |entry: EntryRow| (entry.user, serde_json::from_str::<Value>(&entry.detail).unwrap()["format"].clone());
        let said: Vec<_> = entries.into_iter().rev().map(said).collect();
        said
    };
    let ending = |address: &str, format: &str| format!("{address}/report.{format}");
    for _ in 0..3 {
        for format in ["pdf", "csv"] {
            fetch(&ending(&open, format), "").await;
        }
    }
    let first_day = [(None, json!("pdf")), (None, json!("csv"))];
    assert_eq!(told().await, first_day, "each form of it once");
    fetch(&ending(&other, "csv"), "").await;
    assert_eq!(told().await.len(), 3, "another link is told apart");
    let (cai, ann) = (UserId::of_cause("cai"), firm.desk.server.ann);
    for cookie in [&firm.cai, &firm.ann, &firm.cai] {
        fetch(&ending(&closed, "csv"), cookie).await;
    }
    assert_eq!(told().await[3..], [(Some(cai), json!("csv")), (Some(ann), json!("csv"))], "and so is each reader who signed in");
    firm.desk.server.clock.forward(24 * 60 * MINUTE);
    for _ in 0..2 {
        fetch(&ending(&open, "csv"), "").await;
    }
    assert_eq!(told().await[5..], [(None, json!("csv"))], "and again the next day");
}

#[tokio::test]
async fn a_dashboard_is_a_file_for_spreadsheets_with_a_section_for_each_tile() {
    let mut firm = Firm::new().await;
    for (n, name, stage, yuan) in [(1, "Lamps", "won", 1_200), (2, "=Paper", "won", 800), (3, "Desks", "lead", 50)] {
        firm.desk.deal(n, name, stage, yuan, &[]).await;
    }
    let board = firm.sends("/dashboards", &[("name", "Figures")]).await.split('?').next().unwrap().to_owned();
    let shapes = [
        ("Won", "columns=title,amount&sort=title"),
        ("By stage", "group=stage&columns=title,amount"),
        ("As bars", "layout=bar&group=stage&measure=sum:amount"),
    ];
    for (name, shape) in shapes {
        let view = firm.sends(&format!("/records/deal/views?{shape}"), &[("act", "save"), ("name", name)]).await;
        firm.sends(&board, &[("act", "add"), ("view", view.split("view=").nth(1).unwrap())]).await;
    }
    firm.sits("ann");
    let answer = firm.desk.get(&format!("{board}/report.csv")).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/csv; charset=utf-8"));
    assert!(answer.header("content-disposition").contains("Figures.csv"), "{}", answer.header("content-disposition"));
    let text = answer.text();
    let sections: Vec<&str> = text.trim_start_matches('\u{feff}').split("\n\"\"\n").collect();
    assert_eq!(sections.len(), 3, "{text}");
    has(sections[0], &["Won\nTitle,Amount\n", "Lamps,1200.00 CNY\n", "'=Paper,"], &[]);
    has(sections[1], &["By stage\n", "Lead,1,50.00 CNY", "Won,2,2000.00 CNY"], &[]);
    has(sections[2], &["As bars\n", "Won,2000"], &[]);
    has(&firm.read("ann", &board).await, &["report.csv\""], &[]);
    has(&firm.read("ann", "/audit").await, &["csv"], &[]);
}

//! What a house reports of its records: views, a dashboard, secret addresses, and all that is worked out of several.

use reqwest::Method;
use serde_json::{Value, json};

use super::place::{NEAR_ROLES, Place, ROLES, Thing};
use crate::harness::{MINUTE, START, Server};
use crate::lists::between;

/// What views show of customers: each facet.
const COLUMNS: [&str; 3] = ["name", "id_number", "credit_limit"];

impl Place {
    /// What those have who see only what is near: all of it is about what they do not see.
    pub(super) async fn near(&mut self, server: &Server) {
        let party = self.ids(Thing::Record).0.to_owned();
        for role in ROLES {
            let user = self.user(role).to_string();
            let member = json!({"id": user, "fields": {"name": self.called(role), "role": role}});
            self.post(server, "/api/v1/member", member).await;
            // No moment that means something else here.
            let when = json!({"start": START + 500 * MINUTE, "end": START + 501 * MINUTE});
            self.make(server, "activity", json!({"subject": "visit", "assignee": user, "about": [party], "when": when})).await;
            if NEAR_ROLES.contains(&role) {
                self.make(server, "deal", json!({"title": "near", "party": party, "owner": user})).await;
            }
        }
        let comments = format!("/records/party/{party}/comments");
        let told = ROLES.map(|role| format!("@{}", self.called(role))).join(" ");
        let (text, people) = (format!("{told} {}", self.both()), ROLES.map(|role| self.user(role).to_string()).join(" "));
        self.submit(server, "rep", &comments, &[("text", &text), ("people", &people)]).await;
        let source = json!({"edits": [{"op": "set", "field": "source", "value": self.both()}]});
        let edited = self.send(server, "rep", Method::PATCH, &format!("/api/v1/party/{party}"), source).await;
        assert_eq!(edited.status, 200, "{}", edited.text());
    }

    pub(super) async fn reports(&mut self, server: &Server) {
        let (party, both) = (self.ids(Thing::Record).0.to_owned(), self.both());
        let call = self.make(server, "activity", json!({"subject": both, "about": [party], "status": "planned"})).await;
        let case = self.make(server, "case", json!({"subject": both, "party": party})).await;
        self.distant.extend([("activity", call), ("case", case)]);
        for yuan in [2_900, 2_700] {
            let line = json!({"product_name": self.sold, "price": {"amount": yuan * 100, "currency": "CNY"}});
            let fields = json!({"title": self.sold, "form": "quote", "party": party, "lines": [line]});
            let offer = self.make(server, "offer", fields).await;
            self.distant.push(("offer", offer));
        }
        let emails = json!([{"value": format!("{}@example.com", self.canary), "label": "work"}]);
        let twin = json!({"name": both, "emails": emails, "id_number": format!("{} twin", self.private)});
        let twin = self.make(server, "party", twin).await;
        self.distant.push(("party", twin.clone()));
        self.pair(Thing::Pair, (party, twin));
        let article = json!({"title": self.canary, "body": self.canary, "audience": "public", "language": "en",
            "internal_notes": self.commercial[3]});
        let article = self.make(server, "article", article).await;
        let version = json!({"op": "append", "field": "published", "item": "a", "values": {"text": self.canary, "at": START}});
        let path = format!("/api/v1/article/{article}");
        let published = self.send(server, "office", Method::PATCH, &path, json!({ "edits": [version] })).await;
        assert_eq!(published.status, 200, "{}", published.text());
        self.put(Thing::Article, article);
        let form = [("name", &*self.canary), ("kind", "case"), ("fields", "subject, description"), ("preset", "channel = web")];
        self.submit(server, "office", "/lead-forms", &form).await;
        let forms = self.send(server, "office", Method::GET, "/lead-forms", Value::Null).await.text();
        self.put(Thing::Form, between(&forms, "/lead-forms/", "/revoke"));
        self.secrets.extend(ROLES.map(|role| ((role, "{public}"), between(&forms, "/forms/", "\"").to_owned())));
        let public = format!("/forms/{}/answers/{}", self.secrets[&("rep", "{public}")], self.ids(Thing::Article).0);
        assert_eq!(server.get(&public, &[("accept", "text/html")]).await.status, 200, "strangers read it");
        let views = self.views(server).await;
        for role in ROLES {
            self.boards(server, role, &views).await;
        }
    }

    /// A list with a column of each facet, and charts of them; for everybody.
    async fn views(&self, server: &Server) -> Vec<String> {
        let columns: Vec<Value> = COLUMNS.iter().map(|field| json!({"field": field})).collect();
        let about = |kind: &str| json!({"name": self.canary, "purpose": "list", "about": kind, "everyone": true});
        let with = |mut view: Value, more: Value| {
            view.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            view
        };
        let views = [
            with(about("party"), json!({"columns": columns})),
            with(about("party"), json!({"layout": "bar", "group": "id_number", "measure": "sum:credit_limit"})),
            with(about("deal"), json!({"layout": "bar", "group": "party", "measure": "count"})),
        ];
        let mut ids = Vec::new();
        for view in views {
            ids.push(self.make(server, "view", view).await);
        }
        ids
    }

    /// Somebody's dashboard for everybody, a link to it for strangers, and the address of their calendar.
    async fn boards(&mut self, server: &Server, role: &'static str, views: &[String]) {
        let tiles: Vec<Value> = views.iter().map(|view| json!({"view": view, "width": "full"})).collect();
        let fields = json!({"name": "board", "owner": self.user(role).to_string(), "everyone": true, "tiles": tiles});
        let made = self.send(server, role, Method::POST, "/api/v1/dashboard", json!({ "fields": fields })).await;
        assert_eq!(made.status, 201, "{role}: {}", made.text());
        let board = made.json()["id"].as_str().unwrap().to_owned();
        let link = self.submit(server, role, &format!("/dashboards/{board}/links"), &[("days", "300")]).await.text();
        let token = between(&link, "data-address=\"", "\"").rsplit('/').next().unwrap().to_owned();
        let calendar = self.send(server, role, Method::POST, "/api/v1/calendars", Value::Null).await;
        assert_eq!(calendar.status, 201, "{role}: {}", calendar.text());
        let file = calendar.json()["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        self.secrets.extend([((role, "{token}"), token), ((role, "{file}"), file)]);
        if role == "office" {
            self.put(Thing::Dashboard, board);
        }
    }
}

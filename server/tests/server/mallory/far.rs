//! What she aims at from afar: another house, a past that was forgotten, records that she does not see.

use rapport_server::store::rejected::{DeskState, rejected_in};
use sync_core::protocol::{Enrol, Enrolled};

use super::*;

impl Mallory<'_> {
    /// The next change of a document, by her own pen.
    fn next(&self, (kind, record, facet): (&str, RecordId, Facet), doc: &Doc, edit: Edit) -> Pushed {
        let written = doc.draft(self.actor(), START, &[edit]).expect("it writes something");
        Pushed { kind: self::kind(kind), record, facet, hash: written.hash, body: written.bytes }
    }

    /// Claims of generations that a record has, had, or never had; and what was written on the past of one that has none.
    pub(super) async fn generations(&mut self) {
        let disputed = RecordId::of_cause(&self.street.here.canary);
        let past = main_of(&self.given, disputed);
        let relic = self.given.iter().find(|one| one.record == disputed).unwrap().clone();
        let forget = format!("/api/v1/privacy/{disputed}/forget");
        let done = self.street.here.send(&self.street.server, "office", Method::POST, &forget, json!({})).await;
        assert_eq!(done.status, 200, "{}", done.text());
        // The pen of the beginning is one of those whose name she tries, too.
        let fresh = feed(self.street, &self.street.here).await;
        let (now, main) = (main_of(&fresh, disputed), ("party", disputed, Facet::Main));
        self.given.extend(fresh);
        assert_eq!((past.generation(), now.generation()), (0, 1));
        let says = |generation: u32| put("~generation", &json!({"generation": generation, "changes": 1, "held": ""}).to_string());
        let (next, none) = (|doc: &Doc, edit| self.next(main, doc, edit), Doc::default());
        let Delivered { kind, record, facet, hash, body, .. } = relic;
        let relic = Pushed { kind, record, facet, hash, body };
        let never = self.next(("party", self.record, Facet::Main), &none, says(1));
        let tricks = [
            ("on the past that was forgotten", next(&past, put("name", "evil")), Answer::Forgotten),
            ("beside the past that was forgotten", next(&none, put("name", "evil")), Answer::Forgotten),
            ("a change that was forgotten", relic, Answer::Rejected("foreign_actor")),
            ("the generation that was forgotten", next(&none, says(0)), Answer::Forgotten),
            ("the generation that is", next(&none, says(1)), Answer::Rejected("unknown_field")),
            ("the next generation", next(&none, says(2)), Answer::Rejected("unknown_field")),
            ("the last generation", next(&none, says(u32::MAX)), Answer::Rejected("unknown_field")),
            ("a generation in the middle", next(&now, says(1)), Answer::Rejected("unknown_field")),
            ("a later generation in the middle", next(&now, says(2)), Answer::Waiting),
            ("the end of nothing", next(&now, put("~last", "evil")), Answer::Rejected("unknown_field")),
            ("the first generation of a record that forgot nothing", never, Answer::Rejected("unknown_field")),
        ];
        for (what, pushed, answer) in tricks {
            self.add(what, vec![hello(self.actor(), None), pushing(vec![pushed])], answer);
        }
    }

    /// Records, documents and pens of the other house, as if its feed were known to her.
    pub(super) async fn elsewhere(&mut self) {
        let there = &self.street.there;
        let theirs: RecordId = there.ids(Thing::Record).0.parse().unwrap();
        let known = feed(self.street, there).await;
        let first = known.iter().find(|one| one.record == theirs).unwrap().clone();
        let main = ("party", theirs, Facet::Main);
        let on_theirs = self.next(main, &main_of(&known, theirs), put("name", "evil"));
        self.add("a record of another house goes on", vec![hello(self.actor(), None), pushing(vec![on_theirs])], Answer::Waiting);
        let private = self.next(("party", theirs, Facet::Private), &Doc::default(), put("id_number", "evil"));
        self.push("the private part of a record of another house", private, "forbidden");
        let Delivered { kind, record, facet, hash, body, .. } = first;
        self.push("what another house was sent", Pushed { kind, record, facet, hash, body }, "foreign_actor");
        let written = self.doc.clone().write(there.actor, START, &[put("name", "evil")]).unwrap();
        self.push("signed by a pen of another house", self.of_record(written.bytes, written.hash), "foreign_actor");
    }
}

/// A device of somebody of a role, of which the server knows the token.
async fn device_of(street: &Street, role: &str, actor: ActorId) -> Enrolled {
    let code = street.here.send(&street.server, "office", Method::POST, "/api/v1/devices/codes", json!({"login": role})).await;
    let code = code.json()["code"].as_str().unwrap().to_owned();
    let body = Enrol { code, device_name: "mallory's".to_owned(), app: "mallory 1".to_owned(), actor };
    let answer = street.server.send(Method::POST, "/sync/enrol", &[], minicbor::to_vec(body).unwrap()).await;
    minicbor::decode(&answer.body).unwrap()
}

/// Makes a record in the office and answers its id.
async fn made(street: &Street, kind: &str, fields: serde_json::Value) -> RecordId {
    let made = street.here.send(&street.server, "office", Method::POST, &format!("/api/v1/{kind}"), json!({"fields": fields})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_str().unwrap().parse().unwrap()
}

/// What an agent with no customers of her own tries with records whose ids and histories she has from somebody.
async fn aimed_at(street: &Street, me: &Enrolled, actor: ActorId) -> (Vec<RecordId>, Vec<(String, Pushed)>) {
    let customer: RecordId = street.here.ids(Thing::Record).0.parse().unwrap();
    let sent = made(street, "offer", json!({"title": "secret offer", "status": "sent"})).await;
    let archived = made(street, "party", json!({"name": "secret archive"})).await;
    let path = format!("/api/v1/party/{archived}/archive");
    assert_eq!(street.here.send(&street.server, "office", Method::POST, &path, json!({})).await.status, 200);
    let known = feed(street, &street.here).await;
    let mut tricks = Vec::new();
    let mut aim = |what: &str, (kind_name, record, facet): (&str, RecordId, Facet), doc: &Doc, edit: Edit| {
        let written = doc.draft(actor, START, &[edit]).expect("it writes something");
        let pushed = Pushed { kind: kind(kind_name), record, facet, hash: written.hash, body: written.bytes };
        tricks.push((format!("{what} of a {kind_name} out of sight"), pushed));
    };
    let blind = Doc::default();
    for (kind_name, record, title) in [("party", customer, "name"), ("party", archived, "name"), ("offer", sent, "title")] {
        let (main, doc) = ((kind_name, record, Facet::Main), main_of(&known, record));
        aim("the title", main, &doc, put(title, "evil"));
        aim("the title, blindly,", main, &blind, put(title, "evil"));
        aim("the owner", main, &doc, put("owner", &me.user.to_string()));
        aim("the end", main, &doc, Edit::Put { path: "archived".to_owned(), value: Scalar::Bool(true) });
        aim("no field", main, &doc, put("no_such_field", "evil"));
        aim("the kind", (if kind_name == "party" { "deal" } else { "party" }, record, Facet::Main), &blind, put(title, "evil"));
    }
    // What is frozen says in which state the quote is.
    aim("a frozen field", ("offer", sent, Facet::Main), &blind, put("party", &customer.to_string()));
    aim("the private part", ("party", customer, Facet::Private), &blind, put("id_number", "evil"));
    let limit = FieldEdit::set("credit_limit", json!({"amount": 1, "currency": "CNY"}));
    let edits = path_edits(Schema::builtin().kind("party").unwrap(), |_| None, &[limit]).unwrap().remove(&Facet::Commercial).unwrap();
    aim("the commercial part", ("party", customer, Facet::Commercial), &blind, edits[0].clone());
    (vec![customer, sent, archived], tricks)
}

#[tokio::test]
async fn a_device_that_aims_at_records_out_of_its_sight_is_refused_and_told_nothing_of_them() {
    let street = Street::new().await;
    let actor = ActorId([0x41; 16]);
    let me = device_of(&street, "agent", actor).await;
    let (records, tricks) = aimed_at(&street, &me, actor).await;
    let (mut before, theirs) = (Vec::new(), everything_of(&street.server, &street.there).await);
    for record in &records {
        before.push((ours(&street, *record).await, kept_in(&street, &street.here).await));
    }
    let mut taken = Vec::new();
    for (what, pushed) in tricks {
        let frame = protocol::encode_frame(&[hello(actor, None), pushing(vec![pushed])]);
        let answers = say(&street.server, &me.token, &frame).await;
        let said = format!("{answers:?}");
        if said.contains("`sent`") || said.contains("is archived") || said.contains(&street.here.canary) {
            taken.push(format!("{what} tells of it: {said}"));
        }
        taken.extend(taken_in(&Trick { what, frame, answer: Answer::Rejected("forbidden") }, &answers));
    }
    assert!(taken.is_empty(), "{}", taken.join("\n"));
    let given = given_to(&street.server, &me.token, actor).await;
    assert!(given.iter().all(|one| !records.contains(&one.record)), "she is given something of them");
    for (record, before) in records.iter().zip(before) {
        assert_eq!(before, (ours(&street, *record).await, kept_in(&street, &street.here).await));
    }
    assert_eq!(theirs, everything_of(&street.server, &street.there).await, "the other house is as it was");
    for place in [&street.here, &street.there] {
        assert_eq!(differences(&street.server, place).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_others_have_at_the_desk_is_not_hers_to_take_back() {
    use sync_core::protocol::{GivenUp, Withdraw};
    let street = Street::new().await;
    let rows = async |place: &Place| {
        let mut tx = street.server.app.store.reader().await.unwrap();
        rejected_in(&mut tx, place.workspace, &DeskState::ALL, 1000).await.unwrap()
    };
    let actor = ActorId([0x42; 16]);
    let me = device_of(&street, "agent", actor).await;
    let before = [rows(&street.here).await, rows(&street.there).await];
    let others = before.iter().flatten().map(|row| GivenUp { record: row.record, facet: row.facet, hash: row.hash });
    let withdraw = Message::Withdraw(Withdraw { number: 1, changes: others.collect() });
    let answers = say(&street.server, &me.token, &protocol::encode_frame(&[hello(actor, None), withdraw])).await;
    assert!(matches!(answers[..], [Message::Welcome(_), Message::Withdrawn(1)]), "{answers:?}");
    assert!(before.iter().all(|rows| !rows.is_empty()));
    assert_eq!(before, [rows(&street.here).await, rows(&street.there).await]);
}

#[tokio::test]
async fn the_pen_of_an_edit_that_was_held_in_the_office_is_nobodys_to_claim() {
    let street = Street::new().await;
    let offer = made(&street, "offer", json!({"title": "Lamps"})).await;
    let line = json!({"product_name": "Lamp", "quantity": 1, "discount_percent": 15});
    let edits = json!({"edits": [{"op": "set_row", "field": "lines", "row": "l1", "values": line}]});
    let held = street.here.send(&street.server, "rep", Method::PATCH, &format!("/api/v1/offer/{offer}"), edits).await;
    assert_eq!(held.status, 202, "{}", held.text());
    let accept = format!("/api/v1/rejected/{}/accept", held.json()["change"].as_str().unwrap());
    let accepted = street.here.send(&street.server, "office", Method::POST, &accept, json!({})).await;
    assert_eq!(accepted.status, 200, "{}", accepted.text());
    let last = feed(&street, &street.here).await.into_iter().rfind(|one| one.record == offer).unwrap();
    let pen = Change::read(&last.body).unwrap().actor;
    let answers = say(&street.server, &street.here.device, &protocol::encode_frame(&[hello(pen, None)])).await;
    assert!(matches!(&answers[..], [Message::Refused(refused)] if refused.code == "foreign_actor"), "{answers:?}");
}

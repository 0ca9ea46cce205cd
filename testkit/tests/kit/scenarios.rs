//! The scenarios that all languages run, in Rust: the same data, the same answers.

use std::collections::HashMap;
use std::sync::Arc;

use rapport_mobile::{
    Budget, Client, ClientError, FieldEdit, ListQuery, NewAttachment, Presence, RecordEdit, RecordId, Subscription, SyncPhase, TotalsGroup,
    TotalsQuery, Value, Whose, new_record_id,
};
use serde_json::{Value as Json, json};
use testkit::{Kit, quiesce};

const SCENARIOS: &str = include_str!("../../../mobile-ffi/scenarios/scenarios.json");

struct Play {
    kit: Kit,
    phones: HashMap<String, Arc<Client>>,
    records: HashMap<String, RecordId>,
}

#[tokio::test]
async fn all_scenarios_hold_in_rust() {
    let scenarios: Vec<Json> = serde_json::from_str(SCENARIOS).unwrap();
    for scenario in &scenarios {
        let kit = Kit::start().await.unwrap();
        let mut play = Play { kit, phones: HashMap::new(), records: HashMap::new() };
        for (phone, login) in scenario["phones"].as_object().unwrap() {
            play.phones.insert(phone.clone(), play.kit.phone(login.as_str().unwrap()).await.unwrap());
        }
        for step in scenario["steps"].as_array().unwrap() {
            let done = play.step(step).await;
            let said = done.as_ref().err().map(|error| format!("{error:?}")).unwrap_or_default();
            let name = said.split([' ', '{']).next().unwrap_or_default();
            assert_eq!(name, step["fails"].as_str().unwrap_or_default(), "{}: {step}: {said}", scenario["name"]);
        }
    }
}

fn word(step: &Json, key: &str) -> String {
    step[key].as_str().unwrap_or_else(|| panic!("{step} has no `{key}`")).to_owned()
}

/// A picture of a size, as far as its first bytes go.
fn picture(size: &Json) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..size.as_u64().unwrap()).map(|at| (at % 251) as u8).collect();
    bytes[..3].copy_from_slice(b"\xff\xd8\xff");
    bytes
}

fn value(json: &Json) -> Value {
    Value::from(json.clone())
}

/// What a field holds, as the scenarios write it; a set has no order.
fn plain(value: Option<&Value>) -> Json {
    let mut json = value.map_or(Json::Null, |value| Json::try_from(value.clone()).unwrap());
    if let Json::Array(items) = &mut json {
        items.sort_by_key(Json::to_string);
    }
    json
}

/// A group in a line: what it is called, how many records, what a field adds up to.
fn told(group: &TotalsGroup, field: &str) -> String {
    let name = group.title.as_ref().or(group.key.as_ref()).map_or("-", String::as_str);
    let sums = group.sums.get(field).map(|sums| sums.by_currency.as_slice()).unwrap_or_default();
    let sums = sums.iter().map(|sum| format!(" {} {}", sum.sum, sum.currency.as_deref().unwrap_or_default()));
    format!("{name} {}{}", group.count, sums.collect::<String>())
}

fn edits(step: &Json) -> Vec<FieldEdit> {
    let edits: Vec<sync_core::record::fields::FieldEdit> = serde_json::from_value(step["edits"].clone()).unwrap();
    edits.into_iter().map(FieldEdit::from).collect()
}

impl Play {
    fn record(&self, step: &Json) -> RecordId {
        self.records[&word(step, "record")].clone()
    }

    async fn step(&mut self, step: &Json) -> Result<(), ClientError> {
        match step["on"].as_str() {
            Some(phone) => {
                let phone = self.phones[phone].clone();
                let Some(found) = self.look(&phone, step).await? else { return self.act(&phone, step).await };
                for (key, value) in found.as_object().unwrap() {
                    assert_eq!(value, &step[key], "{step}");
                }
                Ok(())
            }
            None => {
                self.arrange(step).await;
                Ok(())
            }
        }
    }

    async fn arrange(&self, step: &Json) {
        match step["do"].as_str().unwrap() {
            "cut" => self.kit.network().cut(),
            "mend" => self.kit.network().mend(),
            "quiet" => quiesce(&self.phones.values().collect::<Vec<_>>()).await.unwrap(),
            "reject_next" => self.kit.reject_next(&word(step, "login"), &word(step, "code"), &word(step, "detail")),
            "revoke" => self.kit.revoke_devices(&word(step, "login")).await.unwrap(),
            "console" => {
                let (record, edits) = (self.record(step).0.parse().unwrap(), serde_json::from_value(step["edits"].clone()).unwrap());
                self.kit.edit_as(&word(step, "login"), &word(step, "kind"), record, edits).await.unwrap();
            }
            other => panic!("unknown step `{other}`"),
        }
    }

    async fn act(&mut self, phone: &Arc<Client>, step: &Json) -> Result<(), ClientError> {
        match step["do"].as_str().unwrap() {
            "create" => {
                let record = new_record_id()?;
                self.records.insert(word(step, "as"), record.clone());
                phone.transact(vec![RecordEdit { record, kind: Some(word(step, "kind")), edits: edits(step), makes: true }]).await.map(drop)
            }
            "edit" => {
                phone.transact(vec![RecordEdit { record: self.record(step), kind: None, edits: edits(step), makes: false }]).await.map(drop)
            }
            "sync" => phone.sync_once(Budget { time: None, bytes: None }, None).await.map(drop),
            "resolve" => phone.resolve(self.record(step), word(step, "path"), value(&step["value"])).await.map(drop),
            "retry" => phone.retry_draft(phone.drafts().await?[0].id, Some(edits(step))).await.map(drop),
            "attach" => {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join(word(step, "name"));
                std::fs::write(&path, picture(&step["size"])).unwrap();
                let (path, thumbnail) = (path.to_str().unwrap().to_owned(), Some(picture(&step["thumbnail"])));
                let file = NewAttachment { path, media_type: word(step, "media_type"), name: None, thumbnail };
                let record = phone.attach(self.record(step), file).await?;
                self.records.insert(word(step, "as"), record);
                Ok(())
            }
            "fetch" => phone.fetch_attachment(self.record(step), None).await.map(drop),
            "undo" => phone.undo().await.map(drop),
            "redo" => phone.redo().await.map(drop),
            "merge" => phone.merge(self.record(step), self.records[&word(step, "into")].clone(), HashMap::new()).await.map(drop),
            "split" => phone.split(self.record(step)).await.map(drop),
            "sign_out" => phone.sign_out(step["lose_unsent"] == true).await,
            other => panic!("unknown step `{other}`"),
        }
    }

    /// What a step sees on a phone; nothing for one that does something there.
    async fn look(&self, phone: &Arc<Client>, step: &Json) -> Result<Option<Json>, ClientError> {
        Ok(Some(match step["do"].as_str().unwrap() {
            "record" => {
                let row = phone.get(self.record(step)).await?.unwrap();
                json!({"title": row.title, "state": format!("{:?}", row.state), "conflicts": row.conflicts})
            }
            "field" => {
                let row = phone.get(self.record(step)).await?.unwrap();
                json!({"value": plain(row.fields.get(&word(step, "field")))})
            }
            "conflict" => {
                let record = self.record(step);
                let found = phone.conflicts().await?.into_iter().filter(|found| found.record == record && found.field == step["field"]);
                let mut values: Vec<Json> = found.flat_map(|found| found.claims).map(|claim| plain(Some(&claim.value))).collect();
                values.sort_by_key(Json::to_string);
                json!({"values": values})
            }
            "draft" => {
                let draft = phone.drafts().await?.remove(0);
                json!({"code": draft.code, "detail": draft.detail, "state": format!("{:?}", draft.state)})
            }
            "history" => {
                let changes = phone.history(self.record(step)).await?.into_iter().filter(|change| change.field == step["field"]);
                json!({"values": changes.map(|change| plain(Some(&change.new))).collect::<Vec<_>>()})
            }
            "explain" => match phone.explain(self.record(step)).await? {
                Presence::Here { .. } => json!({"presence": "Here"}),
                other => json!({"presence": format!("{other:?}")}),
            },
            "estimate" => {
                let found = phone.estimate(self.subscription(step), None).await?;
                json!({"records": found.records, "files": found.files})
            }
            "subscribe" => json!({"changed": phone.subscribe(self.subscription(step)).await?}),
            "unsubscribe" => json!({"changed": phone.unsubscribe(self.subscription(step)).await?}),
            "subscriptions" => json!({"count": phone.subscriptions().await?.len()}),
            "status" => {
                let status = phone.status().await?;
                let phase = match status.phase {
                    SyncPhase::Stopped { .. } => "Stopped".to_owned(),
                    other => format!("{other:?}"),
                };
                json!({"phase": phase, "waiting": status.waiting, "drafts": status.drafts})
            }
            "likely" => {
                let of = RecordEdit { record: self.record(step), kind: None, edits: Vec::new(), makes: false };
                let likely = phone.likely_duplicates(of).await?;
                let reasons = likely.iter().flat_map(|likely| &likely.reasons).map(|reason| &reason.zh);
                json!({"titles": likely.iter().map(|likely| &likely.record.title).collect::<Vec<_>>(), "reasons": reasons.collect::<Vec<_>>()})
            }
            "together" => {
                let found = phone.together(self.record(step)).await?;
                let behind: Vec<String> = found.behind.into_iter().map(|row| row.title).collect();
                json!({"survivor": found.survivor.map(|row| row.title), "behind": behind})
            }
            _ => return self.look_at_many(phone, step).await,
        }))
    }

    async fn look_at_many(&self, phone: &Arc<Client>, step: &Json) -> Result<Option<Json>, ClientError> {
        Ok(Some(match step["do"].as_str().unwrap() {
            "list" => {
                let filter = (!step["filter"].is_null()).then(|| step["filter"].to_string());
                let order_by = step["order_by"].as_str().map(str::to_owned);
                let query = ListQuery { kind: word(step, "kind"), filter, order_by, descending: false, limit: 50, after: None };
                json!({"titles": phone.list(query).await?.rows.into_iter().map(|row| row.title).collect::<Vec<_>>()})
            }
            "search" => {
                let found = phone.search(word(step, "text"), None, None).await?;
                let hits = found.iter().flat_map(|found| &found.title).filter(|piece| piece.hit).map(|piece| piece.text.clone());
                json!({"hits": hits.collect::<Vec<_>>(), "titles": found.iter().map(|found| &found.record.title).collect::<Vec<_>>()})
            }
            "totals" => {
                let filter = (!step["filter"].is_null()).then(|| step["filter"].to_string());
                let (kind, by, sum) = (word(step, "kind"), step["by"].as_str().map(str::to_owned), word(step, "sum"));
                let query = TotalsQuery { kind, filter, by, step: None, sums: vec![sum.clone()] };
                let found = phone.totals(query).await?;
                json!({"groups": found.groups.iter().map(|group| told(group, &sum)).collect::<Vec<_>>(), "all": told(&found.all, &sum)})
            }
            _ => return self.look_at_file(phone, step).await,
        }))
    }

    fn subscription(&self, step: &Json) -> Subscription {
        let whose = match step["whose"].as_str().unwrap() {
            "everyone" => Whose::Everyone,
            "mine" => Whose::Mine,
            "team" => Whose::Team,
            "territory" => Whose::Territory { name: word(step, "name") },
            "customer" => Whose::Customer { record: self.record(step) },
            other => panic!("nobody is `{other}`"),
        };
        let kinds = step["kinds"].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap().to_owned()).collect();
        Subscription { whose, kinds, days: step["days"].as_u64().map(|days| days as u32) }
    }

    async fn look_at_file(&self, phone: &Arc<Client>, step: &Json) -> Result<Option<Json>, ClientError> {
        Ok(Some(match step["do"].as_str().unwrap() {
            "attachment" => {
                let found = phone.attachment(self.record(step)).await?;
                let state = format!("{:?}", found.state);
                let state = state.split(' ').next().unwrap_or_default();
                json!({"name": found.name, "size": found.size, "state": state})
            }
            "thumbnail" => {
                let bytes = phone.thumbnail(self.record(step)).await?.unwrap();
                assert!(bytes == picture(&step["size"]));
                json!({"size": bytes.len()})
            }
            "content" => {
                let mut bytes = Vec::new();
                while let Some(piece) =
                    Some(phone.read_attachment(self.record(step), bytes.len() as u64).await?).filter(|piece| !piece.is_empty())
                {
                    bytes.extend(piece);
                }
                assert!(bytes == picture(&step["size"]));
                json!({"size": bytes.len()})
            }
            _ => return Ok(None),
        }))
    }
}

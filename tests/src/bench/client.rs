//! A measured client: a real device behind a real connection.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value as Json, json};
use sync_core::device::{Device, Opening, RecordEdits};
use sync_core::id::RecordId;
use sync_core::net::{Host, Server};
use sync_core::record::fields::FieldEdit;
use sync_core::store::Place;
use tokio::task::JoinHandle;

use super::server::{LOGIN, PASSWORD};

/// Longer than any honest step takes: what does not finish by then has failed.
const STEP_TIMEOUT: Duration = Duration::from_secs(600);

/// Fields that the other stacks' workload calls by names which every record of ours has already: theirs, ours.
const OTHERS_NAMES: [(&str, &str); 2] = [("created_at", "created"), ("updated_at", "updated")];

/// One client.
pub struct Client {
    /// The device.
    pub host: Host,
    server: Server,
    live: Option<JoinHandle<()>>,
}

/// The id of the `i`-th record, on every client: made in the order of time, as a device makes them.
pub fn record_id(i: usize) -> RecordId {
    const FIRST_MADE: i64 = 1_700_000_000_000;
    let mut random = [0; 10];
    random.copy_from_slice(&RecordId::of_cause(&format!("bench record {i}")).as_bytes()[..10]);
    RecordId::new(FIRST_MADE + i as i64, random)
}

/// Microseconds of a clock that only goes forward, the same in all processes of a machine.
pub fn monotonic_us() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000
}

fn now_ms() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

fn random<const N: usize>() -> [u8; N] {
    rapport_server::auth::secret::random()
}

/// Signs in and answers a token that may make codes for devices.
pub async fn sign_in(address: &str) -> Result<String> {
    let body = json!({"login": LOGIN, "password": PASSWORD});
    let response = reqwest::Client::new().post(format!("{address}/api/v1/sign-in")).json(&body).send().await?;
    let answer: Json = response.error_for_status()?.json().await?;
    Ok(answer["token"].as_str().context("no token")?.to_owned())
}

impl Client {
    /// Opens a device and enrols it where it is new.
    pub async fn open(address: &str, session: &str, place: Place, name: &str) -> Result<Self> {
        let device = Device::open(&Opening { place, app: "bench 1".to_owned(), incarnation: [1; 16], seed: random() })?;
        let (host, server) = (Host::new(device, Arc::new(now_ms)), Server::at(address)?);
        if host.with(|device, _| device.identity().is_none()) {
            let request = reqwest::Client::new().post(format!("{address}/api/v1/devices/codes")).bearer_auth(session);
            let answer: Json = request.json(&json!({"login": LOGIN})).send().await?.error_for_status()?.json().await?;
            server.enrol(&host, answer["code"].as_str().context("no code")?, name, "bench 1").await?;
        }
        Ok(Self { host, server, live: None })
    }

    /// A store on disk, or nowhere.
    pub fn place(dir: Option<&Path>, tag: &str) -> Result<Place> {
        let Some(dir) = dir else { return Ok(Place::Memory) };
        std::fs::create_dir_all(dir)?;
        Ok(Place::File(dir.join(format!("{tag}.db"))))
    }

    /// Reaches the server by another way from the next connection on.
    pub fn reach(&mut self, address: &str) -> Result<()> {
        self.server = Server::at(address)?;
        Ok(())
    }

    /// One exchange over HTTP, until there is nothing left to say.
    pub async fn sync_once(&self) -> Result<()> {
        Ok(self.server.sync_once(&self.host).await?)
    }

    /// Connects and stays connected.
    pub fn connect(&mut self) {
        if self.live.is_none() {
            let (server, host) = (self.server.clone(), self.host.clone());
            self.live = Some(tokio::spawn(async move {
                server.stay_live(&host).await;
            }));
        }
    }

    /// Ends the connection.
    pub async fn disconnect(&mut self) {
        if let Some(live) = self.live.take() {
            live.abort();
            let _ = live.await;
            self.host.go_offline();
        }
    }

    /// Waits until everything is sent, acknowledged and received.
    pub async fn up_to_date(&mut self) -> Result<()> {
        self.connect();
        until(&self.host, |device| device.sync_status().is_ok_and(|status| status.online && status.pending == 0 && status.is_current)).await
    }

    /// Waits until the kind of the workload is known here.
    pub async fn know_kinds(&self) -> Result<()> {
        if self.host.with(|device, _| device.schema().kind("contact").is_none()) {
            self.sync_once().await?;
        }
        Ok(())
    }

    /// Makes records offline.
    pub fn create(&self, records: &[Json], from: usize) -> Result<()> {
        let edits = records.iter().enumerate().map(|(i, record)| edits_of(from + i, record)).collect::<Result<Vec<_>>>()?;
        for chunk in edits.chunks(1_000) {
            self.host.with(|device, now| device.edit_all(now, chunk))?;
        }
        Ok(())
    }

    /// Writes one field of some records.
    pub fn edit(&self, indexes: &[usize], field: &str, value: &str) -> Result<()> {
        let edit = |&i: &usize| {
            Ok(RecordEdits { kind: "contact".parse()?, record: record_id(i), edits: vec![FieldEdit::set(field, value)], makes: false })
        };
        let edits = indexes.iter().map(edit).collect::<Result<Vec<_>>>()?;
        self.host.with(|device, now| device.edit_all(now, &edits))?;
        Ok(())
    }

    /// Waits until all these records show a value in all these fields; answers when.
    pub async fn watch(&self, indexes: &[usize], fields: &[String], value: &str) -> Result<u64> {
        watch(&self.host, indexes, fields, value).await
    }

    /// A record as the other stacks show it.
    pub fn get(&self, i: usize) -> Result<Json> {
        let view = self.host.with(|device, _| device.get(record_id(i)))?.context("no such record")?;
        let mut fields = view.row.fields;
        if let Some(Json::Array(contacts)) = fields.get_mut("contacts") {
            contacts.iter_mut().filter_map(Json::as_object_mut).for_each(|contact| drop(contact.remove("id")));
        }
        // A set has no order of its own: the workload's, where the elements are the same.
        let wanted = super::workload::record(i)["tags"].clone();
        let sorted = |tags: &Json| {
            let mut words: Vec<String> = tags.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect();
            words.sort();
            words
        };
        if fields.get("tags").is_some_and(|tags| sorted(tags) == sorted(&wanted)) {
            fields.insert("tags".to_owned(), wanted);
        }
        for (others, ours) in OTHERS_NAMES {
            if let Some(value) = fields.remove(ours) {
                fields.insert(others.to_owned(), value);
            }
        }
        Ok(Json::Object(fields))
    }
}

/// Waits until all these records show a value in all these fields; answers when. Looks only at records that changed.
pub async fn watch(host: &Host, indexes: &[usize], fields: &[String], value: &str) -> Result<u64> {
    let mut left: HashMap<RecordId, usize> = indexes.iter().map(|&i| (record_id(i), i)).collect();
    let mut revision = None;
    until(host, |device| {
        let changed = device.changes_since(revision.unwrap_or(0));
        match changed.records.filter(|_| revision.is_some()) {
            Some(records) => {
                for record in records {
                    if left.get(&record).is_some_and(|_| shows(device, record, fields, value)) {
                        left.remove(&record);
                    }
                }
            }
            None => left.retain(|&record, _| !shows(device, record, fields, value)),
        }
        revision = Some(changed.revision);
        left.is_empty()
    })
    .await?;
    Ok(monotonic_us())
}

/// Waits until a device shows something.
async fn until(host: &Host, mut done: impl FnMut(&mut Device) -> bool) -> Result<()> {
    let (mut revision, mut status) = (host.revision(), host.status());
    let limit = Instant::now() + STEP_TIMEOUT;
    while !host.with(|device, _| done(device)) {
        tokio::select! {
            changed = revision.changed() => changed?,
            changed = status.changed() => changed?,
            () = tokio::time::sleep_until(limit.into()) => bail!("not done within {STEP_TIMEOUT:?}"),
        }
    }
    Ok(())
}

fn shows(device: &mut Device, record: RecordId, fields: &[String], value: &str) -> bool {
    let Ok(Some(row)) = device.row(record) else { return false };
    fields.iter().all(|field| row.fields.get(field).and_then(Json::as_str) == Some(value))
}

fn edits_of(i: usize, record: &Json) -> Result<RecordEdits> {
    let mut edits = Vec::new();
    for (name, value) in record.as_object().context("a record is an object")? {
        match (name.as_str(), value) {
            ("contacts", Json::Array(contacts)) => {
                for (n, contact) in contacts.iter().enumerate() {
                    let values: Map<String, Json> = contact.as_object().context("a contact is an object")?.clone();
                    edits.push(FieldEdit::SetRow { field: "contacts".to_owned(), row: format!("{n}"), values });
                }
            }
            (name, value) => {
                let ours = OTHERS_NAMES.iter().find(|(others, _)| *others == name).map_or(name, |(_, ours)| ours);
                edits.push(FieldEdit::set(ours, value.clone()));
            }
        }
    }
    Ok(RecordEdits { kind: "contact".parse()?, record: record_id(i), edits, makes: true })
}

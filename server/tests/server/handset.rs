//! A real phone: a device with its own records, which speaks to the server's door over HTTP when the test says so.

use reqwest::Method;
use serde_json::{Map, Value};
use sync_core::device::{Device, Opening};
use sync_core::engine::{Effect, Event};
use sync_core::id::{Millis, RecordId, UserId};
use sync_core::protocol::{Enrol, Enrolled};
use sync_core::record::fields::FieldEdit;
use sync_core::store::Place;

use crate::harness::Server;

pub struct Handset {
    pub device: Device,
    pub enrolled: Enrolled,
}

impl Handset {
    /// A phone of somebody who is there already.
    pub async fn of(server: &Server, user: UserId) -> Self {
        Self::at(server, user, Place::Memory).await
    }

    /// How the app of somebody opens its store.
    pub fn opening(user: UserId, place: Place) -> Opening {
        let mut seed = [9; 32];
        seed[..16].copy_from_slice(user.as_bytes());
        Opening { place, app: "test 1".into(), incarnation: [1; 16], seed }
    }

    /// As [`Handset::of`], with its store at a place.
    pub async fn at(server: &Server, user: UserId, place: Place) -> Self {
        let code = server.app.auth.device_code(server.workspace, user, None).await.unwrap().0.reveal();
        Self::enrolled(server, &Self::opening(user, place), code, "phone").await
    }

    /// A phone into which somebody has typed a code.
    pub async fn enrolled(server: &Server, opening: &Opening, code: String, name: &str) -> Self {
        let mut device = Device::open(opening).unwrap();
        let body = Enrol { code, device_name: name.to_owned(), app: "test 1".to_owned(), actor: device.actor() };
        let answer = server.send(Method::POST, "/sync/enrol", &[], minicbor::to_vec(body).unwrap()).await;
        let enrolled: Enrolled = minicbor::decode(&answer.body).unwrap();
        device.enrol(server.app.clock.now(), &enrolled).unwrap();
        Self { device, enrolled }
    }

    pub fn edit(&mut self, server: &Server, kind: &str, record: RecordId, edits: &[FieldEdit]) {
        self.device.edit(server.app.clock.now(), kind, record, edits).unwrap();
    }

    /// Says all that there is to say, and hears all that there is to hear.
    pub async fn sync(&mut self, server: &Server) {
        let mut frames = self.tell(server.app.clock.now(), Event::NetworkUp { live: false });
        while !frames.is_empty() {
            let answer = self.say(server, frames.remove(0)).await;
            frames.extend(self.tell(server.app.clock.now(), Event::Received(answer)));
        }
        self.tell(server.app.clock.now(), Event::NetworkDown);
    }

    /// Carries one frame; whether the answer arrives is the test's business.
    pub async fn say(&self, server: &Server, frame: Vec<u8>) -> Vec<u8> {
        let bearer = format!("Bearer {}", self.enrolled.token);
        let answer = server.send(Method::POST, "/sync", &[("authorization", &bearer)], frame).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.body.to_vec()
    }

    pub fn tell(&mut self, now: Millis, event: Event) -> Vec<Vec<u8>> {
        let effects = self.device.handle(now, event).into_iter();
        let frame = |effect| match effect {
            Effect::Send(frame) => Some(frame),
            Effect::Failed(refused) => panic!("{refused:?}"),
            Effect::StoreFailed(error) => panic!("{error}"),
            Effect::Schedule(_) | Effect::Notify(_) | Effect::Clear | Effect::Close | Effect::Stop(_) => None,
        };
        effects.filter_map(frame).collect()
    }

    /// What a record shows here; nothing if it is not here.
    pub fn fields(&mut self, record: RecordId) -> Option<Map<String, Value>> {
        self.device.get(record).unwrap().map(|view| view.row.fields)
    }
}

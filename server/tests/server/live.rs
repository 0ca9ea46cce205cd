//! A connection that stays open: what a phone hears on it, and what it need not.

use futures_util::{SinkExt, StreamExt};
use rapport_server::{App, Config, people};
use serde_json::json;
use sync_core::engine::Event;
use sync_core::id::{RecordId, UserId};
use sync_core::protocol::{Entry, Message, Page, Subscription, Whose, decode_frame};
use sync_core::record::fields::FieldEdit;
use tokio_tungstenite::tungstenite::Message as Ws;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::api::Client;
use crate::console::{Desk, record};
use crate::handset::Handset;
use crate::harness::{MINUTE, Server};
use crate::privacy::state;
use crate::reviews::colleague;

pub type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// Longer than any honest answer takes.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// Opens a connection.
pub async fn connect(server: &Server, token: &str) -> Socket {
    let mut request = format!("ws://{}/sync/live", server.address).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    tokio_tungstenite::connect_async(request).await.unwrap().0
}

/// A phone with an open connection, and what was said on it.
pub struct Line<'s> {
    server: &'s Server,
    pub phone: Handset,
    socket: Socket,
    pages: Vec<Page>,
    pulls: usize,
}

impl<'s> Line<'s> {
    /// Connects, and hears all that there is.
    pub async fn open(server: &'s Server, login: &str) -> Self {
        Self::of(server, Handset::of(server, UserId::of_cause(login)).await).await
    }

    async fn of(server: &'s Server, phone: Handset) -> Self {
        let socket = connect(server, &phone.enrolled.token).await;
        let mut line = Self { server, phone, socket, pages: Vec::new(), pulls: 0 };
        line.tell(Event::NetworkUp { live: true }).await;
        line.until(|line| line.pages.last().is_some_and(|page| !page.more)).await;
        (line.pages, line.pulls) = (Vec::new(), 0);
        line
    }

    async fn tell(&mut self, event: Event) {
        for frame in self.phone.tell(self.server.app.clock.now(), event) {
            self.pulls += decode_frame(&frame).unwrap().iter().filter(|said| matches!(said, Message::Pull(_))).count();
            self.socket.send(Ws::binary(frame)).await.unwrap();
        }
    }

    /// Listens, and says what is to be said, until something is so.
    pub async fn until(&mut self, is_so: impl Fn(&mut Self) -> bool) {
        while !is_so(self) {
            let heard = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("no word").unwrap().unwrap();
            let Ws::Binary(frame) = heard else { continue };
            let pages = decode_frame(&frame).unwrap().into_iter();
            self.pages.extend(pages.filter_map(|said| if let Message::Page(page) = said { Some(page) } else { None }));
            self.tell(Event::Received(frame.into())).await;
        }
    }

    async fn edit(&mut self, id: RecordId, edits: &[FieldEdit]) {
        self.phone.edit(self.server, "party", id, edits);
        self.tell(Event::LocalEdit).await;
    }

    pub fn shows(&mut self, id: RecordId, name: &str) -> bool {
        self.phone.fields(id).is_some_and(|fields| fields["name"] == name)
    }
}

#[tokio::test]
async fn a_phone_that_may_not_see_what_was_written_is_not_woken_and_need_not_ask_again_afterwards() {
    let desk = Desk::new().await;
    colleague(&desk.server, "agent", "agent").await;
    colleague(&desk.server, "boss", "manager").await;
    let mut line = Line::open(&desk.server, "agent").await;
    line.edit(record(1), &[FieldEdit::set("name", "Mine"), FieldEdit::set("owner", UserId::of_cause("agent").to_string())]).await;
    line.until(|line| line.phone.device.sync_status().is_ok_and(|status| status.pending == 0) && !line.pages.is_empty()).await;
    let before = line.pages.len();
    let mut other = Handset::of(&desk.server, UserId::of_cause("boss")).await;
    other.sync(&desk.server).await;
    desk.server.clock.forward(MINUTE);
    for (n, name) in [(2, "Theirs"), (1, "Mine still")] {
        other.edit(&desk.server, "party", record(n), &[FieldEdit::set("name", name)]);
        other.sync(&desk.server).await;
    }
    line.until(|line| line.shows(record(1), "Mine still")).await;
    assert!(line.phone.fields(record(2)).is_none());
    let entries: usize = line.pages[before..].iter().map(|page| page.entries.len()).sum();
    assert_eq!((entries, line.pulls), (1, 0), "{:?}", line.pages);
}

#[tokio::test]
async fn more_phones_than_the_database_has_readers_come_in_at_once() {
    let desk = Desk::new().await;
    let path = Client::office(&desk.server).await.make("party", json!({"name": "Jiamei"})).await;
    let id: RecordId = path.rsplit('/').next().unwrap().parse().unwrap();
    let mut phones = Vec::new();
    for login in ('a'..='l').map(|letter| format!("{letter}boss")) {
        colleague(&desk.server, &login, "manager").await;
        phones.push(Handset::of(&desk.server, UserId::of_cause(&login)).await);
    }
    // As after the server was started again. Whoever gets no answer is turned away after some fifteen seconds.
    let lines = phones.into_iter().map(|phone| Line::of(&desk.server, phone));
    for mut line in futures_util::future::join_all(lines).await {
        assert!(line.shows(id, "Jiamei"));
    }
}

#[tokio::test]
async fn connected_phones_that_do_not_hold_what_is_erased_say_at_once_that_they_stand_behind_that() {
    let desk = Desk::new().await;
    let office = Client::office(&desk.server).await;
    colleague(&desk.server, "boss", "manager").await;
    colleague(&desk.server, "agent", "agent").await;
    let agent = UserId::of_cause("agent");
    // One sees it and does not want it on the phone; out of the other's sight it goes while the phone is connected.
    let mut narrow = Line::open(&desk.server, "boss").await;
    assert!(narrow.phone.device.subscribe(&Subscription::of(Whose::Mine)).unwrap());
    assert!(narrow.phone.device.unsubscribe(&Subscription::everything()).unwrap());
    narrow.tell(Event::Wake).await;
    narrow.until(|line| line.pages.last().is_some_and(|page| !page.more)).await;
    let path = office.make("party", json!({"name": "Jiamei", "owner": agent})).await;
    let id: RecordId = path.rsplit('/').next().unwrap().parse().unwrap();
    let mut past = Line::open(&desk.server, "agent").await;
    assert!(past.shows(id, "Jiamei"));
    let given = office.edit(&path, json!([{"op": "set", "field": "owner", "value": desk.server.ann}])).await;
    assert_eq!(given.status, 200, "{}", given.text());
    past.until(|line| line.phone.fields(id).is_none()).await;
    let erased = office.post(&format!("/api/v1/privacy/{id}/erase"), json!({})).await;
    assert_eq!(erased.status, 200, "{}", erased.text());
    for line in [&mut narrow, &mut past] {
        let is_purged = |page: &Page| page.entries.contains(&Entry::Purge { record: id });
        line.until(|line| line.pages.iter().any(is_purged)).await;
        assert!(line.phone.fields(id).is_none());
        // Its own word is on its way then, and the clock stands still: nothing else makes the server note anything.
        let said = async {
            loop {
                let said = state(&office, id, &line.phone).await;
                if said != "not_seen" {
                    return said;
                }
                tokio::task::yield_now().await;
            }
        };
        let said = tokio::time::timeout(PATIENCE, said).await.expect("the phone said where it stands");
        assert!(said == "told" || said == "removed", "{said}");
    }
}

#[tokio::test]
async fn a_role_that_another_process_gives_is_heard_on_an_open_connection_before_the_next_ping() {
    let desk = Desk::new().await;
    colleague(&desk.server, "agent", "agent").await;
    let mut line = Line::open(&desk.server, "agent").await;
    let here = &desk.server.app;
    let beside = App::open(Config::clone(&here.config), here.clock.clone()).await.unwrap();
    let operator = people::author(&beside, desk.server.workspace, None);
    people::set_roles(&beside, &operator, UserId::of_cause("agent"), &"manager".parse().unwrap()).await.unwrap();
    // It ends, to begin again with what the role says; pings are further apart than anybody is waited for.
    while let Some(Ok(_)) = tokio::time::timeout(PATIENCE, line.socket.next()).await.expect("it is heard at the next ping alone") {}
}

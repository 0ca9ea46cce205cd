//! Staying live: one WebSocket, opened again whenever it breaks.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::http::{problem, shut_out};
use super::{Host, NetError, Server};
use crate::engine::{Effect, Event, Stopped};
use crate::protocol::MAX_FRAME_PLAIN_BYTES;

/// The first wait before connecting again; it doubles.
const RECONNECT_FIRST: Duration = Duration::from_millis(500);
/// The longest wait before connecting again.
const RECONNECT_MAX: Duration = Duration::from_secs(60);
/// A silent connection is dead after this: the server pings every 25 seconds.
const SILENCE: Duration = Duration::from_secs(60);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What ends one connection.
enum Ended {
    /// Connect again.
    Broken,
    /// Do not.
    Stopped(Stopped),
}

impl Server {
    /// Stays connected: local edits go up and others' changes come down as they are made. Returns only
    /// when sync has stopped for good; drop the future to go offline.
    pub async fn stay_live(&self, host: &Host) -> NetError {
        let mut wait = RECONNECT_FIRST;
        loop {
            match self.connect(host).await {
                Ok(socket) => {
                    wait = RECONNECT_FIRST;
                    if let Ended::Stopped(stopped) = (Connection { host, socket, timer: None }).run().await {
                        return NetError::Stopped(stopped);
                    }
                }
                Err(NetError::Unreachable(_)) => {}
                Err(NetError::Stopped(why)) => {
                    host.handle(Event::ShutOut(why.clone())).await;
                    return NetError::Stopped(why);
                }
                Err(final_error) => return final_error,
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RECONNECT_MAX);
        }
    }

    async fn connect(&self, host: &Host) -> Result<Socket, NetError> {
        let request = self.upgrade(&host.token()?)?;
        let config = WebSocketConfig::default().max_message_size(Some(MAX_FRAME_PLAIN_BYTES)).max_frame_size(Some(MAX_FRAME_PLAIN_BYTES));
        match connect_async_tls_with_config(request, Some(config), true, self.connector()?).await {
            Ok((socket, _)) => Ok(socket),
            Err(WsError::Http(response)) => {
                Err(match problem(response.status().as_u16(), response.body().as_deref().unwrap_or_default()) {
                    NetError::Status { status: 401, code, .. } => NetError::Stopped(shut_out(&code)),
                    other => NetError::Unreachable(other.to_string()),
                })
            }
            Err(error) => Err(NetError::Unreachable(error.to_string())),
        }
    }

    fn upgrade(&self, token: &str) -> Result<Request, NetError> {
        let address = self.url("sync/live").to_string().replacen("http", "ws", 1);
        let bad = || NetError::BadAddress(address.clone());
        let mut request = address.as_str().into_client_request().map_err(|_| bad())?;
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| bad())?;
        request.headers_mut().insert("authorization", bearer);
        Ok(request)
    }

    /// Trusts the server's own authority where it has one, the system's otherwise.
    fn connector(&self) -> Result<Option<Connector>, NetError> {
        let Some(pem) = &self.root else { return Ok(None) };
        let bad = || NetError::BadAddress("its certificate cannot be read".to_owned());
        let mut roots = rustls::RootCertStore::empty();
        for certificate in <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::pem_slice_iter(pem) {
            roots.add(certificate.map_err(|_| bad())?).map_err(|_| bad())?;
        }
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Some(Connector::Rustls(Arc::new(config))))
    }
}

struct Connection<'a> {
    host: &'a Host,
    socket: Socket,
    timer: Option<Instant>,
}

impl Connection<'_> {
    async fn run(mut self) -> Ended {
        let ended = self.talk().await;
        self.host.handle(Event::NetworkDown).await;
        // The other side may be gone: there is nobody to tell.
        let _ = self.socket.close(None).await;
        ended
    }

    async fn talk(&mut self) -> Ended {
        let mut event = Event::NetworkUp { live: true };
        loop {
            if let Some(ended) = self.handle(event).await {
                return ended;
            }
            event = match self.next_event().await {
                Ok(event) => event,
                Err(ended) => return ended,
            };
        }
    }

    async fn next_event(&mut self) -> Result<Event, Ended> {
        loop {
            let timer = self.timer.unwrap_or_else(|| Instant::now() + SILENCE);
            tokio::select! {
                message = tokio::time::timeout(SILENCE, self.socket.next()) => match message {
                    Ok(Some(Ok(Message::Binary(frame)))) => return Ok(Event::Received(frame.into())),
                    Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_) | Message::Frame(_)))) => {}
                    Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => return Err(Ended::Broken),
                },
                () = self.host.edited.notified() => return Ok(Event::LocalEdit),
                () = self.host.woken.notified() => return Ok(Event::Wake),
                () = sleep_until(timer), if self.timer.is_some() => {
                    self.timer = None;
                    return Ok(Event::TimerFired);
                }
            }
        }
    }

    /// Has the engine handle an event, and does what it says while it is at it.
    async fn handle(&mut self, event: Event) -> Option<Ended> {
        let mut effects = self.host.begin(event);
        let mut ended = None;
        // To the end, also of a connection that is lost: the device is the work's until it is done.
        while let Some(effect) = effects.recv().await {
            if ended.is_none() {
                ended = self.perform(effect).await;
            }
        }
        ended
    }

    async fn perform(&mut self, effect: Effect) -> Option<Ended> {
        match effect {
            Effect::Send(frame) => self.socket.send(Message::Binary(frame.into())).await.err().map(|_| Ended::Broken),
            Effect::Schedule(at) => {
                let wait = u64::try_from(at - (self.host.clock)()).unwrap_or(0);
                self.timer = Some(Instant::now() + Duration::from_millis(wait));
                None
            }
            Effect::Clear => self.host.clear().await.err().map(|_| Ended::Broken),
            Effect::Close => Some(Ended::Broken),
            Effect::Stop(stopped) => Some(Ended::Stopped(stopped)),
            Effect::Notify(_) | Effect::StoreFailed(_) | Effect::Failed(_) => None,
        }
    }
}

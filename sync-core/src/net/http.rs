//! One exchange at a time: enrolment and background sync over HTTP.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode, Url};
use tokio::time::Instant;

use super::{Host, NetError};
use crate::engine::{Effect, Event, Farewell, Identity, Stopped};
use crate::protocol::{self, Enrol, Enrolled, Estimate, Estimated, MAX_FRAME_PLAIN_BYTES, Message, Refused, Subscription};

/// The media type of frames.
const FRAME_TYPE: &str = "application/vnd.rapport.frame";
/// A phone that cannot reach the server within this tries again later.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A whole exchange on a slow network: a page of 2 MiB at 40 KB/s.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);

/// Chooses ring for all TLS of this process, unless the process has chosen already.
pub fn install_crypto() {
    // An error means that a provider is installed: then that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Where the server is.
#[derive(Debug, Clone)]
pub struct Server {
    base: Url,
    pub(super) client: Client,
    pub(super) root: Option<Vec<u8>>,
}

impl Server {
    /// A server by its address, such as `https://crm.example`.
    ///
    /// # Errors
    /// [`NetError::BadAddress`] for anything that is not http or https.
    pub fn at(address: &str) -> Result<Self, NetError> {
        Self::with_root(address, None)
    }

    /// A server whose certificate is signed by an authority of its own (PEM).
    ///
    /// # Errors
    /// [`NetError::BadAddress`], also for a certificate that cannot be read; [`NetError::NoTls`].
    pub fn with_root(address: &str, root: Option<Vec<u8>>) -> Result<Self, NetError> {
        install_crypto();
        let bad = || NetError::BadAddress(address.to_owned());
        let base = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(bad)?;
        let mut builder = Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(EXCHANGE_TIMEOUT).tcp_nodelay(true);
        if let Some(pem) = &root {
            builder = builder.tls_certs_only([reqwest::Certificate::from_pem(pem).map_err(|_| bad())?]);
        }
        let client = builder.build().map_err(|error| NetError::NoTls(error.to_string()))?;
        Ok(Self { base, client, root })
    }

    /// Asks whether the server is there and well.
    ///
    /// # Errors
    /// [`NetError`]: why not.
    pub async fn ping(&self) -> Result<(), NetError> {
        answered(self.client.get(self.url("healthz")).send().await).await.map(drop)
    }

    /// Redeems a one-time code: from then on the device is its user's.
    ///
    /// # Errors
    /// [`NetError::Status`] 403 for a code that is wrong, used or too old; [`NetError::OtherUser`].
    pub async fn enrol(&self, host: &Host, code: &str, device_name: &str, app: &str) -> Result<(), NetError> {
        let actor = host.with(|device, _| device.actor_to_enrol())?;
        let enrol = Enrol { code: code.to_owned(), device_name: device_name.to_owned(), app: app.to_owned(), actor };
        let body = minicbor::to_vec(&enrol).expect("writing to a vector cannot fail");
        let response = self.client.post(self.url("sync/enrol")).header(CONTENT_TYPE, "application/cbor").body(body).send().await;
        let bytes = answered(response).await?;
        let enrolled: Enrolled = minicbor::decode(&bytes).map_err(|error| NetError::Unreachable(error.to_string()))?;
        host.with_status(|device, now| {
            let other = |me: &Identity| (me.workspace, me.user) != (enrolled.workspace, enrolled.user);
            if device.identity().is_some_and(other) { Err(NetError::OtherUser) } else { Ok(device.enrol(now, &enrolled)?) }
        })
    }

    /// Sends what waits and receives what is new, until there is nothing left to say.
    ///
    /// # Errors
    /// [`NetError`]; whatever was not sent is kept.
    pub async fn sync_once(&self, host: &Host) -> Result<(), NetError> {
        self.sync_within(host, Budget::default()).await.map(drop)
    }

    /// As [`Server::sync_once`], but stops when the budget is used up. Own edits go first, so a short
    /// slot in the background is enough for them; what is left is told.
    ///
    /// # Errors
    /// As [`Server::sync_once`].
    pub async fn sync_within(&self, host: &Host, budget: Budget) -> Result<Outcome, NetError> {
        self.sync_spending(host, &mut Spent::new(budget)).await
    }

    /// As [`Server::sync_within`], with a budget that others share.
    pub(super) async fn sync_spending(&self, host: &Host, spent: &mut Spent) -> Result<Outcome, NetError> {
        let done = self.talk(host, spent).await;
        host.handle(match &done {
            Err(NetError::Stopped(why)) => Event::ShutOut(why.clone()),
            _ => Event::NetworkDown,
        })
        .await;
        done
    }

    async fn talk(&self, host: &Host, spent: &mut Spent) -> Result<Outcome, NetError> {
        let token = host.token()?;
        let mut effects: VecDeque<Effect> = host.handle(Event::NetworkUp { live: false }).await.into();
        let mut failed = None;
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Send(frame) => {
                    let Some(answer) = spent.exchange(self.exchange(&token, frame)).await else {
                        host.handle(Event::SendFailed).await;
                        return Ok(Outcome::OutOfBudget);
                    };
                    spent.received(answer.as_ref().map_or(0, |answer| answer.len() as u64));
                    match answer {
                        Ok(answer) => effects.extend(host.handle(Event::Received(answer)).await),
                        Err(error) => {
                            host.handle(Event::SendFailed).await;
                            return Err(error);
                        }
                    }
                }
                Effect::Clear => {
                    if let Err(error) = host.clear().await {
                        host.handle(Event::SendFailed).await;
                        return Err(error.into());
                    }
                }
                Effect::Stop(stopped) => return Err(NetError::Stopped(stopped)),
                Effect::StoreFailed(error) => failed = Some(error.into()),
                Effect::Failed(Refused { code, message }) => failed = Some(NetError::Refused { code, message }),
                Effect::Schedule(_) | Effect::Notify(_) | Effect::Close => {}
            }
        }
        failed.map_or(Ok(Outcome::Done), Err)
    }

    /// Tells the server that this device has forgotten everything. To be called when it has: the key, the files; and again,
    /// if it fails.
    ///
    /// # Errors
    /// [`NetError`]: the server does not know of it. [`NetError::Stopped`]: it listens to this device no more.
    pub async fn deliver(&self, farewell: &Farewell) -> Result<(), NetError> {
        let answer = self.exchange(&farewell.token, farewell.frame.clone()).await?;
        let messages = protocol::decode_frame(&answer).map_err(|error| NetError::Unreachable(error.to_string()))?;
        match messages.into_iter().next() {
            Some(Message::Noted(_)) => Ok(()),
            Some(Message::Refused(Refused { code, message })) => Err(NetError::Refused { code, message }),
            _ => Err(NetError::Unreachable("the answer is to something else".to_owned())),
        }
    }

    /// How much a subscription would bring, in an exchange of its own: nothing else is sent, and nothing comes.
    ///
    /// # Errors
    /// [`NetError`]: why nobody knows.
    pub async fn estimate(&self, host: &Host, subscription: &Subscription) -> Result<Estimated, NetError> {
        let asked = Estimate { number: 1, subscription: subscription.clone() };
        let answer = self.exchange(&host.token()?, protocol::encode_frame(&[Message::Estimate(asked)])).await?;
        let messages = protocol::decode_frame(&answer).map_err(|error| NetError::Unreachable(error.to_string()))?;
        let answered = messages.into_iter().find_map(|message| match message {
            Message::Estimated(estimated) => Some(Ok(estimated)),
            Message::Refused(Refused { code, message }) => Some(Err(NetError::Refused { code, message })),
            _ => None,
        });
        // The server has something else to tell this device, such as to wipe itself: a sync listens to it.
        let other = || NetError::Refused { code: "sync_first".to_owned(), message: "sync, then ask again".to_owned() };
        answered.unwrap_or_else(|| Err(other()))
    }

    async fn exchange(&self, token: &str, frame: Vec<u8>) -> Result<Vec<u8>, NetError> {
        let request = self.client.post(self.url("sync")).bearer_auth(token).header(CONTENT_TYPE, FRAME_TYPE).body(frame);
        answered(request.send().await).await.map_err(|error| match error {
            NetError::Status { status: 401, code, .. } => NetError::Stopped(shut_out(&code)),
            other => other,
        })
    }

    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url
    }
}

/// How much a sync may take: mobile systems give background work a slot and end it when it is over.
#[derive(Debug, Clone, Copy, Default)]
pub struct Budget {
    /// At most so long.
    pub time: Option<Duration>,
    /// At most so many bytes received, but one answer.
    pub bytes: Option<u64>,
}

/// How a sync has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is left to say.
    Done,
    /// The budget is used up; the next sync goes on from here.
    OutOfBudget,
}

/// A budget, and what of it is used.
pub(super) struct Spent {
    budget: Budget,
    began: Instant,
    bytes: u64,
}

impl Spent {
    pub fn new(budget: Budget) -> Self {
        Self { budget, began: Instant::now(), bytes: 0 }
    }

    /// Counts what came.
    pub fn received(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Runs an exchange; `None` when the budget does not reach for it.
    pub async fn exchange<T>(&mut self, exchange: impl Future<Output = T>) -> Option<T> {
        if self.budget.bytes.is_some_and(|most| self.bytes >= most) {
            return None;
        }
        match self.budget.time {
            Some(most) => tokio::time::timeout_at(self.began + most, exchange).await.ok(),
            None => Some(exchange.await),
        }
    }
}

/// The body of a good answer, bounded; an error for any other.
async fn answered(response: Result<Response, reqwest::Error>) -> Result<Vec<u8>, NetError> {
    let lost = |error: reqwest::Error| NetError::Unreachable(error.without_url().to_string());
    let mut response = response.map_err(lost)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > MAX_FRAME_PLAIN_BYTES {
            return Err(NetError::Unreachable("the answer is larger than any frame".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    if status == StatusCode::OK {
        return Ok(body);
    }
    Err(problem(status.as_u16(), &body))
}

/// What an answer that is not good says: a problem document where the server wrote one.
pub(super) fn problem(status: u16, body: &[u8]) -> NetError {
    let problem: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |key: &str| problem.get(key).and_then(|text| text.as_str()).map(str::to_owned);
    let message = text("detail").or_else(|| text("title")).unwrap_or_else(|| "no reason given".to_owned());
    NetError::Status { status, code: text("code").unwrap_or_default(), message }
}

/// Why the server does not take a device's token.
pub(super) fn shut_out(code: &str) -> Stopped {
    if code == "revoked" { Stopped::Revoked } else { Stopped::Unauthorized }
}

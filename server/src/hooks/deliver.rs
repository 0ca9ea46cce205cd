//! Sending what is due, and what becomes of it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use ring::hmac;
use sync_core::id::{Millis, WorkspaceId};

use super::guard;
use crate::app::App;
use crate::store::StoreError;
use crate::store::hooks::{self, Delivery, Webhook};

/// Sent at once: receivers are slow, and each costs a connection.
const AT_ONCE: u32 = 16;
/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Until then nobody else tries: longer than an attempt can take.
const LEASE_MS: Millis = 60_000;

/// When to try again, as the Standard Webhooks convention proposes: three days in all.
const AGAIN_AFTER_MS: [Millis; 8] = [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000];

/// Sends what is due in a workspace.
pub(super) async fn deliver(app: &App, workspace: WorkspaceId) -> Result<(), StoreError> {
    loop {
        let now = app.clock.now();
        // Together, so that nothing goes to an address that somebody else gave the webhook in between.
        let (due, all): (Vec<Delivery>, Vec<Webhook>) = app
            .store
            .write::<_, StoreError, _>(move |tx| {
                Box::pin(async move {
                    let due = hooks::claim_due(tx, workspace, now, now + LEASE_MS, AT_ONCE).await?;
                    Ok((due, hooks::all(tx, workspace).await?))
                })
            })
            .await?;
        if due.is_empty() {
            return Ok(());
        }
        let attempts = due.into_iter().filter_map(|delivery| {
            let hook = all.iter().find(|hook| hook.webhook == delivery.webhook)?;
            Some(attempt(app, hook, delivery))
        });
        for (tried, gone) in join_all(attempts).await {
            app.store
                .write::<_, StoreError, _>(move |tx| {
                    Box::pin(async move {
                        if gone {
                            hooks::pause(tx, workspace, tried.webhook, tried.tried_at).await?;
                        }
                        hooks::note_attempt(tx, workspace, &tried).await
                    })
                })
                .await?;
        }
    }
}

/// One attempt: the delivery after it, and whether the receiver said that it is gone for good.
async fn attempt(app: &App, hook: &Webhook, mut delivery: Delivery) -> (Delivery, bool) {
    let sent = send(app, hook, &delivery).await;
    let now = app.clock.now();
    delivery.tried_at = Some(now);
    (delivery.status, delivery.problem) = match sent {
        Ok(status) => (Some(status), None),
        Err(problem) => (None, Some(problem)),
    };
    let done = delivery.status.is_some_and(|status| (200..300).contains(&status));
    let again = AGAIN_AFTER_MS.get((delivery.attempts as usize).saturating_sub(1)).map(|after| now + after);
    (delivery.state, delivery.next_at) = match (done, again) {
        (true, _) => ("delivered".to_owned(), None),
        (false, Some(at)) => ("waiting".to_owned(), Some(at)),
        (false, None) => ("failed".to_owned(), None),
    };
    let gone = delivery.status == Some(410);
    (delivery, gone)
}

async fn send(app: &App, hook: &Webhook, delivery: &Delivery) -> Result<u16, String> {
    let target = guard::resolve(&hook.url, &app.config.webhooks).await.map_err(|refused| refused.to_string())?;
    // A second time does nothing; TLS needs it once.
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder()
        .resolve_to_addrs(&target.host, &target.addresses)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(TIMEOUT)
        .user_agent(concat!("Rapport/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.to_string())?;
    let (id, at) = (delivery.delivery.to_string(), app.clock.now() / 1000);
    let request = client
        .post(target.url)
        .header("content-type", "application/json")
        .header("webhook-id", &id)
        .header("webhook-timestamp", at.to_string())
        .header("webhook-signature", signature(hook, &id, at, &delivery.body))
        .body(delivery.body.clone());
    match request.send().await {
        Ok(answer) => Ok(answer.status().as_u16()),
        // Without the address: it may hold a token of the receiver's.
        Err(error) if error.is_timeout() => Err("no answer in time".to_owned()),
        Err(error) if error.is_connect() => Err("no connection".to_owned()),
        Err(error) => Err(error.without_url().to_string()),
    }
}

/// `v1,` and the HMAC over id, time and body.
fn signature(hook: &Webhook, id: &str, at: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &hook.secret);
    let tag = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

#[cfg(test)]
mod tests {
    use sync_core::id::{RecordId, UserId};

    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_conventions_own_example() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let tag = hmac::sign(&key, b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}");
        assert_eq!(STANDARD.encode(tag), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let hook = Webhook {
            webhook: RecordId::of_cause("hook"),
            user: UserId::of_cause("ann"),
            url: String::new(),
            events: "*".to_owned(),
            secret: [7; 32],
            skip_own: false,
            position: 0,
            created_at: 0,
            paused_at: None,
        };
        assert!(signature(&hook, "a", 1, "{}").starts_with("v1,"));
    }
}

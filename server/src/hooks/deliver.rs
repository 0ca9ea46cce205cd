//! Sending what is due, and what becomes of it.

use std::time::Duration;

use futures_util::future::join_all;
use sync_core::id::{Millis, WorkspaceId};

use super::signed::Signed;
use super::{guard, signed};
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
    let client = signed::client(TIMEOUT).resolve_to_addrs(&target.host, &target.addresses);
    let (id, at, body) = (delivery.delivery.to_string(), app.clock.now() / 1000, delivery.body.clone());
    Signed { url: target.url, key: &hook.secret, id: &id, at, body }.send(client).await
}

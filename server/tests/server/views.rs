//! Saved views that several people look at.

use crate::api::Client;
use crate::console::Desk;
use crate::lists::has;

#[tokio::test]
async fn whoever_likes_a_view_of_somebody_else_pins_it_for_themselves() {
    let mut desk = Desk::new().await;
    Client::of_role(&desk.server, "rep", "rep").await;
    let saved = desk.post("/records/party/views?sort=name", &[("act", "save"), ("name", "By name"), ("everyone", "true")]).await;
    let view = saved.header("location").to_owned();
    let act = view.replacen("/records/party?", "/records/party/views?", 1);
    let (_, rep) = desk.server.browser_sign_in_as("rep").await;
    let ann = std::mem::replace(&mut desk.cookie, rep);
    has(&desk.page(&view).await, &["value=\"pin\""], &["value=\"unpin\"", "value=\"remove\""]);
    let pinned = desk.post(&act, &[("act", "pin")]).await;
    assert_eq!(pinned.status, 303, "{}", pinned.text());
    has(&desk.page(&view).await, &["value=\"unpin\""], &["value=\"pin\""]);
    for not_theirs in [[("act", "remove"), ("name", "")], [("act", "save"), ("over", "true")]] {
        assert_eq!(desk.post(&act, &not_theirs).await.status, 403, "the view itself is still its owner's");
    }
    assert_eq!(desk.post(&act, &[("act", "unpin")]).await.status, 303);
    desk.cookie = ann;
    has(&desk.page(&view).await, &["value=\"unpin\""], &["value=\"pin\""]);
}

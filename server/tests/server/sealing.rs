//! Contents under the operator's key: nothing of them lies open, and everybody who may gets them as ever.

use reqwest::Method;
use serde_json::json;

use crate::api::Client;
use crate::files::{Tus, id_of};
use crate::harness::Server;
use crate::privacy::files_where;

const PLAIN: &[u8] = b"a contract that is nobody's business";

fn holds_plain(bytes: &[u8]) -> bool {
    bytes.windows(PLAIN.len()).any(|window| window == PLAIN)
}

fn open_ones(server: &Server) -> Vec<String> {
    files_where(server.app.store.path().parent().unwrap(), &holds_plain)
}

/// A content of several blocks that says it again and again.
fn content() -> Vec<u8> {
    PLAIN.repeat(6_000)
}

async fn upload(server: &Server, content: &[u8]) -> String {
    let (ann, tus) = (Client::office(server).await, Tus::of(server, "ann").await);
    let customer = ann.make("party", json!({"name": "佳美"})).await;
    tus.upload(content, &[("filename", "contract.txt"), ("about", id_of(&customer))]).await
}

async fn part(server: &Server, file: &str, range: &str) -> Vec<u8> {
    let bearer = format!("Bearer {}", server.token().await);
    let answer = server.send(Method::GET, &format!("{file}/content"), &[("authorization", &bearer), ("range", range)], "").await;
    assert_eq!(answer.status, 206, "{}", answer.text());
    answer.body
}

#[tokio::test]
async fn a_content_lies_sealed_and_is_handed_out_whole_and_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("files.keys");
    let server = Server::start_with(|config| config.files.key_file = Some(key.clone())).await;
    let content = content();
    let file = upload(&server, &content).await;
    assert_eq!(open_ones(&server), Vec::<String>::new());
    let tus = Tus::of(&server, "ann").await;
    assert_eq!(tus.content(&file).await.body, content);
    assert_eq!(part(&server, &file, "bytes=65530-65545").await, content[65530..=65545]);
    assert_eq!(part(&server, &file, "bytes=-7").await, content[content.len() - 7..]);
    assert_eq!(std::fs::read_to_string(&key).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn what_lay_open_is_sealed_a_new_key_seals_all_again_and_the_old_one_goes() {
    let folder = tempfile::tempdir().unwrap();
    let (place, key) = (folder.path().join("rapport.db"), folder.path().join("files.keys"));
    let plain = |config: &mut rapport_server::Config| config.database.path = place.clone();
    let mut server = Server::start_with(plain).await;
    let content = content();
    let file = upload(&server, &content).await;
    assert_eq!(open_ones(&server).len(), 1);
    server.ask_to_stop();
    server.stopped().await;
    let sealing = |config: &mut rapport_server::Config| {
        plain(config);
        config.files.key_file = Some(key.clone());
    };
    let server = Server::start_again(sealing).await;
    let tus = Tus::of(&server, "ann").await;
    assert_eq!(tus.content(&file).await.body, content, "what was kept before is read as it is");
    let seal = async |rotate| server.app.files.seal_all(&server.app.store, rotate, &mut |_| {}).await.unwrap();
    assert_eq!(seal(false).await, 1);
    assert_eq!(open_ones(&server), Vec::<String>::new());
    let first = std::fs::read_to_string(&key).unwrap();
    assert_eq!(seal(true).await, 1);
    assert_eq!((std::fs::read_to_string(&key).unwrap().lines().count(), tus.content(&file).await.body == content), (2, true));
    assert_eq!(seal(false).await, 0);
    let last = std::fs::read_to_string(&key).unwrap();
    assert!(last.lines().count() == 1 && last != first, "the old key is gone");
    assert_eq!(tus.content(&file).await.body, content);
    std::fs::write(&key, first).unwrap();
    assert_eq!(tus.content(&file).await.status, 500, "another key opens nothing");
    std::fs::write(&key, last).unwrap();
    assert_eq!(tus.content(&file).await.body, content);
}

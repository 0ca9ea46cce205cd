//! Files: uploaded as a tus client does, seen through the records they hang on, cleaned up when nobody needs them.

use std::collections::HashMap;

use base64::Engine;
use reqwest::Method;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::api::Client;
use crate::harness::{Answer, MINUTE, PASSWORD, Server};

const DAY: i64 = 24 * 60 * MINUTE;
const PIECE: (&str, &str) = ("content-type", "application/offset+octet-stream");

fn base64(text: impl AsRef<[u8]>) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

pub fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A tus client of somebody's.
pub struct Tus<'a> {
    pub server: &'a Server,
    pub bearer: String,
}

impl<'a> Tus<'a> {
    pub async fn of(server: &'a Server, login: &str) -> Tus<'a> {
        let token = server.api_sign_in(login, PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
        Self { server, bearer: format!("Bearer {token}") }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let own = [("authorization", self.bearer.as_str()), ("tus-resumable", "1.0.0")];
        self.server.send(method, path, &[&own[..], headers].concat(), body.to_vec()).await
    }

    async fn create(&self, length: usize, metadata: &[(&str, &str)]) -> Answer {
        let pairs: Vec<String> = metadata.iter().map(|(name, value)| format!("{name} {}", base64(value))).collect();
        let headers = [("upload-length", length.to_string()), ("upload-metadata", pairs.join(","))];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.send(Method::POST, "/api/v1/uploads", &headers, b"").await
    }

    pub async fn begin(&self, length: usize, metadata: &[(&str, &str)]) -> String {
        let answer = self.create(length, metadata).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.header("location").to_owned()
    }

    pub async fn patch(&self, path: &str, offset: usize, body: &[u8], more: &[(&str, &str)]) -> Answer {
        let offset = offset.to_string();
        let headers = [&[PIECE, ("upload-offset", offset.as_str())][..], more].concat();
        self.send(Method::PATCH, path, &headers, body).await
    }

    /// Uploads a file about a record, and answers the address of its own record.
    pub async fn upload(&self, content: &[u8], metadata: &[(&str, &str)]) -> String {
        let path = self.begin(content.len(), metadata).await;
        let done = self.patch(&path, 0, content, &[]).await;
        assert_eq!(done.status, 204, "{}", done.text());
        format!("/api/v1/file/{}", done.header("rapport-file"))
    }

    pub async fn thumbnail(&self, file: &str) -> Answer {
        self.send(Method::GET, &format!("{file}/thumbnail"), &[], b"").await
    }

    pub async fn content(&self, file: &str) -> Answer {
        self.send(Method::GET, &format!("{file}/content"), &[], b"").await
    }
}

/// Brings bytes whose record comes on its own way, as a phone does.
pub async fn bring(tus: &Tus<'_>, bytes: &[u8]) {
    let path = tus.begin(bytes.len(), &[("sha256", &hex(bytes))]).await;
    assert_eq!(tus.patch(&path, 0, bytes, &[]).await.status, 204);
}

pub fn id_of(address: &str) -> &str {
    address.rsplit('/').next().unwrap()
}

/// Every file below the server's folder, with what it holds.
fn on_disk(server: &Server) -> HashMap<String, Vec<u8>> {
    fn walk(folder: &std::path::Path, found: &mut HashMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => walk(&path, found),
                false => drop(found.insert(path.display().to_string(), std::fs::read(&path).unwrap())),
            }
        }
    }
    let mut found = HashMap::new();
    let mut folder = server.app.store.path().as_os_str().to_owned();
    folder.push(".files");
    walk(std::path::Path::new(&folder), &mut found);
    found
}

#[tokio::test]
async fn a_client_learns_what_the_server_can_do() {
    let server = Server::start().await;
    let answer = server.send(Method::OPTIONS, "/api/v1/uploads", &[], "").await;
    assert_eq!(answer.status, 204);
    for (name, value) in [
        ("tus-version", "1.0.0"),
        ("tus-extension", "creation,creation-with-upload,expiration,checksum,termination"),
        ("tus-max-size", "209715200"),
        ("tus-checksum-algorithm", "sha1,sha256"),
    ] {
        assert_eq!(answer.header(name), value);
    }
    let old = server.send(Method::POST, "/api/v1/uploads", &[("authorization", &format!("Bearer {}", server.token().await))], "").await;
    assert_eq!((old.status.as_u16(), old.header("tus-version")), (412, "1.0.0"));
}

#[tokio::test]
async fn a_photo_arrives_in_pieces_and_hangs_on_its_customer() {
    let server = Server::start().await;
    let (ann, tus) = (Client::office(&server).await, Tus::of(&server, "ann").await);
    let customer = ann.make("party", json!({"name": "佳美"})).await;
    let photo: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    let metadata = [("filename", "门头 photo.jpg"), ("filetype", "image/jpeg"), ("about", id_of(&customer))];
    let path = tus.begin(photo.len(), &metadata).await;
    let first = tus.patch(&path, 0, &photo[..500_000], &[]).await;
    assert_eq!((first.status.as_u16(), first.header("upload-offset")), (204, "500000"));
    let wrong = tus.patch(&path, 400_000, &photo[400_000..], &[]).await;
    assert_eq!(wrong.status, 409);
    let state = tus.send(Method::HEAD, &path, &[], b"").await;
    assert_eq!((state.header("upload-offset"), state.header("upload-length")), ("500000", "1200000"));
    assert_eq!(state.header("cache-control"), "no-store");
    assert!(state.header("upload-expires").ends_with(" GMT"), "{}", state.header("upload-expires"));
    let done = tus.patch(&path, 500_000, &photo[500_000..], &[]).await;
    assert_eq!((done.status.as_u16(), done.header("rapport-sha256")), (204, hex(&photo).as_str()));
    assert_eq!(tus.send(Method::HEAD, &path, &[], b"").await.status, 404, "the upload is over");

    let file = format!("/api/v1/file/{}", done.header("rapport-file"));
    let record = ann.get(&file).await.json();
    assert_eq!((record["title"].as_str(), record["fields"]["size"].as_u64()), (Some("门头 photo.jpg"), Some(1_200_000)));
    let of_customer = ann.get(&customer).await.json();
    assert_eq!(of_customer["linkedFrom"][0]["records"][0]["title"], "门头 photo.jpg");
    let content = tus.content(&file).await;
    assert_eq!((content.status.as_u16(), content.header("content-type")), (200, "image/jpeg"));
    assert!(content.body == photo);
    let part = tus.send(Method::GET, &format!("{file}/content"), &[("range", "bytes=1199990-")], b"").await;
    assert_eq!((part.status.as_u16(), part.header("content-range")), (206, "bytes 1199990-1199999/1200000"));
    assert!(part.body == photo[1_199_990..]);
}

#[tokio::test]
async fn a_connection_that_breaks_costs_only_what_was_on_its_way() {
    let server = Server::start().await;
    let tus = Tus::of(&server, "ann").await;
    let path = tus.begin(1_000, &[("filename", "a.bin")]).await;
    use tokio::io::AsyncWriteExt;
    let mut wire = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ntus-resumable: 1.0.0\r\nupload-offset: 0\r\n\
         content-type: application/offset+octet-stream\r\ncontent-length: 1000\r\n\r\n",
        tus.bearer
    );
    wire.write_all(head.as_bytes()).await.unwrap();
    wire.write_all(&[7; 600]).await.unwrap();
    wire.shutdown().await.unwrap();
    drop(wire);
    let offset = loop {
        let state = tus.send(Method::HEAD, &path, &[], b"").await;
        if state.header("upload-offset") != "0" {
            break state.header("upload-offset").parse::<usize>().unwrap();
        }
        tokio::task::yield_now().await;
    };
    let done = loop {
        let done = tus.patch(&path, offset, &vec![7; 1_000 - offset], &[]).await;
        // The server may still be busy noticing that the first connection is gone.
        if done.status != 423 {
            break done;
        }
    };
    assert_eq!(done.header("rapport-sha256"), hex(&[7; 1_000]), "{}", done.text());
}

#[tokio::test]
async fn a_piece_with_a_wrong_checksum_is_not_kept() {
    let server = Server::start().await;
    let tus = Tus::of(&server, "ann").await;
    let path = tus.begin(11, &[("filename", "hello.txt")]).await;
    // The example of the protocol's own text.
    let sum = "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=";
    let wrong = tus.patch(&path, 0, b"hello worlt", &[("upload-checksum", sum)]).await;
    assert_eq!(wrong.status.as_u16(), 460);
    assert_eq!(tus.send(Method::HEAD, &path, &[], b"").await.header("upload-offset"), "0");
    let unknown = tus.patch(&path, 0, b"hello world", &[("upload-checksum", "crc32 AAAA")]).await;
    assert_eq!(unknown.status, 422);
    assert_eq!(tus.patch(&path, 0, b"hello world", &[("upload-checksum", sum)]).await.status, 204);
}

#[tokio::test]
async fn what_was_announced_as_another_content_is_not_kept() {
    let server = Server::start().await;
    let tus = Tus::of(&server, "ann").await;
    let path = tus.begin(5, &[("sha256", &hex(b"other"))]).await;
    let done = tus.patch(&path, 0, b"canary".get(..5).unwrap(), &[]).await;
    assert_eq!((done.status.as_u16(), done.json()["field"].as_str()), (422, Some("sha256")));
    assert!(on_disk(&server).is_empty());
    let path = tus.begin(5, &[("sha256", &hex(b"other"))]).await;
    let done = tus.patch(&path, 0, b"other", &[]).await;
    assert_eq!((done.status.as_u16(), done.header("rapport-file")), (204, ""), "a phone brings its record");
}

#[tokio::test]
async fn a_phone_brings_bytes_for_a_record_that_came_by_sync() {
    let server = Server::start().await;
    let (ann, tus) = (Client::office(&server).await, Tus::of(&server, "ann").await);
    let file = ann.make("file", json!({"name": "sig.png", "hash": hex(b"signature"), "media_type": "image/png"})).await;
    assert_eq!(tus.content(&file).await.status, 409, "the bytes have not arrived");
    let path = tus.begin(9, &[("sha256", &hex(b"signature")), ("record", id_of(&file))]).await;
    let done = tus.patch(&path, 0, b"signature", &[]).await;
    assert_eq!(done.header("rapport-file"), id_of(&file));
    assert_eq!(tus.content(&file).await.body, b"signature");
}

#[tokio::test]
async fn a_thumbnail_is_served_as_the_picture_it_is_and_nothing_else_is() {
    let server = Server::start().await;
    let (ann, tus) = (Client::office(&server).await, Tus::of(&server, "ann").await);
    let (small, script, large) = (b"\xff\xd8\xff small".to_vec(), b"<script>alert(1)</script>".to_vec(), vec![0xff; 70_000]);
    let photo = |bytes: &[u8]| json!({"name": "photo.jpg", "media_type": "image/jpeg", "thumbnail": hex(bytes)});
    let shown = ann.make("file", photo(&small)).await;
    assert_eq!(tus.thumbnail(&shown).await.status, 409, "it has not arrived");
    bring(&tus, &small).await;
    let answer = tus.thumbnail(&shown).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type"), &answer.body), (200, "image/jpeg", &small));
    assert_eq!(answer.header("etag"), format!("\"{}\"", hex(&small)));
    bring(&tus, &script).await;
    let answer = tus.thumbnail(&ann.make("file", photo(&script)).await).await;
    assert_eq!((answer.header("content-type"), answer.header("content-disposition")), ("application/octet-stream", "attachment"));
    bring(&tus, &large).await;
    assert_eq!(tus.thumbnail(&ann.make("file", photo(&large)).await).await.status, 404, "what is so large is no thumbnail");
    assert_eq!(tus.thumbnail(&ann.make("file", json!({"name": "plain.txt"})).await).await.status, 404);
    // A thumbnail that a file names is kept as long as its file.
    server.clock.forward(30 * DAY);
    server.app.files.sweep(&server.app.store, server.app.clock.now()).await.unwrap();
    let tus = Tus::of(&server, "ann").await;
    assert_eq!(tus.thumbnail(&shown).await.status, 200);
}

#[tokio::test]
async fn one_content_is_kept_once() {
    let server = Server::start().await;
    let tus = Tus::of(&server, "ann").await;
    let first = tus.upload(b"the same bytes", &[("filename", "a.txt")]).await;
    let second = tus.upload(b"the same bytes", &[("filename", "b.txt")]).await;
    assert_ne!(first, second);
    assert_eq!(on_disk(&server).len(), 1);
    assert_eq!(tus.content(&first).await.body, tus.content(&second).await.body);
}

#[tokio::test]
async fn an_upload_belongs_to_whoever_began_it_and_can_be_given_up() {
    let server = Server::start().await;
    let (ann, bo) = (Tus::of(&server, "ann").await, Tus::of(&server, "bo").await);
    let path = ann.begin(10, &[("filename", "a.bin")]).await;
    assert_eq!(ann.patch(&path, 0, b"canar", &[]).await.status, 204);
    assert_eq!(bo.send(Method::HEAD, &path, &[], b"").await.status, 404);
    assert_eq!(bo.patch(&path, 5, b"12345", &[]).await.status, 404);
    assert_eq!(bo.send(Method::DELETE, &path, &[], b"").await.status, 404);
    assert_eq!(server.send(Method::HEAD, &path, &[("tus-resumable", "1.0.0")], "").await.status, 401);
    assert_eq!(ann.send(Method::DELETE, &path, &[], b"").await.status, 204);
    assert_eq!(ann.send(Method::HEAD, &path, &[], b"").await.status, 404);
    assert!(on_disk(&server).is_empty());
}

#[tokio::test]
async fn who_does_not_see_what_a_file_is_about_does_not_see_the_file() {
    let server = Server::start().await;
    let (ann, tus) = (Client::office(&server).await, Tus::of(&server, "ann").await);
    let customer = ann.make("party", json!({"name": "佳美"})).await;
    let file = tus.upload(b"canary", &[("filename", "a.txt"), ("about", id_of(&customer))]).await;
    let key = ann.post("/api/v1/keys", json!({"name": "k", "scopes": "file:read", "expiresAt": crate::harness::START + DAY})).await.json();
    let blind = Tus { server: &server, bearer: format!("Bearer {}", key["token"].as_str().unwrap()) };
    assert_eq!(blind.content(&file).await.status, 404);
    assert_eq!(blind.thumbnail(&file).await.status, 404);
    assert_eq!(blind.create(5, &[]).await.status, 403, "a key that may only read brings nothing");
    let nowhere = tus.create(5, &[("about", &sync_core::id::RecordId::of_cause("nothing").to_string())]).await;
    assert_eq!(nowhere.status, 404);
    assert_eq!(server.get(&format!("{file}/content"), &[]).await.status, 401);
}

#[tokio::test]
async fn files_have_limits() {
    let server = Server::start_with(|config| {
        config.files.file_max_bytes = 1_000;
        config.files.quota_bytes = 1_500;
    })
    .await;
    let tus = Tus::of(&server, "ann").await;
    assert_eq!(tus.create(1_001, &[]).await.status, 413);
    tus.upload(&[1; 900], &[]).await;
    assert_eq!(tus.create(700, &[]).await.status, 413, "the workspace is full");
    let path = tus.begin(600, &[]).await;
    assert_eq!(tus.patch(&path, 0, &[1; 601], &[]).await.status, 413, "more than was announced");
    assert_eq!(tus.create(1, &[]).await.status, 413, "what is under way counts");
}

#[tokio::test]
async fn a_file_that_the_scanner_refuses_is_not_kept() {
    let server = Server::start_with(|config| config.files.scanner = Some("/bin/false".into())).await;
    let tus = Tus::of(&server, "ann").await;
    let path = tus.begin(6, &[("filename", "virus.exe")]).await;
    let done = tus.patch(&path, 0, b"canary", &[]).await;
    assert_eq!(done.status, 422);
    assert!(done.text().contains("scanner"));
    assert!(on_disk(&server).is_empty());
}

#[tokio::test]
async fn what_nobody_needs_is_removed() {
    let server = Server::start().await;
    let tus = Tus::of(&server, "ann").await;
    let path = tus.begin(10, &[]).await;
    tus.patch(&path, 0, b"half ", &[]).await;
    let kept = tus.upload(b"kept", &[("filename", "a.txt")]).await;
    let orphan = tus.begin(6, &[("sha256", &hex(b"orphan"))]).await;
    tus.patch(&orphan, 0, b"orphan", &[]).await;
    assert_eq!(on_disk(&server).len(), 3);
    let swept = server.app.files.sweep(&server.app.store, server.app.clock.now()).await.unwrap();
    assert_eq!((swept.uploads, swept.contents), (0, 0), "not yet");
    server.clock.forward(8 * DAY);
    let swept = server.app.files.sweep(&server.app.store, server.app.clock.now()).await.unwrap();
    assert_eq!((swept.uploads, swept.contents), (1, 1));
    assert_eq!(on_disk(&server).into_values().collect::<Vec<_>>(), [b"kept"]);
    let tus = Tus::of(&server, "ann").await;
    assert_eq!(tus.content(&kept).await.body, b"kept");
}

#[tokio::test]
async fn a_file_is_added_and_fetched_on_the_page_of_its_customer() {
    let server = Server::start().await;
    let ann = Client::office(&server).await;
    let customer = ann.make("party", json!({"name": "佳美"})).await;
    let (_, cookie) = server.browser_sign_in(&[]).await;
    let page = server.get(&customer.replace("/api/v1", "/records"), &[("cookie", &cookie)]).await.text();
    let action =
        page.split("action=\"").find(|part| part.contains("multipart")).and_then(|part| part.split('"').next()).unwrap().to_owned();
    let body = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"C:\\dir\\<b>.html\"\r\ncontent-type: text/html\r\n\r\n\
                <script>alert(1)</script>\r\n--x--\r\n";
    let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin"), ("content-type", "multipart/form-data; boundary=x")];
    let done = server.send(Method::POST, &action, &headers, body).await;
    assert_eq!(done.status, 303, "{}", done.text());
    let linked = ann.get(&customer).await.json()["linkedFrom"][0]["records"][0].clone();
    assert_eq!(linked["title"], "<b>.html");
    let file = format!("/records/file/{}", linked["id"].as_str().unwrap());
    let page = server.get(&file, &[("cookie", &cookie)]).await.text();
    let content = page.split("href=\"").find(|part| part.contains("/content\"")).and_then(|part| part.split('"').next()).unwrap();
    let got = server.get(content, &[("cookie", &cookie)]).await;
    assert_eq!(got.body, b"<script>alert(1)</script>");
    assert_eq!(got.header("content-type"), "application/octet-stream", "nothing that runs");
    assert!(got.header("content-disposition").starts_with("attachment"));
    assert!(got.header("content-security-policy").contains("sandbox"));
    let foreign = server.send(Method::POST, &action, &[("cookie", &cookie), ("sec-fetch-site", "cross-site")], "").await;
    assert_eq!(foreign.status, 403);
}

//! Our server and device behind the driver protocol of the common benchmark harness: one JSON object a
//! line in, one a line out.
//!
//! `peer server --port P --dir D --opts JSON` and `peer client`.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde_json::{Value as Json, json};
use tests::bench::client::{Client, monotonic_us, sign_in};
use tests::bench::server;
use tests::bench::wire::Wire;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::Mutex;

#[tokio::main]
async fn main() -> Result<()> {
    sync_core::net::install_crypto();
    match std::env::args().nth(1).as_deref() {
        Some("server") => run_server().await,
        Some("client") => run_client().await,
        _ => bail!("usage: peer server --port P --dir D [--opts JSON] | peer client"),
    }
}

fn argument(name: &str) -> Option<String> {
    let arguments: Vec<String> = std::env::args().collect();
    arguments.iter().position(|argument| argument == name).and_then(|index| arguments.get(index + 1).cloned())
}

fn say(answer: &Json) {
    let mut out = std::io::stdout().lock();
    // The harness has gone when this fails; the next read ends the process.
    let _ = writeln!(out, "{answer}").and_then(|()| out.flush());
}

async fn run_server() -> Result<()> {
    let port = argument("--port").context("--port is needed")?.parse()?;
    let dir = PathBuf::from(argument("--dir").context("--dir is needed")?);
    let app = server::open(&dir, port).await?;
    let serving = tokio::spawn(server::serve(app.clone()));
    say(&json!({"ready": true, "pid": std::process::id()}));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let request: Json = serde_json::from_str(&line)?;
        say(&json!({"id": request["id"], "ok": true, "n": server::count(&app).await?, "inflight": 0}));
    }
    serving.abort();
    Ok(())
}

/// The clients of this process, and the wire that counts what they send and receive.
#[derive(Default, Clone)]
struct Clients {
    all: Arc<Mutex<Vec<Arc<Mutex<Client>>>>>,
    wire: Arc<Mutex<Option<Wire>>>,
}

async fn run_client() -> Result<()> {
    let clients = Clients::default();
    say(&json!({"ready": true, "pid": std::process::id()}));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let request: Json = serde_json::from_str(&line)?;
        let clients = clients.clone();
        tokio::spawn(async move {
            let start = monotonic_us();
            let mut answer = match perform(&request, &clients).await {
                Ok(answer) => answer,
                Err(error) => json!({"ok": false, "error": format!("{error:#}")}),
            };
            for (name, value) in [("id", request["id"].clone()), ("t0", json!(start)), ("t1", json!(monotonic_us()))] {
                answer.as_object_mut().map(|answer| answer.entry(name).or_insert(value));
            }
            answer.as_object_mut().map(|answer| answer.entry("ok").or_insert(json!(true)));
            say(&answer);
        });
    }
    Ok(())
}

async fn chosen(request: &Json, clients: &Clients) -> Vec<Arc<Mutex<Client>>> {
    let clients = clients.all.lock().await;
    let every = matches!(request["cmd"].as_str(), Some("pullAll" | "uptodateAll" | "watch" | "watchMany" | "editOwn" | "disconnect"));
    match request["client"].as_u64() {
        Some(index) => clients.get(index as usize).cloned().into_iter().collect(),
        None if every => clients.clone(),
        None => clients.first().cloned().into_iter().collect(),
    }
}

async fn perform(request: &Json, clients: &Clients) -> Result<Json> {
    let command = request["cmd"].as_str().context("no cmd")?;
    let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    if command == "init" {
        return init(request, clients).await;
    }
    let chosen = chosen(request, clients).await;
    let first = chosen.first().context("no such client")?.clone();
    match command {
        "create" => return create(&first, &text("file"), request["n"].as_u64().unwrap_or(0) as usize).await,
        "push" | "pull" | "uptodate" | "open" => first.lock().await.up_to_date().await?,
        "pullAll" | "uptodateAll" => each(&chosen, |client| Box::pin(async move { client.lock().await.up_to_date().await })).await?,
        "disconnect" => {
            for client in &chosen {
                client.lock().await.disconnect().await;
            }
        }
        "edit" => first.lock().await.edit(&indexes(request), &text("field"), &text("value"))?,
        "editPush" => {
            let mut client = first.lock().await;
            client.edit(&indexes(request), &text("field"), &text("value"))?;
            client.up_to_date().await?;
        }
        "editOwn" => {
            let base = request["base"].as_u64().unwrap_or(0) as usize;
            for (k, client) in chosen.iter().enumerate() {
                client.lock().await.edit(&indexes(request), request["fields"][base + k].as_str().context("no field")?, &text("value"))?;
            }
        }
        "watch" | "watchMany" => return watch(request, chosen).await,
        "get" => return Ok(json!({"rec": first.lock().await.get(request["i"].as_u64().unwrap_or(0) as usize)?})),
        "flush" => {}
        "net" => {
            let (down, up) = clients.wire.lock().await.as_ref().map_or((0, 0), Wire::bytes);
            return Ok(json!({"bytesIn": down, "bytesOut": up}));
        }
        other => bail!("unknown command {other}"),
    }
    Ok(json!({}))
}

type Done<'a> = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

async fn each(clients: &[Arc<Mutex<Client>>], act: impl Fn(Arc<Mutex<Client>>) -> Done<'static>) -> Result<()> {
    futures_util::future::try_join_all(clients.iter().cloned().map(act)).await?;
    Ok(())
}

async fn init(request: &Json, clients: &Clients) -> Result<Json> {
    let port = u16::try_from(request["port"].as_u64().context("no port")?)?;
    let session = sign_in(&format!("http://127.0.0.1:{port}")).await?;
    let wire = Wire::to(port).await?;
    let address = wire.address.clone();
    *clients.wire.lock().await = Some(wire);
    let dir = request["dir"].as_str().map(PathBuf::from);
    for k in 0..request["count"].as_u64().unwrap_or(1) {
        let tag = format!("{}{k}", request["tag"].as_str().unwrap_or("c"));
        let client = Client::open(&address, &session, Client::place(dir.as_deref(), &tag)?, &tag).await?;
        client.know_kinds().await?;
        clients.all.lock().await.push(Arc::new(Mutex::new(client)));
    }
    Ok(json!({"clients": clients.all.lock().await.len()}))
}

async fn create(client: &Mutex<Client>, file: &str, n: usize) -> Result<Json> {
    let lines = std::fs::read_to_string(file)?;
    let records = lines.lines().take(n).map(serde_json::from_str).collect::<Result<Vec<Json>, _>>()?;
    let start = monotonic_us();
    client.lock().await.create(&records, 0)?;
    Ok(json!({"us": monotonic_us() - start, "meta": {}}))
}

async fn watch(request: &Json, clients: Vec<Arc<Mutex<Client>>>) -> Result<Json> {
    let fields: Vec<String> = match request["fields"].as_array() {
        Some(fields) => fields.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        None => vec![request["field"].as_str().context("no field")?.to_owned()],
    };
    let (indexes, value) = (indexes(request), request["value"].as_str().unwrap_or_default().to_owned());
    let mut waits = Vec::new();
    for client in clients {
        // The lock is not held while waiting: other commands act on the same client meanwhile.
        let host = client.lock().await.host.clone();
        let (indexes, fields, value) = (indexes.clone(), fields.clone(), value.clone());
        waits.push(async move { tests::bench::client::watch(&host, &indexes, &fields, &value).await });
    }
    Ok(json!({"seen": futures_util::future::try_join_all(waits).await?}))
}

fn indexes(request: &Json) -> Vec<usize> {
    request["idxs"].as_array().into_iter().flatten().filter_map(Json::as_u64).map(|index| index as usize).collect()
}

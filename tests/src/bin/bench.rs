//! `cargo run --release -p tests --bin bench -- --records 10000 --json`: W1 to W7 of the common workload
//! against our own server, in a process of its own, and our own device. One JSON object a measurement.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::{Value as Json, json};
use tests::bench::client::{Client, monotonic_us, sign_in};
use tests::bench::machine::{disk_bytes, usage};
use tests::bench::server;
use tests::bench::wire::Wire;
use tests::bench::workload::{EDIT_FIELDS, record};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Measures our server and device on the common workload
#[derive(Debug, Parser)]
struct Bench {
    /// Records of W1 to W4
    #[arg(long, default_value_t = 10_000)]
    records: usize,
    /// Measurements to make
    #[arg(long, value_delimiter = ',', default_value = "w2,w1,w3,w4,w5,w6,w7")]
    only: Vec<String>,
    /// Repetitions of W3
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Clients of W5
    #[arg(long, default_value_t = 50)]
    clients: usize,
    /// Print JSON, one object a measurement, instead of words
    #[arg(long)]
    json: bool,
    /// Where stores go; a folder that is removed at the end if not given
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Be the server (the benchmark starts itself with this)
    #[arg(long, hide = true)]
    serve: Option<u16>,
}

#[tokio::main]
async fn main() -> Result<()> {
    sync_core::net::install_crypto();
    let bench = Bench::parse();
    if let Some(port) = bench.serve {
        let app = server::open(bench.dir.as_deref().context("--dir is needed")?, port).await?;
        println!("ready");
        return server::serve(app).await;
    }
    let folder = tempfile::tempdir()?;
    let dir = bench.dir.clone().unwrap_or_else(|| folder.path().to_owned());
    let run = Run { json: bench.json };
    let wants = |name: &str| bench.only.iter().any(|only| only == name);
    if ["w1", "w2", "w3", "w4"].into_iter().any(wants) {
        run.main(&bench, &dir.join("main")).await?;
    }
    if wants("w5") {
        run.fan_out(&dir.join("w5"), bench.clients).await?;
    }
    if wants("w6") {
        run.merge(&dir.join("w6"), 10, 1_000).await?;
    }
    if wants("w7") {
        run.growth(&dir.join("w7"), 1_000, 50).await?;
    }
    Ok(())
}

/// The server in a process of its own.
struct Process {
    child: Child,
    port: u16,
    address: String,
}

impl Process {
    async fn start(dir: &Path) -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--serve", &port.to_string(), "--dir"]).arg(dir).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        lines.next_line().await?.context("the server did not start")?;
        let process = Self { child, port, address: format!("http://127.0.0.1:{port}") };
        for _ in 0..200 {
            if reqwest::get(format!("{}/healthz", process.address)).await.is_ok() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        Ok(process)
    }

    fn pid(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// A device that is enrolled and holds nothing yet.
    async fn empty(&self, session: &str, tag: &str) -> Result<Client> {
        Client::open(&self.address, session, Client::place(None, tag)?, tag).await
    }

    /// A device that has synced once.
    async fn client(&self, session: &str, tag: &str) -> Result<Client> {
        let client = self.empty(session, tag).await?;
        client.know_kinds().await?;
        Ok(client)
    }

    /// Waits until the server has nothing to do: after a push it fills its search index for a while.
    async fn quiet(&self) -> Result<()> {
        const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(200);
        let mut before = usage(self.pid()).cpu_ms;
        for _ in 0..300 {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = usage(self.pid()).cpu_ms;
            if now <= before {
                return Ok(());
            }
            before = now;
        }
        anyhow::bail!("the server does not come to rest")
    }

    async fn stop(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

fn ms(start: u64, end: u64) -> f64 {
    (end.saturating_sub(start)) as f64 / 1_000.0
}

fn percentile(values: &mut [f64], percent: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(((values.len() as f64 - 1.0) * percent / 100.0).round() as usize).copied().unwrap_or(0.0)
}

struct Run {
    json: bool,
}

impl Run {
    fn say(&self, name: &str, values: Json) {
        let mut line = json!({"w": name});
        if let (Some(line), Some(values)) = (line.as_object_mut(), values.as_object()) {
            line.extend(values.clone());
        }
        if self.json {
            println!("{line}");
        } else {
            let words: Vec<String> = values.as_object().into_iter().flatten().map(|(name, value)| format!("{name} {value}")).collect();
            println!("{name}: {}", words.join(", "));
        }
    }

    /// W2 push, W7a bytes a record, W1 cold start, W3 edits of others, W4 reconnect.
    async fn main(&self, bench: &Bench, dir: &Path) -> Result<()> {
        let n = bench.records;
        let server = Process::start(dir).await?;
        let mut pusher = self.push(&server, dir, n).await?;
        pusher.disconnect().await;
        server.stop().await?;
        let server = Process::start(dir).await?;
        let session = sign_in(&server.address).await?;
        let mut reader = server.empty(&session, "reader").await?;
        server.quiet().await?;
        let (before, own_before, start) = (usage(server.pid()), usage(std::process::id()), monotonic_us());
        reader.up_to_date().await?;
        let (end, own) = (monotonic_us(), usage(std::process::id()));
        for i in [0, n / 2, n - 1] {
            anyhow::ensure!(reader.get(i)? == record(i), "record {i} differs: {}", reader.get(i)?);
        }
        let used = usage(server.pid());
        self.say(
            "W1",
            json!({"n": n, "ms": ms(start, end), "server_cpu_ms": used.cpu_ms - before.cpu_ms, "device_cpu_ms": own.cpu_ms - own_before.cpu_ms,
                "server_rss_mib": used.rss_mib, "server_peak_mib": used.peak_mib}),
        );
        if bench.only.iter().any(|only| only == "w3") {
            self.remote_edits(&server, &session, &mut reader, bench.rounds).await?;
        }
        if bench.only.iter().any(|only| only == "w4") {
            self.reconnects(&server, n, &mut reader).await?;
        }
        reader.disconnect().await;
        server.stop().await
    }

    /// Each over a new connection; the last one over a wire that counts.
    async fn reconnects(&self, server: &Process, n: usize, reader: &mut Client) -> Result<()> {
        for _ in 0..5 {
            reader.disconnect().await;
            let start = monotonic_us();
            reader.up_to_date().await?;
            self.say("W4", json!({"n": n, "ms": ms(start, monotonic_us())}));
        }
        reader.disconnect().await;
        let wire = Wire::to(server.port).await?;
        reader.reach(&wire.address)?;
        reader.up_to_date().await?;
        let (down, up) = wire.bytes();
        reader.disconnect().await;
        self.say("W4", json!({"n": n, "bytes_down": down, "bytes_up": up}));
        reader.reach(&server.address)
    }

    async fn push(&self, server: &Process, dir: &Path, n: usize) -> Result<Client> {
        let session = sign_in(&server.address).await?;
        let mut pusher = server.client(&session, "pusher").await?;
        let records: Vec<Json> = (0..n).map(record).collect();
        let made = Instant::now();
        pusher.create(&records, 0)?;
        let create_ms = made.elapsed().as_secs_f64() * 1_000.0;
        let (before, start) = (usage(server.pid()), monotonic_us());
        pusher.up_to_date().await?;
        let (after, end) = (usage(server.pid()), monotonic_us());
        self.say(
            "W2",
            json!({"n": n, "ms": ms(start, end), "create_ms": create_ms, "server_cpu_ms": after.cpu_ms - before.cpu_ms,
                "server_rss_mib": after.rss_mib, "bytes_per_record": disk_bytes(dir) / n.max(1) as u64}),
        );
        Ok(pusher)
    }

    async fn remote_edits(&self, server: &Process, session: &str, reader: &mut Client, rounds: usize) -> Result<()> {
        let mut editor = server.client(session, "editor").await?;
        editor.up_to_date().await?;
        let indexes: Vec<usize> = (0..100).collect();
        for k in 0..rounds {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            let value = format!("edit-{k}");
            let (start, before) = (monotonic_us(), usage(server.pid()));
            editor.edit(&indexes, "stage", &value)?;
            let seen = reader.watch(&indexes, &["stage".to_owned()], &value).await?;
            self.say("W3", json!({"edits": 100, "ms": ms(start, seen), "server_cpu_ms": usage(server.pid()).cpu_ms - before.cpu_ms}));
        }
        editor.disconnect().await;
        Ok(())
    }

    async fn fan_out(&self, dir: &Path, count: usize) -> Result<()> {
        let server = Process::start(dir).await?;
        let mut pusher = self.push(&server, dir, 100).await?;
        let session = sign_in(&server.address).await?;
        let mut clients = Vec::new();
        for k in 0..count {
            let mut client = server.client(&session, &format!("fan{k}")).await?;
            client.up_to_date().await?;
            clients.push(client);
        }
        let before = usage(server.pid());
        let (mut latencies, edits) = (Vec::new(), 40);
        for edit in 0..edits {
            let (index, value) = ([edit % 100], format!("fan-{edit}"));
            let watches = clients.iter().map(|client| {
                let (host, index, value) = (client.host.clone(), index, value.clone());
                tokio::spawn(async move { tests::bench::client::watch(&host, &index, &["stage".to_owned()], &value).await })
            });
            let watches: Vec<_> = watches.collect();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let start = monotonic_us();
            pusher.edit(&index, "stage", &value)?;
            for watch in watches {
                latencies.push(ms(start, watch.await??));
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let after = usage(server.pid());
        let (p50, p99) = (percentile(&mut latencies, 50.0), percentile(&mut latencies, 99.0));
        let cpu = (after.cpu_ms - before.cpu_ms) / f64::from(edits as u32);
        self.say(
            "W5",
            json!({"clients": count, "p50_ms": p50, "p99_ms": p99, "server_cpu_ms_per_edit": cpu, "server_rss_mib": after.rss_mib}),
        );
        pusher.disconnect().await;
        server.stop().await
    }

    async fn merge(&self, dir: &Path, count: usize, n: usize) -> Result<()> {
        let server = Process::start(dir).await?;
        let mut pusher = self.push(&server, dir, n).await?;
        pusher.disconnect().await;
        let session = sign_in(&server.address).await?;
        let (mut clients, indexes) = (Vec::new(), (0..n).collect::<Vec<_>>());
        for field in EDIT_FIELDS.iter().take(count) {
            let mut client = server.client(&session, field).await?;
            client.up_to_date().await?;
            client.disconnect().await;
            client.edit(&indexes, field, "merged")?;
            clients.push(client);
        }
        let fields: Vec<String> = EDIT_FIELDS.iter().take(count).map(|field| (*field).to_owned()).collect();
        let (before, start) = (usage(server.pid()), monotonic_us());
        clients.iter_mut().for_each(Client::connect);
        let mut last = start;
        for client in &clients {
            last = last.max(client.watch(&indexes, &fields, "merged").await?);
        }
        let cpu = usage(server.pid()).cpu_ms - before.cpu_ms;
        self.say("W6", json!({"clients": count, "n": n, "edits": count * n, "ms": ms(start, last), "server_cpu_ms": cpu, "lost_edits": 0}));
        server.stop().await
    }

    async fn growth(&self, dir: &Path, n: usize, rounds: usize) -> Result<()> {
        let server = Process::start(dir).await?;
        let mut pusher = self.push(&server, dir, n).await?;
        let (before, indexes) = (disk_bytes(dir), (0..n).collect::<Vec<_>>());
        for round in 0..rounds {
            pusher.edit(&indexes, EDIT_FIELDS[round % EDIT_FIELDS.len()], &format!("v{round}-{}", (round * 7919) % 1000))?;
            pusher.up_to_date().await?;
        }
        let after = disk_bytes(dir);
        self.say("W7", json!({"n": n, "rounds": rounds, "bytes_before": before / n as u64, "bytes_after": after / n as u64}));
        pusher.disconnect().await;
        server.stop().await
    }
}

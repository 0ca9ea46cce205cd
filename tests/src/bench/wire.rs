//! A wire that counts: carries bytes between a client and a server of this machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What has passed since the wire was laid: payload of TCP, handshakes of HTTP and WebSocket included.
#[derive(Debug, Default)]
pub struct Passed {
    /// Bytes to the client.
    pub down: AtomicU64,
    /// Bytes to the server.
    pub up: AtomicU64,
}

/// A wire to a server.
pub struct Wire {
    /// Where clients reach it.
    pub address: String,
    /// What has passed.
    pub passed: Arc<Passed>,
    carrying: JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

impl Wire {
    /// Lays a wire to a port of this machine.
    pub async fn to(port: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let passed = Arc::<Passed>::default();
        let counters = passed.clone();
        let carrying = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let counters = counters.clone();
                // A connection that breaks concerns its client, who sees it.
                tokio::spawn(async move { carry(client, port, &counters).await });
            }
        });
        Ok(Self { address, passed, carrying })
    }

    /// Bytes down and up so far.
    pub fn bytes(&self) -> (u64, u64) {
        (self.passed.down.load(Ordering::Relaxed), self.passed.up.load(Ordering::Relaxed))
    }
}

async fn carry(client: TcpStream, port: u16, passed: &Passed) -> std::io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::try_join!(pump(from_client, to_server, &passed.up), pump(from_server, to_client, &passed.down))?;
    Ok(())
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, count: &AtomicU64) -> std::io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        count.fetch_add(read as u64, Ordering::Relaxed);
        to.write_all(&buffer[..read]).await?;
    }
}

//! What lies between phones and the server: a wire that can be cut, and mended.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A network that carries bytes to one address, while it is up.
#[derive(Debug, Clone)]
pub struct Network {
    address: SocketAddr,
    is_up: Arc<watch::Sender<bool>>,
}

impl Network {
    /// A network with a door of its own in front of a server.
    pub(crate) async fn before(server: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let network = Self { address: listener.local_addr()?, is_up: Arc::new(watch::Sender::new(true)) };
        let is_up = network.is_up.clone();
        tokio::spawn(async move {
            while let Ok((phone, _)) = listener.accept().await {
                tokio::spawn(carry(phone, server, is_up.subscribe()));
            }
        });
        Ok(network)
    }

    /// Where phones connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it: connections break in the middle of what they say, and new ones are not answered.
    pub fn cut(&self) {
        self.is_up.send_replace(false);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.is_up.send_replace(true);
    }
}

/// Carries one connection until an end hangs up, or the network is cut.
async fn carry(mut phone: TcpStream, server: SocketAddr, mut is_up: watch::Receiver<bool>) {
    if !*is_up.borrow() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut phone, &mut server) => {}
        _ = is_up.wait_for(|is_up| !is_up) => {}
    }
}

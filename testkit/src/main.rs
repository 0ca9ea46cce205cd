//! `rapport-testkit`: a server for the tests of an app in another language. See [`testkit::control`].

use testkit::{Kit, control};
use tokio::io::{BufReader, stdin, stdout};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let kit = Kit::start().await?;
    control::serve(&kit, BufReader::new(stdin()), stdout()).await?;
    // Standard input is read on a thread that may still wait for it.
    std::process::exit(0)
}

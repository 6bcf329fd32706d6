//! What HTTP/1.1 tools cannot talk: a gRPC echo service, a WebSocket echo service, and its load.
//!
//! `bench-talk grpc LISTEN` and `bench-talk websocket LISTEN` serve; `bench-talk load ADDRESS
//! CONNECTIONS SECONDS` sends a message on each connection, waits for its echo, and so on, and says
//! in the end what it saw, as `load.lua` does.

mod echo;
mod grpc;
mod load;

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

const USAGE: &str = "usage: bench-talk grpc LISTEN | websocket LISTEN | load ADDRESS CONNECTIONS SECONDS";

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        match words.as_slice() {
            ["grpc", listen] => grpc::serve(listen.parse()?).await,
            ["websocket", listen] => echo::serve(listen.parse()?).await,
            ["load", address, connections, seconds] => {
                let address: SocketAddr = address.parse()?;
                let seconds = Duration::from_secs(seconds.parse()?);
                println!("{}", load::run(address, connections.parse()?, seconds).await);
                Ok(())
            }
            _ => Err(USAGE.into()),
        }
    })
}

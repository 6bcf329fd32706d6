//! What a courier promises, towards servers that do as they are told and real ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects"
)]

mod calls;
mod grpc_servers;
mod http1;
mod kept;
mod nginx;
mod rig;
mod tls;

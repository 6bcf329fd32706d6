//! The built binary as a stranger meets it: real parts on both sides, judged by what arrived.
//!
//! [`Gateway`] runs the binary; [`Backend`] is a service that records exact bytes and answers by
//! script; [`Client`] sends exact bytes and [`Http2`] exact frames; [`message`] is the strict reader that judges both sides;
//! [`corpus`] runs tables of bad input; [`tools`] runs real clients and servers, [`collector`]
//! a real collector of spans and log records.

pub mod backend;
pub mod certificates;
pub mod client;
pub mod collector;
pub mod corpus;
pub mod dns;
pub mod frozen;
pub mod gateway;
pub mod http2;
pub mod load;
pub mod message;
pub mod open_loop;
pub mod openbao;
pub mod pebble;
pub mod plain;
pub mod reference;
pub mod rig;
pub mod tools;
pub mod wait;
pub mod websocket;
pub mod wire;

pub use backend::{Backend, Call, Ended, Recorded, Step, ok, raw};
pub use client::{Answer, Client, Lost, SOON, get};
pub use collector::Collector;
pub use gateway::Gateway;
pub use http2::Http2;
pub use message::Message;
pub use openbao::OpenBao;

//! Heads, header lists, bodies and the strict HTTP/1.1 grammar as pure state machines: bytes in,
//! events and bytes out (sans-IO). The heads of HTTP/2 requests are held to the same rules.
//!
//! Whatever could be read in two ways is refused here ([`Refusal`], [`Malformed`]), never
//! repaired; framing and connection fields are taken out of a head when it is read and written
//! anew from the model when it is sent. No socket, no clock, no task.

mod authority;
mod body;
pub mod chunked;
mod connection;
pub mod cookie;
mod date;
mod fields;
mod forwarded;
mod framing;
mod grammar;
pub mod grpc;
mod index;
pub mod media;
mod message;
mod method;
mod path;
mod proxy_protocol;
pub mod query;
mod refusal;
mod request;
mod response;
mod status;
mod target;
pub mod trace;
mod trailers;
mod websocket;

pub use authority::{Authority, canonical_host};
pub use body::{Body, BodyError, BodyRead, Flow, Tunnel};
pub use connection::Connection;
pub use date::{Date, civil};
pub use fields::{Fields, Known, Name};
pub use forwarded::{Forwarding, address_text};
pub use framing::{Decoder, Framing, Step};
pub use grammar::{is_field_value, is_token};
pub use index::{HeadIndex, HeadLimits};
pub use message::{Request, Response};
pub use method::Method;
pub use path::canonical_path;
pub use proxy_protocol::{ProxyHeader, read_proxy_header};
pub use refusal::{Malformed, Refusal};
pub use request::{Outgoing, Pseudo, RequestHead, Version, can_begin_request};
pub use response::{Delivery, ResponseHead};
pub use status::{Status, reason};
pub use trailers::{read_answer_trailers, read_trailers};
pub use websocket::agrees_to_websocket;

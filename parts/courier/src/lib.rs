//! Asks other servers on behalf of the gateway itself, not of a client's exchange: one request, one
//! answer, bounded in time and in bytes.
//!
//! A [`Courier`] knows one [`Target`]. [`Courier::ask`] sends a request over HTTP/1.1,
//! [`Courier::call`] makes a unary call of gRPC. Both are plain futures for the current-thread runtime
//! of whoever calls, with its time and its sockets switched on; no task is started, and what is
//! kept between requests (connections) is looked at again before it is used. Redirects are not
//! followed, bodies of answers are not decoded, and failures are not tried again, but for a kept
//! connection that was closed under a request that [may be repeated](Request::may_repeat). When
//! to ask again is the caller's business; [`Backoff`] says how long to wait.
//!
//! ```no_run
//! # use std::{error::Error, sync::Arc, time::Duration};
//! # use yumen_courier::{Courier, Request, Settings, Url};
//! # use yumen_tls::Client;
//! # async fn export(client: Arc<Client>, spans: Vec<u8>) -> Result<(), Box<dyn Error>> {
//! let url = Url::read("https://collector.example:4318/v1/traces")?;
//! let courier = Courier::new(Settings::new(url.target, Some(client)))?;
//! let mut request = Request::post(&url.path, spans)?;
//! request.add("content-type", b"application/x-protobuf")?;
//! request.gzip();
//! request.within = Duration::from_secs(5);
//! let answer = courier.ask(&request).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The grammar of HTTP/1.1 is that of `yumen_http`, frames of HTTP/2 are the `h2` crate's, TLS is
//! `yumen_tls`. [`Line`] puts a TLS session on a socket for threads that are no workers.

mod backoff;
mod connect;
mod courier;
mod details;
mod due;
mod fault;
mod grpc;
mod http1;
mod http2;
mod kept;
mod line;
mod percent;
mod request;
mod secure;
mod target;

pub use backoff::Backoff;
pub use courier::{Bounds, Courier, Settings};
pub use fault::{CallStatus, Fault, Step};
pub use line::Line;
pub use request::{ANSWER_MAX, Answer, Request, WITHIN};
pub use target::{Target, Url};

//! Secrets that are kept in HashiCorp Vault or OpenBao, read over HTTP.
//!
//! [`Settings`] say where the server is and how to log in there, by the variables that Vault's own tools
//! go by. A [`Vault`] reads [`Secret`]s, all that are wanted in one go and within one time, and keeps its
//! token alive. Its futures are for a current-thread runtime with time and sockets, of a thread that
//! is no worker's. What is wrong is a [`Fault`]: why, and the way out.
//!
//! Read are secrets of the key-value engine, version 1 and 2. Which one it is, and where the mount ends in
//! a path, the server is asked, as Vault's own tools ask it. No token and no value is ever shown: not in
//! a fault, and not by `Debug`.

mod answer;
mod client;
mod fault;
mod hidden;
mod join;
mod login;
mod path;
mod secret;
mod session;
mod settings;

pub use client::Vault;
pub use fault::Fault;
pub use secret::Secret;
pub use settings::{CLEAR_TEXT, Settings};

/// The largest answer of the server, in bytes: a secret with all its keys.
pub const ANSWER_MAX: usize = 1024 * 1024;
/// The longest path of a secret, in bytes.
pub const PATH_MAX: usize = 1024;
/// Requests to the server that are under way at once.
pub const AT_ONCE: usize = 8;

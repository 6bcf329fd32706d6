//! What must hold for any bytes at all: one module for each fuzz target, whose `check` panics when
//! it does not hold.
//!
//! The bodies live here and not in `fuzz_targets/`, so that a plain `cargo test` replays every
//! seed and every past finding, and mutations of them, without a fuzzer.

#![forbid(unsafe_code)]

pub mod authority;
pub mod chunked;
pub mod config;
pub mod expression;
pub mod path;
mod pieces;
pub mod proxy_header;
pub mod request_head;
pub mod response_head;
pub mod router;
mod strict;

/// Panics when something does not hold for the input.
pub type Check = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Check); 9] = [
    ("authority", authority::check),
    ("chunked", chunked::check),
    ("config", config::check),
    ("expression", expression::check),
    ("path", path::check),
    ("proxy_header", proxy_header::check),
    ("request_head", request_head::check),
    ("response_head", response_head::check),
    ("router", router::check),
];

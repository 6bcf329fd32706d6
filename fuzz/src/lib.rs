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
pub mod ext_authz;
pub mod graphql;
pub mod grpc;
pub mod http2_guard;
pub mod http2_head;
pub mod json;
pub mod login;
pub mod origin;
pub mod path;
mod pieces;
pub mod protobuf;
pub mod proxy_header;
pub mod request_head;
pub mod response_head;
pub mod router;
mod strict;
pub mod tls_hello;
pub mod token;
pub mod trace;
pub mod validation;
pub mod websocket;
pub mod xml;

/// Panics when something does not hold for the input.
pub type Check = fn(&[u8]);

/// All targets by name.
pub const TARGETS: &[(&str, Check)] = &[
    ("authority", authority::check),
    ("chunked", chunked::check),
    ("config", config::check),
    ("expression", expression::check),
    ("graphql", graphql::check),
    ("ext_authz", ext_authz::check),
    ("grpc", grpc::check),
    ("http2_guard", http2_guard::check),
    ("http2_head", http2_head::check),
    ("json", json::check),
    ("login", login::check),
    ("origin", origin::check),
    ("path", path::check),
    ("protobuf", protobuf::check),
    ("proxy_header", proxy_header::check),
    ("request_head", request_head::check),
    ("response_head", response_head::check),
    ("router", router::check),
    ("tls_hello", tls_hello::check),
    ("token", token::check),
    ("trace", trace::check),
    ("validation", validation::check),
    ("websocket", websocket::check),
    ("xml", xml::check),
];

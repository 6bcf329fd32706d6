//! Whole messages: head and body.

use crate::body::{Body, Tunnel};
use crate::request::RequestHead;
use crate::response::ResponseHead;

/// A request.
#[derive(Debug)]
pub struct Request {
    /// Method, target, fields.
    pub head: Box<RequestHead>,
    /// The body.
    pub body: Body,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// Status and fields.
    pub head: Box<ResponseHead>,
    /// The body.
    pub body: Body,
    /// The connection behind a `101`.
    pub tunnel: Option<Box<dyn Tunnel>>,
}

impl Response {
    /// An answer with this head and body.
    #[must_use]
    pub fn new(head: impl Into<Box<ResponseHead>>, body: Body) -> Self {
        Self { head: head.into(), body, tunnel: None }
    }
}

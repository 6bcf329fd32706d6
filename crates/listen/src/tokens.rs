//! Answers to the challenges of a certificate authority over HTTP (RFC 8555 section 8.3), while an
//! order is under way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use yumen_http::{Body, Method, RequestHead, Response, ResponseHead, Status};

/// Where the authority asks.
const PLACE: &str = "/.well-known/acme-challenge/";

/// The answers by token. Requests look at one flag while there are none.
#[derive(Debug, Default)]
pub struct Tokens {
    are_some: AtomicBool,
    answers: Mutex<Vec<(String, String)>>,
}

impl Tokens {
    /// Puts these answers in the place of all that were there: tokens, and what is answered.
    pub fn put(&self, answers: Vec<(String, String)>) {
        let are_some = !answers.is_empty();
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner) = answers;
        self.are_some.store(are_some, Ordering::Release);
    }

    /// The answer to a request, if it asks for one that is here.
    pub(crate) fn answer(&self, head: &RequestHead) -> Option<Response> {
        if !self.are_some.load(Ordering::Acquire) {
            return None;
        }
        let token = head.path().strip_prefix(PLACE)?;
        if !matches!(head.method(), Method::Get | Method::Head) {
            return None;
        }
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, answer) = answers.iter().find(|(known, _)| known == token)?;
        let mut response = ResponseHead::new(Status::OK);
        response.fields_mut().add("Content-Type", b"application/octet-stream").ok()?;
        Some(Response::new(response, Body::Full(answer.clone().into_bytes())))
    }
}

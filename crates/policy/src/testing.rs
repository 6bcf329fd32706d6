//! For the tests of policies: an exchange from a request's text.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Instant;

use yumen_http::{Body, Forwarding, HeadEnd, HeadLimits, Request, RequestHead};

use crate::{Client, Exchange, Step, Trail, Verdict};

/// An exchange whose request has this head (the empty line is added), from 192.0.2.1.
#[must_use]
#[expect(clippy::expect_used, reason = "a test wants to hear of its own mistakes at once")]
pub fn exchange(head: &str) -> Exchange {
    let limits = HeadLimits { head: 65_536, target: 8192, field: 8192, fields: 100 };
    let text = format!("{}\r\n\r\n", head.trim_end().replace('\n', "\r\n"));
    let mut end = HeadEnd::default();
    end.find(text.as_bytes(), &limits).expect("a good request head");
    let head = RequestHead::read(text.as_bytes(), &end, &limits).expect("a good request head");
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    Exchange {
        client: Client {
            peer: SocketAddr::new(address, 1),
            address,
            forwarding: Forwarding::direct(address.to_string().into(), "http", false),
        },
        request: Request { head: Box::new(head), body: Body::Empty },
        path: None,
        response: None,
        trail: Trail::new([b'0'; 32], Instant::now(), Rc::default()),
    }
}

/// The verdict of a step that does not wait.
#[must_use]
#[expect(clippy::panic, reason = "a test wants to hear of its own mistakes at once")]
pub fn now(step: Step<'_>) -> Verdict {
    match step {
        Step::Now(verdict) => verdict,
        Step::Later(_) => panic!("the policy waits"),
    }
}

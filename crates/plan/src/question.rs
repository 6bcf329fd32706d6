//! A request head as the router asks about it.

use std::net::IpAddr;

use yumen_http::{Malformed, RequestHead};
use yumen_route::{Found, Question};

use crate::ListenerPlan;

/// A request head and who sent it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The head.
    pub head: &'a RequestHead,
    /// The client's address.
    pub client: IpAddr,
    /// Ask with this path instead of the head's own.
    path: Option<&'a [u8]>,
}

impl<'a> Asked<'a> {
    /// A head, from this client.
    #[must_use]
    pub fn new(head: &'a RequestHead, client: IpAddr) -> Self {
        Self { head, client, path: None }
    }
}

impl ListenerPlan {
    /// The offer for a request, by the router's number.
    ///
    /// # Errors
    /// When the path has parameters and would go another way without them: services that cut them
    /// off would see a request that no rule of its own has seen.
    pub fn find(&self, asked: &Asked<'_>) -> Result<Option<Found>, Malformed> {
        let found = self.router.find(asked);
        if let Some(plain) = asked.head.path_without_parameters() {
            let again = self.router.find(&Asked { path: Some(&plain), ..*asked });
            if again.map(|found| found.rule) != found.map(|found| found.rule) {
                return Err(Malformed("path parameters that lead around a route"));
            }
        }
        Ok(found)
    }
}

impl Question for Asked<'_> {
    fn method(&self) -> &[u8] {
        self.head.method().as_str().as_bytes()
    }

    fn host(&self) -> &[u8] {
        self.head.host().as_bytes()
    }

    fn path(&self) -> &[u8] {
        self.path.unwrap_or(self.head.path_bytes())
    }

    fn query(&self) -> Option<&[u8]> {
        self.head.query_bytes()
    }

    fn client(&self) -> IpAddr {
        self.client
    }

    fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.head.fields().all(name)
    }
}

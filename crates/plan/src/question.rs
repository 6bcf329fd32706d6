//! A request head as the router asks about it.

use std::net::IpAddr;

use yumen_http::RequestHead;
use yumen_route::Question;

/// A request head and who sent it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The head.
    pub head: &'a RequestHead,
    /// The client's address.
    pub client: IpAddr,
}

impl Question for Asked<'_> {
    fn method(&self) -> &[u8] {
        self.head.method().as_str().as_bytes()
    }

    fn host(&self) -> &[u8] {
        self.head.host().as_bytes()
    }

    fn path(&self) -> &[u8] {
        self.head.path_bytes()
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

//! What a router wants to know about a request.

use std::net::IpAddr;

/// A request head as a router asks about it. Nothing is asked that the rules do not need.
pub trait Question {
    /// The method as it was sent.
    fn method(&self) -> &[u8];

    /// The canonical host: lower case, without port and trailing dot; an IPv6 address in brackets
    /// in its canonical form; empty if the client named none.
    fn host(&self) -> &[u8];

    /// The canonical path: starts with `/`, without dot segments and doubled slashes, with
    /// percent-encoding in capitals and only where it is needed. `*` for `OPTIONS *`, which no
    /// path of a rule matches.
    fn path(&self) -> &[u8];

    /// What is written after the `?`, still encoded; `None` without a `?`.
    fn query(&self) -> Option<&[u8]>;

    /// Where the client comes from.
    fn client(&self) -> IpAddr;

    /// The values of the lines of one header field, without the white space around them. `name`
    /// is in lower case; the comparison of names ignores case.
    fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]>;
}

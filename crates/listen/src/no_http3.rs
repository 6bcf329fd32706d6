//! In the place of HTTP/3 in a build without it: nothing is ever opened.

use std::io;
use std::rc::Rc;

use crate::Serve;
use crate::accept::Gate;
use crate::datagrams::Datagrams;
use crate::door::Door;

/// There is none.
#[derive(Debug)]
pub(crate) enum Endpoint {}

impl Endpoint {
    pub(crate) fn open<S: Serve>(_gate: &Rc<Gate<S>>, _datagrams: Datagrams) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn change(&self, _door: &Door) {
        match *self {}
    }

    pub(crate) fn close(&self) {
        match *self {}
    }
}

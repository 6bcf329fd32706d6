//! The service's end of an upgraded connection.

use std::task::{Context, Poll};

use yumen_http::{BodyError, Tunnel};

use crate::connection::Connection;

/// The service's end of an upgraded connection.
#[derive(Debug)]
pub(crate) struct ServiceTunnel(pub(crate) Connection);

impl Tunnel for ServiceTunnel {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<Result<(), BodyError>> {
        if !self.0.rest.is_empty() {
            out.append(&mut self.0.rest);
            return Poll::Ready(Ok(()));
        }
        let room = out.capacity() - out.len();
        self.0
            .poll_read(context, out, room)
            .map(|read| read.map(drop).map_err(|_broken| BodyError::Cut))
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, BodyError>> {
        self.0.poll_write(context, bytes).map_err(|_broken| BodyError::Cut)
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll_close(context)
    }
}

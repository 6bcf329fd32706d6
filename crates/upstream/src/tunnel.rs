//! The service's end of a tunnel: an upgraded connection, or one that is passed on as it is.

use std::task::{Context, Poll};

use yumen_http::{Body, BodyError, Response, ResponseHead, Status, Tunnel};
use yumen_policy::Exchange;

use crate::connection::Connection;

/// A connection that stands is all that is asked for: it becomes a tunnel.
pub(crate) fn pass_on(connection: Connection, exchange: &mut Exchange) -> Response {
    exchange.trail.answered = Some(exchange.trail.began.elapsed());
    let mut response = Response::new(Box::new(ResponseHead::new(Status::OK)), Body::Empty);
    response.tunnel = Some(Box::new(ServiceTunnel(connection)));
    response
}

/// The service's end of a tunnel.
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

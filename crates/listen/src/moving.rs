//! Long bodies that are moved from the service's socket to the client's through a pipe of the
//! system, so that their bytes never enter this process.

use std::task::{Context, Poll};

use yumen_http::{BodyRead, Flow};
use yumen_worker::Pipe;

use crate::Broken;

/// One body on its way.
#[derive(Debug, Default)]
pub(crate) struct Moving {
    /// Only while there is something in it.
    pub(crate) pipe: Option<Pipe>,
    /// All of the body went into the pipe.
    pub(crate) ended: bool,
    /// There was no pipe to be had: this body is copied.
    refused: bool,
}

impl Moving {
    /// Whether what comes next of this body can be moved.
    pub(crate) fn suits(&self, body: &dyn BodyRead) -> bool {
        !self.refused && body.can_move()
    }

    /// Puts what is there into a pipe; whether there was anything.
    pub(crate) fn pull(
        &mut self,
        context: &mut Context<'_>,
        body: &mut dyn BodyRead,
    ) -> Result<bool, Broken> {
        let pipe = self.pipe.take().or_else(Pipe::take);
        let Some((mut pipe, moved)) = pipe.and_then(|pipe| {
            let moved = body.poll_move(context, pipe.entry()?);
            Some((pipe, moved))
        }) else {
            self.refused = true;
            return Ok(false);
        };
        match moved {
            Poll::Ready(Ok((bytes, flow))) => {
                pipe.filled(bytes);
                self.ended = flow == Flow::End;
                self.pipe = Some(pipe);
                Ok(true)
            }
            Poll::Ready(Err(_)) => Err(Broken::Upstream),
            Poll::Pending => {
                pipe.put_back();
                Ok(false)
            }
        }
    }
}

//! A UDP socket as the QUIC library reads and writes it, with the post between the process that
//! serves and the one before it ([`crate::datagrams`]).

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use quinn::udp::{EcnCodepoint, RecvMeta, Transmit};
use quinn::{
    AsyncUdpSocket, ConnectionId, ConnectionIdGenerator, EndpointConfig, Runtime, TokioRuntime,
    UdpPoller,
};
use quinn_proto::RandomConnectionIdGenerator;
use tokio::io::ReadBuf;
use tokio::net::UnixDatagram;

use crate::datagrams::{Datagrams, Mark};

/// Connection ids: the mark, and what cannot be guessed.
const ID: usize = size_of::<Mark>() + RANDOM;
const RANDOM: usize = 8;
/// The longest letter: as many datagrams as the system hands over at once, and what is said of
/// them.
const LETTER_MAX: usize = 128 * 1024;

/// A socket.
#[derive(Debug)]
pub(super) struct Post {
    socket: Arc<dyn AsyncUdpSocket>,
    mark: Mark,
    inbox: UnixDatagram,
    retired: Arc<AtomicBool>,
    before: Option<(Mark, UnixDatagram)>,
}

/// Opens a socket, with settings that go with it.
pub(super) fn open(datagrams: Datagrams) -> io::Result<(Arc<Post>, EndpointConfig)> {
    let Datagrams { socket, mark, inbox, retired, before } = datagrams;
    let before = before
        .map(|before| Ok::<_, io::Error>((before.mark, UnixDatagram::from_std(before.letterbox)?)));
    let post = Post {
        socket: TokioRuntime.wrap_udp_socket(socket)?,
        mark,
        inbox: UnixDatagram::from_std(inbox)?,
        retired,
        before: before.transpose()?,
    };
    let mut config = EndpointConfig::default();
    config.cid_generator(move || {
        Box::new(Ids { mark, random: RandomConnectionIdGenerator::new(RANDOM) })
    });
    Ok((Arc::new(post), config))
}

/// Makes connection ids.
struct Ids {
    mark: Mark,
    random: RandomConnectionIdGenerator,
}

impl ConnectionIdGenerator for Ids {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&[&self.mark[..], &self.random.generate_cid()].concat())
    }

    fn cid_len(&self) -> usize {
        ID
    }

    fn cid_lifetime(&self) -> Option<std::time::Duration> {
        None
    }
}

/// Whose a datagram is: the first bytes of the connection id that it is for. None for the first
/// one of a connection, whose id the client has made up.
fn mark_of(datagram: &[u8]) -> Option<&[u8]> {
    const LONG: u8 = 0x80;
    const VERSION: usize = 4;
    let (first, rest) = datagram.split_first()?;
    if first & LONG == 0 {
        return rest.get(..size_of::<Mark>());
    }
    let (length, rest) = rest.get(VERSION..)?.split_first()?;
    rest.get(..size_of::<Mark>()).filter(|_| usize::from(*length) == ID)
}

/// Writes what is known of datagrams, and them behind it.
fn write_letter(meta: &RecvMeta, datagrams: &[u8]) -> Vec<u8> {
    let RecvMeta { addr, stride, .. } = meta;
    let ecn = meta.ecn.map_or(0, |ecn| ecn as u8);
    let to = meta.dst_ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
    let mut letter = format!("{addr} {to} {ecn} {stride}\n").into_bytes();
    letter.extend_from_slice(datagrams);
    letter
}

/// Reads what [`write_letter`] wrote; where the datagrams begin, and what is known of them.
fn read_letter(letter: &[u8]) -> Option<(usize, RecvMeta)> {
    let line = letter.split(|byte| *byte == b'\n').next()?;
    let begin = line.len() + 1;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let addr = words.next()?.parse().ok()?;
    let dst_ip = words.next()?.parse().ok();
    let ecn = EcnCodepoint::from_bits(words.next()?.parse().ok()?);
    let stride = words.next()?.parse().ok().filter(|stride| *stride > 0)?;
    let len = letter.len().checked_sub(begin)?;
    Some((begin, RecvMeta { addr, len, stride, ecn, dst_ip }))
}

impl Post {
    /// Sends on what is the process's before, and takes it out.
    fn sort(&self, buffers: &[IoSliceMut<'_>], metas: &mut [RecvMeta]) {
        let Some((mark, letterbox)) = &self.before else { return };
        for (buffer, meta) in buffers.iter().zip(metas) {
            let datagrams = buffer.get(..meta.len).unwrap_or_default();
            if mark_of(datagrams).is_some_and(|of| of != self.mark && is_of(of, *mark, datagrams)) {
                // Lost datagrams are sent again, if anybody is there to care.
                let _sent = letterbox.try_send(&write_letter(meta, datagrams));
                meta.len = 0;
            }
        }
    }

    /// Takes a letter, if there is one.
    fn poll_inbox(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        // Memory is taken only when somebody has written.
        ready!(self.inbox.poll_recv_ready(context))?;
        let mut letter = vec![0; LETTER_MAX];
        loop {
            let mut read = ReadBuf::new(&mut letter);
            ready!(self.inbox.poll_recv(context, &mut read))?;
            let letter = read.filled();
            let (Some((begin, meta)), Some(place), Some(buffer)) =
                (read_letter(letter), metas.first_mut(), buffers.first_mut())
            else {
                continue;
            };
            let datagrams = letter.get(begin..).unwrap_or_default();
            let Some(room) = buffer.get_mut(..datagrams.len()) else { continue };
            room.copy_from_slice(datagrams);
            *place = meta;
            return Poll::Ready(Ok(1));
        }
    }
}

/// Whether it is for the process before, or for one before that: those whose form is ours, but
/// whose mark is not.
fn is_of(of: &[u8], before: Mark, datagram: &[u8]) -> bool {
    const LONG: u8 = 0x80;
    of == before || datagram.first().is_some_and(|first| first & LONG == 0)
}

impl AsyncUdpSocket for Post {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.socket).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_send(transmit)
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let came = match self.poll_inbox(context, buffers, metas) {
            Poll::Pending if self.retired.load(Ordering::Acquire) => return Poll::Pending,
            Poll::Pending => ready!(self.socket.poll_recv(context, buffers, metas))?,
            Poll::Ready(came) => came?,
        };
        let came = came.min(metas.len());
        self.sort(buffers, metas.get_mut(..came).unwrap_or_default());
        Poll::Ready(Ok(came))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Ids").field("mark", &self.mark).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_says_whose_it_is() {
        let long = |length: u8| [&[0xc3, 0, 0, 0, 1, length][..], &[1, 2, 3, 4], &[9; 20]].concat();
        let cases: [(Vec<u8>, Option<&[u8]>); 7] = [
            (vec![], None),
            (vec![0x40, 1, 2, 3], None),
            (vec![0x40, 1, 2, 3, 4, 5], Some(&[1, 2, 3, 4])),
            (long(12), Some(&[1, 2, 3, 4])),
            (long(8), None),
            (long(20), None),
            (vec![0xc0, 0, 0], None),
        ];
        for (datagram, expect) in cases {
            assert_eq!(mark_of(&datagram), expect, "{datagram:?}");
        }
    }

    #[test]
    fn a_letter_is_read_as_it_was_written() {
        for (addr, to) in
            [("127.0.0.1:9", "127.0.0.2"), ("[fe80::1%3]:70", "::1"), ("1.2.3.4:1", "-")]
        {
            let meta = RecvMeta {
                addr: addr.parse().unwrap(),
                len: 5,
                stride: 3,
                ecn: Some(EcnCodepoint::Ce),
                dst_ip: to.parse().ok(),
            };
            let letter = write_letter(&meta, b"\n1\n23");
            let (begin, read) = read_letter(&letter).unwrap();
            assert_eq!(letter[begin..], *b"\n1\n23");
            assert_eq!(format!("{meta:?}"), format!("{read:?}"));
        }
        for bad in
            [&b""[..], b"\n", b"127.0.0.1:9 - 0 0\n", b"127.0.0.1 - 0 5\n", b"127.0.0.1:9 - 0"]
        {
            assert!(read_letter(bad).is_none(), "{bad:?}");
        }
    }
}

//! The hand-over of listening sockets from a running process to the one that takes its work over.
//!
//! The running process starts the new one with a socket in the place of its standard input, and
//! passes the listening sockets through that, one in each message, with the listener's name and
//! address. When the new one accepts on them it says so there; if it ends before, nothing has
//! happened. No descriptor is passed by its number, so nothing here is unsafe.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::io::retry_on_intr;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use yumen_listen::{Before, Passable};

use crate::sockets::Sockets;

/// Names the process that hands over, in the environment of the one that takes over.
const FROM: &str = "YUMEN_HAND_OVER";
/// The longest message: a name and an address.
const MESSAGE_MAX: usize = 16 * 1024;
/// How long one end waits for the other to send or take a socket.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the running process waits each time that it looks whether the new one is ready.
const LOOK: Duration = Duration::from_millis(20);
/// What the new process says when it accepts.
const READY: &[u8] = b"ready";
/// What is said of a socket for HTTP/3.
const DATAGRAMS: &[u8] = b"datagrams";
/// Variables that systemd meant for the running process alone.
const OURS: [&str; 4] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"];

/// A socket that is passed on.
#[derive(Debug)]
pub(crate) enum Passed<'a> {
    /// One that listens.
    Listener {
        name: &'a str,
        /// As the configuration has it.
        address: &'a str,
        socket: &'a TcpListener,
    },
    /// One for HTTP/3, which knows its address, with the letterbox that belongs to it.
    Datagrams(&'a Passable),
}

/// A socket that came.
enum Came {
    Listener { name: String, address: String, socket: TcpListener },
    Datagrams(UdpSocket, Before),
}

/// The new process, as the running one sees it.
#[derive(Debug)]
pub(crate) struct Heir {
    child: Child,
    link: UnixStream,
}

impl Heir {
    /// Starts the binary that is on disk now, like this process was started, and passes sockets
    /// to it.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn start<'a>(sockets: impl Iterator<Item = Passed<'a>>) -> Result<Self, String> {
        let explain = |error: io::Error| format!("cannot make a socket to hand over with: {error}");
        let (link, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .map_err(|error| explain(error.into()))?;
        let link = UnixStream::from(link);
        link.set_write_timeout(Some(PATIENCE)).map_err(explain)?;
        link.set_read_timeout(Some(LOOK)).map_err(explain)?;
        let mut arguments = std::env::args_os();
        let binary = arguments.next().unwrap_or_else(|| "yumen".into());
        let mut command = Command::new(&binary);
        command.args(arguments).stdin(Stdio::from(theirs));
        for name in OURS {
            command.env_remove(name);
        }
        command.env(FROM, std::process::id().to_string());
        let child = command
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", binary.to_string_lossy()))?;
        // Its end of the link is now its own: this side notices when it ends.
        drop(command);
        let mut heir = Self { child, link };
        let mut sockets = sockets;
        let sent = sockets.try_for_each(|passed| heir.pass(&passed));
        match sent.and_then(|()| heir.send(&[], &[])) {
            Ok(()) => Ok(heir),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Err(heir.stop("did not take the sockets and was stopped"))
            }
            Err(_) => Err(heir.ended_early()),
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn pass(&self, passed: &Passed<'_>) -> io::Result<()> {
        match passed {
            Passed::Listener { name, address, socket } => {
                self.send(&serde_json::to_vec(&[name, address])?, &[socket.as_fd()])
            }
            Passed::Datagrams(passable) => {
                let message = [DATAGRAMS, &passable.mark].concat();
                self.send(&message, &[passable.socket.as_fd(), passable.letterbox.as_fd()])
            }
        }
    }

    fn send(&self, message: &[u8], sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !sockets.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(sockets));
        }
        // A message of nothing would look like the end.
        let parts = [IoSlice::new(b":"), IoSlice::new(message)];
        retry_on_intr(|| sendmsg(&self.link, &parts, &mut control, SendFlags::NOSIGNAL))?;
        Ok(())
    }

    /// Whether it is ready; waits a moment for that.
    ///
    /// # Errors
    /// In words for the operator, if it never will be.
    pub(crate) fn is_ready(&mut self) -> Result<bool, String> {
        let mut word = [0; READY.len()];
        match (&self.link).read(&mut word) {
            Ok(_) if word == READY => Ok(true),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                Ok(false)
            }
            // Its end of the link is closed, perhaps with sockets in it that it did not take.
            Ok(_) | Err(_) => Err(self.ended_early()),
        }
    }

    fn ended_early(&mut self) -> String {
        format!("the new process ended before it was ready ({})", self.end())
    }

    /// How it ended. One that has only closed its link is ended.
    fn end(&mut self) -> String {
        let patience = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.to_string(),
                Err(error) => return error.to_string(),
                Ok(None) if Instant::now() < patience => std::thread::sleep(LOOK),
                // Waited for in the next turn.
                Ok(None) => drop(self.child.kill()),
            }
        }
    }

    /// Ends it; says so, with the reason.
    pub(crate) fn stop(mut self, why: &str) -> String {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
        format!("the new process {why}")
    }
}

/// The running process, as the new one sees it.
#[derive(Debug)]
pub(crate) struct Predecessor(UnixStream);

impl Predecessor {
    /// The process that this one takes over from, if there is one, and its sockets.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) fn find() -> Result<Option<(Self, Sockets)>, String> {
        let parent = std::os::unix::process::parent_id().to_string();
        if std::env::var(FROM).ok() != Some(parent) {
            return Ok(None);
        }
        let explain =
            |error: io::Error| format!("cannot take over from the process before: {error}");
        let link = UnixStream::from(take_standard_input().map_err(explain)?);
        link.set_read_timeout(Some(PATIENCE)).map_err(explain)?;
        let predecessor = Self(link);
        let mut sockets = Sockets::default();
        while let Some(came) = predecessor.receive().map_err(explain)? {
            match came {
                Came::Listener { name, address, socket } => {
                    sockets.add(name, Some(address), socket).map_err(explain)?;
                }
                Came::Datagrams(socket, before) => sockets.add_datagrams(socket, before),
            }
        }
        Ok(Some((predecessor, sockets)))
    }

    /// The next socket; `None` after the last.
    fn receive(&self) -> io::Result<Option<Came>> {
        let mut bytes = vec![0; MESSAGE_MAX];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let received =
            retry_on_intr(|| recvmsg(&self.0, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC))?;
        let mut sockets = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
            _ => None,
        });
        let mut sockets = sockets.by_ref().flatten();
        let (socket, second): (Option<OwnedFd>, Option<OwnedFd>) = (sockets.next(), sockets.next());
        let message = bytes.get(..received.bytes).and_then(|bytes| bytes.strip_prefix(b":"));
        let mark = message.and_then(|message| message.strip_prefix(DATAGRAMS)?.try_into().ok());
        match (message, socket, second) {
            (Some([]), None, None) => Ok(None),
            (Some(_), Some(socket), Some(letterbox)) => {
                let mark = mark.ok_or(ErrorKind::InvalidData)?;
                let before = Before { mark, letterbox: letterbox.into() };
                Ok(Some(Came::Datagrams(socket.into(), before)))
            }
            (Some(message), Some(socket), None) => {
                let (name, address) = serde_json::from_slice(message)?;
                Ok(Some(Came::Listener { name, address, socket: socket.into() }))
            }
            _ => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Tells it that this process accepts: it may rest.
    ///
    /// # Errors
    /// What the system says: it may be gone, or have given up.
    pub(crate) fn relieve(mut self) -> io::Result<()> {
        self.0.write_all(READY)
    }
}

/// The link, with nothing left in its place.
fn take_standard_input() -> io::Result<OwnedFd> {
    let link = io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(link)
}

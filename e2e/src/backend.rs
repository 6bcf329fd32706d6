//! A service that records exactly what it receives and answers by script, well or badly.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::message::{self, Flaw, Message};

/// Bytes kept of one connection; what comes after is only counted.
const KEPT: usize = 64 << 20;
/// How long a script may hang before its thread gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// One request as it reached the service.
#[derive(Debug)]
pub struct Call<'a> {
    /// Which connection of this backend, from 0.
    pub connection: usize,
    /// Which request on that connection, from 0.
    pub nth: usize,
    /// Its head, and as much of its body as had come.
    pub request: &'a Message,
}

/// What the service does next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Reads the request's body to its end.
    Body,
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes so many times.
    Repeat(Vec<u8>, usize),
    /// Sends these bytes one by one, with this pause after each.
    Drip(Vec<u8>, Duration),
    /// Does nothing for a while.
    Wait(Duration),
    /// Closes the connection if nothing comes for so long.
    Idle(Duration),
    /// Reads and does nothing else until the peer is gone.
    Hang,
    /// Sends everything back that comes, until the peer has ended.
    Echo,
    /// Closes the connection in an orderly way.
    Close,
    /// Ends the connection with a reset.
    Reset,
}

/// How a connection ended, as the service saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The peer closed it.
    Fin,
    /// The peer reset it.
    Reset,
    /// The service itself ended it.
    Ours,
}

/// What came on one connection.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// The bytes, up to a bound.
    pub bytes: Vec<u8>,
    /// How many bytes came in all.
    pub total: u64,
    /// How it ended; `None` while it is open.
    pub ended: Option<Ended>,
}

impl Recorded {
    /// True if a request for this target came on the connection.
    pub fn holds(&self, target: &str) -> bool {
        let words = format!(" {target} HTTP/1.1\r\n");
        self.bytes.windows(words.len()).any(|at| at == words.as_bytes())
    }

    /// Reads the bytes as clean requests; says what is wrong with the first that is not, and
    /// hands over a last request that is cut off as far as it came.
    pub fn requests(&self) -> (Vec<Message>, Option<(Flaw, Option<Message>)>) {
        let mut list = Vec::new();
        let mut rest = self.bytes.as_slice();
        while !rest.is_empty() {
            match message::request_so_far(rest) {
                Ok((request, used, None)) => {
                    list.push(request);
                    rest = &rest[used..];
                }
                Ok((request, _, Some(flaw))) => return (list, Some((flaw, Some(request)))),
                Err(flaw) => return (list, Some((flaw, None))),
            }
        }
        (list, None)
    }
}

#[derive(Default)]
struct Shared {
    record: Mutex<Vec<Recorded>>,
    streams: Mutex<Vec<Option<TcpStream>>>,
    changed: Condvar,
    stopped: AtomicBool,
}

/// What every connection so far had brought at one moment.
#[derive(Debug, Clone)]
pub struct Mark(Vec<usize>);

/// A running service; it stops when it goes out of scope.
pub struct Backend {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

type Script = dyn Fn(&Call<'_>) -> Vec<Step> + Send + Sync;

impl Backend {
    /// Starts a service on a free loopback port that does what `script` says for each request.
    pub fn start(script: impl Fn(&Call<'_>) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").expect("a free port"), script)
    }

    /// The same on a socket that is there already.
    pub fn on(
        listener: TcpListener,
        script: impl Fn(&Call<'_>) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let script: Arc<Script> = Arc::new(script);
        let own = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &own, &script));
        Self { address, shared }
    }

    /// A service that answers every whole request with 200 and the given body.
    pub fn answering(body: &'static str) -> Self {
        Self::start(move |_| vec![Step::Body, ok(body)])
    }

    /// `host:port`.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Everything recorded so far, one entry for each connection.
    pub fn recorded(&self) -> Vec<Recorded> {
        lock(&self.shared.record).clone()
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        lock(&self.shared.record).len()
    }

    /// Remembers this moment.
    pub fn mark(&self) -> Mark {
        Mark(lock(&self.shared.record).iter().map(|one| one.bytes.len()).collect())
    }

    /// What came after `mark`: connections that brought nothing are left out.
    pub fn since(&self, mark: &Mark) -> Vec<Recorded> {
        let record = lock(&self.shared.record);
        let before = mark.0.iter().copied().chain(std::iter::repeat(0));
        record
            .iter()
            .zip(before)
            .filter(|(one, before)| one.bytes.len() > *before)
            .map(|(one, before)| Recorded { bytes: one.bytes[before..].to_vec(), ..one.clone() })
            .collect()
    }

    /// Waits until `holds` is true of the record; says whether it came true in time.
    pub fn wait(&self, within: Duration, holds: impl Fn(&[Recorded]) -> bool) -> bool {
        let deadline = Instant::now() + within;
        let mut record = lock(&self.shared.record);
        while !holds(&record) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            record = self.shared.changed.wait_timeout(record, left).expect("a sound lock").0;
        }
        true
    }

    /// Ends every open connection.
    pub fn sever(&self) {
        for stream in lock(&self.shared.streams).iter().flatten() {
            let _gone = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        let _wake = TcpStream::connect(self.address);
        self.sever();
    }
}

/// A 200 with this body.
pub fn ok(body: &str) -> Step {
    let length = body.len();
    Step::Send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes())
}

/// These bytes, sent as they are.
pub fn raw(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread failed with this lock")
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, script: &Arc<Script>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::Relaxed) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let _slower = stream.set_nodelay(true);
        let number = {
            let mut record = lock(&shared.record);
            record.push(Recorded::default());
            record.len() - 1
        };
        lock(&shared.streams).push(stream.try_clone().ok());
        shared.changed.notify_all();
        let (shared, script) = (Arc::clone(shared), Arc::clone(script));
        thread::spawn(move || {
            let mut connection = Connection { stream, shared, number, buffer: Vec::new() };
            let ended = connection.serve(&script).unwrap_or_else(|ended| ended);
            connection.end(ended);
        });
    }
}

struct Connection {
    stream: TcpStream,
    shared: Arc<Shared>,
    number: usize,
    /// Bytes that were received and not taken by a request yet.
    buffer: Vec<u8>,
}

impl Connection {
    /// Reads once, into the record and the buffer.
    fn fill(&mut self, within: Duration) -> Result<(), Ended> {
        let mut space = vec![0; 64 << 10];
        self.stream.set_read_timeout(Some(within)).map_err(|_| Ended::Ours)?;
        let count = match self.stream.read(&mut space) {
            Ok(0) => return Err(Ended::Fin),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Err(Ended::Reset),
            Err(_) => return Err(Ended::Ours),
        };
        self.buffer.extend_from_slice(&space[..count]);
        let mut record = lock(&self.shared.record);
        let one = &mut record[self.number];
        one.total += count as u64;
        let room = KEPT.saturating_sub(one.bytes.len()).min(count);
        one.bytes.extend_from_slice(&space[..room]);
        drop(record);
        self.shared.changed.notify_all();
        Ok(())
    }

    fn serve(&mut self, script: &Arc<Script>) -> Result<Ended, Ended> {
        for nth in 0.. {
            let request = loop {
                match message::request_so_far(&self.buffer) {
                    Ok((request, ..)) => break request,
                    Err(Flaw::Cut(_)) => self.fill(PATIENCE)?,
                    Err(Flaw::Bad(_)) => return self.choke(),
                }
            };
            let call = Call { connection: self.number, nth, request: &request };
            let mut unread = true;
            for step in script(&call) {
                match step {
                    Step::Body => {
                        unread = false;
                        self.take_body()?;
                    }
                    step => self.act(step)?,
                }
            }
            if unread {
                self.take_body()?;
            }
        }
        Ok(Ended::Ours)
    }

    /// What any honest server does with a request that is not clean.
    fn choke(&mut self) -> Result<Ended, Ended> {
        self.send(b"HTTP/1.1 400 Bad\r\nContent-Length: 5\r\nConnection: close\r\n\r\nchoke")?;
        let _gone = self.stream.shutdown(Shutdown::Write);
        while self.fill(Duration::from_millis(300)).is_ok() {}
        Ok(Ended::Ours)
    }

    fn take_body(&mut self) -> Result<(), Ended> {
        loop {
            match message::request(&self.buffer) {
                Ok((_, used)) => {
                    self.buffer.drain(..used);
                    return Ok(());
                }
                Err(Flaw::Cut(_)) => self.fill(PATIENCE)?,
                Err(Flaw::Bad(_)) => return Err(self.choke().unwrap_or_else(|ended| ended)),
            }
        }
    }

    fn act(&mut self, step: Step) -> Result<(), Ended> {
        match step {
            Step::Body => self.take_body(),
            Step::Send(bytes) => self.send(&bytes),
            Step::Repeat(bytes, times) => (0..times).try_for_each(|_| self.send(&bytes)),
            Step::Drip(bytes, every) => bytes.iter().try_for_each(|byte| {
                self.send(&[*byte])?;
                self.rest(every)
            }),
            Step::Wait(time) => self.rest(time),
            Step::Idle(time) if self.buffer.is_empty() => self.fill(time),
            Step::Idle(_) => Ok(()),
            Step::Hang => self.rest(PATIENCE),
            Step::Echo => self.echo(),
            Step::Close => Err(Ended::Ours),
            Step::Reset => {
                let _late = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
                Err(Ended::Reset)
            }
        }
    }

    /// Lets time pass, and notices when the peer goes.
    fn rest(&mut self, time: Duration) -> Result<(), Ended> {
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            match self.fill(left) {
                Ok(()) => {}
                Err(Ended::Ours) if Instant::now() >= deadline => return Ok(()),
                Err(ended) => return Err(ended),
            }
        }
    }

    fn echo(&mut self) -> Result<(), Ended> {
        if let Ok((_, used)) = message::request(&self.buffer) {
            self.buffer.drain(..used);
        }
        loop {
            let bytes = std::mem::take(&mut self.buffer);
            self.send(&bytes)?;
            self.fill(PATIENCE)?;
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        let _slower = self.stream.set_write_timeout(Some(PATIENCE));
        match self.stream.write_all(bytes) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(Ended::Ours),
            Err(_) => Err(Ended::Reset),
        }
    }

    /// Closes the connection and writes down how it ended.
    fn end(self, ended: Ended) {
        if ended != Ended::Reset {
            let _gone = self.stream.shutdown(Shutdown::Both);
        }
        // The clone that could sever the connection must go too, or it is not closed.
        if let Some(slot) = lock(&self.shared.streams).get_mut(self.number) {
            *slot = None;
        }
        lock(&self.shared.record)[self.number].ended = Some(ended);
        drop(self.stream);
        self.shared.changed.notify_all();
    }
}

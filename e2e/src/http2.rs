//! An HTTP/2 client that sends exact frames, good or bad, and reads what comes back.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Brought, Client, SOON};

/// What a client says first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frames.
pub const DATA: u8 = 0;
/// Kinds of frames.
pub const HEADERS: u8 = 1;
/// Kinds of frames.
pub const PRIORITY: u8 = 2;
/// Kinds of frames.
pub const RST_STREAM: u8 = 3;
/// Kinds of frames.
pub const SETTINGS: u8 = 4;
/// Kinds of frames.
pub const PING: u8 = 6;
/// Kinds of frames.
pub const GOAWAY: u8 = 7;
/// Kinds of frames.
pub const WINDOW_UPDATE: u8 = 8;
/// Kinds of frames.
pub const CONTINUATION: u8 = 9;

/// Nothing follows on the stream; of SETTINGS and PING: it is an acknowledgement.
pub const END_STREAM: u8 = 1;
/// The head is complete.
pub const END_HEADERS: u8 = 4;
/// Both.
pub const END: u8 = END_STREAM | END_HEADERS;

/// Reasons of resets and GOAWAYs.
pub const NO_ERROR: u32 = 0;
/// Reasons of resets and GOAWAYs.
pub const CALM: u32 = 11;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its kind.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// What is in it.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The reason, of a reset or GOAWAY.
    pub fn reason(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        self.payload[at..at + 4].iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
    }

    /// Whether it ends its stream.
    pub fn ends(&self) -> bool {
        self.kind == RST_STREAM
            || (matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0)
    }
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame's size").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field as HPACK has it: literal, not indexed.
pub fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    [&[0][..], &text(name), &text(value)].concat()
}

fn text(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if bytes.len() < 127 {
        out.push(bytes.len() as u8);
    } else {
        out.push(127);
        let mut rest = bytes.len() - 127;
        while rest >= 128 {
            out.push((rest % 128) as u8 | 128);
            rest /= 128;
        }
        out.push(rest as u8);
    }
    out.extend_from_slice(bytes);
    out
}

/// A block of fields.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| field(name.as_bytes(), value.as_bytes())).collect()
}

fn pack(settings: &[(u16, u32)]) -> Vec<u8> {
    let each = settings.iter();
    each.flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat())
        .collect()
}

/// Status 200 as HPACK has it.
pub const OK: u8 = 0x88;

/// The pseudo-fields of a request.
pub fn request<'a>(method: &'a str, path: &'a str) -> [(&'a str, &'a str); 4] {
    [(":method", method), (":scheme", "http"), (":authority", "test.example"), (":path", path)]
}

/// A GET as the payload of HEADERS.
pub fn get(path: &str) -> Vec<u8> {
    block(&request("GET", path))
}

/// The status in the payload of a head that the gateway sent first on its connection.
pub fn status(payload: &[u8]) -> u16 {
    const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    match payload {
        [byte @ 0x88..=0x8e, ..] => INDEXED[usize::from(byte - 0x88)],
        // A literal with the name of number 8.
        [0x48, length, rest @ ..] | [0x08, length, rest @ ..] => {
            let value = &rest[..usize::from(length & 127)];
            if length & 128 == 0 {
                return String::from_utf8_lossy(value).parse().expect("a status");
            }
            digits(value)
        }
        other => panic!("no status in {other:?}"),
    }
}

/// Digits in Huffman's code (RFC 7541, appendix B).
fn digits(bytes: &[u8]) -> u16 {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let (mut rest, mut number) = (bits.as_str(), 0);
    while rest.len() >= 5 && !rest.bytes().all(|bit| bit == b'1') {
        let five = u16::from_str_radix(&rest[..5], 2).expect("bits");
        let (digit, used) = match five {
            0..=2 => (five, 5),
            _ => (u16::from_str_radix(&rest[..6], 2).expect("bits") - 0b01_1001 + 3, 6),
        };
        number = number * 10 + digit;
        rest = &rest[used..];
    }
    number
}

/// What came of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// An answer.
    Answered(u16, Vec<u8>),
    /// A reset with this reason.
    Reset(u32),
    /// The whole connection ended with a GOAWAY and this reason.
    Goaway(u32),
    /// The connection ended without a word.
    Closed,
    /// Nothing in time.
    Nothing,
}

/// One connection.
#[derive(Debug)]
pub struct Http2 {
    /// The connection below.
    pub client: Client,
    /// Frames that came, but for acknowledgements and windows.
    pub seen: Vec<Frame>,
    next: u32,
}

impl Http2 {
    /// Connects with default settings and large windows.
    pub fn connect(to: SocketAddr) -> Self {
        let mut this = Self::with(to, &[(4, 1 << 30)]);
        this.send(&frame(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()));
        this
    }

    /// Connects with these settings; the connection's window stays at 64 KiB less a byte.
    pub fn with(to: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut client = Client::connect(to);
        client.send([PREFACE, &frame(SETTINGS, 0, 0, &pack(settings))].concat());
        Self { client, seen: Vec::new(), next: 1 }
    }

    /// The service's end of a connection: reads the preface and says these settings.
    pub fn accept(stream: TcpStream, settings: &[(u16, u32)]) -> Self {
        let mut this = Self { client: Client::accepted(stream), seen: Vec::new(), next: 2 };
        while this.client.buffer.len() < PREFACE.len() {
            if this.client.fill(SOON) != Brought::More {
                return this;
            }
        }
        assert_eq!(this.client.buffer.drain(..PREFACE.len()).as_slice(), PREFACE);
        this.send(&frame(SETTINGS, 0, 0, &pack(settings)));
        this
    }

    /// Waits for the head of the next request; its stream.
    pub fn head(&mut self, within: Duration) -> Option<u32> {
        self.wait(within, |frame| frame.kind == HEADERS).map(|frame| frame.stream)
    }

    /// Waits for such a frame.
    pub fn wait(&mut self, within: Duration, is_it: impl Fn(&Frame) -> bool) -> Option<Frame> {
        let deadline = Instant::now() + within;
        loop {
            let frame = self.read(deadline.saturating_duration_since(Instant::now()))?;
            if is_it(&frame) {
                return Some(frame);
            }
        }
    }

    /// Answers with 200 and this body.
    pub fn reply(&mut self, stream: u32, body: &str) {
        let head = frame(HEADERS, END_HEADERS, stream, &[OK]);
        self.send(&[head, frame(DATA, END_STREAM, stream, body.as_bytes())].concat());
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.client.send(bytes)
    }

    /// Begins a stream with this head; its number.
    pub fn begin(&mut self, flags: u8, head: &[u8]) -> u32 {
        let stream = self.next;
        self.next += 2;
        self.send(&frame(HEADERS, flags, stream, head));
        stream
    }

    /// Reads one more frame, and acknowledges settings and pings.
    pub fn read(&mut self, within: Duration) -> Option<Frame> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(frame) = self.take() {
                let is_ack = frame.flags & END_STREAM != 0;
                if matches!(frame.kind, SETTINGS | PING) && !is_ack {
                    let payload = if frame.kind == PING { &frame.payload[..] } else { &[] };
                    self.send(&self::frame(frame.kind, END_STREAM, 0, payload));
                }
                if !matches!(frame.kind, SETTINGS | PING | WINDOW_UPDATE) {
                    self.seen.push(frame.clone());
                }
                return Some(frame);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.client.fill(left) == Brought::End {
                return None;
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let buffer = &mut self.client.buffer;
        let head = buffer.get(..9)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let (kind, flags) = (head[3], head[4]);
        let payload = buffer.get(9..9 + length)?.to_vec();
        buffer.drain(..9 + length);
        Some(Frame { kind, flags, stream, payload })
    }

    /// Waits for the end of a stream.
    pub fn fate(&mut self, stream: u32, within: Duration) -> Fate {
        let deadline = Instant::now() + within;
        loop {
            let ended = |frame: &&Frame| {
                (frame.stream == stream && frame.ends())
                    || frame.kind == GOAWAY && frame.reason() != NO_ERROR
            };
            if let Some(last) = self.seen.iter().find(ended) {
                return match last.kind {
                    GOAWAY => Fate::Goaway(last.reason()),
                    RST_STREAM => Fate::Reset(last.reason()),
                    _ => {
                        let (status, body) = self.answer(stream);
                        Fate::Answered(status, body)
                    }
                };
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if self.read(left).is_none() {
                let last = self.seen.iter().rfind(|frame| frame.kind == GOAWAY);
                return match last {
                    Some(last) if self.client.ended => Fate::Goaway(last.reason()),
                    None if self.client.ended => Fate::Closed,
                    _ => Fate::Nothing,
                };
            }
        }
    }

    /// What came of an answer so far.
    pub fn answer(&self, stream: u32) -> (u16, Vec<u8>) {
        let mine = || self.seen.iter().filter(|frame| frame.stream == stream);
        let heads: Vec<u16> = mine()
            .filter(|frame| {
                frame.kind == HEADERS && matches!(frame.payload[0], 0x88..=0x8e | 0x48 | 8)
            })
            .map(|frame| status(&frame.payload))
            .collect();
        let body =
            mine().filter(|frame| frame.kind == DATA).flat_map(|frame| frame.payload.clone());
        (heads.iter().copied().find(|status| *status >= 200).unwrap_or(0), body.collect())
    }

    /// Sends data on a stream for so long, as much as its window of so many bytes and what opens of
    /// it allow; says how many bytes that were.
    pub fn fill(&mut self, stream: u32, window: i64, long: Duration) -> usize {
        const PIECE: [u8; 16_384] = [b'x'; 16_384];
        let (mut window, mut sent) = (window, 0);
        let began = Instant::now();
        while began.elapsed() < long {
            while window >= PIECE.len() as i64 {
                self.send(&frame(DATA, 0, stream, &PIECE));
                window -= PIECE.len() as i64;
                sent += PIECE.len();
            }
            if let Some(opened) = self.read(Duration::from_millis(50))
                && (opened.kind, opened.stream) == (WINDOW_UPDATE, stream)
            {
                window += i64::from(opened.reason());
            }
        }
        sent
    }

    /// Asks with GET.
    pub fn get(&mut self, path: &str) -> Fate {
        let stream = self.begin(END, &get(path));
        self.fate(stream, SOON)
    }

    /// Waits for the GOAWAY that ends the connection.
    pub fn goaway(&mut self, within: Duration) -> Option<u32> {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.read(left).is_none() {
                return self.seen.iter().rfind(|frame| frame.kind == GOAWAY).map(Frame::reason);
            }
        }
    }
}

/// A service that speaks exact frames, as a script says for each connection.
#[derive(Debug)]
pub struct FrameService {
    /// Where it listens.
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl FrameService {
    /// Starts one. The script is given the number of the connection, from 0, and the connection;
    /// when it ends, so does the connection.
    pub fn start(
        settings: &'static [(u16, u32)],
        script: impl Fn(usize, &mut Http2) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, script) = (Arc::clone(&connections), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let number = count.fetch_add(1, Ordering::SeqCst);
                let script = Arc::clone(&script);
                thread::spawn(move || script(number, &mut Http2::accept(stream, settings)));
            }
        });
        Self { address, connections }
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

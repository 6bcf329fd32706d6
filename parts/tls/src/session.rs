//! One TLS connection as a machine between two streams of bytes: sealed ones outside, plain ones
//! inside. It reads and writes nothing itself, and holds little more than one record.

use std::io::{self, BufRead, Write};
use std::sync::Arc;

use rustls::server::AcceptedAlert;
use rustls::{CipherSuite, Connection, HandshakeKind, ProtocolVersion, ServerConnection};

use crate::demand::{Demand, Met};
use crate::fault::Fault;
use crate::server::Offers;

/// One TLS connection.
#[derive(Debug)]
pub struct Session {
    stage: Stage,
    /// Plain bytes that wait to be read.
    waiting: usize,
    /// The peer has said that it sends nothing more.
    ended: bool,
}

/// How far a session is.
enum Stage {
    /// Which settings hold is known when the client has said which name it asks for.
    Hello { hello: rustls::server::Acceptor, offers: Arc<Offers> },
    /// The client said something that no settings hold for; it is told once.
    Refused(Option<AcceptedAlert>),
    /// The library does the rest.
    Open { connection: Connection, demand: Option<Arc<Demand>> },
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Hello { .. } => "Hello",
            Self::Refused(_) => "Refused",
            Self::Open { .. } => "Open",
        })
    }
}

impl Stage {
    fn connection(&self) -> Option<&Connection> {
        match self {
            Self::Open { connection, .. } => Some(connection),
            Self::Hello { .. } | Self::Refused(_) => None,
        }
    }

    fn connection_mut(&mut self) -> Option<&mut Connection> {
        match self {
            Self::Open { connection, .. } => Some(connection),
            Self::Hello { .. } | Self::Refused(_) => None,
        }
    }
}

/// What the two sides agreed on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Negotiated {
    /// The protocol inside, if one was agreed on.
    pub protocol: Option<Vec<u8>>,
    /// The name that the client asked for, in lower case.
    pub server_name: Option<String>,
    /// The version of TLS, such as `TLSv1.3`.
    pub version: Option<&'static str>,
    /// The cipher suite, by its registered name; not known of QUIC.
    pub cipher: Option<&'static str>,
    /// Whether what was agreed on before was taken up again; not known of QUIC.
    pub resumed: bool,
}

impl Session {
    fn new(stage: Stage) -> Self {
        Self { stage, waiting: 0, ended: false }
    }

    /// With a service.
    pub(crate) fn asking(connection: Connection) -> Self {
        Self::new(Stage::Open { connection, demand: None })
    }

    /// With a client of which this is demanded.
    pub(crate) fn accepted(connection: ServerConnection, demand: Arc<Demand>) -> Self {
        Self::new(Stage::Open { connection: connection.into(), demand: Some(demand) })
    }

    /// With a client that gets what there is for the name that it will ask for.
    pub(crate) fn accepting(offers: Arc<Offers>) -> Self {
        Self::new(Stage::Hello { hello: rustls::server::Acceptor::default(), offers })
    }

    /// Whether the two sides have not agreed yet.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        self.stage.connection().is_none_or(|connection| connection.is_handshaking())
    }

    /// What was agreed on.
    #[must_use]
    pub fn negotiated(&self) -> Negotiated {
        let Some(connection) = self.stage.connection() else { return Negotiated::default() };
        let server_name = match connection {
            Connection::Server(server) => server.server_name(),
            Connection::Client(_) => None,
        };
        Negotiated {
            protocol: connection.alpn_protocol().map(<[u8]>::to_vec),
            server_name: server_name.map(str::to_ascii_lowercase),
            version: connection.protocol_version().and_then(version),
            cipher: connection.negotiated_cipher_suite().and_then(|suite| cipher(suite.suite())),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }

    /// Whether what was agreed on before was taken up again.
    #[cfg(test)]
    pub(crate) fn is_resumed(&self) -> bool {
        self.negotiated().resumed
    }

    /// How the client met what was demanded of it, after the handshake; `None` if the other side
    /// is a service.
    ///
    /// # Errors
    /// When the client resumed a session, and the certificate that it showed then is not good any
    /// more.
    pub fn met(&self) -> Result<Option<Met>, Fault> {
        match &self.stage {
            Stage::Open { connection: Connection::Server(server), demand: Some(demand) } => {
                Met::new(Arc::clone(demand), server).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Takes sealed bytes until there is something to read, the peer has ended, or all are taken;
    /// says how many were.
    ///
    /// # Errors
    /// When the session is over. What is to be sealed then tells the peer why.
    pub fn take(&mut self, sealed: &[u8]) -> Result<usize, Fault> {
        let mut rest = sealed;
        while !rest.is_empty() && self.waiting == 0 && !self.ended {
            let read = match &mut self.stage {
                Stage::Hello { hello, .. } => match hello.read_tls(&mut rest) {
                    Err(_full) => return Err(Fault::endless()),
                    read => read,
                },
                Stage::Open { connection, .. } => connection.read_tls(&mut rest),
                Stage::Refused(_) => Ok(0),
            };
            // Fails only if there is too much to read, and there is nothing.
            if !matches!(read, Ok(1..)) {
                break;
            }
            self.hear()?;
            if let Some(connection) = self.stage.connection_mut() {
                let state = connection.process_new_packets()?;
                self.waiting = state.plaintext_bytes_to_read();
                self.ended = state.peer_has_closed();
            }
        }
        Ok(sealed.len() - rest.len())
    }

    /// Goes on with the settings for the name that the client asks for, once that is known.
    fn hear(&mut self) -> Result<(), Fault> {
        let Stage::Hello { hello, offers } = &mut self.stage else { return Ok(()) };
        let heard = match hello.accept() {
            Ok(None) => return Ok(()),
            Ok(Some(accepted)) => {
                let name = accepted.client_hello().server_name().unwrap_or_default().to_owned();
                let Some((demand, config)) = offers.find(&name) else { return Ok(()) };
                let connection = accepted.into_connection(Arc::clone(config));
                connection.map(|connection| (connection, Arc::clone(demand)))
            }
            Err(refused) => Err(refused),
        };
        match heard {
            Ok((connection, demand)) => {
                self.stage = Stage::Open { connection: connection.into(), demand: Some(demand) };
                Ok(())
            }
            Err((error, alert)) => {
                self.stage = Stage::Refused(Some(alert));
                Err(error.into())
            }
        }
    }

    /// Appends at most so many plain bytes; says how many.
    pub fn read(&mut self, out: &mut Vec<u8>, most: usize) -> usize {
        let most = most.min(self.waiting);
        let Some(connection) = self.stage.connection_mut() else { return 0 };
        let mut reader = connection.reader();
        let mut read = 0;
        while read < most {
            let Ok(bytes) = reader.fill_buf() else { break };
            let bytes = bytes.get(..bytes.len().min(most - read)).unwrap_or_default();
            let count = bytes.len();
            if count == 0 {
                break;
            }
            out.extend_from_slice(bytes);
            reader.consume(count);
            read += count;
        }
        self.waiting -= read;
        read
    }

    /// Plain bytes that wait to be read.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether the peer has said that it sends nothing more, and all it sent is read.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.ended && self.waiting == 0
    }

    /// Takes plain bytes to be sealed; says how many.
    pub fn write(&mut self, plain: &[u8]) -> usize {
        let connection = self.stage.connection_mut();
        connection.map_or(0, |connection| connection.writer().write(plain).unwrap_or(0))
    }

    /// Says that nothing more will be written.
    pub fn end(&mut self) {
        if let Some(connection) = self.stage.connection_mut() {
            connection.send_close_notify();
        }
    }

    /// Whether there are sealed bytes to be sent.
    #[must_use]
    pub fn owes(&self) -> bool {
        match &self.stage {
            Stage::Open { connection, .. } => connection.wants_write(),
            Stage::Hello { .. } => false,
            Stage::Refused(alert) => alert.is_some(),
        }
    }

    /// Appends all sealed bytes that are to be sent.
    pub fn seal(&mut self, out: &mut Vec<u8>) {
        match &mut self.stage {
            Stage::Hello { .. } => {}
            // To write into memory cannot fail.
            Stage::Refused(alert) => {
                alert
                    .take()
                    .map(|mut alert| alert.write_all(out))
                    .and_then(Result::ok)
                    .unwrap_or_default();
            }
            Stage::Open { connection, .. } => {
                while connection.wants_write() {
                    let sealed: io::Result<usize> = connection.write_tls(out);
                    // As above.
                    if !matches!(sealed, Ok(1..)) {
                        return;
                    }
                }
            }
        }
    }
}

/// The name that is usual for a version.
fn version(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
        ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
        _ => None,
    }
}

/// The registered name of a suite: the library calls those of TLS 1.3 `TLS13_...`.
fn cipher(suite: CipherSuite) -> Option<&'static str> {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => Some("TLS_AES_128_GCM_SHA256"),
        CipherSuite::TLS13_AES_256_GCM_SHA384 => Some("TLS_AES_256_GCM_SHA384"),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => Some("TLS_CHACHA20_POLY1305_SHA256"),
        other => other.as_str(),
    }
}

//! The first message of a TLS connection that is not ended here: just enough of it to learn which
//! name the client asks for.

use std::fmt;

use rustls::server::Acceptor;

use crate::fault::Fault;

/// Reads a client's first message, in any pieces.
#[derive(Default)]
pub struct Hello(Acceptor);

/// What a client says first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The name that it asks for, in lower case, if it does.
    pub server_name: Option<String>,
}

impl Hello {
    /// Takes the next bytes of the connection; there is a greeting once the message is whole.
    ///
    /// # Errors
    /// When this is not how TLS begins.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Option<Greeting>, Fault> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let read = self.0.read_tls(&mut rest);
            read.map_err(|error| rustls::Error::General(error.to_string()))?;
            if let Some(accepted) = self.0.accept().map_err(|(error, _alert)| error)? {
                let name = accepted.client_hello().server_name().map(str::to_ascii_lowercase);
                return Ok(Some(Greeting { server_name: name }));
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for Hello {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Hello").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Client, ClientText, Name};

    /// The first message of the library's own client.
    fn hello(name: &str) -> Vec<u8> {
        let text = ClientText { insecure: true, ..ClientText::default() };
        let client = Client::compile(text).unwrap();
        let mut session = client.session(&Name::read(name).unwrap()).unwrap();
        let mut out = Vec::new();
        session.seal(&mut out);
        out
    }

    fn check(bytes: &[u8], expect: Option<&str>) {
        for longest in [1, 7, 100, bytes.len()] {
            let mut hello = Hello::default();
            let mut pieces = bytes.chunks(longest);
            let whole = pieces.find_map(|piece| hello.take(piece).unwrap()).expect("a greeting");
            assert_eq!(whole.server_name.as_deref(), expect, "{longest} at once");
            assert!(pieces.next().is_none(), "not before its end");
        }
    }

    /// The same message in records of at most so many bytes.
    fn in_records(bytes: &[u8], longest: usize) -> Vec<u8> {
        let (head, message) = bytes.split_at(5);
        let record = |piece: &[u8]| {
            let length = u16::try_from(piece.len()).unwrap().to_be_bytes();
            [&head[..3], &length, piece].concat()
        };
        message.chunks(longest).flat_map(record).collect()
    }

    #[test]
    fn the_name_is_read_in_any_pieces_and_records() {
        check(&hello("A.Example"), Some("a.example"));
        // An address is no name.
        check(&hello("127.0.0.1"), None);
        for longest in [1, 50, 200] {
            check(&in_records(&hello("a.example"), longest), Some("a.example"));
        }
    }

    #[test]
    fn what_is_not_tls_is_refused_as_soon_as_it_shows() {
        for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"SSH-2.0-OpenSSH_9.6\r\n", &[0; 16], &[0x16; 16]]
        {
            assert!(Hello::default().take(bytes).is_err(), "{bytes:?}");
        }
        // A record that is no handshake, and a first message that is another.
        let mut other = hello("a.example");
        other[0] = 0x17;
        assert!(Hello::default().take(&other).is_err());
        let mut other = hello("a.example");
        other[5] = 2;
        assert!(Hello::default().take(&other).is_err());
    }
}

//! What the `Connection` field says (RFC 9110 section 7.6.1), and the removal of everything that
//! speaks of one connection only.

use crate::fields::{Fields, Kinds, Known};
use crate::grammar::members;

/// Fields that speak of one connection only, or of how the message is framed on it.
const ONE_CONNECTION: Kinds = Kinds::of(&[
    Known::Connection,
    Known::Hop,
    Known::Te,
    Known::Upgrade,
    Known::ContentLength,
    Known::TransferEncoding,
]);

/// What one side wants of its connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connection {
    /// `close`
    pub close: bool,
    /// `keep-alive`
    pub keep_alive: bool,
    /// `upgrade`
    pub upgrade: bool,
}

impl Connection {
    /// Reads the `Connection` fields, then takes out of `fields` every field that is for one
    /// connection only, those that `Connection` names among them. Framing fields and `Host`
    /// cannot be named away: they are the gateway's own, and it has read them by then.
    pub(crate) fn take(fields: &mut Fields) -> Self {
        let connection = match fields.may_have(Known::Connection) {
            true => Self::read(fields),
            false => Self::default(),
        };
        fields.remove_kinds(ONE_CONNECTION);
        connection
    }

    /// Reads the `Connection` fields, and takes out what they name.
    #[inline(never)]
    fn read(fields: &mut Fields) -> Self {
        let mut connection = Self::default();
        let mut named: Vec<String> = Vec::new();
        for option in fields.known(Known::Connection).flat_map(members) {
            if option.eq_ignore_ascii_case(b"close") {
                connection.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                connection.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                connection.upgrade = true;
            } else if !is_end_to_end(option) {
                named.extend(std::str::from_utf8(option).map(str::to_owned));
            }
        }
        for name in &named {
            fields.remove(name);
        }
        connection
    }
}

/// Fields that a message must not lose because somebody lists them: without `Host` or the
/// credentials it would be another request.
fn is_end_to_end(name: &[u8]) -> bool {
    ["host", "authorization", "cookie", "content-type", "cache-control"]
        .iter()
        .any(|kept| name.eq_ignore_ascii_case(kept.as_bytes()))
}

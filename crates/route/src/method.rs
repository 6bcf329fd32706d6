//! Methods as bits, so that a rule's methods are one word and compared in one step.

use crate::rule::Fault;

/// How many different methods the rules of one router may name together.
pub const METHODS_MAX: usize = 63;

/// The set that holds every method.
pub(crate) const ANY: u64 = u64::MAX;

/// The bit of every method that no rule names.
const OTHER: u64 = 1 << METHODS_MAX;

/// The methods that rules name, each with a bit of its own.
#[derive(Debug, Default)]
pub(crate) struct Methods(Vec<Box<str>>);

impl Methods {
    /// The bit of a method of a request.
    pub(crate) fn bit(&self, method: &[u8]) -> u64 {
        let place = self.0.iter().position(|known| known.as_bytes() == method);
        place.map_or(OTHER, |place| 1 << place)
    }

    /// The bit of a method of a rule.
    pub(crate) fn learn(&mut self, method: &str) -> Result<u64, Vec<Fault>> {
        if let Some(fault) = fault(method) {
            return Err(vec![fault]);
        }
        if self.bit(method.as_bytes()) == OTHER {
            if self.0.len() == METHODS_MAX {
                let message = format!("more than {METHODS_MAX} different methods are named");
                return Err(vec![Fault::new(message, "leave `methods` out to match every method")]);
            }
            self.0.push(method.into());
        }
        Ok(self.bit(method.as_bytes()))
    }

    /// The names in a set.
    pub(crate) fn names(&self, set: u64) -> impl Iterator<Item = &str> {
        let names = self.0.iter().map(|name| &**name).enumerate();
        names.filter(move |(place, _)| set & (1 << place) != 0).map(|(_, name)| name)
    }
}

fn fault(method: &str) -> Option<Fault> {
    if method.is_empty() || !method.bytes().all(is_token) {
        return Some(Fault::new("this is not a method", "write it like `GET`"));
    }
    let capitals = method.to_ascii_uppercase();
    let message = "methods are written in capitals, as they are sent";
    (capitals != method).then(|| Fault::new(message, format!("write `{capitals}`")))
}

/// Whether a byte may stand in a token (RFC 9110, 5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_method_has_its_bit_and_the_others_share_one() {
        let mut methods = Methods::default();
        let get = methods.learn("GET").unwrap();
        let post = methods.learn("POST").unwrap();
        assert_eq!(methods.learn("GET"), Ok(get));
        assert_eq!((methods.bit(b"GET"), methods.bit(b"POST")), (get, post));
        assert_eq!(methods.bit(b"get"), OTHER);
        assert_eq!(methods.bit(b"HEAD") & (get | post), 0);
        assert_ne!(methods.bit(b"HEAD") & ANY, 0);
        assert_eq!(methods.names(get | post).collect::<Vec<_>>(), ["GET", "POST"]);
    }

    #[test]
    fn methods_that_are_not_are_refused() {
        let mut methods = Methods::default();
        for wrong in ["", "get", "Get", "G T", "GET\n", "GÉT", "GET,POST"] {
            assert!(methods.learn(wrong).is_err(), "{wrong:?}");
        }
        let hint = methods.learn("get").unwrap_err().remove(0).hint;
        assert_eq!(hint, "write `GET`");
    }

    #[test]
    fn there_is_room_for_a_named_number_of_methods() {
        let mut methods = Methods::default();
        for number in 0..METHODS_MAX {
            methods.learn(&format!("M{number}")).unwrap();
        }
        assert!(methods.learn("ONEMORE").is_err());
        assert_eq!(methods.bit(b"ONEMORE"), OTHER);
        assert!(methods.learn("M0").is_ok());
    }
}

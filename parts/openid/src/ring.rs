//! The keys that what browsers keep is sealed with.

use data_encoding::BASE64URL_NOPAD;
use yumen_seal::SealingKey;

/// Separates these keys from those that others may make of the same text.
const PURPOSE: &[u8] = b"yumen openid-connect cookies, 1";

/// Keys of one relying party: the first one seals, all open.
#[derive(Debug)]
pub struct Ring {
    keys: Vec<SealingKey>,
    /// What all that is sealed is bound to.
    whose: String,
}

impl Ring {
    /// From the texts of keys, for whoever this is; `None` if there is none, or one is too short.
    #[must_use]
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>, whose: String) -> Option<Self> {
        let keys = texts.into_iter().map(|text| SealingKey::with_purpose(text, PURPOSE));
        let keys: Vec<_> = keys.collect::<Option<_>>()?;
        (!keys.is_empty()).then_some(Self { keys, whose })
    }

    /// Seals something of a sort, as text for URLs; `None` if the system has no random numbers.
    #[must_use]
    pub fn seal(&self, sort: &str, bytes: &[u8]) -> Option<String> {
        let sealed = self.keys.first()?.seal_bytes(&self.bound(sort), bytes)?;
        Some(BASE64URL_NOPAD.encode(&sealed))
    }

    /// What was sealed as something of this sort, and whether the first key did it.
    #[must_use]
    pub fn open(&self, sort: &str, text: &str) -> Option<(Vec<u8>, bool)> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let bound = self.bound(sort);
        self.keys.iter().enumerate().find_map(|(place, key)| {
            key.open_bytes(&bound, &bytes).map(|opened| (opened, place == 0))
        })
    }

    fn bound(&self, sort: &str) -> String {
        format!("{sort}\n{}", self.whose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "an old key of at least thirty-two bytes";
    const NEW: &str = "a new key of at least thirty-two bytes!";

    fn ring(keys: &[&str], whose: &str) -> Ring {
        Ring::new(keys.iter().copied(), whose.to_owned()).unwrap()
    }

    #[test]
    fn what_one_key_sealed_others_of_the_ring_let_open() {
        let sealed = ring(&[OLD], "shop").seal("session", b"x").unwrap();
        let both = ring(&[NEW, OLD], "shop");
        assert_eq!(both.open("session", &sealed), Some((b"x".to_vec(), false)));
        let fresh = both.seal("session", b"x").unwrap();
        assert_eq!(both.open("session", &fresh), Some((b"x".to_vec(), true)));
        for (ring, sort, text) in [
            (ring(&[NEW], "shop"), "session", sealed.as_str()),
            (ring(&[OLD], "other"), "session", &sealed),
            (ring(&[OLD], "shop"), "login", &sealed),
            (ring(&[OLD], "shop"), "session", &fresh),
            (ring(&[OLD], "shop"), "session", &format!("{sealed}=")),
            (ring(&[OLD], "shop"), "session", ""),
            (ring(&[OLD], "shop"), "session", "AAAA"),
        ] {
            assert_eq!(ring.open(sort, text), None, "{sort} {text}");
        }
        assert!(Ring::new([], String::new()).is_none());
        assert!(Ring::new([OLD, "short"], String::new()).is_none());
    }
}

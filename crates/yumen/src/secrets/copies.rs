//! Values of secrets in sealed form, kept beside the last good configuration, for a start while the
//! server is away. Without a key there are none.

use std::collections::HashMap;
use std::env;
use std::fmt;
use std::fs;

use yumen_seal::{KEY_MIN, SealingKey};

use super::Wanted;

/// The variable with the key, and the one with the file that it is in.
const KEY: &str = "YUMEN_STATE_KEY";
const KEY_FILE: &str = "YUMEN_STATE_KEY_FILE";

/// Seals and opens copies, if there is a key.
#[derive(Debug, Default)]
pub(crate) struct Copies(Option<SealingKey>);

/// Copies that were opened.
#[derive(Clone, Default)]
pub(crate) struct Opened(pub(super) HashMap<String, String>);

/// Without the values.
impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opened").field(&self.0.len()).finish()
    }
}

impl Opened {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn value(&self, path: &str, key: &str) -> Option<String> {
        self.0.get(&id(path, key)).cloned()
    }
}

impl Copies {
    /// With the key that the environment says, if any.
    ///
    /// # Errors
    /// If it is no key, in words for the operator.
    pub(crate) fn from_environment() -> Result<Self, String> {
        let set = |name: &str| env::var(name).ok().filter(|text| !text.is_empty());
        let text = match (set(KEY), set(KEY_FILE)) {
            (Some(_), Some(_)) => {
                return Err(format!("{KEY} and {KEY_FILE} are both set; set one of them"));
            }
            (Some(text), None) => text,
            (None, Some(file)) => fs::read_to_string(&file)
                .map_err(|error| format!("cannot read {file} ({KEY_FILE}): {error}"))?,
            (None, None) => return Ok(Self::default()),
        };
        let short = || {
            format!(
                "the key of {KEY} has fewer than {KEY_MIN} characters; draw one: `openssl rand -hex 32`"
            )
        };
        SealingKey::new(text.trim()).map(|key| Self(Some(key))).ok_or_else(short)
    }

    /// Seals the values, each for its path and key.
    pub(super) fn seal(&self, wanted: &[Wanted]) -> Vec<(String, String)> {
        let Some(key) = &self.0 else { return Vec::new() };
        let seal = |one: &Wanted| {
            let id = id(&one.path, &one.key);
            let sealed = key.seal(&id, one.value.as_deref()?)?;
            Some((id, sealed))
        };
        wanted.iter().filter_map(seal).collect()
    }

    /// Opens copies that were kept. Those of another key are left out.
    pub(crate) fn open(&self, kept: &[(String, String)]) -> Opened {
        let Some(key) = &self.0 else { return Opened::default() };
        let open = |(id, sealed): &(String, String)| Some((id.clone(), key.open(id, sealed)?));
        Opened(kept.iter().filter_map(open).collect())
    }
}

/// A path has no `#`, so this is one value's only.
fn id(path: &str, key: &str) -> String {
    format!("{path}#{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(value: Option<&str>) -> Wanted {
        let (path, key) = ("secret/shop".to_owned(), "key".to_owned());
        Wanted { path, key, value: value.map(str::to_owned), is_fresh: true }
    }

    fn copies(digit: &str) -> Copies {
        Copies(SealingKey::new(&digit.repeat(KEY_MIN)))
    }

    #[test]
    fn copies_open_with_their_key_only_and_show_nothing() {
        let long = "x".repeat(256 << 10);
        for value in ["hunter2", "", &long] {
            let kept = copies("1").seal(&[wanted(Some(value)), wanted(None)]);
            assert_eq!(kept.len(), 1);
            let opened = copies("1").open(&kept);
            assert_eq!(opened.value("secret/shop", "key").as_deref(), Some(value));
            assert_eq!(opened.value("secret/shop", "other"), None);
            assert!(!format!("{kept:?} {opened:?}").contains("hunter2"));
            assert!(copies("2").open(&kept).is_empty());
            // Nobody passes one value off as another.
            let moved = [("secret/shop#admin".to_owned(), kept[0].1.clone())];
            assert!(copies("1").open(&moved).is_empty());
            assert!(Copies::default().open(&kept).is_empty());
        }
        assert!(Copies::default().seal(&[wanted(Some("hunter2"))]).is_empty());
    }
}

//! Header fields as the log has them: by name, several of one name as one text, without secrets.

use std::borrow::Cow;

use yumen_expr::{Entries, Text, Value};
use yumen_http::Fields;

use super::redact::{REDACTED, Secrets};

/// The fields of a request or an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'r> {
    pub(crate) fields: Option<&'r Fields>,
    /// What is kept out; `None` for conditions, which show nothing.
    pub(crate) secrets: Option<&'r Secrets>,
}

impl<'r> Shown<'r> {
    fn all(&self) -> impl Iterator<Item = (&'r [u8], &'r [u8])> + use<'r> {
        self.fields.into_iter().flat_map(Fields::iter)
    }

    /// The value of a field: of several, all with `, ` between them; `None` if there is none.
    pub(crate) fn value(&self, name: &[u8]) -> Option<Cow<'r, [u8]>> {
        let mut values = self
            .all()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value);
        let first = self.without_secrets(values.next()?);
        if self.secrets.is_some_and(|secrets| secrets.hides_header(name)) {
            return Some(Cow::Borrowed(REDACTED));
        }
        Some(values.fold(first, |mut whole, next| {
            let joined = whole.to_mut();
            joined.extend_from_slice(b", ");
            joined.extend_from_slice(&self.without_secrets(next));
            whole
        }))
    }

    /// A value may be a URL, or hold parameters of its own.
    fn without_secrets(&self, value: &'r [u8]) -> Cow<'r, [u8]> {
        match self.secrets {
            Some(secrets) if value.contains(&b'=') => {
                let mut out = Vec::with_capacity(value.len());
                secrets.query(&mut out, value, Vec::extend_from_slice);
                Cow::Owned(out)
            }
            _ => Cow::Borrowed(value),
        }
    }
}

/// A text that may have been made.
pub(crate) fn text(text: Cow<'_, [u8]>) -> Value<'_> {
    Value::String(match text {
        Cow::Borrowed(text) => Text::Borrowed(text),
        Cow::Owned(text) => Text::Made(text.into()),
    })
}

impl Entries for Shown<'_> {
    fn size(&self) -> usize {
        self.fields.map_or(0, Fields::len)
    }

    fn get(&self, key: &[u8]) -> Option<Value<'_>> {
        self.value(key).map(text)
    }

    fn key(&self, at: usize) -> Option<Value<'_>> {
        self.all().nth(at).map(|(name, _)| Value::from(name))
    }
}

//! Who calls, as a policy found out, and how services are told.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use yumen_directory::{Consumer, Credential};
use yumen_http::{Fields, Malformed, Name};

const ANONYMOUS: Name<'_> = Name::owned("X-Anonymous-Consumer");
const USERNAME: Name<'_> = Name::owned("X-Consumer-Username");
const CUSTOM_ID: Name<'_> = Name::owned("X-Consumer-Custom-ID");
const GROUPS: Name<'_> = Name::owned("X-Consumer-Groups");
const CREDENTIAL: Name<'_> = Name::owned("X-Credential-Identifier");

/// Who calls.
#[derive(Clone)]
pub struct Principal {
    /// Who they are in the directory, if they are there.
    pub consumer: Option<Arc<Consumer>>,
    /// What they proved it with, if that is in the directory.
    pub credential: Option<Arc<Credential>>,
    /// What is claimed of them by a token that they brought, or by the server that knows it.
    pub claims: Option<Arc<Map<String, Value>>>,
    /// The kind of the policy that found out.
    pub by: &'static str,
    /// Nothing was proved: whoever brings no credential is let in like this.
    pub is_anonymous: bool,
}

/// Without what a token claims: that is nobody's business.
impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("consumer", &self.consumer)
            .field("credential", &self.credential)
            .field("by", &self.by)
            .field("is_anonymous", &self.is_anonymous)
            .finish_non_exhaustive()
    }
}

impl Principal {
    /// Somebody who brought a good token, of which this is claimed, and is this consumer if there is one.
    #[must_use]
    pub fn claiming(
        claims: Arc<Map<String, Value>>,
        consumer: Option<Arc<Consumer>>,
        by: &'static str,
    ) -> Self {
        Self { consumer, credential: None, claims: Some(claims), by, is_anonymous: false }
    }

    /// Somebody who proved to be a consumer.
    #[must_use]
    pub fn proved(credential: Arc<Credential>, by: &'static str) -> Self {
        let consumer = Some(Arc::clone(&credential.consumer));
        Self { consumer, credential: Some(credential), claims: None, by, is_anonymous: false }
    }

    /// Somebody who proved nothing, and is treated like this consumer if there is one.
    #[must_use]
    pub fn anonymous(consumer: Option<Arc<Consumer>>, by: &'static str) -> Self {
        Self { consumer, credential: None, claims: None, by, is_anonymous: true }
    }

    /// The consumer's name; empty if there is none.
    #[must_use]
    pub fn consumer_name(&self) -> &str {
        self.consumer.as_ref().map_or("", |consumer| &consumer.name)
    }

    /// Says in a request's fields who calls. What the client wrote there itself was taken out when the
    /// head was read.
    ///
    /// # Errors
    /// When a value breaks the head, which none does: names are checked when they are configured.
    pub fn tell(&self, fields: &mut Fields) -> Result<(), Malformed> {
        if self.is_anonymous {
            fields.put(&ANONYMOUS, |out| out.extend_from_slice(b"true"))?;
        }
        if let Some(consumer) = &self.consumer {
            fields.put(&USERNAME, |out| out.extend_from_slice(consumer.name.as_bytes()))?;
            if let Some(id) = &consumer.external_id {
                fields.put(&CUSTOM_ID, |out| out.extend_from_slice(id.as_bytes()))?;
            }
            if let Some((first, others)) = consumer.groups.split_first() {
                fields.put(&GROUPS, |out| {
                    out.extend_from_slice(first.as_bytes());
                    for group in others {
                        out.extend_from_slice(b", ");
                        out.extend_from_slice(group.as_bytes());
                    }
                })?;
            }
        }
        match &self.credential {
            Some(credential) => fields.put(&CREDENTIAL, |out| credential.put_id(out)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_never_comes_from_a_client() {
        for (name, text) in [
            (ANONYMOUS, "X-Anonymous-Consumer"),
            (USERNAME, "X-Consumer-Username"),
            (CUSTOM_ID, "X-Consumer-Custom-ID"),
            (GROUPS, "X-Consumer-Groups"),
            (CREDENTIAL, "X-Credential-Identifier"),
        ] {
            assert_eq!(Name::read(text).unwrap(), name, "{text} is not one of the gateway's own");
        }
    }
}

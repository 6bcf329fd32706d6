//! Who calls, of whom the server says that they may.

use std::sync::Arc;

use yumen_directory::{Consumer, Directory};
use yumen_policy::{ConsumerId, Failure, FailureKind, Principal, Settings};

use crate::Config;
use crate::copied::Yes;

/// Which consumer somebody is.
#[derive(Debug)]
pub(crate) struct Who {
    pub(crate) directory: Arc<Directory>,
    /// Whether the server is to name a consumer.
    pub(crate) is_named: bool,
    pub(crate) id: ConsumerId,
    pub(crate) lets_in: bool,
}

impl Who {
    /// Who it is.
    ///
    /// # Errors
    /// When it must be a consumer and is none, or one that is disabled.
    pub(crate) fn principal(&self, yes: &Yes) -> Result<Principal, Failure> {
        let consumer = yes.consumer.as_deref().and_then(|name| self.consumer(name));
        if consumer.as_ref().is_some_and(|one| one.is_disabled) {
            return Err(unknown("the consumer whom the server names is disabled"));
        }
        if self.is_named && consumer.is_none() && !self.lets_in {
            return Err(unknown("the server names no consumer who is known"));
        }
        let claims = yes.claims.clone();
        Ok(Principal { consumer, credential: None, claims, by: Config::NAME, is_anonymous: false })
    }

    fn consumer(&self, name: &str) -> Option<Arc<Consumer>> {
        match self.id {
            ConsumerId::Name => self.directory.consumer(name),
            ConsumerId::ExternalId => self.directory.consumer_by_external_id(name),
        }
    }
}

#[cold]
fn unknown(why: &'static str) -> Failure {
    Failure::new(FailureKind::Forbidden).because(why)
}

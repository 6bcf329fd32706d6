//! Which consumer somebody is who brings claims that are proved.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use yumen_directory::{Consumer, Directory};

use crate::principal::Principal;

/// By what a consumer is found that a claim names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsumerId {
    /// Its name.
    Name,
    /// Its `external_id`, if no other consumer has the same.
    ExternalId,
}

/// What happens to somebody with good claims who is no consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownConsumer {
    /// They are refused.
    Refuse,
    /// They are let in, as nobody whom the directory knows.
    LetIn,
}

/// How a consumer is found by what is claimed.
#[derive(Debug)]
pub struct ByClaim {
    /// Who is known.
    pub directory: Arc<Directory>,
    /// The claim that names the consumer; none is looked for if there is none.
    pub claim: Option<String>,
    /// By what it is found.
    pub id: ConsumerId,
    /// What happens if there is no such consumer.
    pub unknown: UnknownConsumer,
}

impl ByClaim {
    /// Who it is, as a policy of this kind found out.
    ///
    /// # Errors
    /// Why nobody is let in with these claims, for the log.
    pub fn principal(
        &self,
        claims: Arc<Map<String, Value>>,
        kind: &'static str,
    ) -> Result<Principal, &'static str> {
        let consumer = self.consumer(&claims);
        if consumer.as_ref().is_some_and(|one| one.is_disabled) {
            return Err("the consumer that the token names is disabled");
        }
        if consumer.is_none() && self.unknown == UnknownConsumer::Refuse {
            return Err("the token names no consumer that is known");
        }
        Ok(Principal::claiming(claims, consumer, kind))
    }

    fn consumer(&self, claims: &Map<String, Value>) -> Option<Arc<Consumer>> {
        let name = claims.get(self.claim.as_deref()?)?.as_str()?;
        match self.id {
            ConsumerId::Name => self.directory.consumer(name),
            ConsumerId::ExternalId => self.directory.consumer_by_external_id(name),
        }
    }
}

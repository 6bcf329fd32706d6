//! Which consumer somebody is by what is claimed of them.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use yumen_directory::{Consumer, Directory};
use yumen_model::report::Report;

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

/// What happens to somebody with a good token who is no consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownConsumer {
    /// They are refused.
    Refuse,
    /// They are let in, as nobody whom the directory knows.
    LetIn,
}

/// Finds the consumer that a claim names.
#[derive(Debug)]
pub struct Who {
    /// Who is known.
    pub directory: Arc<Directory>,
    /// The claim; none is looked for if it is not said.
    pub by: Option<String>,
    /// By what it is found.
    pub id: ConsumerId,
    /// What happens if there is no such consumer.
    pub unknown: UnknownConsumer,
}

impl Who {
    /// Tells if everybody would be refused.
    pub fn check(&self, at: &str, report: &mut Report) {
        let names_nobody = self.by.as_ref().is_none_or(String::is_empty);
        if names_nobody && self.unknown == UnknownConsumer::Refuse {
            report
                .error(
                    format!("{at}.consumer_by"),
                    "no token names a consumer: all would be refused",
                )
                .hint("name a claim, or say `unknown_consumer: let_in`");
        }
    }

    /// Somebody of whom this is claimed, as the policy of this kind found out.
    ///
    /// # Errors
    /// Why they are not let in, for the log only.
    pub fn principal(
        &self,
        claims: Arc<Map<String, Value>>,
        by: &'static str,
    ) -> Result<Principal, &'static str> {
        let consumer = self.consumer(&claims);
        if consumer.as_ref().is_some_and(|one| one.is_disabled) {
            return Err("the consumer that the token names is disabled");
        }
        if consumer.is_none() && self.unknown == UnknownConsumer::Refuse {
            return Err("the token names no consumer that is known");
        }
        Ok(Principal::claiming(claims, consumer, by))
    }

    fn consumer(&self, claims: &Map<String, Value>) -> Option<Arc<Consumer>> {
        let name = claims.get(self.by.as_deref()?)?.as_str()?;
        match self.id {
            ConsumerId::Name => self.directory.consumer(name),
            ConsumerId::ExternalId => self.directory.consumer_by_external_id(name),
        }
    }
}

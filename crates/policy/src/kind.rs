//! A kind of policy: its name, its phase, its typed config, and how that becomes a policy.

use std::sync::Arc;

use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use yumen_directory::Directory;
use yumen_key_sets::KeySets;
use yumen_model::document::Node;
use yumen_model::report::Report;
use yumen_password::Checker;
use yumen_replay::Replays;

use crate::{Policy, Signers};

/// When a policy runs. The order is fixed and has names; inside a phase policies run from the
/// broadest attachment to the narrowest, and there in written order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Screens that need nobody's identity: addresses, sizes, CORS.
    Guard,
    /// Who is calling.
    Identify,
    /// May they.
    Authorize,
    /// How much.
    Limit,
    /// Transform and validate.
    Shape,
    /// Answer in a service's stead.
    Answer,
}

/// What a policy may be given when it is compiled.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Who is known. It outlives plans.
    pub directory: Arc<Directory>,
    /// Checks passwords, and remembers which were good.
    pub passwords: Arc<Checker>,
    /// Signatures that were used.
    pub replays: Arc<Replays>,
    /// Keys of issuers that are fetched and kept. They outlive plans.
    pub key_sets: Arc<KeySets>,
    /// Keys that the gateway signs tokens with, as the plan has them.
    pub signers: Arc<Signers>,
}

/// The typed config of one kind of policy. Its doc comments are the schema and the reference.
pub trait Settings: DeserializeOwned + JsonSchema {
    /// The kind's name in a config, such as `ip-restriction`.
    const NAME: &'static str;
    /// When it runs.
    const PHASE: Phase;
    /// Whether it decides on who calls: there must be a policy that finds out.
    const NEEDS_PRINCIPAL: bool = false;
    /// Methods of requests that it answers itself, whatever the route is there for. Who attaches it
    /// to a route that does not take them is warned.
    const ANSWERS: &'static [&'static str] = &[];

    /// Makes the policy. Everything that can be computed beforehand is computed here.
    ///
    /// # Errors
    /// Problems beyond the shape of the config are put into the report with paths below `at`;
    /// then there is no policy.
    fn compile(self, at: &str, report: &mut Report, scope: &Scope) -> Option<Arc<dyn Policy>>;
}

/// A kind of policy that configs may name.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    name: &'static str,
    phase: Phase,
    needs_principal: bool,
    answers: &'static [&'static str],
    schema: fn() -> Schema,
    compile: Compile,
}

/// Reads a config, which stands at the given path, and compiles it.
type Compile = fn(&Node, &str, &mut Report, &Scope) -> Option<Arc<dyn Policy>>;

impl Kind {
    /// The kind whose config is `S`.
    #[must_use]
    pub fn of<S: Settings>() -> Self {
        Self {
            name: S::NAME,
            phase: S::PHASE,
            needs_principal: S::NEEDS_PRINCIPAL,
            answers: S::ANSWERS,
            schema: || schema_for!(S),
            compile: |node, at, report, scope| {
                yumen_model::read::<S>(node, at, report)?.compile(at, report, scope)
            },
        }
    }

    /// Its name in a config.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// When it runs.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether it decides on who calls.
    #[must_use]
    pub fn needs_principal(&self) -> bool {
        self.needs_principal
    }

    /// Methods of requests that it answers itself.
    #[must_use]
    pub fn answers(&self) -> &'static [&'static str] {
        self.answers
    }

    /// The schema of its config, with all that it refers to.
    #[must_use]
    pub fn schema(&self) -> Schema {
        (self.schema)()
    }

    /// Reads and compiles one use of it. `None` when the report has got a reason.
    pub fn compile(
        &self,
        config: &Node,
        at: &str,
        report: &mut Report,
        scope: &Scope,
    ) -> Option<Arc<dyn Policy>> {
        (self.compile)(config, at, report, scope)
    }
}

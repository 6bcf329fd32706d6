//! Why an exchange did not get its answer: a closed table of kinds, a sentence for the client,
//! and a cause for the log only.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use yumen_http::{Refusal, Status};

/// The kinds of failure. Each has one status and one stable code ([`FailureKind::code`]); a policy
/// picks a kind and never adds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The request is malformed or could be read in two ways.
    BadRequest,
    /// The client does not speak TLS, or could not agree on it, where it must.
    TlsExpected,
    /// The request brings nothing that says who calls.
    NoCredentials,
    /// What the request brings to prove who calls is not good.
    Unauthenticated,
    /// A policy does not let this one in.
    Forbidden,
    /// No route matches.
    NoRoute,
    /// The method is not served.
    MethodRefused,
    /// The head did not come in time.
    HeadTimeout,
    /// The body did not come in time.
    BodyTimeout,
    /// The body is too large.
    BodyTooLarge,
    /// The target is too long.
    TargetTooLong,
    /// `Expect` asks for something unknown.
    ExpectationFailed,
    /// The connection was made for a name with other TLS settings than the host that is asked for.
    Misdirected,
    /// The head is too large.
    HeadTooLarge,
    /// The client went away; nobody sees an answer.
    ClientGone,
    /// A bug of ours.
    Internal,
    /// What the client wants to speak instead of HTTP is not spoken there.
    ProtocolRefused,
    /// No target of the service could be connected to.
    UpstreamUnreachable,
    /// The service does not prove who it is, or TLS cannot be spoken with it.
    UpstreamTls,
    /// The service closed the connection before a whole answer head.
    UpstreamClosed,
    /// The service's answer is not proper HTTP.
    UpstreamBadAnswer,
    /// Who calls cannot be found out just now.
    IdentityBusy,
    /// Whether this one is let in cannot be found out just now.
    AuthorizationBusy,
    /// The service has as many requests as it may, or no target at all.
    UpstreamBusy,
    /// More requests at once would only queue at the service.
    UpstreamOverloaded,
    /// The service has failed too often and is not asked for a while.
    UpstreamOpen,
    /// The service took too long.
    UpstreamTimeout,
    /// The protocol version is not served.
    VersionRefused,
}

impl FailureKind {
    /// All kinds, for docs and metrics.
    pub const ALL: [Self; 28] = [
        Self::BadRequest,
        Self::TlsExpected,
        Self::NoCredentials,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NoRoute,
        Self::MethodRefused,
        Self::HeadTimeout,
        Self::BodyTimeout,
        Self::BodyTooLarge,
        Self::TargetTooLong,
        Self::ExpectationFailed,
        Self::Misdirected,
        Self::HeadTooLarge,
        Self::ClientGone,
        Self::Internal,
        Self::ProtocolRefused,
        Self::UpstreamUnreachable,
        Self::UpstreamTls,
        Self::UpstreamClosed,
        Self::UpstreamBadAnswer,
        Self::IdentityBusy,
        Self::AuthorizationBusy,
        Self::UpstreamBusy,
        Self::UpstreamOverloaded,
        Self::UpstreamOpen,
        Self::UpstreamTimeout,
        Self::VersionRefused,
    ];

    /// Status number, stable code, and the sentence for the client.
    const fn facts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::BadRequest => (400, "bad_request", "The request is malformed or ambiguous."),
            Self::TlsExpected => {
                (400, "tls_expected", "This port speaks TLS: use https:// instead of http://.")
            }
            Self::NoCredentials => {
                (401, "no_credentials", "The request does not say who sends it.")
            }
            Self::Unauthenticated => {
                (401, "unauthenticated", "The request does not prove who sends it.")
            }
            Self::Forbidden => (403, "forbidden", "The request is not allowed."),
            Self::NoRoute => (404, "no_route", "No route matches this request."),
            Self::MethodRefused => (405, "method_refused", "The method is not served here."),
            Self::HeadTimeout => (408, "head_timeout", "The request head did not arrive in time."),
            Self::BodyTimeout => (408, "body_timeout", "The request body did not arrive in time."),
            Self::BodyTooLarge => (413, "body_too_large", "The request body is too large."),
            Self::TargetTooLong => (414, "target_too_long", "The request target is too long."),
            Self::ExpectationFailed => {
                (417, "expectation_failed", "The expectation cannot be met.")
            }
            Self::Misdirected => {
                (421, "misdirected", "This host wants a connection of its own: make a new one.")
            }
            Self::HeadTooLarge => (431, "head_too_large", "The request head is too large."),
            Self::ClientGone => (499, "client_gone", "The client closed the connection."),
            Self::Internal => (500, "internal", "Something went wrong in the gateway."),
            Self::ProtocolRefused => (501, "protocol_refused", "The protocol is not spoken here."),
            Self::UpstreamUnreachable => {
                (502, "upstream_unreachable", "The service cannot be reached.")
            }
            Self::UpstreamTls => {
                (502, "upstream_tls", "No secure connection to the service can be made.")
            }
            Self::UpstreamClosed => (502, "upstream_closed", "The service closed the connection."),
            Self::UpstreamBadAnswer => {
                (502, "upstream_bad_answer", "The service gave an invalid answer.")
            }
            Self::IdentityBusy => {
                (503, "identity_busy", "Who sends the request cannot be found out just now.")
            }
            Self::AuthorizationBusy => (
                503,
                "authorization_busy",
                "Whether the request is allowed cannot be found out just now.",
            ),
            Self::UpstreamBusy => (503, "upstream_busy", "The service is busy or has no targets."),
            Self::UpstreamOverloaded => {
                (503, "upstream_overloaded", "The service has as much to do as it can.")
            }
            Self::UpstreamOpen => {
                (503, "upstream_open", "The service has failed and is left alone for a moment.")
            }
            Self::UpstreamTimeout => (504, "upstream_timeout", "The service took too long."),
            Self::VersionRefused => {
                (505, "version_refused", "The HTTP version is not served here.")
            }
        }
    }

    /// The status that the client sees.
    #[must_use]
    pub fn status(self) -> Status {
        Status::new(self.facts().0).unwrap_or(Status::OK)
    }

    /// How a call of gRPC that fails so ends: what its specification makes of the status, or what it
    /// has a better word for.
    #[must_use]
    pub const fn grpc_status(self) -> u8 {
        const CANCELLED: u8 = 1;
        const DEADLINE_EXCEEDED: u8 = yumen_http::grpc::DEADLINE_EXCEEDED;
        const PERMISSION_DENIED: u8 = 7;
        const RESOURCE_EXHAUSTED: u8 = 8;
        const UNIMPLEMENTED: u8 = 12;
        const INTERNAL: u8 = 13;
        const UNAVAILABLE: u8 = 14;
        const UNAUTHENTICATED: u8 = 16;
        match self {
            Self::ClientGone => CANCELLED,
            Self::UpstreamTimeout | Self::HeadTimeout | Self::BodyTimeout => DEADLINE_EXCEEDED,
            Self::NoCredentials | Self::Unauthenticated => UNAUTHENTICATED,
            Self::Forbidden => PERMISSION_DENIED,
            Self::BodyTooLarge => RESOURCE_EXHAUSTED,
            Self::NoRoute | Self::MethodRefused => UNIMPLEMENTED,
            Self::IdentityBusy
            | Self::AuthorizationBusy
            | Self::UpstreamUnreachable
            | Self::UpstreamTls
            | Self::UpstreamClosed
            | Self::UpstreamBadAnswer
            | Self::UpstreamBusy
            | Self::UpstreamOverloaded
            | Self::UpstreamOpen => UNAVAILABLE,
            Self::BadRequest
            | Self::TlsExpected
            | Self::TargetTooLong
            | Self::ExpectationFailed
            | Self::HeadTooLarge
            | Self::Internal
            | Self::Misdirected
            | Self::ProtocolRefused
            | Self::VersionRefused => INTERNAL,
        }
    }

    /// The code that the client can rely on.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.facts().1
    }

    /// The sentence for the client, unless the failure brings its own.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        self.facts().2
    }
}

/// What a client is asked to prove itself with: the value of a `WWW-Authenticate` field (RFC 9110
/// section 11.6.1). It is made when a policy is compiled, and is good in a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge(pub Arc<str>);

/// A failed exchange. It is small, for every answer could be one instead.
#[derive(Debug, Clone)]
pub struct Failure {
    kind: FailureKind,
    more: Option<Box<More>>,
}

/// What is said of a failure beside its kind.
#[derive(Debug, Clone, Default)]
struct More {
    sentence: Option<Cow<'static, str>>,
    cause: Option<Cow<'static, str>>,
    after: Option<Duration>,
    status: Option<Status>,
    challenges: Vec<Challenge>,
}

impl Failure {
    /// A failure with its kind's own sentence.
    #[must_use]
    #[cold]
    pub fn new(kind: FailureKind) -> Self {
        Self { kind, more: None }
    }

    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Another sentence for the client. It must hold nothing secret.
    #[must_use]
    pub fn saying(mut self, sentence: impl Into<Cow<'static, str>>) -> Self {
        self.more().sentence = Some(sentence.into());
        self
    }

    /// The cause, for the log only.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cow<'static, str>>) -> Self {
        self.more().cause = Some(cause.into());
        self
    }

    /// Another status for the client than that of its kind.
    #[must_use]
    pub fn answering(mut self, status: Status) -> Self {
        self.more().status = Some(status);
        self
    }

    /// When the client may try again, from now.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.more().after = Some(wait);
        self
    }

    /// What would have proved who calls.
    #[must_use]
    pub fn challenging(mut self, challenges: impl IntoIterator<Item = Challenge>) -> Self {
        self.more().challenges.extend(challenges);
        self
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The status that the client sees.
    #[must_use]
    pub fn status(&self) -> Status {
        let own = self.more.as_ref().and_then(|more| more.status);
        own.unwrap_or(self.kind.status())
    }

    /// The sentence for the client.
    #[must_use]
    pub fn sentence(&self) -> &str {
        let own = self.more.as_ref().and_then(|more| more.sentence.as_deref());
        own.unwrap_or(self.kind.sentence())
    }

    /// The cause, for the log only.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.more.as_ref()?.cause.as_deref()
    }

    /// When the client may try again, from the failure on, if that is known.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.more.as_ref()?.after
    }

    /// What would have proved who calls: one or more if the client is unauthenticated.
    #[must_use]
    pub fn challenges(&self) -> &[Challenge] {
        self.more.as_ref().map_or(&[], |more| &more.challenges)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause() {
            Some(cause) => write!(out, "{}: {cause}", self.kind.code()),
            None => out.write_str(self.kind.code()),
        }
    }
}

impl From<Refusal> for Failure {
    #[cold]
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::Malformed(what) => return Self::new(FailureKind::BadRequest).because(what.0),
            Refusal::Unsecured => FailureKind::TlsExpected,
            Refusal::TargetTooLong => FailureKind::TargetTooLong,
            Refusal::HeadTooLarge => FailureKind::HeadTooLarge,
            Refusal::BodyTooLarge => FailureKind::BodyTooLarge,
            Refusal::HeadTimeout => FailureKind::HeadTimeout,
            Refusal::BodyTimeout => FailureKind::BodyTimeout,
            Refusal::Version => FailureKind::VersionRefused,
            Refusal::Method => FailureKind::MethodRefused,
            Refusal::Protocol => FailureKind::ProtocolRefused,
            Refusal::Expectation => FailureKind::ExpectationFailed,
        };
        Self::new(kind)
    }
}

//! Why an exchange did not get its answer: a closed table of kinds, a sentence for the client,
//! and a cause for the log only.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use yumen_http::{BodyError, Refusal, Status};

/// The kinds of failure. Each has one status and one stable code ([`FailureKind::code`]); a policy
/// picks a kind and never adds one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The request is malformed or could be read in two ways.
    BadRequest,
    /// The client does not speak TLS, or could not agree on it, where it must.
    TlsExpected,
    /// The request is proper HTTP, and not what is asked for here.
    Invalid,
    /// The body is larger inside than it may be: too deep, too many of something.
    TooComplex,
    /// The request brings nothing that says who calls.
    NoCredentials,
    /// What the request brings to prove who calls is not good.
    Unauthenticated,
    /// A policy does not let this one in.
    Forbidden,
    /// No route matches.
    NoRoute,
    /// The description of what is served has no such path.
    NoOperation,
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
    /// The body's media type, or its encoding, is not taken here.
    MediaTypeRefused,
    /// `Expect` asks for something unknown.
    ExpectationFailed,
    /// The connection was made for a name with other TLS settings than the host that is asked for.
    Misdirected,
    /// As [`FailureKind::Invalid`], for those who want another status for it.
    Unprocessable,
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
    pub const ALL: [Self; 33] = [
        Self::BadRequest,
        Self::TlsExpected,
        Self::Invalid,
        Self::TooComplex,
        Self::NoCredentials,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NoRoute,
        Self::NoOperation,
        Self::MethodRefused,
        Self::HeadTimeout,
        Self::BodyTimeout,
        Self::BodyTooLarge,
        Self::TargetTooLong,
        Self::MediaTypeRefused,
        Self::ExpectationFailed,
        Self::Misdirected,
        Self::Unprocessable,
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
            Self::Invalid => (400, "invalid_request", "The request is not what is asked for here."),
            Self::TooComplex => (400, "too_complex", "The body is too complex."),
            Self::NoCredentials => {
                (401, "no_credentials", "The request does not say who sends it.")
            }
            Self::Unauthenticated => {
                (401, "unauthenticated", "The request does not prove who sends it.")
            }
            Self::Forbidden => (403, "forbidden", "The request is not allowed."),
            Self::NoRoute => (404, "no_route", "No route matches this request."),
            Self::NoOperation => (404, "no_operation", "There is nothing at this path."),
            Self::MethodRefused => (405, "method_refused", "The method is not served here."),
            Self::HeadTimeout => (408, "head_timeout", "The request head did not arrive in time."),
            Self::BodyTimeout => (408, "body_timeout", "The request body did not arrive in time."),
            Self::BodyTooLarge => (413, "body_too_large", "The request body is too large."),
            Self::TargetTooLong => (414, "target_too_long", "The request target is too long."),
            Self::MediaTypeRefused => {
                (415, "media_type_refused", "A body of this type is not taken here.")
            }
            Self::ExpectationFailed => {
                (417, "expectation_failed", "The expectation cannot be met.")
            }
            Self::Misdirected => {
                (421, "misdirected", "This host wants a connection of its own: make a new one.")
            }
            Self::Unprocessable => {
                (422, "unprocessable_request", "The request is not what is asked for here.")
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
        const INVALID_ARGUMENT: u8 = 3;
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
            Self::BodyTooLarge | Self::TooComplex => RESOURCE_EXHAUSTED,
            Self::Invalid | Self::Unprocessable => INVALID_ARGUMENT,
            Self::NoRoute | Self::NoOperation | Self::MethodRefused => UNIMPLEMENTED,
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
            | Self::MediaTypeRefused
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

/// Violations that one failure tells of; there may be more.
pub const VIOLATIONS_MAX: usize = 32;
/// The longest sentence and place of a violation, in bytes; longer ones are cut.
const VIOLATION_BYTES_MAX: usize = 256;

/// One thing that a request has and should not, or the other way round. The client is told of it: it
/// must hold nothing secret, and of the request no more than names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The part of the request: `body`, `path`, `query`, `header`, `cookie`.
    pub part: &'static str,
    /// In a body a JSON pointer (RFC 6901); else the name of the parameter, and a pointer behind it if
    /// it is inside of its value.
    pub at: String,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl Violation {
    /// One with its texts cut where they are too long.
    #[must_use]
    pub fn new(part: &'static str, at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { part, at: cut(at.into()), message: cut(message.into()) }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.part, self.at, self.message)
    }
}

fn cut(mut text: String) -> String {
    if text.len() > VIOLATION_BYTES_MAX {
        let ends = text.char_indices().map(|(at, _)| at);
        let most = ends.take_while(|at| *at <= VIOLATION_BYTES_MAX).last().unwrap_or(0);
        text.truncate(most);
        text.push('\u{2026}');
    }
    text
}

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
    violations: Vec<Violation>,
    allowed: Vec<&'static str>,
}

/// Why there is no body of the client's to be looked at.
impl From<BodyError> for Failure {
    #[cold]
    fn from(error: BodyError) -> Self {
        let kind = match error {
            BodyError::TooLarge => FailureKind::BodyTooLarge,
            BodyError::Stalled | BodyError::TooLate => FailureKind::BodyTimeout,
            BodyError::Cut => FailureKind::ClientGone,
            BodyError::Malformed => FailureKind::BadRequest,
        };
        Self::new(kind).because(error.to_string())
    }
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

    /// What of the request is wrong; at most [`VIOLATIONS_MAX`] are kept.
    #[must_use]
    pub fn violating(mut self, violations: impl IntoIterator<Item = Violation>) -> Self {
        let more = self.more();
        let room = VIOLATIONS_MAX.saturating_sub(more.violations.len());
        more.violations.extend(violations.into_iter().take(room));
        self
    }

    /// Methods that would have been served (RFC 9110 section 15.5.6).
    #[must_use]
    pub fn allowing(mut self, methods: impl IntoIterator<Item = &'static str>) -> Self {
        self.more().allowed.extend(methods);
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

    /// What of the request is wrong, as far as it is known.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.more.as_ref().map_or(&[], |more| &more.violations)
    }

    /// Methods that would have been served, if the failure is about the method and they are known.
    #[must_use]
    pub fn allowed(&self) -> &[&'static str] {
        self.more.as_ref().map_or(&[], |more| &more.allowed)
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

//! When a request is sent once more, how long that waits, and how much of it there may be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Bytes, Span};

/// When a request is sent once more. Another target is asked if there is one that was not tried,
/// and at once; the same one only after a pause. Nothing is sent again once an answer was begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retries {
    /// Further attempts after the first, 0 to 10; 0 switches retries off.
    pub attempts: u32,
    /// What must have happened.
    pub on: Vec<RetryOn>,
    /// Answers of these statuses, 400 to 599, are tried again too; usual are 502, 503 and 504. The
    /// last one is passed on.
    pub statuses: Vec<u16>,
    /// Calls of gRPC that end so before there was a message are tried again too, whatever `methods`
    /// says; usual are `unavailable` and `resource_exhausted`. The last answer is passed on. Only for
    /// services that speak HTTP/2.
    pub grpc: Vec<GrpcStatus>,
    /// Methods that may be sent twice. If empty, those that do no more harm the second time:
    /// `GET`, `HEAD`, `PUT`, `DELETE`, `OPTIONS`. A request of which nothing was sent, because
    /// there was no connection, is tried again whatever its method.
    pub methods: Vec<String>,
    /// How much of a request body is kept, so that it can be sent again; a request with a longer
    /// one is not, once its body was begun.
    pub body: Bytes,
    /// The pause before the same target is asked again.
    pub backoff: Backoff,
    /// The longest `Retry-After` of an answer, or `grpc-retry-pushback-ms`, that is waited for; an
    /// answer that asks for more is passed on.
    pub retry_after: Span,
    /// A request that has waited for so long for its answer's head is sent to another target too,
    /// once; the first answer counts and the other request is called off. Only for methods that may
    /// be sent twice, without a body or with a small one that is here already, and out of the same
    /// budget. Off by default; usual is the time that 95 of 100 answers do not take.
    pub hedge: Span,
    /// How many retries there may be of all requests to the service.
    pub budget: RetryBudget,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: 2,
            on: vec![RetryOn::Connect, RetryOn::Reset, RetryOn::Timeout],
            statuses: Vec::new(),
            grpc: Vec::new(),
            methods: Vec::new(),
            body: Bytes::kib(64),
            backoff: Backoff::default(),
            retry_after: Span::seconds(1),
            hedge: Span::OFF,
            budget: RetryBudget::default(),
        }
    }
}

/// What must have happened before a request is sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// No connection could be made to any target.
    Connect,
    /// The connection was lost before there was an answer.
    Reset,
    /// There was no answer within `per_try`; or none within `first_byte`, and there is another
    /// target; or the target answers nobody while others do.
    Timeout,
}

/// How a call of gRPC ends that does not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrpcStatus {
    /// Somebody called it off.
    Cancelled = 1,
    /// Nobody knows why; what many servers make of an exception.
    Unknown = 2,
    /// What was asked makes no sense.
    InvalidArgument = 3,
    /// It took too long.
    DeadlineExceeded = 4,
    /// Something is not there.
    NotFound = 5,
    /// Something is there already.
    AlreadyExists = 6,
    /// The caller may not.
    PermissionDenied = 7,
    /// A quota is used up, or there is too much to do.
    ResourceExhausted = 8,
    /// It is not the time for it.
    FailedPrecondition = 9,
    /// Others came in between.
    Aborted = 10,
    /// Beyond the end of something.
    OutOfRange = 11,
    /// There is no such method.
    Unimplemented = 12,
    /// Something broke.
    Internal = 13,
    /// The service is not there for the moment.
    Unavailable = 14,
    /// Something is lost for good.
    DataLoss = 15,
    /// Nobody knows who the caller is.
    Unauthenticated = 16,
}

impl GrpcStatus {
    /// The number in `grpc-status`.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// The pause before the same target is asked again: a random part of a time that doubles with each
/// attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Backoff {
    /// The longest pause before the first further attempt.
    pub first: Span,
    /// The longest pause of all.
    pub max: Span,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Span::millis(25), max: Span::millis(250) }
    }
}

/// How many retries there may be, so that a service that fails is not buried under them. It is
/// shared by all routes of the service and all worker threads, and looks back about two seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryBudget {
    /// Retries as a share of the requests, 0 to 1.
    pub share: f64,
    /// So many retries per second are allowed in any case.
    pub per_second_min: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { share: 0.2, per_second_min: 3 }
    }
}

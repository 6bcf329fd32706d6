//! When a request is sent once more, ready for use: what its plan says, and what a failed try means
//! to it.

use std::io;
use std::time::Duration;

use yumen_http::{Method, Response, Status, grpc};
use yumen_model::RetryOn;
use yumen_model::report::Report;
use yumen_policy::{Decided, Exchange, Failure, FailureKind};

use crate::backoff::Backoff;
use crate::budget::Allowance;
use crate::endpoint::Endpoint;
use crate::outcome::ended_at_once;

/// More further attempts than this help nobody.
const ATTEMPTS_MAX: u32 = 10;

/// Requests that may leave silent endpoints in a second in any case.
const LEAVES_PER_SECOND_MIN: u32 = 16;

/// Requests that may come to nothing in a second, in any case, when they are sent once more at once.
const ANEW_PER_SECOND_MIN: u32 = 16;

/// When a request is sent once more.
#[derive(Debug, Clone, PartialEq)]
pub struct Retries {
    pub(crate) attempts: u32,
    on: Vec<RetryOn>,
    statuses: Vec<u16>,
    /// Of each `grpc-status` whether it is one to try again on, as a bit.
    calls: u32,
    methods: Vec<String>,
    pub(crate) body_max: usize,
    pub(crate) backoff: Backoff,
    pub(crate) retry_after: Duration,
    /// When a request is sent to another target too.
    pub(crate) hedge: Option<Duration>,
    pub(crate) allowance: Allowance,
}

/// Why a try came to nothing, as far as another one could help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// No connection.
    Connect,
    /// A kept connection was closed before a byte of an answer came.
    Stale,
    /// The service had not looked at it, and says so.
    Unprocessed,
    /// The connection was lost.
    Reset,
    /// No answer in time.
    Timeout,
    /// The endpoint answers nobody.
    Silent,
    /// An answer of this status.
    Status(Status),
    /// A call of gRPC ended with this status, before there was a message.
    Call(u8),
}

/// What in an answer there is to try again on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Again {
    pub(crate) cause: Cause,
    /// How long the service asks to be left alone before.
    pub(crate) wait: Duration,
}

/// A try without an answer.
#[derive(Debug)]
pub(crate) struct Setback {
    pub(crate) failure: Failure,
    /// `None` if nothing can be tried again.
    pub(crate) cause: Option<Cause>,
}

impl Setback {
    /// No connection could be made.
    #[cold]
    pub(crate) fn unconnected(error: &io::Error, endpoint: &Endpoint) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::TimedOut => FailureKind::UpstreamTimeout,
            // It could be connected to, but not trusted.
            io::ErrorKind::InvalidData => FailureKind::UpstreamTls,
            _ => FailureKind::UpstreamUnreachable,
        };
        let failure =
            Failure::new(kind).because(format!("cannot connect to {}: {error}", endpoint.name));
        Self { failure, cause: Some(Cause::Connect) }
    }

    /// Nothing can be tried again.
    #[cold]
    pub(crate) fn last(failure: Failure) -> Self {
        Self { failure, cause: None }
    }
}

impl Cause {
    /// The word for it.
    pub(crate) fn decided(self) -> Decided {
        match self {
            Self::Connect => Decided::Connect,
            Self::Stale => Decided::Stale,
            Self::Unprocessed => Decided::Unprocessed,
            Self::Reset => Decided::Reset,
            Self::Timeout => Decided::Timeout,
            Self::Silent => Decided::Silent,
            Self::Status(_) => Decided::Status,
            Self::Call(_) => Decided::GrpcStatus,
        }
    }

    pub(crate) fn status(self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status.code()),
            Self::Call(status) => Some(u16::from(status)),
            Self::Connect
            | Self::Stale
            | Self::Unprocessed
            | Self::Reset
            | Self::Timeout
            | Self::Silent => None,
        }
    }
}

impl Retries {
    /// Compiles the retries of a service or route; problems go into the report with paths below
    /// `at`.
    pub(crate) fn compile(retries: &yumen_model::Retries, at: &str, report: &mut Report) -> Self {
        if retries.attempts > ATTEMPTS_MAX {
            report
                .error(format!("{at}.attempts"), format!("{} is too many", retries.attempts))
                .hint(format!("at most {ATTEMPTS_MAX}; 2 is usual"));
        }
        for (index, status) in retries.statuses.iter().enumerate() {
            if !(400..=599).contains(status) {
                report
                    .error(format!("{at}.statuses[{index}]"), format!("{status} is no failure"))
                    .hint("use statuses from 400 to 599, such as 503");
            }
        }
        for (index, method) in retries.methods.iter().enumerate() {
            if Method::read(method.as_bytes()).is_none() {
                report
                    .error(format!("{at}.methods[{index}]"), format!("`{method}` is no method"))
                    .hint("write it as it is sent, such as `POST`");
            }
        }
        let share = retries.budget.share;
        if !share.is_finite() || !(0.0..=1.0).contains(&share) {
            report
                .error(format!("{at}.budget.share"), format!("{share} is not between 0 and 1"))
                .hint("0.2 allows one retry for every five requests");
        }
        let (first, max) = (retries.backoff.first.get(), retries.backoff.max.get());
        if first.unwrap_or_default() > max.unwrap_or_default() {
            report
                .error(
                    format!("{at}.backoff.first"),
                    format!(
                        "{} is longer than `max`, {}",
                        retries.backoff.first, retries.backoff.max
                    ),
                )
                .hint("the pause grows from `first` to `max`");
        }
        Self {
            attempts: retries.attempts,
            on: retries.on.clone(),
            statuses: retries.statuses.clone(),
            calls: retries.grpc.iter().fold(0, |calls, status| calls | bit(status.code())),
            methods: retries.methods.clone(),
            body_max: usize::try_from(retries.body.0).unwrap_or(usize::MAX),
            backoff: Backoff { first: first.unwrap_or_default(), max: max.unwrap_or_default() },
            retry_after: retries.retry_after.get().unwrap_or_default(),
            hedge: retries.hedge.get(),
            allowance: Allowance { share, per_second_min: retries.budget.per_second_min },
        }
    }

    /// Whether a request of this method may be sent twice.
    pub(crate) fn allows(&self, method: &Method) -> bool {
        if self.methods.is_empty() {
            return method.is_idempotent();
        }
        self.methods.iter().any(|allowed| allowed == method.as_str())
    }

    /// Whether this is something to try again on.
    pub(crate) fn are_for(&self, cause: Cause) -> bool {
        match cause {
            Cause::Connect => self.on.contains(&RetryOn::Connect),
            Cause::Stale | Cause::Unprocessed => true,
            Cause::Reset => self.on.contains(&RetryOn::Reset),
            Cause::Timeout | Cause::Silent => self.on.contains(&RetryOn::Timeout),
            Cause::Status(status) => self.statuses.contains(&status.code()),
            Cause::Call(status) => self.calls & bit(status) != 0,
        }
    }

    /// How many requests may leave endpoints that answer nobody. Those who wait all leave in one
    /// moment, and the service is none that fails, so that there is a larger least, unless retries
    /// are not wanted at all. It is the same budget: while they count, others are refused.
    pub(crate) fn leaves(&self) -> Allowance {
        let Allowance { share, per_second_min } = self.allowance;
        let none = per_second_min == 0;
        let least = if none { 0 } else { per_second_min.max(LEAVES_PER_SECOND_MIN) };
        Allowance { share, per_second_min: least }
    }

    /// How much must be left for a request to be sent once more at once, because the service seems
    /// not to have looked at it. That is no failure of its own, so that there is a larger least, even
    /// where retries are not wanted.
    pub(crate) fn anew(&self) -> Allowance {
        let Allowance { share, per_second_min } = self.allowance;
        Allowance { share, per_second_min: per_second_min.max(ANEW_PER_SECOND_MIN) }
    }

    /// What in this answer there is to try again on, if there is anything.
    pub(crate) fn find(&self, response: &Response, exchange: &Exchange) -> Option<Again> {
        let cause = Cause::Status(response.head.status());
        if !self.statuses.is_empty() && self.are_for(cause) {
            return Some(Again { cause, wait: retry_after(response) });
        }
        if self.calls == 0 {
            return None;
        }
        let cause = Cause::Call(ended_at_once(exchange)?);
        self.are_for(cause).then(|| Again { cause, wait: pushback(response) })
    }
}

/// The place of a `grpc-status` among the bits; none for a number that is none.
fn bit(status: u8) -> u32 {
    1_u32.checked_shl(status.into()).unwrap_or(0)
}

/// How long the service asks to be left alone, if it says so in seconds (RFC 9110 section 10.2.3).
fn retry_after(response: &Response) -> Duration {
    let value = response.head.fields().first("retry-after");
    let seconds = value.and_then(|value| std::str::from_utf8(value).ok()?.parse::<u64>().ok());
    Duration::from_secs(seconds.unwrap_or_default())
}

/// How long a service asks to be left alone before a call is sent to it again: for ever if it asks
/// not to be sent it at all.
fn pushback(response: &Response) -> Duration {
    let mut asked = response.head.fields().all("grpc-retry-pushback-ms");
    match (asked.next(), asked.next()) {
        (None, _) => Duration::ZERO,
        (Some(one), None) => grpc::read_pushback(one).unwrap_or(Duration::MAX),
        // Which of them is meant?
        (Some(_), Some(_)) => Duration::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_http::{Body, HeadLimits, Pseudo, RequestHead, ResponseHead, Version};
    use yumen_model::{GrpcStatus, Span};

    fn problems(retries: &yumen_model::Retries) -> Vec<String> {
        let mut report = Report::default();
        Retries::compile(retries, "r", &mut report);
        report.problems().iter().map(|problem| problem.path.clone()).collect()
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        assert!(problems(&yumen_model::Retries::default()).is_empty());
        let wrong = yumen_model::Retries {
            attempts: 11,
            statuses: vec![503, 200],
            methods: vec!["GET".to_owned(), "get".to_owned()],
            backoff: yumen_model::Backoff { first: Span::seconds(2), max: Span::seconds(1) },
            budget: yumen_model::RetryBudget { share: 1.5, per_second_min: 0 },
            ..yumen_model::Retries::default()
        };
        let paths =
            ["r.attempts", "r.statuses[1]", "r.methods[1]", "r.budget.share", "r.backoff.first"];
        assert_eq!(problems(&wrong), paths);
    }

    #[test]
    fn methods_and_causes_are_the_usual_ones_unless_told() {
        let mut report = Report::default();
        let usual = Retries::compile(&yumen_model::Retries::default(), "", &mut report);
        let told = yumen_model::Retries {
            methods: vec!["POST".to_owned()],
            on: Vec::new(),
            statuses: vec![503],
            grpc: vec![GrpcStatus::Unavailable, GrpcStatus::Unauthenticated],
            ..yumen_model::Retries::default()
        };
        let told = Retries::compile(&told, "", &mut report);
        for (method, by_usual, by_told) in
            [(Method::Get, true, false), (Method::Put, true, false), (Method::Post, false, true)]
        {
            assert_eq!((usual.allows(&method), told.allows(&method)), (by_usual, by_told));
        }
        let status = |code| Cause::Status(Status::new(code).unwrap());
        for (cause, by_usual, by_told) in [
            (Cause::Connect, true, false),
            (Cause::Stale, true, true),
            (Cause::Unprocessed, true, true),
            (Cause::Reset, true, false),
            (Cause::Timeout, true, false),
            (Cause::Silent, true, false),
            (status(503), false, true),
            (status(502), false, false),
            (Cause::Call(0), false, false),
            (Cause::Call(13), false, false),
            (Cause::Call(14), false, true),
            (Cause::Call(16), false, true),
            (Cause::Call(14 + 32), false, false),
            (Cause::Call(u8::MAX), false, false),
        ] {
            assert_eq!((usual.are_for(cause), told.are_for(cause)), (by_usual, by_told));
        }
    }

    /// An exchange over HTTP/2 with a request of this kind.
    fn exchange(kind: &str) -> Exchange {
        let limits = HeadLimits { head: 4096, target: 4096, field: 4096, fields: 100 };
        let pseudo = Pseudo {
            version: Version::Http2,
            method: "POST",
            scheme: Some("http"),
            authority: Some("a"),
            path: Some("/a.B/C"),
            protocol: None,
            ended: false,
        };
        let fields = [("content-type", kind.as_bytes())].into_iter();
        let mut exchange = yumen_policy::testing::exchange("GET / HTTP/1.1\nHost: a");
        *exchange.request.head = RequestHead::assemble(&pseudo, fields, &limits).unwrap();
        exchange
    }

    #[test]
    fn an_answer_says_what_to_try_again_on_and_when() {
        let retries = yumen_model::Retries {
            statuses: vec![503],
            grpc: vec![GrpcStatus::Unavailable],
            ..yumen_model::Retries::default()
        };
        let retries = Retries::compile(&retries, "", &mut Report::default());
        let (call, other) = ("application/grpc+proto", "application/grpc-web");
        let check = |kind: &str, status: u16, fields: &[(&str, &str)], expect| {
            let exchange = exchange(kind);
            let mut head = ResponseHead::new(Status::new(status).unwrap());
            for (name, value) in fields {
                head.fields_mut().add(name, value.as_bytes()).unwrap();
            }
            let ended = head.fields().first("grpc-status").and_then(grpc::read_status);
            exchange.trail.watch.grpc_status.set(ended);
            let response = Response::new(Box::new(head), Body::Empty);
            let found = retries.find(&response, &exchange).map(|again| {
                let millis = again.wait.min(Duration::from_secs(1000)).as_millis();
                (again.cause.decided(), again.cause.status(), millis)
            });
            assert_eq!(found, expect, "{kind} {status} {fields:?}");
        };
        let ended = ("grpc-status", "14");
        let pushed = |wait| ("grpc-retry-pushback-ms", wait);
        let again = |wait| Some((Decided::GrpcStatus, Some(14), wait));
        check(call, 200, &[ended], again(0));
        check(call, 200, &[ended, pushed("250")], again(250));
        check(call, 200, &[ended, pushed("-1")], again(1_000_000));
        check(call, 200, &[ended, pushed("1"), pushed("2")], again(1_000_000));
        check(call, 200, &[("grpc-status", "0")], None);
        check(call, 200, &[("grpc-status", "13")], None);
        check(call, 200, &[], None);
        check(other, 200, &[ended], None);
        let by_status = |wait| Some((Decided::Status, Some(503), wait));
        check(call, 503, &[], by_status(0));
        check(call, 503, &[ended, ("retry-after", "2"), pushed("250")], by_status(2000));
    }
}

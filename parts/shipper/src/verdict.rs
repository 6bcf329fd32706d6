//! What an answer means for a batch: taken, refused for good, or to be tried again. By the
//! specification of OTLP (its chapters on failures over HTTP and over gRPC), which suits other servers too.

use std::time::{Duration, SystemTime};

use yumen_courier::{Answer, Fault};

/// What becomes of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The server has it, but for so many records.
    Taken(u64),
    /// The server could not take it now: why, and how long it wants to be left alone.
    Again(String, Option<Duration>),
    /// The server will never take it: why.
    Refused(String),
}

/// Judges the answer to a request.
#[must_use]
pub fn judge(
    answer: Result<Answer, Fault>,
    rejected: fn(&[u8]) -> u64,
    now: SystemTime,
) -> Verdict {
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) => return of_fault(&fault),
    };
    let status = answer.status.code();
    let why = || format!("it answered with status {status}");
    match status {
        200..=299 => Verdict::Taken(rejected(&answer.body)),
        429 | 502..=504 => Verdict::Again(why(), answer.retry_after(now)),
        _ => Verdict::Refused(why()),
    }
}

fn of_fault(fault: &Fault) -> Verdict {
    let why = fault.to_string();
    match fault {
        Fault::Call(status) => match status.code {
            // Cancelled, deadline exceeded, aborted, out of range, unavailable, data loss.
            1 | 4 | 10 | 11 | 14 | 15 => Verdict::Again(why, status.retry_after),
            // Resources exhausted: only who says when there will be some wants to be asked again.
            8 if status.retry_after.is_some() => Verdict::Again(why, status.retry_after),
            _ => Verdict::Refused(why),
        },
        // It may have taken the batch: once more could be once too often.
        Fault::Malformed { .. } | Fault::TooLarge { .. } => Verdict::Refused(why),
        Fault::Lookup { .. }
        | Fault::Connect { .. }
        | Fault::Tls { .. }
        | Fault::TooSlow { .. }
        | Fault::Closed { .. } => Verdict::Again(why, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yumen_courier::CallStatus;
    use yumen_http::{Fields, Status};

    fn answered(status: u16, retry_after: Option<&str>) -> Verdict {
        let mut fields = Fields::new();
        if let Some(value) = retry_after {
            fields.add("Retry-After", value.as_bytes()).unwrap();
        }
        let status = Status::new(status).unwrap();
        let answer = Answer { status, fields, body: vec![1, 2, 3], trailers: None };
        judge(Ok(answer), |body| body.len() as u64, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn statuses_of_http_are_judged() {
        for status in [200, 202, 204, 299] {
            assert_eq!(answered(status, None), Verdict::Taken(3), "{status}");
        }
        for status in [301, 400, 401, 404, 408, 413, 500, 501, 505] {
            assert!(matches!(answered(status, Some("1")), Verdict::Refused(_)), "{status}");
        }
        for status in [429, 502, 503, 504] {
            assert!(matches!(answered(status, None), Verdict::Again(_, None)), "{status}");
            let asked = Some(Duration::from_secs(7));
            let again = answered(status, Some("7"));
            assert!(matches!(again, Verdict::Again(_, wait) if wait == asked), "{status}");
        }
    }

    #[test]
    fn statuses_of_calls_are_judged() {
        let check = |code, retry_after: Option<u64>| {
            let retry_after = retry_after.map(Duration::from_secs);
            let status = CallStatus { code, message: String::new(), retry_after };
            let fault = Fault::Call(Box::new(status));
            matches!(judge(Err(fault), |_| 0, SystemTime::UNIX_EPOCH), Verdict::Again(_, wait) if wait == retry_after)
        };
        let again: Vec<u32> = (0..18).filter(|code| check(*code, None)).collect();
        assert_eq!(again, [1, 4, 10, 11, 14, 15]);
        assert!(check(8, Some(1)) && check(14, Some(1)) && !check(3, Some(1)));
    }
}

//! Tables of bad input: a case is exact bytes and what is right; the judge looks at what the
//! service recorded and at what the client got, and names every case that is not right.

use std::any::Any;
use std::net::SocketAddr;
use std::time::Duration;

use crate::backend::{Backend, Recorded};
use crate::client::{Brought, Client, Lost};
use crate::message::{Flaw, Message, show};

/// How long an answer may take before the client half-closes: some input is rightly waited on.
const WAITING: Duration = Duration::from_millis(1500);
/// How long after the last expected answer something more may show up.
const QUIET: Duration = Duration::from_millis(40);
/// How long a refused connection may take to close, and an aborted one at the service.
const CLOSING: Duration = Duration::from_secs(3);

/// One input and what is right.
#[derive(Debug)]
pub struct Case {
    /// Number of the catalogue entry and what is special, such as `13 length twice: 5, 5`.
    pub name: String,
    /// What the client sends.
    pub input: Vec<u8>,
    /// What must come of it.
    pub right: Right,
    /// True if it goes to the listener that trusts its peers.
    pub trusted: bool,
}

/// One case.
pub fn case(name: impl Into<String>, input: impl Into<Vec<u8>>, right: Right) -> Case {
    Case { name: name.into(), input: input.into(), right, trusted: false }
}

/// What must come of an input.
#[derive(Debug, Clone)]
pub struct Right {
    /// Requests that must reach the service, whole and clean, and no others.
    requests: Vec<Seen>,
    /// What must become of the connection after their answers.
    end: End,
    /// Statuses with which the whole input may be refused instead.
    or_refused: Option<&'static [u16]>,
}

#[derive(Debug, Clone, PartialEq)]
enum End {
    /// It stays open, or is closed: both are right.
    Any,
    /// It stays open.
    Kept,
    /// It is closed without another answer.
    Closed,
    /// One more answer with one of these statuses, nothing more at the service, then closed.
    Refused(&'static [u16]),
    /// As `Refused`, or the service sees a message that ends before it is whole.
    Aborted,
    /// One more answer with one of these statuses, given by the gateway itself.
    Answered(&'static [u16]),
}

/// A refusal as it should be for input that can be read in two ways.
pub const BAD: &[u16] = &[400];
/// Any refusal of the client's fault.
pub const ANY_REFUSAL: &[u16] = &[400, 403, 404, 405, 408, 411, 413, 414, 417, 431, 501, 505];

/// Refused with 400 and closed; nothing reaches the service.
pub fn refuse() -> Right {
    refuse_with(BAD)
}

/// Refused with one of these and closed; nothing reaches the service.
pub fn refuse_with(statuses: &'static [u16]) -> Right {
    Right { requests: Vec::new(), end: End::Refused(statuses), or_refused: None }
}

/// Refused; or the service sees a message that is never whole. Nothing behind it is served.
pub fn abort() -> Right {
    Right { requests: Vec::new(), end: End::Aborted, or_refused: None }
}

/// The gateway answers by itself with one of these; nothing reaches the service.
pub fn answered(statuses: &'static [u16]) -> Right {
    Right { requests: Vec::new(), end: End::Answered(statuses), or_refused: None }
}

/// Exactly these requests reach the service.
pub fn forward(requests: impl IntoIterator<Item = Seen>) -> Right {
    let requests = requests.into_iter().collect();
    Right { requests, end: End::Any, or_refused: None }
}

impl Right {
    /// Or the whole input is refused and nothing reaches the service.
    #[must_use]
    pub fn or_refuse(self) -> Self {
        Self { or_refused: Some(ANY_REFUSAL), ..self }
    }

    /// Then the connection is closed without another answer.
    #[must_use]
    pub fn then_close(self) -> Self {
        Self { end: End::Closed, ..self }
    }

    /// Then the connection stays open.
    #[must_use]
    pub fn kept(self) -> Self {
        Self { end: End::Kept, ..self }
    }

    /// Then one more answer refuses the rest with 400, and the connection is closed.
    #[must_use]
    pub fn then_refuse(self) -> Self {
        Self { end: End::Refused(BAD), ..self }
    }

    /// True if the input must be refused whole.
    pub fn is_refusal(&self) -> bool {
        self.requests.is_empty() && matches!(self.end, End::Refused(_))
    }
}

/// A request as it must reach the service.
#[derive(Debug, Clone)]
pub struct Seen {
    method: String,
    target: String,
    body: Option<Vec<u8>>,
    has: Vec<(String, String)>,
    lacks: Vec<String>,
}

/// A request with this method and target.
pub fn seen(method: &str, target: &str) -> Seen {
    let (method, target) = (method.to_owned(), target.to_owned());
    Seen { method, target, body: None, has: Vec::new(), lacks: Vec::new() }
}

impl Seen {
    /// With exactly this body.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_vec());
        self
    }

    /// With this field once, with this value.
    #[must_use]
    pub fn has(mut self, name: &str, value: &str) -> Self {
        self.has.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without this field, or if a value is given after `=`, without this value of it.
    #[must_use]
    pub fn lacks(mut self, name: &str) -> Self {
        self.lacks.push(name.to_owned());
        self
    }

    /// Says how `request` differs from this.
    fn differs(&self, request: &Message) -> Option<String> {
        if (request.method(), request.target()) != (self.method.as_str(), self.target.as_str()) {
            return Some(format!("{:?} instead of {} {}", request.start, self.method, self.target));
        }
        if let Some(body) = self.body.as_ref().filter(|body| **body != request.body) {
            return Some(format!("body {} instead of {}", show(&request.body), show(body)));
        }
        for (name, value) in &self.has {
            if request.all(name) != [value.as_str()] {
                return Some(format!("{name} is {:?} instead of {value:?}", request.all(name)));
            }
        }
        self.lacks.iter().find_map(|name| match name.split_once('=') {
            None => (!request.all(name).is_empty()).then(|| format!("has field {name}")),
            Some((name, value)) => {
                let there = request.all(name).iter().any(|has| has.contains(value));
                there.then(|| format!("{name} holds {value}"))
            }
        })
    }
}

/// What must be true of every request that reaches a service.
fn house_rules(request: &Message) -> Option<String> {
    let dropped = ["keep-alive", "proxy-connection", "proxy-authenticate", "http2-settings"];
    for (name, value) in request.fields.iter().chain(&request.trailers) {
        let name = name.to_ascii_lowercase();
        if dropped.contains(&name.as_str()) || name.contains('_') {
            return Some(format!("field {name} reached the service"));
        }
        let value = String::from_utf8_lossy(value).to_ascii_lowercase();
        let connection = ["keep-alive", "close", "upgrade"].contains(&value.as_str());
        if name == "connection" && !connection {
            return Some(format!("Connection: {value} reached the service"));
        }
        if name == "upgrade" && value != "websocket" {
            return Some(format!("Upgrade: {value} reached the service"));
        }
        if name == "te" && value != "trailers" {
            return Some(format!("TE: {value} reached the service"));
        }
    }
    None
}

/// What stands between client and service: the gateway, or something it is compared with.
pub struct Target {
    /// Listener for clients from anywhere.
    pub web: SocketAddr,
    /// Listener that believes its peers.
    pub inner: SocketAddr,
    /// The service that records.
    pub backend: Backend,
    /// Whatever must live as long.
    pub keep: Box<dyn Any>,
}

/// What came of one input.
struct Outcome {
    answers: Vec<Message>,
    /// What is wrong behind the last whole answer.
    flaw: Option<String>,
    /// True if the gateway closed before the client said that it was done.
    closed: bool,
    recorded: Vec<Recorded>,
}

impl Outcome {
    fn shown(&self) -> String {
        let answers: Vec<String> = self
            .answers
            .iter()
            .map(|answer| format!("{} {}", answer.start, show(&answer.body)))
            .collect();
        let recorded: Vec<String> = self
            .recorded
            .iter()
            .map(|one| format!("{} [{:?}]", show(&one.bytes), one.ended))
            .collect();
        format!(
            "  client got  {answers:?}{}{}\n  service got {recorded:?}",
            self.flaw.as_ref().map(|flaw| format!(", then {flaw}")).unwrap_or_default(),
            if self.closed { ", closed" } else { ", open" },
        )
    }
}

fn observe(target: &Target, case: &Case) -> Outcome {
    let mark = target.backend.mark();
    let mut client = Client::connect(if case.trusted { target.inner } else { target.web });
    let sender = client.send_aside(case.input.clone());
    let more = usize::from(matches!(case.right.end, End::Refused(_) | End::Answered(_)));
    let expected = case.right.requests.len() + more;
    let methods: Vec<&str> = case.right.requests.iter().map(|seen| seen.method.as_str()).collect();
    let first = if case.input.starts_with(b"HEAD ") { "HEAD" } else { "GET" };
    let mut answers = Vec::new();
    let mut flaw = None;
    let mut half_closed = false;
    loop {
        let method = methods.get(answers.len()).copied().unwrap_or(first);
        let within = if answers.len() >= expected && !half_closed { QUIET } else { WAITING };
        match client.answer(method, within) {
            Ok(answer) => answers.push(answer.message),
            // A client that is still sending has not had its say.
            Err(Lost::Late(_)) if !sender.is_finished() => {}
            Err(Lost::Late(_)) if !half_closed => {
                let closes = matches!(case.right.end, End::Refused(_) | End::Closed);
                if closes && answers.len() >= expected && client.read_to_end(CLOSING) {
                    continue;
                }
                half_closed = true;
                client.half_close();
            }
            Err(Lost::Cut(None, rest)) if rest.is_empty() => break,
            Err(lost) => {
                flaw = Some(format!("{lost:?}"));
                client.read_to_end(WAITING);
                break;
            }
        }
    }
    let _sent = sender.join();
    let closed = client.ended && !half_closed;
    drop(client);
    if matches!(case.right.end, End::Aborted) {
        settle(target, &mark);
    }
    Outcome { answers, flaw, closed, recorded: target.backend.since(&mark) }
}

/// Waits until every connection with an unfinished message has ended. The part of a message that
/// was passed on may arrive after the client got its refusal, so this begins with a short wait.
fn settle(target: &Target, mark: &crate::backend::Mark) {
    target.backend.wait(QUIET, |_| false);
    let deadline = std::time::Instant::now() + CLOSING;
    let unfinished = || {
        let recorded = target.backend.since(mark);
        recorded.iter().any(|one| one.ended.is_none() && one.requests().1.is_some())
    };
    while unfinished() && std::time::Instant::now() < deadline {
        target.backend.wait(QUIET, |_| false);
    }
}

/// Says what is wrong with an outcome.
fn judge(case: &Case, outcome: &Outcome) -> Option<String> {
    let mut requests = Vec::new();
    let mut cut = Vec::new();
    for one in &outcome.recorded {
        let (whole, flaw) = one.requests();
        requests.extend(whole);
        match flaw {
            Some((Flaw::Bad(why), _)) => return Some(format!("AMBIGUOUS at the service: {why}")),
            Some((Flaw::Cut(_), part)) => cut.push((part, one.ended)),
            None => {}
        }
    }
    if let Some(why) = requests.iter().find_map(house_rules) {
        return Some(why);
    }
    let refused = |statuses: &[u16], answers: &[Message]| match answers {
        [only] => statuses.contains(&only.status()) && outcome.closed && outcome.flaw.is_none(),
        _ => false,
    };
    if let Some(statuses) = case.right.or_refused
        && outcome.recorded.is_empty()
        && refused(statuses, &outcome.answers)
    {
        return None;
    }
    if let Some(why) = missing(&case.right.requests, &requests) {
        return Some(why);
    }
    let count = case.right.requests.len().min(outcome.answers.len());
    let (served, rest) = outcome.answers.split_at(count);
    if count < case.right.requests.len() || served.iter().any(|answer| answer.status() != 200) {
        return Some("a request was not answered with 200".to_owned());
    }
    if !cut.is_empty() && case.right.end != End::Aborted {
        return Some("part of a request reached the service".to_owned());
    }
    let more = || Some(format!("{} answers too many", rest.len()));
    match &case.right.end {
        End::Any | End::Kept | End::Closed if !rest.is_empty() => more(),
        End::Any => outcome.flaw.clone(),
        End::Kept => outcome.closed.then(|| "the connection was closed".to_owned()),
        End::Closed => (!outcome.closed).then(|| "the connection stayed open".to_owned()),
        End::Refused(statuses) => {
            (!refused(statuses, rest)).then(|| format!("not refused with {statuses:?} and closed"))
        }
        End::Answered(statuses) => match rest {
            [only] if statuses.contains(&only.status()) => None,
            _ => Some(format!("not answered with {statuses:?}")),
        },
        End::Aborted => aborted(rest, &cut),
    }
}

fn missing(right: &[Seen], requests: &[Message]) -> Option<String> {
    if requests.len() != right.len() {
        let starts: Vec<&str> = requests.iter().map(|request| request.start.as_str()).collect();
        return Some(format!(
            "{} requests reached the service instead of {}: {starts:?}",
            requests.len(),
            right.len(),
        ));
    }
    right.iter().zip(requests).find_map(|(seen, request)| seen.differs(request))
}

fn aborted(rest: &[Message], cut: &[(Option<Message>, Option<crate::Ended>)]) -> Option<String> {
    if rest.len() > 1 || rest.iter().any(|answer| answer.status() < 400) {
        return Some("an aborted request was answered as if it were whole".to_owned());
    }
    if cut.iter().any(|(_, ended)| ended.is_none()) {
        return Some("the service still waits for the rest".to_owned());
    }
    None
}

/// Runs all cases; each failure is a text with everything needed to see why.
pub fn failures(target: &Target, cases: &[Case]) -> Vec<String> {
    let mut list = Vec::new();
    for case in cases {
        let outcome = observe(target, case);
        let mut verdict = judge(case, &outcome);
        if outcome.recorded.iter().any(|one| one.requests().1.is_some()) {
            target.backend.sever();
        }
        if verdict.is_none() && !alive(target) {
            verdict = Some("the next client was not served".to_owned());
            target.backend.sever();
        }
        if let Some(why) = verdict {
            let sent = show(&case.input);
            list.push(format!("{}: {why}\n  sent        {sent}\n{}", case.name, outcome.shown()));
        }
    }
    list
}

fn alive(target: &Target) -> bool {
    let mut client = Client::connect(target.web);
    let request = "GET /alive HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n";
    let served = client.ask(request).is_ok_and(|answer| answer.status() == 200);
    served && client.fill(CLOSING) == Brought::End
}

/// Runs a table and fails with the list of all cases that are not right.
pub fn check(group: &str, target: &Target, cases: &[Case]) {
    let failures = failures(target, cases);
    println!("{group}: {} cases, {} not right", cases.len(), failures.len());
    report(&failures);
}

/// Fails with all of these, unless something else than the gateway is looked at.
pub fn report(failures: &[String]) {
    if failures.is_empty() {
        return;
    }
    let text = failures.join("\n");
    if std::env::var_os("YUMEN_E2E_REFERENCE").is_some() {
        println!("{text}");
        return;
    }
    panic!("{} not right:\n{text}", failures.len());
}

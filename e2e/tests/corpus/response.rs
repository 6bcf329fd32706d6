//! Answers of bad services: the client gets a clean answer, a 502 or a message that is visibly
//! cut, and never anything that belongs to somebody else (catalogue entries 116 to 122).

use std::sync::Arc;
use std::time::Duration;

use yumen_e2e::corpus::report;
use yumen_e2e::message::show;
use yumen_e2e::tools::Server;
use yumen_e2e::{Backend, Client, Gateway, Lost, Message, SOON, Step, ok, raw};

/// What the client must see.
#[derive(Debug, Clone)]
enum Right {
    /// The gateway's own answer.
    Own(u16),
    /// This status and body, whole.
    Whole(u16, &'static str),
    /// Either of the two above.
    WholeOrOwn(u16, &'static str),
    /// A message that is cut, or 502 if nothing of it was sent on.
    Cut,
}

pub struct Case {
    name: String,
    method: &'static str,
    body: &'static str,
    steps: Vec<Step>,
    right: Right,
    /// Statuses of the 1xx answers that the client must see, if that is asked.
    interim: Option<&'static [u16]>,
    /// How often the service may see the request. What is idempotent: on a kept connection that
    /// turns out to be closed, on a fresh one, and in two retries.
    tries: usize,
    /// How long the next client waits, so that what the service sends late has come by then.
    pause: Duration,
}

fn case(name: impl Into<String>, steps: Vec<Step>, right: Right) -> Case {
    let name = name.into();
    Case {
        name,
        method: "GET",
        body: "",
        steps,
        right,
        interim: None,
        tries: 4,
        pause: Duration::ZERO,
    }
}

/// A service that sends these bytes and keeps the connection open.
fn sends(name: &str, bytes: impl AsRef<[u8]>, right: Right) -> Case {
    case(name, vec![Step::Body, raw(bytes)], right)
}

/// A service that sends these bytes and closes.
fn closes(name: &str, bytes: impl AsRef<[u8]>, right: Right) -> Case {
    case(name, vec![Step::Body, raw(bytes), Step::Close], right)
}

/// A service that sends these bytes and resets the connection.
fn resets(name: &str, bytes: impl AsRef<[u8]>, right: Right) -> Case {
    // The pause lets the bytes arrive: a reset overtakes them.
    let pause = Step::Wait(Duration::from_millis(50));
    case(name, vec![Step::Body, raw(bytes), pause, Step::Reset], right)
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const STRAY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray";

/// A 200 with a body of two bytes and these fields.
fn with(fields: impl AsRef<[u8]>) -> Vec<u8> {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";
    [head.as_slice(), fields.as_ref(), b"\r\nok"].concat()
}

/// A 200 whose head has only these fields.
fn only(fields: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n{body}")
}

pub fn cases() -> Vec<Case> {
    [framing(), surplus(), cut(), grammar(), interim(), sizes(), retries(), clean()]
        .into_iter()
        .flatten()
        .collect()
}

fn framing() -> Vec<Case> {
    let own = Right::Own(502);
    let mut list: Vec<Case> = [
        (
            "116 length and coding",
            only("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ),
        ("116 two lengths", only("Content-Length: 2\r\nContent-Length: 5\r\n", "ok")),
        ("116 list of lengths", only("Content-Length: 2, 5\r\n", "ok")),
        ("116 length with a plus sign", only("Content-Length: +2\r\n", "ok")),
        ("116 negative length", only("Content-Length: -2\r\n", "ok")),
        ("116 length in hexadecimal", only("Content-Length: 0x2\r\n", "ok")),
        (
            "116 length of 30 digits",
            only("Content-Length: 100000000000000000000000000002\r\n", "ok"),
        ),
        ("116 empty length", only("Content-Length:\r\n", "ok")),
        ("116 unknown coding", only("Transfer-Encoding: cow\r\n", "ok")),
        ("116 chunked not last", only("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n")),
        (
            "116 chunked twice",
            only("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ),
        ("116 space before the colon", only("Content-Length : 2\r\n", "ok")),
        ("116 no version", "200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned()),
        ("116 version 2", "HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned()),
        ("116 version 0.9 by silence", "hello, no head at all\r\n\r\n".to_owned()),
        ("116 status of two digits", "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok".to_owned()),
        ("116 status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok".to_owned()),
        ("116 status of letters", "HTTP/1.1 OK 200\r\nContent-Length: 2\r\n\r\nok".to_owned()),
        ("116 status 000", "HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\nok".to_owned()),
        (
            "116 tab in the status line",
            "HTTP/1.1\t200\tOK\r\nContent-Length: 2\r\n\r\nok".to_owned(),
        ),
        ("52 an SSH banner", "SSH-2.0-OpenSSH_9.6\r\n".to_owned()),
        ("52 an SMTP banner", "220 mail.example ESMTP\r\n".to_owned()),
        ("52 binary", "\u{1}\u{2}\u{3}\u{4}\0\0\0\0".to_owned()),
    ]
    .into_iter()
    .map(|(name, bytes)| closes(name, bytes, own.clone()))
    .collect();
    for (name, chunks) in [
        ("116 junk for a chunk size", "zz\r\nok\r\n0\r\n\r\n"),
        ("116 chunk size with 0x", "0x2\r\nok\r\n0\r\n\r\n"),
        ("116 chunk size with a minus sign", "-2\r\nok\r\n0\r\n\r\n"),
        ("116 second chunk bad", "2\r\nok\r\nzz\r\nok\r\n0\r\n\r\n"),
        ("116 chunk too long for its size", "2\r\nokok\r\n0\r\n\r\n"),
        ("116 chunk size of 17 digits", "10000000000000002\r\nok\r\n0\r\n\r\n"),
        ("116 chunk ended by LF", "2\nok\n0\n\n"),
    ] {
        list.push(closes(name, format!("{CHUNKED}{chunks}"), Right::Cut));
    }
    list
}

fn surplus() -> Vec<Case> {
    let whole = || Right::Whole(200, "ok");
    let head = |mut case: Case| {
        case.method = "HEAD";
        case
    };
    vec![
        sends(
            "117 an answer behind a length",
            [with("").as_slice(), STRAY.as_bytes()].concat(),
            whole(),
        ),
        sends("117 junk behind a length", [with("").as_slice(), b"junk"].concat(), whole()),
        sends(
            "117 behind 204",
            format!("HTTP/1.1 204 No Content\r\n\r\n{STRAY}"),
            Right::Whole(204, ""),
        ),
        sends(
            "117 behind 304",
            format!("HTTP/1.1 304 Not Modified\r\n\r\n{STRAY}"),
            Right::Whole(304, ""),
        ),
        sends(
            "117 204 with a body",
            "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
            Right::WholeOrOwn(204, ""),
        ),
        sends(
            "117 behind the last chunk",
            format!("{CHUNKED}2\r\nok\r\n0\r\n\r\n{STRAY}"),
            whole(),
        ),
        head(sends("117 a body for HEAD", with(""), Right::Whole(200, ""))),
        head(sends(
            "117 an answer behind HEAD's",
            format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{STRAY}"),
            Right::Whole(200, ""),
        )),
        Case {
            pause: Duration::from_millis(150),
            ..case(
                "117 an answer before anybody asks",
                vec![
                    Step::Body,
                    Step::Send(with("")),
                    Step::Wait(Duration::from_millis(20)),
                    raw(STRAY),
                ],
                whole(),
            )
        },
    ]
}

fn cut() -> Vec<Case> {
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
    vec![
        closes("118 closed inside a length", long, Right::Cut),
        resets("118 reset inside a length", long, Right::Cut),
        closes("118 closed inside a chunk", format!("{CHUNKED}a\r\nhalf"), Right::Cut),
        resets("118 reset inside a chunk", format!("{CHUNKED}a\r\nhalf"), Right::Cut),
        closes("118 closed between chunks", format!("{CHUNKED}2\r\nok\r\n"), Right::Cut),
        closes(
            "118 closed inside the last chunk",
            format!("{CHUNKED}2\r\nok\r\n0\r\n"),
            Right::Cut,
        ),
        closes("118 closed inside the head", "HTTP/1.1 200 OK\r\nContent-", Right::Own(502)),
        closes("118 closed inside the status line", "HTTP/1.1 2", Right::Own(502)),
        closes("118 closed without a byte", "", Right::Own(502)),
        resets("118 reset without a byte", "", Right::Own(502)),
        resets("118 reset inside a body without length", "HTTP/1.1 200 OK\r\n\r\nhalf", Right::Cut),
    ]
}

fn grammar() -> Vec<Case> {
    let either = Right::WholeOrOwn(200, "ok");
    let mut list: Vec<Case> = [
        ("119 CR in a value", "A: b\rc\r\n"),
        ("119 NUL in a value", "A: b\0c\r\n"),
        ("119 folded", "A: b\r\n c\r\n"),
        ("119 no colon", "nonsense\r\n"),
        ("119 empty name", ": b\r\n"),
        ("119 space in a name", "A b: c\r\n"),
        ("119 DEL in a value", "A: b\x7fc\r\n"),
        ("119 LF for CRLF", "A: b\n"),
    ]
    .into_iter()
    .map(|(name, fields)| sends(name, with(fields), either.clone()))
    .collect();
    list.push(sends(
        "119 CR in the reason",
        "HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\nok",
        either.clone(),
    ));
    list.push(sends(
        "119 NUL in the reason",
        "HTTP/1.1 200 O\0K\r\nContent-Length: 2\r\n\r\nok",
        either,
    ));
    list.push(sends("119 8-bit in a value", with(b"A: caf\xe9\r\n"), Right::Whole(200, "ok")));
    list.push(sends(
        "119 no reason",
        "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
        Right::Whole(200, "ok"),
    ));
    list
}

fn interim() -> Vec<Case> {
    let then = |before: &str| [before.as_bytes(), &with("")].concat();
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
    let unasked =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let mut early = sends("120 103", then(hints), Right::Whole(200, "ok"));
    early.interim = Some(&[103]);
    let mut unknown =
        sends("120 100 unasked", then("HTTP/1.1 100 Continue\r\n\r\n"), Right::Whole(200, "ok"));
    unknown.interim = None;
    vec![
        early,
        unknown,
        sends("120 two 103", then(&hints.repeat(2)), Right::Whole(200, "ok")),
        sends("120 102", then("HTTP/1.1 102 Processing\r\n\r\n"), Right::Whole(200, "ok")),
        sends("120 199", then("HTTP/1.1 199 Odd\r\n\r\n"), Right::WholeOrOwn(200, "ok")),
        sends("120 101 unasked", then(unasked), Right::Own(502)),
        sends(
            "120 103 with a length",
            then("HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n"),
            Right::WholeOrOwn(200, "ok"),
        ),
        case(
            "120 flood of 103",
            vec![Step::Body, Step::Repeat(hints.into(), 10_000), Step::Close],
            Right::Own(502),
        ),
        case(
            "120 flood of 100",
            vec![
                Step::Body,
                Step::Repeat(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), 10_000),
                Step::Close,
            ],
            Right::Own(502),
        ),
        closes("120 103 and nothing more", hints, Right::Own(502)),
    ]
}

fn sizes() -> Vec<Case> {
    let own = || Right::Own(502);
    let start = raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n");
    let flood = |bytes: Vec<u8>, times| {
        vec![Step::Body, start.clone(), Step::Repeat(bytes, times), raw("\r\nok"), Step::Close]
    };
    let endless =
        vec![Step::Body, raw("HTTP/1.1 200 "), Step::Repeat(vec![b'a'; 1 << 16], 64), Step::Close];
    let line = vec![Step::Body, raw(CHUNKED), Step::Repeat(vec![b'0'; 1 << 16], 64), Step::Close];
    let trailers = vec![
        Step::Body,
        raw(CHUNKED),
        raw("2\r\nok\r\n0\r\n"),
        Step::Repeat(b"A: b\r\n".to_vec(), 100_000),
        raw("\r\n"),
    ];
    let fields: String = (0..150).map(|n| format!("A{n}: b\r\n")).collect();
    vec![
        sends("121 field of 4 MiB", with(format!("A: {}\r\n", "b".repeat(4 << 20))), own()),
        case("121 100,000 fields", flood(b"A: b\r\n".to_vec(), 100_000), own()),
        case("121 endless status line", endless, own()),
        case("121 endless chunk size", line, Right::Cut),
        case("121 100,000 trailers", trailers, Right::Cut),
        sends("121 150 fields", with(fields), Right::Whole(200, "ok")),
        sends(
            "121 field of 30 KiB",
            with(format!("A: {}\r\n", "b".repeat(30 << 10))),
            Right::Whole(200, "ok"),
        ),
    ]
}

fn retries() -> Vec<Case> {
    let post = |name: &str, steps: Vec<Step>| {
        let right = Right::Own(502);
        Case { method: "POST", body: "abcde", tries: 1, ..case(name, steps, right) }
    };
    vec![
        post("122 POST closed after it was read", vec![Step::Body, Step::Close]),
        post("122 POST reset after it was read", vec![Step::Body, Step::Reset]),
        post(
            "122 POST with half a head for an answer",
            vec![Step::Body, raw("HTTP/1.1 200"), Step::Close],
        ),
        Case {
            method: "PATCH",
            ..post("122 PATCH closed after it was read", vec![Step::Body, Step::Close])
        },
    ]
}

fn clean() -> Vec<Case> {
    let x = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone";
    vec![
        sends("clean: length", with("A: b\r\n"), Right::Whole(200, "ok")),
        sends("clean: length 0", only("Content-Length: 0\r\n", ""), Right::Whole(200, "")),
        sends(
            "clean: chunks",
            format!("{CHUNKED}1\r\no\r\n1\r\nk\r\n0\r\n\r\n"),
            Right::Whole(200, "ok"),
        ),
        sends(
            "clean: chunks with extension and trailer",
            format!("{CHUNKED}2;a=b\r\nok\r\n0\r\nT: u\r\n\r\n"),
            Right::Whole(200, "ok"),
        ),
        closes("clean: until it closes", "HTTP/1.1 200 OK\r\n\r\nok", Right::Whole(200, "ok")),
        closes("clean: HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nok", Right::Whole(200, "ok")),
        sends("clean: 404", x, Right::Whole(404, "none")),
        sends("clean: 204", "HTTP/1.1 204 No Content\r\n\r\n", Right::Whole(204, "")),
        sends(
            "clean: 304 with a length",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\nETag: \"a\"\r\n\r\n",
            Right::Whole(304, ""),
        ),
        sends(
            "clean: 599",
            "HTTP/1.1 599 Own\r\nContent-Length: 2\r\n\r\nok",
            Right::Whole(599, "ok"),
        ),
        sends("clean: Connection: close", with("Connection: close\r\n"), Right::Whole(200, "ok")),
        case(
            "clean: byte by byte",
            vec![Step::Body, Step::Drip(with(""), Duration::from_millis(1))],
            Right::Whole(200, "ok"),
        ),
        Case {
            method: "HEAD",
            ..sends("clean: HEAD", only("Content-Length: 1000\r\n", ""), Right::Whole(200, ""))
        },
    ]
}

struct Rig {
    address: std::net::SocketAddr,
    backend: Backend,
    _keep: Box<dyn std::any::Any>,
}

fn rig(cases: &Arc<Vec<Case>>) -> Rig {
    let scripts: Vec<Vec<Step>> = cases.iter().map(|case| case.steps.clone()).collect();
    let backend = Backend::start(move |call| {
        let number = call.request.target().strip_prefix("/case/").and_then(|n| n.parse().ok());
        number
            .and_then(|n: usize| scripts.get(n).cloned())
            .unwrap_or_else(|| vec![Step::Body, ok("fine")])
    });
    if std::env::var("YUMEN_E2E_REFERENCE").as_deref() == Ok("nginx") {
        let http = format!(
            "upstream backend {{ server {0}; keepalive 8; }} server {{ listen LISTEN; \
             location / {{ proxy_pass http://backend; proxy_http_version 1.1; \
             proxy_buffering off; proxy_set_header Connection ''; }} }}",
            backend.authority()
        );
        let (server, address) = Server::nginx(&http, |_| {});
        return Rig { address, backend, _keep: Box::new(server) };
    }
    let config = yumen_e2e::reference::corpus_config(&backend.authority());
    let gateway = Gateway::start(&config);
    Rig { address: gateway.web(), backend, _keep: Box::new(gateway) }
}

/// Runs all cases.
pub fn check() {
    let cases = Arc::new(cases());
    let rig = rig(&cases);
    let failures: Vec<String> =
        cases.iter().enumerate().filter_map(|(n, case)| failure(&rig, n, case)).collect();
    println!("response: {} cases, {} not right", cases.len(), failures.len());
    report(&failures);
}

fn failure(rig: &Rig, number: usize, case: &Case) -> Option<String> {
    let mark = rig.backend.mark();
    let mut client = Client::connect(rig.address);
    client.send(format!(
        "{} /case/{number} HTTP/1.1\r\nHost: test.example\r\nContent-Length: {}\r\n\r\n{}",
        case.method,
        case.body.len(),
        case.body
    ));
    let outcome = client.answer(case.method, SOON);
    let tries: usize = rig.backend.since(&mark).iter().map(|one| one.requests().0.len()).sum();
    let why = match &outcome {
        Ok(answer) => wrong(case, &answer.message).or_else(|| {
            let statuses: Vec<u16> = answer.interim.iter().map(Message::status).collect();
            let asked = case.interim.filter(|asked| **asked != statuses);
            asked.map(|asked| format!("1xx {statuses:?} instead of {asked:?}"))
        }),
        Err(Lost::Cut(_, bytes)) => match case.right {
            Right::Cut => None,
            _ => Some(format!("cut: {}", show(bytes))),
        },
        Err(Lost::Bad(why, bytes)) => Some(format!("not clean: {why}: {}", show(bytes))),
        Err(Lost::Late(bytes)) => Some(format!("late: {}", show(bytes))),
    };
    if !case.pause.is_zero() {
        // Nothing tells a client when a service sends what nobody asked for.
        std::thread::sleep(case.pause);
    }
    let why = why
        .or_else(|| (tries > case.tries).then(|| format!("the service saw it {tries} times")))
        .or_else(|| stray(rig, client, outcome.is_ok_and(|answer| !answer.closes())));
    why.map(|why| format!("{}: {why}", case.name))
}

fn wrong(case: &Case, answer: &Message) -> Option<String> {
    let own = |status: u16| {
        let json = answer.text().contains("\"code\"") || case.method == "HEAD";
        let nginx = answer.one("server").starts_with("nginx");
        answer.status() == status && (json || nginx)
    };
    let whole = |status: u16, body: &str| answer.status() == status && answer.text() == body;
    let right = match case.right {
        Right::Own(status) => own(status),
        Right::Whole(status, body) => whole(status, body),
        Right::WholeOrOwn(status, body) => whole(status, body) || own(502),
        Right::Cut => own(502),
    };
    let got = format!("{} {}", answer.start, show(&answer.body));
    (!right).then(|| format!("{got} instead of {:?}", case.right))
}

/// The next requests, on the same connection and on others, must get their own answers.
fn stray(rig: &Rig, client: Client, kept: bool) -> Option<String> {
    let request = "GET /next HTTP/1.1\r\nHost: test.example\r\n\r\n";
    let fresh = [Client::connect(rig.address), Client::connect(rig.address)];
    let mut clients: Vec<Client> = fresh.into_iter().collect();
    if kept {
        if !client.buffer.is_empty() {
            return Some(format!("surplus bytes for the client: {}", client.shown()));
        }
        clients.insert(0, client);
    }
    clients.iter_mut().find_map(|client| match client.ask(request) {
        Ok(answer) if answer.status() == 200 && answer.text() == "fine" => None,
        other => Some(format!("the next request got {other:?}")),
    })
}

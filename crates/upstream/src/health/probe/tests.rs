//! Probes against servers of our own on loopback that answer by the byte and by the frame.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use yumen_model::report::Report;
use yumen_model::{BodyMatch, GrpcProbe, Health, HttpProbe, Span};

use super::*;
use crate::health::case::Case;
use crate::health::rules::Rules;

mod frames;

fn active(probe: Probe) -> Active {
    Active {
        probe,
        interval: Span::seconds(5),
        timeout: Span::millis(400),
        healthy_after: 2,
        unhealthy_after: 3,
        port: None,
        clear_text: false,
        initially: Initially::Healthy,
    }
}

/// Enough time for an answer that does come, on a machine that is busy.
fn patient(probe: Probe) -> Active {
    Active { timeout: Span::seconds(20), ..active(probe) }
}

/// Answers one request with these bytes; `None`: says nothing.
fn server(answer: Option<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut space = [0; 1024];
        let read = stream.read(&mut space).unwrap_or(0);
        if let Some(answer) = answer {
            assert!(space[..read].starts_with(b"GET /up HTTP/1.1\r\nHost: a:1\r\n"));
            stream.write_all(&answer).unwrap_or_default();
        } else {
            while matches!(stream.read(&mut space), Ok(1..)) {}
        }
    });
    address
}

/// What a probe comes to: nothing, or the name of the flaw and the sentence.
fn probe(active: &Active, protocol: Protocol, address: SocketAddr) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap();
    let rules = Rules::compile(&Health::default(), Span::OFF, protocol);
    let member = Member::new(address, "a:1".into(), &rules);
    let ended = runtime.block_on(Checks::compile(active, protocol).unwrap().probe(&member));
    ended.map_or_else(|bad| format!("{}: {}", bad.flaw.name(), bad.text), |()| String::new())
}

fn up(body: Option<BodyMatch>) -> HttpProbe {
    HttpProbe { path: "/up".to_owned(), body, ..HttpProbe::default() }
}

fn holds(text: &str) -> Option<BodyMatch> {
    Some(BodyMatch::Contains(text.to_owned()))
}

#[test]
fn answers_are_judged() {
    let check = |answer: &[u8], body: Option<BodyMatch>, expect: &str| {
        let http = Probe::Http(up(body));
        let ended = probe(&patient(http), Protocol::Auto, server(Some(answer.to_vec())));
        assert!(ended.starts_with(expect) && ended.is_empty() == expect.is_empty(), "{ended:?}");
    };
    let regex = |text: &str| Some(BodyMatch::Regex(text.to_owned()));
    let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nI am up";
    check(ok, None, "");
    check(ok, holds("am up"), "");
    check(ok, holds("down"), "body: the body is another");
    check(ok, regex("(?i)AM +up$"), "");
    check(ok, regex("^up"), "body: the body is another");
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nI \r\n5\r\nam up\r\n0\r\n\r\n";
    check(chunked, holds("I am up"), "");
    check(b"HTTP/1.1 200 OK\r\n\r\nI am up", holds("I am up"), "");
    check(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nI am", holds("I am"), "broken: cut off");
    check(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", None, "");
    check(
        b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        None,
        "broken: it changes",
    );
    check(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", None, "status: the status is 503");
    check(b"SSH-2.0\r\n\r\n", None, "broken: a status line that is not");
    check(b"", None, "broken: closed without an answer");
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(20_000);
    check(&interim, None, "broken: more than 262144 bytes came");
    let long = [&b"HTTP/1.1 200 OK\r\nX: "[..], &[b'x'; 70_000], b"\r\n\r\n"].concat();
    check(&long, None, "broken: the");
}

/// Of a long body the begin is looked at, and the rest is not read.
#[test]
fn the_begin_of_a_body_is_enough() {
    let long = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &[b'.'; ANSWER_MAX - 2], b"up", &[b'!'; 1 << 20]];
    let check = |text: &str, expect: &str| {
        let http = Probe::Http(up(holds(text)));
        assert_eq!(probe(&patient(http), Protocol::Http1, server(Some(long.concat()))), expect);
    };
    check(".up", "");
    check("up!", "body: the body is another");
}

#[test]
fn who_is_silent_is_not_waited_for() {
    for (protocol, waits_for) in [(Protocol::Http1, "answer"), (Protocol::Http2, "answer")] {
        let ended = probe(&active(Probe::Http(up(None))), protocol, server(None));
        assert_eq!(ended, format!("timeout: no {waits_for} within 400 ms"));
    }
    let grpc = active(Probe::Grpc(GrpcProbe::default()));
    assert_eq!(probe(&grpc, Protocol::Http2, server(None)), "timeout: no answer within 400 ms");
}

#[test]
fn a_connection_is_enough_for_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(probe(&patient(Probe::Tcp), Protocol::Auto, address), "");
    let elsewhere = Active { port: Some(address.port()), ..patient(Probe::Tcp) };
    assert_eq!(probe(&elsewhere, Protocol::Auto, "127.0.0.1:1".parse().unwrap()), "");
    drop(listener);
    for active in [patient(Probe::Tcp), patient(Probe::Http(up(None)))] {
        let ended = probe(&active, Protocol::Auto, address);
        assert!(ended.starts_with("connect: cannot connect: "), "{ended}");
    }
}

const PLAIN: Targets = Targets { are_secure: false, are_raw: false };
const SECURE: Targets = Targets { are_secure: true, are_raw: false };
const RAW: Targets = Targets { are_secure: false, are_raw: true };

fn problems(active: &Active, targets: Targets) -> String {
    let mut report = Report::default();
    check_active(active, targets, "at", &mut report);
    let paths: Vec<&str> = report.problems().iter().map(|one| one.path.as_str()).collect();
    paths.join(" ")
}

#[test]
fn what_is_wrong_with_probes_is_told() {
    let check = |change: fn(&mut Active, &mut HttpProbe), expect: &str| {
        let (mut active, mut http) = (active(Probe::Tcp), HttpProbe::default());
        change(&mut active, &mut http);
        active.probe = Probe::Http(http);
        assert_eq!(problems(&active, PLAIN), expect);
        let compiled = Checks::compile(&active, Protocol::Auto);
        assert!(compiled.is_some() || !expect.is_empty());
    };
    check(|_, _| (), "");
    check(|active, _| active.interval = Span::OFF, "at.interval");
    check(|active, _| active.timeout = Span::millis(5), "at.timeout");
    check(|active, _| active.healthy_after = 0, "at.healthy_after");
    check(|active, _| active.port = Some(0), "at.port");
    check(|_, http| http.path = "up".to_owned(), "at.probe.http.path");
    check(|_, http| http.path = "/a b".to_owned(), "at.probe.http.path");
    check(|_, http| http.path = "/a#b".to_owned(), "at.probe.http.path");
    check(|_, http| http.path = "/a<b".to_owned(), "at.probe.http.path");
    check(|_, http| http.method = "G T".to_owned(), "at.probe.http.method");
    check(|_, http| http.method = "CONNECT".to_owned(), "at.probe.http.method");
    check(|_, http| http.host = Some("a b".to_owned()), "at.probe.http.host");
    check(|_, http| http.status.clear(), "at.probe.http.status");
    check(|_, http| http.status = vec!["2xx".to_owned()], "at.probe.http.status[0]");
    check(|_, http| http.status = vec!["399-200".to_owned()], "at.probe.http.status[0]");
    check(|_, http| http.body = Some(BodyMatch::Regex("(".to_owned())), "at.probe.http.body.regex");
    let head = |_: &mut Active, http: &mut HttpProbe| {
        (http.method, http.body) = ("HEAD".to_owned(), holds("x"));
    };
    check(head, "at.probe.http.body");
}

#[test]
fn what_is_wrong_with_calls_is_told() {
    let check = |service: &str, authority: Option<&str>, expect: &str| {
        let authority = authority.map(str::to_owned);
        let grpc = GrpcProbe { service: service.to_owned(), authority };
        assert_eq!(problems(&active(Probe::Grpc(grpc)), PLAIN), expect);
    };
    check("", None, "");
    check("shop.Cart", Some("cart.internal:80"), "");
    check(&"x".repeat(256), None, "at.probe.grpc.service");
    check("a\nb", None, "at.probe.grpc.service");
    check("", Some("a b"), "at.probe.grpc.authority");
}

/// What cannot be understood where it goes, or makes no difference, is refused.
#[test]
fn probes_fit_to_their_targets() {
    let http = || Probe::Http(HttpProbe::default());
    let grpc = || Probe::Grpc(GrpcProbe::default());
    for (probe, targets, port, clear_text, expect) in [
        (http(), SECURE, None, false, ""),
        (grpc(), SECURE, None, false, ""),
        (Probe::Tcp, SECURE, None, false, ""),
        (http(), SECURE, Some(81), true, ""),
        (grpc(), SECURE, Some(81), true, ""),
        (http(), SECURE, None, true, "at.clear_text"),
        (http(), PLAIN, Some(81), true, "at.clear_text"),
        (Probe::Tcp, SECURE, Some(81), true, "at.clear_text"),
        (Probe::Tcp, RAW, None, false, ""),
        (http(), RAW, None, false, "at.probe"),
        (grpc(), RAW, None, false, "at.probe"),
        (http(), RAW, Some(81), false, ""),
    ] {
        let active = Active { port, clear_text, ..active(probe) };
        assert_eq!(problems(&active, targets), expect, "{active:?} {targets:?}");
    }
}

#[test]
fn so_many_in_a_row_change_the_state() {
    let checks = Checks::compile(&active(Probe::Tcp), Protocol::Auto).unwrap();
    let check = |unhealthy: bool, probes: &str, expect: &str, turns: u64| {
        let mut case = Case::new(0, false, unhealthy);
        let states = probes.chars().map(|probe| {
            let ended = match probe {
                '+' => Ok(()),
                '-' => Err(Complaint::new(Flaw::Status, "the status is 503")),
                _ => Err(Complaint::new(Flaw::Connect, "cannot connect")),
            };
            case.probed(&checks, &ended, 1);
            if case.name() == "unhealthy" { '-' } else { '+' }
        });
        assert_eq!(states.collect::<String>(), expect, "{probes}");
        let counts = case.probes.counts(8);
        let [of_connect, .., of_status, _, _] = counts.failed;
        let count = |probe: &str| u64::try_from(probes.matches(probe).count()).unwrap();
        assert_eq!((counts.good, of_status, of_connect), (count("+"), count("-"), count("!")));
        assert_eq!(counts.unhealthy, turns, "{probes}");
        let last = counts.last_failure.map(|(why, ago)| (why.to_string(), ago));
        let text = match probes.rfind(['-', '!']).and_then(|last| probes.get(last..=last)) {
            Some("-") => Some("the status is 503"),
            Some(_) => Some("cannot connect"),
            None => None,
        };
        assert_eq!(last, text.map(|text| (text.to_owned(), 7)));
    };
    check(false, "+--+---+-++", "++++++----+", 1);
    check(false, "+-+-+-+-", "++++++++", 0);
    check(false, "!-!++---++", "++--+++--+", 2);
    check(true, "-+-++-", "----++", 0);
    check(true, "++", "-+", 0);
}

//! Probes against a server of our own on loopback that answers by the byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

use yumen_model::{HttpProbe, Span};

use super::*;
use crate::health::case::Case;

fn active(probe: Probe) -> Active {
    Active {
        probe,
        interval: Span::seconds(5),
        timeout: Span::millis(400),
        healthy_after: 2,
        unhealthy_after: 3,
        port: None,
        initially: Initially::Healthy,
    }
}

/// Answers one request with these bytes; `None`: says nothing.
fn server(answer: Option<&'static [u8]>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut space = [0; 1024];
        let read = stream.read(&mut space).unwrap_or(0);
        if let Some(answer) = answer {
            assert!(space[..read].starts_with(b"GET /up HTTP/1.1\r\nHost: a:1\r\n"));
            stream.write_all(answer).unwrap_or_default();
        } else {
            drop(stream.read(&mut space));
        }
    });
    address
}

fn probe(active: &Active, address: SocketAddr) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Checks::compile(active).unwrap().probe(address, &"a:1".into()))
}

#[test]
fn answers_are_judged() {
    let check = |answer: Option<&'static [u8]>, body: Option<BodyMatch>, expect: &str| {
        let http = HttpProbe { path: "/up".to_owned(), body, ..HttpProbe::default() };
        let ended = probe(&active(Probe::Http(http)), server(answer));
        let ended = ended.err().unwrap_or_default();
        assert!(ended.starts_with(expect) && ended.is_empty() == expect.is_empty(), "{ended:?}");
    };
    let text = |text: &str| Some(BodyMatch::Contains(text.to_owned()));
    let regex = |text: &str| Some(BodyMatch::Regex(text.to_owned()));
    let ok: Option<&'static [u8]> = Some(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nI am up");
    check(ok, None, "");
    check(ok, text("am up"), "");
    check(ok, text("down"), "the body is another");
    check(ok, regex("(?i)AM +up$"), "");
    check(ok, regex("^up"), "the body is another");
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nI \r\n5\r\nam up\r\n0\r\n\r\n";
    check(Some(chunked), text("I am up"), "");
    check(Some(b"HTTP/1.1 200 OK\r\n\r\nI am up"), text("I am up"), "");
    check(Some(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nI am"), text("I am"), "cut off");
    check(Some(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n"), None, "");
    check(Some(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), None, "the status is 503");
    check(Some(b"SSH-2.0\r\n\r\n"), None, "a status line that is not");
    check(Some(b""), None, "closed without an answer");
    check(None, None, "no answer within 400 ms");
}

#[test]
fn a_connection_is_enough_for_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(probe(&active(Probe::Tcp), address), Ok(()));
    let elsewhere = Active { port: Some(address.port()), ..active(Probe::Tcp) };
    drop(listener);
    assert!(probe(&active(Probe::Tcp), address).unwrap_err().starts_with("cannot connect"));
    assert!(probe(&elsewhere, "127.0.0.1:1".parse().unwrap()).is_err());
}

#[test]
fn what_is_wrong_with_probes_is_told() {
    let check = |change: fn(&mut Active, &mut HttpProbe), expect: &str| {
        let (mut active, mut http) = (active(Probe::Tcp), HttpProbe::default());
        change(&mut active, &mut http);
        active.probe = Probe::Http(http);
        let mut report = Report::default();
        check_active(&active, "at", &mut report);
        let found: Vec<_> = report.problems().iter().map(|one| one.path.clone()).collect();
        let expect: Vec<String> = expect.split_whitespace().map(str::to_owned).collect();
        assert_eq!(found, expect);
        assert!(found.is_empty() == Checks::compile(&active).is_some() || !expect.is_empty());
    };
    check(|_, _| (), "");
    check(|active, _| active.interval = Span::OFF, "at.interval");
    check(|active, _| active.timeout = Span::millis(5), "at.timeout");
    check(|active, _| active.healthy_after = 0, "at.healthy_after");
    check(|active, _| active.port = Some(0), "at.port");
    check(|_, http| http.path = "up".to_owned(), "at.probe.http.path");
    check(|_, http| http.path = "/a b".to_owned(), "at.probe.http.path");
    check(|_, http| http.method = "G T".to_owned(), "at.probe.http.method");
    check(|_, http| http.host = Some("a b".to_owned()), "at.probe.http.host");
    check(|_, http| http.status.clear(), "at.probe.http.status");
    check(|_, http| http.status = vec!["2xx".to_owned()], "at.probe.http.status[0]");
    check(|_, http| http.status = vec!["399-200".to_owned()], "at.probe.http.status[0]");
    check(|_, http| http.body = Some(BodyMatch::Regex("(".to_owned())), "at.probe.http.body.regex");
}

#[test]
fn so_many_in_a_row_change_the_state() {
    let checks = Checks::compile(&active(Probe::Tcp)).unwrap();
    let check = |unhealthy: bool, probes: &str, expect: &str| {
        let mut case = Case::new(0, false, unhealthy);
        let bad = Err("refused".to_owned());
        let states = probes.chars().map(|probe| {
            let ended = if probe == '+' { Ok(()) } else { bad.clone() };
            case.probed(&checks, &ended, 1);
            if case.name() == "unhealthy" { '-' } else { '+' }
        });
        assert_eq!(states.collect::<String>(), expect, "{probes}");
    };
    check(false, "+--+---+-++", "++++++----+");
    check(true, "-+-++-", "----++");
}

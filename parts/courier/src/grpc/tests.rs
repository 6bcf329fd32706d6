use yumen_http::Status;

use super::*;

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.add(name, value.as_bytes()).unwrap();
    }
    fields
}

fn answer(status: u16, head: &[(&str, &str)], body: &[u8], end: Option<&[(&str, &str)]>) -> Answer {
    Answer {
        status: Status::new(status).unwrap(),
        fields: fields(head),
        body: body.to_vec(),
        trailers: end.map(fields),
    }
}

#[test]
fn a_call_is_judged_by_its_end() {
    type Lines = &'static [(&'static str, &'static str)];
    let check =
        |status, head: Lines, body: &[u8], end: Option<Lines>, expect: Result<&[u8], &str>| {
            let judged = judge(answer(status, head, body, end));
            let judged = judged.map(|answer| answer.body).map_err(|fault| fault.to_string());
            match expect {
                Ok(message) => assert_eq!(judged.as_deref(), Ok(message)),
                Err(sentence) => {
                    let fault = judged.unwrap_err();
                    assert!(fault.contains(sentence), "{fault:?} for {sentence:?}");
                }
            }
        };
    const GOOD: Option<Lines> = Some(&[("grpc-status", "0")]);
    check(200, &[], b"\0\0\0\0\x02hi", GOOD, Ok(b"hi"));
    check(200, &[], b"\0\0\0\0\0", GOOD, Ok(b""));
    check(200, &[], b"", GOOD, Err("without a message"));
    check(200, &[], b"\0\0\0\0", GOOD, Err("without a message"));
    check(200, &[], b"\0\0\0\0\x02h", GOOD, Err("and more, or less"));
    check(200, &[], b"\0\0\0\0\x01hi", GOOD, Err("and more, or less"));
    check(200, &[], b"\x01\0\0\0\x02hi", GOOD, Err("packed"));
    check(200, &[], b"\0\0\0\0\x02hi", None, Err("without a status"));
    check(200, &[], b"\0\0\0\0\x02hi", Some(&[("x", "y")]), Err("without a status"));
    // Told in the head alone, which is the end as well.
    check(
        200,
        &[("grpc-status", "12"), ("grpc-message", "no %C3%A4%0Ain it")],
        b"",
        None,
        Err("status 12 (UNIMPLEMENTED): no \u{e4} in it"),
    );
    // The end counts, whatever the head says.
    check(200, &[("grpc-status", "0")], b"", Some(&[("grpc-status", "5")]), Err("5 (NOT_FOUND)"));
    check(200, &[], b"", Some(&[("grpc-status", "x")]), Err("2 (UNKNOWN)"));
    check(200, &[], b"", Some(&[("grpc-status", "+0")]), Err("2 (UNKNOWN)"));
    check(200, &[], b"", Some(&[("grpc-status", "99999999999")]), Err("2 (UNKNOWN)"));
    check(503, &[], b"busy", None, Err("14 (UNAVAILABLE): the server answered with status 503"));
    check(401, &[], b"", None, Err("16 (UNAUTHENTICATED)"));
    check(302, &[], b"", None, Err("2 (UNKNOWN)"));
    check(500, &[("grpc-status", "7")], b"", None, Err("7 (PERMISSION_DENIED)"));
}

#[test]
fn a_server_may_say_when_to_come_again() {
    let text = data_encoding::BASE64.encode(
        b"\x1a\x30\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x05",
    );
    let end = [("grpc-status", "8"), ("grpc-status-details-bin", &*text)];
    match judge(answer(200, &[], b"", Some(&end))) {
        Err(Fault::Call(status)) => {
            assert_eq!((status.code, status.retry_after), (8, Some(Duration::from_secs(5))));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_says_what_it_is() {
    let mut request = Request::post("/a.B/C", "x".repeat(100)).unwrap();
    request.add("x-tenant", b"7").unwrap();
    request.add("User-Agent", b"mine").unwrap();
    request.gzip();
    let head = head(&request, "a:1", true, Duration::from_secs(2)).unwrap();
    assert_eq!(head.uri().to_string(), "https://a:1/a.B/C");
    for (name, expect) in [
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "mine"),
        ("grpc-timeout", "2000000u"),
        ("grpc-encoding", "gzip"),
        ("x-tenant", "7"),
    ] {
        let values: Vec<_> = head.headers().get_all(name).iter().collect();
        assert_eq!(values, [expect], "{name}");
    }
    let framed = framed(&request).unwrap();
    assert_eq!(framed[..1], [1]);
    assert_eq!(message_length(&framed), Some(framed.len() - PREFIX));
    assert!(head.uri().path_and_query().is_some_and(|path| path.as_str() == "/a.B/C"));
}

use std::io::Read;

use super::*;

fn post(body: &str) -> Request {
    Request::post("/x", body.to_owned()).unwrap()
}

#[test]
fn a_request_holds_to_the_grammar() {
    for (method, path) in [
        (Method::Get, ""),
        (Method::Get, "x"),
        (Method::Get, "/x y"),
        (Method::Get, "/x\r\n"),
        (Method::Get, "/x#y"),
        (Method::Connect, "/x"),
    ] {
        assert!(Request::new(method, path).is_err(), "{path:?}");
    }
    let mut request = post("");
    for (name, value) in [
        ("Host", "a"),
        ("connection", "close"),
        ("Content-Length", "5"),
        ("transfer-encoding", "chunked"),
        ("TE", "gzip"),
        ("Expect", "100-continue"),
        ("keep-alive", "5"),
        ("upgrade", "h2c"),
        ("a b", "x"),
        ("", "x"),
        ("x", "a\r\nb: c"),
        ("x", "a\0"),
    ] {
        assert!(request.add(name, value.as_bytes()).is_err(), "{name:?}");
    }
    assert_eq!(request.add("Authorization", b"Bearer x"), Ok(()));
}

#[test]
fn a_request_may_be_repeated_by_its_method() {
    assert!(Request::new(Method::Get, "/").unwrap().may_repeat);
    assert!(Request::new(Method::Put, "/").unwrap().may_repeat);
    assert!(!post("x").may_repeat);
}

#[test]
fn nothing_secret_is_shown() {
    let mut request = post("s3cret");
    request.path = "/s3cret".to_owned();
    request.add("authorization", b"s3cret").unwrap();
    let answer = Answer {
        status: Status::OK,
        fields: request.fields.clone(),
        body: b"s3cret".to_vec(),
        trailers: Some(request.fields.clone()),
    };
    let bytes = format!("{:?}", b"s3cret").replace(['[', ']'], "");
    for shown in [format!("{request:?}"), format!("{answer:?}")] {
        assert!(!shown.contains("s3cret") && !shown.contains(&bytes), "{shown}");
    }
}

#[test]
fn a_body_is_packed_where_that_helps() {
    let text = "a line that comes again and again\n".repeat(100);
    let mut request = post(&text);
    request.gzip();
    assert!(request.is_gzipped && request.body.len() < text.len() / 10);
    let packed = request.body.clone();
    request.gzip();
    assert_eq!(request.body, packed, "it is packed once");
    let mut back = String::new();
    flate2::read::GzDecoder::new(&*packed).read_to_string(&mut back).unwrap();
    assert_eq!(back, text);

    let mut small = post("x");
    small.gzip();
    assert!(!small.is_gzipped && &*small.body == b"x");

    let mut other = post(&text);
    other.add("content-encoding", b"br").unwrap();
    other.gzip();
    assert!(!other.is_gzipped);
}

#[test]
fn the_time_that_a_server_asks_for() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let check = |values: &[&str], expect: Option<u64>| {
        let mut fields = Fields::new();
        for value in values {
            fields.add("Retry-After", value.as_bytes()).unwrap();
        }
        let answer = Answer { status: Status::OK, fields, body: Vec::new(), trailers: None };
        assert_eq!(answer.retry_after(now), expect.map(Duration::from_secs), "{values:?}");
    };
    check(&[], None);
    check(&["0"], Some(0));
    check(&["120"], Some(120));
    check(&["99999999999999999999"], Some(u64::MAX));
    check(&["Sun, 06 Nov 1994 08:49:47 GMT"], Some(10));
    check(&["Sun, 06 Nov 1994 08:49:27 GMT"], Some(0));
    check(&["soon"], None);
    check(&["-1"], None);
    check(&["+1"], None);
    check(&["1.5"], None);
    check(&[""], None);
    check(&["1", "2"], None);
}

//! What a browser brings back from a provider, and the cookies of its session, as a naive reading has them.

use yumen_http::Fields;
use yumen_openid::{Attempt, Callback, Jar, Outcome, PARTS_MAX, Session, Tokens, Tossed};

/// Checks the first line as a query, the other ones as cookies, and all of it as what is sealed or sent.
pub fn check(data: &[u8]) {
    let mut lines = data.split(|&byte| byte == b'\n');
    let query = lines.next().unwrap_or_default();
    callback(query);
    let mut fields = Fields::new();
    let cookies: Vec<&[u8]> = lines.filter(|line| fields.add("Cookie", line).is_ok()).collect();
    session(&fields, &cookies);
    if let Ok(tokens) = Tokens::read(data) {
        assert!(tokens.access.bytes().all(|byte| byte.is_ascii_graphic()));
    }
    if let Some(session) = Session::read(data) {
        assert_eq!(Session::read(&session.bytes()), Some(session));
    }
    if let Some(attempt) = Attempt::read(data) {
        assert_eq!(attempt.bytes(), data);
    }
}

fn callback(query: &[u8]) {
    let pairs: Vec<(Vec<u8>, Vec<u8>)> = query
        .split(|&byte| byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let at = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
            (plain(&pair[..at]), plain(pair.get(at + 1..).unwrap_or_default()))
        })
        .collect();
    let all = |name: &str| pairs.iter().filter(|(one, _)| one == name.as_bytes()).count();
    let first = |name: &str| {
        let found = pairs.iter().find(|(one, _)| one == name.as_bytes());
        found.and_then(|(_, value)| String::from_utf8(value.clone()).ok())
    };
    let Ok(read) = Callback::read(query) else { return };
    assert!(["state", "code", "error", "iss"].iter().all(|name| all(name) <= 1));
    assert_eq!((Some(&read.state), &read.issuer), (first("state").as_ref(), &first("iss")));
    match read.outcome {
        Outcome::Code(code) => {
            assert!(code.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && all("error") == 0);
            assert_eq!(Some(code), first("code"));
        }
        Outcome::Refused(_) => assert_eq!((all("code"), all("error")), (0, 1)),
    }
}

fn session(fields: &Fields, cookies: &[&[u8]]) {
    let jar = Jar::new("s", false);
    let pairs = cookies.iter().flat_map(|line| line.split(|&byte| byte == b';'));
    let pairs: Vec<&[u8]> = pairs.map(<[u8]>::trim_ascii).collect();
    let count = |name: &str| pairs.iter().filter(|pair| pair.starts_with(name.as_bytes())).count();
    match jar.find(fields) {
        Err(Tossed) => {
            let places = (1..PARTS_MAX).map(|place| format!("s.{place}="));
            assert!(count("s=") > 1 || places.into_iter().any(|name| count(&name) > 1));
        }
        Ok(Some(whole)) => {
            assert_eq!(count("s="), 1);
            let Some(set) = jar.put(&whole, &Fields::new()) else { return };
            let mut again = Fields::new();
            for one in &set {
                let pair = one.split(';').next().unwrap_or_default();
                again.add("Cookie", pair.as_bytes()).expect("a cookie");
            }
            let expect = if whole.is_empty() { None } else { Some(whole) };
            assert_eq!(jar.find(&again), Ok(expect));
        }
        Ok(None) => assert!(count("s=") <= 1),
    }
}

fn plain(text: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let hex = text.get(at + 1..at + 3).filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        match (text[at], hex) {
            (b'%', Some(hex)) => {
                let hex = std::str::from_utf8(hex).expect("ASCII");
                out.push(u8::from_str_radix(hex, 16).expect("digits"));
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (other, _) => out.push(other),
        }
        at += 1;
    }
    out
}

//! Ways around who may do what: written so that a careless reader takes them for something else.

use std::time::{Duration, Instant};

use yumen_e2e::{Backend, Client, Gateway};

/// What must become of a request.
enum Expect {
    /// Refused with one of these; no service hears of it.
    Refused(&'static [u16]),
    /// The service gets it with this target, and without a line of any of these names.
    Seen(&'static str, &'static [&'static str]),
}

use Expect::{Refused, Seen};

/// `user` may do everything but what `/admin` and DELETE are for.
fn config(backend: &Backend) -> String {
    format!(
        r#"
listeners: [{{ name: web, address: '127.0.0.1:0', trusted_proxies: [127.0.0.1] }}]
status: {{ address: '127.0.0.1:0' }}
access_log: {{ to: stdout }}
consumers:
  - {{ name: user, keys: [{{ key: the-key-of-user }}] }}
  - {{ name: boss, groups: [admin], keys: [{{ key: the-key-of-boss }}] }}
services:
  - name: backend
    url: http://{}
    policies:
      - {{ kind: key-auth, config: {{ query: [key], cookies: [key], strip: true }} }}
      - kind: rules
        config:
          deny:
            - when: request.path == "/admin" || request.path.startsWith("/admin/")
            - when: request.method == "DELETE"
            - when: request.path.matches("^/(a+)+$") && request.path.endsWith("!")
    routes:
      - name: all
      - name: admin
        match: {{ paths: [/boss/*] }}
        policies: [{{ kind: acl, config: {{ allow: {{ groups: [admin] }} }} }}]
"#,
        backend.authority()
    )
}

const ADMIN: Expect = Refused(&[403]);
const UNREADABLE: Expect = Refused(&[400]);
/// Fields of the request that no service may see from a client.
const OWNED: &[&str] = &[
    "x-original-url",
    "x-rewrite-url",
    "x-consumer-groups",
    "x-consumer_groups",
    "x_consumer_groups",
    "x-real-ip",
    "proxy",
];

/// Name, first line, fields behind `X-API-Key`, and what must become of it.
fn attacks() -> Vec<(&'static str, &'static str, &'static str, Expect)> {
    vec![
        ("nothing is wrong", "GET /x", "", Seen("/x", OWNED)),
        ("a path that is forbidden", "GET /admin", "", ADMIN),
        ("below it", "GET /admin/x", "", ADMIN),
        ("with a slash behind it", "GET /admin/", "", ADMIN),
        ("an encoded letter", "GET /%61dmin", "", ADMIN),
        ("upper-case digits of an encoded letter", "GET /%61%64m%69n", "", ADMIN),
        ("up from elsewhere", "GET /x/../admin", "", ADMIN),
        ("up from elsewhere, encoded", "GET /x/%2e%2e/admin", "", ADMIN),
        ("up from elsewhere, half encoded", "GET /x/.%2E/admin", "", ADMIN),
        ("a dot between", "GET /./admin", "", ADMIN),
        ("two slashes", "GET //admin", "", ADMIN),
        ("an encoded slash", "GET /x%2f..%2fadmin", "", UNREADABLE),
        ("an encoded backslash", "GET /x%5c..%5cadmin", "", UNREADABLE),
        ("a backslash", "GET /x\\..\\admin", "", UNREADABLE),
        ("a NUL", "GET /admin%00", "", UNREADABLE),
        ("encoded twice", "GET /%2561dmin", "", Seen("/%2561dmin", OWNED)),
        ("a parameter in a segment", "GET /admin;x=1/y", "", Refused(&[400, 403])),
        ("a whole URL as target", "GET http://a/admin", "", ADMIN),
        ("a fragment", "GET /x#/../admin", "", UNREADABLE),
        ("the target in a field", "GET /x", "X-Original-URL: /admin\r\n", Seen("/x", OWNED)),
        ("the target in another field", "GET /x", "X-Rewrite-URL: /admin\r\n", Seen("/x", OWNED)),
        ("a method that is forbidden", "DELETE /x", "", ADMIN),
        ("the same in small letters", "delete /x", "", UNREADABLE),
        ("a group that nobody gave", "GET /boss/x", "X-Consumer-Groups: admin\r\n", ADMIN),
        ("the same with underscores", "GET /boss/x", "X_Consumer_Groups: admin\r\n", ADMIN),
        ("the same, half of each", "GET /x", "X-Consumer_Groups: admin\r\n", Seen("/x", OWNED)),
        ("the address of somebody else", "GET /x", "X-Real-IP: 10.0.0.1\r\n", Seen("/x", OWNED)),
        ("a proxy for the service", "GET /x", "Proxy: http://evil\r\n", Seen("/x", OWNED)),
        (
            "the key named as one of the connection",
            "GET /x",
            "Connection: X-API-Key\r\n",
            Refused(&[401]),
        ),
        (
            "who calls named as one of the connection",
            "GET /x",
            "Connection: X-Consumer-Username, X-Credential-Identifier\r\n",
            Seen("/x", OWNED),
        ),
        ("two keys", "GET /x", "X-API-Key: the-key-of-boss\r\n", Refused(&[401])),
        ("a key in the query too", "GET /x?key=the-key-of-boss", "", Refused(&[401])),
        ("a key in a cookie too", "GET /x", "Cookie: key=the-key-of-boss\r\n", Refused(&[401])),
        (
            "a key in the query, its name encoded",
            "GET /x?%6bey=the-key-of-boss",
            "",
            Refused(&[401]),
        ),
        ("a field in two lines", "GET /x", "X-A: 1\r\n X-API-Key: the-key-of-boss\r\n", UNREADABLE),
        ("a bare line end", "GET /x", "X-A: 1\nX-Consumer-Groups: admin\r\n", UNREADABLE),
        ("another host in the target", "GET http://b/x", "", Seen("/x", OWNED)),
    ]
}

#[test]
fn rules_see_what_the_service_sees() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend));
    for (number, (name, first, fields, expect)) in attacks().into_iter().enumerate() {
        let mark = backend.mark();
        // From an address of its own: whoever is refused often has to wait.
        let request = format!(
            "{first} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.1.0.{number}\r\n\
             X-API-Key: the-key-of-user\r\n{fields}Content-Length: 0\r\n\r\n"
        );
        let answer = Client::connect(gateway.web()).ask(&request);
        let status = answer.unwrap_or_else(|lost| panic!("{name}: {lost:?}")).status();
        let seen = backend.since(&mark);
        let requests: Vec<_> = seen.iter().flat_map(|one| one.requests().0).collect();
        match expect {
            Refused(statuses) => {
                assert!(statuses.contains(&status), "{name}: {status}");
                assert!(requests.is_empty(), "{name}: the service was asked");
            }
            Seen(target, gone) => {
                assert_eq!((status, requests.len()), (200, 1), "{name}");
                let request = &requests[0];
                assert_eq!(request.target(), target, "{name}");
                assert!(!request.method().eq("DELETE"), "{name}");
                assert_eq!(request.all("x-consumer-username"), ["user"], "{name}");
                for field in gone {
                    assert!(request.all(field).is_empty(), "{name}: {field}");
                }
            }
        }
    }
    let boss = "GET /boss/x HTTP/1.1\r\nHost: a\r\nX-API-Key: the-key-of-boss\r\n\r\n";
    assert_eq!(Client::connect(gateway.web()).ask(boss).unwrap().status(), 200, "it is there");
}

#[test]
fn an_expression_is_not_made_to_search_for_ever() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend));
    let began = Instant::now();
    for letters in [100, 1_000, 8_000] {
        let path = format!("/{}!", "a".repeat(letters));
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-API-Key: the-key-of-user\r\n\r\n");
        let status = Client::connect(gateway.web()).ask(&request).unwrap().status();
        // Where it does not match, it is searched in vain.
        assert!([200, 414].contains(&status), "{status}");
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn credentials_that_are_too_long_are_refused() {
    let backend = Backend::answering("ok");
    let gateway = Gateway::start(&config(&backend));
    for (bytes, statuses) in [(513, &[401][..]), (7_000, &[401, 431]), (60_000, &[431, 400])] {
        let key = "k".repeat(bytes);
        for (place, field) in ["X-API-Key: ", "Cookie: key="].into_iter().enumerate() {
            let from = format!("10.2.{place}.{}", bytes % 251);
            let request = format!(
                "GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {from}\r\n{field}{key}\r\n\r\n"
            );
            let status = Client::connect(gateway.web()).ask(&request).unwrap().status();
            assert!(statuses.contains(&status), "{bytes}: {status}");
        }
    }
    assert_eq!(backend.connections(), 0);
}

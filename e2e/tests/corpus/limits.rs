//! Sizes: what is too large is refused with its own status, what is just small enough is not
//! (catalogue entry 49, default limits).

use yumen_e2e::corpus::{Case, case, forward, refuse_with, seen, abort};

const LINE: &str = "GET /x HTTP/1.1\r\nHost: test.example\r\n";

fn target(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test.example\r\n\r\n")
}

fn fields(count: usize, length: usize) -> String {
    let value = "v".repeat(length);
    let list: String = (0..count).map(|n| format!("A{n}: {value}\r\n")).collect();
    format!("{LINE}{list}\r\n")
}

pub fn cases() -> Vec<Case> {
    let a = |count: usize| "a".repeat(count);
    let long = &[414, 431];
    let head = &[431];
    let body = |length: usize| {
        format!("POST /x HTTP/1.1\r\nHost: test.example\r\nContent-Length: {length}\r\n\r\n")
    };
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, a(1 << 20));
    let chunked = "POST /x HTTP/1.1\r\nHost: test.example\r\nTransfer-Encoding: chunked\r\n\r\n";
    let last = format!("A{}", 97);
    vec![
        case("49 target of 1 MiB", target(&format!("/{}", a(1 << 20))), refuse_with(long)),
        case("49 target just too long", target(&format!("/{}", a(8 << 10))), refuse_with(&[414])),
        case("49 query of 64 KiB", target(&format!("/?{}", a(64 << 10))), refuse_with(long)),
        case("49 field of 4 MiB", fields(1, 4 << 20), refuse_with(head)),
        case("49 field just too long", fields(1, 8 << 10), refuse_with(head)),
        case("49 field name of 64 KiB", format!("{LINE}{}: b\r\n\r\n", a(64 << 10)), refuse_with(head)),
        case("49 10,000 fields", fields(10_000, 1), refuse_with(head)),
        case("49 101 fields", fields(100, 1), refuse_with(head)),
        case("49 head of 64 KiB in small fields", fields(90, 700), refuse_with(head)),
        case("49 Host of 64 KiB", format!("GET /x HTTP/1.1\r\nHost: {}\r\n\r\n", a(64 << 10)), refuse_with(&[400, 431])),
        case("49 20,000 parameters", target(&format!("/x?{}", "a=b&".repeat(20_000))), refuse_with(long)),
        case("49 20,000 segments", target(&"/a".repeat(20_000)), refuse_with(long)),
        case("49 endless line", a(1 << 20), refuse_with(&[400, 414, 431])),
        case("49 body just too large", body((10 << 20) + 1), refuse_with(&[413])),
        case("49 body of 1 TiB", body(1 << 40), refuse_with(&[413])),
        case("49 chunks just too large", format!("{chunked}{}1\r\nx\r\n0\r\n\r\n", chunk.repeat(10)), abort()),
        case("49 one chunk too large", format!("{chunked}{:x}\r\nxx", 11 << 20), abort()),
        case("49 cookies of 40 KiB", format!("{LINE}{}\r\n", "Cookie: a=b; c=d\r\n".repeat(2500)), refuse_with(head)),
        case("49 target just short enough", target(&format!("/{}", a((8 << 10) - 1))), forward([seen("GET", &format!("/{}", a((8 << 10) - 1)))])),
        case("49 field just short enough", fields(1, (8 << 10) - 16), forward([seen("GET", "/x")])),
        case("49 99 fields", fields(98, 1), forward([seen("GET", "/x").has(&last, "v")])),
        case("49 head of 30 KiB", fields(40, 700), forward([seen("GET", "/x")])),
        case("49 body just small enough", format!("{}{}", body(10 << 20), a(10 << 20)), forward([seen("POST", "/x").body(a(10 << 20))])),
        case("49 chunks just small enough", format!("{chunked}{}0\r\n\r\n", chunk.repeat(10)), forward([seen("POST", "/x").body(a(10 << 20))])),
    ]
}

//! Paths around a rule: `/admin/*` is denied, `/api/*` is stripped and passed on, everything else
//! is passed on (catalogue entries 50 to 60). What the rule sees is what the service sees.

use yumen_e2e::corpus::{Case, answered, case, forward, refuse, seen};

/// Refused as ambiguous, or denied by the rule: it never reaches the service.
const STOPPED: &[u16] = &[400, 403];

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: test.example\r\n\r\n").into_bytes()
}

/// A GET of `/x` with these fields.
fn with(fields: &str) -> Vec<u8> {
    format!("GET /x HTTP/1.1\r\nHost: test.example\r\n{fields}\r\n").into_bytes()
}

pub fn cases() -> Vec<Case> {
    [denied(), refused(), passed_on(), stripped(), overrides()].into_iter().flatten().collect()
}

/// Spellings of `/admin`: the rule must see them all.
fn denied() -> Vec<Case> {
    [
        ("50 plain", "/admin"),
        ("50 below", "/admin/users"),
        ("50 dot segment", "/x/../admin"),
        ("50 two dot segments", "/x/y/../../admin"),
        ("50 single dot", "/./admin"),
        ("50 single dot behind", "/admin/."),
        ("50 single dot inside", "/admin/./users"),
        ("50 encoded dots", "/x/%2e%2e/admin"),
        ("50 encoded dots in capitals", "/x/%2E%2E/admin"),
        ("50 half encoded dots", "/x/.%2e/admin"),
        ("50 other half", "/x/%2e./admin"),
        ("50 encoded single dot", "/%2e/admin"),
        ("50 back into it", "/admin/x/../y"),
        ("50 out and in", "/admin/../admin/x"),
        ("50 with query", "/x/../admin?a=/../b"),
        ("50 absolute form", "http://test.example/x/../admin"),
        ("51 double slash", "//admin"),
        ("51 triple slash", "///admin"),
        ("51 double slash inside", "/x//../admin"),
        ("51 double slash behind", "/admin//"),
        ("51 double slash below", "/admin//users"),
        ("51 slash dot slash", "/.//admin"),
        ("53 encoded letter", "/%61dmin"),
        ("53 encoded letters", "/%61%64%6d%69%6e"),
        ("53 encoded letters, small digits", "/%61%64%6D%69%6e/x"),
        ("50 encoded dots and letters", "/%78/%2e%2e/%61dmin"),
        ("50 trailing slash", "/admin/"),
        ("54 parameter", "/admin;x"),
        ("54 parameter with value", "/admin;a=b/users"),
    ]
    .into_iter()
    .map(|(name, path)| case(name, get(path), answered(STOPPED)))
    .collect()
}

fn refused() -> Vec<Case> {
    let mut list: Vec<Case> = [
        ("50 above the root", "/.."),
        ("50 above the root into it", "/../admin"),
        ("50 far above the root", "/x/../../admin"),
        ("50 encoded, above the root", "/%2e%2e/admin"),
        ("52 encoded slash", "/x%2fadmin"),
        ("52 encoded slash in capitals", "/x%2Fy"),
        ("52 encoded slash with dots", "/x/..%2fadmin"),
        ("52 encoded slash behind", "/admin%2f"),
        ("52 encoded slash before", "/%2fadmin"),
        ("52 encoded backslash", "/x%5c..%5cadmin"),
        ("52 encoded backslash in capitals", "/x%5Cy"),
        ("52 backslash", "/x\\..\\admin"),
        ("52 backslash before", "/\\admin"),
        ("53 NUL", "/admin%00"),
        ("53 NUL inside", "/x%00/../admin"),
        ("53 overlong dot", "/x/%c0%ae%c0%ae/admin"),
        ("53 overlong slash", "/x%c0%afadmin"),
        ("53 three bytes for a slash", "/x%e0%80%afadmin"),
        ("53 surrogate", "/%ed%a0%80"),
        ("53 stray continuation", "/%80"),
        ("53 cut sequence", "/%e4%b8"),
        ("53 %u", "/%u0061dmin"),
        ("53 half a triplet", "/x%6"),
        ("53 no digits", "/x%gg"),
        ("54 dots with a parameter", "/x/..;/admin"),
        ("54 dots with a value", "/x/..;a=b/admin"),
        ("54 encoded dots with a parameter", "/x/%2e%2e;/admin"),
        ("43 fragment", "/x#/../admin"),
        ("56 encoded slash below the rule", "/admin%2Fdashboard"),
    ]
    .into_iter()
    .map(|(name, path)| case(name, get(path), refuse()))
    .collect();
    list.push(case("44 raw 8-bit", b"GET /x\xc0\xae HTTP/1.1\r\nHost: a\r\n\r\n".as_slice(), refuse()));
    list
}

/// Read once, and the service sees exactly what was matched.
fn passed_on() -> Vec<Case> {
    let mut list: Vec<Case> = [
        ("clean: root", "/", "/"),
        ("clean: query untouched", "/x?a=%2F&b=..;/&c=//", "/x?a=%2F&b=..;/&c=//"),
        ("clean: empty query", "/x?", "/x?"),
        ("clean: segments that begin with dots", "/.well-known/...", "/.well-known/..."),
        ("clean: sub-delimiters", "/a!$&'()*+,=:@b", "/a!$&'()*+,=:@b"),
        ("clean: letters beyond ASCII", "/%E7%8E%89%E9%96%80", "/%E7%8E%89%E9%96%80"),
        ("clean: trailing slash is kept", "/x/", "/x/"),
        ("50 dots to the root", "/x/..", "/"),
        ("50 dot behind", "/x/.", "/x/"),
        ("50 away from the rule", "/admin/../x", "/x"),
        ("53 unreserved decoded", "/%7Ex%2Dy", "/~x-y"),
        ("53 triplets in capitals", "/%e7%8e%89", "/%E7%8E%89"),
        ("53 reserved stays", "/x%3Fy%3Bz", "/x%3Fy%3Bz"),
        ("53 space stays", "/a%20b", "/a%20b"),
        ("53 double encoding of a letter", "/%2561dmin", "/%2561dmin"),
        ("53 double encoding of dots", "/x/%252e%252e/admin", "/x/%252e%252e/admin"),
        ("53 double encoding of a slash", "/x%252fadmin", "/x%252fadmin"),
        ("55 not a whole segment", "/adminx", "/adminx"),
        ("55 dots glued on", "/admin..", "/admin.."),
        ("51 double slash elsewhere", "/a//b", "/a/b"),
        ("54 parameter elsewhere", "/a;b=c/d", "/a;b=c/d"),
        ("60 capitals are another path", "/ADMIN", "/ADMIN"),
    ]
    .into_iter()
    .map(|(name, path, expect)| {
        let right = forward([seen("GET", expect)]);
        let strict = name.starts_with("clean") || (expect == path && !path.contains(';'));
        case(name, get(path), if strict { right } else { right.or_refuse() })
    })
    .collect();
    let host = b"GET /x HTTP/1.1\r\nHost: TEST.Example.\r\n\r\n".as_slice();
    list.push(case("60 Host with capitals and a dot", host, forward([seen("GET", "/x")])));
    list
}

/// A prefix is taken off by whole segments, and what is left is still one path.
fn stripped() -> Vec<Case> {
    let to = |path: &str| forward([seen("GET", path)]);
    vec![
        case("55 stripped", get("/api/x"), to("/x")),
        case("55 stripped to the root", get("/api"), to("/")),
        case("55 stripped to the root, slash", get("/api/"), to("/")),
        case("55 glued dots", get("/api../admin"), to("/api../admin").or_refuse()),
        case("55 glued letters", get("/apix/y"), to("/apix/y")),
        case("55 dots behind the prefix", get("/api/../admin"), answered(STOPPED)),
        case("55 encoded dots behind it", get("/api/%2e%2e/admin"), answered(STOPPED)),
        case("55 double slash behind it", get("/api//x"), to("/x").or_refuse()),
        case("55 two slashes and a host", get("/api//evil.example/x"), to("/evil.example/x").or_refuse()),
    ]
}

fn overrides() -> Vec<Case> {
    let plain = |name: &str, lacks: &str| {
        let fields = format!("{lacks}: /admin\r\n");
        case(name, with(&fields), forward([seen("GET", "/x").lacks(lacks)]))
    };
    let method = with("X-HTTP-Method-Override: DELETE\r\n");
    let two = with("Role: user\r\nRole: admin\r\n");
    vec![
        plain("57 X-Original-URL", "X-Original-URL"),
        plain("57 X-Rewrite-URL", "X-Rewrite-URL"),
        case("59 method override", method, forward([seen("GET", "/x")])),
        case("58 a field twice stays twice", two, forward([seen("GET", "/x")])),
        case("57 on the rule itself", get("/admin").strip_suffix(b"\r\n").map(|head| [head, b"X-Original-URL: /x\r\n\r\n"].concat()).unwrap_or_default(), answered(&[403])),
    ]
}

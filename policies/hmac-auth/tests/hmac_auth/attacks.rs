//! Requests of somebody who has seen a good one, or has a secret of one's own.

use super::*;

const AT: &str = ";created=1618884473;keyid=\"ann-1\"";

fn refused(policy: &Arc<dyn Policy>, head: &str, body: &str, expect: &str) {
    let told = told(policy, head, body, NOW);
    assert!(told.starts_with(expect), "{head}\n{body}: {told}");
}

#[test]
fn nothing_that_is_covered_can_be_changed() {
    let good = GET.to_owned() + &signed(&USUAL, AT, SECRET);
    let policy = policy("{}");
    for (what, with) in [
        ("GET", "DELETE"),
        ("GET", "fetch"),
        ("/orders", "/orders/1"),
        ("/orders", "/Orders"),
        ("?a=1", "?a=2"),
        ("?a=1", "?a=1&b"),
        ("?a=1", ""),
        ("Shop.example", "shop2.example"),
        ("example:80", "example:81"),
        ("1618884473", "1618884474"),
        ("keyid=\"ann-1\"", "keyid=\"bob-1\""),
        (";keyid", ";nonce=\"2\";keyid"),
        ("\"@method\" \"@authority\"", "\"@authority\" \"@method\""),
    ] {
        let changed = good.replace(what, with);
        assert_ne!(changed, good, "{what}");
        refused(&policy, &changed, "", "the signature was not made with");
    }
    assert_eq!(told(&policy, &good, "", NOW), "ann");
}

#[test]
fn what_is_demanded_must_be_covered() {
    let policy = policy("{ covered: ['@method', '@authority', '@path', '@query', x-tenant] }");
    let head = GET.to_owned() + "X-Tenant: a\n";
    let all = [&USUAL[..], &[("\"x-tenant\"", "a")]].concat();
    for (index, (name, _)) in all.iter().enumerate() {
        let mut some = all.clone();
        some.remove(index);
        let expect = format!("the signature does not cover `{}`", name.trim_matches('"'));
        refused(&policy, &(head.clone() + &signed(&some, AT, SECRET)), "", &expect);
    }
    // A field that is not there cannot be left out of it, nor be covered as nothing.
    let nothing = [&USUAL[..], &[("\"x-tenant\"", "")]].concat();
    refused(
        &policy,
        &(GET.to_owned() + &signed(&nothing, AT, SECRET)),
        "",
        "the signature covers `x-tenant`",
    );
    // A second line of a field is covered with the first.
    let twice = head.clone() + "X-Tenant: b\n" + &signed(&all, AT, SECRET);
    refused(&policy, &twice, "", "the signature was not made");
    assert_eq!(told(&policy, &(head + &signed(&all, AT, SECRET)), "", NOW), "ann");
}

#[test]
fn components_have_one_meaning() {
    let policy = policy("{ covered: [] }");
    let head = GET.to_owned() + "X-A: 1\nCookie: c\n";
    for (component, value, expect) in [
        ("\"x-a\"", "1", "ann"),
        ("\"@query-param\";name=\"a\"", "1", "ann"),
        ("\"host\"", "Shop.example:80", "ann"),
        ("\"X-A\"", "1", "the signature covers `X-A`"),
        ("\"x-a\";sf", "1", "the signature covers `x-a`"),
        ("\"x-a\";bs", ":MQ==:", "the signature covers `x-a`"),
        ("\"x-a\";key=\"a\"", "1", "the signature covers `x-a`"),
        ("\"x-a\";tr", "1", "the signature covers `x-a`"),
        ("\"@method\";req", "GET", "the signature covers `@method`"),
        ("\"@status\"", "200", "the signature covers `@status`"),
        ("\"@signature-params\"", "", "the signature covers `@signature-params`"),
        ("\"@query-param\"", "1", "the signature covers `@query-param`"),
        ("\"@query-param\";name=\"b\"", "", "the signature covers `@query-param`"),
        ("\"x-none\"", "", "the signature covers `x-none`"),
        ("\"connection\"", "close", "the signature covers `connection`"),
        ("\"x-a\" \"x-a\"", "1", "the signature covers `x-a` twice"),
        ("x-a", "1", "Signature-Input is missing"),
    ] {
        let fields = signed(&[(component, value)], AT, SECRET);
        refused(&policy, &(head.clone() + &fields), "", expect);
    }
    let twice = head.replace("a=1", "a=1&a=2");
    let fields = signed(&[("\"@query-param\";name=\"a\"", "1")], AT, SECRET);
    refused(&policy, &(twice + &fields), "", "the signature covers `@query-param`");
}

#[test]
fn a_signature_is_good_for_a_while_and_once() {
    let head = GET.to_owned() + &signed(&USUAL, AT, SECRET);
    for (at, expect) in [
        (NOW - 301, "the signature is -301 seconds old"),
        (NOW - 300, "ann"),
        (NOW + 300, "ann"),
        (NOW + 301, "the signature is 301 seconds old"),
        (0, "the signature is -"),
        (u64::MAX, "the signature is"),
    ] {
        let told = told(&policy("{}"), &head, "", at);
        assert!(told.starts_with(expect), "{at}: {told}");
    }
    let scope = scope();
    let in_scope = |yaml| compile_in::<Config>(yaml, &scope).unwrap();
    let policy = in_scope("{}");
    assert_eq!(told(&policy, &head, "", NOW - 300), "ann");
    for at in [NOW - 300, NOW, NOW + 300] {
        assert_eq!(told(&policy, &head, "", at), "the signature was used before");
    }
    // Neither under another label, nor with another plan.
    let other = head.replace("s=", "other=");
    assert_eq!(told(&in_scope("realm: other"), &other, "", NOW), "the signature was used before");
    let fresh =
        GET.to_owned() + &signed(&USUAL, ";created=1618884473;keyid=\"ann-1\";nonce=\"2\"", SECRET);
    assert_eq!(told(&policy, &fresh, "", NOW), "ann");
    let allowing = in_scope("replays: allow");
    assert_eq!(told(&allowing, &head, "", NOW), "ann");
    assert_eq!(told(&allowing, &head, "", NOW), "ann");
}

#[test]
fn what_was_refused_is_not_used_up_nor_is_what_is_only_tried() {
    let policy = policy("{}");
    let good = GET.to_owned() + &signed(&USUAL, AT, SECRET);
    refused(&policy, &good.replace("GET", "PUT"), "", "the signature was not made");
    let mut tried = exchange(&good);
    tried.now = NOW;
    assert!(matches!(policy.dry(&mut tried), Step::Now(Verdict::Next)));
    assert_eq!(told(&policy, &good, "", NOW), "ann");
}

#[test]
fn parameters_are_known_and_good() {
    let policy = policy("{}");
    for (parameters, expect) in [
        (";keyid=\"ann-1\"", "the signature does not say when"),
        (";created=1618884473", "the signature has no keyid"),
        (";created=\"1618884473\";keyid=\"ann-1\"", "the signature's parameter `created`"),
        (";created=1618884473.0;keyid=\"ann-1\"", "Signature-Input is missing"),
        (";created=1618884473;created=1;keyid=\"ann-1\"", "Signature-Input is missing"),
        (";created=1618884473;keyid=ann-1", "the signature has no keyid"),
        (";created=1618884473;keyid=\"ann-1\";alg=\"ed25519\"", "the signature's parameter `alg`"),
        (";created=1618884473;keyid=\"ann-1\";alg=\"none\"", "the signature's parameter `alg`"),
        (";created=1618884473;keyid=\"ann-1\";alg=hmac-sha256", "the signature's parameter `alg`"),
        (";created=1618884473;keyid=\"ann-1\";x=1", "the signature's parameter `x`"),
        (";created=1618884473;keyid=\"ann-1\";expires=1618884473", "the signature has expired"),
        (";created=1618884473;keyid=\"ann-1\";expires=-1", "the signature has expired"),
        (";created=1618884473;keyid=\"nobody\"", "nobody has a secret"),
        (";created=1618884473;keyid=\"\"", "nobody has a secret"),
        (";created=1618884473;keyid=\"ANN-1\"", "nobody has a secret"),
        (";created=1618884473;keyid=\"bob-1\"", "the signature was not made with"),
    ] {
        refused(&policy, &(GET.to_owned() + &signed(&USUAL, parameters, SECRET)), "", expect);
    }
}

#[test]
fn half_a_signature_is_none() {
    let policy = policy("{}");
    let good = GET.to_owned() + &signed(&USUAL, AT, SECRET);
    let (front, signature) = good.split_once("Signature: s=:").unwrap();
    let bytes = BASE64.decode(signature.trim_end_matches(':').as_bytes()).unwrap();
    for cut in [0, 1, 16, 31] {
        let cut = BASE64.encode(bytes.get(..cut).unwrap());
        refused(&policy, &format!("{front}Signature: s=:{cut}:"), "", "the signature was not made");
    }
    // With nothing for a secret.
    refused(
        &policy,
        &(GET.to_owned() + &signed(&USUAL, AT, b"")),
        "",
        "the signature was not made",
    );
    let long = format!("{front}Signature: s=:{}:", "A".repeat(4000));
    refused(&policy, &long, "", "the signature was not made");
    let names: String = (0..100).map(|one| format!("\"x{one}\" ")).collect();
    let many = format!("{GET}Signature-Input: s=({names}){AT}\nSignature: s=:AAAA:");
    refused(&policy, &many, "", "Signature-Input is missing");
    let lines = "Signature-Input: s=(\"x\"), ".to_owned() + &"x".repeat(7000);
    let huge = format!("{GET}{lines}\n{lines}\n{lines}\nSignature: s=:AAAA:");
    refused(&policy, &huge, "", "Signature-Input is missing");
}

const POST: &str = "POST /orders HTTP/1.1\nHost: shop.example\nContent-Length: 5\n";
/// SHA-256 of `hello`
const HELLO: &str = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

fn post(digest: &str, name: &str) -> String {
    let all = [
        ("\"@method\"", "POST"),
        ("\"@authority\"", "shop.example"),
        ("\"@path\"", "/orders"),
        ("\"@query\"", "?"),
        (name, digest),
    ];
    let all = all.get(..if name.is_empty() { 4 } else { 5 }).unwrap();
    let field = if name.is_empty() {
        String::new()
    } else {
        format!("{}: {digest}\n", name.trim_matches('"'))
    };
    format!("{POST}{field}{}", signed(all, AT, SECRET))
}

#[test]
fn a_body_is_the_one_that_was_signed() {
    let content = "\"content-digest\"";
    let sha_256 = format!("sha-256=:{HELLO}:");
    let older = format!("SHA-256={HELLO}");
    for (digest, name, body, expect) in [
        (sha_256.as_str(), content, "hello", "ann"),
        (&older, "\"digest\"", "hello", "ann"),
        (&format!("md5=:AAAA:, {sha_256}"), content, "hello", "ann"),
        (&sha_256, content, "hullo", "the body is not the one"),
        (&sha_256, content, "", "the body is not the one"),
        (&sha_256, content, "hello ", "the body is not the one"),
        (&older, "\"digest\"", "hullo", "the body is not the one"),
        // Of two digests both are right.
        (&format!("{sha_256}, sha-512=:AAAA:"), content, "hello", "the body is not the one"),
        ("md5=:AAAA:", content, "hello", "Content-Digest has neither"),
        ("sha-256", content, "hello", "Content-Digest is no dictionary"),
        (&format!("{sha_256}, {sha_256}"), content, "hello", "Content-Digest is no dictionary"),
        ("MD5=AAAA", "\"digest\"", "hello", "Digest has neither"),
        ("SHA-256", "\"digest\"", "hello", "Digest cannot be read"),
        ("SHA-256=!", "\"digest\"", "hello", "Digest is no base64"),
        ("", "", "hello", "the signature covers no digest of the body"),
        ("", "", "", "ann"),
    ] {
        refused(&policy("{}"), &post(digest, name), body, expect);
    }
    // A digest that nobody signed proves nothing.
    let unsigned =
        post("", "").replace("Signature:", &format!("Content-Digest: {sha_256}\nSignature:"));
    refused(&policy("{}"), &unsigned, "hello", "the signature covers no digest");
    refused(&policy("body: unsigned"), &post("", ""), "hello", "ann");
    // What is covered is checked, also if it need not be covered.
    refused(
        &policy("body: unsigned"),
        &post(&sha_256, content),
        "hullo",
        "the body is not the one",
    );
    refused(&policy("body_max: 4"), &post(&sha_256, content), "hello", "body_too_large");
    refused(&policy("body_max: 5"), &post(&sha_256, content), "hello", "ann");
}

#[test]
fn nothing_secret_is_shown() {
    let policy = policy("{}");
    let text = std::str::from_utf8(SECRET).unwrap();
    let shown = format!("{policy:?} {:?}", scope());
    assert!(!shown.contains(text) && !shown.contains(&BASE64.encode(SECRET)), "{shown}");
    let head = GET.to_owned() + &signed(&USUAL, AT, b"another secret, and a long one");
    let told = told(&policy, &head, "", NOW);
    assert!(!told.contains(text), "{told}");
}

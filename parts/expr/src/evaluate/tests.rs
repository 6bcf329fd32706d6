//! Operators, macros and what becomes of errors.

mod sound;

use crate::error::Cause;
use crate::testing::{Exchange, evaluated, schema};
use crate::{Condition, Expression};

#[track_caller]
fn check(source: &str, expect: &str) {
    assert_eq!(evaluated(source), expect, "{source}");
}

#[test]
fn whole_numbers_are_computed_and_never_wrap() {
    check("1 + 2", "3");
    check("response.status - 4", "400");
    check("2 * 3 + 4", "10");
    check("2 + 3 * 4", "14");
    check("(2 + 3) * 4", "20");
    check("10 - 4 - 3", "3");
    check("100 / 10 / 5", "2");
    check("7 / -2", "-3");
    check("7 % 3", "1");
    check("-7 % 3", "-1");
    check("-(-5)", "5");
    check("--5", "5");
    check("0x10 + 0xfF", "271");
    check("9223372036854775807", "9223372036854775807");
    check("-9223372036854775808", "-9223372036854775808");
    check("response.status / (response.status - 404)", "division_by_zero at 16");
    check("response.status % (response.status - 404)", "division_by_zero at 16");
    check("response.status + 9223372036854775807", "overflow at 16");
    check("response.status * 9223372036854775807", "overflow at 16");
    check("-9223372036854775807 - response.status", "overflow at 21");
    check("-(response.status - 404 - 9223372036854775807 - 1)", "overflow at 0");
    check("(response.status - 404 - 9223372036854775807 - 1) / -1", "overflow at 50");
    check("(response.status - 404 - 9223372036854775807 - 1) % -1", "overflow at 50");
    check("3u + 4u", "7u");
    check("3u * 4u / 5u % 2u", "0u");
    check("response.sent - 1001u", "overflow at 14");
    check("response.sent + 18446744073709551615u", "overflow at 14");
    check("response.sent / (response.sent - 1000u)", "division_by_zero at 14");
    check("response.sent % (response.sent - 1000u)", "division_by_zero at 14");
}

#[test]
fn numbers_with_a_fraction_are_those_of_ieee_754() {
    check("1.5 + 2.25", "3.75");
    check("response.share * 4.0", "1.0");
    check("1.0 / 4.0 - .25", "0.0");
    check("1e3", "1000.0");
    check("1.5e-3", "0.0015");
    check("-response.share", "-0.25");
    check("response.share / 0.0 > 1e300", "true");
    check("response.share % 2.0", "at byte 15: `%` does not go with a double and a double");
    // Not a number is neither less nor greater than anything, nor equal to itself.
    check("0.0 / 0.0 == 0.0 / 0.0", "false");
    check("0.0 / 0.0 != 0.0 / 0.0", "true");
    check("0.0 / 0.0 <= 1.0 || 0.0 / 0.0 >= 1.0", "false");
}

#[test]
fn texts_bytes_and_lists_are_joined() {
    check(r#""a" + 'b' + """c""""#, r#""abc""#);
    check("request.method + request.path", r#""GET/orders/17""#);
    check(r#"b"a" + b"\xff""#, r#"b"a\xff""#);
    check("[1, 2] + [3]", "[1, 2, 3]");
    check("client.roles + [\"x\"]", r#"["reader", "writer", "x"]"#);
    check("[] + [1]", "[1]");
}

#[test]
fn times_are_computed() {
    check(r#"duration + duration("500ms")"#, "2s");
    check(r#"duration - duration("2s")"#, "-0.5s");
    check("-duration", "-1.5s");
    check(r#"duration("1h") - duration("1m")"#, "3540s");
    check("began", "2025-11-29T01:20:28.25Z");
    check("began + duration", "2025-11-29T01:20:29.75Z");
    check("duration + began", "2025-11-29T01:20:29.75Z");
    check("began - duration", "2025-11-29T01:20:26.75Z");
    check(r#"began - timestamp("2025-11-29T00:00:00Z")"#, "4828.25s");
    check(r#"began + duration("2562047h") + duration("2562047h")"#, "2610-06-19T23:20:28.25Z");
    check(r#"duration + duration("2562047h47m16s")"#, "overflow at 9");
    check(r#"began - timestamp("0001-01-01T00:00:00Z")"#, "overflow at 6");
    check(r#"timestamp("9999-12-31T23:59:59Z") + duration"#, "overflow at 34");
}

#[test]
fn values_are_compared() {
    check("1 == 1", "true");
    check("1 != 1", "false");
    check("request.method == 'GET'", "true");
    check("request.method != 'GET'", "false");
    check("'a' < 'b' && 'a' < 'aa' && 'Z' < 'a' && '' < 'a'", "true");
    check("'b' > 'a' && 'b' >= 'b' && 'b' <= 'b' && !('b' < 'b')", "true");
    check("response.status >= 400 && response.status < 500", "true");
    check("response.sent > 999u && response.share < 0.5", "true");
    check("false < true", "true");
    check("b'\\xff' > b'a'", "true");
    check(r#"duration > duration("1s") && duration <= duration("1500ms")"#, "true");
    check(r#"began < timestamp("2026-01-01T00:00:00Z")"#, "true");
    check("client.address == ip('10.1.2.3')", "true");
    check("client.address == ip('::ffff:10.1.2.3')", "true");
    check("client.trusted == cidr('192.0.2.0/24')", "true");
    check("[1, 2] == [1, 2]", "true");
    check("[1, 2] == [2, 1]", "false");
    check("[1, 2] == [1, 2, 3]", "false");
    check("client.roles == ['reader', 'writer']", "true");
    check("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "true");
    check("{'a': 1} == {'a': 2}", "false");
    check("{'a': 1} == {'b': 1}", "false");
    check("null == null", "true");
    check("body == b'{\\xff}'", "true");
}

#[test]
fn lists_and_maps_are_asked() {
    check("request.method in ['GET', 'HEAD']", "true");
    check("request.method in ['POST', 'PUT']", "false");
    check("request.method in []", "false");
    check("response.status in [403, 404]", "true");
    check("'writer' in client.roles", "true");
    check("'admin' in client.roles", "false");
    check("'x-id' in request.headers", "true");
    check("'x-nothing' in request.headers", "false");
    check("'a' in {'a': 1}", "true");
    check("request.method in {'GET': 1}", "true");
    check("client.roles[1]", r#""writer""#);
    check("client.roles[2]", "out_of_range at 12");
    check("client.roles[0 - 1 + response.status - 404]", "out_of_range at 12");
    check("[10, 20, 30][1u]", "20");
    check("request.headers['x-id']", r#""42""#);
    check("request.headers['X-ID']", r#""42""#);
    check("request.headers.host", r#""shop.example""#);
    check("request.headers['x-nothing']", "absent at 15");
    check("request.headers.nothing", "absent at 16");
    check("{404: 'not found', 200: 'fine'}[response.status]", r#""not found""#);
    check("{1u: 'a', 2u: 'b'}[2u]", r#""b""#);
    check("{true: 'yes', false: 'no'}[response.cached]", r#""no""#);
    check("{'a': request.method}.a", r#""GET""#);
    check("{'a': request.method, 'b': 'c'}", r#"{"a": "GET", "b": "c"}"#);
    check("{'a': 1}[request.method]", "absent at 8");
    check("[[1, 2], [3]][1][0]", "3");
}

#[test]
fn has_asks_whether_something_is_there() {
    check("has(response.status)", "true");
    check("has(failure)", "false");
    check("has(request.headers.host)", "true");
    check("has(request.headers.nothing)", "false");
    check("has(request.headers.`x-id`) && !has(request.headers.`x-none`)", "true");
    check("request.headers.`x-id`", r#""42""#);
    check("has({'a': 1}.a) && !has({'a': 1}.b)", "true");
    check("has(client.claims.name) && !has(client.claims.email)", "true");
    check("has(client.claims.nothing)", "true");
    check("missing", "absent at 0");
    check("missing > 5", "absent at 0");
    check("has(missing) ? missing : 5", "5");
}

#[test]
fn an_error_is_forgotten_when_another_operand_decides() {
    check("missing > 5 || true", "true");
    check("true || missing > 5", "true");
    check("missing > 5 && false", "false");
    check("false && missing > 5", "false");
    check("missing > 5 || false", "absent at 0");
    check("true && missing > 5", "absent at 8");
    check("missing > 5 && failure == ''", "absent at 0");
    check("missing > 5 || failure == '' || response.status == 404", "true");
    check("!(missing > 5)", "absent at 2");
    check("!(missing > 5 && false)", "true");
    check("missing > 5 ? 1 : 2", "absent at 0");
    check("response.status == 404 ? 1 : missing", "1");
    check("response.status == 200 ? 1 : missing", "absent at 29");
}

#[test]
fn loops_go_through_lists_and_keys() {
    check("client.roles.exists(x, x == 'writer')", "true");
    check("client.roles.exists(x, x == 'admin')", "false");
    check("client.roles.all(x, x.endsWith('er'))", "true");
    check("client.roles.all(x, x.startsWith('r'))", "false");
    check("client.roles.exists_one(x, x.startsWith('r'))", "true");
    check("client.roles.exists_one(x, x.endsWith('er'))", "false");
    check("client.roles.map(x, x + '!')", r#"["reader!", "writer!"]"#);
    check("client.roles.map(x, x.startsWith('w'), x.upperAscii())", r#"["WRITER"]"#);
    check("client.roles.filter(x, x != 'reader')", r#"["writer"]"#);
    check("[].exists(x, x == 1) || ![].all(x, x == 1)", "false");
    check("request.headers.exists(name, name.startsWith('X-'))", "true");
    check("request.headers.filter(name, name.startsWith('X-'))", r#"["X-Id", "X-Bad"]"#);
    check("{'a': 1, 'b': 2}.map(key, key)", r#"["a", "b"]"#);
    check("['/orders/', '/carts/'].exists(start, request.path.startsWith(start))", "true");
    // The variable of an inner loop hides that of an outer one, and names.
    check("[1, 2].map(x, [10, 20].map(y, x * y))", "[[10, 20], [20, 40]]");
    check("[1, 2].map(x, [10].map(x, x))", "[[10], [10]]");
    check("[1].map(duration, duration + 1)", "[2]");
    check("[{'method': 'x'}].map(request, request.method)", r#"["x"]"#);
}

#[test]
fn loops_forget_errors_as_operators_do() {
    check("[0, 2].exists(x, response.status / x > 1)", "true");
    check("[0, 2].exists(x, response.status / x > 1000)", "division_by_zero at 33");
    check("[0, 2].all(x, response.status / x > 1000)", "false");
    check("[0, 2].all(x, response.status / x > 1)", "division_by_zero at 30");
    check("[2, 0].exists_one(x, response.status / x > 1)", "division_by_zero at 37");
    check("[2, 0].map(x, response.status / x)", "division_by_zero at 30");
    check("[2, 0].filter(x, response.status / x > 1)", "division_by_zero at 33");
}

#[test]
fn what_has_no_known_type_is_looked_at_when_it_is_there() {
    check("client.claims.name == 'ann'", "true");
    check("client.claims.level == 3", "true");
    check("client.claims.level >= 3u && client.claims.level < 3.5", "true");
    check("client.claims.admin", "true");
    check("client.claims.admin && client.claims['name'].size() == 3", "true");
    check("client.claims.groups.exists(group, group == 'beta')", "true");
    check("'eu' in client.claims.groups", "true");
    check("client.claims.groups[0]", r#""eu""#);
    check("client.claims.nothing == null", "true");
    check("client.claims.name == null", "false");
    check("client.claims.name == 5", "false");
    check("client.claims.name in ['ann', 'bob']", "true");
    check("client.claims.level in ['ann', 'bob']", "false");
    check("client.claims.level in [1, 3]", "true");
    check("client.claims.name < 5", "mismatch at 19");
    check("client.claims.name + 5", "mismatch at 19");
    check("-client.claims.name", "mismatch at 0");
    check("!client.claims.name", "mismatch at 15");
    check("client.claims.name && true", "mismatch at 14");
    check("client.claims.name.first", "mismatch at 19");
    check("client.claims.name.exists(x, true)", "mismatch at 19");
    check("client.claims.level.startsWith('x')", "mismatch at 20");
    check("client.claims.level.matches('x')", "mismatch at 20");
    check("client.claims.admin ? 1 : 2", "1");
    check("client.claims.level ? 1 : 2", "mismatch at 14");
    check("{client.claims.level: 1}", "mismatch at 0");
    check("client.claims.email", "absent at 14");
}

#[test]
fn numbers_of_different_types_are_compared_exactly() {
    let check = |one: &str, other: &str, expect: &str| {
        // A map of unknown types, since the checker would not let them pass.
        let source = format!("{{'a': client.claims.nothing, 'b': {one}}}.b {other}");
        assert_eq!(evaluated(&source), expect, "{one} {other}");
    };
    check("1", "== 1.0", "true");
    check("1", "< 1.5", "true");
    check("-1", "> -1.5", "true");
    check("0", "> -0.5", "true");
    check("2u", "== 2", "true");
    check("-1", "< 0u", "true");
    check("9223372036854775807", "< 9223372036854775808.0", "true");
    check("9223372036854775807", "== 9223372036854775808.0", "false");
    check("18446744073709551615u", "< 1e300", "true");
    check("18446744073709551615u", "> -1e300", "true");
    check("1.5", "> 1", "true");
    check("-1e300", "< -9223372036854775808", "true");
    check("0.0 / 0.0", "== 0", "false");
    check("0.0 / 0.0", "< 1", "false");
}

#[test]
fn steps_are_counted_and_end_an_evaluation() {
    let hundred = format!("[{}]", vec!["1"; 100].join(", "));
    let thousand = format!("[{}]", vec!["1"; 1000].join(", "));
    check(&format!("{thousand}.all(x, x == response.status - 403)"), "true");
    let nested = format!("{hundred}.all(x, {hundred}.all(y, x == y))");
    assert!(evaluated(&nested).starts_with("too_many_steps"), "{}", evaluated(&nested));
    // An operand that would decide does not help any more, and nothing goes on behind it.
    let source = format!("{nested} || true");
    assert!(evaluated(&source).starts_with("too_many_steps"), "{}", evaluated(&source));
    // What doubles its text ends by the bytes that it makes.
    let doubled = "[1].map(x, request.path)".to_owned() + &".map(x, x + x)".repeat(30);
    assert!(evaluated(&doubled).starts_with("too_many_steps"), "{}", evaluated(&doubled));
    let doubled = "[client.roles]".to_owned() + &".map(x, x + x)".repeat(30);
    assert!(evaluated(&doubled).starts_with("too_many_steps"), "{}", evaluated(&doubled));
}

/// Each such search is short, but many of them would not be.
#[test]
fn a_search_that_gives_up_ends_the_evaluation() {
    let source = "request.path.matches('a[ab]{400}[^ab]') || true";
    let condition = Condition::compile(source, &schema()).unwrap();
    let holds = condition.holds(&Exchange::to(crate::pattern::tests::hostile()));
    assert_eq!(holds.map_err(|error| error.cause), Err(Cause::TooManySteps));
    assert_eq!(condition.holds(&Exchange::default()), Ok(true));
}

#[test]
fn the_deepest_expression_fits_a_small_stack() {
    let depth = crate::NESTING_MAX - 2;
    let sources = [
        format!("{}response.cached", "!".repeat(depth)),
        format!("{}response.status{}", "(".repeat(depth), ")".repeat(depth)),
        format!("{}response.status{}", "[".repeat(depth), "]".repeat(depth)),
        format!("{}response.status{}", "string(".repeat(depth / 2), ")".repeat(depth / 2)),
        format!("{}response.status", "response.cached ? 1 : ".repeat(depth)),
        format!("response.status{}", " + 1".repeat(depth)),
        format!("{}1{}", "[1].map(x, ".repeat(depth / 2), ")".repeat(depth / 2)),
    ];
    let small = std::thread::Builder::new().stack_size(1024 * 1024);
    let run = move || sources.map(|source| evaluated(&source));
    let results = small.spawn(run).unwrap().join().unwrap();
    for result in results {
        assert!(!result.starts_with("at byte"), "{result}");
    }
}

#[test]
fn a_condition_holds_or_not() {
    let holds =
        |source: &str| Condition::compile(source, &schema()).unwrap().holds(&Exchange::default());
    assert_eq!(holds("response.status == 404"), Ok(true));
    assert_eq!(holds("response.cached"), Ok(false));
    assert_eq!(holds("client.claims.admin"), Ok(true));
    assert_eq!(holds("client.claims.name"), Err(crate::Error { cause: Cause::Mismatch, at: 0 }));
    assert_eq!(holds("missing == 1").map_err(|error| error.cause), Err(Cause::Absent));
}

#[test]
fn an_expression_says_which_names_it_asks_for() {
    use crate::testing::Name;
    let keys = |source| Expression::compile(source, &schema()).unwrap().keys().to_vec();
    assert_eq!(keys("1 + 2"), []);
    assert_eq!(
        keys("request.path == request.method || request.path == '/'"),
        [Name::Path, Name::Method]
    );
    assert_eq!(keys("has(failure) && request.headers.host == ''"), [Name::Failure, Name::Headers]);
}

#[test]
fn a_client_of_ipv4_is_one_however_it_came() {
    let source = "cidr('192.0.2.0/24').containsIP(client.address)";
    let condition = Condition::compile(source, &schema()).unwrap();
    for (client, expect) in [("192.0.2.7", true), ("::ffff:192.0.2.7", true), ("::1", false)] {
        let holds = condition.holds(&Exchange::by(client.parse().unwrap()));
        assert_eq!(holds, Ok(expect), "{client}");
    }
}

#[test]
fn threads_can_share_what_was_compiled() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    let source = "request.path.matches('^/a') && request.method in ['GET'] && [1] == [1]";
    let condition = Condition::compile(source, &schema()).unwrap();
    is_shared(&condition);
    is_shared(&crate::Template::compile("%{request.path}", &schema()).unwrap());
    let exchange = Exchange::default();
    let result = std::thread::scope(|scope| {
        scope.spawn(|| condition.holds(&Exchange::default()).unwrap()).join().unwrap()
    });
    assert_eq!(condition.holds(&exchange), Ok(result));
}

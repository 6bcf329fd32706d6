//! Tables of what is read and written of traces.

use super::*;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.add(name, value.as_bytes()).unwrap();
    }
    fields
}

fn context(sampled: Option<bool>, random: bool) -> Context {
    let (trace, span) = (hex(TRACE.as_bytes()).unwrap(), hex(SPAN.as_bytes()).unwrap());
    Context { trace, span, sampled, random }
}

#[test]
fn a_traceparent_is_read_strictly() {
    let check = |value: &str, expect: Option<Context>| {
        let found = read_w3c(&fields(&[("traceparent", value)]));
        assert_eq!(found, expect.map(Parent::Span), "{value:?}");
    };
    check(&format!("00-{TRACE}-{SPAN}-01"), Some(context(Some(true), false)));
    check(&format!("00-{TRACE}-{SPAN}-00"), Some(context(Some(false), false)));
    check(&format!("00-{TRACE}-{SPAN}-03"), Some(context(Some(true), true)));
    check(&format!("00-{TRACE}-{SPAN}-fe"), Some(context(Some(false), true)));
    check(&format!("cc-{TRACE}-{SPAN}-01"), Some(context(Some(true), false)));
    check(&format!("cc-{TRACE}-{SPAN}-01-what-else"), Some(context(Some(true), false)));
    let zeros = "0".repeat(32);
    for wrong in [
        String::new(),
        "00".to_owned(),
        format!("00-{TRACE}-{SPAN}-01-x"),
        format!("00-{TRACE}-{SPAN}-01-"),
        format!("cc-{TRACE}-{SPAN}-01.x"),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!("00-{zeros}-{SPAN}-01"),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
        format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        format!("00-{TRACE}-{SPAN}-1"),
        format!("00-{TRACE}-{SPAN}-0x"),
        format!("0-{TRACE}-{SPAN}-01"),
        format!("00-{TRACE}{SPAN}--01"),
        format!("00_{TRACE}_{SPAN}_01"),
        format!("00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01"),
    ] {
        check(&wrong, None);
    }
    let twice = format!("00-{TRACE}-{SPAN}-01");
    assert_eq!(read_w3c(&fields(&[("traceparent", &twice), ("Traceparent", &twice)])), None);
}

#[test]
fn b3_is_read_in_both_forms() {
    let span = |context| Some(Parent::Span(context));
    let one = |value: String| read_b3(&fields(&[("b3", &value)]));
    assert_eq!(one(format!("{TRACE}-{SPAN}-1")), span(context(Some(true), false)));
    assert_eq!(one(format!("{TRACE}-{SPAN}-d-{SPAN}")), span(context(Some(true), false)));
    assert_eq!(one(format!("{TRACE}-{SPAN}-0")), span(context(Some(false), false)));
    assert_eq!(one(format!("{TRACE}-{SPAN}")), span(context(None, false)));
    let Some(Parent::Span(short)) = one(format!("{SPAN}-{SPAN}-1")) else { panic!("no span") };
    assert_eq!(
        (&short.trace[..8], &short.trace[8..]),
        (&[0; 8][..], &context(None, false).span[..])
    );
    for wrong in [
        "2",
        "",
        &format!("{TRACE}-{SPAN}-2"),
        &format!("{TRACE}-{SPAN}-1-x"),
        &format!("{TRACE}-{SPAN}-1-{SPAN}-"),
        TRACE,
    ] {
        assert_eq!(one(wrong.to_owned()), None, "{wrong}");
    }
    for (value, decision) in [("0", false), ("1", true), ("d", true)] {
        assert_eq!(one(value.to_owned()), Some(Parent::Decision(decision)), "{value}");
    }
    let several = |more: &[(&str, &str)]| {
        let mut lines = vec![("X-B3-TraceId", TRACE), ("X-B3-SpanId", SPAN)];
        lines.extend_from_slice(more);
        read_b3(&fields(&lines))
    };
    assert_eq!(several(&[]), span(context(None, false)));
    assert_eq!(several(&[("X-B3-Sampled", "1")]), span(context(Some(true), false)));
    assert_eq!(several(&[("X-B3-Sampled", "0")]), span(context(Some(false), false)));
    assert_eq!(several(&[("X-B3-Flags", "1")]), span(context(Some(true), false)));
    assert_eq!(several(&[("X-B3-Sampled", "maybe")]), None);
    let decision = |line| read_b3(&fields(&[line]));
    assert_eq!(decision(("X-B3-Sampled", "0")), Some(Parent::Decision(false)));
    assert_eq!(decision(("X-B3-Sampled", "true")), Some(Parent::Decision(true)));
    assert_eq!(decision(("X-B3-Flags", "1")), Some(Parent::Decision(true)));
    assert_eq!(decision(("X-B3-SpanId", SPAN)), None);
}

#[test]
fn lists_of_state_are_joined_in_order() {
    let check = |values: &[&str], expect: Option<&str>| {
        let lines: Vec<_> = values.iter().map(|value| ("tracestate", *value)).collect();
        let state = read_state(&fields(&lines));
        assert_eq!(state.as_deref(), expect.map(str::as_bytes), "{values:?}");
    };
    check(&[], Some(""));
    check(&["a=1 ,  b=2", "", "c@d=3,,"], Some("a=1,b=2,c@d=3"));
    check(&["a=1,b"], None);
    check(&["A=1"], None);
    check(&["a="], None);
    check(&["a=b=c"], None);
    let many = |count| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
    check(&[&many(32)], Some(&many(32)));
    check(&[&many(33)], None);
    check(&[&format!("a={0},b={0},c={0},d={0},e={0}", "x".repeat(250))], None);
}

#[test]
fn what_is_written_is_read_again() {
    let lines = TraceLines {
        context: context(Some(true), true),
        state: b"a=1",
        forms: Forms { w3c: true, b3: true, b3_single: true },
    };
    let mut out = Vec::new();
    lines.write(&mut out);
    let expect = format!(
        "traceparent: 00-{TRACE}-{SPAN}-03\r\ntracestate: a=1\r\nb3: {TRACE}-{SPAN}-1\r\n\
         X-B3-TraceId: {TRACE}\r\nX-B3-SpanId: {SPAN}\r\nX-B3-Sampled: 1\r\n"
    );
    assert_eq!(String::from_utf8(out).unwrap(), expect);
    let mut silent = Vec::new();
    TraceLines { forms: Forms::default(), ..lines }.write(&mut silent);
    assert!(silent.is_empty());
}

/// They are looked for only where one is, so all of them must be known.
#[test]
fn all_fields_are_known_and_taken_out() {
    for name in FIELDS {
        assert_eq!(Known::of(name.to_uppercase().as_bytes()), Known::Trace, "{name}");
        let mut all = fields(&[("a", "1"), (name, "x"), ("b", "2")]);
        assert!(all.may_have(Known::Trace));
        take_out(&mut all);
        assert_eq!((all.len(), all.first(name)), (2, None), "{name}");
    }
    assert!(!fields(&[("x-b3-other", "1"), ("traceparents", "1")]).may_have(Known::Trace));
}

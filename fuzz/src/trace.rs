//! The fields of traces: read as a second, plain reading has them, and again as they are written.

use yumen_http::Fields;
use yumen_http::trace::{
    Context, FIELDS, Forms, Parent, TraceLines, put_hex, read_b3, read_state, read_w3c,
};

/// Checks lines, of which the first byte says which field it is.
pub fn check(data: &[u8]) {
    let mut fields = Fields::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Some((&which, value)) = line.split_first() else { continue };
        let name = FIELDS[usize::from(which) % FIELDS.len()];
        if fields.add(name, value).is_err() {
            // No head can hold it.
            return;
        }
    }
    let state = read_state(&fields);
    if let Some(state) = &state {
        assert!(state.len() <= 1024 && state.split(|byte| *byte == b',').count() <= 32);
        assert!(state.iter().all(|byte| matches!(byte, b' '..=b'~')));
        let mut again = Fields::new();
        again.add("tracestate", state).expect("it can be sent on");
        assert_eq!(read_state(&again).as_ref(), Some(state));
    }
    let parents = [read_w3c(&fields), read_b3(&fields)];
    if let Some(Parent::Span(context)) = parents[0] {
        let value = fields.only("traceparent").expect("one field");
        assert_eq!(value[3..35], digits(&context.trace));
        assert_eq!(value[36..52], digits(&context.span));
        assert!(!value.starts_with(b"ff") && (value.len() == 55 || value[55] == b'-'));
    }
    for parent in parents {
        if let Some(Parent::Span(context)) = parent {
            assert!(context.trace != [0; 16] && context.span != [0; 8]);
            again(context, state.as_deref().unwrap_or_default());
        }
    }
}

/// What is written is read as the same, in each of the forms.
fn again(context: Context, state: &[u8]) {
    let sampled = Some(context.sampled == Some(true));
    for (forms, expect) in [
        (Forms { w3c: true, ..Forms::default() }, Context { sampled, ..context }),
        (Forms { b3: true, ..Forms::default() }, Context { sampled, random: false, ..context }),
        (
            Forms { b3_single: true, ..Forms::default() },
            Context { sampled, random: false, ..context },
        ),
    ] {
        let mut out = Vec::new();
        TraceLines { context, state, forms }.write(&mut out);
        let mut fields = Fields::new();
        for line in out.strip_suffix(b"\r\n").expect("an end").split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = line.iter().position(|byte| *byte == b':').expect("a name");
            let name = std::str::from_utf8(&line[..colon]).expect("a name");
            fields.add(name, &line[colon + 2..]).expect("a good field");
        }
        let found = if forms.w3c { read_w3c(&fields) } else { read_b3(&fields) };
        assert_eq!(found, Some(Parent::Span(expect)));
        if forms.w3c {
            assert_eq!(read_state(&fields).as_deref(), Some(state));
        }
    }
}

fn digits(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_hex(&mut out, bytes);
    out
}

//! Bad input, table by table, against default settings: nothing that can be read in two ways
//! gets through, and nothing that is clean is turned away.

// Tables: one case a line, however long.
#[rustfmt::skip]
mod framing;
#[rustfmt::skip]
mod limits;
#[rustfmt::skip]
mod path;
mod response;
#[rustfmt::skip]
mod syntax;
#[rustfmt::skip]
mod trust;

use yumen_e2e::corpus::{check, failures};
use yumen_e2e::reference::{corpus_target, relay};

#[test]
fn framing() {
    check("framing", &corpus_target(), &framing::cases());
}

#[test]
fn syntax() {
    check("syntax", &corpus_target(), &syntax::cases());
}

#[test]
fn limits() {
    check("limits", &corpus_target(), &limits::cases());
}

#[test]
fn path() {
    check("path", &corpus_target(), &path::cases());
}

#[test]
fn trust() {
    let target = corpus_target();
    let cases = trust::cases(&target.backend.authority());
    check("trust", &target, &cases);
}

#[test]
fn response() {
    response::check();
}

#[test]
fn the_tables_are_whole() {
    for (group, count, least) in [
        ("framing", framing::cases().len(), 120),
        ("syntax", syntax::cases().len(), 75),
        ("limits", limits::cases().len(), 15),
        ("path", path::cases().len(), 55),
        ("trust", trust::cases("").len(), 25),
        ("response", response::cases().len(), 50),
    ] {
        assert!(count >= least, "{group}: {count} cases");
    }
}

/// A relay passes everything on: if the judge let that pass, it would let anything pass.
#[test]
fn the_judge_is_awake() {
    let target = relay();
    let cases: Vec<_> =
        framing::cases().into_iter().filter(|case| case.right.is_refusal()).collect();
    let found = failures(&target, &cases).len();
    assert_eq!(found, cases.len(), "the judge let a bare relay pass");
}

use serde_json::json;
use yumen_protobuf::{bytes, double, nested, number};

use super::*;

type Write = Vec<u8>;

fn message(write: impl FnOnce(&mut Write)) -> Write {
    let mut out = Vec::new();
    write(&mut out);
    out
}

/// `HeaderValueOption` in the field of this number.
fn header(out: &mut Write, field: u32, name: &str, value: &str) {
    nested(out, field, |out| {
        nested(out, 1, |out| {
            bytes(out, 1, name.as_bytes());
            bytes(out, 2, value.as_bytes());
        });
    });
}

fn status(out: &mut Write, code: u64) {
    nested(out, 1, |out| number(out, 1, code));
}

fn ok(write: impl FnOnce(&mut Write)) -> Write {
    message(|out| {
        status(out, 0);
        nested(out, 3, write);
    })
}

fn denied(write: impl FnOnce(&mut Write)) -> Write {
    message(|out| {
        status(out, 7);
        nested(out, 2, write);
    })
}

/// A yes with all that it can have.
fn full() -> Write {
    message(|out| {
        status(out, 0);
        nested(out, 3, |out| {
            header(out, 2, "x-user", "ada");
            header(out, 6, "set-cookie", "a=b");
            bytes(out, 5, b"x-secret");
            nested(out, 7, |out| {
                bytes(out, 1, b"page");
                bytes(out, 2, b"1");
            });
            bytes(out, 8, b"token");
        });
        nested(out, 4, |out| {
            nested(out, 1, |out| {
                bytes(out, 1, b"role");
                nested(out, 2, |out| bytes(out, 3, b"admin"));
            });
        });
    })
}

#[test]
fn a_yes_is_read_with_all_that_it_brings() {
    let answered = read(&full()).unwrap();
    let told = Told { name: "x-user".into(), value: b"ada".to_vec(), how: How::Set };
    assert_eq!(answered.fields, [told]);
    assert_eq!(answered.to_client, [("set-cookie".to_owned(), b"a=b".to_vec())]);
    assert_eq!(answered.remove, ["x-secret"]);
    assert_eq!(answered.set_parameters, [("page".to_owned(), "1".to_owned())]);
    assert_eq!(answered.remove_parameters, ["token"]);
    assert_eq!(json!(answered.metadata), json!({ "role": "admin" }));
    assert!(answered.refused.is_none());
    for plain in [message(|out| status(out, 0)), message(|out| nested(out, 1, |_| {})), ok(|_| {})]
    {
        assert_eq!(read(&plain), Ok(Answered::default()), "{plain:?}");
    }
}

#[test]
fn a_field_says_what_becomes_of_others() {
    let check = |write: fn(&mut Write), expect: Option<How>| {
        let answer = ok(|out| {
            nested(out, 2, |out| {
                nested(out, 1, |out| bytes(out, 1, b"x-a"));
                write(out);
            });
        });
        let how = read(&answer).ok().map(|answered| answered.fields[0].how);
        assert_eq!(how, expect);
    };
    check(|_| {}, Some(How::Set));
    check(|out| nested(out, 2, |out| number(out, 1, 1)), Some(How::Append));
    check(|out| nested(out, 2, |_| {}), Some(How::Set));
    check(|out| number(out, 3, 1), Some(How::IfAbsent));
    check(|out| number(out, 3, 2), Some(How::Set));
    check(|out| number(out, 3, 3), Some(How::IfPresent));
    check(|out| number(out, 3, 4), None);
}

#[test]
fn a_no_is_read_with_its_answer() {
    let answer = denied(|out| {
        nested(out, 1, |out| number(out, 1, 302));
        header(out, 2, "location", "https://id.example/");
        bytes(out, 3, b"see there");
    });
    let refused = read(&answer).unwrap().refused.unwrap();
    assert_eq!((refused.status.code(), &*refused.body), (302, &b"see there"[..]));
    assert_eq!(refused.fields, [("location".to_owned(), b"https://id.example/".to_vec())]);
    let code = |answer: &[u8]| read(answer).unwrap().refused.map(|one| one.status.code());
    assert_eq!(code(&denied(|_| {})), Some(403));
    assert_eq!(code(&message(|out| status(out, 16))), Some(403));
    assert_eq!(code(&message(|out| status(out, u64::MAX))), Some(403));
    // The status decides, as it does with Envoy.
    let mixed = message(|out| {
        status(out, 7);
        nested(out, 3, |out| header(out, 2, "x-user", "root"));
    });
    assert_eq!(code(&mixed), Some(403));
    assert_eq!(read(&mixed).unwrap().fields, []);
}

#[test]
fn what_is_not_wholly_understood_is_no_answer() {
    let many = ok(|out| (0..=ITEMS_MAX).for_each(|_| header(out, 2, "x-a", "b")));
    let twice = message(|out| {
        nested(out, 3, |_| {});
        nested(out, 3, |_| {});
    });
    let both = message(|out| {
        nested(out, 2, |_| {});
        nested(out, 3, |_| {});
    });
    for (what, answer) in [
        ("nothing", Vec::new()),
        ("metadata alone", message(|out| nested(out, 4, |_| {}))),
        ("text", b"not a message".to_vec()),
        ("html", b"<html>no</html>".to_vec()),
        (
            "a failure of its own",
            message(|out| {
                status(out, 0);
                nested(out, 5, |_| {});
            }),
        ),
        ("yes and no", both),
        ("yes twice", twice),
        (
            "yes with a refusal",
            message(|out| {
                status(out, 0);
                nested(out, 2, |_| {});
            }),
        ),
        ("a refusal without a status", message(|out| nested(out, 2, |_| {}))),
        ("too many", many),
        ("a line end in a value", ok(|out| header(out, 2, "x-a", "b\r\nX-Admin: 1"))),
        ("a line end in a name", ok(|out| header(out, 2, "x-a: b\r\nx", "1"))),
        ("no name", ok(|out| header(out, 2, "", "1"))),
        ("no header", ok(|out| nested(out, 2, |_| {}))),
        ("a bad name to remove", ok(|out| bytes(out, 5, b"x y"))),
        ("a number for a field", ok(|out| number(out, 2, 1))),
        ("an interim refusal", denied(|out| nested(out, 1, |out| number(out, 1, 101)))),
        ("no status at all", denied(|out| nested(out, 1, |out| number(out, 1, 99_999)))),
        ("no text", ok(|out| bytes(out, 8, b"\xff"))),
    ] {
        assert!(read(&answer).is_err(), "{what}");
    }
}

#[test]
fn half_an_answer_is_none() {
    let whole = full();
    for end in 0..whole.len() {
        // Behind the status, what is left is a plain yes; only the transport can tell, and does.
        let is_status = whole[..end] == message(|out| status(out, 0));
        let answered = read(&whole[..end]);
        let has_ok = answered.as_ref().is_ok_and(|one| !one.fields.is_empty());
        assert!(answered.is_err() || is_status || has_ok, "{end}: {answered:?}");
    }
}

#[test]
fn metadata_is_read_within_bounds() {
    let with = |write: &dyn Fn(&mut Write)| {
        message(|out| {
            status(out, 0);
            nested(out, 4, |out| {
                nested(out, 1, |out| {
                    bytes(out, 1, b"a");
                    nested(out, 2, write);
                });
            });
        })
    };
    let check = |write: &dyn Fn(&mut Write), expect: Value| {
        assert_eq!(read(&with(write)).unwrap().metadata["a"], expect);
    };
    check(&|_| {}, json!(null));
    check(&|out| number(out, 1, 0), json!(null));
    check(&|out| double(out, 2, 5.0), json!(5));
    check(&|out| double(out, 2, -0.5), json!(-0.5));
    check(&|out| double(out, 2, 1e300), json!(1e300));
    check(&|out| number(out, 4, 1), json!(true));
    check(&|out| nested(out, 6, |out| nested(out, 1, |out| bytes(out, 3, b"x"))), json!(["x"]));
    fn deep(out: &mut Write, levels: usize) {
        if levels > 0 {
            nested(out, 6, |out| nested(out, 1, |out| deep(out, levels - 1)));
        }
    }
    assert!(read(&with(&|out| deep(out, DEPTH_MAX - 1))).is_ok());
    assert!(read(&with(&|out| deep(out, DEPTH_MAX))).is_err());
    let wide = |count: usize| {
        with(&|out: &mut Write| {
            nested(out, 6, |out| (1..count).for_each(|_| nested(out, 1, |_| {})));
        })
    };
    assert!(read(&wide(VALUES_MAX)).is_ok());
    assert!(read(&wide(VALUES_MAX + 1)).is_err());
    for bad in [f64::NAN, f64::INFINITY] {
        assert!(read(&with(&|out| double(out, 2, bad))).is_err());
    }
    assert!(read(&with(&|out| yumen_protobuf::fixed32(out, 2, 1))).is_err());
    assert!(read(&with(&|out| bytes(out, 4, b"x"))).is_err());
}

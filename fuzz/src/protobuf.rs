//! Protocol Buffers: what is read of any bytes, written again, reads as the same.

use yumen_protobuf::{Part, Parts, bytes, number};

/// Checks one message, and as one the answer of a collector.
pub fn check(data: &[u8]) {
    let parts: Vec<_> = Parts::new(data).collect();
    let mut out = Vec::new();
    let mut kept = Vec::new();
    for (field, part) in parts {
        let Ok(small) = u32::try_from(field) else { continue };
        if small >= 1 << 29 {
            continue;
        }
        match part {
            Part::Number(value) => number(&mut out, small, value),
            Part::Bytes(value) => {
                assert!(value.len() < data.len());
                bytes(&mut out, small, value);
            }
            Part::Fixed(_) => continue,
        }
        kept.push((field, part));
    }
    assert_eq!(Parts::new(&out).collect::<Vec<_>>(), kept);
    // Of what is no answer nothing is believed that is not there. A tag may be longer than it must be.
    if data.iter().all(|byte| byte & 0x7f != 0x08) {
        assert_eq!(yumen_otlp::rejected(data), 0);
    }
}

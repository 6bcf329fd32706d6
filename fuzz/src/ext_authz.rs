//! Answers of Envoy's external authorization: of any bytes, either nothing is believed, or what can be
//! put into heads, within bounds.

use yumen_http::{Fields, is_token};
use yumen_policy_forward_auth::envoy;
use yumen_protobuf::Parts;

/// Fields, names and parameters of one answer, of each sort.
const ITEMS_MAX: usize = 200;

/// Checks one answer.
pub fn check(data: &[u8]) {
    let Ok(answered) = envoy::read(data) else { return };
    assert!(Parts::whole(data).is_some(), "half a message");
    let mut fields = Fields::new();
    let mut add = |name: &str, value: &[u8]| fields.add(name, value).expect("a good field");
    answered.fields.iter().for_each(|told| add(&told.name, &told.value));
    answered.to_client.iter().for_each(|(name, value)| add(name, value));
    if let Some(denied) = &answered.refused {
        denied.fields.iter().for_each(|(name, value)| add(name, value));
        assert!(!denied.status.is_interim());
        let passes = [&answered.remove, &answered.remove_parameters];
        assert!(answered.fields.is_empty() && passes.iter().all(|list| list.is_empty()));
        assert!(denied.fields.len() <= ITEMS_MAX && denied.body.len() < data.len());
    }
    assert!(answered.remove.iter().all(|name| is_token(name.as_bytes())));
    let sizes = [answered.fields.len(), answered.to_client.len(), answered.remove.len()];
    assert!(sizes.iter().all(|size| *size <= ITEMS_MAX));
    assert!(answered.set_parameters.len() <= ITEMS_MAX);
    // It is the same when it is read again.
    assert_eq!(envoy::read(data).as_ref(), Ok(&answered));
    // Whoever cuts it off inside of its last field gets nothing.
    if let Some((_, rest)) = data.split_last() {
        assert!(envoy::read(rest).is_err() || Parts::whole(rest).is_some());
    }
}

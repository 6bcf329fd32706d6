//! The policies of this binary, one line each. Nothing depends on their order here.

use serde_json::Value;
use yumen_policy::Kind;

/// All kinds of policy that a configuration may name.
pub(crate) fn kinds() -> Vec<Kind> {
    vec![
        Kind::of::<yumen_policy_acl::Config>(),
        Kind::of::<yumen_policy_anonymous::Config>(),
        Kind::of::<yumen_policy_basic_auth::Config>(),
        Kind::of::<yumen_policy_bot_filter::Config>(),
        Kind::of::<yumen_policy_cors::Config>(),
        Kind::of::<yumen_policy_csrf::Config>(),
        Kind::of::<yumen_policy_forward_auth::Config>(),
        Kind::of::<yumen_policy_headers::Config>(),
        Kind::of::<yumen_policy_hmac_auth::Config>(),
        Kind::of::<yumen_policy_ip_restriction::Config>(),
        Kind::of::<yumen_policy_jwt::Config>(),
        Kind::of::<yumen_policy_key_auth::Config>(),
        Kind::of::<yumen_policy_key_set::Config>(),
        Kind::of::<yumen_policy_mtls_auth::Config>(),
        Kind::of::<yumen_policy_oauth2_introspection::Config>(),
        Kind::of::<yumen_policy_opa::Config>(),
        Kind::of::<yumen_policy_openid_connect::Config>(),
        Kind::of::<yumen_policy_referrer_restriction::Config>(),
        Kind::of::<yumen_policy_request_validation::Config>(),
        Kind::of::<yumen_policy_rules::Config>(),
        Kind::of::<yumen_policy_scopes::Config>(),
        Kind::of::<yumen_policy_security_headers::Config>(),
        Kind::of::<yumen_policy_signed_identity::Config>(),
        Kind::of::<yumen_policy_threat_limits::Config>(),
    ]
}

/// The schema of a whole configuration.
pub(crate) fn schema() -> Value {
    let kinds = kinds();
    let kinds: Vec<_> = kinds.iter().map(|kind| (kind.name(), kind.schema())).collect();
    yumen_model::schema::schema(&kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|one| references(one, found));
            }
            Value::Array(items) => items.iter().for_each(|one| references(one, found)),
            _ => {}
        }
    }

    #[test]
    fn all_that_their_schemas_refer_to_is_there() {
        let schema = schema();
        let mut found = Vec::new();
        references(&schema, &mut found);
        assert!(found.iter().any(|one| one.starts_with("#/$defs/jwt.")), "{found:?}");
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(schema.pointer(pointer).is_some(), "{reference}");
        }
    }
}

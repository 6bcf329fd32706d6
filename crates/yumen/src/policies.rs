//! The policies of this binary, one line each. Nothing depends on their order here.

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
        Kind::of::<yumen_policy_headers::Config>(),
        Kind::of::<yumen_policy_hmac_auth::Config>(),
        Kind::of::<yumen_policy_ip_restriction::Config>(),
        Kind::of::<yumen_policy_jwt::Config>(),
        Kind::of::<yumen_policy_key_auth::Config>(),
        Kind::of::<yumen_policy_mtls_auth::Config>(),
        Kind::of::<yumen_policy_openid_connect::Config>(),
        Kind::of::<yumen_policy_referrer_restriction::Config>(),
        Kind::of::<yumen_policy_rules::Config>(),
        Kind::of::<yumen_policy_security_headers::Config>(),
    ]
}

//! Tokens and keys: strict verification of signed tokens (JWS in its compact form, RFC 7515, with
//! the claims of a JWT, RFC 7519) against keys (JWK, RFC 7517; PEM; secrets), without IO. The time
//! enters as a value.
//!
//! ```
//! use yumen_jose::{Algorithm, Algorithms, Key, KeySet, Refused, SigningKey, Verifier, Wanted};
//!
//! // Somebody signs a token,
//! let secret = b"a secret of at least 32 bytes, as RFC 7518 wants it";
//! let claims = serde_json::json!({"iss": "https://id.example", "sub": "ada", "aud": "shop"});
//! let signer = SigningKey::from_secret(secret)?;
//! let token = signer.sign(claims.as_object().unwrap().clone(), None, 1_000_000, 60)?;
//!
//! // and who has the key and knows what it wants can tell whether it is good.
//! let keys = KeySet::of(vec![Key::from_secret(secret)?])?;
//! let verifier = Verifier::new(Wanted {
//!     algorithms: Algorithms::of(&[Algorithm::Hs256]),
//!     issuers: vec!["https://id.example".to_owned()],
//!     audiences: vec!["shop".to_owned()],
//!     ..Wanted::default()
//! })
//! .unwrap();
//! let verified = verifier.verify(&keys, &token, 1_000_030)?;
//! assert_eq!(verified.subject(), Some("ada"));
//! assert_eq!(verifier.verify(&keys, &token, 1_000_060), Err(Refused::Expired));
//!
//! // One that is kept is only asked for its times again.
//! assert_eq!(verified.check_times(1_000_059), Ok(()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a token cannot choose
//!
//! The **algorithm** belongs to the key: its `alg`, its kind, and what the caller allows. A token that
//! says another one is refused before anything is computed, so a public key is never taken for the
//! secret of an HMAC, and `none` is no algorithm. The **key** is one that the caller has: what a header
//! carries or points to (`jwk`, `jku`, `x5u`, `x5c`) is not looked at and nothing is fetched. `kid`
//! only says which of the caller's keys to try.
//!
//! # One reading
//!
//! A token has one way to be written: three parts in base64 for URLs, without padding, white space or
//! spare bits; header and claims are JSON objects in which a name stands once, at every depth. Where
//! two readers could disagree, it is refused. Extensions (`crit`, `b64`), compression and encryption
//! are refused too.
//!
//! # Bounds
//!
//! [`TOKEN_BYTES`], [`DEPTH_MAX`], [`KID_BYTES_MAX`], [`TRIES_MAX`], [`TIME_MAX`], [`SKEW_MAX`] for
//! tokens; [`SET_BYTES_MAX`], [`KEYS_MAX`], [`JWK_BYTES_MAX`], [`PEM_BYTES_MAX`], [`RSA_BITS_MIN`],
//! [`RSA_BITS_MAX`], [`SECRET_BYTES_MAX`] for keys; [`SIGNED_LIFETIME_MAX`] for what is signed here.
//!
//! # What a log may have
//!
//! [`Refused`] is a closed list of words. `Debug` of a [`Token`], a [`Signed`] token, a [`Key`] or a
//! [`SigningKey`] shows no claims, no secrets and no token.

mod algorithm;
mod base64;
mod compact;
mod json;
mod key;
mod key_set;
mod pem;
mod public;
mod refused;
mod roca;
mod signer;
mod stated;
mod token;
mod unusable;
mod unverified;
mod verifier;

pub use algorithm::{Algorithm, Algorithms};
pub use compact::Header;
pub use json::{DEPTH_MAX, object};
pub use key::{JWK_BYTES_MAX, KID_BYTES_MAX, Key, SECRET_BYTES_MAX};
pub use key_set::{KEYS_MAX, KeySet, SET_BYTES_MAX, Skipped, TRIES_MAX};
pub use pem::PEM_BYTES_MAX;
pub use public::{RSA_BITS_MAX, RSA_BITS_MIN};
pub use refused::Refused;
pub use signer::{SIGNED_LIFETIME_MAX, SigningKey, Unsigned, key_set_document};
pub use stated::stated;
pub use token::{TIME_MAX, Token};
pub use unusable::{Unusable, UnusableSet};
pub use unverified::Unverified;
pub use verifier::{
    Problem, SKEW_MAX, Signed, TOKEN_BYTES, TOKEN_BYTES_MAX, Verifier, WANTED_MAX, Wanted,
};

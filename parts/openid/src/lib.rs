//! OpenID Connect as the relying party sees it, without IO: the messages of a login, the checks of what
//! comes back, and what a browser keeps of it. The time enters as a value.
//!
//! A login is an [`Attempt`]: its secret lies with the browser, sealed, and `state`, `nonce` and the
//! verifier of PKCE follow from it. What the provider sends back is read by [`Callback`] and [`Tokens`];
//! [`IdTokens`] says whether an ID token is good for this login. A [`Session`] is what is left of it: the
//! browser keeps it, sealed by a [`Ring`] and cut into cookies by [`Jar`].

mod attempt;
mod callback;
mod client;
mod form;
mod id_token;
mod jar;
mod logout;
mod metadata;
mod ring;
mod session;
mod tokens;

pub use attempt::{ATTEMPT_LIFETIME, Attempt, URL_MAX};
pub use callback::{Callback, Outcome, Refusal};
pub use client::{ASSERTION_LIFETIME, ClientAuth, Unmade};
pub use form::{encoded, pairs, with_query};
pub use id_token::{Expected, IdTokens, Rules};
pub use jar::{Jar, PARTS_MAX, Tossed};
pub use logout::{LOGOUT_AGE_MAX, Logout, LogoutTokens, Wrong};
pub use metadata::Metadata;
pub use ring::Ring;
pub use session::{Session, digest};
pub use tokens::{Tokens, refusal_of};

use aws_lc_rs::rand;
use data_encoding::BASE64URL_NOPAD;

/// A text of 22 characters that nobody can guess; `None` if the system has no random numbers.
#[must_use]
pub fn drawn() -> Option<String> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).ok()?;
    Some(BASE64URL_NOPAD.encode(&bytes))
}

//! Public keys as numbers: what is the same however a key was written, and how it is written as a
//! JWK (RFC 7517, RFC 7518 section 6, RFC 8037).

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, VerificationAlgorithm};
use serde_json::{Map, Value};
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use x509_cert::der::{Decode, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::algorithm::{Algorithm, Algorithms};
use crate::unusable::Unusable;
use crate::{base64, roca};

/// Bits of the shortest RSA key that is taken (RFC 7518 section 3.3).
pub const RSA_BITS_MIN: usize = 2048;
/// Bits of the longest RSA key that is taken: verifying takes longer with each.
pub const RSA_BITS_MAX: usize = 8192;
/// The longest exponent of an RSA key, in bits.
const EXPONENT_BITS_MAX: usize = 33;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// A curve of ECDSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    fn identifier(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::P256 => "1.2.840.10045.3.1.7",
            Self::P384 => "1.3.132.0.34",
            Self::P521 => "1.3.132.0.35",
        })
    }

    /// Bytes of one coordinate.
    fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// A public key. Its numbers are written as shortly as they can be (RSA), or as long as the curve
/// is (the others).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Public {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    Ec { curve: Curve, x: Vec<u8>, y: Vec<u8> },
    Ed25519 { x: Vec<u8> },
}

impl Public {
    /// Reads the numbers of a JWK that is no secret.
    pub(crate) fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, Unusable> {
        let text = |name: &'static str| {
            jwk.get(name).and_then(Value::as_str).ok_or(Unusable::Member(name))
        };
        let number = |name: &'static str| base64::decode(text(name)?).ok_or(Unusable::Member(name));
        match text("kty")? {
            "RSA" => Self::rsa(number("n")?, number("e")?),
            "EC" => {
                let name = text("crv")?;
                let curve = Curve::ALL.into_iter().find(|curve| curve.name() == name);
                let curve = curve.ok_or(Unusable::Kind)?;
                Self::ec(curve, number("x")?, number("y")?)
            }
            "OKP" if text("crv")? == "Ed25519" => Self::ed25519(number("x")?),
            _ => Err(Unusable::Kind),
        }
    }

    /// Reads a `SubjectPublicKeyInfo`, as certificates and PEM texts have it.
    pub(crate) fn from_spki(der: &[u8]) -> Result<Self, Unusable> {
        let key = SubjectPublicKeyInfoRef::from_der(der).map_err(|_other| Unusable::Kind)?;
        let bytes = key.subject_public_key.as_bytes().ok_or(Unusable::Numbers)?;
        let parameters = key.algorithm.parameters;
        match key.algorithm.oid {
            RSA if parameters.is_none_or(AnyRef::is_null) => Self::from_pkcs1(bytes),
            EC => {
                let named: Option<ObjectIdentifier> =
                    parameters.and_then(|parameters| parameters.decode_as().ok());
                let curve = Curve::ALL.into_iter().find(|curve| Some(curve.identifier()) == named);
                Self::from_point(curve.ok_or(Unusable::Kind)?, bytes)
            }
            ED25519 if parameters.is_none() => Self::ed25519(bytes.to_vec()),
            _ => Err(Unusable::Kind),
        }
    }

    /// Reads an `RSAPublicKey` (RFC 8017 appendix A.1.1).
    pub(crate) fn from_pkcs1(der: &[u8]) -> Result<Self, Unusable> {
        let read = || {
            let mut reader = SliceReader::new(der)?;
            let numbers = reader.sequence(|numbers| {
                let modulus: UintRef<'_> = numbers.decode()?;
                let exponent: UintRef<'_> = numbers.decode()?;
                Ok((modulus.as_bytes().to_vec(), exponent.as_bytes().to_vec()))
            })?;
            reader.finish(numbers)
        };
        let (modulus, exponent) =
            read().map_err(|_other: x509_cert::der::Error| Unusable::Numbers)?;
        Self::rsa(modulus, exponent)
    }

    /// Reads a point that is written without compression.
    pub(crate) fn from_point(curve: Curve, point: &[u8]) -> Result<Self, Unusable> {
        let coordinates = match point {
            [4, coordinates @ ..] => coordinates.split_at_checked(curve.bytes()),
            _ => None,
        };
        let (x, y) = coordinates.ok_or(Unusable::Numbers)?;
        Self::ec(curve, x.to_vec(), y.to_vec())
    }

    pub(crate) fn ed25519(x: Vec<u8>) -> Result<Self, Unusable> {
        if x.len() == 32 { Ok(Self::Ed25519 { x }) } else { Err(Unusable::Member("x")) }
    }

    fn ec(curve: Curve, x: Vec<u8>, y: Vec<u8>) -> Result<Self, Unusable> {
        // Each coordinate has its full length, with zeros in front (RFC 7518 section 6.2.1.2).
        if x.len() != curve.bytes() {
            return Err(Unusable::Member("x"));
        }
        if y.len() != curve.bytes() {
            return Err(Unusable::Member("y"));
        }
        Ok(Self::Ec { curve, x, y })
    }

    fn rsa(modulus: Vec<u8>, exponent: Vec<u8>) -> Result<Self, Unusable> {
        // Numbers have no zeros in front (RFC 7518 section 2).
        if modulus.first().is_none_or(|byte| *byte == 0) {
            return Err(Unusable::Member("n"));
        }
        if exponent.first().is_none_or(|byte| *byte == 0) {
            return Err(Unusable::Member("e"));
        }
        if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits(&modulus)) {
            return Err(Unusable::Bits(bits(&modulus)));
        }
        if !is_odd(&exponent) || exponent == [1] || bits(&exponent) > EXPONENT_BITS_MAX {
            return Err(Unusable::Exponent);
        }
        if !is_odd(&modulus) {
            return Err(Unusable::Numbers);
        }
        if roca::is_marked(&modulus) {
            return Err(Unusable::Roca);
        }
        Ok(Self::Rsa { modulus, exponent })
    }

    /// What a key of this kind can be for.
    pub(crate) fn algorithms(&self) -> Algorithms {
        match self {
            Self::Rsa { .. } => RSA_ALGORITHMS,
            Self::Ec { curve: Curve::P256, .. } => Algorithms::of(&[Algorithm::Es256]),
            Self::Ec { curve: Curve::P384, .. } => Algorithms::of(&[Algorithm::Es384]),
            Self::Ec { curve: Curve::P521, .. } => Algorithms::of(&[Algorithm::Es512]),
            Self::Ed25519 { .. } => Algorithms::of(&[Algorithm::EdDsa, Algorithm::Ed25519]),
        }
    }

    /// The key, made ready to verify in one of its ways.
    pub(crate) fn parsed(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, Unusable> {
        let read = |how: &'static dyn VerificationAlgorithm, bytes: &[u8]| {
            ParsedPublicKey::new(how, bytes).map_err(|_rejected| Unusable::Numbers)
        };
        match self {
            Self::Rsa { modulus, exponent } => {
                let how = rsa_parameters(algorithm).ok_or(Unusable::Algorithm)?;
                let numbers = PublicKeyComponents { n: modulus, e: exponent };
                numbers.to_parsed_public_key(how).map_err(|_rejected| Unusable::Numbers)
            }
            Self::Ec { curve, x, y } => {
                let how = match curve {
                    Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED,
                    Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED,
                    Curve::P521 => &signature::ECDSA_P521_SHA512_FIXED,
                };
                read(how, &[&[4], x.as_slice(), y].concat())
            }
            Self::Ed25519 { x } => read(&signature::ED25519, x),
        }
    }

    /// The members that make the key, in the order of their names.
    fn members(&self) -> Vec<(&'static str, String)> {
        let text = str::to_owned;
        match self {
            Self::Rsa { modulus, exponent } => vec![
                ("e", base64::encode(exponent)),
                ("kty", text("RSA")),
                ("n", base64::encode(modulus)),
            ],
            Self::Ec { curve, x, y } => vec![
                ("crv", text(curve.name())),
                ("kty", text("EC")),
                ("x", base64::encode(x)),
                ("y", base64::encode(y)),
            ],
            Self::Ed25519 { x } => {
                vec![("crv", text("Ed25519")), ("kty", text("OKP")), ("x", base64::encode(x))]
            }
        }
    }

    /// The thumbprint of RFC 7638, with SHA-256.
    pub(crate) fn thumbprint(&self) -> String {
        let members = self.members().into_iter();
        let members: Vec<_> =
            members.map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
        let canonical = format!("{{{}}}", members.join(","));
        base64::encode(digest(&SHA256, canonical.as_bytes()).as_ref())
    }

    /// The JWK, without a name.
    pub(crate) fn jwk(&self) -> Map<String, Value> {
        let members = self.members().into_iter();
        members.map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
    }
}

const RSA_ALGORITHMS: Algorithms = Algorithms::of(&[
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
]);

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// Bits of a number that has no zero byte in front.
fn bits(number: &[u8]) -> usize {
    let zeros = number.first().map_or(0, |byte| byte.leading_zeros());
    (number.len() * 8).saturating_sub(usize::try_from(zeros).unwrap_or(8))
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|byte| byte & 1 == 1)
}

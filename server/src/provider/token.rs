//! ID tokens: read, and proved by the provider's keys. Signatures are checked by ring, which the server has for TLS.

use std::sync::Once;

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind, EncodingKey, Validation,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    decode, decode_header,
    errors::{Error, ErrorKind},
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse},
};
use ring::signature as proof;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

/// Clocks differ by as much, in seconds.
const LEEWAY: u64 = 60;
/// What tokens may be signed by; nothing that whoever knows a public key or a shared secret could make.
const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// What a token must be about.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Who made it.
    pub issuer: &'a str,
    /// For whom.
    pub client_id: &'a str,
    /// For which sign-in.
    pub nonce: &'a str,
}

/// Why a token is not taken. For the log; it holds nothing of the token.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// None of the provider's keys is the one it names.
    #[error("it is signed by a key that the provider does not show")]
    UnknownKey,
    /// It is not signed, not by that key, over, or for somebody else.
    #[error("{0}")]
    Invalid(#[from] Error),
    /// It is for another sign-in.
    #[error("{0}")]
    Foreign(&'static str),
}

/// What a token says.
#[derive(Debug, Clone)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// The account at the provider.
    pub fn subject(&self) -> &str {
        self.text("sub").unwrap_or_default()
    }

    /// A claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// The texts of a claim, of which there may be one or a list; dots lead into objects.
    pub fn texts(&self, path: &str) -> Vec<String> {
        let own = |value: &Value| match value {
            Value::String(text) => vec![text.clone()],
            Value::Array(all) => all.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        };
        // A claim's name may have dots itself, as addresses have.
        if let Some(value) = self.0.get(path) {
            return own(value);
        }
        let mut parts = path.split('.');
        let first = parts.next().and_then(|name| self.0.get(name));
        let found = parts.try_fold(first, |value, name| Some(value?.get(name)));
        found.flatten().map(own).unwrap_or_default()
    }
}

/// What a token says, if it is the provider's and about what is expected.
///
/// # Errors
/// It is not.
pub fn verify(token: &str, keys: &JwkSet, expected: Expected<'_>) -> Result<Claims, Refused> {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Whoever else in the process has installed one has one that can do more.
        let _ = RING.install_default();
    });
    let header = decode_header(token)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Refused::Foreign("it is signed in a way that proves nothing"));
    }
    let fits = |jwk: &&Jwk| {
        let is_named = header.kid.is_none() || jwk.common.key_id == header.kid;
        let is_for_signatures = jwk
            .common
            .public_key_use
            .as_ref()
            .is_none_or(|of| *of == PublicKeyUse::Signature);
        is_named && is_for_signatures && is_of(jwk, header.alg)
    };
    let mut candidates = keys.keys.iter().filter(fits).peekable();
    if candidates.peek().is_none() {
        return Err(Refused::UnknownKey);
    }
    let mut validation = Validation::new(header.alg);
    validation.leeway = LEEWAY;
    validation.set_audience(&[expected.client_id]);
    validation.set_issuer(&[expected.issuer]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    let mut refused = Refused::UnknownKey;
    let mut found = None;
    for jwk in candidates {
        match decode::<Map<String, Value>>(token, &DecodingKey::from_jwk(jwk)?, &validation) {
            Ok(read) => {
                found = Some(Claims(read.claims));
                break;
            }
            Err(error) => refused = error.into(),
        }
    }
    let Some(claims) = found else { return Err(refused) };
    let nonce = claims.text("nonce").unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(Refused::Foreign("it is for another sign-in"));
    }
    let is_shared = matches!(claims.0.get("aud"), Some(Value::Array(all)) if all.len() > 1);
    let party = claims.text("azp");
    if (is_shared || party.is_some()) && party != Some(expected.client_id) {
        return Err(Refused::Foreign("it was made for another client"));
    }
    if claims.subject().is_empty() {
        return Err(Refused::Foreign("it names nobody"));
    }
    Ok(claims)
}

/// Whether a key can have made signatures of this kind.
fn is_of(jwk: &Jwk, algorithm: Algorithm) -> bool {
    match (&jwk.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512) => true,
        (AlgorithmParameters::RSA(_), Algorithm::PS256 | Algorithm::PS384) => true,
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => key.curve == EllipticCurve::P256,
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES384) => key.curve == EllipticCurve::P384,
        (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDSA) => key.curve == EllipticCurve::Ed25519,
        _ => false,
    }
}

static RING: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Nothing here signs tokens.
fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let key = match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => Key::Rsa {
            n: n.clone(),
            e: e.clone(),
        },
        DecodingKeyKind::SecretOrDer(bytes) => Key::Bytes(bytes.clone()),
    };
    Ok(Box::new(Verifier {
        algorithm: *algorithm,
        key,
    }))
}

struct Verifier {
    algorithm: Algorithm,
    key: Key,
}

enum Key {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Bytes(Vec<u8>),
}

impl JwtVerifier for Verifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl signature::Verifier<Vec<u8>> for Verifier {
    fn verify(&self, message: &[u8], signed: &Vec<u8>) -> Result<(), signature::Error> {
        let verified = match (&self.key, self.algorithm) {
            (Key::Rsa { n, e }, algorithm) => {
                let by = match algorithm {
                    Algorithm::RS256 => &proof::RSA_PKCS1_2048_8192_SHA256,
                    Algorithm::RS384 => &proof::RSA_PKCS1_2048_8192_SHA384,
                    Algorithm::RS512 => &proof::RSA_PKCS1_2048_8192_SHA512,
                    Algorithm::PS256 => &proof::RSA_PSS_2048_8192_SHA256,
                    Algorithm::PS384 => &proof::RSA_PSS_2048_8192_SHA384,
                    _ => return Err(signature::Error::new()),
                };
                proof::RsaPublicKeyComponents { n, e }.verify(by, message, signed)
            }
            (Key::Bytes(key), Algorithm::ES256) => {
                proof::UnparsedPublicKey::new(&proof::ECDSA_P256_SHA256_FIXED, key).verify(message, signed)
            }
            (Key::Bytes(key), Algorithm::ES384) => {
                proof::UnparsedPublicKey::new(&proof::ECDSA_P384_SHA384_FIXED, key).verify(message, signed)
            }
            (Key::Bytes(key), Algorithm::EdDSA) => {
                proof::UnparsedPublicKey::new(&proof::ED25519, key).verify(message, signed)
            }
            _ => return Err(signature::Error::new()),
        };
        verified.map_err(|_| signature::Error::new())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_are_found_by_name_and_by_way() {
        let claims =
            json!({ "groups": ["a", "b", 3], "realm_access": { "roles": ["c"] }, "role": "d", "https://x.y/z": "e" });
        let Value::Object(claims) = claims else {
            panic!("an object")
        };
        let claims = Claims(claims);
        assert_eq!(claims.texts("groups"), ["a", "b"]);
        assert_eq!(claims.texts("realm_access.roles"), ["c"]);
        assert_eq!(claims.texts("role"), ["d"]);
        assert_eq!(claims.texts("https://x.y/z"), ["e"]);
        assert!(claims.texts("nothing.there").is_empty());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let keys = JwkSet { keys: Vec::new() };
        let expected = Expected {
            issuer: "i",
            client_id: "c",
            nonce: "n",
        };
        for text in ["", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA"] {
            assert!(verify(text, &keys, expected).is_err(), "{text}");
        }
    }
}

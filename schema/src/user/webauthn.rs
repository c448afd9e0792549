//! What authenticators say, after Web Authentication Level 3: read strictly, and proved by their signatures. Nothing here
//! knows the database. Attestation is not asked for: who makes a passkey vouches for their own device.

use ciborium::Value;
use data_encoding::BASE64URL_NOPAD;
use ring::{digest, signature};
use serde::Deserialize;
use subtle::ConstantTimeEq;

/// Somebody was there.
const PRESENT: u8 = 0x01;
/// It was the owner: by a finger, a face or a PIN.
const VERIFIED: u8 = 0x04;
/// A new key comes along.
const ATTESTED: u8 = 0x40;

/// ECDSA on P-256, Ed25519 and RSA with SHA-256, by their numbers in COSE, what is preferred first.
pub const ALGORITHMS: [i64; 3] = [-7, -8, -257];

/// Why what an authenticator says is not taken. For people; it names no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub &'static str);

/// What the answer must be about.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// What was asked: the challenge as it was sent.
    pub challenge: &'a [u8],
    /// The page that asked, such as `https://media.example`.
    pub origin: &'a str,
    /// The host that the passkey is for.
    pub host: &'a str,
}

/// What a browser did for a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ceremony {
    /// It had a passkey made.
    Create,
    /// It had one used.
    Get,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// One of [`ALGORITHMS`].
    pub algorithm: i64,
    /// P-256: the point uncompressed. Ed25519: the key. RSA: a byte for the length of the exponent, the exponent, the modulus.
    pub bytes: Vec<u8>,
}

/// A new passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// By what the authenticator knows it.
    pub credential: Vec<u8>,
    /// What its signatures are checked by.
    pub key: PublicKey,
    /// The authenticator's counter.
    pub n_uses: u32,
}

#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    is_cross_origin: bool,
}

/// The challenge that an answer says it is for, unchecked.
pub fn challenge_of(client_data: &[u8]) -> Option<Vec<u8>> {
    let read: ClientData = serde_json::from_slice(client_data).ok()?;
    BASE64URL_NOPAD.decode(read.challenge.as_bytes()).ok()
}

/// Reads what the making of a passkey came to: `attestation` is the attestation object.
///
/// # Errors
/// It is for something else, or no such object.
pub fn created(client_data: &[u8], attestation: &[u8], expected: Expected<'_>) -> Result<Created, Refused> {
    check_client(client_data, Ceremony::Create, expected)?;
    let object: Value = ciborium::from_reader(attestation).map_err(|_| Refused("the attestation is not CBOR"))?;
    let data = field(&object, |key| key.as_text() == Some("authData")).and_then(Value::as_bytes);
    let data = data.ok_or(Refused("the attestation has no data of the authenticator"))?;
    let read = AuthenticatorData::read(data, expected.host)?;
    if read.flags & ATTESTED == 0 {
        return Err(Refused("the authenticator made no key"));
    }
    // The model of the authenticator, the length of the credential, the credential, the key.
    let cut = Refused("the authenticator's data ends early");
    let (length, rest) = read
        .rest
        .get(16..)
        .and_then(<[u8]>::split_first_chunk::<2>)
        .ok_or(cut.clone())?;
    let (credential, mut key) = rest
        .split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .ok_or(cut)?;
    if credential.is_empty() || credential.len() > 1_023 {
        return Err(Refused("the credential is empty or too long"));
    }
    // Extensions may follow, which say nothing to us.
    let key: Value = ciborium::from_reader(&mut key).map_err(|_| Refused("the key is not CBOR"))?;
    Ok(Created {
        credential: credential.to_vec(),
        key: PublicKey::read(&key)?,
        n_uses: read.n_uses,
    })
}

/// Checks the use of a passkey; gives the authenticator's counter.
///
/// # Errors
/// It is for something else, or not signed by the key.
pub fn used(
    client_data: &[u8],
    data: &[u8],
    signed: &[u8],
    key: &PublicKey,
    expected: Expected<'_>,
) -> Result<u32, Refused> {
    check_client(client_data, Ceremony::Get, expected)?;
    let read = AuthenticatorData::read(data, expected.host)?;
    let hash = digest::digest(&digest::SHA256, client_data);
    key.verify(&[data, hash.as_ref()].concat(), signed)?;
    Ok(read.n_uses)
}

fn check_client(client_data: &[u8], ceremony: Ceremony, expected: Expected<'_>) -> Result<(), Refused> {
    let read: ClientData = serde_json::from_slice(client_data).map_err(|_| Refused("the client's data is no JSON"))?;
    let kind = match ceremony {
        Ceremony::Create => "webauthn.create",
        Ceremony::Get => "webauthn.get",
    };
    if read.kind != kind {
        return Err(Refused("the browser did something else with the passkey"));
    }
    let challenge = BASE64URL_NOPAD.decode(read.challenge.as_bytes()).unwrap_or_default();
    if !bool::from(challenge.ct_eq(expected.challenge)) {
        return Err(Refused("the answer is to another challenge"));
    }
    if read.origin != expected.origin || read.is_cross_origin {
        return Err(Refused("the passkey was used on another site's page"));
    }
    Ok(())
}

struct AuthenticatorData<'a> {
    flags: u8,
    n_uses: u32,
    rest: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    fn read(bytes: &'a [u8], host: &str) -> Result<Self, Refused> {
        let cut = || Refused("the authenticator's data ends early");
        let (hash, bytes) = bytes.split_at_checked(32).ok_or_else(cut)?;
        let (flags, bytes) = bytes.split_first().ok_or_else(cut)?;
        let (n_uses, rest) = bytes.split_first_chunk::<4>().ok_or_else(cut)?;
        if hash != digest::digest(&digest::SHA256, host.as_bytes()).as_ref() {
            return Err(Refused("the passkey is for another host"));
        }
        // It stands for the password and the second factor, so that somebody was there is not enough.
        if flags & (PRESENT | VERIFIED) != PRESENT | VERIFIED {
            return Err(Refused("the authenticator has not verified who uses it"));
        }
        Ok(Self {
            flags: *flags,
            n_uses: u32::from_be_bytes(*n_uses),
            rest,
        })
    }
}

impl PublicKey {
    /// Reads a key of COSE.
    fn read(key: &Value) -> Result<Self, Refused> {
        let number = |label: i64| {
            let value = field(key, |found| is_number(found, label))?.as_integer()?;
            i64::try_from(value).ok()
        };
        let bytes = |label: i64| field(key, |found| is_number(found, label)).and_then(Value::as_bytes);
        let unknown = || Refused("the authenticator's key is of a kind that is not known here");
        let algorithm = number(3).ok_or_else(unknown)?;
        let bytes = match (algorithm, number(1), number(-1)) {
            // The curves: 1 is P-256, 6 is Ed25519.
            (-7, Some(2), Some(1)) => {
                let (x, y) = bytes(-2).zip(bytes(-3)).ok_or_else(unknown)?;
                if (x.len(), y.len()) != (32, 32) {
                    return Err(unknown());
                }
                [&[4], &x[..], &y[..]].concat()
            }
            (-8, Some(1), Some(6)) => bytes(-2).filter(|key| key.len() == 32).ok_or_else(unknown)?.clone(),
            (-257, Some(3), _) => {
                let (modulus, exponent) = bytes(-1).zip(bytes(-2)).ok_or_else(unknown)?;
                let length = u8::try_from(exponent.len()).map_err(|_| unknown())?;
                [&[length], &exponent[..], &modulus[..]].concat()
            }
            _ => return Err(unknown()),
        };
        Ok(Self { algorithm, bytes })
    }

    fn verify(&self, message: &[u8], signed: &[u8]) -> Result<(), Refused> {
        let verified = match self.algorithm {
            -7 => signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, &self.bytes)
                .verify(message, signed),
            -8 => signature::UnparsedPublicKey::new(&signature::ED25519, &self.bytes).verify(message, signed),
            -257 => {
                let parts = self.bytes.split_first();
                let parts = parts.and_then(|(length, rest)| rest.split_at_checked(usize::from(*length)));
                let (e, n) = parts.ok_or(Refused("the stored key is damaged"))?;
                let key = signature::RsaPublicKeyComponents { n, e };
                key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signed)
            }
            _ => return Err(Refused("the stored key is of a kind that is not known here")),
        };
        verified.map_err(|_| Refused("the signature is not the passkey's"))
    }
}

fn field(map: &Value, is_it: impl Fn(&Value) -> bool) -> Option<&Value> {
    let pairs = map.as_map()?;
    pairs.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
}

fn is_number(value: &Value, number: i64) -> bool {
    value
        .as_integer()
        .is_some_and(|found| i64::try_from(found) == Ok(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expected<'static> = Expected {
        challenge: b"asked",
        origin: "https://media.example",
        host: "media.example",
    };

    fn client(kind: &str, challenge: &[u8], origin: &str) -> Vec<u8> {
        let challenge = BASE64URL_NOPAD.encode(challenge);
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"}}"#).into_bytes()
    }

    fn data(host: &str, flags: u8) -> Vec<u8> {
        let hash = digest::digest(&digest::SHA256, host.as_bytes());
        [hash.as_ref(), &[flags], &7_u32.to_be_bytes()].concat()
    }

    #[test]
    fn what_is_for_another_site_challenge_or_person_is_refused() {
        let good = client("webauthn.get", b"asked", EXPECTED.origin);
        let key = PublicKey {
            algorithm: -8,
            bytes: vec![1; 32],
        };
        let reason = |client: &[u8], data: &[u8]| used(client, data, b"", &key, EXPECTED).expect_err("unsigned").0;
        assert!(reason(&good, &data("media.example", 5)).contains("signature"));
        assert!(reason(&good, &data("evil.example", 5)).contains("host"));
        assert!(reason(&good, &data("media.example", 1)).contains("verified"));
        assert!(reason(&good, &data("media.example", 4)).contains("verified"));
        assert!(reason(&good, b"short").contains("early"));
        assert!(reason(&client("webauthn.create", b"asked", EXPECTED.origin), b"").contains("something else"));
        assert!(reason(&client("webauthn.get", b"other", EXPECTED.origin), b"").contains("challenge"));
        assert!(reason(&client("webauthn.get", b"asked", "https://evil.example"), b"").contains("another site"));
        assert!(reason(b"{", b"").contains("JSON"));
    }

    #[test]
    fn bytes_of_any_kind_are_refused_without_a_panic() {
        let client = client("webauthn.create", b"asked", EXPECTED.origin);
        for length in 0..200_usize {
            let noise: Vec<u8> = (0..length).map(|at| (at * 37 + length * 11) as u8).collect();
            assert!(created(&client, &noise, EXPECTED).is_err());
        }
    }
}

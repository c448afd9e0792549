//! What sessions and API tokens are known by: 256 random bits outside, their SHA-256 in the database.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Tells the two kinds apart, for people and for scanners that look for leaked secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// `vg_…`, for scripts.
    ApiToken,
    /// `vgs_…`, in a browser's cookie.
    Session,
}

impl SecretKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::ApiToken => "vg_",
            Self::Session => "vgs_",
        }
    }
}

/// SHA-256 of a secret. A plain hash is enough: the secret has 256 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// The hash of a client's text, or nothing when it cannot be a secret of this kind: then no statement is spent.
    pub fn of(kind: SecretKind, text: &str) -> Option<Self> {
        Self::of_prefix(kind.prefix(), text)
    }

    /// The same for a kind that is no grant to an account.
    pub fn of_prefix(prefix: &str, text: &str) -> Option<Self> {
        let digits = text.strip_prefix(prefix)?;
        let is_well_formed = digits.len() == 43 && BASE64URL_NOPAD.decode(digits.as_bytes()).is_ok();
        is_well_formed.then(|| Self(Sha256::digest(text.as_bytes()).into()))
    }

    /// The bytes of the column.
    pub fn to_vec(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

/// A new secret and its hash. The secret is shown once and never stored.
pub fn fresh(kind: SecretKind) -> (SecretString, SecretHash) {
    fresh_of_prefix(kind.prefix())
}

/// The same for a kind that is no grant to an account.
pub fn fresh_of_prefix(prefix: &str) -> (SecretString, SecretHash) {
    let digits = BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>());
    let secret = SecretString::from(format!("{prefix}{digits}"));
    let hash = SecretHash::of_prefix(prefix, secret.expose_secret()).expect("a fresh secret is well formed");
    (secret, hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_hash_and_only_as_its_kind() {
        let (secret, hash) = fresh(SecretKind::ApiToken);
        let text = secret.expose_secret();
        assert!(text.starts_with("vg_") && text.len() == 46);
        assert_eq!(SecretHash::of(SecretKind::ApiToken, text), Some(hash));
        assert_eq!(SecretHash::of(SecretKind::Session, text), None);
        assert!(!format!("{secret:?} {hash:?}").contains(&text[3..]));
        for bad in ["", "vg_", "vg_short", &format!("{text}A"), &text.replace("vg_", "gv_")] {
            assert_eq!(SecretHash::of(SecretKind::ApiToken, bad), None, "{bad}");
        }
    }
}

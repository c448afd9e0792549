//! Passwords: argon2id, at most two hashes at a time, and the same work for names that do not exist.

use std::time::Duration;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use kernel::error::{Failure, code};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The shortest password, in characters.
pub const SHORTEST: usize = 8;
/// The longest password, in bytes: long enough for any passphrase.
pub const LONGEST: usize = 1024;

/// OWASP's least parameters for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Each hash takes 19 MiB and a core, so two hundred sign-ins at once must queue instead of growing the process.
static HASHING: Semaphore = Semaphore::const_new(2);
/// Who waits longer is told to come back rather than left hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// What an unknown name is checked against. No password is known for it.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Zm9yIG5hbWVzIHRoYXQgbm9uZQ$KSBTlvH0VJ2cOBwU5DqtFHRpUVJv8Pz3hpSmMUT2gVM";

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is not the password.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, and here is its hash with today's parameters, to be stored instead of the old one.
    RightButWeak(String),
}

/// Says what is wrong with a new password at this field, if anything.
pub fn check_rules(path: &str, password: &SecretString) -> Result<(), Failure> {
    let text = password.expose_secret();
    if text.chars().count() < SHORTEST {
        return Err(Failure::field(
            path,
            format!("a password has at least {SHORTEST} characters"),
        ));
    }
    if text.len() > LONGEST {
        return Err(Failure::field(path, format!("a password has at most {LONGEST} bytes")));
    }
    Ok(())
}

/// The hash of a new password in PHC format, with a fresh salt.
pub async fn hash(password: SecretString) -> Result<String, Failure> {
    let permit = turn().await?;
    let hashed = tokio::task::spawn_blocking(move || {
        let hashed = hash_now(&password);
        drop(permit);
        hashed
    });
    hashed.await.map_err(Failure::internal)?
}

/// Compares a password with a stored hash; `None`, for a name that does not exist, takes as long and is always wrong.
pub async fn verify(password: SecretString, stored: Option<String>) -> Result<Verdict, Failure> {
    let permit = turn().await?;
    let verdict = tokio::task::spawn_blocking(move || {
        let verdict = verify_now(&password, stored.as_deref());
        drop(permit);
        verdict
    });
    verdict.await.map_err(Failure::internal)?
}

async fn turn() -> Result<SemaphorePermit<'static>, Failure> {
    match tokio::time::timeout(PATIENCE, HASHING.acquire()).await {
        Ok(permit) => permit.map_err(Failure::internal),
        Err(_) => Err(Failure::new(
            &code::UNAVAILABLE,
            "too many sign-ins at once; try again in a minute",
        )),
    }
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are within argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &SecretString) -> Result<String, Failure> {
    let hashed = hasher().hash_password(password.expose_secret().as_bytes());
    hashed
        .map(|hash| hash.to_string())
        .map_err(|error| Failure::internal(format!("hashing a password: {error}")))
}

fn verify_now(password: &SecretString, stored: Option<&str>) -> Result<Verdict, Failure> {
    let is_somebody = stored.is_some();
    let parsed = PasswordHash::new(stored.unwrap_or(NOBODY))
        .map_err(|error| Failure::internal(format!("a stored password hash is damaged: {error}")))?;
    let matches = hasher()
        .verify_password(password.expose_secret().as_bytes(), &parsed)
        .is_ok();
    if !matches || !is_somebody {
        return Ok(Verdict::Wrong);
    }
    if is_weak(&parsed) {
        Ok(Verdict::RightButWeak(hash_now(password)?))
    } else {
        Ok(Verdict::Right)
    }
}

fn is_weak(parsed: &PasswordHash) -> bool {
    let Ok(params) = Params::try_from(parsed) else {
        return true;
    };
    parsed.algorithm != Algorithm::Argon2id.ident() || params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[tokio::test]
    async fn a_hash_has_the_required_parameters_and_knows_its_password() {
        let stored = hash(secret("correct horse")).await.expect("a hash");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(
            stored,
            hash(secret("correct horse")).await.expect("a hash"),
            "each hash has a salt of its own"
        );
        assert_eq!(
            verify(secret("correct horse"), Some(stored.clone()))
                .await
                .expect("a verdict"),
            Verdict::Right
        );
        assert_eq!(
            verify(secret("correct hors"), Some(stored)).await.expect("a verdict"),
            Verdict::Wrong
        );
    }

    #[test]
    fn an_unknown_name_costs_the_same_work() {
        let nobody = PasswordHash::new(NOBODY).expect("the constant is well formed");
        assert!(!is_weak(&nobody));
        assert_eq!(
            verify_now(&secret("correct horse"), None).expect("a verdict"),
            Verdict::Wrong
        );
    }

    #[test]
    fn a_hash_with_less_work_is_renewed() {
        let old = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(4096, 1, 1, None).expect("params"),
        );
        let stored = old.hash_password(b"correct horse").expect("a hash").to_string();
        let Verdict::RightButWeak(renewed) = verify_now(&secret("correct horse"), Some(&stored)).expect("a verdict")
        else {
            panic!("the hash is weak")
        };
        assert_eq!(
            verify_now(&secret("correct horse"), Some(&renewed)).expect("a verdict"),
            Verdict::Right
        );
    }

    #[test]
    fn a_password_has_eight_characters_or_more() {
        assert!(check_rules("input.password", &secret("1234567")).is_err());
        assert!(check_rules("input.password", &secret("äöüäöüäö")).is_ok());
        assert!(check_rules("input.password", &secret(&"x".repeat(LONGEST + 1))).is_err());
    }
}

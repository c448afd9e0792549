//! One-time codes of authenticator apps: TOTP after RFC 6238, with SHA-1, six digits and steps of 30 seconds, which is what
//! all apps know.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

/// The length of a code's step, in milliseconds.
const STEP_MS: i64 = 30_000;
/// RFC 4226 asks for 160 bits.
pub const SECRET: usize = 20;
/// How many steps a clock may be off, each way.
const DRIFT: i64 = 1;

/// The step that is under way.
pub fn step_at(now_ms: i64) -> i64 {
    now_ms.div_euclid(STEP_MS)
}

/// The step of which this is the code, among those about now that come after `last`: no code is good twice.
pub fn step_of(secret: &[u8], code: &str, now_ms: i64, last: i64) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let now = step_at(now_ms);
    // All are compared, so that the time tells nothing.
    let matches =
        (now - DRIFT..=now + DRIFT).filter(|step| bool::from(code_of(secret, *step).as_bytes().ct_eq(code.as_bytes())));
    matches.fold(None, |_, step| Some(step)).filter(|step| *step > last)
}

/// The code of a step.
pub fn code_of(secret: &[u8], step: i64) -> String {
    let mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes a key of any length");
    let hash = mac.chain_update(step.to_be_bytes()).finalize().into_bytes();
    // RFC 4226, section 5.3: the last four bits say which four bytes.
    let at = usize::from(hash[hash.len() - 1] & 0x0f);
    let number = u32::from_be_bytes([hash[at] & 0x7f, hash[at + 1], hash[at + 2], hash[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

/// The secret as people type it.
pub fn shown(secret: &[u8]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// The secret as apps read it off a picture: the `otpauth` URI of Google Authenticator's key format.
pub fn uri(secret: &[u8], account: &str) -> String {
    let label: String = account
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!(
        "otpauth://totp/Vitagraph:{label}?secret={}&issuer=Vitagraph",
        shown(secret)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, the last six of its eight digits.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_of(SECRET, step_at(seconds * 1000)), code, "at {seconds}");
        }
    }

    #[test]
    fn a_code_is_good_for_a_minute_and_a_half_and_once() {
        let now = 1_111_111_111_000;
        let step = step_at(now);
        for off in -1..=1 {
            let code = code_of(SECRET, step + off);
            assert_eq!(step_of(SECRET, &code, now, 0), Some(step + off));
            assert_eq!(step_of(SECRET, &code, now, step + off), None, "twice");
        }
        for code in [
            code_of(SECRET, step + 2),
            code_of(SECRET, step - 2),
            "".into(),
            "0504711".into(),
            "50471".into(),
        ] {
            assert_eq!(step_of(SECRET, &code, now, 0), None, "{code}");
        }
        assert_eq!(step_of(SECRET, "050 471", now, 0), Some(step));
    }

    #[test]
    fn an_app_is_told_whose_secret_it_is() {
        assert_eq!(
            uri(SECRET, "Ada & Bert"),
            "otpauth://totp/Vitagraph:Ada%20%26%20Bert?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Vitagraph"
        );
    }
}

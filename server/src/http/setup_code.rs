//! The one-time code that makes the first account: who can read the server's output may become administrator.

use std::sync::{Arc, Mutex, PoisonError};

use kernel::plugin::Kernel;
use subtle::ConstantTimeEq;

/// Wrong codes before another one is made.
const TRIES: u32 = 5;
/// Letters and digits that are not mistaken for each other.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Sixty bits, in groups of four.
const CHARACTERS: usize = 12;

/// The present code. There is one for each kernel: [`SetupCode::of`].
pub struct SetupCode {
    state: Mutex<State>,
}

struct State {
    code: String,
    n_wrong: u32,
}

impl SetupCode {
    /// The kernel's one; the first call makes it.
    pub fn of(kernel: &Kernel) -> Arc<Self> {
        kernel.parts.get_or_make(|| Arc::new(Self::fresh()))
    }

    fn fresh() -> Self {
        Self {
            state: Mutex::new(State {
                code: generate(),
                n_wrong: 0,
            }),
        }
    }

    /// The code as it is printed: `ABCD-EFGH-JKLM`.
    pub fn show(&self) -> String {
        grouped(&self.state.lock().unwrap_or_else(PoisonError::into_inner).code)
    }

    /// Whether this is the code; case, spaces and hyphens make no difference. After five wrong ones another code is
    /// made and printed in the log.
    pub fn try_code(&self, given: &str) -> bool {
        let given: String = given
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect::<String>()
            .to_uppercase();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if bool::from(given.as_bytes().ct_eq(state.code.as_bytes())) {
            return true;
        }
        state.n_wrong += 1;
        if state.n_wrong >= TRIES {
            *state = State {
                code: generate(),
                n_wrong: 0,
            };
            tracing::warn!(
                code = grouped(&state.code),
                "the one-time setup code was wrong five times; this is the new one"
            );
        }
        false
    }
}

fn generate() -> String {
    let random: [u8; CHARACTERS] = rand::random();
    // 32 divides 256, so every character is equally likely.
    random
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect()
}

fn grouped(code: &str) -> String {
    let characters: Vec<char> = code.chars().collect();
    let groups: Vec<String> = characters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_codes_make_another_one() {
        let setup = SetupCode::fresh();
        let first = setup.show();
        assert_eq!(first.len(), 14);
        for _ in 0..4 {
            assert!(!setup.try_code("wrong"));
        }
        assert!(setup.try_code(&format!(" {} ", first.to_lowercase().replace('-', " "))));
        assert!(!setup.try_code(""));
        assert!(!setup.try_code(&first), "the fifth wrong one has made another");
        assert!(setup.try_code(&setup.show()));
    }
}

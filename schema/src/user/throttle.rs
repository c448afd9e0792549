//! Brute force: the delay between attempts grows, per account and per address, and nobody is locked out.
//!
//! The counts are in memory: a restart forgets them, and each node counts its own. An attempt counts when it begins
//! and is taken back when it succeeds, so that parallel guesses do not slip through together.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

/// Failures that cost no delay: people mistype.
const FREE_PER_ACCOUNT: u32 = 4;
/// A household or an office shares an address.
const FREE_PER_ADDRESS: u32 = 12;
/// The delay doubles up to this: at most 48 guesses an hour, and the six or so before it is reached.
const LONGEST_DELAY_MS: i64 = 75_000;
/// A count without a new failure is forgotten after this.
const MEMORY_MS: i64 = 3_600_000;
/// The most counts kept. An attempt costs a password hash, so filling this takes a while.
const CAPACITY: usize = 20_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// Attempts on an account from addresses that never signed in to it.
    Account(String),
    /// Attempts on an account from an address that did: strangers cannot use up its attempts.
    Known(String, [u8; 8]),
    /// All attempts from an address.
    Address([u8; 8]),
}

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    last_ms: i64,
}

#[derive(Default)]
struct Counts {
    by_key: HashMap<Key, Count>,
    known: HashSet<(String, [u8; 8])>,
}

/// Counts failed attempts.
#[derive(Default)]
pub struct Throttle {
    counts: Mutex<Counts>,
}

/// An attempt that may be evaluated. It counts as failed until [`Attempt::succeed`].
pub struct Attempt<'a> {
    throttle: &'a Throttle,
    keys: Vec<Key>,
    known: Option<(String, [u8; 8])>,
}

impl Throttle {
    /// Begins an attempt, or says how many seconds to wait. `account` is a name or another thing that is guessed at.
    pub fn begin(&self, account: &str, address: Option<IpAddr>, now_ms: i64) -> Result<Attempt<'_>, u64> {
        let account = account.to_lowercase();
        let network = address.map(network);
        let known = network.map(|network| (account.clone(), network));
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys = Vec::with_capacity(2);
        match &known {
            Some((name, network)) if counts.known.contains(&(name.clone(), *network)) => {
                keys.push(Key::Known(account, *network));
            }
            _ => keys.push(Key::Account(account)),
        }
        keys.extend(network.map(Key::Address));
        let wait_ms = keys
            .iter()
            .filter_map(|key| counts.by_key.get(key).map(|count| wait_ms(key, *count, now_ms)));
        let wait_ms = wait_ms.max().unwrap_or(0);
        if wait_ms > 0 {
            return Err(wait_ms.unsigned_abs().div_ceil(1000));
        }
        counts.make_room(now_ms);
        for key in &keys {
            let count = counts.by_key.entry(key.clone()).or_insert(Count {
                failures: 0,
                last_ms: now_ms,
            });
            if now_ms - count.last_ms > MEMORY_MS {
                count.failures = 0;
            }
            count.failures += 1;
            count.last_ms = now_ms;
        }
        Ok(Attempt {
            throttle: self,
            keys,
            known,
        })
    }
}

impl Attempt<'_> {
    /// The attempt was right, or failed through no fault of who made it: it does not count.
    pub fn take_back(&self) {
        let mut counts = self.throttle.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            if let Some(count) = counts.by_key.get_mut(key) {
                count.failures = count.failures.saturating_sub(1);
            }
        }
    }

    /// The attempt was right: the account's count begins anew, and this address is known to it. The address's own
    /// count stays, or an attacker with an account could reset it between guesses.
    pub fn succeed(self) {
        self.take_back();
        let mut counts = self.throttle.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for key in self.keys.iter().filter(|key| !matches!(key, Key::Address(_))) {
            counts.by_key.remove(key);
        }
        if counts.known.len() >= CAPACITY {
            counts.known.clear();
        }
        counts.known.extend(self.known);
    }
}

impl Counts {
    fn make_room(&mut self, now_ms: i64) {
        if self.by_key.len() < CAPACITY {
            return;
        }
        self.by_key.retain(|_, count| now_ms - count.last_ms <= MEMORY_MS);
        if self.by_key.len() >= CAPACITY {
            // Those with few failures have the least to forget.
            self.by_key.retain(|_, count| count.failures > FREE_PER_ACCOUNT);
        }
        if self.by_key.len() >= CAPACITY {
            self.by_key.clear();
        }
    }
}

fn wait_ms(key: &Key, count: Count, now_ms: i64) -> i64 {
    let free = if matches!(key, Key::Address(_)) {
        FREE_PER_ADDRESS
    } else {
        FREE_PER_ACCOUNT
    };
    if count.failures < free || now_ms - count.last_ms > MEMORY_MS {
        return 0;
    }
    let doublings = (count.failures - free).min(16);
    let delay = (1000_i64 << doublings).min(LONGEST_DELAY_MS);
    (count.last_ms + delay - now_ms).max(0)
}

/// The /24 of an IPv4 address and the /64 of an IPv6 address: what one household or one attacker commands.
fn network(address: IpAddr) -> [u8; 8] {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            [0, 0, 0, 0, 4, a, b, c]
        }
        IpAddr::V6(address) => {
            let mut prefix = [0; 8];
            prefix.copy_from_slice(&address.octets()[..8]);
            prefix
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn ten_thousand_guesses_in_an_hour_are_at_most_sixty_evaluations() {
        for spread in [false, true] {
            let throttle = Throttle::default();
            let evaluated = (0..10_000_i64).filter(|guess| {
                let from = if spread {
                    format!("10.{}.{}.1", guess % 250, guess / 250)
                } else {
                    "10.0.0.1".to_owned()
                };
                throttle
                    .begin("admin", address(&from), guess * HOUR_MS / 10_000)
                    .is_ok()
            });
            let evaluated = evaluated.count();
            assert!((40..=60).contains(&evaluated), "{evaluated}");
        }
    }

    #[test]
    fn guesses_by_strangers_do_not_delay_who_signed_in_from_here_before() {
        let throttle = Throttle::default();
        let Ok(first) = throttle.begin("Ada", address("192.168.1.5"), 0) else {
            panic!("a first attempt is let through")
        };
        first.succeed();
        for guess in 0..100 {
            let _ = throttle.begin("ada", address(&format!("10.0.{guess}.1")), 1000);
        }
        assert!(throttle.begin("ada", address("10.9.9.9"), 1000).is_err());
        assert!(throttle.begin("ada", address("192.168.1.77"), 1000).is_ok());
    }

    #[test]
    fn the_delay_grows_and_is_forgotten_after_an_hour() {
        let throttle = Throttle::default();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..14 {
            match throttle.begin("ada", None, now) {
                Ok(_) => waits.push(0),
                Err(seconds) => {
                    waits.push(seconds);
                    now += seconds as i64 * 1000;
                    assert!(throttle.begin("ada", None, now).is_ok(), "waiting as told is enough");
                }
            }
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 75, 75, 75]);
        assert!(throttle.begin("ada", None, now + HOUR_MS + 1).is_ok());
        assert!(throttle.begin("ada", None, now + HOUR_MS + 2).is_ok());
    }
}

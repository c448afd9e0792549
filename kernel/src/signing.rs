//! Signed, expiring URLs: a media element sends no header, so its URL carries the permission itself.
//!
//! A signature covers the path exactly as it is written, the expiry and the key's number, and nothing else: query
//! parameters besides `e`, `k` and `s` are the route's own and prove nothing.

use std::{fmt, sync::Arc, time::Duration};

use data_encoding::BASE64URL_NOPAD;
use entities::setting;
use hmac::{Hmac, KeyInit, Mac};
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, sea_query::OnConflict};
use sha2::Sha256;

use crate::{
    clock::Clock,
    error::{Code, Failure},
    store::{Durability, Store},
};

/// No URL is valid for longer, whatever its maker asks for.
pub const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// The row of `setting` that holds the keys.
const SETTING: &str = "signing.keys";
/// One record of the setting: the key's number and the key.
const RECORD: usize = 1 + KEY;
const KEY: usize = 32;
/// Half of HMAC-SHA-256, which RFC 2104 section 5 names as the least to keep: 128 bits, 22 characters.
const SIGNATURE: usize = 16;

mod codes {
    crate::codes! {
        URL_NOT_SIGNED = "URL_NOT_SIGNED", Forbidden, "The URL has no valid signature; ask the API for a new one.";
        URL_EXPIRED = "URL_EXPIRED", Forbidden, "The URL was valid and has expired; ask the API for a new one.";
    }
}

/// The codes of this module.
pub static CODES: &[&Code] = codes::ALL;

/// Why a URL opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A part is missing, malformed, or was not made with one of our keys for this path.
    #[error("this URL is not signed by this server; ask the API for a new one")]
    Invalid,
    /// It was valid once.
    #[error("this URL has expired; ask the API for a new one")]
    Expired,
}

impl From<SignatureError> for Failure {
    fn from(error: SignatureError) -> Self {
        let code = match error {
            SignatureError::Invalid => &codes::URL_NOT_SIGNED,
            SignatureError::Expired => &codes::URL_EXPIRED,
        };
        Self::new(code, error.to_string())
    }
}

struct Key {
    number: u8,
    mac: Hmac<Sha256>,
}

/// Signs and checks URLs with keys that all nodes share. Clones are handles to the same keys.
#[derive(Clone)]
pub struct Signer {
    /// The newest key first: it signs, the others still verify.
    keys: Arc<Vec<Key>>,
    clock: Clock,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// Reads the keys; makes the first one when there is none. Of several processes that start at once, one wins and
    /// all use its key. Needs the migrated `setting` table.
    pub async fn open(store: &Store) -> Result<Self, DbErr> {
        let row = match setting::Entity::find_by_id(SETTING).one(store.reader()).await? {
            Some(row) => row,
            None => make_key(store).await?,
        };
        Self::from_setting(&row.value, store.clock().clone()).ok_or_else(|| {
            DbErr::Custom(format!(
                "the setting `{SETTING}` is damaged; delete the row to make new keys"
            ))
        })
    }

    fn from_setting(value: &[u8], clock: Clock) -> Option<Self> {
        let (records, []) = value.as_chunks::<RECORD>() else {
            return None;
        };
        let read = |record: &[u8; RECORD]| Key {
            number: record[0],
            mac: Hmac::new_from_slice(&record[1..]).expect("HMAC takes a key of any length"),
        };
        let keys: Vec<Key> = records.iter().map(read).collect();
        (!keys.is_empty()).then(|| Self {
            keys: Arc::new(keys),
            clock,
        })
    }

    /// The path with `?e=..&k=..&s=..`, valid for at most `valid` (six hours at most) and at least half of it.
    ///
    /// The expiry moves in steps of half the validity, so that the same path keeps its URL, and browsers their cache;
    /// where the step begins differs from path to path, so that not all URLs change at the same moment.
    ///
    /// `path` must be as clients will send it: percent-encoded, beginning with a slash, without a query.
    pub fn sign(&self, path: &str, valid: Duration) -> String {
        let valid = valid.min(LONGEST).as_secs().max(2) as i64;
        let step = valid / 2;
        let now = self.clock.now_ms() / 1000;
        let phase = path
            .bytes()
            .fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % step);
        let expires = (now + phase).div_euclid(step) * step - phase + valid;
        let key = &self.keys[0];
        let signature = key.over(path, expires).finalize().into_bytes();
        format!(
            "{path}?e={expires}&k={}&s={}",
            key.number,
            BASE64URL_NOPAD.encode(&signature[..SIGNATURE])
        )
    }

    /// Checks the path and the query of a request, both as they were sent. The comparison takes constant time.
    pub fn verify(&self, path: &str, query: &str) -> Result<(), SignatureError> {
        let part = |name: &str| {
            let mut values = query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .filter(|(key, _)| *key == name);
            // A repeated part is ambiguous, and nobody honest sends one.
            let value = values.next().map(|(_, value)| value)?;
            values.next().is_none().then_some(value)
        };
        let expires: i64 = part("e")
            .and_then(|text| text.parse().ok())
            .ok_or(SignatureError::Invalid)?;
        let number: u8 = part("k")
            .and_then(|text| text.parse().ok())
            .ok_or(SignatureError::Invalid)?;
        let signature = part("s").and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok());
        let signature = signature
            .filter(|bytes| bytes.len() == SIGNATURE)
            .ok_or(SignatureError::Invalid)?;
        let key = self
            .keys
            .iter()
            .find(|key| key.number == number)
            .ok_or(SignatureError::Invalid)?;
        key.over(path, expires)
            .verify_truncated_left(&signature)
            .map_err(|_| SignatureError::Invalid)?;
        if self.clock.now_ms() / 1000 >= expires {
            Err(SignatureError::Expired)
        } else {
            Ok(())
        }
    }
}

impl Key {
    fn over(&self, path: &str, expires: i64) -> Hmac<Sha256> {
        // The two numbers have a fixed length, so no other path and expiry make the same bytes.
        self.mac
            .clone()
            .chain_update([self.number])
            .chain_update(expires.to_be_bytes())
            .chain_update(path)
    }
}

async fn make_key(store: &Store) -> Result<setting::Model, DbErr> {
    let mut value = vec![1];
    value.extend_from_slice(&rand::random::<[u8; KEY]>());
    let fresh = setting::ActiveModel {
        name: Set(SETTING.to_owned()),
        value: Set(value),
        updated_at: Set(store.clock().now_ms()),
    };
    let tx = store.begin(Durability::Full).await?;
    let keep_first = OnConflict::column(setting::Column::Name).do_nothing().to_owned();
    setting::Entity::insert(fresh)
        .on_conflict(keep_first)
        .exec_without_returning(&*tx)
        .await?;
    let kept = setting::Entity::find_by_id(SETTING).one(&*tx).await?;
    tx.commit().await?;
    kept.ok_or_else(|| DbErr::RecordNotFound(format!("setting `{SETTING}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(clock: &Clock) -> Signer {
        let mut value = vec![2];
        value.extend_from_slice(&[7; KEY]);
        value.push(1);
        value.extend_from_slice(&[9; KEY]);
        Signer::from_setting(&value, clock.clone()).expect("two keys")
    }

    fn verify(signer: &Signer, url: &str) -> Result<(), SignatureError> {
        let (path, query) = url.split_once('?').expect("a query");
        signer.verify(path, query)
    }

    #[test]
    fn a_signature_opens_its_own_path_and_nothing_else() {
        let signer = signer(&Clock::default());
        let url = signer.sign("/p/stream/file/fil_1/a.mkv", LONGEST);
        assert_eq!(verify(&signer, &url), Ok(()));
        assert_eq!(verify(&signer, &format!("{url}&t=5")), Ok(()));
        let (path, query) = url.split_once('?').expect("a query");
        let later = query.replacen("e=", "e=9", 1);
        let other_key = query.replacen("k=2", "k=1", 1);
        let unknown_key = query.replacen("k=2", "k=3", 1);
        let short = &query[..query.len() - 2];
        for (path, query) in [
            ("/p/stream/file/fil_2/a.mkv", query),
            ("/p/stream/file/fil_1/a.mkv/", query),
            (path, later.as_str()),
            (path, other_key.as_str()),
            (path, unknown_key.as_str()),
            (path, short),
            (path, ""),
            (path, "e=1&k=1&s="),
            (path, &format!("{query}&{query}")),
        ] {
            assert_eq!(
                signer.verify(path, query),
                Err(SignatureError::Invalid),
                "{path}?{query}"
            );
        }
    }

    #[test]
    fn an_url_stays_the_same_for_half_its_life_and_expires_in_time() {
        let clock = Clock::default();
        let signer = signer(&clock);
        for path in ["/a", "/b", "/p/stream/file/fil_1/c.mp4"] {
            let first = signer.sign(path, Duration::from_secs(7200));
            let mut changes = 0;
            let mut previous = first.clone();
            for _ in 0..24 {
                clock.advance(Duration::from_secs(600));
                let url = signer.sign(path, Duration::from_secs(7200));
                changes += usize::from(url != previous);
                assert_eq!(verify(&signer, &url), Ok(()));
                previous = url;
            }
            assert_eq!(changes, 4, "four hours in steps of one");
            assert_eq!(verify(&signer, &first), Err(SignatureError::Expired));
            let fresh = signer.sign(path, Duration::from_secs(7200));
            clock.advance(Duration::from_secs(3590));
            assert_eq!(verify(&signer, &fresh), Ok(()), "half of the validity is promised");
            clock.advance(Duration::from_secs(3610));
            assert_eq!(verify(&signer, &fresh), Err(SignatureError::Expired));
        }
    }

    #[test]
    fn an_older_key_still_verifies() {
        let clock = Clock::default();
        let mut value = vec![1];
        value.extend_from_slice(&[9; KEY]);
        let before = Signer::from_setting(&value, clock.clone()).expect("one key");
        let url = before.sign("/a", LONGEST);
        assert_eq!(verify(&signer(&clock), &url), Ok(()));
        assert!(Signer::from_setting(&value[..20], clock.clone()).is_none());
        assert!(Signer::from_setting(&[], clock).is_none());
    }
}

//! How large a synthetic library is, and what follows from its seed.

use super::random::Popularity;

/// 2019-01-01: when the first item was added.
pub const BEGUN_MS: i64 = 1_546_300_800_000;
/// 2026-01-01: when the last one was. The library does not depend on when it is made.
pub const ENDED_MS: i64 = 1_767_225_600_000;

/// What to make.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Items.
    pub n_media: usize,
    /// Tags.
    pub n_tags: usize,
    /// People.
    pub n_people: usize,
    /// Studios.
    pub n_studios: usize,
    /// Which of the libraries of this size.
    pub seed: u64,
    /// How often each tag is used.
    pub tags: Popularity,
    /// How often each person occurs.
    pub people: Popularity,
    /// How often each studio occurs.
    pub studios: Popularity,
}

impl Plan {
    /// A library of `n_media` items; what is not given grows with it as collections do.
    pub fn new(
        n_media: usize,
        n_tags: Option<usize>,
        n_people: Option<usize>,
        n_studios: Option<usize>,
        seed: u64,
    ) -> Self {
        let n_tags = n_tags.unwrap_or((n_media / 200).clamp(20, 5_000));
        let n_people = n_people.unwrap_or((n_media / 20).clamp(20, 50_000));
        let n_studios = n_studios.unwrap_or((n_media / 500).clamp(5, 2_000));
        Self {
            n_media,
            n_tags,
            n_people,
            n_studios,
            seed,
            tags: Popularity::new(n_tags),
            people: Popularity::new(n_people),
            studios: Popularity::new(n_studios),
        }
    }
}

/// The key of the `n`th row of a table: grows with `n`, and is less than every key that a server makes itself.
pub fn key(n: usize) -> i64 {
    (n as i64 + 1) << 22
}

//! Audio fingerprints: which may be of the same recording, and whether they are.
//!
//! A fingerprint is a row of 32-bit words, about eight a second (Chromaprint). Two recordings of the same sound have many
//! words that differ in no or few bits, perhaps shifted in time. Candidates share some of their rarest words; the verdict
//! is the rate of differing bits over the overlap, at the shift where the most words agree, as AcoustID does it.

use std::collections::{HashMap, HashSet};

/// Bits of a word that make a term. With fewer, strangers share many terms; with more, two encodings of one song share
/// none: where one bit in ten differs, a tenth of the terms stay.
const TERM_BITS: u32 = 22;
/// Terms that stand for a fingerprint.
const N_TERMS: usize = 128;
/// Candidates share at least so many of them.
const MIN_SHARED: usize = 2;
/// The most candidates of one fingerprint, those that share most.
const MAX_CANDIDATES: usize = 64;
/// Bits of a word that must agree for a shift to be counted.
const MATCH_BITS: u32 = 14;
/// Shifts that are looked at to the last bit.
const N_SHIFTS: usize = 4;
/// Words that are compared: the first eight minutes.
const MAX_WORDS: usize = 4096;
/// Fewer different words are silence or a tone, and equal to every other such.
const MIN_DIFFERENT: usize = 16;
/// The least overlap in words, some three seconds.
const MIN_OVERLAP: usize = 24;

/// Whether a fingerprint says enough to be compared.
pub fn is_telling(words: &[u32]) -> bool {
    words.iter().take(MAX_WORDS).collect::<HashSet<_>>().len() >= MIN_DIFFERENT
}

/// How many of 64 bits differ between two fingerprints where they overlap best: the scale of perceptual hashes. Nothing
/// if they overlap in less than four fifths of the longer one.
pub fn distance(one: &[u32], other: &[u32]) -> Option<u32> {
    let (one, other) = (&one[..one.len().min(MAX_WORDS)], &other[..other.len().min(MAX_WORDS)]);
    let least = (one.len().max(other.len()) * 4 / 5).max(MIN_OVERLAP);
    let mut places: HashMap<u32, Vec<usize>> = HashMap::new();
    for (at, word) in other.iter().enumerate() {
        places.entry(word >> (32 - MATCH_BITS)).or_default().push(at);
    }
    let mut counts: HashMap<isize, u32> = HashMap::new();
    for (at, word) in one.iter().enumerate() {
        let Some(places) = places.get(&(word >> (32 - MATCH_BITS))) else {
            continue;
        };
        // A word that is everywhere says nothing about the shift.
        if places.len() <= other.len() / 8 + 8 {
            for place in places {
                *counts.entry(at as isize - *place as isize).or_default() += 1;
            }
        }
    }
    let mut shifts: Vec<(u32, isize)> = counts.into_iter().map(|(shift, n)| (n, shift)).collect();
    shifts.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.abs().cmp(&b.1.abs())).then(a.1.cmp(&b.1)));
    let rated = shifts.into_iter().take(N_SHIFTS).filter_map(|(_, shift)| {
        let (one, other) = match shift >= 0 {
            true => (&one[shift.unsigned_abs().min(one.len())..], other),
            false => (one, &other[shift.unsigned_abs().min(other.len())..]),
        };
        let overlap = one.len().min(other.len());
        let differing: u64 = one
            .iter()
            .zip(other)
            .map(|(a, b)| u64::from((a ^ b).count_ones()))
            .sum();
        (overlap >= least).then(|| ((differing * 2 + overlap as u64 / 2) / overlap as u64) as u32)
    });
    rated.min()
}

/// Fingerprints by a key, findable by what they share.
#[derive(Default)]
pub struct WordIndex {
    /// Slots by term.
    postings: HashMap<u32, Vec<u32>>,
    keys: Vec<i64>,
    slots: HashMap<i64, u32>,
}

impl WordIndex {
    /// How many fingerprints there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Adds the [`terms`] of a fingerprint, or gives a key others.
    pub fn insert(&mut self, key: i64, terms: &[u32]) {
        let slot = self.keys.len() as u32;
        self.keys.push(key);
        // The postings of an earlier slot stay behind and are passed by.
        self.slots.insert(key, slot);
        for term in terms {
            self.postings.entry(*term).or_default().push(slot);
        }
    }

    /// Takes a fingerprint away; says whether it was there.
    pub fn remove(&mut self, key: i64) -> bool {
        self.slots.remove(&key).is_some()
    }

    /// The keys that share enough of these terms to be compared, most in common first.
    pub fn candidates(&self, terms: &[u32]) -> Vec<i64> {
        // A term that many have is no hint; with the others a query stays short at any size.
        let common = (self.keys.len() / 100).max(500);
        let mut slots: Vec<u32> = Vec::new();
        for term in terms {
            match self.postings.get(term) {
                Some(posting) if posting.len() <= common => slots.extend(posting),
                _ => {}
            }
        }
        slots.sort_unstable();
        let shared = slots.chunk_by(|a, b| a == b).filter(|run| run.len() >= MIN_SHARED);
        let mut found: Vec<(usize, i64)> = shared
            .map(|run| (run.len(), run[0]))
            .map(|(n, slot)| (n, slot, self.keys[slot as usize]))
            .filter(|(_, slot, key)| self.slots.get(key) == Some(slot))
            .map(|(n, _, key)| (n, key))
            .collect();
        found.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        found.into_iter().map(|(_, key)| key).take(MAX_CANDIDATES).collect()
    }
}

/// The terms that stand for a fingerprint: those with the smallest image under a fixed mixing function, so that two
/// fingerprints choose the same ones of what they share.
pub fn terms(words: &[u32]) -> Vec<u32> {
    let mut mixed: Vec<u32> = words
        .iter()
        .take(MAX_WORDS)
        .map(|word| mix(word >> (32 - TERM_BITS)))
        .collect();
    mixed.sort_unstable();
    mixed.dedup();
    mixed.truncate(N_TERMS);
    mixed
}

/// A permutation of the terms: odd multipliers and shifts can be undone.
fn mix(term: u32) -> u32 {
    const MASK: u32 = (1 << TERM_BITS) - 1;
    let mut mixed = term.wrapping_mul(0x9e37_79b1) & MASK;
    mixed ^= mixed >> 11;
    mixed = mixed.wrapping_mul(0x85eb_ca6b) & MASK;
    mixed ^ (mixed >> 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words like those of real sound: each differs from the one before in some bits.
    fn song(seed: u64, length: usize) -> Vec<u32> {
        let mut state = seed.wrapping_mul(0xd134_2543_de82_ef95);
        // SplitMix64: neighboring seeds make songs that have nothing in common.
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z >> 32) as u32
        };
        let mut word = next();
        let step = |_| {
            word ^= next() & next();
            word
        };
        (0..length).map(step).collect()
    }

    /// The same sound through another encoder: so many of a thousand bits differ.
    fn encoded(words: &[u32], per_mille: u32, seed: u32) -> Vec<u32> {
        let mut state = seed;
        let mut flip = |word: &u32| {
            let flips = (0..32).filter(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) % 1000 < per_mille
            });
            flips.fold(*word, |word, bit| word ^ 1 << bit)
        };
        words.iter().map(&mut flip).collect()
    }

    #[test]
    fn mixing_loses_no_term() {
        let all: HashSet<u32> = (0..1 << TERM_BITS).map(mix).collect();
        assert_eq!(all.len(), 1 << TERM_BITS);
    }

    #[test]
    fn the_distance_counts_differing_bits_at_the_best_shift() {
        let whole = song(1, 900);
        assert_eq!(distance(&whole, &whole), Some(0));
        let worse = encoded(&whole, 60, 9);
        assert!(
            (3..=5).contains(&distance(&whole, &worse).expect("the same song")),
            "{:?}",
            distance(&whole, &worse)
        );
        assert_eq!(
            distance(&whole[40..], &worse[..860]),
            distance(&worse[..860], &whole[40..])
        );
        assert!(
            distance(&whole[40..], &worse).is_some_and(|distance| distance <= 5),
            "a later start"
        );
        assert_eq!(distance(&whole[..300], &whole), None, "a third of it is not the same");
        assert!(distance(&whole, &song(2, 900)).is_none_or(|distance| distance > 20));
        assert!(!is_telling(&[7; 900]) && is_telling(&whole));
    }

    #[test]
    fn the_same_song_is_among_the_candidates_and_few_others_are() {
        let mut index = WordIndex::default();
        let songs: Vec<Vec<u32>> = (0..2_000).map(|seed| song(seed, 400)).collect();
        for (key, words) in songs.iter().enumerate() {
            index.insert(key as i64, &terms(words));
        }
        let (mut n_found, mut n_others) = (0, 0);
        for (key, words) in songs.iter().enumerate().step_by(20) {
            let candidates = index.candidates(&terms(&encoded(words, 50, key as u32)));
            n_found += usize::from(candidates.contains(&(key as i64)));
            n_others += candidates.len();
        }
        assert!(n_found == 100, "{n_found} of 100 songs were found again");
        assert!(n_others < 150, "{n_others} candidates for 100 songs");
        assert!(index.remove(40) && !index.remove(40));
        assert!(!index.candidates(&terms(&songs[40])).contains(&40));
        index.insert(60, &terms(&songs[61]));
        assert!(
            index.candidates(&terms(&songs[61])).contains(&60) && !index.candidates(&terms(&songs[60])).contains(&60)
        );
    }
}

//! All 64-bit hashes within a Hamming distance of another one, exactly.
//!
//! Multi-index hashing: a hash is four chunks of 16 bits. If two hashes differ in at most `r` bits, then at least one of
//! the chunks differs in few (see [`radius`]), so that looking up all near values of each chunk in a table of that chunk
//! finds every neighbor. The tables are flat: entries sorted by the chunk's value, and where each value begins. What came
//! since they were built is a short list that is read through, and a table is built anew when the list is no longer short.

/// The greatest distance that can be asked for.
pub const MAX_DISTANCE: u32 = 10;

const N_CHUNKS: usize = 4;
const N_VALUES: usize = 1 << 16;
/// So many new entries are read through: that takes as long as the lookups of one query in the tables.
const MIN_REBUILD: usize = 8192;

/// Hashes by a key, such as a file's id.
#[derive(Default)]
pub struct HashIndex {
    /// By slot. Those below `n_sorted` are in the tables and in the order of their keys.
    hashes: Vec<u64>,
    keys: Vec<i64>,
    is_gone: Vec<bool>,
    n_gone: usize,
    n_sorted: usize,
    tables: Vec<Table>,
}

/// The entries sorted by one chunk's value. Their hashes lie beside the slots: a bucket is read in one go.
struct Table {
    starts: Vec<u32>,
    slots: Vec<u32>,
    hashes: Vec<u64>,
}

impl HashIndex {
    /// An index of these entries; of equal keys the last one counts.
    pub fn of(entries: impl IntoIterator<Item = (i64, u64)>) -> Self {
        let mut index = Self::default();
        for (key, hash) in entries {
            index.push(key, hash);
        }
        index.rebuild();
        index
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.keys.len() - self.n_gone
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on the heap.
    pub fn bytes(&self) -> usize {
        let of_table =
            |table: &Table| 4 * (table.starts.capacity() + table.slots.capacity()) + 8 * table.hashes.capacity();
        let own = 8 * (self.hashes.capacity() + self.keys.capacity()) + self.is_gone.capacity();
        own + self.tables.iter().map(of_table).sum::<usize>()
    }

    /// Adds an entry, or gives a key another hash.
    pub fn insert(&mut self, key: i64, hash: u64) {
        match self.slot(key) {
            Some(slot) if self.hashes[slot] == hash => return,
            Some(slot) => self.drop_slot(slot),
            None => {}
        }
        self.push(key, hash);
        let n_new = self.keys.len() - self.n_sorted;
        if n_new > MIN_REBUILD.max(self.n_sorted / 64) {
            self.rebuild();
        }
    }

    /// Takes an entry away; says whether it was there.
    pub fn remove(&mut self, key: i64) -> bool {
        let Some(slot) = self.slot(key) else { return false };
        self.drop_slot(slot);
        if self.n_gone > MIN_REBUILD.max(self.keys.len() / 4) {
            self.rebuild();
        }
        true
    }

    /// Tells every entry within a distance, itself included, once and in no order: its key and its distance.
    ///
    /// # Panics
    /// When the distance is beyond [`MAX_DISTANCE`].
    pub fn within(&self, hash: u64, distance: u32, mut found: impl FnMut(i64, u32)) {
        assert!(
            distance <= MAX_DISTANCE,
            "the tables are made for at most {MAX_DISTANCE} bits"
        );
        for (index, table) in self.tables.iter().enumerate() {
            let Some(radius) = radius(index, distance) else {
                continue;
            };
            let value = chunk(hash, index);
            for mask in &MASKS[..N_MASKS[radius as usize]] {
                let bucket = usize::from(value ^ mask);
                let range = table.starts[bucket] as usize..table.starts[bucket + 1] as usize;
                for (at, other) in range.clone().zip(&table.hashes[range]) {
                    let differing = hash ^ other;
                    if differing.count_ones() > distance || is_found_earlier(differing, index, distance) {
                        continue;
                    }
                    let slot = table.slots[at] as usize;
                    if !self.is_gone[slot] {
                        found(self.keys[slot], differing.count_ones());
                    }
                }
            }
        }
        for slot in self.n_sorted..self.keys.len() {
            let differing = (hash ^ self.hashes[slot]).count_ones();
            if differing <= distance && !self.is_gone[slot] {
                found(self.keys[slot], differing);
            }
        }
    }

    fn slot(&self, key: i64) -> Option<usize> {
        let new = (self.n_sorted..self.keys.len()).rev();
        let slot = match new.into_iter().find(|slot| self.keys[*slot] == key) {
            Some(slot) => slot,
            None => self.keys[..self.n_sorted].binary_search(&key).ok()?,
        };
        (!self.is_gone[slot]).then_some(slot)
    }

    fn push(&mut self, key: i64, hash: u64) {
        self.keys.push(key);
        self.hashes.push(hash);
        self.is_gone.push(false);
    }

    fn drop_slot(&mut self, slot: usize) {
        self.is_gone[slot] = true;
        self.n_gone += 1;
    }

    fn rebuild(&mut self) {
        let slots = 0..self.keys.len();
        let mut entries: Vec<(i64, u64)> = slots
            .filter(|slot| !self.is_gone[*slot])
            .map(|slot| (self.keys[slot], self.hashes[slot]))
            .collect();
        // The sort is stable, so that the last of equal keys is the newest.
        entries.sort_by_key(|(key, _)| *key);
        entries.reverse();
        entries.dedup_by_key(|(key, _)| *key);
        entries.reverse();
        self.keys = entries.iter().map(|(key, _)| *key).collect();
        self.hashes = entries.iter().map(|(_, hash)| *hash).collect();
        self.is_gone = vec![false; entries.len()];
        self.n_gone = 0;
        // Few entries need no tables: reading them through is quicker than the lookups.
        if entries.len() <= MIN_REBUILD {
            self.n_sorted = 0;
            self.tables.clear();
            return;
        }
        self.n_sorted = entries.len();
        self.tables = (0..N_CHUNKS).map(|index| Table::of(&self.hashes, index)).collect();
    }
}

impl Table {
    fn of(hashes: &[u64], index: usize) -> Self {
        let mut starts = vec![0_u32; N_VALUES + 1];
        for hash in hashes {
            starts[usize::from(chunk(*hash, index)) + 1] += 1;
        }
        for value in 0..N_VALUES {
            starts[value + 1] += starts[value];
        }
        let mut next = starts.clone();
        let (mut slots, mut sorted) = (vec![0_u32; hashes.len()], vec![0_u64; hashes.len()]);
        for (slot, hash) in hashes.iter().enumerate() {
            let at = &mut next[usize::from(chunk(*hash, index))];
            slots[*at as usize] = slot as u32;
            sorted[*at as usize] = *hash;
            *at += 1;
        }
        Self {
            starts,
            slots,
            hashes: sorted,
        }
    }
}

fn chunk(hash: u64, index: usize) -> u16 {
    (hash >> (16 * index)) as u16
}

/// In how many bits a chunk may differ so that no neighbor is overlooked: with `r = 4 q + s`, the first `s + 1` chunks
/// differ in more than `q` bits and the others in more than `q - 1` only if the hashes differ in `r + 1` bits or more.
/// Nothing where the chunk need not be looked up at all.
fn radius(index: usize, distance: u32) -> Option<u32> {
    let (quotient, rest) = (distance / N_CHUNKS as u32, distance as usize % N_CHUNKS);
    if index <= rest {
        Some(quotient)
    } else {
        quotient.checked_sub(1)
    }
}

/// Whether the lookup of an earlier chunk finds this pair too.
fn is_found_earlier(differing: u64, index: usize, distance: u32) -> bool {
    let is_near =
        |earlier: usize| radius(earlier, distance).is_some_and(|most| chunk(differing, earlier).count_ones() <= most);
    (0..index).any(is_near)
}

/// How many of [`MASKS`] have at most so many bits.
const N_MASKS: [usize; 3] = [1, 17, 137];

/// All 16-bit numbers with at most two bits, those with fewer bits first.
const MASKS: [u16; 137] = {
    let mut masks = [0_u16; 137];
    let mut n = 1;
    let mut one = 0;
    while one < 16 {
        masks[n] = 1 << one;
        n += 1;
        one += 1;
    }
    one = 0;
    while one < 16 {
        let mut other = one + 1;
        while other < 16 {
            masks[n] = 1 << one | 1 << other;
            n += 1;
            other += 1;
        }
        one += 1;
    }
    masks
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The same numbers on every machine (SplitMix64).
    fn numbers(mut seed: u64) -> impl FnMut() -> u64 {
        move || {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = seed;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        }
    }

    /// Random hashes, a third of them near another one.
    fn world(n: usize, seed: u64) -> BTreeMap<i64, u64> {
        let mut next = numbers(seed);
        let mut hashes: Vec<u64> = Vec::new();
        for index in 0..n {
            let near = index % 3 == 2;
            let mut hash = if near {
                hashes[next() as usize % hashes.len()]
            } else {
                next()
            };
            for _ in 0..if near { next() % 14 } else { 0 } {
                hash ^= 1 << (next() % 64);
            }
            hashes.push(hash);
        }
        hashes
            .into_iter()
            .enumerate()
            .map(|(key, hash)| (key as i64 * 7, hash))
            .collect()
    }

    fn asked(index: &HashIndex, hash: u64, distance: u32) -> Vec<(i64, u32)> {
        let mut found = Vec::new();
        index.within(hash, distance, |key, distance| found.push((key, distance)));
        found.sort_unstable();
        found
    }

    fn by_force(world: &BTreeMap<i64, u64>, hash: u64, distance: u32) -> Vec<(i64, u32)> {
        let with_distance = world.iter().map(|(key, other)| (*key, (hash ^ other).count_ones()));
        with_distance.filter(|(_, differing)| *differing <= distance).collect()
    }

    #[test]
    fn every_neighbor_is_found_once_at_every_distance() {
        let world = world(12_000, 1);
        let index = HashIndex::of(world.iter().map(|(key, hash)| (*key, *hash)));
        assert!(index.n_sorted == 12_000, "the tables are used");
        let mut n_found = 0;
        for hash in world.values().step_by(397) {
            for distance in 0..=MAX_DISTANCE {
                let expected = by_force(&world, *hash, distance);
                n_found += expected.len();
                assert_eq!(
                    asked(&index, *hash, distance),
                    expected,
                    "within {distance} of {hash:016x}"
                );
            }
        }
        assert!(n_found > 400, "only {n_found} neighbors were planted");
    }

    #[test]
    fn what_comes_and_goes_later_is_found_and_forgotten() {
        let mut world = world(20_000, 2);
        let mut next = numbers(3);
        let (old, new): (Vec<_>, Vec<_>) = world.clone().into_iter().partition(|(key, _)| key % 2 == 0);
        let mut index = HashIndex::of(old);
        for (key, hash) in new {
            index.insert(key, hash);
            // Some get another hash at once, some go again.
            match next() % 8 {
                0 => {
                    index.insert(key, !hash);
                    world.insert(key, !hash);
                }
                1 => {
                    assert!(index.remove(key) && !index.remove(key));
                    world.remove(&key);
                }
                _ => {}
            }
        }
        for key in (0..20_000 * 7).step_by(7 * 5) {
            assert_eq!(index.remove(key), world.remove(&key).is_some());
        }
        assert_eq!(index.len(), world.len());
        for hash in world.values().step_by(499) {
            assert_eq!(asked(&index, *hash, 10), by_force(&world, *hash, 10));
        }
    }
}

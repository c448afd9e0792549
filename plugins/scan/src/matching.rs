//! Which found file is which lost row: by identity, then by bytes, then by name. Pure: hashes come from the caller.

use std::collections::{HashMap, HashSet};

use crate::{compare::Found, known::KnownFile};

/// The pairs of a match.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// For each found file the index of its row among the candidates.
    pub row_of: Vec<Option<usize>>,
    /// Candidates that are taken.
    pub taken: HashSet<usize>,
}

impl Pairs {
    fn pair(&mut self, found: usize, row: usize) {
        self.row_of[found] = Some(row);
        self.taken.insert(row);
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.taken.len()
    }

    /// Whether nothing was matched.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }
}

/// Pairs by device, inode, size and time. Hard links share all four: then equal names go first.
pub fn by_identity(found: &[Found], rows: &[KnownFile]) -> Pairs {
    let mut pairs = Pairs {
        row_of: vec![None; found.len()],
        taken: HashSet::new(),
    };
    let mut by_identity: HashMap<(i64, i64, i64, i64), Vec<usize>> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        by_identity
            .entry((row.device, row.inode, row.size, row.mtime_ns))
            .or_default()
            .push(index);
    }
    for needs_name in [true, false] {
        for (index, found) in found.iter().enumerate() {
            if pairs.row_of[index].is_some() {
                continue;
            }
            let facts = &found.seen.facts;
            let Some(candidates) = by_identity.get(&(facts.device, facts.inode, facts.size, facts.mtime_ns)) else {
                continue;
            };
            let fits =
                |row: &&usize| !pairs.taken.contains(row) && (!needs_name || rows[**row].name == found.seen.name);
            if let Some(row) = candidates.iter().find(fits).copied() {
                pairs.pair(index, row);
            }
        }
    }
    pairs
}

/// The found files whose fingerprint is worth reading: those of the size of a row that nobody took.
pub fn worth_reading(found: &[Found], rows: &[KnownFile], pairs: &Pairs) -> Vec<usize> {
    let free = rows
        .iter()
        .enumerate()
        .filter(|(index, row)| !pairs.taken.contains(index) && row.fingerprint.is_some());
    let sizes: HashSet<i64> = free.map(|(_, row)| row.size).collect();
    let is_worth = |index: &usize| {
        let size = found[*index].seen.facts.size;
        pairs.row_of[*index].is_none() && size > 0 && sizes.contains(&size)
    };
    (0..found.len()).filter(is_worth).collect()
}

/// Rows by their fingerprint.
pub fn by_fingerprint(rows: &[KnownFile]) -> HashMap<&[u8], Vec<usize>> {
    let mut index: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (position, row) in rows.iter().enumerate() {
        if let Some(fingerprint) = &row.fingerprint {
            index.entry(fingerprint).or_default().push(position);
        }
    }
    index
}

/// Of the rows with a found file's fingerprint those of its size that nobody took, the best first: at the same path,
/// then of the same name, then the oldest.
pub fn candidates(found: &Found, alike: &[usize], rows: &[KnownFile], pairs: &Pairs) -> Vec<usize> {
    let is_free = |index: &usize| !pairs.taken.contains(index) && rows[*index].size == found.seen.facts.size;
    let mut candidates: Vec<usize> = alike.iter().copied().filter(is_free).collect();
    let at_path = found.at_path.as_ref().map(|row| row.id);
    candidates.sort_by_key(|index| {
        let row = &rows[*index];
        (Some(row.id) != at_path, row.name != found.seen.name, row.id)
    });
    candidates
}

/// Takes the best candidate, leaving out those whose known full hash is another.
pub fn take(pairs: &mut Pairs, found: usize, candidates: &[usize], rows: &[KnownFile], hash: Option<&[u8]>) {
    let is_other =
        |row: &KnownFile| matches!((row.content_hash.as_deref(), hash), (Some(known), Some(hash)) if known != hash);
    if let Some(row) = candidates.iter().find(|row| !is_other(&rows[**row])) {
        pairs.pair(found, *row);
    }
}

//! Items by when they were last used.

use std::collections::{BTreeMap, HashMap};

use super::ShelfKey;

/// Items with their sizes, the one that was used longest ago first to go.
pub struct Ranks<V> {
    slots: HashMap<ShelfKey, Slot<V>>,
    by_use: BTreeMap<u64, ShelfKey>,
    total: u64,
    uses: u64,
}

struct Slot<V> {
    value: V,
    size: u64,
    used: u64,
}

impl<V> Default for Ranks<V> {
    fn default() -> Self {
        Self {
            slots: HashMap::new(),
            by_use: BTreeMap::new(),
            total: 0,
            uses: 0,
        }
    }
}

impl<V: Clone> Ranks<V> {
    /// An item, which counts as used now.
    pub fn get(&mut self, key: &ShelfKey) -> Option<V> {
        let slot = self.slots.get_mut(key)?;
        self.by_use.remove(&slot.used);
        self.uses += 1;
        slot.used = self.uses;
        self.by_use.insert(slot.used, *key);
        Some(slot.value.clone())
    }

    /// Puts an item in, used now, in the place of what was there.
    pub fn insert(&mut self, key: ShelfKey, value: V, size: u64) {
        self.remove(&key);
        self.uses += 1;
        let used = self.uses;
        self.by_use.insert(used, key);
        self.slots.insert(key, Slot { value, size, used });
        self.total += size;
    }

    /// Takes an item out.
    pub fn remove(&mut self, key: &ShelfKey) {
        if let Some(slot) = self.slots.remove(key) {
            self.by_use.remove(&slot.used);
            self.total -= slot.size;
        }
    }

    /// Takes the item out that was used longest ago.
    pub fn pop_oldest(&mut self) -> Option<ShelfKey> {
        let key = *self.by_use.first_key_value()?.1;
        self.remove(&key);
        Some(key)
    }

    /// Whether an item is in.
    pub fn contains(&self, key: &ShelfKey) -> bool {
        self.slots.contains_key(key)
    }

    /// How many items.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The sum of their sizes.
    pub fn total(&self) -> u64 {
        self.total
    }
}

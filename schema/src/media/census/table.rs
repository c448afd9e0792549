//! The rows of the census: what is filtered and counted by, a few dozen bytes an item.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// What stands for an absent value of a dictionary.
pub const NONE: u32 = u32::MAX;

/// An item.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    /// When its library first saw it, in UTC milliseconds.
    pub added_at: i64,
    /// Bytes of its primary file.
    pub size: i64,
    /// How long it plays, in microseconds.
    pub duration_us: Option<i64>,
    /// In pixels, after rotation.
    pub width: Option<i32>,
    /// In pixels, after rotation.
    pub height: Option<i32>,
    /// In [`Table::libraries`].
    pub library: u32,
    /// In [`Table::studios`].
    pub studio: u32,
    /// In [`Table::dates`].
    pub date: u32,
    /// In [`Table::video_codecs`].
    pub video_codec: u32,
    /// In [`Table::audio_codecs`].
    pub audio_codec: u32,
    /// In [`Table::containers`].
    pub container: u32,
    /// As rows say it.
    pub kind: u8,
    /// Whether it has subtitles.
    pub has_subtitles: bool,
    /// Whether no file of it is present.
    pub is_missing: bool,
    /// Whether its row is gone.
    pub is_gone: bool,
}

impl Item {
    /// The pixels of a video whose size is known.
    pub fn pixels(&self) -> Option<(i32, i32)> {
        self.width.zip(self.height).filter(|_| self.kind == 0)
    }
}

/// Values by number, and numbers by value.
#[derive(Debug, Default)]
pub struct Dictionary<T> {
    values: Vec<T>,
    numbers: HashMap<T, u32, RandomState>,
}

impl<T: Clone + Eq + std::hash::Hash> Dictionary<T> {
    /// The number of a value, a new one if it is new.
    pub fn number(&mut self, value: T) -> u32 {
        let next = self.values.len() as u32;
        *self.numbers.entry(value).or_insert_with_key(|value| {
            self.values.push(value.clone());
            next
        })
    }

    /// The number of a value that may be absent.
    pub fn number_of(&mut self, value: Option<T>) -> u32 {
        value.map_or(NONE, |value| self.number(value))
    }

    /// The number of a value that is known.
    pub fn find(&self, value: &T) -> Option<u32> {
        self.numbers.get(value).copied()
    }

    /// The values by their numbers.
    pub fn values(&self) -> &[T] {
        &self.values
    }
}

/// What items are linked to: one row after the other, and those that were read again beside them.
#[derive(Debug, Default)]
pub struct Links {
    /// What they are linked to, by id.
    pub names: Dictionary<i64>,
    ends: Vec<u32>,
    numbers: Vec<u32>,
    anew: HashMap<u32, Box<[u32]>, RandomState>,
}

impl Links {
    /// The links of the next item.
    pub fn push(&mut self, ids: impl IntoIterator<Item = i64>) {
        for id in ids {
            let number = self.names.number(id);
            self.numbers.push(number);
        }
        self.ends.push(self.numbers.len() as u32);
    }

    /// The links of an item that is there already.
    pub fn replace(&mut self, at: u32, ids: impl IntoIterator<Item = i64>) {
        let numbers = ids.into_iter().map(|id| self.names.number(id)).collect();
        self.anew.insert(at, numbers);
    }

    /// The numbers that an item is linked to.
    pub fn of(&self, at: u32) -> &[u32] {
        if !self.anew.is_empty()
            && let Some(numbers) = self.anew.get(&at)
        {
            return numbers;
        }
        let end = self.ends[at as usize] as usize;
        let start = at
            .checked_sub(1)
            .map_or(0, |before| self.ends[before as usize] as usize);
        &self.numbers[start..end]
    }
}

/// All items of all libraries, in the order in which they became known.
#[derive(Debug, Default)]
pub struct Table {
    /// Their ids.
    pub ids: Vec<i64>,
    /// So many of them grow; the rest is in `tail`.
    n_growing: usize,
    tail: HashMap<i64, u32, RandomState>,
    /// What they are.
    pub items: Vec<Item>,
    /// Their tags.
    pub tags: Links,
    /// Their people.
    pub people: Links,
    /// Ids of libraries.
    pub libraries: Dictionary<i64>,
    /// Ids of studios.
    pub studios: Dictionary<i64>,
    /// Days.
    pub dates: Dictionary<String>,
    /// Codecs of pictures.
    pub video_codecs: Dictionary<String>,
    /// Codecs of sound.
    pub audio_codecs: Dictionary<String>,
    /// Containers.
    pub containers: Dictionary<String>,
}

impl Table {
    /// Where an item is.
    pub fn position(&self, id: i64) -> Option<u32> {
        let growing = &self.ids[..self.n_growing];
        let at = growing.binary_search(&id).ok().map(|at| at as u32);
        at.or_else(|| self.tail.get(&id).copied())
    }

    /// Puts an item with its tags and people in its place.
    pub fn put(&mut self, id: i64, item: Item, tags: Vec<i64>, people: Vec<i64>) {
        if let Some(at) = self.position(id) {
            self.items[at as usize] = item;
            self.tags.replace(at, tags);
            self.people.replace(at, people);
            return;
        }
        let at = self.ids.len();
        let grows = self.ids.last().is_none_or(|last| *last < id);
        if grows && self.n_growing == at {
            self.n_growing += 1;
        } else {
            self.tail.insert(id, at as u32);
        }
        self.ids.push(id);
        self.items.push(item);
        self.tags.push(tags);
        self.people.push(people);
    }

    /// Says that the row of an item is gone.
    pub fn remove(&mut self, id: i64) {
        if let Some(at) = self.position(id) {
            self.items[at as usize].is_gone = true;
        }
    }

    /// Whether so many items were read again that reading all of them makes it smaller and quicker.
    pub fn is_worn(&self) -> bool {
        self.tags.anew.len() + self.tail.len() > self.ids.len() / 4 + 1_000
    }

    /// The bytes it takes, about.
    pub fn n_bytes(&self) -> usize {
        let links = self.tags.numbers.len() + self.people.numbers.len() + 2 * self.ids.len();
        self.items.len() * size_of::<Item>() + self.ids.len() * 8 + links * 4 + self.tail.len() * 24
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(size: i64) -> Item {
        Item {
            added_at: 0,
            size,
            duration_us: None,
            width: None,
            height: None,
            library: 0,
            studio: NONE,
            date: NONE,
            video_codec: NONE,
            audio_codec: NONE,
            container: NONE,
            kind: 0,
            has_subtitles: false,
            is_missing: false,
            is_gone: false,
        }
    }

    #[test]
    fn items_are_found_in_whatever_order_they_came() {
        let mut table = Table::default();
        for id in [10, 20, 15, 30, 5] {
            table.put(id, item(id), vec![id, 1], vec![]);
        }
        for (at, id) in [10, 20, 15, 30, 5].into_iter().enumerate() {
            assert_eq!(table.position(id), Some(at as u32));
            assert_eq!(table.items[at].size, id);
            let tags = table
                .tags
                .of(at as u32)
                .iter()
                .map(|number| table.tags.names.values()[*number as usize]);
            assert_eq!(tags.collect::<Vec<_>>(), [id, 1]);
        }
        assert_eq!(table.position(7), None);
        table.put(20, item(21), vec![3], vec![4]);
        assert_eq!(
            (table.ids.len(), table.items[1].size, table.tags.of(1).len()),
            (5, 21, 1)
        );
        table.remove(15);
        assert!(table.items[2].is_gone);
    }
}

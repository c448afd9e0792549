//! Which folders have changed and come to rest. Pure.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use kernel::blob::RelativePath;

/// A folder that never rests is scanned this often all the same, in times of its rest.
const PATIENCE: u32 = 15;

/// Folders with news.
#[derive(Debug)]
pub struct Quiet {
    settle: Duration,
    /// When each had its first and its last news.
    news: BTreeMap<RelativePath, (Instant, Instant)>,
}

impl Quiet {
    /// A folder must rest for so long.
    pub fn new(settle: Duration) -> Self {
        Self {
            settle,
            news: BTreeMap::new(),
        }
    }

    /// Something has happened in a folder.
    pub fn note(&mut self, folder: RelativePath, now: Instant) {
        let (_, last) = self.news.entry(folder).or_insert((now, now));
        *last = now;
    }

    /// The folders that rest now, each with its last news. While any of them has news, the others wait for it for a
    /// while: what comes together is scanned together.
    pub fn due(&mut self, now: Instant) -> Vec<(RelativePath, Instant)> {
        let rests = |last: &Instant| now.saturating_duration_since(*last) >= self.settle;
        let is_late = |first: &Instant| now.saturating_duration_since(*first) >= self.settle * PATIENCE;
        let is_due =
            self.news.values().all(|(_, last)| rests(last)) || self.news.values().any(|(first, _)| is_late(first));
        if !is_due {
            return Vec::new();
        }
        std::mem::take(&mut self.news)
            .into_iter()
            .map(|(folder, (_, last))| (folder, last))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_due_together_when_all_rest_or_one_has_waited_for_long() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let (a, b) = (RelativePath::root().join(b"a"), RelativePath::root().join(b"b"));
        let mut quiet = Quiet::new(Duration::from_secs(2));
        quiet.note(a.clone(), at(0));
        assert!(quiet.due(at(1)).is_empty());
        quiet.note(b.clone(), at(1));
        assert!(quiet.due(at(2)).is_empty(), "b has news");
        assert_eq!(quiet.due(at(3)), [(a.clone(), at(0)), (b, at(1))]);
        assert!(quiet.due(at(10)).is_empty());
        for second in 10..41 {
            assert!(second == 40 || quiet.due(at(second)).is_empty());
            quiet.note(a.clone(), at(second));
        }
        assert_eq!(quiet.due(at(40)), [(a, at(40))]);
    }
}

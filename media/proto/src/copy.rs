//! Remuxing: segments of packets as the file has them, cut where its keyframes are.

use serde::{Deserialize, Serialize};

use crate::grid::TimeBase;
use crate::keyframes::Keyframes;

/// The most cuts that travel to a worker at a time: some hours of film. A head ends after the last of them.
pub const MAX_CUTS: usize = 4096;

/// Segments of copied packets of one stream, [`first`](Self::first) and those after it.
///
/// A packet of pictures belongs to the segment of the keyframe that it follows in the file; one of sound to that in which it
/// begins. What plays before the presentation's start is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyHead {
    /// The file name's extension, as for a probe.
    pub extension: Option<String>,
    /// The stream's position in the file.
    pub stream: u32,
    /// The unit of the stream's times.
    pub time_base: TimeBase,
    /// Ticks a second of the segments: the stream's own where they are whole, so that no time is rounded; a sound's samples.
    pub ticks_per_second: u32,
    /// Where the presentation begins, in ticks of [`cut_base`](Self::cut_base) on the file's own clock.
    pub start: i64,
    /// The unit of the cuts, which is that of the pictures, whatever the stream is.
    pub cut_base: TimeBase,
    /// Where segments begin, by their distance from the start; see [`cuts`].
    pub cuts: Vec<i64>,
    /// The number of the segment that the first of these cuts begins.
    pub first_cut: u32,
    /// Whether the last of these segments is the track's last, which has no end.
    pub is_whole: bool,
    /// The first segment to make.
    pub first: u32,
    /// It stops before this one until it is allowed to go on.
    pub until: u32,
}

impl CopyHead {
    /// Where segment `n` begins, by its distance from the start, in [`cut_base`](Self::cut_base); none if it is not among
    /// these cuts.
    pub fn cut(&self, n: u32) -> Option<i64> {
        let at = n.checked_sub(self.first_cut)?;
        self.cuts.get(at as usize).copied()
    }

    /// How many segments the track has as far as these cuts say.
    pub fn n_segments(&self) -> u32 {
        self.first_cut.saturating_add(self.cuts.len() as u32)
    }

    /// The same work from another segment on, with no more cuts than travel at a time.
    #[must_use]
    pub fn from_segment(&self, first: u32, until: u32) -> Self {
        let skipped = (first.saturating_sub(self.first_cut) as usize).min(self.cuts.len());
        let rest = &self.cuts[skipped..];
        // One more than are made: where the last one ends.
        let sent = &rest[..rest.len().min(MAX_CUTS)];
        Self {
            extension: self.extension.clone(),
            cuts: sent.to_vec(),
            first_cut: self.first_cut + skipped as u32,
            is_whole: self.is_whole && sent.len() == rest.len(),
            first,
            until,
            ..*self
        }
    }

    /// Whether it makes sense.
    pub fn check(&self) -> Result<(), String> {
        for (num, den) in [self.time_base, self.cut_base] {
            if num <= 0 || den <= 0 {
                return Err("a time base that is not positive".to_owned());
            }
        }
        if !(1..=1_000_000_000).contains(&self.ticks_per_second) {
            return Err(format!("{} ticks a second", self.ticks_per_second));
        }
        if self.cuts.windows(2).any(|pair| pair[0] >= pair[1]) || self.cuts.first().is_some_and(|&cut| cut < 0) {
            return Err("cuts out of order".to_owned());
        }
        match self.cut(self.first) {
            Some(_) => Ok(()),
            None => Err(format!("no cut for segment {}", self.first)),
        }
    }
}

/// Ticks a second for the segments of a stream of pictures: its own, if seconds are whole numbers of them.
pub fn video_ticks((num, den): TimeBase) -> u32 {
    match (num, u32::try_from(den)) {
        (1, Ok(den @ 600..=10_000_000)) => den,
        _ => crate::head::VIDEO_TICKS,
    }
}

/// Where a film can be cut without encoding: at keyframes at least so far apart, the first at its start; distances from the
/// start in ticks of the table. None where it begins with frames that are decoded and not shown, which cannot be left out
/// and have no place before the start.
pub fn cuts(table: &Keyframes, target_ms: u32) -> Option<Vec<i64>> {
    let (num, den) = table.time_base;
    if num <= 0 || den <= 0 {
        return None;
    }
    let target = i128::from(target_ms) * i128::from(den) / (1000 * i128::from(num));
    let target = i64::try_from(target).ok()?.max(1);
    let mut cuts: Vec<i64> = Vec::new();
    for pts in table.pts() {
        let at = pts.checked_sub(table.start_pts)?;
        match cuts.last() {
            None if at < 0 => return None,
            None => cuts.push(0),
            Some(&last) if at - last >= target => cuts.push(at),
            Some(_) => {}
        }
    }
    Some(cuts).filter(|cuts| !cuts.is_empty())
}

/// How long segments are that begin at these cuts, in microseconds; the last ends at `end`, in the same ticks. The lengths add
/// up to the whole exactly.
pub fn lengths_us(cuts: &[i64], end: i64, (num, den): TimeBase) -> Vec<i64> {
    let micro = |ticks: i64| {
        let dividend = i128::from(ticks) * i128::from(num) * 2_000_000 + i128::from(den);
        i64::try_from(dividend.div_euclid(2 * i128::from(den.max(1)))).unwrap_or(i64::MAX)
    };
    let ends = cuts.iter().skip(1).copied().chain([end]);
    cuts.iter()
        .zip(ends)
        .map(|(&cut, end)| micro(end.max(cut)) - micro(cut))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{CopyHead, MAX_CUTS, cuts, lengths_us, video_ticks};
    use crate::keyframes::Keyframes;

    fn table(start_pts: i64, pts: &[i64]) -> Keyframes {
        let mut before = 0;
        Keyframes {
            time_base: (1, 1000),
            start_pts,
            deltas: pts
                .iter()
                .map(|&pts| pts - std::mem::replace(&mut before, pts))
                .collect(),
            ..Keyframes::default()
        }
    }

    #[test]
    fn cuts_are_keyframes_far_enough_apart() {
        let film = table(500, &[500, 1500, 4499, 4500, 9000, 9100, 20_000]);
        assert_eq!(cuts(&film, 4000), Some(vec![0, 4000, 8500, 19_500]));
        assert_eq!(cuts(&film, 1), Some(vec![0, 1000, 3999, 4000, 8500, 8600, 19_500]));
        let open = table(420, &[500, 9000]);
        assert_eq!(
            cuts(&open, 4000),
            Some(vec![0, 8580]),
            "pictures before the first keyframe in order of time"
        );
        assert_eq!(
            cuts(&table(500, &[420, 9000]), 4000),
            None,
            "begins with what is not shown"
        );
        assert_eq!(cuts(&table(0, &[]), 4000), None);
        let lengths = lengths_us(&[0, 4000, 8500, 19_500], 21_001, (1, 1000));
        assert_eq!(lengths, [4_000_000, 4_500_000, 11_000_000, 1_501_000]);
        let thirds = lengths_us(&[0, 1, 2], 4, (1, 3));
        assert_eq!(thirds, [333_333, 333_334, 666_666]);
        assert_eq!(
            [(1, 12_800), (1, 1000), (1001, 24_000), (1, 25)].map(video_ticks),
            [12_800, 1000, 90_000, 90_000]
        );
    }

    #[test]
    fn a_long_list_of_cuts_travels_in_parts() {
        let film = CopyHead {
            extension: None,
            stream: 0,
            time_base: (1, 1000),
            ticks_per_second: 1000,
            start: 0,
            cut_base: (1, 1000),
            cuts: (0..10_000).map(|n| n * 4000).collect(),
            first_cut: 0,
            is_whole: true,
            first: 0,
            until: 0,
        };
        for first in [0, 17, 9_000, 9_999] {
            let part = film.from_segment(first, u32::MAX);
            assert_eq!(part.check(), Ok(()));
            assert_eq!(part.cut(first), Some(i64::from(first) * 4000));
            assert_eq!(part.is_whole, 10_000 - first as usize <= MAX_CUTS, "{first}");
            assert_eq!(part.from_segment(first, 5).cuts, part.cuts, "again");
        }
        assert!(film.from_segment(10_000, 0).check().is_err());
    }
}

//! A recording that still grows, as those who watch see it: where its header ends and where its fragments lie, read off its
//! boxes (ISO/IEC 14496-12) as they come. Segments are runs of fragments, and stay what they are while more comes.

use std::{fs::File, io, os::unix::fs::FileExt};

/// No header or description of a fragment is larger.
const MAX_READ: u64 = 4 << 20;
/// A segment ends before a keyframe once it is so long, in milliseconds.
const SHORT_MS: u64 = 900;
/// It ends before any fragment once it is so long: who watches waits no longer for far keyframes.
const LONG_MS: u64 = 2_000;
/// A picture that needs others, among the flags of a sample.
const IS_NO_KEY: u32 = 0x0001_0000;

/// Bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Where they begin.
    pub at: u64,
    /// How many they are.
    pub n: u64,
}

/// Half a second or so of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fragment {
    span: Span,
    lasts: u64,
    is_key: bool,
}

/// What is fetched at once by those who watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Its place among all of the file.
    pub number: u64,
    /// Where it lies.
    pub span: Span,
    /// How long it is, in milliseconds.
    pub lasts_ms: u64,
    /// Whether decoding can begin with it.
    pub is_key: bool,
}

/// The stream whose times and keyframes count: the pictures, or else the first sound.
#[derive(Debug, Clone, Copy)]
struct Track {
    id: u32,
    timescale: u32,
    /// What samples are that do not say it: how long, and their flags.
    defaults: (u32, u32),
}

/// What was read of a file so far.
#[derive(Debug, Default)]
pub struct Grown {
    read_to: u64,
    header: Option<Span>,
    track: Option<Track>,
    /// Where the fragment begins whose bytes have not all come, and what it says of itself.
    pending: Option<(u64, u64, bool)>,
    fragments: Vec<Fragment>,
}

impl Grown {
    /// Reads on, to the last box that is whole.
    ///
    /// # Errors
    /// When the disk refuses, or the file is none of ours.
    pub fn read_on(&mut self, file: &File) -> io::Result<()> {
        let length = file.metadata()?.len();
        loop {
            let mut head = [0; 16];
            if self.read_to + 16 > length {
                return Ok(());
            }
            file.read_exact_at(&mut head, self.read_to)?;
            let size = match u64::from(number(&head, 0).unwrap_or(0)) {
                1 => long(&head, 8).unwrap_or(0),
                size => size,
            };
            let end = self.read_to.checked_add(size).filter(|_| size >= 8);
            let Some(end) = end else {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a box without a size"));
            };
            if end > length {
                return Ok(());
            }
            let body = |file: &File| {
                if size > MAX_READ {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a header of too many bytes"));
                }
                let mut body = vec![0; size as usize];
                file.read_exact_at(&mut body, self.read_to)?;
                Ok(body)
            };
            match &head[4..8] {
                b"moov" => {
                    self.track = track(body(file)?.get(8..).unwrap_or_default());
                    self.header = Some(Span { at: 0, n: end });
                }
                b"moof" => {
                    let body = body(file)?;
                    let found = self
                        .track
                        .and_then(|track| fragment(body.get(8..).unwrap_or_default(), track));
                    // One of sound alone lasts no time among pictures.
                    let (lasts, is_key) = found.unwrap_or((0, false));
                    self.pending = Some((self.read_to, lasts, is_key));
                }
                b"mdat" => {
                    if let Some((at, lasts, is_key)) = self.pending.take() {
                        let span = Span { at, n: end - at };
                        self.fragments.push(Fragment { span, lasts, is_key });
                    }
                }
                _ => {}
            }
            self.read_to = end;
        }
    }

    /// The header, without which no segment can be read.
    pub fn header(&self) -> Option<Span> {
        self.header
    }

    /// The segments to which nothing can come any more, the oldest first; all of them, where the file is whole.
    pub fn segments(&self, is_whole: bool) -> Vec<Segment> {
        let timescale = u64::from(self.track.map_or(1, |track| track.timescale)).max(1);
        let ms = |ticks: u64| ticks.saturating_mul(1000) / timescale;
        let mut segments = Vec::new();
        let mut open: Option<(Span, u64, bool)> = None;
        let mut close = |(span, lasts, is_key): (Span, u64, bool)| {
            let number = segments.len() as u64;
            segments.push(Segment {
                number,
                span,
                lasts_ms: ms(lasts),
                is_key,
            });
        };
        for fragment in &self.fragments {
            let is_next = |lasts: u64| ms(lasts) >= LONG_MS || fragment.is_key && ms(lasts) >= SHORT_MS;
            match &mut open {
                Some((span, lasts, _)) if !is_next(*lasts) => {
                    span.n = fragment.span.at + fragment.span.n - span.at;
                    *lasts += fragment.lasts;
                }
                _ => {
                    if let Some(done) = open.replace((fragment.span, fragment.lasts, fragment.is_key)) {
                        close(done);
                    }
                }
            }
        }
        if let Some(done) = open.filter(|_| is_whole) {
            close(done);
        }
        segments
    }

    /// The latest fragment that begins with a picture that needs no other.
    pub fn latest_key(&self) -> Option<Span> {
        let latest = self.fragments.iter().rev().find(|fragment| fragment.is_key);
        latest.map(|fragment| fragment.span)
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// The boxes within some bytes: their kinds and what they hold.
fn boxes(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let size = number(rest, 0)? as usize;
        let found = (rest.get(4..8)?, rest.get(8..size)?);
        rest = &rest[size..];
        Some(found)
    })
}

fn find<'a>(bytes: &'a [u8], kind: &[u8]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(found, _)| *found == kind).map(|(_, body)| body)
}

/// The stream to go by, of what a `moov` holds.
fn track(moov: &[u8]) -> Option<Track> {
    let read = |trak: &[u8]| {
        // Times are twice as long in version 1.
        let behind_times = |body: &[u8]| if body.first() == Some(&1) { 20 } else { 12 };
        let tkhd = find(trak, b"tkhd")?;
        let mdia = find(trak, b"mdia")?;
        let mdhd = find(mdia, b"mdhd")?;
        let is_video = find(mdia, b"hdlr")?.get(8..12)? == b"vide";
        let id = number(tkhd, behind_times(tkhd))?;
        Some((is_video, id, number(mdhd, behind_times(mdhd))?))
    };
    let tracks: Vec<_> = boxes(moov)
        .filter(|(kind, _)| *kind == b"trak")
        .filter_map(|(_, trak)| read(trak))
        .collect();
    let (_, id, timescale) = *tracks.iter().find(|track| track.0).or(tracks.first())?;
    let trex = find(moov, b"mvex").and_then(|mvex| {
        let mut all = boxes(mvex).filter(|(kind, _)| *kind == b"trex").map(|(_, body)| body);
        all.find(|trex| number(trex, 4) == Some(id))
    });
    let default = |at| trex.and_then(|trex| number(trex, at)).unwrap_or(0);
    Some(Track {
        id,
        timescale,
        defaults: (default(12), default(20)),
    })
}

/// How long a fragment is in that track, and whether it begins with a picture that needs no other.
fn fragment(moof: &[u8], track: Track) -> Option<(u64, bool)> {
    let own = |traf: &&[u8]| find(traf, b"tfhd").and_then(|tfhd| number(tfhd, 4)) == Some(track.id);
    let mut all = boxes(moof).filter(|(kind, _)| *kind == b"traf").map(|(_, body)| body);
    let traf = all.find(own)?;
    let tfhd = find(traf, b"tfhd")?;
    let said = number(tfhd, 0)?;
    let (mut duration, mut flags) = track.defaults;
    let mut at = 8;
    for (bit, n) in [(0x1, 8), (0x2, 4), (0x8, 4), (0x10, 4), (0x20, 4)] {
        if said & bit != 0 {
            match bit {
                0x8 => duration = number(tfhd, at)?,
                0x20 => flags = number(tfhd, at)?,
                _ => {}
            }
            at += n;
        }
    }
    let (mut lasts, mut first) = (0_u64, None);
    for (_, trun) in boxes(traf).filter(|(kind, _)| *kind == b"trun") {
        let said = number(trun, 0)?;
        let n_samples = number(trun, 4)?;
        let mut at = 8 + if said & 0x1 != 0 { 4 } else { 0 };
        if said & 0x4 != 0 {
            first = first.or(number(trun, at));
            at += 4;
        }
        let width = [0x100, 0x200, 0x400, 0x800]
            .iter()
            .filter(|bit| said & **bit != 0)
            .count()
            * 4;
        if width == 0 {
            lasts = lasts.saturating_add(u64::from(duration) * u64::from(n_samples));
            continue;
        }
        for sample in trun.get(at..)?.chunks_exact(width).take(n_samples as usize) {
            let mut at = 0;
            let mut own = (duration, flags);
            if said & 0x100 != 0 {
                own.0 = number(sample, at)?;
                at += 4;
            }
            if said & 0x200 != 0 {
                at += 4;
            }
            if said & 0x400 != 0 {
                own.1 = number(sample, at)?;
            }
            first = first.or(Some(own.1));
            lasts = lasts.saturating_add(u64::from(own.0));
        }
    }
    Some((lasts, first.unwrap_or(flags) & IS_NO_KEY == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn trak(id: u32, timescale: u32, handler: &[u8; 4]) -> Vec<u8> {
        let mdhd = atom(b"mdhd", &words(&[0, 0, 0, timescale, 0]));
        let hdlr = atom(b"hdlr", &[&words(&[0, 0])[..], handler].concat());
        let mdia = atom(b"mdia", &[mdhd, hdlr].concat());
        atom(b"trak", &[atom(b"tkhd", &words(&[0, 0, 0, id])), mdia].concat())
    }

    fn header() -> Vec<u8> {
        let trex = atom(b"trex", &words(&[0, 2, 1, 20, 0, IS_NO_KEY]));
        let body = [trak(1, 48_000, b"soun"), trak(2, 1000, b"vide"), atom(b"mvex", &trex)].concat();
        [atom(b"ftyp", b"isom"), atom(b"moov", &body)].concat()
    }

    /// Twenty-five pictures of 20 ms.
    fn half(is_key: bool) -> Vec<u8> {
        let trun = match is_key {
            true => words(&[0x5, 25, 0, 0x0200_0000]),
            false => words(&[0x1, 25, 0]),
        };
        let traf = [atom(b"tfhd", &words(&[0, 2])), atom(b"trun", &trun)].concat();
        [atom(b"moof", &atom(b"traf", &traf)), atom(b"mdat", &[7; 100])].concat()
    }

    #[test]
    fn segments_begin_at_keyframes_and_stay_what_they_are() -> io::Result<()> {
        let file = tempfile::tempfile()?;
        let mut bytes = header();
        let n_header = bytes.len() as u64;
        let mut grown = Grown::default();
        let mut before = Vec::new();
        // A keyframe every second and a half, then none for five seconds.
        for n in 0..18 {
            bytes.extend(half(n < 9 && n % 3 == 0));
            // It is read while a fragment is half written.
            file.write_all_at(&bytes[..bytes.len() - 30], 0)?;
            grown.read_on(&file)?;
            file.write_all_at(&bytes, 0)?;
            grown.read_on(&file)?;
            let now = grown.segments(false);
            assert_eq!(now[..before.len()], before[..], "what was told has changed");
            before = now;
        }
        assert_eq!(grown.header(), Some(Span { at: 0, n: n_header }));
        let all = grown.segments(true);
        let lasts: Vec<u64> = all.iter().map(|segment| segment.lasts_ms).collect();
        assert_eq!(lasts, [1500, 1500, 2000, 2000, 2000]);
        assert_eq!(
            all.iter().map(|segment| segment.is_key).collect::<Vec<_>>(),
            [true, true, true, false, false]
        );
        let mut at = n_header;
        for segment in &all {
            assert_eq!(segment.span.at, at, "a hole");
            at += segment.span.n;
        }
        assert_eq!(at, bytes.len() as u64);
        assert_eq!(before.len() + 1, all.len(), "the last may still grow");
        assert_eq!(
            grown.latest_key(),
            Some(Span {
                at: n_header + 6 * half(false).len() as u64 + 8,
                n: half(true).len() as u64
            })
        );
        Ok(())
    }

    #[test]
    fn what_is_no_recording_is_refused_or_has_nothing() -> io::Result<()> {
        let file = tempfile::tempfile()?;
        file.write_all_at(&[0; 64], 0)?;
        assert!(Grown::default().read_on(&file).is_err(), "boxes of no size");
        for n in 0..header().len() {
            let mut bytes = header();
            bytes.extend(half(true));
            bytes[n] ^= 0xff;
            let file = tempfile::tempfile()?;
            file.write_all_at(&bytes, 0)?;
            // Whatever it says, it ends.
            let mut grown = Grown::default();
            let _ = grown.read_on(&file);
            let _ = grown.segments(true);
        }
        Ok(())
    }
}

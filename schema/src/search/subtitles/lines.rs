//! The lines of subtitles: from WebVTT (W3C, WebVTT 1) as our workers write it, and into a row and back.

use std::{
    collections::HashSet,
    io::{Read, Write},
};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

/// The most bytes of text of one file, all its tracks together: a hundred hours of talk.
const MAX_BYTES: usize = 4 << 20;

/// What is said at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it shows, in milliseconds from the beginning.
    pub at_ms: u32,
    /// What it says, on one line and without markup.
    pub text: String,
}

/// The lines of several tracks, one track after the other. What an earlier track says word for word is left out: often two
/// are of one language, one of them for those who do not hear.
#[derive(Debug, Default)]
pub struct Lines {
    lines: Vec<Line>,
    n_bytes: usize,
    said: HashSet<String>,
}

impl Lines {
    /// Adds a track.
    pub fn add(&mut self, webvtt: &str) {
        let first = self.lines.len();
        for line in cues(webvtt) {
            self.n_bytes += line.text.len();
            if self.n_bytes > MAX_BYTES {
                return;
            }
            if !self.said.contains(&line.text) {
                self.lines.push(line);
            }
        }
        self.said
            .extend(self.lines[first..].iter().map(|line| line.text.clone()));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// All of them as a row has them.
    pub fn pack(&self) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        let write = |line: &Line| writeln!(encoder, "{} {}", line.at_ms, line.text);
        let written = self.lines.iter().try_for_each(write);
        let packed = written.and_then(|()| encoder.finish());
        packed.expect("writing to memory cannot fail")
    }
}

/// The lines of a row. Of one that is not ours, as many as can be told.
pub fn unpack(packed: &[u8]) -> Vec<Line> {
    let mut text = Vec::new();
    // Each line has its time, too: some ten bytes of the shortest.
    let most = 16 * MAX_BYTES as u64;
    let _ = DeflateDecoder::new(packed).take(most).read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    let line = |line: &str| {
        let (at_ms, text) = line.split_once(' ')?;
        Some(Line {
            at_ms: at_ms.parse().ok()?,
            text: text.to_owned(),
        })
    };
    text.lines().filter_map(line).collect()
}

/// The cues of a file that say something.
fn cues(webvtt: &str) -> impl Iterator<Item = Line> + '_ {
    webvtt.split("\n\n").filter_map(|block| {
        let mut rows = block.lines();
        let at_ms = rows.by_ref().find_map(|row| {
            let (start, _) = row.split_once(" --> ")?;
            ms(start.trim())
        })?;
        let mut text = String::new();
        for row in rows {
            push_plain(&mut text, row);
            text.push(' ');
        }
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!text.is_empty()).then_some(Line { at_ms, text })
    })
}

/// `00:01:02.345`, hours of any length or none, in milliseconds.
fn ms(stamp: &str) -> Option<u32> {
    let (clock, thousandths) = stamp.split_once('.')?;
    let mut seconds: u32 = 0;
    for part in clock.split(':') {
        seconds = seconds.checked_mul(60)?.checked_add(part.parse().ok()?)?;
    }
    seconds.checked_mul(1000)?.checked_add(thousandths.parse().ok()?)
}

/// A row of a cue without its tags, and with the signs that its references stand for.
fn push_plain(text: &mut String, row: &str) {
    const REFERENCES: [(&str, &str); 6] = [
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&nbsp;", " "),
        ("&lrm;", ""),
        ("&rlm;", ""),
    ];
    let mut rest = row;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((_, after)) = rest.strip_prefix('<').and_then(|tag| tag.split_once('>')) {
            rest = after;
        } else if let Some((reference, sign)) = REFERENCES.iter().find(|(name, _)| rest.starts_with(name)) {
            text.push_str(sign);
            rest = &rest[reference.len()..];
        } else {
            text.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tracks: &[&str], expected: &[(u32, &str)]) {
        let mut lines = Lines::default();
        tracks.iter().for_each(|track| lines.add(track));
        let unpacked = unpack(&lines.pack());
        let shown: Vec<(u32, &str)> = unpacked.iter().map(|line| (line.at_ms, line.text.as_str())).collect();
        assert_eq!(shown, expected, "{tracks:?}");
    }

    #[test]
    fn cues_become_lines_with_their_times() {
        check(&["WEBVTT\n"], &[]);
        check(
            &[
                "WEBVTT\n\n00:00:01.500 --> 00:00:02.000 line:0\n<i>Fish</i> &amp;\nchips < 3 &lt;3\n\n100:00:00.000 --> 100:00:01.000\nlate\n",
            ],
            &[(1_500, "Fish & chips < 3 <3"), (360_000_000, "late")],
        );
        check(&["nonsense", "00:01.000 --> \n", "a --> b\nno time\n"], &[]);
        check(
            &["0:01.5 --> x\n&\n\n99999999999:00.000 --> x\ntoo late\n"],
            &[(1_005, "&")],
        );
    }

    #[test]
    fn what_another_track_says_too_is_there_once() {
        let one = "WEBVTT\n\n00:01.000 --> 00:02.000\nNo.\n\n00:02.000 --> 00:03.000\nNo.\n";
        let other = "WEBVTT\n\n00:00.500 --> 00:00.900\n[door]\n\n00:01.000 --> 00:02.000\nNo.\n";
        check(&[one, other], &[(1_000, "No."), (2_000, "No."), (500, "[door]")]);
        assert_eq!(unpack(b"what is not packed"), []);
    }
}

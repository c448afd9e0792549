//! From events of ASS to a WebVTT file (W3C, WebVTT 1): what is said, what is slanted, bold or underlined, and whether it
//! stands at the top. The rest of ASS is drawing.

use std::fmt::Write;

/// The most bytes of one track's text.
const MAX_BYTES: usize = 16 << 20;
/// The most cues of one track.
const MAX_CUES: usize = 200_000;
/// How long a cue shows that does not say, at most: until the next one otherwise.
const UNSAID_US: i64 = 5_000_000;
/// Fields before an event's text: order, layer, style, name, three margins, effect.
const N_FIELDS: usize = 8;

/// One track's cues.
#[derive(Default)]
pub struct Track {
    cues: Vec<Cue>,
    n_bytes: usize,
    is_cut: bool,
}

struct Cue {
    start_us: i64,
    end_us: Option<i64>,
    settings: &'static str,
    text: String,
}

impl Track {
    /// How many cues there are.
    pub fn n_cues(&self) -> u32 {
        self.cues.len() as u32
    }

    /// Whether there is no room for more.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Adds an event; what ends before the start or says nothing is left out.
    pub fn add(&mut self, start_us: i64, end_us: Option<i64>, event: &str) {
        let text = event.splitn(N_FIELDS + 1, ',').nth(N_FIELDS).unwrap_or("");
        let (text, settings) = cue_text(text);
        let is_over = end_us.is_some_and(|end| end <= 0 || end <= start_us);
        if text.is_empty() || is_over || (start_us < 0 && end_us.is_none()) {
            return;
        }
        if self.cues.len() >= MAX_CUES || self.n_bytes + text.len() > MAX_BYTES {
            self.is_cut = true;
            return;
        }
        self.n_bytes += text.len();
        self.cues.push(Cue {
            start_us: start_us.max(0),
            end_us,
            settings,
            text,
        });
    }

    /// The file.
    pub fn finish(mut self) -> String {
        self.cues.sort_by_key(|cue| cue.start_us);
        let mut file = String::with_capacity(self.n_bytes + self.cues.len() * 40 + 8);
        file.push_str("WEBVTT\n");
        for (i, cue) in self.cues.iter().enumerate() {
            let next_us = || {
                self.cues[i + 1..]
                    .iter()
                    .map(|next| next.start_us)
                    .find(|&next| next > cue.start_us)
            };
            let end_us = cue.end_us.unwrap_or_else(|| {
                let longest = cue.start_us.saturating_add(UNSAID_US);
                next_us().map_or(longest, |next| next.min(longest))
            });
            let (start, end) = (stamp(cue.start_us), stamp(end_us.max(cue.start_us + 1000)));
            // Writing to a string cannot fail.
            let _ = write!(file, "\n{start} --> {end}{}\n{}\n", cue.settings, cue.text);
        }
        file
    }
}

/// Hours, minutes, seconds and milliseconds.
fn stamp(us: i64) -> String {
    let ms = us.max(0) / 1000;
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", ms % 1000)
}

/// The tags that WebVTT has too.
const STYLES: [char; 3] = ['b', 'i', 'u'];

/// The text of an event as a cue's, and where it stands.
fn cue_text(event: &str) -> (String, &'static str) {
    let mut text = String::with_capacity(event.len());
    let mut open: Vec<char> = Vec::new();
    let (mut is_drawing, mut settings) = (false, "");
    let mut rest = event;
    while let Some(c) = rest.chars().next() {
        // A brace without its partner is text.
        if let Some((tags, after)) = rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            for tag in tags.split('\\').skip(1) {
                apply(tag, &mut text, &mut open, &mut is_drawing, &mut settings);
            }
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        if is_drawing {
            continue;
        }
        match c {
            '\\' => {
                match rest.chars().next() {
                    Some('N' | 'n') => text.push('\n'),
                    Some('h') => text.push('\u{a0}'),
                    _ => {
                        text.push('\\');
                        continue;
                    }
                }
                rest = &rest[1..];
            }
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '\r' => {}
            '\n' => text.push('\n'),
            '\t' => text.push(' '),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    while let Some(tag) = open.pop() {
        let _ = write!(text, "</{tag}>");
    }
    // An empty line would end the cue.
    let lines = text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty());
    let lines: Vec<&str> = lines.collect();
    let has_words = without_tags(&lines.join("")).chars().any(|c| !c.is_whitespace());
    (if has_words { lines.join("\n") } else { String::new() }, settings)
}

/// What one override does.
fn apply(tag: &str, text: &mut String, open: &mut Vec<char>, is_drawing: &mut bool, settings: &mut &'static str) {
    let number = |rest: &str| rest.trim().parse::<u32>().ok();
    if let Some(place) = tag.strip_prefix("an").and_then(number) {
        *settings = match place {
            7..=9 => " line:5%",
            4..=6 => " line:50%",
            _ => "",
        };
        return;
    }
    let mut letters = tag.chars();
    match (letters.next(), letters.as_str()) {
        (Some('r'), _) => close(None, text, open),
        (Some('p'), rest) if number(rest).is_some() => *is_drawing = number(rest) != Some(0),
        (Some(letter), rest) if STYLES.contains(&letter) => {
            let is_on = match number(rest) {
                // A weight of 400 is ordinary.
                Some(on) => on == 1 || on > 500,
                None if rest.is_empty() => false,
                // Another override that begins with the same letter.
                None => return,
            };
            match (is_on, open.contains(&letter)) {
                (true, false) => {
                    open.push(letter);
                    let _ = write!(text, "<{letter}>");
                }
                (true, true) => {}
                (false, _) => close(Some(letter), text, open),
            }
        }
        _ => {}
    }
}

/// Closes a tag, or all, and opens again those that were opened after it: tags must nest.
fn close(letter: Option<char>, text: &mut String, open: &mut Vec<char>) {
    let Some(at) = letter.map_or(Some(0), |letter| open.iter().position(|&other| other == letter)) else {
        return;
    };
    let inner = open.split_off(at);
    for tag in inner.iter().rev() {
        let _ = write!(text, "</{tag}>");
    }
    for &tag in inner.iter().filter(|&&tag| letter.is_some_and(|letter| tag != letter)) {
        open.push(tag);
        let _ = write!(text, "<{tag}>");
    }
}

fn without_tags(text: &str) -> String {
    let mut is_tag = false;
    let is_word = |c: &char| {
        match c {
            '<' => is_tag = true,
            '>' => {
                is_tag = false;
                return false;
            }
            _ => {}
        }
        !is_tag
    };
    text.chars().filter(is_word).collect()
}

#[cfg(test)]
mod tests {
    use super::{Track, cue_text};

    fn text(event: &str) -> String {
        cue_text(event).0
    }

    #[test]
    fn what_is_said_stays_and_how_it_is_drawn_goes() {
        assert_eq!(text(r"Hello\N{\i1}world{\i0}!"), "Hello\n<i>world</i>!");
        assert_eq!(text(r"{\b1}a{\i1}b{\b0}c"), "<b>a<i>b</i></b><i>c</i>");
        assert_eq!(
            text(r"{\fad(200,200)\bord3\blur2\c&H00FFFF&}plain{\r} text"),
            "plain text"
        );
        assert_eq!(text(r"{\b700}heavy{\b400} not"), "<b>heavy</b> not");
        assert_eq!(text(r"{\p1}m 0 0 l 100 0 100 100{\p0}said"), "said");
        assert_eq!(text(r"{\p1}m 0 0 l 100 0 100 100"), "");
        assert_eq!(text(r"{\i1}{\i0} \N\h"), "", "nothing to read");
        assert_eq!(text("1 < 2 & 3 --> 4"), "1 &lt; 2 &amp; 3 --&gt; 4");
        assert_eq!(text("a{b"), "a{b");
        assert_eq!(text(r"C:\path"), r"C:\path");
        assert_eq!(text("a\u{0}\u{7}b\r\n\n\nc"), "ab\nc");
        assert_eq!(cue_text(r"{\an8}up").1, " line:5%");
    }

    #[test]
    fn a_file_is_in_order_and_every_cue_ends() {
        let mut track = Track::default();
        let event = |text: &str| format!("0,0,Default,,0,0,0,,{text}");
        track.add(3_661_500_000, Some(3_662_000_000), &event("late, very"));
        track.add(1_000_000, None, &event("open"));
        track.add(3_000_000, None, &event("long"));
        track.add(-500_000, Some(400_000), &event("begun"));
        track.add(-500_000, Some(-1), &event("over"));
        track.add(5_000_000, Some(5_000_000), &event("never"));
        track.add(6_000_000, Some(7_000_000), "too,few,fields");
        assert_eq!(track.n_cues(), 4);
        let expected = "WEBVTT\n\n\
            00:00:00.000 --> 00:00:00.400\nbegun\n\n\
            00:00:01.000 --> 00:00:03.000\nopen\n\n\
            00:00:03.000 --> 00:00:08.000\nlong\n\n\
            01:01:01.500 --> 01:01:02.000\nlate, very\n";
        assert_eq!(track.finish(), expected);
    }

    #[test]
    fn a_track_without_end_is_cut() {
        let mut track = Track::default();
        let event = format!("0,0,Default,,0,0,0,,{}", "x".repeat(1 << 20));
        for i in 0..100 {
            track.add(i * 1_000_000, Some(i * 1_000_000 + 1), &event);
        }
        assert!(track.is_cut());
        assert!(track.finish().len() <= 17 << 20);
    }
}

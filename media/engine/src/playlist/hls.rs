//! HTTP Live Streaming after RFC 8216 and its second edition.

use std::fmt::Write;

use super::{AudioTrack, Presentation, Segments, TextTrack, TileTrack, VideoRange, VideoTrack, seconds};

/// The group of all sound.
const AUDIO: &str = "audio";
/// The group of all subtitles.
const TEXT: &str = "subtitles";
/// What tells of speech and of sounds (section 4.4.6.1).
const SOUNDS: &str = "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound";
/// `EXT-X-MAP` in a playlist with other than I-frames needs 6, and fragmented MP4 is usual from 7.
const VERSION: u32 = 7;

/// The multivariant playlist.
pub fn master(presentation: &Presentation) -> String {
    let mut lines = Lines::default();
    lines.add(format!("#EXT-X-VERSION:{VERSION}"));
    if presentation.is_independent {
        lines.add("#EXT-X-INDEPENDENT-SEGMENTS");
    }
    for track in &presentation.audio {
        lines.add(format!("#EXT-X-MEDIA:{}", audio_media(track)));
    }
    for track in &presentation.text {
        lines.add(format!("#EXT-X-MEDIA:{}", text_media(track)));
    }
    let sound_codecs = distinct(presentation.audio.iter().map(|track| track.codecs.as_str()));
    let sound_bit_rate = presentation.audio.iter().map(|track| track.peak_bit_rate).max();
    for track in &presentation.video {
        let mut attributes = video_attributes(track, sound_bit_rate.unwrap_or(0), &sound_codecs);
        if sound_bit_rate.is_some() {
            attributes.quoted("AUDIO", AUDIO);
        }
        if !presentation.text.is_empty() {
            attributes.quoted("SUBTITLES", TEXT);
        }
        attributes.plain("CLOSED-CAPTIONS", "NONE");
        lines.add(format!("#EXT-X-STREAM-INF:{}", attributes.0));
        lines.add(&track.uri);
    }
    if presentation.video.is_empty() {
        // Sound alone: each language is a variant of its own, as no picture can carry the group.
        for track in &presentation.audio {
            let mut attributes = Attributes::default();
            attributes.plain("BANDWIDTH", track.peak_bit_rate.max(1));
            attributes.quoted("CODECS", &track.codecs);
            attributes.quoted("AUDIO", AUDIO);
            lines.add(format!("#EXT-X-STREAM-INF:{}", attributes.0));
            lines.add(&track.uri);
        }
    }
    for track in &presentation.keyframes {
        let mut attributes = video_attributes(track, 0, &[]);
        attributes.quoted("URI", &track.uri);
        lines.add(format!("#EXT-X-I-FRAME-STREAM-INF:{}", attributes.0));
    }
    if let Some(tiles) = &presentation.tiles {
        let mut attributes = Attributes::default();
        attributes.plain("BANDWIDTH", tiles.bit_rate.max(1));
        attributes.plain("RESOLUTION", format!("{}x{}", tiles.width, tiles.height));
        attributes.quoted("CODECS", tiles.mime.trim_start_matches("image/"));
        attributes.quoted("URI", &tiles.uri);
        lines.add(format!("#EXT-X-IMAGE-STREAM-INF:{}", attributes.0));
    }
    lines.0
}

/// The playlist of one track that is complete from the start.
pub fn media(segments: &Segments) -> String {
    list(segments, false)
}

/// The playlist of a track whose every segment is one frame.
pub fn keyframes(segments: &Segments) -> String {
    list(segments, true)
}

/// The playlist of a sheet of stills, after the extension for images that players share (`EXT-X-IMAGES-ONLY`).
pub fn tiles(tiles: &TileTrack, duration_us: i64) -> String {
    let mut lines = Lines::default();
    lines.add(format!("#EXT-X-VERSION:{VERSION}"));
    lines.add(format!(
        "#EXT-X-TARGETDURATION:{}",
        ((duration_us + 500_000) / 1_000_000).max(1)
    ));
    lines.add("#EXT-X-MEDIA-SEQUENCE:0");
    lines.add("#EXT-X-PLAYLIST-TYPE:VOD");
    lines.add("#EXT-X-IMAGES-ONLY");
    lines.add(format!("#EXTINF:{},", seconds(duration_us)));
    let mut attributes = Attributes::default();
    attributes.plain("RESOLUTION", format!("{}x{}", tiles.width, tiles.height));
    attributes.plain("LAYOUT", format!("{}x{}", tiles.columns, tiles.rows));
    attributes.plain("DURATION", seconds(tiles.interval_us));
    lines.add(format!("#EXT-X-TILES:{}", attributes.0));
    lines.add(&tiles.image_uri);
    lines.add("#EXT-X-ENDLIST");
    lines.0
}

fn list(segments: &Segments, is_keyframes: bool) -> String {
    let mut lines = Lines::default();
    lines.add(format!("#EXT-X-VERSION:{VERSION}"));
    // Each length rounded to whole seconds must not exceed this (section 4.3.3.1).
    let target = (segments.longest_us() + 500_000) / 1_000_000;
    lines.add(format!("#EXT-X-TARGETDURATION:{}", target.max(1)));
    lines.add("#EXT-X-MEDIA-SEQUENCE:0");
    lines.add("#EXT-X-PLAYLIST-TYPE:VOD");
    if is_keyframes {
        lines.add("#EXT-X-I-FRAMES-ONLY");
    }
    if let Some(init) = &segments.init {
        let mut attributes = Attributes::default();
        attributes.quoted("URI", &init.uri);
        if let Some((offset, length)) = init.range {
            attributes.quoted("BYTERANGE", &format!("{length}@{offset}"));
        }
        lines.add(format!("#EXT-X-MAP:{}", attributes.0));
    }
    for (n, entry) in segments.entries.iter().enumerate() {
        if entry.is_gap {
            lines.add("#EXT-X-GAP");
        }
        lines.add(format!("#EXTINF:{},", seconds(entry.length_us)));
        if let Some((offset, length)) = entry.range {
            lines.add(format!("#EXT-X-BYTERANGE:{length}@{offset}"));
        }
        lines.add(segments.uri(n));
    }
    lines.add("#EXT-X-ENDLIST");
    lines.0
}

fn video_attributes(track: &VideoTrack, sound_bit_rate: u64, sound_codecs: &[&str]) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.plain("BANDWIDTH", (track.peak_bit_rate + sound_bit_rate).max(1));
    if let Some(mean) = track.mean_bit_rate {
        attributes.plain("AVERAGE-BANDWIDTH", (mean + sound_bit_rate).max(1));
    }
    let codecs: Vec<&str> = std::iter::once(track.codecs.as_str())
        .chain(sound_codecs.iter().copied())
        .collect();
    attributes.quoted("CODECS", &codecs.join(","));
    attributes.plain("RESOLUTION", format!("{}x{}", track.width, track.height));
    if let Some((num, den)) = track.frame_rate.filter(|&(num, den)| num > 0 && den > 0) {
        attributes.plain("FRAME-RATE", format!("{:.3}", f64::from(num) / f64::from(den)));
    }
    let range = match track.range {
        VideoRange::Sdr => "SDR",
        VideoRange::Hlg => "HLG",
        VideoRange::Pq => "PQ",
    };
    attributes.plain("VIDEO-RANGE", range);
    attributes
}

fn audio_media(track: &AudioTrack) -> String {
    let mut attributes = Attributes::default();
    attributes.plain("TYPE", "AUDIO");
    attributes.quoted("GROUP-ID", AUDIO);
    attributes.quoted("NAME", &track.name);
    if let Some(language) = &track.language {
        attributes.quoted("LANGUAGE", language);
    }
    attributes.plain("DEFAULT", yes(track.is_default));
    attributes.plain("AUTOSELECT", "YES");
    attributes.quoted("CHANNELS", &track.channels.to_string());
    attributes.quoted("URI", &track.uri);
    attributes.0
}

fn text_media(track: &TextTrack) -> String {
    let mut attributes = Attributes::default();
    attributes.plain("TYPE", "SUBTITLES");
    attributes.quoted("GROUP-ID", TEXT);
    attributes.quoted("NAME", &track.name);
    if let Some(language) = &track.language {
        attributes.quoted("LANGUAGE", language);
    }
    attributes.plain("DEFAULT", yes(track.is_default));
    attributes.plain("AUTOSELECT", "YES");
    attributes.plain("FORCED", yes(track.is_forced));
    if track.tells_sounds {
        attributes.quoted("CHARACTERISTICS", SOUNDS);
    }
    attributes.quoted("URI", &track.uri);
    attributes.0
}

fn yes(is_so: bool) -> &'static str {
    if is_so { "YES" } else { "NO" }
}

fn distinct<'a>(items: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}

struct Lines(String);

impl Default for Lines {
    fn default() -> Self {
        Self("#EXTM3U\n".to_owned())
    }
}

impl Lines {
    fn add(&mut self, line: impl AsRef<str>) {
        self.0.push_str(line.as_ref());
        self.0.push('\n');
    }
}

/// An attribute list (section 4.2).
#[derive(Default)]
struct Attributes(String);

impl Attributes {
    fn plain(&mut self, name: &str, value: impl std::fmt::Display) {
        let comma = if self.0.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{comma}{name}={value}");
    }

    /// A quoted string, which has no way to write a quote or a line end: names come from files, so both are replaced.
    fn quoted(&mut self, name: &str, value: &str) {
        let clean = |c: char| match c {
            '"' => '\'',
            c if c.is_control() => ' ',
            c => c,
        };
        let value: String = value.chars().map(clean).collect();
        self.plain(name, format_args!("\"{value}\""));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Part, Presentation, Segments, VideoRange, VideoTrack};
    use super::*;

    fn film() -> Presentation {
        let segments = Segments::each(
            Some("v/init.mp4".to_owned()),
            "v/{n}.m4s",
            [4_004_000, 4_004_000, 1_500_001],
        );
        Presentation {
            video: vec![VideoTrack {
                id: "v720".to_owned(),
                uri: "v720.m3u8".to_owned(),
                codecs: "avc1.64001f".to_owned(),
                width: 1280,
                height: 720,
                frame_rate: Some((24_000, 1001)),
                peak_bit_rate: 3_000_000,
                mean_bit_rate: Some(2_000_000),
                range: VideoRange::Sdr,
                segments: segments.clone(),
            }],
            audio: vec![AudioTrack {
                id: "a0".to_owned(),
                uri: "a0.m3u8".to_owned(),
                codecs: "mp4a.40.2".to_owned(),
                name: "Director's \"cut\"\nX=1".to_owned(),
                language: Some("en".to_owned()),
                channels: 2,
                sample_rate: 48_000,
                peak_bit_rate: 128_000,
                is_default: true,
                segments,
            }],
            is_independent: true,
            duration_us: 9_508_001,
            ..Presentation::default()
        }
    }

    #[test]
    fn a_master_says_what_players_choose_by() {
        let expected = "#EXTM3U\n\
            #EXT-X-VERSION:7\n\
            #EXT-X-INDEPENDENT-SEGMENTS\n\
            #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Director's 'cut' X=1\",LANGUAGE=\"en\",DEFAULT=YES,\
            AUTOSELECT=YES,CHANNELS=\"2\",URI=\"a0.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=3128000,AVERAGE-BANDWIDTH=2128000,CODECS=\"avc1.64001f,mp4a.40.2\",\
            RESOLUTION=1280x720,FRAME-RATE=23.976,VIDEO-RANGE=SDR,AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\n\
            v720.m3u8\n";
        assert_eq!(master(&film()), expected);
    }

    #[test]
    fn a_media_playlist_lists_every_segment_with_its_true_length() {
        let expected = "#EXTM3U\n\
            #EXT-X-VERSION:7\n\
            #EXT-X-TARGETDURATION:4\n\
            #EXT-X-MEDIA-SEQUENCE:0\n\
            #EXT-X-PLAYLIST-TYPE:VOD\n\
            #EXT-X-MAP:URI=\"v/init.mp4\"\n\
            #EXTINF:4.004000,\n\
            v/0.m4s\n\
            #EXTINF:4.004000,\n\
            v/1.m4s\n\
            #EXTINF:1.500001,\n\
            v/2.m4s\n\
            #EXT-X-ENDLIST\n";
        assert_eq!(media(&film().video[0].segments), expected);
    }

    #[test]
    fn parts_of_one_file_are_byte_ranges_and_gaps_are_marked() {
        let segments = Segments {
            init: Some(Part {
                uri: "whole.mp4".to_owned(),
                range: Some((0, 700)),
            }),
            template: "whole.mp4".to_owned(),
            entries: vec![
                Entry {
                    length_us: 2_000_000,
                    range: Some((700, 5000)),
                    is_gap: false,
                },
                Entry {
                    length_us: 2_600_000,
                    range: Some((5700, 1)),
                    is_gap: true,
                },
            ],
        };
        let text = keyframes(&segments);
        assert!(text.contains("#EXT-X-TARGETDURATION:3\n"), "{text}");
        assert!(text.contains("#EXT-X-I-FRAMES-ONLY\n"), "{text}");
        assert!(
            text.contains("#EXT-X-MAP:URI=\"whole.mp4\",BYTERANGE=\"700@0\"\n"),
            "{text}"
        );
        assert!(
            text.contains("#EXTINF:2.000000,\n#EXT-X-BYTERANGE:5000@700\nwhole.mp4\n"),
            "{text}"
        );
        assert!(text.contains("#EXT-X-GAP\n#EXTINF:2.600000,\n"), "{text}");
    }
}

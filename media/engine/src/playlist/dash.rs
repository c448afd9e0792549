//! MPEG-DASH after ISO/IEC 23009-1: a static manifest over the same segments as the HLS playlists.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{AudioTrack, Presentation, Segments, TextTrack, TileTrack, VideoTrack, seconds};

/// Ticks a second in timelines; the lengths of playlists are whole microseconds.
const TIMESCALE: i64 = 1_000_000;

/// The manifest. Fails only if memory runs out.
pub fn manifest(presentation: &Presentation) -> io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 1);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let duration = format!("PT{}S", seconds(presentation.duration_us));
    let root = writer.create_element("MPD").with_attributes([
        ("xmlns", "urn:mpeg:dash:schema:mpd:2011"),
        ("profiles", "urn:mpeg:dash:profile:isoff-live:2011"),
        ("type", "static"),
        ("mediaPresentationDuration", duration.as_str()),
        ("minBufferTime", "PT4S"),
    ]);
    root.write_inner_content(|writer| {
        let period = writer.create_element("Period").with_attributes([
            ("id", "0"),
            ("start", "PT0S"),
            ("duration", duration.as_str()),
        ]);
        period.write_inner_content(|writer| sets(writer, presentation))?;
        Ok(())
    })?;
    String::from_utf8(writer.into_inner()).map_err(io::Error::other)
}

type Xml = Writer<Vec<u8>>;

fn sets(writer: &mut Xml, presentation: &Presentation) -> io::Result<()> {
    if !presentation.video.is_empty() {
        let set = writer.create_element("AdaptationSet").with_attributes([
            ("id", "0"),
            ("contentType", "video"),
            ("mimeType", "video/mp4"),
            ("segmentAlignment", "true"),
            ("startWithSAP", if presentation.is_independent { "1" } else { "3" }),
        ]);
        set.write_inner_content(|writer| presentation.video.iter().try_for_each(|track| video(writer, track)))?;
    }
    for (n, track) in presentation.audio.iter().enumerate() {
        audio(writer, track, n + 1)?;
    }
    for (n, track) in presentation.text.iter().enumerate() {
        text(writer, track, presentation.audio.len() + n + 1)?;
    }
    if let Some(track) = &presentation.tiles {
        tiles(writer, track, presentation.audio.len() + presentation.text.len() + 1)?;
    }
    Ok(())
}

fn video(writer: &mut Xml, track: &VideoTrack) -> io::Result<()> {
    let (width, height) = (track.width.to_string(), track.height.to_string());
    let bandwidth = track.peak_bit_rate.max(1).to_string();
    let mut representation = writer.create_element("Representation").with_attributes([
        ("id", track.id.as_str()),
        ("codecs", &track.codecs),
        ("width", &width),
        ("height", &height),
        ("bandwidth", &bandwidth),
    ]);
    if let Some((num, den)) = track.frame_rate {
        representation = representation.with_attribute(("frameRate", format!("{num}/{den}").as_str()));
    }
    representation.write_inner_content(|writer| template(writer, &track.segments))?;
    Ok(())
}

fn audio(writer: &mut Xml, track: &AudioTrack, id: usize) -> io::Result<()> {
    let id = id.to_string();
    let set = writer.create_element("AdaptationSet").with_attributes([
        ("id", id.as_str()),
        ("contentType", "audio"),
        ("mimeType", "audio/mp4"),
        ("segmentAlignment", "true"),
        ("startWithSAP", "1"),
        ("lang", language(track.language.as_deref())),
    ]);
    set.write_inner_content(|writer| {
        label(writer, &track.name)?;
        role(writer, if track.is_default { "main" } else { "alternate" })?;
        let bandwidth = track.peak_bit_rate.max(1).to_string();
        let rate = track.sample_rate.to_string();
        let representation = writer.create_element("Representation").with_attributes([
            ("id", track.id.as_str()),
            ("codecs", &track.codecs),
            ("audioSamplingRate", &rate),
            ("bandwidth", &bandwidth),
        ]);
        representation.write_inner_content(|writer| {
            writer
                .create_element("AudioChannelConfiguration")
                .with_attributes([
                    ("schemeIdUri", "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"),
                    ("value", track.channels.to_string().as_str()),
                ])
                .write_empty()?;
            template(writer, &track.segments)
        })?;
        Ok(())
    })?;
    Ok(())
}

fn text(writer: &mut Xml, track: &TextTrack, id: usize) -> io::Result<()> {
    let id = id.to_string();
    let set = writer.create_element("AdaptationSet").with_attributes([
        ("id", id.as_str()),
        ("contentType", "text"),
        ("mimeType", "text/vtt"),
        ("lang", language(track.language.as_deref())),
    ]);
    set.write_inner_content(|writer| {
        label(writer, &track.name)?;
        role(
            writer,
            match (track.is_forced, track.tells_sounds) {
                (true, _) => "forced-subtitle",
                (false, true) => "caption",
                (false, false) => "subtitle",
            },
        )?;
        let representation = writer
            .create_element("Representation")
            .with_attributes([("id", track.id.as_str()), ("bandwidth", "1000")]);
        representation.write_inner_content(|writer| {
            writer
                .create_element("BaseURL")
                .write_text_content(BytesText::new(&track.whole_uri))?;
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

/// A sheet of stills (DASH-IF's guidelines for interoperability, 6.2.6): one segment, whose duration divided by its stills is
/// the time of each.
fn tiles(writer: &mut Xml, track: &TileTrack, id: usize) -> io::Result<()> {
    let id = id.to_string();
    let set = writer.create_element("AdaptationSet").with_attributes([
        ("id", id.as_str()),
        ("contentType", "image"),
        ("mimeType", track.mime),
    ]);
    set.write_inner_content(|writer| {
        let (width, height) = (track.width * track.columns, track.height * track.rows);
        let (width, height) = (width.to_string(), height.to_string());
        let bandwidth = track.bit_rate.max(1).to_string();
        let representation = writer.create_element("Representation").with_attributes([
            ("id", "tiles"),
            ("width", &width),
            ("height", &height),
            ("bandwidth", &bandwidth),
        ]);
        representation.write_inner_content(|writer| {
            writer
                .create_element("EssentialProperty")
                .with_attributes([
                    ("schemeIdUri", "http://dashif.org/guidelines/thumbnail_tile"),
                    ("value", format!("{}x{}", track.columns, track.rows).as_str()),
                ])
                .write_empty()?;
            // In milliseconds, as microseconds of a long film do not fit its 32 bits.
            let lasts = track.interval_us * i64::from(track.columns) * i64::from(track.rows) / 1000;
            writer
                .create_element("SegmentTemplate")
                .with_attributes([
                    ("timescale", "1000"),
                    ("startNumber", "1"),
                    ("duration", lasts.to_string().as_str()),
                    ("media", track.image_uri.replace('$', "$$").as_str()),
                ])
                .write_empty()?;
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

/// A language as the schema takes it (BCP 47); files may say anything.
fn language(told: Option<&str>) -> &str {
    let is_tag = |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_first = |tag: &str| tag.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_language = |told: &&str| told.split('-').all(is_tag) && told.split('-').next().is_some_and(is_first);
    told.filter(is_language).unwrap_or("und")
}

/// What a set is for. The schema wants it after the label.
fn role(writer: &mut Xml, value: &str) -> io::Result<()> {
    writer
        .create_element("Role")
        .with_attributes([("schemeIdUri", "urn:mpeg:dash:role:2011"), ("value", value)])
        .write_empty()?;
    Ok(())
}

fn label(writer: &mut Xml, name: &str) -> io::Result<()> {
    let clean: String = name.chars().filter(|c| !c.is_control()).collect();
    writer
        .create_element("Label")
        .write_text_content(BytesText::new(&clean))?;
    Ok(())
}

fn template(writer: &mut Xml, segments: &Segments) -> io::Result<()> {
    // A dollar sign begins an identifier in a template (section 5.3.9.4.4), so one of ours is doubled.
    let escape = |uri: &str| uri.replace('$', "$$");
    let media = escape(&segments.template).replace("{n}", "$Number$");
    let timescale = TIMESCALE.to_string();
    let mut element = writer.create_element("SegmentTemplate").with_attributes([
        ("timescale", timescale.as_str()),
        ("startNumber", "0"),
        ("media", media.as_str()),
    ]);
    if let Some(init) = &segments.init {
        element = element.with_attribute(("initialization", escape(&init.uri).as_str()));
    }
    element.write_inner_content(|writer| {
        writer
            .create_element("SegmentTimeline")
            .write_inner_content(|writer| timeline(writer, segments))?;
        Ok(())
    })?;
    Ok(())
}

/// Runs of equal lengths as one element each.
fn timeline(writer: &mut Xml, segments: &Segments) -> io::Result<()> {
    let mut at = 0;
    for run in segments.entries.chunk_by(|a, b| a.length_us == b.length_us) {
        let Some(first) = run.first() else { continue };
        let (t, d, r) = (at.to_string(), first.length_us.to_string(), (run.len() - 1).to_string());
        let mut element = writer.create_element("S");
        if at == 0 {
            element = element.with_attribute(("t", t.as_str()));
        }
        element = element.with_attribute(("d", d.as_str()));
        if run.len() > 1 {
            element = element.with_attribute(("r", r.as_str()));
        }
        element.write_empty()?;
        at += first.length_us * run.len() as i64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::VideoRange;
    use super::*;

    fn manifest_of(segments: Segments) -> String {
        let presentation = Presentation {
            video: vec![VideoTrack {
                id: "v720".to_owned(),
                uri: String::new(),
                codecs: "avc1.64001f".to_owned(),
                width: 1280,
                height: 720,
                frame_rate: Some((25, 1)),
                peak_bit_rate: 3_000_000,
                mean_bit_rate: None,
                range: VideoRange::Sdr,
                segments,
            }],
            audio: vec![AudioTrack {
                id: "a0".to_owned(),
                uri: String::new(),
                codecs: "mp4a.40.2".to_owned(),
                name: "<&> \u{1}".to_owned(),
                language: None,
                channels: 6,
                sample_rate: 48_000,
                peak_bit_rate: 128_000,
                is_default: true,
                segments: Segments::each(None, "a/{n}", [1]),
            }],
            is_independent: true,
            duration_us: 9_500_001,
            ..Presentation::default()
        };
        manifest(&presentation).expect("a manifest")
    }

    #[test]
    fn equal_lengths_are_one_run_and_the_last_is_its_own() {
        let lengths = [4_000_000, 4_000_000, 1_500_001];
        let text = manifest_of(Segments::each(Some("v/i?a=$1".to_owned()), "v/{n}?a=$1", lengths));
        assert!(text.contains(r#"<S t="0" d="4000000" r="1"/>"#), "{text}");
        assert!(text.contains(r#"<S d="1500001"/>"#), "{text}");
        assert!(text.contains(r#"media="v/$Number$?a=$$1""#), "{text}");
        assert!(text.contains(r#"initialization="v/i?a=$$1""#), "{text}");
        assert!(text.contains(r#"mediaPresentationDuration="PT9.500001S""#), "{text}");
    }

    #[test]
    fn names_from_files_are_text() {
        let text = manifest_of(Segments::each(None, "v/{n}", [4_000_000]));
        assert!(text.contains("<Label>&lt;&amp;&gt; </Label>"), "{text}");
        assert!(text.contains(r#"lang="und""#), "{text}");
        let (label, role) = (text.find("<Label>"), text.find("<Role "));
        assert!(label < role && label.is_some(), "{text}");
        let told = ["de", "pt-BR", "zh-Hans-TW", "eng", "English (US)", "d\u{e9}", "", "1"];
        let found = told.map(|told| language(Some(told)));
        assert_eq!(found, ["de", "pt-BR", "zh-Hans-TW", "eng", "und", "und", "und", "und"]);
    }
}

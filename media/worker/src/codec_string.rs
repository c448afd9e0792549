//! Codec strings after RFC 6381, which browsers ask for before they play: made from real setup bytes, never guessed.

use media_av::stream::{Kind, StreamView};

use crate::headers;

/// The codec string of a stream in a container, if the file tells enough for an exact one.
pub fn of(stream: &StreamView<'_>, container: &str, frame_rate: Option<(i32, i32)>) -> Option<String> {
    let tag = stream.codec_tag();
    let tag = std::str::from_utf8(&tag).unwrap_or("");
    let setup = stream.extradata();
    match (stream.kind(), stream.codec().as_str()) {
        (Kind::Video, "h264") => avc(if tag == "avc3" { "avc3" } else { "avc1" }, setup),
        (Kind::Video, "hevc") => hevc(if tag == "hev1" { "hev1" } else { "hvc1" }, setup),
        (Kind::Video, "av1") => av1(setup),
        (Kind::Video, "vp9") => vp9(stream, setup, frame_rate),
        (Kind::Video, "vp8") => Some("vp8".to_owned()),
        (Kind::Video, "mpeg4") => mpeg4(setup),
        (Kind::Video, "theora") => Some("theora".to_owned()),
        (Kind::Audio, "aac") => aac(stream, setup),
        (Kind::Audio, "mp3") if matches!(container, "mp4" | "mov") => Some("mp4a.6B".to_owned()),
        (Kind::Audio, name @ ("mp3" | "opus" | "vorbis" | "flac" | "alac")) => Some(name.to_owned()),
        (Kind::Audio, "ac3") => Some("ac-3".to_owned()),
        (Kind::Audio, "eac3") => Some("ec-3".to_owned()),
        (Kind::Audio, "dts") => Some(
            if matches!(tag, "dtsh" | "dtsl" | "dtse") {
                tag
            } else {
                "dtsc"
            }
            .to_owned(),
        ),
        (Kind::Audio, "truehd") => Some("mlpa".to_owned()),
        (Kind::Subtitle, "webvtt") => Some("wvtt".to_owned()),
        _ => None,
    }
}

/// `avc1.PPCCLL`: profile, constraint flags and level are the three bytes after the NAL header of the parameter set.
fn avc(fourcc: &str, setup: &[u8]) -> Option<String> {
    let sps = headers::avc_sps(setup)?;
    let [profile, constraints, level] = sps.get(1..4)?.try_into().ok()?;
    Some(format!("{fourcc}.{profile:02x}{constraints:02x}{level:02x}"))
}

/// ISO/IEC 14496-15, E.3: profile, compatibility flags bit-reversed, tier and level, constraint bytes without trailing
/// zeros.
fn hevc(fourcc: &str, setup: &[u8]) -> Option<String> {
    let general = headers::hevc_general(setup)?;
    let space = ["", "A", "B", "C"][usize::from(general[0] >> 6)];
    let tier = if general[0] & 0x20 == 0 { 'L' } else { 'H' };
    let profile = general[0] & 0x1f;
    let compatibility = u32::from_be_bytes([general[1], general[2], general[3], general[4]]).reverse_bits();
    let mut text = format!("{fourcc}.{space}{profile}.{compatibility:X}.{tier}{}", general[11]);
    let constraints = &general[5..11];
    let n = constraints
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    for byte in &constraints[..n] {
        text.push_str(&format!(".{byte:X}"));
    }
    Some(text)
}

/// AV1-ISOBMFF, section 5: `av01.P.LLT.DD`, all in the first bytes of av1C.
fn av1(setup: &[u8]) -> Option<String> {
    let [marker, profile_level, flags] = setup.get(..3)?.try_into().ok()?;
    if marker != 0x81 {
        return None;
    }
    let (profile, level) = (profile_level >> 5, profile_level & 0x1f);
    let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match (flags & 0x40 != 0, flags & 0x20 != 0) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    Some(format!("av01.{profile}.{level:02}{tier}.{depth:02}"))
}

/// `vp09.PP.LL.DD`. WebM rarely stores the level, so it is the lowest that holds this size and rate.
fn vp9(stream: &StreamView<'_>, setup: &[u8], frame_rate: Option<(i32, i32)>) -> Option<String> {
    let (mut profile, mut level, mut depth) = (stream.profile(), stream.level(), stream.bit_depth().map(i32::from));
    // WebM's codec private: identifier, length, value; 1 profile, 2 level, 3 bit depth.
    for feature in setup.chunks_exact(3).filter(|feature| feature[1] == 1) {
        let value = Some(i32::from(feature[2]));
        match feature[0] {
            1 => profile = value,
            2 => level = value,
            3 => depth = value,
            _ => {}
        }
    }
    let profile = profile?;
    let depth = depth.unwrap_or(if profile >= 2 { 10 } else { 8 });
    let level = level.or_else(|| vp9_level(stream.size()?, frame_rate))?;
    Some(format!("vp09.{profile:02}.{level:02}.{depth:02}"))
}

/// VP9 levels: (level × 10, luma samples a second, luma samples of a picture).
const VP9_LEVELS: [(i32, u64, u64); 14] = [
    (10, 829_440, 36_864),
    (11, 2_764_800, 73_728),
    (20, 4_608_000, 122_880),
    (21, 9_216_000, 245_760),
    (30, 20_736_000, 552_960),
    (31, 36_864_000, 983_040),
    (40, 83_558_400, 2_228_224),
    (41, 160_432_128, 2_228_224),
    (50, 311_951_360, 8_912_896),
    (51, 588_251_136, 8_912_896),
    (52, 1_176_502_272, 8_912_896),
    (60, 1_176_502_272, 35_651_584),
    (61, 2_353_004_544, 35_651_584),
    (62, 4_706_009_088, 35_651_584),
];

fn vp9_level((width, height): (u32, u32), frame_rate: Option<(i32, i32)>) -> Option<i32> {
    let (num, den) = frame_rate.unwrap_or((30, 1));
    let picture = u64::from(width) * u64::from(height);
    let rate = picture.checked_mul(u64::try_from(num).ok()?)? / u64::try_from(den).ok()?.max(1);
    VP9_LEVELS
        .iter()
        .find(|&&(_, max_rate, max_picture)| rate <= max_rate && picture <= max_picture)
        .map(|l| l.0)
}

/// `mp4v.20.N`: the profile and level indication of the visual object sequence, in decimal.
fn mpeg4(setup: &[u8]) -> Option<String> {
    let at = setup.windows(4).position(|window| window == [0, 0, 1, 0xb0])?;
    Some(format!("mp4v.20.{}", setup.get(at + 4)?))
}

/// `mp4a.40.N`: the audio object type. HE-AAC may be implicit (type 2 in the setup), so the decoder's finding wins.
fn aac(stream: &StreamView<'_>, setup: &[u8]) -> Option<String> {
    let decoded = stream
        .profile()
        .filter(|&profile| profile < 64)
        .map(|profile| profile + 1);
    let stated = headers::Bits::new(setup)
        .take(5)
        .map(|kind| kind as i32)
        .filter(|&kind| kind > 0);
    let stated = match stated {
        Some(31) => None,
        other => other,
    };
    let object_type = match (decoded, stated) {
        (Some(he @ (5 | 29)), _) => he,
        (_, Some(stated)) => stated,
        (Some(decoded), None) => decoded,
        (None, None) => return None,
    };
    Some(format!("mp4a.40.{object_type}"))
}

//! What the header of a rendition says of it: the truth that playlists repeat.

/// What playlists say of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Codec string after RFC 6381; empty for what is only ever copied.
    pub codecs: String,
    /// Width and height in pixels; none of sound.
    pub size: Option<(u32, u32)>,
}

/// Reads a header (ISO/IEC 14496-12) of one track; none if it is not like those that heads make.
pub fn facts(header: &[u8]) -> Option<Facts> {
    let table = ["moov", "trak", "mdia", "minf", "stbl", "stsd"]
        .iter()
        .try_fold(header, |within, kind| find(within, kind))?;
    // Version, flags and the number of entries come before the entries.
    let (kind, entry) = boxes(table.get(8..)?).next()?;
    match &kind {
        b"avc1" | b"avc3" => {
            let config = find(entry.get(78..)?, "avcC")?;
            let [profile, constraints, level] = *config.get(1..4)? else {
                return None;
            };
            Some(Facts {
                codecs: format!("{}.{profile:02x}{constraints:02x}{level:02x}", kind.escape_ascii()),
                size: Some((number(entry, 24)?, number(entry, 26)?)),
            })
        }
        // The codec of these is told by the file; their entry begins as every other of pictures.
        b"hvc1" | b"av01" | b"vp09" => Some(Facts {
            codecs: String::new(),
            size: Some((number(entry, 24)?, number(entry, 26)?)),
        }),
        b"mp4a" => Some(Facts {
            codecs: format!("mp4a.40.{}", object_type(find(entry.get(28..)?, "esds")?)?),
            size: None,
        }),
        b"Opus" | b"fLaC" => Some(Facts {
            codecs: String::new(),
            size: None,
        }),
        _ => None,
    }
}

fn number(entry: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_be_bytes(entry.get(at..at + 2)?.try_into().ok()?)))
}

fn find<'a>(within: &'a [u8], kind: &str) -> Option<&'a [u8]> {
    boxes(within)
        .find(|(found, _)| found == kind.as_bytes())
        .map(|(_, content)| content)
}

/// The boxes that lie in these bytes, each with its content.
fn boxes(mut rest: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let size = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let kind = rest.get(4..8)?.try_into().ok()?;
        let content = rest.get(8..size)?;
        rest = &rest[size..];
        Some((kind, content))
    })
}

/// The audio object type of an elementary stream descriptor (ISO/IEC 14496-1, 7.2.6).
fn object_type(esds: &[u8]) -> Option<u8> {
    let (tag, stream) = descriptor(esds.get(4..)?)?;
    let flags = *stream.get(2)?;
    // No dependency, URL or clock reference: heads write none.
    let (config_tag, config) = descriptor(stream.get(3..)?)?;
    let (specific_tag, specific) = descriptor(config.get(13..)?)?;
    let is_usual = (tag, config_tag, specific_tag) == (3, 4, 5) && flags & 0xe0 == 0 && config.first() == Some(&0x40);
    is_usual.then(|| specific.first().map(|first| first >> 3))?
}

fn descriptor(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let tag = *bytes.first()?;
    let mut length = 0_usize;
    for (index, byte) in bytes.iter().enumerate().skip(1).take(4) {
        length = length << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((tag, bytes.get(index + 1..index + 1 + length)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &str, content: &[u8]) -> Vec<u8> {
        let size = (content.len() as u32 + 8).to_be_bytes();
        [&size[..], kind.as_bytes(), content].concat()
    }

    fn header(entry: &[u8]) -> Vec<u8> {
        let table = boxed("stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], entry].concat());
        let track = ["stbl", "minf", "mdia", "trak"]
            .iter()
            .fold(table, |within, kind| boxed(kind, &within));
        [
            boxed("ftyp", b"iso5"),
            boxed("moov", &[boxed("mvhd", &[0; 100]), track].concat()),
        ]
        .concat()
    }

    #[test]
    fn pictures_and_sound_are_named_after_their_headers() {
        let mut fields = [0; 78];
        fields[24..28].copy_from_slice(&[0x05, 0x00, 0x02, 0xd0]);
        let film = boxed(
            "avc1",
            &[&fields[..], &boxed("avcC", &[1, 0x64, 0, 0x1f, 0xff])].concat(),
        );
        let expected = Facts {
            codecs: "avc1.64001f".to_owned(),
            size: Some((1280, 720)),
        };
        assert_eq!(facts(&header(&film)), Some(expected));

        let specific = [5, 2, 0x11, 0x90];
        let config = [&[4, 0x80, 0x80, 0x80, 17, 0x40][..], &[0; 12], &specific].concat();
        let stream = [&[3, 25, 0, 1, 0][..], &config].concat();
        let esds = boxed("esds", &[&[0; 4][..], &stream].concat());
        let sound = boxed("mp4a", &[&[0; 28][..], &esds].concat());
        assert_eq!(
            facts(&header(&sound)).map(|facts| facts.codecs).as_deref(),
            Some("mp4a.40.2")
        );
    }

    #[test]
    fn other_bytes_are_no_header() {
        let film = header(&boxed("avc1", &[0; 90]));
        for length in 0..film.len() {
            assert_eq!(facts(&film[..length]), None);
        }
        assert_eq!(facts(&header(&boxed("text", b""))), None);
        assert_eq!(facts(&[0xff; 64]), None);
    }
}

//! The orientation of a photograph, from its Exif block (Exif 2.32, tag 0x0112).

/// The orientation's number, from 1 to 8, of a JPEG, TIFF, PNG or WebP. `head` is the file's beginning; `read` fills a
/// buffer from an offset and says how much there was, as WebP keeps its Exif block behind the picture.
pub fn orientation_in(head: &[u8], read: impl Fn(u64, &mut [u8]) -> usize) -> Option<u16> {
    let number = match head {
        [0xff, 0xd8, ..] => orientation(tiff(head)?),
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => orientation(head),
        [0x89, b'P', b'N', b'G', ..] => orientation(png_exif(head)?),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => orientation(&webp_exif(read)?),
        _ => None,
    };
    number.filter(|number| (1..=8).contains(number))
}

/// The `eXIf` chunk (PNG 1.2, extensions 1.5.0), if it is before the picture, as it should be.
fn png_exif(head: &[u8]) -> Option<&[u8]> {
    let mut at = 8;
    loop {
        let len = u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?) as usize;
        match head.get(at + 4..at + 8)? {
            b"eXIf" => return head.get(at + 8..at.checked_add(8)?.checked_add(len)?),
            b"IDAT" => return None,
            _ => at = at.checked_add(len)?.checked_add(12)?,
        }
    }
}

/// The `EXIF` chunk of the WebP container.
fn webp_exif(read: impl Fn(u64, &mut [u8]) -> usize) -> Option<Vec<u8>> {
    let mut at = 12u64;
    for _ in 0..64 {
        let mut header = [0; 8];
        if read(at, &mut header) < 8 {
            return None;
        }
        let len = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        if &header[..4] == b"EXIF" {
            let mut block = vec![0; len.min(64 * 1024) as usize];
            let n = read(at + 8, &mut block);
            block.truncate(n);
            // Some writers keep the mark that JPEG has before the block.
            return Some(block.strip_prefix(b"Exif\0\0").map(<[u8]>::to_vec).unwrap_or(block));
        }
        at += 8 + u64::from(len) + u64::from(len % 2);
    }
    None
}

/// Degrees to turn the picture clockwise, from the first bytes of a JPEG file. Mirrored orientations count as their turn.
pub fn rotation(head: &[u8]) -> Option<u16> {
    match orientation(tiff(head)?)? {
        1 | 2 => Some(0),
        3 | 4 => Some(180),
        5 | 6 => Some(90),
        7 | 8 => Some(270),
        _ => None,
    }
}

/// The TIFF block inside the Exif segment.
fn tiff(head: &[u8]) -> Option<&[u8]> {
    let mut at = 2;
    if !head.starts_with(&[0xff, 0xd8]) {
        return None;
    }
    // Segments: FF, marker, length including itself. The picture starts at FF DA.
    while let [0xff, marker, high, low] = *head.get(at..at + 4)? {
        if marker == 0xda {
            return None;
        }
        let len = usize::from(u16::from_be_bytes([high, low]));
        let segment = head.get(at + 4..(at + 2 + len).min(head.len()));
        if marker == 0xe1
            && let Some(tiff) = segment.and_then(|segment| segment.strip_prefix(b"Exif\0\0"))
        {
            return Some(tiff);
        }
        at += 2 + len;
    }
    None
}

fn orientation(tiff: &[u8]) -> Option<u16> {
    let little = match tiff.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let short = |at: usize| -> Option<u16> {
        let bytes = [*tiff.get(at)?, *tiff.get(at + 1)?];
        Some(if little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    };
    let long = |at: usize| -> Option<usize> {
        let (first, second) = (usize::from(short(at)?), usize::from(short(at + 2)?));
        Some(if little {
            second << 16 | first
        } else {
            first << 16 | second
        })
    };
    let directory = long(4)?;
    let n = usize::from(short(directory)?);
    let entry = (0..n)
        .map(|i| directory + 2 + i * 12)
        .find(|&at| short(at) == Some(0x0112))?;
    short(entry + 8)
}

#[cfg(test)]
mod tests {
    use super::{orientation_in, rotation};

    #[test]
    fn orientation_is_read_in_both_byte_orders() {
        let jpeg = |tiff: &[u8]| {
            let mut file = vec![0xff, 0xd8, 0xff, 0xe1];
            file.extend(((tiff.len() + 8) as u16).to_be_bytes());
            file.extend(b"Exif\0\0");
            file.extend(tiff);
            file
        };
        let little = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        let big = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0";
        assert_eq!(rotation(&jpeg(little)), Some(90));
        assert_eq!(rotation(&jpeg(big)), Some(270));
        assert_eq!(rotation(&jpeg(&little[..12])), None);
        assert_eq!(rotation(b"\xff\xd8\xff\xda\0\0"), None);
    }

    #[test]
    fn orientation_is_found_in_every_format() {
        let block = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        let chunk = |name: &[u8], len: [u8; 4]| [&len[..], name, block, &[0; 4]].concat();
        let png = [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"eXIf", [0, 0, 0, block.len() as u8])].concat();
        let webp = [
            b"RIFF\0\0\0\0WEBPVP8 \x03\0\0\0abc\0EXIF",
            &[block.len() as u8, 0, 0, 0][..],
            block,
        ]
        .concat();
        for file in [&block[..], &png, &webp] {
            let read = |at: u64, to: &mut [u8]| {
                let rest = file.get(at as usize..).unwrap_or_default();
                let n = rest.len().min(to.len());
                to[..n].copy_from_slice(&rest[..n]);
                n
            };
            assert_eq!(orientation_in(file, read), Some(6), "{:?}", &file[..4]);
            assert_eq!(orientation_in(&file[..file.len() / 2], |_, _| 0), None);
        }
    }
}

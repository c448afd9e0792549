//! The orientation of a photograph, from the Exif block of a JPEG (Exif 2.32, tag 0x0112).

/// The orientation's number, from 1 to 8, from the first bytes of a JPEG file.
pub fn orientation_of(head: &[u8]) -> Option<u16> {
    orientation(tiff(head)?).filter(|number| (1..=8).contains(number))
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
    use super::rotation;

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
}

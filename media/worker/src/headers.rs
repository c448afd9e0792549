//! What a codec's own setup bytes say: the parts of avcC, hvcC, av1C and of H.264 and HEVC parameter sets that we use.
//!
//! Everything here reads hostile bytes, so every access is checked and a short or odd header is simply none.

/// A reader of bits, most significant first.
pub struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    /// Starts at the first bit.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// The next `n` bits, at most 32.
    pub fn take(&mut self, n: usize) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..n {
            let byte = *self.bytes.get(self.position / 8)?;
            value = (value << 1) | u32::from(byte >> (7 - self.position % 8) & 1);
            self.position += 1;
        }
        Some(value)
    }
}

/// A NAL unit without its emulation prevention bytes.
pub fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}

/// The NAL units of an Annex B stream.
pub fn annex_b(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let start = rest.windows(3).position(|w| w == [0, 0, 1])? + 3;
        rest = &rest[start..];
        let end = rest.windows(3).position(|w| w == [0, 0, 1]).unwrap_or(rest.len());
        Some(&rest[..end])
    })
}

/// The first H.264 sequence parameter set in avcC or Annex B setup bytes, with its NAL header.
pub fn avc_sps(setup: &[u8]) -> Option<&[u8]> {
    if setup.first() == Some(&1) {
        let n = setup.get(5)? & 0x1f;
        let len = usize::from(u16::from_be_bytes([*setup.get(6)?, *setup.get(7)?]));
        return (n > 0).then(|| setup.get(8..8 + len)).flatten();
    }
    annex_b(setup).find(|nal| nal.first().is_some_and(|head| head & 0x1f == 7))
}

/// The first HEVC sequence parameter set in hvcC or Annex B setup bytes, with its NAL header.
pub fn hevc_sps(setup: &[u8]) -> Option<&[u8]> {
    let is_sps = |nal: &[u8]| nal.first().is_some_and(|head| head >> 1 & 0x3f == 33);
    if setup.first() != Some(&1) {
        return annex_b(setup).find(|nal| is_sps(nal));
    }
    let mut at = 23;
    for _ in 0..*setup.get(22)? {
        let n = u16::from_be_bytes([*setup.get(at + 1)?, *setup.get(at + 2)?]);
        at += 3;
        for _ in 0..n {
            let len = usize::from(u16::from_be_bytes([*setup.get(at)?, *setup.get(at + 1)?]));
            let nal = setup.get(at + 2..at + 2 + len)?;
            if is_sps(nal) {
                return Some(nal);
            }
            at += 2 + len;
        }
    }
    None
}

/// The 12 bytes of general profile, tier, level of HEVC: from hvcC as they are, or out of a parameter set.
pub fn hevc_general(setup: &[u8]) -> Option<[u8; 12]> {
    if setup.first() == Some(&1) {
        return setup.get(1..13)?.try_into().ok();
    }
    // Two bytes of NAL header, then 4 + 3 + 1 bits before the general part.
    unescape(hevc_sps(setup)?).get(3..15)?.try_into().ok()
}

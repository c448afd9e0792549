//! H.264's parameter sets: what they say, how they travel, and two of them in one header (ISO/IEC 14496-15, ITU-T H.264).

/// Network abstraction layer units that matter here.
const SPS: u8 = 7;
const PPS: u8 = 8;
const IDR: u8 = 5;

/// How units are told apart in a stream's packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Start codes (Annex B).
    StartCodes,
    /// A length of so many bytes before each unit.
    Lengths(usize),
}

/// The parameter sets of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// Sequence parameter sets.
    pub sps: Vec<Vec<u8>>,
    /// Picture parameter sets.
    pub pps: Vec<Vec<u8>>,
}

/// What a sequence parameter set says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sps {
    /// The profile's number.
    pub profile: u8,
    /// Its own number.
    pub id: u32,
    /// 1 for 4:2:0.
    pub chroma_format: u32,
    /// Bits of luma and of chroma.
    pub bit_depth: (u32, u32),
    /// Whether every picture is a whole frame.
    pub is_progressive: bool,
}

impl Parameters {
    /// From a stream's setup, in either form; none if it makes no sense.
    pub fn read(setup: &[u8]) -> Option<(Self, Framing)> {
        if setup.first() != Some(&1) {
            let this = Self::of_units(units(setup, Framing::StartCodes)?);
            return (!this.sps.is_empty() && !this.pps.is_empty()).then_some((this, Framing::StartCodes));
        }
        let framing = Framing::Lengths(usize::from(setup.get(4)? & 3) + 1);
        let mut rest = setup.get(5..)?;
        let mut lists = [Vec::new(), Vec::new()];
        for (list, mask) in lists.iter_mut().zip([0x1f, 0xff]) {
            let n = rest.first()? & mask;
            rest = &rest[1..];
            for _ in 0..n {
                let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
                list.push(rest.get(2..2 + length)?.to_vec());
                rest = &rest[2 + length..];
            }
        }
        let [sps, pps] = lists;
        (!sps.is_empty() && !pps.is_empty()).then_some((Self { sps, pps }, framing))
    }

    fn of_units<'a>(units: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let (mut sps, mut pps) = (Vec::new(), Vec::new());
        for unit in units {
            match unit.first().map(|byte| byte & 0x1f) {
                Some(SPS) => sps.push(unit.to_vec()),
                Some(PPS) => pps.push(unit.to_vec()),
                _ => {}
            }
        }
        Self { sps, pps }
    }

    /// Whether one of the sets has this number already.
    pub fn uses(&self, id: u32) -> bool {
        let sps = self.sps.iter().any(|sps| Sps::read(sps).is_none_or(|sps| sps.id == id));
        let pps = self
            .pps
            .iter()
            .any(|pps| Bits::of(pps, 1).golomb().is_none_or(|own| own == id));
        sps || pps
    }

    /// Whether a unit of a packet is one of these sets, bit by bit.
    fn has(&self, unit: &[u8]) -> bool {
        self.sps.iter().chain(&self.pps).any(|own| own == unit)
    }

    /// The setup of an mp4 track that holds both, with lengths of four bytes before units. None for more than fit.
    pub fn joined(&self, other: &Self) -> Option<Vec<u8>> {
        let first = self.sps.first()?;
        let head = [1, *first.get(1)?, *first.get(2)?, *first.get(3)?, 0xff];
        let mut setup = head.to_vec();
        for (own, theirs, mark) in [(&self.sps, &other.sps, 0xe0), (&self.pps, &other.pps, 0)] {
            let n = u8::try_from(own.len() + theirs.len()).ok().filter(|n| *n < 32)?;
            setup.push(mark | n);
            for unit in own.iter().chain(theirs) {
                setup.extend_from_slice(&u16::try_from(unit.len()).ok()?.to_be_bytes());
                setup.extend_from_slice(unit);
            }
        }
        if matches!(first[1], 100 | 110 | 122 | 144) {
            let sps = Sps::read(first)?;
            let depth = |bits: u32| u8::try_from(bits.checked_sub(8)?).ok();
            setup.push(0xfc | u8::try_from(sps.chroma_format).ok()?);
            setup.extend([0xf8 | depth(sps.bit_depth.0)?, 0xf8 | depth(sps.bit_depth.1)?, 0]);
        }
        Some(setup)
    }
}

/// A packet's units behind lengths of four bytes, without the parameter sets that the header has. None if it carries others,
/// or is no packet.
pub fn reframed(packet: &[u8], framing: Framing, known: &Parameters) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(packet.len() + 16);
    for unit in units(packet, framing)? {
        match unit.first().map(|byte| byte & 0x1f) {
            None => continue,
            Some(SPS | PPS) if known.has(unit) => continue,
            Some(SPS | PPS) => return None,
            Some(_) => {}
        }
        bytes.extend_from_slice(&u32::try_from(unit.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(unit);
    }
    Some(bytes)
}

/// Whether nothing after this packet needs anything before it.
pub fn is_closed(packet: &[u8], framing: Framing) -> bool {
    units(packet, framing).is_some_and(|units| units.iter().any(|unit| unit.first().is_some_and(|b| b & 0x1f == IDR)))
}

/// The units of a packet; none if the lengths do not add up.
fn units(packet: &[u8], framing: Framing) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    match framing {
        Framing::Lengths(size) => {
            let mut rest = packet;
            while !rest.is_empty() {
                let head = rest.get(..size)?;
                let length = head.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
                let end = size.checked_add(length)?;
                found.push(rest.get(size..end)?);
                rest = &rest[end..];
            }
        }
        Framing::StartCodes => {
            let mut starts = Vec::new();
            let mut at = 0;
            while at + 3 <= packet.len() {
                if packet[at..].starts_with(&[0, 0, 1]) {
                    starts.push(at);
                    at += 3;
                } else {
                    at += 1;
                }
            }
            for (index, start) in starts.iter().enumerate() {
                let end = starts.get(index + 1).copied().unwrap_or(packet.len());
                // Zeros before a start code are not the unit's.
                let length = packet[start + 3..end]
                    .iter()
                    .rposition(|byte| *byte != 0)
                    .map_or(0, |last| last + 1);
                found.push(&packet[start + 3..start + 3 + length]);
            }
        }
    }
    Some(found)
}

impl Sps {
    /// Reads what is needed of a set; none if it is cut off.
    pub fn read(unit: &[u8]) -> Option<Self> {
        let profile = *unit.get(1)?;
        let mut bits = Bits::of(unit, 4);
        let id = bits.golomb()?;
        let (mut chroma_format, mut bit_depth) = (1, (8, 8));
        if matches!(
            profile,
            100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
        ) {
            chroma_format = bits.golomb()?;
            if chroma_format == 3 {
                bits.take(1)?;
            }
            bit_depth = (bits.golomb()?.checked_add(8)?, bits.golomb()?.checked_add(8)?);
            bits.take(1)?;
            if bits.take(1)? == 1 {
                for list in 0..if chroma_format == 3 { 12 } else { 8 } {
                    if bits.take(1)? == 1 {
                        bits.skip_scaling_list(if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }
        bits.golomb()?;
        match bits.golomb()? {
            0 => {
                bits.golomb()?;
            }
            1 => {
                bits.take(1)?;
                bits.golomb()?;
                bits.golomb()?;
                for _ in 0..bits.golomb()?.min(255) {
                    bits.golomb()?;
                }
            }
            _ => {}
        }
        bits.golomb()?;
        bits.take(1)?;
        bits.golomb()?;
        bits.golomb()?;
        Some(Self {
            profile,
            id,
            chroma_format,
            bit_depth,
            is_progressive: bits.take(1)? == 1,
        })
    }
}

/// The bits of a unit, without the bytes that only keep start codes away.
struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    fn of(unit: &[u8], skip: usize) -> Self {
        let mut bytes = Vec::with_capacity(unit.len());
        let mut zeros = 0;
        for &byte in unit {
            if zeros >= 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            bytes.push(byte);
        }
        Self { bytes, at: skip * 8 }
    }

    fn take(&mut self, n: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..n {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// An Exp-Golomb number without a sign.
    fn golomb(&mut self) -> Option<u32> {
        let mut n = 0;
        while self.take(1)? == 0 {
            n += 1;
            if n > 31 {
                return None;
            }
        }
        Some((1u32 << n).wrapping_sub(1).wrapping_add(self.take(n)?))
    }

    fn skip_scaling_list(&mut self, size: usize) -> Option<()> {
        let (mut last, mut next) = (8i64, 8i64);
        for _ in 0..size {
            if next != 0 {
                let coded = i64::from(self.golomb()?);
                let delta = if coded % 2 == 1 { (coded + 1) / 2 } else { -coded / 2 };
                next = (last + delta + 256) % 256;
            }
            last = if next == 0 { last } else { next };
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set as x264 writes it: High, level 4.0, 1920x1080, progressive.
    const HIGH: &[u8] = &[
        0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02, 0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04,
        0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc6, 0x58,
    ];
    const PICTURE: &[u8] = &[0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];

    fn setup() -> Vec<u8> {
        let mut setup = vec![1, 0x64, 0, 0x28, 0xff, 0xe1, 0, HIGH.len() as u8];
        setup.extend_from_slice(HIGH);
        setup.extend([1, 0, PICTURE.len() as u8]);
        setup.extend_from_slice(PICTURE);
        setup.extend([0xfd, 0xf8, 0xf8, 0]);
        setup
    }

    #[test]
    fn a_set_says_its_profile_number_and_depth() {
        let sps = Sps::read(HIGH).expect("a set");
        let expected = Sps {
            profile: 100,
            id: 0,
            chroma_format: 1,
            bit_depth: (8, 8),
            is_progressive: true,
        };
        assert_eq!(sps, expected);
        for cut in 0..HIGH.len() {
            // Whatever is cut off, nothing panics.
            let _ = Sps::read(&HIGH[..cut]);
        }
    }

    #[test]
    fn both_forms_of_a_setup_say_the_same() {
        let (own, framing) = Parameters::read(&setup()).expect("a setup");
        assert_eq!(framing, Framing::Lengths(4));
        let codes = [&[0, 0, 0, 1], HIGH, &[0, 0, 1], PICTURE].concat();
        assert_eq!(Parameters::read(&codes), Some((own.clone(), Framing::StartCodes)));
        assert!(own.uses(0) && !own.uses(1));
        // Joined with nothing it is what it was.
        let nothing = Parameters {
            sps: Vec::new(),
            pps: Vec::new(),
        };
        assert_eq!(own.joined(&nothing), Some(setup()));
        let both = Parameters::read(&own.joined(&own).expect("room")).expect("a setup").0;
        assert_eq!((both.sps.len(), both.pps.len()), (2, 2));
    }

    #[test]
    fn packets_lose_the_sets_that_the_header_has_and_no_others() {
        let own = Parameters::read(&setup()).expect("a setup").0;
        let slice: &[u8] = &[0x65, 1, 2, 3];
        let packet = [&[0, 0, 0, 1], HIGH, &[0, 0, 1], PICTURE, &[0, 0, 1], slice].concat();
        assert_eq!(
            reframed(&packet, Framing::StartCodes, &own),
            Some([&[0, 0, 0, 4], slice].concat())
        );
        assert!(is_closed(&packet, Framing::StartCodes));
        let other = [&[0, 0, 1], &HIGH[..10], &[0, 0, 1], slice].concat();
        assert_eq!(reframed(&other, Framing::StartCodes, &own), None);
        let short = [&[0, 4], slice].concat();
        assert_eq!(
            reframed(&short, Framing::Lengths(2), &own),
            Some([&[0, 0, 0, 4], slice].concat())
        );
        assert_eq!(reframed(&[0, 0, 0, 9, 1], Framing::Lengths(4), &own), None);
    }
}

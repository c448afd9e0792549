//! Just enough Matroska (RFC 9559) to hand frames with their times to a demuxer: a header, then a cluster for each frame.

/// A track.
pub enum Track {
    /// Pictures.
    Video {
        /// Matroska's name of the codec.
        codec: &'static str,
        /// The codec's setup.
        setup: Vec<u8>,
        /// Width and height.
        size: (u32, u32),
    },
    /// Sound.
    Audio {
        /// Matroska's name of the codec.
        codec: &'static str,
        /// The codec's setup.
        setup: Vec<u8>,
        /// Samples a second.
        sample_rate: u32,
        /// Channels.
        channels: u32,
    },
}

/// A length that is not known.
const ENDLESS: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/// Times are in microseconds.
const NANOSECONDS: u64 = 1_000;

/// All that comes before the first frame.
pub fn header(tracks: &[Track]) -> Vec<u8> {
    let document = [
        number(0x4286, 1),
        number(0x42f7, 1),
        number(0x42f2, 4),
        number(0x42f3, 8),
        element(0x4282, b"matroska"),
        number(0x4287, 4),
        number(0x4285, 2),
    ];
    let mut bytes = element(0x1a45_dfa3, &document.concat());
    bytes.extend(id(0x1853_8067));
    bytes.extend(ENDLESS);
    let info = [
        number(0x2a_d7b1, NANOSECONDS),
        element(0x4d80, b"vitagraph"),
        element(0x5741, b"vitagraph"),
    ];
    bytes.extend(element(0x1549_a966, &info.concat()));
    let entries: Vec<u8> = tracks
        .iter()
        .zip(1u64..)
        .flat_map(|(track, n)| entry(track, n))
        .collect();
    bytes.extend(element(0x1654_ae6b, &entries));
    bytes
}

fn entry(track: &Track, n: u64) -> Vec<u8> {
    let (kind, codec, setup, own) = match track {
        Track::Video { codec, setup, size } => {
            let size = [number(0xb0, u64::from(size.0)), number(0xba, u64::from(size.1))];
            (1, codec, setup, element(0xe0, &size.concat()))
        }
        Track::Audio {
            codec,
            setup,
            sample_rate,
            channels,
        } => {
            let rate = element(0xb5, &f64::from(*sample_rate).to_be_bytes());
            (
                2,
                codec,
                setup,
                element(0xe1, &[rate, number(0x9f, u64::from(*channels))].concat()),
            )
        }
    };
    let mut fields = [
        number(0xd7, n),
        number(0x73c5, n),
        number(0x83, kind),
        number(0x9c, 0),
        element(0x86, codec.as_bytes()),
    ]
    .concat();
    if !setup.is_empty() {
        fields.extend(element(0x63a2, setup));
    }
    fields.extend(own);
    element(0xae, &fields)
}

/// A frame of the track with that number, from 1, shown then.
pub fn cluster(track: usize, at_us: i64, is_key: bool, frame: &[u8]) -> Vec<u8> {
    let flags = if is_key { 0x80 } else { 0 };
    // One byte holds numbers of up to 126 tracks; the time is the cluster's own.
    let mut block = vec![0x80 | (track as u8 & 0x7f), 0, 0, flags];
    block.extend_from_slice(frame);
    let inner = [number(0xe7, at_us.unsigned_abs()), element(0xa3, &block)];
    element(0x1f43_b675, &inner.concat())
}

fn element(name: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = id(name);
    // Eight bytes of length: the first says so.
    let mut length = (content.len() as u64).to_be_bytes();
    length[0] = 0x01;
    bytes.extend(length);
    bytes.extend_from_slice(content);
    bytes
}

fn number(name: u32, value: u64) -> Vec<u8> {
    element(name, &value.to_be_bytes())
}

/// A name as it is written: its own first bits say how long it is.
fn id(name: u32) -> Vec<u8> {
    let bytes = name.to_be_bytes();
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(3);
    bytes[first..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::{cluster, id};

    #[test]
    fn a_cluster_is_a_time_and_a_block() {
        let bytes = cluster(2, 0x1234, true, b"xy");
        assert_eq!(id(0x1f43_b675), [0x1f, 0x43, 0xb6, 0x75]);
        let expected = [
            &[0x1f, 0x43, 0xb6, 0x75, 1, 0, 0, 0, 0, 0, 0, 32][..],
            &[0xe7, 1, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0x12, 0x34],
            &[0xa3, 1, 0, 0, 0, 0, 0, 0, 6, 0x82, 0, 0, 0x80, b'x', b'y'],
        ];
        assert_eq!(bytes, expected.concat());
    }
}

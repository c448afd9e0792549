//! AAC as broadcast: a header before each packet says what files say once.

use media_av::encode::Packet;
use media_proto::error::MediaError;

use crate::open::av_error;

/// The AudioSpecificConfig that an ADTS header stands for (ISO/IEC 14496-3, 1.A.2.2 and 1.6.2.1).
pub fn setup(packet: &[u8]) -> Option<[u8; 2]> {
    let &[0xff, second, third, fourth, ..] = packet else {
        return None;
    };
    if second & 0xf6 != 0xf0 {
        return None;
    }
    let (profile, rate) = (third >> 6, third >> 2 & 15);
    let channels = (third & 1) << 2 | fourth >> 6;
    (rate < 13 && channels > 0).then(|| [(profile + 1) << 3 | rate >> 1, (rate & 1) << 7 | channels << 3])
}

/// A packet of sound without the header that broadcasts put before each.
pub fn without_header(packet: &Packet) -> Result<Packet, MediaError> {
    let bytes = packet.bytes();
    let header = match bytes {
        // The lowest bit says that no checksum follows.
        [0xff, second, ..] if second & 0xf6 == 0xf0 => 9 - 2 * usize::from(second & 1),
        _ => 0,
    };
    let content = bytes.get(header..).unwrap_or(&[]);
    let pts = packet.pts().or(packet.dts()).unwrap_or(i64::MIN);
    Packet::of_bytes(content, pts, packet.duration()).map_err(av_error)
}

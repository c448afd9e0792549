//! Peaks in the two forms of audiowaveform, version 2, which players read: JSON and binary.
//!
//! The store has pairs of a smallest and a largest sample as signed bytes, so many a second. What the forms call a sample
//! rate is a common multiple that makes samples a pixel come out whole.

const VERSION: i32 = 2;
/// Flag of the binary form: eight bits a value.
const EIGHT_BITS: u32 = 1;
const CHANNELS: i32 = 1;

fn sample_rate(per_second: u32) -> u32 {
    per_second * (48_000 / per_second).max(1)
}

/// The JSON form.
pub fn json(peaks: &[u8], per_second: u32) -> String {
    let rate = sample_rate(per_second);
    let values: Vec<String> = pairs(peaks).iter().map(|peak| peak.cast_signed().to_string()).collect();
    format!(
        "{{\"version\":{VERSION},\"channels\":{CHANNELS},\"sample_rate\":{rate},\"samples_per_pixel\":{},\"bits\":8,\
         \"length\":{},\"data\":[{}]}}",
        rate / per_second,
        values.len() / 2,
        values.join(",")
    )
}

/// The binary form.
pub fn binary(peaks: &[u8], per_second: u32) -> Vec<u8> {
    let rate = sample_rate(per_second);
    let peaks = pairs(peaks);
    let mut bytes = Vec::with_capacity(24 + peaks.len());
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(EIGHT_BITS.to_le_bytes());
    bytes.extend(rate.cast_signed().to_le_bytes());
    bytes.extend((rate / per_second).cast_signed().to_le_bytes());
    bytes.extend(((peaks.len() / 2) as u32).to_le_bytes());
    bytes.extend(CHANNELS.to_le_bytes());
    bytes.extend(peaks);
    bytes
}

/// Whole pairs; half a one at the end is none.
fn pairs(peaks: &[u8]) -> &[u8] {
    &peaks[..peaks.len() / 2 * 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let peaks = [0x80, 0x7f, 0xff, 0x01, 0x05];
        let expected = "{\"version\":2,\"channels\":1,\"sample_rate\":48000,\"samples_per_pixel\":2400,\"bits\":8,\
            \"length\":2,\"data\":[-128,127,-1,1]}";
        assert_eq!(json(&peaks, 20), expected);
        let mut header = Vec::new();
        for number in [2_u32, 1, 48_000, 2400, 2, 1] {
            header.extend(number.to_le_bytes());
        }
        let bytes = binary(&peaks, 20);
        assert_eq!(bytes[..24], header);
        assert_eq!(bytes[24..], peaks[..4]);
    }
}

//! How much moves before a camera: each keyframe is decoded alone and held against the one before, place by place.

use media_av::decode::{Decoder, Rules};
use media_av::encode::{Frame, Packet};
use media_av::stream::StreamView;
use media_proto::error::MediaError;
use media_proto::job::Limits;

use crate::container::DECODERS;
use crate::open::av_error;
use crate::survey::lens::{Known, Lens};

/// By how much a place must have changed, of 255, beyond what all places have together. Noise and compression stay below.
const CHANGED: i32 = 12;

/// What looks at keyframes.
pub struct Motion {
    decoder: Decoder,
    lens: Lens,
    frame: Frame,
    before: Option<Vec<u8>>,
}

impl Motion {
    /// For a stream of pictures.
    pub fn of(stream: StreamView<'_>, limits: &Limits) -> Result<Self, MediaError> {
        let rules = Rules {
            codecs: DECODERS,
            max_pixels: limits.max_pixels,
            n_threads: 1,
        };
        Ok(Self {
            decoder: Decoder::open(stream, &rules).map_err(|reason| MediaError::Unsupported { reason })?,
            lens: Lens::new(Known::default()),
            frame: Frame::empty().map_err(av_error)?,
            before: None,
        })
    }

    /// What share of the places has changed since the keyframe before, in percent; nothing for the first one, and for one that
    /// does not decode.
    pub fn look(&mut self, keyframe: &Packet) -> Result<Option<u8>, MediaError> {
        self.decoder.flush();
        let is_sent = self.decoder.send(Some(keyframe)).is_ok() && self.decoder.send(None).is_ok();
        if !is_sent || !self.decoder.receive(&mut self.frame).unwrap_or(false) {
            return Ok(None);
        }
        let now = self.lens.glance(&self.frame)?;
        let score = self.before.as_deref().map(|before| changed(before, &now));
        self.before = Some(now);
        Ok(score)
    }
}

/// The share of places that changed otherwise than all together, in percent: a cloud before the sun moves nothing.
fn changed(before: &[u8], now: &[u8]) -> u8 {
    let n = before.len().min(now.len()).max(1);
    let differences = || {
        before
            .iter()
            .zip(now)
            .map(|(before, now)| i32::from(*now) - i32::from(*before))
    };
    let mut sorted: Vec<i32> = differences().collect();
    sorted.sort_unstable();
    let common = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
    let n_changed = differences()
        .filter(|difference| (difference - common).abs() > CHANGED)
        .count();
    (n_changed * 100).div_ceil(n).min(100) as u8
}

#[cfg(test)]
mod tests {
    use super::changed;

    #[test]
    fn what_moves_counts_and_what_brightens_does_not() {
        let still: Vec<u8> = (0..576).map(|i| (i * 7 % 200) as u8).collect();
        assert_eq!(changed(&still, &still), 0);
        let brighter: Vec<u8> = still.iter().map(|luma| luma + 40).collect();
        assert_eq!(changed(&still, &brighter), 0);
        let mut noisy = still.clone();
        noisy.iter_mut().step_by(3).for_each(|luma| *luma += 5);
        assert_eq!(changed(&still, &noisy), 0);
        let mut moved = still.clone();
        moved[100..130].iter_mut().for_each(|luma| *luma ^= 0x80);
        assert_eq!(changed(&still, &moved), 6);
    }
}

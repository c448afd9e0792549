//! Sound in another rate, with other channels, as planes of floats.

use std::ffi::c_int;
use std::ptr;

use ffmpeg_next::ffi;

use crate::compat::{self, number};
use crate::encode::{Frame, SampleFormat};
use crate::error::AvError;
use crate::sound::SoundFacts;

/// Turns sound of one kind into planes of floats, with the filter's delay taken out.
pub struct Resampler {
    context: *mut ffi::SwrContext,
    from: (c_int, SoundFacts),
    channels: u32,
    rate: u32,
}

impl Resampler {
    /// A resampler for sound like this frame's.
    pub fn new(like: &Frame, channels: u32, rate: u32) -> Result<Self, AvError> {
        let facts = like.sound_facts().ok_or(AvError(ffi::AVERROR_INVALIDDATA))?;
        // SAFETY: a fresh context, ours; libav copies both layouts.
        unsafe {
            let mut context = ptr::null_mut();
            let mut from: ffi::AVChannelLayout = std::mem::zeroed();
            let mut to: ffi::AVChannelLayout = std::mem::zeroed();
            if number!((*like.0).ch_layout.order) == 0 {
                ffi::av_channel_layout_default(&mut from, facts.channels as c_int);
            } else {
                AvError::check(ffi::av_channel_layout_copy(&mut from, &raw const (*like.0).ch_layout))?;
            }
            ffi::av_channel_layout_default(&mut to, channels as c_int);
            let format = compat::sample_format((*like.0).format).ok_or(AvError(ffi::AVERROR_INVALIDDATA))?;
            let allocated = ffi::swr_alloc_set_opts2(
                &mut context,
                &mut to,
                ffi::AVSampleFormat::AV_SAMPLE_FMT_FLTP,
                rate as c_int,
                &mut from,
                format,
                facts.sample_rate as c_int,
                0,
                ptr::null_mut(),
            );
            ffi::av_channel_layout_uninit(&mut from);
            AvError::check(allocated)?;
            let this = Self {
                context,
                from: ((*like.0).format, facts),
                channels,
                rate,
            };
            AvError::check(ffi::swr_init(this.context))?;
            Ok(this)
        }
    }

    /// Whether the frame is of the kind it was made for.
    pub fn fits(&self, frame: &Frame) -> bool {
        // SAFETY: a plain field.
        let format = unsafe { (*frame.0).format };
        let (of, kind) = self.from;
        let same = |facts: SoundFacts| (facts.channels, facts.sample_rate) == (kind.channels, kind.sample_rate);
        format == of && frame.sound_facts().is_some_and(same)
    }

    /// Appends what a frame gives to one buffer for each channel, or with none what the filter still holds.
    pub fn convert(&mut self, frame: Option<&Frame>, into: &mut [Vec<f32>]) -> Result<(), AvError> {
        assert_eq!(into.len(), self.channels as usize, "a buffer for each channel");
        let n_in = match frame {
            Some(frame) if self.fits(frame) => frame.sound_facts().map_or(0, |facts| facts.n_samples),
            Some(_) => return Err(AvError(ffi::AVERROR_INVALIDDATA)),
            None => 0,
        };
        // SAFETY: the frame made here has room for what libav announces at most; the other has that many samples.
        unsafe {
            let room = ffi::swr_get_out_samples(self.context, n_in as c_int).max(0) as usize + 32;
            let out = Frame::sound(SampleFormat::FloatPlanar, self.channels, self.rate, room)?;
            let data = frame.map_or(ptr::null_mut(), |frame| (*frame.0).extended_data);
            let n = ffi::swr_convert(
                self.context,
                (*out.0).extended_data,
                room as c_int,
                data.cast(),
                n_in as c_int,
            );
            let n = AvError::check(n)? as usize;
            for (channel, buffer) in into.iter_mut().enumerate() {
                let plane = (*(*out.0).extended_data.add(channel)).cast::<f32>();
                buffer.extend_from_slice(std::slice::from_raw_parts(plane, n.min(room)));
            }
        }
        Ok(())
    }
}

impl Drop for Resampler {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { ffi::swr_free(&mut self.context) }
    }
}

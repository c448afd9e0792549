//! Decoded sound: its facts, its samples as numbers, and a resampler to one low-rate channel.

use std::ffi::c_int;
use std::ptr;
use std::slice;

use ffmpeg_next::ffi;

use crate::compat::number;
use crate::encode::Frame;
use crate::error::AvError;

/// What a frame of sound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoundFacts {
    /// Samples in each channel.
    pub n_samples: usize,
    /// How many channels.
    pub channels: usize,
    /// Samples per second.
    pub sample_rate: u32,
}

/// Where a channel's sound comes from, as far as loudness cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In front, above, or unknown.
    Front,
    /// Beside or behind the listener.
    Surround,
    /// Low frequency effects.
    Bass,
}

impl Frame {
    /// What it is; none for what is no sensible sound.
    pub fn sound_facts(&self) -> Option<SoundFacts> {
        // SAFETY: plain fields of our own frame.
        let (n, channels, rate) = unsafe {
            let frame = self.0;
            (
                (*frame).nb_samples,
                (*frame).ch_layout.nb_channels,
                (*frame).sample_rate,
            )
        };
        (n > 0 && (1..=64).contains(&channels) && rate > 0).then_some(SoundFacts {
            n_samples: n as usize,
            channels: channels as usize,
            sample_rate: rate as u32,
        })
    }

    /// Where each channel belongs; none if the order of channels is unknown.
    pub fn places(&self) -> Option<Vec<Place>> {
        // SAFETY: our own frame; libav checks the index, and answers with any number.
        unsafe {
            let layout = &raw const (*self.0).ch_layout;
            if number!((*layout).order) == 0 {
                return None;
            }
            let place = |index| match crate::compat::channel_at(layout, index) {
                3 | 35 => Place::Bass,
                // Back left, right and center, side left and right, top back, surround direct.
                4 | 5 | 8 | 9 | 10 | 15..=17 | 33 | 34 => Place::Surround,
                _ => Place::Front,
            };
            Some((0..(*layout).nb_channels.max(0) as u32).map(place).collect())
        }
    }

    /// Writes each channel's samples, full scale being −1 to 1, into its own buffer. False for a format that libav does
    /// not have yet.
    pub fn copy_channels(&self, into: &mut Vec<Vec<f32>>) -> bool {
        let Some(facts) = self.sound_facts() else { return false };
        into.resize_with(facts.channels, Vec::new);
        // SAFETY: plain field of our own frame.
        let format = unsafe { (*self.0).format };
        for (channel, samples) in into.iter_mut().enumerate() {
            samples.clear();
            // SAFETY: the type belongs to the format, by libav's list of sample formats.
            unsafe {
                match format {
                    0 => samples.extend(
                        self.interleaved::<u8>(channel, facts)
                            .map(|s| (f32::from(s) - 128.0) / 128.0),
                    ),
                    1 => samples.extend(self.interleaved::<i16>(channel, facts).map(|s| f32::from(s) / 32_768.0)),
                    2 => samples.extend(
                        self.interleaved::<i32>(channel, facts)
                            .map(|s| s as f32 / 2_147_483_648.0),
                    ),
                    3 => samples.extend(self.interleaved::<f32>(channel, facts)),
                    4 => samples.extend(self.interleaved::<f64>(channel, facts).map(|s| s as f32)),
                    5 => samples.extend(
                        self.planar::<u8>(channel, facts)
                            .iter()
                            .map(|&s| (f32::from(s) - 128.0) / 128.0),
                    ),
                    6 => samples.extend(
                        self.planar::<i16>(channel, facts)
                            .iter()
                            .map(|&s| f32::from(s) / 32_768.0),
                    ),
                    7 => samples.extend(
                        self.planar::<i32>(channel, facts)
                            .iter()
                            .map(|&s| s as f32 / 2_147_483_648.0),
                    ),
                    8 => samples.extend_from_slice(self.planar::<f32>(channel, facts)),
                    9 => samples.extend(self.planar::<f64>(channel, facts).iter().map(|&s| s as f32)),
                    _ => return false,
                }
            }
        }
        true
    }

    /// # Safety
    /// `T` is what the frame's format stores, channels interleaved.
    unsafe fn interleaved<T: Copy + 'static>(&self, channel: usize, facts: SoundFacts) -> impl Iterator<Item = T> {
        // SAFETY: by the caller; libav keeps all samples in the first plane, aligned beyond any sample's need.
        let samples = unsafe {
            let data = (*self.0).data[0].cast::<T>();
            match data.is_null() {
                true => &[],
                false => slice::from_raw_parts(data, facts.n_samples * facts.channels),
            }
        };
        samples.iter().skip(channel).step_by(facts.channels).copied()
    }

    /// # Safety
    /// `T` is what the frame's format stores, a plane for each channel.
    unsafe fn planar<T: 'static>(&self, channel: usize, facts: SoundFacts) -> &[T] {
        // SAFETY: by the caller; `extended_data` has a plane for each channel.
        unsafe {
            let data = (*(*self.0).extended_data.add(channel)).cast::<T>();
            match data.is_null() {
                true => &[],
                false => slice::from_raw_parts(data, facts.n_samples),
            }
        }
    }
}

/// Turns any sound into one channel of 16-bit samples at another rate, with the short filter that Chromaprint's own
/// reader uses: fingerprints are compared with those that it made.
pub struct Monitor {
    context: *mut ffi::SwrContext,
    facts: SoundFacts,
    format: c_int,
    rate: u32,
    buffer: Vec<i16>,
}

impl Monitor {
    /// A resampler for sound like this frame's.
    pub fn new(frame: &Frame, rate: u32) -> Result<Self, AvError> {
        let facts = frame.sound_facts().ok_or(AvError(ffi::AVERROR_INVALIDDATA))?;
        // SAFETY: a fresh context, ours; libav copies both layouts.
        let monitor = unsafe {
            let mut context = ptr::null_mut();
            let mut from: ffi::AVChannelLayout = std::mem::zeroed();
            let mut to: ffi::AVChannelLayout = std::mem::zeroed();
            if number!((*frame.0).ch_layout.order) == 0 {
                ffi::av_channel_layout_default(&mut from, facts.channels as c_int);
            } else {
                AvError::check(ffi::av_channel_layout_copy(&mut from, &raw const (*frame.0).ch_layout))?;
            }
            ffi::av_channel_layout_default(&mut to, 1);
            let format = crate::compat::sample_format((*frame.0).format).ok_or(AvError(ffi::AVERROR_INVALIDDATA))?;
            // Later versions take constant pointers, to which these turn by themselves.
            let allocated = ffi::swr_alloc_set_opts2(
                &mut context,
                &mut to,
                ffi::AVSampleFormat::AV_SAMPLE_FMT_S16,
                rate as c_int,
                &mut from,
                format,
                facts.sample_rate as c_int,
                0,
                ptr::null_mut(),
            );
            ffi::av_channel_layout_uninit(&mut from);
            AvError::check(allocated)?;
            Self {
                context,
                facts,
                format: (*frame.0).format,
                rate,
                buffer: Vec::new(),
            }
        };
        for (option, value) in [(c"filter_size", 16), (c"phase_shift", 8), (c"linear_interp", 1)] {
            // SAFETY: the context is an object with options.
            AvError::check(unsafe { ffi::av_opt_set_int(monitor.context.cast(), option.as_ptr(), value, 0) })?;
        }
        // SAFETY: as above.
        unsafe {
            AvError::check(ffi::av_opt_set_double(
                monitor.context.cast(),
                c"cutoff".as_ptr(),
                0.8,
                0,
            ))?;
            AvError::check(ffi::swr_init(monitor.context))?;
        }
        Ok(monitor)
    }

    /// Whether the frame is of the kind it was made for.
    pub fn fits(&self, frame: &Frame) -> bool {
        // SAFETY: plain field.
        let format = unsafe { (*frame.0).format };
        let same =
            |facts: SoundFacts| (facts.channels, facts.sample_rate) == (self.facts.channels, self.facts.sample_rate);
        format == self.format && frame.sound_facts().is_some_and(same)
    }

    /// The samples that a frame gives, or with none those that the filter still holds.
    pub fn resample(&mut self, frame: Option<&Frame>) -> Result<&[i16], AvError> {
        let n_in = match frame {
            Some(frame) if self.fits(frame) => frame.sound_facts().map_or(0, |facts| facts.n_samples),
            Some(_) => return Err(AvError(ffi::AVERROR_INVALIDDATA)),
            None => 0,
        };
        // SAFETY: the buffer has room for what libav announces at most; the frame has that many samples.
        unsafe {
            let held = ffi::swr_get_delay(self.context, i64::from(self.rate)).max(0) as usize;
            let room = held + n_in * self.rate as usize / self.facts.sample_rate.max(1) as usize + 64;
            self.buffer.resize(room, 0);
            let mut out = self.buffer.as_mut_ptr().cast::<u8>();
            let data = frame.map_or(ptr::null_mut(), |frame| (*frame.0).extended_data);
            let n = ffi::swr_convert(self.context, &mut out, room as c_int, data.cast(), n_in as c_int);
            let n = AvError::check(n)? as usize;
            Ok(&self.buffer[..n.min(room)])
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { ffi::swr_free(&mut self.context) }
    }
}

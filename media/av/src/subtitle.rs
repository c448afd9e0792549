//! Decoding of text subtitles. libav turns each kind into lines of ASS, which is the only form that all of them have.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::slice;

use ffmpeg_next::ffi;

use crate::decode::Decoder;
use crate::encode::Packet;
use crate::error::AvError;
use crate::text;

/// What one packet shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// Events as ASS has them in Matroska: eight fields, then the text.
    pub events: Vec<String>,
    /// From the packet's time to the first moment that shows it, in milliseconds.
    pub delay_ms: u32,
    /// From the packet's time to the last, in milliseconds; none if it is not said.
    pub until_ms: Option<u32>,
}

/// More pieces at a time than any subtitle has.
const MAX_PIECES: usize = 256;

impl Decoder {
    /// What a packet of a text subtitle shows; none if nothing.
    pub fn subtitle(&mut self, packet: &mut Packet) -> Result<Option<Lines>, AvError> {
        let mut subtitle = MaybeUninit::<ffi::AVSubtitle>::zeroed();
        let mut got: c_int = 0;
        // SAFETY: an open decoder of subtitles and a packet of ours; zeros are a valid empty subtitle, which libav fills and
        // which is freed in every case where it says that it did.
        unsafe {
            let decoded = ffi::avcodec_decode_subtitle2(self.raw(), subtitle.as_mut_ptr(), &mut got, packet.0);
            AvError::check(decoded)?;
            if got == 0 {
                return Ok(None);
            }
            let filled = subtitle.as_ptr();
            let n = ((*filled).num_rects as usize).min(MAX_PIECES);
            let pieces: &[*mut ffi::AVSubtitleRect] = match (*filled).rects.is_null() {
                true => &[],
                false => slice::from_raw_parts((*filled).rects, n),
            };
            let events = pieces.iter().filter(|piece| !piece.is_null());
            let events = events.filter_map(|piece| text::owned((**piece).ass)).collect();
            let lines = Lines {
                events,
                delay_ms: (*filled).start_display_time,
                until_ms: Some((*filled).end_display_time).filter(|&ms| ms > 0 && ms != u32::MAX),
            };
            ffi::avsubtitle_free(subtitle.as_mut_ptr());
            Ok(Some(lines))
        }
    }
}

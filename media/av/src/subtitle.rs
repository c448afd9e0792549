//! Decoding of subtitles: text, which libav turns into lines of ASS whatever its kind, as only these hold all of it; and
//! pictures in at most 256 colors.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::slice;

use ffmpeg_next::ffi;

use crate::compat::number;
use crate::decode::Decoder;
use crate::encode::Packet;
use crate::error::AvError;
use crate::input::known;
use crate::text;

/// What one packet shows as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// Events as ASS has them in Matroska: eight fields, then the text.
    pub events: Vec<String>,
    /// From the packet's time to the first moment that shows it, in milliseconds.
    pub delay_ms: u32,
    /// From the packet's time to the last, in milliseconds; none if it is not said.
    pub until_ms: Option<u32>,
}

/// What one packet shows as pictures; nothing from then on if there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pictures {
    /// All that is to be seen, in the order of drawing.
    pub pieces: Vec<Piece>,
    /// The packet's time in microseconds on the file's own clock, if it is known.
    pub at_us: Option<i64>,
    /// From then to the first moment that shows it, in milliseconds.
    pub delay_ms: u32,
    /// From then to the last, in milliseconds; none if it is not said.
    pub until_ms: Option<u32>,
}

/// A rectangle of pixels on the canvas of subtitles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// From the canvas's left edge, in pixels.
    pub x: u32,
    /// From its upper edge.
    pub y: u32,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Row by row, places in the palette.
    pub pixels: Vec<u8>,
    /// Red, green, blue and alpha, not multiplied by it; of all 256 places.
    pub palette: Vec<[u8; 4]>,
}

/// More pieces at a time than any subtitle has.
const MAX_PIECES: usize = 256;
/// No canvas is larger, on any side.
const MAX_SIDE: c_int = 8192;
/// Colors in a palette.
const N_COLORS: usize = 256;

impl Decoder {
    /// What a packet of a text subtitle shows; none if nothing.
    pub fn subtitle(&mut self, packet: &mut Packet) -> Result<Option<Lines>, AvError> {
        self.decode_subtitle(packet, |subtitle, pieces| {
            // SAFETY: libav ends its texts with a zero byte.
            let events = pieces.filter_map(|piece| unsafe { text::owned(piece.ass) }).collect();
            Lines {
                events,
                delay_ms: subtitle.start_display_time,
                until_ms: until_ms(subtitle),
            }
        })
    }

    /// What a packet of an image subtitle shows; none if it changes nothing.
    pub fn subtitle_pictures(&mut self, packet: &mut Packet) -> Result<Option<Pictures>, AvError> {
        self.decode_subtitle(packet, |subtitle, pieces| Pictures {
            // SAFETY: pieces of a subtitle that libav has just filled.
            pieces: pieces.filter_map(|piece| unsafe { picture(piece) }).collect(),
            at_us: known(subtitle.pts),
            delay_ms: subtitle.start_display_time,
            until_ms: until_ms(subtitle),
        })
    }

    /// The size of the canvas that the pieces lie on, if the subtitles say it.
    pub fn canvas(&self) -> Option<(u32, u32)> {
        // SAFETY: plain fields of an open decoder.
        let (width, height) = unsafe { ((*self.context).width, (*self.context).height) };
        (width > 0 && height > 0).then_some((width as u32, height as u32))
    }

    fn decode_subtitle<T>(
        &mut self,
        packet: &mut Packet,
        take: impl FnOnce(&ffi::AVSubtitle, &mut dyn Iterator<Item = &ffi::AVSubtitleRect>) -> T,
    ) -> Result<Option<T>, AvError> {
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
            let mut pieces = pieces.iter().filter_map(|piece| piece.as_ref());
            let taken = take(&*filled, &mut pieces);
            ffi::avsubtitle_free(subtitle.as_mut_ptr());
            Ok(Some(taken))
        }
    }
}

fn until_ms(subtitle: &ffi::AVSubtitle) -> Option<u32> {
    Some(subtitle.end_display_time).filter(|&ms| ms > 0 && ms != u32::MAX)
}

/// # Safety
/// `piece` is of a subtitle that libav has filled: a bitmap has `h` rows of at least `w` bytes, and a palette of 256 colors.
unsafe fn picture(piece: &ffi::AVSubtitleRect) -> Option<Piece> {
    // SAFETY: a plain field.
    let kind = unsafe { number!(piece.type_) };
    let (stride, is_bitmap) = (piece.linesize[0], kind == ffi::AVSubtitleType::SUBTITLE_BITMAP as i32);
    let is_sound = (0..=MAX_SIDE).contains(&piece.x)
        && (0..=MAX_SIDE).contains(&piece.y)
        && (1..=MAX_SIDE).contains(&piece.w)
        && (1..=MAX_SIDE).contains(&piece.h)
        && stride >= piece.w;
    if !is_bitmap || !is_sound || piece.data[0].is_null() || piece.data[1].is_null() {
        return None;
    }
    let (width, height) = (piece.w as usize, piece.h as usize);
    let mut pixels = Vec::with_capacity(width * height);
    for row in 0..height {
        // SAFETY: by this function's contract.
        pixels.extend_from_slice(unsafe { slice::from_raw_parts(piece.data[0].add(row * stride as usize), width) });
    }
    // SAFETY: by this function's contract; decoders allocate all 256 places.
    let colors = unsafe { slice::from_raw_parts(piece.data[1], N_COLORS * 4) };
    let color = |bytes: &[u8]| {
        let [alpha, red, green, blue] = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).to_be_bytes();
        [red, green, blue, alpha]
    };
    Some(Piece {
        x: piece.x as u32,
        y: piece.y as u32,
        width: piece.w as u32,
        height: piece.h as u32,
        pixels,
        palette: colors.chunks_exact(4).map(color).collect(),
    })
}

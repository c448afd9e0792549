//! Where packets lie in time: the container's own index, and walks over packets that need no payload.

use ffmpeg_next::ffi;

use crate::error::AvError;
use crate::input::{Input, known};

/// An entry of a container's index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexEntry {
    /// In ticks of the stream: the time of decoding in mp4 and mov, of presentation in Matroska.
    pub timestamp: i64,
    /// Where it begins in the file.
    pub position: i64,
    /// Where it ends in the file; where it begins, if its size is unknown.
    pub end: i64,
    /// Whether decoding can begin there.
    pub is_keyframe: bool,
}

/// A packet's place, in ticks of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketTime {
    /// Its stream's index.
    pub stream: usize,
    /// When it shows.
    pub pts: Option<i64>,
    /// When it is decoded.
    pub dts: Option<i64>,
    /// How long it lasts, 0 if unknown.
    pub duration: i64,
    /// Whether decoding can begin with it.
    pub is_keyframe: bool,
    /// Whether it is decoded and not shown, as what an edit list cuts off.
    pub is_hidden: bool,
    /// Its size in bytes.
    pub n_bytes: usize,
}

impl Input {
    /// The container's index of that stream as far as it is read: all of it in mp4, mov and AVI, in Matroska after a seek.
    pub fn index(&self, stream: usize) -> impl Iterator<Item = IndexEntry> {
        let n = if stream < self.n_streams() {
            // SAFETY: the index was checked.
            unsafe { ffi::avformat_index_get_entries_count(*(*self.context).streams.add(stream)) }
        } else {
            0
        };
        (0..n).filter_map(move |at| {
            // SAFETY: the stream exists, and libav gives NULL past the end; `self` is borrowed while the iterator lives.
            let entry = unsafe { ffi::avformat_index_get_entry(*(*self.context).streams.add(stream), at).as_ref() }?;
            Some(IndexEntry {
                timestamp: entry.timestamp,
                position: entry.pos,
                end: entry.pos.saturating_add(i64::from(entry.size())),
                is_keyframe: entry.flags() & ffi::AVINDEX_KEYFRAME as i32 != 0,
            })
        })
    }

    /// Lets the demuxer drop the packets of all other streams, which it does before reading them where the container
    /// allows. (Dropping what is no keyframe as well would be faster, but FFmpeg 5.1 then loses count of mp4's composition
    /// offsets and gives wrong times.)
    pub fn keep_only(&mut self, stream: usize) {
        for index in 0..self.n_streams() {
            let discard = if index == stream {
                ffi::AVDiscard::AVDISCARD_DEFAULT
            } else {
                ffi::AVDiscard::AVDISCARD_ALL
            };
            // SAFETY: a plain field of an existing stream.
            unsafe { (**(*self.context).streams.add(index)).discard = discard };
        }
    }

    /// From now on packets come with their times and without content: nothing is read from the file any more, and no
    /// parser looks at them. Only where the index that is read already says where all packets lie, as in mp4; anything
    /// else would take zeros for structure.
    pub fn skip_payloads(&mut self) {
        self.io.state_mut().hollow = true;
        // SAFETY: plain field.
        unsafe { (*self.context).flags |= (ffi::AVFMT_FLAG_NOPARSE | ffi::AVFMT_FLAG_NOFILLIN) as i32 };
    }

    /// Goes to the keyframe at or before that time, in ticks of the stream.
    pub fn seek_back_to(&mut self, stream: usize, timestamp: i64) -> Result<(), AvError> {
        if stream >= self.n_streams() {
            return Err(AvError(ffi::AVERROR_STREAM_NOT_FOUND));
        }
        // SAFETY: the context is open and the index was checked.
        let sought =
            unsafe { ffi::av_seek_frame(self.context, stream as i32, timestamp, ffi::AVSEEK_FLAG_BACKWARD as i32) };
        AvError::check(sought)?;
        Ok(())
    }

    /// Goes to the keyframe at or before that time, in microseconds.
    pub fn seek_us(&mut self, stream: usize, time_us: i64) -> Result<(), AvError> {
        let base = self.streams().nth(stream).map(|view| view.time_base());
        let Some((num, den)) = base.filter(|&(num, den)| num > 0 && den > 0) else {
            return Err(AvError(ffi::AVERROR_STREAM_NOT_FOUND));
        };
        let ticks = i128::from(time_us) * i128::from(den) / (i128::from(num) * 1_000_000);
        self.seek_back_to(stream, i64::try_from(ticks).unwrap_or(i64::MAX))
    }

    /// The next packet's place; none at the end. Damaged stretches are an error after which one may go on.
    pub fn next_time(&mut self) -> Result<Option<PacketTime>, AvError> {
        // SAFETY: a fresh packet each time, freed in every case; its fields are plain.
        unsafe {
            let mut packet = ffi::av_packet_alloc();
            if packet.is_null() {
                return Err(AvError::NO_MEMORY);
            }
            let read = ffi::av_read_frame(self.context, packet);
            let result = match AvError::check(read) {
                Err(error) if error.is_end() => Ok(None),
                Err(error) => Err(error),
                Ok(_) => Ok(Some(PacketTime {
                    stream: (*packet).stream_index.max(0) as usize,
                    pts: known((*packet).pts),
                    dts: known((*packet).dts),
                    duration: (*packet).duration.max(0),
                    is_keyframe: (*packet).flags & ffi::AV_PKT_FLAG_KEY as i32 != 0,
                    is_hidden: (*packet).flags & ffi::AV_PKT_FLAG_DISCARD as i32 != 0,
                    n_bytes: (*packet).size.max(0) as usize,
                })),
            };
            ffi::av_packet_free(&mut packet);
            result
        }
    }
}

//! What was measured of a file's content. A row is of the file as it is now while `size` and `mtime_ns` are the file's.

use sea_orm::entity::prelude::*;

use crate::id::FileId;

/// A row of `file_analysis`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "file_analysis")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub file_id: FileId,
    /// The size of the file that was measured.
    pub size: i64,
    /// The modification time of the file that was measured.
    pub mtime_ns: i64,
    /// The way of measuring; raised when values of before do not compare with those of after.
    pub version: i32,
    /// The 64-bit perceptual hash of the whole video or of the image, its bits as a signed number.
    pub phash: Option<i64>,
    /// Chromaprint's words, packed by [`pack_words`].
    pub audio_fingerprint: Option<Vec<u8>>,
    /// Integrated loudness after EBU R128.
    pub loudness_lufs: Option<f64>,
    pub loudness_range_lu: Option<f64>,
    pub true_peak_dbtp: Option<f64>,
    /// Where scenes begin, in microseconds, packed by [`pack_times`].
    pub scenes: Option<Vec<u8>>,
    /// Black stretches: start and end in turn, packed by [`pack_times`].
    pub black: Option<Vec<u8>>,
    /// Silent stretches: start and end in turn, packed by [`pack_times`].
    pub silence: Option<Vec<u8>>,
    pub made_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}

/// Words as bytes, the low byte of each first.
pub fn pack_words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The words of [`pack_words`]; what is left over at the end is no word.
pub fn unpack_words(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().copied().map(u32::from_le_bytes).collect()
}

/// Times as bytes, the low byte of each first.
pub fn pack_times(times_us: &[i64]) -> Vec<u8> {
    times_us.iter().flat_map(|time| time.to_le_bytes()).collect()
}

/// The times of [`pack_times`]; what is left over at the end is no time.
pub fn unpack_times(bytes: &[u8]) -> Vec<i64> {
    bytes.as_chunks().0.iter().copied().map(i64::from_le_bytes).collect()
}

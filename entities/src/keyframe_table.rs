//! Where a file's video can be cut. A row is of the file as it is now while `size` and `mtime_ns` are the file's.

use sea_orm::entity::prelude::*;

use crate::{file, id::FileId, stream};

/// The way of finding keyframes; raised when tables of before are not to be believed any more.
pub const VERSION: i32 = 1;

/// A row of `keyframe_table`: the table of a file's main video stream, or that there is none.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "keyframe_table")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub file_id: FileId,
    /// The size of the file that was looked at.
    pub size: i64,
    /// The modification time of the file that was looked at.
    pub mtime_ns: i64,
    /// See [`VERSION`].
    pub version: i32,
    /// The stream's position in the file.
    pub stream_index: i32,
    /// Seconds per tick, as numerator and denominator: the unit of all times here.
    pub time_base_num: i32,
    pub time_base_den: i32,
    /// The first time shown.
    pub start_pts: i64,
    /// Where the last frame ends, if known.
    pub end_pts: Option<i64>,
    /// How many frames decode before they show, at most.
    pub reorder_depth: i32,
    /// Whether the container's index said so rather than a scan of all packets.
    pub is_from_index: bool,
    /// How many keyframes there are; 0 for a file without an order to cut by.
    pub n_keyframes: i32,
    /// The keyframes' presentation times, each as its distance to the one before, packed by [`pack`].
    pub deltas: Vec<u8>,
    /// Why there are none, for a person.
    pub reason: Option<String>,
    pub made_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Whether it says where this stream can be cut, in the file as it is now.
    pub fn is_of(&self, file: &file::Model, stream: &stream::Model) -> bool {
        (self.size, self.mtime_ns, self.version) == (file.size, file.mtime_ns, VERSION)
            && self.stream_index == stream.index
            && (self.time_base_num, self.time_base_den) == (stream.time_base_num, stream.time_base_den)
            && self.n_keyframes > 0
    }
}

/// Numbers as bytes: seven bits each, low ones first, the sign as the lowest bit. Two or three bytes for most distances.
pub fn pack(numbers: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() * 3);
    for &number in numbers {
        let mut rest = ((number << 1) ^ (number >> 63)) as u64;
        while rest >= 0x80 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }
    bytes
}

/// The numbers of [`pack`]; none if the bytes are not its.
pub fn unpack(bytes: &[u8]) -> Option<Vec<i64>> {
    let mut numbers = Vec::with_capacity(bytes.len() / 2);
    let (mut number, mut shift) = (0u64, 0);
    for &byte in bytes {
        // The tenth byte holds the last of 64 bits.
        if shift == 63 && byte > 1 {
            return None;
        }
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            numbers.push((number >> 1) as i64 ^ -((number & 1) as i64));
            (number, shift) = (0, 0);
        } else {
            shift += 7;
        }
    }
    (shift == 0).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};

    #[test]
    fn numbers_come_back_and_distances_are_short() {
        let numbers = [0, 1, -1, 63, 64, -64, -65, 12_800, i64::MAX, i64::MIN, 90_000];
        assert_eq!(unpack(&pack(&numbers)).as_deref(), Some(&numbers[..]));
        assert_eq!(pack(&[63, -64]), [126, 127], "one byte up to 63");
        assert_eq!(pack(&[2_000; 100]).len(), 200, "two seconds in milliseconds");
        assert_eq!(unpack(&[]), Some(vec![]));
    }

    #[test]
    fn other_bytes_are_no_numbers() {
        assert_eq!(unpack(&[0x80]), None, "ends within a number");
        assert_eq!(unpack(&[0xff; 10]), None, "more than 64 bits");
        assert_eq!(unpack(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]), None);
    }
}

//! Models of the tables that only this plugin reads.

#![allow(
    missing_docs,
    reason = "a column's name documents it; where that is not enough, it has a comment"
)]

pub mod picture_failure;
pub mod picture_object;
pub mod picture_part;
pub mod picture_set;
pub mod picture_still;

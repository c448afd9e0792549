//! Indexes in memory that answer "what is near this?" for perceptual hashes and audio fingerprints. They know numbers
//! alone: no database and no file.

pub mod hashes;
pub mod words;

//! Media items: videos, images and sounds, with their files, streams and edges.

pub mod card;
pub mod codes;
pub mod connection;
pub mod contracts;
pub mod file;
pub mod filter;
pub mod inputs;
pub mod mutations;
pub mod nested;
pub mod page;
pub mod playback;
pub mod primary;
pub mod queries;
pub mod relevance;
pub mod rules;
pub mod shuffle;
pub mod sort;
pub mod stream;
pub mod tally;
pub mod types;

//! Media items: videos, images and sounds, with their files, streams and edges.

pub mod card;
pub mod changes;
pub mod codes;
pub mod connection;
pub mod contracts;
pub mod facets;
pub mod file;
pub mod filter;
pub mod highlights;
pub mod inputs;
pub mod mutations;
pub mod nested;
pub mod page;
pub mod playback;
pub mod primary;
pub mod queries;
pub mod relevance;
pub mod resolution;
pub mod results;
pub mod rules;
pub mod selection;
pub mod shuffle;
pub mod sort;
pub mod stream;
pub mod tally;
pub mod types;

//! The server's side of media work: a pool of sandboxed workers, and what happens when a file breaks one.
//!
//! This crate links no libav, knows no database and opens no file: it takes descriptors, sends them to
//! `vitagraph-media`, and checks whatever comes back. It is the only place that starts a child process.

mod breaker;
pub mod engine;
pub mod playlist;
mod pool;
pub mod progress;
pub mod quarantine;
mod reply;
pub mod source;
mod worker;
mod zygote;

//! The server's side of media work: a pool of sandboxed workers, and what happens when a file breaks one.
//!
//! This crate links no libav, knows no database and opens no media file: it takes descriptors, sends them to
//! `vitagraph-media`, and checks whatever comes back. It is the only place that starts a child process.

mod breaker;
pub mod budget;
pub mod calibration;
pub mod capture;
pub mod clip;
mod config;
pub mod devices;
pub mod engine;
pub mod foreign;
pub mod head;
mod page;
pub mod playlist;
mod pool;
mod process;
pub mod progress;
pub mod quarantine;
mod queue;
mod reply;
pub mod source;
pub mod stats;
pub mod transcode;
mod watch;
mod worker;
mod zygote;

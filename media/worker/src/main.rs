//! `vitagraph-media`: the program that reads untrusted media, started by the server and by nobody else.
//!
//! It runs as a zygote that forks sandboxed workers; each worker does one job at a time. Started as `vitagraph-media
//! hardware` it is one worker that may talk to drivers, and as `vitagraph-media foreign` it shuts another's program in.
//! Nothing else is configured by its command line or environment: the server speaks to it over its standard input.

mod alone;
mod archive;
mod calibrate;
mod capture;
mod clip;
mod codec_string;
mod confine;
mod container;
mod control;
mod exif;
mod faults;
mod foreign;
mod hardware;
mod head;
mod headers;
mod heif_file;
mod keyframes;
mod open;
mod paint;
mod probe;
mod sandbox;
mod serve;
mod subtitles;
mod survey;
mod synthesize;
mod sys;
mod transcode;
mod zygote;

use std::io::Write;
use std::process::ExitCode;

use media_proto::HARDWARE_ARGUMENT;
use media_proto::foreign::{INMATE_ARGUMENT, KEEPER_ARGUMENT};

fn main() -> ExitCode {
    let argument = std::env::args_os().nth(1);
    let worked = match argument.as_ref().and_then(|argument| argument.to_str()) {
        Some(HARDWARE_ARGUMENT) => alone::run().map(|()| ExitCode::SUCCESS),
        Some(KEEPER_ARGUMENT) => foreign::keep(),
        Some(INMATE_ARGUMENT) => return foreign::become_program(),
        _ => zygote::run().map(|()| ExitCode::SUCCESS),
    };
    worked.unwrap_or_else(|error| {
        // The pipe may be gone with the server, which is no reason to fail differently.
        let _ = writeln!(std::io::stderr(), "vitagraph-media: {error:#}");
        ExitCode::FAILURE
    })
}

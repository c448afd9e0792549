//! `vitagraph-media`: the program that reads untrusted media, started by the server and by nobody else.
//!
//! It runs as a zygote that forks sandboxed workers; each worker does one job at a time. Started as `vitagraph-media
//! hardware` it is one worker that may talk to drivers. Nothing else is configured by its command line or environment: the
//! server speaks to it over the socket that is its standard input.

mod alone;
mod archive;
mod calibrate;
mod capture;
mod clip;
mod codec_string;
mod container;
mod control;
mod exif;
mod faults;
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

fn main() -> ExitCode {
    let is_hardware = std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == HARDWARE_ARGUMENT);
    match if is_hardware { alone::run() } else { zygote::run() } {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The pipe may be gone with the server, which is no reason to fail differently.
            let _ = writeln!(std::io::stderr(), "vitagraph-media: {error:#}");
            ExitCode::FAILURE
        }
    }
}

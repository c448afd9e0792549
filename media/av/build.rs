//! Turns the versions that ffmpeg-sys-next found in the installed headers into `cfg`s for `compat.rs`.
#![allow(
    clippy::print_stdout,
    reason = "a build script talks to cargo on its standard output"
)]

fn main() {
    for version in ["ffmpeg_6_1", "ffmpeg_7_0"] {
        println!("cargo::rustc-check-cfg=cfg({version})");
        if std::env::var(format!("DEP_FFMPEG_{}", version.to_uppercase())).is_ok_and(|found| found == "true") {
            println!("cargo::rustc-cfg={version}");
        }
    }
}

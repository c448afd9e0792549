#![no_main]
#![allow(missing_docs, reason = "a program without a main function")]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::server_frames(bytes));

//! Composition and process: the command line, settings, the one list of plugins, HTTP, telemetry and shutdown.

// Merged roots nest one future for each member, and the compiler follows them all to their end.
#![recursion_limit = "512"]

pub mod backup;
pub mod cli;
pub mod codes;
pub mod compose;
pub mod data_dir;
pub mod dev;
pub mod hardware;
pub mod http;
pub mod media;
pub mod migrate;
pub mod plugins;
pub mod provider;
pub mod quarantine;
pub mod reference;
pub mod setting_book;
pub mod settings;
pub mod telemetry;
pub mod writing;

//! The one integration binary: features through GraphQL and HTTP only, and the invariants of ARCHITECTURE.md.

// As in the server: merged roots nest one future for each member.
#![recursion_limit = "512"]
#![allow(clippy::print_stdout, reason = "tests say what they measured and what they skipped")]

mod access;
mod archives;
mod backups;
mod capture;
mod clients;
mod clips;
mod compress;
mod contract;
mod costs;
mod counters;
mod drain;
mod explain;
mod fuzz;
mod hostile;
mod kept;
mod kill;
mod manifest;
mod measure;
mod metrics;
mod moves;
mod operations;
mod organize;
mod pages;
mod panics;
mod passkeys;
mod pictures;
mod playback;
mod players;
mod process;
mod provider;
mod reference;
mod scan;
mod secrets;
mod seed;
mod settings;
mod similar;
mod store;
mod strangers;
mod stream;
mod subscribers;
mod subtitles;
mod tidy;
mod trash;
mod trust;
mod upload;
mod watch;

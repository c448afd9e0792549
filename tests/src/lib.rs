//! The harness: a server of its own for each test, on SQLite and on PostgreSQL, driven from outside by GraphQL and HTTP.

// As in the server: merged roots nest one future for each member.
#![recursion_limit = "512"]
#![allow(clippy::print_stdout, reason = "tests say what they measured and what they skipped")]

pub mod client;
pub mod database;
pub mod fixture;
pub mod library;
pub mod server;
pub mod shared;
pub mod socket;
pub mod writes;

//! The job protocol, on SQLite and PostgreSQL: each test runs on a fresh database of both.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![allow(missing_docs, reason = "a test's name says what it shows")]

mod control;
mod faults;
mod lab;
mod limits;
mod order;
mod storm;
mod watching;
mod world;

//! The one integration binary: features through GraphQL and HTTP only, and the invariants of ARCHITECTURE.md.

#![allow(clippy::print_stdout, reason = "tests say what they measured and what they skipped")]

mod access;
mod contract;
mod kill;
mod moves;
mod manifest;
mod pages;
mod scan;
mod tidy;

//! Lists of media through the whole schema, on SQLite and, where `VITAGRAPH_TEST_POSTGRES` names a server, on
//! PostgreSQL: pages, sorts, filters, statement counts and edits.

// As in the server: merged roots nest one future for each member.
#![recursion_limit = "512"]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why")]

mod contract;
mod edits;
mod explain;
mod filters;
mod sorts;
mod statements;
mod world;
